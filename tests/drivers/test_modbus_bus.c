/* SPDX-License-Identifier: Apache-2.0 */
/* The whole driver against slaves that misbehave. Every register holds a value made of its unit and
 * address, so every good reading can be checked for its origin. */
#include "drivers/driver.h"
#include "drivers/modbus/options.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "tests/support/modbus_rig.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TIMEOUT_US RIG_TIMEOUT_US

/* --- slaves --- */

/* One answer in 60 is as the argument says, the n-th fault the n-th in turn. */
struct faults {
    enum slave_fault kinds[12];
    unsigned count, next;
};

static enum slave_fault now_and_then(void *arg, const struct slave_request *q)
{
    struct faults *f = arg;

    if (q->number % 61 != 60)
        return SLAVE_GOOD;
    return f->kinds[f->next++ % f->count];
}

static enum slave_fault unit_2_is_mute(void *arg, const struct slave_request *q)
{
    (void)arg;
    return q->unit == 2 ? SLAVE_MUTE : SLAVE_GOOD;
}

static enum slave_fault unit_2_is_late(void *arg, const struct slave_request *q)
{
    (void)arg;
    return q->unit == 2 ? SLAVE_LATE : SLAVE_GOOD;
}

/* Its answers come when it is asked again, as often as the argument says; then it is healthy. */
static enum slave_fault unit_2_lags(void *arg, const struct slave_request *q)
{
    atomic_uint *left = arg;

    if (q->unit != 2 || atomic_load(left) == 0)
        return SLAVE_GOOD;
    atomic_fetch_sub(left, 1);
    return SLAVE_HELD;
}

static enum slave_fault always(void *arg, const struct slave_request *q)
{
    (void)q;
    return *(const enum slave_fault *)arg;
}

/* --- tests --- */

/* Every 61st answer is spoilt, by one fault after the other. */
static void inject(struct modbus_slave *(*start)(const struct modbus_slave_options *),
                   struct faults faults, int framing)
{
    struct modbus_slave_options o = {.fault = now_and_then,
                                     .arg = &faults,
                                     .late_us = 3 * TIMEOUT_US / 2,
                                     .drip_us = 9000,
                                     .rtu_over_tcp = framing == FRAMING_RTU};
    unsigned polls = getenv("SENSORGW_SLOW") ? 10000 : 2000;
    struct modbus_slave *slave = start(&o);
    struct rig r;

    assert_non_null(slave);
    rig_prepare(&r, slave, 12, 4, 4 * US_PER_MS);
    r.source_options.framing = framing;
    rig_open(&r);
    rig_run(&r, polls, 240 * US_PER_SECOND); /* checks where each value comes from */
    assert_true(modbus_slave_requests(slave) >= polls);
    rig_close(&r);
    modbus_slave_stop(slave);
    assert_true(faults.next >= 2 * faults.count);
    assert_true(rig_good(&r) >= polls);
}

static void no_fault_over_tcp_attributes_a_value_wrongly(void **state)
{
    (void)state;
    inject(modbus_slave_start_tcp,
           (struct faults){.kinds = {SLAVE_LATE, SLAVE_TRANSACTION, SLAVE_UNIT, SLAVE_FUNCTION,
                                     SLAVE_SHORT, SLAVE_COUNT, SLAVE_LONG, SLAVE_GARBAGE,
                                     SLAVE_DRIP, SLAVE_DROP, SLAVE_MUTE, SLAVE_BUSY},
                           .count = 12},
           FRAMING_TCP);
}

static const struct faults of_rtu_frames = {
    .kinds = {SLAVE_LATE, SLAVE_UNIT, SLAVE_FUNCTION, SLAVE_SHORT, SLAVE_COUNT, SLAVE_LONG,
              SLAVE_GARBAGE, SLAVE_DAMAGED, SLAVE_DRIP, SLAVE_MUTE, SLAVE_BUSY},
    .count = 11};

static void no_fault_on_a_serial_line_attributes_a_value_wrongly(void **state)
{
    (void)state;
    inject(modbus_slave_start_pty, of_rtu_frames, FRAMING_RTU);
}

