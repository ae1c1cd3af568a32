/* Bind: every tensor accounted for, layouts, heads of another size, recognition, and the way home and back. */
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
#include "thaw/shelf/load.h"
#include "thaw/source/bind.h"
#include "thaw/source/zoo.h"

static struct bind_zoo *zoo; /* all tests' */

static char path[] = "/tmp/thaw-bind-XXXXXX";

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

static struct weights *open_file(void)
{
    struct error error;
    struct weights *weights = weights_open(path, &error);
    if (!weights)
        fail_msg("%s", error.text);
    return weights;
}

/* The graph's tensors as a torch file would hold them, names put behind one and the other prefix by turns, with that
 * metadata (or NULL). Parameters for which keep() is false are left out. */
static void write_mixed(const struct graph *graph, const char *const prefix[2], bool (*keep)(const struct graph *, int),
                        const char *const *metadata)
{
    struct error error;
    struct weights_output *tensor = mem_array((size_t)graph->params, sizeof *tensor);
    float *values = mem_floats(graph->values_count);
    size_t count = 0;
    for (int p = 0; p < graph->params; p++) {
        const struct graph_param *param = &graph->param[p];
        if (keep && !keep(graph, p))
            continue;
        bind_to_torch(graph, p, graph_param_values(graph, p), values + param->offset);
        tensor[count++] = (struct weights_output){.name = mem_format("%s%s", prefix[p % 2], param->name),
                                                  .type = TENSOR_F32,
                                                  .shape = bind_torch_shape(graph, p),
                                                  .values = values + param->offset};
    }
    bool good = safetensors_write(path, tensor, count, metadata, &error);
    for (size_t i = 0; i < count; i++)
        mem_free((void *)(uintptr_t)tensor[i].name);
    mem_free(tensor);
    mem_free_floats(values);
    if (!good)
        fail_msg("%s", error.text);
}

static void write_plain(const struct graph *graph, const char *prefix, bool (*keep)(const struct graph *, int),
                        const char *const *metadata)
{
    write_mixed(graph, (const char *const[]){prefix, prefix}, keep, metadata);
}

static const struct bind_row *find_row(const struct bind_report *report, const char *name)
{
    for (size_t i = 0; i < report->rows; i++) {
        if (strcmp(report->row[i].name, name) == 0)
            return &report->row[i];
    }
    fail_msg("%s is not in the report", name);
    return NULL;
}

static bool is_trunk(const struct graph *graph, int param)
{
    return graph->param[param].node <= graph->trunk;
}

static void assert_same_values(const struct graph *a, const struct graph *b, bool trunk_only)
{
    for (int p = 0; p < a->params; p++) {
        if (!trunk_only || is_trunk(a, p))
            assert_memory_equal(graph_param_values(a, p), graph_param_values(b, p), a->param[p].count * sizeof(float));
    }
}

static void torch_layout_moves_the_right_elements(void **state)
{
    (void)state;
    struct graph *graph = build("mobilenet_v1_0.25", 4);
    /* stem.conv: native (3,3,3,8), torch (8,3,3,3); depthwise: native (3,3,1,8), torch (8,1,3,3) */
    static const struct {
        const char *name;
        int out, in, kernel;
    } cases[] = {{"stem.conv.weight", 8, 3, 3},
                 {"dw.0.conv.weight", 8, 1, 3},
                 {"pw.0.conv.weight", 16, 8, 1},
                 {"classifier.weight", 4, 256, 1}};
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        int p = graph_find_param(graph, cases[i].name), k = cases[i].kernel;
        size_t count = graph->param[p].count;
        float *torch = mem_floats(count), *native = mem_floats(count);
        const float *values = graph_param_values(graph, p);
        struct shape shape = bind_torch_shape(graph, p);
        assert_int_equal(shape.dim[0], cases[i].out);
        assert_int_equal(shape.dim[1], cases[i].in);
        bind_to_torch(graph, p, values, torch);
        for (int o = 0; o < cases[i].out; o++) {
            for (int c = 0; c < cases[i].in; c++) {
                for (int y = 0; y < k * k; y++)
                    assert_true(torch[(o * cases[i].in + c) * k * k + y] ==
                                values[(y * cases[i].in + c) * cases[i].out + o]);
            }
        }
        bind_from_torch(graph, p, torch, native);
        assert_memory_equal(native, values, count * sizeof(float));
        mem_free_floats(torch);
        mem_free_floats(native);
    }
    graph_destroy(graph);
}

