/* Values of experiment keys as text; the table itself is behind experiment_keys. */
#ifndef THAW_TRAIN_EXPERIMENT_KEYS_H
#define THAW_TRAIN_EXPERIMENT_KEYS_H

#include "thaw/train/experiment.h"

/* Sets one key. Relative paths count from `folder` ("" leaves them as they are). */
bool experiment_key_parse(const struct experiment_key *key, struct experiment *experiment, const char *value,
                          const char *folder, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The value as the file has it; caller frees. */
char *experiment_key_print(const struct experiment_key *key, const struct experiment *experiment) THAW_NONNULL;
/* A number with the fewest digits that read back as the same double; caller frees. */
char *experiment_number(double value);
/* A whole number of the given bounds, all of the text. */
bool experiment_parse_real(const char *text, double *value) THAW_NONNULL;
/* Whether a PATH key's value names a file: not empty, not "none", not a fraction such as "0.2". */
bool experiment_is_path(const char *value) THAW_NONNULL;
/* Whether a value of model.weights is a name of the catalog: no slash in it, no ending of a weights file. */
bool experiment_is_weights_name(const struct experiment_key *key, const char *value) THAW_NONNULL;

/* Whether a text comes back from the resolved file: inih cuts a line where a ';' begins the value or stands behind a
 * space, and trims both ends. */
bool experiment_value_returns(const char *value) THAW_NONNULL;
#define EXPERIMENT_NO_RETURN "must not hold \" ;\" or line ends, nor begin with \";\" or end in a space"

#endif
