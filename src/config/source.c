/* SPDX-License-Identifier: Apache-2.0 */
/* Each source is read as YAML and merged over those before it, still with its ${...} inside; what comes of that is
 * expanded once, at the end, so that a reference which a later source replaces asks for nothing. A source that cannot
 * be read is told and left out, so that the others' mistakes are told too. */
#include "config/source.h"

#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct source_record *recording;
static const struct source_record *replayed;

void source_record(struct source_record *r)
{
    recording = r;
}

void source_replay(const struct source_record *r)
{
    replayed = r;
}

void source_record_free(struct source_record *r)
{
    for (size_t i = 0; i < r->files.n; i++) {
        free(r->files.v[i].path);
        free(r->files.v[i].why);
        buf_wipe(&r->files.v[i].text);
    }
    vec_free(&r->files);
}

static bool replay_file(const char *path, struct buf *out, const char **why)
{
    for (size_t i = 0; i < replayed->files.n; i++) {
        const struct source_file_read *f = &replayed->files.v[i];

        if (strcmp(f->path, path) != 0)
            continue;
        *why = f->why;
        if (f->why == NULL)
            buf_put(out, buf_bytes(&f->text));
        return f->why == NULL;
    }
    *why = "it was not there";
    return false;
}

/* The first reading of a file counts. */
static void note_file(const char *path, const struct buf *text, const char *why)
{
    struct source_file_read f = { 0 };

    for (size_t i = 0; i < recording->files.n; i++)
        if (strcmp(recording->files.v[i].path, path) == 0)
            return;
    f.path = mem_strdup(path);
    if (why != NULL)
        f.why = mem_strdup(why);
    else
        buf_put(&f.text, buf_bytes(text));
    *vec_push(&recording->files) = f;
}

bool source_file_now(const char *path, struct buf *out, const char **why)
{
    FILE *f = fopen(path, "rbe");
    struct stat st;
    size_t n;

    if (f == NULL) {
        *why = strerror(errno);
        return false;
    }
    if (fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode)) {
        fclose(f);
        *why = "it is a directory";
        return false;
    }
    do {
        n = fread(buf_reserve(out, 65536), 1, 65536, f);
        out->len += n;
    } while (n > 0 && out->len <= YAML_MAX_BYTES);
    *why = ferror(f) ? "read error" : "larger than 16 MiB";
    n = !ferror(f) && out->len <= YAML_MAX_BYTES;
    fclose(f);
    return n;
}

bool source_file(const char *path, struct buf *out, const char **why)
{
    struct buf text = { 0 };
    bool good;

    if (replayed != NULL)
        return replay_file(path, out, why);
    if (recording == NULL)
        return source_file_now(path, out, why);
    good = source_file_now(path, &text, why);
    note_file(path, &text, good ? NULL : *why);
    if (good)
        buf_put(out, buf_bytes(&text));
    buf_wipe(&text);
    return good;
}

/* --- merging --- */

static const char *first_key(struct arena *a, const char *key)
{
    const char *sep = strstr(key, "::");

    return sep != NULL ? arena_strndup(a, key, (size_t)(sep - key)) : key;
}

/* The value of the first key: `a::b: v` is `a: {b: v}`. What is left of a key after YAML_MAX_DEPTH parts stays in one
 * piece, for decoding to stumble over. */
static struct yaml_node *nest_pair(struct arena *a, const struct yaml_pair *pair, unsigned depth)
{
    const char *sep = strstr(pair->key, "::");
    struct yaml_pair rest;
    struct yaml_node *map;

    if (sep == NULL)
        return pair->value;
    rest = (struct yaml_pair){ sep + 2, pair->line, pair->column, pair->value };
    map = yaml_new(a, YAML_MAP, pair->value);
    map->line = pair->line;
    map->column = pair->column;
    if (depth < YAML_MAX_DEPTH)
        yaml_put(a, map, first_key(a, rest.key), pair->line, pair->column, nest_pair(a, &rest, depth + 1));
    else
        yaml_put(a, map, rest.key, pair->line, pair->column, pair->value);
    return map;
}

