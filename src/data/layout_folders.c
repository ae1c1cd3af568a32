/* Class folders: path/CLASS, path/PART/CLASS or path/CLASS/PART, found by what lies in the folders and what they are called.
 * First it is studied which folder holds images of which class and part, then they are read. What would train another thing
 * than is meant is refused with what to do. A row of layout.c. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detection.h"
#include "layout.h"
#include "listing.h"
#include "parts.h"
#include "records.h"
#include "scan.h"
#include "thaw/base/mem.h"
#include "thaw/base/text.h"

enum { WRAPPERS_MAX = 4 }; /* folders that hold one folder and nothing else, one in the other */

/* A folder whose images are of one class, in one part. */
struct ground {
    const char *class_name; /* of a node in the tree */
    enum dataset_split split;
    struct tree_node *folder;
    int label;
};

struct study {
    const struct layout_site *site;
    struct dataset *dataset; /* for its notes */
    struct tree_node *at;    /* behind wrappers */
    struct tree_node *part[DATASET_PARTS];
    struct tree_node *list[DATASET_PARTS]; /* of a part whose images lie in no class folders: says what they are */
    struct ground *ground;
    size_t grounds;
};

/* --- looks --- */

/* Whether there may be an image in a folder or those in it. */
static bool holds_images(const struct tree *tree, struct tree_node *folder, int depth)
{
    enum { DEEP = 6 };
    if (folder->kind != TREE_FOLDER || depth > DEEP)
        return false;
    if (tree_count(tree, folder).images > 0)
        return true;
    for (size_t i = 0; i < folder->children; i++)
        if (holds_images(tree, &folder->child[i], depth + 1))
            return true;
    return false;
}

/* The only folder in a folder that holds no image; NULL: there are more, or none. */
static struct tree_node *only_folder(const struct tree *tree, struct tree_node *folder)
{
    struct tree_counts counts = tree_count(tree, folder);
    for (size_t i = 0; counts.folders == 1 && counts.images == 0 && i < folder->children; i++)
        if (folder->child[i].kind == TREE_FOLDER)
            return &folder->child[i];
    return NULL;
}

/* Goes into folders that hold one folder and nothing else, as long as that holds `least` folders and no images. */
static struct tree_node *unwrap(const struct tree *tree, struct tree_node *folder, size_t least)
{
    for (int i = 0; i < WRAPPERS_MAX; i++) {
        struct tree_node *inner = only_folder(tree, folder);
        struct tree_counts counts = inner ? tree_count(tree, inner) : (struct tree_counts){0};
        bool deeper = inner && counts.folders == 1 && counts.images == 0 && only_folder(tree, inner);
        if (!inner || counts.images > 0 || (counts.folders < least && !deeper))
            return folder;
        folder = inner;
    }
    return folder;
}

static char *name_of(const struct study *study, const struct tree_node *node)
{
    return tree_path(study->site->tree, node);
}

static void add_ground(struct study *study, const char *class_name, enum dataset_split split, struct tree_node *folder)
{
    study->ground = scan_room(study->ground, study->grounds, sizeof *study->ground);
    study->ground[study->grounds++] = (struct ground){.class_name = class_name, .split = split, .folder = folder};
}

/* Class folders in a folder. */
static void add_classes(struct study *study, enum dataset_split split, struct tree_node *folder)
{
    struct tree_counts counts = tree_count(study->site->tree, folder);
    for (size_t i = 0; i < folder->children; i++)
        if (folder->child[i].kind == TREE_FOLDER)
            add_ground(study, folder->child[i].name, split, &folder->child[i]);
    if (counts.images > 0 && counts.folders > 0) {
        char *path = name_of(study, folder);
        dataset_note(study->dataset, "%s: %zu files beside the class folders are in none of them, and not used", path,
                     counts.images);
        mem_free(path);
    }
}

/* --- folders that are no classes --- */

