/* SPDX-License-Identifier: Apache-2.0 */
/* The sections that stand once: gateway, mqtt, storage, http. */
#include "config/sections.h"

#include "gateway/core/sensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define S INT64_C(1000000)
#define DAY (86400 * S)

static const char *const level_choices[] = {"error", "warning", "info", "debug", NULL};
static const char *const format_choices[] = {"text", "json", "journal", NULL};
static const char *const publish_choices[] = {"none", "changes", "all", NULL};

#define AT(field)                                                                                  \
    offsetof(struct gateway_section, log.field) - offsetof(struct gateway_section, log)
static const struct option log_options[] = {
    {.key = "level",
     .type = OPTION_ENUM,
     .offset = AT(level),
     .fallback = "info",
     .choices = level_choices,
     .help = "Least important messages that are logged"},
    {.key = "format",
     .type = OPTION_ENUM,
     .offset = AT(format),
     .fallback = "text",
     .choices = format_choices,
     .help = "text for people, json for machines, journal for systemd (chosen by itself there)"},
    {0}};
#undef AT

#define AT(field) offsetof(struct gateway_section, field)
const struct option gateway_options[] = {
    {.key = "name",
     .type = OPTION_STRING,
     .offset = AT(name),
     .fallback = OPTION_OPTIONAL,
     .help = "Name of this gateway, a level of every topic; the host's name when left out"},
    {.key = "workers",
     .type = OPTION_INTEGER,
     .offset = AT(workers),
     .fallback = "2",
     .min = 1,
     .max = 16,
     .help = "Worker threads that apply the rules, each with its own lane of the queue"},
    {.key = "queue",
     .type = OPTION_INTEGER,
     .offset = AT(queue),
     .fallback = "65536",
     .min = 1024,
     .max = 1048576,
     .help = "Readings that the shared queue holds, all lanes together"},
    {.key = "control",
     .type = OPTION_STRING,
     .offset = AT(control),
     .fallback = OPTION_OPTIONAL,
     .help =
         "Socket for what asks the running gateway: health, reload, monitor, read, scan, write, "
         "ack, shelve; or off; the database's name with "
         ".control when left out"},
    {.key = "log",
     .type = OPTION_TABLE,
     .offset = AT(log),
     .fallback = OPTION_OPTIONAL,
     .table = log_options,
     .help = "What is logged on standard error, and how"},
    {0}};
#undef AT

#define AT(field) offsetof(struct mqtt_section, field)
const struct option mqtt_options[] = {
    {.key = "url",
     .type = OPTION_STRING,
     .offset = AT(url),
     .help = "The broker: mqtt://host[:1883], or mqtts://host[:8883] for TLS"},
    {.key = "prefix",
     .type = OPTION_STRING,
     .offset = AT(prefix),
     .fallback = "sensorgw",
     .help = "Topics live below <prefix>/<gateway name>/"},
    {.key = "publish_readings",
     .type = OPTION_ENUM,
     .offset = AT(publish_readings),
     .fallback = "none",
     .choices = publish_choices,
     .help = "Readings to publish, retained: none, changes of a sensor's value, or all"},
    {.key = "home_assistant",
     .type = OPTION_BOOL,
     .offset = AT(home_assistant),
     .fallback = "false",
     .help = "Announce sensors and alerts to Home Assistant (MQTT discovery)"},
    {.key = "client_id",
     .type = OPTION_STRING,
     .offset = AT(client_id),
     .fallback = OPTION_OPTIONAL,
     .help = "Client id at the broker; sensorgw-<gateway name> when left out"},
    {.key = "username",
     .type = OPTION_STRING,
     .offset = AT(username),
     .fallback = OPTION_OPTIONAL,
     .help = "User name at the broker"},
    {.key = "password_file",
     .type = OPTION_SECRET_FILE,
     .offset = AT(password),
     .fallback = OPTION_OPTIONAL,
     .help = "File that holds the password"},
    {.key = "ca_file",
     .type = OPTION_STRING,
     .offset = AT(ca_file),
     .fallback = OPTION_OPTIONAL,
     .help = "Certificates to trust, PEM; the system's when left out"},
    {.key = "cert_file",
     .type = OPTION_STRING,
     .offset = AT(cert_file),
     .fallback = OPTION_OPTIONAL,
     .help = "Own certificate, PEM, for a broker that asks for one"},
    {.key = "key_file",
     .type = OPTION_STRING,
     .offset = AT(key_file),
     .fallback = OPTION_OPTIONAL,
     .help = "Key of the own certificate, PEM"},
    {.key = "keepalive",
     .type = OPTION_TIMESPAN,
     .offset = AT(keepalive_us),
     .fallback = "15s",
     .min = 2e6,
     .max = 3600e6,
     .help = "Longest silence on the connection; a dead broker is noticed after about three times "
             "as long"},
    {0}};
