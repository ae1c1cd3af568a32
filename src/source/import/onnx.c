/* ONNX models as networks: input and output found, what the output needs converted node by node, then tidied, named and
 * built. Called through the table of import.c. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "onnx_convert.h"
#include "thaw/base/mem.h"

enum { SIDE_UNKNOWN = 224, SIDE_MAX = 1 << 14, BYTES_FACTOR = 2, BYTES_FLOOR = 768 << 10, BLOCK_BYTES = 32 };

/* --- what converters use --- */

bool net_refuse(struct net *net, const struct onnx_node *node, const char *format, ...)
{
    char text[ERROR_TEXT_MAX / 2], op[32], name[GRAPH_NAME_MAX];
    if (net->error->kind != ERROR_NONE)
        return false;
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    const char *called = node->name[0] ? node->name : node->outputs ? node->output[0] : "";
    return error_set(net->error, ERROR_WEIGHTS, "%s node \"%s\": %s", import_text(op, sizeof op, node->op),
                     import_text(name, sizeof name, called), text);
}

bool net_spend(struct net *net, size_t size)
{
    if (net->error->kind != ERROR_NONE)
        return false;
    if (size > net->bytes_left)
        return error_set(net->error, ERROR_WEIGHTS,
                         "its graph describes or computes far more than a file of its size can hold");
    net->bytes_left -= size;
    return true;
}

void *net_room(struct net *net, size_t count, size_t item)
{
    if (count > SIZE_MAX / item || !net_spend(net, count * item + BLOCK_BYTES))
        return NULL;
    if (net->blocks == net->blocks_room) {
        net->blocks_room = net->blocks_room ? 2 * net->blocks_room : 64;
        net->block = mem_grow(net->block, net->blocks_room, sizeof *net->block);
    }
    return net->block[net->blocks++] = mem_array(count, item);
}

const struct onnx_attribute *net_attribute(const struct onnx_node *node, const char *name)
{
    for (size_t i = 0; i < node->attributes; i++) {
        if (strcmp(node->attribute[i].name, name) == 0)
            return &node->attribute[i];
    }
    return NULL;
}

int64_t net_integer(const struct onnx_node *node, const char *name, int64_t otherwise)
{
    const struct onnx_attribute *found = net_attribute(node, name);
    return found && found->kind == ONNX_INT ? found->integer : otherwise;
}

double net_real(const struct onnx_node *node, const char *name, double otherwise)
{
    const struct onnx_attribute *found = net_attribute(node, name);
    return found && found->kind == ONNX_FLOAT ? (double)found->real : otherwise;
}

const char *net_text(const struct onnx_node *node, const char *name, const char *otherwise)
{
    const struct onnx_attribute *found = net_attribute(node, name);
    return found && found->kind == ONNX_STRING ? found->text : otherwise;
}

/* --- what the output needs --- */

/* Which nodes lead to the value; a set of names is enough, as the file's nodes stand in order. */
struct wanted {
    const struct onnx_graph *onnx;
    bool *node; /* [nodes] */
    struct net names;
};

static void want(struct wanted *wanted, const char *name)
{
    if (name[0])
        net_define_name(&wanted->names, name, (struct value){0});
}

static void wanted_init(struct wanted *wanted, const struct onnx_graph *onnx, const char *output)
{
    *wanted = (struct wanted){.onnx = onnx, .node = mem_array(onnx->nodes + 1, sizeof *wanted->node)};
    want(wanted, output);
    for (size_t i = onnx->nodes; i-- > 0;) {
        const struct onnx_node *node = &onnx->node[i];
        for (size_t k = 0; k < node->outputs && !wanted->node[i]; k++)
            wanted->node[i] = node->output[k][0] && net_find(&wanted->names, node->output[k]);
        for (size_t k = 0; k < node->inputs && wanted->node[i]; k++)
            want(wanted, node->input[k]);
    }
}

static void wanted_finish(struct wanted *wanted)
{
    mem_free(wanted->node);
    mem_free(wanted->names.value);
    mem_free(wanted->names.slot);
}

/* --- input --- */

static bool is_initializer(const struct net *net, const char *name)
{
    const struct value *value = net_find(net, name);
    return value && value->constant;
}

/* Files before IR version 4 list the initialisers among the inputs. */
static const struct onnx_value *find_input(struct net *net)
{
    const struct onnx_value *found = NULL;
    for (size_t i = 0; i < net->onnx->inputs; i++) {
        const struct onnx_value *input = &net->onnx->input[i];
        if (is_initializer(net, input->name))
            continue;
        if (found) {
            error_set(net->error, ERROR_WEIGHTS, "its graph has more than one input; thaw's networks read one image");
            return NULL;
        }
        found = input;
    }
    if (!found)
        error_set(net->error, ERROR_WEIGHTS, "its graph has no input");
    return found;
}

