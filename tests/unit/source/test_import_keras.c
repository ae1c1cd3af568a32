/* Keras' configurations as networks: each case is the JSON of a model, in a .keras archive made here around the smallest
 * of HDF5 files, and the nodes that it must become, or the sentence that refuses it. That the numbers are Keras' own is
 * tests/reference/test_keras_import.c's to see. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/weights/format.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/shelf/load.h"
#include "thaw/source/import.h"

/* --- an archive in memory: entries are stored --- */

struct archive {
    uint8_t bytes[1 << 16];
    size_t size, entries;
    struct {
        const char *name;
        size_t at, size;
    } entry[3];
};

static void put(struct archive *archive, const void *bytes, size_t size)
{
    assert_true(archive->size + size <= sizeof archive->bytes);
    memcpy(archive->bytes + archive->size, bytes, size);
    archive->size += size;
}

static void put_numbers(struct archive *archive, const char *sizes, const uint64_t *numbers)
{
    for (; *sizes; sizes++, numbers++)
        for (int i = 0; i < *sizes - '0'; i++)
            put(archive, (uint8_t[]){(uint8_t)(*numbers >> 8 * i)}, 1);
}

static void add_entry(struct archive *archive, const char *name, const void *bytes, size_t size)
{
    archive->entry[archive->entries].name = name;
    archive->entry[archive->entries].at = archive->size;
    archive->entry[archive->entries++].size = size;
    put(archive, "PK\3\4", 4);
    put_numbers(archive, "2222244422", (uint64_t[]){20, 0, 0, 0, 0, 0, size, size, strlen(name), 0});
    put(archive, name, strlen(name));
    put(archive, bytes, size);
}

static void end_archive(struct archive *archive)
{
    size_t start = archive->size;
    for (size_t i = 0; i < archive->entries; i++) {
        size_t size = archive->entry[i].size, length = strlen(archive->entry[i].name);
        put(archive, "PK\1\2", 4);
        put_numbers(archive, "2222224442222244",
                    (uint64_t[]){20, 20, 0, 0, 0, 0, 0, size, size, length, 0, 0, 0, 0, 0, archive->entry[i].at});
        put(archive, archive->entry[i].name, length);
    }
    size_t end = archive->size;
    put(archive, "PK\5\6", 4);
    put_numbers(archive, "2222442", (uint64_t[]){0, 0, archive->entries, archive->entries, end - start, start, 0});
}

static struct weights *open_model(struct archive *archive, const char *config, const char *version)
{
    const char *source = getenv("THAW_SRCDIR");
    char *path = mem_format("%s/tests/unit/weights/fixtures/keras/named.weights.h5", source ? source : ".");
    struct error error = {0};
    struct file_map map;
    char metadata[64];
    if (!file_map_open(&map, path, &error))
        fail_msg("%s", error.text);
    memset(archive, 0, sizeof *archive);
    snprintf(metadata, sizeof metadata, "{\"keras_version\":\"%s\"}", version);
    add_entry(archive, "metadata.json", metadata, strlen(metadata));
    add_entry(archive, "config.json", config, strlen(config));
    add_entry(archive, "model.weights.h5", map.data, map.size);
    end_archive(archive);
    struct weights *weights = weights_open_memory(archive->bytes, archive->size, "net.keras", &error);
    if (!weights)
        fail_msg("%s", error.text);
    file_map_close(&map);
    mem_free(path);
    return weights;
}

static struct graph *import(const char *config, const char *version, int size, int classes, struct error *error)
{
    struct archive *archive = mem_alloc(sizeof *archive);
    struct weights *weights = open_model(archive, config, version);
    struct load_request request = {.size = size, .classes = classes};
    struct bind_report report;
    *error = (struct error){0};
    assert_true(import_possible(weights));
    struct graph *graph = import_graph(weights, &request, false, &report, error);
    bind_report_finish(&report);
    weights_close(weights);
    mem_free(archive);
    return graph;
}

