/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded with LD_PRELOAD before the program under test: faults that a container has no other way to
 * make. The environment says which:
 *   SHIM_CLOCK=FILE   CLOCK_REALTIME is off by the number of seconds in FILE (read ten times a
 *                     second), and the kernel says that the time is not synchronised; the monotonic
 *                     clock is left alone
 *   SHIM_STATFS=TYPE  file systems are of this type (hexadecimal)
 *   SHIM_SYNC=FILE    while FILE exists, fsync() and fdatasync() fail with EIO
 *   SHIM_WRITE=FILE   while FILE exists, pwrite() and ftruncate() fail as on a file system that has
 *                     become read-only
 *   SHIM_THREAD=FILE  while FILE exists, no thread starts: pthread_create() gives EAGAIN
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static int (*next_clock)(clockid_t, struct timespec *);

static void find_next(void)
{
    if (!next_clock)
        *(void **)&next_clock = dlsym(RTLD_NEXT, "clock_gettime");
}

/* Seconds; races between threads only read the file once too often. */
static time_t offset(void)
{
    static _Atomic long long value, read_at;
    const char *path = getenv("SHIM_CLOCK");
    struct timespec now;

    if (!path)
        return 0;
    next_clock(CLOCK_MONOTONIC, &now);
    long long tenth = now.tv_sec * 10LL + now.tv_nsec / 100000000;
    if (tenth != read_at) {
        FILE *f = fopen(path, "re");
        long long seconds;
        if (f && fscanf(f, "%lld", &seconds) == 1)
            value = seconds;
        if (f)
            fclose(f);
        read_at = tenth;
    }
    return (time_t)value;
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
    find_next();
    int rc = next_clock(clock, t);
    if (rc == 0 && clock == CLOCK_REALTIME)
        t->tv_sec += offset();
    return rc;
}

time_t time(time_t *out)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    if (out)
        *out = t.tv_sec;
    return t.tv_sec;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}

int adjtimex(struct timex *t)
{
    static int (*next)(struct timex *);

    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "adjtimex");
    int rc = next(t);
    if (getenv("SHIM_CLOCK")) {
        t->status |= STA_UNSYNC;
        rc = TIME_ERROR;
    }
    return rc;
}

int statfs(const char *path, struct statfs *out)
{
    static int (*next)(const char *, struct statfs *);
    const char *type = getenv("SHIM_STATFS");

    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "statfs");
    int rc = next(path, out);
    if (rc == 0 && type)
        out->f_type = (__fsword_t)strtoul(type, NULL, 16);
    return rc;
}

static int must_fail(const char *variable, int how)
{
    const char *path = getenv(variable);

    if (!path || access(path, F_OK) != 0)
        return 0;
    errno = how;
    return 1;
}

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at)
{
    static ssize_t (*next)(int, const void *, size_t, off64_t);

    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "pwrite64");
    return must_fail("SHIM_WRITE", EROFS) ? -1 : next(fd, data, n, at);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
    return pwrite64(fd, data, n, at);
}

int ftruncate64(int fd, off64_t size)
{
    static int (*next)(int, off64_t);

    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "ftruncate64");
    return must_fail("SHIM_WRITE", EROFS) ? -1 : next(fd, size);
}

int ftruncate(int fd, off_t size)
{
    return ftruncate64(fd, size);
}

int fsync(int fd)
{
    static int (*next)(int);

    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "fsync");
    return must_fail("SHIM_SYNC", EIO) ? -1 : next(fd);
}

int fdatasync(int fd)
{
    static int (*next)(int);

    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "fdatasync");
    return must_fail("SHIM_SYNC", EIO) ? -1 : next(fd);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *arg)
{
    static int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "pthread_create");
    return must_fail("SHIM_THREAD", EAGAIN) ? EAGAIN : next(thread, attributes, run, arg);
}
