/* Logits, loss, every parameter's gradient and every moved statistic of a few random networks against what PyTorch
 * computed in float64 (make_reference.py, whose fill() has its twin here).
 *
 * A tensor is stored as its norm and eight dot products with hashed vectors of +-1. The mean square of the differences
 * of those products estimates the square of the L2 norm of the whole difference: no element can be wrong unseen. */
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

#include "hashed.h"
#include "thaw/base/mem.h"
#include "thaw/compile/exec.h"
#include "thaw/ops/loss.h"
#include "thaw/source/bind.h"
#include "thaw/source/zoo.h"

static const double tolerance = 1e-4; /* of a tensor's L2 norm */

/* The values of a parameter by its name and torch's order of elements. */
static void fill(struct graph *graph, int param, float *room)
{
    const struct graph_param *p = &graph->param[param];
    struct shape shape = bind_torch_shape(graph, param);
    uint64_t name = hashed_name(p->name);
    const char *last = strrchr(p->name, '.') + 1;
    double fan_in = (double)p->count / (double)shape.dim[0];
    static const char *const inside[] = {"features.", "encoder.", "blocks.", "visual.", "vision_model."};
    bool wide = shape.rank >= 3;
    for (size_t i = 0; i < THAW_LENGTH(inside); i++)
        wide = wide || strncmp(p->name, inside[i], strlen(inside[i])) == 0;
    double spread = sqrt((wide ? 3.0 : 0.02) / fan_in);
    enum op_kind kind = graph->node[p->node].kind;
    bool is_norm = kind == OP_BATCH_NORM || kind == OP_LAYER_NORM || kind == OP_AFFINE;
    bool shifted = is_norm && !strcmp(last, "bias") && !strstr(p->name, "post_layernorm");
    if (is_norm && (!strcmp(last, "weight") || !strcmp(last, "running_var")))
        hashed_fill(name, 1, 0.25, room, p->count);
    else if (is_norm)
        hashed_fill(name, 0, shifted || !strcmp(last, "running_mean") ? 0.2 : 0.1, room, p->count);
    else
        hashed_fill(name, 0, !strcmp(last, "weight") ? spread : 0.1, room, p->count);
    for (size_t i = 0; i < p->count && shifted; i++)
        room[i] += room[i] < -0.1f ? -2.5f : 2.5f;
    bind_from_torch(graph, param, room, graph_param_values(graph, param));
}

static float *make_input(int seed, int images, int side)
{
    char name[32];
    snprintf(name, sizeof name, "input.%d", seed);
    uint64_t hash = hashed_name(name);
    size_t pixels = (size_t)side * (size_t)side;
    float *input = mem_floats((size_t)images * pixels * 3);
    for (size_t i = 0; i < (size_t)images; i++) { /* numbered n,c,h,w there, stored n,h,w,c here */
        for (size_t c = 0; c < 3; c++) {
            for (size_t j = 0; j < pixels; j++)
                input[(i * pixels + j) * 3 + c] =
                    (float)(sqrt(3.0) * (2 * hashed_uniform(hash, (i * 3 + c) * pixels + j) - 1));
        }
    }
    return input;
}

/* A case of the fixture while it runs. */
struct run {
    FILE *file;
    struct graph *graph;
    struct plan *plan;
    float *input, *gradient, *room;
    int images, wrong, compared;
    double worst, scale; /* scale: norm of the last weight gradient, for what is 0 but for rounding */
    char name[32], mode[16], worst_name[GRAPH_NAME_MAX + 16];
};

