/* Computing what is not kept yet: block after block through the frozen half alone, from images, or from what is kept of
 * an earlier cut. Two processes that fill one file start at its two ends and meet; where one dies, the other goes on.
 * Called by the trainer before an epoch that needs it. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "feature_cache_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/compile/exec.h"
#include "thaw/train/feature_store.h"

enum { STRETCH = 4 }; /* blocks a second process takes in a row, so that it decodes ahead */

struct filling {
    struct feature_cache *features;
    int view;
    struct feature_file *file;
    const struct feature_cache_watch *watch;
    struct plan *plan; /* the caller's */
    struct loader *loader;
    size_t next; /* block that loader_next gives */
    float *input;
    size_t input_floats;
    struct feature_cut from; /* frontier 0: from images */
    struct feature_file *source;
    char *rows;
    size_t done;
    bool lost; /* of what is read or filled, somebody cut the file */
};

/* --- where from --- */

/* The complete features of a cut, or NULL. */
static struct feature_file *open_source(struct filling *filling, const struct feature_cut *cut)
{
    struct feature_cache *features = filling->features;
    struct error unused = {0};
    struct feature_layout layout = feature_layout_of(features, cut, filling->view);
    char *folder = feature_store_folder(), *path = feature_file_path(folder, layout.key);
    struct feature_file *file = file_exists(path) ? feature_file_open(folder, &layout, false, &unused) : NULL;
    if (file)
        feature_file_check(file, features->options.team);
    if (file && !feature_file_complete(file)) {
        feature_file_close(file);
        file = NULL;
    }
    mem_free((char *)layout.key);
    mem_free(folder);
    mem_free(path);
    return file;
}

/* The nearest earlier cut that is kept whole. float16 has lost what the same values from images have. */
static void find_source(struct filling *filling)
{
    struct feature_cache *features = filling->features;
    const struct graph *graph = features->options.graph;
    if (features->options.type != TENSOR_F32 || features->options.disk == 0)
        return;
    for (int frontier = features->cut.frontier - 1; frontier > 1 && !filling->source; frontier--) {
        if (!plan_starts_at(filling->plan, frontier))
            continue;
        feature_cut_init(&filling->from, graph, frontier);
        filling->source = open_source(filling, &filling->from);
        if (!filling->source)
            feature_cut_finish(&filling->from);
    }
}

/* --- one block --- */

static bool report_unreadable(struct filling *filling)
{
    const struct loader_bad *bad;
    size_t count = loader_take_bad(filling->loader, &bad);
    bool good = true;
    for (size_t i = 0; i < count; i++)
        good = filling->watch->unreadable(filling->watch->context, &bad[i]) && good;
    return good;
}

/* Sets the block's inputs, each in its place; those that cannot be read stay black. Returns their bits. */
static uint32_t place_images(struct filling *filling, size_t block, const struct batch *batch)
{
    size_t rows = feature_file_rows(filling->file, block), floats = filling->input_floats;
    uint32_t bad = rows == 32 ? UINT32_MAX : ((uint32_t)1 << rows) - 1;
    memset(filling->input, 0, rows * floats * sizeof(float));
    for (int i = 0; i < batch->n; i++) {
        size_t row = batch->index[i] - block * FEATURE_BLOCK;
        memcpy(filling->input + row * floats, batch->input + (size_t)i * floats, floats * sizeof(float));
        bad &= ~((uint32_t)1 << row);
    }
    return bad;
}

/* *bad: bits of rows without an image. false: to be stopped. */
static bool run_from_images(struct filling *filling, size_t block, uint32_t *bad)
{
    int rows = (int)feature_file_rows(filling->file, block);
    if (filling->next != block)
        loader_begin(filling->loader, filling->view, (int)block);
    filling->next = block + 1;
    struct batch *batch = loader_next(filling->loader);
    const float *input = batch->input;
    bool good = report_unreadable(filling);
    *bad = 0;
    if (good && batch->n < rows) {
        *bad = place_images(filling, block, batch);
        input = filling->input;
    }
    if (good)
        exec_frozen(filling->plan, input, rows);
    loader_release(filling->loader, batch);
    return good;
}

