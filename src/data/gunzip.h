/* Gzip data (RFC 1952) that is read at any place: a first pass, from the beginning on, keeps what inflating needs to go on
 * from, every 128 KiB or, of much data, less often; later ones begin there (as zlib's examples/zran.c does). Private to src/data and its tests. */
#ifndef THAW_SRC_DATA_GUNZIP_H
#define THAW_SRC_DATA_GUNZIP_H

#include <stddef.h>
#include <stdint.h>

#include "thaw/base/error.h"

struct gunzip;
bool gunzip_probe(const uint8_t *bytes, size_t size); /* bytes may be NULL where size is 0 */
/* Over bytes in memory, which must outlive it. */
struct gunzip *gunzip_create(const uint8_t *bytes, size_t size) THAW_NONNULL_ARGS(1);
void gunzip_destroy(struct gunzip *gunzip);
/* The first pass: unpacked bytes from a place not before the last. false: they end before (error->kind is ERROR_NONE), or are
 * damaged, ERROR_DATA. One caller. */
bool gunzip_first(struct gunzip *gunzip, uint64_t at, uint8_t *to, size_t size, struct error *error)
    THAW_NONNULL_ARGS(1, 5) THAW_MUST_CHECK;
uint64_t gunzip_come(const struct gunzip *gunzip) THAW_NONNULL; /* how far the first pass has come */
/* Unpacked bytes from any place that the first pass has come by. From several threads. */
bool gunzip_at(struct gunzip *gunzip, uint64_t at, uint8_t *to, size_t size, struct error *error)
    THAW_NONNULL_ARGS(1, 5) THAW_MUST_CHECK;

#endif
