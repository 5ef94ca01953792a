/* SPDX-License-Identifier: Apache-2.0 */
/* The page goes through the tables: editors, converters, then the paths of each context, then names of
 * numbers. What a row does not say stands in the words of its argument's kind and its path's shape. */
#include "ottl/reference.h"

#include "ottl/ottl_inside.h"

#include <stdlib.h>

/* Without a default: the compiler names a kind or shape that has no words. */

static const char *kind_words(enum ottl_kind kind)
{
    switch (kind) {
    case OTTL_TAKES_ANY:
        return "any value";
    case OTTL_TAKES_STRING:
        return "string";
    case OTTL_TAKES_STRING_LIKE:
        return "any value, as text";
    case OTTL_TAKES_INT:
        return "integer";
    case OTTL_TAKES_INT_LIKE:
        return "what can be an integer";
    case OTTL_TAKES_DOUBLE:
        return "float";
    case OTTL_TAKES_DOUBLE_LIKE:
        return "what can be a float";
    case OTTL_TAKES_BOOL:
        return "boolean";
    case OTTL_TAKES_BOOL_LIKE:
        return "what can be a boolean";
    case OTTL_TAKES_BYTES_LIKE:
        return "string, bytes or number";
    case OTTL_TAKES_LIST:
        return "list";
    case OTTL_TAKES_MAP:
        return "map";
    case OTTL_TAKES_TIME:
        return "time";
    case OTTL_TAKES_DURATION:
        return "duration";
    case OTTL_TAKES_TARGET:
        return "path";
    case OTTL_TAKES_TARGET_MAP:
        return "path of a map";
    case OTTL_TAKES_FUNCTION:
        return "name of a converter";
    case OTTL_TAKES_LAMBDA:
        return "lambda";
    case OTTL_TAKES_LATER:
        return "any value, evaluated only when it is the answer";
    }
    return "";
}

static const char *const shape_words[] = {
    [PATH_STRING] = "string",
    [PATH_INT] = "integer",
    [PATH_LONG] = "integer",
    [PATH_AMOUNT] = "integer, not below 0",
    [PATH_SINT] = "integer",
    [PATH_FIXED32] = "integer",
    [PATH_FIXED64] = "integer",
    [PATH_SFIXED64] = "integer",
    [PATH_BOOL] = "boolean",
    [PATH_TIME] = "time",
    [PATH_DOUBLE] = "float",
    [PATH_BYTES] = "bytes",
    [PATH_TRACE_ID] = "bytes (16)",
    [PATH_SPAN_ID] = "bytes (8)",
    [PATH_TRACE_HEX] = "string (32 hexadecimal digits)",
    [PATH_SPAN_HEX] = "string (16 hexadecimal digits)",
    [PATH_ANY] = "any value; may be indexed",
    [PATH_ANY_TEXT] = "string: the value as text",
    [PATH_MAP] = "map; may be indexed",
    [PATH_METADATA] = "map from names in lower case to lists of strings; may be indexed in any case; cannot be set",
    [PATH_TRACE_STATE] = "string; may be indexed by a vendor's key",
    [PATH_KIND] = "string: `Server`",
    [PATH_KIND_OLD] = "string: `SPAN_KIND_SERVER`",
    [PATH_TYPE] = "integer: METRIC_DATA_TYPE_...; cannot be set",
    [PATH_COUNTS] = "list of integers",
    [PATH_SMALL_COUNTS] = "list of integers",
    [PATH_BOUNDS] = "list of floats",
    [PATH_CACHE] = "map that lives as long as the item is worked on",
    [PATH_OBJECT] = "object: compared with, and set to, its like",
    [PATH_OBJECTS] = "list of objects: counted, compared with, and set to, its like",
    [PATH_INDEX] = "integer: which event of its span this is; cannot be set",
    [PATH_SCHEMA_URL] = "string",
    [PATH_PROFILE_MAP] = "map; may be indexed",
    [PATH_NAMED] = "string",
};

/* ---- functions ---- */

static void put_contexts(struct buf *out, unsigned contexts)
{
    const char *between = "";

    if (contexts == OTTL_EVERYWHERE)
        return;
    buf_puts(out, " Only in ");
    for (unsigned c = 0; c < OTTL_CONTEXTS; c++) {
        if ((contexts & OTTL_IN(c)) == 0)
            continue;
        buf_printf(out, "%s`%s`", between, ottl_context_names[c]);
        between = ", ";
    }
    buf_putc(out, '.');
}

static void put_argument(struct buf *out, const struct ottl_argument *a)
{
    buf_printf(out, "    - `%s`: %s%s%s%s\n", a->name, a->list ? "list, of each: " : "", kind_words(a->kind),
               a->literal ? ", written out" : "", a->optional ? "; may be missing" : "");
}

