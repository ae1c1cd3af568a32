/* Filling kept features: the same bytes whoever fills, from what, in memory or on disk, in two processes at once, broken off
 * and killed. */
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
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/train/feature_cache_private.h"
#include "tests/resume/world.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/shelf/load.h"
#include "thaw/train/feature_store.h"

enum { MANY = 300 };

static struct team *team;
static struct graph *graph;
static struct freeze *freeze;
static struct dataset *dataset;
static struct dataset_item many[MANY];
static struct dataset_images images = {.item = many, .items = MANY};

static int set_up(void **state)
{
    struct error error = {0};
    world_set_up(state);
    team = team_create(2);
    graph =
        load_graph(&(struct load_request){.arch = "resnet20", .weights = world.base, .size = WORLD_SIDE}, NULL, &error);
    world_must(graph, &error);
    dataset = dataset_open(world.data, NULL, 1, &error);
    world_must(dataset, &error);
    freeze = freeze_create(graph);
    for (size_t i = 0; i < MANY; i++)
        many[i] = dataset->images[DATASET_TRAIN].item[i * 7 % dataset->images[DATASET_TRAIN].items];
    return 0;
}

static int tear_down(void **state)
{
    freeze_destroy(freeze);
    dataset_destroy(dataset);
    graph_destroy(graph);
    team_destroy(team);
    return world_tear_down(state);
}

static size_t stop_after;  /* images; 0: never */
static size_t cut_at;      /* images; 0: never */
static const char *cut;    /* the file that is cut then, to half of it */
static rlim_t limit_after; /* of files, behind the first block; 0: none */
static int warnings, set_asides;
static char warned[ERROR_TEXT_MAX];

static bool go_on(void *context, size_t done, size_t all)
{
    (void)context;
    assert_true(done <= all && all == images.items);
    if (limit_after)
        world_limit_files(limit_after);
    struct stat status;
    if (cut_at && done >= cut_at && stat(cut, &status) == 0) {
        assert_int_equal(truncate(cut, status.st_size / 2), 0);
        cut_at = 0;
    }
    return stop_after == 0 || done < stop_after;
}

static bool set_aside(void *context, const struct loader_bad *bad)
{
    (void)context;
    assert_true(bad->index < images.items && bad->reason[0]);
    set_asides++;
    return bad->fault == LOADER_UNREADABLE;
}

static void warn(void *context, const char *sentence)
{
    (void)context;
    warnings++;
    snprintf(warned, sizeof warned, "%s", sentence);
}

static const struct feature_cache_watch watch = {NULL, go_on, set_aside, warn};

static struct feature_cache_options options_upto(const char *name)
{
    struct error error = {0};
    world_must(freeze_upto(freeze, graph, name, &error), &error);
    return (struct feature_cache_options){.graph = graph,
                                          .freeze = freeze,
                                          .images = &images,
                                          .loader = {.preprocess = graph->preprocess, .batch = 8, .seed = 1},
                                          .type = TENSOR_F32,
                                          .disk = (size_t)1 << 30,
                                          .memory = (size_t)1 << 30,
                                          .team = team};
}

static struct feature_cache *make(const struct feature_cache_options *options)
{
    struct error error = {0};
    struct feature_cache *features = feature_cache_create(options, &error);
    world_must(features, &error);
    return features;
}

static bool fill_some(struct feature_cache *features, int view, struct feature_cache_fill *fill, struct error *error)
{
    struct plan *frozen = NULL;
    bool good = feature_cache_fill(features, view, &watch, &frozen, fill, error);
    plan_destroy(frozen);
    return good;
}

static struct feature_cache_fill fill_view(struct feature_cache *features, int view)
{
    struct feature_cache_fill fill;
    struct error error = {0};
    world_must(fill_some(features, view, &fill, &error), &error);
    assert_true(feature_cache_ready(features, view));
    return fill;
}

/* The caller frees them. */
static void *rows_from(const struct feature_cache *features, int view, size_t item, size_t count)
{
    size_t bytes = count * feature_row_bytes(features, &features->cut);
    void *rows = mem_alloc(bytes);
    assert_true(feature_file_read(features->view[view - 1], item, 0, rows, bytes));
    return rows;
}

