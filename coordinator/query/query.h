/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The query language of the platform API: built once from the text of the `q` parameter or from
 * a query of the DSL, then asked about any number of documents. A document is the JSON that the
 * API returns, so that what can be seen can be searched.
 *
 *     struct query *query = NULL;
 *     uint64_t steps_left = QUERY_STEPS_MAX;
 *     if (query_from_text(q, &query, err) < 0) { ... 400 with err->message ... }
 *     for each document: query_matches(query, document, &steps_left, &is_match, err)
 *     query_free(query);
 *
 * What counts as a match. Elasticsearch decides it by a mapping; here every field is what its
 * value is, and text is treated as keyword and text at once:
 *
 * - A field is a dotted path. An array means any of its elements, at every level; null and []
 *   are no value, "" is one. A "*" in a field name stands for any characters.
 * - `term`, `terms`, `prefix` compare a whole text exactly, as on a keyword field.
 * - `match`, `field:word`, `field:"a phrase"` and wildcards ignore case, and match the whole
 *   text or words of it, in this order. Words end at blanks and at , ; | " ' ( ) [ ] { }, so
 *   that an identifier is one word: `zone_id:ece-zone-1` does not find "ece-zone-10" or
 *   "ece-zone-1-b".
 * - A word without a field looks everywhere, and there words end at every character that is not
 *   a letter, a digit or an underscore: `zone-1` finds "ece-zone-1", `host79` finds
 *   "host79.example.com". Case is known for the Latin-1, Greek and Cyrillic letters.
 * - Numbers compare as numbers (10 equals 10.0), booleans with true and false. Text that is an
 *   ISO 8601 date and time compares with a date as a time: a date stands for its whole day, an
 *   hour for the whole hour. Other text sorts by its code points. A number never equals text.
 * - Outside `nested` the elements of an array are not told apart; within it all clauses meet
 *   the same element, and only fields below its path are seen. Names stay whole there.
 *
 * Not served, and refused rather than answered wrongly: regular expressions, fuzzy words and
 * distances of phrases (~), arithmetic with dates (now-1d), analyzers. What only changes a
 * score (boost, ^2, score_mode) is read and has no effect.
 */
#ifndef QUERY_QUERY_H
#define QUERY_QUERY_H

#include "common/base/compiler.h"
#include "common/base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct query;

enum {
    QUERY_TEXT_MAX = 4096,  /* bytes of a query_string */
    QUERY_VALUE_MAX = 1024, /* bytes of one value in the DSL */
    QUERY_FIELD_MAX = 256,  /* bytes of a field's name */
    QUERY_NODES_MAX = 1024, /* clauses of all kinds, as Elasticsearch's own bound */
    QUERY_DEPTH_MAX = 32,
};

/* What one search may spend on all its documents: a step is a value looked at or a few bytes
 * compared, some 5 to 20 ns, so that the worst query holds the loop for less than half a
 * second. A word without a field costs less than 100 steps for an allocator with one instance.
 */
#define QUERY_STEPS_MAX UINT64_C(20000000)

/**
 * From the language of `query_string`, with OR between words. NULL and blanks match everything.
 * @ret      returns owned; release with query_free(). Untouched on failure.
 * Errors    ERR_INVALID: "query_string: at character 17: ...", characters from 1;
 *           ERR_NO_MEMORY.
 */
int query_from_text(const char *text, struct query **ret, struct err *err) MUST_CHECK;

/**
 * From a query of the DSL, such as the member "query" of a search. NULL, null and {} match
 * everything. Borrows nothing from @dsl.
 * @path     what messages call it, such as "query"
 * Errors    ERR_INVALID: "query.bool.must[1]: unknown query "foo""; ERR_NO_MEMORY.
 */
int query_from_json(const json_t *dsl, const char *path, struct query **ret,
                    struct err *err) MUST_CHECK;

/**
 * @steps_left   the caller's budget for all documents together; becomes less
 * Errors        ERR_TOO_LARGE when the budget is used up: the answer is unknown then.
 */
int query_matches(const struct query *query, const json_t *document, uint64_t *steps_left,
                  bool *ret_matches, struct err *err) MUST_CHECK;

/** NULL is fine. */
void query_free(struct query *query);

static inline void query_cleanup(struct query **query)
{
    query_free(*query);
}

#define auto_query CLEANUP(query_cleanup) struct query

#endif
