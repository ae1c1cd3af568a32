/* See the header. Called by the layouts of tables, lists and names. */
#include "config.h"

#include "records.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "parts.h"
#include "scan.h"
#include "thaw/base/mem.h"
#include "thaw/base/number.h"

void records_finish(struct records *records)
{
    mem_free(records->record);
    *records = (struct records){0};
}

void records_add(struct records *records, const struct record *record)
{
    records->record = scan_room(records->record, records->count, sizeof *records->record);
    records->record[records->count++] = *record;
}

/* --- rows --- */

static const char *cell(const struct listing *listing, size_t row, enum listing_column which)
{
    int column = listing->column[which];
    return column < 0 ? "" : table_cell(&listing->table, row, (size_t)column);
}

static bool read_split(const struct listing *listing, size_t row, enum dataset_split *split, struct error *error)
{
    const char *word = cell(listing, row, LISTING_SPLIT);
    enum dataset_split named = *word ? part_worded(word) : *split;
    if (named == DATASET_PARTS)
        return error_set(
            error, ERROR_DATA,
            "%s: line %u: %.60s is called no part of a dataset (train, val, test); data.columns = PATH, LABEL "
            "leaves the column out",
            listing->path, (unsigned)listing->table.line[row], word);
    *split = named;
    return true;
}

static bool read_weight(const struct listing *listing, size_t row, float *weight, struct error *error)
{
    const char *word = cell(listing, row, LISTING_WEIGHT);
    char *end = NULL;
    double number = *word ? strtod(word, &end) : 1;
    if (*word && (*end || !isfinite(number) || number < 0))
        return error_set(error, ERROR_DATA, "%s: line %u: a weight of %.40s; it is a number from 0 on", listing->path,
                         (unsigned)listing->table.line[row], word);
    *weight = (float)number;
    return true;
}

static void miss(struct dataset *dataset, const struct listing *listing, const struct listing_site *site, size_t row,
                 enum dataset_split split, const struct tree_node *found, const struct tree_node *other)
{
    const char *path = cell(listing, row, LISTING_PATH);
    unsigned line = (unsigned)listing->table.line[row];
    char *reason;
    if (other) {
        char *one = tree_path(site->tree, found->parent), *two = tree_path(site->tree, other->parent);
        reason = mem_format("line %u of %.40s may mean that of %.40s or of %.40s", line, listing->file->name,
                            path_base(one), path_base(two));
        mem_free(one);
        mem_free(two);
    } else {
        reason = mem_format("named in line %u of %.60s, but not there", line, listing->file->name);
    }
    scan_set_aside(dataset, split, mem_string(path), reason);
    mem_free(reason);
}

bool records_take(struct records *records, const struct listing *listing, const struct listing_site *site,
                  enum dataset_split split, struct dataset *dataset, struct error *error)
{
    records->weighted = records->weighted || listing->column[LISTING_WEIGHT] >= 0;
    for (size_t row = listing->header; row < listing->table.rows; row++) {
        struct record record = {.label = cell(listing, row, LISTING_LABEL),
                                .from = listing->file->name,
                                .line = listing->table.line[row],
                                .split = split};
        struct tree_node *other;
        const char *path = cell(listing, row, LISTING_PATH);
        if (!read_split(listing, row, &record.split, error) || !read_weight(listing, row, &record.weight, error))
            return false;
        if (!*path || !*record.label) {
            records->unlabelled++;
            continue;
        }
        record.file = finder_find(site->finder, listing->file->parent, path, &other);
        if (record.file && !other)
            records_add(records, &record);
        else
            miss(dataset, listing, site, row, record.split, record.file, other);
    }
    return true;
}

/* --- twice the same --- */

static int by_file(const void *left, const void *right)
{
    const struct record *a = *(const struct record *const *)left, *b = *(const struct record *const *)right;
    if (a->file != b->file)
        return (uintptr_t)a->file < (uintptr_t)b->file ? -1 : 1;
    return a < b ? -1 : a > b;
}

static bool refuse_two(const struct record *a, const struct record *b, struct dataset *dataset, struct error *error)
{
    return error_set(
        error, ERROR_DATA,
        "%s: %.80s is called %.60s in line %zu of %.60s and %.60s in line %zu of %.60s; an image has one class "
        "here",
        dataset->path, a->file->name, a->label, a->line, a->from, b->label, b->line, b->from);
}

