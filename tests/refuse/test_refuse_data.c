/* Hostile tables, arrays, batches and archives of images: what differs from a valid file in one thing is refused with a
 * sentence, and neither a prefix of one nor any changed byte does harm. Everything is ERROR_DATA, exit 3. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "folder.h"
#include "src/data/archive.h"
#include "src/data/cifar.h"
#include "src/data/gunzip.h"
#include "src/data/npy.h"
#include "src/data/table.h"
#include "src/data/untar.h"
#include "thaw/base/mem.h"

#define BYTES(text) text, sizeof(text) - 1

/* Reads the bytes as one of these. */
typedef bool reader(const uint8_t *bytes, size_t size, struct error *error);

static bool read_table(const uint8_t *bytes, size_t size, struct error *error)
{
    struct table table;
    bool read = table_read(&table, bytes, size, error);
    for (size_t i = 0; read && i < table.rows * table.columns; i++)
        assert_true(strlen(table_cell(&table, 0, i)) <= size);
    table_finish(&table);
    return read;
}

static bool read_npy(const uint8_t *bytes, size_t size, struct error *error)
{
    struct npy npy;
    long number;
    bool read = npy_read(&npy, bytes, size, error);
    for (size_t i = 0; read && i < npy.count; i++)
        (void)!npy_whole(&npy, i, 1000, &number);
    return read;
}

static bool read_cifar(const uint8_t *bytes, size_t size, struct error *error)
{
    struct cifar cifar;
    return cifar_read(&cifar, bytes, size, 1, 10, error);
}

struct memory {
    const uint8_t *bytes;
    size_t size;
    struct gunzip *gunzip;
};

static bool read_memory(void *context, uint64_t at, void *to, size_t size, struct error *error)
{
    const struct memory *memory = context;
    error->kind = ERROR_NONE;
    if (memory->gunzip)
        return gunzip_first(memory->gunzip, at, to, size, error);
    if (at > memory->size || size > memory->size - at)
        return false;
    memcpy(to, memory->bytes + at, size);
    return true;
}

static bool read_tar(const uint8_t *bytes, size_t size, struct error *error)
{
    struct memory memory = {bytes, size, gunzip_probe(bytes, size) ? gunzip_create(bytes, size) : NULL};
    struct tar_walk walk = {.source = {read_memory, &memory}};
    struct tar_entry *entry = mem_alloc(sizeof *entry);
    while (tar_next(&walk, entry, error))
        assert_true(strlen(entry->name) < TAR_NAME_MAX);
    mem_free(entry);
    gunzip_destroy(memory.gunzip);
    return error->kind == ERROR_NONE;
}

/* --- sentences --- */

struct refusal {
    reader *read;
    const char *name, *bytes;
    size_t size;
    const char *sentence;
};

#define NPY(header)         "\x93NUMPY\1\0" header
#define CLAIM(length, text) NPY(length "\0" text)

static const struct refusal refusals[] = {
    {read_table, "nothing", BYTES(""), "it has no lines"},
    {read_table, "blank lines", BYTES("\n \n\t\n"), "it has no lines"},
    {read_table, "a zero", BYTES("a,b\0"), "zero bytes"},
    {read_table, "ragged", BYTES("a,b\n1\n"), "line 2: it has 1 cell, where the first line has 2"},
    {read_table, "never closed", BYTES("a,b\n1,\"2\n3,4\n"), "line 2: its quotation mark is never closed"},
    {read_table, "behind a mark", BYTES("a,b\n\"1\"x,2\n"), "line 2: text stands behind a closing quotation mark"},
    {read_npy, "nothing", BYTES(""), "not an array of NumPy's"},
    {read_npy, "another magic", BYTES("\x93NUMPX\1\0\4\0{}\n\n"), "not an array"},
    {read_npy, "version 9", BYTES("\x93NUMPY\x09\0\4\0{}\n\n"), "not an array"},
    {read_npy, "a long header", BYTES(NPY("\xff\xff{}")), "header of 65535 bytes does not fit"},
    {read_npy, "no dictionary", BYTES(CLAIM("\2", "[]")), "its header is no dictionary"},
    {read_npy, "empty", BYTES(CLAIM("\2", "{}")), "its header has no type"},
    {read_npy, "no shape", BYTES(CLAIM("\x10", "{'descr': '|u1'}")), "its header has no shape"},
    {read_npy, "another key", BYTES(CLAIM("\x0a", "{'a': 'b'}")), "its header says of a what is not known"},
    {read_npy, "cut", BYTES(CLAIM("\x09", "{'descr':")), "what is not known"},
    {read_npy, "zero", BYTES(CLAIM("\x1d", "{'descr':'|u1','shape':(0,),}")), "dimension 0 of its shape is 0"},
    {read_npy, "huge", BYTES(CLAIM("\x2e", "{'descr':'|u1','shape':(99999999999,99999999)}")), "of its shape is"},
    {read_npy, "text", BYTES(CLAIM("\x1c", "{'descr':'<U9','shape':(1,)}")), "its values are of the type <U9"},
    {read_npy, "ranks", BYTES(CLAIM("\x2c", "{'descr':'|u1','shape':(1,1,1,1,1,1,1,1,1,)}")), "more than 8 dimensions"},
    {read_cifar, "nothing", BYTES(""), "the file is empty"},
    {read_cifar, "short", BYTES("\1abc"), "4 bytes are no whole number of records of 3073"},
};

