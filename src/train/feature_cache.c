/* What is kept of the frozen half, and where: keys, budgets, files or memory, and handing rows to the thawed half.
 * feature_cache_fill.c computes what is missing. Called by the trainer. */
#include "config.h"

#include "feature_cache.h"

#include <stdatomic.h>
#include <string.h>

#include "feature_cache_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/train/feature_store.h"

/* --- what is kept --- */

static size_t node_floats(const struct graph *graph, int node)
{
    struct shape4 shape = graph->node[node].shape;
    shape.n = 1;
    return shape4_count(shape);
}

void feature_cut_init(struct feature_cut *cut, const struct graph *graph, int frontier)
{
    *cut = (struct feature_cut){.frontier = frontier};
    cut->node = mem_array((size_t)graph->nodes, sizeof *cut->node);
    cut->nodes = plan_cut(graph, frontier, cut->node);
    cut->floats = mem_array((size_t)cut->nodes, sizeof *cut->floats);
    for (int i = 0; i < cut->nodes; i++)
        cut->row += cut->floats[i] = node_floats(graph, cut->node[i]);
}

void feature_cut_finish(struct feature_cut *cut)
{
    mem_free(cut->node);
    mem_free(cut->floats);
    *cut = (struct feature_cut){0};
}

/* More than this is no size of anything, and must not wrap. */
static const double bytes_most = 1e15;

int feature_cache_would_keep(const struct feature_cache_options *options, size_t *bytes, struct error *error)
{
    const struct graph *graph = options->graph;
    int frontier = freeze_frontier(options->freeze, graph);
    bool augmented = options->loader.augment != AUGMENT_NONE;
    int views = augmented ? options->loader.views : 1;
    struct feature_cut cut;
    /* Node 0 is the input: a frontier right behind it leaves nothing to save. */
    if (frontier <= 1 || options->images->items == 0 || views == 0)
        return 0;
    feature_cut_init(&cut, graph, frontier);
    double size = (double)tensor_type_size(options->type),
           all = (double)options->images->items * (double)cut.row * size;
    bool any = cut.nodes > 0;
    feature_cut_finish(&cut);
    all *= views;
    if (any && all <= bytes_most && (all <= (double)options->disk || all <= (double)options->memory)) {
        if (bytes)
            *bytes = (size_t)all;
        return views;
    }
    if (any)
        error_set(error, ERROR_FAILED,
                  "the features of %zu images before %s would take %.1f GB, more than data.cache_disk and "
                  "data.cache_memory: the frozen part is computed in every epoch",
                  options->images->items, frontier < graph->nodes ? graph->node[frontier].name : "the end", all / 1e9);
    return 0;
}

struct loader_options feature_cache_loading(const struct feature_cache_options *options)
{
    enum { DECODERS = 2 };
    struct loader_options loading = options->loader;
    loading.batch = FEATURE_BLOCK;
    loading.shuffle = false;
    loading.threads = DECODERS;
    loading.cache_bytes = 0; /* nothing decoded is kept between two fills */
    return loading;
}

struct plan_options feature_cache_plan(const struct feature_cache_options *options)
{
    return (struct plan_options){.batch = FEATURE_BLOCK,
                                 .half = PLAN_FROZEN,
                                 .training = true,
                                 .kernels = options->kernels,
                                 .no_winograd = options->no_winograd,
                                 .fold = true,
                                 .team = options->team};
}

struct feature_cache *feature_cache_create(const struct feature_cache_options *options, struct error *error)
{
    int views = feature_cache_would_keep(options, NULL, error);
    if (views == 0)
        return NULL;
    struct feature_cache *features = mem_alloc(sizeof *features);
    *features = (struct feature_cache){.options = *options, .views = views};
    features->options.freeze = features->freeze = freeze_copy(options->freeze);
    feature_cut_init(&features->cut, options->graph, freeze_frontier(options->freeze, options->graph));
    features->view = mem_array((size_t)views, sizeof *features->view);
    return features;
}

void feature_cache_destroy(struct feature_cache *features)
{
    if (!features)
        return;
    for (int v = 0; v < features->views; v++)
        feature_file_close(features->view[v]);
    mem_free(features->view);
    feature_cut_finish(&features->cut);
    if (features->key.rest)
        feature_key_finish(&features->key);
    freeze_destroy(features->freeze);
    mem_free(features);
}

int feature_cache_views(const struct feature_cache *features)
{
    return features->views;
}

size_t feature_row_bytes(const struct feature_cache *features, const struct feature_cut *cut)
{
    return cut->row * tensor_type_size(features->options.type);
}

static size_t view_bytes(const struct feature_cache *features)
{
    return features->options.images->items * feature_row_bytes(features, &features->cut);
}

size_t feature_cache_bytes(const struct feature_cache *features)
{
    size_t bytes = 0;
    for (int v = 0; v < features->views; v++)
        bytes += features->view[v] ? view_bytes(features) : 0;
    return bytes;
}

/* --- files and memory --- */

