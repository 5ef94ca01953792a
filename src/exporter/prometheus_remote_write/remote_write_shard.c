/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of one shard, one after another.
 *
 * The first request is sent, its answer means that it was taken, it ends, and the next one is first. A failure that may
 * pass is waited out, and the same request goes again, until it is given up or the program stops.
 *
 * What a receiver refuses is halved until the bad unit is alone; that one is dropped, the rest goes on. The last pieces
 * are single units, and several of them are asked for at one time (probes): their series are not in one another, and
 * nothing behind them is sent meanwhile. A probe that fails otherwise goes back and is sent by itself. What was refused
 * is remembered (remote_write_refused.h): the next time these series are a request of their own behind the others.
 *
 * An answer of 500 may mean the receiver's trouble or one bad series: after a few tries the first request is halved
 * too, and single units that still get 500 are quarantined while what is behind them is tried. If something else is
 * taken, they are bad and are dropped; if nothing is, it is the receiver's trouble and they go back to the front. */
#include "exporter/prometheus_remote_write/remote_write.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define SUSPICIOUS 5u /* 500s in a row, before the request is halved */
#define QUARANTINE_FIRST 8u
#define SINGLES 64u /* units of a refused request, at most, that it is cut into one by one */

/* The states, and what may follow each. */
static void set_state(struct remote_write_shard *s, enum remote_shard_state to)
{
    static const uint8_t allowed[] = {
        [REMOTE_SHARD_IDLE] = 1 << REMOTE_SHARD_SENDING | 1 << REMOTE_SHARD_WAITING | 1 << REMOTE_SHARD_PROBING,
        [REMOTE_SHARD_SENDING] = 1 << REMOTE_SHARD_IDLE,
        [REMOTE_SHARD_WAITING] = 1 << REMOTE_SHARD_IDLE,
        [REMOTE_SHARD_PROBING] = 1 << REMOTE_SHARD_IDLE,
    };

    assert(allowed[s->state] & 1 << to);
    s->state = to;
}

/* ---- requests ---- */

static struct shard_request *first_request(const struct remote_write_shard *s)
{
    return list_first(&s->requests, struct shard_request, link);
}

static struct shard_request *take_first(struct remote_write_shard *s)
{
    return list_pop(&s->requests, struct shard_request, link);
}

/* ---- giving up ---- */

static void send_first(struct remote_write_shard *s);
static void send_next(struct remote_write_shard *s);
static void send_probes(struct remote_write_shard *s);

/* Of its items, those that were not dropped already when the batch had its other form. */
static uint64_t count_dropped(struct shard_request *r)
{
    struct delivery *d = r->delivery;
    uint64_t items = r->message->items, known = items < d->known_dropped ? items : d->known_dropped;

    d->known_dropped -= known;
    d->dropped += items - known;
    return items - known;
}

/* `text`: what the receiver said. */
static void drop_request(struct remote_write_shard *s, struct shard_request *r, const char *reason, struct bytes text)
{
    struct buf name = { 0 };
    char said[200];

    if (shard_request_open(r))
        remote_write_name(&name, r->message, 0);
    buf_free(&r->message->message);
    snprintf(said, sizeof(said), "%.*s", (int)(text.len < sizeof(said) ? text.len : sizeof(said) - 1),
             (const char *)text.data);
    remote_write_count_failed(s->node, r->message);
    delivery_drop(r->delivery, count_dropped(r), reason, buf_cstr(&name), said);
    buf_free(&name);
    shard_request_end(s, r);
}

/* For now: the batch stays where it is, or comes again from the sender that waits. */
static void fail_request(struct remote_write_shard *s, struct shard_request *r, const struct outcome *failure)
{
    delivery_fail(r->delivery, r->message->items, failure);
    remote_write_count_failed(s->node, r->message);
    shard_request_end(s, r);
}

/* A single unit, for good: the next time its series is sent apart. */
static void remember_refused(struct remote_write_shard *s, const struct shard_request *r)
{
    uint32_t series = r->message->units.v[0].series;

    assert(r->message->units.n == 1);
    if (series != 0)
        refused_series_add(&s->node->refused, series, clock_mono(&s->node->node.host->loop->clock));
}

/* ---- bisecting ---- */

static void cut_request(struct remote_write_shard *s, struct shard_request *r, size_t pieces)
{
    if (!shard_request_cut(s, r, pieces))
        drop_request(s, r, "rejected", bytes_str("cannot be cut"));
}

/* Back to the front, in order. */
static void release_quarantine(struct remote_write_shard *s)
{
    list_move(&s->quarantine, &s->requests);
    list_move(&s->requests, &s->quarantine);
    s->n_quarantined = 0;
}

