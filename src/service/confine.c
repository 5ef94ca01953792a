/* SPDX-License-Identifier: Apache-2.0 */
/* confine() drops capabilities, forbids new privileges, asks the kernel which Landlock it has, makes a ruleset that
 * knows writing and executing, adds the paths that the configuration writes to (config->writes) and puts it on.
 *
 * What can go wrong: a kernel without Landlock, or a container that forbids it: then only the rest is given up, and the
 * log says so. A path that is not there yet: what may be written is then its nearest directory that is, for it has to
 * be made. A path that is removed and made again is another one to the kernel; a reload finds that and is refused. A
 * file that is no regular one (a terminal, a FIFO) is named itself, since nobody makes it anew. */
#include "service/confine.h"

#include "base/buf.h"
#include "base/loop/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As in <linux/landlock.h>, which Debian 12 has in an older version. */
#define FS_EXECUTE (1ull << 0)
#define FS_WRITE_FILE (1ull << 1)
#define FS_REMOVE_DIR (1ull << 4)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_CHAR (1ull << 6)
#define FS_MAKE_DIR (1ull << 7)
#define FS_MAKE_REG (1ull << 8)
#define FS_MAKE_SOCK (1ull << 9)
#define FS_MAKE_FIFO (1ull << 10)
#define FS_MAKE_BLOCK (1ull << 11)
#define FS_MAKE_SYM (1ull << 12)
#define FS_TRUNCATE (1ull << 14) /* from version 3 */
#define SCOPE_SIGNAL (1ull << 1) /* from version 6 */

#define ASK_VERSION 1u
#define RULE_PATH_BENEATH 1

struct ruleset {
    uint64_t fs;
    uint64_t net;    /* from version 4 */
    uint64_t scoped; /* from version 6 */
};

struct path_rule {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

/* --- capabilities --- */

/* Root needs these: the queue's directory may be another user's, and a reload may ask for port 443. */
#define KEPT_CAPABILITIES (1u << CAP_DAC_OVERRIDE | 1u << CAP_NET_BIND_SERVICE)

/* False: there was nothing to give up. */
static bool drop_capabilities(void)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct caps[2];

    if (syscall(SYS_capget, &head, caps) != 0 ||
        ((caps[0].permitted & ~KEPT_CAPABILITIES) == 0 && caps[1].permitted == 0))
        return false;
    caps[0].permitted &= KEPT_CAPABILITIES;
    caps[0].effective &= KEPT_CAPABILITIES;
    caps[1].permitted = caps[1].effective = 0;
    caps[0].inheritable = caps[1].inheritable = 0;
    return syscall(SYS_capset, &head, caps) == 0;
}

/* --- paths --- */

