/* SPDX-License-Identifier: Apache-2.0 */
/* What a host says of itself: address, software, capacity, instances. The same object goes with
 * enrolment and heartbeats. */
#ifndef WIRE_REPORT_H
#define WIRE_REPORT_H

#include "common/base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    REPORT_HOST_IP_BYTES = 46,
    REPORT_HOSTNAME_BYTES = 254,
    REPORT_VERSION_BYTES = 33,
    REPORT_INSTANCES_MAX = 512,
    REPORT_INSTANCE_NAME_BYTES = 129,
    REPORT_SOURCE_BYTES = 129,
    REPORT_DRIFT_MB = 64,
};

struct report_instance {
    char name[REPORT_INSTANCE_NAME_BYTES]; /* the cgroup's name */
    uint32_t memory_mb;                    /* assigned: its limit, or its use if it has none */
    bool moves; /* memory_mb is its use, which changes all the time; not sent */
};

struct report {
    char host_ip[REPORT_HOST_IP_BYTES];
    char public_hostname[REPORT_HOSTNAME_BYTES];
    char version[REPORT_VERSION_BYTES];
    char commit[REPORT_VERSION_BYTES];
    uint32_t memory_total_mb;                /* offered to instances */
    uint32_t memory_used_mb;                 /* assigned to instances */
    char memory_source[REPORT_SOURCE_BYTES]; /* why total is what it is: "85% of MemTotal",
                                                "--capacity" */
    uint64_t storage_total_mb;
    uint64_t storage_used_mb;
    uint32_t cpus;
    int64_t skew_ms; /* the host's clock minus the coordinator's, as the host sees it */
    bool healthy;    /* the host found nothing wrong with itself */
    size_t n_instances;
    struct report_instance *instances; /* owned; NULL when there are none */
};

/** Owned JSON object; NULL without memory. */
json_t *report_to_json(const struct report *report);

/** Checks every field and bound; @path is put before field names in messages. Fills @ret only
 * on success; report_fini(). */
int report_from_json(const json_t *object, const char *path, struct report *ret,
                     struct err *err) MUST_CHECK;

/** Everything but skew_ms, which moves by itself. */
bool report_equal(const struct report *a, const struct report *b);

/** True when @report says something that is not in @known and must be told at once [HB-2]:
 * anything, but for storage in use and the memory of instances without a limit, which move all
 * the time and count from REPORT_DRIFT_MB on. */
bool report_is_news(const struct report *report, const struct report *known);

int report_copy(const struct report *from, struct report *ret, struct err *err) MUST_CHECK;
void report_fini(struct report *report);

#endif
