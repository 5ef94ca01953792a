/* SPDX-License-Identifier: Apache-2.0 */
/* Which proxy a request goes through, by the environment: HTTP_PROXY, HTTPS_PROXY, http_proxy, https_proxy, NO_PROXY,
 * no_proxy (of two spellings the capitals count), as Go's net/http reads them. */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include "base/bytes.h"

/* The proxy's URL for requests to host:port over http (https where `secure`), "" for none. Points into the environment.
 * HTTP_PROXY in capitals is not read when REQUEST_METHOD is set, for a CGI's client could have set it. */
const char *proxy_from_environment(struct bytes host, struct bytes port, bool secure);

/* True when `list` (no_proxy: names, .suffixes, addresses, blocks, each maybe with a port; "*") leaves host:port out.
 * localhost and loopback addresses are always left out. */
bool proxy_is_bypassed(const char *list, struct bytes host, struct bytes port);

#endif
