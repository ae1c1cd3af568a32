/* Hostile and broken archives of torch.save, zip and tar: each is made here, opened and read, and must be refused with
 * its sentence. Then every prefix and every changed byte of small valid files: any outcome but a crash or a hang will
 * do. The pickles inside are tested in test_refuse_weights.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "src/weights/format.h"
#include "thaw/base/mem.h"

enum { HANG_SECONDS = 300, FILE_MAX = 1 << 16 };

#define BYTES(text) text, sizeof(text) - 1
#define ONE         "\0\0\x80\x3f"

/* A file as it grows. */
struct file {
    uint8_t bytes[FILE_MAX];
    size_t size;
};

static void put(struct file *file, const void *bytes, size_t size)
{
    assert_true(size <= FILE_MAX - file->size);
    if (size)
        memcpy(file->bytes + file->size, bytes, size);
    file->size += size;
}

static void put_number(struct file *file, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++, value >>= 8)
        put(file, &(uint8_t){(uint8_t)value}, 1);
}

static bool open_and_read(const uint8_t *bytes, size_t size, struct error *error)
{
    uint8_t *copy = malloc(size ? size : 1); /* the exact size, so that a sanitizer sees a byte read too far */
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    struct weights *weights = weights_open_memory(copy, size, "memory", error);
    bool ok = weights != NULL;
    for (size_t i = 0; ok && i < weights_count(weights); i++) {
        float *values = mem_array((size_t)shape_count(&weights_get(weights, i)->shape), sizeof *values);
        ok = weights_read(weights, i, values, error);
        mem_free(values);
    }
    weights_close(weights);
    free(copy);
    if (!ok && (error->kind != ERROR_WEIGHTS || strncmp(error->text, "memory: ", 8) != 0))
        fail_msg("kind %d: %s", error->kind, error->text);
    return ok;
}

static void expect_refusal(const char *name, const struct file *file, const char *sentence)
{
    struct error error = {0};
    if (open_and_read(file->bytes, file->size, &error))
        fail_msg("%s: was read", name);
    if (!strstr(error.text, sentence))
        fail_msg("%s: \"%s\" does not say \"%s\"", name, error.text, sentence);
}

static void try_all(const struct file *file)
{
    struct error error = {0};
    if (!open_and_read(file->bytes, file->size, &error))
        fail_msg("%s", error.text);
    struct file *changed = mem_alloc(sizeof *changed);
    *changed = *file;
    for (size_t cut = 0; cut < file->size; cut++)
        (void)open_and_read(file->bytes, cut, &error);
    for (size_t i = 0; i < file->size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            changed->bytes[i] = file->bytes[i] ^ (uint8_t)(1 << bit);
            (void)open_and_read(changed->bytes, file->size, &error);
        }
        changed->bytes[i] = file->bytes[i] ? 0 : 0xff;
        (void)open_and_read(changed->bytes, file->size, &error);
        changed->bytes[i] = file->bytes[i];
    }
    mem_free(changed);
}

/* --- zip --- */

/* An entry as it is, and where it lies: -1 or NULL stands for the truth. */
struct entry {
    const char *name, *bytes;
    size_t size;
    int64_t stated, packed, header; /* sizes and offset in the directory */
    const char *local;              /* the name before the bytes */
    int method, flags;
    bool crc_lies;
    const char *extra; /* a zip64 field of the directory, three bytes of hex digits' worth each */
    size_t extra_size;
};
#define TRUTH .stated = -1, .packed = -1, .header = -1

static void put_local(struct file *file, const struct entry *entry)
{
    const char *name = entry->local ? entry->local : entry->name;
    put(file, BYTES("PK\3\4"));
    put_number(file, 0, 22);
    put_number(file, strlen(name), 2);
    put_number(file, 3, 2);
    put(file, name, strlen(name));
    put(file, "xyz", 3); /* an extra field: bytes that are not to be taken for the entry's */
    put(file, entry->bytes, entry->size);
}

