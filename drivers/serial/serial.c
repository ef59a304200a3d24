/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a serial port, as they come or after a prompt. */
#include "drivers/driver.h"

#include "drivers/serial/extract.h"
#include "drivers/serial/options.h"
#include "drivers/serial/port.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_US (100 * US_PER_MS) /* how long stopping may take to be noticed */

struct state {
    struct source *source;
    int fd;
    struct line_reader reader;
    int64_t ask_us;    /* monotonic: when the prompt is due */
    int64_t silent_us; /* monotonic: when the silence is told */
};

static enum gw_err open_source(struct source *s)
{
    const struct serial_source *o = s->config->options;
    struct state *st = calloc(1, sizeof(*st));
    char fault[128];

    if (!st)
        return GW_ENOMEM;
    enum gw_err err = port_open(&st->fd, o, fault, sizeof(fault));
    if (err != GW_OK) {
        source_error(s, "%s: %s", o->port, fault);
        free(st);
        return err;
    }
    st->source = s;
    line_init(&st->reader, &o->format);
    st->ask_us = clock_mono_us();
    st->silent_us = st->ask_us + o->timeout_us;
    s->state = st;
    return GW_OK;
}

static void close_source(struct source *s)
{
    struct state *st = s->state;

    port_close(st->fd);
    free(st);
    s->state = NULL;
}

static bool read_field(const struct serial_sensor *o, const struct fields *fields, double *raw)
{
    if (o->key)
        return extract_key(fields, o->key, raw);
    return o->format == FORMAT_NMEA_ANGLE ? extract_angle(fields, (size_t)o->field, raw)
                                          : extract_field(fields, (size_t)o->field, raw);
}

/* What a line gave. */
struct yield {
    size_t wanted; /* sensors whose line it is */
    size_t found;  /* that found their number in it */
};

static struct yield read_fields(struct state *st, const char *line, const struct fields *fields)
{
    const struct sensor_config *c;
    int64_t now = clock_wall_us();
    struct yield y = {0};

    for (size_t i = 0; (c = source_sensor(st->source->config, i)); i++) {
        const struct serial_sensor *o = c->options;
        double raw;
        if (o->regex && regexec(o->regex, line, 0, NULL, 0) != 0)
            continue;
        y.wanted++;
        if (!read_field(o, fields, &raw))
            continue;
        source_emit(st->source, c, now, raw);
        y.found++;
    }
    return y;
}

static void refuse(struct state *st, enum drop_reason why, const char *text)
{
    const struct serial_source *o = st->source->config->options;

    source_reject(st->source, why);
    source_error(st->source, "%s: %s", o->port, text);
}

static void on_line(void *arg, enum line_result result, const char *line)
{
    struct state *st = arg;
    const struct serial_source *o = st->source->config->options;
    struct fields fields;
    struct yield y = {0};
    bool matches = true;

    metric_add(METRIC_SCANS, 1);
    if (result != LINE_GOOD) {
        refuse(st, result == LINE_TOO_LONG ? DROP_OVERSIZE : DROP_BAD_PAYLOAD,
               line_result_text(result));
        return;
    }
    if (o->regex)
        matches = extract_match(line, o->regex, &fields);
    else
        extract_split(line, o->split, &fields);
    if (matches)
        y = read_fields(st, line, &fields);
    if (y.found > 0)
        st->silent_us = clock_mono_us() + o->timeout_us;
    else if (y.wanted > 0 || !o->is_mixed)
        refuse(st, DROP_BAD_PAYLOAD, "a line has no usable value");
}

static void tell_silence(struct state *st, int64_t now_us)
{
    const struct serial_source *o = st->source->config->options;
    const struct sensor_config *c;

    if (now_us < st->silent_us)
        return;
    st->silent_us = now_us + o->timeout_us;
    source_error(st->source, "%s: no line for %g s", o->port, (double)o->timeout_us / 1e6);
    for (size_t i = 0; (c = source_sensor(st->source->config, i)); i++)
        source_emit_bad(st->source, c, clock_wall_us(), QUALITY_TIMEOUT);
}

