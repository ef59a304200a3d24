/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

static void the_last_of_each_sensor_is_kept(void **state)
{
    (void)state;
    struct live *l;
    struct reading r;
    const struct reading batch[] = {{.sensor = 0, .value = 1, .time_us = 10},
                                    {.sensor = 2, .value = 2, .time_us = 10},
                                    {.sensor = 0, .value = 3, .time_us = 20},
                                    {.sensor = 99, .value = 4, .time_us = 20}};

    assert_int_equal(live_create(&l, 3), GW_OK);
    assert_false(live_get(l, 0, &r));
    live_update(l, batch, 4); /* 99 has no room, and does no harm */
    assert_true(live_get(l, 0, &r));
    assert_true(r.value == 3);
    assert_true(live_get(l, 2, &r));
    assert_true(r.value == 2);
    assert_false(live_get(l, 1, &r));
    assert_false(live_get(l, 99, &r));
    live_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_of_each_sensor_is_kept),
    };
    return cmocka_run_group_tests_name("gateway/live", tests, NULL, NULL);
}
