/* Hostile and broken weights files: each is made here, opened, read, and must be refused with its sentence. Then every
 * prefix and every changed header byte of small valid files: any outcome but a crash or a hang will do. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "folder.h"
#include "src/weights/format.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/weights/weights.h"

/* Reads every tensor; false with the first error. */
static bool read_all(const struct weights *weights, struct error *error)
{
    bool ok = true;
    for (size_t i = 0; i < weights_count(weights) && ok; i++) {
        const struct weights_tensor *tensor = weights_get(weights, i);
        float *values = mem_array((size_t)shape_count(&tensor->shape), sizeof *values);
        assert_int_equal(weights_find(weights, tensor->name), i);
        ok = weights_read(weights, i, values, error);
        mem_free(values);
    }
    return ok;
}

static bool open_and_read(const char *path, struct error *error)
{
    struct weights *weights = weights_open(path, error);
    bool ok = weights && read_all(weights, error);
    weights_close(weights);
    return ok;
}

/* What weights_open and weights_read say of a file with these bytes. */
static void expect_refusal(const char *name, const void *bytes, size_t size, const char *sentence)
{
    struct error error = {0};
    char *path = path_join(folder, "hostile");
    assert_true(file_write_atomic(path, bytes, size, &error));
    bool ok = open_and_read(path, &error);
    unlink(path);
    if (ok)
        fail_msg("%s: was read", name);
    if (error.kind != ERROR_WEIGHTS || strncmp(error.text, path, strlen(path)) != 0 || !strstr(error.text, sentence))
        fail_msg("%s: kind %d: %s", name, error.kind, error.text);
    mem_free(path);
}

/* safetensors: the header as text; its length and `values` zero bytes are put around it. */

struct safetensors_case {
    const char *name, *header;
    size_t values;
    const char *sentence;
};

