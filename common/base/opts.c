/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values of a program's options: reads flags and environment, ranks the sources, checks
 * every value (also one that a stronger source overrides, so that a mistake is found when it is
 * made). opts_file.c reads the file; opts_print.c makes the help. An environment variable that
 * is set but empty counts as not set.
 */
#include "common/base/opts.h"

#include "common/base/opts_internal.h"
#include "common/base/parse.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { OPTS_ORIGIN_BYTES = OPTS_ENV_NAME_BYTES + 16 };

void opts_key(const struct opt_spec *spec, char ret_key[static OPTS_KEY_BYTES])
{
    size_t len = 0;
    for (; spec->name[len] != '\0'; len++) {
        assert(len < OPTS_KEY_BYTES - 1);
        ret_key[len] = spec->name[len] == '-' ? '_' : spec->name[len];
    }
    ret_key[len] = '\0';
}

static int check_switch(const char *text, struct err *err)
{
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
        char shown[PARSE_SHOWN_BYTES];
        return err_set(err, ERR_INVALID, "\"%s\" is neither true nor false",
                       parse_shown(text, shown));
    }
    return 0;
}

static int check_value(const struct opt_spec *spec, const char *text, uint64_t *ret_number,
                       struct err *err)
{
    switch (spec->kind) {
    case OPT_TEXT:
        return spec->check != NULL ? spec->check(text, err) : 0;
    case OPT_U64:
        return parse_u64(text, spec->min, spec->max, ret_number, err);
    case OPT_SWITCH:
        return check_switch(text, err);
    }
    return err_set(err, ERR_INTERNAL, "option %s has no kind", spec->name);
}

/* "flag --x: " or "/etc/x.conf:3: x: " before the reason, and the code that the source has. */
static int refuse_value(const struct opt_spec *spec, const struct opts_place *place,
                        struct err *err)
{
    char key[OPTS_KEY_BYTES];
    if (err->code != ERR_NO_MEMORY) {
        err->code = place->source == OPT_SOURCE_FLAG ? ERR_USAGE : ERR_CONFIG;
    }
    if (place->source == OPT_SOURCE_FILE || place->source == OPT_SOURCE_DEFAULT) {
        opts_key(spec, key);
        (void)err_wrap(err, "%s", key);
    }
    return err_wrap(err, "%s", place->origin);
}

int opts_assign(struct opts *opts, size_t index, const struct opts_place *place,
                const char *text, struct err *err)
{
    struct opts_value *value = &opts->values[index];
    uint64_t number = 0;
    if (check_value(&opts->specs[index], text, &number, err) < 0) {
        return refuse_value(&opts->specs[index], place, err);
    }
    if (place->source < value->source) {
        return 0;
    }
    auto_free char *copy = strdup(text);
    auto_free char *origin = strdup(place->origin);
    if (copy == NULL || origin == NULL) {
        return err_no_memory(err);
    }
    free(value->text);
    free(value->origin);
    value->text = TAKE(copy);
    value->origin = TAKE(origin);
    value->source = place->source;
    value->number = number;
    return 0;
}

/* The index of the option with a name of @len bytes; opts->count when there is none. */
static size_t find(const struct opts *opts, const char *name, size_t len)
{
    size_t index = 0;
    while (index < opts->count && (strncmp(opts->specs[index].name, name, len) != 0 ||
                                   opts->specs[index].name[len] != '\0')) {
        index++;
    }
    return index;
}

/* Takes one flag, and @next as its value if it needs one. Returns how many words that were, or
 * -1. */
static int take_flag(struct opts *opts, const char *word, const char *next, struct err *err)
{
    char shown[PARSE_SHOWN_BYTES];
    char origin[OPTS_ORIGIN_BYTES];
    const struct opts_place place = {OPT_SOURCE_FLAG, origin};
    if (strncmp(word, "--", 2) != 0 || word[2] == '\0') {
        return err_set(err, ERR_USAGE, "\"%s\" is not a flag (see --help)",
                       parse_shown(word, shown));
    }
    const char *name = word + 2;
    size_t len = strcspn(name, "=");
    const char *inline_value = name[len] == '=' ? name + len + 1 : NULL;
    size_t index = find(opts, name, len);
    if (index == opts->count || (opts->specs[index].sources & OPT_FLAG) == 0) {
        return err_set(err, ERR_USAGE, "unknown flag \"%.*s\" (see --help)", (int)len + 2,
                       parse_shown(word, shown));
    }
    (void)snprintf(origin, sizeof origin, "flag --%s", opts->specs[index].name);
    if (opts->specs[index].kind == OPT_SWITCH) {
        if (inline_value != NULL) {
            return err_set(err, ERR_USAGE, "%s: it takes no value", origin);
        }
        return opts_assign(opts, index, &place, "true", err) < 0 ? -1 : 1;
    }
    if (inline_value != NULL) {
        return opts_assign(opts, index, &place, inline_value, err) < 0 ? -1 : 1;
    }
    if (next == NULL) {
        return err_set(err, ERR_USAGE, "%s: the value is missing", origin);
    }
    if (next[0] == '-' && next[1] != '\0') {
        return err_set(err, ERR_USAGE,
                       "%s: the value is missing (write --%s=VALUE for one that begins with -)",
                       origin, opts->specs[index].name);
    }
    return opts_assign(opts, index, &place, next, err) < 0 ? -1 : 2;
}

