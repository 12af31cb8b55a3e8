/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recursive descent over query_scan, once for each pair of parentheses. What a clause requires
 * is decided as Lucene does it, clause by clause (see conclude()). See query_string.h.
 */
#include "coordinator/query/query_string.h"

#include "common/base/parse.h"
#include "coordinator/query/query_value.h"

#include <string.h>

struct parser {
    struct query_scan scan;
    const struct query_string_options *options;
    unsigned depth; /* of parentheses */
};

static struct query_node *parse_clauses(struct parser *parser, const char *field);

static struct query_node *node_new(struct parser *parser, enum query_kind kind,
                                   const char *field)
{
    return query_node_new(parser->scan.query, kind, field, parser->scan.err);
}

/* Messages of the tree know no place: they get the clause's. */
static struct query_node *placed(const struct parser *parser, const char *begin,
                                 struct query_node *node)
{
    struct err *err = parser->scan.err;
    if (node == NULL && err->code == ERR_INVALID && strncmp(err->message, "query: ", 7) == 0) {
        char reason[sizeof err->message];
        memcpy(reason, err->message, sizeof reason);
        query_scan_record(&parser->scan, begin, "%s", reason + 7);
    }
    return node;
}

static struct query_node *group(struct parser *parser, const char *field)
{
    struct query_scan *scan = &parser->scan;
    const char *begin = scan->at++;
    if (++parser->depth > QUERY_DEPTH_MAX) {
        query_scan_record(scan, begin, "nested deeper than %d levels", QUERY_DEPTH_MAX);
        return NULL;
    }
    struct query_node *node = parse_clauses(parser, field);
    if (node != NULL && !query_scan_symbol(scan, ")")) {
        query_scan_record(scan, begin, "the parenthesis that opens here is never closed");
        return NULL;
    }
    parser->depth--;
    return node;
}

/* "^2" changes a score, and there is none here; "~" would change what is found. */
static int skip_modifiers(struct query_scan *scan)
{
    if (*scan->at == '~') {
        return query_scan_fail(scan, scan->at,
                               "fuzzy terms and distances (~) are not served; use wildcards");
    }
    if (query_scan_symbol(scan, "^")) {
        size_t digits = strspn(scan->at, "0123456789");
        if (digits == 0) {
            return query_scan_fail(scan, scan->at, "a number is missing after \"^\"");
        }
        scan->at += digits;
        if (scan->at[0] == '.' && scan->at[1] >= '0' && scan->at[1] <= '9') {
            scan->at += 1 + strspn(scan->at + 1, "0123456789");
        }
    }
    return 0;
}

/* What is no single word. NULL without an error if it is one. */
static struct query_node *bracketed_value(struct parser *parser, const char *field,
                                          bool *ret_is_one)
{
    char c = *parser->scan.at;
    *ret_is_one = c == '(' || c == '"' || c == '[' || c == '{';
    return c == '('               ? group(parser, field)
           : c == '"'             ? query_value_quoted(&parser->scan, field)
           : c == '[' || c == '{' ? query_value_range(&parser->scan, field)
                                  : NULL;
}

static struct query_node *word_value(struct parser *parser, const char *field,
                                     const struct query_word *word)
{
    if (word->has_wildcard && !parser->options->allows_leading_wildcard &&
        strchr("*?", *word->begin) != NULL && strcmp(word->pattern, "*") != 0) {
        query_scan_record(&parser->scan, word->begin,
                          "a term may not begin with a wildcard: allow_leading_wildcard is "
                          "false");
        return NULL;
    }
    return query_value_word(&parser->scan, field, word);
}

static int check_field(const struct parser *parser, const struct query_word *word)
{
    if (strlen(word->plain) > QUERY_FIELD_MAX) {
        return query_scan_fail(&parser->scan, word->begin,
                               "the name of a field is longer than %d bytes", QUERY_FIELD_MAX);
    }
    return word->has_wildcard && strcmp(word->pattern, "*") != 0
               ? query_scan_fail(&parser->scan, word->begin,
                                 "a wildcard in the name of a field needs a backslash: "
                                 "metadata.\\*:ssd")
               : 0;
}

static struct query_node *parse_value(struct parser *parser, const char *field)
{
    struct query_scan *scan = &parser->scan;
    struct query_word word;
    bool is_bracketed = false;
    struct query_node *node = bracketed_value(parser, field, &is_bracketed);
    if (is_bracketed) {
        return node;
    }
    if (query_scan_word(scan, true, &word) < 0) {
        return NULL;
    }
    if (*scan->at == ':') {
        query_scan_record(scan, scan->at,
                          "a second \":\"; quote a value that contains one: field:\"a:b\"");
        return NULL;
    }
    return word_value(parser, field, &word);
}

/* A value, or a field and its value. */
static struct query_node *parse_clause(struct parser *parser, const char *field)
{
    struct query_scan *scan = &parser->scan;
    struct query_word word;
    bool is_bracketed = false;
    struct query_node *node = bracketed_value(parser, field, &is_bracketed);
    if (is_bracketed) {
        return node;
    }
    if (query_scan_word(scan, false, &word) < 0) {
        return NULL;
    }
    const char *end = scan->at;
    query_scan_blanks(scan);
    if (!query_scan_symbol(scan, ":")) {
        scan->at = end;
        return word_value(parser, field, &word);
    }
    if (check_field(parser, &word) < 0) {
        return NULL;
    }
    query_scan_blanks(scan);
    return parse_value(parser, strcmp(word.pattern, "*") == 0 ? NULL : word.plain);
}

enum conjunction { CONJUNCTION_NONE, CONJUNCTION_AND, CONJUNCTION_OR };

