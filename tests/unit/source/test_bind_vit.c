/* Weights of vision transformers: the names of three libraries lead to the same values, queries, keys and values that are
 * kept apart become one tensor, and positions are resized as PyTorch does it. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/source/bind_private.h"
#include "thaw/base/mem.h"
#include "thaw/shelf/load.h"
#include "thaw/source/zoo.h"

static char folder[] = "/tmp/thaw-vit-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

/* How a library calls what follows the block's number, and the rest. "": it is in three parts. */
struct naming {
    const char *own, *theirs;
};
static const struct naming timm[] = {
    {"conv_proj.", "patch_embed.proj."},
    {"class_token", "cls_token"},
    {"encoder.pos_embedding", "pos_embed"},
    {"encoder.layers.encoder_layer_", "blocks."},
    {"encoder.ln.", "norm."},
    {"heads.head.", "head."},
    {".ln_1.", ".norm1."},
    {".self_attention.in_proj_", ".attn.qkv."},
    {".self_attention.out_proj.", ".attn.proj."},
    {".ln_2.", ".norm2."},
    {".mlp.0.", ".mlp.fc1."},
    {".mlp.3.", ".mlp.fc2."},
};
static const struct naming transformers[] = {
    {"conv_proj.", "vit.embeddings.patch_embeddings.projection."},
    {"class_token", "vit.embeddings.cls_token"},
    {"encoder.pos_embedding", "vit.embeddings.position_embeddings"},
    {"encoder.layers.encoder_layer_", "vit.encoder.layer."},
    {"encoder.ln.", "vit.layernorm."},
    {"heads.head.", "classifier."},
    {".ln_1.", ".layernorm_before."},
    {".self_attention.in_proj_", ".attention.attention.{}."},
    {".self_attention.out_proj.", ".attention.output.dense."},
    {".ln_2.", ".layernorm_after."},
    {".mlp.0.", ".intermediate.dense."},
    {".mlp.3.", ".output.dense."},
};
static const struct naming of_old[] = {
    {".mlp.0.", ".mlp.linear_1."},
    {".mlp.3.", ".mlp.linear_2."},
};

/* The caller frees. */
static char *replaced(char *name, const char *from, const char *to)
{
    char *at = strstr(name, from);
    if (!at)
        return name;
    char *made = mem_format("%.*s%s%s", (int)(at - name), name, to, at + strlen(from));
    mem_free(name);
    return made;
}

static char *their_name(const char *own, const struct naming *naming, size_t rows, const char *prefix)
{
    char *name = mem_string(own);
    for (size_t i = 0; i < rows; i++)
        name = replaced(name, naming[i].own, naming[i].theirs);
    char *whole = mem_format("%s%s", prefix, name);
    mem_free(name);
    return whole;
}

enum { PARTS = 3 };

static void write_file(const struct graph *graph, const char *file, const struct naming *naming, size_t rows,
                       const char *prefix)
{
    static const char *const parts[] = {"query", "key", "value"};
    struct error error;
    struct weights_output *tensor = mem_array(PARTS * (size_t)graph->params, sizeof *tensor);
    float *values = mem_floats(graph->values_count);
    size_t count = 0;
    for (int p = 0; p < graph->params; p++) {
        float *own = values + graph->param[p].offset;
        char *name = their_name(bind_torch_name(graph, p), naming, rows, prefix);
        bool split = strstr(name, "{}");
        struct shape shape = bind_torch_shape(graph, p);
        bind_to_torch(graph, p, graph_param_values(graph, p), own);
        shape.dim[0] /= split ? PARTS : 1;
        for (int part = 0; part < (split ? PARTS : 1); part++)
            tensor[count++] = (struct weights_output){.name = replaced(mem_string(name), "{}", parts[part]),
                                                      .type = TENSOR_F32,
                                                      .shape = shape,
                                                      .values = own + part * shape_count(&shape)};
        mem_free(name);
    }
    snprintf(path, sizeof path, "%s/%s", folder, file);
    bool good = safetensors_write(path, tensor, count, NULL, &error);
    for (size_t i = 0; i < count; i++)
        mem_free((void *)(uintptr_t)tensor[i].name);
    mem_free(tensor);
    mem_free_floats(values);
    if (!good)
        fail_msg("%s", error.text);
}

static struct graph *build(const char *arch, int side)
{
    struct error error;
    struct graph *graph = zoo_build(arch, &(struct zoo_options){.classes = 3, .height = side, .width = side}, &error);
    if (!graph)
        fail_msg("%s", error.text);
    graph_initialise(graph, 5);
    return graph;
}

/* The file as it is found, at that size. */
static struct graph *load(int side, struct bind_report *report)
{
    struct error error;
    struct load_request request = {.weights = path, .size = side, .seed = 1};
    struct graph *graph = load_graph(&request, report, &error);
    if (!graph)
        fail_msg("%s", error.text);
    return graph;
}

