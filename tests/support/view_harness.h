/* SPDX-License-Identifier: Apache-2.0 */
/* A registry with runners to be looked at: what tests of views add to the registry's harness.
 */
#ifndef TESTS_SUPPORT_VIEW_HARNESS_H
#define TESTS_SUPPORT_VIEW_HARNESS_H

#include "tests/support/api_schema.h"
#include "tests/support/json_expect.h"
#include "tests/support/registry_harness.h"

#include "common/base/compiler.h"
#include "common/codec/json.h"
#include "coordinator/views/allocator_view.h"

/* A runner that has joined and never beat. @zone NULL = ece-zone-1, @tags NULL = none. */
static inline void view_join(struct registry_harness *harness, struct enrolment enrolment)
{
    enrolment.permitted = ROLES_ALL;
    assert_int_equal(harness_enroll(harness, enrolment), ENROLL_OK);
}

/* A connected allocator in @zone whose host reports these instances, and their sum as used. */
static inline void view_connect(struct registry_harness *harness, struct enrolment enrolment,
                                struct report_instance *instances, size_t n_instances)
{
    harness->report.instances = instances;
    harness->report.n_instances = n_instances;
    harness->report.memory_used_mb = 0;
    for (size_t i = 0; i < n_instances; i++) {
        harness->report.memory_used_mb += instances[i].memory_mb;
    }
    view_join(harness, enrolment);
    harness_connect(harness, enrolment.id, enrolment.key);
    harness->report.instances = NULL;
    harness->report.n_instances = 0;
    harness->report.memory_used_mb = 0;
}

static inline void view_goodbye(struct registry_harness *harness, const char *id, char key)
{
    char thumbprint[KEYS_SHA256_HEX_BYTES];
    key_thumbprint(key, thumbprint);
    assert_true(registry_goodbye(harness->registry, id, thumbprint, SESSION_A));
    (void)memory_store_run(harness->memory);
}

/* A clone of a connected runner shows up. */
static inline void view_clone(struct registry_harness *harness, const char *id, char key)
{
    struct beat beat = {.id = id,
                        .key = key,
                        .session = SESSION_B,
                        .seq = 1,
                        .connection = 99,
                        .peer = "10.0.0.66"};
    assert_int_equal(harness_beat(harness, beat), BEAT_CONFLICT);
}

/* Another coordinator writes what an operator decided. */
static inline void view_decide(struct registry_harness *harness, const char *id,
                               uint32_t capacity_mb, struct runner_maintenance maintenance)
{
    struct runner_record record = {0};
    struct err err;
    char *value = NULL;
    char key[RUNNER_KEY_BYTES];
    assert_int_equal(runner_record_copy(&harness_find(harness, id)->record, &record, &err), 0);
    record.capacity_mb = capacity_mb;
    record.maintenance = maintenance;
    assert_int_equal(runner_record_encode(&record, &value, &err), 0);
    runner_key(RUNNER_KEY_PREFIX, id, key);
    (void)memory_store_put(harness->memory, key, value);
    runner_record_fini(&record);
    free(value);
}

/* AllocatorOverview of the whole fleet; owned. */
static inline json_t *view_allocators(const struct registry_harness *harness)
{
    auto_json *allocators = json_array();
    for (size_t i = 0; i < registry_count(harness->registry); i++) {
        const char *id = registry_at(harness->registry, i)->record.id;
        const struct runner *runner = allocator_view_find(harness->registry, id);
        if (runner != NULL) {
            json_t *one = allocator_view_one(harness->registry, runner);
            assert_int_equal(json_array_append_new(allocators, one), 0);
        }
    }
    return allocator_view_group(allocators);
}

#endif
