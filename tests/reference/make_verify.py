#!/usr/bin/python3
"""Figures for `thaw models verify`: logits that PyTorch gives for the built-in probes, as `reference` lines for
catalog/catalog.ini. usage: make_verify.py FOLDER_OF_REAL_DATA   (see README.md; in float64)

Each network is written out here from its paper, on the tensors' names alone, so that nothing of thaw's is relied on."""
import json
import os
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def pixel(probe, x, y, c, w, h):
    if probe == 0:
        across, down = x * 255 // (w - 1), y * 255 // (h - 1)
        return [across, down, (across + 2 * (255 - down)) // 3][c]
    if probe == 1:
        wave = (x * x * 3 + y * y * 5 + x * y * (c + 1)) // (w + h) & 127
        edge = (x * 8 // w + y * 8 // h + c) % 3 * 64
        return min(255, wave + edge)
    bits = (y * w + x) * 3 + c
    bits = (bits ^ bits >> 15) * 2246822519 & 0xFFFFFFFF
    bits = (bits ^ bits >> 13) * 3266489917 & 0xFFFFFFFF
    return (bits ^ bits >> 16) & 255


def image(probe, side):
    rows = [[[pixel(probe, x, y, c, side, side) for x in range(side)] for y in range(side)] for c in range(3)]
    return torch.tensor(rows, dtype=torch.float64)[None]


def read_safetensors(path):
    with open(path, "rb") as file:
        data = file.read()
    size = struct.unpack("<Q", data[:8])[0]
    kinds = {"F32": np.float32, "F16": np.float16, "I64": np.int64}
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = (8 + size + at for at in entry["data_offsets"])
        values = np.frombuffer(data[begin:end], kinds[entry["dtype"]]).reshape(entry["shape"])
        tensors[name] = torch.tensor(values.astype(np.float64))
    return tensors


def read(path):
    if path.endswith(".safetensors"):
        return read_safetensors(path)
    state = torch.load(path, map_location="cpu")
    state = state.get("state_dict", state)
    return {name.replace("module.", "", 1): tensor.double() for name, tensor in state.items()}


def norm(t, name, x, eps):
    return F.batch_norm(x, t[name + ".running_mean"], t[name + ".running_var"], t[name + ".weight"], t[name + ".bias"],
                        False, 0, eps)


def cifar_resnet(t, x):
    """He et al. 2015, section 4.2, option A."""
    x = F.relu(norm(t, "bn1", F.conv2d(x, t["conv1.weight"], padding=1), 1e-5))
    for layer in (1, 2, 3):
        block = 0
        while f"layer{layer}.{block}.conv1.weight" in t:
            at = f"layer{layer}.{block}."
            stride = 2 if layer > 1 and block == 0 else 1
            y = F.relu(norm(t, at + "bn1", F.conv2d(x, t[at + "conv1.weight"], stride=stride, padding=1), 1e-5))
            y = norm(t, at + "bn2", F.conv2d(y, t[at + "conv2.weight"], padding=1), 1e-5)
            if stride == 2:
                zeros = y.shape[1] // 4
                x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, zeros, zeros))
            x = F.relu(x + y)
            block += 1
    return F.linear(x.mean((2, 3)), t["linear.weight"], t["linear.bias"])


def vgg_slim(t, x):
    """Simonyan and Zisserman 2014, configuration A at a quarter of its widths, batch norm, global pooling."""
    number = 0
    for block, convs in enumerate((1, 1, 2, 2, 2)):
        for _ in range(convs):
            x = F.conv2d(x, t[f"features.{number}.weight"], padding=1)
            x = F.relu(norm(t, f"features.{number + 1}", x, 1e-5))
            number += 3
        if block < 4:
            x = F.max_pool2d(x, 2)
            number += 1
    return F.linear(x.mean((2, 3)), t["classifier.weight"], t["classifier.bias"])


def conv_same(x, weight, stride, groups):
    """TensorFlow's SAME: the odd pixel at the bottom and right."""
    missing = max((-(-x.shape[2] // stride) - 1) * stride + weight.shape[2] - x.shape[2], 0)
    x = F.pad(x, (missing // 2, missing - missing // 2) * 2)
    return F.conv2d(x, weight, stride=stride, groups=groups)


def mobilenet_v1(t, x):
    """Howard et al. 2017."""
    x = F.relu6(norm(t, "stem.bn", conv_same(x, t["stem.conv.weight"], 2, 1), 1e-3))
    for i, stride in enumerate((1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)):
        x = conv_same(x, t[f"dw.{i}.conv.weight"], stride, x.shape[1])
        x = F.relu6(norm(t, f"dw.{i}.bn", x, 1e-3))
        x = F.relu6(norm(t, f"pw.{i}.bn", F.conv2d(x, t[f"pw.{i}.conv.weight"]), 1e-3))
    return F.linear(x.mean((2, 3)), t["classifier.weight"], t["classifier.bias"])


def torch_mode(x):
    mean, std = (torch.tensor(v, dtype=torch.float64)[None, :, None, None] for v in IMAGENET)
    return (x / 255 - mean) / std


def tf_mode(x):
    return x / 127.5 - 1


CASES = [
    ("resnet20-american", "samples", "resnet20-american.safetensors", cifar_resnet, torch_mode, 32),
    ("vgg11-slim-american", "samples", "vgg11-slim-american.safetensors", vgg_slim, torch_mode, 32),
    ("resnet20-cifar10", "data", "models/torch_legacy/resnet20-12fca82f.th", cifar_resnet, torch_mode, 32),
    ("resnet56-cifar10", "data", "models/torch_legacy/resnet56-4bfd9763.th", cifar_resnet, torch_mode, 32),
    ("mobilenet_v1_0.25_224", "data", "models/safetensors/mobilenet_v1_0.25_224.safetensors", mobilenet_v1, tf_mode,
     224),
]


def figures(logits):
    count = len(logits)
    chosen = sorted({0, count // 4, count // 2, 3 * count // 4, count - 1, int(logits.argmax())})
    return f"norm {float(logits.norm()):.8g} " + " ".join(f"{i} {float(logits[i]):.8g}" for i in chosen)


def main():
    folders = {"samples": os.path.join(HERE, "../../samples"), "data": sys.argv[1]}
    for name, folder, file, network, mode, side in CASES:
        tensors = read(os.path.join(folders[folder], file))
        with torch.no_grad():
            groups = [figures(network(tensors, mode(image(probe, side)))[0]) for probe in range(3)]
        print(f"[{name}]\nreference = " + "\n    | ".join(groups) + "\n")


main()
