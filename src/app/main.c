/* thaw: the program. Finds the verb and runs it; without one, the workbench. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app.h"
#include "say.h"
#include "thaw/base/file.h"
#include "thaw/engine/engine.h"
#include "thaw/tensor/gemm.h"

const struct verb *const verbs[] = {&verb_train,   &verb_resume, &verb_fork,   &verb_models, &verb_data, &verb_eval,
                                    &verb_predict, &verb_runs,   &verb_attach, &verb_follow, &verb_tell, &verb_replay,
                                    &verb_stream,  &verb_cache,  &verb_bench,  &verb_samples};
const size_t verbs_count = sizeof verbs / sizeof verbs[0];

/* No file that is opened later may come to be standard output or error: what is printed would go into it. Writing to
 * what was closed fails, as it should. */
static void fill_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            while (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < fd)
                continue;
}

/* OpenBLAS has started a thread a core by now, each of which takes 128 MiB of address space, and spins for ever where
 * that is not to be had. Under a limit the program begins again without them: it has threads of its own. */
static void spare_address_space(char **argv)
{
    static const char name[] = "OPENBLAS_NUM_THREADS";
    struct rlimit limit;
    char program[4096];
    const char *threads = getenv(name);
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || (threads && !strcmp(threads, "1")))
        return;
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0 || setenv(name, "1", 1) != 0)
        return;
    program[length] = '\0';
    execv(program, argv);
}

static int run(int argc, char **argv)
{
    if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
        app_help(NULL);
        return 0;
    }
    if (argc > 1 && !strcmp(argv[1], "--version")) {
        say("%s\n", PACKAGE_STRING);
        return 0;
    }
    struct error error = {0};
    if (!path_has_homes(&error))
        return app_fail(&error);
    if (argc > 1 && !strcmp(argv[1], "engine")) /* nobody types it: what starts a run in a process of its own does */
        return engine_main();
    for (size_t i = 0; argc > 1 && i < verbs_count; i++)
        if (!strcmp(argv[1], verbs[i]->name))
            return verbs[i]->run(argc - 1, argv + 1);
    return workbench(argc, argv);
}

/* Whatever a verb printed counts only once it is written. */
static int close_output(int code)
{
    struct error error = {0};
    say_flush(stderr);
    say_flush(stdout);
    bool failed = ferror(stdout);
    int fault = 0;
    if (fflush(stdout) != 0 || close(STDOUT_FILENO) != 0)
        fault = errno;
    if (fault)
        error_set_errno(&error, ERROR_FAILED, fault, "standard output");
    else if (failed)
        error_set(&error, ERROR_FAILED, "standard output: not all of it could be written");
    if (error.kind == ERROR_NONE)
        return code;
    int own = app_fail(&error);
    return code ? code : own;
}

int main(int argc, char **argv)
{
    spare_address_space(argv);
    fill_standard_streams();
    gemm_init();
    file_guard();
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like a full disk */
    setlocale(LC_ALL, "");
    setlocale(LC_NUMERIC, "C"); /* numbers in files and JSON have a point everywhere */
    return close_output(run(argc, argv));
}
