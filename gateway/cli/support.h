/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a support bundle. Each writes what it can find out, or why it cannot. */
#ifndef SENSORGW_GATEWAY_CLI_SUPPORT_H
#define SENSORGW_GATEWAY_CLI_SUPPORT_H

#include "config/redact.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/daemon.h"

struct support {
    const char *config_path; /* NULL: there is none */
    char *folder;            /* of the configuration */
    char *templates;         /* the folder of its own ones */
    struct config *config;   /* NULL: it is not valid */
    char *database;          /* NULL: not known */
    struct daemon *daemon;   /* NULL: it cannot be asked, for the reason `why` */
    const char *why;
    struct redact *redact; /* gets to know the secrets of the configuration */
    FILE *f;
};

/* What was asked for is not there, for the reason of errno. */
void support_cannot(struct support *s, const char *path);

/* support_system.c */
void support_versions(struct support *s);
void support_files(struct support *s); /* owners and permissions, room on the disks */
void support_journal(struct support *s);

/* support_config.c */
void support_config(struct support *s);
void support_templates(struct support *s);
void support_check(struct support *s);

/* support_run.c */
void support_health(struct support *s);
void support_sources(struct support *s);
void support_figures(struct support *s);
void support_database(struct support *s);
void support_log(struct support *s);

#endif
