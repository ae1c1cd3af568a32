#!/usr/bin/python3
"""Holds every torchvision architecture of thaw's zoo against torchvision itself.

    /usr/bin/python3 tests/reference/check_torchvision.py --thaw ./thaw --scratch DIR [--table FILE] [MODEL ...]

For each model: torchvision builds it with random weights whose activations neither vanish nor explode; torch saves the
state dict as a zip archive and as a legacy stream, in float32 and float16; the built `thaw` must recognise each file
with nothing missing, unexpected or replaced, state the preprocessing that torchvision documents for the weights that
carry the file's name, and give torch's logits for one photograph-like image, from the PNG on. A difference is the L2
norm of logits less torch's, over the norm of the latter less their mean. Torch's are those of float64, for files of
float16 those of float32; the first column is what lies between these two.

A table goes to stdout, and to FILE. Exit 1 where a line is not in order. Needs torch, torchvision and Pillow; the
scratch folder holds one file of a model at a time (convnext_large: 0.8 GB).
"""
import argparse
import contextlib
import copy
import json
import os
import subprocess
import sys
import time
import warnings
import zlib

import numpy as np
import torch
import torchvision
from PIL import Image
from torchvision.models import get_model, get_model_weights

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOLERANCE = 1e-4
HALVES = ("googlenet", "inception_v3")  # pretrained with transform_input
CONTAINERS = (("zip f32", True, torch.float32), ("legacy f32", False, torch.float32),
              ("zip f16", True, torch.float16), ("legacy f16", False, torch.float16))
COLUMNS = ("torch", *(c for c, _, _ in CONTAINERS))
FAMILIES = ("resnet", "resnext", "wide_resnet", "vgg", "alexnet", "googlenet", "inception", "squeezenet", "mobilenet",
            "densenet", "efficientnet", "shufflenet", "mnasnet", "convnext", "regnet")


def all_models():
    """Torchvision's classification models of the families above, small ones first; regnet_y_128gf has no weights for
    ImageNet's classes that the catalog lists."""
    names = torchvision.models.list_models(module=torchvision.models)
    names = [n for n in names if n.startswith(FAMILIES) and n != "regnet_y_128gf"]
    return sorted(names, key=lambda n: get_model_weights(n).IMAGENET1K_V1.meta["num_params"])


def make_image(path):
    """Blurred noise over a gradient, wider than high: as many frequencies and colours as a photograph."""
    rng = np.random.default_rng(20)
    height, width = 613, 811
    y, x = np.mgrid[0:height, 0:width] / 800.0
    pixels = np.stack([120 + 90 * x, 200 - 140 * y, 60 + 120 * x * y], -1)
    for cells in (4, 16, 64, 256):
        noise = rng.uniform(-1, 1, (cells, cells, 3)).astype(np.float32)
        layers = [np.asarray(Image.fromarray(noise[..., c]).resize((width, height), Image.BICUBIC)) for c in range(3)]
        pixels += 60 / np.log2(cells) * np.stack(layers, -1)
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)


BLOCKS = ("BasicBlock", "Bottleneck", "InvertedResidual", "_InvertedResidual", "MBConv", "FusedMBConv",
          "ResBottleneckBlock")


def last_norms(model):
    """The norm that ends each residual branch."""
    for block in model.modules():
        if type(block).__name__ in BLOCKS:
            norms = [m for n, m in block.named_modules()
                     if isinstance(m, torch.nn.BatchNorm2d) and not n.startswith(("downsample", "proj"))]
            yield norms[-1]


def randomise(model, x):
    """Weights that keep the variance, norms that do something, statistics near those of x but not the same. Residual
    branches are made weaker than what they are added to, as trained ones are: equal, they make a deep network chaotic,
    and every rounding shows in the logits."""
    norms = (torch.nn.BatchNorm2d, torch.nn.LayerNorm)
    for name, p in model.named_parameters():
        owner = model.get_submodule(name.rsplit(".", 1)[0])
        if name.endswith("layer_scale"):
            p.uniform_(0.1, 0.5)
        elif isinstance(owner, norms):
            p.uniform_(0.7, 1.3) if name.endswith("weight") else p.uniform_(-0.2, 0.2)
        elif p.dim() > 1:
            p.normal_(0, (1.6 / p[0].numel()) ** 0.5)
        else:
            p.uniform_(-0.1, 0.1)
    for m in last_norms(model):
        m.weight.uniform_(0.2, 0.4)
    hooks = [m.register_forward_pre_hook(measure) for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    model.eval()(x)
    for hook in hooks:
        hook.remove()


def measure(norm, inputs):
    """Statistics of what comes in, a little off, so that what goes on stays of one size."""
    var, mean = torch.var_mean(inputs[0], (0, 2, 3), unbiased=False)
    norm.running_mean.copy_(mean + 0.2 * var.sqrt() * torch.randn_like(mean))
    norm.running_var.copy_(var * torch.empty_like(var).uniform_(0.7, 1.4))
    norm.running_var += 0.05 * mean**2  # else a nearly constant channel is all rounding


def build(name, transform_input):
    options = {"transform_input": transform_input, "init_weights": False} if name in HALVES else {}
    return get_model(name, weights=None, **options)


def thaw(args, *words):
    done = subprocess.run([args.thaw, *words, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=dict(os.environ, THAW_DATADIR=TOP))  # this tree's catalog
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout).strip())
    return json.loads(done.stdout)


