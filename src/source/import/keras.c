/* The networks that Keras files describe: model_config of a whole-model .h5, config.json of a .keras archive. Called
 * through the table of import.c.
 *
 * {"class_name": "Sequential" or "Functional", "config": {"name": ..., "layers": [...]}}: of a Sequential model each
 * layer reads the one before it (Keras 1 has the list in place of the configuration); of a Functional one inbound_nodes
 * say what it reads, call by call. A model may be a layer. Keras writes layers in an order in which each follows what it
 * reads, but for those that are called several times: the walk goes over the list until all is built.
 *
 * Refused: layers that are not in the table of knet_layers.c, several inputs or outputs, weights that several calls
 * share, inputs that are no images. A softmax or sigmoid at the end is left out; a network that ends in maps or features
 * gets pooling and a linear layer; one with a single output becomes one of two classes. Images are fed as they are, 0 to
 * 255, unless knet_scaling.c finds a network in it that wants them otherwise. What is left out and added is said in the graph's note. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "knet.h"
#include "knet_calls.h"
#include "thaw/base/macros.h"
#include "thaw/base/mem.h"

enum { SIDE_OPEN = 224, CLASSES_OPEN = 2, PASSES_MAX = 16, KINDS_MAX = 8 };

static const json_t *layers_of(const json_t *model)
{
    const json_t *config = json_object_get(model, "config");
    const json_t *layers = json_is_array(config) ? config : json_object_get(config, "layers");
    return json_is_array(layers) ? layers : NULL;
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* Functions of TensorFlow that were called on a value have one class together: they go by their own names. */
static const char *class_of(const json_t *layer)
{
    const char *name = text_of(layer, "class_name");
    if (name && strcmp(name, "TFOpLambda") == 0)
        name = text_of(json_object_get(layer, "config"), "function");
    return name ? name : "";
}

static bool is_input(const json_t *layer)
{
    return strcmp(class_of(layer), "InputLayer") == 0;
}

/* --- what is not known --- */

struct unknown {
    const char *class_name[KINDS_MAX];
    int count[KINDS_MAX], kinds, more;
};

static void count_unknown(const json_t *model, int depth, struct unknown *unknown)
{
    const json_t *layers = layers_of(model);
    for (size_t i = 0; depth < KNET_DEPTH_MAX && i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i);
        const char *class_name = class_of(layer);
        if (layers_of(layer))
            count_unknown(layer, depth + 1, unknown);
        else if (!is_input(layer) && !knet_find_convert(class_name)) {
            int kind = 0;
            while (kind < unknown->kinds && strcmp(unknown->class_name[kind], class_name) != 0)
                kind++;
            if (kind == KINDS_MAX) {
                unknown->more++;
                continue;
            }
            unknown->kinds = kind == unknown->kinds ? kind + 1 : unknown->kinds;
            unknown->class_name[kind] = class_name;
            unknown->count[kind]++;
        }
    }
}

static bool check_known(const json_t *model, struct error *error)
{
    struct unknown unknown = {.kinds = 0};
    char list[512] = "";
    count_unknown(model, 0, &unknown);
    for (int i = 0; i < unknown.kinds; i++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%d %.40s", i ? ", " : "", unknown.count[i],
                 unknown.class_name[i][0] ? unknown.class_name[i] : "without a class");
    }
    if (unknown.kinds == 0)
        return true;
    return error_set(
        error, ERROR_WEIGHTS,
        "its network has layers that are not known: %s%s; ONNX may say it in others: model.export(\"folder\"), "
        "then `python -m tf2onnx.convert --saved-model folder --output model.onnx`",
        list, unknown.more ? " and others" : "");
}

/* --- the input --- */

static const json_t *shape_member(const json_t *object, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *shape = json_object_get(object, keys[i]);
        if (json_is_array(shape))
            return shape;
    }
    return NULL;
}

