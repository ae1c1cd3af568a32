/* A catalog file: sections of "key = value" lines, read by a table of keys. A section of a known name changes only the
 * keys it has. Long values go on in the next line, indented. Called by catalog_open, the installed file first. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/nearest.h"

/* inih cuts lines and names that are longer. */
enum { FILE_BYTES_MAX = 8 << 20, LINE_BYTES_MAX = 190, KEY_BYTES_MAX = 48 };

enum key_type {
    KEY_TEXT,   /* no blanks at its ends */
    KEY_LIST,   /* text that may go on in further lines */
    KEY_PATH,   /* relative to the file that names it */
    KEY_DIGEST, /* struct digest */
    KEY_SIZE,   /* bytes, with the rounding behind it */
    KEY_REAL,
    KEY_COUNT, /* a real with a unit: 1.814 G */
    KEY_WHOLE,
    KEY_TRIPLE, /* three floats */
    KEY_WORD,   /* int: place among the words */
    KEY_SCHEME, /* text for preprocess_parse */
};

static const char *const interpolation_words[] = {"bilinear", "bicubic", NULL};
static const char *const yes_words[] = {"no", "yes", NULL};
_Static_assert(THAW_LENGTH(interpolation_words) == INTERPOLATIONS + 1, "a word for each");

#define AT(member) offsetof(struct catalog_row, member), sizeof(((struct catalog_row *)0)->member)
static const struct catalog_key {
    const char *name;
    enum key_type type;
    size_t offset, size;
    double least, most;
    const char *const *words;
} keys[] = {
    {"arch", KEY_TEXT, AT(arch), 0, 0, NULL},
    {"source", KEY_TEXT, AT(source), 0, 0, NULL},
    {"licence", KEY_TEXT, AT(licence), 0, 0, NULL},
    {"file", KEY_TEXT, AT(file), 0, 0, NULL},
    {"url", KEY_TEXT, AT(url), 0, 0, NULL},
    {"also", KEY_LIST, AT(also), 0, 0, NULL},
    {"notes", KEY_LIST, AT(notes), 0, 0, NULL},
    {"hash", KEY_DIGEST, AT(hash), 0, 0, NULL},
    {"size", KEY_SIZE, AT(size), 1, 1e15, NULL},
    {"params", KEY_COUNT, AT(params), 0, 1e15, NULL},
    {"macs", KEY_COUNT, AT(macs), 0, 1e18, NULL},
    {"top1", KEY_REAL, AT(top1), 0, 100, NULL},
    {"top5", KEY_REAL, AT(top5), 0, 100, NULL},
    {"classes", KEY_WHOLE, AT(classes), 0, 1e6, NULL},
    {"classes_file", KEY_PATH, AT(classes_file), 0, 0, NULL},
    {"resize", KEY_WHOLE, AT(resize), 0, 4096, NULL},
    {"input", KEY_WHOLE, AT(input), 1, 4096, NULL},
    {"interpolation", KEY_WORD, AT(interpolation), 0, 0, interpolation_words},
    {"preprocess", KEY_SCHEME, AT(preprocess), 0, 0, NULL},
    {"mean", KEY_TRIPLE, AT(mean), -1e6, 1e6, NULL},
    {"std", KEY_TRIPLE, AT(std), 1e-9, 1e9, NULL},
    {"default", KEY_WORD, AT(is_default), 0, 0, yes_words},
    {"tensors", KEY_TEXT, AT(tensors), 0, 0, NULL},
    {"reference", KEY_LIST, AT(reference), 0, 0, NULL},
};

struct reader {
    struct catalog *catalog;
    const char *path, *at; /* in the text */
    int line;
    struct error *error;
    bool good;
    long row;                       /* of the section being read, or -1 */
    bool given[THAW_LENGTH(keys)];  /* in this section of this file */
    const struct catalog_key *last; /* for values that go on */
};

static int fault(struct reader *reader, const char *format, ...) THAW_PRINTF(2, 3);
static int fault(struct reader *reader, const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (reader->good)
        error_set(reader->error, ERROR_USAGE, "%s:%d: %s", reader->path, reader->line, text);
    reader->good = false;
    return 0;
}

/* --- values --- */

static const struct unit {
    const char *name;
    double factor;
} units[] = {{"", 1},     {"B", 1},    {"k", 1e3},  {"M", 1e6},    {"G", 1e9},       {"T", 1e12},
             {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}};

/* "44.661 MiB": the value, and half of what its last digit stands for. */
static bool parse_units(const char *text, double *value, double *slack)
{
    char *end;
    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    double number = strtod(text, &end);
    const char *point = strchr(text, '.');
    int decimals = point && point < end ? (int)(end - point - 1) : 0;
    while (*end == ' ')
        end++;
    for (size_t i = 0; i < THAW_LENGTH(units); i++)
        if (!strcmp(end, units[i].name)) {
            *value = number * units[i].factor;
            *slack = units[i].factor == 1 ? 0 : 0.5 * units[i].factor * pow(10, -decimals);
            return !errno && isfinite(number);
        }
    return false;
}

