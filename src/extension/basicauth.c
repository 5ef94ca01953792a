/* SPDX-License-Identifier: Apache-2.0 */
/* The basicauth extension: names and passwords of clients (htpasswd), or one of our own (client_auth).
 *
 * The users are read at the start, and again when the file changes; a file with a fault in it changes nothing. */
#include "extension/basicauth.h"

#include "base/mem.h"
#include "base/loop/watched_file.h"
#include "codec/base64.h"
#include "pipeline/file_value.h"

#include <stdio.h>
#include <stdlib.h>

#define FILE_LIMIT (4096 * 1024ul)

struct basicauth_htpasswd_config {
    bool on;
    const char *file;
    struct secret inline_;
};

struct basicauth_client_config {
    bool on;
    const char *username, *username_file;
    struct secret password;
    const char *password_file;
};

struct basicauth_config {
    struct basicauth_htpasswd_config htpasswd;
    struct basicauth_client_config client_auth;
};

static const struct option htpasswd_rows[] = {
    OPT_STRING(struct basicauth_htpasswd_config, file, "",
               "A file of htpasswd: user:hash in each line. It is read again when it changes."),
    { .key = "inline",
      .kind = OPTION_SECRET,
      .offset = OPT_FIELD(struct basicauth_htpasswd_config, inline_, struct secret),
      .help = "The same, written here; goes before what is in the file." },
    OPT_END,
};

static const struct option client_rows[] = {
    OPT_STRING(struct basicauth_client_config, username, "", "Our name."),
    OPT_SECRET(struct basicauth_client_config, password, "Our password."),
    OPT_STRING(struct basicauth_client_config, username_file, "",
               "A file that has our name, in place of username. It is read again when it changes."),
    OPT_STRING(struct basicauth_client_config, password_file, "", "The same for the password."),
    OPT_REFUSED("aws_secrets_manager", "is not served: let an agent write the secret into a file, and name it in "
                                       "password_file"),
    OPT_END,
};

static const struct option options[] = {
    OPT_GROUP(struct basicauth_config, htpasswd, struct basicauth_htpasswd_config, htpasswd_rows, GROUP_NONE,
              "Who may come in: for auth of receivers."),
    OPT_GROUP(struct basicauth_config, client_auth, struct basicauth_client_config, client_rows, GROUP_NONE,
              "Who we are: for auth of exporters."),
    OPT_END,
};

struct basicauth {
    struct node node;
    const struct basicauth_config *config;
    struct password_checker checker;
    struct watched_file *file;
    struct client_authenticator client;
    struct file_value username, password;
    struct buf header; /* Authorization's value */
};

static struct basicauth *basicauth_of(struct node *node)
{
    return container_of(node, struct basicauth, node);
}

/* ---- who may come in ---- */

static int read_users(const struct basicauth_htpasswd_config *c, struct bytes file, struct htpasswd *users,
                      struct error *err)
{
    if (htpasswd_add(users, file, err) != 0)
        return error_wrap(err, "htpasswd::file: %s", c->file);
    if (htpasswd_add(users, bytes_str(c->inline_.text), err) != 0)
        return error_wrap(err, "htpasswd::inline");
    return 0;
}

static void use_users(struct basicauth *b, struct htpasswd *users)
{
    size_t n = users->users.n;

    password_checker_use(&b->checker, users);
    if (n == 0)
        log_warn(&b->node.log, "There are no users: nobody is let in");
    else
        log_info(&b->node.log, "Users read", F_UINT("users", n));
}

static void on_change(void *owner, struct bytes content)
{
    struct basicauth *b = owner;
    struct htpasswd users = { 0 };
    struct error err = { 0 };

    if (read_users(&b->config->htpasswd, content, &users, &err) == 0) {
        use_users(b, &users);
        return;
    }
    log_error(&b->node.log, "The file of users has changed and has a fault: the users stay as they were",
              F_STR("error", err.text));
    htpasswd_free(&users);
}

static void on_fault(void *owner, const char *why)
{
    struct basicauth *b = owner;

    log_error(&b->node.log, "The file of users cannot be read any more: the users stay as they were",
              F_STR("error", why));
}

static int start_server(struct basicauth *b, struct error *err)
{
    const struct basicauth_htpasswd_config *c = &b->config->htpasswd;
    struct watched_file_options o = {
        .path = c->file, .limit = FILE_LIMIT, .on_change = on_change, .on_fault = on_fault, .owner = b
    };
    struct htpasswd users = { 0 };
    struct buf content = { 0 };
    int rc = 0;

    if (c->file[0] != '\0') {
        b->file = watched_file_open(b->node.host->loop, &o, &content, err);
        rc = b->file == NULL ? error_wrap(err, "htpasswd::file") : 0;
    }
    if (rc == 0)
        rc = read_users(c, buf_bytes(&content), &users, err);
    if (rc == 0)
        use_users(b, &users);
    htpasswd_free(&users);
    buf_wipe(&content);
    return rc;
}

/* ---- who we are ---- */

static void set_header(struct file_value *v)
{
    struct basicauth *b = v->owner;
    struct buf text = { 0 };

    buf_printf(&text, "%s:%s", b->username.text, b->password.text);
    b->header.len = 0;
    buf_puts(&b->header, "Basic ");
    base64_encode(buf_bytes(&text), true, &b->header);
    buf_wipe(&text);
    if (strchr(b->username.text, ':') != NULL)
        log_error(&b->node.log,
                  "Our name has a colon, which basic authentication cannot say: the peer will take a "
                  "part of it for the password",
                  F_STR("file", b->config->client_auth.username_file));
}

