/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the file, a .c file each: the option tables, and what they cannot say. */
#ifndef SENSORGW_CONFIG_SECTIONS_H
#define SENSORGW_CONFIG_SECTIONS_H

#include "config/config.h"
#include "config/fill.h"

extern const struct option root_options[], template_options[], gateway_options[], mqtt_options[],
    storage_options[], http_options[];
extern const struct option source_options[], device_options[], sensor_options[], rule_options[];

#define DEFAULT_EVERY_US INT64_C(10000000)

/* The row `every` of a source, a device and a sensor; offset and help are to be added. */
#define EVERY_ROW                                                                                  \
    .key = "every", .type = OPTION_TIMESPAN, .fallback = OPTION_OPTIONAL, .min = 10e3,             \
    .max = 31536000e6

/* What all sections are read with. */
struct loader {
    struct fill fill;
    const struct yaml_node *root; /* NULL where only templates are listed */
    struct templates *templates;
    struct config *config;
    const struct driver_schema *const *drivers;
    size_t driver_count;
};

void read_gateway(struct loader *l);
void read_mqtt(struct loader *l);
void read_storage(struct loader *l);
void read_http(struct loader *l);
void read_sources(struct loader *l);
/* For read_sources(): the devices of a driver that has some, or the sensors of one that has none.
 */
void read_devices(struct loader *l, struct source_config *s);
void read_anonymous(struct loader *l, struct source_config *s);
/* Refuses `every` for a driver that is not polled; hands down the inherited one. */
void check_every(struct loader *l, const struct driver_schema *schema, const struct yaml_node *node,
                 int64_t *every, int64_t inherited);
/* After the sources: a rule's glob must be able to match a sensor. */
void read_rules(struct loader *l);
/* For read_rules(): the last rule of the list so far; filled: all its keys are what they should be.
 */
void check_rule(struct loader *l, struct rule_config *rule, const struct yaml_node *node,
                bool filled);
/* Lets the drivers free what their checks allocated. */
void free_sources(const struct config *c);

#endif
