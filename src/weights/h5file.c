/* The parent's part of reading HDF5: sends a child over the file and checks what it says. Called by format_keras_h5.c.
 *
 * Limits: half a second of computing for the list (and as much again, and 1 s for each 20 MB, where values have to be
 * decoded); the thousand datasets of a large network take a tenth of that;
 * 64 MiB and four times the file of memory for the child; lists and decoded blocks of at most four times the file. */
#include "config.h"

#include "h5file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "thaw/base/mem.h"

#define LIST_SECONDS        0.5
#define DECODE_BYTES_SECOND 20e6
enum { CHILD_MEMORY = 64 << 20, TIMES_FILE = 4, LIST_LEAST = 1 << 16, DATASETS_MAX = 1 << 14 };

void h5_list_finish(struct h5_list *list)
{
    mem_free(list->records);
    mem_free(list->dataset);
    mem_free(list->attribute);
    *list = (struct h5_list){0};
}

/* --- records --- */

struct reading {
    const uint8_t *at, *end;
    bool good; /* false once something did not fit */
};

static void take(struct reading *reading, void *to, size_t size)
{
    if ((size_t)(reading->end - reading->at) < size)
        reading->good = false;
    if (!reading->good) {
        memset(to, 0, size);
        return;
    }
    memcpy(to, reading->at, size);
    reading->at += size;
}

static uint8_t take_byte(struct reading *reading)
{
    uint8_t byte;
    take(reading, &byte, 1);
    return byte;
}

static const char *take_text(struct reading *reading)
{
    uint32_t length;
    take(reading, &length, sizeof length);
    if (!reading->good || length == 0 || (size_t)(reading->end - reading->at) < length ||
        memchr(reading->at, 0, length) != reading->at + length - 1) {
        reading->good = false;
        return "";
    }
    reading->at += length;
    return (const char *)(reading->at - length);
}

static bool damaged(struct error *error, const char *what)
{
    return error_set(error, ERROR_WEIGHTS, "damaged HDF5: %s", what);
}

/* Whether the numbers of a dataset are possible in a file of that size. Those that are not ours to read are let be. */
static bool check_dataset(const struct h5_dataset *dataset, int rank, size_t size, struct error *error)
{
    if (dataset->where == H5_NO_NUMBER || dataset->where == H5_ELSEWHERE)
        return true;
    if (rank > SHAPE_RANK_MAX)
        return error_set(error, ERROR_WEIGHTS, "dataset \"%.80s\" has %d dimensions, at most %d are read",
                         dataset->path, rank, SHAPE_RANK_MAX);
    int64_t count = shape_count(&dataset->shape);
    uint64_t most = dataset->where == H5_IN_PLACE ? size : TIMES_FILE * (uint64_t)size;
    if (count < 0 || (uint64_t)count > most / tensor_type_size(dataset->type))
        return error_set(error, ERROR_WEIGHTS, "dataset \"%.80s\" claims more values than a file of %zu bytes can hold",
                         dataset->path, size);
    uint64_t bytes = (uint64_t)count * tensor_type_size(dataset->type);
    if (dataset->where == H5_IN_PLACE && (bytes > size || dataset->offset > size - bytes))
        return error_set(error, ERROR_WEIGHTS, "the values of dataset \"%.80s\" lie at bytes %llu to %llu of %zu",
                         dataset->path, (unsigned long long)dataset->offset,
                         (unsigned long long)(dataset->offset + bytes), size);
    return true;
}

static bool parse_dataset(struct h5_list *list, struct reading *reading, size_t size, struct error *error)
{
    struct h5_dataset *dataset = &list->dataset[list->datasets];
    dataset->path = take_text(reading);
    uint8_t type = take_byte(reading), where = take_byte(reading), rank = take_byte(reading);
    bool numbers = where == H5_IN_PLACE || where == H5_DECODED;
    if (where >= H5_WHERES || type > TENSOR_TYPES || (numbers && type == TENSOR_TYPES) || !dataset->path[0])
        reading->good = false;
    for (int d = 0; d < rank; d++) {
        int64_t dim;
        take(reading, &dim, sizeof dim);
        if (d < SHAPE_RANK_MAX)
            dataset->shape.dim[d] = dim;
    }
    take(reading, &dataset->offset, sizeof dataset->offset);
    if (!reading->good)
        return damaged(error, "what the library says of it cannot be read");
    dataset->type = (enum tensor_type)type;
    dataset->where = (enum h5_where)where;
    dataset->shape.rank = rank < SHAPE_RANK_MAX ? rank : SHAPE_RANK_MAX;
    list->datasets++;
    return check_dataset(dataset, rank, size, error);
}

