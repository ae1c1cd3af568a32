/* thaw predict: the likeliest classes of single images. A line an image on stdout; an image that cannot be read is a
 * sentence on stderr, and the others are still done. */
#include "config.h"

#include <string.h>

#include "app.h"
#include "print.h"
#include "say.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/text.h"
#include "thaw/compile/exec.h"
#include "thaw/data/image.h"
#include "thaw/ops/loss.h"
#include "thaw/shelf/remember.h"
#include "thaw/train/detective.h"

enum { TOP = 5, TIMED_LEAST = 3 };

struct predictor {
    const struct graph *graph;
    char **class_name; /* [graph->classes], or NULL */
    struct plan *plan;
    float *input, *probability; /* one image; [graph->classes] */
    int *order;                 /* [graph->classes] scratch */
    int top;
    bool tells_logits;
    json_t *list; /* NULL: plain lines */
    int passes;
    double seconds; /* of all passes but the first, which touches fresh memory */
};

static const float *forward(struct predictor *p)
{
    double began = clock_monotonic();
    const float *logits = exec_forward(p->plan, p->input, 1, false, 0, 0);
    if (p->passes++)
        p->seconds += clock_monotonic() - began;
    return logits;
}

/* What it took on this machine, for the list of models; a figure that was measured with care stays. */
static void remember_pass(const struct predictor *p)
{
    char input[REMEMBER_INPUT];
    struct remembered remembered;
    if (p->passes <= TIMED_LEAST)
        return;
    remembered_read(&remembered);
    remember_input(input, p->graph);
    if (remembered_time(&remembered, p->graph->arch, input) < 0)
        remember_time(p->graph->arch, input, p->seconds / (p->passes - 1));
    remembered_free(&remembered);
}

/* The `top` likeliest in front of order, the lower index first where two are equal. */
static void rank(struct predictor *p)
{
    int classes = p->graph->classes;
    for (int c = 0; c < classes; c++)
        p->order[c] = c;
    for (int place = 0; place < p->top; place++) {
        int best = place;
        for (int c = place + 1; c < classes; c++) {
            float rival = p->probability[p->order[c]], leader = p->probability[p->order[best]];
            if (rival > leader || (rival == leader && p->order[c] < p->order[best]))
                best = c;
        }
        int taken = p->order[best];
        p->order[best] = p->order[place];
        p->order[place] = taken;
    }
}

static void tell_line(const struct predictor *p, const char *path, const float *logits)
{
    say("%s", path);
    for (int i = 0; p->tells_logits && i < p->graph->classes; i++)
        say("\t%.9g", (double)logits[i]);
    for (int i = 0; !p->tells_logits && i < p->top; i++) {
        int class = p->order[i];
        char *name = p->class_name ? mem_string(p->class_name[class]) : mem_format("%d", class);
        say("\t%s\t%.4f", name, (double)p->probability[class]);
        mem_free(name);
    }
    say("\n");
    fflush(stdout);
}

static void tell_json(const struct predictor *p, const char *path, const float *logits)
{
    json_t *top = json_array(), *all = p->tells_logits ? json_array() : NULL;
    for (int i = 0; i < p->top; i++) {
        int class = p->order[i];
        json_array_append_new(top, json_pack("{s:i, s:o, s:o}", "index", class, "class",
                                             p->class_name ? text_to_json(p->class_name[class]) : json_null(),
                                             "probability", print_json_real((double)p->probability[class])));
    }
    for (int i = 0; all && i < p->graph->classes; i++)
        json_array_append_new(all, print_json_real((double)logits[i]));
    json_array_append_new(p->list,
                          json_pack("{s:o, s:o, s:o*}", "path", text_to_json(path), "top", top, "logits", all));
}

static bool predict_image(struct predictor *p, const char *path)
{
    static const struct loss_options options = {0};
    static const int label = 0; /* the loss is not asked for, its softmax is */
    struct error error = {0};
    struct image image = {0};
    bool good = image_load(&image, path, &error);
    if (good) {
        image_to_input(&image, &p->graph->preprocess, p->input);
        const float *logits = forward(p);
        (void)loss_cross_entropy(logits, &label, 1, p->graph->classes, &options, p->probability, NULL, NULL);
        rank(p);
        if (p->list)
            tell_json(p, path, logits);
        else
            tell_line(p, path, logits);
    } else {
        app_fail(&error);
        if (p->list)
            json_array_append_new(
                p->list, json_pack("{s:o, s:o}", "path", text_to_json(path), "error", text_to_json(error.text)));
    }
    image_finish(&image);
    return good;
}

static bool is_image(const char *path)
{
    struct error unused;
    struct image_header header;
    struct file_map map;
    if (file_is_directory(path) || !file_map_open(&map, path, &unused))
        return false;
    bool is = image_probe(&header, map.data, map.size, path, &unused);
    file_map_close(&map);
    return is;
}

/* The images that lie in a folder itself; what is none is counted. Returns how many could not be read. */
static int predict_folder(struct predictor *p, const char *folder)
{
    struct error error = {0};
    struct file_list list;
    int unreadable = 0, images = 0;
    if (!file_list_read(&list, folder, &error)) {
        app_fail(&error);
        return 1;
    }
    for (size_t i = 0; i < list.count; i++) {
        char *path = path_join(folder, list.name[i]);
        if (is_image(path) && ++images)
            unreadable += !predict_image(p, path);
        mem_free(path);
    }
    if (images == 0) {
        error_set(&error, ERROR_DATA,
                  "%s: no images lie in this folder itself; thaw eval --data takes folders of classes", folder);
        app_fail(&error);
    } else if ((size_t)images < list.count) {
        say_on(stderr, "thaw: %s: %zu others in it are no images\n", folder, list.count - (size_t)images);
    }
    file_list_free(&list);
    return unreadable + (images == 0);
}

