/* SPDX-License-Identifier: Apache-2.0 */
/* Rendered labels: `a="b",c="d"`, the form in which series keep them and text formats print them.
 *
 * Sorted by name; values escaped (backslash, quote, LF); a name that is not a legacy label name is quoted and escaped
 * the same way (`"a.b"="x"`). Empty = no labels. Names are unique. */
#ifndef PROM_LABELS_H
#define PROM_LABELS_H

#include "base/buf.h"
#include "base/bytes.h"
#include "prom/model/name.h"

#include <stdbool.h>

/* Append one label to the list that is all of *b. The caller sorts. */
void labels_put(struct buf *b, struct bytes name, struct bytes value);

/* Append `s` with backslash, quote and LF escaped. */
void labels_put_escaped(struct buf *b, struct bytes s);

/* One label of a rendered list. Both are still escaped; the name without its quotes. */
struct label {
    struct bytes name;
    struct bytes value;
};

/* Take the next label off the front of *rest. False at the end (or at what labels_put did not write). */
bool labels_next(struct bytes *rest, struct label *l);

/* Append `s` with the escapes taken back. */
void labels_put_unescaped(struct buf *b, struct bytes s);

/* True when no name is quoted: what every peer can read. */
bool labels_are_legacy(struct bytes rendered);

/* The list with every name escaped for a peer that asked for that escaping: `rendered` itself where nothing has to be,
 * else written into *copy (emptied first). Names that become equal are one label, their values joined by `;`. */
struct bytes labels_for_peer(struct buf *copy, enum name_escaping escaping, struct bytes rendered);

/* Unicode code points of all names and values together, as they are unescaped. */
size_t labels_count_characters(struct bytes rendered);

bool labels_have(struct bytes labels, struct bytes name);

/* Of two lists that are sorted. */
bool labels_share_name(struct bytes a, struct bytes b);

/* `a` and `b` as one list, appended to `out`, which is empty. No name is in both. */
void labels_merge(struct buf *out, struct bytes a, struct bytes b);

#endif
