/* Layer lists for the scripted session: residual, plain and depthwise networks with stages, in the form in which
 * session_layers gives them. Figures come from the layers' own arithmetic. Called by fake_session.c. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "fake_session.h"

struct maker {
    struct session_layer *row;
    unsigned *present;
    size_t count;
    int stage; /* index of the stage being made */
    size_t stage_row;
    int side, channels;
    bool head;
};

static void begin_stage(struct maker *maker, const char *name, bool head)
{
    struct session_layer *row = &maker->row[maker->count];
    memset(row, 0, sizeof *row);
    snprintf(row->name, sizeof row->name, "%s", name);
    row->is_stage = true;
    row->in_head = maker->head = head;
    row->stage = ++maker->stage;
    maker->stage_row = maker->count;
    maker->present[maker->count++] = 0;
}

static void end_stage(struct maker *maker)
{
    struct session_layer *stage = &maker->row[maker->stage_row];
    size_t layers = maker->count - maker->stage_row - 1;
    for (size_t i = maker->stage_row + 1; i < maker->count; i++) {
        stage->params += maker->row[i].params;
        stage->macs += maker->row[i].macs;
        stage->activation_bytes += maker->row[i].activation_bytes;
        maker->present[maker->stage_row] |= maker->present[i];
    }
    snprintf(stage->kind, sizeof stage->kind, "%zu layer%s", layers, layers == 1 ? "" : "s");
    snprintf(stage->shape, sizeof stage->shape, "%s", maker->row[maker->count - 1].shape);
}

static struct session_layer *add(struct maker *maker, const char *name, const char *kind, unsigned present)
{
    struct session_layer *row = &maker->row[maker->count];
    memset(row, 0, sizeof *row);
    snprintf(row->name, sizeof row->name, "%s", name);
    snprintf(row->kind, sizeof row->kind, "%s", kind);
    if (maker->side > 0)
        snprintf(row->shape, sizeof row->shape, "%dx%dx%d", maker->side, maker->side, maker->channels);
    else
        snprintf(row->shape, sizeof row->shape, "%d", maker->channels);
    row->in_head = maker->head;
    row->stage = maker->stage;
    row->activation_bytes = 4.0 * maker->channels * (maker->side > 0 ? maker->side * maker->side : 1);
    maker->present[maker->count++] = present;
    return row;
}

static void add_conv(struct maker *maker, const char *name, int size, int stride, int out, bool depthwise)
{
    char kind[24];
    snprintf(kind, sizeof kind, "%s %dx%d%s", depthwise ? "depthwise" : "conv", size, size, stride > 1 ? " /2" : "");
    double in = depthwise ? 1 : maker->channels;
    maker->side /= stride;
    maker->channels = out;
    struct session_layer *row = add(maker, name, kind, SESSION_WEIGHTS);
    row->params = in * out * size * size;
    row->macs = row->params * maker->side * maker->side;
}

static void add_norm(struct maker *maker, const char *name)
{
    add(maker, name, "batch norm", SESSION_AFFINE | SESSION_STATISTICS)->params = 2.0 * maker->channels;
}

static void add_linear(struct maker *maker, const char *name, int out)
{
    double in = maker->channels;
    maker->channels = out;
    maker->side = 0;
    struct session_layer *row = add(maker, name, "linear", SESSION_WEIGHTS);
    row->params = in * out + out;
    row->macs = in * out;
}