/* Refuses images that are marked with boxes or masks, unless the user says that their folders are classes. */
static bool check_detection(const struct study *study, struct tree_node *folder, struct error *error)
{
    bool asked = study->site->request->layout == DATASET_FOLDERS;
    char *signs = asked ? NULL : detection_signs(study->site->tree, folder);
    if (!signs)
        return true;
    char *path = name_of(study, folder);
    error_set(error, ERROR_DATA,
              "%s: %s: detection or segmentation data (YOLO, VOC, COCO), whose boxes and masks are not learned here; "
              "images for classes belong in %s/CLASS/; data.layout = folders, if folders are classes all the same",
              path, signs, path);
    mem_free(path);
    mem_free(signs);
    return false;
}

/* Whether all folders in a folder are called like those of data that are laid out otherwise. */
static bool check_classes(const struct study *study, struct tree_node *folder, struct error *error)
{
    const char *names[2] = {NULL, NULL};
    size_t others = 0;
    tree_look(study->site->tree, folder);
    for (size_t i = 0; i < folder->children; i++) {
        const struct tree_node *node = &folder->child[i];
        if (node->kind != TREE_FOLDER)
            continue;
        others += !detection_word(node->name);
        if (!names[0] || !names[1])
            names[names[0] != NULL] = node->name;
    }
    if (others > 0 || !names[0])
        return true;
    char *path = name_of(study, folder);
    if (names[1])
        error_set(
            error, ERROR_DATA,
            "%s: its folders, %.60s and %.60s, are no classes but parts of detection or segmentation data (YOLO, VOC, "
            "COCO), whose boxes and masks are not learned here; images for classes belong in %s/CLASS/",
            path, names[0], names[1], path);
    else
        error_set(error, ERROR_DATA,
                  "%s: its images lie in one folder, %.60s, and in no class folders; give their classes by folders, or "
                  "in a table",
                  path, names[0]);
    mem_free(path);
    return false;
}

/* --- parts --- */

static bool refuse_two(const struct study *study, enum dataset_split split, const struct tree_node *one,
                       const struct tree_node *other, struct error *error)
{
    char *path = name_of(study, one->parent);
    error_set(error, ERROR_DATA,
              "%s: both %.80s and %.80s are called a %s part; say which is meant: data.path = %s/... and data.val = "
              "%s/...",
              path, one->name, other->name, part_word(split), path, path);
    mem_free(path);
    return false;
}

/* What the folders in a folder are, by their names. */
struct naming {
    struct tree_node *part[DATASET_PARTS]; /* those with folders in them */
    struct tree_node *bare[DATASET_PARTS]; /* those without */
    size_t named, unnamed, unnamed_deep;   /* of the folders that hold images; of those with folders in them */
    size_t flat;                           /* of the named: without folders in them */
};

static bool name_parts(const struct study *study, struct tree_node *at, enum dataset_split (*name)(const char *),
                       struct naming *naming, struct error *error)
{
    const struct tree *tree = study->site->tree;
    *naming = (struct naming){0};
    tree_look(tree, at);
    for (size_t i = 0; i < at->children; i++) {
        struct tree_node *node = &at->child[i];
        enum dataset_split split = node->kind == TREE_FOLDER ? name(node->name) : DATASET_PARTS;
        bool holds = node->kind == TREE_FOLDER && holds_images(tree, node, 0);
        naming->named += holds && split < DATASET_PARTS;
        naming->unnamed += holds && split == DATASET_PARTS;
        naming->unnamed_deep += holds && split == DATASET_PARTS && tree_count(tree, node).folders > 0;
        if (split == DATASET_PARTS)
            continue;
        if (tree_count(tree, node).folders == 0) {
            naming->flat += holds;
            naming->bare[split] = holds ? node : naming->bare[split];
            continue;
        }
        if (naming->part[split])
            return refuse_two(study, split, naming->part[split], node, error);
        naming->part[split] = node;
    }
    return true;
}

/* Folders are parts where one is called train, or all that hold images are called parts. */
static bool are_parts(const struct naming *naming)
{
    return naming->part[DATASET_TRAIN] ||
           ((naming->part[DATASET_VAL] || naming->part[DATASET_TEST]) && naming->unnamed == 0);
}

/* The first file called an archive of those from the `from`-th child on; NULL: there is none. */
static const struct tree_node *next_archive(const struct tree_node *folder, size_t from)
{
    static const char *const endings[] = {".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar"};
    for (size_t i = from; i < folder->children; i++)
        for (size_t e = 0; folder->child[i].kind == TREE_FILE && e < THAW_LENGTH(endings); e++)
            if (path_has_ending(folder->child[i].name, endings[e]))
                return &folder->child[i];
    return NULL;
}

