/* The memory that is available: of the machine, and of control groups in either version, in a tree of files drawn here. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "thaw/base/file.h"
#include "thaw/base/machine.h"
#include "thaw/base/mem.h"

static char root[64];

static int make_root(void **state)
{
    (void)state;
    strcpy(root, "/tmp/thaw-test-machine-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static void put(const char *folder, const char *name, const char *text)
{
    struct error error = {0};
    char *path = mem_format("%s/%s", root, folder), *file = path_join(path, name);
    assert_true(file_make_directories(path, &error));
    assert_true(file_write_atomic(file, text, strlen(text), &error));
    mem_free(file);
    mem_free(path);
}

static void put_meminfo(void)
{
    put("proc", "meminfo", "MemTotal:       16000 kB\nMemFree:  100 kB\nMemAvailable:    8000 kB\n");
}

static void nothing_is_known_of_nothing(void **state)
{
    (void)state;
    assert_int_equal(machine_memory_available(root), 0);
}

static void the_kernel_is_believed(void **state)
{
    (void)state;
    put_meminfo();
    assert_int_equal(machine_memory_available(root), 8000 * 1024);
    size_t here = machine_memory_available("");
    assert_true(here > 0 && here <= machine_memory());
}

/* The tightest group on the way up counts; pages of files that are not in use count as free. */
static void groups_of_version_2_limit_it(void **state)
{
    (void)state;
    put_meminfo();
    put("proc/self", "cgroup", "0::/a/b\n");
    put("sys/fs/cgroup/a/b", "memory.max", "max\n");
    assert_int_equal(machine_memory_available(root), 8000 * 1024);
    put("sys/fs/cgroup/a", "memory.max", "5000000\n");
    put("sys/fs/cgroup/a", "memory.current", "3000000\n");
    assert_int_equal(machine_memory_available(root), 2000000);
    put("sys/fs/cgroup/a", "memory.stat", "anon 1000000\ninactive_file 1500000\nactive_file 7\n");
    assert_int_equal(machine_memory_available(root), 3500000);
    put("sys/fs/cgroup", "memory.max", "1000000\n");
    put("sys/fs/cgroup", "memory.current", "900000\n");
    assert_int_equal(machine_memory_available(root), 100000);
    put("sys/fs/cgroup", "memory.current", "1000001\n");
    assert_int_equal(machine_memory_available(root), 1); /* known to be none */
}

/* A container sees the host's name of its group and its own limit at the top. */
static void groups_of_version_1_limit_it(void **state)
{
    (void)state;
    put_meminfo();
    put("proc/self", "cgroup", "5:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n");
    put("sys/fs/cgroup/memory", "memory.limit_in_bytes", "6000000\n");
    put("sys/fs/cgroup/memory", "memory.usage_in_bytes", "4000000\n");
    put("sys/fs/cgroup/memory", "memory.stat", "inactive_file 1\ntotal_inactive_file 500000\n");
    assert_int_equal(machine_memory_available(root), 2500000);
    put("sys/fs/cgroup/memory", "memory.limit_in_bytes", "9223372036854771712\n");
    assert_int_equal(machine_memory_available(root), 8000 * 1024);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_known_of_nothing),
        TEST(the_kernel_is_believed),
        TEST(groups_of_version_2_limit_it),
        TEST(groups_of_version_1_limit_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
