/* SPDX-License-Identifier: Apache-2.0 */
/* A scheme is what is before the first colon when a resolver of gRPC's is called so; a host called "dns" has a port
 * behind its colon, which no resolver's text begins with but that of "unix:". */
#include "net/http/target.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static const char *skip_prefix(const char *text, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

static int set_unix(struct target *to, const char *path, bool abstract, struct error *err)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&to->address.addr;
    size_t len = strlen(path);

    if (len == 0)
        return error_set(err, UV_EINVAL, "a unix socket has a path: unix:///run/otel.sock");
    if (len + 1 >= sizeof(un->sun_path))
        return error_set(err, UV_EINVAL, "the path of a unix socket has at most %zu bytes", sizeof(un->sun_path) - 2);
    to->is_unix = true;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path + abstract, path, len);
    to->address.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    return 0;
}

static bool is_port(const char *text)
{
    size_t n = strspn(text, "0123456789");

    return n > 0 && n <= 5 && text[n] == '\0' && atoi(text) > 0 && atoi(text) <= 65535;
}

/* "host:port" or "[address]:port". */
static int set_host(struct target *to, const char *text, struct error *err)
{
    const char *end = *text == '[' ? strchr(text, ']') : text + strcspn(text, ":");
    const char *host = *text == '[' ? text + 1 : text;

    if (end == NULL || end == host)
        return error_set(err, UV_EINVAL, "%s: write host:port, for instance collector:4317", text);
    to->host = bytes_dup(bytes_of(host, (size_t)(end - host)));
    if (*end == ']')
        end++;
    if (*end != ':')
        return error_set(err, UV_EINVAL, "%s: the port is missing: write %s:4317", text, text);
    if (!is_port(end + 1))
        return error_set(err, UV_EINVAL, "%s: \"%s\" is not a port: write a number from 1 to 65535", text, end + 1);
    to->port = mem_strdup(end + 1);
    return 0;
}

int target_parse(struct target *to, const char *text, struct error *err)
{
    const char *rest;

    *to = (struct target){ 0 };
    if ((rest = skip_prefix(text, "unix-abstract:")) != NULL)
        return set_unix(to, rest, true, err);
    if ((rest = skip_prefix(text, "unix://")) != NULL)
        return *rest == '/' ? set_unix(to, rest, false, err)
                            : error_set(err, UV_EINVAL, "%s: write unix:///absolute/path, or unix:path", text);
    if ((rest = skip_prefix(text, "unix:")) != NULL)
        return set_unix(to, rest, false, err);
    if ((rest = skip_prefix(text, "dns:///")) != NULL || (rest = skip_prefix(text, "passthrough:///")) != NULL)
        return set_host(to, rest, err);
    if (skip_prefix(text, "dns://") != NULL)
        return error_set(err, UV_EINVAL,
                         "%s: names are looked up as the system does it, not at a server of their own: write dns:///",
                         text);
    if (strstr(text, "://") != NULL)
        return error_set(err, UV_EINVAL,
                         "%s: write host:port, dns:///host:port, passthrough:///host:port or unix:///path", text);
    return set_host(to, text, err);
}

void target_free(struct target *to)
{
    free(to->host);
    free(to->port);
    *to = (struct target){ 0 };
}
