/* Run directories: made private, locked against a second writer, repaired after a kill, rewound, read and listed. */
#include "config.h"

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
#include <unistd.h>

#include <cmocka.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/run/run_state.h"
#include "thaw/run/rundir.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/thaw-test-rundir-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void append(struct rundir *rundir, struct event event)
{
    struct error error = {0};
    if (!rundir_append(rundir, &event, &error))
        fail_msg("%s", error.text);
}

static struct event run_event(double time)
{
    struct event event = {.kind = EVENT_RUN, .time = time};
    event.u.run.version = EVENT_VERSION;
    event.u.run.epochs = 4;
    event.u.run.params_trainable = 12;
    strcpy(event.u.run.model, "resnet20");
    strcpy(event.u.run.data, "signs");
    event.u.run.metrics = (struct metric_definitions){1, {{"accuracy", "share", true}}};
    return event;
}

static struct event step_event(uint64_t step)
{
    return (struct event){
        .kind = EVENT_STEP, .step = step, .elapsed = (double)step, .u.step_.loss = 1.0 / (double)(step + 1)};
}

static struct event eval_event(int epoch, double accuracy)
{
    struct event event = {.kind = EVENT_EVAL, .epoch = epoch};
    metrics_set(&event.u.eval.metrics, "accuracy", accuracy);
    return event;
}

struct seen {
    int kinds[EVENT_KINDS];
    uint64_t last_step;
};

static void note(void *context, const struct event *event)
{
    struct seen *seen = context;
    seen->kinds[event->kind]++;
    if (event->kind == EVENT_STEP)
        seen->last_step = event->step;
}

static struct seen read_all(const char *path)
{
    struct seen seen = {0};
    struct error error = {0};
    if (!rundir_read(path, &(struct event_sink){.emit = note, .context = &seen}, &error))
        fail_msg("%s", error.text);
    return seen;
}

