/* What a weights file is: its architecture, its class head, its input's channels. Files that thaw wrote say so in their
 * metadata; others are compared, by the names and shapes of their trunk, with every architecture of the zoo. The one that
 * accounts for most of the file's tensors is meant. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bind_private.h"
#include "thaw/source/zoo.h"

/* The rows of the class head's weight in the file, or 0. */
static int count_classes(const struct graph *graph, const struct weights *weights, const struct bind_index *index)
{
    int layer = graph_class_layer(graph);
    if (layer < 0)
        return 0;
    long found = bind_index_find(index, graph->param[graph->node[layer].first_param].name);
    if (found < 0)
        return 0;
    const struct shape *shape = &weights_get(weights, (size_t)found)->shape;
    if (shape->rank < 2)
        return 0;
    int64_t classes = shape->dim[weights_layout(weights) == WEIGHTS_TORCH ? 0 : shape->rank - 1];
    return classes > 0 && classes <= INT32_MAX ? (int)classes : 0;
}

/* What is compared: a file, and the best of the architectures that it was compared with. */
struct comparison {
    const struct weights *weights;
    struct bind_index index;
    struct bind_guess best;
    struct bind_identity identity; /* of the best */
    size_t rest, first_rest;       /* tensors that the best's trunk has no place for, once it is known */
};

/* Compares with one architecture, tensor by tensor; it becomes the best where it is no worse. */
static void consider(struct comparison *comparison, const char *arch, int channels)
{
    struct error unused;
    const struct weights *weights = comparison->weights;
    struct zoo_options options = {.channels = channels};
    struct graph *graph = zoo_outline(arch, &options, &unused);
    if (!graph)
        return;
    struct bind_guess own = {.trunk = 0};
    snprintf(own.arch, sizeof own.arch, "%s", graph->arch);
    struct bind_index index;
    char told[BIND_TOLD];
    bind_index_copy(&index, &comparison->index);
    bind_index_by_order(&index, graph, weights);
    bind_index_as_graph(&index, graph, weights, told);
    for (int p = 0; p < graph->params && graph->param[p].node <= graph->trunk; p++) {
        if (graph->param[p].role == OP_ROLE_CONSTANT || bind_is_position(graph, p))
            continue;
        long found = bind_index_find(&index, graph->param[p].name);
        own.trunk++;
        if (found < 0)
            continue;
        struct shape shape = bind_index_shape(&index, weights, (size_t)found);
        own.fitting += bind_param_fits(graph, p, weights_layout(weights), &shape);
    }
    int classes = count_classes(graph, weights, &index);
    own.head = classes > 0;
    if (!bind_guess_is_better(&comparison->best, &own)) {
        comparison->best = own;
        comparison->rest = bind_count_rest(&index, graph, weights, &comparison->first_rest);
        comparison->identity = (struct bind_identity){.classes = classes, .channels = channels};
        snprintf(comparison->identity.arch, sizeof comparison->identity.arch, "%s", own.arch);
    }
    bind_index_finish(&index);
    graph_destroy(graph);
}

/* MobileNetV1 at a width that is not in the table: from the channels of its last layer. */
static const struct scaled {
    const char *prefix, *tensor;
} scaled[] = {{"mobilenet_v1_", "pw.12.bn.weight"}, {"keras_mobilenet_", "conv_pw_13_bn.weight"}};

static void consider_scaled(struct comparison *comparison, const struct scaled *family)
{
    long found = bind_index_find(&comparison->index, family->tensor);
    if (found < 0)
        return;
    const struct shape *shape = &weights_get(comparison->weights, (size_t)found)->shape;
    if (shape->rank != 1 || shape->dim[0] < 8 || shape->dim[0] > 8 * 1024)
        return;
    /* widths are rounded down: the shortest decimal that gives these channels is the one that was meant */
    for (int digits = 5; digits >= 2; digits--) {
        char name[GRAPH_NAME_MAX], text[32];
        double alpha = ((double)shape->dim[0] + 0.5) / 1024;
        snprintf(text, sizeof text, "%.*f", digits, alpha);
        snprintf(name, sizeof name, "%s%g", family->prefix, atof(text));
        consider(comparison, name, 1);
        consider(comparison, name, 3);
    }
}

