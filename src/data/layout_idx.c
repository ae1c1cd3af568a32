/* MNIST's IDX files: which of the files in a folder hold images, where their labels are, and items that point into the
 * unpacked pixels. A row of layout.c; one file is read by idx.c. */
#include "config.h"

#include <string.h>

#include "idx.h"
#include "layout.h"
#include "pixels.h"
#include "scan.h"
#include "thaw/base/mem.h"

/* --- files --- */

/* By the name alone: "train-images-idx3-ubyte", "emnist-letters-test-images-idx3-ubyte.gz". */
static bool names_images(const char *name)
{
    return strstr(name, "images") && strstr(name, "idx3");
}

static enum dataset_split split_of(const char *name)
{
    return strstr(name, "t10k") || strstr(name, "test") ? DATASET_TEST
           : strstr(name, "val")                        ? DATASET_VAL
                                                        : DATASET_TRAIN;
}

/* The same file plain and compressed is one; two different ones are the user's to choose from. */
static bool take_images(const struct layout_site *site, struct tree_node *images[DATASET_PARTS], struct tree_node *file,
                        struct error *error)
{
    struct tree_node **slot = &images[split_of(file->name)];
    if (*slot) {
        size_t plain = strlen((*slot)->name);
        if (strncmp(file->name, (*slot)->name, plain) == 0 && strcmp(file->name + plain, ".gz") == 0)
            return true;
        char *path = tree_path(site->tree, file);
        error_set(error, ERROR_DATA, "%s: this folder has several sets of images, such as %s; open one of the files",
                  path, (*slot)->name);
        mem_free(path);
        return false;
    }
    *slot = file;
    return true;
}

/* How many files of images a folder holds; they go to `images`, by part. -1: too many. */
static int find_in_folder(const struct layout_site *site, struct tree_node *folder,
                          struct tree_node *images[DATASET_PARTS], struct error *error)
{
    int found = 0;
    tree_look(site->tree, folder);
    for (size_t i = 0; i < folder->children; i++) {
        struct tree_node *file = &folder->child[i];
        if (file->kind != TREE_FILE || !names_images(file->name))
            continue;
        if (!take_images(site, images, file, error))
            return -1;
        found++;
    }
    return found;
}

static bool begins_as_idx(const struct layout_site *site, const struct tree_node *file)
{
    struct error unused;
    struct file_bytes start = {0};
    bool begins = tree_read(site->tree, file, IDX_PROBE, &start, &unused) && idx_probe(start.data, start.size);
    file_bytes_finish(&start);
    return begins;
}

/* The files of images that a site stands for, by part, NULL where there is none: the file itself, or what a folder (or the
 * folder "raw" in it, as torchvision leaves it) holds. */
static bool find_images(const struct layout_site *site, struct tree_node *images[DATASET_PARTS], struct error *error)
{
    struct tree_node *at = site->at;
    memset(images, 0, DATASET_PARTS * sizeof *images);
    if (at->kind == TREE_FILE) {
        images[split_of(at->name)] = begins_as_idx(site, at) ? at : NULL;
        return true;
    }
    int found = find_in_folder(site, at, images, error);
    struct tree_node *raw = found == 0 ? tree_child(site->tree, at, "raw") : NULL;
    return found >= 0 && (!raw || find_in_folder(site, raw, images, error) >= 0);
}

bool layout_idx_fits(const struct layout_site *site)
{
    struct tree_node *images[DATASET_PARTS];
    struct error unused;
    bool any = !find_images(site, images, &unused);
    for (int s = 0; s < DATASET_PARTS; s++)
        any = any || images[s];
    return any;
}

/* Where the labels of a file of images should be: the name with "images" and "idx3" changed; caller frees. */
static char *labels_name(const char *images)
{
    static const char *const changes[][2] = {{"images", "labels"}, {"idx3", "idx1"}};
    char *name = mem_string(images);
    for (size_t i = 0; i < THAW_LENGTH(changes); i++) {
        char *at = strstr(name, changes[i][0]);
        if (at)
            memcpy(at, changes[i][1], strlen(changes[i][1])); /* as long as what it replaces */
    }
    return name;
}

/* The labels beside the images, compressed or not. path: of the images. */
static struct tree_node *find_labels(const struct layout_site *site, struct tree_node *images, const char *path,
                                     struct error *error)
{
    char *name = labels_name(images->name);
    struct tree_node *found = NULL;
    if (strcmp(name, images->name) == 0) {
        error_set(error, ERROR_DATA,
                  "%s: its labels are looked for beside it by name, but \"images\" is not in its name", path);
        mem_free(name);
        return NULL;
    }
    bool packed = path_has_ending(name, ".gz");
    char *other = packed ? mem_format("%.*s", (int)(strlen(name) - 3), name) : mem_format("%s.gz", name);
    found = tree_child(site->tree, images->parent, name);
    if (!found)
        found = tree_child(site->tree, images->parent, other);
    if (!found)
        error_set(error, ERROR_DATA, "%s: its labels, %s, are not beside it", path, name);
    mem_free(other);
    mem_free(name);
    return found;
}

