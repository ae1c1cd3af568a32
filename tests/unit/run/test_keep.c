/* Runs renamed, deleted, brought back and labelled: nothing is lost on the way, and none that trains is moved. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "some_runs.h"
#include "thaw/run/run_find.h"
#include "thaw/run/run_keep.h"
#include "thaw/run/rundir.h"

static void expect_refusal(char *path, const struct error *error, const char *sentence)
{
    if (path || !strstr(error->text, sentence))
        fail_msg("%s, where \"%s\" is to be said", path ? path : error->text, sentence);
}

static bool is_there(const char *name)
{
    char *path = in_folder(name);
    bool is = run_is(path);
    mem_free(path);
    return is;
}

/* --- names --- */

static void another_name_keeps_the_time(void **state)
{
    (void)state;
    struct error error = {0};
    make_run("20261101-120000-signs", 1, 0.5);
    char *path = in_folder("20261101-120000-signs/"), *to = run_rename(path, "better", &error);
    assert_non_null(to);
    assert_string_equal(path_base(to), "20261101-120000-better");
    assert_true(is_there("20261101-120000-better"));
    assert_false(is_there("20261101-120000-signs"));
    char *again = run_rename(to, "20261101-120000-best", &error); /* as it is shown */
    assert_string_equal(path_base(again), "20261101-120000-best");
    mem_free(path);
    mem_free(to);
    mem_free(again);
    make_run("by-hand", 2, 0.5);
    path = in_folder("by-hand");
    to = run_rename(path, "by-foot", &error);
    assert_string_equal(path_base(to), "by-foot");
    mem_free(path);
    mem_free(to);
}

static void names_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"a/b", "it could be \"a-b\""},       {"a b", "it could be \"a-b\""},
        {"", "a run cannot be called \"\""},  {".hidden", "it could be \"-hidden\""},
        {"../../up", "it could be"},          {"20270101-000000-a", "a run keeps its time stamp"},
        {"20261101-120000-", "a name is to"}, {"other", "there is such a run already"},
    };
    struct error error = {0};
    make_run("20261101-120000-signs", 1, 0.5);
    make_run("20261101-120000-other", 1, 0.5);
    char *path = in_folder("20261101-120000-signs");
    for (size_t i = 0; i < THAW_LENGTH(bad); i++) {
        expect_refusal(run_rename(path, bad[i][0], &error), &error, bad[i][1]);
        assert_int_equal(error.kind, ERROR_USAGE);
    }
    assert_true(is_there("20261101-120000-signs"));
    assert_true(is_there("20261101-120000-other"));
    assert_int_equal(chdir(path), 0);
    expect_refusal(run_rename(".", "a", &error), &error, "name the run itself");
    expect_refusal(run_delete(".", &error), &error, "name the run itself");
    assert_int_equal(chdir("/"), 0);
    mem_free(path);
}

static void runs_that_train_stay(void **state)
{
    (void)state;
    struct error error = {0};
    size_t count;
    uint64_t bytes;
    make_run("20261101-120000-signs", 1, 0.5);
    char *path = in_folder("20261101-120000-signs");
    struct rundir *rundir = rundir_open(path, &error);
    assert_non_null(rundir);
    expect_refusal(run_rename(path, "a", &error), &error, "in use by process");
    expect_refusal(run_delete(path, &error), &error, "in use by process");
    assert_true(is_there("20261101-120000-signs"));
    rundir_close(rundir);
    char *trashed = run_delete(path, &error);
    assert_non_null(trashed);
    rundir = rundir_open(trashed, &error); /* gone on with where it lies */
    assert_non_null(rundir);
    expect_refusal(run_restore(trashed, &error), &error, "in use by process");
    assert_false(run_trash_empty(folder, &count, &bytes, &error));
    assert_non_null(strstr(error.text, "in use by process"));
    assert_int_equal(count, 0);
    rundir_close(rundir);
    assert_true(run_is(trashed));
    assert_true(run_trash_empty(folder, &count, &bytes, &error));
    assert_int_equal(count, 1);
    mem_free(trashed);
    mem_free(path);
}

/* --- the trash --- */

