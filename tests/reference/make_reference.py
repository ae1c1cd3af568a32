#!/usr/bin/python3
"""Writes the reference figures of tests/reference: what PyTorch computes for a few networks of the zoo.

    /usr/bin/python3 tests/reference/make_reference.py [FILE ...]

needs torch, torchvision and numpy, timm for DINOv2 and DeiT, open_clip_torch for CLIP, transformers for SigLIP (figures
committed here: torch 1.13.1, torchvision 0.14.1, timm 1.0.11, open_clip_torch 2.29.0, transformers 4.40.2); running the tests needs none of them. Weights are not stored: both sides compute every value from the parameter's name and the element's
number, see fill() here and its twin in test_reference.c. Everything runs in float64, so the figures are the truth that
float32 is measured against.
"""
import os
import sys

import numpy as np
import torch
import torchvision

from hashed import digest, uniform

HERE = os.path.dirname(os.path.abspath(__file__))
CLASSES = 10
# Files, and in each: network, mode, images, side. "batch" and "fixed" are a training step with the statistics of the
# batch (which need more pixels) and with fixed ones, "forward" only logits: the small ones of every family.
CASES = {
    "resnet18": [("resnet18", "batch", 2, 64), ("resnet18", "fixed", 2, 32)],
    "resnet50": [("resnet50", "batch", 2, 64), ("resnet50", "fixed", 1, 32)],
    "vgg16_bn": [("vgg16_bn", "batch", 2, 32), ("vgg16_bn", "fixed", 1, 32)],
    "squeezenet1_1": [("squeezenet1_1", "fixed", 1, 50)],
    "densenet121": [("densenet121", "batch", 2, 64)],
    "mobilenet_v2": [("mobilenet_v2", "fixed", 1, 64)],
    "mobilenet_v3_small": [("mobilenet_v3_small", "fixed", 1, 64)],
    "shufflenet_v2_x0_5": [("shufflenet_v2_x0_5", "fixed", 1, 64)],
    "convnext_tiny": [("convnext_tiny", "fixed", 1, 64)],
    "vit": [
        ("vit_ti_16", "fixed", 2, 128),
        ("vit_b_32", "forward", 1, 64),
        ("dinov2_s_14", "fixed", 1, 98),
        ("dinov2_s_14_reg", "fixed", 1, 112),
        ("deit_ti_16_distilled", "fixed", 2, 64),
        ("clip_b_32", "fixed", 2, 64),
        ("siglip_b_16", "fixed", 1, 64),
        ("swin_t", "fixed", 1, 96),
    ],
    "families": [
        ("resnext50_32x4d", "forward", 1, 32),
        ("wide_resnet50_2", "forward", 1, 32),
        ("alexnet", "forward", 1, 63),
        ("squeezenet1_0", "forward", 1, 51),
        ("googlenet", "forward", 1, 64),
        ("inception_v3", "forward", 1, 139),
        ("mnasnet0_5", "forward", 1, 64),
        ("efficientnet_b0", "forward", 1, 65),
        ("efficientnet_v2_s", "forward", 1, 64),
        ("regnet_x_400mf", "forward", 1, 64),
        ("regnet_y_400mf", "forward", 1, 64),
    ],
}
SEEDS = 24


INSIDE = ("features.", "encoder.", "blocks.", "visual.", "vision_model.")


def fill(name, shape, is_norm):
    """The values of a parameter in torch's layout, rounded to float32.

    Batch norm shifts three channels in four far up and one far down: few values then lie near the kink of the relu
    that follows, where rounding alone decides which gradient is right. Linear layers of the head are small, so that the
    softmax is not saturated. What SigLIP's probe looks at is not shifted: of a shift that all tokens share its gradient is
    what rounding makes (4e-4 of its norm in torch's own float32)."""
    count = int(np.prod(shape))
    u = uniform(name, count)
    last = name.rsplit(".", 1)[1]
    if is_norm and last in ("weight", "running_var"):
        v = 0.75 + 0.5 * u
    elif is_norm and last == "running_mean":
        v = 0.2 * (2 * u - 1)
    elif is_norm and "post_layernorm" not in name:
        v = np.where(u < 0.25, -2.5, 2.5) + 0.2 * (2 * u - 1)
    elif last == "weight":
        wide = len(shape) >= 3 or name.startswith(INSIDE)
        v = np.sqrt((3.0 if wide else 0.02) / np.prod(shape[1:])) * (2 * u - 1)
    else:
        v = 0.1 * (2 * u - 1)
    return torch.from_numpy(v.astype(np.float32).astype(np.float64).reshape(shape))


