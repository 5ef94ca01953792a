/* SPDX-License-Identifier: Apache-2.0 */
/* What the parser makes and the evaluator runs: a tree of nodes in the program's arena. */
#ifndef OTTL_OTTL_INSIDE_H
#define OTTL_OTTL_INSIDE_H

#include "base/vec.h"
#include "config/fault.h"
#include "ottl/lexer.h"
#include "ottl/message.h"

/* ---- paths ---- */

/* What a path holds, and so how it is read and set. */
enum path_shape {
    PATH_STRING,
    PATH_INT,      /* a varint */
    PATH_LONG,     /* the same of 64 bits */
    PATH_AMOUNT,   /* the same, not below 0 */
    PATH_SINT,     /* a varint in zigzag */
    PATH_BOOL,     /* a varint */
    PATH_FIXED32,  /* an int */
    PATH_FIXED64,  /* an int */
    PATH_TIME,     /* the same as a time */
    PATH_DOUBLE,   /* in 8 bytes */
    PATH_SFIXED64, /* an int in 8 bytes: one of a oneof with a double */
    PATH_TRACE_ID, /* 16 bytes */
    PATH_SPAN_ID,  /* 8 bytes */
    PATH_BYTES,
    PATH_TRACE_HEX, /* an id as text */
    PATH_SPAN_HEX,
    PATH_ANY,          /* an AnyValue */
    PATH_ANY_TEXT,     /* as text */
    PATH_MAP,          /* attributes */
    PATH_METADATA,     /* the same by names in lower case, whatever case they are asked for in; not set */
    PATH_TRACE_STATE,  /* a string that may be indexed */
    PATH_KIND,         /* of spans: its name */
    PATH_KIND_OLD,     /* the same as SPAN_KIND_... */
    PATH_TYPE,         /* of metrics: which data it has */
    PATH_COUNTS,       /* a list of ints of 8 bytes, packed */
    PATH_SMALL_COUNTS, /* a list of varints, packed */
    PATH_BOUNDS,       /* a list of doubles, packed */
    PATH_CACHE,        /* the item's scratch map */
    PATH_OBJECT,       /* one message that is no value; sort */
    PATH_OBJECTS,      /* a list of such; sort */
    PATH_INDEX,        /* of the event in its span */
    PATH_SCHEMA_URL,   /* of the message that a resource or scope is in */
    PATH_PROFILE_MAP,  /* attributes by their numbers in the dictionary */
    PATH_NAMED,        /* a string by its number there */
};

/* The messages of an item. */
enum path_part { PART_RESOURCE, PART_SCOPE, PART_METRIC, PART_ITEM, PART_BELOW, PARTS };

struct path_row {
    const char *name; /* without the context */
    enum path_shape shape;
    /* The field; of data points by what their metric has: numbers, histogram, exponential histogram, summary; 0: these
     * have none. */
    uint8_t number[4];
    uint8_t outer; /* the field of the part that is the message with the field; 0: the part itself */
    uint8_t rival; /* the other member of a oneof */
    bool in_data;  /* of a metric: in the message that its data is */
    uint8_t sort;  /* enum ottl_sort */
};

/* The rows of a context, NULL-named at the end; and which part of an item they are of. */
const struct path_row *path_rows(enum ottl_context context);
enum path_part path_part(enum ottl_context context);

/* May a program of that context say something of `other`? */
bool context_sees(enum ottl_context context, enum ottl_context other);

/* A name that stands for a number; those of severities are made of their parts and are none of these. */
struct ottl_symbol {
    const char *name;
    int64_t value;
    unsigned contexts; /* OTTL_IN() bits */
};

const struct ottl_symbol *ottl_symbols(size_t *n);

/* ---- nodes ---- */

