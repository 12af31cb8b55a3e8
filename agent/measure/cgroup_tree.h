/* SPDX-License-Identifier: Apache-2.0 */
/* Memory in the cgroup tree: the limits over the instances, and the instances themselves. */
#ifndef AGENT_CGROUP_TREE_H
#define AGENT_CGROUP_TREE_H

#include "agent/measure/cgroup_mount.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct cgroup_tree {
    struct cgroup_mount mount;
    bool has_instances;                /* the slice is there */
    char instances[CGROUP_PATH_BYTES]; /* the slice, or the cgroup below which it would be made;
                                          relative to the mount point */
};

/**
 * Find the memory hierarchy below @root_fd (of "/" or of a captured tree) and in it the slice
 * @slice ("ece-instances.slice"), which systemd puts at ece.slice/ece-instances.slice below the
 * cgroup of the manager that started us. No hierarchy or no slice is no error: there are no
 * limits and no instances then. cgroup_tree_close().
 */
void cgroup_tree_open(struct cgroup_tree *ret, int root_fd, const char *slice);
void cgroup_tree_close(struct cgroup_tree *tree);

struct cgroup_limit {
    uint64_t bytes;
    char cgroup[2 * CGROUP_PATH_BYTES]; /* "/docker/x" */
    const char *file;                   /* "memory.max": static */
};

/**
 * The lowest limit on the instances slice and everything above it up to the root; on what is
 * above the mount point too, where the kernel tells (v1). A limit of @memory_total or more is
 * none. False when there is none; @ret is untouched then.
 */
bool cgroup_tree_limit(const struct cgroup_tree *tree, uint64_t memory_total,
                       struct cgroup_limit *ret) MUST_CHECK;

struct cgroup_instance {
    const char *name; /* borrowed; any bytes but '/' and NUL */
    uint64_t bytes;   /* its limit, or its use if it has none */
    bool has_limit;
};

typedef void cgroup_instance_fn(const struct cgroup_instance *instance, void *userdata);

/** How many instances there are: the child cgroups of the slice. */
size_t cgroup_tree_count(const struct cgroup_tree *tree);

/** Call @fn for each instance; one that vanishes meanwhile is left out. The order is the
 * kernel's, which stays the same while the set does. */
void cgroup_tree_each(const struct cgroup_tree *tree, uint64_t memory_total,
                      cgroup_instance_fn *fn, void *userdata);

#endif
