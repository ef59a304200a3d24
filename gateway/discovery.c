/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/discovery.h"

#include "version.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define ID_SIZE 512

static const struct {
    const char *unit, *name_has, *device_class;
} classes[] = {
    {"°C", NULL, "temperature"},
    {"°F", NULL, "temperature"},
    {"K", NULL, "temperature"},
    {"%", "humid", "humidity"},
    {"%", "batter", "battery"},
    {"%", "moist", "moisture"},
    {"V", NULL, "voltage"},
    {"mV", NULL, "voltage"},
    {"A", NULL, "current"},
    {"mA", NULL, "current"},
    {"W", NULL, "power"},
    {"kW", NULL, "power"},
    {"Wh", NULL, "energy"},
    {"kWh", NULL, "energy"},
    {"MWh", NULL, "energy"},
    {"Hz", NULL, "frequency"},
    {"Pa", NULL, "pressure"},
    {"hPa", NULL, "pressure"},
    {"kPa", NULL, "pressure"},
    {"bar", NULL, "pressure"},
    {"mbar", NULL, "pressure"},
    {"var", NULL, "reactive_power"},
    {"VA", NULL, "apparent_power"},
    {"ppm", "co2", "carbon_dioxide"},
    {"L/min", NULL, "volume_flow_rate"},
    {"m³/h", NULL, "volume_flow_rate"},
    {"m³", "gas", "gas"},
    {"m³", "water", "water"},
    {"m/s", "wind", "wind_speed"},
    {"lx", NULL, "illuminance"},
    {"kg", NULL, "weight"},
    {"g", NULL, "weight"},
};

static const char *device_class(const struct sensor *s)
{
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (strcmp(classes[i].unit, s->unit) == 0 &&
            (!classes[i].name_has || strcasestr(s->name, classes[i].name_has)))
            return classes[i].device_class;
    }
    return NULL;
}

/* Ids may hold letters, digits, '_' and '-'. Other bytes become "_xx", so that two names never
 * become one id. */
static size_t add_id(char *out, size_t n, const char *text)
{
    for (; *text && n + 4 < ID_SIZE; text++) {
        if (isalnum((unsigned char)*text) || *text == '-')
            out[n++] = *text;
        else if (*text == '/')
            out[n++] = '_';
        else
            n += (size_t)snprintf(out + n, 4, "_%02x", (unsigned char)*text);
    }
    out[n] = '\0';
    return n;
}

/* What hangs on a line of its own is a device of its own, reached through the gateway. */
static void add_device(cJSON *o, const struct config *c, const struct sensor *s)
{
    char id[ID_SIZE], gateway[ID_SIZE];
    bool own = s->device && s->device[0];
    cJSON *device = cJSON_AddObjectToObject(o, "device");
    size_t n = add_id(gateway, 0, c->gateway.name);

    memcpy(id, gateway, n + 1);
    if (own) {
        id[n++] = '_';
        add_id(id, n, s->device);
    }
    cJSON *ids = cJSON_AddArrayToObject(device, "identifiers");
    cJSON_AddItemToArray(ids, cJSON_CreateString(id));
    cJSON_AddStringToObject(device, "name", own ? s->device : c->gateway.name);
    if (own) {
        cJSON_AddStringToObject(device, "via_device", gateway);
        return;
    }
    cJSON_AddStringToObject(device, "manufacturer", "sensorgw");
    cJSON_AddStringToObject(device, "sw_version", SENSORGW_VERSION);
}

static void add_origin(cJSON *o)
{
    cJSON *origin = cJSON_AddObjectToObject(o, "origin");

    cJSON_AddStringToObject(origin, "name", "sensorgw");
    cJSON_AddStringToObject(origin, "sw_version", SENSORGW_VERSION);
}

static void add_availability(cJSON *o, const struct config *c)
{
    char topic[TOPIC_SIZE];

    cJSON_AddStringToObject(o, "availability_topic", message_topic(c, "status", NULL, NULL, topic));
    cJSON_AddStringToObject(o, "payload_available", "online");
    cJSON_AddStringToObject(o, "payload_not_available", "offline");
}

static void fill_sensor(cJSON *o, const struct config *c, const struct sensor *s)
{
    char topic[TOPIC_SIZE];
    const char *class = device_class(s);
    bool total = class && (strcmp(class, "energy") == 0 || strcmp(class, "gas") == 0 ||
                           strcmp(class, "water") == 0);

    cJSON_AddStringToObject(o, "name", s->name);
    cJSON_AddStringToObject(o, "state_topic", message_topic(c, "readings", s->name, NULL, topic));
    cJSON_AddStringToObject(o, "value_template", "{{ value_json.value }}");
    if (s->unit[0])
        cJSON_AddStringToObject(o, "unit_of_measurement", s->unit);
    if (class)
        cJSON_AddStringToObject(o, "device_class", class);
    if (s->unit[0])
        cJSON_AddStringToObject(o, "state_class", total ? "total_increasing" : "measurement");
}

static void fill_alert(cJSON *o, const struct config *c, const struct sensor *s,
                       const struct rule_config *rule)
{
    char topic[TOPIC_SIZE], name[SENSOR_NAME_MAX + RULE_NAME_MAX + 4];

    snprintf(name, sizeof(name), "%s %s", s->name, rule->name);
    message_topic(c, "alerts", s->name, rule->name, topic);
    cJSON_AddStringToObject(o, "name", name);
    cJSON_AddStringToObject(o, "state_topic", topic);
    cJSON_AddStringToObject(o, "value_template",
                            "{{ 'OFF' if value_json.state in ['cleared', 'shelved'] else 'ON' }}");
    cJSON_AddStringToObject(o, "json_attributes_topic", topic);
    cJSON_AddStringToObject(o, "device_class", "problem");
}

char *discovery_message(const struct config *c, const struct sensor *s,
                        const struct rule_config *rule, char topic[static TOPIC_SIZE])
{
    char id[ID_SIZE];
    cJSON *o = cJSON_CreateObject();
    size_t n = add_id(id, 0, c->gateway.name);

    id[n++] = '_';
    n = add_id(id, n, s->name);
    if (rule) {
        id[n++] = '_';
        add_id(id, n, rule->name);
        fill_alert(o, c, s, rule);
    } else {
        fill_sensor(o, c, s);
    }
    cJSON_AddStringToObject(o, "unique_id", id);
    cJSON_AddStringToObject(o, "object_id", id);
    add_availability(o, c);
    add_device(o, c, s);
    add_origin(o);
    snprintf(topic, TOPIC_SIZE, "homeassistant/%s/%s/config", rule ? "binary_sensor" : "sensor",
             id);
    char *text = cJSON_PrintUnformatted(o);
    cJSON_Delete(o);
    return text;
}
