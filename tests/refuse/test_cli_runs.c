/* The program on runs: what training, resuming, forking and the list say, and that verbs find runs by their names. */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "cli.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

/* The directory of the only run below the folder, as the program is told of it; caller frees. */
static char *only_run(const char *runs)
{
    struct error error = {0};
    struct file_list list;
    char *path = cli_path(runs);
    if (!file_list_read(&list, path, &error) || list.count != 1)
        fail_msg("%s: one run expected", path);
    char *run = mem_format("@%s/%s", runs, list.name[0]);
    file_list_free(&list);
    mem_free(path);
    return run;
}

/* Whoever read what a training prints may go away: it trains on, and says at its end that it was not heard. */
static void trains_unheard(void **state)
{
    (void)state;
    static const char *const words[] = {"train", "@short.ini", "--run", "@piped", NULL};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    struct outcome outcome = cli_run_into(words, ends[1]);
    char *name = only_run("piped"), *model = mem_format("%s/%s/model.safetensors", cli_directory, name + 1);
    assert_int_equal(outcome.code, 1);
    assert_non_null(strstr(outcome.err, "thaw: standard output: "));
    assert_true(file_exists(model));
    mem_free(model);
    mem_free(name);
    cli_finish(&outcome);
}

static char *stream_of(pid_t process, int stream)
{
    char name[64], target[512];
    snprintf(name, sizeof name, "/proc/%ld/fd/%d", (long)process, stream);
    ssize_t length = readlink(name, target, sizeof target - 1);
    target[length > 0 ? length : 0] = '\0';
    return mem_string(target);
}

/* Trains for long into a folder of runs, for who waits for its first checkpoint; without streams but where they are
 * `heard`. */
static pid_t train_on(const char *folder, bool heard)
{
    char *program = mem_format("%s/thaw", getenv("THAW_BUILDDIR")), *ini = cli_path("short.ini"),
         *runs = cli_path(folder);
    pid_t child = fork();
    if (child == 0) {
        for (int fd = 0; fd < 3; fd++)
            heard ? (void)freopen("/dev/null", "w", fd == 2 ? stderr : stdout) : (void)close(fd);
        execl(program, program, "train", ini, "--runs", runs, "--set", "train.epochs=100000", (char *)NULL);
        _exit(127);
    }
    assert_true(child > 0);
    mem_free(program);
    mem_free(ini);
    mem_free(runs);
    return child;
}

/* Waits for a run in that folder. */
static void wait_for_run(const char *folder, pid_t child)
{
    struct error error = {0};
    struct file_list list = {0};
    char *runs = cli_path(folder);
    while (!list.count) {
        assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
        nanosleep(&(struct timespec){0, 10 * 1000 * 1000}, NULL);
        file_list_free(&list);
        if (!file_list_read(&list, runs, &error))
            list = (struct file_list){0};
    }
    file_list_free(&list);
    mem_free(runs);
}

/* Where the three streams are closed, no file or socket of the run takes the place of one. */
static void trains_without_streams(void **state)
{
    (void)state;
    pid_t child = train_on("closed", false);
    wait_for_run("closed", child); /* its files are open soon, and what they left is taken before */
    for (int fd = 0; fd < 3; fd++) {
        char *target = stream_of(child, fd);
        assert_string_equal(target, "/dev/null");
        mem_free(target);
    }
    int status = 0;
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

/* A signal stops it behind a batch, and what it came to is saved; a library's thread must not take the signal. */
static void stops_when_a_signal_says_so(void **state)
{
    (void)state;
    static const struct {
        const char *folder;
        int number, code;
    } asked[] = {{"by-term", SIGTERM, 5}, {"by-int", SIGINT, 130}};
    for (size_t i = 0; i < THAW_LENGTH(asked); i++) {
        int status = 0;
        pid_t child = train_on(asked[i].folder, true);
        wait_for_run(asked[i].folder, child);
        assert_int_equal(kill(child, asked[i].number), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), asked[i].code);
        char *run = only_run(asked[i].folder),
             *last = mem_format("%s/%s/checkpoints/last.safetensors", cli_directory, run + 1);
        assert_true(file_exists(last));
        mem_free(last);
        mem_free(run);
    }
}

