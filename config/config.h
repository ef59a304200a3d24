/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: read from one YAML file, checked whole, then immutable. Any thread may read
 * it.
 *
 * Sensors that the file names get their index here, in file order from 0; the gateway's sensor
 * table starts with exactly these, so a sensor_config's `index` is its index everywhere. */
#ifndef SENSORGW_CONFIG_CONFIG_H
#define SENSORGW_CONFIG_CONFIG_H

#include "config/expr.h"
#include "config/option.h"
#include "gateway/core/err.h"
#include "gateway/core/log.h"
#include "gateway/core/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct source_config;
struct device_config;
struct sensor_config;
struct config_reporter;
struct yaml_node;

/* What config must know of a driver to read its part of the file. */
struct driver_schema {
    const char *name;                    /* as in `driver: modbus` */
    const char *help;                    /* one sentence for the reference page */
    const struct option *source_options; /* keys of the source, into source_config.options */
    const struct option
        *device_options; /* keys of a device; NULL: sensors stand directly below the source */
    const struct option *sensor_options;          /* keys of a sensor, into sensor_config.options */
    size_t source_size, device_size, sensor_size; /* of the structs that those fill; 0 for none */
    bool polled;         /* `every` means something; false for a driver that is pushed to */
    bool needs_mqtt;     /* the file must have an `mqtt:` section */
    bool wildcard_names; /* sensor names may hold {1}, {2}: such sensors are made at run time and
                            have no index */

    /* Checks across keys and prepares what tables cannot say (addresses, regular expressions),
     * reporting with config_report(). check_source is called after all of the source is filled.
     * NULL: nothing to check. */
    void (*check_sensor)(struct sensor_config *sensor, const struct device_config *device,
                         struct config_reporter *r);
    void (*check_source)(struct source_config *source, struct config_reporter *r);
    /* For each earlier source of the same driver, once both are filled without an error. */
    void (*check_pair)(const struct source_config *source, const struct source_config *earlier,
                       struct config_reporter *r);
    /* The serial port that a source of these options holds, alone or with others of its driver that
     * check_pair allows; NULL: none. The function is NULL for a driver without serial ports. */
    const char *(*serial_port)(const void *options);
    /* Frees what the checks put into an options struct; what the tables filled is freed by config.
     * NULL: nothing. */
    void (*free_sensor)(void *options);
    void (*free_source)(void *options);
};

struct sensor_config {
    char *name;     /* full name, "device/sensor" or "source/sensor"; may hold {1} for wildcards */
    char *unit;     /* "" for none */
    uint32_t index; /* in the sensor table; SENSOR_NONE with wildcards in the name */
    int64_t
        every_us; /* polling period: its own, else the device's, else the source's; 0 when pushed */
    double scale, offset;         /* value = raw × scale + offset */
    struct number_list invalid;   /* raw values that mean "no value" */
    double min, max;              /* plausible values; NAN for no limit */
    bool counter;                 /* the raw value counts up: see drivers/counter.h */
    double wrap;                  /* raw value at which it begins again at 0; 0: never */
    int64_t per_us;               /* gives its increase per that time; 0: the total */
    bool writable;                /* the driver's check says so: driver.write may set it */
    void *options;                /* the driver's, schema->sensor_size bytes */
    const struct yaml_node *node; /* where it stands in the file, for config_report() */
};

struct device_config {
    char *name;           /* "" for the one anonymous device of a driver without devices */
    const char *template; /* the name of the one that it is made from; NULL: none */
    int64_t every_us;
    void *options; /* the driver's, schema->device_size bytes; NULL for none */
    struct sensor_config *sensors;
    size_t sensor_count;
    const struct yaml_node *node;
};

struct source_config {
    char *name;
    const struct driver_schema *schema;
    uint32_t index; /* position in config.sources */
    int64_t every_us;
    void *options;                 /* the driver's, schema->source_size bytes */
    struct device_config *devices; /* exactly one, anonymous, for a driver without devices */
    size_t device_count;
    size_t extra_sensors; /* that it may create at run time; set by check_source of a driver with
                             wildcard_names */
    const struct yaml_node *node;
};

enum rule_kind { RULE_LEVEL, RULE_RATE, RULE_STALE, RULE_QUALITY, RULE_EXPRESSION };

struct rule_config {
    char *name;   /* at most RULE_NAME_MAX bytes; unique */
    char *sensor; /* shell glob over full sensor names (fnmatch; '*' also matches '/');
                   * RULE_EXPRESSION: the name of the sensor that its alerts belong to */
    enum rule_kind kind;

    /* Limits by enum severity; NAN for none; [SEVERITY_NONE] is unused. */
    double high[3], low[3]; /* RULE_LEVEL, and RULE_EXPRESSION whose result is a number */
    double hysteresis;      /* of these: in the sensor's unit, 0 or more */
    double rate[3];         /* RULE_RATE: largest change per `per_us`, either way */
    int64_t per_us;         /* RULE_RATE */

    int64_t stale_us;   /* RULE_STALE: longest time without a good reading */
    int never_seen;     /* RULE_STALE: enum never_seen */
    int64_t bad_for_us; /* RULE_QUALITY: longest time with bad readings only */
    char *expression;   /* RULE_EXPRESSION: as written */
    struct expr *expr;  /* RULE_EXPRESSION */
    int64_t max_age_us; /* RULE_EXPRESSION: older readings are none */
    int severity;       /* enum severity, where there are no limits */

    int64_t for_us;     /* it must hold this long before it is raised; 0: at once; RULE_QUALITY:
                         * bad_for_us */
    int64_t repeat_us;  /* remind after that long; 0: never */
    int64_t max_raises; /* alerts of this rule told in max_per_us; 0: all */
    int64_t max_per_us;
    const struct yaml_node *node;
};