#define ENTRY(name, dtype, shape, offsets)                                                                             \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static const struct safetensors_case safetensors_cases[] = {
    {"no brace at the end", "{", 8, "no valid JSON"},
    {"not JSON", "{\"w\":}", 8, "no valid JSON at byte"},
    {"text behind the object", "{} x", 8, "no valid JSON"},
    {"no tensors", "{}", 0, "holds no tensors"},
    {"only metadata", "{\"__metadata__\":{\"a\":\"b\"}}", 0, "holds no tensors"},
    {"metadata is a list", "{\"__metadata__\":[]}", 0, "__metadata__ is not an object"},
    {"metadata of a number", "{\"__metadata__\":{\"a\":1}}", 0, "__metadata__ \"a\" is not a string"},
    {"a name twice", "{" ENTRY("w", "F32", "[1]", "[0,4]") "," ENTRY("w", "F32", "[1]", "[4,8]") "}", 8, "duplicate"},
    {"entry is a number", "{\"w\":1}", 4, "tensor \"w\" is described by something else than an object"},
    {"unknown member", "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4,
     "tensor \"w\" has an unknown member \"x\""},
    {"no dtype", "{\"w\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "tensor \"w\" has no dtype"},
    {"unknown dtype", "{" ENTRY("w", "F8_E5M2", "[4]", "[0,4]") "}", 4, "dtype \"F8_E5M2\", which is not read"},
    {"no shape", "{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "tensor \"w\" has no shape"},
    {"negative dimension", "{" ENTRY("w", "F32", "[-1]", "[0,4]") "}", 4, "dimension 0 of its shape is no count"},
    {"fractional dimension", "{" ENTRY("w", "F32", "[1.5]", "[0,4]") "}", 4, "dimension 0 of its shape is no count"},
    {"rank 9", "{" ENTRY("w", "F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, "has 9 dimensions, at most 8 are read"},
    {"product overflows", "{" ENTRY("w", "F32", "[4294967296,4294967296]", "[0,0]") "}", 4, "too many elements"},
    {"size overflows", "{" ENTRY("w", "F64", "[2305843009213693952]", "[0,0]") "}", 4, "does not fill data_offsets"},
    {"number beyond 64 bits", "{" ENTRY("w", "F32", "[99999999999999999999]", "[0,4]") "}", 4, "no valid JSON"},
    {"offsets missing", "{\"w\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "data_offsets is not [begin, end]"},
    {"three offsets", "{" ENTRY("w", "F32", "[1]", "[0,4,8]") "}", 4, "data_offsets is not [begin, end]"},
    {"offsets run backwards", "{" ENTRY("w", "F32", "[1]", "[4,0]") "}", 4, "run backwards"},
    {"negative offset", "{" ENTRY("w", "F32", "[1]", "[-4,0]") "}", 4, "run backwards"},
    {"offset behind the file", "{" ENTRY("w", "F32", "[2]", "[0,8]") "}", 4, "the file holds only 4 of them"},
    {"shape larger than offsets", "{" ENTRY("w", "F32", "[2]", "[0,4]") "}", 4, "2 of f32 does not fill"},
    {"overlap", "{" ENTRY("a", "F32", "[2]", "[0,8]") "," ENTRY("b", "F32", "[2]", "[4,12]") "}", 12,
     "tensor \"b\" starts at byte 4 of the values, but the one before it reaches to byte 8"},
    {"same place", "{" ENTRY("a", "F32", "[1]", "[0,4]") "," ENTRY("b", "F32", "[1]", "[0,4]") "}", 4,
     "but the one before it reaches to byte 4"},
    {"gap", "{" ENTRY("a", "F32", "[1]", "[0,4]") "," ENTRY("b", "F32", "[1]", "[8,12]") "}", 12,
     "tensor \"b\" starts at byte 8 of the values, leaving a gap behind byte 4"},
    {"bytes left over", "{" ENTRY("w", "F32", "[1]", "[0,4]") "}", 7, "3 bytes follow the values of the last tensor"},
    {"escape in a name", "{" ENTRY("\\u001b[2J", "F32", "[1]", "[0,4]") "}", 4, "is not printable text"},
    {"empty name", "{" ENTRY("", "F32", "[1]", "[0,4]") "}", 4, "has a name of 0 bytes"},
};

static uint8_t *make_safetensors(const char *header, size_t values, size_t *size)
{
    size_t text = strlen(header);
    *size = 8 + text + values;
    uint8_t *file = mem_alloc(*size);
    for (int i = 0; i < 8; i++)
        file[i] = (uint8_t)(text >> (8 * i));
    memcpy(file + 8, header, text);
    return file;
}

static void test_safetensors(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(safetensors_cases); i++) {
        const struct safetensors_case *test = &safetensors_cases[i];
        size_t size;
        uint8_t *file = make_safetensors(test->header, test->values, &size);
        expect_refusal(test->name, file, size, test->sentence);
        mem_free(file);
    }
}

static const char valid_header[] = "{" ENTRY("w", "F32", "[2,3]", "[0,24]") "," ENTRY("b", "F16", "[2]", "[24,28]") "}";

static void test_safetensors_sizes(void **state)
{
    (void)state;
    size_t size;
    struct error error = {0};
    uint8_t *file = make_safetensors(valid_header, 28, &size);
    struct weights *weights = weights_open_memory(file, size, "memory", &error);
    assert_non_null(weights); /* what the changes below start from */
    weights_close(weights);
    expect_refusal("cut in the values", file, size - 1, "is it truncated?");
    expect_refusal("cut in the header", file, 20, "is it truncated?");
    memcpy(file + size - 28 + 4, "\x00\x00\xc0\x7f", 4);
    expect_refusal("NaN", file, size, "tensor \"w\" is not finite: element 1 of 6 is NaN");
    memcpy(file + size - 28 + 4, "\x00\x00\x00\x00", 4);
    memcpy(file + size - 2, "\x00\xfc", 2);
    expect_refusal("infinity", file, size, "tensor \"b\" is not finite: element 1 of 2 is infinite");
    file[7] = 0x7f;
    expect_refusal("header of 2^63 bytes", file, size, "is over the 104857600 allowed");
    mem_free(file);

    static const uint8_t large[16] = {0x01, 0x00, 0x40, 0x06, 0, 0, 0, 0, '{'};
    expect_refusal("header of 100 MiB and a byte", large, sizeof large, "header of 104857601 bytes is over");
    char name[WEIGHTS_NAME_MAX + 2] = "";
    memset(name, 'n', sizeof name - 1);
    char *header = mem_format("{\"%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", name);
    file = make_safetensors(header, 4, &size);
    expect_refusal("long name", file, size, "has a name of 513 bytes");
    mem_free(file);
    mem_free(header);
}

/* JSON nested deep, which a recursive parser must bound. */
static void test_safetensors_deep(void **state)
{
    (void)state;
    enum { DEEP = 200000 };
    static const size_t zeros[] = {0, 40 * DEEP}; /* behind the header: what JSON may take follows the file's size */
    static const char *const sentences[] = {
        "its safetensors header describes more than a file of 200008 bytes can hold", "no valid JSON"};
    char *header = mem_alloc(DEEP + 8);
    memset(header, '[', DEEP);
    memcpy(header, "{\"w\":", 5);
    for (int i = 0; i < 2; i++) {
        size_t size;
        uint8_t *file = make_safetensors(header, zeros[i], &size);
        expect_refusal("deep JSON", file, size, sentences[i]);
        mem_free(file);
    }
    mem_free(header);
}

/* The legacy torch stream, assembled from pickles. */

#define MAGIC        "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
#define PROTOCOL     "\x80\x02M\xe9\x03."
#define SYSTEM(bool) "\x80\x02}U\x0dlittle_endian" bool "s."
#define HEAD         MAGIC PROTOCOL SYSTEM("\x88")
#define STORAGE(type, count)                                                                                           \
    "(U\x07storagectorch\n" type "\nU\x01"                                                                             \
    "0U\x03"                                                                                                           \
    "cpu" count "tQ"
#define REBUILD(storage, offset, shape, stride) "ctorch._utils\n_rebuild_tensor\n(" storage offset shape stride "tR"
#define STATE(tensor)                           "\x80\x02}U\x01w" tensor "s."
#define KEYS                                                                                                           \
    "\x80\x02]U\x01"                                                                                                   \
    "0a."
#define COUNT_4     "\x04\0\0\0\0\0\0\0"
#define ONE         "\0\0\x80\x3f"
#define VALUES_4    COUNT_4 ONE ONE ONE ONE
#define FLOATS      STORAGE("FloatStorage", "K\x04")
#define GOOD        REBUILD(FLOATS, "K\0", "K\x04\x85", "K\x01\x85")
#define TAIL        KEYS VALUES_4
#define BYTES(text) text, sizeof(text) - 1
/* A record of class m.NAME with attributes; a module with parameters and modules, itself memo 1. */
#define OBJECT(name, state)         "cm\n" name "\n)\x81" state "b"
#define PART(name, value)           "U\x01" name value
#define MODULE(parameters, modules) "cm\nN\n)\x81q\x01}(U\x0b_parameters}(" parameters "uU\x08_modules}(" modules "uub"

struct torch_case {
    const char *name, *bytes;
    size_t size;
    const char *sentence;
};

static const struct torch_case torch_cases[] = {
    {"big-endian", BYTES(MAGIC PROTOCOL SYSTEM("\x89")), "was written on a big-endian machine"},
    {"no byte order", BYTES(MAGIC PROTOCOL "\x80\x02}."), "does not say in which byte order"},
    {"byte order is a string", BYTES(MAGIC PROTOCOL SYSTEM("U\x01x")), "does not say in which byte order"},
    {"other protocol", BYTES(MAGIC "\x80\x02M\xea\x03."), "its torch.save protocol is not 1001"},
    {"magic is a string", BYTES("\x80\x02U\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."), "not the magic number"},
    {"ends behind the magic", BYTES(MAGIC), "is it truncated?"},
    {"os.system",
     BYTES(HEAD "\x80\x02"
                "cos\nsystem\nU\x02id\x85R."),
     "its pickle, at byte 44, asks for os.system, which no model needs: refused, nothing was run"},
    {"posix.system by INST", BYTES(HEAD "\x80\x02(U\x02idiposix\nsystem\n."), "has opcode 0x69"},
    {"subprocess by persistent id", BYTES(HEAD "\x80\x02(U\x06modulecsubprocess\nPopen\nNNtQ)\x81."),
     "asks for subprocess.Popen, which no model needs"},
    {"builtins.eval by STACK_GLOBAL",
     BYTES(HEAD "\x80\x04\x8c\x08"
                "builtins\x8c\x04"
                "eval\x93."),
     "asks for builtins.eval, which"},
    {"eval in the first pickle",
     BYTES("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
           "c__builtin__\neval\n."),
     "at byte 14, asks for __builtin__.eval, which"},
    {"eval in the list of keys",
     BYTES(HEAD STATE(GOOD) "\x80\x02"
                            "c__builtin__\neval\n."),
     "__builtin__.eval"},
    {"a global with a path in it",
     BYTES(HEAD "\x80\x02"
                "ctorch\nFloatStorage.__class__\n."
                "\x80\x02]."),
     "holds a class, not a state dict; save its weights with torch.save(model.state_dict(), "},
    {"a global with an escape in it",
     BYTES(HEAD "\x80\x02"
                "c\x1b[2J\nx\n)\x81."
                "\x80\x02]."),
     "holds an object of ?[2J.x in which there is no model"},
    {"a global without an end",
     BYTES(HEAD "\x80\x02"
                "cos"),
     "names a global without an end"},
    {"a global named by a number", BYTES(HEAD "\x80\x04K\x01U\x01x\x93."), "names a global by"},
    {"extension registry", BYTES(HEAD "\x80\x02\x82\x01."), "has opcode 0x82, which no model needs"},
    {"OBJ", BYTES(HEAD "\x80\x02(o."), "has opcode 0x6f"},
    {"protocol 0 text", BYTES(HEAD "I1\n."), "has opcode 0x49"},
    {"protocol 6", BYTES(HEAD "\x80\x06N."), "has protocol 6, 2 to 5 are read"},
    {"quantised tensor",
     BYTES(HEAD "\x80\x02"
                "ctorch._utils\n_rebuild_qtensor\n)R."),
     "makes a tensor by torch._utils._rebuild_qtensor, and only dense float and integer tensors are read"},
    {"quantised storage", BYTES(HEAD STATE(REBUILD(STORAGE("QInt8Storage", "K\x04"), "K\0", "K\x04\x85", "K\x01\x85"))),
     "keeps tensors in a QInt8Storage, whose elements are not read"},
    {"object without a model",
     BYTES(HEAD "\x80\x02" OBJECT("N", "N") "."
                                            "\x80\x02]."),
     "holds an object of m.N in which there is no model; save its weights with torch.save(model.state_dict(), "},
    {"module by persistent id",
     BYTES(HEAD "\x80\x02(U\x06modulecmodels\nLeNet\nNNtQ)\x81."
                "\x80\x02]."),
     "holds an object of models.LeNet in which there is no model"},
    {"module without a tensor",
     BYTES(HEAD "\x80\x02" MODULE("", "") "."
                                          "\x80\x02]."),
     "holds a module without a tensor: was it frozen (torch.jit.freeze) or quantised?"},
    {"module that holds itself", BYTES(HEAD "\x80\x02" MODULE(PART("w", GOOD), PART("a", "h\x01")) "." TAIL),
     "its modules lie deeper than 64 inside each other"},
    {"module that holds itself twice",
     BYTES(HEAD "\x80\x02" MODULE(PART("w", GOOD), PART("a", "h\x01") PART("b", "h\x01")) "." TAIL),
     "its modules lie deeper than 64 inside each other"},
    {"part named by a number", BYTES(HEAD "\x80\x02" MODULE("K\x01" GOOD, "") "." TAIL),
     "a part of a module is named by a number instead of a string"},
    {"part named with an escape", BYTES(HEAD "\x80\x02" MODULE("U\x04\x1b[2J" GOOD, "") "." TAIL),
     "is not printable text"},
    {"attributes that are no dict",
     BYTES(HEAD "\x80\x02"
                "cm\nN\n)\x81K\x01"
                "b."
                "\x80\x02]."),
     "holds an object of m.N in which there is no model"},
    {"calls a string", BYTES(HEAD "\x80\x02U\x01x)R."), "calls a string with a tuple"},
    {"calls a storage type",
     BYTES(HEAD "\x80\x02"
                "ctorch\nFloatStorage\n)R."),
     "which is only a name here"},
    {"calls without a tuple",
     BYTES(HEAD "\x80\x02"
                "ccollections\nOrderedDict\nNR."),
     "calls a class with None"},
    {"OrderedDict of a string",
     BYTES(HEAD "\x80\x02"
                "ccollections\nOrderedDict\nU\x01x\x85R."),
     "else than pairs"},
    {"OrderedDict of triples",
     BYTES(HEAD "\x80\x02"
                "ccollections\nOrderedDict\n]]NaNaNaa\x85R."),
     "else than pairs"},
    {"attributes of a string", BYTES(HEAD "\x80\x02U\x01x}b."), "sets attributes of a string"},
    {"stack empty", BYTES(HEAD "\x80\x02R."), "takes a value from an empty stack"},
    {"below the mark", BYTES(HEAD "\x80\x02N(\x85."), "takes a value from an empty stack"},
    {"no mark", BYTES(HEAD "\x80\x02t."), "looks for a mark that was not set"},
    {"stops with nothing", BYTES(HEAD "\x80\x02."), "stops with 0 values"},
    {"stops with two", BYTES(HEAD "\x80\x02NN."), "stops with 2 values"},
    {"append to a dict", BYTES(HEAD "\x80\x02}Na."), "adds to a dict as if it were a list"},
    {"odd dict", BYTES(HEAD "\x80\x02}(NNNu."), "gives a dict a key that has no value"},
    {"odd dict from a mark", BYTES(HEAD "\x80\x02(Nd."), "makes a dict with a key that has no value"},
    {"memo not stored", BYTES(HEAD "\x80\x02h\x07."), "asks for memo entry 7, which was not stored"},
    {"memo bomb", BYTES(HEAD "\x80\x02Nr\xff\xff\xff\x7f."), "stores memo entry 2147483647, but is only"},
    {"string longer than the file",
     BYTES(HEAD "\x80\x02X\xff\xff\xff\xff"
                "abc."),
     "needs 4294967295 more bytes"},
    {"string of 2^63 bytes", BYTES(HEAD "\x80\x04\x8d\0\0\0\0\0\0\0\x80."), "needs 9223372036854775808 more bytes"},
    {"long longer than the file", BYTES(HEAD "\x80\x02\x8b\xff\xff\xff\xff."), "needs 4294967295 more bytes"},
    {"holds a number",
     BYTES(HEAD "\x80\x02K\x01."
                "\x80\x02]."),
     "holds a number, not a state dict"},
    {"holds a list",
     BYTES(HEAD "\x80\x02]."
                "\x80\x02]."),
     "holds a list, not a state dict"},
    {"empty dict",
     BYTES(HEAD "\x80\x02}."
                "\x80\x02]."),
     "holds a dict without tensors"},
    {"a dict that holds itself",
     BYTES(HEAD "\x80\x02}q\0U\x05modelh\0s."
                "\x80\x02]."),
     "holds a dict without tensors"},
    {"a tensor named by a number", BYTES(HEAD "\x80\x02}K\x01" GOOD "s." TAIL), "is named by a number"},
    {"a tensor named with an escape", BYTES(HEAD "\x80\x02}U\x04\x1b[2J" GOOD "s." TAIL), "is not printable text"},
    {"a tensor named in Latin-1", BYTES(HEAD "\x80\x02}U\x01\xe9" GOOD "s." TAIL), "is not printable text"},
    {"a name twice", BYTES(HEAD "\x80\x02}U\x01w" GOOD "sU\x01w" GOOD "s." TAIL), "tensor \"w\" is listed twice"},
    {"negative stride", BYTES(HEAD STATE(REBUILD(FLOATS, "K\x03", "K\x04\x85", "J\xff\xff\xff\xff\x85")) TAIL),
     "gives a tensor the stride -1, which is negative"},
    {"negative dimension", BYTES(HEAD STATE(REBUILD(FLOATS, "K\0", "J\xff\xff\xff\xff\x85", "K\x01\x85")) TAIL),
     "gives a tensor the shape -1, which is negative"},
    {"negative offset", BYTES(HEAD STATE(REBUILD(FLOATS, "J\xff\xff\xff\xff", "K\x01\x85", "K\x01\x85")) TAIL),
     "gives a tensor the offset -1, which is negative"},
    {"offset out of range", BYTES(HEAD STATE(REBUILD(FLOATS, "K\x01", "K\x04\x85", "K\x01\x85")) TAIL),
     "wants a tensor of 4 from element 1 of a storage of 4: out of range"},
    {"stride out of range", BYTES(HEAD STATE(REBUILD(FLOATS, "K\0", "K\x03\x85", "K\x02\x85")) TAIL),
     "wants a tensor of 3 from element 0 of a storage of 4: out of range"},
    {"stride of 2^62", BYTES(HEAD STATE(REBUILD(FLOATS, "K\0", "K\x04\x85", "\x8a\x08\0\0\0\0\0\0\0\x40\x85")) TAIL),
     "out of range"},
    {"scalar of an empty storage", BYTES(HEAD STATE(REBUILD(STORAGE("FloatStorage", "K\0"), "K\0", ")", ")")) TAIL),
     "wants a tensor of scalar from element 0 of a storage of 0"},
    {"expanded beyond the file", BYTES(HEAD STATE(REBUILD(FLOATS, "K\0", "\x8a\x05\0\0\0\0\x01\x85", "K\0\x85")) TAIL),
     "claims 4294967296 elements in a file of"},
    {"too many elements",
     BYTES(HEAD STATE(REBUILD(FLOATS, "K\0", "\x8a\x06\0\0\0\0\0\x01\x8a\x06\0\0\0\0\0\x01\x86", "K\0K\0\x86")) TAIL),
     "too many elements"},
    {"rank 9", BYTES(HEAD STATE(REBUILD(FLOATS, "K\0", "(K\x01K\x01K\x01K\x01K\x01K\x01K\x01K\x01K\x01t", ")")) TAIL),
     "gives a tensor 9 dimensions, at most 8 are read"},
    {"more strides than dimensions", BYTES(HEAD STATE(REBUILD(FLOATS, "K\0", "K\x04\x85", "K\x01K\x01\x86")) TAIL),
     "gives a tensor 1 dimensions and 2 strides"},
    {"dimension of 80 bits",
     BYTES(HEAD STATE(REBUILD(FLOATS, "K\0", "\x8a\x0a\0\0\0\0\0\0\0\0\0\x01\x85", "K\x01\x85")) TAIL),
     "gives a tensor a long number in its shape"},
    {"shape is a number", BYTES(HEAD STATE(REBUILD(FLOATS, "K\0", "K\x04", "K\x01\x85")) TAIL),
     "gives a tensor a number for its shape"},
    {"tensor of a string", BYTES(HEAD STATE(REBUILD("U\x01x", "K\0", "K\x04\x85", "K\x01\x85")) TAIL),
     "rebuilds a tensor from a string and a number"},
    {"tensor of two arguments", BYTES(HEAD STATE("ctorch._utils\n_rebuild_tensor\n" FLOATS "K\0\x86R") TAIL),
     "rebuilds a tensor from 2 arguments"},
    {"parameter of nothing", BYTES(HEAD STATE("ctorch._utils\n_rebuild_parameter\n)R") TAIL),
     "rebuilds a parameter from something else than a tensor"},
    {"storage of a dict type",
     BYTES(HEAD STATE(REBUILD("(U\x07storageccollections\nOrderedDict\nU\x01"
                              "0U\x03"
                              "cpuK\x04tQ",
                              "K\0", ")", ")"))),
     "has a persistent id that is no storage's"},
    {"storage of -1 elements",
     BYTES(HEAD STATE(REBUILD(STORAGE("FloatStorage", "J\xff\xff\xff\xff"), "K\0", ")", ")"))),
     "describes a storage of -1 elements"},
    {"persistent id of a string", BYTES(HEAD "\x80\x02U\x01xQ."), "has a persistent id that is no storage's"},
    {"view behind its storage",
     BYTES(HEAD STATE(REBUILD("(U\x07storagectorch\nFloatStorage\nU\x01"
                              "0U\x03"
                              "cpuK\x04(U\x01vK\x03K\x02ttQ",
                              "K\0", ")", ")"))),
     "means elements 3 to 3 + 2 of a storage of 4"},
    {"storage missing", BYTES(HEAD STATE(GOOD) "\x80\x02]."),
     "tensor \"w\" lies in storage \"0\", which the file does not hold"},
    {"storage of no tensor",
     BYTES(HEAD STATE(GOOD) "\x80\x02](U\x01"
                            "0U\x01"
                            "1e." VALUES_4),
     "storage \"1\" belongs to no tensor"},
    {"storage listed twice",
     BYTES(HEAD STATE(GOOD) "\x80\x02](U\x01"
                            "0U\x01"
                            "0e." VALUES_4 VALUES_4),
     "storage \"0\" is listed twice"},
    {"storage named by a number",
     BYTES(HEAD STATE(GOOD) "\x80\x02]K\x01"
                            "a."),
     "storage 0 is named by a number"},
    {"keys are a dict", BYTES(HEAD STATE(GOOD) "\x80\x02}."), "is a dict instead of the list of storages"},
    {"storage cut before its size", BYTES(HEAD STATE(GOOD) KEYS "\x04\0\0"), "it is truncated"},
    {"storage cut in its values", BYTES(HEAD STATE(GOOD) KEYS COUNT_4 ONE ONE ONE "\0"), "is it truncated?"},
    {"storage of 2^63 elements", BYTES(HEAD STATE(GOOD) KEYS "\0\0\0\0\0\0\0\x80" ONE), "9223372036854775808 elements"},
    {"storage of another size", BYTES(HEAD STATE(GOOD) KEYS "\x03\0\0\0\0\0\0\0" ONE ONE ONE),
     "storage \"0\" has 12 bytes, but a tensor takes it for 4 elements of f32"},
    {"storage of two types",
     BYTES(HEAD "\x80\x02}U\x01w" GOOD "sU\x01v" REBUILD(STORAGE("LongStorage", "K\x04"), "K\0", "K\x04\x85",
                                                         "K\x01\x85") "s." KEYS VALUES_4 VALUES_4),
     "has 16 bytes, but a tensor takes it for 4 elements of i64"},
    {"NaN", BYTES(HEAD STATE(GOOD) KEYS COUNT_4 ONE ONE "\0\0\xc0\x7f" ONE),
     "tensor \"w\" is not finite: element 2 of 4 is NaN"},
};

static const char valid_torch[] = HEAD STATE(GOOD) TAIL;

static void test_torch(void **state)
{
    (void)state;
    struct error error = {0};
    struct weights *weights = weights_open_memory(BYTES(valid_torch), "memory", &error);
    if (!weights)
        fail_msg("%s", error.text); /* what the cases change one thing of */
    assert_true(read_all(weights, &error));
    weights_close(weights);
    for (size_t i = 0; i < THAW_LENGTH(torch_cases); i++)
        expect_refusal(torch_cases[i].name, torch_cases[i].bytes, torch_cases[i].size, torch_cases[i].sentence);
}

/* The classic attack, with a command that would leave a trace. */
static void test_torch_runs_nothing(void **state)
{
    (void)state;
    char *trace = path_join(folder, "trace"), command[256], file[512];
    int length = snprintf(command, sizeof command, "touch %s", trace);
    memcpy(file, HEAD, sizeof HEAD);
    int size = (int)sizeof HEAD - 1;
    size += snprintf(file + size, sizeof file - (size_t)size,
                     "\x80\x02"
                     "cposix\nsystem\nU%c%s\x85R.",
                     length, command);
    expect_refusal("posix.system", file, (size_t)size, "asks for posix.system, which");
    assert_false(file_exists(trace));
    mem_free(trace);
}

/* One byte over and over behind the head: depth and memory. */
static void test_torch_floods(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        char byte;
        const char *sentence;
    } floods[] = {
        {"marks", '(', "nests deeper than 256 levels"},
        {"lists", ']', "needs more memory than a file of"},
        {"dicts", '}', "needs more memory than a file of"},
        {"tuples in tuples", '\x85', "takes a value from an empty stack"},
        {"frames", '\x95', "is it truncated?"},
    };
    enum { FLOOD = 1 << 20 };
    size_t size = sizeof HEAD - 1 + FLOOD;
    char *file = mem_alloc(size);
    memcpy(file, HEAD, sizeof HEAD - 1);
    for (size_t i = 0; i < THAW_LENGTH(floods); i++) {
        memset(file + sizeof HEAD - 1, floods[i].byte, FLOOD);
        expect_refusal(floods[i].name, file, size, floods[i].sentence);
    }
    /* one list nested a million deep: no recursion may follow it */
    memset(file + sizeof HEAD - 1, '\x85', FLOOD);
    file[sizeof HEAD - 1] = 'N';
    expect_refusal("nested tuples", file, size, "needs more memory than a file of");
    mem_free(file);
}

