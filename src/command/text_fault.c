/* SPDX-License-Identifier: Apache-2.0 */
/* The line that the place is in, and under it as many blanks as characters are in front of the place; tabs stay tabs.
 */
#include "command/text_fault.h"

#include <stdio.h>
#include <string.h>

void text_fault_show(const char *verb, const char *text, size_t at, const char *why)
{
    size_t begin, line = 1, end;

    at = at < strlen(text) ? at : strlen(text);
    begin = at;
    while (begin > 0 && text[begin - 1] != '\n')
        begin--;
    for (size_t i = 0; i < begin; i++)
        line += text[i] == '\n';
    end = begin + strcspn(text + begin, "\n");
    fprintf(stderr, "otelcd %s: line %zu, column %zu: %s\n    %.*s\n    ", verb, line, at - begin + 1, why,
            (int)(end - begin), text + begin);
    for (size_t i = begin; i < at; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            fputc(text[i] == '\t' ? '\t' : ' ', stderr);
    fputs("^\n", stderr);
}

size_t text_fault_at(const char *text, size_t line, size_t column)
{
    size_t at = 0;

    for (; line > 1 && text[at] != '\0'; line--) {
        at += strcspn(text + at, "\n");
        at += text[at] == '\n';
    }
    return at + (column > 0 ? column - 1 : 0);
}
