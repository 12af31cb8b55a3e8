/* SPDX-License-Identifier: Apache-2.0 */
/* Takes a good JSON document and breaks one place in it, so that a test lists only what is
 * wrong. */
#ifndef TESTS_SUPPORT_JSON_EDIT_H
#define TESTS_SUPPORT_JSON_EDIT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * Set the member at @path ("report.memory.total", "coordinators.0") of @json to the JSON
 * @value; a NULL @value removes it. The parents must be there. False when they are not, or
 * @value is no JSON.
 */
static inline bool json_edit(json_t *json, const char *path, const char *value)
{
    char part[64];
    size_t len = strcspn(path, ".");
    if (len >= sizeof(part)) {
        return false;
    }
    memcpy(part, path, len);
    part[len] = '\0';
    size_t index = (size_t)strtoul(part, NULL, 10);
    if (path[len] == '.') {
        json_t *child =
            json_is_array(json) ? json_array_get(json, index) : json_object_get(json, part);
        return child != NULL && json_edit(child, path + len + 1, value);
    }
    if (value == NULL) {
        return json_object_del(json, part) == 0;
    }
    json_t *new_value = json_loads(value, JSON_DECODE_ANY, NULL);
    if (new_value == NULL) {
        return false;
    }
    return (json_is_array(json) ? json_array_set_new(json, index, new_value)
                                : json_object_set_new(json, part, new_value)) == 0;
}

#endif
