/* SPDX-License-Identifier: Apache-2.0 */
/* Which row of `sensor` belongs to which index of the sensor table, and the newest reading of each.
 */
#include "storage/internal.h"

#include <assert.h>

static void take_latest(struct slot *slot, sqlite3_stmt *st)
{
    if (sqlite3_column_type(st, 2) == SQLITE_NULL)
        return;
    slot->newest.time_us = sqlite3_column_int64(st, 2);
}

static enum gw_err load_rows(struct store *s)
{
    sqlite3_stmt *st = NULL;
    bool row = true;
    enum gw_err err = db_prepare(s->db, &st,
                                 "SELECT s.id, s.name, l.time FROM sensor s"
                                 " LEFT JOIN sensor_latest l ON l.sensor_id = s.id");

    while (err == GW_OK && (err = db_step(st, &row)) == GW_OK && row) {
        uint32_t index = sensor_table_find(s->options.sensors, db_text(st, 1));
        if (index == SENSOR_NONE)
            continue;
        s->slots[index].id = sqlite3_column_int64(st, 0);
        take_latest(&s->slots[index], st);
    }
    sqlite3_finalize(st);
    return err;
}

enum gw_err sensors_load(struct store *s)
{
    for (size_t i = 0; i < sensor_table_capacity(s->options.sensors); i++)
        s->slots[i] = (struct slot){.newest.time_us = INT64_MIN};
    s->newest_us = INT64_MIN;
    enum gw_err err = db_int64(s->db, "SELECT max(time) FROM reading", &s->newest_us);
    return err == GW_OK ? load_rows(s) : err;
}

static enum gw_err find_row(struct store *s, const struct sensor *sensor, struct slot *slot)
{
    bool row;
    enum gw_err err = db_bind(s->db, &s->sql->sensor_find,
                              "SELECT s.id, s.name, l.time FROM sensor s LEFT JOIN sensor_latest l"
                              " ON l.sensor_id = s.id WHERE s.name = ?",
                              "s", sensor->name);

    if (err != GW_OK || (err = db_step(s->sql->sensor_find, &row)) != GW_OK || !row)
        return err;
    slot->id = sqlite3_column_int64(s->sql->sensor_find, 0);
    take_latest(slot, s->sql->sensor_find);
    return db_finish(s->sql->sensor_find);
}

static enum gw_err save_row(struct store *s, const struct sensor *sensor, struct slot *slot)
{
    const char *source = s->options.sources[sensor->source];

    slot->saved = sensor; /* forgotten with the slot when the transaction fails */
    if (slot->id)
        return db_run(s->db, &s->sql->sensor_update,
                      "UPDATE sensor SET unit = ?2, source = ?3, device = ?4 WHERE id = ?1 AND"
                      " (unit, source, device) IS NOT (?2, ?3, ?4)",
                      "isss", slot->id, sensor->unit, source, sensor->device);
    enum gw_err err =
        db_run(s->db, &s->sql->sensor_add,
               "INSERT INTO sensor (name, unit, source, device, first_seen)"
               " VALUES (?, ?, ?, ?, ?)",
               "ssssi", sensor->name, sensor->unit, source, sensor->device, clock_wall_us());
    if (err == GW_OK)
        slot->id = sqlite3_last_insert_rowid(s->db);
    return err;
}

enum gw_err sensors_slot(struct store *s, uint32_t index, struct slot **out)
{
    const struct sensor *sensor = sensor_table_get(s->options.sensors, index);
    enum gw_err err = GW_OK;

    assert(sensor && sensor->source < s->source_count);
    struct slot *slot = &s->slots[index];
    if (!slot->id)
        err = find_row(s, sensor, slot);
    if (err == GW_OK && slot->saved != sensor)
        err = save_row(s, sensor, slot);
    if (err == GW_OK)
        *out = slot;
    return err;
}

enum gw_err sensors_register(struct store *s)
{
    enum gw_err err = GW_OK;

    for (uint32_t i = 0; err == GW_OK && i < sensor_table_count(s->options.sensors); i++)
        err = save_row(s, sensor_table_get(s->options.sensors, i), &s->slots[i]);
    return err;
}

enum gw_err store_seen_sensors(struct store *s, void (*each)(void *arg, uint32_t sensor), void *arg)
{
    sqlite3_stmt *st = NULL;
    bool row = true;
    /* The newest one may be bad; then the hours tell. */
    enum gw_err err = db_bind(s->db, &st,
                              "SELECT s.name FROM sensor s"
                              " JOIN sensor_latest l ON l.sensor_id = s.id"
                              " WHERE l.quality = ?1 OR EXISTS (SELECT 1 FROM reading_hour h"
                              " WHERE h.sensor_id = s.id AND h.count > 0)",
                              "i", (int64_t)QUALITY_GOOD);

    while (err == GW_OK && (err = db_step(st, &row)) == GW_OK && row) {
        uint32_t sensor = sensor_table_find(s->options.sensors, db_text(st, 0));
        if (sensor != SENSOR_NONE)
            each(arg, sensor);
    }
    sqlite3_finalize(st);
    return err;
}
