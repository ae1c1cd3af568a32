/* Names of vision transformers: torchvision's of old, timm's and Hugging Face's become the zoo's, which are torchvision's for
 * ViT and DeiT, the authors' (and timm's) for DINOv2, OpenAI's for CLIP, Hugging Face's for SigLIP; for Swin its
 * authors', of which a dialect goes on from there. Called when a file's tensors are named, before it is known which
 * architecture it is: a tensor that only one library names so tells the library, whatever prefix it is behind.
 *
 * Queries, keys and values, which Hugging Face keeps apart, are one parameter here: three tensors in a row. Tensors that
 * belong to another end than the one that the file's head reads are set aside ("aside."). */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "bind_private.h"
#include "thaw/base/mem.h"
#include "thaw/source/zoo.h"

/* Parts of dotted names; "{}" is a number, two at most. What follows the library's side is kept. "#0", "#1" and "#2" at the end are the
 * parts of one tensor, and other marks as bind_private.h has them. The first rule that fits counts; a tensor that none fits
 * keeps its name. */
struct rule {
    const char *library, *own;
};

/* clang-format off */
#define LAYER "encoder.layers.encoder_layer_{}"
static const struct rule torchvision_of_old[] = {
    {LAYER ".mlp.linear_1", LAYER ".mlp.0"},
    {LAYER ".mlp.linear_2", LAYER ".mlp.3"},
};
static const struct rule timm[] = {
    {"patch_embed.proj", "conv_proj"},
    {"cls_token", "class_token"},
    {"pos_embed", "encoder.pos_embedding"},
    {"blocks.{}.norm1", LAYER ".ln_1"},
    {"blocks.{}.attn.qkv.weight", LAYER ".self_attention.in_proj_weight"},
    {"blocks.{}.attn.qkv.bias", LAYER ".self_attention.in_proj_bias"},
    {"blocks.{}.attn.proj", LAYER ".self_attention.out_proj"},
    {"blocks.{}.norm2", LAYER ".ln_2"},
    {"blocks.{}.mlp.fc1", LAYER ".mlp.0"},
    {"blocks.{}.mlp.fc2", LAYER ".mlp.3"},
    {"norm", "encoder.ln"},
    {"head", "heads.head"},
};
static const struct rule timm_two_heads[] = {
    {"head.weight", "heads.head.weight%0"},
    {"head.bias", "heads.head.bias%0"},
    {"head_dist.weight", "heads.head.weight%1"},
    {"head_dist.bias", "heads.head.bias%1"},
};
static const struct rule timm_dinov2[] = {
    {"reg_token.weight", "register_tokens.weight"},
    {"reg_token", "register_tokens.weight"},
};
static const struct rule transformers[] = {
    {"embeddings.patch_embeddings.projection", "conv_proj"},
    {"embeddings.cls_token", "class_token"},
    {"embeddings.position_embeddings", "encoder.pos_embedding.weight"},
    {"encoder.layer.{}.layernorm_before", LAYER ".ln_1"},
    {"encoder.layer.{}.attention.attention.query.weight", LAYER ".self_attention.in_proj_weight#0"},
    {"encoder.layer.{}.attention.attention.key.weight", LAYER ".self_attention.in_proj_weight#1"},
    {"encoder.layer.{}.attention.attention.value.weight", LAYER ".self_attention.in_proj_weight#2"},
    {"encoder.layer.{}.attention.attention.query.bias", LAYER ".self_attention.in_proj_bias#0"},
    {"encoder.layer.{}.attention.attention.key.bias", LAYER ".self_attention.in_proj_bias#1"},
    {"encoder.layer.{}.attention.attention.value.bias", LAYER ".self_attention.in_proj_bias#2"},
    {"encoder.layer.{}.attention.output.dense", LAYER ".self_attention.out_proj"},
    {"encoder.layer.{}.layernorm_after", LAYER ".ln_2"},
    {"encoder.layer.{}.intermediate.dense", LAYER ".mlp.0"},
    {"encoder.layer.{}.output.dense", LAYER ".mlp.3"},
    {"layernorm", "encoder.ln"},
    {"classifier", "heads.head"},
};
static const struct rule transformers_two_tokens[] = {
    {"embeddings.distillation_token", "dist_token"},
    {"cls_classifier.weight", "heads.head.weight%0"},
    {"cls_classifier.bias", "heads.head.bias%0"},
    {"distillation_classifier.weight", "heads.head.weight%1"},
    {"distillation_classifier.bias", "heads.head.bias%1"},
    {"classifier", "heads.class_head"},
};
static const struct rule transformers_dinov2[] = {
    {"embeddings.patch_embeddings.projection", "patch_embed.proj"},
    {"embeddings.cls_token", "cls_token"},
    {"embeddings.mask_token", "mask_token"},
    {"embeddings.register_tokens", "register_tokens"},
    {"embeddings.position_embeddings", "pos_embed.weight"},
    {"encoder.layer.{}.norm1", "blocks.{}.norm1"},
    {"encoder.layer.{}.attention.attention.query.weight", "blocks.{}.attn.qkv.weight#0"},
    {"encoder.layer.{}.attention.attention.key.weight", "blocks.{}.attn.qkv.weight#1"},
    {"encoder.layer.{}.attention.attention.value.weight", "blocks.{}.attn.qkv.weight#2"},
    {"encoder.layer.{}.attention.attention.query.bias", "blocks.{}.attn.qkv.bias#0"},
    {"encoder.layer.{}.attention.attention.key.bias", "blocks.{}.attn.qkv.bias#1"},
    {"encoder.layer.{}.attention.attention.value.bias", "blocks.{}.attn.qkv.bias#2"},
    {"encoder.layer.{}.attention.output.dense", "blocks.{}.attn.proj"},
    {"encoder.layer.{}.layer_scale1.lambda1", "blocks.{}.ls1.gamma.weight"},
    {"encoder.layer.{}.norm2", "blocks.{}.norm2"},
    {"encoder.layer.{}.mlp.fc1", "blocks.{}.mlp.fc1"},
    {"encoder.layer.{}.mlp.fc2", "blocks.{}.mlp.fc2"},
    {"encoder.layer.{}.layer_scale2.lambda1", "blocks.{}.ls2.gamma.weight"},
    {"layernorm", "norm"},
    {"classifier", "head"},
};


