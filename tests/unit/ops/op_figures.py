#!/usr/bin/python3
"""Writes op_figures.h: what PyTorch computes for pooling, norms, convolution, activations, products, shuffles and
cross-entropy on small inputs.

Needs torch; run by hand when a figure is added:  /usr/bin/python3 tests/unit/ops/op_figures.py > tests/unit/ops/op_figures.h
Inputs are value(i, seed), which the test computes too; tensors are printed in NHWC order.
"""
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def value(i, seed):
    return ((i * 7919 + seed * 104729) % 2003) / 1001.0 - 1.0


def tensor(seed, *shape):
    """NHWC values of (n, h, w, c), returned as NCHW."""
    count = 1
    for d in shape:
        count *= d
    flat = torch.tensor([value(i, seed) for i in range(count)])
    return flat.reshape(shape).permute(0, 3, 1, 2).contiguous() if len(shape) == 4 else flat.reshape(shape)


def show(name, t):
    if t.dim() == 4:
        t = t.permute(0, 2, 3, 1)
    body = ", ".join("%.9g" % v for v in t.reshape(-1).tolist())
    print("static const double %s[] = {%s};" % (name, body))


def pools():
    """name, input (n,h,w,c), kernel, stride, padding, ceil, count_include_pad"""
    cases = [(1, 7, 6, 2, 3, 2, 0, True, False), (1, 7, 6, 2, 3, 2, 1, True, True), (1, 6, 6, 1, 2, 3, 1, True, True),
             (2, 5, 8, 1, 3, 2, 1, False, False), (1, 10, 10, 1, 3, 3, 1, True, True), (1, 5, 5, 1, 2, 2, 0, True, True)]
    rows = []
    for i, (n, h, w, c, k, s, p, ceil, count) in enumerate(cases):
        x = tensor(i, n, h, w, c)
        largest = F.max_pool2d(x, k, s, p, ceil_mode=ceil)
        average = F.avg_pool2d(x, k, s, p, ceil_mode=ceil, count_include_pad=count)
        assert largest.shape == average.shape
        show("pool_max_%d" % i, largest)
        show("pool_avg_%d" % i, average)
        rows.append("{{%d, %d, %d, %d}, %d, %d, %d, %s, %s, %d, %d, pool_max_%d, pool_avg_%d}" %
                    (n, h, w, c, k, s, p, str(ceil).lower(), str(count).lower(), largest.shape[2], largest.shape[3], i, i))
    print("static const struct pool_figures pool_figures[] = {\n    %s};" % ",\n    ".join(rows))


def norm():
    """Two steps of batch statistics, then one with fixed ones."""
    m = torch.nn.BatchNorm2d(3, eps=1e-3, momentum=0.2)
    with torch.no_grad():
        m.weight.copy_(tensor(50, 3) + 1.5)
        m.bias.copy_(tensor(51, 3))
        m.running_mean.copy_(tensor(52, 3))
        m.running_var.copy_(tensor(53, 3) + 2)
    for step in range(3):
        m.train(step < 2)
        m.zero_grad()
        x = tensor(60 + step, 2, 3, 2, 3).requires_grad_()
        y = m(x)
        y.backward(tensor(70 + step, 2, 3, 2, 3))
        show("norm_out_%d" % step, y.detach())
        show("norm_in_grad_%d" % step, x.grad)
        show("norm_weight_grad_%d" % step, m.weight.grad)
        show("norm_bias_grad_%d" % step, m.bias.grad)
        show("norm_mean_%d" % step, m.running_mean)
        show("norm_var_%d" % step, m.running_var)


