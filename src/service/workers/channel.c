/* SPDX-License-Identifier: Apache-2.0 */
/* Between the front and a worker: a message is one packet of a SOCK_SEQPACKET pair, whole or not at all, and may carry
 * a descriptor. What is too long for a packet goes in a file in memory whose descriptor is sent (channel_pack(),
 * channel_unpack()).
 *
 * What can go wrong: the other end has gone, or does not read and the pair is full: channel_send() says false, and the
 * caller knows which of them matters. A packet that is too short is no message; its descriptor is closed. A text that
 * is too long is cut. */
#include "service/workers/channel.h"

#include "base/unconst.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

bool channel_pair(int out[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, out) == 0;
}

bool channel_send(int fd, const struct channel_message *m, int file)
{
    struct iovec bytes = { unconst(m), offsetof(struct channel_message, text) + strlen(m->text) + 1 };
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { { 0 } };
    struct msghdr head = { .msg_iov = &bytes, .msg_iovlen = 1 };

    if (file >= 0) {
        struct cmsghdr *c;

        head.msg_control = control.space;
        head.msg_controllen = sizeof(control.space);
        c = CMSG_FIRSTHDR(&head);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &file, sizeof(file));
    }
    while (sendmsg(fd, &head, MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            return false;
    return true;
}

bool channel_say(int fd, enum channel_kind kind, int64_t number, const char *text)
{
    struct channel_message m = { .kind = kind, .number = number };
    size_t n = text != NULL ? strlen(text) : 0;

    n = n < sizeof(m.text) - 1 ? n : sizeof(m.text) - 1;
    if (n > 0)
        memcpy(m.text, text, n);
    return channel_send(fd, &m, -1);
}

static void take_file(struct msghdr *head, int *file)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(head);

    if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(file, CMSG_DATA(c), sizeof(*file));
}

int channel_receive(int fd, struct channel_message *m, int *file)
{
    struct iovec bytes = { m, sizeof(*m) };
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr head = {
        .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space)
    };
    ssize_t n;

    *file = -1;
    do
        n = recvmsg(fd, &head, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
    take_file(&head, file);
    if (n <= (ssize_t)offsetof(struct channel_message, text)) {
        if (*file >= 0)
            close(*file);
        *file = -1;
        return -1;
    }
    m->text[(size_t)n < sizeof(*m) ? (size_t)n - offsetof(struct channel_message, text) : sizeof(m->text) - 1] = '\0';
    return 1;
}

void channel_drain(uv_poll_t *poll, int fd, void (*take)(void *arg, const struct channel_message *m), void *arg)
{
    struct channel_message m;
    int file, rc;

    while ((rc = channel_receive(fd, &m, &file)) > 0) {
        if (file >= 0)
            close(file);
        take(arg, &m);
    }
    if (rc < 0)
        uv_poll_stop(poll);
}

int channel_pack(struct bytes data)
{
    int file = memfd_create("otelcd", MFD_CLOEXEC);

    while (file >= 0 && data.len > 0) {
        ssize_t n = write(file, data.data, data.len);

        if (n > 0) {
            data = bytes_skip(data, (size_t)n);
        } else if (n == 0 || errno != EINTR) {
            close(file);
            file = -1;
        }
    }
    return file;
}

bool channel_unpack(int file, struct buf *out)
{
    struct stat st = { 0 };
    off_t at = 0;

    if (file < 0)
        return false;
    if (fstat(file, &st) == 0 && st.st_size > 0)
        buf_reserve(out, (size_t)st.st_size);
    while (at < st.st_size) {
        ssize_t n = pread(file, out->data + out->len, (size_t)(st.st_size - at), at);

        if (n <= 0 && (n == 0 || errno != EINTR))
            break;
        at += n > 0 ? n : 0;
        out->len += n > 0 ? (size_t)n : 0;
    }
    close(file);
    return at == st.st_size;
}
