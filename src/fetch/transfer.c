/* One try, on libcurl: asks for what the part lacks, on condition that the file is still the one it began as, and sorts
 * the answers into whole, again and failed. Nothing a server says is believed without a look: lengths, ranges, where it
 * sends us. */
#include "config.h"

#include <string.h>

#include "fetch_private.h"

#ifndef HAVE_CURL

bool fetch_available(void)
{
    return false;
}

void transfer_begin(void) {}
void transfer_finish(void) {}

enum transfer_end transfer_run(struct fetch *fetch, struct partial *partial, double *wait, struct error *error)
{
    (void)partial;
    (void)wait;
    error_set(error, ERROR_FAILED, "%s: this build has no downloads (libcurl)", fetch->url);
    return TRANSFER_FAILED;
}

#else

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { REDIRECTS_MOST = 5, POLL_MILLISECONDS = 100, SLOW_BYTES_A_SECOND = 100 };
static const double size_factor_most = 2, size_spare = 64 << 20;

bool fetch_available(void)
{
    return true;
}

void transfer_begin(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

void transfer_finish(void)
{
    curl_global_cleanup();
}

struct transfer {
    struct fetch *fetch;
    struct partial *partial;
    CURL *curl;
    struct error *error;
    uint64_t asked_from; /* first byte asked for */
    /* of the answer being read; a redirection's is forgotten when the next begins */
    long status;
    double length, range_from, range_total, retry_after; /* -1: not said */
    char validator[VALIDATOR_MAX];
    bool begun;   /* its body comes in */
    bool refused; /* by us: error is set */
    enum transfer_end how;
};

/* --- the answer's head --- */

static void forget_answer(struct transfer *t)
{
    t->length = t->range_from = t->range_total = t->retry_after = -1;
    t->validator[0] = '\0';
}

/* The value behind "name:", or NULL. */
static const char *header_value(const char *line, const char *name)
{
    size_t length = strlen(name);
    if (strncasecmp(line, name, length) != 0 || line[length] != ':')
        return NULL;
    line += length + 1;
    return line + strspn(line, " \t");
}

/* A weak ETag says nothing about bytes; then the date has to do. */
static void take_validator(struct transfer *t, const char *etag, const char *date)
{
    const char *value = etag ? etag : date;
    bool weak = etag && !strncmp(etag, "W/", 2);
    if (weak || !value[0] || strlen(value) >= sizeof t->validator || (date && t->validator[0]))
        return;
    strcpy(t->validator, value);
}

static size_t take_header(char *data, size_t item, size_t count, void *context)
{
    struct transfer *t = context;
    char line[1024];
    size_t size = item * count, kept = size < sizeof line - 1 ? size : sizeof line - 1;
    memcpy(line, data, kept);
    while (kept && strchr("\r\n \t", line[kept - 1]))
        kept--;
    line[kept] = '\0';
    if (strlen(line) != kept) /* a NUL inside */
        return size;
    const char *value;
    if (!strncmp(line, "HTTP/", 5))
        forget_answer(t);
    else if ((value = header_value(line, "ETag")))
        take_validator(t, value, NULL);
    else if ((value = header_value(line, "Last-Modified")))
        take_validator(t, NULL, value);
    else if ((value = header_value(line, "Retry-After")))
        t->retry_after = strtod(value, NULL);
    else if ((value = header_value(line, "Content-Range"))) {
        if (sscanf(value, "bytes %lf-%*f/%lf", &t->range_from, &t->range_total) < 1)
            sscanf(value, "bytes */%lf", &t->range_total);
    }
    return size;
}

/* --- its body --- */

static bool refuse(struct transfer *t, enum transfer_end how)
{
    t->refused = true;
    t->how = how;
    return false;
}

/* Before the first byte: where it belongs, and whether it may come at all. */
static bool begin_body(struct transfer *t)
{
    struct partial *partial = t->partial;
    curl_off_t length = -1;
    t->begun = true;
    curl_easy_getinfo(t->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (t->status == 206) {
        if (t->range_from != (double)t->asked_from) {
            error_set(t->error, ERROR_FAILED, "%s: the server sends another part than it was asked for", t->fetch->url);
            return refuse(t, partial_restart(partial, t->error) ? TRANSFER_AGAIN : TRANSFER_FAILED);
        }
        if (partial->total > 0 && t->range_total > 0 && partial->total != t->range_total) {
            error_set(t->error, ERROR_FAILED, "%s: the file on the server is another now", t->fetch->url);
            return refuse(t, partial_restart(partial, t->error) ? TRANSFER_AGAIN : TRANSFER_FAILED);
        }
        partial->total = t->range_total > 0 ? t->range_total : partial->total;
        partial->joined = true;
    } else {
        if (partial->bytes) {
            fetch_note(t->fetch, "the server starts from the beginning again");
            if (!partial_restart(partial, t->error))
                return refuse(t, TRANSFER_FAILED);
        }
        partial->total = length > 0 ? (double)length : 0;
        strcpy(partial->validator, t->validator);
    }
    if (t->fetch->size > 0 && partial->total > size_factor_most * t->fetch->size + size_spare) {
        error_set(t->error, ERROR_FAILED, "%s: the server announces %.1f MB, %.1f MB are expected", t->fetch->url,
                  partial->total / 1e6, t->fetch->size / 1e6);
        return refuse(t, TRANSFER_FAILED);
    }
    if (partial->total > 0 && !partial_has_room(partial, partial->total - (double)partial->bytes, t->error))
        return refuse(t, TRANSFER_FAILED);
    partial_keep_origin(partial, t->fetch->url);
    return true;
}

static size_t take_body(char *data, size_t item, size_t count, void *context)
{
    struct transfer *t = context;
    size_t size = item * count;
    struct partial *partial = t->partial;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &t->status);
    if (t->status >= 300)
        return size; /* a page about a fault: read and dropped */
    if (!t->begun && !begin_body(t))
        return 0;
    double after = (double)partial->bytes + (double)size;
    double most = partial->total > 0   ? partial->total
                  : t->fetch->size > 0 ? size_factor_most * t->fetch->size + size_spare
                                       : 0;
    if (most > 0 && after > most) {
        error_set(t->error, ERROR_FAILED, "%s: the server sends more than the %.1f MB that %s", t->fetch->url,
                  most / 1e6, partial->total > 0 ? "it announced" : "can be right");
        refuse(t, TRANSFER_FAILED);
        return 0;
    }
    if (!partial_write(partial, data, size, t->error)) {
        refuse(t, TRANSFER_FAILED);
        return 0;
    }
    fetch_tell(t->fetch, FETCH_RECEIVING, (double)partial->bytes, partial->total);
    return size;
}

/* --- the request --- */

static struct curl_slist *set_up(struct transfer *t)
{
    CURL *curl = t->curl;
    const struct fetch *fetch = t->fetch;
    struct curl_slist *headers = NULL;
    bool secure = !strncmp(fetch->url, "https:", 6), local = !strncmp(fetch->url, "file:", 5);
    curl_easy_setopt(curl, CURLOPT_URL, fetch->url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MOST);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, local ? "file" : "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
#else
    long web = CURLPROTO_HTTP | CURLPROTO_HTTPS;
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS, local ? (long)CURLPROTO_FILE : web);
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS, secure ? (long)CURLPROTO_HTTPS : web);
#endif
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)(1e3 * fetch->stall_seconds) + 1);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES_A_SECOND);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, fetch->stall_seconds < 1 ? 1L : (long)fetch->stall_seconds);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
    if (t->asked_from && !local) {
        char text[VALIDATOR_MAX + 64];
        snprintf(text, sizeof text, "%llu-", (unsigned long long)t->asked_from);
        curl_easy_setopt(curl, CURLOPT_RANGE, text);
        if (t->partial->validator[0]) {
            snprintf(text, sizeof text, "If-Range: %s", t->partial->validator);
            headers = curl_slist_append(headers, text);
        }
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    return headers;
}

