/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/topic.h"

#include <string.h>

#define SHARE "$share/"

/* The filter behind "$share/group/"; NULL when that part is not complete. */
static const char *behind_share(const char *filter)
{
    if (strncmp(filter, SHARE, sizeof(SHARE) - 1) != 0)
        return filter;
    const char *slash = strchr(filter + sizeof(SHARE) - 1, '/');
    return slash && slash > filter + sizeof(SHARE) - 1 ? slash + 1 : NULL;
}

const char *topic_filter_problem(const char *filter)
{
    const char *rest = behind_share(filter);

    if (!rest)
        return "must be $share/<group>/<filter>";
    if (*rest == '\0')
        return "is empty";
    if (strlen(filter) > 65535)
        return "is longer than 65535 bytes";
    for (const char *p = rest; *p; p++) {
        bool first = p == rest || p[-1] == '/';
        bool last = p[1] == '\0' || p[1] == '/';
        if (*p == '+' && !(first && last))
            return "has a '+' that is not a level of its own";
        if (*p == '#' && !(first && p[1] == '\0'))
            return "has a '#' that is not the last level of its own";
    }
    return NULL;
}

size_t topic_wildcards(const char *filter)
{
    const char *rest = behind_share(filter);
    size_t count = 0;

    for (; rest && *rest; rest++)
        count += *rest == '+' || *rest == '#';
    return count;
}

static void capture(struct topic_captures *c, const char *text, size_t length)
{
    if (!c || c->count == TOPIC_CAPTURES)
        return;
    c->parts[c->count].text = text;
    c->parts[c->count++].length = length;
}

bool topic_match(const char *filter, const char *topic, struct topic_captures *captures)
{
    const char *f = behind_share(filter);

    if (captures)
        captures->count = 0;
    if (!f || ((*f == '+' || *f == '#') && *topic == '$'))
        return false; /* 4.7.2: wildcards do not see the server's own topics */
    for (;;) {
        size_t level = strcspn(topic, "/"), part = strcspn(f, "/");
        if (*f == '#') {
            capture(captures, topic, strlen(topic));
            return true;
        }
        if (*f == '+')
            capture(captures, topic, level);
        else if (level != part || memcmp(f, topic, level) != 0)
            return false;
        f += part;
        topic += level;
        if (*topic == '\0')
            return *f == '\0' || strcmp(f, "/#") == 0; /* "a/#" includes "a" */
        if (*f == '\0')
            return false;
        f++;
        topic++;
    }
}

size_t topic_highest_capture(const char *pattern)
{
    size_t highest = 0;

    for (const char *p = pattern; (p = strchr(p, '{')); p++) {
        if (p[1] >= '1' && p[1] <= '9' && p[2] == '}' && (size_t)(p[1] - '0') > highest)
            highest = (size_t)(p[1] - '0');
    }
    return highest;
}

bool topic_expand(const char *pattern, const struct topic_captures *captures, char *out,
                  size_t size)
{
    size_t n = 0;

    while (*pattern) {
        const char *text = pattern;
        size_t length = 1, step = 1;
        if (pattern[0] == '{' && pattern[1] >= '1' && pattern[1] <= '9' && pattern[2] == '}') {
            size_t i = (size_t)(pattern[1] - '1');
            if (i >= captures->count)
                return false;
            text = captures->parts[i].text;
            length = captures->parts[i].length;
            step = 3;
        }
        if (n + length >= size)
            return false;
        memcpy(out + n, text, length);
        n += length;
        pattern += step;
    }
    out[n] = '\0';
    return true;
}
