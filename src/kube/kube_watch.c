/* SPDX-License-Identifier: Apache-2.0 */
/* LISTING asks for page after page; with the last one, what was not listed goes, and the watch begins where the list
 * ended. WATCHING reads a stream of lines, each an object that came, changed or went, or a bookmark: the version from
 * which the next watch goes on. The server ends a watch after some minutes, and so do we; then comes the next.
 *
 * What can go wrong ends the call, and it is tried again after a rest that grows with each failure: a watch that broke
 * goes on from its last version, one whose version is too old for the server (410), or that said something that cannot
 * be read, begins with a list. A server that always says so, or ends each watch at once, is asked ever less often. Each
 * request waits for its turn where there is a pace (kube_pace.h). */
#include "kube/kube_watch.h"

#include "base/random.h"
#include "kube/kube_answer.h"
#include "net/http/url.h"
#include "pipeline/authorized_call.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define METADATA_OF "application/json;v=v1;g=meta.k8s.io;as="
#define OR_ALL ",application/json"
#define PAGE 500u /* objects of a page; fewer where that was too large */
#define MOST_PAGES KUBE_MAX_OBJECTS
#define MOST_BYTES (16u << 20)  /* of a page */
#define MOST_LINE (8u << 20)    /* of an event */
#define MOST_STATUS (64u << 10) /* of an answer that is no watch */
#define ROOM 65536u             /* what is charged for at a time */
#define LIST_TIMEOUT (60 * NS_PER_S)
#define WATCH_SECONDS 300u /* to twice as many */
#define WATCH_GRACE (30 * NS_PER_S)
#define SETTLED (5 * NS_PER_S) /* a watch that lived so long was a good one */
#define FIRST_REST (500 * NS_PER_MS)
#define LONGEST_REST (30 * NS_PER_S)

enum watch_state { LISTING, WATCHING, RESTING, STATES };

struct kube_watch {
    struct kube_watch_options o;
    char *path, *labels, *fields;
    struct kube_store store;
    enum watch_state state;
    bool synced;
    bool relist; /* after the rest: a list, not a watch */
    struct http_call call;
    struct authorized_call authorized;
    struct buf target; /* path and query of the call */
    struct kube_page page;
    unsigned pages, limit; /* that were read; objects of each */
    char version[KUBE_MAX_TEXT];
    struct buf line;  /* of a watch, so far */
    uint64_t charged; /* for the line */
    uint64_t began;   /* mono ns: the call */
    unsigned failures;
    bool failing;             /* that was told */
    struct clock_timer timer; /* a rest, or a call that waits for its turn */
    struct random random;
};

static struct clock *clock_of(const struct kube_watch *w)
{
    return &w->o.api->node->host->loop->clock;
}

static void enter_state(struct kube_watch *w, enum watch_state to)
{
    static const uint8_t allowed[STATES] = {
        [LISTING] = 1 << LISTING | 1 << WATCHING | 1 << RESTING,
        [WATCHING] = 1 << RESTING,
        [RESTING] = 1 << LISTING | 1 << WATCHING,
    };

    assert(allowed[w->state] & 1 << to);
    w->state = to;
}

/* ---- rests ---- */

static void begin_list(struct kube_watch *w);
static void begin_watch(struct kube_watch *w);

static void on_rested(struct clock_timer *t)
{
    struct kube_watch *w = container_of(t, struct kube_watch, timer);

    if (w->relist)
        begin_list(w);
    else
        begin_watch(w);
}

static void rest(struct kube_watch *w)
{
    unsigned n = w->failures < 7 ? w->failures : 7;
    uint64_t most = FIRST_REST << n < LONGEST_REST ? FIRST_REST << n : LONGEST_REST;

    enter_state(w, RESTING);
    clock_start(clock_of(w), &w->timer, most / 2 + (uint64_t)((double)most / 2 * random_share(&w->random)), on_rested);
}

static void fail(struct kube_watch *w, const char *why)
{
    w->failures++;
    w->failing = true;
    rest(w);
    w->o.failed(w->o.owner, w->path, why);
}

static void tell_works(struct kube_watch *w)
{
    bool was = w->failing;

    w->failing = false;
    if (was && w->o.works != NULL)
        w->o.works(w->o.owner);
}

static void fail_answer(struct kube_watch *w, const struct http_response *a, struct bytes body)
{
    char said[200], why[400];

    if (a->failure != HTTP_ANSWERED) {
        fail(w, a->why);
        return;
    }
    if (a->status == 401 && w->o.api->auth != NULL)
        (void)authenticator_refused(w->o.api->auth, &w->authorized.auth);
    kube_status_read(body, said, sizeof(said));
    snprintf(why, sizeof(why), "the server answered with status %d%s%s", a->status, said[0] != '\0' ? ": " : "", said);
    fail(w, why);
}

