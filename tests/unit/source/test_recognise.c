/* Recognition over the whole zoo: a file with an architecture's tensors is taken for that architecture and no other, with
 * its head and without, for coloured and grey images, in the layout of its library, under the names of every library that
 * has it. Some architectures differ in nothing that a file shows: of those the file's name tells. The files are lists of names and
 * shapes only: nothing of them is read. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/source/bind_private.h"
#include "src/source/dialect/dialect.h"
#include "src/weights/format.h"
#include "thaw/shelf/catalog.h"
#include "thaw/source/zoo.h"

/* What the reader below lists. */
static struct {
    const struct graph *graph;
    bool head;
    const char *prefix;
    char *const *name; /* [params], or NULL: the graph's */
    bool old_dense;    /* as torch before 0.4 named DenseNets' layers */
    bool flat_convs;   /* linear layers over a map are convolutions, as timm has VGGs */
} listed;

/* "norm1" to "norm.1" in denselayers. */
static void split_dense_number(char *name)
{
    char *layer = strstr(name, "denselayer");
    char *part = layer ? strstr(layer, ".norm") : NULL;
    if (layer && !part)
        part = strstr(layer, ".conv");
    if (!part)
        return;
    memmove(part + 6, part + 5, strlen(part + 5) + 1);
    part[5] = '.';
}

static bool list_in(struct weights *weights, enum weights_layout layout, struct error *error)
{
    const struct weights_place nowhere = {.first = weights_map(weights)->data};
    const struct graph *graph = listed.graph;
    for (int p = 0; p < graph->params; p++) {
        if (graph->param[p].role == OP_ROLE_CONSTANT || (graph->param[p].node > graph->trunk && !listed.head))
            continue;
        char name[2 * GRAPH_NAME_MAX];
        snprintf(name, sizeof name, "%s%s", listed.prefix, listed.name ? listed.name[p] : bind_torch_name(graph, p));
        if (listed.old_dense)
            split_dense_number(name);
        struct shape shape = bind_file_shape(graph, p, layout);
        if (listed.flat_convs && shape.rank == 2 && shape.dim[1] == 512 * 7 * 7)
            shape = (struct shape){4, {shape.dim[0], 512, 7, 7}};
        if (!weights_add(weights, name, strlen(name), TENSOR_F32, &shape, &nowhere, error))
            return false;
    }
    return true;
}

static bool list_torch(struct weights *weights, struct error *error)
{
    return list_in(weights, WEIGHTS_TORCH, error);
}

static bool list_keras(struct weights *weights, struct error *error)
{
    return list_in(weights, WEIGHTS_KERAS, error);
}

static const struct weights_format as_torch = {.name = "a list", .layout = WEIGHTS_TORCH, .open = list_torch},
                                   as_keras = {.name = "a list", .layout = WEIGHTS_KERAS, .open = list_keras};

static void assert_recognised_in(const struct bind_zoo *zoo, const struct dialect *dialect, const char *name,
                                 int channels, bool head, const char *prefix)
{
    static const char byte; /* of a file that claims to be large enough for all that it lists */
    struct error error;
    struct bind_identity identity;
    struct graph *graph = zoo_outline(name, &(struct zoo_options){.classes = 7, .channels = channels}, &error);
    if (!graph)
        fail_msg("%s: %s", name, error.text);
    char **names = dialect ? dialect_names(dialect, graph) : NULL;
    listed.graph = graph;
    listed.name = names;
    listed.head = head;
    bool keras = strncmp(name, "keras_", 6) == 0;
    listed.prefix = keras ? "" : prefix;
    const struct weights_format *format = keras ? &as_keras : &as_torch;
    struct weights *weights = weights_open_memory_as(format, &byte, (size_t)1 << 40, name, &error);
    if (!weights)
        fail_msg("%s: %s", name, error.text);
    if (!bind_recognise(weights, zoo, &identity, &error))
        fail_msg("%s: %s", name, error.text);
    if (strcmp(identity.arch, name) != 0)
        fail_msg("%s is taken for %s", name, identity.arch);
    assert_int_equal(identity.classes, head ? 7 : 0);
    assert_int_equal(identity.channels, channels);
    bind_recognise_as(weights, name, &identity);
    assert_int_equal(identity.classes, head ? 7 : 0);
    assert_int_equal(identity.channels, channels);
    assert_string_equal(identity.twin, "");
    weights_close(weights);
    dialect_free_names(names, graph);
    listed.name = NULL;
    graph_destroy(graph);
}

