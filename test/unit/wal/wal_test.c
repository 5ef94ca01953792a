/* SPDX-License-Identifier: Apache-2.0 */
/* The log on a loop of its own, over a file system that fails where it is told to. */
#include "wal/wal.h"

#include "support/files.h"
#include "support/sim_fs.h"
#include "support/until.h"
#include "wal/wal_scan.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORDS 48
#define ITEMS 3ul

static struct loop loop;
static struct log_sink sink;
static struct logger quiet;
static struct budget budget;
static struct sim_fs fs;

/* One record of the workload: its content begins with its number. */
struct record {
    struct wal_append a;
    uint8_t data[9000];
    struct bytes part;
    bool done, acknowledged, settled;
    bool begun; /* its second item is settled */
    int status;
};

static struct record records[RECORDS + 8];
static size_t n_records;

static void set_up(void)
{
    loop_init(&loop, true);
    log_sink_init(&sink);
    sink.level = LOG_OFF;
    quiet = (struct logger){ .sink = &sink };
    budget_init(&budget, UINT64_MAX, &loop.turn);
    sim_fs_init(&fs);
    memset(records, 0, sizeof(records));
    n_records = 0;
}

static void tear_down(void)
{
    sim_fs_free(&fs);
    log_sink_close(&sink);
    ck_assert_int_eq(loop_close(&loop, NULL, NULL), 0);
}

static void run(void)
{
    turn_run(&loop.turn);
    while (uv_run(&loop.uv, UV_RUN_ONCE) != 0 || loop.turn.head != NULL)
        turn_run(&loop.turn);
    turn_run(&loop.turn);
}

static void step(void)
{
    turn_run(&loop.turn);
    uv_run(&loop.uv, UV_RUN_NOWAIT);
    turn_run(&loop.turn);
}

static int open_log(struct wal **w)
{
    struct wal_options o = {
        .directory = "d", .max_bytes = 64u << 20, .segment_bytes = 65536, .sync = true, .io = &fs.io
    };
    struct error err = { 0 };
    int rc = wal_open(w, &loop, &quiet, &o, &err);

    if (rc != 0)
        *w = NULL;
    return rc;
}

static bool closed;

static void on_closed(void *arg)
{
    *(bool *)arg = true;
}

static void close_log(struct wal *w)
{
    closed = false;
    wal_close(w, on_closed, &closed);
    run();
    ck_assert(closed);
}

static void on_done(struct wal_append *a, int status)
{
    struct record *r = container_of(a, struct record, a);

    r->done = true;
    r->acknowledged = status == 0;
    r->status = status;
}

static size_t length_of(size_t i)
{
    static const size_t lengths[] = { 100, 8000, 1, 4096, 333, 7000 };

    return 8 + lengths[i % ARRAY_LEN(lengths)];
}

static void append(struct wal *w)
{
    size_t i = n_records++;
    struct record *r = &records[i];
    uint64_t number = i;

    memset(r->data, (int)i, sizeof(r->data));
    memcpy(r->data, &number, sizeof(number));
    r->part = bytes_of(r->data, length_of(i));
    r->a = (struct wal_append){ .parts = &r->part, .n_parts = 1, .kind = 1, .items = ITEMS, .on_done = on_done };
    ck_assert_int_eq(wal_append(w, &r->a), 0);
}

static void settle_second(struct wal *w, size_t i)
{
    struct wal_part part = { .seq = records[i].a.seq, .items = ITEMS, .first = 1, .n = 1 };

    if (!records[i].acknowledged || records[i].settled)
        return;
    records[i].begun = true;
    wal_settle_part(w, &part, 1, NULL, 0);
}

/* Those around the second one. */
static void settle_rest(struct wal *w, const struct record *r)
{
    struct wal_part part = { .seq = r->a.seq, .items = ITEMS, .first = 0, .n = ITEMS };

    wal_settle_part(w, &part, ITEMS - 1, NULL, 0);
}

static void settle(struct wal *w, size_t i)
{
    static const struct wal_reason dropped = { "bad", 1 };

    if (i >= n_records || !records[i].acknowledged || records[i].settled)
        return;
    records[i].settled = true;
    if (records[i].begun)
        settle_rest(w, &records[i]);
    else
        wal_settle(w, records[i].a.seq, ITEMS - 1, &dropped, 1);
}

/* Groups of appends, notes of what is settled, rotations, removed segments. */
static void work(struct wal *w)
{
    while (n_records < RECORDS) {
        for (int k = 0; k < 4; k++)
            append(w);
        run();
        settle_second(w, n_records - 4);
        settle_second(w, n_records - 1);
        if (n_records >= 12)
            for (size_t i = n_records - 12; i < n_records - 8; i++)
                settle(w, i == n_records - 10 ? i + 5 : i); /* one stays behind for a while */
        if (n_records % 16 == 0)
            settle(w, n_records - 14);
        clock_advance(&loop.clock, NS_PER_S);
        run();
    }
}

struct reading {
    struct wal_read r;
    int status;
    bool done;
};

static void on_read(struct wal_read *r, int status)
{
    struct reading *x = container_of(r, struct reading, r);

    x->status = status;
    x->done = true;
}

/* Of a record that is handed out: only what was settled in part can be, and then only its second item. */
static uint64_t settled_items(const struct wal *w, const struct wal_read *r, const struct record *x)
{
    const struct wal_piece *p;
    size_t n;

    p = wal_pieces(w, r->seq, &n);
    if (n == 0)
        return 0;
    ck_assert(x->begun && n == 1 && p->seq == r->seq);
    ck_assert(p->first == 1 && p->last == 1);
    return 1;
}

