/* SPDX-License-Identifier: Apache-2.0 */
/* Power cuts. The store writes through a VFS that keeps every write, sync and truncation in their
 * order. Then, for cuts at random moments, the files are built as the disk may have kept them: all
 * that was synced before, and of the rest nothing, everything, or a random part, torn at 512 bytes.
 * Stock SQLite opens each: it must be whole, hold only whole batches, and all that were
 * acknowledged before the cut.
 *
 * SENSORGW_SLOW=1 tries twenty times as many moments. */
#include "storage/schema.h"
#include "tests/storage/vfs_fixture.h"

#include <sys/stat.h>

#define STATES 1050 /* of each run of the program, over all scenarios */
#define SECTOR 512
#define BATCH 7 /* readings */
#define CHECKPOINT_PAGES 40

/* --- a file as it grows --- */

struct image {
    unsigned char *data;
    size_t size, capacity;
    bool exists;
};

static void image_write(struct image *m, int64_t offset, const void *data, size_t n)
{
    size_t end = (size_t)offset + n;

    if (end > m->capacity) {
        m->capacity = end * 2;
        m->data = realloc(m->data, m->capacity);
        assert_non_null(m->data);
    }
    if (end > m->size) {
        if ((size_t)offset > m->size)
            memset(m->data + m->size, 0, (size_t)offset - m->size);
        m->size = end;
    }
    memcpy(m->data + offset, data, n);
    m->exists = true;
}

static void image_copy(struct image *to, const struct image *from)
{
    to->size = 0;
    to->exists = from->exists;
    if (from->size > 0)
        image_write(to, 0, from->data, from->size);
}

static void image_save(const struct image *m, const char *path)
{
    unlink(path);
    if (!m->exists)
        return;
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(m->data, 1, m->size, f), m->size);
    fclose(f);
}

static void image_load(struct image *m, const char *path)
{
    static unsigned char buffer[65536];
    FILE *f = fopen(path, "rb");
    size_t n;

    if (!f)
        return;
    m->size = 0;
    while ((n = fread(buffer, 1, sizeof(buffer), f)) > 0)
        image_write(m, (int64_t)m->size, buffer, n);
    fclose(f);
}

/* --- what the disk keeps --- */

static unsigned seed = 20250101;

static unsigned dice(unsigned sides)
{
    seed = seed * 1103515245U + 12345U;
    return (seed >> 16) % sides;
}

enum keeps { KEEPS_NOTHING, KEEPS_ALL, KEEPS_SOME, KEEPS_TORN, KEEPS_COUNT };

/* Some of the sectors of a write that was under way. */
static void write_torn(struct image *m, const struct vfs_event *e)
{
    for (int64_t at = 0; at < e->size; at += SECTOR) {
        int64_t n = e->size - at < SECTOR ? e->size - at : SECTOR;
        if (dice(2))
            image_write(m, e->offset + at, (const char *)e->data + at, (size_t)n);
    }
}

static void apply(struct image *m, const struct vfs_event *e, bool torn)
{
    if (e->kind == VFS_WRITE && torn)
        write_torn(m, e);
    else if (e->kind == VFS_WRITE)
        image_write(m, e->offset, e->data, (size_t)e->size);
    else if (e->kind == VFS_TRUNCATE && (size_t)e->offset < m->size)
        m->size = (size_t)e->offset;
    else if (e->kind == VFS_DELETE)
        *m = (struct image){.data = m->data, .capacity = m->capacity};
}

static void apply_pending(struct image *m, const struct vfs_event *e, enum keeps keeps)
{
    bool kept = keeps == KEEPS_ALL || (keeps != KEEPS_NOTHING && dice(2));

    if (kept || keeps == KEEPS_TORN)
        apply(m, e, keeps == KEEPS_TORN);
}

/* --- a trace, replayed from its beginning --- */

struct replay {
    struct image durable[VFS_FILES];
    size_t
        done[VFS_FILES]; /* events before this are in `durable`, as far as they are of the file */
    size_t at;
    int64_t acknowledged; /* the last mark passed */
    char folder[80];
};

static bool is_of(const struct vfs_event *e, int file)
{
    return e->file == file && e->kind != VFS_MARK;
}

