/* SPDX-License-Identifier: Apache-2.0 */
/* What can go wrong with the file, its folder, its disk and its process. */
#include "tests/storage/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char log_text[8192];

static void keep_log(void *arg, enum log_level level, const char *line)
{
    (void)arg;
    (void)level;
    size_t used = strlen(log_text);
    snprintf(log_text + used, sizeof(log_text) - used, "%s\n", line);
}

static int setup(void **state)
{
    log_text[0] = '\0';
    log_set_sink(keep_log, NULL);
    return fixture_setup(state);
}

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void lift_file_limit(struct fixture *f)
{
    (void)f;
    set_file_limit(RLIM_INFINITY);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    log_set_sink(NULL, NULL);
    lift_file_limit(f);
    store_close(f->store);
    f->store = NULL;
    umount(f->folder);
    return fixture_teardown(state);
}

static void assert_logged(const char *part)
{
    if (!strstr(log_text, part))
        fail_msg("not in the log: %s; but: %s", part, log_text);
}

static int count_files(const struct fixture *f, const char *pattern)
{
    char command[300], line[16] = "";

    snprintf(command, sizeof(command), "ls -d %s/%s 2>/dev/null | wc -l", f->folder, pattern);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    assert_non_null(fgets(line, sizeof(line), p));
    pclose(p);
    return atoi(line);
}

static void fill(struct fixture *f, int64_t from, uint32_t n)
{
    struct record r[100];

    for (uint32_t i = 0; i < n; i += 100) {
        for (uint32_t k = 0; k < 100; k++)
            r[k] = good(k % SENSORS, from + (i + k) * US_PER_MS, k);
        append(f, r, 100);
    }
}

static void overwrite(const char *path, long offset, size_t bytes)
{
    FILE *file = fopen(path, "r+");

    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    for (size_t i = 0; i < bytes; i++)
        fputc((int)(i * 7 + 3) & 0xff, file);
    fclose(file);
}

static void a_damaged_header_is_set_aside(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    fill(f, T0, 1000);
    fixture_close(f);
    overwrite(f->path, 0, 100);
    fixture_open(f);
    assert_logged("kept as");
    assert_int_equal(count_files(f, "test.db.corrupt-*Z"), 1);
    fill(f, T0, 100);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 100);
}

static void a_foreign_database_is_refused_and_left_alone(void **state)
{
    struct fixture *f = *state;
    char text[512];

    sql_write(f, "CREATE TABLE other (x); INSERT INTO other VALUES (5)");
    assert_int_equal(store_open(&f->store, &f->options), GW_EFOREIGN);
    assert_logged("test.db is no database of sensorgw (a SQLite file of another program)");
    assert_logged("choose another storage.path");
    assert_int_equal(count_files(f, "test.db.corrupt*"), 0);
    assert_int_equal(sql_int(f, "SELECT x FROM other"), 5);
    assert_string_equal(sql_text(f, "PRAGMA journal_mode", text), "delete");
    sql_write(f, "PRAGMA journal_mode = WAL");
    assert_int_equal(store_open(&f->store, &f->options), GW_EFOREIGN);
    assert_int_equal(count_files(f, "test.db-*"), 0); /* nothing beside it that is ours */
    /* Nor if this SQLite does not understand its tables. */
    sql_write(f,
              "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = 'CREATE NEWS other (x)'");
    assert_int_equal(store_open(&f->store, &f->options), GW_EFOREIGN);
    assert_int_equal(count_files(f, "test.db.corrupt*"), 0);
}

static void a_file_that_is_no_database_is_refused_and_left_alone(void **state)
{
    static const char csv[] = "time,value\n2026-01-01,5\n";
    struct fixture *f = *state;
    char text[64] = "";

    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    assert_true(fputs(csv, file) >= 0 && fclose(file) == 0);
    for (int i = 0; i < 2; i++) { /* the lock file that the first try made means nothing */
        assert_int_equal(store_open(&f->store, &f->options), GW_ENOTDB);
        assert_logged("test.db is no database of sensorgw (no SQLite file)");
    }
    assert_int_equal(count_files(f, "test.db.corrupt*"), 0);
    file = fopen(f->path, "r");
    assert_non_null(file);
    assert_int_equal(fread(text, 1, sizeof(text) - 1, file), strlen(csv));
    fclose(file);
    assert_string_equal(text, csv);
}

