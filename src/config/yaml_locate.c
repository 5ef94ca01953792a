/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a scalar and what stands in the file are walked side by side, in whatever style it is written: quotes and
 * the head of a block stand in front, escapes and folded lines are longer in the file. Where the two part in a way that
 * is not known here, the location stays where it was. */
#include "base/ascii.h"
#include "config/yaml.h"

struct walk {
    const char *p; /* in the source */
    int line, column;
    bool escapes; /* double quotes */
};

/* Columns count characters. */
static void step_character(struct walk *w)
{
    if (*w->p == '\0')
        return;
    if (*w->p++ == '\n') {
        w->line++;
        w->column = 1;
    } else if ((*w->p & 0xc0) != 0x80) {
        w->column++;
    }
}

static void step_many(struct walk *w, int n)
{
    while (n-- > 0)
        step_character(w);
}

static void skip_blanks(struct walk *w)
{
    while (*w->p != '\0' && ascii_is_white(*w->p))
        step_character(w);
}

/* An escape of double quotes, as long as it is. */
static void skip_escape(struct walk *w)
{
    char c = w->p[1];

    step_many(w, c == 'x' ? 4 : c == 'u' ? 6 : c == 'U' ? 10 : 2);
}

/* In front of the first character. */
static void begin_walk(struct walk *w)
{
    if (*w->p == '"' || *w->p == '\'') {
        w->escapes = *w->p == '"';
        step_character(w);
    } else if (*w->p == '|' || *w->p == '>') {
        while (*w->p != '\0' && *w->p != '\n')
            step_character(w);
        skip_blanks(w);
    }
}

/* Past what stands for one character of the text. */
static void pass_character(struct walk *w, char c, bool single)
{
    while (w->escapes && w->p[0] == '\\' && w->p[1] == '\n') {
        step_many(w, 2);
        skip_blanks(w);
    }
    if (w->escapes && *w->p == '\\') {
        skip_escape(w);
    } else if (*w->p == '\n' && ascii_is_white(c)) {
        skip_blanks(w);
    } else {
        if (!ascii_is_white(c))
            skip_blanks(w);
        if (*w->p != c)
            return;
        step_character(w);
        if ((single && c == '\'' && *w->p == '\'') || (c == '$' && *w->p == '$'))
            step_character(w);
    }
}

void yaml_locate(const struct yaml_node *n, size_t offset, int *line, int *column)
{
    struct walk w = { .p = n->source != NULL ? n->source : n->text, .line = n->line, .column = n->column };
    bool single;

    single = n->source != NULL && *w.p == '\'';
    if (n->source != NULL)
        begin_walk(&w);
    for (size_t i = 0; i < offset && n->text[i] != '\0'; i++)
        pass_character(&w, n->text[i], single);
    if (offset < strlen(n->text) && !ascii_is_white(n->text[offset]))
        skip_blanks(&w);
    *line = w.line;
    *column = w.column;
}