/* Where classes or parts are folders, what lies packed beside them is none of the data, though somebody may think so. */
static void note_archives(const struct study *study, const struct tree_node *at)
{
    size_t count = 0;
    const struct tree_node *first = next_archive(at, 0);
    for (const struct tree_node *node = first; node; node = next_archive(at, (size_t)(node - at->child) + 1))
        count++;
    char *path = first ? name_of(study, first) : NULL;
    if (count == 1)
        dataset_note(study->dataset, "%s: an archive beside the folders; it is not used: unpack it, or open it alone",
                     path);
    else if (count)
        dataset_note(study->dataset,
                     "%s and %zu more: archives beside the folders; they are not used: unpack them, or open one alone",
                     path, count - 1);
    mem_free(path);
}

/* A part without class folders is not used, and neither are folders beside the parts. */
static void note_unused(struct study *study, const struct tree_node *at, enum dataset_split (*name)(const char *))
{
    for (size_t i = 0; i < at->children; i++) {
        struct tree_node *node = &at->child[i];
        bool known = false;
        for (int s = 0; s < DATASET_PARTS; s++)
            known = known || study->part[s] == node;
        if (node->kind != TREE_FOLDER || known || !holds_images(study->site->tree, node, 0))
            continue;
        char *path = name_of(study, node);
        if (name(node->name) < DATASET_PARTS)
            dataset_note(study->dataset, "%s: its images lie in no class folders; they are not used", path);
        else
            dataset_note(study->dataset, "%s: beside the training folder, but called no part; it is not used", path);
        mem_free(path);
    }
}

/* *found: whether the folders in `at` are parts of the data. */
static bool find_parts(struct study *study, struct tree_node *at, bool *found, struct error *error)
{
    static enum dataset_split (*const names[])(const char *) = {part_named, part_worded};
    struct naming naming;
    *found = false;
    for (size_t i = 0; i < THAW_LENGTH(names) && !*found; i++) {
        if (!name_parts(study, at, names[i], &naming, error))
            return false;
        bool several = !!naming.part[DATASET_TRAIN] + !!naming.part[DATASET_VAL] + !!naming.part[DATASET_TEST] > 1;
        *found = are_parts(&naming) && (names[i] == part_named || (several && naming.unnamed_deep == 0));
        if (!*found && i == 0 && naming.flat > 1 && naming.unnamed == 0) {
            const struct tree_node *bare = naming.bare[DATASET_TRAIN];
            char *path = name_of(study, at), *hint = bare ? layout_names_hint(bare) : mem_string("");
            error_set(error, ERROR_DATA,
                      "%s: its parts hold images in no class folders; images belong in %s/train/CLASS/, or their "
                      "classes in a table%s",
                      path, path, hint);
            mem_free(hint);
            mem_free(path);
            return false;
        }
        if (*found) {
            for (int s = 0; s < DATASET_PARTS; s++)
                study->part[s] = naming.part[s] ? naming.part[s] : naming.bare[s];
            note_unused(study, at, names[i]);
        }
    }
    return true;
}

/* path/CLASS/PART: each folder holds folders alone, all of them called parts. */
static bool find_parts_in_classes(struct study *study, struct tree_node *at)
{
    const struct tree *tree = study->site->tree;
    size_t classes = 0, trains = 0;
    for (size_t i = 0; i < at->children; i++) {
        struct tree_node *node = &at->child[i];
        struct tree_counts counts = tree_count(tree, node);
        if (node->kind != TREE_FOLDER)
            continue;
        if (counts.images > 0 || counts.folders == 0)
            return false;
        classes++;
        for (size_t c = 0; c < node->children; c++) {
            if (node->child[c].kind == TREE_FOLDER && part_named(node->child[c].name) == DATASET_PARTS)
                return false;
            trains += node->child[c].kind == TREE_FOLDER && part_named(node->child[c].name) == DATASET_TRAIN;
        }
    }
    if (classes < 2 || trains == 0)
        return false;
    for (size_t i = 0; i < at->children; i++)
        for (size_t c = 0; at->child[i].kind == TREE_FOLDER && c < at->child[i].children; c++) {
            struct tree_node *node = &at->child[i].child[c];
            if (node->kind == TREE_FOLDER)
                add_ground(study, at->child[i].name, part_named(node->name), node);
        }
    return true;
}

