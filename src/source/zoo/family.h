/* What the families of the zoo are made with. Private to src/source/zoo.
 *
 * A family is one file: a comment that names the paper, the table of its sizes, the builder, and the rows that the
 * catalogue of architectures (zoo.c) lists. Each builder appends its layers to a graph that has its input; options come
 * resolved: no field is zero. Faults are sticky, see graph.h. */
#ifndef THAW_SRC_SOURCE_ZOO_FAMILY_H
#define THAW_SRC_SOURCE_ZOO_FAMILY_H

#include "thaw/base/macros.h"
#include "thaw/source/zoo.h"

struct zoo_family {
    const struct zoo_arch *arch; /* in size order */
    size_t archs;
    /* Where the family takes any width: the row of a name that is not in the table ("mobilenet_v1_0.4"), completed in
     * *room, or NULL where the name is not of this family. May be NULL. */
    const struct zoo_arch *(*find)(const char *name, struct zoo_arch *room);
};
extern const struct zoo_family zoo_resnet, zoo_cifar_resnet, zoo_vgg, zoo_mobilenet_v1;
extern const struct zoo_family zoo_alexnet, zoo_squeezenet, zoo_googlenet, zoo_inception, zoo_densenet, zoo_mnist,
    zoo_tutorials, zoo_xception, zoo_searched, zoo_dla, zoo_hgnet, zoo_res2net, zoo_selecsls;
extern const struct zoo_family zoo_mobilenet_v2, zoo_mnasnet;
extern const struct zoo_family zoo_mobilenet_v3, zoo_shufflenet_v2, zoo_efficientnet, zoo_regnet, zoo_convnext, zoo_vit,
    zoo_swin;
extern const struct zoo_family zoo_keras_vgg, zoo_keras_resnet, zoo_keras_densenet, zoo_keras_xception,
    zoo_keras_mobilenet, zoo_keras_mobilenet_v2, zoo_keras_mobilenet_v3, zoo_keras_inception_v3, zoo_keras_efficientnet,
    zoo_keras_nasnet, zoo_keras_tutorials;

/* clang-format off */
#define ZOO_IMAGENET_STATISTICS {0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}
#define ZOO_HALVES {127.5f, 127.5f, 127.5f}, {127.5f, 127.5f, 127.5f} /* of raw pixels: x / 127.5 - 1 */
/* Classes, input, and the preprocessing of the usual weights, as fields of a row: */
#define ZOO_TORCHVISION(crop, resize) 1000, crop, crop, 3, {crop, crop, 3, resize, false, false, ZOO_IMAGENET_STATISTICS, INTERPOLATION_BILINEAR}
#define ZOO_HALVED(crop, resize) 1000, crop, crop, 3, {crop, crop, 3, resize, false, false, {0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}, INTERPOLATION_BILINEAR}
#define ZOO_BICUBIC(crop, resize) 1000, crop, crop, 3, {crop, crop, 3, resize, false, false, ZOO_IMAGENET_STATISTICS, INTERPOLATION_BICUBIC}
#define ZOO_BICUBIC_HALVES(crop, resize) 1000, crop, crop, 3, {crop, crop, 3, resize, false, false, {0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}, INTERPOLATION_BICUBIC}
#define ZOO_CLIP(crop, resize) 1000, crop, crop, 3, {crop, crop, 3, resize, false, false, {0.48145466f, 0.4578275f, 0.40821073f}, {0.26862954f, 0.26130258f, 0.27577711f}, INTERPOLATION_BICUBIC}
#define ZOO_LITE(crop, resize) 1000, crop, crop, 3, {crop, crop, 3, resize, true, false, {127, 127, 127}, {128, 128, 128}, INTERPOLATION_BICUBIC}
#define ZOO_TENSORFLOW(crop, resize) 1000, crop, crop, 3, {crop, crop, 3, resize, true, false, ZOO_HALVES, INTERPOLATION_BILINEAR}
#define ZOO_CIFAR 10, 32, 32, 3, {32, 32, 3, 0, false, false, ZOO_IMAGENET_STATISTICS, INTERPOLATION_BILINEAR}
/* With the means and deviations of CIFAR-10's own colours, as most give them. */
#define ZOO_CIFAR_OWN 10, 32, 32, 3, {32, 32, 3, 0, false, false, {0.4914f, 0.4822f, 0.4465f}, {0.2023f, 0.1994f, 0.2010f}, INTERPOLATION_BILINEAR}
/* clang-format on */
/* Why a file's tensors are left out of a graph that has no use for them. */
#define ZOO_AUXILIARY "auxiliary head, only for training the original"