def make_input(seed, images, side):
    count = images * 3 * side * side
    v = np.sqrt(3.0) * (2 * uniform("input.%d" % seed, count) - 1)
    return torch.from_numpy(v.astype(np.float32).astype(np.float64).reshape(images, 3, side, side))


BARE = ("layer_scale", "class_token", "pos_embedding", "cls_token", "pos_embed", "register_tokens", "gamma")


def own_name(name):
    """What thaw calls a tensor that torch has as the block's own."""
    name = name.replace("reg_token", "register_tokens")
    return name + ".weight" if name.endswith(BARE) else name


class Authors(torch.nn.Module):
    """A DINOv2 of timm's with the authors' parameters: where there are registers, timm has the class token's position in
    the token itself."""

    def __init__(self, name, side):
        import timm  # of no use to the others
        super().__init__()
        size, registers = name.split("_")[1], name.endswith("_reg")
        full = {"s": "vit_small", "b": "vit_base"}[size] + "_patch14%s_dinov2" % ("_reg4" if registers else "")
        self.inner = timm.create_model(full, img_size=side, num_classes=CLASSES)
        self.first = None
        if registers:
            self.first = torch.nn.Parameter(torch.zeros_like(self.inner.cls_token))

    def all(self):
        """Names and tensors, the position of the class token apart."""
        for name, tensor in self.inner.state_dict(keep_vars=True).items():
            yield name, tensor

    def forward(self, x):
        if self.first is None:
            return self.inner(x)
        token = self.inner.cls_token
        del self.inner.cls_token
        self.inner.cls_token = token + self.first
        try:
            return self.inner(x)
        finally:
            del self.inner.cls_token
            self.inner.cls_token = token


def fill_authors(model):
    for name, tensor in model.all():
        full, shape = own_name(name), list(tensor.shape)
        split = model.first is not None and name == "pos_embed"
        if split:
            shape[1] += 1
        owner = full.rsplit(".", 1)[0]
        values = fill(full, tuple(shape), "norm" in owner or owner.endswith("gamma"))
        if split:
            model.first.copy_(values[:, :1])
            values = values[:, 1:]
        tensor.copy_(values)


class Converted(torch.nn.Module):
    """A library's model whose parameters are made of those that thaw has."""

    def __init__(self, inner, shapes, convert):
        """shapes: of our parameters by name; convert: from them to the library's."""
        super().__init__()
        self.inner, self.convert = inner, convert
        self.own = {n: torch.nn.Parameter(torch.zeros(s, dtype=torch.float64)) for n, s in shapes.items()}
        with torch.no_grad():
            for name, tensor in self.own.items():
                layer = name.split(".")[-2]
                tensor.copy_(fill(name, tuple(tensor.shape), layer.startswith("ln") or "norm" in layer))

    def forward(self, x):
        from torch.nn.utils.stateless import functional_call
        return functional_call(self.inner, self.convert(self.own), (x,))


class Headed(torch.nn.Module):
    """A tower and a class layer."""

    def __init__(self, tower, features, call):
        super().__init__()
        self.tower, self.head, self.call = tower, torch.nn.Linear(features, CLASSES), call

    def forward(self, x):
        return self.head(self.call(self.tower(x)))


def make_distilled(side):
    import timm
    inner = timm.create_model("deit_tiny_distilled_patch16_224", img_size=side, num_classes=CLASSES)
    block = {"norm1": "ln_1", "attn.qkv.weight": "self_attention.in_proj_weight", "attn.qkv.bias": "self_attention.in_proj_bias",
             "attn.proj": "self_attention.out_proj", "norm2": "ln_2", "mlp.fc1": "mlp.0", "mlp.fc2": "mlp.3"}
    whole = {"cls_token": "class_token.weight", "dist_token": "dist_token.weight", "pos_embed": "encoder.pos_embedding.weight",
             "patch_embed.proj": "conv_proj", "norm": "encoder.ln"}

    def own(name):
        for theirs, ours in (block if name.startswith("blocks.") else whole).items():
            number = name.split(".")[1] if name.startswith("blocks.") else ""
            prefix = "blocks.%s." % number if name.startswith("blocks.") else ""
            if name == prefix + theirs or name.startswith(prefix + theirs + "."):
                layer = "encoder.layers.encoder_layer_%s." % number if prefix else ""
                return layer + ours + name[len(prefix + theirs):]
        return name

    def convert(ours):
        theirs = {n: ours[own(n)] for n in names}
        half = ours["heads.head.weight"].shape[1] // 2
        theirs["head.weight"] = 2 * ours["heads.head.weight"][:, :half]
        theirs["head_dist.weight"] = 2 * ours["heads.head.weight"][:, half:]
        theirs["head.bias"] = theirs["head_dist.bias"] = ours["heads.head.bias"]
        return theirs

    names = [n for n, _ in inner.named_parameters() if not n.startswith("head")]
    shapes = {own(n): inner.get_parameter(n).shape for n in names}
    shapes.update({"heads.head.weight": (CLASSES, 2 * 192), "heads.head.bias": (CLASSES,)})
    return Converted(inner, shapes, convert)


