/* Datasets once they are open: reading their images, their classes and labels. Opening is in dataset_open.c, the ways in
 * which images lie are in layout.c, the split in split.c. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive.h"
#include "decode.h"
#include "layout.h"
#include "pixels.h"
#include "scan.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/nearest.h"

bool dataset_item_read(const struct dataset_item *item, struct file_bytes *bytes, struct error *error)
{
    size_t most = (size_t)IMAGE_FILE_MAX + 1; /* whoever decodes says that it is too much */
    return item->archive ? archive_read(item->archive, item->number, item->path, most, bytes, error)
                         : file_read(bytes, item->path, most, error);
}

uint64_t dataset_item_size(const struct dataset_item *item)
{
    return item->pixels ? 0 : item->archive ? archive_size(item->archive, item->number) : item->stamp.size;
}

struct dataset_item dataset_item_copy(const struct dataset_item *item)
{
    struct dataset_item copy = *item;
    copy.path = mem_string(item->path);
    copy.archive = item->archive ? archive_keep(item->archive) : NULL;
    return copy;
}

void dataset_item_finish(struct dataset_item *item)
{
    mem_free(item->path);
    archive_close(item->archive);
    *item = (struct dataset_item){0};
}

bool dataset_load(const struct dataset_item *item, struct image *image, struct error *error)
{
    *image = (struct image){0};
    if (item->pixels) {
        dataset_pixels_load(item, image);
        return image->rgb || error_set(error, ERROR_FAILED, "%s: no memory for the image", item->path);
    }
    struct file_bytes bytes = {0};
    bool done = dataset_item_read(item, &bytes, error);
    if (done)
        done = image_decode(image, bytes.data, bytes.size, item->path, error);
    else
        error->kind = ERROR_DATA;
    file_bytes_finish(&bytes);
    return done;
}

/* The digest of bytes that are at hand, as that of a file on disk is taken. */
static bool archived_stored(const struct dataset_item *item, size_t most, struct hash *hash)
{
    const struct hash none = {0, 0};
    struct file_bytes bytes = {0};
    struct error unused;
    size_t half = most / 2;
    bool read = archive_read(item->archive, item->number, item->path, SIZE_MAX, &bytes, &unused);
    if (read && bytes.size <= most)
        *hash = hash_bytes(bytes.data, bytes.size, none);
    else if (read)
        *hash = hash_bytes(bytes.data + bytes.size - half, half, hash_bytes(bytes.data, half, none));
    file_bytes_finish(&bytes);
    return read;
}

