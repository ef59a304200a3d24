/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/cli.h"

#include "config/option.h"
#include "drivers/driver.h"
#include "gateway/core/clock.h"
#include "storage/query.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const usual_places[] = {"sensorgw.yaml", "/etc/sensorgw/sensorgw.yaml"};

const char *cli_config_path(const struct cli *cli)
{
    if (cli->config)
        return cli->config;
    for (size_t i = 0; i < sizeof(usual_places) / sizeof(usual_places[0]); i++) {
        if (access(usual_places[i], R_OK) == 0)
            return usual_places[i];
    }
    return NULL;
}

int cli_load_config(const struct cli *cli, struct config **out)
{
    const char *path = cli_config_path(cli);
    struct config_errors errors = {0};
    size_t drivers;

    if (!path) {
        fprintf(stderr, "sensorgw: no configuration: neither ./sensorgw.yaml nor "
                        "/etc/sensorgw/sensorgw.yaml is there; name one with -c FILE\n");
        return CLI_FAILED;
    }
    const struct driver_schema *const *schemas = driver_schemas(&drivers);
    enum gw_err err = config_load(path, schemas, drivers, out, &errors);
    if (err != GW_OK) {
        config_errors_print(&errors, path, stderr);
        if (errors.count == 0)
            fprintf(stderr, "%s: %s\n", path, gw_strerror(err));
        else
            fprintf(stderr, "%s: %zu error%s%s\n", path, errors.count, errors.count == 1 ? "" : "s",
                    errors.truncated ? " shown, there are more" : "");
    }
    config_errors_free(&errors);
    return err == GW_OK ? CLI_OK : CLI_FAILED;
}

int cli_load_places(const struct cli *cli, struct config **out)
{
    const char *path = cli_config_path(cli);

    if (path && config_load_places(path, out) == GW_OK)
        return CLI_OK;
    return cli_load_config(cli, out); /* which says what is wrong */
}

int cli_find_config(const struct cli *cli, struct config **out)
{
    const char *path = cli_config_path(cli);
    struct config_errors errors = {0};
    size_t drivers;
    const struct driver_schema *const *schemas = driver_schemas(&drivers);

    enum gw_err err = path ? config_load(path, schemas, drivers, out, &errors) : GW_ENOENT;
    config_errors_free(&errors);
    return err == GW_OK ? CLI_OK : CLI_FAILED;
}

int cli_database_path(const struct cli *cli, char **out)
{
    struct config *config = NULL;
    int status = CLI_OK;

    if (!cli->database && (status = cli_load_config(cli, &config)) != CLI_OK)
        return status;
    *out = strdup(cli->database ? cli->database : config->storage.path);
    config_free(config);
    return *out ? CLI_OK : CLI_FAILED;
}

int cli_database_error(const char *path, enum gw_err err)
{
    const char *why = gw_strerror(err);

    if (err == GW_ENOTDB || err == GW_EFOREIGN) {
        fprintf(stderr, "sensorgw: %s is no database of sensorgw (%s)\n", path, why);
        return CLI_FAILED;
    }
    if (err == GW_ENOENT)
        why = "it does not exist. Has the gateway run yet? --database names another file";
    else if (err == GW_ECORRUPT)
        why = "it is damaged, or empty";
    else if (err == GW_EINVAL)
        why = "it is not of the version that this program knows";
    else if (err == GW_EACCES)
        why = "not permitted. Join the gateway's group, or become root";
    fprintf(stderr, "sensorgw: cannot read database %s: %s\n", path, why);
    return CLI_FAILED;
}

bool cli_is_database_error(enum gw_err err)
{
    return err == GW_ENOENT || err == GW_ECORRUPT || err == GW_EACCES || err == GW_ENOTDB ||
           err == GW_EFOREIGN;
}

int cli_open_database(const struct cli *cli, struct query **out)
{
    char *path = NULL;
    int status = cli_database_path(cli, &path);

    if (status != CLI_OK)
        return status;
    enum gw_err err = query_open(out, path);
    if (err != GW_OK)
        status = cli_database_error(path, err);
    free(path);
    return status;
}

int cli_unknown_sensor(struct query *q, const char *name)
{
    bool pattern = strpbrk(name, "*?[") != NULL;
    char *like = pattern ? NULL : query_suggest(q, name);

    fprintf(stderr, "sensorgw: no sensor is %s '%s'", pattern ? "named like" : "called", name);
    if (like)
        fprintf(stderr, "; did you mean '%s'?\n", like);
    else
        fprintf(stderr, "; 'sensorgw sensors' lists them\n");
    free(like);
    return CLI_FAILED;
}

