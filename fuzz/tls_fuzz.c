/* SPDX-License-Identifier: Apache-2.0 */
/* Two ends of TLS with a stranger between them, who cuts, dribbles, spoils and puts in what he likes; or one end alone,
 * and he is the other. The first byte chooses which, and the newest version that is spoken; then come steps of two
 * bytes. Whatever passes, an owner is told only what the other end has written, each event in its order, and a socket
 * that is closed is closed once. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "net/socket/socket.h"

#include "net/socket/tls.h"
#include "support/certificates.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PASSED_MOST 65536u /* by one step */

struct end {
    struct socket *socket;
    int wire;             /* the stranger's end of its connection */
    uint64_t sent, heard; /* bytes that its owner wrote, and was told */
    size_t most;
    bool ready, ended, closed, shut;
    struct end *other; /* NULL: it is the stranger */
};

static struct loop loop;
static struct log_sink sink;
static struct logger logger;
static struct socket_shared shared;
static struct identity ca, own;
static uint64_t drawn;

/* Each run draws the same numbers. */
static int draw_bytes(unsigned char *out, int n)
{
    for (int i = 0; i < n; i++) {
        drawn = drawn * 6364136223846793005u + 1442695040888963407u;
        out[i] = (unsigned char)(drawn >> 56);
    }
    return 1;
}

static int always(void)
{
    return 1;
}

static const RAND_METHOD numbers = { .bytes = draw_bytes, .pseudorand = draw_bytes, .status = always };

static uint8_t letter_at(uint64_t i)
{
    return (uint8_t)(i * 7 + (i >> 8));
}

static void on_read(void *owner, struct bytes data)
{
    struct end *e = owner;

    if (!e->ready || e->ended || e->closed || data.len == 0 || data.len > e->most || e->other == NULL ||
        data.len > e->other->sent - e->heard)
        abort();
    for (size_t i = 0; i < data.len; i++)
        if (data.data[i] != letter_at(e->heard++))
            abort();
}

static void on_end(void *owner, int error)
{
    struct end *e = owner;

    if (e->closed || (error == UV_EPROTO && socket_why(e->socket)[0] == '\0'))
        abort();
    e->ended = true;
}

static void on_written(void *owner, int error)
{
    struct end *e = owner;

    (void)error;
    if (e->closed || socket_writing(e->socket))
        abort();
}

static void on_closed(void *owner)
{
    struct end *e = owner;

    if (e->closed)
        abort();
    e->closed = true;
}

static void on_ready(void *owner)
{
    struct end *e = owner;

    if (e->ready || e->ended || e->closed)
        abort();
    e->ready = true;
}

static const struct socket_events events = { on_read, on_end, on_written, on_closed, on_ready };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    signal(SIGPIPE, SIG_IGN); /* as in the daemon */
    RAND_set_rand_method(&numbers);
    loop_init(&loop, true);
    log_sink_init(&sink);
    sink.level = LOG_OFF;
    logger = (struct logger){ .sink = &sink };
    socket_shared_init(&shared, PASSED_MOST);
    ca = identity_make(NULL, "ca", NULL, -1, 3650);
    own = identity_make(&ca, "localhost", "DNS:localhost", -1, 3650);
    return 0;
}

static struct tls *tls_of(enum tls_side side, bool old, bool mutual)
{
    const struct tls_setup setup = { &loop, side, "h2,http/1.1", NULL, &logger, "fuzz" };
    struct error err = { 0 };
    struct tls_config c = {
        .on = true,
        .max_version = old ? TLS_VERSION_12 : TLS_VERSION_UNSET,
        .ca_pem = { ca.cert },
    };
    struct tls *t;

    if (side == TLS_SERVER || mutual) {
        c.cert_pem.text = own.cert;
        c.key_pem.text = own.key;
    }
    t = tls_new(&setup, &c, &err);
    if (t == NULL)
        abort();
    return t;
}

static void open_end(struct end *e, struct tls *tls, const char *name)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        abort();
    e->wire = fds[1];
    e->most = PASSED_MOST;
    e->socket = socket_open_tls(&loop, &shared, fds[0], tls, name, &events, e);
    if (e->socket == NULL)
        abort();
    socket_read(e->socket, e->most);
}

static void turn_once(void)
{
    turn_run(&loop.turn);
    uv_run(&loop.uv, UV_RUN_NOWAIT);
    turn_run(&loop.turn);
    clock_advance(&loop.clock, NS_PER_MS);
}

