/* SPDX-License-Identifier: Apache-2.0 */
/* The C library's resolver asks; its answer is a message of RFC 1035, which is read here: questions are skipped, and of
 * the answers those of the wanted type are kept. Names may point back into the message: a name of more hops than it can
 * have is broken. */
#include "receiver/prometheus/dns_query.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <resolv.h>
#include <stdio.h>

#define MOST_HOPS 128

struct message {
    const uint8_t *data;
    size_t len, at;
};

static bool has_bytes(const struct message *m, size_t n)
{
    return m->len - m->at >= n;
}

static unsigned u16_at(const struct message *m, size_t at)
{
    return (unsigned)m->data[at] << 8 | m->data[at + 1];
}

static bool read_u16(struct message *m, unsigned *v)
{
    if (!has_bytes(m, 2))
        return false;
    *v = u16_at(m, m->at);
    m->at += 2;
    return true;
}

/* ---- names ---- */

/* A byte of a label, as names are written. */
static bool put_letter(char *out, size_t *n, uint8_t c)
{
    if (c <= ' ' || c >= 0x7f || c == '.' || c == '\\' || *n + 2 >= DNS_NAME)
        return false;
    out[(*n)++] = (char)c;
    return true;
}

/* From `at` on, to the end of the name; *end is behind it there where it began. `out` may be NULL. */
static bool read_name(const struct message *m, size_t at, char *out, size_t *end)
{
    unsigned hops = 0;
    size_t n = 0, all = 0;

    *end = 0;
    while (at < m->len && m->data[at] != 0) {
        size_t label = m->data[at];

        if ((label & 0xc0) == 0xc0) {
            if (at + 1 >= m->len || ++hops > MOST_HOPS)
                return false;
            *end = *end == 0 ? at + 2 : *end;
            at = u16_at(m, at) & 0x3fff;
            continue;
        }
        all += 1 + label;
        if (label > 63 || m->len - at <= label || all > DNS_NAME - 2)
            return false;
        for (size_t i = 1; out != NULL && i <= label; i++)
            if (!put_letter(out, &n, m->data[at + i]))
                return false;
        if (out != NULL)
            out[n++] = '.';
        at += 1 + label;
    }
    if (at >= m->len)
        return false;
    *end = *end == 0 ? at + 1 : *end;
    if (out != NULL)
        out[n] = '\0';
    return true;
}

static bool skip_name(struct message *m)
{
    size_t end;

    if (!read_name(m, m->at, NULL, &end) || end > m->len)
        return false;
    m->at = end;
    return true;
}

/* ---- records ---- */

static const unsigned types[] = { [DNS_A] = 1, [DNS_AAAA] = 28, [DNS_SRV] = 33, [DNS_MX] = 15, [DNS_NS] = 2 };

/* Its data are the n bytes at m->at. */
static bool read_data(const struct message *m, enum dns_type type, size_t n, struct dns_record *r)
{
    size_t end;

    switch (type) {
    case DNS_A:
        return n == 4 && inet_ntop(AF_INET, m->data + m->at, r->host, sizeof(r->host)) != NULL;
    case DNS_AAAA:
        return n == 16 && inet_ntop(AF_INET6, m->data + m->at, r->host, sizeof(r->host)) != NULL;
    case DNS_SRV:
        if (n < 7)
            return false;
        r->port = (uint16_t)u16_at(m, m->at + 4);
        return read_name(m, m->at + 6, r->host, &end) && end == m->at + n;
    case DNS_MX:
        return n >= 3 && read_name(m, m->at + 2, r->host, &end) && end == m->at + n;
    case DNS_NS:
        return read_name(m, m->at, r->host, &end) && end == m->at + n;
    case DNS_TYPES:
        break;
    }
    return false;
}

static bool read_record(struct message *m, enum dns_type type, struct dns_records *out)
{
    struct dns_record r = { 0 };
    unsigned kind, class, length;

    if (!skip_name(m) || !read_u16(m, &kind) || !read_u16(m, &class) || !has_bytes(m, 6))
        return false;
    m->at += 4;
    if (!read_u16(m, &length) || !has_bytes(m, length))
        return false;
    if (kind == types[type] && class == 1) {
        if (!read_data(m, type, length, &r))
            return false;
        if (out->list.n < DNS_MAX_RECORDS && r.host[0] != '\0')
            *vec_push(&out->list) = r;
    }
    m->at += length;
    return true;
}

bool dns_answer_read(struct bytes message, enum dns_type type, struct dns_records *out)
{
    struct message m = { message.data, message.len, 12 };
    unsigned questions, answers;
    bool good = message.len >= 12;

    if (!good)
        return false;
    questions = u16_at(&m, 4);
    answers = u16_at(&m, 6);
    for (unsigned i = 0; good && i < questions; i++) {
        good = skip_name(&m) && has_bytes(&m, 4);
        m.at += good ? 4 : 0;
    }
    for (unsigned i = 0; good && i < answers; i++)
        good = read_record(&m, type, out);
    if (!good)
        vec_free(&out->list);
    return good;
}

/* ---- asking ---- */

#define ANSWER_MAX 65536

static int set_fault(int code, const char *name, struct error *err)
{
    if (code == HOST_NOT_FOUND || code == NO_DATA)
        return 0;
    return error_set(err, -EIO, "look up %s: %s", name, hstrerror(code));
}

int dns_query(const char *name, enum dns_type type, const struct sockaddr_in *server, struct dns_records *out,
              struct error *err)
{
    struct __res_state state = { 0 };
    uint8_t *answer;
    int n, rc = 0;

    if (res_ninit(&state) != 0)
        return error_set(err, -EIO, "look up %s: the resolver cannot be set up", name);
    state.retrans = 2;
    state.retry = 2;
    if (server != NULL) {
        state.nscount = 1;
        state.nsaddr_list[0] = *server;
    }
    answer = mem_alloc(ANSWER_MAX);
    n = res_nsearch(&state, name, 1, (int)types[type], answer, ANSWER_MAX);
    if (n < 0)
        rc = set_fault(state.res_h_errno, name, err);
    else if (!dns_answer_read(bytes_of(answer, n < ANSWER_MAX ? (size_t)n : ANSWER_MAX), type, out))
        rc = error_set(err, -EBADMSG, "look up %s: the answer is broken", name);
    free(answer);
    res_nclose(&state);
    return rc;
}
