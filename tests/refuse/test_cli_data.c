/* The program on data and weights that would make its answers worthless: what trains says so, what cannot answer does not. */
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

/* What a training makes of its data is said before it begins: how they lie, and which classes a part lacks. */
static void tells_of_its_data(void **state)
{
    (void)state;
    struct outcome outcome = EXPECT(0, "train", "@gaps.ini", "--runs", "@told");
    cli_expect_text(outcome, "data: class folders below Training/ and Testing/; the test part serves for validation\n",
                    "thaw: warning: 1 class without validation images: b\n");
}

/* The same image in both parts, or under two classes, is said before the training; and what lies packed beside the classes. */
static void tells_of_twins_and_archives(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int side;
    } images[] = {
        {"twins/train/a/0.png", 40}, {"twins/train/a/1.png", 41}, {"twins/train/b/2.png", 42},
        {"twins/train/b/3.png", 40}, {"twins/val/a/4.png", 41},   {"twins/val/b/5.png", 43},
    };
    static const char *const folders[] = {"twins/train/a", "twins/train/b", "twins/val/a", "twins/val/b", "packed"};
    for (size_t i = 0; i < THAW_LENGTH(folders); i++)
        cli_make_folder(folders[i]);
    for (size_t i = 0; i < THAW_LENGTH(images); i++)
        cli_write_image(images[i].name, images[i].side);
    cli_write("twins/daisy flowers.zip", "PK", 2);
    cli_write("packed/all.zip", "PK", 2);
    char *folder = cli_path("twins"), *data = mem_format("data.path=%s", folder);
    struct outcome outcome = EXPECT(0, "train", "@short.ini", "--runs", "@twice", "--set", data, "--set", "data.val=");
    cli_expect_text(outcome, NULL, "1 image is in the training and in the validation part, the first: 4.png is");
    outcome = EXPECT(0, "train", "@short.ini", "--runs", "@twice", "--set", data, "--set", "data.val=");
    cli_expect_text(outcome, NULL, "1 image is under two classes, the first: 3.png (b) is the same file as 0.png (a)");
    cli_expect_text(EXPECT(0, "data", "check", "@twins"), "daisy flowers.zip: an archive beside the folders", NULL);
    outcome = EXPECT(3, "data", "check", "@packed");
    cli_expect_text(outcome, NULL, "no class folders, but an archive: open that, ");
    mem_free(data);
    mem_free(folder);
}

/* Labels are judged where a model is named; the images are those from before. */
static void judges_labels(void **state)
{
    (void)state;
    cli_expect_text(EXPECT(0, "data", "check", "@twins", "--model", "resnet20"), "likely mislabelled: ", NULL);
    cli_expect_text(EXPECT(0, "data", "check", "@twins", "--model", "resnet20", "--json"), "\"mislabels\":[", NULL);
    cli_expect_text(EXPECT(0, "data", "check", "@twins", "--json"), "\"mislabels\":null", NULL);
    cli_expect_text(EXPECT(2, "data", "check", "@twins", "--model", "resnet21"), NULL, "resnet21");
    cli_expect_text(EXPECT(0, "data", "check", "@twins", "--fix", "@fixed.csv"), "fixed.csv: a table without 3 of",
                    NULL);
    cli_expect_text(EXPECT(2, "data", "check", "@twins", "--fix", "@fixed.csv"), NULL, "it is there already");
}

/* A file of a ResNet's tensors, with its class layer or without. */
static void write_weights(const char *name, bool head)
{
    struct error error = {0};
    struct graph *graph = zoo_build("resnet20", &(struct zoo_options){.classes = 2}, &error);
    assert_non_null(graph);
    graph_initialise(graph, 1);
    struct weights_output *tensor = mem_array((size_t)graph->params, sizeof *tensor);
    float **values = mem_array((size_t)graph->params, sizeof(float *));
    size_t count = 0;
    for (int p = 0; p < graph->params; p++) {
        if (graph->param[p].node > graph->trunk && !head)
            continue;
        values[count] = mem_floats(graph->param[p].count);
        bind_to_torch(graph, p, graph_param_values(graph, p), values[count]);
        tensor[count] = (struct weights_output){.name = graph->param[p].name,
                                                .type = TENSOR_F32,
                                                .shape = bind_torch_shape(graph, p),
                                                .values = values[count]};
        count++;
    }
    char *path = cli_path(name);
    assert_true(safetensors_write(path, tensor, count, NULL, &error));
    for (size_t i = 0; i < count; i++)
        mem_free_floats(values[i]);
    mem_free(values);
    mem_free(tensor);
    mem_free(path);
    graph_destroy(graph);
}

/* A class layer that the weights lack would answer by chance: only who says so gets that. */
static void answers_with_a_head_alone(void **state)
{
    (void)state;
    static const char why[] = "linear.weight is not in the file, so that its class layer would answer by chance";
    write_weights("headless.safetensors", false);
    write_weights("whole.safetensors", true);
    cli_expect_text(EXPECT(4, "predict", "--model", "@headless.safetensors", "@good/a/0.png"), NULL, why);
    cli_expect_text(EXPECT(4, "eval", "--weights", "@headless.safetensors", "--data", "@good"), NULL, why);
    cli_expect_text(EXPECT(0, "predict", "--fresh-head", "--model", "@headless.safetensors", "@good/a/0.png"),
                    "0.png\t", NULL);
    cli_expect_text(EXPECT(0, "predict", "--model", "@whole.safetensors", "@good/a/0.png"), "0.png\t", NULL);
    cli_expect_text(EXPECT(0, "predict", "--model", "resnet20", "@good/a/0.png"), "0.png\t",
                    "resnet20 has no weights, so that it answers by chance");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_of_its_data),
        cmocka_unit_test(tells_of_twins_and_archives),
        cmocka_unit_test(judges_labels),
        cmocka_unit_test(answers_with_a_head_alone),
    };
    return cmocka_run_group_tests(tests, cli_make_files, cli_remove_files);
}
