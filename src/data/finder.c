/* See the header. Called by listing.c. */
#include "config.h"

#include "finder.h"

#include <stdlib.h>
#include <string.h>

#include "scan.h"
#include "thaw/base/mem.h"

enum { DEPTH_MAX = 16 };

struct finder {
    const struct tree *tree;
    struct tree_node *folder;
    struct tree_node **file; /* by name, once they are known */
    size_t files;
    bool known;
};

struct finder *finder_create(const struct tree *tree, struct tree_node *folder)
{
    struct finder *finder = mem_alloc(sizeof *finder);
    finder->tree = tree;
    finder->folder = folder;
    return finder;
}

void finder_destroy(struct finder *finder)
{
    if (!finder)
        return;
    mem_free(finder->file);
    mem_free(finder);
}

/* What links lead to is found where it is, if it is below. */
static void collect(struct finder *finder, struct tree_node *folder, int depth)
{
    tree_look(finder->tree, folder);
    for (size_t i = 0; i < folder->children; i++) {
        struct tree_node *node = &folder->child[i];
        if (tree_may_be_image(node)) {
            finder->file = scan_room(finder->file, finder->files, sizeof(struct tree_node *));
            finder->file[finder->files++] = node;
        } else if (node->kind == TREE_FOLDER && !node->linked && depth < DEPTH_MAX) {
            collect(finder, node, depth + 1);
        }
    }
}

static int compare_files(const void *a, const void *b)
{
    return strcmp((*(struct tree_node *const *)a)->name, (*(struct tree_node *const *)b)->name);
}

static void know(struct finder *finder)
{
    if (finder->known)
        return;
    finder->known = true;
    collect(finder, finder->folder, 0);
    if (finder->files)
        qsort(finder->file, finder->files, sizeof(struct tree_node *), compare_files);
}

size_t finder_files(struct finder *finder)
{
    know(finder);
    return finder->files;
}

/* The first file whose name is not before this one. */
static size_t first_from(const struct finder *finder, const char *name)
{
    size_t first = 0, end = finder->files;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (strcmp(finder->file[middle]->name, name) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

/* The path as it is looked for: with slashes, without a beginning that says nothing. Caller frees. */
static char *plain_path(const char *path)
{
    char *plain = mem_string(path), *at = plain;
    for (char *c = plain; *c; c++)
        *c = *c == '\\' ? '/' : *c;
    while (strncmp(at, "./", 2) == 0 || *at == '/')
        at += *at == '/' ? 1 : 2;
    memmove(plain, at, strlen(at) + 1);
    return plain;
}

static struct tree_node *walk(const struct finder *finder, struct tree_node *from, char *path)
{
    char *rest = NULL;
    struct tree_node *node = from;
    for (char *name = strtok_r(path, "/", &rest); name && node; name = strtok_r(NULL, "/", &rest)) {
        if (strcmp(name, "..") == 0)
            node = node->parent;
        else if (strcmp(name, ".") != 0)
            node = node->kind == TREE_FOLDER ? tree_child(finder->tree, node, name) : NULL;
    }
    return node && node->kind == TREE_FILE ? node : NULL;
}

/* How many of the folders that a file lies in are those before the last part of a path, from its end on. */
static size_t likeness(const struct tree_node *file, const char *path)
{
    const char *end = path_base(path);
    size_t alike = 0;
    for (const struct tree_node *folder = file->parent; folder && folder->parent && end > path;
         folder = folder->parent) {
        const char *start = --end; /* at the slash */
        while (start > path && start[-1] != '/')
            start--;
        size_t length = (size_t)(end - start);
        if (strlen(folder->name) != length || strncmp(folder->name, start, length) != 0)
            break;
        alike++;
        end = start;
    }
    return alike;
}

static bool has_name(const struct tree_node *file, const char *name, bool stem)
{
    size_t length = strlen(name);
    if (!stem)
        return strcmp(file->name, name) == 0;
    return strncmp(file->name, name, length) == 0 && file->name[length] == '.' && !strchr(file->name + length + 1, '.');
}

/* The most alike of the files of that name, or of those that have it before their ending. */
static struct tree_node *search(const struct finder *finder, const char *path, bool stem, struct tree_node **other)
{
    const char *name = path_base(path);
    char *from = stem ? mem_format("%s.", name) : mem_string(name);
    size_t length = strlen(from), most = 0;
    struct tree_node *found = NULL;
    *other = NULL;
    for (size_t i = first_from(finder, from); i < finder->files; i++) {
        struct tree_node *file = finder->file[i];
        if (strncmp(file->name, from, length) != 0 || (!stem && !has_name(file, name, false)))
            break;
        if (!has_name(file, name, stem))
            continue;
        size_t alike = likeness(file, path);
        if (!found || alike > most) {
            found = file;
            most = alike;
            *other = NULL;
        } else if (alike == most) {
            *other = file;
        }
    }
    mem_free(from);
    return found;
}

struct tree_node *finder_find(struct finder *finder, struct tree_node *from, const char *path, struct tree_node **other)
{
    char *plain = plain_path(path), *copy = mem_string(plain);
    struct tree_node *found = walk(finder, from, copy);
    *other = NULL;
    if (!found && *plain) {
        know(finder);
        found = search(finder, plain, false, other);
    }
    if (!found && *plain)
        found = search(finder, plain, true, other);
    mem_free(copy);
    mem_free(plain);
    return found;
}
