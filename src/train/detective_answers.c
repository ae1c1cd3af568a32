/* What a network answers under a candidate: on the labels where they are its own classes, else whether it tells images
 * apart at all. Called by the detective. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "detective_private.h"
#include "thaw/base/mem.h"
#include "thaw/compile/exec.h"
#include "thaw/ops/loss.h"

/* Moves every input to the right by a sixteenth of its width; what comes in repeats the edge. */
static void move_inputs(const struct look *look, int n)
{
    const struct preprocess *p = &look->request->graph->preprocess;
    size_t pixel = (size_t)p->channels, row = (size_t)p->width * pixel, by = (size_t)(p->width + 15) / 16 * pixel;
    for (float *at = look->input; at < look->input + (size_t)n * (size_t)p->height * row; at += row) {
        memmove(at + by, at, (row - by) * sizeof *at);
        for (size_t i = pixel; i < by; i++)
            at[i] = at[i - pixel];
    }
}

/* Of two answers to each image (2, n, classes): the variance between images less that between the two answers to one, over
 * the mean square. It does not change with the scale of the answers, which grows with that of the input. */
static double decided(const float *answer, int n, int classes)
{
    double between = 0, within = 0, all = 0;
    size_t size = (size_t)n * (size_t)classes;
    for (int c = 0; c < classes; c++) {
        double sum = 0, square = 0;
        for (size_t i = (size_t)c; i < size; i += (size_t)classes) {
            double a = (double)answer[i], b = (double)answer[size + i], mean = (a + b) / 2;
            sum += mean;
            square += mean * mean;
            within += (a - mean) * (a - mean) + (b - mean) * (b - mean);
        }
        between += square - sum * sum / n;
        all += square;
    }
    return all > 0 ? (between - within) / (all + within) : 0;
}

void detective_ask_answers(struct look *look, int first)
{
    static const struct loss_options plain = {0};
    struct error unused = {0};
    const struct graph *graph = look->request->graph;
    struct detective_finding *finding = look->finding;
    bool labelled = look->request->classes == graph->classes;
    int n = look_affords(look, 2 * graph_totals(graph).macs, 2 * graph_totals(graph).activation_bytes / sizeof(float));
    size_t size = (size_t)n * (size_t)graph->classes;
    struct plan_options options = {.batch = n, .training = false, .fold = true, .team = look->team};
    struct plan *plan = n > 1 && look->request->head ? plan_create(graph, NULL, &options, &unused) : NULL;
    float *answer = mem_array(2 * size + 1, sizeof *answer);
    for (int i = first; i < finding->candidates; i++) {
        struct detective_candidate *candidate = &finding->candidate[i];
        candidate->decided = candidate->loss = candidate->accuracy = NAN;
        if (!plan)
            continue;
        look_fill(look, i, n);
        memcpy(answer, exec_forward(plan, look->input, n, false, 0, 0), size * sizeof *answer);
        move_inputs(look, n);
        memcpy(answer + size, exec_forward(plan, look->input, n, false, 0, 0), size * sizeof *answer);
        candidate->decided = decided(answer, n, graph->classes);
        if (!labelled)
            continue;
        struct loss_result result =
            loss_cross_entropy(answer, look->label, n, graph->classes, &plain, NULL, NULL, NULL);
        candidate->loss = result.loss;
        candidate->accuracy = (double)result.correct / n;
    }
    mem_free(answer);
    plan_destroy(plan);
}
