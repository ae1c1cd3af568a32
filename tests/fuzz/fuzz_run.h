/* A run's directory for a harness, with nothing but an events.jsonl. It is removed when the program ends well. */
#ifndef THAW_TESTS_FUZZ_FUZZ_RUN_H
#define THAW_TESTS_FUZZ_FUZZ_RUN_H

#include <stdbool.h>
#include <stddef.h>

const char *fuzz_run(void); /* its path */
/* Its events.jsonl, anew or (more) behind what is there. */
void fuzz_run_write(const char *text, size_t size, bool more);
/* Another file in it, anew. */
void fuzz_run_put(const char *name, const char *text, size_t size);
/* Ends the program unless there is nothing in it but events.jsonl, and in that this text. */
void fuzz_run_is_untouched(const char *text, size_t size);

#endif
