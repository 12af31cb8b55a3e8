/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to runners, for people: each event of the registry as a line in the log and an
 * entry in the audit. */
#ifndef COORDINATOR_EVENTS_H
#define COORDINATOR_EVENTS_H

#include "common/base/log.h"
#include "coordinator/audit/audit.h"
#include "coordinator/registry/registry.h"

struct coordinator_events {
    struct audit *audit;   /* borrowed */
    const struct log *log; /* borrowed */
};

/** A registry_event_fn; @userdata is struct coordinator_events. */
void coordinator_events_take(const struct registry_event *event, void *userdata);

#endif
