/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/otlp/otlp_target.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdlib.h>
#include <uv.h>

static bool begins_with(struct bytes text, const char *with)
{
    size_t len = strlen(with);

    return text.len >= len && memcmp(text.data, with, len) == 0;
}

static bool take_prefix(struct bytes *text, const char *prefix)
{
    if (!begins_with(*text, prefix))
        return false;
    *text = bytes_skip(*text, strlen(prefix));
    return true;
}

/* ---- gRPC ---- */

static bool is_port(struct bytes port)
{
    unsigned n = 0;

    for (size_t i = 0; i < port.len && port.len <= 5; i++)
        n = port.data[i] < '0' || port.data[i] > '9' ? 65536 : n * 10 + port.data[i] - '0';
    return port.len > 0 && port.len <= 5 && n > 0 && n <= 65535;
}

/* "host:port", "[::1]:port". */
static int set_host(struct otlp_target *t, struct bytes text, struct error *err)
{
    const uint8_t *colon = memrchr(text.data, ':', text.len);
    const uint8_t *bracket = memrchr(text.data, ']', text.len);
    struct bytes host, port;

    if (colon == NULL || (bracket != NULL && bracket > colon))
        return error_set(err, UV_EINVAL, "address %.*s: missing port in address: write host:4317", (int)text.len,
                         (const char *)text.data);
    host = bytes_of(text.data, (size_t)(colon - text.data));
    port = bytes_of(colon + 1, text.len - host.len - 1);
    if (bracket == NULL && memchr(host.data, ':', host.len) != NULL)
        return error_set(err, UV_EINVAL, "address %.*s: too many colons in address: write [address]:port",
                         (int)text.len, (const char *)text.data);
    if (!is_port(port))
        return error_set(err, UV_EINVAL, "invalid port \"%.*s\": a gRPC endpoint is host:port, without a path",
                         (int)port.len, (const char *)port.data);
    if (host.len > 2 && bracket != NULL)
        t->address = bytes_dup(bytes_of(host.data + 1, host.len - 2));
    else
        t->address = host.len > 0 ? bytes_dup(host) : mem_strdup("localhost");
    t->port = bytes_dup(port);
    t->url = host.len > 0 ? mem_printf("http://%.*s", (int)text.len, (const char *)text.data)
                          : mem_printf("http://localhost:%s", t->port);
    return 0;
}

/* "unix:path", "unix:///path". */
static int set_unix(struct otlp_target *t, struct bytes path, struct error *err)
{
    (void)take_prefix(&path, "//");
    if (path.len == 0 || path.len > 107)
        return error_set(err, UV_EINVAL, "a unix endpoint needs the path of a socket: unix:///run/collector.sock");
    t->address = bytes_dup(path);
    t->port = mem_strdup("");
    t->url = mem_strdup("http://localhost");
    return 0;
}

int otlp_target_grpc(struct otlp_target *t, const char *endpoint, struct error *err)
{
    struct bytes text = bytes_str(endpoint), host;

    *t = (struct otlp_target){ 0 };
    t->secure = take_prefix(&text, "https://");
    if (!t->secure)
        (void)take_prefix(&text, "http://");
    t->dial = bytes_dup(text);
    host = text;
    if (take_prefix(&host, "unix:"))
        return set_unix(t, host, err);
    if (begins_with(host, "unix-abstract:") || begins_with(host, "xds:"))
        return error_set(err, UV_EINVAL, "%s: this resolver is not served: write host:port", endpoint);
    if (take_prefix(&host, "dns://")) { /* an authority in front of the name would be a DNS server */
        if (!take_prefix(&host, "/"))
            return error_set(err, UV_EINVAL, "%s: names are looked up as the system does: write dns:///host:port",
                             endpoint);
    } else if (!take_prefix(&host, "dns:")) {
        (void)take_prefix(&host, "passthrough:///");
    }
    if (host.len == 0)
        return error_set(err, UV_EINVAL,
                         "requires a non-empty \"endpoint\": write host:port, for instance "
                         "collector:4317");
    return set_host(t, host, err);
}

/* ---- HTTP ---- */

int otlp_target_http(struct otlp_target *t, const char *endpoint, const char *own, enum signal signal,
                     struct error *err)
{
    size_t len = strlen(endpoint);
    struct bytes path;
    struct url url;

    *t = (struct otlp_target){ 0 };
    if (own[0] != '\0')
        t->url = mem_strdup(own);
    else if (len > 0)
        t->url =
            mem_printf("%s%s%s", endpoint, endpoint[len - 1] == '/' ? "" : "/", signal_table[signal].http_path + 1);
    else
        return error_set(err, UV_EINVAL, "either endpoint or %s_endpoint must be specified", signal_table[signal].name);
    if (url_parse(&url, bytes_str(t->url), err) != 0)
        return UV_EINVAL;
    path = url.target;
    for (size_t i = 0; i < path.len; i++)
        if (path.data[i] == '?')
            path.len = i;
    t->secure = url.secure;
    t->address = bytes_dup(url.host);
    t->port = bytes_dup(url_port(&url));
    t->path = bytes_dup(path);
    return 0;
}

void otlp_target_free(struct otlp_target *t)
{
    free(t->url);
    free(t->dial);
    free(t->address);
    free(t->port);
    free(t->path);
    *t = (struct otlp_target){ 0 };
}
