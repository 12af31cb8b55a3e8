/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator says of a host, as pairs of key and value: shown as the metadata of its
 * allocator. */
#ifndef WIRE_TAGS_H
#define WIRE_TAGS_H

#include "common/base/err.h"
#include "common/wire/protocol.h"

#include <jansson.h>
#include <stddef.h>

struct wire_tag {
    char key[WIRE_TAG_KEY_BYTES];
    char value[WIRE_TAG_VALUE_BYTES];
};

struct wire_tags {
    size_t count;
    struct wire_tag *items; /* owned */
};

/** "k:v,k:v" as --allocator-tags has it; a repeated key is ERR_INVALID. */
int wire_tags_parse(const char *text, struct wire_tags *ret, struct err *err) MUST_CHECK;
/** @object may be NULL or null: no tags. */
int wire_tags_from_json(json_t *object, const char *path, struct wire_tags *ret,
                        struct err *err) MUST_CHECK;
json_t *wire_tags_to_json(const struct wire_tags *tags); /* {"k":"v"}; owned */
int wire_tags_copy(const struct wire_tags *from, struct wire_tags *ret,
                   struct err *err) MUST_CHECK;
void wire_tags_fini(struct wire_tags *tags);

#endif
