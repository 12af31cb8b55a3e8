/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host offers to instances and what they have been assigned: measured anew for each
 * heartbeat, from /proc, the cgroup tree and statvfs. Nothing is kept in between.
 */
#ifndef AGENT_CAPACITY_H
#define AGENT_CAPACITY_H

#include "common/base/err.h"
#include "common/wire/report.h"
#include "common/wire/roles.h"

#include <stdint.h>

/* What the message ends with when the memory cannot be measured. */
#define CAPACITY_REMEDY ": give --capacity"

struct capacity_options {
    const char *root;            /* "/" or a captured tree */
    const char *instances_slice; /* "ece-instances.slice" */
    const char *storage_path;    /* whose file system is offered */
    uint32_t flag_mb;            /* --capacity; 0 = not given */
    uint32_t settings_mb; /* settings.capacity of the API; 0 = not set; wins over flag_mb */
    roles_t roles;        /* decides the reserve's cap */
};

/**
 * Fill the memory, storage, cpus and instances of @report; its other fields stay. Blocks for
 * under a millisecond. The instances array of @report is reused when it is large enough.
 *
 * The total is settings_mb, else flag_mb, else 85 % of the least of MemTotal and the limits
 * over the place where instances run. Each instance counts with its limit, rounded up to a MiB;
 * with its use if it has none (0 and MemTotal or more are none). Where there are more instances
 * than a report holds, the last item is "(N more)" with the memory of all of those, so that the
 * list adds up.
 *
 * On failure @report is as before. ERR_ABSENT: no MemTotal and no override, or no such @root;
 * what statvfs says of storage_path. No cgroups at all is no failure.
 */
int capacity_measure(const struct capacity_options *options, struct report *report,
                     struct err *err) MUST_CHECK;

#endif
