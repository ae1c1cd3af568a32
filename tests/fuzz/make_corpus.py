#!/usr/bin/python3
"""Makes the seeds in corpus/ anew, from the standard library alone and always the same.

    python3 tests/fuzz/make_corpus.py tests/fuzz/corpus

Files named found_* came out of fuzzing, real_* out of the program; they are left alone.
"""
import gzip
import io
import json
import os
import struct
import sys
import tarfile
import zipfile

MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
HEAD = MAGIC + b"\x80\x02M\xe9\x03." + b"\x80\x02}U\x0dlittle_endian\x88s."


def text(string):
    return b"U" + bytes([len(string)]) + string


def storage(key, kind, count, extra=b""):
    return b"(" + text(b"storage") + b"ctorch\n" + kind + b"Storage\n" + text(key) + text(b"cpu") + b"K" + bytes([count]) + extra + b"tQ"


def tuple_of(numbers):
    return b"(" + b"".join(b"K" + bytes([n]) for n in numbers) + b"t"


def tensor(stored, offset, shape, stride, second=False):
    name = b"_rebuild_tensor_v2" if second else b"_rebuild_tensor"
    tail = b"\x89ccollections\nOrderedDict\n)R" if second else b""
    return b"ctorch._utils\n" + name + b"\n(" + stored + b"K" + bytes([offset]) + tuple_of(shape) + tuple_of(stride) + tail + b"tR"


def dict_of(pairs):
    return b"}(" + b"".join(text(k) + v for k, v in pairs) + b"u"


def stream(value, keys, values):
    listed = b"\x80\x02](" + b"".join(text(k) for k in keys) + b"e."
    return HEAD + b"\x80\x02" + value + b"." + listed + b"".join(struct.pack("<q", n) + v for n, v in values)


def safe(header, values=b""):
    return struct.pack("<Q", len(header)) + header + values


def entry(name, dtype, shape, begin, end):
    return b'"%s":{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}' % (name, dtype, str(shape).encode(), begin, end)


def safetensors():
    sizes = {b"F64": 8, b"I64": 8, b"F32": 4, b"I32": 4, b"F16": 2, b"BF16": 2, b"I16": 2, b"I8": 1, b"U8": 1, b"BOOL": 1}
    at, entries = 0, []
    for dtype, size in sizes.items():
        entries.append(entry(dtype.lower(), dtype, [2, 1], at, at + 2 * size))
        at += 2 * size
    return {
        "every_dtype": safe(b"{" + b",".join(entries) + b"}", bytes(at)),
        "metadata": safe(b'{"__metadata__":{"format":"pt"},' + entry(b"w", b"F32", [1], 0, 4) + b"}   ", bytes(4)),
        "scalar_and_empty": safe(b"{" + entry(b"s", b"F32", [], 0, 4) + b"," + entry(b"e", b"F32", [0, 9], 4, 4) + b"}", bytes(4)),
        "overlap": safe(b"{" + entry(b"a", b"F32", [2], 0, 8) + b"," + entry(b"b", b"F32", [1], 4, 8) + b"}", bytes(8)),
        "nan": safe(b"{" + entry(b"w", b"F32", [1], 0, 4) + b"}", b"\0\0\xc0\x7f"),
        "escapes": safe(b"{" + entry(rb"\u00e9\ud83d\ude00", b"U8", [1], 0, 1) + b"}", b"x"),
        "deep": safe(b'{"w":' + b"[" * 64),
        "empty_object": safe(b"{}"),
        "large_length": b"\xff" * 8 + b"{}",
        "zero_times_large": safe(b"{" + entry(b"w", b"F32", [0, 1 << 62, 4], 0, 0) + b"}"),
    }


def safetensors_index():
    def index(places, tail=b"}"):
        return b'{"metadata":{"total_size":16},"weight_map":{' + b",".join(b'"%s":"%s"' % p for p in places) + b"}" + tail

    both = [(b"a", b"a"), (b"b", b"b")]
    return {
        "both": index(both),
        "one": index(both[:1]),
        "cut": index(both, b""),
        "swapped": index([(b"a", b"b"), (b"b", b"a")]),
        "missing": index(both + [(b"c", b"b")]),
        "no_file": index([(b"a", b"c")]),
        "outside": index([(b"a", b"../a")]),
        "list": b'{"weight_map":["a","b"]}',
        "numbers": b'{"weight_map":{"a":1}}',
        "empty": index([]),
    }


def torch_legacy():
    floats = storage(b"0", b"Float", 6)
    four = struct.pack("<6f", 1, 2, 3, 4, 5, 6)
    kinds = [(b"Double", 8), (b"Float", 4), (b"Half", 2), (b"BFloat16", 2), (b"Long", 8), (b"Int", 4), (b"Short", 2), (b"Char", 1), (b"Byte", 1), (b"Bool", 1)]
    one = tensor(floats, 0, [2, 3], [3, 1])
    return {
        "one": stream(dict_of([(b"w", one)]), [b"0"], [(6, four)]),
        "second_form": stream(dict_of([(b"w", tensor(floats, 1, [2, 2], [2, 1], True))]), [b"0"], [(6, four)]),
        "turned": stream(dict_of([(b"w", tensor(floats, 0, [3, 2], [1, 3]))]), [b"0"], [(6, four)]),
        "shared": stream(dict_of([(b"a", one), (b"b", tensor(floats, 3, [3], [1]))]), [b"0"], [(6, four)]),
        "every_kind": stream(
            dict_of([(k, tensor(storage(k, k, 2), 0, [2], [1])) for k, _ in kinds]),
            [k for k, _ in kinds],
            [(2, bytes(2 * size)) for _, size in kinds],
        ),
        "nested": stream(dict_of([(b"epoch", b"K\x03"), (b"state_dict", dict_of([(b"w", one)]))]), [b"0"], [(6, four)]),
        "ordered_pairs": stream(b"ccollections\nOrderedDict\n](](" + text(b"w") + one + b"ee\x85R", [b"0"], [(6, four)]),
        "part_of_storage": stream(
            dict_of([(b"w", tensor(storage(b"0", b"Float", 6, b"(" + text(b"v") + b"K\x02K\x03t"), 0, [3], [1]))]),
            [b"0"],
            [(6, four)],
        ),
        "parameter": stream(dict_of([(b"w", b"ctorch._utils\n_rebuild_parameter\n(" + one + b"\x88NtR")]), [b"0"], [(6, four)]),
        "empty_tensor": stream(dict_of([(b"w", tensor(storage(b"0", b"Float", 0), 0, [0, 3], [3, 1]))]), [b"0"], [(0, b"")]),
        "storage_missing": stream(dict_of([(b"w", one)]), [], []),
        "system": HEAD + b"\x80\x02cos\nsystem\n" + text(b"id") + b"\x85R.",
        **{"of_" + name: stream(value, [b"0"], [(6, struct.pack("<6f", 1, 2, 3, 4, 5, 6))]) for name, value in modules().items()},
    }


def module(name, parameters=b"", buffers=b"", modules=b"", more=b""):
    """The record of a torch.nn.Module; parts as pairs of text and value."""
    return (b"c" + name + b"\n)\x81}(" + text(b"_parameters") + b"}(" + parameters + b"u" + text(b"_buffers") + b"}(" + buffers + b"u"
            + text(b"_non_persistent_buffers_set") + b"c__builtin__\nset\n](" + text(b"gone") + b"e\x85R"
            + text(b"_modules") + b"}(" + modules + b"u" + more + b"ub")