static void no_fault_of_rtu_frames_over_tcp_attributes_a_value_wrongly(void **state)
{
    (void)state;
    inject(modbus_slave_start_tcp, of_rtu_frames, FRAMING_RTU);
}

static void no_fault_with_requests_under_way_attributes_a_value_wrongly(void **state)
{
    struct faults faults = {.kinds = {SLAVE_LATE, SLAVE_UNIT, SLAVE_FUNCTION, SLAVE_SHORT,
                                      SLAVE_COUNT, SLAVE_LONG, SLAVE_GARBAGE, SLAVE_DRIP,
                                      SLAVE_DROP, SLAVE_MUTE, SLAVE_BUSY},
                            .count = 11};
    struct modbus_slave_options o = {
        .fault = now_and_then, .arg = &faults, .late_us = 3 * TIMEOUT_US / 2, .drip_us = 9000};
    struct modbus_slave *slave = modbus_slave_start_tcp(&o);
    struct rig r;

    (void)state;
    assert_non_null(slave);
    rig_prepare(&r, slave, 12, 4, 10 * US_PER_MS);
    r.source_options.pipeline = 8;
    rig_open(&r);
    rig_run(&r, getenv("SENSORGW_SLOW") ? 10000 : 2000, 240 * US_PER_SECOND);
    rig_close(&r);
    modbus_slave_stop(slave);
    assert_true(faults.next >= 2 * faults.count);
    assert_true(rig_good(&r) >= 2000);
}

static void a_unit_that_always_answers_late_is_never_believed_wrongly(void **state)
{
    static const int64_t lateness[] = {TIMEOUT_US + 20 * US_PER_MS, 800 * US_PER_MS};

    (void)state;
    for (size_t i = 0; i < COUNT(lateness); i++) {
        struct modbus_slave_options o = {.fault = unit_2_is_late, .late_us = lateness[i]};
        struct modbus_slave *slave = modbus_slave_start_pty(&o);
        struct rig r;
        assert_non_null(slave);
        rig_prepare(&r, slave, 3, 4, 20 * US_PER_MS);
        rig_open(&r);
        int64_t begin = clock_mono_us();
        do {
            rig_run(&r, rig_good(&r) + 100, US_PER_SECOND);
        } while (clock_mono_us() - begin < RIG_RUN_US &&
                 (r.good[0] < 100 || r.good[2] < 100 || r.bad[1][QUALITY_TIMEOUT] == 0 ||
                  clock_mono_us() - begin < 2500 * US_PER_MS));
        rig_close(&r);
        modbus_slave_stop(slave);
        assert_true(r.good[0] >= 100); /* not starved */
        assert_true(r.good[2] >= 100);
        assert_true(r.bad[1][QUALITY_TIMEOUT] > 0);
    }
}

/* The worst that can happen where replies carry no id: the answer to the last request comes just
 * when the next one, of the same shape to the same unit, is out. */
static void check_lagging(struct modbus_slave *(*start)(const struct modbus_slave_options *),
                          unsigned times)
{
    atomic_uint lags = times;
    struct modbus_slave_options o = {.fault = unit_2_lags, .arg = &lags};
    struct modbus_slave *slave = start(&o);
    struct rig r;

    assert_non_null(slave);
    rig_prepare(&r, slave, 2, 4, 20 * US_PER_MS);
    rig_open(&r);
    int64_t end = clock_mono_us() + RIG_RUN_US;
    while ((atomic_load(&lags) > 0 || r.good[1] < 40) && clock_mono_us() < end)
        rig_step(&r);
    rig_close(&r);
    modbus_slave_stop(slave);
    assert_int_equal(atomic_load(&lags), 0);
    assert_true(r.good[1] >= 40);
    assert_true(r.bad[1][QUALITY_TIMEOUT] > 0);
}

static void an_answer_to_the_request_before_is_never_taken_for_the_next(void **state)
{
    (void)state;
    check_lagging(modbus_slave_start_pty, 5);
    check_lagging(modbus_slave_start_tcp, 4);
}

static enum slave_fault unit_2_counts_in_silence(void *arg, const struct slave_request *q)
{
    if (q->unit == 2)
        atomic_fetch_add((atomic_uint *)arg, 1);
    return q->unit == 2 ? SLAVE_MUTE : SLAVE_GOOD;
}

