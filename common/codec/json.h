/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON from untrusted bytes into typed values, over jansson: bounded, no duplicate keys, no
 * trailing bytes, depth at most JSON_DEPTH_MAX, well-formed UTF-8. Each reader names the path
 * of the field in its message ("report.memory.total").
 */
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include "common/base/compiler.h"
#include "common/base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_DEPTH_MAX = 32 };

static inline void json_cleanup(json_t **json)
{
    json_decref(*json);
}

#define auto_json CLEANUP(json_cleanup) json_t

/** Parse one object or array. @ret returns owned (json_decref). ERR_INVALID with line and
 * column. Depth is checked before jansson sees the bytes. */
int json_parse(const char *bytes, size_t len, json_t **ret, struct err *err) MUST_CHECK;

/* Members of an object. "need" fails when it is absent; "want" leaves *ret as it was. null
 * counts as absent for "want". */
int json_need_text(const json_t *object, const char *path, const char *key, size_t max_bytes,
                   const char **ret, struct err *err) MUST_CHECK; /* borrowed from object */
int json_want_text(const json_t *object, const char *path, const char *key, size_t max_bytes,
                   const char **ret, struct err *err) MUST_CHECK;
int json_need_u64(const json_t *object, const char *path, const char *key, uint64_t max,
                  uint64_t *ret,
                  struct err *err) MUST_CHECK; /* integers only; a real number is refused */
int json_want_u64(const json_t *object, const char *path, const char *key, uint64_t max,
                  uint64_t *ret, struct err *err) MUST_CHECK;
int json_want_i64(const json_t *object, const char *path, const char *key, int64_t *ret,
                  struct err *err) MUST_CHECK;
int json_need_bool(const json_t *object, const char *path, const char *key, bool *ret,
                   struct err *err) MUST_CHECK;
int json_want_bool(const json_t *object, const char *path, const char *key, bool *ret,
                   struct err *err) MUST_CHECK;
int json_need_object(const json_t *object, const char *path, const char *key, json_t **ret,
                     struct err *err) MUST_CHECK; /* borrowed */
int json_want_object(const json_t *object, const char *path, const char *key, json_t **ret,
                     struct err *err) MUST_CHECK;
/** An array of at most @max_items. */
int json_want_array(const json_t *object, const char *path, const char *key, size_t max_items,
                    json_t **ret, struct err *err) MUST_CHECK;

/** Refuse a member of the object that is not one of the @n_names; the message names it. */
int json_only(json_t *object, const char *path, const char *const *names, size_t n_names,
              struct err *err) MUST_CHECK;

/** Compact text (malloc'd), sorted as inserted. NULL only without memory. */
char *json_compact(const json_t *json);
/** Pretty text in the documented style: two blanks indent, `"key": value`, a newline at the
 * end. malloc'd. */
char *json_pretty(const json_t *json);

#endif
