/* Vision transformers. ViT (Dosovitskiy et al. 2020), named and laid out as torchvision's; DeiT (Touvron et al. 2020), the
 * same network under another training and preprocessing, without distillation token; DINOv2 (Oquab et al. 2023; registers:
 * Darcet et al. 2023), named as its authors' and timm's, whose blocks scale what they add.
 *
 * Patches become tokens by a convolution, a class token goes in front, positions are added; each block norms, attends and
 * adds, norms, widens four times through a GELU, narrows and adds. The features are the class token's, normed. DINOv2's
 * registers come behind the class token once positions are added, and have none. Stages are the patches, each block, the
 * last norm and the head. Dropout, which the usual weights were trained without, is left out. */
#include "config.h"

#include <stdio.h>

#include "family.h"

enum { WIDEN = 4 };
static const float norm_eps = 1e-6f;

/* What a library calls the layers, and the parts of a block. */
struct names {
    const char *patches, *patch_stage, *class_token, *registers, *position, *block;
    const char *norm_1, *join, *attention, *project, *scale_1, *sum_1; /* scale NULL: there is none */
    const char *norm_2, *widen, *gelu, *narrow, *scale_2, *sum_2;
    const char *pick, *norm, *head_stage, *head;
};
static const struct names torchvision = {
    .patches = "conv_proj",
    .patch_stage = "conv_proj",
    .class_token = "class_token",
    .position = "encoder.pos_embedding",
    .block = "encoder.layers.encoder_layer_%d",
    .norm_1 = "ln_1",
    .join = "self_attention.in_proj",
    .attention = "self_attention",
    .project = "self_attention.out_proj",
    .sum_1 = "add_1",
    .norm_2 = "ln_2",
    .widen = "mlp.0",
    .gelu = "mlp.1",
    .narrow = "mlp.3",
    .sum_2 = "add_2",
    .pick = "encoder.pick",
    .norm = "encoder.ln",
    .head_stage = "heads",
    .head = "heads.head",
};
static const struct names authors = {
    .patches = "patch_embed.proj",
    .patch_stage = "patch_embed",
    .class_token = "cls_token",
    .registers = "register_tokens",
    .position = "pos_embed",
    .block = "blocks.%d",
    .norm_1 = "norm1",
    .join = "attn.qkv",
    .attention = "attn",
    .project = "attn.proj",
    .scale_1 = "ls1.gamma",
    .sum_1 = "add1",
    .norm_2 = "norm2",
    .widen = "mlp.fc1",
    .gelu = "mlp.act",
    .narrow = "mlp.fc2",
    .scale_2 = "ls2.gamma",
    .sum_2 = "add2",
    .pick = "pick",
    .norm = "norm",
    .head_stage = "head",
    .head = "head",
};

static const struct vit_row {
    int patch, blocks, width, heads, registers;
    const struct names *names;
    /* How an embedding of another grid becomes this one (bind_position.c): antialiased, by sides, as timm does it; or
     * with an offset to the sides, as DINOv2 did before its registers. */
    bool antialias;
    float offset;
} rows[] = {
    {16, 12, 192, 3, 0, &torchvision, true, 0},   {16, 12, 384, 6, 0, &torchvision, true, 0},
    {16, 12, 768, 12, 0, &torchvision, true, 0},  {32, 12, 384, 6, 0, &torchvision, true, 0},
    {32, 12, 768, 12, 0, &torchvision, true, 0},  {16, 24, 1024, 16, 0, &torchvision, true, 0},
    {32, 24, 1024, 16, 0, &torchvision, true, 0}, {14, 12, 384, 6, 0, &authors, false, 0.1f},
    {14, 12, 768, 12, 0, &authors, false, 0.1f},  {14, 12, 384, 6, 4, &authors, true, 0},
    {14, 12, 768, 12, 4, &authors, true, 0},
};
enum { TI_16, S_16, B_16, S_32, B_32, L_16, L_32, DINO_S, DINO_B, DINO_S_REG, DINO_B_REG };

struct vit {
    struct graph *graph;
    const struct vit_row *row;
    char prefix[GRAPH_NAME_MAX]; /* of the block, "" outside; with its dot */
};

