/* Datasets in IDX files: which of the files in a folder hold images, where their labels are, and items that point into
 * the unpacked pixels. Called by dataset.c; one file is read by idx.c. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "idx.h"
#include "scan.h"
#include "thaw/base/mem.h"

struct dataset_pixels {
    struct idx idx; /* images, rows, columns: grey */
};

/* --- files --- */

/* By the name alone: "train-images-idx3-ubyte", "emnist-letters-test-images-idx3-ubyte.gz". */
static bool names_images(const char *name)
{
    return strstr(name, "images") && strstr(name, "idx3");
}

static enum dataset_split split_of(const char *path)
{
    const char *name = path_base(path);
    return strstr(name, "t10k") || strstr(name, "test") || strstr(name, "val") ? DATASET_VAL : DATASET_TRAIN;
}

/* The same file plain and compressed is one; two different ones are the user's to choose from. */
static bool take_images(char *images[DATASET_SPLITS], char *path, struct error *error)
{
    char **slot = &images[split_of(path)];
    if (*slot) {
        size_t plain = strlen(*slot);
        bool same = strncmp(path, *slot, plain) == 0 && strcmp(path + plain, ".gz") == 0;
        if (!same)
            error_set(error, ERROR_DATA,
                      "%s: this folder has several sets of images, such as %s; open one of the files", path,
                      path_base(*slot));
        mem_free(path);
        return same;
    }
    *slot = path;
    return true;
}

static bool find_in_folder(const char *folder, char *images[DATASET_SPLITS], struct error *error)
{
    struct file_list list;
    if (!file_list_read(&list, folder, error)) {
        error->kind = ERROR_DATA;
        return false;
    }
    bool done = true;
    for (size_t i = 0; i < list.count && done; i++) {
        char *path = path_join(folder, list.name[i]);
        if (names_images(list.name[i]) && !file_is_directory(path))
            done = take_images(images, path, error);
        else
            mem_free(path);
    }
    file_list_free(&list);
    return done;
}

bool idx_find_images(const char *path, char *images[DATASET_SPLITS], struct error *error)
{
    images[DATASET_TRAIN] = images[DATASET_VAL] = NULL;
    if (!file_is_directory(path)) {
        if (idx_probe(path))
            images[split_of(path)] = mem_string(path);
        return true;
    }
    if (!find_in_folder(path, images, error))
        return false;
    if (images[DATASET_TRAIN] || images[DATASET_VAL])
        return true;
    char *raw = path_join(path, "raw");
    bool done = !file_is_directory(raw) || find_in_folder(raw, images, error);
    mem_free(raw);
    return done;
}

/* Where the labels of a file of images should be: the name with "images" and "idx3" changed; caller frees. */
static char *labels_name(const char *images)
{
    static const char *const changes[][2] = {{"images", "labels"}, {"idx3", "idx1"}};
    char *path = mem_string(images), *name = path + (path_base(images) - images);
    for (size_t i = 0; i < THAW_LENGTH(changes); i++) {
        char *at = strstr(name, changes[i][0]);
        if (at)
            memcpy(at, changes[i][1], strlen(changes[i][1])); /* as long as what it replaces */
    }
    return path;
}

/* The labels beside the images, compressed or not; caller frees. */
static char *find_labels(const char *images, struct error *error)
{
    char *path = labels_name(images);
    if (strcmp(path, images) == 0) {
        error_set(error, ERROR_DATA,
                  "%s: its labels are looked for beside it by name, but \"images\" is not in its name", images);
        mem_free(path);
        return NULL;
    }
    if (file_exists(path))
        return path;
    bool packed = path_has_ending(path, ".gz");
    char *other = packed ? mem_format("%.*s", (int)(strlen(path) - 3), path) : mem_format("%s.gz", path);
    if (!file_exists(other)) {
        error_set(error, ERROR_DATA, "%s: its labels, %s, are not beside it", images, path_base(path));
        mem_free(other);
        other = NULL;
    }
    mem_free(path);
    return other;
}

/* --- pixels --- */

void dataset_pixels_destroy(struct dataset_pixels *pixels)
{
    if (!pixels)
        return;
    idx_close(&pixels->idx);
    mem_free(pixels);
}

static const uint8_t *grey_of(const struct dataset_item *item, size_t *count)
{
    const size_t *dim = item->pixels->idx.dim;
    *count = dim[1] * dim[2];
    return item->pixels->idx.values + item->number * *count;
}