static void put_function(struct buf *out, const struct ottl_function *f)
{
    buf_printf(out, "- `%s(", f->name);
    for (const struct ottl_argument *a = f->args; a->name != NULL; a++)
        buf_printf(out, "%s%s%s%s", a == f->args ? "" : ", ", a->optional ? "[" : "", a->name, a->optional ? "]" : "");
    buf_puts(out, ")`");
    if (f->gives != NULL)
        buf_printf(out, " gives %s", f->gives);
    buf_printf(out, ": %s", f->help);
    put_contexts(out, f->contexts);
    buf_putc(out, '\n');
    for (const struct ottl_argument *a = f->args; a->name != NULL; a++)
        put_argument(out, a);
}

static int by_name(const void *pa, const void *pb)
{
    const struct ottl_function *a = *(const struct ottl_function *const *)pa;
    const struct ottl_function *b = *(const struct ottl_function *const *)pb;

    return strcmp(a->name, b->name);
}

typedef VEC(const struct ottl_function *) functions;

static void put_functions(struct buf *out, bool editor)
{
    functions list = { 0 };
    const struct ottl_function *table;

    for (size_t i = 0; (table = ottl_function_table(i)) != NULL; i++)
        for (const struct ottl_function *f = table; f->name != NULL; f++)
            if (f->editor == editor)
                *vec_push(&list) = f;
    if (list.n > 0)
        qsort(list.v, list.n, sizeof(*list.v), by_name);
    for (size_t i = 0; i < list.n; i++)
        put_function(out, list.v[i]);
    vec_free(&list);
}

/* ---- paths and names ---- */

static void put_paths(struct buf *out, enum ottl_context context)
{
    const char *between = "";

    buf_printf(out, "\n### %s\n\nMay name paths of: ", ottl_context_names[context]);
    for (unsigned c = 0; c < OTTL_CONTEXTS; c++)
        if (context_sees(context, (enum ottl_context)c)) {
            buf_printf(out, "%s%s", between, ottl_context_names[c]);
            between = ", ";
        }
    buf_puts(out, ".\n\n");
    for (const struct path_row *row = path_rows(context); row->name != NULL; row++)
        buf_printf(out, "- `%s.%s`: %s\n", ottl_context_names[context], row->name, shape_words[row->shape]);
}

static void put_symbols(struct buf *out, enum ottl_context context)
{
    size_t n = 0;
    const struct ottl_symbol *all = ottl_symbols(&n);
    const char *between = "";

    for (size_t i = 0; i < n; i++) {
        if ((all[i].contexts & OTTL_IN(context)) == 0)
            continue;
        if (*between == '\0')
            buf_printf(out, "- %s: ", ottl_context_names[context]);
        buf_printf(out, "%s`%s` (%lld)", between, all[i].name, (long long)all[i].value);
        between = ", ";
    }
    if (context == OTTL_LOG)
        buf_puts(out, ", `SEVERITY_NUMBER_TRACE` (1), `_TRACE2`, `_TRACE3`, `_TRACE4`, and so on for `DEBUG` (5), "
                      "`INFO` (9), `WARN` (13), `ERROR` (17), `FATAL` (21)");
    if (*between != '\0')
        buf_putc(out, '\n');
}

static const char introduction[] =
    "# Reference of OTTL\n\n"
    "Made by `make docs` from the rows in the source; do not edit. Where otelcd knowingly differs from the Collector "
    "is in\n"
    "[differences.md](../differences.md). `otelcd ottl 'STATEMENT' <requests.json` tries one.\n\n"
    "A statement is an editor, perhaps with a condition: `set(log.attributes[\"team\"], \"web\") where "
    "resource.attributes[\"k\"] == 1`.\n"
    "A condition is what may stand behind `where`. Values are compared with `==`, `!=`, `<`, `<=`, `>` and `>=`, "
    "joined with\n"
    "`and`, `or`, `not` and parentheses, and reckoned with `+`, `-`, `*` and `/`; literals are `\"text\"`, `1`, `1.5`, "
    "`true`,\n"
    "`nil`, `0x1f` (bytes), `[1, 2]` and `{\"a\": 1}`. Maps and lists are indexed: `attributes[\"a\"][0]`. Arguments "
    "may be "
    "named:\n"
    "`Concat(vals=[\"a\", \"b\"], delimiter=\"\")`. A lambda says what is to be done with each value of a list or map: "
    "`Filter(attributes[\"tags\"], (key, value) => value != \"x\")`;\n"
    "`_` stands for a name that is not wanted.\n";

void ottl_reference_write(struct buf *out)
{
    buf_puts(out, introduction);
    buf_puts(out, "\n## Editors\n\nThey begin a statement and change the item.\n\n");
    put_functions(out, true);
    buf_puts(out, "\n## Converters\n\nThey make a value of their arguments.\n\n");
    put_functions(out, false);
    buf_puts(out, "\n## Paths\n");
    for (unsigned c = 0; c < OTTL_CONTEXTS; c++)
        put_paths(out, (enum ottl_context)c);
    buf_puts(out, "\n## Names of numbers\n\nBy context:\n\n");
    for (unsigned c = 0; c < OTTL_CONTEXTS; c++)
        put_symbols(out, (enum ottl_context)c);
}
