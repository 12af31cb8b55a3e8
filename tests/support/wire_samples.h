/* SPDX-License-Identifier: Apache-2.0 */
/* Every message of docs/protocol.md behind one face: how it looks, and a way through its
 * decoder and encoder. */
#ifndef TESTS_SUPPORT_WIRE_SAMPLES_H
#define TESTS_SUPPORT_WIRE_SAMPLES_H

#include "common/wire/messages.h"

#define WIRE_SAMPLE_SESSION "0123456789abcdef0123456789abcdef"
#define WIRE_SAMPLE_REPORT                                                                     \
    "{\"host_ip\":\"10.0.0.1\",\"public_hostname\":\"h\",\"software\":{\"version\":\"2.0.0\"," \
    "\"commit\":\"abc\"},\"memory\":{\"total\":1,\"used\":0,\"source\":\"s\"},"                \
    "\"storage\":{\"total\":1,\"used\":0},\"cpus\":4,\"instances\":[],\"skew_ms\":0,"          \
    "\"healthy\":true}"
#define WIRE_SAMPLE_PACE "\"interval_ms\":10000,\"lease_ms\":30000,\"spread_ms\":1"

/* One message: how it looks, and its decoder and encoder behind one face. */
struct wire_sample {
    const char *name;
    const char *text;
    /* Decodes; on success writes it again into *@ret_json and releases the value. */
    int (*pass)(const json_t *json, json_t **ret_json, struct err *err);
};

static inline int wire_pass_ca(const json_t *json, json_t **ret_json, struct err *err)
{
    struct wire_ca ca;
    if (wire_ca_from_json(json, &ca, err) < 0) {
        return -1;
    }
    *ret_json = wire_ca_to_json(&ca);
    wire_ca_fini(&ca);
    return 0;
}

static inline int wire_pass_enroll_request(const json_t *json, json_t **ret_json,
                                           struct err *err)
{
    struct wire_enroll_request request;
    if (wire_enroll_request_from_json(json, &request, err) < 0) {
        return -1;
    }
    *ret_json = wire_enroll_request_to_json(&request);
    wire_enroll_request_fini(&request);
    return 0;
}

static inline int wire_pass_enroll_reply(const json_t *json, json_t **ret_json, struct err *err)
{
    struct wire_enroll_reply reply;
    if (wire_enroll_reply_from_json(json, &reply, err) < 0) {
        return -1;
    }
    *ret_json = wire_enroll_reply_to_json(&reply);
    wire_enroll_reply_fini(&reply);
    return 0;
}

static inline int wire_pass_token_request(const json_t *json, json_t **ret_json,
                                          struct err *err)
{
    struct wire_token_request request;
    if (wire_token_request_from_json(json, &request, err) < 0) {
        return -1;
    }
    *ret_json = wire_token_request_to_json(&request);
    wire_token_request_fini(&request);
    return 0;
}

static inline int wire_pass_token_reply(const json_t *json, json_t **ret_json, struct err *err)
{
    struct wire_token_reply reply;
    if (wire_token_reply_from_json(json, &reply, err) < 0) {
        return -1;
    }
    *ret_json = wire_token_reply_to_json(&reply);
    wire_token_reply_fini(&reply);
    return 0;
}

static inline int wire_pass_beat(const json_t *json, json_t **ret_json, struct err *err)
{
    struct wire_beat beat;
    if (wire_beat_from_json(json, &beat, err) < 0) {
        return -1;
    }
    *ret_json = wire_beat_to_json(&beat);
    wire_beat_fini(&beat);
    return 0;
}

static inline int wire_pass_beat_reply(const json_t *json, json_t **ret_json, struct err *err)
{
    struct wire_beat_reply reply;
    if (wire_beat_reply_from_json(json, &reply, err) < 0) {
        return -1;
    }
    *ret_json = wire_beat_reply_to_json(&reply);
    return 0;
}

static inline int wire_pass_goodbye(const json_t *json, json_t **ret_json, struct err *err)
{
    char session[WIRE_SESSION_BYTES];
    if (wire_goodbye_from_json(json, session, err) < 0) {
        return -1;
    }
    *ret_json = wire_goodbye_to_json(session);
    return 0;
}

/* [TR-1] [EN-4] [AC-1] [HB-1] [HB-3] [HB-4] [CL-3] [LV-5] */
static const struct wire_sample wire_samples[] = {
    {"ca",
     "{\"protocol\":1,\"installation_id\":\"abc-1\",\"ca_certificate\":\"-----BEGIN...\"}",
     wire_pass_ca},
    {"enroll request",
     "{\"protocol\":1,\"runner_id\":\"192.168.40.79\",\"zone\":\"ece-zone-1\","
     "\"roles\":[\"allocator\"],\"tags\":{\"k\":\"v\",\"a\":\"\"},\"public_key\":\"PEM\","
     "\"assertion\":\"a.b.c\",\"report\":" WIRE_SAMPLE_REPORT "}",
     wire_pass_enroll_request},
    {"enroll reply",
     "{\"protocol\":1,\"installation_id\":\"abc-1\",\"runner_id\":\"r\",\"zone\":\"z\","
     "\"roles\":[\"proxy\",\"allocator\"],\"coordinators\":[\"c1:12443\",\"[::1]:1\"],"
     "\"access_token\":\"x.y.z\",\"expires_in\":900," WIRE_SAMPLE_PACE "}",
     wire_pass_enroll_reply},
    {"token request",
     "{\"grant_type\":\"urn:ietf:params:oauth:grant-type:jwt-bearer\",\"assertion\":\"a.b.c\"}",
     wire_pass_token_request},
    {"token reply", "{\"access_token\":\"x.y.z\",\"token_type\":\"Bearer\",\"expires_in\":900}",
     wire_pass_token_reply},
    {"beat",
     "{\"protocol\":1,\"session\":\"" WIRE_SAMPLE_SESSION
     "\",\"seq\":7,\"steering\":3,\"report\":" WIRE_SAMPLE_REPORT "}",
     wire_pass_beat},
    {"beat",
     "{\"protocol\":1,\"session\":\"" WIRE_SAMPLE_SESSION "\",\"seq\":7,\"steering\":0}",
     wire_pass_beat},
    {"beat reply",
     "{" WIRE_SAMPLE_PACE
     ",\"need_report\":true,\"steering\":{\"revision\":4,\"roles\":[],\"capacity\":null,"
     "\"maintenance_mode\":false,\"coordinators\":[\"c1:12443\"]},"
     "\"conflict\":{\"host_ip\":\"::1\"}}",
     wire_pass_beat_reply},
    {"beat reply",
     "{" WIRE_SAMPLE_PACE
     ",\"steering\":{\"revision\":4,\"roles\":[\"allocator\"],\"capacity\":4096,"
     "\"maintenance_mode\":true,\"coordinators\":[]}}",
     wire_pass_beat_reply},
    {"beat reply", "{" WIRE_SAMPLE_PACE "}", wire_pass_beat_reply},
    {"goodbye", "{\"session\":\"" WIRE_SAMPLE_SESSION "\"}", wire_pass_goodbye},
};

#endif