def check_preprocess(name, have, want, stated):
    """What thaw states against torchvision's preset; both normalisations of `stated` models are one here."""
    mean, std = (want.mean, want.std) if not stated else ([0.5] * 3, [0.5] * 3)
    good = (have["height"], have["width"], have["resize"]) == (want.crop_size[0], want.crop_size[0], want.resize_size[0])
    good = good and have["interpolation"] == want.interpolation.value and not have["raw"] and not have["bgr"]
    good = good and np.allclose(have["mean"], mean, atol=1e-6) and np.allclose(have["std"], std, atol=1e-6)
    return "" if good else "preprocessing of %s differs" % name


def check_match(shown, name):
    counts = shown["match"]["counts"]
    bad = {k: counts[k] for k in ("replaced", "does not fit", "missing", "unexpected") if counts[k]}
    if shown["arch"] != name:
        return "recognised as " + shown["arch"]
    return "match report: %s" % bad if bad else ""


def difference(have, want):
    return np.linalg.norm(np.array(have, np.float64) - want) / np.linalg.norm(want - want.mean())


def logits_64(model, x):
    """In float64, of the float32 weights; the model stays as it is."""
    logits = model.double()(x.double())[0].numpy()
    model.float()
    return logits


def check_files(args, name, model, x, extra, line, faults):
    image = os.path.join(args.scratch, "image.png")
    path = os.path.join(args.scratch, name + ".pth")
    want = {torch.float32: logits_64(model, x)}
    line["torch"] = difference(model(x)[0].numpy(), want[torch.float32])
    state = copy.deepcopy(model.state_dict())  # with the versions that torch saves as attributes of the dictionary
    half = copy.deepcopy(state)
    for key in half:
        half[key] = half[key].half() if half[key].is_floating_point() else half[key]
    model.load_state_dict(half)
    want[torch.float16] = model(x)[0].double().numpy()
    for column, zipped, dtype in CONTAINERS:
        torch.save(state if dtype == torch.float32 else half, path, _use_new_zipfile_serialization=zipped)
        shown = thaw(args, "models", "show", path)
        line["tensors"], line["params"] = shown["match"]["counts"], shown["params"]
        faults.append(check_match(shown, name))
        if column == "zip f32":
            check_names(args, name, path, faults)
        words = ["predict", "--logits", "--weights", path, image]
        line[column] = difference(thaw(args, *words, *extra)["images"][0]["logits"], want[dtype])
        if not line[column] < TOLERANCE:
            faults.append("%s: logits differ" % column)
        os.remove(path)


def check_names(args, name, path, faults):
    """The same file under the names of each of the pretrained weights: preprocessing comes from the catalog."""
    for weights in get_model_weights(name):
        if not weights.name.startswith("IMAGENET1K_V"):
            continue
        named = os.path.join(args.scratch, os.path.basename(weights.url))
        os.rename(path, named)
        try:
            have = thaw(args, "models", "show", named)["preprocess"]
            faults.append(check_preprocess(named, have, weights.transforms(), name in HALVES))
        finally:
            os.rename(named, path)


def check(args, name, transform_input, preset, extra):
    line, faults = {"model": name + ("" if not extra else " (as is)")}, []
    start = time.time()
    torch.manual_seed(zlib.crc32(name.encode()))
    with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(args.scratch, name + ".pth"))
    x = preset(Image.open(os.path.join(args.scratch, "image.png")))[None]
    model = build(name, transform_input)
    randomise(model, x)
    try:
        check_files(args, name, model, x, extra, line, faults)
    except (RuntimeError, KeyError, TypeError) as problem:
        faults.append(str(problem))
    line["fault"] = "; ".join(f for f in faults if f)
    line["seconds"] = time.time() - start
    return line


def print_line(out, line):
    counts = line.get("tensors", {})
    used = sum(counts.get(k, 0) for k in ("loaded", "converted"))
    figures = ["%.1e" % line[c] if c in line else "-" for c in COLUMNS]
    out.write("%-24s %10d %6d %7d  %8s %8s %10s %8s %10s  %s\n" % (line["model"], line.get("params", 0), used,
                                                                counts.get("ignored", 0), *figures,
                                                                line["fault"] or "ok"))
    out.flush()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--thaw", default="./thaw")
    parser.add_argument("--scratch", required=True)
    parser.add_argument("--table")
    parser.add_argument("models", nargs="*")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_grad_enabled(False)
    torch.set_num_threads(2)
    os.makedirs(args.scratch, exist_ok=True)
    make_image(os.path.join(args.scratch, "image.png"))
    lines, bad = [], 0
    outs = [sys.stdout] + ([open(args.table, "w")] if args.table else [])
    for out in outs:
        out.write("%-24s %10s %6s %7s  %8s %8s %10s %8s %10s\n" % ("model", "parameters", "used", "ignored", *COLUMNS))
    for name in args.models or all_models():
        preset = get_model_weights(name).IMAGENET1K_V1.transforms()
        # thaw's own preprocessing of a file without a name, then with what torchvision does with transform_input off
        runs = [(name in HALVES, [])] + ([(False, ["--preprocess", "torch"])] if name in HALVES else [])
        for transform_input, extra in runs:
            lines.append(check(args, name, transform_input, preset, extra))
            bad += bool(lines[-1]["fault"])
            for out in outs:
                print_line(out, lines[-1])
    for out in outs:
        out.write("%d lines, %d in order\n" % (len(lines), len(lines) - bad))
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
