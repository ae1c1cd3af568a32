/* The table of convolutions that test_conv_shapes holds every kernel against its reference twin over. */
#ifndef THAW_TESTS_GRADIENT_CONV_SHAPES_H
#define THAW_TESTS_GRADIENT_CONV_SHAPES_H

#include "conv_rig.h"

enum { CONV_SHAPES = 500 };
/* Picked by hand, then drawn; a function of the number alone. */
struct conv_layer conv_shape(int number);

#endif