/* What was written to the file before event `at` is certain. */
static void settle(struct replay *r, int file, size_t at)
{
    for (size_t i = r->done[file]; i < at; i++) {
        if (is_of(&vfs.events[i], file))
            apply(&r->durable[file], &vfs.events[i], false);
    }
    r->done[file] = at;
}

/* A sync also settles what was removed before: SQLite syncs the folder when it begins a log, and
 * journaling file systems keep the order of such changes. */
static void settle_removals(struct replay *r, size_t at)
{
    for (int f = 0; f < vfs.file_count; f++) {
        for (size_t i = at; i > r->done[f]; i--) {
            if (vfs.events[i - 1].kind == VFS_DELETE && vfs.events[i - 1].file == f)
                settle(r, f, i);
        }
    }
}

/* Goes on to the moment `cut`. */
static void advance(struct replay *r, size_t cut)
{
    for (; r->at < cut; r->at++) {
        const struct vfs_event *e = &vfs.events[r->at];
        if (e->kind == VFS_MARK)
            r->acknowledged = e->offset;
        if (e->kind != VFS_SYNC)
            continue;
        settle(r, e->file, r->at);
        settle_removals(r, r->at);
    }
}

/* The files as they may be after a power cut now; `path` becomes the database. */
static void crash(struct replay *r, char path[static 96])
{
    static struct image after;
    char name[160];

    for (int f = 0; f < vfs.file_count; f++) {
        enum keeps keeps = (enum keeps)dice(KEEPS_COUNT);
        image_copy(&after, &r->durable[f]);
        for (size_t i = r->done[f]; i < r->at; i++) {
            if (is_of(&vfs.events[i], f))
                apply_pending(&after, &vfs.events[i], keeps);
        }
        snprintf(name, sizeof(name), "%s/%s", r->folder, strrchr(vfs.files[f], '/') + 1);
        image_save(&after, name);
    }
    snprintf(path, 96, "%s/test.db", r->folder);
    snprintf(name, sizeof(name), "%s-shm", path);
    unlink(name);
}

static void replay_fini(struct replay *r)
{
    for (int f = 0; f < VFS_FILES; f++)
        free(r->durable[f].data);
    fixture_remove(r->folder);
}

/* --- what must hold --- */

static int64_t ask(sqlite3 *db, const char *sql, const char *moment)
{
    sqlite3_stmt *st;

    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK || sqlite3_step(st) != SQLITE_ROW)
        fail_msg("%s: %s: %s", moment, sql, sqlite3_errmsg(db));
    int64_t value = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return value;
}

static void assert_zero(sqlite3 *db, const char *sql, const char *moment)
{
    int64_t value = ask(db, sql, moment);

    if (value != 0)
        fail_msg("%s: %s gives %lld", moment, sql, (long long)value);
}

/* Batch n has BATCH readings of the value n; each tenth raises an alert. */
static void check_batches(sqlite3 *db, int64_t acknowledged, int64_t *last, const char *moment)
{
    assert_zero(db, "SELECT count(*) FROM pragma_quick_check WHERE quick_check != 'ok'", moment);
    *last = -1;
    if (ask(db, "SELECT count(*) FROM sqlite_schema", moment) == 0) {
        if (acknowledged >= 0)
            fail_msg("%s: empty, although batch %lld was acknowledged", moment,
                     (long long)acknowledged);
        return;
    }
    *last = ask(db, "SELECT coalesce(max(value), -1) FROM reading WHERE sensor_id <= 7", moment);
    if (*last < acknowledged)
        fail_msg("%s: batch %lld was acknowledged, the last one is %lld", moment,
                 (long long)acknowledged, (long long)*last);
    /* Whole; only the oldest may have been cut by retention. */
    assert_zero(db,
                "SELECT count(*) FROM (SELECT value FROM reading WHERE time >= 1700000000000000"
                " GROUP BY value HAVING count(*) != 7 AND value >"
                " (SELECT min(value) FROM reading WHERE time >= 1700000000000000))",
                moment);
    assert_zero(db,
                "SELECT max(value) - min(value) + 1 - count(DISTINCT value) FROM reading"
                " WHERE time >= 1700000000000000 HAVING count(*) > 0 UNION ALL SELECT 0 LIMIT 1",
                moment);
    if (ask(db, "SELECT count(*) FROM alert_event WHERE time >= 1700000000000000", moment) !=
        (*last + 10) / 10)
        fail_msg("%s: alerts do not agree with batch %lld", moment, (long long)*last);
}

