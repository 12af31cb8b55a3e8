/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/data/tokens/corpus.json for C tests: rows by name or one after the other.
 * make_corpus.py there says what the fields mean. Everything aborts the test program when the
 * corpus is unreadable: no test can then say anything.
 */
#ifndef TESTS_SUPPORT_TOKEN_CORPUS_H
#define TESTS_SUPPORT_TOKEN_CORPUS_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct token_corpus {
    json_t *root; /* owned */
};

static inline void token_corpus_check_(int is_good, const char *what)
{
    if (!is_good) {
        (void)fprintf(stderr, "token corpus: %s\n", what);
        abort();
    }
}

static inline struct token_corpus token_corpus_load(void)
{
    json_error_t error;
    struct token_corpus corpus = {json_load_file(TEST_DATA "/tokens/corpus.json", 0, &error)};
    token_corpus_check_(corpus.root != NULL, error.text);
    return corpus;
}

static inline void token_corpus_fini(struct token_corpus *corpus)
{
    json_decref(corpus->root);
    corpus->root = NULL;
}

/* A text beside the rows: "secret", "public_pem", ... Borrowed. */
static inline const char *token_corpus_text(const struct token_corpus *corpus, const char *key)
{
    const char *text = json_string_value(json_object_get(corpus->root, key));
    token_corpus_check_(text != NULL, key);
    return text;
}

static inline int64_t token_corpus_now_s(const struct token_corpus *corpus)
{
    return json_integer_value(json_object_get(corpus->root, "now"));
}

struct token_row {
    const char *name;  /* borrowed from the corpus, as are the rules */
    const char *peek;  /* rules by their names */
    const char *hs256; /* likewise */
    const char *es256; /* likewise */
    char *text;        /* owned, terminated; no row has a NUL in it */
    size_t len;
};

static inline size_t token_corpus_rows(const struct token_corpus *corpus)
{
    return json_array_size(json_object_get(corpus->root, "rows"));
}

static inline struct token_row token_corpus_row(const struct token_corpus *corpus, size_t at)
{
    const json_t *json = json_array_get(json_object_get(corpus->root, "rows"), at);
    const char *text = json_string_value(json_object_get(json, "text"));
    const char *piece =
        text != NULL ? text : json_string_value(json_object_get(json, "repeat"));
    size_t times =
        text != NULL ? 1 : (size_t)json_integer_value(json_object_get(json, "times"));
    struct token_row row = {
        .name = json_string_value(json_object_get(json, "name")),
        .peek = json_string_value(json_object_get(json, "peek")),
        .hs256 = json_string_value(json_object_get(json, "hs256")),
        .es256 = json_string_value(json_object_get(json, "es256")),
    };
    token_corpus_check_(row.name && row.peek && row.hs256 && row.es256 && piece,
                        "a row lacks a field");
    size_t piece_len = strlen(piece);
    row.len = piece_len * times;
    row.text = malloc(row.len + 1);
    token_corpus_check_(row.text != NULL, "out of memory");
    for (size_t i = 0; i < times; i++) {
        memcpy(row.text + i * piece_len, piece, piece_len);
    }
    row.text[row.len] = '\0';
    return row;
}

static inline void token_row_fini(struct token_row *row)
{
    free(row->text);
    row->text = NULL;
}

static inline struct token_row token_corpus_find(const struct token_corpus *corpus,
                                                 const char *name)
{
    const json_t *rows = json_object_get(corpus->root, "rows");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const char *have = json_string_value(json_object_get(json_array_get(rows, i), "name"));
        if (have != NULL && strcmp(have, name) == 0) {
            return token_corpus_row(corpus, i);
        }
    }
    token_corpus_check_(0, name);
    abort();
}

#endif
