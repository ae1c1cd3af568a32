/* Lists of class names, from text or JSON: first all as lines, then the further forms that the lines allow. Called by eval. */
#include "config.h"

#include "thaw/data/labels.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"

enum { BYTES_MAX = 16 << 20, CLASSES_MAX = 1 << 20, SYNSET = 9 };

static void free_form(char **name, int count)
{
    for (int i = 0; name && i < count; i++)
        mem_free(name[i]);
    mem_free(name);
}

void labels_finish(struct labels *labels)
{
    for (int f = 0; f < labels->forms; f++)
        free_form(labels->name[f], labels->count);
    *labels = (struct labels){.count = 0};
}

static char *copy(const char *from, size_t size)
{
    return mem_format("%.*s", (int)size, from);
}

/* --- text --- */

/* The lines of a text; empty ones at the end do not count. */
static void read_lines(struct labels *labels, const char *text)
{
    char **line = NULL;
    int lines = 0, named = 0;
    for (const char *at = text; *at;) {
        size_t size = strcspn(at, "\n"), kept = size && at[size - 1] == '\r' ? size - 1 : size;
        line = mem_grow(line, (size_t)lines + 1, sizeof *line);
        line[lines++] = copy(at, kept);
        named = kept ? lines : named;
        at += size + (at[size] == '\n');
    }
    while (lines > named)
        mem_free(line[--lines]);
    labels->name[labels->forms++] = line;
    labels->count = lines;
}

/* --- JSON --- */

/* "tench", or "n01440764 tench" of a list of these two; NULL: no name. The caller frees. */
static char *name_of(const json_t *value)
{
    const char *own = json_string_value(value);
    if (own)
        return mem_string(own);
    const char *synset = json_string_value(json_array_get(value, 0)),
               *name = json_string_value(json_array_get(value, 1));
    return synset && name ? mem_format("%s %s", synset, name) : NULL;
}

/* The number that a text is, or -1. */
static long whole(const char *text)
{
    char *end;
    long number = isdigit((unsigned char)*text) ? strtol(text, &end, 10) : -1;
    return number >= 0 && !*end && number <= CLASSES_MAX ? number : -1;
}

/* Which class an entry is for, and what it is called: {"0": "cat"} or {"cat": 0}. */
static long read_entry(const char *key, const json_t *value, char **name)
{
    bool turned = json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) <= CLASSES_MAX;
    *name = turned ? mem_string(key) : name_of(value);
    return turned ? (long)json_integer_value(value) : whole(key);
}

static bool take_object(char **name, size_t count, json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        char *own;
        long index = read_entry(key, value, &own);
        if (!own || index < 0 || (size_t)index >= count || name[index]) {
            mem_free(own);
            return false;
        }
        name[index] = own;
    }
    return true;
}

static bool take_list(char **name, size_t count, const json_t *list)
{
    for (size_t i = 0; i < count; i++)
        if (!(name[i] = name_of(json_array_get(list, i))))
            return false;
    return true;
}

/* Every class once, in whatever form. */
static bool take_json(struct labels *labels, json_t *root)
{
    size_t count = json_is_array(root) ? json_array_size(root) : json_object_size(root);
    char **name = count && count <= CLASSES_MAX ? mem_array(count, sizeof *name) : NULL;
    if (!name)
        return false;
    if (json_is_array(root) ? take_list(name, count, root) : take_object(name, count, root)) {
        labels->name[labels->forms++] = name;
        labels->count = (int)count;
        return true;
    }
    free_form(name, (int)count);
    return false;
}

