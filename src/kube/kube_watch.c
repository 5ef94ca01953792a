/* SPDX-License-Identifier: Apache-2.0 */
/* LISTING asks for page after page, each of which is gathered and then read (kube/kube_reading.h): READING. With the
 * last one, what was not listed goes, and the watch begins where the list ended. WATCHING gets a stream of lines, each
 * an object that came, changed or went, or a bookmark: the version from which the next watch goes on. A long line is
 * read beside the loop, and the stream is paused meanwhile: what comes all the same waits. The server ends a watch
 * after some minutes, and so do we; then comes the next.
 *
 * What can go wrong ends the call, and it is tried again after a rest that grows with each failure: a watch that broke
 * goes on from its last version, one whose version is too old for the server (410), or that said something that cannot
 * be read, begins with a list. A server that always says so, or ends each watch at once, is asked ever less often. */
#include "kube/kube_watch.h"

#include "base/random.h"
#include "kube/kube_line.h"
#include "kube/kube_reading.h"
#include "kube/kube_request.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define METADATA_OF "application/json;v=v1;g=meta.k8s.io;as="
#define OR_ALL ",application/json"
#define PAGE 500u /* objects of a page; fewer where that was too large */
#define MOST_PAGES KUBE_MAX_OBJECTS
#define MOST_BYTES (16u << 20)  /* of a page */
#define MOST_LINE (8u << 20)    /* of an event */
#define MOST_LATE (1u << 20)    /* that came while an event was read */
#define MOST_STATUS (64u << 10) /* of an answer that says why not */
#define LIST_TIMEOUT (60 * NS_PER_S)
#define WATCH_SECONDS 300u /* to twice as many */
#define WATCH_GRACE (30 * NS_PER_S)
#define SETTLED (5 * NS_PER_S) /* a watch that lived so long was a good one */
#define FIRST_REST (500 * NS_PER_MS)
#define LONGEST_REST (30 * NS_PER_S)

enum watch_state { LISTING, READING, WATCHING, RESTING, STATES };

struct kube_watch {
    struct kube_watch_options o;
    char *path, *labels, *fields;
    struct kube_store store;
    enum watch_state state;
    bool synced;
    bool relist; /* after the rest: a list, not a watch */
    struct kube_request request;
    uint64_t generation; /* of the api, when the listing began */
    struct kube_reading *reading;
    struct buf next;       /* what the next page is asked with */
    bool changed;          /* by listings since the last that was whole */
    unsigned pages, limit; /* that were read; objects of each */
    char version[KUBE_MAX_TEXT];
    struct kube_line line; /* of a watch, so far; of a list the page; of another answer its beginning */
    struct buf late;       /* what came while a line is read */
    bool over;             /* the watch has ended meanwhile */
    unsigned failures;
    bool failing; /* that was told */
    struct clock_timer timer;
    struct random random;
};

static struct clock *clock_of(const struct kube_watch *w)
{
    return &w->o.api->node->host->loop->clock;
}

static void enter_state(struct kube_watch *w, enum watch_state to)
{
    static const uint8_t allowed[STATES] = {
        [LISTING] = 1 << LISTING | 1 << READING | 1 << RESTING,
        [READING] = 1 << LISTING | 1 << WATCHING | 1 << RESTING,
        [WATCHING] = 1 << RESTING,
        [RESTING] = 1 << LISTING | 1 << WATCHING,
    };

    assert(allowed[w->state] & 1 << to);
    w->state = to;
}

/* ---- rests ---- */

static void begin_list(struct kube_watch *w);
static void begin_watch(struct kube_watch *w);

/* What is known is of another server, perhaps. */
static bool is_out_of_date(const struct kube_watch *w)
{
    return w->generation != w->o.api->generation;
}

static void on_rested(struct clock_timer *t)
{
    struct kube_watch *w = container_of(t, struct kube_watch, timer);

    if (w->relist || is_out_of_date(w))
        begin_list(w);
    else
        begin_watch(w);
}

