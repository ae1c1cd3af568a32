/* Zip archives (PKWARE's APPNOTE.TXT 6.3.10) as torch.save and Keras 3 write them: the directory is read here, not by
 * libzip, because tensors are used where they lie in the map and libzip tells no entry's offset. Deflated entries go
 * straight to zlib: a second reader of the same directory could see other entries in a hostile one. Called by the
 * weights formats that are zip archives, and by datasets.
 *
 * The bytes, all numbers little endian:
 * 1. entries: "PK\3\4", 26 bytes, of which at 26 and 28 the lengths of name and extra field; name; extra field; the
 *    packed bytes. Sizes here may be missing: those of the directory count.
 * 2. directory, an entry: "PK\1\2", 42 bytes (flags at 8, method at 10, CRC-32 at 16, packed and unpacked size at 20
 *    and 24, lengths of name, extra field and comment at 28, offset of 1 at 42); name; extra field; comment. A size or
 *    offset of 0xffffffff is in the extra field with id 1 instead, eight bytes each, in the order unpacked, packed,
 *    offset.
 * 3. zip64 only: "PK\6\6", 52 bytes (number of entries at 32, size and offset of the directory at 40 and 48), then its
 *    locator "PK\6\7", 16 bytes, of which at 8 where it is.
 * 4. "PK\5\6", 18 bytes (number of entries at 10, size and offset of the directory at 12 and 16, length of the comment
 *    at 20), comment, end of the file.
 *
 * Refused: archives in several parts, encrypted entries, packings other than stored and deflated, entries whose header
 * names another file than the directory does, sizes and offsets that do not lie before the directory. */
#include "config.h"

#include "thaw/base/zip.h"

#include <string.h>

#define ZLIB_CONST
#include <zlib.h>

#include "thaw/base/mem.h"
#include "thaw/base/quote.h"

enum { LOCAL = 30, ENTRY = 46, END = 22, END64 = 56, LOCATOR = 20, COMMENT_MAX = 0xffff };
enum { METHOD_STORED = 0, METHOD_DEFLATED = 8, FLAG_ENCRYPTED = 1, EXTRA_ZIP64 = 1 };
#define IN_EXTRA UINT32_MAX /* a 32-bit field that says: look into the zip64 extra field */

static uint64_t number(const uint8_t *from, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; i--)
        value = value << 8 | from[i];
    return value;
}

static bool is_signature(const uint8_t *at, int third, int fourth)
{
    return at[0] == 'P' && at[1] == 'K' && at[2] == third && at[3] == fourth;
}

/* The end record: the last signature whose comment does not reach beyond the file. */
static const uint8_t *find_end(const struct file_map *map)
{
    size_t furthest = END + COMMENT_MAX;
    for (size_t back = END; back <= furthest && back <= map->size; back++) {
        const uint8_t *at = map->data + map->size - back;
        if (is_signature(at, 5, 6) && number(at + 20, 2) <= back - END)
            return at;
    }
    return NULL;
}

/* Takes the sizes from the zip64 record where its locator stands before the end record. */
static bool read_end64(struct zip *zip, const struct file_map *map, const uint8_t *end, uint64_t *size,
                       struct error *error)
{
    if (end - map->data < LOCATOR || !is_signature(end - LOCATOR, 6, 7))
        return true;
    uint64_t at = number(end - LOCATOR + 8, 8), before = (uint64_t)(end - LOCATOR - map->data);
    if (before < END64 || at > before - END64 || !is_signature(map->data + at, 6, 6))
        return error_set(error, ERROR_WEIGHTS, "its zip64 record should be at byte %llu, but is not there",
                         (unsigned long long)at);
    zip->entries = number(map->data + at + 32, 8);
    *size = number(map->data + at + 40, 8);
    zip->directory = number(map->data + at + 48, 8);
    zip->end = at;
    return true;
}

bool zip_open(struct zip *zip, const struct file_map *map, struct error *error)
{
    const uint8_t *end = find_end(map);
    if (!end)
        return error_set(error, ERROR_WEIGHTS,
                         "is a zip archive that ends at byte %zu without its directory: it is truncated", map->size);
    if (number(end + 4, 2) != number(end + 6, 2))
        return error_set(error, ERROR_WEIGHTS, "is one part of a zip archive in several, which is not read");
    uint64_t size = number(end + 12, 4);
    *zip = (struct zip){.data = map->data, .entries = number(end + 10, 2), .directory = number(end + 16, 4)};
    zip->end = (uint64_t)(end - map->data);
    if (!read_end64(zip, map, end, &size, error))
        return false;
    if (zip->directory > zip->end || size > zip->end - zip->directory || zip->entries > size / ENTRY)
        return error_set(error, ERROR_WEIGHTS,
                         "its zip directory of %llu entries should have %llu bytes from byte %llu, which do not fit "
                         "before byte %llu",
                         (unsigned long long)zip->entries, (unsigned long long)size, (unsigned long long)zip->directory,
                         (unsigned long long)zip->end);
    zip->end = zip->directory + size;
    return true;
}

