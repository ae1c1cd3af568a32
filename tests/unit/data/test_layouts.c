/* Class folders in the forms in which people have them: made folders with the right answer, counted by part and class, and
 * what must be refused with a sentence. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "files_for_tests.h"
#include "layouts_for_tests.h"

struct form {
    const char *files;  /* "FOLDER*COUNT ...": so many images each; a name without '*' is an empty folder */
    const char *counts; /* as counts_of, or NULL: refused */
    const char *says;   /* in the layout's words, or in the refusal */
};

static const struct form forms[] = {
    {"cat*2 dog*3", "cat 2/0/0 dog 3/0/0", "class folders"},
    {"train/cat*2 train/dog*3 val/cat*1 val/dog*1", "cat 2/1/0 dog 3/1/0", "below train/ and val/"},
    {"Training/cat*2 Training/dog*3 Testing/cat*1 Testing/dog*1", "cat 2/1/0 dog 3/1/0",
     "below Training/ and Testing/; the test part serves for validation"},
    {"Train/a*1 Train/b*2 Valid/a*3 Valid/b*4 Test/a*5 Test/b*6", "a 1/3/5 b 2/4/6", "11 test images kept apart"},
    {"TRAIN/a*1 TRAIN/b*1 DEV/a*2 DEV/b*2", "a 1/2/0 b 1/2/0", "DEV/"},
    {"training_set/a*1 training_set/b*1 test_set/a*2 test_set/b*2", "a 1/2/0 b 1/2/0", "test_set/"},
    {"Train+Images/a*1 Train+Images/b*1 validation-data/a*2 validation-data/b*2", "a 1/2/0 b 1/2/0", "Train Images/"},
    {"training/a*1 training/b*1 evaluation/a*2 evaluation/b*2 testing/a*3 testing/b*3", "a 1/2/3 b 1/2/3", NULL},
    {"seg_train/a*1 seg_train/b*1 seg_test/a*2 seg_test/b*2 seg_pred*3", "a 1/2/0 b 1/2/0", "seg_train/"},
    {"val/a*1 val/b*2", "a 0/1/0 b 0/2/0", "below val/"},
    {"valid*2 invalid*3", "invalid 3/0/0 valid 2/0/0", "class folders"}, /* two classes */
    {"bus*1 car*2 train*3", "bus 1/0/0 car 2/0/0 train 3/0/0", "class folders"},
    {"cat/train*2 cat/test*1 dog/train*3 dog/test*1", "cat 2/1/0 dog 3/1/0", "parts in each"},
    /* one level too deep, and Asirra's doubled folders */
    {"archive/cat*2 archive/dog*3", "cat 2/0/0 dog 3/0/0", "class folders, in archive"},
    {"a/b/train/cat*2 a/b/train/dog*3 a/b/test/cat*1 a/b/test/dog*1", "cat 2/1/0 dog 3/1/0", "in b"},
    {"training_set/training_set/a*2 training_set/training_set/b*2 test_set/test_set/a*1 test_set/test_set/b*1",
     "a 2/1/0 b 2/1/0", "training_set/"},
    {"train/images/a*2 train/images/b*2 val/images/a*1 val/images/b*1", "a 2/1/0 b 2/1/0", "val/"},
    {"n1/images*2 n2/images*3", "n1 2/0/0 n2 3/0/0", "class folders"}, /* Tiny-ImageNet's classes */
    /* what systems leave */
    {"cat*2 dog*3 __MACOSX/cat*2 @eaDir*1", "cat 2/0/0 dog 3/0/0", NULL},
    /* refused */
    {"e1 e2 full*3", NULL, "only one class has images (full), two are needed to tell apart; none are in e1 and e2"},
    {"train/images*2 train/labels valid/images*2 valid/labels", NULL, "YOLO"},
    {"images/train*2 labels/train", NULL, "YOLO"},
    {"Annotations JPEGImages*4", NULL, "VOC"},
    {"images*4", NULL, "in no class folders"},
    {"train/cat*2 train/dog*2 val/Cat*1 val/dog*1", NULL,
     "the class is called Cat in the validation images and cat in the training images"},
    {"train/great+white*2 train/dog*2 val/great_white*1 val/dog*1", NULL, "give it one name"},
    {"train/caf\xc3\xa9*2 train/dog*2 val/cafe\xcc\x81*1 val/dog*1", NULL, "NFC and NFD"},
    {"caf\xc3\xa9*2 cafe\xcc\x81*2", NULL, "NFC and NFD"},
    {"batch_a/cat*2 batch_a/dog*2 batch_b/cat*2 batch_b/dog*2", NULL, "say which is which: data.path = "},
    {"x/Cat*1 x/dog*1 y/cat*1 y/Dog*1", NULL, "hold folders of the same names"},
    {"train/a*1 train/b*1 training/a*1 training/b*1", NULL, "both train and training are called a training part"},
    {"train*2 test*2", NULL, "its parts hold images in no class folders"},
    {"one*3", NULL, "only one class (one)"},
    {"e1 e2", NULL, "the class folders are empty"},
};

