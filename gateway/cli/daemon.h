/* SPDX-License-Identifier: Apache-2.0 */
/* The running gateway, asked through its control socket (gateway/control.h). */
#ifndef SENSORGW_GATEWAY_CLI_DAEMON_H
#define SENSORGW_GATEWAY_CLI_DAEMON_H

#include "config/config.h"
#include "gateway/cli/cli.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct daemon;

/* Connects to the gateway that runs with this configuration. NULL: there is none, or it is not for
 * us (`why`, static or until the next call, in words). */
struct daemon *daemon_open(const struct config *config, const char **why);
/* The same with the configuration that the command line names, of which only what is needed to find
 * the gateway has to be right. CLI_OK, or the exit status; standard error says why. */
int daemon_find(const struct cli *cli, struct daemon **out);
void daemon_close(struct daemon *d); /* NULL is ok */

/* From now on an answer is waited for at most that long. */
void daemon_limit(struct daemon *d, int64_t us);
/* The last answer did not come: the gateway is gone, or did not answer in time. */
bool daemon_lost(const struct daemon *d);

/* Sends one request and waits for its answer: lines, each NUL-terminated, NULL after the last;
 * borrowed until the next request. NULL: the gateway has gone. */
char **daemon_ask(struct daemon *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether the answer to an order is "ok"; else standard error says why not, after `what`. */
bool daemon_did(char *const *lines, const char *what);

/* After an order that failed: "did you mean", when the gateway has no such sensor but one like it.
 */
void daemon_suggest(struct daemon *d, const char *sensor);

/* Cuts a line at its tabs; how many words, at most `max`. What is missing is "". */
size_t daemon_words(char *line, char **words, size_t max);

#endif
