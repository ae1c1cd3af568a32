/* A bounded first-in first-out queue of pointers between threads. */
#ifndef THAW_BASE_QUEUE_H
#define THAW_BASE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "thaw/base/macros.h"

struct queue;
struct queue *queue_create(size_t capacity);
void queue_destroy(struct queue *queue);                           /* takes NULL; what is still inside is not freed */
bool queue_try_push(struct queue *queue, void *item) THAW_NONNULL; /* false when full or closed */
void *queue_pop(struct queue *queue) THAW_NONNULL;                 /* blocks while empty; NULL once closed and empty */
void *queue_try_pop(struct queue *queue) THAW_NONNULL;             /* NULL when empty */
void queue_close(struct queue *queue) THAW_NONNULL;                /* wakes everyone; pushes fail from now on */

#endif
