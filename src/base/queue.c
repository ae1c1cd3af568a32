/* The bounded queue: a ring under one mutex. Used between the trainer, its loader threads and front ends. */
#include "config.h"

#include "thaw/base/queue.h"

#include <pthread.h>

#include "thaw/base/mem.h"

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t not_empty;
    size_t capacity, head, count;
    bool closed;
    void **item;
};

struct queue *queue_create(size_t capacity)
{
    struct queue *queue = mem_alloc(sizeof *queue);
    queue->capacity = capacity ? capacity : 1;
    queue->item = mem_array(queue->capacity, sizeof *queue->item);
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->not_empty, NULL);
    return queue;
}

void queue_destroy(struct queue *queue)
{
    if (!queue)
        return;
    pthread_cond_destroy(&queue->not_empty);
    pthread_mutex_destroy(&queue->lock);
    mem_free(queue->item);
    mem_free(queue);
}

bool queue_try_push(struct queue *queue, void *item)
{
    pthread_mutex_lock(&queue->lock);
    bool fits = !queue->closed && queue->count < queue->capacity;
    if (fits) {
        queue->item[(queue->head + queue->count++) % queue->capacity] = item;
        pthread_cond_signal(&queue->not_empty);
    }
    pthread_mutex_unlock(&queue->lock);
    return fits;
}

static void *pop(struct queue *queue, bool wait)
{
    pthread_mutex_lock(&queue->lock);
    while (wait && !queue->count && !queue->closed)
        pthread_cond_wait(&queue->not_empty, &queue->lock);
    void *item = NULL;
    if (queue->count) {
        item = queue->item[queue->head];
        queue->head = (queue->head + 1) % queue->capacity;
        queue->count--;
    }
    pthread_mutex_unlock(&queue->lock);
    return item;
}

void *queue_pop(struct queue *queue)
{
    return pop(queue, true);
}

void *queue_try_pop(struct queue *queue)
{
    return pop(queue, false);
}

void queue_close(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->not_empty);
    pthread_mutex_unlock(&queue->lock);
}
