/* SPDX-License-Identifier: Apache-2.0 */
/* See query_value.h. */
#include "coordinator/query/query_value.h"

#include <string.h>

static struct query_node *exists(struct query_scan *scan, const char *field)
{
    return field == NULL || strcmp(field, "*") == 0
               ? query_node_new(scan->query, QUERY_ALL, NULL, scan->err)
               : query_node_new(scan->query, QUERY_EXISTS, field, scan->err);
}

static int set_bound(const struct query_scan *scan, const char *begin, const char *text,
                     struct operand *ret)
{
    if (operand_is_date_math(text)) {
        return query_scan_fail(scan, begin,
                               "arithmetic with dates is not served; write the time, such as "
                               "2026-11-24T08:30:00Z");
    }
    operand_init(ret, text);
    return 0;
}

/* ">=5" and its like, without backslashes. */
static struct query_node *comparison(struct query_scan *scan, const char *field,
                                     const struct query_word *word)
{
    bool is_low = word->plain[0] == '>';
    bool with_bound = word->plain[1] == '=';
    const char *bound = word->plain + (with_bound ? 2 : 1);
    if (*bound == '\0') {
        query_scan_record(scan, word->begin,
                          "a comparison needs its value right behind it, such as field:>=5");
        return NULL;
    }
    struct query_node *node = query_node_new(scan->query, QUERY_RANGE, field, scan->err);
    if (node != NULL) {
        struct query_range *range = &node->range;
        range->has_low = is_low;
        range->has_high = !is_low;
        range->with_low = range->with_high = with_bound;
        if (set_bound(scan, word->begin, bound, is_low ? &range->low : &range->high) < 0) {
            return NULL;
        }
    }
    return node;
}

static struct query_node *wildcard(struct query_scan *scan, const char *field,
                                   const struct query_word *word)
{
    struct query_node *node = query_node_new(scan->query, QUERY_WILDCARD, field, scan->err);
    if (node != NULL) {
        node->pattern = word->pattern;
    }
    return node;
}

struct query_node *query_value_word(struct query_scan *scan, const char *field,
                                    const struct query_word *word)
{
    if (field != NULL && strcmp(field, "_exists_") == 0) {
        return exists(scan, word->plain);
    }
    if (word->has_wildcard && strcmp(word->pattern, "*") == 0) {
        return exists(scan, field);
    }
    if (word->has_wildcard) {
        return wildcard(scan, field, word);
    }
    if (word->plain[0] == '>' || word->plain[0] == '<') {
        return comparison(scan, field, word);
    }
    return query_words_new(scan->query, field, word->plain, scan->err);
}

struct query_node *query_value_quoted(struct query_scan *scan, const char *field)
{
    const char *plain = NULL;
    if (query_scan_quoted(scan, &plain) < 0) {
        return NULL;
    }
    if (field != NULL && strcmp(field, "_exists_") == 0) {
        return exists(scan, plain);
    }
    return query_words_new(scan->query, field, plain, scan->err);
}

/* low TO high and the closing bracket; the opening one has been taken. */
static int range_bounds(struct query_scan *scan, struct query_range *range)
{
    const char *begin = scan->at;
    const char *low = NULL;
    const char *high = NULL;
    query_scan_blanks(scan);
    if (query_scan_bound(scan, &low) < 0) {
        return -1;
    }
    query_scan_blanks(scan);
    if (!query_scan_keyword(scan, "TO")) {
        return query_scan_fail(scan, scan->at, "a range is [low TO high]: here TO is missing");
    }
    query_scan_blanks(scan);
    if (query_scan_bound(scan, &high) < 0) {
        return -1;
    }
    query_scan_blanks(scan);
    range->with_high = query_scan_symbol(scan, "]");
    if (!range->with_high && !query_scan_symbol(scan, "}")) {
        return query_scan_fail(scan, scan->at, "a range ends with ] or }");
    }
    range->has_low = low != NULL;
    range->has_high = high != NULL;
    return (low != NULL && set_bound(scan, begin, low, &range->low) < 0) ||
                   (high != NULL && set_bound(scan, begin, high, &range->high) < 0)
               ? -1
               : 0;
}

struct query_node *query_value_range(struct query_scan *scan, const char *field)
{
    bool with_low = *scan->at == '[';
    scan->at++;
    struct query_node *node = query_node_new(scan->query, QUERY_RANGE, field, scan->err);
    if (node == NULL || range_bounds(scan, &node->range) < 0) {
        return NULL;
    }
    node->range.with_low = with_low;
    return node->range.has_low || node->range.has_high ? node : exists(scan, field);
}
