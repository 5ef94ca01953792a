/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the place of what must not be seen: asterisks, or a hash that is the same for the same text. */
#ifndef PROCESSOR_REDACTION_MASK_H
#define PROCESSOR_REDACTION_MASK_H

#include "codec/regex_steps.h"
#include "config/option.h"

enum mask_function { MASK_STARS, MASK_SHA1, MASK_SHA3, MASK_MD5, MASK_HMAC_SHA256, MASK_HMAC_SHA512 };
extern const char *const mask_names[]; /* of enum mask_function; NULL-terminated */

struct mask {
    enum mask_function function;
    const char *key; /* of the hmac functions */
};

/* The key must be long enough. */
void mask_check(int function, const struct secret *key, struct check *ck);

/* Put each match of the pattern masked, all else as it is, into `out`, whose content is replaced. False: there is no
 * match, or the meter is over before all were looked for; `out` is of no use. */
bool mask_matching(const struct mask *m, struct regex_meter *meter, struct regex *r, struct bytes text,
                   struct buf *out);

/* Each line of the text masked whole; what is left of it as one when the meter is over. */
void mask_lines(const struct mask *m, struct regex_meter *meter, struct bytes text, struct buf *out);

#endif
