/* Networks as deep and as knotted as real ones but a few channels wide, so that their values weigh and their parameters
 * do not: what a plan does with its memory shows in milliseconds. */
#ifndef TESTS_UNIT_COMPILE_NARROW_H
#define TESTS_UNIT_COMPILE_NARROW_H

#include "thaw/network/graph.h"

enum { NARROW_SIDE = 24, NARROW_CHANNELS = 3, NARROW_CLASSES = 5 };

/* Stages stem, stage1 to stage3, fc; block: "residual", "depthwise", "dense", "gates", "fire". Values are as
 * initialised. */
struct graph *narrow_graph(const char *block);

#endif
