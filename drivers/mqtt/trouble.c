/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/trouble.h"

#include "gateway/core/log.h"

#include <stdio.h>
#include <string.h>

void trouble_init(struct trouble *t)
{
    *t = (struct trouble){.soon = 0};
    pthread_mutex_init(&t->lock, NULL);
}

void trouble_fini(struct trouble *t)
{
    pthread_mutex_destroy(&t->lock);
}

static void put(struct trouble *t, const struct diagnosis *what)
{
    pthread_mutex_lock(&t->lock);
    t->what = *what;
    pthread_mutex_unlock(&t->lock);
}

void trouble_refused(struct trouble *t, struct mqtt_link *link, int reason,
                     bool (*stopping)(void *arg), void *arg)
{
    struct diagnosis why = {.hint = link_hint(reason)};

    t->soon = 0;
    snprintf(why.text, sizeof(why.text), "%s", link_reason(reason));
    if (reason < 0)
        link_diagnose(link, stopping, arg, &why);
    if (stopping(arg))
        return;
    put(t, &why);
    if (strcmp(why.text, t->logged) == 0 || strcmp(why.text, t->before) == 0)
        return;
    memcpy(t->before, t->logged, sizeof(t->before));
    memcpy(t->logged, why.text, sizeof(t->logged));
    log_warning("mqtt: cannot connect to %s: %s; %s; trying again until it works", link_url(link),
                why.text, why.hint);
}

/* A broker that gives no reason when another client takes the id over (mosquitto 2.0.11) is known
 * by the pattern: it always lets us in again, and never for long. */
void trouble_lost(struct trouble *t, struct mqtt_link *link, int reason, bool soon)
{
    struct diagnosis why = {.hint = link_hint(reason)};

    t->soon = soon && (reason < 0 || reason == LINK_TAKEN_OVER) ? t->soon + 1 : 0;
    if (t->soon >= TROUBLE_LOSSES) {
        snprintf(why.text, sizeof(why.text),
                 "it ends again and again soon after it began: perhaps another client uses the id "
                 "%s",
                 link_client_id(link));
        why.hint = link_hint(LINK_TAKEN_OVER);
    } else {
        snprintf(why.text, sizeof(why.text), "%s",
                 reason == -1 ? "it ended without a reason" : link_reason(reason));
    }
    put(t, &why);
    log_warning("mqtt: lost the connection to %s: %s; %s; trying again until it works",
                link_url(link), why.text, why.hint);
}

void trouble_connected(struct trouble *t)
{
    t->logged[0] = t->before[0] = '\0';
    if (t->soon < TROUBLE_LOSSES)
        put(t, &(struct diagnosis){.hint = ""});
}

void trouble_settled(struct trouble *t)
{
    t->soon = 0;
    put(t, &(struct diagnosis){.hint = ""});
}

bool trouble_read(struct trouble *t, struct diagnosis *out)
{
    pthread_mutex_lock(&t->lock);
    *out = t->what;
    pthread_mutex_unlock(&t->lock);
    return out->text[0] != '\0';
}
