/* SPDX-License-Identifier: Apache-2.0 */
/* Each trace is a story of readings and clock ticks in seconds, with the transitions that it must
 * give and no others. */
#include "gateway/core/clock.h"
#include "gateway/rule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define NONE ((double)NAN)
#define MAX_STEPS 24

enum kind { END, READ, BAD, RETAINED, TICK };
enum expect { NOTHING, RAISED, ESCALATED, CLEARED };

struct step {
    enum kind kind;
    double at; /* s */
    double value;
    enum expect expect;
    enum severity severity;
    double limit; /* only looked at when something is expected */
};

#define W SEVERITY_WARNING
#define C SEVERITY_CRITICAL

static struct rule_config level_rule(double warning, double critical, double hysteresis,
                                     double hold)
{
    return (struct rule_config){.kind = RULE_LEVEL,
                                .high = {NONE, warning, critical},
                                .low = {NONE, NONE, NONE},
                                .rate = {NONE, NONE, NONE},
                                .hysteresis = hysteresis,
                                .for_us = (int64_t)(hold * 1e6)};
}

static struct rule_config low_rule(double warning, double critical, double hysteresis)
{
    struct rule_config rule = level_rule(NONE, NONE, hysteresis, 0);

    rule.low[W] = warning;
    rule.low[C] = critical;
    return rule;
}

static struct rule_config rate_rule(double warning, double critical, double per, double hold)
{
    struct rule_config rule = level_rule(NONE, NONE, 0, hold);

    rule.kind = RULE_RATE;
    rule.rate[W] = warning;
    rule.rate[C] = critical;
    rule.per_us = (int64_t)(per * 1e6);
    return rule;
}

static struct rule_config stale_rule(double after, int severity)
{
    struct rule_config rule = level_rule(NONE, NONE, 0, 0);

    rule.kind = RULE_STALE;
    rule.stale_us = (int64_t)(after * 1e6);
    rule.severity = severity;
    return rule;
}

static bool do_step(const struct rule_config *rule, struct rule_state *state,
                    const struct step *step, struct rule_event *event)
{
    int64_t now = (int64_t)(step->at * 1e6);
    struct reading r = {.time_us = now, .value = step->value, .quality = QUALITY_GOOD};

    if (step->kind == TICK)
        return rule_tick(rule, state, now, now, event);
    if (step->kind == BAD) {
        r.quality = QUALITY_TIMEOUT;
        r.value = NONE;
    }
    if (step->kind == RETAINED)
        r.flags = READING_RETAINED;
    return rule_eval(rule, state, &r, now, event);
}

static bool step_is_as_expected(const struct step *step, bool fired, const struct rule_event *event)
{
    static const enum expect of_state[] = {
        [ALERT_RAISED] = RAISED, [ALERT_ESCALATED] = ESCALATED, [ALERT_CLEARED] = CLEARED};
    if (!fired)
        return step->expect == NOTHING;
    return step->expect == of_state[event->state] && step->severity == event->severity &&
           step->limit == event->limit && event->time_us == (int64_t)(step->at * 1e6);
}

static void play(const char *name, const struct rule_config *rule, const struct step *steps)
{
    struct rule_state state = {0};

    for (int i = 0; steps[i].kind != END; i++) {
        struct rule_event event = {0};
        bool fired = do_step(rule, &state, &steps[i], &event);
        if (!step_is_as_expected(&steps[i], fired, &event)) {
            print_error("%s, step %d (at %g s): %s state %d severity %d limit %g\n", name, i,
                        steps[i].at, fired ? "fired" : "did not fire", (int)event.state,
                        (int)event.severity, event.limit);
            fail();
        }
    }
}

