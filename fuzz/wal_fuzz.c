/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as the segments of a log: it opens (or says that a newer program wrote it), reads to the end, takes a
 * record and gives it back at the next start. The first byte says where the bytes are cut into two segments. */
#include "support/sim_fs.h"
#include "wal/wal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct loop loop;
static struct log_sink sink;
static struct logger quiet;
static struct budget budget;

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void run(void)
{
    turn_run(&loop.turn);
    while (uv_run(&loop.uv, UV_RUN_ONCE) != 0 || loop.turn.head != NULL)
        turn_run(&loop.turn);
    turn_run(&loop.turn);
}

struct reading {
    struct wal_read r;
    int status;
};

static void on_read(struct wal_read *r, int status)
{
    container_of(r, struct reading, r)->status = status;
}

static void on_done(struct wal_append *a, int status)
{
    require(status == 0 && a->seq > 0);
}

static void on_closed(void *arg)
{
    (void)arg;
}

static bool is_ours(struct bytes content)
{
    return bytes_is(content, "the record that was appended");
}

/* Ascending, and apart. */
static void check_pieces(const struct wal *w, uint64_t seq)
{
    const struct wal_piece *p;
    size_t n;

    p = wal_pieces(w, seq, &n);
    for (size_t i = 0; i < n; i++)
        require(p[i].seq == seq && p[i].first <= p[i].last && (i == 0 || p[i].first > p[i - 1].last));
}

/* The first item of a record with several is done with: at the next start it still is, or the record is not there. */
static void settle_first(struct wal *w, const struct wal_read *r)
{
    struct wal_part part = { .seq = r->seq, .items = r->items, .first = 0, .n = 1 };
    const struct wal_piece *p;
    size_t n;

    if (r->items < 2 || is_ours(r->content))
        return;
    p = wal_pieces(w, r->seq, &n);
    if (n == 0 || p->first > 0)
        wal_settle_part(w, &part, 1, NULL, 0);
}

/* True when what was appended is there. */
static bool read_all(struct wal *w)
{
    struct reading x = { .r = { .budget = &budget, .on_read = on_read } };
    bool found = false;

    for (unsigned n = 0; n < 100000; n++) {
        wal_read(w, &x.r);
        run();
        if (x.status != 0)
            break;
        found = found || is_ours(x.r.content);
        require(x.r.seq > x.r.after);
        check_pieces(w, x.r.seq);
        settle_first(w, &x.r);
        x.r.after = x.r.seq;
        block_unref(x.r.block);
    }
    require(x.status == UV_EOF);
    return found;
}

static void put_file(struct sim_fs *fs, const char *name, struct bytes content)
{
    struct iovec part = { (void *)(uintptr_t)content.data, content.len };
    int fd = fs->io.open(fs, name, true);

    fs->io.write(fs, fd, &part, 1, 0);
    fs->io.sync(fs, fd);
    fs->io.close(fs, fd);
}

static struct wal *open_log(struct sim_fs *fs)
{
    struct wal_options o = { .directory = "d", .max_bytes = 1u << 30, .segment_bytes = 65536, .io = &fs->io };
    struct error err;
    struct wal *w;

    return wal_open(&w, &loop, &quiet, &o, &err) == 0 ? w : NULL;
}

static void play(struct sim_fs *fs)
{
    struct bytes part = bytes_str("the record that was appended");
    struct wal_append a = { .parts = &part, .n_parts = 1, .items = 1, .on_done = on_done };
    struct wal *w = open_log(fs);

    if (w == NULL)
        return;
    read_all(w);
    require(wal_append(w, &a) == 0);
    run();
    wal_close(w, on_closed, NULL);
    run();
    w = open_log(fs);
    require(w != NULL && read_all(w));
    wal_close(w, on_closed, NULL);
    run();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sim_fs fs;
    size_t cut;

    if (size < 1 || size > 60000)
        return 0;
    loop_init(&loop, true);
    log_sink_init(&sink);
    sink.level = LOG_OFF;
    quiet = (struct logger){ .sink = &sink };
    budget_init(&budget, UINT64_MAX, &loop.turn);
    sim_fs_init(&fs);
    cut = (size - 1) * data[0] / 255;
    put_file(&fs, "d/0000000000000001.wal", bytes_of(data + 1, cut));
    if (cut < size - 1)
        put_file(&fs, "d/0000000000000009.wal", bytes_of(data + 1 + cut, size - 1 - cut));
    play(&fs);
    sim_fs_free(&fs);
    log_sink_close(&sink);
    require(loop_close(&loop, NULL, NULL) == 0);
    return 0;
}
