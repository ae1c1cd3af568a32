/* Costs of runs: bytes are those of the plans that a run would make, by the same options. Called by the trainer and by the
 * session. */
#include "config.h"

#include "cost_private.h"
#include "thaw/train/optim.h"

/* The first part of the data whose features are kept; -1: none is. */
static int kept_split(const struct scheme *scheme)
{
    for (int s = 0; s < DATASET_SPLITS; s++)
        if (scheme->views[s] > 0)
            return s;
    return -1;
}

struct plan *cost_filling(const struct scheme_request *request, const struct scheme *scheme)
{
    struct error unused; /* the batch is a block's: if it cannot be, the run says so */
    int split = kept_split(scheme);
    if (split < 0)
        return NULL;
    struct plan_options options = feature_cache_plan(&scheme->features[split]);
    options.team = NULL;
    options.threads = request->team ? team_threads(request->team) : request->threads;
    return plan_dry(request->graph, request->freeze, &options, &unused);
}

/* The frozen half's plan, the images of a block, and those that are read ahead. */
static size_t filling_bytes(const struct scheme *scheme, const struct graph *graph, const struct plan *filling)
{
    struct loader_options loading = feature_cache_loading(&scheme->features[kept_split(scheme)]);
    size_t images = (size_t)loading.batch * shape4_count(graph->node[0].shape) * sizeof(float);
    return plan_bytes(filling) + images + loader_batch_bytes(&loading);
}

struct train_bytes cost_bytes(const struct scheme_request *request, const struct scheme *scheme,
                              const struct plan *plan, const struct plan *filling)
{
    const struct graph *graph = request->graph;
    struct train_bytes bytes = {.weights = graph->values_count * sizeof(float), .plan = plan_cost(plan)};
    bytes.moments = optim_bytes(request->experiment->train.optimizer, graph, request->freeze);
    bytes.filling = filling ? filling_bytes(scheme, graph, filling) : 0;
    for (int s = 0; s < DATASET_SPLITS && request->dataset; s++) {
        struct loader_options loading = scheme_loading(request, (enum dataset_split)s);
        bool reads = scheme->views[s] == 0 && request->dataset->images[s].items > 0;
        bytes.batches += reads ? loader_batch_bytes(&loading) : 0;
        bytes.features += scheme->features[s].disk == 0 ? scheme->kept[s] : 0;
    }
    bytes.all = bytes.weights + bytes.moments + bytes.plan.bytes + bytes.batches + bytes.features + bytes.filling;
    return bytes;
}

static struct scheme_request scheme_of(const struct train_cost_request *request)
{
    bool measured = request->experiment->train.kernels == KERNELS_MEASURED;
    return (struct scheme_request){.experiment = request->experiment,
                                   .graph = request->graph,
                                   .freeze = request->freeze,
                                   .dataset = request->dataset,
                                   .kernels = measured ? request->kernels : NULL,
                                   .threads = request->threads};
}

struct loader_options train_cost_loading(const struct train_cost_request *request, enum dataset_split split)
{
    struct scheme_request scheme = scheme_of(request);
    return scheme_loading(&scheme, split);
}

bool train_cost(struct train_cost *cost, const struct train_cost_request *request, struct error *error)
{
    struct scheme_request of = scheme_of(request);
    struct scheme scheme;
    scheme_make(&scheme, &of);
    struct plan *plan = plan_dry(request->graph, request->freeze, &scheme.plan, error);
    *cost = (struct train_cost){0};
    if (!plan || !scheme_trains(request->freeze, request->graph, error)) {
        plan_destroy(plan);
        return false;
    }
    struct plan *filling = cost_filling(&of, &scheme);
    cost->bytes = cost_bytes(&of, &scheme, plan, filling);
    for (int s = 0; s < DATASET_SPLITS; s++)
        cost->kept += scheme.kept[s];
    bool fits = plan_fits(plan, &cost->refused);
    (void)fits; /* the kind tells */
    if (request->speed && request->pace && request->dataset)
        cost->seconds = cost_seconds(request, &scheme, plan, filling);
    plan_destroy(plan);
    plan_destroy(filling);
    return true;
}
