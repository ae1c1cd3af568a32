/* Lists of PyTorch's layers as networks: each case is the JSON that the torch readers make of a Sequential, and the nodes that
 * it must become, or the sentence that refuses it. That the numbers are PyTorch's own is
 * tests/reference/test_torch_import.c's to see. Then whole modules of an architecture that the zoo knows. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/weights/format.h"
#include "thaw/base/mem.h"
#include "thaw/shelf/load.h"
#include "thaw/source/import.h"

/* A file that has these layers, and no tensors that matter. */
static bool open_layers(struct weights *weights, struct error *error)
{
    const struct file_map *map = weights_map(weights);
    struct shape shape = {.rank = 1, .dim = {1}};
    struct weights_place place = {.first = map->data, .stride = {1}};
    char *text = mem_format("%.*s", (int)map->size, (const char *)map->data);
    weights_add_metadata(weights, WEIGHTS_TORCH_LAYERS, text);
    mem_free(text);
    return weights_add(weights, "x", 1, TENSOR_U8, &shape, &place, error);
}

static const struct weights_format layers_only = {.name = "layers", .layout = WEIGHTS_TORCH, .open = open_layers};

static struct graph *import(const char *layers, int size, int classes, struct error *error)
{
    struct load_request request = {.size = size, .classes = classes};
    struct bind_report report;
    *error = (struct error){0};
    struct weights *weights = weights_open_memory_as(&layers_only, layers, strlen(layers), "net.pth", error);
    assert_non_null(weights);
    assert_true(import_possible(weights));
    struct graph *graph = import_graph(weights, &request, false, &report, error);
    bind_report_finish(&report);
    weights_close(weights);
    return graph;
}

/* "conv 9x9x4, relu 9x9x4, ..."; a bar stands behind the trunk. */
static char *describe(const struct graph *graph)
{
    char *text = mem_string("");
    for (int i = 1; i < graph->nodes; i++) {
        const struct graph_node *node = &graph->node[i];
        char *longer = mem_format("%s%s%s %dx%dx%d", text,
                                  i == 1                  ? ""
                                  : i == graph->trunk + 1 ? " | "
                                                          : ", ",
                                  op_get(node->kind)->name, node->shape.h, node->shape.w, node->shape.c);
        mem_free(text);
        text = longer;
    }
    return text;
}

/* clang-format off */
#define LAYER(name, kind, more)  "{\"name\":\"" name "\",\"class\":\"" kind "\",\"bias\":true" more "}"
#define CONV(name, in, out, more) LAYER(name, "Conv2d", ",\"in_channels\":" #in ",\"out_channels\":" #out ",\"kernel_size\":[3,3]" more)
#define LINEAR(name, in, out)    LAYER(name, "Linear", ",\"in_features\":" #in ",\"out_features\":" #out)
#define FLATTEN                  LAYER("f", "Flatten", ",\"start_dim\":1,\"end_dim\":-1")
#define GLOBAL                   LAYER("g", "AdaptiveAvgPool2d", ",\"output_size\":1")
#define NORM(name)               LAYER(name, "BatchNorm2d", ",\"num_features\":4")
#define BLOCK                    "torchvision.models.resnet.BasicBlock"
#define END                      GLOBAL "," FLATTEN "," LINEAR("fc", 4, 2)

