#!/usr/bin/python3
"""Writes towers.txt: what libraries call the tensors of distilled DeiTs and of the image towers of CLIP and SigLIP, and the
logits (or, where a file has no class layer, the features) of these, as make_names.py does it for the others.

    /tmp/venv/bin/python tests/reference/make_towers.py

needs torch, timm, transformers and open_clip_torch. The libraries' own modules compute, in float64; the towers of texts
are small, as their names are all that counts. timm 1.0.11 builds SigLIP with the exact GELU; here it gets the form that
SigLIP is trained with, as later ones do. A line "NAME*N" stands for N tensors, the numbers from 0 in place of "{}".
"""
import os
import re
import warnings

import timm
import torch
import transformers as hf

from make_names import fill, make_input

HERE = os.path.dirname(os.path.abspath(__file__))
CLASSES = 10
TEXT = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, vocab_size=50)


def distilled(name, side):
    return timm.create_model(name, img_size=side, num_classes=CLASSES), lambda m, x: m(x)


def deit(kind, side):
    config = hf.DeiTConfig(hidden_size=192, num_attention_heads=3, intermediate_size=768, image_size=side, num_labels=CLASSES,
                           layer_norm_eps=1e-6)
    return getattr(hf, kind)(config), lambda m, x: m(x).logits


def open_clip_model(side, quick, custom=False):
    import open_clip
    text = dict(context_length=8, vocab_size=50, width=32, heads=2, layers=2)
    vision = dict(image_size=side, layers=12, width=768, patch_size=32)
    model = open_clip.model.CustomTextCLIP if custom else open_clip.model.CLIP
    return model(512, vision, text, quick_gelu=quick), lambda m, x: m.encode_image(x)


def openai(side):
    """As the archives that OpenAI gives hold it: with three numbers."""
    model, run = open_clip_model(side, True)
    for name in ("input_resolution", "context_length", "vocab_size"):
        if hasattr(model, name):
            delattr(model, name)
        model.register_buffer(name, torch.tensor(8.0))
    return model, run


def visual_alone(side):
    model, _ = open_clip_model(side, True)
    return model.visual, lambda m, x: m(x)


def siglip_of_open_clip(side):
    import open_clip
    vision = dict(image_size=side, timm_model_name="vit_base_patch16_siglip_224", timm_model_pretrained=False,
                  timm_pool="map", timm_proj="none")
    text = dict(context_length=8, vocab_size=50, width=768, heads=2, layers=1, no_causal_mask=True, proj_bias=True)
    model = open_clip.model.CustomTextCLIP(768, vision, text, init_logit_bias=-10)
    return with_tanh(model), lambda m, x: m.encode_image(x)


def clip(kind, side, act="quick_gelu"):
    vision = dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, image_size=side,
                  patch_size=32, hidden_act=act, projection_dim=512)
    if kind == "CLIPModel":
        config = hf.CLIPConfig(text_config=dict(TEXT, max_position_embeddings=8), vision_config=vision, projection_dim=512)
        return hf.CLIPModel(config), lambda m, x: m.get_image_features(x)
    if kind == "CLIPForImageClassification":
        config = hf.CLIPConfig(text_config=TEXT, vision_config=vision, num_labels=CLASSES)
        return hf.CLIPForImageClassification(config), lambda m, x: m(x).logits
    if kind == "CLIPVisionModelWithProjection":
        return hf.CLIPVisionModelWithProjection(hf.CLIPVisionConfig(**vision)), lambda m, x: m(x).image_embeds
    return hf.CLIPVisionModel(hf.CLIPVisionConfig(**vision)), lambda m, x: m(x).pooler_output


def siglip(kind, side):
    vision = dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, image_size=side,
                  patch_size=16)
    both = dict(text_config=dict(TEXT, hidden_size=768, max_position_embeddings=8), vision_config=vision)
    if kind == "SiglipModel":
        return hf.SiglipModel(hf.SiglipConfig(**both)), lambda m, x: m.get_image_features(x)
    if kind == "SiglipForImageClassification":
        # version 4.40 leaves the first patch out of the mean, as if it were a class token; later ones do not
        return (hf.SiglipForImageClassification(hf.SiglipConfig(**both, num_labels=CLASSES)),
                lambda m, x: m.classifier(m.vision_model(x)[0].mean(1)))
    return hf.SiglipVisionModel(hf.SiglipVisionConfig(**vision)), lambda m, x: m(x).pooler_output


def with_tanh(model):
    for name, module in model.named_modules():
        if "text" not in name and hasattr(module, "act") and isinstance(module.act, torch.nn.GELU):
            module.act = torch.nn.GELU(approximate="tanh")
    return model


def of_timm(name, side, classes=CLASSES):
    model = timm.create_model(name, img_size=side, num_classes=classes)
    return (with_tanh(model) if "siglip" in name else model), lambda m, x: m(x)


