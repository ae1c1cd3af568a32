/* What is read off a story: where it stands, how far it is, what is left. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "thaw/run/run_state.h"
#include "thaw/run/story.h"

const struct metric_definition *story_metric(const struct story *story)
{
    bool known = story->run.kind == EVENT_RUN && story->run.u.run.metrics.count > 0;
    return known ? &story->run.u.run.metrics.of[0] : NULL;
}

int story_batch(const struct story *story, int *batches)
{
    int all = story->run.kind == EVENT_RUN ? story->run.u.run.steps_per_epoch : 0;
    *batches = all;
    if (all <= 0 || story->step == 0)
        return 0;
    /* The last step of an epoch leaves it full until the next one begins. */
    uint64_t before = (uint64_t)(story->epoch > 0 ? story->epoch - 1 : 0) * (uint64_t)all;
    if (story->step < before)
        return (int)((story->step + (uint64_t)all - 1) % (uint64_t)all) + 1;
    uint64_t batch = story->step - before;
    return batch > (uint64_t)all ? all : (int)batch;
}

double story_remaining(const struct story *story)
{
    return story_remaining_until(story, story->epochs);
}

double story_remaining_until(const struct story *story, int epoch)
{
    const struct event *run = &story->run;
    int batches, batch = story_batch(story, &batches);
    if (story->done.kind == EVENT_DONE)
        return 0;
    if (run->kind != EVENT_RUN || story->rate <= 0 || batches <= 0 || story->epoch < 1)
        return -1;
    double epochs = (double)epoch - story->epoch, left = epochs + 1 - (double)batch / batches;
    double whole = epochs + (batch < batches);
    return fmax(left, 0) * run->u.run.train_images / story->rate + fmax(whole, 0) * story->val_seconds;
}

unsigned story_fixed(const struct story *story, int layer)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = story->fixed && layer >= 0 && layer < story->layers ? strchr(digits, story->fixed[layer]) : NULL;
    return at && *at ? (unsigned)(at - digits) : 0;
}

bool story_keeps_features(const struct story *story)
{
    return story->keeps_features;
}

static const char *const words[] = {
    [STORY_PREPARING] = "preparing", [STORY_FEATURES] = "computing features", [STORY_TRAINING] = "training",
    [STORY_PAUSED] = "paused",       [STORY_VALIDATING] = "validating",       [STORY_BROKEN_OFF] = "broken off",
};

enum story_state story_state(const struct story *story, bool alive)
{
    static const enum story_state ends[] = {
        [EVENT_DONE_FINISHED] = STORY_FINISHED, [EVENT_DONE_STOPPED] = STORY_STOPPED,
        [EVENT_DONE_EARLY] = STORY_EARLY,       [EVENT_DONE_INTERRUPTED] = STORY_INTERRUPTED,
        [EVENT_DONE_FAILED] = STORY_FAILED,
    };
    static const enum story_state phases[] = {
        [EVENT_PHASE_PREPARING] = STORY_PREPARING,
        [EVENT_PHASE_FEATURES] = STORY_FEATURES,
        [EVENT_PHASE_TRAINING] = STORY_TRAINING,
        [EVENT_PHASE_VALIDATING] = STORY_VALIDATING,
    };
    _Static_assert(THAW_LENGTH(ends) == EVENT_DONES && THAW_LENGTH(phases) == EVENT_PHASES, "a state for each");
    if (story->done.kind == EVENT_DONE)
        return ends[story->done.u.done.how];
    if (!alive)
        return STORY_BROKEN_OFF;
    if (story->run.kind != EVENT_RUN)
        return STORY_PREPARING;
    return story->paused ? STORY_PAUSED : phases[story->phase];
}

const char *story_state_word(enum story_state state)
{
    static const enum event_done how[] = {
        [STORY_FINISHED] = EVENT_DONE_FINISHED, [STORY_STOPPED] = EVENT_DONE_STOPPED,
        [STORY_EARLY] = EVENT_DONE_EARLY,       [STORY_INTERRUPTED] = EVENT_DONE_INTERRUPTED,
        [STORY_FAILED] = EVENT_DONE_FAILED,
    };
    return (size_t)state < THAW_LENGTH(words) && words[state] ? words[state] : run_done_word(how[state]);
}

bool story_state_is_live(enum story_state state)
{
    return state <= STORY_VALIDATING;
}
