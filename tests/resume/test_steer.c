/* Steered runs: whatever is commanded, forked or killed, a run that was interrupted comes to the bits of one that was
 * not. Experiments, commands, forks and moments of death are drawn at random; THAW_CASES sets how many are tried (40, 15
 * under a sanitizer), THAW_CASE which one alone. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"
#include "thaw/run/rundir.h"
#include "world.h"

/* --- what is done to a run --- */

enum { SCRIPT = 8, FIRST_ID = 1000000 }; /* the world's own commands count from 1 */
struct script {
    struct item {
        uint64_t step;
        enum run_command_kind kind;
        double value;
        const char *text;
        bool done; /* it stands in the events of the run, done or refused */
    } item[SCRIPT];
    int items;
    uint64_t stop;  /* behind this step; 0: not */
    uint64_t death; /* behind so many events; 0: not */
    uint64_t seen;
};
/* Of the run that goes on in this process. */
static struct script script;

static void post_items(struct world_log *log, uint64_t from, uint64_t to)
{
    for (int i = 0; i < script.items; i++) {
        const struct item *item = &script.item[i];
        if (item->done || item->step < from || item->step > to)
            continue;
        struct run_command command = run_command_make(item->kind, item->value, item->text);
        command.id = FIRST_ID + (uint64_t)i;
        trainer_post(log->trainer, &command);
        run_command_finish(&command);
    }
}

/* What was not done when the run died right behind its step is given again where it goes on. */
static void steer(struct world_log *log, const struct event *event)
{
    if (event->kind == EVENT_STEP)
        post_items(log, event->step, event->step);
    if (event->kind == EVENT_FORK && event->step > 0)
        post_items(log, 1, event->step);
    if (event->kind == EVENT_STEP && script.stop && event->step == script.stop)
        world_post(log, RUN_STOP, 0, NULL);
    if (script.death && ++script.seen == script.death)
        kill(getpid(), SIGKILL);
}

static void note_done(void *context, const struct event *event)
{
    struct error unused;
    struct run_command command;
    (void)context;
    if (event->kind != EVENT_COMMAND)
        return;
    const char *text = event->u.command.command;
    if (!run_command_from_json(&command, text, strlen(text), &unused))
        fail_msg("%s: %s", text, unused.text);
    if (command.id >= FIRST_ID && command.id < FIRST_ID + (uint64_t)script.items)
        script.item[command.id - FIRST_ID].done = true;
    run_command_finish(&command);
}

/* --- drawing --- */

static struct rng rng;

static const char *one_of(const char *const *list)
{
    uint32_t count = 0;
    while (list[count])
        count++;
    return list[rng_below(&rng, count)];
}

