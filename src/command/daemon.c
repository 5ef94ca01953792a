/* SPDX-License-Identifier: Apache-2.0 */
/* daemon_ask() dials, sends one request that asks for the connection's end, and reads until that.
 *
 * An endpoint without a scheme is asked in plain text, and once more over TLS when it does not like that. A certificate
 * is verified where --ca says by what, and where the endpoint is not on this host: what answers on the loopback has
 * been let on by whoever runs this host, and who asks there seldom has the CA.
 *
 * What can go wrong: nobody listens, somebody else answers, the answer ends early; all of it is in `why` or `cut`. */
#include "command/daemon.h"

#include "command/daemon_tls.h"
#include "net/http/url.h"
#include "service/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* ---- one question ---- */

/* localhost is what the daemon takes it for, also where no file says so (a bare container). */
static int resolve_target(const struct daemon_place *t, struct addrinfo **list)
{
    const char *host = strcmp(t->host, "localhost") == 0 ? "127.0.0.1" : t->host;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };

    return getaddrinfo(host, t->port, &hints, list);
}

static int dial_target(const struct daemon_place *t, long timeout_ms, const char **why)
{
    struct addrinfo *list = NULL;
    struct timeval tv = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };
    int rc = resolve_target(t, &list);
    int fd = -1;

    if (rc != 0) {
        *why = gai_strerror(rc);
        return -1;
    }
    for (const struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
        if (connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
            *why = strerror(errno);
            close(fd);
            fd = -1;
        }
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

static bool ask_plain(int fd, const char *request, size_t most, struct buf *answer)
{
    ssize_t got = send(fd, request, strlen(request), MSG_NOSIGNAL);

    while (got > 0 && answer->len < most) {
        size_t room = most - answer->len < 16384 ? most - answer->len : 16384;

        got = recv(fd, buf_reserve(answer, room), room, 0);
        answer->len += got > 0 ? (size_t)got : 0;
    }
    return answer->len > 0;
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
    snprintf(r->line, sizeof(r->line), "%.*s", (int)strcspn(text, "\r\n"), text);
    r->status = atoi(text + 9);
    r->cut = end == NULL;
    if (end == NULL)
        return;
    r->body = bytes_skip(buf_bytes(&r->text), (size_t)(end - text) + 4);
    if (length != NULL && length < end)
        r->cut = strtoull(length + strlen("\r\ncontent-length:"), NULL, 10) > r->body.len;
}

static void ask_once(const struct daemon_place *p, bool tls, const char *request, size_t most, struct daemon_answer *r)
{
    const char *fault = "no answer";
    int fd = dial_target(p, p->timeout_ms, &fault);
    struct tls_question q = { fd, p->host, p->ca, p->ca != NULL || !is_loopback(p->host), request };
    bool answered = false;

    buf_free(&r->text);
    *r = (struct daemon_answer){ .tls = tls };
    snprintf(r->why, sizeof(r->why), "%s", fault);
    if (fd >= 0) {
        answered =
            tls ? daemon_ask_tls(&q, most, &r->text, r->why, sizeof(r->why)) : ask_plain(fd, request, most, &r->text);
        close(fd);
    }
    if (answered)
        read_head(r);
}

void daemon_ask(const struct daemon_place *p, const char *method, const char *path, size_t most,
                struct daemon_answer *answer)
{
    char request[900];

    snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", method, path,
             p->host);
    *answer = (struct daemon_answer){ 0 };
    ask_once(p, p->way == DAEMON_TLS, request, most, answer);
    if (p->way == DAEMON_EITHER && answer->status == 400)
        ask_once(p, true, request, most, answer);
}

/* ---- where it is ---- */

/* Where the running daemon's own metrics are, by its configuration. */
static bool find_configured(const struct arguments *a, struct daemon_place *t)
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
static bool parse_endpoint(const char *text, struct daemon_place *t)
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
static bool parse_url(const char *text, struct daemon_place *t)
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

int daemon_find(const struct arguments *a, struct daemon_place *p)
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
    if (a->endpoint != NULL && !parse_endpoint(a->endpoint, p) && !parse_url(a->endpoint, p)) {
        fprintf(stderr,
                "otelcd %s: \"%s\" is neither host:port nor a URL; write --endpoint localhost:8888, or "
                "https://localhost:13133/\n",
                a->verb, a->endpoint);
        return 2;
    }
    return a->endpoint == NULL && a->configs.n > 0 && !find_configured(a, p) ? 1 : 0;
}
