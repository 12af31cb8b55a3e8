/* SPDX-License-Identifier: Apache-2.0 */
/* The entries are a sorted array, the queue a list; 10,000 of each are enough for any test
 * here. */
#include "tests/support/memory_store.h"

#include "common/base/compiler.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct memory_entry {
    char *key;
    char *value; /* NUL-terminated */
    size_t len;
    uint64_t mod_revision;
};

struct operation {
    char *key;
    char *value; /* NULL = delete */
    size_t len;
};

struct condition {
    char *key;
    uint64_t mod_revision;
};

struct memory_txn {
    struct memory_txn *next;
    size_t n_conditions;
    struct condition *conditions;
    size_t n_operations;
    struct operation *operations;
    store_commit_fn *done;
    void *userdata;
};

static struct memory_store *memory_of(struct store *store)
{
    return CONTAINER_OF(store, struct memory_store, store);
}

static void *checked(void *block)
{
    if (block == NULL) {
        abort();
    }
    return block;
}

static char *copy_bytes(const void *bytes, size_t len)
{
    char *copy = checked(malloc(len + 1));
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

static size_t lower_bound(const struct memory_store *memory, const char *key)
{
    size_t low = 0;
    size_t high = memory->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(memory->entries[middle]->key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct memory_entry *find(const struct memory_store *memory, const char *key)
{
    size_t at = lower_bound(memory, key);
    return at < memory->count && strcmp(memory->entries[at]->key, key) == 0
               ? memory->entries[at]
               : NULL;
}

static void entry_free(struct memory_entry *entry)
{
    free(entry->key);
    free(entry->value);
    free(entry);
}

static void erase(struct memory_store *memory, const char *key)
{
    size_t at = lower_bound(memory, key);
    entry_free(memory->entries[at]);
    memory->count--;
    memmove(&memory->entries[at], &memory->entries[at + 1],
            (memory->count - at) * sizeof(struct memory_entry *));
}

static struct memory_entry *insert(struct memory_store *memory, const char *key)
{
    if (memory->count == memory->allocated) {
        memory->allocated = memory->allocated == 0 ? 64 : memory->allocated * 2;
        memory->entries = checked(
            realloc(memory->entries, memory->allocated * sizeof(struct memory_entry *)));
    }
    struct memory_entry *entry = checked(calloc(1, sizeof *entry));
    entry->key = copy_bytes(key, strlen(key));
    size_t at = lower_bound(memory, key);
    memmove(&memory->entries[at + 1], &memory->entries[at],
            (memory->count - at) * sizeof(struct memory_entry *));
    memory->count++;
    memory->entries[at] = entry;
    return entry;
}

static void apply(struct memory_store *memory, const struct operation *operation)
{
    struct memory_entry *entry = find(memory, operation->key);
    if (operation->value == NULL) {
        if (entry != NULL) {
            erase(memory, operation->key);
        }
        return;
    }
    if (entry == NULL) {
        entry = insert(memory, operation->key);
    }
    free(entry->value);
    entry->value = copy_bytes(operation->value, operation->len);
    entry->len = operation->len;
    entry->mod_revision = memory->revision;
}

static void tell(struct memory_store *memory, const struct operation *operation)
{
    struct store_entry entry = {.key = operation->key,
                                .value = operation->value,
                                .len = operation->len,
                                .mod_revision = memory->revision};
    for (size_t i = 0; i < memory->n_watchers; i++) {
        const struct memory_watcher *watcher = &memory->watchers[i];
        if (strncmp(entry.key, watcher->prefix, strlen(watcher->prefix)) == 0) {
            watcher->changed(&entry, watcher->userdata);
        }
    }
}

static bool holds(const struct memory_store *memory, const struct memory_txn *txn)
{
    for (size_t i = 0; i < txn->n_conditions; i++) {
        const struct memory_entry *entry = find(memory, txn->conditions[i].key);
        if ((entry == NULL ? 0 : entry->mod_revision) != txn->conditions[i].mod_revision) {
            return false;
        }
    }
    return true;
}

static struct store_result execute(struct memory_store *memory, const struct memory_txn *txn)
{
    struct store_result result = {.outcome = STORE_COMMITTED};
    if (memory->fail_next > 0) {
        memory->fail_next--;
        result.outcome = STORE_FAILED;
        (void)err_set(&result.error, ERR_NO_SPACE, "write the store: no space left on device");
        return result;
    }
    if (memory->conflict_next > 0 || !holds(memory, txn)) {
        memory->conflict_next -= memory->conflict_next > 0 ? 1 : 0;
        result.outcome = STORE_CONFLICT;
        return result;
    }
    memory->writes++;
    memory->revision++;
    result.revision = memory->revision;
    for (size_t i = 0; i < txn->n_operations; i++) {
        apply(memory, &txn->operations[i]);
    }
    for (size_t i = 0; i < txn->n_operations; i++) {
        tell(memory, &txn->operations[i]);
    }
    return result;
}

static void txn_free(struct memory_txn *txn)
{
    for (size_t i = 0; i < txn->n_conditions; i++) {
        free(txn->conditions[i].key);
    }
    for (size_t i = 0; i < txn->n_operations; i++) {
        free(txn->operations[i].key);
        free(txn->operations[i].value);
    }
    free(txn->conditions);
    free(txn->operations);
    free(txn);
}

static struct memory_txn *txn_new(size_t n_conditions, size_t n_operations)
{
    struct memory_txn *txn = checked(calloc(1, sizeof *txn));
    txn->n_conditions = n_conditions;
    txn->n_operations = n_operations;
    txn->conditions = checked(calloc(n_conditions + 1, sizeof *txn->conditions));
    txn->operations = checked(calloc(n_operations + 1, sizeof *txn->operations));
    return txn;
}

/* NOLINTNEXTLINE(readability-function-size): as struct store_ops has it */
static int memory_commit(struct store *store, const struct store_condition *conditions,
                         size_t n_conditions, const struct store_operation *operations,
                         size_t n_operations, store_commit_fn *done, void *userdata,
                         struct err *err)
{
    struct memory_store *memory = memory_of(store);
    if (memory->refuses || n_conditions > STORE_TXN_MAX || n_operations > STORE_TXN_MAX) {
        return err_set(err, ERR_CANCELLED, "write the store: it is closing");
    }
    struct memory_txn *txn = txn_new(n_conditions, n_operations);
    txn->done = done;
    txn->userdata = userdata;
    for (size_t i = 0; i < n_conditions; i++) {
        txn->conditions[i].key = checked(strdup(conditions[i].key));
        txn->conditions[i].mod_revision = conditions[i].mod_revision;
    }
    for (size_t i = 0; i < n_operations; i++) {
        txn->operations[i].key = checked(strdup(operations[i].key));
        txn->operations[i].len = operations[i].len;
        if (operations[i].value != NULL) {
            txn->operations[i].value = copy_bytes(operations[i].value, operations[i].len);
        }
    }
    *(memory->last == NULL ? &memory->first : &memory->last->next) = txn;
    memory->last = txn;
    memory->queued++;
    return 0;
}

static int memory_list(struct store *store, const char *prefix, store_entry_fn *each,
                       void *userdata, struct err *err)
{
    (void)err; /* never fails */
    const struct memory_store *memory = memory_of(store);
    for (size_t i = lower_bound(memory, prefix);
         i < memory->count && strncmp(memory->entries[i]->key, prefix, strlen(prefix)) == 0;
         i++) {
        const struct memory_entry *entry = memory->entries[i];
        each(&(struct store_entry){entry->key, entry->value, entry->len, entry->mod_revision},
             userdata);
    }
    return 0;
}

static int memory_watch(struct store *store, const char *prefix, store_entry_fn *changed,
                        void *userdata, struct err *err)
{
    struct memory_store *memory = memory_of(store);
    if (memory->n_watchers == MEMORY_WATCHERS_MAX) {
        return err_set(err, ERR_TOO_LARGE, "watch the store: more than %d watchers",
                       MEMORY_WATCHERS_MAX);
    }
    struct memory_watcher *watcher = &memory->watchers[memory->n_watchers];
    memory->n_watchers++;
    *watcher = (struct memory_watcher){.changed = changed, .userdata = userdata};
    assert(strlen(prefix) < sizeof watcher->prefix);
    memcpy(watcher->prefix, prefix, strlen(prefix) + 1);
    return 0;
}

static bool memory_is_healthy(const struct store *store, struct err *ret_why)
{
    const struct memory_store *memory = (const void *)store; /* the first member */
    if (memory->fail_next == 0) {
        return true;
    }
    (void)err_set(ret_why, ERR_NO_SPACE, "write the store: no space left on device");
    return false;
}

static void memory_close(struct store *store, store_closed_fn *closed, void *userdata)
{
    (void)memory_store_run(memory_of(store));
    memory_of(store)->refuses = true;
    closed(userdata);
}

struct memory_store *memory_store_new(void)
{
    static const struct store_ops ops = {memory_commit, memory_list, memory_watch,
                                         memory_is_healthy, memory_close};
    struct memory_store *memory = calloc(1, sizeof *memory);
    if (memory != NULL) {
        memory->store.ops = &ops;
    }
    return memory;
}

bool memory_store_step(struct memory_store *memory)
{
    struct memory_txn *txn = memory->first;
    if (txn == NULL) {
        return false;
    }
    memory->first = txn->next;
    if (memory->first == NULL) {
        memory->last = NULL;
    }
    memory->queued--;
    struct store_result result = execute(memory, txn);
    if (txn->done != NULL) {
        txn->done(&result, txn->userdata);
    }
    txn_free(txn);
    return true;
}

size_t memory_store_run(struct memory_store *memory)
{
    size_t ran = 0;
    while (memory_store_step(memory)) {
        ran++;
    }
    return ran;
}

uint64_t memory_store_put(struct memory_store *memory, const char *key, const char *text)
{
    struct memory_txn *txn = txn_new(0, 1);
    txn->operations[0] = (struct operation){
        .key = checked(strdup(key)),
        .value = text == NULL ? NULL : checked(strdup(text)),
        .len = text == NULL ? 0 : strlen(text),
    };
    size_t fail = memory->fail_next;
    size_t conflict = memory->conflict_next;
    memory->fail_next = 0;
    memory->conflict_next = 0;
    (void)execute(memory, txn);
    memory->fail_next = fail;
    memory->conflict_next = conflict;
    txn_free(txn);
    return memory->revision;
}

const char *memory_store_get(const struct memory_store *memory, const char *key)
{
    const struct memory_entry *entry = find(memory, key);
    return entry == NULL ? NULL : entry->value;
}

void memory_store_detach(struct memory_store *memory)
{
    assert(memory->queued == 0);
    memory->n_watchers = 0;
}

void memory_store_free(struct memory_store *memory)
{
    if (memory == NULL) {
        return;
    }
    while (memory->first != NULL) {
        struct memory_txn *txn = memory->first;
        memory->first = txn->next;
        txn_free(txn);
    }
    for (size_t i = 0; i < memory->count; i++) {
        entry_free(memory->entries[i]);
    }
    free(memory->entries);
    free(memory);
}