#define OWN "visual.transformer.resblocks.{}"
static const struct rule openai[] = {
    {"visual.proj", "visual.projection.weight^"},
};
static const struct rule openai_alone[] = {
    {"conv1", "visual.conv1"},
    {"class_embedding", "visual.class_embedding"},
    {"positional_embedding", "visual.positional_embedding"},
    {"ln_pre", "visual.ln_pre"},
    {"transformer.resblocks.{}", OWN},
    {"ln_post", "visual.ln_post"},
    {"proj", "visual.projection.weight^"},
};
static const struct rule timm_clip[] = {
    {"patch_embed.proj", "visual.conv1"},
    {"cls_token", "visual.class_embedding"},
    {"pos_embed", "visual.positional_embedding"},
    {"norm_pre", "visual.ln_pre"},
    {"blocks.{}.norm1", OWN ".ln_1"},
    {"blocks.{}.attn.qkv.weight", OWN ".attn.in_proj_weight"},
    {"blocks.{}.attn.qkv.bias", OWN ".attn.in_proj_bias"},
    {"blocks.{}.attn.proj", OWN ".attn.out_proj"},
    {"blocks.{}.norm2", OWN ".ln_2"},
    {"blocks.{}.mlp.fc1", OWN ".mlp.c_fc"},
    {"blocks.{}.mlp.fc2", OWN ".mlp.c_proj"},
    {"norm", "visual.ln_post"},
};
#define MODEL "vision_model."
#define LAYERS MODEL "encoder.layers.{}"
#define PARTS(theirs, own) \
    {theirs ".q_proj.weight", own ".in_proj_weight#0"}, {theirs ".k_proj.weight", own ".in_proj_weight#1"}, \
    {theirs ".v_proj.weight", own ".in_proj_weight#2"}, {theirs ".q_proj.bias", own ".in_proj_bias#0"}, \
    {theirs ".k_proj.bias", own ".in_proj_bias#1"}, {theirs ".v_proj.bias", own ".in_proj_bias#2"}
