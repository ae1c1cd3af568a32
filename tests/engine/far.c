/* See the header. */
#include "config.h"

#include "far.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"

/* The script is called so, too: whoever looks for the caller's end finds either. */
static const char client[] = "ssh";

static struct {
    char folder[256];
    bool real;
    pid_t server; /* 0: none */
} far;

/* --- files and commands --- */

static void write_file(const char *name, mode_t mode, const char *text)
{
    struct error error = {0};
    char *path = path_join(far.folder, name);
    if (!file_write_atomic(path, text, strlen(text), &error))
        fail_msg("%s", error.text);
    assert_int_equal(chmod(path, mode), 0);
    mem_free(path);
}

static bool shell(const char *command)
{
    fflush(NULL);
    return system(command) == 0;
}

/* The first line of what is in a file of the folder; caller frees. */
static char *first_line(const char *name)
{
    struct error error = {0};
    char *path = path_join(far.folder, name);
    char *text = file_exists(path) ? file_read_text(path, 1 << 20, &error) : NULL;
    mem_free(path);
    text = text ? text : mem_string("");
    text[strcspn(text, "\n")] = '\0';
    return text;
}

static void write_script(const char *count)
{
    char *call = far.real ? mem_format("exec ssh -F '%s/ssh_config' \"$1\" \"$2\"", far.folder)
                          : mem_format("PATH='%s':$PATH sh -c \"$2\"", getenv("THAW_BUILDDIR"));
    char *counted = mem_format("%s | tee -a '%s'", far.real ? call + strlen("exec ") : call, count ? count : "");
    char *text = mem_format("#!/bin/sh\n%s\n", count ? counted : call);
    write_file(client, 0700, text);
    mem_free(text);
    mem_free(counted);
    mem_free(call);
}

void far_count(const char *file)
{
    write_script(file);
}

/* --- the server --- */

static bool find_program(const char *name, char path[256])
{
    static const char *const folders[] = {"/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/bin", "/usr/local/bin"};
    for (size_t i = 0; i < THAW_LENGTH(folders); i++) {
        snprintf(path, 256, "%s/%s", folders[i], name);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

/* One that is free now. */
static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good =
        bind(fd, (struct sockaddr *)&address, size) == 0 && getsockname(fd, (struct sockaddr *)&address, &size) == 0;
    close(fd);
    return good ? ntohs(address.sin_port) : 0;
}

/* What a session there finds: the program that was built, and what the tests' own environment says. */
static char *environment(void)
{
    static const char *const names[] = {"XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME",
                                        "ASAN_OPTIONS",    "UBSAN_OPTIONS",  "TSAN_OPTIONS",   "LSAN_OPTIONS"};
    char *text = mem_format("SetEnv \"PATH=%s:/usr/bin:/bin\"", getenv("THAW_BUILDDIR"));
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        const char *value = getenv(names[i]);
        char *more = value ? mem_format("%s \"%s=%s\"", text, names[i], value) : NULL;
        if (more)
            mem_free(text);
        text = more ? more : text;
    }
    return text;
}

static void write_configuration(int port)
{
    char *set = environment();
    char *server = mem_format("ListenAddress 127.0.0.1\nPort %d\nHostKey \"%s/host_key\"\n"
                              "AuthorizedKeysFile \"%s/user_key.pub\"\nPasswordAuthentication no\n"
                              "KbdInteractiveAuthentication no\nPermitRootLogin yes\nUsePAM no\nStrictModes no\n"
                              "PidFile none\nPrintMotd no\nMaxStartups 100\nLogLevel VERBOSE\n%s\n",
                              port, far.folder, far.folder, set);
    char *caller = mem_format("Host *\nHostName 127.0.0.1\nPort %d\nIdentityFile \"%s/user_key\"\n"
                              "IdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile \"%s/known_hosts\"\n"
                              "GlobalKnownHostsFile none\nStrictHostKeyChecking accept-new\nBatchMode yes\n"
                              "ControlMaster no\nConnectTimeout 20\nLogLevel ERROR\n",
                              port, far.folder, far.folder);
    write_file("sshd_config", 0600, server);
    write_file("ssh_config", 0600, caller);
    mem_free(caller);
    mem_free(server);
    mem_free(set);
}

/* sshd as root wants an empty folder in /run, which a package's service makes when it starts: where it is not there, one
 * that this process alone sees. */
static void make_its_folder(void)
{
    static const char folder[] = "/run/sshd";
    if (geteuid() != 0 || access(folder, F_OK) == 0)
        return;
    if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        mount("none", "/run", "tmpfs", 0, NULL) == 0)
        mkdir(folder, 0755);
}

