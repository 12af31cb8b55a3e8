/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits and instances. Owns where systemd puts a slice and which numbers count; that a tree is
 * odd, torn or not there at all means fewer limits and fewer instances, never an error.
 *
 * The limits that matter are those over the place where instances run, not those over this
 * process: MemoryMax= of the agent's own service, or of the system.slice it is in, says nothing
 * about a slice beside it. In a container the two are the same.
 */
#include "agent/measure/cgroup_tree.h"

#include "agent/measure/proc_file.h"
#include "common/base/parse.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_BYTES = CGROUP_PATH_BYTES + NAME_MAX + 32,
    NUMBER_BYTES = 64,
    ENTRIES_BYTES = 4096,
};

/* v1 writes "no limit" as the largest multiple of the page size: 9223372036854771712. */
static const uint64_t unlimited_bytes = UINT64_C(1) << 62;

static const char *limit_file(const struct cgroup_tree *tree)
{
    return tree->mount.is_v2 ? "memory.max" : "memory.limit_in_bytes";
}

static const char *use_file(const struct cgroup_tree *tree)
{
    return tree->mount.is_v2 ? "memory.current" : "memory.usage_in_bytes";
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);
    return len > end_len && strcmp(text + len - end_len, end) == 0;
}

/* ---- where the slice is ---- */

/* "a-b.slice" to "a.slice/a-b.slice": a dash in the name of a slice nests it. False if it does
 * not fit. */
static bool nest(const char *slice, char ret[static CGROUP_PATH_BYTES])
{
    size_t len = 0;
    for (const char *dash = strchr(slice, '-'); dash != NULL; dash = strchr(dash + 1, '-')) {
        int added = snprintf(ret + len, CGROUP_PATH_BYTES - len, "%.*s.slice/",
                             (int)(dash - slice), slice);
        len += added > 0 ? (size_t)added : 0;
        if (len >= CGROUP_PATH_BYTES) {
            return false;
        }
    }
    int added = snprintf(ret + len, CGROUP_PATH_BYTES - len, "%s", slice);
    return added > 0 && len + (size_t)added < CGROUP_PATH_BYTES;
}

/* From our own cgroup to the one of the service manager that started us, whose slices are
 * beside ours: "x/system.slice/ece-agent.service" to "x". A scope stays: it may be the
 * container that we are in. */
static void leave_own_unit(char *path)
{
    if (ends_with(path, ".service")) {
        cgroup_path_up(path);
        while (ends_with(path, ".slice")) {
            cgroup_path_up(path);
        }
    }
}

/* Look for the slice in @manager and above it. */
static bool find_slice(const struct cgroup_tree *tree, const char *manager, const char *nested,
                       char ret[static CGROUP_PATH_BYTES])
{
    char above[CGROUP_PATH_BYTES];
    char path[CGROUP_PATH_BYTES];
    (void)snprintf(above, sizeof above, "%s", manager);
    for (;;) {
        int len =
            snprintf(path, sizeof path, "%s%s%s", above, above[0] != '\0' ? "/" : "", nested);
        if (len > 0 && (size_t)len < sizeof path &&
            faccessat(tree->mount.fd, path, F_OK, 0) == 0) {
            memcpy(ret, path, (size_t)len + 1);
            return true;
        }
        if (above[0] == '\0') {
            return false;
        }
        cgroup_path_up(above);
    }
}

void cgroup_tree_open(struct cgroup_tree *ret, int root_fd, const char *slice)
{
    char manager[CGROUP_PATH_BYTES];
    char nested[CGROUP_PATH_BYTES];
    ret->has_instances = false;
    ret->instances[0] = '\0';
    if (!cgroup_mount_find(root_fd, &ret->mount)) {
        return;
    }
    (void)snprintf(manager, sizeof manager, "%s", ret->mount.own);
    leave_own_unit(manager);
    ret->has_instances =
        nest(slice, nested) && find_slice(ret, manager, nested, ret->instances);
    if (!ret->has_instances) {
        (void)snprintf(ret->instances, sizeof ret->instances, "%s", manager);
    }
}

void cgroup_tree_close(struct cgroup_tree *tree)
{
    cgroup_mount_close(&tree->mount);
}

/* ---- numbers ---- */

/* False for anything but a number: absent, empty, "max", garbage. */
static bool read_number(int dir_fd, const char *dir, const char *file, uint64_t *ret)
{
    char path[FILE_BYTES];
    char text[NUMBER_BYTES];
    struct err err;
    int len = snprintf(path, sizeof path, "%s%s%s", dir, dir[0] != '\0' ? "/" : "", file);
    return len > 0 && (size_t)len < sizeof path &&
           proc_read_text(dir_fd, path, text, sizeof text) && strcmp(text, "max") != 0 &&
           parse_u64(text, 0, UINT64_MAX, ret, &err) == 0;
}

/* 0 counts as no limit too: nothing could run below it, so that it is a slip or a file system
 * that only pretends to be cgroups, and to offer no memory at all would be the worse guess. */
static bool is_limit(uint64_t bytes, uint64_t memory_total)
{
    return bytes > 0 && bytes < memory_total && bytes < unlimited_bytes;
}

/* ---- limits ---- */

