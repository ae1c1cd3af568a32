/* What was probably meant: the likenesses that misspellings, other programs' words and beginnings have to what is known. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "thaw/base/nearest.h"

struct meant {
    const char *wanted, *name; /* NULL: none of them */
};

static const char *search(const char *wanted, const char *const *names)
{
    struct nearest nearest = {.wanted = wanted};
    for (; *names; names++)
        nearest_offer(&nearest, *names);
    return nearest.far[0] <= NEAREST_MEANT ? nearest.name[0] : NULL;
}

static void expect_meant(const struct meant *meant, size_t count, const char *const *names)
{
    for (size_t i = 0; i < count; i++) {
        const char *found = search(meant[i].wanted, names);
        if (!found != !meant[i].name || (found && strcmp(found, meant[i].name) != 0))
            fail_msg("%s: %s, not %s", meant[i].wanted, found ? found : "none", meant[i].name ? meant[i].name : "none");
    }
}

static void settings_are_found(void **state)
{
    (void)state;
    static const char *const names[] = {"name",
                                        "weights",
                                        "path",
                                        "val",
                                        "augment",
                                        "size",
                                        "epochs",
                                        "batch",
                                        "optimizer",
                                        "lr",
                                        "momentum",
                                        "weight_decay",
                                        "label_smoothing",
                                        "schedule",
                                        "warmup",
                                        "step_epochs",
                                        "step_gamma",
                                        "class_weights",
                                        "early_stop",
                                        "seed",
                                        "threads",
                                        "memory",
                                        "checkpoint_every",
                                        NULL};
    static const struct meant meant[] = {
        {"learning_rate", "lr"},
        {"learning-rate", "lr"},
        {"epohcs", "epochs"},
        {"epoch", "epochs"},
        {"batch_size", "batch"},
        {"BatchSize", "batch"},
        {"validation_share", "val"},
        {"optim", "optimizer"},
        {"optimiser", "optimizer"},
        {"patience", "early_stop"},
        {"early_stopping", "early_stop"},
        {"wd", "weight_decay"},
        {"decay", "weight_decay"},
        {"lr_schedule", "schedule"},
        {"scheduler", "schedule"},
        {"num_workers", "threads"},
        {"gamma", "step_gamma"},
        {"image_size", "size"},
        {"architecture", "name"},
        {"pretrained", "weights"},
        {"xyzzy", NULL},
        {"", NULL},
        {"-", NULL},
    };
    expect_meant(meant, THAW_LENGTH(meant), names);
}

static void verbs_and_options_are_found(void **state)
{
    (void)state;
    static const char *const names[] = {"train", "resume", "models",  "data",      "eval",   "predict", "runs",
                                        "cache", "bench",  "samples", "--threads", "--json", "--model", NULL};
    static const struct meant meant[] = {
        {"trian", "train"},        {"trainn", "train"},    {"rusume", "resume"},      {"evaluate", "eval"},
        {"run", "runs"},           {"benchmark", "bench"}, {"prediction", "predict"}, {"model", "--model"},
        {"--thread", "--threads"}, {"--josn", "--json"},   {"Models", "models"},      {"frobnicate", NULL},
    };
    expect_meant(meant, THAW_LENGTH(meant), names);
}

/* Digits that changed places, what parts words, and names that only begin like it. */
static void networks_are_found(void **state)
{
    (void)state;
    static const char *const names[] = {"resnet18",
                                        "resnet34",
                                        "resnet50",
                                        "resnet101",
                                        "vgg16",
                                        "vgg16_bn",
                                        "mobilenet_v2",
                                        "mobilenet_v3_small",
                                        "resnet50-imagenet1k_v2",
                                        NULL};
    static const struct meant meant[] = {
        {"resnet81", "resnet18"},
        {"ResNet-50", "resnet50"},
        {"VGG16", "vgg16"},
        {"mobilenetv2", "mobilenet_v2"},
        {"resnet50-imagenet", "resnet50-imagenet1k_v2"},
        {"mobilenet_v3", "mobilenet_v3_small"},
    };
    expect_meant(meant, THAW_LENGTH(meant), names);
}

static void keeps_the_nearest_once(void **state)
{
    (void)state;
    static const char *const names[] = {"block3", "block1", "zebra", "block2", "block1", "block2", "block3"};
    struct nearest nearest = {.wanted = "blok2"};
    for (size_t i = 0; i < THAW_LENGTH(names); i++)
        nearest_offer(&nearest, names[i]);
    assert_string_equal(nearest.name[0], "block2");
    assert_string_equal(nearest.name[1], "block3"); /* of equals the one offered first */
    assert_string_equal(nearest.name[2], "block1");
}

/* A name offered again, nearer this time, stands once. */
static void takes_the_nearer_offer(void **state)
{
    (void)state;
    struct nearest nearest = {.wanted = "size"};
    nearest_offer_away(&nearest, "size", 30);
    nearest_offer_away(&nearest, "sizes", 5);
    nearest_offer_away(&nearest, "size", 10);
    assert_string_equal(nearest.name[0], "size");
    assert_int_equal(nearest.far[0], 10);
    assert_string_equal(nearest.name[1], "sizes");
    assert_null(nearest.name[2]);
}

static void tells_a_part_of_a_sentence(void **state)
{
    (void)state;
    char text[64] = "no";
    struct nearest nearest = {.wanted = "lr"};
    nearest_tell(&nearest, 2, NULL, text, sizeof text);
    assert_string_equal(text, "no");
    nearest_tell(&nearest, 2, "see there", text, sizeof text);
    assert_string_equal(text, "no; see there");
    strcpy(text, "no");
    nearest_offer(&nearest, "lr");
    nearest_tell(&nearest, 2, "see there", text, sizeof text);
    assert_string_equal(text, "no; the nearest is lr");
    strcpy(text, "no");
    nearest_offer(&nearest, "learning_rate");
    nearest_offer(&nearest, "xyz");
    nearest_tell(&nearest, 3, NULL, text, sizeof text);
    assert_string_equal(text, "no; the nearest are lr and learning_rate");
    char small[16] = "no"; /* cut, never past its end */
    nearest_tell(&nearest, 3, NULL, small, sizeof small);
    assert_string_equal(small, "no; the nearest");
}

/* Whatever the bytes: no farther than 100, nothing read beyond an end. */
static void takes_any_bytes(void **state)
{
    (void)state;
    char longest[300];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    static const char *const strange[] = {"", "\xff\xfe", "\033[31m", "a", "..", "\xc3\xa4"};
    for (size_t i = 0; i < THAW_LENGTH(strange); i++) {
        assert_in_range(nearest_far(strange[i], longest), 0, 100);
        assert_in_range(nearest_far(longest, strange[i]), 0, 100);
        for (size_t k = 0; k < THAW_LENGTH(strange); k++)
            assert_in_range(nearest_far(strange[i], strange[k]), 0, 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_found),     cmocka_unit_test(verbs_and_options_are_found),
        cmocka_unit_test(networks_are_found),     cmocka_unit_test(keeps_the_nearest_once),
        cmocka_unit_test(takes_the_nearer_offer), cmocka_unit_test(tells_a_part_of_a_sentence),
        cmocka_unit_test(takes_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
