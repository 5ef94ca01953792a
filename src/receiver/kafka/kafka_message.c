/* SPDX-License-Identifier: Apache-2.0 */
/* One record. Its value is copied into a block of the budget and validated, and goes into the pipeline as a batch; when
 * that is safe the message is done, and its partition may go on past it.
 *
 * What can go wrong. The value is not what `encoding` says, or the pipeline refuses it for good: it is counted, named
 * in the log and skipped, or the partition stops there (message_marking::on_permanent_error: false). The pipeline
 * refuses it for now: it is sent again, for as long as that takes, unless message_marking::on_error says that it may be
 * skipped. The budget has no room: the caller keeps the record, and asks again. It is large: kafka_large.c. */
#include "receiver/kafka/kafka_receiver.h"

#include "otlp/metadata.h"
#include "pipeline/trace/receipt.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS_MOST 64u         /* of a record, that the pipeline is told of */
#define HEADER_BYTES_MOST 16384u /* of those: the budget does not know of them */

static void move_message(struct kafka_message *m, enum message_state to)
{
    static const uint8_t allowed[] = {
        [MESSAGE_NEW] = 1 << MESSAGE_SENT | 1 << MESSAGE_DONE | 1 << MESSAGE_STUCK,
        [MESSAGE_SENT] = 1 << MESSAGE_WAITING | 1 << MESSAGE_DONE | 1 << MESSAGE_STUCK,
        [MESSAGE_WAITING] = 1 << MESSAGE_SENT,
        [MESSAGE_DONE] = 0,
        [MESSAGE_STUCK] = 0,
    };

    assert(allowed[m->state] & 1 << to);
    m->state = to;
}

/* Of each try. */
static void end_span(struct kafka_message *m, uint64_t refused, const char *error)
{
    const struct kafka_receiver *r = m->receiver;

    if (m->traced.start == 0)
        return;
    receipt_end(&r->node, &m->traced, r->node.signal,
                &(struct receipt){ .kind = TRACED_INTERNAL,
                                   .transport = "kafka",
                                   .format = r->config->signals[r->node.signal].encoding,
                                   .from_key = "messaging.destination.name",
                                   .from = m->partition != NULL ? m->partition->topic : NULL,
                                   .accepted = m->items - refused,
                                   .refused = refused,
                                   .error = error });
}

static bool is_under_way(const struct kafka_message *m)
{
    return m->state == MESSAGE_SENT || m->state == MESSAGE_WAITING;
}

void kafka_message_free(struct kafka_message *m)
{
    struct kafka_receiver *r = m->receiver;

    if (m->state == MESSAGE_SENT)
        ack_cancel(&m->ack);
    end_span(m, m->items, "given up");
    if (is_under_way(m))
        r->under_way--;
    clock_stop(&r->node.host->loop->clock, &m->timer);
    list_remove(&m->link);
    list_remove(&m->all);
    r->kept--;
    if (m->batch != NULL)
        batch_unref(m->batch);
    free(m);
}

/* ---- the end of a message ---- */

/* Its bytes are not needed any more. It may be gone when this returns. */
static void end_message(struct kafka_message *m, enum message_state how)
{
    struct kafka_receiver *r = m->receiver;
    struct kafka_partition *p = m->partition;
    bool counted = is_under_way(m);

    move_message(m, how);
    if (m->batch != NULL)
        batch_unref(m->batch);
    m->batch = NULL;
    if (counted)
        r->under_way--;
    if (p == NULL || (p->halted && m->offset > p->halted_at))
        kafka_message_free(m);
    else if (how == MESSAGE_DONE)
        kafka_partition_advance(p);
    if (counted)
        kafka_receiver_has_room(r);
}

static void complain_skipped(struct kafka_message *m, const char *what, const char *why)
{
    struct kafka_receiver *r = m->receiver;
    bool stops = !r->config->message_marking.on_permanent_error;

    if (stops || complaint_due_to(&r->bad, &r->node.host->loop->clock, what))
        log_at(&r->node.log, stops ? LOG_ERROR : LOG_WARN,
               stops ? "A record cannot be taken, and its partition stops there"
                     : "A record cannot be taken, and is skipped",
               F_STR("what", what), F_STR("error", why),
               F_STR("topic", m->partition != NULL ? m->partition->topic : ""),
               F_INT("partition", m->partition != NULL ? m->partition->number : -1), F_INT("offset", m->offset),
               F_UINT("items", m->items), F_UINT("repeated", stops ? 1 : complaint_taken(&r->bad)));
}

/* It will never be taken. */
static void give_up_message(struct kafka_message *m, struct metric *count, const char *what, const char *why)
{
    struct kafka_receiver *r = m->receiver;

    metric_add(count, 1);
    complain_skipped(m, what, why);
    if (r->config->message_marking.on_permanent_error || m->partition == NULL) {
        end_message(m, MESSAGE_DONE);
        return;
    }
    health_fail(&r->node.health[HEALTH_WORK], clock_mono(&r->node.host->loop->clock), HEALTH_PERMANENT, why);
    kafka_partition_halt(m->partition, m);
    end_message(m, MESSAGE_STUCK);
}

