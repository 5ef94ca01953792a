/* SPDX-License-Identifier: Apache-2.0 */
/* Where points go: the resource that job and instance name, the scope that the otel_scope_* labels name, the metric.
 * Each is made when the first line needs it, with the bytes that it is sent as, and goes with the last point that is in
 * it. In each piece those that get points are put into the assembly once more, as copies.
 *
 * What can go wrong: the table is too crowded for one more. Then it is NULL, and the series is refused. */
#include "base/mem.h"
#include "base/unconst.h"
#include "prom/intake/intake_inside.h"
#include "prom/intake/intake_unit.h"

#include <arpa/inet.h>
#include <stdlib.h>

/* ---- bytes ---- */

void attribute_put(struct buf *b, unsigned number, struct bytes name, struct bytes value)
{
    size_t any = pb_len_size(value.len), key_value = pb_len_size(name.len) + pb_len_size(any);
    uint8_t *p = buf_reserve(b, key_value + 16);

    p = pb_put_head_at(p, number, key_value);
    p = pb_put_head_at(p, OTLP_KEY_VALUE_KEY, name.len);
    if (name.len > 0)
        memcpy(p, name.data, name.len);
    p = pb_put_head_at(p + name.len, OTLP_KEY_VALUE_VALUE, any);
    p = pb_put_head_at(p, OTLP_ANY_STRING, value.len);
    if (value.len > 0)
        memcpy(p, value.data, value.len);
    b->len = (size_t)(p + value.len - b->data);
}

static struct bytes keep_bytes(struct intake *in, struct bytes b)
{
    budget_charge(in->store->budget, b.len);
    series_limit_grow(&in->store->limit, in->sender, b.len);
    return b.len == 0 ? b : bytes_of(memcpy(mem_alloc(b.len), b.data, b.len), b.len);
}

static void drop_bytes(struct intake *in, struct bytes b)
{
    budget_give(in->store->budget, b.len);
    series_limit_shrink(&in->store->limit, in->sender, b.len);
    if (b.len > 0)
        free_const(b.data);
}

/* ---- identities ---- */

static struct identity *find_identity(struct take *t, struct identity *parent, enum identity_kind kind,
                                      struct bytes raw, struct identity_key *k)
{
    *k = (struct identity_key){ .parent = parent,
                                .raw = raw,
                                .hash = identity_hash(parent->hash ^ (uint64_t)kind, raw) };
    return identity_find(&t->in->store->known, k);
}

/* `size`: of the struct that begins with the identity and ends with its raw bytes. */
static struct identity *make_identity(struct take *t, const struct identity_key *k, enum identity_kind kind,
                                      size_t size)
{
    struct identity *id = mem_zalloc(size + k->raw.len);

    identity_init(id, k, kind, size);
    if (!table_insert(&t->in->store->known, id, k->hash)) {
        free(id);
        return NULL;
    }
    budget_charge(t->in->store->budget, size + k->raw.len);
    return id;
}

static void free_identity(struct intake *in, struct identity *id)
{
    table_remove(&in->store->known, id, id->hash);
    budget_give(in->store->budget, id->raw_at + (uint64_t)id->raw_len);
    free(id);
}

/* ---- resources ---- */

/* Host and port of `host:port` and `[host]:port`; false: it is only a host. As net.SplitHostPort of Go. */
static bool split_instance(struct bytes instance, struct bytes *host, struct bytes *port)
{
    const uint8_t *colon = instance.len > 0 ? memrchr(instance.data, ':', instance.len) : NULL;
    size_t n = colon != NULL ? (size_t)(colon - instance.data) : 0;

    *host = instance;
    *port = (struct bytes){ NULL, 0 };
    if (colon == NULL)
        return false;
    *host = bytes_of(instance.data, n);
    *port = bytes_of(colon + 1, instance.len - n - 1);
    if (n > 1 && host->data[0] == '[' && host->data[n - 1] == ']') {
        *host = bytes_of(host->data + 1, n - 2);
        return true;
    }
    if (memchr(host->data, ':', n) != NULL || memchr(host->data, '[', n) != NULL ||
        memchr(host->data, ']', n) != NULL) {
        *host = instance;
        *port = (struct bytes){ NULL, 0 };
        return false;
    }
    return true;
}

/* It tells this host from others. */
static bool is_discernible(struct bytes host)
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr four;
    struct in6_addr six;

    if (bytes_is(host, "localhost"))
        return false;
    if (host.len >= sizeof(text))
        return true;
    memcpy(text, host.data, host.len);
    text[host.len] = '\0';
    if (inet_pton(AF_INET, text, &four) == 1)
        return ntohl(four.s_addr) >> 24 != 127 && four.s_addr != 0;
    if (inet_pton(AF_INET6, text, &six) != 1)
        return true;
    if (IN6_IS_ADDR_V4MAPPED(&six))
        return six.s6_addr[12] != 127 && memcmp(six.s6_addr + 12, "\0\0\0\0", 4) != 0;
    return !IN6_IS_ADDR_LOOPBACK(&six) && !IN6_IS_ADDR_UNSPECIFIED(&six);
}

