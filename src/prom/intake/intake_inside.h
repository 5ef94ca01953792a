/* SPDX-License-Identifier: Apache-2.0 */
/* The intake's inside: what its files share. Nobody but src/prom/intake/ includes this.
 *
 *     intake.c          a take from its begin to its end, in steps
 *     intake_store.c    life of store and intakes
 *     intake_text.c     pages of text: their entries, the line of a fault
 *     intake_settle.c   lines and points that are not needed any more
 *     intake_pieces.c   the assemblies that the points are put into, and the batches of them
 *     intake_sample.c   one sample: duplicates, limits, times; which lines were there, in their order
 *     intake_line.c     a line that is seen for the first time: where its points go
 *     intake_labels.c   its labels: those of the target, relabelling, limits
 *     intake_family.c   what TYPE, HELP and UNIT said, and what that makes of a name
 *     intake_parents.c  resources, scopes and metrics, found by what they are called; what they are sent as
 *     intake_infos.c    target_info
 *     intake_point.c    points on the wire
 *     intake_moved.c    points whose lines became others
 *     intake_exemplar.c exemplars on the wire
 *     intake_protobuf.c pages of protobuf: families, samples and native histograms
 *     intake_report.c   up and the others, ends of series
 *     page.c            the grammar of text
 *
 * What is remembered is found in three tables: lines by the digest of their text, points by what they are in and their
 * attributes, and all others as identities (prom/series/identity.h). Each is below what it is of:
 *
 *     intake -- family (name)
 *        |----- line (text of a series) ......................> point
 *        '----- resource (job, instance) -- scope -- metric -- point (attributes)
 *
 * A line is a series of Prometheus; a point is what it becomes: several lines make one histogram. What nothing is below
 * any more goes. The series' lines lie in an array in the order of the last page, so that the one that follows is known
 * before it is read. */
#ifndef PROM_INTAKE_INSIDE_H
#define PROM_INTAKE_INSIDE_H

#include "base/list.h"
#include "base/slab.h"
#include "codec/pb.h"
#include "otlp/assembly.h"
#include "otlp/fields.h"
#include "otlp/view.h"
#include "prom/intake/intake.h"
#include "prom/intake/page.h"
#include "prom/model/metric.h"
#include "prom/series/series_limit.h"

enum identity_kind { OF_INTAKE, OF_FAMILY, OF_RESOURCE, OF_SCOPE, OF_METRIC, OF_POINT };

/* What a line is to its point. */
enum line_role {
    LINE_DROPPED, /* it has none: relabelling took it away */
    LINE_INFO,    /* target_info: attributes of its resource */
    LINE_NUMBER,
    LINE_BUCKET, /* of a histogram or a summary: a bound or quantile, and what is below */
    LINE_SUM,
    LINE_COUNT,
    LINE_CREATED,
    LINE_NATIVE, /* all of a histogram */
    LINE_UNFIT,  /* it should be part of a histogram or summary, but cannot */
};

#define LINE_TRACKED 1u /* its end is told: it has no times of its own */
#define LINE_FRESH 2u   /* no page that had it was taken before */
#define LINE_PART 4u    /* one of the lines that are one histogram and count as one sample */
#define LINE_LISTED 8u  /* FRESH: it stands in the intake's lines all the same */

#define LINE_LONGEST ((1u << 24) - 1) /* bytes of its text; a longer one is refused */

/* As small as may be, for there is one for each series: its text is known by its digest and its length. */
struct line {
    struct digest digest; /* of its text, mixed with the intake's */
    struct out_point *point;
    uint32_t text_len : 24;
    uint32_t role : 4;
    uint32_t flags : 4;
    uint32_t seen;     /* the last pass that had it */
    uint32_t position; /* in the intake's lines, or where it stood in a page that failed */
    uint16_t slot;     /* BUCKET: in the distribution's buckets */
    uint16_t version;
};

struct bucket {
    double bound, value;
    uint32_t seen;
};

/* What the lines of a histogram or summary said in this pass. Also a counter that may have a start. */
struct gathered_lines {
    double count, sum;
    uint64_t start_ns;
    int64_t time_ms;
    uint32_t seen;   /* the last pass that put something in */
    uint32_t before; /* the one before that: whose bounds are shown when it ends */
    bool has_count, has_sum, has_ended, sorted;
    VEC(struct bucket) buckets;
    struct exemplar_bytes *exemplars, **last_exemplar; /* in the take's memory */
};

struct exemplar_bytes {
    struct exemplar_bytes *next;
    struct bytes field; /* the content */
};

struct out_metric;

struct out_point {
    struct out_metric *metric;
    union {
        uint8_t *value;                      /* direct: where its value stands, in the pass that saw it last */
        struct gathered_lines *distribution; /* else */
    };
    uint32_t seen;
    uint32_t n_lines; /* that are of it */
    uint32_t raw_len : 31;
    uint32_t gathered : 1; /* it has a distribution */
    uint8_t raw[];         /* its attributes as they are sent */
};

