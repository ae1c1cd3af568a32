/* CIFAR's binary batches: the first byte says how many labels a record has. */
#include "config.h"

#include <stdlib.h>

#include "fuzz.h"
#include "src/data/cifar.h"

const char fuzz_target[] = "cifar";

size_t fuzz_budget(size_t size)
{
    return 4 * size + (1 << 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    struct cifar cifar;
    int labels = size && data[0] % 2 ? 2 : 1, classes = labels == 2 ? 100 : 10;
    if (cifar_read(&cifar, size ? data + 1 : NULL, size ? size - 1 : 0, labels, classes, &error)) {
        unsigned sum = 0;
        for (size_t i = 0; i < cifar.images; i++) {
            if (cifar.label[i * cifar.stride] >= classes)
                abort();
            for (size_t k = 0; k < CIFAR_PIXELS; k++)
                sum += cifar.pixels[i * cifar.stride + k];
        }
        if (cifar.images * cifar.stride != size - 1 || sum > 255 * size)
            abort();
    } else if (error.kind != ERROR_DATA || !error.text[0]) {
        abort();
    }
    return 0;
}
