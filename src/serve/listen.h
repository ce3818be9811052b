/* SPDX-License-Identifier: Apache-2.0
 *
 * The listening socket.
 */
#pragma once

#include "base/error.h"

/* A listening, non-blocking socket at "ADDR:PORT" or "[ADDR]:PORT" (base/address.h), and the port
 * it has: 0, or a negative errno with the remedy. */
int jk_listen_open(const char *listen, int *ret_fd, int *ret_port, struct jk_error *err);
