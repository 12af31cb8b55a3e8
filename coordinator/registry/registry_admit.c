/* SPDX-License-Identifier: Apache-2.0 */
/* Who may hold which runner id ([EN-3], [EN-6], [EN-7]): decides on what memory says, changes
 * nothing. */
#include "common/base/compiler.h"
#include "coordinator/registry/registry_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum enroll_outcome refuse(struct registry_decision *decision,
                                  enum enroll_outcome outcome, const char *format, ...)
    PRINTF_LIKE(3, 4);

static enum enroll_outcome refuse(struct registry_decision *decision,
                                  enum enroll_outcome outcome, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(decision->message, sizeof decision->message, format, args);
    va_end(args);
    decision->outcome = outcome;
    return outcome;
}

/* May a host with another key than the holder's have @id [EN-6]? */
static enum enroll_outcome decide_other_key(const struct runner *holder, roles_t permitted,
                                            struct registry_decision *decision)
{
    const char *id = holder->record.id;
    if (runner_is_connected(holder)) {
        return refuse(decision, ENROLL_TAKEN_CONNECTED,
                      "runner id %s is taken: a host with another key (%s) holds it and is "
                      "connected. Choose another runner id; or, if this host is to replace it, "
                      "stop ece-agent there and try again",
                      id, holder->has_report ? holder->report.host_ip : "address unknown");
    }
    decision->missing = holder->record.roles & ~permitted;
    if (decision->missing != ROLES_NONE) {
        char missing[ROLES_TEXT_BYTES];
        roles_format(decision->missing, missing);
        return refuse(decision, ENROLL_TAKEN_ROLES,
                      "runner id %s is taken: a host with another key, disconnected now, holds "
                      "it with roles that this roles token does not permit: %s. Use a roles "
                      "token that permits them, delete the runner, or choose another runner id",
                      id, missing);
    }
    decision->event = REGISTRY_TAKEN_OVER;
    return decision->outcome = ENROLL_OK;
}

/* @thumbprint NULL = a new key. */
static enum enroll_outcome decide_id(const struct registry *registry, const char *id,
                                     const char *thumbprint, roles_t permitted,
                                     struct registry_decision *decision)
{
    const struct registry_unreadable *unreadable = registry_find_unreadable(registry, id);
    if (unreadable != NULL) {
        return refuse(decision, ENROLL_UNREADABLE,
                      "runner id %s is taken: its record in the store is unreadable: %s. "
                      "Delete the runner, or "
                      "choose another runner id",
                      id, unreadable->why);
    }
    decision->runner = runner_index_find(&registry->index, id);
    if (decision->runner == NULL) {
        decision->event = REGISTRY_ENROLLED;
        return decision->outcome = ENROLL_OK;
    }
    if (thumbprint != NULL &&
        strcmp(decision->runner->record.key_thumbprint, thumbprint) == 0) {
        decision->event = REGISTRY_REENROLLED;
        return decision->outcome = ENROLL_OK;
    }
    return decide_other_key(decision->runner, permitted, decision);
}

/* Is the key of @record another runner's, or about to be [EN-7]? */
static const char *other_id_of_key(const struct registry *registry,
                                   const struct runner_record *record)
{
    const struct runner *runner =
        runner_index_find_key(&registry->index, record->key_thumbprint);
    return runner != NULL && strcmp(runner->record.id, record->id) != 0
               ? runner->record.id
               : registry_find_enrolling(registry, record);
}

enum enroll_outcome registry_decide(const struct registry *registry,
                                    const struct runner_record *record, roles_t permitted,
                                    struct registry_decision *decision)
{
    decision->missing = record->roles & ~permitted;
    if (decision->missing != ROLES_NONE) {
        char missing[ROLES_TEXT_BYTES];
        char allowed[ROLES_TEXT_BYTES];
        roles_format(decision->missing, missing);
        roles_format(permitted, allowed);
        return refuse(decision, ENROLL_ROLES,
                      "the roles token does not permit these roles: %s; it permits: %s. Leave "
                      "them out, or use a roles token that permits them",
                      missing, permitted == ROLES_NONE ? "none" : allowed);
    }
    const char *other_id = other_id_of_key(registry, record);
    if (other_id != NULL) {
        return refuse(
            decision, ENROLL_TAKEN_KEY,
            "this host's key is registered as runner %s already. Enrol as that runner; "
            "or leave the installation first (ece-agent leave), then enrol as %s",
            other_id, record->id);
    }
    return decide_id(registry, record->id, record->key_thumbprint, permitted, decision);
}

enum enroll_outcome registry_would_enroll(const struct registry *registry,
                                          const char *runner_id, roles_t permitted,
                                          char ret_message[static REGISTRY_MESSAGE_BYTES])
{
    struct registry_decision decision = {0};
    (void)decide_id(registry, runner_id, NULL, permitted, &decision);
    memcpy(ret_message, decision.message, REGISTRY_MESSAGE_BYTES);
    return decision.outcome;
}
