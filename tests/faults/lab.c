/* See the header. */
#include "config.h"

#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../resume/world.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/run/rundir.h"
#include "thaw/weights/weights.h"

struct lab lab;
static const char *const kind_names[] = {
#define X(name, text) text,
    FAULT_KIND_LIST(X)
#undef X
};

/* --- the scene --- */

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *format, ...)
{
    char command[2048];
    va_list rest;
    va_start(rest, format);
    vsnprintf(command, sizeof command, format, rest);
    va_end(rest);
    if (system(command) != 0)
        fail_msg("%s", command);
}

void lab_copy(const char *from, const char *to)
{
    shell("rm -rf '%s' && cp -a '%s' '%s'", to, from, to);
}

void lab_empty_scene(void)
{
    shell("rm -rf '%s' && mkdir '%s'", lab.scene, lab.scene);
}

void lab_keep_scene(const char *name)
{
    char to[256];
    snprintf(to, sizeof to, "%s/%s", lab.kept, name);
    lab_copy(lab.scene, to);
}

void lab_restore_scene(const char *name)
{
    char from[256];
    snprintf(from, sizeof from, "%s/%s", lab.kept, name);
    lab_copy(from, lab.scene);
}

static void write_experiment(const char *path, const char *cache)
{
    struct error error = {0};
    struct experiment experiment = world_experiment();
    world_set(&experiment, "train.optimizer=adamw");
    world_set(&experiment, "train.epochs=3");
    world_set(&experiment, "train.threads=1");
    world_set(&experiment, "run.checkpoint_every=1");
    world_set(&experiment, "run.keep_last=2");
    world_set(&experiment, cache);
    snprintf(experiment.run.dir, sizeof experiment.run.dir, "%s", lab.runs);
    char *text = experiment_text(&experiment);
    world_must(file_write_atomic(path, text, strlen(text), &error), &error);
    mem_free(text);
}

int lab_set_up(void **state)
{
    if (world_set_up(state) != 0)
        return -1;
    const char *build = getenv("THAW_BUILDDIR"), *wanted = getenv("THAW_FAULTS");
    assert_non_null(build);
    lab.picked = !wanted ? 0 : strcmp(wanted, "all") == 0 ? LAB_ALL : atol(wanted);
    snprintf(lab.preload, sizeof lab.preload, "%s/tests/faults/preload.so", build);
    snprintf(lab.scene, sizeof lab.scene, "%s/scene", world.folder);
    snprintf(lab.runs, sizeof lab.runs, "%s/runs", lab.scene);
    snprintf(lab.kept, sizeof lab.kept, "%s/kept", world.folder);
    snprintf(lab.fill, sizeof lab.fill, "%s/fill.ini", world.folder);
    snprintf(lab.train, sizeof lab.train, "%s/train.ini", world.folder);
    snprintf(lab.picture, sizeof lab.picture, "%s/val/class1/001.png", world.data);
    shell("mkdir '%s' '%s/home'", lab.kept, world.folder);
    write_experiment(lab.fill, "data.cache=f32");
    write_experiment(lab.train, "data.cache=off");
    lab_empty_scene();
    return 0;
}

int lab_tear_down(void **state)
{
    return world_tear_down(state);
}

long lab_step(long count, long wanted)
{
    wanted = lab.picked ? lab.picked : (wanted + LAB_ONE_IN - 1) / LAB_ONE_IN;
    return count > wanted ? (count + wanted - 1) / wanted : 1;
}

/* --- running --- */

static void set_number(const char *name, long value)
{
    char text[32];
    snprintf(text, sizeof text, "%ld", value);
    setenv(name, text, 1);
}

/* In the child. */
static void set_environment(const struct lab_fault *fault, const char *log)
{
    static const char *const homes[] = {"XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"};
    static const char *const names[] = {"scene/cache", "scene/state", "scene/data", "home"};
    char path[256];
    for (size_t i = 0; i < THAW_LENGTH(homes); i++) {
        snprintf(path, sizeof path, "%s/%s", world.folder, names[i]);
        setenv(homes[i], path, 1);
    }
    setenv("LD_PRELOAD", lab.preload, 1);
    setenv("FAULTS_BELOW", lab.scene, 1);
    snprintf(path, sizeof path, "%s/counts", world.folder);
    setenv("FAULTS_COUNTS", path, 1);
    snprintf(path, sizeof path, "%s/call", world.folder);
    setenv("FAULTS_TOLD", path, 1);
    if (log)
        setenv("FAULTS_LOG", log, 1);
    if (!fault || !fault->at)
        return;
    setenv("FAULTS_KIND", kind_names[fault->kind], 1);
    setenv("FAULTS_HOW", fault->how, 1);
    set_number("FAULTS_AT", fault->at);
    set_number("FAULTS_ERRNO", fault->code);
}