static void test_sentences(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(refusals); i++) {
        const struct refusal *of = &refusals[i];
        struct error error = {0};
        if (of->read((const uint8_t *)of->bytes, of->size, &error))
            fail_msg("%s: was read", of->name);
        if (error.kind != ERROR_DATA || !strstr(error.text, of->sentence))
            fail_msg("%s: kind %d: %s", of->name, error.kind, error.text);
    }
}

/* --- archives --- */

enum { BLOCKS = 6 };

/* A header of one file, "a/0.ppm" with 600 bytes, its blocks, and two of zeros. */
static void make_tar(uint8_t tar[BLOCKS * TAR_BLOCK])
{
    unsigned sum = 0;
    memset(tar, 0, BLOCKS * TAR_BLOCK);
    memcpy(tar, "a/0.ppm", 7);
    memcpy(tar + 124, "00000001130", 11);
    memset(tar + 148, ' ', 8);
    tar[156] = '0';
    memcpy(tar + 257, "ustar", 5);
    for (int i = 0; i < TAR_BLOCK; i++)
        sum += tar[i];
    snprintf((char *)tar + 148, 8, "%06o", sum);
    memset(tar + TAR_BLOCK, 'x', 600);
}

/* Puts the sum of a header right that was changed. */
static void mend(uint8_t *tar)
{
    unsigned sum = 0;
    memset(tar + 148, ' ', 8);
    for (int i = 0; i < TAR_BLOCK; i++)
        sum += tar[i];
    snprintf((char *)tar + 148, 8, "%06o", sum);
}

static void expect_tar(const uint8_t *tar, size_t size, const char *sentence)
{
    struct error error = {0};
    if (read_tar(tar, size, &error))
        fail_msg("%s: was read", sentence);
    if (error.kind != ERROR_DATA || !strstr(error.text, sentence))
        fail_msg("kind %d: %s, not %s", error.kind, error.text, sentence);
}

