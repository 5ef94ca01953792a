/* SPDX-License-Identifier: Apache-2.0 */
/* A batch's segments are put end to end, encoded (JSON or protobuf, compressed or not) and written; grouped, each
 * group by itself, and all of them or none: a failure takes back what the batch has written to any file. What can
 * never be written (a name that is no file's, one file too many) is left out and counted instead, for the sender to
 * be told. */
#include "exporter/file/file_writer.h"

#include "base/mem.h"
#include "codec/compress.h"
#include "exporter/file/file_group.h"
#include "exporter/file/file_rotate.h"
#include "otlp/json.h"
#include "otlp/validate.h"

#include <errno.h>
#include <stdlib.h>

#define SCRATCH_KEPT (4u << 20) /* bytes of a scratch buffer that one long message does not leave larger */

struct file_writer {
    struct file_writer_options options;
    char *path, *attribute;
    atomic_bool cancelled;
    struct file_output output;      /* not grouped */
    struct file_outputs outputs;    /* grouped */
    struct buf wire, text, message; /* scratch */
    uint64_t bytes;
};

struct file_writer *file_writer_new(const struct file_writer_options *o)
{
    struct file_writer *w = mem_zalloc(sizeof(*w));

    w->options = *o;
    w->path = mem_strdup(o->path);
    w->attribute = o->group_attribute != NULL ? mem_strdup(o->group_attribute) : NULL;
    atomic_init(&w->cancelled, false);
    w->output = (struct file_output){
        .path = w->path,
        .fd = -1,
        .lines = !o->proto && !o->zstd,
        .mode = o->mode,
        .rotation = &w->options.rotation,
        .cancelled = &w->cancelled,
    };
    if (w->attribute != NULL)
        file_outputs_init(&w->outputs, &w->output, o->append || o->rotation.max_bytes != 0, o->max_open_files,
                          o->max_files);
    return w;
}

void file_writer_free(struct file_writer *w)
{
    file_output_close(&w->output);
    if (w->attribute != NULL)
        file_outputs_free(&w->outputs);
    buf_free(&w->wire);
    buf_free(&w->text);
    buf_free(&w->message);
    free(w->path);
    free(w->attribute);
    free(w);
}

int file_writer_open(struct file_writer *w, struct error *err)
{
    int rc;

    if (w->attribute != NULL)
        return 0;
    rc = file_output_open(&w->output, !w->options.append && w->options.rotation.max_bytes == 0, err);
    if (rc == 0 && w->options.rotation.max_bytes != 0)
        file_remove_backups(w->path, &w->options.rotation);
    return rc;
}

bool file_writer_was_moved(const struct file_writer *w)
{
    return w->attribute != NULL || file_output_was_moved(&w->output);
}

void file_writer_cancel(struct file_writer *w)
{
    atomic_store(&w->cancelled, true);
}

uint64_t file_writer_bytes(const struct file_writer *w)
{
    return w->bytes;
}

uint64_t file_writer_rotated(const struct file_writer *w)
{
    return w->attribute != NULL ? file_outputs_rotated(&w->outputs) : w->output.rotated;
}

/* --- encoding --- */

static void scratch_clear(struct buf *b)
{
    b->len = 0;
    if (b->cap > SCRATCH_KEPT)
        buf_free(b);
}

/* A batch as one run of bytes: its own where it has one segment. */
static struct bytes join_batch(struct file_writer *w, const struct batch *b)
{
    if (b->n_segments == 1)
        return bytes_of(b->segments[0].data, b->segments[0].len);
    w->wire.len = 0;
    for (uint32_t i = 0; i < b->n_segments; i++)
        buf_append(&w->wire, b->segments[i].data, b->segments[i].len);
    return buf_bytes(&w->wire);
}

