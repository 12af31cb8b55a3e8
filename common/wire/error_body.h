/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a refusal. docs/protocol.md, TP-3. */
#ifndef WIRE_ERROR_BODY_H
#define WIRE_ERROR_BODY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* {"errors":[{"code","message","fields"}]}, of every refusal on both the agent's and the
 * platform's routes. */
enum {
    WIRE_ERROR_CODE_BYTES = 97,
    WIRE_ERROR_MESSAGE_BYTES = 385,
};

struct wire_error {
    char code[WIRE_ERROR_CODE_BYTES];
    char message[WIRE_ERROR_MESSAGE_BYTES]; /* cut, control characters replaced */
};

json_t *wire_error_to_json(const char *code, const char *message,
                           const char *field /* may be NULL */);
/** Tolerant: a body that is no such JSON gives false. */
bool wire_error_read(const char *body, size_t len, struct wire_error *ret);

#endif
