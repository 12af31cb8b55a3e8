/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store as its users see it: order, conditions, isolation, durability, health, closing.
 * Broken files are in test_sqlite_format, bounds in test_txn_queue.
 */
#include "coordinator/store/store_sqlite.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/fake_rng.h"
#include "tests/support/store_harness.h"
#include "tests/support/tmpdir.h"

struct fixture {
    struct tmpdir dir;
    char path[TMPDIR_PATH_BYTES];
    struct store_harness on;
};

static void open_store(struct fixture *fixture)
{
    struct err err = {0};
    if (harness_open(&fixture->on, fixture->path, &err) < 0) {
        fail_msg("%s", err.message);
    }
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    if (fixture == NULL || !tmpdir_make(&fixture->dir)) {
        return -1;
    }
    (void)tmpdir_path(&fixture->dir, "coordinator.db", fixture->path);
    *state = fixture;
    open_store(fixture);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    bool is_clean = fixture->on.is_closed || harness_close(&fixture->on);
    is_clean = tmpdir_remove(&fixture->dir) && is_clean;
    free(fixture);
    return is_clean ? 0 : -1;
}

static void reopen(struct fixture *fixture)
{
    assert_true(harness_close(&fixture->on));
    open_store(fixture);
}

static void put(struct fixture *fixture, const char *key, const char *text)
{
    struct err err = {0};
    if (harness_put(&fixture->on, key, text, &err) < 0) {
        fail_msg("%s", err.message);
    }
}

static void put_if(struct fixture *fixture, const char *condition_key, uint64_t revision,
                   const char *key, const char *text)
{
    struct store_condition condition = {.key = condition_key, .mod_revision = revision};
    struct err err = {0};
    assert_int_equal(harness_put_if(&fixture->on, &condition, key, text, &err), 0);
}

static void assert_journal(struct fixture *fixture, const char *expected)
{
    assert_string_equal(fixture->on.journal, expected);
    fixture->on.journal[0] = '\0';
}

static void assert_listed(struct fixture *fixture, const char *prefix, const char *expected)
{
    struct err err = {0};
    fixture->on.journal[0] = '\0';
    assert_int_equal(store_list(fixture->on.store, prefix, note_change, &fixture->on, &err), 0);
    assert_journal(fixture, expected);
}

static void a_change_reaches_watchers_before_its_writer_and_others_never(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    assert_int_equal(
        store_watch(fixture->on.store, "runners/", note_change, &fixture->on, &err), 0);

    put(fixture, "runners/b", "1");
    put(fixture, "tokens/x", "2");
    put(fixture, "runners/b", NULL);
    put(fixture, "runners/absent", NULL); /* nothing changes: nothing to tell */
    assert_journal(fixture, "");          /* never from inside the call */
    harness_await(&fixture->on, 4);

    assert_journal(fixture, "runners/b=1@1 committed@1 committed@2 runners/b-@3 committed@3 "
                            "committed@4 ");
}

static void list_gives_the_keys_below_a_prefix_in_order(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "runners/b", "2");
    put(fixture, "runners/a", "");
    put(fixture, "runners0", "beyond the prefix");
    put(fixture, "runner", "before the prefix");
    put(fixture, "runners/\xC3\xA4", "3");
    put(fixture, "runners/b", "4");
    harness_await(&fixture->on, 6);

    assert_listed(fixture, "runners/", "runners/a=@2 runners/b=4@6 runners/\xC3\xA4=3@5 ");
    assert_listed(fixture, "nobody/", "");
}

static void conditions_hold_only_for_the_exact_revision(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "k", "first"); /* revision 1 */
    harness_await(&fixture->on, 1);
    fixture->on.journal[0] = '\0';

    put_if(fixture, "k", 0, "k", "there already");
    put_if(fixture, "absent", 1, "k", "not there");
    put_if(fixture, "k", 2, "k", "from the future");
    put_if(fixture, "k", UINT64_MAX, "k", "from beyond");
    put_if(fixture, "k", 1, "k", "second"); /* revision 2 */
    put_if(fixture, "k", 1, "k", "too late");
    put_if(fixture, "k", 2, "k", NULL); /* revision 3 */
    put_if(fixture, "k", 0, "k", "anew");
    harness_await(&fixture->on, 9);

    assert_journal(fixture, "conflict conflict conflict conflict committed@2 conflict "
                            "committed@3 committed@4 ");
    assert_listed(fixture, "", "k=anew@4 ");
}