/* Keras keeps kernels as we do, but flattens images by pixel where the VGGs of torch flatten by channel. */
static void keras_layout_moves_flattened_rows_only(void **state)
{
    (void)state;
    enum { PIXELS = 7 * 7, CHANNELS = 512, OUT = 2 };
    struct error error;
    struct op_attrs chw = op_attrs_default();
    chw.flatten_chw = true;
    struct graph *graph = graph_create("toy", 7, 7, CHANNELS);
    int x = graph_add_conv(graph, "conv", 0, 2 * CHANNELS, 3, 1, 1, CHANNELS, false);
    x = graph_add_conv(graph, "point", x, CHANNELS, 1, 1, 0, 1, false);
    x = graph_add(graph, "flatten", OP_FLATTEN, &chw, 1, &x);
    x = graph_add_unary(graph, "relu", OP_RELU, x);
    graph_add_linear(graph, "fc", x, OUT);
    assert_true(graph_finish(graph, &error));
    int depthwise = graph_find_param(graph, "conv.weight"), fc = graph_find_param(graph, "fc.weight");
    struct shape shape = bind_file_shape(graph, depthwise, WEIGHTS_KERAS);
    assert_true(bind_shape_fits(&shape, &(struct shape){4, {3, 3, CHANNELS, 2}}));
    assert_false(bind_layout_differs(graph, depthwise, WEIGHTS_KERAS));
    assert_true(bind_layout_differs(graph, fc, WEIGHTS_KERAS));
    size_t count = graph->param[fc].count;
    assert_int_equal(count, PIXELS * CHANNELS * OUT);
    float *file = mem_floats(count), *native = mem_floats(count);
    for (size_t i = 0; i < count; i++)
        file[i] = (float)i;
    bind_from_file(graph, fc, WEIGHTS_KERAS, file, native);
    for (int i = 0; i < PIXELS; i++) {
        for (int c = 0; c < CHANNELS; c++)
            assert_true(native[(c * PIXELS + i) * OUT + 1] == file[(i * CHANNELS + c) * OUT + 1]);
    }
    mem_free_floats(file);
    mem_free_floats(native);
    graph_destroy(graph);
}

static void exports_come_back(void **state)
{
    (void)state;
    struct error error;
    struct bind_report report;
    static const char *const names[] = {"stop", "give way", "no\nentry"};
    struct graph *graph = build("resnet20", 3), *back = build("resnet20", 3);
    graph->preprocess.mean[1] = 0.1f;
    graph->preprocess.std[2] = 1.0f / 3;
    graph->preprocess.bgr = true;
    graph->preprocess.interpolation = INTERPOLATION_BICUBIC;
    graph_initialise(back, 77);
    if (!bind_export(graph, path, TENSOR_F32, names, &error))
        fail_msg("%s", error.text);
    struct weights *weights = open_file();
    struct bind_identity identity;
    int count;
    assert_true(bind_recognise(weights, zoo, &identity, &error));
    assert_string_equal(identity.arch, "resnet20");
    assert_int_equal(identity.classes, 3);
    assert_true(bind_weights(back, weights, 1, &report, &error));
    assert_same_values(graph, back, false);
    assert_int_equal(report.count[BIND_LOADED] + report.count[BIND_CONVERTED], graph->params);
    assert_int_equal(report.count[BIND_IGNORED], 19); /* a counter for each batch norm */
    assert_int_equal(report.count[BIND_UNEXPECTED], 0);
    assert_int_equal(find_row(&report, "layer3.2.bn2.num_batches_tracked")->outcome, BIND_IGNORED);
    bind_preprocess(back, weights);
    assert_memory_equal(back->preprocess.mean, graph->preprocess.mean, sizeof back->preprocess.mean);
    assert_memory_equal(back->preprocess.std, graph->preprocess.std, sizeof back->preprocess.std);
    assert_true(back->preprocess.bgr);
    assert_int_equal(back->preprocess.interpolation, INTERPOLATION_BICUBIC);
    char **read = bind_class_names(weights, &count);
    assert_int_equal(count, 3);
    assert_string_equal(read[1], "give way");
    assert_string_equal(read[2], "no entry");
    bind_free_class_names(read, count);
    bind_report_finish(&report);
    weights_close(weights);
    graph_destroy(graph);
    graph_destroy(back);
}

