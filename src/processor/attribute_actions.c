/* SPDX-License-Identifier: Apache-2.0 */
/* The actions are checked with their paths when the configuration is read, compiled when the node is made (values
 * encoded, patterns compiled), and carried out one after another on the attributes of an item. An action whose source
 * or attribute is not there does nothing, as in the Go collector; a pattern that does not compile never gets here. */
#include "processor/attribute_actions.h"

#include "base/vec.h"
#include "codec/regex_steps.h"
#include "config/check_path.h"
#include "otlp/fields.h"
#include "otlp/text/any_value_yaml.h"
#include "otlp/text/attribute_convert.h"
#include "processor/search_limit.h"

#include <assert.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct option action_rows[] = {
    OPT_STRING(struct action_config, key, NULL, "Name of the attribute."),
    OPT_STRING(struct action_config, action, NULL,
               "insert (where it is absent), update (where it is present), upsert, delete, hash, extract or convert."),
    OPT_ANY(struct action_config, value, "The new value: a scalar, a list or a map."),
    OPT_STRING(struct action_config, from_attribute, NULL, "Take the value of this attribute of the same item."),
    OPT_STRING(struct action_config, from_context, NULL,
               "Take metadata of the client's request, metadata.<key> (the receiver needs include_metadata), its IP "
               "address, client.address, or what the receiver's authenticator knows of it, auth.<name> "
               "(auth.username); all only in front of a processor that joins requests."),
    OPT_ANY(struct action_config, default_value, "The value when the source has none."),
    OPT_STRING(struct action_config, pattern, NULL,
               "extract: its named groups become attributes. delete, hash: names of attributes."),
    OPT_STRING(struct action_config, converted_type, NULL, "convert: int, double or string."),
    OPT_END,
};

#define AUTH_PREFIX "auth."

enum kind { INSERT, UPDATE, UPSERT, DELETE, HASH, EXTRACT, CONVERT, KINDS };

static const char *const kind_names[] = { "insert", "update", "upsert", "delete", "hash", "extract", "convert" };

static enum kind kind_of(const char *name)
{
    for (int k = 0; name != NULL && k < KINDS; k++)
        if (strcasecmp(name, kind_names[k]) == 0)
            return (enum kind)k;
    return KINDS;
}

static bool is_given(const char *s)
{
    return s != NULL && s[0] != '\0';
}

static bool has_node(const struct yaml_node *n)
{
    return n != NULL && !(n->kind == YAML_NULL || (n->kind == YAML_SCALAR && yaml_type(n) == YAML_NIL));
}

/* ---- checked ---- */

struct checking {
    struct check_path at;
    const struct action_config *c;
};

/* A key that the action has no use for. */
static void refuse_key(const struct checking *k, const char *key, bool given)
{
    if (given)
        check_path_fail(&k->at, key, "action \"%s\" does not use \"%s\"", k->c->action, key);
}

static void check_source(const struct checking *k)
{
    const struct action_config *c = k->c;
    int sources = has_node(c->value) + is_given(c->from_attribute) + is_given(c->from_context);

    if (sources == 0 && !has_node(c->default_value))
        check_path_fail(
            &k->at, c->value != NULL ? "value" : "",
            "either \"value\", \"from_attribute\", \"from_context\" or \"default_value\" must be specified");
    if (sources > 1)
        check_path_fail(&k->at, "",
                        "multiple value sources: write one of \"value\", \"from_attribute\" and \"from_context\"");
    if (is_given(c->from_context) && strcmp(c->from_context, AUTH_PREFIX) == 0)
        check_path_fail(&k->at, "from_context",
                        "auth. and the name of what the authenticator knows, for instance auth.username");
    refuse_key(k, "pattern", is_given(c->pattern));
    refuse_key(k, "converted_type", is_given(c->converted_type));
}

static void check_no_source(const struct checking *k)
{
    refuse_key(k, "value", has_node(k->c->value));
    refuse_key(k, "from_attribute", is_given(k->c->from_attribute));
    refuse_key(k, "from_context",
               is_given(k->c->from_context) && kind_of(k->c->action) != DELETE && kind_of(k->c->action) != HASH);
}

static void check_groups(const struct checking *k, const struct regex *r)
{
    bool unnamed = false;

    for (unsigned i = 1; i <= regex_groups(r); i++)
        unnamed |= regex_group_name(r, i) == NULL;
    if (regex_groups(r) == 0)
        check_path_fail(&k->at, "pattern", "contains no named matcher groups: write (?P<name>...)");
    else if (unnamed)
        check_path_fail(&k->at, "pattern",
                        "contains at least one unnamed matcher group: write (?P<name>...), or (?:...)");
}

