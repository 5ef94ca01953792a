/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of HTTP/1.1 on a connection: one call at a time. */
#ifndef NET_HTTP1_CLIENT_H
#define NET_HTTP1_CLIENT_H

#include "net/message/client_io.h"

void http1_client_open(struct client_io *io); /* sets io->ops and io->state */

#endif