static bool read_json(struct labels *labels, const char *path, const char *text, struct error *error)
{
    static const char *const members[] = {"id2label", "label2id",    "class_to_idx", "names",
                                          "labels",   "label_names", "class_names",  "classes"};
    json_error_t fault;
    json_t *root = json_loads(text, 0, &fault);
    bool good = root && take_json(labels, root);
    for (size_t i = 0; i < THAW_LENGTH(members) && !good; i++)
        good = json_object_get(root, members[i]) && take_json(labels, json_object_get(root, members[i]));
    if (!root)
        error_set(error, ERROR_USAGE, "%s: no valid JSON in line %d: %.100s", path, fault.line, fault.text);
    else if (!good)
        error_set(error, ERROR_USAGE,
                  "%s: JSON without a list of classes: [\"cat\", ...], {\"0\": \"cat\", ...} or {\"cat\": 0, ...} is "
                  "read, also as \"id2label\" and the like",
                  path);
    json_decref(root);
    return good;
}

/* --- further forms --- */

/* "12: cat", "12 cat", "12,cat": the number, and where the name begins; -1: no such line. */
static long leading_number(const char *line, const char **name)
{
    char *end;
    line += strspn(line, " \t");
    long number = isdigit((unsigned char)*line) ? strtol(line, &end, 10) : -1;
    if (number < 0 || number > CLASSES_MAX)
        return -1;
    size_t gap = strspn(end, " \t:,;|.)=");
    *name = end + gap;
    return gap > 0 && **name ? number : -1;
}

/* Where every line has a number, and together they are 0, 1, ... or 1, 2, ...: the names in their order. */
static bool add_numbered(struct labels *labels)
{
    int count = labels->count, least = CLASSES_MAX;
    const char *name;
    for (int i = 0; i < count; i++) {
        long number = leading_number(labels->name[0][i], &name);
        least = number < least ? (int)number : least;
    }
    if (count == 0 || least < 0 || least > 1)
        return false;
    char **form = mem_array((size_t)count, sizeof *form);
    for (int i = 0; i < count; i++) {
        long at = leading_number(labels->name[0][i], &name) - least;
        if (at >= count || form[at]) {
            free_form(form, count);
            return false;
        }
        form[at] = copy(name, strlen(name));
    }
    labels->name[labels->forms++] = form;
    return true;
}

/* "n01440764 tench": nine characters, then something between. */
static bool is_synset(const char *line)
{
    return line[0] == 'n' && strspn(line + 1, "0123456789") == SYNSET - 1 && strspn(line + SYNSET, " \t:,_-") > 0;
}

static size_t before_comma(const char *line)
{
    return strcspn(line, ",");
}

static size_t synset_size(const char *line)
{
    return strcspn(line, " \t:,_-");
}

/* A form that has of every line the first `size` bytes behind what `skip` passes over. */
static void add_cut(struct labels *labels, char *const *from, bool skip_synset, size_t (*size)(const char *line))
{
    char **form = mem_array((size_t)labels->count, sizeof *form);
    for (int i = 0; i < labels->count; i++) {
        const char *line = from[i];
        if (skip_synset) {
            line += SYNSET;
            line += strspn(line, " \t:,_-");
        }
        form[i] = copy(line, size ? size(line) : strlen(line));
    }
    labels->name[labels->forms++] = form;
}

static void add_forms(struct labels *labels)
{
    if (labels->count == 0)
        return;
    char *const *lines = labels->name[add_numbered(labels) ? 1 : 0];
    bool synsets = true, commas = false;
    for (int i = 0; i < labels->count; i++) {
        synsets = synsets && is_synset(lines[i]);
        commas = commas || strchr(lines[i], ',');
    }
    if (synsets) {
        add_cut(labels, lines, false, synset_size);
        add_cut(labels, lines, true, NULL);
    }
    if (commas)
        add_cut(labels, lines, synsets, before_comma);
}

bool labels_read(struct labels *labels, const char *path, struct error *error)
{
    *labels = (struct labels){.count = 0};
    char *text = file_read_lines(path, BYTES_MAX, error);
    if (!text) {
        error->kind = ERROR_USAGE;
        return false;
    }
    const char *from = text + (strncmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0), *first = from + strspn(from, " \t\r\n");
    bool good = true;
    if (*first == '{' || *first == '[')
        good = read_json(labels, path, from, error);
    else
        read_lines(labels, from);
    mem_free(text);
    if (good)
        add_forms(labels);
    return good;
}
