/* SPDX-License-Identifier: Apache-2.0 */
/* Tags: from a command line, from JSON and back. Both ways in obey the same bounds. */
#include "common/wire/tags.h"

#include "common/base/parse.h"
#include "common/wire/fields.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool is_known(const struct wire_tags *tags, const char *key)
{
    for (size_t i = 0; i < tags->count; i++) {
        if (strcmp(tags->items[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_showable(const char *text)
{
    return parse_is_utf8(text, strlen(text)) && field_is_plain(text);
}

/* @tags has room for one more. */
static int add(struct wire_tags *tags, const char *key, const char *value, struct err *err)
{
    char shown[PARSE_SHOWN_BYTES];
    size_t key_len = strlen(key);
    size_t value_len = strlen(value);
    if (key_len == 0) {
        return err_set(err, ERR_INVALID, "a tag's key is empty");
    }
    if (key_len >= WIRE_TAG_KEY_BYTES) {
        return err_set(err, ERR_INVALID, "key \"%s...\" is longer than %d bytes",
                       parse_shown(key, shown), WIRE_TAG_KEY_BYTES - 1);
    }
    if (value_len >= WIRE_TAG_VALUE_BYTES) {
        return err_set(err, ERR_INVALID, "the value of \"%s\" is longer than %d bytes",
                       parse_shown(key, shown), WIRE_TAG_VALUE_BYTES - 1);
    }
    if (!is_showable(key) || !is_showable(value)) {
        return err_set(err, ERR_INVALID, "\"%s\" or its value is no plain UTF-8 text",
                       parse_shown(key, shown));
    }
    if (is_known(tags, key)) {
        return err_set(err, ERR_INVALID, "key \"%s\" stands there twice",
                       parse_shown(key, shown));
    }
    assert(tags->items != NULL); /* reserve() came first */
    struct wire_tag *tag = &tags->items[tags->count++];
    memcpy(tag->key, key, key_len + 1);
    memcpy(tag->value, value, value_len + 1);
    return 0;
}

static int reserve(struct wire_tags *tags, size_t count, struct err *err)
{
    if (count > 0) {
        tags->items = calloc(count, sizeof *tags->items);
    }
    return count > 0 && tags->items == NULL ? err_no_memory(err) : 0;
}

static int add_pair(struct wire_tags *tags, char *pair, struct err *err)
{
    char shown[PARSE_SHOWN_BYTES];
    char *colon = strchr(pair, ':');
    if (colon == NULL) {
        return err_set(err, ERR_INVALID, "\"%s\" is not key:value", parse_shown(pair, shown));
    }
    *colon = '\0';
    return add(tags, pair, colon + 1, err);
}

int wire_tags_parse(const char *text, struct wire_tags *ret, struct err *err)
{
    char *parts[WIRE_TAGS_MAX] = {NULL};
    CLEANUP(wire_tags_fini) struct wire_tags tags = {0};
    int count = parse_list(text, ',', parts, WIRE_TAGS_MAX, err);
    if (count < 0) {
        return -1;
    }
    int rc = reserve(&tags, (size_t)count, err);
    for (int i = 0; i < count; i++) {
        if (rc == 0) {
            rc = add_pair(&tags, parts[i], err);
        }
        free(parts[i]);
    }
    if (rc < 0) {
        return -1;
    }
    *ret = tags;
    tags = (struct wire_tags){0};
    return 0;
}

int wire_tags_from_json(json_t *object, const char *path, struct wire_tags *ret,
                        struct err *err)
{
    CLEANUP(wire_tags_fini) struct wire_tags tags = {0};
    const char *key = NULL;
    json_t *value = NULL;
    if (object != NULL && !json_is_null(object) && !json_is_object(object)) {
        return err_set(err, ERR_INVALID, "%s: must be an object", path);
    }
    size_t count = json_object_size(object); /* 0 for NULL and null */
    if (count > WIRE_TAGS_MAX) {
        return err_set(err, ERR_INVALID, "%s: more than %d items: %zu", path, WIRE_TAGS_MAX,
                       count);
    }
    if (reserve(&tags, count, err) < 0) {
        return -1;
    }
    json_object_foreach(object, key, value)
    {
        char shown[PARSE_SHOWN_BYTES];
        if (!json_is_string(value)) {
            return err_set(err, ERR_INVALID, "%s.%s: must be a text", path,
                           parse_shown(key, shown));
        }
        if (add(&tags, key, json_string_value(value), err) < 0) {
            return err_wrap(err, "%s", path);
        }
    }
    *ret = tags;
    tags = (struct wire_tags){0};
    return 0;
}

json_t *wire_tags_to_json(const struct wire_tags *tags)
{
    json_t *object = json_object();
    for (size_t i = 0; object != NULL && i < tags->count; i++) {
        json_t *value = json_string(tags->items[i].value);
        if (json_object_set_new(object, tags->items[i].key, value) < 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

int wire_tags_copy(const struct wire_tags *from, struct wire_tags *ret, struct err *err)
{
    struct wire_tags tags = {0};
    if (reserve(&tags, from->count, err) < 0) {
        return -1;
    }
    if (from->count > 0) {
        memcpy(tags.items, from->items, from->count * sizeof *tags.items);
    }
    tags.count = from->count;
    *ret = tags;
    return 0;
}

void wire_tags_fini(struct wire_tags *tags)
{
    free(tags->items);
    *tags = (struct wire_tags){0};
}
