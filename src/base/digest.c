/* SHA-256 and MD5 of files, on libmd. Called where files come from elsewhere: downloads, the catalog, verifying. */
#include "config.h"

#include "thaw/base/digest.h"

#include <ctype.h>
#include <errno.h>
#include <md5.h>
#include <sha2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"

enum { PIECE = 1 << 20, PREFIX_LEAST = 8 };

static const struct {
    const char *name;
    size_t digits;
} kinds[] = {
    [DIGEST_NONE] = {"none", 0},
    [DIGEST_SHA256] = {"sha256", 64},
    [DIGEST_MD5] = {"md5", 32},
};
_Static_assert(THAW_LENGTH(kinds) == DIGEST_KINDS, "a row for every kind");

const char *digest_name(enum digest_kind kind)
{
    return kinds[kind].name;
}

static bool take_digits(struct digest *digest, enum digest_kind kind, const char *hex, size_t least)
{
    size_t length = strlen(hex);
    if (length < least || length > kinds[kind].digits || strspn(hex, "0123456789abcdefABCDEF") != length)
        return false;
    digest->kind = kind;
    for (size_t i = 0; i <= length; i++)
        digest->hex[i] = (char)tolower((unsigned char)hex[i]);
    return true;
}

bool digest_parse(struct digest *digest, const char *text)
{
    static const char prefix[] = "sha256-prefix:";
    *digest = (struct digest){.kind = DIGEST_NONE};
    if (!text[0] || !strcmp(text, kinds[DIGEST_NONE].name))
        return true;
    if (!strncmp(text, prefix, strlen(prefix)))
        return take_digits(digest, DIGEST_SHA256, text + strlen(prefix), PREFIX_LEAST);
    for (enum digest_kind kind = DIGEST_SHA256; kind < DIGEST_KINDS; kind++) {
        size_t length = strlen(kinds[kind].name);
        if (!strncmp(text, kinds[kind].name, length) && text[length] == ':')
            return take_digits(digest, kind, text + length + 1, kinds[kind].digits);
    }
    return false;
}

void digest_print(char text[DIGEST_SENTENCE], const struct digest *digest)
{
    const char *name = kinds[digest->kind].name;
    bool whole = strlen(digest->hex) == kinds[digest->kind].digits;
    if (digest->kind == DIGEST_NONE)
        snprintf(text, DIGEST_SENTENCE, "%s", name);
    else
        snprintf(text, DIGEST_SENTENCE, "%s%s:%s", name, whole ? "" : "-prefix", digest->hex);
}

/* Runs over the file in pieces, so that one of gigabytes can be left in the middle. 0: done; else errno, or -1: left. */
static int run(MD5_CTX *md5, SHA2_CTX *sha, int fd, uint64_t size, bool (*go_on)(void *), void *context)
{
    uint8_t *piece = mem_alloc(PIECE);
    int end = 0;
    for (uint64_t at = 0; at < size && end == 0; at += PIECE) {
        size_t length = size - at < PIECE ? (size_t)(size - at) : PIECE;
        if (!file_read_at(fd, piece, length, at))
            end = errno ? errno : ENODATA;
        else if (md5)
            MD5Update(md5, piece, length);
        else
            SHA256Update(sha, piece, length);
        if (end == 0 && go_on && !go_on(context))
            end = -1;
    }
    mem_free(piece);
    return end;
}

bool digest_file(char hex[DIGEST_TEXT], enum digest_kind kind, const char *path, bool (*go_on)(void *context),
                 void *context, struct error *error)
{
    struct file_stamp stamp;
    MD5_CTX md5;
    SHA2_CTX sha;
    int fd = file_open_stamped(path, 0, &stamp, error);
    if (fd < 0)
        return false;
    MD5Init(&md5);
    SHA256Init(&sha);
    int end = run(kind == DIGEST_MD5 ? &md5 : NULL, &sha, fd, stamp.size, go_on, context);
    close(fd);
    if (end < 0)
        return error_set(error, ERROR_STOPPED, "%s: stopped while its digest was taken", path);
    if (end > 0)
        return error_set_errno(error, ERROR_FAILED, end, "%s: cannot be read to its end", path);
    uint8_t bytes[SHA256_DIGEST_LENGTH];
    if (kind == DIGEST_MD5)
        MD5Final(bytes, &md5);
    else
        SHA256Final(bytes, &sha);
    for (size_t i = 0; i < kinds[kind].digits / 2; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

bool digest_matches(const struct digest *expected, const char *found)
{
    return strncmp(expected->hex, found, strlen(expected->hex)) == 0;
}