static struct hash digest(const struct feature_cache *features, int view)
{
    size_t bytes = images.items * feature_row_bytes(features, &features->cut);
    void *rows = rows_from(features, view, 0, images.items);
    struct hash hash = hash_bytes(rows, bytes, (struct hash){0});
    mem_free(rows);
    return hash;
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
static struct hash wanted(struct feature_cache_options options, int view)
{
    options.disk = 0;
    struct feature_cache *features = make(&options);
    fill_view(features, view);
    struct hash hash = digest(features, view);
    feature_cache_destroy(features);
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
        struct feature_cache_options options = options_upto(cuts[i]);
        struct hash first = wanted(options, 1);
        for (int start = 0; start < 2; start++) {
            struct feature_cache *features = make(&options);
            struct feature_cache_fill fill = fill_view(features, 1);
            assert_int_equal(fill.images, MANY);
            assert_int_equal(fill.computed, start == 0 ? MANY : 0);
            assert_false(fill.in_memory);
            assert_same(first, digest(features, 1));
            most = features->cut.nodes > most ? features->cut.nodes : most;
            feature_cache_destroy(features);
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
        struct feature_cache_options options = options_upto(cuts[i]);
        struct hash first = wanted(options, 1);
        struct feature_cache *features = make(&options);
        struct feature_cache_fill fill = fill_view(features, 1);
        assert_int_equal(fill.computed, MANY);
        assert_same(first, digest(features, 1));
        continued += fill.from != NULL;
        feature_cache_destroy(features);
    }
    assert_true(continued >= 3);
    /* Half precision is no ground to go on from, nor is what it would be kept in. */
    struct feature_cache_options half = options_upto("trunk");
    half.type = TENSOR_F16;
    struct feature_cache *features = make(&half);
    assert_null(fill_view(features, 1).from);
    assert_same(wanted(half, 1), digest(features, 1));
    feature_cache_destroy(features);
}

/* Before the images are listed. */
static void change_time(const char *path, const struct timespec times[2])
{
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    for (int i = 0; i < MANY; i++)
        if (strcmp(many[i].path, path) == 0) {
            many[i].stamp.seconds = times[1].tv_sec;
            many[i].stamp.nanoseconds = times[1].tv_nsec;
        }
}

static void the_key_says_what_decides(void **state)
{
    (void)state;
    struct feature_cache_options options = options_upto("layer1");
    clear_store();
    struct feature_cache *features = make(&options);
    fill_view(features, 1);
    feature_cache_destroy(features);
    for (int change = 0; change < 6; change++) {
        struct feature_cache_options other = options;
        float *value = graph_param_values(graph, graph_find_param(graph, "layer1.0.bn1.running_mean"));
        struct timespec times[2] = {{1, 0}, {change + 5, 7}};
        if (change == 0)
            value[1] += 0.25f;
        else if (change == 1)
            other.loader.preprocess.mean[0] += 0.125f;
        else if (change == 2)
            other.type = TENSOR_F16;
        else if (change == 3)
            change_time(many[4].path, times);
        else if (change == 4)
            images.items--;
        else
            graph_param_values(graph, graph_find_param(graph, "layer2.0.conv1.weight"))[0] += 1; /* above the cut */
        features = make(&other);
        struct feature_cache_fill fill = fill_view(features, 1);
        assert_int_equal(fill.computed, change == 5 ? 0 : (int)images.items);
        feature_cache_destroy(features);
        if (change == 0)
            value[1] -= 0.25f;
        images.items = MANY;
        if (change == 3) { /* the times stay: what follows compares with this */
            features = make(&options);
            fill_view(features, 1);
            feature_cache_destroy(features);
        }
    }
}

static void views_are_kept_apart(void **state)
{
    (void)state;
    struct feature_cache_options options = options_upto("layer1");
    options.loader.augment = AUGMENT_LIGHT;
    clear_store();
    struct error error = {0};
    assert_null(feature_cache_create(&options, &error)); /* fresh views every epoch */
    assert_int_equal(error.kind, ERROR_NONE);
    options.loader.views = 3;
    struct feature_cache *features = make(&options);
    assert_int_equal(feature_cache_views(features), 3);
    for (int view = 1; view <= 3; view++) {
        assert_false(feature_cache_ready(features, view));
        assert_int_equal(fill_view(features, view).computed, MANY);
        assert_same(wanted(options, view), digest(features, view));
    }
    assert_false(hash_equal(digest(features, 1), digest(features, 2)));
    feature_cache_destroy(features);
    options.loader.seed = 2;
    features = make(&options);
    assert_int_equal(fill_view(features, 1).computed, MANY);
    feature_cache_destroy(features);
}

static void broken_off_fills_are_gone_on_with(void **state)
{
    (void)state;
    struct feature_cache_options options = options_upto("layer2");
    struct feature_cache_fill fill;
    struct error error = {0};
    clear_store();
    struct feature_cache *features = make(&options);
    stop_after = 3 * FEATURE_BLOCK;
    assert_false(fill_some(features, 1, &fill, &error));
    assert_int_equal(error.kind, ERROR_NONE);
    assert_false(feature_cache_ready(features, 1));
    stop_after = 0;
    feature_cache_destroy(features);
    features = make(&options);
    assert_int_equal(fill_view(features, 1).computed, MANY - 3 * FEATURE_BLOCK);
    assert_same(wanted(options, 1), digest(features, 1));
    feature_cache_destroy(features);
}

static void a_disk_that_fills_up_leaves_memory(void **state)
{
    (void)state;
    struct feature_cache_options options = options_upto("layer2");
    clear_store();
    warnings = 0;
    struct feature_cache *features = make(&options);
    limit_after = 500000;
    struct feature_cache_fill fill = fill_view(features, 1);
    limit_after = 0;
    world_limit_files(0);
    assert_true(fill.in_memory);
    assert_int_equal(warnings, 1);
    assert_non_null(strstr(warned, "features are kept in memory only: "));
    assert_same(wanted(options, 1), digest(features, 1));
    feature_cache_destroy(features);
    clear_store();
    /* And where that is not to be had either: a sentence. */
    struct error error = {0};
    options.memory = 1000;
    features = make(&options);
    limit_after = 500000;
    assert_false(fill_some(features, 1, &fill, &error));
    limit_after = 0;
    world_limit_files(0);
    assert_non_null(strstr(error.text, "data.cache_memory"));
    feature_cache_destroy(features);
    options.disk = 1000;
    assert_null(feature_cache_create(&options, &error));
    assert_non_null(strstr(error.text, "data.cache_disk and data.cache_memory"));
}

static void folders_that_cannot_be_written(void **state)
{
    (void)state;
    struct feature_cache_options options = options_upto("layer1");
    char *before = mem_string(getenv("XDG_CACHE_HOME"));
    static const char *const homes[] = {"/proc/nothing", "/dev/null"};
    for (size_t i = 0; i < THAW_LENGTH(homes); i++) {
        setenv("XDG_CACHE_HOME", homes[i], 1);
        warnings = 0;
        struct feature_cache *features = make(&options);
        assert_true(fill_view(features, 1).in_memory);
        assert_int_equal(warnings, 1);
        assert_same(wanted(options, 1), digest(features, 1));
        feature_cache_destroy(features);
    }
    setenv("XDG_CACHE_HOME", before, 1);
    mem_free(before);
}

/* A child that fills; wait_for it. */
static pid_t fill_in_child(const struct feature_cache_options *options)
{
    fflush(NULL);
    pid_t child = fork();
    if (child != 0)
        return child;
    struct feature_cache_options own = *options;
    struct feature_cache_fill fill;
    struct error error = {0};
    own.team = team_create(1);
    struct feature_cache *features = make(&own);
    bool good = fill_some(features, 1, &fill, &error);
    _exit(good ? 0 : 1);
}

static void two_processes_fill_at_once(void **state)
{
    (void)state;
    struct feature_cache_options options = options_upto("layer3.1.conv2");
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
        struct feature_cache *features = make(&options);
        struct feature_cache_fill fill = fill_view(features, 1);
        assert_int_equal(fill.computed, 0);
        assert_same(first, digest(features, 1));
        feature_cache_destroy(features);
    }
}

