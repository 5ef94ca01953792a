/* SPDX-License-Identifier: Apache-2.0 */
/* What checking the rules and running them share. Nothing else includes this. */
#ifndef PROM_RELABEL_INSIDE_H
#define PROM_RELABEL_INSIDE_H

#include "prom/relabel/relabel.h"

#define RELABEL_DEFAULT_REGEX "(.*)"
#define RELABEL_DEFAULT_SEPARATOR ";"
#define RELABEL_DEFAULT_REPLACEMENT "$1"

struct regex;

/* The expression as rules mean it: from end to end. NULL and `err`: it is none. */
struct regex *relabel_regex(const char *pattern, struct error *err);

#endif
