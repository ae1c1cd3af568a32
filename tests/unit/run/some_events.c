/* See the header. */
#include "config.h"

#include "some_events.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/run/command.h"

static const double began = 1.7e9;

void some_run(struct event *event)
{
    *event = (struct event){.kind = EVENT_RUN, .time = began, .epoch = 1};
    event->u.run.version = EVENT_VERSION;
    snprintf(event->u.run.program, sizeof event->u.run.program, "thaw 0");
    snprintf(event->u.run.task, sizeof event->u.run.task, "classify");
    snprintf(event->u.run.model, sizeof event->u.run.model, "resnet20");
    snprintf(event->u.run.data, sizeof event->u.run.data, "signs \"\xc3\xa9\"");
    event->u.run.layout = mem_string("class folders below train/ and val/");
    event->u.run.split = (struct hash){1, 2};
    event->u.run.classes = 4;
    event->u.run.batch = 8;
    event->u.run.train_images = 8 * SOME_STEPS;
    event->u.run.val_images = 40;
    event->u.run.epochs = SOME_EPOCHS;
    event->u.run.steps_per_epoch = SOME_STEPS;
    event->u.run.params_trainable = 100;
    event->u.run.params_frozen = 900;
    event->u.run.metrics =
        (struct metric_definitions){2, {{"accuracy", "share", true}, {"error \"quoted\"", "px", false}}};
    event->u.run.thaws = mem_string("2 layer2 @ lr*0.5\n3 layer1\n3 layer3");
}

void some_layers(struct event *event)
{
    *event = (struct event){.kind = EVENT_LAYERS, .time = began + 0.25, .epoch = 1};
    event->u.layers.count = SOME_LAYERS;
    event->u.layers.layer = mem_array(SOME_LAYERS, sizeof *event->u.layers.layer);
    event->u.layers.fixed = mem_string("ff0");
    for (int i = 0; i < SOME_LAYERS; i++) {
        struct event_layer *layer = &event->u.layers.layer[i];
        snprintf(layer->name, sizeof layer->name, "layer%d.0.conv1", i + 1);
        snprintf(layer->stage, sizeof layer->stage, "layer%d", i + 1);
        snprintf(layer->kind, sizeof layer->kind, "conv 3x3");
        snprintf(layer->shape, sizeof layer->shape, "8x8x16");
        layer->params = 333;
        layer->macs = 1e6 + i;
        layer->activation_bytes = 4096;
        layer->marks = 5;
    }
}

static double unit(struct rng *rng)
{
    return (double)rng_below(rng, 1000003) / 1000003;
}

static void set_figures(struct metrics *metrics, struct rng *rng)
{
    metrics_set(metrics, "accuracy", unit(rng));
    metrics_set(metrics, "error \"quoted\"", rng_below(rng, 9) ? 10 * unit(rng) : NAN);
}

static void fill_updates(struct event *event, struct rng *rng)
{
    event->u.updates.count = SOME_LAYERS;
    event->u.updates.ratio = mem_array(SOME_LAYERS, sizeof(float));
    for (int i = 0; i < SOME_LAYERS; i++) { /* three digits, as the trainer says them */
        char text[16];
        snprintf(text, sizeof text, "%u.%02ue-4", rng_below(rng, 10), rng_below(rng, 100));
        event->u.updates.ratio[i] = rng_below(rng, 3) ? strtof(text, NULL) : -1;
    }
}

static void fill_thaw(struct event *event, struct rng *rng)
{
    static const char *const layers[] = {"layer1", "layer2", "layer3", "layer9.*"};
    event->u.thaw.layers = mem_string(layers[rng_below(rng, 4)]);
    event->u.thaw.fixed = mem_format("%x%x%x", rng_below(rng, 16), rng_below(rng, 16), rng_below(rng, 16));
    event->u.thaw.frozen = rng_below(rng, 3) == 0;
    event->u.thaw.by_hand = rng_below(rng, 2) == 0;
    event->u.thaw.lr_factor = 0.5;
    event->u.thaw.params_trainable = rng_below(rng, 1000);
    event->u.thaw.params_frozen = rng_below(rng, 1000);
}

static void fill_command(struct event *event, struct rng *rng)
{
    struct run_command command = run_command_make(RUN_FREEZE, 0, "layer\xc3\xa9");
    event->u.command.command = run_command_to_json(&command);
    event->u.command.done = rng_below(rng, 2) == 0;
    snprintf(event->u.command.by, sizeof event->u.command.by, "anna");
    snprintf(event->u.command.sentence, sizeof event->u.command.sentence, "nothing\tmatches");
    run_command_finish(&command);
}

