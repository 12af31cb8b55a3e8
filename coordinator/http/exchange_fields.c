/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of names and values: the headers of a request, the parameters of its query, the headers
 * of its reply. Copies; wiped when they go. */
#include "coordinator/http/exchange_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void exchange_clear_fields(struct exchange_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        /* Passwords and tokens come in headers; the name stands before its value. */
        size_t name_len = (size_t)(fields->items[i].value - fields->items[i].name);
        explicit_bzero(fields->items[i].name, name_len + strlen(fields->items[i].value));
        free(fields->items[i].name);
    }
    fields->count = 0;
}

int exchange_add_field(struct exchange_fields *fields, const char *name, size_t name_len,
                       const char *value, size_t value_len, struct err *err)
{
    if (fields->count == fields->max) {
        return err_set(err, ERR_TOO_LARGE, "there are more than %zu of them", fields->max);
    }
    char *text = malloc(name_len + value_len + 2);
    if (text == NULL) {
        return err_no_memory(err);
    }
    memcpy(text, name, name_len);
    text[name_len] = '\0';
    char *copied_value = text + name_len + 1;
    memcpy(copied_value, value, value_len);
    copied_value[value_len] = '\0';
    fields->items[fields->count++] =
        (struct exchange_field){.name = text, .value = copied_value};
    return 0;
}

const char *exchange_find_field(const struct exchange_fields *fields, const char *name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (strcasecmp(fields->items[i].name, name) == 0) {
            return fields->items[i].value;
        }
    }
    return NULL;
}
