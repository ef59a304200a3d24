/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/tls.h"

#include <string.h>

void tls_errors_init(struct tls_errors *e)
{
    pthread_mutex_init(&e->lock, NULL);
    e->reason[0] = '\0';
}

void tls_errors_fini(struct tls_errors *e)
{
    pthread_mutex_destroy(&e->lock);
}

void tls_errors_clear(struct tls_errors *e)
{
    pthread_mutex_lock(&e->lock);
    e->reason[0] = '\0';
    pthread_mutex_unlock(&e->lock);
}

void tls_errors_copy(struct tls_errors *e, char out[static TLS_REASON_SIZE])
{
    pthread_mutex_lock(&e->lock);
    memcpy(out, e->reason, TLS_REASON_SIZE);
    pthread_mutex_unlock(&e->lock);
}

/* The first line says most: what follows is who called whom. */
static int on_error(const char *text, size_t length, void *context)
{
    struct tls_errors *e = context;

    pthread_mutex_lock(&e->lock);
    if (!e->reason[0])
        tls_reason_of(text, length, e->reason);
    pthread_mutex_unlock(&e->lock);
    return 1;
}

/* verify = 1: without it Paho accepts a certificate for any host. */
void tls_prepare(MQTTAsync_SSLOptions *o, const struct mqtt_section *m, struct tls_errors *e)
{
    *o = (MQTTAsync_SSLOptions)MQTTAsync_SSLOptions_initializer;
    o->trustStore = m->ca_file;
    o->keyStore = m->cert_file;
    o->privateKey = m->key_file;
    o->enableServerCertAuth = 1;
    o->verify = 1;
    o->ssl_error_cb = on_error;
    o->ssl_error_context = e;
}

void tls_reason_of(const char *line, size_t length, char out[static TLS_REASON_SIZE])
{
    const char *at = line, *end = line + length, *stop = NULL, *colon;
    size_t n = 0;
    int field = 0;

    for (; field < 5 && (colon = memchr(at, ':', (size_t)(end - at))); field++)
        at = colon + 1;
    if (field == 5)
        stop = memchr(at, ':', (size_t)(end - at));
    if (!stop) {
        at = line;
        stop = end;
    }
    for (; at < stop && n < TLS_REASON_SIZE - 1; at++) {
        if ((unsigned char)*at >= 0x20 && (unsigned char)*at < 0x7f)
            out[n++] = *at;
    }
    out[n] = '\0';
}

const char *tls_reason_words(const char *reason)
{
    static const struct {
        const char *part, *words;
    } known[] = {
        {"certificate verify failed",
         "the broker's certificate is not trusted: its issuer is not known here, or it is out of "
         "date, or this machine's clock is wrong"},
        {"key values mismatch", "key_file is not the key of cert_file"},
        {"certificate required", "the broker asks for a certificate: cert_file and key_file"},
        {"alert bad certificate", "the broker does not take the certificate in cert_file"},
        {"alert unknown ca", "the broker does not know the issuer of cert_file"},
        {"alert certificate", "the broker does not take the certificate in cert_file"},
        {"unsupported protocol", "the broker speaks only versions of TLS that are too old"},
        {"alert protocol version", "the broker speaks only other versions of TLS"},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strstr(reason, known[i].part))
            return known[i].words;
    }
    return NULL;
}