static const struct {
    const char *file, *arch;
    const struct naming *naming;
    size_t rows;
    const char *prefix;
    float mean; /* of the preprocessing that is usual under such names */
} files[] = {
    {"own.safetensors", "vit_ti_16", of_old, 0, "", 0.5f},
    {"a.safetensors", "vit_ti_16", timm, THAW_LENGTH(timm), "", 0.5f},
    {"b.safetensors", "vit_ti_16", timm, THAW_LENGTH(timm), "net.trunk.", 0.5f},
    {"c.safetensors", "vit_ti_16", transformers, THAW_LENGTH(transformers), "", 0.5f},
    {"d.safetensors", "vit_ti_16", of_old, THAW_LENGTH(of_old), "", 0.5f},
    {"deit_tiny.safetensors", "deit_ti_16", timm, THAW_LENGTH(timm), "", 0.485f},
};

static void each_library_s_names_lead_to_the_same_values(void **state)
{
    (void)state;
    struct graph *graph = build("vit_ti_16", 32);
    for (size_t i = 0; i < THAW_LENGTH(files); i++) {
        struct bind_report report;
        write_file(graph, files[i].file, files[i].naming, files[i].rows, files[i].prefix);
        struct graph *read = load(32, &report);
        assert_string_equal(read->arch, files[i].arch);
        assert_int_equal(read->classes, 3);
        assert_float_equal(read->preprocess.mean[0], files[i].mean, 1e-6);
        assert_int_equal(report.count[BIND_LOADED] + report.count[BIND_CONVERTED], graph->params);
        assert_int_equal(report.rows, graph->params);
        for (int p = 0; p < graph->params; p++)
            assert_memory_equal(graph_param_values(graph, p), graph_param_values(read, p),
                                graph->param[p].count * sizeof(float));
        bind_report_finish(&report);
        graph_destroy(read);
        assert_int_equal(unlink(path), 0);
    }
    graph_destroy(graph);
}

/* ViT-B/16 is torchvision's and timm's, and their pixels differ. */
static void the_library_tells_the_pixels(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        float mean;
    } cases[] = {{"blocks.0.attn.qkv.weight", 0.5f}, {"encoder.layers.encoder_layer_0.ln_1.weight", 0.485f}};
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        struct error error;
        float value = 0;
        struct weights_output tensor = {cases[i].name, TENSOR_F32, shape_make(1, (int64_t[]){1}), &value, 0};
        snprintf(path, sizeof path, "%s/x.safetensors", folder);
        assert_true(safetensors_write(path, &tensor, 1, NULL, &error));
        struct weights *weights = weights_open(path, &error);
        struct graph *graph = zoo_outline("vit_b_16", &(struct zoo_options){0}, &error);
        assert_true(weights && graph);
        bind_usual_preprocess(graph, weights);
        assert_float_equal(graph->preprocess.mean[0], cases[i].mean, 1e-6);
        graph_destroy(graph);
        weights_close(weights);
        assert_int_equal(unlink(path), 0);
    }
}

static void another_size_has_its_positions_resized(void **state)
{
    (void)state;
    struct bind_report report;
    struct graph *graph = build("vit_ti_16", 64);
    int position = graph_find_param(graph, "encoder.pos_embedding.weight");
    write_file(graph, "a.safetensors", timm, THAW_LENGTH(timm), "");
    struct graph *read = load(48, &report);
    assert_int_equal(report.row[position].outcome, BIND_CONVERTED);
    assert_string_equal(report.row[position].detail, "4x4 positions -> 3x3");
    const float *from = graph_param_values(graph, position), *to = graph_param_values(read, position);
    assert_memory_equal(from, to, 192 * sizeof *from); /* the class token's */
    assert_memory_not_equal(from + 192, to + 192, 192 * sizeof *from);
    bind_report_finish(&report);
    graph_destroy(read);
    graph_destroy(graph);
    assert_int_equal(unlink(path), 0);
}

/* PyTorch's torch.nn.functional.interpolate, bicubic: antialiased to a size, or by a scale_factor of sides that are larger
 * by 0.1. */
