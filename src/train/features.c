/* The cache of frozen features in memory. One row an image: its values of every crossing, one behind the other, as the
 * plan's buffers hold them; a row is valid once its image was stored. Called by the trainer around exec_frozen. */
#include "config.h"

#include "features.h"

#include <string.h>

#include "thaw/base/mem.h"

struct features {
    float *values;
    bool *kept;        /* [items] */
    size_t items, row; /* row: floats an image */
};

/* Floats an image of one crossing. */
static size_t crossing_floats(const struct plan *plan, int crossing)
{
    struct shape4 shape = plan_crossing_shape(plan, crossing);
    shape.n = 1;
    return shape4_count(shape);
}

struct features *features_create(struct plan *plan, size_t items, size_t budget)
{
    size_t row = 0;
    for (int c = 0; c < plan_crossings(plan); c++)
        row += crossing_floats(plan, c);
    /* Node 0 is the input: a frontier right behind it leaves nothing to save. */
    if (plan_frontier(plan) <= 1 || row == 0 || items == 0 || row > budget / sizeof(float) / items)
        return NULL;
    struct features *features = mem_alloc(sizeof(*features));
    *features = (struct features){.items = items, .row = row};
    features->values = mem_try_floats(items * row);
    features->kept = mem_array(items, sizeof(*features->kept));
    if (features->values)
        return features;
    features_destroy(features);
    return NULL;
}

void features_destroy(struct features *features)
{
    if (!features)
        return;
    mem_free_floats(features->values);
    mem_free(features->kept);
    mem_free(features);
}

size_t features_bytes(const struct features *features)
{
    return features->items * features->row * sizeof(float);
}

bool features_lookup(const struct features *features, struct plan *plan, const struct batch *batch)
{
    for (int i = 0; i < batch->n; i++)
        if (!features->kept[batch->index[i]])
            return false;
    size_t at = 0;
    for (int c = 0; c < plan_crossings(plan); c++) {
        size_t floats = crossing_floats(plan, c);
        float *values = plan_crossing_values(plan, c);
        for (int i = 0; i < batch->n; i++)
            memcpy(values + (size_t)i * floats, features->values + batch->index[i] * features->row + at,
                   floats * sizeof(float));
        at += floats;
    }
    return true;
}

void features_store(struct features *features, struct plan *plan, const struct batch *batch)
{
    size_t at = 0;
    for (int c = 0; c < plan_crossings(plan); c++) {
        size_t floats = crossing_floats(plan, c);
        const float *values = plan_crossing_values(plan, c);
        for (int i = 0; i < batch->n; i++)
            memcpy(features->values + batch->index[i] * features->row + at, values + (size_t)i * floats,
                   floats * sizeof(float));
        at += floats;
    }
    for (int i = 0; i < batch->n; i++)
        features->kept[batch->index[i]] = true;
}