/* Something was taken meanwhile: each gets one more try, for the trouble may just have ended. */
static void retry_quarantine(struct remote_write_shard *s)
{
    list_each (struct shard_request, r, &s->quarantine, link)
        r->last_try = true;
    release_quarantine(s);
    s->quarantine_max = QUARANTINE_FIRST;
}

/* ---- waiting ---- */

static void on_wait_over(struct clock_timer *t)
{
    struct remote_write_shard *s = container_of(t, struct remote_write_shard, timer);

    set_state(s, REMOTE_SHARD_IDLE);
    send_first(s);
}

static void log_retry(struct remote_write_shard *s, const struct shard_request *r, const char *why, uint64_t delay)
{
    struct remote_write_node *n = s->node;

    if (complaint_due_to(&n->failing, &n->node.host->loop->clock, why))
        log_warn(&n->node.log, "Remote write failed. Will retry the request after interval.", F_STR("error", why),
                 F_DOUBLE("interval_seconds", (double)delay / (double)NS_PER_S), F_UINT("attempts", r->retry.tries),
                 F_UINT("repeated", complaint_taken(&n->failing)));
}

/* The first request was not taken for now. */
static void wait_and_retry(struct remote_write_shard *s, const struct outcome *failure)
{
    struct remote_write_node *n = s->node;
    struct clock *clock = &n->node.host->loop->clock;
    struct shard_request *r = first_request(s);
    uint64_t delay = 0;

    health_fail(&n->node.health[HEALTH_WORK], clock_mono(clock), HEALTH_RECOVERABLE, failure->why);
    if (n->stopping) {
        fail_request(s, take_first(s), failure);
        send_next(s);
        return;
    }
    if (!retry_next(&r->retry, &n->config->retry_on_failure, n->config->retry_forever, s->attempt.begun,
                    clock_mono(clock), failure->retry_after_ms, &n->node.host->loop->random, &delay)) {
        take_first(s);
        if (r->delivery->ack->refusable)
            fail_request(s, r, failure);
        else
            drop_request(s, r, "retries_exhausted", bytes_str(failure->why));
        send_next(s);
        return;
    }
    remote_write_count_retried(n, r->message);
    log_retry(s, r, failure->why, delay);
    set_state(s, REMOTE_SHARD_WAITING);
    clock_start(clock, &s->timer, delay, on_wait_over);
}

/* ---- answers ---- */

static void end_taken(struct remote_write_shard *s, struct shard_request *r)
{
    struct remote_write_node *n = s->node;

    health_ok(&n->node.health[HEALTH_WORK], clock_mono(&n->node.host->loop->clock));
    if (complaint_over(&n->failing))
        log_info(&n->node.log, "Remote write works again");
    metric_add(n->m.sent_batches, 1);
    if (r->message->newest > n->highest_sent)
        n->highest_sent = r->message->newest;
    retry_quarantine(s);
    shard_request_end(s, r);
}

/* A later batch has the same series as this one, newer: it goes past only when nothing else helps. */
static bool may_overtake(const struct remote_write_shard *s, const struct shard_request *r)
{
    return first_request(s)->delivery == r->delivery || s->quarantine_max > 4 * QUARANTINE_FIRST;
}

static void handle_server_error(struct remote_write_shard *s, struct bytes text, const struct outcome *failure)
{
    struct shard_request *r = first_request(s);
    bool bisecting = r->bisected || !list_empty(&s->quarantine);

    r->server_errors++;
    if (s->node->stopping || (!bisecting && r->server_errors < SUSPICIOUS)) {
        wait_and_retry(s, failure);
        return;
    }
    if (shard_request_divisible(r)) {
        cut_request(s, take_first(s), 2);
        send_next(s);
        return;
    }
    if (r->last_try) {
        remember_refused(s, r);
        drop_request(s, take_first(s), "server_error", text);
        send_next(s);
        return;
    }
    list_push(&s->quarantine, &take_first(s)->link);
    if (++s->n_quarantined < s->quarantine_max && !list_empty(&s->requests) && may_overtake(s, r)) {
        send_next(s);
        return;
    }
    release_quarantine(s);
    s->quarantine_max = s->quarantine_max < (1u << 20) ? s->quarantine_max * 2 : s->quarantine_max;
    wait_and_retry(s, failure);
}

static void handle_refusal(struct remote_write_shard *s, struct shard_request *r, const struct answer_meaning *m,
                           struct bytes text)
{
    if (m->fate == ANSWER_BISECT && shard_request_divisible(r)) {
        cut_request(s, r, r->message->units.n <= SINGLES ? SINGLES : 2);
    } else if (r->ambiguous && answer_may_mean_landed(m)) {
        metric_add(s->node->m.duplicates, r->message->items); /* an attempt whose answer nobody saw has landed */
        shard_request_end(s, r);
    } else {
        if (m->fate == ANSWER_BISECT)
            remember_refused(s, r);
        drop_request(s, r, m->reason, text);
    }
}