void dataset_pixels_stored(const struct dataset_item *item, struct hash *hash)
{
    size_t count;
    const uint8_t *grey = grey_of(item, &count);
    *hash = hash_bytes(grey, count, (struct hash){0, 0});
}

void dataset_pixels_load(const struct dataset_item *item, struct image *image)
{
    const size_t *dim = item->pixels->idx.dim;
    size_t count;
    const uint8_t *grey = grey_of(item, &count);
    if (!image_create(image, (int)dim[2], (int)dim[1]))
        return;
    for (size_t i = 0; i < count; i++)
        memset(image->rgb + 3 * i, grey[i], 3);
}

static bool check_images(const struct idx *idx, const char *path, struct error *error)
{
    if (idx->rank != 3)
        return error_set(error, ERROR_DATA, "%s: an IDX file with %d dimensions; images have three", path, idx->rank);
    if (idx->dim[1] > IMAGE_SIDE_MAX || idx->dim[2] > IMAGE_SIDE_MAX || idx->dim[1] * idx->dim[2] > IMAGE_PIXELS_MAX)
        return error_set(error, ERROR_DATA, "%s: images of %zu x %zu pixels are larger than is read", path, idx->dim[2],
                         idx->dim[1]);
    return true;
}

/* Items in the order of their labels; within one, of the file. */
static void add_items(struct dataset_images *images, const struct dataset_pixels *pixels, const uint8_t *label,
                      const char *path)
{
    size_t count = pixels->idx.dim[0], start[257] = {0};
    for (size_t i = 0; i < count; i++)
        start[label[i] + 1]++;
    for (int l = 0; l < 256; l++)
        start[l + 1] += start[l];
    images->item = mem_array(count, sizeof *images->item);
    images->items = count;
    for (size_t i = 0; i < count; i++)
        images->item[start[label[i]]++] = (struct dataset_item){
            .path = mem_format("%s#%zu", path, i),
            .label = label[i],
            .pixels = pixels,
            .number = i,
            .stamp = pixels->idx.stamp,
        };
}

static bool fill_split(struct dataset *dataset, enum dataset_split split, const char *path, struct error *error)
{
    struct dataset_pixels *pixels = dataset->pixels[split] = mem_alloc(sizeof *pixels);
    struct idx labels = {0};
    char *labels_path = idx_open(&pixels->idx, path, error) && check_images(&pixels->idx, path, error)
                            ? find_labels(path, error)
                            : NULL;
    bool done = labels_path && idx_open(&labels, labels_path, error);
    if (done && (labels.rank != 1 || labels.dim[0] != pixels->idx.dim[0]))
        done = error_set(error, ERROR_DATA, "%s: %zu labels in %d dimensions for the %zu images of %s", labels_path,
                         labels.dim[0], labels.rank, pixels->idx.dim[0], path_base(path));
    if (done)
        add_items(&dataset->images[split], pixels, labels.values, path);
    idx_close(&labels);
    mem_free(labels_path);
    return done;
}

/* The ten digits, or as many classes as there are labels: EMNIST has up to 62. A label far from all others is damage. */
static bool name_classes(struct dataset *dataset, struct error *error)
{
    enum { DIGITS = 10 };
    const struct dataset_item *some[256] = {NULL};
    int highest = DIGITS - 1;
    for (int s = 0; s < DATASET_SPLITS; s++)
        for (size_t i = 0; i < dataset->images[s].items; i++) {
            int label = dataset->images[s].item[i].label;
            some[label] = &dataset->images[s].item[i];
            highest = label > highest ? label : highest;
        }
    for (int l = 1; l < highest && highest >= DIGITS; l++)
        if (!some[l])
            return error_set(error, ERROR_DATA, "%s: the label %d is out of range: nothing is labelled %d",
                             some[highest]->path, highest, l);
    dataset->classes = highest + 1;
    dataset->class_name = mem_array((size_t)dataset->classes, sizeof(char *));
    for (int l = 0; l <= highest; l++)
        dataset->class_name[l] = mem_format("%d", l);
    return true;
}

bool idx_fill(struct dataset *dataset, char *const images[DATASET_SPLITS], struct error *error)
{
    for (enum dataset_split s = 0; s < DATASET_SPLITS; s++)
        if (images[s] && !fill_split(dataset, s, images[s], error))
            return false;
    return name_classes(dataset, error);
}
