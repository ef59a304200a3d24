/* SPDX-License-Identifier: Apache-2.0 */
/* What subscribers are told: stories of one or two alerts of a rule, in seconds. */
#include "gateway/core/clock.h"
#include "gateway/notice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define S US_PER_SECOND

enum what { END, HAPPENS, SHELVE, UNSHELVE, ACKNOWLEDGE, TICK, TELL, OVER };

struct step {
    enum what what;
    int alert;  /* which of two */
    int at;     /* s */
    int state;  /* HAPPENS: enum alert_state; SHELVE: until, s; TICK: is it active? */
    int expect; /* enum alert_withheld, enum notice_due, or how many were withheld */
};

#define TOLD ALERT_TOLD
#define SHELVED ALERT_WITHHELD_SHELVED
#define LIMITED ALERT_WITHHELD_LIMITED

struct story {
    const char *name;
    struct rule_config rule;
    struct step steps[20];
};

static const struct story stories[] = {
    {"without a shelf or a limit all is told",
     {.max_per_us = 600 * S},
     {{HAPPENS, 0, 1, ALERT_RAISED, TOLD},
      {HAPPENS, 0, 2, ALERT_ESCALATED, TOLD},
      {TICK, 0, 9999, 1, NOTICE_NOTHING},
      {HAPPENS, 0, 9999, ALERT_CLEARED, TOLD}}},
    {"what is shelved is told when the shelf is over",
     {.max_per_us = 600 * S},
     {{SHELVE, 0, 0, 100, 0},
      {HAPPENS, 0, 1, ALERT_RAISED, SHELVED},
      {TICK, 0, 99, 1, NOTICE_NOTHING},
      {TICK, 0, 100, 1, NOTICE_UNSHELVE},
      {TELL, 0, 100, 0, TOLD},
      {TICK, 0, 101, 1, NOTICE_NOTHING},
      {HAPPENS, 0, 102, ALERT_CLEARED, TOLD}}},
    {"of an alert that came and went on the shelf nobody hears",
     {.max_per_us = 600 * S},
     {{SHELVE, 0, 0, 100, 0},
      {HAPPENS, 0, 1, ALERT_RAISED, SHELVED},
      {HAPPENS, 0, 2, ALERT_ESCALATED, SHELVED},
      {HAPPENS, 0, 3, ALERT_CLEARED, SHELVED},
      {TICK, 0, 100, 0, NOTICE_UNSHELVE},
      {TICK, 0, 101, 0, NOTICE_NOTHING}}},
    {"the end of an alert that was told before it was shelved is told",
     {.max_per_us = 600 * S},
     {{HAPPENS, 0, 1, ALERT_RAISED, TOLD},
      {SHELVE, 0, 2, 100, 0},
      {HAPPENS, 0, 3, ALERT_ESCALATED, SHELVED},
      {HAPPENS, 0, 4, ALERT_CLEARED, TOLD},
      {HAPPENS, 0, 5, ALERT_RAISED, SHELVED}}},
    {"a shelf can be ended early",
     {.max_per_us = 600 * S},
     {{SHELVE, 0, 0, 100, 0},
      {HAPPENS, 0, 1, ALERT_RAISED, SHELVED},
      {UNSHELVE, 0, 5, 0, 0},
      {TICK, 0, 5, 1, NOTICE_UNSHELVE},
      {TELL, 0, 5, 0, TOLD}}},
    {"reminders come each time that repeat is over, until somebody acknowledges",
     {.repeat_us = 60 * S, .max_per_us = 600 * S},
     {{HAPPENS, 0, 0, ALERT_RAISED, TOLD},
      {TICK, 0, 59, 1, NOTICE_NOTHING},
      {TICK, 0, 60, 1, NOTICE_REMIND},
      {TICK, 0, 61, 1, NOTICE_NOTHING},
      {TICK, 0, 120, 1, NOTICE_REMIND},
      {ACKNOWLEDGE, 0, 121, 0, 0},
      {TICK, 0, 500, 1, NOTICE_NOTHING},
      {HAPPENS, 0, 501, ALERT_ESCALATED, TOLD},
      {TICK, 0, 560, 1, NOTICE_NOTHING},
      {TICK, 0, 561, 1, NOTICE_REMIND},
      {HAPPENS, 0, 562, ALERT_CLEARED, TOLD},
      {TICK, 0, 999, 0, NOTICE_NOTHING}}},
    {"a shelf keeps reminders back",
     {.repeat_us = 60 * S, .max_per_us = 600 * S},
     {{HAPPENS, 0, 0, ALERT_RAISED, TOLD},
      {SHELVE, 0, 10, 200, 0},
      {TICK, 0, 61, 1, NOTICE_NOTHING},
      {TICK, 0, 200, 1, NOTICE_UNSHELVE},
      {TELL, 0, 200, 0, TOLD},
      {TICK, 0, 259, 1, NOTICE_NOTHING},
      {TICK, 0, 260, 1, NOTICE_REMIND}}},
    {"more raises than max_raises wait for the next max_per, after the summary",
     {.max_raises = 1, .max_per_us = 60 * S},
     {{HAPPENS, 0, 10, ALERT_RAISED, TOLD},
      {HAPPENS, 1, 11, ALERT_RAISED, LIMITED},
      {HAPPENS, 0, 12, ALERT_ESCALATED, TOLD},
      {HAPPENS, 1, 13, ALERT_ESCALATED, LIMITED},
      {TICK, 1, 14, 1, NOTICE_NOTHING},
      {OVER, 0, 69, 0, 0},
      {TICK, 1, 70, 1, NOTICE_NOTHING},
      {OVER, 0, 70, 0, 2},
      {OVER, 0, 71, 0, 0},
      {TICK, 1, 71, 1, NOTICE_TELL},
      {TELL, 1, 71, 0, TOLD},
      {HAPPENS, 1, 72, ALERT_CLEARED, TOLD},
      {HAPPENS, 0, 73, ALERT_CLEARED, TOLD},
      {HAPPENS, 0, 74, ALERT_RAISED, LIMITED}}},
    {"an alert that the limit withheld and that is over is told to nobody",
     {.max_raises = 1, .max_per_us = 60 * S},
     {{HAPPENS, 0, 10, ALERT_RAISED, TOLD},
      {HAPPENS, 1, 11, ALERT_RAISED, LIMITED},
      {HAPPENS, 1, 12, ALERT_CLEARED, LIMITED},
      {TICK, 1, 13, 0, NOTICE_NOTHING},
      {OVER, 0, 70, 0, 1}}},
    {"few raises never meet the limit",
     {.max_raises = 1, .max_per_us = 60 * S},
     {{HAPPENS, 0, 10, ALERT_RAISED, TOLD},
      {HAPPENS, 0, 20, ALERT_CLEARED, TOLD},
      {HAPPENS, 0, 70, ALERT_RAISED, TOLD},
      {OVER, 0, 500, 0, 0}}},
};

