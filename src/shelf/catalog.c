/* The catalog in use: rows found by name or by file, files found on disk, preprocessing and class names of a row. Called
 * by load, by the session's list of models and by the verbs. */
#include "config.h"

#include "thaw/shelf/catalog.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "catalog_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/nearest.h"
#include "thaw/shelf/folder.h"
#include "thaw/source/bind.h"

enum { IMAGENET_CLASSES = 1000, CLASSES_BYTES_MAX = 16 << 20 };

/* --- opening --- */

static char *place(const char *given, enum path_home home, const char *name)
{
    if (given)
        return mem_string(given);
    char *root = path_home(home), *path = path_join(root, name);
    mem_free(root);
    return path;
}

static bool read_user(struct catalog *catalog, const char *folder, struct error *error)
{
    struct file_list list;
    struct error unused;
    bool good = true;
    if (!file_list_read(&list, folder, &unused))
        return true; /* most have none */
    for (size_t i = 0; good && i < list.count; i++) {
        if (!path_has_ending(list.name[i], ".ini"))
            continue;
        char *path = path_join(folder, list.name[i]);
        good = catalog_read(catalog, path, error);
        mem_free(path);
    }
    file_list_free(&list);
    return good;
}

struct catalog *catalog_open(const struct catalog_places *places, struct error *error)
{
    static const struct catalog_places usual = {0};
    if (!places)
        places = &usual;
    struct catalog *catalog = mem_alloc(sizeof *catalog);
    catalog->installed = places->installed ? mem_string(places->installed) : path_installed("catalog");
    catalog->models = place(places->models, PATH_DATA, "models");
    catalog->samples = place(places->samples, PATH_DATA, "samples");
    char *file = path_join(catalog->installed, "catalog.ini");
    char *user = place(places->user, PATH_CONFIG, "models.d");
    bool good = !file_exists(file) || catalog_read(catalog, file, error);
    good = good && read_user(catalog, user, error);
    mem_free(file);
    mem_free(user);
    if (good)
        return catalog;
    catalog_close(catalog);
    return NULL;
}

void catalog_close(struct catalog *catalog)
{
    if (!catalog)
        return;
    mem_free(catalog->installed);
    mem_free(catalog->models);
    mem_free(catalog->samples);
    mem_free(catalog->row);
    mem_free(catalog);
}

const struct catalog_row *catalog_rows(const struct catalog *catalog, size_t *count)
{
    *count = catalog->rows;
    return catalog->row;
}

/* --- rows by name and by file --- */

/* Whether `word` is among the words of the list. */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; length && (at = strstr(at, word)); at++)
        if ((at == list || at[-1] == ' ') && (!at[length] || at[length] == ' '))
            return true;
    return false;
}

static bool is_called(const struct catalog_row *row, const char *file)
{
    return !strcmp(row->file, file) || has_word(row->also, file);
}

const struct catalog_row *catalog_find(const struct catalog *catalog, const char *name)
{
    const struct catalog_row *found = catalog_row_named(catalog, name);
    for (size_t i = 0; !found && i < catalog->rows; i++)
        if (catalog->row[i].is_default && !strcmp(catalog->row[i].arch, name))
            found = &catalog->row[i];
    for (size_t i = 0; !found && i < catalog->rows; i++)
        if (is_called(&catalog->row[i], name))
            found = &catalog->row[i];
    return found;
}

/* Of the size that the row states, within the source's rounding. */
static bool is_size(const struct catalog_row *row, double bytes)
{
    return isfinite(row->size) && fabs(bytes - row->size) <= row->size_slack + 1;
}

const struct catalog_row *catalog_match(const struct catalog *catalog, const char *path)
{
    const char *file = path_base(path);
    for (size_t i = 0; i < catalog->rows; i++)
        if (is_called(&catalog->row[i], file))
            return &catalog->row[i];
    struct stat status;
    if (stat(path, &status) != 0)
        return NULL;
    char found[DIGEST_KINDS][DIGEST_TEXT] = {""};
    for (size_t i = 0; i < catalog->rows; i++) {
        const struct digest *hash = &catalog->row[i].hash;
        struct error unused;
        if (hash->kind == DIGEST_NONE || !is_size(&catalog->row[i], (double)status.st_size))
            continue;
        if (!found[hash->kind][0] && !digest_file(found[hash->kind], hash->kind, path, NULL, NULL, &unused))
            return NULL;
        if (digest_matches(hash, found[hash->kind]))
            return &catalog->row[i];
    }
    return NULL;
}

/* --- files on disk --- */

static char *locate_in(const char *folder, const struct catalog_row *row)
{
    char *path = path_join(folder, row->file);
    const char *at = row->also;
    while (!file_exists(path)) {
        size_t length = strcspn(at, " ");
        mem_free(path);
        path = NULL;
        if (!length)
            break;
        char *name = mem_format("%.*s", (int)length, at);
        path = path_join(folder, name);
        mem_free(name);
        at += length + (at[length] == ' ');
    }
    return path;
}

char *catalog_locate(const struct catalog *catalog, const struct catalog_row *row)
{
    char *path = locate_in(catalog->models, row);
    return path ? path : locate_in(catalog->samples, row);
}

/* Whether `file` is `stem` with one ending or two: "x.pth", "x.zip.pth". */
static bool has_stem(const char *file, const char *stem)
{
    size_t length = strlen(stem);
    if (strncmp(file, stem, length) != 0 || file[length] != '.')
        return false;
    int endings = 0;
    for (const char *at = file + length; *at; at++) {
        if (*at == '.' && !isalpha((unsigned char)at[1]))
            return false;
        endings += *at == '.';
        if (*at != '.' && !isalnum((unsigned char)*at))
            return false;
    }
    return endings <= 2;
}

