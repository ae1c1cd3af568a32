/* Reads ONNX models into the plain view of include/thaw/weights/onnx.h. Called by format_onnx.c.
 *
 * 1. The model and its graph are walked here; nodes, tensors, inputs and outputs are counted.
 * 2. Each of them is unpacked by protobuf-c, from a skeleton without tensors' data (onnx_wire.c), taken over into the
 *    view, and let go.
 * Initialisers become tensors of the list, and so do the values of Constant nodes that hold more than one float, by the
 * name of the node's output: some exporters write weights there. */
#include "config.h"

#include "onnx_read.h"

#include <assert.h>
#include <string.h>

#include "onnx_data.h"
#include "onnx_wire.h"
#include "src/weights/onnx.pb-c.h"
#include "thaw/base/mem.h"
#include "thaw/weights/onnx.h"

/* What may be held for a file: four times its size, and a floor for what is small. Each tensor of the list is reckoned
 * with what weights_add allocates for it. */
enum { BUDGET_FACTOR = 4, BUDGET_FLOOR = 512 << 10, LISTED_BYTES = 384, CHUNK_BYTES = 4 << 10 };
#define COUNT_MAX ((int64_t)1 << 40)

/* Fields of onnx.proto that are walked here. */
enum { MODEL_PRODUCER = 2, MODEL_GRAPH = 7, MODEL_OPSET = 8, MODEL_PROPERTY = 14 };
enum { PROPERTY_KEY = 1, PROPERTY_VALUE = 2 };
enum { GRAPH_NODE = 1, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12, GRAPH_SPARSE = 15 };
enum { NODE_ATTRIBUTE = 5, ATTRIBUTE_TENSOR = 5 };

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

/* Memory for strings and lists of the view. */
struct chunk {
    struct chunk *next;
    size_t used, room;
    uint64_t bytes[]; /* aligned for all that is kept there */
};

/* What the handle keeps. */
struct onnx_file {
    struct onnx_budget budget;
    struct onnx_graph view;
    struct chunk *chunk; /* the last one first */
    /* the view's arrays */
    struct onnx_node *node;
    struct onnx_attribute *attribute;
    struct onnx_tensor *initializer, *tensor; /* tensor: of attributes */
    struct onnx_value *input, *output;
};

struct counts {
    size_t nodes, attributes, tensors, initializers, inputs, outputs;
};

/* While reading. */
struct reader {
    struct weights *weights;
    struct onnx_file *file;
    struct onnx_skeleton skeleton;
    ProtobufCAllocator allocator;
    struct onnx_files files; /* of external data */
    struct counts counts, done;
    const char *key, *value; /* of the property that is read */
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
    while (file->chunk) {
        struct chunk *next = file->chunk->next;
        mem_free(file->chunk);
        file->chunk = next;
    }
    mem_free(file->node);
    mem_free(file->attribute);
    mem_free(file->initializer);
    mem_free(file->tensor);
    mem_free(file->input);
    mem_free(file->output);
    mem_free(file);
}

/* Room that lives as long as the file; NULL, and an error, where the budget is spent. */
static void *take(struct onnx_file *file, size_t size, struct error *error)
{
    size = (size + 7) / 8 * 8;
    struct chunk *chunk = file->chunk;
    if (!chunk || chunk->room - chunk->used < size) {
        size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        if (!onnx_spend(&file->budget, room + sizeof *chunk)) {
            onnx_refuse_size(error);
            return NULL;
        }
        chunk = mem_alloc(room + sizeof *chunk);
        *chunk = (struct chunk){file->chunk, 0, room};
        file->chunk = chunk;
    }
    char *taken = (char *)chunk->bytes + chunk->used;
    chunk->used += size;
    return taken;
}

static bool keep_bytes(struct onnx_file *file, const void *bytes, size_t size, const char **text, struct error *error)
{
    char *copy = take(file, size + 1, error);
    if (!copy)
        return false;
    if (size)
        memcpy(copy, bytes, size);
    copy[size] = '\0';
    *text = copy;
    return true;
}

