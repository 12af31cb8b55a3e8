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
                     "`ece-agent run` or "
                     "`systemctl start ece-agent`\n");
        return;
    case VERDICT_UNREADABLE:
        (void)printf("unknown: %s\n", finding->why.message);
        return;
    case VERDICT_STALE:
        (void)printf("unknown: the agent (pid %d) has not written its status when it had to; "
                     "it may hang, or use another "
                     "--runtime-dir\n",
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
    status_record_line(record, line);
    if (finding->is_connected) {
        char since[25];
        clock_format_utc(record->since_wall_ms, since);
        (void)printf("%s (%.0f s ago), since %s, lease %.0f s left, clock skew %.0f s\n", line,
                     seconds(now_ms - record->last_beat_ms), since,
                     seconds(record->lease_end_ms - now_ms), (double)record->skew_ms / 1000);
    } else {
        (void)printf("%s\n", line);
    }
}

static void print_details(const struct finding *finding, uint64_t now_ms)
{
    const struct status_record *record = &finding->record;
    char time[25];
    char roles[ROLES_TEXT_BYTES];
    if (finding->verdict != VERDICT_TRUE) {
        return;
    }
    roles_format(record->roles, roles);
    clock_format_utc(record->since_wall_ms, time);
    (void)printf("  state          %s since %s\n", agent_state_name(record->state), time);
    (void)printf("  coordinator    %s\n",
                 record->coordinator[0] != '\0' ? record->coordinator : "none");
    (void)printf("  installation   %s\n",
                 record->installation_id[0] != '\0' ? record->installation_id : "none");
    (void)printf("  runner id      %s\n",
                 record->runner_id[0] != '\0' ? record->runner_id : "not known yet");
    (void)printf("  zone           %s\n", record->zone);
    (void)printf("  roles          %s\n", roles[0] != '\0' ? roles : "none");
    (void)printf("  memory         %u MB total (%s), %u MB used by %zu instances\n",
                 record->memory_total_mb, record->memory_source, record->memory_used_mb,
                 record->n_instances);
    if (record->last_beat_wall_ms != 0) {
        clock_format_utc(record->last_beat_wall_ms, time);
        (void)printf("  last heartbeat %s\n", time);
    }
    if (record->next_try_ms > now_ms) {
        (void)printf("  next           in %.0f s\n", seconds(record->next_try_ms - now_ms));
    }
    (void)printf("  clock skew     %.0f s against the coordinator\n",
                 (double)record->skew_ms / 1000);
    if (record->conflict_host_ip[0] != '\0') {
        (void)printf("  CONFLICT       another host, %s, uses this identity\n",
                     record->conflict_host_ip);
    }
    (void)printf("  agent          version %s, pid %d\n", record->version, record->pid);
}

static int print_json(const struct finding *finding, uint64_t now_ms)
{
    static const char *const verdicts[] = {"true", "not_running", "stale", "unreadable"};
    bool has_record = finding->verdict == VERDICT_TRUE;
    bool has_lease = finding->is_connected;
    auto_json *json =
        json_pack("{s:b, s:s, s:I, s:o}", "connected", finding->is_connected ? 1 : 0, "record",
                  verdicts[finding->verdict], "lease_left_ms",
                  (json_int_t)(has_lease ? finding->record.lease_end_ms - now_ms : 0), "agent",
                  has_record ? status_record_to_json(&finding->record) : json_null());
    auto_free char *text = json != NULL ? json_pretty(json) : NULL;
    if (text == NULL) {
        (void)fprintf(stderr, "ece-agent status: no memory\n");
        return -1;
    }
    (void)fputs(text, stdout);
    return 0;
}

int command_status(int argc, char **argv)
{
    struct err err = {0};
    struct agent_options options;
    bool wants_json = opts_take_flag(&argc, argv, "--json");
    if (opts_take_flag(&argc, argv, "--help")) {
        (void)printf("Usage: ece-agent status [--json] [--state-dir DIR] [--runtime-dir DIR] "
                     "[--config FILE]\n\n"
                     "Exit status: 0 connected, 69 running but not connected, 75 not running "
                     "or not known.\n");
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
