/* What the verbs of this folder share beyond app.h: numbers from options, text and numbers for people and for JSON. */
#ifndef THAW_APP_VERB_PARTS_H
#define THAW_APP_VERB_PARTS_H

#include "app.h"

/* text NULL: *value stays. Else a whole number from least to most; false: a usage fault was printed. */
bool part_whole(const struct verb *verb, const char *option, const char *text, int least, int most, int *value);

/* A JSON string of any bytes: what is not UTF-8 becomes '?' for each byte outside ASCII. */
json_t *part_text(const char *text);
/* A JSON number, or null where it is not finite. */
json_t *part_real(double value);

/* The text with control characters replaced by '?', so that a file's name cannot steer the terminal; caller frees. */
char *part_plain(const char *text);
/* Whether `part` is in the text, upper and lower case alike. */
bool part_contains(const char *text, const char *part);
/* "11.7 M", "62", "1.8 G". Returns text. */
enum { PART_COUNT = 24 };
const char *part_count(char text[PART_COUNT], double value);

/* Of --preprocess, for the help of the verbs that have it. */
#define PART_PREPROCESS_HELP                                                                                           \
    "  --preprocess TEXT  how pixels become the input: torch, tf, caffe, unit (x / 255), raw (0 to 255) or\n"          \
    "                     \"mean A B C std D E F\"; without it as bound to the weights (auto)\n"

/* Where a model named on the command line comes from: a directory is a run, a file holds weights, else it is an
 * architecture or a set of weights that the catalog or the models folder knows by this name. Free weights. */
struct part_source {
    const char *arch; /* borrowed from the caller, or NULL */
    char *weights;    /* or NULL */
};
bool part_source_find(struct part_source *source, const char *name, struct error *error);

#endif
