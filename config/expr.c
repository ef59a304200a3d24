/* SPDX-License-Identifier: Apache-2.0 */
#include "config/expr_ops.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a part of the text is; FAILED once anything is wrong. */
enum type { FAILED, NUMBER, TRUTH };

struct parser {
    const char *at;
    struct expr *e;
    size_t depth; /* of brackets and signs */
    size_t stack; /* values that wait, at this point of the code */
    const char *why, *where;
};

static enum type parse_or(struct parser *p);

static enum type fail(struct parser *p, const char *where, const char *why)
{
    if (!p->why) {
        p->why = why;
        p->where = where;
    }
    return FAILED;
}

static void skip_space(struct parser *p)
{
    while (isspace((unsigned char)*p->at))
        p->at++;
}

static enum type emit(struct parser *p, enum op op, double number, size_t input, enum type type)
{
    if (p->e->code_count == EXPR_CODE_MAX)
        return fail(p, p->at, "the expression is too long");
    if (op <= OP_INPUT && ++p->stack > EXPR_DEPTH_MAX)
        return fail(p, p->at, "the expression is too deep");
    if (op >= OP_ADD)
        p->stack--;
    p->e->code[p->e->code_count++] =
        (struct expr_code){.op = (uint8_t)op, .input = (uint8_t)input, .number = number};
    return type;
}

/* --- words --- */

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.' || (unsigned char)c >= 0x80;
}

/* Letters and digits, with single slashes between them. */
static size_t word_length(const char *s)
{
    size_t n = 0;

    while (is_name(s[n]) || (s[n] == '/' && n > 0 && is_name(s[n + 1])))
        n++;
    return n;
}

static bool take_symbol(struct parser *p, const char *symbol)
{
    skip_space(p);
    if (strncmp(p->at, symbol, strlen(symbol)) != 0)
        return false;
    p->at += strlen(symbol);
    return true;
}

static bool take_word(struct parser *p, const char *word)
{
    skip_space(p);
    size_t n = word_length(p->at);
    if (n != strlen(word) || strncmp(p->at, word, n) != 0)
        return false;
    p->at += n;
    return true;
}

/* --- values --- */

static enum type add_input(struct parser *p, const char *name, size_t length)
{
    struct expr *e = p->e;
    size_t i = 0;

    if (length == 0 || length > SENSOR_NAME_MAX)
        return fail(p, name, "no sensor can be called that");
    while (i < e->input_count &&
           (strncmp(e->inputs[i], name, length) != 0 || e->inputs[i][length] != '\0'))
        i++;
    if (i == EXPR_INPUTS_MAX)
        return fail(p, name, "more than 16 sensors");
    if (i == e->input_count) {
        memcpy(e->inputs[i], name, length);
        e->inputs[i][length] = '\0';
        e->input_count++;
    }
    return emit(p, OP_INPUT, 0, i, NUMBER);
}

static enum type parse_quoted(struct parser *p)
{
    const char *from = p->at + 1, *end = strchr(from, *p->at);

    if (!end)
        return fail(p, p->at, "the quote has no end");
    p->at = end + 1;
    return add_input(p, from, (size_t)(end - from));
}

static enum type parse_number(struct parser *p)
{
    char *end;
    double number = strtod(p->at, &end);

    if (end == p->at || !isfinite(number) || is_name(*end))
        return fail(p, p->at, "is no number, and a sensor's name needs a slash or quotes");
    p->at = end;
    return emit(p, OP_NUMBER, number, 0, NUMBER);
}

static enum type parse_sensor(struct parser *p)
{
    const char *from = p->at;
    size_t n = word_length(from);

    if (!memchr(from, '/', n))
        return fail(p, from,
                    "an unknown word; a sensor is written device/sensor, any other in quotes");
    p->at += n;
    return add_input(p, from, n);
}

static enum type want_number(struct parser *p, const char *where, enum type type)
{
    return type == TRUTH ? fail(p, where, "a number is wanted here, not true or false") : type;
}

static enum type want_truth(struct parser *p, const char *where, enum type type)
{
    return type == NUMBER ? fail(p, where, "true or false is wanted here: compare the number")
                          : type;
}

/* "(a, b, …)" of min and max, "(a)" of abs. */
static enum type parse_call(struct parser *p, enum op op)
{
    size_t count = 0;

    if (!take_symbol(p, "("))
        return fail(p, p->at, "an opening bracket is wanted here");
    do {
        skip_space(p);
        const char *where = p->at;
        if (want_number(p, where, parse_or(p)) == FAILED)
            return FAILED;
        if (op == OP_ABS ? emit(p, op, 0, 0, NUMBER) == FAILED
                         : count > 0 && emit(p, op, 0, 0, NUMBER) == FAILED)
            return FAILED;
        count++;
    } while (op != OP_ABS && take_symbol(p, ","));
    return take_symbol(p, ")") ? NUMBER : fail(p, p->at, "a closing bracket is wanted here");
}