static void put_central(struct file *file, const struct entry *entry, size_t at, uint32_t crc)
{
    put(file, BYTES("PK\1\2"));
    put_number(file, 0, 4);
    put_number(file, (uint64_t)entry->flags, 2);
    put_number(file, (uint64_t)entry->method, 2);
    put_number(file, 0, 4);
    put_number(file, crc ^ entry->crc_lies, 4);
    put_number(file, entry->packed < 0 ? entry->size : (uint64_t)entry->packed, 4);
    put_number(file, entry->stated < 0 ? entry->size : (uint64_t)entry->stated, 4);
    put_number(file, strlen(entry->name), 2);
    put_number(file, entry->extra_size, 2);
    put_number(file, 0, 10);
    put_number(file, entry->header < 0 ? at : (uint64_t)entry->header, 4);
    put(file, entry->name, strlen(entry->name));
    put(file, entry->extra, entry->extra_size);
}

/* Ends with NULL names. Returns where the end record is. */
static size_t make_zip(struct file *file, const struct entry *entry)
{
    size_t at[8], count = 0;
    file->size = 0;
    for (; entry[count].name; count++) {
        at[count] = file->size;
        put_local(file, &entry[count]);
    }
    size_t directory = file->size;
    for (size_t i = 0; i < count; i++)
        put_central(file, &entry[i], at[i],
                    entry[i].method ? (uint32_t)entry[i].stated : 0); /* unused where stored; a test sets its own */
    size_t end = file->size;
    put(file, BYTES("PK\5\6\0\0\0\0"));
    put_number(file, count, 2);
    put_number(file, count, 2);
    put_number(file, end - directory, 4);
    put_number(file, directory, 4);
    put_number(file, 0, 2);
    return end;
}

#define STORAGE(type, count)                                                                                           \
    "(U\x07storagectorch\n" type "\nU\x01"                                                                             \
    "0U\x03"                                                                                                           \
    "cpu" count "tQ"
#define REBUILD(storage, offset, shape, stride) "ctorch._utils\n_rebuild_tensor\n(" storage offset shape stride "tR"
#define PICKLE                                  "\x80\x02}U\x01w" REBUILD(STORAGE("FloatStorage", "K\x04"), "K\0", "K\x04\x85", "K\x01\x85") "s."
#define OBJECT                                                                                                         \
    {                                                                                                                  \
        "n/data.pkl", BYTES(PICKLE), TRUTH                                                                             \
    }
#define VALUES                                                                                                         \
    {                                                                                                                  \
        "n/data/0", BYTES(ONE ONE ONE ONE), TRUTH                                                                      \
    }

