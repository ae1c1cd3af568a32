#!/usr/bin/python3
"""Makes the small Keras files of the tests with h5py (3.7 was used), and prints nothing.

    python3 tests/unit/weights/make_keras.py tests/unit/weights/fixtures/keras tests/refuse/keras tests/fuzz/corpus

The first folder gets files that are read, the second those that are refused, the third the smallest possible ones
(keras_h5, keras_archive). Element i of a tensor is BASE + i / 8; the
bases count from 1 in the order of writing, so that test_keras.c can tell tensors apart. Tests read the committed files;
h5py is needed only to make them anew.
"""
import io
import json
import pathlib
import sys
import zipfile

import h5py
import numpy


class Maker:
    def __init__(self, path, **options):
        self.file = h5py.File(path, "w", **options)
        self.base = 0

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.file.close()

    def values(self, shape, dtype="<f4"):
        self.base += 1
        count = int(numpy.prod(shape, dtype=int))
        return (self.base + numpy.arange(count) / 8).reshape(shape).astype(dtype)

    def put(self, path, shape, dtype="<f4", **options):
        return self.file.create_dataset(path, data=self.values(shape, dtype), **options)

    def layer(self, name, weights, root="/", text=numpy.bytes_):
        """A layer's group, its datasets in order, and the list of their names."""
        group = self.file[root].require_group(name)
        for path, shape in weights:
            group.create_dataset(path, data=self.values(shape))
        names = [path for path, _ in weights]
        if text is numpy.bytes_:
            group.attrs["weight_names"] = numpy.array([n.encode() for n in names]) if names else numpy.zeros(0)
        else:
            group.attrs.create("weight_names", names, dtype=h5py.string_dtype())
        return name

    def layers(self, names, root="/", text=numpy.bytes_):
        group = self.file[root]
        if text is numpy.bytes_:
            group.attrs["layer_names"] = [n.encode() for n in names]
        else:
            group.attrs.create("layer_names", names, dtype=h5py.string_dtype())

    def variables(self, path, name, shapes):
        """Keras 3: numbered values of one layer."""
        group = self.file.require_group(path + "/vars")
        if name:
            group.attrs["name"] = name
        for i, shape in enumerate(shapes):
            group.create_dataset(str(i), data=self.values(shape))


def weights_only(path):
    with Maker(path) as m:
        m.file.attrs["backend"] = numpy.bytes_(b"tensorflow")
        m.file.attrs["keras_version"] = numpy.bytes_(b"2.4.0")
        m.layers([
            m.layer("input_1", []),
            m.layer("conv1", [("conv1/kernel:0", (3, 3, 1, 2)), ("conv1/bias:0", (2,))]),
            m.layer("bn", [("bn/gamma:0", (2,)), ("bn/beta:0", (2,)), ("bn/moving_mean:0", (2,)),
                           ("bn/moving_variance:0", (2,))]),
            m.layer("dw", [("dw/depthwise_kernel:0", (3, 3, 2, 1))]),
            m.layer("sep", [("sep/depthwise_kernel:0", (3, 3, 2, 1)), ("sep/pointwise_kernel:0", (1, 1, 2, 3)),
                            ("sep/bias:0", (3,))]),
            m.layer("fc", [("sequential/fc/kernel:0", (3, 2)), ("sequential/fc/bias:0", (2,))]),
        ])


def keras1(path):
    """Names of Keras 1, with the numbers that keep them apart; running_std holds a variance."""
    with Maker(path) as m:
        m.layers([
            m.layer("block1_conv1", [("block1_conv1_W_1:0", (1, 1, 1, 2)), ("block1_conv1_b_1:0", (2,))]),
            m.layer("bn_conv1", [("bn_conv1_gamma:0", (2,)), ("bn_conv1_beta:0", (2,)),
                                 ("bn_conv1_running_mean:0", (2,)), ("bn_conv1_running_std:0", (2,))]),
            m.layer("fc1", [("fc1_W:0", (2, 2)), ("fc1_b:0", (2,))]),
        ])


