/* SPDX-License-Identifier: Apache-2.0 */
/* Components of the Go collector that otelcd does not have, so that a configuration which names one is told that it is
 * right there, and what to do here. A table of names; nothing is made of them. */
#ifndef SERVICE_FOREIGN_H
#define SERVICE_FOREIGN_H

#include "pipeline/component.h"

struct foreign {
    enum component_kind kind;
    bool retired;      /* the Go collector has them no longer */
    const char *types; /* several, with blanks between; without underscores, for old and new spellings differ in them */
    const char *advice; /* what to use here; NULL: what is said of their kind */
};

/* Whether `written` is the type of `n` bytes that has no underscores: "k8s_attributes" and "k8sattributes" are the
 * same. */
bool foreign_is_spelling(const char *written, const char *type, size_t n);

/* `type` as written, in either spelling; NULL when nobody is known to have it. */
const struct foreign *foreign_find(enum component_kind kind, const char *type);

/* Its own advice, or its kind's. */
const char *foreign_advice(const struct foreign *f);
const char *foreign_common_advice(enum component_kind kind);

#endif
