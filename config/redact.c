/* SPDX-License-Identifier: Apache-2.0 */
#include "config/redact.h"

#include "config/redact_words.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SHORTEST 4

/* Parts of names that tell of a secret wherever they stand, and those that must be a word. */
static const char *const anywhere[] = {"passw",  "passphrase", "secret", "token",   "credential",
                                       "apikey", "api_key",    "login",  "username"};
static const char *const words[] = {"pass", "pwd", "user", "auth", "psk", "pin", "bearer"};

void redact_fini(struct redact *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->secrets[i]);
    free(r->secrets);
    *r = (struct redact){0};
}

void redact_add(struct redact *r, const char *secret)
{
    if (!secret || strlen(secret) < SHORTEST)
        return;
    if (r->count == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 8;
        char **more = realloc(r->secrets, capacity * sizeof(*more));
        if (!more)
            return;
        r->secrets = more;
        r->capacity = capacity;
    }
    r->secrets[r->count] = strdup(secret);
    r->count += r->secrets[r->count] != NULL;
}

static bool holds_word(const char *name, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = name; (at = strcasestr(at, word)) != NULL; at++) {
        if ((at == name || !isalnum((unsigned char)at[-1])) && !isalnum((unsigned char)at[length]))
            return true;
    }
    return false;
}

bool redact_is_secret(const char *name)
{
    for (size_t i = 0; i < sizeof(anywhere) / sizeof(anywhere[0]); i++) {
        if (strcasestr(name, anywhere[i]))
            return true;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (holds_word(name, words[i]))
            return true;
    }
    return false;
}

/* --- text --- */

static bool ends_word(char c)
{
    return c == '\0' || isspace((unsigned char)c) || strchr("\"'<>", c) != NULL;
}

/* How much of the text is a secret that is known; 0: none. The longest one counts. */
static size_t known_secret(const struct redact *r, const char *at)
{
    size_t longest = 0;

    for (size_t i = 0; i < r->count; i++) {
        size_t length = strlen(r->secrets[i]);
        if (length > longest && strncmp(at, r->secrets[i], length) == 0)
            longest = length;
    }
    return longest;
}

/* After "://": what stands before the last '@' of the URL, which may be part of a password. */
static size_t url_user(const char *at)
{
    size_t user = 0;

    for (size_t i = 0; !ends_word(at[i]); i++) {
        if (at[i] == '@')
            user = i;
    }
    return user;
}

/* At the '=' of name=value: how long the value is, when the name is one of a secret. */
static size_t named_value(const char *line, const char *equals)
{
    char name[64];
    const char *start = equals;
    size_t length = 0;

    while (start > line && (isalnum((unsigned char)start[-1]) || strchr("_-.", start[-1])))
        start--;
    snprintf(name, sizeof(name), "%.*s", (int)(equals - start), start);
    if (start == equals || !redact_is_secret(name))
        return 0;
    while (!ends_word(equals[1 + length]) && equals[1 + length] != '&')
        length++;
    return length;
}

void redact_text(const struct redact *r, const char *text, FILE *f)
{
    const char *at = text;

    while (*at) {
        size_t secret = known_secret(r, at), shown = 1;
        if (secret == 0 && strncmp(at, "://", 3) == 0) {
            secret = url_user(at + 3);
            shown = 3;
        } else if (secret == 0 && *at == '=') {
            secret = named_value(text, at);
        } else if (secret > 0) {
            shown = 0;
        }
        fwrite(at, 1, shown, f);
        if (secret > 0)
            fputs(REDACTED, f);
        at += shown + secret;
    }
}
