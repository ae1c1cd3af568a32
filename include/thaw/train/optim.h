/* Optimisers, each exactly torch.optim's rule of that name. State is kept only for parameters that move. */
#ifndef THAW_TRAIN_OPTIM_H
#define THAW_TRAIN_OPTIM_H

#include "thaw/base/parallel.h"
#include "thaw/network/freeze.h"
#include "thaw/network/graph.h"
#include "thaw/train/experiment.h"

enum { OPTIM_SLOTS_MAX = 2 };

struct optim_settings {
    enum optimizer_kind kind;
    double momentum;     /* sgd, nesterov */
    double weight_decay; /* of OP_ROLE_WEIGHT; biases and batch norm have none */
};

struct optim;
/* Borrows graph and team. No parameter has state yet. */
struct optim *optim_create(const struct graph *graph, const struct optim_settings *settings,
                           struct team *team) THAW_NONNULL;
void optim_destroy(struct optim *optim);
/* Follows a freeze plan: parameters that go on moving keep their state, newly thawed ones begin with none, frozen ones
 * lose theirs. A newly thawed one warms up over `warmup` updates: the n-th is made with n / warmup of the learning rate;
 * 0: with all of it from the first. */
void optim_follow(struct optim *optim, const struct freeze *freeze, uint64_t warmup) THAW_NONNULL;
/* Bytes of state that it has under a freeze plan, and floats that an update of all of it reads and writes. */
size_t optim_bytes(enum optimizer_kind kind, const struct graph *graph, const struct freeze *freeze) THAW_NONNULL;
double optim_floats(enum optimizer_kind kind, const struct graph *graph, const struct freeze *freeze) THAW_NONNULL;
/* One update of graph->values; gradient[graph->params], NULL where none. The same bits for any team size. */
void optim_step(struct optim *optim, float *const *gradient, double lr) THAW_NONNULL;

/* The state, for checkpoints: moments by slot, the number of updates a parameter has had, and over how many it
 * warms up. */
int optim_slots(const struct optim *optim) THAW_NONNULL;
const char *optim_slot_name(const struct optim *optim, int slot) THAW_NONNULL;  /* "momentum" */
float *optim_slot(const struct optim *optim, int param, int slot) THAW_NONNULL; /* NULL: the parameter is frozen */
uint64_t *optim_updates(struct optim *optim, int param) THAW_NONNULL;
uint64_t *optim_warmup(struct optim *optim, int param) THAW_NONNULL;

/* RMS of the last measured update over RMS of the weights, a node of the graph; -1 where nothing moved. Measured on
 * every OPTIM_MEASURE-th step. Returns how many were written. */
enum { OPTIM_MEASURE = 16 };
int optim_ratios(const struct optim *optim, float *ratio, int room) THAW_NONNULL;

#endif
