/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong in a text that somebody has typed, shown to him on stderr. */
#ifndef COMMAND_TEXT_FAULT_H
#define COMMAND_TEXT_FAULT_H

#include <stddef.h>

/* "otelcd VERB: line 1, column 7: WHY", the line, and a mark under that place. */
void text_fault_show(const char *verb, const char *text, size_t at, const char *why);

/* The offset of a line and column, which count from 1. */
size_t text_fault_at(const char *text, size_t line, size_t column);

#endif