static const struct {
    const char *layers;
    int size, classes;
    const char *nodes;
} networks[] = {
    /* the side: as the linear layer allows; a usual one where any does, by channels and by strides; as asked */
    {"[" CONV("0", 3, 4, ",\"padding\":1") "," FLATTEN "," LINEAR("fc", 4096, 2) "]", 0, 0,
     "conv 32x32x4, flatten 1x1x4096 | linear 1x1x2"},
    {"[" CONV("0", 3, 4, ",\"padding\":[1,1]") "," FLATTEN "," LINEAR("fc", 400, 2) "]", 0, 0,
     "conv 10x10x4, flatten 1x1x400 | linear 1x1x2"},
    {"[" CONV("0", 3, 4, "") "," END "]", 0, 0, "conv 30x30x4, global average pool 1x1x4 | linear 1x1x2"},
    {"[" CONV("0", 1, 4, "") "," END "]", 0, 0, "conv 26x26x4, global average pool 1x1x4 | linear 1x1x2"},
    {"[" CONV("0", 3, 4, ",\"stride\":[16,16]") "," END "]", 0, 0, "conv 14x14x4, global average pool 1x1x4 | linear 1x1x2"},
    {"[" CONV("0", 3, 4, "") "," END "]", 17, 5, "conv 15x15x4, global average pool 1x1x4 | linear 1x1x5"},
    {"[" FLATTEN "," LINEAR("fc", 3072, 2) "]", 0, 0, "flatten 1x1x3072 | linear 1x1x2"},
    /* windows */
    {"[" CONV("0", 3, 4, ",\"padding\":\"same\",\"dilation\":2") "," END "]", 0, 0, "conv 32x32x4, global average pool 1x1x4 | linear 1x1x2"},
    {"[" CONV("0", 3, 4, ",\"padding\":\"valid\",\"stride\":2") "," END "]", 0, 0, "conv 15x15x4, global average pool 1x1x4 | linear 1x1x2"},
    {"[" CONV("0", 3, 4, "") "," LAYER("p", "MaxPool2d", ",\"kernel_size\":4,\"stride\":4,\"padding\":0,\"dilation\":1,\"ceil_mode\":true") "," END "]", 0, 0,
     "conv 30x30x4, max pool 8x8x4, global average pool 1x1x4 | linear 1x1x2"},
    {"[" CONV("0", 3, 4, "") "," LAYER("p", "AvgPool2d", ",\"kernel_size\":[2,3],\"stride\":[2,3],\"padding\":0") "," END "]", 0, 0,
     "conv 30x30x4, average pool 15x10x4, global average pool 1x1x4 | linear 1x1x2"},
    {"[" CONV("0", 3, 4, ",\"padding\":1") "," LAYER("p", "AdaptiveAvgPool2d", ",\"output_size\":[4,null]") "," END "]", 0, 0,
     "conv 32x32x4, average pool 4x32x4, global average pool 1x1x4 | linear 1x1x2"},
    /* what is nothing, what is left out, what belongs to the head */
    {"[" CONV("0", 3, 4, "") "," LAYER("i", "Identity", "") "," GLOBAL "," FLATTEN "," LAYER("d", "Dropout", ",\"p\":0.5") "," LINEAR("fc", 4, 2) "," LAYER("s", "Softmax", ",\"dim\":1") "]", 0, 0,
     "conv 30x30x4, global average pool 1x1x4 | dropout 1x1x4, linear 1x1x2"},
    {"[" CONV("0", 3, 4, "") "," LAYER("s", "Sigmoid", "") "," GLOBAL "," FLATTEN "," LINEAR("fc", 4, 2) "," LAYER("e", "Sigmoid", "") "]", 0, 0,
     "conv 30x30x4, sigmoid 30x30x4, global average pool 1x1x4 | linear 1x1x2"},
    /* blocks: their strides count for the side, too */
    {"[" CONV("0", 3, 4, ",\"stride\":4") "," LAYER("b", BLOCK, ",\"stride\":4,\"parts\":[" CONV("b.conv1", 4, 4, ",\"padding\":1,\"stride\":4") "," NORM("b.bn1") "," CONV("b.conv2", 4, 4, ",\"padding\":1") "," NORM("b.bn2") "," CONV("b.downsample.0", 4, 4, ",\"padding\":1,\"stride\":4") "]") "," END "]", 0, 0,
     "conv 56x56x4, conv 14x14x4, batch norm 14x14x4, relu 14x14x4, conv 14x14x4, batch norm 14x14x4, conv 14x14x4, add 14x14x4, relu 14x14x4, global average pool 1x1x4 | linear 1x1x2"},
    {"[" CONV("0", 3, 2, "") "," LAYER("b", "fastai.layers.AdaptiveConcatPool2d", ",\"size\":1") "," LAYER("f", "fastai.layers.Flatten", ",\"full\":false") "," LINEAR("fc", 4, 2) "]", 0, 0,
     "conv 30x30x2, max pool 1x1x2, global average pool 1x1x2, concat 1x1x4 | linear 1x1x2"},
    /* one output is two classes */
    {"[" CONV("0", 3, 4, "") "," GLOBAL "," FLATTEN "," LINEAR("fc", 4, 1) "]", 0, 0, "conv 30x30x4, global average pool 1x1x4 | linear 1x1x2"},
};

