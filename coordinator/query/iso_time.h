/* SPDX-License-Identifier: Apache-2.0 */
/* Dates and times of ISO 8601 as Elasticsearch's strict_date_optional_time has them:
 * 2026, 2026-11, 2026-11-24, 2026-11-24T08, T08:30, T08:30:15, T08:30:15.123, with Z or +01:00
 * after a time. Without a zone it is UTC. */
#ifndef QUERY_ISO_TIME_H
#define QUERY_ISO_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct iso_time {
    int64_t first_ms; /* since 1970 UTC; what is left out counts as the first of its kind */
    int64_t last_ms;  /* the same with the parts of the day as the last: 23:59:59.999 */
};

/** False, and @ret untouched, if @text is not such a time as a whole. */
bool iso_time_parse(const char *text, size_t len, struct iso_time *ret);

/** A look at the shape of a date with a time: what is none may still be a date. */
bool iso_time_is_full(const char *text, size_t len);

#endif
