/* SPDX-License-Identifier: Apache-2.0 */
/* Where the control socket of a running otelcd is: for the daemon that makes it, and for who asks it on this machine.
 *
 * Where the configuration names none it is DIRECTORY/PID.sock, so that several otelcds never meet. The directory is
 * that of systemd's RuntimeDirectory ($RUNTIME_DIRECTORY), else /run/otelcd for root and for whoever may write there,
 * else otelcd/ in $XDG_RUNTIME_DIR. */
#ifndef SERVICE_CONTROL_SOCKET_H
#define SERVICE_CONTROL_SOCKET_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>

/* The directory for sockets of this process, made if it is not there; what processes that are gone have left in it is
 * removed. False, and why: there is none. */
bool control_directory(struct buf *out, struct error *err);

/* The socket of the one otelcd that answers: `named`, or where it is by itself when that is NULL. False, and what to
 * do: none answers, or several do. */
bool control_find(const char *named, struct buf *out, struct error *err);

#endif
