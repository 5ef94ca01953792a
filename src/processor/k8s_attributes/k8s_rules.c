/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns are compiled for the whole key, selectors written as the API server reads them, and from what is asked for
 * follows which kinds of objects have to be watched. */
#include "processor/k8s_attributes/k8s_rules.h"

#include <assert.h>
#include <stdlib.h>

/* ---- what is compiled ---- */

static struct regex *compile_pattern(const char *pattern)
{
    struct regex *r = regex_new(pattern, NULL);

    assert(r != NULL); /* it was checked */
    return r;
}

static void add_rule(struct k8s_rules *r, struct k8s_rule *to, const struct k8s_rule_config *c)
{
    char *key = arena_strdup(&r->memory, c->key);
    char *whole = c->key_regex[0] != '\0' ? mem_printf("^(?:%s)$", c->key_regex) : NULL;

    to->tag_name = arena_strdup(&r->memory, c->tag_name);
    to->key = bytes_str(key);
    to->from = (enum k8s_from)c->from;
    to->pattern = whole != NULL ? compile_pattern(whole) : NULL;
    free(whole);
}

static struct k8s_rule_list make_rules(struct k8s_rules *r, const struct option_list *from,
                                       const struct k8s_rule_config *more)
{
    struct k8s_rule_list list = { .n = from->n + (more != NULL) };
    const struct k8s_rule_config *c = from->v;

    list.v = arena_zalloc(&r->memory, (list.n + 1) * sizeof(*list.v));
    for (size_t i = 0; i < from->n; i++)
        add_rule(r, &list.v[i], &c[i]);
    if (more != NULL)
        add_rule(r, &list.v[from->n], more);
    return list;
}

static void free_rules(struct k8s_rule_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        regex_free(list->v[i].pattern);
}

static void make_associations(struct k8s_rules *r, const struct option_list *from)
{
    const struct k8s_association_config *c = from->v;

    r->n_associations = from->n;
    r->associations = arena_zalloc(&r->memory, (from->n + 1) * sizeof(*r->associations));
    for (size_t i = 0; i < from->n; i++) {
        struct k8s_association *a = &r->associations[i];
        const struct k8s_source_config *s = c[i].sources.v;

        a->n = c[i].sources.n;
        a->told = "";
        for (size_t k = 0; k < a->n; k++) {
            bool connection = s[k].from == K8S_CONNECTION;

            a->source[k].connection = connection;
            a->source[k].name = bytes_str(connection ? "" : arena_strdup(&r->memory, s[k].name));
            a->told = arena_printf(&r->memory, "%s%s%s%s", a->told, k > 0 ? "+" : "",
                                   connection ? "connection" : "resource_attribute/", connection ? "" : s[k].name);
        }
    }
}

static void make_excluded(struct k8s_rules *r, const struct k8s_exclude_config *c)
{
    static const struct k8s_exclude_pod_config usual[] = { { "jaeger-agent" }, { "jaeger-collector" } };
    const struct k8s_exclude_pod_config *v = c->pods.n > 0 ? c->pods.v : usual;

    r->n_excluded = c->pods.n > 0 ? c->pods.n : ARRAY_LEN(usual);
    r->excluded = arena_alloc(&r->memory, r->n_excluded * sizeof(struct regex *));
    for (size_t i = 0; i < r->n_excluded; i++)
        r->excluded[i] = compile_pattern(v[i].name);
}

/* ---- selectors ---- */

static void put_comma(struct buf *out)
{
    if (out->len > 0)
        buf_putc(out, ',');
}

static void put_labels(struct buf *out, const struct option_list *labels)
{
    const struct k8s_match_config *v = labels->v;

    for (size_t i = 0; i < labels->n; i++) {
        put_comma(out);
        switch ((enum k8s_op)v[i].op) {
        case K8S_EXISTS:
            buf_puts(out, v[i].key);
            break;
        case K8S_MISSING:
            buf_printf(out, "!%s", v[i].key);
            break;
        default:
            buf_printf(out, "%s%s%s", v[i].key, v[i].op == K8S_NOT_EQUALS ? "!=" : "=", v[i].value);
        }
    }
}