/* "conv1 conv 9x9x4, conv1.relu relu 9x9x4, ..."; a bar stands behind the trunk. */
static char *describe(const struct graph *graph)
{
    char *text = mem_string("");
    for (int i = 1; i < graph->nodes; i++) {
        const struct graph_node *node = &graph->node[i];
        char *longer = mem_format("%s%s%s %s %dx%dx%d", text,
                                  i == 1                  ? ""
                                  : i == graph->trunk + 1 ? " | "
                                                          : ", ",
                                  node->name, op_get(node->kind)->name, node->shape.h, node->shape.w, node->shape.c);
        mem_free(text);
        text = longer;
    }
    return text;
}

/* --- pieces of JSON --- */

/* clang-format off */

#define LAYER(class_name, name, members)      "{\"class_name\":\"" class_name "\",\"config\":{\"name\":\"" name "\"" members "}}"
#define CALLED(class_name, name, members, by) "{\"class_name\":\"" class_name "\",\"config\":{\"name\":\"" name "\"" members "},\"inbound_nodes\":[" by "]}"
#define SEQUENTIAL(layers)                    "{\"class_name\":\"Sequential\",\"config\":{\"name\":\"m\",\"layers\":[" layers "]}}"
#define FUNCTIONAL(layers, in, out)           "{\"class_name\":\"Functional\",\"config\":{\"name\":\"f\",\"layers\":[" layers "],\"input_layers\":[" in "],\"output_layers\":[" out "]}}"
#define READS(name)                           "[[\"" name "\",0,0,{}]]"
#define READS2(a, b)                          "[[\"" a "\",0,0,{}],[\"" b "\",0,0,{}]]"
#define END(name)                             "[\"" name "\",0,0]"
#define TENSOR(name)                          "{\"class_name\":\"__keras_tensor__\",\"config\":{\"keras_history\":[\"" name "\",0,0]}}"
#define INPUT(side)                           LAYER("InputLayer", "in", ",\"batch_shape\":[null," side "," side ",3]")
#define IN                                    CALLED("InputLayer", "in", ",\"batch_input_shape\":[null,8,8,3]", "")
#define CONV(name, more)                      LAYER("Conv2D", name, ",\"filters\":4,\"kernel_size\":[3,3]" more)
#define TOP                                   LAYER("GlobalAveragePooling2D", "gap", "") "," LAYER("Dense", "top", ",\"units\":2")
#define AROUND(layers)                        SEQUENTIAL(INPUT("8") "," layers "," TOP)

struct network {
    const char *name, *version, *config, *nodes;
};

