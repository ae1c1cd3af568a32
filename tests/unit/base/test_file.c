/* Files: maps, atomic writes that leave the old file when they fail, listings in order, paths. */
#include "config.h"

#include <fcntl.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"

static char folder[] = "/tmp/thaw-test-file-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void written_files_map_back(void **state)
{
    (void)state;
    struct error error = {0};
    char *path = path_join(folder, "a.bin");
    assert_true(file_write_atomic(path, "hello", 5, &error));
    assert_true(file_write_atomic(path, "world!", 6, &error));
    struct file_map map;
    assert_true(file_map_open(&map, path, &error));
    assert_int_equal(map.size, 6);
    assert_memory_equal(map.data, "world!", 6);
    file_map_close(&map);
    char *text = file_read_text(path, 100, &error);
    assert_string_equal(text, "world!");
    mem_free(text);
    assert_null(file_read_text(path, 3, &error));
    assert_non_null(strstr(error.text, "a.bin: larger than"));
    mem_free(path);
}

static void empty_missing_and_directory(void **state)
{
    (void)state;
    struct error error = {0};
    struct file_map map;
    char *path = path_join(folder, "empty");
    assert_true(file_write_atomic(path, "", 0, &error));
    assert_true(file_map_open(&map, path, &error));
    assert_int_equal(map.size, 0);
    assert_null(map.data);
    mem_free(path);
    assert_false(file_map_open(&map, "/nowhere/at/all", &error));
    assert_string_equal(error.text, "/nowhere/at/all: No such file or directory");
    assert_false(file_map_open(&map, folder, &error));
    assert_non_null(strstr(error.text, "Is a directory"));
    assert_false(file_write_atomic("/nowhere/at/all", "x", 1, &error));
    assert_non_null(strstr(error.text, "cannot write /nowhere/at/all"));
}

/* What is cut off a mapped file reads as zeros and is told, instead of ending the process; so it is of one rewritten. */
static void maps_outlive_their_files(void **state)
{
    (void)state;
    struct error error = {0};
    size_t size = 3 * (size_t)sysconf(_SC_PAGESIZE);
    char *path = path_join(folder, "cut"), *bytes = mem_alloc(size);
    memset(bytes, 7, size);
    file_guard();
    for (int cut = 0; cut < 3; cut++) {
        struct file_map map, other;
        assert_true(file_write_atomic(path, bytes, size, &error));
        assert_true(file_map_open(&map, path, &error));
        assert_int_equal(map.data[size - 1], 7);
        assert_true(file_map_holds(&map));
        if (cut == 0)
            assert_int_equal(truncate(path, 10), 0);
        else if (cut == 1)
            assert_int_equal(truncate(path, 0), 0);
        else
            assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[]){{1, 0}, {1, 0}}, 0), 0);
        assert_int_equal(map.data[size - 1], cut < 2 ? 0 : 7);
        assert_false(file_map_holds(&map));
        file_map_close(&map);
        assert_true(file_map_open(&other, path, &error));
        assert_true(file_map_holds(&other)); /* what went before is no fault of this one */
        file_map_close(&other);
    }
    mem_free(bytes);
    mem_free(path);
}

static void files_are_read_into_the_same_room(void **state)
{
    (void)state;
    struct error error = {0};
    struct file_bytes bytes = {0};
    char *path = path_join(folder, "read");
    assert_true(file_write_atomic(path, "some bytes", 10, &error));
    assert_true(file_read(&bytes, path, 100, &error));
    assert_int_equal(bytes.size, 10);
    assert_memory_equal(bytes.data, "some bytes", 10);
    struct file_stamp stamp = bytes.stamp;
    const uint8_t *room = bytes.data;
    assert_true(file_read(&bytes, path, 4, &error));
    assert_int_equal(bytes.size, 4);
    assert_ptr_equal(bytes.data, room);
    assert_int_equal(bytes.stamp.size, 10);
    assert_true(file_stamp_equal(&stamp, &bytes.stamp));
    assert_true(file_write_atomic(path, "other", 5, &error));
    assert_true(file_read(&bytes, path, 100, &error));
    assert_false(file_stamp_equal(&stamp, &bytes.stamp));
    assert_false(file_read(&bytes, folder, 100, &error));
    assert_non_null(strstr(error.text, "Is a directory"));
    file_bytes_finish(&bytes);
    mem_free(path);
}

static void abandoned_writes_leave_the_old_file(void **state)
{
    (void)state;
    struct error error = {0};
    char *path = path_join(folder, "kept");
    assert_true(file_write_atomic(path, "old", 3, &error));
    struct file_atomic file;
    assert_true(file_atomic_begin(&file, path, &error));
    fputs("new", file.stream);
    file_atomic_abandon(&file);
    char *text = file_read_text(path, 100, &error);
    assert_string_equal(text, "old");
    mem_free(text);
    struct file_list list;
    assert_true(file_list_read(&list, folder, &error));
    for (size_t i = 0; i < list.count; i++)
        assert_null(strstr(list.name[i], ".tmp"));
    file_list_free(&list);
    mem_free(path);
}

static void listings_are_sorted(void **state)
{
    (void)state;
    struct error error = {0};
    char *sub = path_join(folder, "x/y/z");
    assert_true(file_make_directories(sub, &error));
    assert_true(file_make_directories(sub, &error));
    assert_true(file_is_directory(sub));
    static const char *const names[] = {"b", "a", "B", ".hidden", "10", "9"};
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        char *path = path_join(sub, names[i]);
        assert_true(file_write_atomic(path, "", 0, &error));
        mem_free(path);
    }
    struct file_list list;
    assert_true(file_list_read(&list, sub, &error));
    static const char *const sorted[] = {"10", "9", "B", "a", "b"};
    assert_int_equal(list.count, THAW_LENGTH(sorted));
    for (size_t i = 0; i < list.count; i++)
        assert_string_equal(list.name[i], sorted[i]);
    file_list_free(&list);
    char *below_file = path_join(sub, "a/below");
    assert_false(file_make_directories(below_file, &error));
    mem_free(below_file);
    mem_free(sub);
}

