/* Whether weights are what they are said to be, and whether this build computes with them what their makers' library
 * does: the file against the published digest, the logits of built-in probe images against figures of PyTorch that the
 * catalog keeps. */
#ifndef THAW_SHELF_VERIFY_H
#define THAW_SHELF_VERIFY_H

#include "thaw/base/parallel.h"
#include "thaw/shelf/catalog.h"

enum { VERIFY_PROBES = 3, VERIFY_NAME = 96 };

enum verify_file {
    VERIFY_FILE_UNKNOWN, /* no row of the catalog, or none with a digest */
    VERIFY_FILE_RIGHT,
    VERIFY_FILE_OTHER_NAME, /* of a name of old, whose digest is in the name; right, too */
    VERIFY_FILE_REPACKED,   /* another digest, and yet the published tensors */
    VERIFY_FILE_WRONG,
};
enum verify_verdict {
    VERIFY_SAME,    /* within rounding of float32 */
    VERIFY_NEAR,    /* as half precision or another order of sums would make it */
    VERIFY_OTHER,   /* not the same network, weights or preprocessing */
    VERIFY_FINITE,  /* nothing to hold it against; the logits are numbers */
    VERIFY_NUMBERS, /* some logits are none: NaN or infinite */
};
struct verify_probe {
    double norm, wanted_norm; /* of the logits: the root of the sum of squares; wanted NAN: not known */
    double error;             /* largest difference among what is known, over the logits' root mean square; or NAN */
    bool finite;
};
struct verify_report {
    char name[VERIFY_NAME]; /* of the catalog; "": not in it */
    char arch[GRAPH_NAME_MAX], path[CATALOG_TEXT], tensors[HASH_TEXT];
    enum verify_file file;
    char expected[DIGEST_SENTENCE], found[DIGEST_TEXT];
    struct verify_probe probe[VERIFY_PROBES];
    int classes;
    double error; /* the largest of the probes; NAN */
    enum verify_verdict verdict;
    bool headless;   /* no head in the file: the logits come from random numbers behind its trunk */
    bool by_tensors; /* the row was found by its tensors, not by name or digest of the file */
};

/* Verifies the weights file `path`; its row is found by name, by digest, or by its tensors. False: it could not be loaded
 * or run, ERROR_WEIGHTS. What it says about the weights is in the report, not in the result. */
bool verify_run(const struct catalog *catalog, const char *path, struct team *team, struct verify_report *report,
                struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Whether nothing speaks against the weights. */
bool verify_good(const struct verify_report *report) THAW_NONNULL;
/* "within float32's rounding of PyTorch's figures" */
const char *verify_verdict_text(enum verify_verdict verdict);

#endif
