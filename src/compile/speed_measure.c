/* Measuring a machine's speed: each op that has but one way, on arrays that no cache holds, as a network's values come
 * from memory and not from the op before. A line of the file in the cache folder has one rate. Called once on a machine,
 * in the background. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/ledger.h"
#include "thaw/base/machine.h"
#include "thaw/base/mem.h"
#include "thaw/compile/rig.h"
#include "thaw/compile/speed.h"

enum {
    SIDE = 56,
    CHANNELS = 64,
    IMAGES = 32 / RIG_PART,
    VECTOR = 1024,
    VECTORS = 64,
    RUNS = 2,
    RUNS_SMALL = 300 / RIG_PART
};

static const char *const pass_names[SPEED_PASSES] = {"forward", "trained", "backward"};

/* --- what is remembered --- */

struct memory {
    struct ledger ledger; /* read or to be written */
    char *path, *prefix;
};

static void memory_init(struct memory *memory, int threads)
{
    char machine[128], *home = path_home(PATH_CACHE);
    machine_name(machine, sizeof machine);
    *memory = (struct memory){.path = path_join(home, "speed")};
    memory->prefix = mem_format("%s, %s, %d threads | ", PACKAGE_STRING, machine, threads);
    mem_free(home);
}

static void memory_finish(struct memory *memory)
{
    ledger_free(&memory->ledger);
    mem_free(memory->path);
    mem_free(memory->prefix);
}

/* A figure that is taken from the file, or put there. */
typedef bool (*figure)(struct memory *memory, const char *name, double *value);

static bool recall(struct memory *memory, const char *name, double *value)
{
    char *key = mem_format("%s%s", memory->prefix, name);
    const char *text = ledger_find(&memory->ledger, key);
    *value = text != NULL ? strtod(text, NULL) : 0;
    mem_free(key);
    return *value > 0 && *value < 1e15;
}

static bool note(struct memory *memory, const char *name, double *value)
{
    char *key = mem_format("%s%s", memory->prefix, name), *text = mem_format("%.4g", *value);
    ledger_add(&memory->ledger, key, text);
    mem_free(key);
    mem_free(text);
    return true;
}

/* --- the ops --- */

static void add_row(struct graph *graph, enum op_kind kind)
{
    struct op_attrs attrs = op_attrs_default();
    int input[] = {0, 1}, inputs = kind == OP_ADD || kind == OP_MUL || kind == OP_CONCAT ? 2 : 1;
    bool pools = kind == OP_MAX_POOL || kind == OP_AVG_POOL;
    if (pools || kind == OP_SUBSAMPLE) {
        attrs.kernel_h = attrs.kernel_w = 3;
        attrs.stride_h = attrs.stride_w = 2;
        attrs.pad_top = attrs.pad_left = attrs.pad_bottom = attrs.pad_right = pools;
    }
    attrs.pad_top = kind == OP_PAD ? 1 : attrs.pad_top;
    attrs.bias = kind == OP_AFFINE;
    attrs.eps = 1e-5f;
    attrs.momentum = 0.1f;
    attrs.rate = 0.5f;
    attrs.low = -0.25f;
    attrs.high = attrs.beta = 0.25f;
    attrs.alpha = 0.1f;
    attrs.end = CHANNELS / 2;
    attrs.groups = kind == OP_SHUFFLE ? 2 : 1;
    attrs.tokens = kind == OP_TOKENS;
    attrs.grid_h = attrs.grid_w = SIDE;
    graph_add(graph, op_get(kind)->name, kind, &attrs, inputs, input);
}

static bool is_measured(enum op_kind kind)
{
    return kind != OP_INPUT && kind != OP_CONV && kind != OP_LINEAR && kind != OP_ATTENTION &&
           kind != OP_WINDOW_ATTENTION;
}

/* Node 1 is a second input for those that have two; then each op once, by its kind's name. */
static struct graph *make_ops(void)
{
    struct graph *graph = graph_create("speed", SIDE, SIDE, CHANNELS);
    graph_add_unary(graph, "second", OP_RELU, 0);
    for (enum op_kind kind = OP_INPUT; kind < OP_KINDS; kind++)
        if (is_measured(kind))
            add_row(graph, kind);
    return graph;
}

/* --- measuring --- */

/* Seconds of a call: the least of a few. */
static double time_passes(const struct graph *graph, int node, int images, enum rig_pass pass, int runs,
                          struct team *team)
{
    struct rig *rig = rig_create(graph, node, images, team);
    struct rig_way *way = rig_way_create(rig, pass, 0, false);
    double least = rig_time(way, runs, INFINITY);
    rig_way_destroy(way);
    rig_destroy(rig);
    return least;
}

static double time_pass(const struct graph *graph, int node, int images, enum rig_pass pass, struct team *team)
{
    return time_passes(graph, node, images, pass, RUNS, team);
}

/* As plan_jobs counts them. */
static double floats_of(const struct graph *graph, int node, int images, enum speed_pass pass)
{
    const struct graph_node *row = &graph->node[node];
    unsigned needs = pass == SPEED_BACKWARD ? op_get(row->kind)->needs : 0;
    double in = 0, out = (double)shape4_count(row->shape) * images;
    for (int i = 0; i < row->inputs; i++)
        in += (double)shape4_count(graph->node[row->input[i]].shape) * images;
    if (pass == SPEED_BACKWARD && row->kind == OP_BATCH_NORM)
        needs = OP_NEEDS_IN;
    return in + out + (needs & OP_NEEDS_IN ? in : 0) + (needs & OP_NEEDS_OUT ? out : 0);
}

