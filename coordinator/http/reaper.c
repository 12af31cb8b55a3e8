/* SPDX-License-Identifier: Apache-2.0 */
/* Three queues in one struct; the server owns the clock, the timer and what happens to those
 * who are due. */
#include "coordinator/http/reaper.h"

#include <stddef.h>

static void unlink_entry(struct reaper *reaper, struct reaper_entry *entry)
{
    if (entry->previous != NULL) {
        entry->previous->next = entry->next;
    } else {
        reaper->first[entry->stage] = entry->next;
    }
    if (entry->next != NULL) {
        entry->next->previous = entry->previous;
    } else {
        reaper->last[entry->stage] = entry->previous;
    }
}

void reaper_enter(struct reaper *reaper, struct reaper_entry *entry, enum reaper_stage stage,
                  uint64_t now_ms)
{
    if (entry->stage != REAPER_NONE) {
        unlink_entry(reaper, entry);
    }
    entry->stage = stage;
    entry->since_ms = now_ms;
    entry->next = NULL;
    entry->previous = NULL;
    if (stage == REAPER_NONE) {
        return;
    }
    entry->previous = reaper->last[stage];
    if (entry->previous != NULL) {
        entry->previous->next = entry;
    } else {
        reaper->first[stage] = entry;
    }
    reaper->last[stage] = entry;
}

struct reaper_entry *reaper_due(const struct reaper *reaper, uint64_t now_ms)
{
    for (int stage = REAPER_REQUESTING; stage < REAPER_STAGES; stage++) {
        struct reaper_entry *first = reaper->first[stage];
        /* An entry may be younger than the caller's idea of now. */
        if (first != NULL && first->since_ms <= now_ms &&
            now_ms - first->since_ms >= reaper->limit_ms[stage]) {
            return first;
        }
    }
    return NULL;
}
