/* What a weights file is: its architecture, its class head, its preprocessing and class names. Files that thaw wrote
 * say so in their metadata; others are compared, by the names and shapes of their trunk, with every architecture of the
 * zoo. Of several that fit the largest is meant: a ResNet-34 holds all the tensors of a ResNet-18. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bind_parts.h"
#include "thaw/base/mem.h"
#include "thaw/model/zoo.h"

struct candidate {
    char arch[GRAPH_NAME_MAX];
    int params, fitting; /* of the trunk */
    int classes;
};

/* The rows of the class head's weight in the file, or 0. */
static int count_classes(const struct graph *graph, const struct weights *weights, const struct bind_index *index)
{
    int layer = graph_class_layer(graph);
    if (layer < 0)
        return 0;
    long found = bind_index_find(index, graph->param[graph->node[layer].first_param].name);
    if (found < 0)
        return 0;
    const struct shape *shape = &weights_get(weights, (size_t)found)->shape;
    if (shape->rank < 2)
        return 0;
    int64_t classes = shape->dim[weights_layout(weights) == WEIGHTS_TORCH ? 0 : shape->rank - 1];
    return classes > 0 && classes <= INT32_MAX ? (int)classes : 0;
}

/* Compares the file with one architecture; *best becomes the better of the two. */
static void consider(const char *arch, int channels, const struct weights *weights, const struct bind_index *index,
                     struct candidate *best)
{
    struct error error;
    struct zoo_options options = {.channels = channels};
    struct graph *graph = zoo_outline(arch, &options, &error);
    if (!graph)
        return;
    struct candidate own = {.params = 0};
    snprintf(own.arch, sizeof own.arch, "%s", graph->arch);
    for (int p = 0; p < graph->params && graph->param[p].node <= graph->trunk; p++) {
        struct shape wanted = bind_file_shape(graph, p, weights_layout(weights));
        long found = bind_index_find(index, graph->param[p].name);
        own.params++;
        own.fitting += found >= 0 && bind_shape_fits(&weights_get(weights, (size_t)found)->shape, &wanted);
    }
    own.classes = count_classes(graph, weights, index);
    graph_destroy(graph);
    bool own_fits = own.fitting == own.params, best_fits = best->params > 0 && best->fitting == best->params;
    if (own_fits != best_fits ? own_fits : own.fitting > best->fitting)
        *best = own;
}

/* MobileNetV1 at a width that is not in the table: from the channels of its last layer. */
static const struct scaled {
    const char *prefix, *tensor;
} scaled[] = {{"mobilenet_v1_", "pw.12.bn.weight"}, {"keras_mobilenet_", "conv_pw_13_bn.weight"}};

static void consider_scaled(const struct scaled *family, int channels, const struct weights *weights,
                            const struct bind_index *index, struct candidate *best)
{
    long found = bind_index_find(index, family->tensor);
    if (found < 0)
        return;
    const struct shape *shape = &weights_get(weights, (size_t)found)->shape;
    if (shape->rank != 1 || shape->dim[0] < 8 || shape->dim[0] > 8 * 1024)
        return;
    /* widths are rounded down: the shortest decimal that gives these channels is the one that was meant */
    for (int digits = 2; digits <= 5; digits++) {
        char name[GRAPH_NAME_MAX], text[32];
        double alpha = ((double)shape->dim[0] + 0.5) / 1024;
        snprintf(text, sizeof text, "%.*f", digits, alpha);
        snprintf(name, sizeof name, "%s%g", family->prefix, atof(text));
        consider(name, channels, weights, index, best);
    }
}

static bool recognise_metadata(const struct weights *weights, char arch[GRAPH_NAME_MAX], int *classes)
{
    struct zoo_arch room;
    const char *name = weights_metadata(weights, BIND_KEY_ARCH), *count = weights_metadata(weights, BIND_KEY_CLASSES);
    if (!name || !count || strlen(name) >= GRAPH_NAME_MAX || !zoo_find(name, &room))
        return false;
    char *end;
    long value = strtol(count, &end, 10);
    if (end == count || *end || value < 1 || value > INT32_MAX)
        return false;
    strcpy(arch, name);
    *classes = (int)value;
    return true;
}