static void check_pattern(const struct checking *k, bool extract)
{
    struct error err;
    struct regex *r;

    if (!is_given(k->c->pattern)) {
        if (extract)
            check_path_fail(&k->at, "pattern", "missing required field \"pattern\" for action \"extract\"");
        return;
    }
    r = regex_new(k->c->pattern, &err);
    if (r == NULL)
        check_path_fail(&k->at, "pattern", "%s", err.text);
    else if (extract)
        check_groups(k, r);
    regex_free(r);
}

static void check_conversion(const struct checking *k)
{
    const char *type = k->c->converted_type;

    check_no_source(k);
    refuse_key(k, "pattern", is_given(k->c->pattern));
    if (!is_given(type))
        check_path_fail(&k->at, "converted_type", "missing required field \"converted_type\" for action \"convert\"");
    else if (strcmp(type, "int") != 0 && strcmp(type, "double") != 0 && strcmp(type, "string") != 0)
        check_path_fail(&k->at, "converted_type", "invalid value \"%s\": write int, double or string", type);
}

static void check_action(const struct checking *k)
{
    enum kind kind = kind_of(k->c->action);

    if (kind == KINDS) {
        check_path_fail(&k->at, "action",
                        "unsupported action \"%s\": write insert, update, upsert, delete, hash, extract or convert",
                        k->c->action != NULL ? k->c->action : "");
        return;
    }
    if (!is_given(k->c->key) && kind != DELETE && kind != HASH)
        check_path_fail(&k->at, "key", "missing required field \"key\"");
    if (!is_given(k->c->key) && !is_given(k->c->pattern) && (kind == DELETE || kind == HASH))
        check_path_fail(&k->at, "key", "at least one of \"key\" and \"pattern\" has to be used");
    switch (kind) {
    case INSERT:
    case UPDATE:
    case UPSERT:
        check_source(k);
        break;
    case CONVERT:
        check_conversion(k);
        break;
    default:
        check_no_source(k);
        refuse_key(k, "converted_type", is_given(k->c->converted_type));
        check_pattern(k, kind == EXTRACT);
    }
}

void actions_check(const struct option_list *actions, const char *key, struct check *ck)
{
    const struct action_config *c = actions->v;
    const struct check_path body = { .ck = ck };

    if (actions->n == 0)
        check_fail(ck, key, "missing required field \"%s\": write a list of actions", key);
    for (size_t i = 0; i < actions->n; i++) {
        struct checking k = { check_path_item(&body, key, i), &c[i] };

        check_action(&k);
    }
}

/* ---- compiled ---- */

struct action {
    enum kind kind;
    struct bytes key; /* empty: only the pattern */
    bool has_value, has_default, from_address;
    struct buf value, fallback; /* contents of AnyValues */
    struct buf field;           /* key and value as an attribute ... */
    struct attribute_slot slot; /* ... that this points to ... */
    unsigned number;            /* ... of that number; 0: not yet */
    struct bytes from_attribute, from_context;
    char *auth; /* what from_context points to, when it is of the authenticator; else NULL */
    struct regex *pattern;
    enum value_type type; /* of convert */
};

struct actions {
    size_t n;
    struct buf text; /* scratch */
    struct regex_meter meter;
    struct search_limit limit;
    VEC(const char *) wants_auth;
    struct action v[];
};

static struct bytes given_bytes(const char *s)
{
    return is_given(s) ? bytes_str(s) : bytes_of(NULL, 0);
}

static void action_init(struct action *a, const struct action_config *c)
{
    struct bytes context = given_bytes(c->from_context), prefix = bytes_str("metadata.");

    a->kind = kind_of(c->action);
    a->key = given_bytes(c->key);
    a->has_value = has_node(c->value);
    if (a->has_value)
        any_value_from_yaml(&a->value, c->value);
    a->has_default = has_node(c->default_value);
    if (a->has_default)
        any_value_from_yaml(&a->fallback, c->default_value);
    a->from_attribute = given_bytes(c->from_attribute);
    if (context.len > prefix.len && memcmp(context.data, prefix.data, prefix.len) == 0)
        context = bytes_skip(context, prefix.len);
    a->from_address = context.len > 0 && strcmp(c->from_context, "client.address") == 0;
    a->from_context = a->from_address ? bytes_str(METADATA_ADDRESS) : context;
    if (context.len > 0 && strncmp(c->from_context, AUTH_PREFIX, strlen(AUTH_PREFIX)) == 0) {
        a->auth = mem_printf("%s%s", METADATA_AUTH, c->from_context + strlen(AUTH_PREFIX));
        a->from_context = bytes_str(a->auth);
    }
    if (is_given(c->pattern)) {
        a->pattern = regex_new(c->pattern, NULL);
        assert(a->pattern != NULL);
    }
    if (is_given(c->converted_type))
        a->type = c->converted_type[0] == 'i' ? VALUE_INT : c->converted_type[0] == 'd' ? VALUE_DOUBLE : VALUE_STRING;
}

