/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/meter.h"

#include "gateway/cli/cli.h"
#include "gateway/core/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define EVERY_US (US_PER_SECOND / 10)
#define BAR_MAX 30
#define TEXT_WIDTH 46    /* of all beside the bar */
#define ERASE "\r\033[K" /* ECMA-48: to the first column, and erase to the end of the line */

void meter_begin(struct meter *m, const char *doing, bool to_terminal)
{
    int64_t now = clock_mono_us();

    *m = (struct meter){.doing = doing,
                        .shown = isatty(STDERR_FILENO) && !to_terminal,
                        .began_us = now,
                        .next_us = now + EVERY_US};
}

static int bar_width(void)
{
    struct winsize size;
    int room = BAR_MAX;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        room = (int)size.ws_col - TEXT_WIDTH;
    return room > BAR_MAX ? BAR_MAX : room;
}

static void draw_bar(double done)
{
    int width = bar_width();

    if (width < 5)
        return;
    fputc('[', stderr);
    for (int i = 0; i < width; i++)
        fputc(i < (int)(done * width) ? '#' : '.', stderr);
    fputs("] ", stderr);
}

void meter_update(struct meter *m, double done, uint64_t rows)
{
    int64_t now = clock_mono_us();
    char left[CLI_NUMBER_SIZE];

    if (!m->shown || now < m->next_us)
        return;
    m->next_us = now + EVERY_US;
    fprintf(stderr, ERASE "%s ", m->doing);
    draw_bar(done);
    fprintf(stderr, "%3.0f %%", done * 100);
    if (rows > 0)
        fprintf(stderr, "  %" PRIu64 " rows", rows);
    if (done > 0.01 && now - m->began_us > US_PER_SECOND)
        fprintf(stderr, "  %s left",
                cli_age((int64_t)((double)(now - m->began_us) * (1 - done) / done), left));
    fflush(stderr);
}

void meter_end(struct meter *m)
{
    if (m->shown)
        fputs(ERASE, stderr);
}
