/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/driver.h"
#include "gateway/cli/cli.h"
#include "gateway/core/clock.h"

#include <libgen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void print_span(const char *label, int64_t us, FILE *f)
{
    char buf[CLI_NUMBER_SIZE];

    if (us == 0)
        fprintf(f, "%s for ever", label);
    else
        fprintf(f, "%s %s", label, cli_age(us, buf));
}

static void print_sections(const struct config *c, FILE *f)
{
    fprintf(f, "Gateway %s: %lld workers, queue of %lld readings\n", c->gateway.name,
            (long long)c->gateway.workers, (long long)c->gateway.queue);
    fprintf(f, "Database %s: a transaction every %g s", c->storage.path,
            (double)c->storage.flush_us / 1e6);
    print_span(", raw readings kept", c->storage.retention.raw_us, f);
    print_span(", minutes", c->storage.retention.minute_us, f);
    print_span(", hours", c->storage.retention.hour_us, f);
    if (c->storage.max_size)
        fprintf(f, ", at most %lld MB", (long long)c->storage.max_size / 1000000);
    fputc('\n', f);
    if (c->mqtt.present)
        fprintf(f, "Broker %s: alerts below %s/%s/alerts/\n", c->mqtt.url, c->mqtt.prefix,
                c->gateway.name);
    else
        fprintf(f, "No broker: alerts are stored and logged only\n");
    if (c->http.enabled)
        fprintf(f, "HTTP on %s port %d\n", c->http.host, c->http.port);
}

static void print_sources(const struct config *c, FILE *f)
{
    for (size_t i = 0; i < c->source_count; i++) {
        const struct source_config *s = &c->sources[i];
        const struct driver *driver = driver_find(s->schema->name);
        fprintf(f, "\nSource %s (%s):\n", s->name, s->schema->name);
        if (driver && driver->describe)
            driver->describe(s, f);
    }
}

/* Whether an earlier source is on the same line, which then has been described. */
static bool is_member(const struct config *c, size_t i, const struct driver *driver)
{
    for (size_t k = 0; driver->same_line && k < i; k++) {
        if (c->sources[k].schema == c->sources[i].schema &&
            driver->same_line(&c->sources[k], &c->sources[i]))
            return true;
    }
    return false;
}

static void print_line(const struct config *c, size_t i, const struct driver *driver,
                       const struct source_config **members, FILE *f)
{
    size_t count = 0;

    members[count++] = &c->sources[i];
    for (size_t k = i + 1; driver->same_line && k < c->source_count; k++) {
        if (c->sources[k].schema == c->sources[i].schema &&
            driver->same_line(&c->sources[i], &c->sources[k]))
            members[count++] = &c->sources[k];
    }
    driver->describe_line(members, count, f);
}

static void print_lines(const struct config *c, FILE *f)
{
    const struct source_config **members = calloc(c->source_count, sizeof(*members));
    bool titled = false;

    for (size_t i = 0; members && i < c->source_count; i++) {
        const struct driver *driver = driver_find(c->sources[i].schema->name);
        if (!driver || !driver->describe_line || is_member(c, i, driver))
            continue;
        if (!titled)
            fputs("\nLines:\n", f);
        titled = true;
        print_line(c, i, driver, members, f);
    }
    free(members);
}

static void print_limits(const char *name, const double limit[3], FILE *f)
{
    for (int s = SEVERITY_WARNING; s <= SEVERITY_CRITICAL; s++) {
        if (!isnan(limit[s]))
            fprintf(f, " %s %g (%s)", name, limit[s], severity_name((unsigned)s));
    }
}

static void print_rule(const struct rule_config *r, FILE *f)
{
    fprintf(f, "  %s on %s:", r->name, r->sensor);
    if (r->kind == RULE_STALE) {
        fprintf(f, " no good value for %g s (%s)\n", (double)r->stale_us / 1e6,
                severity_name((unsigned)r->severity));
        return;
    }
    if (r->kind == RULE_QUALITY) {
        fprintf(f, " only bad values for %g s (%s)\n", (double)r->bad_for_us / 1e6,
                severity_name((unsigned)r->severity));
        return;
    }
    if (r->kind == RULE_EXPRESSION)
        fprintf(f, " %s", r->expression);
    if (r->kind == RULE_EXPRESSION && r->expr->is_truth)
        fprintf(f, " (%s)", severity_name((unsigned)r->severity));
    print_limits("above", r->high, f);
    print_limits("below", r->low, f);
    if (r->kind == RULE_RATE) {
        print_limits("changes by more than", r->rate, f);
        fprintf(f, " per %g s", (double)r->per_us / 1e6);
    }
    if (r->hysteresis > 0)
        fprintf(f, ", hysteresis %g", r->hysteresis);
    if (r->for_us > 0)
        fprintf(f, ", for %g s", (double)r->for_us / 1e6);
    fputc('\n', f);
}

void cli_print_plan(const struct config *config, FILE *f)
{
    print_sections(config, f);
    print_sources(config, f);
    print_lines(config, f);
    fprintf(f, "\nRules:%s\n", config->rule_count ? "" : " none");
    for (size_t i = 0; i < config->rule_count; i++)
        print_rule(&config->rules[i], f);
    fprintf(f, "\n%s is valid. Sources: %zu, sensors: %zu, rules: %zu.\n", config->path,
            config->source_count, config->sensor_count, config->rule_count);
}

/* Only a word, since the gateway may run as another user than who asks: as the folder's owner. */
static void warn_of_folder(const char *database)
{
    char *copy = strdup(database);
    const char *folder = copy ? dirname(copy) : ".";
    struct stat st;

    if (stat(folder, &st) == 0 && access(folder, W_OK | X_OK) != 0 &&
        (st.st_uid == 0 || st.st_uid == geteuid()))
        fprintf(stderr,
                "warning: storage.path: you cannot write to folder %s; the user who runs the "
                "gateway must be able to\n",
                folder);
    free(copy);
}

static int check(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {
        {"schema", 's', false}, {"reference", 'r', false}, {"quiet", 'q', false}, {0}};
    struct cli_parser p = {cli, &cli_command_check, options, argc, argv, 0, 0};
    struct config *config;
    bool quiet = false;
    size_t drivers;
    const struct driver_schema *const *schemas = driver_schemas(&drivers);
    int c;

    while ((c = cli_next(&p)) >= 0) {
        if (c == 's') {
            config_write_schema(stdout, schemas, drivers);
            return CLI_OK;
        }
        if (c == 'r') {
            config_write_reference(stdout, schemas, drivers);
            return CLI_OK;
        }
        quiet = true;
    }
    if (c == CLI_STOP)
        return p.status;
    if (argc - p.first > 1)
        return cli_usage_error(p.command, "one file at a time");
    if (p.first < argc)
        cli->config = argv[p.first];
    int status = cli_load_config(cli, &config);
    if (status != CLI_OK)
        return status;
    if (!quiet)
        cli_print_plan(config, stdout);
    warn_of_folder(config->storage.path);
    config_free(config);
    return CLI_OK;
}

const struct command cli_command_check = {
    .name = "check",
    .arguments = "[FILE]",
    .summary = "Checks a configuration and prints what would run.",
    .help = "Prints every error with its line and column; nothing is started or connected.\n\n"
            "  -q, --quiet            only errors and warnings\n"
            "  -s, --schema           print the JSON Schema of the configuration instead\n"
            "  -r, --reference        print the reference page of all options instead\n",
    .run = check,
};
