/* Opening a dataset: the layout that its path has, where validation images come from, what makes it unfit. Called by the
 * session, the trainer and the verbs. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "layout.h"
#include "parts.h"
#include "scan.h"
#include "thaw/base/mem.h"

/* What the caller's `val` means. */
struct choice {
    char *path; /* of a folder or a file; owned, or NULL */
    double share;
};

static bool choose(struct choice *choice, const char *path, const char *val, struct error *error)
{
    *choice = (struct choice){0};
    if (!val || !*val)
        return true;
    char *end;
    choice->share = strtod(val, &end);
    if (!*end) {
        if (!(choice->share >= 0 && choice->share < 1))
            return error_set(error, ERROR_USAGE, "a validation share of %s: give a number from 0 up to, but not, 1",
                             val);
        return true;
    }
    choice->share = 0;
    char *expanded = path_expand(val), *inner = path_join(path, expanded);
    if (dataset_path_exists(expanded) || dataset_path_exists(inner))
        choice->path = mem_string(dataset_path_exists(expanded) ? expanded : inner);
    mem_free(expanded);
    mem_free(inner);
    return choice->path ||
           error_set(error, ERROR_DATA, "%s: there is no such validation folder, neither here nor in %s", val, path);
}

/* --- one path --- */

/* Puts more words behind what is told of the layout. */
static void tell_more(struct dataset *dataset, char *words)
{
    char *longer = mem_format("%s; %s", dataset->layout, words);
    mem_free(dataset->layout);
    mem_free(words);
    dataset->layout = longer;
}

