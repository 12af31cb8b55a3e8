/* SPDX-License-Identifier: Apache-2.0 */
/* jansson iterates over objects that it may change, only. */
#ifndef QUERY_CONST_OBJECT_H
#define QUERY_CONST_OBJECT_H

#include <jansson.h>

/** The same object, for json_object_foreach(): change nothing. */
static inline json_t *const_object(const json_t *object)
{
    union {
        const json_t *in;
        json_t *out;
    } same = {.in = object};

    return same.out;
}

#endif
