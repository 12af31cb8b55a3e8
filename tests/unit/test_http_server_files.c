/* SPDX-License-Identifier: Apache-2.0 */
/* Replies that are files: whole, to clients of any speed, and not more of them than there are
 * descriptors for. */
#include "tests/unit/http_server_fixture.h"

#include <dirent.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define GET_FILE "GET /file HTTP/1.1\r\nHost: h\r\n\r\n"

enum {
    IDLE_MS = 500,
    LARGE_BYTES = 8 * 1024 * 1024, /* more than sockets hold */
    FILES_AT_A_TIME = 64,
};

/* A file of @size bytes, "0123456789..." over and over. */
static void have_file(struct fixture *fixture, size_t size)
{
    char *bytes = malloc(size + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)('0' + i % 10);
    }
    if (fixture->file_fd >= 0) {
        (void)close(fixture->file_fd);
    }
    fixture->file_fd = memfd_create("file", MFD_CLOEXEC);
    assert_true(fixture->file_fd >= 0);
    assert_int_equal(pwrite(fixture->file_fd, bytes, size, 0), (ssize_t)size);
    fixture->file_size = size;
    free(bytes);
}

struct questions {
    const char *first;
    struct https_reply reply;
    struct https_reply next; /* of a second GET on the same connection */
};

static void ask_script(const struct fixture *fixture, void *arg)
{
    struct questions *questions = arg;
    struct https_client client;
    if (https_client_connect(&client, fixture->port, NULL)) {
        (void)https_client_ask(&client, questions->first, &questions->reply);
        (void)https_client_ask(&client, GET_FILE, &questions->next);
    }
    https_client_close(&client);
}

static void a_file_arrives_whole_whatever_its_size(void **state)
{
    struct fixture *fixture = *state;
    static const size_t sizes[] = {0, 1, 4096, 32768, 32769, 1000000};
    fixture_start(fixture, &(struct fixture_limits){0});
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct questions questions = {.first = GET_FILE};
        size_t shown = sizes[i] < 10 ? sizes[i] : 10;
        have_file(fixture, sizes[i]);

        fixture_play(fixture, ask_script, &questions);

        assert_int_equal(questions.reply.status, 200);
        assert_int_equal(questions.reply.body_len, sizes[i]);
        assert_memory_equal(questions.reply.body, "0123456789", shown);
        assert_int_equal(questions.next.status, 200);
        assert_int_equal(questions.next.body_len, sizes[i]);
    }
}

static void head_of_a_file_has_its_length_and_no_body(void **state)
{
    struct fixture *fixture = *state;
    struct questions questions = {.first = "HEAD /file HTTP/1.1\r\nHost: h\r\n\r\n"};
    char value[256];
    fixture_start(fixture, &(struct fixture_limits){0});
    have_file(fixture, 12345);

    fixture_play(fixture, ask_script, &questions);

    assert_int_equal(questions.reply.status, 200);
    assert_string_equal(https_reply_header(&questions.reply, "Content-Length", value), "12345");
    assert_int_equal(questions.next.body_len, 12345);
}

/* [AR-1] */
static void a_file_that_became_shorter_is_never_taken_for_whole(void **state)
{
    struct fixture *fixture = *state;
    struct questions questions = {.first = GET_FILE};
    fixture_start(fixture, &(struct fixture_limits){0});
    have_file(fixture, 100000);
    fixture->file_size += 1;

    fixture_play(fixture, ask_script, &questions);

    assert_memory_equal(questions.reply.head, "HTTP/1.1 200", 12);
    assert_int_equal(questions.reply.status, 0); /* cut before its end */
}

static bool begin(const struct fixture *fixture, struct https_client *client)
{
    const int small = 128 * 1024; /* what the kernel takes, the client has not taken */
    return https_client_connect(client, fixture->port, NULL) &&
           setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) == 0 &&
           https_client_say(client, GET_FILE);
}

struct slow_reader {
    size_t got;
    uint64_t took_ms;
};

/* As a line does that carries some 4 MB/s. */
static void slow_script(const struct fixture *fixture, void *arg)
{
    struct slow_reader *reader = arg;
    struct https_client client;
    char bytes[16 * 1024];
    uint64_t start_ms = clock_monotonic_ms(clock_system());
    int n = begin(fixture, &client) ? 1 : 0;
    for (size_t pause = 0; n > 0 && reader->got < LARGE_BYTES; reader->got += (size_t)n) {
        if (reader->got >= pause) {
            (void)poll(NULL, 0, 25); /* the pace */
            pause += 100 * 1024;
        }
        n = SSL_read(client.ssl, bytes, sizeof(bytes));
        n = n < 0 ? 0 : n;
    }
    reader->took_ms = clock_monotonic_ms(clock_system()) - start_ms;
    https_client_close(&client);
}

