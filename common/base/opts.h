/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table of options for a program: it parses flags, environment and file (in that
 * precedence, then the default), and makes --help and the table of the man page. Unknown keys,
 * bad values and repeated keys in a file are refused with file, line and reason. A repeated
 * flag: the last one wins.
 *
 * The file (/dev/null = none): "key = value" lines, key = the flag's name with '_' for '-'; '#'
 * starts a comment line; blanks around key and value are dropped; a flag without a value takes
 * true or false.
 */
#ifndef BASE_OPTS_H
#define BASE_OPTS_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum opt_kind {
    OPT_TEXT,   /* any text, or what `check` permits */
    OPT_U64,    /* decimal within [min, max] */
    OPT_SWITCH, /* no value as a flag; true/false in file and environment */
};

enum opt_sources {
    OPT_FLAG = 1,
    OPT_ENV = 2,
    OPT_FILE = 4,
    OPT_ANYWHERE = 7,
};

enum opt_source {
    OPT_SOURCE_NONE,
    OPT_SOURCE_DEFAULT,
    OPT_SOURCE_FILE,
    OPT_SOURCE_ENV,
    OPT_SOURCE_FLAG
};

typedef int opt_check_fn(const char *value, struct err *err);

struct opt_spec {
    const char *name; /* "coordinator-host"; {NULL} ends the table */
    const char *arg;  /* what help calls the value: "HOST[:PORT],..."; NULL for OPT_SWITCH */
    enum opt_kind kind;
    enum opt_sources sources;
    const char *fallback; /* default as text; NULL = none */
    uint64_t min, max;    /* OPT_U64 */
    opt_check_fn *check;  /* OPT_TEXT; may be NULL */
    const char *help;     /* one sentence, lower case, no full stop */
};

struct opts; /* the values; one malloc'd object */

/** Remove @flag from argv if it is there: for what stands beside the table (--help, --json). */
bool opts_take_flag(int *argc, char **argv, const char *flag);

struct opts_input {
    const struct opt_spec *specs; /* static */
    const char *env_prefix;       /* "ECE_AGENT_": then the key in upper case */
    const char *file_flag; /* name of the option that names the file ("config"), or NULL */
    int argc;
    char **argv;             /* argv[0] is skipped; not permuted, not kept */
    const char *const *envp; /* "NAME=value" ..., NULL at the end */
};

/**
 * Read all sources. Words that are no flags are an error, as is a value missing. "--flag value"
 * and "--flag=value" both work; a value may start with '-' only in the second form, except "-"
 * alone. The file named by a *default* of file_flag may be absent; one named by a flag or the
 * environment may not.
 * @ret returns owned; opts_free(). ERR_USAGE for flags, ERR_CONFIG for environment and file.
 */
int opts_read(struct opts **ret, const struct opts_input *input, struct err *err) MUST_CHECK;
void opts_free(struct opts *opts);

/** NULL when it has no value at all. Borrowed. An unknown name is a bug (assert). */
const char *opts_text(const struct opts *opts, const char *name);
uint64_t opts_u64(const struct opts *opts, const char *name); /* 0 when it has no value */
enum opt_source opts_source(const struct opts *opts, const char *name);
/** "flag --capacity", "environment ECE_AGENT_CAPACITY", "/etc/ece/agent.conf:12", "default":
 * for messages. Borrowed. */
const char *opts_origin(const struct opts *opts, const char *name);

/** The table as people read it, wrapped at 80 columns. */
void opts_print_help(FILE *out, const struct opt_spec *specs);
/** The table as mdoc(7) list items with flag, key, environment name, default and range. */
void opts_print_mdoc(FILE *out, const struct opt_spec *specs, const char *env_prefix);

#endif
