/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A search tree of digests, and a list of them in order of insertion. As all are held for
 * the same time, the oldest is always the first to go, and no timer is needed: each use
 * drops what has ended. Names are kept as SHA-256, so that every entry has one size; a
 * balanced tree (tsearch) has no worst case that a sender of names could aim at.
 */
#include "coordinator/auth/replay.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec/keys.h"

struct seen {
    char digest[KEYS_SHA256_HEX_BYTES];
    uint64_t until_ms;
    struct seen *next; /* the one that came after it */
};

struct replay {
    size_t capacity;
    size_t count;
    uint64_t hold_ms;
    void *tree;         /* of struct seen, borrowed from the list */
    struct seen *first; /* owned */
    struct seen **last;
};

static int compare(const void *a, const void *b)
{
    const struct seen *left = a;
    const struct seen *right = b;
    return memcmp(left->digest, right->digest, sizeof(left->digest));
}

int replay_new(struct replay **ret, size_t capacity, uint64_t hold_ms, struct err *err)
{
    struct replay *replay = calloc(1, sizeof(*replay));
    if (replay == NULL) {
        return err_no_memory(err);
    }
    replay->capacity = capacity;
    replay->hold_ms = hold_ms;
    replay->last = &replay->first;
    *ret = replay;
    return 0;
}

static void drop_first(struct replay *replay)
{
    struct seen *first = replay->first;
    replay->first = first->next;
    if (replay->first == NULL) {
        replay->last = &replay->first;
    }
    replay->count--;
    (void)tdelete(first, &replay->tree, compare);
    free(first);
}

void replay_free(struct replay *replay)
{
    if (replay == NULL) {
        return;
    }
    while (replay->first != NULL) {
        drop_first(replay);
    }
    free(replay);
}

/* REPLAY_FRESH: @seen is the table's now. */
static enum replay_verdict add(struct replay *replay, struct seen *seen, uint64_t now_ms)
{
    if (tfind(seen, &replay->tree, compare) != NULL) {
        return REPLAY_SEEN;
    }
    if (replay->count >= replay->capacity || tsearch(seen, &replay->tree, compare) == NULL) {
        return REPLAY_FULL;
    }
    seen->until_ms = now_ms + replay->hold_ms;
    *replay->last = seen;
    replay->last = &seen->next;
    replay->count++;
    return REPLAY_FRESH;
}

enum replay_verdict replay_use(struct replay *replay, const void *name, size_t len,
                               uint64_t now_ms)
{
    while (replay->first != NULL && replay->first->until_ms <= now_ms) {
        drop_first(replay);
    }
    struct err err;
    auto_free struct seen *seen = calloc(1, sizeof(*seen));
    if (seen == NULL || len == 0 || len > REPLAY_NAME_MAX ||
        keys_sha256_hex(name, len, seen->digest, &err) < 0) {
        return REPLAY_FULL;
    }
    enum replay_verdict verdict = add(replay, seen, now_ms);
    if (verdict == REPLAY_FRESH) {
        (void)TAKE(seen);
    }
    return verdict;
}

bool replay_has(const struct replay *replay, const void *name, size_t len, uint64_t now_ms)
{
    struct err err;
    struct seen wanted = {0};
    if (len == 0 || len > REPLAY_NAME_MAX ||
        keys_sha256_hex(name, len, wanted.digest, &err) < 0) {
        return true;
    }
    void *const *found = tfind(&wanted, &replay->tree, compare);
    return found != NULL && ((const struct seen *)*found)->until_ms > now_ms;
}

size_t replay_count(const struct replay *replay)
{
    return replay->count;
}
