/* The cache of summaries: a line that names the format and carries the digest of what follows, and a JSON object with an
 * entry a file of events, by device and inode, so that it holds for a run under any name. An entry says which state it is
 * of: size, and times of change to the nanosecond. The time of the inode is among them, since no program can set it.
 * Called for lists of runs. */
#include "config.h"

#include "run_cache.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rundir_private.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/hash.h"
#include "thaw/base/mem.h"
#include "thaw/run/run_fields.h"

#define CACHE_FILE   "run-summaries" /* not "runs": all homes may be one folder */
#define CACHE_FORMAT "thaw-runs-4 "
enum { CACHE_BYTES_MAX = 32 << 20, ENTRIES_MAX = 10000 };

/* A file written so many seconds ago may be written again within the clock's grain, with the same times. */
static const double settled = 3;

struct run_cache {
    json_t *entries, *used; /* used: those asked for or put in, which stay where there are too many */
    bool changed;
};

/* --- what an entry holds --- */

/* Doubles in hexadecimal: to the bit, and with those that are no numbers. Integers as text: JSON's end at 2^63. */
static json_t *field_to_json(const struct rundir_summary *summary, const struct run_field *field)
{
    const void *at = (const char *)summary + field->offset;
    char text[40];
    switch (field->type) {
    case RUN_FIELD_TEXT:
        return json_string(at);
    case RUN_FIELD_STRING:
        return json_string(*(char *const *)at);
    case RUN_FIELD_DOUBLE:
        snprintf(text, sizeof text, "%a", *(const double *)at);
        break;
    case RUN_FIELD_INT:
    case RUN_FIELD_HOW:
        snprintf(text, sizeof text, "%d", *(const int *)at);
        break;
    case RUN_FIELD_U64:
        snprintf(text, sizeof text, "%llu", (unsigned long long)*(const uint64_t *)at);
        break;
    case RUN_FIELD_BOOL:
        return json_boolean(*(const bool *)at);
    }
    return json_string(text);
}

static bool field_from_json(const json_t *json, struct rundir_summary *summary, const struct run_field *field)
{
    void *at = (char *)summary + field->offset;
    const char *text = json_string_value(json);
    char *end = NULL;
    if (field->type == RUN_FIELD_BOOL) {
        *(bool *)at = json_is_true(json);
        return json_is_boolean(json);
    }
    if (!text || (field->type == RUN_FIELD_TEXT && strlen(text) >= field->size))
        return false;
    switch (field->type) {
    case RUN_FIELD_TEXT:
        strcpy(at, text);
        return true;
    case RUN_FIELD_STRING:
        mem_free(*(char **)at);
        *(char **)at = mem_string(text);
        return true;
    case RUN_FIELD_DOUBLE:
        *(double *)at = strtod(text, &end);
        break;
    case RUN_FIELD_INT:
    case RUN_FIELD_HOW:
        *(int *)at = (int)strtol(text, &end, 10);
        break;
    case RUN_FIELD_U64:
        *(uint64_t *)at = strtoull(text, &end, 10);
        break;
    case RUN_FIELD_BOOL:
        break;
    }
    return end && end != text && !*end;
}

static void free_strings(struct rundir_summary *summary)
{
    size_t count;
    const struct run_field *fields = run_fields(&count);
    for (size_t i = 0; i < count; i++)
        if (fields[i].type == RUN_FIELD_STRING)
            mem_free(*(char **)((char *)summary + fields[i].offset));
}

/* --- the file --- */

static char *cache_path(void)
{
    char *home = path_home(PATH_CACHE), *path = path_join(home, CACHE_FILE);
    mem_free(home);
    return path;
}

/* What others can write says nothing. */
static bool is_own(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
           !(status.st_mode & (S_IWGRP | S_IWOTH)) && status.st_size <= CACHE_BYTES_MAX;
}

/* The object behind the first line, or NULL. */
static json_t *parse(const char *text, size_t size)
{
    static const char format[] = CACHE_FORMAT;
    enum { HEAD = sizeof format - 1, FIRST = HEAD + HASH_TEXT };
    char digest[HASH_TEXT] = "";
    struct hash told;
    if (size <= FIRST || memcmp(text, format, HEAD) != 0 || text[FIRST - 1] != '\n')
        return NULL;
    memcpy(digest, text + HEAD, HASH_TEXT - 1);
    struct hash found = hash_bytes(text + FIRST, size - FIRST, (struct hash){0, 0});
    if (!hash_parse(&told, digest) || !hash_equal(told, found))
        return NULL;
    json_t *entries = json_loadb(text + FIRST, size - FIRST, 0, NULL);
    if (json_is_object(entries))
        return entries;
    json_decref(entries);
    return NULL;
}