static bool file_stored(const struct dataset_item *item, size_t most, struct hash *hash)
{
    const struct hash none = {0, 0};
    struct error unused;
    struct file_stamp stamp;
    struct hash found;
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

bool dataset_stored(const struct dataset_item *item, size_t most, struct hash *hash)
{
    if (item->pixels) {
        dataset_pixels_stored(item, hash);
        return true;
    }
    return item->archive ? archived_stored(item, most, hash) : file_stored(item, most, hash);
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mem_free(names[i]);
    mem_free(names);
}

void dataset_images_finish(struct dataset_images *images)
{
    for (size_t i = 0; i < images->items; i++)
        mem_free(images->item[i].path);
    mem_free(images->item);
    *images = (struct dataset_images){0};
}

void dataset_destroy(struct dataset *dataset)
{
    if (!dataset)
        return;
    for (int s = 0; s < DATASET_PARTS; s++)
        dataset_images_finish(&dataset->images[s]);
    for (size_t i = 0; i < dataset->pixels_count; i++) {
        dataset_pixels_finish(dataset->pixels[i]);
        mem_free(dataset->pixels[i]);
    }
    mem_free(dataset->pixels);
    for (size_t i = 0; i < dataset->archives; i++)
        archive_close(dataset->archive[i]);
    mem_free(dataset->archive);
    for (size_t i = 0; i < dataset->bad_count; i++)
        mem_free(dataset->bad[i].path);
    mem_free(dataset->bad);
    free_names(dataset->class_name, (size_t)dataset->classes);
    free_names(dataset->note, dataset->notes);
    mem_free(dataset->layout);
    mem_free(dataset->path);
    mem_free(dataset);
}

void dataset_note(struct dataset *dataset, const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    dataset->note = scan_room(dataset->note, dataset->notes, sizeof(char *));
    dataset->note[dataset->notes++] = mem_string(text);
}

char *dataset_validation_list(const struct dataset *dataset)
{
    const struct dataset_images *images = &dataset->images[DATASET_VAL];
    size_t root = strlen(dataset->path), size = 1, used = 0;
    for (size_t i = 0; i < images->items; i++)
        size += strlen(images->item[i].path) + strlen(dataset->class_name[images->item[i].label]) + 2;
    char *text = mem_alloc(size);
    for (size_t i = 0; i < images->items; i++) {
        const struct dataset_item *item = &images->item[i];
        bool below = strncmp(item->path, dataset->path, root) == 0 && item->path[root] == '/';
        used += (size_t)snprintf(text + used, size - used, "%s\t%s\n", item->path + (below ? root + 1 : 0),
                                 dataset->class_name[item->label]);
    }
    return text;
}

size_t dataset_images_of(const struct dataset *dataset, int label)
{
    size_t count = 0;
    for (enum dataset_split s = 0; s < DATASET_PARTS; s++)
        count += dataset_class_count(dataset, s, label);
    return count;
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

/* --- labels --- */

int dataset_class(struct dataset *dataset, const char *name)
{
    int found = find_name((const char *const *)dataset->class_name, dataset->classes, name);
    if (found >= 0)
        return found;
    dataset->class_name = mem_grow(dataset->class_name, (size_t)dataset->classes + 1, sizeof(char *));
    dataset->class_name[dataset->classes] = mem_string(name);
    return dataset->classes++;
}

void dataset_number_classes(struct dataset *dataset, int count)
{
    dataset->numbered = true;
    dataset->classes = count;
    dataset->class_name = mem_array((size_t)count + 1, sizeof(char *));
    for (int l = 0; l < count; l++)
        dataset->class_name[l] = mem_format("%d", l);
}

/* Items in the order of their new labels; within one, the order stays. */
static void relabel_images(struct dataset_images *images, const int *to, int count)
{
    if (images->items == 0)
        return;
    struct dataset_item *sorted = mem_array(images->items, sizeof *sorted);
    size_t *start = mem_array((size_t)count + 1, sizeof *start);
    for (size_t i = 0; i < images->items; i++)
        start[to[images->item[i].label] + 1]++;
    for (int label = 0; label < count; label++)
        start[label + 1] += start[label];
    for (size_t i = 0; i < images->items; i++) {
        struct dataset_item *item = &images->item[i];
        item->label = to[item->label];
        sorted[start[item->label]++] = *item;
    }
    mem_free(images->item);
    mem_free(start);
    images->item = sorted;
}

static void relabel_all(struct dataset *dataset, const int *to, int count)
{
    for (int s = 0; s < DATASET_PARTS; s++)
        relabel_images(&dataset->images[s], to, count);
    for (size_t i = 0; i < dataset->bad_count; i++)
        if (dataset->bad[i].label >= 0)
            dataset->bad[i].label = to[dataset->bad[i].label];
}

void dataset_renumber(struct dataset *dataset, const int *to, int count)
{
    char **names = mem_array((size_t)count + 1, sizeof(char *));
    relabel_all(dataset, to, count);
    for (int c = 0; c < dataset->classes; c++) {
        if (to[c] >= 0)
            names[to[c]] = dataset->class_name[c];
        else
            mem_free(dataset->class_name[c]);
    }
    mem_free(dataset->class_name);
    dataset->class_name = names;
    dataset->classes = count;
}

struct named {
    const char *name;
    int label;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

/* Of whole numbers, which the shorter is the smaller of. */
static int compare_numbers(const void *a, const void *b)
{
    size_t left = strlen(((const struct named *)a)->name), right = strlen(((const struct named *)b)->name);
    return left != right ? (left < right ? -1 : 1) : compare_names(a, b);
}

void dataset_sort(struct dataset *dataset)
{
    size_t count = (size_t)dataset->classes;
    struct named *named = mem_array(count + 1, sizeof *named);
    int *to = mem_array(count + 1, sizeof *to);
    for (int c = 0; c < dataset->classes; c++)
        named[c] = (struct named){dataset->class_name[c], c};
    qsort(named, count, sizeof *named, dataset->numbered ? compare_numbers : compare_names);
    for (int c = 0; c < dataset->classes; c++)
        to[named[c].label] = c;
    dataset_renumber(dataset, to, dataset->classes);
    mem_free(named);
    mem_free(to);
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
    int *to = mem_array((size_t)dataset->classes + 1, sizeof *to);
    bool done = true;
    for (int i = 0; i < dataset->classes && done; i++) {
        to[i] = find_name(names, count, dataset->class_name[i]);
        if (to[i] < 0 && dataset_images_of(dataset, i) > 0)
            done = refuse_class(dataset, dataset->class_name[i], names, count, error);
    }
    if (done) {
        relabel_all(dataset, to, count);
        free_names(dataset->class_name, (size_t)dataset->classes);
        dataset->classes = count;
        dataset->class_name = mem_array((size_t)count, sizeof(char *));
        for (int i = 0; i < count; i++)
            dataset->class_name[i] = mem_string(names[i]);
    }
    mem_free(to);
    return done;
}
