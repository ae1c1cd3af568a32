/* Name dialects: what other libraries call the layers of the zoo's architectures. Private to src/source.
 *
 * A dialect is a table of one library's names for some architectures: rules that turn the name of a layer here into the one
 * there. To add one: a table in the library's file and its line in the list of dialect.c; tests/unit/source then tries it
 * on every architecture that it covers, and tests/reference/check_names.py holds it against the library itself. */
#ifndef THAW_SRC_SOURCE_DIALECT_DIALECT_H
#define THAW_SRC_SOURCE_DIALECT_DIALECT_H

#include "thaw/network/graph.h"

/* Both sides are parts of dotted names. "{a}" on the own side takes a number; on the other it stands for it, "{a+1}",
 * "{a-1}", "{a/2}", "{a*2}" and "{a*2+1}" for what they say. What follows the own side in a parameter's name, "" or from
 * a dot on, is kept. The first rule that fits counts; a layer that none fits keeps its name. */
struct dialect_rule {
    const char *own, *other;
};

struct dialect {
    const char *library; /* "timm" */
    const char *archs;   /* names of architectures between blanks; "regnet_*": all that begin so */
    bool roles;          /* the own side is a layer's role (roles.c) in place of its name */
    const int *blocks;   /* for roles: blocks a stage, ended by 0; NULL: as roles.c tells them */
    const struct dialect_rule *rule;
    size_t rules;
    /* Of the architectures those that this library alone has: their weights go home under its names, the trunk's behind
     * `member`, where the trunk is a member of its module; NULL: none. There,
     * what is a linear layer here may be a 1x1 convolution, and a scale of (channels, 1, 1) a vector: own sides, ended by
     * NULL, or NULL. */
    const char *home, *member;
    const char *const *convs, *const *vectors;
};

/* NULL behind the last. */
const struct dialect *dialect_at(size_t index);
bool dialect_covers(const struct dialect *dialect, const char *arch) THAW_NONNULL;
/* The names [graph->params] of all parameters in a dialect that covers the graph; free with dialect_free_names. */
char **dialect_names(const struct dialect *dialect, const struct graph *graph) THAW_NONNULL THAW_MUST_CHECK;
/* In which weights of that architecture go home; NULL: in the zoo's own names. */
const struct dialect *dialect_home(const char *arch) THAW_NONNULL;
/* The shapes [graph->params] of all parameters as torch has them become those that the library has. */
void dialect_shapes(const struct dialect *dialect, const struct graph *graph, struct shape *shape) THAW_NONNULL;
void dialect_free_names(char **names, const struct graph *graph) THAW_NONNULL_ARGS(2);

/* roles.c: networks of inverted residuals as roles, whatever their builder calls the layers:
 *   stem.conv stem.norm
 *   block.S.B.N.KIND.PART.conv, .norm  stage, number in it, number of all; KIND and PARTs:
 *     mb: expand, depthwise, reduce, excite, project (MobileNetV2); ds: the same without expand
 *     edge: expand, project (a plain convolution in place of the first two); plain: expand alone
 *     of reduce and excite (squeeze and excitation), which have no norm, there is the .conv alone
 *   head.S.conv head.S.norm  S: the number of stages
 *   hidden                   a linear layer before that of the classes
 *   classes
 * Into role [graph->nodes], "" for layers that have none. */
typedef char dialect_role[GRAPH_NAME_MAX];
void dialect_find_roles(const struct graph *graph, const int *blocks, dialect_role *role) THAW_NONNULL_ARGS(1, 3);

/* The tables of the libraries' files, each ended by an empty one. */
extern const struct dialect dialects_timm[], dialects_transformers[], dialects_others[];

#define DIALECT_RULES(table) .rule = (table), .rules = THAW_LENGTH(table)

#endif
