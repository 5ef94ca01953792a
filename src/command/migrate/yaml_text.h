/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a YAML document with the place of each of its parts, to change some and leave the rest as it is:
 * comments, order, quotes. Changes are noted and made all at once, in a copy; those inside of what is taken out are
 * forgotten. */
#ifndef COMMAND_MIGRATE_YAML_TEXT_H
#define COMMAND_MIGRATE_YAML_TEXT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"
#include "config/yaml.h"

/* A value, and the entry of its parent that it is. */
struct span {
    enum yaml_kind kind; /* an alias is YAML_NULL */
    bool flow;           /* a map or list in brackets */
    bool alias;
    bool anchored;     /* it has an anchor, or something in it has */
    size_t from, to;   /* bytes of the text */
    size_t begin, end; /* of the entry: from its key or dash on */
    const char *key;   /* in a map; NULL in a list */
    size_t key_from, key_to;
    const char *text; /* of a scalar: its value */
    struct span *parent;
    struct span **kids;
    size_t n, cap;
    bool gone;          /* taken out */
    const char *reason; /* why, for a comment; NULL: none is left */
};

struct text_change {
    size_t from, to;
    const char *text;
};

struct yaml_text {
    struct arena *arena;
    struct bytes text;
    struct span *root; /* NULL: the text is no document of one map */
    VEC(struct text_change) changes;
};

/* `text` outlives it. */
void yaml_text_read(struct yaml_text *t, struct arena *a, struct bytes text);
void yaml_text_free(struct yaml_text *t);

struct span *span_get(const struct span *map, const char *key); /* NULL: it is not there */
int yaml_text_line(const struct yaml_text *t, size_t at);       /* 1-based */

size_t yaml_text_column(const struct yaml_text *t, size_t at); /* bytes before it on its line */

/* A plain word for a scalar, where `old` stands: in quotes where that is, or where it must be. */
const char *yaml_text_word(const struct yaml_text *t, size_t old, const char *word);

/* All of these copy the text they are given. */
void yaml_text_replace(struct yaml_text *t, size_t from, size_t to, const char *text);
/* Within the entry's value, as it is written. False: `old` is not there. */
bool yaml_text_substitute(struct yaml_text *t, const struct span *s, const char *old, const char *text);

/* In block style its lines become comments, behind one with the reason; in brackets it goes. False, and nothing is
 * changed: it has an anchor, or shares its line with what stays. */
bool yaml_text_take_out(struct yaml_text *t, struct span *s, const char *reason);

void yaml_text_write(struct yaml_text *t, struct buf *out);

#endif
