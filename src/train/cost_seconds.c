/* Epochs in seconds: what computing takes, what reading images takes on the same cores meanwhile, and what is done beside
 * it. */
#include "config.h"

#include "cost_private.h"
#include "feature_file.h"
#include "thaw/train/optim.h"

struct timing {
    const struct train_cost_request *request;
    const struct scheme *scheme;
    struct speed_of_plan step, fill; /* of a batch, of a block */
    int batch, block;
    double cores;
};

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static double items_of(const struct timing *timing, enum dataset_split split)
{
    return (double)timing->request->dataset->images[split].items;
}

/* Computing on `threads` beside reading, which takes so many seconds of one thread, by so many: neither is faster than
 * alone, and both share the cores. */
static double together(const struct timing *timing, double computing, double reading, int readers)
{
    double threads = timing->request->speed->threads, cores = timing->cores;
    double used = threads < cores ? threads : cores, at_once = readers < cores ? readers : cores;
    return larger(larger(computing, reading / at_once), (computing * used + reading) / cores);
}

/* Making features of all images of a part, one view. */
static double fill_seconds(const struct timing *timing, enum dataset_split split)
{
    double images = items_of(timing, split);
    struct loader_options loading = feature_cache_loading(&timing->scheme->features[split]);
    if (timing->scheme->views[split] == 0)
        return 0;
    return together(timing, images * timing->fill.frozen / timing->block, images * timing->request->pace[split].view,
                    loading.threads);
}

/* Seconds of one thread to read a part's images: the first time, or once what there is room for is kept. */
static double read_seconds(const struct timing *timing, enum dataset_split split, bool first)
{
    const struct data_pace *pace = &timing->request->pace[split];
    double images = items_of(timing, split), room = (double)timing->scheme->features[split].loader.cache_bytes;
    double share = pace->bytes > 0 ? room / (images * pace->bytes) : 0;
    share = share < 1 ? share : 1;
    double anew = room > 0 ? share * pace->first + (1 - share) * pace->view : pace->view;
    return images * (first ? anew : share * pace->kept + (1 - share) * pace->view);
}

/* Taking kept features to where the thawed half reads them. */
static double load_seconds(const struct timing *timing, enum dataset_split split)
{
    int views = timing->scheme->views[split];
    return views > 0 ? 2 * (double)timing->scheme->kept[split] / views / sizeof(float) / timing->request->speed->memory
                     : 0;
}

/* A pass over a part's images. `thawed`: seconds of a batch above the frontier; `beside`: of each batch, for the rest. */
static double pass_seconds(const struct timing *timing, enum dataset_split split, bool first, double thawed,
                           double beside)
{
    double batches = items_of(timing, split) / timing->batch;
    bool kept = timing->scheme->views[split] > 0;
    double computing = batches * (thawed + beside + (kept ? 0 : timing->step.frozen));
    if (kept)
        return computing + load_seconds(timing, split);
    return together(timing, computing, read_seconds(timing, split, first),
                    timing->scheme->features[split].loader.threads);
}

/* What a batch takes beside the network, in calls of the smallest op: the loss, an event's line, the status. */
enum { CALLS_OF_STEP = 6, CALLS_OF_EVALUATION = 3 };

static double training_seconds(const struct timing *timing, bool first)
{
    const struct train_cost_request *request = timing->request;
    double update =
        optim_floats(request->experiment->train.optimizer, request->graph, request->freeze) / request->speed->memory;
    return pass_seconds(timing, DATASET_TRAIN, first, timing->step.forward + timing->step.backward,
                        update + CALLS_OF_STEP * request->speed->call);
}

static double epoch_seconds(const struct timing *timing, bool first)
{
    double validation = pass_seconds(timing, DATASET_VAL, first, timing->step.evaluate,
                                     CALLS_OF_EVALUATION * timing->request->speed->call);
    return training_seconds(timing, first) + validation;
}

struct train_seconds cost_seconds(const struct train_cost_request *request, const struct scheme *scheme,
                                  const struct plan *plan, const struct plan *filling)
{
    struct timing timing = {.request = request,
                            .scheme = scheme,
                            .step = speed_of_plan(request->speed, request->kernels, plan),
                            .batch = scheme->plan.batch,
                            .block = 1,
                            .cores = team_cores(0)};
    if (filling) {
        timing.fill = speed_of_plan(request->speed, request->kernels, filling);
        timing.block = FEATURE_BLOCK;
    }
    struct train_seconds seconds = {.known = true,
                                    .later = epoch_seconds(&timing, false),
                                    .training = training_seconds(&timing, false),
                                    .unknown = timing.step.unknown + timing.fill.unknown};
    seconds.firsts = scheme->views[DATASET_TRAIN] > 1 ? scheme->views[DATASET_TRAIN] : 1;
    double fresh = (double)(plan_bytes(plan) + (filling ? plan_bytes(filling) : 0)) / sizeof(float);
    seconds.first = epoch_seconds(&timing, true) + fill_seconds(&timing, DATASET_TRAIN) +
                    fill_seconds(&timing, DATASET_VAL) + fresh / request->speed->touch;
    return seconds;
}
