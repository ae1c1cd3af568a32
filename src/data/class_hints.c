/* What class names and their counts give away before a training: names that are the same to people and not to a program,
 * classes that cannot be learned or judged. Called when a dataset is opened. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "parts.h"
#include "scan.h"
#include "thaw/base/mem.h"
#include "thaw/base/nearest.h"
#include "thaw/base/text.h"

enum { NAMED_MOST = 5, NAME_CELLS = 32 };

/* "a, b and c", or "a, b, c, d, e and 7 more": the classes that are marked; caller frees. */
static char *list_classes(const struct dataset *dataset, const bool *marked, size_t *count)
{
    char *text = mem_string("");
    size_t told = 0;
    *count = 0;
    for (int c = 0; c < dataset->classes; c++)
        *count += marked[c];
    for (int c = 0; c < dataset->classes && told < NAMED_MOST; c++) {
        if (!marked[c])
            continue;
        const char *before = told == 0 ? "" : told + 1 == *count ? " and " : ", ";
        char *longer = mem_format("%s%s%.*s", text, before, NAME_CELLS, dataset->class_name[c]);
        mem_free(text);
        text = longer;
        told++;
    }
    if (told == *count)
        return text;
    char *longer = mem_format("%s and %zu more", text, *count - told);
    mem_free(text);
    return longer;
}

/* --- names --- */

struct folded {
    char *name;
    int label;
};

static int compare_folded(const void *left, const void *right)
{
    const struct folded *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    return order ? order : a->label < b->label ? -1 : 1;
}

static struct folded *fold_names(const struct dataset *dataset, enum text_folding how)
{
    struct folded *folded = mem_array((size_t)dataset->classes + 1, sizeof *folded);
    for (int c = 0; c < dataset->classes; c++)
        folded[c] = (struct folded){text_fold(dataset->class_name[c], how), c};
    qsort(folded, (size_t)dataset->classes, sizeof *folded, compare_folded);
    return folded;
}

static void free_folded(struct folded *folded, int count)
{
    for (int i = 0; i < count; i++)
        mem_free(folded[i].name);
    mem_free(folded);
}

/* The part that has images of one of two classes alone, where no part has images of both; else DATASET_PARTS. */
static enum dataset_split parted(const struct dataset *dataset, int a, int b)
{
    enum dataset_split found = DATASET_PARTS;
    for (enum dataset_split s = 0; s < DATASET_PARTS; s++) {
        size_t of_a = dataset_class_count(dataset, s, a), of_b = dataset_class_count(dataset, s, b);
        if (of_a && of_b)
            return DATASET_PARTS;
        if (of_a && found == DATASET_PARTS)
            found = s;
    }
    return found;
}

static bool refuse_pair(const struct dataset *dataset, int a, int b, bool strict, struct error *error)
{
    const char *one = dataset->class_name[a], *other = dataset->class_name[b];
    enum dataset_split of_a = parted(dataset, a, b), of_b = parted(dataset, b, a);
    if (strict)
        return error_set(error, ERROR_DATA,
                         "%s: two classes are called %.80s, spelt in two forms of Unicode (NFC and NFD) that look the "
                         "same: give them one spelling",
                         dataset->path, one);
    return error_set(error, ERROR_DATA,
                     "%s: the class is called %.80s in the %s images and %.80s in the %s images, which would be two "
                     "classes: give it one name",
                     dataset->path, one, part_word(of_a), other, part_word(of_b));
}

/* Names that look the same are one class that was spelt in two ways, and so are those that differ in case and each part
 * has only one of; others are letters, perhaps. */
static bool check_names(struct dataset *dataset, enum text_folding how, struct error *error)
{
    struct folded *folded = fold_names(dataset, how);
    bool good = true;
    size_t alike = 0;
    int pair[2] = {0};
    for (int i = 1; i < dataset->classes && good; i++) {
        int a = folded[i - 1].label, b = folded[i].label;
        if (strcmp(folded[i - 1].name, folded[i].name) != 0)
            continue;
        bool strict = how == TEXT_FOLD_STRICT;
        bool apart = dataset_images_of(dataset, a) && dataset_images_of(dataset, b) &&
                     parted(dataset, a, b) < DATASET_PARTS && parted(dataset, b, a) < DATASET_PARTS;
        if (strict || apart)
            good = refuse_pair(dataset, a, b, strict, error);
        if (alike++ == 0)
            pair[0] = a, pair[1] = b;
    }
    if (good && alike > 0)
        dataset_note(dataset,
                     "%zu pair%s of classes differ%s in case, blanks or the like alone, such as %.60s and "
                     "%.60s; they are taken for different classes",
                     alike, alike == 1 ? "" : "s", alike == 1 ? "s" : "", dataset->class_name[pair[0]],
                     dataset->class_name[pair[1]]);
    free_folded(folded, dataset->classes);
    return good;
}

/* --- counts --- */

/* Marks the classes that have images in these parts, or those that have none; returns how many are marked. */
static size_t mark(const struct dataset *dataset, bool *marked, enum dataset_split first, enum dataset_split last,
                   bool have)
{
    size_t count = 0;
    memset(marked, !have, (size_t)dataset->classes);
    for (enum dataset_split s = first; s <= last; s++)
        for (size_t i = 0; i < dataset->images[s].items; i++)
            marked[dataset->images[s].item[i].label] = have;
    for (int c = 0; c < dataset->classes; c++)
        count += marked[c];
    return count;
}