#undef AT

#define AT(field)                                                                                  \
    offsetof(struct storage_section, retention.field) - offsetof(struct storage_section, retention)
static const struct option retention_options[] = {
    {.key = "raw",
     .type = OPTION_TIMESPAN,
     .offset = AT(raw_us),
     .fallback = "30d",
     .help = "How long single readings are kept; 0s for ever"},
    {.key = "minute",
     .type = OPTION_TIMESPAN,
     .offset = AT(minute_us),
     .fallback = "1y",
     .help = "How long averages of minutes are kept; 0s for ever"},
    {.key = "hour",
     .type = OPTION_TIMESPAN,
     .offset = AT(hour_us),
     .fallback = "10y",
     .help = "How long averages of hours are kept; 0s for ever"},
    {0}};
#undef AT

#define AT(field) offsetof(struct storage_section, field)
const struct option storage_options[] = {
    {.key = "path",
     .type = OPTION_STRING,
     .offset = AT(path),
     .fallback = "/var/lib/sensorgw/sensorgw.db",
     .help =
         "The database file; its folder must be on a local file system, and is made if missing"},
    {.key = "flush",
     .type = OPTION_TIMESPAN,
     .offset = AT(flush_us),
     .fallback = "5s",
     .min = 100e3,
     .max = 3600e6,
     .help = "Time between transactions: the most that a power cut can lose"},
    {.key = "retention",
     .type = OPTION_TABLE,
     .offset = AT(retention),
     .fallback = OPTION_OPTIONAL,
     .table = retention_options,
     .help = "How long what is kept"},
    {.key = "max_size",
     .type = OPTION_SIZE,
     .offset = AT(max_size),
     .fallback = "2GB",
     .min = 1e6,
     .max = 1e15,
     .help = "Largest size of the database; the oldest single readings go first"},
    {.key = "min_free",
     .type = OPTION_SIZE,
     .offset = AT(min_free),
     .fallback = "100MB",
     .max = 1e15,
     .help = "Free space (at most a tenth of the file system) below which the oldest readings make "
             "room for new ones; below half of it no readings are stored, while alerts go on. 0 "
             "fills the disk"},
    {0}};
#undef AT

struct http_keys {
    char *listen, *token;
};

#define AT(field) offsetof(struct http_keys, field)
const struct option http_options[] = {
    {.key = "listen",
     .type = OPTION_STRING,
     .offset = AT(listen),
     .fallback = "127.0.0.1:8080",
     .help = "host:port of the page, its API, /metrics and /healthz; anything but this host needs "
             "a token_file"},
    {.key = "token_file",
     .type = OPTION_SECRET_FILE,
     .offset = AT(token),
     .fallback = OPTION_OPTIONAL,
     .help = "File that holds the token which clients must send as a bearer token"},
    {0}};
#undef AT

/* --- what the tables cannot say --- */

/* One section's map into its struct. */
static bool read_section(struct loader *l, const char *key, const struct option *table, void *base)
{
    struct fill_part part = {.table = table, .base = base};

    return fill_map(&l->fill, yaml_get(l->root, key), &part, 1, NULL);
}

static bool is_plain_path(const char *path)
{
    return path[0] == '/';
}

/* Relative names are taken from the folder of the configuration file. */
static void make_absolute(struct loader *l, char **path)
{
    char full[4096];

    if (!*path || is_plain_path(*path))
        return;
    snprintf(full, sizeof(full), "%s/%s", l->fill.folder, *path);
    *path = arena_text(l->fill.arena, full, strlen(full));
}

void read_gateway(struct loader *l)
{
    struct gateway_section *g = &l->config->gateway;
    char host[256] = "gateway";

    read_section(l, "gateway", gateway_options, g);
    if (!g->name) {
        if (gethostname(host, sizeof(host) - 1) != 0 || sensor_name_problem(host))
            snprintf(host, sizeof(host), "gateway");
        g->name = arena_text(l->fill.arena, host, strlen(host));
    }
    const char *problem = sensor_name_problem(g->name);
    if (!problem && strchr(g->name, '/'))
        problem = "holds a '/'";
    if (problem)
        config_report(l->fill.reporter, yaml_get(l->root, "gateway"), "name",
                      "'%s' cannot be a level of a topic: %s", g->name, problem);
}

/* "host", "host:port", "[::1]:port": NULL or what is wrong. *port is left when there is none. */
static const char *split_address(struct arena *a, const char *text, char **host, int *port)
{
    const char *end = text[0] == '[' ? strchr(text, ']') : text + strcspn(text, ":");

    if (!end)
        return "has '[' without ']'";
    bool bracketed = text[0] == '[';
    *host = arena_text(a, text + bracketed, (size_t)(end - text) - bracketed);
    end += bracketed;
    if ((*host)[0] == '\0')
        return "has no host";
    if (*end == '\0')
        return NULL;
    char *rest;
    long number = strtol(end + 1, &rest, 10);
    if (*end != ':' || rest == end + 1 || *rest || number < 1 || number > 65535)
        return "must end in a port from 1 to 65535; an IPv6 address stands in brackets";
    *port = (int)number;
    return NULL;
}

