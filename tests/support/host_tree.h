/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a pretended host below a struct tmpdir, made in a test; and the captured ones of
 * tests/data/hosts. */
#ifndef TESTS_SUPPORT_HOST_TREE_H
#define TESTS_SUPPORT_HOST_TREE_H

#include "tests/support/tmpdir.h"

#include <fcntl.h>

#define HOST_TREE(name) TEST_DATA "/hosts/" name

/* Write @text to "<dir>/<path>", making the folders on the way. A test cannot go on without:
 * abort(). */
static inline void host_tree_write(const struct tmpdir *dir, const char *path, const char *text)
{
    char full[TMPDIR_PATH_BYTES];
    (void)tmpdir_path(dir, path, full);
    for (char *at = full + strlen(dir->path) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        if (mkdir(full, 0755) < 0 && errno != EEXIST) {
            abort();
        }
        *at = '/';
    }
    FILE *file = fopen(full, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
        abort();
    }
}

/* An instance below the slice of a host_tree_v2(). @max or @current NULL: no such file. */
static inline void host_tree_instance(const struct tmpdir *dir, const char *name,
                                      const char *max, const char *current)
{
    char path[TMPDIR_PATH_BYTES];

    const struct {
        const char *file;
        const char *text;
    } files[] = {{"cgroup.procs", ""}, {"memory.max", max}, {"memory.current", current}};

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (files[i].text != NULL) {
            (void)snprintf(path, sizeof path,
                           "sys/fs/cgroup/ece.slice/ece-instances.slice/%s/%s", name,
                           files[i].file);
            host_tree_write(dir, path, files[i].text);
        }
    }
}

/* A booted host with cgroup v2 and an empty slice. */
static inline void host_tree_v2(const struct tmpdir *dir, const char *meminfo)
{
    host_tree_write(dir, "proc/meminfo", meminfo);
    host_tree_write(dir, "proc/self/cgroup", "0::/system.slice/ece-agent.service\n");
    host_tree_write(dir, "proc/self/mountinfo",
                    "29 22 0:25 / /sys/fs/cgroup rw shared:8 - cgroup2 cgroup2 rw\n");
    host_tree_write(dir, "sys/fs/cgroup/system.slice/ece-agent.service/memory.max", "max\n");
    host_tree_write(dir, "sys/fs/cgroup/ece.slice/ece-instances.slice/memory.max", "max\n");
}

static inline int host_tree_open(const char *path)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        abort();
    }
    return fd;
}

#endif
