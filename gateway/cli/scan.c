/* SPDX-License-Identifier: Apache-2.0 */
/* sensorgw scan: which units are there, at which speed and parity; and a stanza to begin with. */
#include "drivers/modbus/options.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/interrupt.h"
#include "gateway/cli/line.h"
#include "gateway/core/clock.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNITS 247
#define FIRST_UNITS 16 /* most buses have one of these: enough to find the speed */
#define SERIAL_TIMEOUT "60ms"
#define TCP_TIMEOUT "250ms"

struct found {
    uint8_t unit, table; /* the first table that can be read at 0, TABLE_HOLDING for none */
    uint8_t exception;   /* that it answered for TABLE_HOLDING; 0: none */
    int64_t took_us;
};

struct scan {
    struct line line;
    int first, last; /* units */
    bool is_serial, is_terminal;
    struct found found[UNITS + 1];
    size_t count;
};

static void progress(const struct scan *s, int unit)
{
    if (!s->is_terminal)
        return;
    if (s->is_serial)
        fprintf(stderr, "\r\033[K%s baud, parity %s, unit %d of %d: %zu found", s->line.baud,
                s->line.parity, unit, s->last, s->count);
    else
        fprintf(stderr, "\r\033[K%s, unit %d of %d: %zu found", s->line.where, unit, s->last,
                s->count);
}

static void progress_end(const struct scan *s)
{
    if (s->is_terminal)
        fputs("\r\033[K", stderr);
}

static enum exchange ask(struct scan *s, uint8_t unit, uint8_t table, struct frame_reply *reply)
{
    struct frame_request q = {.unit = unit, .function = table, .address = 0, .count = 1};

    return line_ask(&s->line, &q, reply);
}

/* A table to begin with: holding, else any that has something at 0. */
static void look_closer(struct scan *s, struct found *f)
{
    static const uint8_t tables[] = {TABLE_INPUT, TABLE_COIL, TABLE_DISCRETE};
    struct frame_reply reply;

    f->table = TABLE_HOLDING;
    for (size_t i = 0; f->exception && i < sizeof(tables); i++) {
        if (ask(s, f->unit, tables[i], &reply) == EXCHANGE_OK) {
            f->table = tables[i];
            return;
        }
    }
}

/* CLI_OK, or CLI_FAILED when the line is gone. */
static int sweep(struct scan *s, int first, int last)
{
    for (int unit = first; unit <= last && !interrupt_seen(); unit++) {
        struct frame_reply reply = {0};
        int64_t begun = clock_mono_us();
        progress(s, unit);
        enum exchange result = ask(s, (uint8_t)unit, TABLE_HOLDING, &reply);
        if (interrupt_seen())
            break;
        if (result == EXCHANGE_GONE) {
            progress_end(s);
            fprintf(stderr, "sensorgw: %s: %s\n", s->line.where, line_fault(&s->line));
            return CLI_FAILED;
        }
        if (result != EXCHANGE_OK && result != EXCHANGE_EXCEPTION)
            continue;
        struct found *f = &s->found[s->count++];
        *f = (struct found){.unit = (uint8_t)unit,
                            .exception = reply.exception,
                            .took_us = clock_mono_us() - begun};
        look_closer(s, f);
    }
    progress_end(s);
    return CLI_OK;
}

/* Opens the line as it is set now, sweeps, and closes it. */
static int try(struct scan *s, int first, int last)
{
    int status = line_open(&s->line);

    if (status == CLI_OK)
        status = sweep(s, first, last);
    line_close(&s->line);
    return status;
}

/* All settings that the user left open, likely ones first, until somebody answers. */
static int try_settings(struct scan *s, int first, int last)
{
    static const char *const speeds[] = {"9600",  "19200", "38400", "115200",
                                         "57600", "4800",  "2400"};
    static const char *const parities[] = {"none", "even", "odd"};
    const char *baud = s->line.baud, *parity = s->line.parity;
    int status = CLI_OK;

    for (size_t i = 0; i < (baud ? 1 : sizeof(speeds) / sizeof(speeds[0])); i++) {
        for (size_t k = 0; k < (parity ? 1 : sizeof(parities) / sizeof(parities[0])); k++) {
            s->line.baud = baud ? baud : speeds[i];
            s->line.parity = parity ? parity : parities[k];
            if ((status = try(s, first, last)) != CLI_OK || s->count > 0 || interrupt_seen())
                return status;
        }
    }
    s->line.baud = baud;
    s->line.parity = parity;
    return status;
}

/* A gateway polls this line: its settings are known, and are not tried. */
static int scan_polled(struct scan *s)
{
    static const char *const parities[] = {
        [PARITY_NONE] = "none", [PARITY_EVEN] = "even", [PARITY_ODD] = "odd"};
    const struct modbus_source *o = s->line.source->options;
    static char baud[16];

    fprintf(stderr, "The gateway polls %s as \"%s\": going through it.\n", s->line.where,
            s->line.source->name);
    snprintf(baud, sizeof(baud), "%lld", (long long)o->baud);
    s->line.baud = baud;
    s->line.parity = parities[o->parity];
    return sweep(s, s->first, s->last);
}