static const struct rule transformers_clip[] = {
    {MODEL "embeddings.patch_embedding", "visual.conv1"},
    {MODEL "embeddings.class_embedding", "visual.class_embedding"},
    {MODEL "embeddings.position_embedding", "visual.positional_embedding"},
    {MODEL "pre_layrnorm", "visual.ln_pre"},
    {LAYERS ".layer_norm1", OWN ".ln_1"},
    PARTS(LAYERS ".self_attn", OWN ".attn"),
    {LAYERS ".self_attn.out_proj", OWN ".attn.out_proj"},
    {LAYERS ".layer_norm2", OWN ".ln_2"},
    {LAYERS ".mlp.fc1", OWN ".mlp.c_fc"},
    {LAYERS ".mlp.fc2", OWN ".mlp.c_proj"},
    {MODEL "post_layernorm", "visual.ln_post"},
    {"visual_projection", "visual.projection"},
};
static const struct rule transformers_clip_classes[] = {
    {MODEL "post_layernorm", "aside.post_layernorm"},
    {"classifier", "head"},
};
static const struct rule transformers_siglip[] = {
    PARTS(LAYERS ".self_attn", LAYERS ".self_attn"),
};
static const struct rule transformers_siglip_classes[] = {
    {MODEL "head", "aside.head"},
    {"classifier", "head"},
};
#define HEAD MODEL "head."
static const struct rule timm_siglip[] = {
    {"patch_embed.proj", MODEL "embeddings.patch_embedding"},
    {"pos_embed", MODEL "embeddings.position_embedding"},
    {"blocks.{}.norm1", LAYERS ".layer_norm1"},
    {"blocks.{}.attn.qkv.weight", LAYERS ".self_attn.in_proj_weight"},
    {"blocks.{}.attn.qkv.bias", LAYERS ".self_attn.in_proj_bias"},
    {"blocks.{}.attn.proj", LAYERS ".self_attn.out_proj"},
    {"blocks.{}.norm2", LAYERS ".layer_norm2"},
    {"blocks.{}.mlp", LAYERS ".mlp"},
    {"norm", MODEL "post_layernorm"},
    {"attn_pool.latent", HEAD "probe"},
    {"attn_pool.q.weight", HEAD "attention.in_proj_weight#0"},
    {"attn_pool.kv.weight", HEAD "attention.in_proj_weight#1"},
    {"attn_pool.q.bias", HEAD "attention.in_proj_bias#0"},
    {"attn_pool.kv.bias", HEAD "attention.in_proj_bias#1"},
    {"attn_pool.proj", HEAD "attention.out_proj"},
    {"attn_pool.norm", HEAD "layernorm"},
    {"attn_pool.mlp", HEAD "mlp"},
};

#define STAGE "encoder.layers.{}.blocks.{}"
#define BLOCK "layers.{}.blocks.{}"
static const struct rule transformers_swin[] = {
    {"embeddings.patch_embeddings.projection", "patch_embed.proj"},
    {"embeddings.norm", "patch_embed.norm"},
    {STAGE ".layernorm_before", BLOCK ".norm1"},
    {STAGE ".attention.self.relative_position_bias_table", BLOCK ".attn.relative_position_bias_table"},
    {STAGE ".attention.self.query.weight", BLOCK ".attn.qkv.weight#0"},
    {STAGE ".attention.self.key.weight", BLOCK ".attn.qkv.weight#1"},
    {STAGE ".attention.self.value.weight", BLOCK ".attn.qkv.weight#2"},
    {STAGE ".attention.self.query.bias", BLOCK ".attn.qkv.bias#0"},
    {STAGE ".attention.self.key.bias", BLOCK ".attn.qkv.bias#1"},
    {STAGE ".attention.self.value.bias", BLOCK ".attn.qkv.bias#2"},
    {STAGE ".attention.output.dense", BLOCK ".attn.proj"},
    {STAGE ".layernorm_after", BLOCK ".norm2"},
    {STAGE ".intermediate.dense", BLOCK ".mlp.fc1"},
    {STAGE ".output.dense", BLOCK ".mlp.fc2"},
    {"encoder.layers.{}.downsample", "layers.{}.downsample"},
    {"layernorm", "norm"},
    {"classifier", "head"},
};