static int do_step(const struct story *story, struct notice *n, struct notice_limit *limit,
                   const struct step *step)
{
    int64_t now = step->at * S;

    switch (step->what) {
    case HAPPENS:
        return (int)notice_judge(n, &story->rule, limit, (enum alert_state)step->state, now);
    case SHELVE:
        n->shelf_end_us = step->state * S;
        return 0;
    case UNSHELVE:
        n->shelf_end_us = now;
        return 0;
    case ACKNOWLEDGE:
        n->acknowledged = true;
        return 0;
    case TICK:
        return (int)notice_tick(n, &story->rule, limit, step->state != 0, now);
    case TELL:
        return (int)notice_tell(n, &story->rule, limit, now);
    case OVER:
        return (int)notice_limit_over(limit, &story->rule, now);
    case END:
        break;
    }
    return -1;
}

static void stories_are_told_as_they_should_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
        struct notice notices[2] = {{0}, {0}};
        struct notice_limit limit = {0};
        for (const struct step *s = stories[i].steps; s->what != END; s++) {
            int got = do_step(&stories[i], &notices[s->alert], &limit, s);
            if (got != s->expect)
                fail_msg("%s: at %d s: %d instead of %d", stories[i].name, s->at, got, s->expect);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stories_are_told_as_they_should_be)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
