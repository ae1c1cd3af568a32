/* torchvision's networks as torch's exporter writes them (make_onnx.py): logits against torch's, and the gradients of
 * one training step against those of the zoo's network of the same name, which takes its weights from the file too.
 * Needs THAW_ONNX_DIR. */
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
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/compile/exec.h"
#include "thaw/ops/loss.h"
#include "thaw/shelf/load.h"
#include "thaw/source/zoo.h"

enum { CLASSES = 1000, LABEL = 3 };
static const double logits_tolerance = 1e-4, gradient_tolerance = 1e-4;
/* Folding rounds otherwise: of a million values before a relu a few then lie on its other side, and both gradients are
 * right. */
static const double folded_tolerance = 2e-2;

struct network {
    struct graph *graph;
    struct plan *plan;
    float *gradient;
};

static float *make_input(int seed, int side)
{
    char name[32];
    snprintf(name, sizeof name, "input.%d", seed);
    uint64_t hash = hashed_name(name);
    size_t pixels = (size_t)side * (size_t)side;
    float *input = mem_floats(pixels * 3);
    for (size_t c = 0; c < 3; c++) { /* numbered c,h,w there, stored h,w,c here */
        for (size_t j = 0; j < pixels; j++)
            input[j * 3 + c] = (float)(sqrt(3.0) * (2 * hashed_uniform(hash, c * pixels + j) - 1));
    }
    return input;
}

static struct network open_network(const char *path, const char *arch, struct team *team)
{
    struct error error = {0};
    struct network network = {NULL, NULL, NULL};
    struct bind_report report;
    network.graph = load_graph(&(struct load_request){.arch = arch, .weights = path}, &report, &error);
    if (!network.graph)
        fail_msg("%s", error.text);
    assert_int_equal(report.count[BIND_MISSING] + report.count[BIND_MISFIT] + report.count[BIND_RESHAPED], 0);
    bind_report_finish(&report);
    struct freeze *freeze = freeze_create(network.graph);
    freeze_statistics(freeze, network.graph, true);
    for (int n = 0; n < network.graph->nodes; n++) {
        if (network.graph->node[n].kind == OP_DROPOUT)
            freeze_set(freeze, network.graph, n, FREEZE_DROPOUT, true);
    }
    struct plan_options options = {.batch = 1, .training = true, .fold = true, .team = team};
    network.plan = plan_create(network.graph, freeze, &options, &error);
    freeze_destroy(freeze);
    if (!network.plan)
        fail_msg("%s", error.text);
    network.gradient = mem_floats((size_t)network.graph->classes);
    return network;
}

static void close_network(struct network *network)
{
    plan_destroy(network->plan);
    graph_destroy(network->graph);
    mem_free_floats(network->gradient);
}

static const float *step(struct network *network, const float *input)
{
    const float *logits = exec_forward(network->plan, input, 1, true, 0, 0);
    int label = LABEL;
    struct loss_options options = {0};
    loss_cross_entropy(logits, &label, 1, network->graph->classes, &options, NULL, network->gradient, NULL);
    exec_backward(network->plan, network->gradient, 1);
    return logits;
}

/* --- gradients --- */

/* The batch norm behind a convolution that the exporter has folded into it, or -1. */
static int folded_norm(const struct graph *native, int conv, const struct graph *imported)
{
    for (int n = conv + 1; n < native->nodes; n++) {
        const struct graph_node *node = &native->node[n];
        if (node->kind == OP_BATCH_NORM && node->input[0] == conv)
            return graph_find_node(imported, node->name) < 0 ? n : -1;
    }
    return -1;
}

static double norm_scale(const struct graph *graph, int norm, size_t channel)
{
    const struct graph_node *node = &graph->node[norm];
    double gamma = (double)graph_param_values(graph, node->first_param)[channel];
    double variance = (double)graph_param_values(graph, node->first_param + 3)[channel];
    return gamma / sqrt(variance + (double)node->attrs.eps);
}

/* How far the imported gradient is from the native one, over the norm of the latter. A folded weight is the native one
 * times a scale for each output channel, which is the last of every native layout; so is its gradient, the other way. */
static double distance(const struct network *native, int param, const struct network *imported, int other, int norm)
{
    const float *a = plan_gradient(native->plan, param), *b = plan_gradient(imported->plan, other);
    const struct graph_param *of = &native->graph->param[param];
    size_t channels = (size_t)of->shape.dim[of->shape.rank - 1];
    double square = 0, whole = 0;
    assert_non_null(a);
    assert_non_null(b);
    for (size_t i = 0; i < of->count; i++) {
        double scale = norm >= 0 ? norm_scale(native->graph, norm, i % channels) : 1;
        square += pow((double)a[i] - (double)b[i] * scale, 2);
        whole += pow((double)a[i], 2);
    }
    return sqrt(square / whole);
}