/* Everything that is held, in order; returns how many items. found[]: which numbers. */
static uint64_t read_all(struct wal *w, bool *found)
{
    struct reading x = { .r = { .budget = &budget, .on_read = on_read } };
    uint64_t items = 0, last = 0, errors = 0;
    bool first = true;

    for (;;) {
        uint64_t number;

        x.done = false;
        wal_read(w, &x.r);
        run();
        ck_assert(x.done);
        if (x.status == UV_EOF)
            return items;
        if (x.status != 0) {
            ck_assert_uint_lt(errors++, 3);
            continue;
        }
        ck_assert_uint_ge(x.r.content.len, sizeof(number));
        memcpy(&number, x.r.content.data, sizeof(number));
        ck_assert_uint_lt(number, n_records);
        ck_assert_uint_eq(x.r.content.len, length_of(number));
        ck_assert_mem_eq(x.r.content.data, records[number].data, x.r.content.len);
        ck_assert_msg(first || number > last, "record %llu came after %llu", (unsigned long long)number,
                      (unsigned long long)last);
        first = false;
        last = number;
        found[number] = true;
        items += x.r.items - settled_items(w, &x.r, &records[number]);
        x.r.after = x.r.seq;
        block_unref(x.r.block);
    }
}

static uint64_t lost, points;

/* After whatever happened: it opens, and has what it promised, once and in order, and its sums are right. */
static void check_reopened(const char *what, uint64_t point)
{
    bool found[RECORDS + 8] = { false };
    struct wal_held held;
    struct wal *w;
    uint64_t items;

    ck_assert_msg(open_log(&w) == 0, "%s at call %llu: it did not open", what, (unsigned long long)point);
    held = wal_held(w);
    items = read_all(w, found);
    for (size_t i = 0; i < n_records; i++) {
        bool missing = records[i].acknowledged && !records[i].settled && !found[i];

        lost += missing;
        ck_assert_msg(!missing, "%s at call %llu: record %zu was acknowledged and is not there", what,
                      (unsigned long long)point, i);
    }
    ck_assert_msg(items == held.items && wal_held(w).items == items, "%s at call %llu: %llu items held, %llu read",
                  what, (unsigned long long)point, (unsigned long long)held.items, (unsigned long long)items);
    ck_assert_uint_eq(wal_stats(w)->corrupt_records, 0);
    ck_assert_uint_eq(wal_stats(w)->lost_bytes, 0);
    append(w); /* and it goes on */
    run();
    ck_assert(records[n_records - 1].acknowledged);
    close_log(w);
}

/* --- the directory --- */

static int append_now(struct wal *w)
{
    append(w);
    run();
    ck_assert(records[n_records - 1].done);
    return records[n_records - 1].status;
}

START_TEST(what_is_written_to_a_directory_that_was_moved_away_is_not_answered_as_safe)
{
    bool found[RECORDS + 8] = { false };
    struct wal *w;

    set_up();
    ck_assert_int_eq(open_log(&w), 0);
    ck_assert_int_eq(append_now(w), 0);
    sim_fs_move_away(&fs);
    ck_assert_int_eq(append_now(w), UV_ENOENT); /* in the segment that is open */
    ck_assert_int_eq(append_now(w), UV_ENOENT); /* for a new one */
    sim_fs_move_back(&fs);
    ck_assert_int_eq(append_now(w), 0);
    close_log(w);
    ck_assert_int_eq(open_log(&w), 0);
    ck_assert_uint_eq(read_all(w, found), 2 * ITEMS);
    ck_assert(found[0] && found[3]);
    close_log(w);
    tear_down();
}
END_TEST

START_TEST(a_directory_that_is_made_anew_is_taken_and_what_was_in_the_old_one_is_lost)
{
    struct reading x = { .r = { .budget = &budget, .on_read = on_read } };
    bool found[RECORDS + 8] = { false };
    struct wal *w, *other;

    set_up();
    ck_assert_int_eq(open_log(&w), 0);
    ck_assert_int_eq(append_now(w), 0);
    sim_fs_move_away(&fs);
    wal_read(w, &x.r);
    run();
    ck_assert_int_eq(x.status, UV_ENOENT); /* it may come back */
    ck_assert_uint_eq(wal_stats(w)->corrupt_records, 0);
    ck_assert_int_eq(append_now(w), UV_ENOENT);
    sim_fs_make_anew(&fs);
    ck_assert_int_eq(append_now(w), 0);
    ck_assert_int_ne(open_log(&other), 0); /* it is locked */
    ck_assert_uint_eq(read_all(w, found), ITEMS);
    ck_assert(found[2]);
    ck_assert_uint_eq(wal_stats(w)->corrupt_records, 1);
    close_log(w);
    ck_assert(!sim_fs_locked(&fs));
    ck_assert_int_eq(open_log(&w), 0);
    ck_assert_uint_eq(wal_held(w).records, 1);
    ck_assert_uint_eq(wal_settle(w, records[2].a.seq, ITEMS, NULL, 0), ITEMS); /* those of the one that is lost */
    close_log(w);
    tear_down();
}
END_TEST

START_TEST(a_segment_that_was_removed_is_not_written_to)
{
    bool found[RECORDS + 8] = { false };
    struct sim_file *f;
    struct wal *w;

    set_up();
    ck_assert_int_eq(open_log(&w), 0);
    ck_assert_int_eq(append_now(w), 0);
    f = sim_fs_find(&fs, "0000000000000001.wal");
    f->linked = f->link_safe = false;
    ck_assert_int_eq(append_now(w), UV_ENOENT);
    ck_assert_int_eq(append_now(w), 0);
    ck_assert_uint_eq(read_all(w, found), ITEMS);
    ck_assert(found[2]);
    close_log(w);
    tear_down();
}
END_TEST

START_TEST(a_file_is_known_by_its_name_while_it_has_it)
{
    char directory[] = "/tmp/wal-name-XXXXXX", path[64];
    int fd;

    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/file", directory);
    fd = wal_io_real.open(NULL, path, true);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(wal_io_real.names(NULL, path, fd), 0);
    unlink(path);
    ck_assert_int_eq(wal_io_real.names(NULL, path, fd), UV_ENOENT);
    file_put(path, "another");
    ck_assert_int_eq(wal_io_real.names(NULL, path, fd), UV_ENOENT);
    unlink(path);
    rmdir(directory);
    ck_assert_int_eq(wal_io_real.names(NULL, path, fd), UV_ENOENT);
    wal_io_real.close(NULL, fd);
}
END_TEST

/* --- what is not needed any more --- */

/* Groups until there is a second segment; then all that is in the first is settled, and the note of it written. */
static void set_first_segment_free(struct wal *w)
{
    size_t last;

    while (wal_stats(w)->segments < 2) {
        append(w);
        last = n_records - 1;
        UNTIL(records[last].done);
    }
    for (size_t i = 0; i < n_records; i++)
        settle(w, i);
    clock_advance(&loop.clock, NS_PER_S);
}

