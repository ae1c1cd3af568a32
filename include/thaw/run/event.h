/* Events: what happens in a run, a JSON object a line in events.jsonl (thaw-run(5)), folded by run/story.h. Members marked
 * "owned" are copied by event_copy and freed by event_finish; who only hands an event down may borrow them. */
#ifndef THAW_RUN_EVENT_H
#define THAW_RUN_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thaw/base/error.h"
#include "thaw/base/hash.h"
#include "thaw/run/metrics.h"

enum { EVENT_VERSION = 2, EVENT_TEXT_MAX = 256 };

enum event_kind {
    EVENT_RUN,          /* the first line: format version, program version, what is trained on what */
    EVENT_LAYERS,       /* the layers that can be frozen, and the freeze plan that it begins with */
    EVENT_STEP,         /* one optimiser step */
    EVENT_EPOCH,        /* end of an epoch, training side */
    EVENT_EVAL,         /* a pass over the validation set */
    EVENT_LR,           /* the learning rate was changed by hand */
    EVENT_THAW,         /* the freeze plan changed, by hand or by schedule */
    EVENT_UPDATES,      /* which layers learn: update over weights */
    EVENT_PHASE,        /* what it is busy with, where that takes long */
    EVENT_FEATURES,     /* what the frozen part gives for every image is known */
    EVENT_FREEZE_PROOF, /* digests of what is frozen, compared */
    EVENT_CHECKPOINT,   /* a checkpoint was written */
    EVENT_WARNING,
    EVENT_PAUSE,   /* paused or continued */
    EVENT_EPOCHS,  /* it will have another number of epochs */
    EVENT_NOTE,    /* somebody's words */
    EVENT_COMMAND, /* a command was done or refused; its effects follow as events of their own */
    EVENT_FORK,    /* continued from a checkpoint (resume) */
    EVENT_DONE,    /* the last line of a run that ended on purpose */
    EVENT_KINDS
};

enum event_done {
    EVENT_DONE_FINISHED,
    EVENT_DONE_STOPPED,
    EVENT_DONE_EARLY,
    EVENT_DONE_INTERRUPTED,
    EVENT_DONE_FAILED,
    EVENT_DONES
};

enum event_phase {
    EVENT_PHASE_PREPARING, /* reading weights and data, compiling */
    EVENT_PHASE_FEATURES,  /* computing what the frozen part gives, `done` of `all` images */
    EVENT_PHASE_TRAINING,
    EVENT_PHASE_VALIDATING,
    EVENT_PHASES
};

struct event_layer {
    char name[64];  /* "layer1.0.conv1" */
    char stage[64]; /* "layer1" */
    char kind[24];  /* "conv 3x3 /2" */
    char shape[32]; /* of the output: "56x56x64" */
    bool head;
    double params, macs, activation_bytes; /* macs and bytes for one image */
    int marks;                             /* which of enum freeze_mark mean something for it, 0..15 */
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
            char program[32], task[16], model[64], data[EVENT_TEXT_MAX];
            int classes, batch, train_images, val_images, epochs, steps_per_epoch;
            uint64_t params_trainable, params_frozen, seed;
            uint64_t memory;              /* bytes: all that the run takes at a time, see train_bytes in train/cost.h */
            int recomputed;               /* calls of layers that a step makes a second time for want of memory ... */
            double recomputed_share;      /* ... and their share of the forward pass's multiply-adds, 0..1 */
            char weights[EVENT_TEXT_MAX]; /* how the pretrained weights matched; "" without them */
            char parent[EVENT_TEXT_MAX];  /* the run and checkpoint that it was forked from; "": none */
            struct hash split;            /* of the validation images that were split off; 0: none were */
            struct metric_definitions metrics;
            char *layout,
                *thaws; /* owned, or NULL: how the data lie; thaws to come, a line each: "5 layer4 @ lr*0.1" */
        } run;
        struct {
            struct event_layer *layer; /* owned */
            int count;
            char *fixed; /* owned: a hexadecimal digit of freeze marks a layer */
        } layers;
        struct {
            double loss, lr, images_per_second;
            int images;
            struct metrics metrics;
        } step_;
        struct {
            double loss, seconds;
            struct metrics metrics;
        } epoch_;
        struct {
            double loss, seconds;
            int images;
            bool best; /* the best so far */
            struct metrics metrics;
        } eval;
        struct {
            double from, to; /* of the next step */
        } lr;
        struct {
            char *layers; /* owned: what changed, as patterns; of a whole plan "layer1; thawed layer4.0" */
            char *fixed;  /* owned: the plan from here on, as in the "layers" event */
            bool frozen;  /* more is frozen than before; false: less */
            bool by_hand;
            double lr_factor;
            uint64_t params_trainable, params_frozen;
        } thaw;
        struct {
            float *ratio; /* owned, [count]: a layer; -1 where nothing moved. Three significant digits. */
            int count;
        } updates;
        struct {
            enum event_phase phase;
            int done, all; /* images */
        } phase;
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
            int from, to;
        } epochs;
        struct {
            char *text; /* owned */
            char by[64];
        } note;
        struct {
            char *command; /* owned: as run_command_to_json writes it */
            char by[64];
            bool done;
            char sentence[EVENT_TEXT_MAX]; /* why it was refused */
            int number; /* of those that were done, 1..; done again after a kill it is the same; 0: refused */
            int batch;  /* before which one of the epoch, 0.. */
        } command;
        struct {
            char from[EVENT_TEXT_MAX];
        } fork;
        struct {
            enum event_done how;
            double best, val_loss, seconds; /* best: of the first metric; NAN: none */
            int best_epoch;
            char text[EVENT_TEXT_MAX];
        } done;
    } u;
};

const char *event_kind_name(enum event_kind kind);               /* "step" */
const char *event_done_name(enum event_done how);                /* "finished"; NULL past the end */
const char *event_phase_name(enum event_phase phase);            /* "validating"; NULL past the end */
struct event event_copy(const struct event *event) THAW_NONNULL; /* as it comes back from the file */
void event_finish(struct event *event) THAW_NONNULL;

/* One JSON line without the newline; caller frees. Numbers round-trip exactly. */
char *event_to_json(const struct event *event) THAW_NONNULL;
/* The reverse; the event is then to be finished. *known false: of a kind that a newer program wrote, and EVENT_KINDS; what
 * all kinds have is there. Lines of version 1 are read: their accuracies become metrics. */
bool event_from_json(struct event *event, bool *known, const char *line, size_t length,
                     struct error *error) THAW_NONNULL THAW_MUST_CHECK;

struct run_answer;
/* Where events and answers to commands (run/command.h) go. Called on the trainer's thread; must not block for long. The
 * event's owned members are borrowed. answer may be NULL. */
struct event_sink {
    void (*emit)(void *context, const struct event *event);
    void *context;
    void (*answer)(void *context, const struct run_answer *answer);
};

#endif