def kinds(path):
    """How values can be stored: what is not contiguous and little endian has to be decoded."""
    with Maker(path) as m:
        group = m.file.create_group("dense")
        kinds = [
            ("chunked", "<f4", dict(chunks=(2, 2))),
            ("gzip", "<f4", dict(chunks=(2, 3), compression="gzip", shuffle=True, fletcher32=True)),
            ("f16", "<f2", {}),
            ("f16_big", ">f2", {}),
            ("f32_big", ">f4", {}),
            ("f64", "<f8", {}),
            ("i32", "<i4", {}),
            ("u16", "<u2", {}),
            ("u8", "u1", {}),
            ("i64_big", ">i8", {}),
        ]
        for name, dtype, options in kinds:
            group.create_dataset(name, data=m.values((4, 3), dtype), **options)
        m.base += 1
        group.create_dataset("scalar", data=numpy.float32(m.base))
        m.base += 1
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        made = h5py.h5d.create(group.id, b"compact", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((3,)), compact)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, m.base + numpy.arange(3, dtype="<f4") / 8)
        unwritten = group.create_dataset("unwritten", (2,), "<f4", fillvalue=0.5)
        del unwritten
        names = [k[0] for k in kinds] + ["scalar", "compact", "unwritten"]
        group.attrs["weight_names"] = [n.encode() for n in names]
        m.layers(["dense"])


def variable_texts(path):
    """Texts of variable length, lists cut into parts, newer structures of HDF5."""
    with Maker(path, libver="latest") as m:
        names = [m.layer("a", [("a/kernel", (1, 2)), ("a/bias", (2,))], text=str), m.layer("b", [("b/kernel", (2, 1))], text=str)]
        for i, name in enumerate(names):
            m.file.attrs.create("layer_names%d" % i, [name], dtype=h5py.string_dtype())
        m.file.attrs["keras_version"] = "3.4.1"


def layer(class_name, name, **config):
    return {"class_name": class_name, "config": dict(config, name=name)}


def config_of(layers, name="model"):
    return {"class_name": "Sequential", "config": {"name": name, "layers": layers}}


def whole_model(path):
    """As model.save writes it: a model inside, with and without the configuration that tells; an optimizer."""
    inner = config_of([layer("Conv2D", "c1"), layer("BatchNormalization", "b1", scale=False)], "base")
    config = config_of([layer("InputLayer", "in"), inner, layer("Flatten", "flat"), layer("Dense", "top")])
    with Maker(path, libver="latest") as m:
        m.file.attrs["model_config"] = json.dumps(config)
        m.file.attrs["keras_version"] = "2.4.0"
        m.file.create_group("model_weights")
        m.layers([
            m.layer("in", [], "model_weights"),
            m.layer("base", [("c1/kernel:0", (1, 1, 1, 2)), ("c1/bias:0", (2,)), ("b1/beta:0", (2,)),
                             ("b1/moving_mean:0", (2,)), ("b1/moving_variance:0", (2,))], "model_weights"),
            m.layer("flat", [], "model_weights"),
            m.layer("top", [("top/kernel:0", (2, 2)), ("top/bias:0", (2,))], "model_weights"),
        ], "model_weights")
        m.put("optimizer_weights/Adam/iter:0", ())
        m.put("optimizer_weights/Adam/c1/kernel/m:0", (1, 1, 1, 2))


def nested_unknown(path):
    """A model inside, and nothing but the values' names tells."""
    with Maker(path) as m:
        m.layers([m.layer("base", [("c1/kernel:0", (1, 1, 1, 2)), ("c2/kernel:0", (1, 1, 2, 2))])])


def numbered(path, named):
    """Keras 3's .weights.h5; named: with the layers' names as newer versions add them."""
    with Maker(path, libver="latest") as m:
        m.variables("layers/conv2d", "stem" if named else None, [(3, 3, 1, 2), (2,)])
        m.variables("layers/conv2d_1", "second" if named else None, [(1, 1, 2, 2)])
        m.variables("layers/batch_normalization", "bn" if named else None, [(2,), (2,), (2,)])
        m.variables("layers/separable_conv2d", "sep" if named else None, [(3, 3, 2, 1), (1, 1, 2, 2), (2,)])
        m.variables("layers/functional", "base" if named else None, [])
        m.variables("layers/functional/layers/dense", "inside" if named else None, [(2, 12), (12,)])
        m.variables("layers/normalization", "norm" if named else None, [(1,), (1,), ()])
        m.variables("layers/dropout/seed_generator", "seed_generator" if named else None, [(2,)])
        m.variables("optimizer", "adam" if named else None, [(), (2,)])


