/* Values that the backward pass computes again rather than the forward pass keeping them (Chen et al. 2016, "Training
 * deep nets with sublinear memory cost"), where a plan would take more memory than it may. Which ones is searched among
 * three ways and their mixtures: outputs of what costs a pass through memory only (batch norms, activations, pools: the
 * convolution's output and the statistics are there), cheap convolutions too, and whole segments of the network between
 * values that alone lead from one part to the next. No bit depends on the choice: the calls are the same, of the same
 * values. Called by plan_create; a function of the shapes, the budget and, through the workspace, the team's size.
 */
#include "config.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "plan_private.h"
#include "thaw/base/hash.h"

/* --- the backward pass's calls --- */

struct scheduling {
    struct plan *plan;
    bool *wanted; /* [steps] to run again before the call being scheduled */
    int lowest;   /* no step below it is wanted */
};

static void want(struct scheduling *scheduling, int node)
{
    const struct plan *plan = scheduling->plan;
    int s = plan->producer[node];
    if (s == PLAN_NONE || !plan->dropped[node] || plan->step[s].again != PLAN_NONE)
        return;
    scheduling->wanted[s] = true;
    scheduling->lowest = s < scheduling->lowest ? s : scheduling->lowest;
}

static void add_call(struct plan *plan, int step, bool again)
{
    int time = plan->steps + 1 + plan->calls;
    plan->call[plan->calls++] = (struct plan_call){step, again};
    *(again ? &plan->step[step].again : &plan->step[step].back) = time;
}

/* What is wanted and what that is computed from, in the order of the forward pass. */
static void add_wanted(struct scheduling *scheduling, int before)
{
    struct plan *plan = scheduling->plan;
    for (int s = before; s >= scheduling->lowest; s--) {
        const struct plan_step *step = &plan->step[s];
        const struct graph_node *row = &plan->graph->node[step->node];
        for (int i = 0; i < row->inputs && scheduling->wanted[s]; i++)
            want(scheduling, row->input[i]);
        if (scheduling->wanted[s] && step->residual != PLAN_NONE)
            want(scheduling, step->residual);
    }
    for (int s = scheduling->lowest; s <= before; s++) {
        if (scheduling->wanted[s])
            add_call(plan, s, true);
        scheduling->wanted[s] = false;
    }
    scheduling->lowest = plan->steps;
}

void plan_schedule(struct plan *plan)
{
    struct scheduling scheduling = {plan, mem_array((size_t)plan->steps + 1, sizeof(bool)), plan->steps};
    if (plan->call == NULL)
        plan->call = mem_array(2 * (size_t)plan->steps + 1, sizeof *plan->call);
    plan->calls = 0;
    for (int s = 0; s < plan->steps; s++)
        plan->step[s].back = plan->step[s].again = PLAN_NONE;
    for (int s = plan->steps - 1; s >= plan->frozen_steps; s--) {
        const struct plan_step *step = &plan->step[s];
        const struct graph_node *row = &plan->graph->node[step->node];
        unsigned needs = step->needs;
        if (!step->backward)
            continue;
        for (int i = 0; i < row->inputs && (needs & OP_NEEDS_IN); i++)
            want(&scheduling, row->input[i]);
        if (needs & OP_NEEDS_OUT)
            want(&scheduling, step->out_node);
        add_wanted(&scheduling, s);
        add_call(plan, s, false);
    }
    mem_free(scheduling.wanted);
}

/* --- what a second forward costs --- */

/* Multiply-adds in the time in which a byte comes from memory or goes there: of cores that do both well. It only ranks
 * choices. */
enum { MACS_PER_BYTE = 12 };

static double step_macs(const struct plan *plan, int s)
{
    const struct plan_step *step = &plan->step[s];
    struct op_cost cost = {0};
    for (int i = 0; i < plan->graph->node[step->node].inputs; i++)
        step->in_shape[i].n = plan->batch;
    op_get(plan->graph->node[step->node].kind)
        ->cost(&step->attrs, step->in_shape, plan_shape(plan, step->node, plan->batch), &cost);
    return cost.macs;
}

