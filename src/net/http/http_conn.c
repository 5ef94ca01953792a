/* SPDX-License-Identifier: Apache-2.0 */
/* A connection sniffs its first bytes, then serves one protocol; at the end it lingers: we have said our last, and
 * closing now, with input unread, would make the kernel throw our last words away at the peer's side. So the
 * writing side is shut, and what still comes is read and dropped for a second.
 *
 * A turn takes input for FEED_NS, and no longer, however many connections have some and however small the requests are
 * in it. What comes then waits in the stash, and its connection stands in a line with the others that are put off: each
 * has its turn before one has another.
 *
 * All output leaves from flush_output(), at the end of the loop's turn. That is also where the connection decides
 * whether to read, to linger or to close, so nothing above it on the stack ever finds its feet gone. */
#include "net/http/http_conn.h"

#include "base/mem.h"
#include "net/http1/http1_conn.h"
#include "net/http2/http2_server.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_REQUEST (60 * NS_PER_S)
#define HANDSHAKE (10 * NS_PER_S)
#define TLS_OPEN (16 * 1024ul) /* about what a TLS connection holds after its handshake */
#define LINGER NS_PER_S
#define LINGER_READ (64 * 1024ul)
#define FEED_NS (3 * NS_PER_MS)
#define SHORT_READ (16 * 1024ul)        /* where a turn has no time left */
#define LINGER_MAX (16 * 1024ul * 1024) /* bytes read for nothing */

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum state { SNIFFING, SERVING, LINGERING, CLOSED };

struct http_conn {
    struct conn_io io;
    struct socket *socket;
    struct http_server *server;
    struct list link;  /* in the server's */
    struct list later; /* in its list of those that are put off */
    struct crowd_member member;
    struct turn_task flush;
    enum state state;
    bool ended;        /* the peer will send no more ... */
    bool end_told;     /* ... which the protocol knows */
    bool shaking;      /* the TLS handshake is not done */
    bool making_room;  /* others give way to it */
    struct buf stash;  /* input that nobody could take yet, ... */
    size_t taken;      /* ... behind what was taken of it; charged to the budget */
    uint64_t fed_turn; /* when it was fed last without waiting */
    uint64_t lingered;
    char *peer;
};

static struct http_conn *conn_of_io(struct conn_io *io)
{
    return container_of(io, struct http_conn, io);
}

static void enter_state(struct http_conn *c, enum state to)
{
    static const uint8_t allowed[] = {
        [SNIFFING] = 1 << SERVING | 1 << LINGERING | 1 << CLOSED,
        [SERVING] = 1 << LINGERING | 1 << CLOSED,
        [LINGERING] = 1 << CLOSED,
        [CLOSED] = 0,
    };

    assert(allowed[c->state] & 1 << to);
    c->state = to;
}

static struct bytes stash_of(const struct http_conn *c)
{
    return bytes_skip(buf_bytes(&c->stash), c->taken);
}

static void take_stash(struct http_conn *c, size_t n)
{
    budget_give(c->io.shared->budget, n);
    c->taken += n;
    if (c->taken < c->stash.len)
        return;
    buf_free(&c->stash);
    c->taken = 0;
}

static void drop_stash(struct http_conn *c)
{
    take_stash(c, stash_of(c).len);
}

static void add_stash(struct http_conn *c, struct bytes data)
{
    if (c->taken > c->stash.len / 2) {
        c->stash.len -= c->taken;
        memmove(c->stash.data, c->stash.data + c->taken, c->stash.len);
        c->taken = 0;
    }
    budget_charge(c->io.shared->budget, data.len);
    buf_put(&c->stash, data);
}

/* The requests hear of it, and nothing more is served. */
static void end_service(struct http_conn *c, enum state to)
{
    enter_state(c, to);
    c->shaking = false;
    list_remove(&c->later);
    conn_io_keep(&c->io, 0);
    conn_io_close(&c->io);
    if (c->io.state != NULL)
        c->io.ops->close(&c->io);
    drop_stash(c);
}

