/* Verifying weights. The figures that the catalog keeps for a row, one group a probe, are the logits' norm and a few
 * logits by their number: "norm 12.5 0 -1.25 250 3.5 ... | norm ...". tests/reference/make_verify.py makes them. Called
 * by the models verb. */
#include "config.h"

#include "thaw/shelf/verify.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/compile/exec.h"
#include "thaw/shelf/load.h"
#include "thaw/source/bind.h"
#include "verify_private.h"

/* Float32 against float64 over a hundred layers is at 1e-6 to 1e-5; halves lose two digits and a half. */
static const double same_within = 1e-4, near_within = 2e-2;

/* --- probes --- */

int verify_pixel(int probe, int x, int y, int channel, int width, int height)
{
    unsigned u = (unsigned)x, v = (unsigned)y, w = (unsigned)width, h = (unsigned)height, c = (unsigned)channel;
    if (probe == 0) {
        unsigned across = w > 1 ? u * 255 / (w - 1) : 0, down = h > 1 ? v * 255 / (h - 1) : 0;
        return (int)(c == 0 ? across : c == 1 ? down : (across + 2 * (255 - down)) / 3);
    }
    if (probe == 1) {
        unsigned wave = (u * u * 3 + v * v * 5 + u * v * (c + 1)) / (w + h) & 127;
        unsigned edge = (u * 8 / w + v * 8 / h + c) % 3 * 64;
        return (int)(wave + edge > 255 ? 255 : wave + edge);
    }
    unsigned bits = (v * w + u) * 3 + c;
    bits = (bits ^ bits >> 15) * 2246822519u;
    bits = (bits ^ bits >> 13) * 3266489917u;
    return (int)((bits ^ bits >> 16) & 255);
}

/* As preprocessing feeds an image that has the input's size already. */
static void fill_input(float *input, const struct preprocess *p, int probe)
{
    float scale = p->raw ? 1 : 255;
    for (int y = 0; y < p->height; y++)
        for (int x = 0; x < p->width; x++)
            for (int c = 0; c < p->channels; c++) {
                int value = verify_pixel(probe, x, y, p->bgr ? 2 - c : c, p->width, p->height);
                *input++ = ((float)value / scale - p->mean[c]) / p->std[c];
            }
}

/* --- digests --- */

/* Of the graph's values, of the same weights the same from every container: names and values in the source's layout,
 * constants left out, in whatever order. */
static void verify_digest(const struct graph *graph, char text[HASH_TEXT])
{
    struct hash sum = {0, 0};
    for (int p = 0; p < graph->params; p++) {
        const struct graph_param *param = &graph->param[p];
        if (param->role == OP_ROLE_CONSTANT)
            continue;
        float *values = mem_floats(param->count);
        bind_to_torch(graph, p, graph_param_values(graph, p), values);
        struct hash own = hash_bytes(param->name, strlen(param->name), (struct hash){0});
        own = hash_bytes(values, param->count * sizeof *values, own);
        sum.high += own.high; /* in whatever order */
        sum.low += own.low;
        mem_free_floats(values);
    }
    hash_text(text, sum);
}

static const struct catalog_row *find_by_tensors(const struct catalog *catalog, const char *tensors)
{
    size_t count;
    const struct catalog_row *row = catalog_rows(catalog, &count);
    for (size_t i = 0; i < count; i++)
        if (row[i].tensors[0] && !strcmp(row[i].tensors, tensors))
            return &row[i];
    return NULL;
}

/* "resnet18-5c106cde.pth": names of old carry the first digits of their own file. */
static bool digest_in_name(const char *path, const char *found)
{
    const char *file = path_base(path), *dash = strrchr(file, '-');
    size_t digits = dash ? strspn(dash + 1, "0123456789abcdef") : 0;
    return digits >= 8 && dash[1 + digits] == '.' && !strncmp(found, dash + 1, digits);
}

static bool check_file(const struct catalog_row *row, const char *path, struct verify_report *report,
                       struct error *error)
{
    if (!row || row->hash.kind == DIGEST_NONE)
        return true;
    digest_print(report->expected, &row->hash);
    if (!digest_file(report->found, row->hash.kind, path, NULL, NULL, error))
        return false;
    if (digest_matches(&row->hash, report->found))
        report->file = VERIFY_FILE_RIGHT;
    else if (strcmp(path_base(path), row->file) && digest_in_name(path, report->found))
        report->file = VERIFY_FILE_OTHER_NAME;
    else
        report->file = VERIFY_FILE_WRONG;
    return true;
}

/* --- logits --- */

/* The group of a probe among a row's figures; NULL: there is none. */
static const char *find_figures(const char *reference, int probe)
{
    const char *at = reference;
    for (; at && probe > 0; probe--)
        at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL;
    at = at ? at + strspn(at, " ") : NULL;
    return at && !strncmp(at, "norm ", 5) ? at + 5 : NULL;
}

