/* SPDX-License-Identifier: Apache-2.0 */
/* `otelcd healthcheck`: is a running otelcd alive? For Docker's HEALTHCHECK and for scripts: asks the scrape endpoint
 * of its own telemetry, or whatever URL it is given, with one HTTP request; blocking calls with timeouts, for this
 * process does nothing else. The endpoint is that of the configuration, or of --endpoint, or localhost:8888.
 *
 * An endpoint without a scheme is asked in plain text, and once more over TLS when it does not like that. A certificate
 * is verified where --ca says by what, and where the endpoint is not on this host: what answers on the loopback has
 * been let on by whoever runs this host, and a health check seldom has the CA. */
#include "command/command.h"
#include "command/healthcheck_tls.h"
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

enum way { WAY_EITHER, WAY_PLAIN, WAY_TLS };

struct target {
    char host[256];
    char port[16];
    char path[512];
    enum way way;
};

/* localhost is what the daemon takes it for, also where no file says so (a bare container). */
static int resolve_target(const struct target *t, struct addrinfo **list)
{
    const char *host = strcmp(t->host, "localhost") == 0 ? "127.0.0.1" : t->host;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };

    return getaddrinfo(host, t->port, &hints, list);
}

static int dial_target(const struct target *t, long timeout_ms, const char **why)
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

static ssize_t ask_plain(int fd, const char *request, char *answer, size_t cap)
{
    return send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request)
               ? recv(fd, answer, cap, MSG_WAITALL)
               : -1;
}

/* The status line; "" and `why` when none came. */
static void ask_once(const struct target *t, bool tls, const char *ca, long timeout_ms, char *line, size_t cap,
                     char *why, size_t why_cap)
{
    const char *fault = "no answer";
    char request[900];
    int fd = dial_target(t, timeout_ms, &fault);
    struct tls_question q = { fd, t->host, ca, ca != NULL || !is_loopback(t->host), request };
    ssize_t n = -1;

    snprintf(why, why_cap, "%s", fault);
    snprintf(request, sizeof(request), "HEAD %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", t->path, t->host);
    if (fd >= 0) {
        n = tls ? healthcheck_ask_tls(&q, line, cap - 1, why, why_cap) : ask_plain(fd, request, line, cap - 1);
        close(fd);
    }
    line[n > 12 && strncmp(line, "HTTP/1.", 7) == 0 ? n : 0] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
}

/* 0 when the peer answers 200. */
static int ask_target(const struct target *t, const char *ca, long timeout_ms)
{
    bool tls = t->way == WAY_TLS;
    char line[64], why[300];

    ask_once(t, tls, ca, timeout_ms, line, sizeof(line), why, sizeof(why));
    if (t->way == WAY_EITHER && line[0] != '\0' && strncmp(line + 9, "400", 3) == 0) {
        tls = true;
        ask_once(t, tls, ca, timeout_ms, line, sizeof(line), why, sizeof(why));
    }
    if (line[0] != '\0' && strncmp(line + 9, "200", 3) == 0)
        return 0;
    fprintf(stderr, "otelcd healthcheck: %s://%s:%s%s: %s%s\n", tls ? "https" : "http", t->host, t->port, t->path,
            line[0] != '\0' ? line : why,
            line[0] != '\0' ? "" : "; is otelcd running, and does it listen there? --config or --endpoint say where");
    return 1;
}

/* Where the running daemon's own metrics are, by its configuration. */
static bool find_configured(const struct arguments *a, struct target *t)
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
        fprintf(stderr, "otelcd healthcheck: this configuration serves no metrics of its own on a fixed port; give "
                        "--endpoint host:port\n");
    config_free(c);
    return found;
}

/* host:port, [::1]:port or :port. */
static bool parse_endpoint(const char *text, struct target *t)
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
static bool parse_url(const char *text, struct target *t)
{
    struct error err;
    struct url u;

    if (url_parse(&u, bytes_str(text), &err) != 0 || u.host.len >= sizeof(t->host) || u.target.len >= sizeof(t->path) ||
        u.target.data[0] != '/')
        return false;
    snprintf(t->host, sizeof(t->host), "%.*s", (int)u.host.len, (const char *)u.host.data);
    snprintf(t->port, sizeof(t->port), "%.*s", (int)url_port(&u).len, (const char *)url_port(&u).data);
    snprintf(t->path, sizeof(t->path), "%.*s", (int)u.target.len, (const char *)u.target.data);
    t->way = u.secure ? WAY_TLS : WAY_PLAIN;
    return true;
}

int command_healthcheck(const struct arguments *a)
{
    struct target t = { "localhost", "8888", "/metrics", WAY_EITHER };
    int64_t timeout = 3000000000;

    if (a->timeout != NULL && (!duration_parse(a->timeout, &timeout) || timeout <= 0)) {
        fprintf(stderr, "otelcd healthcheck: \"%s\" is not a duration; write --timeout 3s\n", a->timeout);
        return 2;
    }
    if (a->endpoint != NULL && !parse_endpoint(a->endpoint, &t) && !parse_url(a->endpoint, &t)) {
        fprintf(stderr,
                "otelcd healthcheck: \"%s\" is neither host:port nor a URL; write --endpoint localhost:8888, or "
                "https://localhost:13133/\n",
                a->endpoint);
        return 2;
    }
    if (a->endpoint == NULL && a->configs.n > 0 && !find_configured(a, &t))
        return 1;
    return ask_target(&t, a->ca, timeout < 1000000 ? 1 : (long)(timeout / 1000000));
}