static void parse_attribute(struct h5_list *list, struct reading *reading)
{
    struct h5_attribute *attribute = &list->attribute[list->attributes++];
    uint32_t count;
    attribute->object = take_text(reading);
    attribute->name = take_text(reading);
    take(reading, &count, sizeof count);
    attribute->count = count;
    /* the texts move together, over their lengths: they then follow each other as the list promises */
    uint8_t *to = (uint8_t *)(uintptr_t)reading->at;
    attribute->value = (const char *)to;
    for (uint32_t i = 0; i < count && reading->good; i++) {
        const char *text = take_text(reading);
        size_t length = strlen(text) + 1;
        if (reading->good)
            memmove(to, text, length);
        to += length;
    }
}

/* Room for one more of either; the tables grow by doubling. */
static void make_room(struct h5_list *list, size_t *dataset_room, size_t *attribute_room)
{
    if (list->datasets == *dataset_room) {
        *dataset_room = *dataset_room ? 2 * *dataset_room : 64;
        list->dataset = mem_grow(list->dataset, *dataset_room, sizeof *list->dataset);
    }
    if (list->attributes == *attribute_room) {
        *attribute_room = *attribute_room ? 2 * *attribute_room : 64;
        list->attribute = mem_grow(list->attribute, *attribute_room, sizeof *list->attribute);
    }
    list->dataset[list->datasets] = (struct h5_dataset){0};
    list->attribute[list->attributes] = (struct h5_attribute){0};
}

static bool parse_records(struct h5_list *list, struct reading *reading, size_t size, struct error *error)
{
    size_t dataset_room = 0, attribute_room = 0;
    while (reading->at < reading->end) {
        if (list->datasets == DATASETS_MAX)
            return error_set(error, ERROR_WEIGHTS, "holds more than %d datasets", DATASETS_MAX);
        make_room(list, &dataset_room, &attribute_room);
        const char *fault;
        switch (take_byte(reading)) {
        case 'D':
            if (!parse_dataset(list, reading, size, error))
                return false;
            break;
        case 'A':
            parse_attribute(list, reading);
            break;
        case 'E':
            fault = take_text(reading);
            return damaged(error, reading->good ? fault : "what the library says of it cannot be read");
        default:
            reading->good = false;
        }
        if (!reading->good)
            return damaged(error, "what the library says of it cannot be read");
    }
    return true;
}