/* ---- in the pipeline ---- */

static void on_settled(struct ack *ack, const struct outcome *o);

static void send_message(struct kafka_message *m)
{
    struct kafka_receiver *r = m->receiver;
    struct host *host = r->node.host;

    move_message(m, MESSAGE_SENT);
    m->begun = clock_mono(&host->loop->clock);
    if (traced_wanted(&r->node))
        traced_begin(&r->node, &m->traced, NULL);
    ack_init(&m->ack, &host->loop->turn, NULL, m->items, true, on_settled);
    if (r->node.out[r->node.signal] != NULL)
        consumer_send(r->node.out[r->node.signal], batch_ref(m->batch), &m->ack);
    else /* a reload took its pipelines away */
        ack_fail(&m->ack, VERDICT_RETRY, "shutdown", "there is no pipeline for this signal any more");
}

static void on_again(struct clock_timer *t)
{
    send_message(container_of(t, struct kafka_message, timer));
}

static void complain_refused(struct kafka_receiver *r, const struct outcome *o)
{
    if (complaint_due_to(&r->refusing, &r->node.host->loop->clock, o->reason != NULL ? o->reason : ""))
        log_warn(&r->node.log, "The pipeline does not take a record for now, and gets it again", F_STR("error", o->why),
                 F_STR("reason", o->reason != NULL ? o->reason : ""),
                 F_UINT("repeated", complaint_taken(&r->refusing)));
}

/* When, by error_backoff; for ever, unless it may be skipped. */
static void wait_and_send(struct kafka_message *m, const struct outcome *o)
{
    struct kafka_receiver *r = m->receiver;
    struct loop *loop = r->node.host->loop;
    bool may_skip = r->config->message_marking.on_error;
    bool again;
    uint64_t delay = 0;

    again = (!may_skip || r->config->error_backoff.enabled) &&
            retry_next(&m->retry,
                       &(struct retry_config){
                           true, r->config->error_backoff.initial_interval, r->config->error_backoff.max_interval,
                           r->config->error_backoff.max_elapsed_time, r->config->error_backoff.randomization_factor,
                           r->config->error_backoff.multiplier },
                       !may_skip, m->begun, clock_mono(&loop->clock), o->retry_after_ms, &loop->random, &delay);
    if (!again) {
        metric_add(r->m.skipped, 1);
        log_warn(&r->node.log, "A record was refused for now, and is skipped as on_error says", F_STR("error", o->why),
                 F_INT("offset", m->offset), F_UINT("items", m->items));
        end_message(m, MESSAGE_DONE);
        return;
    }
    complain_refused(r, o);
    move_message(m, MESSAGE_WAITING);
    clock_start(&loop->clock, &m->timer, delay, on_again);
}

static void on_settled(struct ack *ack, const struct outcome *o)
{
    struct kafka_message *m = container_of(ack, struct kafka_message, ack);
    struct kafka_receiver *r = m->receiver;
    uint64_t refused = o->verdict == VERDICT_SAFE && o->rejected < m->items ? o->rejected : m->items;

    metric_add(r->m.items[RECEIVER_ACCEPTED], m->items - refused);
    metric_add(r->m.items[RECEIVER_REFUSED], refused);
    end_span(m, refused, refused == 0 ? NULL : o->why[0] != '\0' ? o->why : o->reason);
    if (o->verdict == VERDICT_SAFE) {
        if (complaint_over(&r->refusing))
            log_info(&r->node.log, "The pipeline takes records again");
        end_message(m, MESSAGE_DONE);
    } else if (o->verdict == VERDICT_REJECT) {
        give_up_message(m, r->m.skipped, "refused", o->why);
    } else if (r->stopping || m->partition == NULL) { /* it comes again to whoever reads the partition then */
        r->under_way--;
        m->state = MESSAGE_NEW;
        kafka_message_free(m);
        kafka_receiver_has_room(r);
    } else {
        wait_and_send(m, o);
    }
}

/* ---- its arrival ---- */

