/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A coordinator behind fake_http.h, as far as an agent can tell: gives its CA, enrols, grants
 * access tokens, takes beats. What a request must be by docs/protocol.md it holds every
 * request to, and fails the test otherwise. The test adds faults: for one path, the next so
 * many times, in the order they were added.
 */
#ifndef TESTS_SUPPORT_FAKE_COORDINATOR_H
#define TESTS_SUPPORT_FAKE_COORDINATOR_H

#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/wire/messages.h"
#include "tests/support/fake_http.h"

#include <stdbool.h>

#define FAKE_INSTALLATION "5d0c2c0e-5a2c-4b9e-9f6e-0d6c2f2f5a11"

enum { FAKE_FAULTS_MAX = 16, FAKE_ACCESS_BYTES = 32 };

/* A host that has enrolled. */
struct fake_runner {
    char runner_id[WIRE_RUNNER_ID_BYTES];
    char *public_key_pem;           /* owned */
    bool is_removed;                /* an operator deleted it */
    char access[FAKE_ACCESS_BYTES]; /* the access token that is good now */
    uint64_t access_ends_ms;
    char session[WIRE_SESSION_BYTES];
    uint64_t seq;
    struct report report; /* as last told; instances dropped */
    bool has_report;      /* in this session */
    unsigned n_enrolled, n_granted, n_beats, n_goodbyes;
};

enum fake_fault_kind {
    FAKE_FAULT_REPLACE, /* not looked at, answered with `answer` */
    FAKE_FAULT_LOSE,    /* done, but the reply never arrives: `answer` does */
    FAKE_FAULT_DELAY,   /* done, and answered late: answer.delay_ms */
};

struct fake_fault {
    const char *path;
    unsigned times;
    enum fake_fault_kind kind;
    struct fake_answer answer;
};

/* Must not move after fake_coordinator_init(). */
struct fake_coordinator {
    const struct clock *clock; /* borrowed */
    int64_t offset_ms;         /* its wall clock minus the monotonic one */
    char *ca_pem;
    char ca_sha256[KEYS_SHA256_HEX_BYTES];
    struct secret token_key;
    struct wire_pace pace; /* the test may change all of these */
    uint32_t access_life_s;
    struct wire_steering steering; /* revision 0 = none */
    bool asks_for_report;
    bool believes_assertions;     /* for many agents: checking them is most of the time */
    const char *conflict_host_ip; /* NULL = none */
    struct fake_runner *runners;  /* owned; in the order they enrolled */
    size_t n_runners;
    unsigned n_granted;
    struct fake_fault faults[FAKE_FAULTS_MAX];
    size_t n_faults;
};

/** 10 s between beats, 30 s of lease, spread 1 ms, access tokens for 900 s. */
void fake_coordinator_init(struct fake_coordinator *coordinator, const struct clock *clock);
void fake_coordinator_fini(struct fake_coordinator *coordinator);

/** A fake_answer_fn's work. */
struct fake_answer fake_coordinator_answer(struct fake_coordinator *coordinator,
                                           const struct fake_request *request);

/** A roles token for all roles, with `sub` @id and the claim ca_sha256. malloc'd. */
char *fake_coordinator_token(const struct fake_coordinator *coordinator, const char *id);

/** fault.answer.json is taken. */
void fake_coordinator_add_fault(struct fake_coordinator *coordinator, struct fake_fault fault);
/** Faults that have not happened yet will not. */
void fake_coordinator_heal(struct fake_coordinator *coordinator);

/** The one with this id; fails the test when it never enrolled. */
struct fake_runner *fake_coordinator_runner(const struct fake_coordinator *coordinator,
                                            const char *runner_id);

static inline void fake_coordinator_fail(struct fake_coordinator *coordinator, const char *path,
                                         unsigned times, struct fake_answer answer)
{
    fake_coordinator_add_fault(coordinator,
                               (struct fake_fault){path, times, FAKE_FAULT_REPLACE, answer});
}

static inline void fake_coordinator_lose(struct fake_coordinator *coordinator, const char *path)
{
    fake_coordinator_add_fault(
        coordinator, (struct fake_fault){path, 1, FAKE_FAULT_LOSE, fake_failure(ERR_CONNECT)});
}

static inline void fake_coordinator_delay(struct fake_coordinator *coordinator,
                                          const char *path, uint64_t delay_ms)
{
    fake_coordinator_add_fault(
        coordinator, (struct fake_fault){path, 1, FAKE_FAULT_DELAY, {.delay_ms = delay_ms}});
}

#endif
