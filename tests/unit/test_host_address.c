/* SPDX-License-Identifier: Apache-2.0 */
/* Which route is the default one, and which address of its interface is the host's. */
#include "agent/measure/host_address.h"
#include "common/base/parse.h"
#include "tests/support/host_tree.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define HEADER                                                                                 \
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
#define SUBNET "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
/* As the kernel writes it on a little-endian machine: 192.0.2.1 is 010200C0. */
#define DEFAULT(interface, metric)                                                             \
    interface "\t00000000\t010200C0\t0003\t0\t0\t" metric "\t00000000\t0\t0\t0   \n"

#define ANY6 "00000000000000000000000000000000"
#define ROUTER6 "fe800000000000000000000000000001"
#define DEFAULT6(interface, metric)                                                            \
    ANY6 " 00 " ANY6 " 00 " ROUTER6 " " metric " 00000002 00000000 00000003     " interface "\n"
#define REJECT6 ANY6 " 00 " ANY6 " 00 " ANY6 " ffffffff 00000001 00000000 00200200       lo\n"
#define ONLINK6                                                                                \
    "20010db8000000000000000000000000 40 " ANY6 " 00 " ANY6                                    \
    " 00000100 00000001 00000000 00000001     eth0\n"

static const char *path_of(void **state)
{
    return ((const struct tmpdir *)*state)->path;
}

static void the_default_route_is_the_one_of_lowest_metric(void **state)
{
    static const struct {
        const char *table;
        const char *interface;
        uint32_t metric;
        int family;
    } cases[] = {
        {HEADER DEFAULT("eth0", "0") SUBNET, "eth0", 0, AF_INET},
        {HEADER SUBNET DEFAULT("eth0", "100") DEFAULT("wlan0", "600"), "eth0", 100, AF_INET},
        {HEADER DEFAULT("wlan0", "600") DEFAULT("eth0", "100"), "eth0", 100, AF_INET},
        /* two routers, one interface */
        {HEADER DEFAULT("eth0", "100") DEFAULT("eth0", "100"), "eth0", 100, AF_INET},
        /* a tie that a better one ends */
        {HEADER DEFAULT("a", "9") DEFAULT("b", "9") DEFAULT("c", "8"), "c", 8, AF_INET},
        {HEADER DEFAULT("a", "-1") DEFAULT("b", "5"), "b", 5, AF_INET},
        /* unreachable, down, half of the internet (as VPNs do) and garbage */
        {HEADER "*\t00000000\t00000000\t0200\t0\t0\t0\t00000000\t0\t0\t0\n"
                "down0\t00000000\t010200C0\t0002\t0\t0\t0\t00000000\t0\t0\t0\n"
                "tun0\t00000000\t010200C0\t0003\t0\t0\t0\t00000080\t0\t0\t0\n"
                "eth1\t00000000\t010200C0\t0003\t0\t0\tx\t00000000\t0\t0\t0\n"
                "eth2\t00000000\t010200C0\t0003\t0\t0\t\n"
                "\n\t\t\t\t\t\t\t\t\n"
                "interface-name-too-long\t00000000\t0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
                "eth4\t00000000000000000\t0\t0003\t0\t0\t99999999999999999999\t0\t0\t0\t0\n"
                "eth3\t00000000\t010200C0\t0003\t0\t0\t7\t00000000",
         "eth3", 7, AF_INET},
        {ONLINK6 DEFAULT6("eth0", "00000400") REJECT6, "eth0", 1024, AF_INET6},
        {DEFAULT6("wlan0", "00000258") DEFAULT6("eth0", "00000064"), "eth0", 100, AF_INET6},
        {/* source-specific, short, no hex */
         ANY6 " 00 " ANY6 " 40 " ROUTER6 " 00000001 0 0 00000003 a\n" ANY6 " 00 " ANY6
              " 00 fe80 00000001 0 0 00000003 b\n"
              "zz000000000000000000000000000000 00 " ANY6 " 00 " ROUTER6
              " 00000001 0 0 00000003 c\n" DEFAULT6("eth0", "00000400"),
         "eth0", 1024, AF_INET6},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct default_route route = {0};
        struct err err = {0};
        host_tree_write(*state, cases[i].family == AF_INET ? "net/route" : "net/ipv6_route",
                        cases[i].table);
        assert_int_equal(default_route_find(path_of(state), cases[i].family, &route, &err), 0);
        assert_int_equal(route.family, cases[i].family);
        assert_string_equal(route.interface, cases[i].interface);
        assert_int_equal(route.metric, cases[i].metric);
        char gateway[INET6_ADDRSTRLEN];
        (void)inet_ntop(route.family, route.gateway, gateway, sizeof gateway);
        assert_string_equal(gateway, route.family == AF_INET ? "192.0.2.1" : "fe80::1");
    }
}

