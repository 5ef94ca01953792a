/* SPDX-License-Identifier: Apache-2.0 */
/* Two lists of rules, for programs and for systems: the first whose pattern matches, and which gives a name, says what
 * it is. Of each rule it is known which texts a match must have in it (codec/regex_needs.h), so few patterns are tried.
 * Compiled ones are at most as many as COMPILED, of little memory each; past it the one that was not wanted for the
 * longest time goes. What a text came to is kept in a table by its hash, one for each place.
 *
 * What can go wrong: the file or RE2 is not there, the file is no YAML, or has a rule that is none; then there is no
 * statement. A pattern that RE2 does not take is passed over: it is another's file. */
#include "ottl/user_agents.h"

#include "base/arena.h"
#include "base/library.h"
#include "base/mem.h"
#include "base/vec.h"
#include "codec/regex_needs.h"
#include "codec/regex_steps.h"
#include "config/source.h"
#include "config/yaml.h"

#include <stdlib.h>
#include <string.h>

#define FILE_PATH "/usr/share/uap-core/regexes.yaml"
#define MAX_RULES 5000u
#define COMPILED 128u
#define COMPILED_MEMORY (1u << 20) /* bytes, for each; RE2 keeps within it */
#define KEPT 256u                  /* texts that are remembered ... */
#define KEPT_BYTES 1024u           /* ... none of them longer */
#define PARTS 5u                   /* a name, and up to four numbers of a version */
#define SCRATCH_BYTES (16u << 10)  /* of a buffer that stays from one look to the next */

struct rule {
    const char *pattern;
    const char *parts[PARTS]; /* NULL: this list has no such part */
    bool fold, refused;
    struct regex_needs needs;
    struct regex *compiled; /* or NULL */
    uint64_t used;
};

struct rules {
    VEC(struct rule) v;
};

struct kept {
    struct buf text;                  /* empty: nothing is kept here */
    struct buf program[2], system[2]; /* the name and the version */
};

struct user_agents {
    struct arena arena;
    struct rules programs, systems;
    unsigned compiled;
    uint64_t looks;
    struct buf lower, parts[PARTS];
    struct kept kept[KEPT], last; /* last: of a text too long to be kept */
    unsigned takers;
};

/* ---- reading the file ---- */

/* The keys of the parts, and what stands for one that a rule does not have. */
static const char *const program_keys[PARTS] = { "family_replacement", "v1_replacement", "v2_replacement",
                                                 "v3_replacement", NULL };
static const char *const system_keys[PARTS] = { "os_replacement", "os_v1_replacement", "os_v2_replacement",
                                                "os_v3_replacement", "os_v4_replacement" };
static const char *const group_parts[PARTS] = { "$1", "$2", "$3", "$4", "$5" };

static const char *text_under(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *n = yaml_get(map, key);

    return n != NULL && n->kind == YAML_SCALAR && n->text[0] != '\0' ? n->text : NULL;
}

static bool read_rule(struct rules *list, const struct yaml_node *map, const char *const *keys)
{
    const char *pattern = text_under(map, "regex"), *flags = text_under(map, "regex_flag");
    struct rule *rule;

    if (pattern == NULL || list->v.n == MAX_RULES)
        return false;
    rule = vec_push(&list->v);
    *rule = (struct rule){ .pattern = pattern, .fold = flags != NULL && strchr(flags, 'i') != NULL };
    for (unsigned i = 0; i < PARTS && keys[i] != NULL; i++) {
        rule->parts[i] = text_under(map, keys[i]);
        if (rule->parts[i] == NULL)
            rule->parts[i] = group_parts[i];
    }
    regex_needs_read(&rule->needs, bytes_str(pattern), rule->fold);
    return true;
}

static int read_rules(struct rules *list, const struct yaml_node *file, const char *key, const char *const *keys,
                      struct error *err)
{
    const struct yaml_node *items = yaml_get(file, key);

    if (items == NULL || items->kind != YAML_LIST)
        return error_set(err, -1, "it has no list \"%s\"", key);
    for (size_t i = 0; i < items->n; i++)
        if (!read_rule(list, items->items[i], keys))
            return error_set(err, -1, "rule %zu of \"%s\" has no \"regex\", or it has more than %u rules", i + 1, key,
                             MAX_RULES);
    return 0;
}