/* Keras's architectures, for the order of their tensors where names do not tell. */
static void consider_order(struct comparison *comparison)
{
    const struct zoo_arch *arch;
    for (size_t i = 0; weights_layout(comparison->weights) == WEIGHTS_KERAS && (arch = zoo_at(i)); i++) {
        bool whole = comparison->best.trunk > 0 && comparison->best.fitting == comparison->best.trunk;
        if (!whole && strncmp(arch->name, "keras_", 6) == 0)
            consider(comparison, arch->name, arch->channels);
    }
}

static bool recognise_metadata(const struct weights *weights, struct bind_identity *identity)
{
    struct zoo_arch room;
    struct preprocess preprocess;
    const char *name = weights_metadata(weights, BIND_KEY_ARCH), *count = weights_metadata(weights, BIND_KEY_CLASSES);
    if (!name || !count || strlen(name) >= GRAPH_NAME_MAX || !zoo_find(name, &room))
        return false;
    char *end;
    long value = strtol(count, &end, 10);
    if (end == count || *end || value < 1 || value > INT32_MAX)
        return false;
    *identity = (struct bind_identity){.classes = 0};
    strcpy(identity->arch, name);
    identity->classes = (int)value;
    identity->channels = bind_file_preprocess(weights, &preprocess) ? preprocess.channels : 0;
    return true;
}

static bool any_floats(const struct weights *weights)
{
    for (size_t i = 0; i < weights_count(weights); i++)
        if (tensor_type_is_float(weights_get(weights, i)->type))
            return true;
    return false;
}

/* A file that brings its network along is imported, whatever it is. */
const char *bind_advice(const struct weights *weights)
{
    if (weights_layout(weights) == WEIGHTS_KERAS)
        return "save the whole model, model.save(\"model.keras\"): such a file says what its network is";
    const char *note = weights_metadata(weights, WEIGHTS_NOTE);
    if (note && strstr(note, "ultralytics."))
        return "export it as ONNX, which says what its network is: yolo export model=FILE format=onnx";
    return "export it as ONNX, which says what its network is: torch.onnx.export(model, torch.zeros(1, 3, 224, 224), "
           "\"model.onnx\")";
}

static bool refuse(const struct weights *weights, const struct bind_guess *best, struct error *error)
{
    char shape[SHAPE_TEXT], nearest[128] = "";
    if (weights_count(weights) == 0)
        return error_set(error, ERROR_WEIGHTS, "%s: there are no tensors in it", weights_path(weights));
    const struct weights_tensor *first = weights_get(weights, 0);
    if (!any_floats(weights))
        return error_set(error, ERROR_WEIGHTS,
                         "%s: not a model but data: all its %zu tensors are whole numbers, the first is %.80s %s of %s",
                         weights_path(weights), weights_count(weights), first->name, shape_text(shape, &first->shape),
                         tensor_type_name(first->type));
    if (best->fitting > 0)
        snprintf(nearest, sizeof nearest, "; the nearest is %s, %d of whose %d tensors fit", best->arch, best->fitting,
                 best->trunk);
    return error_set(
        error, ERROR_WEIGHTS,
        "%s: not the weights of an architecture that thaw knows: %zu tensor%s, the first is %.80s %s%s; %s",
        weights_path(weights), weights_count(weights), weights_count(weights) == 1 ? "" : "s", first->name,
        shape_text(shape, &first->shape), nearest, bind_advice(weights));
}

/* The best guess under each prefix that the names may have; the index is left without that of the guess. */
static struct bind_guess guess_behind_prefixes(const struct bind_zoo *zoo, const struct weights *weights,
                                               struct bind_index *index)
{
    struct bind_guess best = bind_zoo_guess(zoo, weights, index);
    char prefix[BIND_PREFIX_MAX] = "", meant[BIND_PREFIX_MAX] = "";
    bool torch = weights_layout(weights) == WEIGHTS_TORCH;
    while (torch && (best.fitting == 0 || best.fitting < best.trunk) && bind_index_next_prefix(index, prefix)) {
        struct bind_index stripped;
        bind_index_copy(&stripped, index);
        bind_index_strip(&stripped, prefix);
        struct bind_guess own = bind_zoo_guess(zoo, weights, &stripped);
        bind_index_finish(&stripped);
        if (!bind_guess_is_better(&own, &best))
            continue;
        best = own;
        strcpy(meant, prefix);
    }
    bind_index_strip(index, meant);
    return best;
}

