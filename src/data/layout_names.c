/* Images whose classes are in their names, as a pattern finds them: "great_pyrenees_101.jpg" by (.+?)_\d+. A row of
 * layout.c, taken where data.pattern is set. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "parts.h"
#include "records.h"
#include "scan.h"
#include "thaw/base/mem.h"
#include "thaw/base/pattern.h"

enum { DEPTH_MAX = 16 };

struct naming {
    const struct tree *tree;
    struct dataset *dataset;
    struct pattern *pattern;
    bool whole; /* the pattern is of the path below the folder, not of the file's name */
    struct records records;
    char **label; /* [records.count], owned */
};

static void take_file(struct naming *naming, struct tree_node *file, const char *path, enum dataset_split split)
{
    const char *name = naming->whole ? path : file->name;
    size_t begin, end;
    if (!pattern_find(naming->pattern, name, &begin, &end) || begin == end) {
        scan_set_aside(naming->dataset, split, tree_path(naming->tree, file), "its name does not match data.pattern");
        return;
    }
    naming->label = scan_room(naming->label, naming->records.count, sizeof(char *));
    char *label = naming->label[naming->records.count] = mem_format("%.*s", (int)(end - begin), name + begin);
    records_add(&naming->records, &(struct record){.file = file, .label = label, .split = split, .weight = 1});
}

/* path: of the folder below the site's, with a slash behind it, or "". Folders at the top may be parts. */
static void take_folder(struct naming *naming, struct tree_node *folder, const char *path, enum dataset_split split,
                        int depth)
{
    tree_look(naming->tree, folder);
    for (size_t i = 0; i < folder->children; i++) {
        struct tree_node *node = &folder->child[i];
        char *inner = mem_format("%s%s", path, node->name);
        if (tree_may_be_image(node)) {
            take_file(naming, node, inner, split);
        } else if (node->kind == TREE_FOLDER && !node->linked && depth < DEPTH_MAX) {
            enum dataset_split named = depth == 0 ? part_worded(node->name) : DATASET_PARTS;
            char *below = mem_format("%s/", inner);
            take_folder(naming, node, below, named < DATASET_PARTS ? named : split, depth + 1);
            mem_free(below);
        }
        mem_free(inner);
    }
}

bool layout_names_fit(const struct layout_site *site)
{
    return site->at->kind == TREE_FOLDER && site->request->pattern && *site->request->pattern;
}

static void naming_finish(struct naming *naming)
{
    for (size_t i = 0; i < naming->records.count; i++)
        mem_free(naming->label[i]);
    mem_free(naming->label);
    records_finish(&naming->records);
    pattern_destroy(naming->pattern);
}

bool layout_names_fill(struct dataset *dataset, const struct layout_site *site, struct error *error)
{
    const char *text = site->request->pattern ? site->request->pattern : "";
    if (site->at->kind != TREE_FOLDER)
        return error_set(error, ERROR_DATA, "%s: not a folder of images that are called by their classes",
                         dataset->path);
    struct naming naming = {.tree = site->tree,
                            .dataset = dataset,
                            .pattern = pattern_create(text, error),
                            .whole = strchr(text, '/') != NULL};
    if (!naming.pattern)
        return error_wrap(error, "data.pattern");
    take_folder(&naming, site->at, "", DATASET_TRAIN, 0);
    char **label = naming.label; /* what is said of each is the records' to change */
    size_t labels = naming.records.count;
    bool done =
        labels > 0 || error_set(error, ERROR_DATA, "%s: no image in it has a name that matches data.pattern, %s%s%s",
                                dataset->path, text, dataset->bad_count ? "; the first is " : "",
                                dataset->bad_count ? path_base(dataset->bad[0].path) : "");
    done = done && records_fill(&naming.records, site->tree, site->at, dataset, error);
    if (done)
        dataset->layout = mem_format("classes in the names of files, by %s", text);
    naming.records.count = labels;
    naming.label = label;
    naming_finish(&naming);
    return done;
}

/* --- what may have been meant --- */

/* A pattern that people's files often follow, and what it would give, for a folder that has none: "; ..." or "". */
char *layout_names_hint(const struct tree_node *folder)
{
    static const char usual[] = "(.+?)[_. -]*\\d+";
    enum { LEAST = 4 };
    struct error unused;
    struct pattern *pattern = pattern_create(usual, &unused);
    char **label = mem_array(folder->children + 1, sizeof(char *));
    size_t images = 0, found = 0, classes = 0, begin, end;
    for (size_t i = 0; pattern && i < folder->children; i++) {
        const char *name = folder->child[i].name;
        if (!tree_may_be_image(&folder->child[i]))
            continue;
        images++;
        if (pattern_find(pattern, name, &begin, &end)) {
            char *own = mem_format("%.*s", (int)(end - begin), name + begin);
            size_t c = 0;
            while (c < classes && strcmp(label[c], own) != 0)
                c++;
            found++;
            if (c == classes)
                label[classes++] = own;
            else
                mem_free(own);
        }
        if (classes > images / 2 && images > LEAST) /* no classes, but numbers */
            break;
    }
    bool likely = images >= LEAST && found == images && classes >= 2 && classes <= images / 2;
    char *hint = likely
                     ? mem_format("; by data.pattern = %s their names would give %zu classes, such as %.40s and %.40s",
                                  usual, classes, label[0], label[1])
                     : mem_string("");
    for (size_t c = 0; c < classes; c++)
        mem_free(label[c]);
    mem_free(label);
    pattern_destroy(pattern);
    return hint;
}
