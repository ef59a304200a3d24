/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/counters.h"

#include "drivers/convert.h"
#include "drivers/counter.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_US (10 * US_PER_SECOND)
#define SAVE_US (600 * US_PER_SECOND)

/* Found by the sensor's name: its index may be another in the next run. */
struct entry {
    struct entry *next;
    struct counter counter;
    int64_t time_us; /* of the last reading; 0: in an earlier run */
    char name[SENSOR_NAME_MAX + 1];
};

struct counters {
    /* set once */
    const struct sensor_table *sensors;
    char *path;
    struct thread thread;

    pthread_mutex_t lock;
    pthread_cond_t ended; /* on CLOCK_MONOTONIC */
    /* guarded by lock */
    bool ending;
    struct entry *entries;
    struct entry **by_sensor; /* by index; NULL: not asked for yet */
    size_t by_sensor_size;
    bool counted; /* since the last save */
    bool urgent;  /* a base is another one than in the file */
};

/* --- entries --- */

static struct entry *add_locked(struct counters *c, const char *name)
{
    struct entry *e = calloc(1, sizeof(*e));

    if (!e)
        return NULL;
    snprintf(e->name, sizeof(e->name), "%s", name);
    e->next = c->entries;
    c->entries = e;
    return e;
}

static struct entry *find_locked(const struct counters *c, const char *name)
{
    struct entry *e = c->entries;

    while (e && strcmp(e->name, name) != 0)
        e = e->next;
    return e;
}

static bool make_room_locked(struct counters *c, uint32_t sensor)
{
    if (sensor < c->by_sensor_size)
        return true;
    size_t size = 2 * (size_t)sensor + 16;
    struct entry **more = realloc(c->by_sensor, size * sizeof(*more));
    if (!more)
        return false;
    for (size_t i = c->by_sensor_size; i < size; i++)
        more[i] = NULL;
    c->by_sensor = more;
    c->by_sensor_size = size;
    return true;
}

static struct entry *entry_of_locked(struct counters *c, uint32_t sensor)
{
    if (!make_room_locked(c, sensor))
        return NULL;
    if (!c->by_sensor[sensor]) {
        const char *name = sensor_table_get(c->sensors, sensor)->name;
        struct entry *e = find_locked(c, name);
        c->by_sensor[sensor] = e ? e : add_locked(c, name);
    }
    return c->by_sensor[sensor];
}

/* --- the file: "base last name", a line each --- */

static void read_line(struct counters *c, char *line, int number)
{
    double base, last;
    int length = 0;

    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%lf %lf %n", &base, &last, &length) != 2 || length == 0 || !line[length] ||
        !isfinite(base) || !isfinite(last) || strlen(line + length) > SENSOR_NAME_MAX) {
        log_warning("%s:%d: not understood, left out: that counter begins anew", c->path, number);
        return;
    }
    struct entry *e = add_locked(c, line + length);
    if (e)
        e->counter = (struct counter){.begun = true, .base = base, .last = last};
}

static void read_file(struct counters *c)
{
    char line[SENSOR_NAME_MAX + 80];
    FILE *f = fopen(c->path, "re");

    if (!f) {
        if (errno != ENOENT)
            log_warning("cannot read %s: %s; counters begin anew", c->path, log_errno(errno));
        return;
    }
    for (int number = 1; fgets(line, sizeof(line), f); number++)
        read_line(c, line, number);
    fclose(f);
}

/* All counters as text; NULL without memory. */
static char *write_text_locked(const struct counters *c)
{
    char *text = NULL;
    size_t length;
    FILE *f = open_memstream(&text, &length);

    if (!f)
        return NULL;
    for (const struct entry *e = c->entries; e; e = e->next) {
        if (e->counter.begun)
            fprintf(f, "%.17g %.17g %s\n", e->counter.base, e->counter.last, e->name);
    }
    if (fclose(f) == 0)
        return text;
    free(text);
    return NULL;
}

/* Whole or not at all: a new file takes the old one's name. */
static bool replace_file(const char *path, const char *text)
{
    char temporary[PATH_MAX];

    snprintf(temporary, sizeof(temporary), "%s.new", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return false;
    size_t length = strlen(text);
    bool ok = write(fd, text, length) == (ssize_t)length && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    return ok && rename(temporary, path) == 0;
}

static void save(struct counters *c)
{
    pthread_mutex_lock(&c->lock);
    char *text = c->counted ? write_text_locked(c) : NULL;
    c->counted = c->urgent = false;
    pthread_mutex_unlock(&c->lock);
    if (!text)
        return;
    if (!replace_file(c->path, text)) {
        log_warning("cannot write %s: %s; after a restart counters may go back", c->path,
                    log_errno(errno));
        pthread_mutex_lock(&c->lock);
        c->counted = true; /* so that it is tried again */
        pthread_mutex_unlock(&c->lock);
    }
    free(text);
}

static void rest_locked(struct counters *c)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LOOK_US / US_PER_SECOND;
    while (!c->ending && pthread_cond_timedwait(&c->ended, &c->lock, &until) == 0)
        continue;
}

