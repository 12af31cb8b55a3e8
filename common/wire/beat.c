/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of staying connected between their JSON and their structs. When to beat, and
 * what a beat means, is decided elsewhere. */
#include "common/wire/beat.h"

#include "common/base/parse.h"
#include "common/codec/json.h"
#include "common/wire/fields.h"

#include <string.h>

static int check_session(const char *value, struct err *err)
{
    if (strlen(value) != WIRE_SESSION_BYTES - 1 ||
        value[strspn(value, "0123456789abcdefABCDEF")] != '\0') {
        return err_set(err, ERR_INVALID, "must be %d hexadecimal digits",
                       WIRE_SESSION_BYTES - 1);
    }
    return 0;
}

/* Sets @key of *@json, or gives the object up: the encoders' one way to fail is to lack memory.
 */
static void set_or_drop(json_t **json, const char *key, json_t *value)
{
    if (json_object_set_new(*json, key, value) < 0) {
        json_decref(*json);
        *json = NULL;
    }
}

json_t *wire_beat_to_json(const struct wire_beat *beat)
{
    json_t *json =
        json_pack("{s:i, s:s, s:o, s:o}", "protocol", WIRE_PROTOCOL, "session", beat->session,
                  "seq", field_from_u64(beat->seq), "steering", field_from_u64(beat->steering));
    if (json != NULL && beat->has_report) {
        set_or_drop(&json, "report", report_to_json(&beat->report));
    }
    return json;
}

int wire_beat_from_json(const json_t *json, struct wire_beat *ret, struct err *err)
{
    struct wire_beat beat = {0};
    json_t *report = NULL;
    if (field_need_protocol(json, err) < 0 ||
        field_need_checked(json, "session", check_session, beat.session, sizeof beat.session,
                           err) < 0 ||
        json_need_u64(json, "", "seq", INT64_MAX, &beat.seq, err) < 0 ||
        json_need_u64(json, "", "steering", INT64_MAX, &beat.steering, err) < 0 ||
        json_want_object(json, "", "report", &report, err) < 0) {
        return -1;
    }
    if (report != NULL && report_from_json(report, "report", &beat.report, err) < 0) {
        return -1;
    }
    beat.has_report = report != NULL;
    *ret = beat;
    return 0;
}

void wire_beat_fini(struct wire_beat *beat)
{
    report_fini(&beat->report);
    beat->has_report = false;
}

static json_t *steering_to_json(const struct wire_steering *steering)
{
    json_t *capacity =
        steering->capacity_mb > 0 ? field_from_u64(steering->capacity_mb) : json_null();
    return json_pack("{s:o, s:o, s:o, s:b, s:o}", "revision",
                     field_from_u64(steering->revision), "roles",
                     roles_to_json(steering->roles), "capacity", capacity, "maintenance_mode",
                     steering->maintenance_mode ? 1 : 0, "coordinators",
                     field_from_endpoints(&steering->coordinators));
}

json_t *wire_beat_reply_to_json(const struct wire_beat_reply *reply)
{
    json_t *json = json_object();
    if (json == NULL || wire_pace_to_json(&reply->pace, json) < 0) {
        json_decref(json);
        return NULL;
    }
    if (reply->need_report) {
        set_or_drop(&json, "need_report", json_true());
    }
    if (json != NULL && reply->has_steering) {
        set_or_drop(&json, "steering", steering_to_json(&reply->steering));
    }
    if (json != NULL && reply->has_conflict) {
        set_or_drop(&json, "conflict", json_pack("{s:s}", "host_ip", reply->conflict_host_ip));
    }
    return json;
}

static int read_steering(const json_t *object, struct wire_steering *ret, struct err *err)
{
    static const char path[] = "steering";
    const json_t *roles = json_object_get(object, "roles");
    if (roles == NULL || json_is_null(roles)) { /* silence must not take the roles away */
        return err_set(err, ERR_INVALID, "%s.roles: is missing", path);
    }
    if (roles_from_json(roles, &ret->roles, err) < 0) {
        return err_wrap(err, "%s", path);
    }
    if (json_need_u64(object, path, "revision", INT64_MAX, &ret->revision, err) < 0 ||
        field_want_u32(object, path, "capacity", &ret->capacity_mb, err) < 0 ||
        json_need_bool(object, path, "maintenance_mode", &ret->maintenance_mode, err) < 0) {
        return -1;
    }
    return field_want_endpoints(object, path, "coordinators", &ret->coordinators, err);
}

/* The address may be unknown ("" or null): the conflict is what matters. */
static int read_conflict(const json_t *object, char ret_host_ip[static REPORT_HOST_IP_BYTES],
                         struct err *err)
{
    const char *ip = NULL;
    if (json_want_text(object, "conflict", "host_ip", REPORT_HOST_IP_BYTES - 1, &ip, err) < 0) {
        return -1;
    }
    if (ip != NULL && ip[0] != '\0' && parse_ip(ip, ret_host_ip, err) < 0) {
        return err_wrap(err, "conflict.host_ip");
    }
    return 0;
}

int wire_beat_reply_from_json(const json_t *json, struct wire_beat_reply *ret, struct err *err)
{
    struct wire_beat_reply reply = {0};
    json_t *steering = NULL;
    json_t *conflict = NULL;
    if (wire_pace_from_json(json, &reply.pace, err) < 0 ||
        json_want_bool(json, "", "need_report", &reply.need_report, err) < 0 ||
        json_want_object(json, "", "steering", &steering, err) < 0 ||
        json_want_object(json, "", "conflict", &conflict, err) < 0) {
        return -1;
    }
    if (steering != NULL && read_steering(steering, &reply.steering, err) < 0) {
        return -1;
    }
    if (conflict != NULL && read_conflict(conflict, reply.conflict_host_ip, err) < 0) {
        return -1;
    }
    reply.has_steering = steering != NULL;
    reply.has_conflict = conflict != NULL;
    *ret = reply;
    return 0;
}

json_t *wire_goodbye_to_json(const char *session)
{
    return json_pack("{s:s}", "session", session);
}

int wire_goodbye_from_json(const json_t *json, char ret_session[static WIRE_SESSION_BYTES],
                           struct err *err)
{
    char session[WIRE_SESSION_BYTES];
    if (field_need_checked(json, "session", check_session, session, sizeof session, err) < 0) {
        return -1;
    }
    memcpy(ret_session, session, sizeof session);
    return 0;
}
