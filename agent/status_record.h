/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the running agent says of itself, for `ece-agent status` and systemd:
 * runtime_dir/status.json, replaced at each change. The times that decide whether it is still
 * true are CLOCK_BOOTTIME, so that a wrong wall clock cannot make a lie of it.
 */
#ifndef AGENT_STATUS_RECORD_H
#define AGENT_STATUS_RECORD_H

#include "agent/agent_state.h"
#include "common/base/endpoint.h"
#include "common/base/err.h"
#include "common/wire/messages.h"

#include <stdbool.h>
#include <stdint.h>

enum { STATUS_REASON_BYTES = 512, STATUS_LINE_BYTES = 1024, STATUS_TIME_BYTES = 32 };

struct status_record {
    int pid;
    enum agent_state state;
    int64_t since_wall_ms;            /* when the state was entered */
    char reason[STATUS_REASON_BYTES]; /* why it is not connected, or what is odd; "" = nothing
                                         to say */
    char coordinator[ENDPOINT_TEXT_BYTES]; /* asked last; "" = none */
    char runner_id[WIRE_RUNNER_ID_BYTES];
    char installation_id[X509_INSTALLATION_ID_BYTES];
    char zone[WIRE_ZONE_BYTES];
    roles_t roles;
    int64_t last_beat_wall_ms; /* 0 = none yet */
    uint64_t last_beat_ms;     /* boot time */
    uint64_t lease_end_ms;     /* boot time; 0 = no lease */
    uint64_t next_try_ms;      /* boot time of what comes next; 0 = nothing planned */
    uint64_t written_ms;       /* boot time */
    uint64_t good_until_ms;    /* boot time: by then a live agent has written anew */
    uint32_t memory_total_mb;
    uint32_t memory_used_mb;
    char memory_source[REPORT_SOURCE_BYTES];
    size_t n_instances;
    int64_t skew_ms;
    bool maintenance_mode;
    char conflict_host_ip[REPORT_HOST_IP_BYTES]; /* another host uses our identity; "" = no */
    char version[REPORT_VERSION_BYTES];
};

/** Blocks; not durable (a run-time file), mode 0644: it holds nothing secret. */
int status_record_store(const char *runtime_dir, const struct status_record *record,
                        struct err *err) MUST_CHECK;

enum status_found { STATUS_FOUND, STATUS_ABSENT };

int status_record_load(const char *runtime_dir, enum status_found *ret_found,
                       struct status_record *ret, struct err *err) MUST_CHECK;

/** Remove it (a clean stop). Not there is fine. */
int status_record_erase(const char *runtime_dir, struct err *err) MUST_CHECK;

/**
 * The one line that says the truth without the passing of time making it false (absolute times,
 * UTC): "connected to 192.168.40.10:12443 as allocator 192.168.40.79, 12398 MB, 0 MB used,
 * last heartbeat at 21:11:05 UTC"
 */
void status_record_line(const struct status_record *record,
                        char ret_line[static STATUS_LINE_BYTES]);

/**
 * The same at this moment, with all that wears off: "connected to 192.168.40.10:12443 as
 * allocator 192.168.40.79 since 21:11:05 UTC, 12398 MB, 0 MB used, last heartbeat 3 s ago,
 * lease 27 s left, clock skew 0 s". A day before today stands there, too. @now_ms is boot time.
 */
void status_record_line_now(const struct status_record *record, uint64_t now_ms,
                            int64_t now_wall_ms, char ret_line[static STATUS_LINE_BYTES]);

/** "2026-11-23 21:11:05 UTC" */
void status_record_time(int64_t wall_ms, char ret_text[static STATUS_TIME_BYTES]);

json_t *status_record_to_json(const struct status_record *record);

#endif
