/* SPDX-License-Identifier: Apache-2.0 */
/* What a host offers, in numbers and in words, for every kind of host that we have. */
#include "agent/measure/capacity.h"
#include "common/base/fs.h"
#include "tests/support/host_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define DOCKER_ID "3f1c9a0d5b7e4c2f8a6d1e0b9c8f7a6e5d4c3b2a19087f6e5d4c3b2a1908f7e6"

static struct capacity_options options_for(const char *root)
{
    return (struct capacity_options){
        .root = root,
        .instances_slice = "ece-instances.slice",
        .storage_path = "/",
        .roles = ROLES_ALL,
    };
}

static void measure(const struct capacity_options *options, struct report *report)
{
    struct err err;
    assert_int_equal(capacity_measure(options, report, &err), 0);
}

static const struct report_instance *find(const struct report *report, const char *name)
{
    for (size_t i = 0; i < report->n_instances; i++) {
        if (strcmp(report->instances[i].name, name) == 0) {
            return &report->instances[i];
        }
    }
    return NULL;
}

static void every_kind_of_host_offers_what_it_has(void **state)
{
    static const struct {
        const char *tree;
        uint32_t total_mb;
        uint32_t used_mb;
        size_t n_instances;
        uint32_t cpus;
        const char *source;
    } cases[] = {
        {"v2-systemd", 13600, 0, 0, 4, "85% of MemTotal"},
        {"v2-instances", 54654, 7183, 9, 16, "85% of MemTotal"},
        {"v2-slice-limit", 6963, 0, 0, 8,
         "85% of the limit of cgroup /ece.slice/ece-instances.slice (memory.max)"},
        {"v2-system-slice-limit", 54654, 0, 0, 8, "85% of MemTotal"},
        {"v2-container-upper-limit", 3481, 0, 0, 8,
         "85% of the limit of cgroup /kubepods/burstable/pod7c1e (memory.max)"},
        {"v2-namespace", 1740, 0, 0, 8, "85% of the limit of cgroup / (memory.max)"},
        {"v2-namespace-host-mount", 27294, 512, 1, 8, "85% of MemTotal"},
        {"v2-user-manager", 5222, 256, 1, 4,
         "85% of the limit of cgroup /user.slice/user-1000.slice (memory.max)"},
        {"v2-no-memory-controller", 13600, 0, 2, 1, "85% of MemTotal"},
        {"v2-lxcfs", 1740, 0, 0, 2, "85% of MemTotal"},
        {"v2-odd-mounts", 870, 0, 0, 4, "85% of the limit of cgroup /a:b (memory.max)"},
        {"v1-systemd", 6761, 1028, 2, 2, "85% of MemTotal"},
        {"v1-docker", 870, 0, 0, 8,
         "85% of the limit of cgroup "
         "...f1c9a0d5b7e4c2f8a6d1e0b9c8f7a6e5d4c3b2a19087f6e5d4c3b2a1908f"
         "7e6 (memory.limit_in_bytes)"},
        {"v1-container-foreign-path", 2611, 0, 0, 8,
         "85% of the limit of cgroup / (memory.limit_in_bytes)"},
        {"v1-lxc-hidden-limit", 5222, 0, 0, 8,
         "85% of the limit of cgroup / (hierarchical_memory_limit)"},
        {"hybrid", 3481, 1024, 1, 2,
         "85% of the limit of cgroup /ece.slice (memory.limit_in_bytes)"},
        {"hybrid-memory-in-v2", 6761, 512, 1, 2, "85% of MemTotal"},
        {"no-mountinfo", 13600, 1, 1, 4, "85% of MemTotal"},
        {"no-cgroups", 13600, 0, 0, 0, "85% of MemTotal"},
        {"broken-empty", 13600, 0, 0, 0, "85% of MemTotal"},
        {"broken-garbage", 13600, 2, 2, 0, "85% of MemTotal"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[512];
        struct report report = {0};
        print_message("%s\n", cases[i].tree);
        (void)snprintf(path, sizeof path, HOST_TREE("%s"), cases[i].tree);
        struct capacity_options options = options_for(path);
        measure(&options, &report);
        assert_string_equal(report.memory_source, cases[i].source);
        assert_int_equal(report.memory_total_mb, cases[i].total_mb);
        assert_int_equal(report.memory_used_mb, cases[i].used_mb);
        assert_int_equal(report.n_instances, cases[i].n_instances);
        assert_int_equal(report.cpus, cases[i].cpus);
        report_fini(&report);
    }
}

static void each_instance_is_listed_with_what_it_was_assigned(void **state)
{
    static const struct report_instance wanted[] = {
        {"es-0001.service", 4096, false},
        {"docker-" DOCKER_ID ".scope", 1025, false}, /* a byte above 1024 MiB */
        {"scratch.mount", 11, true},
        {"ece-instances-kibana.slice", 2048, false}, /* its children are its own affair */
        {"frozen.service", 1, true},
        {"above-memtotal.service", 0, true},
        {"odd name\\x2d.service", 1, false},
        {"garbage.service", 1, true},
        {"negative.service", 0, true},
    };
    struct capacity_options options = options_for(HOST_TREE("v2-instances"));
    struct report report = {0};
    uint32_t sum = 0;
    (void)state;
    measure(&options, &report);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        const struct report_instance *found = find(&report, wanted[i].name);
        assert_non_null(found);
        assert_int_equal(found->memory_mb, wanted[i].memory_mb);
        assert_int_equal(found->moves, wanted[i].moves);
        sum += wanted[i].memory_mb;
    }
    assert_int_equal(report.memory_used_mb, sum);
    assert_int_equal(report.n_instances, sizeof wanted / sizeof wanted[0]);
    report_fini(&report);
}

