/* SPDX-License-Identifier: Apache-2.0 */
/* The alert transitions that all clients share. */
#include "gateway/http/events_parts.h"
#include "gateway/message.h"
#include "storage/query.h"

#include <stdlib.h>

static void add_alert(struct events *e, const struct alert_message *m)
{
    char topic[TOPIC_SIZE];
    char *text = message_transition(e->options.config, m, topic);

    if (!text)
        return;
    pthread_mutex_lock(&e->lock);
    char **place = &e->ring[e->alerts % EVENTS_RING];
    free(*place);
    *place = text;
    e->alerts++;
    pthread_mutex_unlock(&e->lock);
}

void events_alert_now(struct events *e, const struct alert_change *change, const char *instance)
{
    const struct sensor *s = sensor_table_get(e->options.sensors, change->sensor);

    add_alert(e, &(struct alert_message){
                     .state = alert_state_name(change->state),
                     .severity = severity_name(change->severity),
                     .sensor = s ? s->name : "",
                     .unit = s ? s->unit : "",
                     .rule = change->rule,
                     .value = change->value,
                     .limit = change->limit,
                     .since_us = change->since_us,
                     .reason = alert_reason_name(change->reason),
                     .who = change->who,
                     .comment = change->comment,
                     .until_us = change->until_us,
                     .repeat = change->repeat,
                     .time_us = change->time_us,
                     .instance = instance,
                     .alert_id = change->alert_id,
                     .durable = false,
                 });
}

static bool each_stored(void *arg, const struct outbox_row *row)
{
    struct events *e = arg;

    e->last_seq = row->seq;
    add_alert(e, &(struct alert_message){
                     .state = row->state,
                     .severity = row->severity,
                     .sensor = row->sensor,
                     .unit = row->unit,
                     .rule = row->rule,
                     .value = row->value,
                     .limit = row->limit,
                     .since_us = row->since_us,
                     .reason = row->reason,
                     .who = row->who,
                     .comment = row->comment,
                     .until_us = row->until_us,
                     .repeat = row->repeat,
                     .time_us = row->time_us,
                     .instance = row->instance,
                     .alert_id = row->alert_id,
                     .seq = row->seq,
                     .durable = true,
                 });
    return true;
}

/* What is told is what is stored, as with the broker. */
bool events_read_stored(struct events *e)
{
    if (!e->query && query_open(&e->query, e->options.config->storage.path) != GW_OK)
        return false;
    int64_t before;
    do {
        before = e->last_seq;
        if (query_events(e->query, before, EVENTS_RING, each_stored, e) != GW_OK)
            return false;
    } while (e->last_seq != before);
    return true;
}
