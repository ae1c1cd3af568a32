/* What a Darknet .cfg file says about a classification network (https://pjreddie.com/darknet): its layers in order, each
 * with the map that it leaves. */
#ifndef THAW_WEIGHTS_DARKNET_H
#define THAW_WEIGHTS_DARKNET_H

#include "thaw/weights/weights.h"

enum darknet_kind {
    DARKNET_CONVOLUTIONAL,
    DARKNET_CONNECTED,
    DARKNET_MAXPOOL,
    DARKNET_AVGPOOL, /* over the whole map */
    DARKNET_DROPOUT,
    DARKNET_SHORTCUT, /* the layer before plus the layer `from`, then the activation */
    DARKNET_ROUTE,    /* the layers `from` along channels */
    DARKNET_SOFTMAX,
    DARKNET_COST, /* for training only, as the softmax is here */
    DARKNET_KINDS
};

enum darknet_activation {
    DARKNET_LINEAR,
    DARKNET_RELU,
    DARKNET_LEAKY, /* 0.1 * x below 0 */
    DARKNET_LOGISTIC,
    DARKNET_TANH,
    DARKNET_SWISH,
    DARKNET_ACTIVATIONS
};

enum { DARKNET_FROM_MAX = 16, DARKNET_NAME = 32 };

struct darknet_layer {
    enum darknet_kind kind;
    char name[DARKNET_NAME];     /* "conv0", "fc25": what its tensors' names begin with */
    int line;                    /* in the file, where its section begins */
    int height, width, channels; /* of the map it leaves */
    int filters;                 /* convolutional; connected: outputs */
    int size, stride, groups;
    int padding; /* convolutional: on each side; maxpool: on both sides together, the smaller half before */
    bool batch_normalize;
    enum darknet_activation activation;
    double probability;                /* dropout */
    int from[DARKNET_FROM_MAX], froms; /* layers, all before this one */
};

struct darknet_net {
    int height, width, channels; /* of the input */
    struct darknet_layer *layer;
    int layers;
};

/* The network that a Darknet file describes, or NULL: the file is of another format. Tensors are called "conv0.weight"
 * (torch's layouts), "conv0.bias"; of batch normalisation "conv0.bn.weight", "conv0.bn.running_mean" and so on. */
const struct darknet_net *weights_darknet(const struct weights *weights) THAW_NONNULL;

#endif