/* 15 % are 28 GiB of 186.7 GiB and 12 GiB of 80 GiB. */
static void the_reserve_is_capped(void **state)
{
    static const struct {
        unsigned gib;
        uint32_t all_mb;
        const char *all_source;
        uint32_t allocator_mb;
        const char *allocator_source;
    } cases[] = {
        {8, 6963, "85% of MemTotal", 6963, "85% of MemTotal"},
        {16, 13926, "85% of MemTotal", 13926, "85% of MemTotal"},
        {64, 55705, "85% of MemTotal", 55705, "85% of MemTotal"},
        {80, 69632, "85% of MemTotal", 69632, "85% of MemTotal"},
        {128, 111411, "85% of MemTotal", 118784, "MemTotal less 12288 MB"},
        {186, 161894, "85% of MemTotal", 178176, "MemTotal less 12288 MB"},
        {187, 162816, "MemTotal less 28672 MB", 179200, "MemTotal less 12288 MB"},
        {256, 233472, "MemTotal less 28672 MB", 249856, "MemTotal less 12288 MB"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char meminfo[64];
        struct capacity_options options = options_for(((const struct tmpdir *)*state)->path);
        struct report report = {0};
        (void)snprintf(meminfo, sizeof meminfo, "MemTotal: %u kB\n", cases[i].gib << 20U);
        host_tree_v2(*state, meminfo);
        measure(&options, &report);
        assert_int_equal(report.memory_total_mb, cases[i].all_mb);
        assert_string_equal(report.memory_source, cases[i].all_source);
        options.roles = ROLE_ALLOCATOR;
        measure(&options, &report);
        assert_int_equal(report.memory_total_mb, cases[i].allocator_mb);
        assert_string_equal(report.memory_source, cases[i].allocator_source);
        options.roles = ROLE_ALLOCATOR | ROLE_PROXY;
        measure(&options, &report);
        assert_int_equal(report.memory_total_mb, cases[i].all_mb);
        report_fini(&report);
    }
}

static void the_reserve_is_capped_below_a_cgroup_limit_too(void **state)
{
    struct capacity_options options = options_for(((const struct tmpdir *)*state)->path);
    struct report report = {0};
    char longest[TMPDIR_PATH_BYTES];
    host_tree_v2(*state, "MemTotal: 536870912 kB\n");
    host_tree_write(*state, "sys/fs/cgroup/ece.slice/memory.max",
                    "137438953472\n"); /* 128 GiB */
    options.roles = ROLE_ALLOCATOR;
    measure(&options, &report);
    assert_int_equal(report.memory_total_mb, 118784);
    assert_string_equal(report.memory_source,
                        "the limit of cgroup /ece.slice (memory.max) less 12288 MB");

    /* The path is cut, the rest of the sentence is not. */
    (void)snprintf(longest, sizeof longest, "0::/a\tb/%0200d\n", 7);
    host_tree_write(*state, "proc/self/cgroup", longest);
    (void)snprintf(longest, sizeof longest, "sys/fs/cgroup/a\tb/%0200d/memory.max", 7);
    host_tree_write(*state, "sys/fs/cgroup/a\tb/memory.max", "107374182400\n");
    host_tree_write(*state, longest, "max\n");
    options.instances_slice = "none.slice";
    measure(&options, &report);
    assert_string_equal(report.memory_source,
                        "the limit of cgroup /a?b (memory.max) less 12288 MB");
    host_tree_write(*state, longest, "96636764160\n"); /* 90 GiB */
    measure(&options, &report);
    assert_int_equal(report.memory_total_mb, (90 - 12) * 1024);
    assert_string_equal(report.memory_source,
                        "the limit of cgroup "
                        "...000000000000000000000000000000000000000000000000000000000000007 "
                        "(memory.max) less 12288 MB");
    report_fini(&report);
}

static void an_override_wins_and_needs_no_memtotal(void **state)
{
    struct capacity_options options = options_for(HOST_TREE("no-meminfo"));
    struct report report = {0};
    (void)state;
    options.flag_mb = 10000;
    measure(&options, &report);
    assert_int_equal(report.memory_total_mb, 10000);
    assert_string_equal(report.memory_source, "--capacity");
    assert_int_equal(report.memory_used_mb, 1024);
    options.settings_mb = 20000;
    measure(&options, &report);
    assert_int_equal(report.memory_total_mb, 20000);
    assert_string_equal(report.memory_source, "settings.capacity");
    options.settings_mb = UINT32_MAX; /* the API has int32 */
    measure(&options, &report);
    assert_int_equal(report.memory_total_mb, INT32_MAX);
    report_fini(&report);
}

static void a_failure_leaves_the_report_as_it_was(void **state)
{
    static const char *const roots[] = {HOST_TREE("no-meminfo"), HOST_TREE("garbled-meminfo"),
                                        HOST_TREE("there-is-no-such-tree")};
    struct capacity_options options = options_for(HOST_TREE("v2-instances"));
    struct report report = {.healthy = true, .skew_ms = 7};
    struct report before;
    struct err err;
    (void)state;
    measure(&options, &report);
    assert_int_equal(report_copy(&report, &before, &err), 0);
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
        options.root = roots[i];
        assert_int_equal(capacity_measure(&options, &report, &err), -1);
        assert_int_equal(err.code, ERR_ABSENT);
        assert_true(report_equal(&report, &before));
    }
    options.root = HOST_TREE("no-meminfo");
    assert_int_equal(capacity_measure(&options, &report, &err), -1);
    assert_non_null(strstr(err.message, "no-meminfo/proc/meminfo has no MemTotal"));
    assert_non_null(strstr(err.message, "give --capacity"));
    options.root = HOST_TREE("v2-systemd");
    options.storage_path = "/there/is/no/such/folder";
    assert_int_equal(capacity_measure(&options, &report, &err), -1);
    assert_non_null(strstr(err.message, "/there/is/no/such/folder"));
    assert_true(report_equal(&report, &before));
    report_fini(&report);
    report_fini(&before);
}