/* ---- requests ---- */

static void put_parameter(struct buf *out, const char *name, struct bytes value)
{
    if (value.len == 0)
        return;
    buf_printf(out, "&%s=", name);
    url_put_escaped(out, value, "-._~");
}

static void begin_target(struct kube_watch *w, const char *query)
{
    w->target.len = 0;
    buf_printf(&w->target, "%s%s?%s", w->o.api->prefix, w->path, query);
    put_parameter(&w->target, "labelSelector", bytes_str(w->labels));
    put_parameter(&w->target, "fieldSelector", bytes_str(w->fields));
}

static void send_call(struct kube_watch *w)
{
    struct call_headers *h = &w->authorized.headers;

    call_headers_reset(h);
    call_headers_add(h, bytes_str("accept"),
                     bytes_str(!w->o.metadata_only    ? "application/json"
                               : w->state == WATCHING ? METADATA_OF "PartialObjectMetadata" OR_ALL
                                                      : METADATA_OF "PartialObjectMetadataList" OR_ALL));
    w->o.api->put_headers(w->o.api->owner, h);
    w->call.method = "GET";
    w->call.path = buf_cstr(&w->target);
    w->call.repeatable = true;
    w->began = clock_mono(clock_of(w));
    authorized_call_start(&w->authorized, w->o.api->auth, NULL, w->o.api->node->host->loop, w->o.api->http, &w->call);
}

static void on_turn(struct clock_timer *t)
{
    send_call(container_of(t, struct kube_watch, timer));
}

/* At once, or when it is its turn. */
static void start_call(struct kube_watch *w)
{
    uint64_t wait = w->o.api->pace != NULL ? kube_pace_take(w->o.api->pace, clock_mono(clock_of(w))) : 0;

    if (wait > 0)
        clock_start(clock_of(w), &w->timer, wait, on_turn);
    else
        send_call(w);
}

/* ---- the list ---- */

static void on_page(struct http_call *call, const struct http_response *a);

static void ask_page(struct kube_watch *w)
{
    char query[40];

    enter_state(w, LISTING);
    snprintf(query, sizeof(query), "limit=%u", w->limit);
    begin_target(w, query);
    put_parameter(&w->target, "continue", buf_bytes(&w->page.next));
    w->call = (struct http_call){ .timeout = LIST_TIMEOUT, .max_response = MOST_BYTES, .on_done = on_page };
    start_call(w);
}

static void begin_list(struct kube_watch *w)
{
    w->relist = true;
    w->pages = 0;
    w->page.next.len = 0;
    w->page.changed = false;
    kube_store_begin(&w->store);
    ask_page(w);
}

static void end_list(struct kube_watch *w)
{
    bool changed = w->page.changed || !w->synced;

    memcpy(w->version, w->page.version, sizeof(w->version));
    changed |= kube_store_end(&w->store) > 0;
    w->synced = true;
    w->relist = false;
    begin_watch(w);
    tell_works(w);
    if (changed)
        w->o.changed(w->o.owner);
}

static void on_page(struct http_call *call, const struct http_response *a)
{
    struct kube_watch *w = container_of(call, struct kube_watch, call);
    struct error err;

    if (a->failure == HTTP_ANSWERED && a->status == 410) { /* the list's version is gone between two pages */
        w->failures++;
        rest(w);
    } else if (a->failure != HTTP_ANSWERED || a->status != 200) {
        fail_answer(w, a, a->body);
    } else if (a->cut) {
        w->limit = w->limit > 4 ? w->limit / 4 : 1;
        fail(w, "a page of the list has more than 16 MiB: it will be asked for fewer objects");
    } else if (!kube_page_read(a->body, &w->o.rules, &w->store, &w->page, &err)) {
        fail(w, err.text);
    } else if (w->page.next.len == 0) {
        end_list(w);
    } else if (w->page.n == 0 || ++w->pages == MOST_PAGES) {
        fail(w, "the list does not end");
    } else {
        ask_page(w);
    }
}

/* ---- the watch ---- */

static void release_line(struct kube_watch *w)
{
    buf_free(&w->line);
    budget_give(w->o.budget, w->charged);
    w->charged = 0;
}

/* The call is over already, or goes. */
static void fail_watch(struct kube_watch *w, const char *why)
{
    authorized_call_cancel(&w->authorized, &w->call);
    release_line(w);
    w->relist = true;
    fail(w, why);
}

