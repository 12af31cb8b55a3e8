/* SPDX-License-Identifier: Apache-2.0 */
/* The table of options as text: for --help, and as the items of an mdoc(7) list for the man
 * page. */
#include "common/base/opts_internal.h"

#include <string.h>

enum {
    HELP_WIDTH = 80,
    HELP_INDENT = 30, /* where the explanations begin */
    MDOC_WIDTH = 78,  /* mandoc -Tlint wants lines of 80 bytes at most */
};

/* Where the cursor is while words are laid out. */
struct layout {
    FILE *out;
    size_t column;
    size_t indent; /* of every line */
    size_t width;
    bool is_roff;
};

static void print_word(struct layout *at, const char *word, size_t len)
{
    size_t blank = at->column > at->indent ? 1 : 0;
    if (blank == 1 && at->column + blank + len > at->width) {
        (void)fputc('\n', at->out);
        at->column = 0;
        blank = 0;
    }
    if (at->column + blank < at->indent) {
        blank = at->indent - at->column;
    }
    (void)fprintf(at->out, "%*s", (int)blank, "");
    at->column += blank;
    if (at->is_roff && at->column == 0 && (word[0] == '.' || word[0] == '\'')) {
        (void)fputs("\\&", at->out); /* or it would be a request */
    }
    for (size_t i = 0; i < len; i++) {
        if (at->is_roff && word[i] == '\\') {
            (void)fputs("\\e", at->out);
        } else {
            (void)fputc(word[i], at->out);
        }
    }
    at->column += len;
}

static void print_words(struct layout *at, const char *text)
{
    for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
        size_t len = strcspn(text, " ");
        print_word(at, text, len);
        text += len;
    }
}

/* "1 to 100" of a number; "" when there is nothing to say. */
static void describe_range(const struct opt_spec *spec, char *ret, size_t size)
{
    ret[0] = '\0';
    if (spec->kind != OPT_U64) {
        return;
    }
    if (spec->max != UINT64_MAX) {
        (void)snprintf(ret, size, "%llu to %llu", (unsigned long long)spec->min,
                       (unsigned long long)spec->max);
    } else if (spec->min > 0) {
        (void)snprintf(ret, size, "at least %llu", (unsigned long long)spec->min);
    }
}

static bool has_default(const struct opt_spec *spec)
{
    return spec->fallback != NULL && spec->fallback[0] != '\0' && spec->kind != OPT_SWITCH;
}

/* "(1 to 100, default 5)"; "" when there is nothing to say. */
static void describe(const struct opt_spec *spec, char *ret, size_t size)
{
    char range[64];
    describe_range(spec, range, sizeof range);
    ret[0] = '\0';
    if (range[0] != '\0' || has_default(spec)) {
        (void)snprintf(
            ret, size, "(%s%s%s%s)", range, range[0] != '\0' && has_default(spec) ? ", " : "",
            has_default(spec) ? "default " : "", has_default(spec) ? spec->fallback : "");
    }
}

/* What the value is called. */
static const char *argument(const struct opt_spec *spec)
{
    return spec->kind == OPT_SWITCH ? "true|false" : spec->arg;
}

static void print_help_item(FILE *out, const struct opt_spec *spec)
{
    char key[OPTS_KEY_BYTES];
    char note[256];
    bool is_flag = (spec->sources & OPT_FLAG) != 0;
    int heading = 0;
    opts_key(spec, key);
    if (is_flag && spec->kind == OPT_SWITCH) {
        heading = fprintf(out, "  --%s", spec->name);
    } else if (is_flag) {
        heading = fprintf(out, "  --%s %s", spec->name, argument(spec));
    } else {
        heading = fprintf(out, "  %s = %s", key, argument(spec));
    }
    if (heading > HELP_INDENT - 2) {
        (void)fputc('\n', out);
        heading = 0;
    }
    struct layout at = {out, heading > 0 ? (size_t)heading : 0, HELP_INDENT, HELP_WIDTH, false};
    print_words(&at, spec->help);
    describe(spec, note, sizeof note);
    print_words(&at, note);
    (void)fputc('\n', out);
}

void opts_print_help(FILE *out, const struct opt_spec *specs)
{
    for (const struct opt_spec *spec = specs; spec->name != NULL; spec++) {
        print_help_item(out, spec);
    }
}

/* An argument of a macro: quoted, and never taken for a macro or a delimiter itself. */
static void print_mdoc_argument(FILE *out, const char *text)
{
    (void)fputs("\"\\&", out);
    for (; *text != '\0'; text++) {
        if (*text == '\\') {
            (void)fputs("\\e", out);
        } else if (*text == '"') {
            (void)fputs("\\(dq", out);
        } else {
            (void)fputc(*text, out);
        }
    }
    (void)fputc('"', out);
}

/* One thing to know of an option: "environment ECE_AGENT_CAPACITY". */
struct fact {
    const char *intro;
    const char *macro;
    const char *value;
};

static void print_mdoc_facts(FILE *out, const struct fact *facts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(out, "%s\n.%s ", facts[i].intro, facts[i].macro);
        print_mdoc_argument(out, facts[i].value);
        (void)fputs(i + 1 < count ? " ;\n" : " .\n", out);
    }
}

/* A sentence: the first letter in upper case, a full stop. */
static void print_mdoc_sentence(FILE *out, const char *text)
{
    char sentence[512];
    struct layout at = {out, 0, 0, MDOC_WIDTH, true};
    (void)snprintf(sentence, sizeof sentence, "%s.", text);
    if (sentence[0] >= 'a' && sentence[0] <= 'z') {
        sentence[0] = (char)(sentence[0] - 'a' + 'A');
    }
    print_words(&at, sentence);
    (void)fputc('\n', out);
}

static void print_mdoc_item(FILE *out, const struct opt_spec *spec, const char *env_prefix)
{
    char key[OPTS_KEY_BYTES];
    char env_name[OPTS_ENV_NAME_BYTES];
    char range[64];
    struct fact facts[4];
    size_t count = 0;
    bool is_flag = (spec->sources & OPT_FLAG) != 0;
    opts_key(spec, key);
    opts_env_name(spec, env_prefix, env_name);
    describe_range(spec, range, sizeof range);
    (void)fprintf(out, is_flag ? ".It Fl Fl %s" : ".It Cm %s", is_flag ? spec->name : key);
    if (spec->kind != OPT_SWITCH) {
        (void)fputs(" Ar ", out);
        print_mdoc_argument(out, spec->arg);
    }
    (void)fputc('\n', out);
    print_mdoc_sentence(out, spec->help);
    if ((spec->sources & OPT_FILE) != 0) {
        facts[count++] = (struct fact){"Key", "Ql", key};
    }
    if ((spec->sources & OPT_ENV) != 0) {
        facts[count++] = (struct fact){"Environment", "Ev", env_name};
    }
    if (range[0] != '\0') {
        facts[count++] = (struct fact){"Range", "Ql", range};
    }
    if (has_default(spec)) {
        facts[count++] = (struct fact){"Default", "Ql", spec->fallback};
    }
    print_mdoc_facts(out, facts, count);
}

void opts_print_mdoc(FILE *out, const struct opt_spec *specs, const char *env_prefix)
{
    for (const struct opt_spec *spec = specs; spec->name != NULL; spec++) {
        print_mdoc_item(out, spec, env_prefix);
    }
}
