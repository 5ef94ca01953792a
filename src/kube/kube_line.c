/* SPDX-License-Identifier: Apache-2.0 */
/* What comes is put behind what there is, and charged for in steps, so that a line that comes in many pieces does not
 * ask the budget for each. What can go wrong: it is too large; then its owner ends the call. */
#include "kube/kube_line.h"

#define ROOM 65536u /* what is charged for at a time */

void kube_line_release(struct kube_line *l)
{
    buf_free(&l->text);
    budget_give(l->budget, l->charged);
    l->charged = 0;
}

bool kube_line_add(struct kube_line *l, struct bytes data, size_t most)
{
    uint64_t need = l->text.len + data.len, more = need > l->charged ? (need - l->charged + ROOM - 1) / ROOM * ROOM : 0;

    if (need > most || !budget_take(l->budget, more))
        return false;
    l->charged += more;
    buf_put(&l->text, data);
    return true;
}

uint64_t kube_line_take_charge(struct kube_line *l)
{
    uint64_t charged = l->charged;

    l->charged = 0;
    return charged;
}

enum kube_line_found kube_line_next(struct kube_line *l, struct bytes *data, size_t lasting, size_t most,
                                    struct bytes *line)
{
    const uint8_t *end = data->len > 0 ? memchr(data->data, '\n', data->len) : NULL;

    if (end == NULL && data->len > 0 && !kube_line_add(l, *data, most))
        return KUBE_LINE_LARGE;
    if (end == NULL)
        return KUBE_LINE_PART;
    *line = bytes_of(data->data, (size_t)(end - data->data));
    *data = bytes_skip(*data, line->len + 1);
    if (l->text.len > 0 || line->len > lasting) {
        if (!kube_line_add(l, *line, most))
            return KUBE_LINE_LARGE;
        *line = buf_bytes(&l->text);
    }
    return KUBE_LINE_WHOLE;
}

void kube_line_over(struct kube_line *l)
{
    l->text.len = 0;
    if (l->charged > ROOM)
        kube_line_release(l);
}
