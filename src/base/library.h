/* SPDX-License-Identifier: Apache-2.0 */
/* Shared libraries that are loaded when something needs them, and not at the start: who does not use TLS does not pay
 * for OpenSSL's tables (decision 51).
 *
 * Their functions are called as ever; the linker finds stubs of their names in the program (contrib/late.sh), which
 * jump to where the library is. Where there are no stubs (static builds, sanitizers, tests, processors other than
 * x86-64) the libraries are linked and there from the start, and library_load() says yes. What need not be installed at
 * all (librdkafka) has no stubs, and is found by its owner. */
#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

#include "base/error.h"

#include <stddef.h>

enum library { LIBRARY_OPENSSL, LIBRARY_RE2, LIBRARY_SNAPPY, LIBRARY_CRYPT, LIBRARIES };

/* To be asked before the first call of any of the library's functions, where its absence can still be told; any thread.
 * The first time it is read from the disk, which takes a millisecond or two. 0; UV_ENOENT and a sentence. It stays. */
int library_load(enum library l, struct error *err);

/* Opens a library and finds functions in it, for who calls them through a table of his own. `names`: each with a zero
 * at its end, and an empty one behind the last; `found` gets their addresses, in that order. 0 and a handle that stays
 * open; UV_ENOENT and a sentence, which begins with `what` ("TLS needs OpenSSL"). */
int library_find(const char *file, const char *what, const char *names, void **found, void **handle, struct error *err);

/* A stub's, for who did not ask: the address of its function. Ends the process when there is no such library. */
void *library_function(size_t stub);

#endif
