/* Preprocessing by evidence: what is usual, and what others use, is tried on images; what no witness tells apart from the
 * best stays possible, and of that the most usual is taken. Called by the command line, and by the trainer where a file
 * does not say. */
#include "config.h"

#include "thaw/train/detective.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "detective_private.h"
#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "thaw/data/reader.h"
#include "thaw/shelf/load.h"

/* In use, those of most files first. The data's own mean and deviation come behind them, and at last some with their
 * channels the other way round. */
static const char *const colour_words[] = {
    "torch", "tf", "unit", "raw", "caffe", "mean 0.491 0.482 0.447 std 0.247 0.243 0.262" /* CIFAR's */};
static const char *const grey_words[] = {"unit", "raw", "tf", "mean 0.1307 std 0.3081" /* MNIST's */, "torch"};
static_assert(THAW_LENGTH(colour_words) + 5 <= DETECTIVE_CANDIDATES,
              "room for the usual, the data's own, three other orders");

static const char *const evidence_names[] = {"nothing", "batch norms", "labels", "answers"};
static const char *const certainty_names[] = {"not known", "likely", "sure"};
static_assert(THAW_LENGTH(evidence_names) == DETECTIVE_EVIDENCE, "a name for each");
static_assert(THAW_LENGTH(certainty_names) == DETECTIVE_CERTAINTIES, "a name for each");

const char *detective_evidence_name(enum detective_evidence evidence)
{
    return evidence_names[evidence];
}

const char *detective_certainty_name(enum detective_certainty certainty)
{
    return certainty_names[certainty];
}

/* --- images --- */

/* Numbers 0, 1, 2 ... as places below `count`, each far from those before (van der Corput's sequence). */
static size_t spread(int number, size_t count)
{
    double at = 0, step = 0.5;
    for (; number; number >>= 1, step /= 2)
        at += (number & 1) * step;
    return (size_t)(at * (double)count);
}

static bool take_views(struct look *look, struct error *error)
{
    const struct dataset_images *images = look->request->images;
    const struct preprocess *preprocess = &look->request->graph->preprocess;
    const struct view_request wanted = {.preprocess = preprocess, .augment = AUGMENT_NONE};
    size_t bytes = (size_t)preprocess->height * (size_t)preprocess->width * 3;
    struct reader *reader = reader_create();
    struct error first = {0};
    for (int i = 0; i < DETECTIVE_IMAGES && (size_t)i < images->items; i++) {
        const struct dataset_item *item = &images->item[spread(i, images->items)];
        struct image view;
        if (!reader_view(reader, item, &wanted, &view, first.kind ? error : &first))
            continue;
        if (image_create(&look->view[look->views], view.width, view.height)) {
            memcpy(look->view[look->views].rgb, view.rgb, bytes);
            look->label[look->views++] = item->label;
        }
    }
    reader_destroy(reader);
    look->finding->images = look->views;
    *error = look->views ? (struct error){0} : first;
    return look->views > 0 || first.kind ||
           error_set(error, ERROR_DATA, "there are no images by which to tell how pixels become the input");
}

void look_fill(struct look *look, int candidate, int n)
{
    struct error unused;
    struct preprocess preprocess = look->request->graph->preprocess;
    size_t floats = (size_t)preprocess.height * (size_t)preprocess.width * (size_t)preprocess.channels;
    bool known = preprocess_parse(&preprocess, look->finding->candidate[candidate].words, &unused);
    assert(known); /* they are of the tables above, or were written by preprocess_words */
    for (int i = 0; known && i < n; i++)
        image_normalise(&look->view[i], &preprocess, look->input + (size_t)i * floats);
}

/* Two cores do some 5e10 multiply-adds, or pass over some 1e9 floats, in a second: less than half of one for a witness. */
int look_affords(const struct look *look, double macs, double floats)
{
    static const double macs_most = 1e10, floats_most = 4e8;
    double passes = look->finding->candidates, most = macs_most / (passes * macs + 1);
    most = fmin(most, floats_most / (passes * floats + 1));
    int n = most < look->views ? (int)most : look->views;
    return n < DETECTIVE_IMAGES_LEAST && n < look->views ? 0 : n;
}

