/* SPDX-License-Identifier: Apache-2.0 */
/* Runners' requests, made of the project's own messages, keys and tokens. */
#include "tests/bench/fleet.h"

#include "common/codec/json.h"
#include "common/codec/jwt_text.h"
#include "common/codec/keys.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static int random_hex(char *ret, size_t digits, struct err *err)
{
    unsigned char random[32];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        return err_set(err, ERR_INTERNAL, "get random bytes");
    }
    for (size_t i = 0; i < digits / 2; i++) {
        (void)snprintf(ret + 2 * i, 3, "%02x", random[i]);
    }
    return 0;
}

static struct report typical_report(void)
{
    return (struct report){
        .host_ip = "127.0.0.1",
        .public_hostname = "host.example",
        .version = "2.0.0",
        .commit = "0123456789ab",
        .memory_total_mb = 12398,
        .memory_source = "85% of MemTotal",
        .storage_total_mb = 102400,
        .storage_used_mb = 1024,
        .cpus = 4,
        .healthy = true,
    };
}

static int sign_assertion(const struct fleet_site *site, const char *id,
                          const struct secret *key, char **ret, struct err *err)
{
    char jti[33];
    if (random_hex(jti, 32, err) < 0) {
        return -1;
    }
    json_int_t now = (json_int_t)time(NULL);
    auto_json *claims = json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "iss", id, "sub", id, "aud",
                                  site->installation_id, "iat", now, "exp",
                                  now + WIRE_ASSERTION_LIFE_S, "jti", jti);
    return claims == NULL ? err_no_memory(err) : jwt_sign_es256(claims, key, ret, err);
}

/* Takes @body. */
static int compose(struct buf *request, const struct line_peer *peer, const char *path,
                   const char *bearer, json_t *body, struct err *err)
{
    auto_json *owned = body;
    auto_free char *text = owned == NULL ? NULL : json_compact(owned);
    if (text == NULL) {
        return err_no_memory(err);
    }
    buf_clear(request);
    return buf_appendf(request, err,
                       "POST %s HTTP/1.1\r\nHost: %s:%u\r\nUser-Agent: bench\r\n"
                       "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       path, peer->name, peer->port, bearer, strlen(text), text);
}

int fleet_enroll_request(const struct fleet_site *site, const char *id, struct buf *request,
                         struct err *err)
{
    auto_secret private_key = {0};
    struct wire_enroll_request enroll = {.roles = ROLE_ALLOCATOR, .report = typical_report()};
    (void)snprintf(enroll.runner_id, sizeof enroll.runner_id, "%s", id);
    (void)snprintf(enroll.zone, sizeof enroll.zone, "ece-zone-1");
    int rc = -1;
    if (keys_generate(&private_key, &enroll.public_key_pem, err) == 0 &&
        sign_assertion(site, id, &private_key, &enroll.assertion, err) == 0) {
        rc = compose(request, &site->peer, WIRE_PATH_ENROLL, site->roles_token,
                     wire_enroll_request_to_json(&enroll), err);
    }
    wire_enroll_request_fini(&enroll);
    return rc;
}

int fleet_enrolled(const struct line *line, struct fleet_runner *ret, struct err *err)
{
    auto_json *json = NULL;
    struct wire_enroll_reply reply = {0};
    if (line->status != 200) {
        return err_set(err, ERR_REFUSED, "enrol a runner: status %d: %.300s", line->status,
                       buf_text(&line->body));
    }
    if (json_parse(line->body.bytes, line->body.len, &json, err) < 0 ||
        wire_enroll_reply_from_json(json, &reply, err) < 0) {
        return -1;
    }
    struct fleet_runner runner = {0};
    (void)snprintf(runner.id, sizeof runner.id, "%s", reply.runner_id);
    (void)snprintf(runner.access_token, sizeof runner.access_token, "%s", reply.access_token);
    wire_enroll_reply_fini(&reply);
    *ret = runner;
    return 0;
}

int fleet_beat_request(struct fleet_runner *runner, const struct line_peer *peer,
                       struct buf *request, struct err *err)
{
    if (runner->seq == 0 && random_hex(runner->session, 32, err) < 0) {
        return -1;
    }
    struct wire_beat beat = {
        .seq = ++runner->seq,
        .steering = runner->steering,
        .has_report = runner->seq == 1,
    };
    memcpy(beat.session, runner->session, sizeof beat.session);
    if (beat.has_report) {
        beat.report = typical_report();
    }
    return compose(request, peer, WIRE_PATH_HEARTBEAT, runner->access_token,
                   wire_beat_to_json(&beat), err);
}

int fleet_follow(struct fleet_runner *runner, const struct line *line, struct err *err)
{
    auto_json *json = NULL;
    struct wire_beat_reply reply = {0};
    if (json_parse(line->body.bytes, line->body.len, &json, err) < 0 ||
        wire_beat_reply_from_json(json, &reply, err) < 0) {
        return -1;
    }
    if (reply.has_steering) {
        runner->steering = reply.steering.revision;
    }
    return 0;
}
