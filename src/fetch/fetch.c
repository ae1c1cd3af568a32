/* A fetch from its request to the finished file: tries until the part is whole, checks its digest, gives it its name. The
 * thread tells its progress under a lock; whoever asked polls it. */
#include "config.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fetch_private.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

enum { TRIES = 4, RETRY_SECONDS_MOST = 60 };
static const double stall_seconds = 30, retry_seconds = 1, tell_seconds = 0.1, rate_seconds = 3;

bool fetch_ended(enum fetch_phase phase)
{
    return phase >= FETCH_DONE;
}

/* --- addresses --- */

char *fetch_address(const char *url, const char *mirror)
{
    if (!mirror)
        mirror = getenv("THAW_MIRROR");
    return mirror && mirror[0] ? path_join(mirror, path_base(url)) : mem_string(url);
}

/* In single quotes where the text needs them. */
static char *quoted(const char *text)
{
    size_t quotes = 0, used = 0;
    bool plain = text[0] != '\0';
    for (const char *at = text; *at; at++) {
        plain = plain && (isalnum((unsigned char)*at) || strchr("/._-:+,=@%", *at));
        quotes += *at == '\'';
    }
    if (plain)
        return mem_string(text);
    char *to = mem_alloc(strlen(text) + 3 * quotes + 3);
    to[used++] = '\'';
    for (const char *at = text; *at; at++)
        used += (size_t)sprintf(to + used, *at == '\'' ? "'\\''" : "%c", *at);
    strcpy(to + used, "'");
    return to;
}

char *fetch_by_hand(const char *url, const char *path)
{
    char *from = quoted(url), *to = quoted(path);
    char *command = mem_format("curl -L --fail -o %s %s", to, from);
    mem_free(from);
    mem_free(to);
    return command;
}

/* --- telling --- */

bool fetch_go_on(void *context)
{
    struct fetch *fetch = context;
    return !job_cancelled(fetch->self);
}

bool fetch_sleep(struct fetch *fetch, double seconds)
{
    double until = clock_monotonic() + seconds;
    while (fetch_go_on(fetch) && clock_monotonic() < until)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    return fetch_go_on(fetch);
}

void fetch_note(struct fetch *fetch, const char *format, ...)
{
    va_list args;
    pthread_mutex_lock(&fetch->lock);
    va_start(args, format);
    vsnprintf(fetch->progress.note, sizeof fetch->progress.note, format, args);
    va_end(args);
    pthread_mutex_unlock(&fetch->lock);
}

/* The rate over the last seconds; a new stretch of receiving starts anew. */
static void measure_rate(struct fetch *fetch, bool starts, double received, double now)
{
    struct fetch_progress *progress = &fetch->progress;
    if (starts) {
        fetch->rate_at = now;
        fetch->rate_from = received;
        progress->rate = 0;
    }
    double seconds = now - fetch->rate_at;
    if (seconds < tell_seconds)
        return;
    progress->rate = (received - fetch->rate_from) / seconds;
    if (seconds > rate_seconds) { /* keeps half of the window */
        fetch->rate_from = received - progress->rate * rate_seconds / 2;
        fetch->rate_at = now - rate_seconds / 2;
    }
}

void fetch_tell(struct fetch *fetch, enum fetch_phase phase, double received, double total)
{
    struct fetch_progress *progress = &fetch->progress;
    double now = clock_monotonic();
    pthread_mutex_lock(&fetch->lock);
    bool turned = progress->phase != phase;
    if (phase == FETCH_RECEIVING)
        measure_rate(fetch, turned, received, now);
    else
        progress->rate = 0;
    progress->phase = phase;
    progress->received = received;
    progress->total = total;
    bool known = phase == FETCH_RECEIVING && total > 0 && progress->rate > 0;
    progress->remaining = known ? fmax(0, total - received) / progress->rate : -1;
    pthread_mutex_unlock(&fetch->lock);
    if (fetch->changed && (turned || now - fetch->told >= tell_seconds)) {
        fetch->told = now;
        fetch->changed(fetch->context);
    }
}