static void start(const struct lab_fault *fault, const char *log, const char *const *words)
{
    char program[512], path[256];
    const char *argv[LAB_WORDS + 2] = {program};
    snprintf(program, sizeof program, "%s/thaw", getenv("THAW_BUILDDIR"));
    for (int i = 0; words[i] && i < LAB_WORDS; i++)
        argv[i + 1] = words[i];
    snprintf(path, sizeof path, "%s/err", world.folder);
    int nothing = open("/dev/null", O_RDWR), fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(nothing, 0);
    snprintf(path, sizeof path, "%s/out", world.folder);
    dup2(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
    dup2(fd, 2);
    set_environment(fault, log);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    setsid();
    execv(program, (char *const *)argv);
    _exit(127);
}

/* seconds: after which it is killed, 0: never. false: it hung. */
static bool wait_for(pid_t child, double seconds, int *status)
{
    for (double began = clock_monotonic(); waitpid(child, status, WNOHANG) != child;
         nanosleep(&(struct timespec){0, 1000 * 1000}, NULL)) {
        if (seconds > 0 && clock_monotonic() - began >= seconds)
            kill(child, SIGKILL);
        if (clock_monotonic() - began > LAB_SECONDS) {
            kill(child, SIGKILL);
            waitpid(child, status, 0);
            return false;
        }
    }
    return true;
}

static char *read_file(const char *name)
{
    struct error unused;
    char *path = path_join(world.folder, name),
         *text = file_exists(path) ? file_read_text(path, 1 << 22, &unused) : NULL;
    mem_free(path);
    return text ? text : mem_string("");
}

struct lab_end lab_run(const struct lab_fault *fault, const char *log, const char *const *words)
{
    struct lab_end end = {.code = -1, .signal = -1};
    int status = 0;
    shell("rm -f '%s/call' '%s/counts'", world.folder, world.folder);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        start(fault, log, words);
    if (wait_for(child, fault ? fault->seconds : 0, &status)) {
        end.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        end.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    }
    end.told = read_file("err");
    end.out = read_file("out");
    char *call = read_file("call"), *counts = read_file("counts"), *at = counts;
    snprintf(end.call, sizeof end.call, "%.*s", (int)strcspn(call, "\n"), call);
    for (int i = 0; i < FAULT_KINDS; i++)
        end.count[i] = strtol(at, &at, 10);
    mem_free(counts);
    mem_free(call);
    return end;
}

void lab_finish(struct lab_end *end)
{
    mem_free(end->told);
    mem_free(end->out);
    end->told = end->out = NULL;
}

void lab_must(const char *const *words)
{
    struct lab_end end = lab_run(NULL, NULL, words);
    if (end.code != 0)
        fail_msg("%s: exit %d, signal %d: %s", words[0], end.code, end.signal, end.told);
    lab_finish(&end);
}

/* --- what a run came to --- */

bool lab_find(const char *ending, char path[512])
{
    struct error unused;
    struct file_list list;
    bool found = false;
    if (!file_list_read(&list, lab.runs, &unused))
        return false;
    for (size_t i = 0; i < list.count && !found; i++) {
        size_t length = strlen(list.name[i]), size = strlen(ending);
        found = length >= size && strcmp(list.name[i] + length - size, ending) == 0;
        if (found)
            snprintf(path, 512, "%s/%s", lab.runs, list.name[i]);
    }
    file_list_free(&list);
    return found;
}

static struct hash add(struct hash sum, const void *data, size_t size)
{
    return hash_bytes(data, size, sum);
}

static bool read_tensors(const char *run, const char *name, struct hash *sum, char why[256])
{
    struct error error = {0};
    char *path = path_join(run, name);
    struct weights *weights = weights_open(path, &error);
    bool good = weights != NULL;
    *sum = (struct hash){0};
    for (size_t i = 0; good && i < weights_count(weights); i++) {
        const struct weights_tensor *tensor = weights_get(weights, i);
        float *values = mem_alloc((size_t)shape_count(&tensor->shape) * sizeof(float) + 1);
        good = weights_read(weights, i, values, &error);
        *sum = add(add(*sum, tensor->name, strlen(tensor->name)), values,
                   (size_t)shape_count(&tensor->shape) * sizeof(float));
        mem_free(values);
    }
    if (!good)
        snprintf(why, 256, "%.255s", error.text);
    weights_close(weights);
    mem_free(path);
    return good;
}

bool lab_read(const char *run, struct lab_result *result, char why[256])
{
    struct error error = {0};
    struct world_log *log = mem_alloc(sizeof *log);
    struct event_sink sink;
    world_sink(&sink, log);
    char *model = path_join(run, "model.safetensors");
    bool good = rundir_read(run, &sink, NULL, &error) && hash_file(&result->model, model, &error);
    if (good && log->kinds[EVENT_DONE] == 0)
        good = error_set(&error, ERROR_FAILED, "its events tell of no end");
    if (!good)
        snprintf(why, 256, "%.255s", error.text);
    result->story = add((struct hash){0}, log->loss, sizeof log->loss);
    result->story = add(result->story, log->epoch_loss, sizeof log->epoch_loss);
    result->story = add(result->story, log->val_loss, sizeof log->val_loss);
    result->story = add(result->story, &log->last_step, sizeof log->last_step);
    result->story = add(result->story, &log->last[EVENT_DONE].u.done.how, sizeof log->last[EVENT_DONE].u.done.how);
    mem_free(model);
    mem_free(log);
    return good && read_tensors(run, "checkpoints/last.safetensors", &result->last, why) &&
           read_tensors(run, "checkpoints/best.safetensors", &result->best, why);
}

bool lab_same(const struct lab_result *a, const struct lab_result *b, char why[256])
{
    bool model = hash_equal(a->model, b->model), last = hash_equal(a->last, b->last);
    bool best = hash_equal(a->best, b->best), story = hash_equal(a->story, b->story);
    snprintf(why, 256, "other than undisturbed:%s%s%s%s", model ? "" : " model", last ? "" : " last checkpoint",
             best ? "" : " best checkpoint", story ? "" : " events");
    return model && last && best && story;
}

static struct hash tree(const char *folder, struct hash sum)
{
    struct error unused;
    struct file_list list;
    if (!file_list_read(&list, folder, &unused))
        return sum;
    for (size_t i = 0; i < list.count; i++) {
        char *path = path_join(folder, list.name[i]);
        struct hash bytes = {0};
        sum = add(sum, list.name[i], strlen(list.name[i]));
        if (file_is_directory(path))
            sum = tree(path, sum);
        else if (hash_file(&bytes, path, &unused))
            sum = add(sum, &bytes, sizeof bytes);
        mem_free(path);
    }
    file_list_free(&list);
    return sum;
}

struct hash lab_tree(const char *folder)
{
    return tree(folder, (struct hash){0, 1});
}

void lab_make_whole(const char *name, char run[512])
{
    LAB_MUST("train", lab.train);
    assert_true(lab_find("-t", run));
    lab_keep_scene(name);
}

static bool has_checkpoints(const char *run)
{
    static const char *const names[] = {"checkpoints/last.safetensors", "checkpoints/best.safetensors"};
    bool all = true;
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        char *path = path_join(run, names[i]);
        all = all && file_exists(path);
        mem_free(path);
    }
    return all;
}

