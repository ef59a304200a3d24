/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/file.h"

#include "gateway/core/clock.h"
#include "gateway/core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <unistd.h>

/* statfs(2) and linux/magic.h; smb2 and cifs are not in every version of the header. */
static const struct {
    unsigned long type;
    const char *name;
} network_types[] = {
    {0x6969, "NFS"},      {0xff534d42, "CIFS"}, {0xfe534d42, "SMB"},  {0x517b, "SMB"},
    {0x01021997, "9p"},   {0x564c, "NCP"},      {0x73757245, "Coda"}, {0x5346414f, "AFS"},
    {0x00c36400, "Ceph"}, {0x65735546, "FUSE"}, {0x47504653, "GPFS"},
};

static enum gw_err from_errno(int err)
{
    switch (err) {
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOTDIR:
    case ENOENT:
    case EISDIR:
        return GW_EACCES;
    case ENOSPC:
    case EDQUOT:
        return GW_ENOSPC;
    case ENOMEM:
        return GW_ENOMEM;
    default:
        return GW_EIO;
    }
}

static enum gw_err folder_of(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');

    /* Room for the suffixes of the files beside it. */
    if (strlen(path) + sizeof("-journal.corrupt-20260131T235959Z-99") > PATH_MAX) {
        log_error("storage.path is too long: %s", path);
        return GW_EINVAL;
    }
    if (!slash)
        strcpy(folder, ".");
    else if (slash == path)
        strcpy(folder, "/");
    else
        snprintf(folder, PATH_MAX, "%.*s", (int)(slash - path), path);
    return GW_OK;
}

static enum gw_err make_folder(char *folder)
{
    bool made = false;

    for (char *p = folder + 1;; p++) {
        char c = *p;
        if (c != '/' && c != '\0')
            continue;
        *p = '\0';
        int failed = mkdir(folder, 0750) != 0 ? errno : 0;
        struct stat st;
        if (failed && (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))) {
            log_error("storage.path: cannot create folder %s: %s; create it, or let the gateway's "
                      "user write where it belongs",
                      folder, log_errno(failed == EEXIST ? ENOTDIR : failed));
            return from_errno(failed == EEXIST ? ENOTDIR : failed);
        }
        made = !failed;
        *p = c;
        if (c == '\0')
            break;
    }
    if (made)
        log_info("storage.path: folder %s did not exist and was made", folder);
    return GW_OK;
}

static enum gw_err refuse_network(const char *folder)
{
    struct statfs fs;

    if (statfs(folder, &fs) != 0)
        return GW_OK;
    for (size_t i = 0; i < sizeof(network_types) / sizeof(network_types[0]); i++) {
        if (((unsigned long)fs.f_type & 0xffffffffUL) != network_types[i].type)
            continue;
        log_error("storage.path: %s is on a network or user-space file system (%s), where SQLite "
                  "can lose data; choose a local disk",
                  folder, network_types[i].name);
        return GW_EACCES;
    }
    return GW_OK;
}

enum gw_err file_prepare(const char *path)
{
    char folder[PATH_MAX];
    enum gw_err err;

    if ((err = folder_of(path, folder)) != GW_OK || (err = make_folder(folder)) != GW_OK)
        return err;
    if (access(folder, W_OK | X_OK) != 0) {
        int failed = errno;
        log_error("storage.path: folder %s cannot be written: %s; let the gateway's user write "
                  "there, since SQLite keeps files beside the database",
                  folder, log_errno(failed));
        return from_errno(failed);
    }
    return refuse_network(folder);
}

static void log_holder(int fd, const char *path)
{
    char pid[32] = "";
    ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

    pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
    log_error("database %s is in use by another sensorgw%s%s; stop that one first, or give this "
              "one a storage.path of its own",
              path, pid[0] ? ", process " : "", pid);
}

void file_note(int fd, const char *note)
{
    char text[FILE_NOTE_SIZE + 32];

    /* The process is only a help to people: the lock itself does not depend on it. */
    int n = snprintf(text, sizeof(text), "%ld\n%s\n", (long)getpid(), note);
    if (n >= (int)sizeof(text) || pwrite(fd, text, (size_t)n, 0) != n || ftruncate(fd, n) != 0)
        log_debug("cannot note anything in the lock file: %s", log_errno(errno));
}

/* The second line. */
static void read_note(int fd, char note[static FILE_NOTE_SIZE])
{
    char text[FILE_NOTE_SIZE + 32];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    const char *line = strchr(text, '\n');
    snprintf(note, FILE_NOTE_SIZE, "%s", line ? line + 1 : "");
    note[strcspn(note, "\n")] = '\0';
}

enum gw_err file_lock(const char *path, int *out, char note[static FILE_NOTE_SIZE])
{
    char name[PATH_MAX];

    snprintf(name, sizeof(name), "%s.lock", path);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) {
        int failed = errno;
        log_error("cannot open lock file %s: %s", name, log_errno(failed));
        return from_errno(failed);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        log_holder(fd, path);
        close(fd);
        return GW_EBUSY;
    }
    read_note(fd, note);
    file_note(fd, note);
    *out = fd;
    return GW_OK;
}

bool file_has_log(const char *path)
{
    char name[PATH_MAX];
    struct stat st;

    return snprintf(name, sizeof(name), "%s-wal", path) < PATH_MAX && stat(name, &st) == 0 &&
           st.st_size > 0;
}

bool file_was_ours(const char *path)
{
    char name[PATH_MAX], note[FILE_NOTE_SIZE];

    if (file_has_log(path))
        return true;
    snprintf(name, sizeof(name), "%s.lock", path);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    read_note(fd, note);
    close(fd);
    return note[0] != '\0';
}

/* <path>.corrupt-20260131T235959Z, with a number when two are set aside in one second. */
static void free_name(const char *path, char name[PATH_MAX])
{
    time_t now = (time_t)(clock_wall_us() / US_PER_SECOND);
    char stamp[32];
    struct tm tm;
    struct stat st;

    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
    int n = snprintf(name, PATH_MAX, "%s.corrupt-%s", path, stamp);
    for (int i = 2; stat(name, &st) == 0 && i < 100; i++)
        snprintf(name + n, PATH_MAX - (size_t)n, "-%d", i);
}

enum gw_err file_set_aside(const char *path, const char *why)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    char to[PATH_MAX], from_side[PATH_MAX], to_side[PATH_MAX];

    free_name(path, to);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (snprintf(from_side, PATH_MAX, "%s%s", path, suffixes[i]) >= PATH_MAX ||
            snprintf(to_side, PATH_MAX, "%s%s", to, suffixes[i]) >= PATH_MAX)
            return GW_EINVAL;
        if (rename(from_side, to_side) == 0 || errno == ENOENT)
            continue;
        int failed = errno;
        log_error("cannot rename %s to %s: %s", from_side, to_side, log_errno(failed));
        return from_errno(failed);
    }
    log_error("database %s cannot be used (%s): it is kept as %s, and a new one is begun", path,
              why, to);
    return GW_OK;
}

bool file_is_same(const char *path, const struct stat *was)
{
    struct stat st;

    return stat(path, &st) == 0 && st.st_ino == was->st_ino && st.st_dev == was->st_dev;
}