static void merge_at(struct arena *a, struct yaml_node **into, struct yaml_node *from, unsigned depth)
{
    struct yaml_node *to = *into;

    if (from->kind != YAML_MAP || depth > YAML_MAX_DEPTH) { /* deeper ones are refused when values are expanded */
        *into = from;
        return;
    }
    if (to == NULL || to->kind != YAML_MAP) /* into an empty map, so that `::` keys nest there too */
        to = *into = yaml_new(a, YAML_MAP, from);
    for (size_t i = 0; i < from->n; i++) {
        const char *key = first_key(a, from->pairs[i].key);
        struct yaml_node *value = nest_pair(a, &from->pairs[i], 0);
        const struct yaml_pair *have = yaml_pair(to, key);
        struct yaml_node *merged = have != NULL ? have->value : NULL;

        merge_at(a, &merged, value, depth + 1);
        if (have != NULL)
            to->pairs[have - to->pairs].value = merged;
        else
            yaml_put(a, to, key, from->pairs[i].line, from->pairs[i].column, merged);
    }
}

/* Does the value stand for nothing? What it refers to and is not there is told. */
static bool expands_to_nothing(struct arena *a, const struct yaml_pair *pair, const struct config_sources *s,
                               struct faults *faults)
{
    struct yaml_node *map = yaml_new(a, YAML_MAP, pair->value);
    size_t errors = faults->n_errors;

    yaml_put(a, map, pair->key, pair->line, pair->column, yaml_copy(a, pair->value));
    expand_tree(a, &map, s, faults);
    return map->pairs[0].value->kind == YAML_NULL && faults->n_errors == errors;
}

static bool is_nothing(struct arena *a, const struct yaml_pair *pair, const struct config_sources *s,
                       struct faults *faults)
{
    struct faults scratch = { 0 };
    bool nothing = pair->value->kind == YAML_NULL ||
                   (pair->value->kind == YAML_SCALAR && expands_to_nothing(a, pair, s, &scratch));

    faults_free(&scratch);
    return nothing && expands_to_nothing(a, pair, s, faults);
}

/* A section, or a part of `service:`, that has a map in an earlier source and nothing in this one goes: it would take
 * away what stands there. */
static void leave_out_bare(struct arena *a, const struct yaml_node *tree, struct yaml_node *from,
                           const struct config_sources *s, struct faults *faults)
{
    size_t n = 0;

    for (size_t i = 0; i < from->n; i++) {
        const struct yaml_pair *pair = &from->pairs[i];
        const struct yaml_node *have = yaml_get(tree, pair->key);
        bool is_map = have != NULL && have->kind == YAML_MAP;

        if (is_map && is_nothing(a, pair, s, faults))
            continue;
        if (is_map && strcmp(pair->key, "service") == 0 && pair->value->kind == YAML_MAP)
            leave_out_bare(a, have, pair->value, s, faults);
        from->pairs[n++] = *pair;
    }
    from->n = n;
}

/* Merge `from` over *into: maps deep, anything else replaces. Keys with `::` are nested first. */
static void merge_tree(struct arena *a, struct yaml_node **into, struct yaml_node *from)
{
    merge_at(a, into, from, 0);
}

/* --- retrieving --- */

static struct yaml_node *read_file(struct arena *a, const char *path, const struct config_sources *s,
                                   struct faults *faults)
{
    struct buf text = { 0 };
    const char *why = "no files are read here";
    struct yaml_node *n = NULL;
    struct yaml_node location = { .file = path };

    if (!s->offline && source_file(path, &text, &why))
        n = yaml_read(a, buf_bytes(&text), path, 1, 1, faults);
    else
        fault_add(faults, &location, "", false, "cannot read the configuration: %s", why);
    buf_free(&text);
    return n;
}

static struct yaml_node *read_env(struct arena *a, const char *uri, const struct config_sources *s,
                                  struct faults *faults)
{
    const char *name = uri + 4, *value = s->offline ? NULL : getenv(name);
    struct yaml_node location = { .file = uri };

    if (!source_is_name(name))
        fault_add(faults, &location, "", false,
                  "environment variable \"%s\" has invalid name: must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$", name);
    else if (value == NULL)
        fault_add(faults, &location, "", true, "the environment variable %s is not set: it adds nothing", name);
    return value != NULL ? yaml_read(a, bytes_str(value), uri, 1, 1, faults) : NULL;
}

static bool has_scheme(const char *uri)
{
    const char *colon = strchr(uri, ':');

    return colon != NULL && colon - uri >= 2 && isalpha((unsigned char)uri[0]) &&
           memchr(uri, '/', (size_t)(colon - uri)) == NULL;
}

