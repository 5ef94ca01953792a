/* SPDX-License-Identifier: Apache-2.0 */
/* `otelcd wal inspect|verify|export DIR`: what a queue on disk holds. It only reads, and takes no lock, so it may look
 * at a queue that is in use; what is being written at that moment then looks torn. */
#include "base/mem.h"
#include "command/command.h"
#include "otlp/json.h"
#include "otlp/signal.h"
#include "wal/wal_format.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

struct segment {
    char name[32];
    uint64_t first;
};

struct view {
    const char *directory;
    VEC(struct segment) segments;
    struct wal_state state; /* the newest */
    uint64_t damaged;       /* runs of bytes that are no records, before others that are */
    uint64_t torn;          /* bytes behind the newest segment's last record */
};

struct bytes_of_file {
    uint8_t *data;
    size_t len;
};

/* What is done with each whole record. */
typedef void each_record(struct view *v, const struct wal_record *r, const uint8_t *at, void *arg);

static int by_first(const void *a, const void *b)
{
    const struct segment *x = a, *y = b;

    return x->first < y->first ? -1 : x->first > y->first;
}

static bool is_segment(const char *name)
{
    return strlen(name) == 20 && strcmp(name + 16, ".wal") == 0;
}

static bool has_segments(const char *directory)
{
    DIR *d = opendir(directory);
    bool found = false;

    if (d == NULL)
        return false;
    for (struct dirent *e; !found && (e = readdir(d)) != NULL;)
        found = is_segment(e->d_name);
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

static int list_segments(struct view *v)
{
    DIR *d = opendir(v->directory);

    if (d == NULL) {
        fprintf(stderr, "otelcd wal: cannot read the directory %s: %s\n", v->directory, strerror(errno));
        return -1;
    }
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        struct segment s;

        if (!is_segment(e->d_name))
            continue;
        snprintf(s.name, sizeof(s.name), "%.20s", e->d_name);
        s.first = strtoull(s.name, NULL, 16);
        *vec_push(&v->segments) = s;
    }
    closedir(d);
    if (v->segments.n == 0) {
        say_where_segments_are(v->directory);
        return -1;
    }
    qsort(v->segments.v, v->segments.n, sizeof(v->segments.v[0]), by_first);
    return 0;
}

static bool read_file(const struct view *v, const struct segment *s, struct bytes_of_file *f)
{
    char path[4096];
    struct stat st;
    FILE *file;

    *f = (struct bytes_of_file){ 0 };
    snprintf(path, sizeof(path), "%s/%s", v->directory, s->name);
    file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &st) != 0) {
        fprintf(stderr, "otelcd wal: cannot read %s: %s\n", path, strerror(errno));
        if (file != NULL)
            fclose(file);
        return false;
    }
    f->data = mem_alloc((size_t)st.st_size + 1);
    f->len = fread(f->data, 1, (size_t)st.st_size, file);
    fclose(file);
    return true;
}

static void put_time(uint64_t ns, char out[32])
{
    time_t seconds = (time_t)(ns / NS_PER_S);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static bool is_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != 0)
            return false;
    return true;
}

static void note_damage(struct view *v, const struct segment *s, size_t from, size_t to, bool last)
{
    if (last) {
        v->torn += to - from;
        printf("%s: %zu bytes from %zu on are no record: a torn tail\n", s->name, to - from, from);
    } else {
        v->damaged++;
        printf("%s: %zu bytes from %zu on are damaged\n", s->name, to - from, from);
    }
}

/* All whole records of one segment; tells of what is not. */
static void walk(struct view *v, const struct segment *s, const struct bytes_of_file *f, bool tell, each_record *each,
                 void *arg)
{
    struct wal_head head;
    size_t at = wal_head_read(&head, f->data, f->len) == 0 ? WAL_HEAD : 0, gap = at;
    struct wal_record r;

    while (at + WAL_RECORD_HEAD <= f->len) {
        if (!wal_record_peek(&r, f->data + at, f->len - at) || !wal_record_intact(&r, f->data + at)) {
            at += 8;
            continue;
        }
        if (tell && at > gap && !is_zero(f->data + gap, at - gap))
            note_damage(v, s, gap, at, false);
        each(v, &r, f->data + at, arg);
        at += wal_padded(r.length);
        gap = at;
    }
    if (tell && gap < f->len && !is_zero(f->data + gap, f->len - gap))
        note_damage(v, s, gap, f->len, s == &v->segments.v[v->segments.n - 1]);
}

