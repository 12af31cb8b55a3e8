/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in one SQLite file, on the loop: the queue of transactions, batches on the thread
 * pool, watchers, health. What SQL does stands in sqlite_file.
 *
 * At most one batch is under way. It takes everything that is queued; when it is written,
 * watchers and callbacks hear of it on the loop, and only then the next batch starts, so that
 * they never lag. A batch that fails fails for all in it. From then on an empty batch is tried
 * every second until one works: health must come back also when nobody writes, since a
 * coordinator that is not ready gets no requests.
 */
#include "coordinator/store/store_sqlite.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/store/sqlite_file.h"
#include "coordinator/store/txn_queue.h"

enum {
    WATCHERS_MAX = 16,
    PROBE_MS = 1000,
};

struct watcher {
    char *prefix; /* owned */
    store_entry_fn *changed;
    void *userdata;
};

struct store_sqlite {
    struct store base;
    uv_loop_t *loop; /* borrowed */
    uv_timer_t probe;
    uv_work_t work;
    size_t n_watchers;
    struct watcher watchers[WATCHERS_MAX];
    struct txn_queue queue;
    bool is_busy; /* a batch is being written or told of, or the file is being closed */
    bool is_closing;
    store_closed_fn *closed;
    void *closed_userdata;
    bool is_healthy;
    struct err why_unhealthy;

    /* The pool thread's while `work` runs, ours otherwise. */
    struct txn_queue batch;
    bool is_written;
    struct err error;

    uv_mutex_t file_lock;     /* a batch uses it on the pool, store_list on the loop */
    struct sqlite_file *file; /* owned */
};

static struct store_sqlite *self_of(struct store *store)
{
    return CONTAINER_OF(store, struct store_sqlite, base);
}

/* --- Batches: pool thread --- */

static void write_batch(uv_work_t *work)
{
    struct store_sqlite *self = work->data;
    uv_mutex_lock(&self->file_lock);
    self->is_written = sqlite_file_write(self->file, self->batch.first, &self->error) == 0;
    uv_mutex_unlock(&self->file_lock);
}

static void close_file(uv_work_t *work)
{
    struct store_sqlite *self = work->data;
    sqlite_file_close(self->file);
}

/* --- Batches: loop --- */

static void release(struct store_sqlite *self)
{
    for (size_t i = 0; i < self->n_watchers; i++) {
        free(self->watchers[i].prefix);
    }
    uv_mutex_destroy(&self->file_lock);
    free(self);
}

static void on_probe_closed(uv_handle_t *handle)
{
    struct store_sqlite *self = handle->data;
    store_closed_fn *closed = self->closed;
    void *userdata = self->closed_userdata;
    release(self);
    if (closed != NULL) {
        closed(userdata);
    }
}

static void on_file_closed(uv_work_t *work, int status)
{
    (void)status; /* nobody cancels it */
    struct store_sqlite *self = work->data;
    uv_close((uv_handle_t *)&self->probe, on_probe_closed);
}

static void tell_watchers(struct store_sqlite *self, const struct sqlite_txn *txn)
{
    for (size_t i = 0; i < txn->n_operations; i++) {
        const struct store_operation *operation = &txn->operations[i];
        struct store_entry entry = {
            .key = operation->key,
            .value = operation->value,
            .len = operation->len,
            .mod_revision = txn->revision,
        };
        for (size_t w = 0; txn->is_change[i] && w < self->n_watchers; w++) {
            const struct watcher *watcher = &self->watchers[w];
            if (strncmp(entry.key, watcher->prefix, strlen(watcher->prefix)) == 0) {
                watcher->changed(&entry, watcher->userdata);
            }
        }
    }
}

static void tell(struct store_sqlite *self, const struct queued_txn *queued)
{
    struct store_result result = {.outcome = STORE_FAILED};
    if (!self->is_written) {
        result.error = self->error;
    } else {
        result.outcome = queued->txn.outcome;
        result.revision = queued->txn.revision;
    }
    if (result.outcome == STORE_COMMITTED) {
        tell_watchers(self, &queued->txn);
    }
    if (queued->done != NULL) {
        queued->done(&result, queued->userdata);
    }
}

static void proceed(struct store_sqlite *self);

static void on_written(uv_work_t *work, int status)
{
    (void)status; /* nobody cancels it */
    struct store_sqlite *self = work->data;
    self->is_healthy = self->is_written;
    if (!self->is_written) {
        self->why_unhealthy = self->error;
    }
    struct queued_txn *queued = NULL;
    while ((queued = txn_queue_pop(&self->batch)) != NULL) {
        tell(self, queued);
        free(queued);
    }
    self->is_busy = false;
    proceed(self);
}

