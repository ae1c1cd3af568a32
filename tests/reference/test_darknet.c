/* Darknet's networks against figures of PyTorch: from cfg and weights to the logits, opened by either file, and what
 * another size and other classes make of them. The figures come from make_darknet.py. */
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

#include "thaw/base/mem.h"
#include "thaw/compile/exec.h"
#include "thaw/data/image.h"
#include "thaw/shelf/load.h"

static char *file_name(const char *name)
{
    const char *source = getenv("THAW_SRCDIR");
    return mem_format("%s/tests/reference/darknet/%s", source ? source : ".", name);
}

static struct graph *load(const char *name, int classes, int size, struct error *error)
{
    char *path = file_name(name);
    struct graph *graph =
        load_graph(&(struct load_request){.weights = path, .classes = classes, .size = size, .seed = 3}, NULL, error);
    mem_free(path);
    return graph;
}

/* The image of make_darknet.py. */
static void fill(const struct graph *graph, float *input)
{
    const struct preprocess *own = &graph->preprocess;
    struct image image;
    assert_true(image_create(&image, own->width, own->height));
    for (int i = 0; i < own->height * own->width * 3; i++)
        image.rgb[i] = (uint8_t)(i / (own->channels == 1 ? 3 : 1) * 37 % 256);
    image_to_input(&image, own, input);
    image_finish(&image);
}

static void check_logits(const char *name, const char *figures)
{
    struct error error = {0};
    struct graph *graph = load(name, 0, 0, &error);
    if (!graph)
        fail_msg("%s", error.text);
    assert_non_null(strstr(graph->note, "the softmax at its end is left out"));
    assert_non_null(strstr(graph->note, "0 to 1, no mean"));
    char *path = file_name(figures);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (int fold = 0; fold < 2; fold++) {
        struct team *team = team_create(1);
        struct plan *plan =
            plan_create(graph, NULL, &(struct plan_options){.batch = 1, .fold = fold, .team = team}, &error);
        float *input = mem_floats(shape4_count(graph->node[0].shape));
        fill(graph, input);
        const float *logits = exec_forward(plan, input, 1, false, 0, 0);
        rewind(file);
        for (int i = 0; i < graph->classes; i++) {
            double want;
            assert_int_equal(fscanf(file, "%lf", &want), 1);
            if (fabs((double)logits[i] - want) > 1e-4 * (1 + fabs(want)))
                fail_msg("%s: logit %d is %.7g, not %.7g", name, i, (double)logits[i], want);
        }
        mem_free_floats(input);
        plan_destroy(plan);
        team_destroy(team);
    }
    fclose(file);
    mem_free(path);
    graph_destroy(graph);
}

static void test_logits(void **state)
{
    (void)state;
    check_logits("pooled.cfg", "pooled.txt");
    check_logits("pooled.weights", "pooled.txt");
    check_logits("connected.cfg", "connected.txt");
    check_logits("connected.weights", "connected.txt");
}

static void test_other_head_and_size(void **state)
{
    (void)state;
    struct error error = {0};
    struct graph *own = load("pooled.cfg", 0, 0, &error), *other = load("pooled.cfg", 9, 31, &error);
    if (!other)
        fail_msg("%s", error.text);
    assert_string_equal(other->arch, "pooled");
    assert_int_equal(other->classes, 9);
    assert_int_equal(other->node[0].shape.h, 31);
    int a = graph_find_param(own, "conv2.weight"), b = graph_find_param(other, "conv2.weight");
    assert_memory_equal(graph_param_values(own, a), graph_param_values(other, b), own->param[a].count * sizeof(float));
    assert_int_equal(other->param[graph_find_param(other, "conv9.weight")].count, 16 * 9);
    graph_destroy(own);
    graph_destroy(other);
    assert_null(load("connected.cfg", 0, 16, &error)); /* its connected layer has as many inputs as there are pixels */
    assert_int_equal(error.kind, ERROR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_logits), cmocka_unit_test(test_other_head_and_size)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