static void read_headers(struct kafka_receiver *r, const rd_kafka_message_t *m)
{
    const struct kafka_library *lib = r->client.lib;
    rd_kafka_headers_t *headers = NULL;
    const char *name;
    const void *value;
    size_t size;

    r->headers.n = 0;
    if (lib->rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    for (size_t i = 0; i < HEADERS_MOST &&
                       lib->rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         i++)
        *vec_push(&r->headers) = (struct kafka_header){ bytes_str(name), bytes_of(value, value != NULL ? size : 0) };
}

/* What the pipeline may know of where it came from, under the Go collector's names. */
static struct metadata *make_metadata(struct kafka_receiver *r, const struct kafka_partition *p, int64_t offset)
{
    char number[16], at[24];
    size_t bytes = 0;

    r->entries.n = 0;
    snprintf(number, sizeof(number), "%d", (int)p->number);
    snprintf(at, sizeof(at), "%lld", (long long)offset);
    *vec_push(&r->entries) = (struct metadata_entry){ bytes_str("kafka.topic"), bytes_str(p->topic) };
    *vec_push(&r->entries) = (struct metadata_entry){ bytes_str("kafka.partition"), bytes_str(number) };
    *vec_push(&r->entries) = (struct metadata_entry){ bytes_str("kafka.offset"), bytes_str(at) };
    for (size_t i = 0; i < r->headers.n; i++) {
        struct kafka_header h = r->headers.v[i];

        if (h.name.len + h.value.len > HEADER_BYTES_MOST - bytes)
            continue;
        bytes += h.name.len + h.value.len;
        *vec_push(&r->entries) = (struct metadata_entry){ h.name, h.value };
    }
    return metadata_new(r->entries.v, (uint32_t)r->entries.n);
}

/* The first of each header that is to be an attribute, to the front; how many there are. */
static size_t choose_headers(struct kafka_receiver *r)
{
    const struct kafka_extraction_config *x = &r->config->header_extraction;
    size_t n = 0;

    for (size_t k = 0; x->extract_headers && k < x->headers.n; k++)
        for (size_t i = n; i < r->headers.n; i++)
            if (bytes_is(r->headers.v[i].name, x->headers.v[k])) {
                struct kafka_header found = r->headers.v[i];

                memmove(r->headers.v + n + 1, r->headers.v + n, (i - n) * sizeof(found));
                r->headers.v[n++] = found;
                break;
            }
    return n;
}

static struct kafka_message *message_new(struct kafka_receiver *r, struct kafka_partition *p, int64_t offset)
{
    struct kafka_message *m = mem_zalloc(sizeof(*m));

    m->receiver = r;
    m->partition = p;
    m->offset = offset;
    list_push(&p->messages, &m->link);
    list_push(&r->messages, &m->all);
    r->kept++;
    return m;
}

static void begin_message(struct kafka_message *m, const struct kafka_request *request)
{
    struct kafka_receiver *r = m->receiver;

    m->items = request->items;
    if (m->items == 0) {
        block_unref(request->block);
        end_message(m, MESSAGE_DONE);
        return;
    }
    m->batch =
        batch_new(r->node.signal, request->block, request->bytes, m->items, clock_mono(&r->node.host->loop->clock));
    m->batch->metadata = make_metadata(r, m->partition, m->offset);
    r->under_way++;
    send_message(m);
}

void kafka_message_decoded(struct kafka_receiver *r, struct kafka_partition *p, const rd_kafka_message_t *record,
                           enum kafka_decoded d, const struct kafka_request *request, uint64_t need, struct error *err)
{
    metric_add(r->m.messages, 1);
    metric_add(r->m.bytes, record->len);
    if (d == KAFKA_NO_ROOM)
        error_set(err, UV_E2BIG, "it has %llu bytes, more than the memory budget can ever hold",
                  (unsigned long long)need);
    if (d == KAFKA_DECODED)
        begin_message(message_new(r, p, record->offset), request);
    else
        give_up_message(message_new(r, p, record->offset), r->m.bad, "bad", err->text);
}

enum kafka_taken kafka_message_take(struct kafka_receiver *r, struct kafka_partition *p, struct held_record held,
                                    uint64_t *need)
{
    const rd_kafka_message_t *record = held.record;
    struct budget *budget = host_budget(r->node.host, r->node.signal);
    struct kafka_value v = { .signal = r->node.signal,
                             .reading = r->reading,
                             .bytes = bytes_of(record->payload, record->payload != NULL ? record->len : 0),
                             .most = (size_t)budget_most(budget),
                             .now = clock_wall(&r->node.host->loop->clock) };
    struct kafka_request request;
    struct error err = { 0 };
    enum kafka_decoded d;

    *need = 0;
    if (r->under_way >= KAFKA_UNDER_WAY_MOST || r->kept >= KAFKA_KEPT_MOST)
        return KAFKA_NO_PLACE;
    read_headers(r, record);
    v.n_headers = choose_headers(r);
    v.headers = r->headers.v;
    if (kafka_value_is_large(&v) && v.bytes.len + sizeof(struct block) <= budget_most(budget))
        return kafka_large_begin(r, &v, held, need) ? KAFKA_LATER : KAFKA_NO_PLACE;
    d = kafka_decode(&v, budget, &request, need, &err);
    if (d == KAFKA_NO_ROOM && *need <= budget_most(budget))
        return KAFKA_NO_PLACE;
    kafka_message_decoded(r, p, record, d, &request, *need, &err);
    return KAFKA_TAKEN;
}
