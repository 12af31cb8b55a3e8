/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line for each thing that people should know: to the journal with fields when stderr is
 * the journal
 * ($JOURNAL_STREAM matches it), otherwise readable lines on a file descriptor.
 *
 * Levels by meaning: error = an operator must act; warning = degraded, heals by itself; notice
 * = a state changed; info = life of the process; debug = each event. Never log tokens, keys or
 * bodies.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "common/base/compiler.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* The numbers are syslog's, as the journal wants them. */
enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_NOTICE = 5,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7,
};

enum {
    LOG_FIELDS_MAX = 4,
    LOG_FIELD_BYTES = 192,
};

struct log {
    enum log_level threshold;
    int fd;          /* borrowed; -1 = be silent */
    bool is_journal; /* send fields with sd_journal_sendv instead of lines to fd */
    size_t n_fields;
    char fields[LOG_FIELDS_MAX]
               [LOG_FIELD_BYTES]; /* "ECE_RUNNER_ID=..." sent with every record */
};

/** Log to stderr, or to the journal when stderr is connected to it. */
void log_init(struct log *log, enum log_level threshold);

/** Set or replace a field that goes with every journal record; @name is A-Z and _. Control
 * characters in the value become '?', more than LOG_FIELDS_MAX fields are ignored. */
void log_set_field(struct log *log, const char *name, const char *value);

/**
 * Write one record. @component is the noun that speaks ("heartbeat"). Control characters in the
 * message (a peer's text may stand in it) are written as '?'. Lines look like
 *     2026-11-23T21:11:05.123Z warning heartbeat: no answer from 10.0.0.1:12443 ...
 */
void log_print(const struct log *log, enum log_level level, const char *component,
               const char *format, ...) PRINTF_LIKE(4, 5);

/**
 * As log_print, for an event that the journal's catalog explains: @message_id is one of
 * message_ids.h. It goes with the journal record alone; a line shows the message as ever.
 */
void log_event(const struct log *log, enum log_level level, const char *component,
               const char *message_id, const char *format, ...) PRINTF_LIKE(5, 6);

/** "error", "warning", "notice", "info", "debug" -> level; false if it is none of them. */
bool log_level_parse(const char *text, enum log_level *ret_level);
const char *log_level_name(enum log_level level);
/** An opt_check_fn: ERR_INVALID names the levels. */
int log_level_check(const char *text, struct err *err) MUST_CHECK;

#define log_error(log, component, ...)                                                         \
    log_print((log), LOG_LEVEL_ERROR, (component), __VA_ARGS__)
#define log_warning(log, component, ...)                                                       \
    log_print((log), LOG_LEVEL_WARNING, (component), __VA_ARGS__)
#define log_notice(log, component, ...)                                                        \
    log_print((log), LOG_LEVEL_NOTICE, (component), __VA_ARGS__)
#define log_info(log, component, ...) log_print((log), LOG_LEVEL_INFO, (component), __VA_ARGS__)
#define log_debug(log, component, ...)                                                         \
    log_print((log), LOG_LEVEL_DEBUG, (component), __VA_ARGS__)

#endif