static const struct network networks[] = {
    {"plain", "3.1", AROUND(CONV("c", "")), "c conv 6x6x4, gap global average pool 1x1x4 | top linear 1x1x2"},
    {"same, stride 2, dilated", "3.1",
     AROUND(CONV("a", ",\"padding\":\"same\",\"strides\":[2,2]") "," CONV("b", ",\"padding\":\"same\",\"dilation_rate\":2")),
     "a conv 4x4x4, b conv 4x4x4, gap global average pool 1x1x4 | top linear 1x1x2"},
    {"fused activations", "3.1",
     AROUND(CONV("a", ",\"activation\":\"relu\"") "," CONV("b", ",\"activation\":{\"module\":\"keras.layers\",\"class_name\":\"LeakyReLU\",\"config\":{\"negative_slope\":0.1}}")),
     "a conv 6x6x4, a.relu relu 6x6x4, b conv 4x4x4, b.LeakyReLU leaky relu 4x4x4, gap global average pool 1x1x4 | top linear 1x1x2"},
    {"separable and depthwise", "2.4",
     AROUND(LAYER("SeparableConv2D", "s", ",\"filters\":5,\"kernel_size\":3,\"activation\":\"swish\"") "," LAYER("DepthwiseConv2D", "d", ",\"kernel_size\":3,\"depth_multiplier\":2")),
     "s.depthwise conv 6x6x3, s.pointwise conv 6x6x5, s.swish silu 6x6x5, d conv 4x4x10, gap global average pool 1x1x10 | top linear 1x1x2"},
    {"final softmax", "3.1",
     SEQUENTIAL(INPUT("8") "," LAYER("Flatten", "flat", "") "," LAYER("Dropout", "drop", ",\"rate\":0.5") "," LAYER("Dense", "d", ",\"units\":3,\"activation\":\"softmax\"")),
     "flat flatten 1x1x192 | drop dropout 1x1x192, d linear 1x1x3"},
    {"softmax layer", "3.1", SEQUENTIAL(INPUT("8") "," CONV("c", "") "," TOP "," LAYER("Softmax", "soft", "")),
     "c conv 6x6x4, gap global average pool 1x1x4 | top linear 1x1x2"},
    {"sigmoid in the middle", "3.1", AROUND(CONV("c", ",\"activation\":\"sigmoid\"")),
     "c conv 6x6x4, c.sigmoid sigmoid 6x6x4, gap global average pool 1x1x4 | top linear 1x1x2"},
    {"no head", "3.1", SEQUENTIAL(INPUT("8") "," CONV("c", "")),
     "c conv 6x6x4, head.pooling global average pool 1x1x4 | head.predictions linear 1x1x2"},
    {"no head, pooled", "3.1", SEQUENTIAL(INPUT("8") "," CONV("c", "") "," LAYER("BatchNormalization", "b", "") "," LAYER("GlobalMaxPooling2D", "g", "")),
     "c conv 6x6x4, b batch norm 6x6x4, g max pool 1x1x4 | head.predictions linear 1x1x2"},
    {"shapes", "3.1",
     AROUND(LAYER("ZeroPadding2D", "z", ",\"padding\":[[0,1],[2,3]]") "," LAYER("Cropping2D", "cr", ",\"cropping\":[1,2]") "," LAYER("Permute", "p", ",\"dims\":[1,2,3]") "," LAYER("Reshape", "r", ",\"target_shape\":[7,9,3]") "," LAYER("GaussianNoise", "n", "") "," LAYER("RandomFlip", "f", "")),
     "z pad 9x13x3, cr pad 7x9x3, gap global average pool 1x1x3 | top linear 1x1x2"},
    {"crops", "3.1", SEQUENTIAL(INPUT("8") "," LAYER("RandomCrop", "rc", ",\"height\":5,\"width\":6") "," LAYER("CenterCrop", "cc", ",\"height\":5,\"width\":4") "," LAYER("Flatten", "f", "") "," LAYER("Dense", "d", ",\"units\":2")),
     "rc pad 5x6x3, cc pad 5x4x3, f flatten 1x1x60 | d linear 1x1x2"},
    {"pools", "3.1",
     AROUND(LAYER("MaxPooling2D", "a", ",\"pool_size\":[3,3],\"strides\":null,\"padding\":\"same\"") "," LAYER("AveragePooling2D", "b", ",\"pool_size\":2,\"strides\":1")),
     "a max pool 3x3x3, b average pool 2x2x3, gap global average pool 1x1x3 | top linear 1x1x2"},
    {"relus", "2.4",
     AROUND(LAYER("ReLU", "a", ",\"max_value\":6.0") "," LAYER("ReLU", "b", ",\"max_value\":null,\"negative_slope\":[0.1]") "," LAYER("ReLU", "c", ",\"max_value\":4") "," LAYER("LeakyReLU", "d", ",\"alpha\":{\"class_name\":\"__numpy__\",\"value\":0.2}")),
     "a relu6 8x8x3, b leaky relu 8x8x3, c clip 8x8x3, d leaky relu 8x8x3, gap global average pool 1x1x3 | top linear 1x1x2"},
    {"constants", "3.1", AROUND(LAYER("Rescaling", "r", ",\"scale\":[1,2,3],\"offset\":-1") "," LAYER("Normalization", "norm", "")),
     "r affine 8x8x3, norm affine 8x8x3, gap global average pool 1x1x3 | top linear 1x1x2"},
    {"models inside", "3.1",
     AROUND("{\"class_name\":\"Functional\",\"config\":{\"name\":\"base\",\"layers\":[" IN "," CALLED("Conv2D", "c", ",\"filters\":2,\"kernel_size\":1", READS("in")) "],\"input_layers\":[\"in\",0,0],\"output_layers\":[" END("c") "]}}" "," "{\"class_name\":\"Sequential\",\"config\":{\"name\":\"tail\",\"layers\":[" CONV("c", "") "]}}"),
     "base/c conv 8x8x2, tail/c conv 6x6x4, gap global average pool 1x1x4 | top linear 1x1x2"},
    {"branches", "2.4",
     FUNCTIONAL(IN "," CALLED("Conv2D", "a", ",\"filters\":3,\"kernel_size\":1", READS("in")) "," CALLED("Add", "add", "", READS2("a", "in")) "," CALLED("Concatenate", "cat", ",\"axis\":3", READS2("add", "a")) "," CALLED("GlobalAveragePooling2D", "se", ",\"keepdims\":true", READS("cat")) "," CALLED("Multiply", "mul", "", READS2("se", "cat")) "," CALLED("GlobalAveragePooling2D", "gap", "", READS("mul")) "," CALLED("Dense", "top", ",\"units\":2", READS("gap")), END("in"), END("top")),
     "a conv 8x8x3, add add 8x8x3, cat concat 8x8x6, se global average pool 1x1x6, mul mul 8x8x6, gap global average pool 1x1x6 | top linear 1x1x2"},
    {"called twice, out of order, counted from 1", "2.4",
     FUNCTIONAL(IN "," CALLED("ReLU", "r", "", READS("in") ",[[\"c\",1,0,{}]]") "," CALLED("Conv2D", "c", ",\"filters\":3,\"kernel_size\":1", READS("r")) "," CALLED("GlobalAveragePooling2D", "gap", "", "[[\"r\",1,0,{}]]") "," CALLED("Dense", "top", ",\"units\":2", READS("gap")), END("in"), END("top")),
     "r relu 8x8x3, c conv 8x8x3, r#1 relu 8x8x3, gap global average pool 1x1x3 | top linear 1x1x2"},
    {"functions of Keras 2", "2.4",
     FUNCTIONAL(IN "," CALLED("TFOpLambda", "d", ",\"function\":\"math.truediv\"", "[\"in\",0,0,{\"y\":127.5}]") "," CALLED("TFOpLambda", "s", ",\"function\":\"math.subtract\"", "[\"_CONSTANT_VALUE\",-1,1,{\"y\":[\"d\",0,0]}]") "," CALLED("TFOpLambda", "r", ",\"function\":\"nn.relu6\"", "[\"s\",0,0,{}]") "," CALLED("GlobalAveragePooling2D", "gap", "", READS("r")) "," CALLED("Dense", "top", ",\"units\":2", READS("gap")), END("in"), END("top")),
     "d affine 8x8x3, s affine 8x8x3, r relu6 8x8x3, gap global average pool 1x1x3 | top linear 1x1x2"},
    {"calls of Keras 3", "3.1",
     FUNCTIONAL(IN "," CALLED("Subtract", "s", "", "{\"args\":[" TENSOR("in") ",127.5],\"kwargs\":{}}") "," CALLED("Add", "a", "", "{\"args\":[[" TENSOR("s") "," TENSOR("in") "]],\"kwargs\":{}}") "," CALLED("GlobalAveragePooling2D", "gap", "", "{\"args\":[" TENSOR("a") "],\"kwargs\":{}}") "," CALLED("Dense", "top", ",\"units\":2", "{\"args\":[" TENSOR("gap") "],\"kwargs\":{}}"), "\"in\",0,0", "\"top\",0,0"),
     "s affine 8x8x3, a add 8x8x3, gap global average pool 1x1x3 | top linear 1x1x2"},
    {"Keras 1", "1.2",
     "{\"class_name\":\"Sequential\",\"config\":[" LAYER("Convolution2D", "c", ",\"nb_filter\":4,\"nb_row\":3,\"nb_col\":1,\"subsample\":[2,1],\"border_mode\":\"same\",\"bias\":false,\"batch_input_shape\":[null,8,8,3]") "," LAYER("Flatten", "f", "") "," LAYER("Dense", "d", ",\"output_dim\":2") "]}",
     "c conv 4x8x4, f flatten 1x1x128 | d linear 1x1x2"},
    {"one output", "3.1", SEQUENTIAL(INPUT("8") "," LAYER("Flatten", "f", "") "," LAYER("Dense", "d", ",\"units\":1,\"activation\":\"sigmoid\"")),
     "f flatten 1x1x192 | d linear 1x1x2"},
    {"dense over a map", "3.1", AROUND(LAYER("Dense", "d", ",\"units\":5")),
     "d conv 8x8x5, gap global average pool 1x1x5 | top linear 1x1x2"},
};

