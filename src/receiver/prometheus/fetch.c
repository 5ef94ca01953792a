/* SPDX-License-Identifier: Apache-2.0 */
/* fetch_start() makes the call; its body comes into a block that grows with it and is charged to the budget; when all
 * is there it is inflated, into another one; a large one on a thread. A redirect is another call, to the same client,
 * or to one of its own where it leads to another host: who we are is not told there.
 *
 * What can go wrong ends it with a fault and a sentence. A body that reaches the limit is not read on; the connection
 * goes then. */
#include "receiver/prometheus/fetch.h"

#include "codec/compress.h"
#include "net/http1/http1.h"

#include <stdarg.h>
#include <stdio.h>

#define MOST_REDIRECTS 10
#define FIRST_ROOM 16384u
#define LAST_ROOM ((size_t)1024 * 1024)
#define LARGE ((size_t)128 * 1024) /* compressed bytes: a thread inflates them */
#define USUAL_RATIO 16 /* more than that is seldom inside; it is then tried again with all that is allowed */
#define RELEASED_AT_ONCE ((size_t)1 << 20) /* of a body: to give memory back takes the kernel 0.1 ms a MiB */
#define IDLE_TALK 65536u                   /* bytes of a body that nobody reads: of an error, of a redirect */

static void start_call(struct fetch *f);

/* ---- the end ---- */

static void leave_away(struct fetch *f)
{
    if (f->away != NULL)
        http_client_close(f->away);
    f->away = NULL;
}

static void end_fetch(struct fetch *f)
{
    f->running = false;
    leave_away(f);
    f->on_done(f);
}

__attribute__((format(printf, 3, 4))) static void set_fault(struct fetch *f, enum fetch_fault fault, const char *fmt,
                                                            ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(f->why, sizeof(f->why), fmt, args);
    va_end(args);
    f->fault = fault;
    f->body = bytes_of("", 0);
}

static void set_status_fault(struct fetch *f, int status)
{
    set_fault(f, FETCH_STATUS, "server returned HTTP status %d %s", status, http1_reason(status));
}

static void fail_later(struct turn_task *task)
{
    end_fetch(container_of(task, struct fetch, failing));
}

/* From inside start or a callback of the call, which is over. */
static void fail_soon(struct fetch *f)
{
    f->failing.run = fail_later;
    turn_defer(&f->caller->node->host->loop->turn, &f->failing);
}

/* ---- the body ---- */

/* It is doubled, but no further than a page needs that is as long as the last one, and an eighth. */
static size_t room_for(const struct fetch *f, size_t cap, size_t need)
{
    size_t usual = f->usual + f->usual / 8;

    while (cap < need)
        cap *= 2;
    return need <= usual && usual < cap ? usual : cap;
}

static bool make_room(struct fetch *f, size_t n)
{
    size_t usual = f->usual < FIRST_ROOM ? FIRST_ROOM : f->usual < LAST_ROOM ? f->usual : LAST_ROOM;
    size_t need = f->len + n;
    struct block *grown;

    if (f->block == NULL) {
        f->block = block_new(f->caller->node->host->budget, room_for(f, usual, need));
        return f->block != NULL;
    }
    if (need <= f->block->cap)
        return true;
    grown = block_grow(f->block, room_for(f, f->block->cap, need), false);
    if (grown != NULL)
        f->block = grown;
    return grown != NULL;
}

static void on_body(struct http_call *call, struct bytes data)
{
    struct fetch *f = container_of(call, struct fetch, call);

    if (call->status != 200) {
        f->len += data.len;
        if (f->len <= IDLE_TALK)
            return;
        set_status_fault(f, call->status);
    } else if (data.len == 0) {
        return;
    } else if (data.len >= f->limit || f->len >= f->limit - data.len) {
        set_fault(f, FETCH_TOO_LARGE, "body size limit exceeded: %llu bytes", (unsigned long long)f->limit);
    } else if (!make_room(f, data.len)) {
        set_fault(f, FETCH_NO_ROOM, "no room in the memory budget for the body");
    }
    if (f->fault != FETCH_DONE) {
        http_call_cancel(call);
        fail_soon(f);
        return;
    }
    memcpy(f->block->data + f->len, data.data, data.len);
    f->len += data.len;
}

/* ---- inflating ---- */