struct zip_walk zip_walk(const struct zip *zip)
{
    return (struct zip_walk){.zip = zip, .at = zip->directory, .left = zip->entries};
}

/* Replaces the fields that the entry leaves to the zip64 extra field. */
static bool read_extra(struct zip_entry *entry, const uint8_t *extra, size_t size)
{
    uint64_t *const wanted[] = {&entry->size, &entry->packed, &entry->header};
    while (size >= 4) {
        size_t id = (size_t)number(extra, 2), length = (size_t)number(extra + 2, 2);
        extra += 4;
        size -= 4;
        if (length > size)
            return false;
        for (size_t w = 0; id == EXTRA_ZIP64 && w < THAW_LENGTH(wanted); w++) {
            if (*wanted[w] != IN_EXTRA)
                continue;
            if (length < 8)
                return false;
            *wanted[w] = number(extra, 8);
            extra += 8;
            length -= 8;
            size -= 8;
        }
        extra += length;
        size -= length;
    }
    return true;
}

bool zip_next(struct zip_walk *walk, struct zip_entry *entry, struct error *error)
{
    const struct zip *zip = walk->zip;
    error->kind = ERROR_NONE;
    if (walk->left == 0)
        return false;
    const uint8_t *at = zip->data + walk->at;
    uint64_t left = zip->end - walk->at;
    if (left < ENTRY || !is_signature(at, 1, 2))
        return error_set(error, ERROR_WEIGHTS, "its zip directory has no entry at byte %llu, where one should be",
                         (unsigned long long)walk->at);
    size_t name = (size_t)number(at + 28, 2), extra = (size_t)number(at + 30, 2), comment = (size_t)number(at + 32, 2);
    if (name + extra + comment > left - ENTRY)
        return error_set(error, ERROR_WEIGHTS, "its zip directory's entry at byte %llu reaches behind the directory",
                         (unsigned long long)walk->at);
    *entry = (struct zip_entry){.name = at + ENTRY,
                                .name_size = name,
                                .size = number(at + 24, 4),
                                .packed = number(at + 20, 4),
                                .header = number(at + 42, 4),
                                .crc = (uint32_t)number(at + 16, 4),
                                .method = (int)number(at + 10, 2)};
    char quote[QUOTE_BYTES];
    quote_bytes(quote, entry->name, name);
    if (number(at + 8, 2) & FLAG_ENCRYPTED)
        return error_set(error, ERROR_WEIGHTS, "its entry \"%s\" is encrypted, which is not read", quote);
    if (!read_extra(entry, at + ENTRY + name, extra))
        return error_set(error, ERROR_WEIGHTS, "its entry \"%s\" has a damaged zip64 field", quote);
    walk->at += ENTRY + name + extra + comment;
    walk->left--;
    return true;
}

/* Where the packed bytes of an entry lie; they end before the directory. */
static const uint8_t *find_packed(const struct zip *zip, const struct zip_entry *entry, const char *quote,
                                  struct error *error)
{
    bool fits = zip->directory >= LOCAL && entry->header <= zip->directory - LOCAL;
    const uint8_t *header = zip->data + (fits ? entry->header : 0);
    if (!fits || !is_signature(header, 3, 4)) {
        error_set(error, ERROR_WEIGHTS, "its entry \"%s\" should start at byte %llu, where there is none", quote,
                  (unsigned long long)entry->header);
        return NULL;
    }
    uint64_t left = zip->directory - entry->header - LOCAL;
    size_t name = (size_t)number(header + 26, 2), skip = name + (size_t)number(header + 28, 2);
    if (skip > left || entry->packed > left - skip) {
        error_set(error, ERROR_WEIGHTS,
                  "its entry \"%s\" at byte %llu should have %llu bytes, which do not fit before the directory", quote,
                  (unsigned long long)entry->header, (unsigned long long)entry->packed);
        return NULL;
    }
    if (name != entry->name_size || memcmp(header + LOCAL, entry->name, name) != 0) {
        error_set(error, ERROR_WEIGHTS, "its entry \"%s\" has another name where it starts, at byte %llu", quote,
                  (unsigned long long)entry->header);
        return NULL;
    }
    return header + LOCAL + skip;
}

