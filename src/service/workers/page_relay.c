/* SPDX-License-Identifier: Apache-2.0 */
/* The request is made again on a socket to the worker; its answer is kept until it is whole, and given as it is.
 *
 * What can go wrong: there is no such worker, or it does not run now; it ends, or answers with what cannot be read or
 * is too long. That is said. Whoever asked goes away: then the worker hears it by its socket. */
#include "service/workers/page_relay.h"

#include "base/loop/loop.h"
#include "base/mem.h"
#include "net/http1/response_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST ((size_t)16 << 20)

struct page_relay {
    struct page *page;
    int fd;
    uv_poll_t *poll;
    struct response_reader reader;
};

static void free_poll(uv_handle_t *handle)
{
    free(handle);
}

static void free_relay(struct page_relay *r)
{
    uv_close((uv_handle_t *)r->poll, free_poll);
    close(r->fd);
    response_reader_free(&r->reader);
    r->page->context = NULL;
    r->page->work = NULL;
    free(r);
}

static void answer_gone(struct page_relay *r)
{
    struct page *page = r->page;

    free_relay(r);
    page_answer_text(page, 502, "502 the worker did not answer: ask again\n");
}

static void answer_whole(struct page_relay *r)
{
    const struct http1_head *head = &r->reader.head;
    struct page *page = r->page;
    struct buf body = r->reader.body;
    bool text = head->status != 200;
    int status = head->status;

    r->reader.body = (struct buf){ 0 };
    free_relay(r);
    page_answer(page, status, text ? "text/plain; charset=utf-8" : "application/octet-stream", buf_bytes(&body));
    buf_free(&body);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct page_relay *r = poll->data;
    uint8_t data[16384];
    const char *why;
    ssize_t n = recv(r->fd, data, sizeof(data), 0);
    enum response_progress progress = RESPONSE_BROKEN;

    (void)status;
    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        progress = response_reader_take(&r->reader, bytes_of(data, (size_t)n), &why);
    else if (n == 0)
        progress = response_reader_end(&r->reader);
    if (progress == RESPONSE_GOES_ON)
        return;
    if (progress == RESPONSE_DONE && r->reader.thrown == 0)
        answer_whole(r);
    else
        answer_gone(r);
}

static void on_gone(struct page *page)
{
    free_relay(page->context);
}

static void on_dismiss(struct page *page)
{
    answer_gone(page->context);
}

static const struct page_work relaying = { NULL, on_gone, on_dismiss };

static bool ask_worker(int fd, const char *target)
{
    char *request = mem_printf("GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", target);
    size_t n = strlen(request);
    bool sent = send(fd, request, n, MSG_NOSIGNAL) == (ssize_t)n;

    free(request);
    return sent;
}

void page_relay_begin(struct front *f, struct loop *loop, const struct view_inside *inside, struct page *page)
{
    struct page_relay *r;
    uv_poll_t *poll = mem_zalloc(sizeof(*poll));
    int fd = front_dial_one(f, inside->worker, inside->door);

    if (fd < 0 || !ask_worker(fd, inside->target) || uv_poll_init(&loop->uv, poll, fd) != 0) {
        free(poll);
        if (fd >= 0)
            close(fd);
        page_answer_text(page, 503, "503 there is no such worker, or it does not run now\n");
        return;
    }
    r = mem_zalloc(sizeof(*r));
    r->page = page;
    r->fd = fd;
    r->poll = poll;
    poll->data = r;
    response_reader_begin(&r->reader, MOST, NULL, NULL);
    page->context = r;
    page->work = &relaying;
    page_last(page);
    uv_poll_start(poll, UV_READABLE, on_readable);
}
