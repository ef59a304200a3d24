/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/line.h"

#include "drivers/driver.h"
#include "drivers/modbus/options.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TEXT_SIZE 2048

bool line_option(struct line *l, int c, const char *argument)
{
    switch (c) {
    case 'b':
        l->baud = argument;
        return true;
    case 'p':
        l->parity = argument;
        return true;
    case 's':
        l->stop_bits = argument;
        return true;
    case 't':
        l->timeout = argument;
        return true;
    case 'r':
        l->is_rtu = true;
        return true;
    default:
        return false;
    }
}

bool line_is_serial(const struct line *l)
{
    struct stat st;

    return strchr(l->where, '/') || (stat(l->where, &st) == 0 && S_ISCHR(st.st_mode));
}

/* "key: 'value', " with the value as a quoted YAML text, or bare for numbers and words. */
static void add(FILE *f, const char *key, const char *value, bool quoted)
{
    if (!value)
        return;
    fprintf(f, "%s: %s", key, quoted ? "'" : "");
    for (; *value; value++) {
        if (quoted && *value == '\'')
            fputc('\'', f);
        if (quoted || (*value != ',' && *value != '}' && *value != '#' && *value != ':'))
            fputc(*value, f);
    }
    fprintf(f, "%s, ", quoted ? "'" : "");
}

/* The stanza that a configuration would have: so the same checks apply, with the same words. */
static bool write_stanza(const struct line *l, char text[TEXT_SIZE])
{
    FILE *f = fmemopen(text, TEXT_SIZE, "w");

    if (!f)
        return false;
    fputs("http: off\nsources: [{name: line, driver: modbus, ", f);
    add(f, line_is_serial(l) ? "port" : "address", l->where, true);
    add(f, "baud", l->baud, false);
    add(f, "parity", l->parity, false);
    add(f, "stop_bits", l->stop_bits, false);
    add(f, "timeout", l->timeout, false);
    if (l->is_rtu)
        add(f, "framing", "rtu", false);
    fputs("devices: [{name: d, unit_id: 1, sensors: [{name: s, holding: 0}]}]}]\n", f);
    bool is_whole = ftell(f) < TEXT_SIZE - 1 && !ferror(f);
    return fclose(f) == 0 && is_whole;
}

