/* Every call of the program that changes a file, or takes memory, fails once or from then on, or is where the program is
 * killed. It ends with 0 only where all is whole and as undisturbed, else with a documented status and a sentence; it
 * never dies or hangs; whoever goes on with it comes to the same bits; and what is another's is as it was. A few calls of
 * each kind, or all of them: see README.md. */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../engine/engines.h"
#include "../resume/world.h"
#include "lab.h"
#include "thaw/base/clock.h"
#include "thaw/base/digest.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"

/* What may happen to a call. */
static const struct row {
    enum fault_kind kind;
    int code;
    const char *how;
} rows[] = {
    {FAULT_OPEN, ENOSPC, "once"},  {FAULT_OPEN, EINTR, "once"},   {FAULT_OPEN, ENOSPC, "on"},
    {FAULT_WRITE, ENOSPC, "on"},   {FAULT_WRITE, EIO, "once"},    {FAULT_WRITE, EINTR, "once"},
    {FAULT_WRITE, ENOSPC, "half"}, {FAULT_SYNC, EIO, "once"},     {FAULT_SYNC, EIO, "on"},
    {FAULT_SYNC, EINTR, "once"},   {FAULT_TRUNCATE, EIO, "once"}, {FAULT_RENAME, ENOSPC, "once"},
    {FAULT_RENAME, EIO, "on"},     {FAULT_UNLINK, EIO, "once"},   {FAULT_MKDIR, ENOSPC, "once"},
    {FAULT_MAP, ENOMEM, "once"},   {FAULT_MAP, ENOMEM, "on"},     {FAULT_ALLOCATE, ENOMEM, "once"},
    {FAULT_OPEN, 0, "kill"},       {FAULT_WRITE, 0, "kill"},      {FAULT_WRITE, 0, "torn"},
    {FAULT_SYNC, 0, "kill"},       {FAULT_TRUNCATE, 0, "kill"},   {FAULT_RENAME, 0, "kill"},
    {FAULT_UNLINK, 0, "kill"},     {FAULT_MKDIR, 0, "kill"},
};

/* --- scenes --- */

static struct lab_result undisturbed; /* of a run of lab.train, and of lab.fill: they come to the same */
static char half[512], whole[512];    /* the broken-off run in the scene "half", the ended one in "whole" */
static struct hash whole_tree, other_tree;

struct scene {
    const char *name, *kept; /* the scene that it begins with */
    const char *words[8];    /* up to NULL */
    bool (*judge)(const char *label, const struct scene *scene, const struct lab_end *end);
    int every; /* row of the table above is tried, with one call of its kind, where nothing else is wanted */
};

static struct lab_end run_scene(const struct scene *scene, const struct lab_fault *fault)
{
    return lab_run(fault, NULL, scene->words);
}

static struct hash tree_of(const char *ending)
{
    char run[512];
    return lab_find(ending, run) ? lab_tree(run) : (struct hash){0};
}

/* Weights that a pull finds, with their digest. */
static void write_catalog(void)
{
    struct error error = {0};
    char found[DIGEST_TEXT], *folder = path_join(world.folder, "home/thaw/models.d"),
                             *path = path_join(folder, "own.ini");
    world_must(digest_file(found, DIGEST_SHA256, world.base, NULL, NULL, &error), &error);
    char *text = mem_format("[small-own]\narch = resnet20\nurl = file://%s\nfile = own.safetensors\nhash = sha256:%s\n",
                            world.base, found);
    world_must(file_make_directories(folder, &error) && file_write_atomic(path, text, strlen(text), &error), &error);
    mem_free(text);
    mem_free(folder);
    mem_free(path);
}

static int set_up(void **state)
{
    char why[256], filled[512];
    struct lab_result also;
    if (lab_set_up(state) != 0)
        return -1;
    write_catalog();
    LAB_MUST("train", lab.train, "--set", "run.name=other", "--set", "train.epochs=1");
    other_tree = tree_of("-other");
    lab_keep_scene("one");
    LAB_MUST("train", lab.fill);
    assert_true(lab_find("-t", filled));
    if (!lab_read(filled, &also, why))
        fail_msg("%s", why);
    lab_restore_scene("one");
    lab_make_whole("whole", whole);
    whole_tree = lab_tree(whole);
    if (!lab_read(whole, &undisturbed, why) || !lab_same(&undisturbed, &also, why))
        fail_msg("%s", why);
    LAB_MUST("runs", "delete", whole);
    lab_keep_scene("deleted");
    lab_restore_scene("one");
    lab_make_half("half", half);
    return 0;
}

