/* How many images the frozen half runs together. A network's first layers pass tens of megabytes an image from one to
 * the next; run over a whole batch, each of them would read from memory what the one before it wrote there. So steps
 * that follow each other form a stretch, and a stretch takes so few images at a time that what a step reads and writes
 * stays in the cache. Later layers are small and their weights large: they take more images, down to one portion.
 * Where there are as many portions as workers, each worker takes portions of its own through the whole stretch: nothing
 * passes between cores, and they meet at its end only.
 * Called by plan_create; a function of the shapes and the batch alone.
 */
#include "config.h"

#include "plan_private.h"

/* What a step may read and write: a part of the last-level cache that a core can count on. */
static const size_t portion_floats = (size_t)3 << 19;
/* A stretch ends where this many times its images fit: the value between two stretches goes through memory. */
enum { WORTH_A_CUT = 4 };

static size_t image_floats(const struct plan *plan, int node)
{
    return shape4_count(plan_shape(plan, node, 1));
}

static int images_fitting(const struct plan *plan, const struct plan_step *step)
{
    const struct graph_node *row = &plan->graph->node[step->node];
    size_t floats = image_floats(plan, step->out_node);
    for (int i = 0; i < row->inputs; i++)
        floats += image_floats(plan, row->input[i]);
    if (step->residual != PLAN_NONE)
        floats += image_floats(plan, step->residual);
    size_t images = plan->portion > 0 ? (size_t)plan->portion : portion_floats / floats;
    return images < 1 ? 1 : images > (size_t)plan->batch ? plan->batch : (int)images;
}

/* Portions of even size. */
static int even(int batch, int images)
{
    int portions = (batch + images - 1) / images;
    return (batch + portions - 1) / portions;
}

/* What is read outside the stretch that writes it has room for the whole batch. */
static void find_whole_values(struct plan *plan)
{
    const struct graph *graph = plan->graph;
    int *stretch = mem_array((size_t)graph->nodes, sizeof *stretch); /* by its last step, from 1; 0: no step's value */
    for (int s = 0; s < plan->steps; s++) {
        const struct plan_step *step = &plan->step[s];
        const struct graph_node *row = &graph->node[step->node];
        int own = step->stretch_end + 1;
        for (int i = 0; i < row->inputs; i++)
            plan->whole[row->input[i]] = plan->whole[row->input[i]] || stretch[row->input[i]] != own;
        if (step->residual != PLAN_NONE)
            plan->whole[step->residual] = plan->whole[step->residual] || stretch[step->residual] != own;
        stretch[step->out_node] = own;
        plan->whole[step->out_node] = s >= plan->frozen_steps;
    }
    plan->whole[graph->output] = true;
    for (int i = 0; i < plan->crossings; i++)
        plan->whole[plan->crossing[i]] = true;
    mem_free(stretch);
}

static bool starts_at(const struct plan *plan, int s)
{
    return plan->start > 0 && plan->step[s - 1].node < plan->start && plan->step[s].node >= plan->start;
}

void plan_portions(struct plan *plan)
{
    int threads = plan->threads,
        *images = mem_array((size_t)plan->steps + 1, sizeof *images); /* that fit from this step on */
    images[plan->frozen_steps] = plan->batch;
    for (int s = plan->frozen_steps - 1; s >= 0; s--) {
        int own = images_fitting(plan, &plan->step[s]);
        images[s] = own < images[s + 1] ? own : images[s + 1];
    }
    for (int s = 0; s < plan->steps;) {
        int end = s + 1, portion = plan->batch, cut;
        if (s < plan->frozen_steps && plan->fold) {
            while (end < plan->frozen_steps && images[end] < WORTH_A_CUT * images[s])
                end++;
            portion = even(plan->batch, images[s]);
        }
        for (cut = s + 1; cut < end && !starts_at(plan, cut);) /* in two, with the portions of one: the same bits */
            cut++;
        for (int step = s; step < end; step++) {
            plan->step[step].stretch_end = step < cut ? cut - 1 : end - 1;
            plan->step[step].images = portion;
            plan->step[step].lanes = threads > 1 && portion * threads <= plan->batch;
        }
        s = end;
    }
    find_whole_values(plan);
    mem_free(images);
}