/* What is asked of runs in other words than usual. */
static void answers_what_is_meant(void **state)
{
    (void)state;
    cli_expect_text(EXPECT(2, "follow", "--runs", "@nowhere"), NULL, "nowhere: there are no runs in it");
    cli_expect_text(EXPECT(0, "train", "@short.ini", "--runs", "@meant", "--threads", "1"), "finished", NULL);
    cli_expect_text(EXPECT(0, "follow", "--runs", "@meant"), "best validation accuracy", NULL);
    cli_expect_text(EXPECT(2, "train", "@short.ini", "--threads", "many"), NULL, "--threads takes a whole number");
    cli_expect_text(EXPECT(0, "resume", "last", "--runs", "@meant", "--epochs", "2", "--threads", "1"), "finished",
                    NULL);
    cli_expect_text(EXPECT(2, "resume", "last", "--runs", "@meant", "--epochs", "1"), NULL,
                    "it has trained 2 epochs, so it cannot end behind epoch 1");
    char far[700];
    memset(far, 'a', sizeof far - 1);
    far[0] = '/';
    far[sizeof far - 1] = '\0';
    cli_expect_text(EXPECT(2, "train", "@short.ini", "--runs", far), NULL,
                    "--runs takes a folder of at most 511 bytes");
    char *run = only_run("meant"), *ini = mem_format("%s/%s/experiment.ini", cli_directory, run + 1);
    struct error error = {0};
    char *text = file_read_text(ini, 1 << 16, &error);
    assert_non_null(text);
    assert_non_null(strstr(text, "threads = 1\n"));
    cli_expect_text(EXPECT(2, "tell", run, "resume"), NULL, "there are lr, pause, continue, step, stop, save, freeze");
    cli_expect_text(EXPECT(0, "predict", "--model", "last", "--runs", "@meant", "@good/a"), "good/a/0.png\t", NULL);
    cli_expect_text(EXPECT(3, "predict", "--model", "last", "--runs", "@meant", "@good"), NULL,
                    "good: no images lie in this folder itself");
    cli_expect_text(EXPECT(2, "train", "@garbage.pth"), NULL, "this is no experiment file");
    mem_free(text);
    mem_free(ini);
    mem_free(run);
}

/* The object names the run's directory, so that a script finds what it wrote. */
static void names_the_run(void **state)
{
    (void)state;
    static const char *const words[] = {"train", "@short.ini", "--run", "@trained", "--json", NULL};
    struct outcome outcome = cli_run(words);
    cli_expect_plain(&outcome, 0, "train --json");
    json_t *object = json_loads(outcome.out, 0, NULL);
    const char *directory_of_run = json_string_value(json_object_get(object, "run"));
    assert_non_null(directory_of_run);
    char *events = path_join(directory_of_run, "events.jsonl");
    if (!file_exists(events))
        fail_msg("no such file: %s", events);
    mem_free(events);
    json_decref(object);
    cli_finish(&outcome);
}

/* Without validation images there are lines an epoch all the same, and what is not known is null. */
static void tells_unjudged_runs(void **state)
{
    (void)state;
    static const char *const line[] = {"train", "@unjudged.ini", "--run", "@unjudged", NULL};
    static const char *const whole[] = {"train", "@unjudged.ini", "--run", "@unjudged", "--json", NULL};
    struct outcome plain = cli_run(line), object = cli_run(whole);
    cli_expect_plain(&plain, 0, "train");
    cli_expect_plain(&object, 0, "train --json");
    assert_non_null(strstr(plain.out, "\nepoch 1/2  loss "));
    assert_non_null(strstr(plain.out, "\nepoch 2/2  loss "));
    assert_non_null(strstr(plain.out, "\nfinished after "));
    assert_null(strstr(plain.out, "validation loss"));
    json_t *root = json_loads(object.out, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(root, "epochs")), 2);
    assert_true(json_real_value(json_object_get(root, "train_loss")) > 0);
    static const char *const unknown[] = {"loss", "accuracy", "best_accuracy", "best_epoch", "weights"};
    for (size_t i = 0; i < THAW_LENGTH(unknown); i++)
        assert_true(json_is_null(json_object_get(root, unknown[i])));
    json_decref(root);
    cli_finish(&plain);
    cli_finish(&object);
}

