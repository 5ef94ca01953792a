/* SPDX-License-Identifier: Apache-2.0 */
/* What a record of the queue on disk holds: the length of what is known of the client, that, the request. */
#include "queue/disk_store.h"

#include "codec/pb.h"
#include "otlp/metadata.h"
#include "otlp/validate.h"

void disk_record_front(struct buf *out, const struct metadata *m)
{
    uint32_t len = 0;

    buf_append(out, &len, sizeof(len));
    for (uint32_t i = 0; m != NULL && i < m->n; i++) {
        pb_put_bytes(out, 1, m->entries[i].name);
        pb_put_bytes(out, 2, m->entries[i].value);
    }
    len = (uint32_t)(out->len - sizeof(len));
    memcpy(out->data, &len, sizeof(len));
}

static struct metadata *read_front(struct bytes front)
{
    VEC(struct metadata_entry) entries = { 0 };
    struct metadata_entry e = { 0 };
    struct pb_reader r = pb_reader(front);
    struct metadata *m;

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.wire != PB_LEN)
            continue;
        if (f.number == 1) {
            e.name = f.bytes;
        } else {
            e.value = f.bytes;
            *vec_push(&entries) = e;
        }
    }
    m = metadata_new(entries.v, (uint32_t)entries.n);
    vec_free(&entries);
    return m;
}

/* What this process has written was valid, and its checksum is right. Of what was there before, the checksum speaks,
 * not the program that wrote it: look again. */
static bool is_valid(const struct disk_store *d, const struct wal_read *r, struct bytes content)
{
    struct validation v;

    return r->seq > d->inherited || (otlp_validate((enum signal)r->kind, content, &v) && v.items == r->items);
}

struct batch *disk_record_batch(const struct disk_store *d, const struct wal_read *r)
{
    struct bytes content = r->content, front;
    struct batch *b;
    uint32_t len;

    if (content.len < sizeof(len) || r->kind >= SIGNAL_COUNT)
        return NULL;
    memcpy(&len, content.data, sizeof(len));
    content = bytes_skip(content, sizeof(len));
    if (len > content.len)
        return NULL;
    front = bytes_of(content.data, len);
    content = bytes_skip(content, len);
    if (!is_valid(d, r, content))
        return NULL;
    b = batch_new((enum signal)r->kind, r->block, content, r->items,
                  clock_mono(&d->store.sender->node->host->loop->clock));
    b->metadata = read_front(front);
    return b;
}