/* [AR-6] */
static void a_slow_reader_keeps_its_connection_as_long_as_it_takes_something(void **state)
{
    struct fixture *fixture = *state;
    struct slow_reader reader = {0};
    fixture_start(fixture, &(struct fixture_limits){.idle_ms = IDLE_MS});
    have_file(fixture, LARGE_BYTES);

    fixture_play(fixture, slow_script, &reader);

    assert_true(reader.got >= LARGE_BYTES);
    assert_true(reader.took_ms > 3 * (uint64_t)IDLE_MS);
}

static void begin_script(const struct fixture *fixture, void *arg)
{
    struct https_client *client = arg;
    (void)begin(fixture, client);
}

/* [AR-6] */
static void a_reader_that_takes_nothing_is_cut(void **state)
{
    struct fixture *fixture = *state;
    struct https_client client;
    fixture_start(fixture, &(struct fixture_limits){.idle_ms = IDLE_MS});
    have_file(fixture, LARGE_BYTES);

    fixture_play(fixture, begin_script, &client);

    fixture_until(fixture, &fixture->n_closed, 1);
    https_client_close(&client);
}

struct crowd {
    struct https_client readers[FILES_AT_A_TIME];
    struct https_client last;
    struct https_reply reply;
};

static void crowd_script(const struct fixture *fixture, void *arg)
{
    struct crowd *crowd = arg;
    for (size_t i = 0; i < FILES_AT_A_TIME; i++) {
        (void)begin(fixture, &crowd->readers[i]);
    }
}

static void one_more_script(const struct fixture *fixture, void *arg)
{
    struct crowd *crowd = arg;
    if (https_client_connect(&crowd->last, fixture->port, NULL)) {
        (void)https_client_ask(&crowd->last, GET_FILE, &crowd->reply);
    }
    https_client_close(&crowd->last);
}

/* [AR-6] */
static void so_many_files_are_sent_at_a_time_and_the_next_one_later(void **state)
{
    struct fixture *fixture = *state;
    struct crowd *crowd = calloc(1, sizeof(*crowd));
    assert_non_null(crowd);
    fixture_start(fixture, &(struct fixture_limits){0});
    have_file(fixture, LARGE_BYTES);

    fixture_play(fixture, crowd_script, crowd);
    fixture_until(fixture, &fixture->n_handled, FILES_AT_A_TIME);
    fixture_play(fixture, one_more_script, crowd);
    assert_int_equal(crowd->reply.status, 503);
    assert_non_null(strstr(crowd->reply.body, "root.unavailable"));

    unsigned n_closed = fixture->n_closed;
    https_client_close(&crowd->readers[0]);
    fixture_until(fixture, &fixture->n_closed, n_closed + 1);
    fixture_play(fixture, one_more_script, crowd);
    assert_int_equal(crowd->reply.status, 200);
    assert_int_equal(crowd->reply.body_len, LARGE_BYTES);
    for (size_t i = 0; i < FILES_AT_A_TIME; i++) {
        https_client_close(&crowd->readers[i]);
    }
    free(crowd);
}

static size_t count_descriptors(void)
{
    size_t count = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir) != NULL) {
        count++;
    }
    (void)closedir(dir);
    return count;
}

static void a_server_that_stops_closes_the_files_that_it_sends(void **state)
{
    struct fixture *fixture = *state;
    struct https_client client;
    have_file(fixture, LARGE_BYTES);
    size_t before = count_descriptors();
    fixture_start(fixture, &(struct fixture_limits){0});

    fixture_play(fixture, begin_script, &client);
    fixture_until(fixture, &fixture->n_handled, 1);
    fixture_stop(fixture);
    https_client_close(&client);

    assert_int_equal(count_descriptors(), before);
}

int run_http_server_file_cases(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_CASE(a_file_arrives_whole_whatever_its_size),
        SERVER_CASE(head_of_a_file_has_its_length_and_no_body),
        SERVER_CASE(a_file_that_became_shorter_is_never_taken_for_whole),
        SERVER_CASE(a_slow_reader_keeps_its_connection_as_long_as_it_takes_something),
        SERVER_CASE(a_reader_that_takes_nothing_is_cut),
        SERVER_CASE(so_many_files_are_sent_at_a_time_and_the_next_one_later),
        SERVER_CASE(a_server_that_stops_closes_the_files_that_it_sends),
    };
    return cmocka_run_group_tests_name("http_server_files", tests, NULL, NULL);
}
