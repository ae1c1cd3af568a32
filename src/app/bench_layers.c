/* Each layer of a network by itself, by pass: forward, gradient of the data, gradient of the weights. Layers of the same
 * geometry are measured once. What is reached stands beside the roof over it (Williams et al. 2009): the multiply-add
 * limit, or, for layers that compute little on each byte, what memory can bring. Operations are those of the plain
 * algorithm, so that one which saves some (Winograd) may stand over its roof. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "say.h"
#include "thaw/base/mem.h"
#include "thaw/compile/rig.h"

enum { FORWARD, DATA, WEIGHTS, BACKWARD, PASSES };
static const char *const pass_names[PASSES] = {"forward", "data", "weights", "backward"};
static const char *const pass_marks[PASSES] = {"fwd", "dX", "dW", "bwd"};
static const double layer_share = 0.05; /* of settings->seconds, for each layer and pass */

/* A geometry and the nodes that have it. */
struct layer {
    const struct graph *graph;
    int node, count, inputs; /* the first of them */
    const struct op_def *def;
    struct shape4 *in, out; /* n = the batch */
};

struct measured {
    int pass;
    struct op_kernel kernel;      /* name "" where the op has but one way */
    bool taken;                   /* the one that a plan takes */
    double seconds, flops, bytes; /* of one call; flops 0: nothing is multiplied */
};
enum { MEASURED_MAX = PASSES * OP_KERNELS_MAX };

/* --- geometries --- */

static struct shape4 batched(struct shape4 shape, int batch)
{
    shape.n = batch;
    return shape;
}

static bool same_geometry(const struct graph *graph, int a, int b)
{
    const struct graph_node *left = &graph->node[a], *right = &graph->node[b];
    bool first[2] = {left->input[0] == 0, right->input[0] == 0}; /* no gradient of the network's own input */
    if (left->kind != right->kind || left->inputs != right->inputs || first[0] != first[1] ||
        memcmp(&left->attrs, &right->attrs, sizeof left->attrs))
        return false;
    for (int i = 0; i < left->inputs; i++) {
        if (!shape4_equal(graph->node[left->input[i]].shape, graph->node[right->input[i]].shape))
            return false;
    }
    return true;
}

/* The geometries of a graph in the order they first come; caller frees with free_layers. */
static struct layer *find_layers(const struct graph *graph, int batch, int *count)
{
    struct layer *layer = mem_array((size_t)graph->nodes, sizeof *layer);
    *count = 0;
    for (int n = 1; n < graph->nodes; n++) {
        const struct graph_node *node = &graph->node[n];
        int at = 0;
        while (at < *count && !same_geometry(graph, layer[at].node, n))
            at++;
        if (at < *count) {
            layer[at].count++;
            continue;
        }
        struct layer *fresh = &layer[(*count)++];
        *fresh =
            (struct layer){.graph = graph, .node = n, .count = 1, .inputs = node->inputs, .def = op_get(node->kind)};
        fresh->in = mem_array((size_t)node->inputs, sizeof *fresh->in);
        for (int i = 0; i < node->inputs; i++)
            fresh->in[i] = batched(graph->node[node->input[i]].shape, batch);
        fresh->out = batched(node->shape, batch);
    }
    return layer;
}

static void free_layers(struct layer *layer, int count)
{
    for (int i = 0; i < count; i++)
        mem_free(layer[i].in);
    mem_free(layer);
}

static bool multiplies(const struct layer *layer)
{
    enum op_kind kind = layer->graph->node[layer->node].kind;
    return kind == OP_CONV || kind == OP_LINEAR;
}

/* --- one pass --- */

/* Bytes that have to come or go once, whatever the algorithm. */
static double least_bytes(const struct layer *layer, int pass)
{
    double in = 0, out = (double)shape4_count(layer->out), weights = 0;
    for (int i = 0; i < layer->inputs; i++)
        in += (double)shape4_count(layer->in[i]);
    weights = graph_node_cost(layer->graph, layer->node, 1).param_bytes;
    if (multiplies(layer) || pass == FORWARD)
        return 4 * (in + out) + weights;
    bool reads_in = layer->def->needs & OP_NEEDS_IN, reads_out = layer->def->needs & OP_NEEDS_OUT;
    return 4 * (out + in + reads_in * in + reads_out * out);
}

static bool has_pass(const struct layer *layer, int pass)
{
    const struct graph_node *node = &layer->graph->node[layer->node];
    if (!multiplies(layer))
        return pass == FORWARD || (pass == BACKWARD && node->input[0] != 0);
    return pass == FORWARD || pass == WEIGHTS || (pass == DATA && node->input[0] != 0);
}

