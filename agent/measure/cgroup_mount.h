/* SPDX-License-Identifier: Apache-2.0 */
/* Where the cgroup hierarchy with the memory controller is mounted, and where in it we are. */
#ifndef AGENT_CGROUP_MOUNT_H
#define AGENT_CGROUP_MOUNT_H

#include "common/base/compiler.h"

#include <stdbool.h>

enum { CGROUP_PATH_BYTES = 1024 }; /* a longer path counts as not visible */

struct cgroup_mount {
    int fd; /* owned: the mount point; -1 = none */
    bool is_v2;
    char root[CGROUP_PATH_BYTES]; /* the cgroup that the mount point shows: "/", "/docker/x" */
    char own[CGROUP_PATH_BYTES];  /* ours, below the mount point, as far as it is visible there:
                                     "system.slice/x.service"; "" = the mount point */
};

/**
 * Look into proc/self/cgroup and proc/self/mountinfo below @root_fd: v1, v2 and hybrid, inside
 * a cgroup namespace or not. Without a readable mountinfo the usual places are tried. False
 * (and fd -1) when there is no such hierarchy, which is no error. cgroup_mount_close().
 */
bool cgroup_mount_find(int root_fd, struct cgroup_mount *ret) MUST_CHECK;
void cgroup_mount_close(struct cgroup_mount *mount);

/** "a/b" to "a", "a" to "". */
void cgroup_path_up(char *path);

#endif