static const struct {
    const char *name;
    struct entry entry[4];
    const char *sentence;
} zip_cases[] = {
    {"no values", {OBJECT}, "tensor \"w\" lies in storage \"0\", which the file does not hold"},
    {"values elsewhere", {OBJECT, {"m/data/0", BYTES(ONE ONE ONE ONE), TRUTH}}, "which the file does not hold"},
    {"values twice", {OBJECT, VALUES, VALUES}, "storage \"0\" is listed twice"},
    {"too few values",
     {OBJECT, {"n/data/0", BYTES(ONE ONE ONE), TRUTH}},
     "storage \"0\" has 12 bytes, but a tensor takes it for 4 elements of f32"},
    {"half a value",
     {OBJECT, {"n/data/0", BYTES(ONE ONE ONE ONE "\0\0"), TRUTH}},
     "storage \"0\" has 18 bytes, but a tensor takes it for 4 elements of f32"},
    {"big endian", {OBJECT, VALUES, {"n/byteorder", BYTES("big"), TRUTH}}, "was written on a big-endian machine"},
    {"no byte order known",
     {OBJECT, VALUES, {"n/byteorder", BYTES("middle\033"), TRUTH}},
     "names \"middle?\" as its byte order; little is read"},
    {"empty pickle", {{"n/data.pkl", "", 0, TRUTH}, VALUES}, "its pickle, at byte 0, needs 1 more bytes"},
    {"hostile pickle",
     {{"n/data.pkl",
       BYTES("\x80\x02"
             "cposix\nsystem\nU\x02"
             "id\x85R."),
       TRUTH},
      VALUES},
     "asks for posix.system, which no model needs: refused, nothing was run"},
    {"TorchScript",
     {{"n/data.pkl",
       BYTES("\x80\x02"
             "c__torch__\nNet\n)\x81."),
       TRUTH},
      VALUES,
      {"n/constants.pkl", BYTES("."), TRUTH}},
     "holds an object of Net in which there is no model"},
    {"TorchScript without a tensor",
     {{"n/data.pkl",
       BYTES("\x80\x02"
             "c__torch__\nNet\n)\x81}b."),
       TRUTH},
      VALUES,
      {"n/code/__torch__.py", BYTES("x"), TRUTH}},
     "holds a module without a tensor: was it frozen (torch.jit.freeze)"},
    {"TorchScript that holds itself",
     {{"n/data.pkl",
       BYTES("\x80\x02"
             "c__torch__\nNet\n)\x81q\x01}U\x01"
             "ah\x01sb."),
       TRUTH},
      VALUES},
     "its modules lie deeper than 64 inside each other"},
    {"encrypted", {OBJECT, {"n/data/0", BYTES(ONE ONE ONE ONE), TRUTH, .flags = 1}}, "\"n/data/0\" is encrypted"},
    {"packed by bzip2",
     {OBJECT, {"n/data/0", BYTES(ONE ONE ONE ONE), TRUTH, .method = 12}},
     "\"n/data/0\" is packed by method 12; stored and deflated are read"},
    {"stored in another size",
     {OBJECT, {"n/data/0", BYTES(ONE ONE ONE ONE), .stated = 16, .packed = 15, .header = -1}},
     "\"n/data/0\" is stored in 15 bytes, but should have 16"},
    {"reaches into the directory",
     {OBJECT, {"n/data/0", BYTES(ONE ONE ONE ONE), .stated = 17, .packed = 17, .header = -1}},
     "should have 17 bytes, which do not fit before the directory"},
    {"4 GiB",
     {OBJECT, {"n/data/0", BYTES(ONE ONE ONE ONE), .stated = -2, .packed = 0xfffffffe, .header = -1}},
     "should have 4294967294 bytes, which do not fit"},
    {"offset in the middle",
     {OBJECT, {"n/data/0", BYTES(ONE ONE ONE ONE), .stated = -1, .packed = -1, .header = 5}},
     "\"n/data/0\" should start at byte 5, where there is none"},
    {"offset behind the file",
     {OBJECT, {"n/data/0", BYTES(ONE ONE ONE ONE), .stated = -1, .packed = -1, .header = 0xfffffffe}},
     "\"n/data/0\" should start at byte 4294967294, where there is none"},
    {"another's offset",
     {OBJECT, {"n/data/0", BYTES(ONE ONE ONE ONE), .stated = -1, .packed = -1, .header = 0}},
     "\"n/data/0\" has another name where it starts, at byte 0"},
    {"another name",
     {OBJECT, {"n/data/0", BYTES(ONE ONE ONE ONE), TRUTH, .local = "n/data/1"}},
     "\"n/data/0\" has another name where it starts"},
    {"zip64 field that is cut",
     {OBJECT,
      {"n/data/0", BYTES(ONE ONE ONE ONE), .stated = 0xffffffff, .packed = -1, .header = -1,
       .extra = "\1\0\4\0\20\0\0\0", .extra_size = 8}},
     "\"n/data/0\" has a damaged zip64 field"},
    {"extra field longer than it is",
     {OBJECT, {"n/data/0", BYTES(ONE ONE ONE ONE), TRUTH, .extra = "\1\0\x09\0\20\0\0\0", .extra_size = 8}},
     "\"n/data/0\" has a damaged zip64 field"},
    {"zip64 size of 2^63",
     {OBJECT,
      {"n/data/0", BYTES(ONE ONE ONE ONE), .stated = 0xffffffff, .packed = 0xffffffff, .header = -1,
       .extra = "\1\0\20\0\0\0\0\0\0\0\0\x80\0\0\0\0\0\0\0\x80", .extra_size = 20}},
     "should have 9223372036854775808 bytes, which do not fit"},
    {"zip64 offset of 2^64 - 1",
     {OBJECT,
      {"n/data/0", BYTES(ONE ONE ONE ONE), .stated = -1, .packed = -1, .header = 0xffffffff,
       .extra = "\1\0\10\0\xff\xff\xff\xff\xff\xff\xff\xff", .extra_size = 12}},
     "should start at byte 18446744073709551615, where there is none"},
    {"deflated to 4 GiB",
     {OBJECT, {"n/data/0", BYTES("\3\0"), .stated = 0xfffffffe, .packed = -1, .header = -1, .method = 8}},
     "unpacks to 4294967294 bytes, more than a file of this size may ask for; save it again without compression"},
    {"deflated noise",
     {OBJECT, {"n/data/0", BYTES("\xff\xff\xff"), .stated = 16, .packed = -1, .header = -1, .method = 8}},
     "\"n/data/0\" is damaged: it does not unpack to what the directory says"},
    {"deflated to less",
     {OBJECT, {"n/data/0", BYTES("\3\0"), .stated = 16, .packed = -1, .header = -1, .method = 8}},
     "\"n/data/0\" is damaged: it does not unpack"},
};

