/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses to listen at, from "ADDR:PORT" or "[ADDR]:PORT". They are numeric ("localhost" is
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
int jk_address_parse(const char *string, union jk_address *ret_address, struct jk_error *err);
