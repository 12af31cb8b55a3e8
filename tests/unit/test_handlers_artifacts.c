/* SPDX-License-Identifier: Apache-2.0 */
/* What anyone may fetch: plain files of one directory under plain names, and nothing else. */
#include "common/base/fs.h"
#include "tests/support/handler_harness.h"
#include "tests/support/tmpdir.h"
#include "tests/unit/handlers_cases.h"

#define NOT_FOUND "artifacts.artifact_not_found"

struct shelf {
    struct handler_harness *harness;
    struct tmpdir dir;
};

static int setup(void **state)
{
    struct shelf *shelf = calloc(1, sizeof *shelf);
    void *harness = NULL;
    assert_non_null(shelf);
    assert_int_equal(handler_setup(&harness), 0);
    assert_true(tmpdir_make(&shelf->dir));
    shelf->harness = harness;
    shelf->harness->handlers.artifacts_dir = shelf->dir.path;
    *state = shelf;
    return 0;
}

static int teardown(void **state)
{
    struct shelf *shelf = *state;
    void *harness = shelf->harness;
    bool is_gone = tmpdir_remove(&shelf->dir);
    free(shelf);
    return handler_teardown(&harness) == 0 && is_gone ? 0 : -1;
}

static void put(const struct shelf *shelf, const char *name, const char *text)
{
    char path[TMPDIR_PATH_BYTES];
    struct err err;
    assert_int_equal(
        fs_replace(tmpdir_path(&shelf->dir, name, path), text, strlen(text), 0644, false, &err),
        0);
}

/* Ask, and expect this file. The exchange is still to be released. */
static struct exchange *expect_file(const struct shelf *shelf, const char *uri,
                                    const char *text, const char *type)
{
    struct exchange *exchange =
        handler_send(shelf->harness, &(struct handler_request){.method = "GET", .uri = uri});
    char bytes[64] = "";
    assert_int_equal(exchange->reply.status, 200);
    assert_int_equal(exchange->reply.len, strlen(text));
    assert_true(exchange->reply.file_fd >= 0);
    assert_int_equal(pread(exchange->reply.file_fd, bytes, sizeof bytes, 0),
                     (ssize_t)strlen(text));
    assert_string_equal(bytes, text);
    assert_string_equal(exchange_find_field(&exchange->reply.headers, "Content-Type"), type);
    return exchange;
}

static void expect_none(const struct shelf *shelf, const char *uri, const char *words)
{
    (void)handler_get(shelf->harness, uri);
    handler_expect_error(shelf->harness, 404, NOT_FOUND, words);
}

/* [AR-1] [AR-3] [AR-5] */
static void a_file_is_served_with_its_type(void **state)
{
    const struct shelf *shelf = *state;

    static const struct {
        const char *name;
        const char *uri;
        const char *type;
    } cases[] = {
        {"ece-agent_2.0.0~rc1+b_amd64.deb", "/artifacts/ece-agent_2.0.0~rc1+b_amd64.deb",
         "application/vnd.debian.binary-package"},
        {"SHA256SUMS", "/artifacts/SHA256SUMS", "text/plain; charset=utf-8"},
        {"SHA256SUMS.gpg", "/artifacts/SHA256SUMS.gpg", "application/octet-stream"},
        {"x.tar.gz", "/artifacts/x.tar.g%7A", "application/octet-stream"},
        {"deb", "/artifacts/deb", "application/octet-stream"},
        {"elastic-cloud-enterprise.sh", "/artifacts/elastic-cloud-enterprise.sh",
         "text/x-shellscript; charset=utf-8"},
        {"elastic-cloud-enterprise.sh", "/elastic-cloud-enterprise.sh",
         "text/x-shellscript; charset=utf-8"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put(shelf, cases[i].name, cases[i].name);
        exchange_release(expect_file(shelf, cases[i].uri, cases[i].name, cases[i].type));
    }
}

/* [AR-1] */
static void a_name_that_is_more_than_a_name_is_refused(void **state)
{
    const struct shelf *shelf = *state;
    static const char *const names[] = {
        ".hidden",
        "-x",
        "_x",
        "~x",
        "%2e%2e%2fetc%2fpasswd",
        "..%2fx",
        "a%2fb",
        "a%20b",
        "a$b",
        "%C3%A9",
        "a%5Cb",
        "*",
        "a%3Bb",
        "%2fetc%2fpasswd",
    };
    char uri[sizeof "/artifacts/" + 256] = "/artifacts/";
    put(shelf, ".hidden", "x");
    put(shelf, "-x", "x");
    put(shelf, "a b", "x");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(uri, sizeof uri, "/artifacts/%s", names[i]);
        expect_none(shelf, uri, "no artifact has a name like that");
    }
    /* 255 bytes are a name, 256 are none */
    memset(uri + strlen("/artifacts/"), 'a', 256);
    uri[strlen("/artifacts/") + 256] = '\0';
    expect_none(shelf, uri, "no artifact has a name like that");
    uri[strlen("/artifacts/") + 255] = '\0';
    expect_none(shelf, uri, "the coordinator has no artifact aaa");
}

