#!/usr/bin/env python3
"""Holds every Keras row of the catalog against keras.applications itself, from the file to the logits.

    python3 tests/reference/check_keras.py --thaw ./thaw --scratch DIR [--table FILE] [ARCHITECTURE ...]

For each architecture: Keras builds it with the hashed weights of make_keras.py, and files are written under the
catalog's names, so that the catalog's preprocessing is held against Keras's as well:

    h5        weights alone as Keras 2 wrote the published ones, with the names that these have in their layers and values
    notop     the same without the class head
    unnamed   the same with layers called layer_1, layer_2, ...: bound by order, as Keras itself does
    keras 3   model.save_weights("....weights.h5")

thaw must recognise each with nothing missing, unexpected or replaced (but for the head of notop, which starts fresh), and
give Keras's logits, computed in float64, for one image, from the PNG on. A table goes to stdout, and to FILE. Exit 1
where a line is not in order. Needs keras 3 with tensorflow, h5py and Pillow; the scratch folder holds one architecture's
files at a time (VGG-19: 550 MB).
"""
import argparse
import configparser
import json
import os
import re
import subprocess
import sys
import time

import h5py
import numpy as np
from PIL import Image

import make_keras
from make_keras import apps, keras

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOLERANCE = 1e-4
COLUMNS = ("h5", "unnamed", "keras 3")
MODELS = {
    "keras_vgg16": apps.VGG16, "keras_vgg19": apps.VGG19, "keras_resnet50": apps.ResNet50,
    "keras_resnet101": apps.ResNet101, "keras_resnet152": apps.ResNet152, "keras_resnet50v2": apps.ResNet50V2,
    "keras_resnet101v2": apps.ResNet101V2, "keras_resnet152v2": apps.ResNet152V2,
    "keras_inception_v3": apps.InceptionV3, "keras_xception": apps.Xception, "keras_mobilenet_1.0": apps.MobileNet,
    "keras_mobilenet_v2": apps.MobileNetV2, "keras_mobilenet_v3_large": apps.MobileNetV3Large,
    "keras_mobilenet_v3_small": apps.MobileNetV3Small, "keras_densenet121": apps.DenseNet121,
    "keras_densenet169": apps.DenseNet169, "keras_densenet201": apps.DenseNet201, "keras_efficientnet_b0": None,
    "keras_nasnet_mobile": apps.NASNetMobile,
}
PREPROCESS = {
    "vgg": apps.vgg16, "resnet": apps.resnet, "v2": apps.resnet_v2, "inception": apps.inception_v3,
    "xception": apps.xception, "mobilenet_1.0": apps.mobilenet, "mobilenet_v2": apps.mobilenet_v2,
    "mobilenet_v3": apps.mobilenet_v3, "densenet": apps.densenet, "efficientnet": apps.efficientnet,
    "nasnet": apps.nasnet,
}
HEADS = ("predictions", "conv_preds", "logits", "fc1", "fc2", "conv_2")


# --- names of the published files ---


def tensorflow_name(layer):
    """MobileNetV3's."""
    block, _, part = re.match(r"(expanded_conv(_\d+)?_)?(.*)", layer).groups()
    prefix = block[:-1] + "/" if block else ""
    part = part.replace("squeeze_excite_", "squeeze_excite/")
    part = re.sub(r"_bn$", "/BatchNorm", part)
    last = part.split("/")
    last = [w.capitalize() if w.startswith(("conv", "logits")) else w for w in last]
    return prefix + "/".join(last)


def published_name(arch, layer):
    if arch.startswith("keras_mobilenet_v3"):
        return tensorflow_name(layer)
    for counted in ("conv2d", "batch_normalization"):
        if layer == counted:
            return layer + "_1"
        if re.fullmatch(counted + r"_\d+", layer):
            return "%s_%d" % (counted, int(layer.rsplit("_", 1)[1]) + 1)
    if arch.startswith("keras_densenet"):
        return {"conv1_conv": "conv1/conv", "conv1_bn": "conv1/bn", "predictions": "fc1000"}.get(layer, layer)
    if arch.startswith("keras_resnet") and layer == "predictions":
        return "probs"
    if arch == "keras_mobilenet_v2" and layer == "predictions":
        return "Logits"
    return layer