static void test_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(forms); i++) {
        char *folder = new_folder();
        make_files(folder, forms[i].files);
        struct dataset_request request = {.path = folder};
        if (forms[i].counts)
            expect_counts(&request, forms[i].files, forms[i].counts, forms[i].says);
        else
            expect_refusal(&request, forms[i].files, ERROR_DATA, forms[i].says);
        remove_folder(folder);
        mem_free(folder);
    }
}

/* Images beside their boxes or masks, among other things, and what is like them but is not. */
static const struct marked {
    const char *files, *name, *text; /* one file more; NULL: none */
    const char *counts, *says;       /* as of forms */
} marked[] = {
#define BOXES "0 0.5 0.5 0.2 0.1\n12 0.1 0.25 1 0.5\n"
#define XML   "<annotation><size/><object><bndbox/></object></annotation>"
#define COCO  "{\"images\": [{\"file_name\": \"000.ppm\"}], \"annotations\": [{\"bbox\": [1, 1, 2, 2]}], "
    /* by their names, whatever else lies there */
    {"images*2 labels previews*2", "data.yaml", "nc: 2\n", NULL, "images and labels lie beside each other: detection"},
    {"train/images*2 train/labels train/previews*2 valid/images*2 valid/labels", NULL, NULL, NULL, "YOLO"},
    {"images/train*2 labels/train runs/detect*2 demo*1", "README.txt", "boxes\n", NULL, "images and labels"},
    {"images*2 masks*2 samples*2", NULL, NULL, NULL, "images and masks lie beside each other"},
    {"train*2 train_labels*2 other*2", NULL, NULL, NULL, "train and train_labels lie beside each other"},
    {"JPEGImages*2 Annotations SegmentationClass*2 thumbs*2", NULL, NULL, NULL, "JPEGImages and Annotations"},
    /* by what stands in their files */
    {"photos*2 yolo previews*2", "yolo/001.txt", BOXES, NULL, "yolo/001.txt marks what is in an image of its name"},
    {"photos/a*2 photos/b*1 yolo/b previews*2", "yolo/b/000.txt", BOXES, NULL, "marks what is in an image"},
    {"photos*2 voc previews*2", "voc/000.xml", XML, NULL, "voc/000.xml marks"},
    {"obj_data*2 obj_more*2", "obj_more/000.txt", BOXES, NULL, "obj_more/000.txt marks"},
    {"train*2 valid*2", "train/_annotations.coco.json", COCO "1: 1}", NULL, "train/_annotations.coco.json lists boxes"},
    {"train2017*2 val2017*2 notes", "notes/instances_val.json", COCO "1: 1}", NULL, "notes/instances_val.json lists"},
    {"pictures*2 previews*2", "coco.json", COCO "1: 1}", NULL, "coco.json lists boxes in images: detection"},
    {".*2", "000.txt", BOXES, NULL, "000.txt marks what is in an image of its name"},
    /* classes */
    {"cat*2 dog*2", "boxes.json", COCO "\"categories\": [{\"name\": \"cat\"}, {\"name\": \"dog\"}]}",
     "cat 2/0/0 dog 2/0/0", NULL},
    {"cat*2 dog*2", "images.json", "{\"images\": [{\"file_name\": \"cat/000.ppm\"}], \"annotations\": []}",
     "cat 2/0/0 dog 2/0/0", NULL},
    {"cat*2 dog*2", "cat/notes.txt", BOXES, "cat 2/0/0 dog 2/0/0", NULL}, /* of no image's name */
    {"cat*2 dog*2", "cat/000.txt", "3 cats, 1 of them black\n", "cat 2/0/0 dog 2/0/0", NULL},
    {"labels*2 boxes*2 tins*2", NULL, NULL, "boxes 2/0/0 labels 2/0/0 tins 2/0/0", NULL},
};

static void test_detection(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(marked); i++) {
        const struct marked *form = &marked[i];
        char *folder = new_folder();
        make_files(folder, form->files);
        if (form->name)
            put_file(folder, form->name, form->text, strlen(form->text));
        struct dataset_request request = {.path = folder};
        if (form->counts)
            expect_counts(&request, form->files, form->counts, form->says);
        else
            expect_refusal(&request, form->files, ERROR_DATA, form->says);
        remove_folder(folder);
        mem_free(folder);
    }
}

