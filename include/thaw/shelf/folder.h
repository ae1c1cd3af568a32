/* A folder in the place of a weights file, as Hugging Face, Ultralytics and runs of thaw's leave them. */
#ifndef THAW_SHELF_FOLDER_H
#define THAW_SHELF_FOLDER_H

#include "thaw/base/error.h"

/* The path of the weights that a folder stands for, the caller frees it: under the name that a library gives to them, else
 * the only file whose name is one of weights. NULL: ERROR_WEIGHTS says what the folder is, or which files are to choose
 * from. */
char *folder_weights(const char *folder, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
