/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP server with bounds of one's own, for tests that cannot wait as long as a client may.
 */
#pragma once

#include "serve/serve.h"

/* What a client may take. A connection that misses a deadline is shut down; connections beyond the
 * bound wait in the kernel's queue, those beyond the bound of their address are closed at once. */
struct jk_http_limits {
        int64_t request_ns; /* for a request to arrive whole */
        int64_t reply_ns;   /* for a reply to be taken whole */
        int64_t idle_ns;    /* kept alive: for the next request to have arrived */
        unsigned int connections;
        unsigned int connections_per_address;
        size_t in_flight_bytes; /* of replies that wait for clients; beyond it the reply is 503 */
};

/* As jk_serve_start(), with these limits. */
int jk_http_start(const struct jk_serve_options *options, const struct jk_http_limits *limits,
                  struct jk_shelf *shelf, struct jk_server **ret_server, struct jk_error *err);