static const struct {
    int h, w;
    bool antialias;
    float expected[42];
} resized[] = {
    {2, 2, true, {0.0070948023f, -0.090021173f, 0.29033194f, -0.32517417f}},
    {2, 2, false, {-0.022270038f, -0.21456214f, 0.39844787f, -0.064074282f}},
    {3,
     5,
     true,
     {-1.0023873f, 0.65054252f, 0.43692792f, -0.34758012f, 0.23211142f, 0.709676f, -0.38665583f, -0.21731322f,
      0.0027367973f, -0.99826878f, 1.706332f, -0.25141315f, -0.35701516f, 0.20969107f, -0.48416322f}},
    {3,
     5,
     false,
     {-1.0745823f, 0.82665446f, 0.57877015f, -0.57871846f, 0.36895339f, 0.66313875f, -0.4900352f, -0.26235692f,
      0.18124901f, -1.076793f, 1.7271083f, -0.24180953f, -0.47152327f, 0.30128905f, -0.46570518f}},
    {7, 6, true, {-1.2370161f,   0.356653f,   1.4787326f,   -0.60226362f, -0.22875424f, 0.69444269f,   -0.96135022f,
                  0.10536679f,   0.93801772f, -0.1972212f,  -0.17601891f, 0.16390767f,  -0.35020905f,  -0.28399382f,
                  -0.050497973f, 0.45420488f, -0.11146369f, -0.76103627f, 0.76541941f,  -0.058823529f, -0.69126157f,
                  0.22945602f,   -0.328125f,  -1.0853207f,  1.7225451f,   0.28653346f,  -1.0261797f,   -0.088307702f,
                  -0.45214239f,  -1.0382717f, 1.7260906f,   0.35788972f,  -0.84228473f, 0.20656049f,   -0.032451263f,
                  -0.5397673f,   1.6467216f,  0.37581307f,  -0.6979278f,  0.40325632f,  0.22779977f,   -0.23854219f}},
    {7, 6, false, {-1.3183649f,  0.48029874f,  1.5689757f,    -0.49067116f, -0.4679599f,  0.72075681f,  -1.0183625f,
                   0.13939321f,  0.9559602f,   -0.074132058f, -0.25680938f, 0.13173573f,  -0.43411584f, -0.29348954f,
                   0.022179736f, 0.45541591f,  0.0080409995f, -0.71138234f, 0.77097906f,  -0.15304114f, -0.75558204f,
                   0.23886461f,  -0.16189208f, -1.1460411f,   1.76905f,     0.22105967f,  -1.0777499f,  -0.14993217f,
                   -0.33429576f, -1.048624f,   1.8502886f,    0.30305516f,  -0.94915468f, 0.074559028f, 0.019612058f,
                   -0.61316176f, 1.6971923f,   0.31160649f,   -0.74240697f, 0.32768758f,  0.34823729f,  -0.23249953f}},
};

static void positions_are_resized_as_pytorch_does_it(void **state)
{
    (void)state;
    enum { SIDE = 4, COUNT = SIDE * SIDE, TOKENS = 2 };
    float room[TOKENS + COUNT] = {9, 9}, *patches = room + TOKENS;
    for (int i = 0; i < COUNT; i++)
        patches[i] = (float)((7 * i * i + 3 * i) % 11) / 4 - 1;
    for (size_t i = 0; i < 4 * THAW_LENGTH(resized);
         i++) { /* with tokens' rows, and without; of one token and of two */
        struct error error;
        int h = resized[i / 4].h, w = resized[i / 4].w, tokens = 1 + (int)(i / 2 % 2), own = i % 2 ? 0 : tokens,
            input = 0;
        struct graph *graph = graph_create("positions", h, w, 1);
        struct op_attrs attrs = op_attrs_default();
        attrs.tokens = tokens;
        int x = graph_add(graph, "token", OP_TOKENS, &attrs, 1, &input);
        attrs.grid_h = h;
        attrs.grid_w = w;
        attrs.antialias = resized[i / 4].antialias;
        attrs.offset = attrs.antialias ? 0 : 0.1f;
        x = graph_add(graph, "position", OP_POSITION, &attrs, 1, &x);
        graph_add_linear(graph, "fc", graph_add_unary(graph, "pool", OP_GLOBAL_AVG_POOL, x), 2);
        if (!graph_finish(graph, &error))
            fail_msg("%s", error.text);
        int param = graph_find_param(graph, "position.weight");
        struct shape file = shape_make(3, (int64_t[]){1, COUNT + own, 1});
        assert_true(bind_position_fits(graph, param, &file));
        bind_position_resize(graph, param, &file, patches - own);
        const float *made = graph_param_values(graph, param);
        for (int t = 0; t < tokens; t++)
            assert_float_equal(made[t], own ? 9 : 0, 0);
        for (int k = 0; k < h * w; k++)
            assert_float_equal(made[k + tokens], resized[i / 4].expected[k], 2e-6);
        file.dim[1] = COUNT + 3;
        assert_false(bind_position_fits(graph, param, &file)); /* of no square grid */
        graph_destroy(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_library_s_names_lead_to_the_same_values),
        cmocka_unit_test(the_library_tells_the_pixels),
        cmocka_unit_test(another_size_has_its_positions_resized),
        cmocka_unit_test(positions_are_resized_as_pytorch_does_it),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
