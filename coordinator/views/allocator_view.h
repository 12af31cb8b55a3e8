/* SPDX-License-Identifier: Apache-2.0 */
/* Runners that hold the role allocator, as the platform API shows them: AllocatorInfo,
 * AllocatorOverview. Reads the registry, decides nothing. */
#ifndef COORDINATOR_ALLOCATOR_VIEW_H
#define COORDINATOR_ALLOCATOR_VIEW_H

#include "coordinator/registry/registry.h"

#include <jansson.h>

/* ECE's own name for the one region of an installation. */
#define VIEW_REGION "ece-region"

/** NULL when there is no such runner or it is no allocator. */
const struct runner *allocator_view_find(const struct registry *registry,
                                         const char *allocator_id);

/** AllocatorInfo; owned, NULL without memory. */
json_t *allocator_view_one(const struct registry *registry, const struct runner *runner);

/** AllocatorOverview: the array @allocators by zone, zones in the order of their first one;
 * owned, NULL without memory. */
json_t *allocator_view_group(const json_t *allocators);

#endif