/* How often a unit may have been asked in vain: at once, then after 1, 2, 4 … s, less up to a
 * quarter. */
static unsigned most_probes(int64_t us)
{
    unsigned n = 1;

    for (int64_t wait = US_PER_SECOND * 3 / 4; us >= wait;
         wait = wait < 16 * US_PER_SECOND ? 2 * wait : wait) {
        us -= wait;
        n++;
    }
    return n;
}

/* False: a healthy one was late too, as on a machine that stands still for a while. */
static bool dead_beside_healthy(struct modbus_slave *(*start)(const struct modbus_slave_options *))
{
    atomic_uint probes = 0;
    struct modbus_slave_options o = {.fault = unit_2_counts_in_silence, .arg = &probes};
    struct modbus_slave *slave = start(&o);
    struct rig r;

    assert_non_null(slave);
    rig_prepare(&r, slave, 3, 2, 20 * US_PER_MS);
    r.source_options.timeout_us = 300 * US_PER_MS;
    rig_open(&r);
    int64_t begin = clock_mono_us();
    while (clock_mono_us() - begin < RIG_RUN_US &&
           (clock_mono_us() - begin < 4 * US_PER_SECOND || r.good[0] <= 20 || r.good[2] <= 20))
        rig_run(&r, rig_good(&r) + 1, US_PER_SECOND);
    unsigned most = most_probes(clock_mono_us() - begin);
    unsigned connections = modbus_slave_connections(slave);
    rig_close(&r);
    modbus_slave_stop(slave);
    if (rig_bad(&r, 0) + rig_bad(&r, 2) > 0)
        return false;
    assert_true(r.good[0] > 20 && r.good[2] > 20);
    /* The mute one is hardly asked, but every period says that it is mute. */
    assert_int_equal(r.good[1], 0);
    assert_true(r.bad[1][QUALITY_TIMEOUT] > 20);
    assert_true(atomic_load(&probes) >= 2 && atomic_load(&probes) <= most);
    assert_true(connections <= 2); /* its time-outs do not cost the others the connection */
    return true;
}

static void
check_dead_beside_healthy(struct modbus_slave *(*start)(const struct modbus_slave_options *))
{
    bool ok = false;

    for (int tries = 0; tries < 8 && !ok; tries++)
        ok = dead_beside_healthy(start);
    assert_true(ok);
}

static void a_mute_unit_is_probed_seldom_and_does_not_hold_up_the_others(void **state)
{
    (void)state;
    check_dead_beside_healthy(modbus_slave_start_pty);
    check_dead_beside_healthy(modbus_slave_start_tcp);
}

static void the_same_unit_id_on_another_line_is_another_unit(void **state)
{
    struct modbus_slave_options good = {0}, dead = {.fault = unit_2_is_mute};
    struct modbus_slave *slaves[2] = {modbus_slave_start_tcp(&good), modbus_slave_start_tcp(&dead)};
    struct rig r[2];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        rig_prepare(&r[i], slaves[i], 2, 1, 20 * US_PER_MS);
        if (i == 0)
            r[i].source_options.timeout_us = RIG_PATIENCE_US;
        rig_open(&r[i]);
    }
    for (int k = 0; k < 200; k++) {
        rig_step(&r[0]);
        rig_step(&r[1]);
    }
    assert_int_equal(r[1].good[1], 0);
    assert_true(r[1].bad[1][QUALITY_TIMEOUT] > 0);
    assert_true(r[0].good[1] >= r[0].good[0] / 2);
    for (size_t i = 0; i < 2; i++) {
        rig_close(&r[i]);
        modbus_slave_stop(slaves[i]);
    }
}

static enum slave_fault while_it_is_asleep(void *arg, const struct slave_request *q)
{
    return q->unit == 2 && atomic_load((atomic_bool *)arg) ? SLAVE_MUTE : SLAVE_GOOD;
}

