/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of one lane, one after another.
 *
 * What a receiver refuses is divided until the bad unit is alone; that one is dropped, the rest goes on. An answer of
 * 500 may mean the receiver's trouble or one bad series: after a few tries the first request is divided too, and single
 * units that still get 500 are put aside while what is behind them is tried. If something else is taken, they are bad
 * and are dropped; if nothing is, it is the receiver's trouble and they go back to the front. */
#include "exporter/prometheus_remote_write/remote_write.h"

#include "base/mem.h"
#include "codec/compress.h"
#include "otlp/metadata.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define SUSPICIOUS 5u /* 500s in a row, before the request is divided */
#define SIFT_FIRST 8u
#define ANSWER_MAX 1024

/* ---- parts ---- */

static void list_init(struct part_list *l)
{
    l->first = NULL;
    l->last = &l->first;
}

static void list_append(struct part_list *l, struct part *p)
{
    p->next = NULL;
    *l->last = p;
    l->last = &p->next;
}

static void list_prepend(struct part_list *l, struct part *p)
{
    p->next = l->first;
    if (l->first == NULL)
        l->last = &p->next;
    l->first = p;
}

static struct part *list_take(struct part_list *l)
{
    struct part *p = l->first;

    l->first = p->next;
    if (l->first == NULL)
        l->last = &l->first;
    return p;
}

static struct budget *budget_of(const struct lane *l)
{
    return l->node->node.host->budget;
}

static uint64_t charge_of(const struct part *p)
{
    return sizeof(*p) + sizeof(*p->request) + p->body.cap + p->request->units.cap * sizeof(uint32_t);
}

static struct part *part_new(struct lane *l, struct delivery *d, struct remote_write_request *request)
{
    struct part *p = mem_zalloc(sizeof(*p));

    p->delivery = d;
    p->request = request;
    p->ambiguous = d->resumed;
    if (deflate_buf(CODING_SNAPPY, 0, buf_bytes(&request->message), &p->body, NULL) != 0)
        abort(); /* snappy's only failure is a length of 4 GiB */
    buf_free(&request->message);
    budget_charge(budget_of(l), charge_of(p));
    d->parts++;
    return p;
}

static void part_free(struct lane *l, struct part *p)
{
    budget_give(budget_of(l), charge_of(p));
    remote_write_request_free(p->request);
    buf_free(&p->body);
    free(p);
}

static void part_end(struct lane *l, struct part *p)
{
    struct delivery *d = p->delivery;

    part_free(l, p);
    delivery_part_ended(d);
}

/* The message itself again, for dividing and for naming. */
static bool part_open(struct lane *l, struct part *p)
{
    struct block *block;
    size_t len;

    (void)l;
    if (inflate_block(CODING_SNAPPY, buf_bytes(&p->body), SIZE_MAX / 4, NULL, &block, &len, NULL) != 0)
        return false;
    p->request->message.len = 0;
    buf_append(&p->request->message, block->data, len);
    block_unref(block);
    return true;
}

/* ---- giving up ---- */

static void go_on(struct lane *l);

/* Of the part's items, those that were not dropped already when the batch had its other form. */
static uint64_t newly_dropped(struct part *p)
{
    struct delivery *d = p->delivery;
    uint64_t items = p->request->items, known = items < d->known_dropped ? items : d->known_dropped;

    d->known_dropped -= known;
    d->dropped += items - known;
    return items - known;
}

/* `text`: what the receiver said. */
static void drop_part(struct lane *l, struct part *p, const char *reason, struct bytes text)
{
    struct buf name = { 0 };
    char said[200];

    if (part_open(l, p))
        remote_write_name(&name, p->request, 0);
    buf_free(&p->request->message);
    snprintf(said, sizeof(said), "%.*s", (int)(text.len < sizeof(said) ? text.len : sizeof(said) - 1),
             (const char *)text.data);
    remote_write_count_failed(l->node, p->request);
    remote_write_drop_items(l->node, p->delivery, newly_dropped(p), reason, buf_cstr(&name), said);
    buf_free(&name);
    part_end(l, p);
}