/* Killed at the first rename from the middle on at which both checkpoints are there: how often a run saves is a matter
 * of its times, too. */
void lab_make_half(const char *name, char run[512])
{
    lab_keep_scene(name);
    struct lab_end end = LAB_RUN(NULL, "train", lab.train);
    long renames = end.count[FAULT_RENAME], at = renames / 2;
    assert_int_equal(end.code, 0);
    for (bool ready = false; !ready; at++) {
        assert_true(at < renames);
        lab_finish(&end);
        lab_restore_scene(name);
        end = LAB_RUN((&(struct lab_fault){.kind = FAULT_RENAME, .at = at, .how = "kill"}), "train", lab.train);
        ready = end.signal == SIGKILL && lab_find("-t", run) && has_checkpoints(run);
    }
    lab_finish(&end);
    lab_keep_scene(name);
}

/* --- faults --- */

static int found;

void lab_fault(const char *format, ...)
{
    char text[1024];
    va_list rest;
    va_start(rest, format);
    vsnprintf(text, sizeof text, format, rest);
    va_end(rest);
    print_message("FAULT: %s\n", text);
    found++;
}

void lab_judge(const char *what, long cases)
{
    int faults = found;
    print_message("%s: %ld cases, %d faults\n", what, cases, faults);
    found = 0;
    if (faults)
        fail_msg("%s: %d faults", what, faults);
}
