/* SPDX-License-Identifier: Apache-2.0 */
/* A Set-Cookie is read into a cookie, which takes the place of the one with its name and path; one that has ended
 * already only takes that one away. What goes with a request is what its path and scheme allow. */
#include "net/http/cookie_jar.h"

#include "base/loop/clock.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define COOKIES_MAX 50u
#define COOKIE_SIZE 4096u
#define FOR_EVER UINT64_MAX
#define LONGEST (400 * 86400ull) /* seconds */

struct cookie {
    struct list link;
    char *name, *value, *path;
    uint64_t ends; /* wall ns */
    bool secure;
};

/* As it is read. */
struct reading {
    struct bytes name, value, path;
    uint64_t ends;
    bool secure, has_max_age;
};

/* ---- reading ---- */

/* Up to `c`, trimmed; *rest is behind it. */
static struct bytes take_until(struct bytes *rest, char c)
{
    const uint8_t *at = rest->len > 0 ? memchr(rest->data, c, rest->len) : NULL;
    size_t n = at != NULL ? (size_t)(at - rest->data) : rest->len;
    struct bytes part = bytes_trim(bytes_of(rest->data, n));

    *rest = bytes_skip(*rest, n + (at != NULL));
    return part;
}

static bool has_control(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            return true;
    return false;
}

/* "Wed, 09 Jun 2027 10:18:14 GMT", also with dashes. 0: it is no date. */
static uint64_t date_of(struct bytes text)
{
    char copy[48];
    struct tm tm = { 0 };
    time_t t;

    if (text.len >= sizeof(copy))
        return 0;
    snprintf(copy, sizeof(copy), "%.*s", (int)text.len, (const char *)text.data);
    for (char *p = copy; *p != '\0'; p++)
        if (*p == '-')
            *p = ' ';
    if (strptime(copy, "%a, %d %b %Y %H:%M:%S", &tm) == NULL)
        return 0;
    t = timegm(&tm);
    return t > 0 ? (uint64_t)t * NS_PER_S : 1;
}

static uint64_t age_of(struct bytes text, uint64_t now)
{
    uint64_t seconds = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return i == 0 && text.data[0] == '-' ? 1 : 0;
        seconds = seconds < LONGEST ? seconds * 10 + (uint64_t)(text.data[i] - '0') : LONGEST;
    }
    return text.len == 0 ? 0 : seconds == 0 ? 1 : now + (seconds < LONGEST ? seconds : LONGEST) * NS_PER_S;
}

/* False: it is for somebody else. */
static bool is_own_domain(struct bytes domain, struct bytes host)
{
    struct in_addr four;
    char copy[64];

    if (domain.len > 0 && domain.data[0] == '.')
        domain = bytes_skip(domain, 1);
    if (domain.len == 0 || bytes_equal_nocase(domain, host))
        return true;
    if (domain.len >= host.len || host.data[host.len - domain.len - 1] != '.')
        return false;
    snprintf(copy, sizeof(copy), "%.*s", (int)host.len, (const char *)host.data);
    return inet_pton(AF_INET, copy, &four) != 1 && bytes_equal_nocase(bytes_skip(host, host.len - domain.len), domain);
}

/* False: the cookie is not for us. */
static bool read_attribute(struct reading *c, struct bytes name, struct bytes value, struct bytes host, uint64_t now)
{
    uint64_t ends = 0;

    if (bytes_equal_nocase(name, bytes_str("secure"))) {
        c->secure = true;
    } else if (bytes_equal_nocase(name, bytes_str("path")) && value.len > 0 && value.data[0] == '/') {
        c->path = value;
    } else if (bytes_equal_nocase(name, bytes_str("domain"))) {
        return is_own_domain(value, host);
    } else if (bytes_equal_nocase(name, bytes_str("max-age")) && (ends = age_of(value, now)) > 0) {
        c->ends = ends;
        c->has_max_age = true;
    } else if (bytes_equal_nocase(name, bytes_str("expires")) && !c->has_max_age && (ends = date_of(value)) > 0) {
        c->ends = ends;
    }
    return true;
}

/* The folder that the request's path is in. */
static struct bytes folder_of(struct bytes path)
{
    const uint8_t *slash = path.len > 0 ? memrchr(path.data, '/', path.len) : NULL;

    return slash == NULL || slash == path.data ? bytes_str("/") : bytes_of(path.data, (size_t)(slash - path.data));
}

static bool read_cookie(struct reading *c, struct bytes text, const struct cookie_request *r, uint64_t now)
{
    struct bytes pair = take_until(&text, ';');

    *c = (struct reading){ .path = folder_of(r->path), .ends = FOR_EVER };
    if (pair.len == 0 || memchr(pair.data, '=', pair.len) == NULL || has_control(pair))
        return false;
    c->name = take_until(&pair, '=');
    c->value = bytes_trim(pair);
    while (text.len > 0) {
        struct bytes value = take_until(&text, ';'), name = take_until(&value, '=');

        if (!read_attribute(c, name, bytes_trim(value), r->host, now))
            return false;
    }
    return c->name.len > 0 && c->name.len + c->value.len + c->path.len <= COOKIE_SIZE && !has_control(c->path);
}

/* ---- the jar ---- */

static void drop_cookie(struct cookie_jar *jar, struct cookie *c)
{
    list_remove(&c->link);
    jar->n--;
    free(c->name);
    free(c->value);
    free(c->path);
    free(c);
}

void cookie_jar_init(struct cookie_jar *jar)
{
    list_init(&jar->cookies);
    jar->n = 0;
}

void cookie_jar_free(struct cookie_jar *jar)
{
    list_each (struct cookie, c, &jar->cookies, link)
        drop_cookie(jar, c);
}

void cookie_jar_take(struct cookie_jar *jar, struct bytes set_cookie, const struct cookie_request *r, uint64_t now)
{
    struct reading read;
    struct cookie *new, *oldest;

    if (!read_cookie(&read, set_cookie, r, now))
        return;
    list_each (struct cookie, c, &jar->cookies, link)
        if (bytes_is(read.name, c->name) && bytes_is(read.path, c->path))
            drop_cookie(jar, c);
    if (read.ends <= now)
        return;
    oldest = list_first(&jar->cookies, struct cookie, link);
    if (jar->n == COOKIES_MAX && oldest != NULL)
        drop_cookie(jar, oldest);
    new = mem_zalloc(sizeof(*new));
    new->name = bytes_dup(read.name);
    new->value = bytes_dup(read.value);
    new->path = bytes_dup(read.path);
    new->ends = read.ends;
    new->secure = read.secure;
    list_push(&jar->cookies, &new->link);
    jar->n++;
}

static bool path_matches(const char *own, struct bytes path)
{
    size_t n = strlen(own);

    return path.len >= n && memcmp(path.data, own, n) == 0 &&
           (path.len == n || own[n - 1] == '/' || path.data[n] == '/');
}

void cookie_jar_put(struct cookie_jar *jar, const struct cookie_request *r, uint64_t now, struct buf *out)
{
    size_t before = out->len;

    list_each (struct cookie, c, &jar->cookies, link) {
        if (c->ends <= now) {
            drop_cookie(jar, c);
            continue;
        }
        if ((c->secure && !r->secure) || !path_matches(c->path, r->path))
            continue;
        if (out->len > before)
            buf_puts(out, "; ");
        buf_printf(out, "%s=%s", c->name, c->value);
    }
}