/* The sentence says how to have the folders as classes. */
static void test_detection_as_classes(void **state)
{
    const char *folder = *state;
    make_files(folder, "cat*2 dog*2");
    put_file(folder, "cat/000.txt", BOXES, strlen(BOXES));
    struct dataset_request request = {.path = folder};
    expect_refusal(&request, "boxes", ERROR_DATA, "data.layout = folders");
    request.layout = DATASET_FOLDERS;
    expect_counts(&request, "asked for", "cat 2/0/0 dog 2/0/0", "class folders");
}

/* Letters in both cases are classes of their own where one part has both. */
static void test_case_may_matter(void **state)
{
    const char *folder = *state;
    make_files(folder, "train/a*2 train/A*2 val/a*1 val/A*1");
    struct dataset *dataset = open_or_fail(&(struct dataset_request){.path = folder});
    expect_note(dataset, "1 pair of classes differs in case, blanks or the like alone, such as A and a");
    dataset_destroy(dataset);
}

/* They are classes, if the user says so. */
static void test_layout_is_asked_for(void **state)
{
    const char *folder = *state;
    make_files(folder, "real/indoor*2 real/outdoor*2 fake/indoor*2 fake/outdoor*2");
    struct dataset_request request = {.path = folder, .layout = DATASET_FOLDERS};
    expect_counts(&request, "asked for", "fake 4/0/0 real 4/0/0", "class folders");
    char *fake = path_join(folder, "fake");
    request = (struct dataset_request){.path = folder, .val = "fake"};
    expect_counts(&request, "one within", "indoor 2/2/0 outdoor 2/2/0", "validation from ");
    mem_free(fake);
}

/* Without a share the test images serve for validation, with one they are kept apart. */
static void test_test_part(void **state)
{
    const char *folder = *state;
    make_files(folder, "train/a*4 train/b*4 test/a*3 test/b*3");
    struct dataset_request request = {.path = folder, .val = "0.25"};
    expect_counts(&request, "a share", "a 3/1/3 b 3/1/3", "25 % of each class split off for validation; 6 test images");
    make_files(folder, "val/a*1 val/b*1");
    struct dataset *dataset = open_or_fail(&request);
    expect_note(dataset, "the validation share of 0.25 is not used");
    dataset_destroy(dataset);
}

/* What is not used is told. */
static void test_notes(void **state)
{
    const char *folder = *state;
    make_files(folder, "train/a*4 train/b*4 train*2 test*3 extra*1");
    struct dataset *dataset = open_or_fail(&(struct dataset_request){.path = folder});
    expect_note(dataset, "train: 2 files beside the class folders are in none of them, and not used");
    expect_note(dataset, "test: its images lie in no class folders; they are not used");
    expect_note(dataset, "extra: beside the training folder, but called no part; it is not used");
    dataset_destroy(dataset);
}

/* One level too deep: what lies beside is told. */
static void test_beside(void **state)
{
    const char *folder = *state;
    make_files(folder, "train/a*2 train/b*2 Val/a*1 Val/b*1");
    char *train = path_join(folder, "train");
    struct dataset *dataset = open_or_fail(&(struct dataset_request){.path = train});
    assert_int_equal(dataset->images[DATASET_VAL].items, 0);
    expect_note(dataset, "Val lies beside this training folder and is not used; data.path = ");
    dataset_destroy(dataset);
    dataset = open_or_fail(&(struct dataset_request){.path = train, .val = "0.5"});
    assert_int_equal(dataset->notes, 0);
    dataset_destroy(dataset);
    mem_free(train);
}

/* A training leaves out what has no images, refuses what should have some, and tells what a part lacks. */
static void test_fit_for_training(void **state)
{
    const char *folder = *state;
    make_files(folder, "train/a*2 train/b*2 train/dog*1 train/none val/a*1 val/dogs*1");
    struct dataset_request request = {.path = folder, .trains = true};
    struct dataset *dataset = open_or_fail(&request);
    assert_int_equal(dataset->classes, 4);
    expect_note(dataset, "none: no image in it; left out of the classes");
    expect_note(dataset, "1 class without training images: dogs; is dogs the same as dog?");
    expect_note(dataset, "2 classes without validation images: b and dog; is dog the same as dogs?");
    dataset_destroy(dataset);
    request.trains = false; /* where a model's outputs are counted by folders, all count */
    dataset = open_or_fail(&request);
    assert_int_equal(dataset->classes, 5);
    dataset_destroy(dataset);
    static const char pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    put_file(folder, "train/none/x.jpg", pointer, sizeof pointer - 1);
    request.trains = true;
    expect_refusal(
        &request, "pointers", ERROR_DATA,
        "of the class none none of the 1 file can be used; the first, x.jpg: a Git LFS pointer in the image's "
        "place");
}

