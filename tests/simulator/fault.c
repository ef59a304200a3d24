/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulator/fault.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *help;
    int value;
} modes[] = {
#define X(code, text, number, explanation)                                                         \
    [code] = {.name = (text), .help = (explanation), .value = (number)},
    FAULT_MODES(X)
#undef X
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct fault faults[FAULT_TARGET_COUNT]; /* guarded by lock */

const char *fault_name(enum fault_mode mode)
{
    return modes[mode].name;
}

const char *fault_help(enum fault_mode mode)
{
    return modes[mode].help;
}

/* A whole number from low on that ends at the text's end or at `stop`; where it ended, or NULL. */
static const char *number(const char *text, int low, char stop, int *out)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (end == text || (*end != '\0' && *end != stop) || value < low || value > 1000000000)
        return NULL;
    *out = (int)value;
    return end;
}

static bool parse_target(const char *text, size_t length, int *first, int *last)
{
    char word[16];

    if (length >= sizeof(word))
        return false;
    memcpy(word, text, length);
    word[length] = '\0';
    *first = *last = strcmp(word, "line") == 0 ? FAULT_LINE : FAULT_MQTT;
    if (*first == FAULT_LINE || strcmp(word, "mqtt") == 0)
        return true;
    if (strcmp(word, "modbus") == 0) {
        *first = 0;
        *last = 255;
        return true;
    }
    if (strncmp(word, "unit", 4) != 0 || !number(word + 4, 0, '\0', first) || *first > 255)
        return false;
    *last = *first;
    return true;
}

static bool parse_mode(const char *text, struct fault *out)
{
    size_t length = strcspn(text, ":/");
    int every = 1, mode = 0;

    while (mode < FAULT_MODE_COUNT &&
           (strncmp(modes[mode].name, text, length) != 0 || modes[mode].name[length] != '\0'))
        mode++;
    if (mode == FAULT_MODE_COUNT)
        return false;
    *out = (struct fault){.mode = (enum fault_mode)mode, .value = modes[mode].value};
    text += length;
    if (*text == ':' && !(text = number(text + 1, 0, '/', &out->value)))
        return false;
    if (*text == '/' && !number(text + 1, 1, '\0', &every))
        return false;
    out->every = (unsigned)every;
    return true;
}

bool fault_set(const char *text)
{
    const char *equals = strchr(text, '=');
    struct fault fault;
    int first, last;

    if (!equals || !parse_target(text, (size_t)(equals - text), &first, &last) ||
        !parse_mode(equals + 1, &fault))
        return false;
    pthread_mutex_lock(&lock);
    for (int i = first; i <= last; i++)
        faults[i] = fault;
    pthread_mutex_unlock(&lock);
    return true;
}

struct fault fault_take(int target)
{
    struct fault fault;

    pthread_mutex_lock(&lock);
    struct fault *f = &faults[target];
    f->seen++;
    fault = *f;
    pthread_mutex_unlock(&lock);
    if (fault.every > 1 && fault.seen % fault.every != 0)
        fault.mode = FAULT_GOOD;
    return fault;
}