static inline struct bytes point_attributes(const struct out_point *p)
{
    return bytes_of(p->raw, p->raw_len);
}

struct out_metric {
    struct identity id; /* parent: the scope; raw: kind, type, name */
    uint32_t n_points;
    uint32_t piece;   /* the last one that it has points in */
    uint16_t version; /* of what families say, when its head was made */
    enum metric_kind kind;
    enum page_type type;
    struct bytes head, tail; /* its fields before the points, and behind them; allocated */
    struct message *data;    /* in that piece */
    uint8_t raw[];
};

struct out_scope {
    struct identity id; /* parent: the resource; raw: the InstrumentationScope's fields, then the schema URL */
    uint32_t n_metrics;
    uint32_t piece;
    uint32_t schema_len;
    struct message *message;
    uint8_t raw[];
};

struct out_resource {
    struct identity id; /* parent: the intake; raw: job, NUL, instance */
    uint32_t n_scopes;
    uint32_t piece;
    struct bytes attributes;       /* whole fields; allocated */
    VEC(struct out_point *) infos; /* target_info in this pass */
    bool infos_ended;              /* the page has none any more: what it was before */
    struct bytes merged;           /* with what they say, for all pieces; empty: not yet */
    struct message *message;
    uint8_t raw[];
};

struct page_family {
    struct identity id; /* parent: the intake; raw: the name */
    struct list link;   /* of the intake's families */
    enum page_type type;
    struct bytes help, unit; /* allocated */
    bool told;               /* something was said of it, else only asked */
    bool asked;              /* a line depends on it */
    uint32_t seen;           /* the last pass that said something */
    uint8_t raw[];
};

#define REPORTS 8

struct intake {
    struct identity id;
    struct digest digest; /* mixed into those of its lines */
    struct intake_store *store;
    const struct intake_rules *rules;
    struct label_set labels; /* public ones of the target */
    struct bytes extra;      /* attributes of its resources behind the first ones; allocated */
    struct bytes scheme;     /* allocated */
    struct series_sender *sender;
    VEC(struct line *) lines; /* those of the last page that was taken come first, in its order */
    size_t n_good;            /* so many: their series have not ended */
    uint32_t good_pass;       /* the one that saw them */
    size_t n_taken;           /* how many there were when a page was taken */
    struct list families;
    size_t n_families;
    uint16_t version; /* of what families say; a line of another one is read anew */
    uint32_t pass;    /* of this take, the last of all if none is under way */
    bool gathers;     /* counters: a page has had `_created` for one */
    struct out_point *reports[REPORTS];
};

/* Where a take is. What goes round when: intake.c. */
enum take_phase {
    TAKE_IDLE,     /* there is none */
    TAKE_READ,     /* the page's samples */
    TAKE_FAULT,    /* which line was it? */
    TAKE_KEEP,     /* lines of a page that does not count */
    TAKE_END,      /* series that were not there */
    TAKE_MOVED,    /* points of several lines that have become others */
    TAKE_GATHER,   /* points of several lines */
    TAKE_FINISH,   /* the report */
    TAKE_DROP,     /* lines that did not come */
    TAKE_RELEASE,  /* points that lines have left */
    TAKE_FAMILIES, /* what is not said of families any more */
    TAKE_SPARE,    /* lines of pages that failed */
    TAKE_PHASES
};

enum take_kind { TAKE_PAGE, TAKE_FAILURE, TAKE_LAST };

/* Some thousand points, or a MiB of them. */
struct piece {
    struct piece *next;
    struct assembly assembly;
    uint64_t n_points;
    size_t charged;
};

/* A page of protobuf, between two steps. */
enum proto_stage { PROTO_MESSAGE, PROTO_FIELDS, PROTO_METRICS, PROTO_BUCKETS };

struct proto_family {
    struct bytes message, name, help, unit;
    uint64_t type;
    bool any; /* it has metrics */
};

/* The part of a metric that is the same for all of its series. */
struct proto_metric {
    struct bytes message;
    struct bytes value; /* the Counter, Gauge, ... */
    bool has_time;
    int64_t time_ms;
    uint64_t start_ns;
    size_t key_len; /* of the take's key: family and labels */
};

/* What part of its metric a series is. */
enum proto_part { PART_ALL, PART_COUNT, PART_SUM, PART_BUCKET, PART_QUANTILE };

struct proto_series {
    const struct proto_family *family;
    struct bytes metric; /* the message */
    enum proto_part part;
    double bound;
};