static int compare_datasets(const void *a, const void *b)
{
    const struct h5_dataset *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static int compare_attributes(const void *a, const void *b)
{
    const struct h5_attribute *x = a, *y = b;
    int order = strcmp(x->object, y->object);
    return order ? order : strcmp(x->name, y->name);
}

bool h5_list_parse(struct h5_list *list, uint8_t *records, size_t length, size_t size, struct error *error)
{
    struct reading reading = {.at = records, .end = length > 0 ? records + length : records, .good = true};
    *list = (struct h5_list){.records = records};
    if (!parse_records(list, &reading, size, error)) {
        h5_list_finish(list);
        return false;
    }
    if (list->datasets > 1)
        qsort(list->dataset, list->datasets, sizeof *list->dataset, compare_datasets);
    if (list->attributes > 1)
        qsort(list->attribute, list->attributes, sizeof *list->attribute, compare_attributes);
    return true;
}

const struct h5_dataset *h5_find_dataset(const struct h5_list *list, const char *path)
{
    struct h5_dataset key = {.path = path};
    if (list->datasets == 0)
        return NULL;
    return bsearch(&key, list->dataset, list->datasets, sizeof key, compare_datasets);
}

const struct h5_attribute *h5_find_attribute(const struct h5_list *list, const char *object, const char *name)
{
    struct h5_attribute key = {.object = object, .name = name};
    if (list->attributes == 0)
        return NULL;
    return bsearch(&key, list->attribute, list->attributes, sizeof key, compare_attributes);
}

void h5_block_release(void *kept)
{
    struct h5_block *block = kept;
    if (block && block->size)
        munmap(block->data, block->size);
    mem_free(block);
}

#ifdef HAVE_HDF5

/* --- the child's errand --- */

/* Runs one of the walks over the file; false with a sentence unless it came to its end. */
static bool run(bool (*walk)(void *source, struct isolate_out *out), struct h5_source *source, double seconds,
                uint8_t **records, size_t *length, struct error *error)
{
    struct isolate_limits limits = {
        .seconds = seconds,
        .memory = CHILD_MEMORY + TIMES_FILE * source->size,
        .result = LIST_LEAST + TIMES_FILE * source->size,
    };
    switch (isolate_run(walk, source, &limits, records, length)) {
    case ISOLATE_DONE:
        return true;
    case ISOLATE_SLOW:
        return damaged(error, "the library was still at it when its time was over");
    case ISOLATE_LARGE:
        return damaged(error, "the list of its contents is larger than the file explains");
    case ISOLATE_UNMADE:
        return error_set_errno(error, ERROR_FAILED, errno, "no process could be started to read HDF5 in");
    default:
        return damaged(error, "the library failed on it");
    }
}

bool h5_list_read(struct h5_list *list, const uint8_t *file, size_t size, struct error *error)
{
    struct h5_source source = {.file = file, .size = size};
    uint8_t *records;
    size_t length;
    *list = (struct h5_list){0};
    return run(h5_walk, &source, LIST_SECONDS, &records, &length, error) &&
           h5_list_parse(list, records, length, size, error);
}

static struct h5_block *make_block(size_t size)
{
    struct h5_block *block = mem_alloc(sizeof *block);
    block->data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (block->data != MAP_FAILED) {
        block->size = size;
        return block;
    }
    mem_free(block);
    return NULL;
}

/* Gives each its place in the block; false where together they are over the limit. */
static bool place_datasets(struct h5_list *list, const bool *wanted, size_t file, size_t *total)
{
    *total = 0;
    for (size_t i = 0; i < list->datasets; i++) {
        struct h5_dataset *dataset = &list->dataset[i];
        if (!wanted[i] || dataset->where != H5_DECODED)
            continue;
        size_t bytes = (size_t)shape_count(&dataset->shape) * tensor_type_size(dataset->type);
        if (bytes > TIMES_FILE * file || *total > TIMES_FILE * file - bytes)
            return false;
        dataset->offset = *total;
        *total += (bytes + 7) / 8 * 8;
    }
    return true;
}

bool h5_decode(struct h5_list *list, const bool *wanted, const uint8_t *file, size_t size, struct h5_block **block,
               struct error *error)
{
    size_t total, length;
    uint8_t *records;
    *block = NULL;
    if (!place_datasets(list, wanted, size, &total))
        return error_set(error, ERROR_WEIGHTS, "its compressed datasets would take more than %d times the file's bytes",
                         TIMES_FILE);
    if (total == 0)
        return true;
    *block = make_block(total);
    if (!*block)
        return error_set(error, ERROR_FAILED, "no memory to decode %zu bytes of values", total);
    struct h5_source source = {.file = file, .size = size, .list = list, .wanted = wanted, .block = (*block)->data};
    struct h5_list faults;
    double seconds = LIST_SECONDS + (double)total / DECODE_BYTES_SECOND;
    bool good = run(h5_walk_decode, &source, seconds, &records, &length, error) &&
                h5_list_parse(&faults, records, length, size, error);
    if (good) {
        h5_list_finish(&faults);
        return true;
    }
    h5_block_release(*block);
    *block = NULL;
    return false;
}

#else

static bool refuse(struct error *error)
{
    return error_set(error, ERROR_WEIGHTS,
                     "is an HDF5 file, and this build has no HDF5: install libhdf5-dev and "
                     "build again");
}

bool h5_list_read(struct h5_list *list, const uint8_t *file, size_t size, struct error *error)
{
    (void)file, (void)size;
    *list = (struct h5_list){0};
    return refuse(error);
}

bool h5_decode(struct h5_list *list, const bool *wanted, const uint8_t *file, size_t size, struct h5_block **block,
               struct error *error)
{
    (void)list, (void)wanted, (void)file, (void)size;
    *block = NULL;
    return refuse(error);
}

#endif