static int scan_serial(struct scan *s)
{
    int early = s->last < s->first + FIRST_UNITS ? s->last : s->first + FIRST_UNITS - 1;
    int status = try_settings(s, s->first, early);

    if (status != CLI_OK || early == s->last || interrupt_seen())
        return status;
    if (s->count > 0)
        return try(s, early + 1, s->last);
    return try_settings(s, early + 1, s->last);
}

static void print_device(const struct found *f)
{
    static const char *const names[] = {[TABLE_COIL] = "coil",
                                        [TABLE_DISCRETE] = "discrete",
                                        [TABLE_HOLDING] = "holding",
                                        [TABLE_INPUT] = "input"};

    printf("      - name: unit_%u\n        unit_id: %u\n        sensors:", f->unit, f->unit);
    printf("%s\n", f->exception && f->table == TABLE_HOLDING
                       ? "        # nothing can be read at 0: see its manual"
                       : "");
    printf("          - {name: %s_0, %s: 0}\n", names[f->table], names[f->table]);
}

static void print_stanza(const struct scan *s)
{
    const struct line *l = &s->line;

    printf("sources:\n  - name: bus\n    driver: modbus\n");
    char folder[PATH_MAX] = "";
    if (s->is_serial && (l->where[0] == '/' || !getcwd(folder, sizeof(folder))))
        folder[0] = '\0';
    if (s->is_serial)
        printf("    port: %s%s%s\n    baud: %s\n    parity: %s\n", folder, folder[0] ? "/" : "",
               l->where, l->baud, l->parity);
    else
        printf("    address: '%s'\n%s", l->where, l->is_rtu ? "    framing: rtu\n" : "");
    if (s->is_serial && l->stop_bits)
        printf("    stop_bits: %s\n", l->stop_bits);
    printf("    devices:\n");
    for (size_t i = 0; i < s->count; i++)
        print_device(&s->found[i]);
}

static int report(const struct scan *s)
{
    if (interrupt_seen())
        fprintf(stderr, "Interrupted: %s.\n",
                s->count ? "this was found so far" : "nothing found so far");
    if (s->count == 0 && interrupt_seen())
        return CLI_FAILED;
    if (s->count == 0) {
        fprintf(stderr,
                "sensorgw: nobody answers at %s. Check power, A and B of the line (try them the "
                "other way round), its ends, and a longer --timeout\n",
                s->line.where);
        return CLI_FAILED;
    }
    for (size_t i = 0; i < s->count; i++)
        fprintf(stderr, "unit %3u answers in %.1f ms\n", s->found[i].unit,
                (double)s->found[i].took_us / 1e3);
    if (!s->is_serial && (int)s->count == s->last - s->first + 1 && s->count > 1)
        fputs("Every unit answers: this is most likely one device that takes any number.\n",
              stderr);
    print_stanza(s);
    return CLI_OK;
}

/* "7", "1-16" */
static bool take_units(const char *text, struct scan *s)
{
    char *end;
    long first = strtol(text, &end, 10);
    long last = *end == '-' ? strtol(end + 1, &end, 10) : first;

    if (end == text || *end || first < 1 || last < first || last > UNITS)
        return false;
    s->first = (int)first;
    s->last = (int)last;
    return true;
}

static int scan(struct scan *s)
{
    s->is_serial = line_is_serial(&s->line);
    interrupt_catch();
    s->is_terminal = isatty(STDERR_FILENO);
    if (!s->line.timeout)
        s->line.timeout = s->is_serial ? SERIAL_TIMEOUT : TCP_TIMEOUT;
    int status = line_is_polled(&s->line) ? scan_polled(s)
                 : s->is_serial           ? scan_serial(s)
                                          : try(s, s->first, s->last);
    line_close(&s->line);
    return status == CLI_OK ? report(s) : status;
}

static int run(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {LINE_OPTIONS, {"units", 'u', true}, {0}};
    struct cli_parser p = {cli, &cli_command_scan, options, argc, argv, 0, 0};
    struct scan *s = calloc(1, sizeof(*s));
    int c, status = CLI_OK;

    if (!s)
        return CLI_FAILED;
    s->line.cli = cli;
    s->first = 1;
    s->last = UNITS;
    while (status == CLI_OK && (c = cli_next(&p)) >= 0) {
        if (!line_option(&s->line, c, cli_argument()) && !take_units(cli_argument(), s))
            status =
                cli_usage_error(p.command, "'%s' is no unit or range within 1-247", cli_argument());
    }
    if (status == CLI_OK && c == CLI_STOP)
        status = p.status;
    else if (status == CLI_OK && argc - p.first != 1)
        status = cli_usage_error(p.command, "wants an ADDRESS, such as /dev/ttyUSB0");
    else if (status == CLI_OK) {
        s->line.where = argv[p.first];
        status = scan(s);
    }
    free(s);
    return status;
}

const struct command cli_command_scan = {
    .name = "scan",
    .arguments = "ADDRESS",
    .summary = "Finds the units on a Modbus line, and prints a stanza for them.",
    .help =
        "On a serial line, speeds and parities that are not given are tried one after the other: "
        "first\nwith 16 units, then with all. What is found goes to standard error, the stanza "
        "to standard output.\n" LINE_HELP(
            "60ms, or 250ms over TCP") "  -u, --units FIRST-LAST default 1-247\n"
                                       "\nA line that a running gateway polls is scanned through "
                                       "it, at its settings (-c says "
                                       "which).\n",
    .run = run,
};
