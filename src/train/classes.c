/* See the header. Called by the trainer where it begins from what a run has. */
#include "config.h"

#include "classes.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"

struct hash classes_hash(char *const *name, size_t count)
{
    struct hash hash = {0, 0};
    for (size_t i = 0; i < count; i++)
        hash = hash_bytes(name[i], strlen(name[i]) + 1, hash);
    return hash;
}

/* What was predicted last names them; the caller frees the list. */
static size_t read_names(const char *run, char ***name)
{
    enum { BYTES_MOST = 1 << 30 };
    struct error unused;
    char *path = path_join(run, "predictions.json");
    char *text = file_exists(path) ? file_read_text_own(path, BYTES_MOST, &unused) : NULL;
    json_t *root = text ? json_loads(text, 0, NULL) : NULL, *list = json_object_get(root, "classes");
    size_t count = json_array_size(list);
    *name = mem_array(count + 1, sizeof **name);
    for (size_t i = 0; i < count; i++) {
        const char *one = json_string_value(json_array_get(list, i));
        (*name)[i] = mem_string(one ? one : "");
    }
    json_decref(root);
    mem_free(text);
    mem_free(path);
    return count;
}

/* Names come in order: where two lists part, the lesser name is missing in the other one. */
static void find_first(char *const *was, size_t count, const struct dataset *dataset, char first[CLASSES_TEXT])
{
    char *const *is = dataset->class_name;
    size_t classes = (size_t)dataset->classes, i = 0;
    while (i < count && i < classes && strcmp(was[i], is[i]) == 0)
        i++;
    if (i < count && (i == classes || strcmp(was[i], is[i]) < 0))
        snprintf(first, CLASSES_TEXT, "\"%.120s\" was one of them", was[i]);
    else if (i < classes)
        snprintf(first, CLASSES_TEXT, "\"%.120s\" was none of them", is[i]);
}

bool classes_are_same(const struct hash *was, const struct dataset *dataset, const char *run, char first[CLASSES_TEXT])
{
    const struct hash unknown = {0, 0};
    char **name;
    first[0] = '\0';
    if (hash_equal(*was, unknown) || hash_equal(*was, classes_hash(dataset->class_name, (size_t)dataset->classes)))
        return true;
    size_t count = read_names(run, &name);
    if (hash_equal(*was, classes_hash(name, count)))
        find_first(name, count, dataset, first);
    for (size_t i = 0; i < count; i++)
        mem_free(name[i]);
    mem_free(name);
    return false;
}
