/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of OTTL, a table for each family; each ends with a row without a name. */
#ifndef OTTL_FUNCTION_TABLES_H
#define OTTL_FUNCTION_TABLES_H

#include "ottl/function.h"

extern const struct ottl_function ottl_functions_types[];
extern const struct ottl_function ottl_functions_lists[];
extern const struct ottl_function ottl_functions_strings[];
extern const struct ottl_function ottl_functions_format[];
extern const struct ottl_function ottl_functions_hash[];
extern const struct ottl_function ottl_functions_encoding[];
extern const struct ottl_function ottl_functions_pairs[];
extern const struct ottl_function ottl_functions_parse[];
extern const struct ottl_function ottl_functions_patterns[];
extern const struct ottl_function ottl_functions_severity[];
extern const struct ottl_function ottl_functions_url[];
extern const struct ottl_function ottl_functions_log_formats[];
extern const struct ottl_function ottl_functions_elf[];
extern const struct ottl_function ottl_functions_metrics[];
extern const struct ottl_function ottl_functions_grok[];
extern const struct ottl_function ottl_functions_scale[];
extern const struct ottl_function ottl_functions_aggregate[];
extern const struct ottl_function ottl_functions_xml[];
extern const struct ottl_function ottl_functions_xpath[];
extern const struct ottl_function ottl_functions_percentile[];
extern const struct ottl_function ottl_functions_histograms[];
extern const struct ottl_function ottl_functions_semconv[];
extern const struct ottl_function ottl_functions_lambdas[];
extern const struct ottl_function ottl_functions_user_agent[];
extern const struct ottl_function ottl_functions_time[];
extern const struct ottl_function ottl_functions_network[];
extern const struct ottl_function ottl_functions_editors[];
extern const struct ottl_function ottl_functions_keys[];
extern const struct ottl_function ottl_functions_replace[];

#endif
