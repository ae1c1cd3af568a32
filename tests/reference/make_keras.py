#!/usr/bin/env python3
"""Writes keras.txt: what Keras computes for each family of keras.applications that the zoo has.

    python3 tests/reference/make_keras.py [keras_vgg16 ...]

needs keras 3 with tensorflow (figures committed here: keras 3.15.1, tensorflow 2.21.0); running the tests needs neither.
Weights are not stored: both sides compute every value from the parameter's name in the graph and the element's number
in Keras's order, which is the native one (see fill() and its twin in test_keras.c). Inputs likewise. Everything runs in
float64, so the figures are the truth that float32 is measured against.

A case is a whole network at a small size, odd on one side, and the outputs of layers where Keras's form differs from
others: paddings, places of strides, order of a flattened image. Of these a digest is kept, as in make_reference.py.
"""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy as np
from keras import applications as apps

from hashed import digest, fnv1a, uniform

HERE = os.path.dirname(os.path.abspath(__file__))
CLASSES = 10

# network: builder, height, width, layers whose output is kept; "layer=node" where the graph's node has another name:
# an activation inside a layer is a node of its own, numbered layers count from 1, a separable convolution is two nodes.
CASES = {
    "keras_vgg16": (apps.VGG16, 64, 96, ["block2_conv1=block2_conv1_relu", "fc1=fc1_relu"]),
    "keras_resnet50": (apps.ResNet50, 65, 64, ["conv1_conv", "pool1_pool", "conv3_block1_out"]),
    "keras_resnet50v2": (apps.ResNet50V2, 65, 64, ["pool1_pool", "conv2_block3_out"]),
    "keras_densenet121": (apps.DenseNet121, 65, 64, ["pool1", "conv2_block2_concat", "pool2_pool"]),
    "keras_inception_v3": (apps.InceptionV3, 75, 76, ["batch_normalization=batch_normalization_1", "mixed0", "mixed3", "mixed9"]),
    "keras_xception": (apps.Xception, 71, 72, ["block2_sepconv1=block2_sepconv1.pointwise", "block2_pool", "add=block2_add"]),
    "keras_mobilenet_0.25": (apps.MobileNet, 65, 66, ["conv1", "conv_dw_2", "conv_dw_4"]),
    "keras_mobilenet_v2": (apps.MobileNetV2, 65, 66, ["Conv1", "block_1_depthwise", "block_2_add"]),
    "keras_mobilenet_v3_small": (apps.MobileNetV3Small, 65, 66, ["rescaling", "expanded_conv_squeeze_excite_mul", "expanded_conv_3_depthwise"]),
    "keras_mobilenet_v3_large": (apps.MobileNetV3Large, 65, 66, ["expanded_conv_3_squeeze_excite_mul"]),
    "keras_efficientnet_b0": (apps.EfficientNetB0, 65, 66, ["rescaling_1", "block1a_se_excite", "block3a_dwconv"]),
    "keras_nasnet_mobile": (apps.NASNetMobile, 65, 66, ["adjust_bn_stem_2", "reduction_concat_stem_1", "adjust_bn_0", "normal_concat_0"]),
}
# The order of whose tensors is kept, too: the other sizes.
ORDERS = {
    "keras_vgg19": apps.VGG19, "keras_resnet101": apps.ResNet101, "keras_resnet152": apps.ResNet152,
    "keras_resnet101v2": apps.ResNet101V2, "keras_resnet152v2": apps.ResNet152V2, "keras_mobilenet_1.0": apps.MobileNet,
    "keras_densenet169": apps.DenseNet169, "keras_densenet201": apps.DenseNet201,
}
IN_MODEL = ("keras_mobilenet_v3_small", "keras_mobilenet_v3_large", "keras_efficientnet_b0")
PLAIN = ("keras_vgg16",)
PREPROCESS = {
    "keras_vgg16": apps.vgg16.preprocess_input,
    "keras_resnet50": apps.resnet.preprocess_input,
    "keras_resnet50v2": apps.resnet_v2.preprocess_input,
    "keras_densenet121": apps.densenet.preprocess_input,
    "keras_inception_v3": apps.inception_v3.preprocess_input,
    "keras_xception": apps.xception.preprocess_input,
    "keras_mobilenet_0.25": apps.mobilenet.preprocess_input,
    "keras_mobilenet_v2": apps.mobilenet_v2.preprocess_input,
    "keras_mobilenet_v3_small": apps.mobilenet_v3.preprocess_input,
    "keras_efficientnet_b0": apps.efficientnet.preprocess_input,
    "keras_nasnet_mobile": apps.nasnet.preprocess_input,
}

LEAVES = {
    "kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias", "moving_mean": "running_mean",
    "moving_variance": "running_var", "depthwise_kernel": "weight", "pointwise_kernel": "weight",
}


def canonical(layer, weight):
    """The name that the graph's parameter has."""
    name = layer.name
    for counted in ("conv2d", "batch_normalization"):
        if name == counted:
            name += "_1"
        elif name.startswith(counted + "_") and name[len(counted) + 1 :].isdigit():
            name = "%s_%d" % (counted, int(name[len(counted) + 1 :]) + 1)
    if isinstance(layer, keras.layers.SeparableConv2D):
        name += "." + weight.name.split("_")[0]
    return name + "." + LEAVES[weight.name]


