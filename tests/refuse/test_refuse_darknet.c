/* Hostile and broken Darknet networks: each cfg is put beside a file of values, opened, and must be refused with its
 * sentence. Then files of values that do not fit, and every prefix and changed byte of a small cfg. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "folder.h"
#include "src/weights/format.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

static void put(const char *name, const void *bytes, size_t size)
{
    struct error error = {0};
    char *path = path_join(folder, name);
    if (!file_write_atomic(path, bytes, size, &error))
        fail_msg("%s", error.text);
    mem_free(path);
}

/* A head of 16 bytes and `count` zeros. */
static void put_values(size_t count)
{
    size_t size = 16 + 4 * count;
    uint8_t *bytes = mem_alloc(size);
    bytes[4] = 1;
    put("net.weights", bytes, size);
    mem_free(bytes);
}

static void expect_refusal(const char *file, const char *sentence)
{
    struct error error = {0};
    char *path = path_join(folder, file);
    struct weights *weights = weights_open(path, &error);
    weights_close(weights);
    if (weights)
        fail_msg("was read, where it should say %s", sentence);
    if (error.kind != ERROR_WEIGHTS || strncmp(error.text, path, strlen(path)) != 0 || !strstr(error.text, sentence))
        fail_msg("kind %d: \"%s\" does not say \"%s\"", error.kind, error.text, sentence);
    mem_free(path);
}

#define NET  "[net]\nheight=8\nwidth=8\nchannels=3\n"
#define CONV "[convolutional]\nfilters=2\nsize=3\npad=1\nactivation=linear\n" /* 2 + 54 values */

static const struct {
    const char *cfg, *sentence;
} cases[] = {
    {"[net]\n", "its cfg, line 1: [net] does not give height, width, and 1 or 3 channels"},
    {"[net]\nheight=8\nwidth=8\nchannels=2\n" CONV, "line 1: [net] does not give height, width, and 1 or 3"},
    {"[net]\nheight=0\n" CONV, "line 1: [net] has height = 0; a whole number from 1 to 4096 is wanted"},
    {"[net]\nheight=99999999999999999999\n" CONV, "[net] has height = 99999999999999999999; a whole number"},
    {"[net]\nheight=8x\n" CONV, "[net] has height = 8x; a whole number"},
    {NET, "its cfg has no layers"},
    {NET NET CONV, "line 5: [net] a second time"},
    {NET "[convolutional\n", "line 5: \"[convolutional\" is no section"},
    {NET "[a section with a name that is longer than all]\n", "is no section"},
    {NET CONV "filters\n", "line 10: \"filters\" is neither a section nor key=value"},
    {NET CONV "=3\n", "line 10: \"=3\" is neither a section nor key=value"},
    {NET CONV "[yolo]\n", "line 10: a layer [yolo], which is not read; of Darknet's networks those that classify are"},
    {NET CONV "[]\n", "line 10: a layer [], which is not read"},
    {NET CONV "[\033[2J]\n", "a layer [?[2J], which is not read"},
    {NET "[convolutional]\nactivation=mish\n", "[convolutional] has the activation mish, which is not read"},
    {NET "[convolutional]\nxnor=1\n", "[convolutional] has xnor = 1, which is not read"},
    {NET "[convolutional]\nfilters=-1\n", "[convolutional] has filters = -1; a whole number from 1 to 65536"},
    {NET "[convolutional]\nstride=0\n", "[convolutional] has stride = 0; a whole number from 1 to 64"},
    {NET "[convolutional]\nfilters=4\ngroups=2\n", "2 groups do not divide 3 channels and 4 filters"},
    {NET "[convolutional]\nsize=9\n", "[convolutional] leaves a map of 0 x 0 with 1 channels"},
    {NET "[maxpool]\nsize=20\nstride=2\npadding=0\n", "[maxpool] leaves a map of 0 x 0 with 3 channels"},
    {NET CONV "[dropout]\nprobability=1\n", "[dropout] has probability = 1; 0 up to, but not, 1 is wanted"},
    {NET CONV "[dropout]\nprobability=nan\n", "[dropout] has probability = nan; 0 up to"},
    {NET CONV "[shortcut]\n", "[shortcut] has from = : no list of up to 16 layers before it"},
    {NET CONV "[shortcut]\nfrom=-2\n", "[shortcut] has from = -2: no list"},
    {NET CONV "[shortcut]\nfrom=1\n", "[shortcut] has from = 1: no list"},
    {NET CONV "[maxpool]\nstride=2\n[shortcut]\nfrom=0\n", "[shortcut] adds maps of different sizes"},
    {NET CONV "[route]\nlayers=0,\n", "[route] has layers = 0,: no list"},
    {NET CONV "[route]\nlayers=0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0\n",
     "[route] has layers = 0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0:"},
    {NET CONV "[maxpool]\nstride=2\n[route]\nlayers=0,1\n", "[route] joins maps of different sizes"},
    {NET CONV "[softmax]\ngroups=2\n", "[softmax] has groups = 2"},
    {NET CONV "[softmax]\ntree=9k.tree\n", "[softmax] has tree = 9k.tree, which is not read"},
    {NET CONV, "44 values follow those of the cfg's last layer"},
    {NET "[connected]\noutput=65536\n", "fc0.bias (line 5 of the cfg) should have 65536 values, but only 100 follow"},
};

