/* What the verbs print for people. All of it goes through here, so that nothing that others wrote can steer the terminal:
 * of every %s the control characters are replaced, and so are characters that turn the direction of writing and bytes that
 * are no UTF-8 (text_plain). On a terminal, lines break between words. */
#ifndef THAW_APP_SAY_H
#define THAW_APP_SAY_H

#include <stdbool.h>
#include <stdio.h>

/* As printf: d, i, u, x, c, f, g, e and s, with flags, width, precision and the lengths l, ll and z. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_on(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The program's own text, which may be of several lines. */
void say_own(FILE *stream, const char *text);
/* A line on standard error that the next one takes the place of; cut where the terminal ends. Only where that is one. */
void say_bar(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_bar_over(void);
/* Columns of the terminal; 0: the stream is none, or that is not known. */
int say_columns(FILE *stream);
/* Hands to the stream what has no line end yet, a question, too. */
void say_flush(FILE *stream);

#endif