static int start_client(struct basicauth *b, struct error *err)
{
    const struct basicauth_client_config *c = &b->config->client_auth;
    struct loop *loop = b->node.host->loop;

    b->username.owner = b->password.owner = b;
    b->username.changed = b->password.changed = set_header;
    if (file_value_open(&b->username, loop, &b->node.log, c->username, c->username_file, err) != 0)
        return error_wrap(err, "client_auth::username_file");
    if (file_value_open(&b->password, loop, &b->node.log, c->password.text, c->password_file, err) != 0)
        return error_wrap(err, "client_auth::password_file");
    set_header(&b->username);
    return 0;
}

static uint64_t generation_of(const struct basicauth *b)
{
    return b->username.generation + b->password.generation;
}

static enum auth_verdict sign(struct client_authenticator *a, struct auth_request *r)
{
    struct basicauth *b = container_of(a, struct basicauth, client);

    r->generation = generation_of(b);
    call_headers_set(r->headers, bytes_str("authorization"), buf_bytes(&b->header));
    return AUTH_GRANTED;
}

static bool was_old(struct client_authenticator *a, uint64_t generation)
{
    return generation != generation_of(container_of(a, struct basicauth, client));
}

/* ---- life ---- */

static void check_server(const struct basicauth_htpasswd_config *c, struct check *ck)
{
    struct htpasswd users = { 0 };
    struct buf content = { 0 };
    struct error err = { 0 };

    if (c->file[0] == '\0' && c->inline_.text[0] == '\0')
        check_fail(ck, "htpasswd", "no credential source provided: write file or inline");
    if (c->file[0] != '\0' &&
        (file_read(c->file, FILE_LIMIT, &content, &err) != 0 || htpasswd_add(&users, buf_bytes(&content), &err) != 0))
        check_fail(ck, "htpasswd::file", "%s", err.text);
    if (htpasswd_add(&users, bytes_str(c->inline_.text), &err) != 0)
        check_fail(ck, "htpasswd::inline", "%s", err.text);
    htpasswd_free(&users);
    buf_free(&content);
}

static void check_client(const struct basicauth_client_config *c, struct check *ck)
{
    if (c->username[0] == '\0' && c->username_file[0] == '\0')
        check_fail(ck, "client_auth::username", "no credential source provided: write username or username_file");
    if (strchr(c->username, ':') != NULL && c->username_file[0] == '\0')
        check_fail(ck, "client_auth::username", "invalid authorization format: a name cannot have a colon");
    file_value_check(ck, "client_auth::username_file", c->username_file);
    file_value_check(ck, "client_auth::password_file", c->password_file);
}

static void check(const void *config, struct check *ck)
{
    const struct basicauth_config *c = config;

    if (c->htpasswd.on && c->client_auth.on)
        check_fail(ck, "client_auth",
                   "only one of `htpasswd` or `client_auth` can be specified: write a second "
                   "basicauth/name for the other");
    else if (c->htpasswd.on)
        check_server(&c->htpasswd, ck);
    else if (c->client_auth.on)
        check_client(&c->client_auth, ck);
    else
        check_fail(ck, "", "no credential source provided: write htpasswd or client_auth");
}

static bool provides(const void *config, enum capability capability)
{
    const struct basicauth_config *c = config;

    return (capability == CAPABILITY_AUTH_SERVER && c->htpasswd.on) ||
           (capability == CAPABILITY_AUTH_CLIENT && c->client_auth.on);
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct basicauth *b = basicauth_of(node);

    (void)err;
    b->config = config;
    password_checker_init(&b->checker, node->host->loop, node->host->metrics, node->id);
    b->client = (struct client_authenticator){ .ask = sign, .refused = was_old, .secure_only = true };
    return 0;
}

static int start(struct node *node, struct error *err)
{
    struct basicauth *b = basicauth_of(node);

    return b->config->htpasswd.on ? start_server(b, err) : start_client(b, err);
}

static void destroy(struct node *node)
{
    struct basicauth *b = basicauth_of(node);

    watched_file_close(b->file);
    password_checker_close(&b->checker);
    file_value_close(&b->username);
    file_value_close(&b->password);
    buf_wipe(&b->header);
}

static struct gatekeeper *gatekeeper(struct node *node)
{
    return &basicauth_of(node)->checker.gatekeeper;
}

static struct client_authenticator *client_authenticator(struct node *node)
{
    return &basicauth_of(node)->client;
}

extern const struct component basicauth_extension;
const struct component basicauth_extension = {
    COMPONENT_TYPE("basicauth", COMPONENT_EXTENSION, .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary =
        "Lets clients in by name and password (htpasswd), or sends ours: for `auth` of receivers, or of exporters.",
    COMPONENT_CONFIG(struct basicauth_config, options, .check = check, .provides = provides),
    .metrics = password_metric_rows,
    COMPONENT_NODE(struct basicauth, .create = create, .start = start, .destroy = destroy, .gatekeeper = gatekeeper,
                   .client_authenticator = client_authenticator),
};