/* One request into w->message, as it stands in the file. */
static int encode_request(struct file_writer *w, enum signal signal, struct bytes wire, struct error *err)
{
    struct bytes content = wire;
    int rc = 0;

    w->message.len = 0;
    if (!w->options.proto) {
        struct buf *json = w->options.zstd ? &w->text : &w->message;

        json->len = 0;
        rc = wire_to_json(signal_table[signal].request, wire, json, err);
        content = buf_bytes(json);
    }
    if (rc == 0 && w->output.lines) {
        buf_putc(&w->message, '\n');
        return 0;
    }
    (void)buf_reserve(&w->message, 4);
    w->message.len = 4;
    if (rc == 0 && w->options.zstd)
        rc = deflate_buf(CODING_ZSTD, 0, content, &w->message, err);
    else if (rc == 0)
        buf_put(&w->message, content);
    if (rc == 0 && w->message.len - 4 > UINT32_MAX)
        rc = error_set(err, -EFBIG, "a message longer than its length can say");
    for (unsigned i = 0; i < 4; i++)
        w->message.data[i] = (uint8_t)((w->message.len - 4) >> (24 - 8 * i));
    return rc;
}

/* --- writing --- */

static uint64_t items_in(enum signal signal, struct bytes request)
{
    struct validation v;

    return otlp_validate(signal, request, &v) ? v.items : 0;
}

/* For these no second try is of use. */
static bool is_final(int rc)
{
    return rc == -ENAMETOOLONG || rc == -EINVAL || rc == -EISDIR || rc == -ENOTDIR || rc == -EILSEQ || rc == -ELOOP;
}

static int write_message(struct file_writer *w, struct file_output *o, struct error *err)
{
    int rc = file_output_write(o, buf_bytes(&w->message), err);

    if (rc == 0)
        w->bytes += w->message.len;
    return rc;
}

static void write_whole(struct file_writer *w, const struct batch *batch, struct file_written *out)
{
    if (encode_request(w, batch->signal, join_batch(w, batch), &out->err) != 0)
        out->rejected = batch->items;
    else
        out->rc = write_message(w, &w->output, &out->err);
}

/* One group's request, into its file. */
static int write_group(struct file_writer *w, enum signal signal, struct bytes segment, struct bytes request,
                       struct error *err)
{
    struct file_output *o;
    int rc = encode_request(w, signal, request, err);

    if (rc != 0)
        return -EINVAL;
    rc = file_outputs_get(&w->outputs, segment, &o, err);
    if (rc == 0)
        rc = write_message(w, o, err);
    if (rc == 0)
        file_outputs_mark(&w->outputs, o);
    return rc;
}

/* All groups, or none but those that can never be written: what is in the files already is taken back. */
static void write_groups(struct file_writer *w, const struct batch *batch, struct file_written *out)
{
    struct file_groups groups;
    struct bytes segment, request;
    uint64_t before = w->bytes;
    int rc;

    file_groups_init(&groups, join_batch(w, batch), bytes_str(w->attribute));
    file_outputs_begin(&w->outputs);
    while (out->rc == 0 && file_groups_next(&groups, &segment, &request)) {
        if (segment.data == NULL) {
            out->missing += items_in(batch->signal, request);
            continue;
        }
        rc = write_group(w, batch->signal, segment, request, &out->err);
        if (rc == FILE_OUTPUTS_FULL)
            out->excess += items_in(batch->signal, request);
        else if (is_final(rc))
            out->rejected += items_in(batch->signal, request);
        else
            out->rc = rc;
    }
    if (out->rc != 0) {
        file_outputs_take_back(&w->outputs);
        w->bytes = before;
    }
    file_groups_free(&groups);
}

void file_writer_write(struct file_writer *w, const struct batch *batch, struct file_written *out)
{
    *out = (struct file_written){ 0 };
    if (w->attribute != NULL)
        write_groups(w, batch, out);
    else
        write_whole(w, batch, out);
    if (out->rc != 0)
        out->missing = out->excess = out->rejected = 0;
    scratch_clear(&w->wire);
    scratch_clear(&w->text);
    scratch_clear(&w->message);
}