/* A run that goes on says of how many epochs, and its object is as full as the first one. */
static void tells_resumed_runs(void **state)
{
    (void)state;
    static const char *const first[] = {"train", "@short.ini", "--run", "@resumed", NULL};
    struct outcome outcome = cli_run(first);
    cli_expect_plain(&outcome, 0, "train");
    cli_finish(&outcome);
    char *name = only_run("resumed");
    const char *const line[] = {"resume", name, "--epochs", "3", NULL}, *const whole[] = {"resume", name, "--json",
                                                                                          NULL};
    outcome = cli_run(line);
    cli_expect_plain(&outcome, 0, "resume");
    assert_non_null(strstr(outcome.out, "\nepoch 2/3  loss "));
    assert_non_null(strstr(outcome.out, "\nepoch 3/3  loss "));
    cli_finish(&outcome);
    outcome = cli_run(whole);
    cli_expect_plain(&outcome, 0, "resume --json");
    json_t *root = json_loads(outcome.out, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(root, "epochs")), 3);
    assert_string_equal(json_string_value(json_object_get(root, "model")), "resnet20");
    assert_int_equal(json_integer_value(json_object_get(root, "classes")), 2);
    assert_true(json_real_value(json_object_get(root, "loss")) > 0);
    json_decref(root);
    cli_finish(&outcome);
    cli_expect_text(EXPECT(0, "resume", name), "nothing was left to train, as it had finished; --epochs N", NULL);
    mem_free(name);
}

/* What is not as the run left it is refused; its documented exit status says what that is. */
static void damaged_runs_are_refused(void **state)
{
    (void)state;
    struct error error = {0};
    cli_expect_text(EXPECT(0, "train", "@short.ini", "--run", "@damaged"), NULL, NULL);
    char *name = only_run("damaged"), *run = cli_path(name + 1), *settings = path_join(run, "experiment.ini");
    char *text = file_read_text(settings, 1 << 16, &error), *changed = mem_format("%s[train]\nlr = 0.5\n", text);
    char *last = path_join(run, "checkpoints/last.safetensors"), *best = path_join(run, "checkpoints/best.safetensors");
    assert_true(file_write_atomic(settings, changed, strlen(changed), &error));
    cli_expect_text(EXPECT(2, "resume", name), NULL, "train.lr was ");
    assert_true(file_write_atomic(settings, text, strlen(text), &error));
    unlink(best);
    assert_true(file_write_atomic(last, "x", 1, &error));
    cli_expect_text(EXPECT(3, "resume", name), NULL, "last.safetensors");
    unlink(last);
    cli_expect_text(EXPECT(3, "resume", name), NULL, "no other checkpoint of the run can be read either");
    char *const all[] = {name, run, settings, text, changed, last, best};
    for (size_t i = 0; i < THAW_LENGTH(all); i++)
        mem_free(all[i]);
}

