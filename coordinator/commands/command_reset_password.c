/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ece-coordinator reset-password`: for an operator who has forgotten one, or whose readers of
 * it have changed. The password comes from a file or standard input, or is made here; never
 * from the command line.
 */
#include "coordinator/commands/commands.h"

#include "common/base/fs.h"
#include "coordinator/auth/password.h"
#include "coordinator/commands/password_reset.h"
#include "coordinator/coordinator_options.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { OPTIONS_MAX = 32 };

/* Beside the daemon's, which say where the state is; its other options change nothing. */
static const struct opt_spec own_specs[] = {
    {.name = "user", .arg = "NAME", .sources = OPT_FLAG, .fallback = "admin"},
    {.name = "password", .arg = "@FILE|-", .sources = OPT_FLAG},
};

/* @specs gets the table; it lives as long as the options. */
static int read_options(int argc, char **argv, struct opt_spec specs[static OPTIONS_MAX],
                        struct opts **ret, struct err *err)
{
    memcpy(specs, own_specs, sizeof own_specs);
    size_t count = ARRAY_LEN(own_specs);
    for (const struct opt_spec *spec = coordinator_option_specs; spec->name != NULL; spec++) {
        assert(count < OPTIONS_MAX - 1);
        specs[count++] = *spec;
    }
    const struct opts_input input = {
        .specs = specs,
        .env_prefix = COORDINATOR_ENV_PREFIX,
        .file_flag = "config",
        .argc = argc,
        .argv = argv,
        .envp = (const char *const *)environ,
    };
    return opts_read(ret, &input, err);
}

/* @ret has room for the longest password and what shows that it is longer. */
static int read_password(const char *from, struct buf *ret, struct err *err)
{
    if (from[0] != '@' && strcmp(from, "-") != 0) {
        return err_set(err, ERR_USAGE,
                       "--password takes @FILE, or - for standard input: on the command line "
                       "every user of this host could see the password");
    }
    if (fs_read(from[0] == '@' ? from + 1 : from, ret, err) < 0) {
        return err_wrap(err, "read the new password");
    }
    if (ret->len > 0 && ret->bytes[ret->len - 1] == '\n') {
        ret->bytes[--ret->len] = '\0';
    }
    return password_reset_check(buf_text(ret), ret->len, err);
}

static int make_password(struct buf *ret, struct err *err)
{
    char made[PASSWORD_MADE_BYTES];
    password_make(rng_system(), made);
    int rc = buf_append(ret, made, strlen(made), err);
    explicit_bzero(made, sizeof made);
    return rc;
}

static int reset(const char *state_dir, struct password_reset *reset, struct err *err)
{
    struct offline_store offline = {0};
    struct log log;
    log_init(&log, LOG_LEVEL_WARNING);
    if (offline_store_open(&offline, state_dir, err) < 0) {
        return -1;
    }
    const struct audit_options audit = {
        .store = offline.store, .clock = clock_system(), .log = &log};
    int rc = audit_open(&reset->audit, &audit, err);
    if (rc == 0) {
        rc = password_reset(&offline, reset, err);
    }
    offline_store_close(&offline);
    audit_free(reset->audit);
    return rc;
}

static int run(const struct opts *opts, struct err *err)
{
    auto_buf password = BUF_INIT(PASSWORD_MAX + 2);
    const char *from = opts_text(opts, "password");
    char actor[32];
    (void)snprintf(actor, sizeof actor, "uid %u", (unsigned)getuid());
    struct password_reset spec = {
        .user = opts_text(opts, "user"), .actor = actor, .rng = rng_system()};
    int rc = from != NULL ? read_password(from, &password, err) : make_password(&password, err);
    if (rc == 0) {
        spec.password = buf_text(&password);
        rc = reset(opts_text(opts, "state-dir"), &spec, err);
    }
    if (rc == 0) {
        (void)fprintf(stderr, "ece-coordinator reset-password: user %s has a new password\n",
                      spec.user);
    }
    if (rc == 0 && from == NULL && (printf("%s\n", spec.password) < 0 || fflush(stdout) != 0)) {
        rc = err_set(err, ERR_IO, "print it: standard output is closed or full: run it again");
    }
    buf_wipe(&password);
    return rc;
}

static void print_help(void)
{
    (void)printf(
        "Usage: ece-coordinator reset-password [--user NAME] [--password @FILE|-]\n"
        "                                      [--state-dir DIR] [--config FILE]\n\n"
        "Gives a user of the platform a new password. The coordinator must be stopped. Run it\n"
        "as root or as the owner of the state directory. Exit status: 0 done, 64 wrong "
        "command\n"
        "line, 65 no good password, 66 no such user or no installation, 75 the coordinator is\n"
        "running; otherwise nothing was changed.\n\n"
        "  --user NAME                 admin (the default) or readonly\n"
        "  --password @FILE|-          take it from a file or standard input, without the\n"
        "                              newline at its end: %d to %d bytes; without this flag\n"
        "                              one is made and printed\n"
        "  --state-dir DIR             where the installation is\n"
        "  --config FILE               where state_dir may stand, too\n\n"
        "The other options of `ece-coordinator run` are accepted and change nothing.\n",
        PASSWORD_RESET_MIN, PASSWORD_MAX);
}

int command_reset_password(int argc, char **argv)
{
    struct err err = {0};
    struct opts *opts = NULL;
    struct opt_spec specs[OPTIONS_MAX] = {0};
    if (opts_take_flag(&argc, argv, "--help")) {
        print_help();
        return 0;
    }
    int rc = read_options(argc, argv, specs, &opts, &err);
    if (rc == 0) {
        rc = run(opts, &err);
        opts_free(opts);
    }
    if (rc < 0) {
        (void)fprintf(stderr, "ece-coordinator reset-password: %s\n", err.message);
        return err_exit_status(err.code);
    }
    return 0;
}