/* Two tensors tell a library; the second also from its kin: NULL, the first is enough; a minus, it is not there. */
static const struct library {
    const char *mark, *also; /* behind the same prefix; the second also without */
    const struct rule *first; /* tried before the others */
    size_t firsts;
    const struct rule *rule;
    size_t rules;
} libraries[] = { /* in this order: some have the marks of others, too */
#define RULES(first, rule) first, THAW_LENGTH(first), rule, THAW_LENGTH(rule)
    {MODEL "embeddings.class_embedding.weight", "classifier.weight", RULES(transformers_clip_classes, transformers_clip)},
    {MODEL "embeddings.class_embedding.weight", NULL, RULES(transformers_clip, transformers_clip)},
    {MODEL "encoder.layers.0.self_attn.q_proj.weight", "classifier.weight", RULES(transformers_siglip_classes, transformers_siglip)},
    {MODEL "encoder.layers.0.self_attn.q_proj.weight", NULL, RULES(transformers_siglip, transformers_siglip)},
    {"visual.class_embedding.weight", NULL, RULES(openai, openai)},
    {"class_embedding.weight", "ln_pre.weight", RULES(openai_alone, openai_alone)},
    {"blocks.0.attn.qkv.weight", "norm_pre.weight", RULES(timm_clip, timm_clip)},
    {"blocks.0.attn.qkv.weight", "attn_pool.latent.weight", RULES(timm_siglip, timm_siglip)},
    {"encoder.layers.0.blocks.0.attention.self.relative_position_bias_table", NULL, RULES(transformers_swin, transformers_swin)},
    {"layers.0.blocks.0.attn.relative_position_bias_table", NULL, RULES(transformers_swin, transformers_swin)}, /* as they are */
    {"encoder.layer.0.layer_scale1.lambda1", NULL, RULES(transformers_dinov2, transformers_dinov2)},
    {"encoder.layer.0.attention.attention.query.weight", "embeddings.distillation_token.weight", RULES(transformers_two_tokens, transformers)},
    {"encoder.layer.0.attention.attention.query.weight", NULL, RULES(transformers, transformers)},
    {"blocks.0.ls1.gamma.weight", NULL, RULES(timm_dinov2, timm_dinov2)},
    {"blocks.0.attn.qkv.weight", "head_dist.weight", RULES(timm_two_heads, timm)},
    {"blocks.0.attn.qkv.weight", "-cls_token.weight", RULES(timm_siglip, timm_siglip)},
    {"blocks.0.attn.qkv.weight", NULL, RULES(timm, timm)},
    {"encoder.layers.encoder_layer_0.mlp.linear_1.weight", NULL, RULES(torchvision_of_old, torchvision_of_old)},
};
/* clang-format on */

/* --- renaming --- */

/* The length of what stands before the mark in the name of some tensor; -1: none ends so. */
static long find_prefix(const struct bind_index *index, const char *mark, const char **name)
{
    size_t ending = strlen(mark);
    for (size_t i = 0; i < index->count; i++) {
        size_t length = strlen(index->name[i]);
        long prefix = (long)length - (long)ending;
        *name = index->name[i];
        if (prefix >= 0 && strcmp(*name + prefix, mark) == 0 && (prefix == 0 || (*name)[prefix - 1] == '.'))
            return prefix;
    }
    return -1;
}

/* The numbers of a name, as its digits. */
struct numbers {
    const char *digits[2];
    int length[2];
};

/* What is left of the name behind the library's side, NULL: it does not fit. */
static const char *match(const char *side, const char *name, struct numbers *numbers)
{
    for (size_t number = 0; *side;) {
        if (*side == '{') {
            numbers->digits[number] = name;
            numbers->length[number] = (int)strspn(name, "0123456789");
            if (numbers->length[number] == 0)
                return NULL;
            name += numbers->length[number++];
            side += 2;
        } else if (*side++ != *name++) {
            return NULL;
        }
    }
    return *name == '\0' || *name == '.' ? name : NULL;
}

/* The zoo's side with the numbers, and the rest. The caller frees. */
static char *fill_in(const char *own, const struct numbers *numbers, const char *rest)
{
    char *name = mem_string("");
    for (size_t number = 0; *own; number++) {
        const char *gap = strstr(own, "{}");
        int before = gap ? (int)(gap - own) : (int)strlen(own);
        char *longer = mem_format("%s%.*s%.*s", name, before, own, gap ? numbers->length[number] : 0,
                                  gap ? numbers->digits[number] : "");
        mem_free(name);
        name = longer;
        own += before + (gap ? 2 : 0);
    }
    char *whole = mem_format("%s%s", name, rest);
    mem_free(name);
    return whole;
}

/* The zoo's name, or NULL: none of the rules fits. The caller frees. */
static char *translate(const struct rule *rule, size_t rules, const char *name)
{
    for (size_t i = 0; i < rules; i++) {
        struct numbers numbers = {.length = {0}};
        const char *rest = match(rule[i].library, name, &numbers);
        if (rest)
            return fill_in(rule[i].own, &numbers, rest);
    }
    return NULL;
}

