/* Which file of a folder holds the weights. Called by the catalog, wherever weights are named. */
#include "config.h"

#include "thaw/shelf/folder.h"

#include <stdio.h>
#include <string.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/weights/weights.h"

/* As libraries call them, the best first: transformers and timm, their exports, Ultralytics' runs, Keras, TensorFlow.js. */
static const char *const names[] = {
    "model.safetensors", "model.safetensors.index.json",
    "pytorch_model.bin", "model.keras",
    "onnx/model.onnx",   "weights/best.pt",
    "model.json",
};

/* What else a folder may be, by a file in it. */
static const struct {
    const char *name, *refusal;
} signs[] = {
    {"saved_model.pb",
     "a TensorFlow SavedModel, which is not read; convert it with `python -m tf2onnx.convert "
     "--saved-model FOLDER --output model.onnx`, or save it from Keras with model.save(\"model.keras\")"},
    {"events.jsonl", "a run with no model.safetensors yet: it has one once it has ended or saved"},
    {"Data/com.apple.CoreML",
     "a Core ML package, which is not read; export the model that it was converted from: "
     "torch.onnx.export(model, images, \"model.onnx\"), or from Keras model.save(\"model.keras\")"},
    {"data.yaml", "a dataset, not weights; data is named with --data"},
    {"train", "a dataset, not weights; data is named with --data"},
};

static bool has(const char *folder, const char *name)
{
    char *path = path_join(folder, name);
    bool is = file_exists(path) || file_is_directory(path);
    mem_free(path);
    return is;
}

/* Several are named as far as there is room. */
static char *only_weights(const char *folder, struct error *error)
{
    enum { LIST = 300 };
    struct file_list list;
    char shown[LIST] = "";
    const char *only = NULL;
    size_t count = 0;
    if (!file_list_read(&list, folder, error)) {
        error->kind = ERROR_WEIGHTS;
        return NULL;
    }
    for (size_t i = 0; i < list.count; i++) {
        size_t used = strlen(shown);
        if (!weights_is_file_name(list.name[i]))
            continue;
        only = list.name[i];
        count++;
        if (used + strlen(only) + 3 < sizeof shown)
            snprintf(shown + used, sizeof shown - used, "%s%s", used ? ", " : "", only);
    }
    char *path = count == 1 ? path_join(folder, only) : NULL;
    if (count > 1)
        error_set(error, ERROR_WEIGHTS, "%s: a folder with %zu weights files, one of which is to be named: %s", folder,
                  count, shown);
    else if (!path)
        error_set(error, ERROR_WEIGHTS,
                  "%s: a folder in which there is no weights file; images are named with --data, a weights file by "
                  "its own name",
                  folder);
    file_list_free(&list);
    return path;
}

char *folder_weights(const char *folder, struct error *error)
{
    for (size_t i = 0; i < THAW_LENGTH(names); i++)
        if (has(folder, names[i]))
            return path_join(folder, names[i]);
    for (size_t i = 0; i < THAW_LENGTH(signs); i++)
        if (has(folder, signs[i].name)) {
            error_set(error, ERROR_WEIGHTS, "%s: %s", folder, signs[i].refusal);
            return NULL;
        }
    return only_weights(folder, error);
}
