#!/usr/bin/python3
"""Holds what other libraries save against what thaw makes of it: names, shapes, padding, eps, order of layers.

    /tmp/venv/bin/python tests/reference/check_names.py --thaw ./thaw --scratch DIR [--table FILE] [PART/MODEL ...]

For each model the library itself builds it with random weights whose activations neither vanish nor explode and with
statistics near those of one image; torch saves the state dict under the model's name. The built `thaw` must recognise the
file with nothing missing, unexpected, replaced or misfit, and, but for the very large, give the library's logits for that
image within 1e-4, as the L2 norm of the difference from float64 over that of the logits less their mean, or within twice
what the library is off in float32 itself, which is the column before (`thaw predict --logits`, from the PNG on, with the
preprocessing that thaw states). The parts:

  timm        the 200 of timm_names.txt; what thaw does not know is counted and named at the table's end
  efficientnet_pytorch, transformers
  wrapped     torchvision's as members of a user's module, with a head of one linear layer
  fastai      torchvision's as a list of their children, with such a head
  tutorials   small networks as their tutorials write them

A table goes to stdout, and to FILE, of what is done where it is interrupted, too. Exit 1 where a line is not in order.
Needs torch, torchvision, timm, transformers, efficientnet_pytorch and Pillow; the scratch folder holds one file at a time.
"""
import argparse
import json
import os
import subprocess
import sys
import textwrap
import warnings
import zlib

import numpy as np
import timm
import torch
import torchvision
from PIL import Image
from torchvision.transforms import InterpolationMode, functional

from check_torchvision import make_image, measure

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOLERANCE = 1e-4
TIMM_NAMES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "timm_names.txt")


# what timm gives to a model only where it loads its weights, too
AS_TRAINED = {"fbnetc_100": {"bn_eps": 1e-3}}


def timm_names():
    with open(TIMM_NAMES) as file:
        return [name for line in file if not line.startswith("#") for name in line.split()]


BLOCKS = ("BasicBlock", "Bottleneck", "InvertedResidual", "EdgeResidual", "DepthwiseSeparableConv", "MBConvBlock",
          "UniversalInvertedResidual", "DlaBasic", "DlaBottleneck", "DlaBottle2neck", "Bottle2neck", "ResNetBottleNeckLayer", "ResNetBasicLayer",
          "RegNetXLayer", "RegNetYLayer", "MobileNetV2InvertedResidual", "EfficientNetBlock")


def last_norms(model):
    """The norm that ends each residual branch."""
    for block in model.modules():
        if type(block).__name__ in BLOCKS:
            norms = [m for n, m in block.named_modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)
                     and not n.startswith(("downsample", "shortcut"))]
            yield norms[-1]


# of networks whose branches are not added to much: there a relu's kinks make the depth chaotic, and norms keep off them
CHAOTIC = ("HighPerfGpuBlock", "UniversalInvertedResidual", "SelecSlsBlock")


def randomise(model, x):
    """Weights that keep the variance, norms that do something, statistics near those of x but not the same. Residual
    branches are made weaker than what they are added to: equal, they make a deep network chaotic."""
    shift = 1.5 if any(type(m).__name__ in CHAOTIC for m in model.modules()) else 0
    for name, p in model.named_parameters():
        owner = model.get_submodule(name.rsplit(".", 1)[0]) if "." in name else model
        is_norm = isinstance(owner, torch.nn.modules.batchnorm._BatchNorm) or "LayerNorm" in type(owner).__name__
        if name.endswith(("gamma", "layer_scale", "layer_scale_parameter")):
            p.uniform_(0.1, 0.5)
        elif is_norm:
            p.uniform_(0.7, 1.3) if name.endswith("weight") else p.uniform_(shift - 0.2, shift + 0.2)
        elif p.dim() > 1:
            p.normal_(0, (1.6 / p[0].numel()) ** 0.5)
        else:
            p.uniform_(-0.1, 0.1)
    for m in last_norms(model):
        m.weight.uniform_(0.2, 0.4)
    hooks = [m.register_forward_pre_hook(measure) for m in model.modules()
             if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    forward(model.eval(), x)
    for hook in hooks:
        hook.remove()


def forward(model, x):
    out = model(x)
    return out.logits if hasattr(out, "logits") else out


def thaw(args, *words):
    done = subprocess.run([args.thaw, *words, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=dict(os.environ, THAW_DATADIR=TOP))
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout).strip())
    return json.loads(done.stdout)


