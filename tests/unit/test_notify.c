/* SPDX-License-Identifier: Apache-2.0 */
/* The service manager is a datagram socket of the test's own, as systemd's is. */
#include "common/loop/notify.h"

#include "tests/support/tmpdir.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

struct manager {
    struct tmpdir dir;
    int fd;
    uv_loop_t loop;
    struct notify notify;
};

static int setup(void **state)
{
    static struct manager manager;
    manager = (struct manager){.fd = -1};
    *state = &manager;
    if (!tmpdir_make(&manager.dir) || uv_loop_init(&manager.loop) < 0) {
        return -1;
    }
    char path[TMPDIR_PATH_BYTES];
    (void)tmpdir_path(&manager.dir, "notify", path);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(manager.fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        return -1;
    }
    return setenv("NOTIFY_SOCKET", path, 1) < 0 || unsetenv("WATCHDOG_USEC") < 0 ||
                   unsetenv("WATCHDOG_PID") < 0
               ? -1
               : 0;
}

static int teardown(void **state)
{
    struct manager *manager = *state;
    notify_fini(&manager->notify);
    notify_fini(&manager->notify);
    (void)uv_run(&manager->loop, UV_RUN_DEFAULT);
    (void)close(manager->fd);
    bool is_gone = tmpdir_remove(&manager->dir);
    return uv_loop_close(&manager->loop) == 0 && is_gone ? 0 : -1;
}

/* The next message, "" if none is there. A unix datagram arrives before its sender returns. */
static const char *heard(struct manager *manager)
{
    static char text[1024];
    ssize_t len = recv(manager->fd, text, sizeof(text) - 1, MSG_DONTWAIT);
    text[len > 0 ? len : 0] = '\0';
    return text;
}

static void the_manager_hears_of_each_change(void **state)
{
    struct manager *manager = *state;
    notify_init(&manager->notify, &manager->loop);
    assert_string_equal(heard(manager), "");

    notify_ready(&manager->notify);
    assert_string_equal(heard(manager), "READY=1");
    notify_reloading(&manager->notify);
    static const char reloading[] = "RELOADING=1\nMONOTONIC_USEC=";
    const char *text = heard(manager);
    assert_ptr_equal(strstr(text, reloading), text);
    assert_true(strtoull(text + strlen(reloading), NULL, 10) > 0);
    notify_stopping(&manager->notify);
    assert_string_equal(heard(manager), "STOPPING=1");
}

static void a_status_is_sent_once_until_it_changes(void **state)
{
    struct manager *manager = *state;
    notify_init(&manager->notify, &manager->loop);

    notify_status(&manager->notify, "connected to %s", "192.168.40.10");
    assert_string_equal(heard(manager), "STATUS=connected to 192.168.40.10");
    notify_status(&manager->notify, "connected to %s", "192.168.40.10");
    assert_string_equal(heard(manager), "");
    notify_status(&manager->notify, "disconnected");
    assert_string_equal(heard(manager), "STATUS=disconnected");
}

static void a_peers_text_in_a_status_cannot_speak_for_us(void **state)
{
    struct manager *manager = *state;
    notify_init(&manager->notify, &manager->loop);

    notify_status(&manager->notify, "refused: %s", "x\nSTOPPING=1\xff\x1b[2J");

    assert_string_equal(heard(manager), "STATUS=refused: x?STOPPING=1??[2J");
}

static void an_overlong_status_is_cut(void **state)
{
    struct manager *manager = *state;
    notify_init(&manager->notify, &manager->loop);
    char text[1000];
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';

    notify_status(&manager->notify, "%s", text);

    assert_int_equal(strlen(heard(manager)), strlen("STATUS=") + 255);
}

static void on_guard(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("the watchdog was not fed within 5 s");
}

static void on_manager_hears(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    uv_stop(poll->loop);
}

static void the_watchdog_is_fed_by_the_loop_and_keeps_no_loop_alive(void **state)
{
    struct manager *manager = *state;
    assert_int_equal(setenv("WATCHDOG_USEC", "40000", 1), 0);
    notify_init(&manager->notify, &manager->loop);
    assert_true(manager->notify.has_watchdog);
    assert_int_equal(uv_run(&manager->loop, UV_RUN_DEFAULT), 0); /* returns at once */
    assert_string_equal(heard(manager), "");

    uv_poll_t poll;
    uv_timer_t guard;
    assert_int_equal(uv_poll_init(&manager->loop, &poll, manager->fd), 0);
    assert_int_equal(uv_timer_init(&manager->loop, &guard), 0);
    assert_int_equal(uv_timer_start(&guard, on_guard, 5000, 0), 0);
    assert_int_equal(uv_poll_start(&poll, UV_READABLE, on_manager_hears), 0);
    for (int i = 0; i < 2; i++) {
        (void)uv_run(&manager->loop, UV_RUN_DEFAULT);
        assert_string_equal(heard(manager), "WATCHDOG=1");
    }

    uv_close((uv_handle_t *)&poll, NULL);
    uv_close((uv_handle_t *)&guard, NULL);
    (void)uv_run(&manager->loop, UV_RUN_DEFAULT);
}

static void another_process_watchdog_is_not_ours(void **state)
{
    struct manager *manager = *state;
    assert_int_equal(setenv("WATCHDOG_USEC", "40000", 1), 0);
    assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0);

    notify_init(&manager->notify, &manager->loop);

    assert_false(manager->notify.has_watchdog);
}

static void without_a_service_manager_nothing_happens(void **state)
{
    struct manager *manager = *state;
    assert_int_equal(setenv("WATCHDOG_USEC", "40000", 1), 0);
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);

    notify_init(&manager->notify, &manager->loop);
    notify_ready(&manager->notify);
    notify_status(&manager->notify, "%s", "connected");
    notify_reloading(&manager->notify);
    notify_stopping(&manager->notify);

    assert_false(manager->notify.has_watchdog);
    assert_int_equal(uv_run(&manager->loop, UV_RUN_DEFAULT), 0);
    assert_string_equal(heard(manager), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_manager_hears_of_each_change, setup, teardown),
        cmocka_unit_test_setup_teardown(a_status_is_sent_once_until_it_changes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_peers_text_in_a_status_cannot_speak_for_us, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_overlong_status_is_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(the_watchdog_is_fed_by_the_loop_and_keeps_no_loop_alive,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(another_process_watchdog_is_not_ours, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_service_manager_nothing_happens, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