/* A mark that does not fit the tables, zeros for the beginning, and half a file. */
static void damaged_ones_of_ours_are_set_aside_whatever_is_left(void **state)
{
    struct fixture *f = *state;
    char command[300];

    for (int i = 0; i < 3; i++) {
        fixture_open(f);
        assert_int_equal(count_files(f, "test.db.corrupt-*[Z0-9]"), i);
        fill(f, T0, 1000);
        fixture_close(f);
        if (i == 0)
            sql_write(f, "PRAGMA application_id = 5");
        snprintf(command, sizeof(command),
                 i == 1 ? "dd if=/dev/zero of=%s bs=4096 count=3 conv=notrunc 2>/dev/null"
                        : "truncate -s 8192 %s",
                 f->path);
        if (i > 0)
            assert_int_equal(system(command), 0);
    }
    fixture_open(f);
    assert_int_equal(count_files(f, "test.db.corrupt-*[Z0-9]"), 3);
}

static void a_foreign_database_that_comes_while_running_stops_no_storing(void **state)
{
    struct fixture *f = *state;
    char other[120], command[500];
    sqlite3 *db;

    fixture_open(f);
    fill(f, T0, 100);
    snprintf(other, sizeof(other), "%s/other", f->folder);
    assert_int_equal(sqlite3_open(other, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE other (x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    snprintf(command, sizeof(command), "rm %s-wal %s-shm && mv %s %s", f->path, f->path, other,
             f->path);
    assert_int_equal(system(command), 0);
    bool more;
    assert_int_equal(store_maintain(f->store, T0, &more), GW_OK);
    fill(f, T0 + US_PER_HOUR, 100);
    assert_int_equal(count_files(f, "test.db.corrupt-*Z"), 1);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 100);
}

/* The process died, and a page was damaged: found at the next start. */
static void a_damaged_page_is_found_after_an_unclean_stop(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    fill(f, T0, 20000);
    fixture_close(f);
    sql_write(f, "UPDATE run SET ended_at = NULL; PRAGMA wal_checkpoint(TRUNCATE)");
    overwrite(f->path, 40L * 4096, 4096);
    fixture_open(f);
    assert_logged("kept as");
    assert_int_equal(count_files(f, "test.db.corrupt-*Z"), 1);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 0);
}

static void damage_while_running_costs_no_batch(void **state)
{
    struct fixture *f = *state;
    char instance[16];
    sqlite3 *db;

    fixture_open(f);
    strcpy(instance, store_instance(f->store));
    fill(f, T0, 50000);
    /* Another connection empties the log, so that the store must read the file again. */
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL), 0);
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    for (long page = 1; page < st.st_size / 4096; page++)
        overwrite(f->path, page * 4096, 4096);
    assert_int_equal(sqlite3_exec(db, "UPDATE meta SET value = value", NULL, NULL, NULL),
                     SQLITE_CORRUPT);
    sqlite3_close(db);

    uint64_t committed = ledger_total(f->ledger).committed;
    for (int i = 0; i < 100 && count_files(f, "test.db.corrupt-*Z") == 0; i++)
        fill(f, T0 + (i + 1) * US_PER_HOUR, 1000);
    assert_logged("damaged while in use");
    assert_string_equal(store_instance(f->store), instance);
    /* Whatever was committed since is in the old file or the new one: at least the last batch. */
    assert_true(sql_int(f, "SELECT count(*) FROM reading") >= 100);
    assert_true(ledger_total(f->ledger).committed > committed);
    struct ledger_entry total = ledger_total(f->ledger);
    assert_int_equal(ledger_in_flight(&total), 0);
}

static void a_file_that_is_removed_while_running_is_begun_again(void **state)
{
    struct fixture *f = *state;
    bool more;
    char command[300];

    fixture_open(f);
    fill(f, T0, 100);
    snprintf(command, sizeof(command), "rm %s %s-wal %s-shm", f->path, f->path, f->path);
    assert_int_equal(system(command), 0);
    assert_int_equal(store_maintain(f->store, T0, &more), GW_OK);
    fill(f, T0 + US_PER_HOUR, 100);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 100);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM sensor"), SENSORS);
}

static void a_second_gateway_is_kept_out(void **state)
{
    struct fixture *f = *state;
    struct store *second;
    char pid[32];

    fixture_open(f);
    assert_int_equal(store_open(&second, &f->options), GW_EBUSY);
    snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
    assert_logged("in use by another sensorgw");
    assert_logged(pid);
    fixture_close(f);
    fixture_open(f);
}

