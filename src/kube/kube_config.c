/* SPDX-License-Identifier: Apache-2.0 */
/* current-context names a context, that a cluster and a user; each is an item of a list, with its name. What stands in
 * the file itself (`...-data`, in base64) goes before what stands in another.
 *
 * What can go wrong: the file cannot be read, is no YAML, names what is not in it, or leaves the credentials to a
 * program, which we do not run. */
#include "kube/kube_config.h"

#include "base/loop/watched_file.h"
#include "codec/base64.h"
#include "config/yaml.h"
#include "net/http/proxy.h"
#include "pipeline/file_value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct kube_config *c;
    const char *path, *context;
    struct error *err;
};

__attribute__((format(printf, 3, 4))) static bool fail_at(const struct reader *r, const struct yaml_node *n,
                                                          const char *fmt, ...)
{
    char text[400];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    error_set(r->err, -EINVAL, "%.200s:%d: %s", r->path, n != NULL ? n->line : 1, text);
    return false;
}

static const char *text_of(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *n = yaml_get(map, key);

    return n != NULL && n->kind == YAML_SCALAR ? n->text : "";
}

/* The body of the list's item of that name. */
static const struct yaml_node *find_item(const struct reader *r, const struct yaml_node *root, const char *list,
                                         const char *body, const char *name)
{
    const struct yaml_node *all = yaml_get(root, list), *found;

    for (size_t i = 0; all != NULL && all->kind == YAML_LIST && i < all->n; i++)
        if (strcmp(text_of(all->items[i], "name"), name) == 0) {
            found = yaml_get(all->items[i], body);
            if (found != NULL && found->kind == YAML_MAP)
                return found;
            fail_at(r, all->items[i], "%s \"%.80s\" has no map \"%s\"", list, name, body);
            return NULL;
        }
    fail_at(r, all, "%s has no \"%.80s\", which is asked for", list, name);
    return NULL;
}

/* ---- values ---- */

static const char *keep_path(const struct reader *r, const char *path)
{
    const char *slash = strrchr(r->path, '/');

    if (path[0] == '\0' || path[0] == '/' || slash == NULL)
        return path;
    return arena_printf(&r->c->arena, "%.*s/%s", (int)(slash - r->path), r->path, path);
}

/* PEM, in base64 in the file itself or as it is in another one. */
static bool take_pem(const struct reader *r, const struct yaml_node *map, const char *key, struct secret *text,
                     const char **file)
{
    char name[48];
    struct buf pem = { 0 };
    const char *data;
    bool good;

    *text = (struct secret){ "" };
    *file = "";
    snprintf(name, sizeof(name), "%s-data", key);
    data = text_of(map, name);
    if (data[0] == '\0') {
        *file = keep_path(r, text_of(map, key));
        return true;
    }
    good = base64_decode(bytes_str(data), &pem) && pem.len > 0 && memchr(pem.data, '\0', pem.len) == NULL;
    if (good)
        text->text = arena_strndup(&r->c->arena, pem.data, pem.len);
    buf_wipe(&pem);
    return good || fail_at(r, yaml_get(map, name), "%s is no base64 of a text", name);
}

static bool is_true(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *n = yaml_get(map, key);
    bool value = false;

    return n != NULL && n->kind == YAML_SCALAR && yaml_bool(n, &value) && value;
}

static bool take_cluster(const struct reader *r, const struct yaml_node *cluster)
{
    struct tls_config *tls = &r->c->tls;
    struct error why;
    struct proxy proxy;
    struct url url;

    r->c->server = text_of(cluster, "server");
    r->c->proxy_url = text_of(cluster, "proxy-url");
    tls->server_name_override = text_of(cluster, "tls-server-name");
    tls->insecure_skip_verify = is_true(cluster, "insecure-skip-tls-verify");
    if (url_parse(&url, bytes_str(r->c->server), &why) != 0)
        return fail_at(r, cluster, "server: %s", why.text);
    if (r->c->proxy_url[0] != '\0' && proxy_parse(&proxy, bytes_str(r->c->proxy_url), &why) != 0)
        return fail_at(r, cluster, "proxy-url: %s", why.text);
    if (!take_pem(r, cluster, "certificate-authority", &tls->ca_pem, &tls->ca_file))
        return false;
    if (tls->insecure_skip_verify && tls_config_has_ca(tls))
        return fail_at(r, cluster, "insecure-skip-tls-verify beside certificate-authority: remove one of them");
    return true;
}

