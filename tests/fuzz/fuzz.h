/* What every harness exports: libFuzzer calls the function, and so does driver.c over the committed corpus. */
#ifndef THAW_TESTS_FUZZ_FUZZ_H
#define THAW_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

extern const char fuzz_target[]; /* the folder of the corpus */

/* Bytes that a parser may hold at once for an input of `size`, see measure.c: four times the input, and 1 MiB. The harness
 * of a parser that unpacks states its own. */
size_t fuzz_budget(size_t size);

/* How many inputs that are made of the corpus driver.c runs beside it; none, unless the harness says so. */
int fuzz_mutations(void);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* read_weights.c: opens the bytes as a weights file and reads every tensor. An open or a read may fail with a sentence;
 * what may not be ends the program. */
void fuzz_read_weights(const uint8_t *data, size_t size);
/* The same for bytes that this format takes for its own; others are passed over, for they are another harness's. */
struct weights_format;
void fuzz_read_weights_as(const struct weights_format *format, const uint8_t *data, size_t size);

#endif
