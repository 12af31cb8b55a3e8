/* SPDX-License-Identifier: Apache-2.0 */
/* Words for the registry's events; see coordinator_events.h. */
#include "coordinator/coordinator_events.h"

#include "common/base/message_ids.h"

#include <stdio.h>

enum { EVENT_TEXT_BYTES = 256 };

struct words {
    const char *action;
    enum log_level level;
    const char *message_id; /* NULL for none */
};

static struct words words_of(enum registry_event_type type)
{
    switch (type) {
    case REGISTRY_ENROLLED:
        return (struct words){"runner.enrolled", LOG_LEVEL_NOTICE, MESSAGE_RUNNER_ENROLLED};
    case REGISTRY_REENROLLED:
        return (struct words){"runner.reenrolled", LOG_LEVEL_INFO, NULL};
    case REGISTRY_TAKEN_OVER:
        return (struct words){"runner.taken_over", LOG_LEVEL_WARNING,
                              MESSAGE_RUNNER_TAKEN_OVER};
    case REGISTRY_ENROLL_REFUSED:
        return (struct words){"runner.enroll_refused", LOG_LEVEL_WARNING,
                              MESSAGE_RUNNER_REFUSED};
    case REGISTRY_CONNECTED:
        return (struct words){"runner.connected", LOG_LEVEL_INFO, MESSAGE_RUNNER_CONNECTED};
    case REGISTRY_DISCONNECTED:
        return (struct words){"runner.disconnected", LOG_LEVEL_NOTICE,
                              MESSAGE_RUNNER_DISCONNECTED};
    case REGISTRY_CONFLICT:
        return (struct words){"runner.conflict", LOG_LEVEL_WARNING, MESSAGE_RUNNER_CONFLICT};
    case REGISTRY_LEFT:
        return (struct words){"runner.left", LOG_LEVEL_NOTICE, MESSAGE_RUNNER_LEFT};
    case REGISTRY_DELETED:
        return (struct words){"runner.deleted", LOG_LEVEL_NOTICE, MESSAGE_RUNNER_DELETED};
    }
    return (struct words){"runner.event", LOG_LEVEL_INFO, NULL};
}

static void detail_text(const struct registry_event *event,
                        char ret_text[static EVENT_TEXT_BYTES])
{
    ret_text[0] = '\0';
    switch (event->type) {
    case REGISTRY_DISCONNECTED:
        (void)snprintf(ret_text, EVENT_TEXT_BYTES, "%s", liveness_end_name(event->end));
        break;
    case REGISTRY_ENROLL_REFUSED:
        (void)snprintf(ret_text, EVENT_TEXT_BYTES, "%s", event->message);
        break;
    case REGISTRY_CONFLICT:
        (void)snprintf(ret_text, EVENT_TEXT_BYTES, "another host, %s, uses the same identity",
                       event->peer);
        break;
    case REGISTRY_ENROLLED:
    case REGISTRY_REENROLLED:
    case REGISTRY_TAKEN_OVER:
    case REGISTRY_CONNECTED:
    case REGISTRY_LEFT:
    case REGISTRY_DELETED:
        break;
    }
}

static void actor_text(const struct registry_event *event,
                       char ret_text[static EVENT_TEXT_BYTES])
{
    if (event->token_id[0] != '\0') {
        (void)snprintf(ret_text, EVENT_TEXT_BYTES, "token %s", event->token_id);
    } else if (event->type == REGISTRY_DISCONNECTED && event->end != LIVENESS_END_GOODBYE) {
        (void)snprintf(ret_text, EVENT_TEXT_BYTES, "system");
    } else {
        (void)snprintf(ret_text, EVENT_TEXT_BYTES, "runner %s", event->runner_id);
    }
}

void coordinator_events_take(const struct registry_event *event, void *userdata)
{
    const struct coordinator_events *events = userdata;
    struct words words = words_of(event->type);
    char actor[EVENT_TEXT_BYTES];
    char detail[EVENT_TEXT_BYTES];
    actor_text(event, actor);
    detail_text(event, detail);
    struct audit_event entry = {.action = words.action,
                                .actor = actor,
                                .from = event->peer,
                                .subject = event->runner_id,
                                .detail = detail};
    log_event(events->log, words.level, "registry", words.message_id, "%s: %s%s%s%s%s",
              words.action, event->runner_id, event->peer[0] != '\0' ? " from " : "",
              event->peer, detail[0] != '\0' ? ": " : "", detail);
    if (event->type !=
        REGISTRY_DELETED) { /* its entry names the user and came with the removal */
        audit_append(events->audit, &entry);
    }
}