static void test_cfg(void **state)
{
    (void)state;
    put_values(100);
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        put("net.cfg", cases[i].cfg, strlen(cases[i].cfg));
        expect_refusal("net.cfg", cases[i].sentence);
        expect_refusal("net.weights", cases[i].sentence);
    }
}

static void test_values(void **state)
{
    (void)state;
    struct error error = {0};
    char *path = path_join(folder, "net.cfg");
    put("net.cfg", NET CONV CONV, strlen(NET CONV CONV));
    put_values(56 + 38);
    struct weights *weights = weights_open(path, &error);
    if (!weights)
        fail_msg("%s", error.text);
    assert_int_equal(weights_count(weights), 4);
    weights_close(weights);
    put_values(56); /* a file may end behind any layer */
    weights = weights_open(path, &error);
    assert_non_null(weights);
    assert_int_equal(weights_count(weights), 2);
    weights_close(weights);
    mem_free(path);
    put_values(57);
    expect_refusal("net.cfg",
                   "conv1.bias (line 10 of the cfg) should have 2 values, but only 1 follow: is the file truncated");
    put_values(56 + 39);
    expect_refusal("net.cfg", "1 values follow those of the cfg's last layer");
    put_values(0);
    expect_refusal("net.cfg", "holds no tensors");
    put("net.weights", "\0\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0", 16);
    expect_refusal("net.cfg", "the .weights file ends within its header");
    put("net.weights",
        "\x7f"
        "ELF",
        4);
    expect_refusal("net.cfg", "the .weights file does not begin as Darknet's do");
    put("net.weights", "", 0);
    expect_refusal("net.cfg", "the .weights file does not begin as Darknet's do");
    put("lone.weights", "\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0", 16);
    expect_refusal("lone.weights", "needs lone.cfg beside it");
}

static void test_every_prefix_and_byte(void **state)
{
    (void)state;
    static const char valid[] = NET CONV "[maxpool]\nstride=2\n[route]\nlayers=-1,1\n" CONV "[avgpool]\n[softmax]\n";
    char *path = path_join(folder, "net.cfg");
    put_values(56 + 2 + 2 * 4 * 9);
    struct error error = {0};
    for (size_t cut = 0; cut <= sizeof valid - 1; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1); /* the exact size, so that a sanitizer sees a byte read too far */
        assert_non_null(copy);
        memcpy(copy, valid, cut);
        struct weights *weights = weights_open_memory_as(&format_darknet, copy, cut, path, &error);
        if (!weights && cut == sizeof valid - 1)
            fail_msg("%s", error.text);
        weights_close(weights);
        free(copy);
    }
    char *changed = mem_string(valid);
    for (size_t i = 0; i < sizeof valid - 1; i++) {
        for (int change = 1; change < 256; change++) {
            changed[i] = (char)(valid[i] ^ change);
            weights_close(weights_open_memory_as(&format_darknet, changed, sizeof valid - 1, path, &error));
        }
        changed[i] = valid[i];
    }
    mem_free(changed);
    mem_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cfg),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_every_prefix_and_byte),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