struct actions *actions_new(struct node *node, const struct option_list *actions)
{
    const struct action_config *c = actions->v;
    struct actions *a = mem_zalloc(sizeof(*a) + actions->n * sizeof(a->v[0]));

    a->n = actions->n;
    search_limit_init(&a->limit, node);
    for (size_t i = 0; i < a->n; i++)
        action_init(&a->v[i], &c[i]);
    for (size_t i = 0; i < a->n; i++) {
        node->wants_client_address |= a->v[i].from_address;
        if (a->v[i].auth != NULL)
            *vec_push(&a->wants_auth) = a->v[i].auth;
    }
    node->wants_auth = (struct strings){ a->wants_auth.v, a->wants_auth.n };
    return a;
}

void actions_free(struct actions *a)
{
    for (size_t i = 0; a != NULL && i < a->n; i++) {
        buf_free(&a->v[i].value);
        buf_free(&a->v[i].fallback);
        buf_free(&a->v[i].field);
        regex_free(a->v[i].pattern);
        free(a->v[i].auth);
    }
    if (a == NULL)
        return;
    buf_free(&a->text);
    vec_free(&a->wants_auth);
    free(a);
}

void actions_ask(const struct actions *a, struct attribute_list *list)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->v[i].pattern != NULL && a->v[i].kind != EXTRACT)
            return; /* any key may match */
    for (size_t i = 0; i < a->n; i++) {
        attribute_list_only(list, a->v[i].key);
        attribute_list_only(list, a->v[i].from_attribute);
        for (unsigned g = 1; a->v[i].pattern != NULL && g <= regex_groups(a->v[i].pattern); g++)
            attribute_list_only(list, bytes_str(regex_group_name(a->v[i].pattern, g)));
    }
}

/* ---- carried out ---- */

static bool from_context(struct actions *all, const struct action *a, const struct metadata *metadata)
{
    const struct metadata_entry *e;
    uint32_t at = 0;
    bool found = false;

    all->text.len = 0;
    while (metadata != NULL && (e = metadata_find(metadata, a->from_context, &at)) != NULL) {
        if (found)
            buf_putc(&all->text, ';');
        buf_put(&all->text, e->value);
        found = true;
    }
    return found || a->from_address; /* an unknown address is an empty one */
}

static bool find_source(struct actions *all, const struct action *a, struct attribute_list *list,
                        const struct metadata *metadata, struct bytes *value)
{
    size_t at;

    if (a->has_value) {
        *value = buf_bytes(&a->value);
        return true;
    }
    if (a->from_attribute.len > 0 && (at = attribute_list_find(list, a->from_attribute)) != ATTRIBUTE_NONE) {
        *value = list->slots.v[at].value;
        return true;
    }
    if (a->from_context.len > 0 && from_context(all, a, metadata)) {
        *value = attribute_list_keep(list, buf_bytes(&all->text));
        return true;
    }
    *value = buf_bytes(&a->fallback);
    return a->has_default;
}

/* The value is always the same: so is what is put in, which is encoded once for each kind of item. */
static void add_constant(struct action *a, struct attribute_list *list)
{
    size_t mark;

    if (a->number != list->number) {
        a->field.len = 0;
        mark = pb_begin(&a->field, list->number);
        pb_put_bytes(&a->field, OTLP_KEY_VALUE_KEY, a->key);
        pb_put_bytes(&a->field, OTLP_KEY_VALUE_VALUE, buf_bytes(&a->value));
        pb_end(&a->field, mark);
        a->slot = (struct attribute_slot){ a->key, buf_bytes(&a->value), buf_bytes(&a->field) };
        a->number = list->number;
    }
    attribute_list_add_slot(list, &a->slot);
}

static void put_attribute(struct actions *all, struct action *a, struct attribute_list *list,
                          const struct metadata *metadata)
{
    struct bytes value;
    size_t at;

    if (!find_source(all, a, list, metadata, &value))
        return;
    at = attribute_list_find(list, a->key);
    if (at != ATTRIBUTE_NONE && a->kind != INSERT)
        attribute_list_change(list, at, value);
    else if (at == ATTRIBUTE_NONE && a->kind != UPDATE && a->has_value)
        add_constant(a, list);
    else if (at == ATTRIBUTE_NONE && a->kind != UPDATE)
        attribute_list_add(list, a->key, value);
}