/* The conservation law: what the ledger calls committed is there, or was removed by retention. */
static void check_ledger(sqlite3 *db, int64_t last, bool prunes, const char *moment)
{
    if (last < 0)
        return;
    int64_t committed = ask(db,
                            "SELECT coalesce(sum(readings), 0) FROM ledger WHERE what ="
                            " 'committed' AND run_id = (SELECT max(run_id) FROM ledger)",
                            moment);
    int64_t rows = ask(db, "SELECT count(*) FROM reading WHERE time >= 1700000000000000", moment);
    if (committed != (last + 1) * BATCH || (prunes ? rows > committed : rows != committed))
        fail_msg("%s: %lld committed, %lld rows, last batch %lld", moment, (long long)committed,
                 (long long)rows, (long long)last);
}

/* The store itself goes on with what is there, and its roll-ups come out right. */
static void check_restart(struct fixture *f, const char *path, int64_t last, bool prunes)
{
    struct store_options o = f->options;
    char command[200];
    struct record r = good(0, T0 + 10 * US_PER_DAY, 5);

    o.path = path;
    o.raw_us = o.minute_us = o.hour_us = o.max_size = 0;
    o.ledger = NULL;
    assert_int_equal(store_open(&f->store, &o), GW_OK);
    assert_int_equal(store_append(f->store, &r, 1, NULL), GW_OK);
    store_close(f->store);
    f->store = NULL;
    snprintf(command, sizeof(command), "! ls %s.corrupt-* >/dev/null 2>&1", path);
    assert_int_equal(system(command), 0);
    if (prunes)
        return;
    struct fixture other = *f;
    memcpy(other.path, path, sizeof(other.path));
    assert_int_equal(sql_int(&other, "SELECT coalesce(sum(count), 0) FROM reading_minute"
                                     " WHERE minute >= 1699999980000000"),
                     (last + 1) * BATCH + 1);
}

struct scenario {
    const char *name;
    int batches;
    int64_t apart_us; /* between two batches */
    int64_t raw_us, max_size;
    bool from_version_1;
};

static void check_state(struct fixture *f, const struct scenario *s, struct replay *r, int state)
{
    char path[96], moment[96];
    sqlite3 *db;
    int64_t last;
    bool prunes = s->raw_us || s->max_size;

    snprintf(moment, sizeof(moment), "%s, state %d, event %zu of %zu", s->name, state, r->at,
             vfs.count);
    crash(r, path);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "unix") != SQLITE_OK)
        fail_msg("%s: %s", moment, sqlite3_errmsg(db));
    check_batches(db, r->acknowledged, &last, moment);
    check_ledger(db, last, prunes, moment);
    sqlite3_close(db);
    if (state % 16 == 0)
        check_restart(f, path, last, prunes);
}

/* --- the scenarios --- */

static void append_batch(struct fixture *f, int n, int64_t now)
{
    struct record r[BATCH];

    for (uint32_t i = 0; i < BATCH; i++)
        r[i] = good(i, now + i, n);
    if (n % 10 == 0)
        r[3].changes = new_change(1000 + n, 3, ALERT_RAISED, now);
    append(f, r, BATCH);
    vfs_note(VFS_MARK, -1, n, NULL, 0);
    alert_change_free(r[3].changes);
}

static void run_scenario(struct fixture *f, const struct scenario *s)
{
    bool more;

    fixture_open(f);
    for (int n = 0; n < s->batches; n++) {
        int64_t now = T0 + n * s->apart_us;
        clock_fake((n + 1) * s->apart_us, now);
        append_batch(f, n, now);
        for (more = n % 5 == 0; more;)
            assert_int_equal(store_maintain(f->store, now, &more), GW_OK);
    }
    fixture_close(f);
}