/* Each of forty modules has the next one under two names: 2^40 tensors, of a file of some kilobytes. */
static void test_torch_modules_shared(void **state)
{
    (void)state;
    enum { LEVELS = 40 };
    static const char before[] = "cm\nN\n)\x81}(U\x0b_parameters}U\x08_modules}(U\x01"
                                 "a";
    static const char inner[] = MODULE(PART("w", GOOD), ""), after[] = "q\x05U\x01"
                                                                       "bh\x05uub";
    static const char tail[] = "." TAIL;
    char *file = mem_alloc(LEVELS * (sizeof before + sizeof after) + sizeof HEAD + sizeof inner + sizeof tail + 2);
    size_t size = 0;
#define PUT(text) (memcpy(file + size, text, sizeof(text) - 1), size += sizeof(text) - 1)
    PUT(HEAD "\x80\x02");
    for (int i = 0; i < LEVELS; i++)
        PUT(before);
    PUT(inner);
    for (int i = 0; i < LEVELS; i++)
        PUT(after);
    PUT(tail);
#undef PUT
    expect_refusal("shared modules", file, size, "its modules have more tensors than a file of its size may list");
    mem_free(file);
}

/* A path that is as long as one may be with its dot: nothing can follow it. */
static void test_torch_modules_long_path(void **state)
{
    (void)state;
    static const char before[] = HEAD "\x80\x02"
                                      "cm\nN\n)\x81}(U\x0b_parameters}U\x08_modules}(X\xff\x01\0\0";
    static const char after[] = MODULE(PART("w", GOOD), "") "uub." TAIL;
    char file[sizeof before - 1 + WEIGHTS_NAME_MAX - 1 + sizeof after - 1];
    memcpy(file, before, sizeof before - 1);
    memset(file + sizeof before - 1, 'n', WEIGHTS_NAME_MAX - 1);
    memcpy(file + sizeof before - 1 + WEIGHTS_NAME_MAX - 1, after, sizeof after - 1);
    expect_refusal("long path", file, sizeof file, "a part of a module has a name of over 512 bytes: nnn");
}

