/* Walking folders, one at a time. Called by the layouts (layout.h) and the scan of class folders. */
#include "config.h"

#include "tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "archive.h"
#include "thaw/base/mem.h"

/* Left by systems and programs, whatever their case. */
static const char *const passed_over[] = {
    "__MACOSX",   "Thumbs.db", "ehthumbs.db",  "desktop.ini",
    "Icon\r",     "@eaDir",    "$RECYCLE.BIN", "System Volume Information",
    "lost+found",
};

static bool is_passed_over(const char *name)
{
    for (size_t i = 0; i < THAW_LENGTH(passed_over); i++)
        if (strcasecmp(name, passed_over[i]) == 0)
            return true;
    return name[0] == '.';
}

/* Of files that are met beside images. */
static const char *const other_endings[] = {
    ".txt",     ".csv",      ".tsv", ".json", ".jsonl", ".xml",         ".yaml", ".yml",   ".md", ".rst",   ".html",
    ".htm",     ".pdf",      ".doc", ".docx", ".xls",   ".xlsx",        ".py",   ".ipynb", ".sh", ".m",     ".ini",
    ".cfg",     ".toml",     ".log", ".zip",  ".tar",   ".gz",          ".tgz",  ".bz2",   ".xz", ".7z",    ".rar",
    ".npy",     ".npz",      ".mat", ".pkl",  ".pt",    ".pth",         ".h5",   ".bin",   ".db", ".names", ".data",
    ".parquet", ".tfrecord", ".mp4", ".avi",  ".names", ".safetensors", ".onnx",
};

bool tree_may_be_image(const struct tree_node *file)
{
    const char *dot = strrchr(file->name, '.');
    for (size_t i = 0; dot && i < THAW_LENGTH(other_endings); i++)
        if (strcasecmp(dot, other_endings[i]) == 0)
            return false;
    return file->kind == TREE_FILE;
}

/* Identities of the folders above a folder, the nearest first. */
static void find_above(struct tree *tree)
{
    enum { MOST = 256 };
    struct stat status, last = {0};
    char *path = mem_string(tree->path);
    tree->above = mem_array(MOST, sizeof *tree->above);
    while (tree->aboves < MOST) {
        char *up = path_join(path, "..");
        mem_free(path);
        path = up;
        bool top = stat(path, &status) != 0 || (status.st_dev == last.st_dev && status.st_ino == last.st_ino);
        if (top)
            break;
        tree->above[tree->aboves++] = (struct tree_node){.device = status.st_dev, .inode = status.st_ino};
        last = status;
    }
    mem_free(path);
}

struct tree *tree_open(const char *folder, const char *except)
{
    struct tree *tree = mem_alloc(sizeof *tree);
    struct stat status;
    tree->path = mem_string(folder);
    tree->root.kind = TREE_FOLDER;
    tree->root.name = mem_string(path_base(folder));
    if (stat(folder, &status) == 0) {
        tree->root.device = status.st_dev;
        tree->root.inode = status.st_ino;
    }
    if (except && stat(except, &status) == 0) {
        tree->except_device = status.st_dev;
        tree->except_inode = status.st_ino;
        tree->has_except = true;
    }
    find_above(tree);
    return tree;
}

bool tree_on_disk(const struct tree *tree)
{
    return !tree->archive;
}

/* --- archives --- */

/* An entry, and how much of its name the folders take that it is in. */
struct placed {
    const char *name;
    size_t number;
};

static int compare_placed(const void *left, const void *right)
{
    const struct placed *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    return order ? order : a->number < b->number ? -1 : 1;
}

static int compare_nodes(const void *a, const void *b)
{
    return strcmp(((const struct tree_node *)a)->name, ((const struct tree_node *)b)->name);
}

/* How many entries from the first on are in the folder that it is in; 0: it is a file here. length: of the folder's name. */
static size_t count_folder(const struct placed *placed, size_t count, size_t skip, size_t *length)
{
    const char *name = placed->name + skip;
    size_t n = 0;
    *length = strcspn(name, "/");
    if (!name[*length])
        return 0;
    while (n < count && strncmp(placed[n].name + skip, name, *length + 1) == 0)
        n++;
    return n;
}

/* Children of a folder out of entries that are sorted; `skip` bytes of their names lead to it. Of two entries of one name
 * the last counts, and a file in the place of a folder is none. */
static void place(struct tree_node *folder, const struct placed *placed, size_t count, size_t skip, int depth)
{
    enum { DEEP = 64 };
    size_t room = 0, length;
    folder->looked = true;
    for (size_t i = 0; i < count && depth < DEEP;) {
        size_t inside = count_folder(placed + i, count - i, skip, &length);
        struct tree_node node = {.parent = folder, .kind = inside ? TREE_FOLDER : TREE_FILE};
        node.number = inside ? i : placed[i].number; /* of a folder, for now, where its entries begin */
        node.name = mem_format("%.*s", (int)length, placed[i].name + skip);
        bool again = folder->children > 0 && folder->child[folder->children - 1].kind == TREE_FILE &&
                     strcmp(folder->child[folder->children - 1].name, node.name) == 0;
        if (is_passed_over(node.name)) {
            mem_free(node.name);
        } else if (again && !inside) {
            folder->child[folder->children - 1].number = node.number;
            mem_free(node.name);
        } else {
            if (folder->children == room) {
                room = room ? 2 * room : 16;
                folder->child = mem_grow(folder->child, room, sizeof *folder->child);
            }
            folder->child[folder->children++] = node;
        }
        i += inside ? inside : 1;
    }
    if (folder->children > 1)
        qsort(folder->child, folder->children, sizeof *folder->child, compare_nodes);
    for (size_t i = 0; i < folder->children; i++) { /* once the children have their places */
        struct tree_node *node = &folder->child[i];
        if (node->kind != TREE_FOLDER)
            continue;
        const struct placed *first = placed + node->number;
        size_t inside = count_folder(first, count - node->number, skip, &length);
        place(node, first, inside, skip + length + 1, depth + 1);
    }
}

