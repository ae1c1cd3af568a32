/* The configuration of a model: the input is its JSON, in a file that has a few tensors for it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "keras_records.h"
#include "src/weights/h5file.h"
#include "thaw/tensor/tensor.h"

const char fuzz_target[] = "keras_config";

enum { ROOM = 1024, FILE_BYTES = 4096 };

struct buffer {
    uint8_t *bytes;
    size_t size;
};

static void put(struct buffer *buffer, const void *bytes, size_t size)
{
    memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
}

static void put_text(struct buffer *buffer, const void *text, size_t size)
{
    uint32_t length = (uint32_t)size + 1;
    put(buffer, &length, sizeof length);
    put(buffer, text, size);
    put(buffer, "", 1);
}

static void put_tensor(struct buffer *buffer, const char *path, int rank, const int64_t *dim)
{
    uint64_t offset = 64;
    put(buffer, "D", 1);
    put_text(buffer, path, strlen(path));
    put(buffer, (uint8_t[]){TENSOR_F32, H5_IN_PLACE, (uint8_t)rank}, 3);
    put(buffer, dim, (size_t)rank * sizeof *dim);
    put(buffer, &offset, sizeof offset);
}

static void put_attribute(struct buffer *buffer, const char *object, const char *name, const void *text, size_t size)
{
    uint32_t count = 1;
    put(buffer, "A", 1);
    put_text(buffer, object, strlen(object));
    put_text(buffer, name, strlen(name));
    put(buffer, &count, sizeof count);
    put_text(buffer, text, size);
}

/* Values of a small network: c (3, 3, 3, 4), c's bias, n (mean, variance), d (4, 2). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer records = {malloc(size + ROOM), 0};
    uint8_t *file = calloc(1, FILE_BYTES + size);
    if (!records.bytes || !file || memchr(data, 0, size))
        goto done;
    memcpy(file, "\x89HDF\r\n\x1a\n", 8);
    put_tensor(&records, "layers/c/vars/0", 4, (int64_t[]){3, 3, 3, 4});
    put_tensor(&records, "layers/c/vars/1", 1, (int64_t[]){4});
    put_tensor(&records, "layers/normalization/vars/0", 1, (int64_t[]){3});
    put_tensor(&records, "layers/normalization/vars/1", 1, (int64_t[]){3});
    put_tensor(&records, "layers/dense/vars/0", 2, (int64_t[]){4, 2});
    put_attribute(&records, "layers/c/vars", "name", "c", 1);
    put_attribute(&records, "", "keras_version", size % 2 ? "3.1" : "2.4", 3);
    put_attribute(&records, "", "model_config", data, size);
    keras_records_set(records.bytes, records.size);
    keras_records_try(file, FILE_BYTES + size, size % 16 == 0); /* binding takes far longer than the rest */
done:
    free(records.bytes);
    free(file);
    return 0;
}
