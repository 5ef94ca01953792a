/* SPDX-License-Identifier: Apache-2.0 */
/* Records read back in order. wal_read() places the reader before the first held record behind the one that was named.
 * At the end of the turn a job fetches a megabyte from there on, and the loop takes it apart: what is settled is passed
 * over, and the first batch that is held is copied into a block and handed out. Where a segment ends the next one is
 * opened; behind the last the answer is UV_EOF.
 *
 * What can go wrong: a record is not whole. Then the next one is looked for from eight bytes to eight bytes, and what
 * is missing between both is lost, by the counts that they carry. A file that is gone is lost likewise; one that cannot
 * be opened or read now is the request's answer, and may do another time. A segment that is unlinked while a job reads
 * it is left when the job is done. */
#include "wal/wal_inside.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

#define AHEAD (1024 * 1024ul)

static void close_file(struct wal *w)
{
    struct wal_reader *r = &w->reader;

    if (r->fd >= 0)
        w->io->close(w->io->arg, r->fd);
    r->fd = -1;
    r->len = 0;
    r->first = 0;
    r->gone = false;
}

void wal_reader_close(struct wal *w)
{
    turn_cancel(&w->loop->turn, &w->reader.task);
    close_file(w);
    free(w->reader.data);
    w->reader.data = NULL;
    w->reader.cap = 0;
}

/* Nothing in the segment is wanted any more, and the disk has its bytes back when nobody has it open: that takes a
 * while, on a thread. The position moves on by itself. */
static void leave_segment(struct wal *w)
{
    struct wal_reader *r = &w->reader;

    if (r->fd >= 0)
        wal_cleanup_close(w, r->fd, WAL_AS_IT_IS);
    r->fd = -1;
    r->len = 0;
    r->end = r->at;
    r->gone = false;
}

void wal_reader_on_unlink(struct wal *w, uint64_t first)
{
    if (w->reader.first != first)
        return;
    w->reader.gone = true;
    if (!w->reader.running)
        leave_segment(w);
}

static void answer_request(struct wal *w, int status)
{
    struct wal_read *request = w->reader.request;

    w->reader.request = NULL;
    request->on_read(request, status);
}

/* Records between the last one that was seen and `seq` are not there. */
static void pass_gap(struct wal *w, uint64_t seq, uint64_t before)
{
    struct wal_reader *r = &w->reader;
    uint64_t held = wal_totals_held(&w->state.totals);

    if (seq > r->seq + 1)
        wal_lose(w, r->seq, seq, before > r->before ? before - r->before : 0); /* unknown: UINT64_MAX */
    if (r->request != NULL)
        r->request->lost += held - wal_totals_held(&w->state.totals);
}

static struct wal_segment *segment_with(struct wal *w, uint64_t seq)
{
    struct wal_segment *found = NULL;

    for (size_t i = 0; i < w->segments.n && w->segments.v[i].first <= seq; i++)
        found = &w->segments.v[i];
    return found != NULL || w->segments.n == 0 ? found : &w->segments.v[0];
}

/* Without its directory a file may be there another time. */
static bool has_directory(const struct wal *w)
{
    char path[PATH_MAX_WAL];

    wal_lock_path(w, path);
    return w->io->names(w->io->arg, path, w->lock_fd) == 0;
}

/* 0, or why not: only a file that is gone is lost, any other may be there another time. */
static int open_segment(struct wal *w, const struct wal_segment *s)
{
    char path[PATH_MAX_WAL];

    close_file(w);
    wal_path(w, s->first, path);
    w->reader.fd = w->io->open(w->io->arg, path, false);
    w->reader.first = s->first;
    w->reader.at = WAL_HEAD;
    w->reader.end = s->bytes;
    if (w->reader.fd >= 0)
        return 0;
    w->reader.end = w->reader.at;
    return w->reader.fd == UV_ENOENT && has_directory(w) ? 0 : w->reader.fd;
}

