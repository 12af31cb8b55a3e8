/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one question to the installation. The roles token goes only over the uplink, which is
 * verified [TK-4]; a host that has joined proves its key instead and throws the access token
 * away.
 */
#include "agent/check/check_runner.h"

#include "common/codec/json.h"

#include <stdio.h>
#include <string.h>

#define NEXT_LOOK_AT_COORDINATOR "look at the coordinator: journalctl -u ece-coordinator"

enum { REASON_MAX = 1024 };

static void finish(struct check_runner *runner)
{
    runner->is_done = true;
    runner->done(runner->userdata);
}

/* ---- before joining ---- */

static void report_availability(struct check_runner *runner, const json_t *body)
{
    struct check_report *report = runner->spec.report;
    struct err err = {0};
    bool is_available = false;
    const char *reason = "";
    if (json_need_bool(body, "", "available", &is_available, &err) < 0 ||
        json_want_text(body, "", "reason", REASON_MAX, &reason, &err) < 0) {
        check_failure(report, CHECK_RUNNER_ID, NEXT_LOOK_AT_COORDINATOR,
                      "the coordinator's answer makes no sense: %s", err.message);
        return;
    }
    if (is_available) {
        check_ok(report, CHECK_RUNNER_ID, "%s can be taken%s%s", runner->spec.runner_id,
                 reason[0] != '\0' ? ": " : "", reason);
    } else {
        check_failure(report, CHECK_RUNNER_ID,
                      "give another --runner-id, delete that runner in the installation, or "
                      "run `ece-agent leave` on the host that has it",
                      "%s is not free%s%s", runner->spec.runner_id,
                      reason[0] != '\0' ? ": " : "", reason);
    }
}

static const char *token_way_out(const char *code)
{
    if (strcmp(code, WIRE_E_TOKEN_EXPIRED) == 0 || strcmp(code, WIRE_E_TOKEN_REVOKED) == 0) {
        return "make a new roles token on the coordinator";
    }
    return "see that the token is one of this installation and whole, or make a new one on the "
           "coordinator";
}

static void on_answer(const struct uplink_reply *reply, void *userdata)
{
    struct check_runner *runner = userdata;
    struct check_report *report = runner->spec.report;
    if (reply->outcome == UPLINK_OK) {
        check_ok(report, CHECK_TOKEN_ACCEPTED, "the coordinator accepts the roles token");
        report_availability(runner, reply->body);
    } else if (reply->outcome == UPLINK_REFUSED && reply->status == 401) {
        check_failure(report, CHECK_TOKEN_ACCEPTED, token_way_out(reply->refusal.code), "%s",
                      reply->error.message);
        check_skipped(report, CHECK_RUNNER_ID, CHECK_TOKEN_ACCEPTED " failed");
    } else {
        check_skipped(report, CHECK_TOKEN_ACCEPTED, "the coordinator did not answer that");
        check_failure(report, CHECK_RUNNER_ID, NEXT_LOOK_AT_COORDINATOR, "%s",
                      reply->error.message);
    }
    finish(runner);
}

static int ask_for_id(struct check_runner *runner, struct err *err)
{
    char path[sizeof WIRE_PATH_RUNNER_IDS + WIRE_RUNNER_ID_BYTES];
    (void)snprintf(path, sizeof path, WIRE_PATH_RUNNER_IDS "%s", runner->spec.runner_id);
    struct uplink_request request = {
        .method = "GET", .path = path, .bearer = runner->spec.token->bytes};
    return uplink_send(runner->spec.uplink, &request, on_answer, runner, err);
}

/* ---- after joining ---- */

static void report_known(struct check_runner *runner)
{
    const char *joined_as = runner->spec.identity->runner_id;
    if (runner->spec.is_runner_id_given && strcmp(runner->spec.runner_id, joined_as) != 0) {
        check_warning(runner->spec.report, CHECK_RUNNER_ID,
                      "take --runner-id away, or `ece-agent leave` and join again under it",
                      "joined as %s; --runner-id %s is ignored", joined_as,
                      runner->spec.runner_id);
    } else {
        check_ok(runner->spec.report, CHECK_RUNNER_ID, "joined as %s, and known there",
                 joined_as);
    }
}

static int authenticate(struct check_runner *runner, struct err *err);

static void on_authenticated(const struct authenticate_result *result, void *userdata)
{
    struct check_runner *runner = userdata;
    const struct identity *identity = runner->spec.identity;
    struct err why = result->error;
    switch (result->outcome) {
    case AUTHENTICATE_GRANTED:
        report_known(runner);
        finish(runner);
        return;
    case AUTHENTICATE_UNKNOWN:
        check_failure(runner->spec.report, CHECK_RUNNER_ID,
                      "`ece-agent leave --local`, then join again with a new roles token",
                      "joined as %s, but installation %s does not know this host any more: %s",
                      identity->runner_id, identity->installation_id, why.message);
        finish(runner);
        return;
    case AUTHENTICATE_TIME:
        if (!runner->has_retried) { /* [AC-3] */
            runner->has_retried = true;
            if (authenticate(runner, &why) == 0) {
                return;
            }
        }
        break;
    case AUTHENTICATE_FAILED:
        break;
    }
    check_warning(runner->spec.report, CHECK_RUNNER_ID, NEXT_LOOK_AT_COORDINATOR,
                  "joined as %s, but whether it is still known could not be asked: %s",
                  identity->runner_id, why.message);
    finish(runner);
}

static int authenticate(struct check_runner *runner, struct err *err)
{
    const struct identity *identity = runner->spec.identity;
    struct authenticate_spec spec = {
        .runner_id = identity->runner_id,
        .installation_id = identity->installation_id,
        .private_key_pem = &identity->private_key_pem,
        .rng = rng_system(),
    };
    return authenticate_send(&runner->authenticate, runner->spec.uplink, &spec,
                             on_authenticated, runner, err);
}

/* ---- both ---- */

void check_runner_start(struct check_runner *runner, const struct check_runner_spec *spec,
                        check_runner_done_fn *done, void *userdata)
{
    struct err err = {0};
    runner->spec = *spec;
    runner->done = done;
    runner->userdata = userdata;
    if (spec->identity != NULL) {
        check_skipped(spec->report, CHECK_TOKEN_ACCEPTED,
                      "this host has joined and needs no token");
    }
    int rc = spec->identity != NULL ? authenticate(runner, &err) : ask_for_id(runner, &err);
    if (rc == 0) {
        return;
    }
    if (spec->identity == NULL) {
        check_skipped(spec->report, CHECK_TOKEN_ACCEPTED, "the coordinator was not asked");
    }
    check_failure(spec->report, CHECK_RUNNER_ID, "run the check again", "%s", err.message);
    finish(runner);
}

void check_runner_give_up(struct check_runner *runner, unsigned seconds)
{
    struct check_report *report = runner->spec.report;
    if (runner->done == NULL || runner->is_done) {
        return;
    }
    uplink_cancel(runner->spec.uplink);
    if (runner->spec.identity == NULL) {
        check_skipped(report, CHECK_TOKEN_ACCEPTED, "the coordinator did not answer that");
    }
    check_failure(report, CHECK_RUNNER_ID, NEXT_LOOK_AT_COORDINATOR,
                  "no whole answer within %u s", seconds);
    finish(runner);
}