/* One block of a ConvNeXt in a network that is in no zoo: constants travel with it. */
static struct graph *scaled(void)
{
    static const float mean[] = {0.5f, 0.25f, 0.125f};
    struct error error;
    struct graph *graph = graph_create("scaled", 4, 4, 3);
    graph->preprocess = (struct preprocess){4, 4, 3, .std = {1, 1, 1}};
    struct op_attrs attrs = op_attrs_default(), plain = op_attrs_default();
    attrs.constant = attrs.bias = true;
    int x = graph_add(graph, "transform", OP_AFFINE, &attrs, 1, &(int){0});
    graph_set_constant(graph, x, 1, mean, 3);
    x = graph_add(graph, "block.layer_scale", OP_AFFINE, &plain, 1, &x);
    attrs = op_attrs_default();
    attrs.no_scale = true;
    x = graph_add(graph, "bn", OP_BATCH_NORM, &attrs, 1, &x);
    x = graph_add_unary(graph, "pool", OP_GLOBAL_AVG_POOL, x);
    graph_add_linear(graph, "fc", x, 2);
    if (!graph_finish(graph, &error))
        fail_msg("%s", error.text);
    graph_initialise(graph, 9);
    return graph;
}

static void layer_scales_and_constants_go_home_and_back(void **state)
{
    (void)state;
    struct error error;
    struct bind_report report;
    struct graph *graph = scaled(), *back = scaled();
    int scale = graph_find_param(graph, "block.layer_scale.weight"), mean = graph_find_param(graph, "transform.bias");
    graph_param_values(graph, scale)[1] = 1e-6f;
    graph_param_values(graph, mean)[2] = -1;
    assert_true(bind_export(graph, path, TENSOR_F32, NULL, &error));
    struct weights *weights = open_file();
    long found = weights_find(weights, "block.layer_scale");
    assert_true(found >= 0);
    assert_true(shape_equal(&weights_get(weights, (size_t)found)->shape, &(struct shape){3, {3, 1, 1}}));
    assert_true(bind_weights(back, weights, 1, &report, &error));
    assert_int_equal(report.count[BIND_LOADED] + report.count[BIND_CONVERTED], graph->params);
    assert_int_equal(find_row(&report, "block.layer_scale.weight")->outcome, BIND_LOADED);
    assert_same_values(graph, back, false);
    bind_report_finish(&report);
    weights_close(weights);
    graph_destroy(graph);
    graph_destroy(back);
}

static bool is_no_constant(const struct graph *graph, int param)
{
    return graph->param[param].role != OP_ROLE_CONSTANT;
}

static void constants_are_wanted_of_no_file(void **state)
{
    (void)state;
    struct error error;
    struct bind_report report;
    struct graph *graph = scaled(), *back = scaled();
    graph_initialise(back, 10); /* touches no constant */
    write_plain(graph, "", is_no_constant, NULL);
    struct weights *weights = open_file();
    assert_true(bind_weights(back, weights, 1, &report, &error));
    assert_int_equal(report.count[BIND_CONSTANT], 3);
    assert_int_equal(report.count[BIND_MISSING], 0);
    assert_int_equal(find_row(&report, "bn.weight")->outcome, BIND_CONSTANT);
    assert_same_values(graph, back, false);
    assert_true(graph_param_values(back, graph_find_param(back, "transform.bias"))[1] == 0.25f);
    assert_true(graph_param_values(back, graph_find_param(back, "transform.weight"))[2] == 1);
    assert_true(graph_param_values(back, graph_find_param(back, "bn.weight"))[0] == 1);
    bind_report_finish(&report);
    weights_close(weights);
    graph_destroy(graph);
    graph_destroy(back);
}

