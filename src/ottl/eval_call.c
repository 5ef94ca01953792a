/* SPDX-License-Identifier: Apache-2.0 */
/* A call: its arguments are evaluated in the row's order and converted to what the row takes, lists element by element;
 * targets, lambdas and what is only wanted later are left to the function, which reads, sets and calls them through
 * what stands at the end of this file.
 *
 * What can go wrong: an argument of another type, or a number that is none, fails the call before the function sees it.
 * What a function says it failed of gets its name in front. Each element of a list costs a step before there is memory
 * for it. */
#include "otlp/fields.h"
#include "ottl/ottl_inside.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- conversions ---- */

static const enum ottl_type strict_types[] = {
    [OTTL_TAKES_STRING] = OTTL_STRING, [OTTL_TAKES_INT] = OTTL_INT,           [OTTL_TAKES_DOUBLE] = OTTL_DOUBLE,
    [OTTL_TAKES_BOOL] = OTTL_BOOL,     [OTTL_TAKES_LIST] = OTTL_LIST,         [OTTL_TAKES_MAP] = OTTL_MAP,
    [OTTL_TAKES_TIME] = OTTL_TIME,     [OTTL_TAKES_DURATION] = OTTL_DURATION,
};

/* The whole of a text as a number of C; false: it is none. */
static bool is_whole(const char *text, const char *end)
{
    return end != text && *end == '\0' && (unsigned char)*text > ' ';
}

static void text_of(struct bytes b, char *out, size_t size)
{
    snprintf(out, size, "%.*s", (int)(b.len < size ? b.len : size - 1), (const char *)b.data);
}

static bool convert_int(struct ottl_evaluation *e, struct ottl_value *v)
{
    char text[64], *end;
    long long n;

    switch (v->type) {
    case OTTL_INT:
    case OTTL_NIL:
        return true;
    case OTTL_BOOL:
        *v = ottl_int(v->boolean);
        return true;
    case OTTL_DOUBLE:
        if (!(fabs(v->number) < 9.2e18))
            *v = ottl_int(INT64_MIN);
        else
            *v = ottl_int((int64_t)v->number);
        return true;
    case OTTL_STRING:
        text_of(v->bytes, text, sizeof(text));
        errno = 0;
        n = strtoll(text, &end, 10);
        *v = v->bytes.len < sizeof(text) && is_whole(text, end) && errno == 0 ? ottl_int(n) : ottl_nil();
        return true;
    default:
        return eval_fail(e, "%s is no integer", ottl_type_name(v->type));
    }
}

static bool convert_double(struct ottl_evaluation *e, struct ottl_value *v)
{
    char text[128], *end;
    double d;

    switch (v->type) {
    case OTTL_DOUBLE:
    case OTTL_NIL:
        return true;
    case OTTL_INT:
        *v = ottl_double((double)v->integer);
        return true;
    case OTTL_BOOL:
        *v = ottl_double(v->boolean);
        return true;
    case OTTL_STRING:
        text_of(v->bytes, text, sizeof(text));
        d = strtod(text, &end);
        if (v->bytes.len >= sizeof(text) || !is_whole(text, end))
            return eval_fail(e, "\"%.*s\" is no number", (int)(v->bytes.len < 60 ? v->bytes.len : 60),
                             (const char *)v->bytes.data);
        *v = ottl_double(d);
        return true;
    default:
        return eval_fail(e, "%s is no number", ottl_type_name(v->type));
    }
}

/* As Go's ParseBool. */
static bool convert_bool(struct ottl_evaluation *e, struct ottl_value *v)
{
    static const char *const words[] = {
        "1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False"
    };

    switch (v->type) {
    case OTTL_BOOL:
    case OTTL_NIL:
        return true;
    case OTTL_INT:
        *v = ottl_bool(v->integer != 0);
        return true;
    case OTTL_DOUBLE:
        *v = ottl_bool(v->number != 0);
        return true;
    case OTTL_STRING:
        for (unsigned i = 0; i < 12; i++)
            if (bytes_is(v->bytes, words[i])) {
                *v = ottl_bool(i < 6);
                return true;
            }
        return eval_fail(e, "\"%.*s\" is neither true nor false", (int)(v->bytes.len < 60 ? v->bytes.len : 60),
                         (const char *)v->bytes.data);
    default:
        return eval_fail(e, "%s is neither true nor false", ottl_type_name(v->type));
    }
}