def prepare(image, p):
    """What thaw states, done by Pillow."""
    if p["resize"]:
        image = functional.resize(image, p["resize"], InterpolationMode(p["interpolation"]))
        image = functional.center_crop(image, (p["height"], p["width"]))
    else:
        image = image.resize((p["width"], p["height"]), Image.BILINEAR)
    x = np.asarray(image.convert("L") if p["channels"] == 1 else image, np.float64)
    x = x if p["raw"] else x / 255
    x = x.reshape(p["height"], p["width"], -1)[..., ::-1 if p["bgr"] else 1]
    x = (x - np.array(p["mean"])) / np.array(p["std"])
    return torch.tensor(x.transpose(2, 0, 1)[None].copy(), dtype=torch.float32)


class Wrapped(torch.nn.Module):
    """A network as a member, a linear head behind dropout."""

    def __init__(self, trunk, features, member):
        super().__init__()
        self.member = member
        setattr(self, member, trunk)
        self.head = torch.nn.Sequential(torch.nn.Dropout(0.2), torch.nn.Linear(features, 7))

    def forward(self, x):
        return self.head(getattr(self, self.member)(x).flatten(1))


def strip_head(model, layer):
    setattr(model, layer, torch.nn.Identity())
    return model


def children(model, cut, features):
    """fastai's body: the children of torchvision's model up to the pooling, and a head of one linear layer."""
    body = torch.nn.Sequential(*list(model.children())[:cut])
    head = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Dropout(0.1),
                               torch.nn.Linear(features, 7))
    return torch.nn.Sequential(body, head)


def transformers_model(kind, **config):
    import transformers
    made = getattr(transformers, kind + "Config")(**config)
    return getattr(transformers, kind + "ForImageClassification")(made)


RESNET = {"18": ([64, 128, 256, 512], [2, 2, 2, 2], "basic"), "34": ([64, 128, 256, 512], [3, 4, 6, 3], "basic"),
          "50": ([256, 512, 1024, 2048], [3, 4, 6, 3], "bottleneck"),
          "101": ([256, 512, 1024, 2048], [3, 4, 23, 3], "bottleneck")}
REGNET = {"regnet_y_400mf": ("y", [48, 104, 208, 440], [1, 3, 6, 6], 8),
          "regnet_x_400mf": ("x", [32, 64, 160, 400], [1, 2, 7, 12], 16),
          "regnetx_064": ("x", [168, 392, 784, 1624], [2, 4, 10, 1], 56),
          "regnety_040": ("y", [128, 192, 512, 1088], [2, 6, 12, 2], 64)}
# the last: blocks that transformers pads evenly, as in the configurations of google/efficientnet-*
EFFICIENTNET = {0: (1.0, 1.0, 224, 1280, []), 1: (1.0, 1.1, 240, 1280, [16]), 2: (1.1, 1.2, 260, 1408, [5, 8, 16]),
                3: (1.2, 1.4, 300, 1536, [5, 18])}


