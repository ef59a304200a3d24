/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/clock.h"
#include "gateway/core/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

static char seen[64][8192];
static int lines;

static void remember(void *arg, enum log_level level, const char *line)
{
    (void)arg;
    (void)level;
    snprintf(seen[lines++ % 64], sizeof(seen[0]), "%s", line);
}

static int setup(void **state)
{
    (void)state;
    lines = 0;
    clock_fake(1000 * US_PER_SECOND, INT64_C(1700000000) * US_PER_SECOND);
    log_set_sink(remember, NULL);
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    clock_fake_stop();
    return 0;
}

static void text_has_time_level_and_message(void **state)
{
    (void)state;
    log_warning("bus %s is mute", "rs485");
    assert_int_equal(lines, 1);
    assert_string_equal(seen[0], "2023-11-14T22:13:20.000Z warning bus rs485 is mute\n");
}

static void json_is_one_escaped_object(void **state)
{
    (void)state;
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_error("say \"hi\" \\ \n%s", "\xff°");
    assert_non_null(strstr(seen[0], "\"level\":\"error\""));
    assert_non_null(
        strstr(seen[0], "\"message\":\"say \\\"hi\\\" \\\\ \\u000a\\ufffd\xc2\xb0\"}\n"));
}

static void journal_lines_carry_a_priority(void **state)
{
    (void)state;
    log_configure(LOG_LEVEL_DEBUG, LOG_FORMAT_JOURNAL);
    log_error("a");
    log_warning("b");
    log_info("c");
    log_debug("d");
    assert_string_equal(seen[0], "<3>a\n");
    assert_string_equal(seen[1], "<4>b\n");
    assert_string_equal(seen[2], "<6>c\n");
    assert_string_equal(seen[3], "<7>d\n");
}

static void a_device_cannot_forge_a_line_or_drive_the_terminal(void **state)
{
    (void)state;
    log_info("got %s", "x\n2023 error fake\x1b[2J");
    assert_int_equal(lines, 1);
    assert_non_null(strstr(seen[0], "x\\x0a2023 error fake\\x1b[2J\n"));
}

static void levels_below_the_chosen_one_are_silent(void **state)
{
    (void)state;
    log_configure(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT);
    log_info("nothing");
    log_debug("nothing");
    assert_int_equal(lines, 0);
}

static void repeated_message(int n)
{
    for (int i = 0; i < n; i++)
        log_info("again");
}

static void repetition_is_limited_and_counted(void **state)
{
    (void)state;
    repeated_message(LOG_BURST + 25);
    assert_int_equal(lines, LOG_BURST);
    clock_fake_advance(LOG_PERIOD_S * US_PER_SECOND);
    repeated_message(1);
    assert_int_equal(lines, LOG_BURST + 1);
    assert_non_null(strstr(seen[LOG_BURST], "again (25 more like this were left out)\n"));
}

static void another_place_is_not_limited_by_the_first(void **state)
{
    (void)state;
    repeated_message(LOG_BURST + 5);
    int before = lines;
    log_info("another");
    assert_int_equal(lines, before + 1);
}

static void a_closed_descriptor_is_harmless_and_errno_survives(void **state)
{
    int fds[2];

    (void)state;
    log_set_sink(NULL, NULL);
    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    close(fds[1]);
    log_to_fd(fds[1]);
    errno = ENOENT;
    log_error("nobody hears this");
    assert_int_equal(errno, ENOENT);
    log_to_fd(STDERR_FILENO);
}

static void recent_lines_are_text_whatever_the_format(void **state)
{
    (void)state;
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_info("the newest line");
    char *text = log_recent();
    assert_non_null(text);
    assert_non_null(strstr(text, "2023-11-14T22:13:20.000Z info    the newest line\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(text_has_time_level_and_message, setup, teardown),
        cmocka_unit_test_setup_teardown(json_is_one_escaped_object, setup, teardown),
        cmocka_unit_test_setup_teardown(journal_lines_carry_a_priority, setup, teardown),
        cmocka_unit_test_setup_teardown(a_device_cannot_forge_a_line_or_drive_the_terminal, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(levels_below_the_chosen_one_are_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(repetition_is_limited_and_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(another_place_is_not_limited_by_the_first, setup, teardown),
        cmocka_unit_test_setup_teardown(recent_lines_are_text_whatever_the_format, setup, teardown),
        cmocka_unit_test_setup_teardown(a_closed_descriptor_is_harmless_and_errno_survives, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