static void start_server(const char *program)
{
    char *configuration = path_join(far.folder, "sshd_config"), *log = path_join(far.folder, "sshd.log");
    fflush(NULL);
    far.server = fork();
    if (far.server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        make_its_folder();
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(open("/dev/null", O_RDONLY), 0);
        dup2(fd, 1);
        dup2(fd, 2);
        execl(program, program, "-D", "-e", "-f", configuration, (char *)NULL);
        _exit(127);
    }
    mem_free(log);
    mem_free(configuration);
}

static void stop_server(void)
{
    if (far.server <= 0)
        return;
    kill(far.server, SIGTERM);
    waitpid(far.server, NULL, 0);
    far.server = 0;
}

static bool server_is_there(void)
{
    if (far.server > 0 && waitpid(far.server, NULL, WNOHANG) != 0)
        far.server = 0;
    return far.server > 0;
}

/* Whether it lets somebody in, within some seconds. */
static bool answers(void)
{
    char *command = mem_format("ssh -F '%s/ssh_config' there 'thaw --version' >'%s/said' 2>&1", far.folder, far.folder);
    bool good = false;
    for (int i = 0; i < 50 && !good && server_is_there(); i++) {
        good = shell(command);
        if (!good)
            nanosleep(&(struct timespec){0, 100 * 1000 * 1000}, NULL);
    }
    mem_free(command);
    return good;
}

static bool make_keys(void)
{
    char *keys = mem_format("for key in host user; do ssh-keygen -q -t ed25519 -N '' -f '%s'/${key}_key || exit 1; done"
                            " >'%s/said' 2>&1",
                            far.folder, far.folder);
    bool good = shell(keys);
    mem_free(keys);
    return good;
}

/* Another process may take the port before it is the server's: some tries. */
static bool begin_server(void)
{
    enum { TRIES = 3 };
    char server[256], other[256];
    if (!find_program("sshd", server) || !find_program("ssh", other) || !find_program("ssh-keygen", other)) {
        print_message("SKIPPED: sshd, ssh or ssh-keygen is not installed; a shell stands for them\n");
        return false;
    }
    bool good = false;
    for (int i = 0; i < TRIES && !good && (i > 0 || make_keys()); i++) {
        write_configuration(free_port());
        start_server(server);
        good = answers();
        if (!good)
            stop_server();
    }
    if (!good) {
        char *said = first_line("said"), *log = first_line("sshd.log");
        print_message("SKIPPED: sshd lets nobody in (%s; %s); a shell stands for it\n", said, log);
        mem_free(log);
        mem_free(said);
    }
    return good;
}

bool far_begin(const char *folder)
{
    snprintf(far.folder, sizeof far.folder, "%s/far", folder);
    assert_int_equal(mkdir(far.folder, 0700), 0);
    far.real = begin_server();
    if (far.real)
        print_message("over sshd on loopback\n");
    write_script(NULL);
    char *script = path_join(far.folder, client);
    setenv("THAW_SSH", script, 1);
    mem_free(script);
    return far.real;
}

void far_end(void)
{
    stop_server();
}

/* --- cutting --- */

/* Whether a process is a child of that one, by that name (NULL: any), and no zombie. */
static bool is_child_of(const char *process, pid_t parent, const char *name)
{
    char path[300], line[512], state = 'Z';
    int above = 0;
    snprintf(path, sizeof path, "/proc/%s/stat", process);
    FILE *file = atoi(process) > 1 ? fopen(path, "r") : NULL;
    if (!file)
        return false;
    char *read = fgets(line, sizeof line, file), *open = read ? strchr(line, '(') : NULL;
    char *shut = open ? strrchr(open, ')') : NULL;
    fclose(file);
    if (!shut || sscanf(shut + 1, " %c %d", &state, &above) != 2 || above != parent || state == 'Z')
        return false;
    *shut = '\0';
    return !name || strcmp(open + 1, name) == 0;
}

enum { PROCESSES = 64 };

/* The children of a process; how many there are in the list then. */
static int add_children(pid_t parent, const char *name, pid_t list[PROCESSES], int count)
{
    DIR *processes = opendir("/proc");
    for (struct dirent *entry; processes && count < PROCESSES && (entry = readdir(processes));)
        if (is_child_of(entry->d_name, parent, name))
            list[count++] = (pid_t)atoi(entry->d_name);
    if (processes)
        closedir(processes);
    return count;
}

/* All there are: the connection of an ordinary user is held by a child of the server's child, and one that was cut before
 * may still be there. A shell goes with its children. */
bool far_cut(bool served)
{
    pid_t list[PROCESSES];
    bool server = served && far.real, killed = false;
    int count = server ? add_children(far.server, NULL, list, 0) : add_children(getpid(), client, list, 0);
    for (int i = 0, first = count; server && i < first; i++)
        count = add_children(list[i], NULL, list, count);
    for (int i = 0; i < count; i++)
        killed = kill(far.real ? list[i] : -list[i], SIGKILL) == 0 || killed;
    return killed;
}
