/* What the verbs print: text and numbers for people and for JSON. */
#ifndef THAW_APP_PRINT_H
#define THAW_APP_PRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* One JSON value on a stream, without blanks. Numbers read back to the bit; of texts, what may steer a terminal is
 * written as \u202e is. */
void print_json(FILE *stream, const json_t *json);
/* A line of JSON on stdout; false: it was not written. */
bool print_json_line(const char *json);
json_t *print_json_told(const char *text);                 /* text_to_json, "": null */
json_t *print_json_texts(char *const *text, size_t count); /* an array of them */
/* A JSON number, or null where it is not finite. */
json_t *print_json_real(double value);

/* A JSON integer, or a string of its digits where it is over 2^63, as in events. */
json_t *print_json_u64(uint64_t value);

/* "11.7 M", "62", "1.8 G". Returns text. */
enum { PRINT_COUNT = 24 };
const char *print_count(char text[PRINT_COUNT], double value);

#endif
