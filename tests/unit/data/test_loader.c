/* The loader: the same batches for any number of threads and cache, resumed epochs, unreadable images, shutting down at
 * any moment. */
#include "config.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "files_for_tests.h"
#include "src/data/gate.h"
#include "src/data/geometry.h"
#include "src/data/loader_private.h"
#include "thaw/base/hash.h"
#include "thaw/data/loader.h"
#include "thaw/data/pace.h"

enum { IMAGES = 23 };

static struct loader_options options_of(int threads, enum augment augment, size_t cache)
{
    return (struct loader_options){
        .preprocess = {.width = 8, .height = 8, .channels = 3, .resize = 8, .std = {1, 1, 1}},
        .batch = 4,
        .shuffle = true,
        .augment = augment,
        .seed = 5,
        .threads = threads,
        .cache_bytes = cache,
    };
}

/* Numbers 6 and 17 cannot be decoded. */
static int set_up(void **state)
{
    char *folder = new_folder();
    struct dataset_images *part = mem_alloc(sizeof *part);
    part->item = mem_array(IMAGES + 1, sizeof *part->item);
    part->items = IMAGES;
    for (int i = 0; i < IMAGES; i++) {
        char *name = mem_format("%02d.ppm", i);
        put_image(folder, name, 10 + i, 12, (uint8_t)(i * 10));
        if (i == 6 || i == 17)
            put_file(folder, name, "P6\n9 9\n255\nx", 12);
        part->item[i] = (struct dataset_item){.path = path_join(folder, name), .label = i % 3};
        mem_free(name);
    }
    part->item[IMAGES].path = folder; /* behind the end: for tear_down */
    *state = part;
    return 0;
}

static int tear_down(void **state)
{
    struct dataset_images *part = *state;
    remove_folder(part->item[IMAGES].path);
    for (int i = 0; i <= IMAGES; i++)
        mem_free(part->item[i].path);
    mem_free(part->item);
    mem_free(part);
    return 0;
}

/* Every input of a batch is the view of its image that belongs to (seed, epoch, index). */
static void check_views(const struct dataset_images *part, const struct loader_options *options, int epoch,
                        const struct batch *batch)
{
    struct error error = {0};
    for (int i = 0; i < batch->n; i++) {
        struct image image, view;
        float expected[8 * 8 * 3];
        struct augment_key key = {.seed = options->seed, .epoch = (uint32_t)epoch, .index = batch->index[i]};
        assert_true(image_load(&image, part->item[batch->index[i]].path, &error));
        augment_view(&image, &options->preprocess, options->augment, key, &view);
        image_normalise(&view, &options->preprocess, expected);
        assert_memory_equal(batch->input + i * 8 * 8 * 3, expected, sizeof expected);
        assert_int_equal(batch->label[i], part->item[batch->index[i]].label);
        image_finish(&view);
        image_finish(&image);
    }
}

/* The digest of an epoch; *images counts what came. */
static struct hash epoch_digest(const struct dataset_images *part, const struct loader_options *options,
                                struct loader *loader, int epoch, int *images)
{
    struct hash hash = {0, 0};
    struct batch *batch;
    *images = 0;
    loader_begin(loader, epoch, 0);
    for (int number = 0; (batch = loader_next(loader)); number++) {
        hash = hash_bytes(&number, sizeof number, hash);
        hash = hash_bytes(batch->index, (size_t)batch->n * sizeof *batch->index, hash);
        hash = hash_bytes(batch->label, (size_t)batch->n * sizeof *batch->label, hash);
        hash = hash_bytes(batch->input, (size_t)batch->n * 8 * 8 * 3 * sizeof(float), hash);
        check_views(part, options, epoch, batch);
        *images += batch->n;
        loader_release(loader, batch);
    }
    return hash;
}

