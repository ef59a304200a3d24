/* SPDX-License-Identifier: Apache-2.0 */
/* The line itself: silences, socket options, an RS-485 port that hears itself. */
#include "drivers/modbus/transport_parts.h"
#include "gateway/core/log.h"
#include "tests/support/modbus_rig.h"

#include <linux/serial.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* --- a port that can do RS-485: pseudo-terminals cannot --- */

int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg);

static struct serial_rs485 port;

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
    if (request == TIOCSRS485)
        port = *(struct serial_rs485 *)arg;
    else if (request == TIOCGRS485)
        *(struct serial_rs485 *)arg = port;
    else
        return __real_ioctl(fd, request, arg);
    return 0;
}

/* --- silences --- */

static void the_silence_is_that_of_the_specification(void **state)
{
    static const struct {
        int baud;
        int64_t us;
    } cases[] = {{1200, 32084}, {9600, 4011},   {19200, 2006},
                 {38400, 1750}, {115200, 1750}, {921600, 1750}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(transport_silence_us(cases[i].baud), cases[i].us);
}

struct times {
    int64_t last_us, least_us;
};

static enum slave_fault watch(void *arg, const struct slave_request *q)
{
    struct times *t = arg;
    int64_t now = clock_mono_us();

    if (q->number > 0 && now - t->last_us < t->least_us)
        t->least_us = now - t->last_us;
    t->last_us = now;
    return SLAVE_GOOD;
}

/* The slave answers at once, so between two requests there is a little more than one silence. */
static void requests_keep_the_silence(void **state)
{
    static const int speeds[] = {9600, 115200};

    (void)state;
    for (size_t i = 0; i < COUNT(speeds); i++) {
        struct times times = {.least_us = INT64_MAX};
        struct modbus_slave_options o = {.fault = watch, .arg = &times};
        struct modbus_slave *slave = modbus_slave_start_pty(&o);
        struct rig r;
        rig_prepare(&r, slave, 2, 4, US_PER_MS);
        r.source_options.baud = speeds[i];
        r.source_options.timeout_us = RIG_PATIENCE_US;
        rig_open(&r);
        rig_run(&r, 200, RIG_RUN_US);
        assert_true(rig_good(&r) >= 200);
        rig_close(&r);
        modbus_slave_stop(slave);
        assert_true(times.least_us >= transport_silence_us(speeds[i]));
    }
}

/* --- TCP --- */

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof(value);

    assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
    return value;
}

static void a_connection_notices_that_the_other_side_is_gone(void **state)
{
    struct modbus_slave_options none = {0};
    struct modbus_slave *slave = modbus_slave_start_tcp(&none);
    char service[16], fault[LINK_FAULT_SIZE];
    struct transport_options o = {.framing = FRAMING_TCP,
                                  .host = modbus_slave_host(slave),
                                  .service = service,
                                  .timeout_us = US_PER_SECOND,
                                  .stopping = never};
    struct transport *t;

    (void)state;
    snprintf(service, sizeof(service), "%d", modbus_slave_port(slave));
    assert_int_equal(transport_open(&t, &o, fault), GW_OK);
    assert_int_equal(option(t->link.fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 15000);
    assert_int_equal(option(t->link.fd, IPPROTO_TCP, TCP_KEEPIDLE), 10);
    assert_int_equal(option(t->link.fd, IPPROTO_TCP, TCP_KEEPINTVL), 5);
    assert_int_equal(option(t->link.fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
    assert_true(option(t->link.fd, SOL_SOCKET, SO_KEEPALIVE) != 0);
    assert_true(option(t->link.fd, IPPROTO_TCP, TCP_NODELAY) != 0);
    transport_close(t);
    modbus_slave_stop(slave);
}

/* --- a name server that does not answer --- */

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out);

static atomic_bool silent = true;

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out)
{
    while (strcmp(host, "hole.example") == 0 && !(hints->ai_flags & AI_NUMERICHOST) &&
           atomic_load(&silent))
        clock_sleep_us(US_PER_MS);
    return __real_getaddrinfo(
        strcmp(host, "hole.example") == 0 && !(hints->ai_flags & AI_NUMERICHOST) ? "127.0.0.1"
                                                                                 : host,
        service, hints, out);
}

/* False: the stop took about as long as the wait for a name server, which is 5 s. */
static bool stops_while_the_name_server_is_silent(void)
{
    struct modbus_slave_options none = {0};
    struct modbus_slave *slave = modbus_slave_start_tcp(&none);
    struct rig r[2];

    for (size_t i = 0; i < 2; i++) {
        rig_prepare(&r[i], slave, 1, 1, 20 * US_PER_MS);
        r[i].source_options.timeout_us = RIG_PATIENCE_US;
    }
    r[1].source_options.host = (char *)(uintptr_t) "hole.example";
    rig_open(&r[0]);
    r[1].env = r[0].env;
    assert_int_equal(source_create(&r[1].source, &r[1].config, &r[1].env), GW_OK);
    assert_int_equal(source_start(r[1].source), GW_OK);
    rig_run(&r[0], 20, RIG_RUN_US);
    assert_true(rig_good(&r[0]) >= 20);
    int64_t begin = clock_mono_us();
    source_stop(r[1].source);
    int64_t took = clock_mono_us() - begin;
    source_destroy(r[1].source);
    rig_close(&r[0]);
    modbus_slave_stop(slave);
    return took < 3 * US_PER_SECOND;
}

static void a_silent_name_server_holds_up_neither_another_source_nor_a_stop(void **state)
{
    (void)state;
    bool ok = rig_succeeds(stops_while_the_name_server_is_silent, 6);
    atomic_store(&silent, false);
    assert_true(ok);
}

/* --- RS-485 --- */

static void a_port_that_hears_itself_gives_the_same_values(void **state)
{
    (void)state;
    /* Some adapters swallow the echo though they are told not to. */
    for (int echoes = 0; echoes < 2; echoes++) {
        struct modbus_slave_options o = {.echo = echoes != 0};
        struct modbus_slave *slave = modbus_slave_start_pty(&o);
        struct rig r;
        rig_prepare(&r, slave, 3, 4, 5 * US_PER_MS);
        r.source_options.timeout_us = RIG_PATIENCE_US;
        r.source_options.is_rs485 = true;
        r.source_options.rs485 = (struct rs485_options){.rts_on_send = true, .rx_during_tx = true};
        rig_open(&r);
        rig_run(&r, 300, RIG_RUN_US);
        assert_true(rig_good(&r) >= 300);
        assert_int_equal(rig_bad(&r, 0) + rig_bad(&r, 1) + rig_bad(&r, 2), 0);
        assert_int_equal(port.flags,
                         SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND | SER_RS485_RX_DURING_TX);
        rig_close(&r);
        modbus_slave_stop(slave);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_silence_is_that_of_the_specification),
        cmocka_unit_test(requests_keep_the_silence),
        cmocka_unit_test(a_connection_notices_that_the_other_side_is_gone),
        cmocka_unit_test(a_silent_name_server_holds_up_neither_another_source_nor_a_stop),
        cmocka_unit_test(a_port_that_hears_itself_gives_the_same_values),
    };

    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
