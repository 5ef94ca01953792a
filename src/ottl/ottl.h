/* SPDX-License-Identifier: Apache-2.0 */
/* OTTL, the OpenTelemetry Transformation Language: statements and conditions over resources, scopes and items.
 *
 * A text is read into a program once, at load; a program runs over the bytes of an item and reads the fields that it
 * names. An evaluation is the memory of a run: one for each node, used for one item after another, holding scratch
 * memory that is bounded and the steps that one item may cost. Statements that set something leave the changed message
 * in the item. */
#ifndef OTTL_OTTL_H
#define OTTL_OTTL_H

#include "otlp/rewrite.h"
#include "ottl/function.h"

#define OTTL_MAX_TEXT (64u << 10)    /* bytes of a statement */
#define OTTL_MAX_NESTING 100u        /* of parentheses, calls, lists and maps */
#define OTTL_MAX_STEPS 1000000u      /* for one item and one run */
#define OTTL_BATCH_STEPS 100000000u  /* for all items of a batch, and ... */
#define OTTL_BATCH_ITEM_STEPS 2000u  /* ... so many more for each of them */
#define OTTL_MAX_SCRATCH (64u << 20) /* bytes of memory for one item */

/* Where in a text something is wrong, and what. */
struct ottl_fault {
    size_t at; /* offset in the text */
    char text[500];
};

struct ottl_program; /* one statement or one condition */

extern const char *const ottl_context_names[]; /* "resource", "scope", ..., NULL */

/* The context of a prefix or of a `context:` key; OTTL_CONTEXTS: none. */
enum ottl_context ottl_context_find(struct bytes name);
/* OTTL_IN() bits in words, cut where text has no room: "resource, scope or log". */
void ottl_context_list(unsigned among, char *text, size_t size);

/* The messages of an item that a statement has changed. */
enum {
    OTTL_CHANGED_RESOURCE = 1, /* or its schema_url; the same of a scope */
    OTTL_CHANGED_SCOPE = 2,
    OTTL_CHANGED_METRIC = 4,
    OTTL_CHANGED_ITEM = 8,
    OTTL_CHANGED_BELOW = 16
};

/* Which of them a statement of the context is about. */
unsigned ottl_own_message(enum ottl_context context);

/* How a text is read. */
struct ottl_reading {
    enum ottl_context context;
    bool bare; /* paths without the context's prefix may stand for it */
};

/* The program, or NULL with *fault. */
struct ottl_program *ottl_parse_condition(const char *text, struct ottl_reading how, struct ottl_fault *fault);
struct ottl_program *ottl_parse_statement(const char *text, struct ottl_reading how, struct ottl_fault *fault);
void ottl_program_free(struct ottl_program *p);
const char *ottl_program_text(const struct ottl_program *p);
enum ottl_context ottl_program_context(const struct ottl_program *p);
/* What the statement may set: OTTL_CHANGED_... bits, and OTTL_APPENDS when it may add metrics. */
#define OTTL_APPENDS 32u
unsigned ottl_program_writes(const struct ottl_program *p);

/* The context that these texts are about, by the prefixes of their paths, among `allowed` (OTTL_IN() bits).
 * OTTL_CONTEXTS with *fault: none is named, or one that is not allowed. Texts that are none of OTTL say nothing. */
enum ottl_context ottl_infer(const char *const *texts, size_t n, unsigned allowed, struct ottl_fault *fault);

/* What is in a message beside the one at work, where the message itself is given without: the fields of what was before
 * it, as statements have left them, and the bytes of what is behind it, other fields of the message among them. */
struct ottl_beside {
    bool given;
    size_t count; /* of all, the one at work too */
    struct bytes before, behind;
};

/* The schema_url of what a resource or scope is in. */
struct ottl_schema {
    bool given; /* else the visit tells it, if there is one */
    struct bytes url;
};