static void deleted_runs_come_back(void **state)
{
    (void)state;
    struct error error = {0};
    make_run("20261101-120000-signs", 1, 0.5);
    char *before = read_text("20261101-120000-signs/events.jsonl"), *path = in_folder("20261101-120000-signs");
    char *trashed = run_delete(path, &error);
    assert_non_null(trashed);
    assert_false(is_there("20261101-120000-signs"));
    size_t runs;
    struct rundir_summary *list = rundir_list(folder, &runs, &error);
    assert_int_equal(runs, 0); /* no list shows it */
    rundir_list_free(list, runs);
    make_run("20261101-120000-signs", 5, 0.5); /* its place is taken */
    expect_refusal(run_restore(trashed, &error), &error, "there is such a run already");
    char *second = run_delete(path, &error); /* both are kept */
    assert_string_equal(path_base(second), "20261101-120000-signs-2");
    expect_refusal(run_restore(path, &error), &error, "not in a folder .trash");
    char *trash = run_trash(folder), *found = run_find(trash, "20261101-120000-signs", &error);
    assert_string_equal(found, trashed);
    char *back = run_restore(found, &error);
    assert_string_equal(back, path);
    char *after = read_text("20261101-120000-signs/events.jsonl");
    assert_string_equal(after, before);
    mem_free(before);
    mem_free(after);
    mem_free(trash);
    mem_free(found);
    mem_free(back);
    mem_free(second);
    mem_free(trashed);
    mem_free(path);
}

static void emptying_removes_what_is_in_it_alone(void **state)
{
    (void)state;
    struct error error = {0};
    size_t count, removed;
    uint64_t bytes, freed;
    assert_true(run_trash_count(folder, &count, &bytes, &error)); /* none there */
    assert_int_equal(count, 0);
    make_run("20261101-120000-signs", 1, 0.5);
    make_run("20261102-120000-kept", 1, 0.5);
    char *path = in_folder("20261101-120000-signs"), *kept = in_folder("20261102-120000-kept");
    char *link = mem_format("%s/link", path), *below = mem_format("%s/checkpoints", path);
    assert_int_equal(symlink(kept, link), 0);
    mkdir(below, 0700);
    write_text("20261101-120000-signs/checkpoints/last.safetensors", "0123456789");
    char *trashed = run_delete(path, &error);
    assert_true(run_trash_count(folder, &count, &bytes, &error));
    assert_int_equal(count, 1);
    assert_true(bytes > 10);
    assert_true(run_is(trashed));
    assert_true(run_trash_empty(folder, &removed, &freed, &error));
    assert_int_equal(removed, 1);
    assert_int_equal(freed, bytes);
    assert_false(file_exists(trashed));
    assert_true(is_there("20261102-120000-kept")); /* a link leads nowhere */
    mem_free(trashed);
    mem_free(below);
    mem_free(link);
    mem_free(kept);
    mem_free(path);
}

/* A trash that is a link elsewhere is not swept. */
static void a_linked_trash_is_left(void **state)
{
    (void)state;
    struct error error = {0};
    size_t count;
    uint64_t bytes;
    char *elsewhere = in_folder("elsewhere"), *trash = run_trash(folder);
    mkdir(elsewhere, 0700);
    write_text("elsewhere/precious", "x");
    assert_int_equal(symlink(elsewhere, trash), 0);
    assert_false(run_trash_empty(folder, &count, &bytes, &error));
    char *precious = in_folder("elsewhere/precious");
    assert_true(file_exists(precious));
    mem_free(precious);
    mem_free(trash);
    mem_free(elsewhere);
}

static void heirs_are_named(void **state)
{
    (void)state;
    make_run("20261101-120000-signs", 1, 0.5);
    make_run("20261102-120000-heir", 1, 0.5);
    make_run("20261103-120000-other", 1, 0.5);
    char *path = in_folder("20261101-120000-signs");
    char *text = mem_format("[model]\nname = resnet20\nweights = %s/model.safetensors\n", path);
    write_text("20261102-120000-heir/experiment.ini", text);
    write_text("20261103-120000-other/experiment.ini", "[model]\nname = resnet20\nweights = none\n");
    char *heirs = run_heirs(path), *other = in_folder("20261103-120000-other"), *none = run_heirs(other);
    assert_string_equal(heirs, "20261102-120000-heir");
    assert_null(none);
    mem_free(heirs);
    mem_free(other);
    mem_free(text);
    mem_free(path);
}

