/* The zoo's Keras architectures against what Keras computed in float64 (make_keras.py, whose fill() has its twin here):
 * the logits of each family's smallest network, the outputs of the layers where its form differs from others, what
 * becomes of a pixel before it, and the order of tensors in files. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hashed.h"
#include "src/source/bind_private.h"
#include "thaw/base/mem.h"
#include "thaw/compile/exec.h"
#include "thaw/data/image.h"
#include "thaw/source/zoo.h"

static const double tolerance = 1e-4; /* of a tensor's L2 norm */

static bool ends_in(const char *name, const char *leaf)
{
    return strcmp(strrchr(name, '.') + 1, leaf) == 0;
}

/* The values of a parameter by its name and the native order of elements, which is Keras's. */
static void fill(struct graph *graph, int param, double gain)
{
    const struct graph_param *p = &graph->param[param];
    float *values = graph_param_values(graph, param);
    uint64_t name = hashed_name(p->name);
    bool is_norm = graph->node[p->node].kind == OP_BATCH_NORM;
    double fan_in = (double)p->count / (double)p->shape.dim[p->shape.rank - 1];
    double spread = p->shape.rank == 4 ? gain * sqrt(6 / fan_in) : sqrt(3 / fan_in);
    if (p->role == OP_ROLE_CONSTANT)
        return;
    if (is_norm && ends_in(p->name, "weight"))
        hashed_fill(name, 1, 0.25, values, p->count);
    else if (is_norm && ends_in(p->name, "running_var"))
        hashed_fill(name, 0.15, 0.05, values, p->count);
    else if (is_norm && ends_in(p->name, "bias"))
        hashed_fill(name, 0, 0.3, values, p->count);
    else
        hashed_fill(name, 0, is_norm || ends_in(p->name, "bias") ? 0.1 : spread, values, p->count);
}

static float *make_input(const char *network, size_t count, bool pixels)
{
    char name[80];
    snprintf(name, sizeof name, "input.%s", network);
    uint64_t hash = hashed_name(name);
    float *input = mem_floats(count);
    for (size_t i = 0; i < count; i++) {
        double u = hashed_uniform(hash, i);
        input[i] = (float)(pixels ? 255 * u : sqrt(3.0) * (2 * u - 1));
    }
    return input;
}

/* A copy of the graph's first nodes, up to and including `last`, ended by a flattening so that a plan gives its values
 * as it gives logits. */
static struct graph *cut(const struct graph *graph, int last)
{
    struct error error;
    const struct shape4 *in = &graph->node[0].shape;
    struct graph *part = graph_create(graph->arch, in->h, in->w, in->c);
    for (int n = 1; n <= last; n++) {
        const struct graph_node *node = &graph->node[n];
        assert_int_equal(graph_add(part, node->name, node->kind, &node->attrs, node->inputs, node->input), n);
    }
    graph_add_unary(part, "probe", OP_FLATTEN, last);
    if (!graph_finish(part, &error))
        fail_msg("%s", error.text);
    for (int p = 0; p < part->params; p++) {
        assert_string_equal(part->param[p].name, graph->param[p].name);
        memcpy(graph_param_values(part, p), graph_param_values(graph, p), part->param[p].count * sizeof(float));
    }
    return part;
}

static struct plan *make_plan(const struct graph *graph, struct team *team)
{
    struct error error;
    struct plan_options options = {.batch = 1, .training = false, .fold = true, .team = team};
    struct plan *plan = plan_create(graph, NULL, &options, &error);
    if (!plan)
        fail_msg("%s: %s", graph->arch, error.text);
    return plan;
}

/* A case of the fixture while it runs. */
struct run {
    FILE *file;
    struct graph *graph;
    float *input;
    struct team *team;
    int wrong;
};

static void check(struct run *run, const char *what, double error, double norm)
{
    if (!(error < tolerance * norm)) {
        run->wrong++;
        print_error("%s: %s is wrong by %.2g of its norm\n", run->graph->arch, what, error / norm);
    }
}

static void check_probe(struct run *run)
{
    char name[80];
    size_t count;
    struct hashed_digest want;
    hashed_digest_read(run->file, name, &count, &want);
    int node = graph_find_node(run->graph, name);
    if (node < 0 || shape4_count(run->graph->node[node].shape) != count)
        fail_msg("%s: %s is not there or of another size than %zu", run->graph->arch, name, count);
    struct graph *part = cut(run->graph, node);
    struct plan *plan = make_plan(part, run->team);
    struct hashed_digest have = hashed_digest(name, exec_forward(plan, run->input, 1, false, 0, 0), count);
    check(run, name, hashed_digest_distance(&have, &want), want.norm);
    check(run, name, fabs(have.norm - want.norm), want.norm);
    plan_destroy(plan);
    graph_destroy(part);
}