static void on_closed(void *owner)
{
    struct http_conn *c = owner;
    struct http_server *s = c->server;

    list_remove(&c->link);
    free(c->peer);
    free(c);
    http_server_forget(s);
}

void http_conn_cut(struct http_conn *c)
{
    if (c->state == CLOSED)
        return;
    end_service(c, CLOSED);
    if (c->io.member != NULL)
        crowd_leave(c->io.shared->crowd, &c->member);
    turn_cancel(&c->io.shared->loop->turn, &c->flush);
    socket_close(c->socket);
}

/* To the next server at this address, with what has come of a request but is none yet. */
static bool hand_over(struct http_conn *c)
{
    struct budget *budget = c->io.shared->budget;
    struct buf unread = { 0 };
    int fd = c->io.shared->hands_over && !c->ended ? socket_dup(c->socket) : -1;

    if (fd < 0)
        return false;
    if (c->state == SERVING)
        c->io.ops->unread(&c->io, &unread);
    buf_put(&unread, stash_of(c));
    budget_charge(budget, unread.len);
    listener_hand_over(&c->server->listener, fd, unread, budget);
    http_conn_cut(c);
    return true;
}

static void begin_lingering(struct http_conn *c)
{
    if (c->ended) {
        http_conn_cut(c);
        return;
    }
    end_service(c, LINGERING);
    socket_shutdown(c->socket);
    conn_io_expect(&c->io, DEADLINE_LINGER, LINGER);
    socket_read(c->socket, LINGER_READ);
}

/* --- reading --- */

static void feed_protocol(struct http_conn *c, struct bytes data)
{
    size_t n = c->io.ops->input(&c->io, data);

    if (n < data.len)
        add_stash(c, bytes_of(data.data + n, data.len - n));
}

/* How much of it was taken. */
static size_t feed_stash(struct http_conn *c)
{
    size_t n = c->io.ops->input(&c->io, stash_of(c));

    if (n > 0)
        take_stash(c, n);
    return n;
}

/* ---- what is put off ---- */

/* May more input be taken in this turn? */
static bool has_time(struct http_server *s)
{
    uint64_t turn = clock_mono(&s->shared.loop->clock), now = uv_hrtime();

    if (turn != s->fed_turn) {
        s->fed_turn = turn;
        s->fed_since = now;
        s->crowded = s->had_to_wait;
        s->had_to_wait = false;
        s->sockets.most = s->crowded && s->sockets.size > SHORT_READ ? SHORT_READ : s->sockets.size;
    }
    if (now - s->fed_since < FEED_NS)
        return true;
    if (s->sockets.most > SHORT_READ)
        s->sockets.most = SHORT_READ;
    return false;
}

static void tell_end(struct http_conn *c)
{
    if (c->end_told)
        return;
    c->end_told = true;
    c->io.ops->on_end(&c->io);
    c->io.kick(&c->io);
}

static void feed_later(struct http_conn *c)
{
    if (c->stash.len > 0)
        (void)feed_stash(c);
    if (c->ended && c->state == SERVING)
        tell_end(c);
    c->io.kick(&c->io); /* it reads again */
}

/* All of the turn's time is theirs who wait. */
static bool feed_next(void *arg)
{
    struct http_server *s = arg;
    struct http_conn *c;

    do {
        c = list_pop(&s->put_off, struct http_conn, later);
        if (c != NULL)
            feed_later(c);
    } while (c != NULL && has_time(s));
    return !list_empty(&s->put_off);
}

static bool is_put_off(const struct http_conn *c)
{
    return list_linked(&c->later);
}

/* Who has input while others wait for their turn comes behind them. Where there were such in the last turn, nobody is
 * fed twice in this one without having waited. */
static bool must_wait(struct http_conn *c)
{
    struct http_server *s = c->server;

    if (!has_time(s) || !list_empty(&s->put_off)) {
        s->had_to_wait = true;
        return true;
    }
    if (s->crowded && c->fed_turn == s->fed_turn)
        return true;
    c->fed_turn = s->fed_turn;
    return false;
}

