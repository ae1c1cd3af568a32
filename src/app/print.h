/* What the verbs print: text and numbers for people and for JSON. */
#ifndef THAW_APP_PRINT_H
#define THAW_APP_PRINT_H

#include <jansson.h>
#include <stdio.h>

/* A JSON string of any bytes: what is not UTF-8 becomes '?' for each byte outside ASCII. */
json_t *print_json_text(const char *text);
/* One JSON value on a stream, without blanks. Numbers read back to the bit. */
void print_json(FILE *stream, const json_t *json);
json_t *print_json_told(const char *text);                 /* the same, "": null */
json_t *print_json_texts(char *const *text, size_t count); /* an array of them */
/* A JSON number, or null where it is not finite. */
json_t *print_json_real(double value);

/* The text with control characters replaced by '?', so that a file's name cannot steer the terminal; caller frees. */
char *print_plain(const char *text);
/* "11.7 M", "62", "1.8 G". Returns text. */
enum { PRINT_COUNT = 24 };
const char *print_count(char text[PRINT_COUNT], double value);

#endif
