/* SPDX-License-Identifier: Apache-2.0 */
/* Names of roles to bits and back. Owns the list of names; knows nothing of who may hold which.
 */
#include "common/wire/roles.h"

#include "common/base/parse.h"

#include <string.h>

enum { LIST_MAX = 16 };

static const char *const names[ROLES_COUNT] = {"director", "coordinator", "proxy", "allocator"};

const char *const roles_system_names[2] = {"beats-runner", "services-forwarder"};

const char *roles_name(size_t index)
{
    return index < ROLES_COUNT ? names[index] : NULL;
}

static int parse_role(const char *name, roles_t *ret, struct err *err)
{
    char shown[PARSE_SHOWN_BYTES];
    for (size_t i = 0; i < ROLES_COUNT; i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret = 1U << i;
            return 0;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(roles_system_names); i++) {
        if (strcmp(name, roles_system_names[i]) == 0) {
            return err_set(err, ERR_INVALID,
                           "\"%s\" is held by every runner and cannot be asked for", name);
        }
    }
    return err_set(err, ERR_INVALID,
                   "\"%s\" is no role (the roles are director, coordinator, proxy, allocator)",
                   parse_shown(name, shown));
}

int roles_parse_list(const char *text, roles_t *ret, struct err *err)
{
    char *parts[LIST_MAX] = {NULL};
    roles_t roles = ROLES_NONE;
    int rc = 0;
    int count = parse_list(text, ',', parts, LIST_MAX, err);
    if (count < 0) {
        return -1;
    }
    for (int i = 0; i < count; i++) {
        roles_t role = ROLES_NONE;
        if (rc == 0) {
            rc = parse_role(parts[i], &role, err);
        }
        roles |= role;
        free(parts[i]);
    }
    if (rc < 0) {
        return -1;
    }
    *ret = roles;
    return 0;
}

int roles_from_json(const json_t *array, roles_t *ret, struct err *err)
{
    roles_t roles = ROLES_NONE;
    if (array != NULL && !json_is_null(array) && !json_is_array(array)) {
        return err_set(err, ERR_INVALID, "roles: must be an array of names");
    }
    size_t count = json_array_size(array); /* 0 for NULL and null */
    if (count > LIST_MAX) {
        return err_set(err, ERR_INVALID, "roles: more than %d items: %zu", LIST_MAX, count);
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(array, i));
        roles_t role = ROLES_NONE;
        if (name == NULL) {
            return err_set(err, ERR_INVALID, "roles[%zu]: must be a text", i);
        }
        if (parse_role(name, &role, err) < 0) {
            return err_wrap(err, "roles[%zu]", i);
        }
        roles |= role;
    }
    *ret = roles;
    return 0;
}

json_t *roles_to_json(roles_t roles)
{
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < ROLES_COUNT; i++) {
        if ((roles & (1U << i)) != 0 &&
            json_array_append_new(array, json_string(names[i])) < 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

void roles_format(roles_t roles, char ret_text[static ROLES_TEXT_BYTES])
{
    size_t len = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < ROLES_COUNT; i++) {
        if ((roles & (1U << i)) == 0) {
            continue;
        }
        size_t name_len = strlen(names[i]);
        if (len > 0) {
            ret_text[len++] = ',';
        }
        memcpy(ret_text + len, names[i], name_len + 1);
        len += name_len;
    }
}

_Static_assert(sizeof "director,coordinator,proxy,allocator" <= ROLES_TEXT_BYTES,
               "roles_format() writes all of them");