static bool is_linked(const char *name)
{
    return sim_fs_find(&fs, name) != NULL;
}

START_TEST(records_are_answered_while_an_unlink_hangs)
{
    size_t last;
    struct wal *w;

    set_up();
    ck_assert_int_eq(open_log(&w), 0);
    sim_fs_hold(&fs, true);
    set_first_segment_free(w);
    append(w);
    UNTIL(records[n_records - 1].done && sim_fs_hanging(&fs) == 1);
    while (wal_stats(w)->segments < 4) { /* new segments come, too */
        append(w);
        last = n_records - 1;
        UNTIL(records[last].done);
        ck_assert_int_eq(records[last].status, 0);
    }
    ck_assert(is_linked("0000000000000001.wal"));
    sim_fs_hold(&fs, false);
    UNTIL(wal_stats(w)->segments == 3);
    ck_assert(!is_linked("0000000000000001.wal"));
    close_log(w);
    tear_down();
}
END_TEST

START_TEST(the_lock_is_held_until_nothing_is_taken_away_any_more)
{
    struct wal *w;

    set_up();
    ck_assert_int_eq(open_log(&w), 0);
    sim_fs_hold(&fs, true);
    set_first_segment_free(w);
    UNTIL(sim_fs_hanging(&fs) == 1);
    append(w);
    closed = false;
    wal_close(w, on_closed, &closed);
    UNTIL(records[n_records - 1].done); /* by the last group */
    ck_assert_int_eq(records[n_records - 1].status, 0);
    for (int i = 0; i < 20; i++)
        step();
    ck_assert(!closed && sim_fs_locked(&fs));
    sim_fs_hold(&fs, false);
    UNTIL(closed);
    ck_assert(!sim_fs_locked(&fs) && !is_linked("0000000000000001.wal"));
    for (size_t i = 0; i < fs.open.n; i++)
        ck_assert_ptr_null(fs.open.v[i]);
    tear_down();
}
END_TEST

/* The new directory's disk is full while what was in the old one is still being removed. */
START_TEST(a_directory_that_is_made_anew_on_a_full_disk_is_taken_once)
{
    struct wal *w, *other;
    size_t last;

    set_up();
    ck_assert_int_eq(open_log(&w), 0);
    sim_fs_hold(&fs, true);
    set_first_segment_free(w);
    UNTIL(sim_fs_hanging(&fs) == 1);
    sim_fs_move_away(&fs);
    append(w);
    last = n_records - 1;
    UNTIL(records[last].done);
    ck_assert_int_eq(records[last].status, UV_ENOENT);
    sim_fs_make_anew(&fs);
    sim_fs_set_capacity(&fs, 1);
    append(w);
    last = n_records - 1;
    UNTIL(sim_fs_locked(&fs));
    for (int i = 0; i < 20; i++)
        step();
    ck_assert(!records[last].done); /* it waits for the removal */
    sim_fs_set_capacity(&fs, 0);
    sim_fs_hold(&fs, false);
    UNTIL(records[last].done);
    ck_assert_int_eq(records[last].status, 0);
    ck_assert_int_ne(open_log(&other), 0); /* it is locked */
    close_log(w);
    ck_assert(!sim_fs_locked(&fs));
    tear_down();
}
END_TEST

/* A disk that has room for two segments: the third is made in the place of the first. */
START_TEST(records_wait_for_the_room_that_a_removal_makes)
{
    struct wal *w;
    size_t first, refused = 0;

    set_up();
    ck_assert_int_eq(open_log(&w), 0);
    sim_fs_hold(&fs, true);
    sim_fs_set_capacity(&fs, 135u << 10);
    set_first_segment_free(w);
    UNTIL(sim_fs_hanging(&fs) == 1);
    first = n_records;
    for (size_t last = first; n_records < RECORDS; last = n_records) {
        append(w);
        for (int i = 0; i < 200 && !records[last].done; i++) {
            step();
            poll(NULL, 0, 1);
        }
        if (!records[last].done)
            break;
    }
    ck_assert_uint_lt(n_records, RECORDS);
    ck_assert(!records[n_records - 1].done); /* neither safe nor refused */
    sim_fs_hold(&fs, false);
    UNTIL(records[n_records - 1].done);
    for (size_t i = first; i < n_records; i++)
        refused += !records[i].acknowledged;
    ck_assert_uint_eq(refused, 0);
    ck_assert_uint_eq(wal_stats(w)->sync_failures, 0);
    close_log(w);
    tear_down();
}
END_TEST

START_TEST(a_segment_that_cannot_be_unlinked_goes_behind_the_next_group)
{
    struct wal *w;

    set_up();
    ck_assert_int_eq(open_log(&w), 0);
    sim_fs_hold(&fs, true);
    set_first_segment_free(w);
    UNTIL(sim_fs_hanging(&fs) == 1);
    fs.fail_at = fs.calls + 1;
    fs.fault = SIM_EIO;
    sim_fs_hold(&fs, false);
    run();
    ck_assert_uint_eq(wal_stats(w)->segments, 2);
    append(w);
    run();
    ck_assert(records[n_records - 1].acknowledged);
    ck_assert_uint_eq(wal_stats(w)->segments, 1);
    close_log(w);
    tear_down();
}
END_TEST

/* The reader has the segment open, so that the disk has it back only when the reader lets it go. */
START_TEST(a_segment_that_goes_is_left_by_its_reader)
{
    struct reading x = { .r = { .budget = &budget, .on_read = on_read } };
    struct wal *w;

    set_up();
    ck_assert_int_eq(open_log(&w), 0);
    append(w);
    run();
    wal_read(w, &x.r);
    run();
    ck_assert_int_eq(x.status, 0);
    block_unref(x.r.block);
    set_first_segment_free(w);
    run();
    ck_assert_uint_eq(wal_stats(w)->segments, 1);
    for (size_t i = 0; i < fs.open.n; i++)
        ck_assert(fs.open.v[i] == NULL || fs.open.v[i]->linked);
    x.done = false;
    wal_read(w, &x.r);
    run();
    ck_assert_int_eq(x.status, UV_EOF);
    close_log(w);
    tear_down();
}
END_TEST

