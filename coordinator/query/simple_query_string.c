/* SPDX-License-Identifier: Apache-2.0 */
/* See simple_query_string.h. The rules for what is skipped are those of Lucene's
 * SimpleQueryParser, because people's queries lean on them. */
#include "coordinator/query/simple_query_string.h"

#include <string.h>

struct parser {
    struct query *query;
    const struct simple_query_options *options;
    struct err *err;
    unsigned depth; /* of parentheses */
};

enum joint { JOINT_NONE, JOINT_AND, JOINT_OR };

/* A text between parentheses, or the whole. */
struct part {
    const char *at;
    const char *end;
    struct query_node *top; /* what was read so far; NULL before the first clause */
    enum joint top_is;      /* JOINT_NONE unless top is a bool of this part's making */
    enum joint joint;       /* seen since the last clause */
    bool is_negated;        /* an odd number of "-" right before */
};

static struct query_node *parse_part(struct parser *parser, const char *begin, const char *end,
                                     bool *ret_is_empty);

static struct query_node *bool_of(struct parser *parser, struct query_node *child,
                                  enum query_occur occur)
{
    struct query_node *node = query_node_new(parser->query, QUERY_BOOL, NULL, parser->err);
    return node != NULL && query_add(node, child, occur, parser->err) == 0 ? node : NULL;
}

/* The clause @node joins what was read before it. */
static int join(struct parser *parser, struct part *part, struct query_node *node)
{
    enum joint joint = part->joint;
    if (part->is_negated) {
        node = bool_of(parser, node, QUERY_MUST_NOT);
        if (node == NULL) {
            return -1;
        }
    }
    part->is_negated = false;
    part->joint = JOINT_NONE;
    if (part->top == NULL) {
        part->top = node;
        return 0;
    }
    if (joint == JOINT_NONE) {
        joint = parser->options->default_is_and ? JOINT_AND : JOINT_OR;
    }
    enum query_occur occur = joint == JOINT_AND ? QUERY_MUST : QUERY_SHOULD;
    if (part->top_is != joint) {
        struct query_node *top = bool_of(parser, part->top, occur);
        if (top == NULL) {
            return -1;
        }
        part->top = top;
        part->top_is = joint;
    }
    return query_add(part->top, node, occur, parser->err);
}

static struct query_node *leaf(struct parser *parser, const char *field, const char *text,
                               bool is_pattern)
{
    if (!is_pattern) {
        return query_words_new(parser->query, field, text, parser->err);
    }
    struct query_node *node = query_node_new(parser->query, QUERY_WILDCARD, field, parser->err);
    if (node != NULL) {
        node->pattern = text;
    }
    return node;
}

/* The clause of a word: in any field, or in one of those asked for. */
static int join_word(struct parser *parser, struct part *part, const char *text,
                     bool is_pattern)
{
    const struct simple_query_options *options = parser->options;
    struct query_node *node = NULL;
    for (size_t i = 0; i == 0 || i < options->n_fields; i++) {
        const char *field = options->fields != NULL ? options->fields[i] : NULL;
        struct query_node *one = leaf(parser, field, text, is_pattern);
        if (one == NULL) {
            return -1;
        }
        if (i == 0 && options->n_fields < 2) {
            return join(parser, part, one);
        }
        if (node != NULL ? query_add(node, one, QUERY_SHOULD, parser->err) < 0
                         : (node = bool_of(parser, one, QUERY_SHOULD)) == NULL) {
            return -1;
        }
    }
    node->clauses.has_minimum = true; /* one word: not for minimum_should_match to count */
    node->clauses.minimum = 1;
    return join(parser, part, node);
}

/* @begin .. @end without its backslashes, or as a pattern with those that it needs. */
static char *unescape(struct parser *parser, const char *begin, const char *end,
                      bool is_pattern)
{
    char *text = query_alloc(parser->query, 2 * (size_t)(end - begin) + 2, parser->err);
    if (text == NULL) {
        return NULL;
    }
    char *to = text;
    for (const char *from = begin; from < end; from++) {
        from += *from == '\\' && from + 1 < end ? 1 : 0;
        if (is_pattern && strchr("*?\\", *from) != NULL) {
            *to++ = '\\';
        }
        *to++ = *from;
    }
    *to++ = is_pattern ? '*' : '\0';
    *to = '\0';
    return text;
}