static const char *name_of(const struct vit *vit, const char *part, char name[ZOO_NAME])
{
    return zoo_name(name, "%s%s", vit->prefix, part);
}

static int add_norm(const struct vit *vit, const char *part, int input)
{
    char name[ZOO_NAME];
    struct op_attrs attrs = op_attrs_default();
    attrs.eps = norm_eps;
    return graph_add(vit->graph, name_of(vit, part, name), OP_LAYER_NORM, &attrs, 1, &input);
}

/* A linear layer over every token's channels. */
static int add_linear(const struct vit *vit, const char *part, int input, int channels)
{
    char name[ZOO_NAME];
    struct op_attrs attrs = op_attrs_default();
    attrs.kernel_h = attrs.kernel_w = 1;
    attrs.out_channels = channels;
    attrs.bias = attrs.linear_weight = true;
    return graph_add(vit->graph, name_of(vit, part, name), OP_CONV, &attrs, 1, &input);
}

static int add_attention(const struct vit *vit, int input)
{
    char name[ZOO_NAME];
    const struct names *names = vit->row->names;
    struct op_attrs attrs = op_attrs_default();
    attrs.heads = vit->row->heads;
    int x = add_linear(vit, names->join, input, 3 * vit->row->width);
    x = graph_add(vit->graph, name_of(vit, names->attention, name), OP_ATTENTION, &attrs, 1, &x);
    return add_linear(vit, names->project, x, vit->row->width);
}

static int add_perceptron(const struct vit *vit, int input)
{
    char name[ZOO_NAME];
    const struct names *names = vit->row->names;
    int x = add_linear(vit, names->widen, input, WIDEN * vit->row->width);
    x = graph_add_unary(vit->graph, name_of(vit, names->gelu, name), OP_GELU, x);
    return add_linear(vit, names->narrow, x, vit->row->width);
}

/* What a half of a block gives, scaled where the network does that, and its input. */
static int add_sum(const struct vit *vit, const char *scale, const char *sum, int x, int input)
{
    char name[ZOO_NAME];
    struct op_attrs attrs = op_attrs_default();
    attrs.linear_weight = true;
    if (scale)
        x = graph_add(vit->graph, name_of(vit, scale, name), OP_AFFINE, &attrs, 1, &x);
    return graph_add_binary(vit->graph, name_of(vit, sum, name), OP_ADD, x, input);
}

static int add_block(struct vit *vit, int number, int input)
{
    char block[ZOO_NAME];
    const struct names *names = vit->row->names;
    int digits = snprintf(block, sizeof block, names->block, number);
    graph_begin_stage(vit->graph, block);
    snprintf(vit->prefix, sizeof vit->prefix, "%.*s.", digits, block);
    int x = add_attention(vit, add_norm(vit, names->norm_1, input));
    input = add_sum(vit, names->scale_1, names->sum_1, x, input);
    x = add_perceptron(vit, add_norm(vit, names->norm_2, input));
    x = add_sum(vit, names->scale_2, names->sum_2, x, input);
    vit->prefix[0] = '\0';
    return x;
}

static int add_tokens(const struct vit *vit, const char *name, int input, int count, int place)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.tokens = count;
    attrs.begin = place;
    return graph_add(vit->graph, name, OP_TOKENS, &attrs, 1, &input);
}

static int add_patches(const struct vit *vit)
{
    const struct names *names = vit->row->names;
    struct graph *graph = vit->graph;
    int patch = vit->row->patch;
    struct op_attrs attrs = op_attrs_default();
    graph_begin_stage(graph, names->patch_stage);
    int x = graph_add_conv(graph, names->patches, 0, vit->row->width, patch, patch, 0, 1, true);
    attrs.tokens = 1;
    attrs.grid_h = graph->node[x].shape.h;
    attrs.grid_w = graph->node[x].shape.w;
    attrs.antialias = vit->row->antialias;
    attrs.offset = vit->row->offset;
    x = add_tokens(vit, names->class_token, x, 1, 0);
    x = graph_add(graph, names->position, OP_POSITION, &attrs, 1, &x);
    return vit->row->registers ? add_tokens(vit, names->registers, x, vit->row->registers, 1) : x;
}