static const struct entry valid_zip[] = {OBJECT, VALUES, {"n/byteorder", BYTES("little"), TRUTH}, {.name = NULL}};

static void test_zip_entries(void **state)
{
    (void)state;
    alarm(HANG_SECONDS);
    struct error error = {0};
    struct file *file = mem_alloc(sizeof *file);
    make_zip(file, valid_zip);
    assert_true(open_and_read(file->bytes, file->size, &error)); /* what the cases change one thing of */
    for (size_t i = 0; i < THAW_LENGTH(zip_cases); i++) {
        make_zip(file, zip_cases[i].entry);
        expect_refusal(zip_cases[i].name, file, zip_cases[i].sentence);
    }
    mem_free(file);
}

/* Changes of the end record, of the directory and of the file's end. */
static void test_zip_directory(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t at; /* behind the start of the end record */
        const char *bytes;
        size_t size;
        const char *sentence;
    } cases[] = {
        {"another part", 4, BYTES("\1\0\0\0"), "is one part of a zip archive in several"},
        {"65535 entries", 10, BYTES("\xff\xff"), "its zip directory of 65535 entries should have"},
        {"one entry too many", 10, BYTES("\4\0"), "directory of 4 entries should have 167 bytes"},
        {"a directory of 4 GiB", 12, BYTES("\xff\xff\xff\xff"), "should have 4294967295 bytes from byte"},
        {"a directory behind the file", 16, BYTES("\xff\xff\xff\xff"), "from byte 4294967295, which do not fit before"},
        {"a directory one byte early", 16, BYTES("\0\0\0\0"), "has no entry at byte 0, where one should be"},
        {"a comment longer than the file", 20, BYTES("\1\0"), "ends at byte"},
    };
    struct file *file = mem_alloc(sizeof *file);
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        size_t end = make_zip(file, valid_zip);
        memcpy(file->bytes + end + cases[i].at, cases[i].bytes, cases[i].size);
        expect_refusal(cases[i].name, file, cases[i].sentence);
    }
    file->size = make_zip(file, valid_zip);
    expect_refusal("cut before the end record", file, "without its directory: it is truncated");
    mem_free(file);
}

/* The same archive with a zip64 record: all sizes in the old record may be all ones. */
static size_t make_zip64(struct file *file)
{
    size_t end = make_zip(file, valid_zip), directory = 0;
    uint8_t record[22];
    memcpy(record, file->bytes + end, sizeof record);
    for (int i = 3; i >= 0; i--)
        directory = directory << 8 | record[16 + i];
    file->size = end;
    put(file, BYTES("PK\6\6"));
    put_number(file, 44, 8);
    put_number(file, 0, 12);
    put_number(file, 3, 8);
    put_number(file, 3, 8);
    put_number(file, end - directory, 8);
    put_number(file, directory, 8);
    put(file, BYTES("PK\6\7\0\0\0\0"));
    put_number(file, end, 8);
    put_number(file, 1, 4);
    memset(record + 8, 0xff, 12);
    put(file, record, sizeof record);
    return end;
}

