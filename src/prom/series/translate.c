/* SPDX-License-Identifier: Apache-2.0 */
/* How attributes become labels.
 *
 * Attributes are gathered in a list, sorted by key (of one key the last stays; where a promoted attribute of the
 * resource has the key of one of the point's, the latter is called exported_<name>), and given names and values in one
 * scratch text. Those that come to one name are joined. Then come the labels that the exporter gives: of the scope,
 * job and instance, and `le` or `quantile` from the exposition; an attribute of such a name makes way as
 * `exported_...`. Constant labels come last, where there is none of their name. The list is rendered sorted by name.
 *
 * Mostly a point's own names and those that all series of its scope share have nothing in common, and the two are kept
 * apart. Only where a name is in both, the own labels are made once more, with all the rest, as the whole set.
 *
 * What can go wrong: an attribute that leaves no label name, or one that begins with `__`, fails its point; of a
 * resource or scope it is left out. */
#include "prom/series/translate.h"

#include "otlp/any_value.h"
#include "otlp/fields.h"

#include <stdlib.h>

#define EXPORTED "exported_"
#define LABELS_MAX 256         /* of one series: with more of them the point is refused, so that sorting stays short */
#define LABEL_BYTES_MAX 16384u /* of its own labels together: every line of a histogram repeats them */

/* One label on its way. Name and value are offsets into the scratch text. */
struct translated {
    struct bytes key; /* original; sorts labels that become one */
    struct bytes raw; /* AnyValue */
    size_t name_at, name_len, value_at, value_len;
    uint32_t order;
    bool promoted; /* it is the resource's */
    bool exported; /* its name is exported_<name> */
    bool gone;
};

void translator_free(struct translator *s)
{
    vec_free(&s->all);
    buf_free(&s->text);
}

static void begin_labels(struct translator *s)
{
    s->all.n = 0;
    s->text.len = 0;
    s->too_many = false;
}

/* ---- which attributes ---- */

static bool is_service(struct bytes key)
{
    return bytes_is(key, "service.name") || bytes_is(key, "service.namespace") || bytes_is(key, "service.instance.id");
}

static bool is_promoted(const struct translation *t, struct bytes key)
{
    if (!t->promote || (t->leave_service_out && is_service(key)))
        return false;
    return (t->n_included == 0 || bytes_match_any(key, t->included, t->n_included)) &&
           !bytes_match_any(key, t->excluded, t->n_excluded);
}

/* ---- the list ---- */

static void add_attribute(struct translator *s, struct attribute a, bool promoted)
{
    struct translated x = { .key = a.key, .raw = a.value, .order = (uint32_t)s->all.n, .promoted = promoted };

    if (s->all.n < LABELS_MAX)
        *vec_push(&s->all) = x;
    else
        s->too_many = true;
}

static void add_promoted(struct translator *s, const struct translation *t, struct bytes resource)
{
    struct pb_reader r = pb_reader(resource);

    for (struct attribute a; t->promote && attribute_next(&r, OTLP_RESOURCE_ATTRIBUTES, &a);)
        if (is_promoted(t, a.key))
            add_attribute(s, a, true);
}

static int by_key(const void *a, const void *b)
{
    const struct translated *x = a, *y = b;
    int c = bytes_compare(x->key, y->key);

    return c != 0 ? c : x->order < y->order ? -1 : 1;
}

static struct bytes name_of(const struct translator *s, const struct translated *x)
{
    return bytes_of(s->text.data + x->name_at, x->name_len);
}

static struct bytes value_of(const struct translator *s, const struct translated *x)
{
    return bytes_of(s->text.data + x->value_at, x->value_len);
}

static int by_name(const void *a, const void *b, void *arg)
{
    const struct translated *x = a, *y = b;
    int c = bytes_compare(name_of(arg, x), name_of(arg, y));

    return c != 0 ? c : x->order < y->order ? -1 : 1;
}

/* Labels of one name stay in the order they have. */
static void sort_by_name(struct translator *s)
{
    for (size_t i = 0; i < s->all.n; i++)
        s->all.v[i].order = (uint32_t)i;
    if (s->all.n > 1)
        qsort_r(s->all.v, s->all.n, sizeof(*s->all.v), by_name, s);
}

static void squeeze_labels(struct translator *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->all.n; i++)
        if (!s->all.v[i].gone)
            s->all.v[n++] = s->all.v[i];
    s->all.n = n;
}