/* The shape of the images, as the first layer or the model states it. */
static const json_t *find_shape(const json_t *model, int depth)
{
    static const char *const of_layer[] = {"batch_input_shape", "batch_shape"};
    static const char *const of_model[] = {"build_input_shape", "input_shape"};
    const json_t *layers = layers_of(model), *first = json_array_get(layers, 0), *shape = NULL;
    for (size_t i = 0; i < json_array_size(layers); i++) {
        if (is_input(json_array_get(layers, i))) {
            first = json_array_get(layers, i);
            break;
        }
    }
    shape = shape_member(json_object_get(first, "config"), of_layer, THAW_LENGTH(of_layer));
    if (!shape && layers_of(first) && depth < KNET_DEPTH_MAX)
        shape = find_shape(first, depth + 1);
    if (!shape)
        shape = shape_member(json_object_get(model, "config"), of_model, THAW_LENGTH(of_model));
    if (!shape)
        shape = shape_member(json_object_get(model, "build_config"), of_model, THAW_LENGTH(of_model));
    if (!shape)
        shape = shape_member(json_object_get(first, "build_config"), of_model, THAW_LENGTH(of_model));
    return shape;
}

/* (batch, h, w, c), or (batch, h, w) of grey images; open sides are the caller's to choose. */
static bool read_shape(const json_t *json, int side, int shape[3], struct error *error)
{
    size_t rank = json_array_size(json);
    shape[2] = 1;
    bool good = rank == 4 || rank == 3;
    for (size_t i = 1; good && i < rank; i++) {
        const json_t *dim = json_array_get(json, i);
        json_int_t number = json_is_null(dim) && i < 3 ? SIDE_OPEN : json_integer_value(dim);
        good = number >= 1 && number < 1 << 16;
        shape[i - 1] = side && i < 3 ? side : (int)number;
    }
    if (!good)
        return error_set(error, ERROR_WEIGHTS,
                         "its network does not say that it takes images (height, width, channels)");
    return shape[2] == 1 || shape[2] == 3 ||
           error_set(error, ERROR_WEIGHTS, "its network takes images of %d channels; colour has 3, grey 1", shape[2]);
}

/* --- models --- */

static bool build_model(struct knet *net, const json_t *model, const char *prefix, struct knet_value *in, int depth,
                        struct knet_value *out);

static bool has_learned(const struct graph *graph, int from)
{
    for (int p = from; p < graph->params; p++)
        if (graph->param[p].role != OP_ROLE_CONSTANT)
            return true;
    return false;
}

/* One call of a layer, which may be a model. repeat: how often it was called before. */
static bool call_layer(struct knet *net, const json_t *layer, const char *prefix, int repeat, struct knet_call *call,
                       int depth, struct knet_value *out)
{
    char number[16] = "";
    if (repeat > 0)
        snprintf(number, sizeof number, "#%d", repeat);
    char *path = mem_format("%s%s%s", prefix, knet_layer_name(layer), number), name[GRAPH_NAME_MAX];
    bind_keras_layer(name, path);
    int params = net->graph->params;
    call->name = name;
    call->class_name = class_of(layer);
    call->config = json_object_get(layer, "config");
    knet_convert convert = knet_find_convert(call->class_name);
    bool good = ++net->calls <= KNET_CALLS_MAX || knet_refuse(net, call, "the network has too many layers");
    if (good && layers_of(layer)) {
        struct knet_value *in = knet_input(net, call);
        char *inside = mem_format("%s/", path);
        good = in && build_model(net, layer, inside, in, depth + 1, out);
        mem_free(inside);
    } else if (good) {
        good = convert ? convert(net, call, out) : knet_refuse(net, call, "it is not known");
    }
    if (good && repeat > 0 && has_learned(net->graph, params))
        good = knet_refuse(net, call, "it is called several times, and weights that calls share are not known");
    mem_free(path);
    return good;
}

