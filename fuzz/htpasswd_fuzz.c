/* SPDX-License-Identifier: Apache-2.0 */
/* A file of users, whatever is in it: "password NUL file". It is taken as a whole or not at all, who is in it is found,
 * and comparing comes back. libcrypt's hashes, which take their time, are left alone. */
#include "extension/htpasswd.h"

#include <stdlib.h>
#include <string.h>

static void compare(const struct htpasswd *h, struct bytes password)
{
    const struct htpasswd_user *decoy = htpasswd_decoy(h);

    if ((decoy == NULL) != (h->users.n == 0))
        abort();
    for (size_t i = 0; i < h->users.n && i < 4; i++) {
        const struct htpasswd_user *u = &h->users.v[i];

        if (htpasswd_find(h, u->name) != u)
            abort();
        if (u->kind == HTPASSWD_CRYPT)
            continue;
        if (htpasswd_matches(u->kind, u->hash, password) && password.len == 0)
            abort();
        if (u->kind == HTPASSWD_PLAIN && strlen(u->hash) <= HTPASSWD_PASSWORD &&
            !htpasswd_matches(u->kind, u->hash, bytes_str(u->hash)))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;
    struct bytes password = bytes_of(data, nul != NULL ? (size_t)(nul - data) : 0);
    struct htpasswd h = { 0 };
    struct error err = { 0 };

    if (nul == NULL)
        return 0;
    if (htpasswd_add(&h, bytes_of(nul + 1, size - password.len - 1), &err) == 0)
        compare(&h, password);
    else if (strncmp(err.text, "line ", 5) != 0)
        abort();
    htpasswd_free(&h);
    return 0;
}
