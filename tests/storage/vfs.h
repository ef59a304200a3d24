/* SPDX-License-Identifier: Apache-2.0 */
/* A VFS between SQLite and the disk, for tests and benchmarks: it counts what is written, can keep
 * it all with its order (from which a power cut is replayed), and fails on request. Header only;
 * one thread. */
#ifndef SENSORGW_TESTS_STORAGE_VFS_H
#define SENSORGW_TESTS_STORAGE_VFS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum vfs_kind { VFS_WRITE, VFS_TRUNCATE, VFS_DELETE, VFS_SYNC, VFS_MARK };

struct vfs_event {
    enum vfs_kind kind;
    int file;       /* index into vfs.files */
    int64_t offset; /* VFS_TRUNCATE: the new size; VFS_MARK: the caller's number */
    int size;
    void *data; /* VFS_WRITE with `record`; owned by vfs.events */
};

#define VFS_FILES 8
#define VFS_BLOCK 4096

static struct {
    /* counts, reset by the caller */
    int64_t bytes[VFS_FILES], syncs, calls_of_sync;
    int64_t device_bytes; /* whole blocks that each sync had to bring to the device */
    /* requests */
    bool record;
    bool count_only;              /* syncs do nothing */
    int fail_sync_at, fail_syncs; /* the n-th sync from now fails, and that many in all */
    bool is_full;                 /* writes that need room fail */
    bool fail_writes;             /* writes fail, whatever they are */
    /* what happened */
    struct vfs_event *events;
    size_t count, capacity;
    char files[VFS_FILES][256];
    int file_count;
    unsigned char *dirty[VFS_FILES]; /* by block: written since the last sync */
    size_t blocks[VFS_FILES];

    sqlite3_vfs base;
    sqlite3_vfs *real;
} vfs;

struct vfs_file {
    sqlite3_file base;
    int file;
    sqlite3_file *real; /* behind this struct, in the same piece of memory */
};

/* The file's number; −1: one of no interest (temporary). */
static int vfs_file_number(const char *path)
{
    if (!path)
        return -1;
    for (int i = 0; i < vfs.file_count; i++) {
        if (strcmp(vfs.files[i], path) == 0)
            return i;
    }
    if (vfs.file_count == VFS_FILES)
        return -1;
    snprintf(vfs.files[vfs.file_count], sizeof(vfs.files[0]), "%s", path);
    return vfs.file_count++;
}

static void vfs_note(enum vfs_kind kind, int file, int64_t offset, const void *data, int size)
{
    if (!vfs.record || (file < 0 && kind != VFS_MARK))
        return;
    if (vfs.count == vfs.capacity) {
        vfs.capacity = vfs.capacity ? vfs.capacity * 2 : 1024;
        vfs.events = realloc(vfs.events, vfs.capacity * sizeof(*vfs.events));
    }
    struct vfs_event *e = &vfs.events[vfs.count++];
    *e = (struct vfs_event){.kind = kind, .file = file, .offset = offset, .size = size};
    if (data) {
        e->data = malloc((size_t)size);
        memcpy(e->data, data, (size_t)size);
    }
}

static void vfs_mark_dirty(int file, int64_t offset, int size)
{
    size_t last = (size_t)(offset + size - 1) / VFS_BLOCK;

    if (last >= vfs.blocks[file]) {
        size_t blocks = last * 2 + 64;
        vfs.dirty[file] = realloc(vfs.dirty[file], blocks);
        memset(vfs.dirty[file] + vfs.blocks[file], 0, blocks - vfs.blocks[file]);
        vfs.blocks[file] = blocks;
    }
    for (size_t block = (size_t)offset / VFS_BLOCK; block <= last; block++)
        vfs.dirty[file][block] = 1;
}

static void vfs_clean(int file)
{
    for (size_t block = 0; block < vfs.blocks[file]; block++) {
        vfs.device_bytes += vfs.dirty[file][block] ? VFS_BLOCK : 0;
        vfs.dirty[file][block] = 0;
    }
}

static void vfs_forget(void)
{
    for (int f = 0; f < VFS_FILES; f++) {
        free(vfs.dirty[f]);
        vfs.dirty[f] = NULL;
        vfs.blocks[f] = 0;
    }
    vfs.device_bytes = 0;
    for (size_t i = 0; i < vfs.count; i++)
        free(vfs.events[i].data);
    free(vfs.events);
    vfs.events = NULL;
    vfs.count = vfs.capacity = 0;
    vfs.file_count = 0;
    memset(vfs.bytes, 0, sizeof(vfs.bytes));
    vfs.syncs = vfs.calls_of_sync = 0;
}

static sqlite3_file *vfs_real(sqlite3_file *f)
{
    return ((struct vfs_file *)f)->real;
}

static int vfs_close(sqlite3_file *f)
{
    return vfs_real(f)->pMethods->xClose(vfs_real(f));
}

static int vfs_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    return vfs_real(f)->pMethods->xRead(vfs_real(f), to, n, at);
}

static int vfs_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    struct vfs_file *file = (struct vfs_file *)f;
    sqlite3_int64 size = 0;

    if (vfs.fail_writes)
        return SQLITE_IOERR_WRITE;
    if (vfs.is_full &&
        (vfs_real(f)->pMethods->xFileSize(vfs_real(f), &size) != SQLITE_OK || at + n > size))
        return SQLITE_FULL;
    int rc = vfs_real(f)->pMethods->xWrite(vfs_real(f), from, n, at);
    if (rc == SQLITE_OK && file->file >= 0) {
        vfs.bytes[file->file] += n;
        vfs_mark_dirty(file->file, at, n);
        vfs_note(VFS_WRITE, file->file, at, from, n);
    }
    return rc;
}

