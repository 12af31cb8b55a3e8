/* SPDX-License-Identifier: Apache-2.0 */
/* The reading of ISO 8601. See iso_time.h. */
#include "coordinator/query/iso_time.h"

#include <string.h>
#include <time.h>

struct cursor {
    const char *at;
    const char *end;
};

/* Exactly @digits digits that make a number within [min, max]; -1 otherwise. */
static int take_number(struct cursor *cursor, int digits, int min, int max)
{
    int value = 0;
    if (cursor->end - cursor->at < digits) {
        return -1;
    }
    for (int i = 0; i < digits; i++) {
        if (cursor->at[i] < '0' || cursor->at[i] > '9') {
            return -1;
        }
        value = value * 10 + (cursor->at[i] - '0');
    }
    cursor->at += digits;
    return value >= min && value <= max ? value : -1;
}

static bool take_char(struct cursor *cursor, char c)
{
    if (cursor->at == cursor->end || *cursor->at != c) {
        return false;
    }
    cursor->at++;
    return true;
}

/* 1 to 9 digits after the point, as milliseconds; finer ones are dropped. */
static int take_fraction(struct cursor *cursor)
{
    int ms = 0;
    int digits = 0;
    while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9') {
        if (digits < 3) {
            ms = ms * 10 + (*cursor->at - '0');
        }
        digits++;
        cursor->at++;
    }
    for (int i = digits; i < 3; i++) {
        ms *= 10;
    }
    return digits >= 1 && digits <= 9 ? ms : -1;
}

/* "Z", "+01:00", "+0100" or "+01" into minutes east; nothing is UTC. */
static bool take_zone(struct cursor *cursor, int *ret_minutes)
{
    *ret_minutes = 0;
    if (cursor->at == cursor->end || take_char(cursor, 'Z')) {
        return true;
    }
    int sign = take_char(cursor, '-') ? -1 : 1;
    if (sign == 1 && !take_char(cursor, '+')) {
        return false;
    }
    int hours = take_number(cursor, 2, 0, 18);
    int minutes = 0;
    if (take_char(cursor, ':') || cursor->at < cursor->end) {
        minutes = take_number(cursor, 2, 0, 59);
    }
    *ret_minutes = sign * (hours * 60 + minutes);
    return hours >= 0 && minutes >= 0;
}

struct reading {
    struct tm utc; /* tm_hour, tm_min and tm_sec as far as they were given */
    int64_t ms;
    int64_t open_ms; /* how much longer it may last: what of the day was not given */
    int zone_minutes;
};

/* What stands after the "T". */
static bool take_time(struct cursor *cursor, struct reading *reading)
{
    struct tm *utc = &reading->utc;
    utc->tm_hour = take_number(cursor, 2, 0, 23);
    reading->open_ms = INT64_C(3600000) - 1;
    if (take_char(cursor, ':')) {
        utc->tm_min = take_number(cursor, 2, 0, 59);
        reading->open_ms = INT64_C(60000) - 1;
        if (take_char(cursor, ':')) {
            utc->tm_sec = take_number(cursor, 2, 0, 59);
            reading->open_ms = INT64_C(1000) - 1;
            if (take_char(cursor, '.')) {
                reading->ms = take_fraction(cursor);
                reading->open_ms = 0;
            }
        }
    }
    return utc->tm_hour >= 0 && utc->tm_min >= 0 && utc->tm_sec >= 0 && reading->ms >= 0 &&
           take_zone(cursor, &reading->zone_minutes);
}

static bool take_date(struct cursor *cursor, struct reading *reading)
{
    struct tm *utc = &reading->utc;
    utc->tm_year = take_number(cursor, 4, 0, 9999) - 1900;
    utc->tm_mday = 1;
    reading->open_ms = INT64_C(86400000) - 1;
    if (take_char(cursor, '-')) {
        utc->tm_mon = take_number(cursor, 2, 1, 12) - 1;
        if (take_char(cursor, '-')) {
            utc->tm_mday = take_number(cursor, 2, 1, 31);
        }
    }
    return utc->tm_year >= -1900 && utc->tm_mon >= 0 && utc->tm_mday >= 1;
}

bool iso_time_parse(const char *text, size_t len, struct iso_time *ret)
{
    struct cursor cursor = {text, text + len};
    struct reading reading = {0};
    if (!take_date(&cursor, &reading)) {
        return false;
    }
    if (take_char(&cursor, 'T') && !take_time(&cursor, &reading)) {
        return false;
    }
    if (cursor.at != cursor.end) {
        return false;
    }
    int month = reading.utc.tm_mon;
    int64_t seconds = (int64_t)timegm(&reading.utc);
    if (reading.utc.tm_mon != month) { /* timegm() turns 31 February into March */
        return false;
    }
    ret->first_ms = (seconds - (int64_t)reading.zone_minutes * 60) * 1000 + reading.ms;
    ret->last_ms = ret->first_ms + reading.open_ms;
    return true;
}

bool iso_time_is_full(const char *text, size_t len)
{
    return len > strlen("2026-11-24T") && text[4] == '-' && text[7] == '-' && text[10] == 'T';
}
