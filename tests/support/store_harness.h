/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store_sqlite on its own loop for tests of what writes to a store. Also a journal: the
 * callbacks note_change and note_result write what they hear into one text, so that order can
 * be compared as a whole.
 */
#ifndef TESTS_SUPPORT_STORE_HARNESS_H
#define TESTS_SUPPORT_STORE_HARNESS_H

#include "coordinator/store/store_sqlite.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct store_harness {
    uv_loop_t loop;
    struct store *store;
    bool is_closed;
    unsigned n_results;
    struct store_result last; /* that note_result heard */
    char journal[4096];
};

static inline void PRINTF_LIKE(2, 3)
    harness_note(struct store_harness *harness, const char *format, ...)
{
    size_t used = strlen(harness->journal);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(harness->journal + used, sizeof(harness->journal) - used, format, args);
    va_end(args);
}

/* "key=value@revision " or "key-@revision " */
static inline void note_change(const struct store_entry *entry, void *userdata)
{
    if (entry->value == NULL) {
        harness_note(userdata, "%s-@%ju ", entry->key, (uintmax_t)entry->mod_revision);
    } else {
        harness_note(userdata, "%s=%.*s@%ju ", entry->key, (int)entry->len,
                     (const char *)entry->value, (uintmax_t)entry->mod_revision);
    }
}

/* "committed@revision ", "conflict " or "failed(code) " */
static inline void note_result(const struct store_result *result, void *userdata)
{
    struct store_harness *harness = userdata;
    harness->n_results++;
    harness->last = *result;
    switch (result->outcome) {
    case STORE_COMMITTED:
        harness_note(harness, "committed@%ju ", (uintmax_t)result->revision);
        break;
    case STORE_CONFLICT:
        harness_note(harness, "conflict ");
        break;
    case STORE_FAILED:
        harness_note(harness, "failed(%s) ", err_code_name(result->error.code));
        break;
    }
}

static inline void harness_on_closed(void *userdata)
{
    struct store_harness *harness = userdata;
    harness->is_closed = true;
    harness->store = NULL;
}

static inline int harness_open(struct store_harness *harness, const char *path, struct err *err)
{
    *harness = (struct store_harness){0};
    if (uv_loop_init(&harness->loop) != 0) {
        return err_set(err, ERR_INTERNAL, "uv_loop_init");
    }
    if (store_sqlite_open(&harness->store, &harness->loop, path, err) < 0) {
        (void)uv_loop_close(&harness->loop);
        return -1;
    }
    return 0;
}

/* Run until @n results came in all; while a store is open each one is on its way. */
static inline void harness_await(struct store_harness *harness, unsigned n)
{
    while (harness->n_results < n && uv_run(&harness->loop, UV_RUN_ONCE) != 0) {
    }
}

/* Close what is open and leave nothing behind; false if something was. */
static inline bool harness_close(struct store_harness *harness)
{
    if (harness->store != NULL) {
        store_close(harness->store, harness_on_closed, harness);
    }
    (void)uv_run(&harness->loop, UV_RUN_DEFAULT);
    return harness->is_closed && uv_loop_close(&harness->loop) == 0;
}

/* One write of text (NULL = delete) if @condition (NULL = none) holds, its result noted. */
static inline int harness_put_if(struct store_harness *harness,
                                 const struct store_condition *condition, const char *key,
                                 const char *text, struct err *err)
{
    struct store_operation operation = {
        .key = key, .value = text, .len = text != NULL ? strlen(text) : 0};
    return store_commit(harness->store, condition, condition != NULL ? 1 : 0, &operation, 1,
                        note_result, harness, err);
}

static inline int harness_put(struct store_harness *harness, const char *key, const char *text,
                              struct err *err)
{
    return harness_put_if(harness, NULL, key, text, err);
}

#endif
