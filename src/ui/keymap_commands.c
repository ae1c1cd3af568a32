/* The table of commands: names, default keys, where the keys work, and what help says. Nothing else in the program
 * spells a key; the bottom line, the help, the command line and the manual all read this. A test checks that no key
 * means two things on one screen. */
#include "config.h"

#include "keymap.h"
#include "thaw/base/macros.h"

enum { IN_LISTS = IN_MODELS | IN_LAYERS | IN_DATA | IN_RUNS, IN_PLOTS = IN_TRAIN };

static const struct command_row rows[] = {
    {COMMAND_NONE, "", "", 0, "", "", ARGUMENT_NONE},
    {COMMAND_QUIT, "quit", "q", IN_ALL, "quit", "leave thaw; asks first while a run trains", ARGUMENT_NONE},
    {COMMAND_BACK, "back", "Esc", IN_ALL, "back", "clear the filter, or go back to the screen before", ARGUMENT_NONE},
    {COMMAND_HELP, "help", "? F1", IN_ALL, "help", "list all commands; type to filter, Enter runs one", ARGUMENT_NONE},
    {COMMAND_PROMPT, "command", ":", IN_ALL, "command", "type a command by name; Tab completes", ARGUMENT_NONE},
    {COMMAND_GO_MODELS, "models", "1", IN_ALL, "models", "go to Models: choose a network and its weights",
     ARGUMENT_NONE},
    {COMMAND_GO_LAYERS, "layers", "2", IN_ALL, "layers", "go to Layers: what is frozen and what learns", ARGUMENT_NONE},
    {COMMAND_GO_DATA, "data-screen", "3", IN_ALL, "data", "go to Data: choose images and look at them", ARGUMENT_NONE},
    {COMMAND_GO_TRAIN, "train", "4", IN_ALL, "train", "go to Train: settings, live curves", ARGUMENT_NONE},
    {COMMAND_GO_RESULTS, "results", "5", IN_ALL, "results", "go to Results: confusions and accuracy by class",
     ARGUMENT_NONE},
    {COMMAND_GO_RUNS, "runs", "6", IN_ALL, "runs", "go to Runs: reopen and compare", ARGUMENT_NONE},
    {COMMAND_NEXT_SCREEN, "next-screen", "]", IN_ALL, "next", "go to the next screen", ARGUMENT_NONE},
    {COMMAND_PREVIOUS_SCREEN, "previous-screen", "[", IN_ALL, "previous", "go to the previous screen", ARGUMENT_NONE},
    {COMMAND_REDRAW, "redraw", "C-l", IN_ALL, "redraw", "draw the whole screen again", ARGUMENT_NONE},
    {COMMAND_THEME, "theme", "", IN_ALL, "theme", "change the colours: default, light, mono, or a file",
     ARGUMENT_THEME},

    {COMMAND_UP, "up", "k Up", IN_ALL, "up", "move up", ARGUMENT_NONE},
    {COMMAND_DOWN, "down", "j Down", IN_ALL, "down", "move down", ARGUMENT_NONE},
    {COMMAND_LEFT, "left", "h Left", IN_ALL, "left", "move left, fold, or move the plot's cursor", ARGUMENT_NONE},
    {COMMAND_RIGHT, "right", "l Right", IN_ALL, "right", "move right, unfold, or move the plot's cursor",
     ARGUMENT_NONE},
    {COMMAND_PAGE_UP, "page-up", "PgUp C-b", IN_ALL, "page up", "move a page up", ARGUMENT_NONE},
    {COMMAND_PAGE_DOWN, "page-down", "PgDn C-f", IN_ALL, "page down", "move a page down", ARGUMENT_NONE},
    {COMMAND_FIRST, "first", "g Home", IN_ALL, "first", "move to the first row", ARGUMENT_NONE},
    {COMMAND_LAST, "last", "G End", IN_ALL, "last", "move to the last row", ARGUMENT_NONE},
    {COMMAND_OPEN, "open", "Enter", IN_ALL, "open", "choose or open what is selected", ARGUMENT_NONE},
    {COMMAND_FILTER, "filter", "/", IN_LISTS, "filter",
     "show only rows with these words; -word leaves out; also top1>75 macs<2", ARGUMENT_TEXT},
    {COMMAND_NEXT_PANE, "next-pane", "Tab", IN_DATA | IN_TRAIN | IN_RESULTS, "next pane",
     "move to the next pane, or show the other plot", ARGUMENT_NONE},

    {COMMAND_MODEL, "model", "", IN_ALL, "model", "choose a weights file or an architecture", ARGUMENT_MODEL},
    {COMMAND_DATA, "data", "", IN_ALL, "data", "choose a dataset by its path", ARGUMENT_DATA},
    {COMMAND_LOAD, "load", "", IN_ALL, "load", "load an experiment file: model, freezing, data, settings",
     ARGUMENT_PATH},
    {COMMAND_SET, "set", "", IN_ALL, "set", "change a setting: set train.lr=0.01", ARGUMENT_SETTING},
    {COMMAND_FREEZE, "freeze", "", IN_ALL, "freeze", "freeze the layers that match: freeze conv1 layer1.*",
     ARGUMENT_LAYERS},
    {COMMAND_THAW, "thaw", "", IN_ALL, "thaw", "thaw the layers that match: thaw layer4.*", ARGUMENT_LAYERS},
    {COMMAND_UNDO, "undo", "u", IN_LAYERS | IN_TRAIN, "undo", "take back the last change of what is frozen",
     ARGUMENT_NONE},
    {COMMAND_START, "start", "r", IN_ALL, "run", "start training with the settings as they are", ARGUMENT_NONE},
    {COMMAND_PAUSE, "pause", "p Space", IN_TRAIN, "pause", "pause the run, or let it go on", ARGUMENT_NONE},
    {COMMAND_STOP, "stop", "X", IN_TRAIN, "stop", "stop the run; its last state is kept", ARGUMENT_NONE},
    {COMMAND_SAVE, "save", "w", IN_TRAIN, "save", "write a checkpoint now", ARGUMENT_NONE},
    {COMMAND_LR, "lr", "=", IN_TRAIN, "set rate", "set the learning rate: lr 0.01", ARGUMENT_TEXT},
    {COMMAND_LR_UP, "lr-up", ">", IN_TRAIN, "rate up", "make the learning rate a quarter larger", ARGUMENT_NONE},
    {COMMAND_LR_DOWN, "lr-down", "<", IN_TRAIN, "rate down", "make the learning rate a fifth smaller", ARGUMENT_NONE},
    {COMMAND_RESCAN, "rescan", "R", IN_MODELS, "rescan", "look for weights files again", ARGUMENT_NONE},
    {COMMAND_PULL, "pull", "p", IN_MODELS, "pull", "pull the model's weights, or stop pulling them", ARGUMENT_NONE},
    {COMMAND_TIME, "time", "t", IN_MODELS, "measure", "measure the model's time for an image on this machine",
     ARGUMENT_NONE},
    {COMMAND_OPEN_RUN, "open-run", "", IN_ALL, "open run", "reopen a run by its folder", ARGUMENT_PATH},

    {COMMAND_TOGGLE, "toggle", "Space", IN_LAYERS, "freeze/thaw", "freeze or thaw the row, all of it", ARGUMENT_NONE},
    {COMMAND_TOGGLE_WEIGHTS, "toggle-weights", "w", IN_LAYERS, "weights", "freeze or thaw the row's weights",
     ARGUMENT_NONE},
    {COMMAND_TOGGLE_AFFINE, "toggle-affine", "a", IN_LAYERS, "affine",
     "freeze or thaw the row's batch-norm scale and shift", ARGUMENT_NONE},
    {COMMAND_TOGGLE_STATISTICS, "toggle-statistics", "s", IN_LAYERS, "statistics",
     "fix the row's batch-norm statistics, or let them move", ARGUMENT_NONE},
    {COMMAND_TOGGLE_DROPOUT, "toggle-dropout", "d", IN_LAYERS, "dropout", "switch the row's dropout off or on",
     ARGUMENT_NONE},
    {COMMAND_CUT, "cut", "c", IN_LAYERS, "freeze to here", "freeze all up to this row and thaw the rest",
     ARGUMENT_NONE},
    {COMMAND_FOLD, "fold", "z", IN_LAYERS, "fold", "fold or unfold the row's stage", ARGUMENT_NONE},
    {COMMAND_FOLD_ALL, "fold-all", "-", IN_LAYERS, "fold all", "fold every stage", ARGUMENT_NONE},
    {COMMAND_UNFOLD_ALL, "unfold-all", "+", IN_LAYERS, "unfold all", "unfold every stage", ARGUMENT_NONE},

    {COMMAND_NEXT_IMAGE, "next-image", "n", IN_DATA, "next image", "show the next image of the class", ARGUMENT_NONE},
    {COMMAND_PREVIOUS_IMAGE, "previous-image", "N", IN_DATA, "previous image", "show the previous image of the class",
     ARGUMENT_NONE},
    {COMMAND_VALIDATION, "validation", "v", IN_DATA, "train/val", "show training or validation images", ARGUMENT_NONE},
    {COMMAND_BAD_FILES, "bad-files", "b", IN_DATA, "bad files", "list the files that were set aside, with reasons",
     ARGUMENT_NONE},
    {COMMAND_BROWSE, "browse", "o", IN_MODELS | IN_DATA, "open path",
     "choose a weights file or a folder of images by its path", ARGUMENT_NONE},

    {COMMAND_SETTINGS, "settings", "e", IN_TRAIN, "settings", "edit the settings of the next run", ARGUMENT_NONE},
    {COMMAND_THAW_NEXT, "thaw-next", "t", IN_TRAIN, "thaw next", "thaw the deepest stage that is still frozen",
     ARGUMENT_NONE},
    {COMMAND_LOG_Y, "log-y", "y", IN_PLOTS, "log y", "logarithmic y axis, or back", ARGUMENT_NONE},
    {COMMAND_LOG_X, "log-x", "x", IN_PLOTS, "log x", "logarithmic x axis, or back", ARGUMENT_NONE},
    {COMMAND_SMOOTH_MORE, "smooth-more", "s", IN_TRAIN, "smoother", "smooth the curves more", ARGUMENT_NONE},
    {COMMAND_SMOOTH_LESS, "smooth-less", "S", IN_TRAIN, "rougher", "smooth the curves less", ARGUMENT_NONE},
    {COMMAND_ZOOM_IN, "zoom-in", "z +", IN_PLOTS, "zoom in", "zoom into the plot at its cursor", ARGUMENT_NONE},
    {COMMAND_ZOOM_OUT, "zoom-out", "Z -", IN_PLOTS, "zoom out", "zoom out of the plot", ARGUMENT_NONE},
    {COMMAND_ZOOM_RESET, "zoom-reset", "0", IN_PLOTS, "zoom reset", "show the whole plot", ARGUMENT_NONE},

    {COMMAND_SORT, "sort", "s", IN_RESULTS | IN_RUNS | IN_MODELS, "sort",
     "sort by the next column, or by the one named", ARGUMENT_TEXT},
    {COMMAND_SHARES, "shares", "v", IN_RESULTS, "shares", "show counts, or shares of each class", ARGUMENT_NONE},
    {COMMAND_MARK, "mark", "Space m", IN_RUNS | IN_MODELS, "mark",
     "mark a run or a model, to compare the others with it", ARGUMENT_NONE},
};
_Static_assert(THAW_LENGTH(rows) == COMMANDS, "a row for every command, in the order of the enum");

const struct command_row *command_row(enum command command)
{
    return &rows[command];
}