/* Runs it to its end, or until the fetch is cancelled. */
static CURLcode perform(struct transfer *t)
{
    CURLM *multi = curl_multi_init();
    CURLcode code = CURLE_ABORTED_BY_CALLBACK;
    int running = 1, left;
    curl_multi_add_handle(multi, t->curl);
    while (running && fetch_go_on(t->fetch)) {
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            break;
        if (running)
            curl_multi_poll(multi, NULL, 0, POLL_MILLISECONDS, NULL);
    }
    for (const CURLMsg *message; (message = curl_multi_info_read(multi, &left));)
        if (message->msg == CURLMSG_DONE)
            code = message->data.result;
    curl_multi_remove_handle(multi, t->curl);
    curl_multi_cleanup(multi);
    return code;
}

/* --- how it ended --- */

static enum transfer_end judge_status(struct transfer *t)
{
    const char *url = t->fetch->url;
    static const struct {
        long status;
        const char *text;
    } known[] = {{401, "it wants a password"}, {403, "forbidden"},      {404, "there is no such file"},
                 {410, "the file is gone"},    {429, "too many asked"}, {500, "it has a fault"},
                 {502, "it has a fault"},      {503, "it is busy"},     {504, "it is too slow"}};
    const char *text = "";
    for (size_t i = 0; i < THAW_LENGTH(known); i++)
        if (known[i].status == t->status)
            text = known[i].text;
    if (t->status == 416 && t->partial->bytes) {
        if (t->range_total == (double)t->partial->bytes)
            return TRANSFER_WHOLE;
        error_set(t->error, ERROR_FAILED, "%s: the file on the server is another now", url);
        return partial_restart(t->partial, t->error) ? TRANSFER_AGAIN : TRANSFER_FAILED;
    }
    error_set(t->error, ERROR_FAILED, "%s: the server answers %ld%s%s", url, t->status, text[0] ? ": " : "", text);
    bool passing = t->status == 408 || t->status == 429 || t->status >= 500;
    return passing ? TRANSFER_AGAIN : TRANSFER_FAILED;
}

