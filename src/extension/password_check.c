/* SPDX-License-Identifier: Apache-2.0 */
/* Who may come in by name and password.
 *
 * A password that is stored as it is, or by a hash that costs nothing, is compared at once. Others take a tenth of a
 * second of a processor, on purpose: the comparison is a job, and the question is answered when it is done. Who has
 * been let in is remembered, by a keyed hash of name, password and what is stored for it: so the next request costs
 * nothing, and a password that has changed in the file is a stranger's at once. What does not match is never
 * remembered: a guess costs what it should.
 *
 * What can go wrong: many ask at once. Those that say the same wait for one comparison; few comparisons run at a time,
 * so that the pool has room for others; few wait, and few of those for one address, so that who guesses keeps nobody
 * else out; beyond that the answer is to come again. The users change while a comparison runs: its questions are asked
 * anew. Somebody who is not there is compared with a stored hash all the same, so that the time does not tell. */
#include "extension/basicauth.h"

#include "base/mem.h"
#include "codec/base64.h"

#include <assert.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define RUNNING_MAX 2u       /* of the pool's threads */
#define WAITING_MAX 64u      /* comparisons */
#define WAITING_PER_PEER 8u  /* of those */
#define QUESTIONS_MAX 1024u  /* that wait, all together */
#define CREDENTIAL_MAX 1024u /* bytes of user:password in base64 */

struct password_check {
    struct job job;
    struct list link; /* in running or waiting */
    struct password_checker *checker;
    struct list questions;
    uint8_t digest[32];
    uint8_t peer[16]; /* who asked first */
    enum htpasswd_kind kind;
    char *hash; /* a copy: the users may change */
    size_t len; /* of the password */
    char password[HTPASSWD_PASSWORD];
    bool decoy; /* nobody is there of that name: it is compared for the time that it takes */
    bool matches;
};

/* What a request says. */
struct credential {
    struct bytes name, password, raw;
    uint8_t text[CREDENTIAL_MAX];
};

static const char *const result_names[] = {
    [PASSWORD_MATCHED] = "matched",
    [PASSWORD_REMEMBERED] = "remembered",
    [PASSWORD_WRONG] = "wrong",
    [PASSWORD_BUSY] = "busy",
};

static const struct metric_row results_row = METRIC_ROW_AT(
    LEVEL_NORMAL, "otelcd_basicauth_questions", METRIC_COUNTER, "{requests}",
    "Requests whose password was asked about, by what became of it. Result remembered: it was let in before; "
    "busy: too many waited for theirs to be compared.");

const struct metric_row *const password_metric_rows[] = { &results_row, NULL };

static enum gate_verdict count_result(struct password_checker *c, enum password_result result, enum gate_verdict v)
{
    metric_add(c->results[result], 1);
    return v;
}

/* ---- what is said ---- */

static bool decode_credential(struct credential *c, struct bytes encoded)
{
    struct buf decoded = { 0 };
    const uint8_t *colon = NULL;

    if (encoded.len <= CREDENTIAL_MAX && base64_decode(encoded, &decoded) && decoded.len > 0) {
        memcpy(c->text, decoded.data, decoded.len);
        colon = memchr(c->text, ':', decoded.len);
    }
    if (colon != NULL) {
        c->name = bytes_of(c->text, (size_t)(colon - c->text));
        c->password = bytes_of(colon + 1, decoded.len - c->name.len - 1);
        c->raw = encoded;
    }
    if (decoded.data != NULL)
        explicit_bzero(decoded.data, decoded.cap);
    buf_free(&decoded);
    return colon != NULL;
}

/* False, and q->why says why. */
static bool read_credential(struct gate_question *q, struct credential *c)
{
    static const struct bytes scheme = BYTES_LIT("Basic ");
    struct bytes header = gate_credential(q, "authorization");

    q->challenge = "Basic realm=\"otelcd\", charset=\"UTF-8\"";
    q->why = NULL;
    if (header.len == 0)
        q->why = "no basic auth provided";
    else if (header.len < scheme.len || !bytes_equal_nocase(bytes_of(header.data, scheme.len), scheme))
        q->why = "invalid authorization scheme prefix";
    else if (!decode_credential(c, bytes_skip(header, scheme.len)))
        q->why = "invalid authorization format";
    else if (c->name.len >= GATE_NAME || c->password.len > HTPASSWD_PASSWORD)
        q->why = "invalid credentials";
    return q->why == NULL;
}

/* Who it is, for whoever reads auth.username and auth.raw. */
static void set_attributes(struct gate_question *q, const struct credential *c)
{
    memcpy(q->name, c->name.data, c->name.len);
    q->attributes[0] = (struct http_header){ BYTES_LIT("username"), bytes_of(q->name, c->name.len) };
    q->attributes[1] = (struct http_header){ BYTES_LIT("raw"), c->raw };
    q->n_attributes = 2;
}

/* ---- what is remembered ---- */

