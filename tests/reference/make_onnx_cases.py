#!/usr/bin/python3
"""Makes the small ONNX models in onnx/, each about some operators and their traps, and what onnxruntime computes of
them, for test_onnx_cases.

    python3 tests/reference/make_onnx_cases.py

needs onnx, onnxruntime and numpy (1.23, 1.32 and 2.x were used); running the test needs none of them. Inputs are hashed
(hashed.py). Those that must be refused are in onnx/refused, with their sentences in test_refuse_onnx.
"""
import os
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto as T
from onnx import helper, numpy_helper

from hashed import uniform

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "onnx")
DEEP = {13: 8, 7: 6, 9: 6, 10: 6, 11: 6, 12: 7, 14: 8, 15: 8, 17: 8, 18: 8, 20: 9}  # opset: IR version


class Model:
    """A graph that is written line by line."""

    def __init__(self, name, shape=(3, 9, 10), opset=13, layout="nchw", batch="N", elem=T.FLOAT):
        self.name, self.opset, self.batch, self.elem = name, opset, batch, elem
        self.shape = list(shape) if layout == "nchw" else [shape[1], shape[2], shape[0]]
        self.nodes, self.weights, self.at, self.count = [], [], "x", 0
        self.outputs = None

    def w(self, name, shape, low=-0.5, high=0.5, dtype=np.float32):
        """A hashed tensor."""
        values = low + (high - low) * uniform(self.name + "." + name, int(np.prod(shape)))
        return self.put(name, values.astype(dtype).reshape(shape))

    def put(self, name, array):
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def ints(self, *values):
        return self.put("ints%d" % len(self.weights), np.array(values, np.int64))

    def number(self, value, dtype=np.float32):
        return self.put("number%d" % len(self.weights), np.array(value, dtype))

    def add(self, op, *inputs, result=None, outputs=1, **attributes):
        """op(inputs); "" stands for the value at hand, which the first output becomes."""
        self.count += 1
        names = [result or "v%d" % self.count] + ["v%d_%d" % (self.count, i) for i in range(1, outputs)]
        inputs = [self.at if i == "" else i for i in inputs] or ([] if op == "Constant" else [self.at])
        inputs = ["" if i is None else i for i in inputs]
        self.nodes.append(helper.make_node(op, inputs, names, name="n%d" % self.count, **attributes))
        self.at = names[0]
        return names if outputs > 1 else names[0]

    def conv(self, name, cin, cout, kernel=1, bias=True, **attributes):
        weights = [self.w(name + ".weight", (cout, cin // attributes.get("group", 1), kernel, kernel))]
        weights += [self.w(name + ".bias", (cout,))] if bias else []
        return self.add("Conv", "", *weights, **attributes)

    def head(self, features, classes=5, flatten=True):
        if flatten:
            self.add("Flatten")
        return self.add("Gemm", "", self.w("fc.weight", (classes, features)), self.w("fc.bias", (classes,)), transB=1)

    def proto(self):
        x = helper.make_tensor_value_info("x", self.elem, [self.batch] + self.shape)
        outputs = [helper.make_tensor_value_info(o, self.elem, ["n", "c"]) for o in self.outputs or [self.at]]
        graph = helper.make_graph(self.nodes, self.name, [x], outputs, self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], producer_name="",
                                 ir_version=DEEP[self.opset])


def run(proto, batch=1):
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    dims = [d.dim_value or batch for d in proto.graph.input[0].type.tensor_type.shape.dim]
    pixels = (uniform("onnx.input", int(np.prod(dims[1:]))) * 4 - 2).astype(np.float32)
    x = np.repeat(pixels.reshape([1] + dims[1:]), dims[0], 0)  # in the input's own order of axes
    if proto.graph.input[0].type.tensor_type.elem_type == T.FLOAT16:
        x = x.astype(np.float16)
    return session.run(None, {"x": x})[0][0].astype(np.float64)


CASES = []


def case(**options):
    def wrap(function):
        CASES.append((function.__name__, function, options))
        return function
    return wrap


# --- windows ---


@case()
def same_upper(m):
    m.conv("a", 3, 4, 3, auto_pad="SAME_UPPER", strides=[2, 2])
    m.add("MaxPool", "", kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_UPPER")
    m.head(4 * 3 * 3)


@case()
def same_lower(m):
    m.conv("a", 3, 4, 4, auto_pad="SAME_LOWER", strides=[1, 2])
    m.add("AveragePool", "", kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_LOWER")
    m.head(4 * 5 * 3)


@case()
def windows(m):
    m.conv("a", 3, 6, 3, False, group=3, dilations=[2, 1], pads=[2, 0, 1, 1], strides=[1, 2])
    m.conv("b", 6, 4, 2, auto_pad="VALID", group=2)
    m.head(4 * 7 * 4)


@case(opset=10)
def pools_ceil(m):
    m.conv("a", 3, 4)
    m.add("MaxPool", "", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    m.add("AveragePool", "", kernel_shape=[2, 3], strides=[1, 2], pads=[1, 0, 0, 1])
    m.head(4 * 4 * 2)


@case(opset=7)
def pools_padded(m):
    m.conv("a", 3, 4)
    a = m.at
    one = m.add("AveragePool", a, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)
    two = m.add("AveragePool", a, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    m.add("Sum", one, two)
    m.head(4 * 5 * 5)


@case()
def pools_global(m):
    m.conv("a", 3, 4)
    a = m.at
    one = m.add("GlobalMaxPool", a)
    two = m.add("AveragePool", a, kernel_shape=[9, 10])
    m.add("Concat", one, two, axis=1)
    m.head(8)


# --- matrices ---


@case()
def gemm(m):
    m.add("GlobalAveragePool")
    m.add("Flatten", "", axis=-3)
    m.add("Gemm", "", m.w("a", (3, 6)), m.w("b", (1, 6)), alpha=0.5, beta=2.0)
    m.add("Relu")
    m.add("Gemm", "", m.w("c", (4, 6)), m.w("d", (1,)), transB=1)
    m.add("Relu")
    m.add("Gemm", "", m.w("e", (4, 5)))


@case(opset=9)
def matmul_bias(m):
    m.conv("a", 3, 4, 3)
    m.add("Flatten")
    m.add("MatMul", "", m.w("b", (4 * 7 * 8, 6)))
    m.add("Add", m.w("b_bias", (6,)), "")
    m.add("Relu")
    m.add("Transpose", m.w("c", (5, 6)), perm=[1, 0], result="turned")
    m.at = "v5"
    m.add("MatMul", "", "turned")
    m.add("Add", "", m.w("c_bias", (1, 5)))


@case(layout="nhwc")
def tensorflow(m):
    """NHWC from end to end: transposed to the convolutions, flattened in h, w, c order."""
    m.add("Transpose", "", perm=[0, 3, 1, 2])
    m.conv("a", 3, 4, 3)
    m.add("Transpose", "", perm=[0, 2, 3, 1])
    m.add("Add", "", m.w("shift", (4,)))
    m.add("MatMul", "", m.w("pixel", (4, 6)))
    m.add("Reshape", "", m.ints(-1, 7 * 8 * 6))
    m.add("MatMul", "", m.w("b", (7 * 8 * 6, 5)))


@case(layout="nhwc", shape=(1, 6, 6), batch=2)
def tensorflow_mean(m):
    m.add("Transpose", "", perm=[0, 3, 1, 2])
    m.conv("a", 1, 4, 3)
    m.add("Transpose", "", perm=[0, 2, 3, 1])
    m.add("ReduceMean", "", axes=[1, 2], keepdims=0)
    m.head(4, flatten=False)
    m.add("Softmax", "")


# --- activations ---


@case(opset=14)
def activations(m):
    m.conv("a", 3, 4, 3)
    for op in ("Relu", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish"):
        m.add(op)
        m.conv(op, 4, 4)
    m.add("LeakyRelu", "", alpha=0.3)
    m.add("HardSigmoid", "", alpha=0.1, beta=0.4)
    m.head(4 * 7 * 8)


@case()
def clips(m):
    m.conv("a", 3, 4, 3)
    m.add("Clip", "", m.number(-0.5), m.number(0.75))
    m.add("Clip", "", None, m.number(0.5))
    m.add("Max", "", m.number(-0.4))
    m.add("Min", m.number(0.3), "")
    m.add("Mul", "", m.number(20))
    m.add("Clip", "", m.number(0), m.number(6))
    m.add("Clip", "", m.number(0))
    m.head(4 * 7 * 8)


@case(opset=9)
def clips_old(m):
    m.conv("a", 3, 4, 3)
    m.add("Clip", "", min=-0.5)
    m.add("Relu")
    m.add("Clip", "", min=0.0, max=6.0)
    m.add("Clip", "", max=1.0)
    m.head(4 * 7 * 8)


@case(opset=20)
def gelu_op(m):
    m.conv("a", 3, 4, 3)
    m.add("Gelu")
    m.head(4 * 7 * 8)


def gelu(m, half_first):
    x = m.at
    m.add("Div", x, m.number(np.sqrt(2)))
    m.add("Erf")
    m.add("Add", "", m.number(1))
    if half_first:
        factor = m.at
        m.add("Mul", x, m.number(0.5))
        m.add("Mul", "", factor)
    else:
        m.add("Mul", x, "")
        m.add("Mul", "", m.number(0.5))


@case()
def written_out(m):
    """Activations that older opsets have no operator for."""
    m.conv("a", 3, 4, 3)
    x = m.at
    m.add("Mul", x, m.add("Sigmoid", x))
    x = m.conv("b", 4, 4)
    m.add("Clip", m.add("Add", x, m.number(3)), m.number(0), m.number(6))
    m.add("Mul", "", x)
    m.add("Div", "", m.number(6))
    x = m.conv("c", 4, 4)
    m.add("Clip", m.add("Add", x, m.number(3)), m.number(0), m.number(6))
    m.add("Div", "", m.number(6))
    m.add("Mul", x, "")
    x = m.conv("d", 4, 4)
    m.add("Mul", x, m.add("HardSigmoid", x, alpha=1 / 6, beta=0.5))
    m.conv("e", 4, 4)
    gelu(m, False)
    m.conv("f", 4, 4)
    gelu(m, True)
    m.head(4 * 7 * 8)


# --- arithmetic ---


@case()
def constants(m):
    m.add("Sub", "", m.put("mean", np.array([0.4, 0.5, 0.6], np.float32).reshape(1, 3, 1, 1)))
    m.add("Div", "", m.put("std", np.array([0.2, 0.25, 0.5], np.float32).reshape(3, 1, 1)))
    m.conv("a", 3, 4, 3, False)
    m.add("Mul", "", m.w("scale", (1, 4, 1, 1)))
    m.add("Add", m.number(0.25), "")
    m.add("Sub", m.number(1), "")
    m.add("MaxPool", "", kernel_shape=[2, 2])
    m.add("Mul", "", m.number(-2.5))
    m.head(4 * 6 * 7)
    m.add("Mul", "", m.w("temperature", (5,)))


@case()
def norms(m):
    def norm(name, c, **attributes):
        m.add("BatchNormalization", "", m.w(name + ".weight", (c,)), m.w(name + ".bias", (c,)),
              m.w(name + ".running_mean", (c,)), m.w(name + ".running_var", (c,), 0.5, 1.5), **attributes)
    norm("bn0", 3, epsilon=0.01)
    m.conv("a", 3, 4, 3, False)
    norm("bn1", 4, momentum=0.8)
    m.add("Mul", "", m.w("scale", (4, 1, 1)))
    m.add("GlobalAveragePool")
    m.add("Flatten")
    norm("bn2", 4)
    m.head(4, flatten=False)


@case()
def excitation(m):
    x = m.conv("a", 3, 4, 3)
    m.add("GlobalAveragePool")
    m.conv("b", 4, 2)
    m.add("Relu")
    m.conv("c", 2, 4)
    m.add("Sigmoid")
    y = m.add("Mul", "", x)
    m.add("ReduceMean", "", axes=[-1, -2], keepdims=0)
    m.add("Gemm", "", m.w("d.weight", (4, 4)), transB=1)
    m.add("Sigmoid")
    m.add("Unsqueeze", "", m.ints(2, 3))
    m.add("Mul", y, "")
    m.add("Add", "", x)
    m.add("Sum", "", x, y)
    m.head(4 * 7 * 8)


# --- parts ---


@case()
def parts(m):
    m.conv("a", 3, 6, 3)
    a, b = m.add("Split", "", axis=1, outputs=2)
    c, d = m.add("Split", b, m.ints(1, 2), axis=-3, outputs=2)
    e = m.add("Slice", d, m.ints(-1), m.ints(9223372036854775807), m.ints(1))
    f = m.add("Slice", a, m.ints(1, 2), m.ints(-1, 100), m.ints(2, 3), m.ints(1, 3))
    g = m.add("Slice", m.add("Concat", c, e, d, axis=1), m.ints(1, 2), m.ints(6, 8), m.ints(2, 3), m.ints(1, 3))
    m.add("Concat", f, g, axis=-3)
    m.head(7 * 5 * 2)


@case(opset=11)
def parts_old(m):
    m.conv("a", 3, 6, 3)
    a, b, c = m.add("Split", "", axis=1, split=[1, 2, 3], outputs=3)
    m.add("Concat", c, a, b, axis=1)
    m.add("Squeeze", m.add("GlobalAveragePool"), axes=[2, 3])
    m.head(6, flatten=False)


@case(opset=18)
def parts_new(m):
    m.conv("a", 3, 5, 3)
    a, b, c = m.add("Split", "", axis=1, num_outputs=3, outputs=3)
    m.add("Concat", c, a, b, axis=1)
    m.add("ReduceMean", "", m.ints(2, 3))
    m.add("Squeeze", "", m.ints(-1, -2))
    m.head(5, flatten=False)


@case()
def shuffle(m):
    m.conv("a", 3, 6, 3)
    m.add("Reshape", "", m.ints(-1, 3, 2, 7, 8))
    m.add("Transpose", "", perm=[0, 2, 1, 3, 4])
    m.add("Reshape", "", m.ints(0, -1, 7, 8))
    m.conv("b", 6, 4, 1, group=2)
    m.head(4 * 7 * 8)


@case(shape=(3, 8, 8), opset=11)
def shortcut(m):
    """Every second pixel, zero channels on both sides."""
    x = m.conv("a", 3, 4, 3, pads=[1, 1, 1, 1])
    y = m.conv("b", 4, 8, 3, pads=[1, 1, 1, 1], strides=[2, 2])
    m.add("Slice", x, m.ints(0), m.ints(9223372036854775807), m.ints(2), m.ints(2))
    m.add("Slice", "", m.ints(0), m.ints(9223372036854775807), m.ints(3), m.ints(2))
    m.add("Pad", "", m.ints(0, 3, 0, 0, 0, 1, 0, 0))
    m.add("Add", "", y)
    m.head(8 * 4 * 4)


@case(opset=9)
def borders_old(m):
    m.add("Pad", "", pads=[0, 0, 1, 2, 0, 0, 0, 1])
    m.conv("a", 3, 4, 3, pads=[1, 1, 1, 1])
    m.add("Pad", "", pads=[0, 0, 1, 1, 0, 0, 1, 1], value=0.75)
    m.conv("b", 4, 4, 3)
    m.head(4 * 10 * 13)


@case(opset=11)
def borders(m):
    m.conv("a", 3, 4, 3)
    m.add("Pad", "", m.ints(0, 0, -1, 1, 0, 0, 2, -2), m.number(-1.5))
    m.add("Relu")
    m.add("Pad", "", m.ints(0, 0, 1, 1, 0, 0, 1, 1))
    m.add("MaxPool", "", kernel_shape=[2, 2], strides=[2, 2])
    m.head(4 * 5 * 4)


@case()
def channels(m):
    """Blue first, and each channel normalised by itself."""
    m.add("Gather", "", m.put("order", np.array([2, 1, 0], np.int64)), axis=1)
    x, made = m.at, []
    for i in range(3):
        m.add("Gather", x, m.put("channel%d" % i, np.array(i, np.int64)), axis=1)
        m.add("Unsqueeze", "", m.ints(1))
        m.add("Mul", "", m.number(0.5 + i))
        made.append(m.add("Add", "", m.number(0.1 * i)))
    m.add("Concat", *made, axis=1)
    m.conv("a", 3, 4, 3)
    m.head(4 * 7 * 8)


# --- shapes ---


@case()
def flatten_by_shape(m):
    """What torch writes for x.view(x.size(0), -1) and friends."""
    x = m.conv("a", 3, 4, 3)
    size = m.add("Gather", m.add("Shape", x), m.number(0, np.int64), axis=0)
    size = m.add("Unsqueeze", size, m.ints(0))
    height = m.add("Slice", m.add("Shape", x), m.ints(2), m.ints(3))
    area = m.add("Mul", height, m.add("Cast", m.add("Floor", m.add("Cast", m.ints(8), to=T.FLOAT)), to=T.INT64))
    area = m.add("Div", m.add("Sub", m.add("Add", area, m.ints(5)), m.ints(5)), m.ints(1))
    target = m.add("Concat", size, m.ints(4), area, axis=0)
    m.add("Reshape", x, target)
    x = m.add("ReduceMean", "", axes=[2], keepdims=1)
    m.add("Reshape", x, m.add("Concat", size, m.ints(-1), axis=0))
    m.head(4, flatten=False)


@case()
def padded_by_shape(m):
    """torch's F.pad: the list is put together, turned and cast."""
    x = m.conv("a", 3, 4, 3)
    zeros = m.add("ConstantOfShape", m.ints(4), value=numpy_helper.from_array(np.array([0], np.int64)))
    both = m.add("Concat", m.ints(1, 2, 0, 1), zeros, axis=0)
    rows = m.add("Reshape", both, m.ints(-1, 2))
    rows = m.add("Slice", rows, m.ints(-1), m.ints(-9223372036854775807), m.ints(0), m.ints(-1))
    turned = m.add("Transpose", rows, perm=[1, 0])
    pads = m.add("Cast", m.add("Reshape", turned, m.ints(-1)), to=T.INT64)
    m.add("Pad", x, pads)
    m.conv("b", 4, 4, 3)
    m.head(4 * 6 * 9)


@case(opset=15)
def arithmetic(m):
    """Constants by every operator that is folded."""
    x = m.conv("a", 3, 4, 3)
    three = m.add("Range", m.number(1, np.int64), m.number(4, np.int64), m.number(1, np.int64))
    six = m.add("ReduceProd", three, keepdims=0)
    four = m.add("Mod", m.add("Max", six, m.number(4, np.int64)), m.number(8, np.int64))  # 6
    four = m.add("Min", four, m.number(4, np.int64))
    four = m.add("Where", m.add("Equal", four, m.number(4, np.int64)), four, six)
    four = m.add("Abs", m.add("Neg", four))
    list_ = m.add("Expand", m.add("Unsqueeze", four, m.ints(0)), m.ints(2))
    one = m.add("Squeeze", m.add("Slice", list_, m.ints(0), m.ints(1)), m.ints(0))
    half = m.add("Reciprocal", m.add("Sqrt", m.add("Cast", one, to=T.FLOAT)))
    half = m.add("Pow", m.add("Ceil", half), half)
    x = m.add("Mul", x, half)
    four = m.add("Constant", value_floats=[0.1, 0.2, 0.3, 0.4])
    m.add("Add", x, m.add("Reshape", four, m.ints(1, 4, 1, 1)))
    x = m.add("Flatten")
    m.add("Reshape", x, m.add("Concat", m.add("Shape", x, start=0, end=1), m.ints(224), axis=0))
    m.head(224, flatten=False)


@case(opset=12)
def nothings(m):
    m.conv("a", 3, 4, 3)
    m.add("Identity")
    m.add("Dropout", "", m.number(0.25))
    m.add("Cast", "", to=T.FLOAT)
    m.add("Transpose", "", perm=[0, 1, 2, 3])
    m.add("Reshape", "", m.ints(0, 0, 7, 8))
    m.add("GlobalAveragePool")
    m.add("Reshape", "", m.ints(-1, 4))
    m.head(4, flatten=False)
    m.add("LogSoftmax", "", axis=1)


@case(opset=7)
def nothings_old(m):
    m.conv("a", 3, 4, 3)
    m.add("Dropout", "", ratio=0.5, outputs=2)
    m.head(4 * 7 * 8)
    m.add("Softmax")


# --- weights ---


@case()
def held(m):
    """Weights in Constant nodes, turned, reshaped and cast on their way."""
    kernel = (uniform("held.kernel", 4 * 3 * 9) - 0.5).astype(np.float16).astype(np.float32)
    w = m.add("Constant", value=numpy_helper.from_array(kernel.reshape(4, 27)))
    w = m.add("Reshape", w, m.ints(4, 3, 3, 3))
    w = m.add("Cast", m.add("Cast", w, to=T.FLOAT16), to=T.FLOAT)
    b = m.add("Cast", m.put("half", np.array([0.5, -0.25, 1, 2], np.float16)), to=T.FLOAT)
    m.add("Conv", "x", w, b)
    m.add("GlobalAveragePool")
    m.add("Flatten")
    w = m.add("Transpose", m.w("fc.weight", (5, 4)), result="fc.turned")
    m.add("Gemm", m.nodes[-2].output[0], w, transB=0)


@case(elem=T.FLOAT16)
def halves(m):
    for name, shape in (("a.weight", (4, 3, 3, 3)), ("fc.weight", (5, 4))):
        m.w(name, shape, dtype=np.float16)
    m.add("Conv", "", "a.weight")
    m.add("GlobalAveragePool")
    m.add("Flatten")
    m.add("Gemm", "", "fc.weight", transB=1)


@case(shape=(3, 64, 64))
def names(m):
    """A weight used twice, one name for many nodes, characters that mean something else in thaw, a second output."""
    m.w("shared.weight", (3, 3, 3, 3))
    for _ in range(3):
        m.add("Conv", "", "shared.weight", strides=[2, 2])
    m.conv("features.0.a:b c*", 3, 4, 3, strides=[2, 2])
    m.conv("x" * 70, 4, 4)
    m.conv("features.1.conv", 4, 4)
    for i, node in enumerate(m.nodes):
        node.name = "" if i < 3 else "a*b: c/\u00e9%d" % i
    aux = m.head(4 * 3 * 3, 3)
    m.nodes[-1].name = "/head/head.0/Gemm"
    m.at = m.nodes[-2].output[0]
    m.add("Gemm", "", m.w("main", (5, 36)), transB=1)
    m.outputs = [m.at, aux]


@case(shape=(3, 16, 16))
def stacked(m):
    """Names and stages as torch's exporter gives them."""
    def scoped(name, cin, cout, stride):
        m.conv("onnx::Conv_%d" % len(m.nodes), cin, cout, 3, strides=[stride, stride], pads=[1, 1, 1, 1])
        m.nodes[-1].name = name + "/Conv"
        m.add("Relu")
        m.nodes[-1].name = name.rsplit("/", 1)[0] + "/Relu_%d" % len(m.nodes)
    scoped("/conv1", 3, 4, 1)
    scoped("/layer1/layer1.0/conv1", 4, 4, 1)
    scoped("/layer2/layer2.0/conv1", 4, 8, 2)
    scoped("/layer2/layer2.1/conv1", 8, 8, 1)
    m.add("GlobalAveragePool")
    m.head(8)


def main():
    os.makedirs(HERE, exist_ok=True)
    with open(os.path.join(HERE, "figures.txt"), "w") as out:
        for name, function, options in CASES:
            model = Model(name, **options)
            function(model)
            proto = model.proto()
            onnx.checker.check_model(proto)
            y = run(proto)
            if proto.graph.node[-1].op_type.endswith("Softmax"):  # thaw leaves it out
                y = np.log(y) if proto.graph.node[-1].op_type == "Softmax" else y
                y = y - y.mean()
                name_out = name + " centred"
            else:
                name_out = name + " plain"
            with open(os.path.join(HERE, name + ".onnx"), "wb") as file:
                file.write(proto.SerializeToString())
            out.write("%s %d" % (name_out, y.size) + "".join(" %.9g" % v for v in y) + "\n")


if __name__ == "__main__":
    sys.exit(main())
