/* What eval, predict and bench run on. A run directory stands for the model it exported. */
#include "config.h"

#include <string.h>

#include "app.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/model/load.h"

/* The class names that came with the weights; unknown is no fault. */
static void take_class_names(struct model_argument *argument, const char *path)
{
    struct error unused;
    struct weights *weights = weights_open(path, &unused);
    if (!weights)
        return;
    argument->class_name = bind_class_names(weights, &argument->classes);
    weights_close(weights);
}

bool model_argument_open(struct model_argument *argument, const char *model, const char *weights,
                         const char *preprocess, struct error *error)
{
    *argument = (struct model_argument){0};
    char *exported = NULL;
    if (model && file_is_directory(model)) {
        exported = path_join(model, "model.safetensors");
        if (!file_exists(exported)) {
            error_set(error, ERROR_WEIGHTS, "%s: no model.safetensors; a run has one once it has ended or saved",
                      model);
            mem_free(exported);
            return false;
        }
    }
    bool is_file = model && !exported && file_exists(model) && !weights;
    const char *path = exported ? exported : is_file ? model : weights;
    struct load_request request = {
        .arch = exported || is_file ? NULL : model, .weights = path, .seed = 1, .preprocess = preprocess};
    argument->graph = load_graph(&request, NULL, error);
    if (argument->graph && path)
        take_class_names(argument, path);
    mem_free(exported);
    return argument->graph != NULL;
}

void model_argument_finish(struct model_argument *argument)
{
    graph_destroy(argument->graph);
    bind_free_class_names(argument->class_name, argument->classes);
    *argument = (struct model_argument){0};
}