static bool keep_text(struct onnx_file *file, const char *from, const char **text, struct error *error)
{
    *text = "";
    return !from || !from[0] || keep_bytes(file, from, strlen(from), text, error);
}

/* An array of the view. */
static bool take_array(struct onnx_file *file, void **array, size_t count, size_t item, struct error *error)
{
    if (count > file->budget.left / item || !onnx_spend(&file->budget, count * item))
        return onnx_refuse_size(error);
    *array = mem_array(count ? count : 1, item);
    return true;
}

static bool refuse_piece(struct error *error)
{
    return error_set(
        error, ERROR_WEIGHTS,
        "its ONNX message cannot be unpacked: it is damaged, or describes far more than a file of its size "
        "can hold");
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
    return reader->skeleton.tensor[number];
}

/* Fills a tensor of the view; `name` is what sentences call it. */
static bool read_tensor(struct reader *reader, const Onnx__TensorProto *from, const char *name,
                        struct onnx_tensor *tensor, struct error *error)
{
    char quote[WEIGHTS_QUOTE];
    struct onnx_wanted wanted = {.quote = weights_quote(quote, name, strlen(name)), .body = body_of(reader, from)};
    *tensor = (struct onnx_tensor){.index = -1};
    if (!keep_text(reader->file, from->name, &tensor->name, error) || !read_type(from, quote, &tensor->type, error) ||
        !read_shape(from, quote, &tensor->shape, error))
        return false;
    wanted.type = tensor->type;
    wanted.count = (uint64_t)shape_count(&tensor->shape);
    if (from->data_location != ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return onnx_data_inside(reader->weights, &reader->file->budget, &wanted, &tensor->values, error);
    struct onnx_external external = external_of(from);
    return onnx_data_outside(reader->weights, &reader->files, &wanted, &external, &tensor->values, error);
}

/* Puts a tensor into the handle's list. */
static bool list_tensor(struct reader *reader, struct onnx_tensor *tensor, const char *name, struct error *error)
{
    struct weights_place place = {.first = tensor->values};
    weights_place_dense(&place, &tensor->shape);
    if (!onnx_spend(&reader->file->budget, LISTED_BYTES))
        return onnx_refuse_size(error);
    if (!weights_add(reader->weights, name, strlen(name), tensor->type, &tensor->shape, &place, error))
        return false;
    tensor->index = (long)weights_count(reader->weights) - 1;
    return true;
}

static bool read_initializer(struct reader *reader, const struct onnx_skeleton *skeleton, struct error *error)
{
    struct onnx_tensor *to = &reader->file->initializer[reader->done.initializers++];
    Onnx__TensorProto *from = onnx__tensor_proto__unpack(&reader->allocator, skeleton->size, skeleton->data);
    if (!from)
        return refuse_piece(error);
    const char *name = text_of(from->name);
    bool good = read_tensor(reader, from, name, to, error) && list_tensor(reader, to, name, error);
    onnx__tensor_proto__free_unpacked(from, &reader->allocator);
    return good;
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

static bool keep_integers(struct onnx_file *file, const Onnx__AttributeProto *from, struct onnx_attribute *to,
                          struct error *error)
{
    int64_t *list = take(file, from->n_ints * sizeof *list, error);
    if (list && from->n_ints)
        memcpy(list, from->ints, from->n_ints * sizeof *list);
    to->integers = list;
    to->count = from->n_ints;
    return list != NULL;
}

static bool keep_reals(struct onnx_file *file, const Onnx__AttributeProto *from, struct onnx_attribute *to,
                       struct error *error)
{
    float *list = take(file, from->n_floats * sizeof *list, error);
    if (list && from->n_floats)
        memcpy(list, from->floats, from->n_floats * sizeof *list);
    to->reals = list;
    to->count = from->n_floats;
    return list != NULL;
}

/* `node` is what the attribute is of, taken over already. */
static bool read_attribute(struct reader *reader, const struct onnx_node *node, const Onnx__AttributeProto *from,
                           struct error *error)
{
    struct onnx_file *file = reader->file;
    struct onnx_attribute *to = &file->attribute[reader->done.attributes++];
    *to = (struct onnx_attribute){.kind = kind_of(from), .integer = from->i, .real = from->f, .text = ""};
    if (!keep_text(file, from->name, &to->name, error))
        return false;
    if (to->kind == ONNX_STRING)
        return keep_bytes(file, from->s.data, from->s.len, &to->text, error);
    if (to->kind == ONNX_INTS)
        return keep_integers(file, from, to, error);
    if (to->kind == ONNX_FLOATS)
        return keep_reals(file, from, to, error);
    if (to->kind != ONNX_TENSOR)
        return true;
    const char *name = node->outputs ? node->output[0] : node->name;
    struct onnx_tensor *tensor = &file->tensor[reader->done.tensors++];
    to->tensor = tensor;
    if (!read_tensor(reader, from->t, name, tensor, error))
        return false;
    bool listed = strcmp(node->op, "Constant") == 0 && strcmp(to->name, "value") == 0 &&
                  tensor_type_is_float(tensor->type) && shape_count(&tensor->shape) > 1;
    return !listed || list_tensor(reader, tensor, name, error);
}

static bool keep_names(struct onnx_file *file, size_t count, char *const *from, char *const **to, struct error *error)
{
    const char **names = take(file, count * sizeof *names, error);
    for (size_t i = 0; names && i < count; i++) {
        if (!keep_text(file, from[i], &names[i], error))
            return false;
    }
    *to = (char *const *)names;
    return names != NULL;
}

static bool take_over_node(struct reader *reader, const Onnx__NodeProto *from, struct error *error)
{
    struct onnx_file *file = reader->file;
    struct onnx_node *to = &file->node[reader->done.nodes++];
    *to = (struct onnx_node){.inputs = from->n_input,
                             .outputs = from->n_output,
                             .attributes = from->n_attribute,
                             .attribute = file->attribute + reader->done.attributes};
    if (!keep_text(file, from->op_type, &to->op, error) || !keep_text(file, from->domain, &to->domain, error) ||
        !keep_text(file, from->name, &to->name, error) ||
        !keep_names(file, from->n_input, from->input, &to->input, error) ||
        !keep_names(file, from->n_output, from->output, &to->output, error))
        return false;
    if (strcmp(to->domain, "ai.onnx") == 0) /* another name of the standard's */
        to->domain = "";
    for (size_t i = 0; i < from->n_attribute; i++) {
        if (!read_attribute(reader, to, from->attribute[i], error))
            return false;
    }
    return true;
}

static bool read_node(struct reader *reader, const struct onnx_skeleton *skeleton, struct error *error)
{
    Onnx__NodeProto *node = onnx__node_proto__unpack(&reader->allocator, skeleton->size, skeleton->data);
    if (!node)
        return refuse_piece(error);
    bool good = take_over_node(reader, node, error);
    onnx__node_proto__free_unpacked(node, &reader->allocator);
    return good;
}

/* --- inputs and outputs --- */

static void take_over_shape(struct onnx_value *to, const Onnx__TypeProto *type)
{
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

static bool read_value(struct reader *reader, const struct onnx_skeleton *skeleton, struct onnx_value *to,
                       struct error *error)
{
    Onnx__ValueInfoProto *from = onnx__value_info_proto__unpack(&reader->allocator, skeleton->size, skeleton->data);
    if (!from)
        return refuse_piece(error);
    *to = (struct onnx_value){.rank = -1};
    take_over_shape(to, from->type);
    bool good = keep_text(reader->file, from->name, &to->name, error);
    onnx__value_info_proto__free_unpacked(from, &reader->allocator);
    return good;
}

/* --- the model and its graph --- */

/* What happens to each field of a message. */
typedef bool (*visitor)(struct reader *reader, const struct onnx_field *field, struct error *error);

static bool walk(struct reader *reader, const uint8_t *at, size_t size, visitor visit, struct error *error)
{
    const uint8_t *end = at + size;
    while (at < end) {
        const uint8_t *from = at;
        struct onnx_field field;
        if (!onnx_read_field(&at, end, &field))
            return onnx_refuse_field(reader->skeleton.start, from, error);
        if (!visit(reader, &field, error))
            return error->kind != ERROR_NONE ? false : onnx_refuse_field(reader->skeleton.start, from, error);
    }
    return true;
}

static bool count_attribute_field(struct reader *reader, const struct onnx_field *field, struct error *error)
{
    (void)error;
    reader->counts.tensors += field->number == ATTRIBUTE_TENSOR;
    return true;
}

static bool count_node_field(struct reader *reader, const struct onnx_field *field, struct error *error)
{
    if (field->number != NODE_ATTRIBUTE)
        return true;
    reader->counts.attributes++;
    return field->wire == ONNX_BYTES && walk(reader, field->data, field->size, count_attribute_field, error);
}

/* Fields of a graph that are read must be messages; a visit that returns false without an error says that they are not. */
static bool count_graph_field(struct reader *reader, const struct onnx_field *field, struct error *error)
{
    struct counts *counts = &reader->counts;
    switch (field->number) {
    case GRAPH_NODE:
        counts->nodes++;
        return field->wire == ONNX_BYTES && walk(reader, field->data, field->size, count_node_field, error);
    case GRAPH_INITIALIZER:
        counts->initializers++;
        return field->wire == ONNX_BYTES;
    case GRAPH_INPUT:
        counts->inputs++;
        return field->wire == ONNX_BYTES;
    case GRAPH_OUTPUT:
        counts->outputs++;
        return field->wire == ONNX_BYTES;
    case GRAPH_SPARSE:
        return error_set(error, ERROR_WEIGHTS, "has sparse initialisers, which are not read");
    default:
        return true;
    }
}

static bool read_graph_field(struct reader *reader, const struct onnx_field *field, struct error *error)
{
    static const enum onnx_piece pieces[] = {[GRAPH_NODE] = ONNX_PIECE_NODE,
                                             [GRAPH_INITIALIZER] = ONNX_PIECE_TENSOR,
                                             [GRAPH_INPUT] = ONNX_PIECE_VALUE,
                                             [GRAPH_OUTPUT] = ONNX_PIECE_VALUE};
    struct onnx_file *file = reader->file;
    struct onnx_skeleton *skeleton = &reader->skeleton;
    if (field->number != GRAPH_NODE && field->number != GRAPH_INITIALIZER && field->number != GRAPH_INPUT &&
        field->number != GRAPH_OUTPUT)
        return true;
    if (!onnx_skeleton_make(skeleton, pieces[field->number], field->data, field->size, error))
        return false;
    switch (field->number) {
    case GRAPH_NODE:
        return read_node(reader, skeleton, error);
    case GRAPH_INITIALIZER:
        return read_initializer(reader, skeleton, error);
    case GRAPH_INPUT:
        return read_value(reader, skeleton, &file->input[reader->done.inputs++], error);
    default:
        return read_value(reader, skeleton, &file->output[reader->done.outputs++], error);
    }
}

static bool read_opset(struct reader *reader, const struct onnx_field *field, struct error *error)
{
    struct onnx_skeleton *skeleton = &reader->skeleton;
    if (field->wire != ONNX_BYTES || !onnx_skeleton_make(skeleton, ONNX_PIECE_OPSET, field->data, field->size, error))
        return false;
    Onnx__OperatorSetIdProto *from =
        onnx__operator_set_id_proto__unpack(&reader->allocator, skeleton->size, skeleton->data);
    if (!from)
        return refuse_piece(error);
    const char *domain = text_of(from->domain);
    if (domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0)
        reader->file->view.opset = from->version;
    onnx__operator_set_id_proto__free_unpacked(from, &reader->allocator);
    return true;
}

static bool read_property_field(struct reader *reader, const struct onnx_field *field, struct error *error)
{
    const char **text = field->number == PROPERTY_KEY ? &reader->key : &reader->value;
    if ((field->number != PROPERTY_KEY && field->number != PROPERTY_VALUE) || field->wire != ONNX_BYTES)
        return true;
    return keep_bytes(reader->file, field->data, field->size, text, error);
}

/* Of what exporters write about a model, what is asked for (WEIGHTS_ONNX_NAMES and its like); the first of a kind. */
static bool read_property(struct reader *reader, const struct onnx_field *field, struct error *error)
{
    static const char *const wanted[] = {WEIGHTS_ONNX_AUTHOR, WEIGHTS_ONNX_NAMES, WEIGHTS_ONNX_TASK};
    reader->key = reader->value = "";
    if (field->wire != ONNX_BYTES || !walk(reader, field->data, field->size, read_property_field, error))
        return false;
    for (size_t i = 0; i < THAW_LENGTH(wanted); i++)
        if (strcmp(reader->key, wanted[i] + strlen("onnx.")) == 0 && !weights_metadata(reader->weights, wanted[i]))
            weights_add_metadata(reader->weights, wanted[i], reader->value);
    return true;
}

static bool count_model_field(struct reader *reader, const struct onnx_field *field, struct error *error)
{
    return field->number != MODEL_GRAPH ||
           (field->wire == ONNX_BYTES && walk(reader, field->data, field->size, count_graph_field, error));
}

static bool read_model_field(struct reader *reader, const struct onnx_field *field, struct error *error)
{
    if (field->number == MODEL_GRAPH) /* of several the fields are one graph's, as everywhere in protobuf */
        return walk(reader, field->data, field->size, read_graph_field, error);
    if (field->number == MODEL_OPSET)
        return read_opset(reader, field, error);
    if (field->number == MODEL_PROPERTY)
        return read_property(reader, field, error);
    if (field->number == MODEL_PRODUCER && field->wire == ONNX_BYTES)
        return keep_bytes(reader->file, field->data, field->size, &reader->file->view.producer, error);
    return true;
}

static bool take_arrays(struct onnx_file *file, const struct counts *counts, struct error *error)
{
    void *node = NULL, *attribute = NULL, *initializer = NULL, *tensor = NULL, *input = NULL, *output = NULL;
    bool good = take_array(file, &node, counts->nodes, sizeof *file->node, error) &&
                take_array(file, &attribute, counts->attributes, sizeof *file->attribute, error) &&
                take_array(file, &initializer, counts->initializers, sizeof *file->initializer, error) &&
                take_array(file, &tensor, counts->tensors, sizeof *file->tensor, error) &&
                take_array(file, &input, counts->inputs, sizeof *file->input, error) &&
                take_array(file, &output, counts->outputs, sizeof *file->output, error);
    file->node = node;
    file->attribute = attribute;
    file->initializer = initializer;
    file->tensor = tensor;
    file->input = input;
    file->output = output;
    return good;
}

static void show_view(struct onnx_file *file, const struct counts *counts, size_t bytes)
{
    struct onnx_graph *view = &file->view;
    view->bytes = bytes;
    view->node = file->node;
    view->nodes = counts->nodes;
    view->input = file->input;
    view->inputs = counts->inputs;
    view->output = file->output;
    view->outputs = counts->outputs;
    view->initializer = file->initializer;
    view->initializers = counts->initializers;
}

bool onnx_read(struct weights *weights, struct error *error)
{
    const struct file_map *map = weights_map(weights);
    struct onnx_file *file = mem_alloc(sizeof *file);
    file->budget.left = map->size * BUDGET_FACTOR + BUDGET_FLOOR;
    file->view.producer = "";
    weights_keep(weights, file, release);
    struct reader reader = {
        .weights = weights,
        .file = file,
        .skeleton = {.budget = &file->budget, .start = map->data},
        .allocator = {budget_alloc, budget_free, &file->budget},
    };
    *error = (struct error){ERROR_NONE, ""};
    bool good = walk(&reader, map->data, map->size, count_model_field, error) &&
                take_arrays(file, &reader.counts, error) &&
                walk(&reader, map->data, map->size, read_model_field, error);
    onnx_skeleton_finish(&reader.skeleton);
    size_t bytes = map->size + onnx_files_bytes(&reader.files);
    onnx_files_finish(&reader.files);
    if (!good)
        return false;
    show_view(file, &reader.counts, bytes);
    weights_set_onnx(weights, &file->view);
    return true;
}
