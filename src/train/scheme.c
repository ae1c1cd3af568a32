/* The decisions of a run. Called by the trainer when it begins and whenever its freeze plan changes, and by cost.c. */
#include "config.h"

#include "scheme.h"

#include "thaw/base/machine.h"

bool scheme_trains(const struct freeze *freeze, const struct graph *graph, struct error *error)
{
    return freeze_counts(freeze, graph).trainable > 0 ||
           error_set(error, ERROR_USAGE, "every layer would be frozen: nothing is left to train");
}

/* --- images --- */

/* Bytes of decoded images that are kept of a part: validation has at most a quarter, and no more than all its views. */
static size_t image_bytes(const struct scheme_request *request, enum dataset_split split)
{
    int megabytes = request->experiment->data.image_memory;
    size_t all = megabytes >= 0 ? (size_t)megabytes << 20 : machine_memory() / 8;
    const struct preprocess *p = &request->graph->preprocess;
    size_t items = request->dataset ? request->dataset->images[DATASET_VAL].items : 0;
    size_t views = items * (size_t)p->width * (size_t)p->height * 3;
    size_t validation = views < all / 4 ? views : all / 4;
    return split == DATASET_VAL ? validation : all - validation;
}

struct loader_options scheme_loading(const struct scheme_request *request, enum dataset_split split)
{
    const struct experiment *experiment = request->experiment;
    bool train = split == DATASET_TRAIN;
    return (struct loader_options){
        .preprocess = request->graph->preprocess,
        .batch = experiment->train.batch,
        .shuffle = train,
        .augment = train ? experiment->data.augment : AUGMENT_NONE,
        .views = train ? experiment->data.views : 0,
        .seed = experiment->train.seed,
        .threads = request->team ? team_threads(request->team) : team_cores(request->threads),
        .cache_bytes = image_bytes(request, split),
        .fast = train && experiment->data.decode == IMAGE_DECODE_FAST,
    };
}

/* --- features --- */

static void keep_features(struct scheme *scheme, const struct scheme_request *request, enum dataset_split split)
{
    const struct experiment *experiment = request->experiment;
    struct feature_cache_options *options = &scheme->features[split];
    *options = (struct feature_cache_options){
        .graph = request->graph,
        .freeze = request->freeze,
        .images = &request->dataset->images[split],
        .loader = scheme_loading(request, split),
        .type = experiment->data.cache == CACHE_F16 ? TENSOR_F16 : TENSOR_F32,
        .disk = (size_t)experiment->data.cache_disk << 20,
        .memory = (size_t)experiment->data.cache_memory << 20,
        .kernels = request->kernels,
        .no_winograd = experiment->train.winograd == WINOGRAD_OFF,
        .team = request->team,
    };
    if (experiment->data.cache != CACHE_OFF && !request->uncached[split])
        scheme->views[split] = feature_cache_would_keep(options, &scheme->kept[split], &scheme->why[split]);
}

/* --- plan --- */

/* Where it is left to the machine, a quarter of the memory that is there stays for decoded images, the optimiser and
 * others. Any budget gives the same bits, so it need not be the same when a run goes on. */
static size_t plan_budget(const struct experiment *experiment)
{
    int megabytes = experiment->train.memory;
    return megabytes > 0 ? (size_t)megabytes << 20 : (machine_memory_available("") + 3) / 4 * 3;
}

void scheme_make(struct scheme *scheme, const struct scheme_request *request)
{
    const struct experiment *experiment = request->experiment;
    bool whole = request->dataset == NULL; /* images go through the frozen half */
    *scheme = (struct scheme){.plan = {0}};
    for (int s = 0; s < DATASET_SPLITS && request->dataset; s++) {
        keep_features(scheme, request, (enum dataset_split)s);
        whole = whole || (scheme->views[s] == 0 && request->dataset->images[s].items > 0);
    }
    scheme->plan = (struct plan_options){.batch = experiment->train.batch,
                                         .half = whole ? PLAN_WHOLE : PLAN_THAWED,
                                         .training = true,
                                         .kernels = request->kernels,
                                         .budget = plan_budget(experiment),
                                         .no_winograd = experiment->train.winograd == WINOGRAD_OFF,
                                         .fold = true,
                                         .team = request->team,
                                         .threads = request->threads};
}
