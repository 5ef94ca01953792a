/* SPDX-License-Identifier: Apache-2.0 */
/* Options are rows, and the compiler checks them.
 *
 * A component's configuration is one struct and one table of rows. From the rows come parsing, defaults, bounds,
 * error texts, `otelcd components`, print-config, the reference and the man page. A row's field goes through
 * _Generic, so naming a field of another type does not compile. Defaults and bounds are written as a user would
 * write them and read by the same parser. After loading, config structs are const and live as long as the config
 * they came from; components never meet YAML. */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    int64_t ns; /* Go's time.Duration; an integer without unit in YAML is nanoseconds */
} duration;

struct secret {
    const char *text; /* never printed */
};

struct strings {
    const char **v;
    size_t n;
};

struct string_pair {
    const char *key;
    const char *value;
};

struct string_map {
    struct string_pair *v; /* in the order written */
    size_t n;
};

struct option_list {
    void *v; /* n structs of the row's element size */
    size_t n;
};

struct yaml_node;

enum option_kind {
    OPTION_END,
    OPTION_BOOL,
    OPTION_UINT,
    OPTION_INT,
    OPTION_DOUBLE,
    OPTION_DURATION,
    OPTION_STRING,
    OPTION_SECRET,
    OPTION_EXTENSION, /* the id of an extension that has .capability; "" = none */
    OPTION_ENUM,      /* field: int, the index in .names */
    OPTION_STRINGS,   /* list of strings; a plain string is split at commas */
    OPTION_MAP,       /* string to string */
    OPTION_HEADERS,   /* a map, or a list of {name, value}; values never printed */
    OPTION_GROUP,     /* nested struct with its own rows */
    OPTION_LIST,      /* list of such structs, or a map of them: .keyed */
    OPTION_NODE,      /* any YAML, kept as a tree: const struct yaml_node * */
    OPTION_IGNORED,   /* known to the Go collector, without effect here: warned about with .help, and not kept */
    OPTION_REFUSED,   /* known to the Go collector, not served here: named in an error whose end is .help */
};

/* What an absent, a bare (`key:`) and a filled group mean. The struct of
 * any but GROUP_PLAIN has `bool on` as its first member; `enabled: false` inside turns it off. */
enum group_mode {
    GROUP_PLAIN,   /* always there */
    GROUP_NONE,    /* absent or bare: off. A map, even {}: on */
    GROUP_DEFAULT, /* absent: off. Bare or a map: on */
    GROUP_SOME,    /* absent or bare: on */
};

/* What an extension can do for the component that names it. */
enum capability {
    CAPABILITY_STORAGE,     /* keep a queue: pipeline/storage.h */
    CAPABILITY_AUTH_SERVER, /* say who may come in: net/message/gate.h */
    CAPABILITY_AUTH_CLIENT, /* say who we are: pipeline/authenticator.h */
};

struct option {
    const char *key; /* as in YAML */
    enum option_kind kind;
    enum group_mode mode; /* OPTION_GROUP */
    size_t offset;
    const char *def;              /* as a user would write it; NULL = zero / empty / unset */
    const char *min, *max;        /* inclusive; NULL = none */
    const char *help;             /* one or two sentences. Of OPTION_REFUSED: why, and what to write instead; of
                                   * OPTION_IGNORED: what is done instead */
    const char *const *names;     /* OPTION_ENUM: NULL-terminated */
    const struct option *options; /* OPTION_GROUP, OPTION_LIST */
    size_t size;                  /* of the nested struct */
    const char *zero;             /* the value that 0 stands for; NULL: 0 is 0 */
    const char *deprecated;       /* not NULL: still works, warns with this text */
    enum capability capability;   /* OPTION_EXTENSION */
    bool required;                /* must be written and not be empty */
    bool nocase;                  /* OPTION_ENUM */
    bool any;                     /* OPTION_NODE: values of any type, so that what is text must be known */
    bool secret;                  /* OPTION_STRINGS, OPTION_MAP: values are never printed */
    bool keyed;                   /* OPTION_LIST: written as a map, whose keys are the string of the first row */
    bool scalar;                  /* text of any kind: a number or a bool is taken as it is written */
    bool repeats; /* OPTION_MAP: a value may be a list, or a text split at commas: the name comes once for each */
};

#define OPT_FIELD(T, f, ctype) _Generic(&((T *)0)->f, ctype * : offsetof(T, f))

/* Set by hand: clang-format takes the braces of an initialiser for those of a block. */
/* clang-format off */
/* The rows. T is the config struct, f the field (and the key). Further members may follow the fixed ones as
 * designated initialisers: OPT_UINT(struct c, n, "1", "0", NULL, "help", .required = true). */
