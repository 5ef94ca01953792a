/* SPDX-License-Identifier: Apache-2.0 */
/* What a value is, and values made of others: IsString() and its kin, String(), Int(), Double(), Bool().
 *
 * The conversions are those of the kinds that these functions take: by the time that a function is called it has been
 * done, and what could not be converted is nil. */
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"
#include "otlp/view.h"

OTTL_GIVES(call_is_string, ottl_bool(c->args[0].type == OTTL_STRING))
OTTL_GIVES(call_is_int, ottl_bool(c->args[0].type == OTTL_INT))
OTTL_GIVES(call_is_double, ottl_bool(c->args[0].type == OTTL_DOUBLE))
OTTL_GIVES(call_is_bool, ottl_bool(c->args[0].type == OTTL_BOOL))
OTTL_GIVES(call_is_map, ottl_bool(c->args[0].type == OTTL_MAP))

static bool call_is_list(struct ottl_call *c, struct ottl_value *result)
{
    const struct ottl_value *v = &c->args[0];

    *result = ottl_bool(v->type == OTTL_LIST || v->type == OTTL_VALUES || ottl_is_objects(v));
    return true;
}

static bool has_element(struct bytes list)
{
    struct pb_reader r = pb_reader(list);
    struct ottl_value v;

    return ottl_next_element(&r, &v);
}

static bool is_empty(const struct ottl_value *v)
{
    switch (v->type) {
    case OTTL_NIL:
        return true;
    case OTTL_BOOL:
        return !v->boolean;
    case OTTL_INT:
    case OTTL_TIME:
    case OTTL_DURATION:
        return v->integer == 0;
    case OTTL_DOUBLE:
        return v->number == 0;
    case OTTL_STRING:
    case OTTL_BYTES:
        return v->bytes.len == 0;
    case OTTL_LIST:
    case OTTL_MAP:
        return !has_element(v->bytes);
    case OTTL_VALUES:
        return v->n == 0;
    case OTTL_OBJECTS:
        return ottl_is_objects(v) ? v->n == 0 : v->bytes.len == 0;
    case OTTL_FUNCTION:
        break;
    }
    return false;
}

static bool call_is_empty(struct ottl_call *c, struct ottl_value *result)
{
    *result = ottl_bool(is_empty(&c->args[0]));
    return true;
}

static bool call_is_root_span(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes parent = span_view(ottl_message(c)).parent_id;
    bool root = true;

    for (size_t i = 0; i < parent.len; i++)
        root = root && parent.data[i] == 0;
    *result = ottl_bool(root);
    return true;
}

static bool prepare_match(struct ottl_prepare *p)
{
    return ottl_pattern_prepare(p, 1);
}

static bool call_is_match(struct ottl_call *c, struct ottl_value *result)
{
    struct regex *re = ottl_pattern_of(c, 1);
    bool matches = false;

    if (re == NULL || (c->args[0].type == OTTL_STRING && !ottl_search(c, re, c->args[0].bytes, &matches)))
        return false;
    *result = ottl_bool(matches);
    return true;
}

/* What its kind has made of it. */
static bool call_give(struct ottl_call *c, struct ottl_value *result)
{
    *result = c->args[0];
    return true;
}

static bool call_len(struct ottl_call *c, struct ottl_value *result)
{
    const struct ottl_value *v = &c->args[0];
    size_t n;

    if ((v->type == OTTL_LIST || v->type == OTTL_MAP) && !ottl_spend(c, v->bytes.len / 64))
        return false;
    if (v->type == OTTL_STRING || v->type == OTTL_BYTES)
        n = v->bytes.len;
    else if (v->type == OTTL_LIST || v->type == OTTL_MAP)
        n = ottl_list_len(v->bytes);
    else if (v->type == OTTL_VALUES || ottl_is_objects(v))
        n = v->n;
    else
        return ottl_fail(c, "it takes a string, bytes, a list or a map, and was given %s", ottl_type_name(v->type));
    *result = ottl_int((int64_t)n);
    return true;
}

static bool prepare_coalesce(struct ottl_prepare *p)
{
    if (ottl_known(p, 0) && p->args[0].type == OTTL_VALUES && p->args[0].n == 0)
        return ottl_refuse(p, 0, "it needs at least one value");
    return true;
}

static bool call_coalesce(struct ottl_call *c, struct ottl_value *result)
{
    *result = ottl_nil();
    for (size_t i = 0; i < c->args[0].n && result->type == OTTL_NIL; i++)
        *result = c->args[0].values[i];
    return true;
}

#define IS(n, call_it, what)                                                                                           \
    CONVERTER(n, call_it, "a boolean", TAKES(ARGUMENT("target", ANY)), "Whether the value is " what ".")

const struct ottl_function ottl_functions_types[] = {
    IS("IsString", call_is_string, "a string"),
    IS("IsInt", call_is_int, "an integer"),
    IS("IsDouble", call_is_double, "a double"),
    IS("IsBool", call_is_bool, "a boolean"),
    IS("IsMap", call_is_map, "a map"),
    IS("IsList", call_is_list, "a list"),
    IS("IsEmpty", call_is_empty, "nil, or the empty or zero value of its type"),
    CONVERTER("IsMatch", call_is_match, "a boolean",
              TAKES(ARGUMENT("target", STRING_LIKE), ARGUMENT("pattern", STRING)),
              "Whether the regular expression matches somewhere in the value's text. Nil is no match.",
              .prepare = prepare_match, .release = ottl_pattern_release),
    CONVERTER_IN(SPAN, "IsRootSpan", call_is_root_span, "a boolean", TAKES_NOTHING, "Whether the span has no parent."),
    CONVERTER("String", call_give, "a string or nil", TAKES(ARGUMENT("target", STRING_LIKE)),
              "The value as text: bytes in hex, lists and maps as JSON."),
    CONVERTER(
        "Int", call_give, "an integer or nil", TAKES(ARGUMENT("target", INT_LIKE)),
        "The value as an integer: doubles lose what is behind the point, true is 1, text that is none gives nil."),
    CONVERTER("Double", call_give, "a double or nil", TAKES(ARGUMENT("target", DOUBLE_LIKE)),
              "The value as a double; true is 1."),
    CONVERTER("Bool", call_give, "a boolean or nil", TAKES(ARGUMENT("target", BOOL_LIKE)),
              "The value as a boolean: numbers are true but for 0; text as in Go: 1, t, true, 0, f, false and so on."),
    CONVERTER("Len", call_len, "an integer", TAKES(ARGUMENT("target", ANY)),
              "How many bytes a string has, how many elements a list or map, how many objects such as span.events."),
    CONVERTER("Coalesce", call_coalesce, "any value", TAKES(LIST("values", ANY)),
              "The first of the values that is not nil.", .prepare = prepare_coalesce),
    { 0 },
};