/* The first images that are named or lie in the folders, to tell how pixels become the input; what is none of them is
 * predict_all's to say. The caller frees item[].path. */
static struct dataset_images some_images(char **path, int count, struct dataset_item item[DETECTIVE_IMAGES])
{
    struct dataset_images some = {item, 0};
    for (int i = 0; i < count && some.items < DETECTIVE_IMAGES; i++) {
        struct error unused;
        struct file_list list = {0};
        if (!file_is_directory(path[i]) && is_image(path[i]))
            item[some.items++] = (struct dataset_item){.path = mem_string(path[i])};
        if (!file_is_directory(path[i]) || !file_list_read(&list, path[i], &unused))
            continue;
        for (size_t k = 0; k < list.count && some.items < DETECTIVE_IMAGES; k++) {
            char *file = path_join(path[i], list.name[k]);
            if (is_image(file))
                item[some.items++] = (struct dataset_item){.path = file};
            else
                mem_free(file);
        }
        file_list_free(&list);
    }
    return some;
}

static bool look(struct model_argument *model, char **path, int count, struct error *error)
{
    struct dataset_item item[DETECTIVE_IMAGES];
    struct dataset_images some = some_images(path, count, item);
    bool good = some.items == 0 || model_argument_look(model, &some, 0, error);
    for (size_t i = 0; i < some.items; i++)
        mem_free(item[i].path);
    return good;
}

static int predict_all(struct predictor *p, char **path, int count)
{
    int unreadable = 0;
    for (int i = 0; i < count; i++)
        unreadable += file_is_directory(path[i]) ? predict_folder(p, path[i]) : !predict_image(p, path[i]);
    remember_pass(p);
    if (p->list)
        app_json(json_pack("{s:s, s:i, s:O, s:i}", "arch", p->graph->arch, "classes", p->graph->classes, "images",
                           p->list, "unreadable", unreadable));
    return unreadable ? error_exit_code(ERROR_DATA) : 0;
}

static int run(const struct model_argument *model, struct predictor *p, char **path, int count)
{
    struct error error = {0};
    const struct graph *graph = p->graph = model->graph;
    struct team *team = team_create(0);
    struct plan_options options = {.batch = 1, .training = false, .fold = true, .team = team};
    p->top = p->top < graph->classes ? p->top : graph->classes;
    p->class_name = model->classes == graph->classes ? model->class_name : NULL;
    p->plan = plan_create(graph, NULL, &options, &error);
    p->input = mem_floats(shape4_count(graph->node[0].shape));
    p->probability = mem_floats((size_t)graph->classes);
    p->order = mem_array((size_t)graph->classes, sizeof *p->order);
    int code = p->plan ? predict_all(p, path, count) : app_fail(&error);
    mem_free(p->order);
    mem_free_floats(p->probability);
    mem_free_floats(p->input);
    plan_destroy(p->plan);
    team_destroy(team);
    return code;
}

static int predict(int argc, char **argv)
{
    bool json = false;
    struct predictor predictor = {.top = TOP};
    struct model_words words = {0};
    const char *top_text = NULL;
    const struct option_row rows[] = {{.name = "--json", .flag = &json},
                                      {.name = "--model", .value = &words.model},
                                      {.name = "--weights", .value = &words.weights},
                                      {.name = "--runs", .value = &words.runs},
                                      {.name = "--preprocess", .value = &words.preprocess},
                                      {.name = "--fresh-head", .flag = &words.fresh_head},
                                      {.name = "--logits", .flag = &predictor.tells_logits},
                                      {.name = "--top", .value = &top_text}};
    argc = app_options(&verb_predict, argc, argv, rows, THAW_LENGTH(rows));
    if (argc < 0)
        return argc == -1 ? 0 : error_exit_code(ERROR_USAGE);
    if (!words.model && !words.weights)
        return app_usage(&verb_predict, "a model is needed: --model or --weights");
    if (argc < 2)
        return app_usage(&verb_predict, "one image at least is needed");
    if (!app_whole(&verb_predict, "--top", top_text, 1, 1000000, &predictor.top))
        return error_exit_code(ERROR_USAGE);
    struct error error = {0};
    struct model_argument model;
    bool good = model_argument_open(&model, &words, &error) && look(&model, argv + 1, argc - 1, &error);
    predictor.list = json ? json_array() : NULL;
    int code = good ? run(&model, &predictor, argv + 1, argc - 1) : app_fail(&error);
    json_decref(predictor.list);
    model_argument_finish(&model);
    return code;
}

const struct verb verb_predict = {
    .name = "predict",
    .synopsis = "--model RUN|FILE [--weights FILE] [--preprocess TEXT] [--fresh-head] [--top N] [--logits] [--runs "
                "DIR] [--json] IMAGE|DIR...",
    .help = "tells the likeliest classes of images, named or in folders",
    .options = "  --model RUN|FILE   a run or a weights file; with --weights, an architecture\n" APP_RUNS_HELP
               "  --weights FILE     trained weights\n" MODEL_PREPROCESS_HELP MODEL_FRESH_HELP
               "  --top N            classes an image (5, or all where there are fewer)\n"
               "  --logits           the network's plain outputs, all of them, in place of the classes; with --json\n"
               "                     beside them\n"
               "  --json             one JSON object on stdout\n\n"
               "A line an image: path, class and probability, separated by tabs. The class is its number where the\n"
               "weights carry no names. Images that cannot be read are told on stderr; exit 3 where there were "
               "any.\n" APP_RUN_HELP,
    .run = predict,
};
