/* See the header. Called by archive.c. A place to go on from is at the end of a deflate block: how far input and output had
 * come, the bits of the input's last byte that were not used, and the last 32 KiB of the output, which matches refer to. */
#include "config.h"

#include "gunzip.h"

#include <pthread.h>
#include <string.h>

#define ZLIB_CONST
#include <zlib.h>

#include "thaw/base/mem.h"

enum { WINDOW = 1 << MAX_WBITS, POINTS_MAX = 4096, CURSORS = 8, FEED = 1 << 20 };
#define SPAN_FIRST ((uint64_t)128 << 10) /* twice as much each time that the points become too many */

struct point {
    uint64_t in, out;
    int bits;
    uint8_t *window; /* [WINDOW]; NULL: the beginning */
};

/* A stream that has come somewhere. */
struct cursor {
    z_stream stream;
    bool open, busy;
    uint64_t out;
};

struct gunzip {
    const uint8_t *bytes;
    size_t size;
    struct point *point;
    size_t points;
    uint64_t span;       /* of the output, between two points */
    struct cursor first; /* of the first pass */
    uint8_t *recent;     /* [WINDOW] of the first pass's output, a ring */
    bool ended;
    pthread_mutex_t mutex; /* over the cursors, but those that are busy */
    struct cursor cursor[CURSORS];
};

bool gunzip_probe(const uint8_t *bytes, size_t size)
{
    return size >= 18 && bytes[0] == 0x1f && bytes[1] == 0x8b && bytes[2] == 8;
}

struct gunzip *gunzip_create(const uint8_t *bytes, size_t size)
{
    struct gunzip *gunzip = mem_alloc(sizeof *gunzip);
    gunzip->bytes = bytes;
    gunzip->size = size;
    gunzip->span = SPAN_FIRST;
    gunzip->point = mem_array(POINTS_MAX, sizeof *gunzip->point);
    gunzip->points = 1; /* the beginning */
    gunzip->recent = mem_alloc(WINDOW);
    pthread_mutex_init(&gunzip->mutex, NULL);
    return gunzip;
}

/* Who has it taken keeps it: `busy` is the mutex's. */
static void close_cursor(struct cursor *cursor)
{
    if (cursor->open)
        inflateEnd(&cursor->stream);
    cursor->open = false;
    cursor->out = 0;
    cursor->stream = (z_stream){0};
}

void gunzip_destroy(struct gunzip *gunzip)
{
    if (!gunzip)
        return;
    close_cursor(&gunzip->first);
    for (int i = 0; i < CURSORS; i++)
        close_cursor(&gunzip->cursor[i]);
    for (size_t i = 0; i < gunzip->points; i++)
        mem_free(gunzip->point[i].window);
    pthread_mutex_destroy(&gunzip->mutex);
    mem_free(gunzip->point);
    mem_free(gunzip->recent);
    mem_free(gunzip);
}

static uint64_t consumed(const struct gunzip *gunzip, const z_stream *stream)
{
    return (uint64_t)(stream->next_in - gunzip->bytes);
}

/* --- going on --- */

/* From the beginning zlib reads the gzip header, from elsewhere it is plain deflate data. */
static bool open_cursor(const struct gunzip *gunzip, struct cursor *cursor, const struct point *point,
                        struct error *error)
{
    enum { GZIP_WINDOW = MAX_WBITS + 16 };
    close_cursor(cursor);
    int status = inflateInit2(&cursor->stream, point->window ? -MAX_WBITS : GZIP_WINDOW);
    cursor->open = status == Z_OK;
    cursor->out = point->out;
    cursor->stream.next_in = gunzip->bytes + point->in;
    if (status == Z_OK && point->bits)
        status = inflatePrime(&cursor->stream, point->bits, gunzip->bytes[point->in - 1] >> (8 - point->bits));
    if (status == Z_OK && point->window)
        status = inflateSetDictionary(&cursor->stream, point->window, WINDOW);
    return status == Z_OK || error_set(error, ERROR_FAILED, "no memory to unpack it");
}

