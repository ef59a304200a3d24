/* SPDX-License-Identifier: Apache-2.0 */
/* Collects the errors of one run, each with its place and path. */
#ifndef SENSORGW_CONFIG_REPORT_H
#define SENSORGW_CONFIG_REPORT_H

#include "config/config.h"
#include "config/yaml.h"

#include <stdarg.h>

#define REPORT_MAX 100

/* Another file than the configuration itself that nodes come from: one with templates. */
struct report_file {
    const struct report_file *next;
    const char *path;
    const struct yaml_node *root;
};

struct config_reporter {
    const struct yaml_node *root;
    const struct report_file *files;
    struct config_errors *errors;
    size_t count; /* all reported, also those beyond REPORT_MAX and repeated ones */
};

/* At a node; key as in config_report(). */
void report_va(struct config_reporter *r, const struct yaml_node *node, const char *key,
               const char *format, va_list args) __attribute__((format(printf, 4, 0)));
/* At the i-th key of a map: its position, its name at the end of the path. */
void report_key(struct config_reporter *r, const struct yaml_node *map, size_t i,
                const char *format, ...) __attribute__((format(printf, 4, 5)));
/* About a whole file (line 0; NULL: the configuration itself), or at a place that has no node. */
void report_place(struct config_reporter *r, const char *file, int line, int column,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));
/* "line 12", or "line 12 of pump.yaml": where a node stands. */
#define REPORT_WHERE_SIZE 128
const char *report_where(const struct config_reporter *r, const struct yaml_node *node,
                         char out[static REPORT_WHERE_SIZE]);

/* File by file, the configuration itself first, each in its order. */
void report_sort(struct config_errors *e);

#endif
