/* SPDX-License-Identifier: Apache-2.0 */
/* The first start and later ones, through the store and the state directory. */
#include "coordinator/installation/installation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "common/base/fs.h"
#include "common/codec/json.h"
#include "coordinator/auth/roles_tokens.h"
#include "coordinator/auth/users.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_rng.h"
#include "tests/support/memory_store.h"
#include "tests/support/tmpdir.h"

struct fixture {
    uv_loop_t loop;
    struct tmpdir dir;
    struct memory_store *memory;
    struct fake_clock clock;
    struct fake_rng rng;
    struct log log;
    struct installation_opened opened;
    unsigned n_opened;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    if (fixture == NULL || uv_loop_init(&fixture->loop) != 0 || !tmpdir_make(&fixture->dir)) {
        return -1;
    }
    fixture->memory = memory_store_new();
    fixture->log = (struct log){.threshold = LOG_LEVEL_ERROR, .fd = -1};
    fake_clock_init(&fixture->clock);
    fake_rng_init(&fixture->rng, 11);
    *state = fixture;
    return 0;
}

static void forget_opened(struct fixture *fixture)
{
    installation_free(fixture->opened.installation);
    fixture->opened = (struct installation_opened){0};
    fixture->n_opened = 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    forget_opened(fixture);
    memory_store_free(fixture->memory);
    int result = tmpdir_remove(&fixture->dir) ? uv_loop_close(&fixture->loop) : -1;
    free(fixture);
    return result;
}

static void on_opened(const struct installation_opened *opened, void *userdata)
{
    struct fixture *fixture = userdata;
    fixture->opened = *opened;
    fixture->n_opened++;
}

static int begin(struct fixture *fixture, struct err *err)
{
    const struct installation_options options = {
        .loop = &fixture->loop,
        .store = &fixture->memory->store,
        .state_dir = fixture->dir.path,
        .clock = &fixture->clock.clock,
        .rng = &fixture->rng.rng,
        .log = &fixture->log,
    };
    forget_opened(fixture);
    int result = installation_open(&options, on_opened, fixture, err);
    assert_int_equal(fixture->n_opened, 0); /* never from inside the call */
    return result;
}