static void test_tar(void **state)
{
    (void)state;
    uint8_t tar[BLOCKS * TAR_BLOCK];
    struct error error = {0};
    make_tar(tar);
    assert_true(read_tar(tar, sizeof tar, &error));
    tar[3]++;
    expect_tar(tar, sizeof tar, "its header at byte 0 is damaged: its sum is another");
    make_tar(tar);
    memcpy(tar + 124, "0000000113x", 11);
    mend(tar);
    expect_tar(tar, sizeof tar, "has no size that can be read");
    memcpy(tar + 124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
    mend(tar);
    expect_tar(tar, sizeof tar, "has no size that can be read");
    make_tar(tar);
    tar[156] = 'x'; /* lines about the next file */
    mend(tar);
    expect_tar(tar, sizeof tar, "is followed by lines that cannot be read");
    memcpy(tar + 124, "77777777777", 11);
    mend(tar);
    expect_tar(tar, sizeof tar, "is followed by more about the next one than is read");
    memcpy(tar + 124, "00000007777", 11);
    mend(tar);
    expect_tar(tar, sizeof tar, "the archive is truncated");
}

/* An archive whose file claims more than it has, and one that unpacks to far more than its bytes. */
static void test_claims(void **state)
{
    (void)state;
    uint8_t tar[BLOCKS * TAR_BLOCK];
    char *path = mem_format("%s/claims.tar", folder);
    struct error error = {0};
    make_tar(tar);
    memcpy(tar + 124, "00077777777", 11);
    mend(tar);
    assert_true(file_write_atomic(path, tar, sizeof tar, &error));
    assert_true(archive_is(path));
    assert_null(archive_open(path, &error));
    assert_int_equal(error.kind, ERROR_DATA);
    assert_non_null(strstr(error.text, "claims.tar: it ends within a file: it is truncated"));
    mem_free(path);
}

static void test_bomb(void **state)
{
    (void)state;
    enum { ZEROS = 64 << 20 };
    uint8_t tar[BLOCKS * TAR_BLOCK], *zeros = mem_alloc(ZEROS);
    char *path = mem_format("%s/bomb.tar.gz", folder);
    struct error error = {0};
    gzFile file = gzopen(path, "wb9");
    make_tar(tar);
    memcpy(tar + 124, "00400000000", 11); /* 64 MiB, of which there are */
    mend(tar);
    assert_int_equal(gzwrite(file, tar, TAR_BLOCK), TAR_BLOCK);
    assert_int_equal(gzwrite(file, zeros, ZEROS), ZEROS);
    assert_int_equal(gzclose(file), Z_OK);
    struct archive *archive = archive_open(path, &error);
    assert_non_null(archive);
    assert_int_equal(archive_size(archive, 0), ZEROS);
    struct file_bytes bytes = {0};
    assert_true(archive_read(archive, 0, "a/0.ppm", 1000, &bytes, &error));
    assert_int_equal(bytes.size, 1000);
    file_bytes_finish(&bytes);
    archive_close(archive);
    mem_free(zeros);
    mem_free(path);
}

/* --- every prefix, every byte --- */

static void try_all(reader *read, const uint8_t *bytes, size_t size)
{
    struct error error = {0};
    assert_true(read(bytes, size, &error));
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1); /* the exact size, so that a sanitizer sees a byte read too far */
        assert_non_null(copy);
        memcpy(copy, bytes, cut);
        error = (struct error){0};
        if (!read(copy, cut, &error) && (error.kind != ERROR_DATA || !error.text[0]))
            fail_msg("a prefix of %zu: kind %d", cut, error.kind);
        free(copy);
    }
    static const int changes[] = {1, 2, 4, 8, 16, 32, 64, 128, 255, '0' ^ '9'};
    uint8_t *changed = mem_alloc(size);
    memcpy(changed, bytes, size);
    for (size_t i = 0; i < size; i++) {
        for (size_t c = 0; c < THAW_LENGTH(changes); c++) {
            changed[i] = bytes[i] ^ (uint8_t)changes[c];
            error = (struct error){0};
            if (!read(changed, size, &error) && (error.kind != ERROR_DATA || !error.text[0]))
                fail_msg("byte %zu changed: kind %d", i, error.kind);
        }
        changed[i] = bytes[i];
    }
    mem_free(changed);
}

static const char csv[] = "path,label,split\n\"a, \"\"b\"\".jpg\",cat,train\r\n\n c.jpg , dog ,val\n";
static const char list[] = "my photos/1.jpg 0\n2.jpg 1";
static const char npy[] = CLAIM("\x38", "{'descr': '<u2', 'fortran_order': False, 'shape': (2,)}\n") "\1\0\2\0";

static void test_every_prefix_and_byte(void **state)
{
    (void)state;
    uint8_t tar[BLOCKS * TAR_BLOCK], packed[BLOCKS * TAR_BLOCK];
    z_stream stream = {.next_in = tar, .avail_in = sizeof tar, .next_out = packed, .avail_out = sizeof packed};
    make_tar(tar);
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    try_all(read_table, (const uint8_t *)csv, sizeof csv - 1);
    try_all(read_table, (const uint8_t *)list, sizeof list - 1);
    try_all(read_npy, (const uint8_t *)npy, sizeof npy - 1);
    try_all(read_tar, tar, sizeof tar);
    try_all(read_tar, packed, stream.total_out);
    deflateEnd(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_tar),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_every_prefix_and_byte),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
