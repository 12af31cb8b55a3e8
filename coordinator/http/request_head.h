/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The headers of a request, copied into its exchange and checked: the engine's parser lets
 * through what lets two parsers disagree about where a request ends (request smuggling), or
 * what a C string would hide.
 */
#ifndef COORDINATOR_REQUEST_HEAD_H
#define COORDINATOR_REQUEST_HEAD_H

#include "coordinator/http/exchange_internal.h"

#include <microhttpd.h>

struct request_head {
    uint64_t content_length; /* 0 when there is none */
    bool is_chunked;
    bool expects_continue; /* the client waits for our word before it sends the body */
};

/**
 * @method is the pointer that the engine's handler got: where the head starts in the
 * connection's memory. ERR_INVALID: answer 400 and close, for what follows cannot be trusted to
 * be a request.
 */
int request_head_read(struct MHD_Connection *connection, const char *method,
                      struct exchange *exchange, struct request_head *ret,
                      struct err *err) MUST_CHECK;

#endif
