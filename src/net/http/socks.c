/* SPDX-License-Identifier: Apache-2.0 */
/* Three questions and answers: how we may say who we are, who we are (where the proxy wants to know), whom to connect
 * to. An answer is looked at when all of it is there; the longest has 262 bytes.
 *
 * What can go wrong: the proxy speaks no SOCKS 5, takes none of our ways, not our password, or does not get through. */
#include "net/http/socks.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>

enum {
    VERSION = 5,
    LOGIN_VERSION = 1,
    NO_LOGIN = 0,
    BY_PASSWORD = 2,
    NO_METHOD = 0xff,
    CONNECT = 1,
    IPV4 = 1,
    NAME = 3,
    IPV6 = 4,
};

static void put_text(struct buf *out, struct bytes s)
{
    assert(s.len <= SOCKS_TEXT_MAX);
    buf_putc(out, (char)s.len);
    buf_put(out, s);
}

static void put_login(const struct socks *s, struct buf *out)
{
    buf_putc(out, LOGIN_VERSION);
    put_text(out, s->user);
    put_text(out, s->password);
}

static void put_address(struct buf *out, struct bytes host)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t address[16];

    snprintf(text, sizeof(text), "%.*s", (int)(host.len < sizeof(text) ? host.len : 0), (const char *)host.data);
    if (inet_pton(AF_INET, text, address) == 1) {
        buf_putc(out, IPV4);
        buf_append(out, address, 4);
    } else if (inet_pton(AF_INET6, text, address) == 1) {
        buf_putc(out, IPV6);
        buf_append(out, address, 16);
    } else {
        buf_putc(out, NAME);
        put_text(out, host);
    }
}

static void put_connect(const struct socks *s, struct buf *out)
{
    uint64_t port = 0;
    const char head[] = { VERSION, CONNECT, 0 };

    (void)bytes_decimal(s->port, &port);
    buf_append(out, head, sizeof(head));
    put_address(out, s->host);
    buf_putc(out, (char)(port >> 8));
    buf_putc(out, (char)(port & 0xff));
}

void socks_begin(struct socks *s, struct buf *out)
{
    s->waits_for = SOCKS_GREETING;
    buf_putc(out, VERSION);
    buf_putc(out, s->user.len > 0 ? 2 : 1);
    buf_putc(out, NO_LOGIN);
    if (s->user.len > 0)
        buf_putc(out, BY_PASSWORD);
}

static void expect_answer(struct socks *s, enum socks_answer to)
{
    static const uint8_t allowed[] = {
        [SOCKS_GREETING] = 1 << SOCKS_LOGIN | 1 << SOCKS_CONNECTING,
        [SOCKS_LOGIN] = 1 << SOCKS_CONNECTING,
        [SOCKS_CONNECTING] = 0,
    };

    assert(allowed[s->waits_for] & 1 << to);
    s->waits_for = to;
}

static enum socks_step fail_step(const char **why, const char *what)
{
    *why = what;
    return SOCKS_FAILED;
}

static enum socks_step take_greeting(struct socks *s, struct bytes in, struct buf *out, const char **why)
{
    if (in.data[1] == BY_PASSWORD && s->user.len > 0) {
        expect_answer(s, SOCKS_LOGIN);
        put_login(s, out);
    } else if (in.data[1] == NO_LOGIN) {
        expect_answer(s, SOCKS_CONNECTING);
        put_connect(s, out);
    } else if (in.data[1] == NO_METHOD && s->user.len == 0) {
        return fail_step(why, "it wants to know who we are: write a name and password into its URL, "
                              "socks5://name:password@proxy:1080");
    } else {
        return fail_step(why, "it takes neither names with passwords nor nothing");
    }
    return SOCKS_MORE;
}

static enum socks_step take_login(struct socks *s, struct bytes in, struct buf *out, const char **why)
{
    if (in.data[1] != 0)
        return fail_step(why, "it does not take the name and password of its URL");
    expect_answer(s, SOCKS_CONNECTING);
    put_connect(s, out);
    return SOCKS_MORE;
}

/* RFC 1928, 6. */
static const char *reply_text(uint8_t reply)
{
    static const char *const texts[] = {
        "it has failed",
        "its rules do not allow it",
        "it cannot reach the network",
        "it cannot reach the host, or does not know the name",
        "the connection was refused",
        "the time to live is over",
        "it does not serve CONNECT",
        "it does not know this kind of address",
    };

    return reply >= 1 && reply <= sizeof(texts) / sizeof(*texts) ? texts[reply - 1] : "it gives a reason unknown here";
}

/* How long the answer is: 0 when that is not known yet, SIZE_MAX when it is none. */
static size_t reply_len(struct bytes in)
{
    if (in.len < 5)
        return 0;
    switch (in.data[3]) {
    case IPV4:
        return 4 + 4 + 2;
    case IPV6:
        return 4 + 16 + 2;
    case NAME:
        return 4 + 1 + (size_t)in.data[4] + 2;
    default:
        return SIZE_MAX;
    }
}

static enum socks_step take_reply(struct bytes in, size_t *used, const char **why)
{
    size_t len;

    if (in.data[1] != 0) /* some end without an address then */
        return fail_step(why, reply_text(in.data[1]));
    len = reply_len(in);
    if (len == SIZE_MAX)
        return fail_step(why, "what it answers is not SOCKS 5");
    if (len == 0 || in.len < len)
        return SOCKS_MORE;
    *used = len;
    return SOCKS_OPEN;
}

enum socks_step socks_take(struct socks *s, struct bytes in, size_t *used, struct buf *out, const char **why)
{
    *used = 0;
    if (in.len > 0 && in.data[0] != (s->waits_for == SOCKS_LOGIN ? LOGIN_VERSION : VERSION))
        return fail_step(why, "what it answers is not SOCKS 5");
    if (in.len < 2)
        return SOCKS_MORE;
    if (s->waits_for == SOCKS_CONNECTING)
        return take_reply(in, used, why);
    *used = 2;
    return s->waits_for == SOCKS_GREETING ? take_greeting(s, in, out, why) : take_login(s, in, out, why);
}