static bool build_sequential(struct knet *net, const json_t *layers, const char *prefix, struct knet_value *in,
                             int depth, struct knet_value *out)
{
    struct knet_value value = *in;
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i);
        struct knet_value next = value;
        struct knet_call call = {.operands = 1, .operand = {{.value = &value}}};
        if (is_input(layer))
            continue;
        if (!call_layer(net, layer, prefix, 0, &call, depth, &next))
            return false;
        value = next;
    }
    *out = value;
    return true;
}

/* Calls every layer that has what it reads; false after an error. */
static bool pass_over(struct knet *net, const json_t *layers, const char *prefix, int depth, struct knet_calls *calls,
                      bool *moved, bool *done)
{
    *moved = false;
    *done = true;
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i), *nodes = json_object_get(layer, "inbound_nodes");
        while (!is_input(layer) && calls->done[i] < json_array_size(nodes)) {
            struct knet_call call = {.operands = 0, .name = knet_layer_name(layer), .class_name = class_of(layer)};
            struct knet_value out = {.node = 0};
            enum knet_ready ready = knet_read_call(net, calls, json_array_get(nodes, calls->done[i]), &call);
            if (ready == KNET_FAULT)
                return false;
            if (ready == KNET_WAITS) {
                *done = false;
                break;
            }
            if (!call_layer(net, layer, prefix, (int)calls->done[i], &call, depth, &out))
                return false;
            knet_keep_value(calls, knet_layer_name(layer), &out);
            calls->done[i]++;
            *moved = true;
        }
    }
    return true;
}

static bool walk_functional(struct knet *net, const json_t *model, const char *prefix, struct knet_value *in, int depth,
                            struct knet_calls *calls, struct knet_value *out)
{
    const json_t *layers = layers_of(model), *config = json_object_get(model, "config");
    struct knet_call whole = {.name = text_of(config, "name"), .class_name = class_of(model)};
    const char *input = knet_only_name(json_object_get(config, "input_layers"));
    whole.name = whole.name ? whole.name : "model";
    if (!input)
        return knet_refuse(net, &whole, "a model with several inputs is not known");
    knet_keep_value(calls, input, in);
    bool moved = true, done = false;
    for (int pass = 0; pass < PASSES_MAX && moved && !done; pass++)
        if (!pass_over(net, layers, prefix, depth, calls, &moved, &done))
            return false;
    const struct knet_value *last = knet_only_value(calls, json_object_get(config, "output_layers"));
    if (!done)
        return knet_refuse(net, &whole, "some of its layers read what no layer gives");
    if (!last)
        return knet_refuse(net, &whole, "a model with several outputs, or none, is not known");
    *out = *last;
    return true;
}

static bool build_model(struct knet *net, const json_t *model, const char *prefix, struct knet_value *in, int depth,
                        struct knet_value *out)
{
    const json_t *layers = layers_of(model);
    struct knet_call whole = {.name = prefix, .class_name = class_of(model)};
    if (depth == KNET_DEPTH_MAX)
        return knet_refuse(net, &whole, "models lie too deep inside each other");
    if (!json_object_get(json_object_get(model, "config"), "input_layers"))
        return build_sequential(net, layers, prefix, in, depth, out);
    struct knet_calls calls;
    knet_calls_init(&calls, layers);
    bool good = walk_functional(net, model, prefix, in, depth, &calls, out);
    knet_calls_finish(&calls);
    return good;
}

/* --- the end --- */

/* Whether what gives the outputs is a layer of classes: a batch norm behind it makes features of them. */
static bool has_head(const struct graph *graph)
{
    int layer = graph_class_layer(graph);
    for (int node = graph->nodes - 1; node > layer && layer > 0; node = graph->node[node].input[0])
        if (graph->node[node].kind == OP_BATCH_NORM)
            return false;
    return layer > 0 && graph->node[graph->nodes - 1].shape.h == 1 && graph->node[graph->nodes - 1].shape.w == 1;
}

