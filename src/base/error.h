/* SPDX-License-Identifier: Apache-2.0 */
/* An error a person will read: a negative errno (as libuv spells it) and a sentence.
 *
 * The caller owns the struct, usually on its stack, and passes its address as the last parameter; NULL is
 * allowed where nobody will read the text. error_set() at the source says what and which; each layer that
 * knows more puts its words in front with error_wrap(); whoever handles it logs it, once. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

struct error {
    int code; /* 0 or a negative errno */
    char text[508];
};

/* No error, without the work of making all of the text empty: for what runs for each item. */
static inline void error_clear(struct error *err)
{
    err->code = 0;
    err->text[0] = '\0';
}

/* Both cut what does not fit. error_set returns `code`, so `return error_set(err, UV_EINVAL, ...)` works. */
int error_set(struct error *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* "new words: old text". Returns the code that was there. */
int error_wrap(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
