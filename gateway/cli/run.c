/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/progress.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/gateway.h"
#include "gateway/health.h"
#include "gateway/notify.h"
#include "gateway/watchdog.h"
#include "version.h"

#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A closed pipe or a full file must come back as an error, not end the gateway. */
static void prepare_process(sigset_t *stop_signals)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    sigemptyset(stop_signals);
    sigaddset(stop_signals, SIGTERM);
    sigaddset(stop_signals, SIGINT);
    sigaddset(stop_signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, stop_signals, NULL);
    umask(0027);
    mallopt(M_ARENA_MAX, 2); /* a dozen threads that hardly allocate need no arena each */
}

/* A line for `systemctl status`, when it is another than before. */
static void tell_health(struct gateway *g, char last[HEALTH_TEXT])
{
    struct health_report report;
    char line[HEALTH_TEXT];

    gateway_health(g, &report);
    if (strcmp(health_line(&report, line), last) == 0)
        return;
    notify_status(line);
    memcpy(last, line, sizeof(line));
}

/* A second, or less when the watchdog of the service manager wants it. */
static struct timespec tick(void)
{
    int64_t us = notify_watchdog_us() / 3;

    if (us == 0 || us > US_PER_SECOND)
        us = US_PER_SECOND;
    return (struct timespec){.tv_sec = us / US_PER_SECOND,
                             .tv_nsec = (long)(us % US_PER_SECOND) * 1000};
}

/* Runs until SIGTERM or SIGINT. */
static void follow(struct gateway *g, const sigset_t *signals, bool quiet)
{
    struct progress progress;
    struct watchdog watchdog;
    struct gateway_status status;
    char health[HEALTH_TEXT] = "";
    const struct timespec wait = tick();

    progress_init(&progress, quiet);
    watchdog_init(&watchdog, notify_alive);
    notify_ready();
    for (;;) {
        int signal = sigtimedwait(signals, NULL, &wait);
        if (signal == SIGTERM || signal == SIGINT)
            break;
        if (signal == SIGHUP)
            gateway_reload(g);
        gateway_sample(g);
        gateway_status(g, &status);
        progress_update(&progress, &status);
        tell_health(g, health);
        watchdog_look(&watchdog, clock_mono_us());
    }
    progress_fini(&progress);
    notify_stopping();
    log_info("stopping");
    /* Whoever asks a second time does not want to wait. */
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, signals, NULL);
}

static void print_summary(const struct gateway_summary *s)
{
    char drops[512] = "";
    size_t n = 0;

    for (int why = 0; why < DROP_REASON_COUNT; why++) {
        if (s->total.dropped[why] > 0 && n < sizeof(drops))
            n += (size_t)snprintf(drops + n, sizeof(drops) - n, "%s%s %" PRIu64, n ? ", " : " (",
                                  drop_reason_name((enum drop_reason)why), s->total.dropped[why]);
    }
    if (n > 0 && n < sizeof(drops) - 1)
        strcat(drops, ")");
    log_info("stopped after %.1f s: accepted %" PRIu64 " = committed %" PRIu64 " + dropped %" PRIu64
             "%s; alerts raised %" PRId64 ", cleared %" PRId64 ", published %" PRId64,
             (double)s->ran_us / 1e6, s->total.accepted, s->total.committed,
             ledger_dropped(&s->total), drops, s->alerts_raised, s->alerts_cleared,
             s->alerts_published);
    if (s->lost != 0)
        log_error("%" PRId64 " accepted readings are neither committed nor counted as dropped",
                  (int64_t)s->lost);
}

static void add_entry(cJSON *object, const struct ledger_entry *e)
{
    cJSON_AddNumberToObject(object, "accepted", (double)e->accepted);
    cJSON_AddNumberToObject(object, "committed", (double)e->committed);
    cJSON *dropped = cJSON_AddObjectToObject(object, "dropped");
    for (int why = 0; why < DROP_REASON_COUNT; why++)
        cJSON_AddNumberToObject(dropped, drop_reason_name((enum drop_reason)why),
                                (double)e->dropped[why]);
}

