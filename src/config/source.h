/* SPDX-License-Identifier: Apache-2.0 */
/* From --config URIs and --set to one tree: retrieved, merged, expanded, as the Go
 * collector 0.158 does it. */
#ifndef CONFIG_SOURCE_H
#define CONFIG_SOURCE_H

#include "base/vec.h"
#include "config/yaml.h"

/* Names of files, each once. */
struct source_files {
    VEC(char *) paths;
};

void source_files_note(struct source_files *f, const char *path);
void source_files_clear(struct source_files *f);

struct config_sources {
    const char *const *uris; /* --config, in order: "file:path", "path", "env:NAME", "yaml:text" */
    size_t n_uris;
    const char *const *sets; /* --set key=value, in order */
    size_t n_sets;
    const struct yaml_node *tree; /* behind the URIs and before the sets; NULL: none. It is copied */
    bool offline;                 /* tests and fuzzing: no variable is set and no file exists */
    struct source_files *files;   /* those that ${file:...} reads are noted here; NULL: nowhere */
};

/* The merged and expanded tree; NULL when nothing could be read at all. Faults are reported, each at its location. */
struct yaml_node *source_read(struct arena *a, const struct config_sources *s, struct faults *faults);

/* The file that a URI of --config names; NULL: it names none. */
const char *source_path(const char *uri);

/* May a variable have this name? [a-zA-Z_][a-zA-Z0-9_]* */
bool source_is_name(const char *s);

/* Expand ${...} in every value below *at, in place. Of `s` what it says of files counts; NULL: they are read. */
void expand_tree(struct arena *a, struct yaml_node **at, const struct config_sources *s, struct faults *faults);

/* The other way round: $ as $$ in every value, so that expand_tree() makes of it what it is. */
void escape_tree(struct arena *a, struct yaml_node *n);

/* The content of a file of at most YAML_MAX_BYTES in `out`; false with a reason in `why`. */
bool source_file(const char *path, struct buf *out, const char **why);

/* The same of a file that is the system's and no part of a configuration: it is neither noted nor replayed. */
bool source_file_now(const char *path, struct buf *out, const char **why);

/* Files as they were when a configuration was read, so that another process of the same environment reads the same. */
struct source_file_read {
    char *path, *why; /* why NULL: it was read */
    struct buf text;
};

struct source_record {
    VEC(struct source_file_read) files;
};

/* From now on source_file() notes what it reads; NULL: no longer. */
void source_record(struct source_record *r);
/* From now on it gives what was noted, and nothing else is read; NULL: no longer. */
void source_replay(const struct source_record *r);
void source_record_free(struct source_record *r);

#endif
