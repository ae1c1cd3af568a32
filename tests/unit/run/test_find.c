/* Runs by what users call them: path, name, label, part, "last"; and what is said where it could be several or none. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "some_runs.h"
#include "thaw/run/run_find.h"
#include "thaw/run/rundir.h"

static int make_runs(void **state)
{
    if (make_folder(state) != 0)
        return -1;
    make_run("20261101-120000-signs", 1, 0.5);
    make_run("20261102-120000-signs-transfer", 9, 0.5); /* began last, whatever its name says */
    make_run("20261103-120000-birds", 3, 0.5);
    make_run("20261104-120000-birds", 4, 0.5);
    make_run("by-hand", 2, 0.5);
    char *empty = in_folder("20261105-120000-empty"); /* no run */
    mkdir(empty, 0700);
    mem_free(empty);
    return 0;
}

struct found {
    const char *name, *run;
};

static void names_mean_runs(void **state)
{
    (void)state;
    static const struct found found[] = {
        {"20261101-120000-signs", "20261101-120000-signs"}, /* the whole name, though it begins others */
        {"signs", "20261101-120000-signs"},                 /* the label, though it is a part of another */
        {"transfer", "20261102-120000-signs-transfer"},
        {"TRANSFER", "20261102-120000-signs-transfer"},
        {"20261103", "20261103-120000-birds"},
        {"by-hand", "by-hand"},
        {"last", "20261102-120000-signs-transfer"},
    };
    for (size_t i = 0; i < THAW_LENGTH(found); i++) {
        struct error error = {0};
        char *path = run_find(folder, found[i].name, &error), *wanted = in_folder(found[i].run);
        if (!path)
            fail_msg("%s: %s", found[i].name, error.text);
        assert_string_equal(path, wanted);
        assert_int_equal(run_matches(folder, found[i].name), 1);
        mem_free(path);
        mem_free(wanted);
    }
}

/* Who speaks to a run means the only one that hears. */
static void names_mean_the_run_that_trains(void **state)
{
    (void)state;
    struct error error = {0};
    char *path = in_folder("20261103-120000-birds"), *other = in_folder("20261104-120000-birds");
    assert_null(run_find_live(folder, "birds", &error));
    assert_non_null(strstr(error.text, "can be 2 runs"));
    struct rundir *trains = rundir_open(path, &error);
    assert_non_null(trains);
    char *found = run_find_live(folder, "birds", &error);
    assert_string_equal(found, path);
    mem_free(found);
    assert_null(run_find(folder, "birds", &error));
    struct rundir *second = rundir_open(other, &error);
    assert_null(run_find_live(folder, "birds", &error));
    rundir_close(second);
    rundir_close(trains);
    mem_free(path);
    mem_free(other);
}

static void paths_mean_runs(void **state)
{
    (void)state;
    struct error error = {0};
    char *path = in_folder("20261103-120000-birds"), *slash = mem_format("%s/", path);
    char *found = run_find("/nonexistent", path, &error);
    assert_string_equal(found, path);
    mem_free(found);
    found = run_find("/nonexistent", slash, &error);
    assert_string_equal(found, slash);
    mem_free(found);
    assert_int_equal(chdir(path), 0);
    found = run_find("/nonexistent", ".", &error);
    assert_string_equal(found, ".");
    mem_free(found);
    assert_int_equal(chdir(folder), 0);
    found = run_find("/nonexistent", "by-hand", &error); /* here, under that name */
    assert_string_equal(found, "by-hand");
    mem_free(found);
    assert_int_equal(chdir("/"), 0);
    mem_free(path);
    mem_free(slash);
}

struct refused {
    const char *runs, *name, *sentence; /* runs NULL: the folder */
};

static void others_are_refused_in_words(void **state)
{
    (void)state;
    static const struct refused refused[] = {
        {NULL, "birds", "\"birds\" can be 2 runs: 20261104-120000-birds, 20261103-120000-birds"},
        {NULL, "signs-tramsfer", "it has no run \"signs-tramsfer\"; the nearest are signs-transfer and signs"},
        {NULL, "20261103-120000-burds", "the nearest are 20261103-120000-birds and 20261104-120000-birds"},
        {NULL, "xyzzy", "it has no run \"xyzzy\"; the newest is by-hand"},
        {NULL, "empty", "it has no run \"empty\""},
        {NULL, "", "it has no run \"\""},
        {NULL, "/nonexistent/run", "/nonexistent/run: there is no such run directory"},
        {NULL, "/", "/: not a run directory (no events.jsonl in it)"},
        {NULL, "..", "..: not a run directory"},
        {"/nonexistent", "signs", "/nonexistent: there are no runs in it"},
        {"/nonexistent", "last", "/nonexistent: there are no runs in it"},
    };
    assert_int_equal(chdir("/"), 0);
    for (size_t i = 0; i < THAW_LENGTH(refused); i++) {
        struct error error = {0};
        assert_null(run_find(refused[i].runs ? refused[i].runs : folder, refused[i].name, &error));
        if (!strstr(error.text, refused[i].sentence) || error.kind != ERROR_USAGE)
            fail_msg("%s: %s", refused[i].name, error.text);
    }
    assert_int_equal(run_matches(folder, "birds"), 2);
    assert_int_equal(run_matches(folder, "xyzzy"), 0);
    assert_int_equal(run_matches("/nonexistent", "last"), 0);
}

static void stamps_are_told_from_names(void **state)
{
    (void)state;
    assert_int_equal(run_stamp("20261101-120000-signs"), 16);
    assert_int_equal(run_stamp("20261101-120000-"), 16);
    assert_int_equal(run_stamp("20261101-120000"), 0);
    assert_int_equal(run_stamp("2026110a-120000-signs"), 0);
    assert_int_equal(run_stamp("signs"), 0);
    assert_int_equal(run_stamp(""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_mean_runs),
        cmocka_unit_test(names_mean_the_run_that_trains),
        cmocka_unit_test(paths_mean_runs),
        cmocka_unit_test(others_are_refused_in_words),
        cmocka_unit_test(stamps_are_told_from_names),
    };
    return cmocka_run_group_tests(tests, make_runs, remove_folder);
}
