/* Hostile and broken IDX files: each must be refused with its sentence. Then every prefix and every changed byte of small
 * valid files: any outcome but a crash or a hang will do. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "src/data/idx.h"
#include "thaw/base/mem.h"

enum { HANG_SECONDS = 300 };

#define BYTES(text) (text), sizeof(text) - 1

static const struct {
    const char *name, *bytes;
    size_t size;
    const char *sentence;
} cases[] = {
    {"empty", BYTES(""), "the file is empty (zero bytes)"},
    {"one byte", BYTES("\0"), "not an IDX file: it does not begin with 00 00"},
    {"text", BYTES("5,0,0,12,88"), "not an IDX file: it does not begin with 00 00"},
    {"floats", BYTES("\0\0\x0d\1\0\0\0\1\0\0\0\0"), "an IDX file of type 0d with 1 dimensions"},
    {"no dimension", BYTES("\0\0\10\0"), "an IDX file of type 08 with 0 dimensions"},
    {"four dimensions", BYTES("\0\0\10\4\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1x"), "with 4 dimensions; unsigned bytes (08)"},
    {"cut header", BYTES("\0\0\10\3\0\0\0\1\0\0\0\1"), "ends within the 16 bytes of its IDX header: it is truncated"},
    {"no images", BYTES("\0\0\10\3\0\0\0\0\0\0\0\1\0\0\0\1"), "dimension 0 of its IDX header is 0"},
    {"no columns", BYTES("\0\0\10\3\0\0\0\1\0\0\0\1\0\0\0\0"), "dimension 2 of its IDX header is 0"},
    {"one byte short", BYTES("\0\0\10\1\0\0\0\3xx"), "holds 10 bytes, but its IDX header claims 11: is it truncated?"},
    {"one byte more", BYTES("\0\0\10\1\0\0\0\1xx"), "holds more than the 9 bytes that its IDX header claims"},
    {"2^32 images", BYTES("\0\0\10\1\xff\xff\xff\xff"), "its IDX header claims more than the 2147483648 bytes"},
    {"2^96 pixels", BYTES("\0\0\10\3\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
     "claims more than the 2147483648"},
    {"product of 2^64", BYTES("\0\0\10\3\0\1\0\0\0\1\0\0\xff\xff\xff\xff"), "claims more than the 2147483648"},
    {"2 GiB of nothing", BYTES("\0\0\10\1\x7f\xff\xff\xff"), "holds 8 bytes, but its IDX header claims 2147483655"},
    {"gzip's first bytes alone", BYTES("\x1f\x8b"), "its gzip data ends after 0 unpacked bytes: it is truncated"},
    {"no gzip behind its first bytes", BYTES("\x1f\x8b\x63\0\0\0\0\0"), "its gzip data is damaged at byte"},
};

static void expect_refusal(const char *name, const void *bytes, size_t size, const char *sentence)
{
    struct error error = {0};
    struct idx idx;
    bool read = idx_read(&idx, bytes, size, &error);
    idx_close(&idx);
    if (read)
        fail_msg("%s: was read", name);
    if (error.kind != ERROR_DATA || !strstr(error.text, sentence))
        fail_msg("%s: kind %d: %s", name, error.kind, error.text);
}

static void test_plain(void **state)
{
    (void)state;
    alarm(HANG_SECONDS);
    for (size_t i = 0; i < THAW_LENGTH(cases); i++)
        expect_refusal(cases[i].name, cases[i].bytes, cases[i].size, cases[i].sentence);
}

/* The caller frees. */
static uint8_t *compress_all(const void *bytes, size_t size, size_t *packed)
{
    enum { GZIP_WINDOW = MAX_WBITS + 16, MEMORY = 8 };
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, GZIP_WINDOW, MEMORY, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&stream, size);
    uint8_t *out = mem_alloc(room);
    stream.next_in = (Bytef *)(uintptr_t)bytes;
    stream.avail_in = (uInt)size;
    stream.next_out = out;
    stream.avail_out = (uInt)room;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    *packed = room - stream.avail_out;
    deflateEnd(&stream);
    return out;
}

static void expect_packed_refusal(const char *name, const void *bytes, size_t size, const char *sentence)
{
    size_t packed;
    uint8_t *gzip = compress_all(bytes, size, &packed);
    expect_refusal(name, gzip, packed, sentence);
    mem_free(gzip);
}

static const char valid[] = "\0\0\10\3\0\0\0\2\0\0\0\2\0\0\0\3abcdefABCDEF";

static void test_packed(void **state)
{
    (void)state;
    size_t packed;
    for (size_t i = 1; i < THAW_LENGTH(cases) && cases[i].bytes[0] == '\0'; i++)
        expect_packed_refusal(cases[i].name, cases[i].bytes, cases[i].size, cases[i].sentence);
    expect_packed_refusal("nothing", "", 0, "not an IDX file");
    uint8_t *gzip = compress_all(BYTES(valid), &packed);
    expect_refusal("cut", gzip, packed - 9, "its gzip data ends after");
    gzip[packed - 5] ^= 1;
    expect_refusal("another checksum", gzip, packed, "its gzip data is damaged at byte");
    mem_free(gzip);
}

/* A hundred megabytes of zeros in a hundred kilobytes: no more is unpacked than the header claims, and a claim alone
 * takes no memory. */
static void test_bomb(void **state)
{
    (void)state;
    enum { ZEROS = 100 << 20 };
    size_t packed;
    uint8_t *zeros = mem_alloc(ZEROS);
    memcpy(zeros, "\0\0\10\1\0\0\1\0", 8);
    uint8_t *gzip = compress_all(zeros, ZEROS, &packed);
    expect_refusal("more than claimed", gzip, packed, "holds more than the 264 bytes that its IDX header claims");
    mem_free(gzip);
    memcpy(zeros, "\0\0\10\1\x7f\xff\xff\xf0", 8);
    gzip = compress_all(zeros, 1 << 20, &packed);
    expect_refusal("less than claimed", gzip, packed, "holds 1048576 bytes, but its IDX header claims 2147483640");
    mem_free(gzip);
    mem_free(zeros);
}

static void try_all(const uint8_t *bytes, size_t size)
{
    struct idx idx;
    struct error error = {0};
    assert_true(idx_read(&idx, bytes, size, &error));
    assert_int_equal(idx.rank, 3);
    assert_memory_equal(idx.values, "abcdefABCDEF", 12);
    idx_close(&idx);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1); /* the exact size, so that a sanitizer sees a byte read too far */
        assert_non_null(copy);
        memcpy(copy, bytes, cut);
        assert_false(idx_read(&idx, copy, cut, &error));
        idx_close(&idx);
        free(copy);
    }
    uint8_t *changed = mem_alloc(size);
    memcpy(changed, bytes, size);
    for (size_t i = 0; i < size; i++) {
        for (int change = 1; change < 256; change++) {
            changed[i] = bytes[i] ^ (uint8_t)change;
            bool read = idx_read(&idx, changed, size, &error);
            (void)read;
            idx_close(&idx);
        }
        changed[i] = bytes[i];
    }
    mem_free(changed);
}

static void test_every_prefix_and_byte(void **state)
{
    (void)state;
    size_t packed;
    uint8_t *gzip = compress_all(BYTES(valid), &packed);
    try_all((const uint8_t *)valid, sizeof valid - 1);
    try_all(gzip, packed);
    mem_free(gzip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_packed),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_every_prefix_and_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