static bool refuse_user(const struct reader *r, const struct yaml_node *user)
{
    static const struct {
        const char *key, *why;
    } words[] = {
        { "exec", "programs that give credentials are not run: write a token, a tokenFile or a client certificate" },
        { "auth-provider", "it is not served: write a token, a tokenFile or a client certificate" },
        { "as", "nobody else is acted for: name who may list and watch" },
        { "as-uid", "nobody else is acted for: name who may list and watch" },
        { "as-groups", "nobody else is acted for: name who may list and watch" },
        { "as-user-extra", "nobody else is acted for: name who may list and watch" },
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (yaml_get(user, words[i].key) != NULL)
            return fail_at(r, yaml_get(user, words[i].key), "%s: %s", words[i].key, words[i].why);
    return true;
}

static bool take_user(const struct reader *r, const struct yaml_node *user)
{
    struct tls_config *tls = &r->c->tls;

    if (!refuse_user(r, user))
        return false;
    r->c->token_file = keep_path(r, text_of(user, "tokenFile"));
    r->c->token = (struct secret){ r->c->token_file[0] == '\0' ? text_of(user, "token") : "" };
    r->c->username = text_of(user, "username");
    r->c->password = (struct secret){ text_of(user, "password") };
    if (!header_value_is_clean(bytes_str(r->c->token.text)))
        return fail_at(r, user, "token has a character that no header may have");
    if (!take_pem(r, user, "client-certificate", &tls->cert_pem, &tls->cert_file) ||
        !take_pem(r, user, "client-key", &tls->key_pem, &tls->key_file))
        return false;
    if ((tls->cert_pem.text[0] != '\0' || tls->cert_file[0] != '\0') !=
        (tls->key_pem.text[0] != '\0' || tls->key_file[0] != '\0'))
        return fail_at(r, user, "client-certificate and client-key belong together: write both");
    return true;
}

/* ---- the file ---- */

static bool take_tree(const struct reader *r, const struct yaml_node *root)
{
    const struct yaml_node *context, *cluster, *user;
    const char *name = r->context[0] != '\0' ? r->context : text_of(root, "current-context"), *who;

    if (name[0] == '\0')
        return fail_at(r, root, "current-context is not set: `kubectl config use-context NAME` sets it");
    context = find_item(r, root, "contexts", "context", name);
    cluster = context != NULL ? find_item(r, root, "clusters", "cluster", text_of(context, "cluster")) : NULL;
    if (cluster == NULL || !take_cluster(r, cluster))
        return false;
    who = text_of(context, "user");
    if (who[0] == '\0')
        return true;
    user = find_item(r, root, "users", "user", who);
    return user != NULL && take_user(r, user);
}

int kube_config_parse(struct kube_config *c, struct bytes text, const char *path, const char *context,
                      struct error *err)
{
    const struct reader r = { c, path, context, err };
    const struct secret none = { "" };
    struct faults faults = { 0 };
    const struct yaml_node *root;
    int rc = 0;

    *c = (struct kube_config){
        .server = "",
        .proxy_url = "",
        .token_file = "",
        .username = "",
        .token = none,
        .password = none,
        .tls = { .on = true,
                 .ca_file = "",
                 .cert_file = "",
                 .key_file = "",
                 .ca_pem = none,
                 .cert_pem = none,
                 .key_pem = none,
                 .client_ca_file = "",
                 .server_name_override = "",
                 .reload_interval = { 60000000000 } },
    };
    root = yaml_read(&c->arena, text, path, 1, 1, &faults);
    if (faults.n_errors > 0 && faults.list.n > 0)
        rc = error_set(err, -EINVAL, "%.200s:%d: %s", path, faults.list.v[0].line, faults.list.v[0].text);
    else if (root == NULL || root->kind != YAML_MAP)
        rc = error_set(err, -EINVAL, "%.200s: it is no file of kubectl: there is no map in it", path);
    else if (!take_tree(&r, root))
        rc = err->code;
    faults_free(&faults);
    return rc;
}

int kube_config_read(struct kube_config *c, const char *path, const char *context, struct error *err)
{
    struct buf text = { 0 };
    int rc;

    *c = (struct kube_config){ .server = "" };
    rc = file_read(path, KUBE_CONFIG_MOST, &text, err);
    if (rc == 0)
        rc = kube_config_parse(c, buf_bytes(&text), path, context, err);
    buf_wipe(&text);
    return rc;
}

char *kube_config_path(struct error *err)
{
    const char *path = getenv("KUBECONFIG"), *home = getenv("HOME");

    if (path != NULL && strchr(path, ':') != NULL) {
        error_set(err, -EINVAL, "KUBECONFIG names several files: name one, for they are not merged");
        return NULL;
    }
    if (path != NULL && path[0] != '\0')
        return mem_strdup(path);
    if (home != NULL && home[0] != '\0')
        return mem_printf("%s/.kube/config", home);
    error_set(err, -ENOENT, "neither KUBECONFIG nor HOME is set, so no file of kubectl is known");
    return NULL;
}

void kube_config_free(struct kube_config *c)
{
    arena_free(&c->arena);
}
