/* Memory: blocks that must succeed, aligned float blocks, and an arena for a plan's buffers.
 *
 * mem_* never return NULL: running out of ordinary memory ends the program, with a line on stderr. Sizes that come
 * out of a file are not ordinary: check them against the file first, or use mem_try. */
#ifndef THAW_BASE_MEM_H
#define THAW_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "thaw/base/macros.h"

enum { MEM_ALIGN = 64 };

void *mem_alloc(size_t size);                           /* zeroed */
void *mem_array(size_t count, size_t item);             /* zeroed; count * item checked for overflow */
void *mem_grow(void *block, size_t count, size_t item); /* realloc to count items; the new part is not zeroed */
void *mem_try(size_t size);                             /* zeroed, or NULL */
void mem_free(void *block);                             /* takes NULL; for all of the above */
char *mem_string(const char *text) THAW_NONNULL;        /* a copy */
char *mem_format(const char *format, ...) THAW_PRINTF(1, 2) THAW_NONNULL_ARGS(1); /* an allocated sprintf */

/* Gives the system what was freed and is kept to be used again: where much was taken for once. Milliseconds. */
void mem_give_back(void);

/* `count` floats aligned to MEM_ALIGN, zeroed; from huge pages where they are many. Free with mem_free_floats. */
float *mem_floats(size_t count);
float *mem_try_floats(size_t count); /* the same, or NULL */
void mem_free_floats(float *floats);

/* One block on huge pages, touched once, handed out from the front. First touch of fresh memory is an order slower
 * than rewriting it, so a plan keeps its arena for its whole life. */
struct arena;
struct arena *arena_create(size_t size); /* NULL when the memory is not to be had */
void arena_destroy(struct arena *arena);
void *arena_at(struct arena *arena, size_t offset) THAW_NONNULL; /* offset < size */

#endif
