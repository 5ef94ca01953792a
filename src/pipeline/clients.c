/* SPDX-License-Identifier: Apache-2.0 */
/* Mostly a request comes from whom the one before came from, which two comparisons of text find out. Else it is found
 * by a hash among 64 numbers; texts are compared too, for hashes of strangers' texts may be made alike.
 *
 * What can go wrong: more of them than there is room for, one with each request even. Each then takes the place of the
 * one that has been quiet longest, which costs a second look through the table and nothing else. */
#include "pipeline/clients.h"

#include "base/loop/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct identity {
    uint64_t hash;
    struct bytes address, agent;
    const char *transport;
};

/* "10.1.2.3:5678" without its port; "unix" has none. */
static struct bytes address_of(const char *peer)
{
    const char *colon = strrchr(peer, ':');

    return bytes_of(peer, colon != NULL ? (size_t)(colon - peer) : strlen(peer));
}

static struct bytes cut_text(struct bytes text, size_t room)
{
    return bytes_of(text.data, text.len < room ? text.len : room - 1);
}

static struct identity identity_of(const char *peer, struct bytes agent, const char *transport)
{
    return (struct identity){ .address = cut_text(address_of(peer), sizeof(((struct client *)0)->address)),
                              .agent = cut_text(agent, sizeof(((struct client *)0)->agent)),
                              .transport = transport };
}

static uint64_t hash_of(const struct identity *id)
{
    return bytes_hash(id->address) * 31 + bytes_hash(id->agent) + (uint8_t)id->transport[0];
}

static struct identity identity_of_request(const struct http_request *req, const char *transport)
{
    const struct bytes *agent = http_request_header(req, "user-agent");

    return identity_of(http_request_peer(req), agent != NULL ? *agent : bytes_of(NULL, 0), transport);
}

static bool is_client(const struct client *c, const struct identity *id)
{
    return c->transport == id->transport && bytes_is(id->address, c->address) && bytes_is(id->agent, c->agent);
}

static size_t find_quiet(const struct clients *c)
{
    size_t quiet = 0;

    for (size_t i = 1; i < c->n; i++)
        if (c->v[i].last < c->v[quiet].last)
            quiet = i;
    return quiet;
}

static size_t make_client(struct clients *c, const struct identity *id)
{
    size_t at = c->n;

    if (c->n == CLIENTS_MOST) {
        at = find_quiet(c);
        c->forgotten++;
    } else {
        if ((c->n & (c->n - 1)) == 0) /* room for 1, 2, 4, ... */
            c->v = mem_realloc(c->v, (c->n == 0 ? 1 : 2 * c->n) * sizeof(*c->v));
        c->n++;
    }
    c->v[at] = (struct client){ .hash = id->hash, .transport = id->transport, .protocol = "", .reason = "" };
    snprintf(c->v[at].address, sizeof(c->v[at].address), "%.*s", (int)id->address.len, (const char *)id->address.data);
    snprintf(c->v[at].agent, sizeof(c->v[at].agent), "%.*s", (int)id->agent.len, (const char *)id->agent.data);
    return at;
}

static size_t find_client(const struct clients *c, const struct identity *id)
{
    size_t at = 0;

    while (at < c->n && (c->v[at].hash != id->hash || !is_client(&c->v[at], id)))
        at++;
    return at;
}

static struct client *get_client(struct clients *c, struct identity *id, uint64_t now)
{
    if (c->latest >= c->n || !is_client(&c->v[c->latest], id)) {
        id->hash = hash_of(id);
        c->latest = find_client(c, id);
        if (c->latest == c->n)
            c->latest = make_client(c, id);
    }
    c->v[c->latest].last = now;
    return &c->v[c->latest];
}

static const char *protocol_of(const struct http_request *req)
{
    static const struct {
        const char *type, *name;
    } known[] = { { "application/grpc", "grpc" },
                  { "application/json", "http/json" },
                  { "application/x-protobuf", "http/protobuf" } };
    const struct bytes *type = http_request_header(req, "content-type");

    for (size_t i = 0; i < ARRAY_LEN(known) && type != NULL; i++)
        if (type->len >= strlen(known[i].type) && memcmp(type->data, known[i].type, strlen(known[i].type)) == 0)
            return known[i].name;
    return req->http2 ? "http/2, of another type" : "http/1.1, of another type";
}

void clients_saw(struct clients *c, const struct http_request *req, const char *transport, uint64_t now)
{
    struct identity id = identity_of_request(req, transport);
    struct client *client = get_client(c, &id, now);

    client->requests++;
    if (client->protocol[0] == '\0')
        client->protocol = protocol_of(req);
}

#define DATED_EVERY NS_PER_S

bool clients_dating(struct clients *c, uint64_t now)
{
    struct client *client = c->latest < c->n ? &c->v[c->latest] : NULL;

    if (client == NULL || (client->dated > 0 && now - client->dated < DATED_EVERY))
        return false;
    client->dated = now;
    return true;
}

void clients_dated(struct clients *c, const struct http_request *req, const char *transport, uint64_t now,
                   int64_t ahead)
{
    struct identity id = identity_of_request(req, transport);
    struct client *client = get_client(c, &id, now);

    client->dated = now;
    client->has_time = true;
    client->ahead = ahead;
}

static void note_refusal(struct client *client, uint64_t now, const char *reason, const char *why)
{
    client->refused++;
    client->erred = now;
    client->reason = reason;
    snprintf(client->error, sizeof(client->error), "%s", why);
}

void clients_refused(struct clients *c, const struct http_request *req, const char *transport, uint64_t now,
                     const char *reason, const char *why)
{
    struct identity id = identity_of_request(req, transport);

    note_refusal(get_client(c, &id, now), now, reason, why);
}

void clients_broke(struct clients *c, const char *peer, const char *transport, uint64_t now, const char *reason,
                   const char *why)
{
    struct identity id = identity_of(peer, bytes_of(NULL, 0), transport);

    note_refusal(get_client(c, &id, now), now, reason, why);
}

void clients_free(struct clients *c)
{
    free(c->v);
    *c = (struct clients){ 0 };
}