static void make_resnet(struct maker *maker, const int blocks[], int stages, int width, bool small, int classes)
{
    char name[64];
    begin_stage(maker, "stem", false);
    add_conv(maker, "conv1", small ? 3 : 7, small ? 1 : 2, width, false);
    add_norm(maker, "bn1");
    add(maker, "relu", "relu", 0);
    end_stage(maker);
    if (!small)
        maker->side /= 2;
    for (int s = 0; s < stages; s++) {
        snprintf(name, sizeof name, "layer%d", s + 1);
        begin_stage(maker, name, false);
        for (int b = 0; b < blocks[s]; b++) {
            for (int c = 1; c <= 2; c++) {
                snprintf(name, sizeof name, "layer%d.%d.conv%d", s + 1, b, c);
                add_conv(maker, name, 3, c == 1 && b == 0 && s > 0 ? 2 : 1, width << s, false);
                snprintf(name, sizeof name, "layer%d.%d.bn%d", s + 1, b, c);
                add_norm(maker, name);
            }
            snprintf(name, sizeof name, "layer%d.%d.add", s + 1, b);
            add(maker, name, "add, relu", 0);
        }
        end_stage(maker);
    }
    begin_stage(maker, "head", true);
    maker->side = 0;
    add(maker, "avgpool", "global average", 0);
    add(maker, "dropout", "dropout 0.2", SESSION_DROPOUT);
    add_linear(maker, "fc", classes);
    end_stage(maker);
}

static void make_plain(struct maker *maker, int classes)
{
    static const int width[] = {64, 128, 256, 512, 512};
    char name[64];
    int index = 0;
    for (int s = 0; s < 5; s++) {
        snprintf(name, sizeof name, "block%d", s + 1);
        begin_stage(maker, name, false);
        for (int c = 0; c < (s < 2 ? 2 : 3); c++) {
            snprintf(name, sizeof name, "features.%d", index++);
            add_conv(maker, name, 3, 1, width[s], false);
            snprintf(name, sizeof name, "features.%d", index++);
            add_norm(maker, name);
            snprintf(name, sizeof name, "features.%d", index++);
            add(maker, name, "relu", 0);
        }
        maker->side /= 2;
        snprintf(name, sizeof name, "features.%d", index++);
        add(maker, name, "max pool 2x2 /2", 0);
        end_stage(maker);
    }
    begin_stage(maker, "classifier", true);
    add(maker, "classifier.2", "dropout 0.5", SESSION_DROPOUT);
    add_linear(maker, "classifier.6", classes);
    end_stage(maker);
}

static void make_depthwise(struct maker *maker, int classes)
{
    static const int width[] = {16, 32, 32, 64, 64, 128, 128, 128, 128, 128, 128, 256, 256};
    static const int stride[] = {1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1};
    char name[64];
    begin_stage(maker, "stem", false);
    add_conv(maker, "conv1", 3, 2, 8, false);
    add_norm(maker, "conv1_bn");
    end_stage(maker);
    for (int b = 0; b < 13; b++) {
        snprintf(name, sizeof name, "block%d", b + 1);
        begin_stage(maker, name, false);
        snprintf(name, sizeof name, "conv_dw_%d", b + 1);
        add_conv(maker, name, 3, stride[b], maker->channels, true);
        snprintf(name, sizeof name, "conv_dw_%d_bn", b + 1);
        add_norm(maker, name);
        snprintf(name, sizeof name, "conv_pw_%d", b + 1);
        add_conv(maker, name, 1, 1, width[b], false);
        snprintf(name, sizeof name, "conv_pw_%d_bn", b + 1);
        add_norm(maker, name);
        end_stage(maker);
    }
    begin_stage(maker, "head", true);
    maker->side = 0;
    add(maker, "dropout", "dropout 0.001", SESSION_DROPOUT);
    add_linear(maker, "conv_preds", classes);
    end_stage(maker);
}

size_t fake_layers_make(const char *arch, int classes, struct session_layer *row, unsigned *present)
{
    static const int three[] = {3, 3, 3}, two[] = {2, 2, 2, 2}, fifty[] = {3, 4, 6, 3};
    struct maker maker = {.row = row, .present = present, .stage = -1, .channels = 3};
    maker.side = strcmp(arch, "resnet20") == 0 ? 32 : 224;
    if (strcmp(arch, "resnet20") == 0)
        make_resnet(&maker, three, 3, 16, true, classes);
    else if (strncmp(arch, "resnet", 6) == 0)
        make_resnet(&maker, strcmp(arch, "resnet18") == 0 ? two : fifty, 4, 64, false, classes);
    else if (strncmp(arch, "mobilenet", 9) == 0)
        make_depthwise(&maker, classes);
    else
        make_plain(&maker, classes);
    return maker.count;
}
