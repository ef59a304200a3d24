/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the broker: a JSON Pointer or a topic filter, a zero byte, and what arrives. */
#include "drivers/mqtt/payload.h"
#include "drivers/mqtt/topic.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <string.h>

#define NOW_US INT64_C(1800000000000000)
#define YEAR_2000_US INT64_C(946684800000000)

static void try_number(const char *pointer, const char *message, size_t n)
{
    struct payload p;
    double value = 0;
    int64_t us = 0;

    payload_init(&p, message, n);
    if (payload_number(&p, pointer, &value))
        require(isfinite(value));
    if (pointer && payload_time(&p, pointer, NOW_US, &us))
        require(us >= YEAR_2000_US && us <= NOW_US + INT64_C(86400000000));
    payload_fini(&p);
}

static void try_topic(const char *filter, const char *topic)
{
    struct topic_captures captures = {0};
    char name[64];

    if (topic_filter_problem(filter))
        return;
    if (!topic_match(filter, topic, &captures))
        return;
    require(captures.count <= TOPIC_CAPTURES);
    for (size_t i = 0; i < captures.count; i++)
        require(captures.parts[i].text >= topic &&
                captures.parts[i].text + captures.parts[i].length <= topic + strlen(topic));
    if (topic_expand("{1}/{2}/x", &captures, name, sizeof(name)))
        require(strlen(name) < sizeof(name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char first[256];
    const uint8_t *zero = memchr(data, 0, size);
    size_t length = zero ? (size_t)(zero - data) : 0;

    if (!zero || length >= sizeof(first))
        return 0;
    memcpy(first, data, length + 1);
    size_t rest = size - length - 1;
    char *message = malloc(rest + 1);
    require(message != NULL);
    memcpy(message, zero + 1, rest);
    try_number(NULL, message, rest);
    if (!payload_pointer_problem(first))
        try_number(first, message, rest);
    message[rest] = '\0';
    try_topic(first, message);
    free(message);
    return 0;
}