/* To the segment behind this one: 1; 0: there is none; negative: it cannot be opened. */
static int next_segment(struct wal *w)
{
    for (size_t i = wal_removable(w); i < w->segments.n; i++)
        if (w->segments.v[i].first > w->reader.first) {
            uint64_t first = w->segments.v[i].first;
            int rc = open_segment(w, &w->segments.v[i]);

            w->reader.first = first;
            return rc < 0 ? rc : 1;
        }
    return 0;
}

static void read_records(struct wal *w);

static void on_job(struct job *job)
{
    struct wal_reader *r = container_of(job, struct wal_reader, job);
    struct wal *w = container_of(r, struct wal, reader);

    r->got = w->io->read(w->io->arg, r->fd, r->data, r->want, r->at);
}

static void on_job_done(struct job *job)
{
    struct wal_reader *r = container_of(job, struct wal_reader, job);
    struct wal *w = container_of(r, struct wal, reader);

    r->running = false;
    r->base = r->at;
    r->len = r->got > 0 ? (size_t)r->got : 0;
    if (r->got >= 0 && r->len < r->want)
        r->end = r->at + r->len; /* the file has no more: what was behind is lost */
    if (r->gone) {
        r->got = 0;
        leave_segment(w);
        wal_cleanup_begin(w);
    }
    if (w->closing) {
        if (w->group.state == WAL_GROUP_IDLE)
            wal_close(w, w->on_closed, w->closed_arg);
        return;
    }
    if (r->request == NULL)
        return;
    if (r->got < 0) { /* it may be readable another time */
        r->placed = false;
        answer_request(w, (int)r->got);
        return;
    }
    read_records(w);
}

static void start_fetch(struct wal *w, uint64_t n)
{
    struct wal_reader *r = &w->reader;
    uint64_t left = r->end - r->at;

    r->want = n > AHEAD ? (size_t)n : AHEAD;
    if (r->want > left)
        r->want = (size_t)left;
    if (r->cap < r->want || r->cap > 4 * AHEAD) {
        free(r->data);
        r->cap = r->want > AHEAD ? r->want : AHEAD;
        r->data = mem_alloc(r->cap);
    }
    r->len = 0;
    r->running = true;
    r->job.work = on_job;
    r->job.done = on_job_done;
    job_start(w->loop, JOB_DISK, &r->job);
}

/* `n` bytes from r->at on; NULL: they are being fetched. */
static const uint8_t *bytes_ahead(struct wal *w, uint64_t n)
{
    struct wal_reader *r = &w->reader;

    if (r->at >= r->base && r->at + n <= r->base + r->len)
        return r->data + (r->at - r->base);
    start_fetch(w, n);
    return NULL;
}

static void hand_out(struct wal *w, const struct wal_record *x, const uint8_t *at)
{
    struct wal_read *request = w->reader.request;
    size_t len = x->length - WAL_RECORD_HEAD;

    request->seq = x->seq;
    request->kind = x->kind;
    request->items = x->items;
    request->time = x->time;
    request->block = block_force(request->budget, len);
    memcpy(request->block->data, at + WAL_RECORD_HEAD, len);
    request->content = bytes_of(request->block->data, len);
    w->stats.reads++;
    answer_request(w, 0);
}

/* Behind the last record of a segment: it has grown meanwhile, or there is a next one, or the log ends. False:
 * answered. */
static bool step_segment(struct wal *w)
{
    struct wal_reader *r = &w->reader;
    const struct wal_segment *s = segment_with(w, r->first);
    int rc;

    if (s != NULL && s->first == r->first && r->fd >= 0 && s->bytes > r->end && r->len >= r->want) {
        r->end = s->bytes;
        return true;
    }
    rc = next_segment(w);
    if (rc > 0)
        return true;
    if (rc < 0) {
        r->placed = false;
        answer_request(w, rc);
        return false;
    }
    pass_gap(w, w->state.last + 1, w->state.totals.appended);
    r->seq = w->state.last;
    r->before = w->state.totals.appended;
    answer_request(w, UV_EOF);
    return false;
}

/* The record at r->at, which then is behind it. NULL: with *wait its bytes are being fetched; else nothing whole begins
 * there, and r->at is where the next one might. */