def modules():
    """Whole modules, and what libraries keep them in."""
    floats = tensor(storage(b"0", b"Float", 6), 0, [2, 3], [3, 1], True)
    linear = module(b"torch.nn.modules.linear\nLinear", text(b"weight") + floats + text(b"bias") + b"N", text(b"gone") + floats,
                    more=text(b"in_features") + b"K\x03" + text(b"out_features") + b"K\x02" + text(b"eps") + b"G" + struct.pack(">d", 1e-5)
                    + text(b"kernel_size") + b"K\x01K\x01\x86" + text(b"padding") + text(b"same"))
    sequential = module(b"torch.nn.modules.container\nSequential", modules=text(b"0") + linear + text(b"1")
                        + module(b"torch.nn.modules.container\nSequential", modules=text(b"a") + linear))
    script = b"c__torch__.torch.nn\nLinear\n)\x81}(" + text(b"weight") + floats + text(b"training") + b"\x89" + text(b"in") \
        + b"c__torch__.___torch_mangle_1\nN\n)\x81}" + text(b"w") + floats + b"sbub"
    return {
        "module": linear,
        "sequential": sequential,
        "parallel": module(b"torch.nn.parallel.data_parallel\nDataParallel", modules=text(b"module") + sequential),
        "script": script,
        "ema": b"}(" + text(b"model") + b"N" + text(b"ema") + sequential + b"u",
        "learner": b"cfastai.learner\nLearner\n)\x81}(" + text(b"opt") + b"cfunctools\npartial\nc__builtin__\ngetattr\n\x85R}b"
        + text(b"model") + linear + b"ub",
        "names": b"}(" + text(b"model") + linear + text(b"names") + b"}(K\0" + text(b"a") + b"K\1" + text(b"b") + b"uu",
        "vocab": b"}(" + text(b"model") + linear + text(b"dls") + b"cm\nD\n)\x81q\2}(" + text(b"loaders") + b"](h\2e" + text(b"vocab")
        + b"cm\nMap\n)\x81}(" + text(b"items") + b"](" + text(b"a") + text(b"b") + b"eububu",
        "slots": b"cm\nN\n)\x81}(" + text(b"_parameters") + dict_of([(b"w", floats)]) + text(b"_modules") + b"}u}\x86b",
        "of_args": b"cm\nreduce_module\n}(" + text(b"_parameters") + dict_of([(b"w", floats)]) + text(b"_modules") + b"}u\x85R",
        "subclass": b"cm\nDict\n)\x81(" + text(b"w") + floats + b"u",
        "named_args": b"cm\nN\n)}\x92}" + text(b"model") + linear + b"sb",
        "by_id": b"(" + text(b"module") + b"cm\nN\n" + b"NNtQ)\x81}(" + text(b"_parameters") + dict_of([(b"w", floats)]) + text(b"_modules") + b"}ub",
        "in_itself": b"cm\nN\n)\x81q\1}(" + text(b"_parameters") + b"}" + text(b"_modules") + b"}(" + text(b"a") + b"h\1" + text(b"b") + b"h\1uub",
    }


def zipped(entries, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in entries:
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, method)
    return out.getvalue()


def torch_zip():
    floats = storage(b"0", b"Float", 6)
    four = struct.pack("<6f", 1, 2, 3, 4, 5, 6)
    one = b"\x80\x02" + dict_of([(b"w", tensor(floats, 0, [2, 3], [3, 1], True))]) + b"."
    entries = [("n/data.pkl", one), ("n/data/0", four), ("n/byteorder", b"little")]
    small = zipped(entries)
    end = small.rindex(b"PK\5\6")
    count, size, start = struct.unpack("<10xHII2x", small[end:])
    record = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, size, start)
    record += b"PK\6\7" + struct.pack("<IQI", 0, end, 1)
    return {
        "small": small,
        "deflated": zipped(entries, zipfile.ZIP_DEFLATED),
        "zip64": small[:end] + record + small[end : end + 8] + b"\xff" * 12 + b"\0\0",
        "flat": zipped([("data.pkl", one), ("data/0", four)]),
        "big": zipped(entries[:2] + [("n/byteorder", b"big")]),
        "script": zipped([("n/data.pkl", b"\x80\x02c__torch__\nNet\n)\x81."), ("n/constants.pkl", b"."), ("n/code/a.py", b"")]),
        "comment": small[:-2] + b"\3\0abc",
        "wrapped": one + four,
        **{"wrapped_" + name: b"\x80\x02" + value + b"." + four for name, value in modules().items()},
        "wrapped_checkpoint": b"\x80\x02" + dict_of([(b"args", b"cargparse\nNamespace\n)\x81}" + text(b"lr") + b"K\x01sb"), (b"net", one[2:-1])]) + b"." + four,
        "wrapped_scalar": b"\x80\x02cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\n" + text(b"f8") + b"\x85R" + text(b"8 bytes ") + b"\x86R.",
    }


def torch_tar():
    four = struct.pack("<4f", 1, 2, 3, 4)
    system = b"\x80\x02}U\x0dlittle_endian\x88s."
    storages = b"\x80\x02K\x01.\x80\x02(K\x01U\x03cpuctorch\nFloatStorage\nt." + struct.pack("<q", 4) + four
    no_views, views = b"\x80\x02].", b"\x80\x02]((K\x02K\x01K\x01K\x03te."
    head = b"\x80\x02K\x01.\x80\x02(K\x09K\x01ctorch\nFloatTensor\nt."
    flat = head + struct.pack("<iiqqq", 1, 0, 4, 1, 0)
    turned = head + struct.pack("<iiqqqqq", 2, 0, 2, 2, 1, 2, 0)
    scalar = head.replace(b"K\x01c", b"K\x02c") + struct.pack("<iiq", 0, 0, 2)
    named = b"\x80\x02}U\x01wK\x09Qs."
    parameter = b"\x80\x02}U\x01wctorch.nn.parameter\nParameter\nK\x09Q\x85\x81}bs."

    def packed(*parts):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, data in zip(("sys_info", "storages", "tensors", "pickle"), parts):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        return out.getvalue()[: 512 * (len(parts) * 2)]

    def joined(*parts):
        return struct.pack("<HHH", *map(len, parts[:3])) + b"".join(parts)

    return {
        "flat": packed(system, storages + no_views, flat, named),
        "no_object": packed(system, storages + no_views, flat),
        "joined": joined(system, storages + no_views, flat, named),
        "joined_turned": joined(system, storages + no_views, turned, named),
        "joined_view": joined(system, storages + views, scalar, named),
        "joined_parameter": joined(system, storages + no_views, flat, parameter),
        "joined_storage": joined(system, storages + no_views, flat, named.replace(b"K\x09Q", b"K\x01Q")),
        "joined_cut": joined(system, storages + no_views, turned[:-9], named),
    }


def darknet():
    net = b"[net]\nheight=8\nwidth = 8\nchannels=3\n"
    conv = b"[convolutional]\nbatch_normalize=1\nfilters=2\nsize=3\nstride=1\npad=1\nactivation=leaky\n"
    last = b"[conv]\nfilters=3\nsize=1\nactivation=linear\n[avgpool]\n[softmax]\ngroups=1\n[cost]\n"
    return {
        "plain": net + conv + b"[maxpool]\nsize=2\nstride=2\n" + conv + last,
        "joins": net + conv + conv + b"[shortcut]\nfrom=-2\nactivation=relu\n[route]\nlayers=-1, 0\n" + last,
        "connected": net + b"# comment\n[connected]\noutput=3\nactivation=tanh\n[dropout]\nprobability=.5\n[softmax]\n",
        "groups": net + b"[convolutional]\nfilters=6\ngroups=3\nsize=3\npadding=2\nstride=2\nactivation=swish\n",
        "pools": net + b"[maxpool]\nsize=3\nstride=1\npadding=1\n[maxpool]\nstride=5\n" + conv,
        "detection": net + conv + b"[yolo]\nmask=0,1\n",
        "large": net + b"[convolutional]\nfilters=65536\nsize=64\npad=1\n" * 3,
        "network": b";\n[network]\nwidth=9\nheight=9\nchannels=1\n" + conv,
    }


