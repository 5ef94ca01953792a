/* SPDX-License-Identifier: Apache-2.0 */
/* A program's tree is walked for each item. Each node costs a step, and functions take more for work of their own; past
 * the limit, or with more scratch memory than an item may have, the statement fails. What fails says why once, in the
 * caller's error, and every level above gives up. Values are never copied on the way: they point into the item, the
 * program or the scratch memory. */
#include "ottl/dictionary.h"
#include "ottl/visited.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define KEPT_SCRATCH (1u << 20) /* what more one item took is given back, and not held against the next */

bool eval_fail(struct ottl_evaluation *e, const char *fmt, ...)
{
    va_list args;
    char text[400];

    if (e->err == NULL)
        return false;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    error_set(e->err, -1, "%s", text);
    return false;
}

static bool fail_overspent(struct ottl_evaluation *e)
{
    if (e->steps > e->limit)
        return e->limit == OTTL_MAX_STEPS
                   ? eval_fail(e, "more than %u steps for one item", OTTL_MAX_STEPS)
                   : eval_fail(e, "the batch's items have taken all steps that it has: %u, and %u for each",
                               OTTL_BATCH_STEPS, OTTL_BATCH_ITEM_STEPS);
    return eval_fail(e, "more than %u MiB of memory for one item", OTTL_MAX_SCRATCH >> 20);
}

static inline bool spend_steps(struct ottl_evaluation *e, uint64_t steps)
{
    e->steps += steps;
    return __builtin_expect(e->steps <= e->limit && e->arena.total <= OTTL_MAX_SCRATCH, 1) || fail_overspent(e);
}

bool eval_spend(struct ottl_evaluation *e, uint64_t steps)
{
    return spend_steps(e, steps);
}

#define WORST_SHARE 16u /* of such steps the batch pays one in so many */

bool eval_spend_worst(struct ottl_evaluation *e, uint64_t steps)
{
    e->spared += steps - steps / WORST_SHARE;
    return eval_spend(e, steps);
}

/* ---- arithmetic ---- */

static bool reckon_ints(struct ottl_evaluation *e, char op, int64_t y, struct ottl_value *x)
{
    uint64_t a = (uint64_t)x->integer, b = (uint64_t)y;

    if (op == '/' && y == 0)
        return eval_fail(e, "a division by 0");
    if (op == '/') /* of the least integer by -1 Go makes the least integer */
        x->integer = y == -1 ? (int64_t)(0 - a) : x->integer / y;
    else
        x->integer = (int64_t)(op == '+' ? a + b : op == '-' ? a - b : a * b);
    return true;
}

static bool reckon_doubles(struct ottl_evaluation *e, char op, double y, struct ottl_value *x)
{
    double a = x->type == OTTL_INT ? (double)x->integer : x->number;

    if (op == '/' && y == 0)
        return eval_fail(e, "a division by 0");
    *x = ottl_double(op == '+' ? a + y : op == '-' ? a - y : op == '*' ? a * y : a / y);
    return true;
}

/* Times and durations: what their sum or difference is; NIL: there is none. */
static enum ottl_type reckoned_type(enum ottl_type x, char op, enum ottl_type y)
{
    if (op == '-' && x == OTTL_TIME && y == OTTL_TIME)
        return OTTL_DURATION;
    if ((op == '+' || op == '-') && y == OTTL_DURATION)
        return x;
    return op == '+' && x == OTTL_DURATION && y == OTTL_TIME ? OTTL_TIME : OTTL_NIL;
}

/* Between two times lies at most the longest duration, as Go has it; durations go around. */
static bool reckon_times(struct ottl_evaluation *e, char op, enum ottl_type type, int64_t y, struct ottl_value *x)
{
    int64_t a = x->integer;
    bool wraps = op == '+' ? __builtin_add_overflow(a, y, &x->integer) : __builtin_sub_overflow(a, y, &x->integer);

    if (wraps && type == OTTL_TIME)
        return eval_fail(e, "the time is outside of the years 1678 to 2262");
    if (wraps && x->type == OTTL_TIME)
        x->integer = a < 0 ? INT64_MIN : INT64_MAX;
    return true;
}

static bool compute_value(struct ottl_evaluation *e, char op, const struct ottl_value *y, struct ottl_value *x)
{
    enum ottl_type type;

    if (x->type == OTTL_INT && y->type == OTTL_INT)
        return reckon_ints(e, op, y->integer, x);
    if ((x->type == OTTL_INT || x->type == OTTL_DOUBLE) && (y->type == OTTL_INT || y->type == OTTL_DOUBLE))
        return reckon_doubles(e, op, y->type == OTTL_INT ? (double)y->integer : y->number, x);
    type = x->type == OTTL_TIME || x->type == OTTL_DURATION ? reckoned_type(x->type, op, y->type) : OTTL_NIL;
    if (type == OTTL_NIL)
        return eval_fail(e, "%s %c %s is nothing that can be reckoned", ottl_type_name(x->type), op,
                         ottl_type_name(y->type));
    if (!reckon_times(e, op, type, y->integer, x))
        return false;
    if (x->type != OTTL_TIME)
        x->offset = y->offset;
    x->type = type;
    return true;
}

