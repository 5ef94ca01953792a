/* SPDX-License-Identifier: Apache-2.0 */
/* file_value_open() takes what is written, or the content of a watched file, and from then on each new content that can
 * be the value. One that cannot (empty, several lines, control characters), or a file that cannot be read any more, is
 * told, and the old value stays. What was secret is wiped before its memory goes. */
#include "pipeline/file_value.h"

#include "base/ascii.h"
#include "base/mem.h"
#include "base/loop/watched_file.h"
#include "config/option.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT (64 * 1024ul)

bool header_value_is_clean(struct bytes value)
{
    for (size_t i = 0; i < value.len; i++)
        if ((value.data[i] < ' ' && value.data[i] != '\t') || value.data[i] == 0x7f)
            return false;
    return true;
}

bool header_name_is_valid(const char *name)
{
    return name[0] != '\0' &&
           name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~")] == '\0';
}

static void forget_secret(char *secret)
{
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

/* Why the content cannot be a value; NULL: it can. */
static const char *fault_of(struct bytes content)
{
    struct bytes value = ascii_trim(content);

    if (value.len == 0)
        return "it is empty";
    return header_value_is_clean(value) ? NULL : "it has more than one line, or control characters";
}

/* Why the content cannot be the value; NULL: it can, and is. */
static const char *take_content(struct file_value *v, struct bytes content)
{
    struct bytes value = ascii_trim(content);
    const char *why = fault_of(content);

    if (why != NULL)
        return why;
    forget_secret(v->memory);
    v->text = v->memory = bytes_dup(value);
    v->generation++;
    return NULL;
}

static void on_change(void *owner, struct bytes content)
{
    struct file_value *v = owner;
    const char *why = take_content(v, content);

    if (why != NULL) {
        log_error(v->log, "A file's new content cannot be used: the old one stays in use", F_STR("file", v->path),
                  F_STR("error", why));
        return;
    }
    log_info(v->log, "A file has changed and was read anew", F_STR("file", v->path));
    if (v->changed != NULL)
        v->changed(v);
}

static void on_fault(void *owner, const char *why)
{
    const struct file_value *v = owner;

    log_error(v->log, "A file cannot be read any more: what was in it stays in use", F_STR("file", v->path),
              F_STR("error", why));
}

int file_value_open(struct file_value *v, struct loop *loop, const struct logger *log, const char *written,
                    const char *path, struct error *err)
{
    struct watched_file_options o = {
        .path = path, .limit = LIMIT, .on_change = on_change, .on_fault = on_fault, .owner = v
    };
    struct buf content = { 0 };
    const char *why;

    v->path = path;
    v->log = log;
    v->text = written;
    if (path[0] == '\0')
        return 0;
    v->file = watched_file_open(loop, &o, &content, err);
    if (v->file == NULL)
        return err->code;
    why = take_content(v, buf_bytes(&content));
    explicit_bzero(content.data, content.cap);
    buf_free(&content);
    return why == NULL ? 0 : error_set(err, UV_EINVAL, "%s: %s", path, why);
}

void file_value_close(struct file_value *v)
{
    watched_file_close(v->file);
    v->file = NULL;
    forget_secret(v->memory);
    v->memory = NULL;
    v->text = "";
}

void file_value_check(struct check *ck, const char *key, const char *path)
{
    struct buf content = { 0 };
    struct error err = { 0 };
    const char *why;

    if (path[0] == '\0')
        return;
    if (file_read(path, LIMIT, &content, &err) != 0)
        check_fail(ck, key, "%s", err.text);
    else if ((why = fault_of(buf_bytes(&content))) != NULL)
        check_fail(ck, key, "%s: %s", path, why);
    buf_wipe(&content);
}
