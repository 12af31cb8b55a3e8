/* SPDX-License-Identifier: Apache-2.0 */
/* Where we are, where the instances are, and which limits are over them: v1, v2, hybrid,
 * namespaces. */
#include "agent/measure/cgroup_tree.h"
#include "tests/support/host_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char slice[] = "ece-instances.slice";
static const uint64_t gib = UINT64_C(1) << 30;

#define DOCKER_ID "3f1c9a0d5b7e4c2f8a6d1e0b9c8f7a6e5d4c3b2a19087f6e5d4c3b2a1908f7e6"
#define USER_MANAGER "user.slice/user-1000.slice/user@1000.service"

static void every_kind_of_host_shows_its_place_and_its_limits(void **state)
{
    static const struct {
        const char *tree;
        const char *own;       /* NULL: no hierarchy at all */
        const char *instances; /* the slice, or NULL: not there */
        uint64_t limit;        /* 0 = none */
        const char *cgroup;
        const char *file;
    } cases[] = {
        {"v2-systemd", "system.slice/ece-agent.service", NULL, 0, NULL, NULL},
        {"v2-instances", "system.slice/ece-agent.service", "ece.slice/ece-instances.slice", 0,
         NULL, NULL},
        {"v2-slice-limit", "system.slice/ece-agent.service", "ece.slice/ece-instances.slice",
         UINT64_C(8) << 30, "/ece.slice/ece-instances.slice", "memory.max"},
        {"v2-system-slice-limit", "system.slice/ece-agent.service",
         "ece.slice/ece-instances.slice", 0, NULL, NULL},
        {"v2-container-upper-limit", "kubepods/burstable/pod7c1e/9d3a", NULL, UINT64_C(4) << 30,
         "/kubepods/burstable/pod7c1e", "memory.max"},
        {"v2-namespace", "", NULL, UINT64_C(2) << 30, "/", "memory.max"},
        {"v2-namespace-host-mount", "", "ece.slice/ece-instances.slice", 0, NULL, NULL},
        {"v2-user-manager", USER_MANAGER "/app.slice/ece-agent.service",
         USER_MANAGER "/ece.slice/ece-instances.slice", UINT64_C(6) << 30,
         "/user.slice/user-1000.slice", "memory.max"},
        {"v2-no-memory-controller", "system.slice/ece-agent.service",
         "ece.slice/ece-instances.slice", 0, NULL, NULL},
        {"v2-lxcfs", "init.scope", NULL, 0, NULL, NULL},
        {"v2-odd-mounts", "a:b", NULL, UINT64_C(1) << 30, "/a:b", "memory.max"},
        {"v1-systemd", "system.slice/ece-agent.service", "ece.slice/ece-instances.slice", 0,
         NULL, NULL},
        {"v1-docker", "", NULL, UINT64_C(1) << 30, "/docker/" DOCKER_ID,
         "memory.limit_in_bytes"},
        {"v1-container-foreign-path", "", NULL, UINT64_C(3) << 30, "/",
         "memory.limit_in_bytes"},
        {"v1-lxc-hidden-limit", "", NULL, UINT64_C(6) << 30, "/", "hierarchical_memory_limit"},
        {"hybrid", "system.slice/ece-agent.service", "ece.slice/ece-instances.slice",
         UINT64_C(4) << 30, "/ece.slice", "memory.limit_in_bytes"},
        {"hybrid-memory-in-v2", "system.slice/ece-agent.service",
         "ece.slice/ece-instances.slice", 0, NULL, NULL},
        {"no-mountinfo", "system.slice/ece-agent.service", "ece.slice/ece-instances.slice", 0,
         NULL, NULL},
        {"no-cgroups", NULL, NULL, 0, NULL, NULL},
        {"broken-empty", NULL, NULL, 0, NULL, NULL},
        {"broken-garbage", "", "ece.slice/ece-instances.slice", 0, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[512];
        struct cgroup_tree tree;
        struct cgroup_limit limit = {0};
        uint64_t total = strcmp(cases[i].tree, "v2-lxcfs") == 0 ? 2 * gib : 16 * gib;
        print_message("%s\n", cases[i].tree);
        (void)snprintf(path, sizeof path, HOST_TREE("%s"), cases[i].tree);
        int root_fd = host_tree_open(path);
        cgroup_tree_open(&tree, root_fd, slice);
        assert_int_equal(tree.mount.fd >= 0, cases[i].own != NULL);
        assert_string_equal(tree.mount.own, cases[i].own != NULL ? cases[i].own : "");
        assert_int_equal(tree.has_instances, cases[i].instances != NULL);
        if (cases[i].instances != NULL) {
            assert_string_equal(tree.instances, cases[i].instances);
        }
        assert_int_equal(cgroup_tree_limit(&tree, total, &limit), cases[i].limit != 0);
        assert_int_equal(limit.bytes, cases[i].limit);
        if (cases[i].limit != 0) {
            assert_string_equal(limit.cgroup, cases[i].cgroup);
            assert_string_equal(limit.file, cases[i].file);
        }
        cgroup_tree_close(&tree);
        close(root_fd);
    }
}

/* systemd: a dash in the name of a slice nests it; an escaped one does not. */
static void the_slice_is_where_systemd_puts_it(void **state)
{
    static const struct {
        const char *slice;
        const char *path; /* NULL: nowhere */
    } cases[] = {
        {"a.slice", "a.slice"},
        {"a-b.slice", "a.slice/a-b.slice"},
        {"a-b-c.slice", "a.slice/a-b.slice/a-b-c.slice"},
        {"x\\x2dy.slice", "x\\x2dy.slice"},
        {"b.slice", NULL},
    };
    const struct tmpdir *dir = *state;
    host_tree_v2(dir, "MemTotal: 1024 kB\n");
    host_tree_write(dir, "sys/fs/cgroup/a.slice/a-b.slice/a-b-c.slice/cgroup.procs", "");
    host_tree_write(dir, "sys/fs/cgroup/x\\x2dy.slice/cgroup.procs", "");
    int root_fd = host_tree_open(dir->path);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cgroup_tree tree;
        cgroup_tree_open(&tree, root_fd, cases[i].slice);
        assert_int_equal(tree.has_instances, cases[i].path != NULL);
        assert_string_equal(tree.instances, cases[i].path != NULL ? cases[i].path : "");
        cgroup_tree_close(&tree);
    }
    close(root_fd);
}

