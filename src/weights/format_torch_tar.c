/* Reads the tar archives that torch.save wrote before PyTorch 0.1.10 (March 2017). Called through the table of formats
 * in weights.c.
 *
 * The bytes (POSIX.1 ustar): headers of 512 bytes (name at 0, size in octal at 124, checksum at 148, kind at 156,
 * "ustar" at 257), each followed by its file, padded to 512. The files:
 * 1. sys_info: a pickle of a dict: protocol_version, little_endian, type_sizes.
 * 2. storages: a pickle of their number; for each a pickle of (number, location, type), then int64 how many elements,
 *    then these; at last a pickle of a list of views: (number, number of the whole, offset, elements).
 * 3. tensors: a pickle of their number; for each a pickle of (number, number of the storage, type), then int32 rank,
 *    4 bytes of nothing, int64 shape[rank], int64 stride[rank], int64 offset; all little endian.
 * 4. pickle: a pickle of the object, which names tensors and storages by their numbers as persistent ids.
 *
 * Refused: big-endian files, numbers given twice, views and tensors that reach out of their storage, and what unpickle.h
 * and torch_state.h refuse. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "torch_state.h"
#include "unpickle_machine.h"

enum { BLOCK = 512, NAME_SIZE = 100, SIZE_AT = 124, SIZE_DIGITS = 12, SUM_AT = 148, SUM_DIGITS = 8, MAGIC_AT = 257 };

/* Files of the archive. */
enum part { PART_SYSTEM, PART_STORAGES, PART_TENSORS, PART_OBJECT, PARTS };
static const char *const part_names[] = {"sys_info", "storages", "tensors", "pickle"};
_Static_assert(THAW_LENGTH(part_names) == PARTS, "each part has its name");

/* What numbers stand for. Entries are sorted by number up to `sorted`; what is added later is not found until then. */
struct table {
    struct entry {
        int64_t number;
        struct pickle_value *value;
    } * entry;
    size_t count, room, sorted;
};

struct archive {
    const struct file_map *map;
    struct unpickle *unpickle;
    struct span {
        size_t at, end; /* end 0: the part is not there */
    } part[PARTS];
    struct table storages, tensors;
};

static bool probe(const struct file_map *map)
{
    return map->size >= BLOCK && memcmp(map->data + MAGIC_AT, "ustar", 5) == 0;
}

/* The archive. */

static bool read_octal(const uint8_t *digit, int digits, uint64_t *value)
{
    int at = 0;
    *value = 0;
    while (at < digits && digit[at] == ' ')
        at++;
    for (; at < digits && digit[at] >= '0' && digit[at] <= '7'; at++)
        *value = *value << 3 | (uint64_t)(digit[at] - '0');
    return at > 0 && (at == digits || digit[at] == ' ' || digit[at] == '\0');
}

static bool check_sum(const uint8_t *header)
{
    uint64_t stated, sum = 0;
    for (int i = 0; i < BLOCK; i++)
        sum += i >= SUM_AT && i < SUM_AT + SUM_DIGITS ? ' ' : header[i];
    return read_octal(header + SUM_AT, SUM_DIGITS, &stated) && sum == stated;
}

/* Notes where a part lies; other files are passed over. */
static bool note_part(struct archive *archive, const uint8_t *header, size_t at, size_t size, struct error *error)
{
    const char *name = (const char *)header;
    if (strncmp(name, "./", 2) == 0)
        name += 2;
    for (int p = 0; p < PARTS; p++) {
        if (strncmp(name, part_names[p], NAME_SIZE - 2) != 0)
            continue;
        if (archive->part[p].end)
            return error_set(error, ERROR_WEIGHTS, "its tar archive holds %s twice", part_names[p]);
        archive->part[p] = (struct span){at, at + size};
    }
    return true;
}

