/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/payload.h"

#include "gateway/core/clock.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define YEAR_2000_US (INT64_C(946684800) * US_PER_SECOND)
#define PLAIN_MAX 64 /* longer than any number or word that is taken */

void payload_init(struct payload *p, const char *text, size_t length)
{
    *p = (struct payload){.text = text, .length = length};
}

void payload_fini(struct payload *p)
{
    cJSON_Delete(p->json);
    p->json = NULL;
}

/* --- plain text --- */

static bool plain_number(const char *text, double *value)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {{"true", 1}, {"false", 0}, {"on", 1}, {"off", 0}};
    char *end;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(text, words[i].word) == 0) {
            *value = words[i].value;
            return true;
        }
    }
    if (*text == '\0' || strspn(text, "+-.0123456789eE") != strlen(text))
        return false;
    double number = strtod(text, &end);
    if (*end || !isfinite(number))
        return false;
    *value = number;
    return true;
}

/* The text without the white space around it; false when it is too long or holds a NUL. */
static bool plain_text(const struct payload *p, char out[static PLAIN_MAX + 1])
{
    const char *text = p->text;
    size_t length = p->length;

    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    while (length > 0 && isspace((unsigned char)*text)) {
        text++;
        length--;
    }
    if (length > PLAIN_MAX || memchr(text, '\0', length))
        return false;
    memcpy(out, text, length);
    out[length] = '\0';
    return true;
}

/* --- JSON --- */

