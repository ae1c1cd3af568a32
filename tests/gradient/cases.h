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
    bool batch_statistics; /* batch norm */
    bool add_gradient;     /* the input's gradient is added to what is there */
};
extern const struct gradient_case gradient_cases[];
extern const size_t gradient_cases_count;

#endif
