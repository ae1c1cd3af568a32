/* The inside of the reader that tests look at. */
#ifndef THAW_DATA_READER_PRIVATE_H
#define THAW_DATA_READER_PRIVATE_H

#include "thaw/data/reader.h"

/* reader_view from a file in memory; `name` begins the error sentence. */
bool reader_view_bytes(struct reader *reader, const uint8_t *bytes, size_t size, const char *name,
                       const struct view_request *request, struct image *view, struct error *error)
    THAW_NONNULL_ARGS(1, 4, 5, 6, 7) THAW_MUST_CHECK;
/* How much a picture of this size is shrunk for such a view where `fast` is set: 1, 2, 4 or 8, so that it is still no
 * smaller than the view, or the least random crop of it than the view. */
int reader_shrink(const struct view_request *request, int width, int height) THAW_NONNULL;

/* Of the bytes of the file that was read last; of pixels in one file with others, of what they are. */
struct hash reader_hash(const struct reader *reader, const struct dataset_item *item) THAW_NONNULL;

/* The readers that share a gate wait for each other before they decode what is large. */
struct gate;
void reader_share(struct reader *reader, struct gate *gate) THAW_NONNULL;

#endif
