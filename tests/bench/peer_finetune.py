#!/usr/bin/env python3
"""The whole fine-tune in PyTorch as its transfer-learning tutorial has it: ResNet-18, the head alone learns, ants against
bees; from process start, decoding included. Prints one JSON line.

  peer_finetune.py --data DIR --weights FILE [--batch 32] [--layout nhwc] [--augment] [--cache] [--epochs 2]

Without --cache only --epochs epochs run, and ten_epochs_s is the start, the first epoch, and nine of the median of the
others. With --cache the trunk runs once over all images and the head learns for ten epochs on what it gave."""
import time

BEGAN = time.perf_counter()
import argparse
import json
import os
import statistics
import warnings

warnings.filterwarnings("ignore")


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--layout", default="nchw", choices=("nchw", "nhwc"))
    parser.add_argument("--augment", action="store_true")
    parser.add_argument("--cache", action="store_true")
    return parser.parse_args()


OPTIONS = arguments()
os.environ["OMP_NUM_THREADS"] = str(OPTIONS.threads)
import torch
import torchvision
from torchvision import transforms

torch.set_num_threads(OPTIONS.threads)
torch.manual_seed(0)


def loaders():
    last = [transforms.ToTensor(), transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
    plain = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224)] + last)
    random = transforms.Compose([transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip()] + last)
    is_photo = lambda path: path.lower().endswith((".jpg", ".jpeg", ".png"))
    make = lambda part, transform: torchvision.datasets.ImageFolder(os.path.join(OPTIONS.data, part), transform,
                                                                    is_valid_file=is_photo)
    train, val = make("train", random if OPTIONS.augment else plain), make("val", plain)
    load = torch.utils.data.DataLoader
    return load(train, batch_size=OPTIONS.batch, shuffle=not OPTIONS.cache), load(val, batch_size=OPTIONS.batch)


def network():
    net = torchvision.models.resnet18()
    net.load_state_dict(torch.load(OPTIONS.weights))
    for parameter in net.parameters():
        parameter.requires_grad = False
    net.fc = torch.nn.Linear(net.fc.in_features, 2)
    return net.to(memory_format=torch.channels_last) if OPTIONS.layout == "nhwc" else net


def laid_out(images):
    return images.contiguous(memory_format=torch.channels_last) if OPTIONS.layout == "nhwc" else images


def learn(net, optimizer, images, labels):
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(net(images), labels)
    loss.backward()
    optimizer.step()
    loss.item()


def right(net, images, labels):
    with torch.no_grad():
        return (net(images).argmax(1) == labels).sum().item()


def cached(net, train, val):
    head, net.fc = net.fc, torch.nn.Identity()
    optimizer = torch.optim.SGD(head.parameters(), lr=1e-3, momentum=0.9)
    net.eval()
    features = []
    with torch.no_grad():
        for part in (train, val):
            pairs = [(net(laid_out(images)), labels) for images, labels in part]
            features.append((torch.cat([x for x, _ in pairs]), torch.cat([y for _, y in pairs])))
    for _ in range(10):
        images, labels = features[0]
        order = torch.randperm(len(labels))
        for i in range(0, len(order), OPTIONS.batch):
            rows = order[i:i + OPTIONS.batch]
            learn(head, optimizer, images[rows], labels[rows])
        good = right(head, *features[1])
    return good


def looped(net, train, val):
    optimizer = torch.optim.SGD(net.fc.parameters(), lr=1e-3, momentum=0.9)
    epochs = []
    for _ in range(OPTIONS.epochs):
        began = time.perf_counter()
        net.train()
        for images, labels in train:
            learn(net, optimizer, laid_out(images), labels)
        net.eval()
        good = sum(right(net, laid_out(images), labels) for images, labels in val)
        epochs.append(time.perf_counter() - began)
    return good, epochs


def main():
    train, val = loaders()
    net = network()
    started = time.perf_counter() - BEGAN
    told = dict(version=torch.__version__, start_s=started)
    if OPTIONS.cache:
        good = cached(net, train, val)
        told["ten_epochs_s"] = time.perf_counter() - BEGAN
    else:
        good, epochs = looped(net, train, val)
        told["epoch_s"] = statistics.median(epochs[1:] or epochs)
        told["ten_epochs_s"] = started + epochs[0] + 9 * told["epoch_s"]
    told["accuracy"] = good / len(val.dataset)
    print(json.dumps(told))


main()
