/* SPDX-License-Identifier: Apache-2.0 */
/* The roles a runner can hold. The two system roles are held by every runner and cannot be
 * asked for. */
#ifndef WIRE_ROLES_H
#define WIRE_ROLES_H

#include "common/base/err.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* A set of roles: bits. */
typedef uint32_t roles_t;

enum {
    ROLE_DIRECTOR = 1U << 0,
    ROLE_COORDINATOR = 1U << 1,
    ROLE_PROXY = 1U << 2,
    ROLE_ALLOCATOR = 1U << 3,
    ROLES_NONE = 0,
    ROLES_ALL = 15, /* the settable ones */
    ROLES_COUNT = 4,
    ROLES_TEXT_BYTES = 64,
};

/** "allocator, proxy" (one string, comma separated, blanks ignored, "" = none). An unknown name
 * is ERR_INVALID and named; so is a system role. */
int roles_parse_list(const char *text, roles_t *ret, struct err *err) MUST_CHECK;

/** A JSON array of role names; null or NULL = none. At most 16 items. */
int roles_from_json(const json_t *array, roles_t *ret, struct err *err) MUST_CHECK;

/** ["director", ...] in the order of the enum; owned, NULL without memory. */
json_t *roles_to_json(roles_t roles);

/** "director,allocator"; "" for none. */
void roles_format(roles_t roles, char ret_text[static ROLES_TEXT_BYTES]);

/** The name of one role, by index 0..ROLES_COUNT-1; the bit is 1 << index. */
const char *roles_name(size_t index);

/* beats-runner and services-forwarder: shown with every runner. */
extern const char *const roles_system_names[2];

#endif