static void convert_number_bytes(struct ottl_evaluation *e, struct ottl_value *v)
{
    uint64_t bits = v->type == OTTL_DOUBLE ? pb_bits(v->number) : (uint64_t)v->integer;
    uint8_t *out = arena_alloc(&e->arena, 8);
    size_t n = v->type == OTTL_BOOL ? 1 : 8;

    if (v->type == OTTL_BOOL)
        bits = (uint64_t)v->boolean << 56;
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(bits >> (56 - 8 * i));
    *v = ottl_bytes(OTTL_BYTES, bytes_of(out, n));
}

static bool convert_bytes(struct ottl_evaluation *e, struct ottl_value *v)
{
    switch (v->type) {
    case OTTL_NIL:
    case OTTL_BYTES:
        return true;
    case OTTL_STRING:
        v->type = OTTL_BYTES;
        return true;
    case OTTL_INT:
    case OTTL_DOUBLE:
    case OTTL_BOOL:
        convert_number_bytes(e, v);
        return true;
    default:
        return eval_fail(e, "%s has no bytes", ottl_type_name(v->type));
    }
}

static bool convert_text(struct ottl_evaluation *e, struct ottl_value *v)
{
    struct bytes text;

    if (v->type == OTTL_STRING || v->type == OTTL_NIL)
        return true;
    if (v->type == OTTL_OBJECTS)
        return eval_fail(e, "%s have no text", ottl_type_name(v->type));
    if (v->type >= OTTL_BYTES && v->type <= OTTL_MAP && !eval_spend(e, v->bytes.len / 16))
        return false;
    ottl_value_text(&e->arena, v, &text);
    *v = ottl_string(text);
    return true;
}

/* One argument as its kind. */
static bool convert_value(struct ottl_evaluation *e, enum ottl_kind kind, struct ottl_value *v)
{
    switch (kind) {
    case OTTL_TAKES_STRING_LIKE:
        return convert_text(e, v);
    case OTTL_TAKES_INT_LIKE:
        return convert_int(e, v);
    case OTTL_TAKES_DOUBLE_LIKE:
        return convert_double(e, v);
    case OTTL_TAKES_BOOL_LIKE:
        return convert_bool(e, v);
    case OTTL_TAKES_BYTES_LIKE:
        return convert_bytes(e, v);
    case OTTL_TAKES_ANY:
    case OTTL_TAKES_TARGET:
    case OTTL_TAKES_TARGET_MAP:
    case OTTL_TAKES_FUNCTION:
    case OTTL_TAKES_LAMBDA:
    case OTTL_TAKES_LATER:
        return true;
    default:
        if (v->type == strict_types[kind])
            return true;
        return eval_fail(e, "takes %s and got %s", ottl_type_name(strict_types[kind]), ottl_type_name(v->type));
    }
}

/* ---- arguments ---- */

/* A list that a path or converter gave, as values: a step for each, before there is memory for them. */
static bool spread_list(struct ottl_evaluation *e, enum ottl_kind kind, struct ottl_value *v)
{
    struct pb_reader r = pb_reader(v->bytes);
    struct ottl_value *values;
    size_t n = 0, i = 0;

    if (!eval_spend(e, v->bytes.len / 64) || !eval_spend(e, n = ottl_list_len(v->bytes)))
        return false;
    values = arena_alloc(&e->arena, (n + 1) * sizeof(*values));
    for (struct pb_field f; i < n && pb_next(&r, &f);)
        if (f.number == OTLP_LIST_VALUES && f.wire == PB_LEN) {
            values[i] = ottl_value_read(f.bytes);
            if (!convert_value(e, kind, &values[i++]))
                return false;
        }
    *v = (struct ottl_value){ .type = OTTL_VALUES, .values = values, .n = i };
    return true;
}

static bool eval_list_argument(struct ottl_evaluation *e, const struct ottl_node *n, enum ottl_kind kind,
                               struct ottl_value *v)
{
    struct ottl_value *values;

    if (n->kind == NODE_LIST) {
        values = arena_alloc(&e->arena, (n->n + 1) * sizeof(*values));
        for (uint32_t i = 0; i < n->n; i++)
            if (!eval_value(e, n->kids[i], &values[i]) || !convert_value(e, kind, &values[i]))
                return false;
        *v = (struct ottl_value){ .type = OTTL_VALUES, .values = values, .n = n->n };
        return true;
    }
    if (!eval_value(e, n, v))
        return false;
    if (v->type != OTTL_LIST)
        return eval_fail(e, "takes a list and got %s", ottl_type_name(v->type));
    return spread_list(e, kind, v);
}

