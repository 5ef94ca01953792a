/* SPDX-License-Identifier: Apache-2.0 */
/* `otelcd wal inspect|verify|export DIR`: what a queue on disk holds, by the same rules as the queue itself
 * (wal/wal_scan.h). It only reads, and takes no lock, so it may look at a queue that is in use; what is being written
 * at that moment then looks torn. */
#include "base/mem.h"
#include "command/command.h"
#include "otlp/batch.h"
#include "otlp/json.h"
#include "otlp/validate.h"
#include "wal/wal_scan.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct view {
    const char *directory;
    struct wal_scan scan;
    uint64_t damaged; /* runs of bytes that are no records, before others that are, and of records that are not there */
    uint64_t torn;    /* bytes behind the newest segment's last record */
    uint64_t seen;    /* the number of the last record that was seen; 0 = none was */
};

/* What is done with each whole record. */
typedef void each_record(struct view *v, const struct wal_record *r, const uint8_t *at, void *arg);

static bool has_segments(const char *directory)
{
    DIR *d = opendir(directory);
    bool found = false;
    uint64_t first;

    if (d == NULL)
        return false;
    for (struct dirent *e; !found && (e = readdir(d)) != NULL;)
        found = wal_segment_name(e->d_name, &first);
    closedir(d);
    return found;
}

/* What the configuration names is the directory above: then the answer is which queues are in it. */
static void say_where_segments_are(const char *directory)
{
    DIR *d = opendir(directory);
    unsigned n = 0;

    fprintf(stderr, "otelcd wal: %s has no segments (*.wal); name the queue's own directory", directory);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        char path[4096];

        if (e->d_name[0] == '.' || snprintf(path, sizeof(path), "%s/%s", directory, e->d_name) >= (int)sizeof(path))
            continue;
        if (has_segments(path))
            fprintf(stderr, "%s%s", n++ == 0 ? ": " : ", ", path);
    }
    if (d != NULL)
        closedir(d);
    fputs(n == 0 ? ", for instance DIRECTORY/prom_remotewrite\n" : "\n", stderr);
}

static void print_stray(const struct wal_segment *x)
{
    printf("%016llx.wal: left alone: ", (unsigned long long)x->first);
    if (x->stray == WAL_RENAMED)
        printf("a copy, or renamed; it was made as %016llx.wal\n", (unsigned long long)x->made_as);
    else
        printf("%s\n", x->stray == WAL_NO_FILE ? "no regular file" : "not of this log");
}

static int scan_directory(struct view *v)
{
    struct error err = { 0 };

    v->scan = (struct wal_scan){ .io = &wal_io_reading, .directory = v->directory };
    if (wal_scan_run(&v->scan, &err) != 0) {
        fprintf(stderr, "otelcd wal: %s\n", err.text);
        return -1;
    }
    if (v->scan.segments.n + v->scan.strays.n == 0) {
        say_where_segments_are(v->directory);
        return -1;
    }
    return 0;
}

static bool read_segment(const struct view *v, const struct wal_segment *s, struct wal_file *f)
{
    int rc = wal_file_read(&wal_io_reading, v->directory, s->first, f);

    if (rc != 0)
        fprintf(stderr, "otelcd wal: cannot read %s/%016llx.wal: %s\n", v->directory, (unsigned long long)s->first,
                uv_strerror(rc));
    return rc == 0;
}

