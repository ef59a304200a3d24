/* SPDX-License-Identifier: Apache-2.0 */
/* sensorgw monitor: what a running gateway sees, live in the terminal. */
#include "config/config.h"
#include "drivers/modbus/frame.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/daemon.h"
#include "gateway/cli/interrupt.h"
#include "gateway/cli/screen.h"
#include "gateway/cli/table.h"
#include "gateway/core/clock.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EVERY_US US_PER_SECOND
#define FRAMES_EVERY_US (200 * US_PER_MS)
#define NUMBER_SIZE (CLI_NUMBER_SIZE + 8)

struct monitor {
    struct daemon *daemon;
    const char *glob; /* of sensors; NULL: all */
    const char *hex;  /* source whose frames are shown; NULL: none */
    bool once;
};

/* --- the tables --- */

static bool print_sensors(struct monitor *m, FILE *f)
{
    static const char *const titles[] = {"SENSOR", ">VALUE", "UNIT", "QUALITY",
                                         ">AGE",   "SOURCE", NULL};
    char **lines = daemon_ask(m->daemon, "sensors");
    struct table *table = table_create(titles);

    for (; lines && *lines && table; lines++) {
        char *w[6], value[CLI_NUMBER_SIZE], age[CLI_NUMBER_SIZE];
        daemon_words(*lines, w, 6);
        if (m->glob && fnmatch(m->glob, w[0], 0) != 0)
            continue;
        int64_t age_us = strtoll(w[4], NULL, 10);
        const char *number = strcmp(w[1], "-") == 0 ? "-" : cli_rounded(strtod(w[1], NULL), value);
        table_add(table, (const char *[]){w[0], number, w[2], w[3],
                                          age_us < 0 ? "-" : cli_age(age_us, age), w[5]});
    }
    if (table)
        table_print(table, f);
    table_destroy(table);
    return lines != NULL;
}

static const char *milliseconds(const char *us, char out[NUMBER_SIZE])
{
    double ms = strtod(us, NULL) / 1e3;

    if (!(ms > 0))
        return "";
    snprintf(out, NUMBER_SIZE, "%.1f ms", ms);
    return out;
}

static bool print_units(struct monitor *m, FILE *f)
{
    static const char *const titles[] = {"LINE",     ">UNIT",     "LAST",       ">ROUND TRIP",
                                         ">MEAN",    ">REQUESTS", ">NO ANSWER", ">DAMAGED",
                                         ">REFUSED", NULL};
    char **lines = daemon_ask(m->daemon, "units");
    struct table *table = table_create(titles);

    for (; lines && *lines && table; lines++) {
        char *w[9], took[NUMBER_SIZE], mean[NUMBER_SIZE];
        daemon_words(*lines, w, 9);
        table_add(table, (const char *[]){w[0], w[1], w[2], milliseconds(w[7], took),
                                          milliseconds(w[8], mean), w[3], w[4], w[5], w[6]});
    }
    if (table && table_rows(table) > 0) {
        fputc('\n', f);
        table_print(table, f);
    }
    table_destroy(table);
    return lines != NULL;
}

/* What units refuse to give. Nothing for a gateway that is older than the question. */
static bool print_isolated(struct monitor *m, FILE *f)
{
    static const char *const titles[] = {"REFUSED", "LINE",   ">UNIT", "PLACE",
                                         "ANSWER",  ">SINCE", NULL};
    char **lines = daemon_ask(m->daemon, "isolated");
    struct table *table = table_create(titles);

    for (; lines && *lines && table && strncmp(*lines, "error ", 6) != 0; lines++) {
        char *w[6], since[CLI_NUMBER_SIZE];
        daemon_words(*lines, w, 6);
        const char *answer = frame_exception_text((uint8_t)strtoul(w[4], NULL, 10));
        cli_age(clock_wall_us() - strtoll(w[5], NULL, 10), since);
        table_add(table, (const char *[]){w[2], w[0], w[1], w[3], answer, since});
    }
    if (table && table_rows(table) > 0) {
        fputc('\n', f);
        table_print(table, f);
        fputs("They are left out, and asked for again once an hour.\n", f);
    }
    table_destroy(table);
    return lines != NULL;
}

static bool print_troubles(struct monitor *m, FILE *f)
{
    char **lines = daemon_ask(m->daemon, "sources");

    for (; lines && *lines; lines++) {
        char *w[4];
        daemon_words(*lines, w, 4);
        if (*w[3])
            fprintf(f, "\n%s (%s, %s): %s\n", w[0], w[1], w[2], w[3]);
    }
    return lines != NULL;
}

static bool print_foot(struct monitor *m, FILE *f)
{
    char now[CLOCK_UTC_SIZE];

    if (!print_units(m, f) || !print_isolated(m, f) || !print_troubles(m, f))
        return false;
    fprintf(f, "\n%s  Every second; Ctrl-C ends.\n", clock_format_utc(clock_wall_us(), 0, now));
    return true;
}

