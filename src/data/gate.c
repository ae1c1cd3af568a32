/* See the header. Called by readers, around decoding what is large. */
#include "config.h"

#include "gate.h"

#include <pthread.h>

#include "thaw/base/mem.h"

struct gate {
    size_t most, held; /* held: by those who are in */
    pthread_mutex_t mutex;
    pthread_cond_t left;
};

struct gate *gate_create(size_t most)
{
    struct gate *gate = mem_alloc(sizeof *gate);
    gate->most = most;
    pthread_mutex_init(&gate->mutex, NULL);
    pthread_cond_init(&gate->left, NULL);
    return gate;
}

void gate_destroy(struct gate *gate)
{
    if (!gate)
        return;
    pthread_cond_destroy(&gate->left);
    pthread_mutex_destroy(&gate->mutex);
    mem_free(gate);
}

void gate_enter(struct gate *gate, size_t bytes)
{
    pthread_mutex_lock(&gate->mutex);
    while (gate->held > 0 && (bytes > gate->most || gate->held > gate->most - bytes))
        pthread_cond_wait(&gate->left, &gate->mutex);
    gate->held += bytes;
    pthread_mutex_unlock(&gate->mutex);
}

void gate_leave(struct gate *gate, size_t bytes)
{
    pthread_mutex_lock(&gate->mutex);
    gate->held -= bytes;
    pthread_cond_broadcast(&gate->left);
    pthread_mutex_unlock(&gate->mutex);
}
