/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields that several messages have in common, checked and copied out of their JSON. For
 * the files of this folder. As in codec/json.h: "need" refuses an absent field, "want" leaves
 * @ret as it was; messages begin with the field's path.
 */
#ifndef WIRE_FIELDS_H
#define WIRE_FIELDS_H

#include "common/base/endpoint.h"
#include "common/base/err.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum { FIELD_PATH_BYTES = 128 };

/** "path.key", or "key" when @path is "". */
void field_path(const char *path, const char *key, char ret_path[static FIELD_PATH_BYTES]);

/** True if @text has no control characters (C0, DEL, C1), so that it can be shown on a
 * terminal. @text is UTF-8. */
bool field_is_plain(const char *text);

/** A plain text of less than @size bytes into an array. need: at least one byte. */
int field_need_text(const json_t *object, const char *path, const char *key, char *ret,
                    size_t size, struct err *err) MUST_CHECK;
int field_want_text(const json_t *object, const char *path, const char *key, char *ret,
                    size_t size, struct err *err) MUST_CHECK;

/** A text of 1..@max_bytes bytes, malloc'd. */
int field_need_copy(const json_t *object, const char *key, size_t max_bytes, char **ret,
                    struct err *err) MUST_CHECK;

typedef int field_check_fn(const char *value, struct err *err);

/** As field_need_text, and @check has no objection. */
int field_need_checked(const json_t *object, const char *key, field_check_fn *check, char *ret,
                       size_t size, struct err *err) MUST_CHECK;

/** An integer within [0, 2^31 - 1]: what the int32 of the platform API can show. */
int field_need_u32(const json_t *object, const char *path, const char *key, uint32_t *ret,
                   struct err *err) MUST_CHECK;
int field_want_u32(const json_t *object, const char *path, const char *key, uint32_t *ret,
                   struct err *err) MUST_CHECK;
/** An integer within [min, max]. */
int field_need_range(const json_t *object, const char *key, uint32_t min, uint32_t max,
                     uint32_t *ret, struct err *err) MUST_CHECK;

/** "protocol" must be ours: ERR_PROTOCOL otherwise. */
int field_need_protocol(const json_t *object, struct err *err) MUST_CHECK;

/** An installation id: it becomes a label of a host name. For field_need_checked. */
int field_check_installation_id(const char *value, struct err *err);

/** An array of "host:port". Absent or null is an empty list. */
int field_want_endpoints(const json_t *object, const char *path, const char *key,
                         struct endpoint_list *ret, struct err *err) MUST_CHECK;
json_t *field_from_endpoints(const struct endpoint_list *list);

/** A JSON text for any bytes: what is not plain UTF-8 is replaced by '?', so that the other
 * side takes the message. */
json_t *field_from_text(const char *text);

json_t *field_from_u64(uint64_t value);

#endif
