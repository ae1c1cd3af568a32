/* Patterns of names: the regular expressions that people know from Perl and Python, less back references and looks around.
 * Matching takes time in proportion to the pattern times the name, whatever they are.
 *
 *   .  [a-z]  [^a-z]  \d \w \s (\D \W \S)  \.        one byte
 *   ab  a|b  (a)  (?:a)                              one behind the other, either, a group, one that counts for nothing
 *   a*  a+  a?  a{2}  a{2,}  a{2,4}  a*? ...         as many as can be; with ? as few
 *   ^  $                                             the name's beginning and its end */
#ifndef THAW_BASE_PATTERN_H
#define THAW_BASE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "thaw/base/error.h"

struct pattern;
/* NULL: ERROR_USAGE, which names the character. */
struct pattern *pattern_create(const char *text, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void pattern_destroy(struct pattern *pattern);
/* The first match anywhere in a name; *begin and *end: of its first group, or of all of it where it has none. Not from
 * several threads. */
bool pattern_find(struct pattern *pattern, const char *name, size_t *begin, size_t *end) THAW_NONNULL THAW_MUST_CHECK;

#endif
