/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated devices. Each has a thread of its own, ended by its stop(); stop() of one that was
 * never started does nothing. */
#ifndef SENSORGW_TESTS_SIMULATOR_SIM_H
#define SENSORGW_TESTS_SIMULATOR_SIM_H

#include "gateway/core/thread.h"
#include "tests/simulator/pty.h"
#include "tests/simulator/slave.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define TCP_CLIENTS_MAX 128

/* A Modbus TCP server on which every unit id answers. */
struct tcp_server {
    struct slave slave;
    struct thread thread;
    atomic_bool stop;
    int port;                               /* the one that it got */
    struct pollfd fds[1 + TCP_CLIENTS_MAX]; /* the listener first */
    nfds_t fd_count;
};
bool tcp_start(struct tcp_server *t, const char *address, int port);
void tcp_stop(struct tcp_server *t);

/* A Modbus RTU bus on a pseudo-terminal with the units 1 … units. baud: the one speed at which they
 * understand requests; 0: any. parity likewise: 'N', 'E', 'O'; 0: any. */
struct rtu_bus {
    struct slave slave;
    struct thread thread;
    atomic_bool stop;
    struct pty pty;
    int units, baud;
    char parity;
    uint8_t in[MODBUS_RTU_MAX_ADU_LENGTH];
    int have;
};
bool rtu_start(struct rtu_bus *b, const char *link, int units, int baud, char parity);
void rtu_stop(struct rtu_bus *b);

/* A sensor that says a line of text now and then. */
enum line_format { LINE_SCALE, LINE_CSV, LINE_PAIRS };
struct line_sensor {
    struct thread thread;
    struct stop_flag stop;
    struct pty pty;
    enum line_format format;
    int64_t every_us;
    atomic_uint lines;
};
bool line_start(struct line_sensor *l, const char *link, enum line_format format, int64_t every_us);
void line_stop(struct line_sensor *l);

/* Sensors that publish to a broker, below sim/1/telemetry, sim/2/telemetry, … */
struct mqtt_options {
    const char *broker; /* host:port */
    int sensors, qos;
    int64_t every_us;
};
bool mqtt_start(const struct mqtt_options *options);
void mqtt_stop(void);
/* Asks for so many messages as fast as the broker takes them; a line on standard output tells when
 * they are acknowledged. */
void mqtt_burst(unsigned messages);
bool mqtt_bursting(void);
unsigned mqtt_sent(void);

/* Files like those of the kernel: DIR/28-000000000001/w1_slave and DIR/thermal_zone0/temp. */
struct file_sensor {
    struct thread thread;
    struct stop_flag stop;
    char w1[512], thermal[512];
};
bool file_start(struct file_sensor *f, const char *folder);
void file_stop(struct file_sensor *f);

#endif
