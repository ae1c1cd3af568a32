/* Runs a harness over its committed corpus, THAW_SRCDIR/tests/fuzz/corpus/TARGET, as a plain test; and where it asks for
 * them, over so many inputs that are made of the corpus, always the same ones. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fuzz.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"

enum { HANG_SECONDS = 60, CORPUS_LEAST = 8, CORPUS_MOST = 1000, INPUT_MOST = 1 << 14 };

__attribute__((weak)) int fuzz_mutations(void)
{
    return 0;
}

static struct {
    char *data;
    size_t size;
} corpus[CORPUS_MOST];
static size_t inputs;

static int read_corpus(void **state)
{
    (void)state;
    const char *source = getenv("THAW_SRCDIR");
    char *folder = mem_format("%s/tests/fuzz/corpus/%s", source ? source : ".", fuzz_target);
    struct error error = {0};
    struct file_list list;
    if (!file_list_read(&list, folder, &error))
        fail_msg("%s", error.text);
    assert_in_range(list.count, CORPUS_LEAST, CORPUS_MOST);
    for (; inputs < list.count; inputs++) {
        char *path = path_join(folder, list.name[inputs]);
        struct file_map map;
        if (!file_map_open(&map, path, &error))
            fail_msg("%s", error.text);
        corpus[inputs].size = map.size;
        corpus[inputs].data = mem_alloc(map.size + 1);
        if (map.size)
            memcpy(corpus[inputs].data, map.data, map.size);
        file_map_close(&map);
        mem_free(path);
    }
    file_list_free(&list);
    mem_free(folder);
    return 0;
}

static int free_corpus(void **state)
{
    (void)state;
    while (inputs > 0)
        mem_free(corpus[--inputs].data);
    return 0;
}

/* In a block of the exact size, so that a read behind it is seen. */
static void run(const char *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    if (size)
        memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void test_corpus(void **state)
{
    (void)state;
    alarm(HANG_SECONDS);
    for (size_t i = 0; i < inputs; i++)
        run(corpus[i].data, corpus[i].size);
}

/* --- mutations --- */

static char input[INPUT_MOST];
static size_t input_size;
static struct rng rng;

static size_t below(size_t most)
{
    return (size_t)rng_below(&rng, (uint64_t)most);
}

/* Puts bytes in the place of `gone` others; what passes the end is cut off. */
static void replace(size_t at, size_t gone, const char *bytes, size_t size)
{
    size = size < INPUT_MOST - at ? size : INPUT_MOST - at;
    size_t left = input_size - at - gone, room = INPUT_MOST - at - size;
    left = left < room ? left : room;
    memmove(input + at + size, input + at + gone, left);
    memcpy(input + at, bytes, size);
    input_size = at + size + left;
}

/* Something that means something to a reader of JSON, of numbers or of lines. */
static void put_a_word(size_t at)
{
    static const char *const words[] = {"{",
                                        "}",
                                        "[",
                                        "]",
                                        "\"",
                                        ":",
                                        ",",
                                        "\n",
                                        "\\u0",
                                        "null",
                                        "true",
                                        "0",
                                        "-1",
                                        "1e308",
                                        "1e-320",
                                        "nan",
                                        "2147483648",
                                        "\"inf\"",
                                        "\\n",
                                        "\xff",
                                        " ",
                                        "9223372036854775807",
                                        "18446744073709551615",
                                        "{\"kind\":\"",
                                        "\xc3\xa9"};
    const char *word = words[below(THAW_LENGTH(words))];
    size_t most = input_size - at, gone = below(2) * below(most < 9 ? most + 1 : 9);
    replace(at, gone, word, strlen(word));
}

/* A stretch of any input of the corpus. */
static void put_of_another(size_t at)
{
    size_t other = below(inputs), from = below(corpus[other].size + 1);
    size_t size = below(corpus[other].size - from + 1), gone = below(2) * below(input_size - at + 1);
    replace(at, gone, corpus[other].data + from, size);
}

static void mutate(void)
{
    size_t at = below(input_size + 1), most = input_size - at;
    switch (below(5)) {
    case 0:
        if (most > 0)
            input[at] ^= (char)(1 << below(8));
        break;
    case 1:
        replace(at, below(most + 1) >> below(8), "", 0);
        break;
    case 2:
        put_of_another(at);
        break;
    default:
        put_a_word(at);
        break;
    }
}

static void test_mutations(void **state)
{
    (void)state;
    alarm(HANG_SECONDS);
    rng_init(&rng, 1, 1);
    for (int i = 0; i < fuzz_mutations(); i++) {
        size_t seed = below(inputs);
        input_size = corpus[seed].size < INPUT_MOST ? corpus[seed].size : INPUT_MOST;
        memcpy(input, corpus[seed].data, input_size);
        for (size_t times = 1 + below(4); times > 0; times--)
            mutate();
        run(input, input_size);
    }
}

int main(void)
{
    const struct CMUnitTest with[] = {cmocka_unit_test(test_corpus), cmocka_unit_test(test_mutations)};
    const struct CMUnitTest without[] = {cmocka_unit_test(test_corpus)};
    return fuzz_mutations() ? cmocka_run_group_tests(with, read_corpus, free_corpus)
                            : cmocka_run_group_tests(without, read_corpus, free_corpus);
}
