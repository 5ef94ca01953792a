/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of traces for tests of other formats: as OTLP's JSON, and random ones with attributes that those formats
 * know. */
#ifndef TEST_SUPPORT_SPAN_FORMS_H
#define TEST_SUPPORT_SPAN_FORMS_H

#include "base/buf.h"

/* The request as JSON, valid until the next call. It has to be valid, with that many spans. */
const char *request_json(const struct buf *request, uint64_t spans);
/* Appends the request that a text of OTLP's JSON is. */
void put_request(struct buf *out, const char *json);
/* Appends a valid random request, whose spans have ids, and returns how many there are. */
uint64_t put_random_request(struct buf *out, uint64_t *state);

#endif
