/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that are no values of the language, and lists of such: they can be counted, compared with nil and given to a
 * path of their own sort. Of a list all that is known is how many there are: it can only be set to itself. */
#include "otlp/fields.h"
#include "ottl/ottl_inside.h"

/* What is beside the message at work, when that is one of the list. */
static const struct ottl_beside *beside_of(const struct ottl_evaluation *e, enum ottl_sort sort)
{
    if (sort == OTTL_SORT_POINTS)
        return e->item.beside_item.given ? &e->item.beside_item : NULL;
    if (sort == OTTL_SORT_EVENTS || sort == OTTL_SORT_EXEMPLARS)
        return e->item.beside_below.given ? &e->item.beside_below : NULL;
    return NULL;
}

bool objects_get(struct ottl_evaluation *e, const struct ottl_node *n, struct ottl_value *v)
{
    const struct ottl_beside *beside = beside_of(e, (enum ottl_sort)n->row->sort);
    struct bytes message;
    struct pb_reader r;
    uint32_t number;

    *v = ottl_nil();
    if (!path_find(e, n, &message, &number))
        return true;
    *v = (struct ottl_value){ .type = OTTL_OBJECTS, .sort = (enum ottl_sort)n->row->sort };
    if (n->row->shape == PATH_OBJECT) {
        v->bytes = message_bytes(message, number);
        return true;
    }
    if (beside != NULL) {
        v->n = beside->count;
        return true;
    }
    r = pb_reader(message);
    for (struct pb_field f; pb_next(&r, &f);)
        v->n += f.number == number && f.wire == PB_LEN;
    return eval_spend(e, v->n / 4);
}

/* There is but one list of each sort in an item, so it is set to what it is. */
bool objects_set(struct ottl_evaluation *e, const struct ottl_node *n, const struct ottl_value *v)
{
    struct bytes message;
    uint32_t number;

    if (v->type != OTTL_OBJECTS || v->sort != (enum ottl_sort)n->row->sort)
        return eval_fail(e, "%s cannot be set to %s", n->row->name, ottl_type_name(v->type));
    if ((v->sort != OTTL_SORT_BUCKETS && v->sort != OTTL_SORT_VALUE_TYPE) || !path_find(e, n, &message, &number))
        return true;
    return path_put_message(e, n, message_replace_bytes(&e->arena, message, number, v->bytes));
}
