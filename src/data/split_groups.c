/* Splits that keep groups of images together (a patient's, a video's), and folds for cross-validation. Groups go, the largest
 * first, where they bring each class nearest to its share; what is alike is decided by the seed. Called when a dataset is
 * opened. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "scan.h"
#include "thaw/base/hash.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"

/* --- groups --- */

struct member {
    char *group; /* owned */
    size_t item; /* of the training images */
};

/* Consecutive members. */
struct group {
    size_t first, count;
    struct hash hash;
};

struct grouping {
    struct member *member;
    size_t members;
    struct group *group;
    size_t groups;
    size_t unmatched; /* images that are a group each */
};

char *split_group_name(const struct dataset *dataset, struct pattern *pattern, const struct dataset_item *item,
                       bool whole)
{
    size_t root = strlen(dataset->path), begin, end;
    bool below = strncmp(item->path, dataset->path, root) == 0 && item->path[root] == '/';
    const char *name = whole ? item->path + (below ? root + 1 : 0) : path_base(item->path);
    return pattern_find(pattern, name, &begin, &end) ? mem_format("%.*s", (int)(end - begin), name + begin) : NULL;
}

static int compare_members(const void *left, const void *right)
{
    const struct member *a = left, *b = right;
    int order = strcmp(a->group, b->group);
    return order ? order : a->item < b->item ? -1 : 1;
}

/* The largest first; then by the hash, which the seed is in. */
static int compare_groups(const void *left, const void *right)
{
    const struct group *a = left, *b = right;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return a->hash.low < b->hash.low ? -1 : a->hash.low > b->hash.low;
}

static void find_groups(struct grouping *grouping, const struct dataset *dataset, const struct split_plan *plan)
{
    const struct dataset_images *train = &dataset->images[DATASET_TRAIN];
    *grouping = (struct grouping){.member = mem_array(train->items + 1, sizeof *grouping->member),
                                  .members = train->items,
                                  .group = mem_array(train->items + 1, sizeof *grouping->group)};
    for (size_t i = 0; i < train->items; i++) {
        char *name = split_group_name(dataset, plan->group, &train->item[i], plan->whole);
        grouping->unmatched += !name;
        grouping->member[i] = (struct member){name ? name : mem_format("/%s", train->item[i].path), i};
    }
    if (train->items)
        qsort(grouping->member, train->items, sizeof *grouping->member, compare_members);
    for (size_t i = 0; i < train->items; i++) {
        const char *name = grouping->member[i].group;
        bool again = i > 0 && strcmp(grouping->member[i - 1].group, name) == 0;
        struct hash hash = hash_bytes(name, strlen(name), (struct hash){0, 0});
        if (!again)
            grouping->group[grouping->groups++] =
                (struct group){.first = i, .hash = {.low = rng_at(plan->seed, RNG_SPLIT, hash.low), .high = hash.high}};
        grouping->group[grouping->groups - 1].count++;
    }
    if (grouping->groups)
        qsort(grouping->group, grouping->groups, sizeof *grouping->group, compare_groups);
}

static void free_groups(struct grouping *grouping)
{
    for (size_t i = 0; i < grouping->members; i++)
        mem_free(grouping->member[i].group);
    mem_free(grouping->member);
    mem_free(grouping->group);
}

/* --- where they go --- */

struct bins {
    int count, classes;
    double *share;  /* [count], of every class */
    double *images; /* [count][classes] so far */
    double *all;    /* [classes] */
    double *of;     /* [classes], of the group that is looked at */
};

/* How much farther a bin's classes come from their shares with a group in it, each class by its size. */
static double worse_by(const struct bins *bins, int bin)
{
    const double *images = bins->images + (size_t)bin * (size_t)bins->classes;
    double worse = 0;
    for (int c = 0; c < bins->classes; c++) {
        double before = images[c] - bins->share[bin] * bins->all[c], behind = before + bins->of[c];
        worse += bins->of[c] > 0 ? (behind * behind - before * before) / bins->all[c] : 0;
    }
    return worse;
}

static void count_group(const struct bins *bins, const struct grouping *grouping, const struct group *group,
                        const struct dataset_images *train)
{
    memset(bins->of, 0, (size_t)bins->classes * sizeof *bins->of);
    for (size_t m = group->first; m < group->first + group->count; m++)
        bins->of[train->item[grouping->member[m].item].label]++;
}

/* bin[group]; the one that is looked at first differs from group to group. */
static void fill_bins(struct bins *bins, const struct grouping *grouping, const struct dataset_images *train, int *bin)
{
    for (size_t g = 0; g < grouping->groups; g++) {
        int start = (int)(grouping->group[g].hash.low % (uint64_t)bins->count), best = start;
        double least = 0;
        count_group(bins, grouping, &grouping->group[g], train);
        for (int b = 0; b < bins->count; b++) {
            int at = (start + b) % bins->count;
            double worse = worse_by(bins, at);
            if (b == 0 || worse < least) {
                least = worse;
                best = at;
            }
        }
        bin[g] = best;
        for (int c = 0; c < bins->classes; c++)
            bins->images[(size_t)best * (size_t)bins->classes + (size_t)c] += bins->of[c];
    }
}

/* Whether a bin has a group; where it has none, the smallest of another that has two or more goes into it. */
static void leave_none_empty(const struct bins *bins, size_t groups, int *bin)
{
    for (int b = 0; b < bins->count; b++) {
        size_t *of = mem_array((size_t)bins->count, sizeof *of);
        for (size_t g = 0; g < groups; g++)
            of[bin[g]]++;
        for (size_t g = groups; of[b] == 0 && g-- > 0;)
            if (of[bin[g]] > 1) {
                bin[g] = b;
                break;
            }
        mem_free(of);
    }
}

