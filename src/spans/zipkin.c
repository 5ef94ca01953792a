/* SPDX-License-Identifier: Apache-2.0 */
/* A list is read span by span into one struct, which is used again, and each becomes a span of the request at once; the
 * other way likewise. So no more is in memory than the list, the request and one span. */
#include "spans/zipkin.h"

#include "otlp/view.h"

#include <arpa/inet.h>
#include <uv.h>

void zipkin_span_clear(struct zipkin_span *z)
{
    struct zipkin_span kept = {
        .annotations = z->annotations, .tags = z->tags, .arena = z->arena, .common.arena = z->common.arena
    };

    arena_reset(&kept.arena);
    arena_reset(&kept.common.arena);
    tags_clear(&kept.tags);
    kept.annotations.n = 0;
    *z = kept;
}

void zipkin_span_free(struct zipkin_span *z)
{
    vec_free(&z->annotations);
    tags_free(&z->tags);
    arena_free(&z->arena);
    arena_free(&z->common.arena);
}

bool zipkin_address(struct bytes text, char *to)
{
    int family = text.len > 0 && memchr(text.data, ':', text.len) != NULL ? AF_INET6 : AF_INET;
    char given[ZIPKIN_ADDRESS_SIZE];
    uint8_t address[16];

    if (text.len == 0 || text.len >= sizeof(given))
        return false;
    memcpy(given, text.data, text.len);
    given[text.len] = '\0';
    return inet_pton(family, given, address) == 1 && inet_ntop(family, address, to, ZIPKIN_ADDRESS_SIZE) != NULL;
}

int zipkin_read(enum zipkin_form form, struct bytes list, size_t most, struct buf *request, struct error *err)
{
    struct span_groups groups = { .out = request };
    int rc =
        form == ZIPKIN_JSON ? zipkin_json_read(list, most, &groups, err) : zipkin_proto_read(list, most, &groups, err);

    span_groups_end(&groups);
    if (rc == 0 && request->len > most)
        rc = UV_E2BIG;
    if (rc == UV_E2BIG)
        error_set(err, rc, "as OTLP it has more than %zu bytes", most);
    return rc;
}

struct writing {
    enum zipkin_form form;
    struct zipkin_span span;
    struct buf *list;
    size_t most;
    uint64_t left_out;
    bool any;
};

static void write_span(struct writing *w, struct bytes resource, struct bytes scope, struct bytes span)
{
    if (!zipkin_from_otlp(resource, scope, span, &w->span)) {
        w->left_out++;
        return;
    }
    if (w->form == ZIPKIN_PROTO) {
        zipkin_proto_write(&w->span, w->list);
        return;
    }
    if (w->any)
        buf_putc(w->list, ',');
    zipkin_json_write(&w->span, w->list);
    w->any = true;
}

static void write_group(struct writing *w, struct bytes group)
{
    struct bytes resource = resource_group_view(group).resource, scopes, item;
    struct pb_reader r = pb_reader(group);

    while (w->list->len <= w->most && message_next(&r, OTLP_RESOURCE_GROUP_SCOPES, &scopes)) {
        struct bytes scope = scope_group_view(scopes).scope;
        struct pb_reader items = pb_reader(scopes);

        while (w->list->len <= w->most && message_next(&items, OTLP_SCOPE_GROUP_ITEMS, &item))
            write_span(w, resource, scope, item);
    }
}

bool zipkin_write(enum zipkin_form form, struct bytes request, size_t most, struct buf *list, uint64_t *left_out)
{
    struct writing w = { .form = form, .list = list, .most = most };
    struct pb_reader r = pb_reader(request);
    struct bytes group;

    if (form == ZIPKIN_JSON)
        buf_putc(list, '[');
    while (list->len <= most && message_next(&r, OTLP_REQUEST_RESOURCES, &group))
        write_group(&w, group);
    if (form == ZIPKIN_JSON)
        buf_putc(list, ']');
    zipkin_span_free(&w.span);
    *left_out = w.left_out;
    return list->len <= most;
}
