/* SPDX-License-Identifier: Apache-2.0 */
/* From a configuration of the Go collector, of any year, to one that otelcd runs: what is changed in its text, and what
 * there is to say about it. */
#ifndef COMMAND_MIGRATE_MIGRATION_H
#define COMMAND_MIGRATE_MIGRATION_H

#include "command/migrate/yaml_text.h"
#include "pipeline/component.h"

enum note_kind {
    NOTE_UNCHANGED, /* a component that runs as it is written */
    NOTE_REPLACED,  /* it runs under another name or another key, or is not needed */
    NOTE_MISSING,   /* otelcd does not do that: it was taken out, or stays as a fault */
    NOTE_KINDS
};

struct note {
    enum note_kind kind;
    int line; /* of the old text */
    const char *path, *text;
};

/* A component that has another id now, or none. */
struct moved {
    enum component_kind kind;
    const char *from, *to; /* to: NULL, it is gone */
};

struct migration {
    struct arena arena;
    struct yaml_text text;
    VEC(struct note) notes; /* in the order of the text, once migration_run() is done */
    VEC(struct moved) moved;
};

/* `text` is a document without faults of YAML. All notes and changes are made; the new text is yaml_text_write()'s.
 * False: it is not one map. */
bool migration_run(struct migration *m, struct bytes text);
void migration_free(struct migration *m);

/* For its parts. The text may be NULL. */
void migration_note(struct migration *m, enum note_kind kind, const struct span *at, const char *path, const char *fmt,
                    ...) __attribute__((format(printf, 5, 6)));

/* Take it out, and say so; what cannot be taken out is said to be left for a hand. False then. */
bool migration_take_out(struct migration *m, struct span *s, const char *path, enum note_kind kind, const char *reason);

/* NULL: it did not move. */
const struct moved *migration_moved(const struct migration *m, enum component_kind kind, const char *id);

/* migrate_component.c: the sections. */
void migrate_components(struct migration *m);
/* migrate_connectors.c: processors that became connectors, when exporters have their names of today. What cannot be
 * rewired is given to `lose`. */
bool migrate_is_connector(const char *id);
void migrate_connectors(struct migration *m, const struct span *processors,
                        void (*lose)(struct migration *m, struct span *processor));
/* migrate_rows.c: keys of a component that is known. `foreign`: the block was another component's, whose keys may have
 * no place here. Returns how many notes it made. */
size_t migrate_rows(struct migration *m, const struct option *rows, const struct span *map, const char *path,
                    const char *foreign);
/* migrate_service.c: pipelines, extensions, telemetry. When the components are done. */
void migrate_service(struct migration *m);

#endif