static const uint8_t *next_record(struct wal *w, struct wal_record *x, bool *wait)
{
    struct wal_reader *r = &w->reader;
    const uint8_t *p = bytes_ahead(w, WAL_RECORD_HEAD);
    bool begins = p != NULL && wal_record_peek(x, p, r->end - r->at);

    if (begins)
        p = bytes_ahead(w, x->length);
    *wait = p == NULL;
    if (p == NULL)
        return NULL;
    if (!begins || !wal_record_intact(x, p)) {
        r->at += 8;
        return NULL;
    }
    r->at += wal_padded(x->length);
    return p;
}

static void pass_state(struct wal *w, const struct wal_record *x)
{
    struct wal_reader *r = &w->reader;

    if (x->seq > r->seq)
        pass_gap(w, x->seq + 1, x->before);
    if (x->seq >= r->seq) {
        r->seq = x->seq;
        r->before = x->before;
    }
}

/* Behind all that was seen so far; true when it is one to hand out. */
static bool pass_batch(struct wal *w, const struct wal_record *x)
{
    struct wal_reader *r = &w->reader;

    if (x->seq <= r->seq)
        return false;
    pass_gap(w, x->seq, x->before);
    r->seq = x->seq;
    r->before = x->before + x->items;
    return x->seq > r->request->after && !wal_state_is_settled(&w->state, x->seq);
}

/* One record, or one step towards one. False: wait for the disk, or answered. */
static bool step_record(struct wal *w)
{
    struct wal_reader *r = &w->reader;
    struct wal_record x;
    const uint8_t *p;
    bool wait;

    if (r->end < r->at + WAL_RECORD_HEAD)
        return step_segment(w);
    p = next_record(w, &x, &wait);
    if (p == NULL)
        return !wait;
    if (x.seq > w->state.last)
        return true; /* of no time of this log */
    if (x.type == WAL_STATE) {
        pass_state(w, &x);
        return true;
    }
    if (!pass_batch(w, &x))
        return true;
    hand_out(w, &x, p);
    return false;
}

static void read_records(struct wal *w)
{
    while (w->reader.request != NULL && !w->reader.running && step_record(w))
        ;
}

static void on_task(struct turn_task *task)
{
    struct wal *w = container_of(container_of(task, struct wal_reader, task), struct wal, reader);

    if (w->reader.request == NULL || w->reader.running)
        return;
    if (w->reader.refused != 0)
        answer_request(w, w->reader.refused);
    else
        read_records(w);
}

/* Before the first held record behind `after`. 0, or why its segment cannot be opened now. */
static int place_reader(struct wal *w, uint64_t after)
{
    struct wal_reader *r = &w->reader;
    uint64_t from = after > w->state.floor ? after : w->state.floor;
    const struct wal_segment *s = segment_with(w, from + 1);
    uint64_t seq;

    if (r->placed && r->seq <= from && r->first != 0 && s != NULL && s->first <= r->first)
        return 0; /* further on in what is open */
    seq = s != NULL && s->first - 1 < from ? s->first - 1 : from;
    if (!r->placed || r->seq != seq)
        r->before = UINT64_MAX; /* else it goes on behind the last one, in the next segment */
    r->placed = true;
    r->seq = seq;
    if (s != NULL)
        return open_segment(w, s);
    close_file(w);
    r->at = r->end = 0;
    return 0;
}

void wal_read(struct wal *w, struct wal_read *request)
{
    struct wal_reader *r = &w->reader;

    assert(r->request == NULL);
    request->lost = 0;
    r->request = request;
    r->refused = r->running ? 0 : place_reader(w, request->after);
    if (r->refused != 0)
        r->placed = false;
    r->task.run = on_task;
    turn_defer(&w->loop->turn, &r->task);
}

void wal_read_cancel(struct wal *w, struct wal_read *request)
{
    if (w->reader.request != request)
        return;
    w->reader.request = NULL;
    w->reader.placed = false;
    turn_cancel(&w->loop->turn, &w->reader.task);
}