static void put_resource_attribute(struct buf *b, const char *name, struct bytes value)
{
    attribute_put(b, OTLP_RESOURCE_ATTRIBUTES, bytes_str(name), value);
}

struct out_resource *out_resource_get(struct take *t, struct bytes job, struct bytes instance)
{
    struct buf *b = &t->scratch;
    struct identity_key k;
    struct identity *id;
    struct out_resource *r;
    struct bytes host, port;

    b->len = 0;
    buf_put(b, job);
    buf_putc(b, '\0');
    buf_put(b, instance);
    id = find_identity(t, &t->in->id, OF_RESOURCE, buf_bytes(b), &k);
    if (id != NULL)
        return container_of(id, struct out_resource, id);
    id = make_identity(t, &k, OF_RESOURCE, offsetof(struct out_resource, raw));
    if (id == NULL)
        return NULL;
    r = container_of(id, struct out_resource, id);
    b->len = 0;
    put_resource_attribute(b, "service.name", job);
    split_instance(instance, &host, &port);
    if (is_discernible(host))
        put_resource_attribute(b, "server.address", host);
    put_resource_attribute(b, "service.instance.id", instance);
    put_resource_attribute(b, "server.port", port);
    put_resource_attribute(b, "url.scheme", t->in->scheme);
    buf_put(b, t->in->extra);
    r->attributes = keep_bytes(t->in, buf_bytes(b));
    return r;
}

static void drop_resource(struct intake *in, struct out_resource *r)
{
    drop_bytes(in, r->attributes);
    vec_free(&r->infos);
    free_identity(in, &r->id);
}

static struct message *resource_message(struct take *t, struct out_resource *r)
{
    struct bytes attributes;
    struct message *m;

    if (r->piece == t->piece)
        return r->message;
    attributes = pieces_copy(t, r->piece, r->attributes);
    r->piece = t->piece;
    r->message = assembly_add(&t->assembly, t->assembly.root, OTLP_REQUEST_RESOURCES);
    m = assembly_add(&t->assembly, r->message, OTLP_RESOURCE_GROUP_RESOURCE);
    assembly_put(&t->assembly, m, attributes);
    m->user = r;
    *vec_push(&t->resources) = m;
    return r->message;
}

/* ---- scopes ---- */

#define SCOPE_PREFIX "otel_scope_"

static struct bytes scope_part(const struct label_set *labels, const char *name)
{
    return label_set_get(labels, bytes_str(name));
}

/* The label is of the scope; *rest is its name without the prefix. */
bool label_is_of_scope(struct bytes name, struct bytes *rest)
{
    size_t n = sizeof(SCOPE_PREFIX) - 1;

    if (name.len < n || memcmp(name.data, SCOPE_PREFIX, n) != 0)
        return false;
    *rest = bytes_skip(name, n);
    return true;
}

/* As it is sent; false: no label names one. */
static bool put_scope(struct buf *b, const struct label_set *labels)
{
    static const struct bytes own[] = { BYTES_LIT("name"), BYTES_LIT("version"), BYTES_LIT("schema_url") };
    struct bytes rest;
    bool any = false;

    for (size_t i = 0; i < ARRAY_LEN(own) - 1; i++) {
        struct bytes v = scope_part(labels, i == 0 ? SCOPE_PREFIX "name" : SCOPE_PREFIX "version");

        if (v.len > 0)
            pb_put_bytes(b, i == 0 ? OTLP_SCOPE_NAME : OTLP_SCOPE_VERSION, v);
    }
    for (size_t i = 0; i < labels->list.n; i++) {
        if (!label_is_of_scope(labels->list.v[i].name, &rest))
            continue;
        any = true;
        if (!bytes_equal(rest, own[0]) && !bytes_equal(rest, own[1]) && !bytes_equal(rest, own[2]))
            attribute_put(b, OTLP_SCOPE_ATTRIBUTES, rest, labels->list.v[i].value);
    }
    return any;
}

struct out_scope *out_scope_get(struct take *t, struct out_resource *r, const struct label_set *labels)
{
    struct bytes url = scope_part(labels, SCOPE_PREFIX "schema_url");
    struct buf *b = &t->scratch;
    struct identity_key k;
    struct identity *id;

