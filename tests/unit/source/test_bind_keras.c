/* Names and order of Keras' tensors: files under the names of other years, inside a larger model, counted through a
 * session, and without any names that tell something. */
#include "config.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/source/bind_private.h"
#include "src/weights/format.h"
#include "thaw/base/mem.h"
#include "thaw/source/zoo.h"

enum { BYTES = 105 * 1024 * 1024 }; /* as many as the largest tensor has elements; never touched */

/* What the file to be opened holds: the graph's tensors in Keras's order, called as `rename` has it. */
static struct {
    const struct graph *graph;
    void (*rename)(char to[256], const char *layer, int number);
    bool top, backwards; /* backwards: in the opposite order, so that names alone can tell */
} wanted;

static const char *leaf_of(const struct graph *graph, int param)
{
    static const char *const norm[] = {"gamma", "beta", "moving_mean", "moving_variance"};
    const struct graph_param *row = &graph->param[param];
    const struct graph_node *node = &graph->node[row->node];
    size_t length = strlen(node->name);
    if (node->kind == OP_BATCH_NORM)
        return norm[row->slot];
    if (row->slot == 1)
        return "bias";
    if (length > 10 && strcmp(node->name + length - 10, ".pointwise") == 0)
        return "pointwise_kernel";
    return node->kind == OP_CONV && node->attrs.groups > 1 ? "depthwise_kernel" : "kernel";
}

static bool add_all(struct weights *weights, struct error *error)
{
    const struct graph *graph = wanted.graph;
    int *param = mem_array((size_t)graph->params, sizeof *param), count = bind_keras_order(graph, param), layer = 0;
    bool good = true;
    for (int at = 0; at < count && good; at++) {
        int i = wanted.backwards ? count - 1 - at : at;
        const struct graph_param *row = &graph->param[param[i]];
        char own[256], name[300];
        if (!wanted.top && row->node > graph->trunk)
            continue;
        snprintf(own, sizeof own, "%s", graph->node[row->node].name);
        if (strrchr(own, '.'))
            *strrchr(own, '.') = '\0'; /* both halves of a separable convolution are one layer */
        layer += i > 0 && row->node != graph->param[param[i - 1]].node;
        wanted.rename(name, own, layer);
        snprintf(name + strlen(name), sizeof name - strlen(name), "/%s", leaf_of(graph, param[i]));
        struct shape shape = bind_file_shape(graph, param[i], WEIGHTS_KERAS);
        struct weights_place place = {.first = weights_map(weights)->data};
        good = weights_add(weights, name, strlen(name), TENSOR_F32, &shape, &place, error);
    }
    mem_free(param);
    return good;
}

static const struct weights_format format = {.name = "test", .layout = WEIGHTS_KERAS, .open = add_all};

static struct graph *outline(const char *name)
{
    struct error error;
    struct graph *graph = zoo_outline(name, &(struct zoo_options){0}, &error);
    if (!graph)
        fail_msg("%s", error.text);
    return graph;
}

static void number_all(char to[256], const char *layer, int number)
{
    (void)layer;
    snprintf(to, 256, "layer_%d", number);
}

/* Opens a file of that architecture's tensors and has it recognised. */
static void check(const char *arch, void (*rename)(char to[256], const char *layer, int number), bool top,
                  const struct bind_zoo *zoo)
{
    struct error error = {0};
    struct bind_identity identity;
    struct graph *graph = outline(arch);
    uint8_t *data = mem_array(BYTES, 1);
    wanted.graph = graph;
    wanted.rename = rename;
    wanted.top = top;
    wanted.backwards = rename != number_all;
    struct weights *weights = weights_open_memory_as(&format, data, BYTES, arch, &error);
    if (!weights || !bind_recognise(weights, zoo, &identity, &error))
        fail_msg("%s: %s", arch, error.text);
    assert_string_equal(identity.arch, arch);
    assert_int_equal(identity.classes, top ? graph->classes : 0);
    weights_close(weights);
    mem_free(data);
    graph_destroy(graph);
}

static void keep(char to[256], const char *layer, int number)
{
    (void)number;
    snprintf(to, 256, "%s", layer);
}

static void nest(char to[256], const char *layer, int number)
{
    (void)number;
    snprintf(to, 256, "mobilenetv2_1.00_224/%s", layer);
}

/* A network in a model with a class layer of its user's. */
static void nest_below_a_head(char to[256], const char *layer, int number)
{
    (void)number;
    if (strcmp(layer, "predictions") == 0)
        snprintf(to, 256, "my_head/dense_3");
    else
        snprintf(to, 256, "mobilenetv2_1.00_224/%s", layer);
}

static void count_on(char to[256], const char *layer, int from)
{
    static const char *const stems[] = {"conv2d_", "batch_normalization_"};
    keep(to, layer, 0);
    for (size_t i = 0; i < THAW_LENGTH(stems); i++) {
        size_t length = strlen(stems[i]);
        if (strncmp(layer, stems[i], length) == 0) {
            int number = atoi(layer + length) - 1 + from;
            snprintf(to, 256, number == 0 ? "%.*s" : "%.*s_%d", (int)length - 1, stems[i], number);
        }
    }
}

