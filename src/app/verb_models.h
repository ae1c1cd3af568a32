/* The actions of thaw models. Each returns the exit code. */
#ifndef THAW_APP_VERB_MODELS_H
#define THAW_APP_VERB_MODELS_H

#include <stdbool.h>

/* Prints one model in full; name: of the list, a weights file or a run; runs: where these have names, NULL: data home. */
int models_show(const char *name, const char *runs, bool json);
/* Pulls weights of the catalog, one after the other. */
int models_pull(char **name, int count, bool offline, bool json);
/* Holds weights against their published digest and against figures of PyTorch. */
int models_verify(const char *name, const char *runs, bool json);
/* How pixels become a model's input, found on images. */
struct model_images {
    const char *data, *runs; /* the images; where runs have names, NULL: data home */
};
int models_preprocess(const char *name, const struct model_images *images, bool json);

#endif