static void put_off(struct http_conn *c)
{
    struct http_server *s = c->server;

    if (is_put_off(c))
        return;
    (void)socket_read(c->socket, 0);
    list_push(&s->put_off, &c->later);
    if (s->feeding == NULL)
        s->feeding = slicer_new(s->shared.loop, feed_next, s);
    slicer_start(s->feeding);
}

/* A ClientHello on a port of plain text. */
static void refuse_tls(struct http_conn *c)
{
    struct server_shared *shared = c->io.shared;

    shared->stats.tls_on_plain++;
    conn_io_tell_broken(&c->io, "tls", "it speaks TLS to this plain-text port");
    if (complaint_due(&c->server->tls, &shared->loop->clock))
        log_warn(shared->log,
                 "A client speaks TLS to this plain-text port; set tls.insecure: true, or http:// in its endpoint, or "
                 "give this "
                 "port a certificate: tls: {cert_file: ..., key_file: ...}",
                 F_STR("client", c->io.peer(&c->io)), F_STR("endpoint", c->server->listener.address),
                 F_UINT("occurrences", complaint_taken(&c->server->tls)));
    begin_lingering(c);
}

static void on_ready(void *owner)
{
    struct http_conn *c = owner;

    c->shaking = false;
    conn_io_keep(&c->io, TLS_OPEN);
    conn_io_expect(&c->io, DEADLINE_READ, FIRST_REQUEST);
}

static void tell_handshake(struct http_conn *c, const char *why)
{
    struct server_shared *shared = c->io.shared;
    struct buf cause = { 0 };
    uint8_t network[16];

    conn_io_tell_broken(&c->io, "handshake", why);
    peer_network(socket_peer(c->socket), network);
    buf_printf(&cause, "%016llx%s", (unsigned long long)bytes_hash(bytes_of(network, sizeof(network))), why);
    if (complaint_due_to(&c->server->tls, &shared->loop->clock, buf_cstr(&cause)))
        log_warn(shared->log, "A TLS handshake with a client failed", F_STR("client", c->io.peer(&c->io)),
                 F_STR("endpoint", c->server->listener.address), F_STR("error", why),
                 F_STR("reason", tls_failure_names[socket_tls_failure(c->socket)]),
                 F_UINT("occurrences", complaint_taken(&c->server->tls)));
    buf_free(&cause);
}

/* The TLS has failed. What the peer is told of it (an alert, or plain words) shall arrive. */
static void end_tls(struct http_conn *c)
{
    enum tls_failure failure = socket_tls_failure(c->socket);

    if (c->shaking)
        tell_handshake(c, socket_why(c->socket));
    else if (failure != TLS_CLOSED)
        conn_io_complain(&c->io, socket_why(c->socket));
    if (failure == TLS_CLOSED)
        http_conn_cut(c);
    else
        begin_lingering(c);
}

/* A session costs memory before anything is asked on it. */
static void begin_http2(struct http_conn *c)
{
    bool made;

    c->making_room = true;
    made = http_server_make_room(c->server, socket_peer(c->socket), HTTP2_HOLDS);
    c->making_room = false;
    if (!made) {
        http_conn_cut(c);
        return;
    }
    enter_state(c, SERVING);
    conn_io_keep(&c->io, c->io.kept + HTTP2_HOLDS);
    http2_open(&c->io);
}

/* What do these bytes begin? Nothing happens while they may begin several things. */
static void sniff_protocol(struct http_conn *c, struct bytes data)
{
    size_t n = data.len < sizeof(preface) - 1 ? data.len : sizeof(preface) - 1;
    bool is_http2 = memcmp(data.data, preface, n) == 0;

    if (is_http2 && n < sizeof(preface) - 1)
        return;
    if (data.data[0] == 0x16 && data.len < 2)
        return;
    if (data.data[0] == 0x16 && data.data[1] == 3) {
        refuse_tls(c);
        return;
    }
    if (is_http2) {
        begin_http2(c);
        return;
    }
    enter_state(c, SERVING);
    http1_open(&c->io);
}

