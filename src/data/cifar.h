/* CIFAR-10 and CIFAR-100 in their binary versions (https://www.cs.toronto.edu/~kriz/cifar.html): records of one label
 * (CIFAR-10) or a coarse and a fine one (CIFAR-100), a byte each, then 3072 bytes: 32 rows of 32 of red, then of green, of
 * blue. Private to src/data and its tests. */
#ifndef THAW_SRC_DATA_CIFAR_H
#define THAW_SRC_DATA_CIFAR_H

#include <stddef.h>
#include <stdint.h>

#include "thaw/base/error.h"

enum { CIFAR_SIDE = 32, CIFAR_PIXELS = 3 * CIFAR_SIDE * CIFAR_SIDE };

/* What a batch of so many labels a record holds. */
struct cifar {
    size_t images, stride;
    const uint8_t *label;  /* of the first record: the fine one */
    const uint8_t *pixels; /* of the first record */
};
/* classes: labels are below it. ERROR_DATA leaves the file's name out. bytes may be NULL where size is 0. */
bool cifar_read(struct cifar *cifar, const uint8_t *bytes, size_t size, int labels, int classes, struct error *error)
    THAW_NONNULL_ARGS(1, 6) THAW_MUST_CHECK;

#endif