/* --- siblings that hold the same --- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the folders in a folder, folded and sorted; none where images lie beside them. */
static struct file_list folded_names(const struct tree *tree, struct tree_node *folder)
{
    struct tree_counts counts = tree_count(tree, folder);
    struct file_list list = {.name = mem_array(counts.folders + 1, sizeof(char *))};
    for (size_t i = 0; counts.images == 0 && i < folder->children; i++)
        if (folder->child[i].kind == TREE_FOLDER)
            list.name[list.count++] = text_fold(folder->child[i].name, TEXT_FOLD_LOOSE);
    qsort(list.name, list.count, sizeof *list.name, compare_names);
    return list;
}

static size_t count_shared(const struct file_list *a, const struct file_list *b)
{
    size_t shared = 0;
    for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
        int order = strcmp(a->name[i], b->name[j]);
        shared += order == 0;
        i += order <= 0;
        j += order >= 0;
    }
    return shared;
}

/* Two names at least, and half of what the larger one holds. */
static bool are_alike(const struct file_list *a, const struct file_list *b)
{
    size_t shared = count_shared(a, b);
    return shared >= 2 && 2 * shared >= (a->count > b->count ? a->count : b->count);
}

/* The first of the folders that hold folders of the same names, as parts of the data do; as classes they would be
 * nonsense. */
static bool check_siblings(const struct study *study, struct tree_node *at, struct error *error)
{
    enum { LOOKED_AT = 8 };
    struct tree_node *node[LOOKED_AT];
    struct file_list names[LOOKED_AT];
    size_t count = 0, pair[2] = {0, 0};
    for (size_t i = 0; i < at->children && count < LOOKED_AT; i++)
        if (at->child[i].kind == TREE_FOLDER) {
            node[count] = &at->child[i];
            names[count++] = folded_names(study->site->tree, &at->child[i]);
        }
    for (size_t a = 0; a < count && pair[1] == 0; a++)
        for (size_t b = a + 1; b < count && pair[1] == 0; b++)
            if (are_alike(&names[a], &names[b]))
                pair[0] = a, pair[1] = b;
    for (size_t i = 0; i < count; i++)
        file_list_free(&names[i]);
    if (pair[1] == 0)
        return true;
    char *path = name_of(study, at);
    const char *one = node[pair[0]]->name, *other = node[pair[1]]->name;
    error_set(error, ERROR_DATA,
              "%s: %.80s and %.80s hold folders of the same names, as parts of a dataset do and classes do not; say "
              "which is which: data.path = %s/%.80s and data.val = %s/%.80s, or data.layout = folders if they are "
              "classes",
              path, one, other, path, one, path, other);
    mem_free(path);
    return false;
}

/* --- the study --- */

static bool refuse_flat(const struct study *study, struct tree_node *at, size_t images, struct error *error)
{
    char *path = name_of(study, at), *hint = images > 0 ? layout_names_hint(at) : NULL;
    if (images > 0)
        error_set(error, ERROR_DATA,
                  "%s: no class folders, but %zu files beside each other; if they are of one class, open the folder "
                  "above; else images belong in %s/CLASS/ or %s/train/CLASS/%s",
                  path, images, path, path, hint);
    else
        error_set(error, ERROR_DATA, "%s: no class folders; images belong in %s/CLASS/ or %s/train/CLASS/", path, path,
                  path);
    const struct tree_node *archive = images == 0 ? next_archive(at, 0) : NULL;
    if (archive)
        error_set(error, ERROR_DATA, "%s: no class folders, but an archive: open that, %s/%.200s", path, path,
                  archive->name);
    mem_free(hint);
    mem_free(path);
    return false;
}

static bool is_list(const struct study *study, struct tree_node *file, struct tree_node *part)
{
    struct listing_site site = {study->site->tree, finder_create(study->site->tree, part), ""};
    struct listing listing;
    struct error unused;
    bool is = listing_may_be(file) && listing_open(&listing, &site, file, &unused) && !listing.boxes;
    if (listing_may_be(file))
        listing_close(&listing);
    finder_destroy(site.finder);
    return is;
}

