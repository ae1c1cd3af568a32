/* CIFAR's binary batches: which files of a folder are some, and what their classes are called. A row of layout.c; one file is
 * read by cifar.c. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "cifar.h"
#include "layout.h"
#include "pixels.h"
#include "scan.h"
#include "thaw/base/mem.h"

/* What the files of one of them are called. */
struct kind {
    const char *words;
    int labels, classes;
    const char *names; /* the file of the classes' names */
    const char *train[6], *test[2];
};
static const struct kind kinds[] = {
    {"CIFAR-10's binary batches",
     1,
     10,
     "batches.meta.txt",
     {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
     {"test_batch.bin"}},
    {"CIFAR-100's binary batches", 2, 100, "fine_label_names.txt", {"train.bin"}, {"test.bin"}},
};
#define BYTES_MAX ((size_t)1 << 30)

static bool has_any(const struct layout_site *site, struct tree_node *folder, const char *const *names)
{
    for (; *names; names++)
        if (tree_child(site->tree, folder, *names))
            return true;
    return false;
}

/* The kind whose batches a folder holds. A file called train.bin may be anything, but not beside those names. */
static const struct kind *find_kind(const struct layout_site *site, struct tree_node *folder)
{
    for (size_t i = 0; i < THAW_LENGTH(kinds); i++)
        if ((has_any(site, folder, kinds[i].train) || has_any(site, folder, kinds[i].test)) &&
            (i == 0 || tree_child(site->tree, folder, kinds[i].names)))
            return &kinds[i];
    return NULL;
}

/* The folder of the batches: the site's, or the only one in it (cifar-10-batches-bin). */
static struct tree_node *find_folder(const struct layout_site *site, const struct kind **kind)
{
    enum { WRAPPERS_MAX = 4 };
    struct tree_node *folder = site->at;
    for (int i = 0; i < WRAPPERS_MAX && folder && folder->kind == TREE_FOLDER; i++) {
        tree_look(site->tree, folder);
        *kind = find_kind(site, folder);
        if (*kind)
            return folder;
        struct tree_node *inner = folder->children == 1 ? &folder->child[0] : NULL;
        folder = inner;
    }
    *kind = NULL;
    return NULL;
}

bool layout_cifar_fits(const struct layout_site *site)
{
    const struct kind *kind;
    return find_folder(site, &kind) != NULL;
}

static bool take_batch(struct dataset *dataset, const struct layout_site *site, const struct kind *kind,
                       const struct tree_node *file, enum dataset_split split, struct error *error)
{
    struct file_bytes bytes = {0};
    struct cifar cifar;
    char *path = tree_path(site->tree, file);
    bool done = tree_read(site->tree, file, BYTES_MAX, &bytes, error);
    if (!done)
        error->kind = ERROR_DATA;
    else
        done = cifar_read(&cifar, bytes.data, bytes.size, kind->labels, kind->classes, error) ||
               error_wrap(error, "%s", path);
    if (done) {
        struct dataset_pixels own = {.first = cifar.pixels,
                                     .images = cifar.images,
                                     .stride = cifar.stride,
                                     .width = CIFAR_SIDE,
                                     .height = CIFAR_SIDE,
                                     .channels = 3,
                                     .planar = true,
                                     .bytes = bytes,
                                     .stamp = bytes.stamp};
        int *label = mem_array(cifar.images, sizeof *label);
        for (size_t i = 0; i < cifar.images; i++)
            label[i] = cifar.label[i * cifar.stride];
        dataset_pixels_items(dataset, split, dataset_pixels_add(dataset, &own), label, path);
        mem_free(label);
    } else {
        file_bytes_finish(&bytes);
    }
    mem_free(path);
    return done;
}

static bool take_batches(struct dataset *dataset, const struct layout_site *site, const struct kind *kind,
                         struct tree_node *folder, enum dataset_split split, struct error *error)
{
    const char *const *name = split == DATASET_TRAIN ? kind->train : kind->test;
    for (; *name; name++) {
        const struct tree_node *file = tree_child(site->tree, folder, *name);
        if (file && !take_batch(dataset, site, kind, file, split, error))
            return false;
        if (!file)
            dataset_note(dataset, "%s is not there: its images are missing", *name);
    }
    return true;
}

/* Classes by their names where the file beside the batches has one a line for each, else by number. */
static void name_classes(struct dataset *dataset, const struct layout_site *site, const struct kind *kind,
                         struct tree_node *folder)
{
    enum { NAMES_MAX = 1 << 16 };
    struct file_bytes bytes = {0};
    struct error unused;
    const struct tree_node *file = tree_child(site->tree, folder, kind->names);
    dataset_number_classes(dataset, kind->classes);
    char *text = file && tree_read(site->tree, file, NAMES_MAX, &bytes, &unused) && bytes.size
                     ? mem_format("%.*s", (int)bytes.size, (const char *)bytes.data)
                     : mem_string("");
    char *rest = NULL, **name = mem_array((size_t)kind->classes + 1, sizeof(char *));
    int count = 0;
    for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest))
        if (count++ < kind->classes)
            name[count - 1] = line;
    for (int c = 0; count == kind->classes && c < count; c++) {
        mem_free(dataset->class_name[c]);
        dataset->class_name[c] = mem_string(name[c]);
        dataset->numbered = false;
    }
    mem_free(name);
    mem_free(text);
    file_bytes_finish(&bytes);
}

bool layout_cifar_fill(struct dataset *dataset, const struct layout_site *site, struct error *error)
{
    const struct kind *kind;
    struct tree_node *folder = find_folder(site, &kind);
    if (!folder)
        return error_set(error, ERROR_DATA, "%s: no binary batches of CIFAR in it (data_batch_1.bin, or train.bin)",
                         dataset->path);
    if (!take_batches(dataset, site, kind, folder, DATASET_TRAIN, error) ||
        !take_batches(dataset, site, kind, folder, DATASET_TEST, error))
        return false;
    name_classes(dataset, site, kind, folder);
    dataset->layout = mem_string(kind->words);
    return true;
}