def fill(name, layer, weight, gain):
    """The values of a parameter, rounded to float32. With a gain of 0.4 convolutions give about the variance that the
    statistics state, so that values neither grow nor die out in a deep network and eps shows; without batch norms 1 does
    the former. Biases and shifts are not 0."""
    shape = tuple(weight.shape)
    u = uniform(name, int(np.prod(shape)))
    if weight.name == "gamma":
        v = 0.75 + 0.5 * u
    elif weight.name == "moving_variance":
        v = 0.1 + 0.1 * u
    elif weight.name == "beta":
        v = 0.3 * (2 * u - 1)
    elif weight.name in ("moving_mean", "bias"):
        v = 0.1 * (2 * u - 1)
    else:
        one_channel = isinstance(layer, keras.layers.DepthwiseConv2D) or weight.name == "depthwise_kernel"
        fan_in = np.prod(shape[:2] if one_channel else shape[:-1])
        v = (gain * np.sqrt(6 / fan_in) if len(shape) == 4 else np.sqrt(3 / fan_in)) * (2 * u - 1)
    return v.astype(np.float32).astype(np.float64).reshape(shape)


def fill_model(model, gain):
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            continue
        if layer.weights:
            layer.set_weights([fill(canonical(layer, weight), layer, weight, gain) for weight in layer.weights])


def make_efficientnet(height, width, classes):
    """As with the published weights: the third rescaling layer exists only with them, and what they hold for
    Normalization are ImageNet's means and deviations. The download is kept from happening."""
    from keras.src.applications import efficientnet
    from keras.src.models import Functional

    fetch, load = efficientnet.file_utils.get_file, Functional.load_weights
    efficientnet.file_utils.get_file = lambda *args, **kwargs: None
    Functional.load_weights = lambda *args, **kwargs: None
    try:
        trunk = apps.EfficientNetB0(weights="imagenet", include_top=False, input_shape=(height, width, 3), pooling="avg")
    finally:
        efficientnet.file_utils.get_file, Functional.load_weights = fetch, load
    statistics = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225], 0)
    trunk.get_layer("normalization").set_weights([np.array(v) for v in statistics])
    # set_weights alone leaves what the layer made of its statistics before
    trunk.get_layer("normalization").finalize_state()
    top = keras.layers.Dense(classes, name="predictions")(trunk.output)
    return keras.Model(trunk.input, top)


def make_model(name):
    builder, height, width, _ = CASES[name]
    if name == "keras_efficientnet_b0":
        return make_efficientnet(height, width, CLASSES)
    extra = {"alpha": 0.25} if name == "keras_mobilenet_0.25" else {}
    return builder(
        weights=None, input_shape=(height, width, 3), classes=CLASSES, classifier_activation=None, **extra
    )


def make_input(name, height, width):
    """Numbered h,w,c; pixels where the network rescales them itself."""
    u = uniform("input." + name, height * width * 3)
    v = 255 * u if name in IN_MODEL else np.sqrt(3.0) * (2 * u - 1)
    return v.astype(np.float32).astype(np.float64).reshape(1, height, width, 3)


def write_order(out, name, model):
    """In which a file has the tensors, as a hash of their names."""
    names = [canonical(layer, weight) for layer in model.layers if not isinstance(layer, keras.layers.Normalization)
             for weight in layer.weights]
    out.write("order %s %d %016x\n" % (name, len(names), fnv1a("\n".join(names))))


def write_case(out, name):
    keras.backend.clear_session()
    _, height, width, probes = CASES[name]
    model = make_model(name)
    gain = 1 if name in PLAIN else 0.4
    fill_model(model, gain)
    layers = [probe.split("=")[0] for probe in probes]
    probed = keras.Model(model.input, [model.get_layer(layer).output for layer in layers] + [model.output])
    x = make_input(name, height, width)
    values = [np.asarray(v) for v in probed(x, training=False)]
    shifted = np.asarray(model(np.roll(x, 3, axis=2), training=False))
    logits = values[-1].reshape(-1)
    print("%s: |logits| %.3g, %.2g of that from the input" % (
        name, np.linalg.norm(logits), np.linalg.norm(logits - shifted.reshape(-1)) / np.linalg.norm(logits)))
    out.write("case %s height %d width %d classes %d pixels %d gain %g\n" % (
        name, height, width, CLASSES, name in IN_MODEL, gain))
    for probe, value in zip(probes, values):
        out.write("probe " + digest(probe.split("=")[-1], value) + "\n")
    out.write("logits " + " ".join("%.9g" % v for v in logits) + "\nend\n")
    write_order(out, name, model)


def write_preprocess(out, name):
    for pixel in ((255, 0, 0), (12, 200, 77)):
        fed = PREPROCESS[name](np.array(pixel, dtype=np.float64).reshape(1, 1, 1, 3))
        out.write("preprocess %s %d %d %d %s\n" % (name, *pixel, " ".join("%.9g" % v for v in np.ravel(fed))))


def main():
    keras.backend.set_floatx("float64")
    wanted = sys.argv[1:] or list(CASES)
    with open(os.path.join(HERE, "keras.txt"), "w") as out:
        for name in wanted:
            write_case(out, name)
        for name in ORDERS:
            if name in wanted or len(sys.argv) == 1:
                keras.backend.clear_session()
                write_order(out, name, ORDERS[name](weights=None))
        for name in PREPROCESS:
            if name in wanted:
                write_preprocess(out, name)


if __name__ == "__main__":
    main()
