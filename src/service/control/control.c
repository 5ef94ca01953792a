/* SPDX-License-Identifier: Apache-2.0 */
/* A server of HTTP on a unix socket, which gives the site to who may have it: the file is for its owner alone, and who
 * connects is asked for his user besides.
 *
 * What can go wrong: there is no place for a socket that nobody has named (a read-only container); then there is none,
 * and the log says so. One that is replaced in a reload ends beside the new one; control_stop() waits for all. */
#include "service/control/control.h"

#include "base/log_recent.h"
#include "base/mem.h"
#include "net/http/http_server.h"
#include "page/site.h"
#include "service/control/control_socket.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BUFFER 16384u /* requests are short */

struct control_server {
    struct control *control;
    struct http_server *http;
};

void control_prepare(struct control *c, struct host *host, const struct service_config *config)
{
    const struct control_config *wanted = &config->telemetry.control;
    struct error err = { 0 };

    *c = (struct control){ .host = host, .log = { .sink = host->log } };
    if (!wanted->enabled || wanted->socket[0] != '\0' || control_directory(&c->directory, &err))
        return;
    c->directory.len = 0;
    log_info(&c->log,
             "No control socket: otelcd tap and the like cannot ask this process. Make one of these, or name "
             "one as service::telemetry::control::socket",
             F_STR("error", err.text));
}

static char *path_for(struct control *c, const struct control_config *wanted)
{
    if (wanted->socket[0] != '\0')
        return mem_strdup(wanted->socket);
    return c->directory.len > 0 ? mem_printf("%s/%ld.sock", buf_cstr(&c->directory), (long)getpid()) : NULL;
}

static int listen_at(struct control *c, const char *path, struct error *err)
{
    struct http_server_options options = {
        .endpoint = path,
        .transport = "unix",
        .read_buffer_size = READ_BUFFER,
        .idle_timeout = 60 * NS_PER_S,
        .own_user = true,
    };
    struct control_server *s = mem_zalloc(sizeof(*s));
    int rc = http_server_listen(&s->http, c->host->loop, &options, &c->host->site->local.service, c->host->budget,
                                &c->log, NULL, err);

    s->control = c;
    if (rc == 0) {
        (void)chmod(path, 0600); /* who came before that is asked who he is all the same */
        log_keep_recent(c->host->log);
        log_info(&c->log, "Control socket for otelcd tap, top and status", F_STR("socket", path));
        c->server = s;
        return 0;
    }
    free(s);
    return rc;
}

int control_serve(struct control *c, const struct service_config *config, struct error *err)
{
    const struct control_config *wanted = &config->telemetry.control;
    struct error quiet = { 0 };
    char *path = wanted->enabled ? path_for(c, wanted) : NULL;
    int rc;

    free(c->named);
    c->named = wanted->enabled ? mem_strdup(wanted->socket) : NULL;
    rc = path != NULL ? listen_at(c, path, &quiet) : 0;
    free(path);
    if (rc == 0)
        return 0;
    if (wanted->socket[0] != '\0') {
        *err = quiet;
        return error_wrap(err, "service::telemetry::control::socket");
    }
    log_info(&c->log, "No control socket: otelcd tap and the like cannot ask this process", F_STR("error", quiet.text));
    return 0;
}

/* ---- the end ---- */

static void check_done(struct control *c)
{
    void (*done)(void *arg) = c->done;

    if (c->closing > 0 || done == NULL)
        return;
    c->done = NULL;
    done(c->arg);
}

static void on_stopped(struct http_server *http, void *arg)
{
    struct control_server *s = arg;
    struct control *c = s->control;

    http_server_free(http);
    free(s);
    c->closing--;
    check_done(c);
}

static void end_server(struct control *c, uint64_t deadline)
{
    struct control_server *s = c->server;

    c->server = NULL;
    if (s == NULL)
        return;
    c->closing++;
    page_set_dismiss(&c->host->site->local);
    http_server_stop(s->http, deadline, on_stopped, s);
}

/* One that has a name, and could not be had the last time, is tried again. */
static bool is_as_wanted(const struct control *c, const struct control_config *wanted)
{
    if (!wanted->enabled || c->named == NULL)
        return wanted->enabled == (c->named != NULL);
    return strcmp(c->named, wanted->socket) == 0 && (c->server != NULL || wanted->socket[0] == '\0');
}

void control_change(struct control *c, const struct service_config *config)
{
    const struct control_config *wanted = &config->telemetry.control;
    struct error err = { 0 };

    if (is_as_wanted(c, wanted))
        return;
    end_server(c, clock_mono(&c->host->loop->clock) + NS_PER_S);
    if (control_serve(c, config, &err) != 0)
        log_error(&c->log, "No control socket", F_STR("error", err.text));
    else if (wanted->enabled && c->server == NULL)
        log_info(&c->log, "A control socket without a name takes a restart");
}

void control_stop(struct control *c, uint64_t deadline, void (*done)(void *arg), void *arg)
{
    c->done = done;
    c->arg = arg;
    end_server(c, deadline);
    check_done(c);
}

void control_free(struct control *c)
{
    buf_free(&c->directory);
    free(c->named);
}
