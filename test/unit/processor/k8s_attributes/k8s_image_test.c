/* SPDX-License-Identifier: Apache-2.0 */
/* References of images: what is one, what its parts are, and its whole name. */
#include "processor/k8s_attributes/k8s_image.h"

#include "base/mem.h"
#include "codec/regex.h"

#include <check.h>
#include <stdlib.h>

#define HEX32 "0123456789abcdef0123456789abcdef"
#define SHA "sha256:" HEX32 HEX32

static const struct {
    const char *text, *name, *tag, *digest; /* name NULL: it is none */
} images[] = {
    { "nginx", "nginx", "", "" },
    { "nginx:1.27", "nginx", "1.27", "" },
    { "host:5000/a/b:t", "host:5000/a/b", "t", "" },
    { "host:5000/a", "host:5000/a", "", "" },
    { "UPPER.host/a:T_1.x-", "UPPER.host/a", "T_1.x-", "" },
    { "[::1]:80/a", "[::1]:80/a", "", "" },
    { "a/b@" SHA, "a/b", "", SHA },
    { "a/b:t@" SHA, "a/b", "t", SHA },
    { "a__b/c---d.e", "a__b/c---d.e", "", "" },
    { "", NULL, NULL, NULL },
    { "Upper", NULL, NULL, NULL },
    { "a/Upper", NULL, NULL, NULL },
    { "a:", NULL, NULL, NULL },
    { "a:-t", NULL, NULL, NULL },
    { "a//b", NULL, NULL, NULL },
    { "a_", NULL, NULL, NULL },
    { "a@sha256:" HEX32, NULL, NULL, NULL }, /* too short */
    { "a@md5:" HEX32, NULL, NULL, NULL },    /* unknown */
    { "a@sha256:" HEX32 "0123456789ABCDEF0123456789ABCDEF", NULL, NULL, NULL },
    { "docker-pullable://a@" SHA, NULL, NULL, NULL },
};

static struct regex *pattern;

static void set_up(void)
{
    pattern = k8s_image_pattern();
}

static void tear_down(void)
{
    regex_free(pattern);
}

START_TEST(a_reference_has_a_name_and_may_have_a_tag_and_a_digest)
{
    struct k8s_image i;
    bool good = k8s_image_read(pattern, bytes_str(images[_i].text), &i);

    ck_assert_msg(good == (images[_i].name != NULL), "%s", images[_i].text);
    if (!good)
        return;
    ck_assert_msg(bytes_is(i.name, images[_i].name), "%.*s", (int)i.name.len, (const char *)i.name.data);
    ck_assert(bytes_is(i.tag, images[_i].tag));
    ck_assert(bytes_is(i.digest, images[_i].digest));
}
END_TEST

START_TEST(a_path_has_a_limit)
{
    struct k8s_image i;
    char text[300];

    memset(text, 'a', sizeof(text));
    ck_assert(k8s_image_read(pattern, bytes_of(text, 255), &i));
    ck_assert(!k8s_image_read(pattern, bytes_of(text, 256), &i));
    memcpy(text, "host.x/", 7);
    ck_assert(k8s_image_read(pattern, bytes_of(text, 7 + 255), &i));
    ck_assert(!k8s_image_read(pattern, bytes_of(text, 7 + 256), &i));
}
END_TEST

static const struct {
    const char *text, *whole; /* NULL: it has none */
} names[] = {
    { "nginx@" SHA, "docker.io/library/nginx@" SHA },
    { "me/nginx@" SHA, "docker.io/me/nginx@" SHA },
    { "docker.io/nginx@" SHA, "docker.io/library/nginx@" SHA },
    { "index.docker.io/nginx@" SHA, "docker.io/library/nginx@" SHA },
    { "host:5000/nginx:t@" SHA, "host:5000/nginx:t@" SHA },
    { "localhost/a@" SHA, "localhost/a@" SHA },
    { "Host/a@" SHA, "Host/a@" SHA },
    { "nginx", NULL },
    { "nginx:1", NULL },
    { SHA, NULL },
    { HEX32 HEX32, NULL },
    { "docker-pullable://a@" SHA, NULL },
    { "docker.io/", NULL },
    { "/", NULL },
    { "", NULL },
};

START_TEST(a_digest_is_told_with_the_whole_name)
{
    struct buf out = { 0 };
    bool good;

    buf_puts(&out, "x");
    good = k8s_image_put_canonical(pattern, bytes_str(names[_i].text), &out);
    ck_assert_msg(good == (names[_i].whole != NULL), "%s", names[_i].text);
    ck_assert_str_eq(buf_cstr(&out) + 1, good ? names[_i].whole : "");
    buf_free(&out);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("k8s_image");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, a_reference_has_a_name_and_may_have_a_tag_and_a_digest, 0, (int)ARRAY_LEN(images));
    tcase_add_test(tc, a_path_has_a_limit);
    tcase_add_loop_test(tc, a_digest_is_told_with_the_whole_name, 0, (int)ARRAY_LEN(names));
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
