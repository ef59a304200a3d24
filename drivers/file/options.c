/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/file/options.h"

#include "drivers/file/parse.h"

#include <stddef.h>
#include <stdlib.h>

static const char *const format_choices[] = {"auto", "number", "w1", NULL};

/* A row's offset says which field of the struct it fills. */
#define AT(field) offsetof(struct file_sensor, field)
const struct option file_sensor_options[] = {
    {.key = "path",
     .type = OPTION_STRING,
     .offset = AT(path),
     .help = "The file, like /sys/class/thermal/thermal_zone0/temp"},
    {.key = "format",
     .type = OPTION_ENUM,
     .offset = AT(format),
     .fallback = "auto",
     .choices = format_choices,
     .help = "number: the file begins with one; w1: a w1_slave file of a 1-wire thermometer, in "
             "°C; auto: w1 for a file that looks like one"},
    {.key = "match",
     .type = OPTION_STRING,
     .offset = AT(match),
     .fallback = OPTION_OPTIONAL,
     .help = "POSIX extended regular expression with one group around the number, for other files"},
    {0}};

/* The source itself has no keys of its own. */
const struct option file_source_options[] = {{0}};

void file_check_sensor(struct sensor_config *c, const struct device_config *device,
                       struct config_reporter *r)
{
    struct file_sensor *o = c->options;
    char why[128];

    (void)device;
    if (o->path[0] != '/')
        config_report(r, c->node, "path", "'%s' must begin with '/'", o->path);
    if (!o->match)
        return;
    regex_t *regex = malloc(sizeof(*regex));
    if (!regex)
        return;
    int failed = regcomp(regex, o->match, REG_EXTENDED | REG_NEWLINE);
    if (failed) {
        regerror(failed, regex, why, sizeof(why));
        config_report(r, c->node, "match", "is no regular expression: %s", why);
        free(regex);
        return;
    }
    o->regex = regex;
    if (regex->re_nsub < 1)
        config_report(r, c->node, "match", "needs a group, like temp=([0-9.]+)");
    if (o->format != FILE_AUTO)
        config_report(r, c->node, "format", "and match exclude each other");
}

void file_free_sensor(void *options)
{
    struct file_sensor *o = options;

    if (o->regex)
        regfree(o->regex);
    free(o->regex);
    o->regex = NULL;
}