static bool ask(struct state *st, int64_t now_us)
{
    const struct serial_source *o = st->source->config->options;

    if (!o->prompt || now_us < st->ask_us)
        return true;
    st->ask_us += st->source->config->every_us;
    if (st->ask_us < now_us) /* asked too late: no catching up */
        st->ask_us = now_us + st->source->config->every_us;
    return port_write(st->fd, o->ask, o->ask_length);
}

/* Reads for a slice of time; the source's thread comes back at once. */
static enum gw_err poll_source(struct source *s, int64_t now_us, int64_t *next_us)
{
    const struct serial_source *o = s->config->options;
    struct state *st = s->state;
    char bytes[512];
    int64_t wait = SLICE_US;

    if (!ask(st, now_us)) {
        source_error(s, "%s: cannot write: %s", o->port, log_errno(errno));
        return GW_EIO;
    }
    if (o->prompt && st->ask_us - now_us < wait)
        wait = st->ask_us - now_us;
    if (line_due_us(&st->reader) - now_us < wait)
        wait = line_due_us(&st->reader) - now_us;
    ssize_t n = port_read(st->fd, bytes, sizeof(bytes), wait);
    if (n < 0) {
        source_error(s, "%s: lost: %s", o->port, log_errno(errno));
        return GW_EIO;
    }
    line_feed(&st->reader, clock_mono_us(), bytes, (size_t)n, on_line, st);
    tell_silence(st, clock_mono_us());
    *next_us = now_us;
    return GW_OK;
}

static void describe_lines(const struct serial_source *o, FILE *f)
{
    static const char *const checksums[] = {
#define X(id, name, bytes) [id] = (name),
        CHECKSUMS(X)
#undef X
    };
    const struct line_format *format = &o->format;

    if (format->end == LINE_END_LENGTH)
        fprintf(f, "  lines of %zu bytes", format->length);
    else if (format->end == LINE_END_GAP)
        fprintf(f, "  lines end with a silence of %g ms", (double)format->gap_us / 1e3);
    else
        fprintf(f, "  lines end with %s", o->terminator ? o->terminator : "\\n");
    if (o->start)
        fprintf(f, ", begin with %s", o->start);
    if (format->checksum != CHECKSUM_NONE)
        fprintf(f, ", checksum %s", checksums[format->checksum]);
    fprintf(f, "; fields by %s %s\n", o->match ? "match" : "split at",
            o->match ? o->match : o->split);
}

static void describe(const struct source_config *c, FILE *f)
{
    static const char parity[] = {'N', 'E', 'O'};
    const struct serial_source *o = c->options;
    const struct sensor_config *s;

    fprintf(f, "  %s, %lld baud %d%c%d", o->port, (long long)o->baud, (int)o->data_bits,
            parity[o->parity], (int)o->stop_bits);
    if (o->prompt)
        fprintf(f, ", asked with %s every %g s", o->prompt, (double)c->every_us / 1e6);
    fputc('\n', f);
    describe_lines(o, f);
    for (size_t i = 0; (s = source_sensor(c, i)); i++) {
        const struct serial_sensor *sensor = s->options;
        fprintf(f, "  %-32s ", s->name);
        if (sensor->key)
            fprintf(f, "key %s", sensor->key);
        else
            fprintf(f, "field %d", (int)sensor->field);
        if (sensor->where)
            fprintf(f, " of lines like %s", sensor->where);
        fprintf(f, "%s%s\n", s->unit[0] ? ", " : "", s->unit);
    }
}

const struct driver driver_serial = {
    .schema =
        {
            .name = "serial",
            .help = "Lines of text on a serial port: scales, meters, microcontrollers.",
            .source_options = serial_source_options,
            .sensor_options = serial_sensor_options,
            .source_size = sizeof(struct serial_source),
            .sensor_size = sizeof(struct serial_sensor),
            .polled = true,
            .check_sensor = serial_check_sensor,
            .check_source = serial_check_source,
            .serial_port = serial_port,
            .free_sensor = serial_free_sensor,
            .free_source = serial_free_source,
        },
    .open = open_source,
    .poll = poll_source,
    .close = close_source,
    .describe = describe,
};