/* --- judging --- */

static bool has_begun(const char *run)
{
    struct error unused;
    char *path = path_join(run, "events.jsonl"),
         *text = file_exists(path) ? file_read_text(path, 1 << 24, &unused) : NULL;
    bool begun = text && strchr(text, '\n');
    mem_free(text);
    mem_free(path);
    return begun;
}

/* Goes on with the run, or begins anew where it never began, and comes to the same bits. */
static bool recover(const char *label, const struct scene *scene)
{
    char run[512], why[256];
    struct lab_result result;
    bool there = lab_find("-t", run);
    struct lab_end end = there ? LAB_RUN(NULL, "resume", run) : LAB_RUN(NULL, "train", lab.train);
    if (there && end.code != 0 && end.code != -1 && end.told[0] && !has_begun(run)) {
        char *remove = mem_format("rm -rf '%s'", run);
        assert_int_equal(system(remove), 0);
        mem_free(remove);
        lab_finish(&end);
        end = run_scene(scene, NULL);
    }
    bool good =
        end.code == 0 && lab_find("-t", run) && lab_read(run, &result, why) && lab_same(&undisturbed, &result, why);
    if (end.code != 0)
        lab_fault("%s: then not to be gone on with: exit %d, signal %d: %.300s", label, end.code, end.signal, end.told);
    else if (!good)
        lab_fault("%s: gone on with it is %s", label, why);
    lab_finish(&end);
    return good;
}

/* Of a run. */
static bool judge_run(const char *label, const struct scene *scene, const struct lab_end *end)
{
    char run[512], why[256] = "not there";
    struct lab_result result;
    if (end->code != 0)
        return recover(label, scene);
    if (lab_find("-t", run) && lab_read(run, &result, why) && lab_same(&undisturbed, &result, why))
        return true;
    lab_fault("%s: exit 0, and the run is %s; %.200s", label, why, end->told);
    return false;
}

/* Filled by another run, the cache gives the same. */
static bool judge_fill(const char *label, const struct scene *scene, const struct lab_end *end)
{
    char run[512], why[256] = "not there";
    struct lab_result result;
    bool good = judge_run(label, scene, end);
    struct lab_end again = LAB_RUN(NULL, "train", lab.fill, "--set", "run.name=next");
    if (again.code != 0 || !lab_find("-next", run) || !lab_read(run, &result, why) ||
        !lab_same(&undisturbed, &result, why)) {
        lab_fault("%s: the next run with that cache: exit %d, %s; %.200s", label, again.code, why, again.told);
        good = false;
    }
    lab_finish(&again);
    return good;
}

/* The run is wholly somewhere, with every byte but those of its labels. */
static bool judge_kept(const char *label, const struct scene *scene, const struct lab_end *end)
{
    (void)scene;
    (void)end;
    char run[512], kept[128];
    strcpy(kept, lab.runs);
    bool here = lab_find("-t", run) || lab_find("-renamed", run);
    if (!here) {
        snprintf(lab.runs, sizeof lab.runs, "%s/runs/.trash", lab.scene);
        here = lab_find("-t", run);
        strcpy(lab.runs, kept);
    }
    char *labels = here ? mem_format("rm -f '%s'/labels.json*", run) : NULL;
    if (labels)
        assert_int_equal(system(labels), 0);
    mem_free(labels);
    if (here && hash_equal(lab_tree(run), whole_tree))
        return true;
    lab_fault("%s: the run is %s", label, here ? "not what it was" : "gone");
    return false;
}

static bool judge_nothing(const char *label, const struct scene *scene, const struct lab_end *end)
{
    (void)label;
    (void)scene;
    (void)end;
    return true;
}

