/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon takes the first directory that it can have; who looks for it goes through all that a daemon may have
 * taken, and asks each socket that is named after a process.
 *
 * What can go wrong: a process that was killed leaves its socket. Whoever comes next into the directory removes it when
 * nobody answers there and no such process runs. */
#include "service/control/control_socket.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SYSTEM_DIRECTORY "/run/otelcd"
#define MOST_SEEN 4096u /* entries of a directory */

/* ---- sockets ---- */

/* 0: somebody listens there; else why not. */
static int try_connect(const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd, rc;

    if (strlen(path) >= sizeof(un.sun_path))
        return ENAMETOOLONG;
    memcpy(un.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    rc = connect(fd, (const struct sockaddr *)&un, sizeof(un)) == 0 ? 0 : errno;
    close(fd);
    return rc == EAGAIN ? 0 : rc; /* many are there already */
}

/* "123.sock" of 123; 0: it is none. */
static pid_t process_of(const char *name)
{
    char *end;
    long pid = strtol(name, &end, 10);

    return name[0] >= '1' && name[0] <= '9' && pid < INT32_MAX && strcmp(end, ".sock") == 0 ? (pid_t)pid : 0;
}

static void each_socket(const char *directory, void (*call)(void *arg, const char *path, pid_t pid), void *arg)
{
    DIR *d = opendir(directory);
    const struct dirent *e;

    for (unsigned i = 0; d != NULL && i < MOST_SEEN && (e = readdir(d)) != NULL; i++) {
        pid_t pid = process_of(e->d_name);
        char *path;

        if (pid == 0)
            continue;
        path = mem_printf("%s/%s", directory, e->d_name);
        call(arg, path, pid);
        free(path);
    }
    if (d != NULL)
        closedir(d);
}

/* ---- the daemon ---- */

static void remove_left(void *arg, const char *path, pid_t pid)
{
    (void)arg;
    if (pid != getpid() && kill(pid, 0) != 0 && errno == ESRCH && try_connect(path) == ECONNREFUSED)
        unlink(path);
}

static bool may_have(const char *directory)
{
    return (mkdir(directory, 0755) == 0 || errno == EEXIST) && access(directory, W_OK | X_OK) == 0;
}

/* The first of several, as systemd lists them. */
static void put_first(struct buf *out, const char *list)
{
    buf_append(out, list, strcspn(list, ":"));
}

static bool choose_directory(struct buf *out)
{
    const char *runtime = getenv("RUNTIME_DIRECTORY"), *own = getenv("XDG_RUNTIME_DIR");

    out->len = 0;
    if (runtime != NULL && runtime[0] == '/') {
        put_first(out, runtime);
        return may_have(buf_cstr(out));
    }
    buf_puts(out, SYSTEM_DIRECTORY);
    if (may_have(buf_cstr(out)))
        return true;
    out->len = 0;
    if (own == NULL || own[0] != '/')
        return false;
    buf_printf(out, "%s/otelcd", own);
    return may_have(buf_cstr(out));
}

bool control_directory(struct buf *out, struct error *err)
{
    if (!choose_directory(out)) {
        error_set(err, -ENOENT,
                  "there is no directory for it: $RUNTIME_DIRECTORY, " SYSTEM_DIRECTORY
                  " and $XDG_RUNTIME_DIR/otelcd are not there or not to be written");
        return false;
    }
    each_socket(buf_cstr(out), remove_left, NULL);
    return true;
}

/* ---- who asks ---- */

struct looking {
    struct buf *first, list; /* of those that answer */
    size_t n;
    bool locked; /* one would have to be another user */
};

static void look_at(void *arg, const char *path, pid_t pid)
{
    struct looking *l = arg;
    int rc = try_connect(path);

    (void)pid;
    l->locked |= rc == EACCES || rc == EPERM;
    if (rc != 0)
        return;
    if (l->n++ == 0)
        buf_puts(l->first, path);
    buf_printf(&l->list, "%s%s", l->list.len > 0 ? ", " : "", path);
}

static bool find_any(struct buf *out, struct error *err)
{
    const char *runtime = getenv("RUNTIME_DIRECTORY"), *own = getenv("XDG_RUNTIME_DIR");
    struct looking l = { .first = out };
    struct buf directory = { 0 };

    if (runtime != NULL && runtime[0] == '/') {
        put_first(&directory, runtime);
        each_socket(buf_cstr(&directory), look_at, &l);
    } else {
        each_socket(SYSTEM_DIRECTORY, look_at, &l);
        if (own != NULL && own[0] == '/') {
            buf_printf(&directory, "%s/otelcd", own);
            each_socket(buf_cstr(&directory), look_at, &l);
        }
    }
    if (l.n > 1)
        error_set(err, -EEXIST, "several run here: say which with --socket (%.*s)", 300, buf_cstr(&l.list));
    else if (l.n == 0 && l.locked)
        error_set(err, -EACCES, "the one that runs here is another user's: ask as root, or as the user it runs as");
    else if (l.n == 0)
        error_set(err, -ENOENT,
                  "no otelcd with a control socket runs here: in a container ask inside of it, and look at "
                  "service::telemetry::control of its configuration");
    buf_free(&directory);
    buf_free(&l.list);
    return l.n == 1;
}

bool control_find(const char *named, struct buf *out, struct error *err)
{
    int rc;

    out->len = 0;
    if (named == NULL || named[0] == '\0')
        return find_any(out, err);
    rc = try_connect(named);
    buf_puts(out, named);
    if (rc == EACCES || rc == EPERM)
        error_set(err, -rc, "%s: ask as root, or as the user that otelcd runs as", named);
    else if (rc != 0)
        error_set(err, -rc, "%s: %s; does otelcd run, and is that its service::telemetry::control::socket?", named,
                  strerror(rc));
    return rc == 0;
}