static char *folder_of(const char *path)
{
    size_t length = (size_t)(path_base(path) - path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    return length > 0 ? mem_format("%.*s", (int)length, path) : mem_string(".");
}

/* The archive that a path leads into, as long as it is there itself: "signs.zip" of "signs.zip/train"; NULL: none. *inner: the
 * rest of the path, borrowed. Caller frees. */
static char *archive_of(const char *path, const char **inner)
{
    char *part = mem_string(path);
    for (size_t length = strlen(part); length > 0; length--) {
        if (part[length] && part[length] != '/')
            continue;
        part[length] = '\0';
        if (!file_exists(part))
            continue;
        if (file_is_directory(part) || !archive_is(part))
            break;
        *inner = path + length;
        return part;
    }
    mem_free(part);
    return NULL;
}

static struct tree_node *walk(const struct tree *tree, const char *path)
{
    char *copy = mem_string(path), *rest = NULL;
    struct tree_node *node = (struct tree_node *)(uintptr_t)&tree->root;
    for (char *name = strtok_r(copy, "/", &rest); name && node; name = strtok_r(NULL, "/", &rest))
        node = node->kind == TREE_FOLDER ? tree_child(tree, node, name) : NULL;
    mem_free(copy);
    return node;
}

bool dataset_path_exists(const char *path)
{
    const char *inner;
    if (file_exists(path))
        return true;
    char *archive = archive_of(path, &inner);
    mem_free(archive);
    return archive != NULL; /* whether that is in it is seen when it is opened */
}

static struct tree *tree_in_archive(struct dataset *dataset, const char *path, struct error *error)
{
    struct archive *archive = archive_open(path, error);
    if (!archive)
        return NULL;
    dataset->archive = mem_grow(dataset->archive, dataset->archives + 1, sizeof(struct archive *));
    dataset->archive[dataset->archives++] = archive;
    return tree_of_archive(path, archive);
}

/* The tree that the dataset's path is in, and where. NULL: an error. */
static struct tree *open_tree(struct dataset *dataset, const char *except, struct tree_node **at, struct error *error)
{
    const char *path = dataset->path, *inner = path_base(path);
    bool is_folder = file_is_directory(path);
    char *archive = is_folder ? NULL : archive_of(path, &inner);
    char *folder = is_folder ? mem_string(path) : folder_of(path);
    struct tree *tree = archive ? tree_in_archive(dataset, archive, error) : tree_open(folder, except);
    *at = !tree ? NULL : is_folder ? &tree->root : walk(tree, inner);
    if (tree && !*at) {
        error_set(error, ERROR_DATA, "%s: there is no such file", path);
        tree_destroy(tree);
        tree = NULL;
    }
    mem_free(folder);
    mem_free(archive);
    return tree;
}

/* except (may be NULL): a folder in it that is of another dataset. */
static bool fill(struct dataset *dataset, const struct dataset_request *request, const char *except,
                 struct error *error)
{
    struct layout_site site = {.request = request};
    struct tree *tree = open_tree(dataset, except, &site.at, error);
    site.tree = tree;
    bool done = tree && layout_of(&site)->fill(dataset, &site, error);
    if (done)
        dataset_sort(dataset);
    if (done && tree->archive)
        tell_more(dataset, mem_format("in %s", path_base(tree->path)));
    tree_destroy(tree);
    return done;
}

/* --- parts --- */

static void move_part(struct dataset *dataset, enum dataset_split to, enum dataset_split from)
{
    dataset_images_finish(&dataset->images[to]);
    dataset->images[to] = dataset->images[from];
    dataset->images[from] = (struct dataset_images){0};
    for (size_t i = 0; i < dataset->bad_count; i++)
        if (dataset->bad[i].split == from)
            dataset->bad[i].split = to;
}

/* The classes of `other` by name, its images as the validation part; *other is left empty of them. */
static void take_validation(struct dataset *dataset, struct dataset *other)
{
    static const enum dataset_split order[] = {DATASET_VAL, DATASET_TEST, DATASET_TRAIN};
    int *to = mem_array((size_t)other->classes + 1, sizeof *to), from = 0;
    while (from < 2 && other->images[order[from]].items == 0)
        from++;
    struct dataset_images *images = &other->images[order[from]];
    for (int c = 0; c < other->classes; c++)
        to[c] = dataset_class(dataset, other->class_name[c]);
    for (size_t i = 0; i < images->items; i++)
        images->item[i].label = to[images->item[i].label];
    for (size_t i = 0; i < other->bad_count; i++) {
        scan_set_aside(dataset, DATASET_VAL, mem_string(other->bad[i].path), other->bad[i].reason);
        dataset->bad[dataset->bad_count - 1].label = other->bad[i].label < 0 ? -1 : to[other->bad[i].label];
    }
    dataset_images_finish(&dataset->images[DATASET_VAL]);
    dataset->images[DATASET_VAL] = *images;
    *images = (struct dataset_images){0};
    for (size_t i = 0; i < other->pixels_count; i++) {
        dataset->pixels = mem_grow(dataset->pixels, dataset->pixels_count + 1, sizeof *dataset->pixels);
        dataset->pixels[dataset->pixels_count++] = other->pixels[i];
    }
    other->pixels_count = 0;
    for (size_t i = 0; i < other->archives; i++) {
        dataset->archive = mem_grow(dataset->archive, dataset->archives + 1, sizeof(struct archive *));
        dataset->archive[dataset->archives++] = other->archive[i];
    }
    other->archives = 0;
    for (size_t i = 0; i < other->notes; i++)
        dataset_note(dataset, "%s", other->note[i]);
    mem_free(to);
    dataset_sort(dataset);
}

static bool add_validation(struct dataset *dataset, const struct dataset_request *request, const char *path,
                           struct error *error)
{
    struct dataset *other = mem_alloc(sizeof *other);
    other->path = mem_string(path);
    bool done = fill(other, request, NULL, error);
    if (done) {
        take_validation(dataset, other);
        tell_more(dataset, mem_format("validation from %s: %s", path, other->layout));
        dataset->own_validation = true;
    }
    dataset_destroy(other);
    return done;
}

static bool split(struct dataset *dataset, const struct split_plan *plan, struct error *error)
{
    const char *together = plan->group ? ", groups together" : "";
    dataset->split_off = true;
    if (plan->folds)
        tell_more(dataset, mem_format("fold %d of %d for validation%s", plan->fold, plan->folds, together));
    else
        tell_more(dataset, mem_format("%g %% of each class split off for validation%s", 100 * plan->share, together));
    return split_off(dataset, plan, error);
}

/* Validation images where none came with the data: see dataset.h. */
static bool make_validation(struct dataset *dataset, const struct split_plan *plan, struct error *error)
{
    struct dataset_images *images = dataset->images;
    dataset->own_validation = images[DATASET_VAL].items > 0;
    bool alone = images[DATASET_TRAIN].items == 0, wanted = plan->share > 0 || plan->folds > 0;
    enum dataset_split other = dataset->own_validation ? DATASET_VAL : DATASET_TEST;
    if (wanted && alone) { /* the only part there is: what is asked for is a part of it */
        move_part(dataset, DATASET_TRAIN, other);
        dataset->own_validation = false;
    } else if (wanted && dataset->own_validation && plan->folds) {
        return error_set(error, ERROR_USAGE, "data.folds = %d: the data bring validation images of their own",
                         plan->folds);
    } else if (wanted && dataset->own_validation) {
        dataset_note(dataset, "the validation share of %g is not used: the data bring validation images of their own",
                     plan->share);
        return true;
    } else if (!dataset->own_validation && images[DATASET_TEST].items > 0 && !wanted) {
        move_part(dataset, DATASET_VAL, DATASET_TEST);
        dataset->own_validation = dataset->test_validates = true;
        tell_more(dataset, mem_string("the test part serves for validation"));
    }
    return !wanted || split(dataset, plan, error);
}

/* A training folder that was opened alone, though others lie beside it. */
static void note_beside(struct dataset *dataset)
{
    if (!file_is_directory(dataset->path) || part_named(path_base(dataset->path)) != DATASET_TRAIN)
        return;
    char *above = folder_of(dataset->path);
    struct tree *tree = tree_open(above, NULL);
    tree_look(tree, &tree->root);
    for (size_t i = 0; i < tree->root.children; i++) {
        const struct tree_node *node = &tree->root.child[i];
        enum dataset_split split = node->kind == TREE_FOLDER ? part_named(node->name) : DATASET_PARTS;
        if (split == DATASET_VAL || split == DATASET_TEST) {
            dataset_note(dataset,
                         "%.80s lies beside this training folder and is not used; data.path = %.120s takes both",
                         node->name, above);
            break;
        }
    }
    tree_destroy(tree);
    mem_free(above);
}

/* --- the whole --- */

static bool enough(const struct dataset *dataset, struct error *error)
{
    size_t items = 0;
    for (int s = 0; s < DATASET_PARTS; s++)
        items += dataset->images[s].items;
    if (dataset->classes == 1)
        return error_set(error, ERROR_DATA, "%s: only one class (%s), two are needed to tell apart", dataset->path,
                         dataset->class_name[0]);
    if (items == 0 && dataset->bad_count == 0)
        return error_set(error, ERROR_DATA, "%s: the class folders are empty", dataset->path);
    if (items == 0)
        return error_set(error, ERROR_DATA, "%s: none of the %zu files is an image; the first, %s: %s", dataset->path,
                         dataset->bad_count, dataset->bad[0].path, dataset->bad[0].reason);
    return true;
}

static bool validate(struct dataset *dataset, const struct dataset_request *request, const struct choice *choice,
                     const struct split_plan *plan, struct error *error)
{
    bool done =
        choice->path ? add_validation(dataset, request, choice->path, error) : make_validation(dataset, plan, error);
    if (done && plan->group && !dataset->split_off)
        split_note_leaks(dataset, plan);
    if (done && dataset->images[DATASET_VAL].items == 0)
        note_beside(dataset);
    return done;
}

/* What is asked for of a split. *plan's group is to be destroyed either way. */
static bool read_plan(struct split_plan *plan, const struct dataset_request *request, const struct choice *choice,
                      struct error *error)
{
    const char *group = request->group && *request->group ? request->group : NULL;
    *plan = (struct split_plan){
        .share = choice->share, .folds = request->folds, .fold = request->fold, .seed = request->seed};
    if (plan->folds && (plan->folds < 2 || plan->fold < 1 || plan->fold > plan->folds))
        return error_set(error, ERROR_USAGE,
                         "data.fold = %d: a fold is one from 1 to data.folds, which is %d of 2 or more", plan->fold,
                         plan->folds);
    if (plan->folds && (choice->path || choice->share > 0))
        return error_set(error, ERROR_USAGE,
                         "data.folds and data.val both say which images validate: keep one of them");
    plan->whole = group && strchr(group, '/');
    plan->group = group ? pattern_create(group, error) : NULL;
    return !group || plan->group || error_wrap(error, "data.group");
}

static bool open_all(struct dataset *dataset, const struct dataset_request *request, const struct choice *choice,
                     struct error *error)
{
    struct split_plan plan;
    bool done = read_plan(&plan, request, choice, error) && fill(dataset, request, choice->path, error) &&
                validate(dataset, request, choice, &plan, error);
    pattern_destroy(plan.group);
    if (!done)
        return false;
    bool untaught = request->trains && dataset->images[DATASET_TRAIN].items == 0; /* which the trainer says better */
    if (!enough(dataset, error) || (!untaught && !labels_check(dataset, error)))
        return false;
    if (dataset->images[DATASET_TEST].items > 0)
        tell_more(dataset, mem_format("%zu test images kept apart", dataset->images[DATASET_TEST].items));
    return !request->trains || labels_fit_training(dataset, error);
}

/* What else the data may be, behind why they are not what they seem. */
static void add_hint(struct dataset *dataset, const struct dataset_request *request, struct error *error)
{
    struct layout_site site = {.request = request};
    struct error unused = {0};
    bool may = error->kind == ERROR_DATA && request->layout == DATASET_AUTO && file_is_directory(dataset->path);
    struct tree *tree = may ? open_tree(dataset, NULL, &site.at, &unused) : NULL;
    site.tree = tree;
    char *hint = tree ? layout_table_hint(&site) : NULL;
    size_t used = strlen(error->text);
    if (hint && !strstr(error->text, hint))
        snprintf(error->text + used, sizeof error->text - used, "; %s", hint);
    mem_free(hint);
    tree_destroy(tree);
}

struct dataset *dataset_open_as(const struct dataset_request *request, struct error *error)
{
    struct dataset *dataset = mem_alloc(sizeof *dataset);
    struct choice choice = {0};
    dataset->path = path_expand(request->path);
    for (size_t length = strlen(dataset->path); length > 1 && dataset->path[length - 1] == '/'; length--)
        dataset->path[length - 1] = '\0';
    bool done = dataset_path_exists(dataset->path) || error_set(error, ERROR_DATA, "%s: no such folder", dataset->path);
    done = done && choose(&choice, dataset->path, request->val, error) && open_all(dataset, request, &choice, error);
    mem_free(choice.path);
    if (done)
        return dataset;
    add_hint(dataset, request, error);
    dataset_destroy(dataset);
    return NULL;
}

struct dataset *dataset_open(const char *path, const char *val, uint64_t seed, struct error *error)
{
    return dataset_open_as(&(struct dataset_request){.path = path, .val = val, .seed = seed}, error);
}
