/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A registry over a store in memory and a clock that the test moves. What it reports is written
 * into one journal, so that order can be compared as a whole: "enrolled h1; connected h1;
 * disconnected h1 (lease ended); ".
 */
#ifndef TESTS_SUPPORT_REGISTRY_HARNESS_H
#define TESTS_SUPPORT_REGISTRY_HARNESS_H

#include "coordinator/registry/registry.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* With one to a few runners: [HB-3]. */
enum { INTERVAL = 10000, LEASE = 30000, GRACE = 2000 };

#define SESSION_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SESSION_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct registry_harness {
    struct memory_store *memory;
    struct fake_clock clock;
    struct log log;
    struct registry *registry;
    char journal[4096];
    struct report report; /* that requests and full beats carry; no instances */

    /* The last answers. */
    unsigned n_enrolled;
    enum enroll_outcome outcome;
    roles_t missing;
    char message[REGISTRY_MESSAGE_BYTES];
    char enrolled_id[WIRE_RUNNER_ID_BYTES];
    unsigned n_removed;
    struct err removed;
    struct wire_beat_reply reply;
    uint32_t retry_after_s;
};

static inline const char *event_name(enum registry_event_type type)
{
    switch (type) {
    case REGISTRY_ENROLLED:
        return "enrolled";
    case REGISTRY_REENROLLED:
        return "reenrolled";
    case REGISTRY_TAKEN_OVER:
        return "taken over";
    case REGISTRY_ENROLL_REFUSED:
        return "refused";
    case REGISTRY_CONNECTED:
        return "connected";
    case REGISTRY_DISCONNECTED:
        return "disconnected";
    case REGISTRY_CONFLICT:
        return "conflict";
    case REGISTRY_LEFT:
        return "left";
    case REGISTRY_DELETED:
        return "deleted";
    }
    return "?";
}

static inline void harness_on_event(const struct registry_event *event, void *userdata)
{
    struct registry_harness *harness = userdata;
    const char *detail = event->type == REGISTRY_DISCONNECTED ? liveness_end_name(event->end)
                         : event->type == REGISTRY_CONFLICT   ? event->peer
                                                              : "";
    size_t used = strlen(harness->journal);
    (void)snprintf(harness->journal + used, sizeof harness->journal - used, "%s %s%s%s%s; ",
                   event_name(event->type), event->runner_id, *detail ? " (" : "", detail,
                   *detail ? ")" : "");
}

static inline void harness_expect(struct registry_harness *harness, const char *journal)
{
    assert_string_equal(harness->journal, journal);
    harness->journal[0] = '\0';
}

static inline void harness_open_registry(struct registry_harness *harness)
{
    struct registry_options options = {
        .store = memory_store_store(harness->memory),
        .clock = &harness->clock.clock,
        .log = &harness->log,
        .pace = PACE_BASE_DEFAULT,
        .coordinators = {.count = 1, .items = {{.host = "10.0.0.1", .port = 12443}}},
        .on_event = harness_on_event,
        .userdata = harness,
    };
    struct err err;
    assert_int_equal(registry_open(&harness->registry, &options, &err), 0);
}

static inline struct registry_harness *harness_new(void)
{
    struct registry_harness *harness = calloc(1, sizeof *harness);
    assert_non_null(harness);
    harness->memory = memory_store_new();
    assert_non_null(harness->memory);
    fake_clock_init(&harness->clock);
    harness->log = (struct log){.threshold = LOG_LEVEL_ERROR, .fd = -1};
    harness->report = (struct report){.host_ip = "10.0.0.7",
                                      .public_hostname = "host7",
                                      .version = "2.0.0",
                                      .commit = "abc",
                                      .memory_total_mb = 12398,
                                      .memory_source = "85% of MemTotal",
                                      .storage_total_mb = 102400,
                                      .cpus = 4,
                                      .healthy = true};
    harness_open_registry(harness);
    return harness;
}

static inline void harness_free(struct registry_harness *harness)
{
    (void)memory_store_run(harness->memory);
    registry_free(harness->registry);
    memory_store_free(harness->memory);
    free(harness);
}

/* The coordinator stops, with all written, and starts again @off_ms later. */
static inline void harness_restart(struct registry_harness *harness, uint64_t off_ms)
{
    (void)memory_store_run(harness->memory);
    registry_free(harness->registry);
    memory_store_detach(harness->memory);
    fake_clock_advance(&harness->clock, off_ms);
    harness->journal[0] = '\0';
    harness_open_registry(harness);
}

static inline void harness_on_enrolled(const struct registry_enrolled *result, void *userdata)
{
    struct registry_harness *harness = userdata;
    harness->n_enrolled++;
    harness->outcome = result->outcome;
    harness->missing = result->missing;
    (void)snprintf(harness->message, sizeof harness->message, "%s", result->message);
    (void)snprintf(harness->enrolled_id, sizeof harness->enrolled_id, "%s",
                   result->runner == NULL ? "" : result->runner->record.id);
}

