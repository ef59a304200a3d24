/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/serial/options.h"

#include "drivers/serial/extract.h"
#include "drivers/serial/port.h"
#include "drivers/source.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char *const parity_choices[] = {"none", "even", "odd", NULL};

#define AT(field) offsetof(struct serial_source, field)
const struct option serial_source_options[] = {
    {.key = "port",
     .type = OPTION_STRING,
     .offset = AT(port),
     .help = "Serial device; best a stable name below /dev/serial/by-id"},
    {.key = "baud",
     .type = OPTION_INTEGER,
     .offset = AT(baud),
     .fallback = "9600",
     .min = 50,
     .max = 4000000,
     .help = "Speed of the line in bits per second"},
    {.key = "parity",
     .type = OPTION_ENUM,
     .offset = AT(parity),
     .fallback = "none",
     .choices = parity_choices,
     .help = "Parity of the line"},
    {.key = "data_bits",
     .type = OPTION_INTEGER,
     .offset = AT(data_bits),
     .fallback = "8",
     .min = 5,
     .max = 8,
     .help = "Data bits per character"},
    {.key = "stop_bits",
     .type = OPTION_INTEGER,
     .offset = AT(stop_bits),
     .fallback = "1",
     .min = 1,
     .max = 2,
     .help = "Stop bits per character"},
    {.key = "terminator",
     .type = OPTION_STRING,
     .offset = AT(terminator),
     .fallback = "\\n",
     .help = "What ends a line, with \\r, \\n, \\t and \\xNN; a \\r before it is dropped"},
    {.key = "match",
     .type = OPTION_STRING,
     .offset = AT(match),
     .fallback = OPTION_OPTIONAL,
     .group = "match | split",
     .help = "POSIX extended regular expression; its groups are the fields"},
    {.key = "split",
     .type = OPTION_STRING,
     .offset = AT(split),
     .fallback = OPTION_OPTIONAL,
     .group = "match | split",
     .help = "Separator of the fields; a space stands for any white space"},
    {.key = "prompt",
     .type = OPTION_STRING,
     .offset = AT(prompt),
     .fallback = OPTION_OPTIONAL,
     .help = "Sent every period, for a device that must be asked; the escapes of terminator"},
    {.key = "max_line",
     .type = OPTION_SIZE,
     .offset = AT(max_line),
     .fallback = "256",
     .min = 8,
     .max = LINE_MAX_BYTES,
     .help = "Longest line; a longer one is dropped"},
    {.key = "timeout",
     .type = OPTION_TIMESPAN,
     .offset = AT(timeout_us),
     .fallback = "1m",
     .min = 100e3,
     .max = 31536000e6,
     .help = "Without a line for that long the sensors have no value"},
    {0}};
#undef AT

#define AT(field) offsetof(struct serial_sensor, field)
const struct option serial_sensor_options[] = {
    {.key = "field",
     .type = OPTION_INTEGER,
     .offset = AT(field),
     .fallback = OPTION_OPTIONAL,
     .min = 1,
     .max = EXTRACT_FIELDS - 1,
     .group = "field | key",
     .help = "Number of the field, from 1: a group of match, or a part of split"},
    {.key = "key",
     .type = OPTION_STRING,
     .offset = AT(key),
     .fallback = OPTION_OPTIONAL,
     .group = "field | key",
     .help = "Name of a field that reads name=value or name:value; with split"},
    {0}};
#undef AT

static void check_fields(const struct source_config *c, const struct serial_source *o,
                         struct config_reporter *r)
{
    const struct sensor_config *s;

    for (size_t i = 0; (s = source_sensor(c, i)); i++) {
        const struct serial_sensor *sensor = s->options;
        if (o->regex && sensor->key)
            config_report(r, s->node, "key", "goes with split; match has fields by number");
        else if (o->regex && (size_t)sensor->field > o->regex->re_nsub)
            config_report(r, s->node, "field", "is %d, but match has %zu group%s",
                          (int)sensor->field, o->regex->re_nsub, o->regex->re_nsub == 1 ? "" : "s");
    }
}

static void compile(const struct source_config *c, struct serial_source *o,
                    struct config_reporter *r)
{
    char why[128];
    regex_t *regex = malloc(sizeof(*regex));

    if (!regex)
        return;
    int failed = regcomp(regex, o->match, REG_EXTENDED);
    if (failed) {
        regerror(failed, regex, why, sizeof(why));
        config_report(r, c->node, "match", "is no regular expression: %s", why);
        free(regex);
        return;
    }
    o->regex = regex;
}

void serial_check_source(struct source_config *c, struct config_reporter *r)
{
    struct serial_source *o = c->options;

    if (o->match)
        compile(c, o, r);
    if (o->split && o->split[0] == '\0')
        config_report(r, c->node, "split", "is empty");
    if (!line_unescape(o->terminator, o->end, sizeof(o->end), &o->end_length) || o->end_length == 0)
        config_report(r, c->node, "terminator",
                      "must be 1 to %d bytes, with \\r, \\n, \\t or \\xNN", TERMINATOR_MAX);
    if (o->prompt && !line_unescape(o->prompt, o->ask, sizeof(o->ask), &o->ask_length))
        config_report(r, c->node, "prompt", "must be at most %d bytes, with \\r, \\n, \\t or \\xNN",
                      PROMPT_MAX);
    if (!port_speed_known(o->baud))
        config_report(r, c->node, "baud",
                      "%lld is no usual speed: 1200, 2400, 4800, 9600, 19200, "
                      "38400, 57600, 115200, …",
                      (long long)o->baud);
    check_fields(c, o, r);
}

void serial_free_source(void *options)
{
    struct serial_source *o = options;

    if (o->regex)
        regfree(o->regex);
    free(o->regex);
    o->regex = NULL;
}