enum node_kind {
    NODE_LITERAL,  /* value */
    NODE_PATH,     /* row, part; kids are its keys */
    NODE_CALL,     /* function; kids are its arguments by the row, NULL where not given */
    NODE_INDEX,    /* kids[0] by the keys behind it */
    NODE_FUNCTION, /* value: a converter's name as an argument */
    NODE_LAMBDA,   /* kids[0] with the names that have slots */
    NODE_LOCAL,    /* what a name of a lambda stands for, by the keys that are kids */
    NODE_LIST,     /* kids */
    NODE_MAP,      /* kids, keys as literals and values in turn */
    NODE_CHAIN,    /* kids with arithmetic in between: ops */
    NODE_NEGATE,   /* kids[0] */
    NODE_COMPARE,  /* kids[0] and [1] by op */
    NODE_TRUTH,    /* kids[0], which must be a boolean */
    NODE_NOT,      /* kids[0] */
    NODE_AND,      /* kids */
    NODE_OR,       /* kids */
};

/* Comparisons that need no walk of the tree: what most conditions are. */
enum direct {
    DIRECT_NOT,
    DIRECT_NUMBER,    /* an integer of the item with a literal one */
    DIRECT_ATTRIBUTE, /* an attribute of the item, its scope or resource, == or != a literal string */
};

#define WALKED_BYTES 1024u /* of a message in which a field is looked for, for one step */

struct ottl_node {
    enum node_kind kind;
    enum direct direct; /* COMPARE */
    uint32_t n;         /* kids */
    struct ottl_node **kids;
    size_t at; /* offset in the text */
    union {
        struct ottl_value value;
        struct {
            const struct path_row *row;
            enum path_part part;
            bool in_points; /* its part is a data point: the field's number hangs on the metric's data */
        };
        struct {
            const struct ottl_function *function;
            void *state;
        };
        const char *ops;
        enum ottl_operator op;
        uint8_t slots[OTTL_MAX_NAMES]; /* of LAMBDA: where its names are found when it runs */
        uint8_t slot;                  /* of LOCAL */
    };
};

struct ottl_program {
    struct arena arena;
    const char *text;
    enum ottl_context context;
    struct ottl_node *editor;         /* NULL: a condition */
    struct ottl_node *where;          /* NULL: always */
    VEC(struct ottl_node *) prepared; /* calls with a state to be released */
};

/* ---- parsing ---- */

#define MAX_LOCALS 16u /* names of lambdas, at one place of a text */
#define NO_SLOT 0xffu  /* of a name that is _ */

struct parser {
    struct ottl_program *program;
    struct ottl_reading how;
    const struct token *token; /* the next one */
    struct ottl_fault *fault;
    unsigned depth;
    struct bytes locals[MAX_LOCALS]; /* names that stand for something here, the innermost last */
    unsigned n_locals;
    bool any_value; /* the next comparison may be a value alone */
};

struct ottl_node *node_new(struct parser *p, enum node_kind kind, size_t at);
void node_push(struct parser *p, struct ottl_node *n, struct ottl_node *kid);
struct ottl_node *parse_fail(struct parser *p, size_t at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));                        /* NULL */
bool parse_sign(struct parser *p, char sign, const char *behind); /* it is next and taken, or a fault */
bool parse_enter(struct parser *p);                               /* one level deeper, or a fault */

struct ottl_node *parse_value(struct parser *p);
struct ottl_node *parse_path(struct parser *p);
bool parse_keys(struct parser *p, struct ottl_node *n);
struct ottl_node *parse_call(struct parser *p, bool editor);
struct ottl_node *parse_condition_or_value(struct parser *p);

bool lambda_begins(const struct token *t); /* (a, b) => begins here */
struct ottl_node *parse_lambda(struct parser *p, unsigned names);
/* The word as the name of a lambda that is around, or *found is false. */
struct ottl_node *parse_local(struct parser *p, bool *found);

/* ---- running ---- */

/* A long span without its events, data point without its exemplars, or metric without its points. */
struct eval_head {
    struct buf head;
    uint64_t serial;    /* of the message that it is of; 0: of none */
    struct bytes whole; /* that message, while items are in it */
    size_t count;       /* of what it is without */
};

/* A long message that items are in. */
struct eval_above {
    uint64_t serial;
    struct message_index index;
};

/* What a path with a literal key has found in one. */
struct eval_found {
    const struct ottl_node *path;
    uint64_t serial;
    bool there;
    struct bytes any;
};

