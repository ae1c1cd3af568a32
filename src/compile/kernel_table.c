/* The table of measured kernels. Its file has one line for each job of a shape: the kernels in the order in which the
 * built-in rule prefers them, with their times. Measured are few images: what a kernel takes grows with them evenly.
 * Called by the trainer and by bench before they make a plan; plan_kernels.c and the key of kept features look up. */
#include "config.h"

#include "thaw/compile/kernel_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/ledger.h"
#include "thaw/base/machine.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"

enum { KEY = 256, RUNS = 3, TURNS = 12, IMAGES_MOST = 32 };
static const double macs_wanted = 2e8, floats_most = 16e6; /* of one measured call */
static const double hopeless = 1.5;                        /* times the best: not measured further */
static const double worth = 0.9;                           /* of the built-in choice's time: another is taken */

struct kernel_table {
    char *path, machine[160];
    struct ledger remembered, record;
    struct ledger fresh; /* measured by this process: keys without the machine */
};

static const char *const job_names[OP_JOBS] = {"forward", "data gradient", "weight gradient"};

/* --- keys --- */

static bool has_kernels(const struct graph *graph, int node)
{
    return op_get(graph->node[node].kind)->kernels != NULL;
}

/* A job of a shape, without the number of images: in, out, window. */
static void make_key(char key[KEY], const struct graph *graph, int node, enum op_job job, bool kept)
{
    const struct graph_node *row = &graph->node[node];
    const struct op_attrs *a = &row->attrs;
    struct shape4 in = graph->node[row->input[0]].shape, out = row->shape;
    snprintf(key, KEY,
             "%s %s, %dx%dx%d to %dx%dx%d, kernel %dx%d stride %dx%d dilation %dx%d padding %d %d %d %d groups %d%s",
             op_get(row->kind)->name, job_names[job], in.h, in.w, in.c, out.h, out.w, out.c, a->kernel_h, a->kernel_w,
             a->stride_h, a->stride_w, a->dilation_h, a->dilation_w, a->pad_top, a->pad_left, a->pad_bottom,
             a->pad_right, a->groups, kept ? ", weights kept" : "");
}

static char *with_machine(const struct kernel_table *table, const char *key)
{
    return mem_format("%s | %s", table->machine, key);
}

static const char *find(const struct kernel_table *table, const char *key)
{
    const char *value = ledger_find(&table->record, key);
    value = value ? value : ledger_find(&table->fresh, key);
    if (value)
        return value;
    char *whole = with_machine(table, key);
    value = ledger_find(&table->remembered, whole);
    mem_free(whole);
    return value;
}

/* --- values: "winograd 4x4 1.234 ms, sweep 2.345 ms" --- */

/* The time of a kernel in milliseconds; < 0: it has none. */
static double time_of(const char *value, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = value; at; at = strstr(at, ", ") ? strstr(at, ", ") + 2 : NULL) {
        double time = -1;
        if (strncmp(at, name, length) == 0 && at[length] == ' ' && sscanf(at + length, "%lf ms", &time) == 1)
            return time > 0 && time < 1e9 ? time : -1;
    }
    return -1;
}

static int list_kernels(const struct graph *graph, int node, enum op_job job, int images,
                        struct op_kernel list[OP_KERNELS_MAX])
{
    const struct graph_node *row = &graph->node[node];
    struct shape4 in = graph->node[row->input[0]].shape, out = row->shape;
    in.n = out.n = images;
    return op_get(row->kind)->kernels(&row->attrs, &in, out, job, list);
}

/* How many images a measured call has: enough to be timed, not more than it takes. */
static int images_measured(const struct graph *graph, int node)
{
    const struct graph_node *row = &graph->node[node];
    double macs = graph_node_cost(graph, node, 1).macs;
    double floats = (double)shape4_count(row->shape) + (double)shape4_count(graph->node[row->input[0]].shape);
    double images = fmin(ceil(macs_wanted / fmax(macs, 1)), floor(floats_most / floats));
    return images < 1 ? 1 : images > IMAGES_MOST ? IMAGES_MOST : (int)images;
}

const char *kernel_table_find(const struct kernel_table *table, const struct graph *graph, int node, enum op_job job,
                              bool kept, bool no_winograd)
{
    char key[KEY];
    if (!has_kernels(graph, node))
        return NULL;
    make_key(key, graph, node, job, kept && job == OP_JOB_FORWARD);
    const char *value = find(table, key), *best = NULL;
    struct op_kernel list[OP_KERNELS_MAX];
    double first = -1, least = -1;
    int count = value ? list_kernels(graph, node, job, images_measured(graph, node), list) : 0;
    for (int i = 0; i < count; i++) {
        double time = time_of(value, list[i].name);
        if (no_winograd && list[i].transforms)
            continue;
        if (time < 0 && first < 0)
            return NULL; /* the built-in choice has no time to compare with */
        first = first < 0 ? time : first;
        if (time > 0 && (least < 0 || time < least)) {
            least = time;
            best = list[i].name;
        }
    }
    return least > 0 && least < worth * first ? best : NULL;
}