static int explain(const struct config_errors *errors)
{
    static const char place[] = "sources[0].";

    for (size_t i = 0; i < errors->count; i++) {
        const char *text = errors->items[i].text;
        bool is_ours = strncmp(text, place, sizeof(place) - 1) == 0;
        fprintf(stderr, "sensorgw: %s\n", is_ours ? text + sizeof(place) - 1 : text);
    }
    return CLI_USAGE;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

/* The line of the running gateway that is this one. */
static const struct source_config *find_source(const struct config *daemons,
                                               const struct source_config *ours)
{
    for (size_t i = 0; i < daemons->source_count; i++) {
        const struct source_config *s = &daemons->sources[i];
        if (strcmp(s->schema->name, "modbus") == 0 && modbus_same_line(s, ours))
            return s;
    }
    return NULL;
}

/* A configuration that is not there or not valid means that there is no gateway to ask. */
static bool find_daemon(struct line *l)
{
    const char *why;

    if (!l->cli || cli_find_config(l->cli, &l->daemons) != CLI_OK)
        return false;
    l->source = find_source(l->daemons, &l->config->sources[0]);
    l->daemon = l->source ? daemon_open(l->daemons, &why) : NULL;
    return l->daemon != NULL;
}

/* What the user wrote, as a configuration of one source. */
static int parse(struct line *l)
{
    char text[TEXT_SIZE];
    struct config_errors errors = {0};
    size_t count;
    const struct driver_schema *const *schemas = driver_schemas(&count);

    if (!write_stanza(l, text)) {
        fprintf(stderr, "sensorgw: the address is too long\n");
        return CLI_USAGE;
    }
    if (config_parse("command line", text, strlen(text), schemas, count, &l->config, &errors) ==
        GW_OK)
        return CLI_OK;
    int status = explain(&errors);
    config_errors_free(&errors);
    return status;
}

bool line_is_polled(struct line *l)
{
    if (parse(l) == CLI_OK && find_daemon(l))
        return true;
    line_close(l);
    l->cli = NULL; /* not to be looked for again */
    return false;
}

static void say_that_it_is_polled(const struct line *l)
{
    static const char *const parities[] = {
        [PARITY_NONE] = "none", [PARITY_EVEN] = "even", [PARITY_ODD] = "odd"};
    const struct modbus_source *o = l->source->options;

    fprintf(stderr, "The gateway polls %s as \"%s\": going through it", l->where, l->source->name);
    if (line_is_serial(l))
        fprintf(stderr, ", at its speed %lld and parity %s", (long long)o->baud,
                parities[o->parity]);
    if (l->baud || l->parity || l->stop_bits || l->timeout || l->is_rtu)
        fputs("; the settings given here do not count", stderr);
    fputs(".\n", stderr);
}

/* A gateway that -c does not lead to. */
static void explain_lock(const char *fault)
{
    if (strstr(fault, "in use by process") && strstr(fault, "(sensorgw"))
        fputs(
            "sensorgw: if that is the running gateway, name its configuration with -c FILE, to go "
            "through it\n",
            stderr);
}

int line_open(struct line *l)
{
    char fault[LINK_FAULT_SIZE] = "";
    int status = parse(l);

    if (status != CLI_OK)
        return status;
    if (find_daemon(l)) {
        say_that_it_is_polled(l);
        return CLI_OK;
    }
    struct transport_options o = modbus_transport_options(l->config->sources[0].options);
    o.stopping = never;
    if (transport_open(&l->transport, &o, fault) == GW_OK)
        return CLI_OK;
    fprintf(stderr, "sensorgw: %s: %s\n", l->where, fault);
    explain_lock(fault);
    line_close(l);
    return CLI_FAILED;
}

void line_close(struct line *l)
{
    transport_close(l->transport);
    l->transport = NULL;
    daemon_close(l->daemon);
    l->daemon = NULL;
    config_free(l->daemons);
    l->daemons = NULL;
    config_free(l->config);
    l->config = NULL;
}

const char *line_fault(const struct line *l)
{
    return l->daemon ? l->fault : transport_fault(l->transport);
}

/* --- through a running gateway --- */

static void put_value(const struct frame_request *q, uint8_t *data, size_t i, unsigned long value)
{
    if (q->function <= TABLE_DISCRETE) {
        data[i / 8] |= (uint8_t)(value << i % 8);
    } else {
        data[2 * i] = (uint8_t)(value >> 8);
        data[2 * i + 1] = (uint8_t)value;
    }
}

/* "ok MICROSECONDS VALUE …" */
static enum exchange take_values(struct line *l, const struct frame_request *q, const char *text,
                                 struct frame_reply *reply)
{
    char *end;

    memset(l->data, 0, sizeof(l->data));
    (void)strtoll(text, &end, 10); /* the time */
    for (size_t i = 0; i < q->count; i++)
        put_value(q, l->data, i, strtoul(end, &end, 10));
    reply->data = l->data;
    return EXCHANGE_OK;
}

enum exchange line_ask(struct line *l, struct frame_request *q, struct frame_reply *reply)
{
    if (!l->daemon)
        return transport_exchange(l->transport, q, reply);
    *reply = (struct frame_reply){0};
    char **lines = daemon_ask(l->daemon, "ask\t%s\t%u\t%u\t%u\t%u", l->source->name, q->unit,
                              q->function, q->address, q->count);
    if (!lines || !lines[0]) {
        snprintf(l->fault, sizeof(l->fault), "the gateway that polls this line has stopped");
        return EXCHANGE_GONE;
    }
    if (strncmp(lines[0], "ok ", 3) == 0)
        return take_values(l, q, lines[0] + 3, reply);
    if (sscanf(lines[0], "exception %hhu", &reply->exception) == 1)
        return EXCHANGE_EXCEPTION;
    if (strcmp(lines[0], "silent") == 0)
        return EXCHANGE_TIMEOUT;
    const char *text = strncmp(lines[0], "error ", 6) == 0 ? lines[0] + 6 : lines[0];
    snprintf(l->fault, sizeof(l->fault), "%s", text);
    return EXCHANGE_BAD_FRAME;
}
