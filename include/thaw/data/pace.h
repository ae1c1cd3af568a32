/* How long images take on their way to a network: a few of them are read as a run reads them. */
#ifndef THAW_DATA_PACE_H
#define THAW_DATA_PACE_H

#include "thaw/data/loader.h"

struct data_pace {
    double view;  /* seconds of one thread for an image, from its file to the network's input */
    double first; /* the same where what is decoded is kept */
    double kept;  /* from what is kept */
    double bytes; /* of an image that is kept */
};

/* Reads up to DATA_PACE_IMAGES images, evenly spread, a few times; as loader_options say, but for the number of threads
 * and the room. Some 150 ms, of large images as long as ten of them take. ERROR_DATA: none can be read. */
enum { DATA_PACE_IMAGES = 16 };
bool data_pace_measure(struct data_pace *pace, const struct dataset_images *images,
                       const struct loader_options *options, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
