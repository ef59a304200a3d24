/* SPDX-License-Identifier: Apache-2.0 */
/* The file driver: numbers that the kernel offers as files. It is also the example to start a new
 * driver from: copy this folder to drivers/foo, replace what is inside, and add DRIVER(foo) to
 * drivers/registry.def. What a driver consists of:
 *
 *   1. structs for its keys, and the option tables that fill them        (options.c)
 *   2. checks of what tables cannot say                                  (options.c)
 *   3. reading, as pure as can be, so that its test is a table           (parse.c)
 *   4. open, poll and close, and the `struct driver` that names them all (this file) */
#include "drivers/driver.h"

#include "drivers/convert.h"
#include "drivers/file/options.h"
#include "drivers/file/parse.h"
#include "drivers/schedule.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NONE UINT32_MAX

/* What a running source needs. One thread calls open, poll and close: no locks. */
struct state {
    struct schedule *schedule; /* ids: positions as in source_sensor() */
    uint32_t failed;           /* the sensor that the health tells of; NONE: all can be read */
};

/* Sensors of one period are spread over it, so that they are not all due at once. */
static enum gw_err plan(struct state *st, const struct source_config *c)
{
    const struct sensor_config *s;
    int64_t now = clock_mono_us();
    uint32_t count = 0;

    while (source_sensor(c, count))
        count++;
    enum gw_err err = schedule_create(&st->schedule, count);
    for (uint32_t i = 0; err == GW_OK && (s = source_sensor(c, i)); i++) {
        int64_t spread = s->every_us < US_PER_SECOND ? s->every_us : US_PER_SECOND;
        err = schedule_add(st->schedule, i, now + spread * i / (count + 1), s->every_us);
    }
    return err;
}

/* Files are opened anew for each reading: a sensor may come and go (1-wire, USB), and what sysfs
 * shows to an open descriptor does not change. So there is little to open here; a driver of a port
 * or a connection gets hold of it now, and returns an error when it cannot: the source's thread
 * tries again with a back-off. */
static enum gw_err open_source(struct source *s)
{
    struct state *st = calloc(1, sizeof(*st));

    if (!st)
        return GW_ENOMEM;
    enum gw_err err = plan(st, s->config);
    if (err != GW_OK) {
        schedule_destroy(st->schedule);
        free(st);
        return err;
    }
    st->failed = NONE;
    s->state = st;
    return GW_OK;
}

static void close_source(struct source *s)
{
    struct state *st = s->state;

    schedule_destroy(st->schedule);
    free(st);
    s->state = NULL;
}

/* The beginning of the file, as a text; its length, or −1 with errno. O_NONBLOCK: a FIFO without a
 * writer must not hold the thread. */
static ssize_t read_file(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, text, size - 1);
    int error = errno;
    close(fd);
    errno = error;
    if (n >= 0)
        text[n] = '\0';
    return n;
}

/* The first sensor that cannot be read is told until it can; then it is another's turn. */
static void fail(struct source *s, uint32_t i, int64_t now, enum quality quality, const char *text)
{
    struct state *st = s->state;

    source_error(s, "%s", text);
    source_emit_bad(s, source_sensor(s->config, i), now, quality);
    if (st->failed != NONE && st->failed != i)
        return;
    st->failed = i;
    source_trouble(s, text);
}

static void recover(struct source *s, uint32_t i)
{
    struct state *st = s->state;

    if (st->failed != i)
        return;
    st->failed = NONE;
    source_trouble(s, NULL);
}

static void read_sensor(struct source *s, uint32_t i)
{
    const struct sensor_config *c = source_sensor(s->config, i);
    const struct file_sensor *o = c->options;
    char text[FILE_TEXT_MAX], why[160];
    double raw;

    metric_add(METRIC_SCANS, 1);
    int64_t now = clock_wall_us();
    ssize_t length = read_file(o->path, text, sizeof(text));
    if (length < 0) {
        snprintf(why, sizeof(why), "cannot read %s: %s", o->path, log_errno(errno));
        fail(s, i, now, QUALITY_TIMEOUT, why);
        return;
    }
    enum quality quality = file_parse(text, (enum file_format)o->format, o->regex, &raw);
    if (quality == QUALITY_GOOD) {
        source_emit(s, c, now, raw);
        recover(s, i);
        return;
    }
    snprintf(why, sizeof(why), "%s: %s", o->path, file_problem(quality));
    fail(s, i, now, quality, why);
}

/* Does what is due and says when to come back. A sensor that cannot be read has a quality that says
 * so; an error from here would close the whole source. */
static enum gw_err poll_source(struct source *s, int64_t now_us, int64_t *next_us)
{
    struct state *st = s->state;
    uint64_t skipped;
    uint32_t i;

    while (!source_stopping(s) && schedule_take(st->schedule, now_us, &i, &skipped) == GW_OK) {
        source_overrun(s, skipped);
        read_sensor(s, i);
    }
    *next_us = schedule_next(st->schedule);
    return GW_OK;
}

static void describe(const struct source_config *c, FILE *f)
{
    const struct sensor_config *s;

    for (size_t i = 0; (s = source_sensor(c, i)); i++) {
        const struct file_sensor *o = s->options;
        fprintf(f, "  %-32s %s, every %g s%s%s\n", s->name, o->path, (double)s->every_us / 1e6,
                s->unit[0] ? ", " : "", s->unit);
    }
}

const struct driver driver_file = {
    .schema =
        {
            .name = "file",
            .help = "Numbers in files of the kernel: thermal zones, 1-wire, IIO, sysfs.",
            .source_options = file_source_options,
            .sensor_options = file_sensor_options,
            .sensor_size = sizeof(struct file_sensor),
            .polled = true,
            .check_sensor = file_check_sensor,
            .free_sensor = file_free_sensor,
        },
    .open = open_source,
    .poll = poll_source,
    .close = close_source,
    .describe = describe,
};
