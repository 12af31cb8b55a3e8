/* SPDX-License-Identifier: Apache-2.0 */
/* What a record looks like on a descriptor and in the journal, and that nobody can forge
 * one. */
#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

enum { RECORD_FIELDS = 16, FIELD_BYTES = 4096 };

/* The journal of these tests: linked in the place of libsystemd's function. */
static struct {
    int result;
    int n_records;
    int n_fields;
    char fields[RECORD_FIELDS][FIELD_BYTES];
} journal;

int sd_journal_sendv(const struct iovec *iov, int n)
{
    assert_in_range(n, 1, RECORD_FIELDS);
    for (int i = 0; i < n; i++) {
        assert_in_range(iov[i].iov_len, 1, FIELD_BYTES - 1);
        memcpy(journal.fields[i], iov[i].iov_base, iov[i].iov_len);
        journal.fields[i][iov[i].iov_len] = '\0';
    }
    journal.n_fields = n;
    journal.n_records++;
    errno = EBADMSG;
    return journal.result;
}

static bool journal_has(const char *field)
{
    for (int i = 0; i < journal.n_fields; i++) {
        if (strcmp(journal.fields[i], field) == 0) {
            return true;
        }
    }
    return false;
}

static int reset_journal(void **state)
{
    (void)state;
    memset(&journal, 0, sizeof(journal));
    return 0;
}

/* A log that writes into a pipe whose other end the test reads. */
struct piped_log {
    struct log log;
    int read_fd;
};

static struct piped_log piped_log(enum log_level threshold)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    return (struct piped_log){
        .log = {.threshold = threshold, .fd = ends[1], .is_journal = false},
        .read_fd = ends[0],
    };
}

/* All that was written so far, and the end of the log. */
static void finish(struct piped_log *piped, char *ret_text, size_t size)
{
    assert_int_equal(close(piped->log.fd), 0);
    ssize_t len = read(piped->read_fd, ret_text, size - 1);
    assert_true(len >= 0);
    ret_text[len] = '\0';
    assert_int_equal(close(piped->read_fd), 0);
}

static void a_line_has_time_level_component_and_message(void **state)
{
    (void)state;
    struct piped_log piped = piped_log(LOG_LEVEL_INFO);
    char text[1024];

    log_warning(&piped.log, "heartbeat", "no answer from %s:%d", "10.0.0.1", 12443);

    finish(&piped, text, sizeof(text));
    assert_int_equal(text[4], '-');
    assert_int_equal(text[10], 'T');
    assert_int_equal(text[23], 'Z');
    assert_string_equal(text + 24, " warning heartbeat: no answer from 10.0.0.1:12443\n");
}

static void what_is_below_the_threshold_is_not_written(void **state)
{
    (void)state;
    struct piped_log piped = piped_log(LOG_LEVEL_NOTICE);
    char text[1024];

    log_debug(&piped.log, "x", "a");
    log_info(&piped.log, "x", "b");
    log_notice(&piped.log, "x", "c");
    log_warning(&piped.log, "x", "d");
    log_error(&piped.log, "x", "e");

    finish(&piped, text, sizeof(text));
    assert_null(strstr(text, "x: a"));
    assert_null(strstr(text, "x: b"));
    assert_non_null(strstr(text, " notice x: c\n"));
    assert_non_null(strstr(text, " warning x: d\n"));
    assert_non_null(strstr(text, " error x: e\n"));
}