/* What a program runs over. What is not there in its context is left zero. */
struct ottl_item {
    struct bytes resource, scope;    /* the content of a Resource and an InstrumentationScope */
    struct bytes metric;             /* contexts metric, datapoint, exemplar: the Metric with all that is in it */
    struct bytes item;               /* a span, log record, data point or profile */
    struct bytes below;              /* a span's event or a data point's exemplar */
    unsigned data;                   /* datapoint, exemplar: the field of the metric that they are in */
    size_t index;                    /* of the event in its span, or exemplar in its point */
    struct visit_serials in;         /* of `resource`, `scope`, `metric`, and `item` where there is one below; 0 of what
                                      * no number is known, which is looked into anew each time */
    struct ottl_beside beside_item;  /* given: `metric` is without its data points, the other ones are here */
    struct ottl_beside beside_below; /* given: `item` is without its events or exemplars */
    bool ordered;                    /* the fields of `item` come in the order of their numbers */
    struct ottl_schema schema[2];    /* of the resource and of the scope; given when a statement has set it */
    const struct visit *at;          /* asked for what is not given, until the item has been run on; or NULL */
};

/* A zeroed struct is no evaluation; ottl_evaluation_new() makes one. */
struct ottl_evaluation *ottl_evaluation_new(void);
void ottl_evaluation_free(struct ottl_evaluation *e);

/* A batch of so many items begins: what its statements may do together is limited from here on. Past the limit each
 * fails. Who has not said so has no such limit. */
void ottl_begin_batch(struct ottl_evaluation *e, uint64_t items);

/* Begin with this item: what was made for the one before is gone. `now` in ns since 1970. */
void ottl_begin(struct ottl_evaluation *e, const struct ottl_item *item, int64_t now);
/* The same with the item that is visited, visited_item() of it: a span, log record, data point or profile. What it is
 * in is taken over from the item before where it is the same. */
void ottl_begin_visited(struct ottl_evaluation *e, const struct visit *at, int64_t now);

/* Is the condition true of the item? False in *result, and false returned, when it cannot be told: *err says why. */
bool ottl_test(struct ottl_evaluation *e, const struct ottl_program *p, bool *result, struct error *err);

/* Run the statement where its `where` holds: *ran says whether it did. One that fails has changed nothing. */
bool ottl_run(struct ottl_evaluation *e, const struct ottl_program *p, bool *ran, struct error *err);

/* Metrics of so many bytes may be added from now on, all together; once one was too long, statements that add some
 * fail. At first it is as much as scratch memory. */
void ottl_allow_metrics(struct ottl_evaluation *e, size_t bytes);
size_t ottl_allowed(const struct ottl_evaluation *e); /* what is left of it */
/* Those that were added since the item began, in order; good until the next one begins. */
size_t ottl_added(const struct ottl_evaluation *e, const struct bytes **metrics);

/* Of profiles: fields that statements have added to the dictionary of the request that the items are in; they are to
 * stand behind the others of it (batch_extend_dictionary()). They go with ottl_dictionary_forget(), which must come
 * before the request that was walked over does. */
struct bytes ottl_dictionary_added(const struct ottl_evaluation *e);
void ottl_dictionary_forget(struct ottl_evaluation *e);

/* Who makes one of data points, for statements that aggregate; without one they fail. The metric as it becomes is put
 * at the end of `out`. */
void ottl_evaluation_aggregates(struct ottl_evaluation *e, void (*aggregate)(const struct ottl_aggregation *a,
                                                                             struct bytes metric, struct buf *out));

/* The message without its fields of that number, or metric without its points: how many these are. */
size_t ottl_put_head(struct buf *out, struct bytes message, uint32_t number);
size_t ottl_put_metric_head(struct buf *out, struct bytes metric);

/* A metric of its head, which has a message of data without points, and of the points' fields. */
void ottl_put_whole_metric(struct buf *out, struct bytes head, struct bytes points);

/* The item as it is now, after statements have run; and which of its messages have changed. Those that are long and
 * were looked into are without what is of the item's kind in them: events, exemplars, data points. */
const struct ottl_item *ottl_item_now(const struct ottl_evaluation *e);
unsigned ottl_changed(const struct ottl_evaluation *e);

#endif
