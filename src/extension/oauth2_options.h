/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of an oauth2client extension. */
#ifndef EXTENSION_OAUTH2_OPTIONS_H
#define EXTENSION_OAUTH2_OPTIONS_H

#include "oauth2/oauth2.h"

extern const struct option oauth2_options[];
void oauth2_options_check(const void *config, struct check *ck); /* `config`: a struct oauth2_config */

#endif
