/* Reading one IDX file; the bytes are described in idx.h. What gzip unpacks is taken as it comes, so that memory follows
 * what a file holds and not what it claims. Called by layout_idx.c. */
#include "config.h"

#include "idx.h"

#include <string.h>

#define ZLIB_CONST
#include <zlib.h>

#include "thaw/base/mem.h"

enum { HEADER = IDX_PROBE, UNSIGNED_BYTE = 8, PIECE = 1 << 16 };

static uint32_t big_endian(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

/* Takes an array's dimensions from its first bytes, of which there are `size`; *total: what the whole file should have.
 * Also for the first piece of what is being unpacked. */
static bool read_header(struct idx *idx, const uint8_t *bytes, size_t size, uint64_t *total, struct error *error)
{
    if (size < HEADER || bytes[0] || bytes[1])
        return error_set(error, ERROR_DATA, "not an IDX file: it does not begin with 00 00");
    if (bytes[2] != UNSIGNED_BYTE || bytes[3] < 1 || bytes[3] > IDX_RANK_MAX)
        return error_set(error, ERROR_DATA,
                         "an IDX file of type %02x with %d dimensions; unsigned bytes (08) with 1 to %d are read",
                         bytes[2], bytes[3], IDX_RANK_MAX);
    idx->rank = bytes[3];
    size_t header = HEADER + 4 * (size_t)idx->rank;
    if (size < header)
        return error_set(error, ERROR_DATA, "ends within the %zu bytes of its IDX header: it is truncated", header);
    uint64_t count = 1;
    for (int d = 0; d < idx->rank; d++) {
        idx->dim[d] = big_endian(bytes + HEADER + 4 * (size_t)d);
        if (idx->dim[d] == 0)
            return error_set(error, ERROR_DATA, "dimension %d of its IDX header is 0", d);
        if (count > IDX_BYTES_MAX / idx->dim[d])
            return error_set(error, ERROR_DATA, "its IDX header claims more than the %llu bytes that are read",
                             (unsigned long long)IDX_BYTES_MAX);
        count *= idx->dim[d];
    }
    *total = header + count;
    return true;
}

static bool check_size(uint64_t size, uint64_t total, struct error *error)
{
    if (size < total)
        return error_set(error, ERROR_DATA, "holds %llu bytes, but its IDX header claims %llu: is it truncated?",
                         (unsigned long long)size, (unsigned long long)total);
    return size == total || error_set(error, ERROR_DATA, "holds more than the %llu bytes that its IDX header claims",
                                      (unsigned long long)total);
}

/* What has been unpacked so far. */
struct unpacked {
    uint8_t *bytes;
    size_t size, room;
};

static bool make_room(struct unpacked *unpacked, struct error *error)
{
    if (unpacked->room - unpacked->size >= PIECE)
        return true;
    size_t room = unpacked->room ? 2 * unpacked->room : 4 * (size_t)PIECE;
    uint8_t *bytes = mem_try(room);
    if (!bytes)
        return error_set(error, ERROR_DATA, "%zu bytes of memory to unpack it are not to be had", room);
    if (unpacked->size)
        memcpy(bytes, unpacked->bytes, unpacked->size);
    mem_free(unpacked->bytes);
    unpacked->bytes = bytes;
    unpacked->room = room;
    return true;
}

/* Unpacks piece by piece until the stream ends or there is more than the header claims. */
static bool inflate_pieces(struct idx *idx, z_stream *stream, size_t size, struct unpacked *to, uint64_t *total,
                           struct error *error)
{
    const uint8_t *first = stream->next_in, *end = first + size;
    for (int status = Z_OK; status != Z_STREAM_END && (*total == 0 || to->size <= *total);) {
        if (!make_room(to, error))
            return false;
        size_t left = (size_t)(end - stream->next_in);
        stream->avail_in = left < PIECE ? (uInt)left : PIECE;
        stream->next_out = to->bytes + to->size;
        stream->avail_out = PIECE;
        status = inflate(stream, Z_NO_FLUSH);
        to->size += PIECE - stream->avail_out;
        if (status == Z_BUF_ERROR || (status == Z_OK && stream->avail_out && stream->next_in == end))
            return error_set(error, ERROR_DATA, "its gzip data ends after %zu unpacked bytes: it is truncated",
                             to->size);
        if (status != Z_OK && status != Z_STREAM_END)
            return error_set(error, ERROR_DATA, "its gzip data is damaged at byte %zu",
                             (size_t)(stream->next_in - first));
        bool whole = to->size >= HEADER + 4 * IDX_RANK_MAX || status == Z_STREAM_END;
        if (*total == 0 && whole && !read_header(idx, to->bytes, to->size, total, error))
            return false;
    }
    return true;
}

static bool unpack(struct idx *idx, const uint8_t *bytes, size_t size, uint64_t *total, struct error *error)
{
    enum { GZIP_WINDOW = MAX_WBITS + 16 }; /* zlib: take a gzip header, and check its CRC */
    z_stream stream = {.next_in = bytes};
    struct unpacked to = {0};
    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
        return error_set(error, ERROR_DATA, "no memory to unpack it");
    bool done = inflate_pieces(idx, &stream, size, &to, total, error) && check_size(to.size, *total, error);
    inflateEnd(&stream);
    idx->block = to.bytes;
    return done;
}

static bool is_gzip(const uint8_t *bytes, size_t size)
{
    return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

bool idx_probe(const uint8_t *bytes, size_t size)
{
    return is_gzip(bytes, size) || (size >= HEADER && !bytes[0] && !bytes[1]);
}

bool idx_read(struct idx *idx, const uint8_t *bytes, size_t size, struct error *error)
{
    uint64_t total = 0;
    *idx = (struct idx){0};
    if (size == 0)
        return error_set(error, ERROR_DATA, "the file is empty (zero bytes)");
    if (is_gzip(bytes, size)) {
        if (!unpack(idx, bytes, size, &total, error))
            return false;
        bytes = idx->block;
    } else if (!read_header(idx, bytes, size, &total, error) || !check_size(size, total, error)) {
        return false;
    }
    idx->values = bytes + HEADER + 4 * (size_t)idx->rank;
    return true;
}

bool idx_take(struct idx *idx, struct file_bytes *bytes, struct error *error)
{
    bool done = idx_read(idx, bytes->data, bytes->size, error);
    idx->stamp = bytes->stamp;
    if (idx->block)
        return done;
    idx->bytes = *bytes;
    *bytes = (struct file_bytes){0};
    return done;
}

void idx_close(struct idx *idx)
{
    mem_free(idx->block);
    file_bytes_finish(&idx->bytes);
    *idx = (struct idx){0};
}
