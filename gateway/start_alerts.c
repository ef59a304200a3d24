/* SPDX-License-Identifier: Apache-2.0 */
/* The alert book, and what goes on from the last run. */
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/record.h"
#include "gateway/made.h"
#include "gateway/parts.h"

#include <stdio.h>
#include <stdlib.h>

/* An alert of an earlier run goes on, or, when nothing watches it any more, is cleared so that its
 * retained message does not say "raised" for ever. */
static void restore_alert(void *arg, const struct alert_change *change, const char *sensor_name)
{
    struct gateway *g = arg;

    if (alert_book_restore(g->alerts, change, sensor_name, clock_mono_us(), clock_wall_us()) ==
        GW_OK)
        return;
    struct alert_change *cleared = calloc(1, sizeof(*cleared));
    if (!cleared)
        return;
    *cleared = *change;
    cleared->next = NULL;
    cleared->state = ALERT_CLEARED;
    cleared->time_us = clock_wall_us();
    snprintf(cleared->comment, sizeof(cleared->comment), "%s", ALERT_UNWATCHED);
    struct record record = {.changes = cleared};
    if (queue_try_push(g->records, 0, &record, 1) == 0)
        alert_change_free(cleared);
    log_info("alert cleared: %s %s: %s", sensor_name, change->rule, ALERT_UNWATCHED);
}

/* A shelf that nothing watches any more, copied. */
struct idle_shelf {
    struct idle_shelf *next;
    char sensor[SENSOR_NAME_MAX + 1], rule[RULE_NAME_MAX + 1];
};

struct restoring {
    struct gateway *g;
    struct idle_shelf *idle;
};

static void restore_shelf(void *arg, const struct alert_change *change, const char *sensor_name)
{
    struct restoring *r = arg;

    if (alert_book_restore(r->g->alerts, change, sensor_name, clock_mono_us(), clock_wall_us()) !=
        GW_ENOENT)
        return;
    struct idle_shelf *idle = calloc(1, sizeof(*idle));
    if (!idle)
        return; /* the next start ends it */
    snprintf(idle->sensor, sizeof(idle->sensor), "%s", sensor_name);
    snprintf(idle->rule, sizeof(idle->rule), "%s", change->rule);
    idle->next = r->idle;
    r->idle = idle;
}

/* A shelf ends with its rule, as in a reload: when the rule comes back it is not silent for reasons
 * that nobody remembers. */
static enum gw_err restore_shelves(struct gateway *g)
{
    struct restoring r = {.g = g};
    enum gw_err err = store_shelves(g->store, restore_shelf, &r);

    while (r.idle) {
        struct idle_shelf *idle = r.idle;
        if (err == GW_OK)
            err = store_drop_shelf(g->store, idle->sensor, idle->rule);
        log_info("%s %s is not shelved any more: %s", idle->sensor, idle->rule, ALERT_UNWATCHED);
        r.idle = idle->next;
        free(idle);
    }
    return err;
}

static void note_seen(void *arg, uint32_t sensor)
{
    struct gateway *g = arg;

    alert_book_seen(g->alerts, sensor);
}

enum gw_err start_alerts(struct gateway *g)
{
    enum gw_err err = made_add_known(g->config, g->config->storage.path, g->sensors);

    if (err != GW_OK)
        return err;
    err = alert_book_create(&g->alerts, g->config, g->sensors, queue_lanes(g->readings),
                            store_next_alert_id(g->store), clock_mono_us());

    if (err != GW_OK)
        return err;
    if ((err = store_active_alerts(g->store, restore_alert, g)) != GW_OK ||
        (err = store_seen_sensors(g->store, note_seen, g)) != GW_OK)
        return err;
    return restore_shelves(g);
}
