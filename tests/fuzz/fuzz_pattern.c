/* A pattern, and behind a NUL the name that it is looked for in. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "thaw/base/mem.h"
#include "thaw/base/pattern.h"

const char fuzz_target[] = "pattern";

/* The program has room for its most steps while it is made. */
size_t fuzz_budget(size_t size)
{
    return 4 * size + (2 << 20);
}

int fuzz_mutations(void)
{
    return 3000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { NAME_MOST = 300 };
    struct error error = {0};
    char *text = mem_alloc(size + 2);
    if (size)
        memcpy(text, data, size);
    struct pattern *pattern = pattern_create(text, &error);
    char *name = text + strlen(text) + 1;
    size_t begin, end;
    if (strlen(text) + 1 > size)
        name = text + size + 1;
    name[strlen(name) > NAME_MOST ? NAME_MOST : strlen(name)] = '\0';
    if (!pattern && (error.kind != ERROR_USAGE || !error.text[0]))
        abort();
    if (pattern && pattern_find(pattern, name, &begin, &end) && (begin > end || end > strlen(name)))
        abort();
    pattern_destroy(pattern);
    mem_free(text);
    return 0;
}
