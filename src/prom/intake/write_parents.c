/* SPDX-License-Identifier: Apache-2.0 */
/* Where a series of remote write goes: job and instance name its resource, otel_scope_* labels its scope, its name and
 * type the metric. Each is put into the assembly when the first point needs it.
 *
 * target_info is no metric: its labels are attributes of the resource of its job and instance. They may come in another
 * request than the series do, so they are remembered. */
#include "prom/intake/intake_inside.h"
#include "prom/intake/intake_unit.h"
#include "prom/intake/write_inside.h"

/* ---- labels ---- */

void attributes_encode(struct write_reading *r, unsigned field)
{
    r->attributes.len = 0;
    for (size_t i = 0; i < r->labels.pairs.all.n; i++) {
        const struct write_pair *p = &r->labels.pairs.all.v[i];

        if (p->kind == LABEL_PLAIN)
            attribute_put(&r->attributes, field, p->name, p->value);
    }
}

/* InstrumentationScope, and apart from it the schema's URL. */
static void encode_scope(struct write_reading *r, struct bytes *url)
{
    struct bytes rest;

    r->scope.len = 0;
    *url = bytes_of(NULL, 0);
    for (size_t i = 0; r->labels.of_scope && i < r->labels.pairs.all.n; i++) {
        const struct write_pair *p = &r->labels.pairs.all.v[i];

        if (p->kind != LABEL_SCOPE || !label_is_of_scope(p->name, &rest))
            continue;
        if (bytes_is(rest, "schema_url"))
            *url = p->value;
        else if (bytes_is(rest, "name"))
            pb_put_bytes(&r->scope, OTLP_SCOPE_NAME, p->value);
        else if (bytes_is(rest, "version"))
            pb_put_bytes(&r->scope, OTLP_SCOPE_VERSION, p->value);
        else
            attribute_put(&r->scope, OTLP_SCOPE_ATTRIBUTES, rest, p->value);
    }
}

/* ---- resources ---- */

static void put_named(struct buf *b, const char *name, struct bytes value)
{
    if (value.len > 0)
        attribute_put(b, OTLP_RESOURCE_ATTRIBUTES, bytes_str(name), value);
}

/* The job of one with a namespace is `namespace/name`. */
static struct bytes encode_resource(struct write_reading *r)
{
    const struct write_labels *l = &r->labels;
    const uint8_t *slash = l->job.len > 0 ? memchr(l->job.data, '/', l->job.len) : NULL;
    size_t n = slash != NULL ? (size_t)(slash - l->job.data) : 0;
    struct buf *b = &r->scratch;

    b->len = 0;
    if (n > 0 && n + 1 < l->job.len && memchr(slash + 1, '/', l->job.len - n - 1) == NULL) {
        put_named(b, "service.namespace", bytes_of(l->job.data, n));
        put_named(b, "service.name", bytes_skip(l->job, n + 1));
    } else {
        put_named(b, "service.name", l->job);
    }
    put_named(b, "service.instance.id", l->instance);
    buf_put(b, targets_find(r->w, l));
    return bytes_keep(r, buf_bytes(b));
}

static struct digest resource_key(const struct write_labels *l)
{
    return digest_bytes(digest_bytes((struct digest){ 0 }, l->job), l->instance);
}

/* Half the work of a digest in a digest: for what is no parent of others. */
static struct digest digest_mixed(struct digest in, struct digest of)
{
    return (struct digest){ in.lo ^ of.lo, in.hi ^ of.hi };
}

static bool is_last_resource(const struct write_reading *r)
{
    const struct last_parents *last = &r->last;

    return last->has_resource && bytes_equal(last->instance, r->labels.instance) &&
           bytes_equal(last->job, r->labels.job);
}

/* The resource, if it is another one than that of the series before. */
static void find_last_resource(struct write_reading *r)
{
    if (is_last_resource(r))
        return;
    r->last = (struct last_parents){ .has_resource = true,
                                     .job = r->labels.job,
                                     .instance = r->labels.instance,
                                     .resource_key = resource_key(&r->labels) };
}

static void find_last_scope(struct write_reading *r, struct bytes *url)
{
    struct last_parents *last = &r->last;

    encode_scope(r, url);
    if (last->has_scope && bytes_equal(buf_bytes(&r->scope), buf_bytes(&r->last_scope)) && bytes_equal(*url, last->url))
        return;
    last->scope_key = digest_bytes(digest_bytes(last->resource_key, buf_bytes(&r->scope)), *url);
    last->url = *url;
    last->has_scope = true;
    last->has_name = false;
    r->last_scope.len = 0;
    buf_put(&r->last_scope, buf_bytes(&r->scope));
}

static void find_last_name(struct write_reading *r)
{
    struct last_parents *last = &r->last;

    if (last->has_name && bytes_equal(last->name, r->labels.name))
        return;
    last->name = r->labels.name;
    last->name_key = digest_bytes(last->scope_key, last->name);
    last->has_name = true;
    last->data = NULL;
}