static void fill_learning(struct event *event, struct rng *rng)
{
    if (event->kind == EVENT_STEP) {
        event->u.step_.loss = rng_below(rng, 50) ? unit(rng) : NAN;
        event->u.step_.lr = 0.1 * unit(rng);
        event->u.step_.images_per_second = 1000 * unit(rng);
        event->u.step_.images = 8;
        set_figures(&event->u.step_.metrics, rng);
    } else if (event->kind == EVENT_EPOCH) {
        event->u.epoch_.loss = unit(rng);
        event->u.epoch_.seconds = unit(rng);
        set_figures(&event->u.epoch_.metrics, rng);
    } else {
        event->u.eval.loss = unit(rng);
        event->u.eval.seconds = unit(rng);
        event->u.eval.images = 30 + (int)rng_below(rng, 11);
        event->u.eval.best = rng_below(rng, 4) == 0;
        set_figures(&event->u.eval.metrics, rng);
    }
}

static void fill(struct event *event, struct rng *rng)
{
    switch (event->kind) {
    case EVENT_STEP:
    case EVENT_EPOCH:
    case EVENT_EVAL:
        fill_learning(event, rng);
        break;
    case EVENT_LR:
        event->u.lr.from = unit(rng);
        event->u.lr.to = unit(rng);
        break;
    case EVENT_THAW:
        fill_thaw(event, rng);
        break;
    case EVENT_UPDATES:
        fill_updates(event, rng);
        break;
    case EVENT_PHASE:
        event->u.phase.phase = (enum event_phase)rng_below(rng, EVENT_PHASES);
        event->u.phase.done = (int)rng_below(rng, 10);
        event->u.phase.all = 10;
        break;
    case EVENT_FEATURES:
        event->u.features.validation = rng_below(rng, 2) == 0;
        event->u.features.images = event->u.features.computed = 80;
        event->u.features.seconds = unit(rng);
        break;
    case EVENT_FREEZE_PROOF:
        event->u.proof.tensors = 7;
        event->u.proof.digest = (struct hash){rng_next(rng), rng_next(rng)};
        event->u.proof.held = rng_below(rng, 5) != 0;
        snprintf(event->u.proof.moved, sizeof event->u.proof.moved, "%s", event->u.proof.held ? "" : "conv1.weight");
        break;
    case EVENT_CHECKPOINT:
        snprintf(event->u.checkpoint.file, sizeof event->u.checkpoint.file, "checkpoints/last.safetensors");
        break;
    case EVENT_WARNING:
        snprintf(event->u.warning.text, sizeof event->u.warning.text, "%u.png: cannot be read", rng_below(rng, 99));
        break;
    case EVENT_PAUSE:
        event->u.pause.paused = rng_below(rng, 2) == 0;
        break;
    case EVENT_EPOCHS:
        event->u.epochs.from = SOME_EPOCHS;
        event->u.epochs.to = SOME_EPOCHS + (int)rng_below(rng, 3);
        break;
    case EVENT_NOTE:
        event->u.note.text = mem_format("note %u\nof two lines", rng_below(rng, 99));
        snprintf(event->u.note.by, sizeof event->u.note.by, "anna");
        break;
    case EVENT_COMMAND:
        fill_command(event, rng);
        break;
    case EVENT_FORK:
        snprintf(event->u.fork.from, sizeof event->u.fork.from, "checkpoints/last.safetensors");
        break;
    case EVENT_DONE:
        event->u.done.how = (enum event_done)rng_below(rng, EVENT_DONES);
        event->u.done.best = rng_below(rng, 3) ? unit(rng) : NAN;
        event->u.done.best_epoch = 2;
        break;
    default:
        break;
    }
}

void some_event(struct event *event, struct rng *rng, enum event_kind kind, uint64_t step)
{
    *event = (struct event){.kind = kind, .time = began + (double)step, .elapsed = 0.5 * (double)step, .step = step};
    event->epoch = 1 + (int)((step - 1) / SOME_STEPS);
    fill(event, rng);
}

/* Steps, and behind each tenth the end of an epoch. */
char *some_line(uint64_t number)
{
    struct event event;
    struct rng rng;
    rng_init(&rng, number, 11);
    if (number == 0)
        some_run(&event);
    else if (number == 1)
        some_layers(&event);
    else
        some_event(&event, &rng,
                   number % 12 == 0   ? EVENT_EPOCH
                   : number % 12 == 1 ? EVENT_EVAL
                                      : EVENT_STEP,
                   number * 10 / 12);
    char *line = event_to_json(&event);
    event_finish(&event);
    return line;
}

void some_lines(const char *folder, uint64_t first, uint64_t count, bool append)
{
    char *path = path_join(folder, "events.jsonl");
    FILE *file = fopen(path, append ? "ae" : "we");
    assert_non_null(file);
    for (uint64_t i = first; i < first + count; i++) {
        char *line = some_line(i);
        fprintf(file, "%s\n", line);
        mem_free(line);
    }
    assert_int_equal(fclose(file), 0);
    mem_free(path);
}