static void take_inflated(struct fetch *f, int rc, struct block *block, size_t len, const struct error *err)
{
    if (rc == UV_EFBIG || (rc == 0 && len >= f->limit))
        set_fault(f, FETCH_TOO_LARGE, "body size limit exceeded: %llu bytes", (unsigned long long)f->limit);
    else if (rc == UV_ENOMEM)
        set_fault(f, FETCH_NO_ROOM, "no room in the memory budget for the body");
    else if (rc != 0)
        set_fault(f, FETCH_CODING, "the body cannot be inflated: %s", err->text);
    if (rc != 0)
        return;
    block_unref(f->block);
    f->block = block;
    if (f->fault == FETCH_DONE)
        f->body = bytes_of(block->data, len);
}

/* Beside the loop. It reads a block that nobody changes and allocates without the budget, which is the loop's: the most
 * that it can need is charged before. */
struct inflating {
    struct job job;
    struct fetch *of;
    struct budget *budget;
    struct block *in;
    struct bytes packed;
    uint64_t max, charge;
    int rc;
    struct block *out;
    size_t len;
    struct error err;
};

static void inflate_on_thread(struct job *job)
{
    struct inflating *i = container_of(job, struct inflating, job);

    i->rc = inflate_block(CODING_GZIP, i->packed, (size_t)i->max, NULL, &i->out, &i->len, &i->err);
}

static void free_inflating(struct job *job)
{
    struct inflating *i = container_of(job, struct inflating, job);

    budget_give(i->budget, i->charge);
    block_unref(i->in);
    if (i->out != NULL)
        block_unref(i->out);
    free(i);
}

static bool begin_inflating(struct fetch *f, uint64_t max);

static void on_inflated(struct job *job)
{
    struct inflating *i = container_of(job, struct inflating, job);
    struct fetch *f = i->of;
    bool again = i->rc == UV_EFBIG && i->max < f->limit;

    f->inflating = NULL;
    if (i->rc == 0)
        block_adopt(i->out, i->budget);
    if (!again)
        take_inflated(f, i->rc, i->out, i->len, &i->err);
    if (i->rc == 0)
        i->out = NULL;
    free_inflating(job);
    if (!again || !begin_inflating(f, f->limit))
        end_fetch(f);
}

/* False: there is no room for it, and that is the fault. */
static bool begin_inflating(struct fetch *f, uint64_t max)
{
    struct budget *budget = f->caller->node->host->budget;
    struct inflating *i;

    if (!budget_take(budget, max)) {
        take_inflated(f, UV_ENOMEM, NULL, 0, NULL);
        return false;
    }
    i = f->inflating = mem_zalloc(sizeof(*i));
    i->job = (struct job){ .work = inflate_on_thread, .done = on_inflated, .drop = free_inflating };
    i->of = f;
    i->budget = budget;
    i->in = block_ref(f->block);
    i->packed = bytes_of(f->block->data, f->len);
    i->max = i->charge = max;
    job_start(f->caller->node->host->loop, JOB_CPU, &i->job);
    return true;
}

/* False: a thread does it. */
static bool inflate_body(struct fetch *f)
{
    uint64_t likely = f->len * USUAL_RATIO;
    struct block *block = NULL;
    struct error err;
    size_t len = 0;
    int rc;

    if (f->len > LARGE)
        return !begin_inflating(f, likely < f->limit ? likely : f->limit);
    rc = inflate_block(CODING_GZIP, f->body, (size_t)f->limit, f->caller->node->host->budget, &block, &len, &err);
    take_inflated(f, rc, block, len, &err);
    return true;
}

static void keep_header(struct fetch *f, const struct http_response *a)
{
    const struct bytes *value = f->kept_name != NULL ? http_response_header(a, f->kept_name) : NULL;
    size_t n = value != NULL && value->len < sizeof(f->kept) ? value->len : 0;

    if (n > 0)
        memcpy(f->kept, value->data, n);
    f->kept[n] = '\0';
}

/* False: it goes on. */
static bool take_answer(struct fetch *f, const struct http_response *a)
{
    const struct bytes *type = http_response_header(a, "content-type");
    const struct bytes *coding_header = http_response_header(a, "content-encoding");
    enum coding coding = coding_header != NULL ? coding_by_name(*coding_header) : CODING_IDENTITY;

    free(f->type_memory);
    f->type_memory = type != NULL ? bytes_dup(*type) : NULL;
    f->type = type != NULL ? bytes_str(f->type_memory) : bytes_of("", 0);
    keep_header(f, a);
    f->usual = f->len;
    f->body = f->block != NULL ? bytes_of(f->block->data, f->len) : bytes_of("", 0);
    if (coding != CODING_IDENTITY && coding != CODING_GZIP)
        set_fault(f, FETCH_CODING, "the body is in a coding that was not asked for");
    else if (coding == CODING_GZIP && f->block != NULL)
        return inflate_body(f);
    return true;
}

