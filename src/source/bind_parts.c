/* Tensors that are not parameters as they lie in the file: queries, keys and values that are apart, two heads whose mean
 * counts, a projection that is turned. The rules of bind_vit.c mark them behind their names; here they follow each other,
 * have the shape of the whole, and are read as it. */
#include "config.h"

#include <string.h>

#include "bind_private.h"
#include "thaw/base/mem.h"

enum { PARTS_MAX = 3, MARK = 2 };

/* Whether a tensor and one before it are parts of one: alike but, where rows are put together, for their rows. */
static bool are_parts(const struct shape *a, const struct shape *b, char mark)
{
    bool same = a->rank == b->rank && a->rank > 0;
    for (int i = 0; i < a->rank && same; i++)
        same = a->dim[i] == b->dim[i] || (mark == BIND_MARK_ROWS && i == 0);
    return same;
}

/* The first gets the name of the whole, and the others follow it; where one is missing or of another kind all stay. */
static void join(struct bind_index *index, const struct weights *weights, size_t first)
{
    char *name = index->name[first];
    size_t length = strlen(name);
    char mark = name[length - MARK];
    long part[PARTS_MAX] = {(long)first};
    int parts = 1;
    for (; parts < PARTS_MAX; parts++) {
        name[length - 1] = (char)('0' + parts);
        part[parts] = bind_index_find(index, name);
        if (part[parts] < 0)
            break;
        if (!are_parts(&weights_get(weights, first)->shape, &weights_get(weights, (size_t)part[parts])->shape, mark))
            parts = PARTS_MAX;
    }
    name[length - 1] = '0';
    if (parts < 2 || parts > PARTS_MAX)
        return;
    name[length - MARK] = '\0';
    index->joint[first] = mark == BIND_MARK_ROWS ? BIND_ROWS : BIND_HALVES;
    for (int i = 0; i + 1 < parts; i++)
        index->follower[part[i]] = part[i + 1];
}

void bind_index_join(struct bind_index *index, const struct weights *weights)
{
    for (size_t i = 0; i < index->count; i++) {
        char *name = index->name[i];
        size_t length = strlen(name);
        const struct shape *shape = &weights_get(weights, i)->shape;
        if (length > 1 && name[length - 1] == BIND_MARK_TURNED && shape->rank == 2) {
            name[length - 1] = '\0';
            index->joint[i] = BIND_TURNED;
        } else if (length > MARK && name[length - 1] == '0' &&
                   (name[length - MARK] == BIND_MARK_ROWS || name[length - MARK] == BIND_MARK_HALVES)) {
            join(index, weights, i);
        }
    }
    bind_index_renew(index);
}

struct shape bind_index_shape(const struct bind_index *index, const struct weights *weights, size_t tensor)
{
    struct shape shape = weights_get(weights, tensor)->shape;
    int64_t rows = shape.dim[0];
    if (index->joint[tensor] == BIND_TURNED) {
        shape.dim[0] = shape.dim[1];
        shape.dim[1] = rows;
    }
    for (long next = index->follower[tensor]; next >= 0; next = index->follower[next]) {
        const struct shape *own = &weights_get(weights, (size_t)next)->shape;
        if (index->joint[tensor] == BIND_ROWS)
            shape.dim[0] += own->dim[0];
        else if (own->rank == 2)
            shape.dim[1] += own->dim[1];
    }
    return shape;
}

/* to (columns, rows) = from (rows, columns). */
static void turn(const float *from, size_t rows, size_t columns, float *to)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            to[c * rows + r] = from[r * columns + c];
}

/* A head's half of what both make: its columns of a matrix (rows, whole), or its part of a sum. */
static void add_half(const float *from, const struct shape *shape, size_t whole, float *to)
{
    size_t count = (size_t)shape_count(shape), columns = shape->rank == 2 ? (size_t)shape->dim[1] : 0;
    for (size_t i = 0; i < count && columns == 0; i++)
        to[i] += from[i] / 2;
    for (size_t i = 0; i < count && columns > 0; i++)
        to[i / columns * whole + i % columns] = from[i] / 2;
}

float *bind_index_read(const struct bind_index *index, const struct weights *weights, size_t tensor,
                       struct error *error)
{
    struct shape shape = bind_index_shape(index, weights, tensor);
    size_t count = (size_t)shape_count(&shape), column = 0;
    float *whole = mem_try_floats(count), *room = mem_try_floats(count);
    bool good = whole && room;
    if (!good)
        error_set(error, ERROR_FAILED, "%s: no memory to read %zu values", weights_path(weights), count);
    else
        memset(whole, 0, count * sizeof *whole);
    for (long part = (long)tensor; part >= 0 && good; part = index->follower[part]) {
        const struct shape *own = &weights_get(weights, (size_t)part)->shape;
        good = weights_read(weights, (size_t)part, room, error);
        if (good && index->joint[tensor] == BIND_TURNED)
            turn(room, (size_t)own->dim[0], (size_t)own->dim[1], whole);
        else if (good)
            add_half(room, own, (size_t)shape.dim[shape.rank - 1], whole + column);
        column += own->rank == 2 ? (size_t)own->dim[1] : 0;
    }
    mem_free_floats(room);
    if (good)
        return whole;
    mem_free_floats(whole);
    return NULL;
}