/* For now: the batch stays where it is, or is lost with the queue. */
static void fail_part(struct lane *l, struct part *p, const char *why)
{
    struct delivery *d = p->delivery;

    d->failed += p->request->items;
    snprintf(d->why, sizeof(d->why), "%s", why);
    remote_write_count_failed(l->node, p->request);
    part_end(l, p);
}

/* ---- dividing ---- */

static void divide(struct lane *l, struct part *p)
{
    size_t n = p->request->units.n, half = n / 2;
    struct part *halves[2];

    assert(n > 1);
    if (!part_open(l, p)) {
        drop_part(l, p, "rejected", bytes_str("cannot be divided"));
        return;
    }
    halves[0] = part_new(l, p->delivery, remote_write_cut(p->request, 0, half));
    halves[1] = part_new(l, p->delivery, remote_write_cut(p->request, half, n));
    for (int i = 1; i >= 0; i--) {
        halves[i]->divided = true;
        halves[i]->ambiguous = p->ambiguous;
        halves[i]->retry = p->retry;
        list_prepend(&l->parts, halves[i]);
    }
    buf_free(&p->request->message);
    part_end(l, p);
}

/* Back to the front, in order. */
static void restore_aside(struct lane *l)
{
    if (l->aside.first == NULL)
        return;
    *l->aside.last = l->parts.first;
    if (l->parts.first == NULL)
        l->parts.last = l->aside.last;
    l->parts.first = l->aside.first;
    list_init(&l->aside);
    l->n_aside = 0;
}

/* Something was taken meanwhile: each gets one more try, for the trouble may just have ended. */
static void prove_aside(struct lane *l)
{
    for (struct part *p = l->aside.first; p != NULL; p = p->next)
        p->last_try = true;
    restore_aside(l);
    l->sift = SIFT_FIRST;
}

/* ---- waiting ---- */

static void send_first(struct lane *l);

static void on_wait_over(struct clock_timer *t)
{
    send_first(container_of(t, struct lane, timer));
}

static void complain(struct lane *l, const struct part *p, const char *why, uint64_t delay)
{
    struct remote_write_node *n = l->node;

    if (complaint_due_to(&n->failing, n->node.host->clock, why))
        log_warn(&n->node.log, "Remote write failed. Will retry the request after interval.", F_STR("error", why),
                 F_DOUBLE("interval_seconds", (double)delay / (double)NS_PER_S), F_UINT("attempts", p->retry.tries),
                 F_UINT("repeated", complaint_taken(&n->failing)));
}

static void wait_and_retry(struct lane *l, uint64_t peer_ms, const char *why)
{
    struct remote_write_node *n = l->node;
    struct clock *clock = n->node.host->clock;
    struct part *p = l->parts.first;
    uint64_t delay = 0;

    if (n->stopping) {
        fail_part(l, list_take(&l->parts), why);
        go_on(l);
        return;
    }
    if (!retry_next(&p->retry, &n->config->retry_on_failure, n->config->retry_forever, l->begun, clock_mono(clock),
                    peer_ms, &delay)) {
        drop_part(l, list_take(&l->parts), "retries_exhausted", bytes_str(why));
        go_on(l);
        return;
    }
    remote_write_count_retried(n, p->request);
    complain(l, p, why, delay);
    clock_start(clock, &l->timer, delay, on_wait_over);
}

/* ---- answers ---- */

static int64_t header_number(const struct http_answer *a, const char *name)
{
    const struct bytes *v = http_answer_header(a, name);
    int64_t n = 0;

    if (v == NULL || v->len == 0 || v->len > 18)
        return -1;
    for (size_t i = 0; i < v->len; i++) {
        if (v->data[i] < '0' || v->data[i] > '9')
            return -1;
        n = n * 10 + (v->data[i] - '0');
    }
    return n;
}

static int64_t written(struct remote_write_node *n, const struct http_answer *a)
{
    int64_t samples = header_number(a, "x-prometheus-remote-write-samples-written");
    int64_t histograms = header_number(a, "x-prometheus-remote-write-histograms-written");
    int64_t exemplars = header_number(a, "x-prometheus-remote-write-exemplars-written");

    if (samples < 0 && histograms < 0)
        return -1;
    metric_add(n->m.written_samples, samples > 0 ? (uint64_t)samples : 0);
    metric_add(n->m.written_histograms, histograms > 0 ? (uint64_t)histograms : 0);
    metric_add(n->m.written_exemplars, exemplars > 0 ? (uint64_t)exemplars : 0);
    return (samples > 0 ? samples : 0) + (histograms > 0 ? histograms : 0);
}