/* A fork begins where its parent stood, and nowhere else. */
static void forks_begin_at_a_checkpoint(void **state)
{
    (void)state;
    static const char *const first[] = {"train", "@short.ini", "--run", "@forked", NULL};
    struct outcome outcome = cli_run(first);
    cli_expect_plain(&outcome, 0, "train");
    cli_finish(&outcome);
    char *name = only_run("forked");
    const char *const nowhere[] = {"fork", name, "--at", "bestt", NULL};
    const char *const there[] = {"fork", name, "--at", "last", "--set", "train.epochs=2", NULL};
    outcome = cli_run(nowhere);
    cli_expect_plain(&outcome, 2, "fork --at bestt");
    assert_non_null(strstr(outcome.err, "no checkpoint \"bestt\"; there are: "));
    cli_finish(&outcome);
    outcome = cli_run(there);
    cli_expect_plain(&outcome, 0, "fork");
    assert_non_null(strstr(outcome.out, "forked from "));
    assert_null(strstr(outcome.out, "epoch 1/2"));
    assert_non_null(strstr(outcome.out, "epoch 2/2"));
    cli_finish(&outcome);
    mem_free(name);
}

/* What comes with the program is looked for before anything is drawn. */
static void samples_need_their_files(void **state)
{
    (void)state;
    static const char *const samples[] = {"samples", "@nowhere/samples", NULL};
    char *before = mem_string(getenv("THAW_DATADIR"));
    setenv("THAW_DATADIR", "/nonexistent", 1);
    struct outcome outcome = cli_run(samples);
    setenv("THAW_DATADIR", before, 1);
    mem_free(before);
    cli_expect_plain(&outcome, 1, "samples");
    assert_non_null(strstr(outcome.err, "/nonexistent/samples: the samples that come with thaw are not there"));
    cli_finish(&outcome);
}

/* --- runs by name --- */

/* Every verb that takes a run takes it by name. */
static void takes_runs_by_name(void **state)
{
    (void)state;
    cli_expect_text(EXPECT(0, "train", "@short.ini", "--runs", "@named", "--set", "run.name=first"), NULL, NULL);
    cli_expect_text(EXPECT(0, "train", "@short.ini", "--runs", "@named", "--set", "run.name=second"), NULL, NULL);
    cli_expect_text(EXPECT(0, "resume", "first", "--runs", "@named"), "resnet20 on", NULL);
    cli_expect_text(EXPECT(0, "eval", "--model", "FIRS", "--runs", "@named", "--data", "@good"), "resnet20 on",
                    "-first\n");
    cli_expect_text(EXPECT(0, "predict", "--model", "second", "--runs", "@named", "@good/a/0.png"), "0.png\t",
                    "-second\n");
    cli_expect_text(EXPECT(0, "models", "show", "last", "--runs", "@named"), "resnet20: 2 classes", "-second\n");
    cli_expect_text(EXPECT(0, "models", "verify", "last", "--runs", "@named"), "resnet20, 2 classes", "-second\n");
    cli_expect_text(EXPECT(0, "bench", "--model", "first", "--runs", "@named", "--batch", "1", "--seconds", "0",
                           "--no-limits", "--regime", "forward"),
                    "resnet20, 32x32x3", "-first\n");
    static const char *const verbs[][6] = {
        {"resume"},
        {"eval", "--data", "@good", "--model"},
        {"predict", "@good/a/0.png", "--model"},
        {"bench", "--model"},
        {"models", "show"},
        {"models", "verify"},
        {"runs", "delete"},
        {"runs", "tag"},
        {"runs", "note"},
        {"follow"},
        {"fork"},
    };
    for (size_t i = 0; i < THAW_LENGTH(verbs); i++) {
        const char *words[WORDS_MAX] = {0};
        int count = 0;
        while (verbs[i][count]) {
            words[count] = verbs[i][count];
            count++;
        }
        words[count] = "s"; /* first and second */
        words[count + 1] = "--runs";
        words[count + 2] = "@named";
        cli_expect_text(cli_expect(2, words), NULL, "\"s\" can be 2 runs: 2");
    }
}