static int read_file(struct user_agents *u, const char *path, struct error *err)
{
    struct faults faults = { 0 };
    struct buf text = { 0 };
    const char *why = NULL;
    struct yaml_node *file;
    int code;

    if (!source_file_now(path, &text, &why)) {
        buf_free(&text);
        return error_set(err, -1, "%s: %s; install the package " USER_AGENTS_PACKAGE, path, why);
    }
    file = yaml_read(&u->arena, buf_bytes(&text), arena_strdup(&u->arena, path), 1, 1, &faults);
    buf_free(&text);
    code = file == NULL || faults.n_errors > 0
               ? error_set(err, -1, "it is no YAML")
               : read_rules(&u->programs, file, "user_agent_parsers", program_keys, err);
    if (code == 0)
        code = read_rules(&u->systems, file, "os_parsers", system_keys, err);
    faults_free(&faults);
    return code != 0 ? error_wrap(err, "%s, of the package " USER_AGENTS_PACKAGE, path) : 0;
}

/* ---- made and freed ---- */

static void free_rules(struct rules *list)
{
    for (size_t i = 0; i < list->v.n; i++) {
        regex_needs_free(&list->v.v[i].needs);
        regex_free(list->v.v[i].compiled);
    }
    vec_free(&list->v);
}

static void free_kept(struct kept *k)
{
    buf_free(&k->text);
    for (unsigned i = 0; i < 2; i++) {
        buf_free(&k->program[i]);
        buf_free(&k->system[i]);
    }
}

static void free_all(struct user_agents *u)
{
    free_rules(&u->programs);
    free_rules(&u->systems);
    for (unsigned i = 0; i < KEPT; i++)
        free_kept(&u->kept[i]);
    free_kept(&u->last);
    for (unsigned i = 0; i < PARTS; i++)
        buf_free(&u->parts[i]);
    buf_free(&u->lower);
    arena_free(&u->arena);
    free(u);
}

static struct user_agents *shared;

struct user_agents *user_agents_open(const char *path, struct error *err)
{
    struct user_agents *u = mem_zalloc(sizeof(*u));

    u->takers = 1;
    if (library_load(LIBRARY_RE2, err) == 0 && read_file(u, path, err) == 0)
        return u;
    free_all(u);
    return NULL;
}

struct user_agents *user_agents_take(struct error *err)
{
    if (shared != NULL)
        shared->takers++;
    else
        shared = user_agents_open(FILE_PATH, err);
    return shared;
}

void user_agents_drop(struct user_agents *u)
{
    if (u == NULL || --u->takers > 0)
        return;
    if (u == shared)
        shared = NULL;
    free_all(u);
}

/* ---- looking ---- */

static struct rule *oldest_compiled(struct rules *list, struct rule *oldest)
{
    for (size_t i = 0; i < list->v.n; i++) {
        struct rule *r = &list->v.v[i];

        if (r->compiled != NULL && (oldest == NULL || r->used < oldest->used))
            oldest = r;
    }
    return oldest;
}

/* False: RE2 does not take it. */
static bool compile_rule(struct user_agents *u, struct rule *rule)
{
    struct buf flagged = { 0 };

    if (u->compiled == COMPILED) {
        struct rule *oldest = oldest_compiled(&u->systems, oldest_compiled(&u->programs, NULL));

        regex_free(oldest->compiled);
        oldest->compiled = NULL;
        u->compiled--;
    }
    buf_puts(&flagged, rule->fold ? "(?i)" : "");
    buf_puts(&flagged, rule->pattern);
    rule->compiled = regex_new_within(buf_cstr(&flagged), COMPILED_MEMORY, NULL);
    buf_free(&flagged);
    rule->refused = rule->compiled == NULL;
    u->compiled += rule->compiled != NULL;
    return !rule->refused;
}

#define COMPILE_STEPS 2000u

