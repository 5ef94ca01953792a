/* SPDX-License-Identifier: Apache-2.0 */
/* A set of pages (page/page.h) behind a listener of its own.
 *
 * What can go wrong: peers that read slowly when all else has stopped. They have LAST_WAIT. */
#include "extension/page_server.h"

#include "base/mem.h"
#include "net/socket/endpoint.h"
#include "net/socket/tls.h"
#include "pipeline/node_server.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAST_WAIT NS_PER_S /* for peers that read their pages slowly, when all else has stopped */

/* ---- life ---- */

void page_server_check(const struct http_server_config *c, const char *path, const char *empty, struct check *ck)
{
    int before = (int)(strlen(path) - strlen("endpoint"));
    char beside[64];

    if (c->endpoint[strspn(c->endpoint, " \t")] == '\0')
        check_fail(ck, path, "%s", empty);
    else
        endpoint_check_option(path, c->endpoint, c->transport, ck);
    snprintf(beside, sizeof(beside), "%.*stls", before, path);
    if (c->tls.on)
        tls_check(&c->tls, TLS_SERVER, beside, ck);
    snprintf(beside, sizeof(beside), "%.*scors", before, path);
    http_cors_check(&c->cors, beside, ck);
}

int page_server_listen(struct page_server *s, struct node *node, const struct http_server_options *options,
                       const struct tls_config *tls, struct error *err)
{
    int rc;

    s->node = node;
    page_set_init(&s->pages);
    rc = node_server_listen(&s->http, node, options, tls, &s->pages.service, NULL, err);
    if (rc != 0)
        return rc;
    if (node->host->worker == 0) /* else it is for the front alone */
        log_info(&node->log, "Serving pages", F_STR("endpoint", http_server_address(s->http)),
                 F_BOOL("tls", tls != NULL && tls->on));
    return 0;
}

static void on_stopped(struct http_server *http, void *arg)
{
    struct page_server *s = arg;

    (void)http;
    s->stopped(s->node);
}

void page_server_stop(struct page_server *s, struct node *node, uint64_t deadline, void (*stopped)(struct node *node))
{
    uint64_t soon = clock_mono(&node->host->loop->clock) + LAST_WAIT;

    s->stopped = stopped;
    if (s->http != NULL)
        http_server_stop(s->http, deadline < soon ? deadline : soon, on_stopped, s);
    else
        stopped(node);
}

void page_server_hurry(struct page_server *s)
{
    if (s->http != NULL)
        http_server_hurry(s->http);
}

void page_server_close(struct page_server *s)
{
    http_server_free(s->http);
    s->http = NULL;
}
