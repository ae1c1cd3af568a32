#include "config.h"

#include "server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "thaw/base/macros.h"

enum { PATHS = 64, HEAD = 4096 };

unsigned char server_file[SERVER_BYTES], server_other[SERVER_BYTES];

static struct {
    int socket;
    pthread_t thread;
    pthread_mutex_t lock;
    atomic_bool stopping;
    struct {
        char path[32];
        int count;
    } seen[PATHS];
    char range[64], if_range[128];
} server = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int count_request(const char *path)
{
    int count = 0;
    pthread_mutex_lock(&server.lock);
    for (int i = 0; i < PATHS && !count; i++)
        if (!server.seen[i].path[0] || !strcmp(server.seen[i].path, path)) {
            snprintf(server.seen[i].path, sizeof server.seen[i].path, "%s", path);
            count = ++server.seen[i].count;
        }
    pthread_mutex_unlock(&server.lock);
    return count;
}

int server_requests(const char *path)
{
    int count = 0;
    pthread_mutex_lock(&server.lock);
    for (int i = 0; i < PATHS; i++)
        if (!strcmp(server.seen[i].path, path))
            count = server.seen[i].count;
    pthread_mutex_unlock(&server.lock);
    return count;
}

const char *server_last_range(void)
{
    return server.range;
}

const char *server_last_if_range(void)
{
    return server.if_range;
}

static bool send_all(int to, const void *data, size_t size)
{
    const char *at = data;
    while (size) {
        ssize_t put = send(to, at, size, MSG_NOSIGNAL);
        if (put <= 0)
            return false;
        at += put;
        size -= (size_t)put;
    }
    return true;
}

static void send_text(int to, const char *text)
{
    send_all(to, text, strlen(text));
}

static void nap(double seconds)
{
    struct timespec time = {.tv_sec = (time_t)seconds, .tv_nsec = (long)(1e9 * (seconds - (double)(time_t)seconds))};
    nanosleep(&time, NULL);
}

/* Until the other side gives up or the server stops. */
static void fall_silent(int to)
{
    char byte;
    while (!server.stopping && recv(to, &byte, 1, MSG_DONTWAIT | MSG_PEEK) != 0)
        nap(0.02);
}

struct answer {
    const unsigned char *file;
    const char *etag; /* "" none */
    bool ranges;
    size_t cut; /* bytes sent of the file's end at most; 0: all */
    long lie;   /* added to where a range begins */
};

static void answer_file(int to, const struct answer *answer, const char *range, const char *if_range)
{
    char head[512];
    size_t from = 0, end = SERVER_BYTES;
    bool fits = !if_range[0] || !strcmp(if_range, answer->etag);
    bool part = answer->ranges && fits && sscanf(range, "bytes=%zu-", &from) == 1;
    if (part && from >= SERVER_BYTES) {
        snprintf(head, sizeof head, "HTTP/1.1 416 Range\r\nContent-Range: bytes */%d\r\nContent-Length: 0\r\n\r\n",
                 SERVER_BYTES);
        send_text(to, head);
        return;
    }
    if (!part)
        from = 0;
    size_t left = end - from;
    int used =
        snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n", part ? "206 Part" : "200 OK", left);
    if (part)
        used += snprintf(head + used, sizeof head - (size_t)used, "Content-Range: bytes %zu-%zu/%d\r\n",
                         (size_t)((long)from + answer->lie), end - 1, SERVER_BYTES);
    if (answer->etag[0])
        used += snprintf(head + used, sizeof head - (size_t)used, "ETag: %s\r\n", answer->etag);
    snprintf(head + used, sizeof head - (size_t)used, "Connection: close\r\n\r\n");
    send_text(to, head);
    send_all(to, answer->file + from, answer->cut && answer->cut < left ? answer->cut : left);
}

static void answer_slowly(int to)
{
    char head[128];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", SERVER_BYTES);
    send_text(to, head);
    for (int at = 0; at < SERVER_BYTES && !server.stopping; at += SERVER_BYTES / 50) {
        if (!send_all(to, server_file + at, SERVER_BYTES / 50))
            return;
        nap(0.02);
    }
}