static void two_default_routes_of_equal_metric_are_named(void **state)
{
    static const char *const tables[][2] = {
        {HEADER DEFAULT("eth0", "100") DEFAULT("eth1", "100"), ""},
        {HEADER DEFAULT("x", "200") DEFAULT("eth0", "100") DEFAULT("eth0", "100")
             DEFAULT("eth1", "100"),
         ""},
        {HEADER, DEFAULT6("eth0", "00000064") DEFAULT6("eth1", "00000064")},
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        char ip[REPORT_HOST_IP_BYTES] = "as before";
        struct err err = {0};
        host_tree_write(*state, "net/route", tables[i][0]);
        host_tree_write(*state, "net/ipv6_route", tables[i][1]);
        assert_int_equal(host_address_find(path_of(state), ip, &err), -1);
        assert_int_equal(err.code, ERR_CONFIG);
        assert_non_null(strstr(err.message, "over both eth0 and eth1"));
        assert_non_null(strstr(err.message, "metric 100"));
        assert_non_null(strstr(err.message, "give --host-ip"));
        assert_string_equal(ip, "as before");
    }
}

static void no_default_route_asks_for_the_address(void **state)
{
    static const char no_default[] = HEADER SUBNET;
    static const char *const tables[] = {NULL, "", HEADER, no_default, "\xff\xff\n"};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        char ip[REPORT_HOST_IP_BYTES] = "as before";
        struct err err = {0};
        if (tables[i] != NULL) {
            host_tree_write(*state, "net/route", tables[i]);
            host_tree_write(*state, "net/ipv6_route", REJECT6);
        }
        assert_int_equal(host_address_find(path_of(state), ip, &err), -1);
        assert_int_equal(err.code, ERR_ABSENT);
        assert_non_null(strstr(err.message, "net/route has no default route"));
        assert_non_null(strstr(err.message, "net/ipv6_route has no default route"));
        assert_non_null(strstr(err.message, "give --host-ip"));
        assert_string_equal(ip, "as before");
    }
}

/* ProcSubset=pid hides /proc/net but not /proc/self/net. */
static void the_table_is_found_below_self_too(void **state)
{
    struct default_route route;
    struct err err;
    host_tree_write(*state, "self/net/route", HEADER DEFAULT("eth0", "3"));
    assert_int_equal(default_route_find(path_of(state), AF_INET, &route, &err), 0);
    assert_string_equal(route.interface, "eth0");
}

/* ---- addresses ---- */

enum { ADDRESSES_MAX = 6 };

struct given {
    char interface[IF_NAMESIZE];
    const char *address; /* NULL: an entry without one, as tunnels have */
    const char *mask;
};

struct given_list {
    struct ifaddrs entries[ADDRESSES_MAX];
    struct sockaddr_storage addresses[ADDRESSES_MAX];
    struct sockaddr_storage masks[ADDRESSES_MAX];
    char names[ADDRESSES_MAX][IF_NAMESIZE];
};