static bool eval_chain(struct ottl_evaluation *e, const struct ottl_node *n, struct ottl_value *v)
{
    struct ottl_value y = ottl_nil();

    if (!eval_value(e, n->kids[0], v))
        return false;
    for (uint32_t i = 1; i < n->n; i++)
        if (!eval_value(e, n->kids[i], &y) || !compute_value(e, n->ops[i - 1], &y, v))
            return false;
    return true;
}

static bool eval_negate(struct ottl_evaluation *e, const struct ottl_node *n, struct ottl_value *v)
{
    if (!eval_value(e, n->kids[0], v))
        return false;
    if (v->type == OTTL_INT)
        v->integer = (int64_t)(0 - (uint64_t)v->integer);
    else if (v->type == OTTL_DOUBLE)
        v->number = -v->number;
    else
        return eval_fail(e, "%s has no opposite", ottl_type_name(v->type));
    return true;
}

/* ---- lists and maps ---- */

static bool put_element(struct ottl_evaluation *e, struct buf *out, const struct ottl_node *key,
                        const struct ottl_node *kid)
{
    struct ottl_value v = ottl_nil();
    struct bytes any;

    if (!eval_value(e, kid, &v))
        return false;
    if (!ottl_value_keep(&e->arena, &v, &any))
        return eval_fail(e, "%s cannot be in a list or map", ottl_type_name(v.type));
    if (key != NULL)
        ottl_map_put(out, key->value.bytes, any);
    else
        ottl_list_put(out, any);
    return true;
}

static bool eval_list(struct ottl_evaluation *e, const struct ottl_node *n, struct ottl_value *v)
{
    struct buf out = { 0 };
    bool map = n->kind == NODE_MAP, good = true;

    for (uint32_t i = map; good && i < n->n; i += 1 + map)
        good = put_element(e, &out, map ? n->kids[i - 1] : NULL, n->kids[i]);
    *v = ottl_bytes(map ? OTTL_MAP : OTTL_LIST, ottl_keep(&e->arena, buf_bytes(&out)));
    buf_free(&out);
    return good;
}

static bool index_map(struct ottl_evaluation *e, const struct ottl_value *key, struct ottl_value *v)
{
    if (key->type != OTTL_STRING)
        return eval_fail(e, "the key of a map is a string, not %s", ottl_type_name(key->type));
    *v = ottl_map_get(v->bytes, key->bytes);
    return true;
}

bool eval_index(struct ottl_evaluation *e, struct ottl_node *const *keys, size_t n, struct ottl_value *v)
{
    struct ottl_value key = ottl_nil();

    for (size_t i = 0; i < n; i++) {
        if (!eval_value(e, keys[i], &key))
            return false;
        if (v->type == OTTL_MAP) {
            if (!index_map(e, &key, v))
                return false;
            if (v->type == OTTL_NIL)
                return true;
        } else if (v->type == OTTL_LIST) {
            if (key.type != OTTL_INT)
                return eval_fail(e, "the index of a list is an integer, not %s", ottl_type_name(key.type));
            if (!ottl_list_get(v->bytes, key.integer, v))
                return eval_fail(e, "index %lld is out of bounds", (long long)key.integer);
        } else {
            return eval_fail(e, "%s cannot be indexed", ottl_type_name(v->type));
        }
    }
    return true;
}

/* ---- conditions ---- */

static bool eval_truth(struct ottl_evaluation *e, const struct ottl_node *n, bool *truth);

static bool eval_all(struct ottl_evaluation *e, const struct ottl_node *n, bool *truth)
{
    bool stops = n->kind == NODE_OR;

    for (uint32_t i = 0; i < n->n; i++) {
        if (!eval_truth(e, n->kids[i], truth))
            return false;
        if (*truth == stops)
            return true;
    }
    return true;
}

/* A literal where it stands, else what is evaluated into *v; NULL: it failed. */
static inline const struct ottl_value *eval_operand(struct ottl_evaluation *e, const struct ottl_node *n,
                                                    struct ottl_value *v)
{
    if (n->kind == NODE_LITERAL)
        return &n->value;
    return eval_value(e, n, v) ? v : NULL;
}

static inline bool compare_ints(int64_t x, enum ottl_operator op, int64_t y)
{
    switch (op) {
    case OTTL_EQ:
        return x == y;
    case OTTL_NE:
        return x != y;
    case OTTL_LT:
        return x < y;
    case OTTL_LE:
        return x <= y;
    case OTTL_GT:
        return x > y;
    default:
        return x >= y;
    }
}

