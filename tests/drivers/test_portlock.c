/* SPDX-License-Identifier: Apache-2.0 */
/* The lock of a serial port, on pseudo-terminals and between processes. */
#include "drivers/portlock.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

struct port {
    int master;
    char path[64];
};

static void open_port(struct port *p)
{
    p->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(p->master >= 0 && grantpt(p->master) == 0 && unlockpt(p->master) == 0);
    assert_int_equal(ptsname_r(p->master, p->path, sizeof(p->path)), 0);
}

/* A process that has the port until it is killed. */
static pid_t hold(const char *path)
{
    int ready[2];
    char byte;

    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char fault[160];
        int lock;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, "holder");
        if (portlock_take(&lock, path, fault, sizeof(fault)) != GW_OK ||
            write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

static void another_process_is_refused_and_told_who_has_the_port(void **state)
{
    char fault[160], expected[64];
    struct port p;
    int lock = -1;

    (void)state;
    open_port(&p);
    pid_t child = hold(p.path);
    snprintf(expected, sizeof(expected), "in use by process %d (holder)", (int)child);
    assert_int_equal(portlock_take(&lock, p.path, fault, sizeof(fault)), GW_EBUSY);
    assert_string_equal(fault, expected);
    assert_int_equal(lock, -1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(portlock_take(&lock, p.path, fault, sizeof(fault)), GW_OK);
    portlock_release(lock);
    close(p.master);
}

static void a_port_has_one_lock_under_all_its_names(void **state)
{
    char folder[] = "/tmp/portlock-XXXXXX", link[64], fault[160];
    struct port p;
    int first, second;

    (void)state;
    open_port(&p);
    assert_non_null(mkdtemp(folder));
    snprintf(link, sizeof(link), "%s/by-id", folder);
    assert_int_equal(symlink(p.path, link), 0);
    assert_int_equal(portlock_take(&first, link, fault, sizeof(fault)), GW_OK);
    assert_int_equal(portlock_take(&second, p.path, fault, sizeof(fault)), GW_EBUSY);
    assert_string_equal(fault, "in use by another source of this gateway");
    portlock_exclude(first);
    portlock_release(first);
    /* Released means for everybody, root or not. */
    assert_int_equal(portlock_take(&second, p.path, fault, sizeof(fault)), GW_OK);
    portlock_release(second);
    portlock_release(-1);
    unlink(link);
    rmdir(folder);
    close(p.master);
}

static void what_is_no_serial_port_is_said_to_be_none(void **state)
{
    char fault[160];
    int lock;

    (void)state;
    assert_int_equal(portlock_take(&lock, "/dev/null", fault, sizeof(fault)), GW_EINVAL);
    assert_string_equal(fault, "not a serial port");
    assert_int_equal(portlock_take(&lock, "/dev/ttyNONE", fault, sizeof(fault)), GW_ENOENT);
    assert_string_equal(fault, "No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_process_is_refused_and_told_who_has_the_port),
        cmocka_unit_test(a_port_has_one_lock_under_all_its_names),
        cmocka_unit_test(what_is_no_serial_port_is_said_to_be_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
