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
    if (!rundir_read(path, &(struct event_sink){.emit = note, .context = &seen}, NULL, &error))
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

/* Shown, and not written to. */
static void newer_version_is_refused(void **state)
{
    (void)state;
    struct error error = {0};
    struct rundir_summary summary;
    struct rundir *rundir = rundir_create(folder, "newer", &error);
    struct event event = run_event(1);
    struct seen seen = {0};
    event.u.run.version = EVENT_VERSION + 1;
    append(rundir, event);
    append(rundir, (struct event){.kind = EVENT_DONE});
    assert_false(rundir_read(rundir_path(rundir), &(struct event_sink){.emit = note, .context = &seen}, NULL, &error));
    assert_non_null(strstr(error.text, "format version 3"));
    assert_int_equal(seen.kinds[EVENT_RUN] + seen.kinds[EVENT_DONE], 0);
    char *path = mem_string(rundir_path(rundir));
    rundir_close(rundir);
    assert_true(rundir_summarise(path, &summary, &error));
    assert_true(summary.newer && !summary.done);
    assert_string_equal(run_state_word(&summary), "newer");
    assert_non_null(strstr(summary.damage, "format version 3, this program reads up to 2"));
    assert_true(summary.started > 1e9); /* by its name */
    rundir_summary_finish(&summary);
    error.text[0] = '\0';
    assert_null(rundir_open(path, &error));
    assert_non_null(strstr(error.text, "format version 3"));
    mem_free(path);
}

/* --- damage --- */

static char *read_events(const char *path)
{
    struct error error = {0};
    char *file = path_join(path, "events.jsonl"), *text = file_read_text(file, 1 << 20, &error);
    mem_free(file);
    assert_non_null(text);
    return text;
}

/* A finished run of five lines without sums, with `line` (of any bytes) in the place of its line `at`, from 1; 0: as it
 * is. */
static char *damaged_run(const char *name, int at, const char *line, size_t length)
{
    struct error error = {0};
    struct rundir *rundir = rundir_create(folder, name, &error);
    append(rundir, run_event(100));
    append(rundir, step_event(1));
    append(rundir, (struct event){.kind = EVENT_EPOCH, .epoch = 1, .step = 1});
    append(rundir, eval_event(1, 0.5));
    append(rundir, (struct event){.kind = EVENT_DONE, .step = 1, .u.done.how = EVENT_DONE_FINISHED});
    char *path = mem_string(rundir_path(rundir)), *file = path_join(path, "events.jsonl"), *text = read_events(path);
    rundir_close(rundir);
    FILE *stream = fopen(file, "w");
    int number = 1;
    for (char *from = text, *end; (end = strchr(from, '\n')); from = end + 1, number++)
        if (number == at)
            fwrite(line, length, 1, stream);
        else
            fprintf(stream, "%.*s}\n", (int)(strstr(from, ",\"sum\"") - from), from);
    fclose(stream);
    mem_free(text);
    mem_free(file);
    return path;
}