static void half_precision_is_checked_and_small(void **state)
{
    (void)state;
    struct error error = {0};
    struct bind_report report;
    struct graph *graph = build("vgg11_slim", 12), *back = build("vgg11_slim", 12);
    graph_param_values(graph, graph_find_param(graph, "features.1.running_var"))[0] = 1e9f;
    assert_true(bind_export(graph, path, TENSOR_F16, NULL, &error));
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    assert_true(ftell(file) < 1500000);
    fclose(file);
    struct weights *weights = open_file();
    assert_true(bind_weights(back, weights, 1, &report, &error));
    assert_string_equal(find_row(&report, "classifier.bias")->detail, "f16 -> f32");
    for (int p = 0; p < graph->params; p++) {
        const float *a = graph_param_values(graph, p), *b = graph_param_values(back, p);
        for (size_t i = 0; i < graph->param[p].count; i++)
            assert_true(a[i] - b[i] <= 1e-3f && b[i] - a[i] <= 1e-3f);
    }
    bind_report_finish(&report);
    weights_close(weights);
    graph_param_values(graph, graph_find_param(graph, "features.4.weight"))[3] = 70000;
    assert_false(bind_export(graph, path, TENSOR_F16, NULL, &error));
    assert_non_null(strstr(error.text, "features.4.weight holds 70000, which f16 cannot"));
    graph_destroy(graph);
    graph_destroy(back);
}

/* Files written before interpolation was stated. */
static void old_metadata_means_bilinear(void **state)
{
    (void)state;
    struct preprocess read = {.interpolation = INTERPOLATION_BICUBIC};
    assert_true(preprocess_from_text("size 32x32x3 resize 36 raw 0 bgr 0 mean 0 0 0 std 1 1 1", &read));
    assert_int_equal(read.resize, 36);
    assert_int_equal(read.interpolation, INTERPOLATION_BILINEAR);
}

static void broken_metadata_is_refused(void **state)
{
    (void)state;
    static const char *const broken[] = {"size 32x32x3", "size 32x32x3 resize 0 raw 0 bgr 0 mean 0 0 0 std 0 1 1",
                                         "size 32x32x3 resize 0 raw 0 bgr 0 mean 0 0 0 std 1 1 1 and more",
                                         "size 32x32x3 resize 0 raw 0 bgr 0 mean 0 0 0 std 1 1 1 interpolation",
                                         "size 32x32x3 resize 0 raw 0 bgr 0 mean 0 0 0 std 1 1 1 interpolation cubic"};
    for (size_t i = 0; i < THAW_LENGTH(broken); i++) {
        struct error error;
        struct bind_report report;
        struct graph *graph = build("resnet20", 10);
        struct preprocess before = graph->preprocess;
        write_plain(graph, "", NULL, (const char *const[]){"thaw.preprocess", broken[i], NULL});
        struct weights *weights = open_file();
        assert_false(bind_weights(graph, weights, 1, &report, &error));
        assert_non_null(strstr(error.text, "thaw.preprocess"));
        bind_preprocess(graph, weights);
        assert_memory_equal(before.std, graph->preprocess.std, sizeof before.std);
        bind_report_finish(&report);
        weights_close(weights);
        graph_destroy(graph);
    }
}

static void wrapped_names_and_other_heads_load(void **state)
{
    (void)state;
    struct error error;
    struct bind_report report;
    struct graph *graph = build("resnet20", 10), *two = build("resnet20", 2);
    graph_initialise(two, 9);
    write_plain(graph, "module.model.", NULL, NULL);
    struct weights *weights = open_file();
    if (!bind_weights(two, weights, 1, &report, &error))
        fail_msg("%s", error.text);
    assert_same_values(graph, two, true);
    assert_int_equal(report.count[BIND_RESHAPED], 2);
    assert_string_equal(find_row(&report, "linear.weight")->detail, "10x64 in the file, 2x64 wanted");
    char sentence[BIND_SENTENCE];
    assert_string_equal(bind_report_sentence(&report, "best of a run", sentence),
                        "95 tensors loaded; linear.weight comes from best of a run");
    assert_string_equal(bind_report_sentence(&report, NULL, sentence),
                        "95 tensors loaded; linear.weight starts fresh: 10x64 in the file, 2x64 wanted");
    graph_initialise(graph, 1);
    struct graph *fresh = build("resnet20", 2);
    graph_initialise(fresh, 1);
    int p = graph_find_param(two, "linear.weight");
    assert_memory_equal(graph_param_values(two, p), graph_param_values(fresh, p), two->param[p].count * sizeof(float));
    bind_report_finish(&report);
    weights_close(weights);
    graph_destroy(graph);
    graph_destroy(two);
    graph_destroy(fresh);
}