static void end(struct fetch *fetch, enum fetch_phase phase, const struct error *error)
{
    double received = fetch->progress.received, total = fetch->progress.total;
    pthread_mutex_lock(&fetch->lock);
    fetch->progress.error = *error;
    pthread_mutex_unlock(&fetch->lock);
    fetch_tell(fetch, phase, received, phase == FETCH_DONE ? received : total);
}

/* --- steps --- */

/* The file of this name with the digest that is expected: nothing is left to do. */
static bool check_present(struct fetch *fetch, struct error *error)
{
    char found[DIGEST_TEXT];
    fetch_note(fetch, "it is there already");
    if (fetch->hash.kind == DIGEST_NONE)
        return true;
    if (!digest_file(found, fetch->hash.kind, fetch->path, fetch_go_on, fetch, error))
        return false;
    if (digest_matches(&fetch->hash, found))
        return true;
    return error_set(error, ERROR_WEIGHTS,
                     "%s is there already, but it is not the published file: %s %s expected, %.*s found; move it away "
                     "to fetch it",
                     fetch->path, digest_name(fetch->hash.kind), fetch->hash.hex, (int)strlen(fetch->hash.hex), found);
}

/* Tries until all has come. Bytes that come give new patience. */
static bool receive(struct fetch *fetch, struct partial *partial, struct error *error)
{
    double pause = fetch->retry_seconds;
    uint64_t most = partial->bytes;
    for (int try = 1;;) {
        double wait = 0;
        fetch_tell(fetch, FETCH_CONNECTING, (double)partial->bytes, partial->total);
        enum transfer_end how = transfer_run(fetch, partial, &wait, error);
        if (how == TRANSFER_WHOLE)
            return true;
        if (!fetch_go_on(fetch))
            return error_set(error, ERROR_STOPPED, "cancelled");
        if (partial->bytes > most) {
            most = partial->bytes;
            try = 0;
            pause = fetch->retry_seconds;
        }
        if (how == TRANSFER_FAILED || try++ >= fetch->tries)
            return false;
        fetch_note(fetch, "%s; trying again", error->text);
        fetch_tell(fetch, FETCH_RETRYING, (double)partial->bytes, partial->total);
        wait = wait > RETRY_SECONDS_MOST ? RETRY_SECONDS_MOST : wait > pause ? wait : pause;
        if (!fetch_sleep(fetch, wait))
            return error_set(error, ERROR_STOPPED, "cancelled");
        pause *= 2;
    }
}

/* Another file than the published one never gets its name. */
static bool check_digest(struct fetch *fetch, struct partial *partial, bool *right, struct error *error)
{
    char found[DIGEST_TEXT];
    *right = true;
    if (fetch->hash.kind == DIGEST_NONE)
        return true;
    fetch_tell(fetch, FETCH_CHECKING, (double)partial->bytes, (double)partial->bytes);
    if (!digest_file(found, fetch->hash.kind, partial->path, fetch_go_on, fetch, error))
        return false;
    *right = digest_matches(&fetch->hash, found);
    if (!*right)
        error_set(error, ERROR_WEIGHTS, "%s: not the published file: %s %s expected, %.*s found", fetch->url,
                  digest_name(fetch->hash.kind), fetch->hash.hex, (int)strlen(fetch->hash.hex), found);
    return true;
}

static bool set_aside(struct fetch *fetch, struct partial *partial, struct error *error)
{
    char *bad = mem_format("%s.bad", fetch->path);
    partial_set_aside(partial, bad);
    size_t length = strlen(error->text);
    snprintf(error->text + length, sizeof error->text - length, "; what came is kept as %s", bad);
    mem_free(bad);
    return false;
}

/* With the part locked. What came in several tries may be of a file that was replaced in between: then all comes anew. */
static bool fetch_partial(struct fetch *fetch, struct partial *partial, struct error *error)
{
    bool right;
    if (file_exists(fetch->path)) /* made while we waited */
        return check_present(fetch, error);
    partial->joined = partial->bytes > 0;
    if (partial->joined)
        fetch_note(fetch, "goes on after %.1f MB", (double)partial->bytes / 1e6);
    if (!receive(fetch, partial, error) || !check_digest(fetch, partial, &right, error))
        return false;
    if (!right && partial->joined) {
        fetch_note(fetch, "what came in parts does not fit together; from the beginning again");
        if (!partial_restart(partial, error) || !receive(fetch, partial, error) ||
            !check_digest(fetch, partial, &right, error))
            return false;
    }
    return right ? partial_become(partial, fetch->path, error) : set_aside(fetch, partial, error);
}