static bool eval_argument(struct ottl_evaluation *e, const struct ottl_node *call, unsigned i, struct ottl_value *v)
{
    const struct ottl_argument *a = &call->function->args[i];
    const struct ottl_node *n = call->kids[i];

    if (a->kind == OTTL_TAKES_TARGET || a->kind == OTTL_TAKES_TARGET_MAP || a->kind == OTTL_TAKES_LAMBDA ||
        a->kind == OTTL_TAKES_LATER)
        return true;
    if (a->list)
        return eval_list_argument(e, n, a->kind, v);
    return eval_value(e, n, v) && convert_value(e, a->kind, v);
}

bool eval_call(struct ottl_evaluation *e, const struct ottl_node *n, struct ottl_value *v)
{
    struct ottl_value args[OTTL_MAX_ARGUMENTS];
    struct ottl_call c = { .evaluation = e, .arena = &e->arena, .args = args, .state = n->state, .node = n };

    for (unsigned i = 0; i < n->n; i++) {
        args[i] = ottl_nil();
        if (n->kids[i] == NULL)
            continue;
        if (!eval_argument(e, n, i, &args[i])) {
            if (e->err != NULL)
                error_wrap(e->err, "%s, argument %s", n->function->name, n->function->args[i].name);
            return false;
        }
        c.given |= 1u << i;
    }
    if ((!n->function->appends || eval_may_append(e)) && n->function->call(&c, v))
        return eval_spend(e, 0);
    if (e->err != NULL)
        error_wrap(e->err, "%s", n->function->name);
    return false;
}

/* ---- for functions ---- */

bool ottl_fail(struct ottl_call *c, const char *fmt, ...)
{
    va_list args;
    char text[400];

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return eval_fail(c->evaluation, "%s", text);
}

bool ottl_spend(struct ottl_call *c, uint64_t steps)
{
    return eval_spend(c->evaluation, steps);
}

bool ottl_spend_worst(struct ottl_call *c, uint64_t steps)
{
    return eval_spend_worst(c->evaluation, steps);
}

int64_t ottl_now(const struct ottl_call *c)
{
    return c->evaluation->now;
}

static const struct ottl_node *target_of(const struct ottl_call *c, unsigned i)
{
    const struct ottl_node *call = c->node;

    return call->kids[i];
}

bool ottl_target_get(struct ottl_call *c, unsigned i, struct ottl_value *v)
{
    const struct ottl_node *call = c->node;

    if (!path_get(c->evaluation, target_of(c, i), v))
        return false;
    if (call->function->args[i].kind != OTTL_TAKES_TARGET_MAP || v->type == OTTL_MAP)
        return true;
    return eval_fail(c->evaluation, "takes a map and got %s", ottl_type_name(v->type));
}

bool ottl_target_set(struct ottl_call *c, unsigned i, const struct ottl_value *v)
{
    return path_set(c->evaluation, target_of(c, i), v);
}

bool ottl_target_delete(struct ottl_call *c, unsigned i, struct bytes key)
{
    return path_delete(c->evaluation, target_of(c, i), key);
}

/* One that is served and needs no second argument, no list, and nothing that its prepare() would have made. */
static bool takes_one_value(const struct ottl_function *f)
{
    return f->args[0].name != NULL && !f->args[0].list && f->prepare == NULL &&
           (f->args[1].name == NULL || f->args[1].optional);
}

bool ottl_call_function(struct ottl_call *c, unsigned i, const struct ottl_value *in, struct ottl_value *out)
{
    const struct ottl_function *f = c->args[i].function;
    struct ottl_value arg = *in;
    struct ottl_call inner = { .evaluation = c->evaluation, .arena = c->arena, .args = &arg, .given = 1 };

    if (!takes_one_value(f))
        return ottl_fail(c, "%s is no converter of one argument", f->name);
    if (!eval_spend(c->evaluation, 1) || !convert_value(c->evaluation, f->args[0].kind, &arg))
        return false;
    return f->call(&inner, out);
}

/* The value of a name is where its slot says; lambdas inside of this one have others. */
bool ottl_call_lambda(struct ottl_call *c, unsigned i, const struct ottl_value *named, struct ottl_value *out)
{
    const struct ottl_node *call = c->node, *lambda = call->kids[i];

    for (unsigned k = 0; k < call->function->args[i].names; k++)
        if (lambda->slots[k] != NO_SLOT)
            c->evaluation->locals[lambda->slots[k]] = named[k];
    return eval_value(c->evaluation, lambda->kids[0], out);
}

bool ottl_later(struct ottl_call *c, unsigned i, struct ottl_value *out)
{
    const struct ottl_node *call = c->node;

    return eval_value(c->evaluation, call->kids[i], out);
}