/* --- layers.c: what many families' builders say --- */

/* A layer's name, printed into `name`; returns it. One letter more than a graph takes, so that a name that had to be
 * cut is refused and not taken for another. */
enum { ZOO_NAME = GRAPH_NAME_MAX + 1 };
const char *zoo_name(char name[ZOO_NAME], const char *format, ...) THAW_PRINTF(2, 3) THAW_NONNULL_ARGS(1, 2);

/* Square pooling: kind is OP_MAX_POOL or OP_AVG_POOL; padding, pixels on each side, which an average counts in, as
 * torch's does. */
int zoo_pool(struct graph *graph, const char *name, enum op_kind kind, int input, int kernel, int stride,
             int padding) THAW_NONNULL;
/* The same with the size rounded up: a last window may hang over the edge. */
int zoo_pool_ceil(struct graph *graph, const char *name, enum op_kind kind, int input, int kernel, int stride,
                  int padding) THAW_NONNULL;
/* What torchvision's Inception networks are made of: NAME.conv without bias, NAME.bn (eps 1e-3), NAME.relu. padded: to
 * keep the size at stride 1, else not at all. */
int zoo_basic_conv(struct graph *graph, const char *name, int input, int channels, int kernel_h, int kernel_w,
                   int stride, bool padded) THAW_NONNULL;
int zoo_dropout(struct graph *graph, const char *name, int input, float rate) THAW_NONNULL;
/* Values in c,h,w order, as torch's flatten has them. */
int zoo_flatten_chw(struct graph *graph, const char *name, int input) THAW_NONNULL;
/* torch's adaptive average pooling to cells x cells, as a plain window: a side that is a multiple of `cells` is cut into
 * equal parts, a side of 1 is repeated. Other sides would need windows of changing size and are refused. Returns
 * `input` where nothing is to be done. */
int zoo_adaptive_pool(struct graph *graph, const char *name, int input, int cells) THAW_NONNULL;
/* A scaled width as most mobile networks round it: to the nearest multiple of `divisor`, at least that, and one multiple
 * up where rounding would take away more than a tenth. */
int zoo_divisible(double channels, int divisor);
/* A convolution without bias, padded to keep the size at stride 1, its batch norm, and an activation (OP_INPUT: none),
 * called NAME.0, NAME.1 and NAME.2 as torchvision has them. groups 0: one. */
struct zoo_conv {
    int channels, kernel, stride, groups;
    enum op_kind activation;
};
struct zoo_norm {
    float eps, momentum; /* of the batch norm */
};
int zoo_conv_norm(struct graph *graph, const char *name, int input, struct zoo_conv conv,
                  struct zoo_norm norm) THAW_NONNULL;
/* The same, padded as TensorFlow's SAME. */
int zoo_conv_norm_same(struct graph *graph, const char *name, int input, struct zoo_conv conv,
                       struct zoo_norm norm) THAW_NONNULL;
/* Channels begin <= c < end. */
int zoo_slice(struct graph *graph, const char *name, int input, int begin, int end) THAW_NONNULL;
/* Res2Net's middle (Gao et al. 2019): `scale` slices of `width` channels, each but the last through a 3x3 convolution
 * (PREFIXconvs.N), a norm (PREFIXbns.N) and relu, and from the second on with the one before added; joined again. first: in
 * the first block of a stage nothing is added, and the last slice is averaged. */
struct zoo_split {
    int width, scale, groups, stride;
    bool first;
};
int zoo_split_convs(struct graph *graph, const char *prefix, int input, const struct zoo_split *split) THAW_NONNULL;
/* Squeeze and excitation (Hu et al. 2017): each channel times a gate in 0..1 that two 1x1 convolutions (NAME.fc1 to
 * `squeezed` channels, NAME.fc2 back) find from the channels' means. gate: OP_SIGMOID or OP_HARD_SIGMOID, which is
 * relu6(x + 3) / 6. */
int zoo_squeeze_excite(struct graph *graph, const char *name, int input, int squeezed, enum op_kind activation,
                       enum op_kind gate) THAW_NONNULL;
/* TensorFlow's SAME padding of one side: the output is ceil(input / stride), what is missing is split with the odd pixel
 * behind. */
void zoo_pad_same(int input, int kernel, int stride, int *before, int *after) THAW_NONNULL;
/* A convolution padded so. */
int zoo_conv_same(struct graph *graph, const char *name, int input, int channels, int kernel, int stride, int groups,
                  bool bias) THAW_NONNULL;

#endif