static void on_read(void *owner, struct bytes data)
{
    struct http_conn *c = owner;
    bool stashed = c->stash.len > 0;

    c->io.last_read = clock_mono(&c->io.shared->loop->clock);
    if (c->state == LINGERING) {
        c->lingered += data.len;
        if (c->lingered > LINGER_MAX)
            http_conn_cut(c);
        return;
    }
    if (stashed) {
        add_stash(c, data);
        data = stash_of(c);
    }
    if (c->state == SNIFFING)
        sniff_protocol(c, data);
    if (c->state == SERVING && must_wait(c)) {
        if (!stashed)
            add_stash(c, data);
        put_off(c);
    } else if (c->state == SERVING && stashed) {
        (void)feed_stash(c);
    } else if (c->state == SERVING) {
        feed_protocol(c, data);
    } else if (c->state == SNIFFING && !stashed) {
        add_stash(c, data);
    }
}

static void on_end(void *owner, int error)
{
    struct http_conn *c = owner;

    if (socket_tls_failure(c->socket) != TLS_FINE && (c->state == SNIFFING || c->state == SERVING)) {
        end_tls(c);
        return;
    }
    c->ended = true;
    if (error != 0 || c->state != SERVING) {
        http_conn_cut(c);
        return;
    }
    if (!is_put_off(c))
        tell_end(c);
}

static void choose_reading(struct http_conn *c)
{
    size_t most = c->server->sockets.size, first = c->io.shared->options.initial_window;

    if (c->state == SERVING)
        most = c->io.ops->room(&c->io, most);
    else if (first < most)
        most = first;
    most = stash_of(c).len < most ? most - stash_of(c).len : 0;
    if (c->ended || is_put_off(c))
        most = 0;
    if (socket_read(c->socket, most) != 0)
        http_conn_cut(c);
}

/* --- writing --- */

static void on_written(void *owner, int error)
{
    struct http_conn *c = owner;

    if (c->state != SERVING)
        return;
    conn_io_expect(&c->io, DEADLINE_WRITE, 0);
    if (error != 0) {
        http_conn_cut(c);
        return;
    }
    c->io.ops->flushed(&c->io);
    c->io.kick(&c->io);
}

/* Write what there is. False when the connection is gone. */
static bool write_out(struct http_conn *c)
{
    int rc;

    if (socket_writing(c->socket))
        return true;
    c->io.ops->output(&c->io, socket_out(c->socket));
    rc = socket_flush(c->socket);
    if (rc < 0) {
        http_conn_cut(c);
        return false;
    }
    if (rc > 0)
        conn_io_expect(&c->io, DEADLINE_WRITE, c->io.shared->options.write_timeout);
    else
        c->io.ops->flushed(&c->io);
    return true;
}

static void flush_output(struct turn_task *task)
{
    struct http_conn *c = container_of(task, struct http_conn, flush);
    enum http_fate fate;

    if (c->state != SERVING)
        return;
    if (c->stash.len > 0 && !is_put_off(c)) {
        if (must_wait(c))
            put_off(c);
        else
            (void)feed_stash(c);
    }
    if (c->state != SERVING || !write_out(c)) /* another's input may have made room at its cost */
        return;
    fate = c->io.ops->fate(&c->io);
    if (fate == HTTP_BROKEN)
        http_conn_cut(c);
    else if (fate == HTTP_GOES_ON || socket_writing(c->socket) || is_put_off(c))
        choose_reading(c);
    else if (fate == HTTP_FINISHED || !hand_over(c))
        begin_lingering(c);
}

static void kick_conn(struct conn_io *io)
{
    struct http_conn *c = conn_of_io(io);

    if (c->state == SERVING)
        turn_defer(&io->shared->loop->turn, &c->flush);
}

/* --- life --- */