static void make_digest(const struct password_checker *c, const char *hash, const struct credential *cred,
                        uint8_t digest[32])
{
    struct hmac_sha256_ctx hmac;

    hmac_sha256_set_key(&hmac, sizeof(c->key), c->key);
    hmac_sha256_update(&hmac, strlen(hash) + 1, (const uint8_t *)hash);
    hmac_sha256_update(&hmac, cred->name.len, cred->name.data);
    hmac_sha256_update(&hmac, 1, (const uint8_t *)":");
    hmac_sha256_update(&hmac, cred->password.len, cred->password.data);
    hmac_sha256_digest(&hmac, 32, digest);
}

static struct remembered *set_of(struct password_checker *c, const uint8_t digest[32])
{
    return c->remembered[digest[0] % REMEMBERED_SETS];
}

static bool is_remembered(struct password_checker *c, const uint8_t digest[32])
{
    struct remembered *set = set_of(c, digest);

    for (size_t i = 0; i < REMEMBERED_WAYS; i++)
        if (set[i].used > 0 && memeql_sec(set[i].digest, digest, sizeof(set[i].digest))) {
            set[i].used = ++c->uses;
            return true;
        }
    return false;
}

/* In place of the one of its set that was used least lately. */
static void remember_digest(struct password_checker *c, const uint8_t digest[32])
{
    struct remembered *oldest = set_of(c, digest);

    for (size_t i = 1; i < REMEMBERED_WAYS; i++)
        if (set_of(c, digest)[i].used < oldest->used)
            oldest = &set_of(c, digest)[i];
    memcpy(oldest->digest, digest, sizeof(oldest->digest));
    oldest->used = ++c->uses;
}

/* ---- comparing beside the loop ---- */

static enum gate_verdict ask_checker(struct password_checker *c, struct gate_question *q);

static void compare_password(struct job *job)
{
    struct password_check *k = container_of(job, struct password_check, job);

    k->matches = htpasswd_matches(k->kind, k->hash, bytes_of(k->password, k->len));
}

static void free_check(struct password_check *k)
{
    explicit_bzero(k->password, sizeof(k->password));
    explicit_bzero(k->hash, strlen(k->hash));
    free(k->hash);
    free(k);
}

static void drop_check(struct job *job)
{
    free_check(container_of(job, struct password_check, job));
}

static void run_waiting(struct password_checker *c);

/* What was compared may not be what is stored any more. */
static bool is_current(const struct password_checker *c, const struct password_check *k)
{
    for (size_t i = 0; i < c->users.users.n; i++)
        if (strcmp(c->users.users.v[i].hash, k->hash) == 0)
            return true;
    return false;
}

static void answer_questions(struct password_checker *c, struct password_check *k)
{
    bool wrong = k->decoy || (!k->matches && is_current(c, k));
    struct list questions;

    list_init(&questions);
    list_move(&questions, &k->questions);
    c->compared = true;
    while (!list_empty(&questions)) {
        struct gate_question *q = list_first(&questions, struct gate_question, link);
        enum gate_verdict v = GATE_DENIED;

        list_remove(&q->link);
        c->n_questions--;
        q->why = "invalid credentials";
        if (wrong)
            count_result(c, PASSWORD_WRONG, v);
        else
            v = ask_checker(c, q); /* which remembers it now, or compares with what is stored now */
        if (v != GATE_LATER)
            q->answered(q, v);
    }
    c->compared = false;
}

static void on_compared(struct job *job)
{
    struct password_check *k = container_of(job, struct password_check, job);
    struct password_checker *c = k->checker;

    list_remove(&k->link);
    c->n_running--;
    if (k->matches && !k->decoy)
        remember_digest(c, k->digest);
    answer_questions(c, k);
    free_check(k);
    run_waiting(c);
}

static void run_waiting(struct password_checker *c)
{
    while (c->n_running < RUNNING_MAX && !list_empty(&c->waiting)) {
        struct password_check *k = list_first(&c->waiting, struct password_check, link);

        list_remove(&k->link);
        c->n_waiting--;
        list_push(&c->running, &k->link);
        c->n_running++;
        job_start(c->loop, JOB_CPU, &k->job);
    }
}

static struct password_check *find_check(struct list *checks, const uint8_t digest[32])
{
    list_each (struct password_check, k, checks, link)
        if (memcmp(k->digest, digest, sizeof(k->digest)) == 0)
            return k;
    return NULL;
}

static bool peer_has_room(struct password_checker *c, const uint8_t peer[16])
{
    size_t n = 0;

    list_each (struct password_check, k, &c->waiting, link)
        n += memcmp(k->peer, peer, sizeof(k->peer)) == 0;
    return n < WAITING_PER_PEER;
}

