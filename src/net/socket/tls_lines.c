/* SPDX-License-Identifier: Apache-2.0 */
/* A peer's line is found by a hash of its network, so nothing is kept of a peer that has left. */
#include "net/socket/tls_lines.h"

#include "base/bytes.h"

void tls_lines_init(struct tls_lines *l, uint64_t seed)
{
    *l = (struct tls_lines){ .seed = seed };
    for (size_t i = 0; i < TLS_LINES; i++)
        list_init(&l->line[i]);
}

void tls_lines_join(struct tls_lines *l, const struct peer *peer, struct list *member)
{
    struct {
        uint64_t seed;
        uint8_t network[16];
    } key = { l->seed, { 0 } };

    peer_network(peer, key.network);
    list_push(&l->line[bytes_hash(bytes_of(&key, sizeof(key))) % TLS_LINES], member);
    l->n++;
}

struct list *tls_lines_take(struct tls_lines *l)
{
    struct list *head, *first;

    if (l->n == 0)
        return NULL;
    do {
        head = &l->line[l->next];
        l->next = (l->next + 1) % TLS_LINES;
    } while (list_empty(head));
    first = head->next;
    list_remove(first);
    l->n--;
    return first;
}

void tls_lines_leave(struct tls_lines *l, struct list *member)
{
    if (!list_linked(member))
        return;
    list_remove(member);
    l->n--;
}
