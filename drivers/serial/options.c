/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/serial/options.h"

#include "drivers/serial/extract.h"
#include "drivers/serial/port.h"
#include "drivers/source.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_GAP_US 100000 /* of a frame with a fixed length */

static const char *const parity_choices[] = {"none", "even", "odd", NULL};
static const char *const format_choices[] = {"number", "nmea_angle", NULL};
static const char *const checksum_choices[] = {
#define X(id, name, bytes) [id] = (name),
    CHECKSUMS(X)
#undef X
        [CHECKSUM_COUNT] = NULL};

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
     .fallback = OPTION_OPTIONAL,
     .group = "?terminator | length",
     .help = "What ends a line, with \\r, \\n, \\t and \\xNN; a \\r before it is dropped. \\n when "
             "left out, if there is no length and no gap"},
    {.key = "length",
     .type = OPTION_INTEGER,
     .offset = AT(length),
     .fallback = OPTION_OPTIONAL,
     .min = 1,
     .max = LINE_MAX_BYTES,
     .group = "?terminator | length",
     .help = "Bytes of a line that has a fixed length, with start and checksum"},
    {.key = "gap",
     .type = OPTION_TIMESPAN,
     .offset = AT(gap_us),
     .fallback = OPTION_OPTIONAL,
     .min = 1e3,
     .max = 60e6,
     .help = "A silence this long ends a line; with a terminator or a length it drops a line that "
             "is incomplete (after 100ms with a length when left out)"},
    {.key = "start",
     .type = OPTION_STRING,
     .offset = AT(start),
     .fallback = OPTION_OPTIONAL,
     .help = "What every line begins with, with the escapes of terminator; it is no part of the "
             "fields, and what comes before it is passed over"},
    {.key = "checksum",
     .type = OPTION_ENUM,
     .offset = AT(checksum),
     .fallback = "none",
     .choices = checksum_choices,
     .help = "Checksum at a line's end, of all behind start: nmea (*hh), or xor8, sum8, crc16 "
             "(Modbus): as hexadecimal digits before a terminator, else as bytes"},
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
    {.key = "where",
     .type = OPTION_STRING,
     .offset = AT(where),
     .fallback = OPTION_OPTIONAL,
     .help = "Only of lines that match this POSIX extended regular expression; when all sensors "
             "have one, other lines are passed over"},
    {.key = "format",
     .type = OPTION_ENUM,
     .offset = AT(format),
     .fallback = "number",
     .choices = format_choices,
     .help = "How the field is written: number, or nmea_angle: ddmm.mmm with N, S, E or W in the "
             "next field, to degrees"},
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

/* NULL: it is no expression (reported), or there is no memory. */
static regex_t *compile(const struct yaml_node *node, const char *key, const char *text,
                        struct config_reporter *r)
{
    char why[128];
    regex_t *regex = malloc(sizeof(*regex));

    if (!regex)
        return NULL;
    int failed = regcomp(regex, text, REG_EXTENDED);
    if (!failed)
        return regex;
    regerror(failed, regex, why, sizeof(why));
    config_report(r, node, key, "is no regular expression: %s", why);
    free(regex);
    return NULL;
}

static void free_regex(regex_t **regex)
{
    if (*regex)
        regfree(*regex);
    free(*regex);
    *regex = NULL;
}

void serial_check_sensor(struct sensor_config *c, const struct device_config *device,
                         struct config_reporter *r)
{
    struct serial_sensor *o = c->options;

    (void)device;
    if (o->where)
        o->regex = compile(c->node, "where", o->where, r);
    if (o->key && o->format != FORMAT_NUMBER)
        config_report(r, c->node, "format", "nmea_angle is two fields: say field, not key");
}

static void take_mark(const struct source_config *c, const char *key, const char *text,
                      struct line_mark *mark, struct config_reporter *r)
{
    if (!line_unescape(text, mark->bytes, sizeof(mark->bytes), &mark->length) || mark->length == 0)
        config_report(r, c->node, key, "must be 1 to %d bytes, with \\r, \\n, \\t or \\xNN",
                      MARK_MAX);
}

static void check_format(const struct source_config *c, struct serial_source *o,
                         struct config_reporter *r)
{
    struct line_format *f = &o->format;
    bool has_length = o->length != OPTION_UNSET, has_gap = o->gap_us != OPTION_UNSET;

    *f = (struct line_format){.checksum = (enum checksum)o->checksum,
                              .max = (size_t)o->max_line,
                              .nul_is_damage = o->parity != PARITY_NONE,
                              .gap_us = has_gap      ? o->gap_us
                                        : has_length ? DEFAULT_GAP_US
                                                     : 0};
    f->end = has_length                  ? LINE_END_LENGTH
             : has_gap && !o->terminator ? LINE_END_GAP
                                         : LINE_END_TERMINATOR;
    if (f->end == LINE_END_TERMINATOR)
        take_mark(c, "terminator", o->terminator ? o->terminator : "\\n", &f->terminator, r);
    if (o->start)
        take_mark(c, "start", o->start, &f->start, r);
    if (!has_length)
        return;
    f->length = (size_t)o->length;
    if (f->max < f->length)
        f->max = f->length;
    if (f->length <= f->start.length)
        config_report(r, c->node, "length", "must be more than start has");
}

void serial_check_source(struct source_config *c, struct config_reporter *r)
{
    struct serial_source *o = c->options;
    const struct sensor_config *s;

    if (o->match)
        o->regex = compile(c->node, "match", o->match, r);
    if (o->split && o->split[0] == '\0')
        config_report(r, c->node, "split", "is empty");
    check_format(c, o, r);
    if (o->prompt && !line_unescape(o->prompt, o->ask, sizeof(o->ask), &o->ask_length))
        config_report(r, c->node, "prompt", "must be at most %d bytes, with \\r, \\n, \\t or \\xNN",
                      PROMPT_MAX);
    if (!port_speed_known(o->baud))
        config_report(r, c->node, "baud",
                      "%lld is no usual speed: 1200, 2400, 4800, 9600, 19200, "
                      "38400, 57600, 115200, …",
                      (long long)o->baud);
    check_fields(c, o, r);
    o->is_mixed = true;
    for (size_t i = 0; (s = source_sensor(c, i)); i++)
        o->is_mixed = o->is_mixed && ((const struct serial_sensor *)s->options)->where;
}

const char *serial_port(const void *options)
{
    return ((const struct serial_source *)options)->port;
}

void serial_free_sensor(void *options)
{
    free_regex(&((struct serial_sensor *)options)->regex);
}

void serial_free_source(void *options)
{
    free_regex(&((struct serial_source *)options)->regex);
}
