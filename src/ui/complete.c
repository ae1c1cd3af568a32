/* Completion of what is typed on the `:` line and in prompts: commands, paths, models, datasets, settings, layers,
 * themes. Each source offers whole lines, so that the prompt need not know where a word begins. Called by prompt.c. */
#include "config.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

/* Adds "<head><word><tail>" when the word begins with `typed` and is new. */
static void offer(struct completions *out, const char *head, const char *typed, const char *word, const char *tail)
{
    if (out->count == COMPLETE_MAX || strncmp(word, typed, strlen(typed)) != 0)
        return;
    char *text = out->text[out->count];
    if (snprintf(text, COMPLETE_TEXT, "%s%s%s", head, word, tail) >= COMPLETE_TEXT)
        return;
    for (int i = 0; i < out->count; i++)
        if (strcmp(out->text[i], text) == 0)
            return;
    out->count++;
}

static void offer_paths(struct completions *out, const char *head, const char *typed)
{
    const char *slash = strrchr(typed, '/');
    int length = slash ? (int)(slash - typed) + 1 : 0;
    char *shown = mem_format("%s%.*s", head, length, typed);
    char *asked = mem_format("%.*s", length, typed);
    char *folder = path_expand(length ? asked : ".");
    struct file_list list;
    struct error error;
    if (file_list_read(&list, folder, &error)) {
        for (size_t i = 0; i < list.count; i++) {
            char *path = path_join(folder, list.name[i]);
            offer(out, shown, typed + length, list.name[i], file_is_directory(path) ? "/" : "");
            mem_free(path);
        }
        file_list_free(&list);
    }
    mem_free(folder);
    mem_free(asked);
    mem_free(shown);
}

/* Files that were used, the last first. */
static void offer_used_models(struct completions *out, const char *head, const char *typed,
                              const struct session_model *models, size_t count)
{
    double before = INFINITY;
    for (;;) {
        const struct session_model *next = NULL;
        for (size_t i = 0; i < count; i++)
            if (models[i].used > 0 && models[i].used < before && (!next || models[i].used > next->used))
                next = &models[i];
        if (!next)
            return;
        if (next->weights[0])
            offer(out, head, typed, next->weights, "");
        before = next->used;
    }
}

static void offer_models(struct completions *out, struct ui *ui, const char *head, const char *typed)
{
    const struct session_model *models;
    size_t count = session_models(ui->session, &models);
    offer_used_models(out, head, typed, models, count);
    for (size_t i = 0; i < count; i++) {
        if (!models[i].weights[0])
            offer(out, head, typed, models[i].arch, "");
        else if (*typed)
            offer(out, head, typed, models[i].weights, "");
    }
    if (*typed)
        offer_paths(out, head, typed);
}

/* Experiments that were opened, the last first. */
static void offer_experiments(struct completions *out, struct ui *ui, const char *head, const char *typed)
{
    const char *const *paths;
    size_t count = session_recent_experiments(ui->session, &paths);
    for (size_t i = 0; i < count; i++)
        offer(out, head, typed, paths[i], "");
    if (*typed || count == 0)
        offer_paths(out, head, typed);
}

static void offer_data(struct completions *out, struct ui *ui, const char *head, const char *typed)
{
    const char *const *places;
    size_t count = session_data_places(ui->session, &places);
    for (size_t i = 0; i < count; i++)
        offer(out, head, typed, places[i], "");
    if (*typed || count == 0)
        offer_paths(out, head, typed);
}

/* Patterns are several words; the last is completed. */
static void offer_layers(struct completions *out, struct ui *ui, const char *head, const char *typed)
{
    const char *blank = strrchr(typed, ' ');
    int before = blank ? (int)(blank - typed) + 1 : 0;
    char *start = mem_format("%s%.*s", head, before, typed);
    const struct session_layer *layers;
    size_t count = session_layers(ui->session, &layers);
    for (int stages = 1; stages >= 0; stages--)
        for (size_t i = 0; i < count; i++)
            if (layers[i].is_stage == (stages == 1))
                offer(out, start, typed + before, layers[i].name, "");
    mem_free(start);
}

static void offer_next_layers(struct completions *out, struct ui *ui, const char *head, const char *typed)
{
    enum session_subject before = ui_mean(ui, SESSION_NEXT_RUN);
    offer_layers(out, ui, head, typed);
    ui_mean(ui, before);
}

static void offer_subjects_layers(struct completions *out, struct ui *ui, const char *head, const char *typed)
{
    enum session_subject before = ui_mean(ui, ui_subject(ui));
    offer_layers(out, ui, head, typed);
    ui_mean(ui, before);
}

/* "sgd | adamw": the words, when they are words to be typed and not a description such as "folder | fraction": then the
 * value as it stands is one of them. */
static void offer_words(struct completions *out, const char *head, const char *typed,
                        const struct session_setting *setting)
{
    char *copy = mem_string(setting->values ? setting->values : ""), *save = NULL;
    bool typeable = false;
    for (char *word = strtok_r(copy, "| ", &save); word; word = strtok_r(NULL, "| ", &save))
        typeable = typeable || strcmp(word, setting->value) == 0;
    mem_free(copy);
    copy = mem_string(setting->values ? setting->values : "");
    save = NULL;
    for (char *word = strtok_r(copy, "| ", &save); word && typeable; word = strtok_r(NULL, "| ", &save))
        offer(out, head, typed, word, "");
    mem_free(copy);
    offer(out, head, typed, setting->value, "");
}

