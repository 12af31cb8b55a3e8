/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine has: memory and processors, whatever the limits on us. */
#ifndef AGENT_MACHINE_H
#define AGENT_MACHINE_H

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * MemTotal of proc/meminfo below @root_fd. @is_live says that this is the running system and
 * not a captured tree: then sysinfo(2) serves where a sandbox (ProcSubset=pid) or a container
 * hides the file. False when neither tells.
 */
bool machine_memory(int root_fd, bool is_live, uint64_t *ret_bytes) MUST_CHECK;

/** Processors that we may run on (live) or that are online (captured). 0 = unknown. */
uint32_t machine_cpus(int root_fd, bool is_live);

#endif
