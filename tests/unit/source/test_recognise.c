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
#include <string.h>

#include <cmocka.h>

#include "src/source/bind_private.h"
#include "src/source/dialect/dialect.h"
#include "src/weights/format.h"
#include "thaw/source/zoo.h"

/* What the reader below lists. */
static struct {
    const struct graph *graph;
    bool head;
    const char *prefix;
    char *const *name; /* [params], or NULL: the graph's */
    bool old_dense;    /* as torch before 0.4 named DenseNets' layers */
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
        cmocka_unit_test(every_architecture_is_its_own),      cmocka_unit_test(every_dialect_is_known),
        cmocka_unit_test(widths_outside_the_table_are_found), cmocka_unit_test(old_dense_names_are_known),
        cmocka_unit_test(convnext_goes_home_as_torch_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
