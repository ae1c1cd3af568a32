/* How pixels become a network's input, found where its file does not say: candidates are tried on some of the images at
 * hand, and the network tells which of them it was trained with. */
#ifndef THAW_TRAIN_DETECTIVE_H
#define THAW_TRAIN_DETECTIVE_H

#include "thaw/data/dataset.h"
#include "thaw/source/import.h"

enum { DETECTIVE_CANDIDATES = 16, DETECTIVE_SENTENCE = 256, DETECTIVE_IMAGES = 32 /* that are read at most */ };

/* What tells. NORMS: the running statistics of the first batch norms are held against those of what comes to them; needs
 * neither labels nor a head. LABELS: cross-entropy, where the network has as many outputs as there are classes. ANSWERS:
 * whether they differ from image to image by more than an image's do when it is moved a little; needs a head. */
enum detective_evidence { DETECTIVE_NOTHING, DETECTIVE_NORMS, DETECTIVE_LABELS, DETECTIVE_ANSWERS, DETECTIVE_EVIDENCE };
const char *detective_evidence_name(enum detective_evidence evidence); /* "batch norms" */
enum detective_certainty { DETECTIVE_UNKNOWN, DETECTIVE_LIKELY, DETECTIVE_SURE, DETECTIVE_CERTAINTIES };
const char *detective_certainty_name(enum detective_certainty certainty); /* "sure" */

/* A figure is NAN where it was not looked at. */
struct detective_candidate {
    char words[PREPROCESS_WORDS]; /* as preprocess_parse takes them */
    double distance;              /* between running statistics and those seen, nats a channel; 0: the same */
    double loss, accuracy;        /* on the images' labels: mean cross-entropy, nats, and share of right ones, 0..1 */
    double decided;               /* variance of the answers between images, share of all there is, 0..1 */
    bool fits;                    /* not told apart from the best */
};

struct detective_finding {
    struct detective_candidate candidate[DETECTIVE_CANDIDATES]; /* the first is what would be usual */
    int candidates, best;                                       /* best: the first where nothing is known */
    enum detective_evidence evidence;
    enum detective_certainty certainty;
    int images;     /* that were read */
    double seconds; /* that it took */
};

struct detective_request {
    const struct graph *graph;           /* with values; size, crop and interpolation of its preprocessing stay */
    const struct dataset_images *images; /* some of them, evenly spread, are read */
    int classes;                         /* that the images' labels are of; 0: they have none */
    bool head;                           /* the class layer is the file's own, so that its answers mean something */
    int threads;                         /* 0: all cores */
};

/* How many images are looked at is a matter of the network's multiply-adds, never of a clock, so that the same file and
 * images give the same finding; it is made to take less than a second. ERROR_DATA: not one image could be read;
 * ERROR_FAILED: no memory. */
bool detective_look(const struct detective_request *request, struct detective_finding *finding,
                    struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Whether the class layer came out of the file. */
bool detective_has_head(const struct graph *graph, const struct bind_report *report) THAW_NONNULL;
/* The same of a model that is asked for, brought up with its own head. */
bool detective_look_at(const struct load_request *request, const struct dataset_images *images, int classes,
                       int threads, struct detective_finding *finding,
                       struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Takes what was found where it counts for more than what the graph's preprocessing rests on: a guess gives way to anything
 * likely, what is usual of an architecture only to norms that are sure of another. false: it is not taken, or is what was
 * usual anyhow. What is taken is no guess any more. */
bool detective_settle(struct graph *graph, const struct detective_finding *finding) THAW_NONNULL;
/* "tf, by its batch norms on 32 images (sure; the next best is torch)". Returns text. */
const char *detective_sentence(const struct detective_finding *finding, char text[DETECTIVE_SENTENCE]) THAW_NONNULL;

#endif