static void run(void *arg)
{
    struct counters *c = arg;
    int64_t saved_us = clock_mono_us();

    for (bool ending = false; !ending;) {
        pthread_mutex_lock(&c->lock);
        rest_locked(c);
        ending = c->ending;
        bool due = c->urgent || ending || clock_mono_us() - saved_us >= SAVE_US;
        pthread_mutex_unlock(&c->lock);
        if (due) {
            save(c);
            saved_us = clock_mono_us();
        }
    }
}

/* --- counting --- */

static void say(const struct sensor_config *config, const struct entry *e, enum counter_event event)
{
    if (event == COUNTER_RESET)
        log_info("%s: the counter began again at 0; the total goes on", e->name);
    else if (event == COUNTER_BACK)
        log_warning("%s: the counter went back, to %g %s; the total goes on from there", e->name,
                    e->counter.last * config->scale + config->offset, config->unit);
}

static enum counter_event step_locked(struct counters *c, struct entry *e,
                                      const struct sensor_config *config, struct reading *r,
                                      int64_t now_us)
{
    double raw = (reading_number(r) - config->offset) / config->scale, increase;
    int64_t took_us = e->time_us ? now_us - e->time_us : 0;

    /* Whole numbers are whole again after the scale has been taken back. */
    if (fabs(raw - nearbyint(raw)) < 1e-6)
        raw = nearbyint(raw);
    enum counter_event event = counter_step(&e->counter, config->wrap, raw, &increase);
    c->counted = true;
    c->urgent = c->urgent || event != COUNTER_COUNTED;
    e->time_us = now_us;
    r->flags &= (uint8_t)~READING_INTEGER;
    if (config->per_us == 0)
        r->value = counter_total(&e->counter) * config->scale + config->offset;
    else if (took_us > 0)
        r->value = increase * config->scale * (double)config->per_us / (double)took_us;
    else
        *r = convert_bad(r->sensor, r->time_us, QUALITY_INVALID);
    return event;
}

void counters_apply(struct counters *c, const struct sensor_config *config, struct reading *r,
                    int64_t now_us)
{
    enum counter_event event = COUNTER_COUNTED;

    if (r->quality != QUALITY_GOOD)
        return;
    pthread_mutex_lock(&c->lock);
    struct entry *e = entry_of_locked(c, r->sensor);
    if (e)
        event = step_locked(c, e, config, r, now_us);
    pthread_mutex_unlock(&c->lock);
    if (e)
        say(config, e, event);
}

/* --- life --- */

static bool has_counter(const struct config *config)
{
    for (size_t i = 0; i < config->source_count; i++) {
        const struct source_config *s = &config->sources[i];
        for (size_t d = 0; d < s->device_count; d++) {
            for (size_t k = 0; k < s->devices[d].sensor_count; k++) {
                if (s->devices[d].sensors[k].counter)
                    return true;
            }
        }
    }
    return false;
}

enum gw_err counters_create(struct counters **out, const struct config *config,
                            const struct sensor_table *sensors)
{
    *out = NULL;
    if (!has_counter(config))
        return GW_OK;
    struct counters *c = calloc(1, sizeof(*c));
    if (!c)
        return GW_ENOMEM;
    pthread_condattr_t monotonic;
    c->sensors = sensors;
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&c->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enum gw_err err = GW_ENOMEM;
    if (asprintf(&c->path, "%s.counters", config->storage.path) >= 0) {
        read_file(c);
        err = thread_start(&c->thread, "counters", run, c);
    } else {
        c->path = NULL;
    }
    if (err != GW_OK) {
        counters_destroy(c);
        return err;
    }
    *out = c;
    return GW_OK;
}

void counters_destroy(struct counters *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->ending = true;
    pthread_cond_signal(&c->ended);
    pthread_mutex_unlock(&c->lock);
    thread_join(&c->thread);
    for (struct entry *e = c->entries; e;) {
        struct entry *next = e->next;
        free(e);
        e = next;
    }
    free(c->by_sensor);
    free(c->path);
    pthread_cond_destroy(&c->ended);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
