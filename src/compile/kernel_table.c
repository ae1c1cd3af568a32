/* The table of measured kernels. Its file has one line for each job of a shape: the kernels in the order in which the
 * built-in rule prefers them, with their times. Measured are few images: what a kernel takes grows with them evenly.
 * Called by the trainer and by bench before they make a plan; plan_kernels.c and the key of kept features look up. */
#include "config.h"

#include "thaw/compile/kernel_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/file.h"
#include "thaw/base/ledger.h"
#include "thaw/base/machine.h"
#include "thaw/base/mem.h"
#include "thaw/compile/rig.h"

enum { KEY = 256, RUNS = 3, TURNS = 12, IMAGES_MOST = 32 };
static const double macs_wanted = 2e8, floats_most = 16e6; /* of one measured call */
static const double hopeless = 1.5;                        /* times the best: not measured further */
static const double worth = 0.9;                           /* of the built-in choice's time: another is taken */

struct kernel_table {
    char *path, machine[160];
    struct ledger remembered, record;
    struct ledger fresh; /* measured by this process: keys without the machine */
    void (*watch)(void *context);
    void *watch_context;
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

/* --- values: "winograd 4x4 1.234 ms, sweep 2.345 ms, threads 2" --- */

/* The number behind a kernel (its milliseconds) or a word; < 0: it is not there. */
static double number_of(const char *value, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = value; at; at = strstr(at, ", ") ? strstr(at, ", ") + 2 : NULL) {
        double number = -1;
        if (strncmp(at, word, length) == 0 && at[length] == ' ' && sscanf(at + length, "%lf", &number) == 1)
            return number > 0 && number < 1e9 ? number : -1;
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
        double time = number_of(value, list[i].name);
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

double kernel_table_seconds(const struct kernel_table *table, const struct graph *graph, int node, enum op_job job,
                            bool kept, const char *kernel, int threads)
{
    char key[KEY];
    make_key(key, graph, node, job, kept && job == OP_JOB_FORWARD);
    const char *value = find(table, key);
    double time = value ? number_of(value, kernel) : -1, by = value ? number_of(value, "threads") : -1;
    by = by > 0 ? by : team_cores(0);
    return time > 0 ? 1e-3 * time / images_measured(graph, node) * by / threads : -1;
}

/* --- measuring --- */

/* A kernel being measured. */
struct timed {
    struct rig_way *way;
    double least; /* seconds of a call */
};

static void time_once(struct timed *timed)
{
    timed->least = fmin(timed->least, rig_run(timed->way));
}

/* The first call touches fresh memory and does not count. */
static void time_way(struct timed *timed, double best)
{
    rig_run(timed->way);
    for (int run = 0; run < RUNS && (run == 0 || timed->least < hopeless * best); run++)
        time_once(timed);
}

/* Times the ways of a job. Before one is held to be faster than the built-in choice, both are called in turns: else
 * whatever else the machine did for a moment would be remembered for good. */
static void time_ways(struct timed *timed, int count)
{
    int best = 0;
    for (int i = 0; i < count; i++) {
        time_way(&timed[i], timed[best].least);
        best = timed[i].least < timed[best].least ? i : best;
    }
    for (int turn = 0; turn < TURNS && timed[best].least < worth * timed[0].least; turn++) {
        time_once(&timed[0]);
        time_once(&timed[best]);
    }
}

/* A line of times, and who took them. */
static char *measure(const struct graph *graph, int node, enum op_job job, bool kept, struct team *team)
{
    static const enum rig_pass pass[OP_JOBS] = {RIG_FORWARD, RIG_DATA, RIG_WEIGHTS};
    struct op_kernel list[OP_KERNELS_MAX];
    struct timed timed[OP_KERNELS_MAX] = {{NULL, 0}};
    int images = images_measured(graph, node), count = list_kernels(graph, node, job, images, list);
    struct rig *rig = rig_create(graph, node, images, team);
    for (int i = 0; i < count; i++)
        timed[i] = (struct timed){rig_way_create(rig, pass[job], list[i].number, kept), INFINITY};
    time_ways(timed, count);
    char *line = mem_string("");
    for (int i = 0; i < count; i++) {
        char *longer = mem_format("%s%s %.4f ms, ", line, list[i].name, 1e3 * timed[i].least);
        mem_free(line);
        line = longer;
        rig_way_destroy(timed[i].way);
    }
    rig_destroy(rig);
    char *whole = mem_format("%sthreads %d", line, team_threads(team));
    mem_free(line);
    return whole;
}

/* Whether a line has a time for every way there is. */
static bool is_whole(const struct graph *graph, int node, enum op_job job, const char *value)
{
    struct op_kernel list[OP_KERNELS_MAX];
    int count = list_kernels(graph, node, job, images_measured(graph, node), list);
    for (int i = 0; i < count; i++)
        if (!value || number_of(value, list[i].name) < 0)
            return false;
    return true;
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
            if (table->watch)
                table->watch(table->watch_context);
            char *value = measure(graph, node, job, kept, team), *whole = with_machine(table, key);
            ledger_add(&table->fresh, key, value);
            ledger_add(&news, whole, value);
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

void kernel_table_watch(struct kernel_table *table, void (*watch)(void *context), void *context)
{
    table->watch = watch;
    table->watch_context = context;
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
                ledger_add(&lines, key, value);
        }
    bool good = ledger_put_all(path, &lines, error);
    ledger_free(&lines);
    return good;
}
