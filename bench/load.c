/* SPDX-License-Identifier: Apache-2.0 */
/* A load generator that replays many distinct request bodies over HTTP/2 (prior knowledge, or over TLS) to one loopback
 * port, as gRPC calls or plain POSTs. Each body comes round in turn; every answer is looked at, its grpc-status too. It
 * ends by itself: after -n requests or -T seconds.
 *
 *     load -a 127.0.0.1:4317 -p /path -f bodies [-g] [-z] [-n requests] [-c connections] [-m streams] [-r rate] [-s]
 * [-t] [-k]
 *
 * -g gRPC framing, -s TLS (whatever the certificate says), -z bodies are gzipped, -r requests each second, -k what is
 * refused is no failure, -t put the time of sending where a body has the mark 0x1122334455667788 (a point's fixed64
 * time). With -r a request's latency begins when it is due, less what this program itself was late to look
 * (late_p99_us): it never waits for the server, but for a processor. The file of bodies: for each its length (u32, big
 * endian), then the bytes. The last line on stdout is one JSON object. */
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MARK UINT64_C(0x1122334455667788)

struct body {
    uint8_t *data;
    size_t len;
    uint32_t *marks; /* offsets of the mark */
    size_t n_marks;
};

struct call {
    const struct body *body;
    size_t at; /* bytes given out, gRPC's prefix included */
    uint64_t begun;
    bool failed;
};

struct connection {
    int fd;
    SSL *ssl; /* NULL: plain text */
    nghttp2_session *session;
    uint32_t open;
};

static struct {
    const char *address, *path, *file;
    bool grpc, gzip, stamp, tls, keep_on;
    uint64_t requests, rate, seconds;
    uint32_t connections, streams;
} opt = { .address = "127.0.0.1:4317", .path = "/", .requests = 1000, .connections = 2, .streams = 16, .seconds = 120 };

static struct body *bodies;
static size_t n_bodies;
static struct connection *connections;
static uint64_t start, begun, done, failed, bytes_sent;
static uint32_t *latencies; /* us */
static uint32_t *lates;     /* us from when a request was due to when it was looked for */
static uint64_t looked;     /* when that was before this turn, ns */

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void *grow(void *p, size_t size)
{
    p = realloc(p, size);
    if (p == NULL)
        die("memory");
    return p;
}

/* --- the bodies --- */

static void find_marks(struct body *b)
{
    const uint64_t mark = MARK;

    for (uint8_t *p = b->data, *end = b->data + b->len; (p = memmem(p, (size_t)(end - p), &mark, 8)) != NULL; p += 8) {
        if ((b->n_marks & (b->n_marks - 1)) == 0)
            b->marks = grow(b->marks, (b->n_marks ? 2 * b->n_marks : 1) * sizeof(*b->marks));
        b->marks[b->n_marks++] = (uint32_t)(p - b->data);
    }
}

static void read_bodies(void)
{
    struct stat st;
    int fd = open(opt.file, O_RDONLY);

    if (fd < 0 || fstat(fd, &st) != 0)
        die(opt.file);
    uint8_t *at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED)
        die(opt.file);
    for (uint8_t *end = at + st.st_size; end - at >= 4;) {
        uint32_t len = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
        if ((n_bodies & (n_bodies - 1)) == 0)
            bodies = grow(bodies, (n_bodies ? 2 * n_bodies : 1) * sizeof(*bodies));
        bodies[n_bodies] = (struct body){ .data = at + 4, .len = len };
        if (opt.stamp)
            find_marks(&bodies[n_bodies]);
        n_bodies++;
        at += 4 + len;
    }
    close(fd);
    if (n_bodies == 0) {
        fprintf(stderr, "load: %s holds no body\n", opt.file);
        exit(1);
    }
}

static void stamp(const struct body *b)
{
    uint64_t time = now_ns(CLOCK_REALTIME);

    for (size_t i = 0; i < b->n_marks; i++)
        memcpy(b->data + b->marks[i], &time, sizeof(time));
}

/* --- one connection --- */

static ssize_t ssl_result(SSL *ssl, int n)
{
    int why;

    if (n > 0)
        return n;
    why = SSL_get_error(ssl, n);
    errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EPIPE;
    return -1;
}