/* Lines that say the same again are left out; that an image has two labels, or is in two parts, is an error. */
static bool leave_out_twins(struct records *records, struct dataset *dataset, struct error *error)
{
    const struct record **sorted = mem_array(records->count + 1, sizeof(struct record *));
    bool *twin = mem_array(records->count + 1, sizeof *twin), good = true;
    size_t twins = 0, kept = 0;
    for (size_t i = 0; i < records->count; i++)
        sorted[i] = &records->record[i];
    if (records->count)
        qsort(sorted, records->count, sizeof(struct record *), by_file);
    for (size_t i = 1; good && i < records->count; i++) {
        const struct record *a = sorted[i - 1], *b = sorted[i];
        if (a->file != b->file)
            continue;
        if (strcmp(a->label, b->label) != 0)
            good = refuse_two(a, b, dataset, error);
        else if (a->split != b->split)
            good = error_set(error, ERROR_DATA, "%s: %.80s is in two parts, by lines %zu and %zu of %.60s",
                             dataset->path, a->file->name, a->line, b->line, b->from);
        twin[b - records->record] = true;
        twins++;
    }
    for (size_t i = 0; i < records->count; i++)
        if (!twin[i])
            records->record[kept++] = records->record[i];
    records->count = kept;
    if (good && twins)
        dataset_note(dataset, "%zu line%s name%s an image that another does; each is taken once", twins,
                     twins == 1 ? "" : "s", twins == 1 ? "s" : "");
    mem_free(sorted);
    mem_free(twin);
    return good;
}

/* --- labels --- */

/* Of a whole number as it is counted, or as a table of floating-point numbers has it ("3.0"); -1: it is none. */
static long label_number(const char *label)
{
    enum { MOST = 1000000 };
    const char *end;
    long number;
    if (!isdigit((unsigned char)label[0]) || (label[0] == '0' && isdigit((unsigned char)label[1])))
        return -1;
    if (!number_whole(label, 0, MOST, &number, &end))
        return -1;
    return !*end || strcmp(end, ".0") == 0 ? number : -1;
}

/* Names of classes by their numbers. */
struct class_names {
    char *text;
    char **name; /* [count], into the text; NULL: none of that number */
    size_t count;
};

/* Lines of names from 0 on, or each with its number before it. */
static void split_names(struct class_names *names)
{
    char *rest = NULL;
    long number;
    bool numbered = true;
    for (char *line = names->text; *line && numbered; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *end;
        numbered = isdigit((unsigned char)*line) && number_whole(line, 0, 1000000, &number, &end) &&
                   (*end == ' ' || *end == '\t' || *end == ',');
    }
    size_t at = 0;
    for (char *line = strtok_r(names->text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest), at++) {
        char *name = line;
        if (numbered) {
            at = (size_t)strtol(line, &name, 10);
            name += strspn(name, " \t,");
        }
        if (at >= names->count) {
            names->name = mem_grow(names->name, at + 1, sizeof(char *));
            memset(names->name + names->count, 0, (at + 1 - names->count) * sizeof(char *));
            names->count = at + 1;
        }
        names->name[at] = name;
    }
}

static bool read_names(struct class_names *names, const struct tree *tree, struct tree_node *file)
{
    enum { BYTES_MAX = 1 << 20 };
    struct file_bytes bytes = {0};
    struct error unused;
    bool read =
        tree_read(tree, file, BYTES_MAX, &bytes, &unused) && bytes.size > 0 && !memchr(bytes.data, '\0', bytes.size);
    if (read) {
        names->text = mem_format("%.*s", (int)bytes.size, (const char *)bytes.data);
        split_names(names);
    }
    file_bytes_finish(&bytes);
    return read;
}

static void finish_names(struct class_names *names)
{
    mem_free(names->text);
    mem_free(names->name);
    *names = (struct class_names){0};
}

/* A file beside the list that has a name for every number in it. */
static bool find_names(struct class_names *names, const struct records *records, const struct tree *tree,
                       struct tree_node *folder)
{
    static const char *const files[] = {"classes.txt", "class_names.txt", "classnames.txt", "names.txt",
                                        "categories.txt"};
    for (size_t f = 0; f < THAW_LENGTH(files); f++) {
        struct tree_node *file = tree_child(tree, folder, files[f]);
        bool all = file && read_names(names, tree, file);
        for (size_t i = 0; all && i < records->count; i++) {
            size_t number = (size_t)label_number(records->record[i].label);
            all = number < names->count && names->name[number] && *names->name[number];
        }
        if (all)
            return true;
        finish_names(names);
    }
    return false;
}

