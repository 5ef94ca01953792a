/* SPDX-License-Identifier: Apache-2.0 */
/* A span has its ids from the process's generator, or its trace's from the parent. It is sampled when it begins: one
 * that is not costs no more. A traceparent that cannot be read is as none. */
#include "pipeline/trace/tracer.h"

#include "base/loop/wall.h"
#include "pipeline/component.h"

#define TRACEPARENT_LEN 55u

void tracer_watch(struct tracer *t, struct trace_watcher *w, const struct trace_sampler *sampler)
{
    t->sampler = *sampler;
    w->next = t->watchers;
    t->watchers = w;
}

void tracer_unwatch(struct tracer *t, struct trace_watcher *w)
{
    for (struct trace_watcher **at = &t->watchers; *at != NULL; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            return;
        }
    }
}

/* --- traceparent --- */

static int digit_of(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 2 * n digits in lower case. */
static bool read_hex(const uint8_t *p, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int high = digit_of(p[2 * i]), low = digit_of(p[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool traceparent_read(struct bytes text, uint8_t trace[16], uint8_t parent[8], bool *sampled)
{
    const uint8_t *p = text.data;
    uint8_t version, flags;

    if (text.len < TRACEPARENT_LEN || p[2] != '-' || p[35] != '-' || p[52] != '-')
        return false;
    if (!read_hex(p, &version, 1) || version == 0xff || !read_hex(p + 3, trace, 16) || !read_hex(p + 36, parent, 8) ||
        !read_hex(p + 53, &flags, 1) || bytes_is_zero(bytes_of(trace, 16)) || bytes_is_zero(bytes_of(parent, 8)))
        return false;
    if (text.len > TRACEPARENT_LEN && (version == 0 || p[TRACEPARENT_LEN] != '-'))
        return false;
    *sampled = (flags & 1) != 0;
    return true;
}

/* --- spans --- */

bool trace_sampled(const struct trace_sampler *s, const uint8_t trace[16])
{
    uint64_t x = 0;

    for (size_t i = 8; i < 16; i++)
        x = x << 8 | trace[i];
    return s->share >= 1 || (double)(x >> 1) < s->share * 9223372036854775808.0;
}

static void draw_id(struct random *random, uint8_t *id, size_t n)
{
    do {
        for (size_t i = 0; i < n; i += 8) {
            uint64_t v = random_next(random);

            memcpy(id + i, &v, 8);
        }
    } while (bytes_is_zero(bytes_of(id, n)));
}

bool traced_wanted(const struct node *node)
{
    return node->host->tracer.watchers != NULL && !node->log.unwatched;
}

void traced_begin(const struct node *node, struct traced *t, const struct bytes *parent)
{
    const struct trace_sampler *s = &node->host->tracer.sampler;
    struct random *random = &node->host->loop->random;
    bool sampled = false;

    *t = (struct traced){ 0 };
    if (!traced_wanted(node))
        return;
    t->has_parent = parent != NULL && s->reads_parent && traceparent_read(*parent, t->trace, t->parent, &sampled);
    if (!t->has_parent)
        draw_id(random, t->trace, sizeof(t->trace));
    if (!t->has_parent || !s->follows_parent)
        sampled = trace_sampled(s, t->trace);
    if (!sampled)
        return;
    draw_id(random, t->id, sizeof(t->id));
    t->start = wall_now(&node->host->loop->clock);
}

void traced_end(const struct node *node, struct traced *t, const struct traced_end *end)
{
    struct traced_span s = { node, t, end, 0 };

    if (t->start == 0)
        return;
    s.ended = wall_now(&node->host->loop->clock);
    for (struct trace_watcher *w = node->host->tracer.watchers; w != NULL; w = w->next)
        w->on_span(w, &s);
    t->start = 0;
}
