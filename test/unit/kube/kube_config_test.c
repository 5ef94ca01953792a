/* SPDX-License-Identifier: Apache-2.0 */
/* Files of kubectl: the context that counts, what stands in the file and beside it, and what is refused. */
#include "kube/kube_config.h"

#include "base/mem.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct kube_config c;
static struct error err;

static void teardown(void)
{
    kube_config_free(&c);
}

#define HEAD "current-context: two\ncontexts: [{name: one, context: {cluster: x, user: x}}, " CONTEXT "]\n"
#define CONTEXT "{name: two, context: {cluster: c, user: u, namespace: shop}}"
#define CLUSTERS "clusters: [{name: x, cluster: {server: 'http://x'}}, {name: c, cluster: {server: 'https://k:6443/p', "
#define USERS "}}]\nusers: [{name: x, user: {token: x}}, {name: u, user: {"
#define FILE_OF(cluster, user) HEAD CLUSTERS cluster USERS user "}}]\n"

static int parse(const char *text)
{
    kube_config_free(&c);
    return kube_config_parse(&c, bytes_str(text), "/home/me/.kube/config", "", &err);
}

START_TEST(the_current_context_says_where_and_who)
{
    ck_assert_int_eq(parse(FILE_OF("tls-server-name: name, proxy-url: 'socks5://p:1'", "token: t")), 0);
    ck_assert_str_eq(c.server, "https://k:6443/p");
    ck_assert_str_eq(c.tls.server_name_override, "name");
    ck_assert_str_eq(c.proxy_url, "socks5://p:1");
    ck_assert_str_eq(c.token.text, "t");
}
END_TEST

START_TEST(another_context_may_be_asked_for)
{
    ck_assert_int_eq(kube_config_parse(&c, bytes_str(FILE_OF("", "token: t")), "/home/me/.kube/config", "one", &err),
                     0);
    ck_assert_str_eq(c.server, "http://x");
    ck_assert_str_eq(c.token.text, "x");
}
END_TEST

START_TEST(it_is_where_kubectl_has_it)
{
    char *path;

    setenv("KUBECONFIG", "/etc/k", 1);
    setenv("HOME", "/home/me", 1);
    path = kube_config_path(&err);
    ck_assert_str_eq(path, "/etc/k");
    free(path);
    setenv("KUBECONFIG", "/etc/k:/etc/l", 1);
    ck_assert_ptr_null(kube_config_path(&err));
    ck_assert_ptr_nonnull(strstr(err.text, "names several files: name one"));
    unsetenv("KUBECONFIG");
    path = kube_config_path(&err);
    ck_assert_str_eq(path, "/home/me/.kube/config");
    free(path);
    unsetenv("HOME");
    ck_assert_ptr_null(kube_config_path(&err));
}
END_TEST

START_TEST(what_is_in_the_file_goes_before_what_is_beside_it)
{
    ck_assert_int_eq(parse(FILE_OF("certificate-authority-data: YWJj, certificate-authority: /no",
                                   "tokenFile: a/t, "
                                   "token: x, client-certificate: /c.pem, client-key: k.pem")),
                     0);
    ck_assert_str_eq(c.tls.ca_pem.text, "abc");
    ck_assert_str_eq(c.tls.ca_file, "");
    ck_assert_str_eq(c.token_file, "/home/me/.kube/a/t");
    ck_assert_str_eq(c.token.text, "");
    ck_assert_str_eq(c.tls.cert_file, "/c.pem");
    ck_assert_str_eq(c.tls.key_file, "/home/me/.kube/k.pem");
}
END_TEST

START_TEST(who_needs_no_user_has_none)
{
    ck_assert_int_eq(parse("current-context: a\ncontexts: [{name: a, context: {cluster: b}}]\n"
                           "clusters: [{name: b, cluster: {server: 'http://k', insecure-skip-tls-verify: true}}]\n"),
                     0);
    ck_assert_str_eq(c.token.text, "");
    ck_assert(c.tls.insecure_skip_verify);
}
END_TEST

static const struct {
    const char *text, *why;
} faults[] = {
    { "", "no file of kubectl" },
    { "[1, 2]", "no file of kubectl" },
    { "a: [", "/home/me/.kube/config:" },
    { "contexts: []", "current-context is not set" },
    { "current-context: a", "contexts has no \"a\"" },
    { "current-context: a\ncontexts: [{name: a}]", "contexts \"a\" has no map \"context\"" },
    { "current-context: a\ncontexts: [{name: a, context: {cluster: b}}]\nclusters: [1, {name: c}]",
      "clusters has no \"b\"" },
    { HEAD CLUSTERS "server: x" USERS "}}]", "/home/me/.kube/config:" },
    { FILE_OF("certificate-authority-data: '?'", ""), ":3: certificate-authority-data is no base64" },
    { FILE_OF("certificate-authority-data: '='", ""), "certificate-authority-data is no base64" },
    { FILE_OF("certificate-authority-data: AAAA", ""), "certificate-authority-data is no base64 of a text" },
    { FILE_OF("certificate-authority: x, insecure-skip-tls-verify: true", ""), "remove one of them" },
    { FILE_OF("proxy-url: 'socks4://x'", ""), "proxy-url: a proxy's URL begins with http://, https:// or socks5://" },
    { FILE_OF("", "exec: {command: aws}"), "exec: programs that give credentials are not run: write a token" },
    { FILE_OF("", "auth-provider: {name: gcp}"), "auth-provider: it is not served" },
    { FILE_OF("", "as: admin"), "as: nobody else is acted for" },
    { FILE_OF("", "client-key: x"), "client-certificate and client-key belong together" },
    { FILE_OF("", "token: \"a\\nb\""), "a character that no header may have" },
};

START_TEST(what_cannot_be_served_is_refused_by_name)
{
    ck_assert_int_ne(parse(faults[_i].text), 0);
    ck_assert_msg(strstr(err.text, faults[_i].why) != NULL, "%s\n%s", err.text, faults[_i].text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("kube_config");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, NULL, teardown);
    tcase_add_test(tc, the_current_context_says_where_and_who);
    tcase_add_test(tc, another_context_may_be_asked_for);
    tcase_add_test(tc, it_is_where_kubectl_has_it);
    tcase_add_test(tc, what_is_in_the_file_goes_before_what_is_beside_it);
    tcase_add_test(tc, who_needs_no_user_has_none);
    tcase_add_loop_test(tc, what_cannot_be_served_is_refused_by_name, 0, (int)ARRAY_LEN(faults));
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
