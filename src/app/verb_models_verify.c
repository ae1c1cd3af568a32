/* thaw models verify: whether weights are the published ones, and give the logits that PyTorch gives with them. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "app.h"
#include "print.h"
#include "say.h"
#include "thaw/base/mem.h"
#include "thaw/base/text.h"
#include "thaw/shelf/load.h"
#include "thaw/shelf/remember.h"
#include "thaw/shelf/verify.h"
#include "verb_models.h"

static const char *const file_words[] = {
    "no published digest to hold it against",
    "the published file",
    "the published file of an older name",
    "another file than the published one, with the same tensors",
    "NOT the published file",
};

static void tell_file(const struct verify_report *report)
{
    say("file      %s\n          %s", report->path, file_words[report->file]);
    if (report->file == VERIFY_FILE_WRONG || report->file == VERIFY_FILE_REPACKED)
        say(": %s expected, %s found", report->expected, report->found);
    else if (report->file != VERIFY_FILE_UNKNOWN)
        say(": %s", report->found);
    say("\ntensors   %s\n", report->tensors);
}

static void tell_plain(const struct verify_report *report)
{
    say("model     %s, %d classes\n", report->arch, report->classes);
    say("catalog   %s%s\n", report->name[0] ? report->name : "not in it",
        report->by_tensors ? ", recognised by its tensors" : "");
    tell_file(report);
    if (report->headless)
        say("head      none in the file: the logits below come from random numbers behind its trunk\n");
    for (int i = 0; i < VERIFY_PROBES; i++) {
        const struct verify_probe *probe = &report->probe[i];
        say("probe %d   norm of the logits %.6g", i + 1, probe->norm);
        if (isfinite(probe->wanted_norm))
            say(", %.6g wanted; largest error %.2g of a logit's usual size", probe->wanted_norm, probe->error);
        say("\n");
    }
    if (isnan(report->error))
        say("verdict   %s\n", verify_verdict_text(report->verdict));
    else
        say("verdict   largest error %.2g: %s\n", report->error, verify_verdict_text(report->verdict));
}

static void tell_json(const struct verify_report *report)
{
    static const char *const files[] = {"unknown", "right", "right (older name)", "same tensors", "wrong"};
    static const char *const verdicts[] = {"same", "near", "other", "finite", "not finite"};
    json_t *probes = json_array();
    for (int i = 0; i < VERIFY_PROBES; i++) {
        const struct verify_probe *probe = &report->probe[i];
        json_array_append_new(probes, json_pack("{s:o, s:o, s:o, s:b}", "norm", print_json_real(probe->norm),
                                                "wanted_norm", print_json_real(probe->wanted_norm), "error",
                                                print_json_real(probe->error), "finite", probe->finite));
    }
    app_json(json_pack("{s:o, s:s, s:o, s:i, s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:b, s:b}", "name",
                       report->name[0] ? json_string(report->name) : json_null(), "arch", report->arch, "path",
                       text_to_json(report->path), "classes", report->classes, "tensors", report->tensors, "file",
                       files[report->file], "expected",
                       report->expected[0] ? json_string(report->expected) : json_null(), "found",
                       report->found[0] ? json_string(report->found) : json_null(), "probes", probes, "error",
                       print_json_real(report->error), "verdict", verdicts[report->verdict], "headless",
                       report->headless, "good", verify_good(report)));
}

int models_verify(const char *name, const char *runs, bool json)
{
    struct error error = {0};
    struct verify_report report;
    struct model_source source = {0};
    struct catalog *catalog = catalog_open(NULL, &error);
    bool good = catalog && model_source_find(&source, name, runs, &error);
    if (good && !source.weights) { /* an architecture stands for its usual weights */
        source.weights = catalog_weights(catalog, name, &error);
        good = source.weights != NULL;
    }
    if (good) {
        struct team *team = team_create(0);
        good = verify_run(catalog, source.weights, team, &report, &error);
        team_destroy(team);
    }
    if (good && json)
        tell_json(&report);
    else if (good)
        tell_plain(&report);
    catalog_close(catalog);
    mem_free(source.weights);
    if (!good)
        return app_fail(&error);
    return verify_good(&report) ? 0 : error_exit_code(ERROR_WEIGHTS);
}
