/* Kept features: the file (another key of the same hash, truncation, flipped bytes, full disk), the folder (oldest first,
 * nothing in use), and filling: the same bytes whoever fills, from what, in memory or on disk, in two processes at once,
 * broken off and killed. */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../../src/train/features_parts.h"
#include "../../resume/world.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/model/load.h"
#include "thaw/train/feature_store.h"

static void must(bool good, const struct error *error)
{
    if (!good)
        fail_msg("%s", error->text);
}

/* --- the file --- */

enum { ITEMS = 70, ROW = 1000 };

static struct team *team;
static char folder[64];
static const struct feature_layout layout = {.key = "one\nmodel a\n", .items = ITEMS, .row_bytes = ROW};

static int make_folder(void **state)
{
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
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
        must(file, &error);
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
        must(feature_file_write(file, b, rows, b == 1 ? 0x80000001 : 0, &error), &error);
    }
    assert_true(feature_file_complete(file));
    feature_file_close(file);
    return path;
}

static int valid_blocks(const struct feature_file *file)
{
    uint8_t rows[FEATURE_BLOCK * ROW];
    int valid = 0;
    for (size_t b = 0; b < feature_file_blocks(file); b++) {
        if (!feature_file_valid(file, b))
            continue;
        rows_of(b, rows);
        assert_memory_equal(feature_file_row(file, b * FEATURE_BLOCK), rows, feature_file_rows(file, b) * ROW);
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
    must(feature_file_write(one, 2, rows, 0, &error), &error);
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
    must(file, &error);
    feature_file_check(file, team);
    for (size_t b = 0; b < 3; b++)
        assert_false(feature_file_valid(file, b));
    feature_file_close(file);
    unlink(name);
    mem_free(name);
    mem_free(path);
}

static void flip(const char *path, off_t at)
{
    uint8_t byte;
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
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
        flip(path, (off_t)at);
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

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A limit on the size of files stands for a full disk. */
static void a_full_disk_is_an_error(void **state)
{
    (void)state;
    struct error error = {0};
    uint8_t rows[FEATURE_BLOCK * ROW];
    char *path = write_file();
    unlink(path);
    limit_files(5000);
    assert_null(feature_file_open(folder, &layout, true, &error));
    limit_files(0);
    assert_non_null(strstr(error.text, path));
    assert_false(file_exists(path));

    struct feature_file *file = open_file(true);
    rows_of(0, rows);
    must(feature_file_write(file, 0, rows, 0, &error), &error);
    limit_files(5000 + FEATURE_BLOCK * ROW);
    rows_of(1, rows);
    assert_false(feature_file_write(file, 1, rows, 0x80000001, &error));
    limit_files(0);
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
    must(file_make_directories(own, &error), &error);
    for (int i = 0; i < 5; i++) {
        uint8_t rows[FEATURE_BLOCK * ROW] = {0};
        snprintf(key, sizeof key, "model m%d\nimages some\n", i);
        struct feature_layout one = {.key = key, .items = ITEMS, .row_bytes = ROW};
        struct feature_file *file = feature_file_open(own, &one, true, &error);
        must(file, &error);
        for (size_t b = 0; b < 3; b++)
            must(feature_file_write(file, b, rows, 0, &error), &error);
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
    must(file_write_atomic(stray, "x", 1, &error), &error);
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

/* --- filling --- */

enum { MANY = 300 };

static struct world world;
static struct graph *graph;
static struct freeze *freeze;
static struct dataset *dataset;
static struct dataset_item many[MANY];
static struct dataset_part part = {.item = many, .items = MANY};

static int make_world(void **state)
{
    struct error error = {0};
    make_folder(state);
    world_create(&world);
    graph =
        load_graph(&(struct load_request){.arch = "resnet20", .weights = world.base, .size = WORLD_SIDE}, NULL, &error);
    must(graph, &error);
    dataset = dataset_open(world.data, NULL, 1, &error);
    must(dataset, &error);
    freeze = freeze_create(graph);
    for (size_t i = 0; i < MANY; i++)
        many[i] = dataset->part[DATASET_TRAIN].item[i * 7 % dataset->part[DATASET_TRAIN].items];
    return 0;
}

static int remove_world(void **state)
{
    freeze_destroy(freeze);
    dataset_destroy(dataset);
    graph_destroy(graph);
    world_destroy(&world);
    return remove_folder(state);
}

static size_t stop_after;  /* images; 0: never */
static rlim_t limit_after; /* of files, behind the first block; 0: none */
static int warnings, set_asides;
static char warned[ERROR_TEXT_MAX];

static bool go_on(void *context, size_t done, size_t all)
{
    (void)context;
    assert_true(done <= all && all == part.items);
    if (limit_after)
        limit_files(limit_after);
    return stop_after == 0 || done < stop_after;
}

static void set_aside(void *context, const struct dataset_item *item, const char *reason)
{
    (void)context;
    assert_true(item >= part.item && item < part.item + part.items && reason[0]);
    set_asides++;
}

static void warn(void *context, const char *sentence)
{
    (void)context;
    warnings++;
    snprintf(warned, sizeof warned, "%s", sentence);
}

static const struct features_watch watch = {NULL, go_on, set_aside, warn};

static struct features_options options_upto(const char *name)
{
    struct error error = {0};
    must(freeze_upto(freeze, graph, name, &error), &error);
    return (struct features_options){.graph = graph,
                                     .freeze = freeze,
                                     .part = &part,
                                     .loader = {.preprocess = graph->preprocess, .batch = 8, .seed = 1},
                                     .type = TENSOR_F32,
                                     .disk = (size_t)1 << 30,
                                     .memory = (size_t)1 << 30,
                                     .team = team};
}

static struct features *make(const struct features_options *options)
{
    struct error error = {0};
    struct features *features = features_create(options, &error);
    must(features, &error);
    return features;
}

static bool fill_some(struct features *features, int view, struct features_fill *fill, struct error *error)
{
    struct plan *frozen = NULL;
    bool good = features_fill(features, view, &watch, &frozen, fill, error);
    plan_destroy(frozen);
    return good;
}

static struct features_fill fill_view(struct features *features, int view)
{
    struct features_fill fill;
    struct error error = {0};
    must(fill_some(features, view, &fill, &error), &error);
    assert_true(features_ready(features, view));
    return fill;
}

static struct hash digest(const struct features *features, int view)
{
    const struct feature_file *file = features->view[view - 1];
    return hash_bytes(feature_file_row(file, 0), part.items * feature_row_bytes(features, &features->cut),
                      (struct hash){0});
}

static void clear_store(void)
{
    char *own = feature_store_folder();
    size_t left;
    feature_store_shrink(own, 0, NULL);
    struct feature_stored *list = feature_store_list(own, &left);
    assert_int_equal(left, 0);
    feature_store_free(list, left);
    mem_free(own);
}

/* What the frozen half gives for these images in memory: what every other way must give. */
static struct hash wanted(struct features_options options, int view)
{
    options.disk = 0;
    struct features *features = make(&options);
    fill_view(features, view);
    struct hash hash = digest(features, view);
    features_destroy(features);
    return hash;
}

static void assert_same(struct hash a, struct hash b)
{
    assert_true(hash_equal(a, b));
}

/* At cuts through residual blocks, too, where several values cross. */
static void memory_file_and_second_start_agree(void **state)
{
    (void)state;
    static const char *const cuts[] = {"conv1", "layer1", "layer2.0.conv1", "layer2.0.bn2", "layer3.1.conv2", "trunk"};
    int most = 0;
    for (size_t i = 0; i < THAW_LENGTH(cuts); i++) {
        clear_store();
        struct features_options options = options_upto(cuts[i]);
        struct hash first = wanted(options, 1);
        for (int start = 0; start < 2; start++) {
            struct features *features = make(&options);
            struct features_fill fill = fill_view(features, 1);
            assert_int_equal(fill.images, MANY);
            assert_int_equal(fill.computed, start == 0 ? MANY : 0);
            assert_false(fill.in_memory);
            assert_same(first, digest(features, 1));
            most = features->cut.nodes > most ? features->cut.nodes : most;
            features_destroy(features);
        }
    }
    assert_true(most >= 2);
    assert_int_equal(warnings, 0);
}

/* Through every earlier cut that is kept, or in one go: the same bytes; and which of both says the fill. */
static void deeper_goes_on_from_what_is_kept(void **state)
{
    (void)state;
    static const char *const cuts[] = {"conv1", "layer1", "layer2.0.conv1", "layer2", "trunk"};
    clear_store();
    int continued = 0;
    for (size_t i = 0; i < THAW_LENGTH(cuts); i++) {
        struct features_options options = options_upto(cuts[i]);
        struct hash first = wanted(options, 1);
        struct features *features = make(&options);
        struct features_fill fill = fill_view(features, 1);
        assert_int_equal(fill.computed, MANY);
        assert_same(first, digest(features, 1));
        continued += fill.from != NULL;
        features_destroy(features);
    }
    assert_true(continued >= 3);
    /* Half precision is no ground to go on from, nor is what it would be kept in. */
    struct features_options half = options_upto("trunk");
    half.type = TENSOR_F16;
    struct features *features = make(&half);
    assert_null(fill_view(features, 1).from);
    assert_same(wanted(half, 1), digest(features, 1));
    features_destroy(features);
}

static void the_key_says_what_decides(void **state)
{
    (void)state;
    struct features_options options = options_upto("layer1");
    clear_store();
    struct features *features = make(&options);
    fill_view(features, 1);
    features_destroy(features);
    for (int change = 0; change < 6; change++) {
        struct features_options other = options;
        float *value = graph_param_values(graph, graph_find_param(graph, "layer1.0.bn1.running_mean"));
        struct timespec times[2] = {{1, 0}, {change + 5, 7}};
        if (change == 0)
            value[1] += 0.25f;
        else if (change == 1)
            other.loader.preprocess.mean[0] += 0.125f;
        else if (change == 2)
            other.type = TENSOR_F16;
        else if (change == 3)
            assert_int_equal(utimensat(AT_FDCWD, many[4].path, times, 0), 0);
        else if (change == 4)
            part.items--;
        else
            graph_param_values(graph, graph_find_param(graph, "layer2.0.conv1.weight"))[0] += 1; /* above the cut */
        features = make(&other);
        struct features_fill fill = fill_view(features, 1);
        assert_int_equal(fill.computed, change == 5 ? 0 : (int)part.items);
        features_destroy(features);
        if (change == 0)
            value[1] -= 0.25f;
        part.items = MANY;
        if (change == 3) { /* the times stay: what follows compares with this */
            features = make(&options);
            fill_view(features, 1);
            features_destroy(features);
        }
    }
}

static void views_are_kept_apart(void **state)
{
    (void)state;
    struct features_options options = options_upto("layer1");
    options.loader.augment = AUGMENT_LIGHT;
    clear_store();
    struct error error = {0};
    assert_null(features_create(&options, &error)); /* fresh views every epoch */
    assert_int_equal(error.kind, ERROR_NONE);
    options.loader.views = 3;
    struct features *features = make(&options);
    assert_int_equal(features_views(features), 3);
    for (int view = 1; view <= 3; view++) {
        assert_false(features_ready(features, view));
        assert_int_equal(fill_view(features, view).computed, MANY);
        assert_same(wanted(options, view), digest(features, view));
    }
    assert_false(hash_equal(digest(features, 1), digest(features, 2)));
    features_destroy(features);
    options.loader.seed = 2;
    features = make(&options);
    assert_int_equal(fill_view(features, 1).computed, MANY);
    features_destroy(features);
}

static void broken_off_fills_are_gone_on_with(void **state)
{
    (void)state;
    struct features_options options = options_upto("layer2");
    struct features_fill fill;
    struct error error = {0};
    clear_store();
    struct features *features = make(&options);
    stop_after = 3 * FEATURE_BLOCK;
    assert_false(fill_some(features, 1, &fill, &error));
    assert_int_equal(error.kind, ERROR_NONE);
    assert_false(features_ready(features, 1));
    stop_after = 0;
    features_destroy(features);
    features = make(&options);
    assert_int_equal(fill_view(features, 1).computed, MANY - 3 * FEATURE_BLOCK);
    assert_same(wanted(options, 1), digest(features, 1));
    features_destroy(features);
}

static void a_disk_that_fills_up_leaves_memory(void **state)
{
    (void)state;
    struct features_options options = options_upto("layer2");
    clear_store();
    warnings = 0;
    struct features *features = make(&options);
    limit_after = 500000;
    struct features_fill fill = fill_view(features, 1);
    limit_after = 0;
    limit_files(0);
    assert_true(fill.in_memory);
    assert_int_equal(warnings, 1);
    assert_non_null(strstr(warned, "features are kept in memory only: "));
    assert_same(wanted(options, 1), digest(features, 1));
    features_destroy(features);
    clear_store();
    /* And where that is not to be had either: a sentence. */
    struct error error = {0};
    options.memory = 1000;
    features = make(&options);
    limit_after = 500000;
    assert_false(fill_some(features, 1, &fill, &error));
    limit_after = 0;
    limit_files(0);
    assert_non_null(strstr(error.text, "data.cache_memory"));
    features_destroy(features);
    options.disk = 1000;
    assert_null(features_create(&options, &error));
    assert_non_null(strstr(error.text, "data.cache_disk and data.cache_memory"));
}

static void folders_that_cannot_be_written(void **state)
{
    (void)state;
    struct features_options options = options_upto("layer1");
    char *before = mem_string(getenv("XDG_CACHE_HOME"));
    static const char *const homes[] = {"/proc/nothing", "/dev/null"};
    for (size_t i = 0; i < THAW_LENGTH(homes); i++) {
        setenv("XDG_CACHE_HOME", homes[i], 1);
        warnings = 0;
        struct features *features = make(&options);
        assert_true(fill_view(features, 1).in_memory);
        assert_int_equal(warnings, 1);
        assert_same(wanted(options, 1), digest(features, 1));
        features_destroy(features);
    }
    setenv("XDG_CACHE_HOME", before, 1);
    mem_free(before);
}

/* A child that fills; wait_for it. */
static pid_t fill_in_child(const struct features_options *options)
{
    fflush(NULL);
    pid_t child = fork();
    if (child != 0)
        return child;
    struct features_options own = *options;
    struct features_fill fill;
    struct error error = {0};
    own.team = team_create(1);
    struct features *features = make(&own);
    bool good = fill_some(features, 1, &fill, &error);
    _exit(good ? 0 : 1);
}

static void two_processes_fill_at_once(void **state)
{
    (void)state;
    struct features_options options = options_upto("layer3.1.conv2");
    struct hash first = wanted(options, 1);
    for (int round = 0; round < 6; round++) {
        pid_t child[3];
        int status, count = round % 2 ? 3 : 2;
        clear_store();
        for (int i = 0; i < count; i++)
            child[i] = fill_in_child(&options);
        if (round >= 2) { /* one of them dies on the way */
            nanosleep(&(struct timespec){0, round * 9000000L}, NULL);
            kill(child[0], SIGKILL);
        }
        for (int i = 0; i < count; i++) {
            waitpid(child[i], &status, 0);
            assert_true((i == 0 && round >= 2) || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
        }
        struct features *features = make(&options);
        struct features_fill fill = fill_view(features, 1);
        assert_int_equal(fill.computed, 0);
        assert_same(first, digest(features, 1));
        features_destroy(features);
    }
}

/* Damage in a file that is in place: only what it hit is computed again. */
static void damaged_blocks_are_computed_again(void **state)
{
    (void)state;
    struct features_options options = options_upto("layer2");
    clear_store();
    struct features *features = make(&options);
    fill_view(features, 1);
    struct hash first = digest(features, 1);
    char *path = mem_string(feature_file_name(features->view[0]));
    size_t bytes = feature_row_bytes(features, &features->cut);
    features_destroy(features);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    flip(path, status.st_size - (off_t)(bytes * MANY) + (off_t)(bytes * 100)); /* in the fourth block */
    features = make(&options);
    assert_int_equal(fill_view(features, 1).computed, FEATURE_BLOCK);
    assert_same(first, digest(features, 1));
    features_destroy(features);
    mem_free(path);
}

/* Bytes under a path, with a time of their own choosing. */
static void put_file(const char *path, const void *bytes, size_t size)
{
    struct error error = {0};
    struct timespec times[2] = {{77, 0}, {77, 0}};
    must(file_write_atomic(path, bytes, size, &error), &error);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* An unreadable image: said at every start, no other row moves by it; once it is readable, it comes in. */
static void unreadable_images_are_tried_again(void **state)
{
    (void)state;
    struct features_options options = options_upto("layer1");
    struct error error = {0};
    struct file_map map;
    char *own = many[40].path, *path = path_join(folder, "image.png");
    must(file_map_open(&map, own, &error), &error);
    uint8_t *bad = mem_alloc(map.size);
    clear_store();
    many[40].path = path;
    for (int start = 0; start < 4; start++) {
        bool readable = start >= 2;
        put_file(path, readable ? map.data : bad, map.size);
        set_asides = 0;
        struct features *features = make(&options);
        static const int computed[] = {MANY, 0, FEATURE_BLOCK, 0};
        assert_int_equal(fill_view(features, 1).computed, computed[start]);
        assert_int_equal(set_asides, readable ? 0 : 1);
        for (uint32_t i = 38; i < 43; i++)
            assert_true(features_has(features, 1, i) == (readable || i != 40));
        struct hash hash = digest(features, 1);
        assert_same(hash, wanted(options, 1));
        many[40].path = own; /* the same picture */
        if (readable)
            assert_same(hash, wanted(options, 1));
        struct features *whole = make(&options);
        fill_view(whole, 1);
        for (uint32_t i = 0; i < MANY && !readable; i++)
            if (i != 40)
                assert_memory_equal(feature_file_row(features->view[0], i), feature_file_row(whole->view[0], i),
                                    feature_row_bytes(whole, &whole->cut));
        features_destroy(whole);
        features_destroy(features);
        many[40].path = path;
    }
    many[40].path = own;
    mem_free(bad);
    mem_free(path);
    file_map_close(&map);
}

int main(void)
{
    const struct CMUnitTest files[] = {
        cmocka_unit_test(what_is_written_is_found_again),    cmocka_unit_test(what_another_writes_is_seen),
        cmocka_unit_test(another_key_is_not_taken_for_ours), cmocka_unit_test(flipped_bytes_are_detected),
        cmocka_unit_test(other_lengths_are_replaced),        cmocka_unit_test(a_full_disk_is_an_error),
        cmocka_unit_test(the_longest_unused_goes_first),
    };
    const struct CMUnitTest fills[] = {
        cmocka_unit_test(memory_file_and_second_start_agree), cmocka_unit_test(deeper_goes_on_from_what_is_kept),
        cmocka_unit_test(the_key_says_what_decides),          cmocka_unit_test(views_are_kept_apart),
        cmocka_unit_test(broken_off_fills_are_gone_on_with),  cmocka_unit_test(a_disk_that_fills_up_leaves_memory),
        cmocka_unit_test(folders_that_cannot_be_written),     cmocka_unit_test(two_processes_fill_at_once),
        cmocka_unit_test(damaged_blocks_are_computed_again),  cmocka_unit_test(unreadable_images_are_tried_again),
    };
    int failed = cmocka_run_group_tests(files, make_folder, remove_folder);
    return cmocka_run_group_tests(fills, make_world, remove_world) + failed;
}