/* The groups of work(), but what is unlinked hangs until sixteen records more are written. */
static void work_ahead_of_removals(struct wal *w)
{
    while (n_records < RECORDS) {
        sim_fs_hold(&fs, true);
        for (int group = 0; group < 4; group++) {
            size_t last;

            for (int k = 0; k < 4; k++)
                append(w);
            last = n_records - 1;
            UNTIL(records[last].done);
            for (size_t i = n_records - 4; n_records > 4 && i-- > n_records - 8;)
                settle(w, i);
            clock_advance(&loop.clock, NS_PER_S);
            step();
        }
        sim_fs_hold(&fs, false);
        run();
    }
}

/* One workload with one fault; false when it ended before that call. */
static bool attempt(void (*some_work)(struct wal *w), enum sim_fault fault, uint64_t point, enum sim_crash how,
                    const char *what)
{
    struct wal *w;
    uint64_t calls;

    set_up();
    fs.fail_at = point;
    fs.fault = fault;
    if (open_log(&w) == 0) {
        some_work(w);
        close_log(w);
    }
    calls = fs.calls;
    sim_fs_crash(&fs, how);
    check_reopened(what, point);
    tear_down();
    points++;
    return calls >= point;
}

START_TEST(nothing_acknowledged_is_lost_wherever_the_machine_stops)
{
    static const char *const names[] = { "stop, unsynced lost", "stop, unsynced kept", "stop, torn",
                                         "stop, reordered" };

    points = lost = 0;
    for (int how = 0; how < SIM_CRASHES; how++)
        for (uint64_t point = 1; attempt(work, SIM_STOP, point, (enum sim_crash)how, names[how]); point++)
            ;
    printf("    power failures: %llu points, %llu acknowledged records lost\n", (unsigned long long)points,
           (unsigned long long)lost);
}
END_TEST

START_TEST(nothing_is_lost_where_segments_go_long_after_their_note)
{
    static const struct {
        enum sim_fault fault;
        const char *name;
    } faults[] = { { SIM_STOP, "stop" }, { SIM_EIO, "EIO" } };

    points = lost = 0;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        for (int how = 0; how < SIM_CRASHES; how++)
            for (uint64_t point = 1;
                 attempt(work_ahead_of_removals, faults[i].fault, point, (enum sim_crash)how, faults[i].name); point++)
                ;
    printf("    removals that come late: %llu points, %llu acknowledged records lost\n", (unsigned long long)points,
           (unsigned long long)lost);
}
END_TEST

START_TEST(nothing_acknowledged_is_lost_whichever_call_fails)
{
    static const struct {
        enum sim_fault fault;
        const char *name;
    } faults[] = { { SIM_EIO, "EIO" }, { SIM_ENOSPC, "ENOSPC" }, { SIM_SHORT, "short write" } };

    points = lost = 0;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        for (int how = 0; how < SIM_CRASHES; how++)
            for (uint64_t point = 1; attempt(work, faults[i].fault, point, (enum sim_crash)how, faults[i].name);
                 point++)
                ;
    printf("    failing calls: %llu points, %llu acknowledged records lost\n", (unsigned long long)points,
           (unsigned long long)lost);
}
END_TEST

/* A log that is whole, and one call that fails while it is opened and read; false when that ended before the call. */
static bool attempt_reading(uint64_t point)
{
    bool found[RECORDS + 8] = { false };
    struct wal *w;
    uint64_t before, items;

    set_up();
    ck_assert_int_eq(open_log(&w), 0);
    work(w);
    close_log(w);
    before = fs.calls;
    fs.fail_at = before + point;
    fs.fault = SIM_EIO;
    if (open_log(&w) != 0)
        ck_assert_msg(open_log(&w) == 0, "call %llu: it does not open any more", (unsigned long long)point);
    items = read_all(w, found);
    for (size_t i = 0; i < n_records; i++)
        ck_assert_msg(records[i].settled || found[i], "call %llu: record %zu is gone", (unsigned long long)point, i);
    ck_assert_uint_eq(items, wal_held(w).items);
    ck_assert_uint_eq(wal_stats(w)->corrupt_records, 0);
    ck_assert_uint_eq(wal_stats(w)->corrupt_items, 0);
    close_log(w);
    points++;
    before = fs.calls - before;
    tear_down();
    return before >= point;
}

START_TEST(what_cannot_be_read_now_is_read_later)
{
    points = 0;
    for (uint64_t point = 1; attempt_reading(point); point++)
        ;
    printf("    failing calls while reading: %llu points, nothing lost\n", (unsigned long long)points);
}
END_TEST

/* A sender that comes again at once, so that something waits whenever a group has ended. */
struct insistent {
    struct wal_append a;
    struct wal *wal;
    struct bytes part;
    unsigned answers, acknowledged, left;
    uint64_t seqs[64];
};

static void on_insistent(struct wal_append *a, int status)
{
    struct insistent *x = container_of(a, struct insistent, a);

    x->answers++;
    if (status == 0)
        x->seqs[x->acknowledged++ % ARRAY_LEN(x->seqs)] = a->seq;
    if (x->left-- > 0)
        (void)wal_append(x->wal, a);
}

static void insist(struct insistent *x, unsigned times)
{
    x->left = times;
    ck_assert_int_eq(wal_append(x->wal, &x->a), 0);
    run();
}

/* Fills the disk, and settles all of it while the senders go on. */
static void fill_and_empty(uint64_t capacity)
{
    static uint8_t data[9000];
    struct insistent x[2];
    struct wal *w;
    unsigned before;

    set_up();
    sim_fs_set_capacity(&fs, capacity);
    ck_assert_int_eq(open_log(&w), 0);
    for (int i = 0; i < 2; i++) {
        x[i] = (struct insistent){ .wal = w, .part = bytes_of(data, sizeof(data)) };
        x[i].a = (struct wal_append){
            .parts = &x[i].part, .n_parts = 1, .kind = 1, .items = ITEMS, .on_done = on_insistent
        };
    }
    for (int round = 0; round < 5; round++) {
        before = x[0].acknowledged;
        x[1].left = 40;
        ck_assert_int_eq(wal_append(w, &x[1].a), 0);
        insist(&x[0], 40);
        ck_assert_uint_gt(x[0].acknowledged, before);
        ck_assert_uint_lt(x[0].acknowledged, before + 41); /* the disk is full */
        for (int i = 0; i < 2; i++) {
            for (unsigned k = 0; k < x[i].acknowledged; k++)
                wal_settle(w, x[i].seqs[k], ITEMS, NULL, 0);
            x[i].acknowledged = 0;
        }
        ck_assert_uint_eq(wal_held(w).records, 0);
    }
    close_log(w);
    sim_fs_set_capacity(&fs, 0);
    ck_assert_int_eq(open_log(&w), 0);
    ck_assert_uint_eq(wal_held(w).items, 0);
    close_log(w);
    tear_down();
}

