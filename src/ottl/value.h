/* SPDX-License-Identifier: Apache-2.0 */
/* The values that statements of OTTL reckon with.
 *
 * Strings, bytes, lists and maps point into the item, into the program's literals or into the arena of the evaluation,
 * and are good until that one goes on to the next item. Lists and maps are bytes of the wire: the content of an
 * ArrayValue and of a KeyValueList, so that one that an item holds costs nothing to take. */
#ifndef OTTL_VALUE_H
#define OTTL_VALUE_H

#include "base/arena.h"
#include "otlp/any_value.h"

enum ottl_type {
    OTTL_NIL,
    OTTL_BOOL,
    OTTL_INT,
    OTTL_DOUBLE,
    OTTL_STRING, /* UTF-8 */
    OTTL_BYTES,  /* ids of traces, spans and profiles too */
    OTTL_LIST,
    OTTL_MAP,
    OTTL_TIME,     /* .integer: ns since 1970 in UTC */
    OTTL_DURATION, /* .integer: ns */
    OTTL_VALUES,   /* arguments only: a list that the statement writes out, element by element */
    OTTL_FUNCTION, /* arguments only: a converter by its name */
    OTTL_OBJECTS,  /* of paths only, such as span.events: .n is how many there are in the list, or .bytes the content of
                    * the one message; .sort tells what they are */
};

/* What objects are. */
enum ottl_sort {
    OTTL_SORT_NONE,
    OTTL_SORT_STATUS, /* one message */
    OTTL_SORT_BUCKETS,
    OTTL_SORT_VALUE_TYPE, /* of samples */
    OTTL_SORT_EVENTS,     /* from here on lists */
    OTTL_SORT_LINKS,
    OTTL_SORT_POINTS,
    OTTL_SORT_EXEMPLARS,
    OTTL_SORT_QUANTILES,
    OTTL_SORT_SAMPLES,
};

struct ottl_function;

struct ottl_value {
    enum ottl_type type;
    union {
        int32_t offset;      /* TIME: seconds east of UTC that its text and its hours are told in */
        enum ottl_sort sort; /* OBJECTS */
    };
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct bytes bytes; /* STRING, BYTES, LIST, MAP */
        struct {
            const struct ottl_value *values;
            size_t n;
        };
        const struct ottl_function *function;
    };
};

const char *ottl_type_name(enum ottl_type type); /* "a string", "nil" ... */

static inline struct ottl_value ottl_nil(void)
{
    return (struct ottl_value){ .type = OTTL_NIL };
}

static inline struct ottl_value ottl_bool(bool v)
{
    return (struct ottl_value){ .type = OTTL_BOOL, .boolean = v };
}

static inline struct ottl_value ottl_int(int64_t v)
{
    return (struct ottl_value){ .type = OTTL_INT, .integer = v };
}

static inline struct ottl_value ottl_double(double v)
{
    return (struct ottl_value){ .type = OTTL_DOUBLE, .number = v };
}

/* STRING, BYTES, LIST or MAP. */
static inline struct ottl_value ottl_bytes(enum ottl_type type, struct bytes v)
{
    return (struct ottl_value){ .type = type, .bytes = v };
}

static inline struct ottl_value ottl_string(struct bytes v)
{
    return ottl_bytes(OTTL_STRING, v);
}

/* Of the content of an AnyValue. */
struct ottl_value ottl_value_read(struct bytes any_value);

/* As the content of an AnyValue; nothing for NIL. False: times and durations are none, nor what only arguments are. */
bool ottl_value_put(struct buf *out, const struct ottl_value *v);

/* The same, in the arena. */
bool ottl_value_keep(struct arena *a, const struct ottl_value *v, struct bytes *any_value);

/* One more pair or element at the end of a map or list that is being made. `any_value`: the content of an AnyValue. */
void ottl_map_put(struct buf *map, struct bytes key, struct bytes any_value);
void ottl_list_put(struct buf *list, struct bytes any_value);
struct bytes ottl_keep(struct arena *a, struct bytes b); /* a copy */

/* The value of a key of a map; NIL where there is none. Of a key that comes twice the first counts. */
struct ottl_value ottl_map_get(struct bytes map, struct bytes key);
/* The map with that key at its place or at the end, in the arena. */
struct bytes ottl_map_set(struct arena *a, struct bytes map, struct bytes key, struct bytes any_value);
size_t ottl_list_len(struct bytes list); /* of a map its pairs */

/* Objects that are a list. */
static inline bool ottl_is_objects(const struct ottl_value *v)
{
    return v->type == OTTL_OBJECTS && v->sort >= OTTL_SORT_EVENTS;
}

/* The element at an index; false: there is none. */
bool ottl_list_get(struct bytes list, int64_t at, struct ottl_value *v);
/* The list with that element in the place of the one at an index, which there is. */
struct bytes ottl_list_set(struct arena *a, struct bytes list, int64_t at, struct bytes any_value);

/* As text, as Go's string-like getters make it: strings as they are, bytes in hex, numbers, booleans, lists and maps as
 * JSON. Times as RFC 3339 and durations as Go prints them. False: NIL. In the arena where it is not there already. */
bool ottl_value_text(struct arena *a, const struct ottl_value *v, struct bytes *text);

enum ottl_operator { OTTL_EQ, OTTL_NE, OTTL_LT, OTTL_LE, OTTL_GT, OTTL_GE };

/* As statements compare: ints and doubles as numbers, what is of different types is unequal and in no order. */
bool ottl_compare(const struct ottl_value *a, enum ottl_operator op, const struct ottl_value *b);

#endif