/* Each parameter that both have; those of a folded norm are in the convolution before it. */
static void compare_gradients(const char *name, bool folded, const struct network *native,
                              const struct network *imported)
{
    double worst = 0;
    int compared = 0, layers = 0, wanted = 0;
    for (int p = 0; p < native->graph->params; p++) {
        const struct graph_param *param = &native->graph->param[p];
        const struct graph_node *node = &native->graph->node[param->node];
        if (param->role == OP_ROLE_STATISTICS || param->role == OP_ROLE_CONSTANT)
            continue;
        int other = graph_find_param(imported->graph, param->name);
        bool layer = node->kind == OP_CONV || node->kind == OP_LINEAR;
        wanted += layer;
        if (other < 0)
            continue;
        assert_int_equal(imported->graph->param[other].count, param->count);
        int norm = node->kind == OP_CONV ? folded_norm(native->graph, param->node, imported->graph) : -1;
        double error = distance(native, p, imported, other, norm);
        if (!(error < (folded ? folded_tolerance : gradient_tolerance)))
            fail_msg("%s: the gradient of %s is wrong by %.2g of its norm", name, param->name, error);
        worst = error > worst ? error : worst;
        compared++;
        layers += layer;
    }
    print_message("%s: gradients of %d tensors within %.2g\n", name, compared, worst);
    assert_int_equal(layers, wanted); /* every convolution and linear layer has its native name */
}

/* --- one file --- */

struct figures {
    char name[64], form[16];
    int side, classes, seed;
    double logits[CLASSES];
};

static void read_figures(const char *path, struct figures *figures)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    int fields = fscanf(file, "%63s %15s side %d classes %d seed %d", figures->name, figures->form, &figures->side,
                        &figures->classes, &figures->seed);
    assert_int_equal(fields, 5);
    assert_in_range(figures->classes, 1, CLASSES);
    for (int i = 0; i < figures->classes; i++)
        assert_int_equal(fscanf(file, "%lf", &figures->logits[i]), 1);
    fclose(file);
}

static void check_logits(const char *name, const float *logits, const struct figures *figures)
{
    double square = 0, whole = 0, mean = 0;
    for (int i = 0; i < figures->classes; i++)
        mean += figures->logits[i] / figures->classes;
    for (int i = 0; i < figures->classes; i++) {
        square += pow((double)logits[i] - figures->logits[i], 2);
        whole += pow(figures->logits[i] - mean, 2);
    }
    print_message("%s: logits within %.2g of their norm\n", name, sqrt(square / whole));
    assert_true(sqrt(square / whole) < logits_tolerance);
}

static bool is_stepped(const struct figures *figures)
{
    static const char *const names[] = {"resnet18",    "vgg11",     "mobilenet_v2",   "squeezenet1_1",
                                        "densenet121", "googlenet", "efficientnet_b0"};
    if (!strcmp(figures->name, "googlenet") && !strcmp(figures->form, "folded"))
        return false; /* it normalises its input anew, the zoo's does not */
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        if (strcmp(names[i], figures->name) == 0)
            return true;
    }
    return false;
}

static void check_file(const char *folder, const char *text, struct team *team)
{
    static struct figures figures;
    char *path = path_join(folder, text);
    read_figures(path, &figures);
    strcpy(strrchr(path, '.'), "");
    char *file = mem_format("%s.onnx", path), *kept = mem_format("%s/%s.kept.onnx", folder, figures.name);
    float *input = make_input(figures.seed, figures.side);
    struct network imported = open_network(file, NULL, team);
    assert_int_equal(imported.graph->classes, figures.classes);
    assert_int_equal(imported.graph->preprocess.height, figures.side);
    check_logits(text, step(&imported, input), &figures);
    if (is_stepped(&figures)) {
        struct network native = open_network(kept, figures.name, team);
        step(&native, input);
        compare_gradients(text, strcmp(figures.form, "folded") == 0, &native, &imported);
        close_network(&native);
    }
    close_network(&imported);
    mem_free_floats(input);
    mem_free(path);
    mem_free(file);
    mem_free(kept);
}

static void exports_are_torch(void **state)
{
    (void)state;
    const char *folder = getenv("THAW_ONNX_DIR");
    if (!folder) {
        print_message("SKIPPED: THAW_ONNX_DIR is not set; make_onnx.py says how it is made\n");
        skip();
    }
    struct error error = {0};
    struct file_list list;
    struct team *team = team_create(0);
    int files = 0;
    if (!file_list_read(&list, folder, &error))
        fail_msg("%s", error.text);
    for (size_t i = 0; i < list.count; i++) {
        const char *dot = strrchr(list.name[i], '.');
        if (!dot || strcmp(dot, ".txt") != 0)
            continue;
        check_file(folder, list.name[i], team);
        files++;
    }
    assert_true(files > 0);
    file_list_free(&list);
    team_destroy(team);
}

int main(void)
{
#ifndef HAVE_ONNX
    print_message("SKIPPED: this build has no ONNX reader\n");
    return 77;
#endif
    const struct CMUnitTest tests[] = {cmocka_unit_test(exports_are_torch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
