/* An experiment's file, and assignments as --set takes them. The bytes up to the first NUL are the file, those behind it
 * assignments, a line each. What was taken writes a text that reads back as the same. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "thaw/base/mem.h"
#include "thaw/train/experiment.h"

const char fuzz_target[] = "experiment";

static void require(bool holds)
{
    if (!holds)
        abort();
}

static char *text_of(const void *data, size_t size)
{
    char *text = mem_alloc(size + 1);
    if (size)
        memcpy(text, data, size);
    return text;
}

static void check_same(const struct experiment *experiment)
{
    struct error error = {0};
    struct experiment *again = mem_alloc(sizeof *again);
    char *text = experiment_text(experiment);
    require(experiment_parse(again, text, &error));
    char *same = experiment_text(again);
    require(strcmp(text, same) == 0);
    mem_free(same);
    mem_free(text);
    mem_free(again);
}

static void check(const struct experiment *experiment)
{
    struct error error = {0};
    require(experiment->thaws >= 0 && experiment->thaws <= EXPERIMENT_THAWS);
    require(memchr(experiment->freeze.frozen, 0, sizeof experiment->freeze.frozen) != NULL);
    if (experiment_check(experiment, &error))
        require(experiment->train.epochs > 0 && experiment->train.batch > 0 && isfinite(experiment->train.lr));
    else
        require(error.kind != ERROR_NONE && error.text[0]);
    check_same(experiment);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    size_t length = nul ? (size_t)(nul - data) : size;
    char *text = text_of(data, length);
    struct experiment *experiment = mem_alloc(sizeof *experiment);
    struct error error = {0};
    experiment_init(experiment);
    if (experiment_parse(experiment, text, &error))
        check(experiment);
    else
        require(error.kind == ERROR_USAGE && error.text[0]);
    mem_free(text);
    text = text_of(nul ? nul + 1 : data, nul ? size - length - 1 : 0);
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        error = (struct error){0};
        require(experiment_set(experiment, line, &error) || (error.kind == ERROR_USAGE && error.text[0]));
    }
    check(experiment);
    mem_free(text);
    mem_free(experiment);
    return 0;
}
