/* Reads ONNX models: skeleton, protobuf-c, then the plain view of include/thaw/weights/onnx.h. Called by format_onnx.c.
 *
 * Initialisers become tensors of the list, and so do the values of Constant nodes that hold more than one float, by the
 * name of the node's output: some exporters write weights there. What protobuf-c has unpacked stays, the view borrows
 * its strings and lists; the data of tensors never went through it. */
#include "config.h"

#include "onnx_read.h"

#include <assert.h>
#include <string.h>

#include "onnx_data.h"
#include "onnx_wire.h"
#include "src/weights/onnx.pb-c.h"
#include "thaw/base/mem.h"
#include "thaw/weights/onnx.h"

/* Four times the file, and a floor: a graph whose values lie in other files is small and unpacks to eight times its
 * size. Each tensor of the list is reckoned with what weights_add allocates for it. */
enum { BUDGET_FACTOR = 4, BUDGET_FLOOR = 8 << 20, LISTED_BYTES = 512 };
#define COUNT_MAX ((int64_t)1 << 40)

static const struct {
    int32_t onnx;
    enum tensor_type type;
} types[] = {
    {ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, TENSOR_F32},     {ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16, TENSOR_F16},
    {ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16, TENSOR_BF16}, {ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE, TENSOR_F64},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT64, TENSOR_I64},     {ONNX__TENSOR_PROTO__DATA_TYPE__INT32, TENSOR_I32},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT16, TENSOR_I16},     {ONNX__TENSOR_PROTO__DATA_TYPE__INT8, TENSOR_I8},
    {ONNX__TENSOR_PROTO__DATA_TYPE__UINT8, TENSOR_U8},      {ONNX__TENSOR_PROTO__DATA_TYPE__BOOL, TENSOR_BOOL},
};
static_assert(THAW_LENGTH(types) == TENSOR_TYPES, "each element type has one number in ONNX");

/* What the handle keeps. */
struct onnx_file {
    struct onnx_budget budget;
    ProtobufCAllocator allocator;
    Onnx__ModelProto *model;
    struct onnx_graph view;
    struct onnx_files files;
    /* the view's arrays */
    struct onnx_node *node;
    struct onnx_attribute *attribute;
    struct onnx_tensor *tensor; /* initialisers, then those of attributes */
    struct onnx_value *value;   /* inputs, then outputs */
    char **text;                /* of string attributes */
    size_t texts;
};

/* While reading. */
struct reader {
    struct weights *weights;
    struct onnx_file *file;
    const struct onnx_skeleton *skeleton;
    size_t attributes, tensors; /* of the view so far */
};

/* --- protobuf-c within the budget --- */

enum { HEADER = 16 }; /* before each block: its size; keeps the alignment of malloc */

static void *budget_alloc(void *data, size_t size)
{
    struct onnx_budget *budget = data;
    if (size > SIZE_MAX - HEADER || !onnx_spend(budget, size + HEADER))
        return NULL;
    size_t *block = mem_try(size + HEADER);
    if (!block)
        return NULL;
    *block = size;
    return (char *)block + HEADER;
}

static void budget_free(void *data, void *pointer)
{
    struct onnx_budget *budget = data;
    if (!pointer)
        return;
    size_t *block = (size_t *)(void *)((char *)pointer - HEADER);
    budget->left += *block + HEADER;
    mem_free(block);
}

static void release(void *block)
{
    struct onnx_file *file = block;
    for (size_t i = 0; i < file->texts; i++)
        mem_free(file->text[i]);
    mem_free(file->text);
    mem_free(file->node);
    mem_free(file->attribute);
    mem_free(file->tensor);
    mem_free(file->value);
    onnx_files_finish(&file->files);
    if (file->model)
        onnx__model_proto__free_unpacked(file->model, &file->allocator);
    mem_free(file);
}

static bool refuse_size(struct error *error)
{
    return error_set(error, ERROR_WEIGHTS, "its ONNX graph describes far more than a file of its size can hold");
}

