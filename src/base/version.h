/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define OTELCD_VERSION "0.1.0"

_Static_assert(sizeof(OTELCD_VERSION) > 1, "releases have a number");

#endif
