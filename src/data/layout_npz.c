/* NumPy's arrays of images and labels: an .npz archive, or .npy files beside each other. Which array is what is told by its
 * name (x_train, train_labels, the file's where the array has none), else by its shape. A row of layout.c; one array is read
 * by npy.c. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "npy.h"
#include "parts.h"
#include "pixels.h"
#include "scan.h"
#include "thaw/base/mem.h"
#include "thaw/base/text.h"
#include "thaw/base/zip.h"

enum { ARRAYS_MAX = 32, CLASSES_MAX = 1 << 16 };
#define BYTES_MAX ((uint64_t)16 << 30)

enum role { ROLE_NONE, ROLE_IMAGES, ROLE_LABELS };

struct array {
    char *name; /* "train-imgs.npz: arr_0"; owned */
    struct npy npy;
    void *block; /* what its values lie in; owned */
    struct file_stamp stamp;
    enum role role;
    enum dataset_split split;
};

struct arrays {
    struct array array[ARRAYS_MAX];
    size_t count;
};

static void finish_arrays(struct arrays *arrays)
{
    for (size_t i = 0; i < arrays->count; i++) {
        mem_free(arrays->array[i].name);
        mem_free(arrays->array[i].block);
    }
    arrays->count = 0;
}

/* --- what an array is --- */

static enum role role_of_word(const char *word)
{
    static const struct {
        const char *word;
        enum role role;
    } words[] = {
        {"x", ROLE_IMAGES},       {"image", ROLE_IMAGES},  {"images", ROLE_IMAGES},  {"img", ROLE_IMAGES},
        {"imgs", ROLE_IMAGES},    {"data", ROLE_IMAGES},   {"y", ROLE_LABELS},       {"label", ROLE_LABELS},
        {"labels", ROLE_LABELS},  {"target", ROLE_LABELS}, {"targets", ROLE_LABELS}, {"class", ROLE_LABELS},
        {"classes", ROLE_LABELS},
    };
    for (size_t i = 0; i < THAW_LENGTH(words); i++)
        if (strcmp(words[i].word, word) == 0)
            return words[i].role;
    return ROLE_NONE;
}

/* By the words of its name, and of its file's. */
static void name_role(struct array *array)
{
    char *copy = mem_string(path_base(array->name)), *rest = NULL; /* the folders say nothing */
    array->role = ROLE_NONE;
    array->split = DATASET_PARTS;
    for (char *word = strtok_r(copy, "_-. :", &rest); word; word = strtok_r(NULL, "_-. :", &rest)) {
        char *folded = text_fold(word, TEXT_FOLD_LOOSE);
        enum dataset_split split = part_named(word);
        enum role role = role_of_word(folded);
        array->role = role ? role : array->role;
        array->split = split < DATASET_PARTS ? split : array->split;
        mem_free(folded);
    }
    if (array->split == DATASET_PARTS)
        array->split = DATASET_TRAIN;
    mem_free(copy);
}

/* Two arrays without names that say anything. */
static void guess_roles(struct arrays *arrays)
{
    if (arrays->count != 2 || arrays->array[0].role || arrays->array[1].role)
        return;
    for (size_t i = 0; i < 2; i++)
        arrays->array[i].role = arrays->array[i].npy.rank >= 3 ? ROLE_IMAGES : ROLE_LABELS;
}

static struct array *find_array(struct arrays *arrays, enum role role, enum dataset_split split)
{
    for (size_t i = 0; i < arrays->count; i++)
        if (arrays->array[i].role == role && arrays->array[i].split == split)
            return &arrays->array[i];
    return NULL;
}

/* --- reading --- */

/* Takes name and block. */
static bool add_array(struct arrays *arrays, char *name, void *block, size_t size, const struct file_stamp *stamp,
                      struct error *error)
{
    struct array *array = &arrays->array[arrays->count++];
    *array = (struct array){.name = name, .block = block, .stamp = *stamp};
    if (!npy_read(&array->npy, block, size, error))
        return error_wrap(error, "%s", name);
    name_role(array);
    if (array->role && find_array(arrays, array->role, array->split) != array)
        return error_set(error, ERROR_DATA, "%s: another array is the %s of the %s part, too; open one of the files",
                         name, array->role == ROLE_IMAGES ? "images" : "labels", part_word(array->split));
    return true;
}