static void compare(struct run *run, bool is_gradient)
{
    char name[GRAPH_NAME_MAX + 16];
    size_t count;
    struct hashed_digest want;
    hashed_digest_read(run->file, name, &count, &want);
    int param = graph_find_param(run->graph, name);
    if (param < 0 || run->graph->param[param].count != count)
        fail_msg("%s: %s is not there or of another size", run->name, name);
    const float *values = is_gradient ? plan_gradient(run->plan, param) : graph_param_values(run->graph, param);
    assert_non_null(values);
    bind_to_torch(run->graph, param, values, run->room);
    struct hashed_digest have = hashed_digest(name, run->room, count);
    double distance = hashed_digest_distance(&have, &want);
    /* a bias before a batch norm has a gradient of 0: held against that of the weight beside it */
    bool is_zero = is_gradient && want.norm < 1e-9 * run->scale;
    double error = distance / (is_zero ? run->scale : want.norm);
    if (is_gradient && run->graph->param[param].role == OP_ROLE_WEIGHT)
        run->scale = want.norm;
    run->compared++;
    if (!(error < tolerance) || !(fabs(have.norm - want.norm) < tolerance * (is_zero ? run->scale : want.norm))) {
        run->wrong++;
        print_error("%s %s: %s is wrong by %.2g of its norm\n", run->name, run->mode, name, error);
    }
    if (!(error <= run->worst)) {
        run->worst = error;
        strcpy(run->worst_name, name);
    }
}

static void check_logits(struct run *run, const float *logits, int count)
{
    double square = 0, norm = 0;
    char word[16];
    assert_int_equal(fscanf(run->file, "%15s", word), 1);
    assert_string_equal(word, "logits");
    for (int i = 0; i < count; i++) {
        double want;
        assert_int_equal(fscanf(run->file, "%lf", &want), 1);
        square += pow(want - (double)logits[i], 2);
        norm += want * want;
    }
    if (!(sqrt(square / norm) < tolerance)) {
        run->wrong++;
        print_error("%s %s: the logits are wrong by %.2g of their norm\n", run->name, run->mode, sqrt(square / norm));
    }
}

static bool is_mode(const struct run *run, const char *mode)
{
    return strcmp(run->mode, mode) == 0;
}

/* A training step without dropout, or inference with all that is folded and fused there. */
static void make_plan(struct run *run, struct team *team)
{
    struct error error;
    struct freeze *freeze = freeze_create(run->graph);
    freeze_statistics(freeze, run->graph, is_mode(run, "fixed"));
    for (int n = 0; n < run->graph->nodes; n++) {
        if (run->graph->node[n].kind == OP_DROPOUT)
            freeze_set(freeze, run->graph, n, FREEZE_DROPOUT, true);
    }
    struct plan_options options = {
        .batch = run->images, .training = !is_mode(run, "forward"), .fold = true, .team = team};
    run->plan = plan_create(run->graph, freeze, &options, &error);
    freeze_destroy(freeze);
    if (!run->plan)
        fail_msg("%s", error.text);
}

static void prepare(struct run *run, struct team *team, int side, int classes, int seed)
{
    struct error error;
    run->graph = zoo_build(run->name, &(struct zoo_options){.classes = classes, .height = side, .width = side}, &error);
    if (!run->graph)
        fail_msg("%s", error.text);
    size_t most = 0;
    for (int p = 0; p < run->graph->params; p++)
        most = run->graph->param[p].count > most ? run->graph->param[p].count : most;
    run->room = mem_floats(most);
    for (int p = 0; p < run->graph->params; p++)
        fill(run->graph, p, run->room);
    run->input = make_input(seed, run->images, side);
    make_plan(run, team);
    run->gradient = mem_floats((size_t)(run->images * classes));
}

static void check_loss(struct run *run, const float *logits, int classes)
{
    double want;
    int labels[16];
    struct loss_options options = {0};
    assert_in_range(run->images, 1, THAW_LENGTH(labels));
    for (int i = 0; i < run->images; i++)
        labels[i] = (7 * i + 3) % classes;
    struct loss_result result =
        loss_cross_entropy(logits, labels, run->images, classes, &options, NULL, run->gradient, NULL);
    assert_int_equal(fscanf(run->file, " loss %lf", &want), 1);
    if (!(fabs(result.loss / want - 1) < tolerance)) {
        run->wrong++;
        print_error("%s %s: a loss of %.9g, not %.9g\n", run->name, run->mode, result.loss, want);
    }
}

