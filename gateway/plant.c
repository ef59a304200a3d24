/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/plant.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct plants {
    pthread_mutex_t lock;
    pthread_cond_t released;
    struct plant *now; /* guarded by lock */
};

struct plant *plant_create(const struct config *config)
{
    struct plant *plant = calloc(1, sizeof(*plant));

    if (!plant)
        return NULL;
    plant->config = config;
    plant->sources = calloc(config->source_count + 1, sizeof(struct source *));
    plant->origins = calloc(config->source_count + 1, sizeof(struct config *));
    if (plant->sources && plant->origins) {
        config_hold(config);
        return plant;
    }
    free(plant->sources);
    free(plant->origins);
    free(plant);
    return NULL;
}

void plant_set(struct plant *plant, size_t i, struct source *s, const struct config *origin)
{
    config_hold(origin);
    plant->sources[i] = s;
    plant->origins[i] = origin;
}

void plant_destroy(struct plant *plant)
{
    if (!plant)
        return;
    for (size_t i = 0; i < plant->config->source_count; i++)
        config_free(plant->origins[i]);
    config_free(plant->config);
    free(plant->sources);
    free(plant->origins);
    free(plant);
}

const char *plant_source_name(const struct config *config, uint32_t index)
{
    for (size_t i = 0; i < config->source_count; i++) {
        if (config->sources[i].index == index)
            return config->sources[i].name;
    }
    return "";
}

struct source *plant_find(const struct plant *plant, const char *name)
{
    for (size_t i = 0; i < plant->config->source_count; i++) {
        if (strcmp(plant->config->sources[i].name, name) == 0)
            return plant->sources[i];
    }
    return NULL;
}

struct plants *plants_create(struct plant *first)
{
    struct plants *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->released, NULL);
    p->now = first;
    return p;
}

void plants_destroy(struct plants *p)
{
    if (!p)
        return;
    plant_destroy(p->now);
    pthread_cond_destroy(&p->released);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

struct plant *plants_hold(struct plants *p)
{
    pthread_mutex_lock(&p->lock);
    struct plant *now = p->now;
    now->holders++;
    pthread_mutex_unlock(&p->lock);
    return now;
}

void plants_release(struct plants *p, struct plant *plant)
{
    pthread_mutex_lock(&p->lock);
    if (--plant->holders == 0)
        pthread_cond_broadcast(&p->released);
    pthread_mutex_unlock(&p->lock);
}

struct plant *plants_replace(struct plants *p, struct plant *next)
{
    pthread_mutex_lock(&p->lock);
    struct plant *before = p->now;
    p->now = next;
    while (before->holders > 0)
        pthread_cond_wait(&p->released, &p->lock);
    pthread_mutex_unlock(&p->lock);
    return before;
}