static bool run_from_source(struct filling *filling, size_t block, uint32_t *bad)
{
    const struct feature_cut *from = &filling->from;
    size_t rows = feature_file_rows(filling->file, block);
    for (size_t i = 0; i < rows; i++) {
        size_t at = 0;
        for (int c = 0; c < from->nodes; c++) {
            size_t bytes = from->floats[c] * sizeof(float);
            float *to = plan_value(filling->plan, from->node[c]) + i * from->floats[c];
            if (!feature_file_read(filling->source, block * FEATURE_BLOCK + i, at, to, bytes)) {
                filling->lost = true;
                return false;
            }
            at += bytes;
        }
    }
    exec_frozen_from(filling->plan, from->frontier, (int)rows);
    *bad = feature_file_bad(filling->source, block);
    return true;
}

static void gather_row(void *context, int task, int worker)
{
    (void)worker;
    struct filling *filling = context;
    const struct feature_cache *features = filling->features;
    const struct feature_cut *cut = &features->cut;
    enum tensor_type type = features->options.type;
    char *row = filling->rows + (size_t)task * feature_row_bytes(features, cut);
    for (int c = 0; c < cut->nodes; c++) {
        const float *values = plan_crossing_values(filling->plan, c) + (size_t)task * cut->floats[c];
        tensor_from_f32(row, values, type, cut->floats[c]);
        row += cut->floats[c] * tensor_type_size(type);
    }
}

/* What cannot be read any more is computed again, once the rest is there. */
static void copy_blocks(const struct filling *filling, struct feature_file *memory)
{
    struct error unused = {0};
    size_t bytes = feature_row_bytes(filling->features, &filling->features->cut);
    void *rows = mem_array(FEATURE_BLOCK, bytes);
    for (size_t b = 0; b < feature_file_blocks(memory); b++) {
        if (!feature_file_valid(filling->file, b) ||
            !feature_file_read(filling->file, b * FEATURE_BLOCK, 0, rows, feature_file_rows(memory, b) * bytes))
            continue;
        if (!feature_file_write(memory, b, rows, feature_file_bad(filling->file, b), &unused))
            break;
    }
    mem_free(rows);
}

/* A file that cannot be written any more: what is there goes to memory, and the rest too. */
static bool move_to_memory(struct filling *filling, const struct error *fault, struct error *error)
{
    struct feature_cache *features = filling->features;
    char sentence[ERROR_TEXT_MAX + 64];
    snprintf(sentence, sizeof sentence, "features are kept in memory only: %s", fault->text);
    filling->watch->warn(filling->watch->context, sentence);
    features->no_files = true;
    struct feature_layout layout = feature_layout_of(features, &features->cut, filling->view);
    struct feature_file *memory = feature_memory(features, &layout, error);
    mem_free((char *)layout.key);
    if (memory)
        copy_blocks(filling, memory);
    char *path = mem_string(feature_file_name(filling->file));
    feature_file_close(filling->file);
    feature_file_remove(path); /* what it takes is wanted elsewhere */
    mem_free(path);
    filling->file = features->view[filling->view - 1] = memory;
    return memory != NULL;
}

static bool fill_block(struct filling *filling, size_t block, struct error *error)
{
    struct error fault = {0};
    size_t rows = feature_file_rows(filling->file, block);
    uint32_t bad = 0;
    if (filling->source ? !run_from_source(filling, block, &bad) : !run_from_images(filling, block, &bad))
        return false;
    team_run(filling->features->options.team, (int)rows, gather_row, filling);
    filling->lost = !feature_file_whole(filling->file);
    if (filling->lost)
        return false;
    if (feature_file_write(filling->file, block, filling->rows, bad, &fault))
        return true;
    return move_to_memory(filling, &fault, error) &&
           feature_file_write(filling->file, block, filling->rows, bad, error);
}

/* --- all blocks --- */

static bool fill_all(struct filling *filling, struct error *error)
{
    bool front = feature_file_lead(filling->file, true);
    size_t blocks = feature_file_blocks(filling->file), items = filling->features->options.images->items;
    size_t stretches = (blocks + STRETCH - 1) / STRETCH;
    for (size_t i = 0; i < blocks || (!front && i < stretches * STRETCH); i++) {
        size_t block = front ? i : (stretches - 1 - i / STRETCH) * STRETCH + i % STRETCH;
        if (block >= blocks)
            continue;
        size_t rows = feature_file_rows(filling->file, block);
        bool counted = feature_file_valid(filling->file, block);
        if (!feature_file_look(filling->file, block) && !fill_block(filling, block, error))
            return false;
        filling->done += counted ? 0 : rows;
        if (!filling->watch->go_on(filling->watch->context, filling->done, items))
            return false;
    }
    return true;
}

