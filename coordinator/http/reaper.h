/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has taken too long: connections by what they are waiting for, in the order in which their
 * time runs out. Each stage has one limit for everybody, so first in is first due and nothing
 * is ever searched. Pure: time is passed in.
 */
#ifndef COORDINATOR_REAPER_H
#define COORDINATOR_REAPER_H

#include <stdint.h>

enum reaper_stage {
    REAPER_NONE,
    REAPER_REQUESTING, /* connected, or a request begun: the whole request is awaited */
    REAPER_PARKED,     /* a handler's reply is awaited */
    REAPER_KEPT,       /* the client is awaited: to take the reply, or to ask again */
    REAPER_STAGES
};

struct reaper_entry {
    struct reaper_entry *previous; /* borrowed, both */
    struct reaper_entry *next;
    uint64_t since_ms;
    enum reaper_stage stage;
};

struct reaper {
    struct reaper_entry *first[REAPER_STAGES];
    struct reaper_entry *last[REAPER_STAGES];
    uint32_t limit_ms[REAPER_STAGES];
};

/** Put the entry into a stage, whatever stage it was in; its time starts now. REAPER_NONE only
 * takes it out. */
void reaper_enter(struct reaper *reaper, struct reaper_entry *entry, enum reaper_stage stage,
                  uint64_t now_ms);

/** One entry that is past the limit of its stage; NULL when there is none. It stays until it is
 * put elsewhere. */
struct reaper_entry *reaper_due(const struct reaper *reaper, uint64_t now_ms);

#endif
