#!/usr/bin/env python3
"""What becomes of the layers that `thaw bench --layers` measures: the share of plain sgemm's rate that the layers reach
which are nothing but a matrix product, and the time of all convolutions against the best that is known of each."""
import ctypes
import ctypes.util
import json
import os
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112


def measure_layers(thaw, model, batch, env):
    done = subprocess.run([thaw, "bench", "--layers", "--no-limits", "--json", "--model", model, "--batch", str(batch),
                           "--threads", "2", "--seconds", "1"], stdout=subprocess.PIPE, check=True, env=env)
    return json.loads(done.stdout)["layers"]


class Sgemm:
    """OpenBLAS with two threads of its own."""

    def __init__(self, threads=2):
        name = ctypes.util.find_library("openblas") or "libopenblas.so.0"
        self.library = ctypes.CDLL(name)
        self.library.openblas_set_num_threads(threads)
        self.blocks = {}

    def _block(self, which, floats):
        if len(self.blocks.get(which, ())) < floats:
            self.blocks[which] = (ctypes.c_float * floats)()
        return self.blocks[which]

    def seconds(self, m, n, k, left=PLAIN, right=PLAIN):
        """The median of five products, c (m,n) = a (m,k) * b (k,n), each operand plain or transposed."""
        a, b, c = self._block("a", m * k), self._block("b", k * n), self._block("c", m * n)
        one, zero, took = ctypes.c_float(1), ctypes.c_float(0), []
        for _ in range(6):
            began = time.perf_counter()
            self.library.cblas_sgemm(ROW_MAJOR, left, right, m, n, k, one, a, k if left == PLAIN else m, b,
                                     n if right == PLAIN else k, zero, c, n)
            took.append(time.perf_counter() - began)
        return sorted(took[1:])[2]


def is_product(layer):
    return layer["op"] == "linear" or (layer["op"] == "conv" and layer["kernel_size"] == [1, 1] and
                                       layer["stride"] == 1 and layer["groups"] == 1)


def share_of_sgemm(layers, facts):
    """Time of sgemm over time of the layers, summed over all whose three passes are matrix products."""
    sgemm, own, plain, worst = Sgemm(), 0.0, 0.0, {}
    for layer in layers:
        if not is_product(layer):
            continue
        n, h, w, out = layer["out"]
        rows, inner = n * h * w, layer["in"][3]
        if layer["pass"] == "forward":
            seconds = sgemm.seconds(rows, out, inner)
        elif layer["pass"] == "data":
            seconds = sgemm.seconds(rows, inner, out, right=TRANSPOSED)
        else:
            seconds = sgemm.seconds(inner, out, rows, left=TRANSPOSED)
        own += layer["count"] * layer["seconds"]
        plain += layer["count"] * seconds
        worst[f"{layer['layer']} {layer['pass']}"] = seconds / layer["seconds"]
    facts["least"] = ", ".join(f"{name} {share:.2f}" for name, share in sorted(worst.items(), key=lambda x: x[1])[:5])
    return plain / own


def times_best_known(layers, facts):
    """Time of the convolutions over the time at the best rate known of each; those of which none is known are left out."""
    with open(os.path.join(HERE, "best_known.json")) as file:
        known = {(tuple(row["in"]), row["out_channels"], row["kernel"], row["stride"], row["pass"]): row["gflops"]
                 for row in json.load(file)["layers"]}
    own, best, left_out, ratios = 0.0, 0.0, 0, {}
    for layer in layers:
        if layer["op"] != "conv":
            continue
        key = (tuple(layer["in"][1:]), layer["out"][3], layer["kernel_size"][0], layer["stride"], layer["pass"])
        if key not in known or layer["groups"] != 1:
            left_out += layer["count"]
            continue
        own += layer["count"] * layer["seconds"]
        best += layer["count"] * layer["seconds"] * layer["gflops"] / known[key]
        ratios[f"{layer['layer']} {layer['pass']}"] = known[key] / layer["gflops"]
    facts["left_out"] = left_out
    facts["most"] = ", ".join(f"{name} {ratio:.2f}" for name, ratio in sorted(ratios.items(), key=lambda x: -x[1])[:8])
    return own / best


if __name__ == "__main__":
    import sys

    told = {}
    every = [layer for model in sys.argv[2:] or ("resnet18", "resnet50", "vgg16")
             for layer in measure_layers(sys.argv[1], model, 32, dict(os.environ))]
    print(f"{times_best_known(every, told):.3f} of the best known time ({told['left_out']} layers and passes unknown); "
          f"most: {told['most']}")
