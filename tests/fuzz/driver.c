/* Runs a harness over its committed corpus as a plain test: THAW_SRCDIR/tests/fuzz/corpus/TARGET. */
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

enum { HANG_SECONDS = 60, CORPUS_LEAST = 8 };

static void test_corpus(void **state)
{
    (void)state;
    const char *source = getenv("THAW_SRCDIR");
    char *folder = mem_format("%s/tests/fuzz/corpus/%s", source ? source : ".", fuzz_target);
    struct error error = {0};
    struct file_list list;
    if (!file_list_read(&list, folder, &error))
        fail_msg("%s", error.text);
    assert_true(list.count >= CORPUS_LEAST);
    alarm(HANG_SECONDS);
    for (size_t i = 0; i < list.count; i++) {
        char *path = path_join(folder, list.name[i]);
        struct file_map map;
        if (!file_map_open(&map, path, &error))
            fail_msg("%s", error.text);
        uint8_t *copy = malloc(map.size ? map.size : 1); /* the exact size, so that a read behind it is seen */
        assert_non_null(copy);
        if (map.size)
            memcpy(copy, map.data, map.size);
        LLVMFuzzerTestOneInput(copy, map.size);
        free(copy);
        file_map_close(&map);
        mem_free(path);
    }
    file_list_free(&list);
    mem_free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_corpus)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