static bool judge_pull(const char *label, const struct scene *scene, const struct lab_end *end)
{
    struct error error = {0};
    struct hash pulled = {0}, published = {0};
    char *path = path_join(lab.scene, "data/thaw/models/own.safetensors");
    world_must(hash_file(&published, world.base, &error), &error);
    bool there = file_exists(path);
    bool good = there ? hash_file(&pulled, path, &error) && hash_equal(pulled, published) : end->code != 0;
    if (!good)
        lab_fault("%s: exit %d, and the file is %s", label, end->code, there ? "another" : "not there");
    struct lab_end again = run_scene(scene, NULL);
    if (again.code != 0 || !hash_file(&pulled, path, &error) || !hash_equal(pulled, published)) {
        lab_fault("%s: pulled again: exit %d: %.300s", label, again.code, again.told);
        good = false;
    }
    lab_finish(&again);
    mem_free(path);
    return good;
}

static const struct scene scenes[] = {
    {"train", "one", {"train", lab.train}, judge_run, 2},
    {"fill", "one", {"train", lab.fill}, judge_fill, 6},
    {"resume", "half", {"resume", half}, judge_run, 4},
    {"rename", "whole", {"runs", "rename", whole, "renamed"}, judge_kept, 1},
    {"tag", "whole", {"runs", "tag", whole, "good"}, judge_kept, 1},
    {"note", "whole", {"runs", "note", whole, "of these"}, judge_kept, 1},
    {"delete", "whole", {"runs", "delete", whole}, judge_kept, 1},
    {"restore", "deleted", {"runs", "restore", "t", "--runs", lab.runs}, judge_kept, 1},
    {"empty", "deleted", {"runs", "empty-trash", "--yes", "--runs", lab.runs}, judge_nothing, 1},
    {"list", "whole", {"runs", "--runs", lab.runs}, judge_kept, 1},
    {"predict", "whole", {"predict", "--model", whole, lab.picture}, judge_kept, 2},
    {"clear", "whole", {"cache", "--clear"}, judge_kept, 1},
    {"pull", "one", {"models", "pull", "small-own"}, judge_pull, 3},
};

/* --- trying --- */

static bool is_documented(int code)
{
    return code >= 0 && code <= 5;
}

/* Where a few bytes of memory are not to be had it says so and aborts (base/mem.h); that is the one signal. */
static void judge_end(const char *label, const struct row *row, const struct lab_end *end)
{
    bool out_of_memory = row->kind == FAULT_ALLOCATE && end->signal == SIGABRT && strstr(end->told, "out of memory");
    if (end->signal == -1)
        lab_fault("%s: it hangs", label);
    else if (end->signal != 0 && !(row->code == 0 && end->signal == SIGKILL) && !out_of_memory)
        lab_fault("%s: signal %d: %.200s", label, end->signal, end->told);
    else if (end->signal == 0 && !is_documented(end->code))
        lab_fault("%s: exit %d: %.200s", label, end->code, end->told);
    else if (end->code > 0 && !strstr(end->told, "thaw: "))
        lab_fault("%s: exit %d without a sentence", label, end->code);
}

static void try_case(const struct scene *scene, const struct row *row, long at)
{
    struct lab_fault fault = {.kind = row->kind, .at = at, .code = row->code, .how = row->how};
    lab_restore_scene(scene->kept);
    struct lab_end end = run_scene(scene, &fault);
    char *label =
        mem_format("%s %s:%ld %s %s", scene->name, end.call, at, row->how, row->code ? strerrorname_np(row->code) : "");
    judge_end(label, row, &end);
    scene->judge(label, scene, &end);
    if (!hash_equal(tree_of("-other"), other_tree))
        lab_fault("%s: another run changed", label);
    lab_finish(&end);
    mem_free(label);
}

