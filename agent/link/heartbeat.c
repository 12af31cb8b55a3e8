/* SPDX-License-Identifier: Apache-2.0 */
/* Builds beats and reads their answers; see heartbeat.h for what it leaves to others. */
#include "agent/link/heartbeat.h"

#include <stdio.h>
#include <string.h>

enum {
    SESSION_RANDOM_BYTES = 16,
    FULL_EVERY_MS = 5 * 60 * 1000, /* [HB-2] */
};

void heartbeat_init(struct heartbeat *heartbeat, const struct clock *clock,
                    const struct rng *rng, heartbeat_done_fn *done, void *userdata)
{
    *heartbeat = (struct heartbeat){
        .clock = clock, .seq = 1, .need_report = true, .done = done, .userdata = userdata};
    rng_hex(rng, SESSION_RANDOM_BYTES, heartbeat->session);
}

void heartbeat_fini(struct heartbeat *heartbeat)
{
    report_fini(&heartbeat->reported);
    report_fini(&heartbeat->in_flight);
}

void heartbeat_need_report(struct heartbeat *heartbeat)
{
    heartbeat->need_report = true;
}

static bool is_full_due(const struct heartbeat *heartbeat, const struct report *report)
{
    return heartbeat->need_report ||
           clock_monotonic_ms(heartbeat->clock) - heartbeat->reported_ms >= FULL_EVERY_MS ||
           report_is_news(report, &heartbeat->reported);
}

/* The beat was accepted: what it said is what the coordinator knows now. */
static void take_acceptance(struct heartbeat *heartbeat, const struct wire_beat_reply *reply,
                            bool is_new_connection)
{
    heartbeat->seq++;
    /* A small beat on a connection that libcurl had to replace: the next one is full [HB-2]. */
    heartbeat->need_report =
        reply->need_report || (is_new_connection && !heartbeat->in_flight_is_full);
    if (heartbeat->in_flight_is_full) {
        report_fini(&heartbeat->reported);
        heartbeat->reported = heartbeat->in_flight;
        heartbeat->in_flight = (struct report){0};
        heartbeat->reported_ms = heartbeat->sent_ms;
    }
    if (reply->has_steering) {
        heartbeat->steering = reply->steering.revision;
    }
}

static enum heartbeat_outcome classify_refusal(const struct uplink_reply *reply)
{
    if (reply->status == 401) {
        return HEARTBEAT_UNAUTHORIZED;
    }
    return strcmp(reply->refusal.code, WIRE_E_CONFLICT) == 0 ? HEARTBEAT_CONFLICT
                                                             : HEARTBEAT_FAILED;
}

static void on_reply(const struct uplink_reply *reply, void *userdata)
{
    struct heartbeat *heartbeat = userdata;
    struct heartbeat_result result = {
        .outcome = HEARTBEAT_FAILED,
        .sent_ms = heartbeat->sent_ms,
        .was_full = heartbeat->in_flight_is_full,
        .retry_after_s = reply->retry_after_s,
        .error = reply->error,
    };
    struct wire_beat_reply wire = {0};
    if (reply->outcome == UPLINK_REFUSED) {
        result.outcome = classify_refusal(reply);
    } else if (reply->outcome == UPLINK_OK) {
        if (wire_beat_reply_from_json(reply->body, &wire, &result.error) == 0) {
            result.outcome = HEARTBEAT_ACCEPTED;
            result.reply = &wire;
            take_acceptance(heartbeat, &wire, reply->is_new_connection);
        } else {
            (void)err_wrap(&result.error, "read the answer to a heartbeat");
        }
    }
    if (result.outcome != HEARTBEAT_ACCEPTED) {
        heartbeat->need_report =
            true; /* what goes on after this may be another line or another coordinator */
    }
    if (reply->outcome != UPLINK_UNAVAILABLE && result.outcome == HEARTBEAT_FAILED) {
        uplink_next_endpoint(
            heartbeat->uplink); /* it answers, but not as it should: ask another */
    }
    heartbeat->done(&result, heartbeat->userdata);
}

int heartbeat_send(struct heartbeat *heartbeat, struct uplink *uplink, const char *access_token,
                   const struct report *report, struct err *err)
{
    struct wire_beat beat = {.seq = heartbeat->seq, .steering = heartbeat->steering};
    (void)snprintf(beat.session, sizeof beat.session, "%s", heartbeat->session);
    heartbeat->in_flight_is_full = is_full_due(heartbeat, report);
    if (heartbeat->in_flight_is_full) {
        report_fini(&heartbeat->in_flight);
        if (report_copy(report, &heartbeat->in_flight, err) < 0) {
            return -1;
        }
        beat.has_report = true;
        beat.report = heartbeat->in_flight; /* borrowed: not released with the beat */
    }
    json_t *body = wire_beat_to_json(&beat);
    if (body == NULL) {
        return err_no_memory(err);
    }
    struct uplink_request sent = {
        .method = "POST", .path = WIRE_PATH_HEARTBEAT, .bearer = access_token, .body = body};
    heartbeat->uplink = uplink;
    heartbeat->sent_ms = clock_monotonic_ms(heartbeat->clock);
    return uplink_send(uplink, &sent, on_reply, heartbeat, err) < 0
               ? err_wrap(err, "send a heartbeat")
               : 0;
}
