/* SPDX-License-Identifier: Apache-2.0 */
/* sensorgw alerts --undelivered */
#include "drivers/mqtt/link.h"
#include "gateway/cli/listing.h"
#include "gateway/core/clock.h"
#include "gateway/outbox.h"
#include "storage/query.h"

static const char *why(const struct undelivered_row *row)
{
    if (row->failed_us == 0)
        return "waits for the broker";
    if (row->reason_code == OUTBOX_UNSENDABLE)
        return "its names cannot be a topic";
    return row->reason_code < 0 ? "the connection was lost each time it was sent"
                                : link_reason(row->reason_code);
}

static cJSON *row_json(const struct undelivered_row *row)
{
    cJSON *o = cJSON_CreateObject();
    char id[64];

    snprintf(id, sizeof(id), "%s-%lld", row->instance, (long long)row->alert_id);
    cJSON_AddStringToObject(o, "id", id);
    cJSON_AddNumberToObject(o, "seq", (double)row->seq);
    cJSON_AddStringToObject(o, "sensor", row->sensor);
    cJSON_AddStringToObject(o, "rule", row->rule);
    cJSON_AddStringToObject(o, "state", row->state);
    cJSON_AddStringToObject(o, "severity", row->severity);
    cli_json_time(o, "time", row->time_us);
    cli_json_time(o, "given_up", row->failed_us);
    if (row->failed_us == 0)
        cJSON_AddNullToObject(o, "reason_code");
    else
        cJSON_AddNumberToObject(o, "reason_code", row->reason_code);
    cJSON_AddStringToObject(o, "why", why(row));
    return o;
}

static bool each(void *arg, const struct undelivered_row *row)
{
    struct listing *l = arg;
    char time[CLOCK_UTC_SIZE], seq[24], code[16] = "-";

    if (l->as_json) {
        cli_json_item(&l->json, row_json(row));
        return true;
    }
    snprintf(seq, sizeof(seq), "%lld", (long long)row->seq);
    if (row->failed_us != 0 && row->reason_code >= 0)
        snprintf(code, sizeof(code), "0x%02x", (unsigned)row->reason_code);
    const char *cells[] = {
        seq,     clock_format_utc(row->time_us, 0, time), row->state, row->sensor, row->rule, code,
        why(row)};
    table_add(l->table, cells);
    return true;
}

int cli_undelivered(const struct cli *cli, size_t limit, bool as_json)
{
    static const char *const titles[] = {">SEQ", "TIME", "STATE", "SENSOR",
                                         "RULE", "CODE", "WHY",   NULL};
    struct listing l = {.as_json = as_json};
    struct query *q;
    int status = CLI_FAILED;

    if (cli_open_database(cli, &q) != CLI_OK)
        return CLI_FAILED;
    if (listing_begin(&l, titles))
        status = listing_end(&l, query_undelivered(q, limit, each, &l),
                             "The broker has taken all alerts.");
    query_close(q);
    return status;
}