static bool find_parts(struct archive *archive, struct error *error)
{
    const struct file_map *map = archive->map;
    static const uint8_t zeros[BLOCK];
    size_t at = 0;
    while (map->size - at >= BLOCK && memcmp(map->data + at, zeros, BLOCK) != 0) {
        const uint8_t *header = map->data + at;
        uint64_t size;
        if (memcmp(header + MAGIC_AT, "ustar", 5) != 0 || !check_sum(header) ||
            !read_octal(header + SIZE_AT, SIZE_DIGITS, &size))
            return error_set(error, ERROR_WEIGHTS, "its tar archive has a damaged header at byte %zu", at);
        at += BLOCK;
        if (size > map->size - at)
            return error_set(
                error, ERROR_WEIGHTS,
                "its tar archive has a file of %llu bytes at byte %zu, but only %zu follow: is it truncated?",
                (unsigned long long)size, at, map->size - at);
        if (!note_part(archive, header, at, (size_t)size, error))
            return false;
        size_t padded = ((size_t)size + BLOCK - 1) / BLOCK * BLOCK;
        at = padded < map->size - at ? at + padded : map->size;
    }
    for (int p = 0; p < PARTS; p++)
        if (!archive->part[p].end)
            return error_set(error, ERROR_WEIGHTS,
                             "is a tar archive without the file \"%s\" that torch.save would have put into it; "
                             "unpack it with tar -xf, and name the weights inside",
                             part_names[p]);
    return true;
}

/* Values. */

static const struct pickle_value *run(struct archive *archive, struct span *span, struct error *error)
{
    size_t at = span->at;
    const struct pickle_value *value = unpickle_run(archive->unpickle, &at, error);
    if (value && at > span->end) {
        error_set(error, ERROR_WEIGHTS, "its pickle at byte %zu reaches behind its part of the tar archive", span->at);
        return NULL;
    }
    span->at = at;
    return value;
}

