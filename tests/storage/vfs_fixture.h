/* SPDX-License-Identifier: Apache-2.0 */
/* A store that writes through our VFS (vfs.h), with a checkpoint every few pages, so that a short
 * test meets many. Header only. */
#ifndef SENSORGW_TESTS_STORAGE_VFS_FIXTURE_H
#define SENSORGW_TESTS_STORAGE_VFS_FIXTURE_H

#include "tests/storage/fixture.h"
#include "tests/storage/vfs.h"

static int vfs_checkpoint_pages;

static int vfs_checkpoint_often(sqlite3 *db, char **error, const struct sqlite3_api_routines *api)
{
    (void)error;
    (void)api;
    return sqlite3_wal_autocheckpoint(db, vfs_checkpoint_pages);
}

/* Connections that are opened from now on. */
static void vfs_begin(int checkpoint_pages)
{
    vfs_install();
    vfs_checkpoint_pages = checkpoint_pages;
    sqlite3_auto_extension((void (*)(void))vfs_checkpoint_often);
}

static void vfs_end(void)
{
    sqlite3_reset_auto_extension();
    vfs_uninstall();
}

/* Of a test: the store is closed while its VFS is there. */
static int vfs_teardown(void **state)
{
    fixture_close(*state);
    vfs_end();
    vfs_forget();
    return fixture_teardown(state);
}

#endif