/* --- measuring --- */

/* The buffers of one convolution. */
struct rig {
    struct op_attrs attrs;
    struct shape4 in_shape, out_shape;
    float *in, *out, *weight, *bias, *gradient; /* `gradient`: of the input or of the weights */
    const float *in_list[1];
    float *param[OP_PARAMS_MAX], *in_grad[1], *param_grad[OP_PARAMS_MAX];
    bool add[1];
};

static float *noise(size_t count)
{
    enum { PERIOD = 4096 };
    float *values = mem_floats(count);
    for (size_t i = 0; i < count && i < PERIOD; i++)
        values[i] = (float)rng_uniform_at(1, 0, i) - 0.5f;
    for (size_t at = PERIOD; at < count; at += PERIOD)
        memcpy(values + at, values, (count - at < PERIOD ? count - at : PERIOD) * sizeof *values);
    return values;
}

static void rig_init(struct rig *rig, const struct graph *graph, int node, enum op_job job)
{
    const struct graph_node *row = &graph->node[node];
    size_t weights = graph->param[row->first_param].count;
    *rig = (struct rig){.attrs = row->attrs, .in_shape = graph->node[row->input[0]].shape, .out_shape = row->shape};
    rig->in_shape.n = rig->out_shape.n = images_measured(graph, node);
    rig->in = noise(shape4_count(rig->in_shape));
    rig->out = noise(shape4_count(rig->out_shape));
    rig->weight = noise(weights);
    rig->bias = noise((size_t)row->shape.c);
    if (job != OP_JOB_FORWARD)
        rig->gradient = mem_floats(job == OP_JOB_DATA_GRADIENT ? shape4_count(rig->in_shape) : weights);
    rig->in_list[0] = rig->in;
    rig->param[0] = rig->weight;
    rig->param[1] = rig->bias;
    rig->in_grad[0] = job == OP_JOB_DATA_GRADIENT ? rig->gradient : NULL;
    rig->param_grad[0] = job == OP_JOB_WEIGHT_GRADIENT ? rig->gradient : NULL;
}

static void rig_finish(struct rig *rig)
{
    mem_free_floats(rig->in);
    mem_free_floats(rig->out);
    mem_free_floats(rig->weight);
    mem_free_floats(rig->bias);
    mem_free_floats(rig->gradient);
}

/* A kernel ready to be called. */
struct way {
    const struct op_def *def;
    enum op_job job;
    struct op_attrs attrs;
    struct op_call call;
    float *workspace, *form;
    double least; /* seconds of a call */
};

static void way_init(struct way *way, struct rig *rig, const struct op_def *def, enum op_job job, int number, bool kept,
                     struct team *team)
{
    struct shape4 *in = &rig->in_shape, out = rig->out_shape;
    *way = (struct way){.def = def, .job = job, .attrs = rig->attrs, .least = INFINITY};
    way->attrs.kernel[job] = (unsigned char)number;
    size_t prepared = kept && def->prepared_floats ? def->prepared_floats(&way->attrs, in, out) : 0;
    way->workspace = mem_floats(def->workspace_floats(&way->attrs, in, out, team_threads(team), job != OP_JOB_FORWARD));
    way->form = prepared ? mem_floats(prepared) : NULL;
    way->call = (struct op_call){.attrs = &way->attrs,
                                 .inputs = 1,
                                 .in_shape = in,
                                 .in = rig->in_list,
                                 .out_shape = out,
                                 .out = rig->out,
                                 .param = rig->param,
                                 .out_grad = rig->out,
                                 .in_grad = rig->in_grad,
                                 .in_grad_add = rig->add,
                                 .param_grad = rig->param_grad,
                                 .workspace = way->workspace,
                                 .team = team};
    if (way->form)
        def->prepare(&way->call, way->form);
    way->call.prepared = way->form;
}

static void way_finish(struct way *way)
{
    mem_free_floats(way->workspace);
    mem_free_floats(way->form);
}

static void way_run(struct way *way)
{
    double began = clock_monotonic();
    if (way->job == OP_JOB_FORWARD)
        way->def->forward(&way->call);
    else
        way->def->backward(&way->call);
    way->least = fmin(way->least, clock_monotonic() - began);
}

/* The first call touches fresh memory and does not count. */
static void way_time(struct way *way, double best)
{
    way_run(way);
    way->least = INFINITY;
    for (int run = 0; run < RUNS && (run == 0 || way->least < hopeless * best); run++)
        way_run(way);
}

/* Times the ways of a job. Before one is held to be faster than the built-in choice, both are called in turns: else
 * whatever else the machine did for a moment would be remembered for good. */