static void a_peers_text_cannot_forge_a_line_or_steer_a_terminal(void **state)
{
    (void)state;

    static const struct {
        const char *given;
        const char *written;
    } cases[] = {
        {"a\n2026-01-01 error x: forged", "a?2026-01-01 error x: forged"},
        {"a\r\tb\x7F", "a??b?"},
        {"\x1B[2J", "?[2J"},
        {"\xC2\x9B"
         "2J",
         "??2J"}, /* the one-character form of ESC [ */
        {"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80", "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"},
        {"\xC2\xA0", "\xC2\xA0"}, /* the first that is no control */
        {"\x9B"
         "2J",
         "?2J"},
        {"\xC0\x8A", "??"}, /* overlong line feed */
        {"\xE0\x80\x8A", "???"},
        {"\xF0\x80\x80\x8A", "????"},
        {"\xED\xA0\x80", "???"},      /* surrogate */
        {"\xF4\x90\x80\x80", "????"}, /* beyond U+10FFFF */
        {"\xFF\xFE", "??"},
        {"cut \xE2\x82", "cut ??"},
        {"cut \xF0", "cut ?"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct piped_log piped = piped_log(LOG_LEVEL_INFO);
        char text[1024];
        log_info(&piped.log, "x", "%s", cases[i].given);
        finish(&piped, text, sizeof(text));
        char *message = strstr(text, " info x: ");
        assert_non_null(message);
        char *end = strchr(message, '\n');
        assert_non_null(end);
        assert_string_equal(end, "\n"); /* one line */
        *end = '\0';
        assert_string_equal(message + strlen(" info x: "), cases[i].written);
    }
}

static void an_endless_message_is_cut_and_still_one_line(void **state)
{
    (void)state;
    struct piped_log piped = piped_log(LOG_LEVEL_INFO);
    static char text[20000];
    static char message[10000];
    memset(message, 'm', sizeof(message) - 1);

    log_info(&piped.log, "x", "%s", message);
    log_info(&piped.log, "x", "after");

    finish(&piped, text, sizeof(text));
    char *end = strchr(text, '\n');
    assert_non_null(end);
    assert_in_range(end - text, 1000, 3000);
    assert_non_null(strstr(end, " info x: after\n"));
}

static void a_log_without_descriptor_is_silent(void **state)
{
    (void)state;
    struct log silent = {.threshold = LOG_LEVEL_DEBUG, .fd = -1, .is_journal = true};

    log_error(&silent, "x", "nobody hears");

    assert_int_equal(journal.n_records, 0);
}

static void a_descriptor_that_takes_nothing_does_not_stop_the_program(void **state)
{
    (void)state;
    struct piped_log piped = piped_log(LOG_LEVEL_DEBUG);
    char text[512];

    /* Nobody reads: the pipe is full long before the end. */
    for (int i = 0; i < 5000; i++) {
        log_info(&piped.log, "x", "line %d with some length to it", i);
    }

    finish(&piped, text, sizeof(text));
    assert_non_null(strstr(text, "line 0 with"));
}

static void logging_leaves_errno_alone(void **state)
{
    (void)state;
    struct log to_nowhere = {.threshold = LOG_LEVEL_DEBUG, .fd = 1 << 20, .is_journal = true};
    journal.result = -ENOENT;

    errno = ENOTTY;
    log_error(&to_nowhere, "x", "lost");

    assert_int_equal(errno, ENOTTY);
}

static void a_journal_record_has_its_fields(void **state)
{
    (void)state;
    struct piped_log piped = piped_log(LOG_LEVEL_INFO);
    piped.log.is_journal = true;
    char text[512];
    char identifier[128];
    (void)snprintf(identifier, sizeof(identifier), "SYSLOG_IDENTIFIER=%s",
                   program_invocation_short_name);
    log_set_field(&piped.log, "ECE_RUNNER_ID", "host\n1");

    log_notice(&piped.log, "agent", "state %s\n", "connected");

    assert_int_equal(journal.n_records, 1);
    assert_int_equal(journal.n_fields, 5);
    assert_true(journal_has("MESSAGE=state connected?"));
    assert_true(journal_has("PRIORITY=5"));
    assert_true(journal_has(identifier));
    assert_true(journal_has("ECE_COMPONENT=agent"));
    assert_true(journal_has("ECE_RUNNER_ID=host?1"));
    finish(&piped, text, sizeof(text));
    assert_string_equal(text, ""); /* not said twice */
}

static void an_event_has_its_id_in_the_journal_and_its_message_in_a_line(void **state)
{
    (void)state;
    struct piped_log piped = piped_log(LOG_LEVEL_NOTICE);
    piped.log.is_journal = true;
    char text[512];
    log_set_field(&piped.log, "ECE_RUNNER_ID", "host");

    log_event(&piped.log, LOG_LEVEL_NOTICE, "agent", "0123456789abcdef", "now %d", 1);

    assert_int_equal(journal.n_fields, 6);
    assert_true(journal_has("MESSAGE_ID=0123456789abcdef"));
    assert_true(journal_has("MESSAGE=now 1"));
    assert_true(journal_has("ECE_RUNNER_ID=host"));

    log_event(&piped.log, LOG_LEVEL_NOTICE, "agent", NULL, "no id");
    assert_int_equal(journal.n_fields, 5);
    log_event(&piped.log, LOG_LEVEL_INFO, "agent", "0123456789abcdef", "below");
    assert_int_equal(journal.n_records, 2);

    piped.log.is_journal = false;
    log_event(&piped.log, LOG_LEVEL_ERROR, "agent", "0123456789abcdef", "now %d", 2);
    finish(&piped, text, sizeof(text));
    assert_string_equal(text + 24, " error agent: now 2\n");
}

static void a_journal_that_refuses_gets_the_line_on_its_stream(void **state)
{
    (void)state;
    struct piped_log piped = piped_log(LOG_LEVEL_INFO);
    piped.log.is_journal = true;
    journal.result = -ENOENT;
    char text[512];

    log_error(&piped.log, "store", "disk is full");

    finish(&piped, text, sizeof(text));
    assert_non_null(strstr(text, " error store: disk is full\n"));
}

static void a_field_set_again_is_replaced_and_too_many_are_ignored(void **state)
{
    (void)state;
    struct log log = {.threshold = LOG_LEVEL_DEBUG, .fd = STDERR_FILENO, .is_journal = true};

    log_set_field(&log, "ECE_AB", "2");
    log_set_field(&log, "ECE_A", "1"); /* not the same field */
    log_set_field(&log, "ECE_C", "3");
    log_set_field(&log, "ECE_A", "new");
    log_set_field(&log, "ECE_D", "4");
    log_set_field(&log, "ECE_E", "one too many");
    log_set_field(&log, "ECE_D", "last");
    log_info(&log, "x", "m");

    assert_int_equal(journal.n_fields, 8);
    assert_true(journal_has("ECE_A=new"));
    assert_true(journal_has("ECE_AB=2"));
    assert_true(journal_has("ECE_C=3"));
    assert_true(journal_has("ECE_D=last"));
}

static void a_field_longer_than_its_room_is_cut(void **state)
{
    (void)state;
    struct log log = {.threshold = LOG_LEVEL_DEBUG, .fd = STDERR_FILENO, .is_journal = true};
    char value[1000];
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';

    log_set_field(&log, "ECE_LONG", value);
    log_info(&log, "x", "m");

    assert_int_equal(strlen(journal.fields[4]), LOG_FIELD_BYTES - 1);
    assert_memory_equal(journal.fields[4], "ECE_LONG=vvv", 12);
}

/* log_init() as it decides while stderr is @fd and $JOURNAL_STREAM is @stream. */
static bool takes_for_journal(int fd, const char *stream)
{
    int saved = dup(STDERR_FILENO);
    assert_true(saved >= 0);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    if (stream != NULL) {
        (void)setenv("JOURNAL_STREAM", stream, 1);
    } else {
        (void)unsetenv("JOURNAL_STREAM");
    }

    struct log log;
    memset(&log, 0x5A, sizeof(log));
    log_init(&log, LOG_LEVEL_INFO);

    (void)unsetenv("JOURNAL_STREAM");
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    assert_int_equal(close(saved), 0);
    assert_int_equal(log.fd, STDERR_FILENO);
    assert_int_equal(log.threshold, LOG_LEVEL_INFO);
    assert_int_equal(log.n_fields, 0);
    return log.is_journal;
}

static void only_a_stderr_that_is_the_journals_stream_is_the_journal(void **state)
{
    (void)state;
    int stream[2];
    int other[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, other), 0);
    struct stat stat;
    assert_int_equal(fstat(stream[0], &stat), 0);
    char name[64];
    char longer[70];
    (void)snprintf(name, sizeof(name), "%ju:%ju", (uintmax_t)stat.st_dev,
                   (uintmax_t)stat.st_ino);
    (void)snprintf(longer, sizeof(longer), "%s0", name);

    assert_true(takes_for_journal(stream[0], name));
    assert_false(takes_for_journal(stream[0], NULL));
    assert_false(takes_for_journal(stream[0], ""));
    assert_false(takes_for_journal(stream[0], longer));
    assert_false(takes_for_journal(other[0], name)); /* somebody redirected stderr */

    for (int i = 0; i < 2; i++) {
        assert_int_equal(close(stream[i]), 0);
        assert_int_equal(close(other[i]), 0);
    }
}