/* Files that look like images, and none of them is. */
static bool check_broken(const struct dataset *dataset, const bool *empty, struct error *error)
{
    size_t files = 0;
    const struct dataset_bad *first = NULL;
    for (size_t i = 0; i < dataset->bad_count; i++) {
        const struct dataset_bad *bad = &dataset->bad[i];
        bool counts = bad->label >= 0 && empty[bad->label] && (!first || bad->label == first->label);
        first = counts && !first ? bad : first;
        files += counts;
    }
    return !first || error_set(error, ERROR_DATA,
                               "%s: of the class %.80s none of the %zu file%s can be used; the first, %.200s: %s; mend "
                               "them, or take the class away",
                               dataset->path, dataset->class_name[first->label], files, files == 1 ? "" : "s",
                               path_base(first->path), first->reason);
}

static bool check_two(const struct dataset *dataset, enum dataset_split last, const char *of, struct error *error)
{
    bool *marked = mem_array((size_t)dataset->classes + 1, sizeof *marked);
    size_t with = mark(dataset, marked, DATASET_TRAIN, last, true), count;
    if (with >= 2) {
        mem_free(marked);
        return true;
    }
    char *one = list_classes(dataset, marked, &count);
    mark(dataset, marked, DATASET_TRAIN, last, false);
    char *others = list_classes(dataset, marked, &count);
    if (check_broken(dataset, marked, error))
        error_set(error, ERROR_DATA,
                  "%s: only one class has %simages (%s), two are needed to tell apart; none are in %s", dataset->path,
                  of, one, others);
    mem_free(others);
    mem_free(one);
    mem_free(marked);
    return false;
}

bool labels_check(struct dataset *dataset, struct error *error)
{
    return check_two(dataset, DATASET_TEST, "", error) && check_names(dataset, TEXT_FOLD_STRICT, error) &&
           check_names(dataset, TEXT_FOLD_LOOSE, error);
}

/* --- for a training --- */

static bool leave_out_empty(struct dataset *dataset, struct error *error)
{
    bool *empty = mem_array((size_t)dataset->classes + 1, sizeof *empty);
    int *to = mem_array((size_t)dataset->classes + 1, sizeof *to), kept = 0;
    size_t left = mark(dataset, empty, DATASET_TRAIN, DATASET_TEST, false), count;
    bool good = left == 0 || check_broken(dataset, empty, error);
    if (good && left > 0) {
        char *names = list_classes(dataset, empty, &count);
        dataset_note(dataset, "%s: no image in %s; left out of the classes", names, count == 1 ? "it" : "them");
        mem_free(names);
        for (int c = 0; c < dataset->classes; c++)
            to[c] = empty[c] ? -1 : kept++;
        dataset_renumber(dataset, to, kept);
    }
    mem_free(empty);
    mem_free(to);
    return good;
}

/* "; is Dogs the same as dog?": of the classes that a part lacks the one that is nearest to one the other part lacks. */
static char *near_miss(const struct dataset *dataset, const bool *lacking, enum dataset_split other)
{
    enum { NEAR = 30, CLASSES_MOST = 200 };
    if (dataset->classes > CLASSES_MOST)
        return mem_string("");
    bool *lacked = mem_array((size_t)dataset->classes + 1, sizeof *lacked);
    int least = NEAR + 1, pair[2] = {0};
    mark(dataset, lacked, other, other, false);
    for (int a = 0; a < dataset->classes; a++)
        for (int b = 0; lacking[a] && b < dataset->classes; b++) {
            int far = lacked[b] ? nearest_far(dataset->class_name[a], dataset->class_name[b]) : NEAR + 1;
            if (far < least)
                least = far, pair[0] = a, pair[1] = b;
        }
    mem_free(lacked);
    return least > NEAR ? mem_string("")
                        : mem_format("; is %.60s the same as %.60s?", dataset->class_name[pair[0]],
                                     dataset->class_name[pair[1]]);
}

static void note_gaps(struct dataset *dataset, enum dataset_split split, enum dataset_split other)
{
    bool *lacking = mem_array((size_t)dataset->classes + 1, sizeof *lacking);
    size_t count = mark(dataset, lacking, split, split, false);
    if (count > 0 && dataset->images[split].items > 0) {
        char *names = list_classes(dataset, lacking, &count);
        char *meant = dataset->images[other].items > 0 ? near_miss(dataset, lacking, other) : mem_string("");
        dataset_note(dataset, "%zu class%s without %s images: %s%s", count, count == 1 ? "" : "es", part_word(split),
                     names, meant);
        mem_free(meant);
        mem_free(names);
    }
    mem_free(lacking);
}

bool labels_fit_training(struct dataset *dataset, struct error *error)
{
    if (!leave_out_empty(dataset, error))
        return false;
    if (dataset->images[DATASET_TRAIN].items > 0 && !check_two(dataset, DATASET_TRAIN, "training ", error))
        return false;
    note_gaps(dataset, DATASET_TRAIN, DATASET_VAL);
    note_gaps(dataset, DATASET_VAL, DATASET_TRAIN);
    return true;
}
