/* See the header. Called by archive.c. */
#include "config.h"

#include "untar.h"

#include <stdlib.h>
#include <string.h>

#include "thaw/base/mem.h"

enum { NAME = 0, NAME_SIZE = 100, SIZE = 124, SUM = 148, KIND = 156, MAGIC = 257, PREFIX = 345, PREFIX_SIZE = 155 };
enum { EXTRA_MAX = 1 << 20 };
#define BYTES_MAX ((uint64_t)1 << 50)

/* Octal digits, or a big-endian number behind a first bit; false: neither, or larger than is read. */
static bool read_number(const uint8_t *from, size_t size, uint64_t *number)
{
    size_t i = 0;
    *number = 0;
    if (from[0] & 0x80) {
        *number = from[0] & 0x7f;
        for (i = 1; i < size && *number <= BYTES_MAX; i++)
            *number = *number << 8 | from[i];
        return *number <= BYTES_MAX;
    }
    while (i < size && from[i] == ' ')
        i++;
    for (; i < size && from[i] >= '0' && from[i] <= '7'; i++)
        *number = *number << 3 | (uint64_t)(from[i] - '0');
    return (i == size || from[i] == ' ' || from[i] == '\0') && *number <= BYTES_MAX;
}

static bool is_empty(const uint8_t *block)
{
    for (int i = 0; i < TAR_BLOCK; i++)
        if (block[i])
            return false;
    return true;
}

/* Some programs added signed bytes. */
static bool sum_holds(const uint8_t *block)
{
    uint64_t stated;
    int64_t plain = 0, odd = 0;
    if (!read_number(block + SUM, 8, &stated))
        return false;
    for (int i = 0; i < TAR_BLOCK; i++) {
        bool blank = i >= SUM && i < SUM + 8;
        plain += blank ? ' ' : block[i];
        odd += blank ? ' ' : (int8_t)block[i];
    }
    return plain == (int64_t)stated || odd == (int64_t)stated;
}

bool tar_probe(const uint8_t *block, size_t size)
{
    return size >= TAR_BLOCK && !is_empty(block) && sum_holds(block);
}

/* prefix/name; what is longer than a name can be is cut. */
static void read_name(const uint8_t *block, char name[TAR_NAME_MAX])
{
    size_t length = strnlen((const char *)block + NAME, NAME_SIZE), before = 0;
    if (memcmp(block + MAGIC, "ustar\0", 6) == 0) /* GNU's older form has other fields there */
        before = strnlen((const char *)block + PREFIX, PREFIX_SIZE);
    memcpy(name, block + PREFIX, before);
    if (before > 0)
        name[before++] = '/';
    memcpy(name + before, block + NAME, length);
    name[before + length] = '\0';
}

/* What stands before an entry about it. */
struct about {
    bool named, sized;
    char name[TAR_NAME_MAX];
    uint64_t size;
};

static bool refuse(const struct tar_walk *walk, const char *what, struct error *error)
{
    return error_set(error, ERROR_DATA, "its header at byte %llu %s", (unsigned long long)walk->at, what);
}

/* Lines of "LENGTH KEY=VALUE\n". */
static bool read_pax(struct about *about, const char *text, size_t size)
{
    const char *end = text + size;
    while (text < end && *text) {
        size_t length = 0;
        const char *at = text;
        for (; at < end && *at >= '0' && *at <= '9' && length <= size; at++)
            length = 10 * length + (size_t)(*at - '0');
        if (at == end || *at != ' ' || length > (size_t)(end - text) || length < (size_t)(at - text) + 2)
            return false;
        const char *key = at + 1, *line = text + length - 1; /* at the line's end */
        const char *equals = memchr(key, '=', (size_t)(line - key));
        if (*line != '\n' || !equals)
            return false;
        size_t value = (size_t)(line - equals - 1);
        if ((size_t)(equals - key) == 4 && memcmp(key, "path", 4) == 0 && value < TAR_NAME_MAX) {
            memcpy(about->name, equals + 1, value);
            about->name[value] = '\0';
            about->named = true;
        }
        if ((size_t)(equals - key) == 4 && memcmp(key, "size", 4) == 0) {
            about->size = 0;
            for (const char *digit = equals + 1; digit < line; digit++) {
                if (*digit < '0' || *digit > '9' || about->size > BYTES_MAX)
                    return false;
                about->size = 10 * about->size + (uint64_t)(*digit - '0');
            }
            about->sized = true;
        }
        text += length;
    }
    return true;
}

/* The bytes of a header about the next one. */
static bool read_about(struct tar_walk *walk, char kind, uint64_t size, struct about *about, struct error *error)
{
    if (size > EXTRA_MAX)
        return refuse(walk, "is followed by more about the next one than is read", error);
    char *text = mem_alloc((size_t)size + 1);
    bool good = walk->source.read(walk->source.context, walk->at + TAR_BLOCK, text, (size_t)size, error);
    if (!good && error->kind == ERROR_NONE)
        refuse(walk, "is followed by less than it claims: the archive is truncated", error);
    if (good && kind == 'L') {
        size_t length = strnlen(text, (size_t)size);
        about->named = length < TAR_NAME_MAX;
        memcpy(about->name, text, about->named ? length + 1 : 0);
    } else if (good && !read_pax(about, text, (size_t)size)) {
        good = refuse(walk, "is followed by lines that cannot be read", error);
    }
    mem_free(text);
    return good;
}

/* The next header's block; false at the end, too. */
static bool next_block(struct tar_walk *walk, uint8_t block[TAR_BLOCK], struct error *error)
{
    if (!walk->source.read(walk->source.context, walk->at, block, TAR_BLOCK, error) || is_empty(block))
        return false;
    return sum_holds(block) || refuse(walk, "is damaged: its sum is another", error);
}

bool tar_next(struct tar_walk *walk, struct tar_entry *entry, struct error *error)
{
    uint8_t block[TAR_BLOCK];
    struct about *about = mem_alloc(sizeof *about);
    bool done = false, good = true;
    error->kind = ERROR_NONE;
    while (!done && good && next_block(walk, block, error)) {
        uint64_t size;
        char kind = (char)block[KIND];
        good = read_number(block + SIZE, 12, &size) || refuse(walk, "has no size that can be read", error);
        bool ahead = kind == 'L' || kind == 'x' || kind == 'K' || kind == 'g';
        if (good && (kind == 'L' || kind == 'x'))
            good = read_about(walk, kind, size, about, error);
        if (good && !ahead) {
            size = about->sized ? about->size : size;
            read_name(block, entry->name);
            if (about->named)
                memcpy(entry->name, about->name, strlen(about->name) + 1);
            entry->at = walk->at + TAR_BLOCK;
            entry->size = size;
            entry->file = kind == '0' || kind == '\0' || kind == '7';
            size = kind >= '1' && kind <= '6' ? 0 : size; /* links and folders have no bytes, whatever they claim */
            done = true;
        }
        if (good)
            walk->at += TAR_BLOCK + (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
        if (walk->at > BYTES_MAX)
            good = refuse(walk, "claims more than is read", error);
    }
    mem_free(about);
    return done && good;
}