static void test_zip64(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t at; /* behind the start of the zip64 record */
        const char *bytes;
        size_t size;
        const char *sentence;
    } cases[] = {
        {"no record", 3, BYTES("\7"), "its zip64 record should be at byte"},
        {"2^64 - 1 entries", 32, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"),
         "directory of 18446744073709551615 entries"},
        {"2^63 bytes", 47, BYTES("\x80"), "should have 9223372036854"},
        {"directory at 2^63", 55, BYTES("\x80"), "from byte 9223372036854"},
        {"record at 2^63", 56 + 15, BYTES("\x80"), "its zip64 record should be at byte 9223372036854"},
    };
    struct error error = {0};
    struct file *file = mem_alloc(sizeof *file);
    make_zip64(file);
    if (!open_and_read(file->bytes, file->size, &error))
        fail_msg("%s", error.text);
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        size_t at = make_zip64(file);
        memcpy(file->bytes + at + cases[i].at, cases[i].bytes, cases[i].size);
        expect_refusal(cases[i].name, file, cases[i].sentence);
    }
    mem_free(file);
}

/* A file of `packed` bytes that says it unpacks to more than may be: nothing is allocated for it. */
static void test_zip_bomb(void **state)
{
    (void)state;
    enum { ZEROS = 8 << 20 };
    uint8_t *zeros = mem_alloc(ZEROS), *packed = mem_alloc(ZEROS);
    z_stream stream = {.next_in = zeros, .avail_in = ZEROS, .next_out = packed, .avail_out = ZEROS};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    struct entry entries[] = {OBJECT, VALUES, {.name = NULL}};
    entries[1].bytes = (const char *)packed;
    entries[1].size = stream.total_out;
    entries[1].stated = ZEROS;
    entries[1].method = 8;
    deflateEnd(&stream);
    struct file *file = mem_alloc(sizeof *file);
    make_zip(file, entries);
    expect_refusal("zeros", file, "unpacks to 8388608 bytes, more than a file of this size may ask for");
    mem_free(file);
    mem_free(packed);
    mem_free(zeros);
}

static void test_every_prefix_and_byte_of_zip(void **state)
{
    (void)state;
    struct file *file = mem_alloc(sizeof *file);
    make_zip(file, valid_zip);
    try_all(file);
    make_zip64(file);
    try_all(file);
    mem_free(file);
}

/* --- tar --- */

#define SYSTEM "\x80\x02}U\x0dlittle_endian\x88s."
#define STORED                                                                                                         \
    "\x80\x02K\x01.\x80\x02(K\x01U\x03"                                                                                \
    "cpuctorch\nFloatStorage\nt.\4\0\0\0\0\0\0\0" ONE ONE ONE ONE
#define VIEWS "\x80\x02]((K\x02K\x01K\x01K\x03te."
#define HEADED                                                                                                         \
    "\x80\x02K\x01.\x80\x02(K\x09K\x02"                                                                                \
    "ctorch\nFloatTensor\nt."
#define TENSOR HEADED "\1\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define NAMED  "\x80\x02}U\x01wK\x09Qs."

struct part {
    const char *name, *bytes;
    size_t size;
};
#define PARTS(system, storages, tensors, object)                                                                       \
    {                                                                                                                  \
        {"sys_info", BYTES(system)}, {"storages", BYTES(storages)}, {"tensors", BYTES(tensors)},                       \
        {                                                                                                              \
            "pickle", BYTES(object)                                                                                    \
        }                                                                                                              \
    }

static void make_tar(struct file *file, const struct part *part, size_t parts)
{
    file->size = 0;
    for (size_t i = 0; i < parts; i++) {
        uint8_t header[512] = {0};
        unsigned sum = 0;
        strcpy((char *)header, part[i].name);
        snprintf((char *)header + 124, 12, "%011o", (unsigned)part[i].size);
        memset(header + 148, ' ', 8);
        header[156] = '0';
        memcpy(header + 257, "ustar\00000", 8);
        for (int b = 0; b < 512; b++)
            sum += header[b];
        snprintf((char *)header + 148, 8, "%06o", sum);
        put(file, header, sizeof header);
        put(file, part[i].bytes, part[i].size);
        put_number(file, 0, (int)((512 - part[i].size % 512) % 512));
    }
    put_number(file, 0, 1024);
}