/* --- candidates --- */

/* Whether the same comes of both, but for rounding: "tf" and "mean 0.5 std 0.5". */
static bool is_same_rule(const char *a, const char *b)
{
    struct error unused;
    struct preprocess one = {.channels = 3}, other = one;
    if (!preprocess_parse(&one, a, &unused) || !preprocess_parse(&other, b, &unused) || one.bgr != other.bgr)
        return false;
    bool same = true;
    for (int c = 0; c < 3; c++) {
        double one_scale = one.raw ? 255 : 1, other_scale = other.raw ? 255 : 1;
        same = same && fabs((double)one.mean[c] / one_scale - (double)other.mean[c] / other_scale) < 1e-6 &&
               fabs((double)one.std[c] / one_scale - (double)other.std[c] / other_scale) < 1e-6;
    }
    return same;
}

static void add_candidate(struct detective_finding *finding, const char *words)
{
    for (int i = 0; i < finding->candidates; i++)
        if (is_same_rule(finding->candidate[i].words, words))
            return;
    struct detective_candidate *candidate = &finding->candidate[finding->candidates++];
    *candidate = (struct detective_candidate){.distance = NAN, .loss = NAN, .accuracy = NAN, .decided = NAN};
    snprintf(candidate->words, sizeof candidate->words, "%s", words);
}

/* Mean and deviation of the images' own colours, x / 255. */
static void add_own(struct look *look)
{
    const struct preprocess *preprocess = &look->request->graph->preprocess;
    size_t pixels = (size_t)preprocess->height * (size_t)preprocess->width, all = pixels * (size_t)look->views;
    struct preprocess own = *preprocess;
    char words[PREPROCESS_WORDS];
    own.raw = own.bgr = false;
    double sum[3] = {0}, square[3] = {0};
    for (int i = 0; i < look->views; i++)
        for (size_t k = 0; k < 3 * pixels; k++) {
            double value = look->view[i].rgb[k] / 255.0;
            sum[k % 3] += value;
            square[k % 3] += value * value;
        }
    for (int c = 0; c < 3; c++) {
        double mean = sum[c] / (double)all, variance = square[c] / (double)all - mean * mean;
        own.mean[c] = (float)mean;
        own.std[c] = (float)sqrt(fmax(variance, 1e-6));
    }
    if (own.channels == 1) {
        own.mean[0] = (own.mean[0] + own.mean[1] + own.mean[2]) / 3;
        own.std[0] = (own.std[0] + own.std[1] + own.std[2]) / 3;
    }
    add_candidate(look->finding, preprocess_words(&own, 3, words));
}

static void add_candidates(struct look *look)
{
    const struct preprocess *usual = &look->request->graph->preprocess;
    bool grey = usual->channels == 1;
    char words[PREPROCESS_WORDS];
    add_candidate(look->finding, preprocess_words(usual, 6, words));
    for (size_t i = 0; i < (grey ? THAW_LENGTH(grey_words) : THAW_LENGTH(colour_words)); i++)
        add_candidate(look->finding, grey ? grey_words[i] : colour_words[i]);
    add_own(look);
}

/* A candidate with its channels the other way round. */
static void add_other_order(struct look *look, const char *words)
{
    struct error unused;
    struct preprocess one = look->request->graph->preprocess;
    char reversed[PREPROCESS_WORDS];
    if (!preprocess_parse(&one, words, &unused))
        return;
    struct preprocess other = one;
    other.bgr = !one.bgr;
    for (int c = 0; c < 3; c++) {
        other.mean[c] = one.mean[2 - c];
        other.std[c] = one.std[2 - c];
    }
    add_candidate(look->finding, preprocess_words(&other, 6, reversed));
}

/* --- the verdict --- */

