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

enum { KEY = 256, RUNS = 3, RUNS_MANY = 2, TURNS = 12, IMAGES_MOST = 32, MANY = 5 };
static const double macs_wanted = 3e8 / RIG_PART, floats_most = 16e6, floats_kept = 3e6; /* of one measured call */
static const double hopeless = 1.5; /* times the best: not measured further */
static const double absurd = 5;     /* times the best on one image: not measured on more */
static const double worth = 0.9;    /* of the built-in choice's time: another is taken */

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

/* --- values: "images 4, threads 2, winograd 4x4 1.234 ms, sweep 2.345 ms"; where a layer has more weights than values of
 * these images, also "many 20, of many 3.456 ms": what the best takes for more --- */

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

static double floats_of(const struct graph *graph, int node)
{
    const struct graph_node *row = &graph->node[node];
    return (double)shape4_count(row->shape) + (double)shape4_count(graph->node[row->input[0]].shape);
}

/* Where weights are kept, a plan runs so few images at a time that they stay in the cache. */
static int images_within(const struct graph *graph, int node, bool kept, double images)
{
    double most = fmin(floor((kept ? floats_kept : floats_most) / floats_of(graph, node)), IMAGES_MOST);
    return images > most ? (int)fmax(most, 1) : (int)fmax(images, 1);
}

/* How many images a measured call has: enough to be timed, not more than it takes. */
static int images_measured(const struct graph *graph, int node, bool kept)
{
    return images_within(graph, node, kept, ceil(macs_wanted / fmax(graph_node_cost(graph, node, 1).macs, 1)));
}

/* How many the best kernel is measured on, too: with large weights, what is done to them for few images says little of
 * what many take. 0: none. */