static bool check_sides(struct graph *graph, int patch)
{
    const struct shape4 *input = &graph->node[0].shape;
    if (input->h % patch == 0 && input->w % patch == 0)
        return true;
    return error_set(&graph->build_error, ERROR_USAGE,
                     "%s: an input of %dx%d is not made of patches of %dx%d: choose sides that are multiples of %d",
                     graph->arch, input->h, input->w, patch, patch, patch);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    struct vit vit = {.graph = graph, .row = &rows[arch->depth]};
    const struct names *names = vit.row->names;
    struct op_attrs crop = op_attrs_default();
    if (!check_sides(graph, vit.row->patch))
        return;
    int x = add_patches(&vit);
    for (int i = 0; i < vit.row->blocks; i++)
        x = add_block(&vit, i, x);
    graph_begin_stage(graph, names->norm);
    crop.pad_right = 1 - graph->node[x].shape.w;
    x = graph_add(graph, names->pick, OP_PAD, &crop, 1, &x);
    x = add_norm(&vit, names->norm, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, names->head_stage);
    graph_add_linear(graph, names->head, x, options->classes);
    if (names == &authors)
        graph_leave_out(graph, "mask_token", "only for training the original");
    else
        graph_leave_out(graph, "pooler.", "the features are taken before it");
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"vit_ti_16", "ViT", "ViT-Ti/16 (Dosovitskiy et al. 2020, in the size of Touvron et al.)", ZOO_BICUBIC_HALVES(224, 248), build, TI_16, 0, false},
    {"vit_s_16", "ViT", "ViT-S/16 (Dosovitskiy et al. 2020, in the size of Touvron et al.)", ZOO_BICUBIC_HALVES(224, 248), build, S_16, 0, false},
    {"vit_b_16", "ViT", "ViT-B/16 (Dosovitskiy et al. 2020)", ZOO_TORCHVISION(224, 256), build, B_16, 0, false},
    {"vit_l_16", "ViT", "ViT-L/16 (Dosovitskiy et al. 2020)", ZOO_TORCHVISION(224, 242), build, L_16, 0, false},
    {"vit_s_32", "ViT", "ViT-S/32 (Dosovitskiy et al. 2020, in the size of Touvron et al.)", ZOO_BICUBIC_HALVES(224, 248), build, S_32, 0, false},
    {"vit_b_32", "ViT", "ViT-B/32 (Dosovitskiy et al. 2020)", ZOO_TORCHVISION(224, 256), build, B_32, 0, false},
    {"vit_l_32", "ViT", "ViT-L/32 (Dosovitskiy et al. 2020)", ZOO_TORCHVISION(224, 256), build, L_32, 0, false},
    {"deit_ti_16", "DeiT", "DeiT-Ti/16 (Touvron et al. 2020)", ZOO_BICUBIC(224, 256), build, TI_16, 0, false},
    {"deit_s_16", "DeiT", "DeiT-S/16 (Touvron et al. 2020)", ZOO_BICUBIC(224, 256), build, S_16, 0, false},
    {"deit_b_16", "DeiT", "DeiT-B/16 (Touvron et al. 2020)", ZOO_BICUBIC(224, 256), build, B_16, 0, false},
    {"dinov2_s_14", "DINOv2", "DINOv2 ViT-S/14 (Oquab et al. 2023)", ZOO_BICUBIC(224, 256), build, DINO_S, 0, false},
    {"dinov2_b_14", "DINOv2", "DINOv2 ViT-B/14 (Oquab et al. 2023)", ZOO_BICUBIC(224, 256), build, DINO_B, 0, false},
    {"dinov2_s_14_reg", "DINOv2", "DINOv2 ViT-S/14 with registers (Darcet et al. 2023)", ZOO_BICUBIC(224, 256), build, DINO_S_REG, 0, false},
    {"dinov2_b_14_reg", "DINOv2", "DINOv2 ViT-B/14 with registers (Darcet et al. 2023)", ZOO_BICUBIC(224, 256), build, DINO_B_REG, 0, false},
};
/* clang-format on */
const struct zoo_family zoo_vit = {archs, THAW_LENGTH(archs), NULL};