def make_clip(side):
    import open_clip
    text = dict(context_length=8, vocab_size=50, width=32, heads=2, layers=1)
    vision = dict(image_size=side, layers=12, width=768, patch_size=32)
    inner = Headed(open_clip.model.CLIP(512, vision, text, quick_gelu=True).visual, 512, lambda y: y)
    changed = {"tower.proj": ("visual.projection.weight", (512, 768), lambda w: w.T),
               "tower.class_embedding": ("visual.class_embedding.weight", (1, 1, 768), lambda w: w.reshape(-1)),
               "tower.positional_embedding": ("visual.positional_embedding.weight", (1, (side // 32) ** 2 + 1, 768),
                                              lambda w: w[0])}
    return convert_some(inner, changed, lambda n: n.replace("tower.", "visual."))


def make_siglip(side):
    import transformers
    inner = Headed(transformers.SiglipVisionModel(transformers.SiglipVisionConfig(image_size=side)), 768,
                   lambda y: y.pooler_output)
    changed = {}
    for name, tensor in inner.named_parameters():
        own = name.replace("tower.", "")
        for i, part in enumerate(("q", "k", "v")):
            if ".%s_proj." % part in name:
                shape = (3 * 768,) + tuple(tensor.shape[1:])
                changed[name] = (own.replace(".%s_proj." % part, ".in_proj_"), shape, lambda w, i=i: w.chunk(3)[i])
    changed["tower.vision_model.head.probe"] = ("vision_model.head.probe.weight", (1, 1, 768), lambda w: w)
    changed["tower.vision_model.embeddings.position_embedding.weight"] = (
        "vision_model.embeddings.position_embedding.weight", (1, (side // 16) ** 2, 768), lambda w: w[0])
    return convert_some(inner, changed, lambda n: n.replace("tower.", ""))


def convert_some(inner, changed, rename):
    """changed: the library's name to ours, its shape, and how the library's is made of it; the others are renamed."""
    shapes = {}
    for name, tensor in inner.named_parameters():
        own, shape, _ = changed.get(name, (rename(name), tensor.shape, None))
        shapes[own] = shape

    def convert(ours):
        return {n: changed[n][2](ours[changed[n][0]]) if n in changed else ours[rename(n)]
                for n, _ in inner.named_parameters()}

    return Converted(inner, shapes, convert)


def make_vit(name, side):
    """torchvision's, of any size."""
    size, patch = name.split("_")[1:]
    heads, width = {"ti": (3, 192), "s": (6, 384), "b": (12, 768)}[size]
    return torchvision.models.VisionTransformer(side, int(patch), 12, heads, width, 4 * width, num_classes=CLASSES)


def parameters(model):
    """Names and gradients."""
    if isinstance(model, Converted):
        for name, tensor in model.own.items():
            yield name, tensor.grad
        return
    if not isinstance(model, Authors):
        for name, tensor in model.named_parameters():
            yield name, tensor.grad
        return
    for name, tensor in model.all():
        grad = tensor.grad
        if model.first is not None and name == "pos_embed":
            grad = torch.cat([model.first.grad, grad], 1)
        yield name, grad


def make_model(name, side):
    if name.startswith("dinov2"):
        model = Authors(name, side).double()
        with torch.no_grad():
            fill_authors(model)
        return model
    converted = {"deit_ti_16_distilled": make_distilled, "clip_b_32": make_clip, "siglip_b_16": make_siglip}
    if name in converted:
        model = converted[name](side)
        model.inner.double()
        return model
    extra = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    build = getattr(torchvision.models, name, None)
    model = (make_vit(name, side) if name.startswith("vit") else build(num_classes=CLASSES, **extra)).double()
    norms = {n for n, m in model.named_modules() if isinstance(m, (torch.nn.BatchNorm2d, torch.nn.LayerNorm))}
    with torch.no_grad():
        for tensor_name, tensor in model.state_dict().items():
            full = own_name(tensor_name)
            owner = full.rsplit(".", 1)[0]
            if tensor.is_floating_point():
                tensor.copy_(fill(full, tuple(tensor.shape), owner in norms or owner.endswith(".layer_scale")))
    for module in model.modules():
        if isinstance(getattr(module, "inplace", None), bool):
            module.inplace = False
    return model


def set_mode(model, mode):
    model.train(mode == "batch")
    for module in model.modules():
        if isinstance(module, (torch.nn.Dropout, torchvision.ops.StochasticDepth)):
            module.eval()


def measure_margin(model, x):
    """The least distance of any value from a kink of the activation that it enters, and of a pool's largest value from
    its second, over the root mean square of the tensor."""
    margins = []

    def near(v, kinks):
        for kink in kinks:
            margins.append(((v - kink).abs().min() / v.pow(2).mean().sqrt()).item())

    def near_pool(v, k, s=None, pad=0, dilation=1, ceil_mode=False, **_):
        more = pad + (k if ceil_mode else 0)
        w = torch.nn.functional.pad(v, (pad, more, pad, more), value=-1e30).unfold(2, k, s).unfold(3, k, s)
        top = w.reshape(*w.shape[:4], -1).topk(2, dim=-1).values
        gap = (top[..., 0] - top[..., 1])[top[..., 0] > 0]
        margins.append((gap.min() / v.pow(2).mean().sqrt()).item())

    looks = {
        "relu": lambda v, *_, **__: near(v, [0]),
        "hardtanh": lambda v, low, high, *_: near(v, [low, high]),
        "hardswish": lambda v, *_: near(v, [-3, 3]),
        "hardsigmoid": lambda v, *_: near(v, [-3, 3]),
        "max_pool2d": near_pool,
    }
    functional = torch.nn.functional
    kept = {name: getattr(functional, name) for name in looks}

    def watched(name):
        def call(*args, **kwargs):
            looks[name](*args, **kwargs)
            return kept[name](*args, **kwargs)
        return call

    for name in looks:
        setattr(functional, name, watched(name))
    with torch.no_grad():
        model(x)
    for name in looks:
        setattr(functional, name, kept[name])
    return min(margins, default=1)


def choose_seed(name, mode, images, side):
    best = (0, -1)
    model = make_model(name, side)
    for seed in range(SEEDS):
        set_mode(model, mode)
        margin = measure_margin(model, make_input(seed, images, side))
        best = max(best, (margin, seed))
        if margin == 1:  # no kinks at all
            break
    return best


def write_case(out, name, mode, images, side):
    margin, seed = (0, 0) if mode == "forward" else choose_seed(name, mode, images, side)
    model = make_model(name, side)
    set_mode(model, mode)
    x = make_input(seed, images, side)
    labels = torch.tensor([(7 * i + 3) % CLASSES for i in range(images)])
    logits = model(x)
    loss = torch.nn.functional.cross_entropy(logits, labels)
    loss.backward()
    print("%s %s: seed %d, margin %.2g, loss %.6f" % (name, mode, seed, margin, loss.item()))
    out.write("case %s %s images %d side %d classes %d seed %d\n" % (name, mode, images, side, CLASSES, seed))
    out.write("logits " + " ".join("%.9g" % v for v in logits.detach().numpy().reshape(-1)) + "\n")
    if mode != "forward":
        out.write("loss %.12g\n" % loss.item())
        for tensor_name, grad in parameters(model):
            out.write("gradient " + digest(own_name(tensor_name), grad.numpy()) + "\n")
    if mode == "batch":
        for tensor_name, tensor in model.named_buffers():
            if not tensor_name.endswith("num_batches_tracked"):
                out.write("value " + digest(tensor_name, tensor.numpy()) + "\n")
    out.write("end\n")


def main():
    torch.set_num_threads(2)
    for name in sys.argv[1:] or CASES:
        with open(os.path.join(HERE, name + ".txt"), "w") as out:
            for case in CASES[name]:
                write_case(out, *case)


if __name__ == "__main__":
    main()