/* In multiply-adds. */
static double step_work(const struct plan *plan, int s)
{
    const struct plan_step *step = &plan->step[s];
    const struct graph_node *row = &plan->graph->node[step->node];
    size_t floats = plan->node_floats[step->out_node];
    for (int i = 0; i < row->inputs; i++)
        floats += plan->node_floats[row->input[i]];
    if (step->residual != PLAN_NONE)
        floats += plan->node_floats[step->residual];
    return step_macs(plan, s) + MACS_PER_BYTE * sizeof(float) * (double)floats;
}

int plan_recomputed(const struct plan *plan, double *share)
{
    int steps = 0;
    double again = 0, all = 0;
    for (int s = 0; s < plan->steps; s++) {
        bool runs_again = plan->step[s].again != PLAN_NONE;
        steps += runs_again;
        all += step_macs(plan, s);
        again += runs_again ? step_macs(plan, s) : 0;
    }
    if (share != NULL)
        *share = all > 0 ? again / all : 0;
    return steps;
}

/* --- the search --- */

/* A way to choose: of the steps up to a place, those that cost no more than `dearest` multiply-adds for each float that
 * they write, but not the ends of so many segments. */
struct choice {
    int segments;   /* 0: no ends are kept */
    double dearest; /* 0: no multiply-adds at all */
    int reach;      /* in REACHES parts of the thawed half's floats */
    bool rest;      /* behind that place, what costs no multiply-adds */
    double work;
    size_t least;    /* floats that live together */
    struct hash set; /* of what it drops */
};

enum { REACHES = 16, SEGMENTS_MOST = 64, DEAREST_FIRST = 16, DEAREST_TIMES = 4, DEAREST_STEPS = 7 };
enum { SMALLEST_TRIES = 16 };

struct search {
    struct plan *plan;
    size_t budget; /* bytes */
    bool *may;     /* [steps] its value may be dropped */
    bool *narrow;  /* [steps] nothing but its value leads from the steps up to it to those behind */
    double *rate;  /* [steps] multiply-adds a float */
    double *work;  /* [steps] */
    double *at;    /* [steps] floats of the values up to it, of all: 0..1 */
    int narrows;
    size_t *slot, slots; /* choices by the set that they drop: 1 + the first of the set, or 0; a power of two */
};

static bool may_drop(const struct plan *plan, int s)
{
    const struct plan_step *step = &plan->step[s];
    bool may = s >= plan->frozen_steps && step->out_node != plan->graph->output;
    for (int i = 0; i < plan->crossings; i++)
        may = may && plan->crossing[i] != step->out_node;
    /* without a backward call nothing keeps the statistics that it found */
    return may && (step->backward || !step->moves_statistics);
}

static void note_reader(const struct plan *plan, int *last, int node, int s)
{
    if (plan->producer[node] != PLAN_NONE)
        last[plan->producer[node]] = s;
}

static void find_narrow(struct search *search)
{
    const struct plan *plan = search->plan;
    int *last = mem_array((size_t)plan->steps + 1, sizeof *last), furthest = 0; /* the last step that reads its value */
    for (int s = 0; s < plan->steps; s++) {
        const struct graph_node *row = &plan->graph->node[plan->step[s].node];
        for (int i = 0; i < row->inputs; i++)
            note_reader(plan, last, row->input[i], s);
        if (plan->step[s].residual != PLAN_NONE)
            note_reader(plan, last, plan->step[s].residual, s);
    }
    for (int s = plan->frozen_steps; s < plan->steps; s++) {
        search->narrow[s] = furthest <= s;
        search->narrows += search->narrow[s];
        furthest = last[s] > furthest ? last[s] : furthest;
    }
    mem_free(last);
}