/* a, the convolutions named (if any), pooling, fc. */
static struct graph *chain(int convs, const char *const *conv)
{
    struct error error;
    struct graph *graph = graph_create("chain", 8, 8, 3);
    int x = graph_add_conv(graph, "a", 0, 4, 3, 1, 1, 1, false);
    for (int i = 0; i < convs; i++)
        x = graph_add_conv(graph, conv[i], x, 4, 1, 1, 0, 1, true);
    graph_add_linear(graph, "fc", graph_add_unary(graph, "pool", OP_GLOBAL_AVG_POOL, x), 2);
    graph_leave_out(graph, "aux1.", "only for training");
    if (!graph_finish(graph, &error))
        fail_msg("%s", error.text);
    return graph;
}

static void other_values_than_expected_are_refused(void **state)
{
    (void)state;
    static const float zeros[4] = {0, 0, 0, 0}, others[4] = {0, 0, 0.25f, 0};
    struct error error;
    struct bind_report report;
    struct graph *full = chain(1, (const char *[]){"scale"}), *same = chain(0, NULL), *other = chain(0, NULL);
    graph_initialise(full, 1); /* biases are 0 */
    graph_expect(same, "scale.bias", zeros, 4, "part of the network");
    graph_expect(other, "scale.bias", others, 4, "part of the network");
    write_plain(full, "", NULL, NULL);
    struct weights *weights = open_file();
    assert_true(bind_weights(same, weights, 1, &report, &error));
    assert_int_equal(find_row(&report, "scale.bias")->outcome, BIND_IGNORED);
    bind_report_finish(&report);
    assert_false(bind_weights(other, weights, 1, &report, &error));
    assert_int_equal(error.kind, ERROR_WEIGHTS);
    assert_non_null(strstr(error.text, "scale.bias holds other values than chain has: part of the network"));
    bind_report_finish(&report);
    weights_close(weights);
    graph_destroy(full);
    graph_destroy(same);
    graph_destroy(other);
}

static void what_is_left_out_is_ignored_with_its_reason(void **state)
{
    (void)state;
    struct error error;
    struct bind_report report;
    struct graph *full = chain(2, (const char *[]){"aux1.conv", "aux1x"}), *graph = chain(0, NULL);
    graph_initialise(full, 1);
    write_plain(full, "module.", NULL, NULL);
    struct weights *weights = open_file();
    if (!bind_weights(graph, weights, 1, &report, &error))
        fail_msg("%s", error.text);
    assert_int_equal(report.count[BIND_IGNORED], 2);
    assert_int_equal(report.count[BIND_UNEXPECTED], 2);
    assert_string_equal(find_row(&report, "module.aux1.conv.bias")->detail, "only for training");
    assert_int_equal(find_row(&report, "module.aux1.conv.weight")->outcome, BIND_IGNORED);
    assert_int_equal(find_row(&report, "module.aux1x.weight")->outcome, BIND_UNEXPECTED);
    bind_report_finish(&report);
    weights_close(weights);
    graph_destroy(full);
    graph_destroy(graph);
}

static void a_trunk_alone_is_enough(void **state)
{
    (void)state;
    struct error error;
    struct bind_report report;
    struct bind_identity identity;
    struct graph *graph = build("resnet32", 10), *back = build("resnet32", 10);
    write_plain(graph, "backbone.", is_trunk, NULL);
    graph_initialise(back, 3);
    struct weights *weights = open_file();
    assert_true(bind_recognise(weights, zoo, &identity, &error));
    assert_string_equal(identity.arch, "resnet32");
    assert_int_equal(identity.classes, 0);
    assert_true(bind_weights(back, weights, 1, &report, &error));
    assert_int_equal(report.count[BIND_MISSING], 2);
    assert_same_values(graph, back, true);
    bind_report_finish(&report);
    weights_close(weights);
    graph_destroy(graph);
    graph_destroy(back);
}

static bool is_not_one_bn(const struct graph *graph, int param)
{
    return strcmp(graph->param[param].name, "layer2.1.bn2.running_var") != 0;
}

