/* SPDX-License-Identifier: Apache-2.0 */
/* sensorgw read: registers of one unit, in every way that they may be meant. */
#include "drivers/modbus/decode.h"
#include "drivers/modbus/plan.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/line.h"
#include "gateway/cli/table.h"
#include "gateway/core/clock.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_COUNT 4 /* registers: room for the widest types */
#define PLACE_SIZE 32
#define CELL_SIZE (CLI_NUMBER_SIZE + 4)

struct place {
    uint8_t unit, table; /* enum modbus_table */
    uint16_t address, count;
};

static const char *const table_names[] = {[TABLE_COIL] = "coil",
                                          [TABLE_DISCRETE] = "discrete",
                                          [TABLE_HOLDING] = "holding",
                                          [TABLE_INPUT] = "input"};

static bool is_bits(const struct place *p)
{
    return p->table == TABLE_COIL || p->table == TABLE_DISCRETE;
}

static bool take_number(const char *text, const char **end, long most, long *out)
{
    char *after;

    if (*text < '0' || *text > '9')
        return false;
    *out = strtol(text, &after, 0);
    *end = after;
    return *out <= most;
}

/* "[UNIT:]TABLE:ADDRESS" */
static bool take_place(const char *text, struct place *p)
{
    long number = 1;

    if (take_number(text, &text, 255, &number) && *text++ != ':')
        return false;
    p->unit = (uint8_t)number;
    size_t length = strcspn(text, ":");
    for (int t = TABLE_COIL; t <= TABLE_INPUT; t++) {
        if (strlen(table_names[t]) == length && strncmp(text, table_names[t], length) == 0)
            p->table = (uint8_t)t;
    }
    if (!p->table || text[length] != ':' ||
        !take_number(text + length + 1, &text, 65535, &number) || *text)
        return false;
    p->address = (uint16_t)number;
    return true;
}

/* A value that a sensor may well have; a hint, not a judgement. 16 bits say nothing. */
static bool is_plausible(enum modbus_type type, const struct modbus_raw *raw)
{
    double size = fabs(raw->real);

    if (!raw->valid || decode_type_bits(type) < 32)
        return false;
    if (decode_type_kind(type) == KIND_FLOAT)
        return size >= 1e-3 && size < 1e7;
    return size >= 1 && size < 1e7;
}

static void write_value(enum modbus_type type, enum modbus_order order, const uint16_t *registers,
                        char out[CELL_SIZE])
{
    const struct modbus_field field = {.type = (uint8_t)type, .order = (uint8_t)order};
    const struct modbus_raw raw = decode_registers(&field, registers);
    char number[CLI_NUMBER_SIZE];

    if (!raw.valid)
        snprintf(out, CELL_SIZE, "-");
    else if (raw.is_integer)
        snprintf(out, CELL_SIZE, "%" PRId64 "%s", raw.integer,
                 is_plausible(type, &raw) ? " *" : "");
    else
        snprintf(out, CELL_SIZE, "%s%s", cli_rounded(raw.real, number),
                 is_plausible(type, &raw) ? " *" : "");
}

/* All types that fit, in all orders that they have. */
static void print_matrix(const struct place *p, const uint16_t *registers)
{
    static const char *const titles[] = {"TYPE",
                                         ">BIG-ENDIAN (AB…)",
                                         ">WORDS SWAPPED (CDAB)",
                                         ">BYTES SWAPPED (BA…)",
                                         ">BOTH (DCBA)",
                                         NULL};
    static const struct {
        enum modbus_order orders[4];
        bool has[4];
    } columns[] = {
        [1] = {{ORDER_AB, 0, ORDER_BA, 0}, {true, false, true, false}},
        [2] = {{ORDER_ABCD, ORDER_CDAB, ORDER_BADC, ORDER_DCBA}, {1, 1, 1, 1}},
        [4] = {{ORDER_ABCDEFGH, ORDER_GHEFCDAB, ORDER_BADCFEHG, ORDER_HGFEDCBA}, {1, 1, 1, 1}}};
    struct table *table = table_create(titles);

    for (int t = TYPE_INT16; table && t < TYPE_COUNT; t++) {
        enum modbus_type type = (enum modbus_type)t;
        size_t n = decode_type_registers(type);
        char cells[4][CELL_SIZE];
        if (n > p->count)
            continue;
        for (size_t i = 0; i < 4; i++) {
            cells[i][0] = '\0';
            if (columns[n].has[i])
                write_value(type, columns[n].orders[i], registers, cells[i]);
        }
        table_add(table,
                  (const char *[]){decode_type_name(type), cells[0], cells[1], cells[2], cells[3]});
    }
    if (table)
        table_print(table, stdout);
    table_destroy(table);
}

