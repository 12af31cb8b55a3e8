/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who did what: an append-only record in the store, "audit/<20 digits>" -> {"time":RFC
 * 3339,"action":...,"actor":..., "from":...,"subject":...,"detail":...}. The newest
 * AUDIT_RECENT entries stay in memory for views; the oldest leave the store when there are more
 * than the limit. Never hand it a token, password or key: texts are stored as they come.
 */
#ifndef COORDINATOR_AUDIT_H
#define COORDINATOR_AUDIT_H

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "coordinator/store/store.h"

#include <stddef.h>
#include <stdint.h>

struct audit;

enum {
    AUDIT_LIMIT_DEFAULT = 100000,
    AUDIT_LIMIT_MIN = 100,
    AUDIT_RECENT = 1000,
    AUDIT_TEXT_MAX = 512, /* longer texts are cut; what is not UTF-8 becomes '?' */
    AUDIT_KEY_BYTES = 27,
};

/* NULL is "" everywhere; empty members but action and actor are left out of the JSON. */
struct audit_event {
    /* "token.created", "token.deleted", "runner.enrolled", "runner.reenrolled",
     * "runner.taken_over", "runner.enroll_refused", "runner.left", "runner.deleted",
     * "runner.connected", "runner.disconnected", "runner.conflict", "user.password_reset" */
    const char *action;
    const char *actor; /* "user admin", "runner 10.0.0.1", "token <id>", "uid 0" (of whoever ran
                          a command on the coordinator's host), "system" */
    const char *from;  /* address of the peer */
    const char *subject; /* id of the runner or token that it happened to */
    const char *detail;  /* short text for people */
};

struct audit_options {
    struct store *store;       /* borrowed; closed before audit_free */
    const struct clock *clock; /* borrowed */
    const struct log *log;     /* borrowed: says when entries get lost, and when that is over */
    size_t limit; /* entries to keep; 0 = AUDIT_LIMIT_DEFAULT, at least AUDIT_LIMIT_MIN */
};

/** Find the last number in the store, and follow it from now on. Blocks: for start-up. One of
 * the store's watchers. */
int audit_open(struct audit **ret, const struct audit_options *options,
               struct err *err) MUST_CHECK;

/** After the store's closed callback came (callbacks and watches of the store refer to @audit).
 * NULL is fine. */
void audit_free(struct audit *audit);

/** Write an entry of its own, some time soon. Never waits and never fails for the caller: a
 * lost entry is logged and counted. */
void audit_append(struct audit *audit, const struct audit_event *event);

/* An entry that is written in the same transaction as the change it tells of. */
struct audit_entry {
    char key[AUDIT_KEY_BYTES];
    char *value; /* owned; JSON */
    size_t len;
};

#define auto_audit_entry CLEANUP(audit_entry_fini) struct audit_entry

/**
 * Make an entry for the caller's own transaction:
 *     auto_audit_entry entry = {0};
 *     if (audit_prepare(audit, &event, &entry, err) < 0) ...
 *     operations[n++] = audit_entry_operation(&entry);
 *     store_commit(...);     (the store copies: the entry may go at once)
 * Not committing it is fine: its number stays unused. ERR_NO_MEMORY.
 */
int audit_prepare(struct audit *audit, const struct audit_event *event, struct audit_entry *ret,
                  struct err *err) MUST_CHECK;

static inline struct store_operation audit_entry_operation(const struct audit_entry *entry)
{
    return (struct store_operation){
        .key = entry->key, .value = entry->value, .len = entry->len};
}

/** Release; any number of times, also when zeroed. */
void audit_entry_fini(struct audit_entry *entry);

/** One entry as the JSON that is stored. Borrowed for the call. */
typedef void audit_entry_fn(uint64_t number, const char *json, size_t len, void *userdata);

/** The newest durable entries, newest first, at most @max and AUDIT_RECENT of them. Reads
 * memory only. */
void audit_recent(const struct audit *audit, size_t max, audit_entry_fn *each, void *userdata);

/** Entries that audit_append could not write since the start. For metrics. */
uint64_t audit_lost(const struct audit *audit);

#endif