static bool is_beneath(const char *path, const char *directory)
{
    size_t n = strlen(directory);

    if (n > 0 && directory[n - 1] == '/')
        n--; /* the root */
    return strncmp(path, directory, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* To the directory that it is in. */
static void cut_last(char *path)
{
    char *slash = strrchr(path, '/');

    if (slash == NULL)
        path[0] = '.', path[1] = '\0';
    else if (slash == path)
        path[1] = '\0';
    else
        *slash = '\0';
}

/* Where one has to be allowed to write so that `path` can be made, written and replaced; to be freed. */
static char *find_writable(const char *path)
{
    char *at = mem_strdup(path[0] != '\0' ? path : "."), *real;
    struct stat st;

    while ((real = realpath(at, NULL)) == NULL && strcmp(at, "/") != 0 && strcmp(at, ".") != 0)
        cut_last(at);
    free(at);
    if (real == NULL)
        return mem_strdup("/");
    if (stat(real, &st) == 0 && (S_ISREG(st.st_mode) || S_ISSOCK(st.st_mode))) /* either is made anew */
        cut_last(real);
    return real;
}

/* Numbers of inodes come again, so the time of birth belongs to it. */
static struct file_identity identity_of(const char *path)
{
    struct file_identity id = { 0 };
    struct statx st;

    if (statx(AT_FDCWD, path, 0, STATX_INO | STATX_BTIME, &st) != 0)
        return id;
    id.device = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor;
    id.inode = st.stx_ino;
    if ((st.stx_mask & STATX_BTIME) != 0)
        id.born = st.stx_btime.tv_sec * (int64_t)NS_PER_S + st.stx_btime.tv_nsec;
    return id;
}

static void add_path(struct confinement *c, const char *path)
{
    struct confined_path p = { .path = find_writable(path) };

    p.identity = identity_of(p.path);
    *vec_push(&c->paths) = p;
}

static void gather_paths(struct confinement *c, const struct config *config)
{
    for (size_t i = 0; i < config->n_writes; i++)
        add_path(c, config->writes[i]);
}

static bool is_the_same(const struct confined_path *p)
{
    struct file_identity now = identity_of(p->path);

    return now.device == p->identity.device && now.inode == p->identity.inode && now.born == p->identity.born;
}

const char *confinement_lacks(const struct confinement *c, const struct config *config)
{
    for (size_t i = 0; c->files && i < config->n_writes; i++) {
        char *writable = find_writable(config->writes[i]);
        bool allowed = false;

        for (size_t k = 0; k < c->paths.n && !allowed; k++)
            allowed = is_beneath(writable, c->paths.v[k].path) && is_the_same(&c->paths.v[k]);
        free(writable);
        if (!allowed)
            return config->writes[i];
    }
    return NULL;
}

/* --- Landlock --- */

static struct ruleset rules_of(long version)
{
    struct ruleset r = { .fs = FS_EXECUTE | FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_CHAR |
                               FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_SOCK | FS_MAKE_FIFO | FS_MAKE_BLOCK | FS_MAKE_SYM };

    if (version >= 3)
        r.fs |= FS_TRUNCATE;
    if (version >= 6)
        r.scoped = SCOPE_SIGNAL;
    return r;
}

static size_t size_for(long version)
{
    return version >= 6 ? sizeof(struct ruleset) : version >= 4 ? offsetof(struct ruleset, scoped) : sizeof(uint64_t);
}

/* What may be done at and beneath a path. */
static int allow_path(int rules, const char *path, uint64_t handled)
{
    const uint64_t of_files = FS_WRITE_FILE | FS_TRUNCATE;
    const uint64_t of_directories = FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_SOCK;
    struct path_rule rule = { .parent = open(path, O_PATH | O_CLOEXEC) };
    struct stat st = { 0 };
    int rc = 0;

    if (rule.parent < 0)
        return -errno;
    (void)fstat(rule.parent, &st);
    rule.allowed = handled & (of_files | (S_ISDIR(st.st_mode) ? of_directories : 0));
    if (syscall(SYS_landlock_add_rule, rules, RULE_PATH_BENEATH, &rule, 0) != 0 && errno != EBADFD)
        rc = -errno; /* EBADFD: a pipe or the like, which Landlock does not confine */
    close(rule.parent);
    return rc;
}

/* A file that may be run. */
static int allow_program(int rules, const char *file)
{
    struct path_rule rule = { .allowed = FS_EXECUTE, .parent = open(file, O_PATH | O_CLOEXEC) };
    int rc = 0;

    if (rule.parent < 0)
        return -errno;
    if (syscall(SYS_landlock_add_rule, rules, RULE_PATH_BENEATH, &rule, 0) != 0)
        rc = -errno;
    close(rule.parent);
    return rc;
}

/* The program's own is the first: the loader that it names, if it is linked to libraries. */
static int find_loader(struct dl_phdr_info *info, size_t size, void *arg)
{
    const char **loader = arg;

    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_INTERP)
            *loader = (const char *)(uintptr_t)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    return 1;
}

static int allow_itself(int rules)
{
    const char *loader = NULL;
    int rc = allow_program(rules, "/proc/self/exe");

    (void)dl_iterate_phdr(find_loader, &loader);
    return rc == 0 && loader != NULL ? allow_program(rules, loader) : rc;
}

static int restrict_files(const struct confinement *c, bool starts_itself, long version)
{
    struct ruleset handled = rules_of(version);
    int rules = (int)syscall(SYS_landlock_create_ruleset, &handled, size_for(version), 0), rc = 0;

    if (rules < 0)
        return -errno;
    for (size_t i = 0; i < c->paths.n && rc == 0; i++)
        rc = allow_path(rules, c->paths.v[i].path, handled.fs);
    if (rc == 0 && starts_itself)
        rc = allow_itself(rules);
    if (rc == 0 && syscall(SYS_landlock_restrict_self, rules, 0) != 0)
        rc = -errno;
    close(rules);
    return rc;
}

/* --- */

static void list_paths(const struct confinement *c, struct buf *text)
{
    for (size_t i = 0; i < c->paths.n; i++) {
        size_t k = 0;

        while (k < i && strcmp(c->paths.v[k].path, c->paths.v[i].path) != 0)
            k++;
        if (k == i)
            buf_printf(text, "%s%s", text->len > 0 ? ", " : "", c->paths.v[i].path);
    }
    if (text->len == 0)
        buf_puts(text, "nothing");
}

void confine(struct confinement *c, const struct config *config, const char *also, bool starts_itself,
             const struct logger *log)
{
    bool dropped = drop_capabilities();
    bool no_new = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_VERSION);
    struct buf text = { 0 };
    int rc = version < 0 ? -errno : !no_new ? -EPERM : 0;

    gather_paths(c, config);
    if (also != NULL)
        add_path(c, also);
    if (rc == 0)
        rc = restrict_files(c, starts_itself, version);
    c->files = rc == 0;
    list_paths(c, &text);
    if (c->files)
        log_info(log, "Gave up running programs and writing elsewhere", F_STR("writable", buf_cstr(&text)),
                 F_BOOL("root_capabilities_dropped", dropped));
    else
        log_info(log, "Writing is not confined: this kernel or container has no Landlock",
                 F_STR("error", strerror(-rc)), F_BOOL("root_capabilities_dropped", dropped));
    buf_free(&text);
}

void confinement_free(struct confinement *c)
{
    for (size_t i = 0; i < c->paths.n; i++)
        free(c->paths.v[i].path);
    vec_free(&c->paths);
}
