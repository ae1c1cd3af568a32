/* Summaries that are kept: asked for what has not changed, and never believed where anything could be otherwise. */
#include "config.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "some_runs.h"
#include "thaw/base/hash.h"
#include "thaw/run/run_fields.h"
#include "thaw/run/rundir.h"

/* What a list says of the only run there is; -2: it does not show it. */
static double best_of(const char *runs)
{
    struct error error = {0};
    size_t count;
    struct rundir_summary *list = rundir_list(runs, &count, &error);
    assert_non_null(list);
    double best = count == 1 ? list[0].best_accuracy : -2;
    if (count == 1) {
        assert_string_equal(list[0].model, "resnet20");
        assert_string_equal(list[0].data, "signs");
        assert_int_equal(list[0].epochs_done, 1);
        assert_true(list[0].started == 1234567890.125);
        assert_false(list[0].done);
    }
    rundir_list_free(list, count);
    return best;
}

static void let_settle(void)
{
    struct timespec wait = {3, 200 * 1000 * 1000}; /* the inode's time is the system's alone */
    while (nanosleep(&wait, &wait) != 0)
        continue;
}

/* Each test has a folder of runs with one run in it, older than the clock's grain, and a cache of its own. */
static const char *const tests_own[] = {"settled", "touched", "damaged", "written", "moved"};

static int make_settled(void **state)
{
    if (make_folder(state) != 0)
        return -1;
    for (size_t i = 0; i < THAW_LENGTH(tests_own); i++) {
        char *runs = in_folder(tests_own[i]), *run = mem_format("%s/run", tests_own[i]);
        mkdir(runs, 0700);
        make_run(run, 1234567890.125, 0.1 + 0.2);
        mem_free(run);
        mem_free(runs);
    }
    char *fields = in_folder("fields"), *run = in_folder("fields/run");
    mkdir(fields, 0700);
    mkdir(run, 0700);
    write_text(
        "fields/run/events.jsonl",
        "{\"kind\":\"run\",\"time\":5.5,\"version\":1,\"program\":\"thaw 9\",\"model\":\"resnet20\",\"data\":\"a\\tb\","
        "\"classes\":4,\"train_images\":30,\"val_images\":7,\"epochs\":2,\"seed\":\"18446744073709551615\","
        "\"params_trainable\":11,\"params_frozen\":12,\"weights\":\"all\"}\n"
        "{\"kind\":\"step\",\"time\":6,\"elapsed\":0.5,\"epoch\":1,\"step\":1,\"loss\":0.1,\"images\":8,\"correct\":3}"
        "\n"
        "{\"kind\":\"epoch\",\"time\":6,\"epoch\":1,\"step\":1,\"loss\":0.75,\"accuracy\":0.25}\n"
        "{\"kind\":\"eval\",\"time\":7,\"epoch\":1,\"step\":1,\"loss\":\"nan\",\"accuracy\":0.3,\"best\":true}\n"
        "{\"kind\":\"fork\",\"time\":8,\"from\":\"checkpoints/last.safetensors\"}\n"
        "{\"kind\":\"done\",\"time\":9.25,\"elapsed\":3,\"how\":\"failed\",\"text\":\"out of \\\"memory\\\"\"}\n");
    mem_free(run);
    mem_free(fields);
    let_settle();
    return 0;
}

/* The test's folder of runs, listed once, and known now; caller frees. */
static char *begin(const char *own)
{
    char *runs = in_folder(own), *cache = mem_format("%s-cache", runs);
    setenv("XDG_CACHE_HOME", cache, 1);
    assert_true(best_of(runs) == 0.1 + 0.2);
    mem_free(cache);
    return runs;
}

static char *cached(const char *own)
{
    char *name = mem_format("%s-cache/thaw/run-summaries", own), *text = read_text(name);
    mem_free(name);
    return text;
}

static void put_cached(const char *own, const char *text)
{
    char *name = mem_format("%s-cache/thaw/run-summaries", own);
    write_text(name, text);
    mem_free(name);
}

