/* What other libraries have of a file of ours, and we of theirs: weights go home under the names of the library that alone has
 * their architecture, and class names come out of its checkpoints. */
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

#include "thaw/source/bind.h"
#include "thaw/source/zoo.h"

static char path[] = "/tmp/thaw-home-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

/* Names and shapes as the libraries load them strictly; and thaw reads its own file back. */
static void weights_go_home_under_their_librarys_names(void **state)
{
    (void)state;
    static const struct {
        const char *arch, *tensor, *shape;
    } cases[] = {
        {"tf_efficientnet_b0", "blocks.1.0.se.conv_reduce.weight", "4x96x1x1"},
        {"tf_efficientnet_b0", "blocks.0.0.bn1.num_batches_tracked", ""},
        {"tf_efficientnet_b0", "classifier.weight", "1000x1280"},
        {"mobilenetv3_small_050", "conv_head.weight", "1024x288x1x1"},
        {"regnetx_002", "s1.b1.conv2.bn.running_var", "24"},
        {"convnext_atto", "stages.0.blocks.1.gamma", "40"},
        {"convnext_atto", "stages.0.blocks.1.mlp.fc1.weight", "160x40x1x1"},
        {"tf_mobilenet_v2_0.35", "mobilenet_v2.layer.0.expand_1x1.convolution.weight", "48x8x1x1"},
        {"tf_mobilenet_v2_0.35", "classifier.weight", "1001x1280"},
        {"dla46x_c", "fc.weight", "1000x256x1x1"},
        {"mobilenet_v2", "features.0.0.weight", "32x3x3x3"},
    };
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        struct error error;
        struct bind_report report;
        char text[SHAPE_TEXT];
        struct graph *graph = zoo_build(cases[i].arch, &(struct zoo_options){0}, &error);
        assert_non_null(graph);
        graph_initialise(graph, 3);
        assert_true(bind_export(graph, path, TENSOR_F32, NULL, &error));
        struct weights *weights = weights_open(path, &error);
        assert_non_null(weights);
        long found = weights_find(weights, cases[i].tensor);
        if (found < 0)
            fail_msg("%s: no %s", cases[i].arch, cases[i].tensor);
        if (cases[i].shape[0])
            assert_string_equal(shape_text(text, &weights_get(weights, (size_t)found)->shape), cases[i].shape);
        struct graph *back = zoo_build(cases[i].arch, &(struct zoo_options){0}, &error);
        if (!bind_weights(back, weights, 1, &report, &error))
            fail_msg("%s", error.text);
        assert_int_equal(report.count[BIND_MISSING] + report.count[BIND_UNEXPECTED] + report.count[BIND_RESHAPED], 0);
        for (int p = 0; p < graph->params; p++)
            assert_memory_equal(graph_param_values(graph, p), graph_param_values(back, p),
                                graph->param[p].count * sizeof(float));
        bind_report_finish(&report);
        weights_close(weights);
        graph_destroy(graph);
        graph_destroy(back);
    }
}

/* What Ultralytics and fastai save has the names of its classes, each in a place of its own. */
static void libraries_checkpoints_name_their_classes(void **state)
{
    (void)state;
    static const char *const files[] = {"ultralytics.pt", "learner.pkl", "learner_protocol4.pkl"};
    const char *source = getenv("srcdir");
    for (size_t i = 0; i < THAW_LENGTH(files); i++) {
        struct error error;
        char fixture[512];
        int count;
        snprintf(fixture, sizeof fixture, "%s/tests/unit/weights/fixtures/%s", source ? source : ".", files[i]);
        struct weights *weights = weights_open(fixture, &error);
        if (!weights)
            fail_msg("%s", error.text);
        char **names = bind_class_names(weights, &count);
        assert_true(names && count == 2 && !strcmp(names[0], "ant") && !strcmp(names[1], "bee"));
        bind_free_class_names(names, count);
        weights_close(weights);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_go_home_under_their_librarys_names),
        cmocka_unit_test(libraries_checkpoints_name_their_classes),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
