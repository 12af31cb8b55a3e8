/* SPDX-License-Identifier: Apache-2.0 */
/* Text into typed values, strictly: the whole text or nothing. The message names the value and
 * the rule. */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include "common/base/compiler.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PARSE_SHOWN_BYTES = 81 };

/** @text as a message may show it: cut to 80 bytes, anything but printable ASCII replaced by
 * '?'. Returns @ret. */
const char *parse_shown(const char *text, char ret[static PARSE_SHOWN_BYTES]);

/** Decimal digits only, within [min, max]. */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret,
              struct err *err) MUST_CHECK;

/** An IPv4 or IPv6 address, into its canonical text (inet_ntop). */
int parse_ip(const char *text, char ret_canonical[static 46], struct err *err) MUST_CHECK;

/** A host name (RFC 1123: letters, digits, hyphens, dots, 1..253), or an IP address. */
int parse_host(const char *text, struct err *err) MUST_CHECK;

/** Runner id: 1..128 of [A-Za-z0-9._:-], not "." or "..": it becomes a path segment and a
 * directory name. */
int parse_runner_id(const char *text, struct err *err) MUST_CHECK;

/** Zone id: 1..128 printable ASCII characters without blanks, quotes, slashes and backslashes.
 */
int parse_zone(const char *text, struct err *err) MUST_CHECK;

/** True if @bytes is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms) without
 * NUL. */
bool parse_is_utf8(const char *bytes, size_t len);

/** Split @text at @separator into at most @max parts, each trimmed of blanks, none empty. Parts
 * are malloc'd; returns their count or -1. "" has no parts. */
int parse_list(const char *text, char separator, char **ret_parts, size_t max,
               struct err *err) MUST_CHECK;

#endif
