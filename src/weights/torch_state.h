/* From an unpickled torch.save object to tensors: shared by the torch containers. Private to src/weights. */
#ifndef THAW_SRC_WEIGHTS_TORCH_STATE_H
#define THAW_SRC_WEIGHTS_TORCH_STATE_H

#include "format.h"
#include "unpickle.h"

/* Whether the dict about the system that wrote a file says that it is little endian. */
bool torch_check_system(const struct pickle_value *system, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* The storages of a machine, each mentioned once or more, by key. */
struct torch_storage {
    struct pickle_storage **first;
    size_t mentions; /* 0: there is none with that key */
};
void torch_storages_sort(struct unpickle *unpickle) THAW_NONNULL; /* before the first find, after the last run */
struct torch_storage torch_storage_find(struct unpickle *unpickle, const uint8_t *key, size_t key_size)
    THAW_NONNULL_ARGS(1);
/* Says where a storage's `size` bytes lie. An error where it has been said before, or where a mention takes the storage
 * for another size or type. */
bool torch_storage_place(const struct torch_storage *storage, const uint8_t *data, uint64_t size,
                         struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* Finds the state dict in `object` and adds its tensors: itself or the member that holds the most tensors, or under
 * state_dict, model_state_dict, model, net or params, of a dict or as an attribute; a module under ema goes before these. A whole module is as good as its state dict; what was taken then is told in the file's
 * note. `memory`: bytes that the tree of a module may still take. The storages' data must have been found; a tensor whose
 * storage has none is an error. Values that are no tensors (counters, settings) are passed over. */
bool torch_state_add(struct weights *weights, const struct pickle_value *object, size_t memory,
                     struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
