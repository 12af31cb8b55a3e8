/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the options module share: the values, and how one is set. Nobody else
 * includes this. */
#ifndef BASE_OPTS_INTERNAL_H
#define BASE_OPTS_INTERNAL_H

#include "common/base/opts.h"

enum { OPTS_KEY_BYTES = 65, OPTS_ENV_NAME_BYTES = 129 };

struct opts_value {
    char *text;             /* owned; NULL = no value */
    char *origin;           /* owned; NULL = no value */
    enum opt_source source; /* of text */
    uint64_t number;        /* OPT_U64 */
    unsigned
        file_line; /* where the file has it, also when another source won; 0 = it does not */
};

struct opts {
    const struct opt_spec *specs; /* borrowed, static */
    size_t count;
    struct opts_value values[]; /* one for each spec */
};

/** Where a value comes from, as messages and opts_origin() say it. */
struct opts_place {
    enum opt_source source;
    const char *origin; /* borrowed */
};

/** Check @text against the rules of option @index; keep it unless a stronger source has set one
 * already. The message begins with the place. */
int opts_assign(struct opts *opts, size_t index, const struct opts_place *place,
                const char *text, struct err *err) MUST_CHECK;

/** The option's name in the file: '_' for '-'. */
void opts_key(const struct opt_spec *spec, char ret_key[static OPTS_KEY_BYTES]);

/** The option's name in the environment: prefix and key in upper case. */
void opts_env_name(const struct opt_spec *spec, const char *prefix,
                   char ret_name[static OPTS_ENV_NAME_BYTES]);

/** opts_file.c: assign every line of the file at @path. ERR_ABSENT when there is none,
 * ERR_CONFIG for its content. */
int opts_read_file(struct opts *opts, const char *path, struct err *err) MUST_CHECK;

#endif