/* Each record has a segment of its own, and the one before is to be closed behind an unlink that hangs. */
START_TEST(files_that_wait_to_be_closed_are_few_though_the_disk_hangs)
{
    static uint8_t data[30000];
    struct insistent x = { .part = bytes_of(data, sizeof(data)), .left = 40 };
    struct wal *w;

    set_up();
    ck_assert_int_eq(open_log(&w), 0);
    x.wal = w;
    x.a = (struct wal_append){ .parts = &x.part, .n_parts = 1, .kind = 1, .items = ITEMS, .on_done = on_insistent };
    sim_fs_hold(&fs, true);
    set_first_segment_free(w);
    UNTIL(sim_fs_hanging(&fs) == 1);
    ck_assert_int_eq(wal_append(w, &x.a), 0);
    UNTIL(x.answers >= 16);
    for (int i = 0; i < 100; i++) {
        step();
        poll(NULL, 0, 1);
    }
    ck_assert_uint_le(x.answers, 18);
    sim_fs_hold(&fs, false);
    UNTIL(x.answers == 41);
    ck_assert_uint_eq(x.acknowledged, 41);
    run();
    close_log(w);
    tear_down();
}
END_TEST

START_TEST(a_full_disk_empties_though_senders_never_fall_silent)
{
    fill_and_empty(200 << 10);
}
END_TEST

START_TEST(a_disk_that_one_segment_fills_empties_too)
{
    fill_and_empty((64 << 10) + 8192);
}
END_TEST

START_TEST(records_come_back_in_order_and_settled_ones_do_not)
{
    bool found[RECORDS + 8] = { false };
    struct wal *w;

    set_up();
    ck_assert_int_eq(open_log(&w), 0);
    work(w);
    ck_assert_uint_gt(wal_stats(w)->segments, 1);
    close_log(w);
    ck_assert_int_eq(open_log(&w), 0);
    read_all(w, found);
    for (size_t i = 0; i < n_records; i++)
        ck_assert_int_eq(found[i], !records[i].settled);
    ck_assert_uint_eq(wal_totals(w)->appended, RECORDS * ITEMS);
    close_log(w);
    tear_down();
}
END_TEST

START_TEST(files_go_when_all_in_them_is_settled)
{
    struct wal *w;
    size_t linked = 0;

    set_up();
    ck_assert_int_eq(open_log(&w), 0);
    work(w);
    for (size_t i = 0; i < n_records; i++)
        settle(w, i);
    clock_advance(&loop.clock, NS_PER_S);
    run();
    ck_assert_uint_eq(wal_held(w).records, 0);
    ck_assert_uint_eq(wal_held(w).items, 0);
    close_log(w);
    for (size_t i = 0; i < fs.files.n; i++)
        linked += fs.files.v[i]->linked;
    ck_assert_uint_eq(linked, 1);
    tear_down();
}
END_TEST

START_TEST(damage_in_the_middle_is_skipped_and_counted)
{
    bool found[RECORDS + 8] = { false };
    struct sim_file *f;
    struct wal *w;
    uint64_t items, each = _i == 0 ? ITEMS : ITEMS - 1; /* that are held of each record */
    size_t missing = 0;

    set_up();
    ck_assert_int_eq(open_log(&w), 0);
    for (size_t k = 0; k < 8; k++) {
        append(w);
        run();
        if (_i == 1)
            settle_second(w, k);
    }
    close_log(w);
    f = sim_fs_find(&fs, "0000000000000001.wal");
    ck_assert_ptr_nonnull(f);
    f->now.data[f->now.len / 2] ^= 0x40; /* somewhere in a record's content */
    ck_assert_int_eq(open_log(&w), 0);
    items = read_all(w, found);
    for (size_t i = 0; i < n_records; i++)
        missing += !found[i];
    ck_assert_uint_eq(missing, 1);
    ck_assert_uint_eq(items, 7 * each);
    ck_assert_uint_eq(wal_stats(w)->corrupt_records, 1);
    ck_assert_uint_eq(wal_stats(w)->corrupt_items, each);
    ck_assert_uint_eq(wal_held(w).items, items);
    ck_assert_str_eq(wal_totals(w)->dropped[0].reason, "wal_corrupt");
    close_log(w);
    tear_down();
}
END_TEST

START_TEST(damage_anywhere_never_stops_the_start)
{
    for (size_t at = 0; at < 60000; at += 97) {
        bool found[RECORDS + 8] = { false };
        struct sim_file *f;
        struct wal *w;

        set_up();
        ck_assert_int_eq(open_log(&w), 0);
        for (int k = 0; k < 8; k++)
            append(w);
        run();
        settle(w, 0);
        close_log(w);
        f = sim_fs_find(&fs, "0000000000000001.wal");
        if (at < f->now.len)
            memset(f->now.data + at, 0xff, f->now.len - at < 300 ? f->now.len - at : 300);
        ck_assert_int_eq(open_log(&w), 0);
        read_all(w, found);
        append(w);
        run();
        ck_assert(records[n_records - 1].acknowledged);
        close_log(w);
        tear_down();
    }
}
END_TEST

/* A log with forty records in several segments, closed. */
static void make_forty(void)
{
    struct wal *w;

    set_up();
    ck_assert_int_eq(open_log(&w), 0);
    while (n_records < 40) {
        append(w);
        run();
    }
    close_log(w);
    ck_assert_uint_ge(fs.files.n, 3);
}