/* clang-format on */

static void test_networks(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(networks); i++) {
        struct error error;
        struct graph *graph = import(networks[i].config, networks[i].version, 0, 0, &error);
        if (!graph)
            fail_msg("%s: %s", networks[i].name, error.text);
        char *nodes = describe(graph);
        if (strcmp(nodes, networks[i].nodes) != 0)
            fail_msg("%s:\n%s\nis not\n%s", networks[i].name, nodes, networks[i].nodes);
        assert_string_equal(graph->arch, "net");
        assert_true(graph->preprocess.raw && graph->preprocess.std[0] == 1);
        bool rescales = strstr(nodes, " affine ") != NULL; /* by itself */
        assert_int_equal(graph->preprocess_basis, rescales ? PREPROCESS_STATED : PREPROCESS_GUESSED);
        assert_true(strstr(networks[i].nodes, "head.") == NULL || strstr(graph->note, "a head of 2 classes is added"));
        mem_free(nodes);
        graph_destroy(graph);
    }
}

/* clang-format off */
#define INSIDE(layers) "{\"class_name\":\"Sequential\",\"config\":{\"name\":\"base\",\"layers\":[" layers "]}}"
static const struct {
    const char *config;
    bool guessed, bgr;
    float mean, std; /* of the first channel */
} scaled[] = {
    {AROUND(CONV("block_1_expand_BN_2", "")), true, false, 0, 1},
    {AROUND(CONV("block_1_expand_BN", "")), false, false, 127.5f, 127.5f},
    {AROUND(INSIDE(CONV("conv_pw_13_bn", ""))), false, false, 127.5f, 127.5f},
    {AROUND(INSIDE(INSIDE(CONV("my_block5_conv1", "")))), false, true, 103.939f, 1},
    {AROUND(CONV("conv2_block1_preact_bn", "") "," LAYER("ReLU", "conv2_block1_out", "")), false, false, 127.5f, 127.5f},
    {AROUND(CONV("conv2_block1_0_conv", "") "," LAYER("ReLU", "conv2_block1_out", "")), false, true, 103.939f, 1},
    {AROUND(CONV("pool4_relu", "")), false, false, 0.485f, 0.229f},
    {AROUND(LAYER("Rescaling", "r", ",\"scale\":0.1") "," INSIDE(CONV("block_1_expand_BN", ""))), false, false, 0, 1},
    {AROUND(INSIDE(LAYER("Rescaling", "r", ",\"scale\":0.1") "," CONV("expanded_conv_1_expand_bn", ""))), false, false, 0, 1},
};
/* clang-format on */

