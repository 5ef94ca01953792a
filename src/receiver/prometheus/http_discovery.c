/* SPDX-License-Identifier: Apache-2.0 */
/* Targets that a server knows: it is asked at the start and at each refresh_interval, which is also the time that it
 * has to answer. A long answer is read beside the loop. What is no answer, or no list of groups, is told in the log,
 * and what was known before stays. */
#include "base/loop/job.h"
#include "receiver/prometheus/discovery.h"
#include "receiver/prometheus/fetch.h"

#include <stdlib.h>
#include <strings.h>

#define LONG_ANSWER (64 * 1024ul) /* half a millisecond to read */

/* What a thread reads. */
struct reading {
    struct job job;
    struct http_discovery *of;
    char *url;
    struct block *block;
    struct bytes text;
    struct target_list found;
    struct error err;
};

struct http_discovery {
    struct discovery base;
    const struct http_sd_config *config;
    struct scrape_caller caller;
    struct fetch fetch;
    struct clock_timer timer;
    struct reading *reading; /* NULL: none is under way */
    char *seconds;
};

static void ask(struct clock_timer *timer)
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

/* What came of it; err->code 0: `found`, which is taken over. */
static void take_answer(struct http_discovery *h, struct target_list *found, const struct error *err)
{
    const struct fetch *f = &h->fetch;

    if (err->code != 0)
        discovery_fail(&h->base, "http", f->client != NULL ? http_client_name(f->client) : "its server", err->text);
    else
        discovery_set(&h->base, "http", found);
    clock_start(&h->base.node->host->loop->clock, &h->timer, h->config->refresh, ask);
}

static void read_on_thread(struct job *job)
{
    struct reading *r = container_of(job, struct reading, job);

    (void)target_list_read(r->text, true, "__meta_url", r->url, &r->found, &r->err);
}

static void drop_reading(struct job *job)
{
    struct reading *r = container_of(job, struct reading, job);

    target_list_free(&r->found);
    block_unref(r->block);
    free(r->url);
    free(r);
}

static void on_read(struct job *job)
{
    struct reading *r = container_of(job, struct reading, job);

    r->of->reading = NULL;
    take_answer(r->of, &r->found, &r->err);
    r->found = (struct target_list){ 0 };
    drop_reading(job);
}

/* The body is the thread's from now on. */
static void read_beside(struct http_discovery *h)
{
    struct reading *r = h->reading = mem_zalloc(sizeof(*r));

    r->job = (struct job){ .work = read_on_thread, .done = on_read, .drop = drop_reading };
    r->of = h;
    r->url = mem_strdup(h->config->url);
    r->text = h->fetch.body;
    r->block = block_ref(h->fetch.block);
    fetch_release(&h->fetch);
    job_start(h->base.node->host->loop, JOB_CPU, &r->job);
}

static void on_answer(struct fetch *f)
{
    struct http_discovery *h = container_of(f, struct http_discovery, fetch);
    struct target_list found = { 0 };
    struct error err = { 0 };

    if (f->fault != FETCH_DONE)
        error_set(&err, UV_EIO, "%s", f->why);
    else if (f->type.len == 0 || !is_json(f->type))
        error_set(&err, UV_EINVAL, "unsupported content type \"%.*s\": the server has to answer with application/json",
                  f->type.len < 60 ? (int)f->type.len : 60, (const char *)f->type.data);
    else if (f->body.len <= LONG_ANSWER)
        (void)target_list_read(f->body, true, "__meta_url", h->config->url, &found, &err);
    else
        read_beside(h);
    if (h->reading != NULL)
        return;
    fetch_release(f);
    take_answer(h, &found, &err);
}

static void start(struct discovery *d)
{
    fetch_start(&container_of(d, struct http_discovery, base)->fetch);
}

static void free_discovery(struct discovery *d)
{
    struct http_discovery *h = container_of(d, struct http_discovery, base);

    clock_stop(&d->node->host->loop->clock, &h->timer);
    if (h->reading != NULL)
        job_abandon(&h->reading->job);
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