def unpickle():
    made = {
        "constants": b"\x80\x02(NK\x01M\x01\x02J\xff\xff\xff\xff\x88\x89G" + bytes(8) + b"\x8a\x01\xff\x8b\x02\0\0\0\x01\x02t.",
        "texts": b"\x80\x04(X\x01\0\0\0a\x8c\x01b\x8d\x01" + bytes(7) + b"cU\x01dT\x01\0\0\0eB\x01\0\0\0fC\x01gl.",
        "containers": b"\x80\x04](K\x01K\x02e}K\x01K\x02s\x87\x8f(K\x01\x90(N\x91\x86.".replace(b"\x87", b""),
        "memo": b"\x80\x04]q\0\x94h\0r\x02\0\0\0j\x02\0\0\0a.",
        "stack": b"\x80\x02N20(NN10(l.",
        "holds_itself": b"\x80\x02}q\0U\x05modelh\0s.",
        "frame": b"\x80\x04\x95\x02" + bytes(7) + b"N.",
        "build": b"\x80\x02ccollections\nOrderedDict\n)R}U\x09_metadataK\x01sb.",
        "opaque": b"\x80\x02ccollections\nCounter\n}\x85RK\x01K\x01s}b.",
        "defaultdict": b"\x80\x02ccollections\ndefaultdict\nc__builtin__\nlist\n\x85RU\x01a]s.",
        "typed": b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor\nctorch\nTensor\n("
        + storage(b"0", b"Float", 6) + b"K\0" + tuple_of([2]) + tuple_of([1]) + b"t}tR.",
        "new": b"\x80\x02ccollections\nOrderedDict\n)\x81.",
        "stack_global": b"\x80\x04\x8c\x0bcollections\x8c\x0bOrderedDict\x93)R.",
        "inst": b"\x80\x02(ios\nsystem\n.",
        "whole_module": b"\x80\x02cmodels\nNet\nq\0)\x81}" + text(b"_parameters") + b"}sb.",
        "two": b"\x80\x02N.\x80\x02K\x01.",
    }
    for name, value in modules().items():
        made["of_" + name] = b"\x80\x02" + value + b"."
    made["singles"] = b"\x80\x02(NN\x88\x88\x89\x89G" + struct.pack(">d", 0.5) + b"\x8e\1" + bytes(7) + b"xt."
    for name, value in torch_legacy().items():
        if name in ("second_form", "part_of_storage", "ordered_pairs", "parameter"):
            made["torch_" + name] = value[len(HEAD) :]
    return made


def idx():
    def array(dims, values):
        return bytes([0, 0, 8, len(dims)]) + struct.pack(">%dI" % len(dims), *dims) + values

    def packed(raw):
        return gzip.compress(raw, 9, mtime=0)

    images = array([2, 2, 3], b"abcdefABCDEF")
    return {
        "images": images,
        "labels": array([3], bytes([0, 9, 1])),
        "matrix": array([2, 2], b"abcd"),
        "images_packed": packed(images),
        "labels_packed": packed(array([3], bytes([0, 9, 1]))),
        "many_packed": packed(array([300, 20, 20], bytes(300 * 400))),
        "cut_packed": packed(images)[:-9],
        "short": array([2, 2, 3], b"abc"),
        "large": array([1 << 31, 1 << 31, 1], b""),
        "large_packed": packed(array([1 << 30], b"abc")),
    }


def table():
    return {
        "csv": b"path,label\na/1.jpg,cat\na/2.jpg,dog\n",
        "mark_and_semicolons": b"\xef\xbb\xbfid;breed;split\r\n1;pug;train\r\n2;boxer;val\r\n",
        "quoted": b'file,label\n"a, b.jpg","say ""hi"""\n "two\nlines" , x\n',
        "tsv": b"path\tlabel\tsplit\na b.jpg\tc\ttrain\n",
        "list": b"my photos/1.jpg 0\n2.jpg   1\n\n3.jpg\n",
        "bars": b"a|b|c\n1|2|3\n",
        "one_column": b"a\nb\n",
        "ragged": b"a,b\n1,2,3\n",
        "open_quote": b'a,b\n"1,2\n',
        "behind_quote": b'a,b\n"1"2,3\n',
        "empty_cells": b",,,\n,,,\n",
        "blank_lines": b"\n \n\t\n\na,b\n",
        "zero": b"a,b\0c\n",
    }


def npy(kind, shape, values, version=1, order="False"):
    header = ("{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }\n" % (kind, order, shape)).encode()
    length = struct.pack("<H", len(header)) if version == 1 else struct.pack("<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + values


def npz():
    images, labels = npy("|u1", "2, 2, 3", b"abcdefABCDEF"), npy("<i8", "2,", struct.pack("<2q", 0, 7))

    def archive(how):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", how) as file:
            for name, data in (("x_train.npy", images), ("y_train.npy", labels)):
                file.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, how)
        return buffer.getvalue()

    return {
        "images": images,
        "labels": labels,
        "big": npy(">u2", "3, 1", b"\0\1\0\2\0\3"),
        "real": npy("<f4", "2,", struct.pack("<2f", 1, 2.5), 2),
        "double": npy("<f8", "1,", struct.pack("<d", -1), 3),
        "number": npy("|b1", "", b"\1"),
        "fortran": npy("|u1", "2, 2", b"abcd", 1, "True"),
        "objects": npy("|O", "1,", b"\x80\x02N."),
        "cut": images[:-1],
        "claims": npy("|u1", "4294967296, 4294967296", b"a"),
        "python_2": npy("|u1", "2L,", b"ab"),
        "npz": archive(zipfile.ZIP_STORED),
        "npz_packed": archive(zipfile.ZIP_DEFLATED),
    }


def cifar():
    def record(labels):
        return bytes(labels) + bytes(i % 251 for i in range(3072))

    return {
        "ten": b"\0" + record([3]),
        "ten_two": b"\0" + record([3]) + record([9]),
        "ten_label": b"\0" + record([10]),
        "hundred": b"\1" + record([19, 99]),
        "hundred_label": b"\1" + record([0, 100]),
        "cut": b"\0" + record([3])[:-1],
        "longer": b"\0" + record([3]) + b"x",
        "nothing": b"\0",
        "empty": b"",
    }


def tar():
    def archive(form, files, folder=False):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=form) as file:
            if folder:
                info = tarfile.TarInfo("a")
                info.type = tarfile.DIRTYPE
                file.addfile(info)
            for name, data in files:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                file.addfile(info, io.BytesIO(data))
        return buffer.getvalue().rstrip(b"\0") + bytes(1024)

    plain = archive(tarfile.USTAR_FORMAT, [("a/1.ppm", b"P6 1 1 255 abc"), ("b/2.ppm", b"P6 1 1 255 abd")], True)
    long_name = "a/" + "b" * 150 + "/c.ppm"
    sums = bytearray(plain)
    sums[148] ^= 1
    return {
        "plain": plain,
        "gnu_long": archive(tarfile.GNU_FORMAT, [(long_name, b"x" * 20)]),
        "ustar_long": archive(tarfile.USTAR_FORMAT, [("a" * 90 + "/" + "b" * 90, b"x")]),
        "pax": archive(tarfile.PAX_FORMAT, [("b/\u00e9" * 60, b"y" * 30)]),
        "out": archive(tarfile.USTAR_FORMAT, [("../x", b"x"), ("/y", b"y")]),
        "sum": bytes(sums),
        "cut": plain[:600],
        "gzip": gzip.compress(plain, 9, mtime=0),
        "gzip_stored": gzip.compress(plain, 0, mtime=0),
        "gzip_cut": gzip.compress(plain, 9, mtime=0)[:-20],
        "gzip_many": gzip.compress(archive(tarfile.USTAR_FORMAT, [("z", bytes(300000))]), 9, mtime=0),
    }


