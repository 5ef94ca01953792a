/* SPDX-License-Identifier: Apache-2.0 */
/* The log on the loop: appends are gathered, a group of them is written and synced on a thread (wal_group.c), and when
 * it is back they are answered and the next group begins. What was settled meanwhile goes along as a note; when nothing
 * is appended, a timer writes it alone. A group that needs more room than its segment has begins a new one, and
 * segments in which all is settled are removed behind the note that says so, beside the next group (wal_cleanup.c).
 *
 * When a write or sync fails the group's senders are told, its numbers are used up, and the segment is not written to
 * again. So it is when the segment, or the directory, has not the name any more that a start would look for: what was
 * synced then is not safe. The next group finds a directory of that name, takes its lock and goes on in it, or fails.
 * When there is no room for a new segment the disk is full (`stuck`): notes that set segments free go first, by
 * themselves, into the reserve. Closing writes one last group, and answers what has not got that far with UV_ECANCELED.
 */
#include "wal/wal_inside.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define MIB (1024ull * 1024)
#define RESERVE 16384u /* of a segment, kept for notes of what is settled when no new one can be made */
#define GROUP_BYTES (8 * MIB)
#define NOTE_AFTER (100 * NS_PER_MS)
#define NOTE_AFTER_FAILURE NS_PER_S

void wal_path(const struct wal *w, uint64_t first, char out[PATH_MAX_WAL])
{
    wal_segment_path(w->directory, first, out);
}

void wal_lock_path(const struct wal *w, char out[PATH_MAX_WAL])
{
    snprintf(out, PATH_MAX_WAL, "%s/lock", w->directory);
}

static void begin_group(struct wal *w);

static void move_group(struct wal_group *g, enum wal_group_state to)
{
    static const uint8_t allowed[] = {
        [WAL_GROUP_IDLE] = 1 << WAL_GROUP_APPENDING | 1 << WAL_GROUP_ROTATING | 1 << WAL_GROUP_FREEING,
        [WAL_GROUP_APPENDING] = 1 << WAL_GROUP_IDLE,
        [WAL_GROUP_ROTATING] = 1 << WAL_GROUP_IDLE,
        [WAL_GROUP_FREEING] = 1 << WAL_GROUP_IDLE,
    };

    assert(allowed[g->state] & 1 << to);
    g->state = to;
}

static bool is_idle(const struct wal *w)
{
    return w->group.state == WAL_GROUP_IDLE;
}

/* ---- room ---- */

static uint64_t used_bytes(const struct wal *w)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < w->segments.n; i++)
        sum += w->segments.v[i].bytes;
    return sum;
}

/* The largest record that a segment has room for, whatever else is in it. */
static uint64_t longest_record(const struct wal *w)
{
    return w->segment_bytes - WAL_HEAD - 2ull * RESERVE;
}

/* ---- notes ---- */

static void on_note_due(struct clock_timer *t)
{
    begin_group(container_of(t, struct wal, note_timer));
}

void wal_dirty(struct wal *w)
{
    w->dirty = true;
    if (!clock_armed(&w->note_timer) && is_idle(w))
        clock_start(&w->loop->clock, &w->note_timer, NOTE_AFTER, on_note_due);
}

/* ---- groups ---- */

static void clear_group(struct wal *w, struct wal_group *g)
{
    g->n = g->items = g->bytes = 0;
    g->first_seq = w->state.last + 1;
    g->heads.len = g->note.len = g->opening.len = 0;
    g->noted = w->dirty;
}

static void take_appends(struct wal *w, struct wal_group *g)
{
    struct wal_record r = { .type = WAL_DATA, .time = clock_wall(&w->loop->clock) };
    uint64_t most = longest_record(w) < GROUP_BYTES ? longest_record(w) : GROUP_BYTES;

    list_each (struct wal_append, a, &w->waiting, link) {
        if (g->n > 0 && g->bytes + wal_padded(a->length) > most)
            break;
        list_remove(&a->link);
        list_push(&g->appends, &a->link);
        a->seq = g->first_seq + g->n;
        r.length = (uint32_t)a->length;
        r.kind = a->kind;
        r.seq = a->seq;
        r.before = w->state.totals.appended + g->items;
        r.items = a->items;
        wal_record_put(buf_reserve(&g->heads, WAL_RECORD_HEAD), &r);
        g->heads.len += WAL_RECORD_HEAD;
        g->n++;
        g->items += a->items;
        g->bytes += wal_padded(a->length);
    }
    w->waiting_bytes -= g->bytes;
}

