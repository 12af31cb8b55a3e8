/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system's clocks and the two texts of time that the product reads and writes. Nothing here
 * depends on the locale or the time zone: strftime() and strptime() are left out for their
 * month names.
 */
#include "common/base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    HTTP_DATE_LEN = 29, /* "Sun, 06 Nov 1994 08:49:37 GMT" */
    LEAP_SECOND = 60,
};

/* The texts that a year of four digits can tell: 0000-01-01T00:00:00.000Z to
 * 9999-12-31T23:59:59.999Z. */
static const int64_t first_wall_ms = INT64_C(-62167219200000);
static const int64_t last_wall_ms = INT64_C(253402300799999);

static const char day_names[] = "SunMonTueWedThuFriSat";
static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static struct timespec read_clock(clockid_t id)
{
    struct timespec now;
    if (clock_gettime(id, &now) != 0) {
        abort(); /* Linux has had both since 2.6.39; without time nothing can go on */
    }
    return now;
}

static uint64_t system_monotonic_ms(void *userdata)
{
    (void)userdata;
    struct timespec now = read_clock(CLOCK_BOOTTIME);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int64_t system_wall_ms(void *userdata)
{
    (void)userdata;
    struct timespec now = read_clock(CLOCK_REALTIME);
    return (int64_t)now.tv_sec * 1000 + (int64_t)now.tv_nsec / 1000000;
}

const struct clock *clock_system(void)
{
    static const struct clock system_clock = {system_monotonic_ms, system_wall_ms, NULL};
    return &system_clock;
}

/* @value as decimal digits with leading zeros. */
static void put_digits(char *at, int value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

void clock_format_utc(int64_t wall_ms, char ret_text[static 25])
{
    if (wall_ms < first_wall_ms) {
        wall_ms = first_wall_ms;
    } else if (wall_ms > last_wall_ms) {
        wall_ms = last_wall_ms;
    }
    int ms = (int)(wall_ms % 1000);
    time_t seconds = (time_t)(wall_ms / 1000);
    if (ms < 0) { /* before 1970: round down, so that the milliseconds count upwards */
        ms += 1000;
        seconds--;
    }
    struct tm utc;
    (void)gmtime_r(&seconds, &utc); /* cannot fail: the year fits */
    memcpy(ret_text, "0000-00-00T00:00:00.000Z", 25);
    put_digits(ret_text, utc.tm_year + 1900, 4);
    put_digits(ret_text + 5, utc.tm_mon + 1, 2);
    put_digits(ret_text + 8, utc.tm_mday, 2);
    put_digits(ret_text + 11, utc.tm_hour, 2);
    put_digits(ret_text + 14, utc.tm_min, 2);
    put_digits(ret_text + 17, utc.tm_sec, 2);
    put_digits(ret_text + 20, ms, 3);
}

/* Exactly @digits digits, not over @max; -1 otherwise. */
static int take_digits(const char *at, int digits, int max)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        if (at[i] < '0' || at[i] > '9') {
            return -1;
        }
        value = value * 10 + (at[i] - '0');
    }
    return value <= max ? value : -1;
}

/* The place of the three letters at @at among @names, from 0; -1 if it is none of them. */
static int take_name(const char *at, const char *names)
{
    int place = 0;
    for (const char *name = names; *name != '\0'; name += 3) {
        if (memcmp(at, name, 3) == 0) {
            return place;
        }
        place++;
    }
    return -1;
}

static bool has_http_date_shape(const char *text)
{
    static const char shape[] = "???, ?? ??? ???? ??:??:?? GMT";
    if (strnlen(text, HTTP_DATE_LEN + 1) != HTTP_DATE_LEN) {
        return false;
    }
    for (int i = 0; i < HTTP_DATE_LEN; i++) {
        if (shape[i] != '?' && shape[i] != text[i]) {
            return false;
        }
    }
    return true;
}

int64_t clock_parse_http_date(const char *text)
{
    if (!has_http_date_shape(text)) {
        return -1;
    }
    struct tm utc = {
        .tm_wday = take_name(text, day_names),
        .tm_mday = take_digits(text + 5, 2, 31),
        .tm_mon = take_name(text + 8, month_names),
        .tm_year = take_digits(text + 12, 4, 9999) - 1900,
        .tm_hour = take_digits(text + 17, 2, 23),
        .tm_min = take_digits(text + 20, 2, 59),
        .tm_sec = take_digits(text + 23, 2, LEAP_SECOND),
    };
    if (utc.tm_wday < 0 || utc.tm_mday < 1 || utc.tm_mon < 0 || utc.tm_year < 70 ||
        utc.tm_hour < 0 || utc.tm_min < 0 || utc.tm_sec < 0) {
        return -1;
    }
    struct tm normal = utc;
    time_t seconds = timegm(&normal);
    /* timegm() turns "31 Feb" into March: the second look catches days that are none and the
     * wrong name of a day. A leap second may carry into the next day, so it is left out of
     * that look. */
    if (utc.tm_sec == LEAP_SECOND) {
        normal = utc;
        normal.tm_sec = LEAP_SECOND - 1;
        (void)timegm(&normal);
    }
    if (normal.tm_mon != utc.tm_mon || normal.tm_wday != utc.tm_wday) {
        return -1;
    }
    return (int64_t)seconds;
}
