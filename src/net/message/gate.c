/* SPDX-License-Identifier: Apache-2.0 */
/* request.c brings a request here where the server has a gatekeeper. It is let in, refused, or waits with its
 * question open: then request_body() brings what comes to gate_hold(), and the answer lets all of it go on.
 *
 * What can go wrong meanwhile: the peer goes, or the request is late and answered: the question is forgotten when the
 * request closes, and an answer to a request that has one already is no news. The budget has no room for what comes:
 * the request may come again later. */
#include "net/message/gate_request.h"

#include "codec/base64.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a request says ---- */

/* A form's value: %XX and + taken back (WHATWG URL, application/x-www-form-urlencoded). */
static void put_decoded(struct buf *out, struct bytes s)
{
    for (size_t i = 0; i < s.len; i++) {
        int high = s.data[i] == '%' && i + 2 < s.len ? hex_digit(s.data[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(s.data[i + 2]) : -1;

        if (low >= 0) {
            buf_putc(out, (char)(high << 4 | low));
            i += 2;
        } else {
            buf_putc(out, s.data[i] == '+' ? ' ' : (char)s.data[i]);
        }
    }
}

/* The first parameter of that name. */
static struct bytes parameter_of(struct gate_question *q, const char *name)
{
    struct bytes rest = q->req->query;

    while (rest.len > 0) {
        const uint8_t *amp = memchr(rest.data, '&', rest.len);
        struct bytes pair = bytes_of(rest.data, amp != NULL ? (size_t)(amp - rest.data) : rest.len);
        const uint8_t *equals = pair.len > 0 ? memchr(pair.data, '=', pair.len) : NULL;

        rest = bytes_skip(rest, amp != NULL ? pair.len + 1 : pair.len);
        if (equals == NULL || !bytes_is(bytes_of(pair.data, (size_t)(equals - pair.data)), name))
            continue;
        q->decoded.len = 0;
        buf_reserve(&q->decoded, 1);
        put_decoded(&q->decoded, bytes_skip(pair, (size_t)(equals + 1 - pair.data)));
        return buf_bytes(&q->decoded);
    }
    return bytes_of(NULL, 0);
}

struct bytes gate_credential(struct gate_question *q, const char *name)
{
    const struct bytes *header;

    for (size_t i = 0; q->parameters != NULL && i < q->parameters->n; i++) {
        const char *parameter = q->parameters->v[i];
        struct bytes value;

        if (!bytes_equal_nocase(bytes_str(parameter), bytes_str(name)))
            continue;
        value = parameter_of(q, parameter);
        if (value.data != NULL)
            return value;
    }
    header = http_request_header(q->req, name);
    return header != NULL ? *header : bytes_of(NULL, 0);
}

static void free_question(struct gate_question *q)
{
    if (q->decoded.data != NULL)
        explicit_bzero(q->decoded.data, q->decoded.cap);
    buf_free(&q->decoded);
}

/* ---- letting in ---- */

struct http_header gate_refusal_header(const struct gate_refusal *refusal)
{
    if (refusal->busy)
        return (struct http_header){ BYTES_LIT("retry-after"), BYTES_LIT("1") };
    return (struct http_header){ BYTES_LIT("www-authenticate"), bytes_str(refusal->challenge) };
}

static void answer_plainly(struct http_request *req, const struct gate_refusal *refusal)
{
    struct http_header headers[] = {
        { BYTES_LIT("content-type"), BYTES_LIT("text/plain; charset=utf-8") },
        gate_refusal_header(refusal),
    };
    char line[256];
    int n = snprintf(line, sizeof(line), "%d %s\n", refusal->busy ? 503 : 401, refusal->why);

    http_respond(req, refusal->busy ? 503 : 401, headers, ARRAY_LEN(headers), bytes_of(line, (size_t)n));
}

static void refuse_request(struct request *r, bool busy)
{
    struct gate_question *q = &r->gate->question;
    struct gate_refusal refusal = { busy, q->why, q->challenge };
    struct http_service *service = r->pub.service;

    if (service->on_refused != NULL)
        service->on_refused(service, &r->pub, &refusal);
    else
        answer_plainly(&r->pub, &refusal);
}

static void admit_request(struct request *r)
{
    struct gate *gate = r->gate;

    r->pub.attributes = gate->question.attributes;
    r->pub.n_attributes = gate->question.n_attributes;
    request_tell(r, buf_bytes(&gate->held), gate->ended);
    r->pub.attributes = NULL;
    r->pub.n_attributes = 0;
    gate_close(r);
}

static void take_verdict(struct request *r, enum gate_verdict v)
{
    if (v == GATE_OPEN)
        admit_request(r);
    else
        refuse_request(r, v == GATE_BUSY);
}

static void on_answered(struct gate_question *q, enum gate_verdict v)
{
    struct request *r = container_of(q, struct gate, question)->request;

    assert(r->gate->waits);
    r->gate->waits = false;
    if (r->pub.responded || r->cut)
        return;
    take_verdict(r, v);
    r->io->kick(r->io);
}

void gate_ask(struct request *r)
{
    struct gatekeeper *g = r->io->shared->options.gatekeeper;
    struct gate *gate = mem_zalloc(sizeof(*gate));
    enum gate_verdict v;

    r->gate = gate;
    gate->request = r;
    gate->question = (struct gate_question){
        .req = &r->pub,
        .parameters = r->io->shared->options.gate_parameters,
        .gatekeeper = g,
        .answered = on_answered,
        .why = "",
        .challenge = "",
    };
    v = g->ask(g, &gate->question);
    if (v == GATE_LATER)
        gate->waits = true;
    else
        take_verdict(r, v);
}

bool gate_holds(const struct request *r)
{
    return r->gate != NULL && r->gate->waits;
}

void gate_end(struct request *r)
{
    r->gate->ended = true;
}

void gate_hold(struct request *r, struct bytes data)
{
    const struct budget *budget = r->io->shared->budget;

    if (r->pub.responded || r->cut)
        return;
    if (!conn_io_may_hold(r->io) || budget->used > budget->limit) {
        r->gate->question.why = "no room in the memory budget for this request; send it again later";
        refuse_request(r, true);
        return;
    }
    buf_put(&r->gate->held, data);
    conn_io_hold(r->io, data.len);
    r->charged += data.len;
}

void gate_close(struct request *r)
{
    struct gate *gate = r->gate;

    if (gate == NULL)
        return;
    r->gate = NULL;
    if (gate->waits)
        gate->question.gatekeeper->forget(gate->question.gatekeeper, &gate->question);
    free_question(&gate->question);
    buf_free(&gate->held);
    explicit_bzero(gate->question.name, sizeof(gate->question.name));
    free(gate);
}
