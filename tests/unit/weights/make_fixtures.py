#!/usr/bin/python3
"""Makes the small weights files in fixtures/ with PyTorch (1.13 was used), and prints nothing.

    python3 tests/unit/weights/make_fixtures.py tests/unit/weights/fixtures

Tests read the committed files; PyTorch is needed only to make them anew. What each holds is said beside its check in
test_weights.c.
"""
import collections
import os
import sys
import warnings

import torch


def state():
    """Every element type, views, shared storages, a parameter, an empty tensor and a scalar."""
    base = torch.arange(24, dtype=torch.float32)
    made = collections.OrderedDict()
    made["f32"] = torch.tensor([[1.5, -2.0], [0.25, 1e-3]])
    made["f16"] = torch.tensor([1.0, -0.5, 65504.0], dtype=torch.float16)
    made["bf16"] = torch.tensor([1.0, -3.0], dtype=torch.bfloat16)
    made["f64"] = torch.tensor([0.1, 2.0 ** -30], dtype=torch.float64)
    made["i64"] = torch.tensor([-5, 1 << 40])
    made["i32"] = torch.tensor([7, -7], dtype=torch.int32)
    made["i16"] = torch.tensor([300, -300], dtype=torch.int16)
    made["i8"] = torch.tensor([-128, 127], dtype=torch.int8)
    made["u8"] = torch.tensor([0, 255], dtype=torch.uint8)
    made["bool"] = torch.tensor([True, False])
    made["scalar"] = torch.tensor(42)
    made["empty"] = torch.zeros(0, 3)
    made["whole"] = base.view(2, 3, 4)
    made["turned"] = base.view(2, 3, 4).permute(2, 0, 1)
    made["part"] = base.view(4, 6)[1:3, 1:6:2]
    made["spread"] = torch.tensor([[3.0], [4.0]]).expand(2, 3)
    made["parameter"] = torch.nn.Parameter(torch.tensor([9.0, 8.0]))
    return made


def save(path, value, protocol=2):
    torch.save(value, path, _use_new_zipfile_serialization=False, pickle_protocol=protocol)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(2, 1)


def no_source(obj):
    """torch.save would put source text and its path beside a module's class."""
    raise OSError(obj)


def main():
    torch.manual_seed(1)
    torch.serialization.get_source_lines_and_file = no_source
    warnings.simplefilter("ignore")
    to = sys.argv[1]
    os.makedirs(to, exist_ok=True)
    made = state()
    save(f"{to}/all.pth", made)
    save(f"{to}/all_protocol4.pth", made, protocol=4)
    save(f"{to}/nested.pth", {"epoch": 3, "best_acc1": torch.tensor(71.5), "state_dict": torch.nn.Linear(2, 1).state_dict()})
    save(f"{to}/module.pth", Net())
    save(f"{to}/no_tensors.pth", {"epoch": 3, "lr": 0.1})


main()