static void search_init(struct search *search, struct plan *plan, size_t budget)
{
    size_t steps = (size_t)plan->steps + 1;
    *search = (struct search){.plan = plan, .budget = budget};
    search->may = mem_array(steps, sizeof *search->may);
    search->narrow = mem_array(steps, sizeof *search->narrow);
    search->rate = mem_array(steps, sizeof *search->rate);
    search->work = mem_array(steps, sizeof *search->work);
    search->at = mem_array(steps, sizeof *search->at);
    double all = 0;
    for (int s = plan->frozen_steps; s < plan->steps; s++) {
        double floats = (double)plan->node_floats[plan->step[s].out_node];
        search->may[s] = may_drop(plan, s);
        search->rate[s] = step_macs(plan, s) / floats;
        search->work[s] = step_work(plan, s);
        search->at[s] = all += floats;
    }
    for (int s = plan->frozen_steps; s < plan->steps; s++)
        search->at[s] /= all;
    find_narrow(search);
}

static void search_finish(struct search *search)
{
    mem_free(search->may);
    mem_free(search->narrow);
    mem_free(search->rate);
    mem_free(search->work);
    mem_free(search->at);
    mem_free(search->slot);
}

static void drop(struct search *search, const struct choice *choice)
{
    struct plan *plan = search->plan;
    int ended = 0;
    for (int s = plan->frozen_steps; s < plan->steps; s++) {
        bool in_reach = search->at[s] * REACHES <= choice->reach, end = false;
        bool cheap = in_reach ? search->rate[s] <= choice->dearest : choice->rest && search->rate[s] <= 0;
        if (search->narrow[s] && search->at[s] * choice->segments >= ended + 1) {
            ended = (int)(search->at[s] * choice->segments);
            end = in_reach;
        }
        plan->dropped[plan->step[s].out_node] = search->may[s] && cheap && !end;
    }
}

/* Lives as dropped now: floats that live together; *work: of all that is computed again. */
static size_t try_lives(const struct search *search, double *work)
{
    size_t least = plan_lives(search->plan);
    *work = 0;
    for (int s = 0; s < search->plan->steps; s++)
        *work += search->plan->step[s].again != PLAN_NONE ? search->work[s] : 0;
    return least;
}

static bool fits_budget(const struct search *search, size_t floats)
{
    return floats <= search->budget / sizeof(float);
}

static int next_segments(int segments)
{
    return segments == 0 ? 2 : segments + (segments + 1) / 2;
}

/* Lives of the next choice, dropped now: many choices drop the same. */
static void look_at(struct search *search, struct choice *list, size_t next)
{
    const struct plan *plan = search->plan;
    struct choice *choice = &list[next];
    choice->set = hash_bytes(plan->dropped, (size_t)plan->graph->nodes * sizeof *plan->dropped, (struct hash){0});
    size_t at = choice->set.low & (search->slots - 1);
    while (search->slot[at] > 0 && !hash_equal(list[search->slot[at] - 1].set, choice->set))
        at = (at + 1) & (search->slots - 1);
    if (search->slot[at] == 0) {
        search->slot[at] = next + 1;
        choice->least = try_lives(search, &choice->work);
        return;
    }
    const struct choice *same = &list[search->slot[at] - 1];
    choice->least = same->least;
    choice->work = same->work;
}

/* Every choice with its work; `list` NULL: only counts. */
static size_t list_choices(struct search *search, struct choice *list)
{
    size_t count = 0;
    int most = search->narrows < SEGMENTS_MOST ? search->narrows : SEGMENTS_MOST;
    for (int segments = 0; segments <= most; segments = next_segments(segments)) {
        double dearest = 0;
        for (int step = 0; step <= DEAREST_STEPS; step++) {
            for (int reach = 1; reach <= REACHES; reach++) {
                for (int rest = 0; rest <= (step > 0 && reach < REACHES); rest++, count++) {
                    if (list == NULL)
                        continue;
                    list[count] = (struct choice){segments, dearest, reach, rest != 0, 0, 0, {0}};
                    drop(search, &list[count]);
                    look_at(search, list, count);
                }
            }
            dearest = step == 0 ? DEAREST_FIRST : step + 1 < DEAREST_STEPS ? dearest * DEAREST_TIMES : DBL_MAX;
        }
    }
    return count;
}