static void check_logits(struct run *run)
{
    struct plan *plan = make_plan(run->graph, run->team);
    const float *logits = exec_forward(plan, run->input, 1, false, 0, 0);
    double square = 0, norm = 0;
    for (int i = 0; i < run->graph->classes; i++) {
        double want;
        assert_int_equal(fscanf(run->file, "%lf", &want), 1);
        square += pow(want - (double)logits[i], 2);
        norm += want * want;
    }
    print_message("%s: logits wrong by %.2g of their norm\n", run->graph->arch, sqrt(square / norm));
    check(run, "logits", sqrt(square), sqrt(norm));
    plan_destroy(plan);
}

static void run_case(FILE *file, struct team *team)
{
    char name[64], word[16];
    int height, width, classes, pixels;
    double gain;
    struct error error;
    struct run run = {.file = file, .team = team};
    assert_int_equal(fscanf(file, "%63s height %d width %d classes %d pixels %d gain %lf", name, &height, &width,
                            &classes, &pixels, &gain),
                     6);
    struct zoo_options options = {.classes = classes, .height = height, .width = width};
    run.graph = zoo_build(name, &options, &error);
    if (!run.graph)
        fail_msg("%s", error.text);
    for (int p = 0; p < run.graph->params; p++)
        fill(run.graph, p, gain);
    run.input = make_input(name, (size_t)height * (size_t)width * 3, pixels);
    while (fscanf(file, "%15s", word) == 1 && strcmp(word, "end") != 0) {
        if (strcmp(word, "probe") == 0)
            check_probe(&run);
        else
            check_logits(&run);
    }
    assert_int_equal(run.wrong, 0);
    graph_destroy(run.graph);
    mem_free_floats(run.input);
}

static void check_preprocess(FILE *file)
{
    char name[64];
    int pixel[3];
    float fed[3];
    struct zoo_arch room;
    struct image image = {0};
    assert_int_equal(fscanf(file, "%63s %d %d %d", name, &pixel[0], &pixel[1], &pixel[2]), 4);
    const struct zoo_arch *arch = zoo_find(name, &room);
    assert_non_null(arch);
    struct preprocess preprocess = arch->preprocess;
    preprocess.height = preprocess.width = 1;
    assert_true(image_create(&image, 1, 1));
    for (int c = 0; c < 3; c++)
        image.rgb[c] = (uint8_t)pixel[c];
    image_normalise(&image, &preprocess, fed);
    image_finish(&image);
    for (int c = 0; c < 3; c++) {
        double want;
        assert_int_equal(fscanf(file, "%lf", &want), 1);
        if (!(fabs(want - (double)fed[c]) < 1e-6 * (1 + fabs(want))))
            fail_msg("%s: channel %d of pixel %d %d %d becomes %g, not %g", name, c, pixel[0], pixel[1], pixel[2],
                     (double)fed[c], want);
    }
}

/* In which a file holds the tensors. */
static void check_order(FILE *file)
{
    char name[64];
    int count;
    uint64_t want;
    struct error error;
    assert_int_equal(fscanf(file, "%63s %d %" SCNx64, name, &count, &want), 3);
    struct graph *graph = zoo_outline(name, &(struct zoo_options){0}, &error);
    if (!graph)
        fail_msg("%s", error.text);
    int *param = mem_array((size_t)graph->params, sizeof *param);
    assert_int_equal(bind_keras_order(graph, param), count);
    char *names = mem_string("");
    for (int i = 0; i < count; i++) {
        char *longer = mem_format("%s%s%s", names, i ? "\n" : "", graph->param[param[i]].name);
        mem_free(names);
        names = longer;
    }
    if (hashed_name(names) != want)
        fail_msg("%s: its tensors are in another order than Keras has them", name);
    mem_free(names);
    mem_free(param);
    graph_destroy(graph);
}

static void networks_are_those_of_keras(void **state)
{
    (void)state;
    const char *top = getenv("THAW_SRCDIR");
    char path[4096], word[16];
    snprintf(path, sizeof path, "%s/tests/reference/keras.txt", top ? top : ".");
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("%s cannot be opened", path);
    struct team *team = team_create(0);
    int cases = 0, pixels = 0, orders = 0;
    while (fscanf(file, "%15s", word) == 1) {
        if (strcmp(word, "case") == 0) {
            run_case(file, team);
            cases++;
        } else if (strcmp(word, "order") == 0) {
            check_order(file);
            orders++;
        } else {
            assert_string_equal(word, "preprocess");
            check_preprocess(file);
            pixels++;
        }
    }
    assert_int_equal(cases, 12);
    assert_int_equal(pixels, 22);
    assert_int_equal(orders, 20);
    team_destroy(team);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_are_those_of_keras),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
