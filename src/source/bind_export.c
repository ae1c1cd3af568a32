/* Writing a graph's parameters home: safetensors with the names, layouts and companions (num_batches_tracked) that a
 * strict load in PyTorch expects, and metadata by which thaw knows its own file again. Called by the checkpoints, the
 * command line's export and the makers of samples. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bind_private.h"
#include "dialect/dialect.h"
#include "thaw/base/mem.h"
#include "thaw/network/graph_json.h"
#include "thaw/source/zoo.h"

static const float f16_most = 65504;

struct export
{
    struct weights_output *tensor;
    size_t count;
    char **name;         /* [params], as the library has them that loads such weights */
    struct shape *shape; /* likewise */
    char **counter;      /* [nodes], of the batch norms' counters, or NULL */
    float *values;       /* all parameters, torch layout, at their native offsets */
};

/* The zoo's names are torchvision's, or those of who alone has the architecture; some have a home elsewhere. */
static void name_all(struct export *export, const struct graph *graph)
{
    const struct dialect *home = dialect_home(graph->arch);
    export->name = home ? dialect_names(home, graph) : mem_array((size_t)graph->params + 1, sizeof *export->name);
    export->shape = mem_array((size_t)graph->params + 1, sizeof *export->shape);
    export->counter = mem_array((size_t)graph->nodes, sizeof *export->counter);
    for (int p = 0; p < graph->params; p++) {
        export->shape[p] = bind_torch_shape(graph, p);
        char *name = export->name[p];
        if (!home)
            export->name[p] = mem_string(bind_torch_name(graph, p));
        if (!home || !home->member || graph->param[p].node > graph->trunk)
            continue;
        export->name[p] = mem_format("%s%s", home->member, name);
        mem_free(name);
    }
    if (home)
        dialect_shapes(home, graph, export->shape);
}

static void finish(struct export *export, const struct graph *graph)
{
    for (int n = 0; n < graph->nodes; n++)
        mem_free(export->counter[n]);
    dialect_free_names(export->name, graph);
    mem_free(export->counter);
    mem_free(export->shape);
    mem_free_floats(export->values);
    mem_free(export->tensor);
}

static bool check_f16(const struct graph *graph, int param, struct error *error)
{
    const float *values = graph_param_values(graph, param);
    for (size_t i = 0; i < graph->param[param].count; i++) {
        if (!(fabsf(values[i]) <= f16_most))
            return error_set(error, ERROR_WEIGHTS, "%s holds %g, which f16 cannot: export as f32",
                             graph->param[param].name, (double)values[i]);
    }
    return true;
}

/* Running variances reach below and above what f16 holds, so the statistics stay f32. */
static bool add_param(struct export *export, const struct graph *graph, int param, enum tensor_type type,
                      struct error *error)
{
    const struct graph_param *from = &graph->param[param];
    if (from->role == OP_ROLE_STATISTICS)
        type = TENSOR_F32;
    if (type == TENSOR_F16 && !check_f16(graph, param, error))
        return false;
    bind_to_torch(graph, param, graph_param_values(graph, param), export->values + from->offset);
    export->tensor[export->count++] = (struct weights_output){
        .name = export->name[param],
        .type = type,
        .shape = export->shape[param],
        .values = export->values + from->offset,
    };
    return true;
}

/* torch.nn.BatchNorm2d's count of batches; it matters only for a cumulative average, which thaw has not. */
static void add_counter(struct export *export, const struct graph *graph, int node)
{
    const char *first = export->name[graph->node[node].first_param];
    char *name = mem_format("%.*s.num_batches_tracked", (int)(strrchr(first, '.') - first), first);
    export->counter[node] = name;
    export->tensor[export->count++] = (struct weights_output){.name = name, .type = TENSOR_I64, .integer = 0};
}

/* One name a line; a line break inside a name would shift all that follow. */
static char *join_names(const char *const *names, int count)
{
    size_t size = 1;
    for (int i = 0; i < count; i++)
        size += strlen(names[i]) + 1;
    char *text = mem_alloc(size), *end = text;
    for (int i = 0; i < count; i++) {
        if (i > 0)
            *end++ = '\n';
        for (const char *c = names[i]; *c; c++)
            *end++ = *c == '\n' ? ' ' : *c;
    }
    return text;
}

static bool write_file(const struct export *export, const struct graph *graph, const char *path,
                       const char *const *class_names, struct error *error)
{
    char preprocess[PREPROCESS_TEXT], classes[16];
    preprocess_to_text(preprocess, &graph->preprocess);
    snprintf(classes, sizeof classes, "%d", graph->classes);
    char *names = class_names ? join_names(class_names, graph->classes) : NULL;
    struct zoo_arch room;
    char *description = zoo_find(graph->arch, &room) ? NULL : graph_to_json(graph); /* what the name cannot stand for */
    const char *metadata[15] = {
        WEIGHTS_DIGEST, WEIGHTS_DIGEST_ROOM, "format",   "pt", BIND_KEY_ARCH, graph->arch, BIND_KEY_CLASSES,
        classes,        BIND_KEY_PREPROCESS, preprocess,
    };
    size_t used = 10;
    if (names) {
        metadata[used++] = BIND_KEY_CLASS_NAMES;
        metadata[used++] = names;
    }
    if (description) {
        metadata[used++] = GRAPH_JSON_KEY;
        metadata[used++] = description;
    }
    bool good = safetensors_write(path, export->tensor, export->count, metadata, error);
    mem_free(description);
    mem_free(names);
    return good;
}

/* Constants of an architecture that has a name are known by it. */
static bool is_written(const struct graph *graph, int param, bool has_name)
{
    return graph->param[param].role != OP_ROLE_CONSTANT || !has_name || !graph_constant_is_own(graph, param);
}

bool bind_export(const struct graph *graph, const char *path, enum tensor_type type, const char *const *class_names,
                 struct error *error)
{
    struct export export = {
        .tensor = mem_array((size_t)(graph->params + graph->nodes), sizeof *export.tensor),
        .values = mem_try_floats(graph->values_count ? graph->values_count : 1),
    };
    struct zoo_arch room;
    bool good = true, has_name = zoo_find(graph->arch, &room);
    name_all(&export, graph);
    if (!export.values)
        good = error_set(error, ERROR_FAILED, "%s: no memory for a copy of %zu values", path, graph->values_count);
    for (int n = 0; n < graph->nodes && good; n++) {
        const struct graph_node *node = &graph->node[n];
        for (int p = node->first_param; p < node->first_param + node->params && good; p++)
            good = !is_written(graph, p, has_name) || add_param(&export, graph, p, type, error);
        if (node->kind == OP_BATCH_NORM)
            add_counter(&export, graph, n);
    }
    good = good && write_file(&export, graph, path, class_names, error);
    finish(&export, graph);
    return good;
}