/* Of an image that is not to be read now either, whyever: without it the block is as it was. */
static bool still_unreadable(struct filling *filling, size_t index)
{
    struct image image = {0};
    struct error error = {0};
    const struct dataset_item *item = &filling->features->options.images->item[index];
    struct loader_bad bad = {.index = (uint32_t)index, .fault = LOADER_UNREADABLE};
    bool unreadable = !dataset_load(item, &image, &error);
    size_t name = strlen(item->path);
    const char *reason = strncmp(error.text, item->path, name) == 0 ? error.text + name + 2 : error.text;
    snprintf(bad.reason, sizeof bad.reason, "%.*s", (int)sizeof bad.reason - 1, reason);
    if (unreadable)
        filling->watch->unreadable(filling->watch->context, &bad);
    image_finish(&image);
    return unreadable;
}

/* Images that could not be read are tried again each time a run begins: one that can be now makes its block new. */
static void try_unreadable(struct filling *filling)
{
    for (size_t block = 0; block < feature_file_blocks(filling->file); block++) {
        uint32_t bad = feature_file_valid(filling->file, block) ? feature_file_bad(filling->file, block) : 0;
        for (int row = 0; bad >> row; row++)
            if ((bad >> row & 1) && !still_unreadable(filling, block * FEATURE_BLOCK + (size_t)row))
                feature_file_forget(filling->file, block);
    }
}

static bool begin(struct filling *filling, struct plan **frozen, struct error *error)
{
    const struct feature_cache_options *options = &filling->features->options;
    struct plan_options plan = feature_cache_plan(options);
    if (!*frozen)
        *frozen = plan_create(options->graph, options->freeze, &plan, error);
    filling->plan = *frozen;
    if (!filling->plan)
        return false;
    find_source(filling);
    if (filling->source) { /* its steps are cut where the values come in */
        plan_destroy(*frozen);
        plan.start = filling->from.frontier;
        filling->plan = *frozen = plan_create(options->graph, options->freeze, &plan, error);
        if (!filling->plan)
            return false;
    }
    filling->rows = mem_array(FEATURE_BLOCK, feature_row_bytes(filling->features, &filling->features->cut));
    if (filling->source)
        return true;
    struct loader_options loader = feature_cache_loading(options);
    filling->input_floats = shape4_count(options->graph->node[0].shape);
    filling->input = mem_try_floats(FEATURE_BLOCK * filling->input_floats);
    if (!filling->input)
        return error_set(error, ERROR_FAILED, "no memory for the images of a block");
    filling->loader = loader_create(options->images, &loader, error);
    return filling->loader != NULL;
}

static void end(struct filling *filling)
{
    loader_destroy(filling->loader);
    mem_free_floats(filling->input);
    mem_free(filling->rows);
    feature_file_close(filling->source);
    feature_cut_finish(&filling->from);
    if (filling->file)
        feature_file_lead(filling->file, false);
}

static size_t kept_images(const struct feature_file *file)
{
    size_t images = 0;
    for (size_t block = 0; block < feature_file_blocks(file); block++)
        images += feature_file_valid(file, block) ? feature_file_rows(file, block) : 0;
    return images;
}

static bool fill_once(struct filling *filling, struct plan **frozen, struct feature_cache_fill *fill,
                      struct error *error)
{
    struct feature_cache *features = filling->features;
    size_t items = features->options.images->items;
    if (!feature_open_view(features, filling->view, filling->watch, error))
        return false;
    filling->file = features->view[filling->view - 1];
    try_unreadable(filling);
    filling->done = kept_images(filling->file);
    fill->computed = items - filling->done;
    bool good = filling->done == items || (begin(filling, frozen, error) && fill_all(filling, error));
    if (filling->source)
        fill->from = features->options.graph->node[filling->from.frontier - 1].name;
    return good;
}

bool feature_cache_fill(struct feature_cache *features, int view, const struct feature_cache_watch *watch,
                        struct plan **frozen, struct feature_cache_fill *fill, struct error *error)
{
    for (;;) {
        struct filling filling = {.features = features, .view = view, .watch = watch, .next = SIZE_MAX};
        size_t items = features->options.images->items;
        *fill = (struct feature_cache_fill){.images = items};
        bool good = fill_once(&filling, frozen, fill, error);
        bool was_begun_behind = filling.source;
        fill->bytes = items * feature_row_bytes(features, &features->cut);
        fill->in_memory = features->no_files;
        end(&filling);
        if (!filling.lost)
            return good;
        feature_cache_drop(features, view);
        if (was_begun_behind) { /* the plan is cut there */
            plan_destroy(*frozen);
            *frozen = NULL;
        }
    }
}
