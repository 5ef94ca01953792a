/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a statement. */
#ifndef OTTL_LEXER_H
#define OTTL_LEXER_H

#include "ottl/ottl.h"

enum token_kind {
    TOKEN_END,
    TOKEN_BYTES, /* 0x00ff */
    TOKEN_FLOAT,
    TOKEN_INT,
    TOKEN_STRING,  /* with its quotes */
    TOKEN_WORD,    /* letters, digits, underscores; keywords too */
    TOKEN_COMPARE, /* == != < <= > >= */
    TOKEN_SIGN,    /* one of + - * / = ( ) { } : , . [ ] */
};

struct token {
    enum token_kind kind;
    struct bytes text;
    size_t at; /* offset */
};

/* The words of the text and TOKEN_END, in the arena; NULL with *fault. */
const struct token *ottl_lex(struct arena *a, struct bytes text, struct ottl_fault *fault);

/* What a string in quotes means, in the arena; false with *fault. */
bool ottl_unquote(struct arena *a, const struct token *t, struct bytes *text, struct ottl_fault *fault);

/* The offset and the sentence; always false. */
bool ottl_fault_set(struct ottl_fault *fault, size_t at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static inline bool token_is(const struct token *t, char sign)
{
    return t->kind == TOKEN_SIGN && t->text.data[0] == (uint8_t)sign;
}

static inline bool token_is_word(const struct token *t, const char *word)
{
    return t->kind == TOKEN_WORD && bytes_is(t->text, word);
}

#endif
