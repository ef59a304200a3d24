/* SPDX-License-Identifier: Apache-2.0 */
#include "config/expr_ops.h"

#include <math.h>

static double apply(enum op op, double a, double b)
{
    switch (op) {
    case OP_ADD:
        return a + b;
    case OP_SUBTRACT:
        return a - b;
    case OP_MULTIPLY:
        return a * b;
    case OP_DIVIDE:
        return b == 0 ? (double)NAN : a / b;
    case OP_MIN:
        return a < b ? a : b;
    case OP_MAX:
        return a > b ? a : b;
    case OP_LESS:
        return a < b;
    case OP_LESS_EQUAL:
        return a <= b;
    case OP_MORE:
        return a > b;
    case OP_MORE_EQUAL:
        return a >= b;
    case OP_EQUAL:
        return a == b;
    case OP_NOT_EQUAL:
        return a != b;
    case OP_AND:
        return a != 0 && b != 0;
    case OP_OR:
        return a != 0 || b != 0;
    case OP_NEGATE:
        return -a;
    case OP_NOT:
        return a == 0;
    case OP_ABS:
        return fabs(a);
    case OP_NUMBER:
    case OP_INPUT:
        break;
    }
    return (double)NAN;
}

/* A comparison would turn what is no number into false, so each step is looked at. */
bool expr_eval(const struct expr *e, const double *values, double *result)
{
    double stack[EXPR_DEPTH_MAX] = {0};
    size_t n = 0;

    for (size_t i = 0; i < e->code_count; i++) {
        const struct expr_code *c = &e->code[i];
        if (c->op == OP_NUMBER)
            stack[n++] = c->number;
        else if (c->op == OP_INPUT)
            stack[n++] = values[c->input];
        else if (c->op >= OP_ADD) {
            n--;
            stack[n - 1] = apply((enum op)c->op, stack[n - 1], stack[n]);
        } else {
            stack[n - 1] = apply((enum op)c->op, stack[n - 1], 0);
        }
        if (!isfinite(stack[n - 1]))
            return false;
    }
    *result = stack[0];
    return true;
}