static struct sockaddr *fill_address(const char *text, struct sockaddr_storage *storage)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    memset(storage, 0, sizeof *storage);
    if (text == NULL) {
        return NULL;
    }
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(storage, &v4, sizeof v4);
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
        memcpy(storage, &v6, sizeof v6);
    }
    return (struct sockaddr *)storage;
}

/* Link @given as getifaddrs() would. */
static const struct ifaddrs *fill(struct given_list *list, const struct given *given)
{
    struct ifaddrs *next = NULL;
    for (size_t i = ADDRESSES_MAX; i-- > 0;) {
        if (given[i].interface[0] != '\0') {
            (void)snprintf(list->names[i], IF_NAMESIZE, "%s", given[i].interface);
            list->entries[i] = (struct ifaddrs){
                .ifa_next = next,
                .ifa_name = list->names[i],
                .ifa_addr = fill_address(given[i].address, &list->addresses[i]),
                .ifa_netmask = fill_address(given[i].mask, &list->masks[i]),
            };
            next = &list->entries[i];
        }
    }
    return next;
}

static const char mask24[] = "255.255.255.0";
static const char mask64[] = "ffff:ffff:ffff:ffff::";

static struct default_route route_by(const char *gateway)
{
    struct default_route route = {.interface = "eth0", .family = AF_INET};
    if (inet_pton(AF_INET, gateway, route.gateway) != 1) {
        route.family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, gateway, route.gateway), 1);
    }
    return route;
}