/* [AR-2] */
static void what_is_no_regular_file_is_not_served(void **state)
{
    const struct shelf *shelf = *state;
    char path[TMPDIR_PATH_BYTES];
    put(shelf, "real", "x");
    assert_int_equal(symlink("real", tmpdir_path(&shelf->dir, "link", path)), 0);
    assert_int_equal(symlink("/etc/passwd", tmpdir_path(&shelf->dir, "passwd", path)), 0);
    assert_int_equal(mkdir(tmpdir_path(&shelf->dir, "dir", path), 0755), 0);
    assert_int_equal(mkfifo(tmpdir_path(&shelf->dir, "fifo", path), 0644), 0);
    assert_int_equal(mknod(tmpdir_path(&shelf->dir, "socket", path), S_IFSOCK | 0644, 0), 0);

    expect_none(shelf, "/artifacts/link", "no artifact link");
    expect_none(shelf, "/artifacts/passwd", "no artifact passwd");
    expect_none(shelf, "/artifacts/dir", "no artifact dir");
    expect_none(shelf, "/artifacts/fifo", "no artifact fifo");
    expect_none(shelf, "/artifacts/socket", "no artifact socket");
}

/* [AR-2] */
static void a_file_over_the_bound_is_not_served(void **state)
{
    const struct shelf *shelf = *state;
    char path[TMPDIR_PATH_BYTES];
    const off_t most = (off_t)256 * 1024 * 1024;
    put(shelf, "big", "");
    assert_int_equal(truncate(tmpdir_path(&shelf->dir, "big", path), most + 1), 0);
    expect_none(shelf, "/artifacts/big", "no artifact big");
    assert_int_equal(truncate(path, most), 0);
    struct exchange *exchange = handler_send(
        shelf->harness, &(struct handler_request){.method = "GET", .uri = "/artifacts/big"});
    assert_int_equal(exchange->reply.status, 200);
    assert_int_equal(exchange->reply.len, most);
    exchange_release(exchange);
}

static void what_is_not_there_is_404_and_says_what_to_do(void **state)
{
    const struct shelf *shelf = *state;
    expect_none(shelf, "/artifacts/SHA256SUMS", "elastic-cloud-enterprise.sh install");
    expect_none(shelf, "/elastic-cloud-enterprise.sh", "artifacts directory");
    shelf->harness->handlers.artifacts_dir = "/nonexistent/ece-artifacts";
    expect_none(shelf, "/artifacts/SHA256SUMS", "elastic-cloud-enterprise.sh install");
}

/* [AR-1] */
static void a_file_that_is_replaced_meanwhile_is_the_old_one_to_the_end(void **state)
{
    const struct shelf *shelf = *state;
    char bytes[16] = "";
    put(shelf, "x", "old");
    struct exchange *exchange =
        expect_file(shelf, "/artifacts/x", "old", "application/octet-stream");
    put(shelf, "x", "newer");
    assert_int_equal(pread(exchange->reply.file_fd, bytes, sizeof bytes, 0), 3);
    assert_string_equal(bytes, "old");
    exchange_release(exchange);
    exchange_release(expect_file(shelf, "/artifacts/x", "newer", "application/octet-stream"));
}

int run_handlers_artifacts_cases(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_file_is_served_with_its_type),
        CASE(a_name_that_is_more_than_a_name_is_refused),
        CASE(what_is_no_regular_file_is_not_served),
        CASE(a_file_over_the_bound_is_not_served),
        CASE(what_is_not_there_is_404_and_says_what_to_do),
        CASE(a_file_that_is_replaced_meanwhile_is_the_old_one_to_the_end),
    };
    return cmocka_run_group_tests_name("handlers_artifacts", tests, NULL, NULL);
}