/* One step of inflate into at most `room` bytes; *got of them. Z_BUF_ERROR: the input is at its end. */
static int step(const struct gunzip *gunzip, struct cursor *cursor, uint8_t *to, size_t room, int flush, size_t *got)
{
    uint64_t left = gunzip->size - consumed(gunzip, &cursor->stream);
    uInt out = room < FEED ? (uInt)room : FEED;
    cursor->stream.avail_in = left < FEED ? (uInt)left : FEED;
    cursor->stream.next_out = to;
    cursor->stream.avail_out = out;
    int status = inflate(&cursor->stream, flush);
    *got = out - cursor->stream.avail_out;
    cursor->out += *got;
    if (status == Z_OK && *got == 0 && left == 0)
        return Z_BUF_ERROR;
    return status;
}

static bool refuse(const struct gunzip *gunzip, const struct cursor *cursor, int status, struct error *error)
{
    if (status == Z_BUF_ERROR)
        return error_set(error, ERROR_DATA, "its gzip data ends after %llu unpacked bytes: it is truncated",
                         (unsigned long long)cursor->out);
    return error_set(error, ERROR_DATA, "its gzip data is damaged at byte %llu",
                     (unsigned long long)consumed(gunzip, &cursor->stream));
}

/* --- the first pass --- */

/* Every other point goes, and later ones are as far apart. */
static void thin_out(struct gunzip *gunzip)
{
    size_t kept = 1;
    for (size_t i = 1; i < gunzip->points; i++) {
        if (i % 2)
            mem_free(gunzip->point[i].window);
        else
            gunzip->point[kept++] = gunzip->point[i];
    }
    gunzip->points = kept;
    gunzip->span *= 2;
}

/* Takes a point at the end of a block. */
static void take_point(struct gunzip *gunzip)
{
    const struct cursor *first = &gunzip->first;
    if (gunzip->points == POINTS_MAX)
        thin_out(gunzip);
    struct point *point = &gunzip->point[gunzip->points++];
    size_t at = (size_t)(first->out % WINDOW);
    *point = (struct point){.in = consumed(gunzip, &first->stream),
                            .out = first->out,
                            .bits = first->stream.data_type & 7,
                            .window = mem_alloc(WINDOW)};
    memcpy(point->window, gunzip->recent + at, WINDOW - at);
    memcpy(point->window + WINDOW - at, gunzip->recent, at);
}

/* zlib: bit 7 is set behind a block, bit 6 behind the last one. */
static bool is_block_end(const z_stream *stream)
{
    return (stream->data_type & 128) && !(stream->data_type & 64);
}

/* Unpacks into the ring, up to its end; *got new bytes from gunzip->first.out - *got on. */
static bool unpack_more(struct gunzip *gunzip, size_t most, size_t *got, struct error *error)
{
    struct cursor *first = &gunzip->first;
    size_t at = (size_t)(first->out % WINDOW), room = WINDOW - at;
    int status = step(gunzip, first, gunzip->recent + at, room < most ? room : most, Z_BLOCK, got);
    if (status == Z_STREAM_END)
        gunzip->ended = true;
    else if (status != Z_OK)
        return refuse(gunzip, first, status, error);
    const struct point *last = &gunzip->point[gunzip->points - 1];
    if (!gunzip->ended && is_block_end(&first->stream) && first->out >= WINDOW &&
        first->out - last->out >= gunzip->span)
        take_point(gunzip);
    return true;
}

