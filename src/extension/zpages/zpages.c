/* SPDX-License-Identifier: Apache-2.0 */
/* The zpages extension: pages under /debug/ on what runs, for people. Everything on them is text of ours, of the
 * configuration or of peers, and the last two are escaped; a browser is told to load and run nothing. */
#include "extension/zpages/zpages.h"

#include "base/log_recent.h"
#include "base/mem.h"
#include "pipeline/node_server.h"

#include <string.h>

struct expvar_config {
    bool enabled;
};

struct zpages_config {
    struct http_server_config server;
    struct expvar_config expvar;
};

struct zpages {
    struct node node;
    const struct zpages_config *config;
    struct page_server pages;
};

static struct zpages *zpages_of(struct node *node)
{
    return container_of(node, struct zpages, node);
}

/* ---- pages ---- */

/* False: there is no page of that name. */
static bool put_page(const struct zpages *z, const struct page *page, struct bytes name, struct buf *out)
{
    const struct host *host = z->node.host;
    struct buf only = { 0 };

    if (bytes_is(name, "servicez"))
        zpages_put_servicez(out, host);
    else if (bytes_is(name, "pipelinez"))
        zpages_put_pipelinez(out, host,
                             page_parameter(page, "zpipelinename", &only) ? buf_bytes(&only) : bytes_of(NULL, 0));
    else if (bytes_is(name, "extensionz"))
        zpages_put_extensionz(out, host);
    else if (bytes_is(name, "featurez"))
        zpages_put_featurez(out);
    else if (bytes_is(name, "tracez"))
        zpages_put_tracez(out, host);
    else if (name.len == 0)
        zpages_put_index(out, host, z->config->expvar.enabled);
    buf_free(&only);
    return out->len > 0;
}

static bool begins_with(struct bytes text, const char *with)
{
    size_t n = strlen(with);

    return text.len >= n && memcmp(text.data, with, n) == 0;
}

static void on_page(struct page_set *s, struct page *page)
{
    const struct zpages *z = container_of(s, struct zpages, pages.pages);
    struct bytes path = page->req->path, name = bytes_of(NULL, 0);
    struct buf out = { 0 };

    if (begins_with(path, "/debug/"))
        name = bytes_skip(path, strlen("/debug/"));
    if (!bytes_is(page->req->method, "GET") && !bytes_is(page->req->method, "HEAD")) {
        page_answer_text(page, 405, "405 method not allowed, supported: [GET, HEAD]\n");
    } else if (z->config->expvar.enabled && bytes_is(name, "expvarz")) {
        zpages_put_expvarz(&out);
        page_answer(page, 200, "application/json; charset=utf-8", buf_bytes(&out));
    } else if ((name.len > 0 || bytes_is(path, "/") || bytes_is(path, "/debug") || bytes_is(path, "/debug/")) &&
               put_page(z, page, name, &out)) {
        page_answer(page, 200, "text/html; charset=utf-8", buf_bytes(&out));
    } else {
        page_answer_text(page, 404, "404 page not found: the list of pages is at /debug/\n");
    }
    buf_free(&out);
}

/* ---- life ---- */

static int create(struct node *node, const void *config, struct error *err)
{
    struct zpages *z = zpages_of(node);

    (void)err;
    z->config = config;
    z->pages.pages.on_page = on_page;
    return 0;
}

static int start(struct node *node, struct error *err)
{
    struct zpages *z = zpages_of(node);
    struct http_server_options o = node_http_server_options(node, &z->config->server);

    log_keep_recent(node->host->log);
    return page_server_listen(&z->pages, node, &o, &z->config->server.tls, err);
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *))
{
    page_server_stop(&zpages_of(node)->pages, node, deadline, done);
}

static void hurry(struct node *node)
{
    page_server_hurry(&zpages_of(node)->pages);
}

static void destroy(struct node *node)
{
    page_server_close(&zpages_of(node)->pages);
}

/* ---- what the configuration may say ---- */

static void check(const void *config, struct check *ck)
{
    page_server_check(&((const struct zpages_config *)config)->server, "endpoint",
                      "\"endpoint\" is required when using the \"zpages\" extension", ck);
}

static void claim(const void *config, struct claims *claims)
{
    const struct zpages_config *c = config;

    claim_address(claims, "endpoint", c->server.endpoint, c->server.transport);
}

static const struct option expvar_rows[] = {
    OPT_BOOL(struct expvar_config, enabled, "false", "Serve /debug/expvarz: memory, by Go's names, as JSON."),
    OPT_END,
};

static const struct option options[] = {
    PAGE_SERVER_ROWS(struct zpages_config, server, "localhost:55679"),
    OPT_GROUP(struct zpages_config, expvar, struct expvar_config, expvar_rows, GROUP_PLAIN, "Variables."),
    OPT_END,
};

extern const struct component zpages_extension;
const struct component zpages_extension = {
    COMPONENT_TYPE("zpages", COMPONENT_EXTENSION, .stability = "beta"),
    .spread = SPREAD_FRONT,
    .summary = "Pages under /debug/ for people: what runs, its ledgers, the last warnings and errors.",
    COMPONENT_CONFIG(struct zpages_config, options, .check = check, .claim = claim),
    COMPONENT_NODE(struct zpages, .create = create, .start = start, .stop = stop, .hurry = hurry, .destroy = destroy),
};
