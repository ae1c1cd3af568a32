/* The freeze plan in words: up to a name, by globs, and back to the shortest list that says the same. A name without
 * glob characters that is a stage means all of that stage, even where a node has the same name; `conv[1]` means the
 * node alone. A glob is held against node names, and against stage names only where no node fits. `bn1:statistics`
 * means that mark alone; several are parted by commas. */
#include "config.h"

#include "thaw/network/freeze.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "thaw/base/mem.h"
#include "thaw/base/nearest.h"

static bool refuse(struct error *error, const struct graph *graph, const char *wanted)
{
    struct nearest nearest = {.wanted = wanted};
    for (int s = 0; s < graph->stages; s++)
        nearest_offer(&nearest, graph->stage[s].name);
    for (int node = 1; node < graph->nodes; node++)
        if (freeze_marks(graph, node) != 0)
            nearest_offer(&nearest, graph->node[node].name);
    char names[NEAREST_KEPT * (GRAPH_NAME_MAX + 2)] = "";
    size_t length = 0;
    for (int i = 0; i < NEAREST_KEPT && nearest.name[i] != NULL; i++)
        length += (size_t)snprintf(names + length, sizeof names - length, "%s%s", i > 0 ? ", " : "", nearest.name[i]);
    return error_set(error, ERROR_USAGE, "%s has no layer \"%.80s\"; the nearest names are %s", graph->arch, wanted,
                     names);
}

static int last_of_stage(const struct graph *graph, int stage)
{
    int last = -1;
    for (int node = 0; node < graph->nodes; node++)
        if (graph->node[node].stage == stage)
            last = node;
    return last;
}

bool freeze_upto(struct freeze *freeze, const struct graph *graph, const char *name, struct error *error)
{
    int last;
    int stage = graph_find_stage(graph, name);
    if (strcmp(name, "none") == 0) {
        last = -1;
    } else if (strcmp(name, "trunk") == 0) {
        last = graph->trunk;
    } else if (stage >= 0) {
        last = last_of_stage(graph, stage);
    } else {
        last = graph_find_node(graph, name);
        if (last < 0)
            return refuse(error, graph, name);
    }
    for (int node = 0; node < graph->nodes; node++)
        freeze_set(freeze, graph, node, FREEZE_ALL, node <= last);
    return true;
}

static const struct {
    const char *name;
    enum freeze_mark mark;
} mark_names[] = {{"weights", FREEZE_WEIGHTS},
                  {"affine", FREEZE_AFFINE},
                  {"statistics", FREEZE_STATISTICS},
                  {"dropout", FREEZE_DROPOUT}};

