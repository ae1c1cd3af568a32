/* An imported network for another input size or other classes: built once more, node by node, so that every shape
 * follows. What comes from the zoo is built for its size at once and never passes here. Called by import.c. */
#include "config.h"

#include <string.h>

#include "importer.h"

/* Attributes of the new node: the class layer gets the classes asked for. */
static struct op_attrs attrs_for(const struct graph *graph, int node, int classes)
{
    struct op_attrs attrs = graph->node[node].attrs;
    if (classes && node == graph_class_layer(graph))
        attrs.out_channels = classes;
    return attrs;
}

static void copy_nodes(struct graph *to, const struct graph *from, int classes)
{
    int stage = -1;
    for (int i = 1; i < from->nodes; i++) {
        const struct graph_node *node = &from->node[i];
        struct op_attrs attrs = attrs_for(from, i, classes);
        if (node->stage != stage)
            graph_begin_stage(to, from->stage[node->stage].name);
        stage = node->stage;
        graph_add(to, node->name, node->kind, &attrs, node->inputs, node->input);
    }
    for (int i = 0; i < from->constants; i++) {
        const struct graph_param *param = &from->param[from->constant[i].param];
        graph_set_constant(to, param->node, param->slot, from->constant[i].values, param->count);
    }
    graph_mark_trunk(to, from->trunk);
    if (from->note)
        graph_add_note(to, "%s", from->note);
}

/* A trunk parameter that changes its size has no values in the file any more. */
bool import_check_trunk(const struct graph *to, const struct graph *from, struct error *error)
{
    const struct shape4 *input = &to->node[0].shape;
    for (int p = 0; p < to->params && to->param[p].node <= to->trunk; p++) {
        char have[SHAPE_TEXT], want[SHAPE_TEXT];
        if (!shape_equal(&to->param[p].shape, &from->param[p].shape))
            return error_set(error, ERROR_USAGE,
                             "the network does not allow images of %dx%d: %s would be %s, in the file it is %s",
                             input->h, input->w, to->param[p].name, shape_text(want, &to->param[p].shape),
                             shape_text(have, &from->param[p].shape));
    }
    return true;
}

static void resize_preprocess(struct graph *graph, const struct preprocess *from)
{
    const struct shape4 *input = &graph->node[0].shape;
    struct preprocess *own = &graph->preprocess;
    *own = *from;
    if (input->h != from->height || input->w != from->width) /* the same share of the image is cropped away */
        own->resize = from->height ? (int)((int64_t)from->resize * input->h / from->height) : 0;
    own->height = input->h;
    own->width = input->w;
}

struct graph *import_resized(const struct graph *graph, int side, int classes, struct error *error)
{
    if (classes && classes != graph->classes && graph_class_layer(graph) < 0) {
        error_set(error, ERROR_USAGE, "no layer of the network makes its %d outputs, so it cannot have %d classes",
                  graph->classes, classes);
        return NULL;
    }
    const struct shape4 *input = &graph->node[0].shape;
    struct graph *made = graph_create(graph->arch, side ? side : input->h, side ? side : input->w, input->c);
    copy_nodes(made, graph, classes);
    resize_preprocess(made, &graph->preprocess);
    made->preprocess_guessed = graph->preprocess_guessed;
    if (graph_seal(made, error) && import_check_trunk(made, graph, error))
        return made;
    graph_destroy(made);
    return NULL;
}
