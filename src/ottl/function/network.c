/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, flows between them, and two that belong nowhere: Log() and IsValidLuhn(). */
#include "codec/base64.h"
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"

#include <arpa/inet.h>
#include <math.h>
#include <nettle/sha1.h>
#include <stdio.h>

/* An address in 4 or 16 bytes; one of IPv4 in IPv6 has 4. */
struct address {
    uint8_t bytes[16];
    size_t len;
};

static bool read_address(struct bytes text, struct address *a)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    char s[INET6_ADDRSTRLEN + 1];

    if (text.len == 0 || text.len >= sizeof(s) || memchr(text.data, 0, text.len) != NULL)
        return false;
    snprintf(s, sizeof(s), "%.*s", (int)text.len, (const char *)text.data);
    a->len = strchr(s, ':') != NULL ? 16 : 4;
    if (inet_pton(a->len == 16 ? AF_INET6 : AF_INET, s, a->bytes) != 1)
        return false;
    if (a->len == 16 && memcmp(a->bytes, mapped, 12) == 0) {
        memmove(a->bytes, a->bytes + 12, 4);
        a->len = 4;
    }
    return true;
}

struct network {
    struct address address;
    unsigned bits;
};

static bool read_network(struct bytes text, struct network *n)
{
    const uint8_t *slash = text.len > 0 ? memchr(text.data, '/', text.len) : NULL;
    struct bytes digits, address;
    unsigned most;

    n->bits = 0;
    if (slash == NULL)
        return false;
    address = bytes_of(text.data, (size_t)(slash - text.data));
    digits = bytes_skip(text, address.len + 1);
    if (!read_address(address, &n->address) || digits.len == 0 || digits.len > 3)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        n->bits = n->bits * 10 + (unsigned)(digits.data[i] - '0');
    }
    most = memchr(address.data, ':', address.len) != NULL ? 128 : 32;
    if (n->bits > most)
        return false;
    if (most == 128 && n->address.len == 4) {
        if (n->bits < 96)
            return false;
        n->bits -= 96;
    }
    return true;
}

static bool network_holds(const struct network *n, const struct address *a)
{
    unsigned whole = n->bits / 8, left = n->bits % 8;

    if (a->len != n->address.len || memcmp(a->bytes, n->address.bytes, whole) != 0)
        return false;
    return left == 0 || (a->bytes[whole] ^ n->address.bytes[whole]) >> (8 - left) == 0;
}

static bool prepare_cidr(struct ottl_prepare *p)
{
    struct network n;

    for (size_t i = 0; ottl_known(p, 1) && i < p->args[1].n; i++) {
        const struct ottl_value *v = &p->args[1].values[i];

        if (v->type == OTTL_STRING && !read_network(v->bytes, &n))
            return ottl_refuse(p, 1, "\"%.*s\" is no network such as 192.0.2.0/24",
                               (int)(v->bytes.len < 60 ? v->bytes.len : 60), (const char *)v->bytes.data);
    }
    return true;
}

static bool call_cidr(struct ottl_call *c, struct ottl_value *result)
{
    bool inside = false, good = true, known;
    struct address a;
    struct network n;

    known = read_address(c->args[0].bytes, &a);
    for (size_t i = 0; good && i < c->args[1].n; i++) {
        struct bytes text = c->args[1].values[i].bytes;

        good = ottl_spend(c, 1);
        if (good && !read_network(text, &n))
            return ottl_fail(c, "\"%.*s\" is no network such as 192.0.2.0/24", (int)(text.len < 60 ? text.len : 60),
                             (const char *)text.data);
        inside = inside || (good && known && network_holds(&n, &a));
    }
    *result = ottl_bool(inside);
    return good;
}

/* ---- CommunityID: the specification at github.com/corelight/community-id-spec ---- */

static const struct protocol {
    const char *name;
    uint8_t number;
} protocols[] = { { "TCP", 6 }, { "UDP", 17 }, { "ICMP", 1 }, { "ICMP6", 58 }, { "SCTP", 132 }, { "RSVP", 46 } };

static const struct protocol *find_protocol(struct bytes name)
{
    for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++)
        if (bytes_is(name, protocols[i].name))
            return &protocols[i];
    return NULL;
}

static void put_short(struct buf *out, int64_t v)
{
    buf_putc(out, (char)(v >> 8));
    buf_putc(out, (char)v);
}

struct endpoint {
    struct address address;
    int64_t port;
};

static int compare_endpoints(const struct endpoint *a, const struct endpoint *b)
{
    int order = bytes_compare(bytes_of(a->address.bytes, a->address.len), bytes_of(b->address.bytes, b->address.len));

    return order != 0 ? order : (a->port > b->port) - (a->port < b->port);
}