static void a_conflict_changes_nothing_and_harms_no_other_of_its_batch(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    put(fixture, "first",
        "1"); /* is written while the rest queues up behind it, as one batch */
    put_if(fixture, "a", 0, "a", "1");
    struct store_condition conditions[] = {{"first", 1}, {"a", 0}};
    struct store_operation operations[] = {{"b", "1", 1}, {"first", NULL, 0}};
    assert_int_equal(store_commit(fixture->on.store, conditions, 2, operations, 2, note_result,
                                  &fixture->on, &err),
                     0);
    put_if(fixture, "a", 2, "a", "2"); /* sees what the one before the conflict wrote */
    harness_await(&fixture->on, 4);

    assert_journal(fixture, "committed@1 committed@2 conflict committed@3 ");
    assert_listed(fixture, "", "a=2@3 first=1@1 ");
}

static void entries_and_revisions_survive_a_restart(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "other", "0");
    put(fixture, "k", "1");
    harness_await(&fixture->on, 2);

    reopen(fixture);

    assert_listed(fixture, "k", "k=1@2 ");
    put_if(fixture, "other", 1, "k", "2");
    harness_await(&fixture->on, 1);
    assert_journal(fixture, "committed@3 ");
}

struct child {
    struct store_harness on;
    int pipe_fd;
    uint32_t next;
    uint32_t told;
};

static void on_child_written(const struct store_result *result, void *userdata);

static void child_write(struct child *child)
{
    char key[32];
    char text[64];
    (void)snprintf(key, sizeof(key), "n/%u", child->next);
    (void)snprintf(text, sizeof(text), "value of %u", child->next);
    struct store_operation operations[] = {{key, text, strlen(text)},
                                           {"last", text, strlen(text)}};
    struct err err = {0};
    if (store_commit(child->on.store, NULL, 0, operations, 2, on_child_written, child, &err) <
        0) {
        _exit(2);
    }
    child->next++;
}

/* Results come in the order of the writes, so a counter knows which one this is. */
static void on_child_written(const struct store_result *result, void *userdata)
{
    struct child *child = userdata;
    if (result->outcome != STORE_COMMITTED ||
        write(child->pipe_fd, &child->told, sizeof(child->told)) != sizeof(child->told)) {
        _exit(3);
    }
    child->told++;
    child_write(child);
}

static void run_child(const char *path, int pipe_fd, uint32_t first)
{
    struct child child = {.pipe_fd = pipe_fd, .next = first, .told = first};
    struct err err = {0};
    if (harness_open(&child.on, path, &err) < 0) {
        _exit(4);
    }
    for (int i = 0; i < 4; i++) {
        child_write(&child);
    }
    (void)uv_run(&child.on.loop, UV_RUN_DEFAULT);
    _exit(5);
}

static void count_whole_entries(const struct store_entry *entry, void *userdata)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "value of %s", entry->key + strlen("n/"));
    assert_int_equal(entry->len, strlen(text));
    assert_memory_equal(entry->value, text, entry->len);
    (*(uint32_t *)userdata)++;
}

/* Kill a writer after @n_acks acknowledgements, somewhere in its work; returns how many it gave
 * in all. */