/* Of several attributes of one key the last stays; but a point's own that says something else than its resource's makes
 * way for it. */
static void drop_repeated_keys(struct translator *s)
{
    for (size_t i = 0; i + 1 < s->all.n; i++) {
        struct translated *x = &s->all.v[i];
        const struct translated *next = &s->all.v[i + 1];

        if (!bytes_equal(x->key, next->key))
            continue;
        x->exported = next->promoted && !x->promoted && !bytes_equal(x->raw, next->raw);
        x->gone = !x->exported;
        s->displaced += x->exported;
    }
    squeeze_labels(s);
}

static void sort_by_key(struct translator *s)
{
    if (s->all.n > 1)
        qsort(s->all.v, s->all.n, sizeof(*s->all.v), by_key);
    drop_repeated_keys(s);
}

static bool put_label_name(struct buf *out, const struct translation *t, struct bytes key)
{
    return t->collapse_labels ? name_label_collapsed(out, t->strategy, key) : name_label(out, t->strategy, key);
}

static bool put_name(struct translator *s, const struct translation *t, struct translated *x)
{
    x->name_at = s->text.len;
    if (x->exported)
        buf_puts(&s->text, EXPORTED);
    if (!put_label_name(&s->text, t, x->key))
        return false;
    x->name_len = s->text.len - x->name_at;
    return x->name_len < 2 || memcmp(s->text.data + x->name_at, "__", 2) != 0; /* reserved */
}

static void put_value(struct translator *s, struct translated *x)
{
    x->value_at = s->text.len;
    any_value_put(&s->text, x->raw);
    x->value_len = s->text.len - x->value_at;
}

/* Names and values into the text. False when a label has no name; with `lenient`, it is left out instead. */
static bool put_texts(struct translator *s, const struct translation *t, bool lenient)
{
    for (size_t i = 0; i < s->all.n; i++) {
        bool left_out = t->collapse_labels && bytes_is(s->all.v[i].key, "__name__");

        s->all.v[i].gone = left_out || !put_name(s, t, &s->all.v[i]);
        if (s->all.v[i].gone && !left_out && !lenient)
            return false;
        put_value(s, &s->all.v[i]);
    }
    squeeze_labels(s);
    return true;
}

/* Labels that came to one name become one: their values in the order of their keys, `;` between. */
static void join_equal(struct translator *s)
{
    sort_by_name(s);
    for (size_t i = 0, k; i < s->all.n; i = k) {
        struct translated *x = &s->all.v[i];
        size_t at = s->text.len;

        for (k = i + 1; k < s->all.n && bytes_equal(name_of(s, &s->all.v[k]), name_of(s, x)); k++)
            s->all.v[k].gone = true;
        if (k == i + 1)
            continue;
        for (size_t j = i; j < k; j++) {
            buf_puts(&s->text, j > i ? ";" : "");
            buf_reserve(&s->text, s->all.v[j].value_len);
            buf_put(&s->text, value_of(s, &s->all.v[j]));
        }
        x->value_at = at;
        x->value_len = s->text.len - at;
    }
    squeeze_labels(s);
}

static bool has_name(const struct translator *s, struct bytes name)
{
    for (size_t i = 0; i < s->all.n; i++)
        if (bytes_equal(name_of(s, &s->all.v[i]), name))
            return true;
    return false;
}

/* Name and value as they are. */
static void add_plain(struct translator *s, struct bytes name, struct bytes value)
{
    struct translated x = { .order = (uint32_t)s->all.n, .name_len = name.len, .value_len = value.len };

    x.name_at = s->text.len;
    buf_put(&s->text, name);
    x.value_at = s->text.len;
    buf_put(&s->text, value);
    *vec_push(&s->all) = x;
}

/* Another label has its name. */
static bool is_taken(const struct translator *s, const struct translated *x)
{
    for (size_t i = 0; i < s->all.n; i++)
        if (&s->all.v[i] != x && bytes_equal(name_of(s, &s->all.v[i]), name_of(s, x)))
            return true;
    return false;
}

/* The exporter gives a label of that name. Whoever has it is exported_<name> from now on, or exported_exported_<name>
 * and so on, as Prometheus calls what clashes with the labels of its targets. */
