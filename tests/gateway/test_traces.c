/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of readings and people in traces/, with the transitions that they must give, exactly
 * these and in this order; traces/README.md says how they are written. The clock is a fake one, the
 * configuration, the alert book and (over a restart) the database are the real ones. */
#include "config/config.h"
#include "drivers/driver.h"
#include "gateway/alert.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/replay.h"
#include "storage/store.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define START_US INT64_C(1767225600000000) /* 2026-01-01T00:00:00Z */
#define TEXT_MAX 16384

struct story {
    const char *file;
    char name[200], rules[4096];
    char input[TEXT_MAX], expected[TEXT_MAX], got[TEXT_MAX];
};

struct run {
    struct story *t;
    struct config *config;
    struct replay *replay;
    struct store *store; /* NULL: the trace has no restart */
    struct store_options options;
    char path[64];
};

static void append(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(char *text, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;

    va_start(args, format);
    vsnprintf(text + used, TEXT_MAX - used, format, args);
    va_end(args);
    assert_true(strlen(text) < TEXT_MAX - 1);
}

/* --- what comes out --- */

static const char *number(double value, char buf[32])
{
    snprintf(buf, 32, isnan(value) ? "-" : "%g", value);
    return buf;
}

static void store_change(struct run *r, const struct alert_change *change)
{
    struct alert_change copy = *change;
    struct record record = {.changes = &copy};
    uint64_t duplicates;

    copy.next = NULL;
    if (r->store)
        assert_int_equal(store_append(r->store, &record, 1, &duplicates), GW_OK);
}

static void on_change(void *arg, const struct sensor *s, const struct alert_change *c)
{
    struct run *r = arg;
    char value[32], limit[32], time[32];
    char *got = r->t->got;

    store_change(r, c);
    if (c->alert_id == 0)
        return;
    append(got, "%s %s %s %s %s %s %s %s", number((double)(c->time_us - START_US) / 1e6, time),
           alert_state_name(c->state), severity_name(c->severity), s->name, c->rule,
           c->state == ALERT_LIMITED ? "-" : alert_reason_name(c->reason), number(c->value, value),
           number(c->limit, limit));
    if (c->withheld)
        append(got, " withheld:%s", alert_withheld_name(c->withheld));
    if (c->repeat)
        append(got, " repeat:%u", c->repeat);
    if (c->who[0])
        append(got, " by:%s", c->who);
    append(got, "\n");
}

/* --- the world of a trace --- */

static void make_config(struct run *r)
{
    char text[8192];
    struct config_errors errors = {0};
    size_t drivers;
    const struct driver_schema *const *schemas = driver_schemas(&drivers);

    snprintf(text, sizeof(text),
             "sources:\n"
             "  - {name: d, driver: file, sensors: [{name: t, path: /x}, {name: u, path: /x},"
             " {name: v, path: /x}]}\n"
             "  - {name: e, driver: file, sensors: [{name: t, path: /x}]}\n"
             "rules:\n%s",
             r->t->rules);
    enum gw_err err =
        config_parse("trace", text, strlen(text), schemas, drivers, &r->config, &errors);
    if (err != GW_OK)
        config_errors_print(&errors, r->t->name, stderr);
    config_errors_free(&errors);
    assert_int_equal(err, GW_OK);
}

static void open_store(struct run *r)
{
    static const char *const sources[] = {"d", "e"};

    r->options = (struct store_options){
        .path = r->path, .sensors = replay_sensors(r->replay), .sources = sources};
    assert_int_equal(store_open(&r->store, &r->options), GW_OK);
}

static void restore(void *arg, const struct alert_change *change, const char *sensor)
{
    struct run *r = arg;

    assert_int_equal(alert_book_restore(replay_book(r->replay), change, sensor,
                                        replay_mono_us(r->replay), replay_wall_us(r->replay)),
                     GW_OK);
}

static void note_seen(void *arg, uint32_t sensor)
{
    struct run *r = arg;

    alert_book_seen(replay_book(r->replay), sensor);
}

static void restart(struct run *r)
{
    store_close(r->store);
    open_store(r);
    assert_int_equal(replay_restart(r->replay, store_next_alert_id(r->store)), GW_OK);
    assert_int_equal(store_active_alerts(r->store, restore, r), GW_OK);
    assert_int_equal(store_shelves(r->store, restore, r), GW_OK);
    assert_int_equal(store_seen_sensors(r->store, note_seen, r), GW_OK);
}

/* --- what goes in --- */

static void do_reading(struct run *r, int64_t time_us, const char *sensor, const char *value)
{
    struct reading reading = {.time_us = time_us, .value = (double)NAN};
    uint64_t duplicates;

    if (strncmp(value, "retained:", 9) == 0) {
        reading.flags = READING_RETAINED;
        value += 9;
    }
    if (strcmp(value, "bad") == 0)
        reading.quality = QUALITY_TIMEOUT;
    else
        reading.value = strtod(value, NULL);
    assert_int_equal(replay_reading(r->replay, sensor, "", &reading), GW_OK);
    struct record record = {.reading = reading, .has_reading = true};
    if (r->store && !(reading.flags & READING_RETAINED))
        assert_int_equal(store_append(r->store, &record, 1, &duplicates), GW_OK);
}

static void do_command(struct run *r, enum alert_verb verb, char *const *words)
{
    const struct alert_command c = {.verb = verb,
                                    .sensor = words[2],
                                    .rule = words[3],
                                    .shelve_us = words[4] ? (int64_t)(atof(words[4]) * 1e6) : 0,
                                    .who = "ann"};
    char why[ORDER_WHY_SIZE];

    if (alert_book_command(replay_book(r->replay), &c, 0, why) != GW_OK)
        append(r->t->got, "refused: %s\n", why);
}

static void do_line(struct run *r, char *line)
{
    char *words[6] = {NULL}, *rest = line;
    size_t n = 0;

    while (rest && n < 5) {
        words[n] = strsep(&rest, " ");
        n += *words[n] != '\0';
    }
    words[n] = NULL;
    int64_t time_us = START_US + (int64_t)(atof(words[0]) * 1e6);
    const char *what = words[1];
    if (strchr(what, '/')) {
        do_reading(r, time_us, what, words[2]);
        return;
    }
    replay_until(r->replay, time_us);
    if (strcmp(what, "ack") == 0)
        do_command(r, ALERT_ACKNOWLEDGE, words);
    else if (strcmp(what, "shelve") == 0)
        do_command(r, ALERT_SHELVE, words);
    else if (strcmp(what, "unshelve") == 0)
        do_command(r, ALERT_UNSHELVE, words);
    else if (strcmp(what, "restart") == 0)
        restart(r);
    else if (strcmp(what, "step") == 0)
        replay_step(r->replay, (int64_t)(atof(words[2]) * 1e6));
    else if (strcmp(what, "wait") != 0)
        fail_msg("%s: what is '%s'?", r->t->name, what);
    if (strcmp(what, "ack") == 0 || strstr(what, "shelve"))
        replay_until(r->replay, time_us); /* the worker comes by */
}

static void remove_files(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
    char name[96];

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", path, endings[i]);
        unlink(name);
    }
}

