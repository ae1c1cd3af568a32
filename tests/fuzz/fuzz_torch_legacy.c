/* The whole legacy torch.save stream. */
#include "config.h"

#include "fuzz.h"
#include "src/weights/format.h"

const char fuzz_target[] = "torch_legacy";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_read_weights_as(&format_torch_legacy, data, size);
    return 0;
}