static void high_limits(void **unused)
{
    const struct {
        const char *name;
        struct rule_config rule;
        struct step steps[MAX_STEPS];
    } traces[] = {
        {"one excursion is one raise and one clear",
         level_rule(75, NONE, 0, 0),
         {{READ, 0, 70, NOTHING, 0, 0},
          {READ, 1, 75, NOTHING, 0, 0}, /* on the limit is not beyond it */
          {READ, 2, 75.1, RAISED, W, 75},
          {READ, 3, 90, NOTHING, 0, 0},
          {READ, 4, 75, CLEARED, W, 75},
          {READ, 5, 70, NOTHING, 0, 0}}},
        {"hysteresis keeps a flapping value from flapping the alert",
         level_rule(75, NONE, 2, 0),
         {{READ, 0, 75.5, RAISED, W, 75},
          {READ, 1, 74.9, NOTHING, 0, 0},
          {READ, 2, 75.2, NOTHING, 0, 0},
          {READ, 3, 73.1, NOTHING, 0, 0},
          {READ, 4, 73, CLEARED, W, 75},
          {READ, 5, 74.9, NOTHING, 0, 0},
          {READ, 6, 75.1, RAISED, W, 75}}},
        {"escalates once, without a second raise, and clears as the worst it was",
         level_rule(75, 85, 2, 0),
         {{READ, 0, 80, RAISED, W, 75},
          {READ, 1, 86, ESCALATED, C, 85},
          {READ, 2, 80, NOTHING, 0, 0},
          {READ, 3, 90, NOTHING, 0, 0},
          {READ, 4, 70, CLEARED, C, 85}}},
        {"a jump past both limits raises as critical at once",
         level_rule(75, 85, 2, 0),
         {{READ, 0, 99, RAISED, C, 85}, {READ, 1, 10, CLEARED, C, 85}}},
        {"critical alone needs no warning limit",
         level_rule(NONE, 85, 1, 0),
         {{READ, 0, 84, NOTHING, 0, 0},
          {READ, 1, 86, RAISED, C, 85},
          {READ, 2, 84.5, NOTHING, 0, 0},
          {READ, 3, 84, CLEARED, C, 85}}},
        {"a negative limit works like any other",
         level_rule(-10, NONE, 1, 0),
         {{READ, 0, -12, NOTHING, 0, 0},
          {READ, 1, -9, RAISED, W, -10},
          {READ, 2, -11, CLEARED, W, -10}}},
        {"bad readings neither raise nor clear",
         level_rule(75, NONE, 0, 0),
         {{BAD, 0, 0, NOTHING, 0, 0},
          {READ, 1, 80, RAISED, W, 75},
          {BAD, 2, 0, NOTHING, 0, 0},
          {READ, 3, 80, NOTHING, 0, 0},
          {READ, 4, 10, CLEARED, W, 75}}},
        {"retained messages trigger nothing",
         level_rule(75, NONE, 0, 0),
         {{RETAINED, 0, 99, NOTHING, 0, 0},
          {READ, 1, 80, RAISED, W, 75},
          {RETAINED, 2, 10, NOTHING, 0, 0}}},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(traces) / sizeof(traces[0]); i++)
        play(traces[i].name, &traces[i].rule, traces[i].steps);
}

static void low_limits(void **unused)
{
    const struct rule_config rule = low_rule(10, 5, 1);
    const struct step steps[] = {
        {READ, 0, 10, NOTHING, 0, 0},   {READ, 1, 9.9, RAISED, W, 10},
        {READ, 2, 10.5, NOTHING, 0, 0}, {READ, 3, 4, ESCALATED, C, 5},
        {READ, 4, 6, NOTHING, 0, 0},    {READ, 5, 11, CLEARED, C, 5},
        {END, 0, 0, NOTHING, 0, 0},
    };
    (void)unused;
    play("low", &rule, steps);
}

static void a_band_has_two_ways_out(void **unused)
{
    struct rule_config rule = level_rule(30, NONE, 1, 0);
    rule.low[W] = 10;
    const struct step steps[] = {
        {READ, 0, 20, NOTHING, 0, 0},   {READ, 1, 31, RAISED, W, 30},
        {READ, 2, 9, NOTHING, 0, 0}, /* from one side to the other: still out of the band */
        {READ, 3, 20, CLEARED, W, 30},  {READ, 4, 9, RAISED, W, 10},
        {READ, 5, 10.5, NOTHING, 0, 0}, {READ, 6, 11, CLEARED, W, 10},
        {END, 0, 0, NOTHING, 0, 0},
    };
    (void)unused;
    play("band", &rule, steps);
}

