/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a refusal, made by the coordinator and read by the host. Reading is tolerant: the
 * other side may be a load balancer with a page of its own, and what it says goes to a terminal
 * and into the journal.
 */
#include "common/wire/error_body.h"

#include "common/codec/json.h"
#include "common/wire/fields.h"
#include "common/wire/protocol.h"

#include <string.h>

json_t *wire_error_to_json(const char *code, const char *message, const char *field)
{
    json_t *error = json_pack("{s:o, s:o}", "code", field_from_text(code), "message",
                              field_from_text(message));
    if (error != NULL && field != NULL &&
        json_object_set_new(error, "fields", json_pack("[o]", field_from_text(field))) < 0) {
        json_decref(error);
        error = NULL;
    }
    return json_pack("{s:[o]}", "errors", error);
}

static size_t sequence_length(unsigned char first)
{
    if (first < 0xC0) {
        return 1;
    }
    return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* @text (UTF-8) into @ret: cut between characters, control characters replaced by blanks. */
static void copy_plain(const char *text, char *ret, size_t size)
{
    size_t len = 0;
    while (*text != '\0') {
        char character[5] = {0};
        size_t part = sequence_length((unsigned char)*text);
        memcpy(character, text, part);
        text += part;
        if (!field_is_plain(character)) {
            memcpy(character, " ", 2);
            part = 1;
        }
        if (len + part >= size) {
            break;
        }
        memcpy(ret + len, character, part);
        len += part;
    }
    ret[len] = '\0';
}

bool wire_error_read(const char *body, size_t len, struct wire_error *ret)
{
    auto_json *json = NULL;
    struct err ignored; /* a body that is not ours is no error, it is a "no" */
    if (len > WIRE_BODY_MAX || json_parse(body, len, &json, &ignored) < 0) {
        return false;
    }
    const json_t *first = json_array_get(json_object_get(json, "errors"), 0);
    const char *code = json_string_value(json_object_get(first, "code"));
    const char *message = json_string_value(json_object_get(first, "message"));
    if (code == NULL) {
        return false;
    }
    copy_plain(code, ret->code, sizeof ret->code);
    copy_plain(message != NULL ? message : "", ret->message, sizeof ret->message);
    return true;
}