def value_name(arch, layer, leaf):
    if arch.startswith("keras_vgg"):
        return "%s_%s_1:0" % (layer, {"kernel": "W", "bias": "b"}[leaf])
    return "%s/%s:0" % (layer, leaf)


def write_h5(path, arch, model, rename, top=True):
    """As Keras 2 writes weights alone: layer_names, weight_names, one group a layer."""
    with h5py.File(path, "w") as file:
        layers = [l for l in model.layers if top or l.name not in HEADS]
        names = [rename(i, l.name) for i, l in enumerate(layers)]
        file.attrs["layer_names"] = [n.encode() for n in names]
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.2.4"
        for layer, name in zip(layers, names):
            group = file.create_group(name)
            values = [value_name(arch, name, w.name) for w in layer.weights]
            group.attrs["weight_names"] = [v.encode() for v in values]
            for value, weight in zip(values, layer.weights):
                group[value] = np.asarray(weight, np.float32)


# --- one architecture ---


def build(arch, dtype):
    keras.backend.clear_session()
    keras.backend.set_floatx(dtype)
    side = 299 if arch in ("keras_inception_v3", "keras_xception") else 224
    if arch == "keras_efficientnet_b0":
        model = make_keras.make_efficientnet(side, side, 1000)
    else:
        model = MODELS[arch](weights=None, input_shape=(side, side, 3), classifier_activation=None)
    make_keras.fill_model(model, 1 if arch.startswith("keras_vgg") else 0.4)
    return model


def make_image(path, side):
    """Blurred noise over a gradient: as many frequencies and colours as a photograph."""
    rng = np.random.default_rng(20)
    y, x = np.mgrid[0:side, 0:side] / side
    pixels = np.stack([120 + 90 * x, 200 - 140 * y, 60 + 120 * x * y], -1)
    for cells in (4, 16, 64, side):
        noise = rng.uniform(-1, 1, (cells, cells, 3)).astype(np.float32)
        layers = [np.asarray(Image.fromarray(noise[..., c]).resize((side, side), Image.BICUBIC)) for c in range(3)]
        pixels += 60 / np.log2(cells) * np.stack(layers, -1)
    pixels = np.clip(pixels, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def preprocess(arch, pixels):
    longest = max((k for k in PREPROCESS if k in arch), key=lambda k: (arch.endswith(k), len(k)))
    return PREPROCESS[longest].preprocess_input(pixels.astype(np.float64)[None])


def thaw(args, *words):
    done = subprocess.run([args.thaw, *words, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=dict(os.environ, THAW_DATADIR=TOP))  # this tree's catalog
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout).strip())
    return json.loads(done.stdout)


def read_catalog():
    """Architecture to its files, with and without top."""
    catalog = configparser.ConfigParser(interpolation=None)
    catalog.read(os.path.join(TOP, "catalog", "catalog.ini"))
    files = {}
    for name in catalog.sections():
        row = catalog[name]
        if row.get("source") == "keras":
            files.setdefault(row["arch"], {})["notop" if name.endswith("_notop") else "h5"] = row["file"]
    return files


def match(shown, arch, head):
    """head: how many tensors may be missing."""
    counts = shown["match"]["counts"]
    bad = {k: counts[k] for k in ("replaced", "does not fit", "missing", "unexpected") if counts[k]}
    if shown["arch"] != arch:
        return "recognised as " + shown["arch"]
    return "" if bad == ({"missing": head} if head else {}) else "match report: %s" % bad