static void assert_recognised(const struct bind_zoo *zoo, const char *name, int channels, bool head, const char *prefix)
{
    assert_recognised_in(zoo, NULL, name, channels, head, prefix);
}

static void every_dialect_is_known(void **state)
{
    (void)state;
    struct bind_zoo *zoo = bind_zoo_create();
    const struct dialect *dialect;
    int covered = 0;
    for (size_t d = 0; (dialect = dialect_at(d)); d++) {
        const struct zoo_arch *arch;
        int own = 0;
        for (size_t i = 0; (arch = zoo_at(i)); i++) {
            if (!dialect_covers(dialect, arch->name))
                continue;
            assert_recognised_in(zoo, dialect, arch->name, 3, true, "");
            assert_recognised_in(zoo, dialect, arch->name, 3, false, "net.encoder.");
            assert_recognised_in(zoo, dialect, arch->name, 1, true, "model.");
            own++;
        }
        if (own == 0)
            fail_msg("dialect %zu, of %s, covers nothing", d, dialect->library);
        covered += own;
    }
    print_message("%d architectures in dialects\n", covered);
    bind_zoo_destroy(zoo);
}

/* Of the library whose names the file has; NULL: the zoo's own, as torchvision's. */
static const struct dialect *dialect_of(const char *library, const char *arch)
{
    const struct dialect *dialect;
    for (size_t d = 0; (dialect = dialect_at(d)); d++)
        if (strcmp(dialect->library, library) == 0 && dialect_covers(dialect, arch))
            return dialect;
    return NULL;
}

static const struct dialect *find_dialect(const char *library, const char *arch)
{
    const struct dialect *dialect = dialect_of(library, arch);
    if (!dialect)
        fail_msg("%s has no names for %s", library, arch);
    return dialect;
}

/* CLIP's tensors do not show which GELU is meant. */
static void the_path_tells_the_form_of_gelu(void **state)
{
    (void)state;
    static const struct {
        const char *path, *arch, *twin;
    } cases[] = {
        {"best.pt", "clip_b_32", "clip_b_32_gelu"},
        {"models--laion--CLIP-ViT-B-32-laion2B-s34B-b79K/snapshots/0/open_clip_pytorch_model.bin", "clip_b_32_gelu",
         ""},
        {"models--openai--clip-vit-base-patch32/snapshots/0/model.safetensors", "clip_b_32", ""},
        {"laion/ViT-B-32-quickgelu.pt", "clip_b_32", ""},
        {"clip_b_32/best.pt", "clip_b_32", ""},
    };
    static const char byte;
    struct error error;
    struct bind_zoo *zoo = bind_zoo_create();
    struct graph *graph = zoo_outline("clip_b_32", &(struct zoo_options){0}, &error);
    assert_non_null(graph);
    listed.graph = graph;
    listed.head = true;
    listed.prefix = "";
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        struct bind_identity identity;
        struct weights *weights = weights_open_memory_as(&as_torch, &byte, (size_t)1 << 40, cases[i].path, &error);
        assert_non_null(weights);
        assert_true(bind_recognise(weights, zoo, &identity, &error));
        if (strcmp(identity.arch, cases[i].arch) != 0 || strcmp(identity.twin, cases[i].twin) != 0)
            fail_msg("%s: %s, \"%s\"", cases[i].path, identity.arch, identity.twin);
        weights_close(weights);
    }
    graph_destroy(graph);
    bind_zoo_destroy(zoo);
}

/* The same tensors in networks that pad and norm otherwise: the file's name decides, then the folders', as those of a
 * cache of Hugging Face's; else it is told that nothing did. */
