#!/usr/bin/env python3
"""Writes optim_figures.h: what torch.optim makes of small tensors over some steps. Not needed to run the tests.

Per optimiser one decayed tensor (a weight) and one that is not (a bias). Gradients are a formula that the test repeats:
g(step, i) = sin(0.7 * i + 1.3 * step) * (1 + step % 3), computed in double and rounded to float32.
"""
import math
import torch

STEPS, COUNT, LR, DECAY, MOMENTUM = 12, 7, 0.05, 0.01, 0.9


def gradient(step, shift):
    return torch.tensor([math.sin(0.7 * (i + shift) + 1.3 * step) * (1 + step % 3) for i in range(COUNT)],
                        dtype=torch.float64).float()


def run(make):
    weight = torch.tensor([0.1 * i - 0.3 for i in range(COUNT)], dtype=torch.float64).float().requires_grad_()
    bias = torch.tensor([0.2 - 0.05 * i for i in range(COUNT)], dtype=torch.float64).float().requires_grad_()
    groups = [{"params": [weight], "weight_decay": DECAY}, {"params": [bias], "weight_decay": 0.0}]
    optimizer = make(groups)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = LR / (1 + step)
        weight.grad, bias.grad = gradient(step, 0), gradient(step, 3)
        optimizer.step()
    return torch.cat([weight, bias]).tolist()


ROWS = [
    ("OPTIMIZER_SGD", lambda g: torch.optim.SGD(g, lr=LR, momentum=MOMENTUM)),
    ("OPTIMIZER_NESTEROV", lambda g: torch.optim.SGD(g, lr=LR, momentum=MOMENTUM, nesterov=True)),
    ("OPTIMIZER_ADAMW", lambda g: torch.optim.AdamW(g, lr=LR)),
]
print("/* Made by optim_figures.py with PyTorch %s: weight, then bias, after %d steps. */" % (torch.__version__, STEPS))
print('#include "thaw/train/optim.h"\n')
print("static const double figures[OPTIMIZERS][14] = {")
for name, make in ROWS:
    print("    [%s] = {%s}," % (name, ", ".join("%.9g" % v for v in run(make))))
print("};")
