/* Which columns of a table hold paths, labels, parts and weights: by their names, else by what stands in them. Called by the
 * layout of tables and, for a part that has a list in place of class folders, by that of folders. */
#include "config.h"

#include "listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "parts.h"
#include "thaw/base/mem.h"
#include "thaw/base/number.h"
#include "thaw/base/text.h"

enum { LOOKED_AT = 50, WORDS_MAX = 32 };

/* What columns are called, as text_fold leaves it, the likelier first. */
static const char *const words[LISTING_COLUMNS][WORDS_MAX] = {
    [LISTING_PATH] = {"path",     "filepath",  "filepaths", "imagepath", "imgpath",   "relpath", "file",
                      "filename", "filenames", "fname",     "imagefile", "imagename", "imgname", "image",
                      "images",   "img",       "imageid",   "imgid",     "idcode",    "id",      "name"},
    [LISTING_LABEL] = {"label",     "labels",   "class",        "classes",    "classname", "classlabel",
                       "labelname", "category", "categoryname", "target",     "species",   "breed",
                       "diagnosis", "dx",       "variety",      "kind",       "type",      "tag",
                       "y",         "level",    "classid",      "classindex", "labelid",   "categoryid"},
    [LISTING_SPLIT] = {"split", "set", "dataset", "subset", "partition", "phase", "usage", "part"},
    [LISTING_WEIGHT] = {"weight", "weights", "sampleweight", "imageweight"},
};
static const char *const box_words[] = {"xmin", "ymin", "xmax", "ymax", "x1", "y1", "x2", "y2", "bbox", "boundingbox"};

bool listing_may_be(const struct tree_node *file)
{
    static const char *const endings[] = {".csv", ".tsv", ".txt", ".lst", ".list"};
    const char *dot = strrchr(file->name, '.');
    for (size_t i = 0; file->kind == TREE_FILE && dot && i < THAW_LENGTH(endings); i++)
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    return false;
}

enum dataset_split listing_part(const struct tree_node *file)
{
    const char *dot = strrchr(file->name, '.');
    char *stem = mem_format("%.*s", (int)(dot ? dot - file->name : (long)strlen(file->name)), file->name);
    enum dataset_split split = part_worded(stem);
    mem_free(stem);
    return split;
}

void listing_close(struct listing *listing)
{
    table_finish(&listing->table);
    mem_free(listing->path);
    *listing = (struct listing){0};
}

/* --- columns by name --- */

static bool is_free(const struct listing *listing, int column)
{
    for (int i = 0; i < LISTING_COLUMNS; i++)
        if (listing->column[i] == column)
            return false;
    return true;
}

static int find_word(const struct listing *listing, char *const *folded, const char *word)
{
    for (int c = 0; c < (int)listing->table.columns; c++)
        if (strcmp(folded[c], word) == 0 && is_free(listing, c))
            return c;
    return -1;
}

static void name_columns(struct listing *listing)
{
    size_t columns = listing->table.columns;
    char **folded = mem_array(columns + 1, sizeof(char *));
    for (size_t c = 0; c < columns; c++)
        folded[c] = text_fold(table_cell(&listing->table, 0, c), TEXT_FOLD_LOOSE);
    for (int i = 0; i < LISTING_COLUMNS; i++)
        for (int w = 0; listing->column[i] < 0 && w < WORDS_MAX && words[i][w]; w++)
            listing->column[i] = find_word(listing, folded, words[i][w]);
    size_t boxes = 0;
    for (size_t w = 0; w < THAW_LENGTH(box_words); w++)
        boxes += find_word(listing, folded, box_words[w]) >= 0;
    listing->boxes = boxes >= 4 || find_word(listing, folded, "bbox") >= 0;
    for (size_t c = 0; c < columns; c++)
        mem_free(folded[c]);
    mem_free(folded);
}

/* --- columns as they are asked for --- */

static int asked_column(const struct listing *listing, const char *name)
{
    const struct table *table = &listing->table;
    long number;
    for (size_t c = 0; c < table->columns; c++)
        if (strcmp(table_cell(table, 0, c), name) == 0)
            return (int)c;
    return number_whole(name, 1, (long)table->columns, &number, NULL) ? (int)number - 1 : -1;
}

static char *column_list(const struct table *table)
{
    char *text = mem_string("");
    for (size_t c = 0; c < table->columns && strlen(text) < 160; c++) {
        char *longer = mem_format("%s%s%.30s", text, c ? ", " : "", table_cell(table, 0, c));
        mem_free(text);
        text = longer;
    }
    return text;
}

/* "path, label, split, weight": names or numbers from 1; what is empty is found by name. */
static bool ask_columns(struct listing *listing, const char *columns, struct error *error)
{
    for (int i = 0; i < LISTING_COLUMNS && columns; i++) {
        size_t length = strcspn(columns, ",");
        const char *from = columns, *end = columns + length;
        while (from < end && *from == ' ')
            from++;
        while (end > from && end[-1] == ' ')
            end--;
        char *name = mem_format("%.*s", (int)(end - from), from);
        if (*name)
            listing->column[i] = asked_column(listing, name);
        if (*name && listing->column[i] < 0) {
            char *list = column_list(&listing->table);
            error_set(error, ERROR_DATA, "%s: data.columns asks for %.60s, which is none of its columns: %s",
                      listing->path, name, list);
            mem_free(list);
            mem_free(name);
            return false;
        }
        mem_free(name);
        columns = columns[length] ? columns + length + 1 : NULL;
    }
    return true;
}

/* --- columns by what stands in them --- */

