/* SPDX-License-Identifier: Apache-2.0 */
/* What the subcommands share: times, numbers, options, tables and charts. */
#include "gateway/cli/cli.h"
#include "gateway/cli/plot.h"
#include "gateway/cli/table.h"
#include "gateway/core/clock.h"

#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define NOW (INT64_C(1790000000) * US_PER_SECOND)
#define T2026 (INT64_C(1767225600) * US_PER_SECOND) /* 2026-01-01T00:00:00Z */

static void times_are_ages_or_dates(void **state)
{
    static const struct {
        const char *text;
        int64_t expect; /* 0: refused */
    } cases[] = {
        {"now", NOW},
        {"24h", NOW - 24 * US_PER_HOUR},
        {"7d", NOW - 7 * US_PER_DAY},
        {"90s", NOW - 90 * US_PER_SECOND},
        {"2026-01-01", T2026},
        {"2026-01-01 12:30", T2026 + 750 * US_PER_MINUTE},
        {"2026-01-01T12:30:05", T2026 + 750 * US_PER_MINUTE + 5 * US_PER_SECOND},
        {"2026-01-01T00:00:00Z", T2026},
        {"2026-01-01T00:00:00.250Z", T2026 + 250 * US_PER_MS},
        {"yesterday", 0},
        {"2026-13-01", 0},
        {"2026-02-30", 0},
        {"2026-04-31T12:00:00Z", 0},
        {"2026-01-01T00:00:00+01:00", T2026 - US_PER_HOUR},
        {"2025-12-31T18:30:00.5-05:30", T2026 + US_PER_SECOND / 2},
        {"2026-01-01T00:00:00+01", 0},
        {"2026-01-01T00:00:00+25:00", 0},
        {"2026-01-01T00:00:00 01:00", 0},
        {"2026-01-01T00:00:00+01:00x", 0},
        {"", 0},
        {"24", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t got = 0;
        bool ok = cli_parse_time(cases[i].text, NOW, &got);
        if (ok != (cases[i].expect != 0) || got != cases[i].expect)
            fail_msg("%s: %lld", cases[i].text, (long long)got);
    }
}

static void numbers_are_short_and_exact(void **state)
{
    static const struct {
        double value;
        const char *expect;
    } cases[] = {{21.5, "21.5"},    {0.1, "0.1"},
                 {1e300, "1e+300"}, {123456789, "123456789"},
                 {-0.3, "-0.3"},    {1.0 / 3, "0.3333333333333333"},
                 {0, "0"},          {65535, "65535"}};
    char buf[CLI_NUMBER_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(cli_number(cases[i].value, buf), cases[i].expect);
    assert_string_equal(cli_rounded(209 * 0.1, buf), "20.9");
}

static void ages_take_the_unit_that_reads_best(void **state)
{
    char buf[CLI_NUMBER_SIZE];

    (void)state;
    assert_string_equal(cli_age(3 * US_PER_SECOND, buf), "3 s");
    assert_string_equal(cli_age(119 * US_PER_SECOND, buf), "119 s");
    assert_string_equal(cli_age(5 * US_PER_MINUTE, buf), "5 min");
    assert_string_equal(cli_age(3 * US_PER_HOUR, buf), "3 h");
    assert_string_equal(cli_age(9 * US_PER_DAY, buf), "9 d");
}

static void options_may_stand_anywhere(void **state)
{
    static const struct cli_option options[] = {{"every", 'e', true}, {"json", 'j', false}, {0}};
    char words[][12] = {"history", "boiler/flow", "--every=5m", "-c", "x.yaml", "-j"};
    char *argv[] = {words[0], words[1], words[2], words[3], words[4], words[5], NULL};
    struct cli cli = {0};
    struct cli_parser p = {&cli, &cli_command_history, options, 6, argv, 0, 0};

    (void)state;
    optind = 0;
    assert_int_equal(cli_next(&p), 'e');
    assert_string_equal(cli_argument(), "5m");
    assert_int_equal(cli_next(&p), 'j');
    assert_int_equal(cli_next(&p), CLI_END);
    assert_string_equal(cli.config, "x.yaml");
    assert_string_equal(argv[p.first], "boiler/flow");
}

static void every_command_has_a_summary_and_help(void **state)
{
    (void)state;
    for (size_t i = 0; cli_commands[i]; i++) {
        assert_non_null(cli_commands[i]->run);
        assert_true(strlen(cli_commands[i]->summary) > 10);
        assert_non_null(cli_commands[i]->help);
    }
}

static char *printed;
static size_t printed_size;

static void a_table_is_as_wide_as_its_widest_cell(void **state)
{
    static const char *const titles[] = {"sensor", ">value", NULL};
    struct table *t = table_create(titles);
    FILE *f = open_memstream(&printed, &printed_size);

    (void)state;
    table_add(t, (const char *const[]){"boiler/flöw", "7"});
    table_add(t, (const char *const[]){"x", "1234567"});
    assert_int_equal(table_rows(t), 2);
    table_print(t, f);
    fclose(f);
    assert_non_null(strstr(printed, "boiler/flöw        7\n"));
    assert_non_null(strstr(printed, "x            1234567\n"));
    free(printed);
    table_destroy(t);
}

static void a_chart_shows_its_range_or_says_that_it_is_empty(void **state)
{
    struct plot *p;

    (void)state;
    assert_int_equal(plot_create(&p, 40, 8, 0, 100 * US_PER_SECOND), GW_OK);
    FILE *f = open_memstream(&printed, &printed_size);
    plot_print(p, "t", f);
    fclose(f);
    assert_null(strstr(printed, "nan"));
    size_t empty = strlen(printed);
    free(printed);
    for (int i = 0; i < 100; i++)
        plot_add(p, i * US_PER_SECOND, 20 + i, 20 + i);
    f = open_memstream(&printed, &printed_size);
    plot_print(p, "boiler/flow", f);
    fclose(f);
    assert_true(strlen(printed) > empty);
    assert_non_null(strstr(printed, "boiler/flow"));
    assert_non_null(strstr(printed, "119"));
    assert_non_null(strstr(printed, "20"));
    assert_non_null(strstr(printed, "\xe2\xa0")); /* Braille */
    free(printed);
    plot_destroy(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_ages_or_dates),
        cmocka_unit_test(numbers_are_short_and_exact),
        cmocka_unit_test(ages_take_the_unit_that_reads_best),
        cmocka_unit_test(options_may_stand_anywhere),
        cmocka_unit_test(every_command_has_a_summary_and_help),
        cmocka_unit_test(a_table_is_as_wide_as_its_widest_cell),
        cmocka_unit_test(a_chart_shows_its_range_or_says_that_it_is_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