/* What an architecture or a file is called counts before a run's name. */
static void prefers_networks_to_runs(void **state)
{
    (void)state;
    cli_expect_text(EXPECT(0, "train", "@short.ini", "--runs", "@shadow", "--set", "run.name=resnet20"), NULL, NULL);
    struct outcome outcome = EXPECT(0, "models", "show", "resnet20", "--runs", "@shadow");
    assert_non_null(strstr(outcome.out, "resnet20: 10 classes"));
    assert_string_equal(outcome.err, "");
    cli_finish(&outcome);
    cli_expect_text(EXPECT(2, "models", "show", "resnet2O", "--runs", "@shadow"), NULL, "resnet20");
}

/* The run's directory is the only one below the folder that has this in its name. */
static bool has_run(const char *folder, const char *part)
{
    struct error error = {0};
    struct file_list list;
    char *path = cli_path(folder);
    bool has = false;
    if (!file_list_read(&list, path, &error))
        fail_msg("%s", error.text);
    for (size_t i = 0; i < list.count; i++)
        has |= strstr(list.name[i], part) != NULL;
    file_list_free(&list);
    mem_free(path);
    return has;
}

static void keeps_order_among_runs(void **state)
{
    (void)state;
    cli_expect_text(EXPECT(0, "train", "@short.ini", "--runs", "@kept", "--set", "run.name=plain"), NULL, NULL);
    cli_expect_text(EXPECT(0, "runs", "--sort", "-best", "--runs", "@kept"), "1 of 1 runs", NULL);
    cli_expect_text(EXPECT(0, "runs", "rename", "plain", "better", "--runs", "@kept"), "-plain is now ", NULL);
    assert_true(has_run("kept", "-better"));
    cli_expect_text(EXPECT(0, "resume", "better", "--runs", "@kept"), "going on from", NULL); /* nothing in it broke */
    cli_expect_text(EXPECT(0, "eval", "--model", "better", "--runs", "@kept", "--data", "@good"), "top-1", NULL);
    cli_expect_text(EXPECT(0, "runs", "tag", "better", "keep", "b-2", "--runs", "@kept"), "tags: keep, b-2\n", NULL);
    cli_expect_text(EXPECT(0, "runs", "tag", "last", "-b-2", "--runs", "@kept"), "tags: keep\n", NULL);
    cli_expect_text(EXPECT(0, "runs", "note", "last", "two", "words", "--runs", "@kept"), "note: two words\n", NULL);
    cli_expect_text(EXPECT(0, "runs", "tag:keep", "--runs", "@kept"), "    two words\n1 of 1 runs", NULL);
    cli_expect_text(EXPECT(0, "runs", "-tagged", "--runs", "@kept"), "0 of 1 runs", NULL);
    cli_expect_text(EXPECT(0, "runs", "dlete", "last", "--runs", "@kept"), "0 of 1 runs", "the nearest is delete\n");
    cli_expect_text(EXPECT(0, "runs", "tagg", "--runs", "@kept"), "0 of 1 runs", "the nearest is tag\n");
    cli_expect_text(EXPECT(0, "runs", "-tagged", "name:x", "--runs", "@kept"), "0 of 1 runs", "");
    cli_expect_text(EXPECT(2, "attach", "plain", "--runs", "@kept"), NULL, "has no run \"plain\"");
    cli_expect_text(EXPECT(2, "attach", "better", "--runs", "@kept"), NULL, "the screens need a terminal");
    cli_expect_text(EXPECT(2, "runs", "tag", "last", "a b", "--runs", "@kept"), NULL, "cannot be a tag");
    cli_expect_text(EXPECT(2, "runs", "rename", "last", "a/b", "--runs", "@kept"), NULL, "it could be \"a-b\"");
    cli_expect_text(EXPECT(0, "runs", "delete", "better", "--runs", "@kept"), "-better is in the trash", NULL);
    assert_false(has_run("kept", "better"));
    cli_expect_text(EXPECT(0, "runs", "--trash", "--runs", "@kept"), "1 of 1 runs", NULL);
    cli_expect_text(EXPECT(0, "runs", "restore", "better", "--runs", "@kept"), "-better is back", NULL);
    assert_true(has_run("kept", "-better"));
    cli_expect_text(EXPECT(0, "runs", "delete", "better", "--runs", "@kept"), NULL, NULL);
    cli_expect_text(EXPECT(2, "runs", "empty-trash", "--runs", "@kept"), NULL, "--yes says so without a terminal");
    assert_true(has_run("kept/.trash", "-better"));
    cli_expect_text(EXPECT(0, "runs", "empty-trash", "--yes", "--runs", "@kept"), "1 removed", NULL);
    assert_false(has_run("kept/.trash", "better"));
}

