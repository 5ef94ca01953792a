/* SPDX-License-Identifier: Apache-2.0 */
/* What a fuzz driver does with a request that a reader of another format has made. */
#ifndef SUPPORT_MENDED_REQUEST_H
#define SUPPORT_MENDED_REQUEST_H

#include "base/buf.h"
#include "otlp/signal.h"

/* Texts of strangers are mended, as a receiver does it; nothing else may have to be: aborts where the request is not
 * valid then. */
void mend_request(enum signal signal, struct buf *request);

#endif
