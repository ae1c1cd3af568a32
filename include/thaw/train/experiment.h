/* An experiment: everything that decides a run, as an INI file and as a struct. One table of keys serves the file, the
 * command line (--set section.key=value), the settings on the screens and the resolved copy in the run directory. */
#ifndef THAW_TRAIN_EXPERIMENT_H
#define THAW_TRAIN_EXPERIMENT_H

#include <stdint.h>

#include "thaw/base/error.h"
#include "thaw/data/dataset.h"
#include "thaw/data/loader.h"
#include "thaw/data/reader.h"
#include "thaw/network/freeze.h"

enum optimizer_kind { OPTIMIZER_SGD, OPTIMIZER_NESTEROV, OPTIMIZER_ADAMW, OPTIMIZERS };
enum schedule_kind { SCHEDULE_CONSTANT, SCHEDULE_STEP, SCHEDULE_COSINE, SCHEDULES };
/* Batch-norm statistics of layers that are not frozen; frozen layers never move theirs. */
enum bn_statistics { BN_STATS_MOVING, BN_STATS_FIXED, BN_STATS_KINDS };

/* Whether convolutions may be computed in another domain, which rounds about ten times as much. */
enum winograd_use { WINOGRAD_ON, WINOGRAD_OFF, WINOGRAD_USES };
/* Weight of a class in the loss. balanced: all classes weigh the same, however many images they have. */
enum class_weighting { CLASS_WEIGHTS_NONE, CLASS_WEIGHTS_BALANCED, CLASS_WEIGHTINGS };

/* How a convolution's kernel is chosen: by what is fastest on this machine, or by a rule that is the same on all. */
enum kernel_choice { KERNELS_MEASURED, KERNELS_BUILT_IN, KERNEL_CHOICES };

/* What of its data a run looks at to know it again. */
enum digest_extent { DIGEST_SAMPLE, DIGEST_ALL, DIGEST_NAMES, DIGEST_EXTENTS };

/* How frozen features are kept. */
enum cache_kind { CACHE_F32, CACHE_F16, CACHE_OFF, CACHE_KINDS };

enum { EXPERIMENT_TEXT = 512, EXPERIMENT_THAWS = 16, EXPERIMENT_EPOCHS_MAX = 1000000 };

/* [thaw] epoch 5 = layer4 @ lr*0.1 */
struct experiment_thaw {
    int epoch;
    char layers[128];
    double lr_factor; /* 1: unchanged */
};

struct experiment {
    char source[EXPERIMENT_TEXT]; /* the file it came from, "" if none */
    struct {
        char name[64];                 /* architecture; "" recognised from the weights */
        char weights[EXPERIMENT_TEXT]; /* path, or "none" */
        char head[32];                 /* "linear" */
        char preprocess[128];          /* as preprocess_parse takes it */
    } model;
    struct {
        char upto[128];                   /* stage or node, "trunk" (default with weights), "none" (default without) */
        char frozen[8 * EXPERIMENT_TEXT]; /* patterns; not together with upto */
        enum bn_statistics bn_stats;      /* of layers that are not frozen */
    } freeze;
    struct experiment_thaw thaw[EXPERIMENT_THAWS];
    int thaws;
    struct {
        char path[EXPERIMENT_TEXT];
        char val[EXPERIMENT_TEXT]; /* folder, fraction, or "" */
        enum dataset_layout layout;
        char columns[256]; /* of a table */
        char pattern[256]; /* of names that hold their class */
        char group[256];   /* of names of images that belong together */
        int folds, fold;   /* of cross-validation; 0: none */
        enum augment augment;
        int size;  /* input side, pixels; 0: auto */
        int views; /* augmented views an image; 0: fresh ones every epoch */
        enum cache_kind cache;
        int cache_disk, cache_memory; /* MB: of all kept features on disk; of one part's where there is no file */
        enum image_decode decode;     /* of training images; others are decoded exactly */
        int image_memory;             /* MB of decoded images kept; -1: a share of the machine's memory */
        enum digest_extent digest;    /* of the images, to know them again */
    } data;
    struct {
        int epochs, batch;
        enum optimizer_kind optimizer;
        double lr, momentum, weight_decay, label_smoothing;
        enum schedule_kind schedule;
        double warmup;      /* epochs */
        double thaw_warmup; /* epochs in which a layer that is thawed in the run comes to the whole learning rate */
        int step_epochs;    /* step schedule: every so many epochs ... */
        double step_gamma;  /* ... times this */
        enum class_weighting class_weights;
        int early_stop; /* epochs without a better validation accuracy; 0: never */
        uint64_t seed;
        int threads; /* 0: all cores */
        int memory;  /* MB that a step's plan may take; 0: by what the machine has */
        enum winograd_use winograd;
        enum kernel_choice kernels;
    } train;
    struct {
        char dir[EXPERIMENT_TEXT]; /* where run directories go; "" the default */
        char name[64];
        int checkpoint_every;      /* epochs */
        int keep_last, keep_every; /* checkpoints that are kept: so many of the last, and of every so many epochs */
    } run;
};

