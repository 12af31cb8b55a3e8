/* SPDX-License-Identifier: Apache-2.0 */
/* Searches as strangers may send them: JSON is the body of a search, anything else the text of
 * `q` and, in a second line, of `sort`. What parses is asked about a document too. */
#include "common/base/compiler.h"
#include "common/codec/json.h"
#include "coordinator/query/query.h"
#include "coordinator/query/sort_order.h"

#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 8192 };

static const char document_text[] =
    "{\"allocator_id\":\"192.168.44.11\",\"zone_id\":\"ece-zone-1\",\"status\":{\"connected\":"
    "true,"
    "\"maintenance_mode_timestamp\":\"2026-11-24T08:30:15.123Z\"},\"capacity\":{\"memory\":"
    "{\"total\":10240,\"used\":-1},\"bonus\":0.5},\"settings\":{},\"instances\":[{\"cluster_"
    "type\":"
    "\"kibana\",\"node_memory\":1024,\"healthy\":false},{\"cluster_type\":\"apm\"}],"
    "\"metadata\":[{"
    "\"key\":\"Größe\",\"value\":\"aaaaaaaaaaaaaaaaaaaa b, (c)\"}],\"tags\":{\"a.b\":\"c\"},"
    "\"list\":[[1,[null,\"x\"]],2]}";

static json_t *read_json(const char *text, size_t len)
{
    struct err err;
    json_t *json = NULL;
    return json_parse(text, len, &json, &err) == 0 ? json : NULL;
}

static void ask(const struct query *query, json_t *document)
{
    struct err err;
    uint64_t steps_left = 1000000;
    bool is_match = false;
    err_ignore(query_matches(query, document, &steps_left, &is_match, &err)); /* any will do */
}

static void arrange(const struct sort_order *order, json_t *document)
{
    auto_json *empty = json_object();
    json_t *documents[] = {document, empty, document};
    struct err err;
    err_ignore(sort_order_apply(order, documents, ARRAY_LEN(documents), &err)); /* memory */
}

static void search_body(const json_t *body, json_t *document)
{
    auto_query *query = NULL;
    struct sort_order order;
    struct err err;
    if (query_from_json(json_object_get(body, "query"), "query", &query, &err) == 0) {
        ask(query, document);
    }
    if (sort_order_from_json(json_object_get(body, "sort"), "sort", &order, &err) == 0) {
        arrange(&order, document);
    }
}

static void search_text(char *text, json_t *document)
{
    auto_query *query = NULL;
    struct sort_order order;
    struct err err;
    char *line = strchr(text, '\n');
    if (line != NULL) {
        *line = '\0';
        if (sort_order_from_text(line + 1, &order, &err) == 0) {
            arrange(&order, document);
        }
    }
    if (query_from_text(text, &query, &err) == 0) {
        ask(query, document);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_MAX) {
        return 0;
    }
    auto_json *document = read_json(document_text, strlen(document_text));
    auto_free char *text = strndup((const char *)data, size);
    auto_json *body = read_json(text, strlen(text));
    if (document == NULL) {
        abort(); /* a mistake in this file */
    }
    if (body != NULL) {
        search_body(body, document);
    } else {
        search_text(text, document);
    }
    return 0;
}