/* Networks of keras.applications are known by layers that no other has; a model that rescales takes pixels as they are. */
static void test_scaling(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(scaled); i++) {
        struct error error;
        struct graph *graph = import(scaled[i].config, "3.1", 0, 3, &error); /* with another head: made anew */
        if (!graph)
            fail_msg("%zu: %s", i, error.text);
        const struct preprocess *p = &graph->preprocess;
        if ((graph->preprocess_basis == PREPROCESS_GUESSED) != scaled[i].guessed || p->bgr != scaled[i].bgr ||
            p->mean[0] != scaled[i].mean || p->std[0] != scaled[i].std)
            fail_msg("%zu: %d %d %g %g", i, graph->preprocess_basis, p->bgr, (double)p->mean[0], (double)p->std[0]);
        graph_destroy(graph);
    }
}

/* clang-format off */
static const struct {
    const char *name, *config, *sentence;
} refused[] = {
    {"not JSON", "{", "its configuration cannot be read"},
    {"no model", "[]", "its configuration cannot be read: it has no layers"},
    {"unknown layers", AROUND(LAYER("Lambda", "l", "") "," LAYER("PReLU", "p", "") "," LAYER("Lambda", "k", "")),
     "its network has layers that are not known: 2 Lambda, 1 PReLU"},
    {"unknown function", AROUND("{\"class_name\":\"TFOpLambda\",\"config\":{\"name\":\"t\",\"function\":\"math.erf\"}}"), "not known: 1 math.erf"},
    {"no layers", SEQUENTIAL(INPUT("8")), "its network has no layers"},
    {"vectors", SEQUENTIAL(LAYER("InputLayer", "in", ",\"batch_shape\":[null,784]") "," TOP), "does not say that it takes images"},
    {"many channels", SEQUENTIAL(LAYER("InputLayer", "in", ",\"batch_shape\":[null,8,8,13]") "," TOP), "takes images of 13 channels"},
    {"no shape", SEQUENTIAL(CONV("c", "") "," TOP), "does not say that it takes images"},
    {"channels first", AROUND(CONV("c", ",\"data_format\":\"channels_first\"")), "layer c (Conv2D): its images have their channels first"},
    {"softmax inside", AROUND(CONV("c", ",\"activation\":\"softmax\"")), "layer gap (GlobalAveragePooling2D): it reads the softmax of c.softmax"},
    {"unknown activation", AROUND(CONV("c", ",\"activation\":\"elu\"")), "layer c (Conv2D): its activation elu is not known"},
    {"no filters", AROUND(LAYER("Conv2D", "c", ",\"kernel_size\":3")), "it has no filters"},
    {"no kernel", AROUND(LAYER("Conv2D", "c", ",\"filters\":3")), "it has no kernel_size"},
    {"huge kernel", AROUND(LAYER("Conv2D", "c", ",\"filters\":3,\"kernel_size\":1e9")), "its kernel_size is not one or two whole numbers"},
    {"padding", AROUND(CONV("c", ",\"padding\":\"causal\"")), "its padding causal is not known"},
    {"axis", AROUND(LAYER("BatchNormalization", "b", ",\"axis\":[1]")), "it normalises another axis than the channels"},
    {"epsilon", AROUND(LAYER("BatchNormalization", "b", ",\"epsilon\":-1")), "are not possible"},
    {"relu", AROUND(LAYER("ReLU", "r", ",\"threshold\":1")), "are not known together"},
    {"reshape", AROUND(LAYER("Reshape", "r", ",\"target_shape\":[4,16,3]")), "can only become a row or a single pixel"},
    {"permute", AROUND(LAYER("Permute", "p", ",\"dims\":[3,1,2]")), "exchanging axes is not known"},
    {"crop to more", AROUND(LAYER("RandomCrop", "rc", ",\"height\":9,\"width\":8")), "layer rc (RandomCrop): it makes 9x8 pixels of 8x8"},
    {"crop to nothing", AROUND(LAYER("CenterCrop", "cc", "")), "layer cc (CenterCrop): it makes 0x0 pixels"},
    {"crop all", AROUND(LAYER("Cropping2D", "c", ",\"cropping\":4")), "layer c (Cropping2D): "},
    {"scales", AROUND(LAYER("Rescaling", "r", ",\"scale\":[1,2]")), "its scale is neither one number nor one for each of 3 channels"},
    {"not adapted", AROUND(LAYER("Normalization", "other", "")), "the file has no mean for it"},
    {"shared weights", FUNCTIONAL(IN "," CALLED("Conv2D", "c", ",\"filters\":3,\"kernel_size\":1", READS("in") "," READS("c")) "," CALLED("Flatten", "f", "", "[[\"c\",1,0,{}]]"), END("in"), END("f")),
     "weights that calls share are not known"},
    {"two inputs", FUNCTIONAL(IN, END("in") "," END("in"), END("in")), "a model with several inputs is not known"},
    {"two outputs", FUNCTIONAL(IN "," CALLED("ReLU", "r", "", READS("in")), END("in"), END("r") "," END("in")), "a model with several outputs, or none"},
    {"missing layer", FUNCTIONAL(IN "," CALLED("ReLU", "r", "", READS("gone")), END("in"), END("r")), "some of its layers read what no layer gives"},
    {"itself", FUNCTIONAL(IN "," CALLED("ReLU", "r", "", READS("r")), END("in"), END("r")), "some of its layers read what no layer gives"},
    {"second output", FUNCTIONAL(IN "," CALLED("ReLU", "r", "", "[[\"in\",0,1,{}]]"), END("in"), END("r")), "it reads a second output of in"},
    {"not the last", FUNCTIONAL(IN "," CALLED("ReLU", "r", "", READS("in")) "," CALLED("ReLU", "s", "", READS("in")), END("in"), END("r")), "does not end in its last layer, s"},
    {"joined rows", FUNCTIONAL(IN "," CALLED("Concatenate", "c", ",\"axis\":1", READS2("in", "in")), END("in"), END("c")), "it joins along axis 1"},
    {"two names", AROUND(CONV("c", "") "," CONV("c", "")), "two nodes are called c"},
    {"shapes differ", FUNCTIONAL(IN "," CALLED("Conv2D", "c", ",\"filters\":5,\"kernel_size\":1", READS("in")) "," CALLED("Add", "a", "", READS2("in", "c")), END("in"), END("a")), "layer a (Add): "},
};

