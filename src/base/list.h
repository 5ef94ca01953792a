/* SPDX-License-Identifier: Apache-2.0 */
/* An intrusive doubly linked list: a ring through the head. The memory is the members'; a member is in one list at a
 * time and leaves it without being looked for.
 *
 *     struct thing { struct list link; ... };
 *     list_push(&things, &t->link);
 *     list_each (struct thing, t, &things, link)
 *         ...                                       t may be removed and freed meanwhile
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/mem.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev; /* of a member that is in no list: NULL */
};

/* A head has to be initialized, and stays where it is from then on. */
static inline void list_init(struct list *head)
{
    head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline bool list_linked(const struct list *member)
{
    return member->next != NULL;
}

/* Before `at`; before the head is the end of the list, before the first its front. */
static inline void list_insert(struct list *at, struct list *member)
{
    member->next = at;
    member->prev = at->prev;
    at->prev->next = member;
    at->prev = member;
}

static inline void list_push(struct list *head, struct list *member)
{
    list_insert(head, member);
}

static inline void list_push_front(struct list *head, struct list *member)
{
    list_insert(head->next, member);
}

/* No effect on a member that is in no list. */
static inline void list_remove(struct list *member)
{
    if (member->next == NULL)
        return;
    member->next->prev = member->prev;
    member->prev->next = member->next;
    member->next = member->prev = NULL;
}

/* All of `from` to the end of `to`. */
static inline void list_move(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

/* The first member as its type; NULL when there is none. */
#define list_first(head, type, link) (list_empty(head) ? NULL : container_of((head)->next, type, link))

static inline void *list_pop_at(struct list *head, size_t offset)
{
    struct list *member = head->next;

    if (member == head)
        return NULL;
    assert(member->next != member);
    head->next = member->next;
    head->next->prev = head;
    member->next = member->prev = NULL;
    return (char *)member - offset;
}

/* The first member as its type, out of the list; NULL when there is none. */
#define list_pop(head, type, link) ((type *)list_pop_at(head, offsetof(type, link)))

/* A statement, in which break and continue mean what they say. */
#define list_each(type, name, head, link)                                                                              \
    for (struct list *name##_at_ = (head)->next, *name##_next_ = name##_at_->next, *name##_on_ = name##_at_;           \
         name##_on_ != NULL && name##_at_ != (head); name##_at_ = name##_next_, name##_next_ = name##_at_->next)       \
        for (type *name = (name##_on_ = NULL, container_of(name##_at_, type, link)); name != NULL;                     \
             name##_on_ = name##_at_, name = NULL)

#endif
