/* SPDX-License-Identifier: Apache-2.0 */
/* Topic filters and names: MQTT 5.0, section 4.7. Pure. */
#ifndef SENSORGW_DRIVERS_MQTT_TOPIC_H
#define SENSORGW_DRIVERS_MQTT_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

#define TOPIC_CAPTURES 9

/* What a filter's wildcards stood for: parts of the topic, borrowed; [0] is {1}. */
struct topic_captures {
    struct {
        const char *text;
        size_t length;
    } parts[TOPIC_CAPTURES];
    size_t count;
};

/* NULL when the filter is valid, else what is wrong with it (static). `$share/group/filter` too. */
const char *topic_filter_problem(const char *filter);

/* How many wildcards the filter has; '#' counts as one. */
size_t topic_wildcards(const char *filter);

/* Does the topic match? A shared filter matches as if it were not. captures may be NULL. */
bool topic_match(const char *filter, const char *topic, struct topic_captures *captures);

/* Writes the pattern with {1}, {2} … replaced into out. False: it does not fit, or has no such
 * capture. */
bool topic_expand(const char *pattern, const struct topic_captures *captures, char *out,
                  size_t size);
/* The largest n of {n} in the pattern; 0: none. */
size_t topic_highest_capture(const char *pattern);

#endif