/* ---- redirects ---- */

static bool is_scheme(struct bytes s, const char *name)
{
    size_t n = strlen(name);

    return s.len >= n && bytes_equal_nocase(bytes_of(s.data, n), bytes_str(name));
}

/* Behind the last / of the path, query aside. */
static size_t directory_length(struct bytes target)
{
    size_t n = 0;

    for (size_t i = 0; i < target.len && target.data[i] != '?'; i++)
        if (target.data[i] == '/')
            n = i + 1;
    return n;
}

bool fetch_resolve(const char *base, struct bytes location, struct buf *out)
{
    size_t len = location.len;
    struct url u;

    for (size_t i = 0; i < len; i++) {
        if (location.data[i] <= ' ' || location.data[i] == 0x7f)
            return false;
        if (location.data[i] == '#')
            len = i;
    }
    location.len = len;
    if (is_scheme(location, "http://") || is_scheme(location, "https://")) {
        buf_put(out, location);
        return true;
    }
    if (url_parse(&u, bytes_str(base), NULL) != 0 || memmem(location.data, len, "://", 3) != NULL)
        return false;
    buf_puts(out, u.secure ? "https:" : "http:");
    if (len >= 2 && memcmp(location.data, "//", 2) == 0) {
        buf_put(out, location);
        return true;
    }
    buf_puts(out, "//");
    url_put_authority(out, &u);
    if (len == 0 || location.data[0] == '?') {
        const uint8_t *query = memchr(u.target.data, '?', u.target.len);

        buf_put(out, bytes_of(u.target.data, query != NULL ? (size_t)(query - u.target.data) : u.target.len));
    } else if (location.data[0] != '/') {
        buf_put(out, bytes_of(u.target.data, directory_length(u.target)));
    }
    buf_put(out, location);
    return true;
}

