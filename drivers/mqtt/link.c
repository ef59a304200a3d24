/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/link.h"

#include "drivers/mqtt/nodelay.h"
#include "drivers/mqtt/pending.h"
#include "drivers/mqtt/tls.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/metrics.h"

#include <MQTTAsync.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_S 10
#define SESSION_EXPIRY_S 3600 /* how long the broker keeps messages for us while we are away */
#define RECEIVE_MAXIMUM                                                                            \
    65535                       /* messages that the broker may send ahead of our acknowledgements \
                                 */
#define MAX_PACKET (256 * 1024) /* Paho allocates what a packet's header claims; this bounds it */
#define MAX_BUFFERED 64
#define MAX_INFLIGHT 20

struct mqtt_link {
    struct link_options options;
    MQTTAsync handle;
    char *uri;
    MQTTAsync_SSLOptions ssl;
    struct tls_errors tls_errors;
    MQTTAsync_willOptions will;
    atomic_uint limit;      /* bytes of a packet that the broker takes; 0: it has not said */
    atomic_bool complained; /* in this connection, that a message is larger */
    atomic_bool had_session;
    struct pending pending;
};

/* --- Paho's callbacks --- */

static void on_connected(void *context, MQTTAsync_successData5 *data)
{
    struct mqtt_link *l = context;
    MQTTProperty *limit =
        data ? MQTTProperties_getProperty(&data->properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE)
             : NULL;

    atomic_store(&l->limit, limit ? limit->value.integer4 : 0);
    atomic_store(&l->complained, false);
    atomic_store(&l->had_session, data && data->alt.connect.sessionPresent);
    l->options.on_event(l->options.arg, LINK_UP, 0);
}

static void on_connect_failed(void *context, MQTTAsync_failureData5 *data)
{
    struct mqtt_link *l = context;
    int reason = data
                     ? (data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR ? (int)data->reasonCode
                                                                             : data->code)
                     : -1;

    l->options.on_event(l->options.arg, LINK_REFUSED, reason);
}

static void on_connection_lost(void *context, char *cause)
{
    struct mqtt_link *l = context;

    (void)cause;
    l->options.on_event(l->options.arg, LINK_LOST, -1);
}

/* The broker's own DISCONNECT; Paho does not report it as a lost connection. */
static void on_disconnected(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    struct mqtt_link *l = context;

    (void)properties;
    l->options.on_event(l->options.arg, LINK_LOST, (int)reason);
}

static void on_goodbye(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    on_connection_lost(context, NULL);
}

static void on_goodbye_failed(void *context, MQTTAsync_failureData5 *data)
{
    (void)data;
    on_connection_lost(context, NULL);
}

/* Paho ends the topic with a NUL behind its length (0: it has not counted). One with a NUL inside
 * is nobody's. Always taken: Paho acknowledges after the callback whatever it returns. */