static void put_time(uint64_t ns, char out[32])
{
    time_t seconds = (time_t)(ns / NS_PER_S);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* Zeros tell nothing, but numbers do: those between two records that are neither there nor settled are lost. */
static void check_numbers(struct view *v, const struct wal_segment *s, const struct wal_record *r, size_t at)
{
    uint64_t last = r->type == WAL_DATA ? r->seq - 1 : r->seq, held = 0;

    if (v->seen != 0 && last > v->seen)
        held = wal_state_held_in(&v->scan.state, v->seen + 1, last);
    if (held > 0) {
        printf("%016llx.wal: before byte %zu %llu of the records %llu to %llu are lost\n", (unsigned long long)s->first,
               at, (unsigned long long)held, (unsigned long long)v->seen + 1, (unsigned long long)last);
        v->damaged++;
    }
    if (r->seq > v->seen)
        v->seen = r->seq;
}

/* Behind the newest segment's last record. */
static void note_end(struct view *v, const struct wal_segment *s, size_t from, size_t to)
{
    if (v->scan.lost > 0) {
        printf("%016llx.wal: %zu bytes from %zu on are no records any more: they were when the file was closed\n",
               (unsigned long long)s->first, to - from, from);
        v->damaged++;
    } else if (!s->cut) {
        printf("%016llx.wal: not closed; %zu bytes of zeros from %zu on: room that was never used, if the disk is "
               "right\n",
               (unsigned long long)s->first, to - from, from);
    }
}

static void note_damage(struct view *v, const struct wal_segment *s, size_t from, size_t to, bool last)
{
    printf("%016llx.wal: %zu bytes from %zu on are %s\n", (unsigned long long)s->first, to - from, from,
           last ? "no record: a torn tail" : "damaged");
    if (last)
        v->torn += to - from;
    else
        v->damaged++;
}

/* Whether all in it is settled, so that it is removed, from its end. */
static bool is_going(const struct view *v, const struct wal_segment *s)
{
    const struct wal_segment *newest = &v->scan.segments.v[v->scan.segments.n - 1];

    return s != newest && s[1].first <= v->scan.state.floor + 1;
}

/* All whole records of one segment; tells of what is neither one nor zeros. */
static void walk_segment(struct view *v, const struct wal_segment *s, const struct wal_file *f, bool tell,
                         each_record *each, void *arg)
{
    bool newest = s == &v->scan.segments.v[v->scan.segments.n - 1];
    size_t gap = s->has_head ? WAL_HEAD : 0;
    struct wal_record r;

    for (size_t at = wal_file_next(f, gap, &r); at < f->len; at = wal_file_next(f, gap, &r)) {
        if (tell && !bytes_is_zero(bytes_of(f->data + gap, at - gap)))
            note_damage(v, s, gap, at, false);
        if (tell)
            check_numbers(v, s, &r, at);
        each(v, &r, f->data + at, arg);
        gap = at + wal_padded(r.length);
    }
    if (!tell || gap >= f->len)
        return;
    if (newest && (v->scan.lost > 0 || bytes_is_zero(bytes_of(f->data + gap, f->len - gap))))
        note_end(v, s, gap, f->len);
    else if (!bytes_is_zero(bytes_of(f->data + gap, f->len - gap)) && !is_going(v, s))
        note_damage(v, s, gap, f->len, newest);
}

struct sums {
    uint64_t records, items, states;
};

static void add_up(struct view *v, const struct wal_record *r, const uint8_t *at, void *arg)
{
    struct sums *s = arg;

    (void)v;
    (void)at;
    s->records += r->type == WAL_DATA;
    s->items += r->type == WAL_DATA ? r->items : 0;
    s->states += r->type == WAL_STATE;
}

static void print_segment(struct view *v, const struct wal_segment *s, const struct wal_file *f)
{
    struct sums sums = { 0 };
    char made[32] = "its head is damaged";

    walk_segment(v, s, f, false, add_up, &sums);
    if (s->has_head)
        put_time(s->time, made);
    printf("%016llx.wal  %10zu bytes  made %s  %llu records, %llu items, %llu states\n", (unsigned long long)s->first,
           f->len, made, (unsigned long long)sums.records, (unsigned long long)sums.items,
           (unsigned long long)sums.states);
}

static void print_piece(const struct wal_piece *p)
{
    printf("record %llu is held in part: its items %llu to %llu, counted from 0, are done with\n",
           (unsigned long long)p->seq, (unsigned long long)p->first, (unsigned long long)p->last);
}

static void print_totals(const struct view *v)
{
    const struct wal_totals *t = &v->scan.state.totals;

    printf("appended %llu items, delivered %llu, held %llu in %llu records", (unsigned long long)t->appended,
           (unsigned long long)t->delivered, (unsigned long long)wal_totals_held(t),
           (unsigned long long)wal_state_held(&v->scan.state));
    for (uint32_t i = 0; i < t->n_dropped; i++)
        printf(", dropped{%s} %llu", t->dropped[i].reason, (unsigned long long)t->dropped[i].items);
    printf("\n");
    for (size_t i = 0; i < v->scan.state.pieces.n; i++)
        print_piece(&v->scan.state.pieces.v[i]);
}

static void put_line(enum signal signal, struct bytes request, struct buf *line)
{
    line->len = 0;
    wire_to_json(signal_table[signal].request, request, line, NULL);
    buf_putc(line, '\n');
    fwrite(line->data, 1, line->len, stdout);
}

/* Whether the request can be cut, and has all the items that the pieces speak of. */
static bool can_be_cut(const struct wal_record *r, struct bytes request, const struct wal_piece *last)
{
    struct validation valid;

    return signal_table[r->kind].mergeable && otlp_validate((enum signal)r->kind, request, &valid) &&
           valid.items == r->items && last->last < r->items;
}

/* What is left of a request that is settled in part; NULL: nothing. */
static struct batch *rest_of(const struct wal_record *r, struct bytes request, const struct wal_piece *pieces, size_t n)
{
    struct block *block = block_force(NULL, request.len);
    item_ranges settled = { 0 };
    struct batch *rest;

    for (size_t i = 0; i < n; i++)
        *vec_push(&settled) = (struct item_range){ pieces[i].first, pieces[i].last };
    memcpy(block->data, request.data, request.len);
    rest = batch_without(batch_new((enum signal)r->kind, block, bytes_of(block->data, request.len), r->items, 0),
                         settled.v, settled.n, NULL);
    vec_free(&settled);
    return rest;
}

static void put_rest(const struct wal_record *r, struct batch *rest, struct buf *line)
{
    struct buf whole = { 0 };

    for (uint32_t i = 0; i < rest->n_segments; i++)
        buf_append(&whole, rest->segments[i].data, rest->segments[i].len);
    put_line((enum signal)r->kind, buf_bytes(&whole), line);
    buf_free(&whole);
    batch_unref(rest);
}

static void put_held(const struct view *v, const struct wal_record *r, struct bytes request, struct buf *line)
{
    const struct wal_piece *pieces;
    struct batch *rest;
    size_t n;

    pieces = wal_state_pieces(&v->scan.state, r->seq, &n);
    if (n == 0 || !can_be_cut(r, request, &pieces[n - 1])) {
        put_line((enum signal)r->kind, request, line);
        return;
    }
    rest = rest_of(r, request, pieces, n);
    if (rest != NULL)
        put_rest(r, rest, line);
}

static void print_record(struct view *v, const struct wal_record *r, const uint8_t *at, void *arg)
{
    struct bytes content = bytes_of(at + WAL_RECORD_HEAD, r->length - WAL_RECORD_HEAD);
    uint32_t front;

    if (r->type != WAL_DATA || wal_state_is_settled(&v->scan.state, r->seq) || r->kind >= SIGNAL_COUNT ||
        content.len < sizeof(front))
        return;
    memcpy(&front, content.data, sizeof(front));
    if (front > content.len - sizeof(front))
        return;
    put_held(v, r, bytes_skip(content, sizeof(front) + front), arg);
}

/* Each segment in turn. */
static bool each_segment(struct view *v, bool tell, bool print, each_record *each, void *arg)
{
    for (size_t i = 0; i < v->scan.segments.n; i++) {
        struct wal_segment *s = &v->scan.segments.v[i];
        struct wal_file f;

        if (!read_segment(v, s, &f))
            return false;
        if (print)
            print_segment(v, s, &f);
        walk_segment(v, s, &f, tell, each, arg);
        free(f.data);
    }
    return true;
}

static void ignore_record(struct view *v, const struct wal_record *r, const uint8_t *at, void *arg)
{
    (void)v;
    (void)r;
    (void)at;
    (void)arg;
}

static int export_held(struct view *v)
{
    struct buf line = { 0 };
    bool ok = each_segment(v, false, false, print_record, &line);

    buf_free(&line);
    return !ok;
}

static int run_verb(struct view *v, const char *what)
{
    bool ok;

    if (strcmp(what, "export") == 0)
        return export_held(v);
    for (size_t i = 0; i < v->scan.strays.n; i++)
        print_stray(&v->scan.strays.v[i]);
    ok = each_segment(v, true, strcmp(what, "inspect") == 0, ignore_record, NULL);
    print_totals(v);
    if (strcmp(what, "verify") == 0 && ok)
        printf("%s\n", v->damaged > 0 ? "damaged" : v->torn > 0 ? "whole, but for a torn tail" : "whole");
    return !ok || (strcmp(what, "verify") == 0 && v->damaged > 0);
}

int command_wal(const struct arguments *a)
{
    const char *what = a->operands.n > 0 ? a->operands.v[0] : NULL;
    struct view v = { .directory = a->operands.n > 1 ? a->operands.v[1] : NULL };
    int code;

    if (what == NULL || v.directory == NULL ||
        (strcmp(what, "inspect") != 0 && strcmp(what, "verify") != 0 && strcmp(what, "export") != 0)) {
        fprintf(stderr, "usage: otelcd wal inspect|verify|export DIRECTORY\n"
                        "inspect: what each segment holds. verify: the same question to every checksum; exit 1 when\n"
                        "something is damaged. export: what is not delivered, as OTLP JSON, a request in a line.\n");
        return 2;
    }
    code = scan_directory(&v) != 0 ? 1 : run_verb(&v, what);
    wal_scan_free(&v.scan);
    return code;
}