/* A file of this stem in the models folder, the first in the order of names. */
static char *find_stem(const struct catalog *catalog, const char *stem)
{
    struct file_list list;
    struct error unused;
    char *path = NULL;
    if (!stem[0] || strchr(stem, '/') || !file_list_read(&list, catalog->models, &unused))
        return NULL;
    for (size_t i = 0; !path && i < list.count; i++)
        if (has_stem(list.name[i], stem) && !strstr(list.name[i], ".part") && !strstr(list.name[i], ".bad"))
            path = path_join(catalog->models, list.name[i]);
    file_list_free(&list);
    return path;
}

static char *refuse_absent(const struct catalog *catalog, const struct catalog_row *row, struct error *error)
{
    if (!row->url[0])
        error_set(error, ERROR_WEIGHTS, "%s is not on this disk and has no address to pull it from; put %s into %s",
                  row->name, row->file, catalog->models);
    else if (isfinite(row->size))
        error_set(error, ERROR_WEIGHTS, "%s is not on this disk; `thaw models pull %s` fetches its %.1f MB", row->name,
                  row->name, row->size / 1e6);
    else
        error_set(error, ERROR_WEIGHTS, "%s is not on this disk; `thaw models pull %s` fetches it", row->name,
                  row->name);
    return NULL;
}

void catalog_tell_nearest(const struct catalog *catalog, const char *name, struct error *error)
{
    struct nearest nearest = {.wanted = name};
    for (size_t i = 0; i < catalog->rows; i++) {
        nearest_offer(&nearest, catalog->row[i].name);
        if (catalog->row[i].arch[0])
            nearest_offer(&nearest, catalog->row[i].arch);
    }
    nearest_tell(&nearest, 1, "`thaw models` lists them", error->text, sizeof error->text);
}

static char *refuse_name(const struct catalog *catalog, const char *name, struct error *error)
{
    error_set(error, ERROR_WEIGHTS, "%s: there is no such file", name);
    if (strchr(name, '/') || weights_is_file_name(name))
        return NULL;
    size_t length = strlen(error->text);
    snprintf(error->text + length, sizeof error->text - length, ", and the catalog has no weights of that name");
    catalog_tell_nearest(catalog, name, error);
    return NULL;
}

char *catalog_weights(const struct catalog *catalog, const char *name, struct error *error)
{
    const struct catalog_row *row = catalog_find(catalog, name);
    if (file_is_directory(name) && !row)
        return folder_weights(name, error);
    if (file_exists(name) && !file_is_directory(name))
        return mem_string(name);
    char *path = row ? catalog_locate(catalog, row) : NULL;
    if (!path)
        path = find_stem(catalog, name);
    if (path)
        return path;
    return row ? refuse_absent(catalog, row, error) : refuse_name(catalog, name, error);
}

/* --- what a row says about its use --- */

static void put_scheme(const struct catalog_row *row, struct preprocess *p)
{
    struct error unused; /* it was read before */
    int channels = p->channels;
    p->channels = 3;
    if (!preprocess_parse(p, row->preprocess, &unused))
        return;
    for (int c = 0; c < 3; c++) {
        p->mean[c] = isfinite(row->mean[c]) ? row->mean[c] : p->mean[c];
        p->std[c] = isfinite(row->std[c]) ? row->std[c] : p->std[c];
    }
    p->channels = channels;
    if (channels == 1) { /* as an architecture is adapted to grey */
        p->bgr = false;
        p->mean[0] = (p->mean[0] + p->mean[1] + p->mean[2]) / 3;
        p->std[0] = (p->std[0] + p->std[1] + p->std[2]) / 3;
    }
}

void catalog_preprocess(const struct catalog_row *row, struct preprocess *preprocess)
{
    if (row->preprocess[0])
        put_scheme(row, preprocess);
    if (row->interpolation >= 0)
        preprocess->interpolation = (enum interpolation)row->interpolation;
    if (row->resize >= 0 && row->input > 0 && preprocess->height == preprocess->width)
        preprocess->resize = (row->resize * preprocess->height + row->input / 2) / row->input;
}

/* --- class names --- */

static char **read_names(const char *path, int classes, struct error *error)
{
    char *text = file_read_lines(path, CLASSES_BYTES_MAX, error);
    if (!text)
        return NULL;
    char **name = mem_array((size_t)classes, sizeof *name);
    int lines = 0;
    for (char *at = text; *at; lines++) {
        size_t length = strcspn(at, "\n");
        size_t kept = length && at[length - 1] == '\r' ? length - 1 : length;
        if (lines < classes)
            name[lines] = mem_format("%.*s", (int)kept, at);
        at += length + (at[length] == '\n');
    }
    mem_free(text);
    if (lines == classes)
        return name;
    bind_free_class_names(name, classes);
    error_set(error, ERROR_USAGE, "%s: %d names, and the head has %d classes", path, lines, classes);
    return NULL;
}

char **catalog_class_names(const struct catalog *catalog, const struct catalog_row *row, int classes,
                           struct error *error)
{
    *error = (struct error){.kind = ERROR_NONE};
    if (row && row->classes_file[0] && row->classes == classes)
        return read_names(row->classes_file, classes, error);
    if (classes != IMAGENET_CLASSES)
        return NULL;
    char *path = path_join(catalog->installed, "imagenet.txt");
    char **names = file_exists(path) ? read_names(path, classes, error) : NULL;
    mem_free(path);
    return names;
}