/* Keys are letters; the thumbprint of 'a' is 64 of them. */
static inline void key_thumbprint(char key, char ret[static KEYS_SHA256_HEX_BYTES])
{
    memset(ret, key, KEYS_SHA256_HEX_BYTES - 1);
    ret[KEYS_SHA256_HEX_BYTES - 1] = '\0';
}

struct enrolment {
    const char *id;
    char key;
    roles_t roles;
    roles_t permitted;
    const char *zone; /* NULL = ece-zone-1 */
    const char *tags; /* NULL = none */
    const struct store_operation *extra;
};

/* Ask; the answer comes when the store runs. */
static inline void harness_ask(struct registry_harness *harness, struct enrolment enrolment)
{
    struct wire_enroll_request request = {.roles = enrolment.roles, .report = harness->report};
    struct err err;
    (void)snprintf(request.runner_id, sizeof request.runner_id, "%s", enrolment.id);
    (void)snprintf(request.zone, sizeof request.zone, "%s",
                   enrolment.zone == NULL ? "ece-zone-1" : enrolment.zone);
    if (enrolment.tags != NULL) {
        assert_int_equal(wire_tags_parse(enrolment.tags, &request.tags, &err), 0);
    }
    char thumbprint[KEYS_SHA256_HEX_BYTES];
    key_thumbprint(enrolment.key, thumbprint);
    registry_enroll(harness->registry,
                    &(struct registry_enroll){.request = &request,
                                              .permitted = enrolment.permitted,
                                              .token_id = "token-1",
                                              .public_key_pem = "PEM",
                                              .key_thumbprint = thumbprint,
                                              .peer = "10.0.0.7",
                                              .extra = enrolment.extra},
                    harness_on_enrolled, harness);
    wire_tags_fini(&request.tags);
}

/* Ask, and let everything be written. */
static inline enum enroll_outcome harness_enroll(struct registry_harness *harness,
                                                 struct enrolment enrolment)
{
    unsigned before = harness->n_enrolled;
    harness_ask(harness, enrolment);
    (void)memory_store_run(harness->memory);
    assert_int_equal(harness->n_enrolled, before + 1);
    return harness->outcome;
}

/* An allocator with a token that permits just that. */
static inline void harness_join(struct registry_harness *harness, const char *id, char key)
{
    assert_int_equal(harness_enroll(harness, (struct enrolment){.id = id,
                                                                .key = key,
                                                                .roles = ROLE_ALLOCATOR,
                                                                .permitted = ROLE_ALLOCATOR}),
                     ENROLL_OK);
}

struct beat {
    const char *id;
    char key;
    const char *session;
    uint64_t seq;
    uint64_t connection;
    bool is_full;
    uint64_t steering;
    const char *peer; /* NULL = 10.0.0.7 */
};

static inline enum beat_outcome harness_beat(struct registry_harness *harness, struct beat beat)
{
    struct wire_beat message = {
        .seq = beat.seq, .steering = beat.steering, .has_report = beat.is_full};
    (void)snprintf(message.session, sizeof message.session, "%s", beat.session);
    if (beat.is_full) {
        message.report = harness->report;
    }
    char thumbprint[KEYS_SHA256_HEX_BYTES];
    key_thumbprint(beat.key, thumbprint);
    return registry_beat(
        harness->registry,
        &(struct registry_beat){.runner_id = beat.id,
                                .key_thumbprint = thumbprint,
                                .beat = &message,
                                .connection = beat.connection,
                                .peer = beat.peer == NULL ? "10.0.0.7" : beat.peer},
        &harness->reply, &harness->retry_after_s);
}

/* A full first beat of session A on connection 1, everything written. */
static inline void harness_connect(struct registry_harness *harness, const char *id, char key)
{
    assert_int_equal(harness_beat(harness, (struct beat){.id = id,
                                                         .key = key,
                                                         .session = SESSION_A,
                                                         .seq = 1,
                                                         .connection = 1,
                                                         .is_full = true}),
                     BEAT_OK);
    (void)memory_store_run(harness->memory);
}

/* Time passes and the wiring's timer fires when it is due. */
static inline void harness_pass(struct registry_harness *harness, uint64_t ms)
{
    uint64_t end_ms = harness->clock.monotonic_ms + ms;
    for (;;) {
        uint64_t due_ms = registry_next_deadline(harness->registry);
        if (due_ms > end_ms) {
            break;
        }
        if (due_ms > harness->clock.monotonic_ms) {
            fake_clock_advance(&harness->clock, due_ms - harness->clock.monotonic_ms);
        }
        registry_tick(harness->registry);
        (void)memory_store_run(harness->memory);
    }
    fake_clock_advance(&harness->clock, end_ms - harness->clock.monotonic_ms);
}

static inline const struct runner *harness_find(const struct registry_harness *harness,
                                                const char *id)
{
    const struct runner *runner = registry_find(harness->registry, id);
    assert_non_null(runner);
    return runner;
}

static inline void harness_on_removed(const struct err *error, void *userdata)
{
    struct registry_harness *harness = userdata;
    harness->n_removed++;
    harness->removed = error == NULL ? (struct err){0} : *error;
}

#endif
