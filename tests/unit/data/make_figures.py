#!/usr/bin/env python3
"""Makes the figures that the image tests compare with: Pillow's own resize and decode.

    /usr/bin/python3 tests/unit/data/make_figures.py > tests/unit/data/resize_figures.h     (Pillow 9.4.0)
    /usr/bin/python3 tests/unit/data/make_figures.py image > tests/unit/data/image_figures.h
    /usr/bin/python3 tests/unit/data/make_figures.py decode FOLDER      (digests of real JPEGs, for the table in test_image.c)

Never needed to run the tests."""
import io
import os
import sys

import numpy as np
from PIL import Image


def fnv(data):
    h = 0xCBF29CE484222325
    for b in data:
        h = ((h ^ b) * 0x100000001B3) & (2**64 - 1)
    return h


def pattern(width, height):
    """The same picture as `pattern` in test_resize.c: noise that a multiplicative generator makes."""
    state, out = width * 65536 + height, bytearray()
    for _ in range(width * height * 3):
        state = (state * 1103515245 + 12345) & 0xFFFFFFFF
        out.append(state >> 24)
    return Image.frombytes("RGB", (width, height), bytes(out))


CASES = [  # source size, target size, box (x, y, w, h) or None
    ((1, 1), (5, 3), None), ((2, 2), (7, 7), None), ((7, 5), (7, 5), None), ((8, 8), (4, 4), None),
    ((8, 8), (16, 16), None), ((13, 9), (5, 4), None), ((33, 17), (10, 29), None), ((100, 75), (41, 31), None),
    ((75, 100), (31, 41), None), ((256, 2), (3, 2), None), ((2, 256), (2, 3), None), ((64, 48), (224, 168), None),
    ((500, 375), (341, 256), None), ((320, 240), (32, 32), None), ((40, 30), (32, 32), (3, 2, 30, 25)),
    ((40, 30), (32, 32), (0.5, 0.25, 20.75, 29.5)), ((40, 30), (40, 30), (1.25, 1.5, 38.0, 27.125)),
    ((257, 131), (96, 96), (10.1, 20.2, 200.3, 100.4)), ((1000, 3), (7, 3), None), ((30, 30), (30, 10), None),
    ((30, 30), (10, 30), None),
]


def resize_figures():
    print("/* Made by make_figures.py with Pillow %s: FNV-1a digests of Image.resize(BILINEAR, box) and of (BICUBIC, box). */"
          % Image.__version__)
    print("static const struct figure figures[] = {")
    for (w, h), (tw, th), box in CASES:
        b = box or (0, 0, w, h)
        out = [pattern(w, h).resize((tw, th), kind, (b[0], b[1], b[0] + b[2], b[1] + b[3]))
               for kind in (Image.BILINEAR, Image.BICUBIC)]
        digests = [fnv(image.tobytes()) for image in out]
        print("    {%d, %d, %d, %d, {%s, %s, %s, %s}, {0x%016xULL, 0x%016xULL}}," % (w, h, tw, th, *b, *digests))
    print("};")
    # torchvision's Resize(resize) and CenterCrop, written out.
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms import functional as F
    print("static const struct view_figure view_figures[] = {")
    for (w, h), resize, size in [((500, 375), 256, (224, 224)), ((375, 500), 256, (224, 224)), ((101, 67), 40, (32, 32)),
                                 ((67, 101), 37, (32, 32)), ((64, 64), 64, (63, 61)), ((30, 20), 24, (32, 40)),
                                 ((33, 20), 25, (32, 28))]:
        out = [F.center_crop(F.resize(pattern(w, h), resize, kind), (size[1], size[0]))
               for kind in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)]
        assert all(image.size == size for image in out)
        digests = [fnv(image.tobytes()) for image in out]
        print("    {%d, %d, %d, %d, %d, {0x%016xULL, 0x%016xULL}}," % (w, h, resize, *size, *digests))
    print("};")


def save(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def image_figures():
    """Small files of every kind into fixtures/, and the digests of Pillow's convert("RGB") and EXIF turns."""
    print("/* Made by make_figures.py with Pillow %s. */" % Image.__version__)
    rgb = pattern(11, 7).resize((22, 14), Image.BILINEAR)
    alpha = rgb.convert("RGBA")
    alpha.putalpha(rgb.convert("L"))
    grey16 = Image.fromarray((np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000), "I;16")
    exif = Image.Exif()
    files = [
        ("jpeg.jpg", save(rgb, "JPEG", quality=90), None), ("jpeg_444.jpg", save(rgb, "JPEG", quality=90, subsampling=0), None),
        ("jpeg_grey.jpg", save(rgb.convert("L"), "JPEG"), None), ("jpeg_cmyk.jpg", save(rgb.convert("CMYK"), "JPEG"), None),
        ("jpeg_progressive.jpg", save(rgb, "JPEG", progressive=True), None),
        ("png.png", save(rgb, "PNG"), None), ("png_alpha.png", save(alpha, "PNG"), None),
        ("png_grey_alpha.png", save(alpha.convert("LA"), "PNG"), None), ("png_palette.png", save(rgb.quantize(16), "PNG"), None),
        ("png_grey.png", save(rgb.convert("L"), "PNG"), None), ("png_bit.png", save(rgb.convert("1"), "PNG"), None),
        ("png_16.png", save(grey16, "PNG"), (np.arange(12) * 5000 >> 8).astype(np.uint8).repeat(3).tobytes()),
        ("bmp.bmp", save(rgb, "BMP"), None), ("bmp_palette.bmp", save(rgb.quantize(16), "BMP"), None),
        ("gif.gif", save(rgb.quantize(16), "GIF"), None), ("ppm.ppm", save(rgb, "PPM"), None),
        ("pgm.pgm", save(rgb.convert("L"), "PPM"), None),
    ]
    from PIL import ImageOps
    for turn in range(1, 9):
        exif[0x0112] = turn
        data = save(rgb, "JPEG", exif=exif)
        files.append(("jpeg_turn_%d.jpg" % turn, data, ImageOps.exif_transpose(Image.open(io.BytesIO(data)))))
    print("static const struct figure figures[] = {")
    for name, data, expected in files:
        with open(os.path.join(os.path.dirname(__file__), "fixtures", name), "wb") as out:
            out.write(data)
        picture = expected if isinstance(expected, Image.Image) else Image.open(io.BytesIO(data)).convert("RGB")
        pixels = expected if isinstance(expected, bytes) else picture.tobytes()
        print('    {"%s", %d, %d, 0x%016xULL},' % (name, *picture.size, fnv(pixels)))
    print("};")


def decode_digests(folder):
    for part, kind, names in [("train", "ants", 3), ("val", "bees", 3)]:
        for name in sorted(os.listdir(os.path.join(folder, part, kind)))[:names]:
            if name.endswith("gif"):
                continue
            picture = Image.open(os.path.join(folder, part, kind, name)).convert("RGB")
            print('    {"%s/%s/%s", %d, %d, 0x%016xULL},' % (part, kind, name, *picture.size, fnv(picture.tobytes())))


if sys.argv[1:2] == ["image"]:
    image_figures()
elif sys.argv[1:2] == ["decode"]:
    decode_digests(sys.argv[2])
else:
    resize_figures()