/* clang-format on */

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(refused); i++) {
        struct error error;
        struct graph *graph = import(refused[i].config, "3.1", 0, 0, &error);
        if (graph)
            fail_msg("%s: was read", refused[i].name);
        if (error.kind != ERROR_WEIGHTS || strncmp(error.text, "net.keras: ", 11) != 0 ||
            !strstr(error.text, refused[i].sentence))
            fail_msg("%s: kind %d: %s", refused[i].name, error.kind, error.text);
    }
}

/* What the versions of Keras mean by the same words, and the attributes that shapes do not show. */
static void test_attributes(void **state)
{
    (void)state;
    static const char config[] = AROUND(
        CONV("c", ",\"padding\":\"same\",\"strides\":2,\"activation\":\"hard_sigmoid\",\"use_bias\":false") "," LAYER(
            "BatchNormalization", "b", ",\"momentum\":0.9,\"epsilon\":0.01,\"scale\":false"));
    static const struct {
        const char *version;
        float slope;
    } versions[] = {{"2.15.0", 0.2f}, {"3.0.0", 1.0f / 6}, {"1.2.2", 0.2f}};
    for (size_t i = 0; i < THAW_LENGTH(versions); i++) {
        struct error error;
        struct graph *graph = import(config, versions[i].version, 0, 0, &error);
        assert_non_null(graph);
        const struct op_attrs *conv = &graph->node[1].attrs, *hard = &graph->node[2].attrs,
                              *norm = &graph->node[3].attrs;
        assert_true(conv->pad_top == 0 && conv->pad_bottom == 1 && conv->pad_left == 0 && conv->pad_right == 1);
        assert_false(conv->bias);
        assert_true(fabsf(hard->alpha - versions[i].slope) < 1e-7f && hard->beta == 0.5f);
        assert_true(norm->no_scale && !norm->no_shift);
        assert_true(fabsf(norm->momentum - 0.1f) < 1e-6f && norm->eps == 0.01f);
        graph_destroy(graph);
    }
}

