/* A small world to train in: pictures drawn by the test, a base weights file, experiments over them, runs driven from
 * inside their own event sink, and comparisons to the bit. Shared by tests/resume and tests/unit/train. */
#ifndef THAW_TESTS_WORLD_H
#define THAW_TESTS_WORLD_H

#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "thaw/train/trainer.h"

enum {
    WORLD_CLASSES = 3,
    WORLD_TRAIN = 10,
    WORLD_VAL = 3,
    WORLD_SIDE = 16,
    WORLD_STEPS_MAX = 512,
    WORLD_ANSWERS = 64,
    WORLD_TEXTS = 16
};

/* The one of a program. */
extern struct world {
    char folder[64], data[96], base[96], runs[96];
} world;

/* Of a group of tests: draws WORLD_TRAIN and WORLD_VAL pictures of each class and writes base weights of another class
 * list. What is kept for later runs is kept in the world's folder. */
int world_set_up(void **state);
int world_tear_down(void **state);
/* Weights of the base's architecture and classes. */
void world_write_weights(const char *path, uint64_t seed);
/* Fails the test with the error's sentence. */
void world_must(bool good, const struct error *error);
/* Flips a bit of the byte there. */
void world_flip(const char *path, off_t at);
/* No file may grow beyond: stands for a full disk. 0: no limit any more. */
void world_limit_files(rlim_t bytes);
/* ResNet-20 from the base, frozen up to layer2, 6 epochs of 4 batches; deterministic views. */
struct experiment world_experiment(void);

/* What a run says, by events.jsonl or live. */
struct world_log {
    double loss[WORLD_STEPS_MAX], lr[WORLD_STEPS_MAX]; /* by step, 1.. */
    uint64_t last_step;
    double epoch_loss[64], val_loss[64]; /* by epoch, 1.. */
    int evals, kinds[EVENT_KINDS];
    struct event last[EVENT_KINDS];  /* of each kind, without its owned members ... */
    char layers[1024], fixed[1024];  /* ... but for those of the last "thaw"; fixed: of a "layers" event, too */
    char command[1024], thaws[1024]; /* of the last "command"; of "run" */
    struct run_answer answer[WORLD_ANSWERS], last_answer;
    int answers;                                                /* all of them, also those beyond the room */
    char seen[WORLD_TEXTS][1024], plan_seen[WORLD_TEXTS][1024]; /* for react */
    atomic_bool paused;
    struct trainer *trainer; /* live only */
    /* Called after each event, on the trainer's thread. */
    void (*react)(struct world_log *log, const struct event *event);
    uint64_t at; /* for react */
    char path[512];
};

/* Posts a command to the log's trainer; value 0 and text NULL where it takes none. */
void world_post(struct world_log *log, enum run_command_kind kind, double value, const char *text);
void world_post_stop(struct world_log *log, enum run_stop_when when, double value);
/* What fills a log. */
void world_sink(struct event_sink *sink, struct world_log *log);
/* experiment_set, or the test fails. */
void world_set(struct experiment *experiment, const char *assignment);

/* Runs to the end, live; resume NULL: a new run. The log's react and at are kept. */
void world_run(struct world_log *log, const struct experiment *experiment, const char *resume);
/* The same with all that a trainer takes but the sink. */
void world_run_options(struct world_log *log, const struct trainer_options *options);
/* The same where no DONE event is wanted of it. */
void world_run_failing(struct world_log *log, const struct experiment *experiment, struct trainer_status *status);
void world_run_failing_options(struct world_log *log, const struct trainer_options *options,
                               struct trainer_status *status);
/* The same in a child process; true: the child was killed on its way. */
bool world_run_in_child(struct world_log *log, const struct experiment *experiment, const char *resume);
/* The only run below experiment->run.dir. */
void world_find_run(const struct experiment *experiment, char path[512]);

/* Fails unless both runs have the same losses, ends, checkpoints' tensors and exported model, to the bit; of failed ones
 * there need be no files. */
void world_assert_same(const char *run_a, const char *run_b);
/* The same of one safetensors file's tensors alone. */
void world_assert_same_file(const char *run_a, const char *run_b, const char *name);
/* Fails unless a tensor is the same in both safetensors files (same true) or differs (same false). */
void world_assert_tensor(const char *file_a, const char *file_b, const char *name, bool same);
void world_read(const char *run, struct world_log *log);

#endif
