/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to the service manager over libsystemd. Failures to send are ignored: there is
 * nobody else to tell, and the watchdog will judge. Everything is one datagram; nothing is kept
 * but the last status, so that the manager hears of changes only.
 */
#include "common/loop/notify.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

static void on_watchdog(uv_timer_t *timer)
{
    (void)timer;
    (void)sd_notify(0, "WATCHDOG=1");
}

/* The message is lines of assignments, in UTF-8, or all of it is dropped. A status may quote a
 * peer: whatever is not printable ASCII becomes '?'. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            *text = '?';
        }
    }
}

void notify_init(struct notify *notify, uv_loop_t *loop)
{
    memset(notify, 0, sizeof(*notify));
    uint64_t limit_us = 0;
    if (getenv("NOTIFY_SOCKET") == NULL || sd_watchdog_enabled(0, &limit_us) <= 0) {
        return;
    }
    uint64_t half_ms = limit_us / 2000 > 0 ? limit_us / 2000 : 1;
    (void)uv_timer_init(loop, &notify->watchdog); /* cannot fail */
    uv_unref((uv_handle_t *)&notify->watchdog);
    notify->has_watchdog = true;
    (void)uv_timer_start(&notify->watchdog, on_watchdog, half_ms, half_ms);
}

void notify_ready(struct notify *notify)
{
    (void)notify;
    (void)sd_notify(0, "READY=1");
}

void notify_status(struct notify *notify, const char *format, ...)
{
    char status[sizeof(notify->last_status)];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(status, sizeof(status), format, args);
    va_end(args);
    make_printable(status);
    if (strcmp(status, notify->last_status) != 0 && sd_notifyf(0, "STATUS=%s", status) >= 0) {
        memcpy(notify->last_status, status, sizeof(status));
    }
}

void notify_reloading(struct notify *notify)
{
    (void)notify;
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* the manager's own clock for this */
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
                     (unsigned long long)now.tv_sec * 1000000ULL +
                         (unsigned long long)now.tv_nsec / 1000ULL);
}

void notify_stopping(struct notify *notify)
{
    (void)notify;
    (void)sd_notify(0, "STOPPING=1");
}

void notify_fini(struct notify *notify)
{
    if (notify->has_watchdog) {
        notify->has_watchdog = false;
        uv_close((uv_handle_t *)&notify->watchdog, NULL);
    }
}
