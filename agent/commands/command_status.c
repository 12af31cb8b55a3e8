/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ece-agent status`: judges the running agent's record and says one line that is true now,
 * then details. Needs no daemon to answer: a hung one cannot claim anything.
 */
#include "agent/commands/commands.h"

#include "agent/options.h"
#include "agent/status_record.h"
#include "common/base/clock.h"
#include "common/base/fs.h"
#include "common/codec/json.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum verdict {
    VERDICT_TRUE, /* the record is what the agent says now */
    VERDICT_NOT_RUNNING,
    VERDICT_STALE, /* the agent runs, but has not written when it had to */
    VERDICT_UNREADABLE,
};

struct finding {
    enum verdict verdict;
    pid_t pid; /* of the running agent; 0 = none */
    bool is_connected;
    struct status_record record;
    struct err why;
};

static void judge(const struct agent_options *options, uint64_t now_ms, struct finding *ret)
{
    enum status_found found = STATUS_ABSENT;
    auto_free char *lock = fs_join(options->state_dir, "lock");
    *ret = (struct finding){0};
    ret->pid = lock != NULL ? fs_lock_holder(lock) : 0;
    int rc = status_record_load(options->runtime_dir, &found, &ret->record, &ret->why);
    if (rc < 0) {
        ret->verdict = VERDICT_UNREADABLE;
    } else if (found == STATUS_ABSENT) {
        ret->verdict = ret->pid != 0 ? VERDICT_STALE : VERDICT_NOT_RUNNING;
    } else if (ret->pid == 0 && access(options->state_dir, X_OK) == 0) {
        ret->verdict = VERDICT_NOT_RUNNING; /* the lock was looked at, and nobody holds it */
    } else if (now_ms > ret->record.good_until_ms || now_ms < ret->record.written_ms ||
               (ret->pid != 0 && ret->pid != ret->record.pid)) {
        ret->verdict = VERDICT_STALE;
    } else {
        ret->verdict = VERDICT_TRUE;
        ret->is_connected =
            ret->record.state == AGENT_CONNECTED && now_ms < ret->record.lease_end_ms;
    }
}

static double seconds(uint64_t ms)
{
    return (double)ms / 1000;
}

static void print_line(const struct finding *finding, uint64_t now_ms)
{
    const struct status_record *record = &finding->record;
    char line[STATUS_LINE_BYTES];
    switch (finding->verdict) {
    case VERDICT_NOT_RUNNING:
        (void)printf("not running: no ece-agent has the state directory; start it with "
                     "`ece-agent run` or `systemctl start ece-agent`\n");
        return;
    case VERDICT_UNREADABLE:
        (void)printf("unknown: %s\n", finding->why.message);
        return;
    case VERDICT_STALE:
        (void)printf("unknown: the agent (pid %d) has not written its status when it had to; "
                     "it may hang, or use another --runtime-dir\n",
                     (int)finding->pid);
        return;
    case VERDICT_TRUE:
        break;
    }
    if (record->state == AGENT_CONNECTED && !finding->is_connected) {
        (void)printf("disconnected: the lease of the last heartbeat ended %.0f s ago\n",
                     seconds(now_ms - record->lease_end_ms));
        return;
    }
    status_record_line_now(record, now_ms, clock_wall_ms(clock_system()), line);
    (void)printf("%s\n", line);
}

static const char *or_else(const char *text, const char *without)
{
    return text[0] != '\0' ? text : without;
}

/* What the line says only of an agent that is connected. */
static void print_unconnected(const struct status_record *record)
{
    char time[STATUS_TIME_BYTES];
    char roles[ROLES_TEXT_BYTES];
    roles_format(record->roles, roles);
    status_record_time(record->since_wall_ms, time);
    (void)printf("  since          %s\n", time);
    if (record->last_beat_wall_ms != 0) {
        status_record_time(record->last_beat_wall_ms, time);
        (void)printf("  last heartbeat %s\n", time);
    }
    (void)printf("  coordinator    %s\n", or_else(record->coordinator, "none"));
    (void)printf("  runner id      %s\n", or_else(record->runner_id, "not known yet"));
    (void)printf("  roles          %s\n", or_else(roles, "none"));
    (void)printf("  clock skew     %.0f s against the coordinator\n",
                 (double)record->skew_ms / 1000);
    if (record->conflict_host_ip[0] != '\0') {
        (void)printf("  CONFLICT       another host, %s, uses this identity\n",
                     record->conflict_host_ip);
    }
}

static void print_memory(const struct status_record *record)
{
    if (record->memory_source[0] == '\0') {
        (void)printf("  memory         not measured yet\n");
        return;
    }
    (void)printf("  memory         %u MB (%s), %u MB used by %zu instance%s\n",
                 record->memory_total_mb, record->memory_source, record->memory_used_mb,
                 record->n_instances, record->n_instances == 1 ? "" : "s");
}

/* Beside what the line has said. */
static void print_details(const struct finding *finding, uint64_t now_ms)
{
    const struct status_record *record = &finding->record;
    if (finding->verdict != VERDICT_TRUE) {
        return;
    }
    if (finding->is_connected) {
        (void)printf("  memory         %s; %zu instance%s\n", record->memory_source,
                     record->n_instances, record->n_instances == 1 ? "" : "s");
    } else {
        print_unconnected(record);
        print_memory(record);
    }
    (void)printf("  installation   %s\n", or_else(record->installation_id, "none"));
    (void)printf("  zone           %s\n", record->zone);
    if (record->next_try_ms > now_ms) {
        (void)printf("  %-14s in %.0f s\n",
                     finding->is_connected ? "next heartbeat" : "next try",
                     seconds(record->next_try_ms - now_ms));
    }
    (void)printf("  agent          version %s, pid %d\n", record->version, record->pid);
}

static int print_json(const struct finding *finding, uint64_t now_ms)
{
    static const char *const verdicts[] = {"current", "not_running", "stale", "unreadable"};
    bool has_record = finding->verdict == VERDICT_TRUE;
    bool has_lease = finding->is_connected;
    auto_json *json =
        json_pack("{s:b, s:s, s:I, s:o}", "connected", finding->is_connected ? 1 : 0, "record",
                  verdicts[finding->verdict], "lease_left_ms",
                  (json_int_t)(has_lease ? finding->record.lease_end_ms - now_ms : 0), "agent",
                  has_record ? status_record_to_json(&finding->record) : json_null());
    auto_free char *text = json != NULL ? json_pretty(json) : NULL;
    if (text == NULL) {
        (void)fprintf(stderr, "ece-agent status: out of memory\n");
        return -1;
    }
    (void)fputs(text, stdout);
    return 0;
}

static void print_help(void)
{
    (void)printf(
        "Usage: ece-agent status [--json] [OPTION...]\n\n"
        "Says in one line what the running agent does, then the details. Exit status:\n"
        "0 connected, 69 running but not connected, 75 not running or not known.\n\n"
        "  --json                      one JSON object: \"connected\", \"record\"\n"
        "                              (current, not_running, stale or unreadable),\n"
        "                              \"lease_left_ms\", and \"agent\": what it wrote of\n"
        "                              itself, null unless the record is current\n"
        "  --state-dir DIR             of the agent that is meant\n"
        "  --runtime-dir DIR           of the agent that is meant\n"
        "  --config FILE               where these may stand, too\n\n"
        "The other options of `ece-agent run` are accepted and change nothing.\n");
}

int command_status(int argc, char **argv)
{
    struct err err = {0};
    struct agent_options options;
    bool wants_json = opts_take_flag(&argc, argv, "--json");
    if (opts_take_flag(&argc, argv, "--help")) {
        print_help();
        return 0;
    }
    if (commands_read_options(argc, argv, &options, &err) < 0) {
        (void)fprintf(stderr, "ece-agent status: %s\n", err.message);
        return err_exit_status(err.code);
    }
    struct finding finding;
    uint64_t now_ms = clock_monotonic_ms(clock_system());
    judge(&options, now_ms, &finding);
    if (!wants_json) {
        print_line(&finding, now_ms);
        print_details(&finding, now_ms);
    } else if (print_json(&finding, now_ms) < 0) {
        finding.is_connected = false;
    }
    agent_options_fini(&options);
    if (finding.is_connected) {
        return 0;
    }
    return finding.verdict == VERDICT_TRUE ? EX_UNAVAILABLE : EX_TEMPFAIL;
}
