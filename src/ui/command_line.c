/* The `:` line: commands by name, with what they take. Also doing a command that is known by its row or its name. Called
 * by the frame, the help, and screens. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "overlay.h"
#include "thaw/base/mem.h"
#include "thaw/base/nearest.h"

static void *state_of(struct ui *ui, int screen)
{
    if (screen < 0)
        return NULL;
    if (!ui->state[screen])
        ui->state[screen] = screen_table[screen]->create(ui);
    return ui->state[screen];
}

void ui_call(struct ui *ui, const struct command *command, const char *argument)
{
    int screen;
    command_at(command_number(command), &screen);
    ui->dirty = true;
    if (screen >= 0 && screen != (int)ui->current && !command->anywhere && !command->home) {
        ui_say(ui, UI_WARNING, "%s works on %s (%d)", command->name, screen_table[screen]->title, screen + 1);
        return;
    }
    bool optional = command->argument == ARGUMENT_TEXT || (command->takes && command->takes[0] == '[');
    if (!*argument && command->argument != ARGUMENT_NONE && !optional) {
        char line[48];
        snprintf(line, sizeof line, "%s ", command->name);
        ui_ask_command(ui, line);
        return;
    }
    command->run(&(struct command_call){ui, state_of(ui, screen), command, argument});
}

void ui_do(struct ui *ui, const char *name, const char *argument)
{
    const struct command *command = command_named(name, (int)ui->current);
    if (command)
        ui_call(ui, command, argument);
}

/* The setting that a word can only mean: its whole name, what stands behind the dot, or what is near it. */
static const char *setting_meant(struct ui *ui, const char *word)
{
    const struct session_setting *setting;
    struct nearest nearest = {.wanted = word};
    size_t count = session_settings(ui->session, &setting);
    for (size_t i = 0; i < count; i++) {
        const char *dot = strchr(setting[i].key, '.');
        if (strcmp(setting[i].key, word) == 0 || (dot && strcmp(dot + 1, word) == 0))
            return setting[i].key;
        nearest_offer(&nearest, setting[i].key);
    }
    bool near = strchr(word, '.') && nearest.name[0] && nearest.far[0] <= NEAREST_MEANT;
    return near ? nearest.name[0] : NULL;
}

/* "train.epochs 2000" is no command but says what is wanted. */
static bool say_setting(struct ui *ui, const char *name, const char *argument)
{
    char word[48];
    size_t length = strcspn(name, "=");
    snprintf(word, sizeof word, "%.*s", (int)length, name);
    const char *key = setting_meant(ui, word), *value = name[length] && name[length + 1] ? name + length + 1 : argument;
    if (key)
        ui_say(ui, UI_ERROR, "\"%s\" is a setting, which :set %s=%s changes", word, key, *value ? value : "VALUE");
    return key != NULL;
}

static void say_unknown(struct ui *ui, const char *name)
{
    char sentence[160];
    const struct command *command;
    struct nearest nearest = {.wanted = name};
    for (int i = 0; (command = command_at(i, NULL)); i++)
        nearest_offer(&nearest, command->name);
    snprintf(sentence, sizeof sentence, "There is no command \"%s\"", name);
    nearest_tell(&nearest, 1, "? lists them", sentence, sizeof sentence);
    ui_say(ui, UI_ERROR, "%s", sentence);
}

void ui_do_line(struct ui *ui, const char *line)
{
    char name[48];
    line += strspn(line, " ");
    size_t length = strcspn(line, " ");
    if (length == 0)
        return;
    snprintf(name, sizeof name, "%.*s", (int)length, line);
    char *argument = mem_string(line + length + strspn(line + length, " "));
    for (size_t end = strlen(argument); end > 0 && argument[end - 1] == ' ';)
        argument[--end] = 0;
    bool ambiguous;
    const struct command *command = command_find(name, (int)ui->current, &ambiguous);
    if (!command && ambiguous)
        ui_say(ui, UI_ERROR, "\"%s\" may be several commands; Tab shows them", name);
    else if (!command && !say_setting(ui, name, argument))
        say_unknown(ui, name);
    else if (!command)
        ; /* it was said */
    else if (command->argument == ARGUMENT_NONE && *argument)
        ui_say(ui, UI_ERROR, "%s takes no argument", command->name);
    else
        ui_call(ui, command, argument);
    mem_free(argument);
}

static void line_done(void *context, struct ui *ui, const char *text, bool accepted)
{
    (void)context;
    if (accepted)
        ui_do_line(ui, text);
}

void ui_ask_command(struct ui *ui, const char *beginning)
{
    ui_ask(
        ui,
        &(struct ui_ask){
            .label = ":", .initial = beginning, .history = "command", .complete = ARGUMENT_COMMAND, .done = line_done});
}
