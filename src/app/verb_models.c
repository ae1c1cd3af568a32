/* thaw models: which networks there are, through the session as the Models screen lists them. `show` is in
 * verb_models_show.c. */
#include "config.h"

#include <string.h>

#include "thaw/base/mem.h"
#include "thaw/session/session.h"
#include "verb_models.h"
#include "verb_parts.h"

static bool matches(const struct session_model *model, const char *filter)
{
    return !filter || part_contains(model->name, filter) || part_contains(model->family, filter) ||
           part_contains(model->arch, filter) || part_contains(model->format, filter);
}

static void list_line(const struct session_model *model)
{
    char params[PART_COUNT], macs[PART_COUNT], classes[16] = "-", *name = part_plain(model->name);
    if (model->classes)
        snprintf(classes, sizeof classes, "%d", model->classes);
    printf("%-36s  %-22s  %-12s  %8s  %8s  %7s  %s\n", name, model->arch, model->input,
           part_count(params, model->params), part_count(macs, model->macs), classes,
           model->format[0] ? model->format : "-");
    mem_free(name);
}

static json_t *list_object(const struct session_model *model)
{
    return json_pack("{s:o, s:s, s:s, s:s, s:o, s:s, s:s, s:i, s:I, s:I, s:I, s:s}", "name", part_text(model->name),
                     "arch", model->arch, "family", model->family, "title", model->title, "weights",
                     model->weights[0] ? part_text(model->weights) : json_null(), "format", model->format, "input",
                     model->input, "classes", model->classes, "params", (json_int_t)model->params, "macs",
                     (json_int_t)model->macs, "file_bytes", (json_int_t)model->file_bytes, "preprocess",
                     model->preprocess);
}

static int list(const char *filter, bool json)
{
    struct error error = {0};
    struct session_options options = {0};
    struct session *session = session_create(&options, &error);
    if (!session)
        return app_fail(&error);
    const struct session_model *models;
    size_t count = session_models(session, &models), shown = 0;
    json_t *rows = json_array();
    if (!json)
        printf("%-36s  %-22s  %-12s  %8s  %8s  %7s  %s\n", "model", "architecture", "input", "params", "MACs",
               "classes", "weights");
    for (size_t i = 0; i < count; i++) {
        if (!matches(&models[i], filter))
            continue;
        shown++;
        if (json)
            json_array_append_new(rows, list_object(&models[i]));
        else
            list_line(&models[i]);
    }
    if (json)
        app_json(json_pack("{s:O}", "models", rows));
    else
        printf("%zu of %zu models\n", shown, count);
    json_decref(rows);
    session_destroy(session);
    return 0;
}

static int models(int argc, char **argv)
{
    bool json = false;
    const struct option_row rows[] = {{.name = "--json", .flag = &json}};
    argc = app_options(&verb_models, argc, argv, rows, THAW_LENGTH(rows));
    if (argc < 0)
        return argc == -1 ? 0 : error_exit_code(ERROR_USAGE);
    bool show = argc > 1 && !strcmp(argv[1], "show");
    if (show && argc != 3)
        return app_usage(&verb_models, "show needs one model's name or weights file");
    if (!show && argc > 2)
        return app_usage(&verb_models, "one filter at most");
    return show ? models_show(argv[2], json) : list(argc > 1 ? argv[1] : NULL, json);
}

const struct verb verb_models = {
    .name = "models",
    .synopsis = "[FILTER] [--json] | show NAME|FILE [--json]",
    .help = "lists the networks and weights files there are, or shows one in full",
    .options =
        "  FILTER           only models with this in their name, family, architecture or weights format\n"
        "  show NAME|FILE   a model of the list, a weights file or a run directory: its layers, its preprocessing\n"
        "                   and how its weights matched\n"
        "  --json           one JSON object on stdout\n",
    .run = models,
};
