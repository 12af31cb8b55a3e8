/* SPDX-License-Identifier: Apache-2.0 */
/* The characters of a query_string: blanks, keywords, words and quotes, and the place that a
 * message names. */
#ifndef QUERY_QUERY_SCAN_H
#define QUERY_QUERY_SCAN_H

#include "coordinator/query/query_tree.h"

struct query_scan {
    struct query *query; /* borrowed: words are kept in its arena */
    const char *text;    /* borrowed */
    const char *at;      /* next character; the text ends with NUL */
    struct err *err;     /* borrowed */
};

/* A word, with and without its backslashes. */
struct query_word {
    const char *begin;   /* in the text, for messages */
    const char *plain;   /* in the arena: without backslashes */
    const char *pattern; /* in the arena: as wildcard.h reads it */
    bool has_wildcard;
};

/* ERR_INVALID with the place of @at. Returns -1. */
void query_scan_record(const struct query_scan *scan, const char *at, const char *format, ...)
    PRINTF_LIKE(3, 4);
#define query_scan_fail(...) (query_scan_record(__VA_ARGS__), -1)

void query_scan_blanks(struct query_scan *scan);

/** Take @symbol if it is next. */
bool query_scan_symbol(struct query_scan *scan, const char *symbol);

/** Take @keyword (such as "AND") if it is next, and a word of its own. */
bool query_scan_keyword(struct query_scan *scan, const char *keyword);

/** A word; @is_value: behind a colon it may begin with + or -, as numbers do. */
int query_scan_word(struct query_scan *scan, bool is_value, struct query_word *ret) MUST_CHECK;

/** A phrase whose opening quote is next. */
int query_scan_quoted(struct query_scan *scan, const char **ret_plain) MUST_CHECK;

/** One bound of a range: quoted, or up to the next blank or closing bracket. *ret_plain NULL: *
 */
int query_scan_bound(struct query_scan *scan, const char **ret_plain) MUST_CHECK;

#endif