static void what_does_not_fit_is_named(void **state)
{
    (void)state;
    struct error error;
    struct bind_report report;
    struct graph *graph = build("resnet20", 10), *other = build("resnet32", 10);
    write_plain(graph, "", is_not_one_bn, NULL);
    struct weights *weights = open_file();
    graph_initialise(graph, 8);
    float before = graph_param_values(graph, 0)[0];
    assert_false(bind_weights(graph, weights, 1, &report, &error));
    assert_int_equal(error.kind, ERROR_WEIGHTS);
    assert_non_null(strstr(error.text, path));
    assert_non_null(strstr(error.text, "layer2.1.bn2.running_var is missing"));
    assert_int_equal(find_row(&report, "layer2.1.bn2.running_var")->outcome, BIND_MISSING);
    assert_true(graph_param_values(graph, 0)[0] == before); /* refused before anything was written */
    bind_report_finish(&report);
    struct bind_identity identity;
    assert_false(bind_recognise(weights, zoo, &identity, &error));
    assert_non_null(strstr(error.text, "the nearest is resnet20, 94 of whose 95 tensors fit"));
    weights_close(weights);

    graph_initialise(graph, 8);
    write_plain(graph, "", NULL, NULL);
    weights = open_file();
    assert_false(bind_weights(other, weights, 1, &report, &error));
    assert_non_null(strstr(error.text, "these look like the weights of resnet20"));
    bind_report_finish(&report);
    weights_close(weights);

    graph_destroy(graph); /* the smaller one's tensors are all in the larger one's file */
    graph = build("resnet20", 10);
    write_plain(other, "", NULL, NULL);
    weights = open_file();
    assert_false(bind_weights(graph, weights, 1, &report, &error));
    assert_non_null(strstr(error.text, "not the weights of resnet20: 60 of its tensors have no place there, as layer"));
    assert_non_null(strstr(error.text, "; these look like the weights of resnet32"));
    bind_report_finish(&report);
    weights_close(weights);
    write_plain(other, "", is_not_one_bn, NULL); /* nor do they become the smaller one's where one is lost */
    weights = open_file();
    assert_false(bind_recognise(weights, zoo, &identity, &error));
    assert_non_null(strstr(error.text, "the nearest is resnet32, 154 of whose 155 tensors fit"));
    weights_close(weights);

    struct graph *vgg = build("vgg11_slim", 10);
    write_plain(vgg, "", NULL, NULL);
    weights = open_file();
    assert_false(bind_weights(graph, weights, 1, &report, &error));
    assert_int_equal(report.count[BIND_UNEXPECTED], vgg->params);
    bind_report_finish(&report);
    weights_close(weights);
    graph_destroy(vgg);
    graph_destroy(graph);
    graph_destroy(other);
}

/* Files without metadata: a name of the zoo each, and widths that are not in its table. Only tensors up to the size of
 * a small network are written: the big ones differ by name and shape in the same way. */
static void architectures_are_recognised(void **state)
{
    (void)state;
    static const char *const names[] = {
        "resnet18",         "resnet34",          "resnet50",         "resnet20",          "resnet32",
        "resnet44",         "resnet56",          "vgg11_slim",       "mobilenet_v1_0.25", "mobilenet_v1_0.5",
        "mobilenet_v1_1.0", "mobilenet_v1_0.35", "mobilenet_v1_0.4", "mobilenet_v1_0.07", "mobilenet_v1_1.4",
    };
    struct error error;
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        struct bind_identity identity;
        struct graph *graph = zoo_build(names[i], &(struct zoo_options){.classes = 6}, &error);
        assert_non_null(graph);
        write_plain(graph, i % 2 ? "module." : "", NULL, NULL);
        struct weights *weights = open_file();
        if (!bind_recognise(weights, zoo, &identity, &error))
            fail_msg("%s: %s", names[i], error.text);
        assert_string_equal(identity.arch, names[i]);
        assert_int_equal(identity.classes, 6);
        weights_close(weights);
        graph_destroy(graph);
    }
}