/* The state as it will be behind the group's records. */
static void put_note(struct wal *w, struct wal_group *g)
{
    uint64_t last = w->state.last, appended = w->state.totals.appended;

    w->state.last += g->n;
    w->state.totals.appended += g->items;
    wal_state_put(&g->note, &w->state);
    w->state.last = last;
    w->state.totals.appended = appended;
}

static bool all_is_settled(const struct wal *w)
{
    return w->state.floor >= w->state.last;
}

/* Segments whose records are all settled, by what this group writes down. */
static void choose_removals(struct wal *w, struct wal_group *g)
{
    bool rotating = g->state == WAL_GROUP_ROTATING, noted = rotating || g->note.len > 0;
    size_t n = wal_removable(w);

    g->keep = w->keep;
    for (; noted && n + 1 < w->segments.n && w->segments.v[n + 1].first <= w->state.floor + 1; n++)
        g->keep = w->segments.v[n + 1].first;
    /* With a new segment, the newest of the old ones may go as well. */
    if (rotating && n + 1 == w->segments.n && all_is_settled(w))
        g->keep = g->head.first;
    g->release = g->state == WAL_GROUP_FREEING && g->keep == w->keep;
}

/* Whether a note of what is settled sets a segment free, or all that is in the only one. */
static bool note_frees(const struct wal *w)
{
    size_t n = wal_removable(w);

    if (w->segments.n > n + 1)
        return w->dirty && w->segments.v[n + 1].first <= w->state.floor + 1;
    return w->segments.n == n + 1 && all_is_settled(w) && !w->writer.released;
}

/* Without room for a new segment every record fails, and the note that comes with it: what is settled is written down
 * first, by itself, into the reserve. */
static bool take_freeing_note(struct wal *w, struct wal_group *g)
{
    if (w->stuck == 0 || w->writer.fd < 0 || !note_frees(w))
        return false;
    put_note(w, g);
    if (w->writer.at + g->note.len <= w->writer.size)
        return true;
    g->note.len = 0;
    return false;
}

/* Of the reserve, notes that set nothing free leave a half to those that do. */
static uint64_t room_behind(const struct wal *w, const struct wal_group *g)
{
    return g->n > 0 ? RESERVE : w->closing ? 0 : RESERVE / 2;
}

static void take_work(struct wal *w, struct wal_group *g)
{
    bool full;

    clear_group(w, g);
    if (take_freeing_note(w, g)) {
        move_group(g, WAL_GROUP_FREEING);
        return;
    }
    take_appends(w, g);
    if (w->dirty)
        put_note(w, g);
    full = w->writer.fd < 0 || w->writer.at + g->bytes + g->note.len + room_behind(w, g) > w->writer.size;
    move_group(g, full ? WAL_GROUP_ROTATING : WAL_GROUP_APPENDING);
}

static void run_group(struct job *job)
{
    wal_group_run(container_of(job, struct wal_group, job));
}

static void on_group_done(struct job *job);

static void begin_group(struct wal *w)
{
    struct wal_group *g = &w->group;

    if (!is_idle(w) || (list_empty(&w->waiting) && !w->dirty) || wal_cleanup_holds_up(w))
        return;
    clock_stop(&w->loop->clock, &w->note_timer);
    take_work(w, g);
    if (g->state == WAL_GROUP_ROTATING) {
        g->note.len = 0; /* the new segment begins with it */
        wal_state_put(&g->opening, &w->state);
        g->need = WAL_HEAD + g->opening.len + g->bytes + RESERVE;
        g->head = (struct wal_head){ .version = WAL_VERSION,
                                     .first = w->state.last + 1,
                                     .time = clock_wall(&w->loop->clock) };
    }
    choose_removals(w, g);
    g->beside_cleanup = w->cleanup.state == WAL_CLEANUP_RUNNING;
    w->dirty = false;
    g->wal = w;
    g->job.work = run_group;
    g->job.done = on_group_done;
    job_start(w->loop, JOB_DISK, &g->job);
}

/* Whatever has become of the group: the directory would be in use by us, for us too. */
static void take_lock(struct wal *w, const struct wal_group *g)
{
    if (g->lock_fd < 0)
        return;
    w->io->unlock(w->io->arg, w->lock_fd);
    w->lock_fd = g->lock_fd;
}