/* Also by its place: 0 is the oldest. */
static struct sim_file *segment(size_t nth)
{
    for (size_t i = 0; i < fs.files.n; i++)
        if (strstr(fs.files.v[i]->name, ".wal") != NULL && nth-- == 0)
            return fs.files.v[i];
    ck_abort_msg("there are not so many segments");
}

static void put_file(const char *path, struct bytes content)
{
    struct iovec part = { (void *)(uintptr_t)content.data, content.len };
    int fd = fs.io.open(&fs, path, true);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq((int)fs.io.write(&fs, fd, &part, 1, 0), (int)content.len);
    fs.io.close(&fs, fd);
}

static size_t count(const bool *found)
{
    size_t n = 0;

    for (size_t i = 0; i < n_records; i++)
        n += found[i];
    return n;
}

START_TEST(files_that_were_copied_or_are_not_of_the_log_change_nothing)
{
    bool found[RECORDS + 8] = { false }, again[RECORDS + 8] = { false };
    struct bytes junk = bytes_str("not a segment");
    struct wal *w;

    make_forty();
    switch (_i) {
    case 0:
        put_file("d/ffffffffffffffff.wal", junk);
        break;
    case 1:
        put_file("d/7fffffffffffffff.wal", junk);
        break;
    case 2:
        put_file("d/00000000000001f4.wal", buf_bytes(&segment(0)->now));
        break;
    default:
        put_file("d/ffffffffffffffff.wal", buf_bytes(&segment(0)->now));
    }
    ck_assert_int_eq(open_log(&w), 0);
    ck_assert_uint_eq(read_all(w, found), 40 * ITEMS);
    ck_assert_uint_eq(count(found), 40);
    append(w);
    run();
    close_log(w);
    ck_assert_int_eq(open_log(&w), 0);
    ck_assert_uint_eq(read_all(w, again), 41 * ITEMS);
    ck_assert(again[40]);
    close_log(w);
    tear_down();
}
END_TEST

START_TEST(files_that_were_exchanged_lose_their_own_records_only)
{
    bool found[RECORDS + 8] = { false };
    struct sim_file *a, *b;
    struct buf content;
    uint64_t items;
    struct wal *w;

    make_forty();
    a = segment(0);
    b = segment(1);
    for (size_t n = 2; _i == 1 && n < fs.files.n; n++)
        b = fs.files.v[n];
    content = a->now;
    a->now = b->now;
    b->now = content;
    ck_assert_int_eq(open_log(&w), 0);
    items = read_all(w, found);
    ck_assert_uint_eq(items, count(found) * ITEMS);
    ck_assert_uint_gt(items, 0);
    ck_assert_uint_eq(wal_held(w).records, count(found));
    ck_assert_uint_ge(wal_held(w).items, items);
    append(w);
    run();
    ck_assert(records[40].acknowledged);
    close_log(w);
    tear_down();
}
END_TEST

/* Eight records, closed; then all behind `from`, or with it 0 the last record, reads as zeros. */
static void zero_end(uint64_t from)
{
    struct sim_file *f;
    struct wal *w;

    set_up();
    ck_assert_int_eq(open_log(&w), 0);
    for (size_t k = 0; k < 8; k++)
        append(w);
    run();
    close_log(w);
    f = sim_fs_find(&fs, "0000000000000001.wal");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_lt(f->now.len, 65536);
    if (from == 0)
        from = f->now.len - wal_padded(WAL_RECORD_HEAD + length_of(7));
    memset(f->now.data + from, 0, f->now.len - from);
}

START_TEST(an_end_of_zeros_is_a_loss_where_the_log_was_closed)
{
    bool found[RECORDS + 8] = { false };
    struct wal *w;

    zero_end(_i == 0 ? 0 : WAL_HEAD);
    ck_assert_int_eq(open_log(&w), 0);
    if (_i == 0)
        ck_assert_uint_eq(wal_stats(w)->lost_bytes, wal_padded(WAL_RECORD_HEAD + length_of(7)));
    else
        ck_assert_uint_gt(wal_stats(w)->lost_bytes, 8 * WAL_RECORD_HEAD);
    ck_assert_uint_eq(read_all(w, found), _i == 0 ? 7 * ITEMS : 0);
    append(w);
    run();
    close_log(w);
    ck_assert_int_eq(open_log(&w), 0); /* it is told once */
    ck_assert_uint_eq(wal_stats(w)->lost_bytes, 0);
    close_log(w);
    tear_down();
}
END_TEST

START_TEST(an_end_of_zeros_is_room_where_the_machine_stopped)
{
    bool found[RECORDS + 8] = { false };
    struct wal *w;

    set_up();
    ck_assert_int_eq(open_log(&w), 0);
    append(w);
    run();
    fs.stopped = true;
    close_log(w);
    sim_fs_crash(&fs, SIM_LOSE);
    ck_assert_uint_eq(sim_fs_find(&fs, "0000000000000001.wal")->now.len, 65536);
    ck_assert_int_eq(open_log(&w), 0);
    ck_assert_uint_eq(wal_stats(w)->lost_bytes, 0);
    ck_assert_uint_eq(read_all(w, found), ITEMS);
    close_log(w);
    tear_down();
}
END_TEST

START_TEST(a_segment_of_zeros_between_others_is_counted_when_its_turn_comes)
{
    bool found[RECORDS + 8] = { false };
    struct sim_file *f;
    uint64_t items;
    struct wal *w;

    make_forty();
    f = segment(1);
    memset(f->now.data + WAL_HEAD, 0, f->now.len - WAL_HEAD);
    ck_assert_int_eq(open_log(&w), 0);
    items = read_all(w, found);
    ck_assert_uint_lt(items, 40 * ITEMS);
    ck_assert_uint_eq(wal_stats(w)->corrupt_items, 40 * ITEMS - items);
    ck_assert_uint_eq(wal_held(w).items, items);
    close_log(w);
    tear_down();
}
END_TEST