const char *source_path(const char *uri)
{
    if (strncmp(uri, "file:", 5) == 0)
        return uri + 5;
    return has_scheme(uri) ? NULL : uri;
}

static struct yaml_node *read_uri(struct arena *a, const char *uri, const struct config_sources *s,
                                  struct faults *faults)
{
    struct yaml_node location = { .file = uri };
    const char *path = source_path(uri);

    if (path != NULL)
        return read_file(a, path, s, faults);
    if (strncmp(uri, "yaml:", 5) == 0)
        return yaml_read(a, bytes_str(uri + 5), "yaml:", 1, 1, faults);
    if (strncmp(uri, "env:", 4) == 0)
        return read_env(a, uri, s, faults);
    if (strncmp(uri, "http:", 5) == 0 || strncmp(uri, "https:", 6) == 0)
        fault_add(faults, &location, "", false,
                  "unsupported scheme on URI \"%s\": otelcd does not fetch its configuration over the network; "
                  "download it and give the file's name",
                  uri);
    else
        fault_add(faults, &location, "", false, "unsupported scheme on URI \"%s\"; file:, env: and yaml: are supported",
                  uri);
    return NULL;
}

static char *trim_text(struct arena *a, const char *s, size_t n)
{
    while (n > 0 && isspace((unsigned char)*s))
        s++, n--;
    while (n > 0 && isspace((unsigned char)s[n - 1]))
        n--;
    return arena_strndup(a, s, n);
}

/* a.b.c=v is a::b::c: v, the value read as YAML. */
static struct yaml_node *read_set(struct arena *a, const char *set, struct faults *faults)
{
    struct yaml_node location = { .file = "--set" };
    const char *equals = strchr(set, '=');
    struct yaml_node *map, *value;
    struct buf key = { 0 };
    char *dotted, *text;

    if (equals == NULL) {
        fault_add(faults, &location, "", false, "missing equal sign in \"%s\": write --set key=value", set);
        return NULL;
    }
    dotted = trim_text(a, set, (size_t)(equals - set));
    text = trim_text(a, equals + 1, strlen(equals + 1));
    for (const char *p = dotted; *p != '\0'; p++)
        *p == '.' ? buf_puts(&key, "::") : buf_putc(&key, *p);
    value = yaml_read(a, bytes_str(text), "--set", 1, (int)(equals - set) + 2, faults);
    map = yaml_new(a, YAML_MAP, &location);
    map->line = map->column = 1;
    if (value != NULL)
        yaml_put(a, map, arena_strdup(a, buf_cstr(&key)), 1, 1, value);
    buf_free(&key);
    return value != NULL ? map : NULL;
}

/* The URIs, the tree, the sets. */
static struct yaml_node *read_one(struct arena *a, const struct config_sources *s, size_t i, struct faults *faults)
{
    if (i < s->n_uris)
        return read_uri(a, s->uris[i], s, faults);
    return i == s->n_uris ? yaml_copy(a, s->tree) : read_set(a, s->sets[i - s->n_uris - 1], faults);
}

void source_files_note(struct source_files *f, const char *path)
{
    for (size_t i = 0; i < f->paths.n; i++)
        if (strcmp(f->paths.v[i], path) == 0)
            return;
    *vec_push(&f->paths) = mem_strdup(path);
}

void source_files_clear(struct source_files *f)
{
    for (size_t i = 0; i < f->paths.n; i++)
        free(f->paths.v[i]);
    vec_free(&f->paths);
}

struct yaml_node *source_read(struct arena *a, const struct config_sources *s, struct faults *faults)
{
    struct yaml_node *tree = NULL;

    for (size_t i = 0; i < s->n_uris + 1 + s->n_sets; i++) {
        struct yaml_node *n = read_one(a, s, i, faults);

        if (n == NULL || n->kind == YAML_NULL)
            continue;
        if (n->kind != YAML_MAP) {
            fault_add(faults, n, "", false, "a configuration is a map with keys like receivers: and service:, not %s",
                      yaml_type_name(n));
            continue;
        }
        leave_out_bare(a, tree, n, s, faults);
        merge_tree(a, &tree, n);
    }
    if (tree != NULL)
        expand_tree(a, &tree, s, faults);
    return tree;
}
