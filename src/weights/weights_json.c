/* JSON inside weights files. Jansson makes some hundred bytes of a few characters, so what a text may hold is bounded by
 * its file's size before it is parsed. Called by the safetensors
 * readers, and by all who parse what a file has as text. */
#include "config.h"

#include <string.h>

#include "format.h"

enum { MEMORY_PER_BYTE = 4, MEMORY_BASE = 1 << 20 };

/* About what Jansson takes for what a character begins. */
enum { OBJECT_BYTES = 320, ARRAY_BYTES = 144, VALUE_BYTES = 64 };

static bool fits(const uint8_t *text, size_t size, size_t file)
{
    uint64_t memory = 0, limit = (uint64_t)file * MEMORY_PER_BYTE + MEMORY_BASE;
    for (size_t i = 0; i < size && memory <= limit; i++)
        memory += text[i] == '{'                     ? OBJECT_BYTES
                  : text[i] == '['                   ? ARRAY_BYTES
                  : text[i] == ',' || text[i] == ':' ? VALUE_BYTES
                                                     : 0;
    return memory <= limit;
}

bool weights_json_fits(const struct weights *weights, const char *text)
{
    return fits((const uint8_t *)text, strlen(text), weights_map(weights)->size);
}

json_t *weights_json(const uint8_t *text, size_t size, size_t file, const char *what, struct error *error)
{
    json_error_t fault;
    char quote[WEIGHTS_QUOTE];
    if (!fits(text, size, file)) {
        error_set(error, ERROR_WEIGHTS, "its %s describes more than a file of %zu bytes can hold", what, file);
        return NULL;
    }
    json_t *root = json_loadb((const char *)text, size, JSON_REJECT_DUPLICATES, &fault);
    if (!root)
        error_set(error, ERROR_WEIGHTS, "its %s is no valid JSON at byte %d: %s", what, fault.position,
                  weights_quote(quote, fault.text, strlen(fault.text)));
    return root;
}
