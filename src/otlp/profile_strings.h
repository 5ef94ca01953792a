/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of profiles whose resources and scopes name their attributes by numbers of texts in the dictionary
 * (KeyValue.key_strindex, AnyValue.string_value_strindex), as the Go collector sends them: here they get the texts,
 * once and at the door, so that nobody behind it has to know of the dictionary to find a resource by service.name. */
#ifndef OTLP_PROFILE_STRINGS_H
#define OTLP_PROFILE_STRINGS_H

#include "base/buf.h"

/* Append the request, which is a valid one of profiles, with texts for numbers. False: there are no numbers in it, or
 * it would be longer than `most` bytes, or than 64 KiB and twice what it is; then it is to stay as it is. A number that
 * the dictionary has not stays, and so does one beyond its first 65536 texts, or one for 16 bytes of the request. */
bool profile_strings_resolve(struct bytes request, size_t most, struct buf *out);

/* Bytes that this takes at most for a request of so many, and the copy of what it has made. */
uint64_t profile_strings_memory(uint64_t len);

#endif