static double distance_figure(const struct detective_candidate *candidate)
{
    return candidate->distance;
}
static double loss_figure(const struct detective_candidate *candidate)
{
    return candidate->loss;
}
static double answers_figure(const struct detective_candidate *candidate)
{
    return candidate->decided < 1e-3 ? 1e3 : 1 / candidate->decided; /* NAN stays */
}

/* A witness: figures that are lower where a candidate is better, and how they are read. Within `near` times the best and
 * `gap` more, candidates are alike; beyond `far` times and `gap` the others are out of question. */
static const struct witness {
    enum detective_evidence evidence;
    double (*figure)(const struct detective_candidate *candidate);
    double near, far, gap;
    double most; /* of the best one's figure, that anything is sure */
} witnesses[] = {
    {DETECTIVE_NORMS, distance_figure, 1.25, 1.6, 0.02, 1},
    {DETECTIVE_LABELS, loss_figure, 1.5, 1.7, 0.1, INFINITY},
    {DETECTIVE_ANSWERS, answers_figure, 1.6, INFINITY, 0, INFINITY},
};

/* Labels mean nothing to a network that knows others: the best accuracy has to be three deviations above chance. */
static bool labels_are_known(const struct look *look)
{
    double chance = 1.0 / look->request->graph->classes, most = 0;
    for (int i = 0; i < look->finding->candidates; i++)
        most = fmax(most, look->finding->candidate[i].accuracy);
    return most > chance + 3 * sqrt(chance * (1 - chance) / look->views);
}

static void hear(struct look *look, const struct witness *witness)
{
    struct detective_finding *finding = look->finding;
    double best = INFINITY, next = INFINITY;
    for (int i = 0; i < finding->candidates; i++)
        if (finding->candidate[i].fits)
            best = fmin(best, witness->figure(&finding->candidate[i]));
    if (!isfinite(best) || (witness->evidence == DETECTIVE_LABELS && !labels_are_known(look)) ||
        (witness->evidence == DETECTIVE_ANSWERS && finding->evidence != DETECTIVE_NOTHING))
        return;
    for (int i = 0; i < finding->candidates; i++) {
        struct detective_candidate *candidate = &finding->candidate[i];
        double figure = witness->figure(candidate);
        bool fits = figure <= witness->near * best + witness->gap;
        next = fits || !candidate->fits ? next : fmin(next, figure);
        candidate->fits = candidate->fits && fits;
    }
    if (finding->evidence != DETECTIVE_NOTHING || !isfinite(next))
        return;
    bool clear = next >= witness->far * best + witness->gap && best <= witness->most;
    finding->evidence = witness->evidence;
    finding->certainty = clear ? DETECTIVE_SURE : DETECTIVE_LIKELY;
}

static void decide(struct look *look)
{
    struct detective_finding *finding = look->finding;
    finding->evidence = DETECTIVE_NOTHING;
    finding->certainty = DETECTIVE_UNKNOWN;
    for (int i = 0; i < finding->candidates; i++)
        finding->candidate[i].fits = true;
    for (size_t i = 0; i < THAW_LENGTH(witnesses); i++)
        hear(look, &witnesses[i]);
    finding->best = 0;
    while (!finding->candidate[finding->best].fits)
        finding->best++;
}

static void ask(struct look *look, int first)
{
    detective_ask_norms(look, first);
    detective_ask_answers(look, first);
    decide(look);
}

/* Of the best, and of the most usual beside it, whose channels may be what it lacks. */
static void ask_other_orders(struct look *look)
{
    int first = look->finding->candidates;
    if (look->request->graph->preprocess.channels != 3)
        return;
    add_other_order(look, look->finding->candidate[look->finding->best].words);
    add_other_order(look, look->finding->candidate[0].words);
    add_other_order(look, colour_words[0]);
    ask(look, first);
}