static int read_flags(struct opts *opts, int argc, char **argv, struct err *err)
{
    int at = 1;
    while (at < argc) {
        int taken = take_flag(opts, argv[at], at + 1 < argc ? argv[at + 1] : NULL, err);
        if (taken < 0) {
            return -1;
        }
        at += taken;
    }
    return 0;
}

static const char *find_env(const char *const *envp, const char *name)
{
    size_t len = strlen(name);
    for (; envp != NULL && *envp != NULL; envp++) {
        if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=') {
            return *envp + len + 1;
        }
    }
    return NULL;
}

void opts_env_name(const struct opt_spec *spec, const char *prefix,
                   char ret_name[static OPTS_ENV_NAME_BYTES])
{
    char key[OPTS_KEY_BYTES];
    opts_key(spec, key);
    for (char *at = key; *at != '\0'; at++) {
        *at = (char)((*at >= 'a' && *at <= 'z') ? *at - 'a' + 'A' : *at);
    }
    (void)snprintf(ret_name, OPTS_ENV_NAME_BYTES, "%s%s", prefix, key);
}

static int read_environment(struct opts *opts, const struct opts_input *input, struct err *err)
{
    for (size_t i = 0; i < opts->count; i++) {
        char name[OPTS_ENV_NAME_BYTES];
        char origin[OPTS_ORIGIN_BYTES];
        const struct opts_place place = {OPT_SOURCE_ENV, origin};
        if ((opts->specs[i].sources & OPT_ENV) == 0) {
            continue;
        }
        opts_env_name(&opts->specs[i], input->env_prefix, name);
        const char *text = find_env(input->envp, name);
        (void)snprintf(origin, sizeof origin, "environment %s", name);
        if (text != NULL && text[0] != '\0' && opts_assign(opts, i, &place, text, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int use_defaults(struct opts *opts, struct err *err)
{
    const struct opts_place place = {OPT_SOURCE_DEFAULT, "default"};
    for (size_t i = 0; i < opts->count; i++) {
        const char *text = opts->specs[i].fallback;
        if (text != NULL && opts_assign(opts, i, &place, text, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* A file that only the default names may be absent: the program then runs on flags and
 * environment alone. */
static int read_file(struct opts *opts, const char *file_flag, struct err *err)
{
    const char *path = opts_text(opts, file_flag);
    if (path == NULL || opts_read_file(opts, path, err) == 0) {
        return 0;
    }
    if (err->code == ERR_ABSENT && opts_source(opts, file_flag) == OPT_SOURCE_DEFAULT) {
        return 0;
    }
    return err_wrap(err, "configuration file (%s)", opts_origin(opts, file_flag));
}

int opts_read(struct opts **ret, const struct opts_input *input, struct err *err)
{
    size_t count = 0;
    while (input->specs[count].name != NULL) {
        count++;
    }
    struct opts *opts = calloc(1, sizeof *opts + count * sizeof opts->values[0]);
    if (opts == NULL) {
        return err_no_memory(err);
    }
    opts->specs = input->specs;
    opts->count = count;
    if (use_defaults(opts, err) < 0 || read_flags(opts, input->argc, input->argv, err) < 0 ||
        read_environment(opts, input, err) < 0 ||
        (input->file_flag != NULL && read_file(opts, input->file_flag, err) < 0)) {
        opts_free(opts);
        return -1;
    }
    *ret = opts;
    return 0;
}

void opts_free(struct opts *opts)
{
    for (size_t i = 0; opts != NULL && i < opts->count; i++) {
        free(opts->values[i].text);
        free(opts->values[i].origin);
    }
    free(opts);
}

static const struct opts_value *value_of(const struct opts *opts, const char *name)
{
    size_t index = find(opts, name, strlen(name));
    assert(index < opts->count);
    return &opts->values[index];
}

const char *opts_text(const struct opts *opts, const char *name)
{
    return value_of(opts, name)->text;
}

uint64_t opts_u64(const struct opts *opts, const char *name)
{
    return value_of(opts, name)->number;
}

enum opt_source opts_source(const struct opts *opts, const char *name)
{
    return value_of(opts, name)->source;
}

const char *opts_origin(const struct opts *opts, const char *name)
{
    const char *origin = value_of(opts, name)->origin;
    return origin != NULL ? origin : "not set";
}

bool opts_take_flag(int *argc, char **argv, const char *flag)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], flag) == 0) {
            memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof *argv);
            (*argc)--;
            return true;
        }
    }
    return false;
}
