/* SPDX-License-Identifier: Apache-2.0 */
/* Where the API server is stands in the environment of a pod, and who we are in files that the kubelet turns now and
 * then: the token is watched, the CA is read again by TLS. */
#include "kube/kube_api.h"

#include "base/loop/watched_file.h"
#include "pipeline/node_tls.h"

#include <stdio.h>
#include <stdlib.h>

#define IDLE (300 * NS_PER_S)
#define IDLE_MOST 4 /* connections without HTTP/2 */

static void put_token(void *owner, struct call_headers *h)
{
    struct kube_pod *p = owner;
    struct buf value = { 0 };

    buf_printf(&value, "Bearer %s", p->token.text);
    call_headers_set(h, bytes_str("authorization"), buf_bytes(&value));
    buf_wipe(&value);
}

static void put_nothing(void *owner, struct call_headers *h)
{
    (void)owner;
    (void)h;
}

static char *server_url(struct error *err)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
    bool v6 = host != NULL && strchr(host, ':') != NULL;

    if (host != NULL && port != NULL && *host != '\0' && *port != '\0')
        return mem_printf("https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
    error_set(err, UV_ENOENT,
              "this is no pod of a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set");
    return NULL;
}

static int open_client(struct kube_pod *p, const char *url, const char *ca_file, struct error *err)
{
    const struct tls_config tls = {
        .on = true,
        .insecure_skip_verify = ca_file[0] == '\0',
        .ca_file = ca_file,
        .cert_file = "",
        .key_file = "",
        .client_ca_file = "",
        .server_name_override = "",
        .reload_interval = { 60000000000 },
    };
    char agent[80];
    const struct http_client_options o = {
        .url = url,
        .user_agent = agent,
        .idle_timeout = IDLE,
        .max_idle = IDLE_MOST,
        .budget = p->api.node->host->budget,
        .version = HTTP_VERSION_ALPN,
        .keepalive_time = 30 * NS_PER_S,
    };

    snprintf(agent, sizeof(agent), "otelcd/%s", p->api.node->host->version);
    p->api.http = node_http_client(p->api.node, &o, &tls, true, err);
    return p->api.http != NULL ? 0 : err->code;
}

int kube_pod_open(struct kube_pod *p, const struct node *node, struct error *err)
{
    char *url = server_url(err);
    int rc = url == NULL ? err->code : 0;

    *p = (struct kube_pod){ .api = { .node = node, .prefix = "", .put_headers = put_token, .owner = p } };
    if (rc == 0)
        rc = file_value_open(&p->token, node->host->loop, &node->log, "", KUBE_ACCOUNT "/token", err);
    if (rc == 0)
        rc = open_client(p, url, KUBE_ACCOUNT "/ca.crt", err);
    free(url);
    return rc;
}

int kube_pod_open_bare(struct kube_pod *p, const struct node *node, struct error *err)
{
    char *url = server_url(err);
    int rc = url == NULL ? err->code : 0;

    *p = (struct kube_pod){ .api = { .node = node, .prefix = "", .put_headers = put_nothing, .owner = p } };
    if (rc == 0)
        rc = open_client(p, url, "", err);
    free(url);
    return rc;
}

void kube_pod_close(struct kube_pod *p)
{
    if (p->api.http != NULL)
        http_client_close(p->api.http);
    file_value_close(&p->token);
    *p = (struct kube_pod){ 0 };
}

int kube_pod_namespace(struct buf *out, struct error *err)
{
    struct buf text = { 0 };
    int rc = file_read(KUBE_ACCOUNT "/namespace", 512, &text, err);
    struct bytes name = buf_bytes(&text);

    while (name.len > 0 && name.data[name.len - 1] <= ' ')
        name.len--;
    if (rc == 0 && name.len == 0)
        rc = error_set(err, UV_EINVAL, KUBE_ACCOUNT "/namespace is empty");
    if (rc == 0)
        buf_put(out, name);
    buf_free(&text);
    return rc;
}

int kube_url_read(const char *url, char **prefix, bool *secure, struct error *err)
{
    struct url u;

    if (url_parse(&u, bytes_str(url), err) != 0)
        return err->code;
    while (u.target.len > 0 && u.target.data[u.target.len - 1] == '/')
        u.target.len--;
    free(*prefix);
    *prefix = bytes_dup(u.target);
    *secure = u.secure;
    return 0;
}
