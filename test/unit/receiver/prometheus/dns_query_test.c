/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as servers of the DNS send them, and one such server on a thread. */
#include "receiver/prometheus/dns_query.h"

#include <arpa/inet.h>
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* A header, one question and its answers; names as they are on the wire. */
#define HEADER(n) "\0\1\x81\x80\0\1\0" n "\0\0\0\0"
#define QUESTION(type) "\4_web\1x\0\0" type "\0\1"
#define RECORD(type, len) "\xc0\x0c\0" type "\0\1\0\0\0\x1e\0" len

#define MESSAGE(text)                                                                                                  \
    {                                                                                                                  \
        (const uint8_t *)(text), sizeof(text) - 1                                                                      \
    }

static const struct {
    enum dns_type type;
    struct bytes message;
    const char *found;
} messages[] = {
    { DNS_A, MESSAGE(HEADER("\2") QUESTION("\1") RECORD("\1", "\4") "\x7f\0\0\1" RECORD("\1", "\4") "\x0a\1\2\3"),
      "127.0.0.1:0 10.1.2.3:0 " },
    { DNS_AAAA, MESSAGE(HEADER("\1") QUESTION("\x1c") RECORD("\x1c", "\x10") "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"),
      "2001:db8::1:0 " },
    { DNS_SRV,
      MESSAGE(HEADER("\1") QUESTION("\x21") RECORD("\x21", "\x0c") "\0\1\0\2\x23\x8c\1a\1x\0"
                                                                   "\0"),
      NULL },
    { DNS_SRV, MESSAGE(HEADER("\1") QUESTION("\x21") RECORD("\x21", "\x0b") "\0\1\0\2\x23\x8c\1a\1x\0"), "a.x.:9100 " },
    { DNS_SRV, MESSAGE(HEADER("\1") QUESTION("\x21") RECORD("\x21", "\x0a") "\0\1\0\2\x23\x8c\1a\xc0\x11"),
      "a.x.:9100 " },
    { DNS_A, MESSAGE(HEADER("\2") QUESTION("\1") RECORD("\5", "\2") "\xc0\x0c" RECORD("\1", "\4") "\x7f\0\0\1"),
      "127.0.0.1:0 " }, /* an alias stands in front */
    { DNS_A, MESSAGE(HEADER("\0") QUESTION("\1")), "" },
    { DNS_A, MESSAGE(HEADER("\1") QUESTION("\1")), NULL },
    { DNS_A, MESSAGE(HEADER("\1") QUESTION("\1") RECORD("\1", "\3") "\x7f\0\0"), NULL },
    { DNS_A, MESSAGE(HEADER("\1") QUESTION("\1") RECORD("\1", "\4") "\x7f\0"), NULL },
    { DNS_SRV, MESSAGE(HEADER("\1") QUESTION("\x21") RECORD("\x21", "\x08") "\0\1\0\2\x23\x8c\xc0\x2a"),
      NULL }, /* to itself */
    { DNS_SRV, MESSAGE(HEADER("\1") QUESTION("\x21") RECORD("\x21", "\x0a") "\0\1\0\2\x23\x8c\2\n;\0"), NULL },
    { DNS_MX, MESSAGE(HEADER("\1") QUESTION("\x0f") RECORD("\x0f", "\x07") "\0\x0a\1m\xc0\x11\0"), NULL },
    { DNS_MX, MESSAGE(HEADER("\1") QUESTION("\x0f") RECORD("\x0f", "\x06") "\0\x0a\1m\xc0\x11"), "m.x.:0 " },
    { DNS_MX, MESSAGE(HEADER("\1") QUESTION("\x0f") RECORD("\x0f", "\x02") "\0\x0a"), NULL },
    { DNS_NS, MESSAGE(HEADER("\1") QUESTION("\2") RECORD("\2", "\4") "\1n\xc0\x11"), "n.x.:0 " },
    { DNS_NS, MESSAGE(HEADER("\1") QUESTION("\2") RECORD("\2", "\0")), NULL },
    { DNS_A, MESSAGE("\0\1\x81\x80\0\1"), NULL },
};

static void put_records(struct buf *out, const struct dns_records *r)
{
    for (size_t i = 0; i < r->list.n; i++)
        buf_printf(out, "%s:%u ", r->list.v[i].host, r->list.v[i].port);
}

