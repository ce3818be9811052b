/* SPDX-License-Identifier: Apache-2.0
 *
 * The listening socket, from "ADDR:PORT" or "[ADDR]:PORT". Addresses are numeric ("localhost" is
 * 127.0.0.1): a resolver is not asked, as an agent may start before the network.
 */
#pragma once

#include <netinet/in.h>

#include "base/error.h"

union jk_address {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
};

/* Pure: 0, or -EINVAL with the forms that are right. */
int jk_listen_parse(const char *listen, union jk_address *ret_address, struct jk_error *err);

/* A listening, non-blocking socket and the port it has: 0, or a negative errno with the remedy. */
int jk_listen_open(const char *listen, int *ret_fd, int *ret_port, struct jk_error *err);