/* Training differs for these only. */
static bool is_trained(enum op_kind kind)
{
    return kind == OP_BATCH_NORM || kind == OP_DROPOUT;
}

static void measure_op(struct speed *speed, const struct graph *graph, int node, struct team *team)
{
    static const enum rig_pass rigged[SPEED_PASSES] = {RIG_FORWARD, RIG_TRAINED, RIG_BACKWARD};
    enum op_kind kind = graph->node[node].kind;
    enum op_activation activation = op_get(kind)->activation;
    for (enum speed_pass pass = SPEED_FORWARD; pass < SPEED_PASSES; pass++)
        speed->passes[kind][pass] =
            pass == SPEED_TRAINED && !is_trained(kind)
                ? speed->passes[kind][SPEED_FORWARD]
                : floats_of(graph, node, IMAGES, pass) / time_pass(graph, node, IMAGES, rigged[pass], team);
    if (activation != OP_ACT_NONE)
        speed->activation[activation] =
            (double)shape4_count(graph->node[node].shape) / time_pass(graph, node, 1, RIG_FORWARD, team);
}

static void measure_products(struct speed *speed, struct team *team)
{
    struct graph *graph = graph_create("speed", 1, 1, VECTOR);
    int node = graph_add_linear(graph, "linear", 0, VECTOR);
    double macs = graph_node_cost(graph, node, VECTORS).macs;
    speed->products[0] = macs / time_pass(graph, node, VECTORS, RIG_FORWARD, team);
    speed->products[1] = 2 * macs / time_pass(graph, node, VECTORS, RIG_BACKWARD, team);
    graph_destroy(graph);
}

/* What a call takes that has next to nothing to do, and is shared by the team all the same. */
static void measure_call(struct speed *speed, struct team *team)
{
    struct graph *graph = graph_create("speed", 16, 16, CHANNELS);
    int node = graph_add_batch_norm(graph, "norm", 0, 1e-5f, 0.1f);
    speed->call = time_passes(graph, node, 1, RIG_TRAINED, RUNS_SMALL, team);
    graph_destroy(graph);
}

/* As a plan's arena is touched, by one thread. */
static void measure_touch(struct speed *speed)
{
    enum { MIB = 64 };
    size_t bytes = (size_t)MIB << 20;
    double least = INFINITY;
    for (int run = 0; run < RUNS; run++) {
        struct arena *arena = arena_create(bytes);
        double began = clock_monotonic();
        if (arena)
            memset(arena_at(arena, 0), 1, bytes);
        least = fmin(least, clock_monotonic() - began);
        arena_destroy(arena);
    }
    speed->touch = (double)bytes / sizeof(float) / least;
}

/* --- all figures --- */

static bool each_figure(struct speed *speed, struct memory *memory, figure take)
{
    bool all = take(memory, "call", &speed->call); /* all of them are taken, whichever is missing */
    all &= take(memory, "memory", &speed->memory);
    all &= take(memory, "touch", &speed->touch);
    all &= take(memory, "products forward", &speed->products[0]);
    all &= take(memory, "products backward", &speed->products[1]);
    for (enum op_kind kind = OP_INPUT; kind < OP_KINDS; kind++) {
        enum op_activation activation = op_get(kind)->activation;
        for (enum speed_pass pass = SPEED_FORWARD; pass < SPEED_PASSES && is_measured(kind); pass++) {
            char *name = mem_format("%s %s", op_get(kind)->name, pass_names[pass]);
            all &= take(memory, name, &speed->passes[kind][pass]);
            mem_free(name);
        }
        if (activation != OP_ACT_NONE) {
            char *name = mem_format("%s folded", op_get(kind)->name);
            all &= take(memory, name, &speed->activation[activation]);
            mem_free(name);
        }
    }
    return all;
}

bool speed_read(struct speed *speed, int threads)
{
    struct memory memory;
    *speed = (struct speed){.threads = team_cores(threads)};
    memory_init(&memory, speed->threads);
    ledger_read(&memory.ledger, memory.path);
    bool known = each_figure(speed, &memory, recall);
    memory_finish(&memory);
    return known;
}

bool speed_measure(struct speed *speed, struct team *team, bool (*go_on)(void *context), void *context)
{
    struct memory memory;
    struct error unused;
    struct graph *graph = make_ops();
    bool all = true;
    *speed = (struct speed){.threads = team_threads(team)};
    for (int node = 2; node < graph->nodes && all; node++) {
        measure_op(speed, graph, node, team);
        all = !go_on || go_on(context);
    }
    graph_destroy(graph);
    if (!all)
        return false;
    speed->memory = speed->passes[OP_ADD][SPEED_FORWARD];
    measure_products(speed, team);
    measure_call(speed, team);
    measure_touch(speed);
    memory_init(&memory, speed->threads);
    each_figure(speed, &memory, note);
    bool kept = ledger_put_all(memory.path, &memory.ledger, &unused);
    (void)kept; /* the next time may be luckier */
    memory_finish(&memory);
    return true;
}