/* One picture, drawn when all of it is known. */
static bool draw(struct monitor *m)
{
    char *body = NULL, *foot = NULL;
    size_t size;
    FILE *f = open_memstream(&body, &size), *g = open_memstream(&foot, &size);
    bool ok = f && g && print_sensors(m, f) && print_foot(m, g);

    if (f)
        fclose(f);
    if (g)
        fclose(g);
    if (ok)
        screen_draw(body, foot);
    free(body);
    free(foot);
    return ok;
}

static int show_tables(struct monitor *m)
{
    bool ok;

    if (m->once || !isatty(STDOUT_FILENO)) {
        do {
            ok = print_sensors(m, stdout) && print_units(m, stdout) && print_isolated(m, stdout) &&
                 print_troubles(m, stdout);
            fputs(m->once ? "" : "\n", stdout);
            fflush(stdout);
        } while (ok && !m->once && !interrupt_sleep(EVERY_US));
        return ok ? CLI_OK : CLI_FAILED;
    }
    screen_open();
    do {
        ok = draw(m);
    } while (ok && !interrupt_sleep(EVERY_US));
    screen_close();
    return ok ? CLI_OK : CLI_FAILED;
}

/* --- frames --- */

static void print_frame(char **w)
{
    int64_t us = strtoll(w[1], NULL, 10);
    time_t seconds = (time_t)(us / US_PER_SECOND);
    struct tm tm;
    char clock[16];

    localtime_r(&seconds, &tm);
    strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
    printf("%s.%03d  %s  %s\n", clock, (int)(us / US_PER_MS % 1000), *w[2] == '>' ? "->" : "<-",
           w[3]);
}

/* With --once, what passes within two seconds. The gateway still has frames of whoever looked
 * before; those are passed over. Once live, no clock is asked: it may be set back meanwhile. */
static int show_frames(struct monitor *m)
{
    int64_t until = m->once ? clock_mono_us() + 2 * US_PER_SECOND : INT64_MAX;
    int64_t begun_us = clock_wall_us();
    bool is_live = false;
    uint64_t after = 0;

    while (!interrupt_seen() && clock_mono_us() < until) {
        char **lines = daemon_ask(m->daemon, "frames\t%s\t%" PRIu64, m->hex, after);
        if (!lines)
            return CLI_FAILED;
        is_live = is_live || !*lines;
        for (; *lines; lines++) {
            char *w[4];
            if (strncmp(*lines, "error ", 6) == 0) {
                fprintf(stderr, "sensorgw: %s\n", *lines + 6);
                return CLI_USAGE;
            }
            daemon_words(*lines, w, 4);
            after = strtoull(w[0], NULL, 10);
            is_live = is_live || strtoll(w[1], NULL, 10) >= begun_us;
            if (is_live)
                print_frame(w);
        }
        fflush(stdout);
        if (is_live)
            interrupt_sleep(FRAMES_EVERY_US);
    }
    return CLI_OK;
}

/* --- the command --- */

static int show(struct monitor *m, const struct config *config)
{
    const char *why;

    m->daemon = daemon_open(config, &why);
    if (!m->daemon) {
        fprintf(stderr, "sensorgw: cannot ask the gateway: %s\n", why);
        return CLI_FAILED;
    }
    interrupt_catch();
    int status = m->hex ? show_frames(m) : show_tables(m);
    if (status == CLI_FAILED && interrupt_seen())
        status = CLI_OK; /* while it was asked */
    if (status == CLI_FAILED)
        fprintf(stderr, "sensorgw: the gateway has stopped\n");
    daemon_close(m->daemon);
    return status;
}

static int run(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {{"hex", 'x', true}, {"once", '1', false}, {0}};
    struct cli_parser p = {cli, &cli_command_monitor, options, argc, argv, 0, 0};
    struct monitor m = {0};
    struct config *config = NULL;
    int c;

    while ((c = cli_next(&p)) >= 0) {
        if (c == 'x')
            m.hex = cli_argument();
        else
            m.once = true;
    }
    if (c == CLI_STOP)
        return p.status;
    if (argc - p.first > 1)
        return cli_usage_error(p.command, "wants at most one GLOB");
    m.glob = argv[p.first]; /* NULL at the end */
    int status = cli_load_config(cli, &config);
    if (status == CLI_OK)
        status = show(&m, config);
    config_free(config);
    return status;
}

const struct command cli_command_monitor = {
    .name = "monitor",
    .arguments = "[GLOB]",
    .summary = "Shows live values, and how each unit on each line fares.",
    .help = "GLOB selects sensors, such as 'boiler/*'. Needs a running gateway.\n\n"
            "  -x, --hex SOURCE       frames on that source's line instead, as they pass\n"
            "  -1, --once             once (frames: for two seconds), not on and on\n",
    .run = run,
};
