/* SPDX-License-Identifier: Apache-2.0 */
/* The identity file: whole or refused, private, and never lost by being unreadable. */
#include "agent/join/identity.h"

#include "common/base/fs.h"
#include "common/codec/json.h"
#include "tests/support/tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static void make(struct identity *ret)
{
    struct err err = {0};
    auto_free char *public_pem = NULL;
    struct secret ca_key = {0};
    *ret = (struct identity){
        .is_complete = true,
        .runner_id = "192.168.40.79",
        .installation_id = "5d0c2c0e-5a2c-4b9e-9f6e-0d6c2f2f5a11",
        .zone = "ece-zone-1",
        .token_id = "7a4db5a0-d05b-43f7-84a3-cddb81f5254f",
        .roles = ROLE_ALLOCATOR | ROLE_PROXY,
        .enrolled_at_s = 1795000000,
    };
    assert_int_equal(keys_generate(&ret->private_key_pem, &public_pem, &err), 0);
    assert_int_equal(
        x509_make_ca(ret->installation_id, 1795000000, 3650, &ret->ca_pem, &ca_key, &err), 0);
    secret_fini(&ca_key);
    assert_int_equal(endpoint_list_parse("10.0.0.1,[::1]:443", 12443, &ret->coordinators, &err),
                     0);
}

static char *path_of(const struct tmpdir *dir)
{
    char *path = fs_join(dir->path, "identity.json");
    assert_non_null(path);
    return path;
}

static void what_is_stored_is_found_again(void **state)
{
    const struct tmpdir *dir = *state;
    struct err err = {0};
    struct identity stored;
    struct identity loaded = {0};
    enum identity_found found = IDENTITY_ABSENT;
    make(&stored);

    assert_int_equal(identity_store(dir->path, &stored, &err), 0);
    assert_int_equal(identity_load(dir->path, &found, &loaded, &err), 0);

    assert_int_equal(found, IDENTITY_FOUND);
    assert_true(loaded.is_complete);
    assert_string_equal(loaded.runner_id, stored.runner_id);
    assert_string_equal(loaded.installation_id, stored.installation_id);
    assert_string_equal(loaded.zone, stored.zone);
    assert_string_equal(loaded.token_id, stored.token_id);
    assert_int_equal(loaded.roles, stored.roles);
    assert_int_equal(loaded.enrolled_at_s, stored.enrolled_at_s);
    assert_string_equal(loaded.ca_pem, stored.ca_pem);
    assert_string_equal(loaded.private_key_pem.bytes, stored.private_key_pem.bytes);
    assert_int_equal(loaded.coordinators.count, 2);
    assert_true(endpoint_equal(&loaded.coordinators.items[1], &stored.coordinators.items[1]));
    identity_fini(&stored);
    identity_fini(&loaded);
}

/* [TK-5] and "one file of mode 0600". */
static void the_file_is_private_and_holds_no_token(void **state)
{
    const struct tmpdir *dir = *state;
    struct err err = {0};
    struct identity identity;
    struct stat info;
    auto_free char *path = path_of(dir);
    make(&identity);
    assert_int_equal(identity_store(dir->path, &identity, &err), 0);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    identity_fini(&identity);
}

static void absent_is_not_an_error(void **state)
{
    const struct tmpdir *dir = *state;
    struct err err = {0};
    struct identity identity = {0};
    enum identity_found found = IDENTITY_FOUND;
    assert_int_equal(identity_load(dir->path, &found, &identity, &err), 0);
    assert_int_equal(found, IDENTITY_ABSENT);
    assert_int_equal(identity_erase(dir->path, &err), 0);
}

static void expect_refused(const struct tmpdir *dir, const char *text, enum err_code code,
                           const char *what)
{
    struct err err = {0};
    struct identity identity = {0};
    enum identity_found found = IDENTITY_ABSENT;
    auto_free char *path = path_of(dir);
    auto_buf after = BUF_INIT(65536);
    assert_int_equal(fs_replace(path, text, strlen(text), 0600, false, &err), 0);
    assert_int_equal(identity_load(dir->path, &found, &identity, &err), -1);
    assert_int_equal(err.code, code);
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, what));
    /* The file is as it was: the key in it may be the only way back. */
    assert_int_equal(fs_read(path, &after, &err), 0);
    assert_string_equal(buf_text(&after), text);
}

static char *stored_text(const struct tmpdir *dir)
{
    struct err err = {0};
    struct identity identity;
    auto_free char *path = path_of(dir);
    auto_buf text = BUF_INIT(65536);
    make(&identity);
    assert_int_equal(identity_store(dir->path, &identity, &err), 0);
    assert_int_equal(fs_read(path, &text, &err), 0);
    identity_fini(&identity);
    return buf_take(&text);
}

static void a_torn_file_is_refused_at_every_length(void **state)
{
    const struct tmpdir *dir = *state;
    auto_free char *text = stored_text(dir);
    size_t len = strlen(text);
    for (size_t cut = 0; cut + 2 < len; cut += len / 40 + 1) {
        auto_free char *torn = strndup(text, cut);
        expect_refused(dir, torn, ERR_CORRUPT, "leave --local");
    }
}

static void a_file_of_the_future_says_so(void **state)
{
    const struct tmpdir *dir = *state;
    expect_refused(dir, "{\"version\":2}", ERR_FUTURE, "version 2");
}

static void each_field_is_checked(void **state)
{
    static const struct {
        const char *key;
        const char *value;
    } edits[] = {
        {"complete", "1"},
        {"runner_id", "7"},
        {"roles", "[\"king\"]"},
        {"coordinators", "[\":x\"]"},
        {"private_key", "\"\""},
        {"ca_certificate", "\"x\""},
        {"installation_id", "\"another\""},
    };
    const struct tmpdir *dir = *state;
    auto_free char *text = stored_text(dir);
    for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
        json_t *json = json_loads(text, 0, NULL);
        json_t *value = json_loads(edits[i].value, JSON_DECODE_ANY, NULL);
        assert_int_equal(json_object_set_new(json, edits[i].key, value), 0);
        auto_free char *edited = json_compact(json);
        json_decref(json);
        expect_refused(dir, edited, ERR_CORRUPT,
                       strcmp(edits[i].key, "installation_id") == 0 ? "another" : edits[i].key);
    }
}

static void a_file_that_others_can_read_is_refused(void **state)
{
    const struct tmpdir *dir = *state;
    struct err err = {0};
    struct identity identity = {0};
    enum identity_found found = IDENTITY_ABSENT;
    auto_free char *text = stored_text(dir);
    auto_free char *path = path_of(dir);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(identity_load(dir->path, &found, &identity, &err), -1);
    assert_int_equal(err.code, ERR_PERMISSION);
    assert_non_null(strstr(err.message, "0640"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_stored_is_found_again, tmpdir_setup,
                                        tmpdir_teardown),
        cmocka_unit_test_setup_teardown(the_file_is_private_and_holds_no_token, tmpdir_setup,
                                        tmpdir_teardown),
        cmocka_unit_test_setup_teardown(absent_is_not_an_error, tmpdir_setup, tmpdir_teardown),
        cmocka_unit_test_setup_teardown(a_torn_file_is_refused_at_every_length, tmpdir_setup,
                                        tmpdir_teardown),
        cmocka_unit_test_setup_teardown(a_file_of_the_future_says_so, tmpdir_setup,
                                        tmpdir_teardown),
        cmocka_unit_test_setup_teardown(each_field_is_checked, tmpdir_setup, tmpdir_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_others_can_read_is_refused, tmpdir_setup,
                                        tmpdir_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