static int take_number(struct reader *reader, const struct catalog_key *key, void *field, const char *value)
{
    double number, slack = 0;
    char *end;
    bool plain = key->type == KEY_REAL || key->type == KEY_WHOLE;
    if (plain) {
        number = strtod(value, &end);
        if (end == value || *end || !isfinite(number) || (key->type == KEY_WHOLE && number != floor(number)))
            return fault(reader, "%s = %s: not a %snumber", key->name, value, key->type == KEY_WHOLE ? "whole " : "");
    } else if (!parse_units(value, &number, &slack)) {
        return fault(reader, "%s = %s: not a number with a unit such as k, M, G or MiB", key->name, value);
    }
    if (number < key->least || number > key->most)
        return fault(reader, "%s = %s: must be from %g to %g", key->name, value, key->least, key->most);
    if (key->type == KEY_WHOLE)
        *(int *)field = (int)number;
    else
        *(double *)field = number;
    if (key->type == KEY_SIZE)
        reader->catalog->row[reader->row].size_slack = slack;
    return 1;
}

static int take_triple(struct reader *reader, const struct catalog_key *key, float *field, const char *value)
{
    float number[3];
    int end = 0;
    if (sscanf(value, "%f %f %f%n", &number[0], &number[1], &number[2], &end) != 3 || value[end])
        return fault(reader, "%s = %s: not three numbers", key->name, value);
    for (int i = 0; i < 3; i++)
        if (!((double)number[i] >= key->least && (double)number[i] <= key->most))
            return fault(reader, "%s = %s: must be from %g to %g", key->name, value, key->least, key->most);
    memcpy(field, number, sizeof number);
    return 1;
}

static int take_word(struct reader *reader, const struct catalog_key *key, int *field, const char *value)
{
    for (int i = 0; key->words[i]; i++)
        if (!strcmp(key->words[i], value)) {
            *field = i;
            return 1;
        }
    return fault(reader, "%s = %s: the nearest it can be is %s", key->name, value, nearest_of(value, key->words));
}

static int take_text(struct reader *reader, const struct catalog_key *key, char *field, const char *value, bool goes_on)
{
    size_t used = goes_on ? strlen(field) : 0;
    const char *between = used ? " " : "";
    if (used + strlen(between) + strlen(value) >= key->size)
        return fault(reader, "%s: longer than %zu bytes", key->name, key->size - 1);
    sprintf(field + used, "%s%s", between, value);
    return 1;
}

/* "in-model": the network's own first layers do it all. */
static int take_scheme(struct reader *reader, const struct catalog_key *key, char *field, const char *value)
{
    struct error error;
    struct preprocess room = {.channels = 3};
    const char *scheme = strcmp(value, "in-model") ? value : "raw";
    if (!preprocess_parse(&room, scheme, &error))
        return fault(reader, "%s", error.text);
    return take_text(reader, key, field, scheme, false);
}

static int take_path(struct reader *reader, const struct catalog_key *key, char *field, const char *value)
{
    char *expanded = path_expand(value);
    char *folder = mem_format("%.*s", (int)(path_base(reader->path) - reader->path), reader->path);
    char *path = path_join(folder, expanded);
    int taken = take_text(reader, key, field, path, false);
    mem_free(expanded);
    mem_free(folder);
    mem_free(path);
    return taken;
}

static int take_value(struct reader *reader, const struct catalog_key *key, const char *value, bool goes_on)
{
    void *field = (char *)&reader->catalog->row[reader->row] + key->offset;
    switch (key->type) {
    case KEY_TEXT:
    case KEY_LIST:
        return take_text(reader, key, field, value, goes_on);
    case KEY_PATH:
        return take_path(reader, key, field, value);
    case KEY_DIGEST:
        return digest_parse(field, value) ? 1
                                          : fault(reader,
                                                  "%s = %s: not sha256-prefix: with 8 or more hex digits, sha256: with "
                                                  "64, md5: with 32, or none",
                                                  key->name, value);
    case KEY_SIZE:
    case KEY_REAL:
    case KEY_COUNT:
    case KEY_WHOLE:
        return take_number(reader, key, field, value);
    case KEY_TRIPLE:
        return take_triple(reader, key, field, value);
    case KEY_WORD:
        return take_word(reader, key, field, value);
    case KEY_SCHEME:
        return take_scheme(reader, key, field, value);
    }
    return 0;
}

/* --- sections --- */

struct catalog_row *catalog_row_named(const struct catalog *catalog, const char *name)
{
    for (size_t i = 0; i < catalog->rows; i++)
        if (!strcmp(catalog->row[i].name, name))
            return &catalog->row[i];
    return NULL;
}