static uint32_t kill_a_writer(const char *path, uint32_t first, uint32_t n_acks)
{
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(pipe_fds[0]);
        run_child(path, pipe_fds[1], first);
    }
    (void)close(pipe_fds[1]);
    uint32_t ack = 0;
    uint32_t count = 0;
    while (read(pipe_fds[0], &ack, sizeof(ack)) == sizeof(ack)) {
        assert_int_equal(ack, first + count);
        if (++count == n_acks) {
            assert_int_equal(kill(pid, SIGKILL), 0);
        }
    }
    (void)close(pipe_fds[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    return count;
}

static void what_was_acknowledged_survives_kill_9(void **state)
{
    struct fixture *fixture = *state;
    struct fake_rng rng;
    fake_rng_init(&rng, 20261123);
    uint32_t n_stored = 0;
    assert_true(harness_close(&fixture->on));

    for (int round = 0; round < 20; round++) {
        uint32_t n_acks = 1 + (uint32_t)(fake_rng_next(&rng) % 40);
        uint32_t n_acknowledged = n_stored + kill_a_writer(fixture->path, n_stored, n_acks);
        struct err err = {0};
        open_store(fixture);
        n_stored = 0;
        assert_int_equal(
            store_list(fixture->on.store, "n/", count_whole_entries, &n_stored, &err), 0);
        /* At most what was under way may have been written without an acknowledgement. */
        assert_in_range(n_stored, n_acknowledged, n_acknowledged + 4);
        assert_true(harness_close(&fixture->on));
    }
}

static void a_failed_write_is_told_and_health_comes_back_by_itself(void **state)
{
    struct fixture *fixture = *state;
    struct err why = {0};
    struct rlimit before;
    put(fixture, "k", "1");
    harness_await(&fixture->on, 1);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);

    /* No file of ours may grow from here on. */
    struct rlimit tight = {.rlim_cur = 4096, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    put(fixture, "k", "2");
    put(fixture, "k", "3");
    harness_await(&fixture->on, 3);
    bool is_healthy = store_is_healthy(fixture->on.store, &why);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);

    assert_journal(fixture, "committed@1 failed(io) failed(io) ");
    assert_false(is_healthy);
    assert_non_null(strstr(why.message, fixture->path));
    assert_non_null(strstr(why.message, "limits on file sizes"));
    /* Nobody writes: the loop ends when the probe has found that writing works again. */
    (void)uv_run(&fixture->on.loop, UV_RUN_DEFAULT);
    assert_true(store_is_healthy(fixture->on.store, &why));
    put(fixture, "k", "4");
    harness_await(&fixture->on, 4);
    assert_journal(fixture, "committed@2 ");
    reopen(fixture);
    assert_listed(fixture, "", "k=4@2 ");
}

static void the_seventeenth_watcher_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    for (int i = 0; i < 16; i++) {
        assert_int_equal(store_watch(fixture->on.store, "k", note_change, &fixture->on, &err),
                         0);
    }
    assert_int_equal(store_watch(fixture->on.store, "k", note_change, &fixture->on, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
}

static void close_writes_what_is_queued_and_refuses_more(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    put(fixture, "a", "1");
    put(fixture, "b", "1"); /* in the second batch */
    store_close(fixture->on.store, harness_on_closed, &fixture->on);

    assert_false(fixture->on.is_closed); /* never from inside the call */
    assert_int_equal(harness_put(&fixture->on, "c", "1", &err), -1);
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_int_equal(store_list(fixture->on.store, "", note_change, &fixture->on, &err), -1);
    assert_int_equal(store_watch(fixture->on.store, "", note_change, &fixture->on, &err), -1);
    assert_int_equal(uv_run(&fixture->on.loop, UV_RUN_DEFAULT), 0);
    assert_true(fixture->on.is_closed);
    assert_journal(fixture, "committed@1 committed@2 ");
    assert_int_equal(uv_loop_close(&fixture->on.loop), 0);
    open_store(fixture);
    assert_listed(fixture, "", "a=1@1 b=1@2 ");
}

static void commit_once_more(const struct store_result *result, void *userdata)
{
    struct fixture *fixture = userdata;
    assert_string_equal(fixture->on.journal, ""); /* not from inside this callback */
    note_result(result, &fixture->on);
    put(fixture, "second", "2");
    put(fixture, "third", "3");
    store_close(fixture->on.store, harness_on_closed, &fixture->on);
}

static void a_callback_may_commit_and_close(void **state)
{
    struct fixture *fixture = *state;
    struct store_operation operation = {.key = "first", .value = "1", .len = 1};
    struct err err = {0};
    assert_int_equal(store_commit(fixture->on.store, NULL, 0, &operation, 1, commit_once_more,
                                  fixture, &err),
                     0);

    assert_int_equal(uv_run(&fixture->on.loop, UV_RUN_DEFAULT), 0);
    assert_true(fixture->on.is_closed);
    assert_journal(fixture, "committed@1 committed@2 committed@3 ");
    assert_int_equal(uv_loop_close(&fixture->on.loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        CASE(a_change_reaches_watchers_before_its_writer_and_others_never),
        CASE(list_gives_the_keys_below_a_prefix_in_order),
        CASE(conditions_hold_only_for_the_exact_revision),
        CASE(a_conflict_changes_nothing_and_harms_no_other_of_its_batch),
        CASE(entries_and_revisions_survive_a_restart),
        CASE(what_was_acknowledged_survives_kill_9),
        CASE(a_failed_write_is_told_and_health_comes_back_by_itself),
        CASE(the_seventeenth_watcher_is_refused),
        CASE(close_writes_what_is_queued_and_refuses_more),
        CASE(a_callback_may_commit_and_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