/* An array of the view, charged. */
static bool take_array(struct onnx_file *file, void **array, size_t count, size_t item, struct error *error)
{
    if (count > file->budget.left / item || !onnx_spend(&file->budget, count * item))
        return refuse_size(error);
    *array = mem_array(count ? count : 1, item);
    return true;
}

/* --- tensors --- */

static const char *text_of(const char *text)
{
    return text ? text : "";
}

static bool read_type(const Onnx__TensorProto *from, const char *quote, enum tensor_type *type, struct error *error)
{
    for (size_t i = 0; i < THAW_LENGTH(types); i++) {
        *type = types[i].type;
        if (types[i].onnx == from->data_type)
            return true;
    }
    return error_set(error, ERROR_WEIGHTS, "tensor \"%s\" is of ONNX type %d, which is not read", quote,
                     (int)from->data_type);
}

static bool read_shape(const Onnx__TensorProto *from, const char *quote, struct shape *shape, struct error *error)
{
    if (from->n_dims > SHAPE_RANK_MAX)
        return error_set(error, ERROR_WEIGHTS, "tensor \"%s\" has %zu dimensions, at most %d are read", quote,
                         from->n_dims, SHAPE_RANK_MAX);
    *shape = shape_make((int)from->n_dims, from->dims);
    int64_t count = shape_count(shape);
    if (count < 0 || count > COUNT_MAX)
        return error_set(error, ERROR_WEIGHTS, "tensor \"%s\" has a shape that cannot be: too many elements", quote);
    return true;
}

static struct onnx_external external_of(const Onnx__TensorProto *from)
{
    struct onnx_external external = {NULL, NULL, NULL};
    for (size_t i = 0; i < from->n_external_data; i++) {
        const char *key = text_of(from->external_data[i]->key), *value = text_of(from->external_data[i]->value);
        if (strcmp(key, "location") == 0)
            external.location = value;
        else if (strcmp(key, "offset") == 0)
            external.offset = value;
        else if (strcmp(key, "length") == 0)
            external.length = value;
    }
    return external;
}

/* The TensorProto in the file that a copy without data stands for. */
static struct onnx_body body_of(const struct reader *reader, const Onnx__TensorProto *from)
{
    uint32_t number = 0;
    for (size_t i = 0; i < 4; i++)
        number |= (uint32_t)from->raw_data.data[i] << (8 * i);
    return reader->skeleton->tensor[number];
}

/* Adds a tensor to the view; `name` is what sentences call it. */
static bool read_tensor(struct reader *reader, const Onnx__TensorProto *from, const char *name, struct error *error)
{
    char quote[WEIGHTS_QUOTE];
    struct onnx_wanted wanted = {.quote = weights_quote(quote, name, strlen(name)), .body = body_of(reader, from)};
    struct onnx_tensor *tensor = &reader->file->tensor[reader->tensors];
    *tensor = (struct onnx_tensor){.name = text_of(from->name), .index = -1};
    if (!read_type(from, quote, &tensor->type, error) || !read_shape(from, quote, &tensor->shape, error))
        return false;
    wanted.type = tensor->type;
    wanted.count = (uint64_t)shape_count(&tensor->shape);
    reader->tensors++;
    if (from->data_location != ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return onnx_data_inside(reader->weights, &reader->file->budget, &wanted, &tensor->values, error);
    struct onnx_external external = external_of(from);
    return onnx_data_outside(reader->weights, &reader->file->files, &wanted, &external, &tensor->values, error);
}

/* Puts the tensor just read into the handle's list. */
static bool list_tensor(struct reader *reader, const char *name, struct error *error)
{
    struct onnx_tensor *tensor = &reader->file->tensor[reader->tensors - 1];
    struct weights_place place = {.first = tensor->values};
    weights_place_dense(&place, &tensor->shape);
    if (!onnx_spend(&reader->file->budget, LISTED_BYTES))
        return refuse_size(error);
    if (!weights_add(reader->weights, name, strlen(name), tensor->type, &tensor->shape, &place, error))
        return false;
    tensor->index = (long)weights_count(reader->weights) - 1;
    return true;
}

static bool read_initializers(struct reader *reader, const Onnx__GraphProto *from, struct error *error)
{
    struct onnx_graph *view = &reader->file->view;
    for (size_t i = 0; i < from->n_initializer; i++) {
        const char *name = text_of(from->initializer[i]->name);
        if (!read_tensor(reader, from->initializer[i], name, error) || !list_tensor(reader, name, error))
            return false;
    }
    view->initializer = reader->file->tensor;
    view->initializers = from->n_initializer;
    return true;
}

/* --- nodes --- */

/* Files of the first versions leave the type out. */
static enum onnx_kind kind_of(const Onnx__AttributeProto *from)
{
    switch (from->type) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
        return ONNX_INT;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
        return ONNX_FLOAT;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING:
        return ONNX_STRING;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
        return ONNX_INTS;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
        return ONNX_FLOATS;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
        return from->t ? ONNX_TENSOR : ONNX_OTHER;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED:
        break;
    default:
        return ONNX_OTHER;
    }
    return from->t          ? ONNX_TENSOR
           : from->has_s    ? ONNX_STRING
           : from->has_i    ? ONNX_INT
           : from->has_f    ? ONNX_FLOAT
           : from->n_ints   ? ONNX_INTS
           : from->n_floats ? ONNX_FLOATS
                            : ONNX_OTHER;
}