static int take_phrase(struct parser *parser, struct part *part)
{
    const char *begin = ++part->at;
    const char *at = begin;
    while (at < part->end && *at != '"') {
        at += *at == '\\' && at + 1 < part->end ? 2 : 1;
    }
    if (at == part->end) { /* a quote without its other: skipped */
        return 0;
    }
    part->at = at + 1;
    if (at == begin) {
        part->joint = JOINT_NONE;
        return 0;
    }
    const char *text = unescape(parser, begin, at, false);
    return text != NULL ? join_word(parser, part, text, false) : -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int take_word(struct parser *parser, struct part *part)
{
    const char *begin = part->at;
    const char *at = begin;
    const char *last = begin; /* where the last character begins, backslash included */
    const char *tilde = NULL;
    while (at < part->end && !is_blank(*at) && strchr("\"+|()", *at) == NULL) {
        tilde = *at == '~' && at > begin ? at : *at >= '0' && *at <= '9' ? tilde : NULL;
        last = at;
        at += *at == '\\' && at + 1 < part->end ? 2 : 1;
    }
    part->at = at;
    bool is_prefix = *last == '*';
    const char *end = is_prefix ? last : tilde != NULL ? tilde : at;
    const char *text = unescape(parser, begin, end, is_prefix);
    return text != NULL ? join_word(parser, part, text, is_prefix) : -1;
}

static const char *closing(const char *at, const char *end)
{
    size_t depth = 1;
    for (; at < end; at++) {
        if (*at == '\\') {
            at++;
        } else if (*at == '(') {
            depth++;
        } else if (*at == ')' && --depth == 0) {
            return at;
        }
    }
    return NULL;
}

static int take_group(struct parser *parser, struct part *part)
{
    const char *begin = ++part->at;
    const char *end = closing(begin, part->end);
    bool is_empty = false;
    if (end == NULL) { /* never closed: skipped */
        return 0;
    }
    part->at = end + 1;
    if (end == begin) {
        part->joint = JOINT_NONE;
        return 0;
    }
    struct query_node *node = parse_part(parser, begin, end, &is_empty);
    if (is_empty) {
        return 0;
    }
    return node != NULL ? join(parser, part, node) : -1;
}

static int take_next(struct parser *parser, struct part *part)
{
    char c = *part->at;
    if (c == '-') {
        part->at++;
        part->is_negated = !part->is_negated;
        return 0;
    }
    int rc = 0;
    if (c == '(') {
        rc = take_group(parser, part);
    } else if (c == '"') {
        rc = take_phrase(parser, part);
    } else if (c == '+' || c == '|') {
        part->at++;
        if (part->joint == JOINT_NONE && part->top != NULL) {
            part->joint = c == '+' ? JOINT_AND : JOINT_OR;
        }
    } else if (c == ')' || is_blank(c)) {
        part->at++;
    } else {
        rc = take_word(parser, part);
    }
    part->is_negated = false; /* "-" counts only right before its clause */
    return rc;
}

/* NULL with *ret_is_empty if there is no clause in it. */
static struct query_node *parse_part(struct parser *parser, const char *begin, const char *end,
                                     bool *ret_is_empty)
{
    struct part part = {.at = begin, .end = end};
    if (++parser->depth > QUERY_DEPTH_MAX) {
        err_record(parser->err, ERR_INVALID, "query: nested deeper than %d levels",
                   QUERY_DEPTH_MAX);
        return NULL;
    }
    while (part.at < part.end) {
        if (take_next(parser, &part) < 0) {
            return NULL;
        }
    }
    parser->depth--;
    *ret_is_empty = part.top == NULL;
    return part.top;
}

struct query_node *simple_query_string_parse(struct query *query, const char *text,
                                             const struct simple_query_options *options,
                                             struct err *err)
{
    struct parser parser = {.query = query, .options = options, .err = err};
    bool is_empty = false;
    struct query_node *node = parse_part(&parser, text, text + strlen(text), &is_empty);
    return is_empty ? query_node_new(query, QUERY_NONE, NULL, err) : node;
}
