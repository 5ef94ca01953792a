/* SPDX-License-Identifier: Apache-2.0 */
/* Text to address: host and port are split by hand, numbers and "localhost" are understood without asking anybody, and
 * the rest is the resolver's. */
#include "net/socket/endpoint.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <uv.h>

#define HOST_MAX 256

static int parse_unix(struct endpoint *out, const char *text, struct error *err)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&out->addr;
    size_t n = strlen(text);

    if (n == 0)
        return error_set(err, UV_EINVAL, "a unix endpoint must be a path such as /run/otelcd.sock");
    if (n >= sizeof(un->sun_path))
        return error_set(err, UV_EINVAL, "\"%s\" is too long for a unix socket; %zu bytes are possible", text,
                         sizeof(un->sun_path) - 1);
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, text, n);
    out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
    if (text[0] == '@') {
        un->sun_path[0] = '\0';
        out->len--; /* an abstract name has no end but its length */
    }
    return 0;
}

/* Can the host be one at all? What only the resolver knows is not asked. */
static int check_host(const char *host, bool bracketed, struct error *err)
{
    const char *bad = host + strcspn(host, " \t\r\n\"'/\\$");
    struct in6_addr a6;
    struct in_addr a4;
    char address[HOST_MAX];

    if (isspace((unsigned char)*bad))
        return error_set(err, UV_EINVAL, "\"%s\" is not a host: it has a blank in it", host);
    if (*bad != '\0')
        return error_set(err, UV_EINVAL, "\"%s\" is not a host: it has a %c in it", host, *bad);
    if (bracketed) {
        snprintf(address, sizeof(address), "%.*s", (int)strcspn(host, "%"), host);
        if (inet_pton(AF_INET6, address, &a6) != 1)
            return error_set(err, UV_EINVAL, "\"%s\" is not an IPv6 address; only these stand in brackets", host);
    } else if (host[0] != '\0' && host[strspn(host, "0123456789.")] == '\0' && inet_aton(host, &a4) == 0) {
        return error_set(err, UV_EINVAL, "\"%s\" is not an IPv4 address", host);
    }
    return 0;
}

/* "0.0.0.0.4317", where the last dot should be a colon. */
static bool is_dotted_port(const char *text)
{
    int dots = 0;

    for (const char *p = text; *p != '\0'; p++)
        dots += *p == '.';
    return dots == 4 && text[strspn(text, "0123456789.")] == '\0';
}

/* host and port of "host:port"; host without brackets. */
static int split_endpoint(const char *text, char host[HOST_MAX], long *port, struct error *err)
{
    const char *colon = strrchr(text, ':'), *dot = strrchr(text, '.');
    bool bracketed = text[0] == '[';
    char *end;
    size_t n;

    if (colon == NULL && is_dotted_port(text))
        return error_set(err, UV_EINVAL, "\"%s\" has no port; did you mean %.*s:%s?", text, (int)(dot - text), text,
                         dot + 1);
    if (strstr(text, "://") != NULL)
        return error_set(err, UV_EINVAL, "\"%s\" is a URL; write host:port, such as %s", text, strstr(text, "://") + 3);
    if (colon == NULL || (text[0] == '[' && (colon == text || colon[-1] != ']')))
        return error_set(err, UV_EINVAL, "\"%s\" has no port; write host:port, such as localhost:4317", text);
    n = (size_t)(colon - text);
    if (text[0] == '[') {
        text++;
        n -= 2;
    } else if (memchr(text, ':', n) != NULL) {
        return error_set(err, UV_EINVAL, "\"%s\" has too many colons; write an IPv6 address as [::1]:4317", text);
    }
    if (n >= HOST_MAX)
        return error_set(err, UV_EINVAL, "the host name is too long; %d bytes are possible", HOST_MAX - 1);
    memcpy(host, text, n);
    host[n] = '\0';
    *port = strtol(colon + 1, &end, 10);
    if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || *port > 65535)
        return error_set(err, UV_EINVAL, "\"%s\" is not a port; write a number from 0 to 65535", colon + 1);
    return check_host(host, bracketed, err);
}

int endpoint_check(const char *text, const char *transport, struct error *err)
{
    struct endpoint scratch = { 0 };
    char host[HOST_MAX];
    long port;

    return strcmp(transport, "unix") == 0 ? parse_unix(&scratch, text, err) : split_endpoint(text, host, &port, err);
}

void endpoint_check_option(const char *path, const char *text, const char *transport, struct check *ck)
{
    struct error err;

    if (endpoint_check(text, transport, &err) != 0)
        check_fail(ck, path, "%s", err.text);
}

static void set_inet4(struct endpoint *out, const struct in_addr *a, long port)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&out->addr;

    *in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = *a };
    out->len = sizeof(*in);
}

static void set_inet6(struct endpoint *out, const struct in6_addr *a, long port)
{
    struct sockaddr_in6 *in = (struct sockaddr_in6 *)&out->addr;

    *in = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = *a };
    out->len = sizeof(*in);
}