static void rest_watch(struct kube_watch *w)
{
    unsigned n = w->failures < 7 ? w->failures : 7;
    uint64_t most = FIRST_REST << n < LONGEST_REST ? FIRST_REST << n : LONGEST_REST;

    enter_state(w, RESTING);
    clock_start(clock_of(w), &w->timer, most / 2 + (uint64_t)((double)most / 2 * random_share(&w->random)), on_rested);
}

static void end_attempt(struct kube_watch *w, const char *why)
{
    w->failures++;
    w->failing = true;
    rest_watch(w);
    w->o.failed(w->o.owner, w->path, why);
}

static void ask_for_fewer(struct kube_watch *w)
{
    w->limit = w->limit > 4 ? w->limit / 4 : 1;
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
        end_attempt(w, a->why);
        return;
    }
    if (a->status == 401 && w->o.api->auth != NULL)
        (void)authenticator_refused(w->o.api->auth, &w->request.authorized.auth);
    kube_status_read(body, said, sizeof(said));
    snprintf(why, sizeof(why), "the server answered with status %d%s%s", a->status, said[0] != '\0' ? ": " : "", said);
    end_attempt(w, why);
}

/* ---- requests ---- */

static void begin_target(struct kube_watch *w, const char *query)
{
    kube_request_begin(&w->request, w->o.api, w->path, query);
    kube_request_parameter(&w->request, "labelSelector", bytes_str(w->labels));
    kube_request_parameter(&w->request, "fieldSelector", bytes_str(w->fields));
}

static void start_request(struct kube_watch *w)
{
    const char *what = !w->o.metadata_only    ? "application/json"
                       : w->state == WATCHING ? METADATA_OF "PartialObjectMetadata" OR_ALL
                                              : METADATA_OF "PartialObjectMetadataList" OR_ALL;

    kube_request_start(&w->request, w->o.api, what);
}

/* ---- what comes ---- */

/* Why the server has not given what it was asked for. */
static void fail_status(struct kube_watch *w, const struct http_response *a)
{
    struct buf body = w->line.text;

    w->line.text = (struct buf){ 0 };
    kube_line_release(&w->line);
    fail_answer(w, a, a->failure == HTTP_ANSWERED ? buf_bytes(&body) : bytes_of(NULL, 0));
    buf_free(&body);
}

/* What we have of it is too old for the server. */
static void list_later(struct kube_watch *w)
{
    kube_line_release(&w->line);
    w->relist = true;
    w->failures++;
    rest_watch(w);
}

/* ---- the list ---- */

static void on_list_body(struct http_call *call, struct bytes data)
{
    struct kube_watch *w = container_of(call, struct kube_watch, request.call);
    bool large = w->line.text.len + data.len > MOST_BYTES;

    if (call->status != 200) {
        (void)kube_line_add(&w->line, data, MOST_STATUS);
        return;
    }
    if (kube_line_add(&w->line, data, MOST_BYTES))
        return;
    kube_request_cancel(&w->request);
    kube_line_release(&w->line);
    ask_for_fewer(w);
    end_attempt(w, large ? "a page of the list has more than 16 MiB: it will be asked for fewer objects"
                         : "no room in the memory budget for a page of the list: it will be asked for fewer objects");
}

static void on_listed(struct http_call *call, const struct http_response *a)
{
    struct kube_watch *w = container_of(call, struct kube_watch, request.call);

    kube_request_over(&w->request);
    if (a->failure == HTTP_ANSWERED && a->status == 410) { /* the list's version is gone between two pages */
        list_later(w);
    } else if (a->failure != HTTP_ANSWERED || a->status != 200) {
        fail_status(w, a);
    } else {
        enter_state(w, READING);
        kube_reading_page(w->reading, &w->line.text, kube_line_take_charge(&w->line));
    }
}

static void ask_page(struct kube_watch *w)
{
    char query[40];

    enter_state(w, LISTING);
    snprintf(query, sizeof(query), "limit=%u", w->limit);
    begin_target(w, query);
    kube_request_parameter(&w->request, "continue", buf_bytes(&w->next));
    w->request.call = (struct http_call){
        .timeout = LIST_TIMEOUT, .max_response = SIZE_MAX, .on_body = on_list_body, .on_done = on_listed
    };
    start_request(w);
}

