/* SPDX-License-Identifier: Apache-2.0 */
/* The headers_setter extension: headers of what we send, by what the client said whose data it is.
 *
 * The actions are carried out one after another on the headers of a call, those of the exporter's configuration among
 * them; then another authenticator may add its own. What a header is made of is told to the exporter (reads), whose
 * queue keeps batches apart that differ in it, on disk too.
 *
 * What can go wrong: a client said two things under one name, or something that no header may have. Then nobody can
 * say whose the data is, and never will: the call fails for good. */
#include "base/mem.h"
#include "base/vec.h"
#include "pipeline/file_value.h"
#include "pipeline/authenticator.h"
#include "pipeline/component.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum header_action { HEADER_INSERT, HEADER_UPDATE, HEADER_UPSERT, HEADER_DELETE };

static const char *const action_names[] = { "insert", "update", "upsert", "delete", NULL };

struct header_config {
    const char *key;
    int action; /* enum header_action */
    struct secret value;
    const char *value_file, *from_context, *from_attribute;
    struct secret default_value;
};

struct headers_setter_config {
    struct option_list headers; /* of struct header_config */
    const char *additional_auth;
};

static const struct option header_rows[] = {
    OPT_STRING(struct header_config, key, "", "The header's name."),
    OPT_ENUM(struct header_config, action, action_names, "upsert",
             "insert (where it is absent), update (where it is present), upsert (either), or delete."),
    OPT_SECRET(struct header_config, value, "Its value."),
    OPT_STRING(struct header_config, value_file, "", "A file that has the value. It is read again when it changes."),
    OPT_STRING(struct header_config, from_context, "",
               "The client's metadata of this name is the value; the receiver needs include_metadata, and a batch "
               "processor in between has to name it in metadata_keys."),
    OPT_STRING(struct header_config, from_attribute, "",
               "What the receiver's authenticator knows of the client under this name (username) is the value."),
    OPT_SECRET(struct header_config, default_value,
               "The value for clients that said nothing; without it such an action does nothing."),
    OPT_END,
};

static const struct option options[] = {
    OPT_LIST(struct headers_setter_config, headers, struct header_config, header_rows,
             "What is done, one after another."),
    OPT_EXTENSION(struct headers_setter_config, additional_auth, CAPABILITY_AUTH_CLIENT,
                  "Another authenticator, which writes its headers after these: the id of an extension."),
    OPT_END,
};

/* One header. */
struct setting {
    const struct header_config *config;
    struct file_value value;
    char *metadata; /* what is read of the client's; NULL: nothing */
};

struct headers_setter {
    struct node node;
    const struct headers_setter_config *config;
    struct setting *settings;
    size_t n;
    struct client_authenticator client;
    struct client_authenticator *additional; /* NULL: none */
    VEC(const char *) reads;
    VEC(const char *) wants_auth;
    enum { ADDITIONAL_UNKNOWN, ADDITIONAL_ASKED, ADDITIONAL_KNOWN } found;
};

static struct headers_setter *setter_of(struct node *node)
{
    return container_of(node, struct headers_setter, node);
}

/* ---- one action ---- */

static void fail_for_good(struct auth_request *r, const struct setting *s, const char *why)
{
    snprintf(r->why, sizeof(r->why), "header %.60s: %s", s->config->key, why);
    r->permanent = true;
}

/* False: it cannot be said, and r->why says why. NULL data: nobody said it. */
static bool find_in_metadata(const struct setting *s, struct auth_request *r, struct bytes *value)
{
    const struct metadata_entry *e;
    uint32_t at = 0;

    *value = bytes_of(NULL, 0);
    while ((e = metadata_find(r->metadata, bytes_str(s->metadata), &at)) != NULL) {
        if (value->data != NULL && !bytes_equal(*value, e->value)) {
            fail_for_good(r, s, "the client has sent several values of what it is made of");
            return false;
        }
        *value = e->value;
    }
    if (value->len == 0)
        *value = bytes_of(NULL, 0);
    if (header_value_is_clean(*value))
        return true;
    fail_for_good(r, s, "what the client has sent for it has a control character");
    return false;
}

static bool find_value(const struct setting *s, struct auth_request *r, struct bytes *value)
{
    if (s->metadata == NULL) {
        *value = bytes_str(s->value.text);
        return true;
    }
    if (!find_in_metadata(s, r, value))
        return false;
    if (value->data == NULL && s->config->default_value.text[0] != '\0')
        *value = bytes_str(s->config->default_value.text);
    return true;
}

static bool carry_out(const struct setting *s, struct auth_request *r)
{
    struct bytes key = bytes_str(s->config->key), value;
    bool there = call_headers_have(r->headers, key);

    if (s->config->action == HEADER_DELETE) {
        call_headers_remove(r->headers, key);
        return true;
    }
    if (!find_value(s, r, &value))
        return false;
    if (value.data == NULL || (s->config->action == HEADER_INSERT && there) ||
        (s->config->action == HEADER_UPDATE && !there))
        return true;
    call_headers_set(r->headers, key, value);
    return true;
}

static enum auth_verdict set_headers(struct client_authenticator *a, struct auth_request *r)
{
    struct headers_setter *h = container_of(a, struct headers_setter, client);

    for (size_t i = 0; i < h->n; i++)
        if (!carry_out(&h->settings[i], r))
            return AUTH_FAILED;
    return h->additional != NULL ? authenticator_ask(h->additional, r) : AUTH_GRANTED;
}

/* The other one may have something new to say; ours is what clients said. */
static bool was_refused(struct client_authenticator *a, uint64_t generation)
{
    struct client_authenticator *other = container_of(a, struct headers_setter, client)->additional;

    return other != NULL && other->refused != NULL && other->refused(other, generation);
}