static void put_in(const struct end *to, struct bytes data)
{
    if (data.len > 0 && send(to->wire, data.data, data.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return; /* it has gone, or takes no more: then these are lost on the way */
}

/* n bytes of what `from` has sent go on, the first of them not as it was where `spoil` is not 0. */
static size_t pass(const struct end *from, size_t n, uint8_t spoil)
{
    static uint8_t data[PASSED_MOST];
    ssize_t got = recv(from->wire, data, n < sizeof(data) ? n : sizeof(data), MSG_DONTWAIT);

    if (got <= 0)
        return 0;
    data[0] ^= spoil;
    if (from->other != NULL)
        put_in(from->other, bytes_of(data, (size_t)got));
    return (size_t)got;
}

static void pass_all(const struct end *a, const struct end *b)
{
    for (int quiet = 0, i = 0; quiet < 2 && i < 64; i++) {
        size_t n = pass(a, PASSED_MOST, 0) + (b->socket != NULL ? pass(b, PASSED_MOST, 0) : 0);

        turn_once();
        quiet = n > 0 ? 0 : quiet + 1;
    }
}

static void write_letters(struct end *e, size_t n, bool offer)
{
    static uint8_t text[256 * 64];
    struct bytes part = bytes_of(text, n);
    ssize_t taken;

    if (e->shut || e->ended || socket_writing(e->socket))
        return;
    for (size_t i = 0; i < n; i++)
        text[i] = letter_at(e->sent + i);
    e->sent += n; /* before it can arrive */
    if (offer) {
        taken = socket_offer(e->socket, &part, 1);
        if (taken > (ssize_t)n)
            abort();
        e->sent -= n - (size_t)(taken > 0 ? taken : 0);
    } else {
        buf_put(socket_out(e->socket), part);
        socket_flush(e->socket);
    }
}

static void take_step(struct end *e, uint8_t what, uint8_t arg)
{
    struct end *to = e->other != NULL ? e->other : e;

    switch (what % 9) {
    case 0:
        pass(e, arg + 1u, 0);
        break;
    case 1:
        pass_all(e, to);
        break;
    case 2:
        write_letters(e, arg * 64u + 1, false);
        break;
    case 3:
        pass(e, 1, arg | 1);
        break;
    case 4:
        e->most = arg * 16u;
        socket_read(e->socket, e->most);
        break;
    case 5:
        e->shut = true;
        socket_shutdown(e->socket);
        break;
    case 6:
        shutdown(e->wire, SHUT_WR);
        break;
    case 7:
        put_in(e, bytes_of(&arg, 1));
        break;
    case 8:
        write_letters(e, arg * 64u + 1, true);
        break;
    default:
        break;
    }
    turn_once();
}

static void close_end(struct end *e)
{
    socket_close(e->socket);
    for (int i = 0; i < 100 && !e->closed; i++)
        turn_once();
    if (!e->closed)
        abort();
    close(e->wire);
}

static void play_both(struct tls *server_tls, struct tls *client_tls, bool begin, struct bytes steps)
{
    struct end ends[2] = { { .other = &ends[1] }, { .other = &ends[0] } };

    open_end(&ends[0], server_tls, NULL);
    open_end(&ends[1], client_tls, "localhost");
    if (begin)
        pass_all(&ends[0], &ends[1]);
    if (begin && (!ends[0].ready || !ends[1].ready))
        abort();
    for (; steps.len >= 2; steps = bytes_skip(steps, 2))
        take_step(&ends[steps.data[0] >> 7], steps.data[0] & 0x7f, steps.data[1]);
    pass_all(&ends[0], &ends[1]);
    close_end(&ends[0]);
    close_end(&ends[1]);
}

/* The stranger's records, in pieces. */
static void play_one(struct tls *tls, bool server, size_t piece, struct bytes data)
{
    struct end end = { .other = NULL };

    open_end(&end, tls, server ? NULL : "localhost");
    while (data.len > 0 && !end.ended) {
        size_t n = data.len < piece ? data.len : piece;

        put_in(&end, bytes_of(data.data, n));
        data = bytes_skip(data, n);
        turn_once();
        pass(&end, PASSED_MOST, 0);
    }
    shutdown(end.wire, SHUT_WR);
    for (int i = 0; i < 4; i++)
        turn_once();
    if (end.heard > 0)
        abort();
    close_end(&end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct tls *server_tls = NULL, *client_tls = NULL;
    bool alone, server;

    if (len < 2)
        return 0;
    alone = data[0] & 8;
    server = data[0] & 16;
    drawn = 1;
    if (!alone || server)
        server_tls = tls_of(TLS_SERVER, data[0] & 1, false);
    if (!alone || !server)
        client_tls = tls_of(TLS_CLIENT, data[0] & 2, data[0] & 4);
    if (alone)
        play_one(server ? server_tls : client_tls, server, data[1] + 1u, bytes_of(data + 2, len - 2));
    else
        play_both(server_tls, client_tls, data[0] & 16, bytes_of(data + 1, len - 1));
    tls_unref(server_tls);
    tls_unref(client_tls);
    return 0;
}
