/* A batch norm remembers the mean and variance of what came to it while it was trained: under the right preprocessing
 * the images at hand come to it alike, whatever they show. Called by the detective. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "detective_private.h"
#include "thaw/base/mem.h"
#include "thaw/compile/exec.h"
#include "thaw/network/freeze.h"

enum { NORMS = 2 }; /* the first so many are asked */
/* In nats a channel: no two distributions are taken to be further apart, or one dead channel would decide. */
static const double distance_most = 10;

struct norm {
    int node;
    const float *mean, *variance; /* [c], running */
};

/* false: none, or its statistics are as they were made, so that it was never trained. */
static bool find_statistics(const struct graph *graph, int node, struct norm *norm)
{
    const struct graph_node *row = &graph->node[node];
    *norm = (struct norm){.node = node};
    for (int p = row->first_param; p < row->first_param + row->params; p++) {
        const char *dot = strrchr(graph->param[p].name, '.');
        if (dot && strcmp(dot, ".running_mean") == 0)
            norm->mean = graph_param_values(graph, p);
        if (dot && strcmp(dot, ".running_var") == 0)
            norm->variance = graph_param_values(graph, p);
    }
    for (int c = 0; norm->mean && norm->variance && c < row->shape.c; c++)
        if (norm->mean[c] != 0 || norm->variance[c] != 1)
            return true;
    return false;
}

/* Between two normal distributions of these moments: Kullback's and Leibler's divergence, the mean of both directions. */
static double divergence(double mean_a, double var_a, double mean_b, double var_b)
{
    double gap = (mean_a - mean_b) * (mean_a - mean_b), floor = 1e-3 * (var_a > var_b ? var_a : var_b) + 1e-12;
    var_a += floor;
    var_b += floor;
    double both = 0.25 * ((var_a + gap) / var_b + (var_b + gap) / var_a - 2);
    return both < distance_most ? both : distance_most;
}

/* values (pixels, channels) */
static double distance_of(const float *values, size_t pixels, int channels, const struct norm *norm)
{
    double *sum = mem_array((size_t)channels * 2, sizeof *sum), *square = sum + channels, distance = 0;
    for (const float *at = values; at < values + pixels * (size_t)channels; at += channels)
        for (int c = 0; c < channels; c++) {
            double value = (double)at[c];
            sum[c] += value;
            square[c] += value * value;
        }
    for (int c = 0; c < channels; c++) {
        double mean = sum[c] / (double)pixels, variance = square[c] / (double)pixels - mean * mean;
        distance += divergence(mean, variance > 0 ? variance : 0, (double)norm->mean[c], (double)norm->variance[c]);
    }
    mem_free(sum);
    return distance / channels;
}

/* Everything before a node and nothing else is frozen, so that what comes to it crosses the frontier; NULL where the graph
 * does not allow that. */
static struct plan *plan_before(const struct look *look, int node, int n)
{
    struct error unused = {0};
    const struct graph *graph = look->request->graph;
    struct plan_options options = {.batch = n, .training = true, .fold = true, .half = PLAN_FROZEN, .team = look->team};
    struct freeze *freeze = freeze_create(graph);
    for (int i = 0; i < node; i++)
        freeze_set(freeze, graph, i, FREEZE_ALL, true);
    bool possible = freeze_frontier(freeze, graph) == node;
    struct plan *plan = possible ? plan_create(graph, freeze, &options, &unused) : NULL;
    freeze_destroy(freeze);
    return plan;
}

/* Where a node's values lie once the frozen half has run, or NULL. */
static const float *crossing_of(const struct graph *graph, struct plan *plan, int frontier, int wanted)
{
    int *node = mem_array((size_t)graph->nodes, sizeof *node);
    int count = plan_cut(graph, frontier, node), at = 0;
    while (at < count && node[at] != wanted)
        at++;
    mem_free(node);
    return at < count && at < plan_crossings(plan) ? plan_crossing_values(plan, at) : NULL;
}

/* Adds to every candidate's distance that from one norm; false: it cannot be asked. */
static bool ask_norm(struct look *look, const struct norm *norm, int first, int n)
{
    const struct graph *graph = look->request->graph;
    const struct graph_node *row = &graph->node[norm->node];
    bool at_input = row->input[0] == 0;
    struct plan *plan = at_input ? NULL : plan_before(look, norm->node, n);
    const float *values = at_input ? look->input : plan ? crossing_of(graph, plan, norm->node, row->input[0]) : NULL;
    size_t pixels = (size_t)n * (size_t)row->shape.h * (size_t)row->shape.w;
    for (int i = first; values && i < look->finding->candidates; i++) {
        look_fill(look, i, n);
        if (plan)
            exec_frozen(plan, look->input, n);
        look->finding->candidate[i].distance += distance_of(values, pixels, row->shape.c, norm);
    }
    plan_destroy(plan);
    return values != NULL;
}

/* Multiply-adds and floats of all nodes before one, for an image. */
static void cost_before(const struct graph *graph, int node, double *macs, double *floats)
{
    *macs = *floats = 0;
    for (int i = 0; i < node; i++) {
        struct op_cost cost = i > 0 ? graph_node_cost(graph, i, 1) : (struct op_cost){0};
        const struct shape4 *shape = &graph->node[i].shape;
        *macs += cost.macs;
        *floats += (double)shape->h * shape->w * shape->c;
    }
}

void detective_ask_norms(struct look *look, int first)
{
    const struct graph *graph = look->request->graph;
    struct detective_finding *finding = look->finding;
    struct norm norm;
    int asked = 0;
    for (int i = first; i < finding->candidates; i++)
        finding->candidate[i].distance = 0;
    for (int node = 1; node < graph->nodes && asked < NORMS; node++) {
        double macs, floats;
        if (graph->node[node].kind != OP_BATCH_NORM || !find_statistics(graph, node, &norm))
            continue;
        cost_before(graph, node, &macs, &floats);
        int n = look_affords(look, NORMS * macs, NORMS * floats);
        if (n == 0)
            break;
        asked += ask_norm(look, &norm, first, n);
    }
    for (int i = first; i < finding->candidates; i++)
        finding->candidate[i].distance = asked ? finding->candidate[i].distance / asked : NAN;
}
