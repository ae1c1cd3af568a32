/* The table of shapes that the gradient tests run. */
#ifndef THAW_TESTS_GRADIENT_CASES_H
#define THAW_TESTS_GRADIENT_CASES_H

#include "thaw/ops/op.h"

struct gradient_case {
    const char *name;
    enum op_kind kind;
    int inputs;
    struct shape4 in[4];
    struct op_attrs attrs;
    bool batch_statistics;         /* batch norm */
    bool add_gradient;             /* the inputs' gradients (and the residual's) are added to what is there */
    enum op_activation activation; /* fused, both directions; its scalars are in attrs */
    bool residual;                 /* fused, both directions */
};
extern const struct gradient_case gradient_cases[];
extern const size_t gradient_cases_count;

#endif