void parents_open(struct write_reading *r, struct series_parents *p)
{
    *p = (struct series_parents){ .encoded = WRITE_GAUGE };
    find_last_resource(r);
    find_last_scope(r, &p->schema_url);
    find_last_name(r);
    p->resource_key = r->last.resource_key;
    p->scope_key = r->last.scope_key;
    attributes_encode(r, OTLP_NUMBER_ATTRIBUTES);
    p->key = digest_mixed(r->last.name_key, digest_plain(buf_bytes(&r->attributes)));
    table_prefetch(&r->w->seen, p->key.lo);
}

static struct message *find_resource(struct write_reading *r, const struct digest *key)
{
    bool made;
    struct message *m = assembly_find(&r->assembly, r->assembly.root, OTLP_REQUEST_RESOURCES, key, &made);

    if (made)
        m->user = assembly_put_field(&r->assembly, m, OTLP_RESOURCE_GROUP_RESOURCE, encode_resource(r));
    return m;
}

/* target_info: the other labels are attributes of its resource from now on, here too. */
void target_take(struct write_reading *r, bool ended)
{
    struct digest key = resource_key(&r->labels);
    struct message *m = assembly_known(&r->assembly, &key);

    attributes_encode(r, OTLP_RESOURCE_ATTRIBUTES);
    targets_remember(r->w, &r->labels, ended ? bytes_of(NULL, 0) : buf_bytes(&r->attributes));
    r->result.targets++;
    if (m != NULL)
        ((struct message_part *)m->user)->bytes = encode_resource(r);
}

/* ---- scopes and metrics ---- */

static struct message *find_scope(struct write_reading *r, struct series_parents *p)
{
    struct message *resource = find_resource(r, &p->resource_key);
    bool made;
    struct message *m = assembly_find(&r->assembly, resource, OTLP_RESOURCE_GROUP_SCOPES, &p->scope_key, &made);

    if (!made)
        return m;
    if (r->scope.len > 0)
        assembly_put_field(&r->assembly, m, OTLP_SCOPE_GROUP_SCOPE, bytes_keep(r, buf_bytes(&r->scope)));
    if (p->schema_url.len > 0)
        assembly_put_field(&r->assembly, m, OTLP_SCOPE_GROUP_SCHEMA_URL, p->schema_url);
    return m;
}

static void put_head(struct write_reading *r, struct message *m)
{
    struct buf *b = &r->scratch;

    b->len = 0;
    pb_put_bytes(b, OTLP_METRIC_NAME, r->labels.name);
    if (r->family.help.len > 0)
        pb_put_bytes(b, OTLP_METRIC_DESCRIPTION, r->family.help);
    if (r->family.unit.len > 0)
        unit_put(b, OTLP_METRIC_UNIT, r->family.unit);
    assembly_put(&r->assembly, m, bytes_keep(r, buf_bytes(b)));
}

static struct message *make_metric(struct write_reading *r, struct message *m, enum write_kind kind,
                                   enum page_type type)
{
    static const uint32_t fields[WRITE_KINDS] = { OTLP_METRIC_GAUGE, OTLP_METRIC_SUM, OTLP_METRIC_EXPONENTIAL,
                                                  OTLP_METRIC_HISTOGRAM };
    static const uint8_t cumulative[] = { PB_TAG(OTLP_DATA_TEMPORALITY, PB_VARINT), OTLP_TEMPORALITY_CUMULATIVE,
                                          PB_TAG(OTLP_DATA_MONOTONIC, PB_VARINT), 1 };
    struct buf *b = &r->scratch;
    struct message *data;

    put_head(r, m);
    data = assembly_add(&r->assembly, m, fields[kind]);
    if (kind != WRITE_GAUGE)
        assembly_put(&r->assembly, data, bytes_of(cumulative, kind == WRITE_COUNTER ? 4 : 2));
    b->len = 0;
    attribute_put(b, OTLP_METRIC_METADATA, bytes_str("prometheus.type"), bytes_str(page_type_names[type]));
    assembly_put(&r->assembly, m, bytes_keep(r, buf_bytes(b)));
    return data;
}

static struct message *find_data(struct write_reading *r, struct series_parents *p, enum write_kind kind,
                                 enum page_type type)
{
    struct message *scope = find_scope(r, p), *m;
    struct digest key = digest_bytes(digest_number(p->scope_key, (uint64_t)kind << 8 | (uint64_t)type), r->labels.name);
    bool made;

    m = assembly_find(&r->assembly, scope, OTLP_SCOPE_GROUP_ITEMS, &key, &made);
    if (made)
        m->user = make_metric(r, m, kind, type);
    return m->user;
}

struct message *parents_data(struct write_reading *r, struct series_parents *p, enum write_kind kind)
{
    enum page_type type = kind >= WRITE_EXPONENTIAL ? PAGE_HISTOGRAM : p->type;
    struct last_parents *last = &r->last;

    if (last->data == NULL || last->kind != kind || last->type != type) {
        last->data = find_data(r, p, kind, type);
        last->kind = kind;
        last->type = type;
    }
    return last->data;
}