enum modifier { MODIFIER_NONE, MODIFIER_REQUIRED, MODIFIER_PROHIBITED };

static int take_conjunction(struct query_scan *scan, bool is_first, enum conjunction *ret)
{
    const char *begin = scan->at;
    *ret = query_scan_keyword(scan, "AND") || query_scan_symbol(scan, "&&")  ? CONJUNCTION_AND
           : query_scan_keyword(scan, "OR") || query_scan_symbol(scan, "||") ? CONJUNCTION_OR
                                                                             : CONJUNCTION_NONE;
    query_scan_blanks(scan);
    return *ret != CONJUNCTION_NONE && is_first
               ? query_scan_fail(scan, begin, "%s needs a term before it",
                                 *ret == CONJUNCTION_AND ? "AND" : "OR")
               : 0;
}

static int take_modifier(struct query_scan *scan, enum modifier *ret)
{
    const char *begin = scan->at;
    if (query_scan_keyword(scan, "NOT")) {
        *ret = MODIFIER_PROHIBITED;
        query_scan_blanks(scan);
        return 0;
    }
    *ret = query_scan_symbol(scan, "+")                                   ? MODIFIER_REQUIRED
           : query_scan_symbol(scan, "-") || query_scan_symbol(scan, "!") ? MODIFIER_PROHIBITED
                                                                          : MODIFIER_NONE;
    const char *after = scan->at;
    query_scan_blanks(scan);
    return *ret != MODIFIER_NONE && (scan->at > after || *after == '\0')
               ? query_scan_fail(scan, begin,
                                 "\"%c\" stands alone; put it right before a term, or a "
                                 "backslash before it",
                                 *begin)
               : 0;
}

/* Lucene's rule for the clause before and for this one, which @conjunction stands between. */
static enum query_occur conclude(const struct parser *parser, struct query_node *last,
                                 enum conjunction conjunction, enum modifier modifier)
{
    bool default_is_and = parser->options->default_is_and;
    if (last != NULL && last->occur != QUERY_MUST_NOT) {
        if (conjunction == CONJUNCTION_AND) {
            last->occur = QUERY_MUST;
        } else if (conjunction == CONJUNCTION_OR && default_is_and) {
            last->occur = QUERY_SHOULD;
        }
    }
    if (modifier == MODIFIER_PROHIBITED) {
        return QUERY_MUST_NOT;
    }
    bool is_required = default_is_and
                           ? conjunction != CONJUNCTION_OR
                           : modifier == MODIFIER_REQUIRED || conjunction == CONJUNCTION_AND;
    return is_required ? QUERY_MUST : QUERY_SHOULD;
}

/* The next clause with what stands before and behind it, into @parent. */
static int parse_next(struct parser *parser, const char *field, struct query_node *parent)
{
    struct query_scan *scan = &parser->scan;
    struct query_node *last = parent->clauses.last;
    enum conjunction conjunction = CONJUNCTION_NONE;
    enum modifier modifier = MODIFIER_NONE;
    if (take_conjunction(scan, last == NULL, &conjunction) < 0 ||
        take_modifier(scan, &modifier) < 0) {
        return -1;
    }
    const char *begin = scan->at;
    struct query_node *node = placed(parser, begin, parse_clause(parser, field));
    if (node == NULL || skip_modifiers(scan) < 0) {
        return -1;
    }
    return query_add(parent, node, conclude(parser, last, conjunction, modifier), scan->err);
}

/* conclude() changes its mind about clauses that were counted: count them when all are there.
 */
static struct query_node *finish(struct query_node *parent)
{
    struct query_clauses *clauses = &parent->clauses;
    clauses->n_must = clauses->n_should = 0;
    for (const struct query_node *node = clauses->first; node != NULL; node = node->next) {
        clauses->n_must += node->occur == QUERY_MUST ? 1 : 0;
        clauses->n_should += node->occur == QUERY_SHOULD ? 1 : 0;
    }
    return clauses->first == clauses->last && clauses->first->occur != QUERY_MUST_NOT
               ? clauses->first
               : parent;
}

/* Up to the end or a closing parenthesis, which stays. */
static struct query_node *parse_clauses(struct parser *parser, const char *field)
{
    struct query_scan *scan = &parser->scan;
    struct query_node *parent = node_new(parser, QUERY_BOOL, NULL);
    if (parent == NULL) {
        return NULL;
    }
    do {
        query_scan_blanks(scan);
        if (*scan->at == ')' && parser->depth > 0 && parent->clauses.first == NULL) {
            query_scan_record(scan, scan->at, "there is nothing between the parentheses");
            return NULL;
        }
        if (parse_next(parser, field, parent) < 0) {
            return NULL;
        }
        query_scan_blanks(scan);
    } while (*scan->at != '\0' && (*scan->at != ')' || parser->depth == 0));
    return finish(parent);
}

struct query_node *query_string_parse(struct query *query, const char *text,
                                      const struct query_string_options *options,
                                      struct err *err)
{
    struct parser parser = {.scan = {.query = query, .text = text, .at = text, .err = err},
                            .options = options};
    size_t len = strnlen(text, QUERY_TEXT_MAX + 1);
    if (len > QUERY_TEXT_MAX) {
        err_record(err, ERR_INVALID, "query_string: longer than %d bytes", QUERY_TEXT_MAX);
        return NULL;
    }
    if (!parse_is_utf8(text, len)) {
        err_record(err, ERR_INVALID, "query_string: is not well-formed UTF-8");
        return NULL;
    }
    query_scan_blanks(&parser.scan);
    if (*parser.scan.at == '\0') {
        return node_new(&parser, QUERY_NONE, NULL);
    }
    return placed(&parser, text, parse_clauses(&parser, options->default_field));
}