static bool refuse_offline(const struct fetch *fetch, struct error *error)
{
    return error_set(error, ERROR_FAILED, "%s is not there, and no network is to be used", fetch->path);
}

static bool run(struct fetch *fetch, struct error *error)
{
    struct partial partial;
    if (file_exists(fetch->path))
        return check_present(fetch, error);
    if (fetch->offline && strncmp(fetch->url, "file:", 5) != 0)
        return refuse_offline(fetch, error);
    if (!fetch_available())
        return error_set(error, ERROR_FAILED, "%s is not there, and this build has no downloads (libcurl)",
                         fetch->path);
    char *folder = mem_format("%.*s", (int)(path_base(fetch->path) - fetch->path), fetch->path);
    bool good = !folder[0] || file_make_directories(folder, error);
    mem_free(folder);
    if (!good)
        return false;
    good = partial_open(&partial, fetch, error) && fetch_partial(fetch, &partial, error);
    partial_close(&partial);
    return good;
}

static bool run_job(struct job *job, void *context, struct error *error)
{
    struct fetch *fetch = context;
    fetch->self = job;
    bool done = run(fetch, error);
    if (done)
        *error = (struct error){.kind = ERROR_NONE};
    end(fetch, done ? FETCH_DONE : fetch_go_on(fetch) ? FETCH_FAILED : FETCH_CANCELLED, error);
    return done;
}

/* --- from outside --- */

static bool is_address(const char *url)
{
    static const char *const schemes[] = {"https://", "http://", "file://"};
    for (size_t i = 0; i < THAW_LENGTH(schemes); i++)
        if (!strncmp(url, schemes[i], strlen(schemes[i])))
            return !strpbrk(url, " \t\r\n") && path_base(url)[0];
    return false;
}

static void release(struct fetch *fetch)
{
    transfer_finish();
    pthread_mutex_destroy(&fetch->lock);
    mem_free(fetch->url);
    mem_free(fetch->path);
    mem_free(fetch);
}

struct fetch *fetch_create(const struct fetch_request *request, struct error *error)
{
    struct fetch *fetch = mem_alloc(sizeof *fetch);
    fetch->url = fetch_address(request->url, request->mirror);
    if (!is_address(fetch->url)) {
        error_set(error, ERROR_USAGE, "%s: not an address that begins with https:// or http://", fetch->url);
        mem_free(fetch->url);
        mem_free(fetch);
        return NULL;
    }
    fetch->path = mem_string(request->path);
    fetch->hash = request->hash;
    fetch->size = isfinite(request->size) ? request->size : 0;
    fetch->stall_seconds = request->stall_seconds > 0 ? request->stall_seconds : stall_seconds;
    fetch->retry_seconds = request->retry_seconds > 0 ? request->retry_seconds : retry_seconds;
    fetch->tries = request->tries > 0 ? request->tries : TRIES;
    fetch->offline = request->offline;
    fetch->changed = request->changed;
    fetch->context = request->context;
    fetch->progress = (struct fetch_progress){.phase = FETCH_CONNECTING, .remaining = -1};
    pthread_mutex_init(&fetch->lock, NULL);
    transfer_begin();
    fetch->job = job_start(
        &(struct job_request){.run = run_job, .context = fetch, .what = "download a file", .wake = -1}, error);
    if (fetch->job)
        return fetch;
    release(fetch);
    return NULL;
}

void fetch_cancel(struct fetch *fetch)
{
    job_cancel(fetch->job);
}

void fetch_progress(struct fetch *fetch, struct fetch_progress *progress)
{
    pthread_mutex_lock(&fetch->lock);
    *progress = fetch->progress;
    pthread_mutex_unlock(&fetch->lock);
}

void fetch_destroy(struct fetch *fetch)
{
    if (!fetch)
        return;
    job_destroy(fetch->job);
    release(fetch);
}
