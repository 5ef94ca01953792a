/* SPDX-License-Identifier: Apache-2.0 */
/* A file of kubectl (kubeconfig): the API server that its current context names, and who we are there. */
#ifndef KUBE_CONFIG_H
#define KUBE_CONFIG_H

#include "base/arena.h"
#include "base/error.h"
#include "config/option.h"
#include "config/tls_rows.h"

#define KUBE_CONFIG_MOST ((size_t)1 << 20) /* bytes */

/* "" where nothing is said; in the arena. Paths are absolute, or as the file's own. */
struct kube_config {
    struct arena arena;
    const char *server, *proxy_url;
    const char *token_file, *username;
    struct secret token, password;
    struct tls_config tls;
};

/* `path`: of the file, for paths in it that are relative and for faults. `context`: in the place of current-context, if
 * it is not "". A negative errno and `err`, which names the
 * place: what cannot be served (programs that give credentials) is refused by name. kube_config_free() all the same. */
int kube_config_parse(struct kube_config *c, struct bytes text, const char *path, const char *context,
                      struct error *err);
int kube_config_read(struct kube_config *c, const char *path, const char *context, struct error *err);
void kube_config_free(struct kube_config *c);

/* Where kubectl has it: $KUBECONFIG, or ~/.kube/config. The caller's to free(); NULL and `err`. */
char *kube_config_path(struct error *err);

#endif