static void put_field(struct buf *out, const char *key, const char *op, const char *value)
{
    put_comma(out);
    buf_printf(out, "%s%s", key, op);
    for (const char *p = value; *p != '\0'; p++) {
        if (strchr("\\,=", *p) != NULL)
            buf_putc(out, '\\');
        buf_putc(out, *p);
    }
}

static void make_filter(struct k8s_rules *r, const struct k8s_filter_config *c)
{
    const char *env = c->node_from_env_var[0] != '\0' ? getenv(c->node_from_env_var) : NULL;
    const struct k8s_match_config *v = c->fields.v;
    struct buf labels = { 0 }, fields = { 0 };

    r->node = arena_strdup(&r->memory, env != NULL ? env : c->node);
    r->namespace = arena_strdup(&r->memory, c->namespace);
    put_labels(&labels, &c->labels);
    for (size_t i = 0; i < c->fields.n; i++)
        put_field(&fields, v[i].key, v[i].op == K8S_NOT_EQUALS ? "!=" : "=", v[i].value);
    if (r->node[0] != '\0')
        put_field(&fields, "spec.nodeName", "=", r->node);
    r->label_selector = arena_strdup(&r->memory, buf_cstr(&labels));
    r->field_selector = arena_strdup(&r->memory, buf_cstr(&fields));
    buf_free(&labels);
    buf_free(&fields);
}

/* ---- what is watched ---- */

static bool has_rule(const struct k8s_rules *r, enum k8s_from from)
{
    for (size_t i = 0; i < r->labels.n; i++)
        if (r->labels.v[i].from == from)
            return true;
    for (size_t i = 0; i < r->annotations.n; i++)
        if (r->annotations.v[i].from == from)
            return true;
    return false;
}

static void choose_kinds(struct k8s_rules *r, bool name_from_replicaset)
{
    for (int i = K8S_NAMESPACE; i < K8S_FROMS; i++)
        r->watched[i] = has_rule(r, (enum k8s_from)i);
    r->whole_cluster = r->watched[K8S_NAMESPACE];
    r->watched[K8S_POD] = true;
    r->watched[K8S_NAMESPACE] |= k8s_rules_want(r, FIELD_CLUSTER_UID);
    r->watched[K8S_NODE] |= k8s_rules_want(r, FIELD_NODE_UID);
    r->watched[K8S_JOB] |= k8s_rules_want(r, FIELD_CRONJOB_UID);
    r->watched[K8S_REPLICASET] = r->watched[K8S_DEPLOYMENT] || k8s_rules_want(r, FIELD_DEPLOYMENT_UID) ||
                                 (!name_from_replicaset && k8s_rules_want(r, FIELD_DEPLOYMENT_NAME));
    r->late = r->watched[K8S_REPLICASET] || r->watched[K8S_JOB] || k8s_rules_want(r, FIELD_CLUSTER_UID);
}

void k8s_rules_init(struct k8s_rules *r, const struct k8s_config *c)
{
    static const struct k8s_rule_config otel = { "$1", "", "resource\\.opentelemetry\\.io/(.+)", K8S_POD };

    *r = (struct k8s_rules){ .auth = (enum k8s_auth)c->auth_type, .grace = (uint64_t)c->pod_delete_grace_period.ns };
    for (size_t i = 0; i < c->extract.metadata.n; i++)
        for (unsigned f = 0; f < K8S_FIELDS; f++)
            if (strcmp(c->extract.metadata.v[i], k8s_field_names[f]) == 0)
                r->fields |= 1ull << f;
    r->context = arena_strdup(&r->memory, c->context);
    r->labels = make_rules(r, &c->extract.labels, NULL);
    r->annotations = make_rules(r, &c->extract.annotations, c->extract.otel_annotations ? &otel : NULL);
    make_associations(r, &c->pod_association);
    make_excluded(r, &c->exclude);
    make_filter(r, &c->filter);
    choose_kinds(r, c->extract.deployment_name_from_replicaset);
}