static const struct {
    const char *name;
    struct part part[4];
    const char *sentence;
} tar_cases[] = {
    {"big endian", PARTS("\x80\x02}U\x0dlittle_endian\x89s.", STORED VIEWS, TENSOR, NAMED), "on a big-endian machine"},
    {"no byte order", PARTS("\x80\x02}.", STORED VIEWS, TENSOR, NAMED), "does not say in which byte order"},
    {"no number of storages", PARTS(SYSTEM, "\x80\x02N.", TENSOR, NAMED), "begins with None instead of a count"},
    {"-1 storages", PARTS(SYSTEM, "\x80\x02J\xff\xff\xff\xff.", TENSOR, NAMED),
     "begins with a number instead of a count"},
    {"2^62 storages", PARTS(SYSTEM, "\x80\x02\x8a\x08\0\0\0\0\0\0\0\x40.", TENSOR, NAMED), "its pickle"},
    {"storage of no type", PARTS(SYSTEM, "\x80\x02K\x01.\x80\x02K\x01K\x01K\x01\x87.", TENSOR, NAMED),
     "is not described by (number, location, type)"},
    {"storage behind the file",
     PARTS(SYSTEM,
           "\x80\x02K\x01.\x80\x02(K\x01U\x03"
           "cpuctorch\nFloatStorage\nt.\xff\0\0\0\0\0\0\0" ONE,
           TENSOR, NAMED),
     "should have 255 elements of f32, but only 4 bytes follow"},
    {"storage of -1",
     PARTS(SYSTEM,
           "\x80\x02K\x01.\x80\x02(K\x01U\x03"
           "cpuctorch\nFloatStorage\nt.\xff\xff\xff\xff\xff\xff\xff\xff",
           TENSOR, NAMED),
     "should have -1 elements of f32"},
    {"storage without a size",
     PARTS(SYSTEM,
           "\x80\x02K\x01.\x80\x02(K\x01U\x03"
           "cpuctorch\nFloatStorage\nt.",
           TENSOR, NAMED),
     "where 1 numbers should follow"},
    {"storage twice",
     PARTS(SYSTEM,
           "\x80\x02K\x02.\x80\x02(K\x01U\x03"
           "cpuctorch\nByteStorage\nt.\0\0\0\0\0\0\0\0"
           "\x80\x02(K\x01U\x03"
           "cpuctorch\nByteStorage\nt.\0\0\0\0\0\0\0\0",
           TENSOR, NAMED),
     "object 1 of its tar archive is listed twice"},
    {"view of nothing", PARTS(SYSTEM, STORED "\x80\x02]((K\x02K\x07K\x01K\x03te.", TENSOR, NAMED),
     "a view is of storage 7, which the file does not hold"},
    {"view behind its storage", PARTS(SYSTEM, STORED "\x80\x02]((K\x02K\x01K\x03K\x02te.", TENSOR, NAMED),
     "a view has elements 3 to 3 + 2 of a storage of 4: out of range"},
    {"view called as its storage", PARTS(SYSTEM, STORED "\x80\x02]((K\x01K\x01K\x01K\x03te.", TENSOR, NAMED),
     "object 1 of its tar archive is listed twice"},
    {"view of three numbers", PARTS(SYSTEM, STORED "\x80\x02]((K\x02K\x01K\x01te.", TENSOR, NAMED), "by four numbers"},
    {"views are a number", PARTS(SYSTEM, STORED "\x80\x02K\x01.", TENSOR, NAMED), "instead of the list of views"},
    {"tensor of no storage", PARTS(SYSTEM, STORED VIEWS, "\x80\x02K\x01.\x80\x02(K\x09K\x05Nt.", NAMED),
     "lies in storage 5, which the file does not"},
    {"tensor of two numbers", PARTS(SYSTEM, STORED VIEWS, "\x80\x02K\x01.\x80\x02K\x09K\x02\x86.", NAMED),
     "is not described by (number, storage, type)"},
    {"rank 9", PARTS(SYSTEM, STORED VIEWS, HEADED "\x09\0\0\0\0\0\0\0", NAMED), "has 9 dimensions, at most 8 are read"},
    {"rank -1", PARTS(SYSTEM, STORED VIEWS, HEADED "\xff\xff\xff\xff\0\0\0\0", NAMED), "has -1 dimensions"},
    {"tensor cut", PARTS(SYSTEM, STORED VIEWS, HEADED "\1\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0", NAMED),
     "where 1 numbers should follow"},
    {"tensor larger than its view",
     PARTS(SYSTEM, STORED VIEWS, HEADED "\1\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", NAMED),
     "wants a tensor of 4 from element 0 of a storage of 3: out of range"},
    {"negative stride",
     PARTS(SYSTEM, STORED VIEWS,
           HEADED "\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\1\0\0\0\0\0\0\0", NAMED),
     "has a negative shape or stride"},
    {"negative offset", PARTS(SYSTEM, STORED VIEWS, HEADED "\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", NAMED),
     "the offset -1, which is negative"},
    {"object names nothing", PARTS(SYSTEM, STORED VIEWS, TENSOR, "\x80\x02}U\x01wK\x08Qs."),
     "names object 8, which the file"},
    {"object holds a storage", PARTS(SYSTEM, STORED VIEWS, TENSOR, "\x80\x02}U\x01wK\x01Qs."),
     "holds a dict without tensors"},
    {"hostile object",
     PARTS(SYSTEM, STORED VIEWS, TENSOR,
           "\x80\x02"
           "cposix\nsystem\nU\x02"
           "id\x85R."),
     "asks for posix.system"},
    {"object longer than its part", PARTS(SYSTEM, STORED VIEWS, TENSOR, "\x80\x02}U\xf0w"), "its pickle"},
    {"a part twice",
     {{"sys_info", BYTES(SYSTEM)}, {"sys_info", BYTES(SYSTEM)}, {"x", "", 0}, {"y", "", 0}},
     "holds sys_info twice"},
    {"other files",
     {{"cat.jpg", BYTES("x")}, {"sys_info", BYTES(SYSTEM)}, {"x", "", 0}, {"y", "", 0}},
     "is a tar archive without the file \"storages\" that torch.save would have put into it"},
};

