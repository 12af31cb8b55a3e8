/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ece-agent run`: the daemon around struct agent. Owns the loop, the signals and the options
 * of the moment; SIGTERM and SIGINT stop, SIGHUP reads the configuration again.
 */
#include "agent/commands/commands.h"

#include "agent/agent.h"
#include "version.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIGNAL_COUNT = 3 };

struct daemon {
    int argc;
    char **argv;
    uv_loop_t loop;
    struct log log;
    struct notify notify;
    uv_signal_t signals[SIGNAL_COUNT];
    struct agent_options *options; /* owned; in use by the agent */
    struct agent *agent;           /* owned by itself once started */
    bool is_stopping;
};

static int read_options(int argc, char **argv, struct agent_options **ret, struct err *err)
{
    struct agent_options *options = calloc(1, sizeof *options);
    if (options == NULL) {
        return err_no_memory(err);
    }
    if (agent_options_read(argc, argv, (const char *const *)environ, options, err) < 0) {
        free(options);
        return -1;
    }
    *ret = options;
    return 0;
}

static void free_options(struct agent_options *options)
{
    if (options != NULL) {
        agent_options_fini(options);
        free(options);
    }
}

static void on_agent_closed(void *userdata)
{
    struct daemon *daemon = userdata;
    daemon->agent = NULL;
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        uv_close((uv_handle_t *)&daemon->signals[i], NULL);
    }
    notify_fini(&daemon->notify);
}

static void stop(struct daemon *daemon, int signum)
{
    daemon->is_stopping = true;
    log_info(&daemon->log, "run", "stopping on %s", strsignal(signum));
    notify_stopping(&daemon->notify);
    agent_stop(daemon->agent, on_agent_closed, daemon);
}

/* A configuration with a mistake changes nothing: the agent goes on with the one it has. */
static void reload(struct daemon *daemon)
{
    struct err err = {0};
    struct agent_options *fresh = NULL;
    notify_reloading(&daemon->notify);
    if (read_options(daemon->argc, daemon->argv, &fresh, &err) < 0) {
        log_error(&daemon->log, "run", "the configuration was not reloaded: %s", err.message);
        agent_reload(daemon->agent, NULL);
        notify_ready(&daemon->notify);
        return;
    }
    /* What came by argv or standard input cannot be read again. */
    struct secret kept = daemon->options->token.inline_text;
    daemon->options->token.inline_text = (struct secret){0};
    secret_fini(&fresh->token.inline_text);
    fresh->token.inline_text = kept;
    daemon->log.threshold = fresh->log_level;
    log_info(&daemon->log, "run", "configuration reloaded");
    agent_reload(daemon->agent, fresh);
    free_options(daemon->options);
    daemon->options = fresh;
    notify_ready(&daemon->notify);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct daemon *daemon = handle->data;
    if (daemon->agent == NULL || daemon->is_stopping) {
        return;
    }
    if (signum == SIGHUP) {
        reload(daemon);
    } else {
        stop(daemon, signum);
    }
}

static void watch_signals(struct daemon *daemon)
{
    static const int numbers[SIGNAL_COUNT] = {SIGTERM, SIGINT, SIGHUP};
    (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to sockets that the peer has closed */
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        (void)uv_signal_init(&daemon->loop, &daemon->signals[i]);
        daemon->signals[i].data = daemon;
        (void)uv_signal_start(&daemon->signals[i], on_signal, numbers[i]);
    }
}

static void warn_of_inline_token(struct daemon *daemon)
{
    const char *flag = opts_text(daemon->options->raw, "roles-token");
    if (flag != NULL && commands_is_inline_token(flag)) {
        log_warning(&daemon->log, "run",
                    COMMANDS_INLINE_TOKEN "; prefer --roles-token @FILE or -");
    }
}

static int run(struct daemon *daemon, struct err *err)
{
    struct agent_environment environment = {
        .loop = &daemon->loop,
        .clock = clock_system(),
        .rng = rng_system(),
        .log = &daemon->log,
        .notify = &daemon->notify,
        .system_root = "/",
    };
    if (uv_loop_init(&daemon->loop) < 0) {
        return err_set(err, ERR_INTERNAL, "start: no event loop");
    }
    log_init(&daemon->log, daemon->options->log_level);
    warn_of_inline_token(daemon);
    notify_init(&daemon->notify, &daemon->loop);
    int rc = agent_start(&daemon->agent, &environment, daemon->options, err);
    if (rc == 0) {
        watch_signals(daemon);
        log_info(&daemon->log, "run", "ece-agent %s (%s) started", ECE_VERSION, ECE_COMMIT);
        notify_ready(&daemon->notify);
    } else {
        notify_fini(&daemon->notify);
    }
    (void)uv_run(&daemon->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&daemon->loop) != 0 && rc == 0) {
        rc = err_set(err, ERR_INTERNAL, "stop: handles are left open");
    }
    return rc;
}

static int fail(const struct err *err)
{
    (void)fprintf(stderr, "ece-agent run: %s\n", err->message);
    return err_exit_status(err->code);
}

int command_run(int argc, char **argv)
{
    struct err err = {0};
    struct daemon daemon = {0};
    if (opts_take_flag(&argc, argv, "--help")) {
        (void)printf("Usage: ece-agent run [--check-config] [OPTION...]\n\n"
                     "  --check-config              read flags, environment and file, say "
                     "whether they\n"
                     "                              are valid, and start nothing: exit status "
                     "0 valid,\n"
                     "                              64 a flag is wrong, 78 the rest is\n");
        opts_print_help(stdout, agent_option_specs);
        return 0;
    }
    bool check_only = opts_take_flag(&argc, argv, "--check-config");
    daemon.argc = argc;
    daemon.argv = argv;
    if (read_options(argc, argv, &daemon.options, &err) < 0) {
        return fail(&err);
    }
    if (agent_options_read_standard_input(daemon.options, &err) < 0) {
        free_options(daemon.options);
        return fail(&err);
    }
    int status = 0;
    if (check_only) {
        (void)printf("ece-agent: the configuration is valid\n");
    } else if (run(&daemon, &err) < 0) {
        status = fail(&err);
    }
    free_options(daemon.options);
    return status;
}
