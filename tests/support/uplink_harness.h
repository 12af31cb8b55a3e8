/* SPDX-License-Identifier: Apache-2.0 */
/* An uplink over the fake of http_client, on virtual time. For cmocka tests. */
#ifndef TESTS_SUPPORT_UPLINK_HARNESS_H
#define TESTS_SUPPORT_UPLINK_HARNESS_H

#include "agent/link/uplink.h"
#include "tests/support/fake_http.h"
#include "tests/support/virtual_time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define UPLINK_INSTALLATION "5d0c2c0e-5a2c-4b9e-9f6e-0d6c2f2f5a11"
#define UPLINK_CA "-----BEGIN CERTIFICATE-----\nscripted\n-----END CERTIFICATE-----\n"

enum { UPLINK_START_S = 1795468265 }; /* when the fake clock starts, without milliseconds */

/* Must not move after uplink_harness_init(). */
struct uplink_harness {
    struct virtual_time time;
    struct fake_http fake;
    struct http_client *http;
    struct uplink *uplink;
    unsigned n_closed;
};

static inline void uplink_harness_use(struct uplink_harness *harness, const char *addresses)
{
    struct err err = {0};
    struct endpoint_list list = {0};
    assert_int_equal(endpoint_list_parse(addresses, WIRE_PORT, &list, &err), 0);
    uplink_set_endpoints(harness->uplink, &list);
}

/* Asks 10.0.0.1:12443, then coordinator.example:443, then [2001:db8::7]:12443. */
static inline void uplink_harness_init(struct uplink_harness *harness, const char *proxy)
{
    struct err err = {0};
    *harness = (struct uplink_harness){0};
    virtual_time_init(&harness->time);
    fake_http_init(&harness->fake, &harness->time.loop);
    struct http_client_options http = {
        .loop = &harness->time.loop, .clock = &harness->time.clock.clock, .user_agent = "test"};
    assert_int_equal(http_client_start(&harness->http, &http, &err), 0);
    struct uplink_options options = {
        .clock = &harness->time.clock.clock, .http = harness->http, .proxy = proxy};
    assert_int_equal(uplink_new(&harness->uplink, &options, &err), 0);
    uplink_harness_use(harness, "10.0.0.1,coordinator.example:443,[2001:db8::7]");
    assert_int_equal(uplink_trust(harness->uplink, UPLINK_CA, UPLINK_INSTALLATION, &err), 0);
}

static inline void uplink_harness_on_closed_(void *userdata)
{
    ((struct uplink_harness *)userdata)->n_closed++;
}

static inline void uplink_harness_fini(struct uplink_harness *harness)
{
    http_client_stop(harness->http, uplink_harness_on_closed_, harness);
    virtual_time_settle(&harness->time);
    assert_int_equal(harness->n_closed, 1);
    uplink_free(harness->uplink);
    virtual_time_fini(&harness->time);
    fake_http_fini(&harness->fake);
}

static inline void uplink_harness_expect_address(const struct uplink_harness *harness,
                                                 const char *text)
{
    char where[ENDPOINT_TEXT_BYTES];
    endpoint_format(uplink_endpoint(harness->uplink), where);
    assert_string_equal(where, text);
}

#endif
