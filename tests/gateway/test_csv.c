/* SPDX-License-Identifier: Apache-2.0 */
/* What commands write to files: cells of CSV, and files that appear when they are complete. */
#include "gateway/cli/csv.h"
#include "gateway/cli/outfile.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

static void cells_are_quoted_and_never_formulas(void **state)
{
    static const struct {
        const char *text, *cell;
    } cases[] = {
        {"boiler/flow", "boiler/flow"},
        {"", ""},
        {"°C", "°C"},
        {"a,b", "\"a,b\""},
        {"say \"no\"", "\"say \"\"no\"\"\""},
        {"two\nlines", "\"two\nlines\""},
        {"=1+1", "'=1+1"},
        {"+1", "'+1"},
        {"-1", "'-1"},
        {"@SUM(A1)", "'@SUM(A1)"},
        {"\tx", "'\tx"},
        {"\rx", "\"'\rx\""},
        {"=HYPERLINK(\"x\",1)", "\"'=HYPERLINK(\"\"x\"\",1)\""},
        {"a=b", "a=b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text;
        size_t size;
        struct csv c = {.file = open_memstream(&text, &size)};
        csv_text(&c, cases[i].text);
        fclose(c.file);
        if (strcmp(text, cases[i].cell) != 0)
            fail_msg("%s: %s", cases[i].text, text);
        free(text);
    }
}

static void lines_end_as_the_standard_says(void **state)
{
    char *text;
    size_t size;
    struct csv c = {.file = open_memstream(&text, &size)};

    (void)state;
    csv_plain(&c, "time");
    csv_number(&c, -0.1);
    csv_number(&c, (double)NAN);
    csv_integer(&c, -9007199254740993);
    csv_end(&c);
    csv_text(&c, "x");
    csv_end(&c);
    fclose(c.file);
    assert_string_equal(text, "time,-0.1,,-9007199254740993\r\nx\r\n");
    free(text);
}

static char folder[64], path[96];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/sensorgw-out-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/out", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder); /* fails when anything else was left */
}

static const char *content(void)
{
    static char text[64];
    FILE *f = fopen(path, "r");

    assert_non_null(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void a_file_appears_when_it_is_complete(void **state)
{
    struct outfile o;

    (void)state;
    assert_true(outfile_open(&o, path, false, "/nowhere"));
    fputs("first", o.file);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_true(outfile_finish(&o));
    assert_string_equal(content(), "first");
    assert_false(outfile_open(&o, path, false, "/nowhere"));
    assert_true(outfile_open(&o, path, true, "/nowhere"));
    fputs("second", o.file);
    assert_string_equal(content(), "first");
    assert_true(outfile_finish(&o));
    assert_string_equal(content(), "second");
}

static void nothing_is_left_of_what_failed(void **state)
{
    struct outfile o;

    (void)state;
    assert_true(outfile_open(&o, path, false, "/nowhere"));
    fputs("half", o.file);
    outfile_discard(&o);
    assert_int_not_equal(access(path, F_OK), 0);
    /* Somebody else was faster: theirs stays. */
    assert_true(outfile_open(&o, path, false, "/nowhere"));
    FILE *other = fopen(path, "w");
    assert_non_null(other);
    fputs("theirs", other);
    fclose(other);
    assert_false(outfile_finish(&o));
    assert_string_equal(content(), "theirs");
}

static void folders_and_the_database_are_no_target(void **state)
{
    struct outfile o;
    FILE *database = fopen(path, "w");

    (void)state;
    assert_non_null(database);
    fclose(database);
    assert_false(outfile_open(&o, folder, true, "/nowhere"));
    assert_false(outfile_open(&o, path, true, path));
    assert_false(outfile_open(&o, "/nowhere/at/all", false, path));
    assert_true(outfile_open(&o, "/dev/null", false, path));
    fputs("x", o.file);
    assert_true(outfile_finish(&o));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_quoted_and_never_formulas),
        cmocka_unit_test(lines_end_as_the_standard_says),
        T(a_file_appears_when_it_is_complete),
        T(nothing_is_left_of_what_failed),
        T(folders_and_the_database_are_no_target),
    };
    return cmocka_run_group_tests_name("gateway/csv", tests, NULL, NULL);
}
