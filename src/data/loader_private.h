/* The inside of the loader that tests look at. */
#ifndef THAW_DATA_LOADER_PRIVATE_H
#define THAW_DATA_LOADER_PRIVATE_H

#include "thaw/data/loader.h"

/* Bytes of decoded images that are kept now. */
size_t loader_kept(struct loader *loader) THAW_NONNULL;

#endif
