/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of a file exporter. */
#ifndef EXPORTER_FILE_OPTIONS_H
#define EXPORTER_FILE_OPTIONS_H

#include "config/option.h"
#include "pipeline/component.h"

enum file_format { FILE_FORMAT_JSON, FILE_FORMAT_PROTO };

struct file_rotation_config {
    bool on;
    int64_t max_megabytes, max_days, max_backups;
    bool localtime;
};

struct file_group_config {
    bool enabled;
    const char *resource_attribute;
    int64_t max_open_files, max_files;
};

struct file_config {
    const char *path;
    bool append;
    struct file_rotation_config rotation;
    int format, compression;
    duration flush_interval;
    struct file_group_config group_by;
    bool create_directory;
    const char *directory_permissions, *mode;
};

extern const struct option file_options[];

/* `config`: a struct file_config. */
void file_options_check(const void *config, struct check *ck);
void file_options_claim(const void *config, struct claims *claims); /* with group_by: all beneath the * */

#endif