static bool read_endpoint(struct ottl_call *c, unsigned i, const char *which, struct endpoint *e)
{
    struct bytes text = c->args[i].bytes;

    e->port = c->args[i + 1].integer;
    if (!read_address(text, &e->address))
        return ottl_fail(c, "invalid %s IP: %.*s", which, (int)(text.len < 60 ? text.len : 60),
                         (const char *)text.data);
    if (e->port < 0 || e->port > 65535)
        return ottl_fail(c, "%s port must be between 0 and 65535, got %lld", which, (long long)e->port);
    return true;
}

static bool call_community(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes name = ottl_text_or(c, 4, "TCP");
    const struct protocol *protocol = find_protocol(name);
    int64_t seed = ottl_given(c, 5) ? c->args[5].integer : 0;
    struct buf flow = { 0 }, out = { 0 };
    uint8_t digest[SHA1_DIGEST_SIZE];
    struct sha1_ctx h;
    struct endpoint from = { 0 }, to = { 0 };
    bool swapped;

    if (!read_endpoint(c, 0, "source", &from) || !read_endpoint(c, 2, "destination", &to))
        return false;
    if (protocol == NULL)
        return ottl_fail(c, "unsupported protocol: %.*s", (int)(name.len < 40 ? name.len : 40),
                         (const char *)name.data);
    if (seed < 0 || seed > 65535)
        return ottl_fail(c, "seed must be between 0 and 65535, got %lld", (long long)seed);
    swapped = compare_endpoints(&from, &to) > 0;
    put_short(&flow, seed);
    buf_append(&flow, swapped ? to.address.bytes : from.address.bytes, swapped ? to.address.len : from.address.len);
    buf_append(&flow, swapped ? from.address.bytes : to.address.bytes, swapped ? from.address.len : to.address.len);
    buf_putc(&flow, (char)protocol->number);
    buf_putc(&flow, 0);
    put_short(&flow, swapped ? to.port : from.port);
    put_short(&flow, swapped ? from.port : to.port);
    sha1_init(&h);
    sha1_update(&h, flow.len, flow.data);
    sha1_digest(&h, sizeof(digest), digest);
    buf_free(&flow);
    buf_puts(&out, "1:");
    base64_encode(bytes_of(digest, sizeof(digest)), true, &out);
    return ottl_give(c, &out, OTTL_STRING, result);
}

/* ---- others ---- */

static bool call_log(struct ottl_call *c, struct ottl_value *result)
{
    if (c->args[0].type == OTTL_NIL || !(c->args[0].number > 0))
        return ottl_fail(c, "a logarithm is of a number above 0");
    *result = ottl_double(log(c->args[0].number));
    return true;
}

/* ISO/IEC 7812-1, annex B. Blanks between the digits are passed over. */
static bool call_luhn(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes s = c->args[0].bytes;
    unsigned sum = 0;
    size_t digits = 0;

    if (c->args[0].type != OTTL_STRING)
        return ottl_fail(c, "it was given nil");
    if (!ottl_spend(c, s.len / 64))
        return false;
    for (size_t i = s.len; i > 0; i--) {
        unsigned v = (unsigned)(s.data[i - 1] - '0');

        if (s.data[i - 1] == ' ')
            continue;
        if (s.data[i - 1] < '0' || s.data[i - 1] > '9')
            return ottl_fail(c, "'%.*s' is no number of digits", (int)(s.len < 40 ? s.len : 40), (const char *)s.data);
        if (digits++ % 2 == 1)
            v = v > 4 ? v * 2 - 9 : v * 2;
        sum = (sum + v) % 10;
    }
    *result = ottl_bool(digits > 0 && sum == 0);
    return true;
}

const struct ottl_function ottl_functions_network[] = {
    CONVERTER("IsInCIDR", call_cidr, "a boolean", TAKES(ARGUMENT("target", STRING), LIST("networks", STRING)),
              "Whether the IP address is in one of the networks, such as 192.0.2.0/24.", .prepare = prepare_cidr),
    CONVERTER("CommunityID", call_community, "a string",
              TAKES(ARGUMENT("source_ip", STRING), ARGUMENT("source_port", INT), ARGUMENT("destination_ip", STRING),
                    ARGUMENT("destination_port", INT), OPTIONAL("protocol", STRING), OPTIONAL("seed", INT)),
              "The Community ID of a flow; the protocol is TCP, UDP, ICMP, ICMP6, SCTP or RSVP."),
    CONVERTER("Log", call_log, "a double", TAKES(ARGUMENT("target", DOUBLE_LIKE)), "The natural logarithm."),
    CONVERTER("IsValidLuhn", call_luhn, "a boolean", TAKES(ARGUMENT("target", STRING_LIKE)),
              "Whether the digits end with their Luhn checksum, as credit cards' do."),
    { 0 },
};