def archive_config():
    inner = config_of([layer("Dense", "inside")], "base")
    return config_of([
        layer("InputLayer", "in"),
        layer("Normalization", "norm"),
        layer("Conv2D", "stem"),
        layer("Conv2D", "second", use_bias=False),
        layer("BatchNormalization", "bn", center=False),
        layer("SeparableConv2D", "sep"),
        layer("Dropout", "drop"),
        inner | {"class_name": "Functional"},
    ])


def archive(path, method, metadata=True):
    """A .keras archive whose weights have no layers' names: the configuration tells them."""
    with io.BytesIO() as buffer:
        numbered(buffer, False)
        weights = buffer.getvalue()
    with zipfile.ZipFile(path, "w", method) as zip_file:
        def add(name, data):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = method
            zip_file.writestr(info, data)
        if metadata:
            add("metadata.json", json.dumps({"keras_version": "3.10.0"}))
        add("config.json", json.dumps(archive_config()))
        add("model.weights.h5", weights)


def windows(path):
    """Keras 2.12 on Windows."""
    with Maker(path) as m:
        m.variables("_layer_checkpoint_dependencies\\conv2d", None, [(1, 1, 1, 2), (2,)])
        m.variables("_layer_checkpoint_dependencies\\dense", None, [(2, 2), (2,)])


def good(folder):
    weights_only(folder / "weights.h5")
    keras1(folder / "keras1.h5")
    kinds(folder / "kinds.h5")
    variable_texts(folder / "texts.h5")
    whole_model(folder / "model.h5")
    nested_unknown(folder / "nested.h5")
    numbered(folder / "named.weights.h5", True)
    numbered(folder / "numbered.weights.h5", False)
    windows(folder / "windows.weights.h5")
    archive(folder / "stored.keras", zipfile.ZIP_STORED)
    archive(folder / "deflated.keras", zipfile.ZIP_DEFLATED, False)


# --- what is refused ---


def one_layer(path, make):
    """A layer "a" of one weight, "w", which `make` puts into the group."""
    with Maker(path) as m:
        group = m.file.create_group("a")
        make(m, group)
        group.attrs["weight_names"] = [b"w"]
        m.layers(["a"])


