/* See world.h. */
#include "config.h"

#include "world.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"
#include "thaw/data/image.h"
#include "thaw/run/rundir.h"
#include "thaw/shelf/load.h"
#include "thaw/source/bind.h"

struct world world;

void world_must(bool good, const struct error *error)
{
    if (!good)
        fail_msg("%s", error->text);
}

void world_flip(const char *path, off_t at)
{
    uint8_t byte;
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

void world_limit_files(rlim_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A noisy square whose colour and place say the class. */
static void draw(const char *part, int label, int number)
{
    struct error error = {0};
    struct image image;
    struct rng rng;
    char path[256];
    snprintf(path, sizeof path, "%s/%s/class%d", world.data, part, label);
    world_must(file_make_directories(path, &error), &error);
    snprintf(path + strlen(path), sizeof path - strlen(path), "/%03d.png", number);
    rng_init(&rng, (uint64_t)(label * 1000 + number), part[0]);
    if (!image_create(&image, WORLD_SIDE, WORLD_SIDE))
        fail_msg("no memory");
    for (int i = 0; i < WORLD_SIDE * WORLD_SIDE; i++)
        for (int c = 0; c < 3; c++)
            image.rgb[3 * i + c] =
                (uint8_t)(rng_below(&rng, 140) + (c == label && i % WORLD_SIDE > 4 * label ? 90 : 0));
    world_must(image_save_png(&image, path, &error), &error);
    image_finish(&image);
}

void world_write_weights(const char *path, uint64_t seed)
{
    static const char *const names[WORLD_CLASSES] = {"left", "right", "up"};
    struct error error = {0};
    struct load_request request = {.arch = "resnet20", .classes = WORLD_CLASSES, .size = WORLD_SIDE, .seed = seed};
    struct graph *graph = load_graph(&request, NULL, &error);
    world_must(graph, &error);
    world_must(bind_export(graph, path, TENSOR_F32, names, &error), &error);
    graph_destroy(graph);
}

int world_set_up(void **state)
{
    (void)state;
    strcpy(world.folder, "/tmp/thaw-test-train-XXXXXX");
    if (!mkdtemp(world.folder))
        fail_msg("no folder");
    snprintf(world.data, sizeof world.data, "%s/data", world.folder);
    snprintf(world.base, sizeof world.base, "%s/base.safetensors", world.folder);
    snprintf(world.runs, sizeof world.runs, "%s/runs", world.folder);
    for (int label = 0; label < WORLD_CLASSES; label++) {
        for (int i = 0; i < WORLD_TRAIN; i++)
            draw("train", label, i);
        for (int i = 0; i < WORLD_VAL; i++)
            draw("val", label, i);
    }
    world_write_weights(world.base, 99);
    /* What runs keep for others is this world's alone. */
    char *cache = path_join(world.folder, "cache");
    setenv("XDG_CACHE_HOME", cache, 1);
    mem_free(cache);
    return 0;
}

int world_tear_down(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", world.folder);
    return system(command);
}

static void set(struct experiment *experiment, const char *key, const char *value)
{
    struct error error = {0};
    char assignment[256];
    snprintf(assignment, sizeof assignment, "%s=%s", key, value);
    world_must(experiment_set(experiment, assignment, &error), &error);
}

struct experiment world_experiment(void)
{
    struct experiment experiment;
    char runs[128];
    static int number;
    snprintf(runs, sizeof runs, "%s/%d", world.runs, ++number);
    experiment_init(&experiment);
    set(&experiment, "model.weights", world.base);
    set(&experiment, "freeze.upto", "layer2");
    set(&experiment, "freeze.bn_stats", "moving");
    set(&experiment, "data.path", world.data);
    set(&experiment, "train.epochs", "6");
    set(&experiment, "train.batch", "8");
    set(&experiment, "train.lr", "0.02");
    set(&experiment, "train.threads", "2");
    set(&experiment, "train.kernels", "built-in"); /* two worlds on a busy machine may measure otherwise */
    set(&experiment, "run.dir", runs);
    set(&experiment, "run.name", "t");
    return experiment;
}

static void keep_text(char text[1024], const char *from)
{
    snprintf(text, 1024, "%s", from ? from : "");
}

/* What an event owns is gone behind the call. */
static void keep(struct world_log *log, const struct event *event)
{
    struct event *last = &log->last[event->kind];
    log->kinds[event->kind]++;
    *last = *event;
    if (event->kind == EVENT_RUN) {
        keep_text(log->thaws, event->u.run.thaws);
        last->u.run.thaws = NULL;
    } else if (event->kind == EVENT_LAYERS) {
        keep_text(log->fixed, event->u.layers.fixed);
        last->u.layers.layer = NULL;
        last->u.layers.fixed = NULL;
    } else if (event->kind == EVENT_THAW) {
        keep_text(log->layers, event->u.thaw.layers);
        keep_text(log->fixed, event->u.thaw.fixed);
        last->u.thaw.layers = last->u.thaw.fixed = NULL;
    } else if (event->kind == EVENT_UPDATES) {
        last->u.updates.ratio = NULL;
    } else if (event->kind == EVENT_COMMAND) {
        keep_text(log->command, event->u.command.command);
        last->u.command.command = NULL;
    } else if (event->kind == EVENT_NOTE) {
        last->u.note.text = NULL;
    }
}

static void take(void *context, const struct event *event)
{
    struct world_log *log = context;
    keep(log, event);
    if (event->kind == EVENT_STEP && event->step < WORLD_STEPS_MAX) {
        log->loss[event->step] = event->u.step_.loss;
        log->lr[event->step] = event->u.step_.lr;
        log->last_step = event->step;
    }
    if (event->kind == EVENT_PAUSE)
        atomic_store(&log->paused, event->u.pause.paused);
    if (event->kind == EVENT_EPOCH && event->epoch < 64)
        log->epoch_loss[event->epoch] = event->u.epoch_.loss;
    if (event->kind == EVENT_EVAL && event->epoch < 64) {
        log->val_loss[event->epoch] = event->u.eval.loss;
        log->evals++;
    }
    if (log->trainer && log->react)
        log->react(log, event);
}

static void hear(void *context, const struct run_answer *answer)
{
    struct world_log *log = context;
    if (log->answers < WORLD_ANSWERS)
        log->answer[log->answers] = *answer;
    log->last_answer = *answer;
    log->answers++;
}

void world_sink(struct event_sink *sink, struct world_log *log)
{
    *sink = (struct event_sink){.emit = take, .answer = hear, .context = log};
}

static void post(struct world_log *log, struct run_command command)
{
    static uint64_t id;
    command.id = ++id;
    strcpy(command.by, "test");
    trainer_post(log->trainer, &command);
    run_command_finish(&command);
}

void world_post(struct world_log *log, enum run_command_kind kind, double value, const char *text)
{
    post(log, run_command_make(kind, value, text));
}

void world_post_stop(struct world_log *log, enum run_stop_when when, double value)
{
    struct run_command command = run_command_make(RUN_STOP, value, NULL);
    command.when = when;
    post(log, command);
}

static void run(struct world_log *log, const struct trainer_options *wanted, struct trainer_status *status)
{
    struct error error = {0};
    void (*react)(struct world_log *, const struct event *) = log->react;
    uint64_t at = log->at;
    *log = (struct world_log){.react = react, .at = at};
    struct event_sink sink;
    world_sink(&sink, log);
    struct trainer_options options = *wanted;
    options.sink = &sink;
    log->trainer = trainer_create(&options, &error);
    world_must(log->trainer, &error);
    world_must(trainer_start(log->trainer, &error), &error);
    trainer_join(log->trainer);
    trainer_status(log->trainer, status);
    snprintf(log->path, sizeof log->path, "%.500s", status->run_path);
    trainer_destroy(log->trainer);
    log->trainer = NULL;
}

void world_run_options(struct world_log *log, const struct trainer_options *options)
{
    struct trainer_status status;
    run(log, options, &status);
    if (log->kinds[EVENT_DONE] != 1)
        fail_msg("%s", status.error.text);
}

void world_run(struct world_log *log, const struct experiment *experiment, const char *resume)
{
    world_run_options(log, &(struct trainer_options){.experiment = experiment, .resume = resume});
}

void world_run_failing_options(struct world_log *log, const struct trainer_options *options,
                               struct trainer_status *status)
{
    run(log, options, status);
}

void world_run_failing(struct world_log *log, const struct experiment *experiment, struct trainer_status *status)
{
    run(log, &(struct trainer_options){.experiment = experiment}, status);
}

bool world_run_in_child(struct world_log *log, const struct experiment *experiment, const char *resume)
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        world_run(log, experiment, resume);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        fail_msg("no child");
    if (!WIFSIGNALED(status) && WEXITSTATUS(status) != 0)
        fail_msg("the child failed: %d", WEXITSTATUS(status));
    return WIFSIGNALED(status);
}

void world_find_run(const struct experiment *experiment, char path[512])
{
    struct error error = {0};
    struct file_list list;
    world_must(file_list_read(&list, experiment->run.dir, &error), &error);
    if (list.count != 1)
        fail_msg("%zu runs in %s", list.count, experiment->run.dir);
    char *joined = path_join(experiment->run.dir, list.name[0]);
    snprintf(path, 512, "%s", joined);
    mem_free(joined);
    file_list_free(&list);
}

void world_read(const char *run, struct world_log *log)
{
    struct error error = {0};
    *log = (struct world_log){0};
    world_must(rundir_read(run, &(struct event_sink){.emit = take, .context = log}, NULL, &error), &error);
}

static float *read_values(const struct weights *weights, size_t index, size_t *bytes)
{
    struct error error = {0};
    *bytes = (size_t)shape_count(&weights_get(weights, index)->shape) * sizeof(float);
    float *values = mem_alloc(*bytes + 1);
    world_must(weights_read(weights, index, values, &error), &error);
    return values;
}

static bool same_tensor(const struct weights *a, size_t at, const struct weights *b, const char *name)
{
    long other = weights_find(b, name);
    size_t bytes, other_bytes;
    if (other < 0)
        fail_msg("%s: no %s", weights_path(b), name);
    float *left = read_values(a, at, &bytes), *right = read_values(b, (size_t)other, &other_bytes);
    bool same = bytes == other_bytes && memcmp(left, right, bytes) == 0;
    mem_free(left);
    mem_free(right);
    return same;
}

static struct weights *open_file(const char *run, const char *name)
{
    struct error error = {0};
    char *path = path_join(run, name);
    struct weights *weights = weights_open(path, &error);
    world_must(weights, &error);
    mem_free(path);
    return weights;
}

void world_assert_same_file(const char *run_a, const char *run_b, const char *name)
{
    struct weights *a = open_file(run_a, name), *b = open_file(run_b, name);
    assert_int_equal(weights_count(a), weights_count(b));
    for (size_t i = 0; i < weights_count(a); i++)
        if (!same_tensor(a, i, b, weights_get(a, i)->name))
            fail_msg("%s of %s differs between %s and %s", weights_get(a, i)->name, name, run_a, run_b);
    weights_close(a);
    weights_close(b);
}

void world_assert_tensor(const char *file_a, const char *file_b, const char *name, bool same)
{
    struct weights *a = open_file("/", file_a), *b = open_file("/", file_b);
    long at = weights_find(a, name);
    if (at < 0)
        fail_msg("%s: no %s", file_a, name);
    if (same_tensor(a, (size_t)at, b, name) != same)
        fail_msg("%s %s", name, same ? "moved" : "did not move");
    weights_close(a);
    weights_close(b);
}

void world_assert_same(const char *run_a, const char *run_b)
{
    struct world_log a, b;
    world_read(run_a, &a);
    world_read(run_b, &b);
    assert_true(a.last_step > 0);
    assert_int_equal(a.last_step, b.last_step);
    assert_int_equal(a.kinds[EVENT_STEP], b.kinds[EVENT_STEP]);
    assert_int_equal(a.kinds[EVENT_THAW], b.kinds[EVENT_THAW]);
    assert_int_equal(a.evals, b.evals);
    for (uint64_t step = 1; step <= a.last_step; step++)
        if (a.loss[step] != b.loss[step])
            fail_msg("loss of step %d: %.17g and %.17g", (int)step, a.loss[step], b.loss[step]);
    assert_memory_equal(a.val_loss, b.val_loss, sizeof a.val_loss);
    assert_memory_equal(a.epoch_loss, b.epoch_loss, sizeof a.epoch_loss);
    assert_int_equal(a.last[EVENT_DONE].u.done.how, b.last[EVENT_DONE].u.done.how);
    if (a.last[EVENT_DONE].u.done.how == EVENT_DONE_FAILED) {
        assert_string_equal(a.last[EVENT_DONE].u.done.text, b.last[EVENT_DONE].u.done.text);
        return;
    }
    world_assert_same_file(run_a, run_b, "checkpoints/last.safetensors");
    world_assert_same_file(run_a, run_b, "checkpoints/best.safetensors");
    world_assert_same_file(run_a, run_b, "model.safetensors");
}

void world_set(struct experiment *experiment, const char *assignment)
{
    struct error error = {0};
    if (!experiment_set(experiment, assignment, &error))
        fail_msg("%s", error.text);
}
