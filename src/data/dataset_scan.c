/* Reading class folders: every file is opened once and its header read, so that what cannot be an image is known, with a
 * reason, before training starts. Called by the layouts. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "scan.h"
#include "thaw/base/mem.h"
#include "thaw/data/image.h"

/* Folders in folders in a class. */
enum { DEPTH_MAX = 16 };

void *scan_room(void *items, size_t count, size_t size)
{
    return (count & (count - 1)) == 0 ? mem_grow(items, count ? count * 2 : 1, size) : items;
}

void scan_set_aside(struct dataset *dataset, enum dataset_split split, char *path, const char *reason)
{
    dataset->bad = scan_room(dataset->bad, dataset->bad_count, sizeof *dataset->bad);
    struct dataset_bad *bad = &dataset->bad[dataset->bad_count++];
    bad->path = path;
    bad->split = split;
    bad->label = -1;
    snprintf(bad->reason, sizeof bad->reason, "%.*s", (int)sizeof bad->reason - 1, reason);
}

/* Takes the path. */
static void set_aside_image(struct dataset *dataset, enum dataset_split split, char *path, int label,
                            const char *reason)
{
    scan_set_aside(dataset, split, path, reason);
    dataset->bad[dataset->bad_count - 1].label = label;
}

/* Takes the path. */
static void add_item(struct dataset *dataset, const struct tree *tree, const struct tree_node *file,
                     enum dataset_split split, char *path, int label, const struct file_stamp *stamp)
{
    struct dataset_images *images = &dataset->images[split];
    images->item = scan_room(images->item, images->items, sizeof *images->item);
    images->item[images->items++] = (struct dataset_item){
        .path = path, .label = label, .archive = tree->archive, .number = file->number, .stamp = *stamp};
}

/* An error's sentence without the file's name before it. */
static const char *error_reason(const struct error *error, const char *path)
{
    size_t length = strlen(path);
    bool named = strncmp(error->text, path, length) == 0 && strncmp(error->text + length, ": ", 2) == 0;
    return error->text + (named ? length + 2 : 0);
}

/* The header is in the first bytes of nearly all files; where it is not, all are read. */
static bool read_header(struct file_bytes *bytes, const struct tree *tree, const struct tree_node *file,
                        const char *path, struct image_header *header, struct error *error)
{
    enum { BEGINNING = 1 << 16 };
    if (!tree_read(tree, file, BEGINNING, bytes, error))
        return false;
    if (image_probe(header, bytes->data, bytes->size, path, error))
        return true;
    return bytes->size >= BEGINNING && tree_read(tree, file, (size_t)IMAGE_FILE_MAX + 1, bytes, error) &&
           image_probe(header, bytes->data, bytes->size, path, error);
}

/* What is known of a file in an archive needs no look. */
static bool find_header(struct file_bytes *bytes, const struct tree *tree, const struct tree_node *file,
                        const char *path, struct image_header *header, struct error *error)
{
    const char *reason;
    if (!tree->archive || !archive_probed(tree->archive, file->number, header, &reason))
        return read_header(bytes, tree, file, path, header, error);
    archive_stamp(tree->archive, &bytes->stamp);
    return !*reason || error_set(error, ERROR_DATA, "%s: %s", path, reason);
}

void scan_file(struct dataset *dataset, struct file_bytes *bytes, const struct tree *tree, const struct tree_node *file,
               enum dataset_split split, int label)
{
    struct error error = {0};
    struct image_header header;
    char *path = tree_path(tree, file);
    int whose = tree_may_be_image(file) ? label : -1;
    if (!find_header(bytes, tree, file, path, &header, &error))
        set_aside_image(dataset, split, path, whose, error_reason(&error, path));
    else if (header.format == IMAGE_GIF)
        set_aside_image(dataset, split, path, whose,
                        "a GIF: a drawing or an animation rather than a photograph, not used for training");
    else
        add_item(dataset, tree, file, split, path, label, &bytes->stamp);
}

struct scan {
    struct dataset *dataset;
    const struct tree *tree;
    enum dataset_split split;
    int label;
    struct file_bytes bytes;
    const struct tree_node **linked; /* folders that links led to: each is gone into once */
    size_t linkeds;
};

static bool is_known(struct scan *scan, const struct tree_node *folder)
{
    for (size_t i = 0; i < scan->linkeds; i++)
        if (scan->linked[i]->device == folder->device && scan->linked[i]->inode == folder->inode)
            return true;
    scan->linked = scan_room(scan->linked, scan->linkeds, sizeof(struct tree_node *));
    scan->linked[scan->linkeds++] = folder;
    return false;
}

static void scan_node(struct scan *scan, struct tree_node *folder, int depth);

static void scan_child(struct scan *scan, struct tree_node *node, int depth)
{
    const char *why = node->why;
    if (node->kind == TREE_FILE) {
        scan_file(scan->dataset, &scan->bytes, scan->tree, node, scan->split, scan->label);
        return;
    }
    if (node->kind == TREE_FOLDER && node->linked && is_known(scan, node))
        why = "a link to a folder that is read already";
    if (node->kind == TREE_FOLDER && !why)
        scan_node(scan, node, depth + 1);
    else
        scan_set_aside(scan->dataset, scan->split, tree_path(scan->tree, node), why);
}

/* Files first, then folders. */
static void scan_node(struct scan *scan, struct tree_node *folder, int depth)
{
    if (depth > DEPTH_MAX) {
        scan_set_aside(scan->dataset, scan->split, tree_path(scan->tree, folder), "folders nested too deep");
        return;
    }
    tree_look(scan->tree, folder);
    if (folder->why)
        scan_set_aside(scan->dataset, scan->split, tree_path(scan->tree, folder), folder->why);
    for (int folders = 0; folders < 2; folders++)
        for (size_t i = 0; i < folder->children; i++)
            if ((folder->child[i].kind == TREE_FOLDER) == (folders == 1))
                scan_child(scan, &folder->child[i], depth);
}

void scan_folder(struct dataset *dataset, const struct tree *tree, struct tree_node *folder, enum dataset_split split,
                 int label)
{
    struct scan scan = {.dataset = dataset, .tree = tree, .split = split, .label = label};
    scan_node(&scan, folder, 0);
    file_bytes_finish(&scan.bytes);
    mem_free(scan.linked);
}
