/* Tables, lists and names of files: what is read of the text itself, which columns and files are meant, and datasets made of
 * both with the right answer. */
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
#include "src/data/table.h"

static void put_text(const char *folder, const char *name, const char *text)
{
    put_file(folder, name, text, strlen(text));
}

/* --- the text --- */

static void test_text(void **state)
{
    (void)state;
    static const struct {
        const char *text, *cells; /* cells in brackets, a bar behind each row */
    } rows[] = {
        {"a,b\n1,2\n", "[a][b]|[1][2]|"},
        {"\xef\xbb\xbf"
         "a;b\r\n1;2",
         "[a][b]|[1][2]|"},
        {"a\tb c\n1\t\n", "[a][b c]|[1][]|"},
        {"a|b,c\n1|2,3\n", "[a|b][c]|[1|2][3]|"},
        {"a|b\n1|2\n", "[a][b]|[1][2]|"},
        {"\"x,1\",\"say \"\"hi\"\"\"\n \"two\nlines\" , plain\n", "[x,1][say \"hi\"]|[two\nlines][plain]|"},
        {"one two.jpg  3\nb.jpg 4", "[one two.jpg][3]|[b.jpg][4]|"},
        {"alone\nother\n", "[alone]|[other]|"},
        {"\n\na,b\n\n  \n1,2\n\n", "[a][b]|[1][2]|"},
        {"a,b\n,\n", "[a][b]|[][]|"},
        {"x 1\ny\n", "[x][1]|[][y]|"},
    };
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        struct table table;
        struct error error = {0};
        if (!table_read(&table, (const uint8_t *)rows[i].text, strlen(rows[i].text), &error))
            fail_msg("%s: %s", rows[i].text, error.text);
        char *cells = mem_string("");
        for (size_t r = 0; r < table.rows; r++)
            for (size_t c = 0; c < table.columns; c++) {
                char *longer =
                    mem_format("%s[%s]%s", cells, table_cell(&table, r, c), c + 1 == table.columns ? "|" : "");
                mem_free(cells);
                cells = longer;
            }
        assert_string_equal(cells, rows[i].cells);
        mem_free(cells);
        table_finish(&table);
    }
}

/* --- datasets --- */

struct form {
    const char *images;        /* as make_files has them */
    const char *text[3][2];    /* files and what is in them */
    const char *counts, *says; /* counts NULL: refused */
    struct dataset_request request;
};

