/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC's target gets a host where only a port is written and is read as gRPC reads targets; HTTP's URL is the signal's
 * own, or the base and the signal's path behind it. What cannot be read is refused with what to write. */
#include "exporter/otlp/otlp_target.h"

#include "base/mem.h"
#include "net/http/target.h"

#include <stdlib.h>
#include <uv.h>

/* ---- gRPC ---- */

static const char *skip_prefix(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(text, prefix, len) == 0 ? text + len : text;
}

int otlp_target_grpc(struct otlp_target *t, const char *endpoint, bool tls, struct error *err)
{
    const char *text = skip_prefix(endpoint, "https://"), *scheme;
    struct target target;
    int rc;

    *t = (struct otlp_target){ .secure = tls || text != endpoint };
    scheme = t->secure ? "https" : "http";
    text = text != endpoint ? text : skip_prefix(endpoint, "http://");
    if (*skip_prefix(text, "dns:///") == '\0')
        return error_set(err, UV_EINVAL,
                         "requires a non-empty \"endpoint\": write host:port, for instance collector:4317");
    t->dial = mem_printf("%s%s", *text == ':' ? "localhost" : "", text);
    rc = target_parse(&target, t->dial, err);
    if (rc == 0 && target.is_unix) {
        t->address = mem_strdup(skip_prefix(strchr(t->dial, ':') + 1, "//"));
        t->port = mem_strdup("");
        t->url = mem_printf("%s://localhost", scheme);
    } else if (rc == 0) {
        bool v6 = strchr(target.host, ':') != NULL;

        t->address = mem_strdup(target.host);
        t->port = mem_strdup(target.port);
        t->url = mem_printf("%s://%s%s%s:%s", scheme, v6 ? "[" : "", target.host, v6 ? "]" : "", target.port);
    }
    target_free(&target);
    return rc;
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