static int resolve_host(struct endpoint *out, const char *host, long port, int family, struct error *err)
{
    struct addrinfo hints = { .ai_family = family, .ai_socktype = SOCK_STREAM };
    struct addrinfo *list = NULL, *pick;
    char service[8];
    int rc;

    snprintf(service, sizeof(service), "%ld", port);
    rc = getaddrinfo(host, service, &hints, &list);
    if (rc != 0)
        return error_set(err, UV_EAI_FAIL, "cannot resolve \"%s\": %s", host, gai_strerror(rc));
    for (pick = list; pick->ai_next != NULL && pick->ai_family != AF_INET && family != AF_INET6;)
        pick = pick->ai_next;
    if (pick->ai_family != AF_INET && family != AF_INET6)
        pick = list;
    memcpy(&out->addr, pick->ai_addr, pick->ai_addrlen);
    out->len = pick->ai_addrlen;
    freeaddrinfo(list);
    return 0;
}

static int parse_tcp(struct endpoint *out, const char *text, int family, struct error *err)
{
    char host[HOST_MAX] = "";
    struct in_addr a4;
    struct in6_addr a6;
    long port = 0;

    if (split_endpoint(text, host, &port, err) != 0)
        return UV_EINVAL;
    if (host[0] == '\0') {
        if (family == AF_INET)
            set_inet4(out, &(struct in_addr){ htonl(INADDR_ANY) }, port);
        else
            set_inet6(out, &in6addr_any, port);
    } else if (strcmp(host, "localhost") == 0 && family == AF_INET6) {
        set_inet6(out, &in6addr_loopback, port);
    } else if (strcmp(host, "localhost") == 0) {
        set_inet4(out, &(struct in_addr){ htonl(INADDR_LOOPBACK) }, port);
    } else if (family != AF_INET6 && inet_pton(AF_INET, host, &a4) == 1) {
        set_inet4(out, &a4, port);
    } else if (family != AF_INET && inet_pton(AF_INET6, host, &a6) == 1) {
        set_inet6(out, &a6, port);
    } else {
        return resolve_host(out, host, port, family, err);
    }
    return 0;
}

/* As Go listens: a wildcard of either family, without the family being asked for, is both. */
static void widen_unspecified(struct endpoint *e)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)&e->addr;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&e->addr;
    bool v4 = in->sin_family == AF_INET;
    uint16_t port = v4 ? in->sin_port : in6->sin6_port;

    if (v4 ? in->sin_addr.s_addr != htonl(INADDR_ANY) : !IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr))
        return;
    set_inet6(e, &in6addr_any, ntohs(port));
    e->any = true;
}

void endpoint_narrow(struct endpoint *e)
{
    set_inet4(e, &(struct in_addr){ htonl(INADDR_ANY) }, ntohs(((const struct sockaddr_in6 *)&e->addr)->sin6_port));
    e->any = false;
}

int endpoint_parse(struct endpoint *out, const char *text, const char *transport, struct error *err)
{
    static const struct {
        const char *name;
        int family;
    } families[] = { { "tcp", AF_UNSPEC }, { "tcp4", AF_INET }, { "tcp6", AF_INET6 } };

    memset(out, 0, sizeof(*out));
    if (strcmp(transport, "unix") == 0)
        return parse_unix(out, text, err);
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        int rc;

        if (strcmp(transport, families[i].name) != 0)
            continue;
        rc = parse_tcp(out, text, families[i].family, err);
        if (rc == 0 && families[i].family == AF_UNSPEC)
            widen_unspecified(out);
        return rc;
    }
    return error_set(err, UV_EINVAL, "invalid transport type \"%s\"; write tcp, tcp4, tcp6 or unix", transport);
}

void endpoint_format(const struct sockaddr_storage *addr, socklen_t len, char *out, size_t cap)
{
    char host[INET6_ADDRSTRLEN] = "";

    if (addr->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)addr;

        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        snprintf(out, cap, "%s:%u", host, ntohs(in->sin_port));
    } else if (addr->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)addr;
        bool mapped = IN6_IS_ADDR_V4MAPPED(&in->sin6_addr);

        inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof(host));
        snprintf(out, cap, mapped ? "%s:%u" : "[%s]:%u", mapped ? strrchr(host, ':') + 1 : host, ntohs(in->sin6_port));
    } else {
        const struct sockaddr_un *un = (const struct sockaddr_un *)addr;
        size_t n = len > offsetof(struct sockaddr_un, sun_path) ? len - offsetof(struct sockaddr_un, sun_path) : 0;

        if (n == 0)
            snprintf(out, cap, "unix");
        else if (un->sun_path[0] == '\0')
            snprintf(out, cap, "@%.*s", (int)(n - 1), un->sun_path + 1);
        else
            snprintf(out, cap, "%.*s", (int)strnlen(un->sun_path, n), un->sun_path);
    }
}