static void time_ways(struct way *way, int count)
{
    int best = 0;
    for (int i = 0; i < count; i++) {
        way_time(&way[i], way[best].least);
        best = way[i].least < way[best].least ? i : best;
    }
    for (int turn = 0; turn < TURNS && way[best].least < worth * way[0].least; turn++) {
        way_run(&way[0]);
        way_run(&way[best]);
    }
}

/* A line of times; "" where there is but one way. */
static char *measure(const struct graph *graph, int node, enum op_job job, bool kept, struct team *team)
{
    struct op_kernel list[OP_KERNELS_MAX];
    struct way way[OP_KERNELS_MAX];
    struct rig rig;
    int count = list_kernels(graph, node, job, images_measured(graph, node), list);
    char *line = mem_string("");
    if (count < 2)
        return line;
    rig_init(&rig, graph, node, job);
    rig.attrs.bias = job == OP_JOB_FORWARD && rig.attrs.bias;
    for (int i = 0; i < count; i++)
        way_init(&way[i], &rig, op_get(graph->node[node].kind), job, list[i].number, kept, team);
    time_ways(way, count);
    for (int i = 0; i < count; i++) {
        char *longer = mem_format("%s%s%s %.4f ms", line, i ? ", " : "", list[i].name, 1e3 * way[i].least);
        mem_free(line);
        line = longer;
        way_finish(&way[i]);
    }
    rig_finish(&rig);
    return line;
}

/* Whether a line has a time for every way there is. */
static bool is_whole(const struct graph *graph, int node, enum op_job job, const char *value)
{
    struct op_kernel list[OP_KERNELS_MAX];
    int count = list_kernels(graph, node, job, images_measured(graph, node), list);
    for (int i = 0; i < count && count > 1; i++)
        if (!value || time_of(value, list[i].name) < 0)
            return false;
    return true;
}

static void keep(struct ledger *ledger, const char *key, const char *value)
{
    ledger->line = mem_grow(ledger->line, ledger->lines + 1, sizeof *ledger->line);
    ledger->line[ledger->lines++] = (struct ledger_line){mem_string(key), mem_string(value)};
}

int kernel_table_measure(struct kernel_table *table, const struct graph *graph, const struct freeze *freeze,
                         struct team *team)
{
    int frontier = freeze ? freeze_frontier(freeze, graph) : graph->nodes;
    size_t before = table->fresh.lines;
    struct ledger news = {0};
    for (int node = 1; node < graph->nodes; node++) {
        bool kept = node < frontier;
        for (enum op_job job = OP_JOB_FORWARD; job < (kept ? OP_JOB_FORWARD + 1 : OP_JOBS); job++) {
            char key[KEY];
            if (!has_kernels(graph, node) || (job == OP_JOB_DATA_GRADIENT && graph->node[node].input[0] == 0))
                continue;
            make_key(key, graph, node, job, kept);
            if (is_whole(graph, node, job, find(table, key)))
                continue;
            char *value = measure(graph, node, job, kept, team), *whole = with_machine(table, key);
            keep(&table->fresh, key, value);
            keep(&news, whole, value);
            mem_free(value);
            mem_free(whole);
        }
    }
    struct error unused;
    bool kept = ledger_put_all(table->path, &news, &unused);
    (void)kept; /* the next time may be luckier */
    ledger_free(&news);
    return (int)(table->fresh.lines - before);
}

/* --- the table --- */

struct kernel_table *kernel_table_open(const char *record)
{
    struct kernel_table *table = mem_alloc(sizeof *table);
    char *home = path_home(PATH_CACHE), machine[128];
    table->path = path_join(home, "kernels");
    mem_free(home);
    machine_name(machine, sizeof machine);
    snprintf(table->machine, sizeof table->machine, "%s, %s", PACKAGE_STRING, machine);
    ledger_read(&table->remembered, table->path);
    if (record)
        ledger_read(&table->record, record);
    return table;
}

void kernel_table_close(struct kernel_table *table)
{
    if (!table)
        return;
    ledger_free(&table->remembered);
    ledger_free(&table->record);
    ledger_free(&table->fresh);
    mem_free(table->path);
    mem_free(table);
}

bool kernel_table_save(const struct kernel_table *table, const struct graph *graph, const char *path,
                       struct error *error)
{
    struct ledger lines = {0};
    for (int node = 1; node < graph->nodes; node++)
        for (int which = 0; which <= OP_JOBS && has_kernels(graph, node); which++) {
            char key[KEY];
            bool kept = which == OP_JOBS;
            make_key(key, graph, node, kept ? OP_JOB_FORWARD : (enum op_job)which, kept);
            const char *value = find(table, key);
            if (value && !ledger_find(&table->record, key) && !ledger_find(&lines, key))
                keep(&lines, key, value);
        }
    bool good = ledger_put_all(path, &lines, error);
    ledger_free(&lines);
    return good;
}
