/* Datasets: where the training and validation folders are, which classes there are, and what is left when files that
 * are no images have been set aside. The walking is in dataset_scan.c, IDX files are in dataset_idx.c, the split in
 * split.c. Called by the session, the trainer and the verbs. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decode.h"
#include "scan.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/nearest.h"

/* Names of a validation folder beside "train", the first that exists. */
static const char *const val_names[] = {"val", "valid", "validation", "test"};

static char *find_folder(const char *directory, const char *name)
{
    char *folder = path_join(directory, name);
    if (file_is_directory(folder))
        return folder;
    mem_free(folder);
    return NULL;
}

/* What the caller's `val` means. */
struct choice {
    char *path; /* of a folder, or of a file of images; owned, or NULL */
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
    if (file_exists(expanded) || file_exists(inner))
        choice->path = mem_string(file_exists(expanded) ? expanded : inner);
    mem_free(expanded);
    mem_free(inner);
    return choice->path ||
           error_set(error, ERROR_DATA, "%s: there is no such validation folder, neither here nor in %s", val, path);
}

static bool enough(const struct dataset *dataset, struct error *error)
{
    if (dataset->classes == 0)
        return error_set(error, ERROR_DATA, "%s: no class folders; images belong in %s/CLASS/ or %s/train/CLASS/",
                         dataset->path, dataset->path, dataset->path);
    if (dataset->classes == 1)
        return error_set(error, ERROR_DATA, "%s: only one class (%s), two are needed to tell apart", dataset->path,
                         dataset->class_name[0]);
    if (dataset->images[DATASET_TRAIN].items + dataset->images[DATASET_VAL].items == 0 && dataset->bad_count == 0)
        return error_set(error, ERROR_DATA, "%s: the class folders are empty", dataset->path);
    if (dataset->images[DATASET_TRAIN].items + dataset->images[DATASET_VAL].items == 0)
        return error_set(error, ERROR_DATA, "%s: none of the %zu files is an image; the first, %s: %s", dataset->path,
                         dataset->bad_count, dataset->bad[0].path, dataset->bad[0].reason);
    return true;
}

static bool fill_from_folders(struct dataset *dataset, struct choice *choice, uint64_t seed, struct error *error)
{
    if (!file_is_directory(dataset->path))
        return error_set(error, ERROR_DATA,
                         "%s: not a folder; a dataset is a folder with one folder of images a class, or an IDX file",
                         dataset->path);
    if (choice->path && !file_is_directory(choice->path))
        return error_set(error, ERROR_DATA, "%s: not a folder of validation images", choice->path);
    char *train = find_folder(dataset->path, "train");
    for (size_t i = 0; train && !choice->path && i < THAW_LENGTH(val_names); i++)
        choice->path = find_folder(dataset->path, val_names[i]);
    const char *root = train ? train : dataset->path;
    bool done = scan_class_names(dataset, root, choice->path, error) &&
                (!choice->path || scan_class_names(dataset, choice->path, NULL, error));
    if (done && dataset->classes > 1) {
        scan_images(dataset, root, DATASET_TRAIN);
        if (choice->path)
            scan_images(dataset, choice->path, DATASET_VAL);
        else if (choice->share > 0)
            split_stratified(dataset, choice->share, seed);
        dataset->own_validation = choice->path != NULL;
    }
    mem_free(train);
    return done && enough(dataset, error);
}

/* Puts the file of validation images that the caller chose in its place. */
static bool choose_images(char *images[DATASET_SPLITS], const char *path, struct error *error)
{
    char *other[DATASET_SPLITS];
    bool done = idx_find_images(path, other, error);
    char **found = &other[other[DATASET_VAL] ? DATASET_VAL : DATASET_TRAIN];
    if (done && !*found)
        done = error_set(error, ERROR_DATA, "%s: no IDX files of images in it", path);
    if (done) {
        mem_free(images[DATASET_VAL]);
        images[DATASET_VAL] = *found;
        *found = NULL;
    }
    for (int s = 0; s < DATASET_SPLITS; s++)
        mem_free(other[s]);
    return done;
}

static bool fill_from_idx(struct dataset *dataset, char *images[DATASET_SPLITS], const struct choice *choice,
                          uint64_t seed, struct error *error)
{
    if (choice->path && !choose_images(images, choice->path, error))
        return false;
    bool both = images[DATASET_TRAIN] && images[DATASET_VAL];
    if (!idx_fill(dataset, images, error))
        return false;
    dataset->own_validation = images[DATASET_VAL] != NULL;
    if (both || choice->share <= 0)
        return true;
    if (dataset->own_validation) { /* the only pair there is: what is asked for is a part of it */
        dataset->images[DATASET_TRAIN] = dataset->images[DATASET_VAL];
        dataset->images[DATASET_VAL] = (struct dataset_images){0};
        dataset->own_validation = false;
    }
    split_stratified(dataset, choice->share, seed);
    return true;
}

static bool fill(struct dataset *dataset, struct choice *choice, uint64_t seed, struct error *error)
{
    char *images[DATASET_SPLITS];
    bool done = idx_find_images(dataset->path, images, error);
    if (done && (images[DATASET_TRAIN] || images[DATASET_VAL]))
        done = fill_from_idx(dataset, images, choice, seed, error);
    else if (done)
        done = fill_from_folders(dataset, choice, seed, error);
    for (int s = 0; s < DATASET_SPLITS; s++)
        mem_free(images[s]);
    return done;
}

