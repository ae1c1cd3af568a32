/* See the header. Called by layout_cifar.c. */
#include "config.h"

#include "cifar.h"

bool cifar_read(struct cifar *cifar, const uint8_t *bytes, size_t size, int labels, int classes, struct error *error)
{
    size_t stride = (size_t)labels + CIFAR_PIXELS;
    *cifar = (struct cifar){.images = size / stride, .stride = stride};
    if (size == 0)
        return error_set(error, ERROR_DATA, "the file is empty (zero bytes)");
    if (size % stride != 0)
        return error_set(error, ERROR_DATA, "%zu bytes are no whole number of records of %zu: is it truncated?", size,
                         stride);
    cifar->label = bytes + labels - 1;
    cifar->pixels = bytes + labels;
    for (size_t i = 0; i < cifar->images; i++)
        if (cifar->label[i * stride] >= classes)
            return error_set(error, ERROR_DATA, "record %zu has the label %d, of classes 0 to %d", i,
                             cifar->label[i * stride], classes - 1);
    return true;
}