/* Damage in a file that is in place: only what it hit is computed again. */
static void damaged_blocks_are_computed_again(void **state)
{
    (void)state;
    struct feature_cache_options options = options_upto("layer2");
    clear_store();
    struct feature_cache *features = make(&options);
    fill_view(features, 1);
    struct hash first = digest(features, 1);
    char *path = mem_string(feature_file_name(features->view[0]));
    size_t bytes = feature_row_bytes(features, &features->cut);
    feature_cache_destroy(features);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    world_flip(path, status.st_size - (off_t)(bytes * MANY) + (off_t)(bytes * 100)); /* in the fourth block */
    features = make(&options);
    assert_int_equal(fill_view(features, 1).computed, FEATURE_BLOCK);
    assert_same(first, digest(features, 1));
    feature_cache_destroy(features);
    mem_free(path);
}

/* Cut by somebody while it is filled, or while others are computed from it: neither is a signal, nor holes for rows. */
static void files_that_are_cut_are_made_again(void **state)
{
    (void)state;
    struct hash expected = wanted(options_upto("layer2"), 1);
    for (int source = 0; source < 2; source++) {
        clear_store();
        struct feature_cache_options options = options_upto(source ? "layer1" : "layer2");
        struct feature_cache *features = make(&options);
        if (source)
            fill_view(features, 1);
        else
            assert_true(feature_open_view(features, 1, &watch, &(struct error){0}));
        char *path = mem_string(feature_file_name(features->view[0]));
        feature_cache_destroy(features);
        options = options_upto("layer2");
        features = make(&options);
        cut = path;
        cut_at = 5 * FEATURE_BLOCK;
        struct feature_cache_fill fill = fill_view(features, 1);
        assert_int_equal(cut_at, 0);
        assert_null(fill.from);
        assert_false(fill.in_memory);
        assert_same(expected, digest(features, 1));
        feature_cache_destroy(features);
        mem_free(path);
    }
}