static void test_one_class_trains(void **state)
{
    const char *folder = *state;
    make_files(folder, "train/a*2 val/a*1 val/b*1");
    expect_refusal(&(struct dataset_request){.path = folder, .trains = true}, "one class", ERROR_DATA,
                   "only one class has training images (a)");
}

/* Links that lead round in a circle are not gone into: 4 images stay 4. */
static void test_links(void **state)
{
    const char *folder = *state;
    static const char *const links[][2] = {{"../..", "cat/loop"},
                                           {".", "cat/self"},
                                           {"/", "dog/root"},
                                           {"../../dog", "cat/in/to"},
                                           {"../cat", "dog/from"}};
    make_files(folder, "cat/in*2 dog*2");
    for (size_t i = 0; i < THAW_LENGTH(links); i++) {
        char *at = path_join(folder, links[i][1]);
        assert_int_equal(symlink(links[i][0], at), 0);
        mem_free(at);
    }
    struct dataset *dataset = open_or_fail(&(struct dataset_request){.path = folder});
    /* what a link to another class holds is in both: that is what it says */
    assert_int_equal(dataset_class_count(dataset, DATASET_TRAIN, 0), 4);
    assert_int_equal(dataset_class_count(dataset, DATASET_TRAIN, 1), 4);
    size_t loops = 0;
    for (size_t i = 0; i < dataset->bad_count; i++)
        loops += strstr(dataset->bad[i].reason, "a link to a folder that it lies in") != NULL;
    assert_int_equal(loops, dataset->bad_count);
    assert_true(loops >= 5);
    dataset_destroy(dataset);
}

/* Folders that link to each other are each gone into once. */
static void test_crossed_links(void **state)
{
    enum { FOLDERS = 9 };
    const char *folder = *state;
    put_image(folder, "dog/0.ppm", 4, 3, 1);
    for (int i = 0; i < FOLDERS; i++) {
        char *name = mem_format("cat/f%d/0.ppm", i);
        put_image(folder, name, 4, 3, (uint8_t)(10 + i));
        mem_free(name);
        for (int j = 0; j < FOLDERS; j++) {
            char *to = mem_format("../f%d", j), *at = mem_format("%s/cat/f%d/l%d", folder, i, j);
            assert_int_equal(i == j || symlink(to, at) == 0, 1);
            mem_free(at);
            mem_free(to);
        }
    }
    struct dataset *dataset = open_or_fail(&(struct dataset_request){.path = folder});
    assert_true(dataset_class_count(dataset, DATASET_TRAIN, 0) <= 2 * FOLDERS);
    dataset_destroy(dataset);
}

/* Left by systems: passed over without a word. Git LFS pointers are told as such. */
static void test_litter(void **state)
{
    const char *folder = *state;
    static const char *const names[] = {"cat/desktop.ini", "cat/Thumbs.db", "dog/._0.ppm", "dog/.DS_Store",
                                        "dog/thumbs.DB"};
    make_files(folder, "cat*2 dog*2");
    for (size_t i = 0; i < THAW_LENGTH(names); i++)
        put_file(folder, names[i], "x", 1);
    struct dataset *dataset = open_or_fail(&(struct dataset_request){.path = folder});
    assert_int_equal(dataset->bad_count, 0);
    dataset_destroy(dataset);
    static const char pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    put_file(folder, "cat/big.jpg", pointer, sizeof pointer - 1);
    dataset = open_or_fail(&(struct dataset_request){.path = folder});
    assert_int_equal(dataset->bad_count, 1);
    assert_non_null(strstr(dataset->bad[0].reason, "Git LFS pointer"));
    dataset_destroy(dataset);
}

static int set_up(void **state)
{
    *state = new_folder();
    return 0;
}

static int tear_down(void **state)
{
    remove_folder(*state);
    mem_free(*state);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_detection),
        TEST(test_detection_as_classes),
        TEST(test_case_may_matter),
        TEST(test_layout_is_asked_for),
        TEST(test_test_part),
        TEST(test_notes),
        TEST(test_beside),
        TEST(test_fit_for_training),
        TEST(test_one_class_trains),
        TEST(test_links),
        TEST(test_crossed_links),
        TEST(test_litter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