/* What the caller says about preprocessing counts more than the architecture. */
static void test_preprocess_is_overridden(void **state)
{
    (void)state;
    struct error error = {0};
    struct load_request request = {.arch = "resnet20", .preprocess = "caffe"};
    struct graph *graph = load_graph(&request, NULL, &error);
    assert_non_null(graph);
    assert_true(graph->preprocess.raw && graph->preprocess.bgr && graph->preprocess.mean[0] == 103.939f);
    assert_int_equal(graph->preprocess.height, 32);
    graph_destroy(graph);
    request.preprocess = "sharp";
    assert_null(load_graph(&request, NULL, &error));
    assert_int_equal(error.kind, ERROR_USAGE);
}

/* A backbone that was wrapped, a head that was not; and wrappers within each other. */
static void test_mixed_prefixes(void **state)
{
    (void)state;
    static const char *const prefixes[][2] = {
        {"backbone.", ""}, {"module.", "module.model."}, {"", "model.backbone."}, {"net.", "net."}, {"_orig_mod.", ""}};
    for (size_t i = 0; i < THAW_LENGTH(prefixes); i++) {
        struct error error = {0};
        struct bind_report report;
        struct bind_identity identity;
        struct graph *graph = build("resnet20", 10), *loaded = build("resnet20", 10);
        graph_initialise(graph, 8);
        write_mixed(graph, prefixes[i], NULL, NULL);
        struct weights *weights = open_file();
        assert_true(bind_recognise(weights, zoo, &identity, &error));
        assert_string_equal(identity.arch, "resnet20");
        assert_true(bind_weights(loaded, weights, 1, &report, &error));
        assert_int_equal(report.count[BIND_UNEXPECTED] + report.count[BIND_MISSING], 0);
        assert_memory_equal(loaded->values, graph->values, graph->values_count * sizeof(float));
        bind_report_finish(&report);
        weights_close(weights);
        graph_destroy(graph);
        graph_destroy(loaded);
    }
}

/* Kernels of over a million values are read and turned a block of rows at a time. */
static void test_large_kernels_in_blocks(void **state)
{
    (void)state;
    struct error error = {0};
    struct bind_report report;
    struct graph *graph = build("resnet18", 10), *loaded = build("resnet18", 10);
    graph_initialise(graph, 8);
    write_plain(graph, "", NULL, NULL);
    struct weights *weights = open_file();
    if (!bind_weights(loaded, weights, 1, &report, &error))
        fail_msg("%s", error.text);
    assert_memory_equal(loaded->values, graph->values, graph->values_count * sizeof(float));
    bind_report_finish(&report);
    weights_close(weights);
    graph_destroy(graph);
    graph_destroy(loaded);
}

/* Images and labels can lie in such a file as well as weights. */
static void test_data_is_no_model(void **state)
{
    (void)state;
    struct error error = {0};
    struct bind_identity identity;
    const struct weights_output labels[] = {{.name = "y", .type = TENSOR_I64, .integer = 7},
                                            {.name = "x", .type = TENSOR_I64, .integer = 9}};
    assert_true(safetensors_write(path, labels, 2, NULL, &error));
    struct weights *weights = open_file();
    assert_false(bind_recognise(weights, zoo, &identity, &error));
    assert_int_equal(error.kind, ERROR_WEIGHTS);
    assert_non_null(strstr(error.text, "not a model but data: all its 2 tensors are whole numbers, the first is"));
    weights_close(weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torch_layout_moves_the_right_elements),
        cmocka_unit_test(keras_layout_moves_flattened_rows_only),
        cmocka_unit_test(exports_come_back),
        cmocka_unit_test(layer_scales_and_constants_go_home_and_back),
        cmocka_unit_test(constants_are_wanted_of_no_file),
        cmocka_unit_test(old_metadata_means_bilinear),
        cmocka_unit_test(broken_metadata_is_refused),
        cmocka_unit_test(half_precision_is_checked_and_small),
        cmocka_unit_test(wrapped_names_and_other_heads_load),
        cmocka_unit_test(other_values_than_expected_are_refused),
        cmocka_unit_test(what_is_left_out_is_ignored_with_its_reason),
        cmocka_unit_test(a_trunk_alone_is_enough),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(architectures_are_recognised),
        cmocka_unit_test(test_preprocess_is_overridden),
        cmocka_unit_test(test_data_is_no_model),
        cmocka_unit_test(test_mixed_prefixes),
        cmocka_unit_test(test_large_kernels_in_blocks),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