    b->len = 0;
    if (!put_scope(b, labels))
        buf_put(b, t->in->store->scope);
    buf_put(b, url);
    id = find_identity(t, &r->id, OF_SCOPE, buf_bytes(b), &k);
    if (id != NULL && container_of(id, struct out_scope, id)->schema_len == url.len)
        return container_of(id, struct out_scope, id);
    id = make_identity(t, &k, OF_SCOPE, offsetof(struct out_scope, raw));
    if (id == NULL)
        return NULL;
    r->n_scopes++;
    container_of(id, struct out_scope, id)->schema_len = (uint32_t)url.len;
    return container_of(id, struct out_scope, id);
}

static struct out_resource *resource_of(const struct out_scope *sc)
{
    return container_of(sc->id.parent, struct out_resource, id);
}

static struct message *scope_message(struct take *t, struct out_scope *sc)
{
    size_t n = sc->id.raw_len - sc->schema_len;
    struct bytes raw;

    if (sc->piece == t->piece)
        return sc->message;
    raw = pieces_copy(t, sc->piece, identity_raw(&sc->id));
    sc->piece = t->piece;
    sc->message = assembly_add(&t->assembly, resource_message(t, resource_of(sc)), OTLP_RESOURCE_GROUP_SCOPES);
    assembly_put_field(&t->assembly, sc->message, OTLP_SCOPE_GROUP_SCOPE, bytes_of(raw.data, n));
    if (sc->schema_len > 0)
        assembly_put_field(&t->assembly, sc->message, OTLP_SCOPE_GROUP_SCHEMA_URL, bytes_skip(raw, n));
    return sc->message;
}

/* ---- metrics ---- */

static enum metric_kind kind_of(enum page_type type, bool native)
{
    if (native)
        return METRIC_EXPONENTIAL;
    switch (type) {
    case PAGE_COUNTER:
    case PAGE_INFO:
    case PAGE_STATESET:
        return METRIC_SUM;
    case PAGE_HISTOGRAM:
        return METRIC_EXPLICIT;
    case PAGE_SUMMARY:
        return METRIC_SUMMARY;
    default:
        return METRIC_NUMBER_GAUGE;
    }
}

/* What stands before the points, and what behind them. */
static void make_head(struct take *t, struct out_metric *m, const struct family_view *v)
{
    struct buf *b = &t->scratch;
    struct bytes name =
        t->in->rules->trim_suffixes ? name_trim_suffixes(v->name, m->kind == METRIC_SUM, v->unit) : v->name;

    drop_bytes(t->in, m->head);
    drop_bytes(t->in, m->tail);
    b->len = 0;
    pb_put_bytes(b, OTLP_METRIC_NAME, name);
    if (v->help.len > 0)
        pb_put_bytes(b, OTLP_METRIC_DESCRIPTION, v->help);
    if (v->unit.len > 0)
        unit_put(b, OTLP_METRIC_UNIT, v->unit);
    m->head = keep_bytes(t->in, buf_bytes(b));
    b->len = 0;
    attribute_put(b, OTLP_METRIC_METADATA, bytes_str("prometheus.type"), bytes_str(page_type_names[m->type]));
    m->tail = keep_bytes(t->in, buf_bytes(b));
    m->version = t->in->version;
}

struct out_metric *out_metric_get(struct take *t, struct out_scope *sc, const struct family_view *v, bool native)
{
    enum page_type type = native ? PAGE_HISTOGRAM : v->type;
    struct buf *b = &t->scratch;
    struct identity_key k;
    struct identity *id;
    struct out_metric *m;

    b->len = 0;
    buf_putc(b, (char)type);
    buf_putc(b, native ? 'n' : 'c');
    buf_put(b, v->name);
    id = find_identity(t, &sc->id, OF_METRIC, buf_bytes(b), &k);
    if (id == NULL) {
        id = make_identity(t, &k, OF_METRIC, offsetof(struct out_metric, raw));
        if (id == NULL)
            return NULL;
        sc->n_metrics++;
        m = container_of(id, struct out_metric, id);
        m->kind = kind_of(type, native);
        m->type = type;
        make_head(t, m, v);
        return m;
    }
    m = container_of(id, struct out_metric, id);
    if (m->version != t->in->version)
        make_head(t, m, v);
    return m;
}

static struct out_scope *scope_of(const struct out_metric *m)
{
    return container_of(m->id.parent, struct out_scope, id);
}

struct message *out_metric_data(struct take *t, struct out_metric *m)
{
    static const uint32_t fields[] = {
        [METRIC_NUMBER_GAUGE] = OTLP_METRIC_GAUGE, [METRIC_SUM] = OTLP_METRIC_SUM,
        [METRIC_EXPLICIT] = OTLP_METRIC_HISTOGRAM, [METRIC_EXPONENTIAL] = OTLP_METRIC_EXPONENTIAL,
        [METRIC_SUMMARY] = OTLP_METRIC_SUMMARY,
    };
    static const uint8_t cumulative[] = { PB_TAG(OTLP_DATA_TEMPORALITY, PB_VARINT), OTLP_TEMPORALITY_CUMULATIVE,
                                          PB_TAG(OTLP_DATA_MONOTONIC, PB_VARINT), 1 };
    struct message *message;
    uint32_t before = m->piece;