/* All of the runs named are there, or none is touched. */
static void deletes_all_or_none(void **state)
{
    (void)state;
    cli_expect_text(EXPECT(0, "train", "@short.ini", "--runs", "@several", "--set", "run.name=one"), NULL, NULL);
    cli_expect_text(EXPECT(2, "runs", "delete", "one", "two", "--runs", "@several"), NULL, "has no run \"two\"");
    assert_true(has_run("several", "-one"));
}

/* A run that takes its time to answer: what was asked is said to have been, and then the answer. A script plays ssh. */
static void says_what_was_asked(void **state)
{
    (void)state;
    static const char script[] = "#!/bin/sh\necho '{\"thaw\":1,\"run\":\"/far\",\"writes\":true,\"alive\":true}'\n"
                                 "read command\nsleep 3\necho '{\"answer\":1,\"done\":true,\"sentence\":\"\"}'\n"
                                 "read end\n";
    struct error error = {0};
    char *path = cli_path("ssh");
    assert_true(file_write_atomic(path, script, sizeof script - 1, &error));
    assert_int_equal(chmod(path, 0700), 0);
    setenv("THAW_SSH", path, 1);
    cli_expect_text(EXPECT(0, "tell", "host:last", "save"), "done: save", "asked; it is done behind the batch");
    unsetenv("THAW_SSH");
    mem_free(path);
}

/* Numbers of the objects are those of the files, to the last bit. */
static void tells_exact_numbers(void **state)
{
    (void)state;
    cli_expect_text(EXPECT(0, "train", "@short.ini", "--runs", "@exact"), NULL, NULL);
    char *name = only_run("exact"), *events = mem_format("%s/%s/events.jsonl", cli_directory, name + 1);
    struct error error = {0};
    struct outcome outcome = EXPECT(0, "runs", "--runs", "@exact", "--json");
    char *text = file_read_text(events, 1 << 24, &error);
    json_t *root = json_loads(outcome.out, 0, NULL), *first = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);
    const json_t *told = json_array_get(json_object_get(root, "runs"), 0);
    assert_true(json_real_value(json_object_get(told, "started")) == json_real_value(json_object_get(first, "time")));
    assert_true(json_real_value(json_object_get(told, "started")) > 1e9);
    assert_true(json_is_null(json_object_get(told, "note")));
    json_decref(root);
    json_decref(first);
    cli_finish(&outcome);
    mem_free(text);
    mem_free(events);
    mem_free(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trains_unheard),
        cmocka_unit_test(trains_without_streams),
        cmocka_unit_test(stops_when_a_signal_says_so),
        cmocka_unit_test(answers_what_is_meant),
        cmocka_unit_test(names_the_run),
        cmocka_unit_test(tells_unjudged_runs),
        cmocka_unit_test(tells_resumed_runs),
        cmocka_unit_test(damaged_runs_are_refused),
        cmocka_unit_test(forks_begin_at_a_checkpoint),
        cmocka_unit_test(samples_need_their_files),
        cmocka_unit_test(takes_runs_by_name),
        cmocka_unit_test(prefers_networks_to_runs),
        cmocka_unit_test(keeps_order_among_runs),
        cmocka_unit_test(deletes_all_or_none),
        cmocka_unit_test(tells_exact_numbers),
        cmocka_unit_test(says_what_was_asked),
    };
    return cmocka_run_group_tests(tests, cli_make_files, cli_remove_files);
}
