/* thaw samples: the sample world. Datasets are drawn; experiments and pretrained weights are copied from where the
 * program keeps them, so that the folder stands by itself. */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "app.h"
#include "print.h"
#include "say.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/text.h"
#include "thaw/samples/roadsigns.h"

enum { SIDE = 32, AMERICAN_VAL = 50, INDIAN_TRAIN = 10, INDIAN_VAL = 50 };

/* Those of the countries before are done. */
struct progress {
    void (*tell)(void *context, int done, int all);
    void *context;
    int before, all;
};

static void tell_all(void *context, int done, int total)
{
    const struct progress *progress = context;
    (void)total;
    progress->tell(progress->context, progress->before + done, progress->all);
}

static void print(void *context, int done, int all)
{
    (void)context;
    say_bar("road signs: %d/%d", done, all);
    if (isatty(STDERR_FILENO) && done == all)
        say_on(stderr, "\n");
    else if (done == all)
        say_on(stderr, "road signs: %d\n", all);
}

static bool copy_file(const char *from, const char *to, struct error *error)
{
    struct file_map map;
    if (!file_map_open(&map, from, error))
        return false;
    bool done = file_write_atomic(to, map.data, map.size, error);
    file_map_close(&map);
    return done;
}

static bool copy_companions(const char *folder, struct error *error)
{
    char *source = path_installed("samples");
    struct file_list list;
    bool done = file_list_read(&list, source, error);
    for (size_t i = 0; done && i < list.count; i++) {
        if (!path_has_ending(list.name[i], ".ini") && !path_has_ending(list.name[i], ".safetensors"))
            continue;
        char *from = path_join(source, list.name[i]), *to = path_join(folder, list.name[i]);
        if (!file_exists(to))
            done = copy_file(from, to, error);
        mem_free(from);
        mem_free(to);
    }
    if (done)
        file_list_free(&list);
    mem_free(source);
    return done;
}

/* Before thousands of images are drawn for nothing. */
static bool has_companions(struct error *error)
{
    char *source = path_installed("samples");
    bool there = file_is_directory(source);
    if (!there)
        error_set(
            error, ERROR_FAILED,
            "%s: the samples that come with thaw are not there: install it, or name its source tree in THAW_DATADIR",
            source);
    mem_free(source);
    return there;
}

bool app_make_samples(const char *folder, int american, uint64_t seed, void (*tell)(void *context, int done, int all),
                      void *context, struct error *error)
{
    struct progress progress = {tell, context, 0, 0};
    int train[] = {[ROADSIGNS_AMERICAN] = american, [ROADSIGNS_INDIAN] = INDIAN_TRAIN};
    int val[] = {[ROADSIGNS_AMERICAN] = AMERICAN_VAL, [ROADSIGNS_INDIAN] = INDIAN_VAL};
    if (!has_companions(error) || !file_make_directories(folder, error))
        return false;
    for (enum roadsigns_country country = 0; country < ROADSIGNS_COUNTRIES; country++)
        progress.all += roadsigns_classes(country) * (train[country] + val[country]);
    for (enum roadsigns_country country = 0; country < ROADSIGNS_COUNTRIES; country++) {
        char *path = path_join(folder, roadsigns_country_name(country));
        bool done =
            roadsigns_write(country, path, seed, SIDE, train[country], val[country], tell_all, &progress, error);
        mem_free(path);
        if (!done)
            return false;
        progress.before += roadsigns_classes(country) * (train[country] + val[country]);
    }
    return copy_companions(folder, error);
}

static int samples(int argc, char **argv)
{
    bool json = false;
    const char *seed_text = NULL, *american_text = NULL;
    const struct option_row rows[] = {{.name = "--json", .flag = &json},
                                      {.name = "--seed", .value = &seed_text},
                                      {.name = "--american", .value = &american_text}};
    argc = app_options(&verb_samples, argc, argv, rows, THAW_LENGTH(rows));
    if (argc < 0)
        return argc == -1 ? 0 : error_exit_code(ERROR_USAGE);
    double seed = 1, american = APP_AMERICAN_IMAGES;
    if (argc != 2)
        return app_usage(&verb_samples, "one folder is needed");
    if (seed_text && !app_number(seed_text, 0, 1e15, &seed))
        return app_usage(&verb_samples, "--seed takes a whole number, not %s", seed_text);
    if (american_text && !app_number(american_text, 1, 100000, &american))
        return app_usage(&verb_samples, "--american takes images a class, 1 to 100000, not %s", american_text);
    struct error error = {0};
    if (!app_make_samples(argv[1], (int)american, (uint64_t)seed, print, NULL, &error))
        return app_fail(&error);
    if (json)
        return app_json(json_pack("{s:o, s:i, s:i, s:i}", "folder", text_to_json(argv[1]), "american_train_per_class",
                                  (int)american, "indian_train_per_class", INDIAN_TRAIN, "side", SIDE));
    say("samples are in %s\n", argv[1]);
    return 0;
}

const struct verb verb_samples = {
    .name = "samples",
    .synopsis = "DIR [--seed N] [--american N] [--json]",
    .help = "draws the sample road signs, with experiments and pretrained weights beside them",
    .options = "  --seed N       of the drawings (1)\n"
               "  --american N   american training images a class (300)\n"
               "  --json         one JSON object on stdout\n",
    .run = samples,
};
