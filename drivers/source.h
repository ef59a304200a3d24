/* SPDX-License-Identifier: Apache-2.0 */
/* A running source: one configured driver with its thread, and the services that a driver may call.
 */
#ifndef SENSORGW_DRIVERS_SOURCE_H
#define SENSORGW_DRIVERS_SOURCE_H

#include "config/config.h"
#include "drivers/figures.h"
#include "drivers/inbox.h"
#include "drivers/trace.h"
#include "gateway/core/err.h"
#include "gateway/core/ledger.h"
#include "gateway/core/queue.h"
#include "gateway/core/reading.h"
#include "gateway/core/sensor.h"
#include "gateway/core/thread.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct driver;
struct counters;
struct mqtt_client;

/* What all sources share; borrowed, must outlive them. */
struct source_env {
    struct queue
        *queue; /* of struct reading; a sensor's lane is its index modulo the number of lanes */
    struct sensor_table *sensors;
    struct ledger *ledger;
    struct counters *counters; /* NULL: sensors with `counter: true` give their raw values */
    struct mqtt_client *mqtt;  /* NULL without an `mqtt:` section */
    int push_timeout_ms;       /* how long a polled source waits for room before it skips scans */
};

enum source_state { SOURCE_CLOSED, SOURCE_OPEN, SOURCE_FAILED };

struct source {
    /* set once */
    const struct driver *driver;
    const struct source_config *config;
    const struct source_env *env;
    struct source *leader;  /* the source whose thread and line this one shares; NULL: its own */
    struct source *members; /* that share this one's; linked by `next_member` */
    struct source *next_member;
    struct inbox inbox; /* a driver that waits looks at it: source_stopping(), source_sleep() */
    struct thread thread;
    struct figures figures; /* of the units on its line */
    struct trace trace;     /* of the frames on its line */

    /* the driver's */
    void *state;

    /* atomic: read by others for display */
    atomic_int status; /* enum source_state */
    _Atomic uint64_t errors;
    _Atomic uint64_t opens;
    _Atomic uint64_t overruns; /* polls that fell out because the line was busy or the queue full */

    /* of who starts and stops it */
    bool started;

    /* of the source's own thread */
    uint64_t overruns_said; /* those that the log has told of, once a minute */
    int64_t overruns_said_us;

    pthread_mutex_t error_lock;
    char last_error[160]; /* guarded by error_lock; "" when there was none since it was opened */
    char
        trouble[160]; /* guarded by error_lock; what is wrong now, though it is open; "": nothing */
};

/* Prepares a source for `config`; nothing runs yet. Borrows both pointers. */
enum gw_err source_create(struct source **out, const struct source_config *config,
                          const struct source_env *env);
void source_destroy(struct source *s); /* stopped; NULL is ok */

/* Lets sources that name the same line share the first one's thread, before any is started: two
 * threads on one line would talk at the same time. Such a member is started and stopped like any
 * other, but its leader's driver serves its devices. */
void source_group(struct source **sources, size_t count);

/* Has a task run in the thread that serves the source; see inbox_call(). GW_EINVAL: a source
 * without a thread. Any thread but that. */
enum gw_err source_call(struct source *s, struct task *t, int64_t timeout_us);

/* Starts its thread (or, for a driver that is pushed to, opens it in the caller's thread). */
enum gw_err source_start(struct source *s);
void source_close(struct source *s); /* tells it to stop; does not wait; idempotent */
void source_stop(struct source *s);  /* closes, waits for the thread's end, closes the driver */

/* --- services for drivers; any thread unless said otherwise --- */

/* Gives a raw value away: applies the sensor's `invalid`, scale, offset, min and max, and queues
 * the reading. time_us: when it was measured, UTC µs. A polled source waits up to
 * env->push_timeout_ms for room; a pushed one never waits. What does not fit is dropped and
 * counted. */
void source_emit(struct source *s, const struct sensor_config *c, int64_t time_us, double raw);

/* The same for a sensor that was created at run time: `sensor` is its index, c what it is made
 * from. flags: enum reading_flag to set. */
void source_emit_as(struct source *s, const struct sensor_config *c, uint32_t sensor,
                    int64_t time_us, double raw, unsigned flags);

/* A whole number that was read exactly, for a sensor that may need more than a double's 53 bits.
 * Goes the way of source_emit() when the sensor has a scale or an offset, or when a double holds it
 * exactly. */
void source_emit_integer(struct source *s, const struct sensor_config *c, int64_t time_us,
                         int64_t raw);

/* No value, and why (any quality but QUALITY_GOOD). */
void source_emit_bad(struct source *s, const struct sensor_config *c, int64_t time_us,
                     enum quality why);

/* For a driver that makes readings itself: a good one of a sensor with `counter: true` becomes its
 * total or rate (counters.h). The functions above do so by themselves. */
void source_count(struct source *s, const struct sensor_config *c, struct reading *r);

/* A batch of finished readings of this source, in order: fewer locks for a driver that reads many
 * registers at once. */
void source_emit_batch(struct source *s, const struct reading *readings, size_t n);

/* Something arrived that became no reading: counted as accepted and dropped. */
void source_reject(struct source *s, enum drop_reason why);

/* Counts an error and remembers it for display; logs it as a warning, when it differs from the last
 * one. */
void source_error(struct source *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What is wrong now with a source that is open, for the health; NULL: nothing. Neither counted nor
 * logged, and forgotten when it is opened anew. */
void source_trouble(struct source *s, const char *text);

/* Counts polls that fell out because those before took too long. The source's own thread. */
void source_overrun(struct source *s, uint64_t polls);

/* Whether the source must stop. A driver that waits or works for more than some seconds in its
 * source's thread asks it meanwhile: this is also the thread's sign of life. */
bool source_stopping(struct source *s);
/* Runs the tasks that wait: a driver calls it between two requests. The source's own thread. */
void source_serve(struct source *s);
/* Sleeps at most `us` µs, less when a task comes; true when the source must stop. The source's own
 * thread. */
bool source_sleep(struct source *s, int64_t us);

/* All sensors of the source in file order, across its devices: for (i = 0; (c =
 * source_sensor(config, i)); i++). NULL at the end. */
const struct sensor_config *source_sensor(const struct source_config *config, size_t i);

#endif