/* The same batches for any number of threads and any budget, which is kept to and used. */
static void check_any_threads(const struct dataset_images *part, enum augment augment)
{
    struct error error = {0};
    struct hash expected[2] = {{0, 0}, {0, 0}};
    int images;
    const size_t caches[] = {0, 2000, 1 << 20};
    for (int threads = 1; threads <= 4; threads++)
        for (size_t c = 0; c < THAW_LENGTH(caches); c++) {
            struct loader_options options = options_of(threads, augment, caches[c]);
            struct loader *loader = loader_create(part, &options, &error);
            assert_non_null(loader);
            assert_int_equal(loader_batches(loader), 6);
            for (int epoch = 1; epoch <= 4; epoch++) {
                struct hash hash = epoch_digest(part, &options, loader, 1 + epoch % 2, &images);
                assert_int_equal(images, IMAGES - 2);
                if (expected[epoch % 2].low == 0)
                    expected[epoch % 2] = hash;
                assert_true(hash_equal(hash, expected[epoch % 2]));
                assert_true(loader_kept(loader) <= caches[c]);
                assert_true(caches[c] == 0 || loader_kept(loader) > 1000);
            }
            loader_destroy(loader);
        }
    assert_false(hash_equal(expected[0], expected[1]));
}

static void test_any_threads(void **state)
{
    check_any_threads(*state, AUGMENT_NONE);
    check_any_threads(*state, AUGMENT_LIGHT);
}

/* An epoch begun at any batch gives what the whole epoch gives from there. */
static void test_resume(void **state)
{
    struct error error = {0};
    struct loader_options options = options_of(2, AUGMENT_NONE, 1 << 20);
    struct loader *loader = loader_create(*state, &options, &error);
    assert_non_null(loader);
    uint32_t seen[IMAGES];
    int start[8] = {0};
    for (int first = 0; first <= 6; first++) {
        struct batch *batch;
        loader_begin(loader, 3, first);
        for (int number = first; (batch = loader_next(loader)); number++) {
            if (first == 0) {
                memcpy(seen + start[number], batch->index, (size_t)batch->n * sizeof *seen);
                start[number + 1] = start[number] + batch->n;
            }
            assert_int_equal(batch->n, start[number + 1] - start[number]);
            assert_memory_equal(seen + start[number], batch->index, (size_t)batch->n * sizeof *seen);
            check_views(*state, &options, 3, batch);
            loader_release(loader, batch);
        }
        assert_null(loader_next(loader));
    }
    loader_destroy(loader);
}

/* The order is another one each epoch, the same one in the same epoch, and the list's own without shuffling. */
static void test_order(void **state)
{
    struct error error = {0};
    uint32_t order[4][24] = {{0}};
    const int epochs[] = {1, 2, 1, 1};
    for (int i = 0; i < 4; i++) {
        struct loader_options options = options_of(2, AUGMENT_NONE, 0);
        options.shuffle = i < 3;
        options.batch = 24;
        struct loader *loader = loader_create(*state, &options, &error);
        assert_non_null(loader);
        loader_begin(loader, epochs[i], 0);
        struct batch *batch = loader_next(loader);
        assert_int_equal(batch->n, IMAGES - 2);
        memcpy(order[i], batch->index, (size_t)batch->n * sizeof **order);
        loader_release(loader, batch);
        loader_destroy(loader);
    }
    assert_memory_not_equal(order[0], order[1], sizeof *order);
    assert_memory_equal(order[0], order[2], sizeof *order);
    for (int i = 1; i < IMAGES - 2; i++)
        assert_true(order[3][i] > order[3][i - 1]);
}

static void test_unreadable(void **state)
{
    struct error error = {0};
    struct loader_options options = options_of(3, AUGMENT_NONE, 0);
    struct loader *loader = loader_create(*state, &options, &error);
    const struct loader_bad *bad;
    int images;
    assert_non_null(loader);
    epoch_digest(*state, &options, loader, 1, &images);
    assert_int_equal(loader_take_bad(loader, &bad), 2);
    assert_int_equal(bad[0].index + bad[1].index, 6 + 17);
    assert_non_null(strstr(bad[0].reason, "truncated"));
    assert_memory_equal(bad[0].reason, "truncated", 9); /* no path before it */
    epoch_digest(*state, &options, loader, 2, &images);
    assert_int_equal(loader_take_bad(loader, &bad), 0); /* told once */
    loader_destroy(loader);
}

