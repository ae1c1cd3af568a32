/* One table of what people call training, validation and test. Called by every layout. */
#include "config.h"

#include "parts.h"

#include <string.h>

#include "thaw/base/mem.h"
#include "thaw/base/text.h"

static const struct {
    const char *word; /* as text_fold leaves it */
    enum dataset_split split;
} words[] = {
    {"train", DATASET_TRAIN}, {"training", DATASET_TRAIN},  {"trn", DATASET_TRAIN},    {"val", DATASET_VAL},
    {"valid", DATASET_VAL},   {"validation", DATASET_VAL},  {"validate", DATASET_VAL}, {"validating", DATASET_VAL},
    {"dev", DATASET_VAL},     {"development", DATASET_VAL}, {"eval", DATASET_VAL},     {"evaluation", DATASET_VAL},
    {"test", DATASET_TEST},   {"testing", DATASET_TEST},    {"tst", DATASET_TEST},
};

/* What may stand behind such a word. */
static const char *const behind[] = {"set", "data", "dataset", "images", "imgs", "split", "part", "folder"};

static const char *const part_words[] = {"training", "validation", "test"};
_Static_assert(THAW_LENGTH(part_words) == DATASET_PARTS, "a word for each part");

const char *part_word(enum dataset_split split)
{
    return part_words[split];
}

/* A number, too: "test1", "val2017". */
static bool is_behind(const char *rest)
{
    rest += strspn(rest, "0123456789");
    for (size_t i = 0; *rest && i < THAW_LENGTH(behind); i++)
        if (strcmp(rest, behind[i]) == 0)
            return true;
    return !*rest;
}

static enum dataset_split find(const char *folded)
{
    for (size_t i = 0; i < THAW_LENGTH(words); i++) {
        size_t length = strlen(words[i].word);
        if (strncmp(folded, words[i].word, length) == 0 && is_behind(folded + length))
            return words[i].split;
    }
    return DATASET_PARTS;
}

enum dataset_split part_named(const char *name)
{
    char *folded = text_fold(name, TEXT_FOLD_LOOSE);
    enum dataset_split split = find(folded);
    mem_free(folded);
    return split;
}

enum dataset_split part_worded(const char *name)
{
    static const char between[] = " _-.";
    enum dataset_split split = part_named(name);
    const char *end = name + strlen(name);
    while (end > name && !strchr(between, end[-1]))
        end--;
    char *first = mem_format("%.*s", (int)strcspn(name, between), name);
    split = split < DATASET_PARTS ? split : part_named(first);
    mem_free(first);
    return split < DATASET_PARTS ? split : part_named(end);
}
