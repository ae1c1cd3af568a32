/* ONNX models (https://onnx.ai/onnx/repo-docs/IR.html), told by their content: a protobuf ModelProto with field 1
 * (ir_version, varint) first, only fields 1 to 25, field 7 (graph) among them. Reading is in onnx_read.c. Called
 * through the table of formats in weights.c. */
#include "config.h"

#include "format.h"
#include "onnx_read.h"
#include "onnx_wire.h"

enum { IR_VERSION = 1, GRAPH = 7, LAST_FIELD = 25 };

static bool probe(const struct file_map *map)
{
    const uint8_t *at = map->data, *end = map->data + map->size;
    if (*at != (IR_VERSION << 3 | ONNX_VARINT))
        return false;
    bool graph = false;
    while (at < end) {
        const uint8_t *from = at;
        uint64_t tag;
        struct onnx_field field;
        if (!onnx_read_varint(&from, end, &tag) || tag >> 3 < 1 || tag >> 3 > LAST_FIELD)
            return false;
        bool whole = onnx_read_field(&at, end, &field);
        graph |= tag >> 3 == GRAPH && (tag & 7) == ONNX_BYTES;
        if (!whole)
            return graph; /* a truncated model is still one */
    }
    return graph;
}

const struct weights_format format_onnx = {
    .name = "ONNX",
    .layout = WEIGHTS_TORCH,
    .probe = probe,
#ifdef HAVE_ONNX
    .open = onnx_read,
#else
    .refusal = "is an ONNX model, and this build has no ONNX reader: install protobuf-c-compiler, libprotobuf-c-dev "
               "and libonnx-dev (Debian), then configure again",
#endif
};