struct proto_reading {
    const uint8_t *p, *end;
    size_t n;                 /* messages */
    enum proto_stage stage;   /* changed by enter_stage() alone */
    struct pb_reader fields;  /* of the family's message */
    struct pb_reader buckets; /* or quantiles, of the metric's value */
    struct proto_family family;
    struct proto_metric metric;
    struct proto_series series;
    double count;
    uint64_t spread; /* bytes of labels that may still be read in this page */
};

/* A take, and the scratch that is kept for the next. */
struct take {
    struct intake *in;
    enum take_phase phase;
    enum take_kind kind;
    enum intake_format format;
    struct bytes body;
    struct intake_scrape scrape;
    uint64_t time_ms;
    struct intake_result *result;
    struct page_reader page;         /* text */
    struct page_location fault_line; /* how far it is counted */
    struct proto_reading proto;
    bool left;           /* the page does not count */
    size_t at;           /* in what the phase goes through */
    struct list *family; /* the same */
    bool families_many, families_asked;
    struct piece *pieces, **last_piece; /* that are full */
    struct assembly assembly;           /* of the piece that is filled */
    uint32_t piece, first_piece;        /* its number, of all in the store's life; that of the take's first */
    size_t repeated;                    /* bytes of it that earlier pieces have, too */
    VEC(struct message *) resources;    /* in all pieces; user: whose */
    struct label_set labels, exemplar_labels;
    struct buf empty; /* names of labels without a value, each behind a NUL */
    struct buf attributes, scratch, name;
    struct buf key, native;   /* protobuf */
    VEC(struct line *) lines; /* in this page's order, once it is another than that of the last */
    bool diverged;
    size_t n_lines;   /* of this page */
    size_t predicted; /* index of the line that may come next, in the intake's */
    VEC(struct out_point *) gathered;
    VEC(struct out_point *) released; /* by lines that went elsewhere: they stay until the batch is made */
    VEC(struct out_point *) moved;    /* those of several lines among them whose stream ends with that */
    VEC(struct bucket) buckets;       /* of one point, in order */
    VEC(struct out_resource *) informed;
    struct message_part *open; /* of the metric that points are being put into */
    struct out_metric *open_metric;
    uint8_t *room, *room_end; /* behind the open part */
    uint64_t n_points;        /* of the piece */
    uint64_t n_appended;      /* for the sample limit */
    uint32_t first_pass;      /* of this take */
    bool over_limit, over_buckets;
    bool again; /* the page has to be read once more */
    char fault[400];
};

struct intake_store {
    struct budget *budget;
    struct series_limit limit;
    struct table known, lines, points;
    struct slab slab;    /* of lines and points */
    struct bytes scope;  /* the default scope; allocated */
    struct clock *clock; /* NULL: a test has none */
    uint64_t n_intakes;  /* ever, for their hashes */
    struct take take;
};

/* One sample as its page has it. */
struct sample {
    struct bytes key; /* by which its line is known */
    double value;
    bool has_time;
    int64_t time_ms;
    uint64_t start_ns;     /* 0: none */
    struct bytes exemplar; /* the content of one of OTLP; no data: none */
    struct bytes native;   /* fields of a point, exemplars and all, when it is all of a native histogram */
    uint32_t observed;     /* NATIVE: buckets that are not empty */
    /* Fill the take's labels and `empty`: called when the line is not known. NULL, or what is wrong with it (static).
     */
    const char *(*read_labels)(struct take *t, const struct sample *s);
    const void *from; /* for read_labels */
};

