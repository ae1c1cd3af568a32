/* The power goes at any moment of a run, of a run that is gone on with, of the filling of a cache and of a pull: whatever
 * the disk then holds, as far as it had to (replay.h), `thaw runs` lists, and going on comes to the bits of a run that
 * was left alone, or it begins again, or refuses with a sentence what had not begun. What the program told to be done is
 * there. A few moments, or all of them: see README.md. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../resume/world.h"
#include "../unit/fetch/server.h"
#include "lab.h"
#include "replay.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

static const char *const choice_names[] = {"all of it", "nothing", "names", "names and zeros", "bytes", "anything"};
static struct lab_result undisturbed;
static char half[512], whole[512];
static struct hash whole_tree;

static int set_up(void **state)
{
    char why[256];
    if (lab_set_up(state) != 0)
        return -1;
    lab_keep_scene("empty");
    lab_make_whole("whole", whole);
    if (!lab_read(whole, &undisturbed, why))
        fail_msg("%s", why);
    whole_tree = lab_tree(whole);
    LAB_MUST("runs", "delete", whole);
    lab_keep_scene("deleted");
    lab_restore_scene("empty");
    lab_make_half("half", half);
    return 0;
}

/* --- one state --- */

/* Its first event is there: it has begun for good. */
static bool has_begun(const char *run)
{
    struct error unused;
    char *path = path_join(run, "events.jsonl"),
         *text = file_exists(path) ? file_read_text(path, 1 << 24, &unused) : NULL;
    bool begun = text && strncmp(text, "{\"kind\":\"run\"", 13) == 0;
    mem_free(text);
    mem_free(path);
    return begun;
}

static void list_runs(const char *label)
{
    struct lab_end end = LAB_RUN(NULL, "runs");
    if (end.code != 0)
        lab_fault("%s: thaw runs: exit %d, signal %d: %.300s", label, end.code, end.signal, end.told);
    lab_finish(&end);
}

/* Where the program had ended, nothing is to be done any more, and the run is whole. */
static void judge_run(const char *label, const char *experiment, bool over)
{
    char run[512], why[256] = "";
    struct lab_result result;
    bool there = lab_find("-t", run), begun = there && has_begun(run);
    if (over && (!there || !lab_read(run, &result, why) || !lab_same(&undisturbed, &result, why))) {
        lab_fault("%s: it had ended, and the run is %s", label, there ? why : "not there");
        return;
    }
    if (over)
        return;
    struct lab_end end = there ? LAB_RUN(NULL, "resume", run) : LAB_RUN(NULL, "train", experiment);
    if (there && end.code != 0 && end.signal == 0 && !begun && end.told[0]) {
        lab_finish(&end);
        return;
    }
    if (end.code != 0)
        lab_fault("%s: exit %d, signal %d: %.300s", label, end.code, end.signal, end.told);
    else if (!lab_find("-t", run) || !lab_read(run, &result, why) || !lab_same(&undisturbed, &result, why))
        lab_fault("%s: exit 0, and the run is %s; %.200s", label, why, end.told);
    lab_finish(&end);
}

static void judge_pull(const char *label, const char *name, bool over)
{
    struct error error = {0};
    struct hash pulled = {0}, published = {0};
    char *path = path_join(lab.scene, "data/thaw/models/own.safetensors");
    published = hash_bytes(server_file, SERVER_BYTES, published);
    struct lab_end end = {0};
    if (!over)
        end = LAB_RUN(NULL, "models", "pull", name);
    if (end.code != 0 || !hash_file(&pulled, path, &error) || !hash_equal(pulled, published))
        lab_fault("%s: exit %d, and the file is not the published one: %.300s", label, end.code, over ? "" : end.told);
    lab_finish(&end);
    mem_free(path);
}

/* Wholly in one place, and where it was to go once that was told. */
static void judge_move(const char *label, const char *goal, bool over)
{
    char kept[128], run[512];
    static const char *const folders[] = {"runs", "runs/.trash"};
    int places = 0;
    bool whole_there = false, at_goal = false;
    strcpy(kept, lab.runs);
    for (size_t i = 0; i < THAW_LENGTH(folders); i++) {
        snprintf(lab.runs, sizeof lab.runs, "%s/%s", lab.scene, folders[i]);
        for (int renamed = 0; renamed < 2; renamed++) {
            if (!lab_find(renamed ? "-renamed" : "-t", run))
                continue;
            places++;
            whole_there = hash_equal(lab_tree(run), whole_tree);
            at_goal = strstr(run, goal) != NULL;
        }
    }
    strcpy(lab.runs, kept);
    if (places != 1 || !whole_there || (over && !at_goal))
        lab_fault("%s: in %d places, %s, %s", label, places, whole_there ? "whole" : "not whole",
                  at_goal ? "where it was to go" : "elsewhere");
}

/* --- all of a log --- */

struct cut {
    const char *name, *kept;
    const char *words[6];
    void (*judge)(const char *label, const char *with, bool over);
    const char *with;
    bool runs;
};