/* What says of the images in a part that has no class folders what they are: a list in it, as Tiny-ImageNet's
 * val/val_annotations.txt, or one of its name beside it, as GTSRB's Test.csv. NULL: nothing does. */
static struct tree_node *find_list(const struct study *study, enum dataset_split split, struct tree_node *part)
{
    for (size_t i = 0; i < part->children; i++)
        if (is_list(study, &part->child[i], part))
            return &part->child[i];
    struct tree_node *above = part->parent;
    for (size_t i = 0; above && i < above->children; i++)
        if (listing_may_be(&above->child[i]) && listing_part(&above->child[i]) == split &&
            is_list(study, &above->child[i], part))
            return &above->child[i];
    return NULL;
}

/* Whether the images of a part lie in it, or in one folder that is no class. */
static bool is_flat(const struct study *study, struct tree_node *part)
{
    struct tree_node *only = only_folder(study->site->tree, part);
    return tree_count(study->site->tree, part).folders == 0 ||
           (only && detection_word(only->name) && tree_count(study->site->tree, only).folders == 0);
}

static void leave_out(struct study *study, enum dataset_split split)
{
    char *path = name_of(study, study->part[split]);
    dataset_note(study->dataset, "%s: its images lie in no class folders; they are not used", path);
    mem_free(path);
    study->part[split] = NULL;
}

static bool study_part(struct study *study, enum dataset_split split, struct error *error)
{
    struct tree_node *part = study->part[split];
    bool flat = is_flat(study, part);
    study->list[split] = flat ? find_list(study, split, part) : NULL;
    if (study->list[split])
        return true;
    if (flat && split != DATASET_TRAIN && study->part[DATASET_TRAIN]) {
        leave_out(study, split);
        return true;
    }
    struct tree_node *inner = unwrap(study->site->tree, part, 2);
    if (!check_detection(study, inner, error) || !check_classes(study, inner, error))
        return false;
    add_classes(study, split, inner);
    return true;
}

static bool study_parts(struct study *study, struct error *error)
{
    for (enum dataset_split s = 0; s < DATASET_PARTS; s++)
        if (study->part[s] && !study_part(study, s, error))
            return false;
    return true;
}

static bool study_folder(struct study *study, struct error *error)
{
    const struct tree *tree = study->site->tree;
    bool parts = false, forced = study->site->request->layout == DATASET_FOLDERS;
    struct tree_node *at = study->site->at;
    if (!check_detection(study, at, error) || !find_parts(study, at, &parts, error))
        return false;
    struct tree_node *inner = parts ? at : unwrap(tree, at, 1);
    if (inner != at && (!check_detection(study, inner, error) || !find_parts(study, inner, &parts, error)))
        return false;
    at = study->at = inner;
    struct tree_counts counts = tree_count(tree, at);
    if (!parts && counts.folders == 0)
        return refuse_flat(study, at, counts.images, error);
    note_archives(study, at);
    if (parts)
        return study_parts(study, error);
    if (!forced && !check_classes(study, at, error))
        return false;
    if (find_parts_in_classes(study, at))
        return true;
    if (!forced && !check_siblings(study, at, error))
        return false;
    add_classes(study, DATASET_TRAIN, at);
    return true;
}

/* --- the whole --- */

static int by_class(const void *a, const void *b)
{
    return strcmp(((const struct ground *)a)->class_name, ((const struct ground *)b)->class_name);
}

static int by_part(const void *left, const void *right)
{
    const struct ground *a = left, *b = right;
    if (a->split != b->split)
        return a->split < b->split ? -1 : 1;
    return a->label < b->label ? -1 : a->label > b->label;
}

static void read_grounds(const struct study *study)
{
    struct dataset *dataset = study->dataset;
    struct ground *ground = study->ground;
    size_t count = study->grounds;
    if (count == 0)
        return;
    qsort(ground, count, sizeof *ground, by_class);
    dataset->class_name = mem_array(count, sizeof(char *));
    for (size_t g = 0; g < count; g++) {
        if (g == 0 || by_class(&ground[g - 1], &ground[g]) != 0)
            dataset->class_name[dataset->classes++] = mem_string(ground[g].class_name);
        ground[g].label = dataset->classes - 1;
    }
    qsort(ground, count, sizeof *ground, by_part);
    for (size_t g = 0; g < count; g++)
        scan_folder(dataset, study->site->tree, ground[g].folder, ground[g].split, ground[g].label);
}

