/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may use the platform API, and whether a password is theirs. Users come from the store
 * and follow its changes. Passwords are checked on libuv's thread pool, few at a time, so
 * that a flood of wrong ones never keeps the store from writing; one that was right is
 * remembered for some minutes (as a keyed digest), so that a client that sends it with every
 * request costs microseconds.
 */
#ifndef COORDINATOR_USERS_H
#define COORDINATOR_USERS_H

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/rng.h"
#include "coordinator/auth/user_record.h"
#include "coordinator/store/store.h"

#include <uv.h>

struct users;

struct users_options { /* all borrowed; store, clock, rng and log outlive the users */
    uv_loop_t *loop;
    struct store *store;
    const struct clock *clock;
    const struct rng *rng;
    const struct log *log;
};

enum users_verdict {
    USERS_PENDING, /* the callback will tell */
    USERS_OK,
    USERS_WRONG,   /* no such user or not the password: never told apart */
    USERS_LIMITED, /* too many failures from this address: 429 with Retry-After */
    USERS_BUSY,    /* too many passwords are being checked: 503 */
};

struct user {
    char name[USER_NAME_BYTES];
    enum user_role role;
};

struct users_attempt { /* borrowed for the call */
    const char *name;
    const char *password;
    const char *peer; /* the client's address: failures are limited for each */
};

struct users_answer {
    enum users_verdict verdict; /* never USERS_PENDING in the callback */
    struct user user;           /* USERS_OK */
    uint32_t retry_after_s;     /* USERS_LIMITED, USERS_BUSY */
};

typedef void users_checked_fn(const struct users_answer *answer, void *userdata);

/** Read the users and watch them. Blocks (start-up). */
int users_open(struct users **ret, const struct users_options *options,
               struct err *err) MUST_CHECK;

/**
 * Check an attempt. The answer is @ret_answer at once (remembered, limited, busy), unless it
 * is USERS_PENDING: then @done comes once, from the loop, whatever happens.
 */
enum users_verdict users_check(struct users *users, const struct users_attempt *attempt,
                               users_checked_fn *done, void *userdata,
                               struct users_answer *ret_answer);

/**
 * Check no more: attempts that wait or come later are answered USERS_BUSY. @stopped (may be
 * NULL) is called once, from the loop, when the last running check is answered. Comes before
 * the HTTP server's stop.
 */
void users_stop(struct users *users, void (*stopped)(void *userdata), void *userdata);

/** After users_stop's callback and after the store is closed: its watchers live as long as it
 * does. NULL is fine. */
void users_free(struct users *users);

#endif