/* Bytes under a path, with a time of their own choosing. */
static void put_file(const char *path, const void *bytes, size_t size)
{
    struct error error = {0};
    struct timespec times[2] = {{77, 0}, {77, 0}};
    world_must(file_write_atomic(path, bytes, size, &error), &error);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* An unreadable image: said at every start, no other row moves by it; once it is readable, it comes in. */
static void unreadable_images_are_tried_again(void **state)
{
    (void)state;
    struct feature_cache_options options = options_upto("layer1");
    struct error error = {0};
    struct file_map map;
    char *own = many[40].path, *path = path_join(world.folder, "image.png");
    world_must(file_map_open(&map, own, &error), &error);
    uint8_t *bad = mem_alloc(map.size);
    struct file_stamp stamp = many[40].stamp;
    clear_store();
    many[40].path = path;
    many[40].stamp = (struct file_stamp){0};
    for (int start = 0; start < 4; start++) {
        bool readable = start >= 2;
        put_file(path, readable ? map.data : bad, map.size);
        set_asides = 0;
        struct feature_cache *features = make(&options);
        static const int computed[] = {MANY, 0, FEATURE_BLOCK, 0};
        assert_int_equal(fill_view(features, 1).computed, computed[start]);
        assert_int_equal(set_asides, readable ? 0 : 1);
        for (uint32_t i = 38; i < 43; i++)
            assert_true(feature_cache_has(features, 1, i) == (readable || i != 40));
        struct hash hash = digest(features, 1);
        assert_same(hash, wanted(options, 1));
        many[40].path = own; /* the same picture */
        if (readable)
            assert_same(hash, wanted(options, 1));
        struct feature_cache *whole = make(&options);
        fill_view(whole, 1);
        for (uint32_t i = 0; i < MANY && !readable; i++)
            if (i != 40) {
                void *row = rows_from(features, 1, i, 1), *good = rows_from(whole, 1, i, 1);
                assert_memory_equal(row, good, feature_row_bytes(whole, &whole->cut));
                mem_free(row);
                mem_free(good);
            }
        feature_cache_destroy(whole);
        feature_cache_destroy(features);
        many[40].path = path;
    }
    many[40].path = own;
    many[40].stamp = stamp;
    mem_free(bad);
    mem_free(path);
    file_map_close(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_file_and_second_start_agree), cmocka_unit_test(deeper_goes_on_from_what_is_kept),
        cmocka_unit_test(the_key_says_what_decides),          cmocka_unit_test(views_are_kept_apart),
        cmocka_unit_test(broken_off_fills_are_gone_on_with),  cmocka_unit_test(a_disk_that_fills_up_leaves_memory),
        cmocka_unit_test(folders_that_cannot_be_written),     cmocka_unit_test(two_processes_fill_at_once),
        cmocka_unit_test(damaged_blocks_are_computed_again),  cmocka_unit_test(unreadable_images_are_tried_again),
        cmocka_unit_test(files_that_are_cut_are_made_again),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
