/* SPDX-License-Identifier: Apache-2.0 */
/* The installation at a glance: PlatformInfo with counts by zone. Reads the registry, decides
 * nothing. */
#ifndef COORDINATOR_PLATFORM_VIEW_H
#define COORDINATOR_PLATFORM_VIEW_H

#include "coordinator/registry/registry.h"

#include <jansson.h>

/** PlatformInfo; owned, NULL without memory. */
json_t *platform_view(const struct registry *registry);

#endif
