/* SPDX-License-Identifier: Apache-2.0 */
/* What expr.c makes and expr_eval.c runs. Nobody else includes it. */
#ifndef SENSORGW_CONFIG_EXPR_OPS_H
#define SENSORGW_CONFIG_EXPR_OPS_H

#include "config/expr.h"

enum op {
    OP_NUMBER,
    OP_INPUT,
    OP_NEGATE,
    OP_NOT,
    OP_ABS,
    /* From here on of two. */
    OP_ADD,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_DIVIDE,
    OP_MIN,
    OP_MAX,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_MORE,
    OP_MORE_EQUAL,
    OP_EQUAL,
    OP_NOT_EQUAL,
    OP_AND,
    OP_OR
};

#endif
