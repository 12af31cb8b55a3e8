/* SPDX-License-Identifier: Apache-2.0 */
/* Runners as the platform API shows them: RunnerInfo. Reads the registry, decides
 * nothing. */
#ifndef COORDINATOR_RUNNER_VIEW_H
#define COORDINATOR_RUNNER_VIEW_H

#include "coordinator/registry/registry.h"

#include <jansson.h>

/** RunnerInfo; owned, NULL without memory. */
json_t *runner_view_one(const struct registry *registry, const struct runner *runner);

/** What a host that joined or wants to is told of the runner of that id [EN-9]: no tags, no
 * instances, nothing of the installation. Owned, NULL without memory. */
json_t *runner_view_brief(const struct runner *runner);

/** Connected, nothing wrong on the host, and no other host under its identity. */
bool runner_view_is_healthy(const struct registry *registry, const struct runner *runner);

#endif