static void a_unit_that_comes_back_is_polled_as_before(void **state)
{
    atomic_bool asleep = true;
    struct modbus_slave_options o = {.fault = while_it_is_asleep, .arg = &asleep};
    struct modbus_slave *slave = modbus_slave_start_tcp(&o);
    struct unit_figures units[2];
    struct rig r;

    (void)state;
    rig_prepare(&r, slave, 2, 2, 20 * US_PER_MS);
    rig_open(&r);
    for (int i = 0; i < 20 || r.bad[1][QUALITY_TIMEOUT] == 0; i++)
        rig_step(&r);
    assert_int_equal(r.good[1], 0);
    assert_int_equal(figures_copy(&r.source->figures, 0, units, 2), 2);
    assert_true(units[1].probing_us > 0);
    /* The other is not, unless it was late itself. */
    assert_true(units[0].probing_us == 0 || units[0].timeouts > 0);
    atomic_store(&asleep, false);
    /* Within its back-off (2 s by now, at most) and one cycle; busy machines take longer. */
    int64_t begin = clock_mono_us();
    while ((r.good[1] < 2 || units[1].probing_us > 0) && clock_mono_us() - begin < RIG_RUN_US) {
        rig_step(&r);
        figures_copy(&r.source->figures, 0, units, 2);
    }
    assert_true(r.good[1] >= 2);
    assert_int_equal(units[1].probing_us, 0);
    rig_close(&r);
    modbus_slave_stop(slave);
}

/* Replies to functions 1 and 2 have eight to a byte. */
static void coils_that_are_read_together_are_told_apart(void **state)
{
    static const uint8_t tables[] = {TABLE_COIL, TABLE_DISCRETE};
    struct modbus_slave_options none = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(tables); i++) {
        struct modbus_slave *slave = modbus_slave_start_tcp(&none);
        struct rig r;
        rig_prepare(&r, slave, 1, 100, 20 * US_PER_MS);
        rig_side_by_side(&r, 3);
        for (size_t k = 0; k < 100; k++) {
            /* Three or four apart, so that neighbours differ in no simple way. */
            r.sensor_options[0][k].table = tables[i];
            r.sensor_options[0][k].address = (uint16_t)(3 * k + k / 7);
            r.sensor_options[0][k].field = (struct modbus_field){.type = TYPE_BOOL};
        }
        r.device_options[0].max_gap = 10;
        r.source_options.timeout_us = RIG_PATIENCE_US;
        rig_open(&r);
        rig_run(&r, 300, RIG_RUN_US);
        assert_true(rig_good(&r) >= 300);
        assert_true(modbus_slave_requests(slave) <= 4); /* one for all of them */
        rig_close(&r);
        modbus_slave_stop(slave);
    }
}

static enum slave_fault slowly(void *arg, const struct slave_request *q)
{
    (void)arg;
    (void)q;
    return SLAVE_LATE;
}

static void polls_for_which_there_is_no_time_are_counted(void **state)
{
    struct modbus_slave_options o = {.fault = slowly, .late_us = 20 * US_PER_MS};
    struct modbus_slave *slave = modbus_slave_start_tcp(&o);
    struct unit_figures u;
    struct rig r;

    (void)state;
    rig_prepare(&r, slave, 1, 4, 10 * US_PER_MS); /* four times 20 ms every 10 ms */
    r.source_options.timeout_us = RIG_PATIENCE_US;
    rig_open(&r);
    rig_run(&r, 40, RIG_RUN_US);
    assert_int_equal(figures_copy(&r.source->figures, 0, &u, 1), 1);
    assert_true(u.overruns >= 100);
    assert_int_equal(u.overruns, atomic_load(&r.source->overruns));
    rig_close(&r);
    modbus_slave_stop(slave);
}

#define SLOWLY_US (50 * US_PER_MS)

struct arrivals {
    int64_t last_us;
    unsigned together; /* came before the one before them can have been answered */
};

static enum slave_fault slowly_and_watching(void *arg, const struct slave_request *q)
{
    struct arrivals *a = arg;
    int64_t now = clock_mono_us();

    a->together += q->number > 0 && now - a->last_us < SLOWLY_US;
    a->last_us = now;
    return SLAVE_LATE;
}

