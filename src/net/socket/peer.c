/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4 addresses are kept as IPv6 maps them, so that one comparison serves both. */
#include "net/socket/peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PREFIX 8 /* bytes of an IPv6 address that name a network, whose every address one machine may use */

struct peer peer_of(int fd)
{
    struct sockaddr_storage addr = { 0 };
    const struct sockaddr_in *in = (const struct sockaddr_in *)&addr;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&addr;
    socklen_t len = sizeof(addr);
    struct peer p = { 0 };

    if (getpeername(fd, (struct sockaddr *)&addr, &len) != 0)
        return p;
    p.family = addr.ss_family;
    if (p.family == AF_INET) {
        p.port = ntohs(in->sin_port);
        p.address.s6_addr[10] = p.address.s6_addr[11] = 0xff;
        memcpy(p.address.s6_addr + 12, &in->sin_addr, sizeof(in->sin_addr));
    } else if (p.family == AF_INET6) {
        p.port = ntohs(in6->sin6_port);
        p.address = in6->sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(&p.address))
            p.family = AF_INET;
    }
    return p;
}

void peer_format(const struct peer *p, char *out, size_t cap)
{
    char host[INET6_ADDRSTRLEN] = "";

    if (p->family == AF_INET) {
        inet_ntop(AF_INET, p->address.s6_addr + 12, host, sizeof(host));
        snprintf(out, cap, "%s:%u", host, p->port);
    } else if (p->family == AF_INET6) {
        inet_ntop(AF_INET6, &p->address, host, sizeof(host));
        snprintf(out, cap, "[%s]:%u", host, p->port);
    } else {
        snprintf(out, cap, "%s", p->family == AF_UNIX ? "unix" : "unknown");
    }
}

bool peer_is_own_user(int fd)
{
    struct ucred who = { .uid = (uid_t)-1 };
    socklen_t len = sizeof(who);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && (who.uid == 0 || who.uid == geteuid());
}

void peer_network(const struct peer *p, uint8_t out[16])
{
    memcpy(out, &p->address, sizeof(p->address));
    if (p->family == AF_INET6)
        memset(out + PREFIX, 0, sizeof(p->address) - PREFIX);
}

bool peer_same_host(const struct peer *a, const struct peer *b)
{
    uint8_t x[16], y[16];

    peer_network(a, x);
    peer_network(b, y);
    return a->family == b->family && memcmp(x, y, sizeof(x)) == 0;
}
