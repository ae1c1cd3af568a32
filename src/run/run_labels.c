/* labels.json: {"digest":"...","tags": [...], "note": "..."}. What else a newer program put there stays. Read with every
 * listing, written whole and atomically; the last of two who write at once wins. Called by the list of runs and `thaw
 * runs`.
 *
 * The digest is of all bytes behind its digits. It counts where it is the first thing in the file, to the letter: programs
 * that know none keep it as they keep whatever they do not know, but write it in another way. */
#include "config.h"

#include "thaw/run/run_labels.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/file.h"
#include "thaw/base/hash.h"
#include "thaw/base/mem.h"

#define LABELS_FILE "labels.json"
static const char head[] = "{\"digest\":\"";
enum { LABELS_BYTES_MAX = 64 << 10, HEAD = sizeof head - 1, DIGITS = HASH_TEXT - 1 };

static bool is_tag(const char *text)
{
    size_t length = strlen(text);
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7f || strchr(",\"", *at))
            return false;
    return length > 0 && length <= RUN_TAG_MAX && text[0] != '-';
}

static bool refuse_tag(const char *word, struct error *error)
{
    return error_set(
        error, ERROR_USAGE,
        "\"%.80s\" cannot be a tag: 1 to %d bytes of UTF-8 without blanks, commas and quotes, and no minus at its "
        "beginning",
        word, RUN_TAG_MAX);
}

/* --- reading --- */

static bool are_tags(const json_t *tags)
{
    for (size_t i = 0; i < json_array_size(tags); i++) {
        const char *tag = json_string_value(json_array_get(tags, i));
        if (!tag || !is_tag(tag))
            return false;
    }
    return !tags || (json_is_array(tags) && json_array_size(tags) <= RUN_TAGS_MAX);
}

static bool is_note(const json_t *note)
{
    return !note || (json_is_string(note) && json_string_length(note) <= RUN_NOTE_MAX);
}

/* As far as it has a digest that counts. */
static bool is_as_written(const char *text, size_t size)
{
    char digits[HASH_TEXT] = "";
    struct hash told;
    if (size < HEAD + DIGITS || memcmp(text, head, HEAD) != 0)
        return true;
    memcpy(digits, text + HEAD, DIGITS);
    struct hash found = hash_bytes(text + HEAD + DIGITS, size - HEAD - DIGITS, (struct hash){0, 0});
    return hash_parse(&told, digits) && hash_equal(told, found);
}

static json_t *parse(const char *text, size_t size)
{
    json_error_t fault;
    bool good = size > 0 && size <= LABELS_BYTES_MAX && is_as_written(text, size);
    json_t *root = good ? json_loadb(text, size, 0, &fault) : NULL;
    if (json_is_object(root) && are_tags(json_object_get(root, "tags")) && is_note(json_object_get(root, "note"))) {
        json_object_del(root, "digest");
        return root;
    }
    json_decref(root);
    return NULL;
}

/* The file's object, an empty one where there is no file; NULL: it holds something else. */
static json_t *load(const char *path, struct error *error)
{
    char *file = path_join(path, LABELS_FILE);
    struct file_map map = {0};
    json_t *root = NULL;
    if (!file_exists(file)) {
        root = json_object();
    } else if (file_map_open_own(&map, file, error)) {
        root = parse((const char *)map.data, map.size);
        if (!root)
            error_set(error, ERROR_FAILED,
                      "%s: not a run's tags and note as they were written; remove it to give it others", file);
        file_map_close(&map);
    }
    mem_free(file);
    return root;
}

static char *join(const struct run_labels *labels)
{
    char *all = mem_alloc(labels->tags * (RUN_TAG_MAX + 2) + 1), *end = all;
    for (size_t i = 0; i < labels->tags; i++)
        end += sprintf(end, "%s%s", i ? ", " : "", labels->tag[i]);
    return all;
}

bool run_labels_read(struct run_labels *labels, const char *path, struct error *error)
{
    json_t *root = load(path, error);
    const json_t *tags = json_object_get(root, "tags");
    const char *note = json_string_value(json_object_get(root, "note"));
    *labels = (struct run_labels){.tags = json_array_size(tags), .note = mem_string(note ? note : "")};
    labels->tag = mem_array(labels->tags + 1, sizeof *labels->tag);
    for (size_t i = 0; i < labels->tags; i++)
        labels->tag[i] = mem_string(json_string_value(json_array_get(tags, i)));
    labels->all = join(labels);
    json_decref(root);
    return root != NULL;
}

void run_labels_finish(struct run_labels *labels)
{
    for (size_t i = 0; i < labels->tags; i++)
        mem_free(labels->tag[i]);
    mem_free(labels->tag);
    mem_free(labels->all);
    mem_free(labels->note);
    *labels = (struct run_labels){0};
}

/* --- writing --- */

/* root: with something in it. */
static bool save(const char *path, const json_t *root, struct error *error)
{
    char digits[HASH_TEXT], *file = path_join(path, LABELS_FILE), *dumped = json_dumps(root, JSON_INDENT(2));
    char *rest = mem_format("\",%s", dumped ? dumped + 1 : "");
    hash_text(digits, hash_bytes(rest, strlen(rest), (struct hash){0, 0}));
    char *text = mem_format("%s%s%s", head, digits, rest);
    bool good = dumped ? file_write_atomic(file, text, strlen(text), error)
                       : error_set(error, ERROR_FAILED, "%s: cannot be written", file);
    mem_free(text);
    mem_free(rest);
    free(dumped);
    mem_free(file);
    return good;
}

static size_t find_tag(const json_t *tags, const char *tag)
{
    size_t at = 0;
    while (at < json_array_size(tags) && strcmp(json_string_value(json_array_get(tags, at)), tag) != 0)
        at++;
    return at;
}

static bool put_tag(json_t *tags, const char *word, struct error *error)
{
    bool off = word[0] == '-';
    json_t *tag = is_tag(word + off) ? json_string(word + off) : NULL; /* NULL: not UTF-8 */
    if (!tag)
        return refuse_tag(word, error);
    size_t at = find_tag(tags, word + off);
    if (at < json_array_size(tags) && off)
        json_array_remove(tags, at);
    if (at == json_array_size(tags) && !off)
        json_array_append(tags, tag);
    json_decref(tag);
    return json_array_size(tags) <= RUN_TAGS_MAX ||
           error_set(error, ERROR_USAGE, "a run has at most %d tags", RUN_TAGS_MAX);
}

bool run_tag(const char *path, const char *const *words, size_t count, struct error *error)
{
    json_t *root = load(path, error), *tags = json_object_get(root, "tags");
    bool good = root != NULL;
    if (good && !tags) {
        tags = json_array();
        json_object_set_new(root, "tags", tags);
    }
    for (size_t i = 0; good && i < count; i++)
        good = put_tag(tags, words[i], error);
    good = good && save(path, root, error);
    json_decref(root);
    return good;
}

bool run_note(const char *path, const char *text, struct error *error)
{
    json_t *note = json_string(text);
    if (!note || strlen(text) > RUN_NOTE_MAX) {
        json_decref(note);
        return error_set(error, ERROR_USAGE, "a note is at most %d bytes of UTF-8", RUN_NOTE_MAX);
    }
    json_t *root = load(path, error);
    bool good = root && json_object_set(root, "note", note) == 0 && save(path, root, error);
    json_decref(note);
    json_decref(root);
    return good;
}
