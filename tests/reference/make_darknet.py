#!/usr/bin/python3
"""Makes tests/reference/darknet: a network that has every kind of layer that is read of Darknet's, as NAME.cfg and
NAME.weights, and the logits of one image, with PyTorch in float64 (1.13 was used). The layers are computed here as
Darknet's sources say, without thaw.

    /usr/bin/python3 tests/reference/make_darknet.py tests/reference/darknet
"""
import os
import struct
import sys

import numpy
import torch
import torch.nn.functional as F

CFG = {
    "pooled": """# as Darknet19 ends: the classes are a convolution's channels, averaged
[net]
batch = 1
height=18
width=22
channels=3

[convolutional]
batch_normalize=1
filters=6
size=3
stride=1
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[convolutional]
batch_normalize=1
filters=8
size=3
stride=1
pad=1
activation=swish

[convolutional]
filters=8
size=1
groups=2
stride=1
pad=1
activation=logistic

[shortcut]
from=-2
activation=relu

[maxpool]
size=3
stride=2

[route]
layers = -1

[maxpool]
size=2
stride=1

[route]
layers=-1,-3

[convolutional]
filters=5
size=1
stride=1
pad=1
activation=linear

[avgpool]

[softmax]
groups=1

[cost]
type=sse
""",
    "connected": """[network]
height=12
width=12
channels=1
[conv]
filters=4
size=5
stride=2
padding=1
activation=tanh
; connected layers read channels first
[connected]
batch_normalize=1
output=7
activation=leaky
[dropout]
probability=.25
[conn]
output=3
activation=linear
[soft]
""",
}


def sections(text):
    made = []
    for line in text.splitlines():
        line = "".join(line.split())
        if not line or line[0] in "#;":
            continue
        if line[0] == "[":
            made.append((line[1:-1], {}))
        else:
            key, value = line.split("=", 1)
            made[-1][1][key] = value
    return made


def activate(name, x):
    return {
        "linear": lambda: x,
        "relu": lambda: x.clamp(min=0),
        "leaky": lambda: torch.where(x > 0, x, 0.1 * x),
        "logistic": lambda: 1 / (1 + torch.exp(-x)),
        "tanh": lambda: torch.tanh(x),
        "swish": lambda: x / (1 + torch.exp(-x)),
    }[name]()


def normalise(x, values):
    shape = (1, -1) + (1,) * (x.dim() - 2)
    return (x - values["mean"].view(shape)) / (values["var"].view(shape).sqrt() + 1e-6) * values["scale"].view(shape)


def main():
    to = sys.argv[1]
    os.makedirs(to, exist_ok=True)
    generator = numpy.random.default_rng(7)
    written = []

    def draw(*shape, low=-1.0, high=1.0):
        array = generator.uniform(low, high, shape).astype("<f4")
        written.append(array)
        return torch.from_numpy(array.astype("f8"))

    for name, text in CFG.items():
        written.clear()
        layers = sections(text)
        net = layers[0][1]
        height, width, channels = int(net["height"]), int(net["width"]), int(net["channels"])
        pixels = numpy.arange(height * width * channels).reshape(height, width, channels) * 37 % 256
        x = torch.from_numpy(pixels.transpose(2, 0, 1)[None] / 255.0)
        outputs = []
        for kind, options in layers[1:]:
            get = lambda key, fallback: int(options.get(key, fallback))
            normalised = get("batch_normalize", 0)
            if kind in ("convolutional", "conv"):
                filters, size, groups = get("filters", 1), get("size", 1), get("groups", 1)
                padding = size // 2 if get("pad", 0) else get("padding", 0)
                bias = draw(filters)
                values = {"scale": draw(filters), "mean": draw(filters), "var": draw(filters, low=0.1)} if normalised else None
                weight = draw(filters, x.shape[1] // groups, size, size)
                x = F.conv2d(x, weight, None, get("stride", 1), padding, 1, groups)
                x = normalise(x, values) if normalised else x
                x = activate(options["activation"], x + bias.view(1, -1, 1, 1))
            elif kind in ("connected", "conn"):
                bias = draw(get("output", 1))
                flat = x.reshape(1, -1)
                weight = draw(get("output", 1), flat.shape[1])
                filters = get("output", 1)
                values = {"scale": draw(filters), "mean": draw(filters), "var": draw(filters, low=0.1)} if normalised else None
                x = flat @ weight.T
                x = normalise(x, values) if normalised else x
                x = activate(options["activation"], x + bias).view(1, -1, 1, 1)
            elif kind == "maxpool":
                stride = get("stride", 1)
                size = get("size", stride)
                padding = get("padding", size - 1)
                out = [(side + padding - size) // stride + 1 for side in x.shape[2:]]
                pooled = torch.empty(1, x.shape[1], *out, dtype=x.dtype)
                for i in range(out[0]):
                    for j in range(out[1]):
                        top, left = i * stride - padding // 2, j * stride - padding // 2
                        window = x[:, :, max(top, 0) : top + size, max(left, 0) : left + size]
                        pooled[:, :, i, j] = window.amax((2, 3))
                x = pooled
            elif kind == "avgpool":
                x = x.mean((2, 3), keepdim=True)
            elif kind == "shortcut":
                x = activate(options.get("activation", "linear"), x + outputs[len(outputs) + get("from", 0)])
            elif kind == "route":
                x = torch.cat([outputs[len(outputs) + int(i)] for i in options["layers"].split(",")], 1)
            outputs.append(x)
        with open(f"{to}/{name}.cfg", "w") as file:
            file.write(text)
        with open(f"{to}/{name}.weights", "wb") as file:
            file.write(struct.pack("<iiiQ", 0, 2, 0, 12800) if name == "pooled" else struct.pack("<iiii", 0, 1, 0, 12800))
            for array in written:
                file.write(array.tobytes())
        with open(f"{to}/{name}.txt", "w") as file:
            file.write("".join(f"{value:.9g}\n" for value in x.flatten().tolist()))


main()