def swin_of_transformers(side):
    config = hf.SwinConfig(embed_dim=96, image_size=side, num_labels=CLASSES)
    return hf.SwinForImageClassification(config), lambda m, x: m(x).logits


class OfOld(torch.nn.Module):
    """timm's Swin under the names of its authors: what halves the image belongs to the stage before."""

    def __init__(self, side):
        super().__init__()
        self.model = timm.create_model("swin_tiny_patch4_window7_224", img_size=side, num_classes=CLASSES)

    def state_dict(self):
        def rename(name):
            name = re.sub(r"layers\.(\d)\.downsample", lambda m: "layers.%d.downsample" % (int(m[1]) - 1), name)
            return name.replace("head.fc", "head")
        return {rename(n): t for n, t in self.model.state_dict().items()}


def cases():
    """(library, the file's name, the architecture it is, side, model and call)"""
    yield "timm", "a", "deit_ti_16_distilled", 64, distilled("deit_tiny_distilled_patch16_224", 64)
    yield "transformers", "b", "deit_ti_16_distilled", 48, deit("DeiTForImageClassificationWithTeacher", 48)
    yield "transformers", "c", "deit_ti_16_distilled_class", 64, deit("DeiTForImageClassification", 64)
    yield "openai", "d", "clip_b_32", 64, openai(64)
    yield "open_clip", "laion", "clip_b_32_gelu", 64, open_clip_model(64, False)
    yield "open_clip", "e", "clip_b_32", 64, visual_alone(64)
    yield "transformers", "f", "clip_b_32", 64, clip("CLIPModel", 64)
    yield "transformers", "g", "clip_b_32", 96, clip("CLIPVisionModelWithProjection", 96)
    yield "transformers", "h", "clip_b_32_features", 64, clip("CLIPVisionModel", 64)
    yield "transformers", "i", "clip_b_32_mean", 64, clip("CLIPForImageClassification", 64)
    yield "timm", "j", "clip_b_32_gelu_features", 64, of_timm("vit_base_patch32_clip_224", 64)
    yield "timm", "vit_base_patch32_clip_quickgelu_224", "clip_b_32_features", 64, of_timm("vit_base_patch32_clip_quickgelu_224", 64)
    yield "transformers", "k", "siglip_b_16", 64, siglip("SiglipModel", 64)
    yield "transformers", "l", "siglip_b_16", 48, siglip("SiglipVisionModel", 48)
    yield "transformers", "m", "siglip_b_16_mean", 64, siglip("SiglipForImageClassification", 64)
    yield "timm", "n", "siglip_b_16", 64, of_timm("vit_base_patch16_siglip_224", 64)
    yield "timm", "o", "siglip_b_16_mean", 64, of_timm("vit_base_patch16_siglip_gap_224", 64)
    yield "timm", "q", "swin_t", 224, of_timm("swin_tiny_patch4_window7_224", 224)
    yield "transformers", "r", "swin_t", 224, swin_of_transformers(224)
    yield "authors", "s", "swin_t", 224, (OfOld(224), lambda m, x: m.model(x))
    yield "open_clip", "p", "siglip_b_16", 224, siglip_of_open_clip(224)


def folded(state):
    """(name with "{}", shape, how many: 0 for one without a number)"""
    groups = {}
    for name, tensor in state.items():
        key = re.sub(r"(layers?|blocks|resblocks)\.(\d+)\.", r"\1.{}.", name)
        groups.setdefault((key, tuple(tensor.shape)), []).append(name)
    for (key, shape), names in groups.items():
        if "{}" in key and names == [key.replace("{}", str(i)) for i in range(len(names))]:
            yield key, shape, len(names)
        else:
            yield from ((name, shape, 0) for name in names)


def write_case(out, library, file, arch, side, made):
    model, run = made
    state = {n: t for n, t in model.eval().state_dict().items() if t.is_floating_point()}
    for name, tensor in state.items():
        fill(name, tensor)
    values = run(model.double(), make_input(3, side).double())[0].numpy()
    what = "logits" if len(values) == CLASSES else "features"
    print("%s %s: %s %s" % (library, arch, what, values[:3]), flush=True)
    out.write("case %s %s %s channels 3 side %d tensors %d\n" % (library, file, arch, side, len(state)))
    for name, shape, count in folded(state):
        out.write("%s%s %s\n" % (name, "*%d" % count if count else "", "x".join(str(d) for d in shape) or "1"))
    out.write("%s %d " % (what, len(values)) + " ".join("%.7g" % v for v in values) + "\n")


def main():
    warnings.simplefilter("ignore")
    torch.set_grad_enabled(False)
    torch.set_num_threads(2)
    with open(os.path.join(HERE, "towers.txt"), "w") as out:
        for case in cases():
            write_case(out, *case)


if __name__ == "__main__":
    main()