/* One entry of an archive, unpacked; a claim alone takes no memory beyond what its bytes can unpack to. */
static bool take_entry(struct arrays *arrays, const struct zip *zip, const struct zip_entry *entry, const char *path,
                       const struct file_stamp *stamp, struct error *error)
{
    enum { RATIO = 1032, BESIDE = 1 << 16 };
    char *name = mem_format("%s: %.*s", path, (int)(entry->name_size < 200 ? entry->name_size : 200), entry->name);
    uint64_t can = entry->packed > BYTES_MAX / RATIO ? BYTES_MAX : entry->packed * RATIO + BESIDE;
    size_t budget = (size_t)(can < BYTES_MAX ? can : BYTES_MAX);
    void *block = NULL;
    const uint8_t *bytes = zip_bytes(zip, entry, &budget, &block, error);
    if (bytes && !block) { /* stored: it lies in the file */
        block = entry->size <= BYTES_MAX ? mem_try((size_t)entry->size + 1) : NULL;
        if (block)
            memcpy(block, bytes, (size_t)entry->size);
        else
            error_set(error, ERROR_DATA, "%llu bytes of memory are not to be had", (unsigned long long)entry->size);
    }
    if (bytes && block)
        return add_array(arrays, name, block, (size_t)entry->size, stamp, error);
    error->kind = ERROR_DATA;
    error_wrap(error, "%s", path);
    mem_free(block);
    mem_free(name);
    return false;
}

static bool is_npy(const struct zip_entry *entry)
{
    return entry->name_size > 4 && memcmp(entry->name + entry->name_size - 4, ".npy", 4) == 0;
}

static bool read_archive(struct arrays *arrays, const struct file_map *map, const char *path, struct error *error)
{
    struct zip zip;
    struct zip_entry entry;
    struct error end = {0};
    if (!zip_open(&zip, map, error)) {
        error->kind = ERROR_DATA;
        return error_wrap(error, "%s", path);
    }
    struct zip_walk walk = zip_walk(&zip);
    while (zip_next(&walk, &entry, &end)) {
        if (!is_npy(&entry))
            continue;
        if (arrays->count == ARRAYS_MAX)
            return error_set(error, ERROR_DATA, "%s: more than %d arrays", path, ARRAYS_MAX);
        if (!take_entry(arrays, &zip, &entry, path, &map->stamp, error))
            return false;
    }
    if (end.kind != ERROR_NONE)
        return error_set(error, ERROR_DATA, "%s: %s", path, end.text);
    return file_map_holds(map) || error_set(error, ERROR_DATA, "%s: it was cut while it was read", path);
}

/* The bytes of a file on disk are mapped, of one in an archive read. */
static bool map_file(const struct layout_site *site, const struct tree_node *file, const char *path,
                     struct file_map *map, struct file_bytes *bytes, struct error *error)
{
    if (tree_on_disk(site->tree))
        return file_map_open(map, path, error);
    if (!tree_read(site->tree, file, (size_t)BYTES_MAX, bytes, error))
        return false;
    *map = (struct file_map){.data = bytes->data, .size = bytes->size, .stamp = bytes->stamp};
    return true;
}

static bool read_file(struct arrays *arrays, const struct layout_site *site, const struct tree_node *file,
                      struct error *error)
{
    struct file_map map = {0};
    struct file_bytes bytes = {0};
    char *path = tree_path(site->tree, file);
    bool done = map_file(site, file, path, &map, &bytes, error);
    bool array = done && map.size > 6 && memcmp(map.data, "\x93NUMPY", 6) == 0;
    if (!done) {
        error->kind = ERROR_DATA;
    } else if (array) {
        void *block = mem_try(map.size);
        done = block || error_set(error, ERROR_DATA, "%s: %zu bytes of memory are not to be had", path, map.size);
        if (done)
            memcpy(block, map.data, map.size);
        done = done && add_array(arrays, mem_string(path), block, map.size, &map.stamp, error);
    } else {
        done = read_archive(arrays, &map, path, error);
    }
    if (map.file > 0)
        file_map_close(&map);
    file_bytes_finish(&bytes);
    mem_free(path);
    return done;
}

/* --- which files --- */

static bool is_array_file(const struct tree_node *node)
{
    return node->kind == TREE_FILE && (path_has_ending(node->name, ".npz") || path_has_ending(node->name, ".npy"));
}

/* The folder whose files they are, or NULL: one is opened alone. */
static struct tree_node *find_folder(const struct layout_site *site)
{
    enum { WRAPPERS_MAX = 4 };
    struct tree_node *folder = site->at;
    for (int i = 0; i < WRAPPERS_MAX && folder && folder->kind == TREE_FOLDER; i++) {
        tree_look(site->tree, folder);
        for (size_t c = 0; c < folder->children; c++)
            if (is_array_file(&folder->child[c]))
                return folder;
        folder = folder->children == 1 ? &folder->child[0] : NULL;
    }
    return NULL;
}

/* What a file begins as. */
static bool begins_as_array(const struct layout_site *site)
{
    struct error unused;
    struct file_bytes start = {0};
    bool is = tree_read(site->tree, site->at, 8, &start, &unused) && start.size == 8 &&
              (memcmp(start.data, "\x93NUMPY", 6) == 0 ||
               (memcmp(start.data, "PK\3\4", 4) == 0 && path_has_ending(site->at->name, ".npz")));
    file_bytes_finish(&start);
    return is;
}