static bool same_origin(const char *a, const char *b)
{
    struct url x, y;

    return url_parse(&x, bytes_str(a), NULL) == 0 && url_parse(&y, bytes_str(b), NULL) == 0 && x.secure == y.secure &&
           bytes_equal_nocase(x.host, y.host) && bytes_equal(url_port(&x), url_port(&y));
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* False: it is not followed. */
static bool follow_redirect(struct fetch *f, const struct http_response *a)
{
    const struct bytes *location = http_response_header(a, "location");
    struct buf to = { 0 };

    if (!is_redirect(a->status) || !f->caller->config->follow_redirects || location == NULL)
        return false;
    if (f->redirects++ == MOST_REDIRECTS) {
        set_fault(f, FETCH_REDIRECTS, "stopped after %d redirects", MOST_REDIRECTS);
        return false;
    }
    if (!fetch_resolve(f->redirected != NULL ? f->redirected : f->url, *location, &to)) {
        set_fault(f, FETCH_REDIRECTS, "redirected to what is no URL of http");
        buf_free(&to);
        return false;
    }
    free(f->redirected);
    f->redirected = bytes_dup(buf_bytes(&to));
    buf_free(&to);
    start_call(f);
    return true;
}

/* ---- the call ---- */

static void on_done(struct http_call *call, const struct http_response *a)
{
    struct fetch *f = container_of(call, struct fetch, call);

    if (a->failure == HTTP_ANSWERED && follow_redirect(f, a))
        return;
    if (a->failure == HTTP_ANSWERED && a->status == 401 && f->trusted && f->caller->auth != NULL)
        (void)authenticator_refused(f->caller->auth, &f->authorized.auth); /* the next one has another */
    if (f->fault != FETCH_DONE) {
        end_fetch(f);
        return;
    }
    if (a->failure == HTTP_TIMED_OUT ||
        (a->failure != HTTP_ANSWERED && clock_mono(&f->caller->node->host->loop->clock) >= f->deadline))
        set_fault(f, FETCH_TIMEOUT, "%s", a->why);
    else if (a->failure != HTTP_ANSWERED)
        set_fault(f, FETCH_UNREACHED, "%s", a->why);
    else if (a->status != 200)
        set_status_fault(f, a->status);
    else if (!take_answer(f, a))
        return;
    end_fetch(f);
}

/* Of this URL, its path and query. */
static const char *path_of(const char *url)
{
    struct url u;

    if (url_parse(&u, bytes_str(url), NULL) != 0)
        return "/";
    return (const char *)u.target.data;
}

static void set_headers(struct fetch *f, bool trusted)
{
    call_headers_reset(&f->authorized.headers);
    call_headers_add(&f->authorized.headers, bytes_str("accept"), bytes_str(f->accept));
    call_headers_add(&f->authorized.headers, bytes_str("accept-encoding"), bytes_str(f->gzip ? "gzip" : "identity"));
    if (f->extra_name != NULL && (trusted || !f->extra_is_secret))
        call_headers_add(&f->authorized.headers, bytes_str(f->extra_name), bytes_str(f->extra_value));
    scrape_caller_headers(f->caller, trusted, &f->authorized.headers);
}

/* The client for where it goes now; NULL after a fault. */
static struct http_client *choose_client(struct fetch *f, bool home)
{
    static const struct scrape_way plain = { 0 };
    struct http_client **at = home ? &f->client : &f->away;
    struct error err;

    leave_away(f);
    if (*at == NULL &&
        (*at = scrape_caller_client(f->caller, home ? f->url : f->redirected, home ? &f->way : &plain, &err)) == NULL)
        set_fault(f, f->redirects > 0 ? FETCH_REDIRECTS : FETCH_UNREACHED, "%s", err.text);
    return *at;
}

static void start_call(struct fetch *f)
{
    uint64_t now = clock_mono(&f->caller->node->host->loop->clock);
    bool home = f->redirected == NULL || same_origin(f->redirected, f->url);
    struct http_client *client = choose_client(f, home);

    if (client != NULL && now >= f->deadline)
        set_fault(f, FETCH_TIMEOUT, "redirects took all the time");
    if (f->fault != FETCH_DONE) {
        fail_soon(f);
        return;
    }
    set_headers(f, home);
    f->len = 0;
    f->call = (struct http_call){
        .method = "GET",
        .path = f->redirected != NULL ? path_of(f->redirected)
                : f->url_changes      ? path_of(f->url)
                                      : NULL,
        .timeout = f->deadline - now,
        .max_response = SIZE_MAX,
        .repeatable = true,
        .on_body = on_body,
        .on_done = on_done,
    };
    f->trusted = home;
    authorized_call_start(&f->authorized, home ? f->caller->auth : NULL, NULL, f->caller->node->host->loop, client,
                          &f->call);
}

void fetch_start(struct fetch *f)
{
    fetch_release(f);
    free(f->redirected);
    f->redirected = NULL;
    f->redirects = 0;
    f->fault = FETCH_DONE;
    f->why[0] = '\0';
    f->body = bytes_of("", 0);
    f->type = bytes_of("", 0);
    f->running = true;
    f->deadline = clock_mono(&f->caller->node->host->loop->clock) + f->timeout;
    start_call(f);
}

void fetch_cancel(struct fetch *f)
{
    if (!f->running)
        return;
    f->running = false;
    if (f->inflating != NULL)
        job_abandon(&f->inflating->job);
    else if (f->failing.queued)
        turn_cancel(&f->caller->node->host->loop->turn, &f->failing);
    else
        authorized_call_cancel(&f->authorized, &f->call);
    f->inflating = NULL;
    leave_away(f);
}

bool fetch_release_some(struct fetch *f)
{
    if (f->block == NULL || f->block->refs > 1 || f->block->cap <= RELEASED_AT_ONCE)
        return false;
    f->block = block_shrink(f->block, f->block->cap - RELEASED_AT_ONCE);
    return true;
}

void fetch_release(struct fetch *f)
{
    if (f->block != NULL)
        block_unref(f->block);
    f->block = NULL;
    f->body = bytes_of("", 0);
    f->len = 0;
}

void fetch_free(struct fetch *f)
{
    fetch_release(f);
    leave_away(f);
    if (f->client != NULL)
        http_client_close(f->client);
    f->client = NULL;
    authorized_call_free(&f->authorized);
    free(f->redirected);
    free(f->type_memory);
    f->redirected = f->type_memory = NULL;
}
