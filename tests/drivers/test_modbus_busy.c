/* SPDX-License-Identifier: Apache-2.0 */
/* A line as they are in the field: eight slaves at 9,600 baud, three of them mute. A
 * pseudo-terminal knows no speed, so the slaves keep it: each byte comes when it would.
 * SENSORGW_SLOW: a whole minute. Under an emulator, where the machine is late and not the line, a
 * minute too, for all is asked less often and waited for longer. A machine that stands still for a
 * moment loses polls, whatever the driver does, so a test may try again. */
#include "gateway/core/log.h"
#include "tests/support/modbus_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define UNITS 8
#define BYTE_US (11 * US_PER_SECOND / 9600) /* start bit, 8 data bits, parity, stop bit */

static enum slave_fault three_are_mute(void *arg, const struct slave_request *q)
{
    (void)arg;
    return q->unit == 2 || q->unit == 5 || q->unit == 7 ? SLAVE_MUTE : SLAVE_DRIP;
}

#define TRIES 6

static bool healthy_slaves_get_their_polls(void)
{
    /* The request takes its time too before the slave has heard it. */
    struct modbus_slave_options o = {
        .fault = three_are_mute, .drip_us = BYTE_US, .drip_after_us = 8 * BYTE_US};
    struct modbus_slave *slave = modbus_slave_start_pty(&o);
    struct unit_figures units[UNITS];
    bool emulated = getenv("SENSORGW_EMULATED");
    int64_t every_us = (emulated ? 6 : 1) * US_PER_SECOND;
    int64_t cycles = getenv("SENSORGW_SLOW") ? 60 : emulated ? 10 : 12;
    bool ok = true;
    struct rig r;

    assert_non_null(slave);
    rig_prepare(&r, slave, UNITS, 4, every_us);
    rig_side_by_side(&r, 100);
    r.source_options.baud = 9600;
    r.source_options.parity = PARITY_EVEN;
    r.source_options.timeout_us = (emulated ? 1000 : 300) * US_PER_MS;
    rig_open(&r);
    rig_run(&r, UINT32_MAX, cycles * every_us);
    assert_int_equal(figures_copy(&r.source->figures, 0, units, UNITS), UNITS);
    for (size_t u = 0; u < UNITS; u++) {
        double good = r.good[u] / 4.0, bad = rig_bad(&r, u) / 4.0;
        double scheduled = good + bad + (double)units[u].overruns;
        printf("unit %zu: %3.0f of %3.0f polls in %lld s, %.1f %%\n", u + 1, good, scheduled,
               (long long)(cycles * every_us / US_PER_SECOND), 100 * good / scheduled);
        if (u + 1 == 2 || u + 1 == 5 || u + 1 == 7)
            assert_true(r.good[u] == 0 && units[u].probing_us > 0);
        else
            ok = ok && scheduled >= (double)cycles - 2 && good >= 0.95 * scheduled;
    }
    rig_close(&r);
    modbus_slave_stop(slave);
    return ok;
}

static void each_healthy_slave_gets_its_polls(void **state)
{
    (void)state;
    assert_true(rig_succeeds(healthy_slaves_get_their_polls, TRIES));
}

static enum slave_fault all_but_the_last_are_mute(void *arg, const struct slave_request *q)
{
    (void)arg;
    return q->unit == 6 ? SLAVE_GOOD : SLAVE_MUTE;
}

/* While five are looked for, which is more than the line has time for at first. */
static bool slow_poll_keeps_its_place(void)
{
    struct modbus_slave_options o = {.fault = all_but_the_last_are_mute};
    struct modbus_slave *slave = modbus_slave_start_pty(&o);
    struct unit_figures units[6];
    struct rig r;

    assert_non_null(slave);
    rig_prepare(&r, slave, 6, 1, 2 * US_PER_SECOND);
    r.source_options.timeout_us = 500 * US_PER_MS;
    rig_open(&r);
    rig_run(&r, UINT32_MAX, 7 * US_PER_SECOND);
    assert_int_equal(figures_copy(&r.source->figures, 0, units, 6), 6);
    printf("%u polls, %llu fell out, longest gap %lld ms\n", r.good[5],
           (unsigned long long)units[5].overruns, (long long)(r.longest_gap_us[5] / US_PER_MS));
    rig_close(&r);
    modbus_slave_stop(slave);
    return units[5].overruns == 0 && rig_bad(&r, 5) == 0 && r.good[5] >= 3;
}

static void a_slow_poll_is_not_displaced_by_probes(void **state)
{
    (void)state;
    assert_true(rig_succeeds(slow_poll_keeps_its_place, TRIES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_healthy_slave_gets_its_polls),
                                       cmocka_unit_test(a_slow_poll_is_not_displaced_by_probes)};

    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