START_TEST(what_was_lost_uncounted_is_told_with_the_last_record)
{
    bool found[RECORDS + 8] = { false };
    uint64_t items, told = 0;
    struct wal *w;

    make_forty();
    segment(0)->now.len = 0;
    ck_assert_int_eq(open_log(&w), 0);
    items = read_all(w, found);
    ck_assert_uint_lt(items, 40 * ITEMS);
    for (size_t i = 0; i < n_records; i++)
        if (found[i])
            told += wal_settle(w, records[i].a.seq, ITEMS, NULL, 0);
    ck_assert_uint_eq(told, 40 * ITEMS - items);
    ck_assert_uint_eq(wal_held(w).items, 0);
    close_log(w);
    tear_down();
}
END_TEST

START_TEST(what_follows_behind_the_size_of_a_segment_is_not_read)
{
    bool found[RECORDS + 8] = { false };
    struct sim_file *f;
    struct wal *w;
    size_t more = WAL_SEGMENT_MAX + (1 << 20);

    make_forty();
    f = segment(0);
    memset(buf_reserve(&f->now, more), 0, more);
    f->now.len += more;
    ck_assert_int_eq(open_log(&w), 0);
    ck_assert_uint_eq(read_all(w, found), 40 * ITEMS);
    ck_assert_uint_lt(wal_held(w).bytes, WAL_SEGMENT_MAX + (1 << 20));
    close_log(w);
    tear_down();
}
END_TEST

START_TEST(links_are_not_followed)
{
    char directory[] = "/tmp/wal-links-XXXXXX", target[64], link[64];

    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(target, sizeof(target), "%s/target", directory);
    snprintf(link, sizeof(link), "%s/link", directory);
    file_put(target, "precious");
    ck_assert_int_eq(symlink(target, link), 0);
    ck_assert_int_eq(wal_io_real.open(NULL, link, false), UV_EFTYPE);
    ck_assert_int_eq(wal_io_real.lock(NULL, link), UV_EFTYPE);
    unlink(link);
    unlink(target);
    rmdir(directory);
}
END_TEST

/* A directory, a link and a pipe with the names of segments: beside a log, one of them just behind it. */
START_TEST(what_is_no_file_is_left_alone_whatever_its_name)
{
    char directory[] = "/tmp/names-XXXXXX", names[3][64], path[PATH_MAX_WAL];
    struct wal_options o = { .directory = directory, .max_bytes = 64u << 20, .segment_bytes = 65536 };
    struct wal_scan scan = { .io = &wal_io_reading, .directory = directory };
    struct error err = { 0 };
    bool found[RECORDS + 8] = { false };
    struct wal *w;

    set_up();
    ck_assert_ptr_nonnull(mkdtemp(directory));
    for (int i = 0; i < 3; i++)
        snprintf(names[i], sizeof(names[i]), "%s/00000000000000%02x.wal", directory, 2 + i);
    ck_assert_int_eq(mkdir(names[0], 0700), 0);
    ck_assert_int_eq(symlink("nowhere", names[1]), 0);
    ck_assert_int_eq(mkfifo(names[2], 0600), 0);
    for (int start = 0; start < 2; start++) {
        ck_assert_int_eq(wal_open(&w, &loop, &quiet, &o, &err), 0);
        append(w);
        run();
        ck_assert(records[n_records - 1].acknowledged);
        ck_assert_uint_eq(records[n_records - 1].a.seq, 5 + (unsigned)start); /* behind all of their numbers */
        close_log(w);
    }
    ck_assert_int_eq(wal_open(&w, &loop, &quiet, &o, &err), 0);
    ck_assert_uint_eq(read_all(w, found), 2 * ITEMS);
    close_log(w);
    ck_assert_int_eq(wal_scan_run(&scan, &err), 0);
    ck_assert_uint_eq(scan.strays.n, 3);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(scan.strays.v[i].stray, WAL_NO_FILE);
    for (size_t i = 0; i < scan.segments.n; i++) {
        wal_segment_path(directory, scan.segments.v[i].first, path);
        unlink(path);
    }
    wal_scan_free(&scan);
    rmdir(names[0]);
    unlink(names[1]);
    unlink(names[2]);
    snprintf(path, sizeof(path), "%s/lock", directory);
    unlink(path);
    ck_assert_int_eq(rmdir(directory), 0);
    tear_down();
}
END_TEST

/* The name of the next segment is taken while the log runs. */
START_TEST(a_name_that_is_taken_is_passed_over)
{
    struct wal *w;

    set_up();
    ck_assert_int_eq(open_log(&w), 0);
    ck_assert_int_ge(fs.io.open(&fs, "d/0000000000000001.wal", true), 0);
    append(w);
    run();
    ck_assert(!records[0].acknowledged);
    append(w);
    run();
    ck_assert(records[1].acknowledged);
    close_log(w);
    tear_down();
}
END_TEST

START_TEST(a_read_that_is_cancelled_is_not_answered_and_the_next_one_begins_where_it_is_told)
{
    struct reading x = { .r = { .budget = &budget, .on_read = on_read } };
    bool found[RECORDS + 8] = { false };
    struct wal *w;

    set_up();
    ck_assert_int_eq(open_log(&w), 0);
    work(w);
    close_log(w);
    ck_assert_int_eq(open_log(&w), 0);
    wal_read(w, &x.r); /* before it has begun */
    wal_read_cancel(w, &x.r);
    run();
    ck_assert(!x.done);
    wal_read(w, &x.r); /* while a thread reads */
    turn_run(&loop.turn);
    wal_read_cancel(w, &x.r);
    if (_i == 1) { /* at once, while it still does */
        wal_read(w, &x.r);
        run();
        ck_assert(x.done);
        block_unref(x.r.block);
    } else {
        run();
        ck_assert(!x.done);
    }
    ck_assert_uint_eq(read_all(w, found), wal_held(w).items);
    wal_read(w, &x.r); /* and when the log is closed at once */
    turn_run(&loop.turn);
    wal_read_cancel(w, &x.r);
    close_log(w);
    tear_down();
}
END_TEST

START_TEST(a_newer_format_is_refused_by_name)
{
    struct wal_options o = { .directory = "d", .max_bytes = 64u << 20, .segment_bytes = 65536, .io = &fs.io };
    struct error err = { 0 };
    struct wal_head head = { .version = 3, .first = 1 };
    uint8_t bytes[WAL_HEAD];
    struct iovec part = { bytes, sizeof(bytes) };
    struct wal *w;
    int fd;

    set_up();
    wal_head_put(bytes, &head);
    fd = fs.io.open(&fs, "d/0000000000000001.wal", true);
    fs.io.write(&fs, fd, &part, 1, 0);
    ck_assert_int_ne(wal_open(&w, &loop, &quiet, &o, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "format version 3"));
    tear_down();
}
END_TEST