    if (before == t->piece)
        return m->data;
    m->piece = t->piece;
    message = assembly_add(&t->assembly, scope_message(t, scope_of(m)), OTLP_SCOPE_GROUP_ITEMS);
    /* copies: what is said of its family may change before the page has ended, and the head with it */
    assembly_put(&t->assembly, message, pieces_copy(t, before, m->head));
    m->data = assembly_add(&t->assembly, message, fields[m->kind]);
    assembly_put(&t->assembly, message, pieces_copy(t, before, m->tail));
    if (m->kind != METRIC_NUMBER_GAUGE && m->kind != METRIC_SUMMARY)
        assembly_put(&t->assembly, m->data, bytes_of(cumulative, m->type == PAGE_COUNTER ? 4 : 2));
    return m->data;
}

void out_resource_prune(struct intake *in, struct out_resource *r)
{
    if (r->n_scopes == 0)
        drop_resource(in, r);
}

void out_scope_prune(struct intake *in, struct out_scope *sc)
{
    struct out_resource *r = resource_of(sc);

    if (sc->n_metrics > 0)
        return;
    free_identity(in, &sc->id);
    r->n_scopes--;
    out_resource_prune(in, r);
}

void out_metric_prune(struct intake *in, struct out_metric *m)
{
    struct out_scope *sc = scope_of(m);

    if (m->n_points > 0)
        return;
    drop_bytes(in, m->head);
    drop_bytes(in, m->tail);
    free_identity(in, &m->id);
    sc->n_metrics--;
    out_scope_prune(in, sc);
}

/* ---- points ---- */

struct point_key {
    struct out_metric *metric;
    struct bytes attributes;
};

static uint64_t hash_point(const struct out_metric *m, struct bytes attributes)
{
    return identity_hash(m->id.hash ^ OF_POINT, attributes);
}

uint64_t point_hash_of(const void *entry)
{
    const struct out_point *p = entry;

    return hash_point(p->metric, point_attributes(p));
}

static bool is_point(const void *entry, const void *key)
{
    const struct out_point *p = entry;
    const struct point_key *k = key;

    return p->metric == k->metric && bytes_equal(point_attributes(p), k->attributes);
}

static size_t point_size(size_t attributes)
{
    size_t size = offsetof(struct out_point, raw) + attributes;

    return size > sizeof(struct out_point) ? size : sizeof(struct out_point);
}

static struct bytes metric_name(const struct out_metric *m)
{
    return bytes_skip(identity_raw(&m->id), 2);
}

/* A series more, of the take's labels. */
static void count_point(struct take *t, const struct out_metric *m)
{
    struct series_top *top = t->in->store->limit.top;

    series_top_made(top, metric_name(m));
    for (size_t i = 0; top != NULL && i < t->labels.list.n; i++)
        if (!bytes_is(t->labels.list.v[i].name, "__name__"))
            series_top_label(top, t->labels.list.v[i].name, t->labels.list.v[i].value);
}

struct out_point *out_point_get(struct take *t, struct out_metric *m, struct bytes attributes)
{
    const struct point_key k = { m, attributes };
    uint64_t hash = hash_point(m, attributes);
    struct out_point *p = table_find(&t->in->store->points, hash, is_point, &k);

    if (p != NULL)
        return p;
    p = slab_take(&t->in->store->slab, point_size(attributes.len));
    *p = (struct out_point){ .metric = m, .raw_len = attributes.len & 0x7fffffffu };
    if (attributes.len > 0)
        memcpy(p->raw, attributes.data, attributes.len);
    if (!table_insert(&t->in->store->points, p, hash)) {
        slab_give(&t->in->store->slab, p, point_size(attributes.len));
        return NULL;
    }
    m->n_points++;
    count_point(t, m);
    return p;
}

void out_point_release(struct intake *in, struct out_point *p)
{
    struct out_metric *m = p->metric;

    if (p->n_lines > 0 && --p->n_lines > 0)
        return;
    if (p->gathered) {
        budget_give(in->store->budget, sizeof(*p->distribution) + p->distribution->buckets.cap * sizeof(struct bucket));
        vec_free(&p->distribution->buckets);
        free(p->distribution);
    }
    table_remove(&in->store->points, p, point_hash_of(p));
    slab_give(&in->store->slab, p, point_size(p->raw_len));
    m->n_points--;
    series_top_gone(in->store->limit.top, metric_name(m));
    out_metric_prune(in, m);
}