static enum type parse_primary(struct parser *p)
{
    skip_space(p);
    if (take_word(p, "min"))
        return parse_call(p, OP_MIN);
    if (take_word(p, "max"))
        return parse_call(p, OP_MAX);
    if (take_word(p, "abs"))
        return parse_call(p, OP_ABS);
    if (take_symbol(p, "(")) {
        enum type type = parse_or(p);
        if (type != FAILED && !take_symbol(p, ")"))
            return fail(p, p->at, "a closing bracket is wanted here");
        return type;
    }
    if (*p->at == '"' || *p->at == '\'')
        return parse_quoted(p);
    size_t n = word_length(p->at);
    if (isdigit((unsigned char)*p->at) && !memchr(p->at, '/', n))
        return parse_number(p);
    /* 2/3 and 2/boiler begin with a number, 2nd_floor/temp with a name. */
    if (isdigit((unsigned char)*p->at) &&
        strspn(p->at, "0123456789.eE") == (size_t)((const char *)memchr(p->at, '/', n) - p->at))
        return parse_number(p);
    if (n > 0)
        return parse_sensor(p);
    return fail(p, p->at, *p->at ? "a value is wanted here" : "the expression ends too early");
}

static enum type parse_sign(struct parser *p)
{
    enum type type;

    if (++p->depth > EXPR_DEPTH_MAX)
        return fail(p, p->at, "the expression is too deep");
    skip_space(p);
    const char *where = p->at;
    if (take_symbol(p, "-")) {
        type = want_number(p, where, parse_sign(p));
        if (type != FAILED)
            type = emit(p, OP_NEGATE, 0, 0, NUMBER);
    } else {
        type = parse_primary(p);
    }
    p->depth--;
    return type;
}

/* --- operators of two, by level --- */

struct operator
{
    const char *symbol;
    enum op op;
};

static bool take_operator(struct parser *p, const struct operator* list, enum op *op)
{
    for (; list->symbol; list++) {
        if (isalpha((unsigned char)*list->symbol) ? take_word(p, list->symbol)
                                                  : take_symbol(p, list->symbol)) {
            *op = list->op;
            return true;
        }
    }
    return false;
}

/* One level: operands of the level below, joined by this level's operators. */
static enum type parse_level(struct parser *p, const struct operator* list,
                             enum type (*below)(struct parser *),
                             enum type (*want)(struct parser *, const char *, enum type),
                             enum type result, bool once)
{
    skip_space(p);
    const char *where = p->at;
    enum type type = below(p);
    enum op op;

    while (type != FAILED && take_operator(p, list, &op)) {
        if (want(p, where, type) == FAILED)
            return FAILED;
        skip_space(p);
        where = p->at;
        if (want(p, where, below(p)) == FAILED)
            return FAILED;
        type = emit(p, op, 0, 0, result);
        if (once)
            break;
    }
    return type;
}

static enum type parse_term(struct parser *p)
{
    static const struct operator list[] = {{"*", OP_MULTIPLY}, {"/", OP_DIVIDE}, {NULL, OP_NUMBER}};

    return parse_level(p, list, parse_sign, want_number, NUMBER, false);
}

static enum type parse_sum(struct parser *p)
{
    static const struct operator list[] = {{"+", OP_ADD}, {"-", OP_SUBTRACT}, {NULL, OP_NUMBER}};

    return parse_level(p, list, parse_term, want_number, NUMBER, false);
}

static enum type parse_comparison(struct parser *p)
{
    static const struct operator list[] = {
        {"<=", OP_LESS_EQUAL}, {"<", OP_LESS},       {">=", OP_MORE_EQUAL}, {">", OP_MORE},
        {"==", OP_EQUAL},      {"!=", OP_NOT_EQUAL}, {NULL, OP_NUMBER}};
    static const struct operator more[] = {
        {"<", OP_LESS}, {">", OP_MORE}, {"=", OP_EQUAL}, {"!", OP_NOT}, {NULL, OP_NUMBER}};
    enum type type = parse_level(p, list, parse_sum, want_number, TRUTH, true);
    const char *where = p->at;
    enum op op;

    if (type == FAILED || !take_operator(p, more, &op))
        return type;
    return fail(p, where,
                op == OP_EQUAL ? "equal is written =="
                : op == OP_NOT ? "not equal is written !=, and not as a word"
                               : "join two comparisons by and");
}

static enum type parse_not(struct parser *p)
{
    if (!take_word(p, "not"))
        return parse_comparison(p);
    if (++p->depth > EXPR_DEPTH_MAX)
        return fail(p, p->at, "the expression is too deep");
    skip_space(p);
    const char *where = p->at;
    enum type type = want_truth(p, where, parse_not(p));
    p->depth--;
    return type == FAILED ? FAILED : emit(p, OP_NOT, 0, 0, TRUTH);
}

static enum type parse_and(struct parser *p)
{
    static const struct operator list[] = {{"and", OP_AND}, {NULL, OP_NUMBER}};

    return parse_level(p, list, parse_not, want_truth, TRUTH, false);
}

static enum type parse_or(struct parser *p)
{
    static const struct operator list[] = {{"or", OP_OR}, {NULL, OP_NUMBER}};

    return parse_level(p, list, parse_and, want_truth, TRUTH, false);
}

/* Characters, not bytes, up to there. */
static size_t column_of(const char *text, const char *where)
{
    size_t n = 1;

    for (; text < where; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

bool expr_parse(const char *text, struct expr *out, size_t *column, const char **why)
{
    struct parser p = {.at = text, .e = out};

    *out = (struct expr){.code_count = 0};
    enum type type = parse_or(&p);
    skip_space(&p);
    if (type != FAILED && *p.at)
        type = fail(&p, p.at, "the expression should end here");
    if (type != FAILED && out->input_count == 0)
        type = fail(&p, text, "it asks no sensor");
    out->is_truth = type == TRUTH;
    if (type != FAILED)
        return true;
    *why = p.why;
    *column = column_of(text, p.where);
    return false;
}
