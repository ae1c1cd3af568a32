/* Draft nodes: added with the shape rule of their op, so that a fault is told of the ONNX node it comes from. */
#include "config.h"

#include <string.h>

#include "onnx_net.h"
#include "thaw/base/mem.h"

static bool find_shape(struct net *net, const struct onnx_node *node, int kind, const struct op_attrs *attrs,
                       int inputs, const int *input, struct shape4 *shape)
{
    struct shape4 in[NET_INPUTS_MAX];
    struct error error = {ERROR_NONE, ""};
    for (int i = 0; i < inputs; i++)
        in[i] = net->draft[input[i]].shape;
    if (kind >= (int)OP_KINDS) { /* drafts of one input, which they leave as it is */
        *shape = in[0];
        return true;
    }
    if (!op_get((enum op_kind)kind)->shape(attrs, inputs, in, shape, &error))
        return net_refuse(net, node, "%s", error.text);
    if ((double)shape->h * shape->w * shape->c > (double)INT32_MAX)
        return net_refuse(net, node, "its output of %dx%dx%d is too large", shape->h, shape->w, shape->c);
    return true;
}

static bool take_sources(struct net *net, struct draft *draft)
{
    if (draft->kind >= (int)OP_KINDS || !op_get((enum op_kind)draft->kind)->params)
        return true;
    draft->source = net_room(net, OP_PARAMS_MAX, sizeof *draft->source);
    for (int i = 0; draft->source && i < OP_PARAMS_MAX; i++)
        draft->source[i].factor = 1;
    return draft->source != NULL;
}

int draft_add(struct net *net, const struct onnx_node *node, int kind, const struct op_attrs *attrs, int inputs,
              const int *input)
{
    struct shape4 shape;
    /* Their number bounds what they take, a kilobyte each with the graph's: a file of tiny nodes may have as many. */
    if (inputs > NET_INPUTS_MAX || net->drafts >= NET_NODES_MAX) {
        net_refuse(net, node, "%s", inputs > NET_INPUTS_MAX ? "it has too many inputs" : "the network is too large");
        return -1;
    }
    if (!find_shape(net, node, kind, attrs, inputs, input, &shape))
        return -1;
    if (net->drafts == net->drafts_room) {
        net->drafts_room = net->drafts_room ? 2 * net->drafts_room : 16;
        net->draft = mem_grow(net->draft, (size_t)net->drafts_room, sizeof *net->draft);
    }
    struct draft *draft = &net->draft[net->drafts];
    *draft = (struct draft){
        .kind = kind, .attrs = *attrs, .inputs = inputs, .shape = shape, .node = node, .instead = -1, .built = -1};
    draft->input = net_room(net, (size_t)inputs, sizeof *input);
    if (!draft->input || !take_sources(net, draft))
        return -1;
    memcpy(draft->input, input, (size_t)inputs * sizeof *input);
    return net->drafts++;
}

int draft_add_unary(struct net *net, const struct onnx_node *node, int kind, int input)
{
    struct op_attrs attrs = op_attrs_default();
    return draft_add(net, node, kind, &attrs, 1, &input);
}

int draft_add_affine(struct net *net, const struct onnx_node *node, int input, double *scale, double *shift)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.bias = true;
    attrs.constant = true;
    int draft = draft_add(net, node, OP_AFFINE, &attrs, 1, &input);
    if (draft >= 0) {
        net->draft[draft].source[0].value = scale;
        net->draft[draft].source[1].value = shift;
    }
    return draft;
}

int draft_at(const struct net *net, int draft)
{
    while (net->draft[draft].instead >= 0)
        draft = net->draft[draft].instead;
    return draft;
}

/* Only what the output needs counts; nodes are in order, so one pass backwards finds it. */
void net_count_uses(struct net *net)
{
    for (int i = 0; i < net->drafts; i++)
        net->draft[i].uses = 0;
    net->output = draft_at(net, net->output);
    net->draft[net->output].uses = 1;
    for (int i = net->drafts - 1; i >= 0; i--) {
        struct draft *draft = &net->draft[i];
        if (draft->uses == 0 || draft->instead >= 0)
            continue;
        for (int k = 0; k < draft->inputs; k++) {
            draft->input[k] = draft_at(net, draft->input[k]);
            net->draft[draft->input[k]].uses++;
        }
    }
}
