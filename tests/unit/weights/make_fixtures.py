#!/usr/bin/python3
"""Makes the small weights files in fixtures/ with PyTorch (1.13 was used), and prints nothing.

    python3 tests/unit/weights/make_fixtures.py tests/unit/weights/fixtures

Tests read the committed files; PyTorch is needed only to make them anew. What each holds is said beside its check in
test_weights.c.
"""
import argparse
import collections
import functools
import io
import os
import pathlib
import pickle
import struct
import sys
import tarfile
import types
import warnings
import zipfile

import numpy

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


def save_zip(path, value):
    """As torch.save writes it, but for the archive's name: that of a buffer, so that the path does not matter."""
    with io.BytesIO() as buffer:
        torch.save(value, buffer)
        with open(path, "wb") as file:
            file.write(buffer.getvalue())


def pack_anew(path, source, top):
    """The same entries from somebody's zip tool: deflated, in another order, below another folder."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for info in sorted(old.infolist(), key=lambda info: info.filename):
            inner = info.filename.split("/", 1)[1]
            new.writestr(zipfile.ZipInfo(top + inner, (1980, 1, 1, 0, 0, 0)), old.read(info), zipfile.ZIP_DEFLATED)
        new.writestr(zipfile.ZipInfo(top + "byteorder", (1980, 1, 1, 0, 0, 0)), b"little")


class TarPickler(pickle.Pickler):
    """The object of the tar format: tensors are named by number."""

    numbers = {}

    def persistent_id(self, value):
        if torch.is_tensor(value):
            return self.numbers[id(value)]
        return None

    def reducer_override(self, value):
        if isinstance(value, torch.nn.Parameter):
            return torch.nn.Parameter, (value.data,), {}
        return NotImplemented


def save_tar(path, made):
    """What torch.save wrote before 0.1.10, after the reader of it that PyTorch still has (serialization._legacy_load)."""
    storages, views, tensors, numbers = {}, [], [], {}
    for value in made.values():
        storage = value.storage()
        key = storage.data_ptr() or 1
        if key not in storages:
            storages[key] = (len(storages) + 1, storage)
        number = 1000 + len(numbers)
        numbers[id(value)] = number
        tensors.append((number, storages[key][0], value))
    out = io.BytesIO()
    pickle.dump(len(storages), out, 2)
    for number, storage in storages.values():
        pickle.dump((number, "cpu", getattr(torch, storage.pickle_storage_type())), out, 2)
        out.write(struct.pack("<q", len(storage)))
        out.write(bytes(storage.untyped() if hasattr(storage, "untyped") else storage._storage))
    part = [(number, value) for number, _, value in tensors if value is made["part"]][0]
    whole = storages[made["part"].storage().data_ptr()][0]
    views.append((500, whole, 6, 12))
    pickle.dump(views, out, 2)
    parts = {"storages": out.getvalue()}
    out = io.BytesIO()
    pickle.dump(len(tensors), out, 2)
    for number, stored, value in tensors:
        in_view = number == part[0]
        pickle.dump((number, 500 if in_view else stored, torch.FloatTensor), out, 2)
        offset = value.storage_offset() - (6 if in_view else 0)
        rank = value.dim()
        out.write(struct.pack(f"<ii{rank}q{rank}qq", rank, 0, *value.shape, *value.stride(), offset))
    parts["tensors"] = out.getvalue()
    out = io.BytesIO()
    pickler = TarPickler(out, 2)
    pickler.numbers = numbers
    pickler.dump(made)
    parts["pickle"] = out.getvalue()
    parts["sys_info"] = pickle.dumps({"protocol_version": 1000, "little_endian": True, "type_sizes": {}}, 2)
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("sys_info", "pickle", "tensors", "storages"):
            info = tarfile.TarInfo(name)
            info.size = len(parts[name])
            tar.addfile(info, io.BytesIO(parts[name]))
    back = torch.load(path)
    for name, value in made.items():
        assert torch.equal(back[name], value), name


def checkpoint():
    """What training scripts put beside the weights. The first wrapper is empty, the second holds none, the third counts."""
    counts = collections.defaultdict(list)
    counts["loss"].append(1.5)
    return {
        "args": argparse.Namespace(lr=0.1, arch="net", out=pathlib.PurePosixPath("runs").name),
        "best": numpy.float64(71.5),
        "mean": numpy.arange(3.0),
        "history": counts,
        "seen": collections.Counter("abca"),
        "classes": {1, 2, 3},
        "device": torch.device("cpu"),
        "dtype": torch.float32,
        "size": torch.Size([2, 1]),
        "state_dict": {},
        "model": {"name": "net"},
        "params": collections.OrderedDict(weight=torch.tensor([1.0, 2.0]), bias=torch.nn.Parameter(torch.tensor([3.0]))),
        "optimizer": {"state": {0: {"momentum": torch.zeros(2)}}, "param_groups": [{"lr": 0.1}]},
    }


def odd_key():
    """A state dict under a key of its own, more tensors than beside it."""
    linear = torch.nn.Linear(2, 1)
    optimiser = torch.optim.Adam(linear.parameters())
    linear(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    return {"loss": torch.tensor(1.0), "optimizer": optimiser.state_dict(), "weights_of_it": linear.state_dict()}


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(2, 1)


def class_of(module, name, *bases):
    """A class that a pickle names by that module, whatever is installed here."""
    made = type(name, bases, {"__module__": module})
    parts = module.split(".")
    for i in range(1, len(parts) + 1):
        sys.modules.setdefault(".".join(parts[:i]), types.ModuleType(".".join(parts[:i])))
    setattr(sys.modules[module], name, made)
    return made


def filled(module):
    """Every float counts from 1 on, in the order of the state dict."""
    for name, value in module.state_dict(keep_vars=True).items():
        if value.is_floating_point():
            with torch.no_grad():
                value.copy_(torch.arange(1, value.numel() + 1).view(value.shape))
    return module


def tree():
    """Modules in modules, one under two names, buffers of both kinds, parts that are None."""
    net = class_of("mine.models", "Tree", torch.nn.Module)()
    net.register_parameter("scale", torch.nn.Parameter(torch.zeros(2)))
    net.register_parameter("absent", None)
    net.register_buffer("kept", torch.zeros(1))
    net.register_buffer("dropped", torch.zeros(1), persistent=False)
    net.block = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2), torch.nn.ReLU())
    net.again = net.block[0]
    net.register_module("none", None)
    return filled(net)


def ultralytics(net, key):
    """As Ultralytics saves the last and the best of a run: half precision, the average as "ema"."""
    model = class_of("ultralytics.nn.tasks", "ClassificationModel", torch.nn.Module)()
    model.model = torch.nn.Sequential(net)
    model.names, model.yaml = {0: "ant", 1: "bee"}, {"nc": 2}
    other = filled(torch.nn.Linear(2, 1))
    return {
        "epoch": -1,
        "best_fitness": numpy.float64(0.5),
        "model": None if key == "ema" else model.half(),
        "ema": model.half() if key == "ema" else None,
        "updates": 3,
        "optimizer": other.state_dict(),
        "train_args": class_of("ultralytics.utils", "IterableSimpleNamespace")(),
        "version": "8.2.0",
    }


def learner(net, deep=False):
    """As fastai's Learner.export: an object whose attributes are the model and much else. deep: with the class names where
    fastai 2 has them, in the transform of a dataset of a loader."""
    made = class_of("fastai.learner", "Learner")()
    made.path = pathlib.PurePosixPath("models")
    made.opt_func = functools.partial(class_of("fastai.optimizer", "Adam"), lr=0.1)
    made.cbs = class_of("fastcore.foundation", "L", list)([1, 2])
    made.dls = class_of("fastai.data.core", "DataLoaders")()
    if deep:
        items, vocab = type(made.cbs)(), class_of("fastai.data.transforms", "CategoryMap")()
        categorize = class_of("fastai.data.transforms", "Categorize")()
        items.items, vocab.items, vocab.o2i = ["ant", "bee"], items, collections.defaultdict(int, {"ant": 0, "bee": 1})
        categorize.vocab, loader = vocab, class_of("fastai.data.core", "TfmdDL")()
        loader.dataset, loader.bs = categorize, 64
        made.dls.loaders = [loader]
    else:
        made.dls.vocab = ["ant", "bee"]
    made.model = net
    return made


def lightning():
    """A checkpoint of Lightning: the state dict below the module's attribute, callbacks and settings beside it."""
    settings = class_of("lightning.fabric.utilities.data", "AttributeDict", dict)(lr=0.1)
    return {
        "epoch": 3,
        "pytorch-lightning_version": "2.1.0",
        "state_dict": collections.OrderedDict(("model." + k, v) for k, v in filled(torch.nn.Linear(2, 1)).state_dict().items()),
        "callbacks": {"ModelCheckpoint": {"monitor": "loss", "best": class_of("mine.callbacks", "Best")()}},
        "hyper_parameters": settings,
    }