static void what_has_settled_is_kept(void **state)
{
    (void)state;
    struct error error = {0};
    size_t count;
    char *runs = begin("settled"), *text = cached("settled");
    assert_non_null(strstr(text, "0x1.3333333333334p-2")); /* to the bit */
    assert_true(best_of(runs) == 0.1 + 0.2);
    make_run("settled/new", 1234567890.125, 0.5);
    struct rundir_summary *list = rundir_list(runs, &count, &error);
    assert_int_equal(count, 2);
    rundir_list_free(list, count);
    char *again = cached("settled"); /* the new one may be written again within the clock's grain */
    assert_string_equal(again, text);
    mem_free(again);
    mem_free(text);
    mem_free(runs);
}

/* It is the cache that is asked, or the test below says nothing: one that lies, with a right digest, made by the user. */
static char *lie(const char *text)
{
    char digest[HASH_TEXT], *body = mem_string(strchr(text, '\n') + 1), *figure = strstr(body, "0x1.3333333333334p-2");
    memcpy(figure, "0x1.3333333333334p-1", 20);
    hash_text(digest, hash_bytes(body, strlen(body), (struct hash){0, 0}));
    char *lying = mem_format("%.*s%s\n%s", (int)(strcspn(text, "\n") - (HASH_TEXT - 1)), text, digest, body);
    mem_free(body);
    return lying;
}

static void what_others_can_write_is_not_believed(void **state)
{
    (void)state;
    char *runs = begin("written"), *good = cached("written"), *lying = lie(good);
    char *path = in_folder("written-cache/thaw/run-summaries");
    put_cached("written", lying);
    assert_true(best_of(runs) == 2 * (0.1 + 0.2));
    chmod(path, 0666);
    assert_true(best_of(runs) == 0.1 + 0.2);
    put_cached("written", lying);
    chmod(path, 0620);
    assert_true(best_of(runs) == 0.1 + 0.2);
    if (geteuid() == 0) { /* only root can give a file away */
        put_cached("written", lying);
        assert_int_equal(chown(path, 65534, 65534), 0);
        assert_true(best_of(runs) == 0.1 + 0.2);
    }
    mem_free(path);
    mem_free(lying);
    mem_free(good);
    mem_free(runs);
}