/* Beside images or folders arrays are something else: features, or masks. */
bool layout_npz_fits(const struct layout_site *site)
{
    struct tree_node *folder = site->at->kind == TREE_FILE ? NULL : find_folder(site);
    struct tree_counts counts = folder ? tree_count(site->tree, folder) : (struct tree_counts){0};
    return folder ? counts.folders == 0 && counts.images == 0 : begins_as_array(site);
}

/* Labels lie beside the images where these are alone in their file. */
static bool read_files(struct arrays *arrays, const struct layout_site *site, struct error *error)
{
    struct tree_node *folder = site->at->kind == TREE_FILE ? NULL : find_folder(site);
    if (site->at->kind == TREE_FILE)
        return read_file(arrays, site, site->at, error);
    for (size_t i = 0; folder && i < folder->children; i++)
        if (is_array_file(&folder->child[i]) && !read_file(arrays, site, &folder->child[i], error))
            return false;
    return folder || error_set(error, ERROR_DATA, "%s: no .npz or .npy files in it", site->request->path);
}

/* --- filling --- */

/* (n, h, w), (n, h, w, c) or (n, c, h, w) of bytes. */
static bool image_shape(const struct array *array, struct dataset_pixels *pixels, struct error *error)
{
    const struct npy *npy = &array->npy;
    const size_t *dim = npy->dim;
    bool last = npy->rank == 4 && (dim[3] == 1 || dim[3] == 3 || dim[3] == 4);
    bool first = npy->rank == 4 && !last && (dim[1] == 1 || dim[1] == 3);
    if (npy->kind != 'u' || npy->bytes != 1)
        return error_set(error, ERROR_DATA, "%s: its images are not of bytes (uint8) but of the type %c%d", array->name,
                         npy->kind, npy->bytes);
    if (npy->rank != 3 && !last && !first)
        return error_set(
            error, ERROR_DATA,
            "%s: %d dimensions that are no images' (count, height, width), with 1, 3 or 4 channels behind or "
            "before them",
            array->name, npy->rank);
    pixels->planar = first;
    pixels->height = first ? dim[2] : dim[1];
    pixels->width = first ? dim[3] : dim[2];
    pixels->channels = last ? dim[3] : first ? dim[1] : 1;
    pixels->images = dim[0];
    pixels->stride = npy->count / dim[0];
    pixels->first = npy->values;
    pixels->stamp = array->stamp;
    return dataset_pixels_check(pixels, array->name, error);
}

static bool read_labels(const struct array *labels, const struct array *images, size_t count, int *label, long *highest,
                        struct error *error)
{
    const struct npy *npy = &labels->npy;
    if (npy->rank < 1 || npy->dim[0] != count || npy->count != count)
        return error_set(error, ERROR_DATA,
                         "%s: %zu labels in %d dimensions for the %zu images of %s; one each is wanted", labels->name,
                         npy->count, npy->rank, count, images->name);
    for (size_t i = 0; i < count; i++) {
        long number;
        if (!npy_whole(npy, i, CLASSES_MAX, &number))
            return error_set(error, ERROR_DATA, "%s: label %zu is no class's number from 0 to %d", labels->name, i,
                             CLASSES_MAX);
        label[i] = (int)number;
        *highest = number > *highest ? number : *highest;
    }
    return true;
}

static bool fill_part(struct dataset *dataset, struct arrays *arrays, enum dataset_split split, long *highest,
                      struct error *error)
{
    struct array *images = find_array(arrays, ROLE_IMAGES, split), *labels = find_array(arrays, ROLE_LABELS, split);
    struct dataset_pixels pixels = {0};
    if (!images)
        return true;
    if (!labels)
        return error_set(error, ERROR_DATA, "%s: no array of labels for it (y_train, train_labels ...)", images->name);
    if (!image_shape(images, &pixels, error))
        return false;
    int *label = mem_array(pixels.images, sizeof *label);
    bool done = read_labels(labels, images, pixels.images, label, highest, error);
    if (done) {
        pixels.block = images->block; /* the dataset's from here on */
        images->block = NULL;
        dataset_pixels_items(dataset, split, dataset_pixels_add(dataset, &pixels), label, images->name);
    }
    mem_free(label);
    return done;
}

bool layout_npz_fill(struct dataset *dataset, const struct layout_site *site, struct error *error)
{
    struct arrays arrays = {.count = 0};
    long highest = -1;
    bool done = read_files(&arrays, site, error);
    if (done)
        guess_roles(&arrays);
    for (enum dataset_split s = 0; done && s < DATASET_PARTS; s++)
        done = fill_part(dataset, &arrays, s, &highest, error);
    if (done && highest < 0)
        done = error_set(error, ERROR_DATA, "%s: none of its %zu arrays is of images (x_train, images ...)",
                         dataset->path, arrays.count);
    if (done) {
        dataset_number_classes(dataset, (int)highest + 1);
        dataset->layout = mem_string("NumPy's arrays of images and labels");
    }
    finish_arrays(&arrays);
    return done;
}
