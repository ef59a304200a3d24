/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/portlock.h"

#include "gateway/core/log.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

enum gw_err portlock_error(int error)
{
    switch (error) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
        return GW_ENOENT;
    case EACCES:
    case EPERM:
        return GW_EACCES;
    case EBUSY:
    case EWOULDBLOCK:
        return GW_EBUSY;
    case ENOMEM:
        return GW_ENOMEM;
    default:
        return GW_EIO;
    }
}

/* --- who has it: what of /proc we may see --- */

/* Who holds a lock on the file, as proc_locks(5) has it; 0: nobody. */
static long lock_holder(const struct stat *st)
{
    FILE *f = fopen("/proc/locks", "re");
    char line[160];
    long holder = 0;

    while (f && holder == 0 && fgets(line, sizeof(line), f)) {
        unsigned major_number, minor_number;
        unsigned long inode;
        long pid;
        if (sscanf(line, "%*d: FLOCK %*s %*s %ld %x:%x:%lu", &pid, &major_number, &minor_number,
                   &inode) == 4 &&
            major_number == major(st->st_dev) && minor_number == minor(st->st_dev) &&
            inode == st->st_ino && pid > 0)
            holder = pid;
    }
    if (f)
        fclose(f);
    return holder;
}

static bool has_open(const char *pid, dev_t device)
{
    char path[300];

    snprintf(path, sizeof(path), "/proc/%s/fd", pid);
    DIR *fds = opendir(path);
    if (!fds)
        return false;
    bool found = false;
    /* glibc's readdir() is safe as long as no two threads share a folder. */
    /* cppcheck-suppress readdirCalled */
    for (const struct dirent *e; !found && (e = readdir(fds));) {
        struct stat st;
        found = fstatat(dirfd(fds), e->d_name, &st, 0) == 0 && S_ISCHR(st.st_mode) &&
                st.st_rdev == device;
    }
    closedir(fds);
    return found;
}

static void name_process(const char *pid, char *fault, size_t size)
{
    char path[300], name[64] = "";

    snprintf(path, sizeof(path), "/proc/%s/comm", pid);
    FILE *f = fopen(path, "re");
    if (f && fgets(name, sizeof(name), f))
        name[strcspn(name, "\n")] = '\0';
    if (f)
        fclose(f);
    snprintf(fault, size, "in use by process %s%s%s%s", pid, name[0] ? " (" : "", name,
             name[0] ? ")" : "");
}

static void name_holder(const char *port, char *fault, size_t size)
{
    struct stat st;
    DIR *processes;

    snprintf(fault, size, "in use by another process");
    if (stat(port, &st) != 0)
        return;
    long holder = lock_holder(&st);
    if (holder == getpid()) {
        snprintf(fault, size, "in use by another source of this gateway");
        return;
    }
    if (holder > 0) {
        char pid[24];
        snprintf(pid, sizeof(pid), "%ld", holder);
        name_process(pid, fault, size);
        return;
    }
    /* It has no lock, but excludes others: whoever has the port open. */
    if (!(processes = opendir("/proc")))
        return;
    /* cppcheck-suppress readdirCalled */
    for (const struct dirent *e; (e = readdir(processes));) {
        if (!isdigit((unsigned char)e->d_name[0]) || strtol(e->d_name, NULL, 10) == getpid())
            continue;
        if (has_open(e->d_name, st.st_rdev)) {
            name_process(e->d_name, fault, size);
            break;
        }
    }
    closedir(processes);
}

/* --- the lock --- */

enum gw_err portlock_take(int *out, const char *path, char *fault, size_t size)
{
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    int error = errno;

    if (fd >= 0 && !isatty(fd)) {
        close(fd);
        snprintf(fault, size, "not a serial port");
        return GW_EINVAL;
    }
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *out = fd;
        return GW_OK;
    }
    if (fd >= 0) {
        error = errno;
        close(fd);
    }
    if (portlock_error(error) == GW_EBUSY)
        name_holder(path, fault, size);
    else
        snprintf(fault, size, "%s", log_errno(error));
    return portlock_error(error);
}

void portlock_exclude(int lock)
{
    ioctl(lock, TIOCEXCL);
}

void portlock_unsettle(int lock)
{
    struct termios t;

    if (tcgetattr(lock, &t) != 0)
        return;
    cfsetspeed(&t, cfgetospeed(&t) == B50 ? B75 : B50);
    tcsetattr(lock, TCSANOW, &t);
}

/* The kernel does not lift the exclusion while a port is open anywhere, as a pseudo-terminal always
 * is. */
void portlock_release(int lock)
{
    if (lock < 0)
        return;
    ioctl(lock, TIOCNXCL);
    close(lock);
}
