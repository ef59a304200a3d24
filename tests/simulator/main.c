/* SPDX-License-Identifier: Apache-2.0 */
/* Simulated sensors for the demo, the tests and the benchmarks. */
#include "tests/simulator/fault.h"
#include "tests/simulator/options.h"
#include "tests/simulator/registers.h"
#include "tests/simulator/wave.h"

#include "gateway/core/clock.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define TICK_MS 50

static struct tcp_server tcp[SERVERS_MAX];
static struct rtu_bus rtu[SERVERS_MAX];
static struct line_sensor line;
static struct file_sensor files;

static bool start(const struct options *o)
{
    for (int i = 0; i < o->tcp_count; i++) {
        if (!tcp_start(&tcp[i], o->address, o->tcp[i]))
            return false;
    }
    for (int i = 0; i < o->rtu_count; i++) {
        if (!rtu_start(&rtu[i], o->rtu[i], o->units, o->rtu_baud, o->rtu_parity))
            return false;
    }
    if (o->line && !line_start(&line, o->line, o->line_format, o->line_every_us))
        return false;
    if (o->files && !file_start(&files, o->files))
        return false;
    return !o->mqtt.broker || mqtt_start(&o->mqtt);
}

static void stop(const struct options *o)
{
    if (o->mqtt.broker)
        mqtt_stop();
    if (files.thread.running)
        file_stop(&files);
    if (line.thread.running)
        line_stop(&line);
    for (int i = 0; i < o->rtu_count; i++) {
        if (rtu[i].thread.running)
            rtu_stop(&rtu[i]);
    }
    for (int i = 0; i < o->tcp_count; i++) {
        if (tcp[i].thread.running)
            tcp_stop(&tcp[i]);
    }
}

static void print_served(const struct options *o, FILE *f)
{
    for (int i = 0; i < o->tcp_count; i++)
        fprintf(f, "tcp=%d\n", tcp[i].port);
    for (int i = 0; i < o->rtu_count; i++)
        fprintf(f, "rtu=%s\n", o->rtu[i]);
    if (o->line)
        fprintf(f, "line=%s\n", o->line);
    if (o->mqtt.broker)
        fprintf(f, "mqtt=%s\n", o->mqtt.broker);
    if (o->files)
        fprintf(f, "w1=%s\nthermal=%s\n", files.w1, files.thermal);
    fprintf(f, "ready\n");
}

static bool announce(const struct options *o)
{
    char beside[600];

    print_served(o, stdout);
    if (!o->ready_file)
        return true;
    snprintf(beside, sizeof(beside), "%s.new", o->ready_file);
    FILE *f = fopen(beside, "we");
    if (f)
        print_served(o, f);
    if (f && fclose(f) == 0 && rename(beside, o->ready_file) == 0)
        return true;
    fprintf(stderr, "sensorgw-sim: cannot write %s\n", o->ready_file);
    return false;
}

static void print_status(const struct options *o)
{
    unsigned requests = 0;

    for (int i = 0; i < o->tcp_count; i++)
        requests += atomic_load(&tcp[i].slave.requests);
    for (int i = 0; i < o->rtu_count; i++)
        requests += atomic_load(&rtu[i].slave.requests);
    printf("status requests=%u lines=%u messages=%u\n", requests, atomic_load(&line.lines),
           o->mqtt.broker ? mqtt_sent() : 0);
}

static bool set_plug(const struct options *o, const char *what, bool plugged)
{
    if (strcmp(what, "line") == 0)
        atomic_store(&line.pty.plugged, plugged);
    else if (strcmp(what, "rtu") != 0)
        return false;
    for (int i = 0; i < o->rtu_count && *what == 'r'; i++)
        atomic_store(&rtu[i].pty.plugged, plugged);
    return true;
}

/* False: quit. */
static bool obey(const struct options *o, const char *command)
{
    char word[16] = "", argument[64] = "";
    unsigned value = 0;
    int words = sscanf(command, "%15s %63s %u", word, argument, &value);
    bool known = true;

    if (strcmp(word, "quit") == 0)
        return false;
    if (strcmp(word, "fault") == 0)
        known = fault_set(argument);
    else if (strcmp(word, "set") == 0)
        known = words == 3 && registers_force(atoi(argument), (uint16_t)value);
    else if (strcmp(word, "plug") == 0 || strcmp(word, "unplug") == 0)
        known = set_plug(o, argument, word[0] == 'p');
    else if (strcmp(word, "burst") == 0)
        mqtt_burst((unsigned)strtoul(argument, NULL, 10));
    else if (strcmp(word, "status") == 0)
        print_status(o);
    else
        known = words <= 0;
    if (!known)
        fprintf(stderr, "sensorgw-sim: not understood: %s\n", command);
    return true;
}

/* Obeys the whole lines that arrived; false: quit. End of input ends nothing: a service has none.
 */
static bool read_commands(const struct options *o, struct pollfd *in)
{
    static char text[512];
    static size_t have;
    ssize_t n = read(in->fd, text + have, sizeof(text) - 1 - have);

    if (n <= 0) {
        in->fd = -1;
        return true;
    }
    have += (size_t)n;
    text[have] = '\0';
    for (char *end; (end = strchr(text, '\n'));) {
        *end = '\0';
        if (!obey(o, text))
            return false;
        have -= (size_t)(end + 1 - text);
        memmove(text, end + 1, have + 1);
    }
    if (have == sizeof(text) - 1)
        have = 0;
    return true;
}

static void follow(const struct options *o, int signals)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = signals, .events = POLLIN}};

    while (o->seconds <= 0 || wave_time() < o->seconds) {
        poll(fds, 2, TICK_MS);
        if (fds[1].revents || (fds[0].revents && !read_commands(o, &fds[0])))
            return;
        if (o->once && !mqtt_bursting())
            return;
    }
}

int main(int argc, char **argv)
{
    struct options o;
    sigset_t signals;
    int status;

    if (!options_parse(&o, argc, argv, &status))
        return status;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    wave_start(o.period_s);
    int fd = signalfd(-1, &signals, SFD_CLOEXEC);
    bool ok = fd >= 0 && start(&o) && announce(&o);
    if (ok && o.burst > 0)
        mqtt_burst(o.burst);
    if (ok)
        follow(&o, fd);
    stop(&o);
    close(fd);
    return ok ? 0 : 1;
}