static bool is_colour(int64_t dim)
{
    return dim == 1 || dim == 3;
}

static int side_of(int64_t dim)
{
    return dim < 0 ? SIDE_UNKNOWN : dim > SIDE_MAX ? 0 : (int)dim;
}

/* Ultralytics's classifiers, which say whose they are: the shorter side to the input's, cropped, x / 255. */
static bool is_ultralytics(const struct net *net)
{
    const char *author = weights_metadata(net->weights, WEIGHTS_ONNX_AUTHOR);
    const char *task = weights_metadata(net->weights, WEIGHTS_ONNX_TASK);
    return author && task && strcmp(author, "Ultralytics") == 0 && strcmp(task, "classify") == 0;
}

/* The normalisation nobody wrote down: torch's ImageNet one for images of photographs' size, x / 255 for small ones. */
static void guess_preprocess(struct net *net, struct shape4 input)
{
    struct error unused;
    struct preprocess *guess = &net->preprocess;
    net->preprocess_stated = is_ultralytics(net);
    bool large = input.c == 3 && input.h >= 96 && !net->preprocess_stated;
    guess->height = input.h;
    guess->width = input.w;
    guess->channels = input.c;
    guess->resize = large ? (input.h * 256 + 112) / 224 : net->preprocess_stated && input.h == input.w ? input.h : 0;
    if (!preprocess_parse(guess, large ? "torch" : "unit", &unused))
        *guess = (struct preprocess){.height = input.h, .width = input.w, .channels = input.c, .std = {1, 1, 1}};
}

static bool add_input(struct net *net)
{
    const struct onnx_value *input = find_input(net);
    if (!input)
        return false;
    char name[GRAPH_NAME_MAX];
    import_text(name, sizeof name, input->name);
    if (input->rank != 4)
        return error_set(net->error, ERROR_WEIGHTS, "its input \"%s\" has %d dimensions; an image has four", name,
                         input->rank);
    const int64_t *dim = input->dim;
    bool pixels = !is_colour(dim[1]) && is_colour(dim[3]); /* TensorFlow's order */
    if (!pixels && !is_colour(dim[1]) && dim[1] >= 0)
        return error_set(net->error, ERROR_WEIGHTS, "its input \"%s\" has %lld channels; an image has 1 or 3", name,
                         (long long)dim[1]);
    struct shape4 shape = {1, side_of(dim[pixels ? 1 : 2]), side_of(dim[pixels ? 2 : 3]), 3};
    if (net->side)
        shape.h = shape.w = net->side;
    if (dim[pixels ? 3 : 1] >= 0)
        shape.c = (int)dim[pixels ? 3 : 1];
    if (shape.h == 0 || shape.w == 0)
        return error_set(net->error, ERROR_WEIGHTS, "its input \"%s\" is larger than %dx%d", name, SIDE_MAX, SIDE_MAX);
    net->batch = dim[0] > 0 && dim[0] <= SIDE_MAX ? dim[0] : 1;
    net->drafts = 1;
    net->drafts_room = 16;
    net->draft = mem_array((size_t)net->drafts_room, sizeof *net->draft);
    net->draft[0] = (struct draft){.kind = OP_INPUT, .shape = shape, .instead = -1, .name = "input"};
    guess_preprocess(net, shape);
    return net_define_name(net, input->name, (struct value){.layout = pixels ? LAYOUT_PIXELS : LAYOUT_IMAGE}) ||
           error_set(net->error, ERROR_WEIGHTS, "its input \"%s\" has the name of another value", name);
}

/* --- nodes --- */

static bool define_initializers(struct net *net)
{
    for (size_t i = 0; i < net->onnx->initializers; i++) {
        const struct onnx_tensor *tensor = &net->onnx->initializer[i];
        struct constant *constant = net_room(net, 1, sizeof *constant);
        if (!constant)
            return false;
        *constant =
            (struct constant){.shape = tensor->shape, .whole = !tensor_type_is_float(tensor->type), .tensor = tensor};
        net_define_name(net, tensor->name,
                        (struct value){.constant = constant}); /* names differ: weights.c saw to it */
    }
    return true;
}

static bool is_quantised(const struct onnx_node *node)
{
    static const char *const parts[] = {"QLinear", "Quantize", "Dequantize", "Integer"};
    for (size_t i = 0; i < THAW_LENGTH(parts); i++) {
        if (strstr(node->op, parts[i]))
            return true;
    }
    return false;
}