static void take_results(struct wal *w, struct wal_group *g)
{
    if (g->rotated) {
        if (w->segments.n > 0 && g->sealed > 0)
            w->segments.v[w->segments.n - 1].bytes = g->sealed;
        assert(w->segments.n == 0 || w->segments.v[w->segments.n - 1].first < g->head.first);
        *vec_push(&w->segments) = (struct wal_segment){ .first = g->head.first, .time = g->head.time };
    }
    if (g->status == 0 || g->rotated)
        w->segments.v[w->segments.n - 1].bytes = w->writer.fd >= 0 ? w->writer.at : WAL_HEAD + g->opening.len;
    if (g->sealed_fd >= 0)
        wal_cleanup_close(w, g->sealed_fd, g->sealed);
    if (g->status == 0)
        w->keep = g->keep;
    w->stats.bytes_written += g->written;
    w->stats.syncs += w->sync;
}

/* What failed has numbers that are used up, and is settled: if the disk kept it all the same, it is not wanted. */
static void book_failure(struct wal *w, struct wal_group *g)
{
    w->stats.sync_failures++;
    w->dirty |= g->noted || g->spoilt;
    if (g->spoilt || g->status == UV_EEXIST) { /* at least one, so that the next segment gets a name of its own */
        w->state.last += g->n > 0 ? g->n : 1;
        wal_state_settle(&w->state, g->first_seq, w->state.last);
    }
    if (complaint_due(&w->failing, &w->loop->clock))
        log_error(&w->log,
                  g->status == UV_ENOENT
                      ? "Cannot write the queue on disk: it was removed or moved away. Senders are told to retry"
                      : "Cannot write the queue on disk, senders are told to retry",
                  F_STR("directory", w->directory), F_STR("error", uv_strerror(g->status)),
                  F_UINT("repeated", complaint_taken(&w->failing)));
}

static void book_success(struct wal *w, struct wal_group *g)
{
    w->state.last += g->n;
    w->state.totals.appended += g->items;
    w->stats.appends += g->n;
    if (complaint_over(&w->failing))
        log_info(&w->log, "The queue on disk can be written again", F_STR("directory", w->directory));
}

static void finish_closing(struct wal *w);

/* There was no room for a new segment, but the cleanup makes some: the records wait for that. */
static bool put_back(struct wal *w, struct wal_group *g)
{
    if (g->status != UV_ENOSPC || g->state != WAL_GROUP_ROTATING || g->rotated || !g->beside_cleanup)
        return false;
    g->status = 0;
    list_move(&g->appends, &w->waiting);
    list_move(&w->waiting, &g->appends);
    w->waiting_bytes += g->bytes;
    w->dirty |= g->noted;
    w->stats.bytes_written += g->written;
    return true;
}

static void answer_group(struct wal *w, struct wal_group *g)
{
    int result = g->status;
    struct list appends;
    struct wal_append *a;

    list_init(&appends);
    list_move(&appends, &g->appends);
    take_results(w, g);
    if (result == 0)
        book_success(w, g);
    else
        book_failure(w, g);
    while ((a = list_pop(&appends, struct wal_append, link)) != NULL)
        a->on_done(a, result);
    if (result != 0 && w->dirty && !w->closing)
        clock_start(&w->loop->clock, &w->note_timer, NOTE_AFTER_FAILURE, on_note_due);
    wal_cleanup_group_done(w, result == 0);
}

static void on_group_done(struct job *job)
{
    struct wal_group *g = container_of(job, struct wal_group, job);
    struct wal *w = g->wal;
    bool again;

    if (g->state == WAL_GROUP_ROTATING)
        w->stuck = g->rotated ? 0 : g->status;
    take_lock(w, g);
    again = put_back(w, g);
    move_group(g, WAL_GROUP_IDLE);
    if (!again)
        answer_group(w, g);
    wal_go_on(w);
}

void wal_go_on(struct wal *w)
{
    if (!is_idle(w))
        return;
    if (w->closing)
        finish_closing(w);
    else if (!list_empty(&w->waiting))
        begin_group(w);
    else if (w->dirty)
        wal_dirty(w);
}

static void on_kick(struct turn_task *task)
{
    begin_group(container_of(task, struct wal, kick));
}

static bool has_room(const struct wal *w, uint64_t length)
{
    return used_bytes(w) + w->waiting_bytes + (is_idle(w) ? 0 : w->group.bytes) + length + w->segment_bytes <=
           w->max_bytes;
}

/* Somebody waits for what a note sets free. */
static void hurry_frees(struct wal *w)
{
    if (note_frees(w))
        turn_defer(&w->loop->turn, &w->kick);
}

bool wal_has_room(struct wal *w, uint64_t bytes)
{
    bool room = has_room(w, WAL_RECORD_HEAD + bytes);

    if (!room)
        hurry_frees(w);
    return room;
}