static void displace_label(struct translator *s, struct bytes name)
{
    struct translated *x = NULL;

    for (size_t i = 0; i < s->all.n; i++)
        if (bytes_equal(name_of(s, &s->all.v[i]), name))
            x = &s->all.v[i];
    if (x == NULL)
        return;
    do {
        size_t at = s->text.len;

        (void)buf_reserve(&s->text, strlen(EXPORTED) + x->name_len); /* so that the name does not move */
        buf_puts(&s->text, EXPORTED);
        buf_put(&s->text, name_of(s, x));
        x->name_at = at;
        x->name_len = s->text.len - at;
    } while (is_taken(s, x));
}

static void add_reserved(struct translator *s, struct bytes name, struct bytes value)
{
    displace_label(s, name);
    add_plain(s, name, value);
}

/* Where no other label has their name. */
static void add_constants(struct translator *s, const struct translation *t)
{
    for (size_t i = 0; i < t->n_constants; i++)
        if (!has_name(s, t->constants[i].name))
            add_plain(s, t->constants[i].name, t->constants[i].value);
}

static void render_labels(struct translator *s, struct buf *out)
{
    struct buf list = { 0 };

    sort_by_name(s);
    for (size_t i = 0; i < s->all.n; i++)
        labels_put(&list, name_of(s, &s->all.v[i]), value_of(s, &s->all.v[i]));
    buf_put(out, buf_bytes(&list));
    buf_free(&list);
}

/* ---- the resource ---- */

void translate_job(struct job_instance *out, struct bytes resource)
{
    struct pb_reader r = pb_reader(resource);
    struct bytes name = { NULL, 0 }, space = { NULL, 0 };
    bool named = false, spaced = false;

    out->job.len = out->instance.len = 0;
    for (struct attribute a; attribute_next(&r, OTLP_RESOURCE_ATTRIBUTES, &a);) {
        if (bytes_is(a.key, "service.name")) {
            name = a.value;
            named = true;
        } else if (bytes_is(a.key, "service.namespace")) {
            space = a.value;
            spaced = true;
        } else if (bytes_is(a.key, "service.instance.id")) {
            out->instance.len = 0;
            any_value_put(&out->instance, a.value);
        }
    }
    if (!named)
        return;
    if (spaced)
        any_value_put(&out->job, space);
    if (out->job.len > 0)
        buf_putc(&out->job, '/');
    any_value_put(&out->job, name);
}

void job_instance_free(struct job_instance *j)
{
    buf_free(&j->job);
    buf_free(&j->instance);
}

static void add_job(struct translator *s, struct bytes resource)
{
    struct job_instance j = { 0 };

    translate_job(&j, resource);
    if (j.job.len > 0)
        add_reserved(s, bytes_str("job"), buf_bytes(&j.job));
    if (j.instance.len > 0)
        add_reserved(s, bytes_str("instance"), buf_bytes(&j.instance));
    job_instance_free(&j);
}

bool translate_target(struct translator *s, const struct translation *t, struct bytes resource, struct buf *out)
{
    struct pb_reader r = pb_reader(resource);
    struct job_instance j = { 0 };
    bool known;

    translate_job(&j, resource);
    known = t->target_by_either ? j.job.len > 0 || j.instance.len > 0 : j.job.len > 0 && j.instance.len > 0;
    job_instance_free(&j);
    if (!known)
        return false;
    begin_labels(s);
    for (struct attribute a; attribute_next(&r, OTLP_RESOURCE_ATTRIBUTES, &a);)
        if (!is_service(a.key))
            add_attribute(s, a, false);
    if (t->target_by_either && s->all.n == 0)
        return false;
    sort_by_key(s);
    put_texts(s, t, true);
    join_equal(s);
    add_job(s, resource);
    if (t->constants_on_target)
        add_constants(s, t);
    render_labels(s, out);
    return true;
}

/* ---- the scope ---- */

static const char *const scope_names[] = { "otel_scope_name", "otel_scope_version", "otel_scope_schema_url" };

static bool is_scope_name(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(scope_names); i++)
        if (bytes_is(name, scope_names[i]))
            return true;
    return false;
}

