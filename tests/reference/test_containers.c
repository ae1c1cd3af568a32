/* The same trained weights in torch's three containers and in safetensors, plain and sharded, give the same logits to
 * the bit. The tar archive and the shards are made here from the real files. Needs THAW_REAL_DATA. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"
#include "thaw/compile/exec.h"
#include "thaw/shelf/load.h"

static char folder[] = "/tmp/thaw-containers-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    struct error error;
    struct file_list list;
    if (file_list_read(&list, folder, &error)) {
        for (size_t i = 0; i < list.count; i++) {
            char *path = path_join(folder, list.name[i]);
            unlink(path);
            mem_free(path);
        }
        file_list_free(&list);
    }
    return rmdir(folder);
}

static const char *need_data(void)
{
    const char *data = getenv("THAW_REAL_DATA");
    if (!data || !*data) {
        print_message("SKIPPED: THAW_REAL_DATA is not set\n");
        skip();
    }
    return data;
}

/* --- the tar archive, as torch.save wrote it before 0.1.10 --- */

struct text {
    uint8_t *bytes;
    size_t size, room;
};

static void put(struct text *text, const void *bytes, size_t size)
{
    if (size > text->room - text->size) {
        text->room = 2 * (text->room + size);
        text->bytes = mem_grow(text->bytes, text->room, 1);
    }
    if (size)
        memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}

static void put_number(struct text *text, int64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        put(text, &(uint8_t){i < 8 ? (uint8_t)((uint64_t)value >> (8 * i)) : 0}, 1);
}

#define PUT(text, literal) put(text, literal, sizeof(literal) - 1)

static void put_count(struct text *text, size_t count)
{
    PUT(text, "\x80\x02J");
    put_number(text, (int64_t)count, 4);
    PUT(text, ".");
}

/* All values as float32. */
static void put_tensor(struct text part[4], const struct weights *weights, size_t index)
{
    const struct weights_tensor *tensor = weights_get(weights, index);
    struct error error;
    size_t count = (size_t)shape_count(&tensor->shape);
    float *values = mem_array(count, sizeof *values);
    if (!weights_read(weights, index, values, &error))
        fail_msg("%s", error.text);
    PUT(&part[1], "\x80\x02(J");
    put_number(&part[1], (int64_t)index, 4);
    PUT(&part[1], "U\x03"
                  "cpuctorch\nFloatStorage\nt.");
    put_number(&part[1], (int64_t)count, 8);
    put(&part[1], values, count * sizeof *values);
    PUT(&part[2], "\x80\x02(J");
    put_number(&part[2], (int64_t)(1000000 + index), 4);
    PUT(&part[2], "J");
    put_number(&part[2], (int64_t)index, 4);
    PUT(&part[2], "ctorch\nFloatTensor\nt.");
    put_number(&part[2], tensor->shape.rank, 8);
    for (int d = 0; d < tensor->shape.rank; d++)
        put_number(&part[2], tensor->shape.dim[d], 8);
    for (int64_t d = 0, stride = (int64_t)count; d < tensor->shape.rank; d++)
        put_number(&part[2], stride /= tensor->shape.dim[d], 8);
    put_number(&part[2], 0, 8);
    PUT(&part[3], "X");
    put_number(&part[3], (int64_t)strlen(tensor->name), 4);
    put(&part[3], tensor->name, strlen(tensor->name));
    PUT(&part[3], "J");
    put_number(&part[3], (int64_t)(1000000 + index), 4);
    PUT(&part[3], "Q");
    mem_free(values);
}

static void put_member(struct text *archive, const char *name, const struct text *part)
{
    char header[512] = {0};
    unsigned sum = 0;
    snprintf(header, 100, "%s", name);
    snprintf(header + 124, 12, "%011o", (unsigned)part->size);
    memset(header + 148, ' ', 8);
    memcpy(header + 257, "ustar\00000", 8);
    for (int i = 0; i < 512; i++)
        sum += (uint8_t)header[i];
    snprintf(header + 148, 8, "%06o", sum);
    put(archive, header, sizeof header);
    put(archive, part->bytes, part->size);
    put_number(archive, 0, (int)((512 - part->size % 512) % 512));
}

static char *make_tar(const struct weights *weights)
{
    static const char *const name[4] = {"sys_info", "storages", "tensors", "pickle"};
    struct text part[4] = {{0}}, archive = {0};
    struct error error;
    PUT(&part[0], "\x80\x02}U\x0dlittle_endian\x88s.");
    put_count(&part[1], weights_count(weights));
    put_count(&part[2], weights_count(weights));
    PUT(&part[3], "\x80\x02"
                  "ccollections\nOrderedDict\n)R(");
    for (size_t i = 0; i < weights_count(weights); i++)
        put_tensor(part, weights, i);
    PUT(&part[1], "\x80\x02].");
    PUT(&part[3], "u.");
    for (int p = 0; p < 4; p++) {
        put_member(&archive, name[p], &part[p]);
        mem_free(part[p].bytes);
    }
    char *path = path_join(folder, "weights.pth");
    assert_true(file_write_atomic(path, archive.bytes, archive.size, &error));
    mem_free(archive.bytes);
    return path;
}