static void the_path_tells_twins_apart(void **state)
{
    (void)state;
    static const struct {
        const char *library, *path, *arch, *twin;
    } cases[] = {
        {"timm", "best.pth", "efficientnet_b0", "tf_efficientnet_b0"},
        {"timm", "runs/tf_efficientnet_b0_ns-c0e6a31c.pth", "tf_efficientnet_b0", ""},
        {"timm", "efficientnet_b0_ra-3dd342df.pth", "efficientnet_b0", ""},
        {"timm", "models--timm--tf_efficientnet_b0.in1k/snapshots/0/model.safetensors", "tf_efficientnet_b0", ""},
        {"timm", "tf_efficientnet_b0/efficientnet_b0.pth", "efficientnet_b0", ""},
        {"efficientnet_pytorch", "efficientnet_b0.pth", "tf_efficientnet_b0", ""},
        {"transformers", "model.safetensors", "tf_efficientnet_b0", ""},
    };
    static const char byte;
    struct error error;
    struct bind_zoo *zoo = bind_zoo_create();
    struct graph *graph = zoo_outline("tf_efficientnet_b0", &(struct zoo_options){0}, &error);
    assert_non_null(graph);
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        struct bind_identity identity;
        char **names = dialect_names(find_dialect(cases[i].library, graph->arch), graph);
        listed.graph = graph;
        listed.name = names;
        listed.head = true;
        listed.prefix = "";
        struct weights *weights = weights_open_memory_as(&as_torch, &byte, (size_t)1 << 40, cases[i].path, &error);
        assert_non_null(weights);
        assert_true(bind_recognise(weights, zoo, &identity, &error));
        if (strcmp(identity.arch, cases[i].arch) != 0 || strcmp(identity.twin, cases[i].twin) != 0)
            fail_msg("%s: %s, \"%s\"", cases[i].path, identity.arch, identity.twin);
        weights_close(weights);
        dialect_free_names(names, graph);
        listed.name = NULL;
    }
    graph_destroy(graph);
    bind_zoo_destroy(zoo);
}

/* Under the names of its source's library and the name of its file, a set of weights opens as its row says. */
static void the_catalogs_files_open_as_their_rows_say(void **state)
{
    (void)state;
    static const char byte;
    struct error error;
    char installed[512];
    const char *source = getenv("srcdir");
    snprintf(installed, sizeof installed, "%s/catalog", source ? source : ".");
    struct catalog *catalog =
        catalog_open(&(struct catalog_places){installed, "/nonexistent", "/nonexistent", "/nonexistent"}, &error);
    if (!catalog)
        fail_msg("%s", error.text);
    struct bind_zoo *zoo = bind_zoo_create();
    size_t rows, seen = 0;
    const struct catalog_row *row = catalog_rows(catalog, &rows);
    for (size_t i = 0; i < rows; i++) {
        struct bind_identity identity;
        if (strcmp(row[i].source, "keras") == 0 || !strstr(row[i].file, ".pt"))
            continue;
        struct graph *graph = zoo_outline(row[i].arch, &(struct zoo_options){0}, &error);
        if (!graph)
            fail_msg("[%s]: %s", row[i].name, error.text);
        const struct dialect *dialect = dialect_of(row[i].source, row[i].arch);
        char **names = dialect ? dialect_names(dialect, graph) : NULL;
        listed.graph = graph;
        listed.name = names;
        listed.head = row[i].classes > 0;
        listed.prefix = "";
        struct weights *weights = weights_open_memory_as(&as_torch, &byte, (size_t)1 << 40, row[i].file, &error);
        assert_non_null(weights);
        if (!bind_recognise(weights, zoo, &identity, &error))
            fail_msg("[%s]: %s", row[i].name, error.text);
        if (strcmp(identity.arch, row[i].arch) != 0 || identity.classes != row[i].classes)
            fail_msg("[%s]: %s, %d classes", row[i].name, identity.arch, identity.classes);
        seen++;
        weights_close(weights);
        dialect_free_names(names, graph);
        listed.name = NULL;
        graph_destroy(graph);
    }
    assert_true(seen >= 190);
    bind_zoo_destroy(zoo);
    catalog_close(catalog);
}

