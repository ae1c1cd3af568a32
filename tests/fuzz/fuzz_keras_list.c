/* What the child says of an HDF5 file: the input is the signature and then records, taken for what the child wrote about
 * the very same bytes. */
#include "config.h"

#include <string.h>

#include "keras_records.h"

const char fuzz_target[] = "keras_list";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { SIGNATURE = 8 };
    if (size < SIGNATURE || memcmp(data, "\x89HDF\r\n\x1a\n", SIGNATURE) != 0)
        return 0;
    keras_records_set(data + SIGNATURE, size - SIGNATURE);
    keras_records_try(data, size, true);
    return 0;
}