/* --- two files and their index --- */

static void write_half(const struct weights *weights, size_t half, const char *name)
{
    struct error error;
    size_t count = 0;
    struct weights_output *tensor = mem_array(weights_count(weights), sizeof *tensor);
    for (size_t i = half; i < weights_count(weights); i += 2) {
        const struct weights_tensor *from = weights_get(weights, i);
        float *values = mem_array((size_t)shape_count(&from->shape), sizeof *values);
        assert_true(weights_read(weights, i, values, &error));
        tensor[count++] =
            (struct weights_output){.name = from->name, .type = TENSOR_F32, .shape = from->shape, .values = values};
    }
    char *path = path_join(folder, name);
    if (!safetensors_write(path, tensor, count, NULL, &error))
        fail_msg("%s", error.text);
    for (size_t i = 0; i < count; i++)
        mem_free((float *)(uintptr_t)tensor[i].values);
    mem_free(tensor);
    mem_free(path);
}

static char *make_shards(const struct weights *weights)
{
    static const char *const name[2] = {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"};
    struct text index = {0};
    struct error error;
    PUT(&index, "{\"weight_map\": {");
    for (size_t i = 0; i < weights_count(weights); i++) {
        char *line = mem_format("%s\"%s\": \"%s\"", i ? ", " : "", weights_get(weights, i)->name, name[i % 2]);
        put(&index, line, strlen(line));
        mem_free(line);
    }
    PUT(&index, "}}");
    for (size_t half = 0; half < 2; half++)
        write_half(weights, half, name[half]);
    char *path = path_join(folder, "model.safetensors.index.json");
    assert_true(file_write_atomic(path, index.bytes, index.size, &error));
    mem_free(index.bytes);
    return path;
}

/* --- logits --- */

/* Of two images of noise; the caller frees. */
static float *run_file(const char *path, const char *arch, size_t *count)
{
    enum { IMAGES = 2 };
    struct error error;
    struct rng rng;
    struct graph *graph = load_graph(&(struct load_request){.weights = path}, NULL, &error);
    if (!graph)
        fail_msg("%s", error.text);
    assert_string_equal(graph->arch, arch);
    struct team *team = team_create(1);
    struct plan_options options = {.batch = IMAGES, .fold = true, .team = team};
    struct plan *plan = plan_create(graph, NULL, &options, &error);
    if (!plan)
        fail_msg("%s", error.text);
    struct shape4 shape = graph->node[0].shape;
    shape.n = IMAGES;
    float *input = mem_floats(shape4_count(shape));
    rng_init(&rng, 5, 0);
    for (size_t i = 0; i < shape4_count(shape); i++)
        input[i] = (float)rng_uniform(&rng) * 2 - 1;
    *count = (size_t)graph->classes * IMAGES;
    float *logits = mem_array(*count, sizeof *logits);
    memcpy(logits, exec_forward(plan, input, IMAGES, false, 0, 0), *count * sizeof *logits);
    mem_free_floats(input);
    plan_destroy(plan);
    team_destroy(team);
    graph_destroy(graph);
    return logits;
}

/* Takes the path. */
static void check_same(char *path, const char *arch, const float *want, size_t count)
{
    size_t own;
    float *logits = run_file(path, arch, &own);
    assert_int_equal(own, count);
    if (memcmp(logits, want, count * sizeof *want) != 0)
        fail_msg("%s: other logits", path);
    mem_free(logits);
    mem_free(path);
}

static void check_containers(const char *arch, const char *safe, const char *zip, const char *legacy)
{
    struct error error;
    const char *data = need_data();
    char *path = path_join(data, safe);
    struct weights *weights = weights_open(path, &error);
    if (!weights)
        fail_msg("%s", error.text);
    size_t count;
    float *want = run_file(path, arch, &count);
    check_same(path_join(data, zip), arch, want, count);
    check_same(path_join(data, legacy), arch, want, count);
    check_same(make_tar(weights), arch, want, count);
    check_same(make_shards(weights), arch, want, count);
    mem_free(want);
    weights_close(weights);
    mem_free(path);
}

static void test_mobilenet(void **state)
{
    (void)state;
    check_containers("mobilenet_v1_0.25", "models/safetensors/mobilenet_v1_0.25_224.safetensors",
                     "models/torch_zip/mobilenet_v1_0.25_224.zip.pth",
                     "models/torch_legacy/mobilenet_v1_0.25_224.legacy.pth");
}

static void test_resnet20(void **state)
{
    (void)state;
    check_containers("resnet20", "models/safetensors/resnet20_cifar10_akamaster.safetensors",
                     "models/torch_zip/resnet20_cifar10_akamaster.zip.pth", "models/torch_legacy/resnet20-12fca82f.th");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mobilenet), cmocka_unit_test(test_resnet20)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