static struct bytes hash_hex(struct bytes in, char hex[2 * SHA256_DIGEST_SIZE + 1])
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx context;

    sha256_init(&context);
    sha256_update(&context, in.len, in.data);
    sha256_digest(&context, sizeof(digest), digest);
    for (unsigned i = 0; i < sizeof(digest); i++)
        snprintf(hex + 2 * (size_t)i, 3, "%02x", digest[i]);
    return bytes_of(hex, 2 * sizeof(digest));
}

static struct bytes hash_of(struct attribute_list *list, size_t at)
{
    struct value v = value_read(list->slots.v[at].value);
    char hex[2 * SHA256_DIGEST_SIZE + 1];
    struct bytes in = { NULL, 0 };
    uint8_t fixed[8];

    if (v.type == VALUE_STRING) {
        in = bytes_of(v.bytes.len > 0 ? v.bytes.data : fixed, v.bytes.len);
    } else if (v.type == VALUE_BOOL) {
        fixed[0] = v.boolean;
        in = bytes_of(fixed, 1);
    } else if (v.type == VALUE_INT || v.type == VALUE_DOUBLE) {
        memcpy(fixed, v.type == VALUE_INT ? (void *)&v.integer : (void *)&v.number, 8);
        in = bytes_of(fixed, 8);
    }
    return attribute_list_keep(list, in.data != NULL ? hash_hex(in, hex) : in);
}

struct matching {
    struct actions *all;
    const struct action *a;
};

/* What is to be deleted or hashed is, where there are no steps left to look at its key. */
static bool key_matches(void *arg, struct bytes key)
{
    const struct matching *m = arg;

    return regex_meter_search(&m->all->meter, m->a->pattern, key) || m->all->meter.over;
}

static void hash_all(struct actions *all, const struct action *a, struct attribute_list *list)
{
    size_t at = a->key.len > 0 ? attribute_list_find(list, a->key) : ATTRIBUTE_NONE;
    struct matching m = { all, a };

    if (at != ATTRIBUTE_NONE)
        attribute_list_change(list, at, hash_of(list, at));
    for (size_t i = 0; a->pattern != NULL && i < list->slots.n; i++)
        if (slot_is_attribute(&list->slots.v[i]) && key_matches(&m, list->slots.v[i].key))
            attribute_list_change_one(list, i, hash_of(list, i));
}

static void delete_all(struct actions *all, const struct action *a, struct attribute_list *list)
{
    struct matching m = { all, a };

    if (a->key.len > 0)
        attribute_list_remove(list, a->key);
    if (a->pattern != NULL)
        attribute_list_remove_if(list, key_matches, &m);
}

static void extract_groups(struct actions *all, const struct action *a, struct attribute_list *list)
{
    struct bytes found[REGEX_MAX_GROUPS + 1];
    size_t at = attribute_list_find(list, a->key);
    struct value v;

    if (at == ATTRIBUTE_NONE)
        return;
    v = value_read(list->slots.v[at].value);
    if (v.type != VALUE_STRING || !regex_meter_find(&all->meter, a->pattern, v.bytes, 0, found))
        return;
    for (unsigned i = 1; i <= regex_groups(a->pattern); i++)
        attribute_list_set(list, bytes_str(regex_group_name(a->pattern, i)), attribute_list_keep(list, found[i]));
}

static void convert_value(struct actions *all, const struct action *a, struct attribute_list *list)
{
    size_t at = attribute_list_find(list, a->key);

    if (at == ATTRIBUTE_NONE)
        return;
    all->text.len = 0;
    if (attribute_convert(&all->text, list->slots.v[at].value, a->type))
        attribute_list_change(list, at, buf_bytes(&all->text));
}

void actions_apply(struct actions *all, struct attribute_list *list, const struct metadata *metadata)
{
    regex_meter_begin(&all->meter);
    for (size_t i = 0; i < all->n; i++) {
        struct action *a = &all->v[i];

        switch (a->kind) {
        case DELETE:
            delete_all(all, a, list);
            break;
        case HASH:
            hash_all(all, a, list);
            break;
        case EXTRACT:
            extract_groups(all, a, list);
            break;
        case CONVERT:
            convert_value(all, a, list);
            break;
        default:
            put_attribute(all, a, list, metadata);
        }
    }
    search_limit_note(&all->limit, &all->meter);
}
