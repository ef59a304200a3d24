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
#include <unistd.h>

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
    const char *what;

    if (!st)
        return GW_ENOMEM;
    enum gw_err err = port_open(&st->fd, o, &what);
    if (err != GW_OK) {
        source_error(s, "%s: %s: %s", o->port, what, log_errno(errno));
        free(st);
        return err;
    }
    st->source = s;
    line_init(&st->reader, o->end, o->end_length, (size_t)o->max_line);
    st->ask_us = clock_mono_us();
    st->silent_us = st->ask_us + o->timeout_us;
    s->state = st;
    return GW_OK;
}

static void close_source(struct source *s)
{
    struct state *st = s->state;

    close(st->fd);
    free(st);
    s->state = NULL;
}

/* The readings of a line; how many sensors found their number. */
static size_t read_fields(struct state *st, const struct fields *fields)
{
    const struct sensor_config *c;
    int64_t now = clock_wall_us();
    size_t found = 0;

    for (size_t i = 0; (c = source_sensor(st->source->config, i)); i++) {
        const struct serial_sensor *o = c->options;
        double raw;
        bool ok = o->key ? extract_key(fields, o->key, &raw)
                         : extract_field(fields, (size_t)o->field, &raw);
        if (!ok)
            continue;
        source_emit(st->source, c, now, raw);
        found++;
    }
    return found;
}

static void on_line(void *arg, const char *line)
{
    struct state *st = arg;
    const struct serial_source *o = st->source->config->options;
    struct fields fields;
    bool matches = true;

    metric_add(METRIC_SCANS, 1);
    if (!line) {
        source_reject(st->source, DROP_OVERSIZE);
        source_error(st->source, "%s: a line is longer than max_line", o->port);
        return;
    }
    if (o->regex)
        matches = extract_match(line, o->regex, &fields);
    else
        extract_split(line, o->split, &fields);
    if (matches && read_fields(st, &fields) > 0) {
        st->silent_us = clock_mono_us() + o->timeout_us;
        return;
    }
    source_reject(st->source, DROP_BAD_PAYLOAD);
    source_error(st->source, "%s: a line has no usable value", o->port);
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
    ssize_t n = port_read(st->fd, bytes, sizeof(bytes), wait);
    if (n < 0) {
        source_error(s, "%s: lost: %s", o->port, log_errno(errno));
        return GW_EIO;
    }
    line_feed(&st->reader, bytes, (size_t)n, on_line, st);
    tell_silence(st, clock_mono_us());
    *next_us = now_us;
    return GW_OK;
}

static void describe(const struct source_config *c, FILE *f)
{
    static const char parity[] = {'N', 'E', 'O'};
    const struct serial_source *o = c->options;
    const struct sensor_config *s;

    fprintf(f, "  %s, %lld baud %d%c%d%s%s\n", o->port, (long long)o->baud, (int)o->data_bits,
            parity[o->parity], (int)o->stop_bits, o->prompt ? ", asked with " : "",
            o->prompt ? o->prompt : "");
    for (size_t i = 0; (s = source_sensor(c, i)); i++) {
        const struct serial_sensor *sensor = s->options;
        if (sensor->key)
            fprintf(f, "  %-32s key %s%s%s\n", s->name, sensor->key, s->unit[0] ? ", " : "",
                    s->unit);
        else
            fprintf(f, "  %-32s field %d%s%s\n", s->name, (int)sensor->field,
                    s->unit[0] ? ", " : "", s->unit);
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
            .check_source = serial_check_source,
            .free_source = serial_free_source,
        },
    .open = open_source,
    .poll = poll_source,
    .close = close_source,
    .describe = describe,
};
