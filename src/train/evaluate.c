/* Judging a model on labelled images. Called by the eval verb. */
#include "config.h"

#include "thaw/train/evaluate.h"

#include <string.h>

#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/compile/exec.h"
#include "thaw/ops/loss.h"

struct judging {
    const struct evaluation_request *request;
    struct team *team;
    struct plan *plan;
    struct evaluation *sums;
};

static void measure(const struct judging *judging, enum dataset_split split, const struct batch *batch)
{
    static const struct loss_options options = {0};
    const struct evaluation_request *request = judging->request;
    struct evaluation *sums = judging->sums;
    const float *logits = exec_forward(judging->plan, batch->input, batch->n, false, 0, 0);
    struct loss_result result =
        loss_cross_entropy(logits, batch->label, batch->n, request->graph->classes, &options, NULL, NULL, NULL);
    sums->loss += result.loss * batch->n;
    sums->images += (uint64_t)batch->n;
    sums->correct += (uint64_t)result.correct;
    sums->correct5 += (uint64_t)result.correct5;
    if (request->each)
        request->each(request->context, split, batch, logits);
}

/* What no file says anything of any more is no matter of the figures. */
static bool count_unreadable(const struct judging *judging, enum dataset_split split, struct loader *loader,
                             struct error *error)
{
    const struct loader_bad *bad;
    size_t count = loader_take_bad(loader, &bad);
    for (size_t i = 0; i < count; i++) {
        if (bad[i].fault == LOADER_LOST)
            return error_set(error, ERROR_DATA, "%s: lost while images were judged: %s",
                             judging->request->dataset->images[split].item[bad[i].index].path, bad[i].reason);
        judging->sums->unreadable += bad[i].fault == LOADER_UNREADABLE;
    }
    return true;
}

static bool judge_split(const struct judging *judging, enum dataset_split split, struct error *error)
{
    const struct evaluation_request *request = judging->request;
    struct loader_options options = {.preprocess = request->graph->preprocess,
                                     .batch = request->batch,
                                     .augment = AUGMENT_NONE,
                                     .threads = team_threads(judging->team)};
    struct loader *loader = loader_create(&request->dataset->images[split], &options, error);
    if (!loader)
        return false;
    bool goes_on = true, whole = true;
    int done = 0, all = loader_batches(loader);
    loader_begin(loader, 1, 0);
    for (struct batch *batch; goes_on && whole && (batch = loader_next(loader)); loader_release(loader, batch)) {
        whole = count_unreadable(judging, split, loader, error);
        if (batch->n)
            measure(judging, split, batch);
        goes_on = !request->tell || request->tell(request->context, ++done, all);
    }
    loader_destroy(loader);
    if (!whole)
        return false;
    return goes_on || error_set(error, ERROR_STOPPED, "stopped before all images were judged");
}

/* Files set aside on opening. Where the parts were split off, those count for any. */
static uint64_t count_set_aside(const struct evaluation_request *request)
{
    const struct dataset *dataset = request->dataset;
    uint64_t count = 0;
    for (size_t i = 0; i < dataset->bad_count; i++) {
        enum dataset_split split = dataset->bad[i].split;
        bool split_off = !dataset->own_validation && split == DATASET_TRAIN;
        count += split == DATASET_PARTS || split_off ? request->split[DATASET_TRAIN] || request->split[DATASET_VAL]
                                                     : request->split[split];
    }
    return count;
}

/* Why not one image was judged: a part that is not there, or one that cannot be read. */
static bool refuse_none(const struct evaluation_request *request, struct error *error)
{
    static const char *const words[] = {"training part", "validation part", "test part"};
    const struct dataset *dataset = request->dataset;
    const char *word = NULL;
    size_t images = 0;
    for (int s = 0; s < DATASET_PARTS; s++) {
        images += request->split[s] ? dataset->images[s].items : 0;
        word = !request->split[s] ? word : word ? "classes" : words[s];
    }
    if (images || count_set_aside(request))
        return error_set(error, ERROR_DATA, "%s: no image of its %s could be read", dataset->path,
                         word ? word : "classes");
    return error_set(error, ERROR_DATA, "%s: it has no %s%s", dataset->path, word ? word : "images",
                     request->split[DATASET_VAL] ? "; data.val = 0.2 splits off a fifth as one" : "");
}

bool evaluate(const struct evaluation_request *request, struct evaluation *evaluation, struct error *error)
{
    struct judging judging = {.request = request, .team = team_create(request->threads), .sums = evaluation};
    struct plan_options options = {.batch = request->batch, .training = false, .fold = true, .team = judging.team};
    judging.plan = plan_create(request->graph, NULL, &options, error);
    bool good = judging.plan != NULL;
    double began = clock_monotonic();
    *evaluation = (struct evaluation){.unreadable = count_set_aside(request)};
    for (enum dataset_split s = 0; good && s < DATASET_PARTS; s++)
        if (request->split[s] && request->dataset->images[s].items)
            good = judge_split(&judging, s, error);
    evaluation->seconds = clock_monotonic() - began;
    plan_destroy(judging.plan);
    team_destroy(judging.team);
    if (evaluation->images)
        evaluation->loss /= (double)evaluation->images;
    else if (good)
        good = refuse_none(request, error);
    return good;
}
