/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of time, and the two system clocks. [AC-3] rests on reading the coordinator's
 * Date header rightly. */
#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/base/compiler.h"

static void times_are_written_as_rfc_3339_utc(void **state)
{
    (void)state;

    static const struct {
        int64_t wall_ms;
        const char *text;
    } cases[] = {
        {INT64_C(1795468265123), "2026-11-23T21:11:05.123Z"},
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {-1, "1969-12-31T23:59:59.999Z"}, /* rounds down, not towards 1970 */
        {-1000, "1969-12-31T23:59:59.000Z"},
        {INT64_C(951827696999), "2000-02-29T12:34:56.999Z"},
        {INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
        {INT64_C(253402300800000), "9999-12-31T23:59:59.999Z"}, /* no fifth digit */
        {INT64_C(-62167219200000), "0000-01-01T00:00:00.000Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
        {INT64_MIN, "0000-01-01T00:00:00.000Z"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[25];
        clock_format_utc(cases[i].wall_ms, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void http_dates_are_read(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777}, /* the example of RFC 9110 */
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Tue, 29 Feb 2000 23:59:59 GMT", 951868799},
        {"Mon, 23 Nov 2026 21:11:05 GMT", 1795468265},
        {"Tue, 19 Jan 2038 03:14:08 GMT", INT64_C(2147483648)},
        {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800}, /* a leap second is the next one */
        {"Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(253402300799)},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(clock_parse_http_date(cases[i].text), cases[i].seconds);
    }
}

static void other_texts_are_no_http_dates(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "garbage",
        "Sun, 06 Nov 1994 08:49:37 GM",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "sun, 06 nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT", /* RFC 850 */
        "Sun Nov  6 08:49:37 1994",       /* asctime */
        "Mon, 06 Nov 1994 08:49:37 GMT",  /* it was a Sunday */
        "Xxx, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nvo 1994 08:49:37 GMT",
        "Sun, 06 ovD 1994 08:49:37 GMT", /* across two names */
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Thu, 31 Nov 1994 08:49:37 GMT",
        "Fri, 29 Feb 2019 08:49:37 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT",
        "Sun,  6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov -994 08:49:37 GMT",
        "Wed, 31 Dec 1969 23:59:59 GMT", /* before the epoch: -1 would be ambiguous */
        "Sun, 31 Dec 1967 23:59:59 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun, 06 Nov 1994 0x:49:37 GMT",
        "\xC3\xA9n, 06 Nov 1994 08:49:37 GMT",
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(clock_parse_http_date(cases[i]), -1);
    }
}

static void the_time_zone_of_the_host_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(setenv("TZ", "Pacific/Kiritimati-14", 1), 0);
    tzset();

    char text[25];
    clock_format_utc(INT64_C(1795468265123), text);
    int64_t parsed = clock_parse_http_date("Mon, 23 Nov 2026 21:11:05 GMT");
    (void)unsetenv("TZ");
    tzset();

    assert_string_equal(text, "2026-11-23T21:11:05.123Z");
    assert_int_equal(parsed, 1795468265);
}

static void the_system_clocks_are_the_ones_they_say(void **state)
{
    (void)state;
    const struct clock *clock = clock_system();
    struct timespec before;
    struct timespec after;

    assert_int_equal(clock_gettime(CLOCK_REALTIME, &before), 0);
    int64_t wall_ms = clock_wall_ms(clock);
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &after), 0);
    assert_in_range(wall_ms, before.tv_sec * 1000, after.tv_sec * 1000 + 999);

    assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &before), 0);
    uint64_t monotonic_ms = clock_monotonic_ms(clock);
    assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &after), 0);
    assert_in_range(monotonic_ms, before.tv_sec * 1000, after.tv_sec * 1000 + 999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_written_as_rfc_3339_utc),
        cmocka_unit_test(http_dates_are_read),
        cmocka_unit_test(other_texts_are_no_http_dates),
        cmocka_unit_test(the_time_zone_of_the_host_changes_nothing),
        cmocka_unit_test(the_system_clocks_are_the_ones_they_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
