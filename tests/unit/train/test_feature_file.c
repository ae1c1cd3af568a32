/* The files of kept features: what is written is found again; another key of the same hash, truncation, flipped bytes and a
 * full disk are noticed; of the folder the longest unused goes first, and nothing that is in use. */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/train/feature_cache_private.h"
#include "tests/resume/world.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/train/feature_store.h"

enum { ITEMS = 70, ROW = 1000 };

static struct team *team;
static char folder[64];
static const struct feature_layout layout = {.key = "one\nmodel a\n", .items = ITEMS, .row_bytes = ROW};

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/thaw-test-features-XXXXXX");
    team = team_create(2);
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    team_destroy(team);
    return system(command);
}

static void rows_of(size_t block, uint8_t rows[FEATURE_BLOCK * ROW])
{
    for (size_t i = 0; i < FEATURE_BLOCK * ROW; i++)
        rows[i] = (uint8_t)(i * 7 + block * 31 + i / 251);
}

static struct feature_file *open_file(bool make)
{
    struct error error = {0};
    struct feature_file *file = feature_file_open(folder, &layout, make, &error);
    if (make)
        world_must(file, &error);
    if (file)
        feature_file_check(file, team);
    return file;
}

/* A file with all its blocks. */
static char *write_file(void)
{
    struct error error = {0};
    uint8_t rows[FEATURE_BLOCK * ROW];
    char *path = feature_file_path(folder, layout.key);
    unlink(path);
    struct feature_file *file = open_file(true);
    assert_int_equal(feature_file_blocks(file), 3);
    for (size_t b = 0; b < 3; b++) {
        assert_false(feature_file_valid(file, b));
        rows_of(b, rows);
        world_must(feature_file_write(file, b, rows, b == 1 ? 0x80000001 : 0, &error), &error);
    }
    assert_true(feature_file_complete(file));
    feature_file_close(file);
    return path;
}

static int valid_blocks(const struct feature_file *file)
{
    uint8_t rows[FEATURE_BLOCK * ROW], found[FEATURE_BLOCK * ROW];
    int valid = 0;
    for (size_t b = 0; b < feature_file_blocks(file); b++) {
        if (!feature_file_valid(file, b))
            continue;
        rows_of(b, rows);
        assert_true(feature_file_read(file, b * FEATURE_BLOCK, 0, found, feature_file_rows(file, b) * ROW));
        assert_memory_equal(found, rows, feature_file_rows(file, b) * ROW);
        assert_int_equal(feature_file_bad(file, b), b == 1 ? 0x80000001 : 0);
        valid++;
    }
    return valid;
}

static void what_is_written_is_found_again(void **state)
{
    (void)state;
    mem_free(write_file());
    struct feature_file *file = open_file(false), *other = open_file(true);
    assert_non_null(file);
    assert_int_equal(feature_file_rows(file, 2), ITEMS - 2 * FEATURE_BLOCK);
    assert_int_equal(valid_blocks(file), 3);
    assert_int_equal(valid_blocks(other), 3);
    feature_file_close(file);
    feature_file_close(other);
}

/* A block that another process writes is seen without opening the file again. */
static void what_another_writes_is_seen(void **state)
{
    (void)state;
    struct error error = {0};
    uint8_t rows[FEATURE_BLOCK * ROW];
    char *path = write_file();
    unlink(path);
    struct feature_file *one = open_file(true), *other = open_file(true);
    rows_of(2, rows);
    world_must(feature_file_write(one, 2, rows, 0, &error), &error);
    assert_false(feature_file_valid(other, 2));
    assert_true(feature_file_look(other, 2));
    assert_false(feature_file_look(other, 0));
    assert_int_equal(valid_blocks(other), 1);
    feature_file_close(one);
    feature_file_close(other);
    mem_free(path);
}

/* Another key under this one's name, as if both had one hash. */
static void another_key_is_not_taken_for_ours(void **state)
{
    (void)state;
    struct feature_layout other = layout;
    struct error error = {0};
    char *path = write_file();
    other.key = "one\nmodel b\n";
    char *name = feature_file_path(folder, other.key);
    assert_int_equal(rename(path, name), 0);
    assert_null(feature_file_open(folder, &other, false, &error));
    assert_non_null(strstr(error.text, name));
    struct feature_file *file = feature_file_open(folder, &other, true, &error);
    world_must(file, &error);
    feature_file_check(file, team);
    for (size_t b = 0; b < 3; b++)
        assert_false(feature_file_valid(file, b));
    feature_file_close(file);
    unlink(name);
    mem_free(name);
    mem_free(path);
}

/* Every byte of header, key and table, and some of the rows: never a wrong row. */
static void flipped_bytes_are_detected(void **state)
{
    (void)state;
    struct stat status;
    char *path = write_file();
    assert_int_equal(stat(path, &status), 0);
    size_t rows_at = (size_t)status.st_size - (size_t)ITEMS * ROW, table_at = 128;
    for (size_t at = 0; at < (size_t)status.st_size; at += at < rows_at ? 1 : 997) {
        mem_free(write_file());
        world_flip(path, (off_t)at);
        struct feature_file *file = open_file(true);
        int valid = valid_blocks(file);
        bool in_header = at < 80 + strlen(layout.key), in_rows = at >= rows_at;
        if (in_header ? valid != 0 : in_rows ? valid != 2 : valid < 2)
            fail_msg("byte %zu: %d blocks are valid", at, valid);
        if (at == table_at || at == table_at + 16 || at == table_at + 20)
            assert_int_equal(valid, 2); /* digest, unreadable rows, mark of the first entry */
        feature_file_close(file);
    }
    mem_free(path);
}