static void count_from_zero(char to[256], const char *layer, int number)
{
    (void)number;
    count_on(to, layer, 0);
}

static void count_in_a_session(char to[256], const char *layer, int number)
{
    (void)number;
    count_on(to, layer, 95);
}

static void part_by_slashes(char to[256], const char *layer, int number)
{
    keep(to, layer, number);
    if (strncmp(layer, "conv1_", 6) == 0)
        to[5] = '/';
    if (strcmp(layer, "predictions") == 0)
        strcpy(to, "fc1000");
}

static void call_as_mobl(char to[256], const char *layer, int number)
{
    char part[32];
    int block = 0;
    keep(to, layer, number);
    if (strcmp(layer, "predictions") == 0)
        strcpy(to, "Logits");
    else if (sscanf(layer, "block_%d_%31s", &block, part) == 2 || sscanf(layer, "expanded_conv_%31s", part) == 1) {
        char *norm = strstr(part, "_BN");
        if (norm)
            *norm = '\0';
        snprintf(to, 256, norm ? "bn%d_conv_%d_bn_%s" : "mobl%d_conv_%d_%s", block, block, part);
    }
}

/* "expanded_conv_1_squeeze_excite_conv_1" was "expanded_conv_1/squeeze_excite/Conv_1". */
static void call_as_tensorflow(char to[256], const char *layer, int number)
{
    int end = 0, block;
    const char *part = layer;
    (void)number;
    to[0] = '\0';
    if (sscanf(layer, "expanded_conv_%d_%n", &block, &end) == 1 && end > 0)
        part += end;
    else if (strncmp(layer, "expanded_conv_", 14) == 0)
        part += 14;
    if (part > layer)
        snprintf(to, 256, "%.*s/", (int)(part - layer) - 1, layer);
    if (strncmp(part, "squeeze_excite_", 15) == 0) {
        strcat(to, "squeeze_excite/");
        part += 15;
    }
    char *last = to + strlen(to);
    strcat(to, part);
    if (strncmp(part, "conv", 4) == 0 || strcmp(part, "logits") == 0)
        last[0] = (char)toupper((unsigned char)last[0]);
    size_t length = strlen(to);
    if (length > 3 && strcmp(to + length - 3, "_bn") == 0)
        strcpy(to + length - 3, "/BatchNorm");
}

static void names_of_all_years_are_known(void **state)
{
    const struct bind_zoo *zoo = *state;
    check("keras_mobilenet_v2", nest, true, zoo);
    check("keras_mobilenet_v2", nest_below_a_head, true, zoo);
    check("keras_mobilenet_v2", call_as_mobl, true, zoo);
    check("keras_inception_v3", count_from_zero, true, zoo);
    check("keras_inception_v3", count_in_a_session, false, zoo);
    check("keras_xception", count_from_zero, true, zoo);
    check("keras_resnet50_2015", keep, true, zoo);
    check("keras_densenet121", part_by_slashes, true, zoo);
    check("keras_mobilenet_v3_small", call_as_tensorflow, true, zoo);
    check("keras_mobilenet_v3_large", call_as_tensorflow, false, zoo);
}

/* Keras loads what it publishes by order. */
static void files_without_names_are_bound_by_order(void **state)
{
    const struct zoo_arch *arch;
    for (size_t i = 0; (arch = zoo_at(i)); i++) {
        if (strncmp(arch->name, "keras_", 6) != 0)
            continue;
        check(arch->name, keep, true, *state);
        check(arch->name, number_all, true, *state);
        check(arch->name, number_all, false, *state);
    }
}

/* A file in another order does not pass for one that is. */
static void another_order_is_refused(void **state)
{
    struct error error = {0};
    struct bind_identity identity;
    struct graph *graph = outline("keras_resnet50");
    uint8_t *data = mem_array(BYTES, 1);
    wanted.graph = graph;
    wanted.rename = number_all;
    wanted.top = true;
    wanted.backwards = false;
    /* the shortcut's convolution after the block's last one, as the first ResNet50 of Keras had it */
    int first = graph_find_node(graph, "conv3_block1_0_conv"), add = graph_find_node(graph, "conv3_block1_add");
    assert_true(first >= 0 && add >= 0);
    int *input = graph->node[add].input, swapped = input[0];
    input[0] = input[1];
    input[1] = swapped;
    struct weights *weights = weights_open_memory_as(&format, data, BYTES, "swapped", &error);
    assert_non_null(weights);
    assert_false(bind_recognise(weights, *state, &identity, &error));
    weights_close(weights);
    mem_free(data);
    graph_destroy(graph);
}

static int make_zoo(void **state)
{
    *state = bind_zoo_create();
    return 0;
}

static int drop_zoo(void **state)
{
    bind_zoo_destroy(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_all_years_are_known),
        cmocka_unit_test(files_without_names_are_bound_by_order),
        cmocka_unit_test(another_order_is_refused),
    };
    return cmocka_run_group_tests(tests, make_zoo, drop_zoo);
}
