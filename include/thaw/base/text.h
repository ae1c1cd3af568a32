/* Text that others wrote: names of files and classes, notes, what libraries and weights files say. */
#ifndef THAW_BASE_TEXT_H
#define THAW_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thaw/base/macros.h"

/* Bytes of the character that begins here, before the text's end, and its code; 0: none does. */
size_t text_character(const char *text, uint32_t *code) THAW_NONNULL;
/* Well-formed UTF-8, as Unicode has it: no surrogates, nothing longer than need be. */
bool text_is_utf8(const char *text) THAW_NONNULL THAW_MUST_CHECK;
/* Puts '?' for each byte that is none, in place. */
void text_clean(char *text) THAW_NONNULL;
/* Control characters (C0, DEL, C1); marks, embeddings, overrides and isolates of direction; separators of lines and
 * paragraphs. */
bool text_steers(uint32_t code);
/* The text as a terminal may have it: '?' stands for each character that steers and each byte that is no UTF-8; caller
 * frees. */
char *text_plain(const char *text) THAW_NONNULL;
/* The same with those bytes spelt out, "caf\xe9", so that they can be found; caller frees. */
char *text_spelt(const char *text) THAW_NONNULL;

/* A name as it is compared with others. STRICT: what shows the same is the same: Unicode's canonical decomposition, accents
 * sorted. LOOSE: case, blanks, '_', '-' and '.' count for nothing, either. Bytes that are no UTF-8 stay. Caller frees. */
enum text_folding { TEXT_FOLD_STRICT, TEXT_FOLD_LOOSE };
char *text_fold(const char *text, enum text_folding how) THAW_NONNULL;

/* The same JSON, valid UTF-8 without line ends, with the characters that may steer a terminal escaped; caller frees. */
char *text_json(const char *json) THAW_NONNULL;

/* A JSON string, never NULL. Bytes that are no UTF-8 (a path of another encoding, a text cut at its limit), which has no
 * place in JSON, are '?'. */
struct json_t;
struct json_t *text_to_json(const char *text) THAW_NONNULL;

#endif
