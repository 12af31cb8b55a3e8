/* SPDX-License-Identifier: Apache-2.0 */
/* What a clause compares a document's value with: a text of the query and what else it may
 * mean, worked out once. */
#ifndef QUERY_OPERAND_H
#define QUERY_OPERAND_H

#include "coordinator/query/iso_time.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum operand_number { OPERAND_NO_NUMBER, OPERAND_INTEGER, OPERAND_REAL };

struct operand {
    const char *text; /* borrowed */
    size_t len;
    enum operand_number number;
    json_int_t integer;
    double real; /* of an integer too */
    bool is_time;
    struct iso_time time;
};

/** Does @text reckon with dates ("now-1d", "2026-11-24||/d")? That is not served. */
bool operand_is_date_math(const char *text);

/** @text stays borrowed. */
void operand_init(struct operand *operand, const char *text);

/** Where @value (a scalar) stands: -1 before the operand, 0 at it (or within the day or hour
 * that it is), 1 after. False if the two do not compare, such as a number with a word. */
bool operand_place(const struct operand *operand, const json_t *value, int *ret_place);

/** As operand_place() for "at it". */
bool operand_equals(const struct operand *operand, const json_t *value);

#endif
