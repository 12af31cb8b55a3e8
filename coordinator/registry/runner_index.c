/* SPDX-License-Identifier: Apache-2.0 */
/* Three sorted arrays. Runners with an equal key or connection are told apart by their ids, so
 * that each has one place. */
#include "coordinator/registry/runner_index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ALLOCATION = 64 };

/* What is looked for: @text or @number, whichever the order uses; @id NULL stands before every
 * id. */
struct sought {
    const char *text;
    uint64_t number;
    const char *id;
};

typedef int compare_fn(const struct runner *runner, const struct sought *sought);

static int compare_tie(const struct runner *runner, const struct sought *sought)
{
    return sought->id == NULL ? 1 : strcmp(runner->record.id, sought->id);
}

static int compare_id(const struct runner *runner, const struct sought *sought)
{
    return strcmp(runner->record.id, sought->text);
}

static int compare_key(const struct runner *runner, const struct sought *sought)
{
    int order = strcmp(runner->record.key_thumbprint, sought->text);
    return order != 0 ? order : compare_tie(runner, sought);
}

static int compare_connection(const struct runner *runner, const struct sought *sought)
{
    if (runner->connection != sought->number) {
        return runner->connection < sought->number ? -1 : 1;
    }
    return compare_tie(runner, sought);
}

/* Where the first runner that is not before @sought stands. */
static size_t lower_bound(const struct runner_list *list, compare_fn *compare,
                          const struct sought *sought)
{
    size_t low = 0;
    size_t high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(list->items[middle], sought) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int reserve(struct runner_list *list, size_t count, struct err *err)
{
    if (count <= list->allocated) {
        return 0;
    }
    size_t wanted = list->allocated == 0 ? FIRST_ALLOCATION : list->allocated * 2;
    struct runner **items = realloc(list->items, wanted * sizeof(struct runner *));
    if (items == NULL) {
        return err_no_memory(err);
    }
    list->items = items;
    list->allocated = wanted;
    return 0;
}

static void insert(struct runner_list *list, compare_fn *compare, const struct sought *sought,
                   struct runner *runner)
{
    assert(list->count < list->allocated);
    size_t at = lower_bound(list, compare, sought);
    memmove(&list->items[at + 1], &list->items[at],
            (list->count - at) * sizeof(struct runner *));
    list->items[at] = runner;
    list->count++;
}

static void erase(struct runner_list *list, compare_fn *compare, const struct sought *sought)
{
    size_t at = lower_bound(list, compare, sought);
    assert(at < list->count && compare(list->items[at], sought) == 0);
    list->count--;
    memmove(&list->items[at], &list->items[at + 1],
            (list->count - at) * sizeof(struct runner *));
}

static struct sought its_id(const struct runner *runner)
{
    return (struct sought){.text = runner->record.id};
}

static struct sought its_key(const struct runner *runner)
{
    return (struct sought){.text = runner->record.key_thumbprint, .id = runner->record.id};
}

static struct sought its_connection(const struct runner *runner)
{
    return (struct sought){.number = runner->connection, .id = runner->record.id};
}

int runner_index_add(struct runner_index *index, struct runner *runner, struct err *err)
{
    assert(runner->connection == 0);
    size_t count = index->by_id.count + 1;
    if (reserve(&index->by_id, count, err) < 0 || reserve(&index->by_key, count, err) < 0 ||
        reserve(&index->by_connection, count, err) < 0) {
        return -1;
    }
    struct sought id = its_id(runner);
    struct sought key = its_key(runner);
    insert(&index->by_id, compare_id, &id, runner);
    insert(&index->by_key, compare_key, &key, runner);
    return 0;
}

void runner_index_remove(struct runner_index *index, struct runner *runner)
{
    runner_index_set_connection(index, runner, 0);
    struct sought id = its_id(runner);
    struct sought key = its_key(runner);
    erase(&index->by_id, compare_id, &id);
    erase(&index->by_key, compare_key, &key);
}

struct runner *runner_index_find(const struct runner_index *index, const char *id)
{
    const struct runner_list *list = &index->by_id;
    size_t at = lower_bound(list, compare_id, &(struct sought){.text = id});
    return at < list->count && strcmp(list->items[at]->record.id, id) == 0 ? list->items[at]
                                                                           : NULL;
}

struct runner *runner_index_find_key(const struct runner_index *index, const char *thumbprint)
{
    const struct runner_list *list = &index->by_key;
    size_t at = lower_bound(list, compare_key, &(struct sought){.text = thumbprint});
    return at < list->count && strcmp(list->items[at]->record.key_thumbprint, thumbprint) == 0
               ? list->items[at]
               : NULL;
}

struct runner *runner_index_find_connection(const struct runner_index *index,
                                            uint64_t connection)
{
    const struct runner_list *list = &index->by_connection;
    size_t at = lower_bound(list, compare_connection, &(struct sought){.number = connection});
    return at < list->count && list->items[at]->connection == connection ? list->items[at]
                                                                         : NULL;
}

void runner_index_set_record(struct runner_index *index, struct runner *runner,
                             struct runner_record *record)
{
    assert(strcmp(runner->record.id, record->id) == 0);
    struct sought key = its_key(runner);
    erase(&index->by_key, compare_key, &key);
    runner_record_fini(&runner->record);
    runner->record = *record;
    *record = (struct runner_record){0};
    key = its_key(runner);
    insert(&index->by_key, compare_key, &key, runner);
}

void runner_index_set_connection(struct runner_index *index, struct runner *runner,
                                 uint64_t connection)
{
    if (runner->connection == connection) {
        return;
    }
    if (runner->connection != 0) {
        struct sought old = its_connection(runner);
        erase(&index->by_connection, compare_connection, &old);
    }
    runner->connection = connection;
    if (connection != 0) {
        struct sought new = its_connection(runner);
        insert(&index->by_connection, compare_connection, &new, runner);
    }
}

void runner_index_fini(struct runner_index *index)
{
    free(index->by_id.items);
    free(index->by_key.items);
    free(index->by_connection.items);
    *index = (struct runner_index){0};
}
