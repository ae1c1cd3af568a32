/* The JSON files beside weights: preprocessor_config.json up to the first zero byte, config.json behind it. Whatever they
 * say, a preprocessing that is taken can be used, and there are names for all classes or for none. */
#include "config.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "thaw/shelf/beside.h"
#include "thaw/source/bind.h"

const char fuzz_target[] = "beside";

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void put(const char *folder, const char *name, const uint8_t *data, size_t size)
{
    char path[96];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
}

static char folder[] = "/tmp/thaw-fuzz-beside-XXXXXX";

static void remove_files(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    require(system(command) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char weights[64];
    if (!weights[0]) {
        require(mkdtemp(folder) != NULL);
        atexit(remove_files);
        snprintf(weights, sizeof weights, "%s/model.safetensors", folder);
    }
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    size_t first = end ? (size_t)(end - data) : size, second = end ? size - first - 1 : 0;
    put(folder, "preprocessor_config.json", data, first);
    put(folder, "config.json", data + first + (end != NULL), second);
    struct preprocess p = {.channels = 3};
    struct error error = {0};
    int count;
    if (beside_preprocess(weights, &p, &error)) {
        require(p.height > 0 && p.height <= 4096 && p.width > 0 && p.width <= 4096 && p.channels == 3);
        require(p.resize >= 0 && p.interpolation < INTERPOLATIONS);
        for (int c = 0; c < 3; c++)
            require(isfinite(p.mean[c]) && isfinite(p.std[c]) && p.std[c] > 0);
        char words[PREPROCESS_WORDS];
        require(strlen(preprocess_words(&p, 6, words)) < sizeof words);
    } else if (error.kind != ERROR_NONE) {
        require(strncmp(error.text, folder, strlen(folder)) == 0);
    }
    char **name = beside_class_names(weights, &count);
    require(name ? count > 0 : count == 0);
    for (int i = 0; i < count; i++)
        require(name[i] != NULL);
    bind_free_class_names(name, count);
    return 0;
}
