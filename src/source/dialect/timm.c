/* Names of timm (PyTorch Image Models). */
#include "config.h"

#include "dialect.h"
#include "thaw/base/macros.h"

const struct dialect dialects_timm[] = {
    {.library = NULL},
};
