/* SPDX-License-Identifier: Apache-2.0 */
/* The pace between its JSON and its struct. What it should be is decided by the coordinator's
 * liveness. */
#include "common/wire/pace.h"

#include "common/wire/fields.h"
#include "common/wire/protocol.h"

int wire_pace_to_json(const struct wire_pace *pace, json_t *object)
{
    if (json_object_set_new(object, "interval_ms", field_from_u64(pace->interval_ms)) < 0 ||
        json_object_set_new(object, "lease_ms", field_from_u64(pace->lease_ms)) < 0 ||
        json_object_set_new(object, "spread_ms", field_from_u64(pace->spread_ms)) < 0) {
        return -1;
    }
    return 0;
}

int wire_pace_from_json(const json_t *object, struct wire_pace *ret, struct err *err)
{
    struct wire_pace pace = {0};
    if (field_need_range(object, "interval_ms", WIRE_INTERVAL_MIN_MS, WIRE_INTERVAL_MAX_MS,
                         &pace.interval_ms, err) < 0 ||
        field_need_range(object, "lease_ms", pace.interval_ms, WIRE_LEASE_MAX_MS,
                         &pace.lease_ms, err) < 0 ||
        field_need_range(object, "spread_ms", 0, WIRE_INTERVAL_MAX_MS, &pace.spread_ms, err) <
            0) {
        return -1;
    }
    *ret = pace;
    return 0;
}