/* What blurs is no ResNet for thaw, though it has all of its tensors. */
static void a_blurred_network_is_refused(void **state)
{
    (void)state;
    static const char byte;
    struct error error;
    struct bind_identity identity;
    struct graph *graph = zoo_outline("resnet18", &(struct zoo_options){0}, &error);
    assert_non_null(graph);
    listed.graph = graph;
    listed.head = true;
    listed.prefix = "";
    static const char *const paths[] = {"resnetblur18-0.pth", "models--timm--resnetblur18.x/model.safetensors",
                                        "blurred_resnet.pth"};
    for (size_t i = 0; i < THAW_LENGTH(paths); i++) {
        struct weights *weights = weights_open_memory_as(&as_torch, &byte, (size_t)1 << 40, paths[i], &error);
        assert_non_null(weights);
        assert_int_equal(bind_recognise(weights, NULL, &identity, &error), i == 2);
        if (i < 2)
            assert_non_null(strstr(error.text, "called a resnetblur, a network that blurs before it strides"));
        weights_close(weights);
    }
    graph_destroy(graph);
}

/* What libraries call some layers, where the rules reckon: numbers that are shifted, stages that are told by strides alone. */
static void layers_have_the_names_that_libraries_give_them(void **state)
{
    (void)state;
    static const struct {
        const char *library, *arch, *own, *other;
    } cases[] = {
        {"timm", "tf_efficientnet_b0", "features.1.0.block.0.0.weight", "blocks.0.0.conv_dw.weight"},
        {"timm", "tf_efficientnet_b0", "features.6.3.block.3.1.running_var", "blocks.5.3.bn3.running_var"},
        {"timm", "tf_efficientnetv2_s", "features.2.1.block.0.0.weight", "blocks.1.1.conv_exp.weight"},
        {"timm", "tf_efficientnetv2_s", "features.1.1.block.0.0.weight", "blocks.0.1.conv.weight"},
        {"timm", "mobilenetv2_050", "features.4.conv.0.0.weight", "blocks.2.0.conv_pw.weight"},
        {"timm", "mobilenetv3_small_050", "features.7.block.1.0.weight", "blocks.3.0.conv_dw.weight"},
        {"timm", "mobilenetv3_small_050", "features.12.0.weight", "blocks.5.0.conv.weight"},
        {"timm", "mobilenetv3_small_050", "classifier.0.bias", "conv_head.bias"},
        {"timm", "regnet_y_400mf", "trunk_output.block2.block2-1.f.se.fc1.bias", "s2.b2.se.fc1.bias"},
        {"timm", "convnext_tiny", "features.4.1.weight", "stages.2.downsample.1.weight"},
        {"timm", "convnext_tiny", "features.7.2.layer_scale.weight", "stages.3.blocks.2.gamma"},
        {"timm", "vgg11", "classifier.3.weight", "pre_logits.fc2.weight"},
        {"transformers", "resnet50", "layer3.2.bn3.weight", "encoder.stages.2.layers.2.layer.2.normalization.weight"},
        {"transformers", "mobilenet_v1_0.25", "pw.4.bn.bias", "layer.9.normalization.bias"},
        {"transformers", "tf_mobilenet_v2_1.0", "features.2.conv.0.0.weight", "layer.0.expand_1x1.convolution.weight"},
        {"efficientnet_pytorch", "tf_efficientnet_b0", "features.3.1.block.2.fc2.bias", "_blocks.4._se_expand.bias"},
        {"fastai", "resnet18", "layer4.1.bn2.bias", "7.1.bn2.bias"},
        {"MONAI", "densenet121", "features.denseblock1.denselayer2.norm1.weight",
         "features.denseblock1.denselayer2.layers.norm1.weight"},
    };
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        struct error error;
        struct graph *graph = zoo_outline(cases[i].arch, &(struct zoo_options){0}, &error);
        assert_non_null(graph);
        char **names = dialect_names(find_dialect(cases[i].library, cases[i].arch), graph);
        int param = graph_find_param(graph, cases[i].own);
        if (param < 0)
            fail_msg("%s has no %s", cases[i].arch, cases[i].own);
        assert_string_equal(names[param], cases[i].other);
        dialect_free_names(names, graph);
        graph_destroy(graph);
    }
}

