/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ruleset.h"

#include <stdlib.h>

/* How many alerts a rule has told of goes on with its name. */
static void take_limits(struct ruleset *to, struct ruleset *from)
{
    pthread_mutex_lock(&from->lock);
    for (size_t i = 0; i < to->config->rule_count; i++) {
        const struct rule_config *rule = config_find_rule(from->config, to->config->rules[i].name);
        if (rule)
            to->limits[i] = from->limits[rule - from->config->rules];
    }
    pthread_mutex_unlock(&from->lock);
}

enum gw_err ruleset_create(struct ruleset **out, const struct config *config,
                           struct sensor_table *sensors, struct ruleset *before)
{
    struct ruleset *r = calloc(1, sizeof(*r));

    if (!r)
        return GW_ENOMEM;
    config_hold(config);
    r->config = config;
    r->number = before ? before->number + 1 : 1;
    atomic_init(&r->owners, 1);
    pthread_mutex_init(&r->lock, NULL);
    r->limits = calloc(config->rule_count + 1, sizeof(*r->limits));
    if (!r->limits || inputs_create(&r->inputs, config, sensors) != GW_OK) {
        ruleset_release(r);
        return GW_ENOMEM;
    }
    if (before)
        take_limits(r, before);
    if (before && before->inputs && r->inputs)
        inputs_take(r->inputs, before->inputs, 0, 1);
    *out = r;
    return GW_OK;
}

struct ruleset *ruleset_hold(struct ruleset *r)
{
    atomic_fetch_add(&r->owners, 1);
    return r;
}

void ruleset_release(struct ruleset *r)
{
    if (!r || atomic_fetch_sub(&r->owners, 1) > 1)
        return;
    inputs_destroy(r->inputs);
    free(r->limits);
    pthread_mutex_destroy(&r->lock);
    config_free(r->config);
    free(r);
}