static ssize_t on_send(nghttp2_session *session, const uint8_t *data, size_t len, int flags, void *arg)
{
    struct connection *c = arg;
    ssize_t n =
        c->ssl != NULL ? ssl_result(c->ssl, SSL_write(c->ssl, data, (int)len)) : send(c->fd, data, len, MSG_NOSIGNAL);

    (void)session;
    (void)flags;
    if (n >= 0)
        return n;
    return errno == EAGAIN ? NGHTTP2_ERR_WOULDBLOCK : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static ssize_t on_read(nghttp2_session *session, int32_t stream, uint8_t *out, size_t room, uint32_t *flags,
                       nghttp2_data_source *source, void *arg)
{
    struct call *call = source->ptr;
    size_t prefix = opt.grpc ? 5 : 0, total = prefix + call->body->len, n = 0;

    (void)session;
    (void)stream;
    (void)arg;
    for (; call->at < prefix && n < room; call->at++, n++)
        out[n] = call->at == 0 ? opt.gzip : (uint8_t)(call->body->len >> (8 * (4 - call->at)));
    size_t rest = total - call->at < room - n ? total - call->at : room - n;
    memcpy(out + n, call->body->data + (call->at - prefix), rest);
    call->at += rest;
    if (call->at == total)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)(n + rest);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
    struct call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

    (void)flags;
    (void)arg;
    if (call == NULL)
        return 0;
    if (name_len == 7 && memcmp(name, ":status", 7) == 0 && (value_len != 3 || memcmp(value, "200", 3) != 0))
        call->failed = true;
    if (name_len == 11 && memcmp(name, "grpc-status", 11) == 0 && (value_len != 1 || value[0] != '0'))
        call->failed = true;
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t error_code, void *arg)
{
    struct connection *c = arg;
    struct call *call = nghttp2_session_get_stream_user_data(session, stream);

    if (call == NULL)
        return 0;
    c->open--;
    latencies[done++] = (uint32_t)((now_ns(CLOCK_MONOTONIC) - call->begun) / 1000);
    if (call->failed || error_code != 0)
        failed++;
    else
        bytes_sent += call->body->len;
    free(call);
    return 0;
}

#define HEADER(name, value)                                                                                            \
    {                                                                                                                  \
        (uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, strlen(value), 0                                      \
    }

/* When the request of that number is to begin, with a rate. */
static uint64_t due_time(uint64_t number)
{
    return start + (uint64_t)((double)number * 1e9 / (double)opt.rate);
}

/* When its latency begins. What was due before the last look has waited for a stream since: that is the server's. */
static uint64_t begin_time(uint64_t now)
{
    uint64_t due = due_time(begun);
    bool first = due > looked;

    lates[begun] = first ? (uint32_t)((now - due) / 1000) : 0;
    return first ? now : due;
}

static void begin_call(struct connection *c, uint64_t now)
{
    struct call *call = calloc(1, sizeof(*call));
    nghttp2_data_provider provider = { .source.ptr = call, .read_callback = on_read };
    nghttp2_nv headers[8] = {
        HEADER(":method", "POST"),
        HEADER(":scheme", "http"),
        HEADER(":authority", opt.address),
        HEADER(":path", opt.path),
        HEADER("content-type", opt.grpc ? "application/grpc" : "application/x-protobuf"),
        HEADER("te", "trailers"),
    };
    size_t n = 6;

    if (call == NULL)
        die("memory");
    if (opt.gzip) {
        nghttp2_nv grpc = HEADER("grpc-encoding", "gzip"), http = HEADER("content-encoding", "gzip");
        headers[n++] = opt.grpc ? grpc : http;
    }
    call->begun = opt.rate > 0 ? begin_time(now) : now_ns(CLOCK_MONOTONIC);
    call->body = &bodies[begun++ % n_bodies];
    stamp(call->body);
    if (nghttp2_submit_request(c->session, NULL, headers, n, &provider, call) < 0)
        die("nghttp2_submit_request");
    c->open++;
}

static int connect_socket(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET };
    char host[64];
    const char *colon = strrchr(opt.address, ':');
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (colon == NULL || (size_t)(colon - opt.address) >= sizeof(host))
        die(opt.address);
    memcpy(host, opt.address, (size_t)(colon - opt.address));
    host[colon - opt.address] = '\0';
    to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    /* Loopback only, whatever is asked for. */
    if (inet_pton(AF_INET, host, &to.sin_addr) != 1 || ntohl(to.sin_addr.s_addr) >> 24 != 127) {
        fprintf(stderr, "load: %s is not a loopback address\n", opt.address);
        exit(2);
    }
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        die(opt.address);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static SSL *shake_hands(int fd)
{
    static SSL_CTX *ctx;
    SSL *ssl;

    if (ctx == NULL) {
        ctx = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)"\2h2", 3);
        SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    ssl = SSL_new(ctx);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1) {
        fprintf(stderr, "load: the TLS handshake failed\n");
        exit(1);
    }
    return ssl;
}

static void open_connection(struct connection *c)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_settings_entry settings[] = { { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 } };

    c->fd = connect_socket();
    c->ssl = opt.tls ? shake_hands(c->fd) : NULL;
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_send_callback(callbacks, on_send);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_client_new(&c->session, callbacks, c);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, 1);
}

