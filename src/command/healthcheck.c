/* SPDX-License-Identifier: Apache-2.0 */
/* `otelcd healthcheck`: is a running otelcd alive? For Docker's HEALTHCHECK and for scripts: asks the scrape endpoint
 * of its own telemetry with one plain HTTP request; blocking calls with timeouts, for this process does nothing else.
 * The endpoint is that of the configuration, or of --endpoint, or localhost:8888. */
#include "command/command.h"
#include "service/config.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct target {
    char host[256];
    char port[16];
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

/* 0 when the peer answers 200. */
static int ask_target(const struct target *t, long timeout_ms)
{
    static const char request[] = "HEAD /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    const char *why = "no answer";
    char answer[64] = "";
    int fd = dial_target(t, timeout_ms, &why);
    ssize_t n = -1;

    if (fd >= 0) {
        if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(request) - 1)
            n = recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL);
        close(fd);
    }
    if (n > 12 && strncmp(answer, "HTTP/1.", 7) == 0 && strncmp(answer + 9, "200", 3) == 0)
        return 0;
    answer[strcspn(answer, "\r\n")] = '\0';
    fprintf(stderr, "otelcd healthcheck: http://%s:%s/metrics: %s%s\n", t->host, t->port, n > 12 ? answer : why,
            n > 12 ? "" : "; is otelcd running, and does it listen there? --config or --endpoint say where");
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

int command_healthcheck(const struct arguments *a)
{
    struct target t = { "localhost", "8888" };
    int64_t timeout = 3000000000;

    if (a->timeout != NULL && (!duration_parse(a->timeout, &timeout) || timeout <= 0)) {
        fprintf(stderr, "otelcd healthcheck: \"%s\" is not a duration; write --timeout 3s\n", a->timeout);
        return 2;
    }
    if (a->endpoint != NULL && !parse_endpoint(a->endpoint, &t)) {
        fprintf(stderr, "otelcd healthcheck: \"%s\" is not host:port; write --endpoint localhost:8888\n", a->endpoint);
        return 2;
    }
    if (a->endpoint == NULL && a->configs.n > 0 && !find_configured(a, &t))
        return 1;
    return ask_target(&t, timeout < 1000000 ? 1 : (long)(timeout / 1000000));
}
