/* Walking class folders: every file is opened once and its header read, so that what cannot be an image is known, with
 * a reason, before training starts. Order is by byte value everywhere, so that every machine sees the same dataset. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "decode.h"
#include "scan.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/data/image.h"

/* Folders in folders in a class; symbolic links may make a circle. */
enum { DEPTH_MAX = 16 };

/* Room for one more: capacity doubles at powers of two, so that the count alone tells when. */
static void *make_room(void *items, size_t count, size_t size)
{
    return (count & (count - 1)) == 0 ? mem_grow(items, count ? count * 2 : 1, size) : items;
}

/* Takes the path. */
static void set_aside(struct dataset *dataset, char *path, const char *reason)
{
    dataset->bad = make_room(dataset->bad, dataset->bad_count, sizeof *dataset->bad);
    struct dataset_bad *bad = &dataset->bad[dataset->bad_count++];
    bad->path = path;
    snprintf(bad->reason, sizeof bad->reason, "%.*s", (int)sizeof bad->reason - 1, reason);
}

/* Takes the path. */
static void add_item(struct dataset *dataset, enum dataset_split split, char *path, int label,
                     const struct file_stamp *stamp)
{
    struct dataset_images *images = &dataset->images[split];
    images->item = make_room(images->item, images->items, sizeof *images->item);
    images->item[images->items++] = (struct dataset_item){.path = path, .label = label, .stamp = *stamp};
}

/* An error's sentence without the file's name before it. */
static const char *error_reason(const struct error *error, const char *path)
{
    size_t length = strlen(path);
    bool named = strncmp(error->text, path, length) == 0 && strncmp(error->text + length, ": ", 2) == 0;
    return error->text + (named ? length + 2 : 0);
}

/* The header is in the first bytes of nearly all files; where it is not, all are read. */
static bool read_header(struct file_bytes *bytes, const char *path, struct image_header *header, struct error *error)
{
    enum { BEGINNING = 1 << 16 };
    if (!file_read(bytes, path, BEGINNING, error))
        return false;
    if (image_probe(header, bytes->data, bytes->size, path, error))
        return true;
    return bytes->stamp.size > BEGINNING && decode_read_file(bytes, path, error) &&
           image_probe(header, bytes->data, bytes->size, path, error);
}

/* Takes the path. */
static void check_file(struct dataset *dataset, struct file_bytes *bytes, enum dataset_split split, char *path,
                       int label)
{
    struct error error = {0};
    struct image_header header;
    if (!read_header(bytes, path, &header, &error))
        set_aside(dataset, path, error_reason(&error, path));
    else if (header.format == IMAGE_GIF)
        set_aside(dataset, path, "a GIF: a drawing or an animation rather than a photograph, not used for training");
    else
        add_item(dataset, split, path, label, &bytes->stamp);
}

/* Files first, then folders. */
static void scan_folder(struct dataset *dataset, struct file_bytes *bytes, enum dataset_split split, const char *folder,
                        int label, int depth)
{
    struct error error = {0};
    struct file_list list;
    if (depth > DEPTH_MAX) {
        set_aside(dataset, mem_string(folder), "folders nested too deep");
        return;
    }
    if (!file_list_read(&list, folder, &error)) {
        set_aside(dataset, mem_string(folder), error.text);
        return;
    }
    for (int folders = 0; folders < 2; folders++)
        for (size_t i = 0; i < list.count; i++) {
            char *path = path_join(folder, list.name[i]);
            struct stat status;
            int fault = stat(path, &status) == 0 ? 0 : errno;
            bool is_folder = !fault && S_ISDIR(status.st_mode);
            if (is_folder != (folders == 1)) {
                mem_free(path);
            } else if (is_folder) {
                scan_folder(dataset, bytes, split, path, label, depth + 1);
                mem_free(path);
            } else if (fault) {
                set_aside(dataset, path, strerror(fault));
            } else if (!S_ISREG(status.st_mode)) {
                set_aside(dataset, path, "not a regular file");
            } else {
                check_file(dataset, bytes, split, path, label);
            }
        }
    file_list_free(&list);
}

void scan_images(struct dataset *dataset, const char *directory, enum dataset_split split)
{
    struct file_bytes bytes = {0};
    for (int label = 0; label < dataset->classes; label++) {
        char *folder = path_join(directory, dataset->class_name[label]);
        if (file_is_directory(folder))
            scan_folder(dataset, &bytes, split, folder, label, 0);
        mem_free(folder);
    }
    file_bytes_finish(&bytes);
}

static bool same_folder(const char *a, const char *b)
{
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

static bool known(const struct dataset *dataset, const char *name)
{
    for (int i = 0; i < dataset->classes; i++)
        if (strcmp(dataset->class_name[i], name) == 0)
            return true;
    return false;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool scan_class_names(struct dataset *dataset, const char *directory, const char *except, struct error *error)
{
    struct file_list list;
    if (!file_list_read(&list, directory, error)) {
        error->kind = ERROR_DATA;
        return false;
    }
    for (size_t i = 0; i < list.count; i++) {
        char *folder = path_join(directory, list.name[i]);
        if (file_is_directory(folder) && !(except && same_folder(folder, except)) && !known(dataset, list.name[i])) {
            dataset->class_name = make_room(dataset->class_name, (size_t)dataset->classes, sizeof(char *));
            dataset->class_name[dataset->classes++] = mem_string(list.name[i]);
        }
        mem_free(folder);
    }
    file_list_free(&list);
    if (dataset->classes > 1)
        qsort(dataset->class_name, (size_t)dataset->classes, sizeof(char *), compare_names);
    return true;
}