static void every_architecture_is_its_own(void **state)
{
    (void)state;
    struct bind_zoo *zoo = bind_zoo_create();
    const struct zoo_arch *arch;
    for (size_t i = 0; (arch = zoo_at(i)); i++) {
        assert_recognised(zoo, arch->name, 3, true, "");
        assert_recognised(zoo, arch->name, 3, false, "module.");
        assert_recognised(zoo, arch->name, 1, true, "");
    }
    bind_zoo_destroy(zoo);
}

static void a_linear_layer_over_a_map_may_be_a_convolution(void **state)
{
    (void)state;
    struct error error;
    struct graph *graph = zoo_outline("vgg11", &(struct zoo_options){0}, &error);
    assert_non_null(graph);
    int fc = graph_find_param(graph, "classifier.0.weight");
    assert_true(bind_param_fits(graph, fc, WEIGHTS_TORCH, &(struct shape){4, {4096, 512, 7, 7}}));
    assert_true(bind_param_fits(graph, fc, WEIGHTS_TORCH, &(struct shape){2, {4096, 25088}}));
    assert_false(bind_param_fits(graph, fc, WEIGHTS_TORCH, &(struct shape){4, {512, 4096, 7, 7}}));
    assert_false(bind_param_fits(graph, fc, WEIGHTS_KERAS, &(struct shape){4, {4096, 512, 7, 7}}));
    graph_destroy(graph);
    listed.flat_convs = true;
    assert_recognised_in(NULL, find_dialect("timm", "vgg11"), "vgg11", 3, true, "");
    listed.flat_convs = false;
}

static void widths_outside_the_table_are_found(void **state)
{
    (void)state;
    static const char *const names[] = {"mobilenet_v1_0.35", "mobilenet_v1_0.4", "mobilenet_v1_0.07",
                                        "mobilenet_v1_1.4"};
    struct bind_zoo *zoo = bind_zoo_create();
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        assert_recognised(zoo, names[i], 3, true, "");
        assert_recognised(zoo, names[i], 1, true, "module.");
    }
    bind_zoo_destroy(zoo);
}

static void old_dense_names_are_known(void **state)
{
    (void)state;
    listed.old_dense = true;
    assert_recognised(NULL, "densenet121", 3, true, "module.");
    listed.old_dense = false;
}

/* What strict loading in PyTorch expects of a ConvNeXt: linear layers of rank 2, scales that belong to the block. */
static void convnext_goes_home_as_torch_has_it(void **state)
{
    (void)state;
    struct error error;
    static const struct {
        const char *own, *torch, *shape;
    } cases[] = {
        {"features.0.0.weight", "features.0.0.weight", "96x3x4x4"},
        {"features.1.0.block.0.weight", "features.1.0.block.0.weight", "96x1x7x7"},
        {"features.1.0.block.3.weight", "features.1.0.block.3.weight", "384x96"},
        {"features.1.0.layer_scale.weight", "features.1.0.layer_scale", "96x1x1"},
        {"classifier.2.weight", "classifier.2.weight", "1000x768"},
    };
    struct graph *graph = zoo_outline("convnext_tiny", &(struct zoo_options){0}, &error);
    assert_non_null(graph);
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        char text[SHAPE_TEXT];
        int p = graph_find_param(graph, cases[i].own);
        assert_true(p >= 0);
        struct shape shape = bind_torch_shape(graph, p);
        assert_string_equal(bind_torch_name(graph, p), cases[i].torch);
        assert_string_equal(shape_text(text, &shape), cases[i].shape);
    }
    graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_architecture_is_its_own),
        cmocka_unit_test(every_dialect_is_known),
        cmocka_unit_test(the_path_tells_twins_apart),
        cmocka_unit_test(the_catalogs_files_open_as_their_rows_say),
        cmocka_unit_test(a_blurred_network_is_refused),
        cmocka_unit_test(the_path_tells_the_form_of_gelu),
        cmocka_unit_test(layers_have_the_names_that_libraries_give_them),
        cmocka_unit_test(a_linear_layer_over_a_map_may_be_a_convolution),
        cmocka_unit_test(widths_outside_the_table_are_found),
        cmocka_unit_test(old_dense_names_are_known),
        cmocka_unit_test(convnext_goes_home_as_torch_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