static void load_version_1(struct fixture *f)
{
    static char sql[65536];
    FILE *file = fopen(TEST_DATA "/schema_1.sql", "r");

    assert_non_null(file);
    sql[fread(sql, 1, sizeof(sql) - 1, file)] = '\0';
    fclose(file);
    sql_write(f, "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL");
    sql_write(f, sql);
    /* Readings of another year and of other numbers than the batches that follow. */
    sql_write(f, "UPDATE reading SET time = time - 200000000000000, value = -1;"
                 "UPDATE sensor_latest SET time = 0; DELETE FROM rollup_pending;"
                 "DELETE FROM reading_minute; DELETE FROM alert_event; DELETE FROM alert;"
                 "DELETE FROM meta WHERE key = 'clock'");
}

static int states_of_a_scenario(void)
{
    return getenv("SENSORGW_SLOW") ? STATES / 3 * 20 : STATES / 3;
}

static int compare(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;

    return (x > y) - (x < y);
}

static void replay_all(struct fixture *f, const struct scenario *s, struct replay *r)
{
    int states = states_of_a_scenario();
    size_t *cuts = calloc((size_t)states, sizeof(*cuts));

    assert_non_null(cuts);
    for (int i = 0; i < states; i++)
        cuts[i] = (size_t)dice(60000) * 60000 % (vfs.count + 1);
    for (int i = 0; i < states; i++)
        cuts[i] = (cuts[i] + dice((unsigned)vfs.count)) % (vfs.count + 1);
    qsort(cuts, (size_t)states, sizeof(*cuts), compare);
    for (int i = 0; i < states; i++) {
        advance(r, cuts[i]);
        check_state(f, s, r, i);
    }
    free(cuts);
    print_message("%s: %d power cuts among %zu writes and syncs\n", s->name, states, vfs.count);
}

static void survive(struct fixture *f, const struct scenario *s)
{
    struct replay r = {.acknowledged = -1};

    f->options.raw_us = f->options.minute_us = s->raw_us;
    f->options.max_size = s->max_size;
    clock_fake(1, T0);
    if (s->from_version_1)
        load_version_1(f);
    vfs_begin(CHECKPOINT_PAGES);
    image_load(&r.durable[vfs_file_number(f->path)], f->path);
    vfs.record = true;
    run_scenario(f, s);
    vfs_end();
    snprintf(r.folder, sizeof(r.folder), "%s/crash", f->folder);
    assert_int_equal(mkdir(r.folder, 0750), 0);
    replay_all(f, s, &r);
    replay_fini(&r);
}

static void a_new_database_survives_a_power_cut_at_any_moment(void **state)
{
    static const struct scenario s = {.name = "growing", .batches = 150, .apart_us = US_PER_SECOND};

    survive(*state, &s);
}

static void purging_and_shrinking_survive_a_power_cut_at_any_moment(void **state)
{
    static const struct scenario s = {.name = "purging",
                                      .batches = 150,
                                      .apart_us = 30 * US_PER_SECOND,
                                      .raw_us = 20 * US_PER_MINUTE,
                                      .max_size = 110000};

    survive(*state, &s);
}

static void a_migration_survives_a_power_cut_at_any_moment(void **state)
{
    static const struct scenario s = {
        .name = "migration", .batches = 12, .apart_us = US_PER_SECOND, .from_version_1 = true};

    survive(*state, &s);
}

/* In memory if possible: what is tested is the order of the writes, not this machine's disk. */
static int setup(void **state)
{
    fixture_setup(state);
    struct fixture *f = *state;
    if (access("/dev/shm", W_OK) != 0)
        return 0;
    fixture_remove(f->folder);
    strcpy(f->folder, "/dev/shm/sensorgw-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof(f->path), "%s/test.db", f->folder);
    return 0;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, vfs_teardown)
    const struct CMUnitTest tests[] = {
        T(a_new_database_survives_a_power_cut_at_any_moment),
        T(purging_and_shrinking_survive_a_power_cut_at_any_moment),
        T(a_migration_survives_a_power_cut_at_any_moment),
    };
    return cmocka_run_group_tests_name("storage/crash", tests, NULL, NULL);
}
