/* Names of vision transformers: torchvision's of old, timm's and Hugging Face's become the zoo's, which are torchvision's for
 * ViT and DeiT, and the authors' (and timm's) for DINOv2. Called when a file's tensors are named, before it is known which
 * architecture it is: a tensor that only one library names so tells the library, whatever prefix it is behind.
 *
 * Queries, keys and values, which Hugging Face keeps apart, are one parameter here: three tensors in a row. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "bind_private.h"
#include "thaw/base/mem.h"
#include "thaw/source/zoo.h"

/* Parts of dotted names; "{}" is a number. What follows the library's side is kept. "#0", "#1" and "#2" at the end are the
 * parts of one tensor. The first rule that fits counts; a tensor that none fits keeps its name. */
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

static const struct library {
    const char *mark; /* a tensor that it alone names so */
    const struct rule *rule;
    size_t rules;
} libraries[] = { /* in this order: a DINOv2's file has the marks of a ViT's, too */
    {"encoder.layer.0.layer_scale1.lambda1", transformers_dinov2, THAW_LENGTH(transformers_dinov2)},
    {"encoder.layer.0.attention.attention.query.weight", transformers, THAW_LENGTH(transformers)},
    {"blocks.0.ls1.gamma.weight", timm_dinov2, THAW_LENGTH(timm_dinov2)},
    {"blocks.0.attn.qkv.weight", timm, THAW_LENGTH(timm)},
    {"encoder.layers.encoder_layer_0.mlp.linear_1.weight", torchvision_of_old, THAW_LENGTH(torchvision_of_old)},
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

/* What is left of the name behind the library's side, NULL: it does not fit. *number: the digits that "{}" took. */
static const char *match(const char *side, const char *name, const char **number, int *digits)
{
    while (*side) {
        if (*side == '{') {
            *number = name;
            *digits = (int)strspn(name, "0123456789");
            if (*digits == 0)
                return NULL;
            name += *digits;
            side += 2;
        } else if (*side++ != *name++) {
            return NULL;
        }
    }
    return *name == '\0' || *name == '.' ? name : NULL;
}

/* The zoo's name, or NULL: no rule fits. The caller frees. */
static char *translate(const struct library *library, const char *name)
{
    for (size_t i = 0; i < library->rules; i++) {
        const char *number = "", *own = library->rule[i].own, *gap = strstr(own, "{}");
        int digits = 0;
        const char *rest = match(library->rule[i].library, name, &number, &digits);
        if (!rest)
            continue;
        if (!gap)
            return mem_format("%s%s", own, rest);
        return mem_format("%.*s%.*s%s%s", (int)(gap - own), own, digits, number, gap + 2, rest);
    }
    return NULL;
}

static void rename_all(struct bind_index *index, const struct library *library, const char *prefix)
{
    size_t length = strlen(prefix);
    for (size_t i = 0; i < index->count; i++) {
        char *old = index->name[i], *own = old + (strncmp(old, prefix, length) == 0 ? length : 0);
        char *name = translate(library, own);
        index->name[i] = name ? name : mem_string(own);
        mem_free(old);
    }
    bind_index_renew(index);
}

void bind_index_as_vit(struct bind_index *index, const struct weights *weights)
{
    for (size_t i = 0; i < THAW_LENGTH(libraries) && weights_layout(weights) == WEIGHTS_TORCH; i++) {
        const char *name;
        long length = find_prefix(index, libraries[i].mark, &name);
        if (length < 0)
            continue;
        char *prefix = mem_format("%.*s", (int)length, name);
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
