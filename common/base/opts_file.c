/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file of the options module: lines of "key = value". Every refusal names
 * file and line. */
#include "common/base/buf.h"
#include "common/base/fs.h"
#include "common/base/opts_internal.h"
#include "common/base/parse.h"

#include <stdio.h>
#include <string.h>

enum { FILE_MAX_BYTES = 256 * 1024 };

/* Cuts blanks off both ends, in place. */
static char *trim(char *text)
{
    static const char blanks[] = " \t\r";
    text += strspn(text, blanks);
    size_t len = strlen(text);
    while (len > 0 && strchr(blanks, text[len - 1]) != NULL) {
        len--;
    }
    text[len] = '\0';
    return text;
}

static size_t find_key(const struct opts *opts, const char *key)
{
    size_t index = 0;
    for (; index < opts->count; index++) {
        char known[OPTS_KEY_BYTES];
        opts_key(&opts->specs[index], known);
        if (strcmp(known, key) == 0) {
            break;
        }
    }
    return index;
}

static int take_line(struct opts *opts, char *line, const char *path, unsigned number,
                     struct err *err)
{
    char shown[PARSE_SHOWN_BYTES];
    auto_free char *origin = NULL;
    line = trim(line);
    if (line[0] == '\0' || line[0] == '#') {
        return 0;
    }
    char *equals = strchr(line, '=');
    if (equals == NULL) {
        return err_set(err, ERR_CONFIG, "%s:%u: expected key = value", path, number);
    }
    *equals = '\0';
    const char *key = trim(line);
    size_t index = find_key(opts, key);
    if (index == opts->count) {
        return err_set(err, ERR_CONFIG, "%s:%u: unknown key \"%s\"", path, number,
                       parse_shown(key, shown));
    }
    if ((opts->specs[index].sources & OPT_FILE) == 0) {
        return err_set(err, ERR_CONFIG, "%s:%u: %s cannot be set in a file", path, number, key);
    }
    if (opts->values[index].file_line != 0) {
        return err_set(err, ERR_CONFIG, "%s:%u: %s is set on line %u already", path, number,
                       key, opts->values[index].file_line);
    }
    opts->values[index].file_line = number;
    if (asprintf(&origin, "%s:%u", path, number) < 0) {
        origin = NULL; /* its content is undefined after a failure */
        return err_no_memory(err);
    }
    const struct opts_place place = {OPT_SOURCE_FILE, origin};
    return opts_assign(opts, index, &place, trim(equals + 1), err);
}

int opts_read_file(struct opts *opts, const char *path, struct err *err)
{
    auto_buf content = BUF_INIT(FILE_MAX_BYTES);
    if (strcmp(path, "/dev/null") == 0) {
        return 0; /* the customary way to say "no file"; fs_read takes regular ones only */
    }
    if (fs_read(path, &content, err) < 0) {
        return -1;
    }
    if (!parse_is_utf8(buf_text(&content), content.len)) {
        return err_set(err, ERR_CONFIG, "%s: it is no UTF-8 text", path);
    }
    unsigned number = 0;
    for (char *line = content.bytes; line != NULL;) {
        char *end = strchr(line, '\n');
        if (end != NULL) {
            *end++ = '\0';
        }
        if (take_line(opts, line, path, ++number, err) < 0) {
            return -1;
        }
        line = end;
    }
    return 0;
}
