#!/usr/bin/env python3
"""Writes keras_import/*.keras, *.h5 and keras_import.txt: small models as Keras itself saves them, and their logits.

    python3 tests/reference/make_keras_import.py

needs keras 3 and tf_keras (Keras 2) with tensorflow (made with keras 3.15.1, tf_keras 2.21.0 and tensorflow 2.21.0);
running the test needs none of them. The archives are packed anew, deflated, to be small: test_keras_import.c reads them,
imports their networks, and holds the logits of two hashed images against the lines written here. A final softmax is cut
off for the figures, not for the files.
"""
import io
import os
import pathlib
import sys
import tempfile
import zipfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras as keras3
import numpy as np
import tf_keras as keras2

from hashed import uniform

HERE = pathlib.Path(os.path.dirname(os.path.abspath(__file__)))
IMAGES = 2


def images(height, width, channels):
    """Pixels from 0 to 255, whole numbers, as images are fed."""
    return np.floor(256 * uniform("pixels", IMAGES * height * width * channels)).reshape(IMAGES, height, width, channels)


def randomise(model, keras):
    """Weights, statistics and batch norms that are far from what they start as."""
    values = []
    for v in model.weights:
        name, shape = (getattr(v, "path", None) or v.name), tuple(v.shape)
        if "float" not in str(v.dtype) or name.endswith("count"):
            values.append(v.numpy())
            continue
        u = uniform("%d" % len(values), int(np.prod(shape, dtype=int))).reshape(shape)
        if "variance" in name or "gamma" in name:
            value = 0.5 + u
        elif len(shape) < 2:
            value = 0.6 * (2 * u - 1)
        else:
            fan = np.prod(shape[:2]) if "depthwise" in name else np.prod(shape[:-1])
            value = np.sqrt(5.0 / fan) * (2 * u - 1)
        values.append(value.astype("float32"))
    model.set_weights(values)


def graph(keras, side, extra):
    """Asymmetric paddings at stride 2, a separable convolution, batch norms without scale or shift, a squeeze and
    excitation by hard_sigmoid, two branches; what else differs between versions of Keras is `extra`'s."""
    L = keras.layers
    image = L.Input((side, side + 3, 3), name="image")
    x = extra["first"](image)
    x = L.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name="stem")(x)
    x = L.BatchNormalization(scale=False, epsilon=0.01, name="stem_bn")(x)
    x = L.ReLU(max_value=6, name="stem_relu")(x)
    y = L.SeparableConv2D(10, 5, strides=2, padding="same", depth_multiplier=2, activation="swish", name="sep")(x)
    s = L.GlobalAveragePooling2D(keepdims=True, name="squeeze")(y)
    s = L.Conv2D(4, 1, activation="relu", name="reduce")(s)
    s = L.Conv2D(10, 1, activation="hard_sigmoid", name="expand")(s)
    y = L.Multiply(name="excite")([y, s])
    z = L.MaxPooling2D(3, strides=2, padding="same", name="pool")(x)
    z = L.DepthwiseConv2D(3, dilation_rate=2, padding="same", name="wide")(z)
    z = L.BatchNormalization(center=False, name="wide_bn")(z)
    z = L.LeakyReLU(0.2, name="wide_leaky")(z)
    z = L.Conv2D(10, (1, 3), padding="same", activation="tanh", name="flat_kernel")(z)
    x = L.Concatenate(name="join")([L.Add(name="sum")([y, z]), y])
    x = L.Conv2D(8, 3, groups=4, padding="valid", activation="gelu", name="grouped")(L.ZeroPadding2D(((0, 1), (1, 0)), name="border")(x))
    x = L.AveragePooling2D(2, strides=2, padding="same", name="average")(x)
    x = L.SpatialDropout2D(0.2, name="drop_maps")(x)
    x = L.Flatten(name="rows")(x)
    x = L.Dense(6, activation="sigmoid", name="hidden")(x)
    x = L.Dropout(0.3, name="drop")(x)
    return keras.Model(image, L.Dense(5, activation="softmax", name="top")(x), name="graph")


def keras3_graph():
    norm = keras3.layers.Normalization(mean=[100.0, 120.0, 140.0], variance=[2500.0, 3000.0, 3600.0], name="norm")
    return graph(keras3, 21, {"first": norm})


def keras2_graph():
    import tensorflow as tf

    return graph(keras2, 22, {"first": lambda image: tf.math.subtract(image / 127.5, 1.0)})


def nested(keras):
    """A model inside a Sequential one, fed after a rescaling that is a layer."""
    L = keras.layers
    image = L.Input((16, 16, 3))
    x = L.Conv2D(6, 3, strides=2, padding="same", name="c1")(image)
    x = L.LayerNormalization(name="ln")(x)
    base = keras.Model(image, L.Activation("hard_sigmoid", name="act")(x), name="base")
    return keras.Sequential([
        L.Input((16, 16, 3)), L.Rescaling(1 / 127.5, offset=-1, name="scale"), base, L.GlobalAveragePooling2D(name="gap"),
        L.Dense(4, name="top"),
    ], name="outer")


def binary(keras):
    """One output for two classes."""
    L = keras.layers
    return keras.Sequential([
        L.Input((10, 10, 1)), L.Conv2D(3, 3, activation="relu", name="c"), L.Flatten(name="rows"),
        L.Dense(1, activation="sigmoid", name="top"),
    ], name="binary")


def logits(model, x):
    last = model.layers[-1]
    kept, last.activation = last.activation, None
    y = np.asarray(model(x.astype("float32"), training=False))
    last.activation = kept
    return y if y.shape[1] > 1 else np.concatenate([np.zeros_like(y), y], 1)


def save(model, path):
    if path.suffix == ".h5":
        model.save(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        whole = pathlib.Path(folder) / path.name
        model.save(whole)
        with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
            for name in sorted(source.namelist()):
                info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                info.compress_type = zipfile.ZIP_DEFLATED
                target.writestr(info, source.read(name), compresslevel=9)


def main():
    models = {
        "keras3_graph.keras": (keras3, keras3_graph),
        "keras2_graph.keras": (keras2, keras2_graph),
        "keras3_nested.keras": (keras3, lambda: nested(keras3)),
        "keras3_nested.h5": (keras3, lambda: nested(keras3)),
        "keras2_nested.h5": (keras2, lambda: nested(keras2)),
        "keras3_binary.keras": (keras3, lambda: binary(keras3)),
    }
    (HERE / "keras_import").mkdir(exist_ok=True)
    with open(HERE / "keras_import.txt", "w") as file:
        for name, (keras, make) in models.items():
            keras.backend.clear_session()
            model = make()
            randomise(model, keras)
            save(model, HERE / "keras_import" / name)
            shape = model.input_shape[1:]
            y = logits(model, images(*shape))
            file.write("%s %d %d %d %s\n" % (name, shape[0], shape[1], y.shape[1], " ".join("%.9g" % v for v in y.reshape(-1))))


main()