static long try_states(struct replay *replay, const struct cut *cut, long wanted)
{
    struct rng rng;
    struct hash last[REPLAY_CHOICES] = {{0}};
    long cases = 0, steps = (long)replay_steps(replay), step = lab_step(steps * REPLAY_CHOICES, wanted);
    rng_init(&rng, 5, 7);
    for (long i = 0; i < (steps + 1) * REPLAY_CHOICES; i += step) {
        enum replay_choice choice = (enum replay_choice)(i % REPLAY_CHOICES);
        size_t done = (size_t)(i / REPLAY_CHOICES);
        struct hash state = replay_make(replay, done, choice, &rng, lab.scene, last[choice]);
        if (hash_equal(state, last[choice])) /* as a moment ago */
            continue;
        last[choice] = state;
        char *label = mem_format("%s, cut behind step %zu of %ld (%s), of what was not synced %s", cut->name, done,
                                 steps, done ? replay_step_text(replay, done - 1) : "nothing", choice_names[choice]);
        if (cut->runs)
            list_runs(label);
        cut->judge(label, cut->with, (long)done == steps);
        mem_free(label);
        cases++;
    }
    /* Its end is always looked at. */
    for (int choice = 0; choice < REPLAY_CHOICES; choice++, cases++) {
        replay_make(replay, (size_t)steps, (enum replay_choice)choice, &rng, lab.scene, (struct hash){0, 0});
        char *label = mem_format("%s, cut at its end, of what was not synced %s", cut->name, choice_names[choice]);
        cut->judge(label, cut->with, true);
        mem_free(label);
    }
    return cases;
}

static struct replay *log_of(const char *kept, const char *const *words)
{
    char log[160];
    snprintf(log, sizeof log, "%s/log", world.folder);
    unlink(log);
    lab_restore_scene(kept);
    struct replay *replay = replay_open(lab.scene);
    struct lab_end end = lab_run(NULL, log, words);
    if (end.code != 0)
        fail_msg("%s: exit %d: %s", words[0], end.code, end.told);
    lab_finish(&end);
    replay_read(replay, log);
    return replay;
}

static void cut_all(const struct cut *cut, long wanted)
{
    struct replay *replay = log_of(cut->kept, cut->words);
    long cases = try_states(replay, cut, wanted);
    replay_close(replay);
    lab_judge(cut->name, cases);
}

static void a_run(void **state)
{
    (void)state;
    cut_all(&(struct cut){"train", "empty", {"train", lab.train}, judge_run, lab.train, true}, 20);
}

static void a_run_that_goes_on(void **state)
{
    (void)state;
    cut_all(&(struct cut){"resume", "half", {"resume", half}, judge_run, lab.train, true}, 10);
}

static void the_filling_of_a_cache(void **state)
{
    (void)state;
    cut_all(&(struct cut){"fill", "empty", {"train", lab.fill}, judge_run, lab.fill, false}, 10);
}

static void a_run_that_is_moved(void **state)
{
    (void)state;
    cut_all(&(struct cut){"rename", "whole", {"runs", "rename", whole, "renamed"}, judge_move, "-renamed", true}, 20);
    cut_all(&(struct cut){"delete", "whole", {"runs", "delete", whole}, judge_move, "/.trash/", true}, 20);
    cut_all(
        &(struct cut){
            "restore", "deleted", {"runs", "restore", "t", "--runs", lab.runs}, judge_move, path_base(whole), true},
        20);
}

/* Events before the checkpoint that says how far they go, and all of it by the end. */
static void syncs_come_in_order(void **state)
{
    (void)state;
    static const char *const names[] = {"events.jsonl",      "experiment.ini",   "last.safetensors", "best.safetensors",
                                        "model.safetensors", "predictions.json", "checkpoints"};
    for (int again = 0; again < 2; again++) {
        struct replay *replay =
            log_of(again ? "half" : "empty", again ? (const char *const[]){"resume", half, NULL}
                                                   : (const char *const[]){"train", lab.train, NULL});
        size_t steps = replay_steps(replay);
        int checkpoints = 0;
        for (size_t i = 0; i < steps; i++) {
            const char *text = replay_step_text(replay, i);
            if (strncmp(text, "rename ", 7) != 0 || !strstr(text, " to last.safetensors"))
                continue;
            size_t unsafe = replay_unsafe(replay, i, "events.jsonl");
            if (unsafe < i)
                lab_fault("step %zu (%s) before step %zu (%s) is synced", i, text, unsafe,
                          replay_step_text(replay, unsafe));
            checkpoints++;
        }
        assert_true(checkpoints > 1);
        for (size_t n = 0; n < THAW_LENGTH(names); n++) {
            size_t unsafe = replay_unsafe(replay, steps, names[n]);
            if (unsafe < steps)
                lab_fault("%s: step %zu (%s) is not synced at the end", names[n], unsafe,
                          replay_step_text(replay, unsafe));
        }
        replay_close(replay);
    }
    lab_judge("order", 2);
}

/* Without a published digest nothing else tells bytes that never came to the disk. */
static void a_pull(void **state)
{
    (void)state;
    struct error error = {0};
    char *folder = path_join(world.folder, "home/thaw/models.d"), *path = path_join(folder, "own.ini");
    char *text = mem_format("[small-own]\narch = resnet20\nurl = http://127.0.0.1:%d/whole\n"
                            "file = own.safetensors\nhash = none\n",
                            server_start());
    world_must(file_make_directories(folder, &error) && file_write_atomic(path, text, strlen(text), &error), &error);
    mem_free(text);
    mem_free(folder);
    mem_free(path);
    cut_all(&(struct cut){"pull", "empty", {"models", "pull", "small-own"}, judge_pull, "small-own", false}, 20);
    server_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_run),
                                       cmocka_unit_test(a_run_that_goes_on),
                                       cmocka_unit_test(the_filling_of_a_cache),
                                       cmocka_unit_test(a_run_that_is_moved),
                                       cmocka_unit_test(syncs_come_in_order),
                                       cmocka_unit_test(a_pull)};
    return cmocka_run_group_tests(tests, set_up, lab_tear_down);
}