/* Bytes without a NUL behind them, as a text of the file's own. */
static bool read_text(struct onnx_file *file, const ProtobufCBinaryData *from, const char **text, struct error *error)
{
    if (!onnx_spend(&file->budget, from->len + 1))
        return refuse_size(error);
    char *copy = mem_alloc(from->len + 1);
    if (from->len)
        memcpy(copy, from->data, from->len);
    file->text[file->texts++] = copy;
    *text = copy;
    return true;
}

static bool read_attribute(struct reader *reader, const Onnx__NodeProto *node, const Onnx__AttributeProto *from,
                           struct error *error)
{
    struct onnx_attribute *to = &reader->file->attribute[reader->attributes++];
    *to = (struct onnx_attribute){.name = text_of(from->name),
                                  .kind = kind_of(from),
                                  .integer = from->i,
                                  .real = from->f,
                                  .text = "",
                                  .integers = from->ints,
                                  .reals = from->floats};
    to->count = to->kind == ONNX_FLOATS ? from->n_floats : from->n_ints;
    if (to->kind == ONNX_STRING)
        return read_text(reader->file, &from->s, &to->text, error);
    if (to->kind != ONNX_TENSOR)
        return true;
    const char *name = node->n_output ? text_of(node->output[0]) : text_of(node->name);
    if (!read_tensor(reader, from->t, name, error))
        return false;
    to->tensor = &reader->file->tensor[reader->tensors - 1];
    bool listed = strcmp(text_of(node->op_type), "Constant") == 0 && strcmp(to->name, "value") == 0 &&
                  tensor_type_is_float(to->tensor->type) && shape_count(&to->tensor->shape) > 1;
    return !listed || list_tensor(reader, name, error);
}

static bool read_nodes(struct reader *reader, const Onnx__GraphProto *from, struct error *error)
{
    struct onnx_file *file = reader->file;
    for (size_t i = 0; i < from->n_node; i++) {
        const Onnx__NodeProto *node = from->node[i];
        file->node[i] = (struct onnx_node){
            .op = text_of(node->op_type),
            .domain = text_of(node->domain),
            .name = text_of(node->name),
            .inputs = node->n_input,
            .input = node->input,
            .outputs = node->n_output,
            .output = node->output,
            .attributes = node->n_attribute,
            .attribute = file->attribute + reader->attributes,
        };
        if (strcmp(file->node[i].domain, "ai.onnx") == 0) /* another name of the standard's */
            file->node[i].domain = "";
        for (size_t a = 0; a < node->n_attribute; a++) {
            if (!read_attribute(reader, node, node->attribute[a], error))
                return false;
        }
    }
    file->view.node = file->node;
    file->view.nodes = from->n_node;
    return true;
}

/* --- inputs and outputs --- */

