/* See the header. Called by tree.c when data are opened, and wherever images are read. */
#include "config.h"

#include "archive.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "gunzip.h"
#include "scan.h"
#include "thaw/base/mem.h"
#include "thaw/base/zip.h"
#include "untar.h"

enum { PROBED = 1 << 16 };

struct entry {
    char *name;
    uint64_t at, size; /* of a tar's bytes */
    struct zip_entry zip;
    bool probed;
    struct image_header header;
    char *reason; /* owned; NULL: it is an image */
};

struct archive {
    char *path;
    struct file_map map;
    struct zip zip;
    struct gunzip *gunzip; /* of a tar in gzip */
    bool is_zip;
    struct entry *entry;
    size_t entries;
    atomic_int holders;
};

static bool is_zip(const uint8_t *bytes, size_t size)
{
    return size >= 4 && memcmp(bytes, "PK\3\4", 4) == 0;
}

bool archive_is(const char *path)
{
    enum { START = 1 << 16 };
    struct error unused = {0};
    struct file_bytes start = {0};
    uint8_t block[TAR_BLOCK];
    bool is = file_read(&start, path, START, &unused);
    is = is && start.size > 0;
    if (is && gunzip_probe(start.data, start.size)) {
        struct gunzip *gunzip = gunzip_create(start.data, start.size);
        is = gunzip_first(gunzip, 0, block, sizeof block, &unused) && tar_probe(block, sizeof block);
        gunzip_destroy(gunzip);
    } else if (is) {
        is = (is_zip(start.data, start.size) && !path_has_ending(path, ".npz")) || tar_probe(start.data, start.size);
    }
    file_bytes_finish(&start);
    return is;
}

/* --- what is in it --- */

