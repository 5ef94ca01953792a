/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at the other end of a socket. */
#ifndef NET_PEER_H
#define NET_PEER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define PEER_TEXT 56 /* room for every peer as text, its NUL included */

struct peer {
    sa_family_t family; /* AF_INET (an IPv4 address mapped into IPv6 too), AF_INET6, AF_UNIX; 0: gone already */
    uint16_t port;
    struct in6_addr address; /* IPv4: mapped */
};

struct peer peer_of(int fd);

/* "10.1.2.3:5678", "[2001:db8::1]:5678", "unix", "unknown" */
void peer_format(const struct peer *p, char *out, size_t cap);

/* Who has connected to this unix socket: the user that we are, or root. */
bool peer_is_own_user(int fd);

/* What two peers of one host have in common, as bytes for a hash. */
void peer_network(const struct peer *p, uint8_t out[16]);

/* The same machine, as far as an address can tell: all of an IPv6 /64 is one. */
bool peer_same_host(const struct peer *a, const struct peer *b);

#endif
