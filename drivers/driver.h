/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver is: THE interface between the gateway and the outside world's sensors.
 *
 * A driver is a folder below drivers/ with one `const struct driver driver_<name>` and one line in
 * registry.def. It reads its part of the configuration through option tables (config/option.h), and
 * gives readings away with source_emit() and its relatives. drivers/file is the commented example
 * to start a new one from. */
#ifndef SENSORGW_DRIVERS_DRIVER_H
#define SENSORGW_DRIVERS_DRIVER_H

#include "config/config.h"
#include "drivers/source.h"
#include "gateway/core/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* How a write ended. */
struct source_write {
    enum gw_err err; /* GW_OK: written, and read back as written */
    double value;    /* read back; NAN when nothing could be */
    char why[160];   /* when it did not succeed: for people */
};

struct driver {
    struct driver_schema schema;

    /* Gets hold of the port, connection or files, and sets source->state. On error leaves nothing
     * behind; the source's thread tries again with a back-off from 1 to 30 s, and meanwhile emits
     * QUALITY_TIMEOUT for what is due. */
    enum gw_err (*open)(struct source *s);

    /* Does what is due by now_us (monotonic), emits, and says when it wants to be called next.
     * Returns within about one time-out of its own. GW_OK whatever single sensors did; an error
     * means that the source must be closed and opened again. NULL: the driver is pushed to and
     * emits from a thread of its library. */
    enum gw_err (*poll)(struct source *s, int64_t now_us, int64_t *next_us);

    /* Once for each successful open. Nothing is emitted after it returns. */
    void (*close)(struct source *s);

    /* Whether two sources name the same line, so that one thread must serve both. Such a driver's
     * open and poll serve the source's members too. NULL: never. */
    bool (*same_line)(const struct source_config *a, const struct source_config *b);

    /* Carries out a command in words of its own, for the field tools, in the source's thread; the
     * source may not be open. The answer is one line, "ok …" or "error …". NULL: knows none. */
    void (*command)(struct source *s, int argc, char **argv, FILE *answer);

    /* Sets a sensor that is writable to `value`, in the sensor's unit, and reads it back, in the
     * source's thread; the source may not be open. NULL: cannot. */
    void (*write)(struct source *s, const struct sensor_config *c, double value,
                  struct source_write *out);

    /* Prints what will run, for `sensorgw check`: requests, addresses, topics; lines indented by
     * two spaces. */
    void (*describe)(const struct source_config *c, FILE *f);

    /* The same for the line that these sources share, 1 or more of them: how much it has to do, and
     * a warning when that is too much. NULL: nothing to say. */
    void (*describe_line)(const struct source_config *const *sources, size_t count, FILE *f);
};

/* All drivers, in the order of registry.def; static. */
const struct driver *const *driver_all(size_t *count);
/* Their schemas, for config_load(); static. */
const struct driver_schema *const *driver_schemas(size_t *count);
/* NULL when there is none of that name. */
const struct driver *driver_find(const char *name);

#endif