static void compare(const char *figures, const float *logits, int classes, struct verify_probe *probe)
{
    char *end;
    double mean_square = probe->norm / sqrt(classes);
    probe->wanted_norm = strtod(figures, &end);
    probe->error = fabs(probe->norm - probe->wanted_norm) / (probe->wanted_norm > 0 ? probe->wanted_norm : 1);
    while (end[strspn(end, " ")] && end[strspn(end, " ")] != '|') {
        long index = strtol(end, &end, 10);
        double wanted = strtod(end, &end), error = INFINITY; /* a figure for a class that is not there fits nothing */
        if (index >= 0 && index < classes)
            error = fabs((double)logits[index] - wanted) / (mean_square > 0 ? mean_square : 1);
        probe->error = error > probe->error ? error : probe->error;
        if (!isdigit((unsigned char)end[strspn(end, " ")]))
            break;
    }
}

static void judge(struct verify_report *report)
{
    bool finite = true, known = true;
    report->error = 0;
    for (int i = 0; i < VERIFY_PROBES; i++) {
        finite = finite && report->probe[i].finite;
        known = known && !isnan(report->probe[i].error);
        report->error = fmax(report->error, report->probe[i].error);
    }
    if (!known)
        report->error = NAN;
    report->verdict = !finite                        ? VERIFY_NUMBERS
                      : !known                       ? VERIFY_FINITE
                      : report->error <= same_within ? VERIFY_SAME
                      : report->error <= near_within ? VERIFY_NEAR
                                                     : VERIFY_OTHER;
}

static bool run_probes(const struct graph *graph, const char *reference, struct team *team,
                       struct verify_report *report, struct error *error)
{
    struct plan_options options = {.batch = 1, .training = false, .fold = true, .team = team};
    struct plan *plan = plan_create(graph, NULL, &options, error);
    if (!plan)
        return false;
    float *input = mem_floats(shape4_count(graph->node[0].shape));
    for (int i = 0; i < VERIFY_PROBES; i++) {
        struct verify_probe *probe = &report->probe[i];
        *probe = (struct verify_probe){.wanted_norm = NAN, .error = NAN, .finite = true};
        fill_input(input, &graph->preprocess, i);
        const float *logits = exec_forward(plan, input, 1, false, 0, 0);
        double squares = 0;
        for (int c = 0; c < graph->classes; c++) {
            squares += (double)logits[c] * (double)logits[c];
            probe->finite = probe->finite && isfinite(logits[c]);
        }
        probe->norm = sqrt(squares);
        const char *figures = find_figures(reference, i);
        if (figures && probe->finite)
            compare(figures, logits, graph->classes, probe);
    }
    mem_free_floats(input);
    plan_destroy(plan);
    judge(report);
    return true;
}

/* --- all of it --- */

/* Weights that cannot be loaded and are not the published file: the second explains the first. */
static bool refuse(const struct verify_report *report, struct error *error)
{
    size_t length = strlen(error->text);
    if (report->file == VERIFY_FILE_WRONG)
        snprintf(error->text + length, sizeof error->text - length,
                 "; it is not the published file, either: %s expected, %s found", report->expected, report->found);
    return false;
}

bool verify_run(const struct catalog *catalog, const char *path, struct team *team, struct verify_report *report,
                struct error *error)
{
    *report = (struct verify_report){.file = VERIFY_FILE_UNKNOWN, .error = NAN};
    snprintf(report->path, sizeof report->path, "%s", path);
    const struct catalog_row *row = catalog_match(catalog, path);
    if (!check_file(row, path, report, error))
        return false;
    struct bind_report match;
    struct graph *graph = load_graph(&(struct load_request){.weights = path, .seed = 1}, &match, error);
    report->headless = match.count[BIND_MISSING] + match.count[BIND_RESHAPED] > 0;
    bind_report_finish(&match);
    if (!graph)
        return refuse(report, error);
    snprintf(report->arch, sizeof report->arch, "%s", graph->arch);
    report->classes = graph->classes;
    verify_digest(graph, report->tensors);
    const struct catalog_row *same = find_by_tensors(catalog, report->tensors);
    report->by_tensors = !row && same;
    if (report->file == VERIFY_FILE_WRONG && same && row && !strcmp(row->tensors, report->tensors))
        report->file = VERIFY_FILE_REPACKED;
    row = row ? row : same;
    snprintf(report->name, sizeof report->name, "%s", row ? row->name : "");
    if (row && !row->reference[0] && same)
        row = same; /* under another name */
    bool good = run_probes(graph, row ? row->reference : "", team, report, error);
    graph_destroy(graph);
    return good;
}

bool verify_good(const struct verify_report *report)
{
    return report->file != VERIFY_FILE_WRONG && report->verdict != VERIFY_OTHER && report->verdict != VERIFY_NUMBERS;
}

const char *verify_verdict_text(enum verify_verdict verdict)
{
    static const char *const texts[] = {
        "the same logits, within float32's rounding",
        "nearly the same logits, as half precision or other arithmetic would give",
        "other logits: not the same network, weights or preprocessing",
        "no figures to hold the logits against; they are finite",
        "some logits are not finite",
    };
    return texts[verdict];
}