class Lenet(torch.nn.Module):
    """The zoo's lenet, by its names."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = torch.nn.Conv2d(1, 10, 5), torch.nn.Conv2d(10, 20, 5)
        self.fc1, self.fc2 = torch.nn.Linear(320, 50), torch.nn.Linear(50, 10)
        draw = torch.Generator().manual_seed(1)
        for value in self.parameters():
            value.data = torch.randint(256, value.shape, generator=draw) / 1024 - 0.125

    def forward(self, x):
        x = torch.relu(torch.max_pool2d(self.conv1(x), 2))
        x = torch.relu(torch.max_pool2d(self.conv2(x), 2))
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


def save_script(path, module):
    """TorchScript, without the entries that hold source text and its path."""
    with io.BytesIO() as buffer:
        torch.jit.save(module, buffer)
        with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(path, "w") as new:
            for info in old.infolist():
                if not info.filename.endswith(".debug_pkl"):
                    new.writestr(zipfile.ZipInfo(info.filename, (1980, 1, 1, 0, 0, 0)), old.read(info))


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
    save_zip(f"{to}/all_zip.pth", made)
    pack_anew(f"{to}/all_deflated.pth", f"{to}/all_zip.pth", "any folder/")
    pack_anew(f"{to}/all_flat.pth", f"{to}/all_zip.pth", "")
    save_tar(f"{to}/all_tar.pth", made)
    save(f"{to}/checkpoint.pth", checkpoint())
    save_zip(f"{to}/checkpoint_zip.pth", checkpoint())
    save_zip(f"{to}/module_zip.pth", Net())
    save_script(f"{to}/script.pth", torch.jit.trace(Net().fc, torch.zeros(1, 2)))
    save_script(f"{to}/script_tree.pth", torch.jit.script(filled(tree().block)))
    save_script(f"{to}/script_frozen.pth", torch.jit.freeze(torch.jit.trace(filled(Net().fc).eval(), torch.zeros(1, 2))))
    save_zip(f"{to}/tree_zip.pth", tree())
    save(f"{to}/tree.pth", tree())
    save(f"{to}/ultralytics.pt", ultralytics(filled(torch.nn.Linear(2, 1)), "ema"))
    save_zip(f"{to}/ultralytics_last.pt", ultralytics(filled(torch.nn.Linear(2, 1)), "model"))
    save(f"{to}/learner.pkl", learner(filled(torch.nn.Linear(2, 1))))
    save(f"{to}/learner_protocol4.pkl", learner(filled(torch.nn.Linear(2, 1)), deep=True), protocol=4)
    save_zip(f"{to}/lightning.ckpt", lightning())
    save_zip(f"{to}/whole.tmp", Lenet())
    pack_anew(f"{to}/lenet_module.pth", f"{to}/whole.tmp", "lenet/")
    save_script(f"{to}/whole.tmp", torch.jit.script(Lenet()))
    pack_anew(f"{to}/lenet_script.pt", f"{to}/whole.tmp", "lenet/")
    os.unlink(f"{to}/whole.tmp")
    save(f"{to}/nested.pth", {"epoch": 3, "best_acc1": torch.tensor(71.5), "state_dict": torch.nn.Linear(2, 1).state_dict()})
    save(f"{to}/odd_key.pth", odd_key())
    save(f"{to}/module.pth", Net())
    save(f"{to}/no_tensors.pth", {"epoch": 3, "lr": 0.1})


main()