/* ---- the other authenticator ---- */

static void find_additional(struct headers_setter *h)
{
    const char *id = h->config->additional_auth;

    assert(h->found != ADDITIONAL_ASKED); /* circles are faults of the configuration */
    if (h->found != ADDITIONAL_UNKNOWN)
        return;
    h->found = ADDITIONAL_ASKED;
    if (id[0] != '\0')
        h->additional = h->node.host->find_client_authenticator(&h->node, id);
    h->found = ADDITIONAL_KNOWN;
    if (h->additional == NULL)
        return;
    h->client.secure_only = h->additional->secure_only;
    for (size_t i = 0; i < h->additional->reads.n; i++)
        *vec_push(&h->reads) = h->additional->reads.v[i];
}

static struct client_authenticator *client_authenticator(struct node *node)
{
    struct headers_setter *h = setter_of(node);

    find_additional(h);
    h->client.reads = (struct strings){ h->reads.v, h->reads.n };
    return &h->client;
}

/* ---- life ---- */

static bool is_reserved(const char *key)
{
    static const char *const reserved[] = {
        "connection", "content-encoding",  "content-length", "content-type", "host", "grpc-timeout",
        "te",         "transfer-encoding", "trailer"
    };

    for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
        if (strcasecmp(key, reserved[i]) == 0)
            return true;
    return false;
}

static void check_header(const struct header_config *c, size_t i, struct check *ck)
{
    int sources = (c->value.text[0] != '\0') + (c->value_file[0] != '\0') + (c->from_context[0] != '\0') +
                  (c->from_attribute[0] != '\0');
    char path[40], key[60];

    snprintf(path, sizeof(path), "headers::%zu", i);
    if (c->key[0] == '\0')
        check_fail(ck, path, "missing header name: write key");
    else if (!header_name_is_valid(c->key))
        check_fail(ck, path, "\"%s\" is no name of a header", c->key);
    else if (is_reserved(c->key))
        check_fail(ck, path, "\"%s\" is the protocol's own header", c->key);
    if (c->action == HEADER_DELETE)
        return;
    if (sources == 0)
        check_fail(ck, path,
                   "missing header source, must be 'from_context', 'from_attribute', 'value_file' or 'value'");
    if (sources > 1)
        check_fail(ck, path,
                   "invalid header source, must either 'from_context', 'from_attribute', 'value_file' or 'value'");
    snprintf(key, sizeof(key), "%s::value_file", path);
    file_value_check(ck, key, c->value_file);
    if (!header_value_is_clean(bytes_str(c->value.text)) || !header_value_is_clean(bytes_str(c->default_value.text)))
        check_fail(ck, path, "the value has a control character, which no header may have: remove it");
}

static void check(const void *config, struct check *ck)
{
    const struct headers_setter_config *c = config;
    const struct header_config *headers = c->headers.v;

    if (c->headers.n == 0)
        check_fail(ck, "headers", "missing headers configuration");
    for (size_t i = 0; i < c->headers.n; i++)
        check_header(&headers[i], i, ck);
}

static void init_setting(struct headers_setter *h, struct setting *s, const struct header_config *c)
{
    s->config = c;
    if (c->action == HEADER_DELETE)
        return;
    if (c->from_context[0] != '\0')
        s->metadata = mem_strdup(c->from_context);
    else if (c->from_attribute[0] != '\0')
        s->metadata = mem_printf("%s%s", METADATA_AUTH, c->from_attribute);
    if (s->metadata != NULL)
        *vec_push(&h->reads) = s->metadata;
    if (c->from_attribute[0] != '\0')
        *vec_push(&h->wants_auth) = s->metadata;
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct headers_setter *h = setter_of(node);
    const struct header_config *headers;

    (void)err;
    h->config = config;
    headers = h->config->headers.v;
    h->n = h->config->headers.n;
    h->settings = mem_zalloc((h->n + 1) * sizeof(*h->settings));
    for (size_t i = 0; i < h->n; i++)
        init_setting(h, &h->settings[i], &headers[i]);
    node->wants_auth = (struct strings){ h->wants_auth.v, h->wants_auth.n };
    h->client = (struct client_authenticator){ .ask = set_headers, .refused = was_refused };
    return 0;
}

static int start(struct node *node, struct error *err)
{
    struct headers_setter *h = setter_of(node);

    find_additional(h);
    for (size_t i = 0; i < h->n; i++) {
        const struct header_config *c = h->settings[i].config;

        if (file_value_open(&h->settings[i].value, node->host->loop, &node->log, c->value.text, c->value_file, err) !=
            0)
            return error_wrap(err, "headers::%zu::value_file", i);
    }
    return 0;
}

static void destroy(struct node *node)
{
    struct headers_setter *h = setter_of(node);

    for (size_t i = 0; i < h->n; i++) {
        file_value_close(&h->settings[i].value);
        free(h->settings[i].metadata);
    }
    free(h->settings);
    vec_free(&h->reads);
    vec_free(&h->wants_auth);
}

extern const struct component headers_setter_extension;
const struct component headers_setter_extension = {
    COMPONENT_TYPE("headers_setter", COMPONENT_EXTENSION, .stability = "alpha"),
    .spread = SPREAD_EACH,
    .summary = "Sets headers of what exporters send, by what the clients said whose data it is.",
    COMPONENT_CONFIG(struct headers_setter_config, options, .check = check),
    COMPONENT_NODE(struct headers_setter, .create = create, .start = start, .destroy = destroy,
                   .client_authenticator = client_authenticator),
};
