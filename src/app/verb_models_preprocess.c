/* thaw models preprocess: ways in which pixels may become a model's input, tried on images. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "app.h"
#include "print.h"
#include "say.h"
#include "thaw/base/mem.h"
#include "thaw/shelf/load.h"
#include "thaw/train/detective.h"
#include "verb_models.h"

static const char *const basis_words[] = {"stated", "usual", "guessed"};

static void tell_figure(const char *format, double value, double scale)
{
    char text[PRINT_COUNT] = "-";
    if (isfinite(value))
        snprintf(text, sizeof text, format, scale * value);
    say(" %7s", text);
}

static void tell_plain(const struct graph *graph, const struct detective_finding *finding)
{
    char words[PREPROCESS_WORDS], sentence[DETECTIVE_SENTENCE];
    bool stated = graph->preprocess_basis == PREPROCESS_STATED;
    say("  %-45s %7s %7s %7s %7s\n", "preprocessing", "norms", "loss", "top-1", "decided");
    for (int i = 0; i < finding->candidates; i++) {
        const struct detective_candidate *candidate = &finding->candidate[i];
        say("%c %-45s", i == finding->best ? '>' : candidate->fits ? '=' : ' ', candidate->words);
        tell_figure("%.3g", candidate->distance, 1);
        tell_figure("%.3g", candidate->loss, 1);
        tell_figure("%.1f%%", candidate->accuracy, 100);
        tell_figure("%.1f%%", candidate->decided, 100);
        say("\n");
    }
    say("\nfound: %s\n", detective_sentence(finding, sentence));
    say("%s %s\n",
        stated                                        ? "stated:"
        : graph->preprocess_basis == PREPROCESS_USUAL ? "usual:"
                                                      : "guess:",
        preprocess_words(&graph->preprocess, 6, words));
}

static void tell_json(const struct graph *graph, const struct detective_finding *finding)
{
    char words[PREPROCESS_WORDS];
    json_t *rows = json_array();
    for (int i = 0; i < finding->candidates; i++) {
        const struct detective_candidate *candidate = &finding->candidate[i];
        json_array_append_new(rows,
                              json_pack("{s:s, s:o, s:o, s:o, s:o, s:b}", "preprocess", candidate->words, "distance",
                                        print_json_real(candidate->distance), "loss", print_json_real(candidate->loss),
                                        "accuracy", print_json_real(candidate->accuracy), "decided",
                                        print_json_real(candidate->decided), "fits", candidate->fits));
    }
    app_json(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:o}", "arch", graph->arch, "found",
                       finding->candidate[finding->best].words, "evidence", detective_evidence_name(finding->evidence),
                       "certainty", detective_certainty_name(finding->certainty), "without images",
                       preprocess_words(&graph->preprocess, 6, words), "basis", basis_words[graph->preprocess_basis],
                       "images", finding->images, "candidates", rows));
}

int models_preprocess(const char *name, const struct model_images *images, bool json)
{
    struct error error = {0};
    struct model_argument model;
    struct dataset *dataset = NULL;
    struct detective_finding finding;
    const struct model_words words = {.model = name, .runs = images->runs, .fresh_head = true};
    bool good = model_argument_open(&model, &words, &error);
    if (good && !model.file)
        good = error_set(&error, ERROR_USAGE, "%s: an architecture without weights was trained on nothing", name);
    if (good)
        dataset = dataset_open(images->data, NULL, 0, &error);
    if (dataset) {
        bool val = dataset->images[DATASET_VAL].items > 0;
        const struct detective_request request = {.graph = model.graph,
                                                  .images = &dataset->images[val ? DATASET_VAL : DATASET_TRAIN],
                                                  .classes = dataset->classes,
                                                  .head = model.own_head};
        good = detective_look(&request, &finding, &error);
    }
    good = good && dataset;
    if (good && json)
        tell_json(model.graph, &finding);
    else if (good)
        tell_plain(model.graph, &finding);
    dataset_destroy(dataset);
    model_argument_finish(&model);
    return good ? 0 : app_fail(&error);
}
