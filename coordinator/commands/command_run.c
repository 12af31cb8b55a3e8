/* SPDX-License-Identifier: Apache-2.0 */
/* `ece-coordinator run`: the daemon around struct coordinator. Owns the loop, the signals and
 * the exit status. */
#include "coordinator/commands/commands.h"

#include "common/base/message_ids.h"
#include "common/loop/notify.h"
#include "coordinator/coordinator.h"
#include "version.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SIGNAL_COUNT = 3 };

struct daemon {
    uv_loop_t loop;
    struct log log;
    struct notify notify;
    uv_signal_t signals[SIGNAL_COUNT];
    struct coordinator_options options;
    struct coordinator *coordinator; /* owned by itself once started */
    struct err failure;
    bool has_failed;
};

static void on_closed(void *userdata)
{
    struct daemon *daemon = userdata;
    daemon->coordinator = NULL;
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        uv_close((uv_handle_t *)&daemon->signals[i], NULL);
    }
    notify_fini(&daemon->notify);
}

static void on_ready(const struct err *error, void *userdata)
{
    struct daemon *daemon = userdata;
    char where[ENDPOINT_TEXT_BYTES];
    if (error != NULL) {
        daemon->failure = *error;
        daemon->has_failed = true;
        coordinator_stop(daemon->coordinator, on_closed, daemon);
        return;
    }
    endpoint_format(&daemon->options.listen, where);
    log_event(&daemon->log, LOG_LEVEL_INFO, "coordinator", MESSAGE_COORDINATOR_STARTED,
              "ece-coordinator %s (%s) serves https://%s", ECE_VERSION, ECE_COMMIT, where);
    notify_status(&daemon->notify, "serving https://%s", where);
    notify_ready(&daemon->notify);
}

static void reload(struct daemon *daemon)
{
    struct err err = {0};
    notify_reloading(&daemon->notify);
    if (coordinator_reload(daemon->coordinator, &err) < 0) {
        log_error(&daemon->log, "coordinator", "not reloaded, the certificate in use stays: %s",
                  err.message);
    } else {
        log_info(&daemon->log, "coordinator", "certificate reloaded");
    }
    notify_ready(&daemon->notify);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct daemon *daemon = handle->data;
    if (daemon->coordinator == NULL) {
        return;
    }
    if (signum == SIGHUP) {
        reload(daemon);
        return;
    }
    log_info(&daemon->log, "coordinator", "stopping on %s", strsignal(signum));
    notify_stopping(&daemon->notify);
    coordinator_stop(daemon->coordinator, on_closed, daemon);
}

static void watch_signals(struct daemon *daemon)
{
    static const int numbers[SIGNAL_COUNT] = {SIGTERM, SIGINT, SIGHUP};
    (void)signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        (void)uv_signal_init(&daemon->loop, &daemon->signals[i]);
        daemon->signals[i].data = daemon;
        (void)uv_signal_start(&daemon->signals[i], on_signal, numbers[i]);
    }
}

/* One descriptor for each host: take what the system permits. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* as many as we have, otherwise */
    }
}

static int run(struct daemon *daemon)
{
    struct coordinator_environment environment = {.loop = &daemon->loop,
                                                  .clock = clock_system(),
                                                  .rng = rng_system(),
                                                  .log = &daemon->log};
    if (uv_loop_init(&daemon->loop) < 0) {
        return err_set(&daemon->failure, ERR_INTERNAL, "start: no event loop");
    }
    raise_descriptor_limit();
    log_init(&daemon->log, daemon->options.log_level);
    notify_init(&daemon->notify, &daemon->loop);
    if (coordinator_start(&daemon->coordinator, &environment, &daemon->options, on_ready,
                          daemon, &daemon->failure) < 0) {
        daemon->has_failed = true;
        notify_fini(&daemon->notify);
    } else {
        watch_signals(daemon);
    }
    (void)uv_run(&daemon->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&daemon->loop) != 0 && !daemon->has_failed) {
        return err_set(&daemon->failure, ERR_INTERNAL, "stop: handles are left open");
    }
    return daemon->has_failed ? -1 : 0;
}

static int fail(const struct err *err)
{
    (void)fprintf(stderr, "ece-coordinator run: %s\n", err->message);
    return err_exit_status(err->code);
}

int command_run(int argc, char **argv)
{
    struct daemon daemon = {0};
    if (opts_take_flag(&argc, argv, "--help")) {
        (void)printf(
            "Usage: ece-coordinator run [--check-config] [OPTION...]\n\n"
            "  --check-config              read flags, environment and file, say whether they\n"
            "                              are valid, and start nothing: exit status 0 valid,\n"
            "                              64 a flag is wrong, 78 the rest is\n");
        opts_print_help(stdout, coordinator_option_specs);
        return 0;
    }
    bool check_only = opts_take_flag(&argc, argv, "--check-config");
    if (coordinator_options_read(argc, argv, (const char *const *)environ, &daemon.options,
                                 &daemon.failure) < 0) {
        return fail(&daemon.failure);
    }
    int status = 0;
    if (check_only) {
        (void)printf("ece-coordinator: the configuration is valid\n");
    } else if (run(&daemon) < 0) {
        status = fail(&daemon.failure);
    }
    coordinator_options_fini(&daemon.options);
    return status;
}
