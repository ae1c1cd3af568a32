/* Names of transformers (Hugging Face). */
#include "config.h"

#include "dialect.h"
#include "thaw/base/macros.h"

const struct dialect dialects_transformers[] = {
    {.library = NULL},
};
