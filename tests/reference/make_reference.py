#!/usr/bin/python3
"""Writes the reference figures of tests/reference: what PyTorch computes for a few networks of the zoo.

    /usr/bin/python3 tests/reference/make_reference.py [resnet18 resnet50 vgg16_bn]

needs torch, torchvision and numpy (figures committed here: torch 1.13.1, torchvision 0.14.1); running the tests needs
none of them. Weights are not stored: both sides compute every value from the parameter's name and the element's
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
# network, mode, images, side: the statistics of a batch need more pixels than fixed ones
CASES = {
    "resnet18": [("batch", 2, 64), ("fixed", 2, 32)],
    "resnet50": [("batch", 2, 64), ("fixed", 1, 32)],
    "vgg16_bn": [("batch", 2, 32), ("fixed", 1, 32)],
}
SEEDS = 24


def fill(name, shape, is_norm):
    """The values of a parameter in torch's layout, rounded to float32.

    Batch norm shifts three channels in four far up and one far down: few values then lie near the kink of the relu
    that follows, where rounding alone decides which gradient is right. Linear layers are small, so that the softmax is
    not saturated."""
    count = int(np.prod(shape))
    u = uniform(name, count)
    last = name.rsplit(".", 1)[1]
    if is_norm and last in ("weight", "running_var"):
        v = 0.75 + 0.5 * u
    elif is_norm and last == "running_mean":
        v = 0.2 * (2 * u - 1)
    elif is_norm:
        v = np.where(u < 0.25, -2.5, 2.5) + 0.2 * (2 * u - 1)
    elif last == "weight":
        v = np.sqrt((3.0 if len(shape) == 4 else 0.02) / np.prod(shape[1:])) * (2 * u - 1)
    else:
        v = 0.1 * (2 * u - 1)
    return torch.from_numpy(v.astype(np.float32).astype(np.float64).reshape(shape))


def make_input(seed, images, side):
    count = images * 3 * side * side
    v = np.sqrt(3.0) * (2 * uniform("input.%d" % seed, count) - 1)
    return torch.from_numpy(v.astype(np.float32).astype(np.float64).reshape(images, 3, side, side))


def make_model(name):
    model = getattr(torchvision.models, name)(num_classes=CLASSES).double()
    norms = {n for n, m in model.named_modules() if isinstance(m, torch.nn.BatchNorm2d)}
    with torch.no_grad():
        for tensor_name, tensor in model.state_dict().items():
            if not tensor_name.endswith("num_batches_tracked"):
                tensor.copy_(fill(tensor_name, tuple(tensor.shape), tensor_name.rsplit(".", 1)[0] in norms))
    for module in model.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    return model


def set_mode(model, mode):
    model.train(mode == "batch")
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.eval()


def measure_margin(model, x):
    """The least distance of any relu's input from 0, and of a pool's largest value from its second, over the root mean
    square of the tensor."""
    margins = []

    def on_relu(_, inputs):
        v = inputs[0]
        margins.append((v.abs().min() / v.pow(2).mean().sqrt()).item())

    def on_pool(module, inputs):
        v = inputs[0]
        pad = module.padding
        k, s = module.kernel_size, module.stride
        w = torch.nn.functional.pad(v, (pad, pad, pad, pad), value=-1e30).unfold(2, k, s).unfold(3, k, s)
        top = w.reshape(*w.shape[:4], -1).topk(2, dim=-1).values
        gap = (top[..., 0] - top[..., 1])[top[..., 0] > 0]
        margins.append((gap.min() / v.pow(2).mean().sqrt()).item())

    hooks = []
    for module in model.modules():
        if isinstance(module, torch.nn.ReLU):
            hooks.append(module.register_forward_pre_hook(on_relu))
        elif isinstance(module, torch.nn.MaxPool2d):
            hooks.append(module.register_forward_pre_hook(on_pool))
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    return min(margins)


def choose_seed(name, mode, images, side):
    best = (0, -1)
    model = make_model(name)
    for seed in range(SEEDS):
        set_mode(model, mode)
        margin = measure_margin(model, make_input(seed, images, side))
        best = max(best, (margin, seed))
    return best


def write_case(out, name, mode, images, side):
    margin, seed = choose_seed(name, mode, images, side)
    model = make_model(name)
    set_mode(model, mode)
    x = make_input(seed, images, side)
    labels = torch.tensor([(7 * i + 3) % CLASSES for i in range(images)])
    logits = model(x)
    loss = torch.nn.functional.cross_entropy(logits, labels)
    loss.backward()
    print("%s %s: seed %d, margin %.2g, loss %.6f" % (name, mode, seed, margin, loss.item()))
    out.write("case %s %s images %d side %d classes %d seed %d\n" % (name, mode, images, side, CLASSES, seed))
    out.write("logits " + " ".join("%.9g" % v for v in logits.detach().numpy().reshape(-1)) + "\n")
    out.write("loss %.12g\n" % loss.item())
    for tensor_name, tensor in model.named_parameters():
        out.write("gradient " + digest(tensor_name, tensor.grad.numpy()) + "\n")
    if mode == "batch":
        for tensor_name, tensor in model.named_buffers():
            if not tensor_name.endswith("num_batches_tracked"):
                out.write("value " + digest(tensor_name, tensor.numpy()) + "\n")
    out.write("end\n")


def main():
    torch.set_num_threads(2)
    for name in sys.argv[1:] or CASES:
        with open(os.path.join(HERE, name + ".txt"), "w") as out:
            for mode, images, side in CASES[name]:
                write_case(out, name, mode, images, side)


if __name__ == "__main__":
    main()