def conv():
    """name, input, out channels, kernel (h,w), stride, padding (top,left,bottom,right), dilation, groups"""
    cases = [(2, 6, 5, 3, 4, 3, 2, 2, (0, 1, 1, 1), 1, 1), (1, 7, 7, 4, 6, 3, 3, 1, (2, 2, 2, 2), 2, 2),
             (1, 5, 5, 3, 3, 3, 3, 1, (1, 1, 1, 1), 1, 3), (1, 4, 3, 8, 8, 3, 3, 2, (1, 1, 1, 1), 1, 4),
             (1, 4, 3, 2, 4, 3, 3, 1, (1, 1, 1, 1), 1, 2), (1, 2, 7, 2, 2, 1, 7, 1, (0, 3, 0, 3), 1, 1),
             (1, 7, 2, 2, 2, 7, 1, 1, (3, 0, 3, 0), 1, 1), (1, 6, 5, 2, 2, 3, 3, 1, (2, 2, 2, 2), 2, 2)]
    rows = []
    for i, (n, h, w, c, out, kh, kw, s, (t, l, b, r), d, g) in enumerate(cases):
        x = tensor(80 + i, n, h, w, c).requires_grad_()
        native = torch.tensor([value(k, 90 + i) for k in range(kh * kw * (c // g) * out)]).reshape(kh, kw, c // g, out)
        weight = native.permute(3, 2, 0, 1).contiguous().requires_grad_()
        bias = tensor(100 + i, out).requires_grad_()
        y = F.conv2d(F.pad(x, (l, r, t, b)), weight, bias, s, 0, d, g)
        y.backward(tensor(110 + i, n, y.shape[2], y.shape[3], out))
        show("conv_out_%d" % i, y.detach())
        show("conv_in_grad_%d" % i, x.grad)
        show("conv_weight_grad_%d" % i, weight.grad.permute(2, 3, 1, 0).reshape(-1))
        show("conv_bias_grad_%d" % i, bias.grad)
        rows.append("{{%d, %d, %d, %d}, %d, %d, %d, %d, {%d, %d, %d, %d}, %d, %d, conv_out_%d, conv_in_grad_%d, "
                    "conv_weight_grad_%d, conv_bias_grad_%d}" % (n, h, w, c, out, kh, kw, s, t, l, b, r, d, g, i, i, i, i))
    print("static const struct conv_figures conv_figures[] = {\n    %s};" % ",\n    ".join(rows))


def same_average():
    """TensorFlow's SAME where the padding is uneven, 3x3 over 6x6, stride 2: the divisor counts real pixels only."""
    x = tensor(130, 1, 6, 6, 2)
    sides = (0, 1, 0, 1)
    y = F.avg_pool2d(F.pad(x, sides), 3, 2) / F.avg_pool2d(F.pad(torch.ones_like(x), sides), 3, 2)
    show("same_average", y)


def activations():
    functions = [("OP_SIGMOID", torch.sigmoid), ("OP_HARD_SIGMOID", F.hardsigmoid), ("OP_SILU", F.silu),
                 ("OP_HARD_SWISH", F.hardswish), ("OP_LEAKY_RELU", lambda x: F.leaky_relu(x, 0.1)), ("OP_GELU", F.gelu),
                 ("OP_TANH", torch.tanh), ("OP_CLIP", lambda x: F.hardtanh(x, -1.5, 2.5))]
    rows = []
    for i, (kind, function) in enumerate(functions):
        x = (tensor(140 + i, 24) * 4).requires_grad_()
        y = function(x)
        y.backward(tensor(150 + i, 24))
        show("act_out_%d" % i, y.detach())
        show("act_grad_%d" % i, x.grad)
        rows.append("{%s, act_out_%d, act_grad_%d}" % (kind, i, i))
    print("static const struct act_figures act_figures[] = {\n    %s};" % ",\n    ".join(rows))


def layer_norm():
    x = tensor(160, 2, 2, 3, 5).requires_grad_()
    weight, bias = (tensor(161, 5) + 1.5).requires_grad_(), tensor(162, 5).requires_grad_()
    y = F.layer_norm(x.permute(0, 2, 3, 1), (5,), weight, bias, 1e-6).permute(0, 3, 1, 2)
    y.backward(tensor(163, 2, 2, 3, 5))
    show("layer_norm_out", y.detach())
    show("layer_norm_in_grad", x.grad)
    show("layer_norm_weight_grad", weight.grad)
    show("layer_norm_bias_grad", bias.grad)


def product():
    x, s = tensor(170, 2, 3, 2, 4).requires_grad_(), tensor(171, 2, 1, 1, 4).requires_grad_()
    y = x * s
    y.backward(tensor(172, 2, 3, 2, 4))
    show("mul_out", y.detach())
    show("mul_in_grad", x.grad)
    show("mul_factor_grad", s.grad)


def shuffle():
    show("shuffle_out", F.channel_shuffle(tensor(180, 1, 2, 2, 12), 3))


def loss():
    """4 images, 7 classes; smoothing and class weights, alone and together."""
    labels = [3, 0, 6, 3]
    weights = [0.5, 1.0, 2.0, 0.25, 1.0, 3.0, 1.5]
    print("static const int loss_labels[] = {%s};" % ", ".join(map(str, labels)))
    print("static const float loss_weights[] = {%s};" % ", ".join("%gf" % w if "." in "%g" % w else "%g.0f" % w for w in weights))
    rows = []
    for i, (smoothing, weighted) in enumerate([(0, False), (0.1, False), (0, True), (0.3, True)]):
        x = (tensor(120, 4, 7) * 4).requires_grad_()
        w = torch.tensor(weights) if weighted else None
        y = F.cross_entropy(x, torch.tensor(labels), w, label_smoothing=smoothing)
        each = F.cross_entropy(x, torch.tensor(labels), w, label_smoothing=smoothing, reduction="none")
        y.backward()
        show("loss_each_%d" % i, each.detach())
        show("loss_grad_%d" % i, x.grad)
        rows.append("{%gF, %s, %.12g, loss_each_%d, loss_grad_%d}" %
                    (smoothing, str(weighted).lower(), y.item(), i, i) if smoothing else
                    "{0, %s, %.12g, loss_each_%d, loss_grad_%d}" % (str(weighted).lower(), y.item(), i, i))
    print("static const struct loss_figures loss_figures[] = {\n    %s};" % ",\n    ".join(rows))


print("/* Figures of PyTorch %s, made by op_figures.py; do not edit. */" % torch.__version__)
print("""#ifndef THAW_TESTS_OP_FIGURES_H
#define THAW_TESTS_OP_FIGURES_H

#include "thaw/ops/op.h"

struct pool_figures {
    struct shape4 in;
    int kernel, stride, padding;
    bool ceil_mode, count_padding;
    int out_h, out_w;
    const double *max, *avg;
};
struct conv_figures {
    struct shape4 in;
    int out, kernel_h, kernel_w, stride, pad[4], dilation, groups;
    const double *values, *in_grad, *weight_grad, *bias_grad;
};
struct act_figures {
    enum op_kind kind; /* leaky relu 0.1, clip -1.5..2.5, hard sigmoid x / 6 + 0.5 */
    const double *values, *in_grad;
};
struct loss_figures {
    float smoothing;
    bool weighted;
    double mean;
    const double *each, *gradient;
};
""")
pools()
norm()
conv()
same_average()
activations()
layer_norm()
product()
shuffle()
loss()
print("\n#endif")
