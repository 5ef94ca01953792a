/* SPDX-License-Identifier: Apache-2.0 */
/* The list of the tables that functions stand in. A name is looked up once for each call that a statement writes, so a
 * walk does. */
#include "ottl/function.h"

#include "ottl/function/tables.h"

static const struct ottl_function *const tables[] = {
    ottl_functions_editors,    ottl_functions_keys,       ottl_functions_replace, ottl_functions_types,
    ottl_functions_lists,      ottl_functions_strings,    ottl_functions_format,  ottl_functions_hash,
    ottl_functions_encoding,   ottl_functions_parse,      ottl_functions_pairs,   ottl_functions_patterns,
    ottl_functions_grok,       ottl_functions_severity,   ottl_functions_url,     ottl_functions_log_formats,
    ottl_functions_elf,        ottl_functions_time,       ottl_functions_network, ottl_functions_metrics,
    ottl_functions_scale,      ottl_functions_aggregate,  ottl_functions_xml,     ottl_functions_xpath,
    ottl_functions_percentile, ottl_functions_histograms, ottl_functions_semconv, ottl_functions_lambdas,
    ottl_functions_user_agent,
};

const struct ottl_function *ottl_function_table(size_t i)
{
    return i < sizeof(tables) / sizeof(*tables) ? tables[i] : NULL;
}

const struct ottl_function *ottl_function_find(struct bytes name, bool editor)
{
    const struct ottl_function *table;

    for (size_t i = 0; (table = ottl_function_table(i)) != NULL; i++)
        for (const struct ottl_function *f = table; f->name != NULL; f++)
            if (f->editor == editor && bytes_is(name, f->name))
                return f;
    return NULL;
}

unsigned ottl_function_arguments(const struct ottl_function *f)
{
    unsigned n = 0;

    while (f->args[n].name != NULL)
        n++;
    return n;
}
