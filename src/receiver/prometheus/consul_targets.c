/* SPDX-License-Identifier: Apache-2.0 */
/* An instance has the address of its service, or of its node where the service has none. */
#include "receiver/prometheus/consul_targets.h"

#define META "__meta_consul_"

static bool keep_field(struct bytes parent, struct bytes key)
{
    static const char *const names[] = { "Node", "Service",   "Checks",    "ID",      "Tags",   "Address",
                                         "Port", "Namespace", "Partition", "CheckID", "Status", "Datacenter" };
    static const char *const open[] = { "Meta", "TaggedAddresses" };

    for (size_t i = 0; i < sizeof(open) / sizeof(*open); i++)
        if (bytes_is(key, open[i]) || bytes_is(parent, open[i]))
            return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (bytes_is(key, names[i]))
            return true;
    return false;
}

/* Of the catalog all names, of the agent its Config.Datacenter. */
static bool keep_all(struct bytes parent, struct bytes key)
{
    return !bytes_is(parent, "Member") && !bytes_is(key, "Stats") && !bytes_is(key, "DebugConfig") &&
           !bytes_is(key, "Coord") && !bytes_is(key, "Member") && !bytes_is(key, "xDS");
}

const struct json_node *consul_answer_read(struct bytes text, enum json_kind kind, struct arena *a, struct error *err)
{
    const struct json_tree_rules rules = {
        .max_nodes = 400000,
        .max_depth = 10,
        .keep = kind == JSON_LIST ? keep_field : keep_all,
    };
    const struct json_node *n = json_tree_parse(text, a, &rules, err);

    if (n == NULL)
        error_wrap(err, "the answer is no JSON");
    else if (n->kind != kind)
        error_set(err, UV_EINVAL, "the answer is no %s", kind == JSON_LIST ? "list" : "object");
    return n != NULL && n->kind == kind ? n : NULL;
}

static bool has_tag(const struct json_node *tags, const char *wanted)
{
    json_each (t, tags)
        if (t->kind == JSON_STRING && bytes_is(t->text, wanted))
            return true;
    return false;
}

bool consul_service_is_wanted(const struct consul_sd_config *c, const struct json_node *service)
{
    bool named = c->services.n == 0;

    for (size_t i = 0; i < c->services.n; i++)
        named |= bytes_is(service->key, c->services.v[i]);
    for (size_t i = 0; i < c->tags.n && named; i++)
        if (!has_tag(service, c->tags.v[i]))
            return false;
    return named;
}

/* ---- an instance ---- */

static bool begins_with(struct bytes s, const char *prefix)
{
    size_t n = strlen(prefix);

    return s.len >= n && memcmp(s.data, prefix, n) == 0;
}

/* The worst of its checks; "" where one says what nobody knows. */
static const char *health_of(const struct json_node *checks)
{
    static const char *const states[] = { "passing", "warning", "critical", "maintenance" };
    size_t worst = 0;

    json_each (c, checks) {
        struct bytes id = json_text_at(c, "CheckID"), status = json_text_at(c, "Status");
        size_t i = 0;

        if (bytes_is(id, "_node_maintenance") || begins_with(id, "_service_maintenance:")) {
            worst = 3;
            continue;
        }
        while (i < 3 && !bytes_is(status, states[i]))
            i++;
        if (i == 3)
            return "";
        worst = i > worst ? i : worst;
    }
    return states[worst];
}

static void put_map(struct target_group *g, const char *prefix, const struct json_node *map)
{
    json_each (m, map)
        if (m->kind == JSON_STRING)
            target_group_label(g, target_group_name(g, prefix, m->key), m->text);
}

/* The separator stands in front and behind too, so that rules need not look where a tag is. */
static void put_tags(struct target_group *g, const struct json_node *tags, const char *separator)
{
    struct buf text = { 0 };
    bool any = false;

    buf_puts(&text, separator);
    json_each (t, tags) {
        if (t->kind != JSON_STRING)
            continue;
        buf_puts(&text, any ? separator : "");
        buf_put(&text, t->text);
        any = true;
    }
    buf_puts(&text, separator);
    target_group_label(g, bytes_str(META "tags"), buf_bytes(&text));
    buf_free(&text);
}

static void add_instance(struct target_group *g, const struct json_node *i, const char *separator)
{
    struct bytes node = json_text_at(i, "Node.Address"), own = json_text_at(i, "Service.Address"),
                 port = json_text_at(i, "Service.Port");

    target_group_label(g, bytes_str(META "address"), node);
    target_group_label(g, bytes_str(META "node"), json_text_at(i, "Node.Node"));
    target_group_label(g, bytes_str(META "namespace"), json_text_at(i, "Service.Namespace"));
    target_group_label(g, bytes_str(META "partition"), json_text_at(i, "Service.Partition"));
    put_tags(g, json_at(i, "Service.Tags"), separator);
    target_group_label(g, bytes_str(META "service_address"), own);
    target_group_label(g, bytes_str(META "service_port"), port.len > 0 ? port : bytes_str("0"));
    target_group_label(g, bytes_str(META "service_id"), json_text_at(i, "Service.ID"));
    target_group_label(g, bytes_str(META "health"), bytes_str(health_of(json_at(i, "Checks"))));
    put_map(g, META "metadata_", json_at(i, "Node.Meta"));
    put_map(g, META "service_metadata_", json_at(i, "Service.Meta"));
    put_map(g, META "tagged_address_", json_at(i, "Node.TaggedAddresses"));
    (void)target_group_add(g, target_group_address(g, own.len > 0 ? own : node, port.len > 0 ? port : bytes_str("0")));
}

void consul_targets_make(const struct json_node *instances, const char *service, const char *datacenter,
                         const char *separator, struct target_group *g)
{
    target_group_begin(g);
    target_group_common(g, bytes_str(META "service"), bytes_str(service));
    target_group_common(g, bytes_str(META "dc"), bytes_str(datacenter));
    json_each (i, instances)
        if (g->fault == NULL)
            add_instance(g, i, separator);
}
