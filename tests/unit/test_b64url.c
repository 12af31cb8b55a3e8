/* SPDX-License-Identifier: Apache-2.0 */
/* Base64url: RFC 4648's vectors, one text for each byte string, and nothing lenient. */
#include "common/codec/b64url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void encodes_and_decodes_the_vectors_of_the_rfc(void **state)
{
    (void)state;

    static const struct {
        const char *bytes;
        const char *text;
    } vectors[] = {
        {"", ""},
        {"f", "Zg"},
        {"fo", "Zm8"},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg"},
        {"fooba", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "-_-_"},
    };

    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct err err;
        auto_buf text = BUF_INIT(64);
        auto_buf bytes = BUF_INIT(64);

        assert_int_equal(b64url_encode(vectors[i].bytes, strlen(vectors[i].bytes), &text, &err),
                         0);
        assert_string_equal(buf_text(&text), vectors[i].text);
        assert_int_equal(b64url_decode(vectors[i].text, strlen(vectors[i].text), &bytes, &err),
                         0);
        assert_string_equal(buf_text(&bytes), vectors[i].bytes);
    }
}

static void brings_back_all_bytes_at_every_length(void **state)
{
    (void)state;
    unsigned char all[600];
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (unsigned char)(i * 7);
    }
    for (size_t len = 0; len <= sizeof all; len++) {
        struct err err;
        auto_buf text = BUF_INIT(1024);
        auto_buf bytes = BUF_INIT(1024);

        assert_int_equal(b64url_encode(all, len, &text, &err), 0);
        assert_int_equal(b64url_decode(buf_text(&text), text.len, &bytes, &err), 0);

        assert_int_equal(bytes.len, len);
        assert_memory_equal(buf_text(&bytes), all, len);
    }
}

static void refuses_what_it_would_not_have_written(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        size_t len;
        const char *why;
    } cases[] = {
        {"A", 1, "cut off"},          {"AAAAA", 5, "cut off"},
        {"Zg==", 4, "character 3"},   {"Zm9v ", 5, "character 5"},
        {"Zm9v\n", 5, "character 5"}, {"Zm 9v", 5, "character 3"},
        {"+/+/", 4, "character 1"},   {"Zm9v\0Zg", 7, "character 5"},
        {"\xc3\xa9", 2, "0xc3"},      {"Zh", 2, "stray bits"},
        {"Zm9", 3, "stray bits"},     {"$", 1, "character 1"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err;
        auto_buf bytes = BUF_INIT(64);
        assert_int_equal(buf_append(&bytes, "before", 6, &err), 0);

        assert_int_equal(b64url_decode(cases[i].text, cases[i].len, &bytes, &err), -1);

        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.message, cases[i].why));
        assert_string_equal(buf_text(&bytes), "before");
    }
}

/* Of the 64 texts of two characters that begin alike, only those with clean last bits decode,
 * each to its own byte. */
static void two_texts_never_stand_for_one_byte(void **state)
{
    (void)state;
    int accepted = 0;
    for (int c = 1; c < 256; c++) {
        struct err err;
        char text[2] = {'Z', (char)c};
        auto_buf bytes = BUF_INIT(4);
        auto_buf again = BUF_INIT(4);
        if (b64url_decode(text, 2, &bytes, &err) < 0) {
            continue;
        }
        accepted++;
        assert_int_equal(b64url_encode(buf_text(&bytes), bytes.len, &again, &err), 0);
        assert_memory_equal(buf_text(&again), text, 2);
    }
    assert_int_equal(accepted, 4);
}

static void over_the_bound_nothing_is_appended(void **state)
{
    (void)state;
    struct err err;
    static const char zeros[400] = {0};
    auto_buf buf = BUF_INIT(300);
    assert_int_equal(buf_append(&buf, "x", 1, &err), 0);

    assert_int_equal(b64url_encode(zeros, sizeof zeros, &buf, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_string_equal(buf_text(&buf), "x");

    auto_buf text = BUF_INIT(1024);
    assert_int_equal(b64url_encode(zeros, sizeof zeros, &text, &err), 0);
    assert_int_equal(b64url_decode(buf_text(&text), text.len, &buf, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_string_equal(buf_text(&buf), "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_and_decodes_the_vectors_of_the_rfc),
        cmocka_unit_test(brings_back_all_bytes_at_every_length),
        cmocka_unit_test(refuses_what_it_would_not_have_written),
        cmocka_unit_test(two_texts_never_stand_for_one_byte),
        cmocka_unit_test(over_the_bound_nothing_is_appended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