static const struct {
    const char *layers, *sentence;
} refusals[] = {
    {"[" CONV("0", 3, 4, "") "," LAYER("t", "ConvTranspose2d", "") "," LAYER("b", "mine.Block", "") "]",
     "net.pth: its network has layers that are not known: ConvTranspose2d, mine.Block; export it with torch.onnx.export("},
    {"[" CONV("0", 3, 4, "") "," CONV("1", 5, 4, "") "," END "]", "layer 1 (Conv2d): it reads 5 channels, and 4 come to it"},
    {"[" CONV("0", 3, 4, "") "," LINEAR("fc", 4, 2) "]", "layer fc (Linear): it stands behind a map"},
    {"[" CONV("0", 3, 4, "") "," FLATTEN "," LINEAR("fc", 7, 2) "]", "layer fc (Linear): it reads 7 values, and 3600 come to it"},
    {"[" CONV("0", 3, 4, "") "," FLATTEN "," CONV("1", 4, 4, "") "]", "layer 1 (Conv2d): it reads maps, and stands behind a Flatten"},
    {"[" CONV("0", 3, 4, ",\"padding_mode\":\"reflect\"") "," END "]", "only padding with zeros is known"},
    {"[" CONV("0", 3, 4, ",\"stride\":[0,1]") "," END "]", "its stride is not one or two whole numbers from 1 to 4096"},
    {"[" CONV("0", 3, 4, ",\"groups\":2") "," END "]", "conv: 3 input and 4 output channels do not divide into 2 groups"},
    {"[" CONV("0", 3, 4, "") "," LAYER("b", "BatchNorm2d", ",\"num_features\":5") "," END "]", "it has 5 features, and 4 come to it"},
    {"[" CONV("0", 3, 4, "") "," LAYER("b", "BatchNorm2d", ",\"num_features\":4,\"track_running_stats\":false") "," END "]", "no running statistics"},
    {"[" CONV("0", 3, 4, "") "," LAYER("b", "BatchNorm2d", ",\"num_features\":4,\"eps\":-1") "," END "]", "an eps of -1"},
    {"[" CONV("0", 3, 4, "") "," LAYER("s", "Softmax", ",\"dim\":1") "," END "]", "it is known at the end only, over the classes"},
    {"[" CONV("0", 3, 4, "") "," LAYER("s", "GELU", ",\"approximate\":\"tanh\"") "," END "]", "approximation by tanh"},
    {"[" CONV("0", 3, 4, "") "," LAYER("p", "MaxPool2d", ",\"kernel_size\":2,\"dilation\":2") "," END "]", "dilation, return_indices"},
    {"[" CONV("0", 3, 4, "") "," LAYER("r", "ReLU", "") "," LAYER("r", "ReLU", "") "," END "]", "layer r (ReLU): "},
    {"[" CONV("0", 3, 4, "") "," LAYER("b", BLOCK, "") "," END "]", "layer b (torchvision.models.resnet.BasicBlock): it has no conv1"},
    {"[" CONV("0", 3, 4, "") "," LAYER("b", BLOCK, ",\"parts\":[" CONV("b.conv1", 4, 4, "") "," NORM("b.bn1") "," CONV("b.conv2", 4, 4, "") "," NORM("b.bn2") "]") "," END "]",
     "layer b (torchvision.models.resnet.BasicBlock): "}, /* maps of another size cannot be added */
    {"[" CONV("0", 3, 4, "") "," LAYER("b", BLOCK, ",\"parts\":[" LAYER("b.conv1", "Sorcery", "") "]") "," END "]", "layer b.conv1 (Sorcery): it is not known"},
    {"[" CONV("0", 3, 4, "") "," FLATTEN "," LAYER("b", BLOCK, "") "]", "it reads maps, and stands behind a Flatten"},
    {"[" CONV("0", 3, 4, "") "," LAYER("b", "torchvision.models.mobilenetv2.InvertedResidual", "") "," END "]", "it does not say whether it adds what went in"},
    {"[" CONV("0", 3, 4, "") "," LAYER("b", "fastai.layers.AdaptiveConcatPool2d", ",\"size\":2") "," END "]", "it is known for maps, and to one pixel only"},
    {"[" CONV("0", 12, 4, "") "," END "]", "its network does not begin with a convolution over images of 1 or 3 channels"},
    {"[" LAYER("r", "ReLU", "") "]", "its network does not begin with a convolution"},
    {"[]", "its network does not begin with a convolution"},
    {"[7]", "its network does not begin with a convolution"},
    {"{\"a\":", "its modules are more than a file of this size can hold"},
};
/* clang-format on */