/* Each of many buffers is looked for among as many names of those that are not persistent: a search that is bounded. */
static void test_torch_modules_searched(void **state)
{
    (void)state;
    enum { TIMES = 1 << 12 };
    static const char before[] = HEAD "\x80\x02"
                                      "cm\nN\n)\x81}(U\x0b_parameters}U\x08_modules}U\x08_buffers}(U\x01w" GOOD "q\x01";
    static const char buffer[] = "U\x01wh\x01", between[] = "uU\x1b_non_persistent_buffers_set](", name[] = "U\x01v";
    static const char after[] = "eub." TAIL;
    char *file = mem_alloc(sizeof before + sizeof between + sizeof after + TIMES * (sizeof buffer + sizeof name));
    size_t size = 0;
#define PUT(text) (memcpy(file + size, text, sizeof(text) - 1), size += sizeof(text) - 1)
    PUT(before);
    for (int i = 0; i < TIMES; i++)
        PUT(buffer);
    PUT(between);
    for (int i = 0; i < TIMES; i++)
        PUT(name);
    PUT(after);
#undef PUT
    expect_refusal("names searched", file, size, "its modules have more tensors than a file of its size may list");
    mem_free(file);
}

/* Other kinds of file. */

static void test_other_formats(void **state)
{
    (void)state;
    static const struct torch_case cases[] = {
        {"empty", BYTES(""), ": is empty"},
        {"one byte", BYTES("\x80"),
         "is no weights file thaw knows: safetensors, safetensors (index), torch (legacy stream),"},
        {"text", BYTES("Hello, this is not a model at all\n"), "is no weights file thaw knows"},
        {"HDF5", BYTES("\x89HDF\r\n\x1a\n\0\0"), "damaged HDF5: "},
#ifndef HAVE_ONNX
        {"ONNX", BYTES("\x08\x06\x12\x04thaw\x3a\x02\x0a\0"), "is an ONNX model, and this build has no ONNX reader"},
#endif
    };
    for (size_t i = 0; i < THAW_LENGTH(cases); i++)
        expect_refusal(cases[i].name, cases[i].bytes, cases[i].size, cases[i].sentence);
    static const struct {
        const char *entry, *sentence;
    } zips[] = {
        {"net/data.pkl", "is a zip archive that ends at byte 64 without its directory: it is truncated"},
        {"metadata.json", "is a zip archive that ends at byte 64 without its directory: it is truncated"},
        {"holiday.jpg", "is a zip archive, neither torch.save's nor a .keras one"},
    };
    for (size_t i = 0; i < THAW_LENGTH(zips); i++) {
        char zip[64] = "PK\3\4";
        zip[26] = (char)strlen(zips[i].entry);
        strcpy(zip + 30, zips[i].entry);
        expect_refusal(zips[i].entry, zip, sizeof zip, zips[i].sentence);
    }
    expect_refusal("cut zip", BYTES("PK\3\4"), "is a zip archive");
}

