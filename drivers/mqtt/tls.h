/* SPDX-License-Identifier: Apache-2.0 */
/* TLS as Paho is told to do it, and why it failed: OpenSSL's text, in words for people. */
#ifndef SENSORGW_DRIVERS_MQTT_TLS_H
#define SENSORGW_DRIVERS_MQTT_TLS_H

#include "config/config.h"

#include <MQTTAsync.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define TLS_REASON_SIZE 120

/* The first error of an attempt to connect; any thread. */
struct tls_errors {
    pthread_mutex_t lock;
    char reason[TLS_REASON_SIZE]; /* guarded by lock; empty: none */
};

void tls_errors_init(struct tls_errors *e);
void tls_errors_fini(struct tls_errors *e);
void tls_errors_clear(struct tls_errors *e); /* an attempt begins */
void tls_errors_copy(struct tls_errors *e, char out[static TLS_REASON_SIZE]);

/* Borrows both; errors go to `e`. */
void tls_prepare(MQTTAsync_SSLOptions *o, const struct mqtt_section *m, struct tls_errors *e);

/* The part that says why, of a line of OpenSSL's (`…:error:number:library:function:reason:…`),
 * without control characters; all of the line when it has no such part. */
void tls_reason_of(const char *line, size_t length, char out[static TLS_REASON_SIZE]);
/* What that reason means. NULL: it does not tell, like one that also comes when the other side
 * speaks no TLS; static. */
const char *tls_reason_words(const char *reason);

#endif
