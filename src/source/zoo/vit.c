/* Vision transformers. ViT (Dosovitskiy et al. 2020), named and laid out as torchvision's; DeiT (Touvron et al. 2020), the
 * same network under another training and preprocessing, and its distilled form; DINOv2 (Oquab et al. 2023; registers:
 * Darcet et al. 2023), named as its authors' and timm's, whose blocks scale what they add; the image towers of CLIP (Radford
 * et al. 2021), named as OpenAI's, and of SigLIP (Zhai et al. 2023), named as Hugging Face's.
 *
 * Patches become tokens by a convolution, a class token goes in front, positions are added; each block norms, attends and
 * adds, norms, widens four times through a GELU, narrows and adds. The features are the class token's, normed. DINOv2's
 * registers come behind the class token once positions are added, and have none. Stages are the patches, each block, the
 * last norm and the head. Dropout, which the usual weights were trained without, is left out.
 *
 * A distilled DeiT has a second token, and its logits are the mean of two heads', one a token: here they are one layer over
 * both tokens' features, with both heads' weights halved. CLIP norms its tokens before the first block, and projects the
 * features to where texts are; SigLIP has no class token but a probe that attends to all. Both are also used without that
 * end: with the class token's features, or with the patches' mean, as Hugging Face classifies with either. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "family.h"

enum { WIDEN = 4 };
static const float norm_eps = 1e-6f, clip_eps = 1e-5f;

/* What a library calls the layers, and the parts of a block. */
struct names {
    const char *patches, *patch_stage, *class_token, *second_token, *registers, *position, *pre_norm, *block;
    const char *norm_1, *join, *attention, *project, *scale_1, *sum_1; /* scale NULL: there is none */
    const char *norm_2, *widen, *gelu, *narrow, *scale_2, *sum_2;
    const char *pick, *norm, *projection, *head_stage, *head;
};
static const struct names torchvision = {
    .patches = "conv_proj",
    .patch_stage = "conv_proj",
    .class_token = "class_token",
    .second_token = "dist_token",
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

static const struct names openai = {
    .patches = "visual.conv1",
    .patch_stage = "visual.conv1",
    .class_token = "visual.class_embedding",
    .position = "visual.positional_embedding",
    .pre_norm = "visual.ln_pre",
    .block = "visual.transformer.resblocks.%d",
    .norm_1 = "ln_1",
    .join = "attn.in_proj",
    .attention = "attn",
    .project = "attn.out_proj",
    .sum_1 = "add_1",
    .norm_2 = "ln_2",
    .widen = "mlp.c_fc",
    .gelu = "mlp.gelu",
    .narrow = "mlp.c_proj",
    .sum_2 = "add_2",
    .pick = "visual.pick",
    .norm = "visual.ln_post",
    .projection = "visual.projection",
    .head_stage = "head",
    .head = "head",
};
#define HUGGING "vision_model."
static const struct names hugging_face = {
    .patches = HUGGING "embeddings.patch_embedding",
    .patch_stage = HUGGING "embeddings",
    .position = HUGGING "embeddings.position_embedding",
    .block = HUGGING "encoder.layers.%d",
    .norm_1 = "layer_norm1",
    .join = "self_attn.in_proj",
    .attention = "self_attn",
    .project = "self_attn.out_proj",
    .sum_1 = "add_1",
    .norm_2 = "layer_norm2",
    .widen = "mlp.fc1",
    .gelu = "mlp.activation_fn",
    .narrow = "mlp.fc2",
    .sum_2 = "add_2",
    .pick = HUGGING "head.pick",
    .norm = HUGGING "post_layernorm",
    .head_stage = "head",
    .head = "head",
};
/* The pooling by a probe: a block whose parts are called so. */
static const struct names probe = {
    .class_token = HUGGING "head.probe",
    .join = HUGGING "head.attention.in_proj",
    .attention = HUGGING "head.attention",
    .project = HUGGING "head.attention.out_proj",
    .norm_2 = HUGGING "head.layernorm",
    .widen = HUGGING "head.mlp.fc1",
    .gelu = HUGGING "head.mlp.activation_fn",
    .narrow = HUGGING "head.mlp.fc2",
    .sum_2 = HUGGING "head.add",
};

/* What becomes of the tokens behind the last block. */
enum end {
    END_CLASS,     /* the class token's features, normed */
    END_TWO,       /* and those of the second token behind them */
    END_PROJECTED, /* the class token's, normed and projected */
    END_MEAN,      /* the mean of the patches' as they are */
    END_NORM_MEAN, /* the mean of all, normed */
    END_PROBE      /* normed, what a probe makes of them */
};

static const struct vit_row {
    const struct names *names;
    int patch, blocks, width, heads, registers;
    /* How an embedding of another grid becomes this one (bind_position.c): antialiased, by sides, as timm does it; or
     * with an offset to the sides, as DINOv2 did before its registers. */
    bool antialias;
    float offset;
    int hidden; /* of the perceptron; 0: WIDEN times the width */
    enum op_kind gelu;
    int class_tokens;
    int projected; /* features */
    enum end end;
} rows[] = {
/* clang-format off */
#define VIT(patch, blocks, width, heads) {&torchvision, patch, blocks, width, heads, 0, true, 0, 0, OP_GELU, 1, 0, END_CLASS}
    VIT(16, 12, 192, 3), VIT(16, 12, 384, 6), VIT(16, 12, 768, 12), VIT(32, 12, 384, 6), VIT(32, 12, 768, 12),
    VIT(16, 24, 1024, 16), VIT(32, 24, 1024, 16),
#define DISTILLED(width, heads, end) {&torchvision, 16, 12, width, heads, 0, true, 0, 0, OP_GELU, 2, 0, end}
#define DISTILLED_SIZES(end) DISTILLED(192, 3, end), DISTILLED(384, 6, end), DISTILLED(768, 12, end)
    DISTILLED_SIZES(END_TWO),
    DISTILLED_SIZES(END_CLASS),
#define DINO(width, heads, registers, antialias, offset) \
    {&authors, 14, 12, width, heads, registers, antialias, offset, 0, OP_GELU, 1, 0, END_CLASS}
    DINO(384, 6, 0, false, 0.1f), DINO(768, 12, 0, false, 0.1f), DINO(384, 6, 4, true, 0), DINO(768, 12, 4, true, 0),
#define CLIP(patch, blocks, width, heads, gelu, projected, end) \
    {&openai, patch, blocks, width, heads, 0, true, 0, 0, gelu, 1, projected, end}
#define CLIP_SIZES(gelu, end) CLIP(32, 12, 768, 12, gelu, 512, end), CLIP(16, 12, 768, 12, gelu, 512, end), CLIP(14, 24, 1024, 16, gelu, 768, end)
    CLIP_SIZES(OP_QUICK_GELU, END_PROJECTED),
    CLIP_SIZES(OP_GELU, END_PROJECTED),
    CLIP_SIZES(OP_QUICK_GELU, END_CLASS),
    CLIP_SIZES(OP_GELU, END_CLASS),
    CLIP_SIZES(OP_QUICK_GELU, END_MEAN),
    CLIP_SIZES(OP_GELU, END_MEAN),
#define SIGLIP(patch, blocks, width, heads, hidden, end) \
    {&hugging_face, patch, blocks, width, heads, 0, true, 0, hidden, OP_GELU_TANH, 0, 0, end}
#define SIGLIP_SIZES(end) SIGLIP(16, 12, 768, 12, 0, end), SIGLIP(14, 27, 1152, 16, 4304, end)
    SIGLIP_SIZES(END_PROBE),
    SIGLIP_SIZES(END_NORM_MEAN),
};
/* clang-format on */
enum { TI_16, S_16, B_16, S_32, B_32, L_16, L_32 };
enum { TWO_TI = L_32 + 1, TWO_S, TWO_B, FIRST_TI, FIRST_S, FIRST_B };
enum { DINO_S = FIRST_B + 1, DINO_B, DINO_S_REG, DINO_B_REG };
enum { SIZES = 3, CLIP_QUICK = DINO_B_REG + 1, CLIP_GELU = CLIP_QUICK + SIZES, CLIP_QUICK_CLASS = CLIP_GELU + SIZES };
enum { CLIP_GELU_CLASS = CLIP_QUICK_CLASS + SIZES, CLIP_QUICK_MEAN = CLIP_GELU_CLASS + SIZES };
enum {
    CLIP_GELU_MEAN = CLIP_QUICK_MEAN + SIZES,
    SIGLIP_B = CLIP_GELU_MEAN + SIZES,
    SIGLIP_SO,
    SIGLIP_B_MEAN,
    SIGLIP_SO_MEAN
};

struct vit {
    struct graph *graph;
    const struct vit_row *row;
    const struct names *names;   /* of a block */
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
    attrs.eps = vit->row->names == &openai ? clip_eps : norm_eps;
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

/* asking: tokens that alone ask the others; 0: all ask all. */
static int add_attention(const struct vit *vit, int input, int asking)
{
    char name[ZOO_NAME];
    const struct names *names = vit->names;
    struct op_attrs attrs = op_attrs_default();
    attrs.heads = vit->row->heads;
    attrs.tokens = asking;
    int x = add_linear(vit, names->join, input, 3 * vit->row->width);
    x = graph_add(vit->graph, name_of(vit, names->attention, name), OP_ATTENTION, &attrs, 1, &x);
    return add_linear(vit, names->project, x, vit->row->width);
}

static int add_perceptron(const struct vit *vit, int input)
{
    char name[ZOO_NAME];
    const struct names *names = vit->names;
    int x = add_linear(vit, names->widen, input, vit->row->hidden ? vit->row->hidden : WIDEN * vit->row->width);
    x = graph_add_unary(vit->graph, name_of(vit, names->gelu, name), vit->row->gelu, x);
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
    const struct names *names = vit->names;
    int digits = snprintf(block, sizeof block, names->block, number);
    graph_begin_stage(vit->graph, block);
    snprintf(vit->prefix, sizeof vit->prefix, "%.*s.", digits, block);
    int x = add_attention(vit, add_norm(vit, names->norm_1, input), 0);
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
    const struct names *names = vit->names;
    struct graph *graph = vit->graph;
    int patch = vit->row->patch;
    struct op_attrs attrs = op_attrs_default();
    graph_begin_stage(graph, names->patch_stage);
    int x = graph_add_conv(graph, names->patches, 0, vit->row->width, patch, patch, 0, 1, names != &openai);
    attrs.tokens = vit->row->class_tokens;
    attrs.grid_h = graph->node[x].shape.h;
    attrs.grid_w = graph->node[x].shape.w;
    attrs.antialias = vit->row->antialias;
    attrs.offset = vit->row->offset;
    if (vit->row->class_tokens > 0)
        x = add_tokens(vit, names->class_token, x, 1, 0);
    if (vit->row->class_tokens > 1)
        x = add_tokens(vit, names->second_token, x, 1, 1);
    x = graph_add(graph, names->position, OP_POSITION, &attrs, 1, &x);
    if (names->pre_norm)
        x = add_norm(vit, names->pre_norm, x);
    return vit->row->registers ? add_tokens(vit, names->registers, x, vit->row->registers, 1) : x;
}

/* The tokens but those in front and behind. */
static int add_crop(const struct vit *vit, int input, int front, int behind)
{
    struct op_attrs crop = op_attrs_default();
    crop.pad_left = -front;
    crop.pad_right = -behind;
    return graph_add(vit->graph, vit->names->pick, OP_PAD, &crop, 1, &input);
}

/* A probe in front of the normed tokens asks them; then a perceptron. */
static int add_probe(struct vit *vit, int input)
{
    const struct names *own = vit->names;
    vit->names = &probe;
    int x = add_tokens(vit, probe.class_token, input, 1, 0);
    x = add_attention(vit, x, 1);
    x = graph_add_binary(vit->graph, probe.sum_2, OP_ADD, add_perceptron(vit, add_norm(vit, probe.norm_2, x)), x);
    vit->names = own;
    return x;
}

/* To where texts are, without bias. */
static int add_projection(const struct vit *vit, int input)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.out_channels = vit->row->projected;
    return graph_add(vit->graph, vit->names->projection, OP_LINEAR, &attrs, 1, &input);
}

/* The features, one row of them. */
static int add_end(struct vit *vit, int x)
{
    struct graph *graph = vit->graph;
    const struct names *names = vit->names;
    int tokens = graph->node[x].shape.w;
    graph_begin_stage(graph, names->norm);
    switch (vit->row->end) {
    case END_CLASS:
        return add_norm(vit, names->norm, add_crop(vit, x, 0, tokens - 1));
    case END_TWO:
        x = add_norm(vit, names->norm, add_crop(vit, x, 0, tokens - 2));
        return graph_add_unary(graph, "encoder.flatten", OP_FLATTEN, x);
    case END_PROJECTED:
        x = add_norm(vit, names->norm, add_crop(vit, x, 0, tokens - 1));
        return add_projection(vit, x);
    case END_MEAN:
        return graph_add_unary(graph, "pool", OP_GLOBAL_AVG_POOL, add_crop(vit, x, 1, 0));
    case END_NORM_MEAN:
        return graph_add_unary(graph, "pool", OP_GLOBAL_AVG_POOL, add_norm(vit, names->norm, x));
    case END_PROBE:
        return add_probe(vit, add_norm(vit, names->norm, x));
    }
    return x;
}

/* What the files hold beside the image's tower, and what of the tower another end is made of. */
static void leave_out(const struct vit *vit)
{
    static const char texts[] = "the tower of texts", pair[] = "only for comparing images with texts";
    static const struct {
        const struct names *names;
        const char *prefix, *reason;
    } known[] = {
        {&authors, "mask_token", "only for training the original"},
        {&torchvision, "pooler.", "the features are taken before it"},
        /* OpenAI's, and open_clip's with a tower of its own */
        {&openai, "transformer.", texts},
        {&openai, "token_embedding.", texts},
        {&openai, "positional_embedding", texts},
        {&openai, "ln_final.", texts},
        {&openai, "input_resolution", "known by the positions"},
        {&openai, "context_length", texts},
        {&openai, "vocab_size", texts},
        {&openai, "visual.ln_post.", "the features are taken before it"},
        {&openai, "visual.projection.", "the features are taken before it"},
        {&hugging_face, HUGGING "head.", "the features are taken before it"},
        {&openai, "aside.", "the classes' features are taken before it"},
        {&hugging_face, "aside.", "the classes' features are taken before it"},
    };
    static const char *const both[] = {"text_model.", "text_projection", "text.", "logit_scale", "logit_bias"};
    bool tower = vit->names == &openai || vit->names == &hugging_face;
    for (size_t i = 0; i < THAW_LENGTH(known); i++)
        if (known[i].names == vit->names)
            graph_leave_out(vit->graph, known[i].prefix, known[i].reason);
    for (size_t i = 0; i < THAW_LENGTH(both) && tower; i++)
        graph_leave_out(vit->graph, both[i], strncmp(both[i], "text", 4) == 0 ? texts : pair);
    if (tower)
        graph_leave_out(vit->graph, HUGGING "embeddings.position_ids", "numbers of rows");
}

/* SigLIP's patches may leave a rest at the right and below. */
static bool check_sides(struct graph *graph, const struct vit_row *row)
{
    const struct shape4 *input = &graph->node[0].shape;
    int patch = row->patch;
    if ((input->h % patch == 0 && input->w % patch == 0) ||
        (row->names == &hugging_face && input->h >= patch && input->w >= patch))
        return true;
    return error_set(&graph->build_error, ERROR_USAGE,
                     "%s: an input of %dx%d is not made of patches of %dx%d: choose sides that are multiples of %d",
                     graph->arch, input->h, input->w, patch, patch, patch);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    struct vit vit = {.graph = graph, .row = &rows[arch->depth], .names = rows[arch->depth].names};
    if (!check_sides(graph, vit.row))
        return;
    int x = add_patches(&vit);
    for (int i = 0; i < vit.row->blocks; i++)
        x = add_block(&vit, i, x);
    graph_mark_trunk(graph, add_end(&vit, x));
    bool alone =
        vit.row->class_tokens > 1 && vit.row->end == END_CLASS; /* what transformers calls so beside two heads */
    graph_begin_stage(graph, vit.names->head_stage);
    graph_add_linear(graph, alone ? "heads.class_head" : vit.names->head, graph->trunk, options->classes);
    leave_out(&vit);
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
    {"deit_ti_16_distilled", "DeiT", "DeiT-Ti/16 distilled (Touvron et al. 2020)", ZOO_BICUBIC(224, 256), build, TWO_TI, 0, false},
    {"deit_s_16_distilled", "DeiT", "DeiT-S/16 distilled (Touvron et al. 2020)", ZOO_BICUBIC(224, 256), build, TWO_S, 0, false},
    {"deit_b_16_distilled", "DeiT", "DeiT-B/16 distilled (Touvron et al. 2020)", ZOO_BICUBIC(224, 256), build, TWO_B, 0, false},
    {"deit_ti_16_distilled_class", "DeiT", "DeiT-Ti/16 distilled, classes by the class token alone", ZOO_BICUBIC(224, 256), build, FIRST_TI, 0, false},
    {"deit_s_16_distilled_class", "DeiT", "DeiT-S/16 distilled, classes by the class token alone", ZOO_BICUBIC(224, 256), build, FIRST_S, 0, false},
    {"deit_b_16_distilled_class", "DeiT", "DeiT-B/16 distilled, classes by the class token alone", ZOO_BICUBIC(224, 256), build, FIRST_B, 0, false},
    {"dinov2_s_14", "DINOv2", "DINOv2 ViT-S/14 (Oquab et al. 2023)", ZOO_BICUBIC(224, 256), build, DINO_S, 0, false},
    {"dinov2_b_14", "DINOv2", "DINOv2 ViT-B/14 (Oquab et al. 2023)", ZOO_BICUBIC(224, 256), build, DINO_B, 0, false},
    {"dinov2_s_14_reg", "DINOv2", "DINOv2 ViT-S/14 with registers (Darcet et al. 2023)", ZOO_BICUBIC(224, 256), build, DINO_S_REG, 0, false},
    {"dinov2_b_14_reg", "DINOv2", "DINOv2 ViT-B/14 with registers (Darcet et al. 2023)", ZOO_BICUBIC(224, 256), build, DINO_B_REG, 0, false},
    {"clip_b_32", "CLIP", "CLIP ViT-B/32, image tower (Radford et al. 2021)", ZOO_CLIP(224, 224), build, CLIP_QUICK, 0, false},
    {"clip_b_16", "CLIP", "CLIP ViT-B/16, image tower (Radford et al. 2021)", ZOO_CLIP(224, 224), build, CLIP_QUICK + 1, 0, false},
    {"clip_l_14", "CLIP", "CLIP ViT-L/14, image tower (Radford et al. 2021)", ZOO_CLIP(224, 224), build, CLIP_QUICK + 2, 0, false},
    {"clip_b_32_gelu", "CLIP", "CLIP ViT-B/32 with exact GELU, image tower (open_clip)", ZOO_CLIP(224, 224), build, CLIP_GELU, 0, false},
    {"clip_b_16_gelu", "CLIP", "CLIP ViT-B/16 with exact GELU, image tower (open_clip)", ZOO_CLIP(224, 224), build, CLIP_GELU + 1, 0, false},
    {"clip_l_14_gelu", "CLIP", "CLIP ViT-L/14 with exact GELU, image tower (open_clip)", ZOO_CLIP(224, 224), build, CLIP_GELU + 2, 0, false},
    {"clip_b_32_features", "CLIP", "CLIP ViT-B/32, image tower without projection", ZOO_CLIP(224, 224), build, CLIP_QUICK_CLASS, 0, false},
    {"clip_b_16_features", "CLIP", "CLIP ViT-B/16, image tower without projection", ZOO_CLIP(224, 224), build, CLIP_QUICK_CLASS + 1, 0, false},
    {"clip_l_14_features", "CLIP", "CLIP ViT-L/14, image tower without projection", ZOO_CLIP(224, 224), build, CLIP_QUICK_CLASS + 2, 0, false},
    {"clip_b_32_gelu_features", "CLIP", "CLIP ViT-B/32 with exact GELU, without projection", ZOO_CLIP(224, 224), build, CLIP_GELU_CLASS, 0, false},
    {"clip_b_16_gelu_features", "CLIP", "CLIP ViT-B/16 with exact GELU, without projection", ZOO_CLIP(224, 224), build, CLIP_GELU_CLASS + 1, 0, false},
    {"clip_l_14_gelu_features", "CLIP", "CLIP ViT-L/14 with exact GELU, without projection", ZOO_CLIP(224, 224), build, CLIP_GELU_CLASS + 2, 0, false},
    {"clip_b_32_mean", "CLIP", "CLIP ViT-B/32, the patches' mean (transformers)", ZOO_CLIP(224, 224), build, CLIP_QUICK_MEAN, 0, false},
    {"clip_b_16_mean", "CLIP", "CLIP ViT-B/16, the patches' mean (transformers)", ZOO_CLIP(224, 224), build, CLIP_QUICK_MEAN + 1, 0, false},
    {"clip_l_14_mean", "CLIP", "CLIP ViT-L/14, the patches' mean (transformers)", ZOO_CLIP(224, 224), build, CLIP_QUICK_MEAN + 2, 0, false},
    {"clip_b_32_gelu_mean", "CLIP", "CLIP ViT-B/32 with exact GELU, the patches' mean", ZOO_CLIP(224, 224), build, CLIP_GELU_MEAN, 0, false},
    {"clip_b_16_gelu_mean", "CLIP", "CLIP ViT-B/16 with exact GELU, the patches' mean", ZOO_CLIP(224, 224), build, CLIP_GELU_MEAN + 1, 0, false},
    {"clip_l_14_gelu_mean", "CLIP", "CLIP ViT-L/14 with exact GELU, the patches' mean", ZOO_CLIP(224, 224), build, CLIP_GELU_MEAN + 2, 0, false},
    {"siglip_b_16", "SigLIP", "SigLIP ViT-B/16, image tower (Zhai et al. 2023)", ZOO_BICUBIC_HALVES(224, 224), build, SIGLIP_B, 0, false},
    {"siglip_so400m_14", "SigLIP", "SigLIP So400m/14, image tower (Zhai et al. 2023)", ZOO_BICUBIC_HALVES(224, 224), build, SIGLIP_SO, 0, false},
    {"siglip_b_16_mean", "SigLIP", "SigLIP ViT-B/16, the patches' mean", ZOO_BICUBIC_HALVES(224, 224), build, SIGLIP_B_MEAN, 0, false},
    {"siglip_so400m_14_mean", "SigLIP", "SigLIP So400m/14, the patches' mean", ZOO_BICUBIC_HALVES(224, 224), build, SIGLIP_SO_MEAN, 0, false},
};
/* clang-format on */
const struct zoo_family zoo_vit = {archs, THAW_LENGTH(archs), NULL};