struct run_cache *run_cache_open(void)
{
    struct error unused;
    struct file_map map;
    struct run_cache *cache = mem_alloc(sizeof *cache);
    char *path = cache_path();
    if (is_own(path) && file_map_open_own(&map, path, &unused)) {
        cache->entries = parse((const char *)map.data, map.size);
        file_map_close(&map);
    }
    if (!cache->entries)
        cache->entries = json_object();
    cache->used = json_object();
    mem_free(path);
    return cache;
}

static bool save(const json_t *entries, struct error *error)
{
    char digest[HASH_TEXT], *path = cache_path(), *home = path_home(PATH_CACHE);
    char *text = json_dumps(entries, JSON_COMPACT);
    struct file_atomic file;
    bool good = text && file_make_directories(home, error) && file_atomic_begin(&file, path, error);
    if (good) {
        file_sweep(home, false);
        hash_text(digest, hash_bytes(text, strlen(text), (struct hash){0, 0}));
        fprintf(file.stream, "%s%s\n%s", CACHE_FORMAT, digest, text);
        good = file_atomic_commit(&file, error);
    }
    free(text);
    mem_free(home);
    mem_free(path);
    return good;
}

void run_cache_close(struct run_cache *cache)
{
    struct error unused;
    if (!cache)
        return;
    bool crowded = json_object_size(cache->entries) > ENTRIES_MAX;
    if (cache->changed && !save(crowded ? cache->used : cache->entries, &unused))
        cache->changed = false; /* it is read again the next time */
    json_decref(cache->entries);
    json_decref(cache->used);
    mem_free(cache);
}

/* --- entries --- */

bool run_cache_key(const char *path, struct run_cache_key *key)
{
    struct stat status;
    char *events = path_join(path, RUNDIR_EVENTS);
    bool good = lstat(events, &status) == 0;
    mem_free(events);
    *key = (struct run_cache_key){0};
    if (!good)
        return false;
    double changed =
        (double)(status.st_mtim.tv_sec > status.st_ctim.tv_sec ? status.st_mtim.tv_sec : status.st_ctim.tv_sec);
    if (clock_wall() - changed < settled)
        return true;
    snprintf(key->file, sizeof key->file, "%llx:%llx", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    snprintf(key->state, sizeof key->state, "%lld %lld.%09ld %lld.%09ld", (long long)status.st_size,
             (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec, (long long)status.st_ctim.tv_sec,
             status.st_ctim.tv_nsec);
    return true;
}

bool run_cache_get(struct run_cache *cache, const struct run_cache_key *key, struct rundir_summary *summary)
{
    json_t *entry = key->file[0] ? json_object_get(cache->entries, key->file) : NULL;
    const char *state = json_string_value(json_object_get(entry, "state"));
    size_t count;
    const struct run_field *fields = run_fields(&count);
    struct rundir_summary read = {.path = summary->path, .name = summary->name};
    bool good = state && !strcmp(state, key->state);
    for (size_t i = 0; good && i < count; i++)
        good = field_from_json(json_object_get(entry, fields[i].name), &read, &fields[i]);
    free_strings(good ? summary : &read);
    if (!good)
        return false;
    *summary = read;
    json_object_set(cache->used, key->file, entry);
    return true;
}

void run_cache_put(struct run_cache *cache, const struct run_cache_key *key, const struct rundir_summary *summary)
{
    size_t count;
    const struct run_field *fields = run_fields(&count);
    if (!key->file[0])
        return;
    json_t *entry = json_object();
    json_object_set_new(entry, "state", json_string(key->state));
    for (size_t i = 0; i < count; i++)
        json_object_set_new(entry, fields[i].name, field_to_json(summary, &fields[i]));
    json_object_set(cache->entries, key->file, entry);
    json_object_set_new(cache->used, key->file, entry);
    cache->changed = true;
}