/* intake.c: a step's worth of what takes some ns, and of what takes a µs */
#define MANY_A_STEP ((size_t)512)
#define SOME_A_STEP ((size_t)64)
void take_fail(struct take *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline bool take_failed(const struct take *t)
{
    return t->fault[0] != '\0';
}

/* intake_text.c: false: the page has ended, or is bad */
void text_begin(struct take *t);
bool text_read_some(struct take *t);
bool text_locate_fault(struct take *t); /* the same */
void text_end(struct take *t);

/* intake_settle.c: each false when there is no more to do */
bool lines_keep(struct take *t);
bool lines_end(struct take *t);
bool lines_drop(struct take *t);
bool points_release(struct take *t);
bool families_expire(struct take *t);
bool lines_drop_spare(struct take *t);

/* intake_pieces.c */
void pieces_init(struct take *t);
void pieces_clear(struct take *t); /* of this pass; another may begin */
void pieces_seal(struct take *t);  /* the piece is full: another begins */
/* A copy into the open piece of what `before` had last: a number of a piece. */
struct bytes pieces_copy(struct take *t, uint32_t before, struct bytes b);
struct assembly *pieces_last(struct take *t);        /* of the last one: its memory outlives the others' */
struct intake_points *pieces_detach(struct take *t); /* all of them */

static inline bool line_is_listed(const struct line *l)
{
    return (l->flags & (LINE_FRESH | LINE_LISTED)) != LINE_FRESH;
}

/* intake_sample.c */
struct line *line_predicted(const struct take *t);
void sample_take(struct take *t, const struct sample *s, struct line *predicted);

/* intake_line.c */
enum line_outcome {
    LINE_MADE,
    LINE_FAULT,   /* the take has failed */
    LINE_REFUSED, /* there are as many series as there may be */
    LINE_LEFT,    /* relabelling drops it, and there is no room to remember that */
};
/* `digest`: of the line's text, whatever the intake. */
struct digest line_digest(const struct intake *in, const struct digest *digest);
struct line *line_find(const struct take *t, const struct digest *digest);
/* The line of that sample: *l, which was read under another version, is read anew, or it is NULL and one is made. */
enum line_outcome line_make(struct take *t, const struct sample *s, struct line **l);
void line_drop(struct intake *in, struct line *l);
uint64_t line_hash_of(const void *entry);                              /* for the table */
struct out_point *report_find_point(struct take *t, const char *name); /* with one line; NULL: there is none */
struct gathered_lines *point_distribution(struct intake *in, struct out_point *p); /* made if need be */

/* intake_labels.c: of the take's labels */
void labels_add_target(struct take *t, bool honor);
bool labels_check(struct take *t);                         /* false: the take has failed */
bool labels_admit(struct take *t);                         /* is there room for one more series? */
void labels_encode(struct take *t, enum metric_kind kind); /* into the take's attributes */
struct out_resource *labels_resource(struct take *t);      /* NULL: no job, no instance, or no room in the table */

/* intake_family.c */
void family_say_type(struct take *t, struct bytes name, enum page_type type);
void family_say_help(struct take *t, struct bytes name, struct bytes help);
void family_say_unit(struct take *t, struct bytes name, struct bytes unit);
void families_free(struct intake *in);
struct family_view {
    struct bytes name; /* of the metric, before suffixes are trimmed */
    enum page_type type;
    struct bytes help, unit;
    struct bytes family; /* whose metadata that is */
};
void family_resolve(struct take *t, struct bytes name, struct family_view *v);

/* intake_parents.c */
struct out_resource *out_resource_get(struct take *t, struct bytes job, struct bytes instance);
struct out_scope *out_scope_get(struct take *t, struct out_resource *r, const struct label_set *labels);
struct out_metric *out_metric_get(struct take *t, struct out_scope *sc, const struct family_view *v, bool native);
uint64_t point_hash_of(const void *entry); /* for the table */
struct out_point *out_point_get(struct take *t, struct out_metric *m, struct bytes attributes);
void out_point_release(struct intake *in, struct out_point *p);     /* one line less */
void out_resource_prune(struct intake *in, struct out_resource *r); /* of what nothing came to be below */
void out_scope_prune(struct intake *in, struct out_scope *sc);
void out_metric_prune(struct intake *in, struct out_metric *m);
void attribute_put(struct buf *b, unsigned number, struct bytes name, struct bytes value);
bool label_is_of_scope(struct bytes name, struct bytes *rest);
struct message *out_metric_data(struct take *t, struct out_metric *m); /* that this pass puts points into */

/* intake_infos.c */
void infos_put(struct take *t);
void infos_forget(struct take *t); /* of this pass */

/* intake_point.c */
void sample_put(struct take *t, struct line *l, const struct sample *s, int64_t time_ms);
void report_put(struct take *t, struct out_point *p, double value);
void line_finish(struct take *t, struct line *l);             /* its series has ended */
void point_end_gathered(struct take *t, struct out_point *p); /* all of it */
void report_end(struct take *t, struct out_point *p);         /* the same for one that has no line */
bool points_put_gathered(struct take *t); /* points that were put together of several lines; false: all */
void point_close_open(struct take *t);    /* before the batch is made */

/* intake_moved.c */
void point_leave(struct take *t, struct line *l, const struct out_point *to); /* the line goes to another, or none */
bool points_end_moved(struct take *t); /* a step: those of several lines that were left; false: all are done */

/* intake_exemplar.c: the content of one of OTLP, in the take's memory */
struct bytes exemplar_of_text(struct take *t, const struct page_exemplar *x, int64_t time_ms);
void exemplar_put_label(struct buf *b, struct bytes name, struct bytes value);
struct bytes exemplar_of_message(struct take *t, struct bytes message, int64_t time_ms, bool *has_time);

bool protobuf_time(struct bytes message, uint64_t *ns); /* a Timestamp; false: it is none that may be */

/* intake_protobuf.c: as those of text */
void protobuf_begin(struct take *t);
bool protobuf_read_some(struct take *t);

/* intake_report.c */
void reports_put(struct take *t, const struct intake_scrape *scrape);
void reports_end(struct take *t);
bool point_reports(const struct intake *in, const struct out_point *p); /* it is one of the reports' */
void reports_free(struct intake *in);

#endif