/* Parts of the path one by one: "./a//b" is a/b. NULL: it leads out, or nowhere. */
static char *clean_name(const char *name, size_t size)
{
    char *copy = mem_format("%.*s", (int)size, name), *clean = mem_alloc(size + 2), *rest = NULL;
    bool good = true;
    for (char *c = copy; *c; c++)
        *c = *c == '\\' ? '/' : *c;
    for (char *part = strtok_r(copy, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
        good = good && strcmp(part, "..") != 0;
        if (strcmp(part, ".") == 0)
            continue;
        size_t used = strlen(clean);
        memcpy(clean + used, used ? "/" : "", 1);
        strcpy(clean + used + (used > 0), part);
    }
    mem_free(copy);
    if (good && *clean)
        return clean;
    mem_free(clean);
    return NULL;
}

static void add_entry(struct archive *archive, const char *name, size_t size, struct entry entry)
{
    entry.name = clean_name(name, size);
    if (!entry.name) {
        mem_free(entry.reason);
        return;
    }
    archive->entry = scan_room(archive->entry, archive->entries, sizeof *archive->entry);
    archive->entry[archive->entries++] = entry;
}

static bool list_zip(struct archive *archive, struct error *error)
{
    struct error end = {0};
    struct zip_entry entry;
    if (!zip_open(&archive->zip, &archive->map, error))
        return false;
    struct zip_walk walk = zip_walk(&archive->zip);
    while (zip_next(&walk, &entry, &end)) {
        bool folder = entry.name_size > 0 && entry.name[entry.name_size - 1] == '/';
        if (!folder && !memchr(entry.name, '\0', entry.name_size))
            add_entry(archive, (const char *)entry.name, entry.name_size,
                      (struct entry){.size = entry.size, .zip = entry});
    }
    if (end.kind != ERROR_NONE)
        *error = end;
    return end.kind == ERROR_NONE;
}

static bool read_map(void *context, uint64_t at, void *to, size_t size, struct error *error)
{
    const struct archive *archive = context;
    error->kind = ERROR_NONE;
    if (at > archive->map.size || size > archive->map.size - at)
        return false;
    memcpy(to, archive->map.data + at, size);
    return true;
}

static bool read_gzip(void *context, uint64_t at, void *to, size_t size, struct error *error)
{
    const struct archive *archive = context;
    return gunzip_first(archive->gunzip, at, to, size, error);
}

/* Looks at the beginning of an entry while the first pass comes by; where that does not say, it is looked at later. */
static bool probe(struct archive *archive, struct entry *entry, uint8_t *start, struct error *error)
{
    struct error why = {0};
    size_t size = entry->size < PROBED ? (size_t)entry->size : PROBED;
    if (!gunzip_first(archive->gunzip, entry->at, start, size, error))
        return error->kind == ERROR_NONE; /* it ends within: told by who lists */
    bool good = image_probe(&entry->header, start, size, "", &why);
    entry->probed = good || size == entry->size;
    if (!good && entry->probed)
        entry->reason = mem_string(strncmp(why.text, ": ", 2) == 0 ? why.text + 2 : why.text);
    return true;
}

static bool list_tar(struct archive *archive, struct error *error)
{
    struct tar_walk walk = {.source = {archive->gunzip ? read_gzip : read_map, archive}};
    struct tar_entry *entry = mem_alloc(sizeof *entry);
    uint8_t *start = archive->gunzip ? mem_alloc(PROBED) : NULL;
    uint64_t end = 0;
    while (tar_next(&walk, entry, error)) {
        struct entry own = {.at = entry->at, .size = entry->size};
        if (entry->file && start && !probe(archive, &own, start, error))
            break;
        if (entry->file)
            add_entry(archive, entry->name, strlen(entry->name), own);
        end = entry->file ? entry->at + entry->size : end;
    }
    mem_free(start);
    mem_free(entry);
    if (error->kind != ERROR_NONE)
        return false;
    uint64_t there = archive->gunzip ? gunzip_come(archive->gunzip) : archive->map.size;
    return end <= there || error_set(error, ERROR_DATA, "it ends within a file: it is truncated");
}

static bool list(struct archive *archive, struct error *error)
{
    const uint8_t *bytes = archive->map.data;
    size_t size = archive->map.size;
    archive->is_zip = is_zip(bytes, size);
    if (archive->is_zip)
        return list_zip(archive, error);
    if (gunzip_probe(bytes, size))
        archive->gunzip = gunzip_create(bytes, size);
    return list_tar(archive, error);
}

struct archive *archive_open(const char *path, struct error *error)
{
    struct archive *archive = mem_alloc(sizeof *archive);
    archive->path = mem_string(path);
    atomic_init(&archive->holders, 1);
    bool good = file_map_open(&archive->map, path, error);
    if (good)
        good = list(archive, error) || error_wrap(error, "%s", path);
    if (good && !file_map_holds(&archive->map))
        good = error_set(error, ERROR_DATA, "%s: it was cut while it was read", path);
    if (good)
        return archive;
    error->kind = ERROR_DATA;
    archive_close(archive);
    return NULL;
}

struct archive *archive_keep(struct archive *archive)
{
    atomic_fetch_add(&archive->holders, 1);
    return archive;
}

void archive_close(struct archive *archive)
{
    if (!archive || atomic_fetch_sub(&archive->holders, 1) > 1)
        return;
    for (size_t i = 0; i < archive->entries; i++) {
        mem_free(archive->entry[i].name);
        mem_free(archive->entry[i].reason);
    }
    mem_free(archive->entry);
    gunzip_destroy(archive->gunzip);
    file_map_close(&archive->map);
    mem_free(archive->path);
    mem_free(archive);
}

size_t archive_entries(const struct archive *archive)
{
    return archive->entries;
}

const char *archive_name(const struct archive *archive, size_t entry)
{
    return archive->entry[entry].name;
}

void archive_stamp(const struct archive *archive, struct file_stamp *stamp)
{
    *stamp = archive->map.stamp;
}

uint64_t archive_size(const struct archive *archive, size_t entry)
{
    return archive->entry[entry].size;
}

bool archive_probed(const struct archive *archive, size_t number, struct image_header *header, const char **reason)
{
    const struct entry *entry = &archive->entry[number];
    *header = entry->header;
    *reason = entry->reason ? entry->reason : "";
    return entry->probed;
}

/* --- reading --- */

static bool unpack(struct archive *archive, const struct entry *entry, uint8_t *to, size_t size, struct error *error)
{
    if (archive->is_zip)
        return zip_read(&archive->zip, &entry->zip, to, size, error);
    if (archive->gunzip)
        return gunzip_at(archive->gunzip, entry->at, to, size, error);
    if (!read_map(archive, entry->at, to, size, error))
        return error_set(error, ERROR_DATA, "it ends within the file: it is truncated");
    return true;
}

/* A claim of more than the archive can hold takes no memory. */
static bool can_hold(const struct archive *archive, const struct entry *entry)
{
    enum { RATIO = 1032, BESIDE = 1 << 16 };
    uint64_t packed = archive->is_zip ? entry->zip.packed : archive->map.size;
    return entry->size / RATIO <= packed + BESIDE;
}

bool archive_read(struct archive *archive, size_t number, const char *name, size_t most, struct file_bytes *bytes,
                  struct error *error)
{
    const struct entry *entry = &archive->entry[number];
    size_t wanted = entry->size < most ? (size_t)entry->size : most;
    bytes->size = 0;
    if (!can_hold(archive, entry))
        return error_set(error, ERROR_DATA, "%s: it claims %llu bytes, more than its archive can hold", name,
                         (unsigned long long)entry->size);
    if (wanted > bytes->room) {
        file_bytes_finish(bytes);
        bytes->data = mem_try(wanted);
        bytes->room = bytes->data ? wanted : 0;
    }
    if (wanted > 0 && !bytes->data)
        return error_set(error, ERROR_FAILED, "%s: no memory for its %zu bytes", name, wanted);
    bool good = unpack(archive, entry, bytes->data, wanted, error);
    if (good && !file_map_holds(&archive->map))
        good = error_set(error, ERROR_FAILED, "its archive was cut while it was read");
    if (!good) {
        error->kind = error->kind == ERROR_WEIGHTS ? ERROR_DATA : error->kind;
        return error_wrap(error, "%s", name);
    }
    bytes->size = wanted;
    if (!file_stamp_take(archive->map.file, &bytes->stamp))
        bytes->stamp = archive->map.stamp;
    return true;
}
