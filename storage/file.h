/* SPDX-License-Identifier: Apache-2.0 */
/* The database file as seen from outside: its folder, its lock, where it may lie, and how a damaged
 * one is set aside. Nothing here opens the database itself: closing any descriptor of it would drop
 * SQLite's locks. */
#ifndef SENSORGW_STORAGE_FILE_H
#define SENSORGW_STORAGE_FILE_H

#include "gateway/core/err.h"

#include <stdbool.h>
#include <sys/stat.h>

/* Makes the missing folders of the path (mode 0750), and checks that the last one can be written
 * and is on no network file system, whose locks and shared memory SQLite's WAL cannot rely on. */
enum gw_err file_prepare(const char *path);

#define FILE_NOTE_SIZE 96

/* Takes <path>.lock for this process, until *out is closed, and gives the note that the last holder
 * left there ("" for none). GW_EBUSY: another one holds it. */
enum gw_err file_lock(const char *path, int *out, char note[static FILE_NOTE_SIZE]);

/* Leaves a line of text in the lock file; fd: of file_lock(). Not synced to the disk. */
void file_note(int fd, const char *note);

/* Whether it has a -wal beside it that is not empty. */
bool file_has_log(const char *path);

/* Whether a gateway has had this file: it lies beside a -wal that is not empty, or a .lock with a
 * note in it. For a file whose content does not tell any more. */
bool file_was_ours(const char *path);

/* Renames the database with its -wal and -shm to <path>.corrupt-<UTC time>. */
enum gw_err file_set_aside(const char *path, const char *why);

/* True while `path` is still the file that `was` describes. */
bool file_is_same(const char *path, const struct stat *was);

#endif
