/* Hostile and broken ONNX files: each is one small model with one thing wrong, must be refused with its sentence. Then
 * every prefix and every changed byte of a valid one: any outcome but a crash or a hang will do. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "folder.h"
#include "src/weights/format.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/source/import.h"

enum { MESSAGE_MAX = 1 << 16 };

/* --- writing messages --- */

struct message {
    uint8_t data[MESSAGE_MAX];
    size_t size;
};

static void put(struct message *message, const void *bytes, size_t size)
{
    assert_true(size <= sizeof message->data - message->size);
    memcpy(message->data + message->size, bytes, size);
    message->size += size;
}

static void put_varint(struct message *message, uint64_t value)
{
    do {
        uint8_t byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        put(message, &byte, 1);
        value >>= 7;
    } while (value);
}

static void put_integer(struct message *message, unsigned field, uint64_t value)
{
    put_varint(message, field << 3);
    put_varint(message, value);
}

static void put_bytes(struct message *message, unsigned field, const void *bytes, size_t size)
{
    put_varint(message, field << 3 | 2);
    put_varint(message, size);
    put(message, bytes, size);
}

static void put_text(struct message *message, unsigned field, const char *text)
{
    put_bytes(message, field, text, strlen(text));
}

static void put_message(struct message *message, unsigned field, const struct message *inner)
{
    put_bytes(message, field, inner->data, inner->size);
}

/* --- one tensor with one thing wrong --- */

enum { FLOAT_DATA = 4, INT32_DATA = 5, INT64_DATA = 7, RAW_DATA = 9, DOUBLE_DATA = 10 };

struct tensor_case {
    const char *name;
    int type;
    int64_t dim[9];
    int rank;
    unsigned field; /* that holds the values; 0: none */
    const char *bytes;
    size_t size;
    const char *location, *offset, *length; /* external data */
    const char *sentence;
};
#define BYTES(text) text, sizeof(text) - 1
#define FOUR        "\0\0\x80\x3f"