/* The ways to do a pass, the one that a plan takes first; how many. */
static int pass_kernels(const struct layer *layer, int pass, const struct kernel_table *table,
                        struct op_kernel list[OP_KERNELS_MAX])
{
    static const enum op_job job[PASSES] = {OP_JOB_FORWARD, OP_JOB_DATA_GRADIENT, OP_JOB_WEIGHT_GRADIENT};
    list[0] = (struct op_kernel){.name = ""};
    if (!layer->def->kernels || pass == BACKWARD)
        return 1;
    const struct op_attrs *attrs = &layer->graph->node[layer->node].attrs;
    int count = layer->def->kernels(attrs, layer->in, layer->out, job[pass], list);
    const char *name = layer->out.n > 1
                           ? kernel_table_find(table, layer->graph, layer->node, job[pass], pass == FORWARD, false)
                           : NULL;
    for (int i = 1; i < count && name; i++)
        if (!strcmp(list[i].name, name)) {
            struct op_kernel first = list[0];
            list[0] = list[i];
            list[i] = first;
            break;
        }
    return count;
}

static void run_pass(void *context, uint64_t number)
{
    (void)number;
    (void)rig_run(context);
}

/* One pass by one kernel. Forward, the weights are in the form that a frozen layer keeps them in. */
static struct measured measure_pass(const struct layer *layer, int pass, struct op_kernel kernel,
                                    const struct bench_settings *settings, struct team *team)
{
    static const enum rig_pass rigged[PASSES] = {RIG_FORWARD, RIG_DATA, RIG_WEIGHTS, RIG_BACKWARD};
    bool learns = pass == FORWARD && !multiplies(layer); /* statistics of the batch, active dropout */
    struct rig *rig = rig_create(layer->graph, layer->node, layer->out.n, team);
    struct rig_way *way = rig_way_create(rig, learns ? RIG_TRAINED : rigged[pass], kernel.number, true);
    double seconds = bench_median(run_pass, way, settings->steps, layer_share * settings->seconds, NULL);
    rig_way_destroy(way);
    rig_destroy(rig);
    return (struct measured){.pass = pass,
                             .kernel = kernel,
                             .taken = true,
                             .seconds = seconds,
                             .flops = 2 * graph_node_cost(layer->graph, layer->node, layer->out.n).macs,
                             .bytes = least_bytes(layer, pass)};
}

/* Fills measured, [MEASURED_MAX], and returns how many. */
static int measure_layer(const struct layer *layer, const struct bench_settings *settings, struct team *team,
                         struct measured *measured)
{
    struct op_kernel list[OP_KERNELS_MAX];
    int count = 0;
    for (int pass = 0; pass < PASSES; pass++) {
        int kernels = has_pass(layer, pass) ? pass_kernels(layer, pass, settings->kernels, list) : 0;
        for (int k = 0; k < (settings->every_kernel ? kernels : kernels > 0); k++) {
            measured[count] = measure_pass(layer, pass, list[k], settings, team);
            measured[count++].taken = k == 0;
        }
    }
    return count;
}

/* --- telling --- */

/* Of a name that is too long, a ~ and its last characters: what tells layers apart stands behind. */
enum { NAME_ROOM = 30 };
static const char *name_end(char text[NAME_ROOM + 1], const char *name, size_t room)
{
    size_t length = strlen(name);
    if (length > room)
        snprintf(text, NAME_ROOM + 1, "~%s", name + length - room + 1);
    else
        snprintf(text, NAME_ROOM + 1, "%s", name);
    return text;
}

static void size_text(char *text, size_t room, struct shape4 shape)
{
    snprintf(text, room, "%dx%dx%d", shape.h, shape.w, shape.c);
}

static void tell_head(bool multiply, const struct bench_limits *limits, const struct bench_peers *peers)
{
    if (multiply)
        say("\n%-17s %3s %-11s %-4s %-10s %7s %7s %s\n", "layer", "n", "output", "pass", "kernel", "ms", "GFLOP/s",
            peers ? " x peer" : "op/B roof   %");
    else
        say("\n%-30s %3s %-13s %-4s %9s %7s %s\n", "layer", "n", "output", "pass", "ms", "GB/s", limits ? "% mem" : "");
}

static double roof(const struct measured *measured, const struct bench_limits *limits, bool *memory)
{
    double brought = measured->flops / measured->bytes * limits->memory[1];
    *memory = brought < limits->peak[1];
    return *memory ? brought : limits->peak[1];
}

static void tell_product(const struct layer *layer, const struct measured *measured, const struct bench_limits *limits,
                         const struct bench_peers *peers, int threads)
{
    const struct graph_node *node = &layer->graph->node[layer->node];
    char shape[32], name[NAME_ROOM + 1];
    size_text(shape, sizeof shape, layer->out);
    double rate = measured->flops / measured->seconds;
    say("%-17s %3d %-11s %-4s %-10.10s %7.2f %7.0f", name_end(name, node->name, 17), layer->count, shape,
        pass_marks[measured->pass], measured->kernel.name, 1e3 * measured->seconds, rate / 1e9);
    if (peers) {
        double peer = node->kind == OP_CONV ? bench_peer_layer(peers, &node->attrs, layer->in[0],
                                                               pass_names[measured->pass], threads, NULL)
                                            : 0;
        if (peer > 0)
            say(" %6.2f", rate / peer);
    } else {
        say(" %4.0f", measured->flops / measured->bytes);
        bool memory;
        double over = limits ? roof(measured, limits, &memory) : 0;
        if (limits)
            say(" %-4s %3.0f", memory ? "mem" : "peak", 100 * rate / over);
    }
    say("\n");
}

