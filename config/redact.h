/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations and other texts as strangers may see them: without passwords, tokens, names of
 * users, and comments. Belongs to one thread. */
#ifndef SENSORGW_CONFIG_REDACT_H
#define SENSORGW_CONFIG_REDACT_H

#include <stddef.h>
#include <stdio.h>

#define REDACTED "[removed]"

/* Secrets that are known by now, all to be removed from whatever is shown. */
struct redact {
    char **secrets;
    size_t count, capacity;
};

void redact_fini(struct redact *r);

/* Copies; NULL is ok. One of fewer than four characters is not looked for, since it would be found
 * everywhere. */
void redact_add(struct redact *r, const char *secret);

/* A YAML text, whether or not it is a valid configuration, with lines and columns as they are but
 * for what is taken out: comments; the values of keys that sound like secrets, which are remembered
 * with redact_add(); a *_file that does not look like the name of one, for it may be the secret
 * itself; users in URLs. Where it is no YAML any more, the rest is left out. `folder` is where
 * relative file names start. */
void redact_yaml(struct redact *r, const char *text, size_t length, const char *folder, FILE *f);

/* Any text, line by line: known secrets, users in URLs, and values after "password=" and the like
 * are removed. Nothing is remembered. */
void redact_text(const struct redact *r, const char *text, FILE *f);

#endif