static void begin_list(struct kube_watch *w)
{
    w->relist = true;
    w->pages = 0;
    w->next.len = 0;
    w->version[0] = '\0';
    w->generation = w->o.api->generation;
    kube_store_begin(&w->store);
    ask_page(w);
}

static void end_list(struct kube_watch *w)
{
    bool changed = w->changed || !w->synced;

    w->changed = false;
    w->synced = true;
    w->relist = false;
    begin_watch(w);
    tell_works(w);
    if (changed)
        w->o.changed(w->o.owner);
}

static void on_page(void *owner, struct kube_page *page, const struct error *err)
{
    struct kube_watch *w = owner;

    w->changed |= page->changed;
    if (page->version[0] != '\0')
        memcpy(w->version, page->version, sizeof(w->version));
    w->next.len = 0;
    buf_put(&w->next, buf_bytes(&page->next));
    if (err->code == UV_EMSGSIZE)
        ask_for_fewer(w);
    if (err->code != 0)
        end_attempt(w, err->text);
    else if (is_out_of_date(w))
        begin_list(w);
    else if (w->next.len == 0)
        end_list(w);
    else if (page->items.n == 0 || ++w->pages == MOST_PAGES)
        end_attempt(w, "the list does not end");
    else
        ask_page(w);
}

/* ---- the watch ---- */

static bool is_settled(const struct kube_watch *w)
{
    return clock_mono(clock_of(w)) - w->request.began >= SETTLED;
}

static bool put_late(struct kube_watch *w, struct bytes data)
{
    if (w->late.len + data.len > MOST_LATE || !budget_take(w->o.budget, data.len))
        return false;
    buf_put(&w->late, data);
    return true;
}

static void forget_late(struct kube_watch *w)
{
    budget_give(w->o.budget, w->late.len);
    buf_free(&w->late);
}

static void end_call(struct kube_watch *w)
{
    kube_request_cancel(&w->request);
    kube_reading_stop(w->reading);
    forget_late(w);
}

static void fail_watch(struct kube_watch *w, const char *why)
{
    end_call(w);
    kube_line_release(&w->line);
    w->relist = true;
    end_attempt(w, why);
}

/* Of a line that was read. False: the watch is over. */
static bool take_event(struct kube_watch *w, const struct kube_event *e, const struct error *err)
{
    if (err->code == 0 && e->code == 410) {
        end_call(w);
        list_later(w);
        return false;
    }
    if (err->code != 0 || e->code != 0) {
        fail_watch(w, err->text);
        return false;
    }
    if (e->version[0] != '\0')
        memcpy(w->version, e->version, sizeof(w->version));
    tell_works(w);
    if (e->changed)
        w->o.changed(w->o.owner);
    return true;
}

static bool take_line(struct kube_watch *w, struct bytes line)
{
    struct kube_event e;
    struct error err;

    if (line.len == 0 || (line.len == 1 && line.data[0] == '\r'))
        return true;
    if (kube_event_read(line, &w->o.rules, &e, &err) && e.code == 0)
        (void)kube_event_take(&e, &w->store, &err);
    return take_event(w, &e, &err);
}

static void fail_line(struct kube_watch *w)
{
    fail_watch(w, "an event has more than 8 MiB, or there is no room for it in the memory budget");
}

/* `data` is what stands behind the line, which is w->line. */
static void read_beside(struct kube_watch *w, struct bytes data)
{
    if (!put_late(w, data)) {
        fail_line(w);
        return;
    }
    http_call_pause(&w->request.call);
    kube_reading_event(w->reading, &w->line.text, kube_line_take_charge(&w->line));
}

static void take_data(struct kube_watch *w, struct bytes data)
{
    enum kube_line_found found;
    struct bytes line;

    while ((found = kube_line_next(&w->line, &data, KUBE_LONG, MOST_LINE, &line)) == KUBE_LINE_WHOLE) {
        if (line.len > KUBE_LONG) {
            read_beside(w, data);
            return;
        }
        if (!take_line(w, line))
            return;
        kube_line_over(&w->line);
    }
    if (found == KUBE_LINE_LARGE)
        fail_line(w);
}