static void held_for_a_time(void **unused)
{
    const struct {
        const char *name;
        struct rule_config rule;
        struct step steps[MAX_STEPS];
    } traces[] = {
        {"raised only when it has held for that long",
         level_rule(75, NONE, 0, 30),
         {{READ, 0, 80, NOTHING, 0, 0},
          {READ, 10, 80, NOTHING, 0, 0},
          {READ, 29.9, 80, NOTHING, 0, 0},
          {READ, 30, 80, RAISED, W, 75}}},
        {"a dip starts the time again",
         level_rule(75, NONE, 2, 30),
         {{READ, 0, 80, NOTHING, 0, 0},
          {READ, 20, 74, NOTHING, 0, 0},
          {READ, 21, 80, NOTHING, 0, 0},
          {READ, 45, 80, NOTHING, 0, 0},
          {READ, 51, 80, RAISED, W, 75}}},
        {"clearing does not wait",
         level_rule(75, NONE, 0, 30),
         {{READ, 0, 80, NOTHING, 0, 0},
          {READ, 30, 80, RAISED, W, 75},
          {READ, 31, 70, CLEARED, W, 75}}},
        {"each severity has held for its own time",
         level_rule(75, 85, 0, 30),
         {{READ, 0, 80, NOTHING, 0, 0},
          {READ, 20, 90, NOTHING, 0, 0},
          {READ, 30, 90, RAISED, W, 75},
          {READ, 49, 90, NOTHING, 0, 0},
          {READ, 50, 90, ESCALATED, C, 85}}},
        {"time alone matures it when readings are rare",
         level_rule(75, NONE, 0, 30),
         {{READ, 0, 80, NOTHING, 0, 0},
          {TICK, 29, 0, NOTHING, 0, 0},
          {TICK, 30, 0, RAISED, W, 75},
          {TICK, 60, 0, NOTHING, 0, 0},
          {READ, 600, 80, NOTHING, 0, 0},
          {READ, 601, 70, CLEARED, W, 75}}},
        {"bad readings do not interrupt what is held",
         level_rule(75, NONE, 0, 10),
         {{READ, 0, 80, NOTHING, 0, 0}, {BAD, 5, 0, NOTHING, 0, 0}, {READ, 10, 80, RAISED, W, 75}}},
        {"a tick without anything held is silent",
         level_rule(75, NONE, 0, 10),
         {{TICK, 100, 0, NOTHING, 0, 0},
          {READ, 101, 10, NOTHING, 0, 0},
          {TICK, 999, 0, NOTHING, 0, 0}}},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(traces) / sizeof(traces[0]); i++)
        play(traces[i].name, &traces[i].rule, traces[i].steps);
}

static void rates(void **unused)
{
    const struct {
        const char *name;
        struct rule_config rule;
        struct step steps[MAX_STEPS];
    } traces[] = {
        {"either way counts, scaled to `per`",
         rate_rule(5, NONE, 1, 0),
         {{READ, 0, 100, NOTHING, 0, 0}, /* nothing to compare with */
          {READ, 2, 109, NOTHING, 0, 0}, /* 4.5 a second */
          {READ, 4, 120, RAISED, W, 5},
          {READ, 6, 119, CLEARED, W, 5},
          {READ, 7, 110, RAISED, W, 5}}},
        {"per minute",
         rate_rule(6, 12, 60, 0),
         {{READ, 0, 0, NOTHING, 0, 0},
          {READ, 30, 3, NOTHING, 0, 0}, /* exactly 6 a minute */
          {READ, 60, 6.5, RAISED, W, 6},
          {READ, 90, 13, ESCALATED, C, 12},
          {READ, 120, 13, CLEARED, C, 12}}},
        {"equal or backward times give no rate",
         rate_rule(5, NONE, 1, 0),
         {{READ, 10, 0, NOTHING, 0, 0},
          {READ, 10, 1000, NOTHING, 0, 0},
          {READ, 9, 0, NOTHING, 0, 0},
          {READ, 10, 4, NOTHING, 0, 0},
          {READ, 11, 10, RAISED, W, 5}}},
        {"bad readings are skipped, the gap counts as time",
         rate_rule(5, NONE, 1, 0),
         {{READ, 0, 0, NOTHING, 0, 0}, {BAD, 1, 0, NOTHING, 0, 0}, {READ, 10, 40, NOTHING, 0, 0}}},
        {"time alone says nothing of a rate",
         rate_rule(5, NONE, 1, 10),
         {{READ, 0, 0, NOTHING, 0, 0},
          {READ, 1, 100, NOTHING, 0, 0},
          {TICK, 60, 0, NOTHING, 0, 0}}},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(traces) / sizeof(traces[0]); i++)
        play(traces[i].name, &traces[i].rule, traces[i].steps);
}

