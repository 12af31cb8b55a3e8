/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `ece-agent check` found: findings in the order in which they were added, and their
 * rendering as text and JSON. Also the one list of the checks' codes, which are stable: scripts
 * depend on them.
 */
#ifndef AGENT_CHECK_REPORT_H
#define AGENT_CHECK_REPORT_H

#include "common/base/buf.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define CHECK_CONFIG_VALID "config.valid"
#define CHECK_CONFIG_COORDINATOR "config.coordinator"
#define CHECK_CONFIG_CA "config.coordinator_ca" /* only with --coordinator-ca */
#define CHECK_TOKEN_FORM "token.form"
#define CHECK_TOKEN_EXPIRY "token.expiry"
#define CHECK_TOKEN_ROLES "token.roles"
#define CHECK_HOST_ADDRESS "host.address"
#define CHECK_STATE_DIRECTORY "state.directory"
#define CHECK_STATE_SPACE "state.space"
#define CHECK_STATE_IDENTITY "state.identity"
#define CHECK_SERVICE_RUNNING "service.running"
#define CHECK_MEMORY_TOTAL "memory.total"
#define CHECK_CGROUP_HIERARCHY "cgroup.hierarchy"
#define CHECK_CGROUP_INSTANCES "cgroup.instances"
#define CHECK_PROXY_RESOLVE "proxy.resolve" /* only with --proxy */
#define CHECK_PROXY_TCP "proxy.tcp"         /* only with --proxy */
#define CHECK_COORDINATOR_RESOLVE "coordinator.resolve"
#define CHECK_COORDINATOR_TCP "coordinator.tcp"
#define CHECK_COORDINATOR_TLS "coordinator.tls"
#define CHECK_COORDINATOR_TRUST "coordinator.trust"
#define CHECK_COORDINATOR_CLOCK "coordinator.clock"
#define CHECK_TOKEN_ACCEPTED "token.accepted"
#define CHECK_RUNNER_ID "runner.id"

enum check_status { CHECK_OK, CHECK_WARNING, CHECK_FAILURE, CHECK_SKIPPED, CHECK_STATUS_COUNT };

struct check_finding {
    enum check_status status;
    const char *code; /* static */
    char *message;    /* owned; printable UTF-8 */
    char *next;       /* owned; what to do; NULL = nothing */
};

struct check_report {
    struct check_finding *findings; /* owned */
    size_t count;
    size_t allocated;
    bool is_incomplete; /* memory ran out: findings are missing */
};

#define CHECK_REPORT_INIT ((struct check_report){0})

/*
 * Each adds one finding; a peer's control characters and broken UTF-8 are replaced. @next is
 * what to do about it.
 */
void check_ok(struct check_report *report, const char *code, const char *format, ...)
    PRINTF_LIKE(3, 4);
void check_warning(struct check_report *report, const char *code, const char *next,
                   const char *format, ...) PRINTF_LIKE(4, 5);
void check_failure(struct check_report *report, const char *code, const char *next,
                   const char *format, ...) PRINTF_LIKE(4, 5);
/** Not looked at; the message is the reason. */
void check_skipped(struct check_report *report, const char *code, const char *format, ...)
    PRINTF_LIKE(3, 4);

enum { CHECK_FACT_BYTES = sizeof(((struct err *)NULL)->message) };

/** @message without @remedy, for a finding whose next step says that better. */
void check_fact(const char *message, const char *remedy,
                char ret_fact[static CHECK_FACT_BYTES]);

/** Move all findings of @from to the end of @report; @from is empty after. */
void check_report_append(struct check_report *report, struct check_report *from);

/** No failure, and nothing is missing. */
bool check_report_is_ok(const struct check_report *report);

/** Aligned lines, each next step on a line of its own below, a summary at the end. */
int check_report_text(const struct check_report *report, struct buf *ret,
                      struct err *err) MUST_CHECK;
/**
 * {"ok":bool,"checks":[{"code","status","message","next"}...]}; next is null when there is
 * none.
 */
int check_report_json(const struct check_report *report, struct buf *ret,
                      struct err *err) MUST_CHECK;

void check_report_fini(struct check_report *report);

#endif