/* --- pixels --- */

static bool open_idx(const struct layout_site *site, const struct tree_node *file, struct idx *idx, const char *path,
                     struct error *error)
{
    struct file_bytes bytes = {0};
    *idx = (struct idx){0};
    bool done = tree_read(site->tree, file, IDX_BYTES_MAX + IDX_HEADER_MAX + 1, &bytes, error);
    if (done)
        done = idx_take(idx, &bytes, error) || error_wrap(error, "%s", path);
    else
        error->kind = ERROR_DATA;
    file_bytes_finish(&bytes);
    return done;
}

static bool take_pixels(struct dataset *dataset, struct idx *idx, const char *path,
                        const struct dataset_pixels **pixels, struct error *error)
{
    if (idx->rank != 3)
        return error_set(error, ERROR_DATA, "%s: an IDX file with %d dimensions; images have three", path, idx->rank);
    struct dataset_pixels own = {.first = idx->values,
                                 .images = idx->dim[0],
                                 .stride = idx->dim[1] * idx->dim[2],
                                 .height = idx->dim[1],
                                 .width = idx->dim[2],
                                 .channels = 1,
                                 .stamp = idx->stamp};
    if (!dataset_pixels_check(&own, path, error))
        return false;
    own.bytes = idx->bytes; /* what the values lie in goes over */
    own.block = idx->block;
    *idx = (struct idx){0};
    *pixels = dataset_pixels_add(dataset, &own);
    return true;
}

static bool fill_part(struct dataset *dataset, const struct layout_site *site, struct tree_node *file,
                      enum dataset_split split, struct error *error)
{
    struct idx images, labels = {0};
    const struct dataset_pixels *pixels = NULL;
    char *path = tree_path(site->tree, file), *labels_path = NULL;
    struct tree_node *beside = NULL;
    bool done = open_idx(site, file, &images, path, error) && take_pixels(dataset, &images, path, &pixels, error) &&
                (beside = find_labels(site, file, path, error)) != NULL;
    if (done) {
        labels_path = tree_path(site->tree, beside);
        done = open_idx(site, beside, &labels, labels_path, error);
    }
    if (done && (labels.rank != 1 || labels.dim[0] != pixels->images))
        done = error_set(error, ERROR_DATA, "%s: %zu labels in %d dimensions for the %zu images of %s", labels_path,
                         labels.dim[0], labels.rank, pixels->images, file->name);
    int *label = mem_array(done ? pixels->images : 1, sizeof *label);
    for (size_t i = 0; done && i < pixels->images; i++)
        label[i] = labels.values[i];
    if (done)
        dataset_pixels_items(dataset, split, pixels, label, path);
    mem_free(label);
    idx_close(&images);
    idx_close(&labels);
    mem_free(labels_path);
    mem_free(path);
    return done;
}

/* The ten digits, or as many classes as there are labels: EMNIST has up to 62. A label far from all others is damage. */
static bool name_classes(struct dataset *dataset, struct error *error)
{
    enum { DIGITS = 10 };
    const struct dataset_item *some[256] = {NULL};
    int highest = DIGITS - 1;
    for (int s = 0; s < DATASET_PARTS; s++)
        for (size_t i = 0; i < dataset->images[s].items; i++) {
            int label = dataset->images[s].item[i].label;
            some[label] = &dataset->images[s].item[i];
            highest = label > highest ? label : highest;
        }
    for (int l = 1; l < highest && highest >= DIGITS; l++)
        if (!some[l])
            return error_set(error, ERROR_DATA, "%s: the label %d is out of range: nothing is labelled %d",
                             some[highest]->path, highest, l);
    dataset_number_classes(dataset, highest + 1);
    return true;
}

bool layout_idx_fill(struct dataset *dataset, const struct layout_site *site, struct error *error)
{
    struct tree_node *images[DATASET_PARTS];
    if (!find_images(site, images, error))
        return false;
    for (enum dataset_split s = 0; s < DATASET_PARTS; s++)
        if (images[s] && !fill_part(dataset, site, images[s], s, error))
            return false;
    dataset->layout = mem_string("IDX files, as MNIST's");
    return name_classes(dataset, error);
}