static void silence(void **unused)
{
    const struct {
        const char *name;
        struct rule_config rule;
        struct step steps[MAX_STEPS];
    } traces[] = {
        {"went silent, once, and came back",
         stale_rule(60, W),
         {{READ, 1, 5, NOTHING, 0, 0},
          {TICK, 60.9, 0, NOTHING, 0, 0},
          {TICK, 61, 0, RAISED, W, 60},
          {TICK, 600, 0, NOTHING, 0, 0},
          {READ, 601, 5, CLEARED, W, 60},
          {TICK, 660, 0, NOTHING, 0, 0}}},
        {"never seen counts from the start of the watch",
         stale_rule(60, C),
         {{TICK, 59, 0, NOTHING, 0, 0}, {TICK, 60, 0, RAISED, C, 60}}},
        {"bad readings are no sign of life",
         stale_rule(10, W),
         {{READ, 0, 1, NOTHING, 0, 0},
          {BAD, 5, 0, NOTHING, 0, 0},
          {TICK, 10, 0, RAISED, W, 10},
          {BAD, 11, 0, NOTHING, 0, 0},
          {READ, 12, 1, CLEARED, W, 10}}},
        {"nor are retained messages",
         stale_rule(10, W),
         {{READ, 0, 1, NOTHING, 0, 0},
          {RETAINED, 5, 1, NOTHING, 0, 0},
          {TICK, 10, 0, RAISED, W, 10}}},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(traces) / sizeof(traces[0]); i++)
        play(traces[i].name, &traces[i].rule, traces[i].steps);
}

static void since_is_the_raise_and_survives_escalation(void **unused)
{
    struct rule_config rule = level_rule(75, 85, 0, 0);
    struct rule_state state = {0};
    struct rule_event event;
    struct step first = {READ, 3, 80, 0, 0, 0}, second = {READ, 9, 90, 0, 0, 0};

    (void)unused;
    assert_true(do_step(&rule, &state, &first, &event));
    assert_true(do_step(&rule, &state, &second, &event));
    assert_int_equal(state.since_us, 3000000);
    assert_true(event.value == 90.0);
}

static void a_restored_excursion_is_not_raised_again(void **unused)
{
    struct rule_config rule = level_rule(75, NONE, 2, 0);
    struct rule_state state = {.severity = W, .alert_id = 7, .limit = 75, .since_us = 1};
    struct rule_event event;
    struct step still = {READ, 3, 80, 0, 0, 0}, over = {READ, 9, 60, 0, 0, 0};

    (void)unused;
    assert_false(do_step(&rule, &state, &still, &event));
    assert_true(do_step(&rule, &state, &over, &event));
    assert_int_equal(event.state, ALERT_CLEARED);
    assert_true(event.limit == 75.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(high_limits),
        cmocka_unit_test(low_limits),
        cmocka_unit_test(a_band_has_two_ways_out),
        cmocka_unit_test(held_for_a_time),
        cmocka_unit_test(rates),
        cmocka_unit_test(silence),
        cmocka_unit_test(since_is_the_raise_and_survives_escalation),
        cmocka_unit_test(a_restored_excursion_is_not_raised_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