struct labelled {
    const char *label;
    size_t record;
};

static int by_label(const void *a, const void *b)
{
    return strcmp(((const struct labelled *)a)->label, ((const struct labelled *)b)->label);
}

/* Classes of labels that are set, in the order of their names; label[record] becomes each record's. */
static void make_classes(struct dataset *dataset, const struct records *records, int *label)
{
    struct labelled *sorted = mem_array(records->count + 1, sizeof *sorted);
    bool first = dataset->classes == 0; /* else some of them may be there */
    for (size_t i = 0; i < records->count; i++)
        sorted[i] = (struct labelled){records->record[i].label, i};
    if (records->count)
        qsort(sorted, records->count, sizeof *sorted, by_label);
    for (size_t i = 0; i < records->count; i++) {
        bool again = i > 0 && by_label(&sorted[i - 1], &sorted[i]) == 0;
        if (!again && first) {
            dataset->class_name = scan_room(dataset->class_name, (size_t)dataset->classes, sizeof(char *));
            dataset->class_name[dataset->classes++] = mem_string(sorted[i].label);
        }
        label[sorted[i].record] = again   ? label[sorted[i - 1].record]
                                  : first ? dataset->classes - 1
                                          : dataset_class(dataset, sorted[i].label);
    }
    mem_free(sorted);
}

/* Labels that are no classes: every image has one of its own. */
static bool check_labels(const struct dataset *dataset, const struct records *records, struct error *error)
{
    enum { FEW = 20 };
    if (records->count < FEW || (size_t)dataset->classes < records->count)
        return true;
    return error_set(error, ERROR_DATA,
                     "%s: each of its %zu images has a label of its own, such as %.60s: what tells classes apart is "
                     "another column; data.columns = PATH, LABEL says which",
                     dataset->path, records->count, records->record[0].label);
}

/* --- the whole --- */

static void set_weight(struct dataset *dataset, const struct record *record, size_t before)
{
    struct dataset_images *images = &dataset->images[record->split];
    if (images->items > before)
        images->item[before].weight = record->weight;
}

bool records_fill(struct records *records, const struct tree *tree, struct tree_node *folder, struct dataset *dataset,
                  struct error *error)
{
    struct class_names names = {0};
    struct file_bytes bytes = {0};
    if (!leave_out_twins(records, dataset, error))
        return false;
    double sum = 0;
    for (size_t i = 0; i < records->count; i++)
        sum += (double)records->record[i].weight;
    if (records->count && !(sum > 0))
        return error_set(error, ERROR_DATA, "%s: all weights are 0", dataset->path);
    bool numbers = records->count > 0;
    for (size_t i = 0; numbers && i < records->count; i++)
        numbers = label_number(records->record[i].label) >= 0;
    bool named = numbers && find_names(&names, records, tree, folder);
    char **digits = mem_array(records->count + 1, sizeof(char *));
    for (size_t i = 0; numbers && i < records->count; i++) {
        long number = label_number(records->record[i].label);
        digits[i] = mem_format("%ld", number);
        records->record[i].label = named ? names.name[number] : digits[i];
    }
    dataset->numbered = numbers && !named;
    int *label = mem_array(records->count + 1, sizeof *label);
    make_classes(dataset, records, label);
    bool good = check_labels(dataset, records, error);
    dataset->weighted = dataset->weighted || records->weighted;
    for (size_t i = 0; good && i < records->count; i++) {
        const struct record *record = &records->record[i];
        size_t before = dataset->images[record->split].items;
        scan_file(dataset, &bytes, tree, record->file, record->split, label[i]);
        set_weight(dataset, record, before);
    }
    if (good && records->unlabelled)
        dataset_note(dataset, "%zu line%s name%s no label and %s not used", records->unlabelled,
                     records->unlabelled == 1 ? "" : "s", records->unlabelled == 1 ? "s" : "",
                     records->unlabelled == 1 ? "is" : "are");
    file_bytes_finish(&bytes);
    finish_names(&names);
    for (size_t i = 0; i < records->count; i++)
        mem_free(digits[i]);
    mem_free(digits);
    mem_free(label);
    return good;
}