/* As the first reader after a crash does, while it recovers the log. */
static void hold_database(const char *path, int fd)
{
    sqlite3 *db;

    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db,
                     "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;"
                     "INSERT INTO meta (key, value) VALUES ('held', 1)",
                     NULL, NULL, NULL) != SQLITE_OK ||
        write(fd, "x", 1) != 1)
        _exit(1);
    usleep(500000);
    _exit(write(fd, "y", 1) != 1); /* the locks go with the process */
}

static void a_start_waits_for_whoever_holds_the_database(void **state)
{
    struct fixture *f = *state;
    int fds[2], status;
    char c;

    fixture_open(f);
    fixture_close(f);
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0)
        hold_database(f->path, fds[1]);
    close(fds[1]);
    assert_int_equal(read(fds[0], &c, 1), 1);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    fixture_open(f);
    assert_int_equal(read(fds[0], &c, 1), 1); /* it has let go */
    close(fds[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void a_newer_database_is_refused_and_kept(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    fixture_close(f);
    sql_write(f, "PRAGMA user_version = 99");
    assert_int_equal(store_open(&f->store, &f->options), GW_EINVAL);
    assert_logged("newer sensorgw");
    assert_int_equal(count_files(f, "test.db.corrupt*"), 0);
    assert_int_equal(sql_int(f, "PRAGMA user_version"), 99);
}

static void missing_folders_are_made(void **state)
{
    struct fixture *f = *state;
    char path[160];

    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    snprintf(path, sizeof(path), "%s/a/b/c.db", f->folder);
    f->options.path = path;
    fixture_open(f);
    assert_int_equal(access(path, F_OK), 0);
    assert_logged("/a/b did not exist and was made");
    fixture_close(f);
    log_text[0] = '\0';
    fixture_open(f);
    assert_null(strstr(log_text, "was made"));
    fixture_close(f);
    snprintf(path, sizeof(path), "%s/a/b/c.db/d.db", f->folder);
    assert_int_equal(store_open(&f->store, &f->options), GW_EACCES);
    assert_logged("cannot create folder");
}

/* As an ordinary user, in a child: root may write anywhere. */
static int open_as_nobody(struct fixture *f)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int fd = open("/dev/null", O_WRONLY);
        dup2(fd, 2);
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(99);
        _exit((int)store_open(&f->store, &f->options));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_folder_that_cannot_be_written_is_an_error(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(chmod(f->folder, 0555), 0);
    assert_int_equal(open_as_nobody(f), GW_EACCES);
    assert_int_equal(chmod(f->folder, 0777), 0);
    assert_int_equal(open_as_nobody(f), GW_OK);
    assert_int_equal(access(f->path, F_OK), 0);
}

static void appending_fails_and_recovers(struct fixture *f, enum gw_err expected,
                                         void (*mend)(struct fixture *))
{
    struct record r[1000];
    int64_t t = T0;
    enum gw_err err = GW_OK;
    uint64_t sent = 0;

    for (int i = 0; i < 1000 && err == GW_OK; i++) {
        for (uint32_t k = 0; k < 1000; k++)
            r[k] = good(k % SENSORS, t++, k + 0.5);
        ledger_accept(f->ledger, 0, 500);
        ledger_accept(f->ledger, 1, 500);
        sent += 1000;
        err = store_append(f->store, r, 1000, NULL);
    }
    if (err != expected)
        fail_msg("%s: %s", gw_strerror(err), log_text);
    /* The next try may find room that the failed one left in the log. */
    if (store_append(f->store, r, 1000, NULL) != GW_OK) {
        mend(f);
        assert_int_equal(store_append(f->store, r, 1000, NULL), GW_OK);
    }
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), sent);
    struct ledger_entry total = ledger_total(f->ledger);
    assert_int_equal(total.committed, sent);
    assert_int_equal(ledger_in_flight(&total), 0);
    assert_int_equal(sql_int(f, "SELECT sum(readings) FROM ledger WHERE what = 'committed'"), sent);
    char text[512];
    assert_string_equal(sql_text(f, "PRAGMA integrity_check", text), "ok");
}

static void a_file_size_limit_is_survived(void **state)
{
    struct fixture *f = *state;

    signal(SIGXFSZ, SIG_IGN);
    fixture_open(f);
    set_file_limit(1 << 20);
    appending_fails_and_recovers(f, GW_EIO, lift_file_limit);
}

static void enlarge_disk(struct fixture *f)
{
    assert_int_equal(mount("tmpfs", f->folder, "tmpfs", MS_REMOUNT, "size=64m"), 0);
}

