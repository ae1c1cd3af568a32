/* Archives that are read where they are: zip, tar, and tar in gzip. Private to src/data. */
#ifndef THAW_SRC_DATA_ARCHIVE_H
#define THAW_SRC_DATA_ARCHIVE_H

#include "thaw/base/file.h"
#include "thaw/data/image.h"

struct archive;
/* Whether a file begins as one; a zip archive that holds NumPy's arrays (.npz) is none. */
bool archive_is(const char *path) THAW_NONNULL;
/* Maps the file and lists what is in it: of gzip data that is a pass over all of it. ERROR_DATA names the file. */
struct archive *archive_open(const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* One more who has it, and one less: the last closes it. */
struct archive *archive_keep(struct archive *archive) THAW_NONNULL;
void archive_close(struct archive *archive); /* takes NULL */

size_t archive_entries(const struct archive *archive) THAW_NONNULL;
/* Its path in the archive, without what says nothing ("./"), never with "..". */
const char *archive_name(const struct archive *archive, size_t entry) THAW_NONNULL;
void archive_stamp(const struct archive *archive, struct file_stamp *stamp) THAW_NONNULL; /* as it was opened */
uint64_t archive_size(const struct archive *archive, size_t entry) THAW_NONNULL;
/* What image_probe says of an entry, where that is known since the archive was opened: of gzip data, through which every
 * look costs time. reason: "" where it is an image. false: it is not known. */
bool archive_probed(const struct archive *archive, size_t entry, struct image_header *header,
                    const char **reason) THAW_NONNULL;
/* As file_read reads a file: the stamp is the archive's as it is now. name: for sentences. From several threads. */
bool archive_read(struct archive *archive, size_t entry, const char *name, size_t most, struct file_bytes *bytes,
                  struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