static void take_lower(const struct cgroup_tree *tree, const char *path, const char *file,
                       uint64_t bytes, struct cgroup_limit *lowest)
{
    const char *root = tree->mount.root;
    if (bytes >= lowest->bytes) {
        return;
    }
    lowest->bytes = bytes;
    lowest->file = file;
    if (path[0] == '\0') {
        (void)snprintf(lowest->cgroup, sizeof lowest->cgroup, "%s", root);
    } else {
        (void)snprintf(lowest->cgroup, sizeof lowest->cgroup, "%s/%s",
                       strcmp(root, "/") == 0 ? "" : root, path);
    }
}

/* v1 says in each cgroup what the lowest limit on the way to the real root is. */
static bool read_hierarchical(const struct cgroup_tree *tree, uint64_t *ret)
{
    static const char key[] = "hierarchical_memory_limit ";
    CLEANUP(proc_lines_close) struct proc_lines lines;
    struct err err;
    (void)proc_lines_open(&lines, tree->mount.fd, "memory.stat"); /* if not: it has no lines */
    for (const char *line; (line = proc_lines_next(&lines)) != NULL;) {
        if (strncmp(line, key, sizeof key - 1) == 0) {
            return parse_u64(line + sizeof key - 1, 0, UINT64_MAX, ret, &err) == 0;
        }
    }
    return false;
}

bool cgroup_tree_limit(const struct cgroup_tree *tree, uint64_t memory_total,
                       struct cgroup_limit *ret)
{
    static const char hierarchical[] = "hierarchical_memory_limit";
    struct cgroup_limit lowest = {.bytes = UINT64_MAX};
    char path[CGROUP_PATH_BYTES];
    uint64_t bytes = 0;
    if (tree->mount.fd < 0) {
        return false;
    }
    (void)snprintf(path, sizeof path, "%s", tree->instances);
    for (;;) {
        if (read_number(tree->mount.fd, path, limit_file(tree), &bytes) &&
            is_limit(bytes, memory_total)) {
            take_lower(tree, path, limit_file(tree), bytes, &lowest);
        }
        if (path[0] == '\0') {
            break;
        }
        cgroup_path_up(path);
    }
    if (!tree->mount.is_v2 && read_hierarchical(tree, &bytes) &&
        is_limit(bytes, memory_total)) {
        take_lower(tree, "", hierarchical, bytes, &lowest);
    }
    if (lowest.bytes == UINT64_MAX) {
        return false;
    }
    *ret = lowest;
    return true;
}

/* ---- instances ---- */

static bool is_directory(int dir_fd, const char *name)
{
    struct stat stat;
    return fstatat(dir_fd, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(stat.st_mode);
}

static bool is_child(int dir_fd, const struct dirent64 *entry)
{
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
        return false;
    }
    return entry->d_type == DT_DIR ||
           (entry->d_type == DT_UNKNOWN && is_directory(dir_fd, entry->d_name));
}

typedef void child_fn(int dir_fd, const char *name, void *userdata);

/* getdents64() for itself: opendir() would allocate 32 KiB. */
static void each_child(const struct cgroup_tree *tree, child_fn *fn, void *userdata)
{
    _Alignas(struct dirent64) char entries[ENTRIES_BYTES];
    auto_fd int fd = tree->has_instances ? openat(tree->mount.fd, tree->instances,
                                                  O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                                         : -1;
    if (fd < 0) {
        return;
    }
    for (ssize_t len; (len = getdents64(fd, entries, sizeof entries)) > 0;) {
        const struct dirent64 *entry;
        for (ssize_t at = 0; at < len; at += entry->d_reclen) {
            entry = (const struct dirent64 *)(const void *)(entries + at);
            if (is_child(fd, entry)) {
                fn(fd, entry->d_name, userdata);
            }
        }
    }
}

static void count_child(int dir_fd, const char *name, void *userdata)
{
    size_t *count = userdata;
    (void)dir_fd;
    (void)name;
    (*count)++;
}

size_t cgroup_tree_count(const struct cgroup_tree *tree)
{
    size_t count = 0;
    each_child(tree, count_child, &count);
    return count;
}

struct visit {
    const struct cgroup_tree *tree;
    uint64_t memory_total;
    cgroup_instance_fn *fn;
    void *userdata;
};

static void visit_child(int dir_fd, const char *name, void *userdata)
{
    const struct visit *visit = userdata;
    struct cgroup_instance instance = {.name = name};
    instance.has_limit = read_number(dir_fd, name, limit_file(visit->tree), &instance.bytes) &&
                         is_limit(instance.bytes, visit->memory_total);
    if (!instance.has_limit &&
        !read_number(dir_fd, name, use_file(visit->tree), &instance.bytes)) {
        if (!is_directory(dir_fd, name)) {
            return; /* it ended while we read */
        }
        instance.bytes =
            0; /* a hierarchy without the memory controller: there, of unknown size */
    }
    visit->fn(&instance, visit->userdata);
}

void cgroup_tree_each(const struct cgroup_tree *tree, uint64_t memory_total,
                      cgroup_instance_fn *fn, void *userdata)
{
    struct visit visit = {tree, memory_total, fn, userdata};
    each_child(tree, visit_child, &visit);
}
