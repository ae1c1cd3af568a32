#!/usr/bin/python3
"""Writes torch_import/*.pth and torch_import.txt: small whole modules as PyTorch itself saves them, and their logits.

    /usr/bin/python3 tests/reference/make_torch_import.py

needs PyTorch and torchvision (made with Debian 12's 1.13.1 and 0.14.1); running the test needs none. test_torch_import.c reads the files, imports
their networks, and holds the logits of two hashed images against the lines written here, which were computed in float64.
A softmax or sigmoid at the end is cut off for the figures, not for the files; a network of one output is told as the two
logits 0 and z.
"""
import io
import os
import pathlib
import sys
import types
import warnings

import numpy as np
import torch
from torch import nn
from torchvision.models.mobilenetv2 import InvertedResidual
from torchvision.models.resnet import BasicBlock, Bottleneck

from hashed import uniform

HERE = pathlib.Path(os.path.dirname(os.path.abspath(__file__)))
IMAGES = 2


def images(side, channels):
    """Values from 0 to 1, height, width, channels."""
    return uniform("pixels", IMAGES * side * side * channels).astype(np.float32).reshape(IMAGES, side, side, channels)


def randomise(model):
    """Batch norms that are far from what they start as."""
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm1d)):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            if module.affine:
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.5, 0.5)
    return model.eval()


def nested():
    """Strides, paddings on one side only, groups, pools of all kinds; a flattened map of more than a pixel."""
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(4, eps=1e-3), nn.ReLU6(inplace=True)),
        nn.MaxPool2d(3, 2, 1),
        nn.Sequential(nn.Conv2d(4, 6, (3, 1), padding=(1, 0), groups=2), nn.LeakyReLU(0.2), nn.Identity(), nn.AvgPool2d(2)),
        nn.SiLU(),
        nn.Flatten(),
        nn.Linear(96, 5),
        nn.BatchNorm1d(5, affine=False),
        nn.Tanh(),
        nn.Dropout(0.3),
        nn.Linear(5, 3),
        nn.LogSoftmax(dim=1),
    )


def binary():
    """Any side will do; grey; one output. In a DataParallel, whose names are longer by "module."."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 4, padding="same", dilation=2), nn.GELU(), nn.MaxPool2d(2, ceil_mode=True), nn.Hardswish(),
        nn.AvgPool2d(3, 1, padding=1, count_include_pad=False), nn.Sigmoid(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 1), nn.Sigmoid())


def lenet():
    """The network of PyTorch's first tutorial, as a list of layers: its linear layer allows 32x32."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2, 2), nn.Conv2d(6, 4, 5), nn.ReLU(), nn.MaxPool2d(2, 2), nn.Flatten(),
        nn.Linear(100, 12), nn.ReLU(), nn.Linear(12, 10))


def pixels():
    """No convolution at all: 28x28 grey."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 4), nn.ReLU(), nn.Linear(4, 3))


def adaptive():
    """A pool to 2x2 pixels, and maxima of whole maps."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 5, stride=4), nn.ReLU(), nn.Conv2d(4, 4, 3, stride=4, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d((2, 2)), nn.Conv2d(4, 8, 1), nn.AdaptiveMaxPool2d(1), nn.Flatten(1), nn.Dropout(0), nn.Linear(8, 5))


class AdaptiveConcatPool2d(nn.Module):
    """As fastai's documentation has it: the maxima, then the means."""

    def __init__(self):
        super().__init__()
        self.size, self.ap, self.mp = 1, nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(1)

    def forward(self, x):
        return torch.cat([self.mp(x), self.ap(x)], 1)


def stand_in(module, of, name):
    """A class that pickles name as that module's."""
    made = type(name, (of,), {"__module__": module})
    for part in (module.split(".")[0], module):
        sys.modules.setdefault(part, types.ModuleType(part))
    setattr(sys.modules[module], name, made)
    return made


def blocks():
    """The blocks of torchvision, and fastai's head."""
    shrink = nn.Sequential(nn.Conv2d(8, 12, 1, stride=2, bias=False), nn.BatchNorm2d(12))
    body = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Sequential(BasicBlock(8, 8), BasicBlock(8, 12, stride=2, downsample=shrink)), Bottleneck(12, 3),
        InvertedResidual(12, 12, 1, 2), InvertedResidual(12, 8, 2, 1))
    head = nn.Sequential(
        stand_in("fastai.layers", AdaptiveConcatPool2d, "AdaptiveConcatPool2d")(), stand_in("fastai.layers", nn.Flatten, "Flatten")(),
        nn.BatchNorm1d(16), nn.Dropout(0.25), nn.Linear(16, 6, bias=False), nn.ReLU(inplace=True), nn.BatchNorm1d(6), nn.Dropout(0.5),
        nn.Linear(6, 4, bias=False))
    return nn.Sequential(body, head)


def logits(model, side, channels):
    """In float64, of the images that the test feeds."""
    while isinstance(model[-1], (nn.LogSoftmax, nn.Sigmoid)):
        model = model[:-1]
    fed = torch.from_numpy(images(side, channels)).double().permute(0, 3, 1, 2)
    with torch.no_grad():
        out = model.double()(fed)
    return torch.cat([torch.zeros_like(out), out], 1) if out.shape[1] == 1 else out


def save(path, model, zip_archive):
    with io.BytesIO() as buffer:
        torch.save(model, buffer, _use_new_zipfile_serialization=zip_archive)
        path.write_bytes(buffer.getvalue())


def no_source(obj):
    """torch.save would put source text and its path beside a module's class."""
    raise OSError(obj)


MODELS = (
    ("nested.pth", nested, 32, 3, True),
    ("nested_legacy.pth", nested, 32, 3, False),
    ("binary.pth", lambda: nn.DataParallel(binary()), 28, 1, True),
    ("lenet.pth", lenet, 32, 3, False),
    ("pixels.pth", pixels, 28, 1, True),
    ("adaptive.pth", adaptive, 224, 3, True),
    ("blocks.pth", blocks, 32, 3, True),
)


def main():
    torch.serialization.get_source_lines_and_file = no_source
    warnings.simplefilter("ignore")
    (HERE / "torch_import").mkdir(exist_ok=True)
    with open(HERE / "torch_import.txt", "w") as figures:
        for name, make, side, channels, zip_archive in MODELS:
            torch.manual_seed(1)
            model = randomise(make())
            save(HERE / "torch_import" / name, model, zip_archive)
            out = logits(model.module if isinstance(model, nn.DataParallel) else model, side, channels)
            print(name, side, channels, out.shape[1], *("%.9g" % v for v in out.flatten().tolist()), file=figures)


main()