/* Begin anew and leave at every point, holding batches over it. */
static void test_leave_anywhere(void **state)
{
    struct error error = {0};
    for (int taken = 0; taken <= 6; taken++) {
        struct loader_options options = options_of(1 + taken % 3, AUGMENT_STANDARD, 5000);
        struct loader *loader = loader_create(*state, &options, &error);
        assert_non_null(loader);
        assert_null(loader_next(loader)); /* before the first epoch */
        struct batch *held[6];
        loader_begin(loader, 1, 0);
        for (int i = 0; i < taken; i++)
            held[i] = loader_next(loader);
        loader_begin(loader, 2, 0);
        struct batch *batch = loader_next(loader);
        assert_non_null(batch);
        for (int i = 0; i < taken; i++) {
            assert_non_null(held[i]);
            assert_ptr_not_equal(held[i], batch);
            loader_release(loader, held[i]);
        }
        loader_release(loader, batch);
        loader_destroy(loader);
    }
    loader_destroy(NULL);
}

static void test_empty(void **state)
{
    (void)state;
    struct error error = {0};
    struct dataset_images nothing = {0};
    struct loader_options options = options_of(1, AUGMENT_NONE, 0);
    assert_null(loader_create(&nothing, &options, &error));
    assert_int_equal(error.kind, ERROR_DATA);
}

/* A sample is timed; what is kept is a view, or with augmentation the picture. */
static void reading_is_timed(void **state)
{
    const struct dataset_images *part = *state;
    struct loader_options options = options_of(3, AUGMENT_NONE, 0);
    struct data_pace pace = {0};
    struct error error = {0};
    assert_true(data_pace_measure(&pace, part, &options, &error));
    assert_true(pace.view > 0 && pace.first > 0 && pace.kept > 0 && pace.view < 0.1);
    assert_true(pace.bytes == 8 * 8 * 3);
    options.augment = AUGMENT_LIGHT;
    assert_true(data_pace_measure(&pace, part, &options, &error));
    assert_true(pace.bytes > 10 * 12 * 3 && pace.bytes < (10 + IMAGES) * 12 * 3);
    struct dataset_images bad = {&part->item[6], 1};
    assert_false(data_pace_measure(&pace, &bad, &options, &error));
    assert_int_equal(error.kind, ERROR_DATA);
    assert_non_null(strstr(error.text, "06.ppm"));
}

enum { DOORS = 4, BYTES_MOST = 100 };
static struct gate *gate;
static atomic_size_t inside, holders, breaches;

static void *go_in_and_out(void *context)
{
    size_t seed = (size_t)(uintptr_t)context;
    for (size_t i = 0; i < 500; i++) {
        size_t bytes = 1 + (seed * 37 + i * 53) % 120; /* some are larger than all */
        gate_enter(gate, bytes);
        size_t all = atomic_fetch_add(&inside, bytes) + bytes, count = atomic_fetch_add(&holders, 1) + 1;
        breaches += all > BYTES_MOST && count > 1;
        for (int turn = 0; turn < 4; turn++) /* the others come to the gate meanwhile */
            sched_yield();
        atomic_fetch_sub(&holders, 1);
        atomic_fetch_sub(&inside, bytes);
        gate_leave(gate, bytes);
    }
    return NULL;
}

/* Together they never hold more than is let in, and all come through. */
static void test_gate(void **state)
{
    (void)state;
    pthread_t thread[DOORS];
    gate = gate_create(BYTES_MOST);
    for (uintptr_t i = 0; i < DOORS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, go_in_and_out, (void *)i), 0);
    for (int i = 0; i < DOORS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(breaches, 0);
    gate_destroy(gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_threads), cmocka_unit_test(test_resume),         cmocka_unit_test(test_order),
        cmocka_unit_test(test_unreadable),  cmocka_unit_test(test_leave_anywhere), cmocka_unit_test(test_empty),
        cmocka_unit_test(test_gate),        cmocka_unit_test(reading_is_timed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
