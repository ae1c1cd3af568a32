/* HDF5 files of Keras, all the way through the child process. */
#include "config.h"

#include "fuzz.h"

const char fuzz_target[] = "keras_h5";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_read_weights(data, size);
    return 0;
}