static void settle(struct fixture *fixture)
{
    do {
        (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    } while (memory_store_run(fixture->memory) > 0);
}

/* A start that reaches its callback. */
static const struct installation *start(struct fixture *fixture)
{
    struct err err;
    if (begin(fixture, &err) < 0) {
        fail_msg("%s", err.message);
    }
    settle(fixture);
    assert_int_equal(fixture->n_opened, 1);
    return fixture->opened.installation;
}

static char *read_file(struct fixture *fixture, const char *name)
{
    char path[TMPDIR_PATH_BYTES];
    struct buf text = BUF_INIT(65536);
    struct err err;
    if (fs_read(tmpdir_path(&fixture->dir, name, path), &text, &err) < 0) {
        return NULL;
    }
    return buf_take(&text);
}

static mode_t mode_of(struct fixture *fixture, const char *name)
{
    char path[TMPDIR_PATH_BYTES];
    struct stat stat_;
    assert_int_equal(stat(tmpdir_path(&fixture->dir, name, path), &stat_), 0);
    return stat_.st_mode & 07777;
}

static json_t *secrets_of(struct fixture *fixture)
{
    auto_free char *text = read_file(fixture, "bootstrap-secrets.json");
    json_t *json = NULL;
    struct err err;
    assert_non_null(text);
    assert_int_equal(json_parse(text, strlen(text), &json, &err), 0);
    return json;
}

static void the_first_start_makes_installation_secrets_and_ca(void **state)
{
    struct fixture *fixture = *state;

    const struct installation *made = start(fixture);

    assert_non_null(made);
    assert_true(fixture->opened.is_new);
    assert_int_equal(strlen(made->id), 36);
    assert_string_equal(made->ca.installation_id, made->id);
    assert_true(made->roles_token_key.len >= 32 && made->access_token_key.len >= 32);
    assert_memory_not_equal(made->roles_token_key.bytes, made->access_token_key.bytes, 32);
    assert_int_equal(fixture->memory->writes, 1); /* all of it or nothing */
    assert_non_null(memory_store_get(fixture->memory, "installation"));
    assert_non_null(memory_store_get(fixture->memory, "users/admin"));
    assert_non_null(memory_store_get(fixture->memory, "users/readonly"));

    auto_free char *ca = read_file(fixture, "ca.pem");
    assert_string_equal(ca, made->ca_cert_pem);
    assert_int_equal(mode_of(fixture, "ca.pem"), 0644);
    assert_int_equal(mode_of(fixture, "bootstrap-secrets.json"), 0600);
    auto_free char *secrets = read_file(fixture, "bootstrap-secrets.json");
    /* As people grep for it. */
    assert_non_null(strstr(secrets, "{\"adminconsole_root_password\":\""));
    assert_null(strpbrk(secrets, " \t\n"));
}

static void note_answer(const struct users_answer *answer, void *userdata)
{
    *(struct users_answer *)userdata = *answer;
}

static void ignore_stop(void *userdata)
{
    (void)userdata;
}

/* What is printed must work. */
static void the_secrets_open_what_they_say(void **state)
{
    struct fixture *fixture = *state;
    const struct installation *made = start(fixture);
    auto_json *secrets = secrets_of(fixture);
    struct users *users = NULL;
    struct roles_tokens *tokens = NULL;
    struct err err;
    const struct users_options users_options = {&fixture->loop, &fixture->memory->store,
                                                &fixture->clock.clock, &fixture->rng.rng,
                                                &fixture->log};
    const struct roles_tokens_options tokens_options = {
        &fixture->memory->store, &fixture->clock.clock,  &fixture->rng.rng,
        &fixture->log,           &made->roles_token_key, made->ca.sha256};
    assert_int_equal(users_open(&users, &users_options, &err), 0);
    assert_int_equal(roles_tokens_open(&tokens, &tokens_options, &err), 0);

    static const struct {
        const char *field;
        const char *name;
        enum user_role role;
    } accounts[] = {
        {"adminconsole_root_password", "admin", USER_ROLE_ADMIN},
        {"adminconsole_readonly_password", "readonly", USER_ROLE_READONLY},
    };

    for (size_t i = 0; i < ARRAY_LEN(accounts); i++) {
        const char *password = json_string_value(json_object_get(secrets, accounts[i].field));
        const struct users_attempt attempt = {accounts[i].name, password, "127.0.0.1"};
        struct users_answer answer;
        assert_int_equal(users_check(users, &attempt, note_answer, &answer, &answer),
                         USERS_PENDING);
        (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
        assert_int_equal(answer.verdict, USERS_OK);
        assert_int_equal(answer.user.role, accounts[i].role);
    }

    static const struct {
        const char *field;
        roles_t roles;
    } expected[] = {
        {"bootstrap_runner_roles_token", ROLES_NONE},
        {"allocator_only_token", ROLE_ALLOCATOR},
        {"emergency_all_roles_except_allocator_token",
         ROLE_COORDINATOR | ROLE_PROXY | ROLE_DIRECTOR},
    };

    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        const char *text = json_string_value(json_object_get(secrets, expected[i].field));
        struct roles_token_grant grant;
        assert_int_equal(roles_tokens_verify(tokens, text, strlen(text), &grant, &err),
                         ROLES_TOKEN_OK);
        assert_int_equal(grant.roles, expected[i].roles);
        assert_true(grant.is_persistent);
    }
    users_stop(users, ignore_stop, NULL);
    settle(fixture);
    memory_store_detach(fixture->memory);
    users_free(users);
    roles_tokens_free(tokens);
}

static void a_later_start_finds_the_same_and_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct installation first = *start(fixture);
    char *ca = strdup(first.ca_cert_pem);
    auto_free char *secrets = read_file(fixture, "bootstrap-secrets.json");
    auto_secret key = {0};
    struct err err;
    assert_int_equal(
        secret_copy(&key, first.roles_token_key.bytes, first.roles_token_key.len, &err), 0);

    const struct installation *again = start(fixture);

    assert_false(fixture->opened.is_new);
    assert_string_equal(again->id, first.id);
    assert_string_equal(again->internal_name, first.internal_name);
    assert_string_equal(again->ca_cert_pem, ca);
    assert_true(secret_equal(again->roles_token_key.bytes, again->roles_token_key.len,
                             key.bytes, key.len));
    assert_int_equal(fixture->memory->writes, 1);
    auto_free char *secrets_again = read_file(fixture, "bootstrap-secrets.json");
    assert_string_equal(secrets_again, secrets);
    free(ca);
}

static void ca_pem_is_written_again_when_it_is_gone_or_another(void **state)
{
    struct fixture *fixture = *state;
    char path[TMPDIR_PATH_BYTES];
    struct err err;
    (void)start(fixture);
    (void)tmpdir_path(&fixture->dir, "ca.pem", path);

    assert_int_equal(unlink(path), 0);
    auto_free char *first = strdup(start(fixture)->ca_cert_pem);
    auto_free char *after_loss = read_file(fixture, "ca.pem");
    assert_string_equal(after_loss, first);
    assert_int_equal(fs_replace(path, "torn", 4, 0644, false, &err), 0);
    (void)start(fixture);
    auto_free char *after_tear = read_file(fixture, "ca.pem");
    assert_string_equal(after_tear, first);
}