/* An attribute that is set comes behind all others. */
static inline bool is_ordered(const struct ottl_evaluation *e)
{
    return e->item.ordered && (e->changed & OTTL_CHANGED_ITEM) == 0;
}

/* Both do what eval_comparison() does, in the same steps, without asking of each node what it is. */
static inline bool test_number(struct ottl_evaluation *e, const struct ottl_node *n, bool *truth)
{
    uint64_t v;

    if (!spend_steps(e, 1 + e->item.item.len / WALKED_BYTES))
        return false;
    v = message_number_indexed(&e->index, e->item.item, n->kids[0]->row->number[0], is_ordered(e));
    *truth = compare_ints((int64_t)v, n->op, n->kids[1]->value.integer);
    return true;
}

static inline bool find_attribute(struct ottl_evaluation *e, const struct ottl_node *path, struct bytes message,
                                  struct bytes *any)
{
    struct bytes key = path->kids[0]->value.bytes;

    if (message.len >= EVAL_LONG)
        return eval_attribute(e, path, message, any);
    return path->part == PART_ITEM && is_ordered(e) ? message_attribute_ordered(message, path->row->number[0], key, any)
                                                    : message_attribute(message, path->row->number[0], key, any);
}

static bool test_attribute(struct ottl_evaluation *e, const struct ottl_node *n, bool *truth)
{
    const struct ottl_node *path = n->kids[0];
    struct bytes message = *item_part(&e->item, path->part), any;
    struct ottl_value v;

    if (!spend_steps(e, 2 + message.len / WALKED_BYTES))
        return false;
    *truth = n->op == OTTL_NE;
    if (!find_attribute(e, path, message, &any))
        return true;
    v = ottl_value_read(any);
    *truth = ottl_compare(&v, n->op, &n->kids[1]->value);
    return true;
}

static bool eval_comparison(struct ottl_evaluation *e, const struct ottl_node *n, bool *truth)
{
    struct ottl_value x = ottl_nil(), y = ottl_nil();
    const struct ottl_value *a = eval_operand(e, n->kids[0], &x), *b = NULL;

    if (a != NULL)
        b = eval_operand(e, n->kids[1], &y);
    if (b == NULL)
        return false;
    if ((a->type == OTTL_LIST || a->type == OTTL_MAP) && a->type == b->type &&
        !eval_spend(e, (a->bytes.len + b->bytes.len) / 64))
        return false;
    *truth = ottl_compare(a, n->op, b);
    return true;
}

static bool eval_truth(struct ottl_evaluation *e, const struct ottl_node *n, bool *truth)
{
    struct ottl_value v = ottl_nil();

    switch (n->kind) {
    case NODE_COMPARE:
        return n->direct == DIRECT_NUMBER      ? test_number(e, n, truth)
               : n->direct == DIRECT_ATTRIBUTE ? test_attribute(e, n, truth)
                                               : eval_comparison(e, n, truth);
    case NODE_AND:
    case NODE_OR:
        return eval_all(e, n, truth);
    case NODE_NOT:
        if (!eval_truth(e, n->kids[0], truth))
            return false;
        *truth = !*truth;
        return true;
    case NODE_TRUTH:
        n = n->kids[0];
        break;
    default:
        break;
    }
    if (!eval_value(e, n, &v))
        return false;
    if (v.type != OTTL_BOOL)
        return eval_fail(e, "the condition is %s and no boolean", ottl_type_name(v.type));
    *truth = v.boolean;
    return true;
}

/* As a value: what a lambda gives. */
static bool eval_condition(struct ottl_evaluation *e, const struct ottl_node *n, struct ottl_value *v)
{
    bool truth = false;

    if (!eval_truth(e, n, &truth))
        return false;
    *v = ottl_bool(truth);
    return true;
}

bool eval_value(struct ottl_evaluation *e, const struct ottl_node *n, struct ottl_value *v)
{
    if (!spend_steps(e, 1))
        return false;
    switch (n->kind) {
    case NODE_LITERAL:
    case NODE_FUNCTION:
        *v = n->value;
        return true;
    case NODE_PATH:
        return path_get(e, n, v);
    case NODE_CALL:
        return eval_call(e, n, v);
    case NODE_INDEX:
        return eval_value(e, n->kids[0], v) && eval_index(e, n->kids + 1, n->n - 1, v);
    case NODE_LIST:
    case NODE_MAP:
        return eval_list(e, n, v);
    case NODE_CHAIN:
        return eval_chain(e, n, v);
    case NODE_NEGATE:
        return eval_negate(e, n, v);
    case NODE_LOCAL:
        *v = e->locals[n->slot];
        return eval_index(e, n->kids, n->n, v);
    case NODE_LAMBDA:
        return eval_fail(e, "no value");
    default:
        return eval_condition(e, n, v);
    }
}

