/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: what the field tools (`monitor`, `read`, `scan`, `write`, …) ask a running
 * gateway. A Unix socket beside the database; one request a line, words separated by tabs; an
 * answer is some lines and a last one with a dot. One thread serves all.
 *
 *   sources                            NAME DRIVER STATE ERROR
 *   sensors                            NAME VALUE UNIT QUALITY AGE_US SOURCE
 *   units                              SOURCE UNIT LAST ASKED TIMEOUTS DAMAGED REFUSED TOOK MEAN
 *   isolated                           SOURCE UNIT SENSOR PLACE EXCEPTION SINCE_US
 *   frames SOURCE AFTER                NUMBER TIME_US >|< HEX
 *   ask SOURCE UNIT FUNCTION ADDRESS COUNT    as drivers/modbus/command.h says
 *   write SENSOR VALUE                 ok VALUE | error TEXT
 *   acknowledge SENSOR RULE WHO COMMENT       ok | error TEXT
 *   shelve SENSOR RULE US WHO COMMENT         the same; 0 µs ends it
 *   limits SENSOR                      RULE warning|critical high|low VALUE
 *   health                             STATE, then SEVERITY COMPONENT SINCE_US TEXT HINT
 *   health json                        one line
 *   figures                            those of /metrics
 *   log                                the newest lines
 *   config                             the file that the gateway reads, its real path
 *   reload                             NUMBER
 *   reload NUMBER                      wait | ok | partly | refused, then lines for people */
#ifndef SENSORGW_GATEWAY_CONTROL_H
#define SENSORGW_GATEWAY_CONTROL_H

#include "config/config.h"
#include "gateway/core/err.h"
#include "gateway/core/sensor.h"
#include "gateway/health.h"
#include "gateway/plant.h"

#include <sys/un.h>

struct alert_book;
struct control;
struct live;
struct reloader;
struct setter;

#define CONTROL_PATH_SIZE sizeof(((struct sockaddr_un *)0)->sun_path)
#define CONTROL_END "."

/* Borrows all. */
struct control_options {
    const struct config *config; /* for the socket's path */
    struct plants *plants;
    struct sensor_table *sensors;
    struct live *live;
    struct setter *setter;
    struct alert_book *alerts;
    struct reloader *reloader;
    void (*health)(void *arg, struct health_report *out);
    /* Returns owned; NULL without memory. */
    char *(*figures)(void *arg, const struct plant *plant);
    void *arg;
};

/* Where it is: as configured, or the database's name with ".control". False: off, or the name is
 * too long for a socket. */
bool control_path(const struct config *config, char out[CONTROL_PATH_SIZE]);

/* A socket that cannot be made is logged, and no error: the gateway is useful without. */
enum gw_err control_start(struct control **out, const struct control_options *options);
void control_stop(struct control *c); /* NULL is ok; frees it */

#endif