def pattern():
    made = ["(.+?)_\\d+\0great_dane_12.jpg", "^(cat|dog)\\.\0dog.1.jpg", "[^/]+$\0a/b", "a{2,3}?\0aaa", "(a*)*b\0aac",
            "(x+x+)+y\0xxxxxxxxxxxx", "[]a-c^]\0]", "(?:a|b|)c\0abc", "\\w\\S\\D\0a-b", "((a)\0", "a**\0", "[a\0", "a{999}\0", "\\"]
    return {"row%02d" % number: text.encode() for number, text in enumerate(made)}


def keras_layer(class_name, name, reads=None, **config):
    """A layer of a Keras configuration; reads: the layers a Functional model's calls read."""
    made = {"class_name": class_name, "config": dict(config, name=name)}
    if reads is not None:
        made["inbound_nodes"] = [[[r, 0, 0, {}] for r in reads]] if reads else []
    return made


def keras_model(layers, kind="Sequential", name="m", **config):
    return {"class_name": kind, "config": dict(config, name=name, layers=layers)}


def keras_config():
    image = dict(batch_input_shape=[None, 9, 9, 3])
    conv = dict(filters=4, kernel_size=[3, 3], padding="same", activation="relu")
    relu = [keras_layer("ReLU", "r%d" % i, max_value=m, negative_slope=s) for i, (m, s) in enumerate([(None, 0), (6, 0), (2.5, 0), (None, 0.1)])]
    names = ["relu", "relu6", "sigmoid", "tanh", "swish", "hard_sigmoid", "hard_swish", "leaky_relu", "gelu", "linear"]
    acts = [keras_layer("Activation", "a%d" % i, activation=a) for i, a in enumerate(names)]
    top = [keras_layer("GlobalAveragePooling2D", "gap"), keras_layer("Dense", "d", units=2, activation="softmax")]
    first = keras_layer("Conv2D", "c", **conv, **image)
    tensor = lambda name: {"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}}
    ends = dict(input_layers=[["i", 0, 0]], output_layers=[["d", 0, 0]])
    graph = keras_model([
        keras_layer("InputLayer", "i", [], **image),
        keras_layer("Conv2D", "c", ["i"], **conv),
        keras_layer("SeparableConv2D", "s", ["c"], filters=4, kernel_size=3, strides=2, padding="same"),
        keras_layer("GlobalAveragePooling2D", "g", ["s"], keepdims=True),
        keras_layer("Multiply", "mul", ["s", "g"]),
        keras_layer("Add", "add", ["s", "mul"]),
        keras_layer("Concatenate", "cat", ["add", "s"], axis=-1),
        keras_layer("TFOpLambda", "t", function="math.truediv") | {"inbound_nodes": [["cat", 0, 0, {"y": 127.5}]]},
        keras_layer("GlobalAveragePooling2D", "gap", ["t"]),
        keras_layer("Dense", "d", ["gap"], units=2),
    ], "Functional", **ends)
    newer = keras_model([
        keras_layer("InputLayer", "i", [], batch_shape=[None, 8, 8, 3]),
        keras_layer("Subtract", "sub") | {"inbound_nodes": [{"args": [tensor("i"), 127.5], "kwargs": {}}]},
        keras_layer("Conv2D", "c", **conv) | {"inbound_nodes": [{"args": [tensor("sub")], "kwargs": {}}]},
        keras_layer("Add", "add") | {"inbound_nodes": [{"args": [[tensor("c"), tensor("c")]], "kwargs": {}}]},
        keras_layer("Flatten", "f") | {"inbound_nodes": [{"args": [tensor("add")], "kwargs": {}}]},
        keras_layer("Dense", "d", units=2) | {"inbound_nodes": [{"args": [tensor("f")], "kwargs": {}}]},
    ], "Functional", **(ends | {"input_layers": ["i", 0, 0], "output_layers": ["d", 0, 0]}))
    shared = keras_model([
        keras_layer("InputLayer", "i", [], **image),
        keras_layer("ReLU", "r") | {"inbound_nodes": [[["i", 0, 0, {}]], [["c", 0, 0, {}]]]},
        keras_layer("Conv2D", "c", ["r"], **conv),
        keras_layer("GlobalMaxPooling2D", "gap") | {"inbound_nodes": [[["r", 1, 0, {}]]]},
        keras_layer("Dense", "d", ["gap"], units=2),
    ], "Model", **ends)
    values = {
        "plain": keras_model([first] + top),
        "graph": graph,
        "newer": newer,
        "shared": shared,
        "inside": keras_model([keras_model([first], name="base"), keras_layer("BatchNormalization", "b", axis=[3], momentum=0.9, epsilon=1e-3, scale=False)] + top),
        "activations": keras_model([first] + relu + acts + top),
        "shapes": keras_model([
            keras_layer("InputLayer", "i", **image), keras_layer("Rescaling", "rs", scale=0.1, offset=[1, 2, 3]), keras_layer("normalization", "x")]
            + [keras_layer("ZeroPadding2D", "z", padding=[[0, 1], [2, 3]]), keras_layer("Cropping2D", "cr", cropping=1),
               keras_layer("Permute", "p", dims=[1, 2, 3]), keras_layer("MaxPooling2D", "mp", pool_size=2, padding="same"),
               keras_layer("AveragePooling2D", "ap", pool_size=[3, 3], strides=1), keras_layer("Reshape", "re", target_shape=[-1]),
               keras_layer("Dropout", "dr", rate=0.5), keras_layer("RandomFlip", "rf"), keras_layer("Dense", "d", units=2)]),
        "normalized": keras_model([keras_layer("Normalization", "normalization", **image), keras_layer("DepthwiseConv2D", "dw", kernel_size=3, depth_multiplier=2, dilation_rate=2)] + top),
        "old": {"class_name": "Sequential", "config": [keras_layer("Convolution2D", "c", nb_filter=4, nb_row=3, nb_col=3, subsample=[1, 1], border_mode="same", **image), keras_layer("Flatten", "f"), keras_layer("Dense", "d", output_dim=2)]},
        "unknown": keras_model([first, keras_layer("Lambda", "l"), keras_layer("PReLU", "p")] + top),
        "empty": {"class_name": "Sequential", "config": {"layers": []}},
    }
    return {name: json.dumps(value, separators=(",", ":")).encode() for name, value in values.items()}


def keras_list():
    def words(text):
        return struct.pack("<I", len(text) + 1) + text + b"\0"

    def dataset(path, dims, offset=16, kind=0, where=0):
        return b"D" + words(path) + bytes([kind, where, len(dims)]) + struct.pack("<%dqQ" % len(dims), *dims, offset)

    def texts(path, name, values):
        return b"A" + words(path) + words(name) + struct.pack("<I", len(values)) + b"".join(words(v) for v in values)

    signature = b"\x89HDF\r\n\x1a\n"
    conv = dataset(b"c/c/kernel:0", [1, 1, 1, 2]) + dataset(b"c/c/bias:0", [2])
    named = texts(b"c", b"weight_names", [b"c/kernel:0", b"c/bias:0"])
    model = {"class_name": "Sequential", "config": {"layers": [keras_layer("Conv2D", "stem"), keras_model([keras_layer("Dense", "in")], name="b")]}}
    numbered = dataset(b"layers/conv2d/vars/0", [1, 1, 1, 2]) + dataset(b"layers/conv2d/vars/1", [2])
    inside = dataset(b"layers/sequential/layers/dense/vars/0", [2, 2])
    values = {
        "weights": conv + texts(b"", b"layer_names", [b"c"]) + named,
        "parts": conv + texts(b"", b"layer_names0", [b"c"]) + texts(b"", b"layer_names1", []) + named,
        "model": dataset(b"model_weights/b/in/kernel:0", [2, 2]) + texts(b"model_weights", b"layer_names", [b"b"])
        + texts(b"model_weights/b", b"weight_names", [b"in/kernel:0"]) + texts(b"", b"model_config", [json.dumps(model).encode()]),
        "nested": dataset(b"b/x/kernel", [2]) + dataset(b"b/y/kernel", [2]) + texts(b"", b"layer_names", [b"b"]) + texts(b"b", b"weight_names", [b"x/kernel", b"y/kernel"]),
        "numbered": numbered + inside + dataset(b"optimizer/vars/0", []),
        "named": numbered + texts(b"layers/conv2d/vars", b"name", [b"stem"]) + inside,
        "configured": numbered + inside + texts(b"", b"model_config", [json.dumps(model).encode()]),
        "decoded": dataset(b"c/k", [4], 0, 1, 1) + dataset(b"c/t", [1], 0, 10, 3) + texts(b"", b"layer_names", [b"c"]) + texts(b"c", b"weight_names", [b"k"]),
        "elsewhere": dataset(b"c/k", [4], 0, 0, 2) + texts(b"", b"layer_names", [b"c"]) + texts(b"c", b"weight_names", [b"k"]),
        "fault": conv + b"E" + words(b"bad object header"),
    }
    return {name: signature + value for name, value in values.items()}


def graph_json():
    def node(name, op, reads, **attrs):
        return {"name": name, "op": op, "in": reads, **attrs}

    def graph(nodes, trunk="pool", stages=(("net", 0),), **others):
        made = {"version": 1, "arch": "net", "input": [6, 6, 1]}
        made["preprocess"] = "size 6x6x1 resize 0 raw 0 bgr 0 mean 0 0 0 std 1 1 1"
        made["trunk"] = trunk
        made["stages"] = [{"name": name, "first": first} for name, first in stages]
        made["nodes"] = nodes
        made.update(others)
        return json.dumps(made, separators=(",", ":")).encode()

    conv = node("conv", "conv", [0], out_channels=2, kernel_h=3, kernel_w=3)
    pool, head = node("pool", "global average pool", [1]), node("fc", "linear", [2], out_channels=3, bias=1)
    plain = [conv, pool, head]
    relu = node("act", "relu", [1])
    return {
        "plain": graph(plain),
        "stages": graph(plain, stages=(("a", 0), ("b", 2))),
        "late_stage": graph(plain, stages=(("a", 0), ("b", 9))),
        "join": graph([conv, relu, node("add", "add", [1, 2]), node("pool", "global average pool", [3]), dict(head, **{"in": [4]})]),
        "concat": graph([conv, relu, node("cat", "concat", [1, 2]), node("pool", "global average pool", [3]), dict(head, **{"in": [4]})]),
        "norm": graph([conv, node("bn", "batch norm", [1], no_scale=1, eps=0.1), node("pool", "global average pool", [2]), dict(head, **{"in": [3]})]),
        "unknown_op": graph([dict(conv, op="sorcery"), pool, head]),
        "reads_itself": graph([dict(conv, **{"in": [1]}), pool, head]),
        "wide": graph([dict(conv, out_channels=1 << 24), pool, head]),
        "wide_head": graph([conv, pool, dict(head, out_channels=1 << 24)], trunk="conv"),
        "far_pad": graph([dict(conv, pad_top=-(1 << 24)), pool, head]),
        "no_trunk": graph(plain, trunk="x"),
        "large_input": graph(plain, input=[1 << 16, 1 << 16, 1 << 16]),
        "no_version": graph(plain, version=2),
        "nan": graph([dict(conv, alpha=1e39), pool, head]),
        "list": b"[[[[[[[[",
    }


def checkpoint():
    def hexed(value):
        return float(value).hex()

    none = "0" * 32
    settings = "[model]\nname = net\n\n[thaw]\nepoch 2 = net @ lr*0.5\n\n[data]\npath = /d\n"
    row = {"number": 2, "epoch": 3, "batch": 1, "command": '{"id":1,"command":"lr","value":0.5}'}
    change = {"fixed": [0, 0, 0, 0], "lr_from": hexed(1), "lr_to": hexed(0.5)}
    plain = {
        "version": 3, "epoch": 3, "batch": 1, "step": "9", "thaws_done": 1, "epochs": 6, "sum_loss": hexed(2.5),
        "sum_images": "8", "sum_0": hexed(3), "sum_1": hexed(0), "sum_2": hexed(0), "sum_3": hexed(0), "epoch_seconds": hexed(0.5),
        "elapsed": hexed(4), "base_lr": hexed(0.02), "lr_anchor": "18446744073709551615", "val_loss": hexed(1), "best": "nan",
        "best_epoch": 2, "stale": 1, "mark": "4711", "seed": "1", "images_batch": 8, "batches": 4, "parent": "",
        "classes_hash": "1" * 32, "arch": "net", "base_path": "/w", "base_hash": none, "data_hash": "2" * 32, "data_extent": 0,
        "data_names": "3" * 32, "data_sizes": "4" * 32, "data_stored": "5" * 32, "settings": settings, "fixed": [0, 15, 0, 0],
        "changes": [change], "recorded": [row], "recorded_last": 2, "updates": [0, 9, 9], "warmups": [0, 0, 3],
    }

    def made(**others):
        return json.dumps({**plain, **others}, separators=(",", ":")).encode()

    old = {key: value for key, value in plain.items() if not key.startswith(("data_n", "data_s", "data_e", "settings"))}
    first = {key: old[key] for key in ("epoch", "batch", "step", "thaws_done", "sum_loss", "sum_images", "epoch_seconds", "elapsed",
                                       "base_lr", "val_loss", "best_epoch", "stale", "mark", "seed", "images_batch", "arch", "base_path",
                                       "base_hash", "data_hash", "fixed", "updates")}
    first.update(version=1, sum_correct=hexed(3), sum_correct5=hexed(4), best_accuracy=hexed(0.5))
    return {
        "plain": made(),
        "version_2": json.dumps({**old, "version": 2}).encode(),
        "version_1": json.dumps(first).encode(),
        "newer": made(version=4),
        "batch_before": made(batch=-5),
        "epoch_before": made(epoch=-(1 << 31)),
        "epoch_beyond_int": made(epoch=(1 << 32) + 1),
        "thaws_before": made(thaws_done=-1),
        "anchor": made(lr_anchor="7", best=hexed(0.5)),
        "frozen": made(fixed=[15, 15, 15, 15], recorded=[], changes=[]),
        "marks_beyond": made(fixed=[0, 255, 0, 0]),
        "other_settings": made(settings="[train]\nlr = 1\n"),
        "no_settings": made(settings="[nonsense"),
        "list": b"[[[[[[[[",
    }


def catalog():
    row = b"[net-a]\narch = net\nfile = net.pth\n"
    return {
        "small": row,
        "whole": row + b"source = x\nlicence = BSD\nurl = https://x.org/net.pth\nhash = sha256-prefix:0123abcd\nsize = 44.661 MiB\n"
        b"params = 11.7 M\nmacs = 1.814 G\ntop1 = 69.758\ntop5 = 89.078\nclasses = 1000\nresize = 256\ninput = 224\n",
        "more": row + b"interpolation = bicubic\npreprocess = torch\nmean = 0.485 0.456 0.406\nstd = 0.229 0.224 0.225\ndefault = yes\n"
        b"tensors = 0123abcd\nclasses_file = names.txt\n",
        "goes_on": row + b"notes = one\n  two\n  three\nalso = a b\n  c\nreference = d\n",
        "twice": row + row,
        "two": row + b"[net-b]\nurl = a/b\n; comment\n# comment\n",
        "no_section": b"arch = net\n",
        "no_key": row + b"arhc = net\n",
        "no_file": b"[net-a]\narch = net\n",
        "range": row + b"top1 = 101\n",
        "whole_number": row + b"classes = 1e300\n",
        "words": row + b"interpolation = bicubik\n",
        "long_line": row + b"notes = " + b"n" * 200 + b"\n",
        "digest": row + b"hash = md5:00\n",
        "filter": row + b"top1 = 70\n\0top1>=69.5% arch:NET -default net",
        "filter_units": b"\0top1<1.5G top1!=10MB top1=.5kib",
        "filter_none": b"\0top2>1",
        "filter_sign": b"\0top1<>1 >1",
    }


def experiment():
    data = b"[data]\npath = d\n"
    model = b"[model]\nname = resnet20\nweights = none\n"
    return {
        "small": model + data,
        "whole": b"[model]\nweights = w.safetensors\nhead = linear\npreprocess = torch\n[freeze]\nupto = layer2\nbn_stats = moving\n"
        b"[thaw]\nepoch 5 = layer4 @ lr*0.1\nepoch 7 = layer3\n" + data + b"val = 0.2\naugment = light\nsize = 32\nviews = 2\n"
        b"cache = f16\ndecode = fast\n[train]\nepochs = 9\nbatch = 8\noptimizer = adamw\nlr = 1e-3\nmomentum = 0.9\n"
        b"weight_decay = 5e-4\nlabel_smoothing = 0.1\nschedule = step\nwarmup = 1.5\nstep_epochs = 2\nstep_gamma = .5\n"
        b"class_weights = balanced\nearly_stop = 3\nseed = 18446744073709551615\nthreads = 2\nmemory = auto\nwinograd = off\n"
        b"kernels = built-in\n[run]\ndir = r\nname = n\ncheckpoint_every = 2\nkeep_last = 2\nkeep_every = 5\n",
        "frozen": model + data + b"[freeze]\nfrozen = layer1.* layer2.*:statistics\n  conv1\n",
        "long": model + data + b"[freeze]\nfrozen = " + b"layer1.0.conv1 " * 100 + b"\n",
        "comments": b"; one\n# two\n" + model + b"; three\n" + data + b"val = v ; four\n",
        "sets": model + data + b"\0train.lr=0.5\nthaw.epoch 3 = layer1 @ lr*0.5\nthaw.epoch 3 =\nrun.name = a ; b",
        "sets_wrong": b"\0lr=0.5\ntrain.lr\ntrain.lr=fast\ntrain.epohcs=3\nthaw.epoch x=y\ndata.path=~/d\nmodel.weights=resnet18",
        "found_comments": b"\0thaw.epoch 3 = ;\nrun.name = ;\nrun.name = a\t;b\nthaw.epoch 4 = a ;b @ lr*0.5",
        "unknown_key": model + data + b"[train]\nepohcs = 3\n",
        "unknown_section": b"[trian]\nlr = 1\n",
        "no_section": b"lr = 1\n",
        "no_value": model + b"[train]\nlr\n",
        "range": model + data + b"[train]\nepochs = 99999999999\n",
        "nan": model + data + b"[train]\nlr = nan\nwarmup = inf\n",
        "both": model + data + b"[freeze]\nupto = layer1\nfrozen = layer2\n",
        "late_thaw": model + data + b"[thaw]\nepoch 99 = layer1\n",
        "bom": b"\xef\xbb\xbf" + model + b"\r\n" + data,
    }


def theme():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../themes")
    files = {}
    for name in ("default", "light", "mono"):
        with open(os.path.join(folder, name + ".ini"), "rb") as file:
            files[name] = file.read()
    head = b"[theme]\n"
    return {
        **files,
        "empty": b"",
        "numbers": head + b"text = 255 on 0\ndim = 256\n",
        "rgb": head + b"text = #ff8000 on #0080ff bold dim reverse underline\n",
        "rgb_short": head + b"text = #ff80\n",
        "found_rgb_sign": head + b"text = #-00002\n",
        "names": head + b"text = bright-red on bright-white\nkey-text = default on default\n",
        "words": head + b"text = red green\ndim = on\ntitle = red on\n",
        "unknown_role": head + b"txet = red\n",
        "section": b"[colours]\ntext = red\n",
        "no_section": b"text = red\n",
        "long": head + b"text = " + b"bold " * 60 + b"\n",
        "no_line": head + b"text\n",
    }


def beside():
    """preprocessor_config.json up to a zero byte, config.json behind it."""
    def both(processor, config):
        parts = [b"" if of is None else json.dumps(of).encode() for of in (processor, config)]
        return b"\0".join(parts)

    colours = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
    return {
        "vit": both({"do_normalize": True, "do_resize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2, "size": 224}, {"id2label": {"0": "ant", "1": "bee"}}),
        "convnext": both({"crop_pct": 0.875, "do_rescale": True, "rescale_factor": 1 / 255, "resample": 3, "size": {"shortest_edge": 224}, **colours}, None),
        "efficientnet": both({"include_top": True, "do_center_crop": False, "rescale_offset": False, "size": {"height": 224, "width": 224}, **colours}, None),
        "mobilevit": both({"do_flip_channel_order": True, "do_normalize": False, "crop_size": {"height": 256, "width": 256}, "do_center_crop": True, "size": {"shortest_edge": 288}}, None),
        "offset": both({"rescale_factor": 1 / 127.5, "rescale_offset": True, "do_normalize": False, "size": 96}, None),
        "timm": both(None, {"architecture": "resnet50", "num_classes": 2, "label_names": ["a", "b"], "pretrained_cfg": {"input_size": [3, 224, 224], "crop_pct": 0.95, "crop_mode": "center", "interpolation": "bicubic", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}),
        "zero_std": both({"image_mean": [0, 0, 0], "image_std": [1, 0, 1], "size": 8}, None),
        "huge": both({"image_mean": [1e308] * 3, "image_std": [1e-308] * 3, "rescale_factor": 1e-300, "size": 8}, {"id2label": {"1": "one"}}),
        "crop": both({"size": {"shortest_edge": 4096}, "crop_pct": 1e-9, **colours}, None),
        "list": b"[1, 2]\0{",
        "empty": b"",
    }


def onnx():
    """Models that other tests keep: the smallest of each kind."""
    tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    kept = [("unit/weights/fixtures", ("small", "types", "beside")),
            ("reference/onnx", ("halves", "pools_global", "gemm", "tensorflow_mean", "held", "nothings", "parts_new",
                                "parts_old", "flatten_by_shape", "norms", "borders"))]
    files = {}
    for folder, names in kept:
        for name in names:
            with open(os.path.join(tests, folder, name + ".onnx"), "rb") as file:
                files[name] = file.read()
    return files


def line(kind, **fields):
    return json.dumps({"kind": kind, "time": 1.25, "elapsed": 0.5, "epoch": 1, "step": 3, **fields}, separators=(",", ":")).encode()


# What a run says, one of each kind and what is odd about it.
LAYER = {"name": "l1.conv", "stage": "l1", "kind": "conv 3x3", "shape": "8x8x4", "head": False, "params": 9.0, "macs": 5.0, "activation_bytes": 8.0, "marks": 5}
METRICS = [{"name": "accuracy", "unit": "share", "better": "up"}, {"name": "error", "unit": "px", "better": "down"}]
RUN = {"version": 2, "program": "thaw", "task": "classify", "model": "m", "data": "/d", "classes": 2, "batch": 4, "epochs": 6, "steps_per_epoch": 4,
       "params_trainable": 9, "params_frozen": 8, "seed": "18446744073709551615", "metrics": METRICS, "thaws": "2 l1 @ lr*0.5\n3 l2\nx\n99999999 l3"}
EVENTS = {
    "run": line("run", **RUN),
    "layers": line("layers", layers=[LAYER, {**LAYER, "head": True, "marks": 15}], fixed="f0"),
    "step": line("step", loss=0.5, lr=0.01, images_per_second=100.0, images=4, metrics={"accuracy": 0.5, "error": "inf"}),
    "epoch": line("epoch", loss="nan", metrics={"accuracy": "-inf"}, seconds=1),
    "eval": line("eval", loss=0.25, metrics={"accuracy": 1.0}, seconds=0.1, images=3, best=True),
    "lr": line("lr", **{"from": 0.1, "to": 0.02}),
    "thaw": line("thaw", layers="l1", fixed="00", frozen=False, by_hand=False, lr_factor=0.5, params_trainable=17, params_frozen=0),
    "updates": line("updates", ratios="0.001 - 1e-30 9.995"),
    "phase": line("phase", phase="features", done=2, all=4),
    "features": line("features", validation=False, images=4, computed=4, **{"from": "l1"}, in_memory=True, bytes=64, seconds=0.5),
    "proof": line("freeze-proof", tensors=3, digest="0123456789abcdef0123456789abcdef", held=False, moved="l1.conv.weight"),
    "checkpoint": line("checkpoint", file="checkpoints/last.safetensors", best=False),
    "warning": line("warning", text="a \"word\" \u00e9"),
    "pause": line("pause", paused=True),
    "epochs": line("epochs", **{"from": 6, "to": 8}),
    "note": line("note", text="t" * 300, by="anna"),
    "command": line("command", command='{"id":1,"command":"stop","when":"time","value":1e10}', by="anna", done=False, sentence="no", number=0, batch=1),
    "fork": line("fork", **{"from": "checkpoints/last.safetensors"}),
    "done": line("done", how="early", best="nan", best_epoch=1, val_loss=0.25, seconds=9, text=""),
}


def event():
    return {
        **EVENTS,
        "unknown": line("teleport", to=[1, {}]),
        "version_1": line("run", version=1, classes=4),
        "version_1_step": line("step", loss=1, correct=3, images=4),
        "version_1_done": line("done", how="finished", best_accuracy=-1),
        "another_kind": line("step", loss=[1]),
        "negative": line("phase", phase="training", done=-1),
        "many_metrics": line("step", metrics={"m%d" % i: i for i in range(40)}),
        "long_name": line("step", metrics={"\u00e9" * 60: 1}),
        "far_time": b'{"kind":"command","time":1,"command":"{\\"command\\":\\"stop\\",\\"when\\":\\"time\\",\\"value\\":1e300}","done":false}',
        "half": EVENTS["layers"][:200],
        "empty": b"",
    }


def story():
    everything = list(EVENTS.values())
    steps = [line("step", step=i, epoch=1 + i // 4, loss=1 / i, lr=0.1, images=4, metrics={"accuracy": 0.1 * i}) for i in range(1, 10)]
    lines = {
        "everything": everything,
        "again": everything + everything,
        "backwards": everything[::-1],
        "steps": [EVENTS["run"]] + steps,
        "back_in_steps": [EVENTS["run"]] + steps + steps[2:4],
        "no_run": steps + [EVENTS["eval"], EVENTS["thaw"]],
        "layers_grow": [EVENTS["layers"], EVENTS["updates"], line("layers", layers=[LAYER] * 5, fixed="fffff"), EVENTS["thaw"], line("updates", ratios="1 2 3 4 5 6")],
        "layers_none": [line("layers", layers=[], fixed=""), EVENTS["updates"], EVENTS["thaw"]],
        "notes": [line("note", text=str(i), step=i) for i in range(9)],
        "far_numbers": [EVENTS["run"], line("step", step="18446744073709551615", epoch=2147483647, loss=1e308, images=2147483647, lr=1e308)] * 2,
        "far_stop": [event()["far_time"]],
        "garbage": [b"", b"nonsense", b"[]", EVENTS["step"], b"\xff"],
    }
    return {**{name: b"\n".join(of) + b"\n" for name, of in lines.items()}, "no_end": EVENTS["run"] + b"\n" + EVENTS["step"]}


def rundir():
    def of(*files):
        return b"".join(b"@f " + name.encode() + b"\n" + data for name, data in files)
    def events(*lines):
        return b"\n".join(lines) + b"\n"
    everything, steps = events(*EVENTS.values()), [line("step", step=i, epoch=1, loss=1 / i, images=4) for i in range(1, 6)]
    labels = json.dumps({"tags": ["a", "b"], "note": "\u00e9", "colour": 7}).encode()
    settings = b"[model]\nname = resnet20\n[train]\nepochs = 3\nlr = 0.1\n[thaw]\nepoch 2 = layer3 @ lr*0.1\n"
    predictions = json.dumps({"epoch": 1, "classes": ["a", "b"], "images": [{"label": 0, "predicted": 1}, {"label": 1, "predicted": 1}]}).encode()
    whole = of(("events.jsonl", everything), ("labels.json", labels), ("experiment.ini", settings), ("lock", b"12\n"), ("predictions.json", predictions))
    return {
        "whole": whole,
        "events": everything,
        "steps_last": events(EVENTS["run"], *steps),
        "torn": events(EVENTS["run"], *steps) + EVENTS["step"][:40],
        "garbage": events(EVENTS["run"], b"garbage", *steps, b"", b"\xff", EVENTS["done"]),
        "nul": events(EVENTS["run"], steps[0].replace(b"loss", b"lo\0s"), *steps, EVENTS["done"]),
        "zeros": b"\0" * 300,
        "headless": events(*steps, EVENTS["epoch"], EVENTS["done"]),
        "newer": events(line("run", **{**RUN, "version": 3}), *steps, EVENTS["done"]),
        "newer_later": events(EVENTS["run"], steps[0], line("run", **{**RUN, "version": 2147483647}), EVENTS["done"]),
        "far_numbers": events(line("run", **{**RUN, "epochs": 2147483647, "seed": 0}), line("epoch", epoch=2147483647, loss=1e308), EVENTS["eval"]),
        "far_times": events(EVENTS["run"], b'{"kind":"done","time":1e300,"how":"finished"}', b'{"kind":"note","time":"nan","text":"x"}'),
        "empty": b"@f events.jsonl\n",
        "nothing": b"@f labels.json\n" + labels,
        "link": b"@l events.jsonl\n@f labels.json\n" + labels,
        "links": b"@f events.jsonl\n" + everything + b"@l labels.json\n@l lock\n@l checkpoints\n@l parent\n@l predictions.json\n",
        "pipe": b"@p events.jsonl\n",
        "pipes": b"@f events.jsonl\n" + everything + b"@p labels.json\n@p lock\n@p experiment.ini\n@p predictions.json\n",
        "labels_wrong": of(("events.jsonl", everything), ("labels.json", b'{"tags":["a,b",3],"note":{}}')),
        "settings_wrong": of(("events.jsonl", everything), ("experiment.ini", b"[train]\nepochs = 1e99\n[nothing]\nx = \xff\n")),
        "predictions_wrong": of(("events.jsonl", everything), ("predictions.json", predictions.replace(b'"label": 0', b'"label": -7'))),
        "lock_wrong": of(("events.jsonl", everything), ("lock", b"99999999999999999999999")),
    }


def command():
    words = ["lr 0.002", "lr *1.25", "pause", "step 3", "stop", "stop epoch", "stop 18:30", "stop +30", "stop +1e308", "stop +5:30", "freeze l1 l2",
             "thaw layer4 layer3 @ lr*0.1", "thaw x @ lr * 1e-320", "undo", "epochs 1000000", "note a word", "lr nan", "trian", "  save ", "thaw @"]
    lines = {
        "line_lr": {"id": 7, "command": "lr", "value": 0.002, "by": "anna"},
        "line_factor": {"id": -1, "command": "lr", "rate": 1.5},
        "line_stop": {"command": "stop", "when": "time", "value": 1e300},
        "line_plan": {"command": "plan", "text": "0f1"},
        "line_watch": {"command": "watch", "value": 12, "text": "1.5", "rate": 900},
        "line_by": {"command": "note", "text": "\u00e9", "by": "b" * 100},
        "line_wrong": {"command": "note", "text": 3},
        "line_when": {"command": "stop", "when": "never"},
        "answer": {"answer": 7, "done": False, "sentence": "no " * 200},
        "answer_wrong": {"answer": "x"},
    }
    return {**{"words_%02d" % i: text.encode() for i, text in enumerate(words)}, **{name: json.dumps(of).encode() for name, of in lines.items()}}


def viewer():
    def said(*objects):
        return b"".join(of if isinstance(of, bytes) else json.dumps(of).encode() + b"\n" for of in objects)
    every = ("lr", "pause", "continue", "step", "stop", "interrupt", "save", "freeze", "thaw", "plan", "undo", "epochs", "note")
    return {
        "watch": said({"id": 1, "command": "watch"}),
        "watch_thin": said({"id": 1, "command": "watch", "rate": 900}),
        "watch_twice": said({"command": "watch", "value": 3}, {"id": 2, "command": "watch"}),
        "watch_on": said({"command": "watch", "value": 5, "text": "5.25"}),
        "watch_another": said({"command": "watch", "value": 5, "text": "5.5"}),
        "watch_far": said({"command": "watch", "value": 1e14, "rate": 1}),
        "watch_odd": said({"command": "watch", "value": -1e300, "rate": -1, "text": "nan"}),
        "every_command": said(*({"id": i, "command": name, "value": 1, "text": "x"} for i, name in enumerate(every))),
        "garbage": said(b"nonsense\n", b"\n", b"[]\n", b"\xff\n", {"command": "dance"}, {"id": "x"}),
        "nested": b"[" * 3000 + b"\n",
        "half": said({"command": "save"}) + b'{"command":"wat',
        "both": said({"command": "watch"}, {"id": 2, "command": "note", "text": "../../x"}),
    }


def link():
    hello = b'{"thaw":1,"program":"thaw","run":"/r","writes":true,"alive":true}'
    told = list(EVENTS.values())
    lines = {
        "all": [hello] + told + [b'{"bye":"ended"}'],
        "skips": [hello, told[0], b'{"skip":3}', told[2], b'{"skip":9}', told[4], b'{"bye":"ended"}'],
        "skip_far": [hello] + [b'{"skip":9223372036854775807}', told[2]] * 4,
        "skip_odd": [b'{"skip":-1}', b'{"skip":"x"}', told[2], b'{"skip":2}'],
        "reset": [hello] + told[:3] + [b'{"reset":true}'] + told[:2],
        "answers": [hello, b'{"answer":1,"done":true}', b'{"answer":2,"done":false,"sentence":"no"}', b'{"answer":"x"}'],
        "no_hello": told[:3] + [b'{"bye":"no run is called that"}'],
        "bye_odd": [b'{"bye":7}', b'{"bye":""}'],
        "hello_odd": [b'{"thaw":{},"run":7,"writes":"yes"}', b'{"thaw":1,"run":"r"}', hello],
        "garbage": [b"nonsense", b"[]", b"{}", b"", b"\xff\xff", b'{"kind":7}', b'{"kind":"step","loss":[]}'],
    }
    return {**{name: b"\n".join(of) + b"\n" for name, of in lines.items()}, "half": hello + b"\n" + told[0][:100], "empty": b""}


def pipe():
    return link()


def torch_layers():
    def layer(name, kind, **more):
        return {"name": name, "class": kind, "bias": True, **more}

    def made(*layers):
        return json.dumps(layers, separators=(",", ":")).encode()

    conv = layer("0", "Conv2d", in_channels=1, out_channels=2, kernel_size=[3, 3], stride=[1, 1], padding=[0, 0], padding_mode="zeros")
    flatten, linear = layer("f", "Flatten"), layer("1", "Linear", in_features=8, out_features=3)
    relu, far = layer("r", "ReLU"), 1 << 20
    plain = ("ReLU6", "LeakyReLU", "Sigmoid", "SiLU", "Hardswish", "GELU", "Tanh", "Identity", "Dropout")
    return {
        "fixed": made(conv, relu, layer("p", "MaxPool2d", kernel_size=13, stride=13, padding=0, dilation=1), flatten, linear),
        "open": made(conv, layer("b", "BatchNorm2d", num_features=2, eps=1e-5, momentum=None), layer("p", "AdaptiveAvgPool2d", output_size=2), flatten, linear),
        "activations": made(conv, *(layer(name, name) for name in plain), layer("p", "AdaptiveMaxPool2d", output_size=[2, 2]), flatten, linear, layer("s", "Softmax", dim=1)),
        "one_output": made(conv, layer("p", "AdaptiveAvgPool2d", output_size=1), flatten, layer("1", "Linear", in_features=2, out_features=1), layer("s", "Sigmoid")),
        "pixels": made(flatten, layer("1", "Linear", in_features=64, out_features=3)),
        "no_side": made(conv, flatten, linear),
        "unknown": made(conv, layer("u", "Sorcery"), layer("v", "models.Net")),
        "features": made(conv, relu),
        "same": made(layer("0", "Conv2d", in_channels=3, out_channels=2, kernel_size=[4, 1], stride=[2, 2], padding="same", dilation=[3, 3], groups=1)),
        "large": made(dict(conv, out_channels=far, kernel_size=[4096, 4096], padding=[4096, 4096]), flatten, layer("1", "Linear", in_features=far, out_features=far)),
        "odd": made(dict(conv, stride=[0, 1]), dict(linear, in_features=-1), {"name": 7, "class": []}),
        "twice": made(conv, conv, relu, relu),
        "block": made(dict(conv, out_channels=2), layer("b", "torchvision.models.resnet.BasicBlock", stride=1, parts=[
            dict(conv, name="b.conv1", in_channels=2, padding=[1, 1]), layer("b.bn1", "BatchNorm2d", num_features=2),
            dict(conv, name="b.conv2", in_channels=2, padding=[1, 1]), layer("b.bn2", "BatchNorm2d", num_features=2),
            dict(conv, name="b.downsample.0", in_channels=2, kernel_size=1)]), layer("p", "fastai.layers.AdaptiveConcatPool2d", size=1), flatten,
            layer("1", "Linear", in_features=4, out_features=3)),
        "inverted": made(conv, layer("b", "torchvision.models.mobilenetv2.InvertedResidual", use_res_connect=True, parts=[
            dict(conv, name="b.conv.0", in_channels=2, padding="same")]), layer("p", "AdaptiveAvgPool2d", output_size=1), flatten, linear),
        "garbage": b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        "empty": b"[]" + b" " * 30,
    }


def main():
    for target in (safetensors, safetensors_index, torch_layers, torch_legacy, torch_zip, torch_tar, unpickle, idx, table, npz, cifar, tar, pattern, keras_config, keras_list, graph_json, checkpoint, catalog, beside,
                   experiment, theme, onnx, darknet, event, story, rundir, command, viewer, link, pipe):
        folder = os.path.join(sys.argv[1], target.__name__)
        os.makedirs(folder, exist_ok=True)
        for name in os.listdir(folder):
            if not name.startswith(("found_", "real_")):
                os.unlink(os.path.join(folder, name))
        for name, data in target().items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)


main()