/* Paddings follow the side that is asked for; what a flattening fixes does not. */
static void test_sizes(void **state)
{
    (void)state;
    static const char open[] = AROUND(CONV("c", ",\"padding\":\"same\",\"strides\":2"));
    static const char fixed[] = SEQUENTIAL(INPUT("8") "," LAYER("Flatten", "f", "") "," LAYER(
        "Dense", "d", ",\"units\":4") "," LAYER("Dense", "e", ",\"units\":2"));
    struct error error;
    struct graph *graph = import(open, "3.1", 9, 5, &error);
    assert_non_null(graph);
    assert_int_equal(graph->node[0].shape.h, 9);
    assert_int_equal(graph->node[1].shape.h, 5);
    assert_int_equal(graph->node[1].attrs.pad_top, 1); /* 0 and 1 at 8 pixels */
    assert_int_equal(graph->node[1].attrs.pad_bottom, 1);
    assert_int_equal(graph->classes, 5);
    assert_int_equal(graph->preprocess.height, 9);
    graph_destroy(graph);
    assert_null(import(fixed, "3.1", 16, 0, &error));
    assert_int_equal(error.kind, ERROR_USAGE);
    assert_non_null(strstr(error.text, "does not allow images of 16x16"));
}

static void test_long_names(void **state)
{
    (void)state;
    char a[GRAPH_NAME_MAX], b[GRAPH_NAME_MAX];
    assert_string_equal(bind_keras_layer(a, "base/conv"), "base/conv");
    bind_keras_layer(a, "convnext_tiny_downsampling_block_0/convnext_tiny_downsampling_layernorm_0");
    bind_keras_layer(b, "convnext_tiny_downsampling_block_1/convnext_tiny_downsampling_layernorm_0");
    assert_string_not_equal(a, b);
    assert_true(strlen(a) < GRAPH_NAME_MAX - strlen(".hard_sigmoid"));
    assert_non_null(strstr(a, "~"));
    assert_string_equal(a + 9, b + 9);
}

