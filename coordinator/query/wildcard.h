/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns with * (any characters) and ? (one character); a backslash makes the next character
 * an ordinary one. Case does not count. */
#ifndef QUERY_WILDCARD_H
#define QUERY_WILDCARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Does the whole of @text match? At most len(pattern) * len(text) steps, which it spends. */
bool wildcard_matches(const char *pattern, const char *text, size_t len, uint64_t *steps_left);

#endif
