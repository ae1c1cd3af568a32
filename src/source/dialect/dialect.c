/* The list of dialects, and how their rules are applied. Called by bind and by recognition. */
#include "config.h"

#include "dialect.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/mem.h"

static const struct dialect *const lists[] = {dialects_others, dialects_timm, dialects_transformers};

const struct dialect *dialect_at(size_t index)
{
    for (size_t i = 0; i < THAW_LENGTH(lists); i++)
        for (const struct dialect *dialect = lists[i]; dialect->library; dialect++)
            if (index-- == 0)
                return dialect;
    return NULL;
}

static bool is_listed(const char *word, const char *arch)
{
    while (*word) {
        size_t length = strcspn(word, " ");
        bool begins = length > 0 && word[length - 1] == '*';
        if (begins ? strncmp(arch, word, length - 1) == 0 : strlen(arch) == length && !memcmp(arch, word, length))
            return true;
        word += length;
        word += strspn(word, " ");
    }
    return false;
}

bool dialect_covers(const struct dialect *dialect, const char *arch)
{
    return is_listed(dialect->archs, arch);
}

const struct dialect *dialect_home(const char *arch)
{
    const struct dialect *dialect;
    for (size_t d = 0; (dialect = dialect_at(d)); d++)
        if (dialect->home && is_listed(dialect->home, arch))
            return dialect;
    return NULL;
}

/* --- rules --- */

enum { LETTERS = 26, OTHER_MAX = 256 };

/* What is left of the name behind the own side, or NULL where it does not fit; the numbers by their letters. */
static const char *match(const char *own, const char *name, int number[LETTERS])
{
    while (*own) {
        if (*own == '{') {
            if (!isdigit((unsigned char)*name))
                return NULL;
            char *end;
            number[own[1] - 'a'] = (int)strtol(name, &end, 10);
            name = end;
            own += 3;
        } else if (*own++ != *name++) {
            return NULL;
        }
    }
    return *name == '\0' || *name == '.' ? name : NULL;
}

/* "{a*2+1}", from behind the brace. */
static int evaluate(const char *text, const int number[LETTERS])
{
    int value = number[*text++ - 'a'];
    while (*text != '}') {
        char *end;
        int operand = (int)strtol(text + 1, &end, 10);
        value = *text == '+'   ? value + operand
                : *text == '-' ? value - operand
                : *text == '*' ? value * operand
                               : value / operand;
        text = end;
    }
    return value;
}

static void write_other(char to[OTHER_MAX], const char *other, const int number[LETTERS])
{
    size_t used = 0;
    for (; *other && used + 16 < OTHER_MAX; other++) {
        if (*other != '{') {
            to[used++] = *other;
            continue;
        }
        used += (size_t)snprintf(to + used, 16, "%d", evaluate(other + 1, number));
        other = strchr(other, '}');
    }
    to[used] = '\0';
}

/* A parameter's name there; the caller frees. */
static char *translate(const struct dialect *dialect, const char *name)
{
    for (size_t i = 0; i < dialect->rules; i++) {
        int number[LETTERS] = {0};
        char other[OTHER_MAX];
        const char *rest = match(dialect->rule[i].own, name, number);
        if (!rest)
            continue;
        write_other(other, dialect->rule[i].other, number);
        return mem_format("%s%s", other, rest);
    }
    return NULL;
}

/* The name of a layer's first parameter there. */
static char *name_first(const struct dialect *dialect, const struct graph_param *param, const char *role)
{
    char own[2 * GRAPH_NAME_MAX];
    if (role[0])
        snprintf(own, sizeof own, "%s%s", role, strrchr(param->name, '.'));
    char *name = translate(dialect, role[0] ? own : param->name);
    return name ? name : mem_string(param->name);
}

char **dialect_names(const struct dialect *dialect, const struct graph *graph)
{
    char **names = mem_array((size_t)graph->params + 1, sizeof *names);
    dialect_role *role = mem_array((size_t)graph->nodes, sizeof *role);
    if (dialect->roles)
        dialect_find_roles(graph, dialect->blocks, role);
    for (int n = 0; n < graph->nodes; n++) {
        const struct graph_node *node = &graph->node[n];
        const struct graph_param *param = &graph->param[node->first_param];
        for (int i = 0; i < node->params; i++) { /* the others are called after the first */
            char **name = &names[node->first_param + i], *first = names[node->first_param];
            *name = i == 0
                        ? name_first(dialect, param, role[n])
                        : mem_format("%.*s%s", (int)(strrchr(first, '.') - first), first, strrchr(param[i].name, '.'));
        }
    }
    mem_free(role);
    return names;
}

/* Whether a layer's name, or its role, is one of the own sides. */
static bool is_among(const char *const *own, const char *layer)
{
    int number[LETTERS];
    for (; own && *own; own++) {
        const char *rest = match(*own, layer, number);
        if (rest && !*rest)
            return true;
    }
    return false;
}

void dialect_shapes(const struct dialect *dialect, const struct graph *graph, struct shape *shape)
{
    dialect_role *role = mem_array((size_t)graph->nodes, sizeof *role);
    if (dialect->roles)
        dialect_find_roles(graph, dialect->blocks, role);
    for (int p = 0; p < graph->params; p++) {
        int node = graph->param[p].node;
        const char *layer = role[node][0] ? role[node] : graph->node[node].name;
        if (shape[p].rank == 2 && is_among(dialect->convs, layer))
            shape[p] = shape_make(4, (int64_t[]){shape[p].dim[0], shape[p].dim[1], 1, 1});
        if (shape[p].rank == 3 && is_among(dialect->vectors, layer))
            shape[p] = shape_make(1, shape[p].dim);
    }
    mem_free(role);
}

void dialect_free_names(char **names, const struct graph *graph)
{
    for (int p = 0; names && p < graph->params; p++)
        mem_free(names[p]);
    mem_free(names);
}