static void try_scene(const struct scene *scene)
{
    /* Of what is short and calls little more rows are tried, so that some meet a call. */
    size_t apart = scene->every > 1 ? (size_t)scene->every * LAB_ONE_IN : (LAB_ONE_IN + 1) / 2;
    long cases = 0;
    lab_restore_scene(scene->kept);
    struct lab_end end = run_scene(scene, NULL);
    if (end.code != 0)
        fail_msg("%s: exit %d: %s", scene->name, end.code, end.told);
    const char *only = getenv("THAW_FAULTS_KIND");
    for (size_t r = 0; r < THAW_LENGTH(rows); r++) {
        long count = end.count[rows[r].kind], step = lab_step(count, 1);
        if ((only && atoi(only) != (int)rows[r].kind) || (!lab.picked && r % apart))
            continue;
        /* Not the same calls for each row. */
        for (long at = count > 0 ? 1 + (long)(r * 7) % step : 1; at <= count; at += step, cases++)
            try_case(scene, &rows[r], at);
    }
    lab_finish(&end);
    lab_judge(scene->name, cases);
}

static void the_scenes(void **state)
{
    (void)state;
    const char *only = getenv("THAW_FAULTS_SCENE");
    for (size_t i = 0; i < THAW_LENGTH(scenes); i++)
        if (!only || strcmp(only, scenes[i].name) == 0)
            try_scene(&scenes[i]);
}

/* The first events of a run, steps among them: one that fails once is told late, and what goes on has all of them. */
static void every_step_is_told(void **state)
{
    (void)state;
    enum { FIRST = 6, LAST = 12 };
    const struct row row = {FAULT_WRITE, EIO, "once"};
    for (long at = FIRST; at <= LAST; at++)
        try_case(&scenes[0], &row, at);
    lab_judge("steps", LAST - FIRST + 1);
}

/* While the images are looked at for the first time: that there is no memory for one is no fault of its file, which would
 * be left out of a run that then ends well. The call is looked for by the size of such a file. */
static void no_image_is_left_out(void **state)
{
    (void)state;
    enum { FIRST = 200, LAST = 500 };
    struct stat status;
    char call[64];
    bool met = false;
#ifdef THAW_SANITIZED /* whose calls for memory do not fail */
    skip();
#endif
    assert_int_equal(stat(lab.picture, &status), 0);
    snprintf(call, sizeof call, "calloc(%ld)", (long)status.st_size);
    for (long at = FIRST; at <= LAST && !met; at++) {
        struct lab_fault fault = {.kind = FAULT_ALLOCATE, .at = at, .code = ENOMEM, .how = "once"};
        lab_restore_scene(scenes[0].kept);
        struct lab_end end = run_scene(&scenes[0], &fault);
        met = strcmp(end.call, call) == 0;
        if (end.code == 0)
            judge_run(end.call, &scenes[0], &end);
        lab_finish(&end);
    }
    assert_true(met);
    lab_judge("memory", 1);
}

/* At any moment, by the clock. */
static void killed_at_random(void **state)
{
    (void)state;
    static const char *const names[] = {"train", "fill", "resume", "pull"};
    struct rng rng;
    int rounds = engine_rounds(6), killed = 0;
    rng_init(&rng, 3, 9);
    for (int i = 0; i < rounds; i++) {
        const struct scene *scene = scenes;
        while (strcmp(scene->name, names[i % (int)THAW_LENGTH(names)]) != 0)
            scene++;
        lab_restore_scene(scene->kept);
        double began = clock_monotonic();
        struct lab_end end = run_scene(scene, NULL);
        double took = clock_monotonic() - began;
        lab_finish(&end);
        lab_restore_scene(scene->kept);
        struct lab_fault fault = {.seconds = 1e-3 + took * (double)rng_below(&rng, 1000) / 1000};
        end = run_scene(scene, &fault);
        char *label = mem_format("%s killed after %.3f s", scene->name, fault.seconds);
        killed += end.signal == SIGKILL;
        scene->judge(label, scene, &end);
        if (!hash_equal(tree_of("-other"), other_tree))
            lab_fault("%s: another run changed", label);
        mem_free(label);
        lab_finish(&end);
    }
    print_message("killed %d times\n", killed);
    lab_judge("kills", rounds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_scenes), cmocka_unit_test(every_step_is_told),
                                       cmocka_unit_test(no_image_is_left_out), cmocka_unit_test(killed_at_random)};
    return cmocka_run_group_tests(tests, set_up, lab_tear_down);
}