static int images_many(const struct graph *graph, int node, bool kept)
{
    int few = images_measured(graph, node, kept), many = images_within(graph, node, kept, MANY * few);
    double weights = (double)graph->param[graph->node[node].first_param].count;
    return many > few && weights > few * floats_of(graph, node) / 2 ? many : 0;
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
    int count = value ? list_kernels(graph, node, job, images_measured(graph, node, kept), list) : 0;
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

/* The least of the kernels' times. */
static double least_of(const char *value, const struct graph *graph, int node, enum op_job job, bool kept)
{
    struct op_kernel list[OP_KERNELS_MAX];
    double least = INFINITY;
    int count = list_kernels(graph, node, job, images_measured(graph, node, kept), list);
    for (int i = 0; i < count; i++) {
        double time = number_of(value, list[i].name);
        least = time > 0 && time < least ? time : least;
    }
    return least;
}

double kernel_table_seconds(const struct kernel_table *table, const struct graph *graph, int node, enum op_job job,
                            bool kept, const char *kernel, const struct kernel_call *call)
{
    char key[KEY];
    make_key(key, graph, node, job, kept && job == OP_JOB_FORWARD);
    const char *value = find(table, key);
    double time = value ? number_of(value, kernel) : -1, few = value ? number_of(value, "images") : -1;
    double by = value ? number_of(value, "threads") : -1;
    if (!(time > 0 && few > 0 && by > 0))
        return -1;
    double many = number_of(value, "many"), of_many = number_of(value, "of many"), an_image = time / few, once = 0;
    if (many > few && of_many > 0) { /* a line through both; of another kernel, in proportion */
        double least = least_of(value, graph, node, job, kept), more = (of_many - least) / (many - few);
        more = more > 0 ? fmin(more, least / few) : 0;
        once = (least - few * more) * time / least;
        an_image = more * time / least;
    }
    return 1e-3 * (once + an_image * call->images) * by / call->threads;
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

/* Times the ways of a job. Before one is held to be faster than the built-in choice, both are called in turns: else
 * whatever else the machine did for a moment would be remembered for good. */
static void time_ways(struct timed *timed, int count)
{
    int best = 0;
    for (int i = 0; i < count; i++) {
        if (timed[i].way)
            timed[i].least = rig_time(timed[i].way, RUNS, hopeless * timed[best].least);
        best = timed[i].least < timed[best].least ? i : best;
    }
    for (int turn = 0; turn < TURNS && timed[best].least < worth * timed[0].least; turn++) {
        time_once(&timed[0]);
        time_once(&timed[best]);
    }
}

static const enum rig_pass passes[OP_JOBS] = {RIG_FORWARD, RIG_DATA, RIG_WEIGHTS};

/* A kernel that was made for other shapes takes a hundred times as long as the best: that shows on one image. Sets
 * `least` of such to what so many images would take. */
static void leave_out_absurd(struct timed *timed, const struct op_kernel *list, int count, const struct graph *graph,
                             int node, enum op_job job, bool kept, int images, struct team *team)
{
    struct rig *rig = rig_create(graph, node, 1, team);
    double seconds[OP_KERNELS_MAX], best = INFINITY;
    for (int i = 0; i < count; i++) {
        struct rig_way *way = rig_way_create(rig, passes[job], list[i].number, kept);
        rig_run(way);
        seconds[i] = rig_run(way);
        best = fmin(best, seconds[i]);
        rig_way_destroy(way);
    }
    rig_destroy(rig);
    for (int i = 1; i < count; i++)
        timed[i].least = seconds[i] > absurd * best ? seconds[i] * images : INFINITY;
}

static char *line_of(const struct timed *timed, const struct op_kernel *list, int count, const char *begin)
{
    char *line = mem_string(begin);
    for (int i = 0; i < count; i++) {
        char *longer = mem_format("%s, %s %.4f ms", line, list[i].name, 1e3 * timed[i].least);
        mem_free(line);
        line = longer;
    }
    return line;
}

/* The best on many images. */
static double time_many(const struct graph *graph, int node, enum op_job job, bool kept, unsigned char kernel,
                        struct team *team)
{
    struct rig *rig = rig_create(graph, node, images_many(graph, node, kept), team);
    struct rig_way *way = rig_way_create(rig, passes[job], kernel, kept);
    double seconds = rig_time(way, RUNS_MANY, INFINITY);
    rig_way_destroy(way);
    rig_destroy(rig);
    return seconds;
}

static int best_of(const struct timed *timed, int count)
{
    int best = 0;
    for (int i = 1; i < count; i++)
        best = timed[i].least < timed[best].least ? i : best;
    return best;
}

/* A line of times, and of what. */
static char *measure(const struct graph *graph, int node, enum op_job job, bool kept, struct team *team)
{
    struct op_kernel list[OP_KERNELS_MAX];
    struct timed timed[OP_KERNELS_MAX] = {{NULL, 0}};
    int images = images_measured(graph, node, kept), count = list_kernels(graph, node, job, images, list);
    for (int i = 0; i < count; i++)
        timed[i] = (struct timed){NULL, INFINITY};
    if (count > 1 && images > 1)
        leave_out_absurd(timed, list, count, graph, node, job, kept, images, team);
    struct rig *rig = rig_create(graph, node, images, team);
    for (int i = 0; i < count; i++)
        timed[i].way = isinf(timed[i].least) ? rig_way_create(rig, passes[job], list[i].number, kept) : NULL;
    time_ways(timed, count);
    for (int i = 0; i < count; i++)
        rig_way_destroy(timed[i].way);
    rig_destroy(rig);
    char begin[128];
    int used = snprintf(begin, sizeof begin, "images %d, threads %d", images, team_threads(team));
    if (images_many(graph, node, kept) > 0)
        snprintf(begin + used, sizeof begin - (size_t)used, ", many %d, of many %.4f ms",
                 images_many(graph, node, kept),
                 1e3 * time_many(graph, node, job, kept, list[best_of(timed, count)].number, team));
    return line_of(timed, list, count, begin);
}

/* Whether a line has a time for every way there is. */
static bool has_times(const struct graph *graph, int node, enum op_job job, bool kept, const char *value)
{
    struct op_kernel list[OP_KERNELS_MAX];
    int count = list_kernels(graph, node, job, images_measured(graph, node, kept), list);
    for (int i = 0; i < count; i++)
        if (!value || number_of(value, list[i].name) < 0)
            return false;
    return true;
}

/* Whether nothing is left to measure. A run's record chooses for it whatever else it says. */
static bool is_known(const struct kernel_table *table, const struct graph *graph, int node, enum op_job job, bool kept)
{
    char key[KEY];
    make_key(key, graph, node, job, kept);
    const char *record = ledger_find(&table->record, key), *value = find(table, key);
    if (record && has_times(graph, node, job, kept, record))
        return true;
    return has_times(graph, node, job, kept, value) && number_of(value, "images") > 0 &&
           number_of(value, "threads") > 0 && (images_many(graph, node, kept) == 0 || number_of(value, "of many") > 0);
}

static void measure_job(struct kernel_table *table, struct ledger *news, const struct graph *graph, int node,
                        enum op_job job, bool kept, struct team *team)
{
    char key[KEY];
    make_key(key, graph, node, job, kept);
    if (table->watch)
        table->watch(table->watch_context);
    char *value = measure(graph, node, job, kept, team), *whole = with_machine(table, key);
    ledger_add(&table->fresh, key, value);
    ledger_add(news, whole, value);
    mem_free(value);
    mem_free(whole);
}

static bool has_job(const struct graph *graph, int node, enum op_job job, bool kept)
{
    if (!has_kernels(graph, node) || (kept && job != OP_JOB_FORWARD))
        return false;
    return job != OP_JOB_DATA_GRADIENT || graph->node[node].input[0] != 0;
}

int kernel_table_measure_while(struct kernel_table *table, const struct graph *graph, const struct freeze *freeze,
                               struct team *team, bool (*go_on)(void *context), void *context)
{
    int frontier = freeze ? freeze_frontier(freeze, graph) : graph->nodes, measured = 0;
    struct ledger news = {0};
    struct error unused;
    for (int node = 1; node < graph->nodes; node++) {
        bool kept = node < frontier;
        for (enum op_job job = OP_JOB_FORWARD; job < OP_JOBS; job++)
            if (has_job(graph, node, job, kept) && !is_known(table, graph, node, job, kept) && go_on(context)) {
                measure_job(table, &news, graph, node, job, kept, team);
                measured++;
            }
    }
    bool kept = ledger_put_all(table->path, &news, &unused);
    (void)kept; /* the next time may be luckier */
    ledger_free(&news);
    return measured;
}

static bool always(void *context)
{
    (void)context;
    return true;
}

int kernel_table_measure(struct kernel_table *table, const struct graph *graph, const struct freeze *freeze,
                         struct team *team)
{
    return kernel_table_measure_while(table, graph, freeze, team, always, NULL);
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
