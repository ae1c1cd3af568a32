/* Digests that others publish with their files: SHA-256, often only its first digits, and MD5. For thaw's own purposes
 * see base/hash.h, which is much faster. */
#ifndef THAW_BASE_DIGEST_H
#define THAW_BASE_DIGEST_H

#include <stdbool.h>

#include "thaw/base/error.h"

enum digest_kind { DIGEST_NONE, DIGEST_SHA256, DIGEST_MD5, DIGEST_KINDS };

enum { DIGEST_TEXT = 65, DIGEST_SENTENCE = 96 };

/* What is expected of a file: all the hex digits of its digest, or the first of them. Lower case. */
struct digest {
    enum digest_kind kind;
    char hex[DIGEST_TEXT];
};

/* "sha256-prefix:f37072fd" (8 digits at least), "sha256:" and 64 digits, "md5:" and 32 digits, "none" or "". */
bool digest_parse(struct digest *digest, const char *text) THAW_NONNULL;
/* The same text again: "sha256-prefix:f37072fd". */
void digest_print(char text[DIGEST_SENTENCE], const struct digest *digest) THAW_NONNULL;
const char *digest_name(enum digest_kind kind); /* "sha256" */

/* All digits of the file's digest of this kind, which is not DIGEST_NONE. `go_on` (may be NULL) is asked every few
 * megabytes; once it says no, the result is ERROR_STOPPED. */
bool digest_file(char hex[DIGEST_TEXT], enum digest_kind kind, const char *path, bool (*go_on)(void *context),
                 void *context, struct error *error) THAW_NONNULL_ARGS(1, 3, 6) THAW_MUST_CHECK;
/* Whether all digits found begin with those expected. Nothing expected: true. */
bool digest_matches(const struct digest *expected, const char *found) THAW_NONNULL;

#endif