static void expect_path_refused(const char *path, const char *sentence)
{
    struct error error = {0};
    assert_false(open_and_read(path, &error));
    if (error.kind != ERROR_WEIGHTS || !strstr(error.text, path) || !strstr(error.text, sentence))
        fail_msg("kind %d: %s", error.kind, error.text);
}

static void test_not_a_file(void **state)
{
    (void)state;
    struct error error = {0};
    expect_path_refused(folder, "Is a directory");
    expect_path_refused("/nowhere/at/all", "No such file or directory");
    char *pipe = path_join(folder, "pipe");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    expect_path_refused(pipe, "not a regular file"); /* and does not wait for a writer */
    unlink(pipe);
    mem_free(pipe);
    char *path = path_join(folder, "unreadable");
    assert_true(file_write_atomic(path, BYTES(valid_torch), &error));
    assert_int_equal(chmod(path, 0), 0);
    if (geteuid() == 0)
        print_message("SKIPPED: root reads files without permission\n");
    else
        expect_path_refused(path, "Permission denied");
    unlink(path);
    mem_free(path);
}

/* Any outcome but a crash or a hang. The copy has the exact size, so that a sanitizer sees a byte read too far. */
static bool try_bytes(const uint8_t *bytes, size_t size)
{
    struct error error = {0};
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    struct weights *weights = weights_open_memory(copy, size, "memory", &error);
    bool ok = weights && read_all(weights, &error);
    weights_close(weights);
    free(copy);
    if (!ok && (error.kind != ERROR_WEIGHTS || strncmp(error.text, "memory: ", 8) != 0))
        fail_msg("kind %d: %s", error.kind, error.text);
    return ok;
}