def check_files(args, arch, files, line, faults):
    path = {k: os.path.join(args.scratch, v) for k, v in files.items()}
    path["unnamed"] = os.path.join(args.scratch, "unnamed.h5")
    path["keras 3"] = os.path.join(args.scratch, "three.weights.h5")
    model = build(arch, "float32")
    line["keras"] = model.count_params()
    write_h5(path["h5"], arch, model, lambda i, name: published_name(arch, name))
    write_h5(path["notop"], arch, model, lambda i, name: published_name(arch, name), top=False)
    write_h5(path["unnamed"], arch, model, lambda i, name: name if name == "normalization" else "layer_%d" % i)
    model.save_weights(path["keras 3"])
    model = build(arch, "float64")
    head = sum(len(l.weights) for l in model.layers if l.name in HEADS)
    try:
        shown = thaw(args, "models", "show", path["h5"])["preprocess"]
        pixels = make_image(os.path.join(args.scratch, "image.png"), shown["resize"])
        at, side = round((shown["resize"] - shown["height"]) / 2), shown["height"]
        want = np.asarray(model(preprocess(arch, pixels[at:at + side, at:at + side]), training=False)).ravel()
        for column in ("h5", "notop", "unnamed", "keras 3"):
            shown = thaw(args, "models", "show", path[column])
            faults.append(match(shown, arch, head if column == "notop" else 0))
            line.setdefault("tensors", shown["match"]["counts"])
            line["params"], line["buffers"] = shown["params"], shown["buffers"]
            if column != "notop":
                words = ("predict", "--logits", "--weights", path[column], os.path.join(args.scratch, "image.png"))
                have = np.array(thaw(args, *words)["images"][0]["logits"])
                # an offset that all logits share does not help
                line[column] = np.abs(have - want).max() / want.std()
                if not line[column] < TOLERANCE:
                    faults.append("%s: logits differ" % column)
    finally:
        for name in path.values():
            if os.path.exists(name):
                os.remove(name)


def check(args, arch, files):
    line, faults, start = {"model": arch}, [], time.time()
    try:
        check_files(args, arch, files, line, faults)
        extra = 7 if arch == "keras_efficientnet_b0" else 0  # Normalization's mean, variance and count
        if line["params"] + line["buffers"] + extra != line["keras"]:
            faults.append("%d values, Keras counts %d" % (line["params"] + line["buffers"], line["keras"]))
    except (RuntimeError, KeyError, TypeError) as problem:
        faults.append(str(problem))
    line["fault"] = "; ".join(f for f in faults if f)
    line["seconds"] = time.time() - start
    return line


def print_line(out, line):
    counts = line.get("tensors", {})
    used = sum(counts.get(k, 0) for k in ("loaded", "converted"))
    figures = ["%.1e" % line[c] if c in line else "-" for c in COLUMNS]
    out.write("%-26s %10d %10d %6d %7d  %8s %8s %8s  %s\n" % (
        line["model"], line.get("params", 0), line.get("keras", 0), used, counts.get("ignored", 0), *figures,
        line["fault"] or "ok"))
    out.flush()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--thaw", default="./thaw")
    parser.add_argument("--scratch", required=True)
    parser.add_argument("--table")
    parser.add_argument("models", nargs="*")
    args = parser.parse_args()
    os.makedirs(args.scratch, exist_ok=True)
    catalog, bad = read_catalog(), 0
    assert set(catalog) == set(MODELS), "the catalog's rows are not those of this script"
    outs = [sys.stdout] + ([open(args.table, "w")] if args.table else [])
    for out in outs:
        out.write("%-26s %10s %10s %6s %7s  %8s %8s %8s\n" % (
            "architecture", "learnable", "Keras's", "used", "ignored", *COLUMNS))
    for arch in args.models or MODELS:
        line = check(args, arch, catalog[arch])
        bad += bool(line["fault"])
        for out in outs:
            print_line(out, line)
    for out in outs:
        out.write("%d lines, %d in order\n" % (len(args.models or MODELS), len(args.models or MODELS) - bad))
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