static void draw_settings(struct experiment *experiment, bool fork)
{
    static const char *const always[][6] = {
        {"train.schedule=cosine", "train.schedule=constant", "train.schedule=step", NULL},
        {"train.thaw_warmup=0", "train.thaw_warmup=0.5", "train.thaw_warmup=2.5", NULL},
        {"data.augment=none", "data.augment=light", NULL},
        {"train.early_stop=0", "train.early_stop=0", "train.early_stop=2", NULL},
        {"run.checkpoint_every=1", "run.checkpoint_every=2", "run.checkpoint_every=3", NULL},
        {"run.keep_last=0", "run.keep_last=2", NULL},
        {"run.keep_every=0", "run.keep_every=2", NULL},
        {"data.cache=f32", "data.cache=f32", "data.cache=off", NULL},
        {"train.epochs=4", "train.epochs=5", "train.epochs=6", NULL},
        {"train.label_smoothing=0", "train.label_smoothing=0.1", NULL},
        {"train.step_epochs=2", "train.step_epochs=3", NULL},
    };
    static const char *const once[][6] = {
        {"train.optimizer=sgd", "train.optimizer=nesterov", "train.optimizer=adamw", NULL},
        {"freeze.upto=layer2", "freeze.upto=trunk", "freeze.upto=layer1", "freeze.upto=none",
         "freeze.upto=layer2.1.bn1"},
        {"freeze.bn_stats=moving", "freeze.bn_stats=fixed", NULL},
        {"train.batch=8", "train.batch=7", NULL},
        {"train.warmup=0", "train.warmup=1", NULL},
        {"train.lr=0.02", "train.lr=0.01", NULL},
    };
    static const char *const thaws[] = {"layer2", "layer1 layer2 @ lr*0.5", "layer3.0.* layer2.2.conv1", "*", NULL};
    for (size_t i = 0; i < THAW_LENGTH(always); i++)
        if (!fork || rng_below(&rng, 3) == 0)
            world_set(experiment, one_of(always[i]));
    for (size_t i = 0; i < THAW_LENGTH(once); i++)
        if (!fork || rng_below(&rng, 4) == 0)
            world_set(experiment, one_of(once[i]));
    if (experiment->data.augment == AUGMENT_NONE)
        world_set(experiment, "data.views=0");
    else if (rng_below(&rng, 2))
        world_set(experiment, "data.views=2");
    for (int n = (int)rng_below(&rng, 3); n > 0; n--) {
        char assignment[128];
        snprintf(assignment, sizeof assignment, "thaw.epoch %d=%s", 1 + (int)rng_below(&rng, 4), one_of(thaws));
        world_set(experiment, assignment);
    }
}

/* Behind the steps that a fork has from its parent. */
enum { INHERITED = 10 };

static void draw_item(struct item *item, bool fork)
{
    static const char *const patterns[] = {"layer1", "layer2",          "layer3.0.*", "*",      "conv1 bn1",
                                           "layer3", "layer2.*:affine", "nosuch",     "linear", NULL};
    static const enum run_command_kind kinds[] = {RUN_LR,   RUN_THAW, RUN_THAW,   RUN_FREEZE,   RUN_FREEZE, RUN_UNDO,
                                                  RUN_SAVE, RUN_NOTE, RUN_EPOCHS, RUN_CONTINUE, RUN_UNDO};
    *item = (struct item){.step = 1 + rng_below(&rng, 20) + (fork ? INHERITED : 0),
                          .kind = kinds[rng_below(&rng, THAW_LENGTH(kinds))]};
    if (item->kind == RUN_LR)
        item->value = 0.001 * (1 + rng_below(&rng, 30));
    else if (item->kind == RUN_EPOCHS)
        item->value = 2 + rng_below(&rng, 6);
    else if (item->kind == RUN_NOTE)
        item->text = "so far so good";
    else if (item->kind == RUN_FREEZE || item->kind == RUN_THAW)
        item->text = one_of(patterns);
    if (item->kind == RUN_THAW)
        item->value = rng_below(&rng, 2) ? 1 : 0.5;
}

static int by_step(const void *a, const void *b)
{
    const struct item *left = a, *right = b;
    return left->step < right->step ? -1 : left->step > right->step;
}

static struct script draw_script(bool fork)
{
    struct script drawn = {.items = (int)rng_below(&rng, SCRIPT)};
    for (int i = 0; i < drawn.items; i++)
        draw_item(&drawn.item[i], fork);
    qsort(drawn.item, (size_t)drawn.items, sizeof drawn.item[0], by_step);
    return drawn;
}

static void draw_threads(struct experiment *experiment)
{
    experiment->train.threads = 1 + (int)rng_below(&rng, 3);
}

/* --- running --- */

/* In a child, so that every run begins in a fresh process. true: it came to its end. */
static bool run_child(const struct trainer_options *options, long death_ns)
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        static struct world_log log;
        log.react = steer;
        world_run_options(&log, options);
        _exit(0);
    }
    pid_t gone = 0;
    for (double began = clock_monotonic(); death_ns > 0 && gone == 0;) {
        if (clock_monotonic() - began >= 1e-9 * (double)death_ns) {
            kill(child, SIGKILL);
            break;
        }
        nanosleep(&(struct timespec){0, 1000000}, NULL);
        gone = waitpid(child, &status, WNOHANG);
    }
    if (gone == 0)
        waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        fail_msg("the child failed: %d", WEXITSTATUS(status));
    return WIFEXITED(status);
}