static void a_full_disk_is_survived(void **state)
{
    struct fixture *f = *state;

    if (mount("tmpfs", f->folder, "tmpfs", 0, "size=3m") != 0) {
        print_message("no right to mount: %s\n", strerror(errno));
        skip();
    }
    fixture_open(f);
    appending_fails_and_recovers(f, GW_ENOSPC, enlarge_disk);
    fixture_close(f);
    assert_int_equal(umount(f->folder), 0);
}

/* Writes batches of 50 for ever, and says so after each commit. */
static void write_until_killed(struct fixture *f, int fd)
{
    struct record r[50];

    if (store_open(&f->store, &f->options) != GW_OK)
        _exit(1);
    char next = 'o';
    if (write(fd, &next, 1) != 1)
        _exit(1);
    for (;;) {
        int64_t start = clock_mono_us();
        for (uint32_t k = 0; k < 50; k++)
            r[k] = good(k % SENSORS, start + k, k);
        if (store_append(f->store, r, 50, NULL) != GW_OK || write(fd, "c", 1) != 1)
            _exit(1);
    }
}

static void nothing_committed_is_lost_by_kill_9(void **state)
{
    struct fixture *f = *state;
    int64_t before = 0, next_id = 0;

    for (int round = 0; round < 12; round++) {
        int fds[2], acknowledged = -1;
        char c;
        assert_int_equal(pipe(fds), 0);
        fflush(NULL);
        pid_t child = fork();
        if (child == 0)
            write_until_killed(f, fds[1]);
        close(fds[1]);
        while (acknowledged < 5 + round * 3 && read(fds[0], &c, 1) == 1)
            acknowledged++;
        kill(child, SIGKILL);
        while (read(fds[0], &c, 1) == 1)
            acknowledged++;
        close(fds[0]);
        waitpid(child, NULL, 0);

        int64_t rows = sql_int(f, "SELECT count(*) FROM reading");
        assert_in_range(rows - before, acknowledged * 50, (acknowledged + 1) * 50);
        assert_int_equal((rows - before) % 50, 0);
        assert_int_equal(sql_int(f, "SELECT sum(readings) FROM ledger WHERE what = 'committed'"),
                         rows);
        char text[512];
        assert_string_equal(sql_text(f, "PRAGMA integrity_check", text), "ok");
        before = rows;
        /* Alert ids of the run that died are not given out again. */
        fixture_open(f);
        assert_true(store_next_alert_id(f->store) > next_id);
        next_id = store_next_alert_id(f->store);
        fixture_close(f);
    }
    assert_int_equal(count_files(f, "test.db.corrupt*"), 0);
    assert_int_equal(sql_int(f, "SELECT sum(count) FROM reading_minute"), before);
}

static void the_database_can_be_read_while_it_is_written_and_after(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db;
    sqlite3_stmt *st;

    fixture_open(f);
    fill(f, T0, 100);
    /* A reader in the middle of a query sees one state, and does not hold up the writer. */
    assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT * FROM reading", -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    fill(f, T0 + US_PER_HOUR, 1000);
    int rows = 1;
    while (sqlite3_step(st) == SQLITE_ROW)
        rows++;
    assert_int_equal(rows, 100);
    sqlite3_finalize(st);
    sqlite3_close(db);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 1100);
    fixture_close(f);
    /* Somebody who may only read needs the log and its index to be there still. */
    assert_int_equal(count_files(f, "test.db-wal"), 1);
    assert_int_equal(count_files(f, "test.db-shm"), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_damaged_header_is_set_aside),
        T(a_foreign_database_is_refused_and_left_alone),
        T(a_file_that_is_no_database_is_refused_and_left_alone),
        T(damaged_ones_of_ours_are_set_aside_whatever_is_left),
        T(a_foreign_database_that_comes_while_running_stops_no_storing),
        T(a_damaged_page_is_found_after_an_unclean_stop),
        T(damage_while_running_costs_no_batch),
        T(a_file_that_is_removed_while_running_is_begun_again),
        T(a_second_gateway_is_kept_out),
        T(a_start_waits_for_whoever_holds_the_database),
        T(a_newer_database_is_refused_and_kept),
        T(missing_folders_are_made),
        T(a_folder_that_cannot_be_written_is_an_error),
        T(a_file_size_limit_is_survived),
        T(a_full_disk_is_survived),
        T(nothing_committed_is_lost_by_kill_9),
        T(the_database_can_be_read_while_it_is_written_and_after),
    };
    return cmocka_run_group_tests_name("storage/faults", tests, NULL, NULL);
}
