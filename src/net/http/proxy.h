/* SPDX-License-Identifier: Apache-2.0 */
/* What a proxy's URL says, and which proxy a request goes through by the environment: HTTP_PROXY, HTTPS_PROXY,
 * http_proxy, https_proxy, NO_PROXY, no_proxy (of two spellings the capitals count), as Go's net/http reads them. */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include "net/http/url.h"

enum proxy_kind { PROXY_HTTP, PROXY_HTTPS, PROXY_SOCKS5 };

struct proxy {
    enum proxy_kind kind;
    struct url url;
    struct bytes port; /* that it is reached at */
};

/* http://, https://, socks5:// or socks5h://, which are one: the proxy looks names up. Points into `text`. UV_EINVAL
 * and a sentence, without the userinfo, for all else. */
int proxy_parse(struct proxy *out, struct bytes text, struct error *err);

/* For a component's check(): what is wrong with the URL at `key` ("": none) is reported there. True: it is at https. */
struct check;
bool proxy_check(const char *url, const char *key, struct check *ck);

/* The proxy's URL for requests to host:port over http (https where `secure`), "" for none. Points into the environment.
 * HTTP_PROXY in capitals is not read when REQUEST_METHOD is set, for a CGI's client could have set it. */
const char *proxy_from_environment(struct bytes host, struct bytes port, bool secure);

/* True when `list` (no_proxy: names, .suffixes, addresses, blocks, each maybe with a port; "*") leaves host:port out.
 * localhost and loopback addresses are always left out. */
bool proxy_is_bypassed(const char *list, struct bytes host, struct bytes port);

#endif