static void read_value(struct onnx_value *to, const Onnx__ValueInfoProto *from)
{
    *to = (struct onnx_value){.name = text_of(from->name), .rank = -1};
    const Onnx__TypeProto *type = from->type;
    if (!type || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE || !type->tensor_type->shape ||
        type->tensor_type->shape->n_dim > SHAPE_RANK_MAX)
        return;
    const Onnx__TensorShapeProto *shape = type->tensor_type->shape;
    to->rank = (int)shape->n_dim;
    for (size_t i = 0; i < shape->n_dim; i++) {
        const Onnx__TensorShapeProto__Dimension *dim = shape->dim[i];
        bool stated = dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE && dim->dim_value > 0;
        to->dim[i] = stated ? dim->dim_value : -1;
    }
}

static void read_values(struct onnx_file *file, const Onnx__GraphProto *from)
{
    for (size_t i = 0; i < from->n_input; i++)
        read_value(&file->value[i], from->input[i]);
    for (size_t i = 0; i < from->n_output; i++)
        read_value(&file->value[from->n_input + i], from->output[i]);
    file->view.input = file->value;
    file->view.inputs = from->n_input;
    file->view.output = file->value + from->n_input;
    file->view.outputs = from->n_output;
}

static int64_t opset_of(const Onnx__ModelProto *model)
{
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const char *domain = text_of(model->opset_import[i]->domain);
        if (domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0)
            return model->opset_import[i]->version;
    }
    return 0;
}

/* --- all of it --- */

static bool take_arrays(struct onnx_file *file, const Onnx__GraphProto *graph, size_t tensors, struct error *error)
{
    size_t attributes = 0;
    void *node = NULL, *attribute = NULL, *tensor = NULL, *value = NULL, *text = NULL;
    for (size_t i = 0; i < graph->n_node; i++)
        attributes += graph->node[i]->n_attribute;
    bool good = take_array(file, &node, graph->n_node, sizeof *file->node, error) &&
                take_array(file, &attribute, attributes, sizeof *file->attribute, error) &&
                take_array(file, &tensor, tensors, sizeof *file->tensor, error) &&
                take_array(file, &value, graph->n_input + graph->n_output, sizeof *file->value, error) &&
                take_array(file, &text, attributes, sizeof *file->text, error);
    file->node = node;
    file->attribute = attribute;
    file->tensor = tensor;
    file->value = value;
    file->text = text;
    return good;
}

static bool read_model(struct reader *reader, struct error *error)
{
    struct onnx_file *file = reader->file;
    const struct onnx_skeleton *skeleton = reader->skeleton;
    file->model = onnx__model_proto__unpack(&file->allocator, skeleton->size, skeleton->data);
    if (!file->model)
        return error_set(error, ERROR_WEIGHTS,
                         "its ONNX message cannot be unpacked: it is damaged, or describes far more than a file of its "
                         "size can hold");
    const Onnx__GraphProto *graph = file->model->graph;
    if (!graph)
        return error_set(error, ERROR_WEIGHTS, "is an ONNX model without a graph");
    if (!take_arrays(file, graph, skeleton->tensors, error) || !read_initializers(reader, graph, error) ||
        !read_nodes(reader, graph, error))
        return false;
    read_values(file, graph);
    file->view.opset = opset_of(file->model);
    file->view.producer = text_of(file->model->producer_name);
    weights_set_onnx(reader->weights, &file->view);
    return true;
}

bool onnx_read(struct weights *weights, struct error *error)
{
    const struct file_map *map = weights_map(weights);
    struct onnx_file *file = mem_alloc(sizeof *file);
    file->budget.left = map->size * BUDGET_FACTOR + BUDGET_FLOOR;
    file->allocator = (ProtobufCAllocator){budget_alloc, budget_free, &file->budget};
    weights_keep(weights, file, release);
    struct onnx_skeleton skeleton = {.budget = &file->budget};
    struct reader reader = {.weights = weights, .file = file, .skeleton = &skeleton};
    bool good = onnx_skeleton_make(&skeleton, map->data, map->size, error) && read_model(&reader, error);
    onnx_skeleton_finish(&skeleton);
    return good;
}