static int on_arrived(void *context, char *topic, int topic_length, MQTTAsync_message *message)
{
    struct mqtt_link *l = context;

    size_t length = topic_length > 0 ? (size_t)topic_length : strlen(topic);
    if (strnlen(topic, length) == length && message->payloadlen >= 0) {
        const struct mqtt_message m = {.topic = topic,
                                       .topic_length = length,
                                       .payload = message->payload,
                                       .length = (size_t)message->payloadlen,
                                       .retained = message->retained != 0};
        l->options.on_message(l->options.arg, &m);
    }
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

static void answered(struct pending_request *r, int reason)
{
    struct mqtt_link *l = r->owner;
    const struct link_options *o = &l->options;

    if (r->subscribe)
        subscriptions_answered(o->subscriptions, (unsigned)r->token, reason);
    else if (r->token != LINK_NO_TOKEN)
        o->on_published(o->arg, r->token, reason);
    pending_remove(&l->pending, r);
}

static void on_success(void *context, MQTTAsync_successData5 *data)
{
    answered(context, data ? (int)data->reasonCode : 0);
}

static void on_failure(void *context, MQTTAsync_failureData5 *data)
{
    bool refused = data && data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR;

    answered(context, refused ? (int)data->reasonCode : -1);
}

/* --- requests --- */

static struct pending_request *new_request(struct mqtt_link *l, uint64_t token, bool subscribe,
                                           MQTTAsync_responseOptions *response)
{
    struct pending_request *r = pending_add(&l->pending, l, token, subscribe);

    response->onSuccess5 = on_success;
    response->onFailure5 = on_failure;
    response->context = r;
    return r;
}

/* MQTT 5, 3.3: fixed header, topic, packet identifier, no properties, payload. */
static size_t packet_size(const struct link_message *m)
{
    size_t rest = 2 + strlen(m->topic) + (m->qos > 0 ? 2 : 0) + 1 + m->length;
    size_t header = 2;

    for (size_t n = rest; n >= 128; n /= 128)
        header++;
    return header + rest;
}

/* 3.2.2.3.6: a packet above the limit must not be sent; the broker would end the connection. */
static bool is_too_large(struct mqtt_link *l, const struct link_message *m)
{
    size_t limit = atomic_load(&l->limit), size = packet_size(m);

    if (limit == 0 || size <= limit)
        return false;
    metric_add(METRIC_MQTT_TOO_LARGE, 1);
    if (!atomic_exchange(&l->complained, true))
        log_warning("mqtt: the broker takes packets of %zu bytes at most: messages above that are "
                    "not sent, as this one of %zu bytes on topic %s; raise its limit "
                    "(mosquitto: max_packet_size)",
                    limit, size, m->topic);
    return true;
}

enum gw_err link_send(struct mqtt_link *l, const struct link_message *m, uint64_t token)
{
    if (is_too_large(l, m))
        return GW_EREFUSED;
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    struct pending_request *r = new_request(l, token, false, &response);
    if (!r)
        return GW_ENOMEM;
    int rc = MQTTAsync_send(l->handle, m->topic, (int)m->length, m->payload, m->qos, m->retained,
                            &response);
    if (rc == MQTTASYNC_SUCCESS)
        return GW_OK;
    pending_remove(&l->pending, r);
    return rc == MQTTASYNC_MAX_BUFFERED_MESSAGES ? GW_EFULL : GW_ECONN;
}

enum gw_err link_subscribe(struct mqtt_link *l, const char *filter, int qos, unsigned id)
{
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    struct pending_request *r = new_request(l, id, true, &response);
    if (!r)
        return GW_ENOMEM;
    if (MQTTAsync_subscribe(l->handle, filter, qos, &response) == MQTTASYNC_SUCCESS)
        return GW_OK;
    pending_remove(&l->pending, r);
    return GW_ECONN;
}

enum gw_err link_unsubscribe(struct mqtt_link *l, const char *filter)
{
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;

    return MQTTAsync_unsubscribe(l->handle, filter, &response) == MQTTASYNC_SUCCESS ? GW_OK
                                                                                    : GW_ECONN;
}

static bool add_number(MQTTProperties *list, enum MQTTPropertyCodes id, unsigned value)
{
    MQTTProperty p = {.identifier = id};

    if (id == MQTTPROPERTY_CODE_RECEIVE_MAXIMUM)
        p.value.integer2 = (unsigned short)value;
    else
        p.value.integer4 = value;
    return MQTTProperties_add(list, &p) == 0;
}

enum gw_err link_connect(struct mqtt_link *l)
{
    MQTTAsync_connectOptions o = MQTTAsync_connectOptions_initializer5;
    MQTTProperties properties = MQTTProperties_initializer;
    const struct mqtt_section *m = l->options.mqtt;

    o.keepAliveInterval = (int)(m->keepalive_us / US_PER_SECOND);
    o.connectTimeout = CONNECT_TIMEOUT_S;
    o.cleanstart = 0;
    o.maxInflight = MAX_INFLIGHT;
    o.username = m->username;
    o.password = m->password;
    o.will = l->options.will_topic ? &l->will : NULL;
    o.ssl = m->tls ? &l->ssl : NULL;
    o.onSuccess5 = on_connected;
    o.onFailure5 = on_connect_failed;
    o.context = l;
    add_number(&properties, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, SESSION_EXPIRY_S);
    add_number(&properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, RECEIVE_MAXIMUM);
    add_number(&properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, MAX_PACKET);
    o.connectProperties = &properties;
    tls_errors_clear(&l->tls_errors);
    int rc = MQTTAsync_connect(l->handle, &o);
    MQTTProperties_free(&properties);
    if (rc != MQTTASYNC_SUCCESS) {
        log_warning("mqtt: cannot begin to connect to %s: %s", l->uri, link_reason(rc));
        return GW_ECONN;
    }
    return GW_OK;
}

bool link_had_session(const struct mqtt_link *l)
{
    return atomic_load(&l->had_session);
}

void link_tune(struct mqtt_link *l)
{
    nodelay_set(l->options.mqtt->port);
}

void link_disconnect(struct mqtt_link *l, int timeout_ms)
{
    MQTTAsync_disconnectOptions o = MQTTAsync_disconnectOptions_initializer5;

    o.timeout = timeout_ms;
    o.onSuccess5 = on_goodbye;
    o.onFailure5 = on_goodbye_failed;
    o.context = l;
    if (MQTTAsync_disconnect(l->handle, &o) != MQTTASYNC_SUCCESS)
        on_connection_lost(l, NULL);
}

/* --- life --- */

static void init_library(void)
{
    MQTTAsync_init_options o = MQTTAsync_init_options_initializer;

    o.do_openssl_init = 1;
    MQTTAsync_global_init(&o);
}

static void prepare_will(struct mqtt_link *l)
{
    l->will = (MQTTAsync_willOptions)MQTTAsync_willOptions_initializer;
    l->will.topicName = l->options.will_topic;
    l->will.message = l->options.will;
    l->will.retained = 1;
    l->will.qos = 1;
}

static char *make_uri(const struct mqtt_section *m)
{
    bool v6 = strchr(m->host, ':') != NULL;
    char *uri = NULL;

    if (asprintf(&uri, "%s://%s%s%s:%d", m->tls ? "ssl" : "tcp", v6 ? "[" : "", m->host,
                 v6 ? "]" : "", m->port) < 0)
        return NULL;
    return uri;
}

static enum gw_err create_handle(struct mqtt_link *l)
{
    MQTTAsync_createOptions o = MQTTAsync_createOptions_initializer5;

    o.sendWhileDisconnected = 0;
    o.maxBufferedMessages = MAX_BUFFERED;
    int rc = MQTTAsync_createWithOptions(&l->handle, l->uri, l->options.client_id,
                                         MQTTCLIENT_PERSISTENCE_NONE, NULL, &o);
    if (rc == MQTTASYNC_SUCCESS)
        rc = MQTTAsync_setCallbacks(l->handle, l, on_connection_lost, on_arrived, NULL);
    if (rc == MQTTASYNC_SUCCESS)
        rc = MQTTAsync_setDisconnected(l->handle, l, on_disconnected);
    if (rc == MQTTASYNC_SUCCESS)
        return GW_OK;
    log_error("mqtt: cannot use %s: %s", l->uri, link_reason(rc));
    return GW_EINVAL;
}

enum gw_err link_create(struct mqtt_link **out, const struct link_options *options)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct mqtt_link *l = calloc(1, sizeof(*l));

    if (!l)
        return GW_ENOMEM;
    pthread_once(&once, init_library);
    pending_init(&l->pending);
    tls_errors_init(&l->tls_errors);
    l->options = *options;
    l->uri = make_uri(options->mqtt);
    enum gw_err err = l->uri ? GW_OK : GW_ENOMEM;
    if (err == GW_OK) {
        tls_prepare(&l->ssl, options->mqtt, &l->tls_errors);
        prepare_will(l);
        err = create_handle(l);
    }
    if (err != GW_OK) {
        link_destroy(l);
        return err;
    }
    *out = l;
    return GW_OK;
}

/* No callback comes after MQTTAsync_destroy(), so what still waits is freed here. */
static void destroy_handle(struct mqtt_link *l)
{
    if (l->handle)
        MQTTAsync_destroy(&l->handle);
    l->handle = NULL;
    pending_clear(&l->pending);
}

enum gw_err link_renew(struct mqtt_link *l)
{
    destroy_handle(l);
    return create_handle(l);
}

void link_destroy(struct mqtt_link *l)
{
    if (!l)
        return;
    destroy_handle(l);
    pending_fini(&l->pending);
    tls_errors_fini(&l->tls_errors);
    free(l->uri);
    free(l);
}

const char *link_url(const struct mqtt_link *l)
{
    return l->options.mqtt->url;
}

const char *link_client_id(const struct mqtt_link *l)
{
    return l->options.client_id;
}

void link_diagnose(struct mqtt_link *l, bool (*stopping)(void *arg), void *arg,
                   struct diagnosis *out)
{
    char tls_reason[TLS_REASON_SIZE];

    tls_errors_copy(&l->tls_errors, tls_reason);
    diagnose(l->options.mqtt, tls_reason, stopping, arg, out);
}
