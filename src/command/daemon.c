/* SPDX-License-Identifier: Apache-2.0 */
/* daemon_ask() dials, sends one request that asks for the connection's end, and reads until that.
 *
 * An endpoint without a scheme is asked in plain text, and once more over TLS when it does not like that. A certificate
 * is verified where --ca says by what, and where the endpoint is not on this host: what answers on the loopback has
 * been let on by whoever runs this host, and who asks there seldom has the CA.
 *
 * What can go wrong: nobody listens, somebody else answers, the answer ends early or comes so slowly that the time is
 * over before it is whole; all of it is in `why` or `cut`. */
#include "command/daemon.h"

#include "base/mem.h"
#include "command/daemon_tls.h"
#include "net/http1/response_reader.h"
#include "net/http/url.h"
#include "service/config.h"
#include "service/control/control_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* ---- one question ---- */

/* localhost is what the daemon takes it for, also where no file says so (a bare container). */
static int resolve_target(const struct daemon_address *t, struct addrinfo **list)
{
    const char *host = strcmp(t->host, "localhost") == 0 ? "127.0.0.1" : t->host;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };

    return getaddrinfo(host, t->port, &hints, list);
}

/* Connected, or -1 and errno. */
static int dial_address(int family, const struct sockaddr *address, socklen_t len, long timeout_ms)
{
    struct timeval tv = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
    if (connect(fd, address, len) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int dial_socket(const struct daemon_address *t, const char **why)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd;

    snprintf(un.sun_path, sizeof(un.sun_path), "%s", t->socket);
    fd = dial_address(AF_UNIX, (const struct sockaddr *)&un, sizeof(un), t->timeout_ms);
    if (fd < 0)
        *why = strerror(errno);
    return fd;
}

static int dial_target(const struct daemon_address *t, const char **why)
{
    struct addrinfo *list = NULL;
    int rc, fd = -1;

    if (t->socket[0] != '\0')
        return dial_socket(t, why);
    rc = resolve_target(t, &list);
    if (rc != 0) {
        *why = gai_strerror(rc);
        return -1;
    }
    for (const struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
        fd = dial_address(a->ai_family, a->ai_addr, a->ai_addrlen, t->timeout_ms);
        if (fd < 0)
            *why = strerror(errno);
    }
    freeaddrinfo(list);
    return fd;
}

static bool is_loopback(const char *host)
{
    struct in_addr four;

    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (inet_pton(AF_INET, host, &four) == 1 && ntohl(four.s_addr) >> 24 == 127);
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool daemon_wait(int fd, short events, int64_t until)
{
    struct pollfd p = { .fd = fd, .events = events };
    int64_t left;
    int n = -1;

    while (n < 0 && (left = until - now_ms()) > 0) {
        n = poll(&p, 1, left < INT_MAX ? (int)left : INT_MAX);
        if (n < 0 && errno != EINTR)
            return false;
    }
    return n > 0;
}

static bool ask_plain(int fd, const char *request, size_t most, int64_t until, struct buf *answer)
{
    ssize_t got = send(fd, request, strlen(request), MSG_NOSIGNAL);

    while (got > 0 && answer->len < most && daemon_wait(fd, POLLIN, until)) {
        size_t room = most - answer->len < 16384 ? most - answer->len : 16384;

        got = recv(fd, buf_reserve(answer, room), room, 0);
        answer->len += got > 0 ? (size_t)got : 0;
    }
    return answer->len > 0;
}

/* Whoever answers: a terminal acts on none of it. */
static void take_line(struct daemon_answer *r, const char *text)
{
    snprintf(r->line, sizeof(r->line), "%.*s", (int)strcspn(text, "\r\n"), text);
    for (char *p = r->line; *p != '\0'; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';
}

/* The content of the answer's head that matters: its status, and how much is to come. */
static void read_head(struct daemon_answer *r)
{
    const char *text = buf_cstr(&r->text), *end = strstr(text, "\r\n\r\n");
    const char *length = strcasestr(text, "\r\ncontent-length:");

    if (r->text.len < 12 || strncmp(text, "HTTP/1.", 7) != 0) {
        snprintf(r->why, sizeof(r->why), "what answers there is no HTTP server");
        return;
    }
    take_line(r, text);
    r->status = atoi(text + 9);
    r->cut = end == NULL;
    if (end == NULL)
        return;
    r->body = bytes_skip(buf_bytes(&r->text), (size_t)(end - text) + 4);
    if (length != NULL && length < end)
        r->cut = strtoull(length + strlen("\r\ncontent-length:"), NULL, 10) > r->body.len;
}

static void name_address(const struct daemon_address *p, struct daemon_answer *r)
{
    if (p->socket[0] != '\0')
        snprintf(r->where, sizeof(r->where), "%s", p->socket);
    else
        snprintf(r->where, sizeof(r->where), "%s://%s:%s", r->tls ? "https" : "http", p->host, p->port);
}

static void ask_once(const struct daemon_address *p, bool tls, const char *request, size_t most,
                     struct daemon_answer *r)
{
    const char *fault = "no answer";
    int64_t until = now_ms() + p->timeout_ms;
    int fd = dial_target(p, &fault);
    struct tls_question q = { fd, p->host, p->ca, p->ca != NULL || !is_loopback(p->host), request, until };
    bool answered = false;

    buf_free(&r->text);
    *r = (struct daemon_answer){ .tls = tls };
    name_address(p, r);
    snprintf(r->why, sizeof(r->why), "%s", fault);
    if (fd >= 0) {
        answered = tls ? daemon_ask_tls(&q, most, &r->text, r->why, sizeof(r->why))
                       : ask_plain(fd, request, most, until, &r->text);
        close(fd);
    }
    if (answered)
        read_head(r);
}

void daemon_ask(const struct daemon_address *p, const char *method, const char *path, size_t most,
                struct daemon_answer *answer)
{
    char request[900];

    snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", method, path,
             p->host);
    *answer = (struct daemon_answer){ 0 };
    ask_once(p, p->way == DAEMON_TLS && p->socket[0] == '\0', request, most, answer);
    if (p->way == DAEMON_EITHER && p->socket[0] == '\0' && answer->status == 400)
        ask_once(p, true, request, most, answer);
}

/* ---- an answer that goes on ---- */

struct streaming {
    struct response_reader reader;
    struct daemon_answer *answer;
    bool (*on_data)(void *arg, struct bytes data);
    void *arg;
    bool enough;
};

static void pass_data(void *arg, struct bytes data)
{
    struct streaming *s = arg;

    s->answer->status = s->reader.head.status;
    snprintf(s->answer->line, sizeof(s->answer->line), "HTTP/1.1 %d", s->answer->status);
    s->enough = s->enough || !s->on_data(s->arg, data);
}

/* "" in `why`: the answer is whole. */
static void read_stream(struct streaming *s, int fd)
{
    enum response_progress progress = RESPONSE_GOES_ON;
    struct daemon_answer *r = s->answer;
    const char *why = NULL;
    uint8_t data[16384];

    while (progress == RESPONSE_GOES_ON && !s->enough) {
        ssize_t n = recv(fd, data, sizeof(data), 0);

        if (n < 0) {
            snprintf(r->why, sizeof(r->why), "%s", errno == EAGAIN ? "it says nothing any more" : strerror(errno));
            return;
        }
        progress = n == 0 ? response_reader_end(&s->reader)
                          : response_reader_take(&s->reader, bytes_of(data, (size_t)n), &why);
    }
    if (s->reader.has_head)
        r->status = s->reader.head.status;
    r->cut = progress == RESPONSE_BROKEN;
    snprintf(r->why, sizeof(r->why), "%s", !r->cut ? "" : why != NULL ? why : "the connection has ended");
}

bool daemon_stream(const struct daemon_address *p, const char *path, bool (*on_data)(void *arg, struct bytes data),
                   void *arg, struct daemon_answer *answer)
{
    struct streaming s = { .answer = answer, .on_data = on_data, .arg = arg };
    const char *fault = "no answer";
    char *request = mem_printf("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, p->host);
    int fd = dial_target(p, &fault);

    *answer = (struct daemon_answer){ 0 };
    name_address(p, answer);
    snprintf(answer->why, sizeof(answer->why), "%s", fault);
    response_reader_begin(&s.reader, SIZE_MAX, pass_data, &s);
    if (fd >= 0 && send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request))
        read_stream(&s, fd);
    if (fd >= 0)
        close(fd);
    free(request);
    response_reader_free(&s.reader);
    return answer->why[0] == '\0';
}

/* ---- where it is ---- */

/* Where the running daemon's own metrics are, by its configuration. */
static bool find_configured(const struct arguments *a, struct daemon_address *t)
{
    struct config_sources sources = arguments_sources(a);
    struct config *c = config_load(&sources, component_registry);
    bool found = c->faults.n_errors == 0 && c->service->n_scrapes > 0 && c->service->scrapes[0].port != 0;

    if (found) {
        const char *h = c->service->scrapes[0].host;
        bool any = h[0] == '\0' || strcmp(h, "0.0.0.0") == 0 || strcmp(h, "::") == 0;

        snprintf(t->host, sizeof(t->host), "%s", any ? "localhost" : h);
        snprintf(t->port, sizeof(t->port), "%u", (unsigned)c->service->scrapes[0].port);
    } else {
        faults_print(&c->faults, stderr);
    }
    if (!found && c->faults.n_errors == 0)
        fprintf(
            stderr,
            "otelcd %s: this configuration serves no metrics of its own on a fixed port; give --endpoint host:port\n",
            a->verb);
    config_free(c);
    return found;
}

/* host:port, [::1]:port or :port. */
static bool parse_endpoint(const char *text, struct daemon_address *t)
{
    const char *colon = strrchr(text, ':');
    size_t n = colon != NULL ? (size_t)(colon - text) : 0;

    if (strchr(text, '/') != NULL || colon == NULL || colon[1] == '\0' || n >= sizeof(t->host) ||
        strlen(colon + 1) >= sizeof(t->port))
        return false;
    if (n >= 2 && text[0] == '[' && text[n - 1] == ']')
        text++, n -= 2;
    if (n > 0)
        snprintf(t->host, sizeof(t->host), "%.*s", (int)n, text);
    snprintf(t->port, sizeof(t->port), "%s", colon + 1);
    return true;
}

/* http://host:port/path, or https. */
static bool parse_url(const char *text, struct daemon_address *t)
{
    struct error err;
    struct url u;

    if (url_parse(&u, bytes_str(text), &err) != 0 || u.host.len >= sizeof(t->host) || u.target.len >= sizeof(t->path) ||
        u.target.data[0] != '/')
        return false;
    snprintf(t->host, sizeof(t->host), "%.*s", (int)u.host.len, (const char *)u.host.data);
    snprintf(t->port, sizeof(t->port), "%.*s", (int)url_port(&u).len, (const char *)url_port(&u).data);
    snprintf(t->path, sizeof(t->path), "%.*s", (int)u.target.len, (const char *)u.target.data);
    t->way = u.secure ? DAEMON_TLS : DAEMON_PLAIN;
    return true;
}

static int take_timeout(const struct arguments *a, struct daemon_address *p)
{
    int64_t timeout = 3000000000;

    snprintf(p->host, sizeof(p->host), "localhost");
    snprintf(p->port, sizeof(p->port), "8888");
    if (a->timeout != NULL && (!duration_parse(a->timeout, &timeout) || timeout <= 0)) {
        fprintf(stderr, "otelcd %s: \"%s\" is not a duration; write --timeout 3s\n", a->verb, a->timeout);
        return 2;
    }
    p->timeout_ms = timeout < 1000000 ? 1 : (long)(timeout / 1000000);
    p->ca = a->ca;
    return 0;
}

int daemon_find(const struct arguments *a, struct daemon_address *p)
{
    int code = take_timeout(a, p);

    if (code != 0)
        return code;
    if (a->endpoint != NULL && !parse_endpoint(a->endpoint, p) && !parse_url(a->endpoint, p)) {
        fprintf(stderr,
                "otelcd %s: \"%s\" is neither host:port nor a URL; write --endpoint localhost:8888, or "
                "https://localhost:13133/\n",
                a->verb, a->endpoint);
        return 2;
    }
    return a->endpoint == NULL && a->configs.n > 0 && !find_configured(a, p) ? 1 : 0;
}

/* ---- on this machine ---- */

/* The socket that this configuration names, if it does. */
static void find_named(const struct arguments *a, struct buf *named)
{
    struct config_sources sources = arguments_sources(a);
    struct config *c = config_load(&sources, component_registry);

    if (c->faults.n_errors == 0 && c->service->telemetry.control.enabled)
        buf_puts(named, c->service->telemetry.control.socket);
    config_free(c);
}

/* By --socket, the configuration, or by itself. -ENOENT: there is none, which may be asked in another way. */
static bool find_socket(const struct arguments *a, struct buf *path, struct error *err)
{
    struct buf named = { 0 };
    bool found = false;

    if (a->socket != NULL) {
        found = control_find(a->socket, path, err);
        if (!found)
            err->code = -EINVAL;
    } else if (a->configs.n > 0) {
        find_named(a, &named);
        found = named.len > 0 && control_find(buf_cstr(&named), path, err);
        err->code = -ENOENT;
    } else {
        found = control_find(NULL, path, err);
    }
    buf_free(&named);
    return found;
}

int daemon_find_here(const struct arguments *a, struct daemon_address *p)
{
    struct error err = { 0 };
    struct buf path = { 0 };
    int code = take_timeout(a, p);

    if (code != 0)
        return code;
    if (a->endpoint != NULL && a->socket == NULL)
        return daemon_find(a, p);
    if (a->endpoint != NULL) {
        fprintf(stderr, "otelcd %s: --endpoint and --socket are two ways to the same: give one of them\n", a->verb);
        return 2;
    }
    if (find_socket(a, &path, &err) && path.len < sizeof(p->socket)) {
        snprintf(p->socket, sizeof(p->socket), "%s", buf_cstr(&path));
    } else if (err.code == -ENOENT) {
        code = daemon_find(a, p);
    } else {
        fprintf(stderr, "otelcd %s: %s\n", a->verb, err.text);
        code = 2;
    }
    buf_free(&path);
    return code;
}