void experiment_init(struct experiment *experiment) THAW_NONNULL; /* the documented defaults */
/* The defaults with what the file says on top; its relative paths are made to count from its folder. Unknown section,
 * key or value: ERROR_USAGE with file, line and the nearest valid name. */
bool experiment_load(struct experiment *experiment, const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The same of a text that experiment_text wrote; its paths are absolute. */
bool experiment_parse(struct experiment *experiment, const char *text,
                      struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* "section.key=value", as --set gives it ("thaw.epoch 5=layer4 @ lr*0.1" too; no layers: that thaw is removed). Relative
 * paths count from the working directory. A fault leaves the experiment as it was. */
bool experiment_set(struct experiment *experiment, const char *assignment,
                    struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Value of "section.key" as text; caller frees; NULL: no such key. */
char *experiment_get(const struct experiment *experiment, const char *key) THAW_NONNULL;
/* The fully resolved file; paths made absolute. Caller frees. */
char *experiment_text(const struct experiment *experiment) THAW_NONNULL;
/* Contradictions (epochs < 1, upto with frozen, a thaw after the last epoch ...): ERROR_USAGE. */
bool experiment_check(const struct experiment *experiment, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The settings of the run in a directory as it is now: its file's, with as many epochs as it came to have. */
bool experiment_load_run(struct experiment *experiment, const char *run,
                         struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The settings that a fork of a run begins with at a checkpoint ("last", "best", "epoch-0005"), where nobody changes them:
 * those of the run as it is now, a name of its own ("signs-fork", "signs-fork2"), and where the checkpoint is the end of
 * all epochs *added more of them, else 0. */
bool experiment_load_fork(struct experiment *experiment, const char *run, const char *checkpoint, int *added,
                          struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Whether a run that was begun with `was` may go on with `is`: all settings that could change a result are the same. Paths
 * are not compared with each other. ERROR_USAGE begins with the name of the setting. */
bool experiment_same(const struct experiment *was, const struct experiment *is,
                     struct error *error) THAW_NONNULL THAW_MUST_CHECK;
bool experiment_is_scratch(const struct experiment *experiment) THAW_NONNULL; /* no pretrained weights */
/* What freeze.upto means, set or not: "trunk" with weights, "none" without them or where layers are listed. */
const char *experiment_upto(const struct experiment *experiment) THAW_NONNULL;
/* What [data] asks for, to open it for a training; borrows from the experiment. */
struct dataset_request experiment_data(const struct experiment *experiment) THAW_NONNULL;
/* The freeze plan that [freeze] asks of this graph; the caller destroys it. NULL: a name that matches nothing,
 * ERROR_USAGE. */
struct freeze *experiment_freeze(const struct experiment *experiment, const struct graph *graph,
                                 struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* Whether the layers that [thaw] lines name are there: a name that matches nothing must not end the run hours later.
 * ERROR_USAGE. */
bool experiment_check_thaws(const struct experiment *experiment, const struct graph *graph, const struct freeze *freeze,
                            struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* The table: a row a key, for the file, help, completion and the settings form. */
enum experiment_type {
    EXPERIMENT_STRING,
    EXPERIMENT_PATH,
    EXPERIMENT_INT,
    EXPERIMENT_U64,
    EXPERIMENT_REAL,
    EXPERIMENT_ENUM
};
struct experiment_key {
    const char *section, *key;
    enum experiment_type type;
    size_t offset, size;      /* into struct experiment */
    double least, most;       /* of numbers */
    const char *const *names; /* ENUM: by value, NULL at the end; INT: a word that stands for 0; else NULL */
    const char *values;       /* "sgd | nesterov | adamw", or the unit: "epochs" */
    const char *help;         /* one line */
};
const struct experiment_key *experiment_keys(size_t *count) THAW_NONNULL;

#endif