/* Whoever is refused then has the note written at once that makes room for his next try. */
START_TEST(a_full_log_refuses_and_takes_again_when_something_is_settled)
{
    struct wal_options o = {
        .directory = "d", .max_bytes = 200000, .segment_bytes = 65536, .sync = true, .io = &fs.io
    };
    struct error err = { 0 };
    struct wal *w;
    int rc = 0;
    size_t accepted = 0;

    set_up();
    ck_assert_int_eq(wal_open(&w, &loop, &quiet, &o, &err), 0);
    for (; accepted < RECORDS; accepted++) {
        struct record *r = &records[n_records];

        r->part = bytes_of(r->data, 8000);
        r->a = (struct wal_append){ .parts = &r->part, .n_parts = 1, .items = ITEMS, .on_done = on_done };
        rc = wal_append(w, &r->a);
        if (rc != 0)
            break;
        n_records++;
        run();
    }
    ck_assert_int_eq(rc, UV_ENOSPC);
    ck_assert_uint_gt(accepted, 8);
    for (size_t i = 0; i < n_records; i++)
        settle(w, i);
    ck_assert_int_eq(wal_append(w, &records[n_records].a), UV_ENOSPC);
    run();
    ck_assert_int_eq(wal_append(w, &records[n_records].a), 0);
    run();
    ck_assert(records[n_records].acknowledged);
    close_log(w);
    tear_down();
}
END_TEST

/* --- */

static uv_sem_t lookups;

static void hang(uv_work_t *work)
{
    (void)work;
    uv_sem_wait(&lookups);
}

static void on_hung(uv_work_t *work, int status)
{
    (void)work;
    (void)status;
}

START_TEST(a_sync_never_waits_for_lookups_that_hang)
{
    uv_work_t work[8];
    struct wal *w;

    set_up();
    ck_assert_int_eq(uv_sem_init(&lookups, 0), 0);
    for (size_t i = 0; i < ARRAY_LEN(work); i++)
        uv_queue_work(&loop.uv, &work[i], hang, on_hung); /* where names are looked up: more than it has threads */
    ck_assert_int_eq(open_log(&w), 0);
    append(w);
    turn_run(&loop.turn);
    while (!records[0].done)
        uv_run(&loop.uv, UV_RUN_ONCE);
    ck_assert_int_eq(records[0].status, 0);
    for (size_t i = 0; i < ARRAY_LEN(work); i++)
        uv_sem_post(&lookups);
    close_log(w);
    uv_sem_destroy(&lookups);
    tear_down();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("wal");
    TCase *tc = tcase_create("all");
    SRunner *sr;
    int failed;

    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, a_sync_never_waits_for_lookups_that_hang);
    tcase_add_test(tc, what_cannot_be_read_now_is_read_later);
    tcase_add_test(tc, a_full_disk_empties_though_senders_never_fall_silent);
    tcase_add_test(tc, a_disk_that_one_segment_fills_empties_too);
    tcase_add_test(tc, records_come_back_in_order_and_settled_ones_do_not);
    tcase_add_test(tc, files_go_when_all_in_them_is_settled);
    tcase_add_loop_test(tc, damage_in_the_middle_is_skipped_and_counted, 0, 2);
    tcase_add_test(tc, damage_anywhere_never_stops_the_start);
    tcase_add_loop_test(tc, files_that_were_copied_or_are_not_of_the_log_change_nothing, 0, 4);
    tcase_add_loop_test(tc, files_that_were_exchanged_lose_their_own_records_only, 0, 2);
    tcase_add_loop_test(tc, an_end_of_zeros_is_a_loss_where_the_log_was_closed, 0, 2);
    tcase_add_test(tc, an_end_of_zeros_is_room_where_the_machine_stopped);
    tcase_add_test(tc, a_segment_of_zeros_between_others_is_counted_when_its_turn_comes);
    tcase_add_test(tc, what_was_lost_uncounted_is_told_with_the_last_record);
    tcase_add_test(tc, what_follows_behind_the_size_of_a_segment_is_not_read);
    tcase_add_test(tc, links_are_not_followed);
    tcase_add_test(tc, what_is_no_file_is_left_alone_whatever_its_name);
    tcase_add_test(tc, a_name_that_is_taken_is_passed_over);
    tcase_add_loop_test(tc, a_read_that_is_cancelled_is_not_answered_and_the_next_one_begins_where_it_is_told, 0, 2);
    tcase_add_test(tc, a_newer_format_is_refused_by_name);
    tcase_add_test(tc, a_full_log_refuses_and_takes_again_when_something_is_settled);
    tcase_add_test(tc, what_is_written_to_a_directory_that_was_moved_away_is_not_answered_as_safe);
    tcase_add_test(tc, a_directory_that_is_made_anew_is_taken_and_what_was_in_the_old_one_is_lost);
    tcase_add_test(tc, a_segment_that_was_removed_is_not_written_to);
    tcase_add_test(tc, a_file_is_known_by_its_name_while_it_has_it);
    tcase_add_test(tc, records_are_answered_while_an_unlink_hangs);
    tcase_add_test(tc, files_that_wait_to_be_closed_are_few_though_the_disk_hangs);
    tcase_add_test(tc, the_lock_is_held_until_nothing_is_taken_away_any_more);
    tcase_add_test(tc, a_directory_that_is_made_anew_on_a_full_disk_is_taken_once);
    tcase_add_test(tc, records_wait_for_the_room_that_a_removal_makes);
    tcase_add_test(tc, a_segment_that_cannot_be_unlinked_goes_behind_the_next_group);
    tcase_add_test(tc, a_segment_that_goes_is_left_by_its_reader);
    tcase_add_test(tc, nothing_is_lost_where_segments_go_long_after_their_note);
    tcase_add_test(tc, nothing_acknowledged_is_lost_wherever_the_machine_stops);
    tcase_add_test(tc, nothing_acknowledged_is_lost_whichever_call_fails);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
