/* SPDX-License-Identifier: Apache-2.0 */
/* Records of a name in the DNS, as /etc/resolv.conf says who is asked; /etc/hosts is not looked at. */
#ifndef RECEIVER_DNS_QUERY_H
#define RECEIVER_DNS_QUERY_H

#include "base/buf.h"
#include "base/error.h"
#include "base/vec.h"

#include <netinet/in.h>

enum dns_type { DNS_A, DNS_AAAA, DNS_SRV, DNS_MX, DNS_NS, DNS_TYPES };

#define DNS_NAME 256

struct dns_record {
    char host[DNS_NAME]; /* SRV, MX, NS: a name, with its dot at the end; else an address */
    uint16_t port;       /* SRV; else 0 */
};

struct dns_records {
    VEC(struct dns_record) list;
};

#define DNS_MAX_RECORDS 2000u

/* Blocks, for some seconds at most. 0, with no record where the name has none; a negative errno and `err` when nobody
 * answers well. `server` NULL: those of the machine. */
int dns_query(const char *name, enum dns_type type, const struct sockaddr_in *server, struct dns_records *out,
              struct error *err);

/* The records of that type in an answer's message. False: it is broken. */
bool dns_answer_read(struct bytes message, enum dns_type type, struct dns_records *out);

#endif