bool gunzip_first(struct gunzip *gunzip, uint64_t at, uint8_t *to, size_t size, struct error *error)
{
    struct cursor *first = &gunzip->first;
    if (!first->open && !open_cursor(gunzip, first, &gunzip->point[0], error))
        return false;
    error->kind = ERROR_NONE;
    if (at < first->out)
        return error_set(error, ERROR_FAILED, "its first reading went back");
    uint64_t end = at + size;
    while (first->out < end) {
        uint64_t before = first->out;
        size_t got, most = end - before < WINDOW ? (size_t)(end - before) : WINDOW;
        if (gunzip->ended)
            return false;
        if (!unpack_more(gunzip, most, &got, error))
            return false;
        uint64_t from = before > at ? before : at; /* of the new bytes, those that are wanted */
        if (before + got > from)
            memcpy(to + (from - at), gunzip->recent + from % WINDOW, (size_t)(before + got - from));
    }
    return true;
}

uint64_t gunzip_come(const struct gunzip *gunzip)
{
    return gunzip->first.out;
}

/* --- any place --- */

static const struct point *point_before(const struct gunzip *gunzip, uint64_t at)
{
    size_t first = 0, end = gunzip->points;
    while (first + 1 < end) {
        size_t middle = first + (end - first) / 2;
        if (gunzip->point[middle].out <= at)
            first = middle;
        else
            end = middle;
    }
    return &gunzip->point[first];
}

/* A stream that is nearest before a place, or one that can be put to the point before it. NULL: all are busy. */
static struct cursor *take_cursor(struct gunzip *gunzip, uint64_t at, uint64_t point)
{
    struct cursor *best = NULL;
    pthread_mutex_lock(&gunzip->mutex);
    for (int i = 0; i < CURSORS; i++) {
        struct cursor *cursor = &gunzip->cursor[i];
        if (cursor->busy)
            continue;
        bool nearer = cursor->open && cursor->out <= at && cursor->out >= point;
        bool best_nearer = best && best->open && best->out <= at && best->out >= point;
        if (!best || (nearer && (!best_nearer || cursor->out > best->out)) || (!best_nearer && !cursor->open))
            best = cursor;
    }
    if (best)
        best->busy = true;
    pthread_mutex_unlock(&gunzip->mutex);
    return best;
}

/* *whole: the stream can be gone on with; zlib may tell of a fault behind bytes that were all that is wanted. */
static bool unpack_to(struct gunzip *gunzip, struct cursor *cursor, uint64_t at, uint8_t *to, size_t size, bool *whole,
                      struct error *error)
{
    uint8_t *skipped = at > cursor->out ? mem_alloc(WINDOW) : NULL;
    bool good = true;
    *whole = true;
    while (good && cursor->out < at + size) {
        bool before = cursor->out < at;
        uint64_t left = before ? at - cursor->out : at + size - cursor->out;
        size_t got, room = before && left > WINDOW ? WINDOW : (size_t)left;
        int status = step(gunzip, cursor, before ? skipped : to + (cursor->out - at), room, Z_NO_FLUSH, &got);
        if (status == Z_STREAM_END && cursor->out < at + size)
            status = Z_BUF_ERROR;
        *whole = status == Z_OK;
        good = *whole || cursor->out >= at + size || refuse(gunzip, cursor, status, error);
    }
    mem_free(skipped);
    return good;
}

bool gunzip_at(struct gunzip *gunzip, uint64_t at, uint8_t *to, size_t size, struct error *error)
{
    const struct point *point = point_before(gunzip, at);
    struct cursor own = {0}, *cursor = take_cursor(gunzip, at, point->out);
    struct cursor *used = cursor ? cursor : &own;
    bool there = used->open && used->out <= at && used->out >= point->out;
    bool whole = false;
    bool good =
        (there || open_cursor(gunzip, used, point, error)) && unpack_to(gunzip, used, at, to, size, &whole, error);
    if (!cursor) {
        close_cursor(&own);
        return good;
    }
    pthread_mutex_lock(&gunzip->mutex);
    if (!whole)
        close_cursor(cursor);
    cursor->busy = false;
    pthread_mutex_unlock(&gunzip->mutex);
    return good;
}
