/* Hostile and broken Keras files, made by tests/unit/weights/make_keras.py: each must be refused with its sentence. Then
 * prefixes and changed bytes of good files: any outcome but a crash or a hang will do. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/weights/format.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

enum { HANG_SECONDS = 300, LONG_SECONDS = 30 };

static char *source_file(const char *folder, const char *name)
{
    const char *source = getenv("THAW_SRCDIR");
    return mem_format("%s/tests/%s/%s", source ? source : ".", folder, name);
}

/* Reads every tensor; false with the first error. */
static bool read_all(const struct weights *weights, struct error *error)
{
    bool ok = true;
    for (size_t i = 0; i < weights_count(weights) && ok; i++) {
        float *values = mem_array((size_t)shape_count(&weights_get(weights, i)->shape), sizeof *values);
        ok = weights_read(weights, i, values, error);
        mem_free(values);
    }
    return ok;
}

static const struct {
    const char *name, *sentence;
} cases[] = {
    {"bomb.h5", "dataset \"a/w\" claims more values than a file of 14758 bytes can hold"},
    {"compound.h5", "dataset \"a/w\" holds something else than numbers"},
    {"crash.h5", "damaged HDF5: "}, /* libhdf5 1.10 crashes on it */
    {"cut.h5", "damaged HDF5: truncated file"},
    {"deep.h5", "groups lie too deep inside each other"},
    {"external.h5", "the values of dataset \"a/w\" are in another file, which is not read"},
    {"external_link.h5", "layer \"a\" names a dataset \"w\", which is not there"},
    {"huge_rank.h5", "dataset \"a/w\" has 9 dimensions, at most 8 are read"},
    {"large.h5", "dataset \"a/w\" claims more values than a file of 6768 bytes can hold"},
    {"loop.h5", "damaged HDF5: a/again: a group lies inside itself"},
    {"many.h5", "more links lead to its groups than it has room for"},
    {"missing.h5", "layer \"a\" names a dataset \"a/kernel:0\", which is not there"},
    {"not_finite.h5", "tensor \"a/w\" is not finite: element 1 of 2 is NaN"},
    {"other.h5", "is an HDF5 file, but not one of Keras"},
    {"soft.h5", "layer \"a\" names a dataset \"w\", which is not there"},
    {"twice.h5", "tensor \"a/kernel\" is listed twice"},
    {"virtual.h5", "the values of dataset \"a/w\" are in another file, which is not read"},
    {"no_config.keras", "is a .keras archive without config.json"},
    {"no_hdf5.keras", "model.weights.h5: damaged HDF5: file signature not found"},
    {"no_weights.keras", "is a .keras archive without model.weights.h5"},
    {"sharded.keras", "whose weights are in several files, which is not read"},
};

static void test_hostile(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        struct error error = {0};
        char *path = source_file("refuse/keras", cases[i].name);
        double began = clock_monotonic();
        struct weights *weights = weights_open(path, &error);
        if (weights && read_all(weights, &error))
            fail_msg("%s: was read", cases[i].name);
        weights_close(weights);
        assert_true(clock_monotonic() - began < LONG_SECONDS);
#ifdef HAVE_HDF5
        const char *sentence = cases[i].sentence;
#else
        const char *sentence = strstr(cases[i].name, ".h5") || strstr(cases[i].name, "hdf5") ? "this build has no HDF5"
                                                                                             : cases[i].sentence;
#endif
        if (error.kind != ERROR_WEIGHTS || strncmp(error.text, path, strlen(path)) != 0 ||
            !strstr(error.text, sentence))
            fail_msg("%s: kind %d: %s", cases[i].name, error.kind, error.text);
        mem_free(path);
    }
}

/* Opens a copy of exactly that size, and reads it where it opens. */
static void try_bytes(const uint8_t *bytes, size_t size)
{
    struct error error = {0};
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, bytes, size);
    struct weights *weights = weights_open_memory(copy, size, "memory", &error);
    if (!weights || !read_all(weights, &error))
        assert_int_equal(error.kind, ERROR_WEIGHTS);
    weights_close(weights);
    free(copy);
}

/* Few of all, since each costs a process; the fuzzers do the rest. */
static void test_damaged(void **state)
{
    (void)state;
    enum { PREFIXES = 40, CHANGES = 160 };
    static const char *const names[] = {"kinds.h5", "deflated.keras", "texts.h5"};
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        struct error error = {0};
        struct file_map map;
        char *path = source_file("unit/weights/fixtures/keras", names[i]);
        assert_true(file_map_open(&map, path, &error));
        for (size_t k = 0; k < PREFIXES; k++)
            try_bytes(map.data, k * map.size / PREFIXES);
        uint8_t *changed = malloc(map.size);
        for (size_t k = 0; k < CHANGES; k++) {
            size_t at = k * map.size / CHANGES;
            memcpy(changed, map.data, map.size);
            changed[at] ^= (uint8_t)(1 + k % 255);
            changed[(at * 7919 + 3) % map.size] = (uint8_t)(k * 37);
            try_bytes(changed, map.size);
        }
        free(changed);
        file_map_close(&map);
        mem_free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hostile), cmocka_unit_test(test_damaged)};
    alarm(HANG_SECONDS); /* ends a test that hangs */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