static const char *split_url(struct loader *l, struct mqtt_section *m)
{
    static const char plain[] = "mqtt://", secure[] = "mqtts://";
    const char *rest;

    m->tls = strncmp(m->url, secure, sizeof(secure) - 1) == 0;
    if (m->tls)
        rest = m->url + sizeof(secure) - 1;
    else if (strncmp(m->url, plain, sizeof(plain) - 1) == 0)
        rest = m->url + sizeof(plain) - 1;
    else
        return "must begin with mqtt:// or mqtts://";
    if (strchr(rest, '@'))
        return "must not hold a user; use username and password_file";
    if (strchr(rest, '/'))
        return "must end after the port";
    m->port = m->tls ? 8883 : 1883;
    return split_address(l->fill.arena, rest, &m->host, &m->port);
}

static void check_mqtt(struct loader *l, const struct yaml_node *node)
{
    struct mqtt_section *m = &l->config->mqtt;
    struct config_reporter *r = l->fill.reporter;
    const char *problem = m->url ? split_url(l, m) : NULL;

    if (problem)
        config_report(r, node, "url", "'%s' %s", m->url, problem);
    problem = sensor_name_problem(m->prefix);
    if (problem)
        config_report(r, node, "prefix", "'%s' cannot begin a topic: %s", m->prefix, problem);
    if (m->password && !m->username)
        config_report(r, node, "password_file", "needs a username too");
    if (!m->cert_file != !m->key_file)
        config_report(r, node, m->cert_file ? "cert_file" : "key_file",
                      "cert_file and key_file go together");
    if (m->url && !m->tls && (m->ca_file || m->cert_file))
        config_report(r, node, m->ca_file ? "ca_file" : "cert_file",
                      "is for TLS: the url must begin with mqtts://");
}

static void check_readable(struct loader *l, const struct yaml_node *node, const char *key,
                           char **path)
{
    make_absolute(l, path);
    if (*path && access(*path, R_OK) != 0)
        config_report(l->fill.reporter, node, key, "cannot read %s", *path);
}

void read_mqtt(struct loader *l)
{
    const struct yaml_node *node = yaml_get(l->root, "mqtt");
    struct mqtt_section *m = &l->config->mqtt;

    read_section(l, "mqtt", mqtt_options, m);
    m->present = node != NULL;
    if (!node || node->kind != YAML_MAP)
        return;
    check_mqtt(l, node);
    check_readable(l, node, "ca_file", &m->ca_file);
    check_readable(l, node, "cert_file", &m->cert_file);
    check_readable(l, node, "key_file", &m->key_file);
}

void read_storage(struct loader *l)
{
    struct storage_section *s = &l->config->storage;
    const struct yaml_node *node = yaml_get(l->root, "storage");

    if (!read_section(l, "storage", storage_options, s))
        return;
    make_absolute(l, &s->path);
    if (s->retention.raw_us > 0 && s->retention.raw_us < 3600 * S)
        config_report(l->fill.reporter, yaml_get(node, "retention"), "raw",
                      "must be at least 1h: hours are computed from single readings");
    if (s->path[strlen(s->path) - 1] == '/')
        config_report(l->fill.reporter, node, "path", "must be a file, not a folder");
}

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "::1") == 0;
}

void read_http(struct loader *l)
{
    const struct yaml_node *node = yaml_get(l->root, "http");
    struct http_section *h = &l->config->http;
    struct http_keys keys = {0};

    if (node && node->kind == YAML_SCALAR && strcmp(node->text, "off") == 0)
        return;
    if (node && node->kind != YAML_MAP) {
        config_report(l->fill.reporter, l->root, "http",
                      "must be off, or a map like {listen: \"127.0.0.1:8080\"}");
        return;
    }
    h->enabled = true;
    if (!read_section(l, "http", http_options, &keys))
        return;
    h->token = keys.token;
    h->port = 0;
    const char *problem = split_address(l->fill.arena, keys.listen, &h->host, &h->port);
    if (!problem && h->port == 0)
        problem = "needs a port: 127.0.0.1:8080";
    if (problem)
        config_report(l->fill.reporter, node, "listen", "'%s' %s", keys.listen, problem);
    else if (!is_loopback(h->host) && !h->token)
        config_report(l->fill.reporter, node, "listen",
                      "'%s' is reachable from other hosts and needs a token_file", keys.listen);
}