/* How deep brackets nest, without parsing; those inside strings do not count. */
static bool too_deep(const char *text, size_t length)
{
    int depth = 0;
    bool string = false;

    for (size_t i = 0; i < length; i++) {
        if (string && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            string = !string;
        else if (!string && (text[i] == '{' || text[i] == '['))
            depth++;
        else if (!string && (text[i] == '}' || text[i] == ']'))
            depth--;
        if (depth > PAYLOAD_DEPTH)
            return true;
    }
    return false;
}

/* A key that stands twice means that two programs will read two values; 1e999 is read as infinity.
 */
static bool is_sound(const cJSON *node)
{
    if (cJSON_IsNumber(node) && !isfinite(node->valuedouble))
        return false;
    for (const cJSON *c = node->child; c; c = c->next) {
        if (!is_sound(c))
            return false;
        for (const cJSON *d = c->next; c->string && d; d = d->next) {
            if (strcmp(c->string, d->string) == 0)
                return false;
        }
    }
    return true;
}

static const cJSON *json_of(struct payload *p)
{
    const char *end = NULL;

    if (p->json || p->refused)
        return p->json;
    p->refused = true;
    if (too_deep(p->text, p->length))
        return NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(p->text, p->length, &end, false);
    while (json && end < p->text + p->length && isspace((unsigned char)*end))
        end++;
    if (!json || end != p->text + p->length || !is_sound(json)) {
        cJSON_Delete(json);
        return NULL;
    }
    p->json = json;
    p->refused = false;
    return json;
}

/* Compares a reference token, in which ~1 is '/' and ~0 is '~', with a key. */
static bool token_is(const char *token, size_t length, const char *key)
{
    for (size_t i = 0; i < length; i++, key++) {
        char c = token[i];
        if (c == '~' && i + 1 < length)
            c = token[++i] == '1' ? '/' : '~';
        if (*key != c)
            return false;
    }
    return *key == '\0';
}

static const cJSON *child_of(const cJSON *node, const char *token, size_t length)
{
    if (cJSON_IsArray(node)) {
        char *end;
        long index = strtol(token, &end, 10);
        bool whole = length > 0 && end == token + length && isdigit((unsigned char)*token);
        bool leading = length > 1 && *token == '0';
        return whole && !leading && index <= 100000 ? cJSON_GetArrayItem(node, (int)index) : NULL;
    }
    if (!cJSON_IsObject(node))
        return NULL;
    for (const cJSON *c = node->child; c; c = c->next) {
        if (token_is(token, length, c->string))
            return c;
    }
    return NULL;
}

static const cJSON *follow(const cJSON *node, const char *pointer)
{
    while (node && *pointer == '/') {
        size_t length = strcspn(++pointer, "/");
        node = child_of(node, pointer, length);
        pointer += length;
    }
    return node;
}

const char *payload_pointer_problem(const char *pointer)
{
    if (*pointer != '\0' && *pointer != '/')
        return "must begin with '/' (a JSON Pointer, like /humidity)";
    for (const char *p = pointer; *p; p++) {
        if (*p == '~' && p[1] != '0' && p[1] != '1')
            return "has a '~' that is neither ~0 (for '~') nor ~1 (for '/')";
    }
    return NULL;
}

static bool json_number(const cJSON *node, double *value)
{
    if (cJSON_IsBool(node))
        *value = cJSON_IsTrue(node);
    else if (cJSON_IsNumber(node))
        *value = node->valuedouble;
    else
        return cJSON_IsString(node) && plain_number(node->valuestring, value);
    return true;
}

bool payload_number(struct payload *p, const char *pointer, double *value)
{
    char text[PLAIN_MAX + 1];

    if (!pointer)
        return plain_text(p, text) && plain_number(text, value);
    const cJSON *node = follow(json_of(p), pointer);
    return node && json_number(node, value);
}

/* --- times --- */

/* ".25" at *text, to µs; further digits are too small to matter. False: no digit follows the point.
 */
static bool parse_fraction(const char **text, int64_t *us)
{
    const char *p = *text + 1;
    int64_t unit = US_PER_SECOND;

    *us = 0;
    for (; isdigit((unsigned char)*p); p++) {
        unit /= 10;
        *us += (*p - '0') * unit;
    }
    bool any = p > *text + 1;
    *text = p;
    return any;
}

/* RFC 3339: "2026-01-31T12:00:00.5Z", with an offset, or a space in place of the T. */
static bool parse_rfc3339(const char *text, int64_t *us)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%Y-%m-%d", &tm);

    if (!end || (*end != 'T' && *end != 't' && *end != ' '))
        return false;
    end = strptime(end + 1, "%H:%M:%S", &tm);
    if (!end)
        return false;
    int64_t part = 0;
    if (*end == '.' && !parse_fraction(&end, &part))
        return false;
    int64_t shift = 0;
    int hours, minutes, length = 0;
    if (*end == '+' || *end == '-') {
        if (sscanf(end + 1, "%2d:%2d%n", &hours, &minutes, &length) != 2 || end[1 + length])
            return false;
        shift = (*end == '+' ? 1 : -1) * (hours * US_PER_HOUR + minutes * US_PER_MINUTE);
    } else if (strcasecmp(end, "Z") != 0) {
        return false;
    }
    *us = (int64_t)timegm(&tm) * US_PER_SECOND + part - shift;
    return true;
}

/* Seconds until the year 5138 are below 1e11, milliseconds since 1973 above it, and so on. */
static bool scale_epoch(double number, int64_t *us)
{
    double size = fabs(number);

    if (size < 1e11)
        number *= 1e6;
    else if (size < 1e14)
        number *= 1e3;
    if (fabs(number) > 9e18)
        return false;
    *us = (int64_t)llround(number);
    return true;
}

bool payload_time(struct payload *p, const char *pointer, int64_t now_us, int64_t *time_us)
{
    const cJSON *node = follow(json_of(p), pointer);
    int64_t us;
    double number;

    if (!node)
        return false;
    if (cJSON_IsString(node) && parse_rfc3339(node->valuestring, &us))
        ;
    else if (cJSON_IsBool(node) || !json_number(node, &number) || !scale_epoch(number, &us))
        return false;
    if (us < YEAR_2000_US || us > now_us + US_PER_DAY)
        return false;
    *time_us = us;
    return true;
}
