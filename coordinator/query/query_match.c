/* SPDX-License-Identifier: Apache-2.0 */
/* Each kind of clause against a document. Recursion is as deep as the tree, which query_tree.h
 * bounds. See query_match.h. */
#include "coordinator/query/query_match.h"

#include "coordinator/query/leaf_walk.h"
#include "coordinator/query/steps.h"

#include <string.h>

/* Where a clause looks. */
struct scope {
    const json_t *root;
    const char *root_path; /* of a nested query; NULL in the document */
    uint64_t *steps_left;
};

static bool node_matches(const struct scope *scope, const struct query_node *node);

static bool bool_matches(const struct scope *scope, const struct query_clauses *clauses)
{
    size_t minimum = clauses->n_must == 0 && clauses->n_should > 0 ? 1 : 0;
    size_t n_should = 0;
    minimum = clauses->has_minimum ? clauses->minimum : minimum;
    for (const struct query_node *child = clauses->first; child != NULL; child = child->next) {
        if (child->occur == QUERY_SHOULD && n_should >= minimum) {
            continue;
        }
        bool is_match = node_matches(scope, child);
        if (is_match == (child->occur == QUERY_MUST_NOT) && child->occur != QUERY_SHOULD) {
            return false;
        }
        n_should += is_match && child->occur == QUERY_SHOULD ? 1 : 0;
    }
    return n_should >= minimum;
}

struct nested {
    const struct scope *outer;
    const struct query_node *node;
};

static bool element_matches(const json_t *element, void *userdata)
{
    const struct nested *nested = userdata;
    struct scope scope = {.root = element,
                          .root_path = nested->node->field,
                          .steps_left = nested->outer->steps_left};
    return node_matches(&scope, nested->node->clauses.first);
}

static bool range_has(const struct query_range *range, const json_t *leaf)
{
    int place = 0;
    if (range->has_low && (!operand_place(&range->low, leaf, &place) || place < 0 ||
                           (place == 0 && !range->with_low))) {
        return false;
    }
    if (range->has_high && (!operand_place(&range->high, leaf, &place) || place > 0 ||
                            (place == 0 && !range->with_high))) {
        return false;
    }
    return true;
}

struct leaf_test {
    const struct query_node *node;
    uint64_t *steps_left;
};

static bool words_have(const struct leaf_test *test, const json_t *leaf)
{
    const struct query_words *words = &test->node->words;
    if (!json_is_string(leaf)) {
        return operand_equals(&words->operand, leaf);
    }
    return words_match(&words->words, json_string_value(leaf), json_string_length(leaf),
                       test->steps_left) ||
           (words->operand.is_time && operand_equals(&words->operand, leaf));
}

static bool leaf_matches(const json_t *leaf, void *userdata)
{
    const struct leaf_test *test = userdata;
    const struct query_node *node = test->node;
    const char *text = json_string_value(leaf); /* NULL unless it is text */
    size_t len = json_string_length(leaf);
    switch (node->kind) {
    case QUERY_EXISTS:
        return true;
    case QUERY_TERM:
        return operand_equals(&node->operand, leaf);
    case QUERY_PREFIX:
        return text != NULL && strncmp(text, node->operand.text, node->operand.len) == 0;
    case QUERY_WORDS:
        return words_have(test, leaf);
    case QUERY_WILDCARD:
        return text != NULL &&
               words_match_pattern(node->pattern,
                                   node->field == NULL ? WORDS_FINE : WORDS_WHOLE, text, len,
                                   test->steps_left);
    case QUERY_RANGE:
        return range_has(&node->range, leaf);
    case QUERY_ALL:
    case QUERY_NONE:
    case QUERY_BOOL:
    case QUERY_NESTED:
        break; /* they have no leaves */
    }
    return false;
}

static bool node_matches(const struct scope *scope, const struct query_node *node)
{
    if (!steps_spend(scope->steps_left, 1)) {
        return false;
    }
    struct leaf_test test = {.node = node, .steps_left = scope->steps_left};
    struct leaf_walk walk = {.root = scope->root,
                             .root_path = scope->root_path,
                             .steps_left = scope->steps_left,
                             .visit = leaf_matches,
                             .userdata = &test};
    struct nested nested = {.outer = scope, .node = node};
    switch (node->kind) {
    case QUERY_ALL:
        return true;
    case QUERY_NONE:
        return false;
    case QUERY_BOOL:
        return bool_matches(scope, &node->clauses);
    case QUERY_NESTED:
        return leaf_walk_elements(&walk, node->field, element_matches, &nested);
    case QUERY_EXISTS:
    case QUERY_TERM:
    case QUERY_PREFIX:
    case QUERY_WORDS:
    case QUERY_WILDCARD:
    case QUERY_RANGE:
        return leaf_walk(&walk, node->field);
    }
    return false;
}

bool query_match(const struct query_node *root, const json_t *document, uint64_t *steps_left)
{
    struct scope scope = {.root = document, .root_path = NULL, .steps_left = steps_left};
    return node_matches(&scope, root);
}