def transformers_models():
    for size, (widths, depths, kind) in RESNET.items():
        yield "resnet" + size, lambda w=widths, d=depths, k=kind: transformers_model(
            "ResNet", hidden_sizes=w, depths=d, layer_type=k, num_labels=1000)
    for arch, (kind, widths, depths, group) in REGNET.items():
        yield arch, lambda k=kind, w=widths, d=depths, g=group: transformers_model(
            "RegNet", hidden_sizes=w, depths=d, groups_width=g, layer_type=k, num_labels=1000)
    yield "convnext_tiny", lambda: transformers_model("ConvNext", num_labels=1000)
    yield "convnext_base", lambda: transformers_model("ConvNext", depths=[3, 3, 27, 3], hidden_sizes=[128, 256, 512, 1024],
                                                      num_labels=1000)
    for width in (0.75, 1.0):
        yield "mobilenet_v1_%s" % width, lambda w=width: transformers_model("MobileNetV1", depth_multiplier=w,
                                                                            num_labels=1001)
    for width in (0.35, 0.75, 1.0, 1.4):
        yield "tf_mobilenet_v2_%s" % width, lambda w=width: transformers_model("MobileNetV2", depth_multiplier=w,
                                                                               num_labels=1001)
    for size, (width, depth, side, hidden, even) in EFFICIENTNET.items():
        yield "tf_efficientnet_b%d" % size, lambda w=width, d=depth, s=side, h=hidden, e=even: transformers_model(
            "EfficientNet", width_coefficient=w, depth_coefficient=d, image_size=s, hidden_dim=h, num_labels=1000,
            depthwise_padding=e)


def efficientnet_pytorch_models():
    import efficientnet_pytorch
    for size in range(5):
        side = (224, 240, 260, 300, 380)[size]
        yield "tf_efficientnet_b%d" % size, lambda n=size, s=side: efficientnet_pytorch.EfficientNet.from_name(
            "efficientnet-b%d" % n, image_size=s)


def wrapped_models():
    tv = torchvision.models
    yield "resnet18", lambda: Wrapped(strip_head(tv.resnet18(), "fc"), 512, "backbone")
    yield "resnet50", lambda: Wrapped(strip_head(tv.resnet50(), "fc"), 2048, "encoder")
    yield "densenet121", lambda: Wrapped(strip_head(tv.densenet121(), "classifier"), 1024, "base_model")
    yield "mobilenet_v2", lambda: Wrapped(strip_head(tv.mobilenet_v2(), "classifier"), 1280, "net")


def fastai_models():
    tv = torchvision.models
    yield "resnet18", lambda: children(tv.resnet18(), -2, 512)
    yield "resnet50", lambda: children(tv.resnet50(), -2, 2048)
    yield "mobilenet_v2", lambda: children(tv.mobilenet_v2(), -1, 1280)


def known_archs(args):
    return {row["arch"] for row in thaw(args, "models")["models"] if row.get("arch")}


class Chain(torch.nn.Module):
    """Layers by name, called as `order` says: names, or functions."""

    def __init__(self, order, **layers):
        super().__init__()
        self.order = order
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        for step in self.order:
            x = getattr(self, step)(x) if isinstance(step, str) else step(x)
        return x


F = torch.nn.functional


def pool(x):
    return F.max_pool2d(x, 2)


def flat(x):
    return torch.flatten(x, 1)


def two_convs(first, second, kernel, hidden, padding=0, channels=1):
    """conv1, conv2, fc1, ...: relu and pooling behind each convolution."""
    conv, linear = torch.nn.Conv2d, torch.nn.Linear
    layers = {"conv1": conv(channels, first, kernel, padding=padding), "conv2": conv(first, second, kernel)}
    order = ["conv1", F.relu, pool, "conv2", F.relu, pool, flat]
    for i, (a, b) in enumerate(zip(hidden, hidden[1:])):
        layers["fc%d" % (i + 1)] = linear(a, b)
        order += ["fc%d" % (i + 1), F.relu]
    return Chain(order[:-1], **layers)


def mnist_example():
    """Without its log_softmax."""
    nn = torch.nn
    return Chain(["conv1", F.relu, "conv2", F.relu, pool, "dropout1", flat, "fc1", F.relu, "dropout2", "fc2"],
                 conv1=nn.Conv2d(1, 32, 3, 1), conv2=nn.Conv2d(32, 64, 3, 1), dropout1=nn.Dropout(0.25),
                 dropout2=nn.Dropout(0.5), fc1=nn.Linear(9216, 128), fc2=nn.Linear(128, 10))


def lenet5_d2l():
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2, 2), nn.Conv2d(6, 16, 5), nn.Sigmoid(),
        nn.AvgPool2d(2, 2), nn.Flatten(), nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(),
        nn.Linear(84, 10))


