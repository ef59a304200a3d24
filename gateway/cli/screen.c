/* SPDX-License-Identifier: Apache-2.0 */
/* ECMA-48 control sequences, as every terminal has them. */
#include "gateway/cli/screen.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LEAST_ROWS 5

void screen_open(void)
{
    fputs("\033[?1049h\033[?25l", stdout); /* another page, no cursor */
    fflush(stdout);
}

void screen_close(void)
{
    fputs("\033[?25h\033[?1049l", stdout);
    fflush(stdout);
}

static struct winsize size_now(void)
{
    struct winsize size = {0};

    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    if (size.ws_col == 0)
        size.ws_col = 80;
    if (size.ws_row == 0)
        size.ws_row = 24;
    return size;
}

static unsigned count_lines(const char *text)
{
    unsigned n = 0;

    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

/* Characters, not bytes. */
static const char *draw_line(const char *text, unsigned width)
{
    const char *end = strchrnul(text, '\n');

    for (unsigned n = 0; text < end; text++) {
        n += ((unsigned char)*text & 0xc0) != 0x80;
        if (n > width)
            break;
        putchar(*text);
    }
    fputs("\033[K\r\n", stdout);
    return *end ? end + 1 : end;
}

static void draw_lines(const char *text, unsigned lines, unsigned width)
{
    for (; lines > 0; lines--)
        text = draw_line(text, width);
}

void screen_draw(const char *body, const char *foot)
{
    struct winsize size = size_now();
    unsigned body_lines = count_lines(body), foot_lines = count_lines(foot);
    unsigned rows = size.ws_row > LEAST_ROWS ? size.ws_row - 1U : LEAST_ROWS - 1U;
    char more[64] = "";

    fputs("\033[H", stdout);
    if (foot_lines > rows / 2 && body_lines + foot_lines > rows)
        foot_lines = rows / 2;
    if (body_lines + foot_lines > rows) {
        unsigned shown = rows - foot_lines - 1;
        snprintf(more, sizeof(more), "… %u more; a GLOB selects\n", body_lines - shown);
        body_lines = shown;
    }
    draw_lines(body, body_lines, size.ws_col);
    if (more[0])
        draw_line(more, size.ws_col);
    draw_lines(foot, foot_lines, size.ws_col);
    fputs("\033[J", stdout);
    fflush(stdout);
}