static void levels_are_read_and_named_and_are_syslogs_priorities(void **state)
{
    (void)state;
    struct log log = {.threshold = LOG_LEVEL_DEBUG, .fd = STDERR_FILENO, .is_journal = true};
    static const char *const names[] = {"error", "warning", "notice", "info", "debug"};
    enum log_level level = LOG_LEVEL_ERROR;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_true(log_level_parse(names[i], &level));
        assert_int_equal(level, LOG_LEVEL_ERROR + i);
        assert_string_equal(log_level_name(level), names[i]);
        char field[32];
        (void)snprintf(field, sizeof(field), "PRIORITY=%d", (int)i + 3);
        log_print(&log, level, "x", "m");
        assert_true(journal_has(field));
    }

    level = LOG_LEVEL_NOTICE;
    assert_false(log_level_parse("", &level));
    assert_false(log_level_parse("Info", &level));
    assert_false(log_level_parse("6", &level));
    assert_false(log_level_parse("debugging", &level));
    assert_int_equal(level, LOG_LEVEL_NOTICE);
}

int main(void)
{
#define CASE(function) cmocka_unit_test_setup(function, reset_journal)
    const struct CMUnitTest tests[] = {
        CASE(a_line_has_time_level_component_and_message),
        CASE(what_is_below_the_threshold_is_not_written),
        CASE(a_peers_text_cannot_forge_a_line_or_steer_a_terminal),
        CASE(an_endless_message_is_cut_and_still_one_line),
        CASE(a_log_without_descriptor_is_silent),
        CASE(a_descriptor_that_takes_nothing_does_not_stop_the_program),
        CASE(logging_leaves_errno_alone),
        CASE(a_journal_record_has_its_fields),
        CASE(an_event_has_its_id_in_the_journal_and_its_message_in_a_line),
        CASE(a_journal_that_refuses_gets_the_line_on_its_stream),
        CASE(a_field_set_again_is_replaced_and_too_many_are_ignored),
        CASE(a_field_longer_than_its_room_is_cut),
        CASE(only_a_stderr_that_is_the_journals_stream_is_the_journal),
        CASE(levels_are_read_and_named_and_are_syslogs_priorities),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
