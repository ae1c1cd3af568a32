/* The story of a run: the ONE fold of its events. Whoever shows, lists or prints a run feeds a story and reads it: live,
 * recorded, replayed or over a line, the same events give the same story. A story computes nothing of its own but sums
 * and guesses of the time that is left. */
#ifndef THAW_RUN_STORY_H
#define THAW_RUN_STORY_H

#include "thaw/run/event.h"

struct story_point {
    double x; /* epochs done, as a fraction: curves of other batch sizes lie over each other */
    double y;
};
struct story_curve {
    struct story_point *point;
    size_t points, room;
};

/* A mark on the plots and a line of the list of events. */
struct story_note {
    double x;
    int epoch;
    enum event_kind kind;
    char *text; /* the story's */
    char by[64];
};

/* A thaw that the schedule will make, or has made. */
struct story_thaw {
    int epoch; /* at whose beginning */
    char *text;
    bool made;
};

struct story {
    uint64_t events;                                   /* folded so far: the number of the next one, from 0 */
    double time;                                       /* of the last one, seconds since 1970 */
    struct event run;                                  /* kind EVENT_KINDS: nothing is known yet */
    struct event done;                                 /* the same: it has not ended */
    struct event proof, features, checkpoint, command; /* the last of each; proof: since the freeze plan changed */

    /* the layers that can be frozen; rows of all lists below */
    struct event_layer *layer;
    int layers;
    char *fixed, *fixed_first;  /* [layers] freeze marks as hexadecimal digits: now, and as it began; NULL: not told */
    float *update;              /* [layers] update over weights; -1: still */
    uint64_t trainable, frozen; /* learnable values */
    bool keeps_features;        /* of the training images, with the plan as it is */

    int epoch, epochs, epochs_done; /* epoch 1.. */
    uint64_t step, resumed;         /* resumed: how often */
    double elapsed;                 /* seconds of training */
    double lr;                      /* of the last step, or as it was set since */
    double rate;                    /* images a second, smoothed; 0: not known */
    enum event_phase phase;
    int phase_done, phase_all; /* images */
    bool paused;

    /* of the running epoch so far, or of the last one */
    double loss;
    struct metrics figures;
    double loss_sum, figure_sum[METRICS_MAX];
    uint64_t images;
    int sum_epoch;
    /* of the last and the best evaluation; NAN: none yet */
    double val_loss, val_seconds, fill_seconds, best, best_loss;
    int val_images, val_images_most, best_epoch; /* most: of any evaluation before */
    struct metrics val_figures, best_figures;

    struct story_curve train_loss, val_loss_curve, lr_curve;
    struct story_curve train_figure[METRICS_MAX], val_figure[METRICS_MAX]; /* in the order of the definitions */
    struct story_note *note;
    size_t notes;
    struct story_thaw *thaw;
    size_t thaws;
};

void story_init(struct story *story) THAW_NONNULL;
void story_finish(struct story *story) THAW_NONNULL; /* and empty again */
/* Takes an event in; whatever it says, a number that is out of its range changes nothing else. */
void story_add(struct story *story, const struct event *event) THAW_NONNULL;

/* The first metric, which decides what is best; NULL: none is defined. */
const struct metric_definition *story_metric(const struct story *story) THAW_NONNULL;
/* Steps of the running epoch done, of how many. */
int story_batch(const struct story *story, int *batches) THAW_NONNULL;
/* Seconds that are left; -1: not known. */
double story_remaining(const struct story *story) THAW_NONNULL;
/* The same until the end of an epoch, at the pace of now. */
double story_remaining_until(const struct story *story, int epoch) THAW_NONNULL;
/* Freeze marks of a row now, enum freeze_mark bits; 0 where nothing was told. */
unsigned story_fixed(const struct story *story, int layer) THAW_NONNULL;
/* Whether what the frozen part gives is kept, so that steps begin behind it. */
bool story_keeps_features(const struct story *story) THAW_NONNULL;

/* Where a run stands. alive: a process trains in it. */
enum story_state {
    STORY_PREPARING, /* no event yet, or it says so */
    STORY_FEATURES,
    STORY_TRAINING,
    STORY_PAUSED,
    STORY_VALIDATING,
    STORY_FINISHED,
    STORY_STOPPED,
    STORY_EARLY,
    STORY_INTERRUPTED,
    STORY_FAILED,
    STORY_BROKEN_OFF, /* no end is recorded, and nobody trains in it */
    STORY_STATES
};
enum story_state story_state(const struct story *story, bool alive) THAW_NONNULL;
const char *story_state_word(enum story_state state); /* "training", "stopped early", "broken off" */
bool story_state_is_live(enum story_state state);     /* preparing .. validating */

#endif
