/* Names of layers and stages. Called by onnx.c, once the draft is tidy.
 *
 * A layer is called as its weight is, without ".weight", where that name says something: then the file's layers have the
 * names of the library it was exported from. Else as its node: exporters write "/layer1/layer1.0/conv1/Conv", which is
 * layer1.0.conv1. Stages are the first parts of those names, or start where the image becomes smaller. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "onnx_net.h"
#include "thaw/base/mem.h"

/* --- one name --- */

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), part = strlen(ending);
    return length > part && strcmp(text + length - part, ending) == 0;
}

/* "layer1.0.conv1" of "layer1.0.conv1.weight"; false where the tensor's name is a number or an exporter's own. */
static bool name_of_weight(const char *weight, char name[GRAPH_NAME_MAX])
{
    static const char *const endings[] = {".weight", ".bias", ".gamma", "/kernel", "_weight", ".w", ".kernel"};
    for (size_t i = 0; i < THAW_LENGTH(endings); i++) {
        if (!ends_with(weight, endings[i]) || strstr(weight, "::"))
            continue;
        snprintf(name, GRAPH_NAME_MAX, "%.*s", (int)(strlen(weight) - strlen(endings[i])), weight);
        return true;
    }
    return false;
}

/* Parts between slashes; a part that repeats the one before it ("layer1/layer1.0") stands for both. */
static void join_parts(const char *path, char name[GRAPH_NAME_MAX])
{
    char part[GRAPH_NAME_MAX], last[GRAPH_NAME_MAX] = "";
    size_t last_at = 0, used = 0;
    name[0] = '\0';
    while (*path) {
        size_t length = strcspn(path, "/");
        snprintf(part, sizeof part, "%.*s", (int)length, path);
        path += length + (path[length] == '/');
        size_t before = strlen(last);
        bool repeats = before && strncmp(part, last, before) == 0 && part[before] == '.';
        if (repeats)
            used = last_at;
        if (!part[0] || used + strlen(part) + 2 > GRAPH_NAME_MAX)
            continue;
        last_at = used;
        used += (size_t)snprintf(name + used, GRAPH_NAME_MAX - used, "%s%s", used && !repeats ? "." : "", part);
        if (!repeats && last_at)
            last_at++;
        strcpy(last, part);
    }
}

/* "Conv", "Relu_1": the operator itself, with a number. */
static bool is_operator(const char *part, const char *op)
{
    size_t length = strlen(op);
    if (strncmp(part, op, length) != 0)
        return false;
    part += length;
    part += *part == '_';
    while (isdigit((unsigned char)*part))
        part++;
    return *part == '\0';
}

static void name_of_node(const struct draft *draft, int index, char name[GRAPH_NAME_MAX])
{
    const struct onnx_node *node = draft->node;
    const char *own = node->name[0] ? node->name : node->outputs ? node->output[0] : "";
    char path[4 * GRAPH_NAME_MAX];
    snprintf(path, sizeof path, "%s", own[0] == '/' ? own + 1 : own);
    char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
    bool scoped = own[0] == '/' && is_operator(last, node->op);
    if (scoped && slash && (draft->kind == OP_CONV || draft->kind == OP_LINEAR || draft->kind == OP_BATCH_NORM))
        *slash = '\0';
    for (char *c = last; scoped && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    join_parts(path, name);
    if (!name[0])
        snprintf(name, GRAPH_NAME_MAX, "%.30s_%d", node->op, index);
}

/* Freeze lists separate names by spaces, globs have their characters, marks stand behind a colon. */
static void clean(char *name)
{
    for (char *c = name; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("._-+", *c))
            *c = '_';
    }
    while (name[0] == '.')
        memmove(name, name + 1, strlen(name));
}

/* --- all names --- */

/* Names that are taken: a net used for its table of values alone. */
static void make_unique(struct net *taken, struct draft *draft)
{
    char base[GRAPH_NAME_MAX];
    if (!draft->name[0])
        strcpy(draft->name, "node");
    snprintf(base, sizeof base, "%s", draft->name);
    for (int number = 2; !net_define_name(taken, draft->name, (struct value){0}); number++)
        snprintf(draft->name, sizeof draft->name, "%.*s_%d", GRAPH_NAME_MAX - 16, base, number);
}

static void name_draft(struct net *taken, struct draft *draft, int index)
{
    bool by_weight = draft->weight && name_of_weight(draft->weight, draft->name);
    if (by_weight) {
        clean(draft->name);
        by_weight = draft->name[0] && !net_find(taken, draft->name);
    }
    if (!by_weight) {
        name_of_node(draft, index, draft->name);
        clean(draft->name);
    }
    make_unique(taken, draft);
}

void net_name(struct net *net)
{
    struct net taken = {0};
    net_define_name(&taken, net->draft[0].name, (struct value){0});
    for (int i = 1; i < net->drafts; i++) {
        if (net->draft[i].uses && net->draft[i].instead < 0)
            name_draft(&taken, &net->draft[i], i);
    }
    mem_free(taken.value);
    mem_free(taken.slot);
}