static void test_networks(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(networks); i++) {
        struct error error;
        struct graph *graph = import(networks[i].layers, networks[i].size, networks[i].classes, &error);
        if (!graph)
            fail_msg("%s: %s", networks[i].layers, error.text);
        char *nodes = describe(graph);
        if (strcmp(nodes, networks[i].nodes) != 0)
            fail_msg("%s\n%s\n%s", networks[i].layers, nodes, networks[i].nodes);
        assert_int_equal(graph->preprocess_basis, PREPROCESS_GUESSED);
        mem_free(nodes);
        graph_destroy(graph);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(refusals); i++) {
        struct error error;
        struct graph *graph = import(refusals[i].layers, 0, 0, &error);
        if (graph)
            fail_msg("%s was read", refusals[i].layers);
        if (error.kind != ERROR_WEIGHTS || !strstr(error.text, refusals[i].sentence))
            fail_msg("%s: kind %d: %s", refusals[i].layers, error.kind, error.text);
    }
}

/* Another side than the file's linear layer allows is the user's mistake, and told as one. */
static void test_other_side(void **state)
{
    (void)state;
    struct error error;
    assert_null(import("[" CONV("0", 3, 4, ",\"padding\":1") "," FLATTEN "," LINEAR("fc", 4096, 2) "]", 64, 0, &error));
    if (!strstr(error.text, "for images of 64x64: layer fc (Linear): it reads 4096 values, and 16384 come to it"))
        fail_msg("%s", error.text);
}

/* A class of one's own says nothing about the order of its layers: the names of its tensors do. */
static void test_known_by_names(void **state)
{
    (void)state;
    static const struct {
        const char *file, *note;
    } files[] = {
        {"lenet_module.pth", "the weights are those of a whole module, __main__.Lenet; nothing of its code is run"},
        {"lenet_script.pt", "the weights are those of a whole TorchScript module, Lenet; nothing of its code is run"},
    };
    const char *source = getenv("THAW_SRCDIR");
    float first[2][250];
    for (size_t i = 0; i < THAW_LENGTH(files); i++) {
        char *path = mem_format("%s/tests/unit/weights/fixtures/%s", source ? source : ".", files[i].file);
        struct load_request request = {.weights = path, .seed = 1};
        struct error error = {0};
        struct bind_report report;
        struct graph *graph = load_graph(&request, &report, &error);
        if (!graph)
            fail_msg("%s", error.text);
        assert_string_equal(graph->arch, "lenet");
        assert_int_equal(report.count[BIND_LOADED] + report.count[BIND_CONVERTED], graph->params);
        if (!graph->note || strcmp(graph->note, files[i].note) != 0)
            fail_msg("%s", graph->note ? graph->note : "no note");
        memcpy(first[i], graph_param_values(graph, graph_find_param(graph, "conv1.weight")), sizeof first[i]);
        bind_report_finish(&report);
        graph_destroy(graph);
        mem_free(path);
    }
    assert_memory_equal(first[0], first[1], sizeof first[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_other_side),
        cmocka_unit_test(test_known_by_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
