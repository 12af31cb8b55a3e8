/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the memory hierarchy and our place in it. Owns the reading of /proc/self/cgroup and
 * /proc/self/mountinfo; knows nothing of limits and slices.
 *
 * The two files need not agree. In a cgroup namespace our path is relative to its root, and so
 * is the root of a mount ("/../.." for one that was made outside). A container without a
 * namespace has the host's path in the one and in the other a mount that begins at that path.
 * What cannot be matched is taken to be at the mount point, which is the nearest thing above us
 * that can be seen.
 */
#include "agent/measure/cgroup_mount.h"

#include "agent/measure/proc_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct own_paths {
    char v1[CGROUP_PATH_BYTES]; /* of the hierarchy with the memory controller; "" = unknown */
    char v2[CGROUP_PATH_BYTES];
};

void cgroup_path_up(char *path)
{
    char *slash = strrchr(path, '/');
    *(slash != NULL ? slash : path) = '\0';
}

/* @list is "cpu,cpuacct". */
static bool has_item(const char *list, const char *item)
{
    size_t len = strlen(item);
    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',' ? 1 : 0;
        if (strncmp(at, item, len) == 0 && (at[len] == ',' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

static void copy_path(const char *path, char ret[static CGROUP_PATH_BYTES])
{
    size_t len = strlen(path);
    if (path[0] == '/' && len < CGROUP_PATH_BYTES) {
        memcpy(ret, path, len + 1);
    }
}

/* Lines are "4:memory:/user.slice" (v1) and "0::/user.slice" (v2); the path may hold colons. */
static void read_own_paths(int root_fd, struct own_paths *ret)
{
    CLEANUP(proc_lines_close) struct proc_lines lines;
    ret->v1[0] = '\0';
    ret->v2[0] = '\0';
    (void)proc_lines_open(&lines, root_fd, "proc/self/cgroup"); /* if not: it has no lines */
    for (char *line; (line = proc_lines_next(&lines)) != NULL;) {
        (void)strsep(&line, ":");
        const char *controllers = strsep(&line, ":");
        if (line == NULL) {
            continue;
        }
        if (controllers[0] == '\0') {
            copy_path(line, ret->v2);
        } else if (has_item(controllers, "memory")) {
            copy_path(line, ret->v1);
        }
    }
}

struct mount_line {
    char *root;
    char *point;
    const char *type;
    const char *options; /* of the superblock: the controllers of a v1 hierarchy */
};

/* "\040" to " ", in place: how mountinfo writes blanks, tabs, newlines and backslashes. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; to++) {
        if (from[0] == '\\' && strspn(from + 1, "01234567") >= 3) {
            *to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

/* "32 31 0:29 /root /mount/point rw,relatime shared:4 - cgroup cgroup rw,cpu" */
static bool parse_mount(char *line, struct mount_line *ret)
{
    char *fields[6] = {0};
    char *tail = strstr(line, " - ");
    if (tail == NULL) {
        return false;
    }
    *tail = '\0';
    tail += 3;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        fields[i] = strsep(&line, " ");
    }
    ret->root = fields[3];
    ret->point = fields[4];
    ret->type = strsep(&tail, " ");
    (void)strsep(&tail, " "); /* the source */
    ret->options = tail;
    if (fields[5] == NULL || tail == NULL || ret->root[0] != '/' || ret->point[0] != '/') {
        return false;
    }
    unescape(ret->root);
    unescape(ret->point);
    return true;
}

/* True if @path has a component "..". */
static bool leads_upwards(const char *path)
{
    for (const char *at = path; (at = strstr(at, "/..")) != NULL; at += 3) {
        if (at[3] == '/' || at[3] == '\0') {
            return true;
        }
    }
    return false;
}

/* @own without the @root it starts with and without slashes in front; NULL if it does not. */
static const char *below(const char *own, const char *root)
{
    size_t len = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (own[0] == '\0' || strncmp(own, root, len) != 0 || leads_upwards(own + len) ||
        (own[len] != '/' && own[len] != '\0')) {
        return NULL;
    }
    return own + len + strspn(own + len, "/");
}

/* Open the hierarchy at @point; @own is our path below it, NULL = unknown. Returns how well it
 * suits: 0 not at all, 2 if all of our path is visible, else 1. */
static int open_at(struct cgroup_mount *mount, int root_fd, const char *point, const char *own)
{
    const char *relative = point + strspn(point, "/");
    mount->fd =
        openat(root_fd, relative[0] != '\0' ? relative : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (mount->fd < 0) {
        return 0;
    }
    bool is_whole = own != NULL;
    (void)snprintf(mount->own, sizeof mount->own, "%s", own != NULL ? own : "");
    while (mount->own[0] != '\0' && faccessat(mount->fd, mount->own, F_OK, 0) < 0) {
        /* Removed under us, or a path that means something outside only. */
        cgroup_path_up(mount->own);
        is_whole = false;
    }
    return is_whole ? 2 : 1;
}

/* Open the hierarchy that @line mounts, if it can have the memory controller. Returns as
 * open_at(). */
static int open_mount(struct cgroup_mount *mount, int root_fd, const struct mount_line *line,
                      const struct own_paths *own)
{
    bool is_v1 = strcmp(line->type, "cgroup") == 0 && has_item(line->options, "memory");
    mount->is_v2 = strcmp(line->type, "cgroup2") == 0;
    if ((!is_v1 && !mount->is_v2) || strlen(line->root) >= sizeof mount->root) {
        return 0;
    }
    if (leads_upwards(line->root)) {
        /* Made outside our namespace: what it shows has no name here, nor can we be found in
         * it. */
        copy_path("/", mount->root);
        return open_at(mount, root_fd, line->point, NULL);
    }
    copy_path(line->root, mount->root);
    return open_at(mount, root_fd, line->point, below(is_v1 ? own->v1 : own->v2, mount->root));
}

static void find_mounted(int root_fd, const struct own_paths *own, struct cgroup_mount *best)
{
    CLEANUP(proc_lines_close) struct proc_lines lines;
    int best_rank = 0;
    (void)proc_lines_open(&lines, root_fd, "proc/self/mountinfo"); /* if not: it has no lines */
    for (char *text; (text = proc_lines_next(&lines)) != NULL;) {
        struct mount_line line;
        struct cgroup_mount mount = {.fd = -1};
        int suits = parse_mount(text, &line) ? open_mount(&mount, root_fd, &line, own) : 0;
        /* A controller is in one hierarchy only: where v1 has memory, v2 (hybrid) has not. Of
         * several mounts that suit as well, the later one covers the earlier one. */
        int rank = suits > 0 && !mount.is_v2 ? suits + 2 : suits;
        if (rank > 0 && rank >= best_rank) {
            cgroup_mount_close(best);
            *best = mount;
            best_rank = rank;
        } else {
            cgroup_mount_close(&mount);
        }
    }
}

/* Without mountinfo: where every distribution mounts it. */
static void find_usual(int root_fd, const struct own_paths *own, struct cgroup_mount *best)
{
    copy_path("/", best->root);
    if (faccessat(root_fd, "sys/fs/cgroup/memory/memory.limit_in_bytes", F_OK, 0) == 0) {
        best->is_v2 = false;
        (void)open_at(best, root_fd, "/sys/fs/cgroup/memory", below(own->v1, "/"));
    } else if (faccessat(root_fd, "sys/fs/cgroup/cgroup.controllers", F_OK, 0) == 0) {
        best->is_v2 = true;
        (void)open_at(best, root_fd, "/sys/fs/cgroup", below(own->v2, "/"));
    }
}

bool cgroup_mount_find(int root_fd, struct cgroup_mount *ret)
{
    struct own_paths own;
    *ret = (struct cgroup_mount){.fd = -1};
    read_own_paths(root_fd, &own);
    find_mounted(root_fd, &own, ret);
    if (ret->fd < 0) {
        find_usual(root_fd, &own, ret);
    }
    return ret->fd >= 0;
}

void cgroup_mount_close(struct cgroup_mount *mount)
{
    if (mount->fd >= 0) {
        (void)close(mount->fd);
    }
    mount->fd = -1;
}