/* As a watch ends. */
static void end_watch(struct kube_watch *w)
{
    bool good = is_settled(w);

    kube_request_over(&w->request);
    w->failures = good ? 0 : w->failures + 1;
    kube_line_release(&w->line);
    rest_watch(w);
}

static void on_event(void *owner, const struct kube_event *e, const struct error *err)
{
    struct kube_watch *w = owner;
    struct buf late = w->late;
    bool over = w->over;

    budget_give(w->o.budget, late.len);
    w->late = (struct buf){ 0 };
    w->over = false;
    if (take_event(w, e, err))
        take_data(w, buf_bytes(&late));
    if (w->state == WATCHING && kube_reading_is_busy(w->reading))
        w->over = over;
    else if (w->state == WATCHING && over)
        end_watch(w);
    else if (w->state == WATCHING)
        http_call_resume(&w->request.call);
    buf_free(&late);
}

static void on_body(struct http_call *call, struct bytes data)
{
    struct kube_watch *w = container_of(call, struct kube_watch, request.call);

    if (call->status != 200) /* why not */
        (void)kube_line_add(&w->line, data, MOST_STATUS);
    else if (!kube_reading_is_busy(w->reading))
        take_data(w, data);
    else if (!put_late(w, data))
        fail_watch(w, "the server sends on while it is asked to wait");
}

static void on_watched(struct http_call *call, const struct http_response *a)
{
    struct kube_watch *w = container_of(call, struct kube_watch, request.call);
    bool good = is_settled(w);

    if (a->failure == HTTP_ANSWERED && a->status == 200) {
        w->over = kube_reading_is_busy(w->reading);
        if (!w->over)
            end_watch(w);
        return;
    }
    kube_request_over(&w->request);
    kube_reading_stop(w->reading); /* the next watch has it again */
    forget_late(w);
    w->failures = good ? 0 : w->failures;
    if (a->failure == HTTP_ANSWERED && a->status == 410) {
        list_later(w);
    } else if (good && a->failure != HTTP_ANSWERED) { /* it breaks now and then */
        kube_line_release(&w->line);
        rest_watch(w);
    } else {
        fail_status(w, a);
    }
}

static void begin_watch(struct kube_watch *w)
{
    unsigned seconds = WATCH_SECONDS + (unsigned)(random_share(&w->random) * WATCH_SECONDS);
    char query[80];

    enter_state(w, WATCHING);
    snprintf(query, sizeof(query), "watch=true&allowWatchBookmarks=true&timeoutSeconds=%u", seconds);
    begin_target(w, query);
    kube_request_parameter(&w->request, "resourceVersion", bytes_str(w->version));
    w->request.call = (struct http_call){
        .timeout = seconds * NS_PER_S + WATCH_GRACE,
        .max_response = SIZE_MAX,
        .on_body = on_body,
        .on_done = on_watched,
    };
    start_request(w);
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
    w->line.budget = o->budget;
    w->reading = kube_reading_new(&(struct kube_reading_options){
        .loop = o->api->node->host->loop,
        .store = &w->store,
        .rules = &w->o.rules,
        .page_done = on_page,
        .event_done = on_event,
        .owner = w,
    });
    begin_list(w);
    return w;
}

void kube_watch_free(struct kube_watch *w)
{
    if (w == NULL)
        return;
    clock_stop(clock_of(w), &w->timer);
    if (w->state == LISTING || w->state == WATCHING)
        kube_request_cancel(&w->request);
    kube_reading_free(w->reading);
    kube_line_release(&w->line);
    kube_store_free(&w->store);
    buf_free(&w->next);
    forget_late(w);
    kube_request_free(&w->request);
    free(w->path);
    free(w->labels);
    free(w->fields);
    free(w);
}

struct kube_store *kube_watch_store(struct kube_watch *w)
{
    return &w->store;
}

bool kube_watch_is_synced(const struct kube_watch *w)
{
    return w->synced;
}
