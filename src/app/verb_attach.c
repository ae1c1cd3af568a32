/* thaw attach and thaw replay: the workbench's screens on a run that is there. */
#include "config.h"

#include "app.h"

static int attach(int argc, char **argv)
{
    return workbench_on_run(&verb_attach, argc, argv);
}

static int replay(int argc, char **argv)
{
    return workbench_on_run(&verb_replay, argc, argv);
}

const struct verb verb_attach = {
    .name = "attach",
    .synopsis = "[RUN] [--read-only] [--runs DIR]",
    .help = "the screens on a run that trains, here or on another machine",
    .options = "  RUN           its name, an unambiguous part of it, a directory, or HOST:RUN; without one the run\n"
               "                that began last\n"
               "  --read-only   looks, and gives no commands\n"
               "  --runs DIR    the folder of runs that RUN is looked for in\n\n"
               "Leaving does not stop the run. HOST:RUN starts `ssh HOST thaw stream RUN` (or $THAW_SSH in place\n"
               "of ssh); when the line drops it is tried again. The workbench's options are taken, too.\n",
    .run = attach,
};

const struct verb verb_replay = {
    .name = "replay",
    .synopsis = "[RUN] [--speed N] [--runs DIR]",
    .help = "plays a recorded run through the screens; nothing is computed",
    .options = "  RUN           its name, an unambiguous part of it, or a directory; without one the last\n"
               "  --speed N     so many times as fast as it was (10)\n"
               "  --runs DIR    the folder of runs that RUN is looked for in\n\n"
               "The workbench's options are taken, too.\n",
    .run = replay,
};