def hostile(folder):
    def compound(m, group):
        group.create_dataset("w", data=numpy.zeros(2, dtype=[("x", "<f4"), ("y", "<f4")]))

    def external(m, group):
        group.create_dataset("w", (4,), "<f4", external=[("/etc/passwd", 0, 16)])

    def virtual(m, group):
        layout = h5py.VirtualLayout((4,), "<f4")
        layout[:] = h5py.VirtualSource("elsewhere.h5", "w", (4,))
        group.create_virtual_dataset("w", layout)

    def soft(m, group):
        group["w"] = h5py.SoftLink("/a")

    def external_link(m, group):
        group["w"] = h5py.ExternalLink("/etc/passwd", "w")

    def large(m, group):
        group.create_dataset("w", (1 << 40,), "<f4", chunks=(1 << 20,), compression="gzip")

    def huge_rank(m, group):
        group.create_dataset("w", data=m.values((1,) * 9))

    def bomb(m, group):
        group.create_dataset("w", data=numpy.zeros(1 << 20, "<f4"), chunks=(1 << 20,), compression="gzip", compression_opts=9)

    def not_finite(m, group):
        group.create_dataset("w", data=numpy.array([0, numpy.nan], "<f4"))

    for make in (compound, external, virtual, soft, external_link, large, huge_rank, bomb, not_finite):
        one_layer(folder / (make.__name__ + ".h5"), make)
    with Maker(folder / "other.h5") as m:
        m.put("measurements/temperature", (4,))
    with Maker(folder / "missing.h5") as m:
        m.layer("a", [])
        m.file["a"].attrs["weight_names"] = [b"a/kernel:0"]
        m.layers(["a"])
    with Maker(folder / "twice.h5") as m:
        m.layer("a", [("kernel", (2,)), ("bias", (2,))])
        m.file["a"].attrs["weight_names"] = [b"kernel", b"kernel"]
        m.layers(["a"])
    with Maker(folder / "loop.h5") as m:
        m.layer("a", [("kernel", (2,))])
        m.file["a/again"] = m.file["a"]
        m.layers(["a"])
    with Maker(folder / "deep.h5") as m:
        m.put("/".join(["g"] * 40) + "/w", (2,))
    with Maker(folder / "many.h5") as m:
        m.file.create_group("a")
        for i in range(6):  # each group twice in the next one: 2^6 ways down
            m.file.create_group("g%d" % i)
        for i in range(6):
            for j in range(6):
                m.file["g%d/link%d" % (i, j)] = m.file["a" if i == 0 else "g%d" % (i - 1)]
        m.layers(["a"])
    with io.BytesIO() as buffer:
        weights_only(buffer)
        whole = buffer.getvalue()
    (folder / "cut.h5").write_bytes(whole[: len(whole) // 2])
    for name, entries in {
        "no_weights": {"config.json": "{}"},
        "no_config": {"model.weights.h5": "x"},
        "sharded": {"config.json": "{}", "model.weights.json": "{}", "model_00000.weights.h5": "x"},
        "no_hdf5": {"config.json": "{}", "model.weights.h5": "this is no HDF5 file"},
    }.items():
        with zipfile.ZipFile(folder / (name + ".keras"), "w") as zip_file:
            for entry, data in entries.items():
                zip_file.writestr(zipfile.ZipInfo(entry, (1980, 1, 1, 0, 0, 0)), data)


# --- seeds of fuzzers ---


def seeds(folder):
    def save(name, make, **options):
        with io.BytesIO() as buffer:
            with Maker(buffer, **options) as m:
                make(m)
            data = buffer.getvalue()
        (folder / "keras_h5" / name).write_bytes(data)
        return data

    def one(m):
        m.layers([m.layer("d", [("k", (2,))])])

    def text(m):
        m.layers([m.layer("d", [("k", (2,))], text=str)], text=str)

    def packed(m):
        group = m.file.create_group("d")
        group.create_dataset("k", data=m.values((8,)), chunks=(4,), compression="gzip")
        group.attrs["weight_names"] = [b"k"]
        m.layers(["d"])

    def swapped(m):
        group = m.file.create_group("d")
        group.create_dataset("k", data=m.values((3,), ">f8"))
        group.create_dataset("b", data=m.values((3,), ">f2"))
        group.attrs["weight_names"] = [b"k", b"b"]
        m.layers(["d"])

    def variables(m):
        m.variables("layers/dense", "d", [(2, 1), (1,)])

    def whole(m):
        m.file.attrs["model_config"] = json.dumps(config_of([layer("Dense", "d")]))
        m.file.create_group("model_weights")
        m.layers([m.layer("d", [("k", (2,))], "model_weights")], "model_weights")

    for kind in ("keras_h5", "keras_archive"):
        (folder / kind).mkdir(exist_ok=True)
    small = {}
    for make in (one, text, packed, swapped, variables, whole):
        small[make.__name__] = save(make.__name__, make, libver="latest")
    save("one_old", one)
    save("packed_old", packed)
    config = json.dumps(config_of([layer("Dense", "d")]))
    metadata = json.dumps({"keras_version": "3.1"})
    archives = {
        "plain": [("metadata.json", metadata), ("config.json", config), ("model.weights.h5", small["variables"])],
        "turned": [("model.weights.h5", small["variables"]), ("config.json", config)],
        "older": [("config.json", config), ("model.weights.h5", small["one"])],
        "sharded": [("config.json", config), ("model.weights.json", "{}")],
        "bare": [("config.json", "{}")],
    }
    for name, entries in archives.items():
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            with zipfile.ZipFile(folder / "keras_archive" / (name + ("_packed" if method else "")), "w", method) as zip_file:
                for entry, data in entries:
                    info = zipfile.ZipInfo(entry, (1980, 1, 1, 0, 0, 0))
                    info.compress_type = method
                    zip_file.writestr(info, data)


def main():
    for folder, make in zip(sys.argv[1:], (good, hostile, seeds)):
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        make(pathlib.Path(folder))


main()
