/* SPDX-License-Identifier: Apache-2.0 */
/* A function of OTTL is a row: what it is called, what it takes, where it may be used, and what it does.
 *
 * Rows stand in tables, one for each family, which function.c lists; the reference page is made of them. The compiler
 * sorts the arguments of a call by the row, named or not, and refuses what the row does not take; the evaluator
 * evaluates them, converts them as .kind says and calls. So a function sees its arguments in the row's order with the
 * types that it asked for. Whatever it makes lies in the arena of the evaluation. */
#ifndef OTTL_FUNCTION_H
#define OTTL_FUNCTION_H

#include "base/error.h"
#include "ottl/value.h"

/* What an argument is. Strict kinds fail the statement on a value of another type, nil included; those that are LIKE
 * convert what they can, and a nil stays NIL. */
enum ottl_kind {
    OTTL_TAKES_ANY,
    OTTL_TAKES_STRING,
    OTTL_TAKES_STRING_LIKE, /* a STRING of anything, as ottl_value_text() */
    OTTL_TAKES_INT,
    OTTL_TAKES_INT_LIKE,
    OTTL_TAKES_DOUBLE,
    OTTL_TAKES_DOUBLE_LIKE,
    OTTL_TAKES_BOOL,
    OTTL_TAKES_BOOL_LIKE,
    OTTL_TAKES_BYTES_LIKE, /* strings as they are, numbers big-endian in 8 bytes */
    OTTL_TAKES_LIST,
    OTTL_TAKES_MAP,
    OTTL_TAKES_TIME,
    OTTL_TAKES_DURATION,
    OTTL_TAKES_TARGET, /* a path that may be set: ottl_target_get(), ottl_target_set(). Its value is not evaluated */
    OTTL_TAKES_TARGET_MAP, /* the same of a path that holds a map */
    OTTL_TAKES_FUNCTION,   /* the name of a converter of one argument: ottl_call_function() */
    OTTL_TAKES_LAMBDA,     /* (a, b) => a value or condition with these names in it: ottl_call_lambda() */
    OTTL_TAKES_LATER,      /* any value, that is not evaluated before ottl_later() asks for it */
};

struct ottl_argument {
    const char *name; /* NULL: the end of the row's arguments */
    enum ottl_kind kind;
    bool optional; /* may be missing: see ottl_given() */
    bool literal;  /* must be written in the statement, so that prepare() sees it */
    bool list; /* a list of such, written out: a value of type OTTL_VALUES, converted one by one. Of an argument that
                * is not literal too a path or converter that gives a list */
    uint8_t names; /* LAMBDA: how many it has */
};

enum ottl_context {
    OTTL_RESOURCE,
    OTTL_SCOPE,
    OTTL_SPAN,
    OTTL_SPANEVENT,
    OTTL_METRIC,
    OTTL_DATAPOINT,
    OTTL_EXEMPLAR,
    OTTL_LOG,
    OTTL_PROFILE,
    OTTL_OTELCOL, /* what is known of who sent it: the item is a message of ottl/client.h */
    OTTL_CONTEXTS,
};

#define OTTL_IN(context) (1u << (context))
#define OTTL_EVERYWHERE 0u /* for .contexts: all */

#define OTTL_MAX_ARGUMENTS 8u
#define OTTL_MAX_NAMES 3u /* of a lambda */

/* At load: the arguments that are literals. */
struct ottl_prepare {
    const struct ottl_value *args; /* by the row's order */
    uint32_t known;                /* bit i: args[i] is a literal */
    void *state;                   /* for call(); release() frees it, after a fault of prepare() too */
    struct error err;              /* on a fault ... */
    unsigned at;                   /* ... of this argument */
};

struct ottl_evaluation;

struct ottl_call {
    struct ottl_evaluation *evaluation;
    struct arena *arena;
    const struct ottl_value *args; /* by the row's order */
    uint32_t given;                /* bit i: args[i] is there */
    void *state;                   /* of prepare() */
    const void *node;              /* the compiler's: what the targets are */
};