static void test_real(void **state)
{
    (void)state;
    const char *folder = getenv("THAW_REAL_DATA");
    if (!folder) {
        print_message("THAW_REAL_DATA is not set: real weights are skipped\n");
        skip();
    }
    static const struct {
        const char *name, *arch;
        size_t loaded, missing;
    } cases[] = {
        {"keras_h5/pretrainedResnet.h5", "pretrainedResnet", 48, 0},
        {"keras_v3/cifar10_model.keras", "cifar10_model", 8, 0},
        {"keras_h5/mobilenet_2_5_224_tf_no_top.h5", "keras_mobilenet_0.25", 135, 2},
    };
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        char *path = mem_format("%s/models/%s", folder, cases[i].name);
        struct load_request request = {.weights = path, .seed = 1};
        struct bind_report report;
        struct error error = {0};
        struct graph *graph = load_graph(&request, &report, &error);
        if (!graph)
            fail_msg("%s", error.text);
        assert_string_equal(graph->arch, cases[i].arch);
        assert_int_equal(report.count[BIND_LOADED] + report.count[BIND_CONVERTED], cases[i].loaded);
        assert_int_equal(report.count[BIND_MISSING], cases[i].missing);
        assert_int_equal(report.count[BIND_UNEXPECTED], 0);
        bind_report_finish(&report);
        graph_destroy(graph);
        mem_free(path);
    }
}

static int need_hdf5(void **state)
{
    (void)state;
#ifdef HAVE_HDF5
    return 0;
#else
    print_message("this build has no HDF5: the tests of Keras' models are skipped\n");
    exit(77);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks),   cmocka_unit_test(test_scaling), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_attributes), cmocka_unit_test(test_sizes),   cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_real),
    };
    return cmocka_run_group_tests(tests, need_hdf5, NULL);
}
