/* SPDX-License-Identifier: Apache-2.0 */
/* The meanings of a text, and the comparisons. See operand.h. */
#include "coordinator/query/operand.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* -12, 1.5, 2e10: what JSON calls a number. strtod() alone would take blanks, "inf" and
 * hexadecimal. */
static enum operand_number number_shape(const char *text)
{
    enum operand_number shape = OPERAND_INTEGER;
    const char *at = text + (*text == '-' ? 1 : 0);
    size_t digits = strspn(at, "0123456789");
    bool is_number = digits > 0;
    at += digits;
    if (*at == '.') {
        shape = OPERAND_REAL;
        digits = strspn(++at, "0123456789");
        is_number = is_number && digits > 0;
        at += digits;
    }
    if (*at == 'e' || *at == 'E') {
        shape = OPERAND_REAL;
        at += at[1] == '-' || at[1] == '+' ? 2 : 1;
        digits = strspn(at, "0123456789");
        is_number = is_number && digits > 0;
        at += digits;
    }
    return is_number && *at == '\0' ? shape : OPERAND_NO_NUMBER;
}

bool operand_is_date_math(const char *text)
{
    return (strncmp(text, "now", 3) == 0 && (text[3] == '\0' || strchr("+-/", text[3]))) ||
           strstr(text, "||") != NULL;
}

void operand_init(struct operand *operand, const char *text)
{
    *operand = (struct operand){.text = text, .len = strlen(text)};
    operand->number = number_shape(text);
    if (operand->number == OPERAND_INTEGER) {
        errno = 0;
        operand->integer = strtoll(text, NULL, 10);
        if (errno == ERANGE) {
            operand->number = OPERAND_REAL; /* no document has it; it still compares */
        }
    }
    if (operand->number != OPERAND_NO_NUMBER) {
        operand->real = strtod(text, NULL);
    }
    operand->is_time = iso_time_parse(text, operand->len, &operand->time);
}

static bool place_number(const struct operand *operand, const json_t *value, int *ret_place)
{
    if (operand->number == OPERAND_NO_NUMBER) {
        return false;
    }
    if (operand->number == OPERAND_INTEGER && json_is_integer(value)) {
        json_int_t integer = json_integer_value(value);
        *ret_place = (integer > operand->integer) - (integer < operand->integer);
    } else {
        double real = json_number_value(value);
        *ret_place = (real > operand->real) - (real < operand->real);
    }
    return true;
}

static int place_bytes(const struct operand *operand, const char *text, size_t len)
{
    int order = memcmp(text, operand->text, len < operand->len ? len : operand->len);
    return order != 0 ? (order > 0) - (order < 0) : (len > operand->len) - (len < operand->len);
}

static int place_text(const struct operand *operand, const char *text, size_t len)
{
    struct iso_time time;
    if (!operand->is_time || !iso_time_is_full(text, len) ||
        !iso_time_parse(text, len, &time)) {
        return place_bytes(operand, text, len);
    }
    return (time.first_ms > operand->time.last_ms) - (time.first_ms < operand->time.first_ms);
}

bool operand_place(const struct operand *operand, const json_t *value, int *ret_place)
{
    switch (json_typeof(value)) {
    case JSON_INTEGER:
    case JSON_REAL:
        return place_number(operand, value, ret_place);
    case JSON_STRING:
        *ret_place = place_text(operand, json_string_value(value), json_string_length(value));
        return true;
    case JSON_TRUE:
        *ret_place = place_bytes(operand, "true", strlen("true"));
        return true;
    case JSON_FALSE:
        *ret_place = place_bytes(operand, "false", strlen("false"));
        return true;
    case JSON_NULL:
    case JSON_OBJECT:
    case JSON_ARRAY:
        break;
    }
    return false;
}

bool operand_equals(const struct operand *operand, const json_t *value)
{
    int place = 0;
    return operand_place(operand, value, &place) && place == 0;
}