/* The marks behind a pattern's colon, which is cut off; all of them where there is none, 0 for an unknown name. */
static unsigned cut_marks(char *pattern)
{
    char *colon = strchr(pattern, ':'), *rest = NULL;
    if (colon == NULL)
        return FREEZE_ALL;
    *colon = '\0';
    unsigned marks = 0;
    for (char *word = strtok_r(colon + 1, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
        unsigned mark = 0;
        for (size_t i = 0; i < THAW_LENGTH(mark_names); i++)
            if (strcmp(word, mark_names[i].name) == 0)
                mark = mark_names[i].mark;
        if (mark == 0)
            return 0;
        marks |= mark;
    }
    return marks;
}

static void append_marks(char *text, unsigned marks)
{
    char parting = ':';
    for (size_t i = 0; i < THAW_LENGTH(mark_names); i++)
        if (marks & mark_names[i].mark) {
            sprintf(text + strlen(text), "%c%s", parting, mark_names[i].name);
            parting = ',';
        }
}

static void set_stage(struct freeze *freeze, const struct graph *graph, int stage, unsigned marks, bool fixed)
{
    for (int node = 0; node < graph->nodes; node++)
        if (graph->node[node].stage == stage)
            freeze_set(freeze, graph, node, marks, fixed);
}

/* false: it matches nothing. */
static bool match_one(struct freeze *freeze, const struct graph *graph, const char *pattern, unsigned marks, bool fixed)
{
    int stage = graph_find_stage(graph, pattern);
    if (stage >= 0) {
        set_stage(freeze, graph, stage, marks, fixed);
        return true;
    }
    bool found = false;
    for (int node = 0; node < graph->nodes; node++) {
        if (fnmatch(pattern, graph->node[node].name, 0) == 0) {
            freeze_set(freeze, graph, node, marks, fixed);
            found = true;
        }
    }
    if (found)
        return true;
    for (int s = 0; s < graph->stages; s++) {
        if (fnmatch(pattern, graph->stage[s].name, 0) == 0) {
            set_stage(freeze, graph, s, marks, fixed);
            found = true;
        }
    }
    return found;
}

/* All or nothing: a refused list leaves the plan as it was. */
bool freeze_match(struct freeze *freeze, const struct graph *graph, const char *patterns, bool fixed,
                  struct error *error)
{
    struct freeze *trial = freeze_copy(freeze);
    char *text = mem_string(patterns), *rest = NULL;
    bool done = true;
    for (char *pattern = strtok_r(text, " \t\r\n", &rest); pattern != NULL && done;
         pattern = strtok_r(NULL, " \t\r\n", &rest)) {
        unsigned marks = cut_marks(pattern);
        if (marks == 0)
            done = error_set(error, ERROR_USAGE, "%s: behind the colon go weights, affine, statistics or dropout",
                             pattern);
        else
            done = match_one(trial, graph, pattern, marks, fixed) || refuse(error, graph, pattern);
    }
    if (done)
        memcpy(freeze->fixed, trial->fixed, (size_t)freeze->nodes);
    mem_free(text);
    freeze_destroy(trial);
    return done;
}

static bool node_is_fixed(const struct freeze *freeze, const struct graph *graph, int node)
{
    return freeze_marks(graph, node) != 0 && freeze_is_frozen(freeze, graph, node);
}

static bool stage_is_fixed(const struct freeze *freeze, const struct graph *graph, int stage)
{
    bool any = false;
    for (int node = 0; node < graph->nodes; node++) {
        if (graph->node[node].stage == stage) {
            if (!freeze_is_frozen(freeze, graph, node))
                return false;
            any = any || freeze_marks(graph, node) != 0;
        }
    }
    return any;
}

/* A node that shares its name with a stage is written `conv[1]`, so that it does not take the stage along. */
static void append_node(char *text, const struct graph *graph, const char *name)
{
    size_t length = strlen(name);
    if (graph_find_stage(graph, name) >= 0 && length > 0)
        sprintf(text + strlen(text), " %.*s[%c]", (int)length - 1, name, name[length - 1]);
    else
        sprintf(text + strlen(text), " %s", name);
}

char *freeze_describe(const struct freeze *freeze, const struct graph *graph)
{
    char *text = mem_alloc(1 + (size_t)graph->nodes * (GRAPH_NAME_MAX + 48));
    int told = -1; /* the stage last written whole */
    for (int node = 0; node < graph->nodes; node++) {
        int stage = graph->node[node].stage;
        unsigned partly = freeze->fixed[node] & freeze_marks(graph, node);
        if (partly == 0 || (stage >= 0 && stage == told))
            continue;
        if (!node_is_fixed(freeze, graph, node)) {
            append_node(text, graph, graph->node[node].name);
            append_marks(text, partly);
            continue;
        }
        if (stage >= 0 && stage_is_fixed(freeze, graph, stage)) {
            sprintf(text + strlen(text), " %s", graph->stage[stage].name);
            told = stage;
        } else {
            append_node(text, graph, graph->node[node].name);
        }
    }
    char *list = mem_string(text[0] == ' ' ? text + 1 : text);
    mem_free(text);
    return list;
}