static void several_requests_are_under_way_at_a_time_when_allowed(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct arrivals arrivals = {0};
        struct modbus_slave_options o = {
            .fault = slowly_and_watching, .arg = &arrivals, .late_us = SLOWLY_US};
        struct modbus_slave *slave = modbus_slave_start_tcp(&o);
        struct rig r;
        rig_prepare(&r, slave, 8, 1, 10 * US_PER_MS);
        r.source_options.timeout_us = RIG_PATIENCE_US;
        r.source_options.pipeline = i == 0 ? 1 : 8;
        rig_open(&r);
        rig_run(&r, 80, RIG_RUN_US);
        assert_true(rig_good(&r) >= 80);
        assert_int_equal(modbus_slave_connections(slave), 1);
        rig_close(&r);
        modbus_slave_stop(slave);
        /* About seven of each eight. */
        if (i == 0 ? arrivals.together > 0 : arrivals.together < 40)
            fail_msg("pipeline %d: %u came together", i == 0 ? 1 : 8, arrivals.together);
    }
}

static void a_drip_fed_answer_does_not_stretch_the_time_out(void **state)
{
    enum slave_fault drip = SLAVE_DRIP;
    const int64_t timeout_us = 4 * US_PER_SECOND;
    struct modbus_slave_options o = {.fault = always, .arg = &drip, .drip_us = timeout_us / 10};
    struct modbus_slave *slave = modbus_slave_start_tcp(&o);
    struct rig r;

    (void)state;
    assert_non_null(slave);
    rig_prepare(&r, slave, 1, 100, 20 * US_PER_MS);
    rig_side_by_side(&r, 0);
    r.source_options.timeout_us = timeout_us;
    rig_open(&r);
    rig_step(&r);
    assert_true(r.longest_poll_us >= timeout_us);
    assert_true(r.longest_poll_us < 10 * timeout_us); /* the whole answer takes twice as long */
    assert_int_equal(r.bad[0][QUALITY_CRC], 100);
    rig_close(&r);
    modbus_slave_stop(slave);
}

static void a_closed_connection_is_made_anew_without_a_bad_reading(void **state)
{
    struct modbus_slave_options o = {0};
    struct modbus_slave *slave = modbus_slave_start_tcp(&o);
    struct rig r;

    (void)state;
    assert_non_null(slave);
    o.port = modbus_slave_port(slave);
    rig_prepare(&r, slave, 2, 2, 10 * US_PER_MS);
    r.source_options.timeout_us = RIG_PATIENCE_US;
    rig_open(&r);
    rig_run(&r, 8, RIG_RUN_US);
    modbus_slave_stop(slave);
    slave = modbus_slave_start_tcp(&o);
    assert_non_null(slave);
    rig_run(&r, 20, RIG_RUN_US);
    assert_true(rig_good(&r) >= 20);
    assert_int_equal(rig_bad(&r, 0) + rig_bad(&r, 1), 0);
    rig_close(&r);
    modbus_slave_stop(slave);
}

static void a_slave_that_is_gone_is_found_again(void **state)
{
    struct modbus_slave_options o = {0};
    struct modbus_slave *slave = modbus_slave_start_tcp(&o);
    struct rig r;

    (void)state;
    assert_non_null(slave);
    o.port = modbus_slave_port(slave);
    rig_prepare(&r, slave, 1, 2, 10 * US_PER_MS);
    r.source_options.timeout_us = RIG_PATIENCE_US;
    rig_open(&r);
    rig_run(&r, 8, RIG_RUN_US);
    modbus_slave_stop(slave);
    rig_step(&r);
    assert_int_equal(r.poll_error, GW_ECONN);
    assert_true(r.bad[0][QUALITY_TIMEOUT] > 0);
    slave = modbus_slave_start_tcp(&o);
    assert_non_null(slave);
    rig_reopen(&r);
    unsigned before = rig_good(&r);
    rig_run(&r, before + 8, RIG_RUN_US);
    assert_true(rig_good(&r) >= before + 8);
    rig_close(&r);
    modbus_slave_stop(slave);
}

