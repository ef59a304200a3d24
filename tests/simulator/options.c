/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulator/options.h"

#include "tests/simulator/fault.h"
#include "tests/simulator/registers.h"

#include "gateway/core/clock.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(void)
{
    printf("Usage: sensorgw-sim OPTION...\n"
           "Simulates sensors: Modbus slaves, a talking serial line, MQTT sensors and files.\n\n"
           "  -t, --tcp PORT             a Modbus TCP server; 0 takes a free port; up to %d\n"
           "  -a, --address ADDRESS      where those listen; default 127.0.0.1\n"
           "  -r, --rtu LINK             a Modbus RTU bus: LINK becomes a symbolic link to a "
           "pseudo-terminal; up to %d\n"
           "  -u, --units N              units 1 to N answer on each RTU bus; default 3\n"
           "  -B, --rtu-baud SPEED       hears only who speaks at this speed; default any\n"
           "  -P, --rtu-parity PARITY    and with this parity: none (with two stop bits), even or "
           "odd\n"
           "  -x, --map FILE             what Modbus units have, lines 'UNIT TABLE ADDRESS VALUE'\n"
           "  -l, --line LINK            a serial line that says a weight now and then\n"
           "  -F, --line-format FORMAT   scale 'W  50.00 kg' (default), csv '7,50.00,12.5' or "
           "pairs 'n=7 weight=50.00 level=12.5'\n"
           "  -L, --line-every MS        default 200\n"
           "  -m, --mqtt HOST:PORT       publishes to this broker, on sim/1/telemetry and so on\n"
           "  -n, --mqtt-sensors N       default 2\n"
           "  -M, --mqtt-every MS        default 500; 0: only bursts\n"
           "  -q, --mqtt-qos 0|1         default 1\n"
           "  -b, --mqtt-burst N         first of all N messages as fast as the broker takes them\n"
           "  -d, --files DIR            writes DIR/28-000000000001/w1_slave and "
           "DIR/thermal_zone0/temp\n"
           "  -p, --period SECONDS       of all waves; default 10\n"
           "  -f, --fault FAULT          misbehaves so; may be repeated\n"
           "  -R, --ready-file FILE      what is served, written when all of it is\n"
           "  -s, --seconds N            ends by itself after N seconds\n"
           "  -o, --once                 ends when the burst is acknowledged\n"
           "  -h, --help\n\n",
           SERVERS_MAX, SERVERS_MAX);
    printf("What is served stands on standard output, one KEY=VALUE a line, and then 'ready'.\n\n"
           "FAULT is TARGET=MODE[:VALUE][/N]: TARGET modbus (all units), unit3, line or mqtt;\n"
           "with /N only each Nth answer is spoilt. MODE:\n");
    for (int i = 0; i < FAULT_MODE_COUNT; i++)
        printf("  %-12s %s\n", fault_name((enum fault_mode)i), fault_help((enum fault_mode)i));
    printf("\nCommands on standard input:\n"
           "  fault FAULT           from now on\n"
           "  set REGISTER VALUE    registers 0 to 11 of all units: hold the value\n"
           "  unplug rtu|line       the pseudo-terminals vanish\n"
           "  plug rtu|line         and come back under their names\n"
           "  burst N               N messages at once\n"
           "  status                counts what was asked for and sent so far\n"
           "  quit\n\n"
           "Register map: tests/simulator/registers.h\n");
}

/* A number that is not below low; false with a word to the user. */
static bool parse_number(const char *name, const char *text, double low, double high, double *out)
{
    char *end;

    *out = strtod(text, &end);
    if (end != text && *end == '\0' && *out >= low && *out <= high)
        return true;
    fprintf(stderr, "sensorgw-sim: --%s takes a number from %.10g to %.10g, not '%s'\n", name, low,
            high, text);
    return false;
}

static bool parse_line_format(const char *text, enum line_format *out)
{
    static const char *const names[] = {
        [LINE_SCALE] = "scale", [LINE_CSV] = "csv", [LINE_PAIRS] = "pairs"};

    for (int i = LINE_SCALE; i <= LINE_PAIRS; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum line_format)i;
            return true;
        }
    }
    fprintf(stderr, "sensorgw-sim: --line-format is scale, csv or pairs, not '%s'\n", text);
    return false;
}

static bool parse_parity(const char *text, char *out)
{
    *out = strcmp(text, "none") == 0   ? 'N'
           : strcmp(text, "even") == 0 ? 'E'
           : strcmp(text, "odd") == 0  ? 'O'
                                       : '\0';
    if (*out)
        return true;
    fprintf(stderr, "sensorgw-sim: --rtu-parity is none, even or odd, not '%s'\n", text);
    return false;
}

static bool add_tcp(struct options *o, const char *text)
{
    double port;

    if (o->tcp_count == SERVERS_MAX || !parse_number("tcp", text, 0, 65535, &port))
        return false;
    o->tcp[o->tcp_count++] = (int)port;
    return true;
}