struct tree *tree_of_archive(const char *path, struct archive *archive)
{
    struct tree *tree = mem_alloc(sizeof *tree);
    size_t count = archive_entries(archive);
    struct placed *placed = mem_array(count + 1, sizeof *placed);
    tree->path = mem_string(path);
    tree->archive = archive_keep(archive);
    tree->root = (struct tree_node){.name = mem_string(path_base(path)), .kind = TREE_FOLDER};
    for (size_t i = 0; i < count; i++)
        placed[i] = (struct placed){archive_name(archive, i), i};
    if (count)
        qsort(placed, count, sizeof *placed, compare_placed);
    place(&tree->root, placed, count, 0, 0);
    mem_free(placed);
    return tree;
}

static void finish_node(struct tree_node *node)
{
    for (size_t i = 0; i < node->children; i++)
        finish_node(&node->child[i]);
    mem_free(node->child);
    mem_free(node->name);
    mem_free(node->why);
}

void tree_destroy(struct tree *tree)
{
    if (!tree)
        return;
    finish_node(&tree->root);
    archive_close(tree->archive);
    mem_free(tree->above);
    mem_free(tree->path);
    mem_free(tree);
}

char *tree_path(const struct tree *tree, const struct tree_node *node)
{
    if (!node->parent)
        return mem_string(tree->path);
    char *before = tree_path(tree, node->parent), *path = path_join(before, node->name);
    mem_free(before);
    return path;
}

static bool same_folder(const struct tree_node *node, const struct stat *status)
{
    return node->device == status->st_dev && node->inode == status->st_ino;
}

/* Whether a folder is `node` or one that it lies in. */
static bool lies_within(const struct tree *tree, const struct tree_node *node, const struct stat *status)
{
    for (; node; node = node->parent)
        if (same_folder(node, status))
            return true;
    for (size_t i = 0; i < tree->aboves; i++)
        if (same_folder(&tree->above[i], status))
            return true;
    return false;
}

static void make_nothing(struct tree_node *node, const char *why)
{
    node->kind = TREE_NOTHING;
    node->why = mem_string(why);
}

/* false: it is the folder that is left out. */
static bool describe(const struct tree *tree, struct tree_node *node, const char *path)
{
    struct stat status, link;
    if (stat(path, &status) != 0) {
        make_nothing(node, strerror(errno));
        return true;
    }
    if (!S_ISDIR(status.st_mode)) {
        node->kind = TREE_FILE;
        if (!S_ISREG(status.st_mode))
            make_nothing(node, "not a regular file");
        return true;
    }
    node->kind = TREE_FOLDER;
    node->device = status.st_dev;
    node->inode = status.st_ino;
    node->linked = lstat(path, &link) == 0 && S_ISLNK(link.st_mode);
    if (lies_within(tree, node->parent, &status))
        make_nothing(node, "a link to a folder that it lies in, which is not gone round in");
    return !tree->has_except || status.st_dev != tree->except_device || status.st_ino != tree->except_inode;
}

void tree_look(const struct tree *tree, struct tree_node *folder)
{
    struct file_list list;
    struct error error = {0};
    if (folder->looked || folder->kind != TREE_FOLDER)
        return;
    folder->looked = true;
    char *path = tree_path(tree, folder);
    if (!file_list_read(&list, path, &error)) {
        folder->why = mem_string(error.text);
        mem_free(path);
        return;
    }
    folder->child = mem_array(list.count + 1, sizeof *folder->child);
    for (size_t i = 0; i < list.count; i++) {
        struct tree_node *node = &folder->child[folder->children];
        char *inner = path_join(path, list.name[i]);
        *node = (struct tree_node){.parent = folder, .name = mem_string(list.name[i])};
        if (!is_passed_over(list.name[i]) && describe(tree, node, inner))
            folder->children++;
        else
            finish_node(node);
        mem_free(inner);
    }
    file_list_free(&list);
    mem_free(path);
}

struct tree_node *tree_child(const struct tree *tree, struct tree_node *folder, const char *name)
{
    tree_look(tree, folder);
    size_t first = 0, end = folder->children;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        int order = strcmp(name, folder->child[middle].name);
        if (order == 0)
            return &folder->child[middle];
        first = order > 0 ? middle + 1 : first;
        end = order > 0 ? end : middle;
    }
    return NULL;
}

bool tree_read(const struct tree *tree, const struct tree_node *file, size_t most, struct file_bytes *bytes,
               struct error *error)
{
    char *path = tree_path(tree, file);
    bool done = tree->archive ? archive_read(tree->archive, file->number, path, most, bytes, error)
                              : file_read(bytes, path, most, error);
    mem_free(path);
    return done;
}

struct tree_counts tree_count(const struct tree *tree, struct tree_node *folder)
{
    struct tree_counts counts = {0};
    tree_look(tree, folder);
    for (size_t i = 0; i < folder->children; i++) {
        const struct tree_node *node = &folder->child[i];
        counts.folders += node->kind == TREE_FOLDER;
        counts.images += tree_may_be_image(node);
        counts.others += node->kind != TREE_FOLDER && !tree_may_be_image(node);
    }
    return counts;
}
