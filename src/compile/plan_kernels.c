/* How each step's jobs are done, and weights that do not move in the form in which their kernel reads them. Kernels are
 * chosen once, for the images that a step runs together: fewer of them, at the end of an epoch, are computed the same
 * way. Called by plan_create; a function of the shapes and the options alone. */
#include "config.h"

#include <string.h>

#include "plan_private.h"

static int choose(const struct plan *plan, int s, enum op_job job, int n)
{
    const struct plan_step *step = &plan->step[s];
    const struct op_def *def = op_get(plan->graph->node[step->node].kind);
    bool kept = s < plan->frozen_steps && plan->fold;
    const char *name = NULL;
    if (plan->kernels)
        name = kernel_table_find(plan->kernels, plan->graph, step->node, job, kept, plan->no_winograd);
    struct op_kernel list[OP_KERNELS_MAX];
    step->in_shape[0].n = n;
    int count = def->kernels(&step->attrs, step->in_shape, plan_shape(plan, step->node, n), job, list), i = 0;
    while (plan->no_winograd && list[i].transforms && i < count - 1)
        i++;
    for (int k = 0; k < count && name; k++)
        if (strcmp(list[k].name, name) == 0)
            return list[k].number;
    return list[i].number;
}

void plan_choose_kernels(struct plan *plan)
{
    for (int s = 0; s < plan->steps; s++) {
        struct plan_step *step = &plan->step[s];
        const struct op_def *def = op_get(plan->graph->node[step->node].kind);
        step->prepared = SIZE_MAX;
        if (def->kernels == NULL)
            continue;
        for (enum op_job job = OP_JOB_FORWARD; job < OP_JOBS; job++) {
            if (job == OP_JOB_FORWARD || step->backward)
                step->attrs.kernel[job] = (unsigned char)choose(plan, s, job, step->images);
        }
    }
}

size_t plan_prepared_floats(const struct plan *plan, int s)
{
    const struct plan_step *step = &plan->step[s];
    const struct op_def *def = op_get(plan->graph->node[step->node].kind);
    if (s >= plan->frozen_steps || !plan->fold || def->prepared_floats == NULL)
        return 0;
    step->in_shape[0].n = step->images;
    return def->prepared_floats(&step->attrs, step->in_shape, plan_shape(plan, step->node, step->images));
}

void plan_prepare_step(struct plan *plan, int s, float *const *param)
{
    struct plan_step *step = &plan->step[s];
    step->in_shape[0].n = step->images;
    struct op_call call = {.attrs = &step->attrs,
                           .inputs = 1,
                           .in_shape = step->in_shape,
                           .out_shape = plan_shape(plan, step->node, step->images),
                           .param = param,
                           .team = plan->team};
    op_get(plan->graph->node[step->node].kind)->prepare(&call, plan_floats(plan, step->prepared));
}

const char *plan_step_kernel(const struct plan *plan, const struct plan_step *step, enum op_job job)
{
    const struct op_def *def = op_get(plan->graph->node[step->node].kind);
    struct op_kernel list[OP_KERNELS_MAX];
    if (def->kernels == NULL || (job != OP_JOB_FORWARD && !step->backward))
        return NULL;
    step->in_shape[0].n = step->images;
    int count = def->kernels(&step->attrs, step->in_shape, plan_shape(plan, step->node, step->images), job, list);
    for (int i = 0; i < count; i++) {
        if (list[i].number == step->attrs.kernel[job])
            return list[i].name;
    }
    return NULL;
}

const char *plan_kernel_name(const struct plan *plan, int node, enum op_job job)
{
    for (int s = 0; s < plan->steps; s++) {
        if (plan->step[s].node == node)
            return plan_step_kernel(plan, &plan->step[s], job);
    }
    return NULL;
}
