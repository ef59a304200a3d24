/* SPDX-License-Identifier: Apache-2.0 */
/* A Modbus line that is named on the command line instead of in a configuration: for the field
 * tools. */
#ifndef SENSORGW_GATEWAY_CLI_LINE_H
#define SENSORGW_GATEWAY_CLI_LINE_H

#include "config/config.h"
#include "drivers/modbus/transport.h"

#include <stdbool.h>

struct cli;
struct daemon;

/* As written by the user; NULL: the driver's default. */
struct line {
    const char *where; /* "/dev/ttyUSB0", "host", "host:port" */
    const char *baud, *parity, *stop_bits, *timeout;
    bool is_rtu;           /* RTU frames over TCP */
    const struct cli *cli; /* says which configuration a running gateway has; NULL: look for none */

    struct config *config;       /* what was made of it; the transport borrows from it */
    struct transport *transport; /* NULL with a daemon */
    struct config *daemons;      /* the running gateway's configuration, NULL when it has not this
                                    line */
    const struct source_config *source; /* of it, that has the line */
    struct daemon *daemon;
    uint8_t data[FRAME_MAX]; /* of the daemon's last answer */
    char fault[LINK_FAULT_SIZE];
};

/* The options for struct cli_option lists, and for the help text. */
#define LINE_OPTIONS                                                                               \
    {"baud", 'b', true}, {"parity", 'p', true}, {"stop-bits", 's', true}, {"timeout", 't', true},  \
    {                                                                                              \
        "rtu", 'r', false                                                                          \
    }
/* timeout: a literal, the default. */
#define LINE_HELP(timeout)                                                                         \
    "ADDRESS is a serial device such as /dev/ttyUSB0, or host or host:port.\n\n"                   \
    "  -b, --baud SPEED       of the serial line; default 9600\n"                                  \
    "  -p, --parity PARITY    none, even or odd; default even\n"                                   \
    "  -s, --stop-bits N      1 or 2; default 1 with parity, 2 without\n"                          \
    "  -t, --timeout TIME     for an answer; default " timeout "\n"                                \
    "  -r, --rtu              RTU frames over TCP, for a transparent serial server\n"

/* True when c was one of LINE_OPTIONS. */
bool line_option(struct line *l, int c, const char *argument);

/* Whether it names a serial port, not a host. */
bool line_is_serial(const struct line *l);

/* Opens it; or, when a running gateway polls this line, goes through that, with the settings that
 * it has. Returns CLI_OK or the exit status, having said why on standard error. */
int line_open(struct line *l);
/* Whether a running gateway polls it; then it is open. */
bool line_is_polled(struct line *l);
/* As transport_exchange(), for functions 1 to 4; a reply's data are valid until the next call. */
enum exchange line_ask(struct line *l, struct frame_request *q, struct frame_reply *reply);
const char *line_fault(const struct line *l);
void line_close(struct line *l); /* idempotent */

#endif
