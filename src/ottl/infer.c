/* SPDX-License-Identifier: Apache-2.0 */
/* The context of texts that name none is the deepest that their paths begin with; words suffice to see it, so nothing
 * is parsed. When a function that they call does not work there, it is the deepest of those above where all of them do.
 */
#include "ottl/ottl_inside.h"

/* The deepest first. */
static const enum ottl_context depths[] = { OTTL_LOG,  OTTL_EXEMPLAR, OTTL_DATAPOINT, OTTL_METRIC,   OTTL_SPANEVENT,
                                            OTTL_SPAN, OTTL_PROFILE,  OTTL_SCOPE,     OTTL_RESOURCE, OTTL_OTELCOL };

static unsigned depth_of(enum ottl_context context)
{
    unsigned i = 0;

    while (depths[i] != context)
        i++;
    return i;
}

struct inference {
    enum ottl_context deepest; /* OTTL_CONTEXTS: no path yet */
    unsigned served;           /* contexts that all functions work in */
};

static void note_token(struct inference *f, const struct token *t, bool after_dot)
{
    enum ottl_context named;

    if (t->kind != TOKEN_WORD)
        return;
    if (token_is(t + 1, '(')) {
        bool editor = t->text.data[0] >= 'a';
        const struct ottl_function *function = ottl_function_find(t->text, editor);

        if (function != NULL && function->contexts != OTTL_EVERYWHERE)
            f->served &= function->contexts;
    } else if (token_is(t + 1, '.') && !after_dot) {
        named = ottl_context_find(t->text);
        if (named != OTTL_CONTEXTS && (f->deepest == OTTL_CONTEXTS || depth_of(named) < depth_of(f->deepest)))
            f->deepest = named;
    }
}

static void note_text(struct inference *f, const char *text)
{
    struct arena arena = { 0 };
    struct ottl_fault ignored;
    const struct token *tokens = ottl_lex(&arena, bytes_str(text), &ignored);

    for (const struct token *t = tokens; t != NULL && t->kind != TOKEN_END; t++)
        note_token(f, t, t != tokens && token_is(t - 1, '.'));
    arena_free(&arena);
}

/* The deepest of those that `context` sees where the functions work; or `context` itself, whose fault will be told. */
static enum ottl_context fit_context(const struct inference *f)
{
    if ((f->served >> f->deepest & 1) != 0)
        return f->deepest;
    for (unsigned i = 0; i < sizeof(depths) / sizeof(*depths); i++)
        if (context_sees(f->deepest, depths[i]) && (f->served >> depths[i] & 1) != 0)
            return depths[i];
    return f->deepest;
}

enum ottl_context ottl_infer(const char *const *texts, size_t n, unsigned allowed, struct ottl_fault *fault)
{
    struct inference f = { .deepest = OTTL_CONTEXTS, .served = ~0u };
    enum ottl_context context;
    char names[160];

    for (size_t i = 0; i < n; i++)
        if (strlen(texts[i]) <= OTTL_MAX_TEXT)
            note_text(&f, texts[i]);
    ottl_context_list(allowed, names, sizeof(names));
    if (f.deepest == OTTL_CONTEXTS) {
        ottl_fault_set(fault, 0, "no path says which context this is about: begin one with its name and a dot: %s",
                       names);
        return OTTL_CONTEXTS;
    }
    context = fit_context(&f);
    if ((allowed >> context & 1) != 0)
        return context;
    ottl_fault_set(fault, 0, "the context %s is none of this signal's, which are %s", ottl_context_names[context],
                   names);
    return OTTL_CONTEXTS;
}
