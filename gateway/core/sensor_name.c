/* SPDX-License-Identifier: Apache-2.0 */
/* Which names are safe as a part of an MQTT topic, a log line and a file of exported data. */
#include "gateway/core/sensor.h"
#include "gateway/core/utf8.h"

#include <stdbool.h>
#include <string.h>

static const char *character_problem(const char *name, size_t length)
{
    for (size_t i = 0; i < length;) {
        unsigned char c = (unsigned char)name[i];
        size_t n = utf8_length(name + i, length - i);
        if (n == 0)
            return "is not valid UTF-8";
        if (c < 0x20 || c == 0x7f || (n == 2 && c == 0xc2 && (unsigned char)name[i + 1] < 0xa0))
            return "holds a control character";
        if (c == '+' || c == '#')
            return "holds '+' or '#', which MQTT keeps for subscriptions";
        i += n;
    }
    return NULL;
}

const char *sensor_name_problem(const char *name)
{
    size_t length = strlen(name);

    if (length == 0)
        return "is empty";
    if (length > SENSOR_NAME_MAX)
        return "is longer than 200 bytes";
    if (name[0] == '$')
        return "begins with '$', which MQTT keeps for the broker";
    if (name[0] == ' ' || name[length - 1] == ' ')
        return "begins or ends with a space";
    if (name[0] == '/' || name[length - 1] == '/' || strstr(name, "//"))
        return "has an empty part between slashes";
    return character_problem(name, length);
}