/* The people's copy is no reason not to start. */
static void a_ca_pem_that_cannot_be_written_is_no_obstacle(void **state)
{
    struct fixture *fixture = *state;
    char path[TMPDIR_PATH_BYTES];
    (void)start(fixture);
    (void)tmpdir_path(&fixture->dir, "ca.pem", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);

    assert_non_null(start(fixture));
    assert_int_equal(fixture->opened.error.code, ERR_NONE);
}

/* As after a crash between the two: the secrets of the next start are those of the
 * installation. */
static void
a_commit_that_fails_leaves_no_installation_and_the_next_start_makes_one(void **state)
{
    struct fixture *fixture = *state;
    fixture->memory->fail_next = 1;

    assert_null(start(fixture));
    assert_int_equal(fixture->opened.error.code, ERR_NO_SPACE);
    assert_null(memory_store_get(fixture->memory, "installation"));
    auto_free char *stale = read_file(fixture, "bootstrap-secrets.json");
    assert_non_null(stale);

    assert_non_null(start(fixture));
    assert_true(fixture->opened.is_new);
    auto_free char *fresh = read_file(fixture, "bootstrap-secrets.json");
    assert_string_not_equal(fresh, stale);
}

static void secrets_that_cannot_be_written_leave_no_installation(void **state)
{
    struct fixture *fixture = *state;
    char path[TMPDIR_PATH_BYTES];
    assert_int_equal(mkdir(tmpdir_path(&fixture->dir, "bootstrap-secrets.json", path), 0700),
                     0);

    assert_null(start(fixture));

    assert_true(fixture->opened.error.code != ERR_NONE);
    assert_non_null(strstr(fixture->opened.error.message, "bootstrap-secrets.json"));
    assert_int_equal(fixture->memory->queued, 0);
    assert_null(memory_store_get(fixture->memory, "installation"));
}

/* Two coordinators on one store start for the first time together. */
static void the_slower_of_two_first_starts_takes_the_other_installation(void **state)
{
    struct fixture *fixture = *state;
    auto_free char *id = strdup(start(fixture)->id);
    auto_free char *others = strdup(memory_store_get(fixture->memory, "installation"));
    memory_store_put(fixture->memory, "installation", NULL);

    struct err err;
    assert_int_equal(begin(fixture, &err), 0);
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT); /* its transaction is on its way */
    memory_store_put(fixture->memory, "installation", others);
    settle(fixture);

    assert_int_equal(fixture->n_opened, 1);
    assert_non_null(fixture->opened.installation);
    assert_false(fixture->opened.is_new);
    assert_string_equal(fixture->opened.installation->id, id);
    auto_free char *secrets = read_file(fixture, "bootstrap-secrets.json");
    assert_null(secrets); /* ours would open nothing */
}

static void an_installation_that_cannot_be_read_is_never_replaced(void **state)
{
    struct fixture *fixture = *state;
    (void)start(fixture);
    const char *good = memory_store_get(fixture->memory, "installation");
    auto_json *json = NULL;
    struct err err;
    assert_int_equal(json_parse(good, strlen(good), &json, &err), 0);
    assert_int_equal(json_object_set_new(json, "version", json_integer(2)), 0);
    auto_free char *future = json_compact(json);
    assert_int_equal(json_object_set_new(json, "version", json_integer(1)), 0);
    assert_int_equal(json_object_set_new(json, "roles_token_key", json_string("c2hvcnQ")), 0);
    auto_free char *short_key = json_compact(json);
    auto_free char *torn = strndup(good, strlen(good) / 2);

    const struct {
        const char *value;
        enum err_code code;
    } cases[] = {
        {"", ERR_CORRUPT},    {"{}", ERR_CORRUPT},      {torn, ERR_CORRUPT},
        {future, ERR_FUTURE}, {short_key, ERR_CORRUPT},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        memory_store_put(fixture->memory, "installation", cases[i].value);
        assert_int_equal(begin(fixture, &err), -1);
        assert_int_equal(err.code, cases[i].code);
        assert_int_equal(fixture->memory->queued, 0);
        assert_string_equal(memory_store_get(fixture->memory, "installation"), cases[i].value);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(the_first_start_makes_installation_secrets_and_ca),
        CASE(the_secrets_open_what_they_say),
        CASE(a_later_start_finds_the_same_and_changes_nothing),
        CASE(ca_pem_is_written_again_when_it_is_gone_or_another),
        CASE(a_ca_pem_that_cannot_be_written_is_no_obstacle),
        CASE(a_commit_that_fails_leaves_no_installation_and_the_next_start_makes_one),
        CASE(secrets_that_cannot_be_written_leave_no_installation),
        CASE(the_slower_of_two_first_starts_takes_the_other_installation),
        CASE(an_installation_that_cannot_be_read_is_never_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
