/* The program judging models: which part of the data it was, and labels that are foreign to the model. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli.h"
#include "thaw/base/mem.h"
#include "thaw/source/bind.h"
#include "thaw/source/zoo.h"

/* Two classes of five images. */
static void make_data(const char *name)
{
    for (int i = 0; i < 10; i++) {
        char *folder = mem_format("%s/%c", name, 'a' + i / 5), *file = mem_format("%s/%d.png", folder, i);
        cli_make_folder(folder);
        cli_write_image(file, 40 + i);
        mem_free(file);
        mem_free(folder);
    }
}

static void train(const char *name, const char *val)
{
    char *data = cli_path("five"), *path = mem_format("data.path=%s", data), *run = mem_format("run.name=%s", name);
    struct outcome outcome =
        EXPECT(0, "train", "@short.ini", "--runs", "@judged", "--set", path, "--set", val, "--set", run);
    cli_finish(&outcome);
    mem_free(run);
    mem_free(path);
    mem_free(data);
}

#define SPLIT "the validation part, split off the training images: 4 of 10 images\n"

/* A run is judged on the images that it kept apart, without being asked to. */
static void judges_what_a_run_kept_apart(void **state)
{
    (void)state;
    make_data("five");
    make_data("other");
    train("parted", "data.val=0.4");
    cli_expect_text(EXPECT(0, "eval", "--model", "parted", "--runs", "@judged", "--data", "@five"), SPLIT, "");
    cli_expect_text(EXPECT(0, "eval", "--model", "parted", "--runs", "@judged"), SPLIT, "");
    cli_expect_text(EXPECT(0, "eval", "--model", "parted", "--runs", "@judged", "--json"), "\"part\":\"val\"", "");
    cli_expect_text(EXPECT(0, "eval", "--model", "parted", "--runs", "@judged", "--json"), "\"data_images\":10", "");
    cli_expect_text(EXPECT(0, "eval", "--model", "parted", "--runs", "@judged", "--split", "train"),
                    "judged      the training part: 6 of 10 images\n", "learned from the images that are judged");
    cli_expect_text(EXPECT(0, "eval", "--model", "parted", "--runs", "@judged", "--data", "@other"),
                    "judged      all parts together: 10 of 10 images\n", "learned from other data");
    cli_write_image("five/a/new.png", 90);
    cli_write_image("five/b/new.png", 91);
    cli_expect_text(EXPECT(0, "eval", "--model", "parted", "--runs", "@judged"), "of 12 images\n",
                    "not the split that ");
}

/* A setting that splits is honoured for any weights; what is not there is said to be not there. */
static void judges_what_a_setting_splits_off(void **state)
{
    (void)state;
    cli_expect_text(EXPECT(0, "eval", "--model", "resnet20", "--data", "@other", "--set", "data.val=0.4"), SPLIT, NULL);
    cli_expect_text(EXPECT(0, "eval", "--model", "resnet20", "--data", "@other", "--set", "data.folds=5", "--json"),
                    "\"part\":\"val\"", NULL);
    cli_expect_text(EXPECT(3, "eval", "--model", "resnet20", "--data", "@other", "--split", "val"), NULL,
                    "it has no validation part; data.val = 0.2 splits off");
    cli_expect_text(EXPECT(2, "eval", "--model", "resnet20"), NULL, "only a run knows its own");
}

/* A ResNet of ten outputs without names, whose tensors are noise. */
static void write_weights(const char *name)
{
    struct error error = {0};
    struct graph *graph = zoo_build("resnet20", &(struct zoo_options){.classes = 10}, &error);
    assert_non_null(graph);
    graph_initialise(graph, 1);
    size_t params = (size_t)graph->params;
    struct weights_output *tensor = mem_array(params, sizeof *tensor);
    float **values = mem_array(params, sizeof(float *));
    for (int p = 0; p < graph->params; p++) {
        values[p] = mem_floats(graph->param[p].count);
        bind_to_torch(graph, p, graph_param_values(graph, p), values[p]);
        tensor[p] = (struct weights_output){
            .name = graph->param[p].name, .type = TENSOR_F32, .shape = bind_torch_shape(graph, p), .values = values[p]};
    }
    char *path = cli_path(name);
    assert_true(safetensors_write(path, tensor, params, NULL, &error));
    for (size_t i = 0; i < params; i++)
        mem_free_floats(values[i]);
    mem_free(values);
    mem_free(tensor);
    mem_free(path);
    graph_destroy(graph);
}

/* Labels of which nobody knows what output they are give no figure, unless somebody says what they are. */
static void refuses_foreign_classes(void **state)
{
    (void)state;
    write_weights("foreign.safetensors");
    struct outcome outcome = EXPECT(3, "eval", "--weights", "@foreign.safetensors", "--data", "@good");
    assert_string_equal(outcome.out, "");
    cli_expect_text(outcome, NULL, "which of the model's 10 outputs stand for its 2 classes (a, ...) is not known");
    cli_expect_text(EXPECT(0, "eval", "--weights", "@foreign.safetensors", "--data", "@good", "--first-outputs"),
                    "top-1", "the 2 classes are taken");
    cli_expect_text(EXPECT(0, "eval", "--weights", "@foreign.safetensors", "--data", "@good", "--labels",
                           "@numbered.txt", "--json"),
                    "top1", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_what_a_run_kept_apart),
        cmocka_unit_test(judges_what_a_setting_splits_off),
        cmocka_unit_test(refuses_foreign_classes),
    };
    return cmocka_run_group_tests(tests, cli_make_files, cli_remove_files);
}