/* Settings with more to offer than their words. */
static void offer_value(struct completions *out, struct ui *ui, const char *head, const char *typed,
                        const struct session_setting *setting)
{
    static const struct {
        const char *key;
        void (*offer)(struct completions *out, struct ui *ui, const char *head, const char *typed);
    } sources[] = {{"model.name", offer_models},
                   {"model.weights", offer_models},
                   {"data.path", offer_data},
                   {"freeze.upto", offer_next_layers},
                   {"freeze.frozen", offer_next_layers}};
    for (size_t i = 0; i < THAW_LENGTH(sources); i++)
        if (strcmp(setting->key, sources[i].key) == 0) {
            sources[i].offer(out, ui, head, typed);
            return;
        }
    if (strncmp(setting->key, "thaw.", 5) == 0)
        offer_next_layers(out, ui, head, typed);
    else if (setting->path)
        offer_paths(out, head, typed);
    else
        offer_words(out, head, typed, setting);
}

static void offer_settings(struct completions *out, struct ui *ui, const char *head, const char *typed)
{
    const struct session_setting *settings;
    size_t count = session_settings(ui->session, &settings);
    const char *equals = strchr(typed, '=');
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(settings[i].key);
        if (!equals)
            offer(out, head, typed, settings[i].key, "=");
        else if ((size_t)(equals - typed) == length && strncmp(typed, settings[i].key, length) == 0) {
            char *start = mem_format("%s%s=", head, settings[i].key);
            offer_value(out, ui, start, equals + 1, &settings[i]);
            mem_free(start);
            return;
        }
    }
}

static void offer_runs(struct completions *out, struct ui *ui, const char *head, const char *typed)
{
    const struct session_run *runs;
    session_read_runs(ui->session, false);
    size_t count = session_runs(ui->session, false, &runs);
    for (size_t i = 0; i < count; i++)
        offer(out, head, typed, runs[i].name, "");
    if (strchr(typed, '/'))
        offer_paths(out, head, typed);
}

static void offer_themes(struct completions *out, struct ui *ui, const char *head, const char *typed)
{
    struct file_list list;
    struct error error;
    const char *folder = ui->themes_folder ? ui->themes_folder : THAW_DATADIR "/themes";
    offer(out, head, typed, "default", "");
    offer(out, head, typed, "mono", "");
    if (file_is_directory(folder) && file_list_read(&list, folder, &error)) {
        for (size_t i = 0; i < list.count; i++) {
            if (!path_has_ending(list.name[i], ".ini"))
                continue;
            char *name = mem_format("%.*s", (int)strlen(list.name[i]) - 4, list.name[i]);
            offer(out, head, typed, name, "");
            mem_free(name);
        }
        file_list_free(&list);
    }
}

/* Of "[now | epoch | HH:MM | +MINUTES]" the words that are typed as they stand. */
static void offer_choices(struct completions *out, const char *head, const char *typed, const char *takes)
{
    char *copy = mem_string(takes), *save = NULL;
    for (char *word = strtok_r(copy, "[]| ", &save); word; word = strtok_r(NULL, "[]| ", &save))
        if (islower((unsigned char)word[0]))
            offer(out, head, typed, word, "");
    mem_free(copy);
}

static void offer_argument(struct completions *out, struct ui *ui, enum command_argument kind, const char *head,
                           const char *typed)
{
    switch (kind) {
    case ARGUMENT_PATH:
        offer_paths(out, head, typed);
        break;
    case ARGUMENT_EXPERIMENT:
        offer_experiments(out, ui, head, typed);
        break;
    case ARGUMENT_MODEL:
        offer_models(out, ui, head, typed);
        break;
    case ARGUMENT_DATA:
        offer_data(out, ui, head, typed);
        break;
    case ARGUMENT_SETTING:
        offer_settings(out, ui, head, typed);
        break;
    case ARGUMENT_LAYERS:
        offer_subjects_layers(out, ui, head, typed);
        break;
    case ARGUMENT_THEME:
        offer_themes(out, ui, head, typed);
        break;
    case ARGUMENT_RUN:
        offer_runs(out, ui, head, typed);
        break;
    case ARGUMENT_NONE:
    case ARGUMENT_TEXT:
    case ARGUMENT_COMMAND:
        break;
    }
}

void complete(struct completions *completions, struct ui *ui, enum command_argument kind, const char *text)
{
    completions->count = 0;
    if (kind != ARGUMENT_COMMAND) {
        offer_argument(completions, ui, kind, "", text);
        return;
    }
    size_t name = strcspn(text, " ");
    if (text[name] == 0) {
        const struct command *row;
        for (int i = 0; (row = command_at(i, NULL)) != NULL; i++)
            offer(completions, "", text, row->name, row->argument == ARGUMENT_NONE ? "" : " ");
        return;
    }
    char *word = mem_format("%.*s", (int)name, text);
    size_t rest = name + strspn(text + name, " ");
    char *head = mem_format("%s ", word);
    const struct command *command = command_find(word, (int)ui->current, NULL);
    if (command)
        offer_argument(completions, ui, command->argument, head, text + rest);
    if (command && command->takes && command->argument == ARGUMENT_TEXT)
        offer_choices(completions, head, text + rest, command->takes);
    mem_free(head);
    mem_free(word);
}

void complete_value(struct completions *completions, struct ui *ui, const char *setting, const char *text)
{
    const struct session_setting *settings;
    size_t count = session_settings(ui->session, &settings);
    completions->count = 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(settings[i].key, setting) == 0) {
            offer_value(completions, ui, "", text, &settings[i]);
            return;
        }
}