struct dataset *dataset_open(const char *path, const char *val, uint64_t seed, struct error *error)
{
    struct dataset *dataset = mem_alloc(sizeof *dataset);
    struct choice choice = {0};
    dataset->path = path_expand(path);
    bool done = false;
    if (!file_exists(dataset->path))
        error_set(error, ERROR_DATA, "%s: no such folder", dataset->path);
    else
        done = choose(&choice, dataset->path, val, error) && fill(dataset, &choice, seed, error);
    mem_free(choice.path);
    if (done)
        return dataset;
    dataset_destroy(dataset);
    return NULL;
}

bool dataset_load(const struct dataset_item *item, struct image *image, struct hash *hash, struct error *error)
{
    *image = (struct image){0};
    if (item->pixels) {
        dataset_pixels_load(item, image, hash);
        return image->rgb || error_set(error, ERROR_FAILED, "%s: no memory for the image", item->path);
    }
    struct file_bytes bytes = {0};
    bool done = decode_read_file(&bytes, item->path, error);
    if (done && hash)
        *hash = hash_bytes(bytes.data, bytes.size, (struct hash){0, 0});
    if (done)
        done = image_decode(image, bytes.data, bytes.size, item->path, error);
    else
        error->kind = ERROR_DATA;
    file_bytes_finish(&bytes);
    return done;
}

bool dataset_stored(const struct dataset_item *item, size_t most, struct hash *hash)
{
    const struct hash none = {0, 0};
    struct error unused;
    struct file_stamp stamp;
    struct hash found;
    if (item->pixels) {
        dataset_pixels_stored(item, hash);
        return true;
    }
    int fd = file_open_stamped(item->path, 0, &stamp, &unused);
    if (fd < 0)
        return false;
    size_t half = most / 2;
    bool read = stamp.size <= most ? hash_descriptor(&found, fd, 0, stamp.size, none)
                                   : hash_descriptor(&found, fd, 0, half, none) &&
                                         hash_descriptor(&found, fd, stamp.size - half, half, found);
    close(fd);
    if (read)
        *hash = found;
    return read;
}

static void free_names(struct dataset *dataset)
{
    for (int i = 0; i < dataset->classes; i++)
        mem_free(dataset->class_name[i]);
    mem_free(dataset->class_name);
}

void dataset_destroy(struct dataset *dataset)
{
    if (!dataset)
        return;
    for (int s = 0; s < DATASET_SPLITS; s++) {
        for (size_t i = 0; i < dataset->images[s].items; i++)
            mem_free(dataset->images[s].item[i].path);
        mem_free(dataset->images[s].item);
        dataset_pixels_destroy(dataset->pixels[s]);
    }
    for (size_t i = 0; i < dataset->bad_count; i++)
        mem_free(dataset->bad[i].path);
    mem_free(dataset->bad);
    free_names(dataset);
    mem_free(dataset->path);
    mem_free(dataset);
}

size_t dataset_class_count(const struct dataset *dataset, enum dataset_split split, int label)
{
    size_t count = 0;
    for (size_t i = 0; i < dataset->images[split].items; i++)
        count += dataset->images[split].item[i].label == label;
    return count;
}

static int find_name(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

/* Items in the order of their new labels; within one, the order stays. */
static void relabel_images(struct dataset_images *images, const int *to, int count)
{
    struct dataset_item *sorted = mem_array(images->items + 1, sizeof *sorted);
    size_t filled = 0;
    for (int label = 0; label < count; label++)
        for (size_t i = 0; i < images->items; i++)
            if (to[images->item[i].label] == label) {
                sorted[filled] = images->item[i];
                sorted[filled++].label = label;
            }
    mem_free(images->item);
    images->item = sorted;
}

/* The first names of a list, and which of all is nearest to the one that is not there. */
static bool refuse_class(const struct dataset *dataset, const char *own, const char *const *names, int count,
                         struct error *error)
{
    enum { SHOWN = 10, ROOM = 400 };
    char list[ROOM] = "";
    struct nearest nearest = {.wanted = own};
    for (int i = 0; i < count; i++) {
        size_t used = strlen(list);
        nearest_offer(&nearest, names[i]);
        if (i < SHOWN)
            snprintf(list + used, sizeof list - used, "%s%.32s", i ? ", " : "", names[i]);
    }
    error_set(error, ERROR_DATA, "%s: the class %s is not among the model's %d classes: %s%s", dataset->path, own,
              count, list, count > SHOWN ? ", ..." : "");
    if (count > SHOWN)
        nearest_tell(&nearest, 1, NULL, error->text, sizeof error->text);
    return false;
}

bool dataset_relabel(struct dataset *dataset, const char *const *names, int count, struct error *error)
{
    int *to = mem_array((size_t)dataset->classes, sizeof *to);
    bool done = true;
    for (int i = 0; i < dataset->classes && done; i++) {
        to[i] = find_name(names, count, dataset->class_name[i]);
        if (to[i] < 0 && dataset_class_count(dataset, DATASET_TRAIN, i) + dataset_class_count(dataset, DATASET_VAL, i))
            done = refuse_class(dataset, dataset->class_name[i], names, count, error);
    }
    if (done) {
        for (int s = 0; s < DATASET_SPLITS; s++)
            relabel_images(&dataset->images[s], to, count);
        free_names(dataset);
        dataset->classes = count;
        dataset->class_name = mem_array((size_t)count, sizeof(char *));
        for (int i = 0; i < count; i++)
            dataset->class_name[i] = mem_string(names[i]);
    }
    mem_free(to);
    return done;
}