START_TEST(records_of_the_type_are_read_and_broken_messages_are_refused)
{
    /* Exactly as many bytes as there are, so that a reader who goes on is seen. */
    size_t len = messages[_i].message.len;
    uint8_t *copy = mem_alloc(len);
    struct dns_records found = { 0 };
    struct buf text = { 0 };
    bool good;

    memcpy(copy, messages[_i].message.data, len);
    good = dns_answer_read(bytes_of(copy, len), messages[_i].type, &found);
    ck_assert_int_eq(good, messages[_i].found != NULL);
    put_records(&text, &found);
    ck_assert_str_eq(buf_cstr(&text), good ? messages[_i].found : "");
    buf_free(&text);
    vec_free(&found.list);
    free(copy);
}
END_TEST

/* ---- asking ---- */

struct server {
    int fd;
    struct sockaddr_in address;
    uint8_t code; /* of its answers: 0, or 3: there is no such name */
    pthread_t thread;
};

/* The question that came, with one address behind it where there is no error. */
static void *serve(void *arg)
{
    static const uint8_t record[] = { 0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 127, 0, 0, 9 };
    struct server *s = arg;
    uint8_t m[512];

    for (;;) {
        struct sockaddr_in from;
        socklen_t len = sizeof(from);
        ssize_t n = recvfrom(s->fd, m, sizeof(m) - sizeof(record), 0, (struct sockaddr *)&from, &len);

        if (n < 13)
            return NULL;
        n = 12;
        while (m[n] != 0)
            n += m[n] + 1;
        n += 5;
        m[2] = 0x81;
        m[3] = (uint8_t)(0x80 | s->code);
        m[7] = s->code == 0;
        m[9] = m[11] = 0;
        if (s->code == 0) {
            memcpy(m + n, record, sizeof(record));
            n += (ssize_t)sizeof(record);
        }
        sendto(s->fd, m, (size_t)n, 0, (struct sockaddr *)&from, len);
    }
}

static void start_server(struct server *s, uint8_t code)
{
    socklen_t len = sizeof(s->address);

    *s = (struct server){ .fd = socket(AF_INET, SOCK_DGRAM, 0), .code = code };
    s->address.sin_family = AF_INET;
    s->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&s->address, sizeof(s->address)), 0);
    ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&s->address, &len), 0);
    ck_assert_int_eq(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop_server(struct server *s)
{
    struct sockaddr_in to = s->address;

    sendto(s->fd, "end", 3, 0, (struct sockaddr *)&to, sizeof(to));
    pthread_join(s->thread, NULL);
    close(s->fd);
}

static const struct {
    uint8_t code;
    const char *found; /* NULL: an error */
} answers[] = { { 0, "127.0.0.9:0 " }, { 3, "" }, { 2, NULL } };

START_TEST(a_name_is_no_longer_than_names_can_be)
{
    for (size_t n = 3; n <= 4; n++) {
        uint8_t message[12 + 4 * 64 + 5] = { [5] = 1 };
        struct dns_records found = { 0 };

        for (size_t i = 0; i < n; i++)
            memset(message + 12 + i * 64, i + 1 < n ? 63 : 62, 64);
        message[12 + n * 64 - 1] = 0;
        ck_assert_int_eq(dns_answer_read(bytes_of(message, 12 + n * 64 + 4), DNS_A, &found), n == 3);
    }
}
END_TEST

START_TEST(a_server_is_asked)
{
    struct dns_records found = { 0 };
    struct error err = { 0 };
    struct buf text = { 0 };
    struct server s;
    int rc;

    start_server(&s, answers[_i].code);
    rc = dns_query("metrics.example.", DNS_A, &s.address, &found, &err);
    stop_server(&s);
    ck_assert_msg((rc == 0) == (answers[_i].found != NULL), "%d %s", rc, err.text);
    ck_assert_int_eq(rc, err.code);
    put_records(&text, &found);
    ck_assert_str_eq(buf_cstr(&text), rc == 0 ? answers[_i].found : "");
    buf_free(&text);
    vec_free(&found.list);
}
END_TEST

#define N(table) (sizeof(table) / sizeof(*(table)))

int main(void)
{
    Suite *s = suite_create("dns_query");
    TCase *tc = tcase_create("dns_query");
    SRunner *sr;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, records_of_the_type_are_read_and_broken_messages_are_refused, 0, N(messages));
    tcase_add_test(tc, a_name_is_no_longer_than_names_can_be);
    tcase_add_loop_test(tc, a_server_is_asked, 0, N(answers));
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