/* The run below experiment->run.dir, or NULL: there is none yet, or none that has begun. */
static const char *find_run(const struct experiment *experiment, char path[1024])
{
    struct error error = {0};
    struct file_list list;
    const char *found = NULL;
    if (!file_is_directory(experiment->run.dir) || !file_list_read(&list, experiment->run.dir, &error))
        return NULL;
    if (list.count > 0) {
        snprintf(path, 1024, "%s/%s", experiment->run.dir, list.name[0]);
        char *settings = path_join(path, "experiment.ini");
        found = file_exists(settings) ? path : NULL;
        mem_free(settings);
    }
    if (list.count > 0 && !found) {
        char command[1100];
        snprintf(command, sizeof command, "rm -rf '%s'", path);
        assert_int_equal(system(command), 0);
    }
    file_list_free(&list);
    return found;
}

/* Returns the seconds that it took. */
static double run_whole(const struct trainer_options *options, const struct script *drawn, char path[1024])
{
    double began = clock_monotonic();
    script = *drawn;
    if (!run_child(options, 0))
        fail_msg("killed by another");
    assert_non_null(find_run(options->experiment, path));
    return clock_monotonic() - began;
}

/* Stopped and killed again and again, each time with another number of threads. Returns how many times. */
static int run_in_pieces(const struct trainer_options *options, struct experiment *experiment,
                         const struct script *drawn, double seconds, char path[1024])
{
    enum { UNDISTURBED = 3, PIECES = 12 };
    struct trainer_options own = *options;
    struct world_log *log = mem_alloc(sizeof *log);
    int pieces = 0;
    script = *drawn;
    own.experiment = experiment;
    for (bool over = false; !over; pieces++) {
        uint32_t how = pieces < PIECES && (pieces < 2 || rng_below(&rng, 4)) ? rng_below(&rng, 3) : UNDISTURBED;
        struct error error = {0};
        script.stop = how == 0 ? 1 + rng_below(&rng, 24) : 0;
        script.death = how == 1 ? 1 + rng_below(&rng, 30) : 0;
        script.seen = 0;
        draw_threads(experiment);
        bool ended = run_child(&own, how == 2 ? 1 + (long)(rng_uniform(&rng) * 1e9 * seconds) : 0);
        own.resume = find_run(experiment, path);
        if (!own.resume)
            continue;
        if (!rundir_read(path, &(struct event_sink){.emit = note_done}, NULL, &error))
            fail_msg("%s", error.text);
        world_read(path, log);
        over = ended && log->kinds[EVENT_DONE] > 0 && log->last[EVENT_DONE].u.done.how != EVENT_DONE_STOPPED;
    }
    mem_free(log);
    return pieces;
}

static void one_case(unsigned number)
{
    char parent[1024], whole[1024], parts[1024];
    struct experiment a = world_experiment(), b, other = world_experiment();
    struct trainer_options options = {.experiment = &a};
    rng_init(&rng, 77, number);
    draw_settings(&a, false);
    struct script drawn = draw_script(false);
    bool forks = rng_below(&rng, 3) == 0;
    if (forks) {
        world_set(&a, "run.keep_every=1");
        draw_threads(&a);
        run_whole(&options, &drawn, parent);
        struct experiment child = world_experiment();
        strcpy(a.run.dir, child.run.dir);
        draw_settings(&a, true);
        if (a.train.epochs < 4)
            world_set(&a, "train.epochs=5");
        a.thaws = a.thaws && rng_below(&rng, 2) ? a.thaws : 0;
        drawn = draw_script(true);
        options.fork = parent;
        options.checkpoint = rng_below(&rng, 2) ? "epoch-0001" : "checkpoints/epoch-0002.safetensors";
    }
    b = a;
    strcpy(b.run.dir, other.run.dir);
    draw_threads(&a);
    double seconds = run_whole(&options, &drawn, whole);
    int pieces = run_in_pieces(&options, &b, &drawn, seconds, parts);
    print_message("case %u: %d commands%s, %d pieces\n", number, drawn.items, forks ? ", a fork" : "", pieces);
    world_assert_same(whole, parts);
    char command[4096];
    snprintf(command, sizeof command, "rm -rf '%s' '%s'", a.run.dir, b.run.dir);
    assert_int_equal(system(command), 0);
}

