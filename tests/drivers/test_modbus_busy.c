/* SPDX-License-Identifier: Apache-2.0 */
/* A line as they are in the field: eight slaves at 9,600 baud, three of them mute. A
 * pseudo-terminal knows no speed, so the slaves keep it: each byte comes when it would.
 * SENSORGW_SLOW: a whole minute. */
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

static void each_healthy_slave_gets_its_polls(void **state)
{
    /* The request takes its time too before the slave has heard it. */
    struct modbus_slave_options o = {
        .fault = three_are_mute, .drip_us = BYTE_US, .drip_after_us = 8 * BYTE_US};
    struct modbus_slave *slave = modbus_slave_start_pty(&o);
    struct unit_figures units[UNITS];
    int64_t seconds = getenv("SENSORGW_SLOW") ? 60 : 12;
    struct rig r;

    (void)state;
    assert_non_null(slave);
    rig_prepare(&r, slave, UNITS, 4, US_PER_SECOND);
    rig_side_by_side(&r, 100);
    r.source_options.baud = 9600;
    r.source_options.parity = PARITY_EVEN;
    r.source_options.timeout_us = 300 * US_PER_MS;
    rig_open(&r);
    rig_run(&r, UINT32_MAX, seconds * US_PER_SECOND);
    assert_int_equal(figures_copy(&r.source->figures, 0, units, UNITS), UNITS);
    for (size_t u = 0; u < UNITS; u++) {
        double good = r.good[u] / 4.0, bad = rig_bad(&r, u) / 4.0;
        double scheduled = good + bad + (double)units[u].overruns;
        printf("unit %zu: %3.0f of %3.0f polls in %lld s, %.1f %%\n", u + 1, good, scheduled,
               (long long)seconds, 100 * good / scheduled);
        if (u + 1 == 2 || u + 1 == 5 || u + 1 == 7)
            assert_true(r.good[u] == 0 && units[u].probing_us > 0);
        else
            assert_true(scheduled >= (double)seconds - 2 && good >= 0.95 * scheduled);
    }
    rig_close(&r);
    modbus_slave_stop(slave);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_healthy_slave_gets_its_polls)};

    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