static bool play(struct story *t)
{
    struct run r = {.t = t};
    char *rest = t->input;

    snprintf(r.path, sizeof(r.path), "/tmp/sensorgw-trace-%d.db", (int)getpid());
    remove_files(r.path);
    make_config(&r);
    assert_int_equal(replay_create(&r.replay, r.config, on_change, &r), GW_OK);
    if (strstr(t->input, " restart"))
        open_store(&r);
    while (rest && *rest)
        do_line(&r, strsep(&rest, "\n"));
    replay_until(r.replay, replay_wall_us(r.replay));
    store_close(r.store);
    replay_destroy(r.replay);
    config_free(r.config);
    remove_files(r.path);
    bool same = strcmp(t->got, t->expected) == 0;
    if (!same)
        print_error("%s: %s\n--- expected\n%s--- got\n%s", t->file, t->name, t->expected, t->got);
    return same;
}

/* --- files --- */

static void add_line(struct story *t, const char *line)
{
    if (line[0] == '>' && line[1] == ' ')
        append(t->expected, "%s", line + 2);
    else if (line[0] == '{')
        snprintf(t->rules + strlen(t->rules), sizeof(t->rules) - strlen(t->rules), "  - %s", line);
    else if (line[0] != '#' && line[0] != '\n')
        append(t->input, "%s", line);
}

struct totals {
    int traces, wrong;
};

static void finish(struct story *t, struct totals *totals)
{
    if (t->name[0]) {
        totals->traces++;
        totals->wrong += !play(t);
    }
    const char *file = t->file;
    memset(t, 0, sizeof(*t));
    t->file = file;
}

static void play_file(const char *name, struct totals *totals)
{
    static struct story t;
    char path[512], line[1024];

    snprintf(path, sizeof(path), "%s/tests/gateway/traces/%s", PROJECT_SOURCE, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    memset(&t, 0, sizeof(t));
    t.file = name;
    while (fgets(line, sizeof(line), f)) {
        if (strncmp(line, "=== ", 4) == 0) {
            finish(&t, totals);
            snprintf(t.name, sizeof(t.name), "%.*s", (int)strcspn(line + 4, "\n"), line + 4);
        } else {
            add_line(&t, line);
        }
    }
    finish(&t, totals);
    fclose(f);
}

static void traces_give_exactly_their_transitions(void **state)
{
    struct totals totals = {0};
    DIR *folder = opendir(PROJECT_SOURCE "/tests/gateway/traces");
    const struct dirent *entry;

    (void)state;
    assert_non_null(folder);
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    while ((entry = readdir(folder))) {
        size_t length = strlen(entry->d_name);
        if (length > 6 && strcmp(entry->d_name + length - 6, ".trace") == 0)
            play_file(entry->d_name, &totals);
    }
    closedir(folder);
    print_message("%d traces\n", totals.traces);
    assert_int_equal(totals.wrong, 0);
    assert_true(totals.traces >= 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(traces_give_exactly_their_transitions)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