static const struct damage_case {
    const char *name;
    int at;
    const char *line;
    size_t length;
    const char *damage;
    int kinds; /* that are read */
} damages[] = {
#define BYTES(text) text, sizeof(text) - 1
    {"sound", 0, BYTES(""), "", 5},
    {"garbage", 3, BYTES("garbage\n"), "line 3 of 5 is not as it was written; the others say that it is finished", 4},
    {"empty", 3, BYTES("\n"), "line 3 of 5 is not as it was written; the others say that it is finished", 4},
    {"nul", 2, BYTES("{\"kind\":\"step\",\0\"step\":1}\n"),
     "line 2 of 5 is not as it was written; the others say that it is finished", 4},
    {"zeros", 4, BYTES("\0\0\0\0\0\0\0\0\n"),
     "line 4 of 5 is not as it was written; the others say that it is finished", 4},
    {"latin", 4, BYTES("{\"kind\":\"note\",\"text\":\"\xe4\"}\n"),
     "line 4 of 5 is not as it was written; the others say that it is finished", 4},
    {"first", 1, BYTES("{}\n"), "line 1 of 5 is not as it was written; the others say that it is finished", 4},
    {"headless", 1, BYTES(""), "its 4 events do not begin with a \"run\" line; the others say that it is finished", 4},
    {"last", 5, BYTES("{\"kind\":\"done\"\n"), "line 5 of 5 is not as it was written", 4},
    {"two", 3, BYTES("1\n2\n"),
     "2 of 6 lines are not as they were written, the first of them line 3; the others say that it is finished", 4},
    {"torn", 5, BYTES("{\"kind\":\"do"), "", 4}, /* by a kill, which is no damage */
    {"late", 3, BYTES("{\"kind\":\"epoch\",\"time\":1e300}\n"),
     "line 3 of 5 is not as it was written; the others say that it is finished", 4},
};

/* A damaged run is listed with what is wrong, and the rest of it is read. */
static void damage_is_shown(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(damages); i++) {
        const struct damage_case *test = &damages[i];
        struct error error = {0};
        struct rundir_summary summary;
        struct run_damage damage;
        struct seen seen = {0};
        char words[RUN_DAMAGE_TEXT], *path = damaged_run(test->name, test->at, test->line, test->length);
        if (!rundir_summarise(path, &summary, &error) || strcmp(summary.damage, test->damage) != 0)
            fail_msg("%s: %s, %s", test->name, summary.damage, error.text);
        const char *whole = test->at == 0 ? "finished" : "broken off";
        assert_string_equal(run_state_word(&summary), test->damage[0] ? "damaged" : whole);
        assert_true(rundir_read(path, &(struct event_sink){.emit = note, .context = &seen}, &damage, &error));
        int kinds = 0;
        for (int kind = 0; kind < EVENT_KINDS; kind++)
            kinds += seen.kinds[kind];
        assert_int_equal(kinds, test->kinds);
        run_damage_words(words, &damage);
        if (!strstr(test->name, "headless"))
            assert_int_equal(strncmp(test->damage, words, strlen(words)), 0);
        assert_int_equal(summary.epochs_done, seen.kinds[EVENT_EPOCH]);
        rundir_summary_finish(&summary);
        mem_free(path);
    }
}

/* Nothing of it can be read, or not by that name. */
static void unreadable_runs_are_shown(void **state)
{
    (void)state;
    struct error error = {0};
    struct rundir_summary summary;
    static const char zeros[100];
    char *path = damaged_run("lost", 0, "", 0), *file = path_join(path, "events.jsonl");
    assert_true(file_write_atomic(file, zeros, sizeof zeros, &error));
    assert_true(rundir_summarise(path, &summary, &error));
    assert_string_equal(summary.damage, "there is no event in its 100 bytes");
    rundir_summary_finish(&summary);
    unlink(file);
    assert_int_equal(symlink("elsewhere", file), 0);
    assert_true(rundir_summarise(path, &summary, &error));
    assert_non_null(strstr(summary.damage, "a symbolic link"));
    assert_string_equal(run_state_word(&summary), "damaged");
    rundir_summary_finish(&summary);
    unlink(file);
    assert_true(file_write_atomic(file, "", 0, &error)); /* it begins just now */
    assert_false(rundir_summarise(path, &summary, &error));
    mem_free(file);
    mem_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_private_and_locked),   cmocka_unit_test(cut_last_line_is_left_out_and_repaired),
        cmocka_unit_test(rewound_to_a_mark),         cmocka_unit_test(full_disk_leaves_whole_lines),
        cmocka_unit_test(listed_newest_first),       cmocka_unit_test(killed_writer_is_not_active),
        cmocka_unit_test(newer_version_is_refused),  cmocka_unit_test(damage_is_shown),
        cmocka_unit_test(unreadable_runs_are_shown),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