static void add_head(struct graph *graph)
{
    int x = graph->nodes - 1;
    graph_begin_stage(graph, "head");
    if (graph->node[x].shape.h > 1 || graph->node[x].shape.w > 1)
        x = graph_add_unary(graph, "head.pooling", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_add_linear(graph, "head.predictions", x, CLASSES_OPEN);
    graph_add_note(graph, "the network ends in features: a head of %d classes is added", CLASSES_OPEN);
}

static bool finish(struct knet *net, const struct knet_value *out)
{
    struct graph *graph = net->graph;
    if (graph->nodes == 1)
        return error_set(net->error, ERROR_WEIGHTS, "its network has no layers");
    if (out->node != graph->nodes - 1)
        return error_set(net->error, ERROR_WEIGHTS, "its network does not end in its last layer, %s",
                         graph->node[graph->nodes - 1].name);
    if (out->pending != KNET_OPEN)
        graph_add_note(graph, "the %s at its end, %s, is left out: training wants logits",
                       out->pending == KNET_SOFTMAX ? "softmax" : "sigmoid", out->name);
    if (has_head(graph))
        import_mark_trunk(graph);
    else
        add_head(graph);
    return graph_seal(graph, net->error);
}

static int major_version(const struct weights *weights)
{
    const char *text = weights_metadata(weights, WEIGHTS_KERAS_VERSION);
    int version = text ? atoi(text) : 2;
    return version < 1 ? 2 : version;
}

static struct graph *build(const struct weights *weights, const json_t *root, int side, struct error *error)
{
    char name[GRAPH_NAME_MAX];
    int shape[3];
    if (!layers_of(root) || !check_known(root, error) || !read_shape(find_shape(root, 0), side, shape, error))
        return NULL;
    import_name(weights, name);
    struct knet net = {.weights = weights, .error = error, .version = major_version(weights)};
    net.graph = graph_create(name, shape[0], shape[1], shape[2]);
    net.graph->preprocess =
        (struct preprocess){.height = shape[0], .width = shape[1], .channels = shape[2], .raw = true, .std = {1, 1, 1}};
    bool scaled = knet_find_scaling(net.graph, root);
    net.graph->preprocess_basis = scaled ? PREPROCESS_STATED : PREPROCESS_GUESSED;
    struct knet_value in = {.node = 0}, out = {.node = 0};
    if (weights_metadata(weights, WEIGHTS_NOTE))
        graph_add_note(net.graph, "%s", weights_metadata(weights, WEIGHTS_NOTE));
    if (build_model(&net, root, "", &in, 0, &out) && finish(&net, &out))
        return net.graph->classes == 1 ? import_make_binary(net.graph, error) : net.graph;
    graph_destroy(net.graph);
    return NULL;
}

static bool possible(const struct weights *weights)
{
    return weights_layout(weights) == WEIGHTS_KERAS && weights_metadata(weights, WEIGHTS_KERAS_CONFIG);
}

static struct graph *sized(const struct weights *weights, int side, struct error *error)
{
    json_error_t where;
    const char *text = weights_metadata(weights, WEIGHTS_KERAS_CONFIG);
    if (!weights_json_fits(weights, text)) {
        error_set(error, ERROR_WEIGHTS, "its configuration describes more than a file of this size can hold");
        return NULL;
    }
    json_t *root = json_loads(text, 0, &where);
    struct graph *graph = NULL;
    error->kind = ERROR_NONE;
    if (root)
        graph = build(weights, root, side, error);
    if (!graph && error->kind == ERROR_NONE)
        error_set(error, ERROR_WEIGHTS, "its configuration cannot be read: %s", root ? "it has no layers" : where.text);
    json_decref(root);
    return graph;
}

static struct graph *outline(const struct weights *weights, struct error *error)
{
    return sized(weights, 0, error);
}

const struct importer import_keras = {.possible = possible, .outline = outline, .sized = sized, .shares = true};