/* False: the watch is over. */
static bool take_line(struct kube_watch *w, struct bytes line)
{
    struct kube_event e;
    struct error err;
    bool good;

    if (line.len == 0 || (line.len == 1 && line.data[0] == '\r'))
        return true;
    good = kube_event_read(line, &w->o.rules, &w->store, &e, &err);
    if (good && e.code == 410) {
        authorized_call_cancel(&w->authorized, &w->call);
        release_line(w);
        w->relist = true;
        w->failures++;
        rest(w);
        return false;
    }
    if (!good || e.code != 0) {
        fail_watch(w, err.text);
        return false;
    }
    if (e.version[0] != '\0')
        memcpy(w->version, e.version, sizeof(w->version));
    tell_works(w);
    if (e.changed)
        w->o.changed(w->o.owner);
    return true;
}

static bool add_to_line(struct kube_watch *w, struct bytes data, size_t most)
{
    uint64_t need = w->line.len + data.len, more = need > w->charged ? (need - w->charged + ROOM - 1) / ROOM * ROOM : 0;

    if (need > most || !budget_take(w->o.budget, more))
        return false;
    w->charged += more;
    buf_put(&w->line, data);
    return true;
}

static void on_body(struct http_call *call, struct bytes data)
{
    struct kube_watch *w = container_of(call, struct kube_watch, call);
    const uint8_t *end;

    if (call->status != 200) { /* why not */
        (void)add_to_line(w, data, MOST_STATUS);
        return;
    }
    while (data.len > 0 && (end = memchr(data.data, '\n', data.len)) != NULL) {
        struct bytes line = bytes_of(data.data, (size_t)(end - data.data));

        data = bytes_skip(data, line.len + 1);
        if (w->line.len > 0) {
            if (!add_to_line(w, line, MOST_LINE)) {
                fail_watch(w, "an event has more than 8 MiB, or there is no room for it in the memory budget");
                return;
            }
            line = buf_bytes(&w->line);
        }
        if (!take_line(w, line))
            return;
        w->line.len = 0;
        if (w->charged > ROOM)
            release_line(w);
    }
    if (data.len > 0 && !add_to_line(w, data, MOST_LINE))
        fail_watch(w, "an event has more than 8 MiB, or there is no room for it in the memory budget");
}

static void on_watched(struct http_call *call, const struct http_response *a)
{
    struct kube_watch *w = container_of(call, struct kube_watch, call);
    bool good = clock_mono(clock_of(w)) - w->began >= SETTLED;
    struct buf body = { 0 };

    if (a->failure == HTTP_ANSWERED && a->status != 200)
        buf_put(&body, buf_bytes(&w->line));
    release_line(w);
    w->failures = good ? 0 : w->failures;
    if (a->failure == HTTP_ANSWERED && a->status == 410) {
        w->relist = true;
        w->failures++;
        rest(w);
    } else if (a->failure == HTTP_ANSWERED && a->status == 200) {
        w->failures += !good;
        rest(w);
    } else if (good && a->failure != HTTP_ANSWERED) { /* it breaks now and then */
        rest(w);
    } else {
        fail_answer(w, a, buf_bytes(&body));
    }
    buf_free(&body);
}

static void begin_watch(struct kube_watch *w)
{
    unsigned seconds = WATCH_SECONDS + (unsigned)(random_share(&w->random) * WATCH_SECONDS);
    char query[80];

    enter_state(w, WATCHING);
    snprintf(query, sizeof(query), "watch=true&allowWatchBookmarks=true&timeoutSeconds=%u", seconds);
    begin_target(w, query);
    put_parameter(&w->target, "resourceVersion", bytes_str(w->version));
    w->call = (struct http_call){
        .timeout = seconds * NS_PER_S + WATCH_GRACE,
        .max_response = SIZE_MAX,
        .on_body = on_body,
        .on_done = on_watched,
    };
    start_call(w);
}

/* ---- its life ---- */

struct kube_watch *kube_watch_new(const struct kube_watch_options *o)
{
    struct kube_watch *w = mem_zalloc(sizeof(*w));

    w->o = *o;
    w->path = mem_strdup(o->path);
    w->labels = mem_strdup(o->labels != NULL ? o->labels : "");
    w->fields = mem_strdup(o->fields != NULL ? o->fields : "");
    w->limit = PAGE;
    random_seed(&w->random);
    kube_store_init(&w->store, o->budget);
    w->store.told = o->told;
    begin_list(w);
    return w;
}

void kube_watch_free(struct kube_watch *w)
{
    if (w == NULL)
        return;
    if (w->state != RESTING && !clock_armed(&w->timer))
        authorized_call_cancel(&w->authorized, &w->call);
    clock_stop(clock_of(w), &w->timer);
    release_line(w);
    kube_store_free(&w->store);
    buf_free(&w->page.next);
    buf_free(&w->target);
    authorized_call_free(&w->authorized);
    free(w->path);
    free(w->labels);
    free(w->fields);
    free(w);
}

const struct kube_store *kube_watch_store(const struct kube_watch *w)
{
    return &w->store;
}

bool kube_watch_is_synced(const struct kube_watch *w)
{
    return w->synced;
}