/* The tables of the dictionary that profiles name things by, and what statements have added to them. */
struct eval_dictionary {
    uint64_t serial; /* of the request that it is of; 0: of none */
    VEC(struct bytes) strings;
    VEC(struct bytes) attributes;
    struct buf added; /* fields for the end of the dictionary */
    struct arena memory;
};

#define EVAL_FOUND 32u
#define EVAL_LONG 4096u /* bytes of a message; in shorter ones what is asked for is looked for each time */

struct ottl_evaluation {
    struct arena arena;
    struct eval_head metric_head, item_head;
    struct eval_above above[PART_ITEM + 1];
    struct eval_found found[EVAL_FOUND];
    struct eval_dictionary dictionary;
    struct ottl_item item;
    bool visited; /* it was begun with ottl_begin_visited() */
    unsigned changed;
    struct bytes cache;
    struct ottl_value locals[MAX_LOCALS];
    struct message_index index; /* of the item */
    uint64_t steps, limit;      /* of the item, and how many it may take ... */
    uint64_t spared;            /* of its steps, what the batch does not pay */
    uint64_t left;              /* ... of those that the batch had, when it began, without those of the items before */
    int64_t now;
    struct error *err;
    VEC(struct bytes) appended; /* metrics */
    size_t allowed;             /* bytes of such that may still come */
    void (*aggregate)(const struct ottl_aggregation *a, struct bytes metric, struct buf *out); /* or NULL */
};

/* The item looks into the heads of long messages that it is in. */
void eval_heads_take(struct ottl_evaluation *e);
void eval_heads_free(struct ottl_evaluation *e);
/* Of a long message that other items are in too, as it came; else NULL. */
struct message_index *eval_index_above(struct ottl_evaluation *e, enum path_part part, struct bytes message);
/* message_attribute() by a path whose key is a literal; the message is that of the path. */
bool eval_attribute(struct ottl_evaluation *e, const struct ottl_node *path, struct bytes message, struct bytes *any);

bool eval_fail(struct ottl_evaluation *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool eval_spend(struct ottl_evaluation *e, uint64_t steps);
bool eval_spend_worst(struct ottl_evaluation *e, uint64_t steps);
bool eval_value(struct ottl_evaluation *e, const struct ottl_node *n, struct ottl_value *v);
bool eval_may_append(struct ottl_evaluation *e); /* false: no metric may be added any more */
bool eval_call(struct ottl_evaluation *e, const struct ottl_node *n, struct ottl_value *v);
bool eval_index(struct ottl_evaluation *e, struct ottl_node *const *keys, size_t n, struct ottl_value *v);

/* What is below the keys of a value becomes v; *any is the value, and the new one. */
bool keyed_set(struct ottl_evaluation *e, struct ottl_node *const *keys, size_t n, struct bytes *any,
               const struct ottl_value *v);
/* The value is not nested deeper than a peer would take; else a fault. */
bool keyed_is_shallow(struct ottl_evaluation *e, struct bytes any);

/* The message that the field is in, when the item has it. */
bool path_find(struct ottl_evaluation *e, const struct ottl_node *n, struct bytes *message, uint32_t *number);
bool objects_get(struct ottl_evaluation *e, const struct ottl_node *n, struct ottl_value *v);
bool objects_set(struct ottl_evaluation *e, const struct ottl_node *n, const struct ottl_value *v);
/* The message that the field of the path is in has become this. */
bool path_put_message(struct ottl_evaluation *e, const struct ottl_node *n, struct bytes message);

bool path_get(struct ottl_evaluation *e, const struct ottl_node *n, struct ottl_value *v);
bool path_set(struct ottl_evaluation *e, const struct ottl_node *n, const struct ottl_value *v);
bool path_delete(struct ottl_evaluation *e, const struct ottl_node *n, struct bytes key);

/* The field of a metric that is its data, 0: none; and that. */
uint32_t metric_data(struct bytes metric, struct bytes *data);
struct bytes *item_part(struct ottl_item *item, enum path_part part);
/* The field's number in this item; 0: it has none. */
uint32_t path_number(const struct ottl_evaluation *e, const struct ottl_node *n);

#endif
