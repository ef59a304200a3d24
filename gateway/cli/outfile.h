/* SPDX-License-Identifier: Apache-2.0 */
/* Where a command writes to: standard output, or a file that appears under its name only when it is
 * complete. Until then it is called NAME.part-XXXXXX, and is removed on an error or Ctrl-C. */
#ifndef SENSORGW_GATEWAY_CLI_OUTFILE_H
#define SENSORGW_GATEWAY_CLI_OUTFILE_H

#include "gateway/cli/interrupt.h"

#include <stdbool.h>
#include <stdio.h>

struct outfile {
    const char *path; /* borrowed; NULL: standard output */
    char *part;       /* the name until it is complete; NULL: `path` is no file but a device */
    FILE *file;
    bool force;
};

/* `path` NULL or "-" is standard output. Says on standard error what is wrong, and returns false: a
 * file that exists is only replaced with `force`, and never if it is the database itself. */
bool outfile_open(struct outfile *o, const char *path, bool force, const char *database);
/* Makes it durable and gives it its name; false, with a word on standard error: it failed, and
 * nothing is left of it. */
bool outfile_finish(struct outfile *o);
/* Leaves nothing of it. */
void outfile_discard(struct outfile *o);

#endif
