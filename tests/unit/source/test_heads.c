/* What users make of a network: a member of a module of theirs, so that all names begin with its name, and a class head of
 * their own behind it. */
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

#include "src/source/bind_private.h"
#include "thaw/base/mem.h"
#include "thaw/source/bind.h"
#include "thaw/source/zoo.h"

static char path[] = "/tmp/thaw-heads-XXXXXX";
static struct bind_zoo *zoo;

static int make_file(void **state)
{
    (void)state;
    zoo = bind_zoo_create();
    int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_file(void **state)
{
    (void)state;
    bind_zoo_destroy(zoo);
    return unlink(path);
}

static struct graph *build(const char *name, int classes)
{
    struct error error;
    struct graph *graph = zoo_build(name, &(struct zoo_options){.classes = classes}, &error);
    if (!graph)
        fail_msg("%s: %s", name, error.text);
    graph_initialise(graph, 5);
    return graph;
}

enum { EXTRAS = 6 };

/* A file: the graph's trunk behind a prefix, and other tensors in place of its head. */
struct file {
    const struct graph *graph;
    const char *prefix;
    bool own_head;
    struct {
        const char *name;
        struct shape shape;
    } extra[EXTRAS];
};

static void write_file(const struct file *file)
{
    struct error error;
    const struct graph *graph = file->graph;
    struct weights_output *tensor = mem_array((size_t)graph->params + EXTRAS, sizeof *tensor);
    float *values = mem_floats(graph->values_count), *ramp = mem_floats(1 << 20);
    size_t count = 0, own;
    for (int i = 0; i < 1 << 20; i++)
        ramp[i] = (float)i;
    for (int p = 0; p < graph->params; p++) {
        const struct graph_param *param = &graph->param[p];
        if (param->node > graph->trunk && !file->own_head)
            continue;
        bind_to_torch(graph, p, graph_param_values(graph, p), values + param->offset);
        tensor[count++] = (struct weights_output){.name = mem_format("%s%s", file->prefix, bind_torch_name(graph, p)),
                                                  .type = TENSOR_F32,
                                                  .shape = bind_torch_shape(graph, p),
                                                  .values = values + param->offset};
    }
    own = count;
    for (int i = 0; i < EXTRAS && file->extra[i].name; i++)
        tensor[count++] = (struct weights_output){
            .name = file->extra[i].name, .type = TENSOR_F32, .shape = file->extra[i].shape, .values = ramp};
    bool good = safetensors_write(path, tensor, count, NULL, &error);
    for (size_t i = 0; i < own; i++)
        mem_free((void *)(uintptr_t)tensor[i].name);
    mem_free(tensor);
    mem_free_floats(values);
    mem_free_floats(ramp);
    if (!good)
        fail_msg("%s", error.text);
}

static struct weights *open_file(void)
{
    struct error error;
    struct weights *weights = weights_open(path, &error);
    if (!weights)
        fail_msg("%s", error.text);
    return weights;
}

/* The classes of the head that the file is recognised to have, and the note of a graph that it was bound to. */
static struct graph *assert_opens(const struct file *file, int classes, struct bind_report *report)
{
    struct error error;
    struct bind_identity identity;
    write_file(file);
    struct weights *weights = open_file();
    if (!bind_recognise(weights, zoo, &identity, &error))
        fail_msg("%s: %s", file->prefix, error.text);
    assert_string_equal(identity.arch, file->graph->arch);
    assert_int_equal(identity.classes, classes);
    struct graph *loaded = build(identity.arch, classes ? classes : file->graph->classes);
    if (!bind_weights(loaded, weights, 1, report, &error))
        fail_msg("%s: %s", file->prefix, error.text);
    for (int p = 0; p < loaded->params && loaded->param[p].node <= loaded->trunk; p++)
        assert_memory_equal(graph_param_values(loaded, p), graph_param_values(file->graph, p),
                            loaded->param[p].count * sizeof(float));
    weights_close(weights);
    return loaded;
}

static void any_shared_prefix_is_stripped(void **state)
{
    (void)state;
    static const char *const prefixes[] = {"",
                                           "module.",
                                           "_orig_mod.",
                                           "module._orig_mod.module.",
                                           "net.",
                                           "encoder.",
                                           "base_model.",
                                           "backbone.",
                                           "model.",
                                           "0.",
                                           "_forward_module.model.net.0.encoder.",
                                           "model._orig_mod.backbone.body."};
    static const char *const archs[] = {"resnet20", "mobilenet_v1_0.25", "mobilenet_v2"};
    for (size_t a = 0; a < THAW_LENGTH(archs); a++) {
        struct graph *graph = build(archs[a], 10);
        for (size_t i = 0; i < 2 * THAW_LENGTH(prefixes); i++) {
            struct bind_report report;
            struct file file = {.graph = graph, .prefix = prefixes[i / 2], .own_head = i % 2};
            struct graph *loaded = assert_opens(&file, file.own_head ? 10 : 0, &report);
            assert_int_equal(report.count[BIND_UNEXPECTED], 0);
            assert_null(loaded->note);
            bind_report_finish(&report);
            graph_destroy(loaded);
        }
        graph_destroy(graph);
    }
}

/* DataParallel around a part of the network, as PyTorch's ImageNet example has it for VGG and AlexNet. */
static void wrappers_inside_are_dropped(void **state)
{
    (void)state;
    struct error error;
    struct bind_identity identity;
    static const float zeros[64];
    static const char *const names[] = {"features.module.0.weight", "features._orig_mod.module.3.weight",
                                        "modular.bias", "x.module.bias"};
    static const char *const own[] = {"features.0.weight", "features.3.weight", "modular.bias", "x.bias"};
    struct weights_output tensor[THAW_LENGTH(names)];
    for (size_t i = 0; i < THAW_LENGTH(names); i++)
        tensor[i] = (struct weights_output){.name = names[i], .type = TENSOR_F32, .shape = {1, {64}}, .values = zeros};
    assert_true(safetensors_write(path, tensor, THAW_LENGTH(names), NULL, &error));
    struct weights *weights = open_file();
    struct bind_index index;
    bind_index_init(&index, weights);
    for (size_t i = 0; i < THAW_LENGTH(own); i++)
        assert_true(bind_index_find(&index, own[i]) >= 0);
    bind_index_finish(&index);
    assert_false(bind_recognise(weights, zoo, &identity, &error));
    weights_close(weights);
}

static void a_linear_layer_is_the_head_whatever_its_name(void **state)
{
    (void)state;
    static const char *const stems[][2] = {{"fc.1.weight", "fc.1.bias"},
                                           {"classifier.3.weight", "classifier.3.bias"},
                                           {"head.weight", "head.bias"},
                                           {"encoder.linear.1.weight", "encoder.linear.1.bias"},
                                           {"1.weight", "1.bias"}};
    struct graph *graph = build("resnet20", 10);
    for (size_t i = 0; i < THAW_LENGTH(stems); i++) {
        struct bind_report report;
        struct file file = {.graph = graph,
                            .prefix = "encoder.",
                            .extra = {{stems[i][0], {2, {7, 64}}}, {stems[i][1], {1, {7}}}, {"loss.weight", {1, {7}}}}};
        struct graph *loaded = assert_opens(&file, 7, &report);
        const float *weight = graph_param_values(loaded, graph_find_param(loaded, "linear.weight"));
        const float *bias = graph_param_values(loaded, graph_find_param(loaded, "linear.bias"));
        assert_true(weight[1] == 64 && weight[7] == 1 && bias[6] == 6);
        assert_int_equal(report.count[BIND_UNEXPECTED], 1); /* the loss's */
        assert_null(loaded->note);
        bind_report_finish(&report);
        graph_destroy(loaded);
    }
    graph_destroy(graph);
}

static void a_deeper_head_is_told_and_left_aside(void **state)
{
    (void)state;
    struct graph *graph = build("resnet20", 10);
    static const struct shape first = {2, {32, 64}}, bias = {1, {32}}, last = {2, {7, 32}}, features = {1, {64}},
                              whole = {2, {7, 64}};
    const struct file files[] = {
        {.graph = graph,
         .prefix = "net.",
         .extra = {{"fc.0.weight", first}, {"fc.0.bias", bias}, {"fc.3.weight", last}, {"fc.3.bias", {1, {7}}}}},
        {.graph = graph,
         .prefix = "",
         .extra = {{"linear.0.weight", first}, {"linear.0.bias", bias}, {"linear.weight", last}}},
        {.graph = graph,
         .prefix = "model.",
         .extra = {{"linear.pre.weight", {2, {64, 64}}}, {"linear.pre.bias", features}, {"linear.weight", whole}}},
        {.graph = graph,
         .prefix = "net.",
         .extra = {{"neck.weight", features},
                   {"neck.bias", features},
                   {"neck.running_mean", features},
                   {"neck.running_var", features},
                   {"fc.weight", whole}}},
    };
    static const char *const said[] = {
        "fc.0.weight 32x64, fc.3.weight 7x32;", "linear.0.weight 32x64, linear.weight 7x32;",
        "linear.pre.weight 64x64, linear.weight 7x64;", "fc.weight 7x64 and a batch norm;"};
    for (size_t i = 0; i < THAW_LENGTH(files); i++) {
        struct bind_report report;
        struct graph *loaded = assert_opens(&files[i], 0, &report);
        assert_non_null(loaded->note);
        if (!strstr(loaded->note, said[i]))
            fail_msg("%s", loaded->note);
        assert_true(report.count[BIND_MISSING] == 2 && report.count[BIND_RESHAPED] == 0);
        bind_report_finish(&report);
        graph_destroy(loaded);
    }
    graph_destroy(graph);
}

/* Both by recognition and under the architecture's name; what is said, NULL: the file opens. */
static void assert_rest(const struct file *file, const char *said)
{
    struct error error = {.text = ""};
    struct bind_identity identity;
    struct bind_report report;
    write_file(file);
    struct weights *weights = open_file();
    struct graph *loaded = build(file->graph->arch, file->graph->classes);
    bool known = bind_recognise(weights, zoo, &identity, &error);
    if (known == (said != NULL) || (said && (!strstr(error.text, said) || !strstr(error.text, "torch.onnx.export("))))
        fail_msg("%s: %s", file->extra[0].name, known ? "recognised" : error.text);
    bool bound = bind_weights(loaded, weights, 1, &report, &error);
    if (bound == (said != NULL) || (said && (!strstr(error.text, said) || !strstr(error.text, path))))
        fail_msg("%s: %s", file->extra[0].name, bound ? "bound" : error.text);
    assert_true(bound || error.kind == ERROR_WEIGHTS);
    bind_report_finish(&report);
    graph_destroy(loaded);
    weights_close(weights);
}

/* An ECA-ResNet has all tensors of a ResNet, and gates behind its blocks' convolutions. */
static void what_is_left_of_a_larger_trunk_is_refused(void **state)
{
    (void)state;
    static const struct shape one = {1, {64}}, gate = {3, {1, 1, 5}}, conv = {4, {64, 64, 3, 3}},
                              point = {4, {7, 64, 1, 1}}, copy = {4, {16, 16, 3, 3}}, matrix = {2, {7, 64}};
    const struct {
        const char *arch, *prefix;
        bool head;
        const char *said, *name[2];
        struct shape shape;
    } cases[] = {
        {"resnet20",
         "",
         true,
         "2 more stand in its trunk, the first is layer1.0.se.conv.weight 1x1x5",
         {"layer1.0.se.conv.weight", "layer1.1.se.conv.weight"},
         gate},
        {"resnet20",
         "model.net.",
         false,
         "1 more stands in its trunk, the first is model.net.layer1.0.conv1.bias",
         {"model.net.layer1.0.conv1.bias"},
         one},
        {"resnet20", "", true, "the first is layer4.0.conv1.weight", {"layer4.0.conv1.weight"}, conv},
        {"resnet20", "", true, "the first is norm_pre.weight", {"norm_pre.weight", "norm_pre.bias"}, one},
        {"mobilenet_v2", "", true, "the first is features.19.0.weight", {"features.19.0.weight"}, conv},
        {"densenet121", "", false, "the first is features.norm6.weight", {"features.norm6.weight"}, one},
        {"alexnet", "", false, "the first is classifier.2.weight", {"classifier.2.weight"}, one},
        /* other heads, a decoder beside, an optimiser's and an average's copies, tables */
        {"alexnet", "", false, NULL, {"classifier.7.weight", "classifier.7.bias"}, one},
        {"resnet20", "", true, NULL, {"other.weight", "loss.weight"}, matrix},
        {"resnet20", "", false, NULL, {"decoder.0.weight"}, conv},
        {"resnet20", "encoder.", true, NULL, {"decoder.0.weight", "encoder.side.weight"}, point},
        {"resnet20", "", true, NULL, {"ema.layer1.0.conv1.weight", "ema.layer1.1.conv2.weight"}, copy},
        {"resnet20", "", true, NULL, {"layer1.0.attn_mask", "layer1.0.conv1.total_ops"}, one},
        {"resnet20", "", true, NULL, {"mean", "std"}, {4, {1, 3, 1, 1}}},
    };
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        struct graph *graph = build(cases[i].arch, 10);
        struct file file = {.graph = graph, .prefix = cases[i].prefix, .own_head = cases[i].head};
        for (int e = 0; e < 2 && cases[i].name[e]; e++) {
            file.extra[e].name = cases[i].name[e];
            file.extra[e].shape = cases[i].shape;
        }
        assert_rest(&file, cases[i].said);
        graph_destroy(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_shared_prefix_is_stripped),
        cmocka_unit_test(wrappers_inside_are_dropped),
        cmocka_unit_test(a_linear_layer_is_the_head_whatever_its_name),
        cmocka_unit_test(a_deeper_head_is_told_and_left_aside),
        cmocka_unit_test(what_is_left_of_a_larger_trunk_is_refused),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
