/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/line.h"

#include "drivers/driver.h"
#include "drivers/modbus/options.h"
#include "gateway/cli/cli.h"

#include <stdio.h>
#include <string.h>

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
    add(f, strchr(l->where, '/') ? "port" : "address", l->where, true);
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

int line_open(struct line *l)
{
    char text[TEXT_SIZE], fault[LINK_FAULT_SIZE] = "";
    struct config_errors errors = {0};
    size_t count;
    const struct driver_schema *const *schemas = driver_schemas(&count);

    if (!write_stanza(l, text)) {
        fprintf(stderr, "sensorgw: the address is too long\n");
        return CLI_USAGE;
    }
    if (config_parse("command line", text, strlen(text), schemas, count, &l->config, &errors) !=
        GW_OK) {
        int status = explain(&errors);
        config_errors_free(&errors);
        return status;
    }
    struct transport_options o = modbus_transport_options(l->config->sources[0].options);
    o.stopping = never;
    if (transport_open(&l->transport, &o, fault) == GW_OK)
        return CLI_OK;
    fprintf(stderr, "sensorgw: %s: %s\n", l->where, fault);
    line_close(l);
    return CLI_FAILED;
}

void line_close(struct line *l)
{
    transport_close(l->transport);
    l->transport = NULL;
    config_free(l->config);
    l->config = NULL;
}
