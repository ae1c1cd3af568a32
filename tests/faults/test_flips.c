/* One bit of one file of a run or of a cache is another: whoever reads it next gives the same result, or says something,
 * or refuses. A few hundred bits, or as many as THAW_FAULTS says. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "../resume/world.h"
#include "lab.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"

static struct lab_result undisturbed;
static char half[512], whole[512], data[160];

/* A file, and who is asked what it makes of it. */
static const struct row {
    const char *kept, *path; /* below the run; with a slash in front, below the scene's cache */
    const char *words[8];
    bool makes_run;    /* judged by the run that it leaves, not by what it prints */
    int share;         /* parts of all flips */
    const char *until; /* what is printed behind it is another each time; NULL: nothing is */
} rows[] = {
    {"half", "checkpoints/last.safetensors", {"resume", half}, true, 6, NULL},
    {"half", "checkpoints/best.safetensors", {"resume", half}, true, 3, NULL},
    {"half", "experiment.ini", {"resume", half}, true, 3, NULL},
    {"half", "events.jsonl", {"resume", half}, true, 3, NULL},
    {"half", "lock", {"resume", half}, true, 1, NULL},
    {"half", "thaw.log", {"resume", half}, true, 1, NULL},
    {"whole", "events.jsonl", {"runs", "--runs", lab.runs, "--json"}, false, 6, NULL},
    {"whole", "labels.json", {"runs", "--runs", lab.runs, "--json"}, false, 4, NULL},
    {"whole", "model.safetensors", {"predict", "--logits", "--json", "--model", whole, lab.picture}, false, 6, NULL},
    {"whole", "model.safetensors", {"eval", "--json", "--model", whole, "--data", data}, false, 2, "\"seconds\""},
    {"filled", "/features", {"train", lab.fill, "--set", "run.name=next"}, true, 4, NULL},
};

static int set_up(void **state)
{
    char filled[512], why[256];
    if (lab_set_up(state) != 0)
        return -1;
    lab_keep_scene("empty");
    snprintf(data, sizeof data, "%s/val", world.data);
    lab_make_whole("whole", whole);
    if (!lab_read(whole, &undisturbed, why))
        fail_msg("%s", why);
    LAB_MUST("runs", "tag", whole, "good");
    LAB_MUST("runs", "note", whole, "of these");
    lab_keep_scene("whole");
    lab_restore_scene("empty");
    lab_make_half("half", half);
    lab_restore_scene("empty");
    LAB_MUST("train", lab.fill);
    assert_true(lab_find("-t", filled));
    lab_keep_scene("filled");
    return 0;
}

/* --- one flip --- */

static struct lab_end ask(const struct row *row)
{
    return lab_run(NULL, NULL, row->words);
}

/* The file that a row means, in the scene; of a folder the only one in it. false: it is not there. */
static bool find_file(const struct row *row, char path[600])
{
    struct error unused;
    struct file_list list;
    if (row->path[0] == '/')
        snprintf(path, 600, "%s/cache/thaw%s", lab.scene, row->path);
    else
        snprintf(path, 600, "%s/%s", strcmp(row->kept, "half") ? whole : half, row->path);
    if (!file_is_directory(path))
        return file_exists(path);
    bool found = file_list_read(&list, path, &unused) && list.count > 0;
    if (found)
        snprintf(path + strlen(path), 600 - strlen(path), "/%s", list.name[0]);
    file_list_free(&list);
    return found;
}

static void flip(const char *path, struct rng *rng, char *label, size_t room)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    if (status.st_size == 0)
        return;
    /* As often in the first kilobyte, where headers are, as elsewhere. */
    uint64_t most = rng_below(rng, 2) && status.st_size > 1024 ? 1024 : (uint64_t)status.st_size;
    long at = (long)rng_below(rng, most), bit = (long)rng_below(rng, 8);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    fseek(file, at, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, at, SEEK_SET);
    fputc(byte ^ 1 << bit, file);
    fclose(file);
    snprintf(label, room, "byte %ld of %ld, bit %ld", at, (long)status.st_size, bit);
}

static bool is_same_output(const struct row *row, const char *a, const char *b)
{
    const char *end = row->until ? strstr(a, row->until) : NULL;
    return end ? strncmp(a, b, (size_t)(end - a)) == 0 : strcmp(a, b) == 0;
}

/* false: another result without a word. */
static bool is_right(const struct row *row, const struct lab_end *end, const char *wanted, char why[256])
{
    char run[512];
    struct lab_result result;
    if (end->signal != 0) {
        snprintf(why, 256, "signal %d", end->signal);
        return false;
    }
    if (end->code != 0) {
        snprintf(why, 256, "exit %d without a sentence", end->code);
        return end->told[0] != '\0';
    }
    if (!row->makes_run) {
        snprintf(why, 256, "another output");
        return is_same_output(row, wanted, end->out) || strstr(end->told, "thaw: ") ||
               strstr(end->out, "\"state\":\"damaged\"");
    }
    return (lab_find(strcmp(row->kept, "filled") ? "-t" : "-next", run) && lab_read(run, &result, why) &&
            lab_same(&undisturbed, &result, why)) ||
           strstr(end->told, "warning");
}

static int try_row(const struct row *row, int times, struct rng *rng)
{
    char path[600], label[128] = "", why[256] = "";
    int wrong = 0;
    lab_restore_scene(row->kept);
    struct lab_end good = ask(row);
    lab_restore_scene(row->kept);
    struct lab_end again = ask(row);
    if (good.code != 0 || (!row->makes_run && !is_same_output(row, good.out, again.out)))
        fail_msg("%s: exit %d: %s", row->path, good.code, good.told);
    lab_finish(&again);
    for (int i = 0; i < times; i++) {
        lab_restore_scene(row->kept);
        assert_true(find_file(row, path));
        flip(path, rng, label, sizeof label);
        struct lab_end end = ask(row);
        bool right = is_right(row, &end, good.out, why);
        wrong += !right;
        if (!right)
            lab_fault("%s, %s, then %s: exit %d, %s; %.200s", row->path, label, row->words[0], end.code, why, end.told);
        lab_finish(&end);
    }
    lab_finish(&good);
    print_message("%-30s %-8s %4d flips, %d unnoticed\n", row->path, row->words[0], times, wrong);
    return times;
}

static void every_file(void **state)
{
    (void)state;
    struct rng rng;
    long shares = 0, cases = 0, flips = lab.picked == 0 ? 80 / LAB_ONE_IN : lab.picked == LAB_ALL ? 10000 : lab.picked;
    rng_init(&rng, 8, 1);
    for (size_t i = 0; i < THAW_LENGTH(rows); i++)
        shares += rows[i].share;
    for (size_t i = 0; i < THAW_LENGTH(rows); i++)
        cases += try_row(&rows[i], (int)((flips * rows[i].share + shares - 1) / shares), &rng);
    lab_judge("flips", cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_file)};
    return cmocka_run_group_tests(tests, set_up, lab_tear_down);
}