static void take_state(struct view *v, const struct wal_record *r, const uint8_t *at, void *arg)
{
    struct wal_state *s = &v->state;

    (void)arg;
    if (r->type == WAL_DATA && r->seq > s->last) {
        s->last = r->seq;
        s->totals.appended = r->before + r->items;
    } else if (r->type == WAL_STATE && r->seq >= s->last) {
        wal_state_read(s, bytes_of(at + WAL_RECORD_HEAD, r->length - WAL_RECORD_HEAD));
        s->last = r->seq;
        s->totals.appended = r->before;
    }
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

static void print_segment(struct view *v, const struct segment *s, const struct bytes_of_file *f)
{
    struct sums sums = { 0 };
    struct wal_head head;
    char made[32] = "its head is damaged";

    walk(v, s, f, false, add_up, &sums);
    if (wal_head_read(&head, f->data, f->len) == 0)
        put_time(head.time, made);
    printf("%s  %10zu bytes  made %s  %llu records, %llu items, %llu states\n", s->name, f->len, made,
           (unsigned long long)sums.records, (unsigned long long)sums.items, (unsigned long long)sums.states);
}

static void print_totals(const struct view *v)
{
    const struct wal_totals *t = &v->state.totals;

    printf("appended %llu items, delivered %llu, held %llu in %llu records", (unsigned long long)t->appended,
           (unsigned long long)t->delivered, (unsigned long long)wal_totals_held(t),
           (unsigned long long)wal_state_held(&v->state));
    for (uint32_t i = 0; i < t->n_dropped; i++)
        printf(", dropped{%s} %llu", t->dropped[i].reason, (unsigned long long)t->dropped[i].items);
    printf("\n");
}

static void print_record(struct view *v, const struct wal_record *r, const uint8_t *at, void *arg)
{
    struct bytes content = bytes_of(at + WAL_RECORD_HEAD, r->length - WAL_RECORD_HEAD);
    struct buf *line = arg;
    uint32_t front;

    if (r->type != WAL_DATA || wal_state_is_settled(&v->state, r->seq) || r->kind >= SIGNAL_COUNT ||
        content.len < sizeof(front))
        return;
    memcpy(&front, content.data, sizeof(front));
    if (front > content.len - sizeof(front))
        return;
    line->len = 0;
    wire_to_json(signal_table[r->kind].request, bytes_skip(content, sizeof(front) + front), line, NULL);
    buf_putc(line, '\n');
    fwrite(line->data, 1, line->len, stdout);
}

/* Each segment in turn. */
static bool each_segment(struct view *v, bool tell, bool print, each_record *each, void *arg)
{
    for (size_t i = 0; i < v->segments.n; i++) {
        struct bytes_of_file f;

        if (!read_file(v, &v->segments.v[i], &f))
            return false;
        if (print)
            print_segment(v, &v->segments.v[i], &f);
        walk(v, &v->segments.v[i], &f, tell, each, arg);
        free(f.data);
    }
    return true;
}

static int run(struct view *v, const char *what)
{
    struct buf line = { 0 };
    bool ok;

    if (strcmp(what, "export") == 0) {
        ok = each_segment(v, false, false, take_state, NULL) && each_segment(v, false, false, print_record, &line);
        buf_free(&line);
        return !ok;
    }
    ok = each_segment(v, true, strcmp(what, "inspect") == 0, take_state, NULL);
    print_totals(v);
    if (strcmp(what, "verify") == 0 && ok)
        printf("%s\n", v->damaged > 0 ? "damaged" : v->torn > 0 ? "whole, but for a torn tail" : "whole");
    return !ok || (strcmp(what, "verify") == 0 && v->damaged > 0);
}

int command_wal(const struct arguments *a)
{
    const char *what = a->operands[0];
    struct view v = { .directory = a->operands[1] };
    int code;

    if (what == NULL || v.directory == NULL ||
        (strcmp(what, "inspect") != 0 && strcmp(what, "verify") != 0 && strcmp(what, "export") != 0)) {
        fprintf(stderr, "usage: otelcd wal inspect|verify|export DIRECTORY\n"
                        "inspect: what each segment holds. verify: the same question to every checksum; exit 1 when\n"
                        "something is damaged. export: what is not delivered, as OTLP JSON, a request in a line.\n");
        return 2;
    }
    code = list_segments(&v) != 0 ? 1 : run(&v, what);
    vec_free(&v.segments);
    wal_state_free(&v.state);
    return code;
}