static void the_first_address_of_the_interface_is_chosen(void **state)
{
    static const struct {
        const char *gateway;
        const char *ip;
        struct given given[ADDRESSES_MAX];
    } cases[] = {
        {"192.0.2.1",
         "192.0.2.7",
         {{"lo", "127.0.0.1", "255.0.0.0"},
          {"eth0", NULL, NULL},
          {"eth1", "192.0.2.8", mask24},
          {"eth00", "192.0.2.9", mask24},
          {"eth0", "2001:db8::7", mask64},
          {"eth0", "192.0.2.7", mask24}}},
        /* secondary addresses come later; aliases carry their label */
        {"192.0.2.1",
         "192.0.2.7",
         {{"eth0", "192.0.2.7", mask24},
          {"eth0:1", "192.0.2.8", mask24},
          {"eth0", "192.0.2.9", mask24}}},
        /* the gateway's subnet comes before the order */
        {"192.0.2.1",
         "192.0.2.7",
         {{"eth0", "10.0.0.7", mask24}, {"eth0:1", "192.0.2.7", mask24}}},
        /* one address, gateway elsewhere or none */
        {"203.0.113.1", "10.0.0.7", {{"eth0", "10.0.0.7", "255.255.255.255"}}},
        {"0.0.0.0", "10.0.0.7", {{"eth0", "10.0.0.7", NULL}}},
        {"fe80::1",
         "2001:db8::7",
         {{"eth0", "fe80::7", mask64},
          {"eth0", "192.0.2.7", mask24},
          {"eth0", "2001:db8::7", mask64}}},
        {"2001:db8:0:1::1",
         "2001:db8:0:1::7",
         {{"eth0", "fd00::7", mask64}, {"eth0", "2001:db8:0:1::7", mask64}}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct given_list list;
        char ip[REPORT_HOST_IP_BYTES];
        struct err err = {0};
        struct default_route route = route_by(cases[i].gateway);
        assert_int_equal(host_address_choose(&route, fill(&list, cases[i].given), ip, &err), 0);
        assert_string_equal(ip, cases[i].ip);
    }
}

static void several_addresses_without_a_first_one_are_refused(void **state)
{
    static const struct {
        const char *gateway;
        const char *named;
        struct given given[ADDRESSES_MAX];
    } cases[] = {
        {"203.0.113.1",
         "eth0, which has the default route, has 2 addresses (10.0.0.7, 10.1.0.7)",
         {{"eth0", "10.0.0.7", mask24}, {"eth0", "10.1.0.7", mask24}}},
        {"0.0.0.0",
         "3 addresses (10.0.0.7, 10.0.0.8, ...)",
         {{"eth0", "10.0.0.7", mask24},
          {"eth0", "10.0.0.8", mask24},
          {"eth0", "10.0.0.9", mask24}}},
        {"fe80::1",
         "2 addresses (2001:db8::7, fd00::7)",
         {{"eth0", "2001:db8::7", mask64},
          {"eth0", "fd00::7", mask64},
          {"eth0", "fe80::7", mask64}}},
        {"2001:db8::1", /* one of the two may be temporary: the order does not say */
         "2 addresses (2001:db8::7, 2001:db8::8)",
         {{"eth0", "2001:db8::7", mask64}, {"eth0", "2001:db8::8", mask64}}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct given_list list;
        char ip[REPORT_HOST_IP_BYTES] = "as before";
        struct err err = {0};
        struct default_route route = route_by(cases[i].gateway);
        assert_int_equal(host_address_choose(&route, fill(&list, cases[i].given), ip, &err),
                         -1);
        assert_int_equal(err.code, ERR_CONFIG);
        assert_non_null(strstr(err.message, cases[i].named));
        assert_string_equal(ip, "as before");
    }
}

static void an_interface_without_a_usable_address_is_named(void **state)
{
    static const struct given given[ADDRESSES_MAX] = {
        {"eth0", "fe80::7", mask64},
        {"eth0", "127.0.0.2", mask24},
        {"eth0", "::1", mask64},
        {"eth1", "192.0.2.7", mask24},
    };
    static const char *const gateways[] = {"192.0.2.1", "fe80::1"};
    static const char *const missing[] = {"IPv4", "global IPv6"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct given_list list;
        char ip[REPORT_HOST_IP_BYTES];
        struct err err = {0};
        struct default_route route = route_by(gateways[i]);
        assert_int_equal(host_address_choose(&route, fill(&list, given), ip, &err), -1);
        assert_int_equal(err.code, ERR_ABSENT);
        assert_non_null(strstr(err.message, "eth0"));
        assert_non_null(strstr(err.message, missing[i]));
    }
}

/* The real interfaces: loopback has no address that others could reach. */
static void a_default_route_over_loopback_is_no_way_out(void **state)
{
    char ip[REPORT_HOST_IP_BYTES];
    struct err err = {0};
    host_tree_write(*state, "net/route", HEADER DEFAULT("lo", "0"));
    host_tree_write(*state, "net/ipv6_route", DEFAULT6("lo", "00000001"));
    assert_int_equal(host_address_find(path_of(state), ip, &err), -1);
    assert_int_equal(err.code, ERR_ABSENT);
    assert_non_null(strstr(err.message, "lo, which has the default route, has no IPv4"));
}

static void this_host_has_an_address_or_a_reason(void **state)
{
    char ip[REPORT_HOST_IP_BYTES] = "";
    char canonical[46];
    struct err err = {0};
    (void)state;
    if (host_address_find("/proc", ip, &err) == 0) {
        assert_int_equal(parse_ip(ip, canonical, &err), 0);
        assert_string_equal(ip, canonical);
    } else {
        assert_true(err.code == ERR_ABSENT || err.code == ERR_CONFIG);
        assert_non_null(strstr(err.message, "--host-ip"));
    }
}

#define IN_TMPDIR(test) cmocka_unit_test_setup_teardown(test, tmpdir_setup, tmpdir_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_TMPDIR(the_default_route_is_the_one_of_lowest_metric),
        IN_TMPDIR(two_default_routes_of_equal_metric_are_named),
        IN_TMPDIR(no_default_route_asks_for_the_address),
        IN_TMPDIR(the_table_is_found_below_self_too),
        cmocka_unit_test(the_first_address_of_the_interface_is_chosen),
        cmocka_unit_test(several_addresses_without_a_first_one_are_refused),
        cmocka_unit_test(an_interface_without_a_usable_address_is_named),
        IN_TMPDIR(a_default_route_over_loopback_is_no_way_out),
        cmocka_unit_test(this_host_has_an_address_or_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
