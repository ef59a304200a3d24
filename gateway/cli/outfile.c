/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/outfile.h"

#include "gateway/core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_SIZE 262144

__attribute__((format(printf, 2, 3))) static bool refuse(const char *path, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "sensorgw: %s ", path);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return false;
}

static bool make_part(struct outfile *o)
{
    static const char suffix[] = ".part-XXXXXX";
    size_t size = strlen(o->path) + sizeof(suffix);
    mode_t mask = umask(0);

    umask(mask);
    o->part = malloc(size);
    if (!o->part)
        return refuse(o->path, "cannot be written: out of memory");
    snprintf(o->part, size, "%s%s", o->path, suffix);
    int fd = mkostemp(o->part, O_CLOEXEC);
    if (fd < 0) {
        free(o->part);
        o->part = NULL;
        return refuse(o->path, "cannot be written: %s", log_errno(errno));
    }
    o->file = fdopen(fd, "w");
    if (!o->file || fchmod(fd, 0666 & ~mask) != 0) {
        refuse(o->path, "cannot be written: %s", log_errno(errno));
        if (!o->file)
            close(fd);
        outfile_discard(o);
        return false;
    }
    return true;
}

/* Something is there already. */
static bool may_replace(const struct outfile *o, const struct stat *there, const char *database)
{
    struct stat db;

    if (S_ISDIR(there->st_mode))
        return refuse(o->path, "is a folder: name a file in it");
    if (stat(database, &db) == 0 && db.st_dev == there->st_dev && db.st_ino == there->st_ino)
        return refuse(o->path, "is the database itself: choose another name");
    if (S_ISREG(there->st_mode) && !o->force)
        return refuse(o->path, "exists already: --force replaces it");
    return true;
}

bool outfile_open(struct outfile *o, const char *path, bool force, const char *database)
{
    struct stat there;

    *o = (struct outfile){.path = path, .force = force};
    if (!path || strcmp(path, "-") == 0) {
        o->path = NULL;
        o->file = stdout;
    } else if (stat(path, &there) != 0 || S_ISREG(there.st_mode) || S_ISDIR(there.st_mode)) {
        if ((stat(path, &there) == 0 && !may_replace(o, &there, database)) || !make_part(o))
            return false;
    } else if (!(o->file = fopen(path, "we"))) { /* a pipe, or /dev/null */
        return refuse(path, "cannot be written: %s", log_errno(errno));
    }
    setvbuf(o->file, NULL, _IOFBF, BUFFER_SIZE);
    return true;
}

void outfile_discard(struct outfile *o)
{
    if (o->file && o->path)
        fclose(o->file);
    if (o->part)
        unlink(o->part);
    free(o->part);
    o->part = NULL;
    o->file = NULL;
}

/* Not every file system can refuse to replace. */
static bool give_name(const struct outfile *o)
{
    if (!o->force) {
        if (renameat2(AT_FDCWD, o->part, AT_FDCWD, o->path, RENAME_NOREPLACE) == 0)
            return true;
        if (errno != EINVAL && errno != ENOSYS)
            return false;
    }
    return rename(o->part, o->path) == 0;
}

bool outfile_finish(struct outfile *o)
{
    bool ok = !ferror(o->file) && fflush(o->file) == 0;

    if (ok && o->part)
        ok = fsync(fileno(o->file)) == 0 && give_name(o);
    if (!ok)
        refuse(o->path ? o->path : "standard output", "cannot be written: %s", log_errno(errno));
    if (ok && o->part) {
        free(o->part);
        o->part = NULL;
    }
    outfile_discard(o);
    return ok;
}
