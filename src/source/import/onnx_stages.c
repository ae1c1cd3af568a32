/* Stages of a named draft: the first parts of the layers' names, or, where those say nothing, the places where the image
 * becomes smaller. A part that holds most of the layers ("features") is divided so, too. Called by onnx_build.c. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "onnx_net.h"
#include "thaw/base/mem.h"

enum { PARTS_MAX = 64, DIVIDED_LAYERS = 6 };

struct net_stages {
    const struct net *net;
    struct part {
        char name[GRAPH_NAME_MAX];
        int layers;
    } part[PARTS_MAX];
    int parts;
    int layers;    /* with parameters, in all */
    int returns;   /* to a part that another stood behind already */
    int head;      /* the draft node that makes the classes, or -1 */
    int current;   /* the part the stage at hand belongs to; -1: a stage of its own; -2: none yet */
    int divisions; /* of the part at hand */
    int height;    /* of the image where the stage began */
};

static bool has_params(const struct draft *draft)
{
    return draft->kind == OP_CONV || draft->kind == OP_LINEAR || draft->kind == OP_BATCH_NORM;
}

/* The number of the part a name begins with; -1: it has none. */
static int part_of(const struct net_stages *stages, const char *name)
{
    size_t length = strcspn(name, ".");
    for (int i = 0; name[length] && i < stages->parts; i++) {
        if (strlen(stages->part[i].name) == length && strncmp(stages->part[i].name, name, length) == 0)
            return i;
    }
    return -1;
}

static void count_layer(struct net_stages *stages, const char *name, int *before)
{
    size_t length = strcspn(name, ".");
    int part = part_of(stages, name);
    stages->layers++;
    stages->returns += part >= 0 && part != *before;
    if (part < 0 && name[length] && stages->parts < PARTS_MAX) {
        part = stages->parts++;
        snprintf(stages->part[part].name, GRAPH_NAME_MAX, "%.*s", (int)length, name);
    }
    if (part >= 0)
        stages->part[part].layers++;
    *before = part;
}

struct net_stages *net_stages_create(const struct net *net)
{
    struct net_stages *stages = mem_alloc(sizeof *stages);
    int before = -1;
    stages->net = net;
    stages->current = -2;
    stages->head = -1;
    for (int i = 1; i < net->drafts; i++) {
        const struct draft *draft = &net->draft[i];
        if (draft->built < 1 || !has_params(draft))
            continue;
        count_layer(stages, draft->name, &before);
        stages->head = i;
    }
    return stages;
}

void net_stages_destroy(struct net_stages *stages)
{
    mem_free(stages);
}

static void begin(struct net_stages *stages, struct graph *graph, const char *name, int height)
{
    if (graph_find_stage(graph, name) < 0)
        graph_begin_stage(graph, name);
    stages->height = height;
}

/* Layers without a part, and parts that are divided: by the image's height. */
static void divide(struct net_stages *stages, struct graph *graph, const char *prefix, bool enters,
                   const struct draft *draft)
{
    char name[GRAPH_NAME_MAX];
    if (!enters && draft->shape.h == stages->height)
        return;
    if (draft->shape.h == 1 && !enters) /* pooled away: what follows is small */
        return;
    snprintf(name, sizeof name, "%.40s%sstage%d", prefix, prefix[0] ? "." : "", ++stages->divisions);
    begin(stages, graph, name, draft->shape.h);
}

void net_stages_begin(struct net_stages *stages, struct graph *graph, int index)
{
    const struct draft *draft = &stages->net->draft[index];
    int part = part_of(stages, draft->name);
    bool named = stages->parts > 1 || (stages->parts == 1 && stages->part[0].layers < stages->layers);
    if (!named || stages->returns > stages->parts) { /* or they take turns: kinds of layers, not stages */
        if (index == stages->head && stages->current != -2) {
            begin(stages, graph, "head", draft->shape.h);
            return;
        }
        divide(stages, graph, "", stages->current == -2, draft);
        stages->current = 0;
    } else if (part >= 0) {
        bool enters = part != stages->current, is_new = graph_find_stage(graph, stages->part[part].name) < 0;
        bool divided =
            stages->part[part].layers >= DIVIDED_LAYERS && stages->part[part].layers * 10 > stages->layers * 6;
        if (divided) {
            stages->divisions = enters ? 0 : stages->divisions;
            divide(stages, graph, stages->part[part].name, enters, draft);
        } else if (enters && is_new) {
            begin(stages, graph, stages->part[part].name, draft->shape.h);
        }
        stages->current = part;
    } else if (has_params(draft) && stages->current != -1) {
        begin(stages, graph, draft->name, draft->shape.h);
        stages->current = -1;
    }
}