static void a_slice_name_that_nests_too_deep_is_not_found(void **state)
{
    char name[255];
    const struct tmpdir *dir = *state;
    struct cgroup_tree tree;
    for (size_t i = 0; i < sizeof name - 7; i++) {
        name[i] = i % 2 == 0 ? 'a' : '-';
    }
    (void)snprintf(name + sizeof name - 7, 7, ".slice");
    host_tree_v2(dir, "MemTotal: 1024 kB\n");
    int root_fd = host_tree_open(dir->path);
    cgroup_tree_open(&tree, root_fd, name);
    assert_false(tree.has_instances);
    assert_int_equal(cgroup_tree_count(&tree), 0);
    cgroup_tree_close(&tree);
    close(root_fd);
}

struct remover {
    const struct tmpdir *dir;
    uint64_t bytes;
    size_t calls;
};

/* Removes every other instance while the first one is looked at. */
static void remove_others(const struct cgroup_instance *instance, void *userdata)
{
    static const char *const names[] = {"a.scope", "b.scope", "c.scope"};
    static const char *const files[] = {"memory.max", "memory.current", "cgroup.procs", ""};
    struct remover *remover = userdata;
    char name_below[TMPDIR_PATH_BYTES];
    char path[TMPDIR_PATH_BYTES];
    remover->calls++;
    remover->bytes = instance->bytes;
    for (size_t i = 0; i < 3; i++) {
        for (size_t f = 0; f < 4 && strcmp(names[i], instance->name) != 0; f++) {
            (void)snprintf(name_below, sizeof name_below,
                           "sys/fs/cgroup/ece.slice/ece-instances.slice/%s/%s", names[i],
                           files[f]);
            (void)remove(tmpdir_path(remover->dir, name_below, path));
        }
    }
}