/* All operators are known before any is converted, so that the sentence is about all of them. */
static bool check_ops(struct net *net, const struct wanted *wanted)
{
    const struct onnx_node *first = NULL;
    int like_it = 0, others = 0;
    for (size_t i = 0; i < net->onnx->nodes; i++) {
        const struct onnx_node *node = &net->onnx->node[i];
        if (!wanted->node[i] || net_find_convert(node))
            continue;
        if (is_quantised(node))
            return net_refuse(net, node, "a quantised model; export it before it is quantised");
        first = first ? first : node;
        like_it += strcmp(node->op, first->op) == 0;
        others += strcmp(node->op, first->op) != 0;
    }
    if (!first)
        return true;
    char more[64] = "";
    if (others)
        snprintf(more, sizeof more, ", and %d of other unknown operators", others);
    return net_refuse(net, first, "an operator that thaw does not know; the network has %d of it%s", like_it, more);
}

static bool all_constant(struct net *net, const struct onnx_node *node)
{
    for (size_t i = 0; i < node->inputs; i++) {
        const struct value *value = net_input(net, node, i);
        if (value && !value->constant)
            return false;
    }
    return true;
}

static bool convert_node(struct net *net, const struct onnx_node *node)
{
    bool folds = fold_is_known(node) && all_constant(net, node);
    if (net->error->kind != ERROR_NONE)
        return false;
    bool good = folds ? fold_node(net, node) : net_find_convert(node)(net, node);
    if (!good && net->error->kind == ERROR_NONE)
        net_refuse(net, node, "it cannot be converted");
    return good;
}

static bool convert_nodes(struct net *net, const char *output)
{
    struct wanted wanted;
    wanted_init(&wanted, net->onnx, output);
    bool good = check_ops(net, &wanted);
    for (size_t i = 0; i < net->onnx->nodes && good; i++)
        good = !wanted.node[i] || convert_node(net, &net->onnx->node[i]);
    wanted_finish(&wanted);
    return good;
}

static bool take_output(struct net *net, const char *name)
{
    const struct value *value = net_find(net, name);
    char text[GRAPH_NAME_MAX];
    import_text(text, sizeof text, name);
    if (!value || value->constant)
        return error_set(net->error, ERROR_WEIGHTS, "its output \"%s\" does not depend on the image", text);
    net->output = value->draft;
    net->dropped = value->closed;
    const struct draft *last = &net->draft[value->draft];
    const struct shape4 *shape = &last->shape;
    if (last->kind == OP_SIGMOID && shape->c == 1) { /* of the one output that stands for two classes */
        net->output = last->input[0];
        net->dropped = last->node;
    }
    if (shape->h != 1 || shape->w != 1)
        return error_set(net->error, ERROR_WEIGHTS,
                         "its output \"%s\" is %dx%dx%d; a network that sorts images gives one row of numbers", text,
                         shape->h, shape->w, shape->c);
    return true;
}

static bool read_network(struct net *net)
{
    if (net->onnx->nodes == 0 || net->onnx->outputs == 0)
        return error_set(net->error, ERROR_WEIGHTS, "its graph has no nodes or no output: it describes no network");
    const char *output = net->onnx->output[0].name; /* further ones are of auxiliary heads */
    if (!define_initializers(net) || !add_input(net) || !convert_nodes(net, output) || !take_output(net, output) ||
        !net_tidy(net))
        return false;
    net_name(net);
    return true;
}

struct net *net_create(const struct weights *weights, int side, struct error *error)
{
    struct net *net = mem_alloc(sizeof *net);
    *error = (struct error){ERROR_NONE, ""};
    *net = (struct net){.weights = weights, .onnx = weights_onnx(weights), .side = side, .error = error};
    net->bytes_left = BYTES_FACTOR * net->onnx->bytes + BYTES_FLOOR;
    net->computed = mem_array(weights_count(weights) + 1, sizeof *net->computed);
    if (read_network(net))
        return net;
    net_destroy(net);
    return NULL;
}

void net_destroy(struct net *net)
{
    if (!net)
        return;
    for (size_t i = 0; i < net->blocks; i++)
        mem_free(net->block[i]);
    mem_free(net->block);
    mem_free(net->computed);
    mem_free(net->value);
    mem_free(net->slot);
    mem_free(net->draft);
    mem_free(net);
}

/* --- the row of the table --- */

static bool possible(const struct weights *weights)
{
    return weights_onnx(weights) != NULL;
}

static struct graph *sized(const struct weights *weights, int side, struct error *error)
{
    struct net *net = net_create(weights, side, error);
    struct graph *graph = net ? net_build(net) : NULL;
    net_destroy(net);
    return graph;
}

static struct graph *outline(const struct weights *weights, struct error *error)
{
    return sized(weights, 0, error);
}

const struct importer import_onnx = {
    .possible = possible, .outline = outline, .sized = sized, .bind = onnx_bind, .shares = true};