static void choose_groups(const struct dataset *dataset, const struct split_plan *plan, const struct grouping *grouping,
                          bool *chosen)
{
    const struct dataset_images *train = &dataset->images[DATASET_TRAIN];
    size_t classes = (size_t)dataset->classes;
    struct bins bins = {.count = plan->folds ? plan->folds : 2, .classes = dataset->classes};
    bins.share = mem_array((size_t)bins.count, sizeof *bins.share);
    bins.images = mem_array((size_t)bins.count * classes, sizeof *bins.images);
    bins.all = mem_array(classes, sizeof *bins.all);
    bins.of = mem_array(classes, sizeof *bins.of);
    int *bin = mem_array(grouping->groups + 1, sizeof *bin), wanted = plan->folds ? plan->fold - 1 : 1;
    for (int b = 0; b < bins.count; b++)
        bins.share[b] = plan->folds ? 1.0 / plan->folds : b == 1 ? plan->share : 1 - plan->share;
    for (size_t i = 0; i < train->items; i++)
        bins.all[train->item[i].label]++;
    fill_bins(&bins, grouping, train, bin);
    leave_none_empty(&bins, grouping->groups, bin);
    for (size_t g = 0; g < grouping->groups; g++)
        for (size_t m = 0; bin[g] == wanted && m < grouping->group[g].count; m++)
            chosen[grouping->member[grouping->group[g].first + m].item] = true;
    mem_free(bin);
    mem_free(bins.of);
    mem_free(bins.all);
    mem_free(bins.images);
    mem_free(bins.share);
}

static bool split_groups(struct dataset *dataset, const struct split_plan *plan, bool *chosen, struct error *error)
{
    struct grouping grouping;
    find_groups(&grouping, dataset, plan);
    size_t least = plan->folds ? (size_t)plan->folds : 2;
    bool good = grouping.groups >= least ||
                error_set(error, ERROR_DATA, "%s: by data.group its images are of %zu group%s, of which %zu are needed",
                          dataset->path, grouping.groups, grouping.groups == 1 ? "" : "s", least);
    if (good)
        choose_groups(dataset, plan, &grouping, chosen);
    if (good && grouping.unmatched)
        dataset_note(dataset, "%zu images have no name that matches data.group; each is a group of its own",
                     grouping.unmatched);
    free_groups(&grouping);
    return good;
}

/* --- folds of single images --- */

static void split_fold(const struct dataset *dataset, const struct split_plan *plan, bool *chosen)
{
    const struct dataset_images *train = &dataset->images[DATASET_TRAIN];
    for (size_t first = 0, end; first < train->items; first = end) {
        int label = train->item[first].label;
        for (end = first; end < train->items && train->item[end].label == label;)
            end++;
        const char *name = dataset->class_name[label];
        uint64_t turn = hash_bytes(name, strlen(name), (struct hash){0, 0}).high; /* not all remainders in fold 1 */
        uint32_t *order = split_order(end - first, plan->seed, name);
        for (size_t i = 0; i < end - first; i++)
            if ((i + turn) % (uint64_t)plan->folds == (uint64_t)plan->fold - 1)
                chosen[first + order[i]] = true;
        mem_free(order);
    }
}

bool split_off(struct dataset *dataset, const struct split_plan *plan, struct error *error)
{
    bool *chosen = mem_array(dataset->images[DATASET_TRAIN].items + 1, sizeof *chosen), good = true;
    if (!plan->group && !plan->folds) {
        split_stratified(dataset, plan->share, plan->seed);
    } else {
        if (plan->group)
            good = split_groups(dataset, plan, chosen, error);
        else
            split_fold(dataset, plan, chosen);
        if (good)
            split_move(dataset, chosen);
    }
    mem_free(chosen);
    return good;
}

/* --- groups in several parts --- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **group_names(const struct dataset *dataset, const struct split_plan *plan, enum dataset_split split,
                          size_t *count)
{
    const struct dataset_images *images = &dataset->images[split];
    char **names = mem_array(images->items + 1, sizeof(char *));
    *count = 0;
    for (size_t i = 0; i < images->items; i++) {
        char *name = split_group_name(dataset, plan->group, &images->item[i], plan->whole);
        if (name)
            names[(*count)++] = name;
    }
    if (*count)
        qsort(names, *count, sizeof(char *), compare_names);
    return names;
}

void split_note_leaks(struct dataset *dataset, const struct split_plan *plan)
{
    size_t count[2], both = 0, some = 0;
    char **train = group_names(dataset, plan, DATASET_TRAIN, &count[0]),
         **val = group_names(dataset, plan, DATASET_VAL, &count[1]);
    for (size_t i = 0, j = 0; i < count[0] && j < count[1];) {
        int order = strcmp(train[i], val[j]);
        bool first = order == 0 && (j == 0 || strcmp(val[j - 1], val[j]) != 0);
        some = first && both == 0 ? i : some;
        both += first;
        i += order < 0;
        j += order >= 0;
    }
    if (both)
        dataset_note(dataset, "%zu group%s, such as %.60s, %s images in training and validation: the figures flatter",
                     both, both == 1 ? "" : "s", train[some], both == 1 ? "has" : "have");
    for (int s = 0; s < 2; s++) {
        char **names = s == 0 ? train : val;
        for (size_t i = 0; i < count[s]; i++)
            mem_free(names[i]);
        mem_free(names);
    }
}
