/* SPDX-License-Identifier: Apache-2.0 */
/* The service manager's view of us: READY, STATUS, RELOADING, STOPPING and the watchdog fed by
 * the loop. Without systemd (no $NOTIFY_SOCKET) every function does nothing. */
#ifndef LOOP_NOTIFY_H
#define LOOP_NOTIFY_H

#include "common/base/compiler.h"

#include <stdbool.h>
#include <uv.h>

struct notify {
    uv_timer_t watchdog;
    bool has_watchdog;
    char last_status[256];
};

/** Start feeding the watchdog at half of $WATCHDOG_USEC if it is set. The handle is
 * unreferenced: it keeps no loop alive. */
void notify_init(struct notify *notify, uv_loop_t *loop);
void notify_ready(struct notify *notify);
/** STATUS=, sent only when the text changed. */
void notify_status(struct notify *notify, const char *format, ...) PRINTF_LIKE(2, 3);
void notify_reloading(struct notify *notify);
void notify_stopping(struct notify *notify);
/** Stop feeding and close the handle (the loop must turn once more). Safe to call twice. */
void notify_fini(struct notify *notify);

#endif
