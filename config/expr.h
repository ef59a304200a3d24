/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions over sensors, for rules: boiler/flow_temp - boiler/return_temp > 20 and not
 * pump/fault.
 *
 *   or:    and {"or" and}
 *   and:   not {"and" not}
 *   not:   "not" not | comparison
 *   comparison: sum [("<" | "<=" | ">" | ">=" | "==" | "!=") sum]
 *   sum:   term {("+" | "-") term}
 *   term:  sign {("*" | "/") sign}
 *   sign:  "-" sign | "(" or ")" | number | sensor | "abs" "(" sum ")"
 *          | ("min" | "max") "(" sum {"," sum} ")"
 *
 * A sensor stands as it is called when its name has a slash and else only letters, digits, '_' and
 * '.'; any other in quotes, "hall 1/temp-2". So a '/' that divides has a space before it, or a
 * bracket or a number. Numbers and truths are different things: what is compared is a number, what
 * and, or and not join is not. A value without limits in a truth is none: "pump/fault != 0".
 *
 * Pure: a table of instructions for a small stack, made once; nothing is called, nothing allocated,
 * depth and length are bounded. */
#ifndef SENSORGW_CONFIG_EXPR_H
#define SENSORGW_CONFIG_EXPR_H

#include "gateway/core/sensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPR_CODE_MAX 128
#define EXPR_INPUTS_MAX 16
#define EXPR_DEPTH_MAX 32 /* brackets within brackets, and values on the stack */

struct expr_code {
    uint8_t op;
    uint8_t input; /* of a sensor */
    double number;
};

/* A plain value. */
struct expr {
    struct expr_code code[EXPR_CODE_MAX];
    char inputs[EXPR_INPUTS_MAX][SENSOR_NAME_MAX + 1]; /* each once, in the order of the text */
    uint16_t code_count, input_count;
    bool is_truth; /* true or false, rather than a number */
};

/* False: *why (static) says what is wrong at the *column-th character (from 1). */
bool expr_parse(const char *text, struct expr *out, size_t *column, const char **why);

/* values: of the inputs, in their order; NAN for one that has none. False: no verdict, because an
 * input has none or the result is no number (a division by zero). A truth is 1 or 0. */
bool expr_eval(const struct expr *e, const double *values, double *result);

#endif