static void answer_endlessly(int to)
{
    send_text(to, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    while (!server.stopping && send_all(to, server_file, SERVER_BYTES))
        ;
}

static void redirect(int to, const char *where)
{
    char head[256];
    snprintf(head, sizeof head, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", where);
    send_text(to, head);
}

static void status(int to, const char *line)
{
    char head[256];
    snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsorry\n", line);
    send_text(to, head);
}

static bool is(const char *path, const char *name)
{
    return !strcmp(path, name);
}

/* Those that serve the file itself, more or less. */
static bool answer_with_file(int to, const char *path, int count, const char *range, const char *if_range)
{
    struct answer answer = {.file = server_file, .etag = "\"one\"", .ranges = true};
    bool half = (is(path, "/drop") || is(path, "/deaf")) && count <= 2;
    half = half || is(path, "/short") || ((is(path, "/changes") || is(path, "/sly")) && count == 1);
    if (half)
        answer.cut = SERVER_BYTES / 2;
    if (is(path, "/deaf") || is(path, "/short"))
        answer.ranges = false;
    if (is(path, "/plain") || is(path, "/sly") || is(path, "/deaf"))
        answer.etag = "";
    if (is(path, "/wrong") || ((is(path, "/changes") || is(path, "/sly")) && count == 1))
        answer.file = server_other;
    if (is(path, "/changes") && count == 1)
        answer.etag = "\"zero\"";
    if (is(path, "/twisted"))
        answer.lie = count == 2 ? 7 : 0, answer.cut = count == 1 ? SERVER_BYTES / 2 : 0;
    static const char *const names[] = {"/whole", "/plain",   "/drop",    "/deaf", "/short",
                                        "/wrong", "/twisted", "/changes", "/sly"};
    for (size_t i = 0; i < THAW_LENGTH(names); i++)
        if (is(path, names[i])) {
            answer_file(to, &answer, range, if_range);
            return true;
        }
    return false;
}

static void answer_stall(int to, int count, const char *range)
{
    struct answer answer = {.file = server_file, .etag = "\"one\"", .ranges = true};
    answer.cut = count == 1 ? SERVER_BYTES / 2 : 0;
    answer_file(to, &answer, range, "");
    if (count == 1)
        fall_silent(to);
}

static void answer(int to, const char *path, const char *range, const char *if_range)
{
    int count = count_request(path);
    if (answer_with_file(to, path, count, range, if_range))
        return;
    if (is(path, "/stall"))
        answer_stall(to, count, range);
    else if (is(path, "/silent"))
        fall_silent(to);
    else if (is(path, "/slow"))
        answer_slowly(to);
    else if (is(path, "/endless"))
        answer_endlessly(to);
    else if (is(path, "/empty"))
        send_text(to, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    else if (is(path, "/huge"))
        send_text(to, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000\r\n\r\nx");
    else if (is(path, "/html"))
        send_text(to, "HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\n<html></html>");
    else if (is(path, "/nolength")) {
        send_text(to, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        send_all(to, server_file, SERVER_BYTES);
    } else if (is(path, "/busy") && count > 2)
        answer_file(to, &(struct answer){.file = server_file, .etag = ""}, "", "");
    else if (is(path, "/busy") || is(path, "/always503"))
        status(to, "503 Busy");
    else if (is(path, "/moved"))
        redirect(to, "/whole");
    else if (is(path, "/loop"))
        redirect(to, "/loop");
    else if (is(path, "/to-ftp"))
        redirect(to, "ftp://127.0.0.1/file");
    else if (is(path, "/to-file"))
        redirect(to, "file:///etc/hostname");
    else if (is(path, "/403"))
        status(to, "403 No");
    else
        status(to, "404 Not here");
}

static void take_header(const char *head, const char *name, char *value, size_t room)
{
    const char *at = strcasestr(head, name);
    value[0] = '\0';
    if (at) {
        at += strlen(name);
        at += strspn(at, " ");
        snprintf(value, room, "%.*s", (int)strcspn(at, "\r\n"), at);
    }
}

static void *serve(void *context)
{
    int to = (int)(long)context;
    char head[HEAD] = "", path[32] = "", range[64], if_range[128];
    size_t used = 0;
    while (!strstr(head, "\r\n\r\n") && used < HEAD - 1) {
        ssize_t got = recv(to, head + used, HEAD - 1 - used, 0);
        if (got <= 0)
            break;
        used += (size_t)got;
        head[used] = '\0';
    }
    if (sscanf(head, "GET %31s", path) == 1) {
        take_header(head, "\r\nRange:", range, sizeof range);
        take_header(head, "\r\nIf-Range:", if_range, sizeof if_range);
        pthread_mutex_lock(&server.lock);
        memcpy(server.range, range, sizeof range);
        memcpy(server.if_range, if_range, sizeof if_range);
        pthread_mutex_unlock(&server.lock);
        answer(to, path, range, if_range);
    }
    shutdown(to, SHUT_RDWR);
    close(to);
    return NULL;
}

static void *accept_all(void *context)
{
    (void)context;
    for (;;) {
        int to = accept(server.socket, NULL, NULL);
        if (server.stopping || to < 0)
            break;
        pthread_t thread;
        pthread_create(&thread, NULL, serve, (void *)(long)to);
        pthread_detach(thread);
    }
    return NULL;
}

int server_start(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    for (int i = 0; i < SERVER_BYTES; i++) {
        server_file[i] = (unsigned char)(i * 2654435761u >> 13);
        server_other[i] = (unsigned char)(i * 2246822519u >> 11);
    }
    server.socket = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server.socket, (struct sockaddr *)&address, length) != 0 || listen(server.socket, 16) != 0)
        return -1;
    getsockname(server.socket, (struct sockaddr *)&address, &length);
    pthread_create(&server.thread, NULL, accept_all, NULL);
    return ntohs(address.sin_port);
}

void server_stop(void)
{
    server.stopping = true;
    shutdown(server.socket, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    close(server.socket);
    nap(0.1); /* for those that are still answering */
}
