/* Events: what happens in a run, one JSON object a line in events.jsonl. Live and recorded runs feed the screens
 * through the same sink. The fields of each kind are listed at its struct; HACKING.md says how to add a kind. */
#ifndef THAW_RUN_EVENT_H
#define THAW_RUN_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thaw/base/error.h"
#include "thaw/base/hash.h"

enum { EVENT_VERSION = 1, EVENT_TEXT_MAX = 256 };

enum event_kind {
    EVENT_RUN,          /* the first line: format version, program version, what is trained on what */
    EVENT_STEP,         /* one optimiser step */
    EVENT_EPOCH,        /* end of an epoch, training side */
    EVENT_EVAL,         /* a pass over the validation set */
    EVENT_LR,           /* the learning rate was changed by hand */
    EVENT_THAW,         /* the freeze plan changed, by hand or by schedule */
    EVENT_FEATURES,     /* what the frozen part gives for every image is known */
    EVENT_FREEZE_PROOF, /* digests of what is frozen, compared */
    EVENT_CHECKPOINT,   /* a checkpoint was written */
    EVENT_WARNING,
    EVENT_PAUSE, /* paused or continued */
    EVENT_FORK,  /* continued from a checkpoint (resume) */
    EVENT_DONE,  /* the last line of a run that ended on purpose */
    EVENT_KINDS
};

enum event_done {
    EVENT_DONE_FINISHED,
    EVENT_DONE_STOPPED,
    EVENT_DONE_EARLY,
    EVENT_DONE_INTERRUPTED,
    EVENT_DONE_FAILED
};

struct event {
    enum event_kind kind;
    double time;    /* wall clock, seconds since 1970 */
    double elapsed; /* training time since the run began, pauses left out, seconds */
    int epoch;      /* 1.. while training */
    uint64_t step;  /* optimiser steps done */
    union {
        struct {
            int version;
            char program[32], model[64], data[EVENT_TEXT_MAX];
            int classes, train_images, val_images, epochs, steps_per_epoch;
            uint64_t params_trainable, params_frozen, seed;
            uint64_t memory;              /* bytes: all that the run takes at a time, see train_bytes in train/cost.h */
            int recomputed;               /* calls of layers that a step makes a second time for want of memory ... */
            double recomputed_share;      /* ... and their share of the forward pass's multiply-adds, 0..1 */
            char weights[EVENT_TEXT_MAX]; /* how the pretrained weights matched; "" without them */
        } run;
        struct {
            double loss, lr, images_per_second;
            int images, correct;
        } step_;
        struct {
            double loss, accuracy, seconds; /* accuracy 0..1 */
        } epoch_;
        struct {
            double loss, accuracy, top5, seconds;
            bool best; /* the best accuracy so far */
        } eval;
        struct {
            double from, to;
        } lr;
        struct {
            char layers[EVENT_TEXT_MAX]; /* what changed, as patterns */
            bool frozen;                 /* true: frozen, false: thawed */
            bool by_hand;
            uint64_t params_trainable, params_frozen;
        } thaw;
        struct {
            bool validation;      /* else of the training images */
            int images, computed; /* computed now; the others were kept */
            char from[96];        /* the layer behind which it went on; "": from the images */
            bool in_memory;       /* not in the cache on disk */
            uint64_t bytes;
            double seconds;
        } features;
        struct {
            int tensors;
            struct hash digest;
            bool held;      /* nothing moved */
            char moved[96]; /* the first tensor that did */
        } proof;
        struct {
            char file[EVENT_TEXT_MAX]; /* relative to the run directory */
            bool best;
        } checkpoint;
        struct {
            char text[EVENT_TEXT_MAX];
        } warning;
        struct {
            bool paused;
        } pause;
        struct {
            char from[EVENT_TEXT_MAX];
        } fork;
        struct {
            enum event_done how;
            double best_accuracy, val_loss, seconds;
            int best_epoch;
            char text[EVENT_TEXT_MAX];
        } done;
    } u;
};

const char *event_kind_name(enum event_kind kind); /* "step" */

/* One JSON line without the newline; caller frees. Numbers round-trip exactly. */
char *event_to_json(const struct event *event) THAW_NONNULL;
/* The reverse. Unknown kinds: *known false and true returned (a newer program wrote them). */
bool event_from_json(struct event *event, bool *known, const char *line, size_t length,
                     struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* Where events go. Called on the trainer's thread; must not block for long. */
struct event_sink {
    void (*emit)(void *context, const struct event *event);
    void *context;
};

#endif