/* --- labels --- */

static void tags_and_notes_are_kept(void **state)
{
    (void)state;
    static const char *const first[] = {"baseline", "gut", "\xc3\xa4hnlich"}, *const then[] = {"-gut", "baseline",
                                                                                               "new"};
    struct error error = {0};
    struct run_labels labels;
    make_run("20261101-120000-signs", 1, 0.5);
    char *path = in_folder("20261101-120000-signs");
    assert_true(run_labels_read(&labels, path, &error));
    assert_int_equal(labels.tags, 0);
    assert_string_equal(labels.note, "");
    run_labels_finish(&labels);
    assert_true(run_tag(path, first, 3, &error));
    assert_true(run_note(path, "lr was too high\nagain", &error));
    assert_true(run_tag(path, then, 3, &error));
    assert_true(run_labels_read(&labels, path, &error));
    assert_int_equal(labels.tags, 3);
    assert_string_equal(labels.tag[0], "baseline");
    assert_string_equal(labels.tag[1], first[2]);
    assert_string_equal(labels.tag[2], "new");
    assert_string_equal(labels.note, "lr was too high\nagain");
    run_labels_finish(&labels);
    assert_true(run_note(path, "", &error));
    struct rundir_summary summary;
    assert_true(rundir_summarise(path, &summary, &error));
    assert_int_equal(summary.labels.tags, 3);
    assert_string_equal(summary.labels.note, "");
    rundir_summary_finish(&summary);
    mem_free(path);
}

static void labels_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "-", "a b", "a,b", "--x", "\x01", "\xff\xfe", "\"", "tab\t"};
    struct error error = {0};
    struct run_labels labels;
    make_run("20261101-120000-signs", 1, 0.5);
    char *path = in_folder("20261101-120000-signs");
    for (size_t i = 0; i < THAW_LENGTH(bad); i++) {
        const char *const words[] = {"good", bad[i]};
        assert_false(run_tag(path, words, 2, &error)); /* all or none */
        assert_int_equal(error.kind, ERROR_USAGE);
    }
    char longest[RUN_NOTE_MAX + 2];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_false(run_note(path, longest, &error));
    assert_false(run_note(path, "\xff", &error));
    longest[RUN_TAG_MAX + 1] = '\0';
    assert_false(run_tag(path, (const char *const[]){longest}, 1, &error));
    char many[RUN_TAGS_MAX + 1][8];
    const char *words[RUN_TAGS_MAX + 1];
    for (int i = 0; i <= RUN_TAGS_MAX; i++) {
        snprintf(many[i], sizeof many[i], "t%d", i);
        words[i] = many[i];
    }
    assert_false(run_tag(path, words, RUN_TAGS_MAX + 1, &error));
    assert_true(run_labels_read(&labels, path, &error));
    assert_int_equal(labels.tags, 0);
    run_labels_finish(&labels);
    assert_true(run_tag(path, words, RUN_TAGS_MAX, &error));
    mem_free(path);
}

/* A tag or a note that nobody gave is not shown, and the run is shown as damaged. */
static void flipped_labels_are_noticed(void **state)
{
    (void)state;
    static const char name[] = "20261101-120000-signs/labels.json";
    struct error error = {0};
    make_run("20261101-120000-signs", 1, 0.5);
    char *path = in_folder("20261101-120000-signs"), *file = in_folder(name);
    assert_true(run_tag(path, (const char *const[]){"good"}, 1, &error));
    assert_true(run_note(path, "of these", &error));
    char *text = read_text(name);
    size_t size = strlen(text);
    for (size_t i = 0; i < 8 * size; i++) {
        struct rundir_summary summary;
        text[i / 8] ^= (char)(1 << i % 8);
        assert_true(file_write_atomic(file, text, size, &error));
        assert_true(rundir_summarise(path, &summary, &error));
        bool same = strcmp(summary.labels.all, "good") == 0 && strcmp(summary.labels.note, "of these") == 0;
        if (!same && !strstr(summary.damage, "its tags and note in labels.json cannot be read"))
            fail_msg("bit %zu of byte %zu: %s, %s", i % 8, i / 8, summary.labels.all, summary.damage);
        rundir_summary_finish(&summary);
        text[i / 8] ^= (char)(1 << i % 8);
    }
    mem_free(text);
    mem_free(file);
    mem_free(path);
}