static const struct tensor_case tensor_cases[] = {
    {"nothing", 1, {1}, 1, 0, BYTES(""), NULL, NULL, NULL, "holds 0 values, its shape wants 1"},
    {"too few", 1, {2}, 1, RAW_DATA, BYTES(FOUR), NULL, NULL, NULL, "its raw data has 4 bytes, its shape wants 2"},
    {"too many", 1, {1}, 1, RAW_DATA, BYTES(FOUR FOUR), NULL, NULL, NULL, "its raw data has 8 bytes"},
    {"half an element", 1, {1}, 1, RAW_DATA, BYTES(FOUR "\0"), NULL, NULL, NULL, "its raw data has 5 bytes"},
    {"half a float", 1, {1}, 1, FLOAT_DATA, BYTES("\0\0"), NULL, NULL, NULL, "its values are damaged"},
    {"too many floats", 1, {1}, 1, FLOAT_DATA, BYTES(FOUR FOUR), NULL, NULL, NULL, "holds 2 values"},
    {"cut varint", 7, {1}, 1, INT64_DATA, BYTES("\x80"), NULL, NULL, NULL, "its values are damaged"},
    {"endless varint",
     6,
     {1},
     1,
     INT32_DATA,
     BYTES("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
     NULL,
     NULL,
     NULL,
     "its values are damaged"},
    {"another field", 1, {1}, 1, INT32_DATA, BYTES("\1"), NULL, NULL, NULL, "holds 0 values"},
    {"NaN", 1, {1}, 1, RAW_DATA, BYTES("\0\0\xc0\x7f"), NULL, NULL, NULL, "element 0 of 1 is NaN"},
    {"text", 8, {1}, 1, RAW_DATA, BYTES(FOUR), NULL, NULL, NULL, "is of ONNX type 8, which is not read"},
    {"no type", 0, {1}, 1, RAW_DATA, BYTES(FOUR), NULL, NULL, NULL, "is of ONNX type 0, which is not read"},
    {"negative", 1, {-1}, 1, RAW_DATA, BYTES(FOUR), NULL, NULL, NULL, "too many elements"},
    {"overflow", 1, {1LL << 40, 1LL << 40}, 2, RAW_DATA, BYTES(FOUR), NULL, NULL, NULL, "too many elements"},
    {"huge", 1, {1LL << 36}, 1, RAW_DATA, BYTES(FOUR), NULL, NULL, NULL, "its shape wants 68719476736"},
    {"rank 9", 1, {1, 1, 1, 1, 1, 1, 1, 1, 1}, 9, RAW_DATA, BYTES(FOUR), NULL, NULL, NULL, "has 9 dimensions"},
    {"absolute", 1, {1}, 1, 0, BYTES(""), "/etc/passwd", NULL, NULL, "\"/etc/passwd\"; only files in the model's own"},
    {"above", 1, {1}, 1, 0, BYTES(""), "a/../../b", NULL, NULL, "only files in the model's own folder"},
    {"nowhere", 1, {1}, 1, 0, BYTES(""), "", NULL, NULL, "only files in the model's own folder"},
    {"no such file", 1, {1}, 1, 0, BYTES(""), "other.bin", NULL, NULL, "No such file"},
    {"the folder", 1, {1}, 1, 0, BYTES(""), ".", NULL, NULL, "Is a directory"},
    {"behind the end", 1, {1}, 1, 0, BYTES(""), "hostile", "4096", NULL, "lies at bytes 4096 to 4100 of hostile"},
    {"far behind", 1, {1}, 1, 0, BYTES(""), "hostile", "18446744073709551615", NULL, "is it truncated?"},
    {"no number", 1, {1}, 1, 0, BYTES(""), "hostile", "-1", NULL, "is no number"},
    {"other length", 1, {1}, 1, 0, BYTES(""), "hostile", "0", "5", "or not 4 bytes"},
};

static void put_pair(struct message *tensor, const char *key, const char *value)
{
    static struct message pair;
    pair.size = 0;
    if (!value)
        return;
    put_text(&pair, 1, key);
    put_text(&pair, 2, value);
    put_message(tensor, 13, &pair);
}

static void put_tensor(struct message *graph, const struct tensor_case *from)
{
    static struct message tensor;
    tensor.size = 0;
    for (int i = 0; i < from->rank; i++)
        put_integer(&tensor, 1, (uint64_t)from->dim[i]);
    put_integer(&tensor, 2, (uint64_t)from->type);
    if (from->field)
        put_bytes(&tensor, from->field, from->bytes, from->size);
    put_text(&tensor, 8, "w");
    put_pair(&tensor, "location", from->location);
    put_pair(&tensor, "offset", from->offset);
    put_pair(&tensor, "length", from->length);
    if (from->location)
        put_integer(&tensor, 14, 1);
    put_message(graph, 5, &tensor);
}

/* Opens the bytes as a file and reads every tensor. */
static bool open_and_read(const struct message *model, struct error *error)
{
    char *path = path_join(folder, "hostile");
    assert_true(file_write_atomic(path, model->data, model->size, error));
    struct weights *weights = weights_open(path, error);
    bool good = weights != NULL;
    for (size_t i = 0; good && i < weights_count(weights); i++) {
        float *values = mem_array((size_t)shape_count(&weights_get(weights, i)->shape), sizeof *values);
        good = weights_read(weights, i, values, error);
        mem_free(values);
    }
    weights_close(weights);
    unlink(path);
    mem_free(path);
    return good;
}

static void expect_refusal(const char *name, const struct message *model, const char *sentence)
{
    struct error error = {0};
    if (open_and_read(model, &error))
        fail_msg("%s: was read", name);
    if (error.kind != ERROR_WEIGHTS || strncmp(error.text, folder, strlen(folder)) != 0 ||
        !strstr(error.text, sentence))
        fail_msg("%s: kind %d: %s", name, error.kind, error.text);
}

static void start_model(struct message *model)
{
    model->size = 0;
    put_integer(model, 1, 8);
}

static void test_tensors(void **state)
{
    (void)state;
    static struct message model, graph;
    for (size_t i = 0; i < THAW_LENGTH(tensor_cases); i++) {
        graph.size = 0;
        start_model(&model);
        put_tensor(&graph, &tensor_cases[i]);
        put_message(&model, 7, &graph);
        expect_refusal(tensor_cases[i].name, &model, tensor_cases[i].sentence);
    }
}

/* --- messages with one thing wrong --- */

static void test_messages(void **state)
{
    (void)state;
    static struct message model, graph;
    static const struct tensor_case good = {"good", 1, {1}, 1, RAW_DATA, BYTES(FOUR), NULL, NULL, NULL, NULL};
    graph.size = 0;
    start_model(&model);
    put_message(&model, 7, &graph);
    expect_refusal("empty graph", &model, "holds no tensors");

    put_tensor(&graph, &good);
    put_tensor(&graph, &good);
    start_model(&model);
    put_message(&model, 7, &graph);
    expect_refusal("a name twice", &model, "tensor \"w\" is listed twice");

    graph.size = 0;
    put_text(&graph, 15, "");
    start_model(&model);
    put_message(&model, 7, &graph);
    expect_refusal("sparse", &model, "has sparse initialisers, which are not read");

    graph.size = 0;
    put_integer(&graph, 5, 1);
    start_model(&model);
    put_message(&model, 7, &graph);
    expect_refusal("a tensor that is a number", &model, "its ONNX message is damaged: the field at byte 4");

    graph.size = 0;
    put(&graph, BYTES("\x2b\x2c")); /* a group */
    start_model(&model);
    put_message(&model, 7, &graph);
    expect_refusal("a group", &model, "its ONNX message is damaged");

    graph.size = 0;
    put(&graph, BYTES("\x2a\x7f"));
    start_model(&model);
    put_message(&model, 7, &graph);
    expect_refusal("longer than its graph", &model, "is the file truncated?");

    start_model(&model);
    put(&model, BYTES("\x3a\xff\xff\xff\xff\x0f"));
    expect_refusal("cut", &model, "is the file truncated?");
}

/* Two bytes a message, and each would unpack to hundreds. */
static void test_flood(void **state)
{
    (void)state;
    enum { FLOOD = 8 << 20 };
    static const struct {
        const char *name, *bytes;
    } floods[] = {{"empty nodes", "\x0a"}, {"empty tensors", "\x2a"}, {"empty inputs", "\x5a"}};
    char *path = path_join(folder, "hostile");
    uint8_t *file = mem_alloc(FLOOD + 7);
    memcpy(file, "\x08\x08\x3a\x80\x80\x80\x04", 7);
    for (size_t i = 0; i < THAW_LENGTH(floods); i++) {
        struct error error = {0};
        for (size_t at = 0; at < FLOOD; at += 2)
            file[7 + at] = (uint8_t)floods[i].bytes[0];
        assert_true(file_write_atomic(path, file, FLOOD + 7, &error));
        assert_null(weights_open(path, &error));
        if (!strstr(error.text, "far more than a file of its size can hold"))
            fail_msg("%s: %s", floods[i].name, error.text);
    }
    unlink(path);
    mem_free(path);
    mem_free(file);
}

/* --- networks that are none of ours --- */

/* One node as text: "Op[@domain] input,input > output,output attribute=number ...", attributes of several numbers with
 * commas; nodes are separated by semicolons. */
static void put_attribute(struct message *node, const char *text)
{
    static struct message attribute;
    attribute.size = 0;
    const char *equals = strchr(text, '=');
    bool list = strchr(equals, ',') != NULL;
    put_bytes(&attribute, 1, text, (size_t)(equals - text));
    if (equals[1] == '"') {
        put_text(&attribute, 4, equals + 2);
        put_integer(&attribute, 20, 3);
    } else {
        for (const char *at = equals; at; at = strchr(at + 1, ','))
            put_integer(&attribute, list ? 8 : 3, (uint64_t)strtoll(at + 1, NULL, 10));
        put_integer(&attribute, 20, list ? 7 : 2);
    }
    put_message(node, 5, &attribute);
}

static void put_names(struct message *node, unsigned field, char *names)
{
    char *rest;
    for (char *name = strtok_r(names, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
        put_text(node, field, strcmp(name, "-") == 0 ? "" : name);
}

static void put_node(struct message *graph, char *text)
{
    static struct message node;
    char *rest, *word = strtok_r(text, " ", &rest), *domain = strchr(word, '@');
    node.size = 0;
    if (domain)
        *domain++ = '\0';
    put_text(&node, 4, word);
    put_text(&node, 3, "n");
    if (domain)
        put_text(&node, 7, domain);
    word = strtok_r(NULL, " ", &rest);
    if (strcmp(word, ">") != 0) {
        put_names(&node, 1, word);
        word = strtok_r(NULL, " ", &rest);
    }
    assert_string_equal(word, ">");
    put_names(&node, 2, strtok_r(NULL, " ", &rest));
    while ((word = strtok_r(NULL, " ", &rest)))
        put_attribute(&node, word);
    put_message(graph, 1, &node);
}

static void put_weight(struct message *graph, const char *name, int type, int rank, const int64_t *dim, int value)
{
    static struct message tensor;
    static uint8_t zeros[8 * 1024];
    size_t count = 1, bytes = type == 7 ? 8 : 4;
    tensor.size = 0;
    for (int i = 0; i < rank; i++) {
        put_integer(&tensor, 1, (uint64_t)dim[i]);
        count *= (size_t)dim[i];
    }
    put_integer(&tensor, 2, (uint64_t)type);
    put_text(&tensor, 8, name);
    assert_true(count * bytes <= sizeof zeros);
    memset(zeros, 0, sizeof zeros);
    zeros[0] = (uint8_t)value;
    put_bytes(&tensor, RAW_DATA, zeros, count * bytes);
    put_message(graph, 5, &tensor);
}

/* An input or output of the graph; dimension 0: not stated. */
static void put_value(struct message *graph, unsigned field, const char *name, int rank, const int64_t *dim)
{
    static struct message value, type, tensor, shape, dimension;
    value.size = type.size = tensor.size = shape.size = 0;
    for (int i = 0; i < rank; i++) {
        dimension.size = 0;
        if (dim[i])
            put_integer(&dimension, 1, (uint64_t)dim[i]);
        put_message(&shape, 1, &dimension);
    }
    put_integer(&tensor, 1, 1);
    put_message(&tensor, 2, &shape);
    put_message(&type, 1, &tensor);
    put_text(&value, 1, name);
    put_message(&value, 2, &type);
    put_message(graph, field, &value);
}

struct network_case {
    const char *name, *nodes, *sentence;
    int rank;
    int64_t dim[5]; /* of the input "x"; all 0: 1,3,8,8 */
};
#define END "; GlobalAveragePool a > b; Flatten b > c; Gemm c,fc > y transB=1"

static const struct network_case network_cases[] = {
    {"unknown operator",
     "Magic x > a; Magic a > y",
     "Magic node \"n\": an operator that thaw does not know; the network has 2 of it",
     0,
     {0}},
    {"several unknown", "Magic x > a; Elu a > b; Selu b > y", "has 1 of it, and 2 of other unknown operators", 0, {0}},
    {"another domain", "Conv@com.example x,w > y", "an operator that thaw does not know", 0, {0}},
    {"quantised", "QuantizeLinear x,one,one > a; QLinearConv a > y", "a quantised model; export it before", 0, {0}},
    {"integers", "ConvInteger x,w > y", "a quantised model", 0, {0}},
    {"a sound one beside a dead unknown", "Magic x > z; Conv x,w > a" END, NULL, 0, {0}},
    {"what is not defined", "Conv z,w > a" END, "it reads \"z\", which nothing before it makes", 0, {0}},
    {"defined too late",
     "Relu a > b; Conv x,w > a; Add a,b > y",
     "it reads \"a\", which nothing before it makes",
     0,
     {0}},
    {"defined twice", "Conv x,w > a; Relu a > a" END, "has the name of another value", 0, {0}},
    {"an output named as the input", "Conv x,w > x; Relu x > y", "has the name of another value", 0, {0}},
    {"no output", "Relu x > a", "its output \"y\" does not depend on the image", 0, {0}},
    {"constant output", "Identity one > y", "its output \"y\" does not depend on the image", 0, {0}},
    {"an image as output", "Conv x,w > y", "is 6x6x4; a network that sorts images gives one row", 0, {0}},
    {"no input", "Conv - > y", "its input 0 is missing", 0, {0}},
    {"weights from the image", "Conv x,x > y", "its input 1 is computed from the image", 0, {0}},
    {"weights of rank 2", "Conv x,fc > y", "its input 1 is a tensor of another rank", 0, {0}},
    {"other channels",
     "Conv x,w > a; Conv a,w > y",
     "its weight is for 3 channels in 1 groups, its input has 4",
     0,
     {0}},
    {"no such groups", "Conv x,w > y group=2", "its weight is for 3 channels in 2 groups", 0, {0}},
    {"negative groups", "Conv x,w > y group=-3", "channels in -3 groups", 0, {0}},
    {"stride of nothing", "Conv x,w > y strides=0,0", "its strides is no list of 2 sizes", 0, {0}},
    {"one stride", "Conv x,w > y strides=1", "its strides is no list of 2 sizes", 0, {0}},
    {"huge padding", "Conv x,w > y pads=0,0,0,999999", "its pads is no list of 4 sizes", 0, {0}},
    {"other kernel", "Conv x,w > y kernel_shape=5,5", "its kernel_shape is not its weight's", 0, {0}},
    {"window too large", "MaxPool x > y kernel_shape=9,9", "does not fit into an image", 0, {0}},
    {"pool without a window", "MaxPool x > y", "its kernel_shape is missing", 0, {0}},
    {"where the maxima were", "MaxPool x > a,i kernel_shape=2,2" END, "its second output", 0, {0}},
    {"auto_pad of no kind", "Conv x,w > y auto_pad=\"SOME\"", "its auto_pad is none that ONNX has", 0, {0}},
    {"too long a bias", "Conv x,w,list > y", "its input 2 has 3 values for 4 channels", 0, {0}},
    {"matrix of another size",
     "Flatten x > a; Gemm a,fc > y transB=1",
     "its matrix is for 4 values, its input has 192",
     0,
     {0}},
    {"matrix of an image", "Gemm x,fc > y", "is no row of values for each image", 0, {0}},
    {"softmax within",
     "Softmax x > a; Conv a,w > y",
     "softmax is only known at the end of a network, and Conv follows",
     0,
     {0}},
    {"error function alone", "Conv x,w > d; Erf d > a" END, "the error function is only known as part of GELU", 0, {0}},
    {"reshape of other size", "Reshape x,list > y", "its shape is not one of as many values", 0, {0}},
    {"reshape that mixes", "Reshape x,mix > y", "is no reshape that thaw knows", 0, {0}},
    {"transpose that mixes", "Transpose x > y perm=0,2,1,3", "only to and from n, h, w, c", 0, {0}},
    {"transpose of nothing", "Transpose x > y perm=0,7,1,3", "only to and from n, h, w, c", 0, {0}},
    {"an axis behind all numbers", "Squeeze x > y axes=9223372036854775807,1", "its axes are not of its input", 0, {0}},
    {"slice of the batch", "Slice x,one,list,one > y", "differ in length", 0, {0}},
    {"backwards", "Slice x,three,zero,three > y", "leaves nothing, or runs backwards", 0, {0}},
    {"uneven split", "Split x > a,b,c,y axis=1", "3 channels in 4 parts", 0, {0}},
    {"split in height", "Split x > a,y axis=2", "only channels are split", 0, {0}},
    {"joined in height", "Concat x,x > a axis=2" END, "only channels are joined", 0, {0}},
    {"no such channel", "Gather x,three > y axis=1", "there is no channel 3", 0, {0}},
    {"reflected border", "Pad x,pads > y mode=\"reflect\"", "only borders of one value", 0, {0}},
    {"divided by the image", "Div one,x > a; Conv a,w > y", "a constant divided by values of the image", 0, {0}},
    {"divided by zero", "Div x,zero > a; Conv a,w > y", "it divides by zero", 0, {0}},
    {"a constant image",
     "Add x,image > a; Conv a,w > y",
     "a constant of 8x8; only one number, or one for each",
     0,
     {0}},
    {"maps that differ", "Conv x,w > a; Add a,x > y", "add: 6x6x4 and 8x8x3", 0, {0}},
    {"mean of channels", "ReduceMean x > y axes=1,1", "only the mean over height and width", 0, {0}},
    {"reshape of a constant to nothing",
     "Reshape one > r; Add x,r > y",
     "its shape is not one of as many values",
     0,
     {0}},
    {"range without end", "Range zero,one,zero > r; Reshape x,r > y", "it runs without an end", 0, {0}},
    {"a vast constant", "ConstantOfShape vast > r; Add x,r > y", "computes constants that are very large", 0, {0}},
    {"input of rank 2", "Conv x,w > y", "has 2 dimensions; an image has four", 2, {1, 8}},
    {"seven channels", "Conv x,w > y", "has 7 channels; an image has 1 or 3", 4, {1, 7, 8, 8}},
    {"a vast input", "Conv x,w > y", "is larger than 16384x16384", 4, {1, 3, 1 << 20, 8}},
    {"a large image many times",
     "Conv x,w > a pads=60000,60000,60000,60000; Conv a,w > y",
     "is too large",
     4,
     {1, 3, 16384, 16384}},
};

static void test_networks(void **state)
{
    (void)state;
    static struct message model, graph;
    static const int64_t usual[] = {1, 3, 8, 8};
    for (size_t i = 0; i < THAW_LENGTH(network_cases); i++) {
        const struct network_case *of = &network_cases[i];
        struct error error = {0};
        struct bind_report report;
        char *nodes = mem_string(of->nodes), *rest;
        graph.size = 0;
        for (char *node = strtok_r(nodes, ";", &rest); node; node = strtok_r(NULL, ";", &rest))
            put_node(&graph, node);
        put_weight(&graph, "w", 1, 4, (int64_t[]){4, 3, 3, 3}, 0);
        put_weight(&graph, "fc", 1, 2, (int64_t[]){5, 4}, 0);
        put_weight(&graph, "image", 1, 2, (int64_t[]){8, 8}, 0);
        put_weight(&graph, "list", 7, 1, (int64_t[]){3}, 2);
        put_weight(&graph, "one", 7, 1, (int64_t[]){1}, 1);
        put_weight(&graph, "three", 7, 1, (int64_t[]){1}, 3);
        put_weight(&graph, "zero", 7, 1, (int64_t[]){1}, 0);
        put_weight(&graph, "pads", 7, 1, (int64_t[]){8}, 0);
        put_bytes(&graph, 5, BYTES("\x08\x03\x10\x07\x42\x03mix\x3a\x03\x08\x08\x03"));
        put_bytes(&graph, 5,
                  BYTES("\x08\x02\x10\x07\x42\x04vast\x3a\x0c\xff\xff\xff\xff\xff\x0f\xff\xff\xff\xff\xff\x0f"));
        put_value(&graph, 11, "x", of->rank ? of->rank : 4, of->rank ? of->dim : usual);
        put_value(&graph, 12, "y", 2, (int64_t[]){1, 0});
        start_model(&model);
        put_message(&model, 7, &graph);
        struct weights *weights = weights_open_memory(model.data, model.size, "hostile.onnx", &error);
        if (!weights)
            fail_msg("%s: %s", of->name, error.text);
        struct load_request request = {.seed = 1};
        struct graph *made = import_graph(weights, &request, true, &report, &error);
        if (!made != (of->sentence != NULL))
            fail_msg("%s: %s", of->name, made ? "was taken" : error.text);
        if (of->sentence && (error.kind != ERROR_WEIGHTS || strncmp(error.text, "hostile.onnx: ", 14) != 0 ||
                             !strstr(error.text, of->sentence)))
            fail_msg("%s: kind %d: %s", of->name, error.kind, error.text);
        graph_destroy(made);
        bind_report_finish(&report);
        weights_close(weights);
        mem_free(nodes);
    }
}

/* Small layers one behind the other, whose nodes take few bytes each: long is not hostile. */
static void test_long_chains(void **state)
{
    (void)state;
    static struct message model, graph;
    for (int layers = 250; layers <= 2000; layers *= 2) {
        struct error error = {0};
        struct bind_report report;
        struct load_request request = {.seed = 1};
        char text[96] = "Conv x,w > 0";
        graph.size = 0;
        put_node(&graph, text);
        for (int i = 0; i < layers; i++) {
            snprintf(text, sizeof text, i % 2 ? "Relu %d > %d" : "Sigmoid %d > %d", i, i + 1);
            put_node(&graph, text);
        }
        snprintf(text, sizeof text, "GlobalAveragePool %d > p", layers);
        put_node(&graph, text);
        strcpy(text, "Flatten p > f");
        put_node(&graph, text);
        strcpy(text, "Gemm f,fc > y transB=1");
        put_node(&graph, text);
        put_weight(&graph, "w", 1, 4, (int64_t[]){4, 3, 3, 3}, 0);
        put_weight(&graph, "fc", 1, 2, (int64_t[]){5, 4}, 0);
        put_value(&graph, 11, "x", 4, (int64_t[]){1, 3, 8, 8});
        put_value(&graph, 12, "y", 2, (int64_t[]){1, 0});
        start_model(&model);
        put_message(&model, 7, &graph);
        struct weights *weights = weights_open_memory(model.data, model.size, "long.onnx", &error);
        struct graph *made = weights ? import_graph(weights, &request, true, &report, &error) : NULL;
        if (!made)
            fail_msg("%d layers in %zu bytes: %s", layers, model.size, error.text);
        assert_true(made->nodes > layers);
        graph_destroy(made);
        bind_report_finish(&report);
        weights_close(weights);
    }
}

/* --- prefixes and changed bytes --- */

static void try_bytes(const uint8_t *bytes, size_t size)
{
    struct error error = {0};
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    if (size)
        memcpy(copy, bytes, size);
    struct weights *weights = weights_open_memory(copy, size, "memory", &error);
    if (weights && import_possible(weights)) {
        struct bind_report report;
        struct load_request request = {0};
        graph_destroy(import_graph(weights, &request, true, &report, &error));
        bind_report_finish(&report);
    }
    weights_close(weights);
    free(copy);
}

static void test_every_byte(void **state)
{
    (void)state;
    struct error error = {0};
    struct file_map map;
    char *path = mem_format("%s/tests/unit/weights/fixtures/small.onnx", getenv("THAW_SRCDIR"));
    if (!file_map_open(&map, path, &error))
        fail_msg("%s", error.text);
    uint8_t *copy = mem_alloc(map.size);
    for (size_t size = 1; size < map.size; size++)
        try_bytes(map.data, size);
    for (size_t at = 0; at < map.size; at++) {
        memcpy(copy, map.data, map.size);
        for (int value = 0; value < 256; value++) {
            copy[at] = (uint8_t)value;
            try_bytes(copy, map.size);
        }
    }
    mem_free(copy);
    mem_free(path);
    file_map_close(&map);
}

int main(void)
{
#ifndef HAVE_ONNX
    print_message("SKIPPED: this build has no ONNX reader\n");
    return 77;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensors),  cmocka_unit_test(test_messages),    cmocka_unit_test(test_flood),
        cmocka_unit_test(test_networks), cmocka_unit_test(test_long_chains), cmocka_unit_test(test_every_byte),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