static void taken(struct lane *l)
{
    struct remote_write_node *n = l->node;
    struct part *p = list_take(&l->parts);

    if (complaint_over(&n->failing))
        log_info(&n->node.log, "Remote write works again");
    metric_add(n->m.sent_batches, 1);
    if (p->request->newest > n->highest_sent)
        n->highest_sent = p->request->newest;
    prove_aside(l);
    part_end(l, p);
}

/* A later batch has the same series as this one, newer: it goes past only when nothing else helps. */
static bool may_overtake(const struct lane *l, const struct part *p)
{
    return l->parts.first->delivery == p->delivery || l->sift > 4 * SIFT_FIRST;
}

static void suspect(struct lane *l, const struct http_answer *a, const char *why)
{
    struct part *p = l->parts.first;
    bool sifting = p->divided || l->aside.first != NULL;

    p->server_errors++;
    if (l->node->stopping || (!sifting && p->server_errors < SUSPICIOUS)) {
        wait_and_retry(l, a->retry_after_ms, why);
        return;
    }
    if (p->request->units.n > 1) {
        divide(l, list_take(&l->parts));
        go_on(l);
        return;
    }
    if (p->last_try) {
        drop_part(l, list_take(&l->parts), "server_error", a->body);
        go_on(l);
        return;
    }
    list_append(&l->aside, list_take(&l->parts));
    if (++l->n_aside < l->sift && l->parts.first != NULL && may_overtake(l, p)) {
        go_on(l);
        return;
    }
    restore_aside(l);
    l->sift = l->sift < (1u << 20) ? l->sift * 2 : l->sift;
    wait_and_retry(l, a->retry_after_ms, why);
}

static void refused(struct lane *l, const struct answer_meaning *m, struct bytes text)
{
    struct part *p = list_take(&l->parts);

    if (m->fate == ANSWER_DIVIDE && p->request->units.n > 1) {
        divide(l, p);
    } else if (p->ambiguous && answer_may_mean_landed(m)) {
        metric_add(l->node->m.duplicates, p->request->items); /* an attempt whose answer nobody saw has landed */
        part_end(l, p);
    } else {
        drop_part(l, p, m->reason, text);
    }
}

/* Messages of version 2 are not known there: all that wait are made again in version 1. */
static void change_form(struct lane *l)
{
    struct remote_write_node *n = l->node;

    if (n->version == REMOTE_WRITE_2)
        log_warn(&n->node.log,
                 "The receiver does not know Remote-Write 2.0; 1.0 is sent from now on. Set protobuf_message: "
                 "prometheus.WriteRequest",
                 F_STR("endpoint", http_client_name(n->client)));
    n->version = REMOTE_WRITE_1;
    while (l->parts.first != NULL && l->parts.first->request->version == REMOTE_WRITE_2) {
        struct part *p = list_take(&l->parts);

        p->delivery->again = true;
        part_end(l, p);
    }
}

static void take_answer(struct lane *l, const struct http_answer *a)
{
    struct part *p = l->parts.first;
    const struct remote_write_request *r = p->request;
    struct answer_meaning m =
        answer_meaning(a->status, a->body, r->version, r->version == REMOTE_WRITE_2 ? written(l->node, a) : -1,
                       r->samples + r->histograms);
    char why[160];

    snprintf(why, sizeof(why), "%s answered %d: %.*s", http_client_name(l->node->client), a->status,
             (int)(a->body.len < 100 ? a->body.len : 100), (const char *)a->body.data);
    switch (m.fate) {
    case ANSWER_TAKEN:
        taken(l);
        break;
    case ANSWER_RETRY:
        p->server_errors = 0;
        restore_aside(l);
        wait_and_retry(l, a->retry_after_ms, why);
        return;
    case ANSWER_SUSPECT:
        suspect(l, a, why);
        return;
    case ANSWER_OTHER_FORM:
        change_form(l);
        break;
    default:
        refused(l, &m, a->body);
    }
    go_on(l);
}