static void receive(struct connection *c)
{
    uint8_t data[65536];
    ssize_t n;

    do {
        n = c->ssl != NULL ? ssl_result(c->ssl, SSL_read(c->ssl, data, sizeof(data)))
                           : recv(c->fd, data, sizeof(data), 0);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0 || nghttp2_session_mem_recv(c->session, data, (size_t)n) < 0) {
            fprintf(stderr, "load: the server closed a connection\n");
            exit(1);
        }
    } while (c->ssl != NULL && SSL_pending(c->ssl) > 0);
}

/* --- the run --- */

static bool may_begin(uint64_t now)
{
    return begun < opt.requests && (opt.rate == 0 || due_time(begun) <= now);
}

/* Until the next request is due. */
static struct timespec pause_from(uint64_t now)
{
    uint64_t next = opt.rate != 0 && begun < opt.requests ? due_time(begun) : now + 100000000u;
    uint64_t ns = next > now ? next - now : 1000; /* it waits for a stream */

    return (struct timespec){ .tv_nsec = (long)(ns < 100000000u ? ns : 100000000u) };
}

static void turn(void)
{
    struct pollfd fds[256];
    uint64_t now = now_ns(CLOCK_MONOTONIC);
    struct timespec pause;

    for (uint32_t i = 0; i < opt.connections; i++) {
        struct connection *c = &connections[i];
        while (c->open < opt.streams && may_begin(now))
            begin_call(c, now);
        if (nghttp2_session_send(c->session) != 0)
            die("send");
        fds[i] = (struct pollfd){ .fd = c->fd, .events = POLLIN };
        if (nghttp2_session_want_write(c->session))
            fds[i].events |= POLLOUT;
    }
    looked = now;
    pause = pause_from(now_ns(CLOCK_MONOTONIC));
    if (ppoll(fds, opt.connections, &pause, NULL) < 0 && errno != EINTR)
        die("poll");
    for (uint32_t i = 0; i < opt.connections; i++)
        if (fds[i].revents & (POLLIN | POLLHUP | POLLERR))
            receive(&connections[i]);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static void report(uint64_t took)
{
    qsort(latencies, done, sizeof(*latencies), compare);
    qsort(lates, begun, sizeof(*lates), compare);
    printf("{\"requests\": %llu, \"failed\": %llu, \"bytes\": %llu, \"seconds\": %.6f, \"p50_us\": %u, \"p99_us\": %u, "
           "\"p999_us\": %u, \"max_us\": %u, \"late_p99_us\": %u}\n",
           (unsigned long long)done, (unsigned long long)failed, (unsigned long long)bytes_sent, (double)took / 1e9,
           done ? latencies[done / 2] : 0, done ? latencies[done * 99 / 100] : 0,
           done ? latencies[done * 999 / 1000] : 0, done ? latencies[done - 1] : 0,
           begun ? lates[begun * 99 / 100] : 0);
}

static void read_options(int argc, char **argv)
{
    int o;

    while ((o = getopt(argc, argv, "a:p:f:gzn:c:m:r:T:skt")) != -1) {
        switch (o) {
        case 'a':
            opt.address = optarg;
            break;
        case 'p':
            opt.path = optarg;
            break;
        case 'f':
            opt.file = optarg;
            break;
        case 'g':
            opt.grpc = true;
            break;
        case 'z':
            opt.gzip = true;
            break;
        case 'n':
            opt.requests = strtoull(optarg, NULL, 10);
            break;
        case 'c':
            opt.connections = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'm':
            opt.streams = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'r':
            opt.rate = strtoull(optarg, NULL, 10);
            break;
        case 'T':
            opt.seconds = strtoull(optarg, NULL, 10);
            break;
        case 's':
            opt.tls = true;
            break;
        case 'k':
            opt.keep_on = true;
            break;
        case 't':
            opt.stamp = true;
            break;
        default:
            exit(2);
        }
    }
    if (opt.file == NULL || opt.connections == 0 || opt.connections > 256 || opt.requests > 50000000) {
        fprintf(stderr, "load: -f is needed; -c 1..256; -n at most 50000000\n");
        exit(2);
    }
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    read_bodies();
    latencies = calloc(opt.requests, sizeof(*latencies));
    lates = calloc(opt.requests, sizeof(*lates));
    connections = calloc(opt.connections, sizeof(*connections));
    if (latencies == NULL || lates == NULL || connections == NULL)
        die("memory");
    for (uint32_t i = 0; i < opt.connections; i++)
        open_connection(&connections[i]);
    uint64_t now = start = now_ns(CLOCK_MONOTONIC), end = start + opt.seconds * 1000000000u;
    while (done < opt.requests && now < end) {
        turn();
        now = now_ns(CLOCK_MONOTONIC);
    }
    report(now - start);
    return (failed == 0 || opt.keep_on) && (done == opt.requests || opt.rate != 0) ? 0 : 1;
}
