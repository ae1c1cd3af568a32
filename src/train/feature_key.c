/* Keys of kept features; see feature_key.h. Called by feature_cache.c. */
#include "config.h"

#include "feature_key.h"

#include <stdio.h>
#include <string.h>

#include "feature_file.h"
#include "thaw/base/mem.h"
#include "thaw/compile/plan.h"
#include "thaw/network/graph_json.h"
#include "thaw/tensor/gemm.h"

/* To be raised where the same key stands for other bits: a kernel rounds otherwise, decoding or resizing changed. */
enum { FEATURE_BITS = 3 };

/* --- network --- */

/* What a node computes, with its values and, where it is not the built-in rule's, its kernel. */
static struct hash hash_node(const struct feature_key *key, int number, struct hash hash)
{
    const struct graph *graph = key->graph;
    const char *kernel = NULL;
    if (key->kernels)
        kernel = kernel_table_find(key->kernels, graph, number, OP_JOB_FORWARD, true, key->no_winograd);
    if (kernel)
        hash = hash_bytes(kernel, strlen(kernel), hash);
    const struct graph_node *node = &graph->node[number];
    char *text = graph_node_to_json(graph, number);
    hash = hash_bytes(text, strlen(text), hash);
    mem_free(text);
    for (int p = node->first_param; p < node->first_param + node->params; p++)
        hash = hash_bytes(graph->values + graph->param[p].offset, graph->param[p].count * sizeof(float), hash);
    return hash;
}

/* --- images --- */

/* The files as they were listed: one that is changed later is not taken for them (feature_cache.h). */
static struct hash hash_images(const struct dataset_images *images)
{
    struct hash hash = {0};
    for (size_t i = 0; i < images->items; i++) {
        const struct file_stamp *stamp = &images->item[i].stamp;
        int64_t figures[] = {(int64_t)stamp->size, stamp->seconds, stamp->nanoseconds};
        hash = hash_bytes(images->item[i].path, strlen(images->item[i].path) + 1, hash);
        hash = hash_bytes(figures, sizeof figures, hash);
    }
    return hash;
}

/* The folder that all images lie below, as far as the first and the last say: for people. */
static int common_folder(const struct dataset_images *images)
{
    const char *first = images->item[0].path, *last = images->item[images->items - 1].path;
    int length = 0;
    for (int i = 0; first[i] && first[i] == last[i]; i++)
        length = first[i] == '/' ? i : length;
    return length;
}

/* A line must stay one. */
static char *one_line(char *text)
{
    for (char *c = text; *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    return text;
}

static char *describe_rest(const struct dataset_images *images, const struct loader_options *loader)
{
    const struct preprocess *p = &loader->preprocess;
    char digest[HASH_TEXT];
    hash_text(digest, hash_images(images));
    char *where = one_line(mem_format("%zu of %.*s", images->items, common_folder(images), images->item[0].path));
    char *rest =
        mem_format(FEATURE_KEY_IMAGES " %s\nlist %s\n"
                                      "input %dx%dx%d resize %d raw %d bgr %d %s mean %a %a %a std %a %a %a%s\n"
                                      "machine %s\nbits %d in blocks of %d\n",
                   where, digest, p->height, p->width, p->channels, p->resize, p->raw, p->bgr,
                   interpolation_name(p->interpolation), (double)p->mean[0], (double)p->mean[1], (double)p->mean[2],
                   (double)p->std[0], (double)p->std[1], (double)p->std[2], loader->fast ? " fast" : "", gemm_library(),
                   FEATURE_BITS, FEATURE_BLOCK);
    mem_free(where);
    return rest;
}

/* --- text --- */

void feature_key_init(struct feature_key *key, const struct graph *graph, int frontier,
                      const struct dataset_images *images, const struct loader_options *loader)
{
    key->graph = graph;
    key->prefix = mem_array((size_t)graph->nodes + 1, sizeof *key->prefix);
    for (int node = 0; node < frontier; node++)
        key->prefix[node + 1] = hash_node(key, node, key->prefix[node]);
    key->rest = describe_rest(images, loader);
}

void feature_key_finish(struct feature_key *key)
{
    mem_free(key->prefix);
    mem_free(key->rest);
    *key = (struct feature_key){0};
}

char *feature_key_text(const struct feature_key *key, int cut, int view, const struct loader_options *loader,
                       enum tensor_type type)
{
    char digest[HASH_TEXT], *views;
    const struct graph *graph = key->graph;
    hash_text(digest, key->prefix[cut]);
    if (loader->augment == AUGMENT_NONE)
        views = mem_string("plain");
    else
        views = mem_format("%s, view %d of seed %llu", augment_names[loader->augment], view,
                           (unsigned long long)loader->seed);
    char *text = mem_format(
        FEATURE_KEY_MODEL " %s up to %s\nprefix %s of %d nodes\nkernels %s\n" FEATURE_KEY_VIEW " %s\nvalues %s\n%s",
        graph->arch, graph->node[cut - 1].name, digest, cut, key->no_winograd ? "without winograd" : "with winograd",
        views, tensor_type_name(type), key->rest);
    mem_free(views);
    return text;
}

char *feature_key_line(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, word, length) == 0 && line[length] == ' ')
            return mem_format("%.*s", (int)strcspn(line + length + 1, "\n"), line + length + 1);
    return mem_string("");
}