/* Messages of version 2 are not known there: all that wait are made again in version 1. */
static void fall_back(struct remote_write_shard *s)
{
    struct remote_write_node *n = s->node;

    if (n->version == REMOTE_WRITE_2)
        log_warn(&n->node.log,
                 "The receiver does not know Remote-Write 2.0; 1.0 is sent from now on. Set protobuf_message: "
                 "prometheus.WriteRequest",
                 F_STR("endpoint", n->port->name(n)));
    n->version = REMOTE_WRITE_1;
    while (!list_empty(&s->requests) && first_request(s)->message->version == REMOTE_WRITE_2) {
        struct shard_request *r = take_first(s);

        r->delivery->again = true;
        shard_request_end(s, r);
    }
}

static struct answer_meaning meaning_of(struct remote_write_shard *s, const struct shard_request *r,
                                        const struct http_response *a)
{
    const struct remote_write_request *message = r->message;

    return answer_meaning(a->status, a->body, message->version,
                          message->version == REMOTE_WRITE_2 ? remote_write_count_written(s->node, a) : -1,
                          message->samples + message->histograms);
}

static void handle_answer(struct remote_write_shard *s, const struct http_response *a)
{
    struct shard_request *r = first_request(s);
    struct answer_meaning m = meaning_of(s, r, a);
    struct outcome failure = { .verdict = VERDICT_RETRY, .reason = m.reason, .retry_after_ms = a->retry_after_ms };

    snprintf(failure.why, sizeof(failure.why), "%s answered %d: %.*s", s->node->port->name(s->node), a->status,
             (int)(a->body.len < 100 ? a->body.len : 100), (const char *)a->body.data);
    switch (m.fate) {
    case ANSWER_TAKEN:
        end_taken(s, take_first(s));
        break;
    case ANSWER_RETRY:
        r->server_errors = 0;
        release_quarantine(s);
        wait_and_retry(s, &failure);
        return;
    case ANSWER_SUSPECT:
        handle_server_error(s, a->body, &failure);
        return;
    case ANSWER_OTHER_FORM:
        fall_back(s);
        break;
    default:
        handle_refusal(s, take_first(s), &m, a->body);
    }
    send_next(s);
}

static void count_answer(struct remote_write_shard *s, const struct shard_attempt *t, const struct http_response *a)
{
    struct remote_write_node *n = s->node;
    uint64_t took = clock_mono(&n->node.host->loop->clock) - t->begun;

    metric_observe(n->m.seconds, (double)took / (double)NS_PER_S);
    if (a->failure == HTTP_ANSWERED && a->status < 500 && a->status != 429)
        shard_scale_note(&n->scale, took);
}

static void on_done(struct http_call *call, const struct http_response *a)
{
    struct shard_attempt *t = container_of(call, struct shard_attempt, call);
    struct remote_write_shard *s = t->shard;
    struct outcome failure = { .verdict = VERDICT_RETRY };

    t->request = NULL;
    set_state(s, REMOTE_SHARD_IDLE);
    count_answer(s, t, a);
    if (a->failure == HTTP_ANSWERED && a->status == 401 && attempt_may_sign_again(t)) {
        failure.reason = "unauthorized";
        snprintf(failure.why, sizeof(failure.why), "%s answered 401: the next attempt says who we are anew",
                 s->node->port->name(s->node));
        wait_and_retry(s, &failure);
        return;
    }
    if (a->failure == HTTP_ANSWERED) {
        handle_answer(s, a);
        return;
    }
    if (t->authorized.failed && t->authorized.auth.permanent) {
        drop_request(s, take_first(s), "authenticator", bytes_str(a->why));
        send_next(s);
        return;
    }
    first_request(s)->ambiguous = first_request(s)->ambiguous || a->ambiguous;
    release_quarantine(s);
    failure.reason = t->authorized.failed ? "authenticator" : a->failure == HTTP_TIMED_OUT ? "timeout" : "unreachable";
    snprintf(failure.why, sizeof(failure.why), "%s", a->why);
    wait_and_retry(s, &failure);
}

/* A unit that was asked for beside others. What is neither taken nor refused goes back, to be sent by itself. */
static void settle_probe(struct remote_write_shard *s, struct shard_attempt *t, struct shard_request *r,
                         const struct http_response *a)
{
    struct answer_meaning m = { .fate = ANSWER_RETRY };

    if (a->failure == HTTP_ANSWERED && !(a->status == 401 && attempt_may_sign_again(t)))
        m = meaning_of(s, r, a);
    if (m.fate == ANSWER_TAKEN) {
        end_taken(s, r);
    } else if (m.fate == ANSWER_BISECT || m.fate == ANSWER_REFUSED) {
        handle_refusal(s, r, &m, a->body);
    } else {
        r->careful = true;
        r->ambiguous = r->ambiguous || a->ambiguous;
        list_push_front(&s->requests, &r->link);
    }
}

