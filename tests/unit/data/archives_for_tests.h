/* Zip and tar archives made by hand, for the tests of what reads them. Included by one .c each. */
#ifndef THAW_TESTS_ARCHIVES_FOR_TESTS_H
#define THAW_TESTS_ARCHIVES_FOR_TESTS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <zlib.h>

#include "files_for_tests.h"

/* Zeroed is a good start. */
struct test_zip {
    uint8_t *bytes, *directory;
    size_t size, directory_size;
    unsigned entries;
};

static inline void zip_append(uint8_t **to, size_t *size, const void *bytes, size_t count)
{
    *to = mem_grow(*to, *size + count + 1, 1);
    if (count)
        memcpy(*to + *size, bytes, count);
    *size += count;
}

/* Little endian, a digit of `sizes` for the bytes of each. */
static inline void zip_numbers(uint8_t **to, size_t *size, const char *sizes, const uint64_t *numbers)
{
    for (; *sizes; sizes++, numbers++)
        for (int i = 0; i < *sizes - '0'; i++)
            zip_append(to, size, (uint8_t[]){(uint8_t)(*numbers >> 8 * i)}, 1);
}

static inline void zip_put(struct test_zip *zip, const char *name, const void *bytes, size_t size, bool packed)
{
    uint64_t crc = crc32(0, bytes, (uInt)size), at = zip->size, length = strlen(name), method = packed ? 8 : 0;
    uint8_t *deflated = NULL;
    size_t stored = size;
    if (packed) {
        z_stream stream = {.next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)size};
        deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
        deflated = mem_alloc(deflateBound(&stream, size) + 64);
        stream.next_out = deflated;
        stream.avail_out = (uInt)deflateBound(&stream, size) + 64;
        deflate(&stream, Z_FINISH);
        stored = stream.total_out;
        deflateEnd(&stream);
    }
    zip_append(&zip->bytes, &zip->size, "PK\3\4", 4);
    zip_numbers(&zip->bytes, &zip->size, "2222244422", (uint64_t[]){20, 0, method, 0, 0, crc, stored, size, length, 0});
    zip_append(&zip->bytes, &zip->size, name, length);
    zip_append(&zip->bytes, &zip->size, packed ? deflated : bytes, stored);
    zip_append(&zip->directory, &zip->directory_size, "PK\1\2", 4);
    zip_numbers(&zip->directory, &zip->directory_size, "2222224442222244",
                (uint64_t[]){20, 20, 0, method, 0, 0, crc, stored, size, length, 0, 0, 0, 0, 0, at});
    zip_append(&zip->directory, &zip->directory_size, name, length);
    zip->entries++;
    mem_free(deflated);
}

/* Writes it and frees what it holds. */
static inline void zip_write(struct test_zip *zip, const char *folder, const char *name)
{
    uint64_t start = zip->size, size = zip->directory_size;
    zip_append(&zip->bytes, &zip->size, zip->directory, zip->directory_size);
    zip_append(&zip->bytes, &zip->size, "PK\5\6", 4);
    zip_numbers(&zip->bytes, &zip->size, "2222442", (uint64_t[]){0, 0, zip->entries, zip->entries, size, start, 0});
    put_file(folder, name, zip->bytes, zip->size);
    mem_free(zip->bytes);
    mem_free(zip->directory);
    *zip = (struct test_zip){.size = 0};
}

/* A tar archive as it grows; zeroed is a good start. */
struct test_tar {
    uint8_t *bytes;
    size_t size;
};

/* A header of that kind ('0': a file), and bytes behind it. */
static inline void tar_put(struct test_tar *tar, const char *name, char kind, const void *bytes, size_t size)
{
    uint8_t block[512] = {0};
    unsigned sum = 0;
    size_t length = strlen(name);
    memcpy(block, name, length < 100 ? length : 100);
    memcpy(block + 100, "0000644", 8);
    snprintf((char *)block + 124, 12, "%011zo", size);
    memcpy(block + 136, "00000000000", 12);
    memset(block + 148, ' ', 8);
    block[156] = (uint8_t)kind;
    memcpy(block + 257, "ustar\0", 6);
    for (int i = 0; i < 512; i++)
        sum += block[i];
    snprintf((char *)block + 148, 8, "%06o", sum);
    zip_append(&tar->bytes, &tar->size, block, sizeof block);
    zip_append(&tar->bytes, &tar->size, bytes, size);
    memset(block, 0, sizeof block);
    zip_append(&tar->bytes, &tar->size, block, (512 - size % 512) % 512);
}

/* Two blocks of zeros; then the file, compressed where its name ends in gz. */
static inline void tar_write(struct test_tar *tar, const char *folder, const char *name)
{
    static const uint8_t zeros[1024];
    zip_append(&tar->bytes, &tar->size, zeros, sizeof zeros);
    put_file(folder, name, tar->bytes, tar->size);
    char *path = path_join(folder, name);
    if (strstr(name, "gz")) {
        gzFile file = gzopen(path, "wb6");
        gzwrite(file, tar->bytes, (unsigned)tar->size);
        gzclose(file);
    }
    mem_free(path);
    mem_free(tar->bytes);
    *tar = (struct test_tar){.size = 0};
}

#endif
