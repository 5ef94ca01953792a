/* SPDX-License-Identifier: Apache-2.0 */
/* An API server of Kubernetes: who is called, and what we say of ourselves. From inside a pod that is its service
 * account: a token and a CA in files, both read again when they change. */
#ifndef KUBE_API_H
#define KUBE_API_H

#include "kube/kube_pace.h"
#include "net/http/http_client.h"
#include "pipeline/authenticator.h"
#include "pipeline/component.h"
#include "pipeline/file_value.h"

struct kube_api {
    const struct node *node;
    struct http_client *http;
    const char *prefix;                                       /* of each path; "" or "/x" without a slash behind it */
    void (*put_headers)(void *owner, struct call_headers *h); /* who we are, for each request */
    void *owner;
    struct client_authenticator *auth; /* NULL, or who says more, in its own time */
    struct kube_pace *pace;            /* NULL: as often as it takes */
    unsigned *calls;                   /* NULL, or where those are counted that are under way with http */
    uint64_t generation;               /* another number: perhaps another server, of which nothing is known */
};

/* Where a server is that is named by its URL: *prefix becomes its path, whose slash at the end goes, in place of what
 * it was. UV_EINVAL: it is no URL. */
int kube_url_read(const char *url, char **prefix, bool *secure, struct error *err);

#define KUBE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

struct kube_pod {
    struct kube_api api;
    struct file_value token;
};

/* As the pod in which we are. A negative errno and `err` when it is none, or its files cannot be read; kube_pod_close()
 * all the same, after all that uses its api. */
int kube_pod_open(struct kube_pod *p, const struct node *node, struct error *err);
/* As nobody, to the same server, whose certificate is not checked. */
int kube_pod_open_bare(struct kube_pod *p, const struct node *node, struct error *err);
void kube_pod_close(struct kube_pod *p);

/* The namespace that it is in, appended. */
int kube_pod_namespace(struct buf *out, struct error *err);

#endif