/* Inflates an entry in pieces that zlib's 32-bit counters can hold; true when exactly `size` bytes came out, and, where that
 * is to be all, no more would come. */
static bool inflate_bytes(const uint8_t *from, uint64_t packed, uint8_t *to, uint64_t size, bool all)
{
    enum { PIECE = 1 << 30 };
    z_stream stream = {0};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return false;
    uint64_t in = 0, out = 0;
    int status = Z_OK;
    while (status == Z_OK && (all || out < size)) {
        uint64_t feed = packed - in < PIECE ? packed - in : PIECE, room = size - out < PIECE ? size - out : PIECE;
        stream.next_in = from + in;
        stream.avail_in = (uInt)feed;
        stream.next_out = to + out;
        stream.avail_out = (uInt)room;
        status = inflate(&stream, Z_NO_FLUSH);
        in += feed - stream.avail_in;
        out += room - stream.avail_out;
    }
    inflateEnd(&stream);
    return (status == Z_STREAM_END || !all) && out == size;
}

static const uint8_t *unpack(const struct zip_entry *entry, const uint8_t *packed, size_t *budget, void **block,
                             const char *quote, struct error *error)
{
    if (entry->size > *budget) {
        error_set(error, ERROR_WEIGHTS,
                  "its entry \"%s\" unpacks to %llu bytes, more than a file of this size may ask for; save it again "
                  "without compression",
                  quote, (unsigned long long)entry->size);
        return NULL;
    }
    uint8_t *bytes = mem_try((size_t)entry->size);
    if (!bytes) {
        error_set(error, ERROR_WEIGHTS, "its entry \"%s\" needs %llu bytes of memory, which are not to be had", quote,
                  (unsigned long long)entry->size);
        return NULL;
    }
    if (!inflate_bytes(packed, entry->packed, bytes, entry->size, true) ||
        crc32_z(0, bytes, (size_t)entry->size) != entry->crc) {
        error_set(error, ERROR_WEIGHTS, "its entry \"%s\" is damaged: it does not unpack to what the directory says",
                  quote);
        mem_free(bytes);
        return NULL;
    }
    *budget -= (size_t)entry->size;
    return *block = bytes;
}

const uint8_t *zip_bytes(const struct zip *zip, const struct zip_entry *entry, size_t *budget, void **block,
                         struct error *error)
{
    char quote[QUOTE_BYTES];
    quote_bytes(quote, entry->name, entry->name_size);
    *block = NULL;
    const uint8_t *packed = find_packed(zip, entry, quote, error);
    if (!packed || (entry->method == METHOD_STORED && entry->packed == entry->size))
        return packed;
    if (entry->method == METHOD_DEFLATED)
        return unpack(entry, packed, budget, block, quote, error);
    if (entry->method == METHOD_STORED)
        error_set(error, ERROR_WEIGHTS, "its entry \"%s\" is stored in %llu bytes, but should have %llu", quote,
                  (unsigned long long)entry->packed, (unsigned long long)entry->size);
    else
        error_set(error, ERROR_WEIGHTS, "its entry \"%s\" is packed by method %d; stored and deflated are read", quote,
                  entry->method);
    return NULL;
}

static bool read_packed(const struct zip_entry *entry, const uint8_t *packed, uint8_t *to, size_t size)
{
    bool all = size == entry->size;
    if (entry->method == METHOD_STORED) {
        memcpy(to, packed, size);
        return true;
    }
    return inflate_bytes(packed, entry->packed, to, size, all) && (!all || crc32_z(0, to, size) == entry->crc);
}

bool zip_read(const struct zip *zip, const struct zip_entry *entry, uint8_t *to, size_t size, struct error *error)
{
    char quote[QUOTE_BYTES];
    quote_bytes(quote, entry->name, entry->name_size);
    const uint8_t *packed = find_packed(zip, entry, quote, error);
    if (!packed)
        return false;
    if ((entry->method != METHOD_STORED && entry->method != METHOD_DEFLATED) ||
        (entry->method == METHOD_STORED && entry->packed != entry->size))
        return error_set(error, ERROR_WEIGHTS, "its entry \"%s\" is packed by method %d; stored and deflated are read",
                         quote, entry->method);
    return size == 0 || read_packed(entry, packed, to, size) ||
           error_set(error, ERROR_WEIGHTS, "its entry \"%s\" is damaged: it does not unpack to what the directory says",
                     quote);
}
