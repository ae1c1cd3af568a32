/* What lies beside weights under the names that Hugging Face and timm give it: how pixels become the input, and what the
 * classes are called. Looked for only beside files that bear the library's own names (model.safetensors,
 * pytorch_model.bin, their shards and indexes, onnx/model.onnx), since a folder of other files may hold anybody's. */
#ifndef THAW_SHELF_BESIDE_H
#define THAW_SHELF_BESIDE_H

#include "thaw/base/error.h"
#include "thaw/tensor/preprocess.h"

/* Of preprocessor_config.json (transformers' image processors) or config.json (timm's pretrained_cfg): *preprocess gets
 * size, resize, interpolation and steps 2 and 3, of three channels. false: there is none, or it says nothing of it; with
 * error->kind where one is there that cannot be used, which names it. */
bool beside_preprocess(const char *weights, struct preprocess *preprocess,
                       struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* Of config.json: transformers' id2label, timm's label_names. NULL: none, or not of all classes. Free with
 * bind_free_class_names. */
char **beside_class_names(const char *weights, int *count) THAW_NONNULL THAW_MUST_CHECK;

#endif