static void other_lengths_are_replaced(void **state)
{
    (void)state;
    struct stat status;
    char *path = write_file();
    assert_int_equal(stat(path, &status), 0);
    const off_t lengths[] = {0, 1, 79, 100, 4096, status.st_size - 1, status.st_size + 1};
    for (size_t i = 0; i < THAW_LENGTH(lengths); i++) {
        mem_free(write_file());
        struct feature_file *before = open_file(true); /* keeps what it has mapped */
        assert_int_equal(unlink(path), 0);
        mem_free(write_file());
        assert_int_equal(truncate(path, lengths[i]), 0);
        struct feature_file *file = open_file(true);
        assert_int_equal(valid_blocks(file), 0);
        assert_int_equal(valid_blocks(before), 3);
        feature_file_close(file);
        feature_file_close(before);
        file = open_file(false);
        assert_non_null(file);
        feature_file_close(file);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0); /* something else altogether */
    struct error error = {0};
    assert_null(feature_file_open(folder, &layout, true, &error));
    assert_int_equal(error.kind, ERROR_FAILED);
    assert_int_equal(rmdir(path), 0);
    mem_free(path);
}

/* A limit on the size of files stands for a full disk. */
static void a_full_disk_is_an_error(void **state)
{
    (void)state;
    struct error error = {0};
    uint8_t rows[FEATURE_BLOCK * ROW];
    char *path = write_file();
    unlink(path);
    world_limit_files(5000);
    assert_null(feature_file_open(folder, &layout, true, &error));
    world_limit_files(0);
    assert_non_null(strstr(error.text, path));
    assert_false(file_exists(path));

    struct feature_file *file = open_file(true);
    rows_of(0, rows);
    world_must(feature_file_write(file, 0, rows, 0, &error), &error);
    world_limit_files(5000 + FEATURE_BLOCK * ROW);
    rows_of(1, rows);
    assert_false(feature_file_write(file, 1, rows, 0x80000001, &error));
    world_limit_files(0);
    assert_false(feature_file_valid(file, 1));
    feature_file_close(file);
    file = open_file(true);
    assert_int_equal(valid_blocks(file), 1);
    feature_file_close(file);
    mem_free(path);
}

/* --- the folder --- */

static void the_longest_unused_goes_first(void **state)
{
    (void)state;
    struct error error = {0};
    struct feature_file *open_one = NULL;
    char own[96], key[32];
    size_t count;
    snprintf(own, sizeof own, "%s/store", folder);
    world_must(file_make_directories(own, &error), &error);
    for (int i = 0; i < 5; i++) {
        uint8_t rows[FEATURE_BLOCK * ROW] = {0};
        snprintf(key, sizeof key, "model m%d\nimages some\n", i);
        struct feature_layout one = {.key = key, .items = ITEMS, .row_bytes = ROW};
        struct feature_file *file = feature_file_open(own, &one, true, &error);
        world_must(file, &error);
        for (size_t b = 0; b < 3; b++)
            world_must(feature_file_write(file, b, rows, 0, &error), &error);
        if (i == 1)
            open_one = file;
        else
            feature_file_close(file);
        char *path = feature_file_path(own, key);
        struct timespec times[2] = {{1000 + i, 0}, {1000 + i, 0}};
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        mem_free(path);
    }
    char *stray = path_join(own, "notes.txt");
    world_must(file_write_atomic(stray, "x", 1, &error), &error);
    struct feature_stored *list = feature_store_list(own, &count);
    assert_int_equal(count, 5);
    assert_string_equal(list[0].model, "m4");
    assert_string_equal(list[4].model, "m0");
    assert_string_equal(list[4].images, "some");
    assert_true(list[3].in_use && !list[4].in_use && list[0].bytes >= ITEMS * ROW);
    uint64_t each = list[0].bytes;
    feature_store_free(list, count);

    assert_int_equal(feature_store_shrink(own, 3 * each, &count), 2 * each);
    list = feature_store_list(own, &count);
    assert_int_equal(count, 3);
    assert_string_equal(list[0].model, "m4"); /* m0 and m2 went, m1 is open */
    assert_string_equal(list[1].model, "m3");
    assert_string_equal(list[2].model, "m1");
    feature_store_free(list, count);
    feature_store_shrink(own, 0, &count);
    assert_int_equal(count, 2);
    feature_file_close(open_one);
    feature_store_shrink(own, 0, &count);
    assert_int_equal(count, 1);
    assert_true(file_exists(stray));
    assert_null(feature_store_list("/nowhere/at/all", &count));
    assert_int_equal(count, 0);
    mem_free(stray);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_found_again),    cmocka_unit_test(what_another_writes_is_seen),
        cmocka_unit_test(another_key_is_not_taken_for_ours), cmocka_unit_test(flipped_bytes_are_detected),
        cmocka_unit_test(other_lengths_are_replaced),        cmocka_unit_test(a_full_disk_is_an_error),
        cmocka_unit_test(the_longest_unused_goes_first),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