/* The step's loss, gradients and statistics. */
static void check_step(struct run *run, const float *logits, int classes)
{
    check_loss(run, logits, classes);
    exec_backward(run->plan, run->gradient, run->images);
    char word[16];
    while (fscanf(run->file, "%15s", word) == 1 && strcmp(word, "end") != 0)
        compare(run, strcmp(word, "gradient") == 0);
    int learnable = 0, statistics = 0;
    for (int p = 0; p < run->graph->params; p++) {
        bool is_statistic = run->graph->param[p].role == OP_ROLE_STATISTICS;
        statistics += is_statistic;
        learnable += !is_statistic;
    }
    print_message("%s, %s statistics: %d tensors, the worst (%s) wrong by %.2g of its norm\n", run->name, run->mode,
                  run->compared, run->worst_name, run->worst);
    assert_int_equal(run->compared, learnable + (is_mode(run, "batch") ? statistics : 0));
}

static bool run_case(FILE *file, struct team *team)
{
    struct run run = {.file = file};
    int side, classes, seed;
    int fields = fscanf(file, " case %31s %15s images %d side %d classes %d seed %d", run.name, run.mode, &run.images,
                        &side, &classes, &seed);
    if (fields == EOF)
        return false;
    assert_int_equal(fields, 6);
    prepare(&run, team, side, classes, seed);
    bool trains = !is_mode(&run, "forward");
    const float *logits = exec_forward(run.plan, run.input, run.images, trains, 0, 0);
    check_logits(&run, logits, run.images * classes);
    if (trains)
        check_step(&run, logits, classes);
    else
        assert_int_equal(fscanf(file, " end%n", &fields), 0);
    assert_int_equal(run.wrong, 0);
    plan_destroy(run.plan);
    graph_destroy(run.graph);
    mem_free_floats(run.room);
    mem_free_floats(run.input);
    mem_free_floats(run.gradient);
    return true;
}

static void run_file(const char *name, int cases)
{
    const char *top = getenv("THAW_SRCDIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/reference/%s.txt", top ? top : ".", name);
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("%s cannot be opened", path);
    struct team *team = team_create(0);
    int run = 0;
    while (run_case(file, team))
        run++;
    assert_int_equal(run, cases);
    team_destroy(team);
    fclose(file);
}

static void resnet18_is_torch(void **state)
{
    (void)state;
    run_file("resnet18", 2);
}

static void resnet50_is_torch(void **state)
{
    (void)state;
    run_file("resnet50", 2);
}

static void vgg16_bn_is_torch(void **state)
{
    (void)state;
    run_file("vgg16_bn", 2);
}

static void squeezenet1_1_is_torch(void **state)
{
    (void)state;
    run_file("squeezenet1_1", 1);
}

static void densenet121_is_torch(void **state)
{
    (void)state;
    run_file("densenet121", 1);
}

static void mobilenet_v2_is_torch(void **state)
{
    (void)state;
    run_file("mobilenet_v2", 1);
}

static void mobilenet_v3_small_is_torch(void **state)
{
    (void)state;
    run_file("mobilenet_v3_small", 1);
}

static void shufflenet_v2_x0_5_is_torch(void **state)
{
    (void)state;
    run_file("shufflenet_v2_x0_5", 1);
}

static void convnext_tiny_is_torch(void **state)
{
    (void)state;
    run_file("convnext_tiny", 1);
}

static void vision_transformers_are_torch(void **state)
{
    (void)state;
    run_file("vit", 8);
}

static void small_ones_of_other_families_are_torch(void **state)
{
    (void)state;
    run_file("families", 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resnet18_is_torch),
        cmocka_unit_test(resnet50_is_torch),
        cmocka_unit_test(vgg16_bn_is_torch),
        cmocka_unit_test(squeezenet1_1_is_torch),
        cmocka_unit_test(densenet121_is_torch),
        cmocka_unit_test(mobilenet_v2_is_torch),
        cmocka_unit_test(mobilenet_v3_small_is_torch),
        cmocka_unit_test(shufflenet_v2_x0_5_is_torch),
        cmocka_unit_test(convnext_tiny_is_torch),
        cmocka_unit_test(vision_transformers_are_torch),
        cmocka_unit_test(small_ones_of_other_families_are_torch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
