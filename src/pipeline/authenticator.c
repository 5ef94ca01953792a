/* SPDX-License-Identifier: Apache-2.0 */
/* Headers are a list over an arena that is emptied for each call. Asking clears the last answer; `by` says that one is
 * still owed, so that it can be taken back, and is cleared before done() is called, which may ask again. */
#include "pipeline/authenticator.h"

#include "pipeline/component.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void gatekeeper_set(const struct node *node, const struct server_auth_config *auth, struct http_server_options *o)
{
    if (!auth->on)
        return;
    o->gatekeeper = node->host->find_gatekeeper(node, auth->authenticator);
    o->gate_parameters = &auth->request_params;
}

/* ---- headers ---- */

void call_headers_free(struct call_headers *h)
{
    vec_free(&h->list);
    arena_free(&h->memory);
}

void call_headers_reset(struct call_headers *h)
{
    h->list.n = 0;
    arena_reset(&h->memory);
}

static struct bytes copy_lower(struct arena *a, struct bytes name)
{
    uint8_t *to = arena_alloc_bytes(a, name.len);

    for (size_t i = 0; i < name.len; i++)
        to[i] = (uint8_t)tolower(name.data[i]);
    return bytes_of(to, name.len);
}

static struct bytes copy_bytes(struct arena *a, struct bytes s)
{
    uint8_t *to = arena_alloc_bytes(a, s.len);

    if (s.len > 0)
        memcpy(to, s.data, s.len);
    return bytes_of(to, s.len);
}

void call_headers_add(struct call_headers *h, struct bytes name, struct bytes value)
{
    *vec_push(&h->list) = (struct http_header){ copy_lower(&h->memory, name), copy_bytes(&h->memory, value) };
}

void call_headers_remove(struct call_headers *h, struct bytes name)
{
    size_t kept = 0;

    for (size_t i = 0; i < h->list.n; i++)
        if (!bytes_equal_nocase(h->list.v[i].name, name))
            h->list.v[kept++] = h->list.v[i];
    h->list.n = kept;
}

void call_headers_set(struct call_headers *h, struct bytes name, struct bytes value)
{
    call_headers_remove(h, name);
    call_headers_add(h, name, value);
}

bool call_headers_have(const struct call_headers *h, struct bytes name)
{
    for (size_t i = 0; i < h->list.n; i++)
        if (h->list.v[i].value.len > 0 && bytes_equal_nocase(h->list.v[i].name, name))
            return true;
    return false;
}

/* ---- asking ---- */

enum auth_verdict authenticator_ask(struct client_authenticator *a, struct auth_request *r)
{
    enum auth_verdict v;

    r->by = a;
    r->why[0] = '\0';
    r->permanent = false;
    r->retry_after_ms = 0;
    v = a->ask(a, r);
    if (v != AUTH_LATER)
        r->by = NULL;
    return v;
}

void authenticator_cancel(struct auth_request *r)
{
    struct client_authenticator *a = r->by;

    r->by = NULL;
    if (a != NULL)
        a->cancel(a, r);
}

void authenticator_answer(struct auth_request *r, enum auth_verdict v)
{
    r->by = NULL;
    r->done(r, v);
}

bool authenticator_refused(struct client_authenticator *a, const struct auth_request *r)
{
    return a->refused != NULL && a->refused(a, r->generation);
}
