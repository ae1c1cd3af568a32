/* In the place of src/weights/isolate.c: what the child would have written about an HDF5 file is what the harness says,
 * so that all behind it runs without a process an input. */
#ifndef THAW_TESTS_FUZZ_KERAS_RECORDS_H
#define THAW_TESTS_FUZZ_KERAS_RECORDS_H

#include <stdbool.h>

#include "fuzz.h"

/* The records (see weights/h5file.h) that the next files are taken to have; borrowed. */
void keras_records_set(const uint8_t *records, size_t size);

/* Opens bytes that begin with HDF5's signature, reads all of it, and imports the network it describes, with its
 * values or its outline alone. */
void keras_records_try(const uint8_t *data, size_t size, bool values);

#endif