static void on_deadline(struct conn_io *io, enum http_deadline which)
{
    struct http_conn *c = conn_of_io(io);

    if (which == DEADLINE_WRITE || which == DEADLINE_LINGER || c->state != SERVING) {
        if (which != DEADLINE_LINGER)
            io->shared->stats.timeouts++;
        if (c->shaking) {
            tls_count_failure(io->shared->options.tls, TLS_TIMEOUT);
            tell_handshake(c, "it was not done in time");
        }
        http_conn_cut(c);
        return;
    }
    io->ops->on_deadline(io, which);
}

/* What is lost if this connection goes to make room for another? */
static enum crowd_rank rank_conn(struct crowd_member *m, uint64_t *since)
{
    struct http_conn *c = container_of(m, struct http_conn, member);

    *since = c->io.at_rest;
    if (c->making_room)
        return CROWD_BUSY;
    return c->state == LINGERING ? CROWD_ENDING : c->state == SNIFFING ? CROWD_STRANGER : c->io.ops->rank(&c->io);
}

static void give_way(struct crowd_member *m)
{
    struct http_conn *c = container_of(m, struct http_conn, member);

    c->io.shared->stats.gave_way++;
    http_conn_cut(c);
}

static const char *peer_text(struct conn_io *io)
{
    struct http_conn *c = conn_of_io(io);
    char text[PEER_TEXT];

    if (c->peer == NULL) {
        peer_format(socket_peer(c->socket), text, sizeof(text));
        c->peer = mem_strdup(text);
    }
    return c->peer;
}

void http_server_each(struct http_server *s, void (*call)(struct http_conn *c))
{
    list_each (struct http_conn, c, &s->conns, link)
        call(c);
}

void http_conn_drain(struct http_conn *c)
{
    if (c->state == SERVING)
        c->io.ops->drain(&c->io);
    else if (c->state == SNIFFING && !hand_over(c))
        http_conn_cut(c);
}

static const struct socket_events events = { on_read, on_end, on_written, on_closed, on_ready };

struct http_conn *http_conn_open(struct http_server *s, int fd)
{
    struct http_conn *c = mem_zalloc(sizeof(*c));
    struct tls *tls = s->shared.options.tls;

    c->socket = tls != NULL ? socket_open_tls(s->shared.loop, &s->sockets, fd, tls, NULL, &events, c)
                            : socket_open(s->shared.loop, &s->sockets, fd, &events, c);
    if (c->socket == NULL) {
        free(c);
        return NULL;
    }
    c->server = s;
    c->io = (struct conn_io){ .shared = &s->shared, .kick = kick_conn, .peer = peer_text, .on_deadline = on_deadline };
    c->io.last_read = c->io.at_rest = clock_mono(&s->shared.loop->clock);
    peer_network(socket_peer(c->socket), c->io.network);
    c->flush.run = flush_output;
    c->member.rank = rank_conn;
    c->member.give_way = give_way;
    if (s->shared.crowd != NULL) {
        crowd_join(s->shared.crowd, &c->member, socket_peer(c->socket));
        c->io.member = &c->member;
    }
    list_push_front(&s->conns, &c->link);
    s->shared.stats.accepted++;
    s->shared.stats.connections++;
    c->shaking = tls != NULL;
    if (c->shaking)
        conn_io_keep(&c->io, HTTP_TLS_SHAKING);
    conn_io_expect(&c->io, DEADLINE_READ, c->shaking ? HANDSHAKE : FIRST_REQUEST);
    choose_reading(c);
    return c;
}

void http_conn_take_over(struct http_server *s, struct resting *r)
{
    struct http_conn *c = NULL;

    if (s->shared.options.tls == NULL || r->unread.len == 0)
        c = http_conn_open(s, r->fd);
    else
        close(r->fd); /* a request that began in plain text, before the port spoke TLS: it has to come again */
    if (c == NULL) {
        budget_give(r->budget, r->unread.len);
        buf_free(&r->unread);
        return;
    }
    c->stash = r->unread;
    if (c->stash.len == 0)
        return;
    sniff_protocol(c, buf_bytes(&c->stash));
    kick_conn(&c->io); /* the service hears of it at the end of the turn, not while it is being started */
}