/* Memory added, a limit changed, an instance started and ended: no restart. */
static void what_changes_shows_in_the_next_report(void **state)
{
    struct capacity_options options = options_for(((const struct tmpdir *)*state)->path);
    struct report report = {.skew_ms = 5, .healthy = true};
    (void)snprintf(report.host_ip, sizeof report.host_ip, "192.0.2.1");
    host_tree_v2(*state, "MemTotal: 16777216 kB\n");
    measure(&options, &report);
    assert_int_equal(report.memory_total_mb, 13926);
    assert_int_equal(report.n_instances, 0);
    assert_null(report.instances);

    host_tree_v2(*state, "MemTotal: 33554432 kB\n");
    host_tree_instance(*state, "a.scope", "1073741824\n", "0\n");
    host_tree_instance(*state, "b.scope", "1073741824\n", "0\n");
    measure(&options, &report);
    assert_int_equal(report.memory_total_mb, 27852);
    assert_int_equal(report.memory_used_mb, 2048);
    assert_int_equal(report.n_instances, 2);

    host_tree_instance(*state, "a.scope", "2147483648\n", "0\n");
    measure(&options, &report);
    assert_int_equal(report.memory_used_mb, 3072);
    assert_int_equal(find(&report, "a.scope")->memory_mb, 2048);

    static const char slice[] = "sys/fs/cgroup/ece.slice/ece-instances.slice";
    char path[TMPDIR_PATH_BYTES];
    char away[TMPDIR_PATH_BYTES];
    assert_int_equal(rename(tmpdir_path(*state, slice, path), tmpdir_path(*state, "x", away)),
                     0);
    measure(&options, &report);
    assert_int_equal(report.memory_used_mb, 0);
    assert_int_equal(report.n_instances, 0);
    assert_null(report.instances);

    assert_string_equal(report.host_ip, "192.0.2.1");
    assert_int_equal(report.skew_ms, 5);
    assert_true(report.healthy);
}