/* ---- an evaluation ---- */

struct ottl_evaluation *ottl_evaluation_new(void)
{
    struct ottl_evaluation *e = mem_zalloc(sizeof(*e));

    e->allowed = OTTL_MAX_SCRATCH;
    e->left = UINT64_MAX;
    return e;
}

void ottl_evaluation_free(struct ottl_evaluation *e)
{
    if (e == NULL)
        return;
    arena_free(&e->arena);
    eval_heads_free(e);
    eval_dictionary_free(e);
    vec_free(&e->appended);
    free(e);
}

static void limit_steps(struct ottl_evaluation *e)
{
    uint64_t paid = e->steps - e->spared;

    e->left -= paid < e->left ? paid : e->left;
    e->steps = 0;
    e->spared = 0;
    e->limit = e->left < OTTL_MAX_STEPS ? e->left : OTTL_MAX_STEPS;
}

void ottl_begin_batch(struct ottl_evaluation *e, uint64_t items)
{
    e->steps = 0;
    e->spared = 0;
    e->left = OTTL_BATCH_STEPS + items * OTTL_BATCH_ITEM_STEPS;
    e->visited = false;
}

/* What was made for the item before goes. */
static inline void begin_item(struct ottl_evaluation *e, int64_t now)
{
    if (e->arena.total > KEPT_SCRATCH)
        arena_free(&e->arena);
    else if (e->arena.total > 0)
        arena_reset(&e->arena);
    e->changed = 0;
    message_index_begin(&e->index);
    e->cache = bytes_of(NULL, 0);
    limit_steps(e);
    e->now = now;
    e->appended.n = 0;
}

void ottl_begin(struct ottl_evaluation *e, const struct ottl_item *item, int64_t now)
{
    e->item = *item;
    e->visited = false;
    eval_heads_take(e);
    begin_item(e, now);
}

/* Is the evaluation at an item that was visited, in the same scope or metric, and nothing but the item has changed? */
static inline bool is_beside(const struct ottl_evaluation *e, const struct visit *at)
{
    const struct visit_serials *in = &e->item.in;

    return e->visited && (e->changed & ~(unsigned)OTTL_CHANGED_ITEM) == 0 && e->item.at == at &&
           in->request == at->in.request && in->resource == at->in.resource && in->scope == at->in.scope &&
           in->metric == at->in.metric;
}

void ottl_begin_visited(struct ottl_evaluation *e, const struct visit *at, int64_t now)
{
    struct ottl_item item;

    if (is_beside(e, at)) {
        e->item.item = at->message;
        begin_item(e, now);
        return;
    }
    item = visited_item(at);
    ottl_begin(e, &item, now);
    e->visited = true;
}

/* What most conditions are is tested at once. */
static inline bool test_where(struct ottl_evaluation *e, const struct ottl_node *where, bool *result)
{
    *result = true;
    if (where == NULL ||
        (where->direct == DIRECT_NUMBER ? test_number(e, where, result) : eval_truth(e, where, result)))
        return true;
    *result = false;
    return false;
}

bool ottl_test(struct ottl_evaluation *e, const struct ottl_program *p, bool *result, struct error *err)
{
    e->err = err;
    return test_where(e, p->where, result);
}

/* An editor may run out of steps or memory when it has set something: then it is as if it had not. */
static bool edit_item(struct ottl_evaluation *e, const struct ottl_node *editor)
{
    struct ottl_item item = e->item;
    struct bytes cache = e->cache;
    unsigned changed = e->changed;
    size_t appended = e->appended.n;
    struct ottl_value none = ottl_nil();

    if (eval_call(e, editor, &none))
        return true;
    e->item = item;
    e->cache = cache;
    e->changed = changed;
    e->appended.n = appended;
    return false;
}

bool ottl_run(struct ottl_evaluation *e, const struct ottl_program *p, bool *ran, struct error *err)
{
    e->err = err;
    if (!test_where(e, p->where, ran))
        return false;
    if (!*ran || p->editor == NULL)
        return true;
    return edit_item(e, p->editor);
}

const struct ottl_item *ottl_item_now(const struct ottl_evaluation *e)
{
    return &e->item;
}

unsigned ottl_changed(const struct ottl_evaluation *e)
{
    return e->changed;
}

void ottl_allow_metrics(struct ottl_evaluation *e, size_t bytes)
{
    e->allowed = bytes;
}

size_t ottl_allowed(const struct ottl_evaluation *e)
{
    return e->allowed;
}

size_t ottl_added(const struct ottl_evaluation *e, const struct bytes **metrics)
{
    *metrics = e->appended.v;
    return e->appended.n;
}