def vgg_cifar(widths):
    nn, layers, before = torch.nn, [], 3
    for width in widths:
        if width == 0:
            layers.append(nn.MaxPool2d(2, 2))
            continue
        layers += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        before = width
    return Chain(["features", flat, "classifier"], features=nn.Sequential(*layers, nn.AvgPool2d(1, 1)),
                 classifier=nn.Linear(512, 10))


class CifarBlock(torch.nn.Module):
    def __init__(self, before, planes, stride, expansion):
        super().__init__()
        nn, wide = torch.nn, planes * expansion
        self.last = 2 if expansion == 1 else 3
        kernels = (3, 3) if expansion == 1 else (1, 3, 1)
        strides = (stride, 1) if expansion == 1 else (1, stride, 1)
        for i in range(self.last):
            out = wide if i == self.last - 1 else planes
            setattr(self, "conv%d" % (i + 1), nn.Conv2d(before if i == 0 else planes, out, kernels[i], strides[i],
                                                        kernels[i] // 2, bias=False))
            setattr(self, "bn%d" % (i + 1), nn.BatchNorm2d(out))
        self.shortcut = nn.Sequential()
        if stride != 1 or before != wide:
            self.shortcut = nn.Sequential(nn.Conv2d(before, wide, 1, stride, bias=False), nn.BatchNorm2d(wide))

    def forward(self, x):
        y = x
        for i in range(1, self.last + 1):
            y = getattr(self, "bn%d" % i)(getattr(self, "conv%d" % i)(y))
            y = F.relu(y) if i < self.last else y
        return F.relu(y + self.shortcut(x))


def resnet_cifar(blocks, expansion):
    nn, before, layers = torch.nn, 64, {}
    for layer, count in enumerate(blocks):
        row = []
        for i in range(count):
            row.append(CifarBlock(before, 64 << layer, 2 if layer and not i else 1, expansion))
            before = (64 << layer) * expansion
        layers["layer%d" % (layer + 1)] = nn.Sequential(*row)
    order = ["conv1", "bn1", F.relu, *layers, lambda x: F.avg_pool2d(x, 4), flat, "linear"]
    return Chain(order, conv1=nn.Conv2d(3, 64, 3, 1, 1, bias=False), bn1=nn.BatchNorm2d(64), linear=nn.Linear(before, 10),
                 **layers)


def tutorial_models():
    """As their tutorials write them."""
    yield "cifar10_tutorial", lambda: two_convs(6, 16, 5, (400, 120, 84, 10), channels=3)
    yield "mnist_example", mnist_example
    yield "mnist_example_2018", lambda: two_convs(20, 50, 5, (800, 500, 10))
    yield "lenet5", lambda: two_convs(6, 16, 5, (400, 120, 84, 10), padding=2)
    yield "lenet5_d2l", lenet5_d2l
    yield "vgg11_cifar", lambda: vgg_cifar((64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0))
    yield "resnet18_cifar", lambda: resnet_cifar((2, 2, 2, 2), 1)


def parts(args):
    """(part, model, the architecture that thaw should tell or None for any, maker)"""
    extra = [m[len("timm/"):] for m in args.models if m.startswith("timm/")]
    for name in extra or timm_names():
        yield "timm", name, None, lambda n=name: timm.create_model(n, **AS_TRAINED.get(n, {}))
    for part, models in (("efficientnet_pytorch", efficientnet_pytorch_models), ("transformers", transformers_models),
                         ("wrapped", wrapped_models), ("fastai", fastai_models), ("tutorials", tutorial_models)):
        for name, make in models():
            yield part, name, name, make


def make_model(name, make):
    torch.manual_seed(zlib.crc32(name.encode()))
    return make().eval()


def check_names(args, line, arch, make):
    """The library's own names and shapes, with any values."""
    path = os.path.join(args.scratch, line["model"] + ".pth")
    model = make_model(line["model"], make)
    line["params"] = sum(p.numel() for p in model.parameters())
    torch.save(model.state_dict(), path)
    del model
    try:
        shown = thaw(args, "models", "show", path)
        line["arch"], line["preprocess"], counts = shown["arch"], shown["preprocess"], shown["match"]["counts"]
        line["used"], line["ignored"] = counts["loaded"] + counts["converted"], counts["ignored"]
        bad = {k: counts[k] for k in ("replaced", "does not fit", "missing", "unexpected") if counts[k]}
        if bad:
            line["fault"] = str(bad)
        if arch and shown["arch"] != arch:
            line["fault"] += " recognised as " + shown["arch"]
    except RuntimeError as problem:
        line["unknown"] = "thaw knows" in str(problem) or "thaw does not know" in str(problem)
        line["fault"] = str(problem).replace(path + ": ", "")[:120]
    finally:
        os.remove(path)


def check_logits(args, line, make):
    path, image = os.path.join(args.scratch, line["model"] + ".pth"), os.path.join(args.scratch, "image.png")
    model = make_model(line["model"], make)
    x = prepare(Image.open(image), line["preprocess"])
    randomise(model, x)
    torch.save(model.state_dict(), path)
    single = forward(model, x)[0].double().numpy()
    want = forward(model.double(), x.double())[0].numpy()
    try:
        have = np.array(thaw(args, "predict", "--logits", "--weights", path, image)["images"][0]["logits"])
        scale = np.linalg.norm(want - want.mean())
        line["torch"], line["difference"] = np.linalg.norm(single - want) / scale, np.linalg.norm(have - want) / scale
        if not line["difference"] < max(TOLERANCE, 2 * line["torch"]):
            line["fault"] += " logits differ"
    except RuntimeError as problem:
        line["fault"] += str(problem)[:120]
    finally:
        os.remove(path)


def text_of(line):
    if "used" not in line:
        return "%-21s %-28s %s" % (line["part"], line["model"], line["fault"])
    return "%-21s %-28s %-26s %5d %5d  %s  %s  %s" % (
        line["part"], line["model"], line["arch"], line["used"], line["ignored"],
        *("%.1e" % line[c] if c in line else "      -" for c in ("torch", "difference")), line["fault"] or "ok")


def write_table(args, lines):
    known = [line for line in lines if not line.get("unknown")]
    good = [line for line in known if not line["fault"]]
    listed = [line for line in lines if line["part"] == "timm"]
    out = ["library               model                        architecture                used ignored torch  thaw"]
    out += [text_of(line).rstrip() for line in known]
    out.append("%d lines, %d in order, %d of them with their logits" % (
        len(known), len(good), sum("difference" in line for line in good)))
    out.append("of timm's list: %d of %d open" % (sum(line["part"] == "timm" for line in good), len(listed)))
    out += textwrap.wrap("not known: " + " ".join(line["model"] for line in listed if line.get("unknown")), 118)
    print("\n".join(out))
    if args.table:
        with open(args.table, "w") as table:
            table.write("\n".join(out) + "\n")
    return len(known) - len(good)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--thaw", required=True)
    parser.add_argument("--scratch", required=True)
    parser.add_argument("--table")
    parser.add_argument("--largest", type=float, default=100, help="million parameters whose logits are computed")
    parser.add_argument("models", nargs="*")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(2)
    torch.set_grad_enabled(False)
    os.makedirs(args.scratch, exist_ok=True)
    make_image(os.path.join(args.scratch, "image.png"))
    lines, makers = [], []
    try:
        for part, name, arch, make in parts(args):
            if args.models and not any(m in ("%s/%s" % (part, name), part) for m in args.models):
                continue
            line = {"part": part, "model": name, "fault": ""}
            check_names(args, line, arch, make)
            lines.append(line)
            makers.append((line, make))
            print(text_of(line), flush=True)
        for line, make in sorted(makers, key=lambda m: m[0]["params"] * m[0].get("preprocess", {}).get("height", 0) ** 2):
            if "used" in line and line["params"] <= 1e6 * args.largest:
                check_logits(args, line, make)
                print(text_of(line), flush=True)
    except KeyboardInterrupt:
        print("interrupted")
    sys.exit(write_table(args, lines) > 0)


if __name__ == "__main__":
    main()
