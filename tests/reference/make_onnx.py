#!/usr/bin/python3
"""Exports networks of torchvision to ONNX, for test_onnx to load and hold against torch and against thaw's own networks.

    /usr/bin/python3 tests/reference/make_onnx.py DIR [MODEL ...]
    make check THAW_ONNX_DIR=DIR TESTS=tests/reference/test_onnx

needs torch and torchvision (1.13.1 and 0.14.1 were used) and 3 GB in DIR. Nothing of it is kept: the weights are
random, made as check_torchvision.py makes them. Each network is written as the exporter does by default, batch norms
folded into convolutions (NAME.folded.onnx), and as it is (NAME.kept.onnx: training=PRESERVE, no constant folding), each
beside a text of what torch computes in float64 for one hashed input.
"""
import copy
import os
import sys
import warnings

import numpy as np
import torch

from check_torchvision import build, randomise
from hashed import uniform

SIDE = 224
# network: opset of the folded file, of the other; those before the others are what the test trains a step of
CASES = {
    "resnet18": (11, 13),
    "vgg11": (9, 14),
    "mobilenet_v2": (12, 17),
    "squeezenet1_1": (9, 13),
    "densenet121": (13, 11),
    "googlenet": (10, 13),
    "efficientnet_b0": (14, 12),
    "alexnet": (9, 17),
    "inception_v3": (11, 13),
    "mobilenet_v3_small": (14, 11),
    "mnasnet0_5": (13, 9),
    "shufflenet_v2_x0_5": (11, 15),
    "regnet_y_400mf": (13, 16),
    "efficientnet_v2_s": (17, 13),
    "resnext50_32x4d": (16, 12),
}


def make_input(seed):
    v = np.sqrt(3.0) * (2 * uniform("input.%d" % seed, 3 * SIDE * SIDE) - 1)
    return torch.from_numpy(v.astype(np.float32).reshape(1, 3, SIDE, SIDE))


def export(model, x, path, kept, opset):
    options = dict(training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False) if kept else {}
    torch.onnx.export(model, x, path, input_names=["image"], output_names=["logits"], opset_version=opset,
                      dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}} if kept else None, **options)


def write(folder, name, seed=0):
    torch.manual_seed(7)
    x = make_input(seed)
    # GoogLeNet and Inception normalise their input anew, where they are asked to: in the folded file they are
    for form, opset in zip(("folded", "kept"), CASES[name]):
        torch.manual_seed(7)
        model = build(name, form == "folded")
        if form == "folded":
            randomise(model, x)
            state = copy.deepcopy(model.state_dict())
        model.load_state_dict(state)
        model.eval()
        path = os.path.join(folder, "%s.%s" % (name, form))
        export(model, x, path + ".onnx", form == "kept", opset)
        logits = copy.deepcopy(model).double()(x.double()).reshape(-1).tolist()
        with open(path + ".txt", "w") as out:
            out.write("%s %s side %d classes %d seed %d\n" % (name, form, SIDE, len(logits), seed))
            out.write(" ".join("%.12g" % v for v in logits) + "\n")
        print("%s.onnx" % path, os.path.getsize(path + ".onnx"))


def main():
    warnings.filterwarnings("ignore")
    torch.set_grad_enabled(False)
    torch.set_num_threads(2)
    os.makedirs(sys.argv[1], exist_ok=True)
    for name in sys.argv[2:] or CASES:
        write(sys.argv[1], name)


if __name__ == "__main__":
    main()
