/* SPDX-License-Identifier: Apache-2.0 */
/* Queues on disk: a directory for the exporter, and one for each member below it, called after its endpoint. What is
 * found there when the first list of members has come, and is none's of it, is opened as a member that leaves. When
 * nothing is left in a queue of one that has left, its directory goes. */
#include "exporter/load_balancing/load_balancing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MOST 240u

/* Longer ones are cut, with a hash of the whole. */
char *member_file_name(const char *endpoint)
{
    struct buf name = { 0 };
    char *text;

    sending_queue_put_name(&name, endpoint);
    if (name.len > NAME_MOST) {
        name.len = NAME_MOST - 20;
        buf_printf(&name, "~%016llx", (unsigned long long)bytes_fnv1a(BYTES_FNV1A, bytes_str(endpoint)));
    }
    if (name.len > 0 && name.data[0] == '.') /* hidden, or no name at all */
        name.data[0] = '~';
    text = bytes_dup(buf_bytes(&name));
    buf_free(&name);
    return text;
}

/* The endpoint that was called so, unless it was cut. For the caller to free. */
static char *endpoint_of(const char *name)
{
    struct buf text = { 0 };
    unsigned code;
    char *endpoint;

    for (; *name != '\0'; name++)
        if (name[0] == '~' && sscanf(name + 1, "%4x", &code) == 1 && strspn(name + 1, "0123456789ABCDEF") >= 4) {
            buf_putc(&text, (char)code);
            name += 4;
        } else {
            buf_putc(&text, *name);
        }
    endpoint = bytes_dup(buf_bytes(&text));
    buf_free(&text);
    return endpoint;
}

/* "" in memory. For the caller to free. */
static char *directory_of(const struct balancer *b)
{
    struct buf path = { 0 };
    char *text;

    (void)sending_queue_directory(&path, &b->node, &b->config->protocol.otlp.delivery.sending_queue);
    text = bytes_dup(buf_bytes(&path));
    buf_free(&path);
    return text;
}

bool member_files_prepare(struct balancer *b, struct error *err)
{
    char *directory = directory_of(b);
    bool ok = directory[0] == '\0' || mkdir(directory, 0700) == 0 || errno == EEXIST;

    if (!ok)
        error_set(err, -errno, "the queues on disk: cannot make %s: %s", directory, strerror(errno));
    free(directory);
    return ok;
}

static bool is_known(const struct balancer *b, const char *name)
{
    list_each (struct member, m, &b->members, link)
        if (strcmp(m->name, name) == 0)
            return true;
    return false;
}

static void adopt_queue(struct balancer *b, const char *name)
{
    char *endpoint = endpoint_of(name);
    struct member *m = member_new(b, endpoint, name);
    struct error err;

    free(endpoint);
    error_clear(&err);
    if (member_open(m, &err)) {
        member_leave(m);
        log_info(&b->node.log, "The queue of a member that has gone is sent to those that are there",
                 F_STR("endpoint", m->endpoint), F_UINT("bytes", sender_held_bytes(m->exporter.sender)));
        return;
    }
    log_error(&b->node.log, "The queue of a member that has gone cannot be opened: it stays for the next start",
              F_STR("member", name), F_STR("error", err.text));
    member_free(m);
}

void member_files_adopt(struct balancer *b)
{
    char *directory = directory_of(b);
    DIR *d = directory[0] != '\0' ? opendir(directory) : NULL;
    const struct dirent *entry;

    while (d != NULL && (entry = readdir(d)) != NULL) {
        if (entry->d_name[0] == '.' || is_known(b, entry->d_name))
            continue;
        if (b->n_leaving >= LEAVING_MOST) {
            log_warn(&b->node.log,
                     "There are too many queues of members that have gone: the rest wait for the next start",
                     F_UINT("served", LEAVING_MOST));
            break;
        }
        adopt_queue(b, entry->d_name);
    }
    if (d != NULL)
        closedir(d);
    free(directory);
}

void member_files_remove(struct member *m)
{
    char *directory = directory_of(m->balancer);
    int above = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int at = above >= 0 ? openat(above, m->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    DIR *d = at >= 0 ? fdopendir(at) : NULL;
    const struct dirent *entry;

    while (d != NULL && (entry = readdir(d)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlinkat(dirfd(d), entry->d_name, 0);
    if (d != NULL)
        closedir(d);
    else if (at >= 0)
        close(at);
    if (above >= 0) {
        (void)unlinkat(above, m->name, AT_REMOVEDIR);
        close(above);
    }
    free(directory);
}