static cJSON *summary_json(const struct gateway_summary *s)
{
    cJSON *root = cJSON_CreateObject();

    add_entry(root, &s->total);
    cJSON_AddNumberToObject(root, "in_flight", (double)(int64_t)s->lost);
    cJSON_AddNumberToObject(root, "alerts_raised", (double)s->alerts_raised);
    cJSON_AddNumberToObject(root, "alerts_cleared", (double)s->alerts_cleared);
    cJSON_AddNumberToObject(root, "alerts_published", (double)s->alerts_published);
    cJSON_AddNumberToObject(root, "seconds", (double)s->ran_us / 1e6);
    cJSON *sources = cJSON_AddObjectToObject(root, "sources");
    for (size_t i = 0; s->sources && i < s->source_count; i++)
        add_entry(cJSON_AddObjectToObject(sources, s->sources[i].name), &s->sources[i].books);
    return root;
}

static void write_summary(const char *path, const struct gateway_summary *s)
{
    FILE *f = fopen(path, "we");
    if (!f) {
        log_error("cannot write %s", path);
        return;
    }
    cJSON *root = summary_json(s);
    char *text = cJSON_Print(root);
    fprintf(f, "%s\n", text ? text : "{}");
    cJSON_free(text);
    cJSON_Delete(root);
    fclose(f);
}

/* What starting again will not mend is told apart, so that a service manager can leave it. */
static int status_of(enum gw_err err)
{
    if (err == GW_EBUSY)
        return CLI_BUSY;
    bool needs_mending = err == GW_ECONFIG || err == GW_EACCES || err == GW_EINVAL ||
                         err == GW_ENOENT || err == GW_ENOTDB || err == GW_EFOREIGN;
    return needs_mending ? CLI_CONFIG : CLI_FAILED;
}

static int run_config(const struct config *config, const char *summary_path, bool quiet)
{
    struct gateway_summary summary;
    struct gateway *g;
    sigset_t signals;

    prepare_process(&signals);
    gateway_configure_log(config);
    log_info("sensorgw %s, gateway %s. Sources: %zu, sensors: %zu, rules: %zu", SENSORGW_VERSION,
             config->gateway.name, config->source_count, config->sensor_count, config->rule_count);
    enum gw_err err = gateway_start(&g, config);
    if (err != GW_OK)
        return status_of(err);
    follow(g, &signals, quiet);
    gateway_stop(g, &summary);
    print_summary(&summary);
    if (summary_path)
        write_summary(summary_path, &summary);
    int status = summary.lost == 0 ? CLI_OK : CLI_FAILED;
    gateway_summary_fini(&summary);
    return status;
}

static int run(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {
        {"quiet", 'q', false}, {"summary-json", 'S', true}, {0}};
    struct cli_parser p = {cli, &cli_command_run, options, argc, argv, 0, 0};
    const char *summary_path = NULL;
    struct config *config;
    bool quiet = false;
    int c;

    while ((c = cli_next(&p)) >= 0) {
        if (c == 'q')
            quiet = true;
        else
            summary_path = cli_argument();
    }
    if (c == CLI_STOP)
        return p.status;
    int status = cli_no_operands(&p);
    if (status != CLI_OK)
        return status;
    if (cli_load_config(cli, &config) != CLI_OK)
        return CLI_CONFIG;
    status = run_config(config, summary_path, quiet);
    config_free(config);
    return status;
}

const struct command cli_command_run = {
    .name = "run",
    .arguments = "",
    .summary = "Runs the gateway until SIGTERM or SIGINT (Ctrl-C).",
    .help =
        "On a terminal a line shows what is going on; otherwise the log has one a minute.\n"
        "The last line of the log counts what was accepted, committed and dropped.\n"
        "Exit status, besides those of all commands: 75 another program has what it needs, the\n"
        "database or the port of http.listen; 78 the configuration, the database's folder or\n"
        "what lies at storage.path must be mended first.\n\n"
        "  -q, --quiet            no such lines\n"
        "  -S, --summary-json FILE\n"
        "                         the counts of the last line as JSON, for each source too\n",
    .run = run,
};
