/* SPDX-License-Identifier: Apache-2.0 */
/* The file exporter's options, what must hold between them, and what they let it write to. */
#include "exporter/file/file_options.h"

#include "base/directory.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const format_names[] = { "json", "proto", NULL };
static const char *const compression_names[] = { "", "zstd", NULL };

static const struct option rotation_options[] = {
    OPT_INT(struct file_rotation_config, max_megabytes, "100", "0", "8796093022207",
            "A file that a message would make larger than this many MiB is renamed and a new one begun; 0 means 100.",
            .zero = "100"),
    OPT_INT(struct file_rotation_config, max_days, "0", "0", "1000000",
            "Remove renamed files after this many days; 0 is never."),
    OPT_INT(struct file_rotation_config, max_backups, "100", "0", NULL, "Renamed files that are kept; 0 is all."),
    OPT_BOOL(struct file_rotation_config, localtime, "false", "The time in their names is local; else UTC."),
    OPT_END,
};

static const struct option group_options[] = {
    OPT_BOOL(struct file_group_config, enabled, "false",
             "Write each resource to a file that one of its attributes names."),
    OPT_STRING(
        struct file_group_config, resource_attribute, "fileexporter.path_segment",
        "The attribute whose text replaces the * in path; of an integer or a bool it is \"17\", \"true\". Resources "
        "without it are rejected, and the sender is told."),
    OPT_INT(struct file_group_config, max_open_files, "100", "1", "10000",
            "Files held open; past that the one that was used longest ago is closed."),
    OPT_INT(
        struct file_group_config, max_files, "10000", "1", "32768",
        "Files that are written to from one start to the next, each with its directories: what names them comes from "
        "senders. Resources that would need another one are rejected, and the sender is told."),
    OPT_END,
};

const struct option file_options[] = {
    OPT_STRING(struct file_config, path, "", "The file. With group_by one * stands where the path segment goes."),
    OPT_BOOL(struct file_config, append, "false",
             "Keep what is in the file at the start. Without it, and without rotation, which keeps it too, the file is "
             "emptied."),
    OPT_GROUP(struct file_config, rotation, struct file_rotation_config, rotation_options, GROUP_DEFAULT,
              "Begin a new file when one is full. Without this block a file grows without end."),
    OPT_ENUM(struct file_config, format, format_names, "json",
             "json: a line of OTLP/JSON each request. proto: protobuf, each with its length in front, 4 bytes "
             "big-endian."),
    OPT_REFUSED("encoding", "encoding extensions are not served: write format: json or format: proto"),
    OPT_ENUM(struct file_config, compression, compression_names, "",
             "zstd: each message compressed by itself, with its length in front, JSON too."),
    OPT_DURATION(
        struct file_config, flush_interval, "1s", NULL, NULL,
        "The longest that data may wait in memory to be written. otelcd writes at once, so every value holds."),
    OPT_GROUP(struct file_config, group_by, struct file_group_config, group_options, GROUP_PLAIN, "Several files."),
    OPT_BOOL(struct file_config, create_directory, "false", "Make the directory of path when it is not there."),
    OPT_STRING(struct file_config, directory_permissions, "",
               "With create_directory: its mode, in octal; empty means 0755."),
    OPT_STRING(struct file_config, mode, "0640", "The mode of files that are made, in octal; the umask takes from it."),
    OPT_END,
};

/* ---- what must hold between them ---- */

static void check_group(const struct file_config *c, struct check *ck)
{
    const char *star = strchr(c->path, '*');

    if (!c->group_by.enabled)
        return;
    if (star == c->path)
        check_fail(ck, "path", "path must not start with * when group_by is enabled");
    if (star == NULL || strchr(star + 1, '*') != NULL)
        check_fail(ck, "path", "path must contain exactly one * when group_by is enabled");
    if (c->group_by.resource_attribute[0] == '\0')
        check_fail(ck, "group_by::resource_attribute", "name the resource attribute, or leave the key out");
}

static void check_directory(const struct file_config *c, struct check *ck)
{
    mode_t mode;

    if (c->directory_permissions[0] == '\0')
        return;
    if (!c->create_directory)
        check_fail(ck, "directory_permissions", "directory_permissions requires create_directory to be true");
    else if (!directory_mode(c->directory_permissions, &mode))
        check_fail(ck, "directory_permissions", "directory_permissions value must be a valid octal representation");
    else if ((mode & ~(mode_t)0777) != 0)
        check_fail(ck, "directory_permissions", "directory_permissions contain invalid bits for file access");
}

/* Can what is opened at the start be opened? The directory may be missing only where this is checked. */
static void check_path(const struct file_config *c, struct check *ck)
{
    int rc = c->group_by.enabled || c->create_directory ? 0 : directory_check_for(c->path);

    if (c->path[0] == '\0')
        check_fail(ck, "path", "path must be non-empty");
    else if (rc == -EISDIR)
        check_fail(ck, "path", "%s is a directory: write the name of a file", c->path);
    else if (rc != 0)
        check_warn(
            ck, "path",
            "the directory of %s cannot be used here: %s; where it is so, otelcd does not start: make it, or set "
            "create_directory: true",
            c->path, uv_strerror(rc));
}

static void check_mode(const struct file_config *c, struct check *ck)
{
    mode_t mode;

    if (!directory_mode(c->mode, &mode) || (mode & ~(mode_t)0777) != 0 || (mode & 0200) == 0)
        check_fail(ck, "mode",
                   "\"%s\" is not the mode of a file that its owner may write: write it in octal, such as "
                   "\"0640\"",
                   c->mode);
}

void file_options_check(const void *config, struct check *ck)
{
    const struct file_config *c = config;

    check_path(c, ck);
    if (c->flush_interval.ns < 0)
        check_fail(ck, "flush_interval", "flush_interval must be larger than zero");
    check_group(c, ck);
    check_directory(c, ck);
    check_mode(c, ck);
}

void file_options_claim(const void *config, struct claims *claims)
{
    const struct file_config *c = config;
    char *path = mem_strdup(c->path), *star = c->group_by.enabled ? strchr(path, '*') : NULL;

    while (star != NULL && star > path && star[-1] != '/')
        star--;
    if (star != NULL)
        *star = '\0';
    claim_writes(claims, path);
    free(path);
}
