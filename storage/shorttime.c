/* SPDX-License-Identifier: Apache-2.0 */
/* Where the system's libraries count time in 32 bits (Debian 12 on armhf), their stat() fails for a
 * file that was changed after 2038-01-19, be it by a clock that was wrong for a moment, and SQLite
 * refuses to open it. Its three ways to ask are replaced here by statx(2). They leave the times
 * out: SQLite looks at none. */
#include "storage/shorttime.h"

#ifdef SENSORGW_SHORT_TIMES
#undef _TIME_BITS /* `struct stat` must be the one that SQLite was compiled with */

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

_Static_assert(sizeof(time_t) == 4 && sizeof(off_t) == 8, "not what SQLite was compiled with");

static int ask(int folder, const char *path, int flags, struct stat *out)
{
    struct statx x;

    if (statx(folder, path, flags, STATX_BASIC_STATS, &x) != 0)
        return -1;
    memset(out, 0, sizeof(*out));
    out->st_dev = makedev(x.stx_dev_major, x.stx_dev_minor);
    out->st_ino = x.stx_ino;
    out->st_mode = x.stx_mode;
    out->st_nlink = x.stx_nlink;
    out->st_uid = x.stx_uid;
    out->st_gid = x.stx_gid;
    out->st_size = (off_t)x.stx_size;
    out->st_blocks = (blkcnt_t)x.stx_blocks;
    out->st_blksize = (blksize_t)x.stx_blksize;
    return 0;
}

static int ask_path(const char *path, struct stat *out)
{
    return ask(AT_FDCWD, path, 0, out);
}

static int ask_link(const char *path, struct stat *out)
{
    return ask(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, out);
}

static int ask_file(int fd, struct stat *out)
{
    return ask(fd, "", AT_EMPTY_PATH, out);
}

static void replace(void)
{
    sqlite3_vfs *unix_vfs = sqlite3_vfs_find("unix");

    if (!unix_vfs)
        return;
    unix_vfs->xSetSystemCall(unix_vfs, "stat", (sqlite3_syscall_ptr)ask_path);
    unix_vfs->xSetSystemCall(unix_vfs, "lstat", (sqlite3_syscall_ptr)ask_link);
    unix_vfs->xSetSystemCall(unix_vfs, "fstat", (sqlite3_syscall_ptr)ask_file);
}

void shorttime_mend(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, replace);
}
#else
void shorttime_mend(void)
{
}
#endif