static void try_all(const uint8_t *bytes, size_t size, size_t header)
{
    uint8_t *changed = mem_alloc(size);
    memcpy(changed, bytes, size);
    assert_true(try_bytes(bytes, size));
    for (size_t cut = 0; cut < size; cut++)
        assert_false(try_bytes(bytes, cut));
    for (size_t i = 0; i < header; i++) {
        for (int change = 1; change < 256; change++) {
            changed[i] = bytes[i] ^ (uint8_t)change;
            try_bytes(changed, size);
        }
        changed[i] = bytes[i];
    }
    mem_free(changed);
}

static void test_every_prefix_and_byte_of_safetensors(void **state)
{
    (void)state;
    size_t size;
    uint8_t *file = make_safetensors(valid_header, 28, &size);
    try_all(file, size, 8 + sizeof valid_header - 1);
    mem_free(file);
}

static void test_every_prefix_and_byte_of_torch(void **state)
{
    (void)state;
    size_t size = sizeof valid_torch - 1;
    try_all((const uint8_t *)valid_torch, size, size - 16); /* all but the values, the storage's size with them */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_safetensors),
        cmocka_unit_test(test_safetensors_sizes),
        cmocka_unit_test(test_safetensors_deep),
        cmocka_unit_test(test_torch),
        cmocka_unit_test(test_torch_runs_nothing),
        cmocka_unit_test(test_torch_floods),
        cmocka_unit_test(test_torch_modules_shared),
        cmocka_unit_test(test_torch_modules_searched),
        cmocka_unit_test(test_torch_modules_long_path),
        cmocka_unit_test(test_other_formats),
        cmocka_unit_test(test_not_a_file),
        cmocka_unit_test(test_every_prefix_and_byte_of_safetensors),
        cmocka_unit_test(test_every_prefix_and_byte_of_torch),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