struct feature_layout feature_layout_of(struct feature_cache *features, const struct feature_cut *cut, int view)
{
    const struct feature_cache_options *options = &features->options;
    features->key.kernels = options->kernels;
    features->key.no_winograd = options->no_winograd;
    if (!features->key.rest)
        feature_key_init(&features->key, options->graph, features->cut.frontier, options->images, &options->loader);
    return (struct feature_layout){
        .key = feature_key_text(&features->key, cut->frontier, view, &options->loader, options->type),
        .items = options->images->items,
        .row_bytes = feature_row_bytes(features, cut)};
}

/* Room is made for a file that is not there yet; what other runs have open may stand in the way. */
static struct feature_file *open_file(struct feature_cache *features, const struct feature_layout *layout,
                                      struct error *error)
{
    struct feature_file *file = NULL;
    uint64_t bytes = feature_file_bytes(layout), disk = features->options.disk;
    char *folder = feature_store_folder(), *path = feature_file_path(folder, layout->key);
    if (bytes > disk)
        error_set(error, ERROR_FAILED, "%.1f MB are more than data.cache_disk", (double)bytes / 1e6);
    else if (file_make_directories(folder, error)) {
        if (!file_exists(path) && disk > bytes)
            feature_store_shrink(folder, disk - bytes, NULL);
        file = feature_file_open(folder, layout, true, error);
    }
    mem_free(folder);
    mem_free(path);
    return file;
}

struct feature_file *feature_memory(struct feature_cache *features, const struct feature_layout *layout,
                                    struct error *error)
{
    size_t memory = features->options.memory, bytes = layout->items * layout->row_bytes;
    struct feature_file *file = bytes <= memory / (size_t)features->views ? feature_file_memory(layout) : NULL;
    if (!file)
        error_set(error, ERROR_FAILED,
                  "%.1f MB of features are more than data.cache_memory, and no file can be had: the frozen part is "
                  "computed in every epoch",
                  (double)bytes / 1e6);
    return file;
}

bool feature_open_view(struct feature_cache *features, int view, const struct feature_cache_watch *watch,
                       struct error *error)
{
    struct feature_file **file = &features->view[view - 1];
    struct error fault = {0};
    if (*file)
        return true;
    struct feature_layout layout = feature_layout_of(features, &features->cut, view);
    if (features->options.disk > 0 && !features->no_files)
        *file = open_file(features, &layout, &fault);
    if (*file) {
        feature_file_check(*file, features->options.team);
    } else {
        if (fault.kind != ERROR_NONE) {
            error_wrap(&fault, "features are kept in memory only");
            watch->warn(watch->context, fault.text);
        }
        features->no_files = true;
        *file = feature_memory(features, &layout, error);
    }
    mem_free((char *)layout.key);
    return *file != NULL;
}

/* --- rows --- */

bool feature_cache_ready(const struct feature_cache *features, int view)
{
    const struct feature_file *file = features->view[view - 1];
    return file && feature_file_complete(file);
}

bool feature_cache_has(const struct feature_cache *features, int view, uint32_t index)
{
    return !(feature_file_bad(features->view[view - 1], index / FEATURE_BLOCK) >> (index % FEATURE_BLOCK) & 1);
}

void feature_cache_drop(struct feature_cache *features, int view)
{
    enum { TIMES = 3 }; /* what goes away again and again is better not kept in files */
    feature_file_close(features->view[view - 1]);
    features->view[view - 1] = NULL;
    features->no_files = features->no_files || ++features->drops >= TIMES;
}

struct load {
    const struct feature_cache *features;
    const struct feature_file *file;
    struct plan *plan;
    const struct batch *batch;
    atomic_bool lost;
};

/* The values of one crossing node of a row, behind `from` bytes of it. */
static bool load_values(const struct load *load, uint32_t index, size_t from, float *to, size_t floats)
{
    enum { PIECE = 1 << 14 };
    enum tensor_type type = load->features->options.type;
    size_t size = tensor_type_size(type), most = PIECE / size;
    uint16_t piece[PIECE / sizeof(uint16_t)];
    if (type == TENSOR_F32)
        return feature_file_read(load->file, index, from, to, floats * size);
    for (size_t done = 0; done < floats; done += most) {
        size_t count = floats - done < most ? floats - done : most;
        if (!feature_file_read(load->file, index, from + done * size, piece, count * size))
            return false;
        tensor_to_f32(to + done, piece, type, count);
    }
    return true;
}

static void load_row(void *context, int task, int worker)
{
    (void)worker;
    struct load *load = context;
    const struct feature_cut *cut = &load->features->cut;
    size_t from = 0, size = tensor_type_size(load->features->options.type);
    for (int c = 0; c < cut->nodes; c++) {
        float *to = plan_crossing_values(load->plan, c) + (size_t)task * cut->floats[c];
        if (!load_values(load, load->batch->index[task], from, to, cut->floats[c]))
            atomic_store(&load->lost, true);
        from += cut->floats[c] * size;
    }
}

bool feature_cache_load(const struct feature_cache *features, int view, struct plan *plan, const struct batch *batch)
{
    enum { ALONE = 1 << 16 }; /* floats a batch that are not worth waking the team for */
    struct load load = {.features = features, .file = features->view[view - 1], .plan = plan, .batch = batch};
    if ((size_t)batch->n * features->cut.row > ALONE)
        team_run(features->options.team, batch->n, load_row, &load);
    else
        for (int i = 0; i < batch->n; i++)
            load_row(&load, i, 0);
    return !atomic_load(&load.lost);
}