static void tell_other(const struct layer *layer, const struct measured *measured, const struct bench_limits *limits)
{
    char shape[32], name[GRAPH_NAME_MAX + 32], end[NAME_ROOM + 1];
    const struct graph_node *node = &layer->graph->node[layer->node];
    snprintf(name, sizeof name, "%s (%s)", node->name, layer->def->name);
    size_text(shape, sizeof shape, layer->out);
    double rate = measured->bytes / measured->seconds;
    say("%-30s %3d %-13s %-4s %9.3f %7.1f", name_end(end, name, NAME_ROOM), layer->count, shape,
        pass_marks[measured->pass], 1e3 * measured->seconds, rate / 1e9);
    if (limits)
        say(" %5.0f", 100 * rate / limits->memory[1]);
    say("\n");
}

static json_t *layer_object(const struct layer *layer, const struct measured *measured)
{
    const struct graph_node *node = &layer->graph->node[layer->node];
    const struct op_attrs *attrs = &node->attrs;
    const struct shape4 *in = &layer->in[0];
    json_t *object = json_pack(
        "{s:s, s:s, s:i, s:s, s:s, s:b, s:[i, i, i, i], s:[i, i, i, i], s:f, s:f, s:f}", "layer", node->name, "op",
        layer->def->name, "count", layer->count, "pass", pass_names[measured->pass], "kernel", measured->kernel.name,
        "taken", measured->taken, "in", in->n, in->h, in->w, in->c, "out", layer->out.n, layer->out.h, layer->out.w,
        layer->out.c, "seconds", measured->seconds, "gflops", measured->flops / measured->seconds / 1e9,
        "gb_per_second", measured->bytes / measured->seconds / 1e9);
    if (node->kind == OP_CONV) {
        json_object_set_new(object, "kernel_size", json_pack("[i, i]", attrs->kernel_h, attrs->kernel_w));
        json_object_set_new(object, "stride", json_integer(attrs->stride_h));
        json_object_set_new(object, "groups", json_integer(attrs->groups));
    }
    return object;
}

struct totals {
    double seconds[PASSES], flops[PASSES], other_seconds;
};

static void add_total(struct totals *totals, const struct layer *layer, const struct measured *measured)
{
    if (!measured->taken)
        return;
    if (multiplies(layer)) {
        totals->seconds[measured->pass] += layer->count * measured->seconds;
        totals->flops[measured->pass] += layer->count * measured->flops;
    } else {
        totals->other_seconds += layer->count * measured->seconds;
    }
}

static void tell_totals(const struct totals *totals)
{
    say("\nall layers once: ");
    for (int pass = 0; pass < PASSES; pass++) {
        if (totals->seconds[pass] > 0)
            say("%s %.1f ms (%.0f GFLOP/s), ", pass_marks[pass], 1e3 * totals->seconds[pass],
                totals->flops[pass] / totals->seconds[pass] / 1e9);
    }
    say("others %.1f ms\n", 1e3 * totals->other_seconds);
}

json_t *bench_layers(const struct graph *graph, const struct bench_settings *settings,
                     const struct bench_limits *limits, const struct bench_peers *peers, struct team *team)
{
    int count;
    struct freeze *none = freeze_create(graph);
    kernel_table_measure(settings->kernels, graph, NULL, team);
    kernel_table_measure(settings->kernels, graph, none, team);
    freeze_destroy(none);
    struct layer *layer = find_layers(graph, settings->batch, &count);
    json_t *array = settings->json ? json_array() : NULL;
    struct totals totals = {0};
    for (int multiply = 1; multiply >= 0; multiply--) { /* first those that multiply, then the others */
        if (!settings->json)
            tell_head(multiply, limits, peers);
        for (int i = 0; i < count; i++) {
            struct measured measured[MEASURED_MAX];
            int passes = multiplies(&layer[i]) == multiply ? measure_layer(&layer[i], settings, team, measured) : 0;
            for (int p = 0; p < passes; p++) {
                add_total(&totals, &layer[i], &measured[p]);
                if (settings->json)
                    json_array_append_new(array, layer_object(&layer[i], &measured[p]));
                else if (multiply)
                    tell_product(&layer[i], &measured[p], limits, peers, settings->threads);
                else
                    tell_other(&layer[i], &measured[p], limits);
                fflush(stdout);
            }
        }
    }
    if (!settings->json)
        tell_totals(&totals);
    free_layers(layer, count);
    return array;
}