static void on_done(struct http_call *call, const struct http_answer *a)
{
    struct lane *l = container_of(call, struct lane, call);
    struct remote_write_node *n = l->node;

    l->calling = false;
    metric_observe(n->m.seconds, (double)(clock_mono(n->node.host->clock) - l->begun) / (double)NS_PER_S);
    if (a->failure == HTTP_ANSWERED) {
        take_answer(l, a);
        return;
    }
    l->parts.first->ambiguous = l->parts.first->ambiguous || a->ambiguous;
    restore_aside(l);
    wait_and_retry(l, 0, a->why);
}

/* ---- sending ---- */

static void add_header(struct lane *l, const char *name, struct bytes value)
{
    if (l->call.n_headers < ARRAY_LEN(l->headers))
        l->headers[l->call.n_headers++] = (struct http_header){ bytes_str(name), value };
}

/* What the client that sent the batch said, handed on. */
static void add_metadata(struct lane *l, const struct metadata *m)
{
    const struct strings *keys = &l->node->config->include_metadata_keys;

    for (size_t i = 0; m != NULL && i < keys->n; i++) {
        uint32_t at = 0;

        for (const struct metadata_entry *e; (e = metadata_find(m, bytes_str(keys->v[i]), &at)) != NULL;)
            add_header(l, keys->v[i], e->value);
    }
}

static void set_headers(struct lane *l, const struct part *p)
{
    bool second = p->request->version == REMOTE_WRITE_2;

    l->call.n_headers = 0;
    l->call.headers = l->headers;
    add_header(l, "content-encoding", bytes_str("snappy"));
    add_header(
        l, "content-type",
        bytes_str(second ? "application/x-protobuf;proto=io.prometheus.write.v2.Request" : "application/x-protobuf"));
    add_header(l, "x-prometheus-remote-write-version", bytes_str(second ? "2.0.0" : "0.1.0"));
    if (p->retry.tries > 0) {
        snprintf(l->attempt, sizeof(l->attempt), "%u", p->retry.tries);
        add_header(l, "retry-attempt", bytes_str(l->attempt));
    }
    add_metadata(l, p->delivery->batch->metadata);
}

static void send_first(struct lane *l)
{
    struct remote_write_node *n = l->node;
    struct part *p = l->parts.first;

    set_headers(l, p);
    l->call.method = "POST";
    l->call.body = buf_bytes(&p->body);
    l->call.timeout = (uint64_t)client_config(n->config)->timeout.ns;
    l->call.max_answer = ANSWER_MAX;
    l->call.repeatable = true;
    l->call.on_done = on_done;
    l->calling = true;
    l->begun = clock_mono(n->node.host->clock);
    remote_write_count_attempt(n, p);
    http_call_start(n->client, &l->call);
}

/* Whatever is first and can be sent. */
static void go_on(struct lane *l)
{
    if (l->calling || clock_armed(&l->timer))
        return;
    if (l->parts.first == NULL && l->aside.first != NULL) { /* nothing else came: they are tried again */
        const char *why = "the receiver answers 500 to these series and to nothing else yet";

        restore_aside(l);
        wait_and_retry(l, 0, why);
        return;
    }
    if (l->parts.first != NULL)
        send_first(l);
}

void lane_push(struct lane *l, struct delivery *d, struct remote_write_request *request)
{
    list_append(&l->parts, part_new(l, d, request));
    go_on(l);
}

void lane_stop(struct lane *l)
{
    if (!l->calling) /* the first part is the one that is under way */
        restore_aside(l);
    if (clock_armed(&l->timer)) {
        clock_stop(l->node->node.host->clock, &l->timer);
        go_on(l);
    }
}

void lane_init(struct lane *l, struct remote_write_node *n)
{
    *l = (struct lane){ .node = n, .sift = SIFT_FIRST };
    list_init(&l->parts);
    list_init(&l->aside);
}

void lane_close(struct lane *l)
{
    if (l->calling)
        http_call_cancel(&l->call);
    l->calling = false;
    clock_stop(l->node->node.host->clock, &l->timer);
    while (l->parts.first != NULL)
        part_free(l, list_take(&l->parts));
    while (l->aside.first != NULL)
        part_free(l, list_take(&l->aside));
}
