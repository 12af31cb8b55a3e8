/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of users and the checks under way. At most RUNNING_MAX checks are on the thread
 * pool at a time (the store's writes need its other threads) and CHECKS_MAX in all; more are
 * refused. An unknown name costs the same hash as a known one, with a salt that fits no
 * password.
 */
#include "coordinator/auth/users.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/auth/attempt_limit.h"
#include "coordinator/auth/password_cache.h"

enum {
    ACCOUNTS_MAX = 16,
    RUNNING_MAX = 2,
    CHECKS_MAX = 32,
    BUSY_RETRY_S = 1,
};

struct account {
    char name[USER_NAME_BYTES]; /* "" = free */
    struct user_record record;
    uint64_t mod_revision;
};

/* One password on its way. */
struct check {
    struct users *users;
    users_checked_fn *done;
    void *userdata;
    struct check *next; /* while it waits */
    uv_work_t work;
    char name[USER_NAME_BYTES];
    char password[PASSWORD_MAX + 1];
    char peer[ATTEMPT_ADDRESS_BYTES];
    char hash[PASSWORD_HASH_BYTES];
    uint64_t mod_revision; /* of the account's record; 0 = there is none */
    bool is_match;         /* written on the pool, read after */
};

struct users {
    struct users_options options;
    struct account accounts[ACCOUNTS_MAX];
    char no_hash[PASSWORD_HASH_BYTES]; /* a salt alone: for unknown names */
    struct password_cache cache;
    struct attempt_limit limit;
    struct check *first_waiting; /* owned */
    struct check **last_waiting;
    unsigned n_running;
    unsigned n_checks; /* running and waiting */
    bool is_stopping;
    bool has_turned; /* the loop turned since users_stop */
    uv_work_t stop_work;
    void (*stopped)(void *userdata);
    void *stopped_userdata;
};

static struct account *find(struct users *users, const char *name)
{
    for (size_t i = 0; i < ACCOUNTS_MAX; i++) {
        if (name[0] != '\0' && strcmp(users->accounts[i].name, name) == 0) {
            return &users->accounts[i];
        }
    }
    return NULL;
}

static struct account *find_or_free(struct users *users, const char *name)
{
    struct account *account = find(users, name);
    for (size_t i = 0; account == NULL && i < ACCOUNTS_MAX; i++) {
        if (users->accounts[i].name[0] == '\0') {
            account = &users->accounts[i];
        }
    }
    return account;
}

/* A user as the store has it now. A record that cannot be read opens nothing. */
static void on_entry(const struct store_entry *entry, void *userdata)
{
    struct users *users = userdata;
    const char *name = entry->key + strlen(USERS_PREFIX);
    size_t name_len = strlen(name);
    struct account *account = find(users, name);
    struct user_record record = {0};
    struct err err = {0};
    password_cache_drop(&users->cache, name);
    if (account != NULL) {
        explicit_bzero(account, sizeof(*account));
    }
    if (entry->value == NULL) {
        return;
    }
    if (name_len == 0 || name_len >= USER_NAME_BYTES ||
        (account = find_or_free(users, name)) == NULL) {
        log_error(users->options.log, "users",
                  "%s: a name of 1 to %d bytes and at most %d users are possible: ignored",
                  entry->key, USER_NAME_BYTES - 1, ACCOUNTS_MAX);
    } else if (user_record_decode(entry->value, entry->len, &record, &err) < 0) {
        log_error(users->options.log, "users", "%s: %s: this user cannot log in", entry->key,
                  err.message);
    } else {
        memcpy(account->name, name, name_len + 1);
        account->record = record;
        account->mod_revision = entry->mod_revision;
    }
}

int users_open(struct users **ret, const struct users_options *options, struct err *err)
{
    struct users *users = calloc(1, sizeof(*users));
    if (users == NULL) {
        return err_no_memory(err);
    }
    users->options = *options;
    users->last_waiting = &users->first_waiting;
    password_cache_init(&users->cache, options->rng);
    /* The watch last: it cannot be taken back. */
    if (password_salt(options->rng, users->no_hash, err) < 0 ||
        store_list(options->store, USERS_PREFIX, on_entry, users, err) < 0 ||
        store_watch(options->store, USERS_PREFIX, on_entry, users, err) < 0) {
        users_free(users);
        return err_wrap(err, "read the users");
    }
    *ret = users;
    return 0;
}

void users_free(struct users *users)
{
    if (users == NULL) {
        return;
    }
    explicit_bzero(users->accounts, sizeof(users->accounts));
    password_cache_fini(&users->cache);
    free(users);
}

/* --- one check --- */

static void check_work(uv_work_t *work)
{
    struct check *check = CONTAINER_OF(work, struct check, work);
    check->is_match = password_matches(check->password, check->hash);
}

static struct users_answer answer_ok(const struct account *account)
{
    struct users_answer answer = {.verdict = USERS_OK};
    memcpy(answer.user.name, account->name, sizeof(answer.user.name));
    answer.user.role = account->record.role;
    return answer;
}

static struct users_answer answer_busy(void)
{
    return (struct users_answer){.verdict = USERS_BUSY, .retry_after_s = BUSY_RETRY_S};
}

static void count_failure(struct users *users, const char *peer)
{
    uint64_t now_ms = clock_monotonic_ms(users->options.clock);
    if (attempt_limit_fail(&users->limit, peer, now_ms) == ATTEMPT_FAILURES_MAX) {
        log_notice(users->options.log, "users",
                   "%d wrong passwords from %s within %d s: it has to wait",
                   ATTEMPT_FAILURES_MAX, peer, ATTEMPT_WINDOW_MS / 1000);
    }
}

static struct users_answer judge(struct users *users, const struct check *check)
{
    const struct account *account = find(users, check->name);
    /* The record may have changed meanwhile: then the hash that was checked is not its own
     * any more. */
    bool is_same = account != NULL && account->mod_revision == check->mod_revision;
    if (check->is_match && is_same) {
        password_cache_add(&users->cache, check->name, check->password,
                           clock_monotonic_ms(users->options.clock));
        return answer_ok(account);
    }
    if (!check->is_match) {
        count_failure(users, check->peer);
    }
    return (struct users_answer){.verdict = USERS_WRONG};
}

/* Tells the caller and frees the check. The caller may do anything with the users but free
 * them. */
static void conclude(struct check *check, const struct users_answer *answer)
{
    users_checked_fn *done = check->done;
    void *userdata = check->userdata;
    check->users->n_checks--;
    explicit_bzero(check, sizeof(*check));
    free(check);
    done(answer, userdata);
}

static void on_checked(uv_work_t *work, int status);

/* Put waiting checks on the pool while there is room; after users_stop they are answered
 * instead. */
static void pump(struct users *users)
{
    while (users->first_waiting != NULL && users->n_running < RUNNING_MAX) {
        struct check *check = users->first_waiting;
        users->first_waiting = check->next;
        if (users->first_waiting == NULL) {
            users->last_waiting = &users->first_waiting;
        }
        if (users->is_stopping) {
            struct users_answer busy = answer_busy();
            conclude(check, &busy);
            continue;
        }
        users->n_running++;
        /* Fails only without a callback. */
        (void)uv_queue_work(users->options.loop, &check->work, check_work, on_checked);
    }
}

static void tell_if_stopped(struct users *users)
{
    void (*stopped)(void *) = users->stopped;
    if (users->has_turned && users->n_checks == 0 && stopped != NULL) {
        users->stopped = NULL;
        stopped(users->stopped_userdata); /* may free the users */
    }
}

static void on_checked(uv_work_t *work, int status)
{
    struct check *check = CONTAINER_OF(work, struct check, work);
    struct users *users = check->users;
    struct users_answer answer = status == 0 ? judge(users, check) : answer_busy();
    users->n_running--;
    conclude(check, &answer);
    pump(users);
    tell_if_stopped(users);
}

static struct check *check_new(struct users *users, const struct account *account,
                               const struct users_attempt *attempt)
{
    struct check *check = calloc(1, sizeof(*check));
    if (check == NULL) {
        return NULL;
    }
    check->users = users;
    memcpy(check->name, attempt->name, strlen(attempt->name) + 1);
    memcpy(check->password, attempt->password, strlen(attempt->password) + 1);
    strncpy(check->peer, attempt->peer, sizeof(check->peer) - 1);
    memcpy(check->hash, account != NULL ? account->record.hash : users->no_hash,
           sizeof(check->hash));
    check->mod_revision = account != NULL ? account->mod_revision : 0;
    return check;
}

enum users_verdict users_check(struct users *users, const struct users_attempt *attempt,
                               users_checked_fn *done, void *userdata,
                               struct users_answer *ret_answer)
{
    uint64_t now_ms = clock_monotonic_ms(users->options.clock);
    const struct account *account = find(users, attempt->name);
    uint32_t wait_s = 0;
    struct users_answer answer = answer_busy();
    struct check *check = NULL;

    if (account != NULL &&
        password_cache_has(&users->cache, attempt->name, attempt->password, now_ms)) {
        answer = answer_ok(account);
    } else if ((wait_s = attempt_limit_wait(&users->limit, attempt->peer, now_ms)) > 0) {
        answer = (struct users_answer){.verdict = USERS_LIMITED, .retry_after_s = wait_s};
    } else if (strlen(attempt->name) >= USER_NAME_BYTES ||
               strlen(attempt->password) > PASSWORD_MAX) {
        count_failure(users, attempt->peer);
        answer = (struct users_answer){.verdict = USERS_WRONG};
    } else if (!users->is_stopping && users->n_checks < CHECKS_MAX &&
               (check = check_new(users, account, attempt)) != NULL) {
        check->done = done;
        check->userdata = userdata;
        users->n_checks++;
        *users->last_waiting = check;
        users->last_waiting = &check->next;
        pump(users);
        answer = (struct users_answer){.verdict = USERS_PENDING};
    }
    *ret_answer = answer;
    return answer.verdict;
}

static void stop_work(uv_work_t *work)
{
    (void)work; /* only a way to be called from the loop */
}

static void on_stop_work(uv_work_t *work, int status)
{
    struct users *users = CONTAINER_OF(work, struct users, stop_work);
    (void)status;
    users->has_turned = true;
    pump(users);
    tell_if_stopped(users);
}

void users_stop(struct users *users, void (*stopped)(void *userdata), void *userdata)
{
    if (users->is_stopping) {
        return;
    }
    users->is_stopping = true;
    users->stopped = stopped;
    users->stopped_userdata = userdata;
    (void)uv_queue_work(users->options.loop, &users->stop_work, stop_work, on_stop_work);
}