static void print_registers(const struct place *p, const uint16_t *registers)
{
    static const char *const titles[] = {">ADDRESS", "HEX", ">UINT16", ">INT16", "TEXT", NULL};
    struct table *table = table_create(titles);

    for (unsigned i = 0; table && i < p->count; i++) {
        char cells[4][CELL_SIZE], text[3];
        snprintf(cells[0], CELL_SIZE, "%u", p->address + i);
        snprintf(cells[1], CELL_SIZE, "%04X", registers[i]);
        snprintf(cells[2], CELL_SIZE, "%u", registers[i]);
        snprintf(cells[3], CELL_SIZE, "%d", (int16_t)registers[i]);
        for (int k = 0; k < 2; k++) {
            int c = registers[i] >> (k ? 0 : 8) & 0xff;
            text[k] = c > ' ' && c < 127 ? (char)c : '.';
        }
        text[2] = '\0';
        table_add(table, (const char *[]){cells[0], cells[1], cells[2], cells[3], text});
    }
    if (table)
        table_print(table, stdout);
    table_destroy(table);
}

static void print_json(const struct place *p, const struct frame_reply *reply)
{
    struct cli_json json = {0};

    cli_json_begin(&json);
    for (unsigned i = 0; i < p->count; i++) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddNumberToObject(o, "address", p->address + i);
        cJSON_AddNumberToObject(o, "value",
                                is_bits(p) ? frame_bit(reply, i) : frame_register(reply, i));
        cli_json_item(&json, o);
    }
    cli_json_end(&json);
}

static void print_reply(const struct line *l, const struct place *p,
                        const struct frame_reply *reply, int64_t took_us)
{
    uint16_t registers[MODBUS_REGISTERS_MAX];

    printf("%s, unit %u, %s %u, answered in %.1f ms\n\n", l->where, p->unit, table_names[p->table],
           p->address, (double)took_us / 1e3);
    if (is_bits(p)) {
        for (unsigned i = 0; i < p->count; i++)
            printf("%5u  %d\n", p->address + i, frame_bit(reply, i));
        return;
    }
    for (unsigned i = 0; i < p->count; i++)
        registers[i] = frame_register(reply, i);
    print_registers(p, registers);
    printf("\nAs from %u, with * at what a sensor may well say:\n\n", p->address);
    print_matrix(p, registers);
}

/* Reads; with no count given, fewer when the unit has no more from there on. */
static enum exchange exchange(struct line *l, struct place *p, bool may_shrink,
                              struct frame_reply *reply)
{
    enum exchange result;

    for (;;) {
        struct frame_request q = {
            .unit = p->unit, .function = p->table, .address = p->address, .count = p->count};
        result = line_ask(l, &q, reply);
        bool is_beyond =
            result == EXCHANGE_EXCEPTION && (reply->exception == 2 || reply->exception == 3);
        if (!is_beyond || !may_shrink || p->count == 1)
            return result;
        p->count /= 2;
    }
}

static int read_place(struct line *l, struct place *p, bool may_shrink, bool as_json)
{
    struct frame_reply reply = {0};
    int64_t begun = clock_mono_us();
    enum exchange result = exchange(l, p, may_shrink, &reply);

    if (result == EXCHANGE_OK) {
        if (as_json)
            print_json(p, &reply);
        else
            print_reply(l, p, &reply, clock_mono_us() - begun);
        return CLI_OK;
    }
    if (result == EXCHANGE_EXCEPTION)
        fprintf(stderr, "sensorgw: unit %u refuses: %s (exception %u)\n", p->unit,
                frame_exception_text(reply.exception), reply.exception);
    else if (result == EXCHANGE_TIMEOUT)
        fprintf(stderr, "sensorgw: unit %u does not answer; %s\n", p->unit,
                line_is_serial(l) ? "are its number, the speed and the parity right?"
                                  : "is its number right?");
    else
        fprintf(stderr, "sensorgw: unit %u: %s\n", p->unit, line_fault(l));
    return CLI_FAILED;
}

static int take_count(const struct command *self, const char *text, long *count)
{
    const char *end;

    if (take_number(text, &end, MODBUS_BITS_MAX, count) && *end == '\0' && *count > 0)
        return CLI_OK;
    return cli_usage_error(self, "'%s' is no count from 1 to 125 (bits: 2000)", text);
}