bool detective_look(const struct detective_request *request, struct detective_finding *finding, struct error *error)
{
    double began = clock_monotonic();
    const struct preprocess *p = &request->graph->preprocess;
    struct look look = {.request = request, .finding = finding, .team = team_create(request->threads)};
    *finding = (struct detective_finding){0};
    look.view = mem_array(DETECTIVE_IMAGES, sizeof *look.view);
    look.label = mem_array(DETECTIVE_IMAGES, sizeof *look.label);
    bool good = take_views(&look, error);
    if (good) {
        look.input =
            mem_array((size_t)look.views * (size_t)p->height * (size_t)p->width * (size_t)p->channels, sizeof(float));
        add_candidates(&look);
        ask(&look, 0);
        ask_other_orders(&look);
    }
    for (int i = 0; i < look.views; i++)
        image_finish(&look.view[i]);
    mem_free(look.view);
    mem_free(look.label);
    mem_free(look.input);
    team_destroy(look.team);
    finding->seconds = clock_monotonic() - began;
    return good;
}

bool detective_has_head(const struct graph *graph, const struct bind_report *report)
{
    int layer = graph_class_layer(graph);
    size_t row = layer >= 0 ? (size_t)graph->node[layer].first_param : 0; /* parameters come first, in their order */
    return layer >= 0 && row < report->rows && report->row[row].outcome <= BIND_CONVERTED;
}

bool detective_look_at(const struct load_request *request, const struct dataset_images *images, int classes,
                       int threads, struct detective_finding *finding, struct error *error)
{
    struct load_request own = *request;
    struct bind_report report;
    own.classes = 0;
    own.preprocess = NULL;
    struct graph *graph = load_graph(&own, &report, error);
    bool good = graph != NULL;
    if (good) {
        struct detective_request wanted = {.graph = graph,
                                           .images = images,
                                           .classes = classes,
                                           .head = detective_has_head(graph, &report),
                                           .threads = threads};
        good = detective_look(&wanted, finding, error);
    }
    bind_report_finish(&report);
    graph_destroy(graph);
    return good;
}

bool detective_settle(struct graph *graph, const struct detective_finding *finding)
{
    struct error unused;
    bool guessed = graph->preprocess_basis == PREPROCESS_GUESSED;
    bool sure = finding->certainty == DETECTIVE_SURE && finding->evidence == DETECTIVE_NORMS && finding->best > 0;
    bool counts = guessed ? finding->certainty != DETECTIVE_UNKNOWN : sure;
    if (graph->preprocess_basis == PREPROCESS_STATED || !counts ||
        !preprocess_parse(&graph->preprocess, finding->candidate[finding->best].words, &unused))
        return false;
    graph->preprocess_basis = PREPROCESS_USUAL;
    return true;
}

/* The best of those that are out of question by the witness who decided, or NULL. */
static const struct detective_candidate *next_best(const struct detective_finding *finding)
{
    const struct witness *witness = &witnesses[finding->evidence - DETECTIVE_NORMS];
    const struct detective_candidate *next = NULL;
    for (int i = 0; i < finding->candidates; i++) {
        const struct detective_candidate *candidate = &finding->candidate[i];
        if (!candidate->fits && (!next || witness->figure(candidate) < witness->figure(next)))
            next = candidate;
    }
    return next;
}

const char *detective_sentence(const struct detective_finding *finding, char text[DETECTIVE_SENTENCE])
{
    const char *words = finding->candidate[finding->best].words;
    const char *images = finding->images == 1 ? "image" : "images";
    if (finding->evidence == DETECTIVE_NOTHING) {
        snprintf(text, DETECTIVE_SENTENCE, "%s, which is usual: %d %s do not tell", words, finding->images, images);
        return text;
    }
    if (finding->evidence == DETECTIVE_ANSWERS && finding->best == 0) {
        snprintf(text, DETECTIVE_SENTENCE, "%s, which is usual, and its answers to %d %s do not speak against it",
                 words, finding->images, images);
        return text;
    }
    const struct detective_candidate *next = next_best(finding);
    snprintf(text, DETECTIVE_SENTENCE, "%s, by its %s on %d %s (%s; the next best is %s)", words,
             evidence_names[finding->evidence], finding->images, images, certainty_names[finding->certainty],
             next ? next->words : "far off");
    return text;
}