static void interrupted_is_uninterrupted(void **state)
{
    (void)state;
    const char *cases = getenv("THAW_CASES"), *alone = getenv("THAW_CASE");
#ifdef THAW_SANITIZED /* ten times as slow */
    unsigned few = 15;
#else
    unsigned few = 40;
#endif
    unsigned from = alone ? (unsigned)atoi(alone) : 0, count = alone ? 1 : cases ? (unsigned)atoi(cases) : few;
    for (unsigned i = from; i < from + count; i++)
        one_case(i);
}

/* --- forks --- */

/* A fork that changes nothing goes on as its parent did: plan, rate, moments, undo and all. */
static void a_fork_goes_on_as_its_parent(void **state)
{
    (void)state;
    char parent[1024], child[1024];
    struct error error = {0};
    struct experiment a = world_experiment(), b;
    static struct world_log whole, part;
    struct script drawn = {.item = {{3, RUN_THAW, 0.5, "layer2.2.*", false},
                                    {5, RUN_LR, 0.015, NULL, false},
                                    {6, RUN_EPOCHS, 5, NULL, false},
                                    {16, RUN_UNDO, 0, NULL, false}},
                           .items = 4};
    world_set(&a, "train.optimizer=adamw");
    world_set(&a, "train.thaw_warmup=2.5");
    world_set(&a, "data.augment=light");
    world_set(&a, "run.keep_every=1");
    world_set(&a, "thaw.epoch 4=layer1");
    struct trainer_options options = {.experiment = &a};
    run_whole(&options, &drawn, parent);
    struct experiment other = world_experiment();
    if (!experiment_load_run(&b, parent, &error)) /* with the epochs that it was given by hand */
        fail_msg("%s", error.text);
    assert_int_equal(b.train.epochs, 5);
    strcpy(b.run.dir, other.run.dir);
    options = (struct trainer_options){.experiment = &b, .fork = parent, .checkpoint = "epoch-0002"};
    for (int i = 0; i < 3; i++)
        drawn.item[i].done = true; /* inherited */
    run_whole(&options, &drawn, child);
    world_read(parent, &whole);
    world_read(child, &part);
    assert_non_null(strstr(part.last[EVENT_RUN].u.run.parent, "/checkpoints/epoch-0002.safetensors"));
    assert_int_equal(part.last[EVENT_RUN].epoch, 2);
    assert_null(strstr(part.last[EVENT_RUN].u.run.weights, "starts fresh"));
    assert_non_null(strstr(whole.last[EVENT_RUN].u.run.weights, "starts fresh"));
    assert_int_equal(whole.last_step, 20);
    assert_int_equal(part.last_step, 20);
    assert_true(part.loss[8] == 0);
    for (uint64_t step = 9; step <= 20; step++)
        if (whole.loss[step] != part.loss[step] || whole.lr[step] != part.lr[step])
            fail_msg("step %d: %.17g and %.17g", (int)step, whole.loss[step], part.loss[step]);
    world_assert_same_file(parent, child, "checkpoints/last.safetensors");
}