/* A program that knows no digest writes it down again as it was, in another form, over other tags. */
static void older_programs_change_labels(void **state)
{
    (void)state;
    static const char name[] = "20261101-120000-signs/labels.json";
    struct error error = {0};
    struct run_labels labels;
    make_run("20261101-120000-signs", 1, 0.5);
    char *path = in_folder("20261101-120000-signs");
    write_text(name, "{\n  \"digest\": \"0123456789abcdef0123456789abcdef\",\n  \"tags\": [\n    \"theirs\"\n  ]\n}");
    assert_true(run_tag(path, (const char *const[]){"ours"}, 1, &error));
    assert_true(run_labels_read(&labels, path, &error));
    assert_string_equal(labels.all, "theirs, ours");
    run_labels_finish(&labels);
    char *text = read_text(name);
    assert_null(strstr(text, "0123456789abcdef"));
    mem_free(text);
    mem_free(path);
}

/* Whatever stands in the file: it is not taken for labels, not written over, and hides no run. */
static void hostile_labels_hide_nothing(void **state)
{
    (void)state;
    static const char *const hostile[] = {
        "",
        "no json",
        "[]",
        "{\"tags\":7}",
        "{\"tags\":[7]}",
        "{\"tags\":[\"a b\"]}",
        "{\"note\":[]}",
        "{\"tags\":{}}",
        "{\"tags\":[\"\\u001b[31m\"]}",
        "[[[[[[[[[[[[[[[[",
    };
    struct error error = {0};
    struct run_labels labels;
    make_run("20261101-120000-signs", 1, 0.5);
    char *path = in_folder("20261101-120000-signs");
    for (size_t i = 0; i < THAW_LENGTH(hostile); i++) {
        struct rundir_summary summary;
        write_text("20261101-120000-signs/labels.json", hostile[i]);
        assert_false(run_labels_read(&labels, path, &error));
        assert_int_equal(labels.tags, 0);
        run_labels_finish(&labels);
        assert_false(run_note(path, "x", &error));
        assert_non_null(strstr(error.text, "not a run's tags and note"));
        char *text = read_text("20261101-120000-signs/labels.json");
        assert_string_equal(text, hostile[i]);
        mem_free(text);
        assert_true(rundir_summarise(path, &summary, &error));
        rundir_summary_finish(&summary);
    }
    char *file = in_folder("20261101-120000-signs/labels.json");
    unlink(file);
    assert_int_equal(mkfifo(file, 0600), 0); /* nobody waits for its writer */
    assert_false(run_labels_read(&labels, path, &error));
    run_labels_finish(&labels);
    write_text("20261101-120000-signs/labels.json", "{\"tags\":[\"a\"],\"colour\":\"red\"}"); /* a newer program's */
    assert_true(run_note(path, "x", &error));
    char *text = read_text("20261101-120000-signs/labels.json");
    assert_non_null(strstr(text, "red"));
    mem_free(text);
    mem_free(file);
    mem_free(path);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(another_name_keeps_the_time),
        TEST(names_that_cannot_be_are_refused),
        TEST(runs_that_train_stay),
        TEST(deleted_runs_come_back),
        TEST(emptying_removes_what_is_in_it_alone),
        TEST(a_linked_trash_is_left),
        TEST(heirs_are_named),
        TEST(tags_and_notes_are_kept),
        TEST(labels_that_cannot_be_are_refused),
        TEST(flipped_labels_are_noticed),
        TEST(older_programs_change_labels),
        TEST(hostile_labels_hide_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