static void the_list_is_cut_at_its_bound_and_still_adds_up(void **state)
{
    enum { STARTED = REPORT_INSTANCES_MAX + 88 };

    struct capacity_options options = options_for(((const struct tmpdir *)*state)->path);
    struct report report = {0};
    uint32_t sum = 0;
    host_tree_v2(*state, "MemTotal: 16777216 kB\n");
    for (int i = 0; i < STARTED; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "i%d.scope", i);
        host_tree_instance(*state, name, "3145728\n", NULL);
        if (i + 1 == REPORT_INSTANCES_MAX) {
            measure(&options, &report);
            assert_int_equal(report.n_instances, REPORT_INSTANCES_MAX);
            assert_null(strstr(report.instances[REPORT_INSTANCES_MAX - 1].name, "more"));
        }
    }
    measure(&options, &report);
    assert_int_equal(report.n_instances, REPORT_INSTANCES_MAX);
    assert_int_equal(report.memory_used_mb, STARTED * 3);
    for (size_t i = 0; i < report.n_instances; i++) {
        sum += report.instances[i].memory_mb;
    }
    assert_int_equal(sum, report.memory_used_mb);
    assert_string_equal(report.instances[REPORT_INSTANCES_MAX - 1].name, "(89 more)");
    report_fini(&report);
}

static void odd_names_and_sums_fit_the_wire(void **state)
{
    struct capacity_options options = options_for(((const struct tmpdir *)*state)->path);
    struct report report = {0};
    struct report again;
    struct err err;
    char name[256];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    host_tree_v2(*state, "MemTotal: 16777216 kB\n");
    host_tree_instance(*state, name, "1048576\n", NULL);
    host_tree_instance(*state, "a\nb\x1b[31m\xff\xc3\xa9", "2097152\n", NULL);
    host_tree_instance(*state, "c.scope", "max\n", "18446744073709551615\n");
    host_tree_instance(*state, "d.scope", "max\n", "18446744073709551615\n");
    measure(&options, &report);
    assert_int_equal(report.memory_used_mb, INT32_MAX); /* no overflow: the API has int32 */
    name[REPORT_INSTANCE_NAME_BYTES - 1] = '\0';
    assert_int_equal(find(&report, name)->memory_mb, 1);
    assert_int_equal(find(&report, "a?b?[31m???")->memory_mb, 2);

    (void)snprintf(report.host_ip, sizeof report.host_ip, "192.0.2.1");
    (void)snprintf(report.public_hostname, sizeof report.public_hostname, "host");
    (void)snprintf(report.version, sizeof report.version, "2.0.0");
    json_t *json = report_to_json(&report);
    assert_int_equal(report_from_json(json, "report", &again, &err), 0);
    assert_true(report_equal(&report, &again));
    json_decref(json);
    report_fini(&report);
    report_fini(&again);
}

static void storage_is_that_of_its_file_system(void **state)
{
    struct capacity_options options = options_for(HOST_TREE("v2-systemd"));
    struct report report = {0};
    struct err err;
    uint64_t bytes_free = 0;
    uint64_t bytes_total = 0;
    options.storage_path = ((const struct tmpdir *)*state)->path;
    assert_int_equal(fs_space(options.storage_path, &bytes_free, &bytes_total, &err), 0);
    measure(&options, &report);
    assert_int_equal(report.storage_total_mb, bytes_total >> 20U);
    uint64_t drift_mb = 1024; /* others write there too */
    assert_in_range(report.storage_used_mb + drift_mb, (bytes_total - bytes_free) >> 20U,
                    ((bytes_total - bytes_free) >> 20U) + 2 * drift_mb);
    report_fini(&report);
}

static void this_host_can_be_measured(void **state)
{
    struct capacity_options options = options_for("/");
    struct report report = {0};
    (void)state;
    measure(&options, &report);
    assert_in_range(report.memory_total_mb, 1, INT32_MAX);
    assert_in_range(report.cpus, 1, 65536);
    assert_in_range(report.storage_total_mb, report.storage_used_mb, INT64_MAX);
    report_fini(&report);
}

#define IN_TMPDIR(test) cmocka_unit_test_setup_teardown(test, tmpdir_setup, tmpdir_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_host_offers_what_it_has),
        cmocka_unit_test(each_instance_is_listed_with_what_it_was_assigned),
        IN_TMPDIR(the_reserve_is_capped),
        IN_TMPDIR(the_reserve_is_capped_below_a_cgroup_limit_too),
        cmocka_unit_test(an_override_wins_and_needs_no_memtotal),
        cmocka_unit_test(a_failure_leaves_the_report_as_it_was),
        IN_TMPDIR(what_changes_shows_in_the_next_report),
        IN_TMPDIR(the_list_is_cut_at_its_bound_and_still_adds_up),
        IN_TMPDIR(odd_names_and_sums_fit_the_wire),
        IN_TMPDIR(storage_is_that_of_its_file_system),
        cmocka_unit_test(this_host_can_be_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