#define OPT_BOOL(T, f, def_, help_, ...) \
    { .key = #f, .kind = OPTION_BOOL, .offset = OPT_FIELD(T, f, bool), .def = (def_), .help = (help_), ##__VA_ARGS__ }
#define OPT_UINT(T, f, def_, min_, max_, help_, ...)                                                       \
    { .key = #f, .kind = OPTION_UINT, .offset = OPT_FIELD(T, f, uint64_t), .def = (def_), .min = (min_),   \
      .max = (max_), .help = (help_), ##__VA_ARGS__ }
#define OPT_INT(T, f, def_, min_, max_, help_, ...)                                                        \
    { .key = #f, .kind = OPTION_INT, .offset = OPT_FIELD(T, f, int64_t), .def = (def_), .min = (min_),     \
      .max = (max_), .help = (help_), ##__VA_ARGS__ }
#define OPT_DOUBLE(T, f, def_, min_, max_, help_, ...)                                                     \
    { .key = #f, .kind = OPTION_DOUBLE, .offset = OPT_FIELD(T, f, double), .def = (def_), .min = (min_),   \
      .max = (max_), .help = (help_), ##__VA_ARGS__ }
#define OPT_DURATION(T, f, def_, min_, max_, help_, ...)                                                   \
    { .key = #f, .kind = OPTION_DURATION, .offset = OPT_FIELD(T, f, duration), .def = (def_),              \
      .min = (min_), .max = (max_), .help = (help_), ##__VA_ARGS__ }
#define OPT_STRING(T, f, def_, help_, ...)                                                                 \
    { .key = #f, .kind = OPTION_STRING, .offset = OPT_FIELD(T, f, const char *), .def = (def_),            \
      .help = (help_), ##__VA_ARGS__ }
#define OPT_EXTENSION(T, f, capability_, help_, ...)                                                       \
    { .key = #f, .kind = OPTION_EXTENSION, .offset = OPT_FIELD(T, f, const char *),                        \
      .capability = (capability_), .help = (help_), ##__VA_ARGS__ }
#define OPT_SECRET(T, f, help_, ...)                                                                       \
    { .key = #f, .kind = OPTION_SECRET, .offset = OPT_FIELD(T, f, struct secret), .help = (help_), ##__VA_ARGS__ }
#define OPT_ENUM(T, f, names_, def_, help_, ...)                                                           \
    { .key = #f, .kind = OPTION_ENUM, .offset = OPT_FIELD(T, f, int), .names = (names_), .def = (def_),    \
      .help = (help_), ##__VA_ARGS__ }
#define OPT_STRINGS(T, f, def_, help_, ...) /* def_: as YAML, "[a, b]" */                                  \
    { .key = #f, .kind = OPTION_STRINGS, .offset = OPT_FIELD(T, f, struct strings), .def = (def_),         \
      .help = (help_), ##__VA_ARGS__ }
#define OPT_MAP(T, f, help_, ...)                                                                          \
    { .key = #f, .kind = OPTION_MAP, .offset = OPT_FIELD(T, f, struct string_map), .help = (help_), ##__VA_ARGS__ }
#define OPT_HEADERS(T, f, help_, ...)                                                                      \
    { .key = #f, .kind = OPTION_HEADERS, .offset = OPT_FIELD(T, f, struct string_map), .help = (help_),    \
      ##__VA_ARGS__ }
#define OPT_GROUP(T, f, ctype, rows, mode_, help_, ...)                                                    \
    { .key = #f, .kind = OPTION_GROUP, .offset = OPT_FIELD(T, f, ctype), .options = (rows),                \
      .size = sizeof(ctype), .mode = (mode_), .help = (help_), ##__VA_ARGS__ }
#define OPT_LIST(T, f, ctype, rows, help_, ...)                                                            \
    { .key = #f, .kind = OPTION_LIST, .offset = OPT_FIELD(T, f, struct option_list), .options = (rows),    \
      .size = sizeof(ctype), .help = (help_), ##__VA_ARGS__ }
#define OPT_NODE(T, f, help_, ...)                                                                         \
    { .key = #f, .kind = OPTION_NODE, .offset = OPT_FIELD(T, f, const struct yaml_node *), .help = (help_), \
      ##__VA_ARGS__ }
#define OPT_ANY(T, f, help_, ...) OPT_NODE(T, f, help_, .any = true, ##__VA_ARGS__)
#define OPT_IGNORED(key_, help_) { .key = (key_), .kind = OPTION_IGNORED, .help = (help_) }
#define OPT_REFUSED(key_, help_) { .key = (key_), .kind = OPTION_REFUSED, .help = (help_) }
/* clang-format on */
#define OPT_END                                                                                                        \
    {                                                                                                                  \
        .kind = OPTION_END                                                                                             \
    }

/* The row of a key, or NULL; also of no rows at all. */
static inline const struct option *option_find(const struct option *rows, const char *key)
{
    for (; rows != NULL && rows->kind != OPTION_END; rows++)
        if (strcmp(rows->key, key) == 0)
            return rows;
    return NULL;
}

/* A row that has no field of the struct. */
static inline bool option_is_word(const struct option *o)
{
    return o->kind == OPTION_IGNORED || o->kind == OPTION_REFUSED;
}

/* The value of such a row is one pointer to text: a string, a secret or an extension's id. */
static inline bool option_is_text(const struct option *o)
{
    return o->kind == OPTION_STRING || o->kind == OPTION_SECRET || o->kind == OPTION_EXTENSION;
}

/* Handed to a component's check(): the location of each key is known to it.
 * `path` is relative to the component, with `::` between keys ("protocols::http::endpoint", "actions::0::key"; "" = the
 * component itself); the error is located at that key's value, or where the key would stand. */
struct check;
void check_fail(struct check *ck, const char *path, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same at a byte of the text that stands there. */
void check_fail_in(struct check *ck, const char *path, size_t offset, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void check_warn(struct check *ck, const char *path, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The user wrote that key, and not just its default (so that what print-config prints is no mistake). */
bool check_was_set(struct check *ck, const char *path);
/* Runs the check of who the group at `path` is of, to whom it is as if it were a component's own. */
void check_below(struct check *ck, const char *path, const struct option *rows, size_t size, const void *config,
                 void (*run)(const void *config, struct check *ck));
/* The same of what finishes it, and may write. */
void finish_below(struct check *ck, const char *path, const struct option *rows, size_t size, void *config,
                  void (*run)(void *config, struct check *ck));
/* The key is written with nothing behind it. */
bool check_is_bare(struct check *ck, const char *path);

#endif