static void on_probed(struct http_call *call, const struct http_response *a)
{
    struct shard_attempt *t = container_of(call, struct shard_attempt, call);
    struct remote_write_shard *s = t->shard;
    struct shard_request *r = t->request;

    t->request = NULL;
    s->n_probing--;
    count_answer(s, t, a);
    settle_probe(s, t, r, a);
    if (!s->node->stopping)
        send_probes(s);
    if (s->n_probing > 0)
        return;
    set_state(s, REMOTE_SHARD_IDLE);
    send_next(s);
}

/* ---- sending ---- */

static void send_first(struct remote_write_shard *s)
{
    set_state(s, REMOTE_SHARD_SENDING);
    attempt_start(&s->attempt, first_request(s), on_done);
}

/* One unit of its own series, which was cut from a request that was refused, and has not failed otherwise. */
static bool is_probe(const struct shard_request *r)
{
    return r != NULL && r->alone && !r->careful && r->retry.tries == 0;
}

/* Two at least: one alone is sent as any other. */
static bool has_probes(const struct remote_write_shard *s)
{
    const struct list *second = s->requests.next->next;

    return is_probe(first_request(s)) && second != &s->requests &&
           is_probe(container_of_const(second, struct shard_request, link));
}

/* As many as there is room for. Nothing behind them has one of their series. */
static void send_probes(struct remote_write_shard *s)
{
    if (s->probes == NULL)
        s->probes = mem_zalloc(SHARD_PROBES * sizeof(*s->probes));
    for (size_t i = 0; i < SHARD_PROBES && is_probe(first_request(s)); i++) {
        if (s->probes[i].request != NULL)
            continue;
        s->n_probing++;
        s->probes[i].shard = s;
        attempt_start(&s->probes[i], take_first(s), on_probed);
    }
}

/* Whatever is first and can be sent. */
static void send_next(struct remote_write_shard *s)
{
    if (s->state != REMOTE_SHARD_IDLE)
        return;
    if (list_empty(&s->requests) && !list_empty(&s->quarantine)) { /* nothing else came: they are tried again */
        static const struct outcome failure = {
            .verdict = VERDICT_RETRY,
            .reason = "server_error",
            .why = "the receiver answers 500 to these series and to nothing else yet",
        };

        release_quarantine(s);
        wait_and_retry(s, &failure);
        return;
    }
    if (has_probes(s) && !s->node->stopping) {
        set_state(s, REMOTE_SHARD_PROBING);
        send_probes(s);
    } else if (!list_empty(&s->requests)) {
        send_first(s);
    }
}

void remote_write_shard_push(struct remote_write_shard *s, struct delivery *d, struct remote_write_request *message)
{
    struct remote_write_request *refused =
        refused_series_split(&s->node->refused, &message, clock_mono(&s->node->node.host->loop->clock));

    list_push(&s->requests, &shard_request_new(s, d, message)->link);
    if (refused != NULL)
        list_push(&s->requests, &shard_request_new(s, d, refused)->link);
    send_next(s);
}

void remote_write_shard_stop(struct remote_write_shard *s)
{
    if (s->state != REMOTE_SHARD_SENDING) /* there the first request is the one that is under way */
        release_quarantine(s);
    if (s->state == REMOTE_SHARD_WAITING) {
        clock_stop(&s->node->node.host->loop->clock, &s->timer);
        set_state(s, REMOTE_SHARD_IDLE);
        send_next(s);
    }
}

void remote_write_shard_init(struct remote_write_shard *s, struct remote_write_node *n)
{
    *s = (struct remote_write_shard){ .node = n, .quarantine_max = QUARANTINE_FIRST };
    s->attempt.shard = s;
    list_init(&s->requests);
    list_init(&s->quarantine);
}

void remote_write_shard_close(struct remote_write_shard *s)
{
    if (s->state == REMOTE_SHARD_SENDING)
        attempt_cancel(&s->attempt);
    attempt_free(&s->attempt);
    for (size_t i = 0; s->probes != NULL && i < SHARD_PROBES; i++) {
        if (s->probes[i].request != NULL) {
            list_push_front(&s->requests, &s->probes[i].request->link);
            attempt_cancel(&s->probes[i]);
        }
        attempt_free(&s->probes[i]);
    }
    free(s->probes);
    s->probes = NULL;
    s->n_probing = 0;
    clock_stop(&s->node->node.host->loop->clock, &s->timer);
    s->state = REMOTE_SHARD_IDLE;
    while (!list_empty(&s->requests))
        shard_request_free(s, take_first(s));
    while (!list_empty(&s->quarantine))
        shard_request_free(s, list_pop(&s->quarantine, struct shard_request, link));
}
