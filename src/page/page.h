/* SPDX-License-Identifier: Apache-2.0 */
/* Pages for people and probes, each answered whole, or for as long as somebody watches.
 *
 * What is taken is bounded: so many requests are answered at a time (PAGES_MAX), and when there are more, the one that
 * has not read its answer for longest makes room. */
#ifndef PAGE_PAGE_H
#define PAGE_PAGE_H

#include "base/list.h"
#include "base/buf.h"
#include "net/message/message.h"

#define PAGES_MAX ((size_t)64)

struct page_set;
struct page;

/* What is done for a page that lasts. */
struct page_work {
    void (*on_writable)(struct page *page); /* after http_respond_write() said false */
    void (*on_gone)(struct page *page);     /* the page is freed after it */
    void (*on_dismiss)(struct page *page);  /* end the answer: what it came by closes */
};

/* A request, until it is closed. */
struct page {
    struct list link; /* in the set's `open`, oldest first */
    struct page_set *set;
    struct http_request *req;
    bool lasting;                 /* page_last() */
    const struct page_work *work; /* of one that lasts; NULL: the set's callbacks are called */
    void *context;                /* of `work`, or of whoever made the set */
};

struct page_set {
    struct http_service service; /* what a server is given */
    struct list open;
    size_t n_open, n_lasting;
    void *owner;        /* of whoever made it */
    const char *policy; /* content-security-policy of HTML; NULL at the beginning: nothing is loaded or run */
    void (*on_page)(struct page_set *s, struct page *page); /* answer it, now or later */
    /* For who reads bodies; NULL: they are not read, and on_page has answered. */
    void (*on_body)(struct page *page, struct bytes data);
    void (*on_end)(struct page *page);
    void (*on_writable)(struct page *page); /* after http_respond_write() said false; may be NULL */
    void (*on_gone)(struct page *page);     /* the page is freed after it; may be NULL */
};

void page_set_init(struct page_set *s); /* its callbacks and policy are set before */

/* Its answer takes its time: it makes no room for others, and ends with its peer. Whoever calls it bounds their number.
 */
void page_last(struct page *page);

/* All of the set that have work are told to end, before what they came by closes. */
void page_set_dismiss(struct page_set *s);

/* An answer in pieces begins (200); http_respond_write() and http_respond_end() follow. */
void page_begin(struct page *page, const char *content_type);

/* The whole answer, once, unless the protocol has answered before. HTML goes with the policy. */
void page_answer(struct page *page, int status, const char *content_type, struct bytes body);
void page_answer_text(struct page *page, int status, const char *text);

/* Append the value of a parameter of a query, "%2F" as "/"; false: it is not there. "?x" is x with an empty one. */
bool query_parameter(struct bytes query, const char *name, struct buf *value);
bool page_parameter(const struct page *page, const char *name, struct buf *value); /* of its request */

#endif