static void rename_all(struct bind_index *index, const struct library *library, const char *prefix)
{
    size_t length = strlen(prefix);
    for (size_t i = 0; i < index->count; i++) {
        char *old = index->name[i], *own = old + (strncmp(old, prefix, length) == 0 ? length : 0);
        char *name = translate(library->first, library->firsts, own);
        if (!name)
            name = translate(library->rule, library->rules, own);
        index->name[i] = name ? name : mem_string(own);
        mem_free(old);
    }
    bind_index_renew(index);
}

static bool has_also(const struct bind_index *index, const char *also, const char *prefix)
{
    if (!also)
        return true;
    bool wanted = *also != '-';
    const char *name = also + !wanted;
    char *full = mem_format("%s%s", prefix, name);
    bool found = bind_index_find(index, full) >= 0 || bind_index_find(index, name) >= 0;
    mem_free(full);
    return found == wanted;
}

void bind_index_as_vit(struct bind_index *index, const struct weights *weights)
{
    for (size_t i = 0; i < THAW_LENGTH(libraries) && weights_layout(weights) == WEIGHTS_TORCH; i++) {
        const char *name;
        long length = find_prefix(index, libraries[i].mark, &name);
        if (length < 0)
            continue;
        char *prefix = mem_format("%.*s", (int)length, name);
        if (!has_also(index, libraries[i].also, prefix)) {
            mem_free(prefix);
            continue;
        }
        rename_all(index, &libraries[i], prefix);
        mem_free(prefix);
        bind_index_join(index, weights);
        return;
    }
}

/* timm's and Hugging Face's ViTs take pixels of -1 to 1, torchvision's those of ImageNet's statistics. Of the first, the zoo
 * has a row that torchvision has not. */
void bind_usual_preprocess(struct graph *graph, const struct weights *weights)
{
    static const char vit[] = "vit_", of_timm[] = "vit_s_16";
    struct zoo_arch room;
    bool theirs = false;
    for (size_t i = 0; i < weights_count(weights) && strncmp(graph->arch, vit, strlen(vit)) == 0; i++) {
        const char *name = weights_get(weights, i)->name;
        theirs = theirs || strstr(name, "blocks.0.attn.qkv.weight") || strstr(name, "attention.attention.query.weight");
    }
    if (theirs)
        preprocess_take(&graph->preprocess, &zoo_find(of_timm, &room)->preprocess);
}

/* --- the two CLIPs --- */

static bool has_word(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strstr(text, words[i]))
            return true;
    return false;
}

static bool has_tensor(const struct weights *weights, const char *part)
{
    for (size_t i = 0; i < weights_count(weights); i++)
        if (strstr(weights_get(weights, i)->name, part))
            return true;
    return false;
}

/* OpenAI's, Meta's and Apple's weights are trained with QuickGELU, LAION's and DataComp's with the exact form; timm's models
 * are the latter unless they are called otherwise. OpenAI's archive alone holds the text's length. */
void bind_tell_clip(const struct weights *weights, struct bind_identity *identity)
{
    static const char *const quick[] = {"quickgelu", "openai", "metaclip", "dfn"};
    static const char *const exact[] = {"laion", "datacomp", "commonpool"};
    static const char first[] = "clip_", form[] = "_gelu";
    enum { SIZED = sizeof "clip_b_32" - 1 };
    const char *path = weights_path(weights), *slash = strrchr(path, '/'), *name[] = {slash ? slash + 1 : path, path};
    if (strncmp(identity->arch, first, strlen(first)) != 0 || strstr(identity->arch, form))
        return;
    char other[GRAPH_NAME_MAX];
    snprintf(other, sizeof other, "%.*s%s%s", SIZED, identity->arch, form, identity->arch + SIZED);
    bool known = has_tensor(weights, "context_length") || strstr(path, identity->arch), is_exact = false;
    for (size_t i = 0; i < THAW_LENGTH(name) && !known; i++) {
        is_exact = has_word(name[i], exact, THAW_LENGTH(exact));
        known = is_exact || has_word(name[i], quick, THAW_LENGTH(quick));
    }
    if (!known)
        is_exact = has_tensor(weights, "blocks.0.attn.qkv.weight");
    snprintf(identity->twin, sizeof identity->twin, "%s", known ? "" : is_exact ? identity->arch : other);
    if (is_exact)
        snprintf(identity->arch, sizeof identity->arch, "%s", other);
}