static bool begin_section(struct reader *reader, const char *name)
{
    struct catalog *catalog = reader->catalog;
    if (!name[0])
        return fault(reader, "a key stands before the first [section]; each section is a set of weights");
    if (strlen(name) >= CATALOG_NAME || strpbrk(name, "/ \t"))
        return fault(reader, "[%s]: a name has at most %d bytes, no blanks and no slash", name, CATALOG_NAME - 1);
    struct catalog_row *row = catalog_row_named(catalog, name);
    if (!row) {
        if (catalog->rows == catalog->room) {
            catalog->room = catalog->room ? 2 * catalog->room : 160;
            catalog->row = mem_grow(catalog->row, catalog->room, sizeof *catalog->row);
        }
        row = &catalog->row[catalog->rows++];
        *row = (struct catalog_row){.params = NAN, .macs = NAN, .top1 = NAN, .top5 = NAN, .size = NAN};
        row->classes = row->resize = row->input = row->interpolation = -1;
        for (int i = 0; i < 3; i++)
            row->mean[i] = row->std[i] = NAN;
        strcpy(row->name, name);
    }
    reader->row = row - catalog->row;
    memset(reader->given, 0, sizeof reader->given);
    reader->last = NULL;
    return true;
}

static const struct catalog_key *find_key(const char *name)
{
    for (size_t i = 0; i < THAW_LENGTH(keys); i++)
        if (!strcmp(keys[i].name, name))
            return &keys[i];
    return NULL;
}

static int refuse_key(struct reader *reader, const char *name)
{
    char hint[96] = "";
    struct nearest nearest = {.wanted = name};
    for (size_t i = 0; i < THAW_LENGTH(keys); i++)
        nearest_offer(&nearest, keys[i].name);
    nearest_tell(&nearest, 1, "thaw-catalog(5) lists them", hint, sizeof hint);
    return fault(reader, "there is no key \"%s\"%s", name, hint);
}

/* inih's handler; a line that goes on comes as the same key again, the first time at the line's own indent. */
static int take(void *context, const char *section, const char *name, const char *value)
{
    struct reader *reader = context;
    if (!reader->good)
        return 0;
    if ((reader->row < 0 || strcmp(reader->catalog->row[reader->row].name, section) != 0) &&
        !begin_section(reader, section))
        return 0;
    const struct catalog_key *key = find_key(name);
    if (!key)
        return refuse_key(reader, name);
    bool again = reader->given[key - keys], goes_on = again && key == reader->last && key->type == KEY_LIST;
    if (again && !goes_on)
        return fault(reader, "[%s]: %s is given twice", section, name);
    reader->given[key - keys] = true;
    reader->last = key;
    return take_value(reader, key, value, goes_on);
}

/* --- the file --- */

/* fgets for inih, which also counts. */
static char *read_line(char *to, int room, void *context)
{
    struct reader *reader = context;
    size_t length = strcspn(reader->at, "\n");
    if (!*reader->at)
        return NULL;
    reader->line++;
    snprintf(to, (size_t)room, "%.*s\n", (int)length, reader->at);
    reader->at += length + (reader->at[length] == '\n');
    return to;
}

static bool check_line_lengths(const char *text, const char *path, struct error *error)
{
    int line = 1;
    for (const char *at = text; *at; line++) {
        size_t length = strcspn(at, "\n");
        size_t name = at[0] == '[' ? strcspn(at, "]") : strcspn(at, "=:");
        if (length > LINE_BYTES_MAX)
            return error_set(error, ERROR_USAGE,
                             "%s:%d: line longer than %d bytes; let the value go on in the next line, indented", path,
                             line, LINE_BYTES_MAX);
        if (name < length && name > KEY_BYTES_MAX && at[0] != '#' && at[0] != ';' && !isspace((unsigned char)at[0]))
            return error_set(error, ERROR_USAGE, "%s:%d: name longer than %d bytes", path, line, KEY_BYTES_MAX);
        at += length + (at[length] == '\n');
    }
    return true;
}

/* What a row must have once its file is read. */
static bool check_rows(const struct catalog *catalog, size_t first, const char *path, struct error *error)
{
    for (size_t i = first; i < catalog->rows; i++) {
        struct catalog_row *row = &catalog->row[i];
        if (!row->file[0] && row->url[0])
            snprintf(row->file, sizeof row->file, "%s", path_base(row->url));
        if (!row->file[0] || strchr(row->file, '/'))
            return error_set(error, ERROR_USAGE, "%s: [%s]: file must be the name that the weights have on disk", path,
                             row->name);
        if (strlen(row->tensors) != strspn(row->tensors, "0123456789abcdef"))
            return error_set(error, ERROR_USAGE, "%s: [%s]: tensors = %s: not hex digits", path, row->name,
                             row->tensors);
    }
    return true;
}

bool catalog_read(struct catalog *catalog, const char *path, struct error *error)
{
    char *text = file_read_lines(path, FILE_BYTES_MAX, error);
    if (!text) {
        error->kind = ERROR_USAGE;
        return false;
    }
    size_t known = catalog->rows;
    struct reader reader = {.catalog = catalog, .path = path, .at = text, .error = error, .good = true, .row = -1};
    bool good = check_line_lengths(text, path, error);
    if (good) {
        int line = ini_parse_stream(read_line, &reader, take, &reader);
        good = reader.good;
        if (good && line)
            good = error_set(error, ERROR_USAGE, "%s:%d: neither [section], key = value nor a comment", path, line);
    }
    good = good && check_rows(catalog, known, path, error);
    mem_free(text);
    return good;
}