static void expect_path(char *path, const char *expected)
{
    assert_string_equal(path, expected);
    mem_free(path);
}

static void paths_join_and_find_home(void **state)
{
    (void)state;
    expect_path(path_join("a", "b"), "a/b");
    expect_path(path_join("a/", "b"), "a/b");
    expect_path(path_join("a", "/b"), "/b");
    expect_path(path_join("", "b"), "b");
    assert_string_equal(path_base("a/b.c"), "b.c");
    assert_true(path_has_ending("a/b.ini", ".ini"));
    assert_false(path_has_ending(".ini", ".ini") || path_has_ending("b.in", ".ini") || path_has_ending("", ".ini"));
    setenv("HOME", "/home/someone", 1);
    unsetenv("XDG_STATE_HOME");
    expect_path(path_home(PATH_STATE), "/home/someone/.local/state/thaw");
    setenv("XDG_STATE_HOME", "/s", 1);
    expect_path(path_home(PATH_STATE), "/s/thaw");
    setenv("XDG_STATE_HOME", "relative", 1); /* the specification says: to be ignored */
    expect_path(path_home(PATH_STATE), "/home/someone/.local/state/thaw");
    expect_path(path_expand("~/x"), "/home/someone/x");
    expect_path(path_expand("x~"), "x~");
    char *here = realpath(".", NULL), *whole = path_join(here, "a/b");
    expect_path(path_whole("a/b"), whole);
    expect_path(path_whole("/a"), "/a");
    free(here);
    mem_free(whole);
}

/* Where no variable says, the account's home is taken, never the folder that one stands in. */
static void homes_are_not_where_one_stands(void **state)
{
    (void)state;
    struct error error = {0};
    const struct passwd *account = getpwuid(getuid());
    bool known = account && account->pw_dir[0] == '/' && file_is_directory(account->pw_dir);
    char *home = known ? mem_format("%s/.cache/thaw", account->pw_dir) : mem_string("./.cache/thaw");
    setenv("HOME", "", 1);
    unsetenv("XDG_CACHE_HOME");
    expect_path(path_home(PATH_CACHE), home);
    assert_int_equal(path_has_homes(&error), known);
    unsetenv("HOME");
    expect_path(path_home(PATH_CACHE), home);
    for (int i = 0; i < 4; i++)
        setenv(((const char *const[]){"XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"})[i], "/x",
               1);
    assert_true(path_has_homes(&error));
    mem_free(home);
}

static void lines_hold_no_zero_bytes(void **state)
{
    (void)state;
    struct error error = {0};
    char *path = path_join(folder, "zero.ini"), *text;
    assert_true(file_write_atomic(path, "[a]\nb = 1\n\0c = 2\n", 18, &error));
    assert_null(file_read_lines(path, 100, &error));
    assert_non_null(strstr(error.text, "zero.ini:3: a zero byte"));
    assert_true(file_write_atomic(path, "[a]\nb = 1\n", 10, &error));
    text = file_read_lines(path, 100, &error);
    assert_string_equal(text, "[a]\nb = 1\n");
    mem_free(text);
    mem_free(path);
}

/* What a killed write left goes; what may be somebody's stays. */
static void litter_is_swept(void **state)
{
    (void)state;
    struct error error = {0};
    const struct timespec old[2] = {{time(NULL) - 7200, 0}, {time(NULL) - 7200, 0}};
    char *where = path_join(folder, "litter"), name[5][64];
    pid_t gone = fork();
    if (gone == 0)
        _exit(0);
    assert_int_equal(waitpid(gone, NULL, 0), gone);
    snprintf(name[0], sizeof name[0], "last.ini.%ld.tmp", (long)gone);
    snprintf(name[1], sizeof name[1], "last.ini.%ld.tmp", (long)getpid());
    snprintf(name[2], sizeof name[2], "young.%ld.tmp", (long)gone);
    strcpy(name[3], "mine.tmp");
    strcpy(name[4], "4711.tmp");
    assert_true(file_make_directories(where, &error));
    for (int i = 0; i < 5; i++) {
        char *path = path_join(where, name[i]);
        assert_true(file_write_atomic(path, "x", 1, &error));
        assert_int_equal(i == 2 ? 0 : utimensat(AT_FDCWD, path, old, 0), 0);
        mem_free(path);
    }
    file_sweep(where, false);
    for (int i = 0; i < 5; i++) {
        char *path = path_join(where, name[i]);
        assert_int_equal(file_exists(path), i > 0);
        mem_free(path);
    }
    mem_free(where);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_files_map_back),
        cmocka_unit_test(empty_missing_and_directory),
        cmocka_unit_test(maps_outlive_their_files),
        cmocka_unit_test(files_are_read_into_the_same_room),
        cmocka_unit_test(abandoned_writes_leave_the_old_file),
        cmocka_unit_test(listings_are_sorted),
        cmocka_unit_test(paths_join_and_find_home),
        cmocka_unit_test(homes_are_not_where_one_stands),
        cmocka_unit_test(lines_hold_no_zero_bytes),
        cmocka_unit_test(litter_is_swept),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