static bool read_list(const struct study *study, enum dataset_split split, struct error *error)
{
    struct tree_node *file = study->list[split];
    const struct tree *tree = study->site->tree;
    struct listing_site site = {tree, finder_create(tree, study->part[split]), ""};
    struct listing listing;
    struct records records = {0};
    bool done = listing_open(&listing, &site, file, error) &&
                records_take(&records, &listing, &site, split, study->dataset, error) &&
                records_fill(&records, tree, file->parent, study->dataset, error);
    records_finish(&records);
    listing_close(&listing);
    finder_destroy(site.finder);
    return done;
}

static bool read_all(const struct study *study, struct error *error)
{
    read_grounds(study);
    for (enum dataset_split s = 0; s < DATASET_PARTS; s++)
        if (study->list[s] && !read_list(study, s, error))
            return false;
    return true;
}

/* "class folders below Training/ and Testing/". */
static char *describe(const struct study *study)
{
    char *parts = mem_string("");
    int told = 0, count = !!study->part[0] + !!study->part[1] + !!study->part[2];
    for (int s = 0; s < DATASET_PARTS; s++) {
        if (!study->part[s])
            continue;
        const char *before = told == 0 ? " below " : told + 1 == count ? " and " : ", ";
        char *longer = mem_format("%s%s%.40s/", parts, before, study->part[s]->name);
        mem_free(parts);
        parts = longer;
        told++;
    }
    bool inside = study->at != study->site->at;
    const char *hold =
        !count && study->grounds && study->ground[0].folder->parent != study->at ? " with parts in each" : "";
    char *text =
        mem_format("class folders%s%s%s%.60s", parts, hold, inside ? ", in " : "", inside ? study->at->name : "");
    mem_free(parts);
    return text;
}

/* Two names that are the same but for their digits: "part_1" and "part_2". */
static bool differ_in_digits(const char *a, const char *b)
{
    static const char digits[] = "0123456789";
    while (*a || *b) {
        a += strspn(a, digits);
        b += strspn(b, digits);
        if (*a != *b)
            return false;
        a += *a != '\0';
        b += *b != '\0';
    }
    return true;
}

bool layout_folders_plausible(const struct layout_site *site, bool *parts)
{
    struct dataset notes = {0};
    struct study study = {.site = site, .dataset = &notes};
    struct error unused;
    bool plausible = site->at->kind == TREE_FOLDER && study_folder(&study, &unused) && study.grounds > 1;
    size_t others = 0;
    for (size_t g = 0; plausible && g < study.grounds; g++) {
        const char *name = study.ground[g].class_name;
        bool holds = holds_images(site->tree, study.ground[g].folder, 0);
        bool number = name[strspn(name, "0123456789")] == '\0';
        others +=
            holds && g > 0 && !detection_word(name) && (number || !differ_in_digits(name, study.ground[0].class_name));
    }
    *parts = study.part[DATASET_TRAIN] || study.part[DATASET_VAL] || study.part[DATASET_TEST];
    mem_free(study.ground);
    for (size_t i = 0; i < notes.notes; i++)
        mem_free(notes.note[i]);
    mem_free(notes.note);
    return plausible && others > 0;
}

bool layout_folders_fit(const struct layout_site *site)
{
    return site->at->kind == TREE_FOLDER;
}

bool layout_folders_fill(struct dataset *dataset, const struct layout_site *site, struct error *error)
{
    if (site->at->kind != TREE_FOLDER)
        return error_set(error, ERROR_DATA,
                         "%s: neither a folder of images, nor a table or list of them, nor a file that holds many",
                         dataset->path);
    struct study study = {.site = site, .dataset = dataset};
    bool done = study_folder(&study, error) && read_all(&study, error);
    if (done)
        dataset->layout = describe(&study);
    mem_free(study.ground);
    return done;
}
