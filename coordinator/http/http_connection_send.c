/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a reply leaves: the common headers, a body from memory or from a file.
 *
 * A file is read in parts as the client takes them, and each part is a sign of life to the
 * reaper: a slow client keeps its connection as long as it takes something (the kernel's buffer
 * of some MB is emptied by a third before the next part), one that takes nothing is cut like
 * any other. (The engine's own response from a descriptor does not tell.) Reads block: parts
 * are small, and what is served stays in the page cache.
 */
#include "coordinator/http/http_connection.h"

#include <unistd.h>

enum {
    PART_BYTES = 32 * 1024,
    FILES_MAX = 64, /* at a time, in DESCRIPTOR_RESERVE of the server */
};

void http_connection_enter(struct http_connection *connection, enum reaper_stage stage)
{
    struct http_hub *hub = connection->hub;
    reaper_enter(&hub->reaper, &connection->reaping, stage, clock_monotonic_ms(hub->clock));
}

struct file {
    int fd;
    struct http_connection *connection; /* borrowed; may be gone before the file is closed */
    struct http_hub *hub;               /* borrowed */
};

/* Signature of MHD_ContentReaderCallback. */
static ssize_t read_part(void *cls, uint64_t position, char *ret_bytes, size_t max)
{
    const struct file *file = cls;
    ssize_t n = pread(file->fd, ret_bytes, max, (off_t)position);
    if (n <= 0) { /* also when it became shorter: nobody may take it for whole */
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    http_connection_enter(file->connection, REAPER_KEPT);
    return n;
}

/* Signature of MHD_ContentReaderFreeCallback. */
static void close_file(void *cls)
{
    struct file *file = cls;
    (void)close(file->fd);
    file->hub->n_files--;
    free(file);
}

static struct MHD_Response *make_file_response(struct http_connection *connection)
{
    struct exchange_reply *reply = &connection->exchange->reply;
    struct file *file = malloc(sizeof(*file));
    if (file == NULL) {
        return NULL;
    }
    *file =
        (struct file){.fd = reply->file_fd, .connection = connection, .hub = connection->hub};
    struct MHD_Response *response =
        MHD_create_response_from_callback(reply->len, PART_BYTES, read_part, file, close_file);
    if (response == NULL) {
        free(file);
        return NULL;
    }
    reply->file_fd = -1; /* taken */
    connection->hub->n_files++;
    return response;
}

static struct MHD_Response *make_response(struct http_connection *connection)
{
    static char nothing[] = "";
    struct exchange_reply *reply = &connection->exchange->reply;

    if (reply->file_fd >= 0) {
        return make_file_response(connection);
    }
    if (reply->len == 0) {
        return MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(reply->len, reply->body, MHD_RESPMEM_MUST_FREE);
    if (response != NULL) {
        reply->body = NULL; /* taken */
    }
    return response;
}

static void add_headers(struct MHD_Response *response, const struct http_connection *connection)
{
    const struct exchange_fields *headers = &connection->exchange->reply.headers;
    /* A header that cannot be added (no memory, a line break in it) is left out. */
    for (size_t i = 0; i < headers->count; i++) {
        (void)MHD_add_response_header(response, headers->items[i].name,
                                      headers->items[i].value);
    }
    if (exchange_find_field(headers, MHD_HTTP_HEADER_CACHE_CONTROL) == NULL) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    }
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (connection->must_close) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    }
}

enum MHD_Result http_connection_send(struct http_connection *connection)
{
    struct exchange *exchange = connection->exchange;
    if (exchange->reply.file_fd >= 0 && connection->hub->n_files >= FILES_MAX) {
        exchange_preempt(exchange, 503, "root.unavailable",
                         "the coordinator is sending as many files as it can: try again");
    }
    struct MHD_Response *response = make_response(connection);
    if (response == NULL) {
        return MHD_NO;
    }
    add_headers(response, connection);
    enum MHD_Result queued =
        MHD_queue_response(connection->mhd, (unsigned)exchange->reply.status, response);
    MHD_destroy_response(response); /* the connection has its own reference */
    http_connection_enter(connection, REAPER_KEPT);
    log_debug(connection->hub->log, "http", "%s %s: %d, connection %llu from %s",
              exchange->method, exchange->route != NULL ? exchange->route->pattern : "-",
              exchange->reply.status, (unsigned long long)connection->id, exchange->peer);
    return queued;
}