/* clang-format off */
static const struct form forms[] = {
    {"images*6", {{"labels.csv", "id,breed\n000,cat\n001,dog\n002,cat\n003,dog\n004,cat\n005,cat\n"}},
     "cat 4/0/0 dog 2/0/0", "a table: labels.csv, columns id, breed", {0}},
    {"img*4", {{"train.csv", "filename;label\nimg/000.ppm;a\nimg/001.ppm;\"b;c\"\n"}, {"val.csv", "filename;label\n002.ppm;a\n003.ppm;\"b;c\"\n"}, {"sample_submission.csv", "filename;label\n000.ppm;x\n"}},
     "a 1/1/0 b;c 1/1/0", "train.csv", {0}},
    {"a*3 b*3", {{"all.tsv", "path\tlabel\tsplit\na/000.ppm\ta\ttrain\na/001.ppm\ta\tValid\na/002.ppm\ta\tTEST\nb/000.ppm\tb\ttrain\nb/001.ppm\tb\tdev\nb/002.ppm\tb\ttest\n"}},
     "a 1/1/1 b 1/1/1", "columns path, label, split; 2 test images kept apart", {0}},
    /* the table says what the folders say, and no more */
    {"train/a*2 train/b*2", {{"train.csv", "path,label\ntrain/a/000.ppm,a\ntrain/b/000.ppm,b\n"}}, "a 2/0/0 b 2/0/0", "class folders", {0}},
    {"part_1*2 part_2*2", {{"meta.csv", "image_id,dx\n000,nv\n001,mel\n"}}, NULL, "may mean that of part_1 or of part_2", {0}},
    {"part_1*2 part_2/x*2", {{"meta.csv", "image_id,dx\npart_1/000,nv\npart_1/001,mel\nx/000,nv\nx/001,mel\n"}}, "mel 2/0/0 nv 2/0/0", "a table", {0}},
    {"a*2 b*2", {{"x.csv", "path,label\na/000.ppm,dog\nb/000.ppm,cat\n"}}, NULL, "it and the folders say different things of 2 images of 2", {0}},
    {"a*2 b*2", {{"x.csv", "path,label\na/000.ppm,dog\nb/000.ppm,cat\n"}}, "cat 1/0/0 dog 1/0/0", "x.csv", {.layout = DATASET_TABLE}},
    {"a*2 b*2", {{"x.csv", "path,label\na/000.ppm,dog\nb/000.ppm,cat\n"}}, "a 2/0/0 b 2/0/0", "class folders", {.layout = DATASET_FOLDERS}},
    {"i*4", {{"l.csv", "who,what,when\n000.ppm,cat,1\n001.ppm,dog,2\n"}}, NULL, "l.csv: none of its columns, who, what, when, is known to hold their labels; data.columns = PATH, LABEL says", {0}},
    {"i*4", {{"l.csv", "who,what,when\n000.ppm,cat,1\n001.ppm,dog,2\n"}}, "cat 1/0/0 dog 1/0/0", "columns who, what", {.columns = "who, what"}},
    {"i*4", {{"l.csv", "who,what,when\n000.ppm,cat,1\n001.ppm,dog,2\n"}}, "1 1/0/0 2 1/0/0", "columns who, when", {.columns = ",3"}},
    {"i*4", {{"l.csv", "file,label\n000.ppm,0\n001.ppm,10\n002.ppm,2\n003.ppm,10.0\n"}}, "0 1/0/0 2 1/0/0 10 2/0/0", "l.csv", {0}},
    {"i*2", {{"b.csv", "filename,width,height,class,xmin,ymin,xmax,ymax\n000.ppm,8,8,r,1,1,2,2\n001.ppm,8,8,s,1,1,2,2\n"}}, NULL, "boxes", {0}},
    {"i*3", {{"l.csv", "file,label\n000.ppm,a\n000.ppm,b\n001.ppm,b\n"}}, NULL, "000.ppm is called a in line 2 of l.csv and b in line 3", {0}},
    {"i*3", {{"l.csv", "file,label,split\n000.ppm,a,train\n001.ppm,b,holdout\n"}}, NULL, "holdout is called no part", {0}},
    {"i*3", {{"l.csv", "file,label,weight\n000.ppm,a,-1\n001.ppm,b,1\n"}}, NULL, "line 2: a weight of -1", {0}},
    {"i*3", {{"l.csv", "file,label,weight\n000.ppm,a,0\n001.ppm,b,0\n"}}, NULL, "all weights are 0", {0}},
    {"i*2", {{"a.csv", "file,label\n000.ppm,a\n"}, {"b.csv", "file,label\n001.ppm,b\n"}}, NULL, "both it and a.csv say", {0}},
    {"i*22", {{"l.csv", "file,label\n000.ppm,q0\n001.ppm,q1\n002.ppm,q2\n003.ppm,q3\n004.ppm,q4\n005.ppm,q5\n006.ppm,q6\n007.ppm,q7\n008.ppm,q8\n009.ppm,q9\n010.ppm,r0\n011.ppm,r1\n012.ppm,r2\n013.ppm,r3\n014.ppm,r4\n015.ppm,r5\n016.ppm,r6\n017.ppm,r7\n018.ppm,r8\n019.ppm,r9\n020.ppm,s0\n"}},
     NULL, "each of its 21 images has a label of its own", {0}},
    {"x/s*1 y/s*1", {{"l.csv", "file,label\ns/000.ppm,a\nx/s/000.ppm,b\n"}}, NULL, "only one class", {.layout = DATASET_TABLE}},
    /* lists */
    {"i*4", {{"train.txt", "i/000.ppm 0\ni/001.ppm 1\n"}, {"val.txt", "i/002.ppm 1\ni/003.ppm 0\n"}, {"classes.txt", "cat\ndog\n"}},
     "cat 1/1/0 dog 1/1/0", "a list: train.txt; val.txt", {0}},
    {"i*4", {{"test_list.txt", "i/000.ppm 0\ni/001.ppm 1\n"}, {"train_list.txt", "C:\\data\\i\\002.ppm\t1\ni/003.ppm\t0\n"}, {"classes.txt", "0 cat\n1 dog\n"}},
     "cat 1/1/0 dog 1/1/0", "the test part serves", {0}},
    {"train/n1/images*2 train/n2/images*2 val/images*3 test/images*2", {{"val/val_annotations.txt", "000.ppm\tn1\t0\t0\t1\t1\n001.ppm\tn2\t0\t0\t1\t1\n002.ppm\tn2\t0\t0\t1\t1\n"}},
     "n1 2/1/0 n2 2/2/0", "below train/ and val/", {0}}, /* Tiny-ImageNet */
    {"Train/0*2 Train/1*2 Test*3 Meta*2", {{"Train.csv", "Width,ClassId,Path\n8,0,Train/0/000.ppm\n8,1,Train/1/000.ppm\n"}, {"Test.csv", "Width,ClassId,Path\n8,1,Test/000.ppm\n8,0,Test/001.ppm\n8,1,Test/002.ppm\n"}, {"Meta.csv", "Path,ClassId\nMeta/000.ppm,0\nMeta/001.ppm,1\n"}},
     "0 2/1/0 1 2/2/0", "below Train/ and Test/", {0}}, /* GTSRB */
    /* names */
    {"i*2 cat_*2", {{"x/great_dane_1.ppm", "P6 1 1 255 abc"}, {"x/great_dane_2.ppm", "P6 1 1 255 abd"}, {"x/cat_3.ppm", "P6 1 1 255 abe"}},
     "cat 1/0/0 great_dane 2/0/0", "classes in the names of files, by (.+?)_\\d+", {.pattern = "(.+?)_\\d+"}},
    {"n", {{"train/cat.0.ppm", "P6 1 1 255 abc"}, {"train/dog.0.ppm", "P6 1 1 255 abd"}, {"val/dog.1.ppm", "P6 1 1 255 abe"}},
     "cat 1/0/0 dog 1/1/0", "names", {.pattern = "^(cat|dog)\\."}},
    {"n", {{"s1/a/0.ppm", "P6 1 1 255 abc"}, {"s2/b/0.ppm", "P6 1 1 255 abd"}}, "a 1/0/0 b 1/0/0", "names", {.pattern = "/([^/]+)/[^/]+$"}},
    {"i*2", {{"x.txt", "x"}}, NULL, "no image in it has a name that matches data.pattern, (\\D+)_; the first is 000.ppm", {.pattern = "(\\D+)_"}},
    {"", {{"cat_0.ppm", "P6 1 1 255 abc"}, {"dog_0.ppm", "P6 1 1 255 abd"}, {"dog_1.ppm", "P6 1 1 255 abe"}}, NULL, "no class folders, but 3 files", {0}},
};
/* clang-format on */