static void start_batch(struct store_sqlite *self)
{
    self->is_busy = true;
    self->batch = self->queue;
    self->queue = (struct txn_queue){0};
    (void)uv_timer_stop(&self->probe); /* cannot fail */
    /* Fails only without a function. */
    (void)uv_queue_work(self->loop, &self->work, write_batch, on_written);
}

static void on_probe(uv_timer_t *timer)
{
    struct store_sqlite *self = timer->data;
    if (!self->is_busy) {
        start_batch(self);
    }
}

/* Start what is due. */
static void proceed(struct store_sqlite *self)
{
    if (self->is_busy) {
        return;
    }
    if (self->queue.count > 0) {
        start_batch(self);
    } else if (self->is_closing) {
        self->is_busy = true;
        (void)uv_timer_stop(&self->probe);
        (void)uv_queue_work(self->loop, &self->work, close_file, on_file_closed);
    } else if (!self->is_healthy) {
        (void)uv_timer_start(&self->probe, on_probe, PROBE_MS, 0);
    }
}

/* --- The interface --- */

static int refuse_closing(const struct store_sqlite *self, struct err *err)
{
    return self->is_closing ? err_set(err, ERR_CANCELLED, "use the store: it is being closed")
                            : 0;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters of struct store_ops */
static int commit(struct store *store, const struct store_condition *conditions,
                  size_t n_conditions, const struct store_operation *operations,
                  size_t n_operations, store_commit_fn *done, void *userdata, struct err *err)
{
    struct store_sqlite *self = self_of(store);
    struct sqlite_txn txn = {
        .conditions = conditions,
        .n_conditions = n_conditions,
        .operations = operations,
        .n_operations = n_operations,
    };
    if (refuse_closing(self, err) < 0) {
        return -1;
    }
    struct queued_txn *queued = NULL;
    if (txn_queue_add(&self->queue, &self->batch, &txn, &queued, err) < 0) {
        return -1;
    }
    queued->done = done;
    queued->userdata = userdata;
    proceed(self);
    return 0;
}

static int list(struct store *store, const char *prefix, store_entry_fn *each, void *userdata,
                struct err *err)
{
    struct store_sqlite *self = self_of(store);
    if (refuse_closing(self, err) < 0) {
        return -1;
    }
    uv_mutex_lock(&self->file_lock);
    int result = sqlite_file_list(self->file, prefix, each, userdata, err);
    uv_mutex_unlock(&self->file_lock);
    return result;
}

static int watch(struct store *store, const char *prefix, store_entry_fn *changed,
                 void *userdata, struct err *err)
{
    struct store_sqlite *self = self_of(store);
    if (refuse_closing(self, err) < 0) {
        return -1;
    }
    if (self->n_watchers == WATCHERS_MAX) {
        return err_set(err, ERR_TOO_LARGE, "watch %s in the store: there are %d watchers",
                       prefix, WATCHERS_MAX);
    }
    char *copy = strdup(prefix);
    if (copy == NULL) {
        return err_no_memory(err);
    }
    self->watchers[self->n_watchers++] =
        (struct watcher){.prefix = copy, .changed = changed, .userdata = userdata};
    return 0;
}

static bool is_healthy(const struct store *store, struct err *ret_why)
{
    /* The interface is read-only here, and so are we. */
    const struct store_sqlite *self = (const void *)store;
    if (!self->is_healthy) {
        *ret_why = self->why_unhealthy;
    }
    return self->is_healthy;
}

static void close_store(struct store *store, store_closed_fn *closed, void *userdata)
{
    struct store_sqlite *self = self_of(store);
    assert(!self->is_closing);
    self->is_closing = true;
    self->closed = closed;
    self->closed_userdata = userdata;
    proceed(self);
}

static const struct store_ops ops = {
    .commit = commit,
    .list = list,
    .watch = watch,
    .is_healthy = is_healthy,
    .close = close_store,
};

int store_sqlite_open(struct store **ret, uv_loop_t *loop, const char *path, struct err *err)
{
    struct store_sqlite *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return err_no_memory(err);
    }
    if (uv_mutex_init(&self->file_lock) != 0) {
        free(self);
        return err_no_memory(err);
    }
    if (sqlite_file_open(&self->file, path, err) < 0) {
        release(self);
        return -1;
    }
    self->base.ops = &ops;
    self->loop = loop;
    self->is_healthy = true;
    self->work.data = self;
    self->probe.data = self;
    (void)uv_timer_init(loop, &self->probe); /* cannot fail */
    *ret = &self->base;
    return 0;
}
