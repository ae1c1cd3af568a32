"""Values that both sides of a reference test compute from a name and a number, so that weights need not be kept, and
digests of tensors too large to keep. Twin of hashed.c."""
import numpy as np

MASK = (1 << 64) - 1
PROJECTIONS = 8


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def bits(name, count):
    """64 mixed bits an element: SplitMix64 over the FNV-1a hash of the name and the element's number."""
    with np.errstate(over="ignore"):
        z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(fnv1a(name))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uniform(name, count):
    """[0, 1) in float64, 53 bits."""
    return (bits(name, count) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def digest(name, values):
    """Norm and dot products with hashed vectors of +-1: their mean square estimates the square of any difference."""
    flat = np.asarray(values, dtype=np.float64).reshape(-1)
    mixed = bits("projection." + name, flat.size)
    out = [np.sqrt(np.dot(flat, flat))]
    for k in range(PROJECTIONS):
        sign = 1.0 - 2.0 * ((mixed >> np.uint64(63 - k)) & np.uint64(1)).astype(np.float64)
        out.append(np.dot(flat, sign))
    return "%s %d " % (name, flat.size) + " ".join("%.10g" % v for v in out)
