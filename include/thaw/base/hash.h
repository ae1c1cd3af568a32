/* Digests: 128-bit XXH3 as 32 hex digits. Fast enough to prove, every epoch, that frozen tensors did not move.
 * Not cryptographic. */
#ifndef THAW_BASE_HASH_H
#define THAW_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thaw/base/error.h"

struct hash {
    uint64_t high, low;
};
enum { HASH_TEXT = 33 };

struct hash hash_bytes(const void *data, size_t size, struct hash seed); /* seed chains pieces; start with {0, 0} */
/* The same of bytes that come in pieces, however they are cut, with the seed {0, 0}. hash_end frees the stream. */
struct hash_stream;
struct hash_stream *hash_begin(void);
void hash_add(struct hash_stream *stream, const void *data, size_t size) THAW_NONNULL_ARGS(1);
struct hash hash_end(struct hash_stream *stream) THAW_NONNULL;
bool hash_file(struct hash *hash, const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* hash_bytes of what lies there in an open file. false, with errno (0: the file ends before). */
bool hash_descriptor(struct hash *hash, int fd, uint64_t at, uint64_t size, struct hash seed)
    THAW_NONNULL_ARGS(1) THAW_MUST_CHECK;
bool hash_equal(struct hash a, struct hash b);
void hash_text(char text[HASH_TEXT], struct hash hash) THAW_NONNULL;
bool hash_parse(struct hash *hash, const char *text) THAW_NONNULL;

#endif