/* Little-endian integers of `bytes` bytes each. */
static bool take(struct span *span, const struct file_map *map, int bytes, int count, int64_t *value,
                 struct error *error)
{
    if ((uint64_t)bytes * (uint64_t)count > span->end - span->at)
        return error_set(error, ERROR_WEIGHTS,
                         "its tar archive's part ends at byte %zu, where %d numbers should follow", span->at, count);
    for (int i = 0; i < count; i++) {
        uint64_t number = 0;
        for (int b = bytes - 1; b >= 0; b--)
            number = number << 8 | map->data[span->at + (size_t)b];
        value[i] = bytes == 4 ? (int32_t)(uint32_t)number : (int64_t)number;
        span->at += (size_t)bytes;
    }
    return true;
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

static bool table_sort(struct table *table, struct error *error)
{
    if (table->count)
        qsort(table->entry, table->count, sizeof *table->entry, compare_entries);
    for (size_t i = 1; i < table->count; i++)
        if (table->entry[i].number == table->entry[i - 1].number)
            return error_set(error, ERROR_WEIGHTS, "object %lld of its tar archive is listed twice",
                             (long long)table->entry[i].number);
    table->sorted = table->count;
    return true;
}

/* value NULL: the machine's error is set. */
static bool table_add(struct archive *archive, struct table *table, int64_t number, struct pickle_value *value)
{
    if (!value)
        return false;
    if (table->count == table->room) {
        size_t room = table->room ? 2 * table->room : 16;
        struct entry *grown = unpickle_allocate(archive->unpickle, room * sizeof *grown);
        if (!grown)
            return false;
        if (table->count)
            memcpy(grown, table->entry, table->count * sizeof *grown);
        table->entry = grown;
        table->room = room;
    }
    table->entry[table->count++] = (struct entry){number, value};
    return true;
}

static struct pickle_value *table_find(const struct table *table, int64_t number)
{
    struct entry key = {.number = number};
    const struct entry *found =
        table->sorted ? bsearch(&key, table->entry, table->sorted, sizeof key, compare_entries) : NULL;
    return found ? found->value : NULL;
}

/* For the machine: what persistent ids of the object stand for. */
static struct pickle_value *find_object(void *context, int64_t number)
{
    const struct archive *archive = context;
    struct pickle_value *tensor = table_find(&archive->tensors, number);
    return tensor ? tensor : table_find(&archive->storages, number);
}

/* Storages. */

static bool is_numbers(const struct pickle_value *value, size_t count)
{
    if ((value->kind != PICKLE_TUPLE && value->kind != PICKLE_LIST) || value->list.count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (value->list.item[i]->kind != PICKLE_INT)
            return false;
    return true;
}

static bool read_storage(struct archive *archive, struct span *span, struct error *error)
{
    size_t began = span->at;
    const struct pickle_value *head = run(archive, span, error);
    enum tensor_type type;
    int64_t count = 0;
    if (!head)
        return false;
    if (head->kind != PICKLE_TUPLE || head->list.count != 3 || head->list.item[0]->kind != PICKLE_INT ||
        !unpickle_is_storage_type(head->list.item[2], &type))
        return error_set(error, ERROR_WEIGHTS, "its storage at byte %zu is not described by (number, location, type)",
                         began);
    int64_t number = head->list.item[0]->integer;
    if (!take(span, archive->map, 8, 1, &count, error))
        return false;
    size_t left = span->end - span->at, size = tensor_type_size(type);
    if (count < 0 || (uint64_t)count > left / size)
        return error_set(error, ERROR_WEIGHTS,
                         "its storage %lld at byte %zu should have %lld elements of %s, but only %zu bytes follow",
                         (long long)number, began, (long long)count, tensor_type_name(type), left);
    struct pickle_value *value = unpickle_make_storage(archive->unpickle, type, count);
    if (value)
        value->storage->data = archive->map->data + span->at;
    span->at += (size_t)count * size;
    return table_add(archive, &archive->storages, number, value);
}

/* A part of another storage, as a storage of its own. */
static bool add_view(struct archive *archive, const struct pickle_value *view, struct error *error)
{
    if (!is_numbers(view, 4))
        return error_set(error, ERROR_WEIGHTS, "a view of a storage is not given by four numbers");
    int64_t offset = view->list.item[2]->integer, count = view->list.item[3]->integer;
    const struct pickle_value *whole = table_find(&archive->storages, view->list.item[1]->integer);
    if (!whole)
        return error_set(error, ERROR_WEIGHTS, "a view is of storage %lld, which the file does not hold",
                         (long long)view->list.item[1]->integer);
    if (offset < 0 || count < 0 || offset > whole->storage->count || count > whole->storage->count - offset)
        return error_set(error, ERROR_WEIGHTS,
                         "a view has elements %lld to %lld + %lld of a storage of %lld: out of range",
                         (long long)offset, (long long)offset, (long long)count, (long long)whole->storage->count);
    struct pickle_value *value = unpickle_make_storage(archive->unpickle, whole->storage->type, count);
    if (value)
        value->storage->data = whole->storage->data + (size_t)offset * tensor_type_size(whole->storage->type);
    return table_add(archive, &archive->storages, view->list.item[0]->integer, value);
}

/* The number of what follows. */
static bool read_count(struct archive *archive, struct span *span, int64_t *count, struct error *error)
{
    const struct pickle_value *value = run(archive, span, error);
    if (!value)
        return false;
    *count = value->kind == PICKLE_INT ? value->integer : -1;
    return *count >= 0 || error_set(error, ERROR_WEIGHTS, "a part of its tar archive begins with %s instead of a count",
                                    pickle_kind_name(value->kind));
}

static bool read_storages(struct archive *archive, struct error *error)
{
    struct span *span = &archive->part[PART_STORAGES];
    int64_t count = 0;
    if (!read_count(archive, span, &count, error))
        return false;
    for (int64_t i = 0; i < count; i++)
        if (!read_storage(archive, span, error))
            return false;
    const struct pickle_value *views = table_sort(&archive->storages, error) ? run(archive, span, error) : NULL;
    if (!views)
        return false;
    if (views->kind != PICKLE_LIST)
        return error_set(error, ERROR_WEIGHTS, "its storages end with %s instead of the list of views",
                         pickle_kind_name(views->kind));
    for (size_t i = 0; i < views->list.count; i++)
        if (!add_view(archive, views->list.item[i], error))
            return false;
    return table_sort(&archive->storages, error);
}

/* Tensors. */

static bool read_tensor(struct archive *archive, struct span *span, struct error *error)
{
    enum { NUMBER, STORAGE };
    size_t began = span->at;
    const struct pickle_value *head = run(archive, span, error);
    if (!head)
        return false;
    if (head->kind != PICKLE_TUPLE || head->list.count != 3 || head->list.item[NUMBER]->kind != PICKLE_INT ||
        head->list.item[STORAGE]->kind != PICKLE_INT)
        return error_set(error, ERROR_WEIGHTS, "its tensor at byte %zu is not described by (number, storage, type)",
                         began);
    int64_t number = head->list.item[NUMBER]->integer, rank = 0, nothing, stride[SHAPE_RANK_MAX], offset = 0;
    const struct pickle_value *storage = table_find(&archive->storages, head->list.item[STORAGE]->integer);
    if (!storage)
        return error_set(error, ERROR_WEIGHTS,
                         "its tensor at byte %zu lies in storage %lld, which the file does not hold", began,
                         (long long)head->list.item[STORAGE]->integer);
    struct shape shape = {0};
    if (!take(span, archive->map, 4, 1, &rank, error) || !take(span, archive->map, 4, 1, &nothing, error))
        return false;
    if (rank < 0 || rank > SHAPE_RANK_MAX)
        return error_set(error, ERROR_WEIGHTS, "its tensor at byte %zu has %lld dimensions, at most %d are read", began,
                         (long long)rank, SHAPE_RANK_MAX);
    shape.rank = (int)rank;
    if (!take(span, archive->map, 8, shape.rank, shape.dim, error) ||
        !take(span, archive->map, 8, shape.rank, stride, error) || !take(span, archive->map, 8, 1, &offset, error))
        return false;
    for (int d = 0; d < shape.rank; d++)
        if (shape.dim[d] < 0 || stride[d] < 0)
            return error_set(error, ERROR_WEIGHTS, "its tensor at byte %zu has a negative shape or stride", began);
    archive->unpickle->op_at = began; /* for the sentence of what follows */
    return table_add(archive, &archive->tensors, number,
                     unpickle_make_tensor(archive->unpickle, storage->storage, offset, &shape, stride));
}

static bool read_tensors(struct archive *archive, struct error *error)
{
    struct span *span = &archive->part[PART_TENSORS];
    int64_t count = 0;
    if (!read_count(archive, span, &count, error))
        return false;
    for (int64_t i = 0; i < count; i++)
        if (!read_tensor(archive, span, error))
            return false;
    return table_sort(&archive->tensors, error);
}

static bool open_torch_tar(struct weights *weights, struct error *error)
{
    struct archive archive = {.map = weights_map(weights)};
    if (!find_parts(&archive, error))
        return false;
    archive.unpickle = unpickle_create(archive.map->data, archive.map->size, unpickle_memory_for(archive.map->size));
    const struct pickle_value *value = run(&archive, &archive.part[PART_SYSTEM], error);
    bool ok =
        value && torch_check_system(value, error) && read_storages(&archive, error) && read_tensors(&archive, error);
    archive.unpickle->find = find_object;
    archive.unpickle->find_context = &archive;
    value = ok ? run(&archive, &archive.part[PART_OBJECT], error) : NULL;
    size_t left = unpickle_memory_for(archive.map->size) - unpickle_memory(archive.unpickle);
    ok = value && torch_state_add(weights, value, left, error);
    unpickle_destroy(archive.unpickle);
    return ok;
}

const struct weights_format format_torch_tar = {
    .name = "torch (tar)",
    .layout = WEIGHTS_TORCH,
    .probe = probe,
    .open = open_torch_tar,
};