int wal_append(struct wal *w, struct wal_append *a)
{
    uint64_t length = WAL_RECORD_HEAD;

    for (size_t i = 0; i < a->n_parts; i++)
        length += a->parts[i].len;
    if (wal_padded(length) > longest_record(w))
        return UV_EFBIG;
    if (!has_room(w, length)) {
        hurry_frees(w);
        return UV_ENOSPC;
    }
    a->length = length;
    list_push(&w->waiting, &a->link);
    w->waiting_bytes += wal_padded(length);
    turn_defer(&w->loop->turn, &w->kick);
    return 0;
}

/* ---- what there is ---- */

uint64_t wal_last(const struct wal *w)
{
    return w->state.last;
}

const struct wal_totals *wal_totals(const struct wal *w)
{
    return &w->state.totals;
}

struct wal_held wal_held(const struct wal *w)
{
    struct wal_held h = {
        .records = wal_state_held(&w->state),
        .items = wal_totals_held(&w->state.totals),
        .bytes = used_bytes(w),
    };

    for (size_t i = w->segments.n; h.records > 0 && i-- > 0;) {
        h.oldest = w->segments.v[i].time;
        if (w->segments.v[i].first <= w->state.floor + 1)
            break;
    }
    return h;
}

const struct wal_stats *wal_stats(struct wal *w)
{
    w->stats.segments = w->segments.n;
    return &w->stats;
}

/* ---- life ---- */

static void free_wal(struct wal *w)
{
    clock_stop(&w->loop->clock, &w->note_timer);
    turn_cancel(&w->loop->turn, &w->kick);
    wal_reader_close(w);
    wal_cleanup_free(w);
    wal_state_free(&w->state);
    vec_free(&w->segments);
    buf_free(&w->group.heads);
    buf_free(&w->group.note);
    buf_free(&w->group.opening);
    vec_free(&w->group.parts);
    free(w);
}

static uint64_t segment_size(const struct wal_options *o)
{
    uint64_t size = o->segment_bytes != 0 ? o->segment_bytes : o->max_bytes / 16;

    if (o->segment_bytes == 0 && size < MIB)
        size = MIB;
    if (size > WAL_SEGMENT_MAX)
        size = WAL_SEGMENT_MAX;
    return size < 4ull * RESERVE ? 4ull * RESERVE : size;
}

int wal_open(struct wal **out, struct loop *loop, const struct logger *log, const struct wal_options *o,
             struct error *err)
{
    struct wal *w = mem_zalloc(sizeof(*w));
    int rc;

    w->loop = loop;
    w->log = *log;
    w->io = o->io != NULL ? o->io : &wal_io_real;
    snprintf(w->directory, sizeof(w->directory), "%s", o->directory);
    w->max_bytes = o->max_bytes;
    w->segment_bytes = segment_size(o);
    w->sync = o->sync;
    w->writer.fd = w->reader.fd = -1;
    list_init(&w->waiting);
    list_init(&w->group.appends);
    w->kick.run = on_kick;
    rc = wal_lock_directory(w, err);
    if (rc == 0) {
        rc = wal_take_over(w, err);
        if (rc != 0)
            w->io->unlock(w->io->arg, w->lock_fd);
    }
    if (rc != 0) {
        free_wal(w);
        return rc;
    }
    *out = w;
    return 0;
}

static void on_closed_turn(struct turn_task *task)
{
    struct wal *w = container_of(task, struct wal, kick);
    void (*done)(void *) = w->on_closed;
    void *arg = w->closed_arg;

    w->io->unlock(w->io->arg, w->lock_fd);
    free_wal(w);
    done(arg);
}

/* One more group for what is left, once; what fails now stays undone. */
static void finish_closing(struct wal *w)
{
    struct wal_append *a;

    if (w->reader.running)
        return;
    if (w->group.status == 0 && (!list_empty(&w->waiting) || w->dirty)) {
        begin_group(w);
        return;
    }
    while ((a = list_pop(&w->waiting, struct wal_append, link)) != NULL)
        a->on_done(a, UV_ECANCELED);
    if (w->writer.fd >= 0)
        wal_cleanup_close(w, w->writer.fd, w->writer.at);
    w->writer.fd = -1;
    wal_cleanup_begin(w);
    if (w->cleanup.state == WAL_CLEANUP_RUNNING)
        return;
    w->kick.run = on_closed_turn;
    turn_defer(&w->loop->turn, &w->kick);
}

void wal_close(struct wal *w, void (*done)(void *arg), void *arg)
{
    assert(w->reader.request == NULL);
    w->closing = true;
    w->on_closed = done;
    w->closed_arg = arg;
    turn_cancel(&w->loop->turn, &w->kick);
    clock_stop(&w->loop->clock, &w->note_timer);
    if (!is_idle(w))
        return;
    w->group.status = 0;
    finish_closing(w);
}
