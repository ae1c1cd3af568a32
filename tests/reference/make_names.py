#!/usr/bin/python3
"""Writes names.txt: what libraries call the tensors of some of their networks, and the logits of these.

    /tmp/venv/bin/python tests/reference/make_names.py

A batch norm is one line, "LAYER norm CHANNELS". Weights and the image are computed from names and numbers by both sides (hashed.py), so that names and shapes are all that is
kept. The networks are small ones that together have every kind of block, at sides that are no multiple of 32 where the
library allows it, since TensorFlow's padding depends on the side. Evaluated in float64. See check_names.py for what is
needed; nothing of it is, to run the test.
"""
import os
import warnings

import numpy as np
import timm
import torch
import torchvision

import hashed
from check_names import children, forward, transformers_model, tutorial_models

HERE = os.path.dirname(os.path.abspath(__file__))
CLASSES = 10


def efficientnet_pytorch(side):
    from efficientnet_pytorch import EfficientNet
    return EfficientNet.from_name("efficientnet-b0", image_size=side, num_classes=CLASSES)


def transformers(kind, **config):
    return transformers_model(kind, num_labels=CLASSES, **config)


def timm_model(name):
    return timm.create_model(name, num_classes=CLASSES)


def cases():
    """(library, the file's name, the architecture it is, side, model)"""
    for name, side in (("resnet10t", 70), ("resnet14t", 70), ("resnetrs50", 70), ("regnety_002", 70), ("regnetx_002", 70),
                       ("tf_efficientnet_lite0", 70), ("efficientnet_lite0", 70),
                       ("tf_efficientnet_b0", 70), ("efficientnet_b0", 70), ("tf_efficientnetv2_b0", 70),
                       ("efficientnetv2_rw_t", 70), ("mobilenetv2_050", 70),
                       ("mobilenetv3_small_050", 70), ("tf_mobilenetv3_small_075", 70),
                       ("tf_mobilenetv3_small_minimal_100", 70), ("convnext_atto", 64)):
        yield "timm", name, name, side, timm_model(name)
    yield "timm", "mnasnet_100", "mnasnet1_0", 70, timm_model("mnasnet_100")
    yield "timm", "mobilenetv2_100", "mobilenet_v2", 70, timm_model("mobilenetv2_100")
    yield "efficientnet_pytorch", "model", "tf_efficientnet_b0", 70, efficientnet_pytorch(70)
    yield "transformers", "model", "resnet18", 70, transformers(
        "ResNet", hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2], layer_type="basic")
    yield "transformers", "model", "regnetx_002", 70, transformers(
        "RegNet", hidden_sizes=[24, 56, 152, 368], depths=[1, 1, 4, 7], groups_width=8, layer_type="x")
    yield "transformers", "model", "regnety_002", 70, transformers(
        "RegNet", hidden_sizes=[24, 56, 152, 368], depths=[1, 1, 4, 7], groups_width=8, layer_type="y")
    yield "transformers", "model", "convnext_atto", 64, transformers(
        "ConvNext", hidden_sizes=[40, 80, 160, 320], depths=[2, 2, 6, 2])
    yield "transformers", "model", "mobilenet_v1_0.25", 70, transformers("MobileNetV1", depth_multiplier=0.25)
    yield "transformers", "model", "tf_mobilenet_v2_0.35", 70, transformers("MobileNetV2", depth_multiplier=0.35)
    yield "transformers", "model", "tf_efficientnet_b0", 64, transformers(
        "EfficientNet", width_coefficient=1.0, depth_coefficient=1.0, hidden_dim=1280)
    tv = torchvision.models
    yield "fastai", "model", "resnet18", 70, children(tv.resnet18(), -2, 512)
    yield "fastai", "model", "mobilenet_v2", 70, children(tv.mobilenet_v2(), -1, 1280)
    for name, make in tutorial_models():
        yield "tutorials", name, name, 0, make()


def fill(name, tensor):
    u = torch.from_numpy(hashed.uniform(name, tensor.numel()).reshape(tuple(tensor.shape)))
    leaf = name.rsplit(".", 1)[-1]
    if tensor.dim() > 1:
        u = (2 * u - 1) * (3 / tensor[0].numel()) ** 0.5
    elif leaf == "running_var" or leaf == "weight":
        u = 0.75 + 0.5 * u
    elif leaf == "running_mean":
        u = 0.2 * (2 * u - 1)
    elif leaf == "bias":
        u = 0.1 * (2 * u - 1)
    else:  # a layer scale
        u = 0.1 + 0.4 * u
    tensor.copy_(u.float())


def make_input(channels, side):
    u = hashed.uniform("input.0", channels * side * side).reshape(1, channels, side, side)
    return torch.from_numpy(np.sqrt(3) * (2 * u - 1)).float()


def write_case(out, library, file, arch, side, model):
    state = model.eval().state_dict()
    names = [n for n in state if not n.endswith("num_batches_tracked")]
    for name in names:
        fill(name, state[name])
    first = next(state[n] for n in names if state[n].dim() == 4)
    side = side or (32 if "cifar" in arch else 28)
    x = make_input(first.shape[1], side)
    logits = forward(model.double(), x.double())[0].numpy()
    print("%s %s: %s" % (library, file, logits[:3]), flush=True)
    out.write("case %s %s %s channels %d side %d tensors %d\n" % (library, file, arch, first.shape[1], side, len(names)))
    for name in names:
        layer, leaf = name.rsplit(".", 1) if "." in name else ("", name)
        is_norm = layer + ".running_var" in state
        if is_norm and leaf == "weight":
            out.write("%s norm %d\n" % (layer, state[name].numel()))
        elif not is_norm:
            out.write(name + " " + "x".join(str(d) for d in state[name].shape) + "\n")
    out.write("logits %d " % len(logits) + " ".join("%.9g" % v for v in logits) + "\n")


def main():
    warnings.simplefilter("ignore")
    torch.set_grad_enabled(False)
    torch.set_num_threads(2)
    with open(os.path.join(HERE, "names.txt"), "w") as out:
        for case in cases():
            write_case(out, *case)


if __name__ == "__main__":
    main()