static void made_private_and_locked(void **state)
{
    (void)state;
    struct error error = {0};
    char want[64];
    struct stat status;
    struct rundir *rundir = rundir_create(folder, "a/b c", &error);
    assert_non_null(rundir);
    assert_non_null(strstr(rundir_path(rundir), "-a-b-c"));
    assert_int_equal(stat(rundir_path(rundir), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    append(rundir, run_event(1));

    assert_null(rundir_open(rundir_path(rundir), &error));
    snprintf(want, sizeof want, "in use by process %ld", (long)getpid());
    assert_non_null(strstr(error.text, want));

    /* The name of the same second is taken: the next gets a number. */
    struct rundir *second = rundir_create(folder, "a/b c", &error);
    assert_non_null(second);
    assert_string_not_equal(rundir_path(rundir), rundir_path(second));
    char *path = mem_string(rundir_path(second));
    rundir_discard(second);
    assert_false(file_exists(path));
    mem_free(path);

    path = mem_string(rundir_path(rundir));
    rundir_close(rundir);
    rundir = rundir_open(path, &error);
    assert_non_null(rundir);
    rundir_close(rundir);
    mem_free(path);
    assert_null(rundir_open(folder, &error));
    assert_non_null(strstr(error.text, "not a run directory"));
}

static void cut_last_line_is_left_out_and_repaired(void **state)
{
    (void)state;
    struct error error = {0};
    struct rundir *rundir = rundir_create(folder, "cut", &error);
    append(rundir, run_event(1));
    append(rundir, step_event(1));
    char *path = mem_string(rundir_path(rundir)), *events = rundir_file(rundir, "events.jsonl");
    rundir_close(rundir);
    FILE *file = fopen(events, "a");
    fputs("{\"kind\":\"step\",\"ste", file);
    fclose(file);

    struct seen seen = read_all(path);
    assert_int_equal(seen.kinds[EVENT_STEP], 1);
    rundir = rundir_open(path, &error);
    append(rundir, step_event(2));
    rundir_close(rundir);
    seen = read_all(path);
    assert_int_equal(seen.kinds[EVENT_STEP], 2);
    assert_int_equal(seen.last_step, 2);
    mem_free(path);
    mem_free(events);
}

static void rewound_to_a_mark(void **state)
{
    (void)state;
    struct error error = {0};
    struct rundir *rundir = rundir_create(folder, "rewind", &error);
    append(rundir, run_event(1));
    append(rundir, step_event(1));
    uint64_t mark = rundir_mark(rundir);
    append(rundir, (struct event){.kind = EVENT_CHECKPOINT});
    append(rundir, step_event(2));
    append(rundir, (struct event){.kind = EVENT_DONE});
    assert_true(rundir_rewind(rundir, mark + 1, &error)); /* not between lines: nothing is lost */
    assert_int_equal(read_all(rundir_path(rundir)).last_step, 2);
    assert_true(rundir_rewind(rundir, mark, &error));
    struct seen seen = read_all(rundir_path(rundir));
    assert_int_equal(seen.last_step, 1);
    assert_int_equal(seen.kinds[EVENT_CHECKPOINT], 1);
    assert_int_equal(seen.kinds[EVENT_DONE], 0);
    assert_true(rundir_rewind(rundir, 0, &error));
    assert_int_equal(read_all(rundir_path(rundir)).kinds[EVENT_RUN], 0);
    rundir_close(rundir);
}

/* A file-size limit stands for a full disk: the write comes out short, then fails. */
static void full_disk_leaves_whole_lines(void **state)
{
    (void)state;
    struct error error = {0};
    struct rundir *rundir = rundir_create(folder, "full", &error);
    append(rundir, run_event(1));
    struct rlimit old, small;
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = rundir_mark(rundir) + 10;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    struct event event = step_event(1);
    bool good = rundir_append(rundir, &event, &error);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_false(good);
    assert_non_null(strstr(error.text, "cannot append"));
    append(rundir, step_event(2));
    struct seen seen = read_all(rundir_path(rundir));
    assert_int_equal(seen.kinds[EVENT_STEP], 1);
    assert_int_equal(seen.last_step, 2);
    rundir_close(rundir);
}

static const struct rundir_summary *find(const struct rundir_summary *list, size_t count, const char *part)
{
    for (size_t i = 0; i < count; i++)
        if (strstr(list[i].name, part))
            return &list[i];
    return NULL;
}

static void listed_newest_first(void **state)
{
    (void)state;
    struct error error = {0};
    size_t count;
    char *runs = path_join(folder, "runs");
    struct rundir_summary *list = rundir_list(runs, &count, &error); /* no directory: nothing */
    assert_non_null(list);
    assert_int_equal(count, 0);
    rundir_list_free(list, count);
    struct rundir *old = rundir_create(runs, "old", &error), *new = rundir_create(runs, "new", &error);
    append(old, run_event(100));
    append(old, eval_event(1, 0.5));
    append(old, (struct event){.kind = EVENT_EPOCH, .epoch = 1});
    append(old, eval_event(2, 0.25));
    append(old, (struct event){.kind = EVENT_DONE, .u.done.how = EVENT_DONE_STOPPED});
    rundir_close(old);
    append(new, run_event(200));
    append(new, step_event(3));
    char *stray = path_join(runs, "stray");
    assert_true(file_make_directories(stray, &error));

    list = rundir_list(runs, &count, &error);
    assert_int_equal(count, 2);
    assert_non_null(strstr(list[0].name, "new"));
    assert_true(list[0].active && !list[0].done);
    assert_true(list[0].seconds == 3 && list[0].best_accuracy == -1);
    const struct rundir_summary *stopped = find(list, count, "old");
    assert_true(stopped->done && !stopped->active && stopped->how == EVENT_DONE_STOPPED);
    assert_true(stopped->best_accuracy == 0.5 && stopped->last_accuracy == 0.25);
    assert_int_equal(stopped->epochs_done, 1);
    assert_string_equal(stopped->model, "resnet20");
    assert_string_equal(stopped->data, "signs");
    assert_string_equal(run_state_word(&list[0]), "running");
    rundir_list_free(list, count);
    append(new, (struct event){.kind = EVENT_PAUSE, .u.pause.paused = true});
    list = rundir_list(runs, &count, &error);
    assert_string_equal(run_state_word(&list[0]), "paused");
    rundir_list_free(list, count);
    rundir_close(new);
    list = rundir_list(runs, &count, &error); /* it was killed while it was paused */
    assert_string_equal(run_state_word(&list[0]), "broken off");
    rundir_list_free(list, count);
    mem_free(stray);
    mem_free(runs);
}

/* A writer that was killed: its lock and its number in the file do not make the run look alive. */
static void killed_writer_is_not_active(void **state)
{
    (void)state;
    struct error error = {0};
    struct rundir_summary summary;
    int ready[2];
    char path[512] = "";
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct rundir *rundir = rundir_create(folder, "killed", &error);
        append(rundir, run_event(1));
        if (write(ready[1], rundir_path(rundir), strlen(rundir_path(rundir))) < 0)
            _exit(1);
        for (;;)
            pause();
    }
    assert_true(read(ready[0], path, sizeof path - 1) > 0);
    assert_true(rundir_summarise(path, &summary, &error));
    assert_true(summary.active);
    rundir_summary_finish(&summary);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_true(rundir_summarise(path, &summary, &error));
    assert_false(summary.active);
    rundir_summary_finish(&summary);
    struct rundir *rundir = rundir_open(path, &error);
    assert_non_null(rundir);
    rundir_close(rundir);
    close(ready[0]);
    close(ready[1]);
}

static void newer_version_is_refused(void **state)
{
    (void)state;
    struct error error = {0};
    struct rundir *rundir = rundir_create(folder, "newer", &error);
    struct event event = run_event(1);
    struct seen seen = {0};
    event.u.run.version = EVENT_VERSION + 1;
    append(rundir, event);
    assert_false(rundir_read(rundir_path(rundir), &(struct event_sink){.emit = note, .context = &seen}, &error));
    assert_non_null(strstr(error.text, "format version 3"));
    rundir_close(rundir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_private_and_locked),  cmocka_unit_test(cut_last_line_is_left_out_and_repaired),
        cmocka_unit_test(rewound_to_a_mark),        cmocka_unit_test(full_disk_leaves_whole_lines),
        cmocka_unit_test(listed_newest_first),      cmocka_unit_test(killed_writer_is_not_active),
        cmocka_unit_test(newer_version_is_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
