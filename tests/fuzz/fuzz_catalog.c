/* A catalog's file, and a filter as a user types it. The bytes up to the first NUL are the file, those behind it the
 * filter over its rows; without a NUL they are both. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "src/shelf/catalog_private.h"
#include "thaw/base/mem.h"
#include "thaw/session/query.h"

const char fuzz_target[] = "catalog";

static void require(bool holds)
{
    if (!holds)
        abort();
}

static double number_of(const void *row)
{
    return ((const struct catalog_row *)row)->top1;
}

static const char *text_of(const void *row)
{
    return ((const struct catalog_row *)row)->arch;
}

static bool flag_of(const void *row)
{
    return ((const struct catalog_row *)row)->is_default;
}

static const struct query_column columns[] = {
    {.name = "top1", .kind = QUERY_NUMBER, .unit = 1, .number = number_of},
    {.name = "arch", .kind = QUERY_TEXT, .text = text_of},
    {.name = "default", .kind = QUERY_FLAG, .flag = flag_of},
    {.name = NULL},
};

static void filter(const char *text, const struct catalog *catalog)
{
    struct error error = {0};
    struct query *query = query_create(text, columns, &error);
    if (!query) {
        require(error.kind == ERROR_USAGE && error.text[0]);
        return;
    }
    for (size_t i = 0; i < catalog->rows; i++)
        require(query_match(query, &catalog->row[i]) || text[0]);
    query_destroy(query);
}

/* Every field of a row that was taken ends within its room and is within its bounds. */
static void check_row(const struct catalog *catalog, const struct catalog_row *row)
{
    require(row->name[0] && row->file[0] && !strchr(row->file, '/'));
    require(strlen(row->name) < sizeof row->name && strlen(row->arch) < sizeof row->arch &&
            strlen(row->notes) < sizeof row->notes && strlen(row->reference) < sizeof row->reference);
    require(isnan(row->top1) || (row->top1 >= 0 && row->top1 <= 100));
    require(row->classes >= -1 && row->input >= -1 && row->resize >= -1);
    require(catalog_find(catalog, row->name) == row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int file = -1;
    static char path[64];
    if (file < 0) {
        file = memfd_create("catalog", MFD_CLOEXEC);
        require(file >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    size_t length = nul ? (size_t)(nul - data) : size;
    require(ftruncate(file, 0) == 0 && pwrite(file, data, length, 0) == (ssize_t)length);
    struct catalog *catalog = mem_alloc(sizeof *catalog);
    struct error error = {0};
    if (catalog_read(catalog, path, &error)) {
        for (size_t i = 0; i < catalog->rows; i++)
            check_row(catalog, &catalog->row[i]);
    } else {
        require(error.kind == ERROR_USAGE && error.text[0]);
    }
    char *text = mem_alloc(size + 1);
    if (size)
        memcpy(text, nul ? nul + 1 : data, nul ? size - length - 1 : size);
    filter(text, catalog);
    mem_free(text);
    catalog_close(catalog);
    return 0;
}