static void test_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(forms); i++) {
        const struct form *form = &forms[i];
        char *folder = new_folder();
        struct dataset_request request = form->request;
        request.path = folder;
        make_files(folder, form->images);
        for (int t = 0; t < 3 && form->text[t][0]; t++)
            put_text(folder, form->text[t][0], form->text[t][1]);
        if (form->counts)
            expect_counts(&request, form->text[0][1], form->counts, form->says);
        else
            expect_refusal(&request, form->text[0][1], ERROR_DATA, form->says);
        remove_folder(folder);
        mem_free(folder);
    }
}

/* What rows name that is not there is set aside, what no row names is told; a row again is no second image. */
static void test_rows_and_files(void **state)
{
    const char *folder = *state;
    make_files(folder, "x*3 y*2");
    put_text(folder, "l.csv", "file,label\nx/000.ppm,a\nx/000.ppm,a\ngone.ppm,b\n001.ppm,b\nx/001.ppm,b\ny/001.ppm,\n");
    struct dataset *dataset = open_or_fail(&(struct dataset_request){.path = folder, .layout = DATASET_TABLE});
    assert_int_equal(dataset->images[DATASET_TRAIN].items, 2);
    assert_int_equal(dataset->bad_count, 2);
    assert_string_equal(dataset->bad[0].path, "gone.ppm");
    assert_string_equal(dataset->bad[0].reason, "named in line 4 of l.csv, but not there");
    assert_string_equal(dataset->bad[1].reason, "line 5 of l.csv may mean that of x or of y");
    expect_note(dataset, "1 line names an image that another does");
    expect_note(dataset, "1 line names no label and is not used");
    expect_note(dataset, "3 images are in no line of l.csv");
    dataset_destroy(dataset);
}

/* A table itself may be opened, and another be its validation. */
static void test_a_table_alone(void **state)
{
    const char *folder = *state;
    make_files(folder, "x*6");
    put_text(folder, "one.csv", "file,label\n000.ppm,b\n001.ppm,a\n");
    put_text(folder, "two.csv", "file,label\n002.ppm,c\n003.ppm,a\n");
    char *one = path_join(folder, "one.csv"), *two = path_join(folder, "two.csv"),
         *none = path_join(folder, "x/000.ppm");
    struct dataset_request request = {.path = one, .val = two};
    expect_counts(&request, "two tables", "a 1/1/0 b 1/0/0 c 0/1/0", "validation from ");
    request = (struct dataset_request){.path = none};
    expect_refusal(&request, "an image", ERROR_DATA, "neither a folder of images");
    put_text(folder, "one.csv", "file,label\n000.ppm,b,c\n");
    request = (struct dataset_request){.path = one};
    expect_refusal(&request, "ragged", ERROR_DATA, "neither a folder");
    request.layout = DATASET_TABLE;
    expect_refusal(&request, "ragged", ERROR_DATA, "one.csv: line 2: it has 3 cells, where the first line has 2");
    mem_free(one);
    mem_free(two);
    mem_free(none);
}

/* Weights come to the items; what is not weighed has none. */
static void test_weights(void **state)
{
    const char *folder = *state;
    make_files(folder, "x*3");
    put_text(folder, "l.csv", "file,label,weight\n000.ppm,b,0.5\n001.ppm,a,2\n002.ppm,b,\n");
    struct dataset *dataset = open_or_fail(&(struct dataset_request){.path = folder});
    static const float weights[] = {2, 0.5f, 1};
    assert_true(dataset->weighted);
    for (size_t i = 0; i < THAW_LENGTH(weights); i++)
        assert_true(dataset->images[DATASET_TRAIN].item[i].weight == weights[i]);
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
        cmocka_unit_test(test_text), cmocka_unit_test(test_forms), TEST(test_rows_and_files),
        TEST(test_a_table_alone),    TEST(test_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
