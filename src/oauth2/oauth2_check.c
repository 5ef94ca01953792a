/* SPDX-License-Identifier: Apache-2.0 */
/* What the rows of an assertion cannot say: a grant goes with what it needs, and with nothing else. */
#include "oauth2/oauth2.h"

static bool is_set(struct secret s)
{
    return s.text != NULL && s.text[0] != '\0';
}

/* A key that nobody would look at. NULL: there is none. */
static const char *idle_key(const struct assertion_config *a)
{
    if (is_set(a->client_certificate_key))
        return "client_certificate_key";
    if (a->client_certificate_key_file[0] != '\0')
        return "client_certificate_key_file";
    if (a->client_certificate_key_id[0] != '\0')
        return "client_certificate_key_id";
    if (a->iss[0] != '\0')
        return "iss";
    if (a->audience[0] != '\0')
        return "audience";
    return a->claims != NULL ? "claims" : NULL;
}

void assertion_check(const struct assertion_config *a, bool is_signed, bool has_secret, const struct check_path *at)
{
    const char *idle = is_signed ? NULL : idle_key(a);
    bool text = is_set(a->client_certificate_key), file = a->client_certificate_key_file[0] != '\0';

    if (idle != NULL)
        check_path_fail(at, idle, "it is of another grant: write grant_type: " OAUTH2_JWT_GRANT ", or remove it");
    if (!is_signed)
        return;
    if (text == file)
        check_path_fail(
            at, "client_certificate_key",
            "%s: the assertion is signed with a key: write client_certificate_key or client_certificate_key_file",
            text ? "there are two" : "it is missing");
    if (has_secret)
        check_path_fail(at, "client_secret",
                        "it is of another grant: remove it, or write grant_type: client_credentials");
    if (a->claims != NULL && a->claims->kind != YAML_MAP)
        check_path_fail(at, "claims", "it is %s: write a map, from names to values", yaml_type_name(a->claims));
}
