/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SENSORGW_TESTS_SIMULATOR_OPTIONS_H
#define SENSORGW_TESTS_SIMULATOR_OPTIONS_H

#include "tests/simulator/sim.h"

#define SERVERS_MAX 8

struct options {
    const char *address; /* for the TCP servers */
    int tcp[SERVERS_MAX];
    int tcp_count;
    const char *rtu[SERVERS_MAX]; /* links */
    int rtu_count, units, rtu_baud;
    char rtu_parity;  /* 'N', 'E', 'O'; 0: any */
    const char *line; /* link */
    enum line_format line_format;
    int64_t line_every_us;
    struct mqtt_options mqtt;
    unsigned burst;
    const char *files;
    double period_s, seconds; /* seconds: 0 for ever */
    const char *ready_file;
    bool once;
};

/* Fills *out, and sets the faults. False: the process is to end with *status. */
bool options_parse(struct options *out, int argc, char **argv, int *status);

#endif
