/* The operators of ONNX that thaw knows, of opsets 7 to 20. Called by onnx.c. */
#include "config.h"

#include "onnx_convert.h"

#include <assert.h>
#include <string.h>

static const struct {
    const char *op;
    convert convert;
} table[] = {
    {"Add", convert_arithmetic},
    {"AveragePool", convert_pool},
    {"BatchNormalization", convert_batch_norm},
    {"Cast", convert_identity},
    {"Clip", convert_clip},
    {"Concat", convert_concat},
    {"Conv", convert_conv},
    {"Div", convert_arithmetic},
    {"Dropout", convert_dropout},
    {"Erf", convert_activation},
    {"Flatten", convert_flatten},
    {"Gather", convert_gather},
    {"Gelu", convert_activation},
    {"Gemm", convert_gemm},
    {"GlobalAveragePool", convert_global_pool},
    {"GlobalMaxPool", convert_global_pool},
    {"HardSigmoid", convert_activation},
    {"HardSwish", convert_activation},
    {"Identity", convert_identity},
    {"LeakyRelu", convert_activation},
    {"LogSoftmax", convert_softmax},
    {"MatMul", convert_matmul},
    {"Max", convert_clip},
    {"MaxPool", convert_pool},
    {"Min", convert_clip},
    {"Mul", convert_arithmetic},
    {"Pad", convert_pad},
    {"ReduceMean", convert_reduce_mean},
    {"Relu", convert_activation},
    {"Reshape", convert_reshape},
    {"Shape", convert_shape},
    {"Sigmoid", convert_activation},
    {"Slice", convert_slice},
    {"Softmax", convert_softmax},
    {"Split", convert_split},
    {"Squeeze", convert_squeeze},
    {"Sub", convert_arithmetic},
    {"Sum", convert_sum},
    {"Tanh", convert_activation},
    {"Transpose", convert_transpose},
    {"Unsqueeze", convert_squeeze},
};

static bool convert_constant_only(struct net *net, const struct onnx_node *node)
{
    return net_refuse(net, node, "it is only known of constants, and here it reads the image");
}

convert net_find_convert(const struct onnx_node *node)
{
    if (node->domain[0] != '\0')
        return NULL;
    for (size_t i = 0; i < THAW_LENGTH(table); i++) {
        if (strcmp(table[i].op, node->op) == 0)
            return table[i].convert;
    }
    return fold_is_known(node) ? convert_constant_only : NULL;
}
