/* SPDX-License-Identifier: Apache-2.0 */
/* Memory and processors, out of files that say it well and badly. */
#include "agent/measure/machine.h"
#include "tests/support/host_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void memory_is_memtotal_or_unknown(void **state)
{
    static const struct {
        const char *meminfo;
        uint64_t bytes; /* 0 = unknown */
    } cases[] = {
        {"MemTotal:       24683656 kB\nMemFree: 1 kB\n", UINT64_C(24683656) * 1024},
        {"MemFree: 1 kB\nMemTotal:\t8 kB", 8192},
        {"MemTotal: 8 kB\nMemTotal: 16 kB\n", 8192},
        {"MemTotal: 0 kB\nMemTotal: 16 kB\n", 16384},
        {"", 0},
        {"MemTotal:\n", 0},
        {"MemTotal: kB\n", 0},
        {"MemTotal: 12 MB\n", 0},
        {"MemTotal: 12\n", 0},
        {"MemTotal: -12 kB\n", 0},
        {"MemTotal: 0x12 kB\n", 0},
        {"MemTotal: 18446744073709551615 kB\n", 0},
        {"SwapMemTotal: 12 kB\n", 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t bytes = 0;
        host_tree_write(*state, "proc/meminfo", cases[i].meminfo);
        int root_fd = host_tree_open(((const struct tmpdir *)*state)->path);
        assert_int_equal(machine_memory(root_fd, false, &bytes), cases[i].bytes != 0);
        assert_int_equal(bytes, cases[i].bytes);
        close(root_fd);
    }
}

/* ProcSubset=pid: the file is hidden, the system call is not. */
static void a_live_system_without_meminfo_still_knows_its_memory(void **state)
{
    uint64_t hidden = 0;
    uint64_t shown = 0;
    int empty_fd = host_tree_open(((const struct tmpdir *)*state)->path);
    int root_fd = host_tree_open("/");
    assert_true(machine_memory(empty_fd, true, &hidden));
    assert_true(machine_memory(root_fd, true, &shown));
    assert_in_range(hidden, shown / 2, shown * 2); /* lxcfs may show less */
    close(empty_fd);
    close(root_fd);
}

static void processors_are_counted(void **state)
{
    static const struct {
        const char *online;
        const char *cpuinfo;
        uint32_t cpus;
    } cases[] = {
        {"0\n", "", 1},
        {"0-3\n", "", 4},
        {"0-3,8-11,13\n", "", 9},
        {"3-0\n", "processor\t: 0\n\nprocessor\t: 1\n", 2},
        {"0-\n", "", 0},
        {"0-3,,4\n", "", 0},
        {"0-4294967295\n", "", 0},
        {"0-65535,0-65535\n", "", 0},
        {"\n", "processor\t: 0\nmodel name\t: processor\nProcessor\t: ARM\n", 1},
        {"\n", "", 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        host_tree_write(*state, "sys/devices/system/cpu/online", cases[i].online);
        host_tree_write(*state, "proc/cpuinfo", cases[i].cpuinfo);
        int root_fd = host_tree_open(((const struct tmpdir *)*state)->path);
        assert_int_equal(machine_cpus(root_fd, false), cases[i].cpus);
        close(root_fd);
    }
}

static void a_live_system_has_a_processor(void **state)
{
    int root_fd = host_tree_open(((const struct tmpdir *)*state)->path);
    assert_in_range(machine_cpus(root_fd, true), 1, 65536);
    close(root_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(memory_is_memtotal_or_unknown, tmpdir_setup,
                                        tmpdir_teardown),
        cmocka_unit_test_setup_teardown(a_live_system_without_meminfo_still_knows_its_memory,
                                        tmpdir_setup, tmpdir_teardown),
        cmocka_unit_test_setup_teardown(processors_are_counted, tmpdir_setup, tmpdir_teardown),
        cmocka_unit_test_setup_teardown(a_live_system_has_a_processor, tmpdir_setup,
                                        tmpdir_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