static bool is_there(const struct listing *listing, const struct listing_site *site, size_t row, int column)
{
    struct tree_node *other;
    const char *path = table_cell(&listing->table, row, (size_t)column);
    return *path && finder_find(site->finder, listing->file->parent, path, &other);
}

/* Of the first rows behind the header, how many name a file. */
static size_t count_there(const struct listing *listing, const struct listing_site *site, int column)
{
    size_t count = 0, first = listing->header, end = first + LOOKED_AT;
    for (size_t row = first; row < listing->table.rows && row < end; row++)
        count += is_there(listing, site, row, column);
    return count;
}

static void find_path(struct listing *listing, const struct listing_site *site)
{
    if (listing->column[LISTING_PATH] >= 0) {
        listing->found = count_there(listing, site, listing->column[LISTING_PATH]);
        return;
    }
    for (int c = 0; c < (int)listing->table.columns; c++) {
        size_t found = is_free(listing, c) ? count_there(listing, site, c) : 0;
        if (found > listing->found) {
            listing->found = found;
            listing->column[LISTING_PATH] = c;
        }
    }
}

/* The column beside the paths, where there is no other or no names are to go by. */
static void find_label(struct listing *listing)
{
    int path = listing->column[LISTING_PATH], columns = (int)listing->table.columns;
    if (listing->column[LISTING_LABEL] >= 0 || path < 0 || (listing->header && columns != 2))
        return;
    int beside = path + 1 < columns ? path + 1 : path - 1;
    listing->column[LISTING_LABEL] = beside >= 0 && is_free(listing, beside) ? beside : -1;
}

/* The first line names the columns, unless one of its cells is the path of a file. */
static bool has_header(const struct listing *listing, const struct listing_site *site)
{
    for (int c = 0; c < (int)listing->table.columns; c++)
        if (is_there(listing, site, 0, c))
            return false;
    return listing->table.between != ' ' || listing->table.rows < 2 || is_there(listing, site, 1, 0) ||
           is_there(listing, site, 1, 1);
}

static bool find_columns(struct listing *listing, const struct listing_site *site, struct error *error)
{
    for (int i = 0; i < LISTING_COLUMNS; i++)
        listing->column[i] = -1;
    listing->header = has_header(listing, site);
    if (!ask_columns(listing, site->columns && *site->columns ? site->columns : NULL, error))
        return false;
    if (listing->header)
        name_columns(listing);
    find_path(listing, site);
    find_label(listing);
    if (listing->column[LISTING_PATH] >= 0 && listing->column[LISTING_LABEL] >= 0)
        return true;
    char *list = column_list(&listing->table);
    error_set(error, ERROR_DATA,
              "%s: none of its columns, %s, is known to hold %s; data.columns = PATH, LABEL says which", listing->path,
              list, listing->column[LISTING_PATH] < 0 ? "the images' paths" : "their labels");
    mem_free(list);
    return false;
}

/* --- opening --- */

bool listing_open(struct listing *listing, const struct listing_site *site, struct tree_node *file, struct error *error)
{
    struct file_bytes bytes = {0};
    *listing = (struct listing){.file = file, .path = tree_path(site->tree, file)};
    bool good = tree_read(site->tree, file, TABLE_BYTES_MAX + 1, &bytes, error);
    if (!good)
        error->kind = ERROR_DATA;
    else
        good = table_read(&listing->table, bytes.data, bytes.size, error) || error_wrap(error, "%s", listing->path);
    file_bytes_finish(&bytes);
    good = good && find_columns(listing, site, error);
    if (good && listing->found == 0)
        good =
            error_set(error, ERROR_DATA,
                      "%s: none of its first lines names an image that is there; the first names %.200s", listing->path,
                      listing->header < listing->table.rows
                          ? table_cell(&listing->table, listing->header, (size_t)listing->column[LISTING_PATH])
                          : "nothing");
    return good;
}

void listing_compare(const struct listing *listing, const struct listing_site *site, size_t most, size_t *same,
                     size_t *others, size_t *row)
{
    const struct table *table = &listing->table;
    size_t first = listing->header, rows = table->rows - first, count = rows < most ? rows : most;
    *same = *others = *row = 0;
    for (size_t i = 0; i < count; i++) {
        size_t at = first + i * rows / count;
        struct tree_node *other;
        const struct tree_node *file = finder_find(
            site->finder, listing->file->parent, table_cell(table, at, (size_t)listing->column[LISTING_PATH]), &other);
        if (!file || part_named(file->parent->name) < DATASET_PARTS)
            continue; /* that is no class */
        char *label = text_fold(table_cell(table, at, (size_t)listing->column[LISTING_LABEL]), TEXT_FOLD_LOOSE);
        char *folder = text_fold(file->parent->name, TEXT_FOLD_LOOSE);
        bool alike = strcmp(label, folder) == 0;
        *row = !alike && *others == 0 ? at : *row;
        *same += alike;
        *others += !alike;
        mem_free(label);
        mem_free(folder);
    }
}

char *listing_words(const struct listing *listing)
{
    if (!listing->header)
        return mem_format("%.60s", listing->file->name);
    char *text = mem_format("%.60s, columns", listing->file->name);
    for (int i = 0, told = 0; i < LISTING_COLUMNS; i++) {
        if (listing->column[i] < 0)
            continue;
        char *longer = mem_format("%s%s%.30s", text, told++ ? ", " : " ",
                                  table_cell(&listing->table, 0, (size_t)listing->column[i]));
        mem_free(text);
        text = longer;
    }
    return text;
}