struct ottl_function {
    const char *name; /* "set", "Concat"; NULL: the end of a table */
    struct ottl_argument args[OTTL_MAX_ARGUMENTS + 1];
    bool editor;
    bool appends;      /* it calls ottl_metric_append() */
    unsigned contexts; /* OTTL_IN() bits, or OTTL_EVERYWHERE */
    const char *help;  /* one sentence */
    const char *gives; /* converters: "a string", "a map or nil" */
    /* False: err and at say what is wrong. May be NULL. */
    bool (*prepare)(struct ottl_prepare *p);
    void (*release)(void *state); /* may be NULL */
    /* False: ottl_fail() has said why. Editors leave *result alone. */
    bool (*call)(struct ottl_call *c, struct ottl_value *result);
};

/* The editor or converter of that name, or NULL. */
const struct ottl_function *ottl_function_find(struct bytes name, bool editor);
/* All of them: table by table until NULL. */
const struct ottl_function *ottl_function_table(size_t i);
unsigned ottl_function_arguments(const struct ottl_function *f); /* how many its row has */

static inline bool ottl_given(const struct ottl_call *c, unsigned i)
{
    return (c->given >> i & 1) != 0;
}

/* ---- for functions that run ---- */

/* The reason for the fault log: without the function's name, which is put in front. Always false. */
bool ottl_fail(struct ottl_call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Work of its own beside what is counted for each call, one step for 64 bytes or one element or so: false when the item
 * has had its share of steps or memory; then return false at once. */
bool ottl_spend(struct ottl_call *c, uint64_t steps);
/* The same for work that may come to so many steps and mostly does not: the item pays all of them, its batch a part. */
bool ottl_spend_worst(struct ottl_call *c, uint64_t steps);

/* The time now, in ns since 1970. */
int64_t ottl_now(const struct ottl_call *c);

/* What a target is now, and what it is to be. Setting may fail by the value's type. The value is copied. */
bool ottl_target_get(struct ottl_call *c, unsigned i, struct ottl_value *v);
bool ottl_target_set(struct ottl_call *c, unsigned i, const struct ottl_value *v);
/* TARGET_MAP: without that key. Cheaper than to get and set. */
bool ottl_target_delete(struct ottl_call *c, unsigned i, struct bytes key);

/* The converter that argument i names, on one value. */
bool ottl_call_function(struct ottl_call *c, unsigned i, const struct ottl_value *in, struct ottl_value *out);

/* What argument i gives with its names standing for these values, as many as it has. */
bool ottl_call_lambda(struct ottl_call *c, unsigned i, const struct ottl_value *named, struct ottl_value *out);
bool ottl_later(struct ottl_call *c, unsigned i, struct ottl_value *out);

/* In the contexts metric, datapoint and exemplar: the Metric as it is now. metric_set() is for editors of the metric
 * context, ottl_metric_append() adds one behind those of its scope; later statements come to it too. */
struct bytes ottl_metric(struct ottl_call *c);
bool ottl_metric_set(struct ottl_call *c, struct bytes metric);
bool ottl_metric_append(struct ottl_call *c, struct bytes metric);
/* Data points of a metric that are to be one. */
enum ottl_merging {
    OTTL_MERGE_SUM,
    OTTL_MERGE_MEAN,
    OTTL_MERGE_MIN,
    OTTL_MERGE_MAX,
    OTTL_MERGE_MEDIAN,
    OTTL_MERGE_COUNT
};
struct ottl_aggregation {
    enum ottl_merging how;
    bool keeps;                         /* only attributes in the list, */
    const struct ottl_value *attribute; /* or: where this one, or NULL, has a value of the list it becomes `value`, */
    const struct ottl_value *value;
    const struct ottl_value *list; /* strings */
    size_t n;
};
/* The metric with the points that are alike then made one each, in the arena. */
bool ottl_aggregate(struct ottl_call *c, const struct ottl_aggregation *a, struct bytes *metric);

/* The data point or other message that the program's context is about, as it is now. */
struct bytes ottl_message(struct ottl_call *c);
/* It becomes this. For functions of one context whose message is an item: a span, a data point, a log record. */
bool ottl_message_set(struct ottl_call *c, struct bytes message);
/* Of a data point or exemplar: the field of the metric that it is in. */
unsigned ottl_message_data(const struct ottl_call *c);

#endif