/* Size and time as before, by a program that sets the time back, long enough ago. */
static void what_was_touched_is_read_again(void **state)
{
    (void)state;
    struct stat before, after;
    char *runs = begin("touched"), *events = in_folder("touched/run/events.jsonl");
    assert_int_equal(stat(events, &before), 0);
    char *text = read_text("touched/run/events.jsonl"), *at = strstr(text, "\"accuracy\":0.3");
    memcpy(at, "\"accuracy\":0.9", 14);
    int file = open(events, O_WRONLY);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    close(file);
    struct timespec times[2] = {before.st_atim, before.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, events, times, 0), 0);
    assert_int_equal(stat(events, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    assert_memory_equal(&after.st_mtim, &before.st_mtim, sizeof after.st_mtim);
    let_settle();
    assert_true(best_of(runs) == 0.90000000000000004);
    mem_free(text);
    mem_free(events);
    mem_free(runs);
}

/* Whatever a byte becomes and wherever it ends, the figure is the run's. */
static void what_is_damaged_is_not_believed(void **state)
{
    (void)state;
    char *runs = begin("damaged"), *good = cached("damaged");
    for (size_t at = 0; at < strlen(good); at++) {
        char *bad = mem_string(good);
        bad[at] = bad[at] == '1' ? '2' : '1';
        put_cached("damaged", bad);
        assert_true(best_of(runs) == 0.1 + 0.2);
        bad[at] = '\0';
        put_cached("damaged", bad);
        assert_true(best_of(runs) == 0.1 + 0.2);
        mem_free(bad);
    }
    mem_free(good);
    mem_free(runs);
}

/* Moved, it is the same file; its name and path are those of now. */
static void moved_runs_are_known(void **state)
{
    (void)state;
    struct error error = {0};
    size_t count;
    char *runs = begin("moved"), *before = cached("moved"), *from = in_folder("moved/run"), *to = in_folder("moved/on");
    assert_int_equal(rename(from, to), 0);
    struct rundir_summary *list = rundir_list(runs, &count, &error);
    assert_int_equal(count, 1);
    assert_string_equal(list[0].name, "on");
    assert_string_equal(list[0].path, to);
    assert_true(list[0].best_accuracy == 0.1 + 0.2);
    rundir_list_free(list, count);
    char *after = cached("moved");
    assert_string_equal(before, after);
    mem_free(before);
    mem_free(after);
    mem_free(from);
    mem_free(to);
    mem_free(runs);
}

/* One folder may be the home of all: the cache and the runs have names of their own in it. */
static void homes_may_be_one(void **state)
{
    (void)state;
    struct error error = {0};
    char *home = in_folder("home"), *runs = in_folder("home/thaw/runs"), *from = in_folder("moved/on"),
         *to = in_folder("home/thaw/runs/on");
    setenv("XDG_CACHE_HOME", home, 1);
    assert_true(file_make_directories(runs, &error));
    assert_int_equal(rename(from, to), 0);
    assert_true(best_of(runs) == 0.1 + 0.2);
    char *text = read_text("home/thaw/run-summaries");
    assert_non_null(text);
    mem_free(text);
    mem_free(home);
    mem_free(runs);
    mem_free(from);
    mem_free(to);
}

static bool same_field(const struct rundir_summary *a, const struct rundir_summary *b, const struct run_field *field)
{
    const void *left = (const char *)a + field->offset, *right = (const char *)b + field->offset;
    if (field->type == RUN_FIELD_TEXT)
        return !strcmp(left, right);
    if (field->type == RUN_FIELD_STRING)
        return !strcmp(*(char *const *)left, *(char *const *)right);
    if (field->type == RUN_FIELD_DOUBLE && isnan(*(const double *)left))
        return isnan(*(const double *)right);
    return !memcmp(left, right, field->size);
}

/* What was read and what was kept of it say the same, in every field there is. */
static void all_fields_come_back(void **state)
{
    (void)state;
    struct error error = {0};
    size_t count, fields;
    char *runs = in_folder("fields"), *cache = mem_format("%s-cache", runs);
    const struct run_field *field = run_fields(&fields);
    setenv("XDG_CACHE_HOME", cache, 1);
    struct rundir_summary *read = rundir_list(runs, &count, &error);
    assert_int_equal(count, 1);
    char *text = cached("fields");
    struct rundir_summary *kept = rundir_list(runs, &count, &error);
    assert_int_equal(count, 1);
    assert_string_equal(read->fault, "out of \"memory\"");
    assert_true(read->seed == UINT64_MAX && read->best_epoch == 1 && read->val_images == 7);
    assert_true(isnan(read->val_loss));
    for (size_t i = 0; i < fields; i++) {
        char *key = mem_format("\"%s\":", field[i].name);
        if (!strstr(text, key) || !same_field(read, kept, &field[i]))
            fail_msg("%s is not kept", field[i].name);
        mem_free(key);
    }
    rundir_list_free(read, 1);
    rundir_list_free(kept, 1);
    mem_free(text);
    mem_free(cache);
    mem_free(runs);
}

/* What is no file of events is not waited for, but shown as what it is, and not kept. */
static void pipes_are_shown(void **state)
{
    (void)state;
    char *runs = in_folder("pipes"), *path = in_folder("pipes/pipe"), *events = in_folder("pipes/pipe/events.jsonl");
    mkdir(runs, 0700);
    mkdir(path, 0700);
    assert_int_equal(mkfifo(events, 0600), 0);
    for (int time = 0; time < 2; time++) {
        struct error error = {0};
        size_t count;
        struct rundir_summary *list = rundir_list(runs, &count, &error);
        assert_int_equal(count, 1);
        assert_non_null(strstr(list[0].damage, "events.jsonl: not a regular file but a named pipe"));
        rundir_list_free(list, count);
    }
    mem_free(runs);
    mem_free(path);
    mem_free(events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_settled_is_kept),
        cmocka_unit_test(what_others_can_write_is_not_believed),
        cmocka_unit_test(what_was_touched_is_read_again),
        cmocka_unit_test(what_is_damaged_is_not_believed),
        cmocka_unit_test(moved_runs_are_known),
        cmocka_unit_test(homes_may_be_one),
        cmocka_unit_test(pipes_are_shown),
        cmocka_unit_test(all_fields_come_back),
    };
    return cmocka_run_group_tests(tests, make_settled, remove_folder);
}