/* 40001 and 400001: numbers of Modbus's older documents, from 1 on, with the table in front. */
static bool hint_of_number(const char *text, char out[PLACE_SIZE])
{
    static const int tables[] = {
        [0] = TABLE_COIL, [1] = TABLE_DISCRETE, [3] = TABLE_INPUT, [4] = TABLE_HOLDING};
    const char *colon = strchr(text, ':');
    const char *number = colon ? colon + 1 : text;
    size_t length = strspn(number, "0123456789"), unit = (size_t)(number - text);
    long address = length > 1 ? strtol(number + 1, NULL, 10) - 1 : -1;

    if ((length != 5 && length != 6) || number[length] || *number == '2' || *number > '4' ||
        address < 0 || address > 65535 || unit > 4)
        return false;
    snprintf(out, PLACE_SIZE, "%.*s%s:%ld", (int)unit, text, table_names[tables[*number - '0']],
             address);
    return true;
}

static int refuse_place(const struct cli_parser *p, const char *text)
{
    size_t digits = strspn(text, "0123456789");
    char hint[PLACE_SIZE];

    if (hint_of_number(text, hint))
        return cli_usage_error(p->command,
                               "'%s' is no place: write %s, which such a number with its table in "
                               "front means in most manuals",
                               text, hint);
    if (digits > 0 && text[digits] == ':' && strtol(text, NULL, 10) > 255)
        return cli_usage_error(p->command, "'%s' is no place: unit %.*s is above 255", text,
                               (int)digits, text);
    return cli_usage_error(p->command,
                           "'%s' is no place: say 3:holding:100, with a unit from 0 to 255, "
                           "holding, input, coil or discrete, and an address from 0 to 65535",
                           text);
}

/* The operands; CLI_OK, or what is wrong with them. */
static int take_operands(const struct cli_parser *p, long count, struct line *l,
                         struct place *place)
{
    if (p->argc - p->first != 2)
        return cli_usage_error(p->command, "wants an ADDRESS and a PLACE, such as "
                                           "/dev/ttyUSB0 3:holding:100");
    l->where = p->argv[p->first];
    if (!take_place(p->argv[p->first + 1], place))
        return refuse_place(p, p->argv[p->first + 1]);
    long most = is_bits(place) ? MODBUS_BITS_MAX : MODBUS_REGISTERS_MAX;
    if (count > most)
        return cli_usage_error(p->command, "at most %ld of them in one request", most);
    if (place->address + count > 65536)
        return cli_usage_error(p->command, "%ld from %u on end beyond 65535", count,
                               place->address);
    if (count == 0) {
        count = is_bits(place) ? 1 : DEFAULT_COUNT;
        while (place->address + count > 65536)
            count /= 2;
    }
    place->count = (uint16_t)count;
    return CLI_OK;
}

static int run(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {
        LINE_OPTIONS, {"count", 'n', true}, {"json", 'j', false}, {0}};
    struct cli_parser p = {cli, &cli_command_read, options, argc, argv, 0, 0};
    struct line line = {.cli = cli};
    struct place place = {0};
    bool as_json = false;
    long count = 0;
    int c, status = CLI_OK;

    while (status == CLI_OK && (c = cli_next(&p)) >= 0) {
        if (c == 'n')
            status = take_count(p.command, cli_argument(), &count);
        else if (!line_option(&line, c, cli_argument()))
            as_json = true;
    }
    if (status != CLI_OK)
        return status;
    if (c == CLI_STOP)
        return p.status;
    if ((status = take_operands(&p, count, &line, &place)) != CLI_OK ||
        (status = line_open(&line)) != CLI_OK)
        return status;
    status = read_place(&line, &place, count == 0, as_json);
    line_close(&line);
    return status;
}

const struct command cli_command_read = {
    .name = "read",
    .arguments = "ADDRESS [UNIT:]TABLE:NUMBER",
    .summary = "Reads registers of a Modbus device, in every way that they may be meant.",
    .help = "TABLE is holding, input, coil or discrete; NUMBER counts from 0; UNIT is 1 when left "
            "out.\n" LINE_HELP(
                "1s") "  -n, --count N          so many registers or bits; default 4 registers or "
                      "1 bit\n"
                      "  -j, --json             a JSON array of addresses and values\n"
                      "\nA line that a running gateway polls is read through it (-c says which).\n",
    .run = run,
};
