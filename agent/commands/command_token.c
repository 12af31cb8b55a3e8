/* SPDX-License-Identifier: Apache-2.0 */
/* `ece-agent token inspect`: what a roles token says of itself. Never prints the token or its
 * signature. */
#include "agent/commands/commands.h"

#include "agent/join/roles_token.h"
#include "agent/options.h"
#include "common/base/clock.h"
#include "common/base/fs.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static void print_help(FILE *out)
{
    (void)fprintf(
        out, "Usage: ece-agent token inspect @FILE|-|TOKEN\n\n"
             "Says which roles a roles token permits, until when and for which installation.\n"
             "The host cannot verify the token: only the coordinator can. Give a file or, by\n"
             "-, standard input: the token itself on a command line is seen by other users.\n"
             "\n"
             "Exit status: 0 usable, 64 wrong command line, 65 malformed, 66 no such file,\n"
             "74 cannot be read, 77 expired, or reading it is not permitted.\n");
}

static int read_text(char *word, struct buf *ret, struct err *err)
{
    if (commands_is_inline_token(word)) {
        commands_warn_of_inline_token("token inspect", "@FILE or -");
        size_t len = strlen(word);
        int rc = buf_append(ret, word, len, err);
        explicit_bzero(word, len); /* it stood in the process list long enough */
        return rc;
    }
    return fs_read(word[0] == '@' ? word + 1 : word, ret, err);
}

static void print_expiry(const struct roles_token_hints *hints, int64_t now_s)
{
    char when[25];
    if (!hints->has_expiry) {
        (void)printf("valid until:   revoked on the coordinator\n");
        return;
    }
    clock_format_utc(hints->expires_at_s * 1000, when);
    int64_t left_s = hints->expires_at_s - now_s;
    if (left_s > 0) {
        (void)printf("valid until:   %s (%lld min left by this host's clock)\n", when,
                     (long long)(left_s / 60));
    } else {
        (void)printf("valid until:   %s (EXPIRED by this host's clock)\n", when);
    }
}

static void print_hints(const struct roles_token_hints *hints, int64_t now_s)
{
    char roles[ROLES_TEXT_BYTES];
    roles_format(hints->roles, roles);
    (void)printf("token id:      %s\n", hints->id);
    (void)printf("permits roles: %s\n",
                 roles[0] != '\0' ? roles : "none (the host joins; roles are assigned later)");
    (void)printf("kind:          %s\n", hints->is_persistent ? "persistent" : "ephemeral");
    print_expiry(hints, now_s);
    (void)printf("issuer:        %s\n", hints->issuer);
    (void)printf("installation:  %s%s\n",
                 hints->ca_sha256[0] != '\0' ? "the one whose CA certificate has SHA-256 "
                                             : "not said",
                 hints->ca_sha256[0] != '\0' ? hints->ca_sha256
                                             : " (joining needs --coordinator-ca FILE)");
    (void)printf("The signature was not checked: only the coordinator can.\n");
}

static int inspect(char *word)
{
    struct err err = {0};
    struct roles_token token = {0};
    auto_buf text = BUF_INIT(AGENT_TOKEN_INLINE_MAX);
    int rc = read_text(word, &text, &err);
    if (rc == 0) {
        size_t len = text.len;
        while (len > 0 && (text.bytes[len - 1] == '\n' || text.bytes[len - 1] == '\r')) {
            len--;
        }
        rc = roles_token_parse(buf_text(&text), len, &token, &err);
    }
    buf_wipe(&text);
    if (rc < 0) {
        (void)fprintf(stderr, "ece-agent token inspect: %s\n", err.message);
        return err_exit_status(err.code);
    }
    int64_t now_s = clock_wall_s(clock_system());
    print_hints(&token.hints, now_s);
    bool is_expired = token.hints.has_expiry && token.hints.expires_at_s <= now_s;
    roles_token_fini(&token);
    return is_expired ? EX_NOPERM : 0;
}

int command_token(int argc, char **argv)
{
    if (opts_take_flag(&argc, argv, "--help")) {
        print_help(stdout);
        return 0;
    }
    if (argc != 3 || strcmp(argv[1], "inspect") != 0) {
        print_help(stderr);
        return EX_USAGE;
    }
    return inspect(argv[2]);
}