static void an_unplugged_port_ends_the_poll_with_an_error(void **state)
{
    struct modbus_slave_options o = {0};
    struct modbus_slave *slave = modbus_slave_start_pty(&o);
    struct rig r;

    (void)state;
    assert_non_null(slave);
    rig_prepare(&r, slave, 1, 2, 10 * US_PER_MS);
    r.source_options.timeout_us = RIG_PATIENCE_US;
    rig_open(&r);
    rig_run(&r, 8, RIG_RUN_US);
    modbus_slave_stop(slave);
    rig_step(&r);
    assert_int_equal(r.poll_error, GW_ECONN);
    assert_true(rig_bad(&r, 0) > 0);
    rig_close(&r);
}

static void a_port_is_opened_by_one_only(void **state)
{
    struct modbus_slave_options o = {0};
    struct modbus_slave *slave = modbus_slave_start_pty(&o);
    struct rig first, second;

    (void)state;
    assert_non_null(slave);
    rig_prepare(&first, slave, 1, 1, 10 * US_PER_MS);
    rig_prepare(&second, slave, 1, 1, 10 * US_PER_MS);
    rig_open(&first);
    second.env = first.env;
    assert_int_equal(source_create(&second.source, &second.config, &second.env), GW_OK);
    assert_int_equal(driver_modbus.open(second.source), GW_EBUSY);
    source_destroy(second.source);
    rig_close(&first);
    modbus_slave_stop(slave);
}

struct stopping {
    struct source *source;
    struct modbus_slave *slave;
};

/* While the answer is waited for. */
static void raise_stop(void *arg)
{
    struct stopping *s = arg;

    while (modbus_slave_requests(s->slave) == 0)
        clock_sleep_us(US_PER_MS);
    source_close(s->source);
}

static void stopping_does_not_wait_for_the_time_out(void **state)
{
    struct modbus_slave_options o = {.fault = unit_2_is_mute};
    struct modbus_slave *slave = modbus_slave_start_tcp(&o);
    struct thread stopper = {0};
    struct rig r;

    (void)state;
    assert_non_null(slave);
    rig_prepare(&r, slave, 1, 1, 10 * US_PER_MS);
    r.source_options.timeout_us = 2 * RIG_PATIENCE_US;
    r.device_options[0].unit_id = 2;
    rig_open(&r);
    struct stopping stopping = {r.source, slave};
    assert_int_equal(thread_start(&stopper, "stopper", raise_stop, &stopping), GW_OK);
    rig_step(&r);
    thread_join(&stopper);
    assert_true(r.longest_poll_us < RIG_PATIENCE_US);
    rig_close(&r);
    modbus_slave_stop(slave);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_fault_over_tcp_attributes_a_value_wrongly),
        cmocka_unit_test(no_fault_on_a_serial_line_attributes_a_value_wrongly),
        cmocka_unit_test(a_unit_that_always_answers_late_is_never_believed_wrongly),
        cmocka_unit_test(an_answer_to_the_request_before_is_never_taken_for_the_next),
        cmocka_unit_test(no_fault_of_rtu_frames_over_tcp_attributes_a_value_wrongly),
        cmocka_unit_test(no_fault_with_requests_under_way_attributes_a_value_wrongly),
        cmocka_unit_test(a_mute_unit_is_probed_seldom_and_does_not_hold_up_the_others),
        cmocka_unit_test(the_same_unit_id_on_another_line_is_another_unit),
        cmocka_unit_test(a_unit_that_comes_back_is_polled_as_before),
        cmocka_unit_test(coils_that_are_read_together_are_told_apart),
        cmocka_unit_test(polls_for_which_there_is_no_time_are_counted),
        cmocka_unit_test(several_requests_are_under_way_at_a_time_when_allowed),
        cmocka_unit_test(a_drip_fed_answer_does_not_stretch_the_time_out),
        cmocka_unit_test(a_closed_connection_is_made_anew_without_a_bad_reading),
        cmocka_unit_test(a_slave_that_is_gone_is_found_again),
        cmocka_unit_test(an_unplugged_port_ends_the_poll_with_an_error),
        cmocka_unit_test(a_port_is_opened_by_one_only),
        cmocka_unit_test(stopping_does_not_wait_for_the_time_out),
    };

    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
