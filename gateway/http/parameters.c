/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http/parameters.h"

#include "gateway/core/sensor.h"
#include "gateway/core/utf8.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUOTED 80 /* bytes of what is complained about */
#define ENCODING "write what is no letter or digit as % and two hexadecimal digits"

/* So much of the text as may be quoted: whole characters. */
static int quotable(const char *text, size_t length)
{
    return (int)utf8_prefix(text, length < QUOTED ? length : QUOTED);
}

static bool bad_request(struct http_reply *out, const char *error, const char *hint)
{
    reply_error(out, MHD_HTTP_BAD_REQUEST, error, hint);
    return false;
}

void parameters_refuse(const char *key, const char *text, const char *hint, struct http_reply *out)
{
    char error[2 * QUOTED + 40];

    snprintf(error, sizeof(error), "%.*s=%.*s cannot be used", quotable(key, strlen(key)), key,
             quotable(text, strlen(text)), text);
    bad_request(out, error, hint);
}

/* --- the query --- */

struct parameter {
    const char *key, *value; /* encoded */
    size_t key_length, value_length;
};

/* Takes the next one off the query. */
static struct parameter next_parameter(const char **query)
{
    size_t length = strcspn(*query, "&");
    const char *equals = memchr(*query, '=', length);
    struct parameter p = {.key = *query, .key_length = equals ? (size_t)(equals - *query) : length};

    p.value = equals ? equals + 1 : *query + length;
    p.value_length = (size_t)(*query + length - p.value);
    *query += length + ((*query)[length] == '&');
    return p;
}

static bool has_word(const char *words, const char *word, size_t length)
{
    for (const char *p = words; *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        if (n == length && memcmp(p, word, n) == 0)
            return true;
        p += n;
    }
    return false;
}

static bool has_key(const char *query, const struct parameter *wanted)
{
    while (*query) {
        struct parameter p = next_parameter(&query);
        if (p.key_length == wanted->key_length && memcmp(p.key, wanted->key, p.key_length) == 0)
            return true;
    }
    return false;
}

static bool is_well_encoded(const struct parameter *p)
{
    char *text = strndup(p->value, p->value_length);
    bool ok = text && request_decode(text) && utf8_prefix(text, strlen(text)) == strlen(text);

    free(text);
    return ok;
}

/* NULL: nothing is wrong with it; else what, after its name. */
static const char *fault_of(const struct parameter *p, const char *rest, const char **hint)
{
    if (has_key(rest, p)) {
        *hint = "give it once";
        return "is given more than once";
    }
    if (p->value_length == 0) {
        *hint = "give it a value, or leave it out";
        return "is empty";
    }
    if (!is_well_encoded(p)) {
        *hint = ENCODING ", in UTF-8";
        return "is not well encoded";
    }
    return NULL;
}

static bool unknown(const struct parameter *p, const char *known, struct http_reply *out)
{
    char error[QUOTED + 40], hint[QUOTED + 40];

    snprintf(error, sizeof(error), "there is no parameter '%.*s' here",
             quotable(p->key, p->key_length), p->key);
    snprintf(hint, sizeof(hint), *known ? "there are: %s" : "this path takes none%s", known);
    return bad_request(out, error, hint);
}

bool parameters_check(const char *query, const char *known, struct http_reply *out)
{
    while (query && *query) {
        struct parameter p = next_parameter(&query);
        const char *hint, *fault;
        char error[QUOTED + 40];

        if (!has_word(known, p.key, p.key_length))
            return unknown(&p, known, out);
        if ((fault = fault_of(&p, query, &hint))) {
            snprintf(error, sizeof(error), "%.*s %s", (int)p.key_length, p.key, fault);
            return bad_request(out, error, hint);
        }
    }
    return true;
}

/* --- the path --- */

bool parameters_name(char *name, struct http_reply *out)
{
    char error[80];

    if (!request_decode(name))
        return bad_request(out, "the name in the path is not well encoded", ENCODING);
    if (utf8_prefix(name, strlen(name)) != strlen(name))
        return bad_request(out, "the name in the path is not UTF-8", ENCODING ", in UTF-8");
    if (strlen(name) <= SENSOR_NAME_MAX)
        return true;
    snprintf(error, sizeof(error), "the name in the path is longer than %d bytes", SENSOR_NAME_MAX);
    return bad_request(out, error, "/api/v1/sensors lists all");
}

/* --- the body --- */

cJSON *parameters_body(const struct http_request *r, const char *example, struct http_reply *out)
{
    const char *end = r->body;
    char error[80];

    if (utf8_prefix(r->body, r->body_length) != r->body_length) {
        bad_request(out, "the body is not UTF-8", example);
        return NULL;
    }
    cJSON *o = cJSON_ParseWithLengthOpts(r->body, r->body_length + 1, &end, true);
    if (!o) {
        snprintf(error, sizeof(error), "the body is not JSON: see byte %zu",
                 (size_t)(end - r->body) + 1);
        bad_request(out, error, example);
        return NULL;
    }
    if (cJSON_IsObject(o))
        return o;
    cJSON_Delete(o);
    bad_request(out, "the body is JSON, but no object", example);
    return NULL;
}

bool parameters_text(const cJSON *o, const char *key, size_t size, const char **text,
                     struct http_reply *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);
    char error[QUOTED + 40];

    *text = cJSON_GetStringValue(item);
    if (item && !cJSON_IsNull(item) && !*text) {
        snprintf(error, sizeof(error), "\"%s\" is no text", key);
        return bad_request(out, error, "put it between quotation marks");
    }
    if (!*text || strlen(*text) < size)
        return true;
    snprintf(error, sizeof(error), "\"%s\" is longer than %zu bytes", key, size - 1);
    return bad_request(out, error, "make it shorter");
}
