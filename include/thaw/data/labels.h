/* A list of class names in a file, in the forms in which such lists go round:
 *   one name a line (classes.txt); with the class's number before it ("0 cat", "0: cat", "1,dog"), in any order;
 *   ImageNet's "n01440764 tench, Tinca tinca";
 *   JSON: a list, {"0": "cat", ...}, {"0": ["n01440764", "tench"], ...}, {"cat": 0, ...}, or one of these as "id2label",
 *   "label2id", "class_to_idx", "names", "labels", "label_names", "class_names" or "classes" of an object. */
#ifndef THAW_DATA_LABELS_H
#define THAW_DATA_LABELS_H

#include <stdbool.h>

#include "thaw/base/error.h"

/* One list may be meant in several ways: a folder of the class can be called by the number of its synset or by its name.
 * name[f][i]: class i in form f, the likeliest form first; the first form has every line as it stands. */
enum { LABELS_FORMS = 6 };
struct labels {
    char **name[LABELS_FORMS];
    int forms, count;
};

/* ERROR_USAGE names the file. Finish it either way. */
bool labels_read(struct labels *labels, const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void labels_finish(struct labels *labels) THAW_NONNULL;

#endif