static void an_instance_that_vanishes_while_it_is_read_is_left_out(void **state)
{
    struct remover remover = {.dir = *state};
    struct cgroup_tree tree;
    host_tree_v2(*state, "MemTotal: 1024 kB\n");
    host_tree_instance(*state, "a.scope", "4096\n", "0\n");
    host_tree_instance(*state, "b.scope", "4096\n", "0\n");
    host_tree_instance(*state, "c.scope", "4096\n", "0\n");
    int root_fd = host_tree_open(remover.dir->path);
    cgroup_tree_open(&tree, root_fd, slice);
    assert_int_equal(cgroup_tree_count(&tree), 3);
    cgroup_tree_each(&tree, gib, remove_others, &remover);
    assert_int_equal(remover.calls, 1);
    assert_int_equal(remover.bytes, 4096);
    cgroup_tree_close(&tree);
    close(root_fd);
}

static void keep_instance(const struct cgroup_instance *instance, void *userdata)
{
    *(struct cgroup_instance *)userdata = *instance;
}

static void an_instance_counts_with_its_limit_or_else_with_its_use(void **state)
{
    static const struct {
        const char *max;
        const char *current;
        uint64_t bytes;
    } cases[] = {
        {"8192\n", "4096\n", 8192},
        {"max\n", "4096\n", 4096},
        {"0\n", "4096\n", 4096},
        {"1073741824\n", "4096\n", 4096}, /* all of the memory is no limit */
        {"1073741823\n", "4096\n", 1073741823},
        {"9223372036854771712\n", "4096\n", 4096},
        {"18446744073709551616\n", "4096\n", 4096},
        {"", "4096\n", 4096},
        {"8192 \n", "4096\n", 8192},
        {"8 192\n", "4096\n", 4096},
        {"max\n", "max\n", 0},
        {NULL, "4096\n", 4096},
        {"max\n", NULL, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tmpdir dir;
        struct cgroup_tree tree;
        struct cgroup_instance found = {.bytes = UINT64_MAX};
        assert_true(tmpdir_make(&dir));
        host_tree_v2(&dir, "MemTotal: 1024 kB\n");
        host_tree_instance(&dir, "x.scope", cases[i].max, cases[i].current);
        int root_fd = host_tree_open(dir.path);
        cgroup_tree_open(&tree, root_fd, slice);
        cgroup_tree_each(&tree, gib, keep_instance, &found);
        assert_int_equal(found.bytes, cases[i].bytes);
        assert_int_equal(found.has_limit, cases[i].bytes != 0 && cases[i].bytes != 4096);
        cgroup_tree_close(&tree);
        close(root_fd);
        assert_true(tmpdir_remove(&dir));
    }
    (void)state;
}

static void a_live_system_can_be_looked_at(void **state)
{
    struct cgroup_tree tree;
    struct cgroup_limit limit;
    (void)state;
    int root_fd = host_tree_open("/");
    cgroup_tree_open(&tree, root_fd, slice);
    if (cgroup_tree_limit(&tree, UINT64_MAX, &limit)) {
        assert_in_range(limit.bytes, 1, UINT64_C(1) << 62);
        assert_int_equal(limit.cgroup[0], '/');
    }
    cgroup_tree_close(&tree);
    close(root_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_host_shows_its_place_and_its_limits),
        cmocka_unit_test_setup_teardown(the_slice_is_where_systemd_puts_it, tmpdir_setup,
                                        tmpdir_teardown),
        cmocka_unit_test_setup_teardown(a_slice_name_that_nests_too_deep_is_not_found,
                                        tmpdir_setup, tmpdir_teardown),
        cmocka_unit_test_setup_teardown(an_instance_that_vanishes_while_it_is_read_is_left_out,
                                        tmpdir_setup, tmpdir_teardown),
        cmocka_unit_test(an_instance_counts_with_its_limit_or_else_with_its_use),
        cmocka_unit_test(a_live_system_can_be_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
