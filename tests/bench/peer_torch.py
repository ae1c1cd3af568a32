#!/usr/bin/env python3
"""One PyTorch contender of one row: sets a network up, then waits for lines on stdin. A line "seconds S" runs steps for
that long, at least one, and prints {"seconds": [each step]}; the end of stdin prints the most memory it had, and ends.
So several contenders live at once and take turns; one that waits takes no processor time.

  peer_torch.py --model resnet18 --regime forward|full|block|head|head-cached --batch 32 --threads 2
                --layout nchw|nhwc [--trace | --compile]

full: all learns; block: the last stage and the head learn; head: the last layer learns, the trunk is computed anew each
step, as the usual loop does; head-cached: the last layer alone on features that are there. A step that learns is
zero_grad, forward, cross-entropy, backward, SGD with momentum. Weights are random: the time does not depend on them."""
import argparse
import json
import os
import resource
import sys
import time
import warnings

warnings.filterwarnings("ignore")


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--regime", default="forward")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--layout", default="nchw", choices=("nchw", "nhwc"))
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--compile", action="store_true")
    return parser.parse_args()


def resnet20(torch):
    """The CIFAR network of He et al. 2015: three stages of three blocks, shortcuts without parameters."""
    nn, functional = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.stride, self.more = outputs // inputs, (outputs - inputs) // 2
            self.conv1 = nn.Conv2d(inputs, outputs, 3, self.stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outputs)

        def forward(self, x):
            y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
            if self.more:
                x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more, self.more))
            return functional.relu(x + y)

    blocks = [Block(a, b) for a, b in ((16, 16), (16, 16), (16, 16), (16, 32), (32, 32), (32, 32), (32, 64), (64, 64), (64, 64))]
    return nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), *blocks,
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def last_stage(model, net):
    """The modules before the head that learn in the regime "block"."""
    if model.startswith("resnet") and hasattr(net, "layer4"):
        return [net.layer4]
    if model == "vgg16":
        return [net.features[24:]]
    raise SystemExit(f"{model}: its last stage is not known here")


def prepare(options, torch):
    import torchvision

    small = options.model == "resnet20"
    net = resnet20(torch) if small else getattr(torchvision.models, options.model)()
    side, classes = (32, 10) if small else (224, 1000)
    images = torch.rand(options.batch, 3, side, side)
    labels = torch.arange(options.batch) % classes
    if options.layout == "nhwc":
        net = net.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    return net, images, labels


def forward_step(options, torch, net, images):
    net.eval()
    with torch.no_grad():
        if options.trace:
            net = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(net, images)))
        if options.compile:
            import torch._inductor.config as inductor

            inductor.freezing = True
            net = torch.compile(net)

    def step():
        with torch.no_grad():
            net(images)

    return step


def learning_step(options, torch, net, images, labels):
    net.train()
    if options.regime != "full":
        head = net.classifier if hasattr(net, "classifier") else net.fc if hasattr(net, "fc") else net[-1]
        learn = [head] + (last_stage(options.model, net) if options.regime == "block" else [])
        for parameter in net.parameters():
            parameter.requires_grad_(False)
        for module in learn:
            for parameter in module.parameters():
                parameter.requires_grad_(True)
        if options.regime == "head-cached":
            net, images = head, torch.rand(options.batch, head.in_features)
    if options.compile:
        net = torch.compile(net)
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=1e-3, momentum=0.9)

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()
        loss.item()

    return step


def serve(step):
    for line in sys.stdin:
        limit, took, began = float(line.split()[1]), [], time.perf_counter()
        while not took or time.perf_counter() - began < limit:
            start = time.perf_counter()
            step()
            took.append(time.perf_counter() - start)
        print(json.dumps({"seconds": took}), flush=True)


def main():
    options = arguments()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    import torch

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    net, images, labels = prepare(options, torch)
    if options.regime == "forward":
        step = forward_step(options, torch, net, images)
    else:
        step = learning_step(options, torch, net, images, labels)
    for _ in range(3 if options.trace else 1):  # the profiling executor compiles in its second and third call
        step()
    print(json.dumps({"ready": True, "version": torch.__version__}), flush=True)
    serve(step)
    print(json.dumps({"rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}), flush=True)


main()
