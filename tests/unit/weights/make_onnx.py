#!/usr/bin/python3
"""Makes the small ONNX files in fixtures/ with the onnx package (1.12 was used), and prints nothing.

    python3 tests/unit/weights/make_onnx.py tests/unit/weights/fixtures

types.onnx     every element type, as raw data and in its typed field, packed and not, and in a Constant node
beside.onnx    two tensors in beside.bin
small.onnx     conv, relu, pool, linear: what tests/refuse changes byte by byte
"""
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

VALUES = {
    "f32": (TensorProto.FLOAT, [1.5, -2.0, 0.25]),
    "f16": (TensorProto.FLOAT16, [1.0, -0.5, 65504.0]),
    "f64": (TensorProto.DOUBLE, [0.1, 2.0 ** -30, -7.0]),
    "i64": (TensorProto.INT64, [-5, 1 << 40, 3]),
    "i32": (TensorProto.INT32, [7, -7, 1 << 30]),
    "i16": (TensorProto.INT16, [300, -300, 0]),
    "i8": (TensorProto.INT8, [-128, 127, 1]),
    "u8": (TensorProto.UINT8, [0, 255, 128]),
    "bool": (TensorProto.BOOL, [1, 0, 1]),
}
BF16 = [0x3F80, 0xC040, 0x0000]  # 1, -3, 0


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while True:
        out.append((value & 0x7F) | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(out)


def tensors():
    made = []
    for name, (kind, values) in VALUES.items():
        array = np.array(values, dtype=onnx.mapping.TENSOR_TYPE_TO_NP_TYPE[kind])
        raw = numpy_helper.from_array(array, name + ".raw")
        made.append(raw)
        made.append(helper.make_tensor(name + ".typed", kind, [len(values)], values))
    raw = TensorProto(name="bf16.raw", data_type=TensorProto.BFLOAT16, dims=[3])
    raw.raw_data = np.array(BF16, dtype="<u2").tobytes()
    typed = TensorProto(name="bf16.typed", data_type=TensorProto.BFLOAT16, dims=[3], int32_data=BF16)
    made += [raw, typed, helper.make_tensor("scalar", TensorProto.FLOAT, [], [42.0]),
             helper.make_tensor("empty", TensorProto.FLOAT, [0, 3], []),
             helper.make_tensor("matrix", TensorProto.FLOAT, [2, 3], [1, 2, 3, 4, 5, 6])]
    return made


def unpacked():
    """Field by field, as encoders of proto2's first days wrote them: tensors f32.apart and i64.apart."""
    floats = b"".join(bytes([4 << 3 | 5]) + np.float32(v).tobytes() for v in (1.5, -2.0))
    one = b"\x08\x02\x10\x01" + floats + b"\x42\x09f32.apart"
    longs = b"".join(bytes([7 << 3]) + varint(v) for v in (-5, 1 << 40))
    two = b"\x08\x02\x10\x07" + longs + b"\x42\x09i64.apart"
    return b"".join(b"\x2a" + varint(len(t)) + t for t in (one, two))


def model(nodes, inputs, outputs, initializers, opset=13):
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="")


def save(folder, name, proto, extra=b""):
    """`extra`: bytes of a second graph message, which protobuf merges with the first."""
    data = proto.SerializeToString()
    if extra:
        data += b"\x3a" + varint(len(extra)) + extra
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


def make_types(folder):
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])
    constant = helper.make_node("Constant", [], ["held"],
                                value=helper.make_tensor("", TensorProto.FLOAT, [2], [8.0, 9.0]))
    small = helper.make_node("Constant", [], ["one"], value=helper.make_tensor("", TensorProto.FLOAT, [], [8.0]))
    save(folder, "types.onnx", model([constant, small], [value], [value], tensors()), unpacked())


def outside(name, values, **entries):
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[len(values)],
                         data_location=TensorProto.EXTERNAL)
    for key, text in dict(location="beside.bin", **entries).items():
        tensor.external_data.add(key=key, value=str(text))
    return tensor


def make_beside(folder):
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])
    values = np.arange(600, dtype=np.float32)
    with open(os.path.join(folder, "beside.bin"), "wb") as file:
        file.write(b"head" + values.tobytes())
    first = outside("first", values[:500], offset=4, length=2000)
    second = outside("second", values[500:], offset=2004)
    save(folder, "beside.onnx", model([], [value], [value], [first, second]))


def make_small(folder):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, 4, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])
    rng = np.random.RandomState(1)

    def weight(name, *shape):
        return numpy_helper.from_array(rng.randn(*shape).astype(np.float32), name)
    nodes = [
        helper.make_node("Conv", ["x", "a.weight", "a.bias"], ["c"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("Gemm", ["f", "b.weight", "b.bias"], ["y"], transB=1),
    ]
    save(folder, "small.onnx", model(nodes, [x], [y], [weight("a.weight", 1, 1, 2, 2), weight("a.bias", 1),
                                                      weight("b.weight", 2, 4), weight("b.bias", 2)]))


def main():
    make_types(sys.argv[1])
    make_beside(sys.argv[1])
    make_small(sys.argv[1])


if __name__ == "__main__":
    main()