/* RFC 3339's end of a time: nothing or Z for UTC, or +hh:mm. */
static bool parse_offset(const char *text, int64_t *us)
{
    int hours, minutes, used = 0;

    *us = 0;
    if (text[0] == '\0' || strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
        return true;
    if (strspn(text + 1, "0123456789:") != 5 ||
        sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || used != 5 || text[6] ||
        hours > 23 || minutes > 59 || (text[0] != '+' && text[0] != '-'))
        return false;
    *us = (text[0] == '-' ? -1 : 1) * (hours * US_PER_HOUR + minutes * US_PER_MINUTE);
    return true;
}

static bool parse_calendar(const char *text, int64_t *out)
{
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
                                        "%Y-%m-%d %H:%M", "%Y-%m-%d"};
    int64_t offset;

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm tm = {0};
        const char *end = strptime(text, forms[i], &tm);
        int day = tm.tm_mday;
        if (!end)
            continue;
        int64_t us = (int64_t)timegm(&tm) * US_PER_SECOND;
        if (tm.tm_mday != day) /* it has made March of the 30th of February */
            return false;
        if (*end == '.') {
            double part = strtod(end, NULL);
            end += 1 + strspn(end + 1, "0123456789");
            us += (int64_t)llround(part * 1e6);
        }
        if (!parse_offset(end, &offset))
            continue;
        *out = us - offset;
        return true;
    }
    return false;
}

bool cli_parse_time(const char *text, int64_t now_us, int64_t *out)
{
    int64_t ago;

    if (strcmp(text, "now") == 0) {
        *out = now_us;
        return true;
    }
    if (option_parse_timespan(text, &ago)) {
        *out = now_us - ago;
        return true;
    }
    return parse_calendar(text, out);
}

const char *cli_number(double value, char buf[static CLI_NUMBER_SIZE])
{
    /* %g leaves out zeros at the end, so fewer than 15 need no trial. */
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buf, CLI_NUMBER_SIZE, "%.*g", digits, value);
        if (strtod(buf, NULL) == value)
            break;
    }
    return buf;
}

const char *cli_rounded(double value, char buf[static CLI_NUMBER_SIZE])
{
    snprintf(buf, CLI_NUMBER_SIZE, "%.10g", value);
    return buf;
}

const char *cli_age(int64_t us, char buf[static CLI_NUMBER_SIZE])
{
    int64_t s = us / US_PER_SECOND;

    if (s < 120)
        snprintf(buf, CLI_NUMBER_SIZE, "%d s", (int)s);
    else if (s < 7200)
        snprintf(buf, CLI_NUMBER_SIZE, "%d min", (int)(s / 60));
    else if (s < INT64_C(172800))
        snprintf(buf, CLI_NUMBER_SIZE, "%d h", (int)(s / 3600));
    else
        snprintf(buf, CLI_NUMBER_SIZE, "%lld d", (long long)(s / 86400));
    return buf;
}

void cli_json_begin(struct cli_json *j)
{
    j->any = false;
    fputs("[", stdout);
}

void cli_json_item(struct cli_json *j, cJSON *item)
{
    char *text = cJSON_PrintUnformatted(item);

    printf("%s\n%s", j->any ? "," : "", text ? text : "null");
    j->any = true;
    cJSON_free(text);
    cJSON_Delete(item);
}

void cli_json_end(struct cli_json *j)
{
    fputs(j->any ? "\n]\n" : "]\n", stdout);
}

void cli_json_number(cJSON *object, const char *key, double value)
{
    if (isnan(value))
        cJSON_AddNullToObject(object, key);
    else
        cJSON_AddNumberToObject(object, key, value);
}

void cli_json_value(cJSON *object, const char *key, double value, bool is_integer, int64_t integer)
{
    char exact[CLI_NUMBER_SIZE];

    if (!is_integer) {
        cli_json_number(object, key, value);
        return;
    }
    snprintf(exact, sizeof(exact), "%" PRId64, integer);
    cJSON_AddRawToObject(object, key, exact);
}

void cli_json_time(cJSON *object, const char *key, int64_t us)
{
    char buf[CLOCK_UTC_SIZE];

    if (us == 0)
        cJSON_AddNullToObject(object, key);
    else
        cJSON_AddStringToObject(object, key, clock_format_utc(us, 3, buf));
}
