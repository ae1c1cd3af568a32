/* Digests on libxxhash (XXH3, 128 bits). */
#include "config.h"

#include "thaw/base/hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"

static uint64_t seed_of(struct hash seed)
{
    return seed.low ^ (seed.high * 0x9E3779B97F4A7C15u);
}

struct hash hash_bytes(const void *data, size_t size, struct hash seed)
{
    XXH128_hash_t value = XXH3_128bits_withSeed(data, size, seed_of(seed));
    return (struct hash){value.high64, value.low64};
}

/* NULL: no memory for half a kilobyte. */
static XXH3_state_t *begin(struct hash seed)
{
    XXH3_state_t *state = XXH3_createState();
    if (state && XXH3_128bits_reset_withSeed(state, seed_of(seed)) == XXH_OK)
        return state;
    XXH3_freeState(state);
    return NULL;
}

static struct hash end(XXH3_state_t *state)
{
    XXH128_hash_t value = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    return (struct hash){value.high64, value.low64};
}

struct hash_stream {
    XXH3_state_t *state; /* of its own alignment */
};

struct hash_stream *hash_begin(void)
{
    struct hash_stream *stream = mem_alloc(sizeof *stream);
    stream->state = begin((struct hash){0, 0});
    if (!stream->state)
        abort();
    return stream;
}

void hash_add(struct hash_stream *stream, const void *data, size_t size)
{
    if (size > 0)
        XXH3_128bits_update(stream->state, data, size);
}

struct hash hash_end(struct hash_stream *stream)
{
    struct hash hash = end(stream->state);
    mem_free(stream);
    return hash;
}

static bool update(XXH3_state_t *state, int fd, uint64_t at, uint64_t size)
{
    enum { PIECE = 1 << 16 };
    char piece[PIECE];
    for (uint64_t done = 0; done < size; done += PIECE) {
        size_t length = size - done < PIECE ? (size_t)(size - done) : PIECE;
        if (!file_read_at(fd, piece, length, at + done))
            return false;
        XXH3_128bits_update(state, piece, length);
    }
    return true;
}

bool hash_descriptor(struct hash *hash, int fd, uint64_t at, uint64_t size, struct hash seed)
{
    XXH3_state_t *state = begin(seed);
    errno = ENOMEM;
    bool good = state && update(state, fd, at, size);
    int fault = errno;
    struct hash found = state ? end(state) : (struct hash){0, 0};
    if (good)
        *hash = found;
    errno = fault;
    return good;
}

bool hash_file(struct hash *hash, const char *path, struct error *error)
{
    struct file_stamp stamp;
    int fd = file_open_stamped(path, 0, &stamp, error);
    if (fd < 0)
        return false;
    bool good = hash_descriptor(hash, fd, 0, stamp.size, (struct hash){0});
    if (!good && errno)
        error_set_errno(error, ERROR_FAILED, errno, "%s", path);
    else if (!good)
        error_set(error, ERROR_FAILED, "%s: it was cut while it was read", path);
    close(fd);
    return good;
}

bool hash_equal(struct hash a, struct hash b)
{
    return a.high == b.high && a.low == b.low;
}

void hash_text(char text[HASH_TEXT], struct hash hash)
{
    snprintf(text, HASH_TEXT, "%016llx%016llx", (unsigned long long)hash.high, (unsigned long long)hash.low);
}

bool hash_parse(struct hash *hash, const char *text)
{
    unsigned long long high, low;
    if (strspn(text, "0123456789abcdef") != HASH_TEXT - 1 || sscanf(text, "%16llx%16llx", &high, &low) != 2)
        return false;
    *hash = (struct hash){high, low};
    return true;
}