void k8s_rules_free(struct k8s_rules *r)
{
    free_rules(&r->labels);
    free_rules(&r->annotations);
    for (size_t i = 0; i < r->n_excluded; i++)
        regex_free(r->excluded[i]);
    arena_free(&r->memory);
}

/* ---- labels and annotations ---- */

struct tag_target {
    struct k8s_tags *tags;
    const char *default_name; /* in front of the key */
};

static struct bytes default_name(const struct tag_target *p, struct bytes key)
{
    const char *name = arena_printf(&p->tags->scratch, "%s%.*s", p->default_name, (int)key.len, (const char *)key.data);

    return bytes_str(name);
}

static void take_by_pattern(const struct k8s_rule *rule, const struct json_node *map, const struct tag_target *p)
{
    struct bytes found[REGEX_MAX_GROUPS + 1];
    bool named = rule->tag_name[0] != '\0' && regex_groups(rule->pattern) > 0;
    struct buf *name = &p->tags->name;

    json_each (l, map) {
        if (l->kind != JSON_STRING || l->text.len == 0 || !regex_find(rule->pattern, l->key, found))
            continue;
        if (!named) {
            k8s_tags_set(p->tags, default_name(p, l->key), l->text);
            continue;
        }
        name->len = 0;
        regex_expand(rule->pattern, bytes_str(rule->tag_name), found, name);
        k8s_tags_set(p->tags, bytes_str(arena_strndup(&p->tags->scratch, name->data, name->len)), l->text);
    }
}

static void take_by_key(const struct k8s_rule *rule, const struct json_node *map, const struct tag_target *p)
{
    json_each (l, map) {
        if (l->kind != JSON_STRING || !bytes_equal(l->key, rule->key))
            continue;
        k8s_tags_set(p->tags, rule->tag_name[0] != '\0' ? bytes_str(rule->tag_name) : default_name(p, l->key), l->text);
    }
}

static void take_tags(const struct k8s_rule_list *list, enum k8s_from from, const struct json_node *map,
                      const struct tag_target *p)
{
    if (map == NULL || map->kind != JSON_OBJECT)
        return;
    for (size_t i = 0; i < list->n; i++) {
        if (list->v[i].from != from)
            continue;
        if (list->v[i].pattern != NULL)
            take_by_pattern(&list->v[i], map, p);
        else
            take_by_key(&list->v[i], map, p);
    }
}

void k8s_rules_labels(const struct k8s_rules *r, enum k8s_from from, const struct json_node *root,
                      struct k8s_tags *tags)
{
    static const char *const names[K8S_FROMS] = {
        "k8s.pod.labels.",        "k8s.namespace.labels.", "k8s.node.labels.", "k8s.deployment.label.",
        "k8s.statefulset.label.", "k8s.daemonset.label.",  "k8s.job.label.",
    };

    take_tags(&r->labels, from, json_at(root, "metadata.labels"), &(struct tag_target){ tags, names[from] });
}

void k8s_rules_annotations(const struct k8s_rules *r, enum k8s_from from, const struct json_node *root,
                           struct k8s_tags *tags)
{
    static const char *const names[K8S_FROMS] = {
        "k8s.pod.annotations.",       "k8s.namespace.annotations.",  "k8s.node.annotations.",
        "k8s.deployment.annotation.", "k8s.statefulset.annotation.", "k8s.daemonset.annotation.",
        "k8s.job.annotation.",
    };

    take_tags(&r->annotations, from, json_at(root, "metadata.annotations"), &(struct tag_target){ tags, names[from] });
}
