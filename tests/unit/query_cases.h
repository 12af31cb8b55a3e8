/* SPDX-License-Identifier: Apache-2.0 */
/* A small fleet to ask about, and the questions: which hosts does a query find? */
#ifndef TESTS_UNIT_QUERY_CASES_H
#define TESTS_UNIT_QUERY_CASES_H

#include "common/base/compiler.h"
#include "common/codec/json.h"
#include "coordinator/query/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Five allocators, cut to what the cases look at. */
static const char query_fleet[] =
    "[{'allocator_id': 'a', 'zone_id': 'ece-zone-1', 'host_ip': '192.168.44.11',"
    "  'public_hostname': 'Host79.example.com', 'status': {'connected': true, 'healthy': true,"
    "  'maintenance_mode': false}, 'capacity': {'memory': {'total': 10240, 'used': 0},"
    "  'additional_master_bonus': 0.5}, 'settings': {}, 'instances': [], 'metadata': []},"
    " {'allocator_id': 'b', 'zone_id': 'ece-zone-10', 'host_ip': '192.168.44.1',"
    "  'public_hostname': 'rack-b', 'status': {'connected': false, 'healthy': false,"
    "  'maintenance_mode': true, 'maintenance_mode_timestamp': '2026-11-24T08:30:15.123Z'},"
    "  'capacity': {'memory': {'total': 20480, 'used': 4096}}, 'settings': {'capacity': 100},"
    "  'instances': [{'cluster_type': 'kibana', 'node_memory': 1024, 'healthy': true},"
    "                {'cluster_type': 'elasticsearch', 'node_memory': 2048, 'healthy': false}],"
    "  'metadata': [{'key': 'ssd', 'value': 'true'}, {'key': 'owner', 'value': 'Jo Smith'}]},"
    " {'allocator_id': 'c', 'zone_id': 'ece-zone-1-b', 'host_ip': 'fe80::1',"
    "  'public_hostname': '', 'status': {'connected': true, 'maintenance_mode': false,"
    "  'maintenance_mode_timestamp': '2026-11-25T00:00:00.000Z'},"
    "  'capacity': {'memory': {'total': 5000, 'used': 1}}, 'settings': null,"
    "  'instances': [{'cluster_type': 'kibana', 'node_memory': 4096, 'healthy': false},"
    "                {'cluster_type': 'apm', 'node_memory': 100, 'healthy': false}],"
    "  'metadata': [{'key': 'Größe', 'value': 'GROSS MÜLL'}], 'tags': {'a.b': 'dotted'}},"
    " {'allocator_id': 'd', 'zone_id': 'x+y (z)', 'capacity': {'memory': {'total': -5}},"
    "  'build_info': {'version': '2.10.0', 'commit_hash': 'a*c?e'}, 'note': 'John Smith, Jo',"
    "  'matrix': [[1, 2], [{'deep': 'down'}]]},"
    " {'allocator_id': 'e', 'build_info': {'version': '2.9.1'}, 'note': 'smith jo',"
    "  'big': 9007199254740993, 'region': 'ece-region'}]";

/* JSON with ' for ", which stands better in C. */
static inline json_t *query_json(const char *text)
{
    char *quoted = strdup(text);
    for (char *c = quoted; (c = strchr(c, '\'')) != NULL;) {
        *c = '"';
    }
    json_t *json = NULL;
    struct err err = {0};
    if (json_parse(quoted, strlen(quoted), &json, &err) < 0) {
        fail_msg("%s: %s", text, err.message);
    }
    free(quoted);
    return json;
}

/* The ids of those that match, in order. */
static inline void query_find(const struct query *query, const char *shown,
                              const char *expected)
{
    auto_json *fleet = query_json(query_fleet);
    uint64_t steps_left = QUERY_STEPS_MAX;
    char found[16] = "";
    size_t len = 0;
    for (size_t i = 0; i < json_array_size(fleet); i++) {
        const json_t *document = json_array_get(fleet, i);
        bool is_match = false;
        struct err err = {0};
        assert_int_equal(query_matches(query, document, &steps_left, &is_match, &err), 0);
        if (is_match) {
            found[len++] = json_string_value(json_object_get(document, "allocator_id"))[0];
        }
    }
    if (strcmp(found, expected) != 0) {
        fail_msg("%s: finds \"%s\", not \"%s\"", shown, found, expected);
    }
}

struct query_case {
    const char *query;
    const char *found; /* ids; for what is refused a part of the message */
};

static inline void query_expect_text(const struct query_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        auto_query *query = NULL;
        struct err err = {0};
        if (query_from_text(cases[i].query, &query, &err) < 0) {
            fail_msg("%s: %s", cases[i].query, err.message);
        }
        query_find(query, cases[i].query, cases[i].found);
    }
}

static inline void query_expect_dsl(const struct query_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        auto_json *dsl = query_json(cases[i].query);
        auto_query *query = NULL;
        struct err err = {0};
        if (query_from_json(dsl, "query", &query, &err) < 0) {
            fail_msg("%s: %s", cases[i].query, err.message);
        }
        query_find(query, cases[i].query, cases[i].found);
    }
}

static inline void query_expect_refusal(const struct query_case *one, int rc,
                                        const struct query *query, const struct err *err)
{
    if (rc == 0 || err->code != ERR_INVALID || strstr(err->message, one->found) == NULL) {
        fail_msg("%s: %s, not refused with \"%s\"", one->query,
                 rc == 0 ? "taken" : err->message, one->found);
    }
    assert_null(query);
}

/* The groups of the other files. */
int query_dsl_cases(void);
int query_hostile_cases(void);

#endif