static int vfs_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int rc = vfs_real(f)->pMethods->xTruncate(vfs_real(f), size);

    if (rc == SQLITE_OK)
        vfs_note(VFS_TRUNCATE, ((struct vfs_file *)f)->file, size, NULL, 0);
    return rc;
}

static int vfs_sync(sqlite3_file *f, int flags)
{
    vfs.calls_of_sync++;
    if (vfs.fail_syncs > 0 && --vfs.fail_sync_at <= 0) {
        vfs.fail_syncs--;
        return SQLITE_IOERR_FSYNC;
    }
    int rc = vfs.count_only ? SQLITE_OK : vfs_real(f)->pMethods->xSync(vfs_real(f), flags);
    if (rc == SQLITE_OK) {
        vfs.syncs++;
        if (((struct vfs_file *)f)->file >= 0)
            vfs_clean(((struct vfs_file *)f)->file);
        vfs_note(VFS_SYNC, ((struct vfs_file *)f)->file, 0, NULL, 0);
    }
    return rc;
}

static int vfs_file_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return vfs_real(f)->pMethods->xFileSize(vfs_real(f), size);
}

static int vfs_lock(sqlite3_file *f, int level)
{
    return vfs_real(f)->pMethods->xLock(vfs_real(f), level);
}

static int vfs_unlock(sqlite3_file *f, int level)
{
    return vfs_real(f)->pMethods->xUnlock(vfs_real(f), level);
}

static int vfs_check_lock(sqlite3_file *f, int *out)
{
    return vfs_real(f)->pMethods->xCheckReservedLock(vfs_real(f), out);
}

static int vfs_control(sqlite3_file *f, int op, void *arg)
{
    return vfs_real(f)->pMethods->xFileControl(vfs_real(f), op, arg);
}

static int vfs_sector_size(sqlite3_file *f)
{
    return vfs_real(f)->pMethods->xSectorSize(vfs_real(f));
}

static int vfs_characteristics(sqlite3_file *f)
{
    return vfs_real(f)->pMethods->xDeviceCharacteristics(vfs_real(f));
}

static int vfs_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return vfs_real(f)->pMethods->xShmMap(vfs_real(f), page, size, extend, out);
}

static int vfs_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return vfs_real(f)->pMethods->xShmLock(vfs_real(f), offset, n, flags);
}

static void vfs_shm_barrier(sqlite3_file *f)
{
    vfs_real(f)->pMethods->xShmBarrier(vfs_real(f));
}

static int vfs_shm_unmap(sqlite3_file *f, int remove)
{
    return vfs_real(f)->pMethods->xShmUnmap(vfs_real(f), remove);
}

static int vfs_open(sqlite3_vfs *self, const char *name, sqlite3_file *f, int flags, int *out)
{
    static const sqlite3_io_methods methods = {
        .iVersion = 2,
        .xClose = vfs_close,
        .xRead = vfs_read,
        .xWrite = vfs_write,
        .xTruncate = vfs_truncate,
        .xSync = vfs_sync,
        .xFileSize = vfs_file_size,
        .xLock = vfs_lock,
        .xUnlock = vfs_unlock,
        .xCheckReservedLock = vfs_check_lock,
        .xFileControl = vfs_control,
        .xSectorSize = vfs_sector_size,
        .xDeviceCharacteristics = vfs_characteristics,
        .xShmMap = vfs_shm_map,
        .xShmLock = vfs_shm_lock,
        .xShmBarrier = vfs_shm_barrier,
        .xShmUnmap = vfs_shm_unmap,
    };
    struct vfs_file *file = (struct vfs_file *)f;

    (void)self;
    file->real = (sqlite3_file *)(file + 1);
    file->file = vfs_file_number(name);
    int rc = vfs.real->xOpen(vfs.real, name, file->real, flags, out);
    f->pMethods = file->real->pMethods ? &methods : NULL;
    return rc;
}

static int vfs_delete(sqlite3_vfs *self, const char *name, int sync_dir)
{
    (void)self;
    int rc = vfs.real->xDelete(vfs.real, name, sync_dir);
    if (rc == SQLITE_OK)
        vfs_note(VFS_DELETE, vfs_file_number(name), 0, NULL, 0);
    return rc;
}

/* From now on every connection goes through it. */
static void vfs_install(void)
{
    if (vfs.real)
        return;
    vfs.real = sqlite3_vfs_find(NULL);
    vfs.base = *vfs.real;
    vfs.base.zName = "test";
    vfs.base.szOsFile = (int)sizeof(struct vfs_file) + vfs.real->szOsFile;
    vfs.base.xOpen = vfs_open;
    vfs.base.xDelete = vfs_delete;
    sqlite3_vfs_register(&vfs.base, 1);
}

/* And from now on none; open connections must be closed before. What was recorded stays until
 * vfs_forget(). */
__attribute__((unused)) static void vfs_uninstall(void)
{
    if (!vfs.real)
        return;
    sqlite3_vfs_unregister(&vfs.base);
    vfs.real = NULL;
    vfs.count_only = vfs.record = vfs.is_full = vfs.fail_writes = false;
    vfs.fail_syncs = 0;
}

#endif