/* DeiT is ViT under another training: its tensors are the same, its pixels are not. Where the file is called so, or its
 * folders are and it is not called otherwise, that is meant. */
static void tell_twins(const struct weights *weights, struct bind_identity *identity)
{
    static const char own[] = "vit_", other[] = "deit_", word[] = "deit";
    struct zoo_arch room;
    char name[GRAPH_NAME_MAX + sizeof other];
    const char *path = weights_path(weights), *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    bool named = strstr(base, word) || (!strstr(base, "vit") && strstr(path, word));
    if (!named || strncmp(identity->arch, own, strlen(own)) != 0)
        return;
    snprintf(name, sizeof name, "%s%s", other, identity->arch + strlen(own));
    if (strlen(name) < sizeof identity->arch && zoo_find(name, &room))
        strcpy(identity->arch, name);
}

/* Networks of timm that blur where others stride have the same tensors, and only their names tell them: not a word of their
 * users', and not to be taken for the others. */
static bool is_blurred(const struct weights *weights, struct error *error)
{
    static const char *const names[] = {"resnetblur", "densenetblur", "efficientnet_blur", "mobilenetv4_conv_blur"};
    for (size_t i = 0; i < THAW_LENGTH(names); i++)
        if (strstr(weights_path(weights), names[i]))
            return !error_set(
                error, ERROR_WEIGHTS,
                "%s: it is called a %s, a network that blurs before it strides, which no tensor shows and "
                "thaw does not know; if it is none, give it another name, else %s",
                weights_path(weights), names[i], bind_advice(weights));
    return false;
}

bool bind_recognise(const struct weights *weights, const struct bind_zoo *zoo, struct bind_identity *identity,
                    struct error *error)
{
    if (recognise_metadata(weights, identity))
        return true;
    struct bind_zoo *own = zoo ? NULL : bind_zoo_create();
    struct comparison comparison = {.weights = weights};
    bind_index_init(&comparison.index, weights);
    bind_index_as_zoo(&comparison.index, weights);
    struct bind_guess guess = guess_behind_prefixes(zoo ? zoo : own, weights, &comparison.index);
    if (guess.fitting > 0 && guess.fitting == guess.trunk) { /* by digests: now the names and shapes themselves */
        consider(&comparison, guess.arch, guess.grey > 0 ? 1 : 3);
        strcpy(comparison.identity.twin, guess.twin);
    } else {
        comparison.best = guess;
        for (size_t i = 0; i < THAW_LENGTH(scaled); i++)
            consider_scaled(&comparison, &scaled[i]);
        consider_order(&comparison);
    }
    bind_index_finish(&comparison.index);
    bind_zoo_destroy(own);
    const struct bind_guess *best = &comparison.best;
    if (best->fitting == 0 || best->fitting < best->trunk)
        return refuse(weights, best, error);
    if (comparison.rest > 0)
        return bind_refuse_rest(best->arch, weights, comparison.rest, comparison.first_rest, error);
    if (is_blurred(weights, error))
        return false;
    *identity = comparison.identity;
    tell_twins(weights, identity);
    bind_tell_clip(weights, identity);
    return true;
}

void bind_recognise_as(const struct weights *weights, const char *arch, struct bind_identity *identity)
{
    if (recognise_metadata(weights, identity) && strcmp(identity->arch, arch) == 0)
        return;
    struct comparison comparison = {.weights = weights};
    bind_index_init(&comparison.index, weights);
    bind_index_as_zoo(&comparison.index, weights);
    consider(&comparison, arch, 1);
    consider(&comparison, arch, 3);
    bind_index_finish(&comparison.index);
    *identity = comparison.identity;
}
