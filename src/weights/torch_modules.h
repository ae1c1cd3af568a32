/* Whole modules out of an unpickled torch.save object or TorchScript archive: their tree as a state dict, and where it is
 * a Sequential, what its layers are. Private to src/weights. */
#ifndef THAW_SRC_WEIGHTS_TORCH_MODULES_H
#define THAW_SRC_WEIGHTS_TORCH_MODULES_H

#include "format.h"
#include "unpickle.h"

/* Whether a value is the record of a torch.nn.Module (it has _modules and _parameters), or of a TorchScript one (its class
 * lies in __torch__). */
bool torch_is_module(const struct pickle_value *value) THAW_NONNULL;
bool torch_is_script(const struct pickle_value *value) THAW_NONNULL;
/* "models.LeNet"; TorchScript's prefix and manglings are left out. Returns text. */
enum { TORCH_CLASS_TEXT = 164 };
const char *torch_class_text(const struct pickle_value *value, char text[TORCH_CLASS_TEXT]) THAW_NONNULL;

/* Adds the tensors of a module as its state_dict() names them: parameters, buffers but those that are not persistent, then
 * what the submodules have, in the order in which they were made. *memory: bytes that names and tables of them may take,
 * less what was taken. Refused: modules inside modules deeper than 64, as they are where one holds itself, and more names
 * than the memory allows. */
bool torch_modules_add(struct weights *weights, const struct pickle_value *module, size_t *memory,
                       struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* Of a Sequential, also in a DataParallel: its layers in order as JSON, WEIGHTS_TORCH_LAYERS of the file's metadata:
 * [{"name": "features.0", "class": "Conv2d", "stride": [2, 2], ...}, ...]. Sequentials inside are gone through, and
 * what torchvision and fastai make of them; of all else the class, whether it has a bias, and what attributes are numbers, strings or tuples of whole numbers are told. A class that is not torch's own
 * has its module before its name; modules inside of one are its "parts", described alike. Does nothing for other modules, or where *memory would not do. */
void torch_modules_describe(struct weights *weights, const struct pickle_value *module, size_t *memory) THAW_NONNULL;

/* Adds one tensor of a state dict. */
bool torch_tensor_add(struct weights *weights, const uint8_t *name, size_t name_size,
                      const struct pickle_tensor *tensor, struct error *error)
    THAW_NONNULL_ARGS(1, 4, 5) THAW_MUST_CHECK;

#endif
