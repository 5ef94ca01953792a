/* SPDX-License-Identifier: Apache-2.0 */
/* The exporter's option rows say where its endpoint and its tls block are. The name is looked up and its addresses are
 * tried on a loop that turns until the connection stands (over TLS: until the handshake is done), fails, or the time is
 * over.
 *
 * What is behind a proxy is not tried: the way there is another one. */
#include "command/doctor/peer_probe.h"

#include "base/mem.h"
#include "config/client_rows.h"
#include "net/http/target.h"
#include "net/http/url.h"
#include "net/socket/dial.h"
#include "net/socket/socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct attempt {
    struct loop loop;
    struct log_sink sink;
    struct logger log;
    struct socket_shared shared;
    struct tls *tls; /* NULL: plain text */
    struct dial *dial;
    struct socket *socket;
    struct clock_timer limit;
    const char *host;
    struct probe_result *result;
};

/* ---- what the exporter would do ---- */

static const void *field_of(const struct config_component *cc, const struct option *row)
{
    return (const char *)cc->config + row->offset;
}

static const char *text_option(const struct config_component *cc, const char *key)
{
    const struct option *row = option_find(cc->component->options, key);
    const char *text = "";

    if (row != NULL && row->kind == OPTION_STRING)
        memcpy(&text, field_of(cc, row), sizeof(text));
    return text != NULL ? text : "";
}

static const struct tls_config *tls_option(const struct config_component *cc)
{
    const struct option *row = option_find(cc->component->options, "tls");

    return row != NULL && row->kind == OPTION_GROUP && row->options == tls_client_options ? field_of(cc, row) : NULL;
}

static bool has_proxy(const struct config_component *cc)
{
    static const char *const names[] = { "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY" };
    const char *said;

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if ((said = getenv(names[i])) != NULL && said[0] != '\0')
            return true;
    return text_option(cc, "proxy_url")[0] != '\0';
}

static bool skip_prefix(const char **text, const char *prefix)
{
    bool is = strncmp(*text, prefix, strlen(prefix)) == 0;

    if (is)
        *text += strlen(prefix);
    return is;
}

/* Who is dialled, and whether over TLS. */
static bool find_peer(const struct config_component *cc, const struct tls_config *tls, struct target *to, bool *secure)
{
    bool grpc = option_find(cc->component->options, "balancer_name") != NULL;
    const char *endpoint = text_option(cc, "endpoint");
    struct error err;
    struct url url;

    if (endpoint[0] == '\0' || tls == NULL)
        return false;
    if (!grpc) {
        if (url_parse(&url, bytes_str(endpoint), &err) != 0)
            return false;
        *secure = url.secure;
        to->host = bytes_dup(url.host);
        to->port = bytes_dup(url_port(&url));
        return true;
    }
    *secure = skip_prefix(&endpoint, "https://") || (!skip_prefix(&endpoint, "http://") && !tls_config_is_plain(tls));
    if (*endpoint == ':') {
        to->host = mem_strdup("localhost");
        to->port = mem_strdup(endpoint + 1);
        return true;
    }
    return target_parse(to, endpoint, &err) == 0 && !to->is_unix;
}

/* ---- the attempt ---- */

static void end_attempt(struct attempt *a, bool reached, const char *why)
{
    a->result->reached = reached;
    snprintf(a->result->why, sizeof(a->result->why), "%s", why);
    loop_stop(&a->loop);
}

static void on_ready(void *owner)
{
    end_attempt(owner, true, "");
}

static void on_read(void *owner, struct bytes data)
{
    (void)owner;
    (void)data;
}

static void on_end(void *owner, int error)
{
    struct attempt *a = owner;
    const char *why = socket_why(a->socket);

    end_attempt(a, false, why[0] != '\0' ? why : error != 0 ? uv_strerror(error) : "the peer closed the connection");
}

static void on_written(void *owner, int error)
{
    (void)owner;
    (void)error;
}

static void on_closed(void *owner)
{
    ((struct attempt *)owner)->socket = NULL;
}

static const struct socket_events events = { on_read, on_end, on_written, on_closed, on_ready };

static void on_dialled(void *arg, int fd, bool resolved, const char *why)
{
    struct attempt *a = arg;

    (void)resolved;
    a->dial = NULL;
    if (fd < 0) {
        end_attempt(a, false, why);
    } else if (a->tls == NULL) {
        close(fd);
        end_attempt(a, true, "");
    } else {
        a->socket = socket_open_tls(&a->loop, &a->shared, fd, a->tls, a->host, &events, a);
        if (a->socket == NULL)
            end_attempt(a, false, "the socket cannot be opened");
        else
            (void)socket_read(a->socket, a->shared.size);
    }
}

static void on_limit(struct clock_timer *timer)
{
    end_attempt(container_of(timer, struct attempt, limit), false, "no answer within the time that the doctor takes");
}

static bool set_tls(struct attempt *a, const struct tls_config *tls, const char *name)
{
    const struct tls_setup setup = {
        .loop = &a->loop, .side = TLS_CLIENT, .alpn = "h2,http/1.1", .log = &a->log, .component = name
    };
    struct error err = { 0 };

    a->tls = tls_new(&setup, tls, &err);
    if (a->tls == NULL)
        snprintf(a->result->why, sizeof(a->result->why), "%s", err.text);
    return a->tls != NULL;
}

static void run_attempt(struct attempt *a, const struct target *to, uint64_t timeout)
{
    a->host = to->host;
    a->dial = dial_start(&a->loop, to->host, to->port, timeout, on_dialled, a);
    clock_start(&a->loop.clock, &a->limit, timeout, on_limit);
    loop_run(&a->loop);
    clock_stop(&a->loop.clock, &a->limit);
    if (a->dial != NULL)
        dial_cancel(a->dial);
    if (a->socket != NULL)
        socket_close(a->socket);
}

void peer_probe(const struct config_component *cc, uint64_t timeout, struct probe_result *result)
{
    const struct tls_config *tls = tls_option(cc);
    struct attempt a = { .result = result };
    struct target to = { 0 };
    bool secure = false;

    *result = (struct probe_result){ 0 };
    if (!has_proxy(cc) && find_peer(cc, tls, &to, &secure)) {
        result->tried = true;
        log_sink_init(&a.sink);
        a.sink.level = LOG_OFF;
        a.log.sink = &a.sink;
        loop_init(&a.loop, false);
        socket_shared_init(&a.shared, 16384);
        if (!secure || set_tls(&a, tls, cc->id))
            run_attempt(&a, &to, timeout);
        tls_unref(a.tls);
        (void)loop_close(&a.loop, NULL, NULL);
        socket_shared_free(&a.shared);
        log_sink_close(&a.sink);
    }
    target_free(&to);
}
