/* thaw: the program. Finds the verb and runs it; without one, the workbench. */
#include "config.h"

#include <locale.h>
#include <string.h>

#include "app.h"

const struct verb *const verbs[] = {&verb_train,   &verb_resume, &verb_models, &verb_data,  &verb_eval,
                                    &verb_predict, &verb_runs,   &verb_cache,  &verb_bench, &verb_samples};
const size_t verbs_count = THAW_LENGTH(verbs);

static void help(void)
{
    puts("thaw: a terminal workbench for transfer learning with convolutional networks\n\n"
         "usage: thaw [EXPERIMENT.ini]     the workbench\n"
         "       thaw VERB ...             without a screen\n\nverbs:");
    for (size_t i = 0; i < verbs_count; i++)
        printf("  %-9s %s\n", verbs[i]->name, verbs[i]->help);
    puts("\nworkbench options:\n"
         "  --theme NAME     default, light, mono, or a file\n"
         "  --ascii          draw with ASCII only\n"
         "  --no-color       no colours (as does the variable NO_COLOR)\n"
         "  --no-mouse       leave the mouse to the terminal\n"
         "  --threads N      computing threads (all cores)\n"
         "  --samples DIR    the sample world's folder\n"
         "  --runs DIR       where runs are kept\n"
         "  --models DIR     a folder of weights files\n"
         "  --offline        pulls nothing from the network\n\n"
         "`thaw VERB --help` tells more. Exit codes: 0 done, 1 failure, 2 usage, 3 data, 4 weights,\n"
         "5 stopped early, 130 interrupted.");
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    setlocale(LC_NUMERIC, "C"); /* numbers in files and JSON have a point everywhere */
    if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
        help();
        return 0;
    }
    if (argc > 1 && !strcmp(argv[1], "--version")) {
        puts(PACKAGE_STRING);
        return 0;
    }
    for (size_t i = 0; argc > 1 && i < verbs_count; i++)
        if (!strcmp(argv[1], verbs[i]->name))
            return verbs[i]->run(argc - 1, argv + 1);
    return workbench(argc, argv);
}