static bool refuse(const struct weights *weights, const struct candidate *best, struct error *error)
{
    char shape[SHAPE_TEXT];
    if (weights_count(weights) == 0)
        return error_set(error, ERROR_WEIGHTS, "%s: there are no tensors in it", weights_path(weights));
    const struct weights_tensor *first = weights_get(weights, 0);
    error_set(error, ERROR_WEIGHTS,
              "%s: not the weights of an architecture that thaw knows: %zu tensors, the first is %.80s %s",
              weights_path(weights), weights_count(weights), first->name, shape_text(shape, &first->shape));
    size_t length = strlen(error->text);
    if (best->fitting > 0)
        snprintf(error->text + length, sizeof error->text - length, "; the nearest is %s, %d of whose %d tensors fit",
                 best->arch, best->fitting, best->params);
    return false;
}

bool bind_recognise(const struct weights *weights, char arch[GRAPH_NAME_MAX], int *classes, struct error *error)
{
    if (recognise_metadata(weights, arch, classes))
        return true;
    struct candidate best = {.params = 0};
    struct bind_index index;
    bind_index_init(&index, weights);
    const struct zoo_arch *arch_row;
    for (int channels = 3; channels >= 1; channels -= 2) {
        for (size_t i = 0; (arch_row = zoo_at(i)); i++)
            consider(arch_row->name, channels, weights, &index, &best);
        for (size_t i = 0; i < THAW_LENGTH(scaled); i++)
            consider_scaled(&scaled[i], channels, weights, &index, &best);
    }
    bind_index_finish(&index);
    if (best.params == 0 || best.fitting < best.params)
        return refuse(weights, &best, error);
    strcpy(arch, best.arch);
    *classes = best.classes;
    return true;
}

void bind_preprocess_print(char text[BIND_PREPROCESS_TEXT], const struct preprocess *p)
{
    snprintf(text, BIND_PREPROCESS_TEXT,
             "size %dx%dx%d resize %d raw %d bgr %d mean %.9g %.9g %.9g std %.9g %.9g %.9g interpolation %s", p->height,
             p->width, p->channels, p->resize, p->raw, p->bgr, (double)p->mean[0], (double)p->mean[1],
             (double)p->mean[2], (double)p->std[0], (double)p->std[1], (double)p->std[2],
             interpolation_name(p->interpolation));
}

/* Files of old say nothing about interpolation: they meant bilinear. */
bool bind_preprocess_parse(const char *text, struct preprocess *p)
{
    static const char interpolation[] = " interpolation ";
    int raw, bgr, end = 0;
    memset(p, 0, sizeof *p);
    int fields = sscanf(text, "size %5dx%5dx%1d resize %5d raw %1d bgr %1d mean %f %f %f std %f %f %f%n", &p->height,
                        &p->width, &p->channels, &p->resize, &raw, &bgr, &p->mean[0], &p->mean[1], &p->mean[2],
                        &p->std[0], &p->std[1], &p->std[2], &end);
    if (fields != 12)
        return false;
    text += end;
    size_t length = sizeof interpolation - 1;
    bool named = strncmp(text, interpolation, length) == 0;
    if (named ? !interpolation_find(text + length, &p->interpolation) : *text != '\0')
        return false;
    p->raw = raw;
    p->bgr = bgr;
    bool good = p->height > 0 && p->width > 0 && (p->channels == 1 || p->channels == 3) && p->resize >= 0;
    for (int c = 0; c < p->channels; c++)
        good = good && isfinite(p->mean[c]) && isfinite(p->std[c]) && p->std[c] > 0;
    return good;
}

bool bind_file_preprocess(const struct weights *weights, struct preprocess *preprocess)
{
    const char *text = weights_metadata(weights, BIND_KEY_PREPROCESS);
    return text && bind_preprocess_parse(text, preprocess);
}

void bind_preprocess(struct graph *graph, const struct weights *weights)
{
    struct preprocess file, *own = &graph->preprocess;
    if (!bind_file_preprocess(weights, &file) || file.channels != own->channels)
        return;
    if (file.height != own->height || file.width != own->width) /* the same share of the image is cropped away */
        file.resize = own->height == own->width ? (file.resize * own->height + file.height / 2) / file.height : 0;
    file.height = own->height;
    file.width = own->width;
    *own = file;
}

char **bind_class_names(const struct weights *weights, int *count)
{
    const char *text = weights_metadata(weights, BIND_KEY_CLASS_NAMES);
    *count = 0;
    if (!text || !*text)
        return NULL;
    int lines = 1;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    char **names = mem_array((size_t)lines, sizeof *names);
    for (int i = 0; i < lines; i++) {
        size_t length = strcspn(text, "\n");
        names[i] = mem_format("%.*s", (int)length, text);
        text += length + 1;
    }
    *count = lines;
    return names;
}

void bind_free_class_names(char **names, int count)
{
    for (int i = 0; names && i < count; i++)
        mem_free(names[i]);
    mem_free(names);
}