/* What settings say otherwise than the parent's is taken from them. */
static void a_fork_changes_what_it_may(void **state)
{
    (void)state;
    struct experiment a = world_experiment();
    static struct world_log parent, log;
    struct trainer_options options = {.experiment = &a};
    world_set(&a, "train.schedule=constant");
    world_set(&a, "run.keep_every=1");
    world_run_options(&parent, &options);
    static const char *const changes[][3] = {{"train.lr=0.003", "freeze.upto=layer1", "train.epochs=4"},
                                             {"train.optimizer=adamw", "train.batch=10", "data.augment=light"}};
    for (size_t i = 0; i < THAW_LENGTH(changes); i++) {
        struct experiment b = a;
        struct experiment other = world_experiment();
        strcpy(b.run.dir, other.run.dir);
        for (int k = 0; k < 3; k++)
            world_set(&b, changes[i][k]);
        options = (struct trainer_options){.experiment = &b, .fork = parent.path, .checkpoint = "epoch-0003"};
        world_run_options(&log, &options);
        assert_int_equal(log.kinds[EVENT_WARNING], 0);
        assert_int_equal(log.last[EVENT_DONE].epoch, i == 0 ? 4 : 6);
        assert_int_equal(log.last_step, i == 0 ? 16 : 12 + 3 * 3);
        assert_true(log.lr[13] == (i == 0 ? 0.003 : 0.02));
        assert_true(log.last[EVENT_RUN].u.run.params_trainable > parent.last[EVENT_RUN].u.run.params_trainable ||
                    i == 1);
        assert_true(log.last[EVENT_DONE].u.done.best_epoch >= 4); /* of its own */
    }
}

static void assert_fork_refused(const char *parent, const char *checkpoint, const char *assignment, const char *part)
{
    struct experiment experiment = world_experiment();
    static struct world_log log;
    struct trainer_status status;
    world_set(&experiment, assignment);
    struct trainer_options options = {.experiment = &experiment, .fork = parent, .checkpoint = checkpoint};
    world_run_failing_options(&log, &options, &status);
    assert_int_equal(status.state, TRAINER_FAILED);
    if (!strstr(status.error.text, part))
        fail_msg("\"%s\" does not say \"%s\"", status.error.text, part);
    assert_false(file_is_directory(status.run_path)); /* no litter among the runs */
}

static void stop_at_six(struct world_log *log, const struct event *event)
{
    if (event->kind == EVENT_STEP && event->step == 6)
        world_post(log, RUN_STOP, 0, NULL);
}

static void what_a_fork_cannot_change(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    static struct world_log log;
    log = (struct world_log){.react = stop_at_six};
    world_set(&experiment, "run.keep_last=1");
    world_run(&log, &experiment, NULL);
    assert_fork_refused(log.path, "last", "train.seed=5", "a fork keeps train.seed = 1");
    assert_fork_refused(log.path, "last", "train.batch=4", "lies inside epoch 2, where train.batch = 8 cannot change");
    assert_fork_refused(log.path, "best", "train.epochs=1", "1 epochs are done");
    assert_fork_refused(log.path, "nosuch", "train.lr=0.1", "checkpoints/nosuch.safetensors");
    char command[1024], assignment[256], other[128];
    snprintf(command, sizeof command,
             "cd %s; cp -r data others; mv others/train/class1 others/train/x; mv others/val/class1 others/val/x",
             world.folder);
    assert_int_equal(system(command), 0);
    snprintf(assignment, sizeof assignment, "data.path=%s/others", world.folder);
    assert_fork_refused(log.path, "best", assignment, "keeps the classes of its parent;");
    snprintf(other, sizeof other, "%s/other.safetensors", world.folder);
    world_write_weights(other, 98);
    snprintf(assignment, sizeof assignment, "model.weights=%s", other);
    assert_fork_refused(log.path, "best", assignment, "began with were other ones");
    assert_fork_refused("/nowhere", "last", "train.lr=0.1", "/nowhere/experiment.ini");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fork_goes_on_as_its_parent),
        cmocka_unit_test(a_fork_changes_what_it_may),
        cmocka_unit_test(what_a_fork_cannot_change),
        cmocka_unit_test(interrupted_is_uninterrupted),
    };
    return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}