static bool add_rtu(struct options *o, const char *link)
{
    if (o->rtu_count == SERVERS_MAX)
        return false;
    o->rtu[o->rtu_count++] = link;
    return true;
}

static bool take_fault(const char *text)
{
    if (fault_set(text))
        return true;
    fprintf(stderr, "sensorgw-sim: '%s' is no fault; see --help\n", text);
    return false;
}

static bool take_number(struct options *o, int c, const char *text)
{
    double n;

    switch (c) {
    case 'u':
        return parse_number("units", text, 1, 247, &n) && (o->units = (int)n, true);
    case 'B':
        return parse_number("rtu-baud", text, 50, 4e6, &n) && (o->rtu_baud = (int)n, true);
    case 'L':
        return parse_number("line-every", text, 1, 1e6, &n) &&
               (o->line_every_us = (int64_t)(n * 1e3), true);
    case 'n':
        return parse_number("mqtt-sensors", text, 1, 1e6, &n) && (o->mqtt.sensors = (int)n, true);
    case 'M':
        return parse_number("mqtt-every", text, 0, 1e6, &n) &&
               (o->mqtt.every_us = (int64_t)(n * 1e3), true);
    case 'q':
        return parse_number("mqtt-qos", text, 0, 1, &n) && (o->mqtt.qos = (int)n, true);
    case 'b':
        return parse_number("mqtt-burst", text, 0, 1e9, &n) && (o->burst = (unsigned)n, true);
    case 'p':
        return parse_number("period", text, 1e-3, 1e6, &o->period_s);
    default:
        return parse_number("seconds", text, 0, 1e9, &o->seconds);
    }
}

static bool take_option(struct options *o, int c, const char *text)
{
    switch (c) {
    case 't':
        return add_tcp(o, text);
    case 'r':
        return add_rtu(o, text);
    case 'f':
        return take_fault(text);
    case 'F':
        return parse_line_format(text, &o->line_format);
    case 'P':
        return parse_parity(text, &o->rtu_parity);
    case 'x':
        return registers_load(text);
    case 'a':
        o->address = text;
        return true;
    case 'l':
        o->line = text;
        return true;
    case 'm':
        o->mqtt.broker = text;
        return true;
    case 'd':
        o->files = text;
        return true;
    case 'R':
        o->ready_file = text;
        return true;
    case 'o':
        o->once = true;
        return true;
    case '?':
        return false;
    default:
        return take_number(o, c, text);
    }
}

bool options_parse(struct options *o, int argc, char **argv, int *status)
{
    static const struct option list[] = {{"tcp", required_argument, NULL, 't'},
                                         {"address", required_argument, NULL, 'a'},
                                         {"rtu", required_argument, NULL, 'r'},
                                         {"units", required_argument, NULL, 'u'},
                                         {"rtu-baud", required_argument, NULL, 'B'},
                                         {"rtu-parity", required_argument, NULL, 'P'},
                                         {"map", required_argument, NULL, 'x'},
                                         {"line", required_argument, NULL, 'l'},
                                         {"line-format", required_argument, NULL, 'F'},
                                         {"line-every", required_argument, NULL, 'L'},
                                         {"mqtt", required_argument, NULL, 'm'},
                                         {"mqtt-sensors", required_argument, NULL, 'n'},
                                         {"mqtt-every", required_argument, NULL, 'M'},
                                         {"mqtt-qos", required_argument, NULL, 'q'},
                                         {"mqtt-burst", required_argument, NULL, 'b'},
                                         {"files", required_argument, NULL, 'd'},
                                         {"period", required_argument, NULL, 'p'},
                                         {"fault", required_argument, NULL, 'f'},
                                         {"ready-file", required_argument, NULL, 'R'},
                                         {"seconds", required_argument, NULL, 's'},
                                         {"once", no_argument, NULL, 'o'},
                                         {"help", no_argument, NULL, 'h'},
                                         {0}};
    int c;

    *o = (struct options){.address = "127.0.0.1",
                          .units = 3,
                          .line_every_us = 200 * US_PER_MS,
                          .mqtt = {.sensors = 2, .qos = 1, .every_us = 500 * US_PER_MS},
                          .period_s = 10};
    *status = 2;
    while ((c = getopt_long(argc, argv, "t:a:r:u:B:P:x:l:F:L:m:n:M:q:b:d:p:f:R:s:oh", list,
                            NULL)) >= 0) {
        if (c == 'h') {
            print_help();
            *status = 0;
            return false;
        }
        if (!take_option(o, c, optarg))
            return false;
    }
    if (optind == argc && (o->tcp_count || o->rtu_count || o->line || o->mqtt.broker || o->files))
        return true;
    if (optind < argc)
        fprintf(stderr, "sensorgw-sim: '%s' is one word too many; see --help\n", argv[optind]);
    else
        fprintf(stderr, "sensorgw-sim: nothing to simulate; see --help\n");
    return false;
}