/* The specification drops attributes that are called like what the scope has anyway. */
static void put_scope_attributes(struct translator *s, const struct translation *t, struct bytes scope)
{
    struct pb_reader r = pb_reader(scope);
    struct buf key = { 0 };

    for (struct attribute a; attribute_next(&r, OTLP_SCOPE_ATTRIBUTES, &a);)
        add_attribute(s, a, false);
    sort_by_key(s);
    for (size_t i = 0; i < s->all.n; i++) {
        struct translated *x = &s->all.v[i];

        key.len = 0;
        buf_puts(&key, "otel_scope_");
        buf_put(&key, x->key);
        x->name_at = s->text.len;
        x->gone = !put_label_name(&s->text, t, buf_bytes(&key));
        x->name_len = s->text.len - x->name_at;
        x->gone = x->gone || is_scope_name(name_of(s, x));
        put_value(s, x);
    }
    squeeze_labels(s);
    join_equal(s);
    buf_free(&key);
}

static void put_scope(struct translator *s, const struct translation *t, const struct metric_scope *o)
{
    struct pb_reader r = pb_reader(o->scope);
    struct bytes name = { NULL, 0 }, version = { NULL, 0 };

    put_scope_attributes(s, t, o->scope);
    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == OTLP_SCOPE_NAME && f.wire == PB_LEN)
            name = f.bytes;
        else if (f.number == OTLP_SCOPE_VERSION && f.wire == PB_LEN)
            version = f.bytes;
    }
    add_plain(s, bytes_str(scope_names[0]), name);
    add_plain(s, bytes_str(scope_names[1]), version);
    add_plain(s, bytes_str(scope_names[2]), o->schema_url);
}

static void add_scope(struct translator *s, const struct translation *t, const struct metric_scope *o)
{
    struct translator scope = { 0 };

    put_scope(&scope, t, o);
    for (size_t i = 0; i < scope.all.n; i++)
        add_reserved(s, name_of(&scope, &scope.all.v[i]), value_of(&scope, &scope.all.v[i]));
    translator_free(&scope);
}

/* ---- together ---- */

/* What every series from there gets, on top of what is in the list. */
static void add_common(struct translator *s, const struct translation *t, const struct metric_scope *o)
{
    if (t->scope_labels)
        add_scope(s, t, o);
    add_job(s, o->resource);
    add_constants(s, t);
}

void translate_common(struct translator *s, const struct translation *t, const struct metric_scope *o, struct buf *out)
{
    begin_labels(s);
    add_promoted(s, t, o->resource);
    sort_by_key(s);
    put_texts(s, t, true);
    join_equal(s);
    add_common(s, t, o);
    render_labels(s, out);
}

static void add_attributes(struct translator *s, enum metric_kind kind, struct bytes attributes)
{
    struct pb_reader r = pb_reader(attributes);

    for (struct attribute a; attribute_next(&r, point_attributes_field(kind), &a);)
        if (a.key.len > 0) /* OTLP wants keys that are not empty: it names nothing */
            add_attribute(s, a, false);
}

/* The name that the exposition itself gives to a label of such a point's samples; empty: none. */
static struct bytes own_name(enum metric_kind kind)
{
    if (kind == METRIC_EXPLICIT || kind == METRIC_EXPONENTIAL)
        return bytes_str("le");
    return bytes_str(kind == METRIC_SUMMARY ? "quantile" : "");
}

/* Promoted attributes that cannot be labels are left out; one of the point's makes it fail. */
static void put_whole(struct translator *s, const struct translation *t, const struct metric_scope *o,
                      enum metric_kind kind, struct bytes attributes, struct buf *out)
{
    begin_labels(s);
    add_attributes(s, kind, attributes);
    add_promoted(s, t, o->resource);
    sort_by_key(s);
    put_texts(s, t, true);
    join_equal(s);
    add_common(s, t, o);
    displace_label(s, own_name(kind));
    render_labels(s, out);
}

const char *translate_point(struct translator *s, const struct translation *t, const struct metric_scope *o,
                            struct bytes common, enum metric_kind kind, struct bytes attributes, struct buf *out,
                            bool *whole)
{
    begin_labels(s);
    add_attributes(s, kind, attributes);
    sort_by_key(s);
    if (s->too_many)
        return TRANSLATE_TOO_LONG;
    if (!put_texts(s, t, false))
        return TRANSLATE_BAD_LABEL;
    if (s->text.len > LABEL_BYTES_MAX)
        return TRANSLATE_TOO_LONG;
    join_equal(s);
    displace_label(s, own_name(kind));
    render_labels(s, out);
    *whole = labels_share_name(common, buf_bytes(out)) || (kind > METRIC_SUM && labels_have(common, own_name(kind)));
    if (*whole) {
        out->len = 0;
        put_whole(s, t, o, kind, attributes, out);
    }
    return NULL;
}