static enum transfer_end judge_length(struct transfer *t)
{
    struct partial *partial = t->partial;
    if (!t->begun && !begin_body(t)) /* an empty body never came by */
        return t->how;
    if (!partial->bytes && partial->total <= 0) {
        error_set(t->error, ERROR_FAILED, "%s: the server sends an empty file", t->fetch->url);
        return TRANSFER_FAILED;
    }
    if (partial->total <= 0 || (double)partial->bytes == partial->total)
        return TRANSFER_WHOLE;
    error_set(t->error, ERROR_FAILED, "%s: the server announced %.0f bytes and ended after %llu", t->fetch->url,
              partial->total, (unsigned long long)partial->bytes);
    return TRANSFER_AGAIN;
}

static enum transfer_end judge_fault(struct transfer *t, CURLcode code, const char *detail)
{
    const char *url = t->fetch->url;
    switch (code) {
    case CURLE_PARTIAL_FILE:
        return judge_length(t);
    case CURLE_TOO_MANY_REDIRECTS:
        error_set(t->error, ERROR_FAILED, "%s: sent on from address to address, more than %d times", url,
                  REDIRECTS_MOST);
        return TRANSFER_FAILED;
    case CURLE_UNSUPPORTED_PROTOCOL:
        error_set(t->error, ERROR_FAILED, "%s: sent on to an address that is not %s, which is refused", url,
                  strncmp(url, "https:", 6) ? "http or https" : "https");
        return TRANSFER_FAILED;
    case CURLE_OPERATION_TIMEDOUT:
        error_set(t->error, ERROR_FAILED, "%s: nothing came for %.0f seconds", url, t->fetch->stall_seconds);
        return TRANSFER_AGAIN;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SSL_CONNECT_ERROR:
        error_set(t->error, ERROR_FAILED, "%s: %s", url, detail[0] ? detail : curl_easy_strerror(code));
        return TRANSFER_AGAIN;
    default:
        error_set(t->error, ERROR_FAILED, "%s: %s", url, detail[0] ? detail : curl_easy_strerror(code));
        return TRANSFER_FAILED;
    }
}

static enum transfer_end judge(struct transfer *t, CURLcode code, const char *detail)
{
    if (t->refused)
        return t->how;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &t->status);
    if (code != CURLE_OK)
        return judge_fault(t, code, detail);
    if (t->status >= 300)
        return judge_status(t);
    return judge_length(t);
}

enum transfer_end transfer_run(struct fetch *fetch, struct partial *partial, double *wait, struct error *error)
{
    char detail[CURL_ERROR_SIZE] = "";
    struct transfer t = {.fetch = fetch, .partial = partial, .error = error, .asked_from = partial->bytes};
    forget_answer(&t);
    if (partial->total > 0 && (double)partial->bytes == partial->total)
        return TRANSFER_WHOLE; /* stopped between the last byte and its digest */
    t.curl = curl_easy_init();
    if (!t.curl) {
        error_set(error, ERROR_FAILED, "libcurl does not start");
        return TRANSFER_FAILED;
    }
    struct curl_slist *headers = set_up(&t);
    curl_easy_setopt(t.curl, CURLOPT_ERRORBUFFER, detail);
    CURLcode code = perform(&t);
    enum transfer_end how = judge(&t, code, detail);
    *wait = t.retry_after > 0 ? t.retry_after : 0;
    curl_easy_cleanup(t.curl);
    curl_slist_free_all(headers);
    return how;
}

#endif
