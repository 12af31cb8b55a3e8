/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log records, made of text that may come from a peer: what could forge a second record, steer
 * a terminal or make the journal hide the message as binary is replaced before it leaves. A
 * record that cannot be written is lost; logging never fails and never allocates.
 */
#include "common/base/log.h"

#include "common/base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* Without the macros that add CODE_FILE: it would name this file for every record. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

enum {
    MESSAGE_BYTES = 2048, /* a longer message is cut */
    PREFIX_BYTES = 128,   /* time, level, component */
    OWN_FIELDS = 5,       /* MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, ECE_COMPONENT, MESSAGE_ID */
};

struct record {
    enum log_level level;
    const char *component;
    const char *message_id; /* NULL for none */
};

static const struct {
    enum log_level level;
    const char *name;
} levels[] = {
    {LOG_LEVEL_ERROR, "error"}, {LOG_LEVEL_WARNING, "warning"}, {LOG_LEVEL_NOTICE, "notice"},
    {LOG_LEVEL_INFO, "info"},   {LOG_LEVEL_DEBUG, "debug"},
};

/* systemd.exec(5): $JOURNAL_STREAM is "device:inode" of the stream that the journal gave us.
 * Only if stderr still is that stream may we bypass it: somebody may have redirected it
 * since, and reads it there. */
static bool is_stderr_the_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat stat;
    if (stream == NULL || fstat(STDERR_FILENO, &stat) < 0) {
        return false;
    }
    char ours[64];
    (void)snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)stat.st_dev,
                   (uintmax_t)stat.st_ino);
    return strcmp(stream, ours) == 0;
}

void log_init(struct log *log, enum log_level threshold)
{
    *log = (struct log){
        .threshold = threshold, .fd = STDERR_FILENO, .is_journal = is_stderr_the_journal()};
}

/* The length of the printable, well-formed UTF-8 character at @at; 0 if there is none. */
static size_t printable_length(const unsigned char *at)
{
    if (at[0] < 0x80) {
        return at[0] >= 0x20 && at[0] != 0x7F ? 1 : 0;
    }
    size_t len = at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : 2;
    if (at[0] < 0xC2 || at[0] > 0xF4) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return 0; /* the NUL at the end stops here too */
        }
    }
    bool is_c1_control =
        at[0] == 0xC2 && at[1] < 0xA0; /* U+009B steers terminals as ESC [ does */
    bool is_overlong = (at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xF0 && at[1] < 0x90);
    bool is_no_character = (at[0] == 0xED && at[1] > 0x9F) || (at[0] == 0xF4 && at[1] > 0x8F);
    return is_c1_control || is_overlong || is_no_character ? 0 : len;
}

static void make_printable(char *text)
{
    while (*text != '\0') {
        size_t len = printable_length((const unsigned char *)text);
        if (len == 0) {
            *text = '?';
            len = 1;
        }
        text += len;
    }
}

void log_set_field(struct log *log, const char *name, const char *value)
{
    size_t name_len = strlen(name);
    size_t i = 0;
    while (i < log->n_fields &&
           (strncmp(log->fields[i], name, name_len) != 0 || log->fields[i][name_len] != '=')) {
        i++;
    }
    if (i == LOG_FIELDS_MAX) {
        return;
    }
    (void)snprintf(log->fields[i], LOG_FIELD_BYTES, "%s=%s", name, value);
    make_printable(log->fields[i]);
    if (i == log->n_fields) {
        log->n_fields++;
    }
}

static struct iovec text_iovec(const char *text)
{
    /* struct iovec serves reading too and has no const; writers leave the bytes alone. */
    union {
        const char *given;
        void *base;
    } pointer = {.given = text};

    return (struct iovec){pointer.base, strlen(text)};
}

static int send_to_journal(const struct log *log, const struct record *record,
                           const char *message)
{
    static const char message_key[] = "MESSAGE=";
    char text[sizeof(message_key) + MESSAGE_BYTES];
    char priority[16];
    char identifier[64];
    char speaker[96];
    char id[64];
    (void)snprintf(text, sizeof(text), "%s%s", message_key, message);
    (void)snprintf(priority, sizeof(priority), "PRIORITY=%d", (int)record->level);
    (void)snprintf(identifier, sizeof(identifier), "SYSLOG_IDENTIFIER=%s",
                   program_invocation_short_name);
    (void)snprintf(speaker, sizeof(speaker), "ECE_COMPONENT=%s", record->component);

    struct iovec fields[OWN_FIELDS + LOG_FIELDS_MAX] = {
        text_iovec(text), text_iovec(priority), text_iovec(identifier), text_iovec(speaker)};
    int count = OWN_FIELDS - 1;
    if (record->message_id != NULL) {
        (void)snprintf(id, sizeof(id), "MESSAGE_ID=%s", record->message_id);
        fields[count++] = text_iovec(id);
    }
    for (size_t i = 0; i < log->n_fields; i++) {
        fields[count++] = text_iovec(log->fields[i]);
    }
    return sd_journal_sendv(fields, count);
}

/* One writev(), so that the lines of several processes on one pipe do not mix. */
static void write_line(int fd, const struct record *record, const char *message)
{
    char now[25];
    clock_format_utc(clock_wall_ms(clock_system()), now);
    char prefix[PREFIX_BYTES];
    (void)snprintf(prefix, sizeof(prefix), "%s %s %s: ", now, log_level_name(record->level),
                   record->component);
    struct iovec parts[] = {text_iovec(prefix), text_iovec(message), text_iovec("\n")};
    ssize_t written;
    do {
        written = writev(fd, parts, (int)ARRAY_LEN(parts));
    } while (written < 0 && errno == EINTR);
}

static void write_record(const struct log *log, const struct record *record, const char *format,
                         va_list args) PRINTF_LIKE(3, 0);

static void write_record(const struct log *log, const struct record *record, const char *format,
                         va_list args)
{
    if (record->level > log->threshold || log->fd < 0) {
        return;
    }
    int saved_errno = errno; /* to log must not change what a caller is about to report */
    char message[MESSAGE_BYTES] = "";
    (void)vsnprintf(message, sizeof(message), format, args);
    make_printable(message);
    if (!log->is_journal || send_to_journal(log, record, message) < 0) {
        write_line(log->fd, record, message);
    }
    errno = saved_errno;
}

void log_print(const struct log *log, enum log_level level, const char *component,
               const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_record(log, &(struct record){level, component, NULL}, format, args);
    va_end(args);
}

void log_event(const struct log *log, enum log_level level, const char *component,
               const char *message_id, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_record(log, &(struct record){level, component, message_id}, format, args);
    va_end(args);
}

bool log_level_parse(const char *text, enum log_level *ret_level)
{
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (strcmp(text, levels[i].name) == 0) {
            *ret_level = levels[i].level;
            return true;
        }
    }
    return false;
}

const char *log_level_name(enum log_level level)
{
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (level == levels[i].level) {
            return levels[i].name;
        }
    }
    return "unknown";
}

int log_level_check(const char *text, struct err *err)
{
    enum log_level level = LOG_LEVEL_INFO;
    return log_level_parse(text, &level)
               ? 0
               : err_set(err, ERR_INVALID,
                         "\"%s\" is none of error, warning, notice, info, debug", text);
}
