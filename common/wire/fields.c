/* SPDX-License-Identifier: Apache-2.0 */
/* Fields that several messages have in common. Bounds that belong to one message stand in that
 * message's file. */
#include "common/wire/fields.h"

#include "common/base/parse.h"
#include "common/codec/json.h"
#include "common/wire/protocol.h"

#include <stdio.h>
#include <string.h>

enum { INSTALLATION_ID_MAX = 63 }; /* a label of a host name */

void field_path(const char *path, const char *key, char ret_path[static FIELD_PATH_BYTES])
{
    (void)snprintf(ret_path, FIELD_PATH_BYTES, "%s%s%s", path, path[0] != '\0' ? "." : "", key);
}

/* "path: reason". */
static int refuse(const char *path, const char *key, const char *reason, struct err *err)
{
    char full[FIELD_PATH_BYTES];
    field_path(path, key, full);
    return err_set(err, ERR_INVALID, "%s: %s", full, reason);
}

/* C0, DEL, and the C1 controls U+0080..U+009F, which terminals obey as well. */
static bool is_control(const unsigned char *at)
{
    return *at < 0x20 || *at == 0x7F || (*at == 0xC2 && at[1] >= 0x80 && at[1] <= 0x9F);
}

bool field_is_plain(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (is_control(at)) {
            return false;
        }
    }
    return true;
}

int field_want_text(const json_t *object, const char *path, const char *key, char *ret,
                    size_t size, struct err *err)
{
    const char *text = NULL;
    if (json_want_text(object, path, key, size - 1, &text, err) < 0) {
        return -1;
    }
    if (text == NULL) {
        return 0;
    }
    if (!field_is_plain(text)) {
        return refuse(path, key, "must not hold control characters", err);
    }
    memcpy(ret, text, strlen(text) + 1);
    return 0;
}

int field_need_text(const json_t *object, const char *path, const char *key, char *ret,
                    size_t size, struct err *err)
{
    const char *text = NULL;
    if (json_need_text(object, path, key, size - 1, &text, err) < 0) {
        return -1;
    }
    if (text[0] == '\0') {
        return refuse(path, key, "must not be empty", err);
    }
    return field_want_text(object, path, key, ret, size, err);
}

int field_need_copy(const json_t *object, const char *key, size_t max_bytes, char **ret,
                    struct err *err)
{
    const char *text = NULL;
    if (json_need_text(object, "", key, max_bytes, &text, err) < 0) {
        return -1;
    }
    if (text[0] == '\0') {
        return refuse("", key, "must not be empty", err);
    }
    char *copy = strdup(text);
    if (copy == NULL) {
        return err_no_memory(err);
    }
    *ret = copy;
    return 0;
}

int field_need_checked(const json_t *object, const char *key, field_check_fn *check, char *ret,
                       size_t size, struct err *err)
{
    if (field_need_text(object, "", key, ret, size, err) < 0) {
        return -1;
    }
    return check(ret, err) < 0 ? err_wrap(err, "%s", key) : 0;
}

int field_want_u32(const json_t *object, const char *path, const char *key, uint32_t *ret,
                   struct err *err)
{
    uint64_t value = *ret;
    if (json_want_u64(object, path, key, INT32_MAX, &value, err) < 0) {
        return -1;
    }
    *ret = (uint32_t)value;
    return 0;
}

int field_need_u32(const json_t *object, const char *path, const char *key, uint32_t *ret,
                   struct err *err)
{
    uint64_t value = 0;
    if (json_need_u64(object, path, key, INT32_MAX, &value, err) < 0) {
        return -1;
    }
    *ret = (uint32_t)value;
    return 0;
}

int field_need_range(const json_t *object, const char *key, uint32_t min, uint32_t max,
                     uint32_t *ret, struct err *err)
{
    uint64_t value = 0;
    if (json_need_u64(object, "", key, max, &value, err) < 0) {
        return -1;
    }
    if (value < min) {
        return err_set(err, ERR_INVALID, "%s: must be at least %u: %u", key, (unsigned)min,
                       (unsigned)value);
    }
    *ret = (uint32_t)value;
    return 0;
}

int field_need_protocol(const json_t *object, struct err *err)
{
    uint64_t version = 0;
    if (json_need_u64(object, "", "protocol", UINT32_MAX, &version, err) < 0) {
        return -1;
    }
    if (version != WIRE_PROTOCOL) {
        return err_set(err, ERR_PROTOCOL,
                       "protocol: the other side speaks version %u, this one only version %d",
                       (unsigned)version, WIRE_PROTOCOL);
    }
    return 0;
}

int field_check_installation_id(const char *value, struct err *err)
{
    static const char label_characters[] = "abcdefghijklmnopqrstuvwxyz"
                                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    size_t len = strlen(value);
    if (len == 0 || len > INSTALLATION_ID_MAX ||
        value[strspn(value, label_characters)] != '\0' || value[0] == '-' ||
        value[len - 1] == '-') {
        return err_set(err, ERR_INVALID, "must be 1 to %d letters, digits and inner hyphens",
                       INSTALLATION_ID_MAX);
    }
    return 0;
}

int field_want_endpoints(const json_t *object, const char *path, const char *key,
                         struct endpoint_list *ret, struct err *err)
{
    char full[FIELD_PATH_BYTES];
    json_t *array = NULL;
    struct endpoint_list list = {.count = 0};
    field_path(path, key, full);
    if (json_want_array(object, path, key, ENDPOINT_LIST_MAX, &array, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *text = json_string_value(json_array_get(array, i));
        struct endpoint endpoint;
        if (text == NULL) {
            return err_set(err, ERR_INVALID, "%s[%zu]: must be a text", full, i);
        }
        if (endpoint_parse(text, WIRE_PORT, &endpoint, err) < 0) {
            return err_wrap(err, "%s[%zu]", full, i);
        }
        endpoint_list_add(&list, &endpoint);
    }
    *ret = list;
    return 0;
}

json_t *field_from_endpoints(const struct endpoint_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < list->count; i++) {
        char text[ENDPOINT_TEXT_BYTES];
        endpoint_format(&list->items[i], text);
        if (json_array_append_new(array, json_string(text)) < 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

json_t *field_from_text(const char *text)
{
    if (parse_is_utf8(text, strlen(text)) && field_is_plain(text)) {
        return json_string(text);
    }
    char *plain = strdup(text);
    for (char *at = plain; at != NULL && *at != '\0'; at++) {
        *at = *at < ' ' || *at > '~' ? '?' : *at;
    }
    json_t *json = plain != NULL ? json_string(plain) : NULL;
    free(plain);
    return json;
}

json_t *field_from_u64(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}