static const struct part valid_tar[] = PARTS(SYSTEM, STORED VIEWS, TENSOR, NAMED);

static void test_tar(void **state)
{
    (void)state;
    struct error error = {0};
    struct file *file = mem_alloc(sizeof *file);
    make_tar(file, valid_tar, THAW_LENGTH(valid_tar));
    if (!open_and_read(file->bytes, file->size, &error))
        fail_msg("%s", error.text); /* what the cases change one thing of */
    for (size_t i = 0; i < THAW_LENGTH(tar_cases); i++) {
        make_tar(file, tar_cases[i].part, THAW_LENGTH(tar_cases[i].part));
        expect_refusal(tar_cases[i].name, file, tar_cases[i].sentence);
    }
    make_tar(file, valid_tar, THAW_LENGTH(valid_tar));
    file->bytes[124] = '7';
    expect_refusal("a size that the checksum does not know", file, "has a damaged header at byte 0");
    make_tar(file, valid_tar, THAW_LENGTH(valid_tar));
    file->size = 512 + 8;
    expect_refusal("cut", file, "but only 8 follow: is it truncated?");
    mem_free(file);
}

static void test_every_prefix_and_byte_of_tar(void **state)
{
    (void)state;
    struct file *file = mem_alloc(sizeof *file);
    make_tar(file, valid_tar, THAW_LENGTH(valid_tar));
    try_all(file);
    mem_free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zip_entries),
        cmocka_unit_test(test_zip_directory),
        cmocka_unit_test(test_zip64),
        cmocka_unit_test(test_zip_bomb),
        cmocka_unit_test(test_every_prefix_and_byte_of_zip),
        cmocka_unit_test(test_tar),
        cmocka_unit_test(test_every_prefix_and_byte_of_tar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