enum never_seen { NEVER_SEEN_RAISE, NEVER_SEEN_IGNORE };

enum publish_readings { PUBLISH_NONE, PUBLISH_CHANGES, PUBLISH_ALL };

struct gateway_section {
    char *name;      /* part of every topic; default: the host's name */
    int64_t workers; /* worker threads, each with its own lane */
    int64_t queue;   /* readings, all lanes together */
    char *control;   /* path of the control socket, or "off"; NULL: beside the database */
    struct {
        int level;  /* enum log_level */
        int format; /* enum log_format */
    } log;
};

struct mqtt_section {
    bool present;
    char *url;  /* mqtt://host[:port] or mqtts://host[:port] */
    char *host; /* of the url */
    int port;
    bool tls; /* mqtts */
    char *prefix;
    int publish_readings; /* enum publish_readings */
    bool home_assistant;
    char *client_id;           /* NULL: made from gateway name */
    char *username, *password; /* password: from password_file; NULL for none */
    char *ca_file, *cert_file, *key_file;
    int64_t keepalive_us;
};

struct storage_section {
    char *path;
    int64_t flush_us;
    struct {
        int64_t raw_us, minute_us, hour_us; /* kept that long; 0: for ever */
    } retention;
    int64_t max_size; /* bytes; 0: no limit */
    int64_t min_free; /* bytes; 0: not watched */
};

struct http_section {
    bool enabled;
    char *host; /* of listen */
    int port;
    char *token; /* from token_file; NULL for none */
};

struct config {
    char *path; /* of the file */
    char
        *template_dir; /* where templates are looked for before the installed ones; may not exist */
    struct gateway_section gateway;
    struct mqtt_section mqtt;
    struct storage_section storage;
    struct http_section http;
    struct source_config *sources;
    size_t source_count;
    struct rule_config *rules;
    size_t rule_count;
    size_t sensor_count; /* sensors with an index: 0 … sensor_count − 1 */
    size_t
        sensor_limit; /* with those that wildcards may still create (each driver's `max_sensors`) */
    void *memory;     /* everything above */
};

struct config_error {
    char *file;       /* a file with templates; NULL: the configuration itself */
    int line, column; /* 0 when it is about the whole file */
    char *text;       /* "sources[0].devices[1].every: why, and how to mend it" */
};

struct config_errors {
    struct config_error *items; /* in the order of files and lines, at most 100 */
    size_t count;
    bool truncated;
};

/* Reads and checks the file with the given drivers (they must outlive the result). On any error:
 * GW_ECONFIG (GW_ENOENT, GW_EACCES: the file cannot be read), *out untouched, and *errors lists all
 * of them. Any thread. */
enum gw_err config_load(const char *path, const struct driver_schema *const *drivers,
                        size_t driver_count, struct config **out, struct config_errors *errors);
/* The same from memory; `path` only names it in messages, and relative file names are taken from
 * its folder. */
enum gw_err config_parse(const char *path, const char *text, size_t length,
                         const struct driver_schema *const *drivers, size_t driver_count,
                         struct config **out, struct config_errors *errors);
/* Only the sections `gateway` and `storage`, whatever is wrong in the others: they say where a
 * running gateway is found. */
enum gw_err config_load_places(const char *path, struct config **out);

/* One more owner of the configuration, which config_free() gives up; the last one frees it. Any
 * thread. */
void config_hold(const struct config *c);
void config_free(const struct config *c); /* NULL is ok */
void config_errors_free(struct config_errors *e);
/* One "path:line:col: text" line for each; `path` names the configuration. */
void config_errors_print(const struct config_errors *e, const char *path, FILE *f);

/* Whether two sources, or two rules, say the same: all that their option tables and drivers know of
 * them, their names and those of their devices and sensors in order. Where they stand in the file
 * and their indices do not count. */
bool config_source_equal(const struct source_config *a, const struct source_config *b);
bool config_rule_equal(const struct rule_config *a, const struct rule_config *b);

/* The rule of that name, or NULL. */
const struct rule_config *config_find_rule(const struct config *c, const char *name);

/* Whether two paths name the same file or device: /dev/serial/by-id/… and /dev/ttyUSB0. */
bool config_same_file(const char *a, const char *b);

/* For a reload: gives `next`, which nobody uses yet, those values of `now` that cannot change while
 * the gateway runs, and calls differ() with the key of each that does: "storage.path". `now` must
 * outlive `next`. */
void config_keep_fixed(struct config *next, const struct config *now,
                       void (*differ)(void *arg, const char *key), void *arg);

/* For checks: reports an error at a key of the node ("" or NULL: at the node itself). The path
 * ("sources[0].port") is added by the reporter. */
void config_report(struct config_reporter *r, const struct yaml_node *node, const char *key,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A device template in a directory. */
struct config_template {
    const char *name, *description; /* "" for none */
    const char *file;               /* its path */
    size_t sensors;
};
/* Calls `each` for the templates in the *.yaml files of the folder, file by file; borrowed for the
 * call. A folder that does not exist has none. What is wrong goes into *errors, as with
 * config_load(). */
void config_list_templates(const char *folder, const struct driver_schema *const *drivers,
                           size_t driver_count,
                           void (*each)(void *arg, const struct config_template *t), void *arg,
                           struct config_errors *errors);
/* Where the templates that come with the program are installed. */
const char *config_installed_templates(void);

/* The option tables as a JSON Schema (draft 2020-12) for editors, and as a reference page in
 * Markdown. */
void config_write_schema(FILE *f, const struct driver_schema *const *drivers, size_t driver_count);
void config_write_reference(FILE *f, const struct driver_schema *const *drivers,
                            size_t driver_count);

#endif