static struct password_check *new_check(struct password_checker *c, const struct htpasswd_user *stored,
                                        const struct credential *cred, const uint8_t digest[32], const uint8_t peer[16])
{
    struct password_check *k = mem_zalloc(sizeof(*k));

    k->checker = c;
    k->job = (struct job){ .work = compare_password, .done = on_compared, .drop = drop_check };
    list_init(&k->questions);
    memcpy(k->digest, digest, sizeof(k->digest));
    memcpy(k->peer, peer, sizeof(k->peer));
    k->kind = stored->kind;
    k->hash = mem_strdup(stored->hash);
    k->len = cred->password.len;
    memcpy(k->password, cred->password.data, k->len);
    list_push(&c->waiting, &k->link);
    c->n_waiting++;
    return k;
}

/* Of the same, or a new one; NULL: there is no room. */
static struct password_check *find_or_make_check(struct password_checker *c, const struct gate_question *q,
                                                 const struct htpasswd_user *stored, const struct credential *cred,
                                                 const uint8_t digest[32])
{
    const uint8_t *peer = http_request_network(q->req);
    struct password_check *k = find_check(&c->running, digest);

    if (k == NULL)
        k = find_check(&c->waiting, digest);
    if (c->n_questions == QUESTIONS_MAX)
        return NULL;
    if (k == NULL && c->n_waiting < WAITING_MAX && peer_has_room(c, peer))
        k = new_check(c, stored, cred, digest, peer);
    return k;
}

/* ---- asking ---- */

static enum gate_verdict ask_stored(struct password_checker *c, struct gate_question *q, const struct credential *cred)
{
    const struct htpasswd_user *user = htpasswd_find(&c->users, cred->name);
    const struct htpasswd_user *stored = user != NULL ? user : htpasswd_decoy(&c->users);
    struct password_check *k;
    uint8_t digest[32];

    q->why = "invalid credentials";
    if (stored == NULL)
        return count_result(c, PASSWORD_WRONG, GATE_DENIED);
    if (!htpasswd_takes_time(stored->kind)) {
        if (htpasswd_matches(stored->kind, stored->hash, cred->password) && user != NULL)
            return count_result(c, PASSWORD_MATCHED, GATE_OPEN);
        return count_result(c, PASSWORD_WRONG, GATE_DENIED);
    }
    make_digest(c, stored->hash, cred, digest);
    if (user != NULL && is_remembered(c, digest))
        return count_result(c, c->compared ? PASSWORD_MATCHED : PASSWORD_REMEMBERED, GATE_OPEN);
    k = find_or_make_check(c, q, stored, cred, digest);
    if (k == NULL) {
        q->why = "too many passwords wait to be compared; send it again later";
        return count_result(c, PASSWORD_BUSY, GATE_BUSY);
    }
    k->decoy |= user == NULL;
    list_push(&k->questions, &q->link);
    c->n_questions++;
    run_waiting(c);
    return GATE_LATER;
}

static enum gate_verdict ask_checker(struct password_checker *c, struct gate_question *q)
{
    struct credential cred;
    enum gate_verdict v = GATE_DENIED;

    if (read_credential(q, &cred))
        v = ask_stored(c, q, &cred);
    if (v == GATE_OPEN)
        set_attributes(q, &cred);
    explicit_bzero(cred.text, sizeof(cred.text));
    return v;
}

static enum gate_verdict ask(struct gatekeeper *g, struct gate_question *q)
{
    return ask_checker(container_of(g, struct password_checker, gatekeeper), q);
}

/* A comparison that nobody waits for need not begin. */
static void forget(struct gatekeeper *g, struct gate_question *q)
{
    struct password_checker *c = container_of(g, struct password_checker, gatekeeper);

    list_remove(&q->link);
    c->n_questions--;
    list_each (struct password_check, k, &c->waiting, link) {
        if (!list_empty(&k->questions))
            continue;
        list_remove(&k->link);
        c->n_waiting--;
        free_check(k);
    }
}

/* ---- life ---- */

void password_checker_init(struct password_checker *c, struct loop *loop, struct metrics *metrics, const char *id)
{
    c->gatekeeper = (struct gatekeeper){ ask, forget };
    c->loop = loop;
    list_init(&c->running);
    list_init(&c->waiting);
    if (getrandom(c->key, sizeof(c->key), 0) != (ssize_t)sizeof(c->key))
        abort();
    for (int i = 0; i < PASSWORD_RESULTS; i++) {
        const struct metric_label labels[] = { { "authenticator", id }, { "result", result_names[i] } };

        c->results[i] = metrics_get(metrics, &results_row, labels, 2);
    }
}

void password_checker_use(struct password_checker *c, struct htpasswd *users)
{
    htpasswd_free(&c->users);
    c->users = *users;
    *users = (struct htpasswd){ 0 };
}

void password_checker_close(struct password_checker *c)
{
    assert(c->n_questions == 0);
    list_each (struct password_check, k, &c->waiting, link) {
        list_remove(&k->link);
        free_check(k);
    }
    list_each (struct password_check, k, &c->running, link) {
        list_remove(&k->link);
        job_abandon(&k->job);
    }
    htpasswd_free(&c->users);
    explicit_bzero(c->key, sizeof(c->key));
}
