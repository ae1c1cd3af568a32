#!/usr/bin/env python3
"""make_weights.py FILE: a torch state dict of ResNet-18 as torchvision initialises it, seed 0. Enough to time with."""
import sys

import torch
import torchvision

torch.manual_seed(0)
torch.save(torchvision.models.resnet18().state_dict(), sys.argv[1])