/* Does it match? Then its parts are in u->parts. False in *paid: the payer has no more. */
static bool try_rule(struct user_agents *u, struct rule *rule, struct bytes text, struct user_agents_payer payer,
                     bool *paid)
{
    struct bytes found[REGEX_MAX_GROUPS + 1];
    uint64_t steps;

    if (rule->refused || !regex_needs_met(&rule->needs, buf_bytes(&u->lower)))
        return false;
    if (rule->compiled == NULL) {
        *paid = payer.spend(payer.arg, COMPILE_STEPS);
        if (!*paid || !compile_rule(u, rule))
            return false;
    }
    rule->used = u->looks;
    regex_price(rule->compiled, text, 0, &steps);
    *paid = payer.spend(payer.arg, steps);
    if (!*paid || !regex_find(rule->compiled, text, found))
        return false;
    for (unsigned i = 0; i < PARTS; i++) {
        u->parts[i].len = 0;
        if (rule->parts[i] != NULL)
            regex_expand(rule->compiled, bytes_str(rule->parts[i]), found, &u->parts[i]);
    }
    return true;
}

/* The first that gives a name, and what its parts make. */
static bool look_through(struct user_agents *u, struct rules *list, struct bytes text, struct user_agents_payer payer,
                         struct buf made[2])
{
    struct buf *name = &made[0], *version = &made[1];
    bool paid = true;

    for (unsigned i = 0; i < PARTS; i++)
        u->parts[i].len = 0;
    for (size_t i = 0; paid && i < list->v.n; i++)
        if (try_rule(u, &list->v.v[i], text, payer, &paid) && u->parts[0].len > 0)
            break;
    name->len = version->len = 0;
    buf_put(name, u->parts[0].len > 0 ? buf_bytes(&u->parts[0]) : bytes_str("Other"));
    for (unsigned i = 1; i < PARTS; i++) {
        if (i > 1 && u->parts[i].len > 0)
            buf_putc(version, '.');
        buf_put(version, buf_bytes(&u->parts[i]));
    }
    return paid;
}

static void lower_text(struct user_agents *u, struct bytes text)
{
    u->lower.len = 0;
    for (size_t i = 0; i < text.len; i++)
        buf_putc(&u->lower, (char)(text.data[i] >= 'A' && text.data[i] <= 'Z' ? text.data[i] | 0x20 : text.data[i]));
}

/* Each rule's texts are looked for in it. */
static uint64_t steps_to_look(const struct user_agents *u, struct bytes text)
{
    return 1 + (u->programs.v.n + u->systems.v.n) * (1 + text.len / 64) / 8;
}

static void shrink_buffer(struct buf *b)
{
    if (b->cap > SCRATCH_BYTES)
        buf_free(b);
}

/* What a long text has left: the scratch, and what it came to. */
static void shrink_buffers(struct user_agents *u)
{
    shrink_buffer(&u->lower);
    for (unsigned i = 0; i < PARTS; i++)
        shrink_buffer(&u->parts[i]);
    for (unsigned i = 0; i < 2; i++) {
        shrink_buffer(&u->last.program[i]);
        shrink_buffer(&u->last.system[i]);
    }
}

uint64_t user_agents_scratch(const struct user_agents *u)
{
    uint64_t sum = u->lower.cap;

    for (unsigned i = 0; i < PARTS; i++)
        sum += u->parts[i].cap;
    for (unsigned i = 0; i < 2; i++)
        sum += u->last.program[i].cap + u->last.system[i].cap;
    return sum;
}

bool user_agents_find(struct user_agents *u, struct bytes text, struct user_agents_payer payer,
                      struct user_agent *found)
{
    struct kept *k = text.len <= KEPT_BYTES ? &u->kept[bytes_hash(text) % KEPT] : &u->last;

    shrink_buffers(u);
    if (k == &u->last || k->text.len == 0 || !bytes_equal(buf_bytes(&k->text), text)) {
        k->text.len = 0;
        u->looks++;
        lower_text(u, text);
        if (!payer.spend(payer.arg, steps_to_look(u, text)) ||
            !look_through(u, &u->programs, text, payer, k->program) ||
            !look_through(u, &u->systems, text, payer, k->system))
            return false;
        if (k != &u->last)
            buf_put(&k->text, text);
    }
    *found = (struct user_agent){ buf_bytes(&k->program[0]), buf_bytes(&k->program[1]), buf_bytes(&k->system[0]),
                                  buf_bytes(&k->system[1]) };
    return true;
}
