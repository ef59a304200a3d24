/* SPDX-License-Identifier: Apache-2.0 */
/* Device templates: those of the file's `templates:`, then of template_dir, then the installed
 * ones. A folder is read when a template is not found before it; all of it, so that what is wrong
 * shows. */
#ifndef SENSORGW_CONFIG_TEMPLATES_H
#define SENSORGW_CONFIG_TEMPLATES_H

#include "config/sections.h"

struct templates;

/* Lives in the arena; its documents until templates_release(). */
struct templates *templates_create(struct arena *arena);
void templates_release(struct templates *t);

/* Checks the file's own ones; reads template_dir when the file names one. */
void templates_read(struct loader *l);

/* The map of the template that the device names, or NULL (reported). */
const struct yaml_node *templates_find(struct loader *l, const struct yaml_node *device,
                                       const char *name);

/* For config_list_templates(). */
void templates_list(struct loader *l, const char *folder,
                    void (*each)(void *arg, const struct config_template *t), void *arg);

#endif
