/* SPDX-License-Identifier: Apache-2.0 */
/* Which signal a path of OTLP/HTTP is for.
 *
 * The paths that are configured are compared first, as they came: nearly every request ends there. What is left is
 * compared once more in its clean form (no "//", ".", "..", no needless %XX), since HTTP servers at large redirect or
 * serve those, and senders whose base URL ends in a slash make them. A path that is still unknown may be a signal's
 * path behind another's: the URL of a signal was given where the base belongs. */
#include "receiver/otlp/otlp.h"

#include "net/http/url.h"

static enum signal signal_at(const struct otlp *r, struct bytes path)
{
    for (int s = 0; s < SIGNAL_COUNT; s++)
        if (r->node.out[s] != NULL && bytes_is(path, r->paths[s]))
            return (enum signal)s;
    return SIGNAL_COUNT;
}

static struct bytes next_segment(struct bytes *path)
{
    const uint8_t *slash = memchr(path->data, '/', path->len);
    struct bytes segment = bytes_of(path->data, slash != NULL ? (size_t)(slash - path->data) : path->len);

    *path = bytes_skip(*path, segment.len + (slash != NULL));
    return segment;
}

/* Back to before the last slash. */
static void drop_segment(struct buf *path)
{
    while (path->len > 0 && path->data[--path->len] != '/')
        ;
}

/* A slash that was written as %2F is part of a name: it stays as it is, and matches nothing. */
static void put_segment(struct buf *to, struct bytes segment)
{
    size_t mark = to->len;

    buf_putc(to, '/');
    url_put_unescaped(to, segment);
    if (memchr(to->data + mark + 1, '/', to->len - mark - 1) == NULL)
        return;
    to->len = mark + 1;
    buf_put(to, segment);
}

/* A slash at the end stays: such a path is another one. */
static void put_clean(struct buf *to, struct bytes path)
{
    bool slash = path.data[path.len - 1] == '/';

    while (path.len > 0) {
        struct bytes segment = next_segment(&path);

        if (bytes_is(segment, ".."))
            drop_segment(to);
        else if (segment.len > 0 && !bytes_is(segment, "."))
            put_segment(to, segment);
    }
    if (slash)
        buf_putc(to, '/');
}

enum signal otlp_path_signal(struct otlp *r, struct bytes path)
{
    enum signal s = signal_at(r, path);

    if (s != SIGNAL_COUNT || path.len == 0 || path.data[0] != '/')
        return s;
    r->scratch.len = 0;
    put_clean(&r->scratch, path);
    return signal_at(r, buf_bytes(&r->scratch));
}

static bool begins_with(struct bytes path, const char *with)
{
    size_t len = strlen(with);

    return path.len > len && memcmp(path.data, with, len) == 0;
}

const char *otlp_path_doubled(const struct otlp *r, struct bytes path)
{
    for (int s = 0; s < SIGNAL_COUNT; s++)
        if (begins_with(path, r->paths[s]) && signal_at(r, bytes_skip(path, strlen(r->paths[s]))) != SIGNAL_COUNT)
            return r->paths[s];
    return NULL;
}
