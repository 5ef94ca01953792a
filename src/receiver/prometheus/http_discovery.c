/* SPDX-License-Identifier: Apache-2.0 */
/* Targets that a server knows: it is asked at the start and at each refresh_interval, which is also the time that it
 * has to answer. A long answer is read beside the loop. What is no answer, or no list of groups, is told in the log,
 * and what was known before stays. */
#include "receiver/prometheus/answer.h"
#include "receiver/prometheus/discovery.h"

#include <stdlib.h>
#include <strings.h>

/* A list of groups. */
struct list_answer {
    struct answer base;
    char *url;
    struct target_list found;
};

struct http_discovery {
    struct discovery base;
    const struct http_sd_config *config;
    struct scrape_caller caller;
    struct fetch fetch;
    struct clock_timer timer;
    struct list_answer *answer;
    char *seconds;
};

static void ask_server(struct clock_timer *timer)
{
    fetch_start(&container_of(timer, struct http_discovery, timer)->fetch);
}

/* application/json, with a charset of UTF-8 or none. */
static bool is_json(struct bytes type)
{
    const uint8_t *end = memchr(type.data, ';', type.len);

    if (end != NULL) {
        struct bytes rest = bytes_trim(bytes_skip(type, (size_t)(end - type.data) + 1));

        if (!bytes_equal_nocase(rest, bytes_str("charset=utf-8")) &&
            !bytes_equal_nocase(rest, bytes_str("charset=\"utf-8\"")))
            return false;
        type.len = (size_t)(end - type.data);
    }
    return bytes_equal_nocase(bytes_trim(type), bytes_str("application/json"));
}

/* What came of it; err->code 0: what was found is taken over. */
static void end_round(struct http_discovery *h, const struct error *err)
{
    const struct fetch *f = &h->fetch;

    if (err->code != 0)
        discovery_fail(&h->base, "http", f->client != NULL ? http_client_name(f->client) : "its server", err->text);
    else
        discovery_set(&h->base, "http", &h->answer->found);
    clock_start(&h->base.node->host->loop->clock, &h->timer, h->config->refresh, ask_server);
}

static void read_list(struct answer *a)
{
    struct list_answer *l = container_of(a, struct list_answer, base);

    (void)target_list_read(a->text, true, "__meta_url", l->url, &l->found, &a->err);
}

static void on_read(struct answer *a)
{
    end_round(a->owner, &a->err);
}

static void free_answer(struct answer *a)
{
    struct list_answer *l = container_of(a, struct list_answer, base);

    target_list_free(&l->found);
    free(l->url);
    free(l);
}

static void on_answer(struct fetch *f)
{
    struct http_discovery *h = container_of(f, struct http_discovery, fetch);
    struct error err = { 0 };

    if (f->fault != FETCH_DONE)
        error_set(&err, UV_EIO, "%s", f->why);
    else if (f->type.len == 0 || !is_json(f->type))
        error_set(&err, UV_EINVAL, "unsupported content type \"%.*s\": the server has to answer with application/json",
                  f->type.len < 60 ? (int)f->type.len : 60, (const char *)f->type.data);
    if (err.code == 0) {
        answer_take(&h->answer->base, f, h->base.node->host->loop);
        return;
    }
    fetch_release(f);
    end_round(h, &err);
}

static void start(struct discovery *d)
{
    fetch_start(&container_of(d, struct http_discovery, base)->fetch);
}

static void free_discovery(struct discovery *d)
{
    struct http_discovery *h = container_of(d, struct http_discovery, base);

    clock_stop(&d->node->host->loop->clock, &h->timer);
    answer_drop(&h->answer->base);
    fetch_cancel(&h->fetch);
    fetch_free(&h->fetch);
    scrape_caller_close(&h->caller);
    free(h->seconds);
    discovery_close(d);
    free(h);
}

static const struct discovery_ops http_ops = { .start = start, .free = free_discovery };

struct discovery *http_discovery_new(const struct node *node, const struct http_sd_config *c, struct error *err)
{
    struct http_discovery *h = mem_zalloc(sizeof(*h));

    h->base.ops = &http_ops;
    h->base.node = node;
    h->config = c;
    h->answer = mem_zalloc(sizeof(*h->answer));
    h->answer->base = (struct answer){ .read = read_list, .done = on_read, .free = free_answer, .owner = h };
    h->answer->url = mem_strdup(c->url);
    h->seconds = mem_printf("%.15g", (double)c->refresh / (double)NS_PER_S);
    h->fetch = (struct fetch){
        .caller = &h->caller,
        .url = c->url,
        .timeout = c->refresh,
        .limit = DISCOVERY_MAX_BYTES,
        .accept = "application/json",
        .gzip = true,
        .extra_name = "x-prometheus-refresh-interval-seconds",
        .extra_value = h->seconds,
        .on_done = on_answer,
    };
    if (scrape_caller_open(&h->caller, node, &c->client, strncasecmp(c->url, "https", 5) == 0, err) == 0)
        return &h->base;
    free_discovery(&h->base);
    return NULL;
}