static int by_least(const void *a, const void *b)
{
    const struct choice *x = a, *y = b;
    if (x->least != y->least)
        return x->least < y->least ? -1 : 1;
    return x->work < y->work ? -1 : x->work > y->work;
}

static int by_work(const void *a, const void *b)
{
    const struct choice *x = a, *y = b;
    if (x->work != y->work)
        return x->work < y->work ? -1 : 1;
    return x->least < y->least ? -1 : x->least > y->least;
}

static void lay_out(struct search *search, const struct choice *choice)
{
    drop(search, choice);
    plan_lives(search->plan);
    plan_places(search->plan);
}

/* The least work that fits; false: nothing does. */
static bool take_cheapest(struct search *search, struct choice *list, size_t count)
{
    qsort(list, count, sizeof *list, by_work);
    for (size_t i = 0; i < count; i++) {
        if (!fits_budget(search, list[i].least) || (i > 0 && list[i].work == list[i - 1].work))
            continue;
        lay_out(search, &list[i]);
        if (fits_budget(search, search->plan->floats))
            return true;
    }
    return false;
}

/* The dearest of the steps that run again and were not tried. */
static int dearest_again(const struct search *search, const bool *tried)
{
    int dearest = PLAN_NONE;
    for (int s = search->plan->frozen_steps; s < search->plan->steps; s++) {
        if (!tried[s] && search->plan->step[s].again != PLAN_NONE &&
            (dearest == PLAN_NONE || search->work[s] > search->work[dearest]))
            dearest = s;
    }
    return dearest;
}

/* Keeps what need not be dropped for the plan to fit, or, where nothing fits yet, to be as small. */
static void keep_more(struct search *search, bool fits)
{
    struct plan *plan = search->plan;
    bool *tried = mem_array((size_t)plan->steps + 1, sizeof *tried);
    double work, less;
    size_t least = try_lives(search, &work);
    for (int s = dearest_again(search, tried); s != PLAN_NONE; s = dearest_again(search, tried)) {
        tried[s] = true;
        plan->dropped[plan->step[s].out_node] = false;
        size_t floats = try_lives(search, &less);
        bool good = less < work && (fits ? fits_budget(search, floats) : floats <= least);
        if (good && fits) {
            plan_places(plan);
            good = fits_budget(search, plan->floats);
        }
        plan->dropped[plan->step[s].out_node] = !good;
        if (good) {
            work = less;
            least = floats;
        } else {
            plan_schedule(plan); /* again */
        }
    }
    plan_lives(plan);
    plan_places(plan);
    mem_free(tried);
}

/* The smallest layout that is found, with what does not make it larger kept. */
static void take_smallest(struct search *search, struct choice *list, size_t count)
{
    struct plan *plan = search->plan;
    size_t nodes = (size_t)plan->graph->nodes, smallest = SIZE_MAX;
    bool *dropped = mem_array(nodes, sizeof *dropped);
    qsort(list, count, sizeof *list, by_least);
    for (size_t i = 0; i < count && i < SMALLEST_TRIES; i++) {
        drop(search, &list[i]);
        keep_more(search, false);
        if (plan->floats < smallest) {
            smallest = plan->floats;
            memcpy(dropped, plan->dropped, nodes * sizeof *dropped);
        }
    }
    memcpy(plan->dropped, dropped, nodes * sizeof *dropped);
    plan_lives(plan);
    plan_places(plan);
    mem_free(dropped);
}

bool plan_recompute(struct plan *plan, size_t budget)
{
    struct search search;
    search_init(&search, plan, budget);
    size_t count = list_choices(&search, NULL);
    struct choice *list = mem_array(count, sizeof *list);
    for (search.slots = 1; search.slots < 2 * count;)
        search.slots *= 2;
    search.slot = mem_array(search.slots, sizeof *search.slot);
    list_choices(&search, list);
    bool good = take_cheapest(&search, list, count);
    if (!good) {
        take_smallest(&search, list, count);
        good = fits_budget(&search, plan->floats);
    }
    if (good)
        keep_more(&search, true);
    mem_free(list);
    search_finish(&search);
    return good;
}
